"""Figures of the chapter whose module is `MODULE`."""

from utils import plotting


def line(x, y):
    """The values y against x, two sequences of one length."""
    fig, ax = plotting.plt.subplots(figsize=(4, 2.5))
    ax.plot(x, y, marker="o")
    ax.set(xlabel="x", ylabel="y")
    return fig
