"""The start page: it is index.html itself, with a living figure and a card a chapter.

Its source, book/intro.md, has a comment where the figure goes and a plain table of the
chapters; the cards take its place. What they say comes from the chapters' notebooks:
title and question, minutes and prerequisites from the first cell, and a picture, which
is the chapter's first figure or that of the cell which the metadata name:

    "book": {"module": "alexnet", "question": "…", "picture": "learnt-kernels"}
"""

import html
import importlib
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from sphinx.errors import ExtensionError

from book.site import figures, notebooks, references
from book.tools import layout

HOME = "index.html"
LIVING = re.compile(r"<!-- living figure: ([\w.]+)\s+(.+?)\s*-->", re.DOTALL)
SPANS = {
    "hour": 60,
    "three quarters of an hour": 45,
    "half an hour": 30,
    "half hour": 30,
}
TIME = re.compile(
    r"\*\*Time\*\* (?:about |a good )?(?:(\d+) minutes"
    rf"|(?:an? )?({'|'.join(SPANS)}))\b"
)
NEEDS = re.compile(r"\*\*You need\*\* (.+?)(?:\.\s+[A-Z]|\n\n|\Z)", re.DOTALL)
# What only clutters a picture that is two inches wide: words, ticks and grid lines.
SMALL_PRINT = ("text_", "xtick_", "ytick_", "legend_")
SVG = "{http://www.w3.org/2000/svg}"


# ------------------------------------------------------------ what notebooks tell


def minutes(text: str) -> int:
    """How long a chapter takes to read, by its first cell.

    Raises:
        ValueError: the cell does not say it.
    """
    said = TIME.search(text)
    if said is None:
        raise ValueError("the first cell must say '**Time** 30 minutes', or so")
    return int(said[1]) if said[1] else SPANS[said[2]]


def needed(text: str) -> list[int]:
    """The chapters that a chapter asks for, by the first sentence of "You need"."""
    said = NEEDS.search(text)
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", said[1] if said else "")
    found = set()
    for match in references.MENTION.finditer(words):
        if match["kind"].lower().startswith("chapter"):
            found |= {int(one[0]) for one in references.numbers(match)}
    return sorted(found)


def picture(notebook: dict) -> str:
    """The SVG of a chapter's card.

    Raises:
        ValueError: the cell that the metadata name has no figure, or no cell has one.
    """
    wanted = notebook["metadata"].get("book", {}).get("picture")
    for cell in notebook["cells"]:
        if wanted in (None, cell.get("id")):
            for output in cell.get("outputs", []):
                if notebooks.SVG in output.get("data", {}):
                    return notebooks.text_of(output["data"][notebooks.SVG])
    raise ValueError(f"no figure for the card: {wanted or 'there is none'}")


def without_small_print(svg: str) -> str:
    """A drawing of Matplotlib's without its words."""
    svg = re.sub(r"<!--.*?-->|<title>.*?</title>", "", svg, flags=re.DOTALL)
    ElementTree.register_namespace("", SVG[1:-1])
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    tree = ElementTree.fromstring(svg[svg.index("<svg") :])
    for parent in list(tree.iter()):
        for child in list(parent):
            drawn = (child.get("id") or "").startswith(SMALL_PRINT)
            if drawn or child.tag == f"{SVG}metadata":
                parent.remove(child)
    return ElementTree.tostring(tree, encoding="unicode")


# ------------------------------------------------------------ the cards


def card(chapter, root: Path, address, files: dict, to_files: str) -> str:
    """A chapter's card; `address(docname)` is where the start page finds a page.

    Raises:
        ValueError: the notebook lacks what a card must say.
    """
    path = root / f"chapters/{chapter.slug}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first = notebooks.text_of(notebook["cells"][0]["source"])
    try:
        time, svg = minutes(first), figures.slim(without_small_print(picture(notebook)))
    except ValueError as error:
        raise ValueError(f"chapters/{path.name}: {error}") from error
    words = f"A picture from chapter {chapter.number}"
    images = figures.two_files(svg, words, files, to_files, kind="thumbnail")
    facts = [f"{time} min"]
    slugs = {other.number: other.slug for other in layout.chapters(root)}
    links = [
        f'<a href="{address(f"chapters/{slugs[k]}")}" aria-label="Chapter {k}">{k}</a>'
        for k in needed(first)
        if k in slugs
    ]
    if links:
        facts.append(f"needs {', '.join(links)}")
    facts.append(f'<a href="{address(f"exercises/{chapter.slug}")}">Exercises</a>')
    title = html.escape(f"{chapter.number} {chapter.title}")
    return (
        f'<li><div class="picture">{images}</div><p class="name">'
        f'<a href="{address(f"chapters/{chapter.slug}")}">{title}</a></p>'
        f"<p>{html.escape(chapter.question)}</p>"
        f'<p class="about">{" · ".join(facts)}</p></li>'
    )


