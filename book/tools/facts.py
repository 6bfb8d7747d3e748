"""The facts ledger: every number that the text states, and where it comes from.

    python book/tools/facts.py                    the whole book
    python book/tools/facts.py 02-mlp-backprop    one chapter, or a page of book/

prints each entry of book/facts/ with the value it has now, then the numbers of the text
that no entry covers, and exits with 1 if anything is wrong. `make test` does the same
through tests/test_facts.py. The form of an entry is told in book/facts/__init__.py.
"""

import argparse
import functools
import importlib.util
import re
import string
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.facts import Fact  # noqa: E402

REFERENCES = "book/references.md"
# Pages whose numbers are not claims: sources, instructions, and what changed when.
FREE_PAGES = {"changes", "references", "run", "teach"}
CELL_END = "\x1e"  # no text of the ledger contains it, so nothing matches across cells

# What may hold digits without stating a number, in Markdown as it is written.
NOT_A_STATEMENT = [
    re.compile(pattern, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    for pattern in (
        r"^ {0,3}(```+|~~~+)[^\n]*\n.*?^ {0,3}\1[ ]*$",  # code blocks
        r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)",  # code spans
        r"<!--.*?-->",
        # years of citations: [Werbos 1974](../book/references.md#werbos1974)
        r"\[[^\]\d]*(\d{4})[a-z]?\]\([^()\s]*references\.md#[a-z]+\1[a-z]?\)",
        r"</?[a-z][^<>$]*>",  # HTML tags, their ids and sizes
        r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)",  # targets of links and images
        r"^ {0,3}\[[^\]\n]+\]:[^\n]*$",
        r"https?://[^\s)>]+",
        r"^ {0,3}#{1,6}[ ]+\d+(?:\.\d+)*",  # numbers of headings
        r"^ *\d{1,2}[.)](?=[ ])",  # numbers of list items
        r"^\| *\d{1,2} *\|(?= *\[[^\]\n]+\]\([^\n]*chapters/)",  # the table of chapters
        r"\\tag\{[^}]*\}",  # numbers of equations
        r"\b(?:chapter|section|equation|eq\.|exercise|task|figure|table)s?\s+"
        r"\(?\d+(?:[.-]\d+)?\)?"
        r"(?:(?:,| and| to| or|\s?[–-])\s?\(?\d+(?:[.-]\d+)?\)?(?![\d.]*\d))*",
        r"_\{?\d+\}?",  # indices
        r"(?<![\\a-z])[a-z]+\d\w*",  # names: float32, mnist5k
        r"\b[a-z]\w*(?:-[a-z]+)*-\d+\b(?![.,]\d)",  # names: ResNet-20, CIFAR-10
        r"^\*\*Time\b.*?(?=\n[ ]*\n|\Z)",  # the estimate on top of a chapter
    )
]
NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?: ?%)?|(?<![\w.])\.\d+")
EQUATION = re.compile(r"\((\d+\.\d+)\)")


class FactError(Exception):
    """An entry of the ledger that is malformed, cannot be computed, or is not said."""


# ------------------------------------------------------------------ the ledger


