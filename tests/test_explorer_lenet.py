"""The explorer of chapter 6 in a browser: its numbers are those of torch's LeNet-5."""

import base64
import functools
import gzip
import json
import math

import numpy as np
import pytest
import torch
from test_explorers import state
from torch import nn

from utils import data, records
from utils.dissection import feature_maps
from utils.explorers import lenet as explorer
from utils.explorers.lenet import LeNetExplorer
from utils.lenet import LeNet5, LeNet5Original, as_input
from utils.training import fit, seed_everything

MOST_BYTES = 160_000  # gzipped, of code, style and weights
EXPLORER = "document.querySelector('.explorer-root').explorer"
GOES = pytest.mark.parametrize


@functools.cache
def digits():
    """1,000 test digits, of each class as many."""
    return data.mnist5k()[1]


@functools.cache
def trained(kind):
    """A network: "recorded", or "tanh" or "relu" after a short training."""
    if kind == "recorded":
        return explorer.recorded_model()
    seed_everything(0)
    model = LeNet5(activation=nn.Tanh if kind == "tanh" else nn.ReLU)
    fit(model, data.mnist5k()[0], epochs=1, device="cpu", progress=False)
    return model


KINDS = ["recorded", "tanh", "relu"]


def said(model, picture):
    """What the layers say to a picture in torch: {name: (1, maps, height, width)}."""
    image = torch.tensor(np.asarray(picture), dtype=torch.float32).view(1, 1, 28, 28)
    return {"input": as_input(image), **feature_maps(model, image)}


@functools.cache
def recorded():
    """The explorer as the chapter shows it; no test changes it."""
    return LeNetExplorer()


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(recorded(), width=760)


def verdict(page):
    state(page)  # what waits for the next frame is drawn
    return page.locator(".lenet-verdict").inner_text()


# ---------------------------------------------------------------- the network


@GOES("kind", KINDS)
def test_logits_and_maps_are_those_of_torch(mount_explorer, kind):
    model = trained(kind)
    page = mount_explorer(LeNetExplorer(model))
    images = digits().x[:60]
    call = f"(all) => all.map((image) => {EXPLORER}.logits(image))"
    logits = page.evaluate(call, images.reshape(len(images), -1).tolist())
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    worst = np.abs(np.array(logits) - expected).max()
    time = page.evaluate(
        f"""(image) => {{
          const start = performance.now();
          for (let k = 0; k < 20; k += 1) {EXPLORER}.logits(image);
          return (performance.now() - start) / 20;
        }}""",
        images[0].ravel().tolist(),
    )
    print(f"{kind}: {worst:.1e} from torch, {time:.2f} ms a pass")
    assert worst <= 1e-3

    for image in images[:3]:
        layers = page.evaluate(f"(x) => {EXPLORER}.layers(x)", image.ravel().tolist())
        maps = said(model, image)
        assert [name.lower() for name in layers] == list(maps)
        for name, values in layers.items():
            wanted = maps[name.lower()].flatten()
            np.testing.assert_allclose(values, wanted, atol=1e-3)


@GOES("kind", ["recorded", "relu"])
def test_page_shows_what_the_net_says(mount_explorer, kind):
    page = mount_explorer(LeNetExplorer(trained(kind)))
    for digit in range(10) if kind == "recorded" else [0, 5]:
        page.get_by_role("button", name=f"A {digit} of MNIST").click()
        now = state(page)
        seen = torch.tensor(now["seen"], dtype=torch.float32).view(1, 1, 28, 28)
        np.testing.assert_array_equal(
            np.rint(255 * seen[0, 0].numpy()), explorer.example_digits()[digit]
        )
        maps = feature_maps(trained(kind), seen)
        shares = maps["output"][0].softmax(0).numpy()
        np.testing.assert_allclose(now["shares"], shares, atol=1e-3)
        rows = page.locator(".lenet-answer").all_inner_texts()
        assert [row.split()[0] for row in rows] == list("0123456789")
        shown = [float(row.split()[1].strip(">")) for row in rows]
        np.testing.assert_allclose(shown, 100 * np.array(now["shares"]), atol=0.101)
        best = str(shares.argmax())
        assert page.locator(".lenet-verdict").inner_text() == best
        if kind == "recorded":
            words = page.locator(".ex-text").inner_text()
            assert f"The net says {best}, with" in words


def test_painted_maps_have_the_colours_of_their_values(mount_explorer):
    page = mount_explorer(LeNetExplorer(trained("tanh")))
    page.get_by_role("button", name="A 4 of MNIST").click()
    seen = torch.tensor(state(page)["seen"], dtype=torch.float32).view(1, 1, 28, 28)
    maps = feature_maps(trained("tanh"), seen)
    high, low = np.array([10, 123, 194]), np.array([201, 106, 0])  # blue, orange
    for name, count in {"C1": 6, "S2": 6, "C3": 16, "S4": 16, "C5": 1, "F6": 1}.items():
        pixels = page.eval_on_selector_all(
            f".lenet-{name} canvas",
            """(all) => all.map((c) =>
              [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data])""",
        )
        assert len(pixels) == count
        values = maps[name.lower()][0].reshape(count, -1, 1).numpy()
        share = np.abs(values)
        expected = 255 + share * (np.where(values < 0, low, high) - 255)
        painted = np.array(pixels).reshape(count, -1, 4)[..., :3]
        np.testing.assert_allclose(painted, expected, atol=1.5)


