"""Convolutions that make maps larger, cost less, or bend; networks for whole pages.

Transposed convolution is in NumPy, forward and backward. In torch: depthwise separable
and deformable layers, LeNet-5 made fully convolutional, and a small network that gives
each pixel of a scene its class. Maps are NCHW throughout.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.checking import checked_choice
from utils.convolution2d import conv2d, conv2d_backward, pair

# ------------------------------------------------------------ transposed, in NumPy


def conv_transpose1d(y, w, stride=1, padding=0):
    """C.T y for the C of cross_correlate1d(x, w, stride, padding): (p,) -> (n,).

    Each value lays down a copy of the kernel, a stride after the one before; n is
    S (p - 1) + m - 2 padding.

    Raises:
        ValueError: nothing is left, or the padding is below 0.
    """
    x = np.zeros(stride * (len(y) - 1) + len(w))
    if not 0 <= padding < len(x) / 2:
        raise ValueError(f"padding ({padding}) must leave some of {len(x)}")
    for t, value in enumerate(y):
        x[stride * t : stride * t + len(w)] += value * w
    return x[padding : len(x) - padding]


def insert_zeros(y, stride):
    """stride - 1 zeros between neighbours: (p,) -> (stride (p - 1) + 1,)."""
    x = np.zeros(stride * (len(y) - 1) + 1)
    x[::stride] = y
    return x


def transposed_size(n, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    """Numbers that a transposed convolution makes of n, along one axis.

    S (n - 1) + D (m - 1) + 1 - 2P, and output_padding more: of the S sizes that a
    convolution of stride s takes to n, it picks one.

    Raises:
        ValueError: output_padding is none of 0 .. stride - 1, or nothing is left.
    """
    if not 0 <= output_padding < stride:
        raise ValueError(
            f"output_padding must be from 0 to {stride - 1}, one less "
            f"than the stride, got {output_padding}"
        )
    reach = dilation * (kernel_size - 1) + 1
    size = stride * (n - 1) + reach - 2 * padding + output_padding
    if size < 1:
        raise ValueError(f"padding ({padding}) leaves nothing of the output")
    return size


def conv_transpose2d(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1
):
    """Transposed convolution: what `conv2d` sends back as grad_x, used to go forward.

    As torch.nn.functional.conv_transpose2d, but that torch also takes an output_padding
    of at least the stride if it is less than the dilation.

    Args:
        x: maps (N, I, H, W), as float32 or float64; whole numbers count as such.
        weight: kernels (I, O / groups, kh, kw): the weight of the convolution from O
            maps to I whose transpose this is.
        bias: (O,), or None.
        stride, padding, output_padding, dilation: numbers or pairs.
        groups: it divides I and O.

    Returns:
        maps (N, O, h', w'), by `transposed_size` for each axis.

    Raises:
        ValueError: see `transposed_size`; or the weight is for other channels.
    """
    x = np.asarray(x, np.result_type(x, weight, np.float32))
    given = stride, padding, output_padding, dilation
    axes = zip(x.shape[2:], weight.shape[2:], *map(pair, given), strict=True)
    size = [transposed_size(*axis) for axis in axes]
    if len(weight) != x.shape[1]:
        raise ValueError(f"weight is for {len(weight)} maps, not {x.shape[1]}")
    O = groups * weight.shape[1]
    blank = np.zeros((len(x), O, *size), x.dtype)  # what C would be given
    y, _, _ = conv2d_backward(x, blank, weight, stride, padding, dilation, groups)
    return y if bias is None else y + np.reshape(bias, (O, 1, 1))


def conv_transpose2d_backward(
    grad_output, x, weight, stride=1, padding=0, dilation=1, groups=1
):
    """Gradients of a loss, given its gradient for the output of `conv_transpose2d`.

    The transpose of a transpose is the matrix itself: the way back to x is `conv2d`.

    Args:
        grad_output: (N, O, h', w'), shaped like the output. (So output_padding need not
            be said again.)
        x, weight, stride, padding, dilation, groups: what `conv_transpose2d` was given.

    Returns:
        grad_x, grad_weight, grad_bias, shaped like x, weight and a bias (O,).

    Raises:
        ValueError: grad_output has another shape than the output.
    """
    where = stride, padding, dilation, groups
    grad_x = conv2d(grad_output, weight, None, *where)
    # The kernel stands between x and grad_output, whichever way one goes.
    _, grad_weight, _ = conv2d_backward(x, grad_output, weight, *where)
    return grad_x, grad_weight, grad_output.sum(axis=(0, 2, 3))


# ------------------------------------------------------------ separable, deformable


class SeparableConv2d(nn.Module):
    """Each map by a kernel of its own, then 1 x 1: (N, C, H, W) -> (N, O, H', W').

    With stride 1 the size is kept; hence kernel_size must be odd.

    Source: A. G. Howard and others, arXiv:1704.04861; F. Chollet, arXiv:1610.02357.
    """

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        self.depthwise = nn.Conv2d(
            in_channels,
            in_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=in_channels,
            bias=False,
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


def sample(x, rows, columns):
    """Values between pixels, by bilinear interpolation; outside the maps they are 0.

    Args:
        x: maps (N, C, H, W).
        rows, columns: places (N, ...), in pixels; (0, 0) is the middle of the first.

    Returns:
        (N, C, ...). Its gradient reaches x, rows and columns.
    """
    (N, C, H, W), total = x.shape, 0
    for down, right in (0, 0), (0, 1), (1, 0), (1, 1):
        i, j = rows.floor() + down, columns.floor() + right  # a neighbour
        share = (1 - (rows - i).abs()) * (1 - (columns - j).abs())
        inside = (i >= 0) & (i < H) & (j >= 0) & (j < W)
        place = i.clamp(0, H - 1).long() * W + j.clamp(0, W - 1).long()
        place = place.view(N, 1, -1).expand(N, C, -1)
        pixels = x.flatten(2).gather(2, place).view(N, C, *rows.shape[1:])
        total = total + (share * inside).unsqueeze(1) * pixels
    return total


def deform_conv2d(x, offset, weight, bias=None):
    """A convolution whose windows are bent: (N, C, H, W) -> (N, O, H, W).

    Source: J. Dai and others, arXiv:1703.06211.

    Args:
        x: maps (N, C, H, W).
        offset: (N, 2, m m, H, W): for each output and each place of its window, read
            row by row, how far down and how far right of it to look, in pixels.
        weight: kernels (O, C, m, m), m odd; the size is kept.
        bias: (O,), or None.

    Raises:
        ValueError: offset has another shape, or m is even.
    """
    (N, _, H, W), m = x.shape, weight.shape[-1]
    if m % 2 == 0 or offset.shape != (N, 2, m * m, H, W):
        wanted = f"(N, 2, m m, H, W) = {(N, 2, m * m, H, W)}, m odd"
        raise ValueError(f"offset must be {wanted}, got {tuple(offset.shape)}")
    window = torch.arange(m * m, device=x.device)
    rows = window // m - m // 2  # of the window: -1, -1, -1, 0, 0, ...
    columns = window % m - m // 2
    down = torch.arange(H, device=x.device)[:, None]
    right = torch.arange(W, device=x.device)
    rows = rows[:, None, None] + down + offset[:, 0]  # (N, m m, H, W)
    columns = columns[:, None, None] + right + offset[:, 1]
    pixels = sample(x, rows, columns).flatten(1, 2)  # (N, C m m, H, W)
    return F.conv2d(pixels, weight.flatten(1)[:, :, None, None], bias)


class DeformConv2d(nn.Module):
    """A deformable layer that finds its offsets itself: (N, C, H, W) -> (N, O, H, W).

    It begins as a plain convolution: all offsets are 0.
    """

    def __init__(self, in_channels, out_channels, m=3):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, m)
        self.offset = nn.Conv2d(in_channels, 2 * m * m, m, padding=m // 2)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)

    def offsets(self, x):
        """(N, 2, m m, H, W), in pixels."""
        offset = self.offset(x)  # (N, 2 m m, H, W)
        return offset.unflatten(1, (2, -1))

    def forward(self, x):
        weight, bias = self.conv.weight, self.conv.bias
        return deform_conv2d(x, self.offsets(x), weight, bias)


# ------------------------------------------------------------ whole pages


def scene(digits, labels, places, size=32):
    """Digits on one sheet, and the class of each of its pixels.

    Args:
        digits: (K, h, w), ink from 0 to 1.
        labels: (K,), whole numbers from 0.
        places: K pairs (row, column), where the top left corner of each goes.
        size: height and width of the sheet.

    Returns:
        the sheet (size, size), and classes (size, size): 0 is paper, label + 1 ink.
    """
    sheet = np.zeros((size, size), np.float32)
    classes = np.zeros((size, size), np.int64)
    h, w = digits.shape[1:]
    for digit, label, (row, column) in zip(digits, labels, places, strict=True):
        part = slice(row, row + h), slice(column, column + w)
        front = digit > sheet[part]
        classes[part][front & (digit > 0.3)] = label + 1
        sheet[part] = np.maximum(sheet[part], digit)
    return sheet, classes


def convolutional(linear):
    """The 1 x 1 convolution that computes what a `nn.Linear` does, at each place."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    conv.weight.data = linear.weight.data[:, :, None, None]
    conv.bias.data = linear.bias.data
    return conv


