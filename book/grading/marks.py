"""Tables: what a person marks, and what the grader writes. All that is written is read.

A mark belongs to a student, an assignment, a cell and an answer: `written.csv` holds a
fingerprint of the answer in its column `version`. A mark whose answer has changed since
is not given to the new one; the table says so.
"""

import csv
import hashlib
import io
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from book.tools.exercises import GradingError, whole

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))

MARKS = [
    "student",
    "name",
    "assignment",
    "task",
    "cell",
    "max",
    "points",
    "comment",
    "state",
    "answer",
    "version",
]
NEEDED = ("student", "assignment", "cell", "points")
LONGEST = 30_000  # characters of an answer in a table; Excel cuts a cell at 32,767
LARGEST = 200 * 2**20  # bytes of a table
WRONG = "points must be"  # how what is said of points that cannot be given begins


# --- tables


def number(value: float) -> str:
    """A number of points: "3", "2.5"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def safe(value) -> str:
    """A cell of a table that no spreadsheet takes for a formula."""
    text = number(value) if isinstance(value, int | float) else str(value)
    return f"'{text}" if re.match(r"'*[=+\-@\t\r]", text) else text


def plain(text: str) -> str:
    """What `safe` was given."""
    return text[1:] if re.match(r"'+[=+\-@\t\r]", text) else text


def clean(value) -> str:
    """Text without what tables cannot hold: lone surrogates, control characters."""
    text = number(value) if isinstance(value, int | float) else str(value)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\N{REPLACEMENT CHARACTER}", text)


def write_table(path: Path, rows: list[list], plain: bool = False) -> None:
    """A CSV file, UTF-8 with its mark, as spreadsheets and importers read it.

    `plain` leaves text that looks like a formula as it is: for importers, which must
    find names unchanged.
    """
    form = clean if plain else lambda value: safe(clean(value))
    how = {"encoding": "utf-8" if plain else "utf-8-sig", "newline": ""}
    with whole(path) as part, part.open("w", **how) as file:
        csv.writer(file).writerows([[form(value) for value in row] for row in rows])


def decoded(data: bytes, known: list[str]) -> tuple[str, str]:
    """The text of a table and its encoding, whatever the spreadsheet has made of it.

    UTF-8 proves itself. For the others counts how many of the `known` names come out;
    without any, two-byte Chinese where the bytes come in such pairs, else the Western
    one.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), "UTF-16"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    best = None
    for encoding in ("gb2312", "cp1252", "gb18030", "big5", "mac_roman"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        score = sum(name in text for name in known if not name.isascii())
        if best is None or score > best[0]:
            best = (score, text, encoding)
    return (best[1], best[2]) if best else (data.decode("latin-1"), "latin-1")


def read_table(path: Path, known: list[str] = ()) -> tuple[list, list[list], str]:
    """The head and the rows of a CSV file, all of the same length; and its encoding.

    The encoding is "" for UTF-8. `known` are names that may stand in it.

    Raises:
        GradingError: the file cannot be opened, or is no table.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except OSError as error:
        raise GradingError(f"{path} cannot be read: {error.strerror}") from None
    if data is None or data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise GradingError(f"{path} is no CSV file. Save it as 'CSV UTF-8' first.")
    text, encoding = decoded(data, known)
    first = text.split("\n")[0]
    if first.strip().lower().startswith("sep="):  # a hint for Excel
        text, delimiter = text.split("\n", 1)[-1], first.strip()[4:5] or ","
    else:
        delimiter = max(",;\t", key=first.count)
    text = text.replace("\0", "")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise GradingError(f"{path} is no CSV file ({error})") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    head = [cell.strip() for cell in rows[0]] if rows else []
    long = [(row + [""] * len(head))[: len(head)] for row in rows[1:]]
    return head, long, encoding


# --- marks


@dataclass
class Mark:
    """One row of `written.csv`."""

    row: dict
    points: float | None = None
    wrong: str = ""  # what is wrong with the points, if anything
    lost: str = ""  # why no answer here has it, if none has
    used: bool = field(default=False, compare=False)

    def shown(self) -> list[str]:
        """What of it the student sees; empty if nothing."""
        found = [self.row[name] for name in ("points", "comment")]
        return [*found, self.row["version"]] if any(found) else []


def version_of(text: str) -> str:
    """The fingerprint of an answer; white space does not count."""
    folded = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return "v" + hashlib.sha256(folded).hexdigest()[:12]


def in_table(answer: str) -> str:
    """An answer as it stands in the table: pictures and very long ones are cut."""
    answer = re.sub(r"data:image/[\w.+-]+;base64,[\w+/=\s]{200,}", "(picture)", answer)
    if len(answer) > LONGEST:
        answer = answer[:LONGEST] + "\n(cut; the rest is on the feedback page)"
    return answer


def read_marks(path: Path, known: list[str] = ()) -> tuple[list[Mark], list[str]]:
    """What a person wrote into `written.csv`, and what is odd about the file.

    Raises:
        GradingError: the file lacks columns without which no mark can be placed.
    """
    if not path.exists():
        return [], []
    head, rows, encoding = read_table(path, known)
    if not head:
        return [], []
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise GradingError(
            f"{path} lacks the columns {', '.join(missing)}. Put them back, or remove "
            "the file: then it is written anew, without marks."
        )
    found, odd = [], []
    if encoding:
        odd.append(
            f"{path.name} is not UTF-8; it was read as {encoding}. Look at a name with "
            "an accent, and save it as 'CSV UTF-8' next time."
        )
    for cells in rows:
        row = dict.fromkeys(MARKS, "")
        row |= {n: plain(c.strip()) for n, c in zip(head, cells, strict=True) if n}
        mark = Mark(row)
        text = row["points"].strip()
        if text:
            try:
                mark.points = float(text.replace(",", "."))
            except ValueError:
                mark.wrong = f"'{text}' is no number"
        found.append(mark)
    return found, odd


def judge(mark: Mark, most: float) -> str:
    """What is wrong with the points of a mark for a cell of `most` points; or ""."""
    if mark.wrong:
        return f"{WRONG} a number from 0 to {number(most)}: {mark.wrong}"
    if mark.points is not None and not 0 <= mark.points <= most:
        return f"{WRONG} from 0 to {number(most)}, not {number(mark.points)}"
    return ""


def most_then(mark: Mark) -> str:
    """Of how many points those of a mark were given; a row's state may remember it."""
    then = re.search(r"when the most was (\S+) \((\S+) of", mark.row["state"])
    same = then and mark.points is not None and then[2] == number(mark.points)
    return then[1] if same else mark.row["max"]


def remembered(mark: Mark, state: str) -> str:
    """`state` as the table has it, with the points that it was said of."""
    then = re.search(r"when the most was (\S+)$", state)
    return f"{state} ({number(mark.points)} of {then[1]})" if then else state


def settle(mark: Mark, version: str, most: float) -> tuple[float | None, str]:
    """The points that a mark gives to an answer now, and the state of its row."""
    row, wrong, then = mark.row, judge(mark, most), most_then(mark)
    if mark.points is None and not mark.wrong:
        old = row["state"] if row["state"].startswith("changed") else ""
        return None, old
    if row["version"] and row["version"] != version:
        was = row["points"] if mark.points is None else number(mark.points)
        was = f"{was} of {then or '?'}"
        return None, f"changed since marked ({was}): mark it again"
    if wrong:
        return None, wrong
    try:
        other = then and abs(float(then.replace(",", ".")) - most) > 1e-9
    except ValueError:
        other = False
    if other:
        return mark.points, f"marked when the most was {then}"
    return mark.points, "marked"
