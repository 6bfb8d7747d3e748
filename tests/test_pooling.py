"""Pooling, receptive fields, and the network in NumPy, every gradient as torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from utils import numpy_cnn
from utils.convolution2d import Conv2d, conv2d, conv2d_backward, rot180
from utils.data import mnist5k
from utils.gradients import numerical_gradient, relative_error
from utils.numpy_cnn import NumpyCNN, digit_layers
from utils.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
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


@pytest.mark.parametrize("dtype", TOLERANCE)
@property_test
@given(data=st.data())
def test_global_pooling_equals_torch(dtype, data):
    x, _ = data.draw(maps(dtype))
    tx = torch.tensor(x, requires_grad=True)
    expected = F.adaptive_avg_pool2d(tx, 1)
    y = global_avg_pool2d(x)
    assert y.dtype == dtype
    assert y.shape == expected.shape == (*x.shape[:2], 1, 1)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-5, atol=1e-6)
    g = np.random.default_rng(x.size).normal(size=y.shape).astype(dtype)
    expected.backward(torch.as_tensor(g))
    grad_x = global_avg_pool2d_backward(g, x)
    assert relative_error(grad_x, tx.grad.numpy()) < TOLERANCE[dtype]


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
    assert global_avg_pool2d(x).item() == pytest.approx(SIX.sum() / 36)


def test_pooling_halves_and_keeps_the_channels():
    assert max_pool2d(np.zeros((1, 64, 32, 32)), 2, 2).shape == (1, 64, 16, 16)


def test_receptive_fields_of_lenet5():
    c, s = (5, 1), (2, 2)
    lenet = [c, s, c, s, c]
    fields = [receptive_field(lenet[:depth]) for depth in range(1, 6)]
    assert fields == [5, 6, 14, 16, 32]


def test_receptive_fields():
    assert receptive_field([]) == 1
    assert receptive_field([3, 3]) == receptive_field([5]) == 5
    assert receptive_field([3, 3, 3]) == 7
    assert receptive_field([(3, 1, 2)]) == 5
    assert receptive_field([(11, 4), (3, 2), 5]) == 11 + 2 * 4 + 4 * 8
    net = NumpyCNN()
    sliding = [layer for layer in net.layers if hasattr(layer, "kernel_size")]
    assert receptive_field(sliding) == 16
    assert receptive_field([nn.Conv2d(1, 1, 3, dilation=2), nn.MaxPool2d(2)]) == 6


@property_test
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2)),
        max_size=4,
    )
)
def test_receptive_field_is_where_the_gradient_arrives(layers):
    """Of one output through weights that are all above 0, in one column."""
    size = receptive_field(layers)
    x = np.ones((1, 1, size + 3, 1))
    stack = [Conv2d(1, 1, 1, dtype=np.float64)]
    for kernel_size, stride, dilation in layers:
        layer = Conv2d(1, 1, (kernel_size, 1), (stride, 1), 0, (dilation, 1))
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


# ------------------------------------------------------------ the network


def torch_twin(net):
    """The same network in torch, with the same parameters."""
    made = {
        Conv2d: lambda layer: nn.Conv2d(
            layer.weight.shape[1], layer.weight.shape[0], layer.kernel_size
        ),
        numpy_cnn.Linear: lambda layer: nn.Linear(*layer.weight.shape[::-1]),
        numpy_cnn.ReLU: lambda layer: nn.ReLU(),
        numpy_cnn.Flatten: lambda layer: nn.Flatten(),
        numpy_cnn.MaxPool2d: lambda layer: nn.MaxPool2d(layer.kernel_size),
        numpy_cnn.AvgPool2d: lambda layer: nn.AvgPool2d(layer.kernel_size),
        numpy_cnn.GlobalAvgPool2d: lambda layer: nn.AdaptiveAvgPool2d(1),
    }
    twin = nn.Sequential(*(made[type(layer)](layer) for layer in net.layers)).double()
    with torch.no_grad():
        for theirs, (layer, name) in zip(
            twin.parameters(), net.parameters(), strict=True
        ):
            theirs.copy_(torch.as_tensor(getattr(layer, name)))
    return twin


def all_average(dtype):
    """A net without a fully connected layer."""
    return [
        Conv2d(1, 4, 3, dtype=dtype),
        numpy_cnn.ReLU(),
        Conv2d(4, 10, 3, dtype=dtype),
        numpy_cnn.GlobalAvgPool2d(),
        numpy_cnn.Flatten(),
    ]


@pytest.mark.parametrize(
    "layers",
    [
        lambda: digit_layers(dtype=np.float64),
        lambda: digit_layers(numpy_cnn.AvgPool2d, dtype=np.float64),
        lambda: all_average(np.float64),
    ],
)
def test_network_and_its_training_equal_torch(layers):
    net = NumpyCNN(layers())
    twin = torch_twin(net)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    rng = np.random.default_rng(0)
    x, labels = rng.random((6, 1, 28, 28)), rng.integers(0, 10, 6)
    tx = torch.tensor(x, requires_grad=True)
    for _ in range(3):
        optimizer.zero_grad()
        tx.grad = None
        logits = twin(tx)
        loss = F.cross_entropy(logits, torch.as_tensor(labels))
        loss.backward()
        assert net.loss(x, labels) == pytest.approx(loss.item(), rel=1e-10)
        assert relative_error(net.logits, logits.detach().numpy()) < 1e-10
        assert relative_error(net.backward(labels), tx.grad.numpy()) < 1e-10
        for theirs, (layer, name) in zip(
            twin.parameters(), net.parameters(), strict=True
        ):
            ours = getattr(layer, f"grad_{name}")
            assert relative_error(ours, theirs.grad.numpy()) < 1e-9
        optimizer.step()
        net.step(0.1, momentum=0.9)


def test_network_starts_at_ln_10_and_learns_32_digits_by_heart():
    train, _ = mnist5k()
    x, labels = train.x[:32], train.y[:32]
    net = NumpyCNN()
    assert net.count_parameters() == 5_994
    assert net.forward(x).dtype == np.float32
    assert net.loss(x, labels) == pytest.approx(np.log(10), abs=0.1)
    losses = net.fit(x, labels, epochs=70, batch_size=32)
    assert losses[-1] < 0.01
    assert net.accuracy(x, labels) == 1.0
    again = NumpyCNN()
    assert again.fit(x, labels, epochs=2, batch_size=32) == losses[:2]


def test_network_reads_digits():
    """Three of the passes that chapter 5 makes."""
    train, test = mnist5k()
    net = NumpyCNN()
    losses = net.fit(train.x, train.y, epochs=3)
    assert losses == sorted(losses, reverse=True)
    assert net.accuracy(test.x, test.y) > 0.94
    assert net.predict(test.x[:0]).shape == (0,)


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


X = np.ones((1, 1, 3, 3))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((X, 5), "kernel (5) is larger than the padded input (3)"),
        ((X[0], 2), "x must have shape (N, C, H, W) and hold images, got (1, 3, 3)"),
        ((X, 0), "kernel_size must be a whole number >= 1, got 0"),
        ((X, (2, 2, 2)), "kernel_size must be a number or a pair, got (2, 2, 2)"),
        ((X, 2, 0), "stride must be a whole number >= 1, got 0"),
        ((X, 2, 1.0), "stride must be a whole number >= 1, got 1.0"),
        ((X, 2, 1, -1), "padding must be a whole number >= 0, got -1"),
        ((X, 2, 1, 2), "padding (2, 2) must be at most half the kernel_size (2, 2)"),
        ((X, 2, 1, "same"), "padding must be a whole number >= 0, got 'same'"),
        ((X.astype(complex), 2), "x must hold float32, float64 or whole numbers"),
    ],
)
@pytest.mark.parametrize("operation", [max_pool2d, avg_pool2d])
def test_bad_input(operation, arguments, says):
    with pytest.raises(ValueError) as error:
        operation(*arguments)
    assert says in str(error.value)


NET = NumpyCNN(all_average(np.float32))
IMAGES = np.zeros((4, 1, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: max_pool2d_backward(np.ones((1, 1, 3, 3)), X, 2),
            "the shape of the output, (1, 1, 1, 1), got (1, 1, 3, 3)",
        ),
        (
            lambda: avg_pool2d_backward(np.ones((1, 1, 1, 1), "f"), X, 2),
            "one dtype, got grad_output float32, x float64",
        ),
        (lambda: global_avg_pool2d(X[0]), "x must have shape (N, C, H, W)"),
        (
            lambda: global_avg_pool2d_backward(np.ones((1, 1)), X),
            "the shape of the output, (1, 1, 1, 1), got (1, 1)",
        ),
        (lambda: receptive_field([(3, 1), (0, 1)]), "layers[1] must be a whole number"),
        (lambda: receptive_field([(3, 1, 1, 1)]), "layers[0] must be kernel_size, ("),
        (lambda: receptive_field(["3"]), "layers[0] must be kernel_size, (kernel"),
        (
            lambda: receptive_field([Conv2d(1, 1, (3, 5))]),
            "layers[0] must be the same on both axes",
        ),
        (
            lambda: numpy_cnn.Linear(3, 2).forward(np.ones((1, 4), "f")),
            "x must have shape (N, 3), got (1, 4)",
        ),
        (lambda: numpy_cnn.Linear(3, 0), "out_features must be a whole number >= 1"),
        (lambda: NET.loss(IMAGES, [1, 2]), "labels must be 4 whole numbers"),
        (lambda: NET.loss(IMAGES, [0.0, 1, 2, 3]), "one an image, got float64 (4,)"),
        (lambda: NET.loss(IMAGES, [0, 1, 2, 10]), "between 0 and 9, got 0 to 10"),
        (lambda: NET.fit(IMAGES, [0, 1]), "the same length and not be empty, got 4"),
        (lambda: NET.fit(IMAGES[:0], []), "same length and not be empty, got 0 and 0"),
        (lambda: NET.fit(IMAGES, [0] * 4, epochs=0), "epochs must be a whole number"),
        (lambda: NET.fit(IMAGES, [0] * 4, batch_size=0), "batch_size must be a whole"),
        (
            lambda: NET.fit(IMAGES, [0] * 4, learning_rate=-1),
            "learning_rate must be a finite number > 0, got -1",
        ),
        (
            lambda: NET.fit(IMAGES, [0] * 4, momentum=1),
            "momentum must be from 0 to below 1, got 1",
        ),
    ],
)
def test_bad_arguments(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)


def test_order_of_calls():
    for layer in numpy_cnn.ReLU(), numpy_cnn.MaxPool2d(2), numpy_cnn.Linear(2, 2):
        with pytest.raises(RuntimeError, match=r"call forward\(x\) before backward"):
            layer.backward(np.ones((1, 2)))
    net = NumpyCNN()
    with pytest.raises(RuntimeError, match=r"call forward\(x\) before backward"):
        net.backward([0])
    with pytest.raises(RuntimeError, match=r"call backward\(labels\) before step"):
        net.step(0.1)


@pytest.mark.filterwarnings("error")
def test_too_large_a_learning_rate_is_said():
    train, _ = mnist5k()
    with pytest.raises(FloatingPointError, match="learning_rate .* is too large"):
        NumpyCNN().fit(train.x[:200], train.y[:200], learning_rate=1e30)
