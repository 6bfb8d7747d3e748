"""Answers at once in an exercise notebook: `check("3")` and `hint("3")`.

The tests, hidden ones too, and the hints stand in the master of the notebook, in
exercises/masters of the course that the set-up cell has found.
"""

import ast
import builtins
import functools
import json
import linecache
import re
import sys
import traceback
from pathlib import Path

MASTERS = Path(__file__).parents[1] / "exercises" / "masters"
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", re.DOTALL)
FORBIDDEN = re.compile(r"^\s*# forbidden:(.*)$", re.MULTILINE)


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
        self.done, self.hinted = {}, {}  # by task: points, number of hints
        self.given = []  # the sources of the cells that are the same for all
        if not path.exists():  # as where answers are graded: nothing is told there
            return
        parts = {}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            marks = cell["metadata"].get("nbgrader", {})
            answer = marks.get("grade") or marks.get("solution")
            if name := re.match(r"ex(\d+)(?=-|$)", cell["id"]):
                parts.setdefault(name[1], []).append(cell)
            if cell["cell_type"] == "code" and not answer and cell["id"] != "setup":
                self.given.append("".join(cell["source"]))
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
        problem, points = run_tests(
            task.tests, frame.f_globals, self.given, self.hidden
        )
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
                    f"Your words (worth {task.written:g}) need a reader: compare them "
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
        count = min(self.hinted.get(str(name), 0) + 1, len(task.hints))
        self.hinted[str(name)] = count
        shown = [f"**Hint {k}.** {h}" for k, h in enumerate(task.hints[:count], 1)]
        if not shown:
            return Markdown("There is no hint to this task.")
        if count == len(task.hints):
            shown.append("*That was the last hint; the solution is on the page.*")
        return Markdown("\n\n".join(shown))


def run_tests(
    tests, namespace: dict, given: list[str], hidden: bool = True
) -> tuple[str, float]:
    """What is wrong first, "" if nothing, and the points of the tests that pass.

    Args:
        tests: (source, points) of each.
        namespace: with the answers; the tests run in a copy and leave nothing behind.
        given: the sources of the cells that the notebook came with.
        hidden: whether hidden tests are run.
    """
    space = dict(namespace)
    problem, points = "", 0
    for source, worth in tests:
        source = source if hidden else HIDDEN.sub("", source)
        wrong = forbidden(source, given, space.get("In", []))
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
            text = "write the answer, and run its cell to the end without an error."
            return f"`{error.name}` is not there yet: {text}"
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        if not own:
            return f"The test cannot use your answer. {what}"
        code, line = own[-1][0].f_code, own[-1][1]
        text = linecache.getline(code.co_filename, line).strip()
        return f"`{code.co_name}` raises {what}" + (f", here: `{text}`" if text else "")
    return ""


# --- what an answer must not use

SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
PART = ast.Attribute | ast.Subscript
TIMED = re.compile(
    r"^([ \t]*)%(?:time|timeit|prun)\b[ \t]*(?:-\w+[ \t]+(?:\d+[ \t]+)?)*", re.MULTILINE
)


@functools.lru_cache(1000)
def parsed(source: str) -> ast.Module:
    """The syntax tree of a student's cell; of magics, what is left without them.

    The names that functions bind themselves (locals) are blank in it.
    """
    source = TIMED.sub(r"\1", re.sub(r"\A\s*%%.*", "", source))
    try:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            from IPython.core.inputtransformer2 import TransformerManager

            tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, RuntimeError, MemoryError):
        return ast.Module([], [])
    for scope in ast.walk(tree):
        if isinstance(scope, SCOPES):
            blank_own(scope)
    return tree


def blank_own(scope) -> None:
    """Take the ids from the names that a function or a comprehension binds itself."""
    body = getattr(scope, "body", scope)
    parts = body if isinstance(body, list) else [body]
    inside = [node for part in parts for node in ast.walk(part)]
    own = {n.arg for n in ast.walk(scope) if isinstance(n, ast.arg)}
    own |= {n.id for n in inside if isinstance(n, ast.Name) and stored(n)}
    own |= {n.name for n in inside if isinstance(n, DEFINED)}
    own -= {name for n in inside if isinstance(n, ast.Global) for name in n.names}
    for node in inside:
        if isinstance(node, ast.Name) and node.id in own:
            node.id = ""


def stored(node) -> bool:
    return isinstance(node.ctx, ast.Store)


def reads(statement) -> set[str]:
    """The names of other statements that one uses, now or when it is called."""
    found = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return {n.id for n in found if not stored(n)} - {""}


def binds(statement) -> set[str]:
    """The names that a statement at the top of a cell binds, or sets a part of."""
    if isinstance(statement, DEFINED):
        return {statement.name}
    found = set()
    for node in ast.walk(statement):
        if isinstance(node, DEFINED):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, ast.Name | PART):
            if stored(node):
                while isinstance(node, PART):
                    node = node.value
                found.add(getattr(node, "id", ""))
    return found - {""}


