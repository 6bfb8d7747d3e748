"""Convolution in two dimensions, forward and backward, in NumPy.

Arrays are NCHW as in torch: N images, C channels, H rows, W columns. A weight has the
shape (O, C / groups, kh, kw): for each of O feature maps one kernel a channel. What
networks call convolution is cross-correlation, the kernel is not turned round:

    Y_ouv = b_o + sum_c sum_i sum_j W_ocij X_c(u + i)(v + j)

`conv2d_naive` says this in loops, `conv2d` says it fast, `conv2d_backward` goes back.
A pair means (for the height, for the width); a single number stands for both.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from threading import Lock

import numpy as np
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import ThreadpoolController

from utils.checking import checked_batch, checked_floats, checked_pair, checked_whole
from utils.convolution1d import output_size, padding_widths


def tap(k, outputs, stride=1, dilation=1) -> slice:
    """Which values of the padded signal tap `k` meets: one for each of the outputs."""
    start = k * dilation
    return slice(start, start + (outputs - 1) * stride + 1, stride)


class Windows:
    """Where the windows of a convolution or a pooling lie on an image.

    Args:
        size: height and width of the images.
        kernel_size, stride, dilation: whole numbers >= 1, or pairs.
        padding: a whole number >= 0, or a pair, or "valid" (none) or "same" (as much
            as keeps the size; needs stride 1), as in torch.

    Attributes:
        size, kernel_size, stride, dilation: pairs, (for the height, for the width).
        padding: ((top, bottom), (left, right)).
        output: height and width of the output, one window for each place in it.

    Raises:
        ValueError: an argument that is not as told above, or a kernel that is larger
            than the padded image.
    """

    def __init__(self, size, kernel_size, stride=1, padding=0, dilation=1):
        self.size = tuple(size)
        self.kernel_size = checked_pair("kernel_size", kernel_size, 1)
        self.stride = checked_pair("stride", stride, 1)
        self.dilation = checked_pair("dilation", dilation, 1)
        if isinstance(padding, str):
            if padding not in ("valid", "same"):
                raise ValueError(
                    "padding must be a whole number >= 0, a pair of them, 'valid' or "
                    f"'same', got {padding!r}"
                )
            paddings = ("narrow" if padding == "valid" else "same",) * 2
        else:
            paddings = checked_pair("padding", padding, 0)
        axes = list(
            zip(self.kernel_size, self.stride, paddings, self.dilation, strict=True)
        )
        self.padding = tuple(padding_widths(k, p, d) for k, _, p, d in axes)
        self.output = tuple(
            output_size(n, *axis) for n, axis in zip(size, axes, strict=True)
        )

    def pad(self, x, value=0):
        """x (N, C, H, W) with a border of `value`; x itself if there is none.

        Raises:
            ValueError: x has another shape, or H and W are not the `size`.
        """
        if x.shape[2:] != self.size:
            raise ValueError(
                f"x must have shape (N, C, {self.size[0]}, {self.size[1]}), "
                f"got {x.shape}"
            )
        if not any(map(any, self.padding)):
            return x
        (top, bottom), (left, right) = self.padding
        height, width = self.size
        shape = (*x.shape[:2], top + height + bottom, left + width + right)
        padded = np.full(shape, value, x.dtype)
        padded[..., top : top + height, left : left + width] = x
        return padded

    def crop(self, padded):
        """What `pad` was given: the images without their border, as a view."""
        (top, _), (left, _) = self.padding
        height, width = self.size
        return padded[..., top : top + height, left : left + width]

    def rows(self, i) -> slice:
        """Rows of the padded image that row i of the kernel meets, window by window."""
        return tap(i, self.output[0], self.stride[0], self.dilation[0])

    def columns(self, j) -> slice:
        """Columns of the padded image that column j of the kernel meets."""
        return tap(j, self.output[1], self.stride[1], self.dilation[1])

    def unroll(self, x):
        """Copy the pixels of every window: (N, C, H, W) -> (N, C, kh, kw, h', w').

        [n, c, i, j, u, v] is the pixel that meets (i, j) of the kernel in window
        (u, v); torch calls it unfold, others im2col. It is done one axis at a time,
        along the width and then along the height: the second copy then moves whole
        rows, and both take half the time of a single one. The shape of each view says
        what is copied, its strides where it lies.

        Raises:
            ValueError: as `pad`.
        """
        (kh, kw), (h, w) = self.kernel_size, self.output
        (sh, sw), (dh, dw) = self.stride, self.dilation
        x = self.pad(x)
        n, c, height, _ = x.shape
        image, channel, row, column = x.strides  # bytes from one to the next
        wide = as_strided(
            x,
            (n, c, kw, height, w),
            (image, channel, dw * column, row, sw * column),
        ).copy()
        image, channel, tap_w, row, column = wide.strides
        return as_strided(
            wide,
            (n, c, kh, kw, h, w),
            (image, channel, dh * row, tap_w, sh * row, column),
        ).copy()

    def fold(self, windows):
        """Add every number back to the pixel it came from: the transpose of `unroll`.

        (N, C, kh, kw, h', w') -> (N, C, H, W). The same two steps in reverse, with a
        sum for each copy: what went into several windows gets something from each.

        Raises:
            ValueError: another shape.
        """
        if windows.shape[2:] != (*self.kernel_size, *self.output):
            raise ValueError(
                f"windows must have shape (N, C, *{self.kernel_size}, *{self.output}), "
                f"got {windows.shape}"
            )
        n, c, kh, kw, h, w = windows.shape
        (top, bottom), (left, right) = self.padding
        height, width = top + self.size[0] + bottom, left + self.size[1] + right
        wide = np.zeros((n, c, kw, height, w), windows.dtype)
        for i in range(kh):
            wide[..., self.rows(i), :] += windows[:, :, i]
        x = np.zeros((n, c, height, width), windows.dtype)
        for j in range(kw):
            x[..., self.columns(j)] += wide[:, :, j]
        return self.crop(x)


def _checked(x, weight, bias, stride, padding, dilation, groups):
    """x, weight and bias as arrays of one dtype, and the windows; or a ValueError."""
    given = {"x": x, "weight": weight} | ({} if bias is None else {"bias": bias})
    x, weight, *rest = checked_floats(**given)
    checked_batch("x", x)
    groups = checked_whole("groups", groups, 1)
    if weight.ndim != 4 or weight.size == 0:
        raise ValueError(
            "weight must have shape (out_channels, in_channels / groups, kernel "
            f"height, kernel width) and hold numbers, got {weight.shape}"
        )
    for what, channels in ("in", x.shape[1]), ("out", weight.shape[0]):
        if channels % groups:
            raise ValueError(
                f"{what}_channels ({channels}) must be divisible by groups ({groups})"
            )
    if weight.shape[1] * groups != x.shape[1]:
        raise ValueError(
            f"weight must have in_channels / groups = {x.shape[1]} / {groups} = "
            f"{x.shape[1] // groups} on its second axis, got shape {weight.shape}"
        )
    bias = rest[0] if rest else None
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"bias must have shape ({weight.shape[0]},), one number a feature map, "
            f"got {bias.shape}"
        )
    windows = Windows(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return x, weight, bias, windows


# ------------------------------------------------------------ sharing the work

PARTS = 4  # at least, of a batch
PART_BYTES = 4 << 20  # at most, of unrolled windows, if a part is not a single image

_blas = ThreadpoolController().select(user_api="blas")
_one_at_a_time = Lock()


@cache
def _threads(count):
    return ThreadPoolExecutor(count)


if hasattr(os, "register_at_fork"):  # a child process has none of the threads
    os.register_at_fork(after_in_child=_threads.cache_clear)


def over_batch(work, batch, bytes_per_image) -> list:
    """[work(part) for part in slices of a batch], on all cores.

    While NumPy copies or multiplies, other threads may run, but between two calls they
    wait for one another. So the parts are few and large: a batch is cut in four, or in
    more if a part would take too much memory. The parts do not depend on the number of
    cores, and so neither do the results.

    The cores are those that matrix products use, which OMP_NUM_THREADS=1 or
    threadpoolctl may limit; meanwhile each product keeps to one core.
    """
    step = max(1, min(-(-batch // PARTS), PART_BYTES // bytes_per_image))
    parts = [slice(start, start + step) for start in range(0, batch, step)]
    results = [None] * len(parts)
    left = iter(enumerate(parts))  # whoever is free takes the next

    def take_parts():
        for number, part in left:
            results[number] = work(part)

    with _one_at_a_time:
        cores = max((library["num_threads"] for library in _blas.info()), default=1)
        helpers = min(cores, len(parts)) - 1
        if helpers < 1:
            take_parts()
            return results
        with _blas.limit(limits=1):
            # In contexts like ours, so that np.errstate holds for them as well.
            futures = [
                _threads(helpers).submit(copy_context().run, take_parts)
                for _ in range(helpers)
            ]
            take_parts()
            for future in futures:
                if not future.cancel():  # it has begun
                    future.result()
    return results


# ------------------------------------------------------------ the operation


def conv2d_naive(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution layer as its formula reads, a window at a time, to compare with.

    Arguments, result and errors as `conv2d`; slower by far.
    """
    x, weight, bias, windows = _checked(
        x, weight, bias, stride, padding, dilation, groups
    )
    (sh, sw), (dh, dw) = windows.stride, windows.dilation
    (kh, kw), (height, width) = windows.kernel_size, windows.output
    maps, depth = weight.shape[:2]
    padded = windows.pad(x)
    y = np.empty((len(x), maps, height, width), x.dtype)
    for n in range(len(x)):
        for o in range(maps):
            group = o // (maps // groups)  # this map sees the channels of its group
            image = padded[n, group * depth : (group + 1) * depth]
            for u in range(height):
                for v in range(width):
                    top, left = u * sh, v * sw
                    window = image[
                        :, top : top + kh * dh : dh, left : left + kw * dw : dw
                    ]
                    y[n, o, u, v] = np.sum(window * weight[o])
            if bias is not None:
                y[n, o] += bias[o]
    return y


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The convolution layer, as torch.nn.functional.conv2d, by matrix products.

    Every window is written out as a column of C * kh * kw numbers, and every kernel
    as a row. Then each output is a row times a column, and all outputs of an image
    are one product of matrices, which a computer does close to its full speed. The
    columns hold each pixel up to kh * kw times; so they are made for a part of the
    batch at a time, on each core, and soon forgotten.

    Args:
        x: images (N, C, H, W).
        weight: kernels (O, C / groups, kh, kw).
        bias: (O,), a number added to each feature map, or None.
        stride: rows and columns from one window to the next, >= 1; a number or pair.
        padding: zeros around the image, >= 0; a number, a pair, "valid" or "same".
        dilation: distance of neighbouring pixels of a window, >= 1; a number or pair.
        groups: in how many parts the channels are cut; maps of a part see only its
            own. It divides C and O.

    Returns:
        feature maps (N, O, h', w'), by `output_size` for each axis.

    Raises:
        ValueError: a wrong number of axes, channels that do not fit the weight or the
            groups, a kernel larger than the padded image, mixed dtypes, or a setting
            out of range.
    """
    x, weight, bias, windows = _checked(
        x, weight, bias, stride, padding, dilation, groups
    )
    places = windows.output[0] * windows.output[1]
    kernels = weight.reshape(groups, len(weight) // groups, -1)  # (G, O/G, K)
    y = np.empty((len(x), *kernels.shape[:2], places), x.dtype)

    def work(part):
        columns = windows.unroll(x[part])
        columns = columns.reshape(-1, groups, kernels.shape[2], places)
        np.matmul(kernels, columns, out=y[part])  # (n, G, O/G, places)
        if bias is not None:
            y[part] += bias.reshape(groups, -1, 1)

    over_batch(work, len(x), x.shape[1] * weight[0, 0].size * places * x.itemsize)
    return y.reshape(len(x), len(weight), *windows.output)


def conv2d_backward(
    grad_output, x, weight, stride=1, padding=0, dilation=1, groups=1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    grad_output, x, weight = checked_floats(grad_output=grad_output, x=x, weight=weight)
    x, weight, _, windows = _checked(x, weight, None, stride, padding, dilation, groups)
    shape = (len(x), len(weight), *windows.output)
    if grad_output.shape != shape:
        raise ValueError(
            f"grad_output must have the shape of the output, {shape}, "
            f"got {grad_output.shape}"
        )
    places = windows.output[0] * windows.output[1]
    kernels = weight.reshape(groups, len(weight) // groups, -1)  # (G, O/G, K)
    delta = grad_output.reshape(len(x), *kernels.shape[:2], places)
    grad_x = np.empty(x.shape, x.dtype)

    def work(part):
        unrolled = windows.unroll(x[part])
        columns = unrolled.reshape(-1, groups, kernels.shape[2], places)
        grad_kernels = delta[part] @ columns.swapaxes(2, 3)  # (n, G, O/G, K)
        np.matmul(kernels.swapaxes(1, 2), delta[part], out=columns)
        grad_x[part] = windows.fold(unrolled)  # which now holds the gradients
        return grad_kernels.sum(axis=0)

    bytes_per_image = x.shape[1] * weight[0, 0].size * places * x.itemsize
    grad_kernels = np.zeros_like(kernels)
    for part in over_batch(work, len(x), bytes_per_image):
        grad_kernels += part
    return grad_x, grad_kernels.reshape(weight.shape), grad_output.sum(axis=(0, 2, 3))


class Conv2d:
    """A convolution layer with its own weight and bias, as torch.nn.Conv2d.

    Weight and bias are drawn as torch draws them: uniformly between -r and r with
    r = 1 / sqrt(fan_in), fan_in = (in_channels / groups) * kh * kw, the number of
    pixels in a window.

    Args:
        in_channels, out_channels: channels C of the images, feature maps O.
        kernel_size, stride, padding, dilation, groups: see `conv2d`.
        bias: whether there is one; else `bias` and `grad_bias` stay None.
        seed: of the first weights, a whole number or a NumPy generator.
        dtype: np.float32 or np.float64, of the parameters and of what comes in.

    Attributes:
        weight, bias: the parameters, (O, C / groups, kh, kw) and (O,).
        grad_weight, grad_bias: their gradients, of the last backward pass.

    Raises:
        ValueError: an argument that is not as told above.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        *,
        seed=0,
        dtype=np.float32,
    ):
        in_channels = checked_whole("in_channels", in_channels, 1)
        out_channels = checked_whole("out_channels", out_channels, 1)
        groups = checked_whole("groups", groups, 1)
        for what, channels in ("in", in_channels), ("out", out_channels):
            if channels % groups:
                raise ValueError(
                    f"{what}_channels ({channels}) must be divisible by "
                    f"groups ({groups})"
                )
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
        self.kernel_size = checked_pair("kernel_size", kernel_size, 1)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups = groups
        Windows((2**30, 2**30), kernel_size, stride, padding, dilation)  # or an error
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        rng = np.random.default_rng(seed)
        self.weight = rng.uniform(-bound, bound, shape).astype(dtype)
        self.bias = rng.uniform(-bound, bound, out_channels).astype(dtype)
        if not bias:
            self.bias = None
        self.grad_weight = self.grad_bias = None
        self.x = None

    @property
    def settings(self) -> dict:
        """Stride, padding, dilation and groups, by the names that `conv2d` has."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def forward(self, x):
        """Feature maps (N, O, h', w') of x (N, C, H, W); keeps x to go back."""
        y = conv2d(x, self.weight, self.bias, **self.settings)
        self.x = x
        return y

    def backward(self, grad_output):
        """grad_x; keeps grad_weight and grad_bias, of the last forward pass."""
        if self.x is None:
            raise RuntimeError("call forward(x) before backward(grad_output)")
        grad_x, self.grad_weight, grad_bias = conv2d_backward(
            grad_output, self.x, self.weight, **self.settings
        )
        if self.bias is not None:
            self.grad_bias = grad_bias
        return grad_x


# ------------------------------------------------------------ kernels


def rot180(kernel):
    """The kernel turned by 180 degrees, its last two axes reversed.

    `conv2d(x, rot180(weight))` is convolution in the mathematical sense.
    """
    return np.flip(kernel, axis=(-2, -1))


def mean_kernel(size=3):
    """(size, size), every weight 1 / size^2: each pixel becomes its window's mean."""
    size = checked_whole("size", size, 1)
    return np.full((size, size), 1 / size**2)


def gaussian_kernel(size=5, sigma=1.0):
    """(size, size), weights exp(-(u^2 + v^2) / (2 sigma^2)) with sum 1.

    Args:
        size: rows and columns; u and v count from its middle.
        sigma: width of the bell in pixels, > 0.

    Raises:
        ValueError: size is no whole number >= 1, or sigma is not > 0.
    """
    size = checked_whole("size", size, 1)
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be a finite number > 0, got {sigma!r}")
    along = np.arange(size) - (size - 1) / 2
    bell = np.exp(-(along**2) / (2 * sigma**2))
    kernel = np.outer(bell, bell)
    return kernel / kernel.sum()


# By name, all of them 3 x 3. "sobel x" answers to an edge that runs up and down.
KERNELS = {
    "identity": np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "mean": mean_kernel(3),
    "Gaussian": np.outer([1.0, 2, 1], [1, 2, 1]) / 16,
    "sharpen": np.array([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "sobel x": np.outer([1.0, 2, 1], [-1, 0, 1]),
    "sobel y": np.outer([-1.0, 0, 1], [1, 2, 1]),
    "Laplace": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
}
