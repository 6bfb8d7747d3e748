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
from exercise_runner import names, reached

from book.tools import exercises
from book.tools.exercises import kind
from book.tools.outputs import MAY_DIFFER

ROOT = Path(__file__).resolve().parents[1]
WRONG = ROOT / "tests" / "wrong_answers"
SLUGS = sorted(path.stem for path in exercises.MASTERS.glob("*.ipynb"))
CELL_SECONDS = 20  # of the processor; a wrong answer may loop for ever
SLOWEST = 10  # seconds for a cell of the solution; grading stops a cell at 30


def read(slug: str):
    path = exercises.MASTERS / f"{slug}.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


# --- what a task says of itself, and the student copy


def test_the_head_of_a_task_is_read():
    head = "## 3 The layer (2 points)\n\n*In code and in words · 20 minutes · sections"
    found = exercises.about(f"{head} 4.3, 4.4 and 5.1*\n\nWrite it.")
    want = ("The layer", "In code and in words", 20, ("4.3", "4.4", "5.1"))
    assert (found.title, found.kind, found.minutes, found.sections) == want
    assert exercises.about(f"{head.replace('In code', 'At ease')} 4.3*\n\nGo.") is None
    assert exercises.about("## 3 The layer (2 points)\n\nWrite it.") is None


def small_master():
    """A master with a task whose numbers may differ."""
    sources = {
        "title": "# Exercises 0: Small",
        "setup": exercises.setup_cell(),
        "ex1-text": "## 1 Twice (1 point)\n\nTwice {{height}}, or {{shape}}?",
        "ex1-numbers": "height = 3  # or 4, 5\nshape = (1, 2)  # or (3, 4)\nfix = 7",
        "ex1": "### BEGIN SOLUTION\ntwice = 2 * height\n### END SOLUTION",
        "ex1-test": "assert twice > 0, 'no'\n### BEGIN HIDDEN TESTS\nassert twice == "
        "2 * height, 'not twice'\n### END HIDDEN TESTS",
        "ex1-hint-1": "Add.",
        "ex1-why": "So.\n\n**Next:** thrice.",
        "ex2-text": "## 2 Words (1 point)",
    }
    made = nbformat.v4.new_notebook()
    for name, source in sources.items():
        code = source.startswith(("#", "assert", "height")) and "text" not in name
        code = code and name != "title"
        new = nbformat.v4.new_code_cell if code else nbformat.v4.new_markdown_cell
        made.cells.append(new(source, id=name))
        if code:
            marks = {"grade": "test" in name, "solution": name == "ex1"}
            made.cells[-1].metadata["nbgrader"] = marks | {"grade_id": name}
    made.cells[4].outputs = [nbformat.v4.new_output("stream", text="6")]
    return made


def test_a_student_copy():
    copied = exercises.student_copy(small_master(), "00-small")
    cells = {cell.id: cell.source for cell in copied.cells}
    order = "title setup check ex1-text ex1-numbers ex1 ex1-test ex1-check ex2-text"
    assert list(cells) == order.split()
    assert cells["ex1-text"].endswith("Twice 3, or (1, 2)?")
    assert cells["ex1-numbers"] == "height = 3\nshape = (1, 2)\nfix = 7"
    assert cells["ex1"] == exercises.CODE_STUB
    assert "HIDDEN" not in cells["ex1-test"]
    assert cells["ex1-check"] == 'check("1")'
    assert 'Exercises("00-small")' in cells["check"]
    assert copied.cells[5].outputs == []
    assert copied.metadata["exercise"] == "00-small"
    bare = exercises.student_copy(small_master(), "00-small", checks="none")
    assert [c.id for c in bare.cells] == [n for n in cells if "check" not in n]
    visible = exercises.student_copy(small_master(), "00-small", checks="visible")
    assert 'Exercises("00-small", hidden=False)' in visible.cells[2].source


def test_how_long_a_cell_may_run_is_told():
    for checks in exercises.CHECKS:
        copied = exercises.student_copy(small_master(), "00-small", checks=checks)
        assert "compute for 30 seconds" in copied.cells[0].source
        assert "all of it for 5 minutes" in copied.cells[0].source
    page = (exercises.ROOT / "book" / "teach.md").read_text(encoding="utf-8")
    cell, whole = exercises.CELL_SECONDS, exercises.NOTEBOOK_SECONDS
    assert f"{cell} seconds and a notebook for {whole}" in page


def test_a_notebook_whose_cells_may_run_longer_says_so():
    master = small_master()
    master.cells[-1].metadata["seconds"] = exercises.CELL_SECONDS + 100
    copied = exercises.student_copy(master, "00-small")
    assert "all of it for 6 minutes" in copied.cells[0].source


