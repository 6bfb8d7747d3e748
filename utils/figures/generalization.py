"""Figures of the chapter whose module is `generalization`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting


def best_weights(wanted, best):
    """The best weight against the one that the data want, a line for each penalty.

    Args:
        wanted: (K,).
        best: name -> (K,), of three penalties.
    """
    fig, ax = plt.subplots(figsize=(4.2, 3))
    for (name, w), look in zip(best.items(), (":", "--", "-"), strict=True):
        ax.plot(wanted, w, look, label=name)
    ax.set(xlabel="weight that the data want, $c$", ylabel="best weight $w$")
    ax.legend()
    return fig


def weight_paths(strengths, paths):
    """Every weight but the first against the strength of a penalty, a panel for each.

    Args:
        strengths: (K,).
        paths: name -> weights (K, D), of two penalties.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), sharey=True)
    for ax, (name, w) in zip(axes, paths.items(), strict=True):
        last = w.shape[1] - 1
        for k in range(1, last + 1):
            ax.plot(strengths, w[:, k], color=plotting.PALETTE[k % 6], lw=1.4)
        ax.axhline(0, color=plotting.MUTED, lw=0.8)
        ax.set(xscale="log", xlabel="strength $s$", title=name)
    axes[0].set_ylabel(f"weights $w_1 … w_{{{last}}}$")
    return fig


def prepared_points(prepared):
    """Two numbers of every image as points, a panel for each preparation.

    Args:
        prepared: name -> (N, 2): the numbers as they are, standardised, whitened.
    """
    fig, axes = plt.subplots(1, 3, figsize=(6.4, 2.4))
    for ax, (name, z) in zip(axes, prepared.items(), strict=True):
        ax.plot(*z[:150].T, "o", ms=2.5, alpha=0.6)
        ax.set(title=name, aspect="equal")
    axes[0].set(xlabel="upper half", ylabel="lower half")
    axes[1].set(xlabel="upper half")
    axes[2].set(xlabel="along axis 1", ylabel="along axis 2")
    return fig


def valley_paths(paths, curvature):
    """The ways of three descents, over the contours of sum(curvature * w^2) / 2.

    Args:
        paths: name -> points (K, 2).
        curvature: two numbers.
    """
    fig, ax = plt.subplots(figsize=(6.4, 2.6))
    w1, w2 = np.meshgrid(np.linspace(-10, 5, 80), np.linspace(-2.5, 2.5, 60))
    height = (float(curvature[0]) * w1**2 + float(curvature[1]) * w2**2) / 2
    levels = np.array([1, 10, 40, 100, 200])
    ax.contour(w1, w2, height, levels, colors=plotting.MUTED, linewidths=0.6)
    for k, (name, path) in enumerate(paths.items()):
        ax.plot(*path.T, marker=plotting.MARKERS[k], ms=3, lw=1, label=name)
    ax.set(xlabel="$w_1$", ylabel="$w_2$")
    ax.legend(loc="upper right")
    return fig


def step_spectra(spectra):
    """The singular values of a step of one layer, by optimiser.

    Args:
        spectra: name -> singular values, largest first, in parts of the largest.
    """
    fig, ax = plt.subplots(figsize=(6.4, 2.4))
    for k, (name, values) in enumerate(spectra.items()):
        ranks = range(1, len(values) + 1)
        ax.semilogy(ranks, values, marker=plotting.MARKERS[k], ms=4, lw=1, label=name)
    ax.set(xlabel="singular value", ylabel="in parts of the first")
    ax.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    ax.legend()
    return fig


def schedules(factors):
    """The factor on the learning rate, step by step.

    Args:
        factors: name -> one number a step, of three schedules.
    """
    fig, ax = plt.subplots(figsize=(6.4, 2.4))
    for (name, factor), look in zip(factors.items(), (":", "--", "-"), strict=True):
        ax.plot(factor, look, label=name)
    ax.set(xlabel="step", ylabel="factor")
    ax.legend()
    return fig


