"""Figures of the chapter whose module is `convolution2d`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting
from utils.convolution2d import conv2d


def worked_example(image, kernel, at=(0, 0)):
    """An image, a kernel and the output, one output and its window marked.

    Args:
        image: (H, W).
        kernel: (m, n), no larger than the image.
        at: row and column of the output that is marked.
    """
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    output = conv2d(image[None, None], kernel[None, None])[0, 0]
    widths = [part.shape[1] for part in (image, kernel, output)]
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 2.4), gridspec_kw={"width_ratios": widths}
    )
    plotting.number_grid(axes[0], image, "image $X$", (*at, *kernel.shape))
    plotting.number_grid(axes[1], kernel, "kernel $W$")
    plotting.number_grid(axes[2], output, "output $Y$", (*at, 1, 1))
    return fig


def kernel_maps(maps):
    """Six maps (H, W) by the names of their kernels; in edge maps mid-grey is 0."""
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 4.6))
    limits = {"sobel x": (-2, 2), "sobel y": (-2, 2), "Laplace": (-1, 1)}
    for ax, (name, image) in zip(axes.flat, maps.items(), strict=True):
        low, high = limits.get(name, (0, 1))
        ax.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="none")
        ax.set_title(name)
        ax.set_axis_off()
    return fig


def channels(padded, kernel, at):
    """Each channel with a window framed, the kernel's slice, and their products.

    Args:
        padded: an image (C, H, W) with its border.
        kernel: (C, m, n).
        at: row and column where the window begins.
    """
    m, n = kernel.shape[1:]
    window = padded[:, at[0] : at[0] + m, at[1] : at[1] + n]
    fig, axes = plt.subplots(len(padded), 3, figsize=(6.4, 6.2))
    for c, row in enumerate(axes):
        products = window[c] * kernel[c]
        plotting.number_grid(row[0], padded[c], f"channel {c}, padded", (*at, m, n))
        plotting.number_grid(row[1], kernel[c], f"kernel 0, slice {c}")
        plotting.number_grid(row[2], products, f"products, sum {products.sum():.0f}")
    return fig


def shifts(images):
    """Four images (H, W), from -4 to 4: an input, its map, and both once more."""
    fig, axes = plt.subplots(1, 4, figsize=(6.4, 1.9))
    titles = ("input", "its map", "shifted", "its map")
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(image, cmap="PuOr", vmin=-4, vmax=4)
        ax.set_title(title)
        ax.set_axis_off()
    return fig
