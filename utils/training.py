"""Train an image classifier: one loop, `fit`, for every network of the book.

Its heart is `train_step`, plain PyTorch. Around it stands what a long run needs:
checked input, a device, seeds, and checkpoints from which a killed run goes on as if
never stopped.
"""

import copy
import math
import os
import random
import re
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from utils import distributed
from utils.checking import (
    checked_dataset,
    checked_inputs,
    checked_labels,
    checked_number,
    checked_whole,
)
from utils.checkpoints import Checkpoint, CheckpointError, RandomState


class Score(NamedTuple):
    """The mean loss over some images, and the share of right answers (0 to 1)."""

    loss: float
    accuracy: float


@dataclass(repr=False)
class History:
    """What `fit` saw, one entry an epoch; no test set, no test entries.

    `loss` and `train_accuracy` are means over the batches of the epoch, each measured
    before the step that learnt from it. `seconds` is the time of the epoch, `probes`
    what the probe returned, by name.
    """

    loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list, compare=False)
    probes: dict[str, list[float]] = field(default_factory=dict)

    def add(self, train: Score, test: Score | None, seconds: float, probes=()) -> None:
        self.loss.append(train.loss)
        self.train_accuracy.append(train.accuracy)
        if test is not None:
            self.test_loss.append(test.loss)
            self.test_accuracy.append(test.accuracy)
        self.seconds.append(seconds)
        for name, value in dict(probes).items():
            self.probes.setdefault(name, []).append(float(value))

    def __repr__(self) -> str:
        text = f"History({len(self.loss)} epochs"
        for name in ("loss", "train_accuracy", "test_accuracy"):
            if values := getattr(self, name):
                text += f", {name.replace('_', ' ')} {values[-1]:.3f}"
        return text + ")"

    def state_dict(self) -> dict:
        return asdict(self)

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)


def train_step(model, images, labels, optimizer, loss=F.cross_entropy):
    """One step of training: the loss of a batch, its gradient, new weights.

    Args:
        model: maps images (N, ...) to logits (N, classes), or in training to a tuple,
            logits first.
        labels: whole numbers (N,).
        optimizer: over the model's parameters.
        loss: called with what the model returns and labels; their mean loss.

    Returns:
        What the model returned and the loss, both from before the step.
    """
    output = model(images)  # (N, classes)
    error = loss(output, labels)  # one number, the mean over the batch
    optimizer.zero_grad()  # forget the gradient of the step before
    error.backward()
    optimizer.step()
    return output, error.detach()