def definitions(test: str, given: list[str], sources: list[str]) -> list:
    """The statements of a student's cells that make what a test uses.

    Args:
        test: a test's source.
        given: the sources of the cells that the notebook came with.
        sources: those of the student's cells, in the order in which they ran.
    """
    ours = {ast.dump(s) for source in given for s in parsed(source).body}
    known, _ = imported(map(parsed, given))
    table = {}
    for source in [*given, *sources]:
        for statement in parsed(source).body:
            for name in binds(statement):
                if instead(statement, name):
                    table[name] = []
                table.setdefault(name, []).append(statement)
    todo, bound = set(), set()
    for statement in parsed(test).body:
        todo |= reads(statement) - bound
        bound |= binds(statement)
    found, seen = [], set()
    while todo:
        todo.remove(name := min(todo))
        seen.add(name)
        for statement in table.get(name, []):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                if imported([statement])[0].get(name) != known.get(name):
                    found.append(ast.Name(name, ast.Load()))  # this name counts alone
            elif ast.dump(statement) not in ours:
                found.append(statement)
            todo |= reads(statement) - seen
    return found


def instead(statement, name: str) -> bool:
    """Whether a statement binds `name` anew, so that nothing older of it is left."""
    if isinstance(statement, ast.ClassDef):
        return not any(name in reads(base) for base in statement.bases)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        parts = (n for n in ast.walk(statement) if isinstance(n, PART))
        return not any(map(stored, parts)) and name not in reads(statement)
    return isinstance(statement, DEFINED | ast.Import | ast.ImportFrom)


def imported(trees) -> tuple[dict[str, str], list[str]]:
    """Names that imports bind, with what they stand for; modules imported whole (*)."""
    table, whole = {}, []
    for node in (n for tree in trees for n in ast.walk(tree)):
        if isinstance(node, ast.Import):
            for one in node.names:
                plain = one.name if one.asname else one.name.split(".")[0]
                table[one.asname or plain] = plain
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                if one.name == "*":
                    whole.append(f"{node.module}.")
                table[one.asname or one.name] = f"{node.module}.{one.name}"
    return table, whole


def dotted(node, table: dict[str, str]) -> str:
    """What an expression such as `F.conv2d` stands for: torch.nn.functional.conv2d."""
    if isinstance(node, ast.Name):
        return table.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, table)}.{node.attr}"
    return ""


def forbidden(test: str, given: list[str], sources: list[str]) -> str:
    """What a student's cells use that the test forbids, as a sentence; "" if nothing.

    A line `# forbidden: torch.conv2d, np.convolve` of a test names it. Looked up in the
    syntax tree of what the test uses of `sources`, see `definitions`, through the
    imports of all cells: a call that is hidden from it (`eval`, a name put together of
    pieces) is not seen, and a name that the student's own code binds is another one.
    A name that begins with a dot is that of a method, of whatever object. One that ends
    in a star stands for all that begin so: `scipy.signal.*`, `torch.conv*`.
    """
    lines = FORBIDDEN.findall(test)
    wanted = [name.strip() for line in lines for name in line.split(",")]
    if not wanted:
        return ""
    answer = definitions(test, given, sources)
    ours, _ = imported(map(parsed, given))
    theirs, whole = imported(map(parsed, sources))
    table = {**ours, **theirs}
    wanted = [entry(name, ours) for name in wanted]
    own = {n for s in answer for n in binds(s) if instead(s, n)} - set(table)
    made = {n for source in given for s in parsed(source).body for n in binds(s)}
    made |= own | set(table) | set(dir(builtins)) | {""}
    for node in (n for statement in answer for n in ast.walk(statement)):
        found, last = [], ""
        if isinstance(node, ast.Attribute):
            found, last = [dotted(node, table)], node.attr
        elif isinstance(node, ast.Name) and node.id not in own and not stored(node):
            found = [dotted(node, table)]
            if node.id not in made:
                found += [place + node.id for place in whole]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{one.name}" for one in node.names]
        elif isinstance(node, ast.Call) and dotted(node.func, table) == "getattr":
            if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                last = str(node.args[1].value)
                found = [f"{dotted(node.args[0], table)}.{last}"]
        for name, as_written in wanted:
            method, star = as_written[0] == ".", as_written[-1] == "*"
            for one in [last] if method else found:
                if one == name or (star and one.startswith(name)):
                    said = one if star else as_written.lstrip(".")
                    return f"this task is to be done without `{said}`"
    return ""


def entry(as_written: str, table: dict[str, str]) -> tuple[str, str]:
    """What a forbidden name stands for, up to its star, and how the test writes it."""
    plain = as_written.removeprefix(".").removesuffix("*")
    inside = plain.removesuffix(".")  # of scipy.signal.* all that is in it
    name = dotted(ast.parse(inside, mode="eval").body, table)
    return name + plain[len(inside) :], as_written


# --- what a test needs where the answer is


def together(answer, make, *args, **settings):
    """`answer(*make(*args, **settings))`, both in the process of the answer.

    For arguments that hang together by autograd and so cannot be sent to where answers
    are graded. `make` is a function of a given cell and returns a tuple.
    """
    return answer(*make(*args, **settings))
