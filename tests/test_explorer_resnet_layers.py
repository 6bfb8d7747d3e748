"""The explorer of ResNet's layers in a browser: its numbers are those of the nets."""

import functools
import re

import pytest
import traitlets
from test_explorers import state

from utils.counting import count_parameters, layer_table
from utils.dissection import count_depth
from utils.explorers.resnet_layers import (
    NETS,
    PARTS,
    ResNetLayersExplorer,
    build,
    costs_by_part,
)

SPACES = str.maketrans(
    "\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}", "   "
)
# Parameters with option B and MACs, of the net in the paper and the one in the zoo.
PUBLISHED = {
    "resnet18": (11_689_512, 1_814_073_344, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408, 3_663_761_408),
    "resnet50": (25_557_032, 3_857_973_248, 4_089_184_256),
    "resnet101": (44_549_160, 7_570_194_432, 7_801_405_440),
    "resnet152": (60_192_808, 11_282_415_616, 11_513_626_624),
    "plain34": (21_623_848, 3_644_493_824, 3_644_493_824),
}


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(ResNetLayersExplorer())


def text(locator):
    """What is written there, with common spaces."""
    return locator.inner_text().translate(SPACES)


def said(page):
    return text(page.locator(".ex-text"))


def choose(page, **options):
    labels = {"net": "net", "shortcut": "shortcuts", "stride_at": "stride in the"}
    for name, value in options.items():
        if name == "size":
            page.get_by_role("slider", name="image").fill(str(value))
        else:
            box = page.get_by_role("combobox", name=labels[name])
            box.select_option(value)


@functools.cache
def python_layers(name, size, shortcut, stride_at):
    """A net, its MACs, and of each layer by name: its output, its parameters with
    those of the normalisation, its MACs."""
    net = build(name, shortcut=shortcut, stride_at=stride_at)
    rows = {row.name: row for row in layer_table(net, (3, size, size))}
    layers = {"fc": ((*rows["fc"].output,), rows["fc"].parameters, rows["fc"].macs)}
    for row in rows.values():
        if row.type == "Conv2d":
            # conv1 has bn1 behind it, downsample.0 has downsample.1
            norm = rows[re.sub(r"\.0$", ".1", row.name.replace("conv", "bn"))]
            cost = row.parameters + norm.parameters, row.macs
            layers[row.name.replace("downsample.0", "downsample")] = (row.output, *cost)
    return net, sum(row.macs for row in rows.values()), layers


def stride_of(modules, name):
    """A stride, whether the layer has it or pixels are left out before the layer."""
    unit = modules[name.rpartition(".")[0]]
    if name.endswith("downsample"):
        return modules[name].stride
    if name.endswith("conv1") and hasattr(unit, "first"):
        return unit.first
    return modules[name].stride[0]


def check(page):
    """Every layer and every total is Python's, in the state and in the sentence."""
    now = state(page)
    net, macs, layers = python_layers(
        now["net"], now["size"], now["shortcut"], now["strideAt"]
    )
    shown = {layer["name"]: layer for layer in now["layers"]}
    assert shown.keys() - layers.keys() == {"max pool", "average"}
    assert layers.keys() <= shown.keys()
    modules = dict(net.named_modules())
    for name, (output, *costs) in layers.items():
        layer = shown[name]
        sizes = [layer["size"]] * 2 if len(output) == 3 else []
        assert (layer["channels"], *sizes) == output, name
        assert [layer["parameters"], layer["macs"]] == costs, name
        module = modules.get(name, modules.get(f"{name}.0"))
        if name.endswith("downsample"):
            module = modules[f"{name}.0"]
        if name != "fc":
            assert (layer["kernel"],) * 2 == module.kernel_size, name
            assert layer["stride"] == stride_of(modules, name), name
            assert layer["from"] == module.in_channels, name
    assert now["parameters"] == count_parameters(net)
    assert now["macs"] == macs
    assert now["depth"] == count_depth(net)
    words = said(page)
    assert (
        f"at {now['size']}×{now['size']}: {count_depth(net)} layers with weights"
        in words
    )
    assert f"{now['parameters']:,} parameters" in words
    assert f"{now['macs'] / 1e9:.3f} G MACs" in words
    return now


