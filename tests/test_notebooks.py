"""Every notebook reads the same on the site, on Colab, on GitHub and in Jupyter.

Each rule is a function from a notebook to a list of complaints. The second half of this
file shows of each rule that it can fail.
"""

import ast
import copy
import functools
import importlib
import itertools
import re
import sys
import types
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.site.notebooks import TAGS
from book.tools import address, layout, outputs

ROOT = layout.ROOT
CHAPTERS = {chapter.slug: chapter for chapter in layout.chapters()}
LONGEST_LINE = 78  # characters of code, so that a cell reads well on a phone
LONGEST_CELL = 30  # lines of code
CLOSING = ["Summary", "Read next", "Exercises"]
COLAB = address.forms(layout.repository())[1]
OPENING = ["**You will learn**", "**You need**", "**Time**"]
# What it says of the place where it runs differs from place to place.
SETUP_TAGS = ["hide-cell", "nbval-ignore-output"]
MOST_PLOTTING = 0.10  # of the lines of code that a chapter shows unfolded


class Book:
    """What a rule may know besides the notebook's own text."""

    def __init__(self, path: Path, setup: str):
        self.path = path
        self.setup = setup
        self.chapter = CHAPTERS.get(path.stem)
        self.is_exercise = "exercises" in path.parts
        self.is_student_copy = path.parent.name == "exercises"
        self.is_master = path.parent.name == "masters"
        self.course = course()
        self.shown_before = shown_before(path.stem)


@functools.cache
def read(path):
    return nbformat.read(path, as_version=4)


@functools.cache
def shown_before(stem: str) -> set[str]:
    """Names whose code the chapters before this one show."""
    earlier = [ROOT / f"chapters/{slug}.ipynb" for slug in CHAPTERS if slug < stem]
    return {name for before in earlier for name in shown_code(read(before))}


def markdown(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook):
    """Pairs (cell, output) of all outputs."""
    return [(cell, output) for cell in code(notebook) for output in cell.outputs]


def without_code(source: str) -> str:
    """Markdown with its code blocks and code spans blanked."""
    source = re.sub(r"(?ms)^ {0,3}(```+|~~~+)(?!\{).*?^ {0,3}\1 *$", "", source)
    return re.sub(
        r"(?s)(?<!`)(`+)(?!`)(?!(?<=```)\{)(?![^`]*\n\n).+?(?<!`)\1(?!`)", "`…`", source
    )


# ---------------------------------------------------------------------- rules

MYST = {
    "directive": r"(?m)^ {0,3}(`{3,}|~{3,}|:{3,})\s*\{",
    "role": r"\{[\w:+-]+\}`",
    "colon fence": r"(?m)^ {0,3}:{3,}",
    "label": r"(?m)^\([\w:.-]+\)=\s*$",
    "equation label": r"(?m)\$\$ *\([\w:.-]+\) *$",
    "block break": r"(?m)^\+\+\+",
    "comment": r"(?m)^%",
    "substitution": r"\{\{.*?\}\}",
    "attributes": r"[\])`]\{[#.\w]",
    "citation": r"\[@\w",
    "footnote": r"\[\^\w+\]",
    "empty link text": r"(?<!!)\[\]\(",
}


def markdown_is_portable(notebook, book):
    for cell in markdown(notebook):
        source = without_code(cell.source)
        if book.is_master:  # its student copies have numbers there
            source = re.sub(r"\{\{\w+\}\}", "0", source)
        plain = re.sub(r"(?s)\$\$.*?\$\$", "$$…$$", source)
        plain = re.sub(r"(?<!\$)\$[^$\n]+\$(?!\$)", "$…$", plain)
        for name, pattern in MYST.items():
            if found := re.search(pattern, plain):
                yield f"{cell.id}: MyST {name} {found[0]!r} shows as raw text elsewhere"
        outside = re.sub(r"(?s)\$\$.*?\$\$", "", without_code(cell.source))
        if re.search(r"(?m)^\\begin\{", outside):
            yield f"{cell.id}: put \\begin{{…}} between dollar signs"


ABSOLUTE = re.compile(
    r"file://|(?<![\w/.:])[A-Za-z]:\\{1,2}\w"
    r"|(?<![\w/.:<~-])(?:~|/(?:home|Users|root|tmp|var|usr|opt|etc|mnt|media|private|"
    r"content|work|workspace|srv|data|drive|Library|Volumes|app|dev|proc))/[\w.]"
)


def no_absolute_path(notebook, book):
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts += [
                text
                for kind, text in output.get("data", {}).items()
                if kind.startswith("text/")
            ]
        for text in texts:
            if found := ABSOLUTE.search(text):
                yield f"{cell.id}: absolute path {text[found.start() :][:30]!r}"


def nothing_on_stderr(notebook, book):
    for cell, output in shown(notebook):
        if output.output_type == "error":
            yield f"{cell.id}: raises {output.ename}"
        if output.get("name") == "stderr":
            yield f"{cell.id}: writes to stderr: {output.text[:60]!r}"


