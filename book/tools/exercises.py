"""Student copies and the solutions edition of the exercises: `make exercises`.

The masters in `exercises/` are notebooks in nbgrader's format, with solutions and
hidden tests. Two copies of each are written:

- `_build/exercises/student/NN-slug.ipynb`: to hand out, no solutions, no hidden tests;
- `_build/exercises/solutions/NN-slug.ipynb`: everything, executed, with its outputs.

nbgrader lives in an environment of its own (`.venv-grade`) and runs the notebooks with
the interpreter that called this script.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MASTERS = ROOT / "exercises"
BUILD = ROOT / "_build" / "exercises"
ENVIRONMENT = ROOT / ".venv-grade"
SETUP_CELL = ROOT / "book" / "tools" / "setup_cell.txt"

SOLUTION = ("BEGIN SOLUTION", "END SOLUTION")
HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
TEXT_STUB = "YOUR ANSWER HERE"
SCHEMA = 3  # of nbgrader's cell metadata
LINE = 78  # characters, so that a cell can be read on a phone


# --- the format of a master


def kind(cell) -> str:
    """What `cell` is for: "solution", "test", "written", "locked" or "text"."""
    marks = cell.metadata.get("nbgrader")
    if not marks:
        return "text"
    if marks.get("grade") and marks.get("solution"):
        return "written"
    if marks.get("grade"):
        return "test"
    return "solution" if marks.get("solution") else "locked"


def exercise_of(grade_id: str) -> str:
    """The exercise a cell belongs to: "ex3" of "ex3-test-a"; "" if to none."""
    found = re.match(r"ex[1-9]\d*(?=-|$)", grade_id)
    return found[0] if found else ""


def cut(source: str, marks: tuple[str, str], stub: str = "") -> tuple[str, str]:
    """`source` with each marked region replaced by `stub`, and the lines taken out.

    Raises:
        ValueError: a region is nested, not closed or not opened.
    """
    kept, taken, inside = [], [], False
    for line in source.split("\n"):
        if marks[0] in line or marks[1] in line:
            if inside == (marks[0] in line):
                raise ValueError(f"'{marks[0]}' and '{marks[1]}' do not alternate")
            inside = not inside
            if inside and stub:
                indent = line[: len(line) - len(line.lstrip())]
                kept += [indent + row for row in stub.split("\n")]
        else:
            (taken if inside else kept).append(line)
    if inside:
        raise ValueError(f"'{marks[0]}' without '{marks[1]}'")
    return "\n".join(kept), "\n".join(taken)


def student_source(cell) -> str:
    """The source that a student gets in place of this cell of a master."""
    if kind(cell) == "test":
        return cut(cell.source, HIDDEN)[0]
    if kind(cell) not in ("solution", "written"):
        return cell.source
    stub = CODE_STUB if cell.cell_type == "code" else TEXT_STUB
    if SOLUTION[0] not in cell.source:
        return stub
    return cut(cell.source, SOLUTION, stub)[0]


def points(notebook) -> dict[str, dict[str, float]]:
    """Points of each exercise by grade id: {"ex1": {"ex1-test": 2.0}, ...}."""
    table = {}
    for cell in notebook.cells:
        if kind(cell) in ("test", "written"):
            marks = cell.metadata.nbgrader
            one = table.setdefault(exercise_of(marks.grade_id), {})
            one[marks.grade_id] = float(marks.points)
    return table


def check_cell(cell) -> list[str]:
    """What is wrong with one cell of a master, as sentences."""
    what, name, source = kind(cell), cell.get("id", "?"), cell.source
    problems = []
    if what == "text":
        if cell.cell_type == "code":
            problems.append("a code cell must be a solution, a test or locked")
    else:
        marks = cell.metadata.nbgrader
        if marks.get("schema_version") != SCHEMA:
            problems.append(f"nbgrader schema_version must be {SCHEMA}")
        for key in ("grade", "solution", "locked", "task"):
            if not isinstance(marks.get(key), bool):
                problems.append(f"nbgrader '{key}' must be true or false")
        if marks.get("grade_id") != name:
            problems.append(f"grade_id {marks.get('grade_id')!r} is not the cell's id")
        if what in ("test", "locked") and marks.get("locked") is not True:
            problems.append("nbgrader 'locked' must be true")
        if what in ("solution", "written") and marks.get("locked"):
            problems.append("nbgrader 'locked' must be false")
        if what in ("solution", "test", "written") and not exercise_of(name):
            problems.append("the id of a solution or a test begins with exK")
        if what in ("test", "written"):
            worth = marks.get("points")
            if isinstance(worth, bool) or not isinstance(worth, int | float):
                problems.append("a graded cell needs points")
            elif not 0 < worth < 1000:
                problems.append(f"points must be positive, got {worth}")
        elif "points" in marks:
            problems.append(f"a {what} cell has no points")
    if what == "test" and cell.cell_type != "code":
        problems.append("a test must be a code cell")
    if what == "written" and cell.cell_type != "markdown":
        problems.append("a written answer must be a Markdown cell")
    try:
        for marks, allowed in (
            (SOLUTION, ("solution", "written")),
            (HIDDEN, ("test",)),
        ):
            marked = marks[0] in source or marks[1] in source
            cut(source, marks)
            if marked and what not in allowed:
                problems.append(f"'{marks[0]}' in a {what} cell")
            if not marked and what == "solution" and marks is SOLUTION:
                problems.append(f"a solution cell needs '### {marks[0]}'")
    except ValueError as error:
        problems.append(str(error))
    if cell.cell_type == "code":
        problems += check_code(cell)
    elif re.search(r"^\s*(```+|~~~+|:::+)\s*\{|\{[a-z:]+\}`", source, re.MULTILINE):
        problems.append("MyST syntax, which shows as raw text on Colab")
    return [f"{name}: {problem}" for problem in problems]


def check_code(cell) -> list[str]:
    """What is wrong with the code of one cell of a master, as sentences."""
    problems = []
    if cell.outputs or cell.execution_count is not None:
        problems.append("a master carries no outputs")
    if any(len(line) > LINE for line in cell.source.split("\n")):
        problems.append(f"a line is longer than {LINE} characters")
    try:
        body = ast.parse(cell.source).body
        ast.parse(student_source(cell))
    except (SyntaxError, ValueError) as error:
        return [*problems, f"not plain Python: {error}"]
    if kind(cell) == "test":
        visible = ast.walk(ast.parse(student_source(cell)))
        if not any(isinstance(node, ast.Assert) for node in visible):
            problems.append("a test needs at least one assert that students see")
        if any(
            isinstance(n, ast.Assert) and n.msg is None
            for n in ast.walk(ast.Module(body, []))
        ):
            problems.append("every assert of a test says what is wrong (a message)")
        if body and isinstance(body[-1], ast.Expr):
            problems.append("nbgrader would read the value of the last line as points")
    return problems


def check_master(notebook) -> list[str]:
    """What keeps a notebook from being a master, as sentences; empty if nothing."""
    problems = []
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        problems.append("the kernelspec must be python3")
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        problems.append("the notebook's format must be 4.5")
    cells = notebook.cells
    if not cells or cells[0].cell_type != "markdown" or cells[0].source[:2] != "# ":
        problems.append("the first cell must be Markdown with a title")
    setup = SETUP_CELL.read_text(encoding="utf-8").strip()
    if (
        len(cells) < 2
        or cells[1].get("id") != "setup"
        or cells[1].source.strip() != setup
    ):
        problems.append("the second cell must be the set-up cell of book/tools")
    ids = [cell.get("id") for cell in cells]
    problems += [
        f"{i}: the id is not unique"
        for i in sorted({i for i in ids if ids.count(i) > 1})
    ]
    for cell in cells:
        problems += check_cell(cell)
    if problems:
        return problems
    tasks = points(notebook)
    kinds = {
        name: {kind(c) for c in cells if exercise_of(c.id) == name} for name in tasks
    }
    if not 4 <= len(tasks) <= 8:
        problems.append(f"an assignment has 4 to 8 exercises, this one {len(tasks)}")
    if not any("written" in found for found in kinds.values()):
        problems.append("at least one exercise asks for a written answer")
    for name, found in kinds.items():
        if "test" in found and "solution" not in found:
            problems.append(f"{name}: a test but no solution cell")
    for cell in cells:
        if kind(cell) == "solution" and exercise_of(cell.id) not in tasks:
            problems.append(f"{cell.id}: a solution that nothing grades")
    return problems
