"""The explorer of chapter 13 in a browser: its numbers are utils.design's."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_design import layers
from test_explorers import state
from traitlets import TraitError

from utils import design
from utils.explorers.design import PRESETS, DesignExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(DesignExplorer())


def by_python(text, channels=1, size=28):
    """What the explorer should say: the costs, or the place and the reason."""
    try:
        costs = design.budget(text, (channels, size, size))
    except ValueError as error:
        message, _, mark = str(error).split("\n")
        return {"at": mark.index("^"), "message": message}
    return {"costs": [cost._asdict() for cost in costs]}


def by_script(page, texts, channels=1, size=28):
    call = "([texts, c, n]) => texts.map((t) => document.querySelector("
    call += "'.explorer-root').explorer.budget(t, c, n))"
    return page.evaluate(call, [texts, channels, size])


def test_random_designs_equal_python(page):
    @settings(
        max_examples=4,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(layers(), min_size=40, max_size=40), st.sampled_from([1, 3]))
    def check(texts, channels):
        wanted = [by_python(text, channels, 20) for text in texts]
        assert by_script(page, texts, channels, 20) == wanted

    check()


def test_errors_equal_python(page):
    texts = [
        "",
        "C16-Q8",
        "c1",
        "C8--P",
        "(C8",
        "C8)",
        "C8 P",
        "é-C8",
        "C8-é",
        "P*",
        "G7",
    ]
    texts += ["C8x", "C8kk", "C8k", "C8v1", "C0", "C8*0", "(C1*99)*99", "C8k4", "F8-G"]
    texts += [
        "P*9",
        "C\u0663",
        "'-C8",
        "C3-C4g",
        "C",
        "P-F",
        "C12345",
        "C8s2s2",
        "C8*2*2",
        "((C8)*2-P)*2",
    ]
    assert by_script(page, texts) == [by_python(text) for text in texts]


def test_typing_a_design_fills_the_table(page):
    page.get_by_role("textbox", name="design").fill("C8-P-F12")
    now = state(page)
    assert now["costs"] == by_python("C8-P-F12")["costs"]
    rows = page.locator("tbody tr")
    assert rows.nth(0).inner_text().split("\t") == [
        *("C8", "8 × 28²", "3", "1", "88", "56,448", "6,272")
    ]
    assert rows.count() == 5
    said = page.locator(".ex-text").inner_text()
    assert said.startswith("3 layers with weights, 19,046 parameters,")


def test_a_mistake_is_marked(page):
    page.get_by_role("textbox", name="design").fill("C8-Q")
    assert page.locator(".dn-marked").inner_text() == "C8-Q\n   ^"
    assert page.locator("table").is_hidden()
    assert "no layer is called 'Q'" in page.locator(".ex-text").inner_text()


@pytest.mark.parametrize("label", PRESETS)
def test_presets(page, label):
    page.get_by_label("or take").select_option(label=label)
    page.get_by_label("image").select_option("3 × 32 × 32")
    now = state(page)
    assert now["design"] == PRESETS[label]
    assert now["costs"] == by_python(PRESETS[label], 3, 32)["costs"]


def test_a_design_that_was_changed_can_be_taken_again(page):
    label, design = next(iter(PRESETS.items()))
    page.get_by_label("or take").select_option(label=label)
    page.get_by_role("textbox", name="design").fill("C8-P-F12")
    assert page.get_by_label("or take").input_value() == ""
    page.get_by_label("or take").select_option(label=label)
    assert state(page)["design"] == design


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(DesignExplorer(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("textbox", name="design").bounding_box()["height"] >= 40


@pytest.mark.parametrize("image", ["1x28x28", "1 × 28 × 32", "28 × 28", ""])
def test_an_image_that_is_none_is_refused(image):
    with pytest.raises(TraitError, match="image must be channels × n × n"):
        DesignExplorer(image=image)
    assert DesignExplorer(image="3×32×32").still() is not None