HOURS = {"two": 2, "three": 3, "four": 4, "five": 5}


@pytest.mark.parametrize("slug", SLUGS)
def test_hours_are_those_of_the_tasks(slug):
    cells = [c.source for c in read(slug).cells if c.cell_type == "markdown"]
    told = re.search(r"About (?:(\w+)( and a half)? hours|(\d+) minutes)", cells[0])
    minutes = int(told[3] or 60 * HOURS[told[1]] + (30 if told[2] else 0))
    abouts = [about for source in cells if (about := exercises.about(source))]
    assert abs(sum(about.minutes for about in abouts) - minutes) <= 15


def test_numbers_of_ones_own():
    master = small_master()
    seen = set()
    for student in map(str, range(40)):
        varied = exercises.vary(master, student)
        numbers = exercises.numbers_of(varied)["ex1"]
        assert numbers == exercises.numbers_of(exercises.vary(master, student))["ex1"]
        copied = exercises.student_copy(master, "00-small", student)
        assert f"Twice {numbers['height']}, or" in copied.cells[3].source
        assert copied.cells[4].source == varied.cells[3].source
        assert copied.metadata["variant"] == student
        seen.add((numbers["height"], numbers["shape"]))
    assert seen == {(h, s) for h in (3, 4, 5) for s in ((1, 2), (3, 4))}
    assert exercises.vary(master, "") == master == small_master()


@pytest.mark.parametrize("line", ["height: 3", "height = x", "height = 3  # or 4,,5"])
def test_numbers_that_cannot_be_read(line):
    with pytest.raises(ValueError, match="expected 'name = value  # or value, value'"):
        exercises.read_numbers(line)
    with pytest.raises(ValueError, match="'{{width}}' has no value"):
        exercises.rendered("of {{width}}", {"height": 3})


# --- wrong answers


class PatchError(ValueError):
    """A wrong answer that cannot be made of the solution."""


def sentences(text: str) -> dict[str, str]:
    """What each wrong answer is told, or a part of it: {"exK: what": sentence}.

    It stands under the section's head, after "= ".
    """
    found = re.findall(r"^@@ (.+)\n= (.+)$", text, re.MULTILINE)
    return {head.strip(): said.strip() for head, said in found}


def load_wrong_answers(text: str) -> list[tuple[str, str, list]]:
    """Sections "@@ exK: what is wrong" as (cell id, what is wrong, changes).

    A line "= …" under the head is what the student is told, see `sentences`. A change
    is (lines of the solution, lines in their place), and ends where the next one takes
    lines away or at an empty line. A section that takes no lines away is a whole cell,
    with one change (None, lines).

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
        elif line.startswith("= ") and answers and not answers[-1][2]:
            continue
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
= what the student is told
-    y = x
-    return y
+    return 0
-    return x
@@ ex2-b: a whole cell

+b = 0
+
+c = 1
"""
    assert sentences(text) == {"ex1: no change": "what the student is told"}
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


def used_later(source: str, before: list[str], later: list[str]) -> bool:
    """Whether a later cell uses a name that `source` binds, or what calls it."""
    bound = reached(names(source)[0], before)
    for cell in later:
        binds, reads = names(cell)
        if bound & reads:
            return True
        bound -= binds
    return False


def last_of(cells: list[dict], cell: str) -> int:
    """Where the exercise that a cell belongs to ends."""
    mine = exercises.exercise_of(cell)
    return max(k for k, c in enumerate(cells) if exercises.exercise_of(c["id"]) == mine)


def last_cells(cells: list[dict], answers: list[tuple[str, str, str]]) -> dict:
    """Where each wrong answer may stop: after its own exercise, if no other uses it."""
    found = {}
    for cell, what, source in answers:
        end = last_of(cells, cell) + 1
        before = [c["source"] for c in cells[:end] if not c.get("test")]
        if not used_later(source, before, [c["source"] for c in cells[end:]]):
            found[f"{cell}: {what}"] = end - 1
    return found


def test_what_may_stop_early():
    sources = {"ex1": "a = 1", "ex1-test": "a", "ex2": "b = c = 2"}
    sources["ex3"] = "[b for c in (1, 2)]\nlambda a: a + d"
    cells = [{"id": name, "source": source} for name, source in sources.items()]
    wrong = [("ex1", "a", "a = 0"), ("ex1", "leak", "a = d = 4"), ("ex2", "b", "b = 0")]
    wrong += [("ex2", "c", "def c(): pass"), ("ex3", "d", "d = 0")]
    assert last_cells(cells, wrong) == {"ex1: a": 1, "ex2: c": 2, "ex3: d": 3}


