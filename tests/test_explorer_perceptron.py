"""The perceptron playground in a browser: its numbers are those of utils.perceptron."""

import random

import numpy as np
import pytest
from test_explorers import STATE, heights, state

from utils import perceptron
from utils.explorers.perceptron import PerceptronExplorer


@pytest.fixture
def show(mount_explorer):
    """A function that shows the explorer with the given traits."""

    def mount(width=760, motion="reduce", stopped=False, **traits):
        return mount_explorer(PerceptronExplorer(**traits), width, motion, stopped)

    return mount


PLAY, PAUSE = "▶\ufe0e Play", "❚❚ Pause"


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


STEP = """() => {
  const buttons = [...document.querySelectorAll("button")];
  buttons.find((button) => button.textContent === "Step").click();
  return document.querySelector(".explorer-root").explorer.state();
}"""


def said(page):
    return page.locator(".ex-text").inner_text()


def points(page):
    return page.locator(".pc-point")


def split(shown):
    table = np.array(shown["points"])
    return table[:, :2], table[:, 2].astype(int)


def assert_trains_like_python(page, passes=6):
    """Press Step for some passes; after each, all is as in perceptron.steps."""
    press(page, "Start again")
    start = state(page)
    X, y = split(start)
    settings = {
        "learning_rate": start["learningRate"],
        "fit_intercept": start["fitIntercept"],
    }
    updates, mistakes, step = 0, {}, None
    for step in perceptron.steps(X, y, max_epochs=passes, **settings):
        shown = page.evaluate(STEP)
        last = shown["last"]
        assert (last["epoch"], last["index"]) == (step.epoch, step.index)
        assert (last["output"], last["error"]) == (
            y[step.index] - step.error,
            step.error,
        )
        assert shown["weight"] == step.weight.tolist()
        assert shown["bias"] == step.bias
        updates += abs(step.error)
        mistakes[step.epoch] = mistakes.get(step.epoch, 0) + abs(step.error)
        assert shown["updates"] == updates
        assert shown["mistakes"][: step.epoch] == list(mistakes.values())
    assert shown["converged"] == (mistakes[step.epoch] == 0)
    assert_bound(page)


def assert_bound(page):
    shown = state(page)
    X, y = split(shown)
    if shown["fitIntercept"]:
        X = np.column_stack([X, np.ones(len(X))])
    assert shown["radius"] == pytest.approx(np.linalg.norm(X, axis=1).max())
    try:
        _, margin = perceptron.max_margin(X, y)
    except ValueError:
        assert shown["margin"] == 0
        assert "not separable" in page.locator("dl").inner_text()
    else:
        assert shown["margin"] == pytest.approx(margin, rel=1e-9)
        bound = perceptron.novikoff_bound(X, y)
        assert f"= {bound:.1f}" in page.locator("dl").inner_text()


