"""The explorer of chapter 5 in a browser: its numbers are utils.pooling's."""

import numpy as np
import pytest
from test_explorers import state

from utils import pooling
from utils.explorers.pooling import PoolingExplorer
from utils.figures.pooling import EXAMPLE

FORWARD = {"max": pooling.max_pool2d, "mean": pooling.avg_pool2d}
BACKWARD = {"max": pooling.max_pool2d_backward, "mean": pooling.avg_pool2d_backward}


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(PoolingExplorer())


def numbers(page, panel):
    """What a grid of the page shows."""
    rows = page.locator(f".pooling-{panel} [role=row]").all()
    texts = [row.locator("text").all_text_contents() for row in rows]
    return [[float(t.replace("−", "-")) for t in row] for row in texts]


def check(page):
    """Output and gradient are Python's, in the state and on the page."""
    now = state(page)
    kind, settings = now["kind"], (now["size"], now["stride"])
    x = np.array(now["image"], float)[None, None]
    y = FORWARD[kind](x, *settings)
    np.testing.assert_allclose(now["y"], y[0, 0], rtol=1e-12)
    delta = np.array(now["delta"], float)
    if not now["all"]:
        assert delta.sum() == delta[tuple(now["at"])] == 1
    else:
        assert (delta == 1).all()
    grad = BACKWARD[kind](delta[None, None], x, *settings)[0, 0]
    np.testing.assert_allclose(now["gradient"], grad, rtol=1e-12)
    np.testing.assert_array_equal(numbers(page, "image"), x[0, 0])
    np.testing.assert_allclose(numbers(page, "output"), y[0, 0], atol=0.0051)
    np.testing.assert_allclose(numbers(page, "gradient"), grad, atol=0.0051)
    said = page.locator(".ex-text").inner_text()
    u, v = now["at"]
    assert said.startswith(f"Y[{u}, {v}] = ")
    assert f"reaches {np.count_nonzero(grad)} of {x.size} numbers" in said
    assert said.endswith(f" = {y.shape[2]}.")
    return now


def set_slider(page, name, value):
    page.get_by_role("slider", name=name).fill(str(value))


def test_starts_with_the_example_of_the_chapter(page):
    now = check(page)
    assert now["image"] == EXAMPLE
    assert now["y"] == [[7, 4, 5], [2, 9, 8], [4, 1, -1]]
    page.get_by_label("take the").select_option("mean")
    means = [[1.25, 0.25, -1.25], [0.75, 4.5, 2.5], [-0.25, 0.25, -3]]
    assert check(page)["y"] == means


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 1), (3, 2), (1, 3), (2, 3)])
def test_settings_equal_python(page, kind, size, stride):
    page.get_by_label("take the").select_option(kind)
    set_slider(page, "size", size)
    set_slider(page, "stride", stride)
    assert not check(page)["all"]
    page.get_by_label("errors from all outputs").check()
    now = check(page)
    assert (now["kind"], now["size"], now["stride"]) == (kind, size, stride)


def test_mouse_touch_and_keys_choose_an_output(page):
    page.locator('.pooling-output [data-key="1,2"]').hover()
    assert check(page)["at"] == [1, 2]
    page.locator('.pooling-output [data-key="2,0"]').tap()
    assert check(page)["at"] == [2, 0]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert check(page)["at"] == [1, 1]
    place = page.evaluate("document.activeElement.dataset.key")
    assert place == "1,1"


def test_numbers_are_edited_by_keys_and_buttons(page):
    page.locator('.pooling-image [data-key="0,0"]').focus()
    page.keyboard.press("ArrowRight")
    for _ in range(5):
        page.keyboard.press("+")
    now = check(page)
    assert now["image"][0][1] == 8
    assert now["y"][0][0] == 8
    page.get_by_role("button", name="Lower the selected number").click()
    now = check(page)
    assert now["image"][0][1] == now["image"][1][0] == 7
    assert now["gradient"][0][1] == 1  # of equals the first wins
    assert "the first of 2 equal values" in page.locator(".ex-text").inner_text()
    for _ in range(5):
        page.keyboard.press("+")  # the focus is on the button: nothing happens
    page.get_by_role("button", name="Reset").click()
    assert check(page)["image"] == EXAMPLE


def test_reset_is_for_settings_too(page):
    before = check(page)
    page.get_by_label("take the").select_option("mean")
    set_slider(page, "size", 3)
    set_slider(page, "stride", 1)
    for text in page.locator(".pooling-output [role=row] g").all():  # −0.33 and −1.33
        square, words = text.locator("rect"), text.locator("text")
        assert words.bounding_box()["width"] <= square.bounding_box()["width"]
    page.get_by_role("button", name="Reset").click()
    assert check(page) == before


def test_values_stay_within_their_limits(page):
    page.locator('.pooling-image [data-key="2,2"]').click()
    page.get_by_role("button", name="Raise the selected number").click()
    assert check(page)["image"][2][2] == 9


def test_fits_a_narrow_phone(page):
    page.set_viewport_size({"width": 320, "height": 700})
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320
    box = page.locator('.pooling-output [data-key="0,0"] rect').bounding_box()
    assert box["width"] >= 34
    check(page)


@pytest.mark.parametrize(
    "image",
    [[], [[1, 2, 3]] * 4, [[1] * 7] * 4, [[10] * 4] * 4, [[1] * 4] * 3 + [[1] * 5]],
)
def test_impossible_images_are_refused(image):
    with pytest.raises(Exception, match="image"):
        PoolingExplorer(image=image)


def test_an_odd_image_has_a_still_too():
    assert PoolingExplorer(image=[[1, 2, 3, 4, 5]] * 5).still() is not None