def parts(cells: list[dict]) -> dict[str, list[int]]:
    """Of each exercise its first cell and the one after its last: {name: [k, n]}.

    What stands between two exercises is counted to the later one.
    """
    found, end = {}, None
    for k, cell in enumerate(cells):
        if name := exercises.exercise_of(cell["id"]):
            found.setdefault(name, [k if end is None else end, k])[1] = end = k + 1
    return found


def test_what_calls_a_changed_function_is_changed():
    before = ["def pair():\n    return unit()", "x = pair()", "y = 1"]
    assert reached({"unit"}, before) == {"unit", "pair", "x"}


def test_parts_of_a_notebook():
    cells = [{"id": name} for name in ("setup", "ex1", "ex1-test", "data", "ex2-a")]
    assert parts(cells) == {"ex1": [1, 3], "ex2": [3, 5]}


def first_of_each(answers: list[tuple[str, str, str]]) -> dict[str, str]:
    """The first wrong answer to each exercise: {cell id: source}."""
    first = {}
    for cell, _, source in answers:
        first.setdefault(exercises.exercise_of(cell), (cell, source))
    return dict(first.values())


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
        {
            "id": cell.id,
            "source": cell.source,
            "kind": kind(cell),
            "test": kind(cell) == "test",
        }
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def run_variants(
    notebook, variants: dict[str, dict], folder: Path, answers=(), seconds=CELL_SECONDS
) -> dict:
    """Run `notebook` solved (name "") and with each variant's cells: see the runner.

    Of wrong answers, (cell id, what is wrong, source), each is a variant.
    """
    (folder / "content").mkdir()
    cells = code(notebook)
    variants = variants | {f"{cell}: {what}": {cell: s} for cell, what, s in answers}
    last = last_cells(cells, answers)
    for name, changed in variants.items():
        for cell in (c for c in changed if c.endswith("-numbers")):
            last[name] = last_of(cells, cell)
    job = {"cells": cells, "variants": variants, "last": last}
    job |= {"wrong": first_of_each(answers), "parts": parts(cells) if answers else {}}
    job |= {"folder": str(folder / "content"), "afterwards": colab.AFTERWARDS}
    job |= {"seconds": seconds, "judged": ["empty copy"]}
    # A worker of xdist has a core to itself; this process and one child share it.
    job["jobs"] = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    files = json.dumps([str(folder / "job.json"), str(folder / "results.json")])
    print(files, file=runner().stdin, flush=True)
    assert runner().stdout.readline() == "done\n", "the runner died: see stderr"
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def other_numbers(notebook) -> dict[str, dict]:
    """Each number that students may get in place of the one that stands there."""
    found = {}
    for cell in (c for c in notebook.cells if kind(c) == "numbers"):
        table = exercises.read_numbers(cell.source)
        for k in range(1, max(map(len, table.values()))):
            lines = [f"{name} = {v[k % len(v)]!r}" for name, v in table.items()]
            found[f"{cell.id}: {', '.join(lines)}"] = {cell.id: "\n".join(lines)}
    return found


@pytest.mark.slow
def test_the_runner_sees_what_goes_wrong(tmp_path):
    cells = {
        "setup": f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nshared = []",
        "ex1": "def f():\n    return 1",
        "ex1-b": "runs = f()\nshared.append(2)",
        "ex1-test-a": "assert f() == 1",
        "ex1-test-b": "assert runs == 1\nassert len(shared) == 1",
        "ex2": "g = 2\nprint(g)",
        "ex2-test": "assert g == 2\nassert shared == [2]",
    }
    made = [nbformat.v4.new_code_cell(text, id=name) for name, text in cells.items()]
    for cell in made:
        if "test" in cell.id:
            cell.metadata["nbgrader"] = {"grade": True, "grade_id": cell.id}
    answers = [
        ("ex1", "leaks", "shared[:] = [7]\ndef f():\n    return 0"),
        ("ex1", "not noticed", "def f():\n    return 1.0"),
        (
            "ex1",
            "prints",
            "import sys\ndef f():\n    return print(file=sys.stderr) or 1",
        ),
        ("ex1", "dies", "import os\nos._exit(1)"),
        ("ex2", "dear", "while True:\n    g = 3"),
    ]
    notebook = nbformat.v4.new_notebook(cells=made)
    results = run_variants(notebook, {}, tmp_path, answers, seconds=0.2)
    assert results[""]["passed"] == ["ex1-test-a", "ex1-test-b", "ex2-test"]
    assert "afterwards" in results[""]["errors"], "it has not fetched the course"
    leaks = results["ex1: leaks"]
    assert list(leaks["errors"]) == ["ex1-test-a"], "done at the first failure"
    assert "ex1-b" not in leaks["seconds"], "which does not need this cell"
    assert results["ex1: not noticed"]["passed"] == ["ex1-test-a", "ex1-test-b"]
    assert "ex1-test-a" in results["ex1: prints"]["noisy"]
    assert results[""]["printed"] == {"ex2": "2\n"}
    assert "died" in results["ex1: dies"]
    assert "TimeOut" in results["ex2: dear"]["errors"]["ex2"]
    after = results["after wrong"]
    assert after["ex1"]["passed"] == ["ex1-test-a", "ex1-test-b"]
    assert list(after["ex2"]["errors"]) == ["ex1-test-a", "ex1-test-b", "ex2-test"]


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


