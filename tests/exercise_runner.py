"""Run one exercise notebook with many different answers, fast.

    python tests/exercise_runner.py job.json results.json

The job is {"cells": [{"id", "source", "test"}], "variants": {name: {id: source}},
"last": {name: index of the last cell that matters, if not all do},
"seconds": processor time of a cell, "jobs": processes}. The notebook as it stands is
run once, from top to bottom, in this process. Where a variant first differs from it,
the process is forked and the child goes on with the variant's cells: what comes before
is not run again, and no variant sees another's traces.

A test cell passes as in nbgrader: no exception, nothing on stderr. The result of a
variant is {"passed": [ids], "errors": {id: text}, "slowest": seconds}; a variant whose
process died has "died" instead.
"""

import ast
import json
import linecache
import os
import signal
import sys
import tempfile
import time
import types
from pathlib import Path


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


def run_cell(cell: dict, source: str, namespace: dict, seconds: float) -> str:
    """The error that running `source` in place of `cell` gives; "" if none."""
    before = os.fstat(2).st_size
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        execute(source, cell["id"], namespace)
    except (Exception, SystemExit, KeyboardInterrupt, TimeOut) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    sys.stderr.flush()
    if cell["test"] and os.fstat(2).st_size > before:
        return "stderr: the test printed on stderr, nbgrader gives no points then"
    return ""


class Walk:
    """A run of the notebook, as far as it has come."""

    def __init__(self, job: dict) -> None:
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self.cells, self.seconds = job["cells"], job["seconds"]
        self.passed, self.errors, self.slowest = [], {}, 0.0

    def step(self, index: int, answers: dict) -> None:
        cell = self.cells[index]
        source = answers.get(cell["id"], cell["source"])
        start = time.process_time()
        error = run_cell(cell, source, self.namespace, self.seconds)
        self.slowest = max(self.slowest, time.process_time() - start)
        if error:
            self.errors[cell["id"]] = error
        elif cell["test"]:
            self.passed.append(cell["id"])

    def result(self) -> dict:
        return {
            "passed": self.passed,
            "errors": self.errors,
            "slowest": self.slowest,
        }


def redirect() -> None:
    """Send stdout to nowhere and stderr to a file that can be measured."""
    with open(os.devnull, "wb") as nowhere, tempfile.TemporaryFile() as file:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(file.fileno(), 2)


def branch(walk: Walk, index: int, last: int, answers: dict, out: Path) -> int:
    """Go on from cell `index` to `last` with other answers in a child; its process."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    try:
        redirect()
        for k in range(index, last + 1):
            walk.step(k, answers)
        out.write_text(json.dumps(walk.result()), encoding="utf-8")
    finally:
        os._exit(0)


def main(job: dict, folder: Path) -> dict:
    cells, variants = job["cells"], dict(job["variants"])
    walk, running, results = Walk(job), {}, {}
    first = {}
    for name, answers in variants.items():
        index = min(k for k, cell in enumerate(cells) if cell["id"] in answers)
        first.setdefault(index, []).append(name)

    def wait(most: int) -> None:
        while len(running) > most:
            child, _ = os.wait()
            name, out = running.pop(child)
            died = {"died": "the process ended before the notebook did"}
            done = out.exists() and out.stat().st_size
            results[name] = json.loads(out.read_text("utf-8")) if done else died

    redirect()
    for index in range(len(cells)):
        for name in first.get(index, []):
            wait(job["jobs"] - 1)
            out = folder / f"{len(results) + len(running)}.json"
            last = job["last"].get(name, len(cells) - 1)
            child = branch(walk, index, last, variants[name], out)
            running[child] = (name, out)
        walk.step(index, {})
    wait(0)
    results[""] = walk.result()
    return results


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, ring)
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    sys.path[0] = os.getcwd()  # in place of this script's folder, as in a kernel
    with tempfile.TemporaryDirectory() as scratch:
        found = main(task, Path(scratch))
        Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
    os._exit(0)  # threads of libraries must not hold the result back
