"""Handing out and grading: student copies, what students send, a whole class."""

import copy
import csv
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_exercises import SLUGS, full_marks, read, run_variants, scores, wrong_answers

from book.grading import cells, marks, platforms, receive, report, sandbox
from book.tools import exercises, grade
from book.tools.exercises import ROOT, TEXT_STUB, GradingError, exercise_of, kind

SCHEMA = {"schema_version": 3, "task": False}
TEACH = cells.folded((ROOT / "book" / "teach.md").read_text("utf-8"))


def cell(make, name: str, source: str, **marks):
    made = make(source, id=name)
    if marks:
        marks = {"grade": False, "solution": False, "locked": False} | marks
        made.metadata["nbgrader"] = SCHEMA | {"grade_id": name} | marks
    return made


def head(k: int) -> str:
    about = f"*By hand · {k + 4} minutes · section 0.{k}*"
    return f"## {k} Exercise {k} ({k} points)\n\n{about}\n\nWhat is {k}?"


def asides(k: int) -> list:
    """The hints and the explanation that end a task of a master."""
    texts = {
        "hint-1": "Count.",
        "hint-2": "Count again.",
        "why": "So.\n\n**Next:** up.",
    }
    return [
        cell(new_markdown_cell, f"ex{k}-{name}", f"{text} {k}")
        for name, text in texts.items()
    ]


def small_master():
    """A master with four exercises: three tests and a written answer."""
    cells = [
        cell(new_markdown_cell, "title", "# 0 Exercises\n\nFour of them."),
        cell(new_code_cell, "setup", exercises.setup_cell(), locked=True),
    ]
    for k in (1, 2, 3):
        solution = f"### BEGIN SOLUTION\nanswer_{k} = {k}\n### END SOLUTION"
        hidden = f"assert answer_{k} == {k}, 'no'"
        hidden = f"### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
        test = f"assert answer_{k} > 0, 'positive'\n{hidden}"
        cells += [
            cell(new_markdown_cell, f"ex{k}-text", head(k), locked=True),
            cell(new_code_cell, f"ex{k}", solution, solution=True),
            cell(new_code_cell, f"ex{k}-test", test, grade=True, locked=True, points=k),
            *asides(k),
        ]
    cells += [
        cell(new_markdown_cell, "ex4-text", head(4), locked=True),
        cell(
            new_markdown_cell,
            "ex4-written",
            "Because.",
            grade=True,
            solution=True,
            points=4,
        ),
        *asides(4),
    ]
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    notebook.nbformat_minor = 5
    return notebook


def student_copy(master, answers=(), name="00-small"):
    """What a student gets of `master`, with some cells answered: {id: source}."""
    notebook = exercises.student_copy(master, name)
    for one in notebook.cells:
        one.source = dict(answers).get(one.id, one.source)
    return notebook


@functools.cache
def handed_out(slug: str):
    """The student copy of a real master, without the cells that only check."""
    copied = exercises.student_copy(read(slug), slug)
    return copied, [c.id for c in copied.cells if not cells.CHECK.fullmatch(c.id)]


# --- the format of masters, and the copies made of them


def test_small_master_has_the_format():
    assert exercises.check_master(small_master()) == []
    assert exercises.points(small_master())["ex3"] == {"ex3-test": 3.0}


def change(name, **what):
    def do(master):
        for one in master.cells:
            if one.id == name:
                for key, value in what.items():
                    if key in ("source", "id"):
                        one[key] = value
                    elif value is None:
                        one.metadata.nbgrader.pop(key)
                    else:
                        one.metadata.nbgrader[key] = value

    return do


def drop(name):
    def do(master):
        master.cells = [one for one in master.cells if one.id != name]

    return do


def longer(master):
    next(one for one in master.cells if one.id == "ex1").metadata["seconds"] = 300


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (longer, "does not say that it has 300 s"),
        (change("ex1-test", points=None), "needs points"),
        (change("ex1-test", points=-1), "must be positive"),
        (change("ex3-test", points=5), "ex3: its text says 3 points, its cells 5"),
        (change("ex1-test", locked=False), "'locked' must be true"),
        (change("ex1", id="ex1-b"), "is not the cell's id"),
        (change("ex2", id="ex1", grade_id="ex1"), "not unique"),
        (change("ex1", source="answer_1 = 1"), "needs '### BEGIN SOLUTION'"),
        (change("ex1", source="### BEGIN SOLUTION\n1"), "without 'END SOLUTION'"),
        (change("ex1-test", source="assert True, 'yes'\n3"), "as points"),
        (change("ex1-test", source="assert answer_1"), "what is wrong"),
        (change("ex1-test", source="x = 1"), "at least one assert"),
        (
            change("ex1-text", source="### BEGIN SOLUTION\n### END SOLUTION"),
            "in a locked",
        ),
        (change("ex1-text", source="```{note}\nMyST\n```"), "MyST"),
        (change("setup", source="import utils"), "set-up cell"),
        (change("ex1", schema_version=2), "schema_version"),
        (
            change("ex1", source="### BEGIN SOLUTION\n%pip x\n### END SOLUTION"),
            "Python",
        ),
        (drop("ex4-written"), "written answer"),
        (drop("ex1"), "no solution cell"),
    ],
)
def test_what_is_wrong_with_a_master_is_said(spoil, complaint):
    master = small_master()
    spoil(master)
    assert complaint in "\n".join(exercises.check_master(master))


def test_nothing_leaks_unnoticed_into_a_student_copy():
    master = small_master()
    good = student_copy(master)
    assert exercises.check_student(good, master) == []
    for source in ("answer_2 = 2", "assert answer_1 == 1, 'no'", "Because."):
        bad = copy.deepcopy(good)
        bad.cells[0].source += "\n" + source
        assert "shows" in exercises.check_student(bad, master)[0]


# --- what students send: reading


def read_again(notebook) -> object:
    """`notebook` as the grader reads it from a file."""
    return cells.read_notebook(json.dumps(notebook).encode())


def stripped(notebook) -> object:
    """As Colab and VS Code may leave it: neither ids nor metadata."""
    raw = json.loads(json.dumps(notebook))
    raw["metadata"] = {}
    for one in raw["cells"]:
        one.pop("id", None)
        one["metadata"] = {}
    return cells.read_notebook(json.dumps(raw).encode())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"\x00\xff\xfe", "not text|JSON"),
        (b'{"cells": [', "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "no cells"),
        (b'{"nbformat": 4}', "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b'{"cells": [' + b"{}," * 6000 + b"{}]}", "cells; 5000"),
        (b'{"nbformat": 3, "worksheets": 1}', "cannot be read|no cells"),
    ],
)
def test_files_that_are_no_notebooks_are_said_to_be_none(content, complaint):
    with pytest.raises(ValueError, match=complaint):
        cells.read_notebook(content)


def test_damaged_notebooks_are_read_as_far_as_possible():
    damaged = {
        "cells": [
            3,
            {"cell_type": "code", "source": ["a = 1\n", None, "b = 2"], "metadata": []},
            {"cell_type": "odd", "source": None},
            {
                "cell_type": "markdown",
                "source": "\ud800",
                "metadata": {"nbgrader": 1},
                "attachments": {"a.png": {"image/png": "aa", "text/html": "<"}, "b": 1},
            },
        ]
    }
    notebook = cells.read_notebook(json.dumps(damaged).encode())
    kinds = [(one.cell_type, one.source) for one in notebook.cells]
    assert kinds == [("code", "a = 1\nb = 2"), ("raw", ""), ("markdown", "?")]
    assert notebook.cells[2].attachments == {"a.png": {"image/png": "aa"}}
    text = '{"cells": [{"cell_type": "code", "source": "# 感知机\\r\\n1"}]}'
    for encoding in ("utf-8-sig", "utf-16", "gb18030"):
        notebook = cells.read_notebook(text.encode(encoding))
        assert notebook.cells[0].source == "# 感知机\n1", encoding


def copies():
    """Two student copies whose cells have the same ids."""
    other = small_master()
    for one in other.cells[2:]:
        one.source = one.source.replace("answer", "result").replace("Exercise", "Task")
    return {
        "00-small": student_copy(small_master()),
        "01-other": student_copy(other, name="01-other"),
    }


def test_the_assignment_is_found_without_its_name():
    made = copies()
    for slug, notebook in made.items():
        assert cells.identify(read_again(notebook), made) == slug
        assert cells.identify(stripped(notebook), made) == slug
    stranger = new_notebook(cells=[new_code_cell("1 + 1"), made["00-small"].cells[1]])
    assert cells.identify(stripped(stranger), made) == ""
    few = new_notebook(cells=[made["00-small"].cells[5]])
    assert cells.identify(stripped(few), made, "Li_00-small.ipynb") == "00-small"


# --- what students send: cells put back in order


def restored(notebook, master=None, read=read_again):
    """The cells that are graded, by id, and what `restore` says."""
    master = master or small_master()
    again = read(notebook)
    done = cells.restore(again, student_copy(master), master)
    return again, done


def test_an_orderly_submission_is_left_as_it_is():
    answers = {"ex1": "answer_1 = 7", "ex4-written": "I think so."}
    notebook, done = restored(student_copy(small_master(), answers))
    assert (done.notes, done.questions) == ([], [])
    wanted = [c.id for c in student_copy(small_master()).cells]
    wanted = [name for name in wanted if not cells.CHECK.fullmatch(name)]
    assert [one.id for one in notebook.cells] == wanted
    sources = {one.id: one.source for one in notebook.cells}
    assert sources["ex1"] == "answer_1 = 7"
    assert sources["ex4-written"] == done.answers["ex4-written"] == "I think so."
    assert nbformat.validate(notebook) is None


