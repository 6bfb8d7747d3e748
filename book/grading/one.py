"""Grade one submission: its cells in a sandbox, its tests in the judge.

`grade_one` reads FOLDER/submitted.ipynb and writes FOLDER/run.json and
FOLDER/executed.ipynb. Whoever grades many keeps one judge for all: `with judging():`.
"""

import contextlib
import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import nbformat
from nbformat.v4 import new_output

from book.grading import sandbox
from book.grading.inside import PATIENCE, STRETCH_ALL
from book.tools import exercises
from book.tools.exercises import ROOT, kind, write

COURSE = "/course"  # where the course lies in the box
FILES = ("__init__", "border", "networks", "inside")  # of this package, in the box
DISK, TEMPORARY = 256, 256  # MiB that a submission may write beside it, and in /tmp
SENTENCES = {
    "timeout": "the cell took more than {timeout} seconds",
    "died": "the cell ended Python",
    "late": "the notebook took more than {total} seconds, or ended Python too often",
}
TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml")
PICTURES = ("image/png", "image/jpeg")
KEPT = 2**21  # characters of an output
CELLS = 2000  # of a notebook, whose outputs are kept
JUDGE = {"address": None}  # of this process and its forks


# --- the judge's process


@contextlib.contextmanager
def judging():
    """A judge for all submissions that are graded meanwhile, here or in forks."""
    if JUDGE["address"]:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="judge-", dir="/tmp"))
    address = str(folder / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        listener.set_inheritable(True)
        process = subprocess.Popen(
            judge_command(listener.fileno()),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            cwd=ROOT / "exercises",
            env=judge_environment(),
            start_new_session=True,
        )
    JUDGE["address"] = address
    try:
        yield
    finally:
        JUDGE["address"] = None
        process.stdin.close()
        for one in sandbox.tree(process.pid)[::-1]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def judge_command(descriptor: int) -> list[str]:
    """The judge, without a network if that can be had."""
    run = [python(), "-m", "book.grading.judge", str(descriptor)]
    try:
        box = [sandbox.bubblewrap(), "--dev-bind", "/", "/", "--unshare-net"]
    except sandbox.NoSandbox:
        return run
    return [*box, "--die-with-parent", "--", *run]


def judge_environment() -> dict[str, str]:
    keep = (
        "HOME",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "COURSE_DATA",
        "XDG_CACHE_HOME",
    )
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    bare = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **bare, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def python() -> str:
    """The interpreter of the course, which has torch; see `kernel_python`."""
    try:
        return exercises.kernel_python()
    except (OSError, ValueError, LookupError):
        return sys.executable


# --- what a submission gets to see


def box(submission: Path, sock: Path, settings: dict) -> sandbox.Box:
    """The sandbox of one submission."""
    readable, links = interpreter(python())
    readable[f"{COURSE}/utils"] = ROOT / "utils"
    marker = "book/tools/setup_cell.txt"  # by which the set-up cell knows the course
    readable[f"{COURSE}/{marker}"] = ROOT / marker
    for name in FILES:
        path = f"book/grading/{name}.py"
        readable[f"{COURSE}/{path}"] = ROOT / path
    readable["/submission.ipynb"] = submission
    environment = {
        "PATH": f"{Path(python_in_box()).parent}:/usr/bin:/bin",
        "PYTHONPATH": COURSE,
        "HOME": "/tmp/home",
        "TMPDIR": "/tmp",
        "USER": "student",
        "LANG": "C.UTF-8",
        "XDG_CACHE_HOME": "/cache",
        "FONTS": "/cache/matplotlib",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for name in ("perceptron-to-resnet", "matplotlib"):
        if (cache / name).is_dir():
            readable[f"/cache/{name}"] = cache / name
    if data := os.environ.get("COURSE_DATA"):
        readable["/data"] = Path(data).resolve()
        environment["COURSE_DATA"] = "/data"
    writable = {f"{COURSE}/exercises": DISK, "/tmp": TEMPORARY}
    sockets = {"/judge": sock}
    folder = f"{COURSE}/exercises"
    return sandbox.Box(readable, writable, sockets, environment, folder, links)


def interpreter(path: str) -> tuple[dict[str, Path], dict[str, str]]:
    """What an interpreter needs of this machine: {path: path}, {link: where to}.

    That is its environment, the Python that it was made from, and the links that lead
    there, without what lies beside a link: that may be a person's home.
    """
    environment, real = Path(path).parents[1].resolve(), Path(path).resolve()
    base = real.parents[1]
    places, links = [environment, base], {}
    if Path.home().resolve().is_relative_to(base):  # Python was built into a home
        places = [environment, real, *base.glob("lib*/python3*")]
        places += base.glob("lib*/libpython*")
    hop = Path(path)
    while hop.is_symlink():
        hop = Path(os.path.normpath(hop.parent / os.readlink(hop)))
        links[hop] = real
        for library in hop.parents[1].glob("lib/python3*"):
            if library.resolve().is_relative_to(base):
                links[library] = library.resolve()
    there = [Path("/usr"), *places]
    return (
        {str(p): p for p in places if not p.is_relative_to("/usr")},
        {
            str(link): str(target)
            for link, target in links.items()
            if not any(map(link.is_relative_to, there))
        },
    )


# --- one submission


def master_cells(slug: str, variant=None) -> list:
    """The cells of a master, with the numbers of this variant."""
    path = exercises.MASTERS / f"{slug}.ipynb"
    master = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    return exercises.vary(master, variant or "").cells


def limited(settings: dict, cells: list) -> dict:
    """The settings, with the cells of a master that may take longer than others.

    `seconds` are theirs, by cell; the notebook has so much more.
    """
    seconds, total = exercises.allowed(cells, settings["timeout"], settings["total"])
    return settings | {"total": total, "seconds": seconds}


def longest(settings: dict) -> float:
    """Seconds by the clock that the box of a submission is kept, at most."""
    return STRETCH_ALL * settings["total"] + 4 * PATIENCE + 60  # it starts, it ends


def judge_job(job: dict, notebook, sock: Path) -> dict:
    """What the judge is told of a submission."""
    settings, cells = job["settings"], master_cells(job["slug"])
    code = [
        {"id": c.id, "kind": kind(c), "source": c.source}
        for c in cells
        if c.cell_type == "code"
    ]
    own = master_cells(job["slug"], job.get("variant"))
    numbers = {c.id: c.source for c in own if c.id.endswith("-numbers")}
    sources = [[c.id, c.source] for c in notebook.cells if c.cell_type == "code"]
    given = {c["id"] for c in code if c["kind"] not in ("solution", "test")}
    return {
        "cells": code,
        "socket": str(sock),
        "timeout": settings["timeout"],
        "memory": settings["memory"],
        "numbers": numbers,
        "sources": [pair for pair in sources if pair[0] not in given],
    }


def run(folder: Path, job: dict) -> dict:
    """Run and judge the submission in `folder`."""
    notebook = nbformat.read(folder / "submitted.ipynb", as_version=4)
    settings = limited(job["settings"], master_cells(job["slug"]))
    job = job | {"settings": settings}
    place = Path(tempfile.mkdtemp(prefix="border-", dir="/tmp"))
    try:
        submission = place / "submission.ipynb"
        plain = copy.deepcopy(notebook)
        plain.metadata = nbformat.from_dict({})
        for cell in plain.cells:
            cell.metadata = nbformat.from_dict({})
            cell.pop("attachments", None)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        submission.write_text(nbformat.writes(plain), encoding="utf-8")
        submission.chmod(0o644)
        with judging(), socket.socket(socket.AF_UNIX) as control:
            control.settimeout(600)
            control.connect(JUDGE["address"])
            sock = place / "socket"
            task = json.dumps(judge_job(job, notebook, sock)) + "\n"
            control.sendall(task.encode())
            if (said := receive_line(control)) != b"ready\n":
                raise RuntimeError(said.decode("utf-8", "replace").strip())
            cells, why = execute(submission, sock, job)
            control.sendall(b"end\n")
            tests = json.loads(receive_line(control))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    status, notes = incidents(notebook, cells, why, tests, settings)
    show(notebook, cells, tests, settings)
    write(folder / "executed.ipynb", nbformat.writes(notebook))
    return {"status": status, "notes": notes, "tests": tests}


def receive_line(control) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        part = control.recv(2**16)
        if not part:
            raise RuntimeError("the judge has ended")
        data += part
    return data


def execute(submission, sock, job) -> tuple[dict, str]:
    """Run the cells in the box: what became of each, and why it was ended, or ""."""
    settings = job["settings"]
    boxed = box(submission, sock, settings)
    inside = "/submission.ipynb", "/judge"
    run = [python_in_box(), "-m", "book.grading.inside", *inside]
    kinds = {c.id: kind(c) for c in master_cells(job["slug"])}  # not the student's word
    told = {n: settings[n] for n in ("timeout", "seconds", "total", "memory")}
    told |= {"kinds": kinds, "disk": DISK, "processes": sandbox.process_limit()}
    pipes, folder = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}, None
    if settings.get("unsafe"):
        told["processes"] = sandbox.ANY
        run, environment, folder = sandbox.unsafe(boxed, run)
        pipes |= {"env": environment, "cwd": folder, "start_new_session": True}
        process = subprocess.Popen(run, **pipes)
    else:
        told["user"] = sandbox.user()
        process = sandbox.start(boxed, run, **pipes)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(told).encode())
        process.stdin.close()
    cells = {}

    def take(line: bytes) -> None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(found, dict):
            return
        if found.get("done") is True or "trouble" in found:
            cells["done"] = found
        elif isinstance(found.get("cell"), str) and len(cells) < CELLS:
            cells[found["cell"]] = found

    limits = sandbox.Limits(longest(settings), settings["memory"])
    why = sandbox.watch(process, limits, take)
    done = cells.pop("done", {"trouble": "it ended before the notebook did"})
    if not why and "trouble" in done:
        why = f"Python could not go on ({text_of(done['trouble'])[-300:]})"
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    return cells, why


