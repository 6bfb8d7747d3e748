"""Each record is what its schema says, and one that is not is refused with a reason."""

import copy
import json
import re

import numpy as np
import pytest
import torch

from utils import experiments, records
from utils.records import RecordError, epochs_to_reach

NAMES = sorted(p.stem for p in records.FOLDER.glob("*.json") if p.stem != "schema")
KEPT = [n for n in NAMES if any("weights" in r for r in records.load_record(n)["runs"])]


@pytest.mark.parametrize("name", NAMES)
def test_record_is_whole_and_of_an_experiment_that_still_exists(name):
    record = records.load_record(name)
    experiment = experiments.EXPERIMENTS[name]
    assert record["about"] == experiment.about
    assert record["data"]["validation"] == (experiment.validation is not None)
    recorded = {(run["variant"], run["seed"]) for run in record["runs"]}
    wanted = {(v, s) for v in experiment.variants for s in experiment.seeds}
    assert recorded >= wanted, "not all of its runs are recorded"
    for variant, settings in record["variants"].items():
        now = experiment.variants[variant].settings()
        assert settings == now, "recorded with other settings than today's"


@pytest.mark.parametrize("name", NAMES)
def test_the_list_of_records_has_it_and_the_weights_it_keeps(name):
    rows = (records.FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = (row for row in rows if row.startswith("|") and f"`{name}`" in row)
    assert (f"`{name}.pt`" in row) == (name in KEPT)


@pytest.mark.parametrize("name", NAMES)
def test_record_tells_one_story(name):
    """Figures that could have been typed by hand follow from one another."""
    record = records.load_record(name)
    images = record["data"]["test"]
    for run in record["runs"]:
        curve, final = run["curve"], run["final"]
        # Where several views are read in the end, the curve knows nothing of them.
        if "views" not in record["variants"][run["variant"]]:
            assert final["test_accuracy"] == pytest.approx(curve["test_accuracy"][-1])
        assert final["train_accuracy"] == pytest.approx(
            curve["train_accuracy"][-1], abs=1e-4
        )
        for accuracy in curve["test_accuracy"]:  # whole numbers of images
            assert accuracy * images == pytest.approx(round(accuracy * images), abs=0.2)
        for wrong in run.get("wrong", []):
            assert wrong["share"] >= wrong["share_of_label"]


@pytest.mark.parametrize("name", NAMES)
def test_no_record_names_a_place_of_the_machine_it_was_made_on(name):
    text = (records.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert not re.search(r"(/home/|/root|/tmp/|/work/|/Users/|[A-Z]:\\\\)", text)


@pytest.mark.parametrize("name", KEPT)
def test_kept_weights_give_the_recorded_answers(name):
    record = records.load_record(name)
    run = records.kept_run(record)
    model = experiments.EXPERIMENTS[name].variants[run["variant"]].model()
    model.load_state_dict(records.load_weights(name))
    model.eval()
    images = torch.from_numpy(records.wrong_images(run))
    with torch.no_grad():
        shares = model(images).softmax(dim=1)
    drawn = [wrong for wrong in run["wrong"] if "image" in wrong]
    for wrong, share in zip(drawn, shares, strict=True):
        assert int(share.argmax()) == wrong["guess"]
        assert float(share.max()) == pytest.approx(wrong["share"], abs=2e-3)
        label = float(share[wrong["label"]])
        assert label == pytest.approx(wrong["share_of_label"], abs=2e-3)


def test_no_weights_without_a_record():
    stored = {p.name for p in records.FOLDER.glob("*.pt")}
    named = {records.kept_run(records.load_record(n))["weights"]["file"] for n in KEPT}
    assert stored == named


@pytest.mark.parametrize("name", NAMES)
def test_the_commit_of_a_record_holds_the_code_that_ran(name):
    for run in records.load_record(name)["runs"]:
        assert re.fullmatch("[0-9a-f]{40}", run["commit"]), "commit first, then run"


# --- what is wrong with a record is said


def run_of(variant="a", seed=0, **changes):
    wrong = [{"index": 3, "label": 1, "guess": 7, "share": 0.8}]
    curve = {
        key: [0.5, 0.9]
        for key in ("loss", "train_accuracy", "test_loss", "test_accuracy")
    }
    whole = {
        "variant": variant,
        "seed": seed,
        "date": "2026-01-02T03:04:05Z",
        "command": "python -m utils.experiments demo",
        "commit": "unknown",
        "hardware": {"device": "cpu", "processor": "x", "cores": 2, "threads": 1},
        "versions": {"python": "3", "torch": "2", "numpy": "2"},
        "seconds": 1.5,
        "curve": curve,
        "final": {
            "train_accuracy": 0.9,
            "test_loss": 0.9,
            "test_accuracy": 0.9,
            "test_errors": 1,
        },
        "wrong": wrong,
    }
    return whole | changes


def demo(**changes):
    settings = {
        "model": "Net",
        "parameters": 5,
        "epochs": 2,
        "batch_size": 4,
        "optimizer": "SGD",
        "loss": "cross_entropy",
    }
    whole = {
        "name": "demo",
        "about": "An experiment for these tests",
        "data": {"name": "mnist5k", "train": 90, "test": 10, "validation": False},
        "variants": {"a": settings},
        "runs": [run_of(seed=1), run_of(seed=0)],
    }
    return copy.deepcopy(whole | changes)


def store(folder, record):
    text = record if isinstance(record, str) else json.dumps(record)
    (folder / "demo.json").write_text(text, encoding="utf-8")
    return folder


def test_a_good_record_is_read(tmp_path):
    record = records.load_record("demo", store(tmp_path, demo()))
    assert [run["seed"] for run in records.runs(record, "a")] == [0, 1]
    assert records.finals(record, "a") == [1, 1]
    assert records.one_look(record, "a") == [1, 1]
    assert records.curves(record, "a", "loss").shape == (2, 2)
    with pytest.raises(RecordError, match="no curve 'los' of 'a': loss, train_acc"):
        records.curves(record, "a", "los")
    with pytest.raises(RecordError, match="no final 'errors' of 'a': .*test_errors"):
        records.finals(record, "a", "errors")
    with pytest.raises(RecordError, match="no runs of variant 'b': a"):
        records.runs(record, "b")
    with pytest.raises(RecordError, match="kept no weights"):
        records.kept_run(record)
    with pytest.raises(RecordError, match="seed 0 stores no images"):
        records.wrong_images(records.runs(record, "a")[0])


OTHER_FINAL = run_of()["final"] | {"test_errors": 2}
DAMAGED = {
    "not JSON": ('{"name": "demo"', "demo.json is damaged: .*delimiter"),
    "a list": ("[]", r"damaged: \[\] must be object"),
    "no runs": (demo(runs=[]), "damaged at runs: "),
    "another name": (demo(name="other"), "its name is 'other'"),
    "extra key": (demo(typed_by_hand=1), "typed_by_hand"),
    "no seed": (
        demo(runs=[{k: v for k, v in run_of().items() if k != "seed"}]),
        "damaged at runs/0: it must contain .'seed'",
    ),
    "accuracy": (
        demo(runs=[run_of(final=run_of()["final"] | {"test_accuracy": 1.2})]),
        "runs/0/final/test_accuracy: 1.2 must be smaller",
    ),
    "errors": (demo(runs=[run_of(final=OTHER_FINAL)]), "list and accuracy disagree"),
    "twice": (demo(runs=[run_of(), run_of()]), "seed 0: stands there twice"),
    "variant": (demo(runs=[run_of("b")]), "'b', seed 0: the variant is not described"),
    "short": (
        demo(runs=[run_of(curve=run_of()["curve"] | {"loss": [1]})]),
        "a curve of 1, not 2",
    ),
    "no error": (
        demo(runs=[run_of(wrong=[run_of()["wrong"][0] | {"guess": 1}])]),
        "an error that is none",
    ),
}


@pytest.mark.parametrize(("record", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_records_are_refused(tmp_path, record, message):
    with pytest.raises(RecordError, match=message) as caught:
        records.load_record("demo", store(tmp_path, record))
    assert "python -m utils.experiments demo" in str(caught.value)


def test_a_missing_record_says_which_there_are(tmp_path):
    with pytest.raises(RecordError, match=r"no record 'x' \(recorded: demo\): make it"):
        records.load_record("x", store(tmp_path, demo()))


def test_images_survive_packing():
    image = np.random.default_rng(0).integers(256, size=(3, 5, 7)) / np.float32(255)
    run = run_of(wrong=[{"image": records.pack_image(image)}] * 2)
    assert np.allclose(records.wrong_images(run), image, atol=1e-6)


# --- weights


def with_weights(folder, content=None):
    from hashlib import sha256

    from utils.checkpoints import save_checkpoint

    path = folder / "demo.pt"
    save_checkpoint(path, {"weight": torch.arange(3.0)})
    if content is not None:
        path.write_bytes(content)
    digest = sha256(path.read_bytes()).hexdigest()
    run = run_of(weights={"file": "demo.pt", "sha256": digest})
    return store(folder, demo(runs=[run])) / "demo.pt"


def test_weights_are_read(tmp_path):
    with_weights(tmp_path)
    weights = records.load_weights("demo", tmp_path)
    assert weights["weight"].tolist() == [0, 1, 2]


def test_missing_and_damaged_weights_are_refused(tmp_path):
    path = with_weights(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(RecordError, match="another SHA-256"):
        records.load_weights("demo", tmp_path)
    path.unlink()
    with pytest.raises(RecordError, match=r"there is no demo.pt beside demo.json"):
        records.load_weights("demo", tmp_path)


def test_code_in_weights_is_not_run(tmp_path):
    """Even if somebody made the checksum fit."""
    import pickle

    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            return mark.touch, ()

    with_weights(tmp_path, pickle.dumps(Evil()))
    with pytest.raises(RecordError, match="damaged or no checkpoint"):
        records.load_weights("demo", tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    with_weights(tmp_path, (tmp_path / "evil.pt").read_bytes())
    with pytest.raises(RecordError, match="damaged or no checkpoint"):
        records.load_weights("demo", tmp_path)
    assert not mark.exists()


def test_epochs_to_reach():
    accuracy = [0.3, 0.6, 0.75, 0.7, 0.9]
    assert [epochs_to_reach(accuracy, a) for a in (0.2, 0.75, 0.8)] == [1, 3, 5]
    assert epochs_to_reach(accuracy, 0.95) is None
    assert epochs_to_reach([], 0.5) is None
