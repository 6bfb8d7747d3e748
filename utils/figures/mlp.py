"""Figures of the chapter whose module is `mlp`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import mlp, plotting

CLASS_COLORS = [plotting.COLORS["orange"], plotting.COLORS["blue"]]  # class 0, class 1


def xor_twice(
    X, hidden, labels, lines=((1, 1, -0.5), (1, 1, -1.5)), last=(1, -1, -0.5)
):
    """The examples of XOR (4, 2) as they come in, and as two hidden neurons see them.

    Args:
        X, hidden, labels: the inputs (4, 2), the two hidden values (4, 2), 0 or 1.
        lines: (w1, w2, b) of each hidden neuron, drawn on the left where a = 0.
        last: the same of the output, drawn on the right.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3))
    for ax, points in zip(axes, [X, hidden], strict=True):
        for k, marker in enumerate("so"):
            style = {"marker": marker, "color": CLASS_COLORS[k], "zorder": 3}
            ax.scatter(*points[labels == k].T, s=90, label=f"class {k}", **style)
        low, high = points.min(), points.max()
        room = 0.4 * (high - low)
        ax.set(xlim=(low - room, high + 1.5 * room), aspect="equal")
        ax.set(ylim=ax.get_xlim())
    for w1, w2, b in lines:
        _draw_zero(axes[0], w1, w2, b)
    _draw_zero(axes[1], *last)
    axes[0].set(title="the inputs", xlabel="$x_1$", ylabel="$x_2$")
    axes[1].set(title="the hidden layer", xlabel="$z_1$", ylabel="$z_2$")
    axes[1].legend(loc="upper left", fontsize=8)
    return fig


def _draw_zero(ax, w1, w2, b):
    """The line w1 x1 + w2 x2 + b = 0."""
    foot = -b * np.array([w1, w2]) / (w1**2 + w2**2)
    ax.axline(foot, foot + [-w2, w1], color=plotting.INK)


# ------------------------------------------------------------ small circuits


def circuits():
    """f = (p + q) r with values and slopes, and the same with p in place of r."""
    fig, axes = plt.subplots(1, 2, figsize=(6.8, 2.4))
    names = {"p": (0, 2.7), "q": (0, 1.2), "r": (0, 0)}
    names |= {"+": (1.8, 1.95), "×": (3.4, 1), "f": (4.7, 1)}
    wires = [("p", "+", 3, -2), ("q", "+", 1, -2), ("r", "×", -2, 4)]
    wires += [("+", "×", 4, -2), ("×", "f", -8, 1)]
    _circuit(axes[0], names, wires, "$f = (p + q)\\,r$")
    forked = {**names, "q": (0, 2.7), "p": (0, 0.6)}
    del forked["r"]
    wires = [("q", "+", 1, 3), ("p", "+", 3, 3), ("p", "×", 3, 4)]
    wires += [("+", "×", 4, 3), ("×", "f", 12, 1)]
    _circuit(axes[1], forked, wires, "a fork: $f = (p + q)\\,p$")
    return fig


def _circuit(ax, nodes, wires, title):
    """Nodes {name: place}; wires (from, to, value above, slope below)."""
    for start, end, value, slope in wires:
        here, there = np.array([nodes[start], nodes[end]])
        ax.plot(*zip(here, there, strict=True), color=plotting.INK, lw=1, zorder=1)
        x, y = here + 0.52 * (there - here)
        box = {"facecolor": plotting.PAPER, "edgecolor": "none", "pad": 0.6}
        blue, orange = plotting.COLORS["blue"], plotting.COLORS["orange"]
        _write(ax, x, y + 0.17, _whole(value), color=blue, bbox=box)
        _write(ax, x, y - 0.17, _whole(slope), color=orange, bbox=box)
    for name, place in nodes.items():
        colors = {"facecolor": plotting.PAPER, "edgecolor": plotting.INK}
        ax.add_patch(plt.Circle(place, 0.26, zorder=3, **colors))
        _write(ax, *place, f"${name}$" if name.isalpha() else name)
    ax.set(xlim=(-0.4, 5.1), ylim=(-0.4, 3.1), aspect="equal")
    ax.set_title(title, fontsize=10)
    ax.set_axis_off()


def _whole(value):
    return f"{value}".replace("-", "\N{MINUS SIGN}")


