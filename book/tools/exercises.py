"""The exercises' format, and what is handed out of it: `make exercises`.

The masters in `exercises/masters/` are notebooks in nbgrader's format, with solutions,
hidden tests, hints and outputs. Of each is made

- `exercises/NN-slug.ipynb`, the student copy: no solutions, hidden tests or hints;
- `_build/exercises/solutions/NN-slug.ipynb`, everything, to read;
- with `--variants`, `_build/exercises/variants/NN-slug/`, a copy for each student.
"""

import argparse
import ast
import contextlib
import copy
import functools
import hashlib
import importlib.util
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools.layout import setup_cell  # noqa: E402

MASTERS = ROOT / "exercises" / "masters"
BUILD = ROOT / "_build" / "exercises"
ENVIRONMENT = ROOT / ".venv-grade"
REQUIREMENTS = ROOT / "book" / "tools" / "requirements-grade.txt"

SOLUTION = ("BEGIN SOLUTION", "END SOLUTION")
HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
TEXT_STUB = "YOUR ANSWER HERE"
SCHEMA = 3  # of nbgrader's cell metadata
LINE = 78  # characters, so that a cell can be read on a phone


# --- the format of a master


def kind(cell) -> str:
    """What `cell` is for.

    "solution", "test", "written", "numbers", "locked", "hint", "why" or "text".
    """
    marks = cell.metadata.get("nbgrader")
    if not marks:
        aside = re.search(r"^ex\d+-(hint|why)(?:-\d+)?$", cell.get("id", ""))
        return aside[1] if aside else "text"
    if marks.get("grade") and marks.get("solution"):
        return "written"
    if marks.get("grade"):
        return "test"
    if marks.get("solution"):
        return "solution"
    return "numbers" if cell.get("id", "").endswith("-numbers") else "locked"


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


@dataclass(frozen=True)
class About:
    """The head of a task: its title, and "*In code · 20 minutes · section 4.3*"."""

    title: str
    kind: str
    minutes: int
    sections: tuple[str, ...]


KINDS = ("By hand", "In code", "Experiment", "In words")
ABOUT = re.compile(
    r"## \d+ (?P<title>.+) \(\d+ points?\)\n\n"
    r"\*(?P<kind>[^·*]+) · (?P<minutes>\d+) minutes · "
    r"sections? (?P<sections>[\d.]+(?:(?:, | and )[\d.]+)*)\*\n\n"
)


def about(source: str) -> About | None:
    """The head of a task's text, read; None if it is not as it should be."""
    found = ABOUT.match(source)
    if not found:
        return None
    kinds = found["kind"].split(" and ")
    first = {word.lower(): word for word in KINDS}
    if kinds[0] not in KINDS or not all(word.lower() in first for word in kinds):
        return None
    sections = tuple(re.findall(r"\d+\.\d+", found["sections"]))
    return About(found["title"], found["kind"], int(found["minutes"]), sections)


def titles(master) -> dict[str, str]:
    """The tasks by what they are called: {"ex3": "3 Two kernels in one"}."""
    found = {}
    for cell in master.cells:
        task = exercise_of(cell.id)
        head = re.match(r"#+\s*(.+)", cell.source)
        if task and task not in found and cell.cell_type == "markdown" and head:
            found[task] = re.sub(r"\s*\(\d+(\.\d+)? points?\)\s*$", "", head[1]).strip()
    return found


# --- numbers that may differ from student to student


def read_numbers(source: str) -> dict[str, list]:
    """The lines "name = value  # or value, value" of a cell: {name: [values]}.

    Raises:
        ValueError: a line is of another form.
    """
    table = {}
    for line in filter(str.strip, source.split("\n")):
        found = re.fullmatch(r"([A-Za-z]\w*) = (.+?)(?:  # or (.+))?", line)
        try:
            first = ast.literal_eval(found[2])
            others = ast.literal_eval(f"[{found[3] or ''}]")
        except (TypeError, ValueError, SyntaxError):
            raise ValueError(
                f"expected 'name = value  # or value, value', got '{line}'"
            ) from None
        table[found[1]] = [first, *others]
    return table


