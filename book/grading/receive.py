"""What was handed in: notebooks in folders and zips, and whose they are.

Only regular files are opened, none is followed out of the folder, none is unpacked on
disk. What is not taken is told.
"""

import os
import re
import stat
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from book.grading.platforms import (
    Sender,
    gradescope_senders,
    key_of,
    likeliest,
    sender_of,
    shown,
    tell_apart,
)

LARGEST = 200 * 2**20  # bytes of a notebook; beyond, somebody has saved a film in it
MOST_FILES = 100_000
DEEPEST = 20
JUNK = ("__MACOSX", "~$", ".")
NO_NAME = "(no name)"
# What says "copy" in a file's name, on several systems.
COPIES = r"(copy of|copy|kopie von|kopie|copie de|copie|copia de|copia|的副本|副本)"
NUMBERED = r"[(（](\d{1,3})[)）]"
GENERIC = (
    r"(notebook|untitled|home ?work|hw|solutions?|submissions?|submitted|assignments?"
    r"|exercises?|lab)\d*"
)
SECTION = r"(section|sec|tutorial|tut|class|course)\b.*|.*班|\d{1,2}"


@dataclass
class Found:
    """A file that was handed in, in a folder or a zip."""

    parts: tuple[str, ...]  # the names of the folders and zips that hold it, its own
    read: Callable[[], bytes]
    when: float = 0.0  # when it was last changed, as the file system or the zip says

    def name(self) -> str:
        return shown("/".join(self.parts))


@dataclass
class Submission:
    """One notebook of one student, and what became of it."""

    student: str
    file: str  # where it was found
    sender: Sender
    found: Found | None = None
    person: object = None  # of the roster
    slug: str = ""
    variant: str = ""  # whose numbers the tasks have; "" for everybody's
    personal: bool = False  # handed in with numbers of its own, graded with everybody's
    notebook: object = None
    status: str = "waiting"
    notes: list[str] = field(default_factory=list)  # for the student
    remarks: list[str] = field(default_factory=list)  # for the teacher only
    run_notes: list[str] = field(default_factory=list)  # for the student, of the run
    answers: dict = field(default_factory=dict)  # written ones, by cell
    doubtful: set = field(default_factory=set)  # written cells whose answer is unsure
    grades: dict = field(default_factory=dict)
    marks: dict = field(default_factory=dict)  # a person's, by graded cell
    folder: Path | None = None
    page: str = ""  # file name of the feedback page

    def total(self) -> float:
        return sum(grade["points"] for grade in self.grades.values())

    def waiting(self) -> float:
        return sum(g["max"] for g in self.grades.values() if g["waiting"])


# --- files


def read_file(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        ValueError: it is none, or too large; the text says why.
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("this is no regular file")
        return limited(file)


def limited(file) -> bytes:
    """What is in an open file, if that is not too much."""
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"the file is larger than {LARGEST // 2**20} MiB")
    return data


def look_through(folder: Path) -> tuple[list[Found], list[str]]:
    """Every file in `folder` (or in a zip) and in the zips in it; what was left out."""
    found, left_out = [], []
    if folder.is_file():
        unzip((), folder, (), found, left_out)
    else:
        walk(folder, (), found, left_out)
    return found, left_out


def walk(folder: Path, parts: tuple, found: list, left_out: list) -> None:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        left_out.append(f"{shown('/'.join(parts))}: {error.strerror}")
        return
    for entry in inside:
        name = (*parts, entry.name)
        if entry.name.startswith(JUNK):
            continue
        if len(found) >= MOST_FILES or len(name) > DEEPEST:
            left_out.append(f"{shown('/'.join(name))}: too many files or folders")
            return
        info = entry.stat(follow_symlinks=False)
        path = Path(entry.path)
        if stat.S_ISDIR(info.st_mode):
            walk(path, name, found, left_out)
        elif not stat.S_ISREG(info.st_mode):
            kind = "a link" if stat.S_ISLNK(info.st_mode) else "no regular file"
            left_out.append(f"{shown('/'.join(name))}: {kind}, not opened")
        elif entry.name.lower().endswith(".zip"):
            unzip(name, path, (), found, left_out)
        else:
            read = lambda path=path: read_file(path)  # noqa: E731
            found.append(Found(name, read, info.st_mtime))
    if not inside and parts:
        found.append(Found((*parts, ""), lambda: b""))  # an empty folder


