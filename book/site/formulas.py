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
OPENING = re.compile(r"[(\[“]+$")
CLOSING = re.compile(r"(?:[,.;:!?)\]”’-]|\u00a0%)+")


def keep_together(app, doctree, docname):
    """Let no line begin with what ends behind a formula, or end with what opens it.

    A browser may break the line on both sides of most formulas, even before a comma.
    """
    for formula in list(doctree.findall(nodes.math)):
        if len(formula.astext()) == 1:
            continue  # a letter is mere text
        line = formula.parent
        place = line.index(formula)
        parts = [formula]
        before, after = line[place - 1 : place], line[place + 1 : place + 2]
        if after and isinstance(after[0], nodes.Text):
            if found := CLOSING.match(after[0]):
                parts.append(nodes.Text(found[0]))
                line[place + 1] = nodes.Text(after[0][found.end() :])
        if before and isinstance(before[0], nodes.Text):
            if found := OPENING.search(before[0]):
                parts.insert(0, nodes.Text(found[0]))
                line[place - 1] = nodes.Text(before[0][: found.start()])
        if len(parts) > 1:
            line[place] = whole = nodes.inline("", classes=["whole"])
            whole += parts


def _draw(tex: str, node, display: bool) -> str:
    tex = tex.strip()
    try:
        return PAINTER.draw(tex, display)
    except ValueError as error:
        LOGGER.warning("formula %r: %s", tex, error, location=node)
        return f"<code>{tex.replace('&', '&amp;').replace('<', '&lt;')}</code>"


def visit_inline(self, node):
    html = _draw(node.astext(), node, display=False)
    if "whole" in node.parent.get("classes", ()):  # a long formula still breaks within
        html = re.sub('(?<=</span>)<span class="katex-base"', r"<wbr>\g<0>", html)
    self.body.append(html)
    raise nodes.SkipNode


def statements(tex: str) -> tuple[list[str], str]:
    """The parts of a display that \\qquad parts, and its \\tag or "".

    Not those within braces, brackets that grow, or an environment.
    """
    tag = re.search(r"\\tag\{([^}]+)\}", tex)
    parts, depth = [""], 0
    for token in re.split(r"(\\[a-zA-Z]+|\\.|[{}])", tex[: tag and tag.start()]):
        depth += token in ("{", r"\left", r"\begin")
        depth -= token in ("}", r"\right", r"\end")
        if token == r"\qquad" and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return [part for part in map(str.strip, parts) if part], tag[1] if tag else ""


def visit_statements(self, node, parts, number):
    """Side by side as far as there is room, one under the other on a phone."""
    self.body.append(self.starttag(node, "div", CLASS="math-box statements"))
    for part in parts:
        self.body.append(_draw(part, node, display=True))
    if number:
        tag = PAINTER.draw(rf"\text{{({number})}}", display=False)
        self.body.append(f'<span class="number">{tag}</span>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def visit_display(self, node):
    parts, number = statements(node.astext())
    if len(parts) > 1:
        visit_statements(self, node, parts, number)
    html = _draw(node.astext(), node, display=True)
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
