"""Colours that everybody can tell apart, and figures that say what they show."""

import itertools
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from book.site.figures import narrowest
from utils import plotting
from utils.figures import (
    alexnet,
    convolution1d,
    lenet,
    mlp,
    perceptron,
    resnet,
    transfer,
)
from utils.plotting import COLORS, PALETTE, image_grid, show, to_svg
from utils.training import History

mpl.use("Agg")
SVG = "{http://www.w3.org/2000/svg}"
WHITE, NEAR_BLACK = "#ffffff", "#14181e"

# What a complete lack of one cone type leaves of linear RGB (Machado, Oliveira and
# Fernandes, "A physiologically-based model for simulation of color vision deficiency",
# IEEE Transactions on Visualization and Computer Graphics 15(6), 2009).
VISION = {
    "normal": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(color):
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """WCAG 2's contrast ratio, 1 to 21."""
    dark, light = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] + 0.05 for c in (a, b))
    return light / dark


def lab(rgb):
    """CIE L*a*b* of linear RGB: distances of 2 to 3 are just noticeable."""
    xyz = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ] @ np.clip(rgb, 0, 1)
    xyz = xyz / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.fixture(autouse=True)
def _style():
    with mpl.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


# --- colours


@pytest.mark.parametrize("color", [*PALETTE, plotting.MUTED], ids=[*COLORS, "muted"])
def test_colours_stand_out_on_light_and_on_dark(color):
    assert contrast(color, WHITE) >= 3
    assert contrast(color, NEAR_BLACK) >= 3


def test_the_ruler_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.1)
    assert lab(linear("#ff0000")) == pytest.approx([53.2, 80.1, 67.2], abs=0.2)
    red_green = {
        eyes: np.linalg.norm(lab(m @ linear("#b05050")) - lab(m @ linear("#707030")))
        for eyes, m in VISION.items()
    }
    assert red_green["no green cones"] < red_green["normal"] / 3


@pytest.mark.parametrize("eyes", VISION)
def test_colours_stay_apart_whatever_the_eyes(eyes):
    seen = {name: lab(VISION[eyes] @ linear(c)) for name, c in COLORS.items()}
    for a, b in itertools.combinations(COLORS, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 12, (a, b)


def test_a_marker_for_each_colour():
    assert len(set(PALETTE)) == len(set(plotting.MARKERS)) == len(PALETTE) == 6
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == PALETTE


# --- figures


def a_figure():
    fig, ax = plt.subplots()
    ax.plot([1, 3, 2])
    ax.imshow(np.eye(3))
    ax.set_title("a title")
    return fig


def test_svg_is_the_same_for_the_same_figure_whatever_the_style():
    first = to_svg(a_figure(), "what to see")
    assert to_svg(a_figure(), "what to see") == first
    mpl.rcParams["svg.hashsalt"] = None
    assert to_svg(a_figure(), "what to see") == first


def test_svg_is_the_same_however_the_last_bits_of_the_layout_fall():
    def at(left):
        fig = plt.figure(layout="none")
        for row in (0.1, 0.6):
            fig.add_axes((left, row, 0.3, 0.3)).plot([1, 3, 2])
        return to_svg(fig, "what to see")

    svg = at(0.4)
    assert at(0.4 + 1e-15) == svg
    clips = re.findall(r'<clipPath id="(\w+)"', svg)
    assert len(set(clips)) == 2
    assert set(re.findall(r"url\(#(\w+)\)", svg)) == set(clips)


def test_svg_is_an_image_with_the_text_as_its_name():
    alt = 'x < 3 & "y" > \\1'
    root = ET.fromstring(to_svg(a_figure(), alt))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == alt


def test_show_publishes_picture_and_text_and_closes(monkeypatch):
    published = []

    def display(data, metadata, raw):
        published.append((data, metadata, raw))

    monkeypatch.setattr("IPython.display.display", display)
    fig = a_figure()
    assert show(fig, "  A line,\n   and a matrix. ") is None
    ((data, metadata, raw),) = published
    assert raw
    assert set(data) == {"image/svg+xml", "text/plain"}
    assert data["text/plain"] == "A line, and a matrix."
    assert metadata == {"image/svg+xml": {"alt": "A line, and a matrix."}}
    assert "<title>A line, and a matrix.</title>" in data["image/svg+xml"]
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["  \n", None])
def test_a_figure_without_text_is_refused(alt):
    with pytest.raises(ValueError, match="alt must be a sentence .* got "):
        show(a_figure(), alt)


# --- grids of images


def drawn(fig):
    return [ax.images[0] for ax in fig.axes if ax.images]


@pytest.mark.parametrize(
    ("shape", "one"),
    [
        ((12, 5, 4), (5, 4)),
        ((12, 1, 5, 4), (5, 4)),
        ((12, 5, 4, 1), (5, 4)),
        ((12, 5, 4, 3), (5, 4, 3)),
        ((12, 3, 5, 4), (5, 4, 3)),
        ((12, 1, 3, 3), (3, 3)),  # kernels: torch's order, though they are 3 wide
        ((12, 3, 5, 3), (5, 3, 3)),
    ],
)
def test_grid_takes_every_layout(shape, one):
    images = np.random.default_rng(0).random(shape)
    fig = image_grid(images, columns=5)
    assert len(fig.axes) == 15  # three rows of five, the last three empty
    pictures = [p.get_array() for p in drawn(fig)]
    assert [p.shape for p in pictures] == [one] * 12
    third = images[2]
    if shape[1] in (1, 3):
        third = np.moveaxis(third, 0, -1)
    np.testing.assert_allclose(pictures[2], third.reshape(one))


