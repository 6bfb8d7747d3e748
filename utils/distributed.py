"""One run in several processes: those that torchrun started, each with its part.

    torchrun --standalone --nproc-per-node 2 -m utils.experiments NAME

Data parallel, by torch's own DistributedDataParallel: every process holds the whole
network, computes the gradients of its part of every batch, and all take the same step
with the mean of these. So N processes compute what one would, up to rounding, with two
exceptions. What draws random numbers (dropout, augmentation) draws others in each
process. And batch normalisation on CPUs uses the mean and variance of the process's
part; its running statistics are those of rank 0. On GPUs it sees the whole batch.

When a process dies, torchrun ends the others; the same command goes on from the last
checkpoint, in any number of processes. In one process, the functions here do nothing.
"""

import copy
import os
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class DeviceError(RuntimeError):
    """The device that was asked for is not here, or has too little memory."""


def world_size() -> int:
    """How many processes there are: 1 outside `process_group`."""
    grouped = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if grouped else 1


def rank() -> int:
    """The number of this process, from 0. Rank 0 writes the files."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def process_group(device: torch.device):
    """Join the others that torchrun started, if it did; gives this process's device.

    The processes talk through NCCL if each has a GPU, else through gloo.

    Args:
        device: of `utils.training.pick_device`.

    Raises:
        ValueError: the device is none that several processes can share.
        DeviceError: fewer GPUs than processes.
        RuntimeError: the processes do not reach each other.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield device
        return
    device = _own_device(device)
    backend, own = ("nccl", device) if device.type == "cuda" else ("gloo", None)
    # Two hours: while rank 0 fetches the data, the others wait.
    dist.init_process_group(backend, timeout=timedelta(hours=2), device_id=own)
    yield device  # an error from here ends this process, and torchrun the others
    dist.barrier()  # nobody leaves before all is written
    dist.destroy_process_group()


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
        raise DeviceError(
            f"{here} processes need a GPU each, and torch finds {count} here: start "
            "fewer, or let them compute on the CPU with --device cpu"
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return torch.device("cuda", torch.cuda.current_device())


@contextmanager
def rank_0_first():
    """The others begin what is within when rank 0 has done it, a download say."""
    if rank() > 0:
        dist.barrier()
    yield
    if rank() == 0 and world_size() > 1:
        dist.barrier()


def from_rank_0(value):
    """In every process, what rank 0 passes: numbers, texts, lists of them."""
    values = [value]
    if world_size() > 1:
        dist.broadcast_object_list(values, src=0)
    return values[0]


def mean(*numbers: float) -> list[float]:
    """The mean of each number over the processes."""
    every = [numbers]
    if world_size() > 1:
        every = [None] * world_size()
        dist.all_gather_object(every, numbers)
    return [sum(values) / len(every) for values in zip(*every, strict=True)]


# ------------------------------------------------------------ data parallel


def share(rows: torch.Tensor) -> tuple[torch.Tensor, float]:
    """This process's part of `rows` (N, ...), and the weight of a mean over it.

    The parts may differ by a row. With these weights, the mean over the processes of
    their means is the mean over all rows. As all have to take part in every step, a
    process for which no row is left takes the first, with weight 0 (which batch
    normalisation on GPUs counts twice).
    """
    mine = rows.tensor_split(world_size())[rank()]
    if len(mine) == 0:
        return rows[:1], 0.0
    return mine, len(mine) * world_size() / len(rows)


def data_parallel(model: nn.Module) -> nn.Module:
    """A module to train in place of `model`, of which it holds the parameters.

    `backward` leaves in them the mean of the gradients of all processes. Every
    parameter must have its part in the loss. What a layer takes from its first batch,
    as the whitening of `utils.fast_cifar` does, is that of rank 0.
    """
    if world_size() == 1:
        return model
    devices = None
    if next(model.parameters()).is_cuda:
        devices = [torch.cuda.current_device()]
        model = _with_synchronized_batch_norm(model)
    net = DistributedDataParallel(model, device_ids=devices)

    def agree(*_):
        once.remove()
        for tensor in [*model.parameters(), *model.buffers()]:
            dist.broadcast(tensor.data, src=0)  # .data: `backward` is still to come

    once = net.register_forward_hook(agree)
    return net


def _with_synchronized_batch_norm(model):
    """A copy with the same parameters and buffers: `model` keeps its own layers.

    Hooks that run before a layer are kept, others of the normalisations are not.
    """
    kept = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    copied = copy.deepcopy(model, kept).train()
    layers = copied.named_modules(remove_duplicate=False)
    hooks = {name: layer._forward_pre_hooks for name, layer in layers}
    made = nn.SyncBatchNorm.convert_sync_batchnorm(copied)
    for name, layer in made.named_modules(remove_duplicate=False):
        layer._forward_pre_hooks.update(hooks[name])
    return made


def draw_apart() -> None:
    """From here on torch draws other numbers in each process, in rank 0 the same."""
    if rank() > 0:
        torch.manual_seed(int(torch.randint(2**31, ())) + rank())


def share_buffers(model: nn.Module) -> None:
    """Give rank 0's buffers to all, such as the statistics of batch normalisation."""
    if world_size() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)
