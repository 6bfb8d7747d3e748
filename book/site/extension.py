"""The book's Sphinx extension: its theme, formulas, figures, explorers and exercises.

Sphinx loads it as `book.site.extension` (see _config.yml). The pages it writes ask no
other host for anything and carry no script but the book's own.
"""

import hashlib
import os
import posixpath
import re
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from book.site import (
    changes,
    checks,
    exercises,
    figures,
    formulas,
    head,
    notebooks,
    notes,
    references,
    search,
)
from book.site import (
    start as start_page,
)
from book.tools import vendor

LOGGER = logging.getLogger(__name__)
HERE = Path(__file__).parent
CODE = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
FIGURES = "_static/figures"
CHINESE = re.compile("([\u4e00-\u9fff][\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]*)")
# Changes with every file of the site: pages are written anew, and browsers ask again.
VERSION = hashlib.sha256(
    b"".join(f.read_bytes() for f in sorted(HERE.rglob("*.*")) if f.suffix != ".pyc")
).hexdigest()[:8]


def up(app, docname: str) -> str:
    """Relative address of the site's root, from a page."""
    folder = posixpath.dirname(app.builder.get_target_uri(docname))
    return posixpath.relpath(".", folder or ".")


def note_changes(app, env, docnames):
    """Remember whether any page is read anew…"""
    env.book_changed = bool(docnames)


def write_all(app, env):
    """…because then all are written: each shows the titles of the others."""
    return sorted(env.found_docs) if env.book_changed else None


def read_source(app, docname, source):
    """Turn a notebook's figures and explorers into HTML before it is parsed."""
    app.env.book_files.pop(docname, None)
    if not str(app.env.doc2path(docname)).endswith(".ipynb"):
        return
    address = f"{up(app, docname)}/{FIGURES}"
    try:
        source[0] = exercises.read(app, docname) or source[0]
        numbered = docname.startswith("chapters/")
        source[0], files = notebooks.prepare(source[0], address, numbered)
    except ValueError as error:
        raise ExtensionError(f"{docname}: {error}") from error
    app.env.book_files[docname] = files


class AnchorsOfHtml(SphinxTransform):
    """Lets links find the anchors that a page has as HTML: <a id="rosenblatt1958"></a>.

    That is how they are written so that they also work on GitHub and in Jupyter.
    """

    default_priority = 870  # before MyST looks for the targets of links

    def apply(self, **kwargs):
        slugs = dict(getattr(self.document, "myst_slugs", {}))
        for node in self.document.findall(nodes.raw):
            for name in re.findall(r"""\bid=["']([^"']+)["']""", node.astext()):
                slugs.setdefault(name, (node.line or 0, name, name))
        self.document.myst_slugs = slugs
        self.env.metadata[self.env.docname]["myst_slugs"] = slugs


def inline_drawings(app, doctree, docname):
    """Inline the SVG drawings of the pages, as the figures of notebooks are."""
    for count, node in enumerate(list(doctree.findall(nodes.image)), start=1):
        if not node["uri"].endswith(".svg"):
            continue
        svg = Path(app.srcdir, node["uri"]).read_text(encoding="utf-8")
        files = app.env.book_files.setdefault(docname, {})
        address = f"{up(app, docname)}/{FIGURES}"
        alt = " ".join(node.get("alt", "").split())
        markup = figures.figure(svg, alt, f"d{count}-", files, address)
        node.replace_self(nodes.raw("", markup, format="html"))


def box_tables(app, doctree, docname):
    """Give each table a box of its own to scroll in; lists of numbers do not wrap."""
    for entry in doctree.findall(nodes.entry):
        if re.fullmatch(r"[\d.,]+(?: [\d.,]+)+", entry.astext().strip()):
            entry["classes"].append("numbers")
    for table in list(doctree.findall(nodes.table)):
        box = nodes.container("", classes=["table-box"])
        table.replace_self(box)
        box.append(table)


