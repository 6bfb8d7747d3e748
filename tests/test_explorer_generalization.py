"""The explorer of chapter 7 in a browser: its numbers are Python's."""

import numpy as np
import pytest
from test_explorers import state, swipe

from utils.explorers import generalization as ours
from utils.explorers.generalization import GeneralizationExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(GeneralizationExplorer())


def set_slider(page, name, value):
    page.get_by_role("slider", name=name).fill(str(value))


def said(page):
    return page.locator(".ex-text").inner_text()


def check(page, tolerance=1e-8):
    """Points, weights and errors are Python's, and the sentence says them."""
    now = state(page)
    x, y = ours.training_points(now["points"], now["draw"])
    np.testing.assert_allclose(now["train"], np.stack([x, y], 1), rtol=1e-12)
    assert now["strength"] == pytest.approx(ours.STRENGTHS[now["k"]], rel=1e-12)
    w, seen, unseen = ours.errors(
        now["points"], now["draw"], now["degree"], now["kind"], now["strength"]
    )
    np.testing.assert_allclose(now["weights"], w, rtol=tolerance, atol=tolerance)
    assert now["seen"] == pytest.approx(seen, rel=10 * tolerance, abs=tolerance)
    assert now["unseen"] == pytest.approx(unseen, rel=10 * tolerance)
    assert now["best"] == int(np.argmin(now["curve"]))
    text = said(page)
    zeros = int((np.array(now["weights"])[1:] == 0).sum())
    assert f"error {now['seen']:.3f} on these {now['points']} points" in text
    assert f"{now['unseen']:.3f} on new ones" in text
    assert f"{zeros} of {now['degree']} weights are zero" in text
    return now


def test_it_begins_over_fitted(page):
    now = check(page)
    assert (now["points"], now["degree"], now["kind"]) == (15, 12, "L2")
    assert now["unseen"] > 3 * now["seen"]
    assert 0 < now["best"] < 50
    assert now["curve"][now["best"]] < now["unseen"] / 2


@pytest.mark.parametrize(
    ("degree", "points", "draw", "k"),
    [(0, 5, 1, 0), (15, 5, 2, 0), (15, 40, 3, 10), (3, 40, 20, 50), (9, 12, 7, 25)],
)
def test_ridge_equals_python(page, degree, points, draw, k):
    set_slider(page, "degree", degree)
    set_slider(page, "points", points)
    set_slider(page, "sample", draw)
    set_slider(page, "strength", k)
    now = check(page)
    assert (now["degree"], now["points"]) == (degree, points)
    assert (now["draw"], now["k"]) == (draw, k)


@pytest.mark.parametrize(("degree", "points", "k"), [(12, 15, 20), (15, 40, 30)])
def test_lasso_equals_python(page, degree, points, k):
    set_slider(page, "degree", degree)
    set_slider(page, "points", points)
    set_slider(page, "strength", k)
    page.get_by_label("penalty").select_option("L1")
    now = check(page, tolerance=1e-5)
    w, _, _ = ours.errors(points, now["draw"], degree, "L1", now["strength"])
    assert ((np.array(now["weights"]) == 0) == (w == 0)).all()
    assert (w == 0).any()


def test_much_l1_leaves_the_mean(page):
    page.get_by_label("penalty").select_option("L1")
    set_slider(page, "strength", 50)
    now = check(page)
    assert not np.array(now["weights"])[1:].any()
    mean = np.mean([y for _, y in now["train"]])
    assert now["weights"][0] == pytest.approx(mean)


def test_best_button_keys_and_reset(page):
    page.get_by_role("button", name="Best for new points").click()
    now = check(page)
    assert now["k"] == now["best"]
    assert "This is the best strength" in said(page)
    page.get_by_role("slider", name="strength").focus()
    page.keyboard.press("ArrowLeft")
    assert check(page)["k"] == now["best"] - 1
    assert "Best for new points: strength" in said(page)
    set_slider(page, "degree", 0)
    assert "With no weight to hold back" in said(page)
    set_slider(page, "degree", 3)
    page.get_by_role("button", name="Reset").click()
    now = check(page)
    assert (now["degree"], now["k"]) == (12, 0)
    assert page.get_by_role("slider", name="degree").input_value() == "12"


def test_mouse_and_finger_choose_a_strength(page):
    chart = page.locator(".generalization-error svg")
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    first = check(page)["k"]
    page.mouse.move(box["x"] + 0.8 * box["width"], middle)
    page.mouse.up()
    second = check(page)["k"]
    assert 15 < first < 30 < second
    page.mouse.move(box["x"], middle)
    assert state(page)["k"] == second  # nothing is held any more
    chart.tap(position={"x": 0.3 * box["width"], "y": box["height"] / 2})
    assert check(page)["k"] < first


def test_a_swipe_past_the_chart_scrolls_and_chooses_nothing(page):
    page.evaluate("document.body.style.paddingBottom = '2000px'")
    box = page.locator(".generalization-error svg").bounding_box()
    x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.6 * box["height"]
    swipe(page, (x, y), (x + 6, y - 120))
    assert page.evaluate("scrollY") > 50
    assert state(page)["k"] == 0
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    swipe(page, (x, y), (x - 60, y + 5))
    assert page.evaluate("scrollY") == 0
    assert 10 < check(page)["k"] < 35


def test_fits_a_narrow_phone(page):
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for control in page.locator("button, select, input").all():
        assert control.bounding_box()["height"] >= 40
    check(page)


@pytest.mark.parametrize(
    ("name", "value"), [("points", 4), ("points", 41), ("degree", 16), ("draw", 0)]
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(Exception, match=name):
        GeneralizationExplorer(**{name: value})


def test_noise_is_as_announced():
    x, y = ours.sample(20_000, 12345)
    noise = y - np.array([ours.truth(v) for v in x])
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(ours.NOISE, rel=0.02)
    assert abs(x.mean()) < 0.02
    assert -1 <= x.min() < x.max() <= 1
