"""Grade a folder of submissions: `make grade SUBMISSIONS=folder [OUT=folder]`.

A submission is a notebook, wherever it lies and whatever it is called: flat files as a
learning platform exports them (`Li Lei_01-perceptron.ipynb`), or a folder per student
(nbgrader's `student/assignment/file.ipynb`). Which assignment it answers is read from
the notebook itself. Submissions are only read. Three things are written:

- `grades.csv`: a row per student and assignment, points by exercise;
- `written.csv`: the written answers; fill in points and comments, and grade again;
- `feedback/ASSIGNMENT/STUDENT.html`: the graded notebook, a page that needs no network.

What was graded before is not run again. One bad submission never stops the others.
Grading runs the students' code with your rights: it is NOT a sandbox.
"""

import argparse
import csv
import hashlib
import html
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from book.tools.exercises import (  # noqa: E402
    MASTERS,
    ROOT,
    GradingError,
    assemble,
    digest,
    enter_environment,
    inputs,
    kernel_python,
    kind,
    points,
    write,
)

WORK = ROOT / "_build" / "grade"
LARGEST = 50 * 2**20  # bytes of a notebook; beyond, somebody has saved a film in it
MARKS = ["student", "assignment", "cell", "max", "points", "comment", "answer"]


@dataclass
class Submission:
    """One notebook of one student, and what became of it."""

    student: str
    path: Path
    slug: str = ""
    notebook: object = None
    status: str = "waiting"
    notes: list[str] = field(default_factory=list)  # for the student
    remarks: list[str] = field(default_factory=list)  # for the teacher only
    grades: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    marks: dict = field(default_factory=dict)  # a person's, by graded cell
    folder: Path | None = None
    page: str = ""  # file name of the feedback page

    def total(self) -> float:
        return sum(grade["points"] for grade in self.grades.values())

    def waiting(self) -> float:
        return sum(g["max"] for g in self.grades.values() if g["waiting"])


# --- finding submissions, and whose they are


def student_of(name: str, slugs: list[str]) -> str:
    """The student in the name of a file or folder that a platform has made up."""
    moodle = re.match(r"(.+?)_(\d+)_assignsubmission_", name)
    canvas = re.match(r"([^_]+?)(?:_LATE)?_(\d{3,})_\d{4,}_", name)
    for found in (moodle, canvas):
        if found:
            return f"{found[1]}_{found[2]}"
    for slug in slugs:
        name = name.replace(slug, "")
    return name.strip(" _-.") or "(no name)"


def visible(folder: Path) -> list[Path]:
    """What lies in `folder`, without hidden files and what systems leave behind."""
    names = sorted(folder.iterdir(), key=lambda path: path.name)
    return [p for p in names if not p.name.startswith((".", "__MACOSX", "~$"))]


def find_submissions(folder: Path, slugs: list[str]) -> list[Submission]:
    """Every notebook under `folder`, and what was handed in without one."""
    found = []
    for path in visible(folder):
        if path.is_dir() and path.name in slugs:
            found += find_submissions(path, slugs)
        elif path.is_dir():
            student = student_of(path.name, slugs)
            inside = [
                Submission(student, file)
                for file in sorted(path.rglob("*.ipynb"))
                if not any(
                    part.startswith(".") for part in file.relative_to(path).parts
                )
                and "__MACOSX" not in file.parts
            ]
            found += inside or [Submission(student, path, status="no notebook")]
        elif path.suffix.lower() == ".ipynb":
            found.append(Submission(student_of(path.stem, slugs), path))
        else:
            student = student_of(path.stem, slugs)
            found.append(Submission(student, path, status="no notebook"))
    return found


# --- reading what students send


