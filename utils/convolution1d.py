"""Convolution in one dimension, in NumPy.

A kernel w of m weights slides along a signal x of n values. Each place gives a number:

    cross-correlation   y_t = sum_k w_k x_(t + k)          the kernel as it stands
    convolution         y_t = sum_k w_k x_(t + m - 1 - k)  the kernel turned round

both with indices from 0. Networks compute the first and call it the second: a kernel
that is learnt can as well be learnt turned round.

A stride s moves s places at a time. A padding puts zeros around the signal: a whole
number p on each side, or "narrow" (none), "same" (as many as keep the size, at stride
1) or "wide" (so that every weight meets every value). A dilation d lets the weights
meet only every d-th value.
"""

import numpy as np

# ------------------------------------------------------------ sizes


def padding_widths(kernel_size, padding=0, dilation=1):
    """How many zeros go before and after the signal.

    If "same" needs an odd number of them, the odd one goes after the signal, as in
    torch.

    Raises:
        ValueError: a name that is none of the three.
    """
    extra = dilation * (kernel_size - 1)  # what the kernel covers, less one value
    named = {
        "narrow": (0, 0),
        "same": (extra // 2, extra - extra // 2),
        "wide": (extra, extra),
    }
    if isinstance(padding, str) and padding not in named:
        raise ValueError(f"padding must be in {list(named)}, got {padding!r}")
    return named.get(padding, (padding, padding))


def output_size(n, kernel_size, stride=1, padding=0, dilation=1):
    """Numbers that come out: floor((n + 2P - D (m - 1) - 1) / S) + 1, formula (3.3).

    What is left over at the end of the signal, if s does not divide, is not looked at.
    In two dimensions the rule holds for the height and for the width.

    Raises:
        ValueError: a setting that is too small, or a kernel that reaches over more
            than the padded signal.
    """
    before, after = padding_widths(kernel_size, padding, dilation)
    padded, reach = before + n + after, dilation * (kernel_size - 1) + 1
    if min(n, kernel_size, stride, dilation) < 1 or before < 0:
        raise ValueError(
            "n, kernel_size, stride, dilation must be >= 1, padding >= 0: "
            f"{n}, {kernel_size}, {stride}, {dilation}, {padding}"
        )
    if reach > padded:
        raise ValueError(f"kernel ({reach}) is larger than the padded input ({padded})")
    return (padded - reach) // stride + 1


# ------------------------------------------------------------ the operations


def cross_correlate1d(x, w, stride=1, padding=0, dilation=1):
    """y_t = sum_k w_k x_(s t + d k), with x padded by zeros: (n,), (m,) -> (n',).

    n' is `output_size`; y is float64.

    Raises:
        ValueError: x or w has more than one axis or is empty, or the kernel does not
            fit, see `output_size`.
    """
    x, w = np.asarray(x, float), np.asarray(w, float)
    if x.ndim != 1 or w.ndim != 1:
        raise ValueError(f"x and w must have one axis, got {x.shape}, {w.shape}")
    y = np.empty(output_size(len(x), len(w), stride, padding, dilation))
    x = np.pad(x, padding_widths(len(w), padding, dilation))
    reach = dilation * (len(w) - 1) + 1
    for t in range(len(y)):
        start = stride * t
        y[t] = w @ x[start : start + reach : dilation]
    return y


def convolve1d(x, w, stride=1, padding=0, dilation=1):
    """Convolution: cross-correlation with the kernel turned round, w_(m - 1) first.

    With padding "wide" it is y_t = sum_k w_k x_(t - k), what a signal with a decaying
    memory w leaves behind, and then x and w may change places.
    """
    return cross_correlate1d(x, w[::-1], stride, padding, dilation)


def convolution_matrix(w, n, stride=1, padding=0, dilation=1):
    """C (n', n) with C x = cross_correlate1d(x, w, ...) for every x of n values.

    Each row is the kernel, one stride further on than in the row above: for w of 3
    weights and n = 5

        w_0 w_1 w_2  0   0
         0  w_0 w_1 w_2  0
         0   0  w_0 w_1 w_2

    so that most of C is zeros. C.T y goes back: it is the gradient for x if y is the
    gradient for C x. For a convolution hand in w[::-1].
    """
    m = len(w)
    before, after = padding_widths(m, padding, dilation)
    outputs = output_size(n, m, stride, padding, dilation)
    matrix = np.zeros((outputs, before + n + after))
    for t in range(outputs):
        matrix[t, stride * t + dilation * np.arange(m)] = w
    return matrix[:, before : before + n]  # what meets a zero may go


def cross_correlate1d_backward(delta, x, w):
    """Gradients for x (n,) and w (m,), given delta (n - m + 1,), the one for y.

    For stride 1 without padding, where both are sliding sums again: the error goes
    back to the signal by a wide convolution, to the kernel by (3.4).

    Raises:
        ValueError: delta is not as long as the output.
    """
    if len(delta) != len(x) - len(w) + 1:
        raise ValueError(f"delta needs {len(x) - len(w) + 1} values, one per output")
    grad_x = convolve1d(delta, w, padding="wide")  # (n,)
    grad_w = cross_correlate1d(x, delta)  # (m,)
    return grad_x, grad_w