def numbers_of(notebook) -> dict[str, dict]:
    """The numbers of each task as they stand: {"ex1": {"height": 48}}."""
    return {
        exercise_of(cell.id): {
            name: values[0] for name, values in read_numbers(cell.source).items()
        }
        for cell in notebook.cells
        if kind(cell) == "numbers"
    }


def rendered(source: str, numbers: dict) -> str:
    """A task's text with its numbers: "{{height}}" becomes "48".

    Raises:
        ValueError: a number has no value.
    """

    def value(found) -> str:
        if found[1] not in numbers:
            raise ValueError(f"'{found[0]}' has no value in the task's numbers")
        return str(numbers[found[1]])

    return re.sub(r"\{\{(\w+)\}\}", value, source)


def vary(master, student: str):
    """A copy of `master` with the numbers of a student; as they stand if that is "".

    Each number is chosen by the student, the notebook and its name, and nothing else.
    """
    master = copy.deepcopy(master)
    salt = master.cells[0].source.split("\n")[0]
    for cell in master.cells if student else ():
        if kind(cell) != "numbers":
            continue
        lines = []
        for name, values in read_numbers(cell.source).items():
            text = f"{salt}|{student}|{cell.id}|{name}"
            chosen = int(hashlib.sha256(text.encode()).hexdigest(), 16) % len(values)
            lines.append(f"{name} = {values[chosen]!r}")
        cell.source = "\n".join(lines)
    return master


# --- the student copy

CELL_SECONDS, NOTEBOOK_SECONDS = 30, 300  # of processor time, where it is graded
LIMITS = (
    "When this notebook is graded, a cell may compute for {} seconds, unless its task "
    "says otherwise, and all of it for {} minutes; a cell that takes longer is stopped."
)
CASES = {
    "all": "on more cases than you see here",
    "visible": "on the cases that you see here",
    "none": "",
}
CHECKS = tuple(CASES)
TOOLS = (
    '`check("1")` tests your answers to task 1, {}, and '
    'says what is wrong; `hint("1")` gives a hint, and another each time.'
)


def allowed(cells, most=CELL_SECONDS, total=NOTEBOOK_SECONDS) -> tuple[dict, float]:
    """Cells that may compute for longer than `most`, id -> seconds; the notebook."""
    seconds = {c.id: c.metadata.get("seconds", 0) for c in cells}
    seconds = {name: value for name, value in seconds.items() if value > most}
    return seconds, total + sum(value - most for value in seconds.values())


def student_copy(master, slug: str, student: str = "", checks: str = "all"):
    """What a student gets of a master: no solution, hidden test, hint or output.

    Args:
        slug: the notebook's name.
        student: whose numbers it has; "" for those that stand in the master.
        checks: what `check` runs in it: "all" tests or the "visible" ones; "none":
            there is no such cell.
    """
    master = vary(master, student)
    numbers = numbers_of(master)
    made = nbformat.v4.new_notebook(metadata=copy.deepcopy(master.metadata))
    made.nbformat_minor = 5
    made.metadata["exercise"] = slug  # tells the grader which assignment this is
    if student:
        made.metadata["variant"] = student

    def add_check(task: str) -> None:
        tested = any(
            kind(c) == "test" and exercise_of(c.id) == task for c in master.cells
        )
        if tested and checks != "none":
            made.cells.append(tool(f"{task}-check", f'check("{task[2:]}")'))

    task = ""
    for cell in master.cells:
        if (mine := exercise_of(cell.id)) != task and mine:
            add_check(task)
            task = mine
        if kind(cell) in ("hint", "why"):
            continue
        new = copy.deepcopy(cell)
        new.source = student_source(cell)
        new.metadata.pop("tags", None)
        if kind(cell) == "numbers":
            own = numbers[mine].items()
            new.source = "\n".join(f"{name} = {value!r}" for name, value in own)
        elif cell.cell_type == "markdown":
            new.source = rendered(new.source, numbers.get(mine, {}))
        if cell.cell_type == "code":
            new.outputs, new.execution_count = [], None
        if cell.id == "title":
            tools = f"{TOOLS.format(CASES[checks])}\n\n" if CASES[checks] else ""
            _, whole = allowed(master.cells)
            new.source += f"\n\n{tools}{LIMITS.format(CELL_SECONDS, whole // 60)}"
        made.cells.append(new)
        if cell.id == "setup" and checks != "none":
            hidden = "" if checks == "all" else ", hidden=False"
            lines = [
                "from utils.exercises import Exercises",
                "",
                f'tasks = Exercises("{slug}"{hidden})',
                'check, hint = tasks.check, tasks.hint  # hint("1") helps with task 1',
            ]
            made.cells.append(tool("check", "\n".join(lines)))
    add_check(task)
    return made