def mark_chinese(app, doctree, docname):
    """Say which words are Chinese: to voices, and to fonts that share characters."""
    for text in list(doctree.findall(nodes.Text)):
        if not CHINESE.search(text) or isinstance(text.parent, nodes.literal_block):
            continue
        parts = []
        for part in filter(None, CHINESE.split(text)):
            if CHINESE.fullmatch(part):
                parts.append(
                    nodes.raw("", f'<span lang="zh">{part}</span>', format="html")
                )
            else:
                parts.append(nodes.Text(part))
        text.parent.replace(text, parts)


def keep_per_cent(app, doctree, docname):
    """Keep "%" on the line of its number."""
    for text in list(doctree.findall(nodes.Text)):
        kept = re.sub(r"(?<!\D) (?=%)", "\u00a0", text)
        if kept != text and not isinstance(text.parent, CODE):
            text.parent.replace(text, nodes.Text(kept))


def describe(doctree) -> str:
    """The first sentences of a page, for search engines: at most 160 characters."""
    for paragraph in doctree.findall(nodes.paragraph):
        if not isinstance(paragraph.parent, nodes.section):
            continue
        text = " ".join(paragraph.astext().split())
        if len(text) >= 40:
            break
    else:
        return ""
    whole = ""
    for sentence in re.split(r"(?<=[.?!]) ", text):
        if len(whole) + len(sentence) > 160:
            break
        whole = f"{whole} {sentence}".strip()
    if len(whole) >= 40:
        return whole
    cut = text[:159].rsplit(" ", 1)[0].rstrip(",;:—–-")
    return text if len(text) <= 160 else f"{cut}…"


# The kinds of words in code that the style sheet colours → which of its colours they
# have; the others need no element.
COLOURS = {
    kind: number
    for number, kinds in enumerate(
        re.findall(
            r"\.highlight :is\(([^)]*)\)",
            (HERE / "theme/static/book/site.css").read_text(encoding="utf-8"),
        )
    )
    for kind in re.findall(r"\.(\w+)", kinds)
}
BOXES = re.compile(
    r'<div class="(highlight-\w+ notranslate)"><div class="highlight">'
    r"<pre>(.*?)</pre></div>\s*</div>",
    re.S,
)
OPTIONS = re.compile(r'(?<=<code class="docutils literal notranslate">)[^<]* -[^<]*')
WORD = re.compile(r'<span class="(\w{1,2})">([^<]*)</span>( *)')


def one_colour(words: re.Match) -> str:
    """Neighbours of the same colour, each with its spaces, as one element."""
    found = []
    for kind, text, space in WORD.findall(words[0]):
        if found and COLOURS[kind] == COLOURS[found[-1][0]]:
            last = found[-1]
            found[-1] = last[0], last[1] + last[2] + text, space
        else:
            found.append((kind, text, space))
    return "".join(
        f'<span class="{k}">{text}</span>{space}' for k, text, space in found
    )


def code_box(box: re.Match) -> str:
    """A block of code in one box instead of two. It says how many lines it has, so that
    it takes its place before it is laid out."""
    lines = box[2].rstrip("\n").count("\n") + 1
    code = f'<pre style="--lines:{lines}">{box[2]}</pre>'
    return f'<div class="{box[1]} highlight">{code}</div>'


def plain_code(body: str) -> str:
    """A page with no more elements in its code than colours ask for."""
    body = body.replace("<pre><span></span>", "<pre>")
    body = BOXES.sub(code_box, body)
    body = re.sub(r'<span class="pre">([^<]*)</span>', r"\1", body)
    body = OPTIONS.sub(
        lambda code: re.sub(
            r"(?<= )-\S+", r'<span class="whole">\g<0></span>', code[0]
        ),
        body,
    )
    # MyST-NB's, which voices would read instead of the words of the fold.
    body = body.replace(' aria-label="Toggle hidden content"', "")
    body = WORD.sub(lambda m: m[0] if m[1] in COLOURS else m[2] + m[3], body)
    return re.sub(f"(?:{WORD.pattern}){{2,}}", one_colour, body)


def plain_text(body: str) -> str:
    """A page whose links and cells hold their words with no element between."""
    body = re.sub(
        r'(<a [^>]*>)<span(?: class="std std-\w+")?>([^<]*)</span></a>',
        r"\1\2</a>",
        body,
    )
    return re.sub(
        r"(<t[dh][^>]*>)<p>((?:(?!</?p>).)*)</p></t", r"\1\2</t", body, flags=re.S
    )


