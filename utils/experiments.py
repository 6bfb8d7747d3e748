"""Full-scale runs, recorded: each writes results/NAME.json, which the chapters draw.

    python -m utils.experiments                     lists the experiments
    python -m utils.experiments NAME                runs one, all variants and seeds
    python -m utils.experiments NAME --seeds 3 4 --only VARIANT --device cuda
    torchrun --standalone --nproc-per-node 2 -m utils.experiments NAME

The last shares every run out among two processes, each with a GPU of its own if there
are any: the same results, up to rounding. If a process dies, all end.

A run that was interrupted goes on where it stopped when the same command is given
again, and what is recorded already is not run again. Processes side by side may share
an experiment, if each has its own variants or seeds.
"""

import argparse
import datetime
import functools
import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils import data, distributed, records
from utils.alexnet import SmallAlexNet
from utils.augmentation import RandomCropFlip, RandomDistortion
from utils.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from utils.counting import count_parameters
from utils.inception import SmallGoogLeNet, auxiliary_loss, stem_gradient
from utils.lenet import LeNet5, LeNet5Original, Rearranged, map_loss
from utils.resnet import CifarResNet, DigitResNet, gradients_by_depth
from utils.training import fit, one_cycle, pick_device, predict, seed_everything

ROOT = Path(__file__).parents[1]
CHECKPOINTS = ROOT / ".cache/experiments"
PROBED = 256  # images that a probe sees
LISTED = 1000  # errors that a record lists one by one; more only of the run it keeps
# Of that run it also stores the images: of a FEW errors all, of more the SUREST.
FEW, SUREST = 200, 24


