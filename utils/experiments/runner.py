"""The runner of recorded experiments: see `utils.experiments`."""

import argparse
import contextlib
import datetime
import fcntl
import functools
import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import torch

from utils import distributed, experiments, records
from utils.checkpoints import CheckpointError, save_checkpoint
from utils.data import DataError, Images
from utils.distributed import DeviceError
from utils.experiments.recipes import Experiment
from utils.training import (
    fit,
    mixed,
    one_cycle,
    pick_device,
    predict,
    seed_everything,
    train_step,
)
from utils.transfer import few

ROOT = Path(__file__).parents[2]
CHECKPOINTS = ROOT / ".cache/experiments"
# What is told in a line; anything else is a fault of the code, and shows where it is.
EXPECTED = (
    ValueError,
    FloatingPointError,
    PermissionError,
    CheckpointError,
    DataError,
    DeviceError,
    records.RecordError,
)
PROBED = 256  # images that a probe sees
LISTED = 1000  # errors that a record lists one by one; more only of the run it keeps
# Of that run it also stores the images: of a FEW errors all, of more the SUREST.
FEW, SUREST = 200, 24


@dataclass
class Record:
    """results/NAME.json while it grows."""

    name: str
    experiment: Experiment
    folder: Path = records.FOLDER
    runs: list = field(default_factory=list)
    data: dict = field(default_factory=dict)  # as recorded

    def read(self) -> None:
        """Take over what is recorded, if it was run with today's settings.

        Raises:
            RecordError: the file is damaged, or was run with other settings.
        """
        if not (self.folder / f"{self.name}.json").exists():
            return
        record = records.load_record(self.name, self.folder)
        for variant, then in record["variants"].items():
            recipe = self.experiment.variants.get(variant)
            now = recipe and recipe.settings()
            if then != now:
                raise records.RecordError(
                    f"record {self.name!r} was made with other settings of variant "
                    f"{variant!r} ({then}, now {now}): move it away to start again"
                )
        self.runs, self.data = record["runs"], record["data"]

    def check(self, sizes: tuple[int, int]) -> None:
        """Whether what is recorded was trained and tested on the same data as today.

        Raises:
            RecordError: it was not.
        """
        now = self._data(sizes)
        if self.data and self.data != now:
            raise records.RecordError(
                f"record {self.name!r} was made with other data ({self.data}, now "
                f"{now}): move it away to start again"
            )

    def _data(self, sizes) -> dict:
        classes = self.experiment.classes
        return {
            "name": self.experiment.data,
            "train": sizes[0],
            "test": sizes[1],
            "validation": self.experiment.validation is not None,
            **({"classes": list(classes)} if classes else {}),
        }

    def has(self, variant, seed) -> bool:
        return any((r["variant"], r["seed"]) == (variant, seed) for r in self.runs)

    def add(self, run: dict, sizes: tuple[int, int], weights=None) -> None:
        """Write the file anew with one run more, whole or not at all.

        The weights that are kept of it, if any, are written before it. A run that
        another process has added meanwhile stays as it is, and so do its weights.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(self.folder):
            self.read()  # another process may have added to it
            self.check(sizes)
            if not self.has(run["variant"], run["seed"]):
                if weights is not None:
                    path = self.folder / f"{self.name}.pt"
                    save_checkpoint(path, weights)
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    run["weights"] = {"file": path.name, "sha256": digest}
                self.runs = [*self.runs, run]
                self.runs.sort(key=lambda r: (r["variant"], r["seed"]))
                self._write(sizes)

    def _write(self, sizes) -> None:
        done = {r["variant"] for r in self.runs}
        variants = self.experiment.variants.items()
        record = {
            "name": self.name,
            "about": self.experiment.about,
            "data": self._data(sizes),
            "variants": {k: v.settings() for k, v in variants if k in done},
            "runs": self.runs,
        }
        part = self.folder / f"{self.name}.json.{os.getpid()}.part"
        with open(part, "w", encoding="utf-8") as file:
            file.write(_pretty(record) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.folder / f"{self.name}.json")


@contextlib.contextmanager
def _alone_in(folder):
    """Wait until no other process holds this folder's lock, then hold it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def run(name, experiment, variant, seed, device, images, record, checkpoint):
    """One run: train from the seed, or on from its checkpoint, and record it.

    Returns what is recorded; None in the processes that rank 0 writes for.
    """
    recipe = experiment.variants[variant]
    train, test = images
    sizes = len(train.y), len(test.y)
    if recipe.labels is not None:
        train = few(train, recipe.labels, seed)
        again = np.resize(np.arange(recipe.labels), recipe.images or recipe.labels)
        train = Images(train.x[again], train.y[again])
    seed_everything(seed)
    model = recipe.model().to(device)
    optimizer = recipe.optimizer(model.parameters(), lr=recipe.learning_rate)
    steps = recipe.epochs * -(-len(train.y) // recipe.batch_size)
    schedule = (recipe.schedule or one_cycle)(optimizer, steps)
    average = recipe.average
    if callable(average):
        average = average(model, steps)
    look = [torch.as_tensor(part[:PROBED], device=device) for part in train]
    history = fit(
        model,
        train,
        test,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        optimizer=optimizer,
        schedule=schedule,
        loss=recipe.loss,
        augment=recipe.augment,
        autocast=recipe.autocast,
        average=average,
        probe=recipe.probe and (lambda model: recipe.probe(model, *look)),
        device=device,
        seed=seed,
        checkpoint=checkpoint,
    )
    if distributed.rank() > 0:
        return None
    judge = recipe.views(model) if recipe.views else model
    shares = predict(judge, test.x).softmax(dim=1).cpu().numpy()
    curve = history.state_dict()
    seconds = curve.pop("seconds")
    curve |= curve.pop("probes")
    wrong = np.flatnonzero(shares.argmax(1) != test.y)
    keep = experiment.keep == (variant, seed)
    result = {
        "variant": variant,
        "seed": seed,
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "command": f"{_launcher()} -m utils.experiments {shlex.join(sys.argv[1:])}",
        "commit": _commit(),
        "hardware": _hardware(device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "seconds": float(f"{sum(seconds):.4g}"),
        "fastest_epoch": float(f"{min(seconds):.4g}"),
        "curve": {k: [float(f"{v:.5g}") for v in line] for k, line in curve.items()},
        "final": {
            "train_accuracy": history.train_accuracy[-1],
            "test_loss": float(f"{history.test_loss[-1]:.5g}"),
            "test_accuracy": 1 - len(wrong) / len(test.y),
            "test_errors": len(wrong),
        },
    }
    if keep or experiment.listed and len(wrong) <= LISTED:
        surest = wrong[np.argsort(-shares[wrong].max(1), kind="stable")]
        drawn = set((wrong if len(wrong) <= FEW else surest[:SUREST]).tolist())
        result["wrong"] = [
            _error(k, shares[k], test, keep and k in drawn) for k in wrong.tolist()
        ]
    weights = {k: v.cpu() for k, v in model.state_dict().items()} if keep else None
    record.add(result, sizes, weights)
    checkpoint.unlink(missing_ok=True)
    return result


def run_all(
    name: str,
    *,
    seeds=None,
    only=None,
    device=None,
    folder=records.FOLDER,
    checkpoints=CHECKPOINTS,
) -> None:
    """Run what is not recorded yet of an experiment, and say what came out.

    Args:
        name: one of `utils.experiments.EXPERIMENTS`.
        seeds: whole numbers; None takes the experiment's own.
        only: names of variants; None takes all.
        device: as `utils.training.pick_device` takes it.
        folder, checkpoints: where records and unfinished runs lie.

    Raises:
        ValueError: there is no such experiment or variant, or the device is misnamed.
        RecordError: the record is damaged, or was made with other settings.
        DataError: the data are not here and cannot be fetched.
        DeviceError: the device is not here, or has too little memory; says which
            batch would fit.
    """
    if name not in experiments.EXPERIMENTS:
        raise ValueError(
            f"there is no experiment {name!r}: {', '.join(experiments.EXPERIMENTS)}"
        )
    experiment = experiments.EXPERIMENTS[name]
    if unknown := set(only or ()) - set(experiment.variants):
        raise ValueError(
            f"{name} has no variant {sorted(unknown)[0]!r}: "
            f"{', '.join(experiment.variants)}"
        )
    record = Record(name, experiment, Path(folder))
    images, _ = None, _commit()
    with distributed.process_group(pick_device(device)) as device:
        if distributed.rank() == 0:
            record.read()
        chosen = product(seeds or experiment.seeds, only or experiment.variants)
        for seed, variant in chosen:
            label = f"{name}, {variant}, seed {seed}"
            if distributed.from_rank_0(record.has(variant, seed)):
                _say(f"{label}: recorded already")
                continue
            if images is None:
                with distributed.rank_0_first():
                    images = experiment.load()
                record.check(tuple(len(part.y) for part in images))
            recipe = experiment.variants[variant]
            # What another kind of device has begun is not gone on with: its seconds
            # would be mixed.
            words = json.dumps(recipe.settings()) + _hardware(device)["device"]
            digest = hashlib.sha256(words.encode()).hexdigest()
            checkpoint = Path(checkpoints, name, f"{variant}-{seed}-{digest[:8]}.pt")
            try:
                done = run(
                    *(name, experiment, variant, seed),
                    *(device, images, record, checkpoint),
                )
                full = False
            except torch.OutOfMemoryError:
                full = True
            if full:  # the error is gone, and with it what it held in memory
                raise DeviceError(f"{label}: {_too_large(recipe, device, images)}")
            if done is not None:
                errors, seconds = done["final"]["test_errors"], done["seconds"]
                of = len(images[1].y)
                _say(f"{label}: {errors} errors of {of}, {seconds:.0f} s")


def _too_large(recipe, device, images) -> str:
    """What to say where a recipe does not fit: the largest batch that would."""
    where = f"into the memory of the device ({_hardware(device)['device']})"
    train, test = images
    counts = recipe.images or len(train.y), len(test.y)
    try:  # as `fit` holds them
        held = [torch.zeros(n, *train.x.shape[1:], device=device) for n in counts]
    except torch.OutOfMemoryError:
        return f"the data do not fit {where}: train on fewer, or on --device cpu"
    size = recipe.batch_size
    while size := size // 2:
        with contextlib.suppress(torch.OutOfMemoryError):
            model = recipe.model().to(device)
            optimizer = recipe.optimizer(model.parameters(), lr=0.0)
            batch = held[0][:size]
            labels = torch.zeros(len(batch), dtype=torch.int64, device=device)
            net, loss = (
                mixed(part, device, recipe.autocast) for part in (model, recipe.loss)
            )
            train_step(net, batch, labels, optimizer, loss)
            break
    return f"a batch of {recipe.batch_size} does not fit {where}; " + (
        f"one of {size} would" if size else "nor does one image"
    )


def _say(text) -> None:
    if distributed.rank() == 0:
        print(text, flush=True)


def _launcher() -> str:
    count = distributed.world_size()
    return f"torchrun --standalone --nproc-per-node {count}" if count > 1 else "python"


def _error(k, shares, test, keep) -> dict:
    label, guess = int(test.y[k]), int(shares.argmax())
    error = {
        "index": k,
        "label": label,
        "guess": guess,
        "share": round(float(shares[guess]), 4),
        "share_of_label": round(float(shares[label]), 4),
    }
    return error | ({"image": records.pack_image(test.x[k])} if keep else {})


@functools.cache  # as it was when the first run began
def _commit() -> str:
    """The commit of the code in use, and whether that code has been changed since."""
    used = [getattr(m, "__file__", None) for m in list(sys.modules.values())]
    ours = [f for f in used if f and Path(f).is_relative_to(ROOT / "utils")]

    def git(*words):
        return subprocess.run(
            ["git", "-C", ROOT, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", *ours)
        return git("rev-parse", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _hardware(device) -> dict:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    processor = names[0] if names else platform.processor() or platform.machine()
    return {
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else device.type,
        "processor": processor,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        **({"processes": count} if (count := distributed.world_size()) > 1 else {}),
    }


def _pretty(record) -> str:
    """JSON with one line for each list of numbers and each wrong image."""
    text = json.dumps(record, indent=1, ensure_ascii=False)
    flat = re.compile(r"([\[{])\s+([^\[\]{}]*?)\s+([\]}])")
    return flat.sub(lambda m: m[1] + re.sub(r"\n\s*", " ", m[2]) + m[3], text)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m utils.experiments",
        description=experiments.__doc__.partition("\n")[0],
        epilog="Without a name: the list of experiments.",
    )
    parser.add_argument("name", nargs="?", help="which experiment")
    parser.add_argument(
        "--quick", action="store_true", help="NAME-quick: a shorter recipe, for a CPU"
    )
    parser.add_argument(
        "--device", help="cpu, cuda, cuda:1, mps; default: what is best"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="default: the experiment's"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="VARIANT", help="these variants alone"
    )
    chosen = parser.parse_args(arguments)
    if chosen.name is None:
        for name, experiment in experiments.EXPERIMENTS.items():
            print(f"{name}: {experiment.about}")
            print(f"    {', '.join(experiment.variants)}; seeds {experiment.seeds}")
        return 0
    name = chosen.name + ("-quick" if chosen.quick else "")
    try:
        run_all(name, seeds=chosen.seeds, only=chosen.only, device=chosen.device)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except EXPECTED as error:
        print(error, file=sys.stderr)
        return 1
    return 0
