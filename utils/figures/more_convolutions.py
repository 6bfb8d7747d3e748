"""Figures of the chapter whose module is `more_convolutions`."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from utils import plotting


def copies(y, w, stride):
    """A transposed convolution of y (p,) by w (m,): copies laid down, and their sum.

    Row t is y_t times the kernel, t strides from the left; the last row is the sum.
    """
    y, w = np.asarray(y, float), np.asarray(w, float)
    rows = np.zeros((len(y) + 1, stride * (len(y) - 1) + len(w)))
    for t, value in enumerate(y):
        rows[t, stride * t : stride * t + len(w)] = value * w
    rows[-1] = rows.sum(axis=0)
    fig, ax = plt.subplots(figsize=(0.52 * rows.shape[1] + 0.6, 0.5 * len(rows) + 0.4))
    title = "each value times the kernel, a stride apart"
    plotting.number_grid(ax, rows, title, (len(y), 0, 1, rows.shape[1]))
    for t, name in enumerate([*(f"{value:.0f} ·" for value in y), "sum"]):
        ax.text(-0.25, t + 0.55, name, ha="right", va="center")
    return fig


def connections(x, w, stride, at):
    """Inputs of a transposed convolution above, outputs below, a line for each weight.

    Args:
        x: whole numbers (n,).
        w: kernel (m,).
        stride: places between the outputs of one input and the next.
        at: the output that is marked, with its inputs.
    """
    x, w = np.asarray(x), np.asarray(w)
    y = np.zeros(stride * (len(x) - 1) + len(w), int)
    above = stride * np.arange(len(x)) + (len(w) - 1) / 2
    fig, ax = plt.subplots(figsize=(0.52 * len(y) + 0.4, 2.6))
    marked = []
    for i, value in enumerate(x):
        for k, weight in enumerate(w):
            o = stride * i + k
            y[o] += value * weight
            color, width = (plotting.LINE, 1.2) if o != at else ("C0", 2.5)
            ax.plot([above[i], o], [2, 0], color=color, lw=width, zorder=o == at)
            if o == at:
                marked.append(i)
                place = (0.65 * above[i] + 0.35 * o, 1.3)
                box = {"fc": plotting.PAPER, "ec": "none", "pad": 1}
                ax.text(*place, f"{weight}", ha="center", va="center", bbox=box)
    rows = [(above, x, 2, marked), (np.arange(len(y)), y, 0, [at])]
    for places, values, height, framed in rows:
        for k, (place, value) in enumerate(zip(places, values, strict=True)):
            edge = plotting.COLORS["green"] if k in framed else plotting.MUTED
            corner = (place - 0.4, height - 0.3)
            look = {"fc": plotting.PAPER, "ec": edge, "lw": 2.5 if k in framed else 0.8}
            ax.add_patch(plt.Rectangle(corner, 0.8, 0.6, zorder=3, **look))
            ax.text(place, height, f"{value}", ha="center", va="center", zorder=4)
    ax.set(xlim=(-0.6, len(y) - 0.4), ylim=(-0.5, 2.5))
    ax.set_axis_off()
    return fig


def number_grids(grids):
    """Grids of whole numbers (H, W) side by side, under their names."""
    widths = [np.shape(grid)[1] for grid in grids.values()]
    fig, axes = plt.subplots(
        1, len(grids), figsize=(6.4, 2.7), gridspec_kw={"width_ratios": widths}
    )
    for ax, (name, grid) in zip(axes, grids.items(), strict=True):
        plotting.number_grid(ax, grid, name)
    return fig


def sheets(outputs, half=0.1):
    """Maps (H, W) by their names; mid-grey is the mean of each, black `half` below."""
    fig, axes = plt.subplots(1, len(outputs), figsize=(6.4, 1.95))
    for ax, (name, sheet) in zip(axes, outputs.items(), strict=True):
        middle = float(sheet.mean())
        limits = {"vmin": middle - half, "vmax": middle + half}
        ax.imshow(sheet, cmap="gray", interpolation="none", **limits)
        ax.set_title(name, fontsize=9, loc="center")
        ax.set_axis_off()
    return fig


def ways(maps):
    """Ways from each pixel to the output in the middle (H, W), by the layers' names.

    The darker, the more ways, on a logarithmic scale; white: none.
    """
    fig, axes = plt.subplots(1, len(maps), figsize=(6.4, 1.95))
    for ax, (name, counts) in zip(axes, maps.items(), strict=True):
        shade = np.log1p(np.asarray(counts, float))
        ax.imshow(shade, cmap="Blues", vmax=shade.max() * 1.1, interpolation="none")
        ax.set_title(name, fontsize=9, loc="center")
        ax.set(xticks=[], yticks=[])
        for side in ("top", "right"):
            ax.spines[side].set_visible(True)
    return fig


def bent_windows(images, windows, titles):
    """Digits, and the places at which three windows of a layer look.

    Args:
        images: (N, H, W).
        windows: for each image a list of (rows, columns), the places of one window in
            pixels of the image.
        titles: N strings.
    """
    fig, axes = plt.subplots(1, len(images), figsize=(6.4, 1.95))
    for ax, image, looks, title in zip(axes, images, windows, titles, strict=True):
        ax.imshow(image, cmap="Greys", vmax=2.2, interpolation="none")
        styles = zip(plotting.PALETTE, plotting.MARKERS, looks, strict=False)
        for color, marker, (rows, columns) in styles:
            ax.plot(columns, rows, marker, ms=3.5, color=color)
        ax.set(xlim=(-2, 29), ylim=(29, -2))
        ax.set_title(title, fontsize=9, loc="center")
        ax.set_axis_off()
    return fig


def answers(page, confidence, named):
    """A page of digits, and how sure a network is at each place of it.

    Args:
        page: (H, W), ink from 0 to 1.
        confidence: (h, w), the largest probability at each place, 4 pixels apart.
        named: (row, column) of places -> answers, to be written on the map.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2))
    left.imshow(page, cmap="Greys", interpolation="none")
    left.set_title("page", loc="center")
    height, width = (4 * n + 12 for n in confidence.shape)  # of the middles of windows
    where = {"extent": (12, width, height, 12), "interpolation": "none"}
    image = right.imshow(confidence, cmap="Blues", vmin=0, vmax=1.3, **where)
    for (row, column), answer in named.items():
        style = {"ha": "center", "va": "center", "fontsize": 10, "weight": "bold"}
        middle = 4 * column + 14, 4 * row + 14
        right.text(*middle, f"{answer}", color="black", **style)
    right.set_title("largest probability at each place", loc="center")
    bar = fig.colorbar(image, ax=right, shrink=0.8, boundaries=np.linspace(0, 1, 101))
    bar.set_ticks([0, 0.5, 1])
    for ax in (left, right):
        ax.set(xticks=[], yticks=[])
        ax.set(xlim=(0, page.shape[1]), ylim=(page.shape[0], 0))
    return fig


