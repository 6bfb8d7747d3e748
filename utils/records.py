"""Recorded experiments: what `python -m utils.experiments` wrote, read back.

A record is `results/NAME.json`: what was run, with which settings, seeds, versions and
hardware, the curve of every run and what came out. `results/schema.json` says its form.
"""

import base64
import functools
import hashlib
import json
import math
import zlib
from pathlib import Path

import fastjsonschema
import numpy as np

from utils.checkpoints import CheckpointError, load_checkpoint

FOLDER = Path(__file__).parents[1] / "results"


class RecordError(RuntimeError):
    """A record that is missing, damaged, or lacks what was asked for."""


def load_record(name: str, folder=FOLDER) -> dict:
    """The record of an experiment, checked against the schema and itself.

    Raises:
        RecordError: it is missing, is no record, or contradicts itself.
    """
    path = Path(folder) / f"{name}.json"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.json"))
        known = ", ".join(k for k in known if k != "schema") or "none"
        raise RecordError(
            f"there is no record {name!r} (recorded: {known}): make it with "
            f"python -m utils.experiments {name}"
        )
    try:
        text = path.read_text(encoding="utf-8")
        _validate(text, name)
    except ValueError as error:
        where, message = "", str(error)
        if isinstance(error, fastjsonschema.JsonSchemaValueException):
            where = "/".join(map(str, error.path[1:]))
            value = "it" if isinstance(error.value, dict) else repr(error.value)
            message = message.replace(error.name, value, 1)
        raise RecordError(
            f"record {path.name} is damaged{' at ' + where if where else ''}: "
            f"{message[:200]}; restore it, or delete it and run "
            f"python -m utils.experiments {name}"
        ) from error
    return json.loads(text)


@functools.cache  # a hundred thousand checks a record, and many ask for the same one
def _validate(text: str, name: str) -> None:
    """Raise what is wrong with a record, if anything."""
    record = json.loads(text)
    _schema()(record)
    _check(record, name)


def runs(record: dict, variant: str) -> list[dict]:
    """The runs of one variant, by seed.

    Raises:
        RecordError: there are none.
    """
    found = [run for run in record["runs"] if run["variant"] == variant]
    if not found:
        known = ", ".join(sorted({run["variant"] for run in record["runs"]}))
        raise RecordError(
            f"record {record['name']!r} has no runs of variant {variant!r}: {known}"
        )
    return sorted(found, key=lambda run: run["seed"])


def fastest_epoch(record: dict, variant: str) -> float:
    """Its seconds, among the runs on the device of the record's first run.

    Runs that were recorded before epochs were timed count as endless.
    """
    device = record["runs"][0]["hardware"]["device"]
    seconds = [
        run.get("fastest_epoch", math.inf)
        for run in runs(record, variant)
        if run["hardware"]["device"] == device
    ]
    return min(seconds, default=math.inf)


def curves(record: dict, variant: str, key: str) -> np.ndarray:
    """One line of numbers for each seed: (seeds, epochs).

    Args:
        record: of `load_record`.
        variant: one of its variants.
        key: "loss", "train_accuracy", "test_loss", "test_accuracy", or what a probe of
            the experiment measured.

    Raises:
        RecordError: there is no such variant or key.
    """
    return np.array([_part(record, run, "curve", key) for run in runs(record, variant)])


def one_look(record: dict, variant: str) -> list:
    """Errors of each seed in one look at each image, where the recipe has views."""
    right = curves(record, variant, "test_accuracy")[:, -1]
    return [round((1 - share) * record["data"]["test"]) for share in right]


def finals(record: dict, variant: str, key: str = "test_errors") -> list:
    """The final figure of each seed, such as the number of test errors.

    Raises:
        RecordError: there is no such variant or key.
    """
    return [_part(record, run, "final", key) for run in runs(record, variant)]


def _part(record, run, part, key):
    if key not in run[part]:
        known = ", ".join(run[part])
        raise RecordError(
            f"record {record['name']!r} has no {part} {key!r} of {run['variant']!r}: "
            f"{known}"
        )
    return run[part][key]