def test_given_cells_come_back_and_answers_stay():
    notebook = student_copy(small_master(), {"ex1-test": "pass", "setup": "pass"})
    notebook.cells = [c for c in notebook.cells if c.id not in ("ex2-test", "ex3")]
    notebook.cells.insert(-1, new_code_cell("3 + 3"))
    notebook.cells.insert(-1, new_code_cell("check('3')"))
    done, said = restored(notebook)
    names = [one.id for one in done.cells]
    original = student_copy(small_master())
    for name in ("setup", "ex1-test", "ex2-test", "ex3-test"):
        want = next(one for one in original.cells if one.id == name)
        assert done.cells[names.index(name)].source == want.source
        assert done.cells[names.index(name)].metadata == want.metadata
    assert names.index("ex2") < names.index("ex2-test") < names.index("ex3-text")
    assert any("ex1-test: the test was changed" in note for note in said.notes)
    assert any("ex2-test: it was missing" in note for note in said.notes)
    assert "check('3')" not in [one.source for one in done.cells]


@pytest.mark.parametrize("reading", [read_again, stripped])
def test_a_cell_for_an_answer_that_is_gone_is_told(reading):
    notebook = student_copy(small_master(), RIGHT)
    gone = ("ex2", "ex4-written")
    notebook.cells = [c for c in notebook.cells if c.id not in gone]
    _, said = restored(notebook, read=reading)
    assert said.notes == [f"Cell {name}: it is missing." for name in gone]


def test_what_was_written_into_a_given_cell_runs_before_it():
    changed = {"ex1-check": 'import math\ncheck("1")', "ex2-check": "# fine\ncheck(2)"}
    notebook = student_copy(small_master(), changed)
    setup = next(one for one in notebook.cells if one.id == "setup")
    original = setup.source
    setup.source = f"import math\n{original}\nplaces = 3"
    done, said = restored(notebook)
    names = [one.id for one in done.cells]
    own, given = done.cells[names.index("setup") - 1 : names.index("setup") + 1]
    assert (own.source, given.source) == (setup.source, original)
    beside = done.cells[names.index("ex1-test") - 1]
    assert (beside.id[:5], beside.source.strip()) == ("added", "import math")
    assert said.notes == [
        "Cell setup: it was changed; what stood there ran, and then the original one.",
        "Cell ex1-check: it had more in it than the check, which ran, too.",
    ]


def test_a_test_runs_after_what_was_written_for_it():
    notebook = student_copy(small_master(), {"ex1": "answer_1 = 1"})
    place = [one.id for one in notebook.cells].index("ex1")
    notebook.cells.insert(place, notebook.cells.pop(place + 1))
    names = [one.id for one in restored(notebook)[0].cells]
    assert names.index("ex1") < names.index("ex1-test") < names.index("ex2-text")


def test_a_solution_is_known_by_the_names_it_defines():
    notebook = student_copy(small_master(), {"ex2": "b = 1\nanswer_2 = b"})
    moved = notebook.cells.pop([one.id for one in notebook.cells].index("ex2"))
    notebook.cells.append(moved)
    done, _ = restored(notebook, read=stripped)
    assert next(c for c in done.cells if c.id == "ex2").source == moved.source


def test_of_a_cell_that_was_split_the_last_part_counts():
    notebook = student_copy(small_master(), {"ex1": "answer_1 = 7"})
    twin = copy.deepcopy(next(one for one in notebook.cells if one.id == "ex1"))
    twin.source = "answer_1 += 1"
    notebook.cells.insert([c.id for c in notebook.cells].index("ex1") + 1, twin)
    done, _ = restored(notebook)
    sources = [one.source for one in done.cells]
    assert sources.index("answer_1 = 7") + 1 == sources.index("answer_1 += 1")
    assert done.cells[sources.index("answer_1 += 1")].id == "ex1"


def test_an_empty_stub_does_not_undo_the_answer_in_another_cell():
    master = small_master()
    solution = (
        "def area(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
    )
    next(one for one in master.cells if one.id == "ex1").source = solution
    notebook = student_copy(master)
    notebook.cells.insert(2, new_code_cell("def area(x):\n    return x"))
    done, said = restored(notebook, master)
    assert "raise" not in next(c for c in done.cells if c.id == "ex1").source
    assert any("area" in note for note in said.notes)


@pytest.mark.parametrize("known", [True, False])
def test_a_pasted_stub_does_not_undo_the_answer_above_it(known):
    master = small_master()
    stub = "def area(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    solution = (
        "def area(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
    )
    next(one for one in master.cells if one.id == "ex1").source = solution
    notebook = student_copy(master, {"ex1": "def area(x):\n    return x"})
    place = [one.id for one in notebook.cells].index("ex1")
    twin = copy.deepcopy(notebook.cells[place]) if known else new_code_cell()
    twin.source = stub
    notebook.cells.insert(place + 1, twin)
    done, said = restored(notebook, master)
    assert next(c for c in done.cells if c.id == "ex1").source.endswith("return x")
    assert not any("raise NotImpl" in c.source for c in done.cells if "added" in c.id)
    assert said.notes == [
        "Cell ex1: it was there twice; the one that is not as handed out counts."
    ]


@functools.cache
def all_answers(slug: str):
    """A submission with the solution and an answer to every written task; these."""
    written = [one.id for one in read(slug).cells if kind(one) == "written"]
    answers = {name: f"My answer to {name}, because of it." for name in written}
    return answered(slug, solution_of(slug) | answers), answers


def answered_everywhere(slug: str):
    """`all_answers`, to be changed."""
    return copy.deepcopy(all_answers(slug))


def in_new_cells(notebook, answers):
    """The answers in cells below the ones that are meant for them."""
    for name, answer in answers.items():
        place = [one.id for one in notebook.cells].index(name)
        notebook.cells[place].source = TEXT_STUB
        notebook.cells.insert(place + 1, new_markdown_cell(answer))


def under_the_questions(notebook, answers):
    """The answers typed into the cells with the questions."""
    for name, answer in answers.items():
        ids = [one.id for one in notebook.cells]
        before = [
            one
            for one in notebook.cells[: ids.index(name)]
            if one.cell_type == "markdown" and exercise_of(one.id) == exercise_of(name)
        ]
        before[-1].source += f"\n\n{answer}"
        notebook.cells[ids.index(name)].source = TEXT_STUB


@pytest.mark.parametrize("slug", SLUGS)
def test_written_answers_are_found_without_ids_and_in_odd_places(slug):
    """In each of the masters: none is lost, none taken for another."""
    master = read(slug)
    for mangle in (lambda *_: None, in_new_cells, under_the_questions):
        for reading in (read_again, stripped):
            notebook, answers = answered_everywhere(slug)
            mangle(notebook, answers)
            again = reading(notebook)
            done = cells.restore(again, handed_out(slug)[0], master)
            assert done.answers == answers, (mangle, reading)
            assert done.questions == []
            names = [one.id for one in again.cells if "added" not in one.id]
            assert names == handed_out(slug)[1]


@pytest.mark.parametrize("slug", SLUGS)
def test_answers_in_the_last_cell_are_shown_to_the_teacher(slug):
    master = read(slug)
    notebook, answers = answered_everywhere(slug)
    text = [f"Exercise {exercise_of(n)[2:]}: {a}" for n, a in answers.items()]
    for one in notebook.cells:
        one.source = TEXT_STUB if one.id in answers else one.source
    notebook.cells.append(new_markdown_cell("\n\n".join(text)))
    done = cells.restore(read_again(notebook), handed_out(slug)[0], master)
    for name, answer in answers.items():
        assert answer in done.answers[name]
    assert len(done.questions) == len(answers) - 1
    empty = cells.restore(
        read_again(answered(slug, solution_of(slug))),
        handed_out(slug)[0],
        master,
    )
    assert not any(empty.answers.values())
    assert empty.questions == []


def test_an_answer_in_a_code_cell_is_one():
    notebook = student_copy(small_master())
    notebook.cells[-1] = new_code_cell("It is so because the weights sum to one")
    _, done = restored(notebook)
    assert done.answers["ex4-written"].startswith("It is so")


def test_many_cells_do_not_take_long():
    many = [new_markdown_cell("a note of mine") for _ in range(4000)]
    notebook = student_copy(small_master())
    notebook.cells[-1:-1] = many
    before = sum(os.times()[:2])
    restored(notebook)
    assert sum(os.times()[:2]) - before < 5, "seconds of processor time"


# --- whose it is


@pytest.mark.parametrize(
    ("name", "platform", "label"),
    [
        (
            "Ann B_4711_assignsubmission_file_01-perceptron.ipynb",
            "moodle",
            "Ann B_4711",
        ),
        ("Ann B_4711_assignsubmission_file_", "moodle", "Ann B_4711"),
        ("Ann B_4711_assignsubmission_file", "moodle", "Ann B_4711"),
        ("李雷_12_assignsubmission_onlinetext", "moodle", "李雷_12"),
        ("Team Blue_17_assignsubmission_file", "moodle", "Team Blue_17"),
        ("Default group_assignsubmission_file", "moodle", "Default group"),
        ("chen_LATE_12345_678901_my homework-2.ipynb", "canvas", "chen_12345"),
        ("smithbob_340934_208490284_b.ipynb", "canvas", "smithbob_340934"),
        ("anon_AbC12_208490284_b.ipynb", "canvas", "anon_AbC12"),
        ("LATE_anon_AbC12_208490284_b.ipynb", "canvas", "anon_AbC12"),
        ("smithbob_340934_text.html", "canvas", "smithbob_340934"),
        ("HW 1_li3_attempt_2024-03-01-10-20-30_b.ipynb", "blackboard", "li3"),
        ("HW 1_li3_attempt_2024-03-01-10-20-30.txt", "blackboard", "li3"),
        (
            "HW_li3_attempt_2024-03-01-10-20-30_wu_attempt_2099-03-01-10-20-30.ipynb",
            "blackboard",
            "li3",
        ),
    ],
)
def test_platforms_are_known_by_their_names(name, platform, label):
    sender = platforms.sender_of(name)
    assert (sender.platform, sender.label()) == (platform, label)
    assert sender.late == ("LATE" in name)


