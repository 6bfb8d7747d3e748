"""Figures of the chapter whose module is `design`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting
from utils.figures import alexnet


def layers(costs, image):
    """A design as a row of maps, and what each layer costs below.

    Args:
        costs: of `utils.design.budget`.
        image: height and width of the image.
    """
    return alexnet.layers(costs, lambda size: 0.9 * max(size / image, 0.06))


def contest(errors: dict, base: str):
    """Test errors of several designs, a mark for each seed.

    Args:
        errors: name -> errors by seed.
        base: the name of the design that the others change.
    """
    fig, ax = plt.subplots(figsize=(4.9, 0.36 * len(errors) + 1))
    for k, (name, values) in enumerate(errors.items()):
        color = plotting.COLORS["orange" if name == base else "blue"]
        ax.plot([min(values), max(values)], [k, k], color=color, lw=1.2)
        ax.plot(values, [k] * len(values), "o", color=color)
    ax.axvline(np.mean(errors[base]), color=plotting.MUTED, lw=0.8, ls="--")
    ax.set_yticks(range(len(errors)), errors)
    ax.set(xlabel="errors on 1,000 test digits,\na mark for each seed")
    ax.set(ylim=(len(errors) - 0.5, -0.5), xscale="log")
    ax.set_xticks([30, 40, 50, 60, 80, 100, 150], minor=False)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    return fig


def by_images(sizes, right: dict):
    """Share of right answers by the number of training images, range of the seeds.

    Args:
        sizes: numbers of images.
        right: name -> shares (sizes, seeds).
    """
    fig, ax = plt.subplots(figsize=(4.6, 3))
    for k, (name, values) in enumerate(right.items()):
        values = 100 * np.asarray(values)
        look = {"color": plotting.PALETTE[k], "marker": plotting.MARKERS[k]}
        ax.plot(sizes, values.mean(1), label=name, **look)
        ax.fill_between(
            sizes, values.min(1), values.max(1), color=plotting.PALETTE[k], alpha=0.2
        )
    ax.set(xscale="log", xlabel="training digits", ylabel="right on test digits, %")
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes], minor=False)
    ax.minorticks_off()
    ax.legend()
    return fig


def changed_digits(curves: dict):
    """Share of right answers for digits that are turned, scaled and moved.

    Args:
        curves: label of the axis -> {change: share}.
    """
    fig, axes = plt.subplots(1, len(curves), figsize=(6.8, 2.5), sharey=True)
    for ax, (label, shares) in zip(axes, curves.items(), strict=True):
        ax.plot(list(shares), [100 * s for s in shares.values()], "o-", ms=4)
        ax.set(xlabel=label, ylim=(0, 102))
    axes[0].set_ylabel("right on test digits, %")
    return fig


def lineage(points: dict):
    """Test accuracy on CIFAR-10 against parameters, MACs and training compute.

    Args:
        points: name -> (parameters, MACs, training FLOPs, accuracies by run).
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.2, 3.4), sharey=True)
    names = ("parameters", "MACs an image", "FLOPs of training")
    for k, (name, (*costs, accuracies)) in enumerate(points.items()):
        look = {
            "color": plotting.PALETTE[k % len(plotting.PALETTE)],
            "marker": plotting.MARKERS[
                (k + k // len(plotting.PALETTE)) % len(plotting.MARKERS)
            ],
        }
        for ax, amount in zip(axes, costs, strict=True):
            values = [100 * a for a in accuracies]
            ax.plot([amount] * len(values), values, ls="", label=name, **look)
    for ax, name in zip(axes, names, strict=True):
        ax.set(xscale="log", xlabel=name)
        ax.xaxis.set_minor_formatter("")
    axes[0].set_ylabel("right on test photographs, %")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return fig
