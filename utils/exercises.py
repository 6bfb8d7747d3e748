"""Answers at once in an exercise notebook: `check("3")` and `hint("3")`.

The tests, hidden ones too, and the hints stand in the master of the notebook, in
exercises/masters of the course that the set-up cell has found.
"""

import ast
import inspect
import json
import linecache
import re
import sys
import traceback
from pathlib import Path

MASTERS = Path(__file__).parents[1] / "exercises" / "masters"
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", re.DOTALL)
FORBIDDEN = re.compile(r"^# forbidden: (.+)$", re.MULTILINE)


class Task:
    """One task of a master.

    Attributes:
        title: without number and points.
        tests: (source, points) of its tests, in their order.
        written: points of the answers in words.
        hints: Markdown.
        after: what to look at when it is right.
    """

    def __init__(self, name: str, cells: list[dict]):
        self.tests, self.written, self.hints, self.after = [], 0, [], ""
        for cell in cells:
            part = cell["id"].removeprefix(f"{name}-")
            source = "".join(cell["source"])
            marks = cell["metadata"].get("nbgrader", {})
            if part == "text":
                title = re.match(r"#+ *\d*\.? *(.*?) *(?:\(.*\))?(?:\n|$)", source)
                self.title = title[1]
            elif part.startswith("hint-"):
                self.hints.append(source)
            elif part == "why":
                self.after = source.rpartition("**Next:**")[2].strip()
            elif marks.get("grade") and cell["cell_type"] == "code":
                self.tests.append((source, marks["points"]))
            elif marks.get("grade"):
                self.written += marks["points"]


class Exercises:
    """The tasks of a notebook, and how far its reader has come with them.

    Args:
        slug: the notebook's name, such as "03-convolution-1d".
        hidden: whether `check` runs the hidden tests too.
    """

    def __init__(self, slug: str, hidden: bool = True):
        path = MASTERS / f"{slug}.ipynb"
        self.slug, self.hidden, self.tasks = slug, hidden, {}
        self.done, self.given = {}, {}  # by task: points, number of hints
        if not path.exists():  # as where answers are graded: nothing is told there
            return
        parts = {}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if name := re.match(r"ex(\d+)(?=-|$)", cell["id"]):
                parts.setdefault(name[1], []).append(cell)
        self.tasks = {name: Task(f"ex{name}", cells) for name, cells in parts.items()}

    def task(self, name) -> Task | None:
        """The task of that number; None, and a word about it, if there is none."""
        name = str(name)
        if name in self.tasks:
            return self.tasks[name]
        if self.tasks:
            print(f"There is no task {name!r}: the tasks are {', '.join(self.tasks)}.")
        else:
            print("The tests of this notebook are not here.")

    def check(self, name) -> None:
        """Test the answers to task `name`, and say what is wrong or what comes next."""
        task = self.task(name)
        if task is None:
            return
        name = str(name)
        frame = sys._getframe(1)
        problem, points = run_tests(task.tests, frame.f_globals, self.hidden)
        most = sum(worth for _, worth in task.tests)
        self.done[name] = points
        head = f"Task {name}, {task.title}: "
        if not task.tests:
            print(f"{head}words only; compare with the model answer.")
        elif problem:
            print(f"{head}{points:g} of {most:g} points.\n{problem}")
        else:
            right = "right" if self.hidden else "passes what can be seen here"
            print(f"{head}{right}, {points:g} of {most:g} points.")
            if task.written:
                print(
                    f"Your words ({task.written:g} points) need a reader: compare them "
                    "with the model answer on the exercise page."
                )
            if task.after:
                print(f"Next: {task.after}")
        print(self.progress())

    def progress(self) -> str:
        """A line with a mark for each task, and the points so far."""
        marks = []
        for name, task in self.tasks.items():
            most = sum(worth for _, worth in task.tests)
            if most:
                got = self.done.get(name)
                mark = "·" if got is None else "✓" if got == most else "✗"
                marks.append(f"{name} {mark}")
        most = sum(worth for task in self.tasks.values() for _, worth in task.tests)
        return f"{'   '.join(marks)}   {sum(self.done.values()):g} of {most:g} points"

    def hint(self, name):
        """Show the next hint to task `name`, and those before."""
        from IPython.display import Markdown

        task = self.task(name)
        if task is None:
            return None
        count = self.given[str(name)] = min(
            self.given.get(str(name), 0) + 1, len(task.hints)
        )
        shown = [f"**Hint {k}.** {h}" for k, h in enumerate(task.hints[:count], 1)]
        if not shown:
            return Markdown("There is no hint to this task.")
        if count == len(task.hints):
            shown.append("*That was the last hint; the solution is on the page.*")
        return Markdown("\n\n".join(shown))


