"""How a page of exercises is made from its master; test_site.py looks at the pages."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.site import exercises
from book.tools.outputs import KERNELSPEC

TEXT = """## 1 A size (2 points)

*By hand and in words · 80 minutes · sections 1.1 and 2.3*

An image of height {{height}} is halved. Why does `half` use `//`?"""


def made(name, source, markdown=False, points=None, **marks):
    """A cell of a master; `marks` are those of nbgrader that are true."""
    cell = new_markdown_cell if markdown else new_code_cell
    cell = cell(source, id=name)
    if marks:
        if points:
            marks["points"] = points
        cell.metadata["nbgrader"] = {"grade_id": name, "schema_version": 3} | marks
    return cell


def marked(text):
    return f"### BEGIN SOLUTION\n{text}\n### END SOLUTION"


@pytest.fixture
def root(tmp_path):
    """A book of two chapters; the first has a master with every kind of cell."""
    book = {"module": "one", "question": "Why?"}
    for slug, text in {
        "01-one": "# 1 One\n\n## 1.1 Sizes of $n$ things: `a`, b",
        "02-two": "# 2 Two\n\n## 2.3 Halves",
    }.items():
        chapter = new_notebook(cells=[new_markdown_cell(text)], metadata={"book": book})
        (tmp_path / "chapters").mkdir(exist_ok=True)
        nbformat.write(chapter, tmp_path / f"chapters/{slug}.ipynb")
    body = marked("return n // 2").replace("\n", "\n    ")
    solution = made("ex1", f"def half(n):\n    {body}", solution=True)
    solution.outputs = [new_output("stream", text="24\n")]
    cells = [
        made("title", "# Exercises 1: One\n\nFor the notebook.", markdown=True),
        made("setup", "set_up()", locked=True),
        made("imports", "import numpy", locked=True),
        made("ex1-text", TEXT, markdown=True),
        made("ex1-numbers", "height = 48  # or 56", locked=True),
        made("ex1-data", "a, b = 1, 2\n\n\ndef give():\n    pass", locked=True),
        made("ex1-plain", marked("answer = 24"), solution=True),
        solution,
        made("ex1-test", 'assert half(4) == 2, "no"', grade=True, points=1.5),
        made("ex1-written-text", "And why?", markdown=True),
        made(
            "ex1-written",
            marked("Whole numbers.\n\nFull marks: say *whole*."),
            markdown=True,
            grade=True,
            solution=True,
            points=0.5,
        ),
        made("ex1-hint-1", "Think of {{height}}.", markdown=True),
        made("ex1-hint-2", "Draw it.", markdown=True),
        made("ex1-hint-3", "First this, then that.", markdown=True),
        made("ex1-why", "It rounds down.\n\n**Next:** odd ones.", markdown=True),
    ]
    master = new_notebook(cells=cells, metadata={"kernelspec": KERNELSPEC})
    (tmp_path / "exercises/masters").mkdir(parents=True)
    nbformat.write(master, tmp_path / "exercises/masters/01-one.ipynb")
    return tmp_path


def page(root):
    return nbformat.from_dict(json.loads(exercises.page("01-one", root)))


def change(root, name, old, new):
    path = root / "exercises/masters/01-one.ipynb"
    master = nbformat.read(path, as_version=4)
    cell = next(cell for cell in master.cells if cell.id == name)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    nbformat.write(master, path)


def test_page_in_order(root):
    cells = {cell.id: cell for cell in page(root).cells}
    assert list(cells) == [
        "title",
        "ex1-text",
        "ex1-data",
        "ex1-stub",
        "ex1-written-text",
        "ex1-hints",
        "ex1-open",
        "ex1-plain",
        "ex1",
        "ex1-written-label",
        "ex1-written",
        "ex1-why-label",
        "ex1-why",
        "ex1-close",
    ]
    assert cells["ex1"].source == "def half(n):\n    return n // 2"
    assert cells["ex1"].outputs[0].text == "24\n"
    assert cells["ex1-stub"].source.startswith("def half(n):\n    # YOUR CODE HERE")
    assert cells["ex1-plain"].source == "answer = 24"
    assert cells["ex1-written"].source == "Whole numbers.\n\nFull marks: say *whole*."
    nbformat.validate(page(root))


def test_top_of_the_page(root):
    title = page(root).cells[0].source
    assert title.startswith(
        "# Exercises 1: One\n\nOne task on chapter 1, [One](../chapters/01-one.ipynb): "
        "2 points, about 1 hour 20 minutes.\n\n"
    )
    assert 'check("3")' in title
    assert "For the notebook" not in title


def test_line_of_facts_and_numbers(root):
    text = page(root).cells[1].source
    sizes = "../chapters/01-one.ipynb#11-sizes-of--things-a-b"
    halves = "../chapters/02-two.ipynb#23-halves"
    assert text == (
        '## 1 A size (2 points)\n\n<span class="facts">By hand and in words · '
        f"80 minutes · sections [1.1]({sizes}) and [2.3]({halves})</span>\n\n"
        "An image of height 48 is halved. Why does `half` use `//`?"
    )


def test_given_code_is_folded(root):
    cell = page(root).cells[2]
    assert cell.metadata.tags == ["hide-input"]
    shown = "Show the code that is given: a, b, give"
    assert cell.metadata.mystnb.code_prompt_show == shown


def test_hints_unfold_one_by_one(root):
    hints = next(cell for cell in page(root).cells if cell.id == "ex1-hints").source
    parts = [part for part in hints.split("\n\n") if "summary" not in part]
    assert parts == [
        "Think of 48.",
        "Draw it.",
        "First this, then that.",
        *["</details>"] * 3,
    ]
    summaries = [part for part in hints.split("\n\n") if "summary" in part]
    assert [s.split("summary>")[1][:-2] for s in summaries] == [
        "A hint",
        "One more",
        "A plan",
    ]


def test_a_master_may_say_less(root):
    """No line of facts, no hints, no explanation."""
    change(
        root,
        "ex1-text",
        "*By hand and in words · 80 minutes · sections 1.1 and 2.3*",
        "",
    )
    path = root / "exercises/masters/01-one.ipynb"
    master = nbformat.read(path, as_version=4)
    master.cells = [c for c in master.cells if not re.search("hint|why", c.id)]
    nbformat.write(master, path)
    cells = {cell.id: cell for cell in page(root).cells}
    assert "ex1-hints" not in cells
    assert "ex1-why-label" not in cells
    assert ": 2 points.\n" in cells["title"].source


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2.3", "2.4", "no heading of chapter 2 begins with 2.4"),
        ("2.3", "3.1", "no heading of chapter 3 begins with 3.1"),
        (
            "{{height}}",
            "{{width}}",
            "'{{width}}' has no value in the task's numbers",
        ),
    ],
)
def test_what_is_not_there(root, old, new, message):
    change(root, "ex1-text", old, new)
    with pytest.raises(ValueError, match="01-one.ipynb, ex1: ") as error:
        page(root)
    assert message in str(error.value)


def test_no_master(root):
    with pytest.raises(ValueError, match="there is no exercises/masters/02-two.ipynb"):
        exercises.page("02-two", root)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(20, "20 minutes"), (61, "1 hour 1 minute"), (120, "2 hours")],
)
def test_durations(minutes, words):
    assert exercises.duration(minutes) == words
