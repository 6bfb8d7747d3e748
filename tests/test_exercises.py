"""The exercises: format, checks against right and wrong answers, grading."""

import atexit
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import colab
import nbformat
import pytest
from exercise_runner import names

from book.tools import exercises
from book.tools.exercises import kind

ROOT = Path(__file__).resolve().parents[1]
WRONG = ROOT / "tests" / "wrong_answers"
SLUGS = sorted(path.stem for path in exercises.MASTERS.glob("*.ipynb"))
CELL_SECONDS = 20  # of the processor; a wrong answer may loop for ever
SLOWEST = 10  # seconds for a cell of the solution; grading stops a cell at 30


def read(slug: str):
    path = exercises.MASTERS / f"{slug}.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


# --- wrong answers


class PatchError(ValueError):
    """A wrong answer that cannot be made of the solution."""


def load_wrong_answers(text: str) -> list[tuple[str, str, list]]:
    """Sections "@@ exK: what is wrong" as (cell id, what is wrong, changes).

    A change is (lines of the solution, lines in their place), and ends where the next
    one takes lines away or at an empty line. A section that takes no lines away is a
    whole cell, with one change (None, lines).

    Raises:
        PatchError: a line is neither a section's head nor begins with "-" or "+".
    """
    answers, begin = [], True
    for line in text.splitlines():
        if line.startswith("@@"):
            found = re.fullmatch(r"@@ (ex\d+[-\w]*): (\S.*)", line)
            if not found:
                raise PatchError(f"expected '@@ exK: what is wrong', got '{line}'")
            answers.append((found[1], found[2], []))
            begin = True
        elif line[:1] in ("-", "+") and answers:
            changes = answers[-1][2]
            if begin or (line[0] == "-" and changes[-1][1]):
                changes.append(([], []))
            begin = False
            changes[-1][line[0] == "+"].append(line[1:])
        elif line and answers:
            raise PatchError(f"expected '-', '+' or '@@', got '{line}'")
        else:
            begin = True
    for cell, what, changes in answers:
        if not changes:
            raise PatchError(f"'{cell}: {what}' has no code")
        if len(changes) == 1 and not changes[0][0]:
            changes[0] = (None, changes[0][1])
        if not all(old or old is None for old, _ in changes):
            raise PatchError(f"'{cell}: {what}' adds lines, but after which?")
    return answers


def apply(changes: list, solution: str) -> str:
    """The wrong answer that `changes` make of a solution cell.

    Raises:
        PatchError: lines to be taken away are not there, or more than once.
    """
    if changes[0][0] is None:
        return "\n".join(changes[0][1])
    lines = solution.split("\n")
    places = []
    for old, new in changes:
        found = [k for k in range(len(lines)) if lines[k : k + len(old)] == old]
        if len(found) != 1:
            count = "twice or more" if found else "not"
            raise PatchError(f"these lines are {count} in the solution:\n{join(old)}")
        places.append((found[0], len(old), new))
    for start, length, new in sorted(places, reverse=True):
        lines[start : start + length] = new
    return "\n".join(lines)


def join(lines: list[str]) -> str:
    return "\n".join(f"-{line}" for line in lines)


def wrong_answers(slug: str) -> list[tuple[str, str, str]]:
    """(cell id, what is wrong, source) of each wrong answer to an exercise."""
    path = WRONG / f"{slug}.diff"
    assert path.exists(), f"no wrong answers: write {path.relative_to(ROOT)}"
    solutions = {c.id: c.source for c in read(slug).cells if kind(c) == "solution"}
    answers = []
    for cell, what, changes in load_wrong_answers(path.read_text(encoding="utf-8")):
        try:
            source = apply(changes, solutions[cell])
        except KeyError:
            raise PatchError(f"'{cell}: {what}' replaces no solution cell") from None
        except PatchError as error:
            raise PatchError(f"{path.name}, '{cell}: {what}': {error}") from None
        answers.append((cell, what, source))
    return answers


SOLUTION = "def f(x):\n    y = x\n    return y\n\n\ndef g(x):\n    return x"


