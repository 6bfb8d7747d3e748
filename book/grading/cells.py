"""A student's notebook: read, recognised, and put back into the student copy's order.

A cell is known by its id, else by its source, by the lines or the names in it, else by
its place between neighbours that are known. What a student has written is never thrown
away: where it cannot be placed, the teacher is asked.
"""

import ast
import json
import re
from collections import Counter
from dataclasses import dataclass, field

import nbformat

from book.tools.exercises import TEXT_STUB, exercise_of, kind

MOST_CELLS = 5_000
LONGEST = 500_000  # characters of code that is looked into
MOST_ATTACHED = 30 * 2**20  # characters of the pictures in one cell
CHECK = re.compile(r"ex\d+-check")  # cells that only serve the student
CALL = r"[^\S\n]*(?:check|hint)\([^\S\n]*[\"']?\w{0,50}[\"']?[^\S\n]*\)[^\S\n]*"
ASIDE = r"[^\w\n]{0,20}"  # marks before the number of a task, such as "**"


# --- reading what students send


def text_of(value) -> str:
    """A cell's source as text that can be written as UTF-8."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")


def parsed(data: bytes):
    """The JSON in a file, in whatever encoding.

    Raises:
        ValueError: there is none; the text says why.
    """
    if not data.strip():
        raise ValueError("the file is empty")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "gb18030", "cp1252"):
        try:
            return json.loads(data.decode(encoding))
        except UnicodeDecodeError:
            continue
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the file is not a notebook (JSON: {error})") from None
    raise ValueError("the file is not text")


def read_notebook(data: bytes):
    """The cells of a notebook, without outputs, in nbformat 4.5.

    Raises:
        ValueError: the file is no notebook; the text says why.
    """
    raw = parsed(data)
    if not isinstance(raw, dict):
        raise ValueError("the file is not a notebook (no cells)")
    if raw.get("nbformat") in (1, 2, 3):
        try:
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        except Exception as error:
            raise ValueError(f"an old notebook that cannot be read: {error}") from None
    if not isinstance(raw.get("cells"), list):
        raise ValueError("the file is not a notebook (no cells)")
    if len(raw["cells"]) > MOST_CELLS:
        raise ValueError(f"{len(raw['cells'])} cells; {MOST_CELLS} are read at most")
    notebook = nbformat.v4.new_notebook()
    marks = raw.get("metadata")
    for name in ("exercise", "variant"):
        value = marks.get(name) if isinstance(marks, dict) else ""
        notebook.metadata[name] = value if isinstance(value, str) else ""
    for old in raw["cells"]:
        if not isinstance(old, dict):
            continue
        cell_type = old.get("cell_type")
        if cell_type not in ("code", "markdown"):
            cell_type = "raw"
        cell = nbformat.from_dict({"cell_type": cell_type, "metadata": {}, "id": ""})
        cell.source = text_of(old.get("source"))
        if cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.metadata["was"] = names_of(old)
        if cell.cell_type == "markdown" and (pictures := attachments(old)):
            cell.attachments = nbformat.from_dict(pictures)
        notebook.cells.append(cell)
    return notebook


def attachments(cell: dict) -> dict:
    """The pictures that were pasted into a cell: {name: {MIME type: base64}}."""
    found, size = {}, 0
    given = cell.get("attachments")
    for name, kinds in given.items() if isinstance(given, dict) else []:
        for mime, data in kinds.items() if isinstance(kinds, dict) else []:
            data = text_of(data)
            size += len(data)
            if str(mime).startswith("image/") and size <= MOST_ATTACHED:
                found.setdefault(text_of(name), {})[text_of(mime)] = data
    return found


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


def identify(notebook, copies: dict, file: str = "") -> str:
    """The assignment that a notebook answers; "" if none.

    Its own word counts; else the assignment with whose student copy it shares most
    cells, and more than two. Cells that all copies have (the set-up) do not count. One
    whose name stands in the name of the file needs one shared cell.
    """
    if notebook.metadata["exercise"] in copies:
        return notebook.metadata["exercise"]
    theirs = {slug: {folded(c.source) for c in r.cells} for slug, r in copies.items()}
    everywhere = set.intersection(*theirs.values()) if len(theirs) > 1 else set()
    sources = {folded(cell.source) for cell in notebook.cells} - everywhere
    shared = {slug: len(sources & theirs[slug]) for slug in theirs}
    best = max(shared, key=shared.get)
    if shared[best] > 2:
        return best
    return next((slug for slug in copies if slug in file and shared[slug]), "")


# --- putting it back into order


@dataclass
class Restored:
    """What `restore` found out."""

    answers: dict[str, str] = field(default_factory=dict)  # written ones, by cell
    notes: list[str] = field(default_factory=list)  # for the student
    questions: list[str] = field(default_factory=list)  # for the teacher
    doubtful: set[str] = field(default_factory=set)  # written cells that a person sees


def given(cell) -> bool:
    """Whether a cell of the student copy is not for the student to change."""
    return kind(cell) not in ("solution", "written")


def defined(source: str) -> set[str]:
    """The names that code defines at its top level; none if it is no Python."""
    found = set()
    if len(source) > LONGEST:
        return found
    try:
        body = ast.parse(re.sub(r"(?m)^[^\S\n]*[%!].*$", "", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"(?m)^(?:def|class)\s+(\w+)", source))
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        found.add(part.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name) for alias in node.names}
    return found


def is_prose(cell) -> bool:
    """Whether a cell is text: Markdown, or what somebody has typed into a code cell."""
    source = cell.source.strip()
    if cell.cell_type != "code":
        return bool(source)
    if not source or source[0] in "%!" or len(source) > LONGEST:
        return False
    try:
        return not ast.parse(source).body  # nothing but comments
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        words = re.findall(r"[^\W\d_]+", source)
        return len(words) >= 4 and not re.search(
            r"[=(]\s*|^\s*(def|for|import)\b", source
        )


def own_words(source: str, original: str = "") -> str:
    """An answer without the stub and without the lines of the text around it."""
    theirs = {line.strip() for line in original.split("\n")}
    lines = source.split("\n")
    kept = (
        [line for line in lines if not line.strip() or line.strip() not in theirs]
        if original
        else lines
    )
    text = "\n".join(kept).replace(TEXT_STUB, "").strip()
    return "" if re.fullmatch(r"[\s*_#>.`-]*", text) else text


class Matching:
    """For each of the student's cells, its id in the student copy, or ""."""

    def __init__(self, cells: list, copy, master):
        self.cells = cells
        self.copy = {cell.id: cell for cell in copy.cells}
        self.order = list(self.copy)
        self.place = {name: k for k, name in enumerate(self.order)}
        self.home = [""] * len(cells)
        self.at = {}  # id: the places of the student's cells that bear it
        self.master = {cell.id: cell for cell in master.cells}
        self.by_id()
        self.by_source()
        self.by_lines()
        self.by_names()
        self.by_neighbours()

    def take(self, index: int, name: str) -> None:
        self.home[index] = name
        self.at.setdefault(name, []).append(index)

    def free(self, cell_type: str = "") -> list[int]:
        return [
            k
            for k, cell in enumerate(self.cells)
            if not self.home[k] and cell_type in ("", cell.cell_type)
        ]

    def by_id(self) -> None:
        for index, cell in enumerate(self.cells):
            for name in cell.metadata["was"]:
                if name in self.copy and (
                    self.copy[name].cell_type == cell.cell_type
                    or kind(self.copy[name]) == "written"
                ):
                    self.take(index, name)
                    break

    def by_source(self) -> None:
        count = Counter(folded(cell.source) for cell in self.copy.values())
        sources = {
            folded(cell.source): name
            for name, cell in self.copy.items()
            if count[folded(cell.source)] == 1 and cell.source.strip()
        }
        for index in self.free():
            name = sources.get(folded(self.cells[index].source))
            if name and name not in self.at:
                self.take(index, name)

    def by_lines(self) -> None:
        """Texts of the exercises that somebody has written into."""
        count, owner = Counter(), {}
        for name, cell in self.copy.items():
            if cell.cell_type == "markdown":
                for line in set(map(folded, cell.source.split("\n"))):
                    count[line] += 1
                    owner[line] = name
        owner = {
            line: name
            for line, name in owner.items()
            if count[line] == 1 and (len(line) > 25 or line.startswith("## "))
        }
        for index in self.free("markdown"):
            lines = map(folded, self.cells[index].source.split("\n"))
            votes = Counter(owner[line] for line in lines if line in owner)
            for name, _ in votes.most_common(1):
                if name not in self.at:
                    self.take(index, name)

    def by_names(self) -> None:
        """Solutions, by the functions and variables that they define."""
        owner, twice = {}, set()
        for name, cell in self.copy.items():
            if kind(cell) == "solution" and cell.cell_type == "code":
                for word in defined(cell.source) | defined(self.master[name].source):
                    twice |= {word} if word in owner else set()
                    owner[word] = name
        votes = {}
        for index in self.free("code"):
            words = defined(self.cells[index].source) - twice
            found = Counter(owner[word] for word in words if word in owner)
            for name, hits in found.most_common(1):
                if name not in self.at:
                    votes.setdefault(name, []).append((hits, index))
        for name, found in votes.items():
            self.take(max(found)[1], name)  # the last of those that define most

    def gap(self, k: int) -> tuple[int, int]:
        """Between which of the student's cells the k-th cell of the copy belongs."""
        before = [self.at[n][-1] for n in self.order[:k][::-1] if n in self.at][:1]
        start = before[0] if before else -1
        after = [self.at[n][0] for n in self.order[k + 1 :] if n in self.at][:1]
        stop = after[0] if after else len(self.cells)
        if stop < start:  # the order was changed: up to the next cell that is known
            known = (j for j in range(start + 1, len(self.cells)) if self.home[j])
            stop = next(known, len(self.cells))
        return start, stop

    def by_neighbours(self) -> None:
        """What lies between two known cells is what the copy has between them."""
        gaps = {}
        for k, name in enumerate(self.order):
            if name not in self.at and not given(self.copy[name]):
                gaps.setdefault(self.gap(k), []).append(name)
        for (start, stop), names in gaps.items():
            inside = [j for j in range(start + 1, stop) if not self.home[j]]
            code = [n for n in names if self.copy[n].cell_type == "code"]
            mine = [j for j in inside if self.cells[j].cell_type == "code"]
            mine = [j for j in mine if not is_prose(self.cells[j])]
            if code and (len(mine) == len(code) or len(code) == 1):
                for j, name in zip(mine[-len(code) :], code, strict=False):
                    self.take(j, name)
            slots = [n for n in names if self.copy[n].cell_type == "markdown"]
            prose = [j for j in inside if not self.home[j]]
            texts = [j for j in prose if self.cells[j].cell_type != "code"]
            texts = texts or [j for j in prose if is_prose(self.cells[j])]
            if len(slots) == 1:
                for j in texts:
                    self.take(j, slots[0])
            elif len(slots) == len(texts):
                for j, name in zip(texts, slots, strict=True):
                    self.take(j, name)


