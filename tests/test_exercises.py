"""The exercises: format, checks against right and wrong answers, grading."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from book.tools import exercises

ROOT = Path(__file__).resolve().parents[1]
WRONG = ROOT / "tests" / "wrong_answers"
SLUGS = sorted(path.stem for path in exercises.MASTERS.glob("*.ipynb"))
CELL_SECONDS = 20  # of the processor; a wrong answer may loop for ever
SLOWEST = 10  # seconds for a cell of the solution; grading stops a cell at 30


def read(slug: str):
    path = exercises.MASTERS / f"{slug}.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


# --- wrong answers


def load_wrong_answers(text: str) -> list[tuple[str, str, str]]:
    """Sections "# %% exK: what is wrong" as (cell id, what is wrong, source).

    Raises:
        ValueError: a section's head cannot be read, or it has no code.
    """
    heads = list(re.finditer(r"^# %%(.*)$", text, re.MULTILINE))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    answers = []
    for head, end in zip(heads, ends, strict=True):
        found = re.fullmatch(r"\s*(ex\d+[-\w]*):\s*(\S.*?)\s*", head[1])
        if not found:
            raise ValueError(f"expected '# %% exK: what is wrong', got '{head[0]}'")
        source = text[head.end() : end].strip()
        if not source:
            raise ValueError(f"no code after '{head[0]}'")
        answers.append((found[1], found[2], source))
    return answers


def wrong_answers(slug: str) -> list[tuple[str, str, str]]:
    path = WRONG / f"{slug}.py"
    assert path.exists(), f"no wrong answers: write {path.relative_to(ROOT)}"
    return load_wrong_answers(path.read_text(encoding="utf-8"))


def test_wrong_answers_are_read_section_by_section():
    text = '"""About."""\n\n# %% ex1: adds\na = 1 + 1\n\n# %% ex2-b: no loop\n\nb = 0\n'
    assert load_wrong_answers(text) == [
        ("ex1", "adds", "a = 1 + 1"),
        ("ex2-b", "no loop", "b = 0"),
    ]
    for broken in ("# %% adds\na = 1\n", "# %% ex1:\na = 1\n", "# %% ex1: adds\n\n"):
        with pytest.raises(ValueError, match=r"expected|no code"):
            load_wrong_answers(broken)


# --- every check, against right and wrong answers


def used_later(source: str, later: list[str]) -> bool:
    """Whether one of the later cells uses a name that `source` binds at its top."""
    bound = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        else:
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            bound |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return any(
        isinstance(node, ast.Name) and node.id in bound
        for text in later
        for node in ast.walk(ast.parse(text))
    )


def last_cells(cells: list[dict], variants: dict[str, dict[str, str]]) -> dict:
    """Where each variant may stop: after its own exercise, if nothing hangs on it.

    One wrong answer to each exercise is followed to the end of the notebook all the
    same, and so is one that binds a name which a later exercise uses.
    """
    found, followed = {}, set()
    for name, answers in variants.items():
        mine = {exercises.exercise_of(cell) for cell in answers}
        if len(mine) != 1:
            continue
        if not mine <= followed:
            followed |= mine
            continue
        own = [k for k, c in enumerate(cells) if exercises.exercise_of(c["id"]) in mine]
        later = [cell["source"] for cell in cells[own[-1] + 1 :]]
        if not any(used_later(source, later) for source in answers.values()):
            found[name] = own[-1]
    return found


def test_what_may_stop_early():
    cells = [
        {"id": i, "source": s}
        for i, s in [
            ("ex1", "a = 1"),
            ("ex1-test", "a"),
            ("ex2", "b = 2"),
            ("ex3", "b"),
        ]
    ]
    wrong = {"first": {"ex1": "a = 0"}, "second": {"ex1": "a = 3"}}
    wrong |= {"third": {"ex2": "b = 0"}, "fourth": {"ex2": "b = 3"}}
    wrong |= {"all": {"ex1": "", "ex2": ""}, "leak": {"ex1": "a = b = 4"}}
    assert last_cells(cells, wrong) == {"second": 1}


def run_variants(notebook, variants: dict[str, dict[str, str]], folder: Path) -> dict:
    """Run `notebook` solved (name "") and with each variant's cells: see the runner."""
    cells = [
        {
            "id": cell.id,
            "source": cell.source,
            "test": exercises.kind(cell) == "test",
        }
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    job = {"cells": cells, "variants": variants, "seconds": CELL_SECONDS, "jobs": 2}
    job["last"] = last_cells(cells, variants)
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    script = str(ROOT / "tests" / "exercise_runner.py")
    subprocess.run(
        [
            sys.executable,
            script,
            str(folder / "job.json"),
            str(folder / "results.json"),
        ],
        cwd=exercises.MASTERS,
        env=environment,
        check=True,
        timeout=300,
    )
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name, last in job["last"].items():  # what it cannot touch went as it went
        rest = [c["id"] for c in cells[last + 1 :] if c["id"] in results[""]["passed"]]
        results[name].get("passed", []).extend(rest)
    return results


def scores(notebook, passed: list[str]) -> dict[str, float]:
    """Points that the tests give, by exercise."""
    return {
        name: sum(worth for cell, worth in cells.items() if cell in passed)
        for name, cells in exercises.points(notebook).items()
    }


def full_marks(notebook) -> dict[str, float]:
    """Points that the tests can give, by exercise (written answers left out)."""
    tests = [cell.id for cell in notebook.cells if exercises.kind(cell) == "test"]
    return scores(notebook, tests)


@pytest.mark.parametrize("slug", SLUGS)
def test_master_has_the_format(slug):
    assert exercises.check_master(read(slug)) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_there_are_three_wrong_answers_for_each_graded_exercise(slug):
    notebook = read(slug)
    answers = wrong_answers(slug)
    sources = {
        c.id: c.source for c in notebook.cells if exercises.kind(c) == "solution"
    }
    for cell, what, source in answers:
        assert cell in sources, f"'{cell}: {what}' replaces no solution cell"
        assert source != sources[cell].strip(), f"'{cell}: {what}' is the solution"
        compile(source, f"{cell}: {what}", "exec")
    titles = [(cell, what) for cell, what, _ in answers]
    assert len(set(titles)) == len(titles), "two wrong answers have the same title"
    tested = [name for name, most in full_marks(notebook).items() if most]
    count = [exercises.exercise_of(cell) for cell, _, _ in answers]
    few = [name for name in tested if count.count(name) < 3]
    assert not few, f"fewer than three wrong answers for {', '.join(few)}"


@pytest.mark.parametrize("slug", SLUGS)
def test_right_answers_pass_and_wrong_answers_lose_their_points(slug, tmp_path):
    """Solved, empty and every wrong answer; all complaints are listed."""
    notebook = read(slug)
    full = full_marks(notebook)
    variants = {"empty copy": {}}
    for cell in notebook.cells:
        if exercises.kind(cell) == "solution":
            variants["empty copy"][cell.id] = exercises.student_source(cell)
    answers = wrong_answers(slug)
    variants |= {f"{cell}: {what}": {cell: source} for cell, what, source in answers}
    results = run_variants(notebook, variants, tmp_path)

    complaints = []
    solved = results.pop("")
    for cell, error in solved["errors"].items():
        complaints.append(f"the solved master fails in {cell}: {error}")
    if solved["slowest"] > SLOWEST:
        complaints.append(f"a cell of the solution takes {solved['slowest']:.0f} s")
    empty = results.pop("empty copy")
    for cell in empty.get("passed", ["(it died)"]):
        complaints.append(f"an empty copy passes {cell}")
    for name, result in results.items():
        if "died" in result:
            complaints.append(f"'{name}' ends the process")
            continue
        mine = exercises.exercise_of(name.split(":")[0])
        for exercise, got in scores(notebook, result["passed"]).items():
            if exercise == mine and got >= full[exercise]:
                complaints.append(f"'{name}' is not noticed")
            elif exercise != mine and got < full[exercise]:
                why = {c: e for c, e in result["errors"].items() if exercise in c}
                complaints.append(f"'{name}' costs points of {exercise}: {why}")
    assert not complaints, "\n".join(complaints)
