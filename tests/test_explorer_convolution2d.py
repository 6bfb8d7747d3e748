"""The explorer of chapter 4 in a browser: its numbers are utils.convolution2d's."""

import numpy as np
import pytest
import traitlets
from test_explorers import state

from utils.convolution1d import output_size
from utils.convolution2d import conv2d
from utils.explorers.convolution2d import Convolution2dExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(Convolution2dExplorer())


def shown(page):
    """The numbers of the output grid, as the reader sees them."""
    rows = page.locator(".conv2d-output g[role=row]").all()
    return [
        [int(t.replace("−", "-")) for t in row.locator("text").all_text_contents()]
        for row in rows
    ]


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
    assert said.startswith(f"Y[{u}, {v}] = ")
    assert f" = {expected[u, v]:.0f} (products with a zero left out)" in said
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
