"""The page of a chapter's exercises, made from their master.

The document `exercises/NN-slug` is the student copy: that is what readers download. Its
page shows more: under each task the hints, the solution with its outputs and the
explanation, all of them folded. The search index passes by what is folded.
"""

import ast
import functools
import json
import re
from pathlib import Path

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from book.tools import layout
from book.tools.exercises import (
    CODE_STUB,
    SOLUTION,
    TEXT_STUB,
    about,
    cut,
    exercise_of,
    kind,
    numbers_of,
    points,
    rendered,
    student_source,
)
from book.tools.outputs import LANGUAGE_INFO

FOLDER = "exercises/"
HINTS = ("A hint", "One more", "A plan")
WORDS = "no one two three four five six seven eight nine ten eleven twelve".split()
INTRODUCTION = """\
{tasks} on chapter {number}, [{chapter}](../chapters/{slug}.ipynb): {facts}.

Try them in the notebook. **Open in Colab** starts it with nothing to install;
**Download** gives the same file to take along. There `check("3")` runs all tests of
task 3 and says at once what is wrong, or that it is right; `hint("3")` gives the next
hint. On this page, hints and solution are folded away under each task: try first, then
unfold."""


def plural(count: float, word: str) -> str:
    """`count` and the word: "1 point", "2.5 points"."""
    return f"{count:g} {word}" + "s" * (count != 1)


def duration(minutes: int) -> str:
    """Minutes as one says them: "1 hour 20 minutes"."""
    hours, rest = divmod(minutes, 60)
    parts = [plural(hours, "hour")] if hours else []
    parts += [plural(rest, "minute")] if rest else []
    return " ".join(parts)


# ------------------------------------------------------------ from the master to a page


@functools.cache
def _sections(path: Path, _changed: int) -> dict[str, str]:
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for title in re.findall(r"(?m)^#{2,3} +(\d+\.\d+ .+?) *$", cell.source):
                plain = re.sub(r"\$.*?\$|[^\w\- ]", "", title.lower())
                found[title.split()[0]] = plain.replace(" ", "-")
    return found


def section_link(number: str, root: Path) -> str:
    """A Markdown link to the section "4.2", wherever in the book that is.

    Raises:
        ValueError: no chapter has a heading that begins with this number.
    """
    chapter = int(number.split(".")[0])
    for path in root.glob(f"chapters/{chapter:02}-*.ipynb"):
        sections = _sections(path, path.stat().st_mtime_ns)
        if number in sections:
            return f"[{number}](../chapters/{path.name}#{sections[number]})"
    raise ValueError(f"no heading of chapter {chapter} begins with {number}")


def with_links(text: str, root: Path) -> str:
    """The text of a task; its line of kind, time and sections leads to these."""
    if about(text) is None:
        return text
    head, facts, rest = text.split("\n\n", 2)
    facts = re.sub(r"\d+\.\d+", lambda n: section_link(n[0], root), facts.strip("*"))
    return f'{head}\n\n<span class="facts">{facts}</span>\n\n{rest}'


def given(cell):
    """A locked cell: its code folded, and the fold says which names it defines."""
    names = []
    for statement in ast.parse(cell.source).body:
        targets = getattr(statement, "targets", [statement])
        for target in targets:
            names += [
                getattr(node, "name", "") or getattr(node, "id", "")
                for node in getattr(target, "elts", [target])
            ]
    names = ", ".join(dict.fromkeys(filter(None, names)))
    words = "the code that is given" + f": {names}" * bool(names)
    prompts = {"code_prompt_show": f"Show {words}", "code_prompt_hide": f"Hide {words}"}
    return new_code_cell(
        cell.source,
        id=cell.id,
        outputs=cell.outputs,
        metadata={"tags": ["hide-input"], "mystnb": prompts},
    )


def stub(cell):
    """What a reader starts from, as a cell; None if that says nothing."""
    source = student_source(cell).strip()
    if source in ("", CODE_STUB, TEXT_STUB):
        return None
    if cell.cell_type == "code":
        return new_code_cell(source, id=f"{cell.id}-stub")
    return new_markdown_cell(source, id=f"{cell.id}-stub")


def unmarked(source: str) -> str:
    """A solution without the lines that mark it."""
    lines = source.split("\n")
    kept = [line for line in lines if not any(mark in line for mark in SOLUTION)]
    return "\n".join(kept).strip()


def folded_hints(name: str, hints: list[str]):
    """A Markdown cell with hints, each inside the fold of the one before."""
    parts = []
    for k, hint in enumerate(hints):
        words = HINTS[0] if k == 0 else HINTS[2] if k == 2 else HINTS[1]
        parts.append(f'<details class="fold hint"><summary>{words}</summary>')
        parts.append(hint.strip())
    parts += ["</details>"] * len(hints)
    return new_markdown_cell("\n\n".join(parts), id=f"{name}-hints")


def label(name: str, words: str):
    return new_markdown_cell(f'<p class="label">{words}</p>', id=name)


def task(name: str, cells: list, numbers: dict, root: Path) -> list:
    """The cells of one task on the page."""
    shown, hints, solution, why = [], [], [], []
    for cell in cells:
        what = kind(cell)
        if what == "text":
            shown.append(new_markdown_cell(with_links(cell.source, root), id=cell.id))
        elif what == "locked":
            shown.append(given(cell))
        elif what == "solution":
            shown.append(stub(cell))
            code = unmarked(cell.source)
            solution.append(new_code_cell(code, id=cell.id, outputs=cell.outputs))
        elif what == "written":
            shown.append(stub(cell))
            answer = cut(cell.source, SOLUTION)[1] or cell.source
            solution.append(label(f"{cell.id}-label", "A model answer"))
            solution.append(new_markdown_cell(answer.strip(), id=cell.id))
        elif what == "hint":
            hints.append(cell.source)
        elif what == "why":
            why.append(label(f"{cell.id}-label", "Why"))
            why.append(new_markdown_cell(cell.source, id=cell.id))
    page = [cell for cell in shown if cell]
    if hints:
        page.append(folded_hints(name, hints))
    opening = '<details class="fold solution"><summary>The solution</summary>'
    page.append(new_markdown_cell(opening, id=f"{name}-open"))
    page += [*solution, *why, new_markdown_cell("</details>", id=f"{name}-close")]
    for cell in page:
        if cell.cell_type == "markdown":
            cell.source = rendered(cell.source, numbers)
    return page


