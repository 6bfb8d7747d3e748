"""Formulas drawn at build time by KaTeX, so that a page needs no script for them.

Why not sphinxcontrib-katex (0.9.11 was tried): it connects to its Node process when the
socket is bound and not yet listening, and a build on a busy machine then ends with
"Connection refused"; it counts seconds; and it leaves a formula's TeX in the page.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

from book.tools import vendor

LOGGER = logging.getLogger(__name__)
SERVER = Path(__file__).with_name("katex_server.js")


class Painter:
    """KaTeX in a Node process that starts with the first formula."""

    def __init__(self):
        self.process = None
        self.drawn = {}

    def draw(self, tex: str, display: bool) -> str:
        """The HTML of a formula.

        Raises:
            ValueError: KaTeX does not understand `tex`; the message says where.
        """
        if (tex, display) not in self.drawn:
            self.drawn[tex, display] = self._ask({"tex": tex, "display": display})
        answer = self.drawn[tex, display]
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["html"]

    def _ask(self, question: dict) -> dict:
        if self.process is None:
            katex = vendor.fetch(vendor.KATEX) / "dist" / "katex.min.js"
            self.process = subprocess.Popen(
                [str(vendor.node()), str(SERVER), str(katex)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        print(json.dumps(question), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"KaTeX stopped at {question['tex']!r}")
        return json.loads(answer)

    def close(self, *_):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


PAINTER = Painter()


def _draw(node, display: bool) -> str:
    tex = node.astext().strip()
    try:
        return PAINTER.draw(tex, display)
    except ValueError as error:
        LOGGER.warning("formula %r: %s", tex, error, location=node)
        return f"<code>{tex.replace('&', '&amp;').replace('<', '&lt;')}</code>"


def visit_inline(self, node):
    self.body.append(_draw(node, display=False))
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
