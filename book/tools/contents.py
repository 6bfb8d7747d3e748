"""Write the tables of chapters in README.md and book/intro.md from the notebooks.

    python book/tools/contents.py

`make outputs` does it too. Each table stands between two comments, and nobody edits it.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import address, exercises, layout  # noqa: E402

BEGIN = "<!-- chapters: book/tools/contents.py writes this table -->"
END = "<!-- end of chapters -->"


def in_readme(root: Path) -> str:
    """Number and title, and where chapter and exercises run on Colab."""
    colab = address.forms(layout.repository(root))[1]
    rows = ["| | Chapter | On Colab |", "| --- | --- | --- |"]
    for chapter in layout.chapters(root):
        file = f"chapters/{chapter.slug}.ipynb"
        links = f"[chapter]({colab}/blob/main/{file}), "
        links += f"[exercises]({colab}/blob/main/exercises/{chapter.slug}.ipynb)"
        rows.append(f"| {chapter.number} | [{chapter.title}]({file}) | {links} |")
    return "\n".join(rows)


def in_intro(root: Path) -> str:
    """Number, title with the exercises under it, and the question."""
    rows = ["| No. | Chapter | The question it answers |", "| --- | --- | --- |"]
    for chapter in layout.chapters(root):
        links = f"[{chapter.title}](../chapters/{chapter.slug}.ipynb)<br>"
        links += f"<small>[Exercises](../exercises/{chapter.slug}.ipynb)</small>"
        rows.append(f"| {chapter.number} | {links} | {chapter.question} |")
    return "\n".join(rows)


TABLES = {"README.md": in_readme, "book/intro.md": in_intro}


def current(name: str, root: Path = ROOT) -> str:
    """The text of a page with its table as it must be now.

    Raises:
        ValueError: the page has not the two comments.
    """
    text = (root / name).read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{name}: no '{BEGIN}' … '{END}'")
    return f"{before}{begin}\n\n{TABLES[name](root)}\n\n{end}{after}"


def main(root: Path = ROOT) -> int:
    for name in TABLES:
        text = current(name, root)
        if (root / name).read_text(encoding="utf-8") != text:
            exercises.write(root / name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