@dataclass(frozen=True)
class Recipe:
    """How one variant is built and trained.

    The learning rate rises to `learning_rate` over the first tenth of the steps and
    falls to nearly nothing by the last, along a cosine, unless `schedule` makes another
    scheduler of the optimizer and the number of steps. After every epoch the probe
    measures the model on the first images of the training set; its numbers become
    curves of the record.
    """

    model: Callable[[], nn.Module]
    epochs: int
    batch_size: int = 64
    optimizer: Callable = torch.optim.Adam
    learning_rate: float = 1e-3
    schedule: Callable | None = None
    loss: Callable = F.cross_entropy
    augment: Callable | None = None
    autocast: torch.dtype | None = None
    probe: Callable | None = None  # (model, images, labels) -> numbers by name

    def settings(self) -> dict:
        """What a record says of it."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        named = {k: _describe(v) for k, v in named.items() if v is not None}
        return named | {"parameters": count_parameters(self.model(), True)}


@dataclass(frozen=True)
class Experiment:
    """Variants to compare, each run with the same data and the same seeds.

    Attributes:
        about: a sentence for the list and the record.
        data: the name of a function of `utils.data` that gives a training and a test
            set.
        variants: name -> recipe.
        seeds: those that are run unless others are asked for.
        validation: so many images from the end of the training set stand in for the
            test set, which is not touched; None uses the test set.
        keep: (variant, seed) whose weights and wrong images are stored.
    """

    about: str
    data: str
    variants: dict[str, Recipe]
    seeds: tuple[int, ...] = (0, 1, 2)
    validation: int | None = None
    keep: tuple[str, int] | None = None

    def load(self):
        train, test = getattr(data, self.data)()
        if self.validation is not None:
            cut = len(train.y) - self.validation
            train, test = (
                data.Images(train.x[:cut], train.y[:cut]),
                data.Images(train.x[cut:], train.y[cut:]),
            )
        return train, test


@dataclass
class Record:
    """results/NAME.json while it grows."""

    name: str
    experiment: Experiment
    folder: Path = records.FOLDER
    runs: list = field(default_factory=list)

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
        self.runs = record["runs"]

    def has(self, variant, seed) -> bool:
        return any((r["variant"], r["seed"]) == (variant, seed) for r in self.runs)

    def add(self, run: dict, sizes: tuple[int, int]) -> None:
        """Write the file anew with one run more, whole or not at all."""
        self.read()  # another process may have added to it
        self.runs = [*self.runs, run]
        self.runs.sort(key=lambda r: (r["variant"], r["seed"]))
        done = {r["variant"] for r in self.runs}
        variants = self.experiment.variants.items()
        record = {
            "name": self.name,
            "about": self.experiment.about,
            "data": {
                "name": self.experiment.data,
                "train": sizes[0],
                "test": sizes[1],
                "validation": self.experiment.validation is not None,
            },
            "variants": {k: v.settings() for k, v in variants if k in done},
            "runs": self.runs,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{self.name}.json.{os.getpid()}.part"
        part.write_text(_pretty(record) + "\n", encoding="utf-8")
        os.replace(part, self.folder / f"{self.name}.json")


def run(name, experiment, variant, seed, device, images, record, checkpoint):
    """One run: train from the seed, or on from its checkpoint, and record it.

    Returns what is recorded; None in the processes that rank 0 writes for.
    """
    recipe = experiment.variants[variant]
    train, test = images
    seed_everything(seed)
    model = recipe.model().to(device)
    optimizer = recipe.optimizer(model.parameters(), lr=recipe.learning_rate)
    steps = recipe.epochs * -(-len(train.y) // recipe.batch_size)
    schedule = (recipe.schedule or one_cycle)(optimizer, steps)
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
        probe=recipe.probe and (lambda model: recipe.probe(model, *look)),
        device=device,
        seed=seed,
        checkpoint=checkpoint,
    )
    if distributed.rank() > 0:
        return None
    shares = predict(model, test.x).softmax(dim=1).cpu().numpy()
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
    if keep or len(wrong) <= LISTED:
        surest = wrong[np.argsort(-shares[wrong].max(1), kind="stable")]
        drawn = set((wrong if len(wrong) <= FEW else surest[:SUREST]).tolist())
        result["wrong"] = [
            _error(k, shares[k], test, keep and k in drawn) for k in wrong.tolist()
        ]
    if keep:
        path = record.folder / f"{name}.pt"
        save_checkpoint(path, {k: v.cpu() for k, v in model.state_dict().items()})
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        result["weights"] = {"file": path.name, "sha256": digest}
    record.add(result, (len(train.y), len(test.y)))
    checkpoint.unlink()
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
        name: one of EXPERIMENTS.
        seeds: whole numbers; None takes the experiment's own.
        only: names of variants; None takes all.
        device: as `utils.training.pick_device` takes it.
        folder, checkpoints: where records and unfinished runs lie.

    Raises:
        ValueError: there is no such experiment, variant or device.
        RecordError: the record is damaged, or was made with other settings.
        DataError: the data are not here and cannot be fetched.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}: {', '.join(EXPERIMENTS)}")
    experiment = EXPERIMENTS[name]
    if unknown := set(only or ()) - set(experiment.variants):
        raise ValueError(
            f"{name} has no variant {sorted(unknown)[0]!r}: "
            f"{', '.join(experiment.variants)}"
        )
    record = Record(name, experiment, Path(folder))
    images, label, checkpoint, _ = None, None, None, _commit()

    def farewell():
        return _what_is_left(label, checkpoint)

    with distributed.process_group(pick_device(device), farewell) as device:
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
            settings = json.dumps(experiment.variants[variant].settings())
            digest = hashlib.sha256(settings.encode()).hexdigest()
            checkpoint = Path(checkpoints, name, f"{variant}-{seed}-{digest[:8]}.pt")
            done = run(
                *(name, experiment, variant, seed),
                *(device, images, record, checkpoint),
            )
            if done is not None:
                errors, seconds = done["final"]["test_errors"], done["seconds"]
                of = len(images[1].y)
                _say(f"{label}: {errors} errors of {of}, {seconds:.0f} s")


def _say(text) -> None:
    if distributed.rank() == 0:
        print(text, flush=True)


def _what_is_left(label, checkpoint) -> str:
    """What a run that ends before its time leaves behind, for those who started it."""
    try:
        epochs = len(load_checkpoint(checkpoint)["history"]["loss"])
    except (CheckpointError, OSError):
        return "The same command starts again."
    return (
        f"Of {label} the checkpoint of epoch {epochs} is kept: the same command goes "
        "on from there."
    )


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


def _describe(value):
    """A setting as a record says it: a number, or the name of a class or function."""
    if isinstance(value, functools.partial):
        given = [
            *value.args,
            *(f"{k}={_describe(v)}" for k, v in value.keywords.items()),
        ]
        return f"{_describe(value.func)}({', '.join(map(str, given))})"
    return getattr(
        value, "__name__", value if isinstance(value, int | float) else f"{value}"
    )


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


# ---------------------------------------------------------------- the schedules


def two_drops(optimizer, steps):
    """A tenth of the rate after half the steps, a hundredth after three quarters."""
    drops = [steps // 2, 3 * steps // 4]
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)


# ------------------------------------------------------------ the experiments

DISTORTIONS = {
    "mild": RandomDistortion(shift=1.5, rotate=8, scale=0.08, shear=0.08, elastic=0.4),
    "medium": RandomDistortion(shift=2, rotate=12, scale=0.12, shear=0.15, elastic=0.7),
    "strong": RandomDistortion(shift=2, rotate=15, scale=0.2, shear=0.2, elastic=1.0),
}
DECAYED = functools.partial(torch.optim.AdamW, weight_decay=0.05)
SGD = functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=5e-4)
SMOOTHED = functools.partial(F.cross_entropy, label_smoothing=0.1)
MORE_DECAYED = functools.partial(torch.optim.AdamW, weight_decay=0.5)
TANH = Recipe(LeNet5, epochs=20, learning_rate=2e-3)
RELU = replace(TANH, model=functools.partial(LeNet5, activation=nn.ReLU))
SHORT = {"epochs": 12, "batch_size": 128, "learning_rate": 3e-3}
ORIGINAL = Recipe(LeNet5Original, epochs=15, learning_rate=5e-3, loss=map_loss)
LECTURE = replace(TANH, epochs=15, optimizer=DECAYED)
REARRANGED = Recipe(
    Rearranged,
    epochs=20,
    batch_size=128,
    optimizer=DECAYED,
    learning_rate=3e-3,
    augment=DISTORTIONS["medium"],
)
# As the paper compared them: nothing against over-fitting but a little weight decay.
ALEXNET_RELU = Recipe(
    functools.partial(SmallAlexNet, dropout=0.0),
    epochs=10,
    batch_size=128,
    optimizer=SGD,
    learning_rate=0.08,
)
ALEXNET_TANH = replace(
    ALEXNET_RELU,
    model=functools.partial(SmallAlexNet, dropout=0.0, activation=nn.Tanh),
)
INCEPTION = Recipe(
    SmallGoogLeNet,
    epochs=20,
    batch_size=128,
    optimizer=SGD,
    learning_rate=0.1,
    loss=auxiliary_loss,
    augment=RandomCropFlip(padding=4),
    autocast=torch.bfloat16,
    probe=stem_gradient,
)
NO_HEADS = replace(
    INCEPTION, model=functools.partial(SmallGoogLeNet, aux_classifiers=False)
)
# The same recipe for all nets: short, so that two cores do it in hours.
RESNET = replace(
    INCEPTION, model=CifarResNet, loss=F.cross_entropy, probe=gradients_by_depth
)
# The paper's recipe (section 4.2): 64,000 steps.
RESNET_PAPER = replace(
    RESNET,
    epochs=164,
    optimizer=functools.partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-4),
    schedule=two_drops,
    autocast=None,
)
# The networks of the book by the same recipe, but for the learning rate.
NETWORKS = {
    name: replace(RESNET, model=model, learning_rate=rate, probe=None)
    for name, model, rate in (
        ("LeNet-5", functools.partial(LeNet5, channels=3), 0.1),
        ("AlexNet", SmallAlexNet, 0.03),
        ("GoogLeNet", NO_HEADS.model, 0.1),
        ("ResNet-20", functools.partial(CifarResNet, 20), 0.1),
    )
}
RESNET_DIGITS = Recipe(DigitResNet, epochs=4, optimizer=SGD, learning_rate=0.1)


def by_rate(recipes, rates) -> dict[str, Recipe]:
    """Three epochs of each recipe at each learning rate, to choose among them."""
    return {
        f"{name}, {rate:g}": replace(recipe, epochs=3, learning_rate=rate)
        for name, recipe in recipes.items()
        for rate in rates
    }


def by_depth(recipe, net, depths) -> dict[str, Recipe]:
    """The recipe for a plain and a residual net of each depth."""
    return {
        f"{kind}-{depth}": replace(
            recipe, model=functools.partial(net, depth, kind == "residual")
        )
        for kind in ("plain", "residual")
        for depth in depths
    }


EXPERIMENTS = {
    "lenet5-choice": Experiment(
        "Which activation, which distortions and whether weight decay serve LeNet-5, "
        "on 10,000 images held out from the training set",
        data="mnist",
        variants={
            "tanh": TANH,
            "tanh, decay": replace(TANH, optimizer=DECAYED),
            "tanh, more decay": replace(TANH, optimizer=MORE_DECAYED),
            "tanh, smoothing": replace(TANH, loss=SMOOTHED),
            "tanh, decay, smoothing": replace(TANH, optimizer=DECAYED, loss=SMOOTHED),
            "tanh, medium": replace(TANH, **SHORT, augment=DISTORTIONS["medium"]),
            "ReLU, mild": replace(RELU, **SHORT, augment=DISTORTIONS["mild"]),
            "ReLU, medium": replace(RELU, **SHORT, augment=DISTORTIONS["medium"]),
            "ReLU, strong": replace(RELU, **SHORT, augment=DISTORTIONS["strong"]),
            "ReLU, mild, long": replace(
                RELU, **SHORT | {"epochs": 40}, augment=DISTORTIONS["mild"]
            ),
            "rearranged, mild": replace(REARRANGED, augment=DISTORTIONS["mild"]),
            "rearranged, medium": REARRANGED,
        },
        seeds=(0,),
        validation=10_000,
    ),
    "lenet5": Experiment(
        "LeNet-5 on MNIST as it is: the original of 1998 and the lecture's",
        data="mnist",
        variants={
            "original": ORIGINAL,
            "lecture": LECTURE,
            "lecture, smoothed": replace(LECTURE, epochs=20, loss=SMOOTHED),
        },
    ),
    "lenet5-augmented": Experiment(
        "LeNet-5 on MNIST, every digit distorted anew in every epoch",
        data="mnist",
        variants={
            "original": replace(ORIGINAL, augment=DISTORTIONS["mild"]),
            "lecture": replace(LECTURE, epochs=20, augment=DISTORTIONS["mild"]),
            "rearranged": replace(REARRANGED, epochs=30),
        },
        keep=("lecture", 0),
    ),
    "alexnet-choice": Experiment(
        "Which learning rate serves the small AlexNet with ReLU and with tanh, on "
        "5,000 images held out from the training set",
        data="cifar10",
        variants=by_rate(
            {"ReLU": ALEXNET_RELU, "tanh": ALEXNET_TANH}, (0.005, 0.02, 0.08)
        ),
        seeds=(0,),
        validation=5_000,
    ),
    "alexnet-cifar10": Experiment(
        "ReLU against tanh in a small AlexNet on CIFAR-10, with nothing against "
        "over-fitting, each at the learning rate that suited it best",
        data="cifar10",
        variants={"ReLU": ALEXNET_RELU, "tanh": ALEXNET_TANH},
        seeds=(0,),
        keep=("ReLU", 0),
    ),
    "inception-cifar10": Experiment(
        "A small GoogLeNet on CIFAR-10, with and without auxiliary heads, and with "
        "5×5 convolutions in place of two 3×3",
        data="cifar10",
        variants={
            "heads": INCEPTION,
            "no heads": NO_HEADS,
            "no heads, 5×5": replace(
                NO_HEADS, model=functools.partial(NO_HEADS.model, five="5×5")
            ),
        },
        seeds=(0,),
    ),
    "resnet-digits": Experiment(
        "Plain and residual nets of 8 to 56 layers on 4,000 small digits, in 4 epochs",
        data="mnist5k",
        variants=by_depth(RESNET_DIGITS, DigitResNet, (8, 14, 20, 32, 44, 56)),
        seeds=(0, 1, 2, 3, 4),
    ),
    "resnet-shortcuts": Experiment(
        "Options A, B and C for the shortcuts of a net of 20 layers, on 4,000 small "
        "digits",
        data="mnist5k",
        variants={
            option: replace(
                RESNET_DIGITS, model=functools.partial(DigitResNet, 20, shortcut=option)
            )
            for option in "ABC"
        },
        seeds=(0, 1, 2, 3, 4),
    ),
    "resnet-cifar10-quick": Experiment(
        "Plain and residual nets of 20 and 56 layers on CIFAR-10, in 20 epochs",
        data="cifar10",
        variants=by_depth(RESNET, CifarResNet, (20, 56)),
        seeds=(0,),
        keep=("residual-20", 0),
    ),
    "networks-choice": Experiment(
        "Which learning rate serves LeNet-5 and the small AlexNet on CIFAR-10 by the "
        "recipe of the residual nets, on 5,000 images held out from the training set",
        data="cifar10",
        variants=by_rate(
            {name: NETWORKS[name] for name in ("LeNet-5", "AlexNet")}, (0.01, 0.03, 0.1)
        ),
        seeds=(0,),
        validation=5_000,
    ),
    "networks-cifar10": Experiment(
        "The networks of the book on CIFAR-10 by one recipe, in 20 epochs",
        data="cifar10",
        variants=NETWORKS,
        seeds=(0, 1),
    ),
    "resnet-cifar10": Experiment(
        "Plain and residual nets of 20 and 56 layers on CIFAR-10, by the recipe of the "
        "paper: 164 epochs, for a GPU",
        data="cifar10",
        variants=by_depth(RESNET_PAPER, CifarResNet, (20, 56)),
    ),
}


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m utils.experiments",
        description=__doc__.partition("\n")[0],
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
        for name, experiment in EXPERIMENTS.items():
            print(f"{name}: {experiment.about}")
            print(f"    {', '.join(experiment.variants)}; seeds {experiment.seeds}")
        return 0
    name = chosen.name + ("-quick" if chosen.quick else "")
    try:
        run_all(name, seeds=chosen.seeds, only=chosen.only, device=chosen.device)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except (ValueError, RuntimeError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
