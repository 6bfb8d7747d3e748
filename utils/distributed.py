"""One network, several processes: those that torchrun started, each with its part.

    torchrun --standalone --nproc-per-node 2 -m utils.experiments NAME

Data parallel: every process holds the whole network and runs it on its part of every
batch. What depends on the whole batch is made of the whole batch: the loss, its
gradient, the statistics of batch normalisation, and all that is random, which every
process draws alike and for all images. So N processes compute what one would, up to
rounding.

Where there is one process, the functions are there too, and have nothing to do.
"""

import io
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


class WorkerLostError(RuntimeError):
    """Another process of the group does not answer any more."""


# ------------------------------------------------------------ the group


def world_size() -> int:
    """How many processes there are: 1 outside `process_group`."""
    grouped = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if grouped else 1


def rank() -> int:
    """The number of this process, from 0. Rank 0 writes the files."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def process_group(device: torch.device, farewell):
    """Join the others that torchrun started, if it did; gives this process's device.

    The processes talk through NCCL if each has a GPU, else through gloo. If one of them
    dies, the others say so on stderr and end at once, with exit status 1.

    Args:
        device: of `utils.training.pick_device`.
        farewell: called for what else to say then, such as what is left of the run.

    Raises:
        ValueError: the device is none that several processes can share.
        RuntimeError: fewer GPUs than processes, or these do not reach each other.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield device
        return
    device = _own_device(device)
    _listen_for_the_end(farewell)
    backend = "nccl" if device.type == "cuda" else "gloo"
    # Who died is seen without a time limit, and fetching the data may take long.
    dist.init_process_group(backend, timeout=timedelta(hours=2))
    try:
        yield device
        from_rank_0(None)  # nobody leaves before it has written everything
    except WorkerLostError as error:
        _leave(f"A process of this run died. {farewell()}\n({error})", 1)
    dist.destroy_process_group()


def from_rank_0(value):
    """In every process, what rank 0 passes: a number, a text, bytes, or None."""
    values = [value]
    if world_size() > 1:
        with _answered():
            dist.broadcast_object_list(values, src=0)
    return values[0]


@contextmanager
def rank_0_first():
    """The others begin what is within when rank 0 has done it, a download say."""
    if rank() > 0:
        from_rank_0(None)
    yield
    if rank() == 0:
        from_rank_0(None)


def start_alike(parts) -> None:
    """Give each part (model, optimizer, …) the state that it has in rank 0."""
    if world_size() == 1:
        return
    file = io.BytesIO()
    if rank() == 0:
        torch.save([part.state_dict() for part in parts], file)
    file = io.BytesIO(from_rank_0(file.getvalue()))
    for part, state in zip(parts, torch.load(file, map_location="cpu"), strict=True):
        part.load_state_dict(state)


def exchange(x: torch.Tensor, first: int | None = None, total: int | None = None):
    """The rows of all processes, one after the other; gradients find their way back.

    Args:
        x: the rows of this process (n, ...).
        first, total: at which row they begin, and how many rows there are in all;
            without them, all processes have the same number of rows.

    Returns:
        (total, ...), to the bit the same in each process. A gradient that arrives here
        is added up over the processes, for each of them may use any row.
    """
    if world_size() == 1:
        return x
    first = rank() * len(x) if first is None else first
    total = world_size() * len(x) if total is None else total
    return _Exchange.apply(x, first, total)


class _Exchange(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, first, total):
        ctx.mine = slice(first, first + len(x))
        rows = x.new_zeros(total, *x.shape[1:])
        rows[ctx.mine] = x  # adding zeros changes nothing
        return _add_up(rows)

    @staticmethod
    def backward(ctx, grad):
        total = _add_up(grad.clone(memory_format=torch.contiguous_format))
        return total[ctx.mine], None, None


