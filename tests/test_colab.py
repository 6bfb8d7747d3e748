"""Every notebook, alone in an empty folder on Colab, fetches the course and runs.

Colab is stood in for by a module google.colab that is there before the first cell, the
repository by a clone of this working tree, and pip by a stub that writes down what it
was asked for. `make test-colab` runs this file with the packages that Colab has.
"""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from book.tools import layout
from utils import notebook as course_notebook

ROOT = layout.ROOT
SETUP = layout.setup_cell()
NOTEBOOKS = sorted([*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("exercises/*.ipynb")])
COURSE = "perceptron-to-resnet"  # the folder that the set-up cell makes
COLABS_OWN = {"torch", "numpy", "ipython", "ipywidgets", "ipykernel", "matplotlib"}
VIEW = "application/vnd.jupyter.widget-view+json"
WHERE = "\nimport utils; print(utils.__file__)"

# Read by every Python that starts with STAND_IN on its path: Colab's module, and a
# finder that hides packages until the stub of pip "installs" them.
SITECUSTOMIZE = """\
import os, sys, types
from importlib.machinery import PathFinder

def module(name, **contents):
    sys.modules[name] = made = types.ModuleType(name)
    made.__dict__.update(contents, __path__=[])
    return made

if os.environ["ON_COLAB"]:
    widgets = module("google.colab.output._widgets", _installed_url=None)
    output = module("google.colab.output", _widgets=widgets)
    output.enable_custom_widget_manager = lambda: setattr(
        widgets, "_installed_url", "https://example.org/manager.js"
    )
    module("google", colab=module("google.colab", output=output))

class Partial(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in os.environ["HIDDEN"].split():
            return None
        return super().find_spec(name, path, target)

    @classmethod
    def invalidate_caches(cls):
        if os.environ["PIP_WORKS"] and os.path.exists(os.environ["PIP_LOG"]):
            os.environ["HIDDEN"] = ""
        super().invalidate_caches()

sys.meta_path[sys.meta_path.index(PathFinder)] = Partial
"""
PIP = """\
import json, os, sys
with open(os.environ["PIP_LOG"], "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""


def git(*arguments, cwd):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", *name, "-c", "commit.gpgsign=false", *arguments]
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Address of a repository whose only commit is this working tree as it is now."""
    if not (ROOT / ".git").exists():
        pytest.skip("this folder is no git checkout, so there is nothing to clone")
    copy = tmp_path_factory.mktemp("repository")
    names = git("ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    git("init", "--quiet", cwd=copy)
    git("add", "--all", cwd=copy)
    git("commit", "--quiet", "--message=The working tree", cwd=copy)
    return copy.as_uri()


@pytest.fixture
def colab(tmp_path, repository):
    """The environment of a process on Colab; its empty folder is tmp_path/content."""
    stand_in = tmp_path / "stand-in"
    (stand_in / "pip").mkdir(parents=True)
    (stand_in / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (stand_in / "pip/__main__.py").write_text(PIP)
    (stand_in / "pip/__init__.py").touch()
    script = tmp_path / "bin/pip"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip "$@"\n')
    script.chmod(0o755)
    (tmp_path / "content").mkdir()
    return os.environ | {
        "PYTHONPATH": str(stand_in),
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_LOG": str(tmp_path / "pip.log"),
        "PIP_WORKS": "yes",
        "HIDDEN": "",
        "ON_COLAB": "yes",
        "BOOK_REPOSITORY": repository,
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def pip_calls(colab):
    """What pip was asked for, a list of arguments each."""
    if not os.path.exists(colab["PIP_LOG"]):
        return []
    with open(colab["PIP_LOG"], encoding="utf-8") as log:
        return [json.loads(line) for line in log]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_notebook_alone_runs_to_its_end(path, colab, tmp_path):
    content = tmp_path / "content"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(new_code_cell(WHERE.strip(), id="where"))
    resources = {"metadata": {"path": str(content)}}
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=300, resources=resources
    )
    client.execute(env=colab)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"{cell.id}: {output.text}"
            if VIEW in output.get("data", {}):  # else Colab would not show it
                assert "custom_widget_manager" in output.metadata[VIEW]["colab"]
    used = notebook.cells[-1].outputs[-1].text.strip()
    assert used == str(content / COURSE / "utils/__init__.py")
    assert not list(content.glob("*.part"))
    assert pip_calls(colab) == []


# ------------------------------------------------------------ the set-up cell


def set_up(colab, folder, **environment):
    """Run the set-up cell in `folder`, then print where the course comes from."""
    command = [sys.executable, "-c", SETUP + WHERE]
    return subprocess.run(
        command, cwd=folder, env=colab | environment, capture_output=True, text=True
    )


@pytest.fixture
def content(tmp_path):
    return tmp_path / "content"


def test_fetches_once(colab, content):
    first = set_up(colab, content)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == str(content / COURSE / "utils/__init__.py")
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