# -------------------------------------------------------------- drawn strokes


def circle(x, y, width, height, turn=1.0):
    angles = np.linspace(-math.pi / 2, 2 * math.pi * turn - math.pi / 2, 24)
    return [(x + width / 2 * math.cos(a), y - height / 2 * math.sin(a)) for a in angles]


# As one writes them, in a square of side 1.
STROKES = {
    0: [circle(0.5, 0.5, 0.62, 1)],
    1: [[(0.55, 0), (0.45, 1)]],
    2: [
        [
            *[(0.15, 0.28), (0.25, 0.08), (0.5, 0), (0.75, 0.1), (0.82, 0.3)],
            *[(0.7, 0.52), (0.45, 0.75), (0.12, 0.98), (0.5, 0.96), (0.9, 0.97)],
        ]
    ],
    3: [
        [
            *[(0.2, 0.1), (0.45, 0), (0.72, 0.08), (0.78, 0.26), (0.65, 0.42)],
            *[(0.42, 0.48), (0.68, 0.54), (0.82, 0.72), (0.7, 0.92), (0.45, 1)],
            *[(0.18, 0.9)],
        ]
    ],
    4: [[(0.3, 0), (0.15, 0.52), (0.85, 0.5)], [(0.68, 0.05), (0.62, 1)]],
    7: [[(0.15, 0.04), (0.85, 0), (0.6, 0.45), (0.4, 1)]],
}


def strokes_of(digit, x, y, size):
    return [[(x + size * u, y + size * v) for u, v in s] for s in STROKES[digit]]


def draw_by_mouse(page, strokes):
    box = page.locator(".lenet-pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + u * box["width"], box["y"] + v * box["height"])
                  for u, v in stroke]  # fmt: skip
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def draw_by_finger(page, strokes):
    """Real touches, as the browser gets them from a screen."""
    screen = page.context.new_cdp_session(page)

    def touch(kind, points):
        event = {"type": kind, "touchPoints": points}
        screen.send("Input.dispatchTouchEvent", event)

    box = page.locator(".lenet-pad").bounding_box()
    for stroke in strokes:
        points = [{"x": box["x"] + u * box["width"], "y": box["y"] + v * box["height"]}
                  for u, v in stroke]  # fmt: skip
        touch("touchStart", points[:1])
        for point in points[1:]:
            touch("touchMove", [point])
        touch("touchEnd", [])


PLACES = {"large": (0.08, 0.08, 0.84), "small": (0.4, 0.45, 0.16)}
PLACES["off-centre"] = (0.02, 0.55, 0.4)


@GOES(("width", "draw"), [(760, draw_by_mouse), (390, draw_by_finger)])
def test_drawn_digits_are_read(mount_explorer, width, draw):
    """By mouse on a wide page: large, small and in a corner; by finger on a phone: each
    at one of these places."""
    page = mount_explorer(recorded(), width=width)
    wrong = []
    for k, digit in enumerate(STROKES):
        places = list(PLACES.items())
        for where, place in places if width > 390 else [places[k % 3]]:
            page.get_by_role("button", name="Clear").click()
            draw(page, strokes_of(digit, *place))
            assert len(state(page)["strokes"]) == len(STROKES[digit])
            if verdict(page) != str(digit):
                wrong.append((digit, where, verdict(page)))
    assert not wrong
    assert page.evaluate("scrollY") == 0  # the finger has drawn, not scrolled


def prepared(page, strokes, pen="medium"):
    strokes = [{"pen": pen, "points": points} for points in strokes]
    pixels = page.evaluate(f"(strokes) => {EXPLORER}.preprocess(strokes)", strokes)
    return np.array(pixels).reshape(28, 28)


def test_pictures_are_made_as_those_of_mnist(page):
    for digit in STROKES:
        check_picture(page, digit)


def test_ink_that_is_gone_has_no_part_in_the_size(page):
    seven = [{"pen": "medium", "points": p} for p in strokes_of(7, 0.1, 0.1, 0.5)]
    dot = {"pen": "thick", "points": [[0.95, 0.95]]}
    over = {"pen": "eraser", "points": [[0.99, 0.91], [0.91, 0.99]]}

    def picture(*strokes):
        return page.evaluate(f"(strokes) => {EXPLORER}.preprocess(strokes)", [*strokes])

    assert picture(*seven, dot) != picture(*seven)
    assert picture(*seven, dot, over) == picture(*seven)
    assert picture(dot, over, *seven) == picture(*seven)
    assert picture(over, *seven, dot) == picture(*seven, dot)  # it came before
    assert not any(picture(dot, over))


