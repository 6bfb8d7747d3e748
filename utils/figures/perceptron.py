"""Figures of the chapter whose module is `perceptron`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting
from utils.checking import checked_examples

CLASS_COLORS = [plotting.COLORS["orange"], plotting.COLORS["blue"]]  # class 0, class 1
CENTRE = {"ha": "center", "va": "center"}


def neuron(weight, bias):
    """A perceptron with two inputs, as a diagram."""
    blue = plotting.COLORS["blue"]
    rows = [("$1$", f"$b = {bias:g}$")]
    rows += [(f"$x_{k}$", f"$w_{k} = {weight[k - 1]:g}$") for k in (2, 1)]
    fig, ax = plt.subplots(figsize=(6.4, 2.6))
    for height, (name, number) in enumerate(rows):
        ax.plot([0, 3], [height, 1], color=blue, zorder=1)
        ax.plot(0, height, "o", ms=26, mfc=plotting.PAPER, color=blue)
        ax.text(0, height, name, **CENTRE)
        box = {"fc": plotting.PAPER, "ec": "none", "pad": 1}
        ax.text(1.3, 0.57 * height + 0.43, number, bbox=box, **CENTRE)
    ax.plot([3, 5, 7], [1, 1, 1], color=blue, zorder=1)
    for place, text in ((3, "$+$"), (5, r"$> 0\,$?")):
        ax.plot(place, 1, "s", ms=34, mfc=plotting.PAPER, color=blue)
        ax.text(place, 1, text, **CENTRE)
    ax.text(7.1, 1, "$f(x)$", va="center")
    ax.set(xlim=(-0.5, 8), ylim=(-0.5, 2.5))
    ax.set_axis_off()
    return fig


def draw(ax, X, y, weight=None, bias=0.0, limit=2.5) -> None:
    """Draw examples in the plane and, if there is one, the line w.x + b = 0.

    Class 1 is drawn as circles, class 0 as squares; a hollow one is classified wrongly.
    Each side of the line has the colour of its class, and w stands on the line.

    Args:
        ax: Matplotlib axes.
        X: examples (N, 2).
        y: their classes (N,), 0 or 1.
        weight: w (2,), or None to draw only the examples.
        bias: b.
        limit: the picture goes from -limit to limit in both directions.

    Raises:
        ValueError: the examples do not lie in a plane, or bad input.
    """
    X, y = checked_examples(X, y)
    if X.shape[1] != 2:
        raise ValueError(f"X must have shape (N, 2) to be drawn, got {X.shape}")
    right = np.ones(len(X), bool)
    if weight is not None:
        right = (X @ weight + bias > 0) == y
        if np.any(weight):
            _draw_line(ax, np.array(weight), bias, limit)
    for label, marker in ((1, "o"), (0, "s")):
        color = CLASS_COLORS[label]
        for chosen, face in ((right, color), (~right, plotting.PAPER)):
            points = X[(y == label) & chosen].T
            ax.plot(*points, marker, color=color, markerfacecolor=face, ms=7)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
    ax.set_aspect("equal")


def _draw_line(ax, weight, bias, limit):
    """The line w.x + b = 0, its two sides, and w standing on it."""
    across = np.array([-limit, limit])
    x1, x2 = np.meshgrid(across, across)
    corners = weight[0] * x1 + weight[1] * x2 + bias
    levels = [-np.inf, 0, np.inf]
    ax.contourf(x1, x2, corners, levels, colors=CLASS_COLORS, alpha=0.13)
    ax.contour(x1, x2, corners, [0], colors=[plotting.INK], linewidths=1.5)
    foot = -bias * weight / np.dot(weight, weight)
    tip = foot + weight * min(1, 0.5 * limit / np.linalg.norm(weight))
    arrow = {"arrowstyle": "-|>", "color": plotting.INK, "shrinkA": 0}
    arrow |= {"shrinkB": 0, "clip_on": True}
    ax.annotate("", tip, foot, arrowprops=arrow, annotation_clip=False)
    ax.annotate("w", tip, (4, 2), textcoords="offset points", style="italic")


def line(X, y, weight, bias):
    """Examples (N, 2) of two classes and the line w.x + b = 0."""
    fig, ax = plt.subplots(figsize=(4.2, 4.2))
    draw(ax, X, y, weight, bias)
    return fig


def after_steps(X, y, steps, titles, rows=1, limit=2.5):
    """The line after each of some `perceptron.steps`, a ring around its example."""
    columns = len(steps) // rows
    size = (2.2 * columns, 2.3 * rows) if rows > 1 else (1.8 * columns, 2.4)
    fig, axes = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True)
    for ax, step, title in zip(axes.flat, steps, titles, strict=True):
        draw(ax, X, y, step.weight, step.bias, limit)
        ax.plot(*X[step.index], "o", ms=14, mfc="none", color=plotting.INK)
        ax.set_title(title)
        ax.label_outer()
    return fig


def models(X, y, models):
    """The lines of fitted perceptrons, side by side: {title: model}."""
    fig, axes = plt.subplots(1, len(models), figsize=(6.6, 3.9), sharey=True)
    for ax, (title, model) in zip(axes, models.items(), strict=True):
        draw(ax, X, y, model.coef_[0], model.intercept_[0], limit=2)
        ax.set_title(title)
        ax.label_outer()
    return fig


def proof(path, u, gamma, R):
    """The two ends of Novikoff's proof, and what w does between them.

    Args:
        path: the weights (K + 1, D) after 0 to K mistakes.
        u: the direction (D,) of the largest margin.
        gamma, R: that margin, and the length of the longest example.
    """
    k = np.linspace(0, 60, 200)
    fig, ax = plt.subplots()
    ax.plot(k, R * np.sqrt(k), label=r"$\sqrt{k}\,R$")
    ax.plot(np.linalg.norm(path, axis=1), "^", label=r"$\Vert w\Vert$")
    ax.plot(path @ u, "v", label=r"$u^\top w$")
    ax.plot(k, k * gamma, "--", label=r"$k\gamma$")
    ax.axvline((R / gamma) ** 2, color=plotting.MUTED, lw=1)
    ax.set(xlabel="mistakes k", ylim=(0, 22))
    ax.legend()
    return fig


def mistakes_by_margin(margins, mistakes):
    """Mistakes over the margin, beside the bound.

    Args:
        margins: (M,).
        mistakes: {number of inputs: counts (M, seeds)}.
    """
    fig, ax = plt.subplots()
    ax.loglog(margins, 1 / margins**2, color=plotting.MUTED, label="the bound")
    for (d, count), marker in zip(mistakes.items(), "os", strict=True):
        color = plotting.COLORS["blue" if d == 2 else "orange"]
        ax.plot(margins, count, ".", ms=3, color=color)
        mean = count.mean(axis=1)
        ax.plot(margins, mean, color=color, marker=marker, label=f"{d} inputs")
    ax.invert_xaxis()
    ax.set(xlabel="margin $\\gamma$ (with $R = 1$)", ylabel="mistakes")
    ax.legend()
    return fig


def weight_image(weight):
    """The weights (784,) of a perceptron for digits, as an image."""
    image = np.reshape(weight, (28, 28))
    top = abs(image).max()
    fig, ax = plt.subplots(figsize=(4.2, 3.4))
    shown = ax.imshow(image, cmap=plotting.SIGNED, vmin=-top, vmax=top)
    fig.colorbar(shown, label="weight")
    ax.set_axis_off()
    return fig


def confusion(labels, answers):
    """How often each digit got each answer; the area of a square is its errors."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, answers), 1)
    errors = counts - np.diag(counts.diagonal())
    fig, ax = plt.subplots(figsize=(4.8, 4.4))
    row, column = np.nonzero(errors)
    area, orange = 45 * errors[row, column], plotting.COLORS["orange"]
    ax.scatter(column, row, area, color=orange, marker="s", alpha=0.4)
    for i, j in np.argwhere(counts):
        ax.text(j, i, counts[i, j], fontsize=8, **CENTRE)
    ax.set(xticks=range(10), yticks=range(10), xlabel="answer", ylabel="digit")
    ax.set(xlim=(-0.7, 9.7), ylim=(9.7, -0.7))
    return fig


def accuracy_by_pass(curves):
    """Accuracy (%) on held-out digits after each pass: {name: values}."""
    fig, ax = plt.subplots(figsize=(4.9, 3))
    for (name, values), marker in zip(curves.items(), "os", strict=True):
        ax.plot(range(1, len(values) + 1), values, marker=marker, label=name)
    ax.set(xlabel="pass", ylabel="accuracy, held out (%)")
    ax.legend()
    return fig
