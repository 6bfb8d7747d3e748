"""Figures of the chapter whose module is `alexnet`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting

UNITS = {"thousand": 1e3, "million": 1e6}
# Layers of the published net, one tower's share: name, maps or neurons, side.
TOWER = (
    ("conv1", 48, 55),
    ("conv2", 128, 27),
    ("conv3", 192, 13),
    ("conv4", 192, 13),
    ("conv5", 128, 13),
    ("fc6", 2048, 1),
    ("fc7", 2048, 1),
    ("fc8", 500, 1),
)


def costs(layers):
    """Parameters and MACs of each layer, side by side: convolutions and others.

    Args:
        layers: of `utils.counting.Step`, those with parameters.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.6), sharey=True)
    names = [s.name for s in layers]
    colors = [plotting.PALETTE[int(name.startswith("fc"))] for name in names]
    for ax, what in zip(axes, ("parameters", "MACs"), strict=True):
        values = np.array([getattr(s, what.lower()) for s in layers]) / 1e6
        ax.barh(names, values, color=colors)
        ax.set(xlabel=f"million {what}")
    axes[0].invert_yaxis()
    return fig


def towers(meeting):
    """Both towers of AlexNet side by side, with the layers that see both in orange.

    Args:
        meeting: names of those layers.
    """
    fig, ax = plt.subplots(figsize=(6.4, 2.5))
    ax.text(0, 0.5, "image\n224", ha="center", va="center", fontsize=8)
    for k, (name, half, side) in enumerate(TOWER, start=1):
        color = plotting.COLORS["orange" if name in meeting else "blue"]
        for tower in (0, 1):
            words = f"{half}" + (f"\n{side}²" if side > 1 else "")
            box = {"boxstyle": "round,pad=0.3", "fc": plotting.PAPER, "ec": color}
            ax.text(k, tower, words, ha="center", va="center", size=8, bbox=box)
            below = [0, 1] if name in meeting else [tower]
            for other in below if k > 1 else [0.5]:
                ax.annotate(
                    "",
                    (k - 0.33, tower),
                    (k - 0.67, other),
                    arrowprops={"arrowstyle": "->", "color": color, "lw": 1.2},
                )
        ax.text(k, -0.55, name, ha="center", fontsize=8)
    ax.set(xlim=(-0.4, 8.5), ylim=(1.4, -0.7))
    ax.set_axis_off()
    return fig


def local_response(before, joined, apart):
    """Activities of ten maps, and what local response normalisation makes of them.

    Args:
        before: (10,).
        joined, apart: (10,), afterwards, with one group and with two.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.5))
    axes[0].bar(range(10), before, color=plotting.COLORS["grey"])
    for k, (b, name) in enumerate(((joined, "one group"), (apart, "two groups"))):
        place = np.arange(10) + 0.4 * k - 0.2
        axes[1].bar(place, b, width=0.4, color=plotting.PALETTE[k], label=name)
    for ax, name in zip(axes, ("before: a", "after: b"), strict=True):
        ax.axvline(4.5, color=plotting.MUTED, lw=1, ls=":")
        ax.set(xlabel="map", title=name, xticks=range(10))
    axes[1].set(ylim=(0, 0.6))
    axes[1].legend()
    return fig


def layers(costs, side, unit="thousand"):
    """A network as a row of maps, and what each layer costs below.

    Args:
        costs: with name, size, channels, parameters and macs of each layer.
        side: size of the maps -> side of their square, 1 for the largest.
        unit: "thousand" or "million", of the costs.
    """
    fig, axes = plt.subplots(
        3, 1, figsize=(6.4, 4.4), height_ratios=[1.5, 1, 1], sharex=True
    )
    places = range(len(costs))
    for k, cost in enumerate(costs):
        length = side(cost.size)
        face = plotting.COLORS["blue" if cost.parameters else "grey"]
        corner = (k - length / 2, 0)
        axes[0].add_patch(plt.Rectangle(corner, length, length, fc=face))
        size = f"{cost.size}²" if cost.size > 1 else "1"
        axes[0].text(k, length + 0.05, size, ha="center", fontsize=8)
        axes[0].text(k, -0.2, f"×{cost.channels}", ha="center", fontsize=8)
    axes[0].set(ylim=(-0.25, 1.1), aspect="equal", title="maps")
    axes[0].set_axis_off()
    for ax, what in zip(axes[1:], ("parameters", "macs"), strict=True):
        values = [getattr(cost, what) / UNITS[unit] for cost in costs]
        ax.bar(places, values, color=plotting.COLORS["blue"])
        ax.set_title(f"{unit} " + ("MACs" if what == "macs" else what))
    axes[2].set_xticks(places, [cost.name for cost in costs], fontsize=8)
    axes[2].set_xlim(-0.6, len(costs) - 0.4)
    return fig


def race(curves):
    """Training errors by epoch, mean and range of the seeds, with the paper's 25 %.

    Args:
        curves: name -> accuracies (seeds, epochs).
    """
    fig, ax = plt.subplots(figsize=(4.9, 2.9))
    for k, (name, values) in enumerate(curves.items()):
        _errors(ax, values, name, k)
    ax.axhline(25, color=plotting.MUTED, lw=1, ls=":")
    ax.set(xlabel="epoch", ylabel="training error, %", ylim=(0, 95))
    ax.legend()
    return fig


def _errors(ax, accuracies, label, k):
    errors = 100 * (1 - np.array(accuracies))
    epochs = range(1, errors.shape[1] + 1)
    color = plotting.PALETTE[k]
    ax.plot(
        epochs,
        errors.mean(0),
        label=label,
        ms=4,
        color=color,
        marker=plotting.MARKERS[k],
    )
    ax.fill_between(epochs, errors.min(0), errors.max(0), color=color, alpha=0.2, lw=0)
    ax.xaxis.get_major_locator().set_params(integer=True)
