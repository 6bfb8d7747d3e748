"""Student copies and the solutions edition of the exercises: `make exercises`.

The masters in `exercises/masters/` are notebooks in nbgrader's format, with solutions and
hidden tests. Two copies of each are written:

- `_build/exercises/student/NN-slug.ipynb`: to hand out, no solutions, no hidden tests;
- `_build/exercises/solutions/NN-slug.ipynb`: everything, executed, with its outputs.

nbgrader lives in an environment of its own (`.venv-grade`) and runs the notebooks with
the interpreter that called this script.
"""

import argparse
import ast
import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import re
import shutil
import sys
import tempfile
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
        for key in ("grade", "solution", "locked"):
            if not isinstance(marks.get(key), bool):
                problems.append(f"nbgrader '{key}' must be true or false")
        if marks.get("task"):
            problems.append("nbgrader 'task' cells are not used here")
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
        problems.append("at least one exercise asks for a written answer")
    for name, found in kinds.items():
        if "test" in found and "solution" not in found:
            problems.append(f"{name}: a test but no solution cell")
    for cell in cells:
        if kind(cell) == "solution" and exercise_of(cell.id) not in tasks:
            problems.append(f"{cell.id}: a solution that nothing grades")
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
        public |= dict.fromkeys(map(str.strip, student_source(cell).split("\n")))
        for marks in (SOLUTION, HIDDEN):
            lines = cut(cell.source, marks)[1].split("\n")
            secret |= {line.strip(): cell.id for line in lines if line.strip()}
        if kind(cell) in ("solution", "written") and SOLUTION[0] not in cell.source:
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
    if [cell.id for cell in student.cells] != [cell.id for cell in master.cells]:
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


def write(path: Path, text: str) -> None:
    """Write `text` to `path` at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@contextlib.contextmanager
def quiet_log():
    """Collect what nbgrader logs, instead of printing it: yields a list of lines."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("traitlets")
    old, propagate = log.handlers[:], log.propagate
    log.handlers, log.propagate = [handler], False
    try:
        yield lines
    finally:
        log.handlers, log.propagate = old, propagate


def convert(converter, root: Path, slug: str, student: str = "", **settings) -> None:
    """Run one of nbgrader's converters in the course folder `root`.

    `settings` are values for its configuration: {"Execute": {"timeout": 30}, ...}.
    """
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config(settings)
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.assignment_id = slug
    config.CourseDirectory.student_id = student or "*"
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    # Sockets in place of ports: other users cannot connect. Their path must be short.
    with tempfile.TemporaryDirectory(prefix="kernel", dir="/tmp") as sockets:
        os.environ["JUPYTER_RUNTIME_DIR"] = sockets
        config.KernelManager.transport = "ipc"
        config.KernelManager.ip = f"{sockets}/socket"
        converter(coursedir=CourseDirectory(config=config), config=config).start()


def assemble(slug: str, root: Path) -> Path:
    """Make a course folder of one master, with nbgrader's gradebook; the student copy.

    Raises:
        GradingError: the master, or the copy made of it, is not as it should be.
    """
    from nbgrader.converters import GenerateAssignment

    master = nbformat.read(MASTERS / f"{slug}.ipynb", as_version=nbformat.NO_CONVERT)
    problems = check_master(master)
    if problems:
        raise GradingError("\n  ".join([f"exercises/masters/{slug}.ipynb:", *problems]))
    shutil.rmtree(root, ignore_errors=True)
    source = root / "source" / slug / f"{slug}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(MASTERS / f"{slug}.ipynb", source)
    with quiet_log():
        convert(GenerateAssignment, root, slug)
    release = root / "release" / slug / f"{slug}.ipynb"
    student = nbformat.read(release, as_version=nbformat.NO_CONVERT)
    student.metadata["exercise"] = slug  # tells the grader which assignment this is
    problems = check_student(student, master)
    if problems:
        raise GradingError("\n  ".join([f"student copy of {slug}:", *problems]))
    write(release, nbformat.writes(student) + "\n")
    return release


def solve(slug: str, root: Path) -> Path:
    """The executed solutions edition, in a course folder that `assemble` has made.

    Raises:
        GradingError: a cell of the solution fails.
    """
    from nbgrader.converters import GenerateSolution

    with quiet_log():
        convert(GenerateSolution, root, slug, Execute={"timeout": 600})
    path = root / "solution" / slug / f"{slug}.ipynb"
    solved = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    for cell in solved.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise GradingError(
                    f"exercises/masters/{slug}.ipynb: the solution fails in cell {cell.id}: "
                    f"{output.ename}: {output.evalue}"
                )
    write(path, nbformat.writes(solved) + "\n")
    return path


def digest(*paths: Path) -> str:
    """A fingerprint of the contents of files; of the .py files of folders."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


def inputs(slug: str) -> list[Path]:
    """Everything that a student copy and its grades depend on."""
    here = Path(__file__).parent
    master = MASTERS / f"{slug}.ipynb"
    setup = here / "setup_cell.txt"
    return [master, Path(__file__), setup, REQUIREMENTS, ROOT / "utils"]


def build(slug: str) -> bool:
    """Write both copies of one master; False if they were there and up to date."""
    copies = {name: BUILD / name / f"{slug}.ipynb" for name in ("student", "solutions")}
    stamp = BUILD / "work" / f"{slug}.stamp"
    key = digest(*inputs(slug))
    made = all(path.exists() for path in copies.values())
    if made and stamp.exists() and stamp.read_text() == key:
        return False
    root = BUILD / "work" / slug
    write(copies["student"], assemble(slug, root).read_text(encoding="utf-8"))
    write(copies["solutions"], solve(slug, root).read_text(encoding="utf-8"))
    shutil.rmtree(root)
    write(stamp, key)
    return True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("slug", nargs="*", help="e.g. 01-perceptron; default: all")
    wanted = parser.parse_args(arguments).slug
    slugs = sorted(path.stem for path in MASTERS.glob("*.ipynb"))
    unknown = sorted(set(wanted) - set(slugs))
    if unknown or not slugs:
        known = ", ".join(slugs) or "none"
        raise GradingError(
            f"no master exercises/masters/{'/'.join(unknown)}; there are: {known}"
        )
    enter_environment()
    for old in BUILD.glob("s*/*.ipynb"):
        if old.stem not in slugs:
            old.unlink()
    for slug in wanted or slugs:
        print(f"{slug}: {'written' if build(slug) else 'up to date'}", flush=True)
    print(f"Student copies: {BUILD / 'student'}\nSolutions:      {BUILD / 'solutions'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GradingError as error:
        sys.exit(f"Error: {error}")
