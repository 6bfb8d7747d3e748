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
from utils.lenet import LeNet5, LeNet5Original
from utils.training import fit, seed_everything

MOST_BYTES = 300_000  # gzipped, of code, style and weights
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


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(LeNetExplorer(), width=760)


def verdict(page):
    state(page)  # what waits for the next frame is drawn
    return page.locator(".lenet-verdict").inner_text()


# ---------------------------------------------------------------- the network


@GOES("kind", KINDS)
def test_logits_and_maps_are_those_of_torch(mount_explorer, kind):
    model = trained(kind)
    page = mount_explorer(LeNetExplorer(model))
    images = digits().x[:300]
    call = f"(all) => all.map((image) => {EXPLORER}.logits(image))"
    logits = page.evaluate(call, images.reshape(len(images), -1).tolist())
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    worst = np.abs(np.array(logits) - expected).max()
    time = page.evaluate(
        f"""(image) => {{
          const start = performance.now();
          for (let k = 0; k < 100; k += 1) {EXPLORER}.logits(image);
          return (performance.now() - start) / 100;
        }}""",
        images[0].ravel().tolist(),
    )
    print(f"{kind}: {worst:.1e} from torch, {time:.2f} ms a pass")
    assert worst <= 1e-3

    for image in images[:10]:
        layers = page.evaluate(f"(x) => {EXPLORER}.layers(x)", image.ravel().tolist())
        maps = feature_maps(model, torch.from_numpy(image[None]))
        assert [name.lower() for name in layers] == list(maps)
        for name, values in layers.items():
            wanted = maps[name.lower()].flatten()
            np.testing.assert_allclose(values, wanted, atol=1e-3)


@GOES("kind", ["recorded", "relu"])
def test_page_shows_what_the_net_says(mount_explorer, kind):
    page = mount_explorer(LeNetExplorer(trained(kind)))
    for digit in range(10):
        page.get_by_role("button", name=f"A {digit} of MNIST").click()
        now = state(page)
        seen = torch.tensor(now["seen"], dtype=torch.float32).view(1, 1, 28, 28)
        np.testing.assert_array_equal(
            np.rint(255 * seen[0, 0].numpy()), explorer.example_digits()[digit]
        )
        maps = feature_maps(trained(kind), seen)
        shares = maps["output"][0].softmax(0).numpy()
        np.testing.assert_allclose(now["shares"], shares, atol=1e-3)
        rows = page.get_by_role("listitem").all_inner_texts()
        assert [row.split()[0] for row in rows] == list("0123456789")
        shown = [float(row.split()[1].strip(">")) for row in rows]
        np.testing.assert_allclose(shown, 100 * np.array(now["shares"]), atol=0.101)
        best = str(shares.argmax())
        assert page.locator(".lenet-verdict").inner_text() == best
        assert f"The net says {best}, with" in page.locator(".ex-text").inner_text()


