"""The explorer of chapter 8 in a browser: its numbers are utils.counting's."""

from itertools import combinations

import pytest
from test_explorers import STATE, state

from utils.counting import ALEXNET, Window, walk
from utils.explorers.alexnet import PRESETS, AlexNetExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(AlexNetExplorer())


def cells(page):
    """The texts of the table: name -> (maps, parameters, MACs)."""
    rows = page.locator("tbody tr").all()
    texts = [[c.inner_text() for c in row.locator("th, td").all()] for row in rows]
    return {name: tuple(rest) for name, *rest in texts}


def check(page):
    """State and page agree with Python, up to the first layer that cannot be."""
    now = state(page)
    layers = [Window(**layer) for layer in now["layers"]]
    shown, steps = cells(page), []
    for k in range(len(layers), -1, -1):
        try:
            steps = walk(layers[:k], now["size"])
            break
        except ValueError as error:
            message = str(error)
    assert len(now["steps"]) == len(steps)
    for mine, step in zip(now["steps"], steps, strict=True):
        assert {key: mine[key] for key in step._fields} == pytest.approx(step._asdict())
        maps, *costs = shown[step.name]
        full = step.name.startswith("fc") and step.size == 1
        size = f"{step.channels:,}" if full else f"{step.channels} × {step.size}²"
        assert maps.endswith(size)
        assert ("→" in maps) == bool(step.lost)
        assert costs == [f"{step.parameters:,}", f"{step.macs:,}"]
    said = page.locator(".ex-text").inner_text()
    if len(steps) == len(layers):
        assert now["error"] is None
        total = sum(s.parameters for s in steps), sum(s.macs for s in steps)
        assert shown["total"] == ("", *(f"{n:,}" for n in total))
    else:
        assert now["error"] == message
        assert shown[layers[len(steps)].name][0] == "does not fit"
        assert shown["total"] == ("", "–", "–")
        assert message[1:] in said
    return now, steps, said


def select(page, name):
    page.get_by_role("button", name=f"Select {name}").click()


def set_slider(page, name, value):
    page.get_by_role("slider", name=name, exact=True).fill(str(value))


def choose(page, label):
    page.get_by_label("settings").select_option(label=label)


def test_starts_with_the_net_of_the_chapter(page):
    now, steps, said = check(page)
    assert [Window(**layer) for layer in now["layers"]] == list(ALEXNET)
    assert sum(s.parameters for s in steps) == 60_965_224
    assert "⌊(224 + 2·2 − 11) / 4⌋ + 1 = ⌊54.25⌋ + 1 = 55" in said
    assert "zeros of the padding" in said


@pytest.mark.parametrize(("label", "size", "layers"), PRESETS)
def test_presets(page, label, size, layers):
    choose(page, label)
    now, steps, _ = check(page)
    assert now["size"] == size
    assert steps == walk(layers, size)


def test_what_the_presets_show(page):
    choose(page, "the misprint: 224, no padding")
    _, steps, said = check(page)
    assert [s.name for s in steps if s.lost] == ["conv1", "pool1", "pool2", "pool5"]
    assert "last 1 row and 1 column: part of the map itself" in said
    choose(page, "the one tower of the zoos")
    assert sum(s.parameters for s in check(page)[1]) == 61_100_840
    choose(page, "one tower")
    assert sum(s.parameters for s in check(page)[1]) == 62_378_344


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("conv1", {"kernel": 7, "stride": 3, "padding": 1, "maps": 64}),
        ("conv2", {"kernel": 4, "stride": 2, "padding": 3}),
        ("pool1", {"kernel": 2, "stride": 3, "padding": 1}),
        ("conv5", {"maps": 512, "padding": 0}),
        ("fc7", {"neurons": 1024}),
    ],
)
def test_settings_equal_python(page, name, settings):
    select(page, name)
    for key, value in settings.items():
        set_slider(page, key, value)
    now, steps, said = check(page)
    layer = now["layers"][now["selected"]]
    assert layer["name"] == name
    keys = {"kernel": "kernel_size", "maps": "channels", "neurons": "channels"}
    for key, value in settings.items():
        assert layer[keys.get(key, key)] == value
    assert now["preset"] is None
    assert page.get_by_label("settings").input_value() == "own"
    assert said.startswith(f"{name}: ")


