"""Convolution in two dimensions, forward and backward, in NumPy.

Arrays are NCHW as in torch: N images, C channels, H rows, W columns. A weight has the
shape (O, C / groups, kh, kw): for each of O feature maps one kernel a channel. What
networks call convolution is cross-correlation, the kernel is not turned round:

    Y_ouv = b_o + sum_c sum_i sum_j W_ocij X_c(Su + i)(Sv + j)          (4.3)

`conv2d_naive` says this in loops, `conv2d` says it fast, `conv2d_backward` goes back.
"""

import numpy as np

from utils.checking import checked_groups
from utils.convolution1d import output_size, padding_widths

# ------------------------------------------------------------ kernels

# By name, all of them 3 x 3. "sobel x" answers to an edge that runs up and down.
KERNELS = {
    "identity": np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "mean": np.full((3, 3), 1 / 9),
    "Gaussian": np.outer([1.0, 2, 1], [1, 2, 1]) / 16,
    "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "sobel x": np.outer([1.0, 2, 1], [-1, 0, 1]),
    "sobel y": np.outer([-1.0, 0, 1], [1, 2, 1]),
    "Laplace": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
}


def rot180(kernel):
    """The kernel after half a turn: its last two axes reversed.

    `conv2d(x, rot180(weight))` is convolution in the mathematical sense.
    """
    return np.flip(kernel, axis=(-2, -1))


# ------------------------------------------------------------ as the formula reads


def conv2d_naive(x, weight, bias=None, stride=1, padding=0):
    """The convolution layer, a window at a time: (N, C, H, W) -> (N, O, h', w').

    Args:
        x: images (N, C, H, W).
        weight: kernels (O, C, kh, kw).
        bias: (O,), or None.
        stride, padding: whole numbers, for both axes.

    Raises:
        ValueError: the weight is for another number of channels, or the kernel larger
            than the padded image.
    """
    (N, C, H, W), (O, depth, m, n) = x.shape, weight.shape
    if depth != C:
        raise ValueError(f"x has {C} channels, weight is for {depth}")
    rows = output_size(H, m, stride, padding)
    columns = output_size(W, n, stride, padding)
    border = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
    x = np.pad(np.asarray(x, float), border)  # (N, C, H + 2P, W + 2P)
    y = np.zeros((N, O, rows, columns))
    for image, o, u, v in np.ndindex(y.shape):
        top, left = stride * u, stride * v
        window = x[image, :, top : top + m, left : left + n]
        y[image, o, u, v] = np.sum(weight[o] * window)
    return y if bias is None else y + np.reshape(bias, (O, 1, 1))


# ------------------------------------------------------------ windows


def pair(value):
    """(for the height, for the width): of a single number, twice the same."""
    return tuple(value) if isinstance(value, tuple | list) else (value, value)


class Windows:
    """Where the windows of a convolution or a pooling lie on an image.

    Args:
        size: height and width of the images.
        kernel_size, stride, dilation: whole numbers >= 1, or pairs.
        padding: a whole number >= 0, a name as in `convolution1d`, or a pair.

    Attributes:
        size, kernel_size, stride, dilation: pairs, (for the height, for the width).
        padding: [(top, bottom), (left, right)].
        output: height and width of the output, one window for each place in it.

    Raises:
        ValueError: a setting that is too small, or a kernel that is larger than the
            padded image.
    """

    def __init__(self, size, kernel_size, stride=1, padding=0, dilation=1):
        given = size, kernel_size, stride, padding, dilation
        pairs = [pair(value) for value in given]
        self.size, self.kernel_size, self.stride, _, self.dilation = pairs
        axes = list(zip(*pairs, strict=True))  # height, width
        self.output = tuple(output_size(*axis) for axis in axes)
        self.padding = [padding_widths(k, p, d) for _, k, _, p, d in axes]

    def pad(self, x, value=0):
        """x (N, C, H, W) with a border of `value`; x itself if there is none."""
        if not np.any(self.padding):
            return x
        border = [(0, 0), (0, 0), *self.padding]
        return np.pad(x, border, constant_values=value)

    def crop(self, padded):
        """What `pad` was given: the images without their border, as a view."""
        (top, _), (left, _) = self.padding
        height, width = self.size
        return padded[..., top : top + height, left : left + width]

    def rows(self, i):
        """Rows of the padded image that row i of the kernel meets, window by window."""
        start, s = i * self.dilation[0], self.stride[0]
        return slice(start, start + s * (self.output[0] - 1) + 1, s)

    def columns(self, j):
        """Columns of the padded image that column j of the kernel meets."""
        start, s = j * self.dilation[1], self.stride[1]
        return slice(start, start + s * (self.output[1] - 1) + 1, s)


def unroll(x, windows):
    """Copy the pixels of every window: (N, C, H, W) -> (N, C, kh, kw, h', w').

    [n, c, i, j, u, v] is the pixel that meets (i, j) of the kernel in window (u, v);
    torch calls it unfold, others im2col.
    """
    padded, (kh, kw) = windows.pad(x), windows.kernel_size
    unrolled = np.empty((*x.shape[:2], kh, kw, *windows.output), x.dtype)
    for i in range(kh):
        for j in range(kw):
            pixels = padded[..., windows.rows(i), windows.columns(j)]
            unrolled[:, :, i, j] = pixels  # (N, C, h', w')
    return unrolled