def every_figure_has_alternative_text(notebook, book):
    for cell, output in shown(notebook):
        data, plain = output.get("data", {}), output.get("data", {}).get("text/plain")
        images = [kind for kind in data if kind.startswith("image/")]
        for kind in images:
            alt = output.metadata.get(kind, {}).get("alt", "")
            if not alt.strip() or plain != alt:
                yield f"{cell.id}: a figure without alternative text: plotting.show"
        if outputs.SAVED in data:
            if not images:
                yield f"{cell.id}: a widget without a still picture"
            if not plain or not plain.strip() or re.match(r"\w+\(", plain):
                yield f"{cell.id}: a widget without a sentence to stand in"
        for tag in re.findall(r"<img\b[^>]*>", data.get("text/html", "")):
            if not re.search(r"""\balt=["'][^"']""", tag):
                yield f"{cell.id}: an image in HTML without alternative text"


def every_image_in_the_text_is_described_and_ours(notebook, book):
    for cell in markdown(notebook):
        text = without_code(cell.source)
        images = re.findall(r"!\[([^\]]*)\]\(\s*<?([^)\s>]*)", text)
        for tag in re.findall(r"<img\b[^>]*>", text):
            part = dict(re.findall(r"""\b(alt|src)=["']([^"']*)["']""", tag))
            images.append((part.get("alt", ""), part.get("src", "")))
        for alt, target in images:
            if not alt.strip():
                yield f"{cell.id}: image {target} without alternative text"
            if re.match(r"(https?:)?//", target):
                yield f"{cell.id}: image from another host: {target}"


def setup_cell_is_the_same_everywhere(notebook, book):
    found = [cell for cell in code(notebook) if cell.id == "setup"]
    if len(found) != 1 or len(notebook.cells) < 2 or notebook.cells[1].id != "setup":
        yield "the second cell, and no other, must be the set-up cell (id 'setup')"
    elif found[0].source != book.setup:
        yield "setup: differs from book/tools/setup_cell.txt"
    elif not book.is_exercise and found[0].metadata.get("tags") != SETUP_TAGS:
        yield f"setup: must have the tags {SETUP_TAGS}"


def gpu_only_where_it_helps(notebook, book):
    asked = notebook.metadata.get("accelerator") == "GPU"
    if asked and book.is_exercise and not (book.chapter and book.chapter.gpu):
        yield "asks Colab for a GPU, but its chapter does without"
    if asked and not any("pick_device(" in cell.source for cell in code(notebook)):
        yield "asks Colab for a GPU, but never calls pick_device"


def outputs_are_committed(notebook, book):
    counts = [cell.execution_count for cell in code(notebook)]
    if book.is_student_copy:
        if any(counts) or shown(notebook):
            yield "a student copy has no outputs: make outputs"
    elif counts != list(range(1, len(counts) + 1)):
        yield f"not executed from top to bottom: counts are {counts}: make outputs"


# -- what is taught is on the page


def without_docstrings(node: ast.AST) -> ast.AST:
    """The tree with the docstrings of its functions and classes cut out."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef) and len(inner.body) > 1:
            first = inner.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                inner.body = inner.body[1:]
    return node


def definitions(source: str) -> dict[str, str]:
    """Name -> syntax tree, as canonical code, of what a source defines at its top."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = ast.unparse(without_docstrings(node))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.unparse(node)
    return found


@functools.cache
def course(root: Path = ROOT) -> dict[str, dict[str, str]]:
    """Module of utils -> its definitions."""
    return {
        path.stem: definitions(path.read_text(encoding="utf-8"))
        for path in sorted(root.glob("utils/*.py"))
    }


def first_difference(ours: str, theirs: str) -> str:
    """The first line in which two pieces of canonical code differ."""
    lines = itertools.zip_longest(ours.split("\n"), theirs.split("\n"), fillvalue="")
    here, there = next((a.strip(), b.strip()) for a, b in lines if a != b)
    return f"here '{here}', there '{there}'"


def twins(notebook):
    """(cell, name, code) of all that cells with the tag "twin" define."""
    for cell in code(notebook):
        if "twin" in cell.metadata.get("tags", []):
            for name, text in definitions(cell.source).items():
                yield cell, name, text


def twins_agree_with_utils(notebook, book):
    for cell in code(notebook):
        if "twin" in cell.metadata.get("tags", []):
            others = [
                node
                for node in ast.parse(cell.source).body
                if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign)
            ]
            if others or not definitions(cell.source):
                yield f"{cell.id}: a twin defines functions, classes or constants only"
    for cell, name, text in twins(notebook):
        modules = [m for m, defined in book.course.items() if name in defined]
        own = book.chapter.module if book.chapter else None
        if own in modules:
            modules = [own]
        if not modules:
            yield f"{cell.id}: no module of utils defines {name}"
        elif all(book.course[m][name] != text for m in modules):
            where = f"utils/{modules[0]}.py"
            parted = first_difference(text, book.course[modules[0]][name])
            yield f"{cell.id}: {name} differs from {where}: {parted}"


