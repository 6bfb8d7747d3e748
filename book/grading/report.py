"""What the teacher gets: tables, pages, and what gradebooks import."""

import html
import re
import time
import zipfile
from pathlib import Path

from book.grading import marks, platforms, receive
from book.grading.marks import number
from book.grading.points import version
from book.tools.exercises import (
    GradingError,
    exercise_of,
    points,
    titles,
    whole,
    write,
)

OFTEN = 10  # seconds between two writings of the tables
NOTHING = "nothing handed in"
UNREAD = ("no notebook", "unreadable")
SETTLED = ("marked", "overruled", "changed")  # states of a mark that had its answer


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


class Sheet:
    """`written.csv`. What somebody writes into it while a class is graded is kept.

    Raises:
        GradingError: no mark in it can be placed.
    """

    def __init__(self, path: Path, known: list[str]):
        self.path, self.known = path, known
        self.seen = self.bytes()
        self.marks, self.said = marks.read_marks(path, known)
        self.edits = {}  # rows with points or comments, by whose they are

    def bytes(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    @staticmethod
    def key(row: dict) -> tuple:
        name = row["student"]
        own = platforms.zeroless(name) or platforms.key_of(name)
        return own, row["assignment"], row["cell"], row["version"]

    def look(self) -> None:
        """Take in what has changed since the file was last read or written here."""
        if self.bytes() == self.seen:
            return
        try:
            found, _ = marks.read_marks(self.path, self.known)
        except GradingError as error:
            aside = self.path.with_name(f"written-{time.strftime('%H%M%S')}.csv")
            self.path.replace(aside)
            self.said.append(f"{error} It now is {aside.name}.")
            return
        old = [(self.key(mark.row), mark.shown()) for mark in self.marks]
        for mark in found:
            if mark.shown() and (self.key(mark.row), mark.shown()) not in old:
                self.edits[self.key(mark.row)] = mark.row

    def write(self, rows: list[dict]) -> None:
        """Write all rows, and those that somebody has added meanwhile."""
        self.look()
        edits = dict(self.edits)
        for row in rows:
            edit = edits.pop(self.key(row), None)
            if edit:
                own = {name: edit[name] for name in edit if name not in marks.MARKS}
                row |= {"points": edit["points"], "comment": edit["comment"], **own}
        rows += edits.values()
        head = list(dict.fromkeys([*marks.MARKS, *(name for r in rows for name in r)]))
        table = [[row.get(name, "") for name in head] for row in rows]
        marks.write_table(self.path, [head, *table])
        self.seen = self.bytes()


class Report:
    """The tables and pages of a class, written as one goes."""

    def __init__(self, found: list, masters: dict, sheet: Sheet, roster, chosen):
        self.found, self.masters, self.sheet = found, masters, sheet
        self.roster, self.chosen, self.written_at = roster, chosen, 0.0
        for mark in sheet.marks:
            mark.lost = astray(mark, self)
        self.extra = {}  # who handed in nothing, by assignment
        slugs = sorted({one.slug for one in found if one.notebook})
        have = {receive.owner(one) for one in found if one.notebook}
        for one in found if len(slugs) == 1 else []:  # it can only be meant for that
            if one.status in UNREAD and receive.owner(one) not in have:
                one.slug = slugs[0]
        self.names_pages()
        for slug in slugs if roster else []:
            have = {id(one.person) for one in found if one.slug == slug}
            people = [p for p in roster.people if id(p) not in have]
            self.extra[slug] = people

    def begin(self, todo: list) -> None:
        """Remove old pages; write those that are there, and the tables."""
        for old in (self.chosen.out / "feedback").glob("*/*.html"):
            old.unlink()
        waiting = {id(one) for one in todo}
        for one in self.found:
            if id(one) not in waiting:
                self.page(one)
        self.tables()

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
    marks.write_table(report.chosen.out / "grades.csv", rows)


def write_written(report: Report) -> int:
    """Write `written.csv`; the number of answers that wait."""
    rows, count, done = [], 0, set()
    for one in report.found:
        task_names = titles(report.masters[one.slug]) if one.slug else {}
        for cell, grade in one.grades.items():
            mark = one.marks.get(cell)
            if not (grade["waiting"] or mark):
                continue
            done.add(id(mark))
            count += grade["waiting"]
            answer = marks.in_table(one.answers.get(cell, ""))
            worth = mark.row["points"] if mark and not changed(grade) else ""
            comment = mark.row["comment"] if mark else ""
            state = grade["state"] or ("to be marked" if grade["waiting"] else "")
            if cell in one.doubtful and grade["waiting"]:
                state = "look: " + state
            state = marks.remembered(mark, state)
            row = [receive.id_of(one), receive.name_of(one), one.slug]
            row += [task_names.get(exercise_of(cell), ""), cell, grade["max"], worth]
            row += [comment, state, answer, version(one, cell)]
            own = mark.row if mark else {}  # with columns of the teacher's own
            rows.append(own | dict(zip(marks.MARKS, row, strict=True)))
    for mark in report.sheet.marks:  # whose owner is not here, or not graded yet
        if id(mark) not in done:
            if not mark.used and not mark.row["state"].startswith(SETTLED):
                mark.row["state"] = mark.lost
            rows.append(dict(mark.row))
    report.sheet.write(rows)
    return count


def astray(mark, report: Report) -> str:
    """Why a mark belongs to no answer here; "" if it does."""
    slug, name = mark.row["assignment"], mark.row["student"]
    if mark.used or mark.lost:
        return mark.lost
    if slug not in report.masters:
        return f"there is no assignment '{slug}'"
    key, find = platforms.key_of(name), report.roster and report.roster.find
    here = [o for o in report.found if key in map(platforms.key_of, receive.names(o))]
    if any(one.slug == slug and one.notebook for one in here):
        return f"more than one here is '{name}'"
    if here or (find and find(platforms.Sender(name=name))):
        return f"'{name}' has no notebook here"
    return f"nobody here is '{name}'"


def odd_marks(report: Report) -> list[str]:
    """What is to be said of marks: those that give no points, and why; old ones."""
    said = []
    for mark in report.sheet.marks:
        if mark.lost and mark.shown():
            row = mark.row
            where = f"{row['student']}, {row['assignment']}, {row['cell']}"
            said.append(f"written.csv: {mark.lost} ({where}).")
    for one in report.found:
        for cell, grade in one.grades.items():
            if grade["state"].startswith(marks.WRONG):
                where = f"{receive.id_of(one)}, {one.slug}, {cell}"
                said.append(f"written.csv: {grade['state']} ({where}).")
    grades = [grade for one in report.found for grade in one.grades.values()]
    if count := sum("when the most was" in grade["state"] for grade in grades):
        marked = "1 mark was" if count == 1 else f"{count} marks were"
        said.append(
            f"written.csv: {marked} given when the most was another: change the "
            "points, or empty `state` where they are to stay."
        )
    return said


def changed(grade: dict) -> bool:
    return grade["state"].startswith("changed")


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
            pages = [one for one in report.found if one.slug == slug]
            pages = [one for one in pages if one.sender.platform == name]
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
    pages = {}
    for one in sorted(found, key=lambda one: bool(one.grades)):  # the graded one counts
        name = f"{one.sender.prefix}feedback.html"
        if one.sender.platform == "moodle":
            name = f"{one.sender.prefix.rstrip('_')}_feedback.html"
        pages[name] = one.page
    # A zip that is cut short opens, too.
    with whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as box:
        for name, page in pages.items():
            box.write(out / page, name)


def tell(report: Report, left_out: list[str], said: list[str]) -> None:
    """What came out, and where it lies."""
    found, out = report.found, report.chosen.out
    count = {}
    for one in found:
        count[one.status] = count.get(one.status, 0) + 1
    print("\n" + ", ".join(f"{n} {status}" for status, n in sorted(count.items())))
    for text in receive.forgotten(found):
        print(f"  {text}")
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
    if report.sheet.edits:
        said.append(
            "written.csv was filled in meanwhile. That is kept, and counts when the "
            "same command is run again."
        )
    for text in [*left_out, *report.sheet.said, *odd_marks(report), *said]:
        print(f"  {text}")
    open_ = sum(g["waiting"] for one in found for g in one.grades.values())
    print(f"Grades:   {out / 'grades.csv'}\nFeedback: {out / 'feedback'}")
    print(f"Import:   {out / 'import'}")
    if open_:
        print(
            f"Written:  {out / 'written.csv'}: {open_} answers wait for points. "
            "Fill them in and run the same command again."
        )
