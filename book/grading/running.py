"""From a file to a result: each submission in a folder and a process of its own.

What was run is not run again: the folder's name is a fingerprint of everything that a
run depends on, and a result is written at once or not at all.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import time
from multiprocessing.connection import wait
from pathlib import Path

import nbformat

from book.grading import cells, platforms, receive
from book.grading.marks import number
from book.grading.points import score
from book.tools.exercises import (
    HIDDEN,
    MASTERS,
    ROOT,
    SOLUTION,
    GradingError,
    digest,
    kind,
    numbers_of,
    student_copy,
    vary,
    write,
)

WORK = ROOT / "_build" / "grade"
PAGE_SECONDS = 120  # of processor time for a feedback page
RUNNERS = ("sandbox", "border", "inside", "judge", "networks", "one")


def masters() -> dict:
    """All masters by their slugs.

    Raises:
        GradingError: there are none.
    """
    slugs = sorted(path.stem for path in MASTERS.glob("*.ipynb"))
    if not slugs:
        raise GradingError(f"there is no assignment in {MASTERS}")
    return {slug: master_of(slug) for slug in slugs}


def master_of(slug: str):
    return nbformat.read(MASTERS / f"{slug}.ipynb", as_version=nbformat.NO_CONVERT)


def stamp(master) -> str:
    """What a run depends on: its tests and given code, the tools; not the points."""
    parts = [
        (c.id, c.source)
        for c in master.cells
        if kind(c) in ("test", "locked", "numbers") and c.cell_type == "code"
    ]
    parts += [(c.id, c.metadata.get("seconds")) for c in master.cells]
    files = [Path(__file__).with_name(f"{name}.py") for name in RUNNERS]
    files = [path for path in files if path.exists()]
    return fingerprint(parts, digest(ROOT / "utils", *files))


def fingerprint(*parts) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def take_all(found: list, masters: dict, variants: bool) -> None:
    """Read all submissions, and put their cells in order; say if VARIANTS is missing.

    That does not stop the others: it is the student's notebook that says it.
    """
    copies = {slug: student_copy(master, slug) for slug, master in masters.items()}
    for one in found:
        take_in(one, copies, masters, variants)
    for text in receive.forgotten(found):
        print(text, flush=True)


def take_in(one, copies: dict, masters: dict, variants: bool) -> None:
    """Read a submission, find its assignment, and put its cells in order.

    With `variants` the numbers of the tasks are those of the student's id.
    """
    slugs = list(copies)
    if one.status != "waiting":
        one.notes.append("No notebook (.ipynb) was handed in.")
        return
    one.slug = next((slug for slug in slugs if slug in one.file), "")
    try:
        notebook = cells.read_notebook(one.found.read())
    except (OSError, ValueError) as error:
        one.status = "unreadable"
        one.notes.append(f"{error}.")
        return
    except Exception as error:  # whatever comes from outside stops nobody else
        one.status = "unreadable"
        one.notes.append(f"{type(error).__name__}: {error}"[:300])
        return
    one.slug = cells.identify(notebook, copies, one.file)
    if not one.slug:
        one.status = "unknown assignment"
        one.notes.append(f"The notebook is none of {', '.join(slugs)}.")
        return
    one.variant = receive.id_of(one) if variants else ""
    copy = copies[one.slug]
    if variants:
        copy = student_copy(masters[one.slug], one.slug, one.variant)
    if notebook.metadata["variant"] != one.variant:
        whose = notebook.metadata["variant"] or "nobody in particular"
        one.remarks.append(f"The notebook was made for {whose}.")
    if (own := notebook.metadata["variant"]) and not variants:
        numbers = numbers_of(vary(masters[one.slug], own))
        one.personal = numbers != numbers_of(masters[one.slug])
    if any(SOLUTION[0] in c.source or HIDDEN[0] in c.source for c in notebook.cells):
        one.remarks.append("It holds marks that only the master has (BEGIN SOLUTION).")
    done = cells.restore(notebook, copy, masters[one.slug])
    one.notes += done.notes
    one.remarks += done.questions
    one.answers, one.doubtful, one.notebook = done.answers, done.doubtful, notebook


def lay_out(one, stamps: dict, settings: dict, again: bool) -> None:
    """Make the folder in which `one` is graded, unless it is there from before."""
    limits = {name: settings[name] for name in ("timeout", "total", "memory")}
    texts = dict.fromkeys(given_texts(one.notebook), "")  # which no run depends on
    own = one.notebook.cells
    content = [(c.id, c.cell_type, texts.get(c.id, c.source)) for c in own]
    content += [c.get("attachments") for c in own]
    key = fingerprint(receive.id_of(one), one.slug, content, stamps[one.slug], limits)
    one.folder = WORK / "graded" / key
    if complete(read_json(one.folder / "run.json")) and not again:
        return
    shutil.rmtree(one.folder, ignore_errors=True)
    write(one.folder / "submitted.ipynb", nbformat.writes(one.notebook))


def given_texts(notebook) -> dict[str, str]:
    """The Markdown cells that the notebook came with, by id, as they are now."""
    texts = [c for c in notebook.cells if c.cell_type == "markdown"]
    texts = [c for c in texts if kind(c) != "written"]
    return {c.id: c.source for c in texts if not c.id.startswith("added-")}


def read_json(path: Path) -> dict:
    """What a process has written, if it came to its end."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def complete(run: dict) -> bool:
    """Whether a run needs not be done again: it was, and something was tested."""
    return bool(run) and bool(run.get("tests") or run.get("status") != "crashed")


# --- in processes of their own