@pytest.mark.parametrize("rate", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("bias", [True, False])
def test_every_example_trains_as_in_python(show, rate, bias):
    page = show(learning_rate=rate, fit_intercept=bias)
    for name in perceptron.EXAMPLES:
        page.get_by_role("combobox", name="Points").select_option(name)
        assert split(state(page))[0].tolist() == perceptron.EXAMPLES[name][0].tolist()
        assert_trains_like_python(page, passes=4)


def test_points_that_were_moved_are_ones_own(show):
    page = show()
    menu = page.get_by_role("combobox", name="Points")
    before = state(page)["points"]
    points(page).nth(0).focus()
    page.keyboard.press("ArrowUp")
    assert menu.input_value() == "own"
    press(page, "Start again")
    assert state(page)["points"] != before  # that is for the weights
    menu.select_option("six points")
    assert state(page)["points"] == before


def test_controls_change_the_settings(show):
    page = show()
    page.get_by_label("η").select_option("0.25")
    page.get_by_label("bias").uncheck()
    assert state(page)["learningRate"] == 0.25
    assert not state(page)["fitIntercept"]
    assert_trains_like_python(page, passes=2)


def test_random_points_moved_by_keys_train_as_in_python(show):
    page = show()
    dice = random.Random(0)
    for _ in range(4):
        for k in range(points(page).count()):
            points(page).nth(k).focus()
            for _ in range(dice.randint(0, 4)):
                key = dice.choice(["Left", "Right", "Up", "Down"])
                page.keyboard.press(f"Arrow{key}")
            if dice.random() < 0.3:
                page.keyboard.press("Space")
        assert_trains_like_python(page, passes=3)


def test_a_step_is_told_in_numbers(show):
    page = show()
    press(page, "Step")
    assert said(page) == (
        "Pass 1, point 1: x = (2, 1), y = 1.\n"
        "w·x + b = 0, so f(x) = 0: wrong.\n"
        "w ← (0, 0) + (2, 1) = (2, 1)\nb ← 0 + 1 = 1"
    )
    press(page, "Step")
    assert said(page).endswith("w·x + b = 4.5, so f(x) = 1: right, nothing changes.")
    press(page, "Step")
    assert "w ← (2, 1) − (1, −0.5) = (1, 1.5)\nb ← 1 − 1 = 0" in said(page)
    assert page.locator(".ex-text").get_attribute("aria-live") == "polite"


def test_passes_until_it_has_converged(show):
    page = show()
    for k, mistakes in enumerate([3, 3, 0], start=1):
        press(page, "Run a pass")
        plural = "" if mistakes == 1 else "s"
        assert said(page).startswith(f"Pass {k}: {mistakes} mistake{plural}.\nw = (")
    assert "it has converged" in said(page)
    before = state(page)
    press(page, "Run a pass")
    press(page, "Step")
    assert state(page) == before
    label = page.locator(".pc-side svg").last.get_attribute("aria-label")
    assert label == "Mistakes in each pass: 3, 3, 0"
    press(page, "Start again")
    assert state(page)["weight"] == [0, 0]
    assert state(page)["mistakes"] == [0]


def test_xor_is_told_to_repeat(show):
    page = show(example="XOR")
    for _ in range(3):
        assert "repeats" not in said(page)
        press(page, "Run a pass")
    assert "those after pass 2: from there on everything repeats" in said(page)
    assert state(page)["weight"] == [-1, 0]
    assert state(page)["mistakes"][:3] == [2, 3, 4]
    for _ in range(20):  # more passes than bars
        press(page, "Run a pass")
    assert state(page)["mistakes"] == [2, 3] + 21 * [4] + [0]


def test_mouse_and_finger_drag_a_point(show):
    page = show()
    plane = page.locator(".pc-plane > svg")
    box = plane.bounding_box()

    def pixel(x1, x2):
        return (
            box["x"] + (x1 + 2.5) / 5 * box["width"],
            box["y"] + (2.5 - x2) / 5 * box["height"],
        )

    press(page, "Run a pass")
    page.mouse.move(*pixel(2, 1))
    page.mouse.down()
    page.mouse.move(*pixel(1.55, -1.95), steps=4)
    page.mouse.up()
    assert state(page)["points"][0] == [1.5, -2, 1]
    assert state(page)["weight"] == [0, 0]
    assert "Point 1 is at (1.5, −2)" in said(page)
    page.mouse.move(*pixel(0, 0))  # without the button
    assert state(page)["points"][0] == [1.5, -2, 1]
    finger = page.context.new_cdp_session(page)
    for kind, place in [
        ("touchStart", (-1, -1.5)),
        ("touchMove", (-1.5, -1)),
        ("touchMove", (-4, 4)),
        ("touchEnd", None),
    ]:
        touch = []
        if place:
            x, y = pixel(*place)
            touch = [{"x": max(x, 1), "y": max(y, 1)}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touch})
    assert state(page)["points"][3] == [-2.25, 2.25, 0]  # it stays in the picture
    press(page, "Change class")
    assert state(page)["points"][3] == [-2.25, 2.25, 1]