def fit(
    model: nn.Module,
    train,
    test=None,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    optimizer: torch.optim.Optimizer | None = None,
    schedule=None,
    loss=F.cross_entropy,
    augment=None,
    autocast: torch.dtype | None = None,
    average: float | AveragedModel | None = None,
    probe=None,
    device=None,
    seed: int = 0,
    checkpoint=None,
    progress: bool = True,
) -> History:
    """Train `model` in place; it stays on the device, ready for use (`eval` mode).

    In several processes (`utils.distributed` says what differs), of which each calls it
    alike, each works on its part of every batch, and all end with the same model and
    curves. Rank 0 writes the checkpoint; any number of processes may go on from it.

    Args:
        model: maps images (N, ...) to logits (N, classes). In training mode it may
            return a tuple, logits first, which goes to `loss` as it is.
        train, test: `utils.data.Images`, or any pair of arrays or tensors: floating
            images (N, ...) and whole-number labels (N,). They move to the device once.
        epochs: passes over `train` in all, those before a resumption included.
        batch_size: images a step; the last batch of an epoch may be smaller.
        optimizer: over the model's parameters; None means SGD with learning rate 0.05
            and momentum 0.9.
        schedule: of `torch.optim.lr_scheduler`, over the optimizer; one step a batch.
        loss: called with what the model returns and labels, returns their mean over
            the batch.
        augment: called with the images of each batch (N, ...) on the device, returns
            what to train on in their place; draws from torch's own generator.
        autocast: torch.bfloat16 computes the products of the training steps in that
            type, which is faster where the processor has it; None computes in the
            model's own, as every evaluation does (on a GPU, convolutions of float32
            round to TF32, unless torch.backends.cudnn.allow_tf32 is False).
        average: 0 <= average < 1. After every step, a second set of weights becomes
            average times itself plus (1 - average) times the model's, the statistics
            of batch normalisation too: about the mean of the last 1 / (1 - average)
            steps; fewer at the beginning, where it is at most (1 + n) / (10 + n) after
            n steps. It is what is tested, probed and, in the end, in the model. None
            keeps no such set; one of `torch.optim.swa_utils`, made over the model,
            follows its own rule.
        probe: called with the model after every epoch, returns a dict of numbers for
            the history. It must leave the model and the generators as they were.
        device: as `pick_device` takes it.
        seed: of the order of the images. Initial weights and dropout draw from torch's
            own generator: call `seed_everything` before building the model.
        checkpoint: path of a file, written after every epoch. If it exists, the run
            goes on from there, on a CPU to the very bits of a run never stopped.
        progress: draw a bar (TQDM_DISABLE=1 in the environment hides all bars).

    Raises:
        ValueError: an argument is not as described, or has NaN in it.
        FloatingPointError: the training loss is no longer finite.
        CheckpointError: the checkpoint is damaged or belongs to another run.
        DeviceError: the device is not here.
    """
    device = pick_device(device)
    epochs = checked_whole("epochs", epochs, 1)
    batch_size = checked_whole("batch_size", batch_size, 1)
    shuffle = torch.Generator().manual_seed(checked_whole("seed", seed, 0))
    optimizer = _checked_optimizer(optimizer, model)
    _check_options(optimizer, schedule, autocast, probe)
    model.to(device)
    if optimizer.state:  # of earlier steps: it moves along
        optimizer.load_state_dict(optimizer.state_dict())
    mean = None if average is None else _averaged(model, average)
    judged = model if mean is None else mean.module.to(device)
    x, y = _checked_data("train", train, model)
    test = None if test is None else _checked_data("test", test, model)

    history = History()
    what = batch_size, seed, (x, y), test, schedule, loss, augment, autocast, average
    state = Checkpoint(
        checkpoint,
        _settings(*what),
        model=model,
        optimizer=optimizer,
        history=history,
        schedule=schedule,
        average=mean,
        random=RandomState(shuffle, device),
    )
    with distributed.rank_0_first():
        state.resume()
    done, steps = _epochs_done(history, epochs, checkpoint), -(-len(y) // batch_size)
    distributed.draw_apart()
    net = mixed(distributed.data_parallel(model), device, autocast)
    loss_in_dtype = mixed(loss, device, autocast)

    def after_step():
        if schedule is not None:
            schedule.step()
        if mean is not None:
            mean.update_parameters(model)
        bar.update()

    with _progress_bar(done * steps, epochs * steps, progress) as bar:
        for epoch in range(done, epochs):
            start = time.perf_counter()
            model.train()
            if hasattr(augment, "set_epoch"):
                augment.set_epoch(epoch)
            order = torch.randperm(len(y), generator=shuffle).to(device)
            batches = order.split(batch_size)
            seen = _train_epoch(
                net, x, y, batches, optimizer, loss_in_dtype, augment, after_step
            )
            _check_finite(seen.loss, epoch, optimizer)
            distributed.share_buffers(model)
            if mean is not None:
                distributed.share_buffers(judged)
            unseen = None if test is None else _shared_score(judged, *test, loss)
            seconds = time.perf_counter() - start
            history.add(seen, unseen, seconds, probe(judged) if probe else ())
            bar.set_postfix_str(f"loss {seen.loss:.3f}")
            if distributed.rank() == 0:
                state.save()
    if mean is not None:
        model.load_state_dict(judged.state_dict())
    model.eval()
    return history


def _averaged(model, decay) -> AveragedModel:
    if isinstance(decay, AveragedModel):
        return decay
    checked_number("average", decay, below=1)

    def blend(means, values, _):
        count = int(mean.n_averaged)  # it stays on the CPU: nobody waits for it
        decay_now = min(decay, (1 + count) / (10 + count))
        get_ema_multi_avg_fn(decay_now)(means, values, count)

    mean = AveragedModel(model, multi_avg_fn=blend, use_buffers=True)
    return mean


def _train_epoch(net, x, y, batches, optimizer, loss, augment, after_step) -> Score:
    """A step for each batch of row numbers; the mean `Score` before these steps."""
    losses, hits = [], []  # they stay on the device: nobody waits for them
    for batch in batches:
        mine, weight = distributed.share(batch)  # alone: all of it, with weight 1
        images = x[mine] if augment is None else augment(x[mine])
        output, error = train_step(
            net, images, y[mine], optimizer, _weighted(loss, weight)
        )
        after_step()
        logits = output[0] if isinstance(output, tuple) else output
        losses.append(error)
        hits.append((weight > 0) * (logits.argmax(1) == y[mine]).sum())
    sizes = torch.tensor([len(batch) for batch in batches]).double()
    error = float(torch.stack(losses).cpu().double() @ sizes / sizes.sum())
    share = distributed.world_size() * int(torch.stack(hits).sum()) / len(y)
    return Score(*distributed.mean(error, share))


def _shared_score(model, x, y, loss) -> Score:
    """The `Score` on all images, of which each process takes its part."""
    (images, weight), (labels, _) = distributed.share(x), distributed.share(y)
    score = _score(model, images, labels, loss)
    return Score(*distributed.mean(*(weight * value for value in score)))


def _weighted(loss, weight):
    """`loss`, times what the mean over this part of a batch counts for in the whole."""
    return lambda output, labels: weight * loss(output, labels)


def mixed(function, device, dtype):
    """`function`, computing its products in `dtype`, if that is not None."""

    def in_dtype(*inputs):
        with torch.autocast(device.type, dtype):
            return function(*inputs)

    return function if dtype is None else in_dtype


def _settings(
    batch_size, seed, train, test, schedule, loss, augment, autocast, average
) -> dict:
    """What makes a run another one, beside its model and optimizer."""

    def words(setting):  # without the address that a function is printed with
        return re.sub(r" at 0x\w+", "", f"{setting}")

    def mark(labels):  # of these, in this order
        return int((labels.cpu() * torch.arange(1, len(labels) + 1)).sum())

    hidden = ("last_epoch", "lr_lambdas")
    ways = {} if schedule is None else schedule.state_dict()
    ways = {k: v for k, v in ways.items() if k[0] != "_" and k not in hidden}
    data = [part for part in (train, test) if part is not None]
    return {
        "batch_size": batch_size,
        "seed": int(seed),
        "train": list(train[0].shape),
        "test": None if test is None else list(test[0].shape),
        "schedule": schedule
        and f"{type(schedule).__name__} {getattr(schedule, 'total_steps', '')}".strip(),
        "schedule's numbers": words(ways),
        "images": [float(part[0][:1].cpu().double().sum()) for part in data],
        "labels": [mark(part[1]) for part in data],
        "loss": words(loss),
        "augment": words(augment),
        "autocast": f"{autocast}",
        "average": type(average).__name__
        if isinstance(average, AveragedModel)
        else average,
    }


def _epochs_done(history, epochs, checkpoint) -> int:
    done = len(history.loss)
    if done > epochs:
        raise CheckpointError(
            f"checkpoint {checkpoint} holds {done} epochs, but epochs is {epochs}: ask "
            "for as many or more, or name another file"
        )
    return done


def _check_finite(loss, epoch, optimizer):
    if not math.isfinite(loss):
        groups = optimizer.param_groups
        rates = [g.get("max_lr", g.get("initial_lr", g["lr"])) for g in groups]
        rates = ", ".join(f"{rate:g}" for rate in rates)
        raise FloatingPointError(
            f"the training loss became {loss} in epoch {epoch + 1}: try a smaller "
            f"learning rate than {rates}, or smaller initial weights"
        )


def _progress_bar(done, total, wanted):
    hidden = not wanted or "TQDM_DISABLE" in os.environ or distributed.rank() > 0
    return tqdm(initial=done, total=total, unit="batch", leave=False, disable=hidden)


def evaluate(model: nn.Module, data, *, batch_size: int = 500, loss=F.cross_entropy):
    """The `Score` of `model` on `data`, which is as `train` of `fit`.

    The model stays as it is, where it is; the data go to its device.

    Raises:
        ValueError: the data do not fit the model, or are not images and labels.
    """
    x, y = _checked_data("data", data, model)
    return _score(model, x, y, loss, checked_whole("batch_size", batch_size, 1))


def predict(model: nn.Module, images, *, batch_size: int = 500) -> torch.Tensor:
    """Logits (N, classes) for `images` (N, ...), on the model's device.

    Raises:
        ValueError: the images do not fit the model.
    """
    x = _checked_images("images", images, model)
    return _logits(model, x, checked_whole("batch_size", batch_size, 1))


def pick_device(prefer=None) -> torch.device:
    """The device to train on: a CUDA GPU if there is one, else the CPU.

    Args:
        prefer: the one to take instead: "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ValueError: `prefer` names no device.
        DeviceError: it names one that this machine lacks.
    """
    if prefer is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    try:
        device = torch.device(prefer)
        count = known[device.type]
    except (RuntimeError, TypeError, KeyError) as error:
        raise ValueError(
            f"device must be 'cpu', 'cuda', 'cuda:1' or 'mps', got {prefer!r}"
        ) from error
    if (device.index or 0) >= count:
        raise distributed.DeviceError(
            f"device is '{device}', but torch {torch.__version__} finds {count} of "
            f"type '{device.type}' here: leave it out to take what there is (on "
            "Colab, choose Runtime > Change runtime type > GPU first)"
        )
    return device


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch (CPU and GPUs) with 0..2**32 - 1.

    On a CPU a run then repeats bit for bit, at the same number of threads. Some GPU
    kernels add in changing order, so there the last digits may differ.

    Raises:
        ValueError: `seed` is not such a number.
    """
    seed = checked_whole("seed", seed, 0, 2**32 - 1)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def one_cycle(optimizer, steps):
    """A schedule: up to the learning rate in a tenth of the steps, then down a cosine.

    It begins at a twenty-fifth of the optimizer's learning rate and ends at nearly
    nothing. Source: L. N. Smith and N. Topin, arXiv:1708.07120.

    Args:
        optimizer: with the learning rate that is to be reached.
        steps: batches in all, 2 or more.

    Raises:
        ValueError: fewer steps.
    """
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=checked_whole("steps", steps, 2),
        pct_start=max(0.1, 1.5 / steps),  # else a short one begins beyond the peak
        cycle_momentum=False,
    )


@contextmanager
def evaluating(model: nn.Module):
    """Within, every part of `model` is in evaluation mode; after, as it was before."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield model
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def measuring(model: nn.Module):
    """Within, a copy of `model` in training mode; torch's generators stay as they were.

    Dropout may draw, and batch normalisation has statistics of its own.
    """
    device = next(model.parameters()).device
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus), torch.enable_grad():
        yield copy.deepcopy(model).train()