def opened(path: Path, members: tuple) -> zipfile.ZipFile:
    """The zip at `path`, or the one that `members` lead to, zip in zip."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    box = zipfile.ZipFile(open(handle, "rb"))  # noqa: SIM115
    for member in members:
        box = zipfile.ZipFile(BytesIO(read_member(box, member)))
    return box


def read_member(box: zipfile.ZipFile, index: int) -> bytes:
    with box.open(box.infolist()[index]) as file:
        return limited(file)


def member_name(info: zipfile.ZipInfo) -> str:
    """The name in a zip: old zips tell no encoding; Chinese Windows writes GBK."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "surrogateescape")


def unzip(parts: tuple, path: Path, members: tuple, found: list, left_out: list):
    """List what is in a zip; nothing is unpacked before it is read."""
    where = shown("/".join(parts)) or path.name
    try:
        with opened(path, members) as box:
            inside = box.infolist()
    except Exception:  # BadZipFile, and what zlib and lzma raise of a zip in a zip
        left_out.append(f"{where}: a zip that cannot be read")
        found.append(Found(parts or (path.name,), lambda: b""))
        return
    before = len(found)
    for index, info in enumerate(inside):
        name = [p for p in re.split(r"[/\\]+", member_name(info)) if p not in ("", ".")]
        if (
            info.is_dir()
            or not name
            or any(p.startswith(JUNK) for p in name if p != "..")
        ):
            continue
        name = tuple(part for part in name if part != "..")
        if not name:
            continue
        label = shown("/".join((*parts, *name)))
        if len(found) - before >= MOST_FILES or len(parts) + len(name) > DEEPEST:
            left_out.append(f"{label}: too many files or folders")
            return
        if stat.S_ISLNK(info.external_attr >> 16):
            left_out.append(f"{label}: a link, not opened")
        elif info.flag_bits & 1:
            left_out.append(f"{label}: locked with a password")
        elif name[-1].lower().endswith(".zip") and len(members) < 2:
            unzip((*parts, *name), path, (*members, index), found, left_out)
        else:

            def read(index=index):
                try:
                    with opened(path, members) as box:
                        return read_member(box, index)
                except (OSError, ValueError):
                    raise
                except Exception as error:
                    raise ValueError(f"the zip is damaged: {error}") from None

            found.append(Found((*parts, *name), read, seconds(info.date_time)))
    if len(found) == before:
        found.append(Found((*parts, "") if parts else (path.name,), lambda: b""))


