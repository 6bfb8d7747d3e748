"""Pooling, every gradient as torch's, and receptive fields."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from utils.convolution2d import Conv2d, conv2d, conv2d_backward, rot180
from utils.gradients import numerical_gradient, relative_error
from utils.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    receptive_field,
)

# The same examples in every run, so that a pass is a pass tomorrow.
property_test = settings(max_examples=100, derandomize=True, deadline=None)

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
OPERATIONS = {
    "max": (max_pool2d, max_pool2d_backward, F.max_pool2d),
    "avg": (avg_pool2d, avg_pool2d_backward, F.avg_pool2d),
}
SIX = np.array(
    [
        [1, 3, 2, 4, 5, -1],
        [7, -6, -3, -2, -6, -3],
        [2, 0, 9, 3, 8, 6],
        [0, 1, 2, 4, -1, -3],
        [-2, 0, 1, 1, -4, -1],
        [-3, 4, 0, -1, -5, -2],
    ]
)


@st.composite
def maps(draw, dtype=np.float64):
    """x and settings that torch takes too."""
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    stride = draw(st.one_of(st.none(), st.tuples(*[st.integers(1, 4)] * 2)))
    size = [
        max(draw(st.integers(1, 9)), k - 2 * p)
        for k, p in zip(kernel, padding, strict=True)
    ]
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):  # few values, so many ties
        x = rng.integers(-1, 2, size=shape).astype(dtype)
    else:
        x = rng.normal(size=shape).astype(dtype)
    square = kernel[0] == kernel[1] and padding[0] == padding[1]
    if square and draw(st.booleans()):
        return x, {"kernel_size": kernel[0], "stride": stride, "padding": padding[0]}
    return x, {"kernel_size": kernel, "stride": stride, "padding": padding}


# ------------------------------------------------------------ against torch


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", OPERATIONS)
@property_test
@given(data=st.data())
def test_values_and_gradients_equal_torch(kind, dtype, data):
    """With ties: the gradient goes to the same pixel."""
    x, where = data.draw(maps(dtype))
    forward, backward, by_torch = OPERATIONS[kind]
    tx = torch.tensor(x, requires_grad=True)
    expected = by_torch(tx, **where)
    y = forward(x, **where)
    assert y.dtype == dtype
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected.detach(), rtol=TOLERANCE[dtype], atol=1e-6)
    g = np.random.default_rng(x.size).normal(size=y.shape).astype(dtype)
    expected.backward(torch.as_tensor(g))
    grad_x = backward(g, x, **where)
    assert grad_x.dtype == dtype
    assert grad_x.shape == x.shape
    assert relative_error(grad_x, tx.grad.numpy()) < TOLERANCE[dtype]


def test_a_window_as_large_as_the_map_is_global_pooling():
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    expected = F.adaptive_avg_pool2d(x, 1)
    y = avg_pool2d(x.detach().numpy(), (5, 7))
    np.testing.assert_allclose(y, expected.detach(), atol=1e-12)
    g = torch.randn_like(expected)
    expected.backward(g)
    grad_x = avg_pool2d_backward(g.numpy(), x.detach().numpy(), (5, 7))
    assert relative_error(grad_x, x.grad.numpy()) < 1e-12


@pytest.mark.parametrize("kind", OPERATIONS)
def test_gradients_by_finite_differences(kind):
    forward, backward, _ = OPERATIONS[kind]
    rng = np.random.default_rng(0)
    x = rng.permutation(2 * 3 * 7 * 6).reshape(2, 3, 7, 6) / 10  # no ties
    where = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}
    g = rng.normal(size=forward(x, **where).shape)
    found = numerical_gradient(lambda v: np.sum(g * forward(v, **where)), x)
    assert relative_error(backward(g, x, **where), found) < 1e-7


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_all_equal_the_first_in_reading_order_wins(dtype):
    grad = max_pool2d_backward(np.ones((1, 1, 2, 2)), np.zeros((1, 1, 4, 4)), 2)
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(grad[0, 0], expected)
    # Padding is never the winner, though 0 is larger than what is there.
    y = max_pool2d(np.full((1, 1, 3, 3), -5, dtype), 3, stride=1, padding=1)
    np.testing.assert_array_equal(y, -5)


# ------------------------------------------------------------ identities


@property_test
@given(maps())
def test_mean_pooling_is_a_convolution_and_backward_its_transpose(example):
    x, where = example
    pooled, g = avg_pool2d(x, **where), None
    kernel_size = where["kernel_size"]
    height, width = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    weight = np.full((x.shape[1], 1, height, width), 1 / (height * width))
    settings = {
        "stride": where["stride"] or (height, width),
        "padding": where["padding"],
        "groups": x.shape[1],
    }
    np.testing.assert_allclose(pooled, conv2d(x, weight, **settings), atol=1e-12)
    g = np.random.default_rng(x.size).normal(size=pooled.shape)
    back = avg_pool2d_backward(g, x, **where)
    np.testing.assert_allclose(
        back, conv2d_backward(g, x, weight, **settings)[0], atol=1e-12
    )
    assert np.sum(pooled * g) == pytest.approx(np.sum(x * back), rel=1e-9, abs=1e-9)
    ones = np.ones(pooled.shape, int)
    back = avg_pool2d_backward(ones, x, **where)
    assert np.array_equal(back, avg_pool2d_backward(ones.astype(float), x, **where))
    assert avg_pool2d_backward(ones.astype("f"), x, **where).dtype == np.float32


@property_test
@given(maps())
def test_max_pooling_is_linear_as_long_as_the_winners_stay(example):
    """Then y is the sum of x times its gradient: the winners, each with weight 1."""
    x, where = example
    y = max_pool2d(x, **where)
    back = max_pool2d_backward(np.ones_like(y), x, **where)
    assert np.sum(x * back) == pytest.approx(y.sum(), rel=1e-9, abs=1e-9)
    assert back.sum() == y.size  # every window has one winner


def test_delta_goes_back_through_rot180_and_wide_convolution():
    """(5.27), (5.28), (5.36): a layer of one map each."""
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(1, 1, 6, 6)), rng.normal(size=(1, 1, 4, 4))
    weight = rng.normal(size=(1, 1, 3, 3))
    grad_x, grad_weight, grad_bias = conv2d_backward(delta, x, weight)
    assert relative_error(grad_weight, conv2d(x, delta)) < 1e-12
    assert relative_error(grad_x, conv2d(delta, rot180(weight), padding=2)) < 1e-12
    assert grad_bias[0] == pytest.approx(delta.sum())


# ------------------------------------------------------------ worked examples, counts


@pytest.mark.parametrize("dtype", [int, np.float32, np.float64])
def test_worked_example(dtype):
    x = SIX[None, None].astype(dtype)
    np.testing.assert_array_equal(
        max_pool2d(x, 2)[0, 0], [[7, 4, 5], [2, 9, 8], [4, 1, -1]]
    )
    np.testing.assert_array_equal(
        avg_pool2d(x, 2)[0, 0],
        [[1.25, 0.25, -1.25], [0.75, 4.5, 2.5], [-0.25, 0.25, -3]],
    )
    assert avg_pool2d(x, 6).item() == pytest.approx(SIX.sum() / 36)


def test_pooling_halves_and_keeps_the_channels():
    assert max_pool2d(np.zeros((1, 64, 32, 32)), 2, 2).shape == (1, 64, 16, 16)


def test_receptive_fields_of_lenet5():
    c, s = (5, 1), (2, 2)
    lenet = [c, s, c, s, c]
    fields = [receptive_field(lenet[:depth]) for depth in range(1, 6)]
    assert fields == [5, 6, 14, 16, 32]


def test_receptive_fields():
    assert receptive_field([]) == 1
    assert receptive_field([(3, 1), (3, 1)]) == receptive_field([(5, 1)]) == 5
    assert receptive_field([(3, 1)] * 3) == 7
    assert receptive_field([(11, 4), (3, 2), (5, 1)]) == 11 + 2 * 4 + 4 * 8


@property_test
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3)),
        max_size=4,
    )
)
def test_receptive_field_is_where_the_gradient_arrives(layers):
    """Of one output through weights that are all above 0, in one column."""
    size = receptive_field(layers)
    x = np.ones((1, 1, size + 3, 1))
    stack = [Conv2d(1, 1, 1, dtype=np.float64)]
    for kernel_size, stride in layers:
        layer = Conv2d(1, 1, (kernel_size, 1), (stride, 1))
        layer.weight, layer.bias = np.ones(layer.weight.shape), np.ones(1)
        stack.append(layer)
    for layer in stack:
        x = layer.forward(x)
    g = np.zeros_like(x)
    g[0, 0, 0] = 1
    for layer in reversed(stack):
        g = layer.backward(g)
    seen = np.flatnonzero(g)
    assert seen.min() == 0
    assert seen.max() == size - 1


# ------------------------------------------------------------ input


def test_what_comes_in_is_left_alone():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))[..., ::-1]
    kept = x.copy()
    for forward, backward, _ in OPERATIONS.values():
        for kernel_size in 1, 2:
            y = forward(x, kernel_size)
            assert not np.shares_memory(x, y)
            g = np.ones_like(y)
            assert not np.shares_memory(backward(g, x, kernel_size), g)
            np.testing.assert_array_equal(g, 1)
            np.testing.assert_array_equal(x, kept)


def test_pixels_of_a_byte_do_not_overflow():
    x = np.full((1, 1, 2, 2), 255, np.uint8)
    assert max_pool2d(x, 2).item() == avg_pool2d(x, 2).item() == 255


X = np.ones((1, 1, 3, 3))


@pytest.mark.parametrize(
    "arguments",
    [(X, 5), (X[0], 2), (X[0, 0], 2), (X, 0), (X, 2, 0), (X, 2, 1.0), (X, 2, 1, -1)],
)
@pytest.mark.parametrize("operation", [max_pool2d, avg_pool2d])
def test_a_setting_that_fits_no_image_is_refused(operation, arguments):
    with pytest.raises((ValueError, TypeError)):
        operation(*arguments)


def test_padding_is_at_most_half_of_the_kernel():
    """Beyond it a window may lie on the border alone, and nothing is largest."""
    x = np.ones((1, 1, 5, 5))
    assert np.isfinite(max_pool2d(x, 2, padding=1)).all()
    for operation in max_pool2d, avg_pool2d:
        with pytest.raises(ValueError, match="at most half of kernel_size 3, got 2"):
            operation(x, 3, padding=2)


@pytest.mark.parametrize("shape", [(1, 2, 3, 3), (1, 2), (1, 1, 2, 2)])
@pytest.mark.parametrize("operation", [max_pool2d_backward, avg_pool2d_backward])
def test_errors_of_another_shape_are_refused(operation, shape):
    """Or NumPy would repeat them to fit."""
    with pytest.raises(
        ValueError, match=r"grad_output must have shape \(1, 2, 2, 2\), got"
    ):
        operation(np.ones(shape), np.ones((1, 2, 4, 4)), 2)