def trial_run(model: nn.Module, *inputs: torch.Tensor):
    """The output for `inputs`, leaving no gradient, statistic or drawn number behind.

    Raises:
        ValueError: the model cannot take them.
    """
    gpus = {x.device for x in inputs if x.device.type == "cuda"}
    with evaluating(model), torch.no_grad(), torch.random.fork_rng(list(gpus)):
        try:
            return model(*inputs)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, IndexError) as error:
            shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
            raise ValueError(
                f"model cannot take an input of shape {shapes}: {error}"
            ) from error


def _logits(model, x, batch_size):
    with evaluating(model), torch.no_grad():
        return torch.cat([model(part) for part in x.split(batch_size)])


def _score(model, x, y, loss, batch_size=500) -> Score:
    logits = _logits(model, x, batch_size)
    return Score(float(loss(logits, y)), _share(logits.argmax(1) == y))


def _share(hits: torch.Tensor) -> float:
    return int(hits.sum()) / len(hits)


def _checked_optimizer(optimizer, model):
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {model!r}")
    weights = [p for p in model.parameters() if p.requires_grad]
    if not weights:
        raise ValueError("model has no parameters to train")
    if optimizer is None:
        return torch.optim.SGD(weights, lr=0.05, momentum=0.9)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(
            "optimizer must be one of torch.optim, such as "
            f"torch.optim.SGD(model.parameters(), lr=0.1), got {optimizer!r}"
        )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if held.isdisjoint(map(id, weights)):
        raise ValueError(
            "optimizer holds no parameter of this model: make a new one after the model"
        )
    for group in optimizer.param_groups:
        if not 0 <= group["lr"] < math.inf:
            raise ValueError(f"the learning rate must be >= 0, got {group['lr']}")
    return optimizer