def fold(unrolled, windows):
    """Add every number back to the pixel it came from: the transpose of `unroll`.

    (N, C, kh, kw, h', w') -> (N, C, H, W). What went into several windows gets
    something from each.
    """
    N, C, kh, kw, _, _ = unrolled.shape
    padded = windows.pad(np.zeros((N, C, *windows.size), unrolled.dtype))
    for i in range(kh):
        for j in range(kw):
            pixels = padded[..., windows.rows(i), windows.columns(j)]
            pixels += unrolled[:, :, i, j]  # a view: this changes `padded`
    return windows.crop(padded)


# ------------------------------------------------------------ the operation, fast


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution layer, as torch.nn.functional.conv2d, by matrix products.

    Every window is written out as a column of C * kh * kw numbers, and every kernel
    as a row. Then each output is a row times a column, and all outputs of an image
    are one product of matrices, which a computer does close to its full speed. The
    columns hold each pixel up to kh * kw times.

    Args:
        x: images (N, C, H, W), as float32 or float64; whole numbers count as such.
        weight: kernels (O, C / groups, kh, kw).
        bias: (O,), a number added to each feature map, or None.
        stride: rows and columns from one window to the next, >= 1; a number or pair.
        padding: zeros around the image, >= 0; a number, a name as in `convolution1d`,
            or a pair.
        dilation: distance of neighbouring pixels of a window, >= 1; a number or pair.
        groups: in how many parts the channels are cut; maps of a part see only its
            own. It divides C and O.

    Returns:
        feature maps (N, O, h', w'), by `output_size` for each axis.

    Raises:
        ValueError: a wrong number of axes, channels that do not fit the weight or the
            groups, another number of biases, or a kernel larger than the padded image.
    """
    # As floats: sums of uint8 pixels would overflow.
    x = np.asarray(x, np.result_type(x, weight, np.float32))
    groups = checked_groups(groups, x, weight, bias)
    windows = Windows(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    N, O, places = len(x), len(weight), np.prod(windows.output)
    kernels = weight.reshape(groups, O // groups, -1)  # (G, O/G, K)
    K = kernels.shape[2]  # numbers in a window
    columns = unroll(x, windows).reshape(N, groups, K, places)
    y = (kernels @ columns).reshape(N, O, *windows.output)
    return y if bias is None else y + np.reshape(bias, (O, 1, 1))


def conv2d_backward(grad_output, x, weight, stride=1, padding=0, dilation=1, groups=1):
    """Gradients of a loss, given its gradient for the output of `conv2d`.

    The forward pass of an image is Y = W X + b, with kernels in the rows of W and
    windows in the columns of X. Hence, with D the gradient for Y:

        for W   D X.T, summed over the images: how each kernel's output met each pixel
        for X   W.T D, and then each pixel gets the sum over the windows it was in
        for b   D, summed over images and places

    For stride 1 without padding the first is a cross-correlation of x with D, the
    second a wide convolution of D with the kernels.

    Args:
        grad_output: (N, O, h', w'), shaped like the output.
        x, weight, stride, padding, dilation, groups: what `conv2d` was given.

    Returns:
        grad_x, grad_weight, grad_bias, shaped like x, weight and a bias (O,).

    Raises:
        ValueError: as `conv2d`, or grad_output has another shape than the output.
    """
    groups = checked_groups(groups, x, weight)
    windows = Windows(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    N, O, places = len(x), len(weight), np.prod(windows.output)
    output = N, O, *windows.output
    if grad_output.shape != output:
        raise ValueError(f"grad_output must be {output}, got {grad_output.shape}")
    kernels = weight.reshape(groups, O // groups, -1)  # (G, O/G, K)
    K = kernels.shape[2]
    unrolled = unroll(x, windows)
    columns = unrolled.reshape(N, groups, K, places)
    delta = grad_output.reshape(N, groups, O // groups, places)
    grad_kernels = (delta @ columns.swapaxes(2, 3)).sum(axis=0)  # D X.T
    grad_columns = kernels.swapaxes(1, 2) @ delta  # W.T D
    grad_x = fold(grad_columns.reshape(unrolled.shape), windows)
    grad_bias = grad_output.sum(axis=(0, 2, 3))  # (O,)
    return grad_x, grad_kernels.reshape(weight.shape), grad_bias


class Conv2d:
    """A convolution layer with its own weight and bias, as torch.nn.Conv2d.

    Weight and bias are drawn as torch draws them: uniformly between -r and r with
    r = 1 / sqrt(fan_in), fan_in = in_channels * kh * kw, the number of pixels in a
    window.

    Args:
        in_channels, out_channels: channels C of the images, feature maps O.
        kernel_size, stride, padding: see `conv2d`.
        seed: of the first weights, a whole number or a NumPy generator.
        dtype: np.float32 or np.float64, of the parameters.

    Attributes:
        weight, bias: the parameters, (O, C, kh, kw) and (O,).
        grad_weight, grad_bias: their gradients, of the last backward pass.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        seed=0,
        dtype=np.float32,
    ):
        self.kernel_size = pair(kernel_size)
        shape = out_channels, in_channels, *self.kernel_size
        bound = 1 / np.sqrt(np.prod(shape[1:]))  # 1 / sqrt(fan_in)
        rng = np.random.default_rng(seed)
        self.weight = rng.uniform(-bound, bound, shape).astype(dtype)
        self.bias = rng.uniform(-bound, bound, out_channels).astype(dtype)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        """Feature maps (N, O, h', w') of x (N, C, H, W); keeps x to go back."""
        self.x = x
        return conv2d(x, self.weight, self.bias, self.stride, self.padding)

    def backward(self, grad_output):
        """grad_x; keeps grad_weight and grad_bias, of the last forward pass."""
        grad_x, self.grad_weight, self.grad_bias = conv2d_backward(
            grad_output, self.x, self.weight, self.stride, self.padding
        )
        return grad_x