def python_in_box() -> str:
    path = Path(python())
    return str(path.parents[1].resolve() / "bin" / path.name)


def incidents(notebook, cells, why, tests, settings) -> tuple[str, list[str]]:
    """How the run went, in a word, and what the student should know about it."""
    status, notes = "ok", []
    known = {cell.id for cell in notebook.cells}
    for name, found in cells.items():
        if name not in known:
            continue
        if sentence := fate_of(name, found, settings):
            notes.append(f"Cell {name}: {sentence}.")
            died = found["fate"] == "died" or status == "crashed"
            status = "crashed" if died else "timeout"
    if why:
        notes.append(f"The notebook was stopped: {why}.")
        status = "timeout" if "seconds" in why else "crashed"
    for name, test in tests.items():
        if test.pop("late"):
            notes.append(f"Cell {name}: passed with what stood there at the end.")
    return status, notes


def fate_of(cell: str, found: dict, settings: dict) -> str:
    """Why a cell was stopped, as a sentence; "" if it was not."""
    sentence = SENTENCES.get(str(found.get("fate")), "")
    timeout = settings["seconds"].get(cell, settings["timeout"])
    return sentence.format(timeout=timeout, total=settings["total"])


def show(notebook, cells, tests, settings) -> None:
    """Give each cell the output that it had, and each test the judge's message."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if cell.id in tests:
            message = tests[cell.id]["message"]
            if message:
                cell.outputs = [error("AssertionError", message)]
            continue
        found = cells.get(cell.id, {})
        if type(found.get("count")) is int:
            cell.execution_count = found["count"]
        outputs = found.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            if one := checked_output(output):
                cell.outputs.append(one)
        if sentence := fate_of(cell.id, found, settings):
            cell.outputs.append(error("Stopped", sentence))


def error(name: str, text: str):
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


def text_of(value) -> str:
    value = value if isinstance(value, str) else ""
    return value[:KEPT].encode("utf-8", "replace").decode("utf-8")


def checked_output(output):
    """An output made anew of what the box says it is; None if it is none."""
    if not isinstance(output, dict):
        return None
    what = output.get("output_type")
    if what == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=text_of(output.get("text")))
    if what == "error":
        trace = output.get("traceback")
        trace = (
            [text_of(line) for line in trace[:100]] if isinstance(trace, list) else []
        )
        name, value = text_of(output.get("ename")), text_of(output.get("evalue"))
        return new_output("error", ename=name, evalue=value, traceback=trace)
    if what in ("display_data", "execute_result"):
        data = output.get("data")
        data = data if isinstance(data, dict) else {}
        kept = {k: text_of(data[k]) for k in (*TEXTS, *PICTURES) if k in data}
        more = {"execution_count": None} if what == "execute_result" else {}
        return new_output(what, data=kept, **more) if kept else None
    return None


def grade_one(folder: Path, job: dict) -> None:
    """Grade the submission in `folder`, unless that is done; see the top of the file.

    Args:
        folder: has submitted.ipynb, whose cells have the ids of the student copy.
        job: {"slug", "settings", "student", "variant", "key"}; settings are timeout
            and total (seconds of processor time of a cell and of the notebook; a
            master's cell may have more, "seconds"), memory (GiB) and unsafe
            (without a sandbox). Where no sandbox works, nothing is written: ask
            `sandbox.bubblewrap()` before.
    """
    folder = Path(folder)
    if (folder / "run.json").exists():
        return
    try:
        result = run(folder, job)
    except BaseException as error:  # a submission must never stop the others
        text = f"{type(error).__name__}: {error}".split("\n")[0][:300]
        result = {"status": "crashed", "notes": [text], "tests": {}}
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        if isinstance(error, KeyboardInterrupt):
            raise
        if isinstance(error, sandbox.NoSandbox):  # nothing has been graded yet
            return
    write(folder / "run.json", json.dumps(result, ensure_ascii=False))