def restore(notebook, copy, master) -> Restored:
    """Put the cells of the student copy back into their places.

    The student's cells stay as they are. Given cells (set-up, texts, tests) get their
    own source again; what the student wrote into those with code runs before. Those
    that are gone and matter are put back, tests after what the student wrote for them.
    `notebook` then has the ids of `copy`, added cells others.
    """
    done = Restored()
    cells = [c for c in notebook.cells if not re.fullmatch(CALL, c.source.strip())]
    found = Matching(cells, copy, master)
    written = [n for n, c in found.copy.items() if kind(c) == "written"]
    extra = continuations(found, written)
    under = under_the_text(found, written)
    for name in written:
        done.answers[name] = answer_of(found, name, extra[name], under[name])
    ask(found, written, extra, done)
    stubs(found, done)
    for name, indices in found.at.items():  # of several, the last counts
        if kind(found.copy[name]) != "written":
            for index in indices[:-1]:
                found.home[index] = ""
    assemble(notebook, found, extra, done, copy)
    return done


def continuations(found: Matching, written: list[str]) -> dict[str, list[int]]:
    """The student's own texts around each written answer, which belong to it."""
    extra = {}
    for name in written:
        extra[name] = []
        start, stop = found.gap(found.place[name])
        own = found.at.get(name, [])
        for j in range(start + 1, stop):
            if not found.home[j] and found.cells[j].cell_type != "code":
                if is_prose(found.cells[j]):
                    extra[name].append(j)
                    found.home[j] = name
        extra[name] = sorted([*own, *extra[name]])
    return extra


