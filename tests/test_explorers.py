"""What every explorer promises: one self-contained module, a still, a sentence."""

import functools
import importlib
import re
from pathlib import Path

import pytest

from book.tools.outputs import VIEW
from utils import explorers
from utils.explorers import Explorer

FOLDER = Path(explorers.__file__).parent
NAMES = sorted(f.stem for f in FOLDER.glob("*.py") if f.stem != "__init__")


STATE = "document.querySelector('.explorer-root').explorer.state()"


def state(page):
    """What the explorer that a page shows says of itself."""
    return page.evaluate(STATE)


# Until a page that was pushed lies still.
REST = """async () => {
  let last = null;
  while (last !== scrollY) {
    last = scrollY;
    await new Promise((done) => setTimeout(done, 100));
  }
}"""


def swipe(page, start, end, steps=6):
    """A finger goes from `start` to `end`, (x, y) in the window."""
    send = page.context.new_cdp_session(page).send
    touch = "Input.dispatchTouchEvent"
    for k in range(steps + 1):
        x, y = (a + (b - a) * k / steps for a, b in zip(start, end, strict=True))
        kind = "touchMove" if k else "touchStart"
        send(touch, {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        page.evaluate("() => new Promise(requestAnimationFrame)")
    send(touch, {"type": "touchEnd", "touchPoints": []})
    page.evaluate(REST)


def heights(page, button, steps=20):
    """How high the explorer is while a button, by its text, is pressed."""
    return page.evaluate(
        """([words, steps]) => Array.from({ length: steps }, () => {
          const buttons = [...document.querySelectorAll("button")];
          buttons.find((button) => button.textContent === words).click();
          return document.querySelector(".explorer-root").offsetHeight;
        })""",
        [button, steps],
    )


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
    scripts = {
        f.stem
        for f in FOLDER.glob("*.js")
        if "export default" in f.read_text(encoding="utf-8")
    }
    assert scripts == set(NAMES)
    assert NAMES, "no explorer found"


def test_no_name_stands_in_two_scripts():
    """What two explorers need is written once, in a file from which both import."""
    found = {}
    declared = r"(?m)^(?:export )?(?:function|class|const|let) (?:(\w+)|\[([^]]+)\])"
    for file in FOLDER.glob("*.js"):
        for one, several in re.findall(declared, file.read_text(encoding="utf-8")):
            for name in (one or several).replace(",", " ").split():
                found.setdefault(name, []).append(file.name)
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_numbers_are_written_in_one_place():
    """Rounded otherwise than in common.js, they would not equal those of the text."""
    for file in set(FOLDER.glob("*.js")) - {FOLDER / "common.js"}:
        for line in file.read_text(encoding="utf-8").splitlines():
            ours = "toFixed" not in line or line.startswith("export const points")
            assert ours, f"{file.name}: {line}"  # the corners of a drawing
            assert not re.search(r"toPrecision|toExponential|toLocale", line), file.name


def test_shared_parts_may_import_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(explorers, "FOLDER", tmp_path)
    (tmp_path / "one.js").write_text("export const one = 1;\n")
    two = 'import { one } from "./one.js";\nexport const two = one + 1;\n'
    (tmp_path / "two.js").write_text(two)
    own = 'import { one } from "./one.js";\nimport { two } from "./two.js";\n'
    (tmp_path / "own.js").write_text(own + "export default one + two;\n")
    joined = explorers.script("own")
    assert joined.count("const from_one =") == joined.count("const from_two =") == 1
    assert joined.index("const from_one =") < joined.index("const from_two =")
    assert "import" not in joined


@pytest.fixture
def common(browser):
    """A function that evaluates an expression with what common.js exports."""
    page = browser.new_page()
    kit = explorers.script("common")
    names = ", ".join(explorers.EXPORT.findall(kit))
    kit = explorers.EXPORT.sub("", kit)
    page.evaluate(f"() => {{ {kit}; window.common = {{ {names} }}; }}")
    yield page.evaluate
    page.close()


@pytest.mark.parametrize("digits", [0, 1, 2, 3])
def test_numbers_are_rounded_as_python_rounds_them(common, digits):
    ties = [k / 8 for k in range(-60, 60)]
    values = [*ties, 21.45, 100 * (1 - 0.7855), 1e-9, 5e-4, 1234567.25, 2**60 + 0.0]
    values += [1.005, 0.285, 9.995, 1e20]
    write = "([values, digits]) => values.map((v) => common.thousands(v, digits))"
    for value, text in zip(values, common(write, [values, digits]), strict=True):
        assert text.replace("−", "-") == f"{value:z,.{digits}f}"


def test_significant_digits_as_python_writes_them(common):
    values = [10 ** (k / 10 - 4) for k in range(51)] + [0.0, 99.6, 0.0995, -3.14159]
    texts = common("values => values.map((v) => common.significant(v))", values)
    assert texts == [
        f"{v:.2g}".replace("-", "−") if abs(v) < 99 else f"{v:.0f}" for v in values
    ]


def test_large_numbers_stay_short(common):
    brief = "v => common.brief(v)"
    cases = {0.125: "0.12", -12.5: "−12.50", 1234.5: "1234", 2.865e37: "2.9·10³⁷"}
    for value, text in (cases | {-1e5: "−1.0·10⁵", 9.96e120: "1.0·10¹²¹"}).items():
        assert common(brief, value) == text


# Changes everything: sliders, menus, boxes, and what keys and buttons do.
CHANGE = """() => {
  const root = document.querySelector(".explorer-root");
  const send = (node, Kind, name, key) =>
    node.dispatchEvent(new Kind(name, { key, bubbles: true, cancelable: true }));
  for (const node of root.querySelectorAll("input, select")) {
    const { type, value, min, max, options } = node;
    if (type === "checkbox") node.click();
    else if (type === "range") node.value = value === max ? min : max;
    else if (options) node.selectedIndex = (node.selectedIndex + 1) % options.length;
    for (const name of ["input", "change"]) send(node, Event, name);
  }
  for (const node of root.querySelectorAll("[tabindex='0']")) {
    for (const key of ["ArrowRight", "ArrowUp", "+", " "])
      send(node, KeyboardEvent, "keydown", key);
  }
  for (const node of root.querySelectorAll("button"))
    if (node.textContent !== "Reset") node.click();
}"""
SEEN = """() => {
  const root = document.querySelector(".explorer-root");
  const values = [...root.querySelectorAll("input, select")]
    .map((node) => [node.value, node.checked]);
  const { className, textContent } = root;
  return JSON.stringify([className, textContent, values, root.explorer.state()]);
}"""


@pytest.mark.parametrize("name", NAMES)
def test_reset_resets_everything(mount_explorer, name):
    page = mount_explorer(explorer_class(name)())
    before = page.evaluate(SEEN)
    page.evaluate(CHANGE)
    assert page.evaluate(SEEN) != before
    page.get_by_role("button", name="Reset").click()
    assert page.evaluate(SEEN) == before


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_for_it_and_not_for_jupyterlab(mount_explorer, name):
    page = mount_explorer(explorer_class(name)())
    taken = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, [tabindex='0']")]
          .filter((node) => node.tabIndex >= 0 && node.checkVisibility())
          .map((node) => {
            node.focus();
            return document.activeElement.hasAttribute("data-lm-suppress-shortcuts");
          })"""
    )
    assert len(taken) > 1
    assert all(taken)


# Without a page, as JupyterLab makes some views, and taken away before it had one.
LATER = """async () => {
  const frames = async () => {
    for (let k = 0; k < 3; k += 1) await new Promise(requestAnimationFrame);
  };
  const [late, never] = [0, 1].map(() => document.createElement("div"));
  const stop = new AbortController();
  const made = explorer.render({ model, el: late, signal: stop.signal });
  const ended = explorer.render({ model, el: never, signal: stop.signal });
  await frames();
  const before = late.textContent;
  document.body.append(late);
  const leave = await made;
  const shown = [...late.querySelectorAll("canvas")].map((c) => c.toDataURL());
  stop.abort();
  leave();
  return [before, shown, late.textContent, await ended, never.textContent];
}"""


@pytest.mark.parametrize("name", ["lenet", "transfer"])
def test_it_waits_for_its_place_on_the_page(mount_explorer, name):
    page = mount_explorer(explorer_class(name)())
    pictures = "[...document.querySelectorAll('canvas')].map((c) => c.toDataURL())"
    expected = page.evaluate(pictures)
    assert expected
    assert page.evaluate(LATER) == ["", expected, "", None, ""]


@pytest.mark.parametrize("name", ["lenet", "transfer"])
def test_what_is_painted_follows_the_theme(mount_explorer, name):
    page = mount_explorer(explorer_class(name)())
    painted = "document.querySelector('canvas').toDataURL()"
    before = page.evaluate(painted)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"(before) => {painted} !== before", arg=before)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(f"(before) => {painted} === before", arg=before)


@functools.cache
def shown(name):
    """An explorer, and its output."""
    explorer = explorer_class(name)()
    return explorer, *explorer._repr_mimebundle_()


@pytest.mark.parametrize("name", NAMES)
def test_output_has_widget_still_and_sentence(name):
    explorer, data, metadata = shown(name)
    assert data[VIEW]["model_id"] == explorer.model_id
    assert data["image/svg+xml"].startswith("<svg role=")
    assert explorer.description in data["text/plain"]
    assert metadata["image/svg+xml"]["alt"] == data["text/plain"]


@pytest.mark.parametrize("name", NAMES)
def test_two_explorers_show_the_same_still(name):
    _, first, _ = shown(name)
    second, _ = explorer_class(name)()._repr_mimebundle_()
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