def check_picture(page, digit):
    picture = prepared(page, strokes_of(digit, 0.1, 0.1, 0.8))
    assert picture.shape == (28, 28)
    assert picture.min() == 0
    assert 0.9 < picture.max() <= 1
    # Twenty pixels high or wide, up to the grey at both ends.
    rows, columns = (picture > 0.5).any(1).sum(), (picture > 0.5).any(0).sum()
    assert 19 <= max(rows, columns) <= 21
    assert (picture > 0).any(1).sum() <= 22
    assert (picture > 0).any(0).sum() <= 22
    # The centre of mass is where MNIST has it.
    v, u = np.mgrid[:28, :28]
    place = [(picture * axis).sum() / picture.sum() for axis in (u, v)]
    np.testing.assert_allclose(place, 14, atol=0.05)
    # Size and place on the pad make no difference.
    for other in ((0, 0, 1), (0.7, 0.1, 0.2), (0.02, 0.9, 0.08)):
        again = prepared(page, strokes_of(digit, *other))
        np.testing.assert_allclose(again, picture, atol=1e-6)


def test_mnist_has_its_centres_of_mass_there():
    x = digits().x[:, 0]
    v, u = np.mgrid[:28, :28]
    for axis in (u, v):
        centres = (x * axis).sum((1, 2)) / x.sum((1, 2))
        assert abs(np.median(centres) - 14) < 0.05


def thickness(pictures):
    """Of the strokes, in pixels: twice the area over the length of its edge."""
    around = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    down = around[:, 1:, :-1] - around[:, :-1, :-1]
    right = around[:, :-1, 1:] - around[:, :-1, :-1]
    return 2 * pictures.sum((1, 2)) / np.hypot(down, right).sum((1, 2))


def test_the_pen_is_as_thick_as_those_of_mnist(page):
    drawn = [prepared(page, strokes_of(digit, 0, 0, 1)) for digit in STROKES]
    theirs = np.percentile(thickness(digits().x[:, 0]), [30, 70])
    assert theirs[0] < np.median(thickness(np.array(drawn))) < theirs[1]


def test_wide_and_tiny_drawings(page):
    line = prepared(page, [[(0.1, 0.5), (0.9, 0.5)]])
    assert (line > 0.5).any(0).sum() in (20, 21)
    assert (line > 0.5).any(1).sum() <= 3
    dot = prepared(page, [[(0.3, 0.3)]])
    assert 3 < dot.sum() < 7
    tiny = prepared(page, [[(0.3, 0.3), (0.301, 0.3)]])
    np.testing.assert_allclose(tiny.sum(), dot.sum(), rtol=0.3)
    assert not prepared(page, []).any()
    # An L as heavy on one side as can be stays within the picture.
    scribble = [[(0, k / 400), (0.05, k / 400)] for k in range(400)]
    corner = prepared(page, [*scribble, [(0, 1), (1, 1)]])
    whole = prepared(page, [[(0, 0), (0, 1)], [(0, 1), (1, 1)]])
    for picture in (corner, whole):
        assert (picture > 0.5).any(0).sum() >= 19
        assert (picture > 0.5).any(1).sum() >= 19


# --------------------------------------------------------- keys, undo, clear


def press(page, keys):
    for key in keys.split():
        page.keyboard.press({"_": " "}.get(key, key))


def test_a_digit_is_drawn_by_keys(page):
    page.locator(".lenet-pad").focus()
    press(page, "Delete Shift+ArrowUp ArrowUp ArrowUp ArrowUp")
    press(page, "_ " + "ArrowDown " * 14 + "_")
    now = state(page)
    assert now["example"] is None
    line = [[0.5, k / 20] for k in range(3, 18)]
    assert now["strokes"] == [{"pen": "medium", "points": line}]
    assert now["pen"] == {"x": 10, "y": 17, "down": False}
    assert verdict(page) == "1"
    spoken = page.locator(".lenet-net [aria-live]").inner_text()
    assert spoken == "column 10, row 17, pen up"
    press(page, "Delete Home Home PageUp End PageDown")
    assert state(page)["strokes"] == []
    assert state(page)["pen"] == {"x": 9, "y": 16, "down": False}
    press(page, "Shift+ArrowRight " * 5 + "Shift+ArrowDown " * 5)
    assert state(page)["pen"] == {"x": 20, "y": 20, "down": False}


def test_seven_by_diagonal_keys(page):
    page.locator(".lenet-pad").focus()
    press(page, "Delete Shift+Home ArrowUp ArrowUp _ " + "ArrowRight " * 8)
    press(page, "End ArrowDown " * 6 + "_")
    assert verdict(page) == "7"


def test_the_pen_is_lifted_when_the_focus_leaves(page):
    page.locator(".lenet-pad").focus()
    press(page, "_ ArrowLeft")
    assert state(page)["pen"]["down"]
    press(page, "Tab")
    assert not state(page)["pen"]["down"]


