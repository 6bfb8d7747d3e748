"""`make gpu` keeps to its budget, tells what fails, and goes on; the CPU stands in."""

import dataclasses
import functools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import colab
import nbformat
import pytest
import torch

from book.tools import gpu
from utils import experiments

ROOT = Path(__file__).parents[1]
NEVER = 10_000  # seconds that no step takes


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A function that makes a step of a few lines of Python, which may leave files."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}")
    monkeypatch.setenv("FOLDER", f"{tmp_path}")

    def step(name, code, test=False):
        start = """
            import os, pathlib, signal, sys, time
            # A shell has commands that it starts in the background ignore SIGINT.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            here = pathlib.Path(os.environ["FOLDER"])
            """
        text = textwrap.dedent(start) + textwrap.dedent(code)
        (tmp_path / f"step_{name}.py").write_text(text, encoding="utf-8")
        return gpu.Step(name, (f"step_{name}", "{device}"), test)

    step.folder = tmp_path
    return step


def outcomes(steps, lab, minutes=1.0):
    passed = lab.folder / "new" / "passed.json"
    return {name: what for name, _, what in gpu.run(steps, minutes, "cpu", passed)}


def test_the_cells_of_a_notebook_share_a_kernel(tmp_path, monkeypatch):
    """Also where the workers could share them out: in the order of a step."""
    for name in "ab":
        cells = ["number = 1"] + ["number += 1"] * 4 + ["assert number == 5"]
        book = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(book, tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(gpu.os, "cpu_count", lambda: 2)
    (step,) = (step for step in gpu.STEPS if step.name == "notebooks")
    first = next(
        k for k, word in enumerate(step.command) if word.startswith("chapters")
    )
    command = [*gpu.tests("", *step.command[1:first]).command, str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_a_gpu_without_bfloat16_is_spared(lab, monkeypatch):
    step = dataclasses.replace(lab("record", "pass"), bfloat16=True)
    monkeypatch.setattr(gpu, "_name", lambda device: device)
    for has, outcome in ((False, "left out, this GPU has no bfloat16"), (True, "done")):
        monkeypatch.setattr(gpu, "_has_bfloat16", lambda has=has: has)
        passed = lab.folder / "passed.json"
        ((_, _, told),) = gpu.run([step], 1.0, "cuda", passed)
        assert told == outcome
    assert outcomes([step], lab) == {"record": "done"}
    spared = {step.name for step in gpu.STEPS if step.bfloat16}
    assert spared == {"networks-cifar10 2"}


def test_what_fails_is_told_and_the_next_begins(lab):
    steps = [
        lab("bad", "sys.exit(3)"),
        lab("good", "(here / sys.argv[1]).touch()"),
    ]
    assert outcomes(steps, lab) == {
        "bad": "failed (exit status 3, see above)",
        "good": "done",
    }
    assert (lab.folder / "cpu").exists()


def test_when_the_time_is_over_the_step_stops_as_by_ctrl_c(lab):
    slow = f"""
        try:
            (here / "ready").touch()
            time.sleep({NEVER})
        except KeyboardInterrupt:
            (here / "kept").touch()
        """
    steps = [lab("slow", slow), lab("next", "(here / 'begun').touch()")]
    for seconds in (2, 8, 32, 128):  # however slow this machine is
        assert outcomes(steps, lab, minutes=seconds / 60) == {
            "slow": "stopped, the time is over",
            "next": "not begun",
        }
        if (lab.folder / "ready").exists():
            break
    assert (lab.folder / "kept").exists()
    assert not (lab.folder / "begun").exists()


def test_a_step_that_does_not_stop_is_killed(lab, monkeypatch):
    monkeypatch.setattr(gpu, "GRACE", 0.5)
    deaf = f"""
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep({NEVER})
        """
    steps = [lab("deaf", deaf)]
    assert outcomes(steps, lab, minutes=2 / 60) == {"deaf": "stopped, the time is over"}


def test_a_test_that_passed_here_is_not_repeated(lab, monkeypatch):
    count = "with open(here / 'runs', 'a') as f: f.write('.')"
    steps = [lab("fine", count, test=True), lab("record", count)]
    monkeypatch.setattr(gpu, "_code", lambda: "this")
    assert set(outcomes(steps, lab).values()) == {"done"}
    assert outcomes(steps, lab) == {"fine": "passed before", "record": "done"}
    for code in ("another", None):
        monkeypatch.setattr(gpu, "_code", lambda code=code: code)
        assert outcomes(steps, lab) == {"fine": "done", "record": "done"}
    assert (lab.folder / "runs").read_text() == 7 * "."


def test_the_code_is_the_same_until_it_is_changed(tmp_path, monkeypatch):
    """A new record is no change, another edit of a changed file is one."""
    monkeypatch.setattr(gpu, "ROOT", tmp_path)
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)  # a hook's, which name another repository
    assert gpu._code() is None

    git = functools.partial(colab.git, tmp_path)
    git("init", "-q")
    (tmp_path / "results").mkdir()
    (tmp_path / "code.py").write_text("one = 1\n")
    git("add", ".")
    git("commit", "-qm", "one")
    seen = [gpu._code()]
    (tmp_path / "results" / "new.json").write_text("{}")
    assert gpu._code() == seen[0]
    for text in ("one = 2\n", "one = 3\n", "one = 1\n"):
        (tmp_path / "code.py").write_text(text)
        seen.append(gpu._code())
    assert len(set(seen)) == 3
    assert seen[3] == seen[0]
    for text in ("two = 2\n", "two = 3\n"):
        (tmp_path / "new.py").write_text(text)
        seen.append(gpu._code())
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("minutes", "device", "message"),
    [
        ("0", "cpu", "MINUTES must be a number above 0, .* got '0'"),
        ("-3", "cpu", "above 0, .* got '-3'"),
        ("", "cpu", "above 0, .* got ''"),
        ("nan", "cpu", "above 0, .* got 'nan'"),
        ("an hour", "cpu", "above 0, .* got 'an hour'"),
        ("5", "gpu", "DEVICE must be cuda, or cpu .* got 'gpu'"),
    ],
)
def test_a_budget_or_device_that_is_none_is_refused(minutes, device, message, capsys):
    with pytest.raises(ValueError, match=message):
        gpu.checked(minutes, device)
    assert gpu.main(["--minutes", minutes, "--device", device], steps=None) == 2
    assert "must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("version", "message"), [(None, "build without CUDA"), ("13.0", "no CUDA device")]
)
def test_without_a_gpu_it_says_so(version, message, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", version)
    assert gpu.main([], steps=None) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "DEVICE=cpu" in said


def test_the_command_ends_with_a_table(lab, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "PASSED", lab.folder / "passed.json")
    monkeypatch.setattr(gpu.signal, "signal", lambda *_: None)
    steps = [lab("bad", "sys.exit(1)"), lab("good", "pass")]
    assert gpu.main(["--minutes", "1", "--device", "cpu"], steps) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"cpu, torch {torch.__version__}, 1 minutes")
    assert "good: done" in said
    assert said.endswith("The same command goes on from here.\n")
    assert gpu.main(["--minutes", "1", "--device", "cpu"], steps[1:]) == 0


def test_every_step_names_what_there_is():
    """Tests that exist; experiments, variants and seeds that can be asked for."""
    for step in gpu.STEPS:
        module, *words = step.command
        if module == "pytest":
            files = [w for w in words if w.startswith(("tests/", "chapters"))]
            assert files
            assert all((ROOT / f).exists() for f in files)
            continue
        name, *words = words
        experiment = experiments.EXPERIMENTS[name]
        options, last = {}, None
        for word in words:
            if word.startswith("--"):
                last = options.setdefault(word, [])
            else:
                last.append(word)
        assert set(options.get("--only", [])) <= set(experiment.variants)
        assert all(seed.isdigit() for seed in options.get("--seeds", []))
        assert options["--device"] == ["{device}"]


def test_make_passes_the_budget_on():
    clean = {k: v for k, v in os.environ.items() if k not in ("DEVICE", "MAKEFLAGS")}
    command = ["make", "-n", "gpu", "MINUTES=12"]
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True)
    assert 'gpu.py --minutes "12" --device "cuda"' in done.stdout
