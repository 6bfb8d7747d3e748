"""Convolution in one dimension, in NumPy.

A filter w of m taps slides along a signal x of n values; each place gives one number:

    cross-correlation   y_t = sum_k w_k x_(t + k)          the filter as it stands
    convolution         y_t = sum_k w_k x_(t + m - 1 - k)  the filter turned round

both with indices from 0. Networks compute the first and call it the second: a filter
that is learnt can as well be learnt turned round. Numbers are float64, or float32 if
the arrays handed in are; whole numbers and lists count as float64.
"""

import numpy as np

from utils.checking import checked_floats, checked_whole

PADDINGS = ("narrow", "wide", "same")


def _vector(name, array):
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(
            f"{name} must have one axis and hold numbers, got shape {array.shape}"
        )
    return array


# ------------------------------------------------------------ sizes


def padding_widths(kernel_size, stride=1, padding=0, dilation=1) -> tuple[int, int]:
    """How many zeros go before and after the signal.

    With e = dilation * (kernel_size - 1), one less than the length that the filter
    covers: "narrow" is none; "wide" is e on both sides, so that every tap meets every
    value; "same" is e in all, so that the size stays. If e is odd, "same" puts the
    odd zero after the signal, as torch does.

    Args:
        kernel_size, stride, dilation: whole numbers >= 1.
        padding: zeros on each side, a whole number >= 0, or one of `PADDINGS`.

    Raises:
        ValueError: an argument that is not as told above, or "same" with a stride
            above 1, which cannot keep the size.
    """
    extent = checked_whole("dilation", dilation, 1) * (
        checked_whole("kernel_size", kernel_size, 1) - 1
    )
    stride = checked_whole("stride", stride, 1)
    if not isinstance(padding, str):
        return (checked_whole("padding", padding, 0),) * 2
    if padding not in PADDINGS:
        raise ValueError(
            f"padding must be a whole number >= 0 or one of {', '.join(PADDINGS)}, "
            f"got {padding!r}"
        )
    if padding == "same" and stride > 1:
        raise ValueError(f"padding 'same' needs stride 1, got stride {stride}")
    if padding == "same":
        return extent // 2, extent - extent // 2
    return (extent, extent) if padding == "wide" else (0, 0)


def output_size(n, kernel_size, stride=1, padding=0, dilation=1) -> int:
    """Numbers that come out: floor((n + 2p - d (m - 1) - 1) / s) + 1.

    For d = 1 that is floor((n - m + 2p) / s) + 1. What is left over at the end of the
    signal, if s does not divide, is not looked at. In two dimensions the rule holds
    for the height and for the width.

    Args:
        n: length of the signal, >= 1.
        kernel_size: taps m of the filter, >= 1.
        stride: step s from one place to the next, >= 1.
        padding: zeros p on each side, >= 0, or "narrow", "wide" or "same", see
            `padding_widths`.
        dilation: distance d of neighbouring taps, >= 1; 1 leaves no gaps.

    Raises:
        ValueError: an argument that is not as told above, or a filter longer than the
            padded signal.
    """
    padded = checked_whole("n", n, 1)
    padded += sum(padding_widths(kernel_size, stride, padding, dilation))
    span = dilation * (kernel_size - 1) + 1
    if span > padded:
        spread = f", {span} with its gaps," if dilation > 1 else ""
        raise ValueError(
            f"kernel ({kernel_size}){spread} is larger than the padded input ({padded})"
        )
    return (padded - span) // stride + 1


def tap(k, outputs, stride=1, dilation=1) -> slice:
    """Which values of the padded signal tap `k` meets: one for each of the outputs."""
    start = k * dilation
    return slice(start, start + (outputs - 1) * stride + 1, stride)


# ------------------------------------------------------------ the operations


def cross_correlate1d(x, w, stride=1, padding=0, dilation=1) -> np.ndarray:
    """y_t = sum_k w_k x_(s t + d k), with x padded by zeros: (n,), (m,) -> (n',).

    One pass for each tap: it meets a slice of the signal, which is x moved along.

    Args:
        x: signal (n,).
        w: filter (m,).
        stride, padding, dilation: see `output_size`, which also gives n'.

    Raises:
        ValueError: x or w is empty or has more than one axis, their dtypes are mixed,
            or the filter does not fit, see `output_size`.
    """
    x, w = checked_floats(x=x, w=w)
    x, w = _vector("x", x), _vector("w", w)
    outputs = output_size(len(x), len(w), stride, padding, dilation)
    x = np.pad(x, padding_widths(len(w), stride, padding, dilation))
    y = np.zeros(outputs, x.dtype)
    for k, weight in enumerate(w):
        y += weight * x[tap(k, outputs, stride, dilation)]
    return y


def convolve1d(x, w, stride=1, padding=0, dilation=1) -> np.ndarray:
    """Convolution: cross-correlation with the filter turned round, w_(m - 1) first.

    With padding "wide" it is y_t = sum_k w_k x_(t - k), what a signal with a decaying
    memory w leaves behind, and then x and w may change places.

    Args, shapes and errors as for `cross_correlate1d`.
    """
    x, w = checked_floats(x=x, w=w)
    return cross_correlate1d(x, _vector("w", w)[::-1], stride, padding, dilation)


def convolution_matrix(w, n, stride=1, padding=0, dilation=1) -> np.ndarray:
    """C (n', n) with C x = cross_correlate1d(x, w, ...) for every x of n values.

    Each row is the filter, one stride further on than in the row above: for w of 3
    taps and n = 5

        w_0 w_1 w_2  0   0
         0  w_0 w_1 w_2  0
         0   0  w_0 w_1 w_2

    so that most of C is zeros. C.T y goes back: it is the gradient for x if y is the
    gradient for C x. For a convolution hand in w[::-1].

    Args:
        w: filter (m,), taken as in cross-correlation.
        n: length of the signal.
        stride, padding, dilation: see `output_size`, which also gives n'.

    Raises:
        ValueError: as `cross_correlate1d`.
    """
    (w,) = checked_floats(w=w)
    w = _vector("w", w)
    outputs = output_size(n, len(w), stride, padding, dilation)
    before, after = padding_widths(len(w), stride, padding, dilation)
    matrix = np.zeros((outputs, before + n + after), w.dtype)
    for t in range(outputs):
        matrix[t, stride * t + dilation * np.arange(len(w))] = w
    return matrix[:, before : before + n]


def moving_average(m) -> np.ndarray:
    """The filter (m,) of equal weights 1 / m, which smooths."""
    m = checked_whole("m", m, 1)
    return np.full(m, 1 / m)


def decaying_memory(m, ratio=0.5) -> np.ndarray:
    """The filter (m,) 1, r, r^2, ...: what is left of a value after 0, 1, 2, ... steps.

    Args:
        m: number of weights.
        ratio: what a step leaves, 0 < r < 1.

    Raises:
        ValueError: m is no whole number >= 1, or the ratio is not between 0 and 1.
    """
    if not 0 < ratio < 1:
        raise ValueError(f"ratio must lie between 0 and 1, got {ratio!r}")
    return float(ratio) ** np.arange(checked_whole("m", m, 1))