def load(name: str, root: Path = ROOT) -> list[Fact]:
    """The entries of a chapter or page; none if it has no file.

    Raises:
        FactError: the file cannot be read, or has anything else in its list.
    """
    path = root / f"book/facts/{name}.py"
    if not path.exists():
        return []
    spec = importlib.util.spec_from_file_location(f"facts_of_{name}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        entries = module.FACTS
    except Exception as error:
        raise FactError(f"{path.name}: {error!r}") from error
    if strange := [entry for entry in entries if not isinstance(entry, Fact)]:
        raise FactError(f"{path.name}: {strange[0]!r} is neither computed nor cited")
    return entries


def ledgers(root: Path = ROOT) -> list[str]:
    """The chapters and pages that have a ledger."""
    paths = sorted(root.glob("book/facts/*.py"))
    return [path.stem for path in paths if path.stem != "__init__"]


# ------------------------------------------------------------------ the text


@dataclass(frozen=True)
class Text:
    """Markdown folded for comparing, and which of its characters state nothing."""

    folded: str
    silent: tuple[bool, ...]

    def numbers(self) -> list[re.Match]:
        """The numbers that need an entry: two digits, a point, a comma or a percent."""
        found = []
        for match in NUMBER.finditer(self.folded):
            digits = sum(c.isdigit() for c in match[0])
            weighty = digits >= 2 or any(c in match[0] for c in ".,%")
            if weighty and not self.silent[match.start()]:
                found.append(match)
        return found

    def around(self, start: int, end: int, margin: int = 32) -> str:
        """The words around a place, for messages."""
        cut = self.folded[max(0, start - margin) : end + margin]
        return cut.replace(CELL_END, " ").strip()


SPELLINGS = re.compile(r"\{,\}|\\[,;: ]|\\%|~|&nbsp;|\u2212|[\s\u00a0\u2009\u202f]+")


def _spelling(piece: str) -> str:
    return {"{,}": ",", "\\%": "%", "\u2212": "-"}.get(piece, " ")


def fold(text: str, silent=None) -> tuple[str, tuple[bool, ...]]:
    """`text` with white space and spellings of numbers unified, marks carried along."""
    silent = silent if silent is not None else [False] * len(text)
    out, marks, last = [], [], 0
    for match in SPELLINGS.finditer(text):
        out.append(text[last : match.start()])
        marks.extend(silent[last : match.start()])
        out.append(_spelling(match[0]))
        marks.append(silent[match.start()])
        last = match.end()
    out.append(text[last:])
    marks.extend(silent[last:])
    folded = "".join(out)
    # Two pieces side by side may both have become a space.
    keep = [
        k for k, c in enumerate(folded) if c != " " or k == 0 or folded[k - 1] != " "
    ]
    return "".join(folded[k] for k in keep), tuple(marks[k] for k in keep)


def read_markdown(markdown: list[str], tags: frozenset[str] = frozenset()) -> Text:
    """Fold Markdown cells; `tags` are equation numbers, so that "(2.7)" states none."""
    folded, silent = "", []
    for cell in markdown:
        marks = [False] * len(cell)
        for pattern in NOT_A_STATEMENT:
            for match in pattern.finditer(cell):
                marks[match.start() : match.end()] = [True] * len(match[0])
        for match in EQUATION.finditer(cell):
            if match[1] in tags:
                marks[match.start() : match.end()] = [True] * len(match[0])
        part, part_marks = fold(cell, marks)
        folded += part + CELL_END
        silent += [*part_marks, True]
    return Text(folded, tuple(silent))


def markdown_of(name: str, root: Path = ROOT) -> list[str]:
    """Markdown cells of chapters/NAME.ipynb, or the text of book/NAME.md.

    Raises:
        FactError: there is neither.
    """
    notebook, page = root / f"chapters/{name}.ipynb", root / f"book/{name}.md"
    if notebook.exists():
        cells = nbformat.read(notebook, as_version=4).cells
        return [cell.source for cell in cells if cell.cell_type == "markdown"]
    if page.exists():
        return [page.read_text(encoding="utf-8")]
    raise FactError(f"neither chapters/{name}.ipynb nor book/{name}.md exists")


def names(root: Path = ROOT) -> list[str]:
    """Every chapter, then every page, whose numbers must be in the ledger."""
    chapters = sorted(p.stem for p in root.glob("chapters/*.ipynb"))
    pages = sorted(p.stem for p in root.glob("book/*.md"))
    return chapters + [p for p in pages if p not in FREE_PAGES]


@functools.cache
def equation_tags(root: Path = ROOT) -> frozenset[str]:
    """Numbers of all equations of the book."""
    cells = [cell for name in names(root) for cell in markdown_of(name, root)]
    return frozenset(
        tag.strip("()") for c in cells for tag in re.findall(r"\\tag\{([^}]*)\}", c)
    )


def text_of(name: str, root: Path = ROOT) -> Text:
    """The text of a chapter or page, ready for comparing."""
    return read_markdown(markdown_of(name, root), equation_tags(root))


# ------------------------------------------------------------------ evaluation


def anchors(root: Path = ROOT) -> set[str]:
    """The keys of the references page."""
    page = root / REFERENCES
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return set(re.findall(r"""<a id=["']([^"']+)["']""", text))


def fill(fact: Fact, root: Path = ROOT) -> tuple[str, list[tuple[int, int]]]:
    """The text that must stand in the chapter, and its spans that are vouched for.

    A cited text is vouched for whole, a computed one only where its fields are.

    Raises:
        FactError: the function, the source or the template is wrong.
    """
    if fact.source is not None and fact.source not in anchors(root):
        raise FactError(f"{fact}: {REFERENCES} has no entry '{fact.source}'")
    if fact.value is None:
        folded, _ = fold(fact.says.strip())
        return folded, [(0, len(folded))]
    try:
        value = fact.value()
    except Exception as error:
        raise FactError(f"{fact}: {fact.origin} raises {error!r}") from error
    values = list(value) if isinstance(value, tuple) else [value]
    text, spans = "", []
    for literal, field, spec, conversion in string.Formatter().parse(fact.says.strip()):
        text += fold(literal)[0]
        if field is None:
            continue
        if field:
            raise FactError(f"{fact}: write {{}} for a field, without a name")
        if not values:
            raise FactError(f"{fact}: more fields than values ({value!r})")
        item = values.pop(0)
        try:
            item = format(
                {"r": repr, "s": str, None: lambda x: x}[conversion](item), spec
            )
        except (ValueError, TypeError) as error:
            raise FactError(f"{fact}: {item!r} as '{spec}': {error}") from None
        item = fold(item)[0]
        spans.append((len(text), len(text) + len(item)))
        text += item
    if values:
        raise FactError(f"{fact}: fewer fields than values ({value!r})")
    return text, spans


def find(said: str, text: Text) -> list[int]:
    """Where `said` stands in `text`, never as a part of a longer number."""
    pattern = re.escape(said)
    if said[:1].isdigit():
        pattern = r"(?<!\d)(?<!\d[.,])" + pattern
    if said[-1:].isdigit():
        pattern += r"(?!\d|[.,]\d)"
    return [match.start() for match in re.finditer(pattern, text.folded)]


def check(fact: Fact, text: Text, root: Path = ROOT) -> tuple[str, list]:
    """The filled text of `fact`, and the spans of `text` that it vouches for.

    Raises:
        FactError: the entry is wrong, or the text does not say it.
    """
    said, spans = fill(fact, root)
    places = find(said, text)
    if not places:
        raise FactError(f"{fact}: the text does not say {said!r}")
    return said, [(at + start, at + end) for at in places for start, end in spans]


def uncovered(text: Text, covered: list[tuple[int, int]]) -> list[str]:
    """Numbers of `text` outside all `covered` spans, each with the words around it."""
    missing = []
    for match in text.numbers():
        # "12 %" is vouched for by an entry whose field is only "12".
        end = match.start() + len(match[0].rstrip("% "))
        if not any(a <= match.start() and end <= b for a, b in covered):
            missing.append(f"{match[0]}  in '…{text.around(*match.span())}…'")
    return missing


def report(name: str, root: Path = ROOT) -> tuple[list, list]:
    """What holds and what does not, of one chapter or page: two lists of lines."""
    right, wrong, covered = [], [], []
    text = text_of(name, root)
    for fact in load(name, root):
        try:
            said, spans = check(fact, text, root)
        except FactError as error:
            wrong.append(f"{name}: {error}")
        else:
            covered += spans
            right.append(f"{said}    [{fact.origin}]")
    if name not in FREE_PAGES:
        missing = uncovered(text, covered)
        wrong += [f"{name}: not in the ledger: {line}" for line in missing]
    return right, wrong


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="*", help="slug of a chapter, or stem of a page")
    chosen = parser.parse_args(arguments).name
    failed = False
    for name in chosen or sorted({*names(), *ledgers()}):
        try:
            right, wrong = report(Path(name).stem)
        except FactError as error:
            right, wrong = [], [str(error)]
        for line in right:
            print("ok   ", line)
        for line in wrong:
            print("WRONG", line)
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
