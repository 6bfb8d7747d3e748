"""What every explorer promises: one self-contained module, a still, a sentence."""

import importlib
import re
from pathlib import Path

import pytest

from utils import explorers
from utils.explorers import Explorer

FOLDER = Path(explorers.__file__).parent
NAMES = sorted(f.stem for f in FOLDER.glob("*.py") if f.stem != "__init__")
WIDGET = "application/vnd.jupyter.widget-view+json"


def state(page):
    """What the explorer that a page shows says of itself."""
    return page.evaluate("document.querySelector('.explorer-root').explorer.state()")


def explorer_class(name):
    module = importlib.import_module(f"utils.explorers.{name}")
    found = [
        c
        for c in vars(module).values()
        if isinstance(c, type)
        and issubclass(c, Explorer)
        and c.__module__ == module.__name__
    ]
    assert len(found) == 1, f"{name}.py defines {len(found)} explorers, expected one"
    return found[0]


def test_each_script_has_its_class():
    scripts = {f.stem for f in FOLDER.glob("*.js")} - {"common"}
    assert scripts == set(NAMES)
    assert NAMES, "no explorer found"


@pytest.mark.parametrize("name", NAMES)
def test_output_has_widget_still_and_sentence(name):
    explorer = explorer_class(name)()
    data, metadata = explorer._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == explorer.model_id
    assert data["image/svg+xml"].startswith("<svg role=")
    assert explorer.description in data["text/plain"]
    assert metadata["image/svg+xml"]["alt"] == data["text/plain"]


@pytest.mark.parametrize("name", NAMES)
def test_two_explorers_show_the_same_still(name):
    first, second = (explorer_class(name)()._repr_mimebundle_()[0] for _ in range(2))
    assert first["image/svg+xml"] == second["image/svg+xml"]
    assert first["text/plain"] == second["text/plain"]


@pytest.mark.parametrize("name", NAMES)
def test_module_is_self_contained(name):
    source = explorer_class(name)._esm
    source = source.replace("http://www.w3.org/2000/svg", "")
    for word in (
        r"\bimport\b",
        r"\bfetch\(",
        r"https?://",
        r"\beval\(",
        "XMLHttpRequest",
    ):
        assert not re.search(word, source), f"{name}.js contains {word}"
    assert "export default" in source


@pytest.mark.parametrize("name", NAMES)
def test_colours_come_from_the_shared_sheet(name):
    own = "".join(
        f.read_text()
        for f in (FOLDER / f"{name}.js", FOLDER / f"{name}.css")
        if f.exists()
    )
    colours = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", own))
    assert not colours, (
        f"{name} has its own colours {colours}: dark mode would miss them"
    )


@pytest.mark.parametrize("missing", ["name", "title", "description"])
def test_incomplete_explorer_is_refused(missing):
    words = {"name": NAMES[0], "title": "t", "description": "d", missing: ""}
    with pytest.raises(TypeError, match="must set name, title and description"):
        type("Incomplete", (Explorer,), words)


def test_explorer_without_script_is_refused():
    words = {"name": "nowhere", "title": "t", "description": "d"}
    with pytest.raises(TypeError, match=r"no nowhere\.js"):
        type("NoScript", (Explorer,), words)