def test_the_menu_goes_from_shallow_to_deep(page):
    menu = page.get_by_role("combobox", name="net").locator("option")
    names = [name.split("-") for name in menu.all_text_contents()]
    assert [int(number) for _, number in names] == [18, 34, 34, 50, 101, 152]
    assert names[2][0] == "plain"


TOUCHING = """() => [...document.querySelectorAll("tbody tr")].filter((row) => {
  const boxes = [...row.children].filter((cell) => cell.textContent).map((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getBoundingClientRect();
  });
  return boxes.slice(1).some((box, k) => box.left < boxes[k].right);
}).map((row) => row.textContent)"""


def test_columns_stay_apart_on_a_phone(mount_explorer):
    """No text of a row reaches into the next column."""
    page = mount_explorer(ResNetLayersExplorer(start="resnet152"), width=374)
    assert page.evaluate(TOUCHING) == []
    diagram = page.locator(".rl-unit svg").bounding_box()
    assert diagram["x"] + diagram["width"] <= 374


def cells(rows):
    """Of each row of the table: parameters, and MACs in millions, that it shows."""
    found = rows.evaluate_all(
        """(rows) => rows.map((row) =>
          [...row.querySelectorAll("td[data-cost]")].map((cell) => cell.innerText))"""
    )
    return [
        [float(number.translate(SPACES).replace(",", "")) for number in row]
        for row in found
    ]


def check_table(page):
    """The rows, folded or not, come to the totals."""
    now = state(page)
    rows = "tbody tr[data-unit], .rl-stem, .rl-stage[data-layer], .rl-fc"
    shown = cells(page.locator(rows))
    (total,) = cells(page.locator(".rl-total"))
    assert sum(parameters for parameters, _ in shown) == total[0] == now["parameters"]
    near = 0.06 * len(shown) + 0.51
    assert sum(macs for _, macs in shown) == pytest.approx(total[1], abs=near)
    assert total[1] == pytest.approx(now["macs"] / 1e6, abs=0.51)


@pytest.mark.parametrize("net", NETS)
def test_counts_are_the_published_ones(page, net):
    parameters, macs, macs_3x3 = PUBLISHED[net]
    choose(page, net=net)
    now = check(page)
    assert (now["parameters"], now["macs"]) == (parameters, macs)
    assert now["depth"] == int(re.sub(r"\D", "", net))
    if net not in ("resnet18", "resnet34", "plain34"):
        choose(page, stride_at="3x3")
    assert check(page)["macs"] == macs_3x3
    check_table(page)


CHOICES = [("A", "1x1", 448), ("C", "3x3", 96), ("B", "1x1", 64), ("A", "3x3", 160)]


@pytest.mark.parametrize("net", [name for name in NETS if name != "plain34"])
def test_every_layer_of_every_net(page, net):
    choose(page, net=net)
    for shortcut, stride_at, size in CHOICES:
        if NETS[net][1]:  # the others have no choice
            choose(page, stride_at=stride_at)
        choose(page, shortcut=shortcut, size=size)
        now = check(page)
        assert (now["net"], now["shortcut"], now["size"]) == (net, shortcut, size)
        check_table(page)


def test_shortcuts_cost_what_the_sentence_says(page):
    choose(page, net="resnet34")
    costs = {}
    for option in "ABC":
        choose(page, shortcut=option)
        costs[option] = check(page)["parameters"]
        if option == "A":
            assert "Its shortcuts cost nothing." in said(page)
        else:
            part = float(re.search(r"Projections have ([\d.]+) %", said(page))[1])
            own = 100 * (costs[option] - costs["A"]) / costs[option]
            assert part == pytest.approx(own, abs=0.06)
    choose(page, net="plain34")
    assert check(page)["parameters"] == costs["A"]
    assert "It has no shortcuts." in said(page)