def test_other_names_are_no_platforms():
    numbers = "2026_0012345_01-perceptron.ipynb"
    for name in ("Li Lei_01-perceptron.ipynb", "lab_1_2_final.ipynb", "a_1", numbers):
        assert platforms.sender_of(name) is None


def found_in(folder: Path, roster=None):
    found, left_out = receive.find_submissions(folder, ["01-perceptron"], roster)
    return found, left_out


def lay(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"cells": []}')


STRUCTURES = {
    "flat": {
        "Li Lei.ipynb": "Li Lei",
        "李雷_01-perceptron.ipynb": "李雷",
        "wu - Copy.IPYNB": "wu",
        "Copy of zoe_01-perceptron (1).ipynb": "zoe",
        "otto_01-perceptron.ipynb.txt": "otto",
        "eve_01-perceptron-Copy1.ipynb": "eve",
    },
    "folders": {
        "nina/01-perceptron/anything.ipynb": "nina",
        "otto/work/01-perceptron.ipynb": "otto",
        "0012345/homework.ipynb": "0012345",
        "01-perceptron/eva.ipynb": "eva",
    },
    "sections": {
        "Section A/li.ipynb": "li",
        "Section A/wu_01-perceptron.ipynb": "wu",
        "Section B/nina/01-perceptron.ipynb": "nina",
    },
    "wrapper": {"all/li_01-perceptron.ipynb": "li", "all/wu_01-perceptron.ipynb": "wu"},
    "deep": {"all/blue/li/x.ipynb": "li", "all/blue/wu/x.ipynb": "wu"},
    "moodle": {
        "Group 1/Ann_1234_assignsubmission_file/sub/x.ipynb": "Ann_1234",
        "Group 1/Bea_1235_assignsubmission_file/x.ipynb": "Bea_1235",
    },
    "blackboard": {
        "HW_1_li_lei_attempt_2024-03-01-10-20-30_x.ipynb": "li_lei",
        "HW_1_wu_lei_attempt_2024-03-01-10-20-30_x.ipynb": "wu_lei",
    },
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_students_are_found_in_files_and_folders(name, tmp_path):
    files = STRUCTURES[name]
    lay(tmp_path, *files)
    junk = ("nina/.ipynb_checkpoints/x.ipynb", "__MACOSX/y.ipynb", ".z.ipynb")
    lay(tmp_path, *junk)
    found, _ = found_in(tmp_path)
    found = [one for one in found if one.status == "waiting"]
    assert {one.file: one.student for one in found} == files
    box = tmp_path / "all.zip"
    with zipfile.ZipFile(box, "w") as out:
        for file in files:
            out.write(tmp_path / file, file)
    found, _ = found_in(box)
    assert {one.file: one.student for one in found} == files


@pytest.mark.parametrize(
    ("fair", "forged", "student"),
    [
        (
            "bobreal_777123_2084901_04.ipynb",
            "leeann_340934_2084902_Bob_777123_assignsubmission_file_04.ipynb",
            "leeann_340934",
        ),
        (
            "bobreal_777123_2084901_04.ipynb",
            "leeann_340934_2084902_HW_777123_attempt_2099-03-01-10-20-30_x.ipynb",
            "leeann_340934",
        ),
        (
            "Bob_777123_assignsubmission_file_04.ipynb",
            "Ann_340934_assignsubmission_file_bob_777123_9999999_04.ipynb",
            "Ann_340934",
        ),
        (
            "HW_2024_2025_bob_attempt_2024-03-01-10-20-30_x.ipynb",
            "HW_2024_2025_ann_attempt_2024-03-01-10-20-30_b_777_2084902_x.ipynb",
            "ann",
        ),
    ],
)
def test_nobody_hands_in_for_somebody_else(fair, forged, student, tmp_path):
    """What a student calls a file looks like the name that another platform makes."""
    others = [fair.replace("ob", name) for name in ("en", "ill", "ea")]
    lay(tmp_path / "download", fair, forged, *others)
    lay(tmp_path / "other", *(f"{k}_9_assignsubmission_file_x.ipynb" for k in "abcdef"))
    found, _ = found_in(tmp_path)
    assert {one.file: one.student for one in found}[f"download/{forged}"] == student
    assert len({one.student for one in found}) == len(others) + 2 + 6


def test_what_is_no_notebook_is_told(tmp_path):
    lay(tmp_path, "li.ipynb", "li.pdf", "export.json")
    (tmp_path / "empty").mkdir()
    (tmp_path / "zoe.zip").write_text("")
    (tmp_path / "wu.docx").write_text("")
    online = tmp_path / "Bea_1235_assignsubmission_onlinetext"
    online.mkdir()
    (online / "onlinetext.html").write_text("my answer")
    found, left_out = found_in(tmp_path)
    status = {one.student: one.status for one in found}
    rest = dict.fromkeys(["empty", "zoe", "wu", "Bea_1235"], "no notebook")
    assert status == {"li": "waiting", "export": "waiting", **rest}
    assert left_out == ["zoe.zip: a zip that cannot be read"]


def test_gradescope_names_its_students_in_a_file(tmp_path):
    lay(tmp_path, "export/submission_1/x.ipynb", "export/submission_2/hw.ipynb")
    (tmp_path / "export" / "submission_metadata.yml").write_text(
        "submission_1:\n  :submitters:\n  - :name: Solo\n    :sid: '007'\n"
        "    :email: solo@x.edu\n  :created_at: 2024-03-01 10:20:30 Z\n"
        "submission_2:\n  :results: !ruby/object:Foo {a: 1}\n  :submitters:\n"
        "  - :name: A\n    :sid: '1'\n  - :name: B\n    :sid: '2'\n"
    )
    found, left_out = found_in(tmp_path)
    assert [one.student for one in found] == ["Solo_007", "A_1", "B_2"]
    assert found[0].sender.when.startswith("2024-03-01")
    assert left_out == []


def test_odd_names_are_escaped_and_stop_nobody(tmp_path):
    lay(tmp_path, "li.ipynb", "a\nb.ipynb", "=1+1.ipynb", "e\u0301va.ipynb")
    raw = os.path.join(os.fsencode(tmp_path), b"\xc0\xee\xc0\xd7.ipynb")
    try:
        with open(raw, "wb") as file:
            file.write(b'{"cells": []}')
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    found, _ = found_in(tmp_path)
    names = sorted(one.student for one in found)
    assert names == sorted(["li", r"a\x0ab", "=1+1", "\u00e9va", r"\xc0\xee\xc0\xd7"])
    for one in found:
        assert json.dumps(one.file).encode()
        assert b"cells" in one.found.read()


def test_nothing_but_regular_files_inside_is_opened(tmp_path):
    inside, outside = tmp_path / "class", tmp_path / "secret.ipynb"
    lay(inside, "li.ipynb")
    outside.write_text('{"cells": []}')
    os.mkfifo(inside / "pipe.ipynb")
    (inside / "link.ipynb").symlink_to(outside)
    (inside / "zero.ipynb").symlink_to("/dev/zero")
    (inside / "up").symlink_to(tmp_path)
    with zipfile.ZipFile(inside / "wu.zip", "w") as box:
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = 0o120777 << 16
        box.writestr(link, str(outside))
        box.writestr("../../up.ipynb", '{"cells": []}')
    found, left_out = found_in(inside)
    files = {one.file for one in found if one.status == "waiting"}
    assert files == {"li.ipynb", "wu.zip/up.ipynb"}
    assert len([text for text in left_out if "not opened" in text]) == 5


def test_a_bomb_in_a_zip_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(receive, "LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("li.ipynb", "0" * 10**6)
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as other:
            other.writestr("wu.ipynb", '{"cells": []}')
        box.writestr("wu.zip", inner.getvalue())
    found, _ = found_in(tmp_path)
    by_name = {one.student: one for one in found}
    with pytest.raises(ValueError, match="larger"):
        by_name["li"].found.read()
    assert by_name["wu"].found.read() == b'{"cells": []}'


def test_a_damaged_zip_in_a_zip_stops_nobody(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as other:
        other.writestr("wu.ipynb", "1234567890" * 100)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("li.ipynb", '{"cells": []}')
        box.writestr("wu.zip", inner.getvalue())
    data = bytearray((tmp_path / "a.zip").read_bytes())
    start = data.index(b"wu.zip") + len("wu.zip")
    data[start : start + 20] = b"\xff" * 20
    (tmp_path / "a.zip").write_bytes(data)
    found, left_out = found_in(tmp_path)
    assert {one.student: one.status for one in found} == {
        "li": "waiting",
        "wu": "no notebook",
    }
    assert left_out == ["a.zip/wu.zip: a zip that cannot be read"]


def test_names_in_old_zips_are_read_as_gbk(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        info = zipfile.ZipInfo("XXXX_01-perceptron.ipynb")
        box.writestr(info, '{"cells": []}')
        box.writestr(zipfile.ZipInfo("b_01-perceptron.ipynb"), '{"cells": []}')
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"XXXX", "李雷".encode("gbk")))
    found, _ = found_in(tmp_path)
    assert {one.student for one in found} == {"李雷", "b"}


def test_the_last_of_several_counts(tmp_path):
    lay(tmp_path, "li (1).ipynb", "li.ipynb", "li (2).ipynb", "wu.ipynb", "wu2.ipynb")
    lay(tmp_path, "l\u00fc.ipynb", "lu\u0308 (3).ipynb")
    found, _ = found_in(tmp_path)
    for one in found:
        one.notebook, one.slug = object(), "01-perceptron"
    kept = {one.file: one for one in receive.choose(found, ["01-perceptron"])}
    assert set(kept) == {"li (2).ipynb", "wu.ipynb", "wu2.ipynb", "l\u00fc (3).ipynb"}
    (remark,) = kept["li (2).ipynb"].remarks
    assert "3 files; the last counts" in remark
    assert "li (1).ipynb" in remark


def test_of_a_zip_and_a_file_the_later_counts(tmp_path):
    lay(tmp_path, "li/a.ipynb", "wu/a.ipynb")
    with zipfile.ZipFile(tmp_path / "li" / "draft.zip", "w") as box:
        box.writestr(zipfile.ZipInfo("a.ipynb", (2020, 5, 17, 12, 0, 0)), "{}")
        box.writestr(zipfile.ZipInfo("odd/a.ipynb", (1980, 0, 0, 0, 0, 0)), "{}")
    found, _ = found_in(tmp_path)
    for one in found:
        one.notebook = object()
    kept = [one.file for one in receive.choose(found, [])]
    assert kept == ["li/a.ipynb", "wu/a.ipynb"]


def test_nobody_is_taken_for_another_because_files_have_no_name(tmp_path):
    lay(tmp_path, "01-perceptron.ipynb", "01-perceptron (1).ipynb", "hw.ipynb")
    found, _ = found_in(tmp_path)
    for one in found:
        one.notebook, one.slug = object(), "01-perceptron"
    kept = receive.choose(found, ["01-perceptron"])
    assert len(kept) == 3
    assert all("Whose is it?" in one.remarks[0] for one in kept)
    numbers = ["2026_0012345_01-perceptron.ipynb", "2026_0012346_01-perceptron.ipynb"]
    lay(tmp_path / "numbers", *numbers)
    found, _ = found_in(tmp_path / "numbers")
    assert {one.student for one in found} == {"2026_0012345", "2026_0012346"}


def test_attempts_are_in_the_order_of_their_dates(tmp_path):
    stem = "HW_li_attempt_2024-03-{}-10-20-30_a.ipynb"
    lay(tmp_path, stem.format("02"), stem.format("10"), stem.format("01"))
    found, _ = found_in(tmp_path)
    for one in found:
        one.notebook = object()
    (last,) = receive.choose(found, [])
    assert last.file == stem.format("10")


def test_blank_lines_and_long_calls_take_no_longer_than_others():
    """Each of these would take hours if a line break could begin many matches."""
    blank = "\n" * 400_000
    assert cells.defined(f"x = 1{blank}y = 2") == {"x", "y"}
    assert cells.defined(f"{blank}%time\nz = 1") == {"z"}
    notebook = student_copy(small_master(), RIGHT)
    call = new_code_cell("check(" + "a" * 400_000)
    written = new_markdown_cell(f"An answer.{blank}4")
    notebook.cells += [call, written]
    for one in notebook.cells:
        if one.id.endswith("-check"):
            one.source = blank + " " * 400_000 + one.source
    _, done = restored(notebook)
    assert "An answer." in done.answers["ex4-written"]


# --- the roster, and the tables for importing


def roster_of(tmp_path, text: str, encoding: str = "utf-8-sig"):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return platforms.read_roster(path)


CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Perceptron (77),Final Score\n"
    "    Points Possible,,,,,14,(read only)\n"
    '"Smith, Bob",340934,0012,bob,S1,,0\n"Li, Lei",340935,0013,lei,S1,3,0\n'
    '"Student, Test",1,,x,S1,,\n'
)
MOODLE = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,"
    "Last modified (grade)\nParticipant 4711,Ann B,007,ann@x.edu,,,14.00,-\n"
    "Participant 12,雷 李,008,li@x.edu,,5.00,14.00,-\n"
)
BLACKBOARD = (
    '"Last Name","First Name","Username","Student ID",'
    '"01 Perceptron [Total Pts: 14 Score] |12345"\n"Smith","Bob","bs3","0012",""\n'
)


