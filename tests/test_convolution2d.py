"""Convolution in two dimensions: values and gradients as torch's, identities."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from utils import convolution2d as c2
from utils.convolution2d import Conv2d, conv2d, conv2d_backward, conv2d_naive, rot180
from utils.gradients import numerical_gradient, relative_error

# The same examples in every run, so that a pass is a pass tomorrow.
property_test = settings(max_examples=100, derandomize=True, deadline=None)

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
FIVE = np.array(
    [
        [1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [0, 0, 1, 1, 0],
        [0, 1, 1, 0, 0],
    ]
)
CROSS = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])


def one(array):
    """An image or kernel (H, W) with the two axes before."""
    return np.asarray(array, dtype=np.float64)[None, None]


def as_given(draw, values):
    """A pair of settings; if both are equal, perhaps as the one number."""
    pair = (draw(values), draw(values))
    return pair[0] if pair[0] == pair[1] and draw(st.booleans()) else pair


@st.composite
def layers(draw, dtype=np.float64):
    """x, weight, bias and settings under which the kernel fits into the padded x."""
    groups = draw(st.integers(1, 3))
    channels, maps = (groups * draw(st.integers(1, 3)) for _ in range(2))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    where = {
        "stride": as_given(draw, st.integers(1, 3)),
        "padding": as_given(draw, st.integers(0, 3)),
        "dilation": as_given(draw, st.integers(1, 3)),
        "groups": groups,
    }
    if draw(st.integers(0, 4)) == 0:
        where["padding"] = "same"
        where["stride"] = 1
    size = []
    for axis in range(2):
        d, p = (
            v[axis] if isinstance(v, tuple) else v
            for v in (where["dilation"], where["padding"])
        )
        zeros = 2 * p if isinstance(p, int) else 0
        size.append(max(draw(st.integers(1, 9)), d * (kernel[axis] - 1) + 1 - zeros))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(draw(st.integers(1, 4)), channels, *size))
    weight = rng.normal(size=(maps, channels // groups, *kernel))
    bias = rng.normal(size=maps).astype(dtype) if draw(st.booleans()) else None
    return x.astype(dtype), weight.astype(dtype), bias, where


def tensors(*arrays):
    return [a if a is None else torch.tensor(a, requires_grad=True) for a in arrays]


# ------------------------------------------------------------ against torch


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("dtype", TOLERANCE)
@property_test
@given(data=st.data())
def test_values_and_gradients_equal_torch(dtype, data):
    x, weight, bias, where = data.draw(layers(dtype))
    tx, tweight, tbias = tensors(x, weight, bias)
    expected = F.conv2d(tx, tweight, tbias, **where)
    y = conv2d(x, weight, bias, **where)
    assert y.dtype == dtype
    assert y.shape == expected.shape
    assert y.flags.c_contiguous
    assert relative_error(y, expected.detach().numpy()) < TOLERANCE[dtype]

    grad_output = np.random.default_rng(y.size).normal(size=y.shape).astype(dtype)
    expected.backward(torch.as_tensor(grad_output))
    gradients = conv2d_backward(grad_output, x, weight, **where)
    by_torch = [tx.grad.numpy(), tweight.grad.numpy(), grad_output.sum((0, 2, 3))]
    if bias is not None:
        by_torch[2] = tbias.grad.numpy()
    for ours, theirs in zip(gradients, by_torch, strict=True):
        assert ours.dtype == dtype
        assert ours.shape == theirs.shape
        assert relative_error(ours, theirs) < TOLERANCE[dtype]


@property_test
@given(layers(), st.integers(1, 3), st.integers(0, 3))
def test_naive_and_fast_agree(example, stride, padding):
    x, weight, bias, _ = example
    x = x[:, : weight.shape[1]]  # one group,
    weight = weight[..., : x.shape[2], : x.shape[3]]  # and no kernel too large
    slow = conv2d_naive(x, weight, bias, stride, padding)
    fast = conv2d(x, weight, bias, stride, padding)
    assert slow.shape == fast.shape
    assert relative_error(slow, fast) < 1e-12


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_large_layers_equal_torch(dtype):
    """Batches and sizes as real layers have them."""
    rng = np.random.default_rng(0)
    for shape, kernel, where in [
        ((20, 6, 14, 14), (16, 6, 5, 5), {}),
        ((5, 32, 24, 24), (32, 32, 3, 3), {"padding": 1}),
        ((9, 3, 64, 64), (8, 3, 11, 11), {"stride": 4, "padding": 2}),
        ((20, 8, 24, 24), (16, 2, 3, 3), {"groups": 4, "dilation": 2}),
    ]:
        x = rng.normal(size=shape).astype(dtype)
        weight = rng.normal(size=kernel).astype(dtype)
        tx, tweight = tensors(x, weight)
        expected = F.conv2d(tx, tweight, **where)
        y = conv2d(x, weight, **where)
        assert relative_error(y, expected.detach().numpy()) < TOLERANCE[dtype]
        expected.backward(torch.as_tensor(y))
        grad_x, grad_weight, grad_bias = conv2d_backward(y, x, weight, **where)
        assert relative_error(grad_x, tx.grad.numpy()) < TOLERANCE[dtype]
        assert relative_error(grad_weight, tweight.grad.numpy()) < TOLERANCE[dtype]
        assert relative_error(grad_bias, y.sum((0, 2, 3))) < 1e-12


@property_test
@given(layers())
def test_unroll_and_fold_are_torchs_and_transposes(example):
    x, weight, _, where = example
    del where["groups"]
    windows = c2.Windows(x.shape[2:], weight.shape[2:], **where)
    unrolled = c2.unroll(x, windows)
    g = np.random.default_rng(x.size).normal(size=unrolled.shape)
    folded = c2.fold(g, windows)
    assert folded.shape == x.shape
    # <unroll x, g> = <x, fold g>
    assert np.sum(unrolled * g) == pytest.approx(np.sum(x * folded), rel=1e-9, abs=1e-9)
    if not isinstance(where["padding"], str):
        by_torch = F.unfold(torch.as_tensor(x), weight.shape[2:], **where)
        np.testing.assert_array_equal(unrolled.reshape(by_torch.shape), by_torch)
        by_torch = F.fold(
            torch.as_tensor(g).reshape(by_torch.shape),
            x.shape[2:],
            weight.shape[2:],
            **where,
        )
        assert relative_error(folded, by_torch.numpy()) < 1e-12 or not folded.any()


def test_gradients_by_finite_differences():
    rng = np.random.default_rng(3)
    x, weight = rng.normal(size=(2, 4, 6, 5)), rng.normal(size=(6, 2, 3, 2))
    bias = rng.normal(size=6)
    where = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    y = conv2d(x, weight, bias, **where)
    g = rng.normal(size=y.shape)
    found = (
        numerical_gradient(lambda v: np.sum(g * conv2d(v, weight, bias, **where)), x),
        numerical_gradient(lambda v: np.sum(g * conv2d(x, v, bias, **where)), weight),
        numerical_gradient(lambda v: np.sum(g * conv2d(x, weight, v, **where)), bias),
    )
    gradients = conv2d_backward(g, x, weight, **where)
    for ours, numerical in zip(gradients, found, strict=True):
        assert relative_error(ours, numerical) < 1e-7


# ------------------------------------------------------------ identities


@st.composite
def image_and_kernel(draw):
    """An image (H, W), and a kernel that is not larger."""
    height, width = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    kernel = draw(st.integers(1, height)), draw(st.integers(1, width))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.normal(size=(height, width)), rng.normal(size=kernel)


def wide(x, weight):
    """Cross-correlation at every place where the kernel meets the image at all."""
    height, width = weight.shape
    return conv2d(one(x), one(weight), padding=(height - 1, width - 1))[0, 0]


@property_test
@given(image_and_kernel())
def test_wide_convolution_commutes_and_cross_correlation_does_not(example):
    x, w = example
    assert relative_error(wide(x, rot180(w)), wide(w, rot180(x))) < 1e-10
    # The two sides of a cross-correlation are each other's turn by 180 degrees.
    assert relative_error(wide(x, w), rot180(wide(w, x))) < 1e-10
    if x.size + w.size > 2:
        assert relative_error(wide(x, w), wide(w, x)) > 1e-6


@property_test
@given(image_and_kernel())
def test_gradients_are_convolutions_themselves(example):
    x, w = example
    y = conv2d(one(x), one(w))
    g = np.random.default_rng(x.size).normal(size=y.shape)
    grad_x, grad_w, _ = conv2d_backward(g, one(x), one(w))
    assert relative_error(grad_w, conv2d(one(x), g)) < 1e-10  # (5.14)
    assert relative_error(grad_x[0, 0], wide(g[0, 0], rot180(w))) < 1e-10  # (5.18)


@property_test
@given(layers())
def test_backward_is_the_transpose_of_forward(example):
    x, weight, _, where = example
    y = conv2d(x, weight, **where)
    g = np.random.default_rng(x.size).normal(size=y.shape)
    grad_x, grad_weight, _ = conv2d_backward(g, x, weight, **where)
    # <C x, g> = <x, C.T g>, and the same with the weight as what goes in
    assert np.sum(y * g) == pytest.approx(np.sum(x * grad_x), rel=1e-9, abs=1e-9)
    assert np.sum(y * g) == pytest.approx(
        np.sum(weight * grad_weight), rel=1e-9, abs=1e-9
    )


def test_shifted_image_gives_shifted_map():
    x = np.zeros((1, 1, 12, 12))
    x[..., 3:7, 2:6] = np.random.default_rng(0).normal(size=(4, 4))
    kernel = one(c2.KERNELS["sobel x"])
    shifted = conv2d(np.roll(x, (2, 3), axis=(2, 3)), kernel)
    np.testing.assert_array_equal(
        shifted, np.roll(conv2d(x, kernel), (2, 3), axis=(2, 3))
    )


@pytest.mark.parametrize(("kernel_size", "width"), [(3, 32), (4, 31), (5, 32), (7, 32)])
def test_half_the_kernel_as_padding_keeps_odd_sizes_only(kernel_size, width):
    weight = np.ones((1, 1, kernel_size, kernel_size))
    y = conv2d(np.ones((1, 1, 32, 32)), weight, padding=(kernel_size - 1) // 2)
    assert y.shape[2:] == (width, width)


def test_one_by_one_is_a_linear_layer_at_every_pixel():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(7, 5, 1, 1))
    each_pixel = np.moveaxis(x, 1, -1) @ weight[:, :, 0, 0].T
    assert relative_error(conv2d(x, weight), np.moveaxis(each_pixel, -1, 1)) < 1e-12


def test_groups_are_separate_layers():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 6, 5, 5)), rng.normal(size=(4, 3, 3, 3))
    parts = [conv2d(x[:, :3], weight[:2]), conv2d(x[:, 3:], weight[2:])]
    np.testing.assert_allclose(conv2d(x, weight, groups=2), np.concatenate(parts, 1))


def test_two_small_kernels_see_as_far_as_a_large_one():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    x = one(rng.normal(size=(9, 9)))
    twice = conv2d(conv2d(x, one(a)), one(b))
    both = wide(a, rot180(b))  # the two in one 5 x 5 kernel
    assert both.shape == (5, 5)
    assert relative_error(twice, conv2d(x, one(both))) < 1e-12


# ------------------------------------------------------------ worked examples, counts


def test_worked_example():
    expected = [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    for operation in conv2d, conv2d_naive:
        y = operation(one(FIVE), one(CROSS))
        np.testing.assert_array_equal(y[0, 0], expected)
    # Whole numbers will do.
    np.testing.assert_array_equal(
        conv2d(FIVE[None, None], CROSS[None, None])[0, 0], expected
    )


def test_three_channels_two_filters_stride_two_padding_one():
    """Channel c holds c + 1 everywhere, filter o weighs with o + 1."""
    x = np.ones((1, 3, 5, 5)) * np.array([1, 2, 3])[:, None, None]
    weight = np.ones((2, 3, 3, 3)) * np.array([1, 2])[:, None, None, None]
    y = conv2d(x, weight, bias=np.array([1.0, 0.0]), stride=2, padding=1)
    inside = 6 * np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]])
    np.testing.assert_array_equal(y[0], [inside + 1, 2 * inside])


def test_kernel_of_two_on_an_image_of_three_as_a_matrix():
    """4 x 9 with 16 non-zeros: each column is the answer to one lit pixel."""
    kernel = [[1, 2], [3, 4]]
    matrix = conv2d(np.eye(9).reshape(9, 1, 3, 3), one(kernel)).reshape(9, 4).T
    np.testing.assert_array_equal(
        matrix,
        [
            [1, 2, 0, 3, 4, 0, 0, 0, 0],
            [0, 1, 2, 0, 3, 4, 0, 0, 0],
            [0, 0, 0, 1, 2, 0, 3, 4, 0],
            [0, 0, 0, 0, 1, 2, 0, 3, 4],
        ],
    )
    assert np.count_nonzero(matrix) == 16
    g = np.arange(4.0)
    grad_x, _, _ = conv2d_backward(
        g.reshape(1, 1, 2, 2), one(np.ones((3, 3))), one(kernel)
    )
    np.testing.assert_array_equal(grad_x.ravel(), matrix.T @ g)


def test_four_kernels_on_a_colour_image():
    layer = Conv2d(3, 4, 5)
    assert layer.forward(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 4, 28, 28)
    assert layer.weight.size + layer.bias.size == 304
    assert 32 * 32 * 3 * 28 * 28 * 4 == 9_633_792  # a dense layer's weights
    assert 28 * 28 * 4 == 3_136  # and its biases


def macs_and_parameters(size, in_channels, out_channels, kernel_size):
    layer = Conv2d(in_channels, out_channels, kernel_size)
    return size * size * layer.weight.size, layer.weight.size + layer.bias.size


def test_cost_of_a_layer_with_and_without_a_narrow_one_before():
    macs, parameters = macs_and_parameters(100, 256, 256, 3)
    assert macs == 5_898_240_000
    assert parameters == 590_080
    costs = [macs_and_parameters(100, *layer) for layer in [(256, 64, 1), (64, 256, 3)]]
    macs, parameters = map(sum, zip(*costs, strict=True))
    assert macs == 1_638_400_000
    assert parameters == 164_160
    assert 100 * 100 * 256 == 2_560_000
    assert 100 * 100 * (64 + 256) == 3_200_000


def test_kernels():
    flat, slope = np.ones((1, 1, 5, 5)), one(np.tile(np.arange(5.0), (5, 1)))
    for name, kernel in c2.KERNELS.items():
        assert kernel.shape == (3, 3), name
        total = conv2d(flat, one(kernel))
        edges = name.startswith(("sobel", "Laplace"))
        np.testing.assert_allclose(total, 0 if edges else 1, err_msg=name)
    np.testing.assert_array_equal(conv2d(slope, one(c2.KERNELS["sobel x"])), 8)
    np.testing.assert_array_equal(conv2d(slope, one(c2.KERNELS["sobel y"])), 0)
    np.testing.assert_array_equal(
        conv2d(slope.swapaxes(2, 3), one(c2.KERNELS["sobel y"])), 8
    )


def test_rot180():
    np.testing.assert_array_equal(rot180([[1, 2], [3, 4]]), [[4, 3], [2, 1]])
    weight = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    np.testing.assert_array_equal(rot180(weight)[1, 2], np.rot90(weight[1, 2], 2))


# ------------------------------------------------------------ the layer


def test_layer_is_torchs():
    layer = Conv2d(4, 6, (3, 2), stride=2, padding=1)
    theirs = torch.nn.Conv2d(4, 6, (3, 2), stride=2, padding=1)
    assert layer.weight.shape == theirs.weight.shape
    with torch.no_grad():
        theirs.weight.copy_(torch.as_tensor(layer.weight))
        theirs.bias.copy_(torch.as_tensor(layer.bias))
    x = np.random.default_rng(0).normal(size=(2, 4, 7, 7)).astype(np.float32)
    (tx,) = tensors(x)
    expected = theirs(tx)
    y = layer.forward(x)
    assert relative_error(y, expected.detach().numpy()) < 1e-5
    expected.backward(torch.as_tensor(y))
    assert relative_error(layer.backward(y), tx.grad.numpy()) < 1e-5
    assert relative_error(layer.grad_weight, theirs.weight.grad.numpy()) < 1e-5
    assert relative_error(layer.grad_bias, theirs.bias.grad.numpy()) < 1e-5


def test_layer_starts_as_torchs():
    layer = Conv2d(4, 64, 5, dtype=np.float64)
    torch.manual_seed(0)
    theirs = torch.nn.Conv2d(4, 64, 5)
    for ours, torchs in (layer.weight, theirs.weight), (layer.bias, theirs.bias):
        bound = 1 / np.sqrt(4 * 5 * 5)
        assert np.abs(ours).max() <= bound
        assert np.abs(ours).max() == pytest.approx(bound, rel=0.1)
        assert ours.std() == pytest.approx(torchs.detach().numpy().std(), rel=0.25)
    again = Conv2d(4, 64, 5, dtype=np.float64)
    np.testing.assert_array_equal(layer.weight, again.weight)
    assert (layer.weight != Conv2d(4, 64, 5, seed=1).weight).any()


# ------------------------------------------------------------ input


def test_what_comes_in_is_left_alone_and_may_have_any_strides():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 9, 3, 2)).transpose(3, 2, 0, 1)[..., ::-1]
    weight = np.asfortranarray(rng.normal(size=(4, 3, 3, 3)))
    copies = x.copy(), weight.copy()
    y = conv2d(x, weight, padding=1)
    np.testing.assert_array_equal(y, conv2d(*copies, padding=1))
    g = np.asfortranarray(rng.normal(size=y.shape))
    for ours, same in zip(
        conv2d_backward(g, x, weight, padding=1),
        conv2d_backward(g.copy(order="C"), *copies, padding=1),
        strict=True,
    ):
        np.testing.assert_allclose(ours, same, rtol=1e-12)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(weight, copies[1])


def test_nothing_in_nothing_out():
    y = conv2d(np.zeros((0, 2, 5, 5)), np.ones((3, 2, 2, 2)))
    assert y.shape == (0, 3, 4, 4)
    grad_x, grad_weight, grad_bias = conv2d_backward(
        y, np.zeros((0, 2, 5, 5)), np.ones((3, 2, 2, 2))
    )
    assert grad_x.shape == (0, 2, 5, 5)
    assert not grad_weight.any()
    assert not grad_bias.any()


def test_nan_and_infinity_go_through():
    x = np.ones((1, 1, 3, 3))
    x[0, 0, 0, 0] = np.nan
    y = conv2d(x, np.ones((1, 1, 2, 2)))
    assert np.isnan(y).sum() == 1


def test_pixels_may_be_uint8():
    x = np.full((1, 1, 3, 3), 200, np.uint8)
    kernel = np.full((1, 1, 3, 3), 2, np.uint8)
    assert conv2d(x, kernel).dtype == np.float32
    for operation in conv2d, conv2d_naive:
        np.testing.assert_array_equal(operation(x, kernel), 3600)


X, W = np.ones((1, 4, 3, 3)), np.ones((2, 4, 2, 2))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((X, np.ones((1, 4, 5, 5))), "kernel (5) is larger than the padded input (3)"),
        ((X, W, None, 0), "stride, dilation must be >= 1"),
        ((X, W, None, 1, -1), "padding >= 0"),
        ((X, W, None, 1, "full"), "['narrow', 'same', 'wide'], got 'full'"),
        ((X[0], W), "x must have 4 axes, got shape (4, 3, 3)"),
        ((X[0, 0], W), "x must have 4 axes"),
        ((X, W[0]), "weight must have 4 axes, got shape (4, 2, 2)"),
        ((X, W, np.ones(3)), "bias must have shape (2,), got (3,)"),
        ((X, W, 1.0), "bias must have shape (2,), got ()"),
        ((X, W[:, :3]), "x has 4 channels, weight 2 kernels for 3"),
        ((X, W[:, :1]), "that does not fit groups=1"),
        ((X, W, None, 1, 0, 1, 2), "that does not fit groups=2"),
        ((X, W, None, 1, 0, 1, 3), "that does not fit groups=3"),
        ((X, np.ones((3, 2, 2, 2)), None, 1, 0, 1, 2), "3 kernels for 2"),
        ((np.ones((1, 6, 3, 3)), np.ones((3, 2, 2, 2)), None, 1, 0, 1, 2), "x has 6"),
        ((X, W, None, 1, 0, 1, 0), "groups must be a whole number >= 1, got 0"),
        # NumPy's own words: numbers that cannot mean anything.
        ((X, W, None, (1, 1, 1)), None),
        ((X, W, None, 1.5), None),
        ((X.astype("U"), W), None),
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises((ValueError, TypeError)) as error:
        conv2d(*arguments)
    assert says is None or says in str(error.value)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: conv2d_naive(X, W[:, :1]), "x has 4 channels, weight is for 1"),
        (lambda: conv2d_naive(X[0], W), "not enough values to unpack"),
        (lambda: conv2d_naive(X, W, np.ones(3)), "cannot reshape array"),
        (
            lambda: conv2d_backward(np.ones((1, 2, 3, 3)), X, W),
            "grad_output must be (1, 2, 2, 2), got (1, 2, 3, 3)",
        ),
        (lambda: Conv2d(3, 2, 2).forward(X), "x has 4 channels"),
    ],
)
def test_bad_arguments(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)
