"""What learning platforms write and read: names of files, rosters, tables of grades.

Each pattern names where it was read. Nothing here opens a submission.
"""

import functools
import os
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from book.grading.marks import number, read_table, write_table
from book.tools.exercises import GradingError

# --- names


def shown(name: str) -> str:
    """A name as people can read it: composed, with odd characters and bytes escaped."""
    text = unicodedata.normalize("NFC", name)
    return "".join(map(printable, text)).strip()


def printable(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    return "" if unicodedata.category(character) == "Cf" else character


@functools.cache
def key_of(name: str) -> str:
    """What two spellings of the same name share."""
    return " ".join(shown(name).casefold().split())


@functools.cache
def squashed(name: str) -> str:
    """A name without case, order marks and spaces: Canvas writes names like that."""
    return "".join(c for c in key_of(name) if c.isalnum())


def zeroless(name: str) -> str:
    """An id as a spreadsheet leaves it: 0012345 becomes 12345."""
    name = name.strip()
    return name.lstrip("0") or "0" if name.isascii() and name.isdigit() else ""


# --- whose a file is, by its name


@dataclass
class Sender:
    """What a platform wrote into the name of a file or folder."""

    platform: str = ""
    name: str = ""
    ids: list[str] = field(default_factory=list)  # the likeliest first
    email: str = ""
    late: bool = False
    when: str = ""  # when it was handed in, in a form that sorts
    order: int = 0  # a number that grows with every upload
    prefix: str = ""  # what the platform wants before the name of a feedback file

    def anonymous(self) -> bool:
        return self.platform == "canvas" and self.ids[0].startswith("anon_")

    def label(self) -> str:
        """How the student is called where no roster says it better."""
        return "_".join(part for part in (self.name, *self.ids[:1]) if part)


# Moodle, mod/assign/classes/downloader.php: FULLNAME_ID_assignsubmission_PLUGIN, as a
# folder (since 3.1; with a further _ before 4.1) or before the name of the file. Groups
# are GROUP_ID_..., and those in no group "Default group_...", without a number.
MOODLE = re.compile(
    r"(?P<prefix>(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_"
    r"(?:file|onlinetext|[a-z]+)(?=_|$)_?)"
)
# Canvas, lib/content_zipper.rb: SORTABLENAME_[LATE_]USER_ATTACHMENT_FILE, names in
# lower case without spaces; [LATE_]anon_XXXXX_ATTACHMENT_FILE if students are hidden;
# a text that was typed in is ..._USER_text.html, an address ..._USER_link.html.
CANVAS = re.compile(
    r"(?P<prefix>(?:(?P<name>.+?)_)??(?P<late>LATE_)?"
    r"(?:anon_(?P<anon>[0-9A-Za-z]{5})|(?P<id>\d{3,}))_(?P<order>\d{4,})_)."
)
CANVAS_TYPED = re.compile(
    r"(?:(?P<name>.+?)_)??(?P<late>LATE_)?"
    r"(?:anon_(?P<anon>[0-9A-Za-z]{5})|(?P<id>\d{3,}))_(?:text|link)\.html$"
)
# Blackboard: ASSIGNMENT_USERNAME_attempt_YYYY-MM-DD-HH-MM-SS_FILE, and with .txt for
# what was typed in (github.com/vangef/BBGradebookOrganiser, README; the same pattern in
# readers of other authors). A username may hold a _.
BLACKBOARD = re.compile(
    r"(?P<before>.+?)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?=_|\.txt$|$)"
)


def on_moodle(name: str) -> Sender | None:
    found = MOODLE.match(name)
    if not found:
        return None
    ids = [found["id"]] if found["id"] else []
    return Sender("moodle", found["name"], ids, prefix=found["prefix"])


def on_blackboard(name: str) -> Sender | None:
    found = BLACKBOARD.match(name)
    if not found:
        return None
    parts = found["before"].split("_")
    ids = ["_".join(parts[-k:]) for k in range(1, len(parts))] or parts
    return Sender("blackboard", "", ids, when=found["when"])


def on_canvas(name: str) -> Sender | None:
    found = CANVAS.match(name) or CANVAS_TYPED.match(name)
    if not found or not (found["name"] or found["anon"]):  # only numbers: anybody's
        return None
    one = Sender("canvas", found["name"] or "", late=bool(found["late"]))
    one.ids = [found["id"] or f"anon_{found['anon']}"]
    groups = found.groupdict()
    one.order, one.prefix = int(groups.get("order") or 0), groups.get("prefix", "")
    if found["anon"]:
        one.name = ""
    return one


PLATFORMS = (on_moodle, on_blackboard, on_canvas)


def likeliest(names) -> list:
    """The platforms, that first which most of the names in a folder fit.

    A student chooses the end of a name, and can make it look like another platform's.
    """
    names = [unicodedata.normalize("NFC", name) for name in names]
    return sorted(PLATFORMS, key=lambda read: -sum(map(bool, map(read, names))))


def sender_of(name: str, order=PLATFORMS) -> Sender | None:
    """The student in the name of a file or folder, if a platform has made it up."""
    name = unicodedata.normalize("NFC", name)
    return next(filter(None, (read(name) for read in order)), None)


def tell_apart(senders: list[Sender]) -> None:
    """Find where Blackboard's usernames begin: after what all the names share."""
    ours = [one for one in senders if one.platform == "blackboard"]
    shared = os.path.commonprefix([one.ids[-1].split("_") for one in ours])
    for one in ours:
        parts = one.ids[-1].split("_")
        own = "_".join(parts[len(shared) :]) or parts[-1]
        one.ids = [own, *[other for other in one.ids if other != own]]


class Tolerant(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads Ruby's tags as plain values."""


Tolerant.add_multi_constructor("!", lambda loader, tag, node: None)


def gradescope_senders(text: str) -> dict[str, list[Sender]]:
    """Who stands in Gradescope's submission_metadata.yml: folder → senders.

    "Download Submissions" gives one folder a submission (submission_123) and this file,
    {folder: {":submitters": [{":name", ":sid", ":email"}], ":created_at": ...}}; groups
    have several submitters. Read in github.com/ucbds-infra/otter-grader (its parser of
    Gradescope's metadata).
    """
    try:
        table = yaml.load(text, Loader=Tolerant)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found = {}
    for folder, entry in table.items() if isinstance(table, dict) else []:
        entry = entry if isinstance(entry, dict) else {}
        people = entry.get(":submitters")
        for person in people if isinstance(people, list) else []:
            if isinstance(person, dict):
                known = [str(person.get(k) or "") for k in (":name", ":sid", ":email")]
                one = Sender("gradescope", known[0], [known[1]] if known[1] else [])
                one.email, one.when = known[2], str(entry.get(":created_at") or "")
                found.setdefault(str(folder), []).append(one)
    return found


# --- the roster


@dataclass
class Person:
    """One row of the roster."""

    id: str = ""
    name: str = ""
    email: str = ""
    other: list[str] = field(default_factory=list)  # more ids: logins, platforms' own
    line: int = -1  # its place in the roster's rows


@dataclass
class Roster:
    """A table of students, as an instructor or a platform has written it."""

    people: list[Person] = field(default_factory=list)
    platform: str = ""  # "canvas", "moodle", "blackboard", "" where it is nobody's
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def find(self, one: Sender) -> Person | None:
        """The only person that `one` can be; None if there is none, or more."""
        own = [] if one.platform else [one.name]  # who names files may take either
        ids = [i for i in [*one.ids, *own] if i]
        login = one.email.split("@")[0]
        tests = [
            lambda p: one.email and key_of(p.email) == key_of(one.email),
            *[lambda p, i=i: key_of(i) in map(key_of, [p.id, *p.other]) for i in ids],
            lambda p: login and key_of(login) in map(key_of, [p.id, *p.other]),
            *[
                lambda p, i=i: zeroless(i) and zeroless(i) == zeroless(p.id)
                for i in ids
            ],
            lambda p: key_of(p.email).split("@")[0] in [key_of(i) for i in ids],
            lambda p: squashed(one.name) in spellings(p.name),
        ]
        for test in tests:
            found = [person for person in self.people if test(person)]
            if len(found) == 1:
                return found[0]
        return None


@functools.cache
def spellings(name: str) -> set[str]:
    """How platforms write a name: in both orders, without spaces and commas."""
    words = re.split(r"[\s,，]+", key_of(name).strip())
    first = squashed(name)
    if re.fullmatch(r"[\u3400-\u9fff]{2,4}", first):  # 李雷 has no space to turn at
        words = list(first)
    turned = {squashed("".join(words[k:] + words[:k])) for k in range(len(words))}
    return {first, *turned} - {""}


# Canvas: Student, ID, SIS User ID, SIS Login ID, Section (lib/gradebook_importer.rb).
# Moodle: Identifier ("Participant 123"), Full name, ID number, Email address, Grade,
# Last modified (grade) (mod/assign/feedback/offline/importgradeslib.php); other
# languages have other words. Blackboard: Last Name, First Name, Username, Student ID.
# Gradescope: First Name, Last Name, SID, Email.
COLUMNS = {
    "email": ("email", "email address", "e-mail", "mail", "school email", "邮箱"),
    "last": ("last name", "surname", "lastname", "family name", "nachname", "姓"),
    "first": ("first name", "firstname", "given name", "vorname", "名"),
    "name": ("name", "student", "full name", "student name", "姓名"),
    "id": (
        "id number",
        "student id",
        "student number",
        "sid",
        "sis user id",
        "matriculation number",
        "matrikelnummer",
        "学号",
        "id",
    ),
    "login": ("username", "user name", "login", "sis login id", "user id"),
}


def read_roster(path: Path) -> Roster:
    """The students in a table: a plain one (id, name, email) or a platform's export.

    Raises:
        GradingError: no column tells who the students are.
    """
    head, rows, _ = read_table(path)
    lower = [name.strip().casefold() for name in head]
    where = {}
    for what, names in COLUMNS.items():
        places = [lower.index(name) for name in names if name in lower]
        where[what] = places[0] if places else -1
    canvas = {"student", "id", "section"} <= set(lower)
    identifier = next((k for k, n in enumerate(lower) if n == "identifier"), -1)
    if max(where.values()) < 0 and identifier < 0:
        raise GradingError(
            f"ROSTER={path}: no column is called id, name or email; "
            f"the first line says {', '.join(head)[:200] or 'nothing'}"
        )
    roster = Roster(head=head, rows=rows)
    if canvas:
        roster.platform = "canvas"
    elif identifier >= 0 and "grade" in lower:
        roster.platform = "moodle"
    elif "username" in lower and "last name" in lower:
        roster.platform = "blackboard"
    for line, row in enumerate(rows):
        get = {k: row[j].strip() if 0 <= j < len(row) else "" for k, j in where.items()}
        name = get["name"] or f"{get['first']} {get['last']}".strip()
        if not any([name, get["id"], get["email"], get["login"]]):
            continue
        if canvas and (name.startswith("Points Possible") or name == "Student, Test"):
            continue
        person = Person(get["id"], shown(name), get["email"], line=line)
        person.other = [get["login"]]
        if canvas:  # the number in the names of files is Canvas's own
            person.other += [row[lower.index("id")].strip()]
        if 0 <= identifier < len(row):
            person.other += re.findall(r"\d+$", row[identifier].strip())
        person.other = [text for text in person.other if text]
        person.id = person.id or (person.other or [""])[0]
        roster.people.append(person)
    return roster


# --- the tables that platforms import


def maximum_of(roster: Roster) -> float | None:
    """The points that Moodle's worksheet allows at most, if it says so."""
    lower = [name.strip().casefold() for name in roster.head]
    column = lower.index("maximum grade") if "maximum grade" in lower else -1
    for row in roster.rows if column >= 0 else []:
        try:
            return float(row[column].replace(",", "."))
        except ValueError:
            continue
    return None


def write_imports(folder: Path, slug: str, most: float, done: list, roster) -> list:
    """Write what gradebooks import, for one assignment; the paths.

    `done` are (sender, person or None, points or None if something is still to be
    marked). Who has no points keeps what the gradebook has: a row of theirs is only
    written where the roster is that gradebook's own export.
    """
    rows = [(sender, person, points) for sender, person, points in done]
    made = [generic(folder / f"{slug}.csv", slug, rows)]
    platforms = {sender.platform for sender, *_ in rows}
    own = roster.platform if roster else ""
    if own == "canvas" or (not own and "canvas" in platforms):
        made.append(canvas(folder / f"{slug}-canvas.csv", slug, most, rows, roster))
    if own == "moodle":
        made.append(moodle(folder / f"{slug}-moodle.csv", rows, roster))
    if own == "blackboard" or (not own and "blackboard" in platforms):
        path = folder / f"{slug}-blackboard.csv"
        made.append(blackboard(path, slug, most, rows, roster))
    return made


def generic(path: Path, slug: str, rows: list) -> Path:
    """Names, ids, e-mails and points, for Moodle's Grades → Import → CSV and the like.

    Its form (grade/import/csv) asks which column tells the student and which the grade.
    """
    table = [["ID number", "Full name", "Email address", slug]]
    for sender, person, points in rows:
        if points is not None:
            own = person or Person((sender.ids or [""])[0], sender.name, sender.email)
            table.append([own.id, own.name, own.email, number(points)])
    write_table(path, table, plain=True)
    return path


def by_person(rows: list) -> dict[int, float | None]:
    """Points by the place of a person in memory: two may have the same name."""
    return {id(person): points for _, person, points in rows if person}


def column_for(head: list[str], slug: str) -> int:
    """The column of a gradebook that belongs to an assignment; -1 if none does."""
    short = squashed(re.sub(r"^\d+-", "", slug))
    bare = [squashed(re.sub(r"\s*[(\[|].*", "", name)) for name in head]
    whole = [k for k, name in enumerate(head) if squashed(slug) in squashed(name)]
    for found in (whole, [k for k, name in enumerate(bare) if name == short]):
        if len(found) == 1:
            return found[0]
    return -1


def canvas(path: Path, slug: str, most: float, rows: list, roster) -> Path:
    """Canvas's gradebook (lib/gradebook_importer.rb).

    The first column holds "Student", the second "ID", the last before the assignments
    "Section"; a student is found by ID, else by the SIS columns, else by name. A row
    "Points Possible" is read as such. An empty cell would take a grade away, so who has
    no points keeps what the export says.
    """
    if not (roster and roster.platform == "canvas"):
        head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", slug]
        table = [head, ["    Points Possible", "", "", "", "", number(most)]]
        for sender, _, points in rows:
            known = sender.platform == "canvas" and not sender.anonymous()
            if known and points is not None:
                table.append([sender.name, sender.ids[0], "", "", "", number(points)])
        write_table(path, table, plain=True)
        return path
    last = [name.strip().casefold() for name in roster.head].index("section")
    column, points = column_for(roster.head, slug), by_person(rows)
    title = roster.head[column] if column > last else slug
    table = [[*roster.head[: last + 1], title]]
    lines = {person.line: person for person in roster.people}
    for line, row in enumerate(roster.rows):
        old = row[column] if last < column < len(row) else ""
        if row and "Points Possible" in row[0]:
            table.append([*row[: last + 1], old or number(most)])
            continue
        if line not in lines:
            continue
        new = points.get(id(lines[line]))
        table.append([*row[: last + 1], old if new is None else number(new)])
    write_table(path, table, plain=True)
    return path


def moodle(path: Path, rows: list, roster) -> Path:
    """Moodle's offline grading worksheet, filled in.

    It is found by Identifier, Grade and Last modified (grade); an empty grade is
    skipped, and so is one above the maximum (mod/assign/feedback/offline/locallib.php).
    """
    lower = [name.strip().casefold() for name in roster.head]
    column, points = lower.index("grade"), by_person(rows)
    lines = {person.line: person for person in roster.people}
    table = [roster.head]
    for line, row in enumerate(roster.rows):
        new = points.get(id(lines.get(line)))
        new = row[column] if new is None else number(new)
        table.append([*row[:column], new, *row[column + 1 :]])
    write_table(path, table, plain=True)
    return path


def blackboard(path: Path, slug: str, most: float, rows: list, roster) -> Path:
    """Blackboard's Work Offline → Upload.

    Students are found by Username, columns by the number after | in their title; a
    column without one is made anew (help.blackboard.com, "Work Offline with Grade
    Data"). A column of an export reads "Title [Total Pts: 14 Score] |12345".
    """
    points = by_person(rows)
    if not (roster and roster.platform == "blackboard"):
        table = [["Username", f"{slug} [Total Pts: {number(most)} Score]"]]
        for sender, person, worth in rows:
            known = person.other if person else []
            name = [*known, *sender.ids, ""][0]
            if worth is not None and name:
                table.append([name, number(worth)])
        write_table(path, table, plain=True)
        return path
    column = column_for(roster.head, slug)
    lower = [name.strip().casefold() for name in roster.head]
    kept = [
        lower.index(n) for n in ("last name", "first name", "username") if n in lower
    ]
    title = f"{slug} [Total Pts: {number(most)} Score]"
    title = roster.head[column] if column >= 0 else title
    table = [[*(roster.head[k] for k in kept), title]]
    for person in roster.people:
        row, worth = roster.rows[person.line], points.get(id(person))
        if worth is not None:
            table.append([*(row[k] for k in kept), number(worth)])
    write_table(path, table, plain=True)
    return path
