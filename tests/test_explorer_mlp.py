"""The explorer of chapter 2 in a browser: what it shows is what utils.mlp computes."""

import numpy as np
import pytest
import traitlets
from test_explorers import state

from utils import mlp
from utils.explorers.mlp import MLPExplorer
from utils.figures import mlp as figures

NEXT = ".mlp-next"


@pytest.fixture
def page(mount_explorer):
    """The explorer in a page of its own, wide."""
    return mount_explorer(MLPExplorer())


def twin(state):
    """The MLP in the state of the page, after forward and backward."""
    net = mlp.MLP([2, 3, 2], state["activation"], state["loss"])
    net.weights = [np.array(w, float) for w in state["weights"]]
    net.biases = [np.array(b, float) for b in state["biases"]]
    x, d = np.array([state["x"]], float), np.array([state["d"]], float)
    error = net.error(x, d)
    net.backward(d)
    return net, error


def assert_as_python(page):
    shown = state(page)
    net, error = twin(shown)
    assert shown["error"] == pytest.approx(error, rel=1e-12)
    for name, ours in [("a", net.a), ("z", net.z), ("delta", net.delta)]:
        for there, here in zip(shown[name], ours, strict=True):
            np.testing.assert_allclose(there, here[0], rtol=1e-12, atol=1e-15)
    for there, here in zip(shown["gradWeights"], net.grad_weights, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-15)
    for there, here in zip(shown["gradBiases"], net.grad_biases, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-15)


def written(value, digits=2):
    text = f"{abs(value):.{digits}f}"
    return ("−" if value < 0 and float(text) else "") + text


def words(page, selector):
    return page.locator(selector).all_text_contents()


def test_starts_with_the_worked_example(page):
    net, x, d = mlp.worked_example()
    shown = state(page)
    assert shown["x"] == x[0].tolist()
    assert shown["d"] == d[0].tolist()
    assert all(
        np.array_equal(a, b) for a, b in zip(shown["weights"], net.weights, strict=True)
    )
    assert all(
        np.array_equal(a, b) for a, b in zip(shown["biases"], net.biases, strict=True)
    )


def test_layer_by_layer_forward_and_back(page):
    net, error = twin(state(page))
    values = [written(v) for z in net.z for v in z[0]]
    known = lambda: words(page, ".mlp-value")  # noqa: E731
    assert known() == values[:2] + ["?"] * 5
    page.click(NEXT)
    assert known() == values[:5] + ["?"] * 2
    assert "E = ?" in words(page, ".mlp-error")
    page.click(NEXT)
    assert known() == values
    assert words(page, ".mlp-error") == [f"E = {written(error, 4)}"]
    assert "δ" not in "".join(words(page, ".mlp-unit"))
    page.click(NEXT)
    deltas = lambda: [w for w in words(page, ".mlp-delta") if w]  # noqa: E731
    assert deltas() == [f"δ {written(v)}" for v in net.delta[1][0]]
    page.click(NEXT)
    assert deltas() == [f"δ {written(v)}" for d in net.delta for v in d[0]]
    numbers = [written(v) for w in net.grad_weights for v in w.ravel()]
    assert words(page, "[aria-hidden] .mlp-label") == numbers
    assert page.locator(NEXT).is_disabled()
    page.get_by_role("button", name="Lines show").click()
    numbers = [written(v) for w in net.weights for v in w.ravel()]
    assert words(page, "[aria-hidden] .mlp-label") == numbers
    for _ in range(4):
        page.get_by_role("button", name="One back").click()
    assert known() == values[:2] + ["?"] * 5
    assert_as_python(page)


@pytest.mark.parametrize("loss", mlp.LOSSES)
def test_all_activations_as_python(page, loss):
    page.get_by_label("error E").select_option(loss)
    choice = page.get_by_label("activation h")
    options = choice.locator("option").evaluate_all("all => all.map(o => o.value)")
    assert sorted(options) == sorted(mlp.ACTIVATIONS)
    for name in mlp.ACTIVATIONS:
        choice.select_option(name)
        assert state(page)["activation"] == name
        assert_as_python(page)


