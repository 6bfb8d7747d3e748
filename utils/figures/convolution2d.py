"""Figures of the chapter whose module is `convolution2d`."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting
from utils.convolution2d import conv2d


def who_sees_what(full, shared, local, outputs):
    """The weights with which two outputs see an image, under more and more demands.

    Args:
        full: a map of weights (H, W) for each of the two outputs.
        shared: one pattern (2H - 1, 2W - 1), its middle on the output itself.
        local: the same pattern, 0 outside a small window.
        outputs: (row, column) of the two.
    """
    H, W = full[0].shape
    fig, axes = plt.subplots(2, 3, figsize=(6.4, 4.3))
    for k, (row, (u, v)) in enumerate(zip(axes, outputs, strict=True)):
        at = slice(H - 1 - u, 2 * H - 1 - u), slice(W - 1 - v, 2 * W - 1 - v)
        for ax, seen in zip(row, (full[k], shared[at], local[at]), strict=True):
            ax.imshow(seen, cmap=plotting.SIGNED, vmin=-2, vmax=2)
            place = plt.Rectangle((v - 0.5, u - 0.5), 1, 1, fill=False, lw=2)
            place.set_edgecolor(plotting.COLORS["green"])
            ax.add_patch(place)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"weights of output {k + 1}")
    names = "fully connected", "shared", "shared and local"
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name, loc="center")
    return fig


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


# What is drawn black and white in maps of edges; in others it is 0 and 1.
LIMITS = {"sobel x": (-2, 2), "sobel y": (-2, 2), "Laplace": (-1, 1)}


def kernel_maps(maps, grid=(2, 3)):
    """Maps (H, W) by the names of their kernels; in maps of edges mid-grey is 0.

    Args:
        maps: name -> map, as many as there are places.
        grid: rows and columns of places.
    """
    rows, columns = grid
    size = (6.4, 4.6) if rows == 2 else (6.4, 3.3)
    fig, axes = plt.subplots(rows, columns, figsize=size)
    for ax, (name, image) in zip(axes.flat, maps.items(), strict=True):
        low, high = LIMITS.get(name, (0, 1))
        ax.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="none")
        ax.set_title(name)
        ax.set_axis_off()
    return fig


def strip(size, kernel_size, stride, paddings):
    """Where the windows lie along one axis, a row of pixels for each padding."""
    fig, axes = plt.subplots(len(paddings), 1, figsize=(6.4, 1.7 * len(paddings)))
    for ax, padding in zip(axes, paddings, strict=True):
        starts = range(-padding, size + padding - kernel_size + 1, stride)
        seen = {k for start in starts for k in range(start, start + kernel_size)}
        for k in range(-padding, size + padding):
            ink = plotting.PAPER if k in seen else plotting.LINE
            box = plt.Rectangle((k, 0), 1, 1, fc=ink, ec=plotting.MUTED, lw=0.8)
            box.set_linestyle("-" if 0 <= k < size else ":")
            ax.add_patch(box)
            text = f"$x_{k}$" if 0 <= k < size else "0"
            ax.text(k + 0.5, 0.5, text, ha="center", va="center")
        for n, start in enumerate(starts):
            y, color = -0.3 - 0.3 * (n % 2), plotting.PALETTE[n % 2]
            ends = [start + 0.1, start + kernel_size - 0.1]
            ax.plot(ends, [y, y], color=color, lw=3, solid_capstyle="butt")
        reach = max(paddings)
        ax.set(xlim=(-reach - 0.2, size + reach + 0.2), ylim=(-0.8, 1.2))
        ax.set_title(f"padding {padding}: {len(starts)} windows")
        ax.set_aspect("equal")
        ax.set_axis_off()
    return fig


def red_minus_green(photo, answer):
    """A photograph (3, H, W), its three channels, and the map of one kernel (H, W)."""
    fig, axes = plt.subplots(1, 5, figsize=(6.4, 1.7))
    axes[0].imshow(np.moveaxis(photo, 0, -1), interpolation="none")
    for ax, channel in zip(axes[1:4], photo, strict=True):
        ax.imshow(channel, cmap="gray", vmin=0, vmax=1, interpolation="none")
    axes[4].imshow(
        answer, cmap=plotting.SIGNED, vmin=-0.4, vmax=0.4, interpolation="none"
    )
    names = "photograph", "red", "green", "blue", "red − green"
    for ax, name in zip(axes, names, strict=True):
        ax.set_title(name, loc="center", fontsize=9)
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


def shifts(rows, limit=4):
    """Four images (H, W) a row: an input, its map, the input shifted, and its map."""
    fig, axes = plt.subplots(
        len(rows), 4, figsize=(6.4, 1.8 * len(rows)), squeeze=False
    )
    titles = ("input", "its map", "shifted", "its map")
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    for ax, image in zip(axes.flat, [x for row in rows for x in row], strict=True):
        ax.imshow(image, cmap=plotting.SIGNED, vmin=-limit, vmax=limit)
        ax.set_axis_off()
    return fig


def one_by_one(photo, maps, names, at):
    """Maps (O, H, W) that 1 x 1 kernels make of a photograph (3, H, W), a pixel marked.

    Args:
        names: of the maps.
        at: row and column of the pixel.
    """
    fig, axes = plt.subplots(1, 1 + len(maps), figsize=(6.4, 2.3))
    axes[0].imshow(np.moveaxis(photo, 0, -1), interpolation="none")
    for ax, image in zip(axes[1:], maps, strict=True):
        ax.imshow(image, cmap="gray", interpolation="none")
    for ax, name in zip(axes, ("photograph", *names), strict=True):
        ax.plot(at[1], at[0], "s", mec=plotting.COLORS["orange"], mfc="none", ms=9)
        ax.set_title(name, loc="center")
        ax.set_axis_off()
    return fig


def windows_of_pixel(image, kernel, delta, pixel):
    """Every window that covers a pixel, and the weight that lies on it there.

    Args:
        image: (H, W).
        kernel: (m, n).
        delta: error terms of the outputs (H - m + 1, W - n + 1).
        pixel: (row, column).
    """
    m, n = kernel.shape
    s, t = pixel
    rows = [u for u in range(delta.shape[0]) if 0 <= s - u < m]
    columns = [v for v in range(delta.shape[1]) if 0 <= t - v < n]
    size = 1.9 * len(rows), 2.15 * len(columns)
    fig, axes = plt.subplots(len(columns), len(rows), figsize=size, squeeze=False)
    for line, v in zip(axes, columns, strict=True):
        for ax, u in zip(line, rows, strict=True):
            laid = np.full(image.shape, np.nan)
            laid[u : u + m, v : v + n] = kernel
            plotting.number_grid(ax, np.zeros(image.shape), "", (u, v, m, n))
            for text, value in zip(ax.texts, laid.flat, strict=True):
                text.set_text("" if np.isnan(value) else f"{value:.0f}")
            ax.patches[s * image.shape[1] + t].set_facecolor(plotting.LINE)
            weight = kernel[s - u, t - v]
            ax.set_title(
                f"δ at ({u}, {v}): {delta[u, v]:.0f} × {weight:.0f}".replace("-", "−"),
                loc="center",
                fontsize=9,
            )
    return fig


def unrolled(kernel, columns, image):
    """An image (H, W), the kernel as a row (1, K), its windows as columns (K, L)."""
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 3.4), gridspec_kw={"width_ratios": [3.6, 9, 4]}
    )
    plotting.number_grid(axes[0], image, "image", (0, 0, 3, 3))
    plotting.number_grid(axes[1], kernel, "kernel, a row")
    plotting.number_grid(axes[2], columns, "windows", (0, 0, len(columns), 1))
    return fig