def test_undo_and_clear(page):
    undo = page.get_by_role("button", name="Undo")
    clear = page.get_by_role("button", name="Clear")
    assert undo.is_disabled()
    draw_by_mouse(page, strokes_of(4, 0.2, 0.2, 0.6))
    first, second = state(page)["strokes"]
    clear.click()
    assert state(page)["strokes"] == []
    assert clear.is_disabled()
    assert verdict(page) == "?"
    blank = page.locator(".ex-text").inner_text()
    assert blank.startswith("Nothing is drawn.")
    assert not np.any(state(page)["seen"])
    undo.click()
    assert state(page)["strokes"] == [first, second]
    undo.click()
    assert state(page)["strokes"] == [first]
    page.locator(".lenet-pad").focus()
    page.keyboard.press("Control+z")
    now = state(page)
    assert now["strokes"] == []
    assert now["example"] == explorer.SHOWN
    page.get_by_role("button", name="A 8 of MNIST").click()
    assert state(page)["example"] == 8
    page.locator(".lenet-pad").focus()
    page.keyboard.press("Backspace")
    assert state(page)["example"] == explorer.SHOWN
    assert undo.is_disabled()


def test_answers_while_the_line_grows(page):
    """Before the pen is lifted."""
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".lenet-pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"]
    page.mouse.move(x, y + 30)
    page.mouse.down()
    page.mouse.move(x, y + 250, steps=20)
    page.wait_for_function(
        "document.querySelector('.lenet-verdict').textContent === '1'"
    )
    page.mouse.up()


def test_other_buttons_and_second_fingers_do_not_draw(page):
    page.locator(".lenet-pad").click(button="right")
    assert state(page)["strokes"] == []
    assert state(page)["example"] == explorer.SHOWN
    screen = page.context.new_cdp_session(page)
    box = page.locator(".lenet-pad").bounding_box()
    first, second = ({"x": box["x"] + k, "y": box["y"] + k, "id": k} for k in (60, 120))
    for kind, points in (
        ("touchStart", [first]),
        ("touchStart", [first, second]),
        ("touchMove", [first, second | {"x": second["x"] + 40}]),
        ("touchEnd", []),
    ):
        event = {"type": kind, "touchPoints": points}
        screen.send("Input.dispatchTouchEvent", event)
    assert [len(stroke["points"]) for stroke in state(page)["strokes"]] == [1]


# ------------------------------------------------------- disturbed pictures


def set_slider(page, name, value):
    page.get_by_role("slider", name=name).fill(str(value))


def test_the_picture_is_moved_turned_and_made_noisy(page):
    whole = np.array(state(page)["seen"]).reshape(28, 28)
    set_slider(page, "right", 3)
    set_slider(page, "down", -4)
    seen = np.array(state(page)["seen"]).reshape(28, 28)
    np.testing.assert_allclose(seen[:24, 3:], whole[4:, :-3], atol=1e-12)
    page.get_by_role("button", name="Sliders to 0").click()
    np.testing.assert_array_equal(state(page)["seen"], whole.ravel())
    set_slider(page, "turn", 90)
    seen = np.array(state(page)["seen"]).reshape(28, 28)
    # A quarter turn clockwise about pixel (14, 14): the last row and column stay out.
    np.testing.assert_allclose(seen[1:, 1:], np.rot90(whole[1:, 1:], -1), atol=1e-9)
    page.get_by_role("button", name="Sliders to 0").click()
    set_slider(page, "noise", 0.3)
    noisy = np.array(state(page)["seen"])
    assert 0 <= noisy.min() < noisy.max() <= 1
    paper = whole.ravel() == 0
    assert 0.4 < (noisy[paper] > 0).mean() < 0.6
    rms = np.sqrt((noisy[paper] ** 2).mean() * 2)
    assert 0.25 < rms < 0.35
    set_slider(page, "noise", 0)
    set_slider(page, "noise", 0.3)
    np.testing.assert_array_equal(state(page)["seen"], noisy)  # the same noise


# ------------------------------------------------- pens, examples, verdicts, resets


def test_a_stroke_is_added_to_an_example(page):
    """To what is there, where it is drawn; the eraser takes away, Undo gives back."""
    page.get_by_role("button", name="A 7 of MNIST").click()
    seven = np.array(state(page)["seen"]).reshape(28, 28)
    draw_by_mouse(page, [[(0.3, 0.5), (0.8, 0.5)]])
    now = state(page)
    assert now["example"] == 7
    barred = np.array(now["seen"]).reshape(28, 28)
    assert (barred >= seven).all()
    assert (barred[13:15, 9:22] > 0.9).all()
    np.testing.assert_array_equal(barred[:11], seven[:11])
    page.get_by_role("button", name="Eraser").click()
    draw_by_mouse(page, [[(0, 0.5), (1, 0.5)]])
    cut = np.array(state(page)["seen"]).reshape(28, 28)
    assert not cut[13:15].any()
    np.testing.assert_array_equal(cut[:11], seven[:11])
    for wanted in (barred, seven):
        page.get_by_role("button", name="Undo").click()
        np.testing.assert_array_equal(state(page)["seen"], wanted.ravel())


