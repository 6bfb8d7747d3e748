"""Figures of the chapter whose module is `transfer`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting


def _line(ax, places, scores, name, number):
    """Means of the seeds as a line, from the lowest to the highest as bars, in %."""
    scores = 100 * np.asarray(scores)  # (places, seeds)
    mean = scores.mean(axis=1)
    reach = [mean - scores.min(axis=1), scores.max(axis=1) - mean]
    look = {"marker": plotting.MARKERS[number], "color": f"C{number}"}
    ax.errorbar(places, mean, reach, label=name, capsize=3, elinewidth=1, **look)


def by_labels(panels, ylabel="right answers (%)"):
    """Accuracy against the number of labels: mean and range of the seeds.

    Args:
        panels: title -> way -> number of labels -> one accuracy (0 to 1) a seed.
    """
    size = (4.9 if len(panels) == 1 else 6.4, 3.4)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for ax, (title, ways) in zip(axes[0], panels.items(), strict=True):
        for number, (way, scores) in enumerate(ways.items()):
            # a little apart, so that the bars of a count do not cover each other
            places = np.array(list(scores)) * 1.05 ** (number - len(ways) / 2)
            _line(ax, places, list(scores.values()), way, number)
        ax.set_xscale("log")
        ax.set_xticks(list(scores), [str(count) for count in scores], minor=False)
        ax.tick_params(axis="x", which="minor", length=0, labelbottom=False)
        ax.set(title=title, xlabel="labelled images")
        ax.grid(axis="y")
        if len(panels) > 2:
            ax.set_xticks([10, 100, 1000], ["10", "100", "1000"])
    axes[0, 0].set_ylabel(ylabel)
    axes[0, 0].legend(loc="lower right" if len(panels) == 1 else "upper left")
    return fig


def by_depth(names, panels):
    """Accuracy of a probe against the layer of the cut: mean and range of the seeds.

    Args:
        names: of the layers, D of them.
        panels: title -> network -> accuracies (D, seeds), 0 to 1.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(6.4, 3.2), squeeze=False)
    for ax, (title, nets) in zip(axes[0], panels.items(), strict=True):
        for number, (net, scores) in enumerate(nets.items()):
            places = np.arange(len(names)) + 0.12 * (number - 0.5)
            _line(ax, places, scores, net, number)
        ax.set_xticks(range(len(names)), names)
        ax.set(title=title, xlabel="features after")
        ax.grid(axis="y")
    axes[0, 0].set_ylabel("right answers (%)")
    axes[0, -1].legend(loc="lower left")
    return fig


def neighbours(images, rows, labels):
    """A digit, and the digits nearest to it in several spaces, a row for each.

    Args:
        images: (N, H, W), ink from 0 to 1.
        rows: space -> numbers of images, the digit itself first.
        labels: (N,); a neighbour of another class is framed.
    """
    wide = max(map(len, rows.values()))
    fig, axes = plt.subplots(len(rows), wide, figsize=(6.4, 0.95 * len(rows)))
    for line, (space, found) in zip(np.atleast_2d(axes), rows.items(), strict=True):
        line[0].set_ylabel(space, rotation=0, ha="right", va="center")
        for ax, k in zip(line, found, strict=True):
            ax.imshow(images[k], vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            other = labels[k] != labels[found[0]]
            ax.spines[:].set(
                visible=True,
                color=plotting.COLORS["red"] if other else plotting.LINE,
                linewidth=2.5 if other else 0.8,
            )
        line[0].spines[:].set(color=plotting.INK, linewidth=2)
    return fig


def class_maps(images, classes: dict, names):
    """Photographs, and below each what its places say for classes, blue for yes.

    Args:
        images: (N, 3, H, W), from 0 to 1.
        classes: what they are -> numbers of the classes (N,), and maps (N, h, w).
        names: of all classes.
    """
    fig, axes = plt.subplots(1 + len(classes), len(images), figsize=(4.9, 3.9))
    for ax, image in zip(axes[0], images, strict=True):
        ax.imshow(np.moveaxis(np.asarray(image), 0, -1), aspect="equal")
    most = max(float(abs(maps).max()) for _, maps in classes.values())
    for row, (what, (numbers, maps)) in zip(axes[1:], classes.items(), strict=True):
        for ax, k, one in zip(row, numbers, maps, strict=True):
            ax.imshow(one, cmap=plotting.SIGNED, vmin=-most, vmax=most)
            ax.set_title(f"{what}: {names[k]}", fontsize=8, loc="center")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return fig
