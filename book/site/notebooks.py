"""Notebooks on their way into the site: figures and explorers become plain HTML.

Done on the notebook's JSON before it is parsed; the file itself stays as it is, and so
does the copy that the reader downloads.
"""

import base64
import functools
import hashlib
import html
import json
import re
from itertools import pairwise
from pathlib import Path

from book.site import figures
from utils import explorers
from utils.explorers import SAVED

NO_SCRIPT = (
    "<noscript> Playing with it takes JavaScript, which is off; "
    "the picture shows how it opens.</noscript>"
)
PNG = "image/png"
SVG = "image/svg+xml"
HEIGHTS = Path(__file__).with_name("heights.json")  # book/tools/heights.py writes it
# The tags that a cell may have; another would do nothing, and nobody would notice.
TAGS = {
    "hide-cell",
    "hide-input",
    "hide-output",
    "nbval-ignore-output",
    "raises-exception",
    "times",  # it prints times: `make outputs` leaves them as they were
    "twin",  # the cell defines what utils defines, to the letter
}


def text_of(value) -> str:
    """A notebook stores text as a string or as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def embed(value) -> str:
    """JSON that can stand inside a script element."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).replace(
        "<", "\\u003c"
    )


@functools.cache
def heights() -> dict[str, list]:
    """Name of an explorer → the corners (width, height) that its height follows."""
    return json.loads(HEIGHTS.read_text(encoding="utf-8"))


def live_height(name: str) -> str:
    """How high an explorer is, as CSS; "" if that has not been measured."""
    found = heights().get(name)
    if not found:
        return ""
    parts = [f"{found[0][1]}px"]
    for (x, y), (u, v) in pairwise(found):
        if slope := round((v - y) / (u - x), 2):
            parts.append(f"{slope:g}*clamp(0px,100cqw - {x}px,{u - x}px)")
    return f"calc({' + '.join(parts)})"


class Page:
    """The outputs of one notebook, turned into HTML one after the other.

    Attributes:
        files: name → content of the files that its figures need.
    """

    def __init__(self, notebook: dict, to_files: str):
        self.to_files = to_files
        self.files = {}
        self.count = 0
        self.sources = set()
        title = next(iter(notebook["cells"]), {"source": ""})["source"]
        chapter = re.match(r"# (\d+) ", text_of(title))
        self.chapter = chapter and chapter[1]

    def caption(self, alt: str, title: str) -> tuple[str, str] | None:
        """Number and caption of the next figure of a chapter: its cell's title, or the
        first clause of its alternative text.

        Raises:
            ValueError: the figure has no words.
        """
        if not alt.strip():
            raise ValueError("a figure without alternative text")
        if self.chapter is None:
            return None
        text = re.sub(r"^Draw(?: the)? ", "", title)
        text = text or re.split(r"(?<=\?)(?=\s)|[.;:](?=\s|$)", alt, maxsplit=1)[0]
        return f"{self.chapter}.{self.count}", f"{text[:1].upper()}{text[1:]}"

    def figure(self, svg: str, alt: str, title: str) -> str:
        self.count += 1
        to = self.files, self.to_files, self.caption(alt, title)
        return figures.figure(svg, alt, f"f{self.count}-", *to)

    def picture(self, png: str, alt: str, title: str) -> str:
        """A bitmap becomes a file of its own."""
        self.count += 1
        data = base64.b64decode(png)
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        self.files[name] = data
        return figures.framed(
            f'<img class="plot" loading="lazy" src="{self.to_files}/{name}" '
            f'alt="{html.escape(alt)}">',
            self.caption(alt, title),
        )

    def source(self, kind: str, text: str) -> tuple[str, str]:
        """Key of an explorer's code or style, and its element if it is new here."""
        key = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        if key in self.sources:
            return key, ""
        self.sources.add(key)
        kind = "application/json"
        return key, f'<script type="{kind}" id="{key}">{embed(text)}</script>'

    def explorer(self, saved: dict, still: str, sentence: str) -> str:
        """Still picture and sentence, and what mount.js needs to bring it alive."""
        # Its files are called as its module, which is not imported: that costs seconds.
        name = saved["explorer"].split(".")[-2]
        code, code_element = self.source("esm", explorers.script(name))
        parts = [code_element]
        payload = {"esm": code, "state": saved["state"]}
        payload["css"], style_element = self.source("css", explorers.style(name))
        parts.append(style_element)
        height = live_height(saved["explorer"])
        style = f' style="--live:{height}"' * bool(height)
        return (
            f'<div class="explorer"{style}><div class="explorer-still">'
            f'{still}<p class="explorer-sentence">{html.escape(sentence)}'
            f"{NO_SCRIPT}</p></div>"
            f'<div class="explorer-live" hidden></div>{"".join(parts)}'
            f'<script type="application/json" class="explorer-model">{embed(payload)}'
            "</script></div>"
        )

    def output(self, data: dict, metadata: dict, title: str = "") -> str | None:
        """The HTML of an output, or None if it may stay as it is.

        `title` is that of its cell, if it has one.
        """
        plain = text_of(data.get("text/plain", ""))
        still = None
        if SVG in data:
            svg = text_of(data[SVG])
            still = self.figure(svg, figures.words(svg, metadata, plain), title)
        elif PNG in data:
            alt = (metadata.get(PNG) or {}).get("alt") or plain
            still = self.picture(text_of(data[PNG]), alt, title)
        if SAVED in data:
            sentence = " ".join(plain.split())
            return self.explorer(data[SAVED], still or "", sentence)
        return still