def test_gradient_steps_as_python(page):
    net, error = twin(state(page))
    x, d = np.array([state(page)["x"]]), np.array([state(page)["d"]])
    for _ in range(3):
        net.error(x, d)
        net.backward(d)
        net.step(0.1)
        page.get_by_role("button", name="Gradient step").click()
        for there, here in zip(state(page)["weights"], net.weights, strict=True):
            np.testing.assert_allclose(there, here, rtol=1e-12)
        after = net.error(x, d)
        told = f"E fell from {written(error, 4)} to {written(after, 4)}"
        assert told in state(page)["text"]
        error = after
    page.get_by_role("button", name="Reset").click()
    test_starts_with_the_worked_example(page)


def test_a_step_too_long_is_told(page):
    page.get_by_label("error E").select_option("squared_error")
    page.get_by_label("step η").fill("5")
    page.get_by_role("button", name="Gradient step").click()
    assert "E rose from" in state(page)["text"]
    assert "too long" in state(page)["text"]


def test_divergence_is_told_in_words_and_short_numbers(page):
    page.get_by_label("error E").select_option("squared_error")
    page.get_by_label("activation h").select_option("identity")
    page.get_by_label("step η").fill("5")
    step = page.get_by_role("button", name="Gradient step")
    step.click()
    step.click()
    text = state(page)["text"]
    assert "E rose from 4714 to 1.5·10¹⁵" in text
    assert "training diverges" in text
    for value in page.locator(".mlp-value.mlp-long").all():
        box, circle = value.bounding_box(), value.locator("..").locator(".mlp-circle")
        assert box["width"] < circle.bounding_box()["width"]
    while step.is_enabled():
        step.click()
    assert "E has diverged: its numbers are larger than" in state(page)["text"]
    assert words(page, ".mlp-error") == ["E has diverged"]
    assert "undefined" not in page.locator(".explorer-root").inner_text()
    page.get_by_role("button", name="Reset").click()
    test_starts_with_the_worked_example(page)
    assert page.get_by_label("step η").input_value() == "0.1"
    assert step.is_enabled()


