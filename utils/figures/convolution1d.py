"""Figures of the chapter whose module is `convolution1d`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting


def bell(strikes, weights):
    """Strikes (n,), what each leaves behind by `weights` (m,), and their sum."""
    n, m = len(strikes), len(weights)
    fig, axes = plt.subplots(3, 1, figsize=(6.4, 4.2), sharex=True)
    axes[0].bar(range(n), strikes, color=plotting.COLORS["blue"])
    axes[0].set_ylabel("strikes $x$")
    heard = np.zeros(n + m - 1)
    for lag, weight in enumerate(weights):
        at = np.arange(n) + lag
        axes[1].bar(
            at,
            weight * strikes,
            bottom=heard[at],
            color=plotting.PALETTE[lag + 1],
            label=f"{lag} s ago" if lag else "now",
        )
        heard[at] += weight * strikes
    axes[1].set_ylabel("what is left")
    axes[1].legend(ncols=3)
    axes[2].bar(range(n + m - 1), heard, color=plotting.COLORS["grey"])
    axes[2].set(ylabel="heard $y$", xlabel="time $t$ in seconds")
    return fig


def places(n, kernel_size, settings):
    """Every place of a kernel on a signal of n values.

    Args:
        settings: (stride, padding, dilation) of each part of the figure.
    """
    fig, axes = plt.subplots(2, 2, figsize=(6.4, 4.6))
    names = "stride", "padding", "dilation"
    for ax, setting in zip(axes.flat, settings, strict=True):
        stride, padding, dilation = setting
        for k in range(-padding, n + padding):
            box = plt.Rectangle((k - 0.5, 0), 1, 1, fill=False, ec=plotting.MUTED)
            box.set_linestyle("-" if 0 <= k < n else ":")
            ax.add_patch(box)
            text = f"$x_{k}$" if 0 <= k < n else "0"
            ax.text(k, 0.5, text, ha="center", va="center")
        reach = dilation * (kernel_size - 1)
        starts = range(-padding, n + padding - reach, stride)
        for row, start in enumerate(starts):
            at = start + dilation * np.arange(kernel_size)
            color = plotting.PALETTE[row % 2]
            ax.plot(at, np.full(kernel_size, -0.6 - 0.6 * row), "o-", color=color)
        said = [
            f"{name} {value}"
            for name, value, usual in zip(names, setting, (1, 0, 1), strict=True)
            if value != usual
        ]
        ax.set_title(f"{', '.join(said) or 'as it is'}: {len(starts)} places")
        ax.set(xlim=(-1.7, n + 0.7), ylim=(-4.6, 1.1))
        ax.set_axis_off()
    return fig


def kernels(weights):
    """Kernels (O, m), each as bars, on one scale."""
    fig, axes = plt.subplots(2, len(weights) // 2, figsize=(6.4, 1.9))
    limit = 1.1 * np.abs(weights).max()
    for ax, kernel in zip(axes.flat, np.asarray(weights), strict=True):
        ax.bar(range(len(kernel)), kernel, width=0.9)
        ax.axhline(0, color=plotting.MUTED, lw=0.6)
        ax.set(ylim=(-limit, limit), xticks=[], yticks=[])
        ax.spines[["left", "bottom"]].set_visible(False)
    return fig


def room(sensor, smooth, change, both):
    """A temperature by the minute, its mean, and the differences of both: (n,) each.

    The ends of all but the first are left out: they also saw the zeros around the
    signal.
    """
    minute, inner = np.arange(len(sensor)), slice(5, -5)
    grey, orange = plotting.COLORS["grey"], plotting.COLORS["orange"]
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 4.4), sharex=True)
    top.plot(minute, sensor, c=grey, lw=0.8, label="sensor")
    top.plot(minute[inner], smooth[inner], label="moving average of 9")
    bottom.plot(minute[inner], change[inner], c=grey, lw=0.8, label="difference")
    bottom.plot(minute[inner], both[inner], c=orange, label="average first")
    top.set_ylabel("temperature in °C")
    bottom.set(xlabel="minute", ylabel="change in °C")
    top.legend(loc="upper left")
    bottom.legend(loc="lower left")
    return fig


def matrices(named):
    """The weight matrices (outputs, inputs) of some layers, by name, side by side."""
    fig, axes = plt.subplots(1, len(named), figsize=(6.4, 2.9))
    for ax, (name, matrix) in zip(axes, named.items(), strict=True):
        ax.imshow(matrix, cmap=plotting.SIGNED, vmin=-2.5, vmax=2.5)
        weights = len(np.unique(matrix[matrix != 0]))
        ax.set(
            title=f"{name}: {weights} weights",
            xlabel="input",
            ylabel="output",
            xticks=range(0, matrix.shape[1], 5),
            yticks=range(0, matrix.shape[0], 5),
        )
    return fig


def weights_by_step(path, secret):
    """Each weight of a kernel, step by step: path (steps, m), and its goal (m,)."""
    fig, ax = plt.subplots(figsize=(6.4, 2.8))
    for k, line in enumerate(np.transpose(path)):
        ax.plot(line, color=plotting.PALETTE[k], label=f"$w_{k}$")
        ax.axhline(secret[k], color=plotting.MUTED, lw=0.8, ls=":")
    ax.set(xlabel="gradient step", ylabel="weight")
    ax.legend(ncols=3, loc="upper left", bbox_to_anchor=(0.12, 1))
    return fig


def pulses(x, y):
    """Three signals of each of three classes: x (N, 1, length), y (N,)."""
    fig, axes = plt.subplots(1, 3, figsize=(6.4, 2.2), sharey=True)
    for kind, ax in enumerate(axes):
        for k, signal in enumerate(x[y == kind][:3, 0]):
            ax.plot(signal + 1.6 * k, color=plotting.PALETTE[kind], lw=1)
        ax.set(title=("steep left", "even", "steep right")[kind], xlabel="time")
    axes[0].set_yticks([])
    return fig


def accuracies(histories):
    """Accuracy by epoch, training dashed: histories by name, at most six."""
    fig, ax = plt.subplots(figsize=(6.4, 3))
    colors = plotting.PALETTE[: len(histories)]
    for color, (name, history) in zip(colors, histories.items(), strict=True):
        epochs = range(1, len(history.train_accuracy) + 1)
        ax.plot(
            epochs,
            history.train_accuracy,
            ls="--",
            lw=1,
            color=color,
            label=f"{name}, training",
        )
        ax.plot(epochs, history.test_accuracy, color=color, label=f"{name}, test")
    ax.axhline(1 / 3, color=plotting.MUTED, ls=":", lw=1)
    ax.set(xlabel="epoch", ylabel="accuracy", ylim=(0.25, 1.02))
    ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    return fig