def test_grid_titles_limits_and_few_images():
    images = np.arange(2 * 9).reshape(2, 3, 3)
    fig = image_grid(images, titles=["a", "b"])
    assert [ax.get_title() for ax in fig.axes] == ["a", "b"]
    assert [p.get_clim() for p in drawn(fig)] == [(0, 8), (9, 17)]
    fig = image_grid(images, limits=(-1, 20))
    assert [p.get_clim() for p in drawn(fig)] == [(-1, 20), (-1, 20)]


@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 3), (2, 5, 5, 2)])
def test_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="images must have shape .* got "):
        image_grid(np.zeros(shape))


def test_grid_refuses_what_does_not_match():
    with pytest.raises(ValueError, match="1 titles for 2 images"):
        image_grid(np.zeros((2, 3, 3)), titles=["one"])
    with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
        image_grid(np.zeros((2, 3, 3)), columns=0)


def test_number_grid_writes_every_number_and_frames_the_window():
    fig, ax = plotting.plt.subplots()
    plotting.number_grid(ax, [[1, -2, -0.0], [3, 4, 5]], "a grid", (0, 1, 2, 2))
    written = [text.get_text() for text in ax.texts]
    assert written == ["1", "−2", "0", "3", "4", "5"]
    frame = ax.patches[-1]
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((1, 0), 2, 2)
    plotting.plt.close(fig)
    with pytest.raises(ValueError, match=r"\(H, W\), got \(3,\)"):
        plotting.number_grid(ax, [1, 2, 3])


# --- on a phone

PHONE = 358  # pixels that a figure has there; a wider one scrolls


def curves(*names):
    return {name: np.linspace(0.9, 0.1 + 0.1 * k, 4) for k, name in enumerate(names)}


def labels(*names):
    return {name: {n: [0.2, 0.3] for n in (10, 100, 1000)} for name in names}


KEYS = {
    "accuracy by pass": lambda: perceptron.accuracy_by_pass(curves("one", "two")),
    "room": lambda: convolution1d.room(*[np.arange(40.0)] * 4),
    "weights": lambda: convolution1d.weights_by_step(np.eye(3), [0, 1, 2]),
    "race": lambda: alexnet.race({"ReLU": [[0.2, 0.3]], "tanh": [[0.3, 0.5]]}),
    "small nets": lambda: lenet.errors_by_epoch(curves("original", "lecture")),
    "photographs": lambda: resnet.photograph_errors(
        {(f"plain-{n}", part): [9, 8] for n in (20, 56) for part in ("train", "test")}
    ),
    "recipes": lambda: resnet.recipes(
        {"SGD, 20 epochs": np.ones((2, 20)), "Muon, 40 epochs": np.ones((3, 40))}, 8.75
    ),
    "gradients": lambda: resnet.gradient_lengths(
        {(kind, 0): [1e-20, 1, 10] for kind in ("plain", "no norm, default")}
    ),
    "ladder": lambda: resnet.training_errors(
        {
            f"{kind}, {depth}": History([], [0.2, 0.8], [], [0.1, 0.7])
            for kind in ("plain", "residual")
            for depth in (20, 32)
        }
    ),
    "one task": lambda: transfer.by_labels({"a": labels("probe, then all", "frozen")}),
    "two tasks": lambda: transfer.by_labels({"a": labels("b"), "c": labels("d")}),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_seen_on_a_phone(name):
    """A figure opens at its left end, no narrower than its labels ask for."""
    with plt.rc_context():
        plotting.use_style()
        fig = KEYS[name]()
        svg = to_svg(fig, "A")
        shown = max(PHONE, narrowest(svg, 72 * fig.get_figwidth()))
        keys = fig.legends + [ax.get_legend() for ax in fig.axes if ax.get_legend()]
        ends = [key.get_window_extent().x1 / fig.bbox.width * shown for key in keys]
        plt.close(fig)
    assert ends
    assert max(ends) <= PHONE


def test_epochs_are_whole_numbers():
    E = {rate: np.ones((4, 2)) for rate in (0.02, 0.2, 2)}
    for fig in (KEYS["small nets"](), mlp.digits_curves(E, 0.2)):
        fig.canvas.draw()
        for ax in fig.axes:
            assert all(tick == round(tick) for tick in ax.get_xticks())
        plt.close(fig)


def test_titles_of_layers_stand_on_one_line():
    sides = {"c1": (6, 28), "s2": (6, 14), "c3": (16, 10), "s4": (16, 5)}
    maps = {name: np.ones((1, n, side, side)) for name, (n, side) in sides.items()}
    maps |= {
        "c5": np.ones((1, 120)),
        "f6": np.ones((1, 84)),
        "output": torch.ones(1, 10),
    }
    with plt.rc_context():
        plotting.use_style()
        fig = lenet.stages(np.ones((32, 32)), maps)
        fig.canvas.draw()
        heights = [ax.title.get_window_extent().y0 for ax in fig.axes]
        plt.close(fig)
    assert np.ptp(heights) < 1