def under_the_text(found: Matching, written: list[str]) -> dict[str, str]:
    """What was typed into the text of a question, by the answer that it belongs to."""
    under = {name: "" for name in written}
    for name, indices in found.at.items():
        original = found.copy[name]
        if original.cell_type != "markdown" or not given(original):
            continue
        source = found.cells[indices[-1]].source
        if folded(source) == folded(original.source):
            continue
        added = added_to(source, original.source)
        home = next(
            (
                w
                for w in written
                if found.place[w] > found.place[name]
                and exercise_of(w) == exercise_of(name)
            ),
            None,
        )
        if home and added:
            under[home] = f"{under[home]}\n\n{added}".strip()
    return under


def added_to(source: str, original: str) -> str:
    """What `source` has and `original` has not, line by line.

    Numbers count as equal: they may differ from student to student.
    """

    def form(line: str) -> str:
        return re.sub(r"\d[\d.,]*|\{\{\w+\}\}", "0", folded(line))

    theirs = {form(line) for line in original.split("\n")}
    last = [form(line) for line in original.split("\n") if line.strip()][-1:]
    kept = []
    for line in source.split("\n"):
        if form(line) in theirs:
            continue
        if last and form(line).startswith(last[0]):  # typed on the same line
            end = last[0][-12:]
            line = line[line.rfind(end) + len(end) :] if end in line else line
        kept.append(line)
    return own_words("\n".join(kept))