def test_a_full_layer_says_its_inputs(page):
    select(page, "fc6")
    assert "256 · 6² = 9,216 inputs for each of 4,096 neurons" in check(page)[2]


@pytest.mark.parametrize("size", [32, 63, 64, 100, 288])
def test_images_of_any_size(page, size):
    set_slider(page, "image", size)
    assert check(page)[0]["size"] == size


def test_a_small_image_does_not_fit(page):
    set_slider(page, "image", 32)
    _, steps, said = check(page)
    assert [s.size for s in steps] == [7, 3, 3, 1, 1, 1, 1]
    assert "pool5: kernel (3) is larger than the padded input (1)" in said
    select(page, "pool5")
    assert "there is no network" in check(page)[2]


def test_groups_must_divide(page):
    select(page, "conv2")
    page.get_by_label("groups").select_option("4")
    assert check(page)[0]["error"] is None
    select(page, "conv1")
    page.get_by_label("groups").select_option("2")
    now, _, said = check(page)
    assert now["error"].startswith("conv1: groups (2) must divide")
    assert "there is no network" in said
    choose(page, "224, padding 2")
    assert check(page)[0]["error"] is None


def test_by_keyboard_and_by_touch(page):
    page.get_by_role("button", name="Select conv3").focus()
    page.keyboard.press("Enter")
    assert check(page)[0]["selected"] == 4
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "conv3"
    page.get_by_role("slider", name="padding").focus()
    page.keyboard.press("ArrowLeft")
    assert check(page)[1][4].size == 11
    assert page.evaluate("document.activeElement.type") == "range"
    page.get_by_role("button", name="Select pool2").tap()
    assert check(page)[0]["selected"] == 3


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_narrow_phone(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    choose(page, "the misprint: 224, no padding")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check(page)


MIDDLES = """row => [...row.querySelectorAll("button, td")].map((node) => {
  const range = document.createRange();
  range.selectNodeContents(node);
  const { top, bottom } = range.getBoundingClientRect();
  return (top + bottom) / 2;
})"""


def test_colours_are_explained_and_numbers_level(page):
    for words in ("layer with weights", "pooling", "does not fit evenly"):
        assert words in page.locator(".alexnet-legend").inner_text()
    row = page.locator("tbody tr").nth(3)
    middles = row.evaluate(MIDDLES)
    assert max(middles) - min(middles) < 2.5


def test_steps_for_fingers(page):
    """The slider of the image is too fine for a finger: − and + go step by step."""
    more = page.get_by_role("button", name="image: more")
    more.tap()
    page.get_by_role("button", name="image: less").click(click_count=3)
    assert check(page)[0]["size"] == 222
    box = more.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.wait_for_function(f"{STATE}.size > 225")
    page.mouse.up()
    now = check(page)[0]["size"]
    page.wait_for_timeout(150)
    assert check(page)[0]["size"] == now
    assert page.get_by_role("slider", name="image").input_value() == str(now)
    set_slider(page, "image", 288)
    more.click()
    assert check(page)[0]["size"] == 288
    assert page.get_by_role("button", name="kernel: more").count() == 0


def test_names_in_the_picture_can_be_read_on_a_phone(mount_explorer):
    """They are large enough, and none touches another."""
    page = mount_explorer(AlexNetExplorer(), width=374)
    texts = page.locator(".ex-stage svg text")
    high = "(t) => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a"
    assert all(text.evaluate(high) >= 9 for text in texts.all())
    boxes = [text.bounding_box() for text in texts.all()]
    for one, two in combinations(boxes, 2):
        left, right = sorted((one, two), key=lambda box: box["x"])
        assert left["x"] + left["width"] <= right["x"] or abs(one["y"] - two["y"]) > 8


def test_a_still_picture_stands_in():
    assert len(AlexNetExplorer().still().axes) == 3