def test_points_come_and_go(show):
    page = show(example="AND")
    points(page).nth(1).focus()
    page.keyboard.press("Delete")
    assert state(page)["points"] == [[0, 0, 0], [1, 0, 0], [1, 1, 1]]
    assert points(page).nth(1).evaluate("node => node === document.activeElement")
    press(page, "Remove")
    press(page, "Remove")
    assert said(page) == "At least two points must stay."
    assert points(page).count() == 2
    for count in range(3, 13):
        press(page, "Add a point")
        assert points(page).count() == count
    assert len({tuple(p[:2]) for p in state(page)["points"]}) == 12
    press(page, "Add a point")
    assert said(page) == "There can be at most 12 points."
    assert_trains_like_python(page, passes=1)


def test_keyboard_alone(show):
    page = show()
    page.keyboard.press("Tab")
    name = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(name) == "Point 1 at (2, 1), class 1, classified wrongly"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(name) == (
        "Point 1 at (2.25, 1.25), class 1, classified wrongly"
    )
    page.keyboard.press("Enter")
    assert page.evaluate(name).endswith("class 0, classified correctly")
    focus = "getComputedStyle(document.activeElement.querySelector('.pc-focus')).stroke"
    plain = page.evaluate(focus)
    for _ in range(6):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").endswith("Play")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Step"
    page.keyboard.press("Enter")
    assert state(page)["last"]["index"] == 0
    assert plain != "none"


@pytest.mark.parametrize("width", [320, 390, 760])
def test_fits_and_can_be_touched(show, width):
    page = show(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator(".explorer-root button, .explorer-root select").all():
        assert control.bounding_box()["height"] >= 40
    size = points(page).first.bounding_box()
    assert min(size["width"], size["height"]) >= 36


# -------------------------------------------------------------------- the film


def test_film_takes_the_steps_of_python_until_it_has_converged(show):
    """In a chapter it waits for the reader, even where motion is welcome."""
    page = show(motion="no-preference", stopped=True)

    def until(reached):
        while not reached(state(page)):
            page.clock.run_for(250)  # a step of a fast film

    page.get_by_label("speed").select_option("fast")
    page.clock.run_for(1000)
    assert (state(page)["playing"], state(page)["last"]) == (False, None)
    press(page, PLAY)
    until(lambda now: now["updates"] > 1)
    assert page.locator(".ex-text").get_attribute("aria-live") == "off"
    press(page, PAUSE)
    now = state(page)
    X, y = split(now)
    taken = list(perceptron.steps(X, y))[: len(y) * (now["epoch"] - 1) + now["index"]]
    assert now["weight"] == taken[-1].weight.tolist()
    press(page, "Run a pass")
    press(page, "Run a pass")
    press(page, PLAY)
    until(lambda now: now["converged"] and not now["playing"])
    assert page.locator(".ex-text").get_attribute("aria-live") == "polite"
    press(page, PLAY)  # from the start
    until(lambda now: (now["epoch"], now["updates"]) == (1, 1))
    press(page, "Run a pass")
    assert not state(page)["playing"]


def test_one_that_plays_goes_round_and_on_while_points_move(show):
    page = show(motion="no-preference", plays=True, example="AND")
    page.get_by_label("speed").select_option("fast")
    while not state(page)["converged"]:
        press(page, "Run a pass")
    press(page, PLAY)
    page.wait_for_function(f"!{STATE}.converged && {STATE}.playing")
    page.wait_for_function(f"{STATE}.updates > 0")
    points(page).nth(0).focus()
    page.keyboard.press("ArrowUp")
    assert state(page)["playing"]
    press(page, PAUSE)
    assert not state(page)["playing"]


@pytest.mark.parametrize("width", [320, 390, 760])
def test_nothing_below_moves_while_the_film_plays(show, width):
    assert len(set(heights(show(width), "Step"))) == 1


def test_one_that_plays_shows_the_end_where_motion_is_not_welcome(show):
    page = show(plays=True)
    assert (state(page)["converged"], state(page)["playing"]) == (True, False)


def test_leaving_cleans_up(show):
    page = show()
    page.evaluate("window.leave()")
    assert page.locator(".explorer-root").count() == 0


def test_unknown_settings_are_refused_in_python():
    with pytest.raises(Exception, match="example"):
        PerceptronExplorer(example="NAND")
    with pytest.raises(Exception, match="learning_rate"):
        PerceptronExplorer(learning_rate=0.3)
