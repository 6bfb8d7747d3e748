"""Where things are: the chapters, their files, and the repository's address."""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Chapter:
    """A line of book/chapters.yml."""

    slug: str
    module: str
    gpu: bool = False

    @property
    def number(self) -> int:
        """The chapter's number, which opens its slug."""
        return int(self.slug[:2])


def chapters(root: Path = ROOT) -> list[Chapter]:
    """The chapters of the book in their order."""
    text = (root / "book/chapters.yml").read_text(encoding="utf-8")
    return [Chapter(**entry) for entry in yaml.safe_load(text)]


def repository(root: Path = ROOT) -> str:
    """The repository's address, from the one place where it is set: _config.yml."""
    text = (root / "_config.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["repository"]["url"]


def setup_cell(root: Path = ROOT) -> str:
    """The source of the set-up cell, the same in every notebook."""
    return (root / "book/tools/setup_cell.txt").read_text(encoding="utf-8").rstrip()