def test_choices_that_make_no_difference_are_disabled(page):
    boxes = {
        name: page.get_by_role("combobox", name=name)
        for name in ("shortcuts", "stride in the")
    }
    for net, (_, bottleneck, residual) in NETS.items():
        choose(page, net=net)
        assert boxes["shortcuts"].is_enabled() == residual
        assert boxes["stride in the"].is_enabled() == bottleneck


# --------------------------------------------------------------------- the column


def unit_names(page):
    return [row.get_attribute("data-unit") for row in page.locator("[data-unit]").all()]


def test_units_alike_are_folded_and_open(page):
    choose(page, net="resnet101")
    firsts = [f"layer{k}.{i}" for k in range(1, 5) for i in (0, 1)]
    assert unit_names(page) == firsts
    page.get_by_role("button", name="× 22 units alike").click()
    assert len(unit_names(page)) == len(firsts) + 21
    assert unit_names(page)[5:27] == [f"layer3.{i}" for i in range(1, 23)]
    check_table(page)
    page.get_by_role("button", name="× 22 units alike").click()
    assert unit_names(page) == firsts
    check_table(page)
    choose(page, net="resnet34")  # whose first stage changes no shape
    assert unit_names(page) == ["layer1.0", *firsts[2:]]
    choose(page, shortcut="C")
    assert unit_names(page) == ["layer1.0", *firsts[2:]]


# net, shortcut, unit; what its diagram has beside the main path, and its words
DIAGRAMS = [
    ("resnet34", "B", "layer1.0", ["identity"], "the identity, and costs nothing"),
    ("resnet34", "A", "layer2.0", ["every 2nd pixel", "+ 64 zero maps"], "64 maps of"),
    ("resnet50", "A", "layer1.0", ["+ 192 zero maps"], "appends 192 maps of zeros"),
    ("resnet50", "B", "layer1.0", ["1×1", "64 → 256"], "16,896 parameters, 51.4 M"),
    ("resnet18", "B", "layer4.0", ["1×1 / 2", "256 → 512"], "with stride 2: 132,096"),
    ("resnet18", "C", "layer1.0", ["1×1", "64 → 64"], "has the shape of x already"),
    ("plain34", None, "layer2.0", [], "without a shortcut"),
]


@pytest.mark.parametrize(("net", "shortcut", "unit", "aside", "words"), DIAGRAMS)
def test_a_unit_is_drawn(page, net, shortcut, unit, aside, words):
    choose(page, net=net)
    if shortcut:
        choose(page, shortcut=shortcut)
    if unit != "layer1.0":  # which is drawn already
        page.locator(f'[data-key="{unit}"]').click()
    now = check(page)
    (own,) = (u for u in now["units"] if u["name"] == unit)
    detail = page.locator(".rl-detail")
    drawn = detail.locator("svg text").all_text_contents()
    drawn = [words.translate(SPACES) for words in drawn]
    for layer in own["main"]:
        side = f"{layer['kernel']}×{layer['kernel']}"
        side += f" / {layer['stride']}" if layer["stride"] > 1 else ""
        assert f"{side}, {layer['from']} → {layer['channels']}" in drawn
    assert f"x: {own['from']} × {own['before']}²" in drawn
    assert f"h(x): {own['channels']} × {own['size']}²" in drawn
    assert set(aside) <= set(drawn)
    assert words in text(detail.locator("p"))
    rows = cells(page.locator(".rl-layer"))
    assert [p for p, _ in rows] == [layer["parameters"] for layer in own["layers"]]
    macs = [layer["macs"] / 1e6 for layer in own["layers"]]
    assert [m for _, m in rows] == pytest.approx(macs, abs=0.06)
    # One's own drawing, with nothing outside of it.
    frame, *shapes = detail.locator("svg, svg *").evaluate_all(
        """(all) => all.map((node) => {
          const { left, right, bottom } = node.getBoundingClientRect();
          return [left, right, bottom];
        })"""
    )
    assert len(shapes) > 5
    assert all(left >= frame[0] - 1 for left, _, _ in shapes)
    assert all(right <= frame[1] + 1 for _, right, _ in shapes)
    assert all(bottom <= frame[2] + 1 for _, _, bottom in shapes)


