"""Runs on disk: written whole or not at all, read without executing anything."""

import os
import random
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be read, or that belongs to another run."""


def save_checkpoint(path, state: dict) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) to `path`.

    Whenever the process is killed, `path` holds the old state or the new one, whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        torch.save(_plain(state), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _plain(value):
    """With NumPy's numbers as Python's, its arrays as tensors, and plain dictionaries.

    Others would not be read back.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        kind = OrderedDict if isinstance(value, OrderedDict) else dict
        return kind((k, _plain(v)) for k, v in value.items())
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value


def load_checkpoint(path) -> dict:
    """What `save_checkpoint` wrote, on the CPU; no code in the file is executed.

    Raises:
        OSError: there is no such file, it is not ours, or the disk fails.
        MemoryError: it does not fit into memory.
        CheckpointError: it is damaged, or no checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load skips the checksums
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"wrong checksum in {damaged}")
        return read_tensors(path, f"checkpoint {path}")
    except Exception as error:
        fails = isinstance(error, (OSError, MemoryError))
        if fails and not isinstance(error, IsADirectoryError):
            raise  # the file may be whole
        raise CheckpointError(
            f"checkpoint {path} is damaged or no checkpoint ({type(error).__name__}): "
            "delete it to start again, or name another file"
        ) from error


def read_tensors(file, name: str):
    """What torch.save wrote to a path or stream, on the CPU; nothing is executed.

    Args:
        name: what errors call it.

    Raises:
        MemoryError: it does not fit into memory; torch itself says RuntimeError.
        Exception: whatever else torch.load meets.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except RuntimeError as error:
        if "DefaultCPUAllocator" in f"{error}":
            raise MemoryError(f"{name} does not fit into memory") from error
        raise


def _described(optimizer) -> str:
    """Its class and settings as they were before a schedule moved them."""
    groups = []
    for group in optimizer.param_groups:
        left_out = ["params", "initial_lr"]
        if "max_momentum" in group:  # a one-cycle schedule moves the momentum, too
            left_out += ["momentum", "betas"]
        kept = {k: v for k, v in group.items() if k not in left_out}
        groups.append(kept | {"lr": group.get("initial_lr", group["lr"])})
    return f"{type(optimizer).__name__} {_plain(groups)}"


class Checkpoint:
    """The file of a run: its settings, and the state of each of its parts.

    Args:
        path: the file, or None: then nothing is saved and nothing resumed.
        settings: what makes this run another one than the next; compared on resuming.
        parts: "model", "optimizer" and whatever else has `state_dict` and
            `load_state_dict`, restored in this order; None for one that is not there.
    """

    def __init__(self, path, settings: dict, **parts):
        self.path = None if path is None else Path(path)
        self.parts = {k: part for k, part in parts.items() if part is not None}
        weights = parts["model"].state_dict().items()
        self.settings = {
            "model": f"{parts['model']}",
            "weights": [[k, list(v.shape), f"{v.dtype}"] for k, v in weights],
            "optimizer": _described(parts["optimizer"]),
            **settings,
        }

    def save(self) -> None:
        if self.path is not None:
            states = {name: part.state_dict() for name, part in self.parts.items()}
            save_checkpoint(self.path, {"settings": self.settings, **states})

    def resume(self) -> None:
        """Restore the parts from the file, or write the first one.

        Raises:
            CheckpointError: the file is damaged, or of a run with other settings.
        """
        if self.path is None:
            return
        if not self.path.exists():
            self.save()  # where nothing can be written, this fails before the work
            return
        saved = load_checkpoint(self.path)
        if not isinstance(saved, dict) or saved.keys() != {"settings", *self.parts}:
            raise CheckpointError(
                f"checkpoint {self.path} is of another kind of run: name another file"
            )
        then, now = saved["settings"], self.settings
        changed = [
            k if len(f"{now[k]}") > 40 else f"{k} ({then.get(k)}, now {now[k]})"
            for k in now
            if then.get(k) != now[k]
        ]
        if changed:
            raise CheckpointError(
                f"checkpoint {self.path} is of another run, with another "
                f"{', another '.join(changed)}: delete it to start again, or name "
                "another file"
            )
        for name, part in self.parts.items():
            part.load_state_dict(saved[name])


class RandomState:
    """Every generator that a run draws from, saved and restored together.

    Args:
        generator: the run's own, on the CPU.
        device: if a GPU, its generator belongs to it too.
    """

    def __init__(self, generator: torch.Generator, device: torch.device):
        self.generator = generator
        self.device = device

    def state_dict(self) -> dict:
        name, keys, *rest = np.random.get_state()  # noqa: NPY002
        state = {
            "own": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "numpy": [name, keys.tolist(), *rest],
            "python": random.getstate(),
        }
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            state["mps"] = torch.mps.get_rng_state()
        return state

    def load_state_dict(self, state: dict) -> None:
        self.generator.set_state(state["own"])
        torch.set_rng_state(state["torch"])
        np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
        random.setstate(state["python"])
        if self.device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)
        elif self.device.type == "mps" and "mps" in state:
            torch.mps.set_rng_state(state["mps"])
