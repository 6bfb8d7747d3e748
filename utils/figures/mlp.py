"""Figures of the chapter whose module is `mlp`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import mlp, plotting

CLASS_COLORS = [plotting.COLORS["orange"], plotting.COLORS["blue"]]  # class 0, class 1


def xor_twice(X, hidden, labels):
    """The examples of XOR (4, 2) as they come in, and as two hidden neurons see them.

    The lines are x1 + x2 = 0.5 and 1.5 on the left, h1 - h2 = 0.5 on the right.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharex=True, sharey=True)
    for ax, points in zip(axes, [X, hidden], strict=True):
        for k, marker in enumerate("os"):
            style = {"marker": marker, "color": CLASS_COLORS[k], "zorder": 3}
            ax.scatter(*points[labels == k].T, s=90, label=f"class {k}", **style)
        ax.set(xlim=(-0.4, 1.6), ylim=(-0.4, 1.6), aspect="equal")
    for c in (0.5, 1.5):
        axes[0].axline((0, c), slope=-1, color=plotting.INK)
    axes[1].axline((0.5, 0), slope=1, color=plotting.INK)
    axes[0].set(title="the inputs", xlabel="$x_1$", ylabel="$x_2$")
    axes[1].set(title="the hidden layer", xlabel="$h_1$", ylabel="$h_2$")
    axes[1].legend(loc="upper left")
    return fig


# ------------------------------------------------------------ the 2-3-2 network

# Where on its line a weight's number stands, [to unit][from unit], so that no two
# meet; the second half of a 2-3-2 network is the mirror image of the first.
PLACE = [[0.5, 0.66], [0.3, 0.3], [0.66, 0.5]]
XS = [0, 3, 6]
YS = [[0.85, -0.85], [1.5, 0, -1.5], [0.85, -0.85]]


def network(numbers, a, z, delta=None):
    """A 2-3-2 network with the numbers of one example.

    Lines are as wide as the numbers on them are large; blue and solid if positive,
    orange and dashed if negative.

    Args:
        numbers: what stands on the lines, weights or gradients, (3, 2) and (2, 3).
        a, z: sums and values of each layer, a row each, as `mlp.forward` returns them.
        delta: dE/da of each layer, to stand under the units, or None.

    Raises:
        ValueError: another shape of network, or more than one example.
    """
    shapes = [np.shape(w) for w in numbers]
    if shapes != [(3, 2), (2, 3)] or len(z[0]) != 1:
        raise ValueError(
            f"the figure shows one example in a 2-3-2 network, got {shapes} and "
            f"{len(z[0])} examples"
        )
    fig, ax = plt.subplots(figsize=(5.2, 3.7))
    largest = max(np.abs(w).max() for w in numbers) or 1
    for l, weight in enumerate(numbers):
        for k, j in np.ndindex(weight.shape):
            _draw_line(ax, l, k, j, weight[k, j], largest)
    for column, ys in enumerate(YS):
        for i, y in enumerate(ys):
            name = f"${'xzy'[column]}_{i + 1}$"
            _draw_unit(ax, XS[column], y, name, z[column][0, i])
            if column > 0:
                _write(ax, XS[column], y + 0.55, f"$a$ {_number(a[column - 1][0, i])}")
            if column > 0 and delta:
                words = rf"$\delta$ {_number(delta[column - 1][0, i])}"
                _write(ax, XS[column], y - 0.56, words)
    for x, word in zip(XS, ["input", "hidden", "output"], strict=True):
        _write(ax, x, 2.35, word, color=plotting.MUTED)
    ax.set(xlim=(-0.5, 6.5), ylim=(-2.3, 2.5), aspect="equal")
    ax.set_axis_off()
    return fig


def _draw_line(ax, l, k, j, w, largest):
    """The weight w of layer l, to unit k from unit j."""
    start, end = np.array([XS[l], YS[l][j]]), np.array([XS[l + 1], YS[l + 1][k]])
    ax.plot(
        *zip(start, end, strict=True),
        color=plotting.COLORS["blue" if w >= 0 else "orange"],
        lw=0.8 + 3 * abs(w) / largest,
        ls="-" if w >= 0 else (0, (2.4, 1.4)),
    )
    t = PLACE[k][j] if l == 0 else 1 - PLACE[j][k]
    place = start + (0.13 + 0.74 * t) * (end - start)
    box = {"facecolor": plotting.PAPER, "edgecolor": "none", "pad": 1}
    _write(ax, *place, _number(w), bbox=box)


def _draw_unit(ax, x, y, name, value):
    """A circle with a name and a value."""
    colors = {"facecolor": plotting.PAPER, "edgecolor": plotting.INK}
    ax.add_patch(plt.Circle((x, y), 0.36, zorder=3, **colors))
    _write(ax, x, y + 0.16, name)
    _write(ax, x, y - 0.14, _number(value))


def _number(value):
    """Two digits, a true minus sign, never -0.00: as the explorer writes numbers."""
    text = f"{abs(value):.2f}"
    return ("\N{MINUS SIGN}" if value < 0 and float(text) else "") + text