def _check_options(optimizer, schedule, autocast, probe):
    if schedule is not None and getattr(schedule, "optimizer", None) is not optimizer:
        raise ValueError("schedule must be made with the optimizer that is given")
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ValueError("schedule must step by itself, got a ReduceLROnPlateau")
    if autocast not in (None, torch.bfloat16):
        raise ValueError(f"autocast must be torch.bfloat16 or None, got {autocast!r}")
    if not (probe is None or callable(probe)):
        raise ValueError(f"probe must be a function of the model, got {probe!r}")


def _tensor(name, values) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach()
    array = np.require(values, requirements=["C", "W"])  # a copy only if need be
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got dtype {array.dtype}")
    native = array.dtype.newbyteorder("=")  # torch knows no other order of bytes
    return torch.from_numpy(array.astype(native, copy=False))


def _checked_images(name, images, model) -> torch.Tensor:
    """`images` (N, ...) beside the model's parameters and of their type."""
    x = checked_inputs(name, _tensor(name, images))
    like = next(model.parameters(), x)
    return x.to(like.device, like.dtype)


def _checked_data(name, data, model) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, ...) and labels (N,) that fit the model, beside its parameters."""
    images, labels = checked_dataset(name, data)
    x = _checked_images(name, images, model)
    logits = trial_run(model, x[:1])
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        got = getattr(logits, "shape", type(logits).__name__)
        raise ValueError(f"model must return logits (N, classes), got {got}")
    y = _tensor(name, labels)
    checked_labels(f"{name}: labels", y, len(x), logits.shape[1])
    return x, y.to(x.device, torch.int64)