def page(slug: str, root: Path = layout.ROOT) -> str:
    """The notebook, as JSON, that is the page of a chapter's exercises.

    Raises:
        ValueError: there is no master or no chapter, or a task names a section or a
            number that is not there.
    """
    path = root / f"exercises/masters/{slug}.ipynb"
    if not path.exists():
        raise ValueError(f"there is no {path.relative_to(root)} to make the page from")
    master = nbformat.read(path, as_version=4)
    chapter = layout.read_chapter(root / f"chapters/{slug}.ipynb")
    tasks = {}
    for cell in master.cells:
        if name := exercise_of(cell.id):
            tasks.setdefault(name, []).append(cell)
    total = sum(sum(one.values()) for one in points(master).values())
    facts = plural(total, "point")
    heads = [about(cells[0].source) for cells in tasks.values()]
    if all(heads):
        facts += f", about {duration(sum(head.minutes for head in heads))}"
    count = len(tasks)
    words = WORDS[count].capitalize() if count < len(WORDS) else str(count)
    title = master.cells[0].source.split("\n")[0]
    introduction = INTRODUCTION.format(
        tasks=f"{words} task{'s' * (count != 1)}",
        number=chapter.number,
        chapter=chapter.title,
        slug=slug,
        facts=facts,
    )
    cells = [new_markdown_cell(f"{title}\n\n{introduction}", id="title")]
    numbers = numbers_of(master)
    for name, own in tasks.items():
        try:
            cells += task(name, own, numbers.get(name, {}), root)
        except ValueError as error:
            raise ValueError(f"{path.relative_to(root)}, {name}: {error}") from error
    metadata = {
        "kernelspec": master.metadata.kernelspec,
        "language_info": LANGUAGE_INFO,
    }
    return json.dumps(new_notebook(cells=cells, metadata=metadata))


# ------------------------------------------------------------ in Sphinx


class fold(nodes.comment):
    """A <details> and what it hides: for Sphinx's search a comment, to be passed by."""


class FoldExercises(SphinxTransform):
    """Gathers what stands between <details class="fold …"> and its end in a `fold`."""

    default_priority = 860

    def apply(self, **kwargs):
        if not self.env.docname.startswith(FOLDER):
            return
        for section in list(self.document.findall(nodes.section)):
            stack = [section]
            for child in list(section.children):
                mark = child.astext() if isinstance(child, nodes.raw) else ""
                if mark.startswith('<details class="fold'):
                    section.remove(child)
                    stack[-1].append(one := fold())
                    one.append(child)
                    stack.append(one)
                elif len(stack) > 1:
                    section.remove(child)
                    stack[-1].append(child)
                    if mark.strip() == "</details>":
                        stack.pop()
            title = section[0][-1]
            if isinstance(title, nodes.Text) and (
                worth := re.search(r" (\([\d.]+ points?[^)]*\))$", title)
            ):
                title.parent.append(nodes.inline("", worth[1], classes=["points"]))
                title.parent.replace(title, nodes.Text(title[: worth.start()] + " "))


class UnderItsChapter(SphinxTransform):
    """Moves the pages of exercises from the list of chapters to their chapters."""

    default_priority = 101  # right after sphinx_external_toc's, at 100

    def apply(self, **kwargs):
        for toctree in self.document.findall(addnodes.toctree):
            names = [n for n in toctree["includefiles"] if not n.startswith(FOLDER)]
            toctree["includefiles"] = names
            entries = [e for e in toctree["entries"] if not e[1].startswith(FOLDER)]
            toctree["entries"] = entries
        folder, _, slug = self.env.docname.partition("/")
        page = FOLDER + slug
        if folder != "chapters" or page not in self.env.found_docs:
            return
        toctree = addnodes.toctree(
            parent=self.env.docname,
            entries=[("Exercises", page)],
            includefiles=[page],
            maxdepth=-1,
            caption=None,
            rawcaption="",
            glob=False,
            hidden=True,
            includehidden=False,
            numbered=0,
            titlesonly=True,
        )
        self.document.children[-1].append(toctree)


def read(app, docname: str) -> str | None:
    """The source of the page if `docname` is one of exercises.

    Raises:
        ValueError: see `page`.
    """
    if not docname.startswith(FOLDER):
        return None
    slug = docname.removeprefix(FOLDER)
    root = Path(app.srcdir)
    master = root / f"exercises/masters/{slug}.ipynb"
    for path in (master, *root.glob("chapters/*.ipynb")):
        app.env.note_dependency(str(path))
    return page(slug, root)


def with_new_exercises(app, env, added, changed, removed):
    """The chapters to read again because their exercises have come."""
    return [f"chapters/{n.removeprefix(FOLDER)}" for n in added if n.startswith(FOLDER)]


def setup(app):
    app.add_node(fold, html=(lambda self, node: None, lambda self, node: None))
    app.add_transform(FoldExercises)
    app.add_transform(UnderItsChapter)
    app.connect("env-get-outdated", with_new_exercises)
