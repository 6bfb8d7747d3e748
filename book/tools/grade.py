"""Grade what a class has handed in: `make grade SUBMISSIONS=folder [OUT=folder]`.

SUBMISSIONS is what your platform gave you, a folder or the zip itself: Moodle, Canvas,
Blackboard and Gradescope are known by the names of their files; flat files and a folder
for each student do as well. It is only read. ROSTER=table.csv, best the platform's own
export, adds those who handed in nothing and fills in the tables for importing.

- `grades.csv`: a row per student and assignment, points by exercise;
- `written.csv`: the written answers; fill in points and comments, and grade again;
- `import/`: tables that gradebooks import, and feedback pages packed for them;
- `feedback/ASSIGNMENT/STUDENT.html`: a page each, which needs no network.

What was graded before is not run again. One bad submission never stops the others.
"""

import argparse
import hashlib
import html
import json
import multiprocessing
import os
import re
import resource
import shutil
import sys
import time
import warnings
import zipfile
from multiprocessing.connection import wait
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from book.grading import cells, platforms, receive  # noqa: E402
from book.grading import marks as tables  # noqa: E402
from book.grading.marks import number  # noqa: E402
from book.tools.exercises import (  # noqa: E402
    HIDDEN,
    MASTERS,
    ROOT,
    SOLUTION,
    GradingError,
    digest,
    enter_environment,
    exercise_of,
    kernel_python,
    kind,
    points,
    student_copy,
    write,
)

WORK = ROOT / "_build" / "grade"
GRADING = ROOT / "book" / "grading"
OFTEN = 10  # seconds between two writings of the tables
PAGE_SECONDS = 120  # of processor time for a feedback page
NOTHING = "nothing handed in"


# --- what is graded


def master_of(slug: str):
    return nbformat.read(MASTERS / f"{slug}.ipynb", as_version=nbformat.NO_CONVERT)


def stamp(master) -> str:
    """What a run depends on: its tests and given code, the tools; not the points."""
    parts = [
        (c.id, c.source)
        for c in master.cells
        if kind(c) in ("test", "locked", "numbers")
    ]
    names = ("sandbox", "border", "inside", "judge", "one")
    files = [GRADING / f"{name}.py" for name in names]
    files = [path for path in files if path.exists()]
    return fingerprint(parts, digest(ROOT / "utils", *files))


def fingerprint(*parts) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


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
    if any(SOLUTION[0] in c.source or HIDDEN[0] in c.source for c in notebook.cells):
        one.remarks.append("It holds marks that only the master has (BEGIN SOLUTION).")
    done = cells.restore(notebook, copy, masters[one.slug])
    one.notes += done.notes
    one.remarks += done.questions
    one.answers, one.doubtful, one.notebook = done.answers, done.doubtful, notebook


def lay_out(one, stamps: dict, settings: dict, again: bool) -> None:
    """Make the folder in which `one` is graded, unless it is there from before."""
    limits = {name: settings[name] for name in ("timeout", "total", "memory")}
    content = [(c.id, c.cell_type, c.source) for c in one.notebook.cells]
    content += [c.get("attachments") for c in one.notebook.cells]
    key = fingerprint(receive.id_of(one), one.slug, content, stamps[one.slug], limits)
    one.folder = WORK / "graded" / key
    if read_json(one.folder / "run.json") and not again:
        return
    shutil.rmtree(one.folder, ignore_errors=True)
    write(one.folder / "submitted.ipynb", nbformat.writes(one.notebook))