def training_curves(histories):
    """Loss and accuracy by epoch, of several seeds: training solid, validation dashed.

    Args:
        histories: `utils.training.History` of each, trained with a validation set.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.7))
    for k, history in enumerate(histories):
        epochs = range(1, len(history.loss) + 1)
        for ax, seen, unseen in zip(
            axes,
            (history.loss, history.train_accuracy),
            (history.test_loss, history.test_accuracy),
            strict=True,
        ):
            names = ("training", "validation") if k == 0 else (None, None)
            ax.plot(epochs, seen, color=plotting.PALETTE[0], label=names[0])
            ax.plot(epochs, unseen, "--", color=plotting.PALETTE[1], label=names[1])
    axes[0].set(xlabel="epoch", ylabel="loss")
    axes[1].set(xlabel="epoch", ylabel="accuracy", ylim=(0.5, 1.02))
    axes[1].legend(loc="lower right")
    return fig


def contest(right):
    """Mean and range of the accuracies with each cure, the best on top.

    Args:
        right: name -> accuracies (0 to 1), one a seed; "nothing" is the baseline.
    """
    fig, ax = plt.subplots(figsize=(4.9, 3.6))
    order = sorted(right, key=lambda name: right[name].mean())
    for k, name in enumerate(order):
        low, high = 100 * right[name].min(), 100 * right[name].max()
        color = plotting.COLORS["orange" if name == "nothing" else "blue"]
        ax.plot([low, high], [k, k], color=color, lw=3, alpha=0.5)
        ax.plot(100 * right[name].mean(), k, "o", color=color)
    bare = 100 * right["nothing"]
    ax.axvspan(bare.min(), bare.max(), color=plotting.LINE, alpha=0.5, lw=0)
    ax.set_yticks(range(len(order)), order)
    ax.set(xlabel="test digits right (%), three seeds")
    return fig


def polynomial_fits(x, y, fits):
    """Noisy points and a polynomial through them, a panel for each degree.

    Args:
        x, y: (N,), points of sin(3 x) with noise.
        fits: degree -> a function of x, three of them.
    """
    fig, axes = plt.subplots(1, 3, figsize=(6.4, 2.4), sharey=True)
    line = np.linspace(-1, 1, 200)
    for ax, (degree, f) in zip(axes, fits.items(), strict=True):
        ax.plot(line, np.sin(3 * line), "--", color=plotting.MUTED, lw=1)
        ax.plot(line, f(line), color=plotting.COLORS["blue"])
        ax.plot(x, y, "o", ms=3, color=plotting.COLORS["orange"])
        ax.set(ylim=(-2, 2), xlabel="$x$", title=f"degree {degree}")
    return fig


def gallery(curves):
    """Loss by epoch, a panel for each of six runs: training solid, validation dashed.

    Where the training loss is NaN, the panel is grey.

    Args:
        curves: name -> two lists of losses.
    """
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 4.2), sharey=True)
    for ax, (name, (seen, unseen)) in zip(axes.flat, curves.items(), strict=True):
        epochs = range(1, len(seen) + 1)
        ax.plot(epochs, seen, color=plotting.PALETTE[0], label="training")
        ax.plot(epochs, unseen, "--", color=plotting.PALETTE[1], label="validation")
        ax.set(title=name, ylim=(-0.1, 5), xlim=(0, len(seen) + 1))
        if lost := np.isnan(seen).sum():
            first = len(seen) - lost + 0.5
            ax.axvspan(first, len(seen) + 1, color=plotting.LINE, lw=0)
            ax.text(len(seen) / 2, 2.3, "no number", ha="center")
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    for ax in axes[:, 0]:
        ax.set_ylabel("loss")
    axes[0, 0].legend()
    return fig


def searches(found):
    """Accuracy against learning rate of the trials of three searches.

    Args:
        found: (lowest rate, highest) -> trials (accuracy 0 to 1, rate, strength).
    """
    fig, axes = plt.subplots(1, 3, figsize=(6.4, 2.4), sharey=True)
    for ax, ((low, high), trials) in zip(axes, found.items(), strict=True):
        shares, rates, _ = np.array(trials).T
        ax.plot(rates, 100 * shares, "o", ms=5, color=plotting.COLORS["blue"])
        for border in (low, high):
            ax.axvline(border, color=plotting.MUTED, ls="--", lw=1)
        ax.set(xscale="log", xlabel="learning rate", ylim=(0, 100))
        ax.set_xticks((low, high), (f"{low:g}", f"{high:g}"))
        ax.minorticks_off()
    axes[0].set_ylabel("validation, right (%)")
    return fig