def is_of_chapters(table) -> bool:
    links = [link.get("refuri", "") for link in table.findall(nodes.reference)]
    return any(link.startswith("chapters/") for link in links)


# ------------------------------------------------------------ the living figure


def living(name: str, words: str, files: dict, to_files: str) -> str:
    """An explorer that plays by itself, and what to do with it.

    `name` is that of its class: "utils.explorers.perceptron.PerceptronExplorer".
    """
    module, _, kind = name.rpartition(".")
    explorer = getattr(importlib.import_module(module), kind)(plays=True)
    data, metadata = explorer._repr_mimebundle_()
    page = notebooks.Page({"cells": []}, to_files)
    markup = page.output(data, metadata)
    files.update(page.files)
    words = html.escape(" ".join(words.split()))
    return f'<div class="living"><p class="living-words">{words}</p>{markup}</div>'


def furnish(app, doctree, docname):
    """Put the living figure and the cards into the start page."""
    if docname != app.config.root_doc:
        return
    files = app.env.book_files[docname] = {}
    to_files = "_static/figures"

    def address(name):
        return app.builder.get_relative_uri(docname, name)

    for node in list(
        doctree.findall(lambda n: isinstance(n, (nodes.raw, nodes.comment)))
    ):
        if place := LIVING.search(node.astext()):
            markup = living(*place.groups(), files, to_files)
            parent, paths = node.parent, nodes.container("", classes=["paths"])
            after = parent.index(node) + 1
            while not isinstance(parent[after], nodes.section):
                paths.append(parent.pop(after))
            front = nodes.container("", classes=["front"])
            front += [nodes.raw("", markup, format="html"), paths]
            node.replace_self(front)
    for table in list(doctree.findall(nodes.table)):
        if is_of_chapters(table):
            root = Path(app.srcdir)
            try:
                cards = [
                    card(chapter, root, address, files, to_files)
                    for chapter in layout.chapters(root)
                ]
            except ValueError as error:
                raise ExtensionError(str(error)) from error
            markup = f'<ol class="cards">{"".join(cards)}</ol>'
            table.replace_self(nodes.raw("", markup, format="html"))


# ------------------------------------------------------------ index.html


def take_the_front_door(app):
    """Let the builder write the root page to index.html, and link to it there."""
    if app.builder.format != "html":
        return
    builder, home = app.builder, app.config.root_doc
    uri, file = builder.get_target_uri, builder.get_outfilename
    builder.get_target_uri = lambda name, typ=None: (
        HOME if name == home else uri(name, typ)
    )
    builder.get_outfilename = lambda name: (
        os.path.join(builder.outdir, HOME) if name == home else file(name)
    )


def leave_a_sign(app, error):
    """The start page's old address leads to the new one."""
    if error is not None or app.builder.format != "html":
        return
    old = Path(app.outdir, f"{app.config.root_doc}.html")
    home = os.path.relpath(Path(app.outdir, HOME), old.parent)
    title = html.escape(app.config.html_title or app.config.project)
    old.parent.mkdir(exist_ok=True)
    old.write_text(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<title>{title}</title><meta http-equiv="refresh" content="0; url={home}">'
        f'<meta name="robots" content="noindex"></head>'
        f'<body><p><a href="{home}">{title}</a></p></body></html>\n',
        encoding="utf-8",
    )


def setup(app):
    app.connect("builder-inited", take_the_front_door)
    app.connect("doctree-resolved", furnish)
    app.connect("build-finished", leave_a_sign)