def run_tests(tests, namespace: dict, hidden: bool = True) -> tuple[str, float]:
    """What is wrong first, "" if nothing, and the points of the tests that pass.

    The tests run in a copy of `namespace`: they leave nothing behind.
    """
    space = dict(namespace)
    problem, points = "", 0
    for source, worth in tests:
        source = source if hidden else HIDDEN.sub("", source)
        wrong = forbidden(source, definitions(source, space))
        wrong = wrong or run_test(source, space, namespace)
        problem = problem or wrong
        points += 0 if wrong else worth
    return problem, points


def run_test(source: str, space: dict, namespace: dict) -> str:
    """What is wrong by one test, run in `space`, with answers from `namespace`."""
    try:
        exec(compile(source, "<test>", "exec"), space)
    except NotImplementedError:
        return "There is no answer yet."
    except (Exception, SystemExit) as error:
        frames = list(traceback.walk_tb(error.__traceback__))
        own = [(frame, line) for frame, line in frames if frame.f_globals is namespace]
        if isinstance(error, AssertionError) and str(error):
            return str(error)
        if isinstance(error, NameError) and not own:
            return f"`{error.name}` is not defined: run the cell of your answer first."
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        if not own:
            return f"The test cannot use your answer. {what}"
        code, line = own[-1][0].f_code, own[-1][1]
        text = linecache.getline(code.co_filename, line).strip()
        return f"`{code.co_name}` raises {what}" + (f", here: `{text}`" if text else "")
    return ""


# --- what an answer must not use


def definitions(test: str, space: dict) -> list[str]:
    """The sources of the reader's functions and classes that a test uses."""
    if not FORBIDDEN.search(test):
        return []
    sources, todo, seen = [], _names(test), set()
    while todo:
        name = todo.pop()
        thing = space.get(name)
        if name in seen or getattr(thing, "__module__", None) != "__main__":
            continue
        seen.add(name)
        try:
            sources.append(inspect.cleandoc("\n" + inspect.getsource(thing)))
        except (OSError, TypeError):
            continue
        todo |= _names(sources[-1])
    return sources


def _names(source: str) -> set[str]:
    return {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}


def forbidden(test: str, answers: list[str]) -> str:
    """What is wrong if answers use what a line of their test, a comment, forbids.

    The line is "# forbidden: torch.conv2d, np.convolve". A name is found through
    aliases of imports ("from torch.nn import functional as G"), and its last part as an
    attribute of anything that is not a plain name.
    """
    lines = FORBIDDEN.findall(test)
    banned = {name.strip() for line in lines for name in line.split(",")}
    if not banned:
        return ""
    for source in answers:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue
        for name in sorted(banned & used(tree)):
            return f"`{name}` does what this task asks you to write: do without it."
    return ""


USUAL = {"np": "numpy", "F": "torch.nn.functional", "nn": "torch.nn"}


def used(tree: ast.AST) -> set[str]:
    """The dotted names that a piece of code uses, each in its usual short form too."""
    aliases = dict(USUAL)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name.split(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                aliases[name.asname or name.name] = f"{node.module}.{name.name}"
                found.add(f"{node.module}.{name.name}")
    for node in ast.walk(tree):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            found.add(".".join([aliases.get(node.id, node.id), *parts]))
    for name in list(found):
        for short, long in USUAL.items():
            if name.startswith(f"{long}."):
                found.add(f"{short}{name[len(long) :]}")
    return found