def label_fold(cell: dict) -> str:
    """Let the fold of a cell say what it hides; returns the cell's title, if any.

    That is what its first line says, "# @title …", with which Colab titles a form; the
    names of what `notebook.source` shows; or the set-up.
    """
    if cell["cell_type"] != "code":
        return ""
    source, words, name = text_of(cell["source"]), None, ""
    if title := re.match(r"# *@title (.+)\n?", source):
        words = name = title[1].strip()
        if words[1:2].islower():
            words = words[0].lower() + words[1:]
        words = f"the code: {words}"
        cell["source"] = source[title.end() :]
    elif shown := re.search(r"\bsource\(([^()]*)\)", source):
        names = re.findall(r"(\w+)\s*(?:,|$)", shown[1].strip())
        words = f"the code of {', '.join(names)}"
    elif cell.get("id") == "setup":
        words = "the set-up"
    if words:
        prompts = {"code_prompt_show": f"Show {words}"}
        prompts["code_prompt_hide"] = f"Hide {words}"
        cell["metadata"]["mystnb"] = prompts
    return name


def prepare(source: str, to_files: str, numbered: bool = False) -> tuple[str, dict]:
    """The notebook with figures and explorers as HTML, and the files these need.

    Args:
        source: the notebook's JSON.
        to_files: relative address, from its page, of the folder for those files.
        numbered: whether its figures must have numbers.

    Raises:
        ValueError: a tag is unknown, or a figure has no words or no number; the message
            begins with the cell.
    """
    notebook = json.loads(source)
    page = Page(notebook, to_files)
    if numbered and page.chapter is None:
        raise ValueError("figures have no number: the first line must be '# 4 Title'")
    for cell in notebook["cells"]:
        name = f"cell {cell.get('id')}"
        if unknown := set(cell["metadata"].get("tags", [])) - TAGS:
            raise ValueError(f"{name}: unknown tags {sorted(unknown)}")
        title = label_fold(cell)
        for output in cell.get("outputs", []):
            data = output.get("data")
            if data is None:
                continue
            try:
                markup = page.output(data, output.get("metadata", {}), title)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            if markup is not None:
                output["data"] = {"text/html": markup}
                output["metadata"] = {}
    return json.dumps(notebook), page.files
