"""Values and delta flowing through the 2-3-2 network of chapter 2."""

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from utils import mlp, plotting
from utils.explorers import Explorer

# Where on its line a weight's number stands, [to unit][from unit], so that no two
# meet; the second half of a 2-3-2 network is the mirror image of the first.
PLACE = [[0.5, 0.66], [0.3, 0.3], [0.66, 0.5]]


def network_figure(net, show="weights"):
    """Draw a 2-3-2 network that has been through forward (and backward).

    Lines are as wide as the weights are large; blue and solid if positive, orange and
    dashed if negative.

    Args:
        net: an `mlp.MLP` of sizes [2, 3, 2] after `forward` of one example; where
            `backward` has been called too, delta stands under the units.
        show: the numbers on the lines, "weights" or "gradients".

    Returns:
        a Matplotlib figure.

    Raises:
        ValueError: another kind of network, or nothing computed yet.
    """
    if net.sizes != [2, 3, 2]:
        raise ValueError(f"net must have sizes [2, 3, 2], got {net.sizes}")
    if show not in ("weights", "gradients"):
        raise ValueError(f"show must be weights or gradients, got {show!r}")
    if len(net.z) != 3 or len(net.z[0]) != 1:
        raise ValueError("net must have been through forward(X) with one example")
    if show == "gradients" and not net.delta:
        raise ValueError("net must have been through backward(targets)")
    numbers = net.weights if show == "weights" else net.grad_weights
    largest = max(np.abs(w).max() for w in numbers) or 1
    xs = [0, 3, 6]
    ys = [[0.85, -0.85], [1.5, 0, -1.5], [0.85, -0.85]]
    fig, ax = plt.subplots(figsize=(5.2, 3.7))
    for l, weight in enumerate(numbers):
        for k, j in np.ndindex(weight.shape):
            w = weight[k, j]
            color = plotting.COLORS["blue" if w >= 0 else "orange"]
            start = np.array([xs[l], ys[l][j]])
            end = np.array([xs[l + 1], ys[l + 1][k]])
            width = 0.8 + 3 * abs(w) / largest
            dashes = "-" if w >= 0 else (0, (2.4, 1.4))
            ax.plot(*zip(start, end, strict=True), color=color, lw=width, ls=dashes)
            t = PLACE[k][j] if l == 0 else 1 - PLACE[j][k]
            place = start + (0.13 + 0.74 * t) * (end - start)
            box = {"facecolor": plotting.PAPER, "edgecolor": "none", "pad": 1}
            _write(ax, *place, _number(w), fontsize=10, bbox=box)
    names = ["x", "z", "y"]
    for column, z in enumerate(net.z):
        for i, y in enumerate(ys[column]):
            x = xs[column]
            circle = plt.Circle(
                (x, y), 0.36, facecolor=plotting.PAPER, edgecolor=plotting.INK, zorder=3
            )
            ax.add_patch(circle)
            name = f"${names[column]}_{i + 1}$"
            _write(ax, x, y + 0.16, name, fontsize=10)
            _write(ax, x, y - 0.14, _number(z[0, i]), fontsize=10)
            if column > 0:
                a = _number(net.a[column - 1][0, i])
                _write(ax, x, y + 0.55, f"$a$ {a}", fontsize=10)
                if net.delta:
                    delta = _number(net.delta[column - 1][0, i])
                    _write(ax, x, y - 0.56, rf"$\delta$ {delta}", fontsize=10)
    for x, word in zip(xs, ["input", "hidden", "output"], strict=True):
        _write(ax, x, 2.35, word, fontsize=10, color=plotting.MUTED)
    ax.set(xlim=(-0.5, 6.5), ylim=(-2.3, 2.5), aspect="equal")
    ax.set_axis_off()
    return fig


def _number(value):
    """Two digits, a true minus sign, never -0.00: as the explorer writes numbers."""
    text = f"{abs(value):.2f}"
    return ("\N{MINUS SIGN}" if value < 0 and float(text) else "") + text


def _write(ax, x, y, words, **style):
    ax.text(x, y, words, ha="center", va="center", zorder=4, **style)


class MLPExplorer(Explorer):
    """A 2-3-2 network to step through, forwards and backwards.

    It starts as `mlp.worked_example`: the traits hold that network and its example.
    """

    name = "mlp"
    title = "Values go forward, δ comes back"
    description = (
        "A network with two inputs, three hidden units and two outputs, drawn with the "
        "value a and z of each unit, the δ that came back to it, and its weights as "
        "lines: wide if large, orange and dashed if negative. In a live page you step "
        "forward and back through the layers, change any weight, input or desired "
        "output, and take steps down the error."
    )
    x = traitlets.List().tag(sync=True)
    d = traitlets.List().tag(sync=True)
    weights = traitlets.List().tag(sync=True)
    biases = traitlets.List().tag(sync=True)
    activation = traitlets.Unicode().tag(sync=True)
    loss = traitlets.Unicode().tag(sync=True)
    learning_rate = traitlets.Float(0.1).tag(sync=True)

    def __init__(self, **kwargs):
        net, x, d = mlp.worked_example()
        super().__init__(
            **{
                "x": x[0].tolist(),
                "d": d[0].tolist(),
                "weights": [w.tolist() for w in net.weights],
                "biases": [b.tolist() for b in net.biases],
                "activation": net.activation,
                "loss": net.loss,
                **kwargs,
            }
        )

    def still(self):
        return network_figure(mlp.worked_example()[0])