def read_json(path: Path) -> dict:
    """What a process has written, if it came to its end."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


# --- points


def version(one, cell: str) -> str:
    """The fingerprint of what a mark was given for."""
    if cell in one.answers:
        found = [c for c in one.notebook.cells if c.id == cell and "attachments" in c]
        pictures = json.dumps([c.attachments for c in found], sort_keys=True)
        return tables.version_of(one.answers[cell] + (pictures if found else ""))
    code = [c.source for c in one.notebook.cells if c.cell_type == "code"]
    return tables.version_of("\n".join(code))


def score(one, master, run: dict) -> None:
    """Give `one` its points: those of the tests, and those of a person."""
    tests = run.get("tests", {})
    for cell in master.cells:
        what = kind(cell)
        if what not in ("test", "written"):
            continue
        most, mark = float(cell.metadata.nbgrader.points), one.marks.get(cell.id)
        grade = {
            "points": 0.0,
            "max": most,
            "waiting": False,
            "comment": "",
            "note": "",
        }
        given, state = (
            tables.settle(mark, version(one, cell.id), most) if mark else (None, "")
        )
        if mark:
            grade["comment"] = mark.row["comment"]
        if given is not None:
            grade["points"] = given
            if what == "test":
                state = "overruled"
                grade["note"] = "Marked by a person."
        elif what == "test":
            passed = tests.get(cell.id, {}).get("passed") is True
            grade["points"] = most if passed else 0.0
        elif one.answers.get(cell.id):
            grade["waiting"] = True
        else:
            grade["note"] = "Not answered."
        grade["state"] = state
        one.grades[cell.id] = grade


def give_marks(found: list, marks: list) -> list[str]:
    """Find for each mark the submission that it belongs to; what to tell the teacher.

    By the student's id or name; by the id without the zeros that spreadsheets take
    away; else by the answer, if only one student has given it.
    """
    said, mine = [], {}
    for one in found:
        for name in receive.names(one):
            mine.setdefault((one.slug, platforms.key_of(name)), []).append(one)
            if bare := platforms.zeroless(name):
                mine.setdefault((one.slug, "bare", bare), []).append(one)
        for cell in one.answers:
            key = (one.slug, cell, version(one, cell))
            mine.setdefault(key, []).append(one)
    for mark in marks:
        row = mark.row
        slug, name, cell = row["assignment"], row["student"], row["cell"]
        worth = mark.points is not None or mark.wrong or row["comment"]
        ways = [
            ("", (slug, platforms.key_of(name))),
            ("its zeros were lost", (slug, "bare", platforms.zeroless(name))),
            ("by the column name", (slug, platforms.key_of(row["name"]))),
            ("by the answer", (slug, cell, row["version"])),
        ]
        for way, key in ways:
            people = {id(one): one for one in mine.get(key, [])} if key[-1] else {}
            if len(people) == 1:
                (one,), how = people.values(), way
                break
        else:
            if worth:
                said.append(f"written.csv: nobody here is '{name}' ({slug}, {cell}).")
            continue
        if how and worth:
            said.append(
                f"written.csv: '{name}' was taken for {receive.id_of(one)} ({how})."
            )
        if mark.points is None and not mark.wrong and cell in one.marks:
            continue  # a second row for the same cell, without points
        one.marks[cell], mark.used = mark, True
    return said


# --- in processes of their own


def work(folder: Path, job: dict, paper: dict) -> None:
    """Grade one submission, and write its page; runs in a process."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if not read_json(folder / "run.json"):
        runner()(folder, job)
    draw(folder, paper)


def runner():
    """What grades one submission."""
    try:
        from book.grading.one import grade_one
    except ImportError:
        from book.tools.grade_one import grade_one
    return grade_one


def draw(folder: Path, paper: dict) -> None:
    """Write the feedback page of a submission that was run; a fault costs no points."""
    from book.grading import feedback

    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    used = int(sum(os.times()[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + PAGE_SECONDS, most))
    run = read_json(folder / "run.json")
    path = folder / "executed.ipynb"
    path = path if path.exists() else folder / "submitted.ipynb"
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    one = receive.Submission(paper["student"], "", platforms.Sender())
    one.answers, one.marks = paper["answers"], paper["marks"]
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
        "hidden": hidden,
        "marks": one.marks,
    }
    looks = digest(GRADING / "feedback.py")
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
    return bool(run) and page.get("key") == paper["key"]