def test_pens_are_thin_medium_and_thick(page):
    line = [[(0.2, 0.1), (0.4, 0.9)]]
    masses = [prepared(page, line, pen).sum() for pen in ("thin", "medium", "thick")]
    assert masses[0] < 0.75 * masses[1] < 0.6 * masses[2]
    assert not prepared(page, line, "eraser").any()
    thick = page.get_by_role("button", name="Pen, thick")
    thick.click()
    assert thick.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Clear").click()
    draw_by_mouse(page, [[(0.5, 0.2), (0.5, 0.8)]])
    (stroke,) = state(page)["strokes"]
    assert stroke["pen"] == "thick"
    np.testing.assert_array_equal(
        state(page)["seen"], prepared(page, [stroke["points"]], "thick").ravel()
    )
    page.get_by_role("button", name="Eraser").click()
    draw_by_mouse(page, [[(0.5, 0.1), (0.5, 0.9)]] * 2)
    assert not np.any(state(page)["seen"])  # nothing is left, and nothing is said
    assert verdict(page) == "?"


def test_the_verdict_is_as_sure_as_the_net(page):
    """Of a three that turns: sure, likely and doubtful answers look and sound so."""
    found = {}
    for turn in (0, 30, 60):
        set_slider(page, "turn", turn)
        share = max(state(page)["shares"])
        level = "sure" if share >= 0.9 else "likely" if share >= 0.5 else "doubtful"
        assert page.locator(".explorer-root").get_attribute("data-verdict") == level
        words = page.locator(".ex-text").inner_text()
        look = page.locator(".lenet-verdict").evaluate(
            "(n) => [getComputedStyle(n).color, getComputedStyle(n).fontWeight]"
        )
        found[level] = (words, tuple(look))
    assert set(found) == {"sure", "likely", "doubtful"}
    assert found["sure"][0].startswith("The net says 3, with")
    assert found["likely"][0].startswith("The net would say")
    assert found["doubtful"][0].startswith("The net is not sure: perhaps")
    assert len({look for _, look in found.values()}) == 3


def test_reset_resets_all(page):
    start = state(page)
    page.get_by_role("button", name="Pen, thick").click()
    draw_by_mouse(page, strokes_of(7, 0.2, 0.2, 0.6))
    page.get_by_role("button", name="A 8 of MNIST").click()
    for name in ("right", "down", "turn", "noise"):
        set_slider(page, name, 1)
    choose(page, "C3", 7, 4, 4)
    assert state(page) != start
    page.get_by_role("button", name="Reset").click()
    assert state(page) == start
    assert page.get_by_role("button", name="Undo").is_disabled()
    for slider in page.get_by_role("slider").all():
        assert slider.input_value() == "0"


# ---------------------------------------------------------------- the formulas

SIDES = {"input": 32, "C1": 28, "S2": 14, "C3": 10, "S4": 5}
SOURCES = {"C1": "input", "S2": "C1", "C3": "S2", "S4": "C3", "C5": "S4", "F6": "C5"}
SOURCES["output"] = "F6"


def place_of(page, layer, unit, row=0, column=0):
    """Where a number is painted, or written: the middle and the width of its cell."""
    if layer == "output":
        box = page.locator(".lenet-answer").nth(unit).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]
    canvas = page.locator(f".lenet-{layer} canvas").nth(unit if layer in SIDES else 0)
    wide, high = canvas.evaluate("(c) => [c.width, c.height]")
    if layer not in SIDES:
        row, column = divmod(unit, wide)
    box = canvas.bounding_box()
    x = box["x"] + (column + 0.5) * box["width"] / wide
    return x, box["y"] + (row + 0.5) * box["height"] / high, box["width"] / wide


def choose(page, *spot):
    x, y, _ = place_of(page, *spot)
    top = page.evaluate("(y) => { scrollBy(0, y - 300); return scrollY; }", y)
    x, y, _ = place_of(page, *spot)
    page.mouse.click(x, y)
    layer, unit, *rest = spot
    row, column = rest or (0, 0)
    assert state(page)["spot"] == {
        "layer": layer, "map": unit, "row": row, "column": column
    }  # fmt: skip
    return top


def figures(texts):
    return [
        float(text.replace("−", "-").strip("()").replace(",", "")) for text in texts
    ]


def test_of_equal_numbers_the_first_passes(page):
    """As in a corner, where there is paper only."""
    choose(page, "S2", 0, 0, 0)
    formula = page.locator(".lenet-formula")
    assert "The first of 4 equal ones passes." in formula.inner_text()
    assert formula.locator('[role=gridcell][tabindex="0"]').count() == 1
    for place, words in (((0, 0), "It is the largest"), ((1, 1), "It ends here")):
        choose(page, "C1", 0, *place)
        assert words in formula.inner_text()


def near(shown, wanted):
    """Two digits of what torch computes, whose weights have a few more bits."""
    np.testing.assert_allclose(shown, np.ravel(wanted), atol=0.006)


def shown_formula(page):
    """The title's value, the tables' numbers and the formula's."""
    panel = page.locator(".lenet-formula")
    value = panel.locator(".lenet-name").inner_text().split(": ")[1]
    tables = [
        figures(table.locator("text").all_text_contents())
        for table in panel.locator(".lenet-numbers").all()
    ]
    terms = panel.locator(".lenet-equation").first.locator("b").all_inner_texts()
    return figures([value])[0], tables, figures(terms)


