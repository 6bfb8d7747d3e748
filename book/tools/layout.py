"""Where things are: the chapters, their files, and the repository's address.

A chapter is found, not listed: its notebook, `chapters/NN-slug.ipynb`, gives its number
by its name, its title by its first line, and the rest by its metadata:

    "book": {"module": "resnet", "question": "Why did deeper networks do worse?"}
"""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Chapter:
    """What the book knows of a chapter."""

    slug: str
    module: str  # its module in utils, and the name of its figures and explorer
    title: str = ""
    question: str = ""  # that it answers, for the tables of chapters
    gpu: bool = False  # whether its notebooks ask Colab for a GPU

    @property
    def number(self) -> int:
        """The chapter's number, which opens its slug."""
        return int(self.slug[:2])


def read_chapter(path: Path) -> Chapter:
    """The chapter whose notebook is `path`.

    Raises:
        ValueError: its metadata name no module or no question, or it has no title.
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    about = notebook["metadata"].get("book", {})
    for key in ("module", "question"):
        if not isinstance(about.get(key), str):
            raise ValueError(f"{path.name}: the metadata's 'book' must name a {key}")
    first = "".join(notebook["cells"][0]["source"])
    title = re.match(r"# \d+ (.+)", first)
    if title is None:
        raise ValueError(f"{path.name}: the first line must be '# NUMBER TITLE'")
    gpu = notebook["metadata"].get("accelerator") == "GPU"
    return Chapter(path.stem, about["module"], title[1], about["question"], gpu)


@functools.cache
def chapters(root: Path = ROOT) -> tuple[Chapter, ...]:
    """The chapters of the book in their order."""
    return tuple(map(read_chapter, sorted(root.glob("chapters/[0-9][0-9]-*.ipynb"))))


def repository(root: Path = ROOT) -> str:
    """The repository's address, from the one place where it is set: _config.yml."""
    text = (root / "_config.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["repository"]["url"]


def setup_cell(root: Path = ROOT) -> str:
    """The source of the set-up cell, the same in every notebook."""
    return (root / "book/tools/setup_cell.txt").read_text(encoding="utf-8").rstrip()
