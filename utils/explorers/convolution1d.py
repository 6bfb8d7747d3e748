"""Slide a kernel over a signal: the explorer of chapter 3."""

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from utils import convolution1d, plotting
from utils.explorers import Explorer


class Convolution1dExplorer(Explorer):
    """A signal and a kernel whose values, stride, padding and dilation can be set.

    Args:
        signal: list of 3 to 9 whole numbers, each -9 to 9.
        kernel: list of 1 to 5 whole numbers, each -9 to 9.

    Raises:
        traitlets.TraitError: a list is too short or too long, or a number is off.
    """

    name = "convolution1d"
    title = "Slide a kernel over a signal"
    description = (
        "Three rows of bars: a signal, a kernel under the part of it that it covers, "
        "and the output, one sum of products for each place of the kernel."
    )

    signal = traitlets.List(
        traitlets.Int(min=-9, max=9), [1, 3, 2, 5, 4, 1, 2], minlen=3, maxlen=9
    ).tag(sync=True)
    kernel = traitlets.List(
        traitlets.Int(min=-9, max=9), [1, 2, -1], minlen=1, maxlen=5
    ).tag(sync=True)

    def still(self):
        m = len(self.kernel)
        padding = max(0, m - len(self.signal))  # so that the kernel fits
        y = convolution1d.cross_correlate1d(self.signal, self.kernel, padding=padding)
        rows = [
            ("signal $x$", np.pad(self.signal, padding), "blue"),
            ("kernel $w$", np.array(self.kernel), "orange"),
            ("output $y$", y, "green"),
        ]
        fig, axes = plt.subplots(3, 1, figsize=(6.4, 4.2), sharex=True)
        for ax, (label, values, colour) in zip(axes, rows, strict=True):
            ax.bar(np.arange(len(values)), values, color=plotting.COLORS[colour])
            ax.axhline(0, color=plotting.INK, lw=0.8)
            ax.set(ylabel=label, yticks=[])
            ax.margins(y=0.35)
            for place, value in enumerate(values):
                above = 3 if value >= 0 else -11
                ax.annotate(
                    f"{value:.0f}",
                    (place, value),
                    (0, above),
                    textcoords="offset points",
                    ha="center",
                    fontsize=9,
                )
        axes[0].axvspan(-0.5, m - 0.5, color=plotting.LINE, zorder=0, lw=0)
        axes[2].axvspan(-0.5, 0.5, color=plotting.LINE, zorder=0, lw=0)
        axes[2].set_xlabel("place")
        return fig
