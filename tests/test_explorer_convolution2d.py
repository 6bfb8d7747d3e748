"""The explorer of chapter 4 in a browser: its numbers are utils.convolution2d's."""

import re

import numpy as np
import pytest
import traitlets
from test_explorers import heights, state

from utils.convolution1d import output_size
from utils.convolution2d import conv2d
from utils.explorers.convolution2d import Convolution2dExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(Convolution2dExplorer())


def shown(page, panel="output"):
    """The numbers of a grid, as the reader sees them."""
    rows = page.locator(f".conv2d-{panel} g[role=row]").all()
    return [
        [int(t.replace("−", "-")) for t in row.locator("text").all_text_contents()]
        for row in rows
    ]


def products(page, image, kernel, now):
    """The products at the chosen place, which the page must show as well."""
    (u, v), d = now["at"], now["dilation"]
    top, left = u * now["stride"], v * now["stride"]
    rows, columns = (d * (n - 1) + 1 for n in kernel.shape)
    padded = np.pad(image, now["padding"])
    found = kernel * padded[top : top + rows : d, left : left + columns : d]
    assert shown(page, "products") == found.astype(int).tolist()
    weights = page.locator(".conv2d-lens text").all_text_contents()
    assert weights == [f"×{w:.0f}".replace("-", "−") for w in kernel.ravel()]
    moved = page.locator(".conv2d-lens").evaluate("g => g.style.transform")
    assert moved == f"translate({30 * left}px, {30 * top}px)"
    return found


def cell(page, panel, row, column):
    return page.locator(f'.conv2d-{panel} [data-key="{row},{column}"]')


def check(page):
    """The output is Python's, and the sentence says the chosen value and the size."""
    now = state(page)
    image, kernel = (np.array(now[k], float) for k in ("image", "kernel"))
    settings = {k: now[k] for k in ("stride", "padding", "dilation")}
    expected = conv2d(image[None, None], kernel[None, None], **settings)[0, 0]
    np.testing.assert_array_equal(now["y"], expected)
    assert shown(page) == expected.astype(int).tolist()
    u, v = now["at"]
    said = page.locator(".ex-text").inner_text().replace("−", "-")
    assert re.match(rf"Y\[{u}, {v}\] = (.* = )?{expected[u, v]:.0f} \(", said)
    assert "= 0 = 0" not in said
    assert products(page, image, kernel, now).sum() == expected[u, v]
    caption = page.locator(".conv2d-products figcaption").inner_text()
    assert caption.endswith(f" {expected[u, v]:.0f}".replace("-", "−"))
    size = output_size(len(image), len(kernel), **settings)
    assert said.endswith(f" + 1 = {size}.")
    return now


def test_starts_with_the_example_of_the_chapter(page):
    assert check(page)["y"] == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


@pytest.mark.parametrize(
    ("image", "kernel", "stride", "padding", "dilation"),
    [
        ("edge", "sobel x", 1, 0, 1),
        ("seven", "Laplace", 2, 1, 1),
        ("diagonal", "sobel y", 1, 2, 3),
        ("seven", "sum", 3, 2, 2),
    ],
)
def test_settings_equal_python(page, image, kernel, stride, padding, dilation):
    page.locator("label:has-text('image') select").select_option(image)
    page.locator("label:has-text('kernel') select").select_option(kernel)
    for name, value in (("stride", stride), ("padding", padding)):
        page.get_by_label(name).fill(str(value))
    page.get_by_label("dilation").fill(str(dilation))
    now = check(page)
    assert (now["stride"], now["padding"], now["dilation"]) == (
        stride,
        padding,
        dilation,
    )


def test_mouse_paints_edits_and_points(page):
    cell(page, "image", 0, 3).click()
    assert check(page)["image"][0] == [1, 1, 1, 1, 0]
    cell(page, "kernel", 1, 1).click()
    page.get_by_role("button", name="Lower the selected weight").click()
    page.get_by_role("button", name="Lower the selected weight").click()
    assert check(page)["kernel"][1] == [0, -1, 0]
    cell(page, "output", 2, 1).hover()
    assert check(page)["at"] == [2, 1]