@contextlib.contextmanager
def judge(settings: dict):
    """The sandbox, if there is one, and one judge for all submissions.

    Raises:
        GradingError: there is no sandbox; the text says how to go on.
    """
    from book.grading import one, sandbox

    if not settings["unsafe"]:
        try:
            sandbox.bubblewrap()
        except sandbox.NoSandbox as error:
            raise GradingError(str(error)) from None
    with one.judging():
        yield


def work(folder: Path, job: dict, paper: dict) -> None:
    """Grade one submission, and write its page; runs in a process."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if not read_json(folder / "run.json"):
        from book.grading.one import grade_one

        grade_one(folder, job)
    draw(folder, paper)


def draw(folder: Path, paper: dict) -> None:
    """Write the feedback page of a submission that was run; a fault costs no points."""
    from book.grading import feedback

    (folder / "page.json").unlink(missing_ok=True)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(sum(os.times()[:2])) + PAGE_SECONDS
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, most))
    run = read_json(folder / "run.json")
    path = folder / "executed.ipynb"
    path = path if path.exists() else folder / "submitted.ipynb"
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    one = receive.Submission(paper["student"], "", platforms.Sender())
    one.answers, one.marks = paper["answers"], paper["marks"]
    for cell in notebook.cells:
        cell.source = paper["texts"].get(cell.id, cell.source)
    one.notebook = nbformat.read(folder / "submitted.ipynb", nbformat.NO_CONVERT)
    master = master_of(paper["slug"])
    score(one, master, run)
    job = {
        "title": f"{paper['student']} · {paper['slug']}",
        "notes": paper["notes"] + run.get("notes", []),
        "grades": one.grades,
        "answers": one.answers,
        "hidden": paper["hidden"],
    }
    write(folder / "feedback.html", feedback.page(notebook, master, run, job))
    write(folder / "page.json", json.dumps({"key": paper["key"]}))


def paper_of(one, masters: dict, hidden: bool) -> dict:
    """What the page of a submission is made of."""
    paper = {
        "student": receive.name_of(one),
        "slug": one.slug,
        "answers": one.answers,
        "notes": one.notes,
        "texts": given_texts(one.notebook),
        "hidden": hidden,
        "marks": one.marks,
    }
    looks = digest(Path(__file__).with_name("feedback.py"))
    marks = {cell: mark.shown() for cell, mark in one.marks.items() if mark.shown()}
    paper["key"] = fingerprint(paper | {"marks": marks}, masters[one.slug], looks)
    return paper


def take(one, master, paper: dict) -> bool:
    """Read what became of a submission; False if something is still to be done."""
    run = read_json(one.folder / "run.json")
    one.grades = {}
    score(one, master, run)
    one.status = run.get("status", "crashed")
    one.run_notes = run.get("notes", [])
    if one.status == "ok" and one.doubtful:
        one.status = "look"
    page = read_json(one.folder / "page.json")
    return complete(run) and page.get("key") == paper["key"]


def plan(found: list, masters: dict, settings: dict, chosen) -> list:
    """What is still to be done: (submission, what its page is made of)."""
    stamps = {slug: stamp(master) for slug, master in masters.items()}
    todo = []
    for one in found:
        if one.notebook:
            lay_out(one, stamps, settings, chosen.again)
            paper = paper_of(one, masters, chosen.hidden)
            if not take(one, masters[one.slug], paper):
                if not complete(read_json(one.folder / "run.json")):
                    one.status, one.grades = "waiting", {}
                todo.append((one, paper))
    return todo


def grade_all(todo: list, settings: dict, jobs: int, masters: dict, each) -> None:
    """Grade submissions, `jobs` at a time, each in a process of its own."""
    import book.grading.feedback  # noqa: F401 (once for all processes)
    from book.grading.one import limited, longest

    context = multiprocessing.get_context("fork")
    queue, running, done, start = list(todo), {}, 0, time.monotonic()
    while queue or running:
        while queue and len(running) < jobs:
            one, paper = queue.pop(0)
            job = {
                "slug": one.slug,
                "settings": settings,
                "student": receive.id_of(one),
                "variant": one.variant,
                "key": one.folder.name,
            }
            process = context.Process(target=work, args=(one.folder, job, paper))
            process.start()
            limits = limited(settings, masters[one.slug].cells)
            most = 2 * longest(limits) + PAGE_SECONDS  # it stops itself before
            running[process.sentinel] = (process, one, paper, time.monotonic(), most)
        for sentinel in wait(list(running), timeout=5):
            process, one, paper, since, _ = running.pop(sentinel)
            process.join()
            if not take(one, masters[one.slug], paper):
                if not (one.folder / "run.json").exists():
                    one.run_notes = ["grading was stopped: too much memory or time"]
                elif not (one.folder / "page.json").exists():
                    one.remarks.append("The feedback page could not be made.")
                    (one.folder / "feedback.html").unlink(missing_ok=True)
            done += 1
            took, left = time.monotonic() - since, len(todo) - done
            minutes = (time.monotonic() - start) / done * left / 60
            later = f", about {minutes:.0f} min left" if minutes > 1 else ""
            print(f"[{done}/{len(todo)}] {line(one)} ({took:.0f} s{later})", flush=True)
            each(one)
        for process, *_, since, most in running.values():
            if time.monotonic() - since > most:
                process.kill()


def line(one) -> str:
    """One submission in one line."""
    name = receive.name_of(one)
    if not one.grades:
        return f"{name}, {one.slug or one.file}: {one.status}"
    most = sum(grade["max"] for grade in one.grades.values())
    open_ = f", {number(one.waiting())} to be marked" if one.waiting() else ""
    bad = f", {one.status}" if one.status != "ok" else ""
    return f"{name}, {one.slug}: {number(one.total())} of {number(most)}{open_}{bad}"
