"""What the search page knows: every section of the book, in words and without code.

The index itself is made in the reader's browser by MiniSearch, from a script that this
module writes; a script, because pages opened from a folder may load nothing else.
"""

import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

from book.site.exercises import fold
from book.tools import vendor

# What no reader searches for: code and its outputs, drawings, and what is folded.
SILENT = (nodes.literal_block, nodes.raw, nodes.comment, fold, addnodes.toctree)
FORMULAS = (nodes.math, nodes.math_block)
SIGNS = {r"\times": "×", r"\cdot": "·", r"\le": "≤", r"\ge": "≥", r"\to": "→"}
SIGNS |= {r"\partial": "∂", r"\sum": "∑", r"\in": "∈", r"\star": "⋆", r"\ln": "ln"}
SIGNS |= {r"\alpha": "α", r"\beta": "β", r"\gamma": "γ", r"\delta": "δ", r"\eta": "η"}
SIGNS |= {r"\lambda": "λ", r"\mu": "μ", r"\sigma": "σ", r"\varepsilon": "ε"}
FILE = "search-data.js"


def plain(tex: str) -> str:
    """A short formula as one would type it; "…" if it is none."""
    for name, sign in SIGNS.items():
        tex = re.sub(re.escape(name) + r"(?![a-zA-Z])", sign, tex)
    tex = tex.replace("{", "").replace("}", "").replace(r"\,", " ")
    return "…" if "\\" in tex or len(tex) > 40 else " ".join(tex.split())


def words(node) -> str:
    """The text of a node, without its subsections and what is SILENT."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, FORMULAS):
        return plain(node.astext())
    if isinstance(node, (nodes.section, *SILENT)):
        return ""
    inline = isinstance(node, nodes.TextElement)
    return ("" if inline else " ").join(map(words, node.children))


def defined(node) -> list[str]:
    """The words in bold of a node, as `words` has them: the terms that it explains."""
    if isinstance(node, nodes.strong):
        return [words(node)]
    if isinstance(node, (nodes.Text, nodes.section, *SILENT)):
        return []
    return [term for child in node.children for term in defined(child)]


def sections(doctree, page: str, title: str) -> list[list[str]]:
    """[page, anchor, title of the page, title, text, terms] of each of its sections."""
    found = []
    for section in doctree.findall(nodes.section):
        above = section.parent
        while above is not None and not isinstance(above, fold):
            above = above.parent
        if above is not None or not section["ids"]:
            continue
        heading, *rest = section.children
        text = " ".join(" ".join(map(words, rest)).split())
        first = not found  # the page's own title needs no anchor
        anchor = "" if first else section["ids"][0]
        heading = " ".join(words(heading).split())
        terms = ", ".join(term for child in rest for term in defined(child))
        found.append([page, anchor, title, heading, text, terms])
    return found


def collect(app, doctree, docname):
    title = app.env.titles[docname].astext()
    page = app.builder.get_target_uri(docname).removesuffix(".html")
    app.book_sections[docname] = sections(doctree, page, title)


def page(app):
    """The search page; Sphinx's own search is switched off."""
    yield "search", {"title": "Search"}, "search.html"


def start(app):
    app.builder.search = False
    app.book_sections = {}


def write(app, error):
    """Write the data, if pages were written, and the library."""
    if error is not None or app.builder.format != "html" or not app.book_sections:
        return
    static = Path(app.outdir, "_static")
    rows = [
        row for name in sorted(app.book_sections) for row in app.book_sections[name]
    ]
    data = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    (static / FILE).write_text(f"window.SECTIONS = {data};\n", encoding="utf-8")
    package = vendor.fetch(vendor.MINISEARCH)
    shutil.copyfile(package / "dist/umd/index.js", static / "minisearch.js")


def setup(app):
    app.connect("builder-inited", start)
    app.connect("doctree-resolved", collect)
    app.connect("html-collect-pages", page)
    app.connect("build-finished", write)