def fully_convolutional(lenet):
    """A trained `utils.lenet.LeNet5` for pages of any size, with the same weights.

    (N, 1, H, W) -> logits (N, 10, (H - 32) // 4 + 1, (W - 32) // 4 + 1); paper is -0.1,
    ink 1.175, as `as_input` makes them. It looks at the numbers of `lenet`: train or
    move neither of them afterwards.

    Source: J. Long, E. Shelhamer and T. Darrell, arXiv:1411.4038.
    """
    f = lenet.activation
    return nn.Sequential(
        *(lenet.c1, f, lenet.s2, lenet.c3, f, lenet.s4, lenet.c5, f),
        *(convolutional(lenet.f6), f, convolutional(lenet.output)),
    )


# ------------------------------------------------------------ a class for each pixel


WAYS_UP = ("nearest", "bilinear", "transposed", "skip")


def block(in_channels, out_channels, dilation=1):
    """A 3 x 3 convolution that keeps the size, normalised, with a ReLU."""
    where = {"padding": dilation, "dilation": dilation, "bias": False}
    conv = nn.Conv2d(in_channels, out_channels, 3, **where)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


def doubling(channels):
    """A transposed convolution that makes maps twice as large, each map by itself.

    It begins as bilinear interpolation: even weights for each pixel of the output.
    """
    up = nn.ConvTranspose2d(
        channels, channels, 4, 2, padding=1, groups=channels, bias=False
    )
    line = torch.tensor([1.0, 3, 3, 1]) / 4
    up.weight.data[:] = torch.outer(line, line)
    return up