@pytest.mark.parametrize(("menu", "name"), [("image", "seven"), ("kernel", "sum")])
def test_what_was_changed_can_be_taken_again(page, menu, name):
    select = page.locator(f"label:has-text('{menu}') select")
    select.select_option(name)
    before = check(page)[menu]
    cell(page, "kernel" if menu == "kernel" else "image", 0, 0).click()
    if menu == "kernel":
        page.keyboard.press("Control+=")  # the browser's
        assert check(page)[menu] == before
        button(page, "Raise").click()
    assert check(page)[menu] != before
    assert select.input_value() == "own"
    select.select_option(name)
    assert check(page)[menu] == before
    select.select_option("own")
    assert check(page)[menu] == before


def test_finger_paints_and_chooses(page):
    cell(page, "image", 4, 4).tap()
    cell(page, "output", 1, 2).tap()
    now = check(page)
    assert now["image"][4][4] == 1
    assert now["at"] == [1, 2]


def test_keyboard_reaches_everything(page):
    cell(page, "image", 0, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert check(page)["image"][1][1] == 0
    cell(page, "kernel", 0, 0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert check(page)["kernel"][1][0] == 2
    cell(page, "output", 0, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert check(page)["at"] == [1, 1]
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("output row 1, column 1")


def test_a_mouse_at_rest_leaves_the_choice_to_the_keyboard(page):
    cell(page, "output", 1, 1).hover()
    assert check(page)["at"] == [1, 1]
    page.keyboard.press("Tab")
    cell(page, "output", 1, 1).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)  # the browser sends a move of the mouse that rests
    assert check(page)["at"] == [1, 2]


def button(page, name):
    return page.get_by_role("button", name=name)


def test_the_kernel_slides_step_by_step(page):
    assert not state(page)["playing"]  # by itself only where motion is welcome
    for place in ([0, 1], [0, 2], [1, 0]):
        button(page, "One place on").click()
        assert check(page)["at"] == place
    for _ in range(4):
        button(page, "One place back").tap()
    assert check(page)["at"] == [2, 2]
    button(page, "One place on").focus()
    page.keyboard.press("Enter")
    assert check(page)["at"] == [0, 0]


@pytest.mark.parametrize("width", [320, 390, 760])
def test_nothing_below_moves_while_the_kernel_slides(mount_explorer, width):
    page = mount_explorer(Convolution2dExplorer(), width)
    assert len(set(heights(page, "▶\ufe0e", 9))) == 1


STEP = 250  # milliseconds of a "fast" film


def test_play_and_pause(mount_explorer):
    page = mount_explorer(Convolution2dExplorer(), stopped=True)

    def steps(count):
        page.clock.run_for(count * STEP)
        return state(page)["at"]

    page.get_by_label("speed").select_option("fast")
    button(page, "Play").click()
    assert steps(2) == [0, 2]
    assert page.locator(".ex-text").get_attribute("aria-live") == "off"
    faint = '.conv2d-output text[opacity="0.45"]'  # what is still to come
    assert page.locator(faint).count() == 6
    assert steps(6) == [2, 2]
    assert steps(1) == [0, 0]  # and round again
    cell(page, "image", 4, 4).click()  # paints, and the film goes on
    assert steps(1) == [0, 1]
    button(page, "Pause").focus()
    page.keyboard.press("Space")
    now = check(page)
    assert not now["playing"]
    assert page.locator(faint).count() == 0
    assert page.locator(".ex-text").get_attribute("aria-live") == "polite"
    assert steps(2) == now["at"]
    button(page, "Play").tap()
    cell(page, "output", 2, 0).tap()
    now = check(page)
    assert (now["at"], now["playing"]) == ([2, 0], False)


def test_the_film_waits_while_something_is_pressed(mount_explorer):
    page = mount_explorer(Convolution2dExplorer(), stopped=True)
    page.get_by_label("speed").select_option("fast")
    button(page, "Play").click()
    cell(page, "image", 3, 3).hover()
    before = state(page)
    page.mouse.down()
    page.clock.run_for(3 * STEP)
    assert state(page) == before
    page.mouse.up()
    now = state(page)
    assert now["image"][3][3] != before["image"][3][3]
    page.clock.run_for(STEP)
    assert state(page)["at"] != now["at"]


def test_it_slides_once_by_itself_and_rests_out_of_sight(mount_explorer):
    explorer = Convolution2dExplorer()
    page = mount_explorer(explorer, motion="no-preference", stopped=True)
    page.get_by_label("speed").select_option("fast")
    button(page, "Pause").wait_for()
    page.clock.run_for(STEP)
    assert state(page)["at"] == [0, 1]
    # In sight and out of it: the observer is asked, and it answers before this does.
    seen = """() => new Promise((done) => {
      new IntersectionObserver(done).observe(document.querySelector(".ex-stage"));
    }).then((entries) => entries[0].isIntersecting)"""
    for padding, inside in (("3000px", False), ("0", True)):
        page.evaluate(f"document.body.style.paddingTop = '{padding}'")
        assert page.evaluate(seen) == inside
        page.clock.run_for(STEP)
        now = state(page)
        assert (now["at"], now["playing"]) == ([0, 2 if inside else 1], True)
    page.clock.run_for(6 * STEP)
    assert state(page)["at"] == [2, 2]
    page.clock.run_for(STEP)
    button(page, "Play").wait_for()
    page.clock.run_for(2 * STEP)
    assert check(page)["at"] == [2, 2]


def test_reset_brings_everything_back(page):
    before = {**check(page)}
    cell(page, "image", 0, 3).click()
    page.locator("label:has-text('kernel') select").select_option("sum")
    page.get_by_label("stride").fill("2")
    page.get_by_label("speed").select_option("fast")
    button(page, "Play").click()
    button(page, "Reset").click()
    assert check(page) == before
    assert page.get_by_label("stride").input_value() == "1"
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    page.wait_for_timeout(400)
    assert state(page) == before


def test_nothing_but_zeros_is_said_in_words(page):
    page.locator("label:has-text('kernel') select").select_option("identity")
    page.keyboard.press("Tab")
    cell(page, "output", 1, 0).tap()
    cell(page, "image", 2, 1).tap()
    cell(page, "image", 2, 1).tap()
    said = page.locator(".ex-text").inner_text()
    assert said.startswith("Y[1, 0] = 0 (every product has a zero in it).")


def test_a_zero_is_said_to_be_left_out_only_where_one_is(mount_explorer):
    grids = {"image": [[1, 1, 0], [1, 1, 1], [1, 1, 1]], "kernel": [[1, 1], [1, 1]]}
    page = mount_explorer(Convolution2dExplorer(**grids))
    for place, aside in ((0, "."), (1, " (products with a zero left out).")):
        cell(page, "output", 0, place).click()
        said = page.locator(".ex-text").inner_text()
        assert f"= {4 - place}{aside} Output size" in said


def test_a_kernel_that_does_not_fit_is_said_not_drawn(page):
    page.get_by_label("dilation").fill("3")
    assert state(page)["y"] == []
    assert "reaches over 7 rows" in page.locator(".ex-text").inner_text()
    page.get_by_label("padding").fill("1")
    assert len(check(page)["y"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"image": [[1, 0], [1]]}, {"image": [[1, 2]] * 3}, {"kernel": [[10]]}],
)
def test_impossible_grids_are_refused(wrong):
    with pytest.raises(traitlets.TraitError):
        Convolution2dExplorer(**wrong)


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(Convolution2dExplorer(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