def test_painted_maps_have_the_colours_of_their_values(mount_explorer):
    page = mount_explorer(LeNetExplorer(trained("tanh")))
    page.get_by_role("button", name="A 4 of MNIST").click()
    seen = torch.tensor(state(page)["seen"], dtype=torch.float32).view(1, 1, 28, 28)
    maps = feature_maps(trained("tanh"), seen)
    high, low = np.array([10, 123, 194]), np.array([201, 106, 0])  # blue, orange
    for name, row, count in (("C1", 1, 6), ("S2", 2, 6), ("C3", 1, 16), ("S4", 2, 16)):
        figure = {"S2": "C1", "S4": "C3"}.get(name, name)
        pixels = page.eval_on_selector_all(
            f".lenet-{figure} canvas:nth-child({row})",
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
            page.mouse.move(*place, steps=2)
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
    """By mouse on a wide page, by finger on a phone: large, small and in a corner."""
    page = mount_explorer(LeNetExplorer(), width=width)
    wrong = []
    for digit in STROKES:
        for where, place in PLACES.items():
            page.get_by_role("button", name="Clear").click()
            draw(page, strokes_of(digit, *place))
            assert len(state(page)["strokes"]) == len(STROKES[digit])
            if verdict(page) != str(digit):
                wrong.append((digit, where, verdict(page)))
    assert not wrong
    assert page.evaluate("scrollY") == 0  # the finger has drawn, not scrolled


def prepared(page, strokes):
    pixels = page.evaluate(f"(strokes) => {EXPLORER}.preprocess(strokes)", strokes)
    return np.array(pixels).reshape(28, 28)


@GOES("digit", STROKES)
def test_pictures_are_made_as_those_of_mnist(page, digit):
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
    press(page, "Shift+ArrowUp ArrowUp ArrowUp ArrowUp")
    press(page, "_ " + "ArrowDown " * 14 + "_")
    now = state(page)
    assert now["example"] is None
    assert now["strokes"] == [[[0.5, k / 20] for k in range(3, 18)]]
    assert now["pen"] == {"x": 10, "y": 17, "down": False}
    assert verdict(page) == "1"
    said = page.locator(".lenet-draw [aria-live]").inner_text()
    assert said == "column 10, row 17, pen up"
    press(page, "Delete Home Home PageUp End PageDown")
    assert state(page)["strokes"] == []
    assert state(page)["pen"] == {"x": 9, "y": 16, "down": False}
    press(page, "Shift+ArrowRight " * 5 + "Shift+ArrowDown " * 5)
    assert state(page)["pen"] == {"x": 20, "y": 20, "down": False}


def test_seven_by_diagonal_keys(page):
    page.locator(".lenet-pad").focus()
    press(page, "Shift+Home ArrowUp ArrowUp _ " + "ArrowRight " * 8)
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
    assert [len(stroke) for stroke in state(page)["strokes"]] == [1]


# ------------------------------------------------------- disturbed pictures


def set_slider(page, name, value):
    page.get_by_role("slider", name=name).fill(str(value))


def test_the_picture_is_moved_turned_and_made_noisy(page):
    whole = np.array(state(page)["seen"]).reshape(28, 28)
    set_slider(page, "right", 3)
    set_slider(page, "down", -4)
    seen = np.array(state(page)["seen"]).reshape(28, 28)
    np.testing.assert_allclose(seen[:24, 3:], whole[4:, :-3], atol=1e-12)
    page.get_by_role("button", name="Reset").click()
    np.testing.assert_array_equal(state(page)["seen"], whole.ravel())
    set_slider(page, "turn", 90)
    seen = np.array(state(page)["seen"]).reshape(28, 28)
    # A quarter turn clockwise about pixel (14, 14): the last row and column stay out.
    np.testing.assert_allclose(seen[1:, 1:], np.rot90(whole[1:, 1:], -1), atol=1e-9)
    page.get_by_role("button", name="Reset").click()
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


# --------------------------------------------------------------- the house


def test_page_loads_little(mount_explorer):
    widget = LeNetExplorer()
    values = widget.saved()["state"]
    assert set(values) == {"network", "digits"}
    parts = {"code": widget._esm, "style": widget._css, "state": json.dumps(values)}
    sizes = {k: len(gzip.compress(v.encode(), 6)) for k, v in parts.items()}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) <= MOST_BYTES


def test_asks_no_network(mount_explorer):
    page = mount_explorer(LeNetExplorer())
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
    assert painted(page, ".lenet-seen canvas") == [255, 255, 255]
    assert painted(page, ".lenet-pad") == [255, 255, 255]
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(50)
    for place in (".lenet-seen canvas", ".lenet-pad", ".lenet-example canvas"):
        assert max(painted(page, place)) < 60
    page.evaluate("delete document.documentElement.dataset.theme")
    page.wait_for_timeout(50)
    assert painted(page, ".lenet-pad") == [255, 255, 255]


@GOES("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(LeNetExplorer(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".lenet-pad").bounding_box()["width"] >= 250
    for node in page.get_by_role("button").all():
        box = node.bounding_box()
        assert min(box["width"], box["height"]) >= 40
    for node in page.locator(".lenet-row, .ex-field").all():
        assert node.evaluate("(n) => n.scrollWidth <= n.clientWidth")


def test_everything_has_a_name(page):
    names = page.locator(
        "button, input, [tabindex], [role=img], [role=list], [role=group]"
    ).evaluate_all(
        """(all) => all.map((n) => n.getAttribute("aria-label")
          || n.labels?.[0]?.textContent.trim() || n.textContent.trim())"""
    )
    assert len(names) >= 10 + 3 + 4 + 1 + 4 + 1 + 2
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
        whole = [
            int.from_bytes(data[k : k + 3], "little", signed=True)
            for k in range(0, len(data), 3)
        ]
        values = np.array(whole).reshape(tensor["shape"]) * tensor["scale"]
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
        assert error <= 1e-7
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
        assert (weights[name] - tensor).abs().max() <= 1e-7 * tensor.abs().max()


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
