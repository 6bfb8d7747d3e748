"""Handing out and grading: student copies, what students send, nbgrader on a class."""

import copy
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_exercises import SLUGS, full_marks, read, run_variants, scores, wrong_answers

from book.tools import exercises, grade
from book.tools.exercises import ROOT, GradingError, kind

SCHEMA = {"schema_version": 3, "task": False}


def cell(make, name: str, source: str, **marks):
    made = make(source, id=name)
    if marks:
        marks = {"grade": False, "solution": False, "locked": False} | marks
        made.metadata["nbgrader"] = SCHEMA | {"grade_id": name} | marks
    return made


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
            cell(new_markdown_cell, f"ex{k}-text", f"## Exercise {k}", locked=True),
            cell(new_code_cell, f"ex{k}", solution, solution=True),
            cell(new_code_cell, f"ex{k}-test", test, grade=True, locked=True, points=k),
        ]
    cells += [
        cell(new_markdown_cell, "ex4-text", "## Exercise 4", locked=True),
        cell(
            new_markdown_cell,
            "ex4-written",
            "Because.",
            grade=True,
            solution=True,
            points=4,
        ),
    ]
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    notebook.nbformat_minor = 5
    return notebook


def student_copy(master, answers=(), name="00-small"):
    """What a student gets of `master`, with some cells answered: {id: source}."""
    notebook = copy.deepcopy(master)
    for one in notebook.cells:
        one.source = exercises.student_source(one)
        one.source = dict(answers).get(one.id, one.source)
    notebook.metadata["exercise"] = name
    return notebook


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


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (change("ex1-test", points=None), "needs points"),
        (change("ex1-test", points=-1), "must be positive"),
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


# --- what students send


def releases():
    """Two student copies whose cells have the same ids."""
    other = small_master()
    for one in other.cells[2:]:
        one.source = one.source.replace("answer", "result").replace("Exercise", "Task")
    return {
        "00-small": student_copy(small_master()),
        "01-other": student_copy(other, name="01-other"),
    }


def sent(notebook, folder: Path):
    """`notebook` as the grader reads it from a file."""
    path = folder / "sent.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return grade.read_notebook(path)


def test_students_are_found_in_flat_files_and_in_folders(tmp_path):
    files = {
        "Li Lei.ipynb": "Li Lei",
        "李雷_01-perceptron.ipynb": "李雷",
        "Ann B_4711_assignsubmission_file_01-perceptron.ipynb": "Ann B_4711",
        "chen_LATE_12345_678901_my homework-2.ipynb": "chen_12345",
        "nina/01-perceptron/anything.ipynb": "nina",
        "01-perceptron/otto.ipynb": "otto",
    }
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    for name in ("nina/.ipynb_checkpoints/x.ipynb", "__MACOSX/y.ipynb", ".z.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "zoe.zip").write_text("")
    found = grade.find_submissions(tmp_path, ["01-perceptron"])
    ready = {
        str(o.path.relative_to(tmp_path)): o for o in found if o.status == "waiting"
    }
    assert {name: one.student for name, one in ready.items()} == files
    rest = {one.student: one.status for one in found if one.status != "waiting"}
    assert rest == {"empty": "no notebook", "zoe": "no notebook"}


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
        (b'{"nbformat": 3, "worksheets": 1}', "cannot be read|no cells"),
    ],
)
def test_files_that_are_no_notebooks_are_said_to_be_none(content, complaint, tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        grade.read_notebook(path)


def test_damaged_notebooks_are_read_as_far_as_possible(tmp_path):
    damaged = {
        "cells": [
            3,
            {"cell_type": "code", "source": ["a = 1\n", None, "b = 2"], "metadata": []},
            {"cell_type": "odd", "source": None},
            {"cell_type": "markdown", "source": "\ud800", "metadata": {"nbgrader": 1}},
        ]
    }
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(damaged), encoding="utf-8")
    notebook = grade.read_notebook(path)
    kinds = [(one.cell_type, one.source) for one in notebook.cells]
    assert kinds == [("code", "a = 1\nb = 2"), ("raw", ""), ("markdown", "?")]
    path.write_bytes(json.dumps({"cells": []}, ensure_ascii=False).encode("utf-8-sig"))
    assert grade.read_notebook(path).cells == []
    text = '{"cells": [{"cell_type": "code", "source": "# 感知机"}]}'
    path.write_bytes(text.encode("gb18030"))
    assert grade.read_notebook(path).cells[0].source == "# 感知机"


def test_the_assignment_is_found_without_its_name(tmp_path):
    made = releases()
    for slug, notebook in made.items():
        assert grade.identify(sent(notebook, tmp_path), made) == slug
        plain = copy.deepcopy(notebook)
        plain.metadata = {}
        for one in plain.cells:
            one.metadata = {}
        assert grade.identify(sent(plain, tmp_path), made) == slug
    stranger = new_notebook(cells=[new_code_cell("1 + 1"), made["00-small"].cells[1]])
    assert grade.identify(sent(stranger, tmp_path), made) == ""


