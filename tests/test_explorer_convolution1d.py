"""The explorer of chapter 3 in a browser: its numbers are utils.convolution1d's."""

import numpy as np
import pytest
import traitlets
from test_explorers import state, swipe

from utils import convolution1d
from utils.explorers.convolution1d import Convolution1dExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(Convolution1dExplorer())


def check(page):
    """The output is Python's, and the sentence under it says so."""
    now = state(page)
    settings = now["stride"], now["padding"], now["dilation"]
    operation = (
        convolution1d.convolve1d if now["flip"] else convolution1d.cross_correlate1d
    )
    expected = operation(now["x"], now["w"], *settings)
    np.testing.assert_array_equal(now["y"], expected)
    assert page.locator("[data-output]").count() == len(expected)
    said = page.locator(".ex-text").inner_text().replace("−", "-")
    assert f"y[{now['at']}] = " in said
    assert f" = {expected[now['at']]:.0f}. Output size" in said
    size = convolution1d.output_size(len(now["x"]), len(now["w"]), *settings)
    assert said.endswith(f" = {size}.")
    return now


def drag_slider(page, name, value):
    box = page.get_by_label(name)
    box.fill(str(value))


def test_starts_with_the_example_of_the_chapter(page):
    now = check(page)
    assert now["y"] == [5, 2, 8, 12, 4]


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, 2, 1), (2, 1, 2), (3, 4, 3), (2, 0, 1)]
)
def test_settings_equal_python(page, stride, padding, dilation):
    drag_slider(page, "stride", stride)
    drag_slider(page, "padding", padding)
    drag_slider(page, "dilation", dilation)
    page.get_by_label("flip").check()
    now = check(page)
    assert (now["stride"], now["padding"], now["dilation"]) == (
        stride,
        padding,
        dilation,
    )
    assert now["flip"]


def test_keyboard_edits_and_moves(page):
    page.locator('[data-key="w0"]').focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert check(page)["w"] == [2, 0, -1]
    page.locator('[data-key="w1"]').wait_for()
    assert page.evaluate("document.activeElement.dataset.key") == "w1"


def test_keys_follow_the_picture_of_a_flipped_kernel(page):
    page.get_by_label("flip").check()
    page.locator('[data-key="w0"]').focus()
    before = page.locator('[data-key="w0"]').bounding_box()["x"]
    page.keyboard.press("ArrowRight")  # the first weight stands at the right end
    assert page.evaluate("document.activeElement.dataset.key") == "w0"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.key") == "w1"
    assert page.locator('[data-key="w1"]').bounding_box()["x"] < before


def test_keys_of_the_browser_are_left_to_it(page):
    page.locator('[data-key="w0"]').focus()
    before = check(page)
    for key in ("Control+ArrowUp", "Alt+ArrowLeft", "Meta+ArrowRight"):
        page.locator('[data-key="w0"]').press(key)
    assert check(page) == before
    assert page.evaluate("document.activeElement.dataset.key") == "w0"


def test_a_second_finger_and_other_buttons_of_the_mouse_do_nothing(page):
    send = page.context.new_cdp_session(page).send

    def touch(kind, *fingers):
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(fingers)]
        send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def middle(key):
        box = page.locator(f'[data-key="{key}"]').bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    before = check(page)
    one = page.locator("svg").first.bounding_box()["width"] / 100  # pixels a unit
    (x, y), other = middle("x3"), middle("x0")
    touch("touchStart", (x, y))
    touch("touchMove", (x, y + one))
    touch("touchStart", (x, y + one), other)
    touch("touchMove", (x, y + one), (other[0], other[1] - 40))
    touch("touchMove", (x, y + 3 * one), (other[0], other[1] - 40))
    touch("touchEnd")
    now = check(page)
    assert now["x"][3] == before["x"][3] - 3
    assert now["x"][0] == before["x"][0]
    page.mouse.move(*other)
    page.mouse.down(button="right")
    page.mouse.move(other[0], other[1] - 60)
    page.mouse.up(button="right")
    assert check(page) == now
    page.mouse.move(*other)
    page.mouse.down()  # and the next press is heard
    page.mouse.move(other[0], other[1] - 2 * one)
    page.mouse.up()
    assert check(page)["x"][0] == now["x"][0] + 2