@GOES("kind", ["recorded", "relu"])
def test_formulas_have_the_numbers_of_torch(mount_explorer, kind):
    """For one number of each layer: what it is made of, and what comes out."""
    model = trained(kind)
    page = mount_explorer(LeNetExplorer(model))
    page.get_by_role("button", name="A 5 of MNIST").click()
    set_slider(page, "turn", 10)
    maps = said(model, state(page)["seen"])
    squash = model.activation

    choose(page, "input", 0, 12, 13)
    pixel = maps["input"][0, 0, 12, 13].item()
    near(shown_formula(page)[2], [(pixel + 0.1) / 1.275, pixel])

    for spot in [("C1", 4, 27, 9), ("C3", 9, 3, 8), ("C5", 77, 0, 0)]:
        choose(page, *(spot if spot[0] in SIDES else spot[:2]))
        layer, unit, row, column = spot
        conv = getattr(model, layer.lower())
        source = maps[SOURCES[layer].lower()][0]
        patch = source[:, row : row + 5, column : column + 5]
        sums = (patch * conv.weight[unit]).sum((1, 2)).detach()
        most = sums.abs().argmax().item()
        value, tables, terms = shown_formula(page)
        kernel = conv.weight[unit, most].detach()
        near(tables[0], patch[most])
        near(tables[1], kernel)
        near(tables[2], patch[most] * kernel)
        bias = conv.bias[unit].item()
        total = sums.sum() + bias
        near(terms, [sums.sum(), bias, total, squash(total)])
        near(value, maps[layer.lower()][0, unit, row, column])
        channels = page.locator(".lenet-channels button")
        assert channels.count() == (len(sums) if len(sums) > 1 else 0)
        if len(sums) > 1:
            near(figures(channels.all_inner_texts()), sums)
            channels.nth(0).click()  # another map's products
            near(shown_formula(page)[1][0], patch[0])

    for layer, unit, row, column in [("S2", 2, 13, 5), ("S4", 11, 2, 3)]:
        choose(page, layer, unit, row, column)
        source = maps[SOURCES[layer].lower()][0, unit]
        four = source[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        value, (shown,), terms = shown_formula(page)
        near(shown, four)
        near([*terms, value], [four.max()] * 2)

    for layer, unit in [("F6", 41), ("output", 6)]:
        choose(page, layer, unit)
        linear = getattr(model, layer.lower())
        terms = (
            linear.weight[unit] * maps[SOURCES[layer].lower()][0].flatten()
        ).detach()
        first = terms[terms.abs().argsort(descending=True)[:8]]
        bias = linear.bias[unit].item()
        total = terms.sum() + bias
        after = [squash(total)] if layer == "F6" else []
        value, _, shown = shown_formula(page)
        near(shown, [first.sum(), terms.sum() - first.sum(), bias, total, *after])
        listed = page.locator(".lenet-largest span").all_inner_texts()
        near(figures([words.split(" = ")[1] for words in listed]), first)
        near(value, maps[layer.lower()][0, unit])
    power, every, share = page.locator(".lenet-equation b").all_inner_texts()[-3:]
    logits = maps["output"][0]
    np.testing.assert_allclose(
        figures([power])[0], logits[6].exp(), rtol=0.01, atol=0.01
    )
    np.testing.assert_allclose(figures([every])[0], logits.exp().sum(), rtol=0.01)
    assert abs(float(share.strip("% >")) - 100 * logits.softmax(0)[6]) < 0.1


def test_an_answer_is_followed_to_a_pixel_and_back(page):
    page.locator(".lenet-answer").nth(3).click()
    panel = page.locator(".lenet-formula")
    back = panel.get_by_role("button", name="Back")
    assert back.is_disabled()
    layers = ["output"]
    while layers[-1] != "input":
        links = panel.locator(".lenet-largest button, [role=gridcell][tabindex]")
        links.first.focus()
        page.keyboard.press("Enter")
        layers.append(state(page)["spot"]["layer"])
        name = page.evaluate("document.activeElement.className")
        assert name == "lenet-name"  # which is read out
    assert layers == ["output", "F6", "C5", "S4", "C3", "S2", "C1", "input"]
    for layer in reversed(layers[:-1]):
        back.click()
        assert state(page)["spot"]["layer"] == layer
    assert back.is_disabled()
    choose(page, "input", 0, 14, 14)
    for layer in layers[-2::-1]:  # and on, from number to number
        panel.locator(".lenet-onwards button").click()
        assert state(page)["spot"]["layer"] == layer
    assert not panel.locator(".lenet-onwards").count()


def boxes(page, kind):
    """Frames round numbers: the middle and the width of each."""
    return page.evaluate(
        """(kind) => Array.from(document.querySelectorAll(`.lenet-${kind}`), (n) => {
          const box = n.getBoundingClientRect();
          return [(box.left + box.right) / 2, (box.top + box.bottom) / 2,
            n.width.baseVal.value - 1];
        })""",
        kind,
    )


@GOES("width", [760, 390])
def test_frames_lie_round_inputs_and_readers(mount_explorer, width):
    page = mount_explorer(recorded(), width=width)
    choose(page, "C3", 9, 3, 7)
    sources = boxes(page, "source") + boxes(page, "opened")
    assert len(sources) == 6
    for unit in range(6):
        x, y, cell = place_of(page, "S2", unit, 5, 9)  # the middle of rows 3 to 7
        nearest = min(sources, key=lambda box: abs(box[0] - x) + abs(box[1] - y))
        np.testing.assert_allclose(nearest, (x, y, 5 * cell), atol=0.5)
    (target,) = boxes(page, "target")
    x, y, cell = place_of(page, "S4", 9, 1, 3)
    np.testing.assert_allclose(target, (x, y, max(cell, 4)), atol=0.5)
    (chosen,) = boxes(page, "chosen")
    np.testing.assert_allclose(chosen[:2], place_of(page, "C3", 9, 3, 7)[:2], atol=1)
    choose(page, "S2", 0, 0, 6)
    assert len(boxes(page, "target")) == 16
    assert len(boxes(page, "source") + boxes(page, "opened")) == 1
    choose(page, "F6", 20)
    assert len(boxes(page, "source")) == 8
    assert (
        page.locator(".lenet-wires .lenet-more, .lenet-wires .lenet-less").count()
        == 120
    )


def test_numbers_are_chosen_by_keys(page):
    page.locator(".lenet-C1 .lenet-maps").focus()
    press(page, "ArrowUp ArrowRight Shift+ArrowUp")
    start = state(page)["spot"]
    assert start == {"layer": "C1", "map": 4, "row": 22, "column": 11}
    spoken = page.locator(".lenet-net [aria-live]").inner_text()
    assert spoken.startswith("C1, map 4, row 22, column 11: ")
    press(page, "ArrowUp " * 23 + "ArrowLeft " * 12)  # over the edge, into map 3
    assert state(page)["spot"] == {"layer": "C1", "map": 3, "row": 27, "column": 0}
    press(page, "Escape")
    assert state(page)["spot"] is None
    assert not page.locator(".lenet-formula").is_visible()
    page.locator(".lenet-C3 .lenet-maps").focus()
    press(page, "Enter Shift+ArrowRight ArrowRight")
    assert state(page)["spot"] == {"layer": "C3", "map": 1, "row": 5, "column": 6}
    page.locator(".lenet-F6 .lenet-maps").focus()
    press(page, "Enter ArrowDown ArrowRight")
    assert state(page)["spot"]["map"] == 4
    page.get_by_role("button", name="The number above").click()
    assert state(page)["spot"]["map"] == 1


def test_a_tap_shows_the_formula_in_sight(mount_explorer):
    """On a phone, below the layer; what was tapped stays under the finger."""
    page = mount_explorer(recorded(), width=390)
    assert state(page)["spot"] is None
    for spot in [("C1", 2, 14, 9), ("C5", 40), ("S2", 3, 5, 5), ("output", 8)]:
        _, y, _ = place_of(page, *spot)
        page.evaluate("(y) => scrollBy(0, y - 250)", y)
        x, y, _ = place_of(page, *spot)
        page.touchscreen.tap(x, y)
        page.wait_for_function(
            f"(layer) => {EXPLORER}.state().spot?.layer === layer", arg=spot[0]
        )
        assert abs(place_of(page, *spot)[1] - y) < 2
        head = page.locator(".lenet-head").bounding_box()
        assert y < head["y"] < 700
    link = page.locator(".lenet-largest button").first
    before = page.locator(".lenet-head").bounding_box()["y"]
    link.tap()
    page.wait_for_function(f"{EXPLORER}.state().spot.layer === 'F6'")
    assert abs(page.locator(".lenet-head").bounding_box()["y"] - before) < 2


# --------------------------------------------------------------- the house


def test_page_loads_little():
    widget = recorded()
    values = widget.saved()["state"]
    assert set(values) == {"network", "digits"}
    parts = {"code": widget._esm, "style": widget._css, "state": json.dumps(values)}
    sizes = {k: len(gzip.compress(v.encode(), 6)) for k, v in parts.items()}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) <= MOST_BYTES


