"""Figures of the chapter whose module is `lenet`."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from utils import plotting


def mosaic(maps, columns, gap=2):
    """Maps (C, H, W) side by side in rows of `columns`, paper between them."""
    maps = np.asarray(maps)
    count, height, width = maps.shape
    rows = -(-count // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan
    )
    for k, one in enumerate(maps):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        sheet[top : top + height, left : left + width] = one
    return sheet


def _arrays(maps):
    """What the layers say, wherever they are, as arrays; the output as shares."""
    maps = maps | {"output": maps["output"].softmax(1)}
    return {name: torch.as_tensor(one).cpu().numpy() for name, one in maps.items()}


def stages(image, maps):
    """A digit on its way through LeNet-5.

    Args:
        image: (H, W), what goes in.
        maps: name of each layer -> what it says to this image, (1, C, H, W) or (1, F);
            of the output logits.
    """
    maps = _arrays(maps)
    sheets = {"image": image}
    for name, columns in (("c1", 2), ("s2", 2), ("c3", 4), ("s4", 4)):
        sheets[name] = mosaic(maps[name][0], columns)
    for name, columns in (("c5", 10), ("f6", 7)):
        sheets[name] = maps[name][0].reshape(-1, columns)
    sheets["output"] = maps["output"].reshape(-1, 1)
    fig, axes = plt.subplots(
        1, 8, figsize=(6.4, 1.9), width_ratios=[3, 2, 2, 3, 3, 2, 1.5, 0.9]
    )
    for ax, (name, sheet) in zip(axes, sheets.items(), strict=True):
        ax.imshow(sheet, interpolation="none")
        name = name.upper() if len(name) == 2 else name
        ax.set_title(name, loc="center", fontsize=8)
        ax.set_anchor("N")  # the titles on one line
        ax.set_axis_off()
    return fig


def connection_table(table):
    """Which maps of S2 each map of C3 sees: (16, 6), true where it does."""
    fig, ax = plt.subplots(figsize=(6.4, 2.7))
    ax.imshow(table.T, aspect="equal", cmap="gray_r", vmax=1.6)
    ax.set(xlabel="map of C3", ylabel="map of S2", xticks=range(16))
    ax.set(yticks=range(6))
    ax.set_xticks(np.arange(16) - 0.5, minor=True)
    ax.set_yticks(np.arange(6) - 0.5, minor=True)
    ax.grid(which="minor", color=plotting.LINE)
    ax.tick_params(which="both", length=0)
    return fig


def squashing(a, scaled):
    """The scaled tanh of the numbers a, beside the plain one."""
    fig, ax = plt.subplots(figsize=(4.2, 2.6))
    ax.plot(a, scaled, label="1.7159 tanh(2a/3)")
    ax.plot(a, np.tanh(a), "--", color=plotting.PALETTE[1], label="tanh a")
    ax.plot([-1, 1], [-1, 1], "o", color=plotting.INK, ms=5)
    ax.set(xlabel="a", ylabel="f(a)")
    ax.legend()
    return fig


def errors_by_epoch(curves):
    """Test errors in percent after each epoch, of a few nets: name -> numbers."""
    fig, ax = plt.subplots(figsize=(4.9, 2.8))
    for k, (name, wrong) in enumerate(curves.items()):
        look = {"color": plotting.PALETTE[k], "marker": plotting.MARKERS[k], "ms": 4}
        ax.plot(range(1, len(wrong) + 1), wrong, label=name, **look)
    ax.set(xlabel="epoch", ylabel="test errors, %", yscale="log")
    ax.set(yticks=[3, 5, 10, 30], yticklabels=["3", "5", "10", "30"])
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.minorticks_off()
    ax.legend()
    return fig


def recorded_errors(panels):
    """Errors among 10,000 digits after each epoch, mean and range of the seeds.

    Args:
        panels: title of each half -> name of a net -> errors (seeds, epochs).
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharey=True)
    lines = {"original": "-", "lecture": "--", "rearranged": "-."}
    for ax, (title, curves) in zip(axes, panels.items(), strict=True):
        for k, (name, line) in enumerate(lines.items()):
            if name not in curves:
                continue
            errors, color = curves[name], plotting.PALETTE[k]
            epochs = range(1, errors.shape[1] + 1)
            ax.plot(epochs, errors.mean(0), line, color=color, label=name)
            low, high = errors.min(0), errors.max(0)
            ax.fill_between(epochs, low, high, color=color, alpha=0.2, lw=0)
        ax.set(xlabel="epoch", yscale="log", ylim=(22, 800), title=title)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        ax.set_yticks([30, 50, 82, 200, 500], ["30", "50", "82", "200", "500"])
        ax.minorticks_off()
    axes[0].set(ylabel="errors among 10,000")
    return fig


def inside(ways):
    """Versions of a digit, what some layers make of each, and the answers.

    Args:
        ways: name -> image (H, W), and maps as in `stages`.
    """
    fig, axes = plt.subplots(
        len(ways), 5, figsize=(6.4, 9.6), width_ratios=[1.2, 1.8, 1.4, 1.3, 1.5]
    )
    few_greys = plt.get_cmap("gray_r", 12)
    for line, (name, (image, maps)) in zip(axes, ways.items(), strict=True):
        maps = _arrays(maps)
        sheets = (
            image,
            mosaic(maps["c1"][0], 3),
            mosaic(maps["c3"][0], 4, gap=1),
            maps["c5"][0].reshape(10, 12),
        )
        for ax, sheet in zip(line, sheets, strict=False):
            ax.imshow(sheet, cmap=few_greys, interpolation="none")
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(name, fontsize=8)
        line[4].bar(range(10), maps["output"][0], color=plotting.PALETTE[0])
        line[4].set(ylim=(0, 1), xlim=(-0.6, 9.6))
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    axes[-1, 4].set_xticks(range(10), range(10), fontsize=6)
    titles = ("input", "C1", "C3", "C5", "answer")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=9, loc="center")
    return fig


def robustness(shifts, by_shift, levels, by_noise):
    """Accuracies of a few nets against shifts and noise: name -> numbers."""
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), sharey=True)
    panels = (axes[0], shifts, by_shift), (axes[1], levels, by_noise)
    for ax, xs, curves in panels:
        for k, (name, ys) in enumerate(curves.items()):
            look = {"color": plotting.PALETTE[k], "marker": plotting.MARKERS[k]}
            ax.plot(xs, ys, label=name, ms=4, **look)
    axes[0].set(xlabel="shift, pixels", ylabel="accuracy", ylim=(0, 1.03))
    axes[1].set(xlabel="noise, standard deviation")
    axes[0].legend(title="trained on digits")
    return fig