def text_of(value) -> str:
    """A cell's source as text that can be written as UTF-8."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")


def read_notebook(path: Path):
    """The cells of a notebook, without outputs, in nbformat 4.5.

    Raises:
        ValueError: the file is no notebook; the text says why.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"the file is larger than {LARGEST // 2**20} MiB")
    data = path.read_bytes()
    if not data.strip():
        raise ValueError("the file is empty")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030"):
        try:
            raw = json.loads(data.decode(encoding))
            break
        except UnicodeDecodeError:
            continue
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the file is not a notebook (JSON: {error})") from None
    else:
        raise ValueError("the file is not text")
    if not isinstance(raw, dict):
        raise ValueError("the file is not a notebook (no cells)")
    if raw.get("nbformat") in (1, 2, 3):
        try:
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        except Exception as error:
            raise ValueError(f"an old notebook that cannot be read: {error}") from None
    if not isinstance(raw.get("cells"), list):
        raise ValueError("the file is not a notebook (no cells)")
    notebook = nbformat.v4.new_notebook()
    marks = raw.get("metadata")
    name = marks.get("exercise") if isinstance(marks, dict) else ""
    notebook.metadata["exercise"] = name if isinstance(name, str) else ""
    for old in raw["cells"]:
        if not isinstance(old, dict):
            continue
        make = {
            "code": nbformat.v4.new_code_cell,
            "markdown": nbformat.v4.new_markdown_cell,
        }.get(old.get("cell_type"), nbformat.v4.new_raw_cell)
        cell = make(text_of(old.get("source")))
        cell.metadata["was"] = names_of(old)
        notebook.cells.append(cell)
    return notebook


def names_of(cell: dict) -> list[str]:
    """By what a cell can be recognised: ids, as notebooks and Colab store them."""
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    marks = metadata.get("nbgrader")
    marks = marks if isinstance(marks, dict) else {}
    ids = [marks.get("grade_id"), cell.get("id"), metadata.get("id")]
    return [name for name in ids if isinstance(name, str)]


def folded(source: str) -> str:
    """`source` without differences in white space."""
    return " ".join(source.split())


def identify(notebook, releases: dict) -> str:
    """The assignment that a notebook answers; "" if none.

    Its own word counts; else the assignment with whose student copy it shares most
    cells, and more than one. Cells that all copies have (the set-up) do not count.
    """
    if notebook.metadata["exercise"] in releases:
        return notebook.metadata["exercise"]
    theirs = {slug: [folded(c.source) for c in r.cells] for slug, r in releases.items()}
    everywhere = set.intersection(*map(set, theirs.values())) if len(theirs) > 1 else ""
    sources = {folded(cell.source) for cell in notebook.cells}.difference(everywhere)
    shared = {slug: len(sources.intersection(theirs[slug])) for slug in theirs}
    best = max(shared, key=shared.get)
    return best if shared[best] > 2 else ""


def restore(notebook, release) -> list[str]:
    """Put the cells of the student copy back into their places; what was done.

    The student's cells stay as they are. Given cells (set-up, texts, tests) get their
    own source again; those that are gone and matter are put back. Afterwards nbgrader
    finds exactly the cells that it knows.
    """
    copy = {cell.id: cell for cell in release.cells}
    by_source = {folded(c.source): c.id for c in release.cells if given(c)}
    names = []  # for each of the student's cells, its id in the student copy, or ""
    for cell in notebook.cells:
        known = [name for name in cell.metadata["was"] if name in copy]
        names.append(known[0] if known else by_source.get(folded(cell.source), ""))
    for k, name in enumerate(names):
        if name in names[k + 1 :]:  # of several, the last counts: as nbgrader does it
            names[k] = ""
    notes, cells = [], []
    for k, (cell, name) in enumerate(zip(notebook.cells, names, strict=True)):
        if not name:
            cell.id, cell.metadata = f"added-{k + 1}", nbformat.from_dict({})
            cells.append(cell)
            continue
        original = nbformat.from_dict(copy[name])
        if not given(original):
            original.source = cell.source
        elif kind(original) == "test" and folded(cell.source) != folded(
            original.source
        ):
            notes.append(f"Cell {name}: the test was changed; the original one ran.")
        cells.append(original)
    order = list(copy)
    for k, name in enumerate(order):
        what = kind(copy[name])
        text = copy[name].cell_type == "markdown" and what != "written"
        if name in names or what in ("solution", "text") or text:
            continue
        # Before the next cell that is there, so that it follows what the student wrote.
        places = [j for j, cell in enumerate(cells) if cell.id in order[k + 1 :]]
        place, cell = min(places, default=len(cells)), nbformat.from_dict(copy[name])
        own = cells[place - 1] if place else cell
        if what == "written" and own.cell_type == "markdown" and "added-" in own.id:
            cell.source, cells[place - 1] = own.source, cell  # answered in a new cell
            continue
        cells.insert(place, cell)
        notes.append(f"Cell {name}: it was missing and was put back.")
    notebook.cells, notebook.metadata = cells, nbformat.from_dict(release.metadata)
    return notes