def grade_all(todo: list, settings: dict, jobs: int, masters: dict, each) -> None:
    """Grade submissions, `jobs` at a time, each in a process of its own."""
    if todo:
        from book.grading import feedback  # noqa: F401, once for all processes

        runner()
    context = multiprocessing.get_context("fork")
    queue, running, done, start = list(todo), {}, 0, time.monotonic()
    longest = 2 * settings["total"] + PAGE_SECONDS  # seconds; it stops itself before
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
            running[process.sentinel] = (process, one, paper, time.monotonic())
        for sentinel in wait(list(running), timeout=5):
            process, one, paper, since = running.pop(sentinel)
            process.join()
            if not take(one, masters[one.slug], paper):
                if not (one.folder / "run.json").exists():
                    one.run_notes = ["grading was stopped: too much memory or time"]
                else:
                    one.remarks.append("The feedback page could not be made.")
                    (one.folder / "feedback.html").unlink(missing_ok=True)
            done += 1
            took, left = time.monotonic() - since, len(todo) - done
            minutes = (time.monotonic() - start) / done * left / 60
            later = f", about {minutes:.0f} min left" if minutes > 1 else ""
            print(f"[{done}/{len(todo)}] {line(one)} ({took:.0f} s{later})", flush=True)
            each(one)
        for process, *_, since in running.values():
            if time.monotonic() - since > longest:
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


# --- what the teacher gets


def plain_page(one) -> str:
    """A feedback page without the notebook, for what could not be graded or shown."""
    escape, name = html.escape, html.escape(receive.name_of(one))
    notes = "".join(f"<li>{escape(note)}</li>" for note in one.notes + one.run_notes)
    said = f"Your submission could not be graded: {escape(one.status)}."
    if one.grades:
        most = sum(grade["max"] for grade in one.grades.values())
        said = f"{number(one.total())} of {number(most)} points. "
        said += "The page with your notebook could not be made."
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title></head>\n<body><h1>{name}</h1><p>{said}</p>"
        f"<p>File: {escape(one.file)}</p><ul>{notes}</ul></body></html>\n"
    )


class Report:
    """The tables and pages of a class, written as one goes."""

    def __init__(self, found: list, masters: dict, rows: list, roster, chosen):
        self.found, self.masters, self.rows = found, masters, rows
        self.roster, self.chosen, self.written_at = roster, chosen, 0.0
        self.names_pages()
        self.extra = {}  # who handed in nothing, by assignment
        slugs = sorted({one.slug for one in found if one.notebook})
        for slug in slugs if roster else []:
            have = {id(one.person) for one in found if one.slug == slug}
            people = [p for p in roster.people if id(p) not in have]
            self.extra[slug] = people

    def names_pages(self) -> None:
        """A file name for each page, which every system takes."""
        taken = set()
        for one in self.found:
            stem = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", receive.name_of(one))[:60]
            base = f"{one.slug or 'not graded'}/{stem.strip('. ') or '_'}"
            name, count = base, 1
            while name.casefold() in taken:
                count += 1
                name = f"{base} ({count})"
            taken.add(name.casefold())
            one.page = f"feedback/{name}.html"

    def page(self, one) -> None:
        made = one.folder / "feedback.html" if one.folder else None
        if made and made.exists():
            write(self.chosen.out / one.page, made.read_text(encoding="utf-8"))
        else:
            write(self.chosen.out / one.page, plain_page(one))

    def each(self, one) -> None:
        """After one submission: its page, and now and then the tables."""
        self.page(one)
        if time.monotonic() - self.written_at > OFTEN:
            self.tables()

    def tables(self) -> None:
        write_grades(self)
        write_written(self)
        self.written_at = time.monotonic()


