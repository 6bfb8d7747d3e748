"""What stops a build, beside what Sphinx sees: each warning names its place.

Sphinx and MyST find links in Markdown, pictures and terms that are not there;
`references` finds sections, chapters and figures; `notebooks` unknown tags, and figures
without words or number. Here are links and pictures that are written as HTML, which
nobody would look at.
"""

import re

from docutils import nodes
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
ELSEWHERE = re.compile(r"[a-z]+:|#")
MADE_HERE = re.compile(r'<(?:div|figure) class="(?:figure|explorer)"')


def addresses(html: str) -> list[str]:
    """Where the links and pictures of a piece of HTML lead within the book."""
    found = re.findall(r"""<(?:a|img)\b[^>]*\s(?:href|src)=["']([^"']+)""", html)
    return [address for address in found if not ELSEWHERE.match(address)]


def look(app, doctree):
    """Warn of each of them in a page that is read."""
    for node in doctree.findall(nodes.raw):
        html = node.astext()
        if not MADE_HERE.match(html):
            for address in addresses(html):
                LOGGER.warning(
                    "%s is a link in HTML, which is not checked: write it in Markdown",
                    address,
                    location=node,
                )


def setup(app):
    app.connect("doctree-read", look)
