"""What wants a GPU, the most valuable first, within a budget: `make gpu MINUTES=60`.

First the tests that need a device, then recorded runs. It runs unattended: what fails
is told, and the next begins. When the minutes are over, or on Ctrl+C, the step at work
is stopped after its last checkpoint, and the same command goes on from there: a test
that has passed, with this code on this device, and a run that is recorded are not
repeated. DEVICE=cpu stands in for a GPU, slowly.
"""

import argparse
import contextlib
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  # lists fonts before the kernels do
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools.exercises import write  # noqa: E402
from utils import experiments  # noqa: E402

PASSED = ROOT / ".cache/gpu.json"  # step -> where it passed
GRACE = 30  # seconds to stop in


@dataclass(frozen=True)
class Step:
    """A command, after `python -m`; a test is not repeated once it has passed.

    `bfloat16`: it is left out where a GPU only emulates that, at a crawl.
    """

    name: str
    command: tuple[str, ...]
    test: bool = False
    bfloat16: bool = False


def tests(name, *what) -> Step:
    quiet = ("-q", "-p", "no:cacheprovider")
    workers = ("-n", f"{min(8, os.cpu_count() or 1)}", "--no-loadscope-reorder")
    workers += ("--dist", "loadfile")  # the cells of a notebook share a kernel
    return Step(name, ("pytest", *quiet, *workers, *what), test=True)


def record(name, seeds="") -> Step:
    """Runs of an experiment; `seeds` as words, or all."""
    options = ["--seeds", *seeds.split()] if seeds else []
    words = (name, *options, "--device", "{device}")
    recipes = experiments.EXPERIMENTS[name].variants.values()
    return Step(
        f"{name} {seeds}".strip(),
        ("utils.experiments", *words),
        bfloat16=any(recipe.autocast == torch.bfloat16 for recipe in recipes),
    )


STEPS = [
    tests(
        "tests of the device",
        "tests/test_device.py",
        "tests/test_training.py",
        "tests/test_towers.py",
    ),
    # Those that train on a device if there is one; others stay on the processor.
    tests(
        *("notebooks", "--nbval-lax", "--nbval-kernel-startup-timeout", "600"),
        "chapters/06-lenet5.ipynb",
        "chapters/08-alexnet.ipynb",
        "chapters/09-inception.ipynb",
        "chapters/10-resnet.ipynb",
        "chapters/13-designing-cnns.ipynb",
    ),
    record("alexnet-cifar10", seeds="1 2"),
    record("networks-cifar10", seeds="2"),
    record("resnet-cifar10"),
]


def run(steps, minutes, device, passed=PASSED) -> list[tuple[str, float, str]]:
    """Each step that the budget reaches: its name, minutes, and what became of it."""
    deadline = time.monotonic() + 60 * minutes
    here = [_code(), torch.__version__, _name(device)]
    done = json.loads(passed.read_text()) if passed.exists() else {}
    outcomes = []
    for step in steps:
        start, outcome = time.monotonic(), None
        if start >= deadline:
            outcome = "not begun"
        elif step.test and here[0] and done.get(step.name) == here:
            outcome = "passed before"
        elif step.bfloat16 and device == "cuda" and not _has_bfloat16():
            outcome = "left out, this GPU has no bfloat16"
        else:
            print(f"\n--- {step.name}", flush=True)
            command = [word.format(device=device) for word in step.command]
            outcome = _outcome(command, deadline - start, device)
            if step.test and outcome == "done":
                done[step.name] = here
                write(passed, json.dumps(done))
        outcomes.append((step.name, (time.monotonic() - start) / 60, outcome))
        if outcome == "interrupted":
            break
    return outcomes


def _has_bfloat16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _outcome(command, seconds, device) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    child = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        start_new_session=True,  # Ctrl+C reaches it through us, once
    )
    try:
        code = child.wait(seconds)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as cut:
        for stop in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE)
                break
        timed = isinstance(cut, subprocess.TimeoutExpired)
        return "stopped, the time is over" if timed else "interrupted"
    return "done" if code == 0 else f"failed (exit status {code}, see above)"


def _code() -> str | None:
    """The commit, and what is changed since but for the records; None outside git."""

    def git(*words):
        return subprocess.run(
            ["git", "-C", ROOT, *words], capture_output=True, check=True
        ).stdout

    try:
        changes = git("diff", "HEAD", "--", ".", ":(exclude)results")
        new = git(
            "ls-files", "-oz", "--exclude-standard", "--", ".", ":(exclude)results"
        )
        for name in filter(None, new.split(b"\0")):
            changes += name + (ROOT / os.fsdecode(name)).read_bytes()
        commit = git("rev-parse", "HEAD").decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit} {hashlib.sha256(changes).hexdigest()[:8]}"


def _name(device) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def checked(minutes, device) -> tuple[float, str]:
    """The budget and the device, or a ValueError that says what to do."""
    try:
        budget = float(minutes)
    except ValueError:
        budget = math.nan
    if not 0 < budget < math.inf:
        raise ValueError(
            f"MINUTES must be a number above 0, such as MINUTES=60, got {minutes!r}"
        )
    if device not in ("cuda", "cpu"):
        raise ValueError(
            f"DEVICE must be cuda, or cpu to stand in for it, got {device!r} "
            "(CUDA_VISIBLE_DEVICES=1 chooses the second GPU)"
        )
    if device == "cuda" and not torch.cuda.is_available():
        why = (
            "no CUDA device is found, or its driver is older than CUDA "
            f"{torch.version.cuda} (TORCH_INDEX chooses a build for another)"
            if torch.version.cuda
            else "it is a build without CUDA: remove .venv and leave out TORCH_INDEX"
        )
        raise ValueError(
            f"torch {torch.__version__} cannot use a GPU here, {why}. DEVICE=cpu runs "
            "the same on the processor, in hours"
        )
    return budget, device


def main(arguments=None, steps=STEPS) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", default="60")
    parser.add_argument("--device", default="cuda")
    chosen = parser.parse_args(arguments)
    try:
        minutes, device = checked(chosen.minutes, chosen.device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    # Both stop the step at work, also where a shell had told us to ignore Ctrl+C.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    print(f"{_name(device)}, torch {torch.__version__}, {minutes:g} minutes")
    outcomes = run(steps, minutes, device)
    print(f"\n{'minutes':>7}  step")
    for name, spent, outcome in outcomes:
        print(f"{spent:7.1f}  {name}: {outcome}")
    if any(outcome != "done" for _, _, outcome in outcomes):
        print("The same command goes on from here.")
    return int(any("failed" in outcome for _, _, outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