def write_grades(report: Report) -> None:
    """Write `grades.csv`."""
    masters, found = report.masters, report.found
    used = [one.slug for one in found if one.slug]
    names = {n for slug in used for n in points(masters[slug])}
    names = sorted(names, key=natural)
    head = ["student", "name", "email", "assignment", "total", "max", "waiting"]
    rows = [[*head, "status", "handed in", *names, "note", "feedback", "file"]]
    for one in found:
        table = points(masters[one.slug]) if one.slug else {}
        most = sum(sum(part.values()) for part in table.values()) if one.slug else ""
        row = [
            receive.id_of(one),
            receive.name_of(one),
            receive.email_of(one),
            one.slug,
        ]
        row += [one.total(), most, one.waiting(), one.status]
        row.append(one.sender.when or ("late" if one.sender.late else ""))
        for name in names:
            part = table.get(name, {})
            scored = [one.grades.get(cell, {}).get("points", 0.0) for cell in part]
            row.append(sum(scored) if part else "")
        note = " ".join(one.notes + one.run_notes + one.remarks)
        rows.append([*row, note, one.page, one.file])
    for slug, people in report.extra.items():
        most = sum(sum(part.values()) for part in points(masters[slug]).values())
        for person in people:
            row = [
                person.id or person.name,
                person.name,
                person.email,
                slug,
                0,
                most,
                0,
            ]
            rows.append([*row, NOTHING, "", *[""] * len(names), "", "", ""])
    tables.write_table(report.chosen.out / "grades.csv", rows)


def write_written(report: Report) -> int:
    """Write `written.csv`; the number of answers that wait."""
    rows, count, done = [], 0, set()
    for one in report.found:
        task_names = task_titles(report.masters[one.slug]) if one.slug else {}
        for cell, grade in one.grades.items():
            mark = one.marks.get(cell)
            if not (grade["waiting"] or mark):
                continue
            done.add(id(mark))
            count += grade["waiting"]
            answer = tables.in_table(one.answers.get(cell, ""))
            worth = mark.row["points"] if mark and not changed(grade) else ""
            comment = mark.row["comment"] if mark else ""
            state = grade["state"] or ("to be marked" if grade["waiting"] else "")
            if cell in one.doubtful and grade["waiting"]:
                state = "look: " + state
            row = [receive.id_of(one), receive.name_of(one), one.slug]
            row += [task_names.get(exercise_of(cell), ""), cell, grade["max"], worth]
            rows.append([*row, comment, state, answer, version(one, cell)])
    for mark in report.rows:  # whose owner is not here, or not graded yet
        if id(mark) not in done:
            if not mark.used:
                mark.row["state"] = mark.row["state"] or "not in this folder"
            rows.append([mark.row[name] for name in tables.MARKS])
    tables.write_table(report.chosen.out / "written.csv", [tables.MARKS, *rows])
    return count


def changed(grade: dict) -> bool:
    return grade["state"].startswith("changed")


def task_titles(master) -> dict[str, str]:
    """The tasks by what they are called: {"ex3": "3 Two kernels in one"}."""
    found = {}
    for cell in master.cells:
        head = re.match(
            r"##\s+(.+?)(\s*\([\d.]+ points?\))?\s*$", cell.source.split("\n")[0]
        )
        if head and exercise_of(cell.id):
            found.setdefault(exercise_of(cell.id), head[1])
    return found


def natural(name: str) -> tuple:
    """Sorts ex2 before ex10."""
    return tuple(int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name))


def write_for_import(report: Report) -> list[str]:
    """Write what platforms import; what is to be said about it."""
    folder, said = report.chosen.out / "import", []
    for slug in sorted({one.slug for one in report.found if one.notebook}):
        mine = [one for one in report.found if one.slug == slug and one.grades]
        most = sum(sum(p.values()) for p in points(report.masters[slug]).values())
        done = []
        for one in mine:
            worth = None if one.waiting() else one.total()
            done.append((one.sender, one.person, worth))
        open_ = sum(worth is None for *_, worth in done)
        if open_:
            said.append(f"import/{slug}*: {open_} are left out until they are marked.")
        hidden = sum(one.sender.anonymous() for one in mine)
        if hidden:
            said.append(
                f"import/{slug}*: {hidden} are anonymous, so no table can name them. "
                "Show the students' names in Canvas and download again."
            )
        platforms.write_imports(folder, slug, most, done, report.roster)
        limit = platforms.maximum_of(report.roster) if report.roster else None
        if limit is not None and limit < most:
            said.append(
                f"The worksheet's maximum is {number(limit)}, {slug} has "
                f"{number(most)} points: Moodle skips what is above. Set it there."
            )
        for name in ("moodle", "canvas"):
            pages = [one for one in mine if one.sender.platform == name]
            pages = [one for one in pages if one.sender.prefix]
            if pages:
                pack(folder / f"{slug}-{name}-feedback.zip", pages, report.chosen.out)
    return said