def answer_of(found: Matching, name: str, places: list[int], under: str) -> str:
    original = found.copy[name].source
    pieces = [under] if under else []
    for j in places:
        text = found.cells[j].source
        if found.cells[j].cell_type == "code":
            text = re.sub(r"(?m)^[^\S\n]*# ?", "", text)
        if folded(text) != folded(original):
            pieces.append(own_words(text))
    return "\n\n".join(piece for piece in pieces if piece)


def ask(found: Matching, written: list[str], extra: dict, done: Restored) -> None:
    """An answer that is empty while text lies about: a person decides."""
    known = [j for j, name in enumerate(found.home) if name and given(found.copy[name])]
    end = known[-1] if known else -1
    tail = [j for j in range(end + 1, len(found.cells)) if is_prose(found.cells[j])]
    tail = [j for j in tail if own_words(found.cells[j].source)]
    loose = [j for j, name in enumerate(found.home) if not name]
    loose = [j for j in loose if is_prose(found.cells[j])]
    sections, now = {}, ""
    for j, name in enumerate(found.home):
        now = exercise_of(name) or now if name else now
        sections[j] = now
    for name in written:
        if done.answers[name]:
            continue
        task = exercise_of(name)
        about = [j for j in loose if sections[j] == task]
        last = written[-1]
        if not about and name != last:
            own = extra[last] if extra[last] and done.answers[last] else []
            mentioned = re.search(
                rf"(?im)^{ASIDE}(ex|exercise|task|question|q|aufgabe|题|习题)?{ASIDE}{task[2:]}\b",
                done.answers[last],
            )
            about = [j for j in tail if j not in own[:1] or mentioned]
        if about:
            texts = [own_words(found.cells[j].source) for j in about]
            done.answers[name] = "(this cell is empty; found elsewhere:)\n\n" + (
                "\n\n".join(texts)
            )
            done.doubtful.add(name)
            done.questions.append(
                f"{name} is empty, but there is text elsewhere in the notebook: "
                "see whether it is the answer."
            )


def beside(found: Matching, index: int) -> str:
    """The code of a given cell that the student has changed; "" if there is none.

    Of a cell that checks, what stands there beside the call.
    """
    cell, name = found.cells[index], found.home[index]
    if not name or cell.cell_type != "code":
        return ""
    original = found.copy[name]
    if not given(original) or kind(original) == "test":
        return ""
    source = cell.source
    if CHECK.fullmatch(name):
        source = re.sub(f"(?m)^{CALL}$", "", source)
    elif folded(source) == folded(original.source):
        return ""
    return source if re.search(r"(?m)^[^\S\n]*[^\s#]", source) else ""