def fork(z, weights, delta):
    """One hidden value z that feeds some outputs, and the slopes that come back.

    Args:
        z: the value.
        weights: its weight to each output.
        delta: dE/da of each output.
    """
    fig, ax = plt.subplots(figsize=(5.2, 2.2))
    heights = np.linspace(0.8, -0.8, len(delta))
    box = {"facecolor": plotting.PAPER, "edgecolor": "none", "pad": 0.6}
    orange = plotting.COLORS["orange"]
    for k, (y, w, d) in enumerate(zip(heights, weights, delta, strict=True), start=1):
        ax.plot([0, 3.4], [0, y], color=plotting.INK, lw=1, zorder=1)
        _write(ax, 1.2, 0.35 * y, f"$w$ {_number(w)}", bbox=box)
        back = f"$\\delta w$ {_number(d * w)}"
        _write(ax, 2.4, 0.71 * y, back, bbox=box, color=orange)
        _draw_unit(ax, 3.4, y, f"$a_{k}$")
        _write(ax, 4.35, y, rf"$\delta_{k}$ {_number(d)}", color=orange)
    _draw_unit(ax, 0, 0, "$z_1$", z)
    total = _number(np.dot(delta, weights))
    _write(ax, 0, -0.6, rf"$\partial E/\partial z_1$ {total}", color=orange)
    ax.set(xlim=(-0.9, 5), ylim=(-1.3, 1.3), aspect="equal")
    ax.set_axis_off()
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


def _draw_unit(ax, x, y, name, value=None):
    """A circle with a name and, if there is one, a value."""
    colors = {"facecolor": plotting.PAPER, "edgecolor": plotting.INK}
    ax.add_patch(plt.Circle((x, y), 0.36, zorder=3, **colors))
    if value is None:
        return _write(ax, x, y, name)
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


def regions(nets, X, labels):
    """What each network answers over the plane, and its examples: {title: net}."""
    fig, axes = plt.subplots(1, len(nets), figsize=(6.4, 3), sharey=True)
    low, high = X.min(axis=0) - 0.4, X.max(axis=0) + 0.4
    x1, x2 = np.meshgrid(*np.linspace(low, high, 150).T)
    plane = np.column_stack([x1.ravel(), x2.ravel()])
    for ax, (title, net) in zip(axes, nets.items(), strict=True):
        y = net.forward(plane)[:, 1].reshape(x1.shape)
        ax.contourf(x1, x2, y, [0, 0.5, 1], colors=CLASS_COLORS, alpha=0.2)
        ax.contour(x1, x2, y, [0.5], colors=[plotting.INK], linewidths=1.2)
        for k, marker in enumerate("so"):
            color = CLASS_COLORS[k]
            ax.scatter(*X[labels == k].T, s=22, marker=marker, color=color)
        ax.set(title=title, xlabel="$x_1$")
    axes[0].set_ylabel("$x_2$")
    return fig


def scales(nets):
    """Size of z on the way forward and of delta on the way back, {name: network}.

    The size is the root of the mean square over units and examples, by hidden layer.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3))
    for (name, net), marker in zip(nets.items(), "osv", strict=True):
        for ax, values in zip(axes, [net.z[1:-1], net.delta[:-1]], strict=True):
            size = [np.sqrt((v**2).mean()) for v in values]
            ax.semilogy(range(1, len(size) + 1), size, marker=marker, ms=4, label=name)
    axes[0].set(title="forward: z", xlabel="layer", ylabel="size")
    axes[1].set(title="backward: δ", xlabel="layer")
    axes[0].legend(fontsize=8)
    return fig


def digits_curves(curves, chosen):
    """E of the training examples by rate, and E of both sets at one rate.

    Args:
        curves: {learning rate: E of training and of test examples (passes, 2)}.
        chosen: the rate for the panel on the right.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3))
    for (rate, curve), marker in zip(curves.items(), "osv", strict=True):
        passes = range(1, len(curve) + 1)
        axes[0].plot(passes, curve[:, 0], marker=marker, ms=4, label=f"η = {rate:g}")
    for column, name, style in [(0, "training", "-"), (1, "test", "--")]:
        E = curves[chosen][:, column]
        axes[1].plot(range(1, len(E) + 1), E, style, label=name)
    axes[0].set(title="training digits", xlabel="pass", ylabel="E", ylim=(0, 2.6))
    axes[1].set(title=f"η = {chosen:g}", xlabel="pass", ylim=(0, 0.8))
    for ax in axes:
        ax.legend(fontsize=8)
        ax.xaxis.get_major_locator().set_params(integer=True)
    return fig


def hidden_weights(weights):
    """The weights (n, 784) of hidden units as images, each on a scale of its own."""
    images = weights.reshape(-1, 28, 28)
    largest = np.abs(images).max(axis=(1, 2), keepdims=True)
    signed = {"cmap": plotting.SIGNED, "limits": (-1, 1)}
    return plotting.image_grid(images / largest, columns=7, **signed)


def connections(counts):
    """Bars of weights, on a logarithmic axis: {how pixels are connected: number}."""
    fig, ax = plt.subplots(figsize=(6.4, 2.2))
    bars = ax.barh(list(counts), list(counts.values()), log=True)
    ax.bar_label(bars, [f" $10^{{{np.log10(v):.0f}}}$" for v in counts.values()])
    ax.set(
        xlabel="weights from a 1000 × 1000 image",
        xlim=(1, 1e14),
    )
    ax.invert_yaxis()
    return fig
