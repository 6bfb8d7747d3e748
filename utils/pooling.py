"""Pooling, and a whole convolutional network with its backward pass, in NumPy.

Pooling puts one number in the place of each window of a feature map, its largest or
its mean, channel by channel: the map gets smaller, and small shifts matter less. It
has no parameters. Arrays are NCHW; kernel_size, stride and padding mean what they mean
in torch.nn.functional, and a pair stands for (height, width).

Layers have `forward(x)`, which keeps what it needs, and `backward(grad_output)`, which
takes the gradient of a loss for the layer's output, its delta, and gives the one for
its input.
"""

from numbers import Integral

import numpy as np

from utils.checking import checked_batch, checked_floats, checked_pair, checked_whole
from utils.convolution2d import Windows

# ------------------------------------------------------------ pooling


def _windows(x, kernel_size, stride, padding) -> Windows:
    """The windows of a pooling; the stride is the kernel_size unless it is given."""
    kernel_size, padding = (
        checked_pair("kernel_size", kernel_size, 1),
        checked_pair("padding", padding, 0),
    )
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(
            f"padding {padding} must be at most half the kernel_size {kernel_size}, or "
            "a window could lie in the padding altogether"
        )
    stride = kernel_size if stride is None else stride
    return Windows(x.shape[2:], kernel_size, stride, padding)


def _pixels(padded, windows):
    """(N, C, h', w') for each place in the kernel, in reading order: views.

    The first holds the upper left pixel of every window, the last the lower right.
    """
    for i in range(windows.kernel_size[0]):
        for j in range(windows.kernel_size[1]):
            yield padded[..., windows.rows(i), windows.columns(j)]


def _checked(x, kernel_size, stride, padding):
    (x,) = checked_floats(x=x)
    return x, _windows(checked_batch("x", x), kernel_size, stride, padding)


def _checked_back(grad_output, x, kernel_size, stride, padding):
    grad_output, x = checked_floats(grad_output=grad_output, x=x)
    windows = _windows(checked_batch("x", x), kernel_size, stride, padding)
    shape = (*x.shape[:2], *windows.output)
    if grad_output.shape != shape:
        raise ValueError(
            f"grad_output must have the shape of the output, {shape}, "
            f"got {grad_output.shape}"
        )
    return grad_output, x, windows


def max_pool2d(x, kernel_size, stride=None, padding=0) -> np.ndarray:
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
    x, windows = _checked(x, kernel_size, stride, padding)
    padded = windows.pad(x, -np.inf)
    y = np.full((*x.shape[:2], *windows.output), -np.inf, x.dtype)
    for pixel in _pixels(padded, windows):
        np.maximum(y, pixel, out=y)
    return y


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
    grad_output, x, windows = _checked_back(
        grad_output, x, kernel_size, stride, padding
    )
    largest = max_pool2d(x, kernel_size, stride, padding)
    padded = windows.pad(x, -np.inf)
    grad_padded = np.zeros(padded.shape, x.dtype)
    open_windows = np.ones(largest.shape, bool)  # those that have no winner yet
    for pixel, grad_pixel in zip(
        _pixels(padded, windows), _pixels(grad_padded, windows), strict=True
    ):
        wins = open_windows & (pixel == largest)
        grad_pixel += wins * grad_output
        open_windows &= ~wins
    return windows.crop(grad_padded)


def avg_pool2d(x, kernel_size, stride=None, padding=0) -> np.ndarray:
    """The mean of each window: (N, C, H, W) -> (N, C, h', w').

    Zeros of the padding count in the mean, as in torch: every window has the same
    number of pixels. Arguments and errors as `max_pool2d`, with a border of zeros.
    """
    x, windows = _checked(x, kernel_size, stride, padding)
    y = np.zeros((*x.shape[:2], *windows.output), x.dtype)
    for pixel in _pixels(windows.pad(x), windows):
        y += pixel
    return y / np.prod(windows.kernel_size, dtype=x.dtype)


def avg_pool2d_backward(grad_output, x, kernel_size, stride=None, padding=0):
    """grad_x: every pixel of a window gets an equal part of its output's gradient.

    Args:
        grad_output: (N, C, h', w'), shaped like the output.
        x, kernel_size, stride, padding: what `avg_pool2d` was given; of x only the
            shape matters.

    Raises:
        ValueError: as `avg_pool2d`, or grad_output has another shape than the output.
    """
    grad_output, x, windows = _checked_back(
        grad_output, x, kernel_size, stride, padding
    )
    grad_padded = windows.pad(np.zeros_like(x))
    part = grad_output / np.prod(windows.kernel_size, dtype=x.dtype)
    for grad_pixel in _pixels(grad_padded, windows):
        grad_pixel += part
    return windows.crop(grad_padded)


def global_avg_pool2d(x) -> np.ndarray:
    """The mean of each feature map: (N, C, H, W) -> (N, C, 1, 1), for any H and W.

    Raises:
        ValueError: a wrong number of axes.
    """
    (x,) = checked_floats(x=x)
    return checked_batch("x", x).mean(axis=(2, 3), keepdims=True)


def global_avg_pool2d_backward(grad_output, x):
    """grad_x: each of the H * W pixels of a map gets an equal part.

    Args:
        grad_output: (N, C, 1, 1).
        x: what `global_avg_pool2d` was given; only its shape matters.

    Raises:
        ValueError: a wrong shape.
    """
    _, _, height, width = checked_batch("x", np.asarray(x)).shape
    return avg_pool2d_backward(grad_output, x, (height, width))


# ------------------------------------------------------------ receptive fields


def receptive_field(layers) -> int:
    """Pixels along one axis that an output of the last layer can see.

    Each layer adds (kernel_size - 1) * dilation steps to either side together, and a
    step is as many pixels wide as the strides before it multiply to.

    Args:
        layers: from the image on; each a kernel_size, a (kernel_size, stride), a
            (kernel_size, stride, dilation), or a layer with these attributes and the
            same on both axes. No layers see one pixel.

    Raises:
        ValueError: a layer that is none of these, or a number that is not >= 1.
    """
    field, step = 1, 1
    for number, layer in enumerate(layers):
        if hasattr(layer, "kernel_size"):
            names = ("kernel_size", "stride", "dilation")
            given = [checked_pair(name, getattr(layer, name, 1), 1) for name in names]
            if any(height != width for height, width in given):
                raise ValueError(
                    f"layers[{number}] must be the same on both axes, got {given}"
                )
            layer = [height for height, _ in given]
        elif isinstance(layer, Integral):
            layer = [layer]
        if not isinstance(layer, tuple | list) or not 1 <= len(layer) <= 3:
            raise ValueError(
                f"layers[{number}] must be kernel_size, (kernel_size, stride) or "
                f"(kernel_size, stride, dilation), got {layer!r}"
            )
        kernel_size, stride, dilation = (
            checked_whole(f"layers[{number}]", value, 1) for value in [*layer, 1, 1][:3]
        )
        field += (kernel_size - 1) * dilation * step
        step *= stride
    return field