def stubs(found: Matching, done: Restored) -> None:
    """Leave out stubs that would undo what the student wrote in another cell."""
    solutions = {n: c for n, c in found.copy.items() if kind(c) == "solution"}
    empty = {name: folded(cell.source) for name, cell in solutions.items()}
    elsewhere = set()
    for index, cell in enumerate(found.cells):
        source = cell.source if not found.home[index] else beside(found, index)
        if cell.cell_type == "code" and folded(source) not in empty.values():
            elsewhere |= defined(source)
    for name, original in solutions.items():
        names, indices = defined(original.source), found.at.get(name, [])
        same = [k for k, c in enumerate(found.cells) if folded(c.source) == empty[name]]
        same = [k for k in same if k in indices or (names and not found.home[k])]
        mine = [k for k in indices if k not in same]
        if not same or not (mine or names & elsewhere):
            continue
        if mine:
            found.at[name] = mine
            text = "it was there twice; the one that is not as handed out counts."
        else:
            text = f"defines {', '.join(sorted(names & elsewhere))}, which counts."
            text = f"it was left as handed out; another cell {text}"
        done.notes.append(f"Cell {name}: {text}")
        for k in same:
            if mine:
                found.home[k] = ""
            stub = "# (the empty stub; the answer stands in another cell)"
            found.cells[k].source = stub


def assemble(notebook, found: Matching, extra: dict, done: Restored, copy) -> None:
    """The cells in their order, with those of the student copy put back."""
    present = set()
    for name in found.at:
        if kind(found.copy[name]) != "test" and not CHECK.fullmatch(name):
            present.add(name)
    present |= {name for name, places in extra.items() if places}
    before, waiting = {}, []  # cells to put in before the next that is there
    for name in found.order:
        if name in present:
            before[name] = waiting
            waiting = []
        elif missing(found, name):
            waiting = [*waiting, name]
    cells, placed = [], set()

    def put(name: str, source: str | None = None, pictures=None) -> None:
        if name in placed:
            return
        placed.add(name)
        cell = nbformat.from_dict(found.copy[name])
        if kind(cell) == "written":
            text = done.answers[name]
            doubtful = name in done.doubtful
            cell.source = cell.source if doubtful or not text else text
        elif source is not None and not given(cell):
            cell.source = source
        if pictures:
            cell.attachments = pictures
        cells.append(cell)
        if name not in found.at and cell.cell_type == "code":
            done.notes.append(f"Cell {name}: it was missing and was put back.")

    def add(index: int, source: str) -> None:
        cell = {**found.cells[index], "id": f"added-{index + 1}", "source": source}
        cells.append(nbformat.from_dict({**cell, "metadata": {}}))

    for index, cell in enumerate(found.cells):
        name = found.home[index]
        if own := beside(found, index):
            add(index, own)
            text = "it was changed; what stood there ran, and then the original one."
            if CHECK.fullmatch(name):
                text = "it had more in it than the check, which ran, too."
            done.notes.append(f"Cell {name}: {text}")
        if CHECK.fullmatch(name):
            continue
        if not name:
            add(index, cell.source)
            continue
        what = kind(found.copy[name])
        if what == "test":
            if folded(cell.source) != folded(found.copy[name].source):
                text = f"Cell {name}: the test was changed; the original one ran."
                done.notes.append(text)
            continue
        for other in before.get(name, []) if name not in placed else []:
            put(other)
        if name in placed:
            continue
        pictures = {}
        for j in extra.get(name, [index]):
            pictures |= found.cells[j].get("attachments", {})
        put(name, cell.source, nbformat.from_dict(pictures) if pictures else None)
    for name in waiting:
        put(name)
    for name, cell in found.copy.items():
        there = name in found.at or extra.get(name) or done.answers.get(name)
        if not (given(cell) or there):
            done.notes.append(f"Cell {name}: it is missing.")
    notebook.cells, notebook.metadata = cells, nbformat.from_dict(copy.metadata)


def missing(found: Matching, name: str) -> bool:
    """Whether a cell that the student has not is to be put back.

    Not so a solution: its stub would undo the student's own cell.
    """
    cell = found.copy[name]
    if kind(cell) in ("test", "written"):
        return True
    return kind(cell) in ("locked", "numbers") and not re.search("(^|-)check$", name)