# Modules whose code a reader need not have seen: they load, draw, count or look after.
BESIDE = {
    "augmentation",
    "checking",
    "checkpoints",
    "counting",
    "data",
    "distributed",
    "experiments",
    "explorers",
    "figures",
    "notebook",
    "plotting",
    "records",
    "zoo",
}


LOOK_AFTER = {"pick_device", "seed_everything"}  # of the module training


def shown_code(notebook) -> set[str]:
    """Names whose code the page shows: twins, and arguments of notebook.source."""
    names = {name for _, name, _ in twins(notebook)}
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "source",
                "notebook.source",
            ):
                names |= {ast.unparse(a).rpartition(".")[2] for a in node.args}
    return names


def used_of_the_course(notebook, course):
    """(cell, module, name) of all that a page takes from the modules of utils."""
    aliases = {}
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module == "utils":
                for name in node.names:
                    aliases[name.asname or name.name] = name.name
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("utils."):
                module = node.module.split(".")[1]
                for name in node.names:
                    yield cell, module, name.name
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = aliases.get(node.value.id)
                if module in course:
                    yield cell, module, node.attr


def nothing_is_used_before_its_code_was_shown(notebook, book):
    if book.is_exercise:
        return
    seen = book.shown_before | shown_code(notebook)
    told = set()
    for cell, module, name in used_of_the_course(notebook, book.course):
        defined = book.course.get(module, {}).get(name, "")
        built = defined.startswith(("def ", "class ", "@"))
        if built and module not in BESIDE and name not in seen | told | LOOK_AFTER:
            told.add(name)
            yield f"{cell.id}: the code of {module}.{name} has not been on a page yet"


DRAWING = {"fig", "ax", "axes", "plt", "plotting", "figures"}


def plotting_lines(source: str) -> int:
    """How many lines of a cell belong to statements that draw."""
    drawn = set()
    for node in ast.walk(ast.parse(source)):
        simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
        if simple and not isinstance(node, ast.Import | ast.ImportFrom):
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            if names & DRAWING:
                drawn |= set(range(node.lineno, node.end_lineno + 1))
    return len(drawn)


def is_folded(cell) -> bool:
    return bool({"hide-input", "hide-cell"} & set(cell.metadata.get("tags", [])))


def drawing_is_off_the_page(notebook, book):
    if book.is_exercise:
        return
    cells = [cell for cell in code(notebook) if not is_folded(cell)]
    lines = sum(len(cell.source.splitlines()) for cell in cells)
    drawn = sum(plotting_lines(cell.source) for cell in cells)
    if lines and drawn > MOST_PLOTTING * lines:
        worst = max(cells, key=lambda cell: plotting_lines(cell.source))
        yield (
            f"{drawn} of {lines} visible lines of code draw, more than "
            f"{MOST_PLOTTING:.0%}; most of them in {worst.id}"
        )


def folded_code_says_what_it_does(notebook, book):
    for cell in code(notebook):
        if "hide-input" not in cell.metadata.get("tags", []):
            continue
        if not re.match(r"# @title \S.{8,}", cell.source):
            yield f"{cell.id}: folded code begins with '# @title what it draws'"
        if cell.metadata.get("cellView") != "form":
            yield f"{cell.id}: the metadata cellView must be 'form', to fold on Colab"