VERDICTS = ("paper", "right digit", "wrong digit", "ink on paper", "ink missed")


def verdicts(classes, predicted):
    """For each pixel a row of `VERDICTS`, of two (..., H, W)."""
    ink, found = classes > 0, predicted > 0
    wrong = np.where(found, np.where(ink, 2, 3), np.where(ink, 4, 0))
    return np.where(ink & (predicted == classes), 1, wrong)


def segmentations(scenes, classes, predictions):
    """Scenes, and what networks made of each pixel.

    Args:
        scenes: (N, H, W), ink from 0 to 1.
        classes: (N, H, W), the right ones.
        predictions: name -> classes (N, H, W).
    """
    colors = [plotting.COLORS[c] for c in ("blue", "orange", "grey", "red")]
    cmap = ListedColormap([plotting.PAPER, *colors])
    columns = 1 + len(predictions)
    fig, axes = plt.subplots(len(scenes), columns, figsize=(6.4, 1.45 * len(scenes)))
    for n, row in enumerate(axes):
        row[0].imshow(scenes[n], cmap="Greys", interpolation="none")
        for ax, name in zip(row[1:], predictions, strict=True):
            shown = verdicts(classes[n], predictions[name][n])
            ax.imshow(shown, cmap=cmap, vmin=0, vmax=4, interpolation="none")
        for ax, name in zip(row, ("scene", *predictions), strict=True):
            ax.set(xticks=[], yticks=[])
            if n == 0:
                ax.set_title(name, fontsize=9, loc="center")
            for side in ("top", "right"):
                ax.spines[side].set_visible(True)
    names = zip(colors, VERDICTS[1:], strict=True)
    handles = [plt.Rectangle((0, 0), 1, 1, fc=c, label=name) for c, name in names]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig
