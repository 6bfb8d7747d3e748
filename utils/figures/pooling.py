"""Figures of the chapter whose module is `pooling`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting

# The image of the worked example, and the one with which the explorer opens.
EXAMPLE = [
    [1, 3, 2, 4, 5, -1],
    [7, -6, -3, -2, -6, -3],
    [2, 0, 9, 3, 8, 6],
    [0, 1, 2, 4, -1, -3],
    [-2, 0, 1, 1, -4, -1],
    [-3, 4, 0, -1, -5, -2],
]


def draw_values(ax, values, title, marked=None, size=None):
    """Numbers in squares.

    Args:
        ax: Matplotlib axes.
        values: (H, W).
        title: a few words above.
        marked: (H, W), true where a square is shaded; None marks none.
        size: every block of size x size gets a thick frame; None draws no frame.
    """
    values = np.asarray(values, float)
    rows, columns = values.shape
    for (r, c), value in np.ndenumerate(values):
        face = plotting.PAPER if marked is None or not marked[r][c] else plotting.LINE
        ax.add_patch(plt.Rectangle((c, r), 1, 1, fc=face, ec=plotting.MUTED, lw=0.6))
        text = f"{round(value, 2):g}".replace("-", "−")
        small = 8 if len(text.strip("−")) > 2 else 10
        ax.text(c + 0.5, r + 0.52, text, ha="center", va="center", fontsize=small)
    step = size or max(rows, columns)
    for r in range(0, rows, step):
        for c in range(0, columns, step):
            width, height = min(step, columns - c), min(step, rows - r)
            frame = plt.Rectangle((c, r), width, height, fill=False, lw=1.8)
            frame.set_edgecolor(plotting.COLORS["green"])
            ax.add_patch(frame)
    ax.set(xlim=(-0.1, columns + 0.1), ylim=(rows + 0.1, -0.1))
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(title, loc="center")


def blocks(image, highest, mean):
    """An image in blocks of 2 x 2 with the largest marked, their maxima and means.

    Args:
        image: (H, W) with even H and W.
        highest, mean: (H / 2, W / 2).
    """
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 2.7), gridspec_kw={"width_ratios": [6, 3.6, 3.6]}
    )
    winners = np.zeros(np.shape(image))  # of equals the first
    for u, v in np.ndindex(np.shape(highest)):
        place = slice(2 * u, 2 * u + 2), slice(2 * v, 2 * v + 2)
        winners[place].flat[image[place].argmax()] = 1
    draw_values(axes[0], image, "image $X$", marked=winners, size=2)
    draw_values(axes[1], highest, "max", marked=np.ones_like(highest))
    draw_values(axes[2], mean, "mean")
    return fig


def errors_back(delta, through_max, through_mean):
    """Error terms of a pooled map (h, w), and where they go in its image (H, W)."""
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 2.6), gridspec_kw={"width_ratios": [3.2, 6, 6]}
    )
    draw_values(axes[0], delta, "$δ$ of the output")
    for ax, back, name in (
        (axes[1], through_max, "back through max"),
        (axes[2], through_mean, "back through mean"),
    ):
        draw_values(ax, back, name, marked=back > 0, size=2)
    return fig


def wiring():
    """A bar, simple cells at neighbouring places, and the complex cell behind them."""
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 2.9), gridspec_kw={"width_ratios": [2, 4, 2]}
    )
    across = np.arange(-10, 11)
    bar = np.tile(np.exp(-((across - 4) ** 2) / 2), (21, 1))
    axes[0].imshow(bar, cmap="gray", vmin=0, vmax=1)
    axes[0].set_title("a bar of light", loc="center")
    for k, place in enumerate((-8, -4, 0, 4, 8)):
        low, x = 1.25 * k, across - place
        stripe = ((1 - x**2) * np.exp(-(x**2) / 2))[None]
        place_of = {"extent": (-10.5, 10.5, low + 1, low), "interpolation": "none"}
        axes[1].imshow(stripe, cmap="gray", vmin=-0.6, vmax=0.8, **place_of)
        answer, color = ("1", "orange") if place == 4 else ("0", "grey")
        line = {"color": plotting.COLORS[color], "lw": 2.5 if place == 4 else 1}
        axes[1].text(12, low + 0.5, answer, va="center")
        axes[1].plot([14.5, 20], [low + 0.5, 3], **line)
    axes[1].set(xlim=(-12, 20), ylim=(6.2, -0.2), aspect="auto")
    axes[1].set_title("simple cells, side by side", loc="center")
    axes[2].add_patch(plt.Circle((0.5, 3), 0.45, fill=False, lw=1.8))
    axes[2].text(0.5, 3, "max = 1", ha="center", va="center")
    axes[2].set(xlim=(-0.1, 1.6), ylim=(6.2, -0.2))
    axes[2].set_title("complex cell", loc="center")
    for ax in axes:
        ax.set_axis_off()
    return fig


def two_cells(offsets, moved, turns, turned):
    """What a simple and a complex cell answer when a bar moves, and when it turns.

    Args:
        offsets, turns: pixels and degrees.
        moved, turned: for each of them, the answers of the simple and the complex cell.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.9), sharey=True)
    for k, name, look in ((1, "complex", "o-"), (0, "simple", "s--")):
        color = plotting.PALETTE[1 - k]
        answers = moved[:, k] / moved.max(), turned[:, k] / turned.max()
        axes[0].plot(offsets, answers[0], look, color=color, ms=4)
        axes[1].plot(turns, answers[1], look[1:], color=color, label=name)
    axes[0].set(xlabel="bar moved by (pixels)", ylabel="answer")
    axes[1].set(xlabel="bar turned by (degrees)", xticks=(-90, -45, 0, 45, 90))
    axes[1].legend(loc="upper right")
    return fig