def test_a_wrong_answer_is_a_change_of_the_solution_or_a_whole_cell():
    text = """Plausible wrong answers
to be read by nobody.

@@ ex1: no change
-    y = x
-    return y
+    return 0
-    return x
@@ ex2-b: a whole cell

+b = 0
+
+c = 1
"""
    change, whole = load_wrong_answers(text)
    assert change[:2] == ("ex1", "no change")
    want = "def f(x):\n    return 0\n\n\ndef g(x):"
    assert apply(change[2], SOLUTION) == want
    assert whole[:2] == ("ex2-b", "a whole cell")
    assert apply(whole[2], SOLUTION) == "b = 0\n\nc = 1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@@ adds\n+a = 1", "expected '@@ exK"),
        ("@@ ex1:\n+a = 1", "expected '@@ exK"),
        ("@@ ex1: adds\n", "no code"),
        ("@@ ex1: adds\na = 1", "got 'a = 1'"),
        ("@@ ex1: adds\n+a = 1\n-b = 1", "after which"),
        ("@@ ex1: adds\n-    y = z\n+    y = 1", "not in the solution:\n-    y = z"),
        ("@@ ex1: adds\n-\n+    y = 1", "twice or more"),
    ],
)
def test_a_wrong_answer_that_cannot_be_made_is_said(text, complaint):
    with pytest.raises(PatchError, match=complaint):
        apply(load_wrong_answers(text)[0][2], SOLUTION)


# --- every check, against right and wrong answers


def used_later(source: str, later: list[str]) -> bool:
    """Whether one of the later cells uses a name that `source` binds at its top."""
    bound = names(source)[0]
    for cell in later:
        binds, reads = names(cell)
        if bound & reads:
            return True
        bound -= binds
    return False


def last_cells(cells: list[dict], answers: list[tuple[str, str, str]]) -> dict:
    """Where each wrong answer may stop: after its own exercise, if no other uses it."""
    found = {}
    for cell, what, source in answers:
        mine = exercises.exercise_of(cell)
        own = [k for k, c in enumerate(cells) if exercises.exercise_of(c["id"]) == mine]
        later = [cell["source"] for cell in cells[own[-1] + 1 :]]
        if not used_later(source, later):
            found[f"{cell}: {what}"] = own[-1]
    return found


def test_what_may_stop_early():
    sources = {"ex1": "a = 1", "ex1-test": "a", "ex2": "b = c = 2"}
    sources["ex3"] = "[b for c in (1, 2)]\nlambda a: a + d"
    cells = [{"id": name, "source": source} for name, source in sources.items()]
    wrong = [("ex1", "a", "a = 0"), ("ex1", "leak", "a = d = 4"), ("ex2", "b", "b = 0")]
    wrong += [("ex2", "c", "def c(): pass"), ("ex3", "d", "d = 0")]
    assert last_cells(cells, wrong) == {"ex1: a": 1, "ex2: c": 2, "ex3: d": 3}