def pack(path: Path, found: list, out: Path) -> None:
    """The feedback pages under the names by which the platform knows the students.

    Moodle, "Upload multiple feedback files in a zip": the first part of a path is
    NAME_ID_PLUGINTYPE_PLUGIN (mod/assign/feedback/file/importziplib.php). Canvas,
    "Upload Submissions": the first two numbers in a name are user and attachment
    (app/models/assignment.rb).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        for one in found:
            name = f"{one.sender.prefix}feedback.html"
            if one.sender.platform == "moodle":
                name = f"{one.sender.prefix.rstrip('_')}_feedback.html"
            box.write(out / one.page, name)


# --- the command line


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line, checked."""
    text = __doc__.split("\n", 1)
    parser = argparse.ArgumentParser(
        description=text[0],
        epilog=text[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("submissions", help="folder or zip with the submissions")
    add("out", nargs="?", default="", help="default: SUBMISSIONS-graded")
    add("--roster", default="", help="table of the class: id, name, email")
    add("--hidden", action="store_true", help="show the hidden tests on the pages")
    add("--variants", action="store_true", help="numbers by the roster's ids")
    add("--unsafe", action="store_true", help="run without the sandbox")
    add(
        "--timeout",
        type=int,
        default=30,
        help="seconds of computing for a cell (%(default)s)",
    )
    add("--total", type=int, default=300, help="seconds for a notebook (%(default)s)")
    add("--memory", type=int, default=4, help="GiB for a notebook (%(default)s)")
    add("--jobs", type=int, default=0, help="notebooks at once (one for each core)")
    add("--again", action="store_true", help="also run what was graded before")
    chosen = parser.parse_args(arguments)
    for name in ("timeout", "total", "memory"):
        if getattr(chosen, name) < 1:
            raise GradingError(f"--{name} must be at least 1, got {vars(chosen)[name]}")
    if chosen.variants and not chosen.roster:
        raise GradingError("VARIANTS needs ROSTER: the numbers come from its ids")
    if not chosen.submissions.strip():
        raise GradingError("which folder? make grade SUBMISSIONS=folder [OUT=folder]")
    folder = Path(chosen.submissions).expanduser().resolve()
    if not folder.is_dir() and not zipfile.is_zipfile(folder):
        what = "is neither a folder nor a zip" if folder.exists() else "does not exist"
        raise GradingError(f"SUBMISSIONS={chosen.submissions} {what}")
    beside = folder.with_suffix("") if folder.is_file() else folder
    out = Path(chosen.out).expanduser() if chosen.out else Path(f"{beside}-graded")
    chosen.submissions, chosen.out = folder, out.resolve()
    if chosen.out == folder or folder in chosen.out.parents:
        raise GradingError(f"OUT={out} lies in SUBMISSIONS, which is only read")
    try:
        chosen.out.mkdir(parents=True, exist_ok=True)
        write(chosen.out / "feedback" / ".write-test", "")
        (chosen.out / "feedback" / ".write-test").unlink()
    except OSError as error:
        raise GradingError(
            f"cannot write to {out} ({error.strerror}): set OUT"
        ) from None
    return chosen


def main(arguments: list[str]) -> int:
    sys.stdout.reconfigure(errors="backslashreplace")
    warnings.simplefilter("ignore")  # what Python thinks of students' code
    chosen = options(arguments)
    roster = None
    if chosen.roster:
        roster = platforms.read_roster(Path(chosen.roster).expanduser())
    enter_environment()
    slugs = sorted(path.stem for path in MASTERS.glob("*.ipynb"))
    if not slugs:
        raise GradingError(f"there is no assignment in {MASTERS}")
    found, left_out = receive.find_submissions(chosen.submissions, slugs, roster)
    if not found:
        raise GradingError(f"there is nothing in {chosen.submissions}")
    masters = {slug: master_of(slug) for slug in slugs}
    copies = {slug: student_copy(masters[slug], slug) for slug in slugs}
    for one in found:
        take_in(one, copies, masters, chosen.variants)
    found = receive.choose(found, slugs)
    known = [name for one in found for name in receive.names(one)]
    rows, said = tables.read_marks(chosen.out / "written.csv", known)
    said += give_marks([one for one in found if one.notebook], rows)
    settings = {name: getattr(chosen, name) for name in ("timeout", "total", "memory")}
    kernel = os.path.dirname(kernel_python())
    settings["path"] = os.pathsep.join([kernel, "/usr/local/bin", "/usr/bin", "/bin"])
    settings["unsafe"] = chosen.unsafe
    stamps = {slug: stamp(master) for slug, master in masters.items()}
    todo = []
    for one in found:
        if one.notebook:
            lay_out(one, stamps, settings, chosen.again)
            paper = paper_of(one, masters, chosen.hidden)
            if not take(one, masters[one.slug], paper):
                if not read_json(one.folder / "run.json"):
                    one.status, one.grades = "waiting", {}
                todo.append((one, paper))
    jobs = chosen.jobs or os.cpu_count() or 1
    fresh = sum(not one.grades for one, _ in todo)
    print(
        f"{len(found)} submissions: {fresh} to run, {len(todo)} pages to write, "
        f"{jobs} at a time.",
        flush=True,
    )
    if chosen.unsafe:
        print("UNSAFE: the students' code runs with your rights.", flush=True)
    report = Report(found, masters, rows, roster, chosen)
    for old in (chosen.out / "feedback").glob("*/*.html"):
        old.unlink()
    ready = {id(one) for one, _ in todo}
    for one in found:
        if id(one) not in ready:
            report.page(one)
    report.tables()
    grade_all(todo, settings, jobs, masters, report.each)
    report.tables()
    said += write_for_import(report)
    tell(report, left_out, said)
    return 0


def tell(report: Report, left_out: list[str], said: list[str]) -> None:
    """What came out, and where it lies."""
    found, out = report.found, report.chosen.out
    count = {}
    for one in found:
        count[one.status] = count.get(one.status, 0) + 1
    print("\n" + ", ".join(f"{n} {status}" for status, n in sorted(count.items())))
    for one in found:
        why = " ".join(one.notes + one.run_notes + one.remarks)
        if one.status != "ok":
            print(f"  {one.status}: {receive.name_of(one)} ({one.file}). {why}")
        elif one.remarks:
            print(f"  {receive.name_of(one)}: {' '.join(one.remarks)}")
    if report.roster:
        strangers = [one for one in found if one.person is None]
        for one in strangers:
            print(f"  not in the roster: {receive.name_of(one)} ({one.file})")
        for slug, people in report.extra.items():
            names = ", ".join(person.name or person.id for person in people)
            if names:
                print(f"  {NOTHING}, {slug}: {names}")
    for text in [*left_out, *said]:
        print(f"  {text}")
    open_ = sum(g["waiting"] for one in found for g in one.grades.values())
    print(f"Grades:   {out / 'grades.csv'}\nFeedback: {out / 'feedback'}")
    print(f"Import:   {out / 'import'}")
    if open_:
        print(
            f"Written:  {out / 'written.csv'}: {open_} answers wait for points. "
            "Fill them in and run the same command again."
        )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except GradingError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(
            "\nStopped. What was graded is kept: the same command goes on from here."
        )
