"""The feed: book/changes.md, whose sections begin with a date, as Atom."""

import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError

from book.site import head

CHANGES = "book/changes"
FILE = "feed.xml"
HEADING = re.compile(r"(\d{4}-\d\d-\d\d): (.+)")


def entries(doctree) -> list[tuple[str, str, str, list]]:
    """(date, title, anchor, content) of each section.

    Raises:
        ValueError: a heading does not begin with a date.
    """
    found = []
    for section in doctree.findall(nodes.section):
        if section.parent is doctree:
            continue
        said = HEADING.fullmatch(section[0].astext())
        if said is None:
            raise ValueError(
                f"{CHANGES}.md: a heading must look like '## 2026-11-28: what is new', "
                f"got {section[0].astext()!r}"
            )
        title = said[2][0].upper() + said[2][1:]
        found.append((said[1], title, section["ids"][0], section.children[1:]))
    return found


def atom(title: str, author: str, site: str, items) -> str:
    """The feed; `items` are (date, title, address, HTML), the latest first."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">',
        f"<title>{html.escape(title)}: changes</title>",
        f"<id>{site}</id>",
        f'<link rel="self" href="{site}{FILE}"/>',
        f'<link href="{site}"/>',
        f"<author><name>{html.escape(author)}</name></author>",
        f"<updated>{max(item[0] for item in items)}T00:00:00Z</updated>",
    ]
    for date, words, address, content in items:
        lines += [
            "<entry>",
            f"<title>{html.escape(words)}</title>",
            f"<id>{address}</id>",
            f'<link href="{address}"/>',
            f"<updated>{date}T00:00:00Z</updated>",
            f'<content type="html">{html.escape(content)}</content>',
            "</entry>",
        ]
    return "\n".join([*lines, "</feed>", ""])


def collect(app):
    """Make the feed of the build; there is no page to add."""
    if CHANGES in app.env.found_docs:
        site = head.site_address(app)
        page = site + app.builder.get_target_uri(CHANGES)
        doctree = app.env.get_and_resolve_doctree(CHANGES, app.builder)
        try:
            found = entries(doctree)
        except ValueError as error:
            raise ExtensionError(str(error)) from error
        items = []
        for date, title, anchor, content in found:
            text = "".join(app.builder.render_partial(n)["fragment"] for n in content)
            # A feed is read elsewhere: its links are whole.
            text = re.sub(r'href="(?!https?:)\.\./', f'href="{site}', text)
            items.append((date, title, f"{page}#{anchor}", text))
        name = app.config.html_title or app.config.project
        app.book_feed = atom(name, app.config.author, site, items)
    return ()


def start(app):
    app.book_feed = ""


def write(app, error):
    if error is None and app.builder.format == "html" and app.book_feed:
        Path(app.outdir, FILE).write_text(app.book_feed, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", start)
    app.connect("html-collect-pages", collect)
    app.connect("build-finished", write)