def senders(*names):
    return [platforms.sender_of(name) for name in names]


def test_canvas_gets_its_own_table_back(tmp_path):
    roster = roster_of(tmp_path, CANVAS)
    assert [p.name for p in roster.people] == ["Smith, Bob", "Li, Lei"]
    (bob,) = senders("smithbob_340934_208490284_b.ipynb")
    person = roster.find(bob)
    assert person.id == "0012"
    paths = platforms.write_imports(
        tmp_path, "01-perceptron", 14, [(bob, person, 12.5)], roster
    )
    table = paths[1].read_text(encoding="utf-8").splitlines()
    assert table[0] == "Student,ID,SIS User ID,SIS Login ID,Section,Perceptron (77)"
    assert table[1] == "    Points Possible,,,,,14"
    assert table[2] == '"Smith, Bob",340934,0012,bob,S1,12.5'
    assert table[3] == '"Li, Lei",340935,0013,lei,S1,3', "an empty cell takes it away"
    assert len(table) == 4
    (hidden,) = senders("anon_AbC12_208490284_b.ipynb")
    done = [(bob, None, 3), (hidden, None, 4)]
    rest = platforms.write_imports(tmp_path, "02-x", 14, done, None)
    table = rest[1].read_text(encoding="utf-8").splitlines()
    assert table[2:] == ["smithbob,340934,,,,3"], (
        "an unnamed row would be a new student"
    )


def test_moodle_and_blackboard_get_their_tables_back(tmp_path):
    roster = roster_of(tmp_path, MOODLE)
    ann, lei = senders(
        "Ann B_4711_assignsubmission_file", "李 雷_99_assignsubmission_file"
    )
    people = [roster.find(one) for one in (ann, lei)]
    assert [person.id for person in people] == ["007", "008"], "by number, by name"
    done = [(ann, people[0], 13.0), (lei, people[1], None)]
    paths = platforms.write_imports(tmp_path, "01-perceptron", 14, done, roster)
    table = list(csv.reader(paths[1].read_text(encoding="utf-8").splitlines()))
    assert [row[5] for row in table] == ["Grade", "13", "5.00"]
    roster = roster_of(tmp_path, BLACKBOARD.replace(",", "\t"), "utf-16")
    (bob,) = senders("HW_bs3_attempt_2024-03-01-10-20-30_x.ipynb")
    done = [(bob, roster.find(bob), 13.0)]
    paths = platforms.write_imports(tmp_path, "01-perceptron", 14, done, roster)
    table = paths[1].read_text(encoding="utf-8").splitlines()
    assert table[0].endswith("Username,01 Perceptron [Total Pts: 14 Score] |12345")
    assert table[1] == "Smith,Bob,bs3,13"


def test_a_column_is_found_by_the_whole_name_of_a_chapter():
    head = ["Student", "ID", "Multilayer perceptron (77)", "Final Score"]
    assert platforms.column_for(head, "01-perceptron") == -1
    assert platforms.column_for([*head, "Perceptron (78)"], "01-perceptron") == 4
    assert platforms.column_for([*head, "Lab 01-perceptron"], "01-perceptron") == 4


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("student,id,email,section\nBob,1,b@x.edu,S1\n", ["b_1_2084902_x.ipynb"]),
        (
            "Identifier,Full name\nParticipant 12,Bob\n",
            ["Bob_12_assignsubmission_file"],
        ),
        (BLACKBOARD, ["HW_bs3_attempt_2024-03-01-10-20-30_x.ipynb", ""]),
        ("", ["HW_bs3_attempt_2024-03-01-10-20-30_x.ipynb", ""]),
    ],
)
def test_odd_rosters_and_mailed_files_stop_no_table(text, names, tmp_path):
    roster = roster_of(tmp_path, text) if text else None
    found = [platforms.sender_of(name) or platforms.Sender(name="wu") for name in names]
    done = [(one, roster.find(one) if roster else None, 5.0) for one in found]
    paths = platforms.write_imports(tmp_path, "01-perceptron", 14, done, roster)
    assert all(path.exists() for path in paths)


def test_a_plain_roster_is_understood(tmp_path):
    roster = roster_of(tmp_path, "学号;姓名;邮箱\n0012345;李雷;li@x.edu\n", "gb18030")
    for one in (
        platforms.Sender(ids=["12345"]),
        platforms.Sender(name="0012345"),
        platforms.Sender(name="雷 李"),
        platforms.Sender(email="LI@x.edu"),
    ):
        assert roster.find(one).id == "0012345"
    assert roster.find(platforms.Sender(name="wu")) is None
    with pytest.raises(GradingError, match="no column is called"):
        roster_of(tmp_path, "a,b\n1,2\n")


def test_namesakes_are_not_guessed(tmp_path):
    roster = roster_of(tmp_path, "id,name\n1,Li Wei\n2,Wei Li\n")
    assert roster.find(platforms.Sender(name="Li Wei")) is None
    assert roster.find(platforms.Sender(name="Li Wei", ids=["2"])).id == "2"


# --- tables


def test_whatever_is_written_is_read(tmp_path):
    path = tmp_path / "t.csv"
    rows = [
        ["=1+1", "'=1", "+1", "-1", "@x", "'quoted'", ""],
        ["a,b", 'c"d', "two\nlines", "李雷", "e\u0301", "0012345", "x" * 200_000],
        ["\x00\x07", "\ud800", "\tx", "1;2", "\\x", "0", "=HYPERLINK(1)"],
    ]
    marks.write_table(path, [["a", "b", "c", "d", "e", "f", "g"], *rows])
    _, read_back, encoding = marks.read_table(path)
    assert encoding == ""
    for row, again in zip(rows, read_back, strict=True):
        want = [marks.clean(value) for value in row]
        assert [marks.plain(value) for value in again] == want
    for value in rows[0][:6]:
        assert marks.plain(marks.safe(value)) == value
    assert marks.safe("=1+1")[0] == "'"
    assert marks.safe(2.0) == "2"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "José"),
        ("cp1252", "José"),
        ("mac_roman", "José"),
        ("gb18030", "李雷"),
        ("utf-16", "李雷"),
        ("big5", "張偉"),
    ],
)
def test_marks_are_read_in_the_encodings_of_spreadsheets(encoding, name, tmp_path):
    path = tmp_path / "written.csv"
    head = ";".join(marks.MARKS)
    row = f"{name};;00-small;;ex4-written;4;2,5;Très bien;;'=1;v1"
    row = row if "é" in name else row.replace("Très bien", "好")
    path.write_bytes(f"{head}\n{row}\n".encode(encoding))
    (mark,), odd = marks.read_marks(path, [name, "wu"])
    assert (mark.row["student"], mark.points, mark.row["answer"]) == (name, 2.5, "=1")
    assert mark.row["comment"] in ("Très bien", "好")
    assert bool(odd) == (encoding != "utf-8")
    assert marks.read_marks(tmp_path / "none.csv") == ([], [])


def test_marks_of_two_without_a_name_are_both_kept(tmp_path):
    path = tmp_path / "written.csv"
    whose = {"student": "(no name)", "assignment": "00-small", "cell": "ex4-written"}
    rows = [
        dict.fromkeys(marks.MARKS, "") | whose | {"version": v} for v in ("v1", "v2")
    ]
    sheet = report.Sheet(path, [])
    sheet.write(copy.deepcopy(rows))
    table = [
        [(row | {"points": n})[k] for k in marks.MARKS] for n, row in enumerate(rows)
    ]
    marks.write_table(path, [marks.MARKS, *table])
    sheet.write(copy.deepcopy(rows))
    again, _ = marks.read_marks(path)
    assert [mark.points for mark in again] == [0, 1]
    path.write_text("student,points\n(no name),3\n", encoding="utf-8")
    sheet.write(copy.deepcopy(rows))
    (aside,) = tmp_path.glob("written-*.csv")
    assert aside.name in sheet.said[-1]
    assert [mark.points for mark in marks.read_marks(path)[0]] == [0, 1]


def test_points_that_are_none_stop_nothing():
    row = dict.fromkeys(marks.MARKS, "") | {"max": "4", "version": "v1"}
    for text, complaint in (("5", "not 5"), ("-1", "not -1"), ("good", "no number")):
        points = None if text == "good" else float(text)
        wrong = f"'{text}' is no number" if points is None else ""
        mark = marks.Mark(row | {"points": text}, points, wrong)
        given, state = marks.settle(mark, "v1", 4)
        assert given is None
        assert complaint in state
    mark = marks.Mark(row | {"points": "3"}, 3.0)
    assert marks.settle(mark, "v1", 4) == (3.0, "marked")
    assert marks.settle(mark, "v1", 5) == (3.0, "marked when the most was 4")
    given, state = marks.settle(mark, "v2", 4)
    assert (given, state) == (None, "changed since marked (3 of 4): mark it again")
    # What the most was is known as long as the points are the same.
    state = marks.remembered(mark, marks.settle(mark, "v1", 5)[1])
    later = row | {"max": "5", "state": state}
    for points, most, state in (
        (3.0, 5, "marked when the most was 4"),
        (3.0, 6, "marked when the most was 4"),
        (3.0, 4, "marked"),
        (3.5, 5, "marked"),
    ):
        mark = marks.Mark(later | {"points": str(points)}, points)
        assert marks.settle(mark, "v1", most) == (points, state)


# --- the feedback page, in nbgrader's environment


def need_environment():
    if not (exercises.ENVIRONMENT / "bin" / "python").exists():
        pytest.fail(
            "nbgrader's environment .venv-grade is missing: 'make test' sets it up"
        )


def in_environment(script: str, *arguments, **more) -> subprocess.CompletedProcess:
    need_environment()
    python = exercises.ENVIRONMENT / "bin" / "python"
    return subprocess.run(
        [str(python), "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"]
        + [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        **more,
    )


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
HOSTILE = """<script>alert(1)</script><style>body {display: none}</style>
<meta http-equiv="refresh" content="0; url=https://evil.example"><base href="//evil">
<form action="https://evil.example"><input name="password"></form>
<iframe src="https://evil.example"></iframe><link rel="stylesheet" href="//evil">
<b onclick="x()" style="position: fixed" class="score" id="ex1">14 of 14</b></div></div>
<a href="javascript:x()">go</a> <a href="https://example.org">fine</a>
<img src="https://evil.example/a.png"> <img src="x" onerror="x()"><svg onload="x()">"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Feedback pages of one submission, with hidden tests and without."""
    master = small_master()
    answer = f"Because $a < b$.\n\n{HOSTILE}\n\n![p](attachment:p.png) "
    answer += f"![q](attachment:none.png) ![d](data:image/png;base64,{PIXEL})"
    notebook = student_copy(master, {"ex4-written": answer, "ex1": "answer_1 = 1"})
    notebook.cells[-1]["attachments"] = {"p.png": {"image/png": PIXEL}}
    code = next(one for one in notebook.cells if one.id == "ex1")
    kinds = [
        {"text/html": HOSTILE},
        {"image/png": f'{PIXEL}"><script>alert(2)</script>', "text/plain": "a plot"},
        {"image/svg+xml": f"<svg>{HOSTILE}</svg>"},
        {"application/javascript": "alert(3)", "text/markdown": HOSTILE},
    ]
    code.outputs = [nbformat.v4.new_output("display_data", data=data) for data in kinds]
    code.outputs.append(nbformat.v4.new_output("stream", text="\x1b[31m<script>red"))
    wait = {"points": 0.0, "max": 4.0, "waiting": True, "comment": "", "note": ""}
    passed = {"points": 1.0, "max": 1.0, "waiting": False, "comment": "", "note": ""}
    failed = passed | {"points": 0.0, "max": 2.0, "comment": "See page 3"}
    job = {
        "title": "<Ann> · 00-small",
        "notes": ["Cell <ex9>: odd."],
        "grades": {"ex1-test": passed, "ex2-test": failed, "ex4-written": wait},
        "answers": {"ex4-written": answer},
    }
    run = {"tests": {"ex2-test": {"passed": False, "message": "two, <not> one"}}}
    folder = tmp_path_factory.mktemp("pages")
    for name, what in (("m", master), ("n", notebook), ("j", job), ("r", run)):
        (folder / name).write_text(json.dumps(what), encoding="utf-8")
    script = """
import json, nbformat
from pathlib import Path
from book.grading import feedback
folder = Path(sys.argv[1])
master, notebook, job, run = (json.loads((folder / n).read_text()) for n in "mnjr")
master, notebook = nbformat.from_dict(master), nbformat.from_dict(notebook)
for hidden in (False, True):
    page = feedback.page(notebook, master, run, job | {"hidden": hidden})
    (folder / str(hidden)).write_text(page, encoding="utf-8")
"""
    done = in_environment(script, folder)
    assert done.returncode == 0, done.stderr
    return [(folder / name).read_text(encoding="utf-8") for name in ("False", "True")]


def test_a_page_runs_loads_and_sends_nothing(pages):
    import bs4

    for text in pages:
        page = bs4.BeautifulSoup(text, "html.parser")
        for tag in (
            "script",
            "form",
            "input",
            "iframe",
            "base",
            "link",
            "svg",
            "object",
        ):
            assert not page.find_all(tag), tag
        assert len(page.find_all("style")) == 1
        assert len(page.find_all("meta")) == 3
        policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
        assert "default-src 'none'" in policy
        assert "form-action 'none'" in policy
        for tag in page.find_all(True):
            assert not [name for name in tag.attrs if name.startswith("on")], tag
            assert "style" not in tag.attrs
            for name in ("src", "href"):
                good = r"data:image/(png|svg\+xml);base64,[\w+/=]+|#ex\d|https://example.org"
                assert re.fullmatch(good, tag.get(name, "#ex1")), tag
        for forged in page.find_all("b"):
            assert not forged.attrs
            assert forged.find_parent(class_="own"), "it stays inside of the answer"


def test_a_page_shows_what_counts(pages):
    text = pages[0]
    assert "&lt;Ann&gt; · 00-small" in text
    assert "1 of 3 points so far; answers worth 4 are still to be marked" in text
    assert text.count(f"data:image/png;base64,{PIXEL}") == 2, "attached and written in"
    assert "the picture none.png is missing" in text
    assert "two, &lt;not&gt; one" in text
    assert "See page 3" in text
    assert "<math" in text
    assert "Because." in text, "the model answer"
    assert "Exercise 2" in text, "tasks by their names"


def test_hidden_tests_are_shown_if_the_teacher_wants(pages):
    assert "BEGIN HIDDEN" not in pages[0]
    assert "answer_2 == 2" not in re.sub(r"<[^>]*>", "", pages[0])
    assert "answer_2 == 2" in re.sub(r"<[^>]*>", "", pages[1]).replace("&#39;", "'")


# --- a class, with the running of cells left out

FAKE = """
import contextlib, csv, json, os, re, time
from pathlib import Path
import nbformat
from book.grading import one, report, running
from book.tools import grade
from book.tools.exercises import kind, write
root = Path(sys.argv[1])
running.MASTERS, running.WORK, report.OFTEN = root / "masters", root / "work", 0
def fake(folder, job):
    with open(root / "runs", "a+") as file:
        file.seek(0)
        if len(file.read().split()) == int(os.environ.get("FAKE_STOP", -1)):
            time.sleep(3600)  # until it is killed
        file.write(job["student"] + "\\n")
    notebook = nbformat.read(folder / "submitted.ipynb", as_version=4)
    code = "\\n".join(c.source for c in notebook.cells if c.cell_type == "code")
    if "die()" in code:
        os._exit(1)
    if "look()" in code:  # meanwhile the teacher marks li's answer
        path = root / "out" / "written.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row |= {"points": "2", "by": "me"} if row["student"] == "li" else {}
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]] + ["by"] * ("by" not in rows[0]))
            writer.writerows([dict(zip(writer.fieldnames, writer.fieldnames)), *rows])
    tests = {}
    for cell in running.master_of(job["slug"]).cells:
        if kind(cell) == "test":
            k = cell.id[2]
            good = re.search(rf"(answer|result)_{k} = {k}\\n", code + "\\n")
            tests[cell.id] = {"passed": bool(good), "message": "" if good else "no"}
    executed = "{" if "spoil()" in code else nbformat.writes(notebook)
    write(folder / "executed.ipynb", executed)
    result = {"status": "ok", "notes": [], "tests": tests}
    write(folder / "run.json", json.dumps(result))
one.grade_one = fake
running.judge = lambda settings: contextlib.nullcontext()
try:
    sys.exit(grade.main(sys.argv[2:]))
except grade.GradingError as error:
    sys.exit(str(error))
"""


class Course:
    """A course with one small assignment, and what its students hand in."""

    def __init__(self, root: Path):
        self.root, self.folder, self.out = root, root / "class", root / "out"
        self.folder.mkdir()
        self.write_master(small_master())

    def write_master(self, master) -> None:
        (self.root / "masters").mkdir(exist_ok=True)
        nbformat.write(master, self.root / "masters" / "00-small.ipynb")

    def hand_in(self, name: str, answers: dict, pictures=None) -> None:
        notebook = student_copy(small_master(), answers)
        if pictures:
            notebook.cells[-1]["attachments"] = pictures
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(json.dumps(notebook), encoding="utf-8")

    def grade(self, *arguments, **more):
        done = in_environment(
            FAKE, self.root, self.folder, self.out, *arguments, **more
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, name: str = "grades.csv") -> dict:
        return {row["student"]: row for row in table(self.out / name)}

    def mark(self, encoding: str = "utf-8-sig", **values) -> None:
        """Fill in `written.csv` as a spreadsheet would: {student: {column: text}}."""
        path = self.out / "written.csv"
        found = table(path)
        for row in found:
            row |= values.get(row["student"], {})
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, marks.MARKS)
            writer.writeheader()
            writer.writerows(found)

    def page(self, student: str) -> str:
        path = self.out / self.rows()[student]["feedback"]
        return path.read_text(encoding="utf-8")


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


RIGHT = {f"ex{k}": f"answer_{k} = {k}" for k in (1, 2, 3)}


def table(path: Path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_marks_follow_their_answers(course):
    course.hand_in("0012345_00-small.ipynb", RIGHT | {"ex4-written": "It is so."})
    course.hand_in("wu_00-small.ipynb", {"ex1": "answer_1 = 1", "ex4-written": "No."})
    course.hand_in("zoe_00-small.ipynb", RIGHT)
    course.grade()
    rows = course.rows()
    assert [rows[n]["total"] for n in ("0012345", "wu", "zoe")] == ["6", "1", "6"]
    assert [rows[n]["waiting"] for n in ("0012345", "wu", "zoe")] == ["4", "4", "0"]
    assert "Not answered" in course.page("zoe")
    good = {"points": "3,5", "comment": "Très bien", "student": "12345"}
    course.mark("cp1252", **{"0012345": good, "wu": {"comment": "Why?"}})
    said = course.grade()
    assert "'12345' was taken for 0012345" in said
    assert "not UTF-8" in said
    assert course.rows()["0012345"]["total"] == "9.5"
    assert "Très bien" in course.page("0012345")
    written = course.rows("written.csv")
    assert written["wu"]["comment"] == "Why?", "a comment without points is kept"
    assert written["0012345"]["state"] == "marked"
    # A new answer does not get the old one's mark.
    course.hand_in("0012345_00-small.ipynb", RIGHT | {"ex4-written": "It is not so."})
    for _ in range(2):
        course.grade()
        written = course.rows("written.csv")["0012345"]
        assert course.rows()["0012345"]["total"] == "6"
        assert written["state"] == "changed since marked (3.5 of 4): mark it again"
        assert (written["points"], written["comment"]) == ("", "Très bien")
    course.mark(**{"0012345": {"points": "4"}})
    course.grade()
    assert course.rows()["0012345"]["total"] == "10"
    # Marks of somebody who is not in this folder are kept.
    (course.folder / "wu_00-small.ipynb").unlink()
    assert "nobody here is 'wu'" in course.grade()
    assert course.rows("written.csv")["wu"]["comment"] == "Why?"


def test_what_is_marked_while_the_grader_runs_is_kept(course):
    course.hand_in("li.ipynb", RIGHT | {"ex4-written": "It is so."})
    course.hand_in("wu.ipynb", RIGHT | {"ex4-written": "No."})
    course.grade()
    course.hand_in("zoe.ipynb", RIGHT | {"ex1": "answer_1 = 1\nlook()"})
    assert "filled in meanwhile" in course.grade()
    marked = course.rows("written.csv")
    assert (marked["li"]["points"], marked["li"]["by"]) == ("2", "me")
    assert (marked["wu"]["points"], marked["wu"]["by"]) == ("", "")
    assert course.rows()["li"]["total"] == "6"
    for _ in range(2):
        assert "meanwhile" not in course.grade()
        assert course.rows()["li"]["total"] == "8"
        assert course.rows("written.csv")["li"]["by"] == "me", (
            "the teacher's own column"
        )


def test_a_contested_test_is_overruled_and_points_may_change(course):
    course.hand_in("wu.ipynb", {"ex1": "answer_1 = 5", "ex4-written": "No."})
    course.grade()
    path = course.out / "written.csv"
    found = table(path)
    extra = dict.fromkeys(marks.MARKS, "") | {"student": "wu", "cell": "ex1-test"}
    found.append(extra | {"assignment": "00-small", "points": "1", "comment": "Fine."})
    found[0]["points"] = "many"
    rows = [[row[name] for name in marks.MARKS] for row in found]
    marks.write_table(path, [marks.MARKS, *rows])
    course.grade()
    assert course.rows()["wu"]["total"] == "1"
    states = {row["cell"]: row for row in table(path)}
    assert states["ex1-test"]["state"] == "overruled"
    assert "'many' is no number" in states["ex4-written"]["state"]
    assert states["ex4-written"]["points"] == "many", "nothing is dropped"
    master = small_master()
    change("ex1-test", points=5)(master)
    text = head(1).replace("(1 points)", "(5 points)")
    change("ex1-text", source=text)(master)
    course.write_master(master)
    course.grade()
    assert course.rows()["wu"]["max"] == "14"
    assert "Exercise 1 (5 points)" in course.page("wu")
    for _ in range(2):
        (row,) = (row for row in table(path) if row["cell"] == "ex1-test")
        state = "overruled; marked when the most was 1 (1 of 1)"
        assert (row["state"], row["max"]) == (state, "5")
        assert "1 mark was given when the most was another" in course.grade()
    assert (course.root / "runs").read_text() == "wu\n", "points need no other run"
    rows = [row | {"points": row["points"].replace("1", "4")} for row in table(path)]
    rows = [[row[name] for name in marks.MARKS] for row in rows]
    marks.write_table(path, [marks.MARKS, *rows])
    assert "the most was another" not in course.grade()
    assert course.rows()["wu"]["total"] == "4"
    states = {row["cell"]: row["state"] for row in table(path)}
    assert states["ex1-test"] == "overruled"


def test_marks_without_an_answer_say_why(course):
    """Each row that gives no point is told, in the table and in the summary."""
    (course.root / "roster.csv").write_text("id,name\n7,wu\n8,li\n9,Bo\n", "utf-8")
    course.hand_in("wu.ipynb", RIGHT | {"ex4-written": "No."})
    course.hand_in("li.ipynb", RIGHT | {"ex4-written": "So."})
    course.hand_in("Bo/7.pdf", {})
    for number in (11, 12):
        course.hand_in(f"Li Wei_{number}_assignsubmission_file/x.ipynb", RIGHT)
    roster = ("--roster", course.root / "roster.csv")
    course.grade(*roster)
    assert "<code>ex1-test</code>" in course.page("7")
    path = course.out / "written.csv"
    reasons = {
        ("7", "00-small", "ex1-test-a"): "00-small has no cell 'ex1-test-a'; "
        "it has ex1-test",
        ("7", "00-small", "test"): "00-small has no cell 'test'; "
        "it has ex1-test, ex2-test, ex3-test, ex4-written",
        ("7", "00", "ex2-test"): "there is no assignment '00'",
        ("9", "00-small", "ex2-test"): "'9' has no notebook here",
        ("eva", "00-small", "ex2-test"): "nobody here is 'eva'",
        ("Li Wei", "00-small", "ex2-test"): "more than one here is 'Li Wei'",
    }
    found = table(path)
    wrong = {"7": "5", "8": "zwei"}
    for row in found:
        row["points"] = wrong[row["student"]]
    for student, slug, name in reasons:
        row = dict.fromkeys(marks.MARKS, "") | {"student": student, "cell": name}
        row["state"] = "overruled" if name == "test" else ""  # before it was renamed
        found.append(row | {"assignment": slug, "points": "1"})
    rows = [[row[name] for name in marks.MARKS] for row in found]
    marks.write_table(path, [marks.MARKS, *rows])
    for _ in range(2):
        said = course.grade(*roster)
        states = {
            (row["student"], row["assignment"], row["cell"]): row["state"]
            for row in table(path)
        }
        for key, why in reasons.items():
            assert f"written.csv: {why} ({', '.join(key)})." in said
            assert states[key] == why
        for student, why in (
            ("7", "from 0 to 4, not 5"),
            ("8", "a number from 0 to 4: 'zwei' is no number"),
        ):
            where = f"({student}, 00-small, ex4-written)"
            assert f"written.csv: points must be {why} {where}." in said


def test_pictures_are_shown_and_read_back(course):
    data = f"![d](data:image/png;base64,{PIXEL * 2000})"
    pictures = {"p.png": {"image/png": PIXEL}}
    course.hand_in("li.ipynb", RIGHT | {"ex4-written": f"See {data}"})
    course.hand_in(
        "wu.ipynb", RIGHT | {"ex4-written": "![p](attachment:p.png)"}, pictures
    )
    course.grade()
    course.grade()
    assert [row["total"] for row in course.rows().values()] == ["6", "6"]
    assert all(PIXEL in course.page(name) for name in ("li", "wu"))
    assert course.rows("written.csv")["li"]["answer"] == "See ![d]((picture))"


def test_a_fault_of_the_page_costs_no_points(course):
    course.hand_in("li.ipynb", RIGHT | {"ex1": "answer_1 = 1\nspoil()"})
    course.hand_in("wu.ipynb", RIGHT | {"ex1": "answer_1 = 1\ndie()"})
    nbformat.write(small_master(), course.folder / "eva.ipynb")
    said = course.grade()
    rows = course.rows()
    assert "only the master has" in rows["eva"]["note"]
    assert (rows["li"]["total"], rows["li"]["status"]) == ("6", "ok")
    assert "page could not be made" in rows["li"]["note"]
    assert "6 of 10 points" in course.page("li")
    assert rows["wu"]["status"] == "crashed"
    assert "crashed: wu" in said
    assert rows["eva"]["total"] == "6"


def test_numbers_may_be_those_of_the_student(course):
    master = small_master()
    text = "height = 1  # or 2, 3, 4, 5, 6, 7"
    master.cells.insert(3, cell(new_code_cell, "ex1-numbers", text, locked=True))
    master.cells[2].source = master.cells[2].source.replace("is 1?", "is {{height}}?")
    course.write_master(master)
    (course.root / "roster.csv").write_text("id,name\n0012345,li\n", "utf-8")
    own = exercises.student_copy(master, "00-small", "0012345")
    own.cells[-1].source = "Because."
    (course.folder / "0012345.ipynb").write_text(json.dumps(own), "utf-8")
    arguments = ["--roster", course.root / "roster.csv", "--variants"]
    assert "VARIANTS" not in course.grade(*arguments)
    assert len(table(course.out / "grades.csv")) == 1, (
        "handed in, and not as a stranger"
    )
    (path,) = (course.root / "work" / "graded").glob("*/submitted.ipynb")
    numbers = {c.id: c.source for c in nbformat.read(path, as_version=4).cells}
    mine = next(c.source for c in own.cells if c.id == "ex1-numbers")
    assert numbers["ex1-numbers"] == mine
    assert course.rows()["0012345"]["note"] == ""
    said = course.grade().split("\n")
    forgotten = "1 notebook has numbers made for a student: grade with VARIANTS=1."
    assert [line.strip() for line in said].count(forgotten) == 2
    assert said[0] == forgotten, "before anything runs, and in the summary"
    assert "made for 0012345" in course.rows()["0012345"]["note"]
    with pytest.raises(GradingError, match="VARIANTS needs ROSTER"):
        grade.options([str(course.folder), "--variants"])


def test_a_roster_gives_rows_and_imports(course):
    (course.root / "roster.csv").write_text(MOODLE, encoding="utf-8-sig")
    name = "雷 李_12_assignsubmission_file"
    course.hand_in(f"{name}/a.ipynb", RIGHT)
    course.hand_in("stranger.ipynb", RIGHT)
    said = course.grade("--roster", course.root / "roster.csv")
    rows = course.rows()
    assert rows["008"]["total"] == "6"
    assert (rows["007"]["status"], rows["007"]["total"]) == ("nothing handed in", "0")
    assert "nothing handed in, 00-small: Ann B" in said
    assert "not in the roster: stranger" in said
    assert "maximum is 14" not in said
    done = table(course.out / "import" / "00-small-moodle.csv")
    assert [row["Grade"] for row in done] == ["", "6"]
    done = table(course.out / "import" / "00-small.csv")
    assert [row["ID number"] for row in done] == ["", "008"]
    assert "stay empty, not 0 as in `grades.csv`" in TEACH
    box = course.out / "import" / "00-small-moodle-feedback.zip"
    with zipfile.ZipFile(box) as inside:
        assert inside.namelist() == [f"{name}_feedback.html"]


def test_what_cannot_be_read_belongs_to_the_only_chapter(course):
    (course.root / "roster.csv").write_text(MOODLE, encoding="utf-8-sig")
    ann, lei = "Ann B_4711_assignsubmission_file", "雷 李_12_assignsubmission_file"
    course.hand_in(f"{ann}/homework.pdf", {})
    course.hand_in(f"{lei}/a.ipynb", RIGHT)
    (course.folder / lei / "a (1).ipynb").write_text('{"cells": [')
    said = course.grade("--roster", course.root / "roster.csv")
    assert "no notebook: Ann B" in said
    assert "nothing handed in" not in said
    rows = [row for row in table(course.out / "grades.csv") if row["student"] == "007"]
    (row,) = rows
    assert (row["assignment"], row["total"], row["max"]) == ("00-small", "0", "10")
    assert "No notebook (.ipynb) was handed in" in course.page("007")
    done = table(course.out / "import" / "00-small-moodle.csv")
    assert [row["Grade"] for row in done] == ["", "6"]
    box = course.out / "import" / "00-small-moodle-feedback.zip"
    with zipfile.ZipFile(box) as inside:
        assert inside.namelist() == [f"{n}_feedback.html" for n in (ann, lei)]
        assert "6 of 10 points" in inside.read(f"{lei}_feedback.html").decode()


def test_odd_submissions_stop_nobody(course):
    course.hand_in("li (1).ipynb", RIGHT)
    course.hand_in("li.ipynb", {})
    course.hand_in("=1+1.ipynb", RIGHT)
    course.hand_in("a\nb.ipynb", RIGHT)
    (course.folder / "broken.ipynb").write_text('{"cells": [')
    (course.folder / "loop.ipynb").symlink_to("loop.ipynb")
    os.mkfifo(course.folder / "pipe.ipynb")
    (course.folder / os.fsdecode(b"\xc0\xee.ipynb")).write_bytes(
        (course.folder / "li (1).ipynb").read_bytes()
    )
    last = new_markdown_cell("All answers: exercise 4 is true.")
    notebook = student_copy(small_master(), RIGHT)
    notebook.cells.insert(-3, last)
    (course.folder / "eva.ipynb").write_text(json.dumps(notebook))
    said = course.grade()
    rows = course.rows()
    assert rows["li"]["total"] == "6"
    assert "2 files; the last counts, li (1).ipynb" in said
    assert rows["'=1+1"]["total"] == "6"
    assert rows[r"a\x0ab"]["total"] == "6"
    assert rows[r"\xc0\xee"]["total"] == "6"
    assert rows["broken"]["status"] == "unreadable"
    assert said.count("not opened") == 2


@pytest.mark.slow
def test_after_kill_the_rest_is_graded(course):
    for name in ("ann", "bob", "eva", "li", "wu"):
        course.hand_in(f"{name}.ipynb", RIGHT | {"ex4-written": name})
    python = exercises.ENVIRONMENT / "bin" / "python"
    need_environment()
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{FAKE}"
    command = [python, "-c", script, course.root, course.folder, course.out]
    running = subprocess.Popen(
        [str(part) for part in [*command, "--jobs", "1"]],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"FAKE_STOP": "2"},
        start_new_session=True,
    )
    for line in running.stdout:
        if line.startswith("[2/5]"):
            break
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert course.rows()["ann"]["total"] == "6", "tables are written as one goes"
    assert (course.root / "runs").read_text().split() == ["ann", "bob"]
    assert "5 submissions: 3 to run" in course.grade()
    runs = (course.root / "runs").read_text().split()
    assert runs.count("ann") == runs.count("bob") == 1
    first = [(course.out / n).read_bytes() for n in ("grades.csv", "written.csv")]
    assert ": 0 to run, 0 pages" in course.grade()
    assert ": 5 to run" in course.grade("--again")
    again = [(course.out / n).read_bytes() for n in ("grades.csv", "written.csv")]
    assert again == first