@functools.cache
def copies() -> dict[Path, str]:
    """The student copies as they should be: path → content."""
    made = {}
    for path in sorted(MASTERS.glob("*.ipynb")):
        master = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        text = nbformat.writes(student_copy(master, path.stem)) + "\n"
        made[MASTERS.parent / path.name] = text
    return made


def write_student_copies() -> list[Path]:
    """Write the student copies that are not as they should be; which they were."""
    old = []
    for path, text in copies().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write(path, text)
            old.append(path)
    return old


def tool(name: str, source: str):
    """A cell of the student copy that its master lacks."""
    marks = {"grade": False, "solution": False, "locked": True, "task": False}
    marks |= {"grade_id": name, "schema_version": SCHEMA}
    return nbformat.v4.new_code_cell(source, id=name, metadata={"nbgrader": marks})


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
    if what in ("text", "hint", "why"):
        if cell.cell_type == "code":
            problems.append("a code cell must be a solution, a test or locked")
    else:
        marks = cell.metadata.nbgrader
        if marks.get("schema_version") != SCHEMA:
            problems.append(f"nbgrader schema_version must be {SCHEMA}")
        for key in ("grade", "solution", "locked"):
            if not isinstance(marks.get(key), bool):
                problems.append(f"nbgrader '{key}' must be true or false")
        if marks.get("task"):
            problems.append("nbgrader 'task' cells are not used here")
        if marks.get("grade_id") != name:
            problems.append(f"grade_id {marks.get('grade_id')!r} is not the cell's id")
        if what in ("test", "locked", "numbers") and marks.get("locked") is not True:
            problems.append("nbgrader 'locked' must be true")
        if what in ("solution", "written") and marks.get("locked"):
            problems.append("nbgrader 'locked' must be false")
        if what in ("solution", "test", "written") and not exercise_of(name):
            problems.append("the id of a solution or a test must begin with exK")
        if what in ("test", "written"):
            worth = marks.get("points")
            if isinstance(worth, bool) or not isinstance(worth, int | float):
                problems.append("a graded cell needs points")
            elif not 0 < worth < 1000:
                problems.append(f"points must be positive, got {worth}")
        elif "points" in marks:
            problems.append(f"a {what} cell has no points")
    if what == "numbers":
        try:
            read_numbers(source)
        except ValueError as error:
            problems.append(str(error))
    if what == "why" and "\n\n**Next:** " not in source:
        problems.append("the last paragraph must begin with '**Next:** '")
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
    if kind(cell) == "test" and cell.outputs:
        problems.append("a test must not print: its answer is right or not")
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
            problems.append("every assert of a test must say what is wrong (a message)")
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
    setup = setup_cell()
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
        problems.append("at least one exercise must ask for a written answer")
    for name, found in kinds.items():
        if "test" in found and "solution" not in found:
            problems.append(f"{name}: a test but no solution cell")
    for cell in cells:
        if kind(cell) == "solution" and exercise_of(cell.id) not in tasks:
            problems.append(f"{cell.id}: a solution that nothing grades")
    for name in tasks:
        problems += check_task(name, [c for c in cells if exercise_of(c.id) == name])
    try:
        student_copy(notebook, "")
    except ValueError as error:
        problems.append(str(error))
    return problems