def _write(ax, x, y, words, **style):
    ax.text(x, y, words, ha="center", va="center", zorder=4, fontsize=10, **style)


# ------------------------------------------------------------ curves


def activations():
    """Five activations and their derivatives from -4 to 4, and a maxout unit."""
    a = np.linspace(-4, 4, 401)
    slope = 0.1
    curves = {
        "logistic": mlp.ACTIVATIONS["logistic"],
        "tanh": mlp.ACTIVATIONS["tanh"],
        "ReLU": mlp.ACTIVATIONS["relu"],
        f"leaky ReLU, $s = {slope}$": (
            lambda a: mlp.leaky_relu(a, slope),
            lambda a: mlp.leaky_relu_derivative(a, slope),
        ),
        "ELU": mlp.ACTIVATIONS["elu"],
    }
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 3.8), sharex=True, sharey=True)
    for ax, (title, (h, derivative)) in zip(axes.flat, curves.items(), strict=False):
        ax.plot(a, h(a), label="$h$")
        ax.plot(a, derivative(a), "--", label="$h'$")
        ax.set_title(title)
    axes[0, 0].legend()
    pieces = np.c_[0.6 * a - 0.5, -0.3 * a]  # the two sums of a maxout unit
    axes[1, 2].plot(a, pieces.max(axis=1))
    axes[1, 2].plot(a, pieces, ":", color=plotting.MUTED, lw=1.2)
    axes[1, 2].set(title="maxout of two lines", ylim=(-1.4, 2.4))
    fig.supxlabel("$a$", fontsize=10)
    return fig


def loss_slopes(a, slopes):
    """dE/da over the sum a of an output that should be 1: {loss: slope at each a}."""
    fig, ax = plt.subplots(figsize=(6.4, 2.8))
    for (name, slope), style in zip(slopes.items(), ["-", "--"], strict=True):
        ax.plot(a, slope, style, label=name)
    ax.set(
        xlabel="$a$ of an output that should be 1",
        ylabel=r"$\partial E / \partial a$",
    )
    ax.legend()
    return fig


def three_gradients(ours, differences, autograd):
    """One gradient (out, in) found in three ways, and how far the first is from each.

    The lower maps show the logarithm of the difference, as a part of the largest slope.
    """
    top, floor = np.abs(ours).max(), 1e-18  # floor: the logarithm of 0 is none
    panels = {
        "by hand": ours,
        "finite differences": differences,
        "autograd": autograd,
        "by hand − differences": ours - differences,
        "by hand − autograd": ours - autograd,
    }
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 5))
    places = axes.flat[[0, 1, 2, 4, 5]]
    for ax, (title, values) in zip(places, panels.items(), strict=True):
        if "−" in title:
            values = np.log10(np.abs(values) / top + floor)
            low = ax.imshow(values, cmap="viridis", vmin=-18, vmax=-8)
        else:
            high = ax.imshow(values, cmap="PuOr", vmin=-top, vmax=top)
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[], xlabel="from input", ylabel="to hidden")
    axes[1, 0].set_axis_off()
    fig.colorbar(high, ax=axes[0], shrink=0.8, label="∂E/∂w")
    fig.colorbar(low, ax=axes[1], shrink=0.8, label="log₁₀ relative difference")
    return fig


def step_errors(steps, errors):
    """Relative error of a finite difference over its step: {name: error}."""
    fig, ax = plt.subplots()
    for (name, error), marker in zip(errors.items(), "so", strict=True):
        ax.loglog(steps, error, marker=marker, ms=4, label=f"{name} difference")
    ax.set(xlabel="step ε", ylabel="relative error of the slope")
    ax.legend()
    return fig


def xor_errors(runs, floors):
    """E over the steps of some runs, and the floors they may end on: {name: E}."""
    fig, ax = plt.subplots()
    for name, level in floors.items():
        ax.axhline(level, color=plotting.MUTED, lw=1, ls=":")
        ax.text(403, level, name, va="center", fontsize=9)
    for k, errors in enumerate(runs):
        ax.plot(errors, color=plotting.PALETTE[k % 5], lw=1.2)
    ax.set(xlabel="step", ylabel="E", xlim=(0, 400), ylim=(-0.02, 0.85))
    return fig


def hidden_weights(weights):
    """The weights (n, 784) of hidden units as images, each on a scale of its own."""
    images = weights.reshape(-1, 28, 28)
    largest = np.abs(images).max(axis=(1, 2), keepdims=True)
    return plotting.image_grid(images / largest, columns=7, cmap="PuOr")


def connections(counts):
    """Bars of weights, on a logarithmic axis: {how pixels are connected: number}."""
    fig, ax = plt.subplots(figsize=(6.4, 2.2))
    bars = ax.barh(list(counts), list(counts.values()), log=True)
    ax.bar_label(bars, [f" $10^{{{np.log10(v):.0f}}}$" for v in counts.values()])
    ax.set(
        xlabel="weights from a 1000 × 1000 image to a million units",
        xlim=(1, 1e14),
    )
    ax.invert_yaxis()
    return fig