def test_of_units_alike_each_is_told(page):
    page.locator('[data-key="layer3.1"]').click()
    words = text(page.locator(".rl-detail p"))
    assert words.startswith("layer3.1–5: ")
    assert "Each of the 5 has 1,117,184 parameters and 218.4 M MACs." in words
    ((parameters, _),) = cells(page.locator('[data-unit="layer3.1"]'))
    assert parameters == 5 * 1_117_184


def test_keys_alone_will_do(page):
    page.get_by_role("slider", name="image").focus()
    page.keyboard.press("ArrowRight")
    assert check(page)["size"] == 256
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert state(page)["selected"] == "layer1.1"
    assert page.evaluate("document.activeElement.dataset.key") == "layer1.1"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert state(page)["open"] == ["layer1.1"]
    assert page.evaluate("document.activeElement.dataset.key") == "fold layer1.1"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert state(page)["selected"] is None
    assert page.locator(".rl-detail").count() == 0


def test_a_finger_will_do(page):
    page.locator('[data-key="layer2.0"]').tap()
    assert state(page)["selected"] == "layer2.0"
    page.locator('[data-key="fold layer2.1"]').tap()
    assert "layer2.3" in unit_names(page)


@pytest.mark.parametrize("width", [320, 390, 760])
def test_every_cell_has_room(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    choose(page, net="resnet152", shortcut="C", size=448)
    page.locator('[data-key="layer4.0"]').click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    too_narrow = page.evaluate(
        """[...document.querySelectorAll("th, td")]
        .filter((cell) => cell.scrollWidth > cell.clientWidth + 1)
        .map((cell) => cell.textContent)"""
    )
    assert not too_narrow
    for control in page.locator("button, select, input").all():
        assert control.bounding_box()["height"] >= 32


# ------------------------------------------------------------------- from Python


def test_another_start(mount_explorer):
    assert check(mount_explorer(ResNetLayersExplorer(start="resnet18")))["depth"] == 18


@pytest.mark.parametrize("start", ["resnet20", None, 50])
def test_unknown_nets_are_refused(start):
    with pytest.raises(traitlets.TraitError, match="start"):
        ResNetLayersExplorer(start=start)
    with pytest.raises(ValueError, match=f"name must be one of .*, got {start!r}"):
        build(start)


@pytest.mark.parametrize("net", NETS)
def test_parts_come_to_the_whole(net):
    found = costs_by_part(net)
    assert tuple(found) == PARTS
    assert [sum(cost) for cost in zip(*found.values(), strict=True)] == list(
        PUBLISHED[net][:2]
    )
    assert found["stem"] == (9_536, 118_013_952)
    assert costs_by_part(net, 64, shortcut="A")["stem"] == (9_536, 9_633_792)


def test_the_still_has_the_five_nets():
    left, right = ResNetLayersExplorer().still().axes
    for ax, totals in (
        (left, "11.7 21.8 25.6 44.5 60.2"),
        (right, "1.8 3.7 3.9 7.6 11.3"),
    ):
        assert [t.get_text().strip() for t in ax.texts] == totals.split()
        assert len(ax.patches) == 5 * len(PARTS)


def test_the_table_is_whole_on_a_phone(page):
    """Which gives it 358 of its 390 pixels; this page, all but 16."""
    page.set_viewport_size({"width": 358 + 16, "height": 900})
    hidden = "(box) => box.scrollWidth - box.clientWidth"
    assert page.locator(".ex-scroll").evaluate(hidden) == 0