def restored(notebook, folder):
    read_again = sent(notebook, folder)
    notes = grade.restore(read_again, student_copy(small_master()))
    return read_again, notes


def test_an_orderly_submission_is_left_as_it_is(tmp_path):
    answers = {"ex1": "answer_1 = 7", "ex4-written": "I think so."}
    notebook, notes = restored(student_copy(small_master(), answers), tmp_path)
    assert notes == []
    assert [one.id for one in notebook.cells] == [c.id for c in small_master().cells]
    sources = {one.id: one.source for one in notebook.cells}
    assert sources["ex1"] == "answer_1 = 7"
    assert sources["ex4-written"] == "I think so."


def test_given_cells_come_back_and_answers_stay(tmp_path):
    notebook = student_copy(small_master(), {"ex1-test": "pass", "setup": "pass"})
    notebook.cells = [c for c in notebook.cells if c.id not in ("ex2-test", "ex3")]
    notebook.cells.insert(-1, new_code_cell("answer_3 = 3"))
    done, notes = restored(notebook, tmp_path)
    names = [one.id for one in done.cells]
    original = student_copy(small_master())
    for name in ("setup", "ex1-test", "ex2-test", "ex3-test"):
        want = next(one for one in original.cells if one.id == name)
        assert done.cells[names.index(name)].source == want.source
        assert done.cells[names.index(name)].metadata == want.metadata
    assert names.index("ex2") < names.index("ex2-test") < names.index("ex3-text")
    assert "ex3" not in names, "a stub in its place would undo the student's own cell"
    assert any("ex1-test: the test was changed" in note for note in notes)
    assert any("ex2-test: it was missing" in note for note in notes)


def test_cells_are_known_without_their_metadata(tmp_path):
    answers = {"ex1": "answer_1 = 7", "ex4-written": "I think so."}
    notebook = json.loads(json.dumps(student_copy(small_master(), answers)))
    for one in notebook["cells"]:
        del one["id"]
        one["metadata"] = {}
    done, notes = restored(notebook, tmp_path)
    known = {one.id: one.source for one in done.cells}
    assert notes == []
    assert known["ex4-written"] == "I think so.", "recognised by its place"
    assert {"setup", "ex1-test", "ex2-test", "ex3-test"} <= set(known)
    assert len(done.cells) == len(notebook["cells"])


def test_of_a_cell_that_was_split_the_last_part_counts(tmp_path):
    notebook = student_copy(small_master(), {"ex1": "answer_1 = 7"})
    twin = copy.deepcopy(next(one for one in notebook.cells if one.id == "ex1"))
    twin.source = "answer_1 += 1"
    notebook.cells.insert([c.id for c in notebook.cells].index("ex1") + 1, twin)
    done, _ = restored(notebook, tmp_path)
    sources = [one.source for one in done.cells]
    assert sources.index("answer_1 = 7") + 1 == sources.index("answer_1 += 1")
    assert done.cells[sources.index("answer_1 += 1")].id == "ex1"


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
        ("file.ipynb", "", "is not a folder"),
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


def test_marks_are_read_as_spreadsheets_write_them(tmp_path):
    path = tmp_path / "written.csv"
    head = ";".join(grade.MARKS)
    path.write_text(f"\ufeff{head}\nLi;00-small;ex4-written;4;2,5;Fine;'=1\n", "utf-8")
    (row,) = grade.read_marks(path)
    assert (row["points"], row["comment"], row["answer"]) == (2.5, "Fine", "=1")
    for worth in ("5", "-1", "good"):
        path.write_text(f"{head}\nLi;00-small;ex4-written;4;{worth};;\n", "utf-8")
        with pytest.raises(GradingError, match="from 0 to 4"):
            grade.read_marks(path)
    assert grade.read_marks(tmp_path / "none.csv") == []


def test_no_cell_of_a_table_is_taken_for_a_formula():
    for text in ("=1+1", "+1", "-1", "@x", "Li", "'quoted'", ""):
        assert grade.plain(grade.safe(text)) == text
    assert grade.safe("=1+1")[0] == "'"
    assert grade.safe(2.0) == "2"


# --- nbgrader, on a class


