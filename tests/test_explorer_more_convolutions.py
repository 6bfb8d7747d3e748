"""The explorer of chapter 11 in a browser: its numbers are those of the module."""

import re

import numpy as np
import pytest
import traitlets
from test_explorers import state

from utils.convolution1d import convolution_matrix, output_size
from utils.explorers.more_convolutions import INPUT, MoreConvolutionsExplorer
from utils.more_convolutions import transposed_size


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(MoreConvolutionsExplorer())


def box(page, row, place):
    return page.locator(f'[data-key="{row}{place}"]')


def numbers(texts):
    return [int(text.replace("−", "-")) for text in texts]


def connections(now):
    """The matrix from inputs to outputs, by Python; weights that are 0 show as well."""
    where = [now[name] for name in ("stride", "padding", "dilation")]
    if now["direction"] == "forward":
        n = now["n"]
        size = output_size(n, len(now["kernel"]), *where)
    else:
        n = transposed_size(now["n"], len(now["kernel"]), *where[:2], 0, where[2])
        size = n
    matrices = [
        convolution_matrix(np.array(kernel, float), n, *where)
        for kernel in (now["kernel"], np.ones(len(now["kernel"])))
    ]
    if now["direction"] == "transposed":
        matrices = [matrix.T for matrix in matrices]
    return size, *matrices


def check(page):
    """Outputs, lines and the sentence are those that Python's matrix gives."""
    now = state(page)
    size, weights, touching = connections(now)
    x = np.array(INPUT[: now["n"]], float)
    np.testing.assert_array_equal(now["y"], weights @ x)
    boxes = page.locator('[data-key^="output"] text').all_text_contents()
    assert numbers(boxes) == (weights @ x).astype(int).tolist()
    assert page.locator(".mc-line").count() == np.count_nonzero(touching)
    row, place = now["at"]["row"], now["at"]["place"]
    lit = touching[place] if row == "output" else touching[:, place]
    assert page.locator(".mc-lit").count() == np.count_nonzero(lit)
    said = page.locator(".ex-text").inner_text()
    partners = ", ".join(map(str, np.flatnonzero(lit)))
    assert partners in said
    if row == "output":
        value = f"{(weights @ x)[place]:.0f}".replace("-", "−")
        partners = f"input {partners}" if partners else "no input"
        assert f"= {value}: from {partners}." in said
    assert int(re.search(r"= (\d+)\.$", said)[1]) == size
    return now


def test_starts_with_the_example_of_the_chapter(page):
    assert check(page)["y"] == [1, 2, 5, 4, 6, 0, 3, 6, 9]


@pytest.mark.parametrize("direction", ["forward", "transposed"])
@pytest.mark.parametrize(
    ("kernel", "n", "stride", "padding", "dilation"),
    [
        ("1 1 1 1", 9, 2, 1, 2),
        ("−1 0 1", 7, 1, 2, 1),
        ("1 1", 5, 3, 0, 2),
    ],
)
def test_settings_equal_python(page, direction, kernel, n, stride, padding, dilation):
    page.get_by_label("direction").select_option(direction)
    page.locator("label:has-text('kernel') select").select_option(kernel)
    page.get_by_role("slider", name="inputs").fill(str(n))
    for name, value in (("stride", stride), ("padding", padding)):
        page.get_by_label(name).fill(str(value))
    page.get_by_label("dilation").fill(str(dilation))
    now = check(page)
    assert (now["n"], now["stride"], now["padding"]) == (n, stride, padding)


def test_turned_round_it_keeps_its_lines(page):
    before = page.locator(".mc-line").count()
    page.get_by_label("direction").select_option("forward")
    now = check(page)
    assert (now["n"], len(now["y"])) == (9, 4)
    assert page.locator(".mc-line").count() == before


def test_mouse_and_finger_choose_inputs_and_outputs(page):
    box(page, "input", 1).hover()
    assert check(page)["at"] == {"row": "input", "place": 1}
    assert "Input 1 goes into output 2, 3, 4." in page.locator(".ex-text").inner_text()
    box(page, "output", 7).tap()
    assert check(page)["at"] == {"row": "output", "place": 7}


def test_a_kernel_that_was_changed_can_be_taken_again(page):
    menu = page.locator("label:has-text('kernel') select")
    menu.select_option("1 2 1")
    page.get_by_role("button", name="Raise").click()
    assert check(page)["kernel"] == [2, 2, 1]
    assert menu.input_value() == "own"
    menu.select_option("1 2 1")
    assert check(page)["kernel"] == [1, 2, 1]


def test_keyboard_reaches_everything(page):
    box(page, "output", 2).focus()
    page.keyboard.press("ArrowRight")
    assert check(page)["at"] == {"row": "output", "place": 3}
    page.keyboard.press("ArrowUp")
    assert check(page)["at"] == {"row": "input", "place": 3}
    page.keyboard.press("ArrowDown")
    assert check(page)["at"] == {"row": "output", "place": 3}
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "output 3: 4"
    box(page, "weight", 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("-")
    assert check(page)["kernel"] == [1, 1, 3]
    page.get_by_role("button", name="Raise the selected weight").click()
    assert check(page)["kernel"] == [1, 2, 3]


def test_what_does_not_fit_is_said(page):
    page.get_by_label("direction").select_option("forward")
    page.get_by_role("slider", name="inputs").fill("2")
    assert state(page)["y"] == []
    said = page.locator(".ex-text").inner_text()
    assert said.startswith("Nothing comes out. The kernel reaches over 3 values.")
    assert said.endswith("⌊(2 + 2·0 − 1·(3 − 1) − 1) / 2⌋ + 1 = 0.")
    page.get_by_role("slider", name="inputs").fill("1")
    page.get_by_label("stride").fill("1")
    assert page.locator(".ex-text").inner_text().endswith(" / 1⌋ + 1 = −1.")
    page.get_by_label("stride").fill("2")
    page.get_by_role("slider", name="inputs").fill("2")
    page.get_by_label("padding").fill("1")
    assert len(check(page)["y"]) == 1
    page.get_by_label("direction").select_option("transposed")
    page.get_by_label("padding").fill("2")
    page.get_by_role("slider", name="inputs").fill("1")
    assert state(page)["y"] == []
    assert "Nothing comes out" in page.locator(".ex-text").inner_text()


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 10}, {"kernel": []}, {"stride": 4}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(traitlets.TraitError):
        MoreConvolutionsExplorer(**wrong)


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(MoreConvolutionsExplorer(), width=width)
    page.get_by_label("stride").fill("3")
    page.get_by_role("slider", name="inputs").fill("9")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