def together(answers: list[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    """Few variants that show whether a wrong answer costs points of a later exercise.

    The exercise with k others after it is answered wrong in variant b if the number k
    has the bit b. Of any two exercises, the earlier one has the larger number, so in
    some variant it is answered wrong, and the later one is not.
    """
    first = {}
    for cell, _, source in answers:
        first.setdefault(exercises.exercise_of(cell), (cell, source))
    numbered = list(enumerate(reversed(first.values())))
    bits = range((len(first) - 1).bit_length())
    chosen = [dict(answer for k, answer in numbered if k >> b & 1) for b in bits]
    return {f"wrong in {', '.join(sorted(one))}": one for one in chosen}


def test_of_two_exercises_the_earlier_one_alone_is_wrong_somewhere():
    tasks = [f"ex{k}" for k in range(1, 9)]
    variants = together([(name, what, "") for name in tasks for what in "ab"]).values()
    assert len(variants) == 3
    for k, late in enumerate(tasks):
        for early in tasks[:k]:
            assert any(early in one and late not in one for one in variants)


@functools.cache
def runner() -> subprocess.Popen:
    """exercise_runner.py, waiting for jobs on a machine like Colab."""
    folder = tempfile.TemporaryDirectory(prefix="exercises-")
    environment = colab.machine(Path(folder.name))
    environment |= {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    script = str(ROOT / "tests" / "exercise_runner.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = subprocess.Popen(
        [sys.executable, script], env=environment, start_new_session=True, **pipes
    )
    atexit.register(folder.cleanup)
    atexit.register(os.killpg, started.pid, signal.SIGKILL)  # and all of its forks
    return started


def code(notebook) -> list[dict]:
    """The code cells, as the runner wants them."""
    return [
        {"id": cell.id, "source": cell.source, "test": kind(cell) == "test"}
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def run_variants(notebook, variants: dict[str, dict], folder: Path, last=None) -> dict:
    """Run `notebook` solved (name "") and with each variant's cells: see the runner."""
    (folder / "content").mkdir()
    job = {"cells": code(notebook), "variants": variants, "last": last or {}}
    job |= {"folder": str(folder / "content"), "afterwards": colab.AFTERWARDS}
    # A worker of xdist has a core to itself; this process and one child share it.
    job["jobs"] = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    job["seconds"] = CELL_SECONDS
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    print(folder / "job.json", folder / "results.json", file=runner().stdin, flush=True)
    assert runner().stdout.readline() == "done\n", "the runner died: see stderr"
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def scores(notebook, passed: list[str]) -> dict[str, float]:
    """Points that the tests give, by exercise."""
    return {
        name: sum(worth for cell, worth in cells.items() if cell in passed)
        for name, cells in exercises.points(notebook).items()
    }


def full_marks(notebook) -> dict[str, float]:
    """Points that the tests can give, by exercise (written answers left out)."""
    tests = [cell.id for cell in notebook.cells if kind(cell) == "test"]
    return scores(notebook, tests)


@pytest.mark.parametrize("slug", SLUGS)
def test_master_has_the_format(slug):
    assert exercises.check_master(read(slug)) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_there_are_three_wrong_answers_for_each_graded_exercise(slug):
    notebook = read(slug)
    answers = wrong_answers(slug)
    sources = {c.id: c.source for c in notebook.cells if kind(c) == "solution"}
    for cell, what, source in answers:
        assert source != sources[cell].strip(), f"'{cell}: {what}' is the solution"
        compile(source, f"{cell}: {what}", "exec")
    titles = [(cell, what) for cell, what, _ in answers]
    assert len(set(titles)) == len(titles), "two wrong answers have the same title"
    tested = [name for name, most in full_marks(notebook).items() if most]
    count = [exercises.exercise_of(cell) for cell, _, _ in answers]
    few = [name for name in tested if count.count(name) < 3]
    assert not few, f"fewer than three wrong answers for {', '.join(few)}"


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS[::-1])  # the longest first
def test_right_answers_pass_and_wrong_answers_lose_their_points(slug, tmp_path):
    """Solved, empty and every wrong answer; all complaints are listed."""
    notebook, answers = read(slug), wrong_answers(slug)
    full = full_marks(notebook)
    variants = {"empty copy": {}}
    for cell in notebook.cells:
        if kind(cell) == "solution":
            variants["empty copy"][cell.id] = exercises.student_source(cell)
    variants |= together(answers)
    variants |= {f"{cell}: {what}": {cell: source} for cell, what, source in answers}
    last = last_cells(code(notebook), answers)
    results = run_variants(notebook, variants, tmp_path, last)

    complaints = []
    solved = results.pop("")
    for cell, error in solved["errors"].items():
        complaints.append(f"the solved master fails in {cell}: {error}")
    for cell in solved["noisy"]:
        complaints.append(f"the solved master writes to stderr in {cell}")
    for cell, seconds in solved["seconds"].items():
        if seconds > SLOWEST:
            complaints.append(f"cell {cell} of the solution takes {seconds:.0f} s")
    empty = results.pop("empty copy")
    for cell in empty.get("passed", ["(it died)"]):
        complaints.append(f"an empty copy passes {cell}")
    for name, result in results.items():
        if "died" in result:
            complaints.append(f"'{name}' ends the process")
            continue
        mine = {exercises.exercise_of(cell) for cell in variants[name]}
        for exercise, got in scores(notebook, result["passed"]).items():
            if exercise in mine and got >= full[exercise]:
                complaints.append(f"'{name}' is not noticed")
            elif exercise not in mine and got < full[exercise] and name not in last:
                why = {c: e for c, e in result["errors"].items() if exercise in c}
                complaints.append(f"'{name}' costs points of {exercise}: {why}")
    assert not complaints, "\n".join(complaints)
