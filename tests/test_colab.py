"""The set-up cell of every notebook, on Colab and elsewhere.

That each chapter runs to its end there, `pytest --nbval --alone chapters` tests, and
test_exercises.py that each exercise does. `make test-colab` runs all of them with the
packages that Colab has.
"""

import json
import os
import subprocess
import sys

import colab as stand_in
import pytest
from colab import COURSE, ROOT
from nbclient import NotebookClient

from book.tools import exercises, layout
from utils import notebook as course_notebook

SETUP = layout.setup_cell()
COLABS_OWN = {"torch", "numpy", "ipython", "ipywidgets", "ipykernel", "matplotlib"}
WHERE = "\nimport utils; print(utils.__file__)"
pytestmark = pytest.mark.slow  # a clone for each


@pytest.fixture
def colab(tmp_path):
    """The environment of a process on Colab; its empty folder is tmp_path/content."""
    return stand_in.machine(tmp_path)


def pip_calls(colab):
    """What pip was asked for, a list of arguments each."""
    if not os.path.exists(colab["PIP_LOG"]):
        return []
    with open(colab["PIP_LOG"], encoding="utf-8") as log:
        return [json.loads(line) for line in log]


def set_up(colab, folder, before="", **environment):
    """Run the set-up cell in `folder`, then print where the course comes from."""
    command = [sys.executable, "-c", before + SETUP + WHERE]
    return subprocess.run(
        command, cwd=folder, env=colab | environment, capture_output=True, text=True
    )


@pytest.fixture
def content(tmp_path):
    return tmp_path / "content"


def test_fetches_once(colab, content):
    first = set_up(colab, content)
    assert first.returncode == 0, first.stderr
    course = content / COURSE
    said = f"This notebook uses the course in {course}\n{course / 'utils/__init__.py'}"
    assert first.stdout.strip() == said
    assert first.stderr == ""
    again = set_up(colab, content, BOOK_REPOSITORY="file:///nowhere")
    assert again.stdout == first.stdout


def test_uses_the_course_around_it(colab, content):
    for folder in (ROOT, ROOT / "chapters", ROOT / "exercises"):
        done = set_up(colab, folder, BOOK_REPOSITORY="file:///nowhere")
        assert done.stdout.strip() == str(ROOT / "utils/__init__.py"), done.stderr
    assert not (ROOT / "chapters" / COURSE).exists()


def test_without_network_says_what_to_do_and_can_be_run_again(colab, content):
    failed = set_up(colab, content, BOOK_REPOSITORY="file:///nowhere")
    assert failed.returncode != 0
    assert "RuntimeError: Cannot fetch file:///nowhere. Check the n" in failed.stderr
    assert "BOOK_REPOSITORY" in failed.stderr
    assert list(content.iterdir()) == []
    assert set_up(colab, content).returncode == 0


def test_an_interrupted_fetch_is_begun_anew(colab, content):
    part = content / f"{COURSE}.part"
    (part / ".git").mkdir(parents=True)
    (part / "utils").mkdir()
    (part / "utils/notebook.py").write_text("half a fi")
    done = set_up(colab, content)
    assert done.returncode == 0, done.stderr
    assert not part.exists()
    assert (content / COURSE / "LICENSE").exists()


def complaint(done):
    """What the cell says when it gives up, in one line at the end."""
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr.strip().splitlines()[-1]


def test_an_older_clone_is_told(colab, content):
    for name in ("utils/__init__.py", "book/tools/setup_cell.txt"):
        (content / COURSE / name).parent.mkdir(parents=True)
        (content / COURSE / name).touch()
    (content / COURSE / "utils/notebook.py").write_text("def setup():\n    pass\n")
    said = complaint(set_up(colab, content))
    assert f"{content / COURSE} is older than this notebook: remove it" in said
    assert said.endswith("restart the kernel, and run this cell again.")


@pytest.mark.parametrize("other", ["utils.py", "utils/__init__.py"])
def test_another_package_of_the_name_is_told(colab, content, other):
    (content / other).parent.mkdir(exist_ok=True)
    (content / other).touch()
    said = complaint(set_up(colab, content, before="import utils\n"))
    assert "Another 'utils' is imported" in said
    assert str(content / other) in said
    assert "restart the kernel" in said


def test_a_folder_that_is_not_ours_is_left_alone(colab, content):
    (content / COURSE / "utils").mkdir(parents=True)
    (content / COURSE / "utils/notebook.py").touch()  # a common name
    (content / COURSE / "thesis.txt").write_text("mine")
    said = complaint(set_up(colab, content))
    assert f"{content / COURSE} is there, but is not the course: move it away" in said
    assert (content / COURSE / "thesis.txt").read_text() == "mine"
    assert [path.name for path in content.iterdir()] == [COURSE]


def test_without_git_says_what_to_do(colab, content):
    said = complaint(set_up(colab, content, PATH=str(content)))
    assert "git is missing: install it, or unpack file://" in said
    assert list(content.iterdir()) == []


def test_a_student_copy_answers_at_once(colab, content, monkeypatch):
    """Solved, with a student's own numbers, alone in an empty folder."""
    slug = "04-convolution-2d"
    master = exercises.vary(exercises.master_of(slug), "0012")
    solution = {c.id: c.source for c in master.cells if exercises.kind(c) == "solution"}
    notebook = exercises.student_copy(exercises.master_of(slug), slug, "0012")
    for cell in notebook.cells:
        cell.source = solution.get(cell.id, cell.source)
    notebook.cells[-1].source += "\nconvolve = max\ncheck(3)"
    for name in set(os.environ) - set(colab):
        monkeypatch.delenv(name)
    for name, value in colab.items():
        monkeypatch.setenv(name, value)
    place = {"metadata": {"path": str(content)}}
    NotebookClient(notebook, kernel_name="python3", resources=place).execute()
    said = {
        cell.id: "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.id.endswith("-check")
    }
    assert len(said) == 8
    *first, last = said.values()
    assert all(": right, " in text for text in first)
    assert "8 ✓   18 of 18 points" in last
    assert "Task 3, The layer: 0 of 2 points.\nThe test cannot use your answer." in last
    assert last.endswith("3 ✗   4 ✓   5 ✓   6 ✓   7 ✓   8 ✓   16 of 18 points\n")


def test_the_edition_is_that_of_the_course():
    assert f'"EDITION", 1) < {course_notebook.EDITION}:' in SETUP


def test_installs_only_what_is_missing_and_nothing_beside_it(colab, content):
    done = set_up(colab, content, HIDDEN="pooch anywidget")
    assert done.returncode == 0, done.stderr
    expected = ["install", "--quiet", "--no-deps", "anywidget", "pooch"]
    assert pip_calls(colab) == [expected]


def test_names_what_cannot_be_installed(colab, content):
    done = set_up(colab, content, HIDDEN="pooch", PIP_WORKS="")
    assert "ModuleNotFoundError: the notebook needs pooch" in done.stderr


def test_installs_nothing_on_other_machines(colab, content):
    done = set_up(colab, content, HIDDEN="pooch", ON_COLAB="")
    assert "ModuleNotFoundError: the notebook needs pooch" in done.stderr
    assert pip_calls(colab) == []


def test_never_touches_what_colab_ships():
    assert not COLABS_OWN & set(course_notebook.SMALL_PACKAGES.values())