def seconds(date: tuple) -> float:
    """A zip's date, which has no time zone, as files have theirs; 0 if it is none."""
    try:
        return time.mktime((*date, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


# --- whose it is


def is_notebook(one: Found) -> bool:
    """Whether a file is meant to be a notebook: by its name, else by what is in it."""
    name = one.parts[-1].lower()
    if re.search(r"\.ipynb(\.(txt|json|html?))?$", name):
        return True
    if not re.search(r"\.(json|txt)$|^[^.]+$", name):
        return False
    try:
        start = one.read()[:100_000].lstrip(b"\xef\xbb\xbf \r\n\t")
    except (OSError, ValueError):
        return False
    return start.startswith(b"{") and (b'"nbformat"' in start or b'"cells"' in start)


def stem(name: str) -> str:
    """A name without the endings that make it a notebook or a zip."""
    return re.sub(r"(?i)(\.(ipynb|zip|txt|json|html?))+$", "", name)


def label_of(name: str, slugs: list[str]) -> tuple[str, int]:
    """What is left of a name when assignment and marks of copies are gone; the number.

    "01-perceptron - Copy (2)" leaves "" and 2.
    """
    text = shown(stem(name))
    count = 0
    for slug in slugs:
        found = re.search(re.escape(slug) + r"(?:[-_ ]?(\d{1,2})(?!\d))?", text, re.I)
        if found:
            count = int(found[1] or 0)
            text = text[: found.start()] + " " + text[found.end() :]
    for again in re.findall(NUMBERED, text):
        count = int(again)
    text = re.sub(NUMBERED, " ", text)
    for again in re.finditer(rf"(?i)(?<![^\W_]){COPIES}(\d{{0,2}})(?![^\W_])", text):
        count = int(again[2] or count)
        text = text.replace(again[0], " ")
    text = re.sub(r"(?i)[_\s-]*\bLATE\b", " ", text.replace("_", " _ ")).replace(
        " _ ", "_"
    )
    text = re.sub(r"\s+", " ", text).strip(" _-.")
    return ("" if re.fullmatch(f"(?i){GENERIC}", text) else text), count


class Tree:
    """Which folders hold students, and which are a student's own."""

    def __init__(self, notebooks: list[Found], slugs: list[str], known: Callable):
        self.slugs, self.known = slugs, known
        self.folders, self.files, self.entries, self.below = {}, {}, {}, {}
        for one in notebooks:
            *path, last = one.parts
            for k, part in enumerate(path):
                if stem(part) not in slugs:
                    self.folders.setdefault(tuple(path[:k]), set()).add(part)
                self.entries.setdefault(tuple(path[:k]), set()).add(part)
                self.below.setdefault(tuple(path[: k + 1]), set()).add(tuple(path))
            self.files.setdefault(tuple(path), set()).add(label_of(last, slugs)[0])
            self.entries.setdefault(tuple(path), set()).add(last)

    def holds_students(self, path: tuple) -> bool:
        """Whether the folder is a class, a section or a wrapper, not a student's."""
        if not path or stem(path[-1]) in self.slugs:
            return True
        name = label_of(path[-1], self.slugs)[0]
        folders, files = (
            self.folders.get(path, set()),
            self.files.get(path, set()) - {""},
        )
        if self.known(name):
            return False
        if any(self.known(label) for label in files):
            return True
        if (len(folders) >= 2 and not self.files.get(path)) or len(files) >= 3:
            return True
        if not name or re.fullmatch(f"(?i){SECTION}", name):
            return bool(files or folders)
        alone = len(self.entries.get(path[:-1], ())) == 1
        return alone and len(self.below.get(path, ())) + len(files) >= 2

    def student(self, parts: tuple) -> str:
        """Whose a file is, by the folders that hold it, else by its own name."""
        for k in range(1, len(parts)):
            if not self.holds_students(parts[:k]):
                return label_of(parts[k - 1], self.slugs)[0] or shown(
                    stem(parts[k - 1])
                )
        own = label_of(parts[-1], self.slugs)[0]
        if own or len(parts) < 2:
            return own
        names = [label_of(part, self.slugs)[0] for part in parts[-2::-1]]
        return next(filter(None, names), "")


def find_submissions(
    folder: Path, slugs: list[str], roster=None
) -> tuple[list[Submission], list[str]]:
    """Every notebook in `folder`, whose it is, and what was handed in without one."""
    found, left_out = look_through(folder)
    senders = {}
    for one in found:
        if one.parts[-1] == "submission_metadata.yml":
            try:
                text = one.read().decode("utf-8", "replace")
            except (OSError, ValueError) as error:
                left_out.append(f"{one.name()}: {error}")
                continue
            for name, people in gradescope_senders(text).items():
                senders[(*one.parts[:-1], name)] = people
    found = [one for one in found if one.parts[-1] != "submission_metadata.yml"]
    notebooks = {id(one): one for one in found if is_notebook(one)}
    siblings = {}  # what lies in one folder comes from one platform
    for one in found:
        for k, part in enumerate(one.parts):
            siblings.setdefault(one.parts[:k], set()).add(part)
    order = {path: likeliest(inside) for path, inside in siblings.items()}
    people = {id(one): named(one, senders, order) for one in found}
    tell_apart([sender for group in people.values() for sender in group])

    def known(label: str) -> bool:
        return bool(roster and label and roster.find(Sender(name=label)))

    nameless = [one for key, one in notebooks.items() if not people[key]]
    tree = Tree(nameless, slugs, known)
    submissions, others = [], []
    for one in found:
        is_one = id(one) in notebooks
        for sender in people[id(one)] or [guess(tree, one)]:
            label = shown(sender.label()) or NO_NAME
            each = Submission(label, one.name(), sender, one)
            each.person = roster.find(sender) if roster else None
            if label == NO_NAME and is_one:
                each.remarks.append("Whose is it? Put a name before that of the file.")
            (submissions if is_one else others).append(each)
    have = {owner(one) for one in submissions}
    for one in others:
        if owner(one) not in have:
            have.add(owner(one))
            one.status = "no notebook"
            submissions.append(one)
    return submissions, left_out


def named(one: Found, senders: dict, order: dict) -> list[Sender]:
    """The senders that a platform has written into a path."""
    for k in range(1, len(one.parts) + 1):
        if one.parts[:k] in senders:
            return senders[one.parts[:k]]
        sender = sender_of(one.parts[k - 1], order[one.parts[: k - 1]])
        if sender:
            return [sender]
    return []


def guess(tree: Tree, one: Found) -> Sender:
    last = re.sub(r"\.[A-Za-z][A-Za-z0-9]{0,4}$", "", one.parts[-1])
    parts = one.parts if is_notebook(one) else (*one.parts[:-1], last)
    label = tree.student(parts)
    late = any(re.search(r"(?<![^\W_])LATE(?![^\W_])", part) for part in one.parts)
    return Sender("", label, [], late=late)


def owner(one: Submission) -> str:
    """What the submissions of one student share."""
    if one.person is not None:
        return f"person {id(one.person)}"
    if one.student == NO_NAME:  # each may be another's
        return "file " + one.file
    return "label " + key_of(one.student)


def id_of(one: Submission) -> str:
    """The student's id: the roster's, else what the platform calls them."""
    return (one.person.id or one.person.name) if one.person else one.student


def name_of(one: Submission) -> str:
    own = one.person.name if one.person else one.sender.name
    return shown(own) or one.student


def email_of(one: Submission) -> str:
    return (one.person.email if one.person else "") or one.sender.email


def forgotten(found: list[Submission]) -> list[str]:
    """Whether the students' own numbers were forgotten, as sentences."""
    count = sum(one.personal for one in found)
    if not count:
        return []
    have = "1 notebook has" if count == 1 else f"{count} notebooks have"
    return [f"{have} numbers made for a student: grade with VARIANTS=1."]


def names(one: Submission) -> list[str]:
    """Under which names a mark may have been written down."""
    return list(dict.fromkeys([id_of(one), one.student, name_of(one), *one.sender.ids]))


def choose(submissions: list[Submission], slugs: list[str]) -> list[Submission]:
    """The submissions that count: of several for one assignment, the last.

    The last is the one with the latest date or number that the platform wrote into the
    name, else the highest (2), else the latest change of the file. The others stand in
    its remarks.
    """
    groups, kept = {}, []
    for one in submissions:
        if one.notebook is None:
            kept.append(one)
        else:
            groups.setdefault((owner(one), one.slug), []).append(one)
    for group in groups.values():
        group.sort(key=lambda one: order_of(one, slugs))
        last = group[-1]
        kept.append(last)
        if len(group) > 1:
            others = ", ".join(one.file for one in group[:-1])
            last.remarks.append(
                f"{len(group)} files; the last counts, {last.file}. "
                f"Not counted: {others}."
            )
    place = {id(one): k for k, one in enumerate(submissions)}
    return sorted(kept, key=lambda one: place[id(one)])


def order_of(one: Submission, slugs: list[str]) -> tuple:
    count = label_of(one.found.parts[-1], slugs)[1] if one.found else 0
    when = one.found.when if one.found else 0.0
    return (one.sender.when, one.sender.order, count, when, one.file)