def test_asks_no_network(mount_explorer):
    page = mount_explorer(recorded())
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    draw_by_mouse(page, strokes_of(2, 0.2, 0.2, 0.6))
    page.get_by_role("button", name="A 5 of MNIST").click()
    set_slider(page, "turn", 40)
    assert verdict(page)
    assert asked == []


def painted(page, selector):
    """The colour of the first pixel of a canvas."""
    return page.eval_on_selector(
        selector,
        "(c) => [...c.getContext('2d').getImageData(1, 1, 1, 1).data].slice(0, 3)",
    )


def test_dark_pages_have_dark_canvases(page):
    assert painted(page, ".lenet-input canvas") == [255, 255, 255]
    assert painted(page, ".lenet-pad") == [255, 255, 255]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(50)
    for place in (".lenet-input canvas", ".lenet-pad", ".lenet-example canvas"):
        assert max(painted(page, place)) < 60
    page.evaluate("delete document.documentElement.dataset.theme")
    page.wait_for_timeout(50)
    assert painted(page, ".lenet-pad") == [255, 255, 255]


@GOES("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(recorded(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".lenet-pad").bounding_box()["width"] >= 250
    choose(page, "C3", 7, 4, 4)
    sizes = page.locator("button:visible").evaluate_all(
        """(all) => all.map((n) => [n.offsetWidth, n.offsetHeight])"""
    )
    assert np.min(sizes) >= 40
    for node in page.locator(".lenet-answer, .lenet-largest button, .ex-field").all():
        assert node.evaluate("(n) => n.scrollWidth <= n.clientWidth")


def test_everything_has_a_name(page):
    names = page.locator(
        "button, input, [tabindex], [role=img], [role=list], [role=group]"
    ).evaluate_all(
        """(all) => all.map((n) => n.getAttribute("aria-label")
          || n.labels?.[0]?.textContent.trim() || n.textContent.trim())"""
    )
    assert len(names) >= 10 + 1 + 4 + 2 + 7 + 10 + 6 + 4 + 2
    assert all(names)
    bare = page.locator("canvas:not([aria-hidden], [aria-label])").count()
    assert bare == 0


def test_leaves_nothing_behind(page):
    page.evaluate("leave()")
    assert page.locator(".explorer-root").count() == 0
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(50)


# ------------------------------------------------------- export, and Python


def restored(network):
    """The state_dict of an exported network."""
    state = {}
    for name, tensor in network["tensors"].items():
        data = base64.b64decode(tensor["data"])
        whole = np.frombuffer(data, "<i2").reshape(tensor["shape"])
        values = whole * tensor["scale"]
        state[name] = torch.tensor(values)
    return state


def test_exported_weights_are_the_weights():
    model = trained("tanh")
    network = explorer.export(model)
    assert network["activation"] == "tanh"
    weights = restored(network)
    assert sum(w.numel() for w in weights.values()) == 61_706
    for name, tensor in model.state_dict().items():
        assert weights[name].shape == tensor.shape
        error = (weights[name] - tensor).abs().max() / tensor.abs().max()
        assert error <= 2e-5
    assert explorer.export(trained("relu"))["activation"] == "relu"


def test_weights_of_zero_are_exported():
    model = LeNet5()
    nn.init.zeros_(model.c1.bias)
    nn.init.zeros_(model.f6.weight)
    weights = restored(explorer.export(model))
    assert not weights["c1.bias"].any()
    assert not weights["f6.weight"].any()


class Sigmoid(LeNet5):
    def __init__(self):
        super().__init__(activation=nn.Sigmoid)


class Mean(LeNet5):
    def __init__(self):
        super().__init__(pool=nn.AvgPool2d)


@GOES("model", [LeNet5Original(), Sigmoid(), Mean(), nn.Linear(2, 2), "lenet"])
def test_other_networks_are_refused(model):
    with pytest.raises(ValueError, match="LeNet5 with max pooling"):
        LeNetExplorer(model)


def test_broken_weights_are_refused():
    model = LeNet5()
    model.f6.bias.data[3] = math.nan
    with pytest.raises(ValueError, match=r"finite weights; f6\.bias"):
        LeNetExplorer(model)


def test_the_model_stays_as_it_is():
    model = LeNet5()
    LeNetExplorer(model).still()
    assert model.training
    assert next(model.parameters()).dtype == torch.float32


def test_command_writes_the_recorded_weights(tmp_path, capsys):
    file = tmp_path / "weights.json"
    assert explorer.main([str(file)]) == 0
    assert "bytes" in capsys.readouterr().out
    network = json.loads(file.read_text())
    assert network == explorer.export(explorer.recorded_model())
    weights = restored(network)
    for name, tensor in records.load_weights(explorer.RECORD).items():
        assert (weights[name] - tensor).abs().max() <= 2e-5 * tensor.abs().max()


def test_command_says_what_is_wrong(tmp_path, capsys, monkeypatch):
    assert explorer.main([str(tmp_path / "no" / "folder.json")]) == 1
    assert "folder.json" in capsys.readouterr().err
    monkeypatch.setattr(explorer, "RECORD", "nothing")
    monkeypatch.setattr(
        explorer,
        "recorded_model",
        functools.partial(explorer.recorded_model, "nothing"),
    )
    assert explorer.main([str(tmp_path / "weights.json")]) == 1
    assert "there is no record 'nothing'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        explorer.main([])
    assert "FILE.json" in capsys.readouterr().err


def test_weights_of_another_network_are_refused(monkeypatch):
    other = LeNet5Original().state_dict()
    monkeypatch.setattr(records, "load_weights", lambda name: other)
    with pytest.raises(records.RecordError, match="not those of a LeNet5"):
        explorer.recorded_model()


def test_examples_are_one_of_each_class():
    assert digits().y[explorer.EXAMPLES].tolist() == list(range(10))
    guesses = trained("recorded")(
        torch.from_numpy(explorer.example_digits()[:, None] / np.float32(255))
    )
    assert guesses.argmax(1).tolist() == list(range(10))
