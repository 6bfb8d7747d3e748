"""Formulas drawn at build time by KaTeX, so that a page needs no script for them.

`sphinxcontrib.katex` keeps KaTeX running in Node and asks it. What it would add to the
pages is left out: a style sheet from another host, and a formula's TeX beside its
MathML, which the search would find and a voice read out.
"""

import functools
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinxcontrib import katex

from book.tools import vendor

LOGGER = logging.getLogger(__name__)
# A busy machine is no reason to give up a build.
katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 300.0


@functools.cache
def draw(tex: str, display: bool) -> str:
    """The HTML of a formula.

    Raises:
        ValueError: KaTeX does not understand `tex`; the message says where.
    """
    katex.NODEJS_BINARY = str(vendor.node())
    katex.KaTeXServer.katex_path = (
        vendor.fetch(vendor.KATEX) / "dist" / "katex.min.js"
    ).resolve()
    # What KaTeX tolerates and LaTeX would not is an error here.
    options = {"displayMode": display, "throwOnError": True, "strict": "error"}
    try:
        html = katex.render_latex(tex, options)
    except katex.KaTeXError as error:
        raise ValueError(str(error)) from None
    return re.sub(r"<annotation.*?</annotation>", "", html, flags=re.DOTALL)


def _draw(node, display: bool) -> str:
    tex = node.astext().strip()
    try:
        return draw(tex, display)
    except ValueError as error:
        LOGGER.warning("formula %r: %s", tex, error, location=node)
        return f"<code>{tex.replace('&', '&amp;').replace('<', '&lt;')}</code>"


def visit_inline(self, node):
    self.body.append(f'<span class="math">{_draw(node, display=False)}</span>')
    raise nodes.SkipNode


def visit_display(self, node):
    html = _draw(node, display=True)
    number = f'<span class="eqno">({node["number"]})</span>' if node["number"] else ""
    self.body.append(self.starttag(node, "div", CLASS="math-box"))
    self.body.append(f"{number}{html}</div>\n")
    raise nodes.SkipNode


def write_assets(static: Path) -> None:
    """Copy KaTeX's style sheet and its woff2 fonts into the site."""
    source = vendor.fetch(vendor.KATEX)
    target = static / "katex"
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    css = (source / "dist" / "katex.min.css").read_text(encoding="utf-8")
    # Every browser that can show the page reads woff2.
    css = re.sub(r',url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)', "", css)
    (target / "katex.css").write_text(css, encoding="utf-8")
    for font in (source / "dist" / "fonts").glob("*.woff2"):
        shutil.copyfile(font, target / "fonts" / font.name)
    shutil.copyfile(source / "LICENSE", target / "LICENSE")