def _add_up(x: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, in place."""
    with _answered():
        dist.all_reduce(x)
    return x


# ------------------------------------------------------------ data parallel


def data_parallel(model: nn.Module) -> nn.Module:
    """A module to call in place of `model`, with the whole batch; it returns the same.

    Each process runs `model` on its part of the images, and all get the logits of all.
    In training, layers of `nn.BatchNorm…` and `nn.Dropout…` do what they would do to
    the whole batch; nothing else in the model may draw random numbers or mix images.
    """
    return model if world_size() == 1 else _DataParallel(model)


def average_gradients(model: nn.Module) -> None:
    """After `backward` in every process: make the gradient that of the loss.

    All processes compute the same loss, of all images. What arrives at a weight of one
    process is how all these losses, together, change with the images it saw.
    """
    if world_size() == 1:
        return
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([grad.flatten() for grad in grads])  # one message, not many
    parts = (_add_up(flat) / world_size()).split([grad.numel() for grad in grads])
    for grad, part in zip(grads, parts, strict=True):
        grad.copy_(part.view(grad.shape))


class _DataParallel(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        total = len(images)
        first, end = (k * total // world_size() for k in (rank(), rank() + 1))
        with _whole_batch(self.model, first, total):
            output = self.model(images[first:end])
        if isinstance(output, tuple):
            return tuple(exchange(logits, first, total) for logits in output)
        return exchange(output, first, total)


@contextmanager
def _whole_batch(model, first, total):
    """Within, layers that depend on the whole batch know which part of it they see.

    They keep class and name, so that a checkpoint fits any number of processes.
    """
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            if layer.training or layer.running_mean is None:
                layer.forward = partial(_batch_norm, layer, total)
        elif isinstance(layer, DROPOUTS):
            layer.forward = partial(_dropout, layer, first, total)
    try:
        yield
    finally:
        for layer in model.modules():
            if isinstance(layer, (_BatchNorm, *DROPOUTS)):
                vars(layer).pop("forward", None)


def _batch_norm(layer, total, x):
    """What `layer` does to x (n, C, ...) in training, with the moments of all rows."""
    if total * x.shape[2:].numel() == 1:
        raise ValueError(
            f"batch normalisation needs more than one value a channel, as {layer} of a "
            "batch of one image has not: choose another batch_size"
        )
    dims, shape = [0, *range(2, x.ndim)], [1, -1] + [1] * (x.ndim - 2)
    values = x.to(torch.promote_types(x.dtype, torch.float32))
    count = values[:, 0].numel()
    mean = values.sum(dims) / max(count, 1)
    spread = (values - mean.view(shape)).square().sum(dims)
    own = torch.stack([torch.full_like(mean, count), mean, spread])  # (3, C)
    counts, means, spreads = exchange(own[None]).unbind(1)  # (processes, C) each
    count = counts.sum(0)
    mean = (counts * means).sum(0) / count
    var = (spreads + counts * (means - mean).square()).sum(0) / count
    if layer.track_running_stats:
        with torch.no_grad():
            layer.num_batches_tracked += 1
            rate = layer.momentum
            if rate is None:  # a plain mean over the batches
                rate = 1 / float(layer.num_batches_tracked)
            layer.running_mean.lerp_(mean, rate)
            layer.running_var.lerp_(var * count / (count - 1), rate)
    y = (values - mean.view(shape)) * (var + layer.eps).rsqrt().view(shape)
    if layer.affine:
        y = y * layer.weight.view(shape) + layer.bias.view(shape)
    return y.to(x.dtype)


def _dropout(layer, first, total, x):
    """What `layer` does to rows x of the batch: the mask is drawn for all rows."""
    if not layer.training:
        return x
    photo = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if photo else torch.contiguous_format
    whole = x.new_ones(total, *x.shape[1:]).contiguous(memory_format=order)
    return x * type(layer).forward(layer, whole)[first : first + len(x)]


# ------------------------------------------------------------ the end


def _own_device(device):
    here, count = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if device.type not in ("cpu", "cuda") or device.index is not None:
        raise ValueError(
            f"device must be 'cpu' or 'cuda', where each of the {here} processes takes "
            f"a GPU of its own, got '{device}'"
        )
    if device.type == "cpu":
        return device
    if here > count:
        raise RuntimeError(
            f"{here} processes need a GPU each, and torch finds {count} here: start "
            "fewer, or let them compute on the CPU with --device cpu"
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return torch.device("cuda", torch.cuda.current_device())


@contextmanager
def _answered():
    try:
        yield
    except RuntimeError as error:
        raise WorkerLostError(f"{error}") from error


def _listen_for_the_end(farewell):
    """End when torchrun says so: when a process has died, or on Ctrl+C.

    The main thread may be waiting for the dead inside a library, where a handler
    written in Python never gets its turn: so a thread of its own listens.
    """
    listener, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def listen():
        with sender:
            number = listener.recv(1)[0]
            while number not in (signal.SIGTERM, signal.SIGINT):
                number = listener.recv(1)[0]
        if number == signal.SIGTERM:
            _leave(f"A process of this run died or was told to end. {farewell()}", 1)
        _leave(f"Stopped. {farewell()}" if os.environ["RANK"] == "0" else None, 130)

    threading.Thread(target=listen, daemon=True).start()


_speaking = threading.Lock()


def _leave(message, status):
    """Say it and end, without tidying up, which could mean to wait for the dead."""
    _speaking.acquire()  # and never release: it is said once
    if message is not None:
        print(f"\n{message}\n", file=sys.stderr, flush=True)
    os._exit(status)
