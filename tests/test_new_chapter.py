"""A whole chapter is added in a copy of the book, by CONTRIBUTING.md, and built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from colab import git

from book.tools import layout, new_chapter

ROOT = layout.ROOT
SLUG = f"{len(layout.chapters()) + 1:02}-made-up"
ASKED = ["--title", 'A "made-up" chapter', "--question", "Does it stand at once?"]
pytestmark = pytest.mark.slow
GENERATED = {"README.md", "book/intro.md"}  # written by make outputs, never by hand


def run(command, folder, both=False):
    """What `command` prints, with `both` to stderr too; it must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr * both


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the book, with one chapter more than the book has."""
    if not (ROOT / ".git").exists():
        pytest.skip("this folder is no git checkout")
    folder = tmp_path_factory.mktemp("book")
    for name in git(ROOT, "ls-files", "-co", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".cache").mkdir()
    (folder / ".cache/vendor").symlink_to(ROOT / ".cache/vendor")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=The book")
    tools = folder / "book/tools"
    run([sys.executable, tools / "new_chapter.py", SLUG, "made_up", *ASKED], folder)
    new = [f"chapters/{SLUG}.ipynb", f"exercises/masters/{SLUG}.ipynb"]
    run([sys.executable, tools / "outputs.py", *new], folder)
    return folder


def test_no_shared_line_is_touched(copy):
    changed = git(copy, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert {line[3:] for line in changed if line[:2] == " M"} == GENERATED
    added = {line[3:] for line in changed if line[:2] == "??"}
    assert f"exercises/{SLUG}.ipynb" in added, "the student copy, by make outputs"
    assert len(added) == len(changed) - len(GENERATED) == len(new_chapter.FILES) + 1


def test_it_passes_every_test_as_it_is(copy):
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    own = ["tests/test_made_up.py", "tests/test_explorer_made_up.py"]
    shared = ["notebooks", "facts", "house", "exercises"]
    files = [f"tests/test_{name}.py" for name in shared]
    chosen = f"{SLUG} or made_up or house"
    notebook = "--nbval", "--nbval-current-env", f"chapters/{SLUG}.ipynb"
    said = run([*test, "-k", chosen, *own, *files, *notebook], copy)
    assert " passed" in said
    assert " failed" not in said


def test_the_site_has_it(copy):
    """Its own pages, in a book of two chapters: tests/test_site.py builds the rest."""
    first = layout.chapters()[0].slug
    for path in copy.glob("*/**/[0-9][0-9]-*.ipynb"):
        if path.stem not in (first, SLUG):
            path.unlink()
    builder = Path(sys.executable).with_name("jupyter-book")
    said = run([builder, "build", ".", "-n", "-q"], copy, both=True)
    warned = [line for line in said.splitlines() if f"{SLUG}.ipynb:" in line]
    assert not [line for line in warned if "not found" not in line], said
    page = copy / f"_build/html/chapters/{SLUG}.html"
    assert "Twice a number" in page.read_text(encoding="utf-8")
    page = copy / f"_build/html/exercises/{SLUG}.html"
    text = page.read_text(encoding="utf-8")
    assert "4 points, about 10 minutes" in text
    assert text.count("<summary>A hint</summary>") == 4
    home = (copy / "_build/html/index.html").read_text(encoding="utf-8")
    assert home.count(f"chapters/{SLUG}.html") >= 2, "in the navigation and on a card"
    assert "Does it stand at once?" in home


@pytest.mark.parametrize(
    ("slug", "module", "message"),
    [
        ("11", "made_up", "slug must look like '11-more-convolutions', got '11'"),
        ("99-made-up", "made_up", "the next chapter's number is"),
        (SLUG, "Made-Up", "module must be a Python name"),
        (SLUG, "mlp", "utils/mlp.py is there already"),
    ],
)
def test_what_cannot_be_begun(slug, module, message):
    with pytest.raises(ValueError, match=message):
        new_chapter.new_chapter(slug, module, "T", "Q")