def nothing_comes_from_an_explorer_but_itself(notebook, book):
    for cell in code(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and "explorers" in (node.module or ""):
                for name in node.names:
                    if not name.name.endswith("Explorer"):
                        yield f"{cell.id}: takes {name.name} from an explorer"


def every_chapter_has_an_explorer(notebook, book):
    if not book.is_exercise:
        if not any(outputs.SAVED in o.get("data", {}) for _, o in shown(notebook)):
            yield "no explorer: a chapter has at least one"


def code_is_narrow_and_short(notebook, book):
    for cell in code(notebook):
        lines = cell.source.split("\n")
        for line in lines:
            if len(line) > LONGEST_LINE:
                yield f"{cell.id}: longer than {LONGEST_LINE} characters: {line}"
        if len(lines) > LONGEST_CELL and not book.is_exercise and cell.id != "setup":
            yield f"{cell.id}: {len(lines)} lines, more than {LONGEST_CELL}"


def code_keeps_the_habits(notebook, book):
    for cell in code(notebook):
        if re.search(r"\bpip3? +install|\bconda +install", cell.source):
            yield f"{cell.id}: installs something: only utils/notebook.py does"
        if re.search(r"\bplt\.show\(", cell.source):
            yield f"{cell.id}: plt.show() has no alternative text: plotting.show"


def ids_are_readable(notebook, book):
    ids = [cell.get("id", "") for cell in notebook.cells]
    for name, times in Counter(ids).items():
        if times > 1:
            yield f"{name}: the id occurs {times} times"
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            yield f"{name!r}: not a readable id such as 'novikoff-run'"
        elif re.fullmatch(r"(?=.*\d)[0-9a-f]{8,}", name):
            yield f"{name}: an id made by a machine"


def no_empty_cell(notebook, book):
    for cell in notebook.cells:
        if not cell.source.strip():
            yield f"{cell.id}: empty"


def headings(notebook):
    """(level, text, id of its cell) of all headings outside code."""
    for cell in markdown(notebook):
        text = re.sub(r"(?ms)^ {0,3}(```+|~~~+).*?^ {0,3}\1 *$", "", cell.source)
        for marks, title in re.findall(r"(?m)^ {0,3}(#{1,6})\s+(.*?)\s*#*$", text):
            yield len(marks), title, cell.id


def headings_are_in_order(notebook, book):
    found = list(headings(notebook))
    if not found or found[0][0] != 1 or not notebook.cells[0].source.startswith("# "):
        yield "the first line must be the title, '# …'"
        return
    if sum(level == 1 for level, _, _ in found) != 1:
        yield "more than one title, '# …'"
    for (above, _, _), (level, title, where) in zip(found, found[1:], strict=False):
        if level > above + 1:
            yield f"{where}: '{title}' skips a level of headings"
    if book.is_exercise or book.chapter is None:
        return
    number = book.chapter.number
    if not found[0][1].startswith(f"{number} "):
        yield f"the title must begin with '# {number} '"
    sections = [re.match(r"([\d.]+) ", t) for level, t, _ in found if level == 2]
    numbers = [match[1] for match in sections if match]
    expected = [f"{number}.{k}" for k in range(1, len(numbers) + 1)]
    if numbers != expected:
        yield f"sections are numbered {numbers}, not {expected}"


def anchor(title: str) -> str:
    """The fragment under which Markdown renderers reach a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


@functools.cache
def anchors(path: Path) -> set[str]:
    """Everything in a file that a fragment may name."""
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        text = "\n\n".join(cell.source for cell in markdown(notebook))
    else:
        text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"""<\w+ [^>]*\b(?:id|name)=["']([^"']+)""", text))
    return named | {anchor(t) for t in re.findall(r"(?m)^#{1,6}\s+(.*)$", text)}


def links_resolve(notebook, book):
    own = {anchor(title) for _, title, _ in headings(notebook)}
    for cell in markdown(notebook):
        own |= set(re.findall(r"""<\w+ [^>]*\bid=["']([^"']+)""", cell.source))
    for cell in markdown(notebook):
        text = without_code(cell.source)
        targets = re.findall(r"\]\(\s*<?([^)\s>]+)", text)
        targets += re.findall(r"""\b(?:href|src)=["']([^"']+)""", text)
        for target in targets:
            if re.match(r"[a-z]+:", target):
                if target.startswith("http:"):
                    yield f"{cell.id}: {target}: use https"
                continue
            file, _, fragment = target.partition("#")
            path = (book.path.parent / file).resolve() if file else book.path
            if file and not path.is_file():
                yield f"{cell.id}: link to {target}: there is no such file"
            elif fragment and fragment not in (anchors(path) if file else own):
                yield f"{cell.id}: link to {target}: no such place in the file"


# -- one letter for one thing


@functools.cache
def elsewhere() -> dict[str, re.Pattern]:
    """What the notation page calls other books' signs and words -> how to find it."""
    page = (ROOT / "book/notation.md").read_text(encoding="utf-8")
    table = page.partition("## As other books have it")[2]
    rows = re.findall(r"(?m)^\|[^|]+\| (.+) \|$", table)[2:]  # without its head
    return {other: finder(other) for row in rows for other in row.split(", ")}


def finder(other: str) -> re.Pattern:
    """Finds a sign or some words in what `bare` makes of a text."""
    if re.fullmatch(r"\$[^$]+\$", other):
        other = other[1:-1]
    words = bare(other.replace(r"{\cdot}", "")).split()  # of a font, all letters
    pattern = r"\s*".join(map(re.escape, words))
    if words[0][0].isalpha():  # also where a sentence begins
        first = words[0][0]
        pattern = rf"(?<![A-Za-z\\])[{first}{first.upper()}]{pattern[1:]}"
    return re.compile(
        pattern + (r"(?:e?s)?(?![A-Za-z])" if other[-2:].isalpha() else "")
    )


def bare(source: str) -> str:
    """Markdown without code, quotations, targets of links, and what shapes formulas."""
    source = re.sub(r"\]\([^)]*\)|\"[^\"\n]*\"|<[^>]*>", "", without_code(source))
    return re.sub(r"\\[,;!]", " ", re.sub(r"\*\*|[{}]", "", source))


def notation_is_ours(notebook, book):
    for cell in markdown(notebook):
        source = bare(cell.source)
        for other, pattern in elsewhere().items():
            if pattern.search(source):
                yield f"{cell.id}: {other} is for other books: see book/notation.md"


def explorers_are_there(notebook, book):
    for cell, output in shown(notebook):
        if saved := output.get("data", {}).get(outputs.SAVED):
            module, _, kind = saved["explorer"].rpartition(".")
            if not hasattr(importlib.import_module(module), kind):
                yield f"{cell.id}: there is no {saved['explorer']}: make outputs"


def opens_and_closes_like_every_chapter(notebook, book):
    if book.is_exercise:
        return
    for words in OPENING:
        if words not in notebook.cells[0].source:
            yield f"the first cell does not say {words}"
    closing = [title for level, title, _ in headings(notebook) if level == 2][-3:]
    if closing != CLOSING:
        yield f"the last sections are {closing}, not {CLOSING}"
    last = notebook.cells[-1].source
    exercises = f"exercises/{book.path.name}"
    for link in (f"../{exercises}", f"{COLAB}/blob/main/{exercises}"):
        if f"]({link})" not in last:
            yield f"the last cell has no link to {link}"


def metadata_is_plain(notebook, book):
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield "not in the notebook format 4.5"
    if notebook.metadata.get("kernelspec") != outputs.KERNELSPEC:
        yield f"the kernelspec is not {outputs.KERNELSPEC}"
    if "version" in notebook.metadata.get("language_info", {}):
        yield "language_info names a Python version"
    allowed = {"kernelspec", "language_info", "accelerator", "colab"}
    allowed |= {"exercise"} if book.is_student_copy else set()
    allowed |= set() if book.is_exercise else {"book"}
    if more := set(notebook.metadata) - allowed:
        yield f"metadata not needed: {sorted(more)}"
    for cell in notebook.cells:
        allowed = {"nbgrader", "seconds"} if book.is_exercise else {"cellView"}
        allowed |= {"tags"}
        if more := set(cell.metadata) - allowed:
            yield f"{cell.id}: metadata not needed: {sorted(more)}"
        if more := set(cell.metadata.get("tags", [])) - TAGS:
            yield f"{cell.id}: unknown tags {sorted(more)}"


RULES = [
    markdown_is_portable,
    no_absolute_path,
    nothing_on_stderr,
    every_figure_has_alternative_text,
    every_image_in_the_text_is_described_and_ours,
    setup_cell_is_the_same_everywhere,
    gpu_only_where_it_helps,
    outputs_are_committed,
    twins_agree_with_utils,
    nothing_is_used_before_its_code_was_shown,
    drawing_is_off_the_page,
    folded_code_says_what_it_does,
    nothing_comes_from_an_explorer_but_itself,
    every_chapter_has_an_explorer,
    code_is_narrow_and_short,
    code_keeps_the_habits,
    ids_are_readable,
    no_empty_cell,
    headings_are_in_order,
    links_resolve,
    notation_is_ours,
    explorers_are_there,
    opens_and_closes_like_every_chapter,
    metadata_is_plain,
]

# ------------------------------------------------------------- the book's own

NOTEBOOKS = sorted([*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("exercises/**/*.ipynb")])


def test_every_chapter_has_its_notebooks():
    found = {str(path.relative_to(ROOT)) for path in NOTEBOOKS}
    folders = ("chapters", "exercises", "exercises/masters")
    assert found == {
        f"{folder}/{slug}.ipynb" for slug in CHAPTERS for folder in folders
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_notebook(path, rule):
    complaints = list(rule(read(path), Book(path, layout.setup_cell())))
    assert not complaints, "\n".join(complaints)


# ------------------------------------------------------- the rules can fail

SLUG = "01-perceptron"
SETUP = "x = 1  # the set-up cell of this made-up book"
EXPLORER = "utils.explorers.made_up.MadeUpExplorer"
MODULE = """\
RATE = 0.1


class Unit:
    \'\'\'A unit.\'\'\'

    def forward(self, x):
        \'\'\'Twice x.\'\'\'
        return 2 * x
"""
TWIN = "class Unit:\n    def forward(self, x):\n        return 2 * x  # twice"


def picture(alt="Two dots."):
    data = {"image/svg+xml": "<svg/>", "text/plain": alt}
    return new_output("display_data", data, metadata={"image/svg+xml": {"alt": alt}})


def good():
    """A small notebook that keeps every rule."""
    widget = picture("Drag the dots.")
    widget.data[outputs.SAVED] = {"explorer": EXPLORER, "state": {}}
    first = (
        "# 1 Perceptron\n\nOne line with $a_{12}$ and `{x}`.\n\n"
        "**You will learn** it. **You need** little. **Time** an hour.\n\n"
        "```python\n{role}`x`\n+++\n```\n\n$$\nf(x) = {{a}}\n$$"
    )
    cells = [
        new_markdown_cell(first, id="title"),
        new_code_cell(SETUP, id="setup", metadata={"tags": SETUP_TAGS}),
        new_markdown_cell(
            "## 1.1 Section\n\n[there](other.md#here), [up](#11-section), "
            "<a id='place'></a> ![A dot](dot.png) [site](https://example.org)",
            id="section",
        ),
        new_code_cell("print(2)", id="figure", outputs=[picture()]),
        new_markdown_cell("### Part\n\n[here](#place)", id="part"),
        new_code_cell("explore()", id="explorer", outputs=[widget]),
        new_markdown_cell(
            "## Summary\n\n## Read next\n\n## Exercises\n\n"
            f"[They](../exercises/{SLUG}.ipynb), "
            f"[on Colab]({COLAB}/blob/main/exercises/{SLUG}.ipynb)",
            id="end",
        ),
    ]
    for k, cell in enumerate(c for c in cells if c.cell_type == "code"):
        cell.execution_count = k + 1
    metadata = {
        "kernelspec": outputs.KERNELSPEC,
        "language_info": outputs.LANGUAGE_INFO,
    }
    return nbformat.from_dict(
        {**new_notebook(cells=cells, metadata=metadata), "nbformat_minor": 5}
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A made-up book: one chapter beside a page and a picture, and one explorer."""
    module = types.ModuleType("made_up")
    module.MadeUpExplorer = object
    monkeypatch.setitem(sys.modules, "utils.explorers.made_up", module)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "exercises").mkdir()
    (tmp_path / f"exercises/{SLUG}.ipynb").write_text("{}")
    (tmp_path / "chapters/other.md").write_text('<a id="here"></a> Text.')
    (tmp_path / "chapters/dot.png").write_bytes(b"")
    made_up = Book(tmp_path / f"chapters/{SLUG}.ipynb", SETUP)
    made_up.course = {"perceptron": definitions(MODULE), "data": definitions(MODULE)}
    return made_up


def complaints(rule, notebook, book):
    return list(rule(notebook, book))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(rule, place):
    assert complaints(rule, good(), place) == []


def text(addition):
    """A change that adds `addition` to a Markdown cell."""
    return lambda nb: nb.cells[2].update(source=nb.cells[2].source + "\n\n" + addition)


def source(new):
    return lambda nb: nb.cells[3].update(source=new)


def output(new):
    return lambda nb: nb.cells[3].outputs.append(new)


def alt(**changes):
    return lambda nb: nb.cells[3].outputs[0].update(changes)


def cell(k, **changes):
    return lambda nb: nb.cells[k].update(changes)


def metadata(**changes):
    return lambda nb: nb.metadata.update(changes)


def renamed(explorer):
    return lambda nb: (
        nb.cells[5].outputs[0].data[outputs.SAVED].update(explorer=explorer)
    )


def drop(k):
    return lambda nb: nb.cells.pop(k)


def html(fragment):
    return output(new_output("display_data", {"text/html": fragment}))


def twin(new):
    return cell(3, source=new, metadata={"tags": ["twin"]})


def folded(new, **metadata):
    return cell(3, source=new, metadata={"tags": ["hide-input"], **metadata})


BAD = [
    (markdown_is_portable, text("```{note}\nHear, hear\n```"), "directive"),
    (markdown_is_portable, text(":::{note}\nHear\n:::"), "directive"),
    (markdown_is_portable, text(":::\nHear\n:::"), "colon fence"),
    (markdown_is_portable, text("See {ref}`there`."), "role"),
    (markdown_is_portable, text("See {numref}`Figure %s <a>`."), "role"),
    (markdown_is_portable, text("(label)="), "label"),
    (markdown_is_portable, text("$$x$$ (eq-x)"), "equation label"),
    (markdown_is_portable, text("+++"), "block break"),
    (markdown_is_portable, text("% hidden"), "comment"),
    (markdown_is_portable, text("{{ version }}"), "substitution"),
    (markdown_is_portable, text("[a](b.md){.class}"), "attributes"),
    (markdown_is_portable, text("As in [@lecun1998]."), "citation"),
    (markdown_is_portable, text("So it is.[^1]"), "footnote"),
    (markdown_is_portable, text("See [](other.md)."), "empty link text"),
    (markdown_is_portable, text("\\begin{align}x\\end{align}"), "dollar"),
    (no_absolute_path, source("open('/home/ada/data.csv')"), "/home/ada"),
    (no_absolute_path, source("open('~/data.csv')"), "~/data"),
    (no_absolute_path, source(r"open('C:\\data.csv')"), "C:"),
    (no_absolute_path, text("Look into /content/sample."), "/content/sample"),
    (no_absolute_path, text("[a](file:///b)"), "file://"),
    (no_absolute_path, output(new_output("stream", text="in /tmp/a.py")), "/tmp/a"),
    (no_absolute_path, html("<b>/usr/lib</b>"), "/usr/lib"),
    (
        nothing_on_stderr,
        output(new_output("stream", name="stderr", text="w")),
        "stderr",
    ),
    (nothing_on_stderr, output(new_output("error", ename="KeyError")), "KeyError"),
    (every_figure_has_alternative_text, alt(metadata={}), "without alternative"),
    (every_figure_has_alternative_text, output(picture("")), "without alternative"),
    (
        every_figure_has_alternative_text,
        output(new_output("display_data", {"image/png": "", "text/plain": "<Figure>"})),
        "without alternative",
    ),
    (every_figure_has_alternative_text, html("<img src='a.png'>"), "HTML"),
    (every_figure_has_alternative_text, html("<img src='a.png' alt=''>"), "HTML"),
    (
        every_figure_has_alternative_text,
        lambda nb: nb.cells[5].outputs[0].data.pop("image/svg+xml"),
        "still",
    ),
    (
        every_figure_has_alternative_text,
        lambda nb: nb.cells[5].outputs[0].data.update({"text/plain": "HBox(x)"}),
        "sentence",
    ),
    (every_image_in_the_text_is_described_and_ours, text("![](a.png)"), "without"),
    (every_image_in_the_text_is_described_and_ours, text("<img src='a'>"), "without"),
    (
        every_image_in_the_text_is_described_and_ours,
        text("![A](https://example.org/a.png)"),
        "another host",
    ),
    (
        every_image_in_the_text_is_described_and_ours,
        text("<img alt='A' src='//example.org/a.png'>"),
        "another host",
    ),
    (setup_cell_is_the_same_everywhere, cell(1, source="x = 2"), "differs"),
    (setup_cell_is_the_same_everywhere, cell(1, source=SETUP + "\n"), "differs"),
    (setup_cell_is_the_same_everywhere, drop(1), "second cell"),
    (setup_cell_is_the_same_everywhere, drop(0), "second cell"),
    (setup_cell_is_the_same_everywhere, cell(3, id="setup"), "and no other"),
    (setup_cell_is_the_same_everywhere, cell(1, metadata={}), "hide-cell"),
    (gpu_only_where_it_helps, metadata(accelerator="GPU"), "never calls"),
    (outputs_are_committed, cell(3, execution_count=None), "not executed"),
    (outputs_are_committed, cell(3, execution_count=5), "not executed"),
    (every_chapter_has_an_explorer, drop(5), "no explorer"),
    (
        twins_agree_with_utils,
        twin(TWIN.replace("2 *", "3 *")),
        "here 'return 3 * x', there 'return 2 * x'",
    ),
    (twins_agree_with_utils, twin(TWIN.replace("Unit", "Cell")), "defines Cell"),
    (twins_agree_with_utils, twin("RATE = 0.2"), "RATE differs from utils/perceptron"),
    (twins_agree_with_utils, twin(TWIN + "\nprint(2)"), "constants only"),
    (
        nothing_is_used_before_its_code_was_shown,
        source("from utils.perceptron import Unit"),
        "perceptron.Unit has not been",
    ),
    (
        nothing_is_used_before_its_code_was_shown,
        source("from utils import perceptron as p\np.Unit()"),
        "perceptron.Unit has not been",
    ),
    (drawing_is_off_the_page, source("fig, ax = plt.subplots()"), "1 of 2 visible"),
    (drawing_is_off_the_page, source("for x in y:\n    ax.plot(\n        x)"), "2 of"),
    (folded_code_says_what_it_does, folded("x = 1", cellView="form"), "@title"),
    (folded_code_says_what_it_does, folded("# @title", cellView="form"), "@title"),
    (folded_code_says_what_it_does, folded("# @title Draw the loss"), "cellView"),
    (
        nothing_comes_from_an_explorer_but_itself,
        source("from utils.explorers.mlp import network_figure"),
        "takes network_figure",
    ),
    (code_is_narrow_and_short, source("x = " + "1" * 75), "longer than 78"),
    (code_is_narrow_and_short, source("x = 1\n" * 30 + "x"), "31 lines"),
    (code_keeps_the_habits, source("%pip install torch"), "installs"),
    (code_keeps_the_habits, source("!pip  install torch"), "installs"),
    (code_keeps_the_habits, source("plt.show()"), "plt.show"),
    (ids_are_readable, cell(3, id="title"), "occurs 2 times"),
    (ids_are_readable, cell(3, id="8f14e45f"), "not a readable"),
    (ids_are_readable, cell(3, id="f14e45fc"), "made by a machine"),
    (ids_are_readable, cell(3, id="Novikoff_run"), "not a readable"),
    (no_empty_cell, source(" \n"), "empty"),
    (headings_are_in_order, cell(0, source="Perceptron"), "must be the title"),
    (headings_are_in_order, cell(0, source="\n# 1 Late"), "must be the title"),
    (headings_are_in_order, text("# 1 Again"), "more than one"),
    (headings_are_in_order, text("#### Deep"), "skips"),
    (headings_are_in_order, cell(0, source="# 2 Perceptron"), "'# 1 '"),
    (headings_are_in_order, text("## 1.3 Later"), "numbered"),
    (headings_are_in_order, text("## 2.2 Other"), "numbered"),
    (notation_is_ours, text("The **step size** is 1."), "step size is for other"),
    (notation_is_ours, text("Minibatches of 32."), "minibatch"),
    (notation_is_ours, text("a learning rate $\\alpha$"), "learning rate"),
    (notation_is_ours, text("$w \\leftarrow w-\\alpha\\,g$"), "leftarrow"),
    (notation_is_ours, text("With **stride** $s$ it"), "stride $s$"),
    (notation_is_ours, text("$$y = x \\otimes w$$"), "otimes"),
    (notation_is_ours, text("$\\mathbf{w}^\\top x$"), "mathbf"),
    (notation_is_ours, text("$w^Tx$"), "^T"),
    (links_resolve, text("[a](gone.md)"), "no such file"),
    (links_resolve, text("[a](other.md#gone)"), "no such place"),
    (links_resolve, text("[a](#gone)"), "no such place"),
    (links_resolve, text("<a href='gone.md'>a</a>"), "no such file"),
    (links_resolve, text("![A](gone.png)"), "no such file"),
    (links_resolve, text("[a](http://example.org)"), "https"),
    (explorers_are_there, renamed("utils.explorers.made_up.Gone"), "make outputs"),
    (opens_and_closes_like_every_chapter, cell(0, source="# 1 P"), "You will learn"),
    (opens_and_closes_like_every_chapter, drop(-1), "last sections"),
    (
        opens_and_closes_like_every_chapter,
        cell(-1, source="## Summary\n## Read next\n## Exercises\n## End"),
        "last sections",
    ),
    (
        opens_and_closes_like_every_chapter,
        cell(-1, source="## Summary\n## Read next\n## Exercises"),
        f"no link to {COLAB}",
    ),
    (metadata_is_plain, metadata(kernelspec={"name": "venv"}), "kernelspec"),
    (metadata_is_plain, metadata(language_info={"version": "3.11"}), "version"),
    (metadata_is_plain, metadata(vscode={}), "vscode"),
    (metadata_is_plain, cell(3, metadata={"execution": {}}), "execution"),
    (metadata_is_plain, cell(3, metadata={"tags": ["hide"]}), "unknown tags"),
    (metadata_is_plain, lambda nb: nb.update(nbformat_minor=4), "4.5"),
]


@pytest.mark.parametrize(
    ("rule", "spoil", "message"),
    BAD,
    ids=[f"{rule.__name__}-{k}" for k, (rule, _, _) in enumerate(BAD)],
)
def test_a_bad_notebook_is_told(rule, spoil, message, place):
    notebook = copy.deepcopy(good())
    spoil(notebook)
    told = "\n".join(complaints(rule, notebook, place))
    assert told
    assert message in told


@pytest.mark.parametrize(
    "spoil",
    [
        twin(TWIN),
        twin(MODULE),
        twin("RATE = 0.1  # as in utils"),
        source("from utils.perceptron import RATE\nfrom utils.data import Unit"),
        source("from utils import notebook, perceptron\nperceptron.RATE"),
        source("import utils.perceptron as p\nnotebook.source(p.Unit)\np.Unit"),
        folded("# @title Draw the loss\nax.plot(x)", cellView="form"),
        source("from utils.explorers.mlp import MLPExplorer"),
        text('Others say "dense layer", write `lr` or [call](other.md#here) it "log".'),
        text(
            "With stride $S$, $w \\leftarrow w - \\eta\\,g$ and $1 - \\alpha$; $\\top$."
        ),
    ],
)
def test_what_a_page_may_show(spoil, place):
    notebook = good()
    spoil(notebook)
    for rule in RULES:
        assert complaints(rule, notebook, place) == [], rule.__name__


def test_twins_of_an_earlier_chapter_may_be_used(place):
    notebook = good()
    notebook.cells[3].source = "from utils.perceptron import Unit"
    place.shown_before = {"Unit"}
    assert not complaints(nothing_is_used_before_its_code_was_shown, notebook, place)


def test_every_rule_has_been_seen_to_fail():
    assert {rule for rule, _, _ in BAD} == set(RULES)


def test_an_exercise_asks_for_a_gpu_only_if_its_chapter_does(place):
    notebook = good()
    notebook.metadata.accelerator = "GPU"
    notebook.cells[3].source = "device = pick_device()"
    assert complaints(gpu_only_where_it_helps, notebook, place) == []
    place.is_exercise = True
    assert "does without" in complaints(gpu_only_where_it_helps, notebook, place)[0]


def test_a_student_copy_has_no_outputs(place):
    place.is_exercise = place.is_student_copy = True
    notebook = good()
    assert "has no outputs" in complaints(outputs_are_committed, notebook, place)[0]
    for one in code(notebook):
        one.update(execution_count=None, outputs=[])
    assert complaints(outputs_are_committed, notebook, place) == []
    notebook.cells[3].metadata = {"nbgrader": {}}
    assert complaints(metadata_is_plain, notebook, place) == []
