"""Fit a polynomial to noisy points and hold it back: the explorer of chapter 7.

The points come from a generator that Python and the page have in common, so that both
speak of the same ones.
"""

import math

import numpy as np
import traitlets

from utils import plotting
from utils.explorers import Explorer
from utils.penalties import lasso, legendre_features, ridge

NOISE = 0.35  # standard deviation
NEW_POINTS = 200
STRENGTHS = [10 ** (k / 10 - 4) for k in range(51)]  # 1e-4 to 10
FITS = {"L2": ridge, "L1": lasso}


def truth(x):
    """The curve without noise."""
    return math.sin(3 * x) + 0.5 * x


def uniforms(seed):
    """Numbers between 0 and 1 without end, by Lehmer's generator.

    state <- 48271 * state mod (2^31 - 1), after Park and Miller (1988); the products
    are below 2^53, so that JavaScript computes the same.
    """
    state = seed
    while True:
        state = 48271 * state % 2147483647
        yield state / 2147483647


def sample(count, seed):
    """x uniform in -1 to 1, and y: the truth with noise, a sum of twelve uniforms."""
    draw = uniforms(seed)
    xs, ys = [], []
    for _ in range(count):
        x = 2 * next(draw) - 1
        noise = sum(next(draw) for _ in range(12)) - 6  # mean 0, variance 1
        xs.append(x)
        ys.append(truth(x) + NOISE * noise)
    return np.array(xs), np.array(ys)


def training_points(points, draw):
    """The points of a draw, 1 to 20."""
    return sample(points, 1000 + 7919 * draw)


def new_points(draw):
    """The points by which the fit is judged."""
    return sample(NEW_POINTS, 500_000 + 7919 * draw)


def errors(points, draw, degree, kind, strength):
    """Weights, and mean squared error on the points and on new ones."""
    x, y = training_points(points, draw)
    w = FITS[kind](legendre_features(x, degree), y, strength).numpy()
    seen = legendre_features(x, degree).numpy() @ w - y
    x_new, y_new = new_points(draw)
    unseen = legendre_features(x_new, degree).numpy() @ w - y_new
    return w, np.mean(seen**2), np.mean(unseen**2)


class GeneralizationExplorer(Explorer):
    """A polynomial, fitted to noisy points with a penalty on its weights.

    Args:
        points: how many, 5 to 40.
        degree: of the polynomial, 0 to 15.
        draw: which points, 1 to 20.

    Raises:
        traitlets.TraitError: a number out of range.
    """

    name = "generalization"
    title = "Fit noisy points, and hold the curve back"
    description = (
        "A polynomial through noisy points, and the errors on these points and on new "
        "ones against the strength of a penalty: with hardly any, the curve follows "
        "the noise; with too much, it goes flat; in between lies the best."
    )

    points = traitlets.Int(15, min=5, max=40).tag(sync=True)
    degree = traitlets.Int(12, min=0, max=15).tag(sync=True)
    draw = traitlets.Int(3, min=1, max=20).tag(sync=True)

    def still(self):
        fig, axes = plotting.plt.subplots(1, 3, figsize=(6.4, 2.4), sharey=True)
        line = np.linspace(-1, 1, 200)
        x, y = training_points(self.points, self.draw)
        for ax, power in zip(axes, (-4, -2, 0), strict=True):
            w, _, _ = errors(self.points, self.draw, self.degree, "L2", 10.0**power)
            ax.plot(line, [truth(v) for v in line], "--", color=plotting.MUTED, lw=1)
            curve = legendre_features(line, self.degree).numpy() @ w
            ax.plot(line, curve, color=plotting.COLORS["blue"])
            ax.plot(x, y, "o", ms=3.5, color=plotting.COLORS["orange"])
            ax.set(ylim=(-2.4, 2.4), xlabel="$x$")
            ax.set_title(f"strength $10^{{{power}}}$", loc="center")
        return fig