def test_mouse_drags_a_bar_and_slides_the_kernel(page):
    box = page.locator('[data-key="x3"]').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 200, steps=5)
    page.mouse.up()
    assert check(page)["x"][3] < 5
    page.get_by_role("button", name="Slide right").click()
    assert check(page)["at"] == 1
    page.locator('[data-output="4"]').click()
    assert check(page)["at"] == 4
    assert page.get_by_role("button", name="Slide right").is_disabled()
    page.get_by_role("button", name="Slide right").focus()  # and it is still there
    page.keyboard.press("Enter")
    assert check(page)["at"] == 4
    page.get_by_role("button", name="Slide left").click()
    page.get_by_role("button", name="Slide right").focus()
    page.keyboard.press("Enter")
    assert check(page)["at"] == 4
    active = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(active) == "Slide right"


def test_paddings_by_name(page):
    page.get_by_label("taps").select_option("5")
    for name, size in (("wide", 11), ("same", 7), ("narrow", 3)):
        page.get_by_role("button", name=name).click()
        assert len(check(page)["y"]) == size


def test_a_finger_drags_a_bar_and_not_the_page(page):
    page.evaluate("document.body.style.paddingBottom = '2000px'")
    for key in ("x3", "w1"):
        box = page.locator(f'[data-key="{key}"]').bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        swipe(page, (x, y), (x, y - 60))
        assert page.evaluate("scrollY") == 0
    now = check(page)
    assert now["x"][3] == 9
    assert now["w"][1] > 5
    name = page.locator("text", has_text="output y").bounding_box()
    swipe(page, (name["x"] - 60, name["y"] + 60), (name["x"] - 60, name["y"] - 90))
    assert page.evaluate("scrollY") > 50  # beside the bars the page is free
    after = check(page)
    assert (after["x"], after["w"]) == (now["x"], now["w"])


def test_a_finger_that_touches_no_bar_moves_none(page):
    wrong = []
    page.on("pageerror", lambda error: wrong.append(error))
    before = check(page)
    name = page.locator("text", has_text="output y").bounding_box()
    swipe(page, (name["x"] - 60, name["y"] + 60), (name["x"] - 60, name["y"] - 90))
    after = check(page)
    assert (after["x"], after["w"]) == (before["x"], before["w"])
    assert wrong == []


def test_bars_have_the_keys_of_sliders(page):
    page.evaluate("document.body.style.paddingBottom = '2000px'")
    page.locator('[data-key="x2"]').click()
    for key, value in (("Home", -9), ("PageUp", -6), ("End", 9), ("PageDown", 6)):
        page.keyboard.press(key)
        assert check(page)["x"][2] == value
    page.keyboard.press("Space")
    page.wait_for_timeout(100)
    assert page.evaluate("scrollY") == 0


def test_a_named_padding_keeps_its_name(page):
    page.get_by_role("button", name="same").click()
    for taps, dilation, padding in ((5, 1, 2), (5, 3, 6), (3, 2, 2), (1, 2, 0)):
        page.get_by_label("taps").select_option(str(taps))
        drag_slider(page, "dilation", dilation)
        now = check(page)
        assert (now["padding"], len(now["y"])) == (padding, 7)
        assert page.get_by_label("padding").input_value() == str(padding)
    page.get_by_label("taps").select_option("4")
    drag_slider(page, "dilation", 1)
    said = page.locator(".ex-text").inner_text()
    assert said.endswith('For "same" it would take 1.5 zeros on each side.')
    pressed = page.locator('[aria-pressed="true"]')
    assert pressed.inner_text() == "same"
    page.get_by_role("button", name="wide").click()
    drag_slider(page, "dilation", 3)
    assert (
        "9 zeros on each side, too many here." in page.locator(".ex-text").inner_text()
    )
    drag_slider(page, "padding", 1)
    assert pressed.count() == 0


def test_a_kernel_that_does_not_fit_is_said_not_drawn(page):
    page.get_by_label("taps").select_option("5")
    drag_slider(page, "dilation", 3)
    assert state(page)["y"] == []
    assert "reaches over 13 values" in page.locator(".ex-text").inner_text()
    assert page.locator('[data-key][tabindex="0"]').count() == 1


@pytest.mark.parametrize("kernel", [[], [1] * 6, [10]])
def test_impossible_kernels_are_refused(kernel):
    with pytest.raises(traitlets.TraitError, match="kernel"):
        Convolution1dExplorer(kernel=kernel)


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(Convolution1dExplorer(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
