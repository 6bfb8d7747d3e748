"""Pooling, forward and backward, in NumPy, and how far a neuron sees.

Pooling puts one number in the place of each window of a feature map, its largest or
its mean, channel by channel: the map gets smaller, and small shifts matter less. It
has no parameters. Arrays are NCHW; kernel_size, stride and padding mean what they mean
in torch.nn.functional, and a pair stands for (height, width).
"""

import numpy as np

from utils.convolution2d import Windows

# ------------------------------------------------------------ windows


def pooling_windows(x, kernel_size, stride, padding):
    """The windows of x (N, C, H, W); side by side unless a stride is given.

    Raises:
        ValueError: a padding of over half the kernel_size, or as of `Windows`.
    """
    stride = kernel_size if stride is None else stride
    windows = Windows(x.shape[2:], kernel_size, stride, padding)
    sizes = zip(windows.padding, windows.kernel_size, strict=True)
    if any(2 * before > size for (before, _), size in sizes):
        limit = f"at most half of kernel_size {kernel_size}"
        raise ValueError(f"padding must be {limit}, got {padding}")
    return windows


def window_pixels(padded, windows):
    """For each place in a window, its pixel of every window: views (N, C, h', w').

    In reading order: the first holds the upper left pixel of every window, the last
    the lower right. What is added to a view is added to `padded`.
    """
    for i in range(windows.kernel_size[0]):
        for j in range(windows.kernel_size[1]):
            yield padded[..., windows.rows(i), windows.columns(j)]


# ------------------------------------------------------------ forward


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """The largest number of each window: (N, C, H, W) -> (N, C, h', w').

    Args:
        x: images or feature maps.
        kernel_size: height and width of a window, a number >= 1 or a pair.
        stride: from one window to the next; the kernel_size unless given, so that
            the windows lie side by side.
        padding: a border of minus infinity, at most half the kernel_size; it is never
            the largest.

    Raises:
        ValueError: a wrong number of axes, a setting out of range, or a kernel larger
            than the padded image.
    """
    windows = pooling_windows(x, kernel_size, stride, padding)
    padded = windows.pad(x * 1.0, -np.inf)  # whole numbers know no infinity
    return np.max([*window_pixels(padded, windows)], axis=0)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """The mean of each window: (N, C, H, W) -> (N, C, h', w').

    Zeros of the padding count in the mean, as in torch: every window has the same
    number of pixels. Arguments and errors as `max_pool2d`, with a border of zeros.
    """
    windows = pooling_windows(x, kernel_size, stride, padding)
    padded = windows.pad(x)
    return np.mean([*window_pixels(padded, windows)], axis=0)


# ------------------------------------------------------------ backward


def max_pool2d_backward(grad_output, x, kernel_size, stride=None, padding=0):
    """grad_x: the gradient of each output goes to the winner of its window.

    The others could move a little and the output would not, so they get nothing. If
    several are largest, the first in reading order wins, as in torch. A pixel that
    wins in several windows gets the sum.

    Args:
        grad_output: (N, C, h', w'), shaped like the output.
        x, kernel_size, stride, padding: what `max_pool2d` was given.

    Raises:
        ValueError: as `max_pool2d`, or grad_output has another shape than the output.
    """
    windows = pooling_windows(x, kernel_size, stride, padding)
    padded = windows.pad(x * 1.0, -np.inf)
    largest = np.max([*window_pixels(padded, windows)], axis=0)
    if grad_output.shape != largest.shape:
        raise ValueError(
            f"grad_output must have shape {largest.shape}, got {grad_output.shape}"
        )
    grad_padded = np.zeros(padded.shape, grad_output.dtype)
    waiting = np.ones(largest.shape, bool)  # windows without a winner so far
    for pixel, grad_pixel in zip(
        window_pixels(padded, windows),
        window_pixels(grad_padded, windows),
        strict=True,
    ):
        wins = waiting & (pixel == largest)
        grad_pixel += wins * grad_output
        waiting &= ~wins
    return windows.crop(grad_padded)


def avg_pool2d_backward(grad_output, x, kernel_size, stride=None, padding=0):
    """grad_x: every pixel of a window gets an equal part of its output's gradient.

    Args:
        grad_output: (N, C, h', w'), shaped like the output.
        x, kernel_size, stride, padding: what `avg_pool2d` was given; of x only the
            shape matters.

    Raises:
        ValueError: as `avg_pool2d`, or grad_output has another shape than the output.
    """
    windows = pooling_windows(x, kernel_size, stride, padding)
    output = (*x.shape[:2], *windows.output)
    if grad_output.shape != output:
        raise ValueError(
            f"grad_output must have shape {output}, got {grad_output.shape}"
        )
    dtype = np.result_type(grad_output, 1.0)  # parts of whole numbers
    grad_padded = windows.pad(np.zeros(x.shape, dtype))
    grad_pixels = [*window_pixels(grad_padded, windows)]
    for grad_pixel in grad_pixels:
        grad_pixel += grad_output / len(grad_pixels)
    return windows.crop(grad_padded)


# ------------------------------------------------------------ receptive fields


def receptive_field(layers):
    """Pixels along one axis that an output of the last layer can see.

    Each layer adds kernel_size - 1 steps to either side together, and a step is as many
    pixels wide as the strides before it multiply to.

    Args:
        layers: (kernel_size, stride) of each, from the image on. No layers see one
            pixel.
    """
    field, step = 1, 1
    for kernel_size, stride in layers:
        field += (kernel_size - 1) * step
        step *= stride
    return field