def epochs_to_reach(accuracy, level):
    """The first epoch, counted from 1, whose accuracy is at least `level`, or None.

    Args:
        accuracy: of each epoch, such as `History.train_accuracy`.
        level: from 0 to 1.
    """
    return next((k for k, a in enumerate(accuracy, 1) if a >= level), None)


def kept_run(record: dict) -> dict:
    """The run whose weights are stored.

    Raises:
        RecordError: none was kept.
    """
    for run in record["runs"]:
        if "weights" in run:
            return run
    raise RecordError(f"record {record['name']!r} kept no weights")


def load_weights(name: str, folder=FOLDER) -> dict:
    """The trained weights of a record, a `state_dict` on the CPU.

    Only tensors are read; no code in the file is executed.

    Raises:
        RecordError: the record, the file or its checksum is not as it should be.
    """
    weights = kept_run(load_record(name, folder))["weights"]
    path = Path(folder) / weights["file"]
    if not path.exists():
        raise RecordError(
            f"the weights of {name!r} are missing: there is no {path.name} beside "
            f"{name}.json; restore it, or run python -m utils.experiments {name}"
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != weights["sha256"]:
        raise RecordError(
            f"{path.name} is not the file that the record {name!r} names (another "
            "SHA-256): restore both from the same commit"
        )
    try:
        return load_checkpoint(path)
    except CheckpointError as error:
        raise RecordError(str(error)) from error


def wrong_images(run: dict) -> np.ndarray:
    """The images stored of what a kept run got wrong: (errors, C, H, W), from 0 to 1.

    They belong to those of `run["wrong"]` that have an "image", in their order: all, or
    of very many errors the surest.

    Raises:
        RecordError: the run was not kept, so that its images are not stored.
    """
    drawn = [wrong["image"] for wrong in run.get("wrong", []) if "image" in wrong]
    if not drawn:
        raise RecordError(f"the run with seed {run['seed']} stores no images")
    return np.stack([_unpack(image) for image in drawn])


def pack_image(image: np.ndarray) -> str:
    """An image (C, H, W) in [0, 1] as text: sizes, then bytes, compressed, base64."""
    pixels = np.rint(255 * np.asarray(image)).astype(np.uint8)
    raw = bytes(pixels.shape) + pixels.tobytes()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def _unpack(text: str) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(text))
    pixels = np.frombuffer(raw[3:], np.uint8).reshape(tuple(raw[:3]))
    return pixels.astype(np.float32) / 255


@functools.cache
def _schema():
    """A function that raises where a record is not as the schema says."""
    schema = (FOLDER / "schema.json").read_text(encoding="utf-8")
    return fastjsonschema.compile(json.loads(schema))


def _check(record: dict, name: str) -> None:
    """What a schema cannot say."""
    if record["name"] != name:
        raise ValueError(f"its name is {record['name']!r}")
    seen = set()
    for run in record["runs"]:
        label = f"variant {run['variant']!r}, seed {run['seed']}"
        if run["variant"] not in record["variants"]:
            raise ValueError(f"{label}: the variant is not described")
        if (run["variant"], run["seed"]) in seen:
            raise ValueError(f"{label}: stands there twice")
        seen.add((run["variant"], run["seed"]))
        epochs = record["variants"][run["variant"]]["epochs"]
        if lengths := {len(c) for c in run["curve"].values()} - {epochs}:
            raise ValueError(f"{label}: a curve of {lengths.pop()}, not {epochs}")
        errors, accuracy = run["final"]["test_errors"], run["final"]["test_accuracy"]
        images, wrong = record["data"]["test"], run.get("wrong")
        listed = errors if wrong is None else len(wrong)
        if errors != listed or abs(1 - errors / images - accuracy) > 1e-9:
            raise ValueError(f"{label}: errors, their list and accuracy disagree")
        if any(w["index"] >= images or w["label"] == w["guess"] for w in wrong or ()):
            raise ValueError(f"{label}: an error that is none")
