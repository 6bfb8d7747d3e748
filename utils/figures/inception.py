"""Figures of the chapter whose module is `inception`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting


def windows(image):
    """What windows of four kinds see at the centre of an image (5, 5), framed."""
    seen = {
        f"1×1: {image[2, 2]}": (2, 2, 1, 1),
        f"3×3: {image[1:4, 1:4].sum()}": (1, 1, 3, 3),
        f"5×5: {image.sum()}": (0, 0, 5, 5),
        f"max 3×3: {image[1:4, 1:4].max()}": (1, 1, 3, 3),
    }
    fig, axes = plt.subplots(1, 4, figsize=(6.4, 1.9))
    for ax, (title, window) in zip(axes, seen.items(), strict=True):
        plotting.number_grid(ax, image, title, window)
    return fig


def modules():
    """The naive module and module 3a of GoogLeNet, branch by branch."""
    naive = ["1×1\n64"], ["3×3\n128"], ["5×5\n32"], ["max 3×3\n192"]
    reduced = (
        ["1×1\n64"],
        ["1×1\n96", "3×3\n128"],
        ["1×1\n16", "5×5\n32"],
        ["max 3×3\n192", "1×1\n32"],
    )
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.7))
    _diagram(axes[0], naive, "naive: 416 maps")
    _diagram(axes[1], reduced, "module 3a: 256 maps")
    return fig


def _diagram(ax, branches, title):
    """A module: its branches as columns of boxes, bottom to top."""
    look = {"ha": "center", "va": "center", "fontsize": 7.5}
    arrow = {"arrowstyle": "-|>", "color": plotting.MUTED, "lw": 0.8}
    for k, boxes in enumerate(branches):
        heights = [1.0, 2.0] if len(boxes) == 2 else [1.5]
        stops = [(1.5, 0.15), *((k, h) for h in heights), (1.5, 3.05)]
        for a, b in zip(stops, stops[1:], strict=False):
            start, end = (a[0], a[1] + 0.2), (b[0], b[1] - 0.22)
            ax.annotate("", end, start, arrowprops=arrow)
        for text, h in zip(boxes, heights, strict=True):
            small = text.startswith("1×1")
            color = plotting.COLORS["blue" if small else "orange"]
            if "max" in text:
                color = plotting.MUTED
            box = {"boxstyle": "round,pad=0.3", "fc": plotting.PAPER}
            ax.text(k, h, text, bbox=box | {"ec": color, "lw": 1.4}, **look)
    ax.text(1.5, 0.1, "192 maps", **look)
    ax.text(1.5, 3.2, title, **look | {"fontsize": 9})
    ax.set(xlim=(-0.5, 3.5), ylim=(-0.1, 3.4))
    ax.set_axis_off()


def googlenet(modules):
    """GoogLeNet from the image to the answer, and where its two heads hang.

    Args:
        modules: name -> widths, as `MODULES`.
    """
    row, sides = [("stem", 192)], {"3": 28, "4": 14, "5": 7}
    for name, (one, three, five, pool) in modules.items():
        if name in ("4a", "5a"):
            row.append(("pool", row[-1][1]))
        row.append((name, one + three[1] + five[1] + pool))
    row += [("mean", 1024), ("full", 1000)]
    fig, ax = plt.subplots(figsize=(6.4, 1.9))
    look = {"ha": "center", "va": "center"}
    arrow = {"arrowstyle": "-|>", "color": plotting.MUTED, "lw": 0.8}
    for k, (name, maps) in enumerate(row):
        color = plotting.COLORS["blue" if name in modules else "orange"]
        if name in ("pool", "mean"):
            color = plotting.MUTED
        box = {"boxstyle": "round,pad=0.25", "fc": plotting.PAPER, "ec": color}
        ax.text(k, 0, name, bbox=box, fontsize=7, **look)
        ax.text(k, 0.55, f"{maps:,}", fontsize=6.5, **look)
        if k:
            ax.annotate("", (k - 0.33, 0), (k - 0.67, 0), arrowprops=arrow)
        if name in ("4a", "4d"):
            ax.annotate("", (k, -0.75), (k, -0.25), arrowprops=arrow)
            box = box | {"ec": plotting.COLORS["orange"]}
            ax.text(k, -1, "head", bbox=box, fontsize=7, **look)
    for stage, side in sides.items():
        places = [k for k, (name, _) in enumerate(row) if name[0] == stage]
        ax.text(np.mean(places), 1.1, f"{side}×{side}", fontsize=8, **look)
    ax.set(xlim=(-0.6, len(row) - 0.4), ylim=(-1.4, 1.4))
    ax.set_axis_off()
    return fig


def costs(table):
    """MACs and parameters of GoogLeNet's layers; blocks in another colour.

    Args:
        table: of `utils.counting.layer_table`.
    """
    rows = [row for row in table if row.macs]
    names = [row.name.replace("blocks.", "") for row in rows]
    colors = [plotting.PALETTE[0 if "blocks" in row.name else 1] for row in rows]
    fig, axes = plt.subplots(2, 1, figsize=(6.4, 3.6), sharex=True)
    axes[0].bar(names, [row.macs / 1e6 for row in rows], color=colors)
    axes[0].set_ylabel("million MACs")
    axes[1].bar(names, [row.parameters / 1e3 for row in rows], color=colors)
    axes[1].set_ylabel("thousand\nparameters")
    axes[1].tick_params(axis="x", rotation=45)
    return fig


def pulls(pull):
    """Gradients at the stem before training, with auxiliary classifiers and without.

    Args:
        pull: (initial weights, weight of the classifiers) -> length.
    """
    starts = list(dict.fromkeys(how for how, _ in pull))
    fig, ax = plt.subplots(figsize=(6.4, 2.6))
    for k, (weight, label) in enumerate(((0, "no heads"), (0.3, "heads"))):
        places = np.arange(len(starts)) + 0.19 * (2 * k - 1)
        values = [pull[how, weight] for how in starts]
        ax.bar(places, values, 0.36, bottom=1e-13, label=label)
    ax.set(yscale="log", ylabel="gradient at the stem", ylim=(1e-13, 100))
    ax.set_xticks(range(len(starts)), starts)
    ax.legend()
    return fig


def ways(counts):
    """The numbers (5, 5) of ways from each pixel to the output."""
    fig, ax = plt.subplots(figsize=(2.4, 2.4))
    plotting.number_grid(ax, counts, "ways to the output")
    return fig


def contest(accuracies):
    """A row of dots for each contestant, one for each seed.

    Args:
        accuracies: name -> accuracies.
    """
    fig, ax = plt.subplots(figsize=(4.8, 1.8))
    for k, values in enumerate(accuracies.values()):
        ax.plot(values, [-k] * len(values), plotting.MARKERS[k], ms=7)
    ax.set_yticks([-k for k in range(len(accuracies))], list(accuracies))
    ax.set(xlabel="share of 1,000 new digits right")
    ax.set_ylim(0.5 - len(accuracies), 0.5)
    return fig


def ranks(kernels, best, kept):
    """Kernels, and below each the best product of a column and a row.

    Args:
        kernels, best: name -> (7, 7).
        kept: name -> the share of the kernel that the product keeps.
    """
    fig, axes = plt.subplots(2, 4, figsize=(6.4, 3.3))
    for column, (name, kernel) in zip(axes.T, kernels.items(), strict=True):
        limit = np.abs(kernel).max()
        for ax, picture in zip(column, (kernel, best[name]), strict=True):
            ax.imshow(picture, vmin=-limit, vmax=limit, cmap=plotting.SIGNED)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        column[0].set_title(name, loc="center")
        column[1].set_xlabel(f"{kept[name]:.0%} kept")
    axes[0, 0].set_ylabel("7×7")
    axes[1, 0].set_ylabel("7×1 · 1×7")
    return fig


def silenced(left, modules, branches):
    """What is left of the accuracy without each branch of each module.

    Args:
        left: (modules, branches).
        modules, branches: their names.
    """
    fig, ax = plt.subplots(figsize=(4.6, 3))
    ax.imshow(left, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(left):
        # The cells keep their colours in dark mode, so these must not be the page's.
        color = "#fdfdfd" if value < 0.6 else "#101010"
        look = {"ha": "center", "va": "center", "color": color}
        ax.text(column, row, f"{value:.0%}", **look)
    ax.set_xticks(range(len(branches)), branches)
    ax.set_yticks(range(len(modules)), modules)
    ax.set(xlabel="silenced branch", ylabel="module")
    return fig


def variance(shares, widths):
    """The share of the variance in the first directions of a module's input.

    Args:
        shares: module -> shares (C,), adding up to 1.
        widths: module -> how many maps its reductions have.
    """
    fig, ax = plt.subplots(figsize=(5.4, 2.9))
    for k, (name, share) in enumerate(shares.items()):
        ax.plot(np.arange(1, len(share) + 1), share, label=f"into {name}")
        for reduced in widths[name]:
            ax.plot(reduced, share[reduced - 1], "o", c=plotting.PALETTE[k])
    ax.set(xlabel="directions kept", ylabel="share of the variance")
    ax.set(ylim=(0, 1.03))
    ax.legend()
    return fig