# --- the command line


def command(script: str, *arguments, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "book" / "tools" / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )


@pytest.mark.parametrize(
    ("name", "out", "complaint"),
    [
        ("", "", "which folder"),
        ("nowhere", "", "does not exist"),
        ("file.ipynb", "", "neither a folder nor a zip"),
        ("class", "class/out", "only read"),
    ],
)
def test_grade_says_what_is_wrong_with_its_folders(name, out, complaint, tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "file.ipynb").write_text("")
    arguments = [
        str(tmp_path / name) if name else "",
        str(tmp_path / out) if out else "",
    ]
    with pytest.raises(GradingError, match=complaint):
        grade.options([argument for argument in arguments if argument or not name])


@pytest.mark.parametrize(
    "number", [("--jobs", "-1"), ("--timeout", "0"), ("--memory", "-4")]
)
def test_grade_refuses_a_number_that_means_nothing(number, tmp_path):
    with pytest.raises(GradingError, match=f"{number[0]} must be .*, got {number[1]}"):
        grade.options([str(tmp_path), *number])


def test_what_a_class_hands_in_is_not_pushed():
    (names,) = re.findall(r"make grade SUBMISSIONS=(\S+) ROSTER=(\S+)", TEACH)
    names = [*names, "submissions-graded/grades.csv", "week 4-graded/grades.csv"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.replace('"', "").splitlines() == names


# --- a class, run for good

QUICK = ("04-convolution-2d", "03-convolution-1d")  # whose solutions run in seconds


def answered(slug: str, answers: dict):
    """A submission: the student copy with these cells."""
    return student_copy(read(slug), answers, slug)


def solution_of(slug: str) -> dict:
    """The solution's code cells; written answers stay empty."""
    return {one.id: one.source for one in read(slug).cells if kind(one) == "solution"}


def first_test(slug: str):
    """Of the first tested exercise: its solution cell and its test cell."""
    cells = [one for one in read(slug).cells if kind(one) in ("solution", "test")]
    test = next(k for k, one in enumerate(cells) if kind(one) == "test")
    return cells[test - 1].id, cells[test].id


def make_class(folder: Path) -> dict:
    """Submissions of a class; for each student the cells that differ from the solution,
    as far as tests can tell, or None where nothing can be graded."""
    first, other = QUICK
    code, test = first_test(first)
    wrong_cell, _, wrong = wrong_answers(first)[0]
    empty = student_copy(read(first))
    expected = {
        "Ann Right": {},
        "李 雷": {c.id: c.source for c in empty.cells if kind(c) == "solution"},
        "wu": {wrong_cell: wrong},
        "tamper": {code: "raise RuntimeError"},
        "broken": None,
    }
    cells = {
        "Ann Right": {"ex-none": ""},
        "wu": {wrong_cell: wrong},
        "tamper": {code: "raise RuntimeError", test: "pass"},
    }
    written = [one.id for one in read(first).cells if kind(one) == "written"]
    for name, changed in cells.items():
        answers = solution_of(first) | changed
        if name == "wu":
            answers |= dict.fromkeys(written, "Because $w^\\top x = 0$ holds there.")
        path = folder / f"{name}_{first}.ipynb"
        if name == "Ann Right":
            path = folder / name / first / f"{first}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(answered(first, answers), path)
    nbformat.write(empty, folder / f"李 雷_{first}.ipynb")
    (folder / "broken.ipynb").write_text('{"cells": [')
    again = answered(other, solution_of(other))
    nbformat.write(again, folder / "Ann Right" / "b.ipynb")
    return expected


@pytest.mark.slow
def test_a_class_is_graded_as_the_fast_runner_says(tmp_path):
    """The real thing against the fast runner, and everything around it.

    What does not end or dies is in tests/test_attacks.py.
    """
    need_environment()
    folder, out = tmp_path / "a class", tmp_path / "out"
    folder.mkdir()
    expected = make_class(folder)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    run = [folder, out]
    try:
        sandbox.bubblewrap()
    except sandbox.NoSandbox:
        run.append("--unsafe")  # the points are the same
    done = command("grade.py", *run, "--again", SECRET="do not leak")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before

    # Points: as the fast runner gives them for the same answers.
    rows = {
        (row["student"], row["assignment"]): row for row in table(out / "grades.csv")
    }
    assert rows["broken", ""]["status"] == "unreadable"
    points, first = {}, QUICK[0]
    results = run_variants(
        read(first), {n: c for n, c in expected.items() if c}, tmp_path
    )
    results["Ann Right"] = results.pop("")
    del results["after wrong"]
    for name, result in results.items():
        row = rows[name, first]
        got = {k: float(row[k]) for k in full_marks(read(first))}
        assert got == scores(read(first), result["passed"]), name
        points[name] = sum(got.values())
    status = {
        name: row["status"] for (name, slug), row in rows.items() if slug == first
    }
    assert [status[n] for n in ("Ann Right", "李 雷", "wu", "tamper")] == ["ok"] * 4
    for slug in QUICK:
        full = sum(full_marks(read(slug)).values())
        assert float(rows["Ann Right", slug]["total"]) == full
    assert float(rows["李 雷", first]["total"]) == 0
    assert "the test was changed" in rows["tamper", first]["note"]

    # A feedback page each, which loads nothing from anywhere.
    for row in rows.values():
        page = (out / row["feedback"]).read_text(encoding="utf-8")
        assert not re.search(r"<script|(src|href)=[\"']?(https?:)?//|@import", page)
        assert "do not leak" not in page
    assert "<math" in (out / rows["wu", first]["feedback"]).read_text(encoding="utf-8")

    # Nothing is graded twice; a person's marks are added without another run.
    answers = table(out / "written.csv")
    mine = [row for row in answers if row["student"] == "wu"]
    assert mine
    assert float(rows["wu", first]["waiting"]) == sum(float(r["max"]) for r in mine)
    mine[0] |= {"points": mine[0]["max"], "comment": "A clear answer."}
    marks.write_table(
        out / "written.csv",
        [marks.MARKS, *([row[name] for name in marks.MARKS] for row in answers)],
    )
    done = command("grade.py", *run)
    assert "0 to run, 1 pages" in done.stdout, done.stdout + done.stderr
    rows = {
        (row["student"], row["assignment"]): row for row in table(out / "grades.csv")
    }
    gained = float(rows["wu", first]["total"]) - float(mine[0]["max"])
    assert gained == points["wu"]
    page = (out / rows["wu", first]["feedback"]).read_text(encoding="utf-8")
    assert "A clear answer." in page
    assert "0 to run, 0 pages" in command("grade.py", *run).stdout
    for row, again in zip(answers, table(out / "written.csv"), strict=True):
        assert row | {"state": ""} == again | {"state": ""}


NBGRADER = """
import json, sys, nbformat
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
for path in sys.argv[3:]:
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    solutions = ClearSolutions(code_stub={"python": sys.argv[1]}, text_stub=sys.argv[2])
    for step in (solutions, ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {"nbgrader": {}})
    print(json.dumps(notebook))
"""


@pytest.mark.slow
def test_student_copies_are_those_of_nbgrader():
    """The cuts that make student copies are nbgrader's, cell for cell."""
    need_environment()
    done = subprocess.run(
        [exercises.ENVIRONMENT / "bin" / "python", "-c", NBGRADER]
        + [exercises.CODE_STUB, TEXT_STUB]
        + [exercises.MASTERS / f"{slug}.ipynb" for slug in SLUGS],
        check=True,
        capture_output=True,
        text=True,
    )
    for slug, text in zip(SLUGS, done.stdout.splitlines(), strict=True):
        for cut, master in zip(
            json.loads(text)["cells"], read(slug).cells, strict=True
        ):
            want = (master.id, exercises.student_source(master))
            assert (cut["id"], "".join(cut["source"])) == want, slug


def test_what_is_handed_out(tmp_path, monkeypatch):
    monkeypatch.setattr(exercises, "BUILD", tmp_path)
    slug = "04-convolution-2d"
    (tmp_path / "roster.csv").write_text("id,name\n007,Bo\n李/雷,Li\n")
    roster = ["--variants", str(tmp_path / "roster.csv"), slug]
    assert exercises.main([*roster, "--checks", "visible"]) == 0
    folder = tmp_path / "variants" / slug
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"007_{slug}.ipynb", f"李_雷_{slug}.ipynb"]
    assert f"as in `0012345_{slug}.ipynb`: mail it" in TEACH
    mine = nbformat.read(folder / names[1], as_version=nbformat.NO_CONVERT)
    assert mine.metadata["variant"] == "李/雷"
    assert any("hidden=False" in cell.source for cell in mine.cells)
    assert "task 1, on the cases that you see here, and" in mine.cells[0].source
    assert exercises.main(["--checks", "none", slug]) == 0
    bare = (tmp_path / "student" / f"{slug}.ipynb").read_text("utf-8")
    assert "check(" not in bare
    assert "copies without it, in their place" in TEACH
    solved = (tmp_path / "solutions" / f"{slug}.ipynb").read_text("utf-8")
    assert "BEGIN SOLUTION" in solved
    assert "{{" not in solved
    with pytest.raises(GradingError, match="no master exercises/masters/99-nothing"):
        exercises.main(["99-nothing"])