class Segmenter(nn.Module):
    """Logits for each pixel: (N, 1, H, W) -> (N, classes, H, W); 4 divides H and W.

    Down as any convolutional network, to a quarter of the size; up again by `up`:
    "nearest" or "bilinear" spread the coarse logits, "transposed" learns to, and "skip"
    adds the opinions of the maps of the way down to what it has learnt.

    Raises:
        ValueError: `up` is none of them.

    Source: J. Long, E. Shelhamer and T. Darrell, arXiv:1411.4038.
    """

    def __init__(self, up="skip", classes=11, width=12):
        super().__init__()
        self.up, C = checked_choice("up", up, WAYS_UP), width
        self.fine, self.middle = block(1, C), block(C, 2 * C)
        wide = block(2 * C, 4 * C), block(4 * C, 4 * C, dilation=2)
        self.coarse = nn.Sequential(*wide, nn.Conv2d(4 * C, classes, 1))
        if up in ("transposed", "skip"):
            self.up1, self.up2 = doubling(classes), doubling(classes)
        if up == "skip":
            self.score1 = nn.Conv2d(2 * C, classes, 1)
            self.score2 = nn.Conv2d(C, classes, 1)

    def forward(self, x):
        fine = self.fine(x)  # (N, C, H, W)
        middle = self.middle(F.max_pool2d(fine, 2))  # (N, 2C, H/2, W/2)
        scores = self.coarse(F.max_pool2d(middle, 2))  # (N, classes, H/4, W/4)
        if self.up in ("nearest", "bilinear"):
            return F.interpolate(scores, scale_factor=4, mode=self.up)
        scores = self.up1(scores)  # (N, classes, H/2, W/2)
        if self.up == "skip":
            scores = scores + self.score1(middle)
        scores = self.up2(scores)  # (N, classes, H, W)
        if self.up == "skip":
            scores = scores + self.score2(fine)
        return scores


def iou(predicted, classes, count):
    """Intersection over union, a class at a time: two (N, H, W) -> (count,).

    NaN for a class that neither has.

    Raises:
        ValueError: the two have different shapes.
    """
    if predicted.shape != classes.shape:
        raise ValueError(f"predicted {predicted.shape}, but {classes.shape}")
    found = []
    for k in range(count):
        ours, theirs = predicted == k, classes == k
        found.append((ours & theirs).sum() / (ours | theirs).sum())
    return torch.stack(found)