@pytest.mark.parametrize("path", exercises.copies(), ids=lambda path: path.stem)
def test_student_copies_are_current_and_hide_what_they_should(path):
    assert path.read_text("utf-8") == exercises.copies()[path], "run make outputs"
    copied = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert exercises.check_student(copied, read(path.stem)) == []


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
    said = sentences((WRONG / f"{slug}.diff").read_text(encoding="utf-8"))
    silent = [f"{c}: {w}" for c, w in titles if f"{c}: {w}" not in said]
    assert not silent, f"no '= sentence that the student gets' under: {silent}"
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
    numbers = other_numbers(notebook)
    results = run_variants(notebook, variants | numbers, tmp_path, answers)

    complaints = []
    for name in numbers:
        for cell, why in results.pop(name)["errors"].items():
            complaints.append(f"with {name} the solution fails in {cell}: {why}")
    solved = results.pop("")
    for cell, error in solved["errors"].items():
        complaints.append(f"the solved master fails in {cell}: {error}")
    for cell, why in solved["judge"].items():
        if why:
            complaints.append(f"the judge refuses the solved master in {cell}: {why}")
    for cell in solved["noisy"]:
        complaints.append(f"the solved master writes to stderr in {cell}")
    for cell in notebook.cells:
        if kind(cell) not in ("solution", "locked") or cell.id == "setup":
            continue
        shown = "".join(o.text for o in cell.get("outputs", []) if "text" in o)
        found = solved["printed"].get(cell.id, "")
        if shown != found and MAY_DIFFER not in cell.metadata.get("tags", []):
            complaints.append(f"{cell.id} prints {found!r}: make outputs")
    for cell, seconds in solved["seconds"].items():
        if seconds > SLOWEST:
            complaints.append(f"cell {cell} of the solution takes {seconds:.0f} s")
    empty = results.pop("empty copy")
    for cell in empty.get("passed", ["(it died)"]):
        complaints.append(f"an empty copy passes {cell}")
    for cell, why in empty.get("judge", {}).items():
        if not why:
            complaints.append(f"the judge lets an empty copy pass {cell}")
    for exercise, result in results.pop("after wrong").items():
        got = scores(notebook, result.get("passed", []))[exercise]
        if got < full[exercise]:
            why = {c: e for c, e in result.get("errors", {}).items() if exercise in c}
            complaints.append(f"wrong answers before {exercise} cost its points: {why}")
    if not (empty.get("judge") and any("judge" in r for r in results.values())):
        complaints.append("the judge is not asked about wrong answers")
    last = last_cells(code(notebook), answers)
    said = sentences((WRONG / f"{slug}.diff").read_text(encoding="utf-8"))
    for name, result in results.items():
        if "died" in result:
            complaints.append(f"'{name}' ends the process")
            continue
        mine = exercises.exercise_of(name.split(":")[0])
        for exercise, got in scores(notebook, result["passed"]).items():
            if exercise == mine and got >= full[exercise]:
                complaints.append(f"'{name}' is not noticed")
            elif exercise != mine and got < full[exercise] and name not in last:
                why = {c: e for c, e in result["errors"].items() if exercise in c}
                complaints.append(f"'{name}' costs points of {exercise}: {why}")
        for cell, why in result.get("judge", {}).items():
            if not why and exercises.exercise_of(cell) == mine:
                complaints.append(f"the judge lets '{name}' pass {cell}")
        told = [e for c, e in result["errors"].items() if c.startswith(f"{mine}-test")]
        if told and said.get(name, "") not in told[0]:
            complaints.append(f"'{name}' is told: {told[0]!r}, not {said.get(name)!r}")
    assert not complaints, "\n".join(complaints)