def check_task(name: str, cells: list) -> list[str]:
    """What is wrong with the cells of a task together, as sentences."""
    problems = []
    for cell in cells:
        seconds = cell.metadata.get("seconds")
        if seconds and f"{seconds // 60} minutes when" not in cells[0].source:
            problems.append(f"{cell.id}: its text does not say that it has {seconds} s")
    if cells[0].id != f"{name}-text" or about(cells[0].source) is None:
        problems.append(
            f"{name}: it must open with a Markdown cell {name}-text, '## K Title (P "
            f"points)', '*By hand · 10 minutes · section 4.3*' (or {', '.join(KINDS)})"
        )
    said = re.match(r"## .+ \((\d+(?:\.\d+)?) points?\)", cells[0].source)
    graded = [c for c in cells if kind(c) in ("test", "written")]
    worth = sum(cell.metadata.nbgrader.points for cell in graded)
    if said and float(said[1]) != worth:
        problems.append(f"{name}: its text says {said[1]} points, its cells {worth:g}")
    asides = [cell.id for cell in cells if kind(cell) in ("hint", "why")]
    count = len(asides) - 1
    wanted = [f"{name}-hint-{k}" for k in range(1, count + 1)] + [f"{name}-why"]
    if count < 2 or asides != wanted or cells[-len(asides) :][0].id != asides[0]:
        problems.append(
            f"{name}: it must end with two hints or more, {name}-hint-1 and so on, and "
            f"{name}-why; it has {asides or 'none'}"
        )
    return problems


def check_student(student, master) -> list[str]:
    """What is wrong with the student copy that was made of `master`; empty if nothing.

    Nothing of the solutions and hidden tests may be left in it, nor any output, and the
    cells must be the master's, in its order.
    """
    problems = []
    public = {}  # lines that students may see
    secret = {}  # lines of solutions and hidden tests
    for cell in master.cells:
        if kind(cell) not in ("hint", "why"):
            public |= dict.fromkeys(map(str.strip, student_source(cell).split("\n")))
        for marks in (SOLUTION, HIDDEN):
            lines = cut(cell.source, marks)[1].split("\n")
            secret |= {line.strip(): cell.id for line in lines if line.strip()}
        whole = kind(cell) in ("solution", "written") and SOLUTION[0] not in cell.source
        if whole or kind(cell) in ("hint", "why"):
            lines = cell.source.split("\n")
            secret |= {line.strip(): cell.id for line in lines if line.strip()}
    for line in public:
        secret.pop(line, None)
    for cell in student.cells:
        for line in map(str.strip, cell.source.split("\n")):
            if line in secret:
                problems.append(f"{cell.id}: shows {secret[line]}'s '{line}'")
            if re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", line):
                problems.append(f"{cell.id}: shows the mark '{line}'")
        if cell.get("outputs") or cell.get("execution_count") is not None:
            problems.append(f"{cell.id}: has an output")
    ours = [c.id for c in student.cells if not re.search(r"(^|-)check$", c.id)]
    theirs = [c.id for c in master.cells if kind(c) not in ("hint", "why")]
    if ours != theirs:
        problems.append("the cells are not those of the master")
    if points(student) != points(master):
        problems.append("the points are not those of the master")
    return problems


# --- nbgrader


class GradingError(Exception):
    """Something that the person at the keyboard can mend; its text says how."""