def test_by_keyboard_alone(page):
    page.keyboard.press("Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "input 1: 1.00"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "weight from input 2 to hidden unit 1: 1.00"
    page.keyboard.press("Tab")  # the slider of the weight
    page.keyboard.press("Tab")  # Next
    page.keyboard.press("Enter")
    # Pressing it moves on to all values; select again and change the weight.
    page.keyboard.press("Shift+Tab")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate(focused) == "hidden unit 2: −0.46"
    page.get_by_label("b⁽¹⁾").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert state(page)["biases"][0] == pytest.approx([0, 0.1, -0.5])
    assert_as_python(page)
    assert "= −0.40" in state(page)["text"]


def test_formulas_hold_the_numbers(page):
    for _ in range(4):
        page.click(NEXT)
    page.locator(".mlp-unit").nth(2).focus()
    assert "1.00 · 0.50 + 0.00 = 1.00" in state(page)["text"]
    assert "tanh(1.00) = 0.76" in state(page)["text"]
    assert "0.42 · ((−0.72) · 0.50 + 0.72 · 1.00) = 0.15" in state(page)["text"]
    page.locator(".mlp-unit").nth(5).focus()
    assert "= 0.28 − 1.00 = −0.72" in state(page)["text"]
    page.locator(".mlp-line").nth(11).focus()
    assert "= 0.72 · 0.24 = 0.18" in state(page)["text"]
    assert "makes it 0.48" in state(page)["text"]


def test_desired_probabilities_share_one(page):
    page.locator(".mlp-unit").nth(6).focus()
    page.get_by_label("d₂").fill("0.3")
    assert state(page)["d"] == pytest.approx([0.7, 0.3])
    assert_as_python(page)
    page.get_by_label("error E").select_option("squared_error")
    page.get_by_label("d₂").fill("-1.5")
    assert state(page)["d"] == pytest.approx([0.7, -1.5])
    page.get_by_label("error E").select_option("cross_entropy")
    assert state(page)["d"] == pytest.approx([0.7, 0.3])
    assert_as_python(page)


def test_hover_shows_a_formula_and_leaves_the_selection(page):
    page.click(NEXT)
    page.locator(".mlp-circle").nth(2).hover()
    assert "tanh" in state(page)["text"]
    page.mouse.move(5, 850)
    assert "tanh" not in state(page)["text"]


def test_a_mouse_at_rest_leaves_the_word_to_the_keyboard(page):
    page.click(NEXT)
    page.locator(".mlp-circle").nth(2).click()
    assert "tanh" in state(page)["text"]
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(100)
    assert "tanh" not in state(page)["text"]


@pytest.mark.parametrize(
    "wrong",
    [{"activation": "ReLU"}, {"loss": "mse"}, {"x": [1.0]}, {"learning_rate": 10.0}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(traitlets.TraitError):
        MLPExplorer(**wrong)


@pytest.mark.parametrize("width", [320, 390])
def test_by_finger_on_a_phone(mount_explorer, width):
    page = mount_explorer(MLPExplorer(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    small = page.locator("button, select, input").evaluate_all(
        "all => all.filter(e => e.getBoundingClientRect().height < 40).length"
    )
    assert small == 0
    # Every weight can be tapped at its number, every unit in its circle.
    labels = page.locator("[aria-hidden] .mlp-label").all()
    page.locator(".mlp-circle").nth(6).tap()
    knob = page.get_by_role("slider", name="b⁽²⁾").bounding_box()
    assert knob["y"] + knob["height"] < 560  # in sight below the network
    lines = page.locator(".mlp-line").all()
    assert len(labels) == len(lines) == 12
    for label, item in zip(labels, lines, strict=True):
        box = label.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert item.get_attribute("aria-selected") == "true"
    for unit in page.locator(".mlp-unit").all():
        unit.locator(".mlp-circle").tap()
        assert unit.get_attribute("aria-selected") == "true"
    # No number on a line covers another one, and none leaves the picture.
    boxes = [label.bounding_box() for label in labels]
    for k, one in enumerate(boxes):
        assert 0 <= one["x"]
        assert one["x"] + one["width"] <= width
        for other in boxes[:k]:
            apart = (
                abs(one["x"] - other["x"]) >= min(one["width"], other["width"]) - 1
                or abs(one["y"] - other["y"]) >= one["height"] - 4
            )
            assert apart


def test_removes_itself(page):
    page.evaluate("window.leave()")
    assert page.locator(".explorer-root").count() == 0


# ------------------------------------------------------------ the still picture


def test_the_still_shows_the_example_that_was_given():
    figure = MLPExplorer(x=[0.0, 3.0], activation="relu").still()
    net, _, _ = mlp.worked_example()
    net.h, net.derivative = mlp.ACTIVATIONS["relu"]
    net.forward(np.array([[0.0, 3.0]]))
    said = {text.get_text() for text in figure.axes[0].texts}
    assert {written(number) for number in net.z[1][0]} <= said


def test_figure_says_what_the_network_holds():
    net, _, _ = mlp.worked_example()
    figure = figures.network(net.grad_weights, net.a, net.z, net.delta)
    said = {text.get_text() for text in figure.axes[0].texts}
    for number in [*net.z[1][0], *net.grad_weights[0].ravel()]:
        assert written(number) in said
    assert rf"$\delta$ {written(net.delta[0][0, 2])}" in said
    figure = figures.network(net.weights, net.a, net.z)
    assert not any("delta" in text.get_text() for text in figure.axes[0].texts)
    net = mlp.MLP([2, 4, 2], "tanh")
    net.forward(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="2-3-2 network"):
        figures.network(net.weights, net.a, net.z)