def changes_by_shift(changes):
    """How much maps change, for shifts by 1, 2, … pixels: name -> numbers."""
    fig, ax = plt.subplots(figsize=(6.4, 3))
    for k, (name, row) in enumerate(changes.items()):
        look = {"color": plotting.PALETTE[k], "marker": plotting.MARKERS[k], "ms": 4}
        ax.plot(range(len(row) + 1), [0, *row], label=name, **look)
    ax.axhline(np.sqrt(2), color=plotting.MUTED, lw=1, ls=":")
    ax.set(xlabel="shift in pixels", ylabel="change of the maps", xticks=range(5))
    ax.legend(ncols=2, loc=(0.38, 0.06), fontsize=8)
    return fig


def forward_and_back(names, forward, backward):
    """A map of each layer, and below it the error terms at the same places: (H, W)."""
    fig, axes = plt.subplots(2, len(names), figsize=(6.4, 2.3))
    for ax, values in zip(axes.flat, [*forward, *backward], strict=True):
        limit = np.abs(values).max() or 1
        ax.imshow(values, cmap=plotting.SIGNED, vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name, loc="center", fontsize=9)
    axes[0, 0].set_ylabel("forward")
    axes[1, 0].set_ylabel("$δ$, back")
    return fig


def kernels_and_maps(kernels, maps):
    """Kernels (O, h, w) and below each its map (O, H, W)."""
    fig, axes = plt.subplots(2, len(kernels), figsize=(6.4, 1.8))
    limit = np.abs(kernels).max()
    for k, (kernel, values) in enumerate(zip(kernels, maps, strict=True)):
        axes[0, k].imshow(kernel, cmap=plotting.SIGNED, vmin=-limit, vmax=limit)
        axes[1, k].imshow(values, vmin=0, vmax=maps.max())
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("kernel")
    axes[1, 0].set_ylabel("map")
    return fig


def receptive_fields(reached, fields):
    """What a neuron of each layer depends on.

    Args:
        reached: name of a layer -> a share from 0 to 1 for each pixel, (H, W).
        fields: the side of each layer's receptive field.
    """
    fig, axes = plt.subplots(1, len(fields), figsize=(6.4, 1.9))
    for ax, (name, share), field in zip(axes, reached.items(), fields, strict=True):
        ax.imshow(share, cmap="Greys", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{name}: {field}", loc="center")
    return fig


def accuracy_by_shift(curves):
    """Accuracies for shifts of the test digits by 0, 1, … pixels: name -> numbers."""
    fig, ax = plt.subplots(figsize=(6.4, 2.9))
    for k, (name, row) in enumerate(curves.items()):
        look = {"color": plotting.PALETTE[k], "marker": plotting.MARKERS[k], "ms": 5}
        ax.plot(range(len(row)), row, label=name, **look)
    ax.set(
        xlabel="shift of the test digits in pixels",
        ylabel="accuracy",
        ylim=(0, 1),
        xticks=range(5),
    )
    ax.legend()
    return fig
