"""Terms and citations open where the reader is: the notes that notes.js shows.

A note is a row of the glossary or an entry of the references. All of them are written
to one script, which a page asks for when its first note is wanted. In chapters, and in
each task of the exercises, the first mention of a term is a link to its row; notebooks
say it in plain words. So do exercises when they cite ("Gallant 1990"), for a notebook
that is taken along has no references beside it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from book.site.references import QUIET

LOGGER = logging.getLogger(__name__)
GLOSSARY, REFERENCES = "book/glossary", "book/references"
FILE = "notes-data.js"
# Words that mean much else besides: a mention is a term only where the chapter that
# brings it sets it apart.
ORDINARY = set(
    "activation architecture body budget connection convergence degradation feature "
    "filter freeze head invariance layer margin momentum normal normalisation pass "
    "projection reduction source sparse target threshold transpose unit update".split()
)
SILENT = (*QUIET, nodes.table, nodes.caption)


@dataclass(frozen=True)
class Term:
    """A row of the glossary."""

    anchor: str
    chapter: int
    forms: tuple[str, ...]


def forms(english: str) -> tuple[str, ...]:
    """How a text may name a term: "kernel, filter" and "layer (MLP)" say it twice."""
    short = re.findall(r"\(([A-Z]\w*[A-Z])\)", english)
    names = re.sub(r" \([^)]*\)| δ$", "", english)
    shared = re.fullmatch(r"((?:[\w-]+, )*[\w-]+) (?:and|or) ([\w-]+) (\w+)", names)
    if shared:  # "narrow, wide and same convolution"
        parts = [f"{name} {shared[3]}" for name in [*shared[1].split(", "), shared[2]]]
    else:
        parts = names.split(", ")
    return (*parts, *short)


def rows(doctree):
    """(number of the chapter, row) of each term of the glossary."""
    for section in doctree.findall(nodes.section):
        number = re.match(r"\d+", section[0].astext())
        if number and section.parent is not doctree:
            for body in section.findall(nodes.tbody):
                yield from ((int(number[0]), row) for row in body.children)


def entries(doctree):
    """(anchors, paragraph) of each of the references."""
    for entry in doctree.findall(nodes.paragraph):
        anchors = [
            name
            for raw in entry.findall(nodes.raw)
            for name in re.findall(r'<a id="([^"]+)"', raw.astext())
        ]
        if anchors:
            yield anchors, entry


class AnchorsOfTerms(SphinxTransform):
    """Gives each row of the glossary an id that links can name, and remembers by which
    names the references are cited."""

    default_priority = 869  # before AnchorsOfHtml makes the table of anchors

    def apply(self, **kwargs):
        if self.env.docname == REFERENCES:
            self.env.metadata[REFERENCES]["cited"] = {
                next(entry.findall(nodes.strong)).astext().rstrip("."): anchors[0]
                for anchors, entry in entries(self.document)
            }
        if self.env.docname != GLOSSARY:
            return
        found, slugs = [], dict(getattr(self.document, "myst_slugs", {}))
        for chapter, row in rows(self.document):
            names = forms(row[0].astext())
            anchor = nodes.make_id(f"term {names[0]}")
            if anchor in slugs:
                anchor = f"{anchor}-{chapter}"
            slugs[anchor] = (row.line or 0, anchor, names[0])
            row["ids"].append(anchor)
            found.append(Term(anchor, chapter, names))
        self.document.myst_slugs = slugs
        self.env.metadata[GLOSSARY]["terms"] = found


# ------------------------------------------------------------ mentions of terms


def plain(words: str) -> str:
    """What "Over-fitting" and "overfitting" have in common."""
    return re.sub(r"[\s-]+", "", words).lower()


class Finder:
    """Finds terms in texts; of two of one name, the one of the chapter asked for."""

    def __init__(self, terms: list[Term]):
        self.named = {}
        for term in terms:
            for name in term.forms:
                self.named.setdefault(plain(name), []).append(term)
        spelt = []
        for name in sorted((n for t in terms for n in t.forms), key=len, reverse=True):
            first = f"[{name[0].lower()}{name[0].upper()}]"
            words = map(re.escape, re.split(r"[ -]", name[1:]))
            # "over-fitting" may be one word; "fully connected" may have a hyphen.
            joint = r"-?" if "-" in name else r"[\s-]"
            spelt.append((first if name[1:].islower() else name[0]) + joint.join(words))
        self.pattern = re.compile(rf"(?<![\w-])({'|'.join(spelt)})s?(?![\w-])")

    def term(self, name: str, chapter: int) -> Term | None:
        name = plain(name)
        for key in (name, name.removesuffix("s")):
            if key in self.named:
                terms = self.named[key]
                return next((t for t in terms if t.chapter == chapter), terms[0])
        return None

    def mentions(self, text: str, chapter: int, apart: bool):
        """(start, stop, term) of each; `apart` says that the text is set apart."""
        for match in self.pattern.finditer(text):
            term = self.term(match[0], chapter)
            # One word of a later chapter may be another thing here: kernels, say.
            early = term and term.chapter > chapter and " " not in match[0]
            if term is None or early:
                continue
            brought = apart and term.chapter == chapter
            name = plain(match[0])
            if brought or not ORDINARY & {name, name.removesuffix("s")}:
                yield match.start(), match.end(), term


def place_of(node):
    """Whether a text is one of a paragraph that may hold links, and is set apart.

    The opening of a page, before its first section, is spared: it names everything.
    """
    inside = apart = False
    deep = 0
    while node is not None:
        if isinstance(node, SILENT) or "cell_output" in node.get("classes", []):
            return False, False
        inside |= isinstance(node, nodes.paragraph)
        apart |= isinstance(node, (nodes.strong, nodes.emphasis))
        deep += isinstance(node, nodes.section)
        node = node.parent if node.parent is not node.document else None
    return inside and deep > 1, apart


def link(text, spots, address: str, kind: str):
    """Turn parts of a text, (start, stop, anchor) each, into links."""
    pieces, end = [], 0
    for start, stop, anchor in spots:
        target = f"{address}#{anchor}"
        made = nodes.reference("", text[start:stop], internal=True, refuri=target)
        made["classes"].append(kind)
        pieces += [nodes.Text(text[end:start]), made]
        end = stop
    if pieces:
        rest = [*pieces, nodes.Text(text[end:])]
        text.parent.replace(text, [piece for piece in rest if piece.astext()])


def tasks(doctree):
    """The sections right below the title of a page."""
    for section in doctree.findall(nodes.section):
        if section.parent.parent is doctree:
            yield section


def link_terms(app, doctree, docname):
    """Make the first mention of each term in a chapter or a task a link to its row."""
    number = re.match(r"(?:chapters|exercises)/(\d+)-", docname)
    terms = app.env.metadata[GLOSSARY].get("terms")
    if not (number and terms):
        return
    chapter, address = int(number[1]), app.builder.get_relative_uri(docname, GLOSSARY)
    finder = Finder(terms)
    for part in tasks(doctree) if docname.startswith("exercises/") else [doctree]:
        seen = set()
        for text in list(part.findall(nodes.Text)):
            inside, apart = place_of(text.parent)
            spots = []
            found = finder.mentions(str(text), chapter, apart) if inside else ()
            for start, stop, term in found:
                if term.anchor not in seen:
                    seen.add(term.anchor)
                    spots.append((start, stop, term.anchor))
            link(text, spots, address, "term")


def link_citations(app, doctree, docname):
    """Make what exercises cite links to the references."""
    cited = app.env.metadata[REFERENCES].get("cited")
    if not (cited and docname.startswith("exercises/")):
        return
    pattern = re.compile("|".join(map(re.escape, sorted(cited, key=len, reverse=True))))
    address = app.builder.get_relative_uri(docname, REFERENCES)
    for text in list(doctree.findall(nodes.Text)):
        if place_of(text.parent)[0]:
            found = pattern.finditer(str(text))
            spots = [(m.start(), m.end(), cited[m[0]]) for m in found]
            link(text, spots, address, "cited")


# ------------------------------------------------------------ the notes


def rendered(app, children) -> str:
    """Nodes as HTML, without the paragraph around them."""
    paragraph = nodes.paragraph("", "", *[child.deepcopy() for child in children])
    html = app.builder.render_partial(paragraph)["fragment"].strip()
    return re.sub(r"^<p>|</p>$", "", html)


def collect(app):
    """Remember the notes of the build; there is no page to add."""
    found = app.env.found_docs
    if GLOSSARY in found:
        for chapter, row in rows(app.env.get_doctree(GLOSSARY)):
            english, chinese, meaning = row.children
            brings, _ = app.book_places.get(f"chapter {chapter}", ("", ""))
            page = app.builder.get_target_uri(brings) if brings else ""
            app.book_notes[row["ids"][-1]] = (
                f"<b>{rendered(app, english[0].children)}</b> "
                f'<span lang="zh">{chinese.astext()}</span><br>'
                f"{rendered(app, meaning[0].children)}"
                + (f'<p><a data-to="{page}">Chapter {chapter}</a></p>' if page else "")
            )
    if REFERENCES in found:
        for anchors, entry in entries(app.env.get_doctree(REFERENCES)):
            text = rendered(app, [n for n in entry if not isinstance(n, nodes.raw)])
            app.book_notes.update(dict.fromkeys(anchors, text))
    return ()


def start(app):
    app.book_notes = {}


def write(app, error):
    """Write the notes, unless no page was written: then they are there."""
    if error is not None or app.builder.format != "html" or not app.book_notes:
        return
    data = json.dumps(app.book_notes, ensure_ascii=False, separators=(",", ":"))
    file = Path(app.outdir, "_static", FILE)
    file.write_text(f"window.NOTES = {data};\n", encoding="utf-8")


def setup(app):
    app.add_transform(AnchorsOfTerms)
    app.connect("builder-inited", start)
    app.connect("doctree-resolved", link_citations)
    app.connect("doctree-resolved", link_terms)
    app.connect("html-collect-pages", collect)
    app.connect("build-finished", write)