def need_environment():
    if not (exercises.ENVIRONMENT / "bin" / "python").exists():
        pytest.fail(
            "nbgrader's environment .venv-grade is missing: 'make test' sets it up"
        )


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
    """Submissions of a class; for each student (assignment, cells that differ from the
    solution, as far as tests can tell), or None where nothing can be graded."""
    first, *others = SLUGS
    code, test = first_test(first)
    wrong_cell, _, wrong = wrong_answers(first)[0]
    broken = {code: "raise RuntimeError"}
    empty = student_copy(read(first))
    expected = {
        "Ann Right": (first, {}),
        "李 雷": (
            first,
            {c.id: c.source for c in empty.cells if kind(c) == "solution"},
        ),
        "wu": (first, {wrong_cell: wrong}),
        "loop": (first, broken),
        "exit": (first, broken),
        "tamper": (first, broken),
        "broken": None,
    }
    cells = {
        "Ann Right": {"ex-none": ""},
        "wu": {wrong_cell: wrong},
        "loop": {code: "while True:\n    pass"},
        "exit": {code: "import os\nos._exit(3)"},
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
    for slug in others[:1]:
        wrong_cell, _, wrong = wrong_answers(slug)[-1]
        answers = solution_of(slug) | {wrong_cell: wrong}
        nbformat.write(answered(slug, answers), folder / "zhang.ipynb")
        nbformat.write(
            answered(slug, solution_of(slug)), folder / "Ann Right" / "b.ipynb"
        )
        expected["zhang"] = (slug, {wrong_cell: wrong})
    return expected


def table(path: Path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.skipif(not SLUGS, reason="there are no exercises yet")
def test_a_class_is_graded_as_the_fast_runner_says(tmp_path):
    """Real nbgrader against the fast runner, and everything around it."""
    need_environment()
    folder, out = tmp_path / "a class", tmp_path / "out"
    folder.mkdir()
    expected = make_class(folder)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    run = [folder, out, "--timeout", "10"]
    done = command("grade.py", *run, "--again", SECRET="do not leak")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before

    # Points: as the fast runner gives them for the same answers.
    rows = {
        (row["student"], row["assignment"]): row for row in table(out / "grades.csv")
    }
    assert rows["broken", ""]["status"] == "unreadable"
    points = {}
    for slug in {case[0] for case in expected.values() if case}:
        (tmp_path / slug).mkdir()
        cases = {n: c[1] for n, c in expected.items() if c and c[0] == slug and c[1]}
        results = run_variants(read(slug), cases, tmp_path / slug)
        results["Ann Right"] = results.pop("")
        del results["after wrong"]
        for name, result in results.items():
            row = rows[name, slug]
            got = {k: float(row[k]) for k in full_marks(read(slug))}
            assert got == scores(read(slug), result["passed"]), (name, slug)
            points[name] = sum(got.values())
    first = SLUGS[0]
    status = {
        name: row["status"] for (name, slug), row in rows.items() if slug == first
    }
    assert status["loop"] == "timeout"
    assert status["exit"] == "crashed"
    assert [status[n] for n in ("Ann Right", "李 雷", "wu", "tamper")] == ["ok"] * 4
    assert float(rows["Ann Right", first]["total"]) == sum(
        full_marks(read(first)).values()
    )
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
    grade.write_table(
        out / "written.csv",
        [grade.MARKS, *([row[name] for name in grade.MARKS] for row in answers)],
    )
    done = command("grade.py", *run)
    assert "1 to grade" in done.stdout, done.stdout + done.stderr
    rows = {
        (row["student"], row["assignment"]): row for row in table(out / "grades.csv")
    }
    gained = float(rows["wu", first]["total"]) - float(mine[0]["max"])
    assert gained == points["wu"]
    page = (out / rows["wu", first]["feedback"]).read_text(encoding="utf-8")
    assert "A clear answer." in page
    assert "0 to grade" in command("grade.py", *run).stdout
    assert table(out / "written.csv") == answers


@pytest.mark.slow
def test_student_copies_are_those_of_nbgrader(tmp_path):
    """The cuts that the tests make are nbgrader's, cell for cell, in two masters.

    `make exercises` checks each copy that it writes.
    """
    need_environment()
    slugs = sorted({SLUGS[0], SLUGS[-1]})
    script = (
        "import sys; from pathlib import Path; from book.tools import exercises\n"
        "for slug in sys.argv[2:]: exercises.assemble(slug, Path(sys.argv[1], slug))"
    )
    python = exercises.ENVIRONMENT / "bin" / "python"
    bin_first = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    subprocess.run(
        [str(python), "-c", script, str(tmp_path), *slugs],
        cwd=ROOT,
        check=True,
        env=os.environ | {"PATH": bin_first},
    )
    for slug in slugs:
        path = tmp_path / slug / "release" / slug / f"{slug}.ipynb"
        copied = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        master = read(slug)
        for given, ours in zip(copied.cells, master.cells, strict=True):
            want = (ours.id, exercises.student_source(ours))
            assert (given.id, given.source) == want, slug
        assert exercises.check_student(copied, master) == []


@pytest.mark.slow
@pytest.mark.skipif(not SLUGS, reason="there are no exercises yet")
def test_exercises_are_written_once():
    need_environment()
    slug = SLUGS[0]
    for name in ("student", "solutions"):
        (exercises.BUILD / name / f"{slug}.ipynb").unlink(missing_ok=True)
    done = command("exercises.py", slug)
    assert f"{slug}: written" in done.stdout, done.stderr
    solved = exercises.BUILD / "solutions" / f"{slug}.ipynb"
    cells = nbformat.read(solved, as_version=nbformat.NO_CONVERT).cells
    assert not [
        c.id for c in cells if kind(c) == "solution" and "YOUR CODE" in c.source
    ]
    assert all(c.execution_count for c in cells if c.cell_type == "code" and c.source)
    assert f"{slug}: up to date" in command("exercises.py", slug).stdout
    assert "no master" in command("exercises.py", "99-nothing").stderr