def enter_environment() -> None:
    """Go on in nbgrader's environment, with a kernel that is the calling interpreter.

    Raises:
        GradingError: the environment is missing.
    """
    if importlib.util.find_spec("nbgrader"):
        return
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        raise GradingError(
            f"nbgrader's environment {ENVIRONMENT.name} is missing. Set it up:\n"
            f"  python -m venv {ENVIRONMENT.name}\n"
            f"  {ENVIRONMENT.name}/bin/python -m pip install --no-deps -r "
            f"{REQUIREMENTS.relative_to(ROOT)}"
        )
    # A kernel "python3" with an absolute path, so that nbgrader's own Python, which has
    # no torch, is never taken for it.
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": launch, "display_name": "Python 3", "language": "python"}
    data = ENVIRONMENT / "share" / "jupyter"
    write(data / "kernels" / "python3" / "kernel.json", json.dumps(kernel, indent=1))
    environment = os.environ | {
        "JUPYTER_PATH": str(data),
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": "",
    }
    os.execve(python, [str(python), *sys.argv], environment)


def kernel_python() -> str:
    """The interpreter that notebooks run in."""
    kernel = ENVIRONMENT / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    return json.loads(kernel.read_text(encoding="utf-8"))["argv"][0]


@contextlib.contextmanager
def whole(path: Path):
    """Within, write the file that is given: it becomes `path` at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write `text` to `path` at once or not at all."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def digest(*paths: Path) -> str:
    """A fingerprint of the contents of files; of the .py files of folders."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


# --- what is handed out


def master_of(slug: str):
    """The master of that name, checked.

    Raises:
        GradingError: there is none, or it is not as it should be.
    """
    path = MASTERS / f"{slug}.ipynb"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in MASTERS.glob("*.ipynb"))) or "none"
        raise GradingError(f"no master {path.relative_to(ROOT)}; there are: {known}")
    master = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    problems = check_master(master)
    if problems:
        raise GradingError("\n  ".join([f"{path.relative_to(ROOT)}:", *problems]))
    return master


def solutions(master):
    """A master with its numbers in its texts: solutions, tests, hints and outputs."""
    made = copy.deepcopy(master)
    numbers = numbers_of(master)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = rendered(cell.source, numbers.get(exercise_of(cell.id), {}))
    return made


def hand_out(slug: str, checks: str, students: list[str]) -> list[Path]:
    """Write what is handed out of a master, and its solutions; the files.

    Student copies as they are committed, if nothing else is asked for; else below
    `BUILD`, one for each of `students` if there are any.
    """
    master = master_of(slug)
    made = {BUILD / "solutions" / f"{slug}.ipynb": solutions(master)}
    if checks == "all" and not students:
        made[MASTERS.parent / f"{slug}.ipynb"] = student_copy(master, slug)
    elif not students:
        copied = student_copy(master, slug, checks=checks)
        made[BUILD / "student" / f"{slug}.ipynb"] = copied
    for student in students:
        name = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", student)
        path = BUILD / "variants" / slug / f"{name}_{slug}.ipynb"
        if path in made:
            raise GradingError(f"two students would get the file {path.name}")
        made[path] = student_copy(master, slug, student, checks)
    for path, notebook in made.items():
        write(path, nbformat.writes(notebook) + "\n")
    return list(made)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("slug", nargs="*", help="e.g. 01-perceptron; default: all")
    add("--checks", choices=CHECKS, default="all", help="what check() runs (all)")
    add("--variants", default="", help="table of the class: a copy for each, by id")
    chosen = parser.parse_args(arguments)
    students = []
    if chosen.variants:
        from book.grading.platforms import read_roster

        roster = read_roster(Path(chosen.variants).expanduser())
        students = [person.id or person.name for person in roster.people]
    slugs = chosen.slug or sorted(path.stem for path in MASTERS.glob("*.ipynb"))
    for slug in slugs:
        paths = hand_out(slug, chosen.checks, students)
        print(f"{slug}: {len(paths) - 1} to hand out", flush=True)
    print(f"To hand out: {paths[-1].parent}\nSolutions:   {paths[0].parent}")
    return 0


if __name__ == "__main__":
    from book.tools import exercises  # whose errors are those that others raise

    try:
        sys.exit(exercises.main(sys.argv[1:]))
    except exercises.GradingError as error:
        sys.exit(f"Error: {error}")