def given(cell) -> bool:
    """Whether a cell of the student copy is not for the student to change."""
    return kind(cell) in ("test", "locked")


# --- marks that a person gives


def read_marks(path: Path) -> list[dict]:
    """The rows of `written.csv`, with points as numbers or None.

    Raises:
        GradingError: points that are not a number within bounds; the text says where.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8-sig")
    first = text.split("\n")[0]
    delimiter = max(",;\t", key=first.count)  # as spreadsheets save it
    table = csv.DictReader(text.splitlines(True), delimiter=delimiter)
    missing = set(MARKS) - set(table.fieldnames or [])
    if missing:
        raise GradingError(f"{path} lacks the columns {', '.join(sorted(missing))}")
    rows = []
    for count, found in enumerate(table, 1):
        row = {name: plain((found[name] or "").strip()) for name in MARKS}
        worth, row["points"] = row["points"], None
        if worth:
            try:
                row["points"] = float(worth.replace(",", "."))
                good = 0 <= row["points"] <= float(row["max"].replace(",", "."))
            except ValueError:
                good = False
            if not good:
                raise GradingError(
                    f"{path}, {row['student']}, {row['cell']} (entry {count}): points "
                    f"must be a number from 0 to {row['max']}, got '{worth}'"
                )
        rows.append(row)
    return rows


def safe(value) -> str:
    """A cell of a table that no spreadsheet takes for a formula."""
    text = number(value) if isinstance(value, int | float) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def plain(text: str) -> str:
    """What `safe` was given."""
    return text[1:] if re.match(r"'[=+\-@\t\r]", text) else text


def number(value: float) -> str:
    """A number of points: "3", "2.5"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def write_table(path: Path, rows: list[list]) -> None:
    """A CSV file that spreadsheets open as it is meant (UTF-8, with its mark)."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([[safe(value) for value in row] for row in rows])
    part.replace(path)


# --- grading


def prepare(slugs: list[str]) -> dict[str, Path]:
    """A course folder for each assignment, with its gradebook and student copy."""
    folders = {}
    for slug in slugs:
        root = WORK / "assignments" / slug
        key, stamp = digest(*inputs(slug)), root / "stamp"
        if not stamp.exists() or stamp.read_text() != key:
            assemble(slug, root)
            write(stamp, key)
        folders[slug] = root
    return folders


def fingerprint(*parts) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def receive(one: Submission, slugs: list[str], releases: dict) -> None:
    """Read a submission, find its assignment, and put its cells in order."""
    if one.status != "waiting":
        one.notes.append("No notebook (.ipynb) was handed in.")
        return
    one.slug = next((slug for slug in slugs if slug in one.path.name), "")
    try:
        notebook = read_notebook(one.path)
    except (OSError, ValueError) as error:
        one.status = "unreadable"
        one.notes.append(f"{error}.")
        return
    one.slug = identify(notebook, releases)
    if not one.slug:
        one.status = "unknown assignment"
        one.notes.append(f"The notebook is none of {', '.join(slugs)}.")
        return
    one.notes += restore(notebook, releases[one.slug])
    one.notebook = notebook


def lay_out(one: Submission, course: Path, tools: str, settings: dict, again: bool):
    """Make the folder in which `one` is graded, unless it is there from before."""
    content = nbformat.writes(one.notebook)
    key = fingerprint(one.student, one.path, one.slug, content, tools, settings)
    one.folder = WORK / "graded" / key
    if (one.folder / "run.json").exists() and not again:
        return
    shutil.rmtree(one.folder, ignore_errors=True)
    where = one.folder / "submitted" / "student" / one.slug
    write(where / f"{one.slug}.ipynb", content)
    shutil.copy(course / "gradebook.db", one.folder / "gradebook.db")


def own_files() -> list[Path]:
    """The files that decide how a submission is graded."""
    here = Path(__file__).parent
    return [here / "grade.py", here / "grade_one.py"]


def job_of(one: Submission, settings: dict) -> dict:
    """What the process that grades `one` is told."""
    job = {
        "student": one.student,
        "slug": one.slug,
        "notes": one.notes,
        "marks": one.marks,
        "settings": settings,
    }
    return job | {"key": fingerprint(job)}


def take(one: Submission, key: str) -> bool:
    """Read the result of a graded submission; False if there is no good one."""
    path = one.folder / "result.json"
    if not path.exists():
        return False
    result = json.loads(path.read_text(encoding="utf-8"))
    if result["key"] != key:
        return False
    one.status, one.grades = result["status"], result["grades"]
    one.answers = result.get("answers", {})
    one.remarks = result["notes"]
    return bool(one.grades)


def grade_all(todo: list[Submission], settings: dict, jobs: int) -> None:
    """Grade submissions, `jobs` at a time, each in a process of its own."""
    from book.tools.grade_one import (
        grade_one,
        kill_kernel,
    )  # nbgrader, once for all processes

    context = multiprocessing.get_context("fork")
    queue, running, done, start = list(todo), {}, 0, time.monotonic()
    longest = 2 * settings["total"] + 120  # seconds; a process stops itself before
    while queue or running:
        while queue and len(running) < jobs:
            one = queue.pop(0)
            job = job_of(one, settings)
            process = context.Process(target=grade_one, args=(one.folder, job))
            process.start()
            running[process.sentinel] = (process, one, job["key"], time.monotonic())
        for sentinel in wait(list(running), timeout=5):
            process, one, key, since = running.pop(sentinel)
            process.join()
            kill_kernel(one.folder)
            if not take(one, key) and one.status == "waiting":
                one.status = "crashed"
                one.remarks.append("grading was stopped: too much memory or time")
            for name in ("home", "tmp"):
                shutil.rmtree(one.folder / name, ignore_errors=True)
            done += 1
            took, left = time.monotonic() - since, len(todo) - done
            minutes = (time.monotonic() - start) / done * left / 60
            later = f", about {minutes:.0f} min left" if minutes > 1 else ""
            print(f"[{done}/{len(todo)}] {line(one)} ({took:.0f} s{later})", flush=True)
        for process, *_, since in running.values():
            if time.monotonic() - since > longest:
                process.kill()


def line(one: Submission) -> str:
    """One submission in one line."""
    if not one.grades:
        return f"{one.student}, {one.slug or one.path.name}: {one.status}"
    most = sum(grade["max"] for grade in one.grades.values())
    wait = f", {number(one.waiting())} to be marked" if one.waiting() else ""
    bad = f", {one.status}" if one.status != "ok" else ""
    return (
        f"{one.student}, {one.slug}: {number(one.total())} of {number(most)}{wait}{bad}"
    )


# --- what the teacher gets


def plain_page(one: Submission) -> str:
    """A feedback page for a submission that could not be graded."""
    reasons = "".join(f"<li>{html.escape(note)}</li>" for note in one.notes)
    name = html.escape(one.student)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title></head>\n<body><h1>{name}</h1>"
        f"<p>Your submission could not be graded: {html.escape(one.status)}.</p>"
        f"<p>File: {html.escape(one.path.name)}</p><ul>{reasons}</ul></body></html>\n"
    )


def write_feedback(found: list[Submission], out: Path) -> None:
    """A page for each submission; pages of earlier runs are removed."""
    pages = out / "feedback"
    for old in pages.glob("*/*.html"):
        old.unlink()
    taken = set()
    for one in found:
        stem = (
            re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", one.student)[:80].strip(". ") or "_"
        )
        name, count = f"{one.slug or 'not graded'}/{stem}", 1
        while name.casefold() in taken:
            count += 1
            name = f"{one.slug or 'not graded'}/{stem} ({count})"
        taken.add(name.casefold())
        one.page = f"feedback/{name}.html"
        made = one.folder / "feedback.html" if one.folder else None
        if made and made.exists():
            text = made.read_text(encoding="utf-8")
        else:
            text = plain_page(one)
        write(out / one.page, text)


def write_grades(found: list[Submission], masters: dict, chosen) -> list[list]:
    """Write `grades.csv`; the rows of `written.csv` that belong to `found`."""
    names = sorted({n for m in masters.values() for n in points(m)}, key=natural)
    head = ["student", "assignment", "total", "max", "waiting", "status"]
    rows = [[*head, *names, "note", "feedback", "file"]]
    written = []
    for one in found:
        table = points(masters[one.slug]) if one.slug else {}
        most = sum(sum(cells.values()) for cells in table.values())
        most = most if one.slug else ""
        row = [one.student, one.slug, one.total(), most, one.waiting(), one.status]
        for name in names:
            cells = table.get(name, {})
            scored = [one.grades.get(cell, {}).get("points", 0.0) for cell in cells]
            row.append(sum(scored) if cells else "")
        note = " ".join(one.notes + one.remarks)
        file = one.path.relative_to(chosen.submissions)
        rows.append([*row, note, one.page, file])
        for cell, grade in one.grades.items():
            mark = one.marks.get(cell, {"points": "", "comment": ""})
            if grade["waiting"] or cell in one.marks:
                own = [one.student, one.slug, cell, grade["max"]]
                answer = one.answers.get(cell, "")
                written.append([*own, mark["points"], mark["comment"], answer])
    write_table(chosen.out / "grades.csv", rows)
    return written


def natural(name: str) -> tuple:
    """Sorts ex2 before ex10."""
    return tuple(int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name))


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line, checked."""
    text = __doc__.split("\n", 1)
    parser = argparse.ArgumentParser(
        description=text[0],
        epilog=text[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("submissions", help="folder with the submissions")
    add("out", nargs="?", default="", help="default: SUBMISSIONS-graded")
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
    if not chosen.submissions.strip():
        raise GradingError("which folder? make grade SUBMISSIONS=folder [OUT=folder]")
    folder = Path(chosen.submissions).expanduser().resolve()
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise GradingError(f"SUBMISSIONS={chosen.submissions} {what}")
    out = Path(chosen.out).expanduser() if chosen.out else Path(f"{folder}-graded")
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
    chosen = options(arguments)
    enter_environment()
    out = chosen.out
    slugs = sorted(path.stem for path in MASTERS.glob("*.ipynb"))
    if not slugs:
        raise GradingError(f"there is no assignment in {MASTERS}")
    rows = read_marks(out / "written.csv")
    found = find_submissions(chosen.submissions, slugs)
    if not found:
        raise GradingError(f"there is nothing in {chosen.submissions}")
    courses = prepare(slugs)
    releases = {
        slug: nbformat.read(root / "release" / slug / f"{slug}.ipynb", as_version=4)
        for slug, root in courses.items()
    }
    settings = {name: getattr(chosen, name) for name in ("timeout", "total", "memory")}
    kernel = os.path.dirname(kernel_python())
    settings["path"] = os.pathsep.join([kernel, "/usr/local/bin", "/usr/bin", "/bin"])
    tools = {slug: digest(*inputs(slug), *own_files()) for slug in slugs}
    for one in found:
        receive(one, slugs, releases)
    owners = {(one.student, one.slug) for one in found}
    todo = []
    for one in found:
        same = [other for other in found if other is not one and other.slug == one.slug]
        if one.slug and one.student in [other.student for other in same]:
            one.remarks.append("This student handed in several files.")
        if not one.notebook:
            continue
        for row in rows:
            mine = (row["student"], row["assignment"]) == (one.student, one.slug)
            if mine and row["points"] is not None:
                mark = {"points": row["points"], "comment": row["comment"]}
                one.marks[row["cell"]] = mark
        tool = tools[one.slug]
        lay_out(one, courses[one.slug], tool, settings, chosen.again)
        if chosen.again or not take(one, job_of(one, settings)["key"]):
            one.status = "waiting"
            todo.append(one)
    jobs = chosen.jobs or os.cpu_count() or 1
    print(
        f"{len(found)} submissions, {len(todo)} to grade, {jobs} at a time. "
        "Grading runs the students' code as you: it is not a sandbox.",
        flush=True,
    )
    if todo:
        grade_all(todo, settings, jobs)
    write_feedback(found, out)
    written = write_grades(found, releases, chosen)
    for row in rows:  # marks of students who are not in this folder are kept
        if (row["student"], row["assignment"]) not in owners:
            written.append(["" if row[n] is None else row[n] for n in MARKS])
    write_table(out / "written.csv", [MARKS, *written])
    report(found, out, written)
    return 0


def report(found: list[Submission], out: Path, written: list[list]) -> None:
    """What came out, and where it lies."""
    count = {}
    for one in found:
        count[one.status] = count.get(one.status, 0) + 1
    print("\n" + ", ".join(f"{n} {status}" for status, n in sorted(count.items())))
    for one in found:
        if one.status != "ok":
            why = " ".join(one.notes + one.remarks)
            print(f"  {one.status}: {one.student} ({one.path.name}). {why}")
    open_answers = sum(row[4] == "" for row in written)
    print(f"Grades:   {out / 'grades.csv'}\nFeedback: {out / 'feedback'}")
    if open_answers:
        print(
            f"Written:  {out / 'written.csv'}: {open_answers} answers wait for points. "
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
