"""An experiment records what it did, goes on after a kill, and never mixes settings."""

import json
import math
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from utils import data, experiments, records
from utils.checkpoints import load_checkpoint
from utils.distributed import DeviceError
from utils.experiments import Experiment, Recipe, runner
from utils.experiments import resnet as resnet_experiments
from utils.records import RecordError
from utils.training import one_cycle

ROOT = Path(__file__).parents[1]


def tiny_net():
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10))


def blur(images):
    return images + 0.1 * torch.randn_like(images)


RECIPE = Recipe(tiny_net, epochs=2, batch_size=500, augment=blur)
DEMO = Experiment(
    "A small experiment for these tests",
    data="mnist5k",
    variants={"fast": replace(RECIPE, learning_rate=0.1), "slow": RECIPE},
    seeds=(0, 1),
    keep=("slow", 0),
)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A function that runs the experiment "demo" in a folder of its own."""
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", DEMO)
    monkeypatch.setenv("TQDM_DISABLE", "1")

    def run(**settings):
        runner.run_all(
            "demo",
            folder=tmp_path / "results",
            checkpoints=tmp_path / "checkpoints",
            device="cpu",
            **settings,
        )
        return records.load_record("demo", tmp_path / "results")

    run.folder = tmp_path
    return run


def without_circumstances(record):
    """A record without what may differ between two runs of the same thing."""
    record = json.loads(json.dumps(record))
    for run in record["runs"]:
        for key in ("date", "command", "commit", "seconds", "fastest_epoch"):
            del run[key]
        run.pop("weights", None)  # the same numbers; the file has its own date
    return record


def test_a_record_says_what_was_run_and_what_came_out(lab, monkeypatch):
    monkeypatch.setattr(runner, "LISTED", 200)
    record = lab()
    assert [(r["variant"], r["seed"]) for r in record["runs"]] == [
        ("fast", 0),
        ("fast", 1),
        ("slow", 0),
        ("slow", 1),
    ]
    assert record["variants"]["fast"] == {
        "model": "tiny_net",
        "epochs": 2,
        "batch_size": 500,
        "optimizer": "Adam",
        "learning_rate": 0.1,
        "loss": "cross_entropy",
        "augment": "blur",
        "parameters": 500,
    }
    assert record["data"] == {
        "name": "mnist5k",
        "train": 4000,
        "test": 1000,
        "validation": False,
    }
    for run in record["runs"]:
        errors = run["final"]["test_errors"]
        kept = (run["variant"], run["seed"]) == DEMO.keep
        assert ("wrong" in run) == (kept or errors <= runner.LISTED)
        assert len(run.get("wrong", range(errors))) == errors > 0
        assert run["versions"]["torch"] == torch.__version__
        assert run["hardware"]["threads"] == torch.get_num_threads()
        assert 0 < 2 * run["fastest_epoch"] <= 1.001 * run["seconds"]  # rounded
    assert len({"wrong" in run for run in record["runs"]}) == 2, "few and many errors"
    first, second = records.runs(record, "slow")
    assert first["curve"] != second["curve"], "the seed changes nothing"
    assert not list((lab.folder / "checkpoints").rglob("*.pt"))


def test_a_probe_sees_the_first_training_images_and_becomes_a_curve(lab, monkeypatch):
    train, _ = data.mnist5k()

    def mean_pixel(model, images, labels):
        assert labels.tolist() == train.y[: runner.PROBED].tolist()
        return {"mean_pixel": images.mean()}

    probed = replace(DEMO, variants={"fast": replace(RECIPE, probe=mean_pixel)})
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", probed)
    record = lab(seeds=[0])
    mean = train.x[: runner.PROBED].mean()
    assert record["variants"]["fast"]["probe"] == "mean_pixel"
    curve = records.curves(record, "fast", "mean_pixel")
    assert curve.shape == (1, 2)
    assert abs(curve - mean).max() < 1e-4


def test_the_kept_run_can_be_looked_at(lab):
    record = lab(only=["slow"], seeds=[0])
    run = records.kept_run(record)
    model = tiny_net()
    model.load_state_dict(records.load_weights("demo", lab.folder / "results"))
    _, test = data.mnist5k()
    guesses = model(torch.from_numpy(test.x)).argmax(1).numpy()
    wrong = [k for k in range(len(test.y)) if guesses[k] != test.y[k]]
    assert [w["index"] for w in run["wrong"]] == wrong
    assert [w["guess"] for w in run["wrong"]] == guesses[wrong].tolist()
    assert len(wrong) > runner.FEW
    drawn = [w for w in run["wrong"] if "image" in w]
    shown = test.x[[w["index"] for w in drawn]]
    assert abs(records.wrong_images(run) - shown).max() < 0.002
    shares = sorted((w["share"] for w in run["wrong"]), reverse=True)
    assert sorted((w["share"] for w in drawn), reverse=True) == shares[: len(drawn)]
    assert len(drawn) == runner.SUREST


def test_recorded_runs_are_not_run_again_and_new_seeds_are_added(lab, capsys):
    lab(only=["slow"], seeds=[0])
    before = (lab.folder / "results/demo.json").read_bytes()
    lab(only=["slow"], seeds=[0])
    assert (lab.folder / "results/demo.json").read_bytes() == before
    assert "slow, seed 0: recorded already" in capsys.readouterr().out
    record = lab(only=["slow"], seeds=[3])
    assert [run["seed"] for run in record["runs"]] == [0, 3]


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(lab):
    """The same command, given again, ends in the record of a run never killed."""
    file = lab.folder / "lab.py"
    file.write_text(
        "import sys, torch; torch.set_num_threads(1)\n"
        "from dataclasses import replace\nfrom pathlib import Path\n"
        "import test_experiments as t\nfrom test_training import die_after\n"
        "from utils import experiments\n"
        "from utils.experiments import runner\n"
        "many = replace(t.DEMO.variants['slow'], epochs=4)\n"
        "one = replace(t.DEMO, variants={'slow': many}, seeds=(0,))\n"
        "experiments.EXPERIMENTS['demo'] = one\n"
        "if steps := int(sys.argv[1]): die_after(steps)\n"
        "for here in map(Path, sys.argv[2:]):\n"
        "    runner.run_all('demo', folder=here / 'results', device='cpu',\n"
        "                   checkpoints=here / 'checkpoints')\n",
        encoding="utf-8",
    )
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    env = {**os.environ, "PYTHONPATH": paths, "TQDM_DISABLE": "1"}
    killed, whole = lab.folder / "killed", lab.folder / "whole"

    def start(steps, *folders):
        command = [sys.executable, file, f"{steps}", *folders]
        return subprocess.run(command, env=env, check=False).returncode

    assert start(2 * 8 + 3, killed) == -signal.SIGKILL  # eight steps are an epoch
    (checkpoint,) = killed.rglob("slow-0-*.pt")
    assert len(load_checkpoint(checkpoint)["history"]["loss"]) == 2
    assert not (killed / "results").exists()
    assert start(0, killed, whole) == 0
    again, never = (
        records.load_record("demo", folder / "results") for folder in (killed, whole)
    )
    assert without_circumstances(again) == without_circumstances(never)


def test_settings_are_never_mixed(lab, monkeypatch):
    lab(only=["slow"], seeds=[0])
    other = {"slow": replace(RECIPE, batch_size=250)}
    changed = replace(DEMO, variants=other)
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", changed)
    with pytest.raises(RecordError, match="other settings of variant 'slow'"):
        lab(seeds=[1])


@pytest.mark.parametrize("change", [{"validation": 300}, {"classes": (0, 1, 2)}])
def test_data_are_never_mixed(lab, monkeypatch, change):
    before = lab(only=["slow"], seeds=[0])
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", replace(DEMO, **change))
    with pytest.raises(RecordError, match="made with other data .*: move it away"):
        lab(only=["slow"], seeds=[1])
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", DEMO)
    assert lab(only=["slow"], seeds=[0]) == before


def test_a_validation_experiment_never_sees_the_test_set(lab, monkeypatch):
    """And one that trains on the first images only takes them from the others."""
    held = replace(DEMO, validation=300, first=2_000)
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", held)
    record = lab(only=["slow"], seeds=[0])
    train, test = data.mnist5k()
    assert record["data"]["validation"]
    assert (record["data"]["train"], record["data"]["test"]) == (2000, 300)
    used_train, used_test = held.load()
    assert (used_train.x == train.x[:2000]).all()
    assert (used_test.x == train.x[3700:]).all()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # up in a tenth of the steps, from a twenty-fifth, then down along a cosine
        (None, {0: 0.4, 9: 10, 99: 4e-5, 54: 10 * (1 + math.cos(math.pi / 2)) / 2}),
        (resnet_experiments.two_drops, {0: 10, 49: 10, 50: 1, 74: 1, 75: 0.1, 99: 0.1}),
    ],
)
def test_the_learning_rate_follows_its_schedule(lab, monkeypatch, schedule, expected):
    rates = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    recipe = Recipe(tiny_net, 20, 800, Watched, 10, schedule)
    assert recipe.schedule is schedule
    demo = replace(DEMO, variants={"one": recipe}, seeds=(0,), keep=None)
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", demo)
    record = lab()
    assert len(rates) == 100  # five steps an epoch
    for step, rate in expected.items():
        assert rates[step] == pytest.approx(rate, rel=0.01), step
    named = record["variants"]["one"].get("schedule")
    assert named == (schedule and "two_drops")


@pytest.mark.parametrize("steps", [2, 3, 5, 10, 14, 15, 20])
def test_a_short_cycle_goes_up_and_down_as_well(steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    schedule, rates = one_cycle(optimizer, steps), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(1 / 25)
    assert steps < 3 or 0.5 < max(rates[1:]) <= 1
    assert rates[-1] == pytest.approx(4e-6)
    with pytest.raises(ValueError, match="steps must be .* got 1"):
        one_cycle(optimizer, 1)


def test_quick_is_an_experiment_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "run_all", lambda name, **_: asked.append(name))
    assert runner.main(["resnet-cifar10", "--quick"]) == 0
    assert runner.main(["resnet-cifar10"]) == 0
    assert asked == ["resnet-cifar10-quick", "resnet-cifar10"]
    assert set(asked) < set(experiments.EXPERIMENTS)


@pytest.mark.parametrize(("room", "said"), [(130, "one of 125 would"), (0, "nor does")])
def test_a_device_that_is_full_says_which_batch_would_fit(lab, monkeypatch, room, said):
    class Hungry(nn.Flatten):
        def forward(self, images):
            if self.training and len(images) > room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    def hungry_net():
        return nn.Sequential(Hungry(), nn.Linear(784, 10))

    full = {"fast": replace(RECIPE, model=hungry_net)}
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", replace(DEMO, variants=full))
    message = f"demo, fast, seed 0: a batch of 500 does not fit .*\\(cpu\\); {said}"
    with pytest.raises(DeviceError, match=message):
        lab(seeds=[0])
    assert not (lab.folder / "results").exists()


def test_runs_that_end_at_once_are_all_recorded(lab):
    """Side by side: each reads, adds its own and writes, and none is lost."""
    (run,) = lab(seeds=[0], only=["fast"])["runs"]
    folder, seeds = lab.folder / "results", range(1, 12)

    def add(seed):
        runner.Record("demo", DEMO, folder).add({**run, "seed": seed}, (4000, 1000))

    with ThreadPoolExecutor(len(seeds)) as pool:
        list(pool.map(add, seeds))
    found = json.loads((folder / "demo.json").read_text())
    assert [run["seed"] for run in found["runs"]] == [0, *seeds]


def test_a_device_that_is_not_here_is_told_in_a_line(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert runner.main(["lenet5", "--device", "cuda"]) == 1
    assert "finds 0 of type 'cuda'" in capsys.readouterr().err


def test_a_run_that_is_there_is_not_recorded_twice(lab):
    (run,) = lab(seeds=[0], only=["fast"])["runs"]
    runner.Record("demo", DEMO, lab.folder / "results").add(run, (4000, 1000))
    assert len(records.load_record("demo", lab.folder / "results")["runs"]) == 1


def test_a_fault_of_the_code_shows_where_it_is(monkeypatch):
    def broken(name, **_):
        raise RuntimeError("Expected all tensors to be on the same device")

    monkeypatch.setattr(runner, "run_all", broken)
    with pytest.raises(RuntimeError, match="same device"):
        runner.main(["lenet5"])


def test_what_cannot_be_run_is_said(lab, capsys):
    with pytest.raises(ValueError, match="there is no experiment 'x': alexnet"):
        runner.run_all("x")
    with pytest.raises(ValueError, match="demo has no variant 'x': fast, slow"):
        lab(only=["x"])
    assert runner.main(["nothing"]) == 1
    said = capsys.readouterr()
    assert "there is no experiment 'nothing'" in said.err
    assert not said.out
    assert runner.main([]) == 0
    assert "demo: A small experiment for these tests" in capsys.readouterr().out


def test_without_data_the_command_says_what_to_do(monkeypatch, capsys):
    def nothing():
        raise data.DataError("MNIST cannot be fetched: set COURSE_DATA")

    monkeypatch.setattr(data, "mnist", nothing)
    experiment = replace(experiments.EXPERIMENTS["lenet5"], seeds=(99,))
    monkeypatch.setitem(experiments.EXPERIMENTS, "new", experiment)
    assert runner.main(["new", "--device", "cpu"]) == 1
    assert "set COURSE_DATA" in capsys.readouterr().err


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_variant_can_be_built_and_described(name):
    experiment = experiments.EXPERIMENTS[name]
    assert hasattr(data, experiment.data)
    assert experiment.keep is None or experiment.keep[0] in experiment.variants
    for recipe in experiment.variants.values():
        try:
            settings = json.dumps(recipe.settings())
        except RecordError:  # it begins where another record ends
            assert not (records.FOLDER / f"{name}.json").exists()
            continue
        assert " at 0x" not in settings, "an address is no description"