def add_context(app, pagename, templatename, context, doctree):
    """What the templates of the theme need to know about a page."""
    options = app.config.html_theme_options
    repository = options.get("repository_url", "").rstrip("/")
    branch = options.get("repository_branch", "main")
    colab = options.get("launch_buttons", {}).get("colab_url", "").rstrip("/")
    body = context["body"] = plain_text(plain_code(context.get("body") or ""))
    source = ""
    if doctree is not None:
        source = os.path.relpath(app.env.doc2path(pagename), app.srcdir)
        source = source.replace(os.sep, "/")
    context["book"] = {
        "repository": repository,
        "source": f"{repository}/blob/{branch}/{source}" if source else "",
        "notebook": source.endswith(".ipynb"),
        "colab": repository.replace("https://github.com", f"{colab}/github")
        + f"/blob/{branch}/{source}",
        "description": describe(doctree) if doctree is not None else "",
        "math": 'class="katex' in body,
        "explorers": 'class="explorer"' in body,
        "notes": "glossary.html#term-" in body or "references.html#" in body,
        "page": app.builder.get_target_uri(pagename),
        "site": head.site_address(app),
        "author": app.config.author,
        "version": VERSION,
    }
    # Sphinx and its extensions offer what the pages do not use.
    context["script_files"] = context["css_files"] = []


def write_files(app, error):
    """Write what the pages refer to, and remove what none of them does."""
    formulas.PAINTER.close()
    if app._warncount:
        # What warned is read again next time: no build forgets what is wrong.
        Path(app.doctreedir, "environment.pickle").unlink(missing_ok=True)
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    formulas.write_assets(static)
    Path(app.outdir, ".nojekyll").touch()  # GitHub would hide folders named _static
    folder = Path(app.outdir, FIGURES)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for files in app.env.book_files.values():
        wanted.update(files)
    # Some files are made as their page is written: if none was, they are not known.
    for old in folder.iterdir() if app.env.book_changed else ():
        if old.name not in wanted:
            old.unlink()
    for name, content in wanted.items():
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        (folder / name).write_bytes(data)
    scripts = ("doctools", "documentation_options", "language_data", "searchtools")
    scripts = (f"{name}.js" for name in (*scripts, "sphinx_highlight"))
    for pattern in ("*.css", "*.png", *scripts):
        for unused in static.glob(pattern):
            unused.unlink()


def start(app):
    if not hasattr(app.env, "book_files"):
        app.env.book_files = {}
    try:
        for package in vendor.PACKAGES:
            vendor.fetch(package)
    except vendor.VendorError as error:
        raise ExtensionError(str(error)) from None


def forget(app, env, docname):
    env.book_files.pop(docname, None)


def setup(app):
    app.add_transform(AnchorsOfHtml)
    exercises.setup(app)
    search.setup(app)
    references.setup(app)
    head.setup(app)
    start_page.setup(app)
    notes.setup(app)
    changes.setup(app)
    checks.setup(app)
    app.add_html_theme("book", str(HERE / "theme"))
    app.add_html_math_renderer(
        "katex",
        inline_renderers=(formulas.visit_inline, None),
        block_renderers=(formulas.visit_display, None),
    )
    # Settings that Jupyter Book passes on for extensions that this book does without.
    for name in ("comments_config",):
        app.add_config_value(name, {}, "")
    app.connect("builder-inited", start)
    app.connect("env-purge-doc", forget)
    app.connect("env-before-read-docs", note_changes)
    app.connect("env-updated", write_all)
    app.connect("source-read", read_source)
    app.connect("doctree-resolved", inline_drawings)
    app.connect("doctree-resolved", box_tables)
    app.connect("doctree-resolved", mark_chinese)
    app.connect("doctree-resolved", keep_per_cent)
    # When all that reads a text has read it whole.
    app.connect("doctree-resolved", formulas.keep_together, priority=900)
    app.connect("html-page-context", add_context, priority=900)
    app.connect("build-finished", write_files)
    return {"version": VERSION, "env_version": int(VERSION, 16)}
