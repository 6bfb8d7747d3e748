"""The convolutional network in NumPy: its gradients and its training are torch's."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.convolution2d import Conv2d
from utils.data import mnist5k
from utils.gradients import relative_error
from utils.numpy_cnn import (
    AvgPool2d,
    Flatten,
    Linear,
    MaxPool2d,
    NumpyCNN,
    ReLU,
    accuracy,
    digit_layers,
    fit,
    predict,
    softmax_cross_entropy,
)

# ------------------------------------------------------------ against torch


def mean_layers():
    """Overlapping windows, their means, and no fully connected layer."""
    return [
        Conv2d(1, 4, 3, dtype=np.float64),
        ReLU(),
        AvgPool2d(3, 2),
        Conv2d(4, 10, 3, dtype=np.float64),
        AvgPool2d(10),
        Flatten(),
    ]


def torch_twin(net):
    """The same network in torch, with the same parameters."""
    made = {
        Conv2d: lambda layer: nn.Conv2d(
            *layer.weight.shape[1::-1], layer.weight.shape[2:]
        ),
        Linear: lambda layer: nn.Linear(*layer.weight.shape[::-1]),
        ReLU: lambda layer: nn.ReLU(),
        Flatten: lambda layer: nn.Flatten(),
        MaxPool2d: lambda layer: nn.MaxPool2d(*layer.window),
        AvgPool2d: lambda layer: nn.AvgPool2d(*layer.window),
    }
    twin = nn.Sequential(*(made[type(layer)](layer) for layer in net.layers)).double()
    with torch.no_grad():
        for theirs, ours in zip(twin.parameters(), net.parameters(), strict=True):
            theirs.copy_(torch.as_tensor(getattr(*ours)))
    return twin


@pytest.mark.parametrize(
    "layers", [lambda: digit_layers(dtype=np.float64), mean_layers]
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
        expected = twin(tx)
        expected_loss = F.cross_entropy(expected, torch.as_tensor(labels))
        expected_loss.backward()
        logits = net.forward(x)
        loss, delta = softmax_cross_entropy(logits, labels)
        assert loss == pytest.approx(expected_loss.item(), rel=1e-10)
        assert relative_error(logits, expected.detach().numpy()) < 1e-10
        assert relative_error(net.backward(delta), tx.grad.numpy()) < 1e-10
        for theirs, (layer, name) in zip(
            twin.parameters(), net.parameters(), strict=True
        ):
            ours = getattr(layer, f"grad_{name}")
            assert relative_error(ours, theirs.grad.numpy()) < 1e-9
        optimizer.step()
        net.step(0.1, momentum=0.9)


def test_first_weights_lie_where_torch_draws_them():
    for dtype in np.float32, np.float64:
        layer = Linear(400, 30, seed=1, dtype=dtype)
        assert layer.weight.shape == (30, 400)
        assert layer.weight.dtype == layer.bias.dtype == dtype
        assert 0.99 / 20 < np.abs(layer.weight).max() <= 1 / 20
        assert np.abs(layer.bias).max() <= 1 / 20


# ------------------------------------------------------------ learning


def test_network_starts_at_ln_10_and_learns_32_digits_by_heart():
    train, _ = mnist5k()
    x, labels = train.x[:32], train.y[:32]
    net = NumpyCNN(digit_layers())
    assert sum(getattr(*p).size for p in net.parameters()) == 5_994
    logits = net.forward(x)
    assert logits.dtype == np.float32
    loss, _ = softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(np.log(10), abs=0.1)
    settings = {"batch_size": 32, "learning_rate": 0.02}
    losses = fit(net, x, labels, epochs=70, **settings)
    assert losses[-1] < 0.01
    assert accuracy(net, x, labels) == 1.0
    again = NumpyCNN(digit_layers())
    assert fit(again, x, labels, epochs=2, **settings) == losses[:2]


@pytest.mark.slow
def test_network_reads_digits():
    """Three of the epochs that chapter 5 makes."""
    train, test = mnist5k()
    net = NumpyCNN(digit_layers())
    losses = fit(net, train.x, train.y, epochs=3, learning_rate=0.02)
    assert losses == sorted(losses, reverse=True)
    assert accuracy(net, test.x, test.y) > 0.94
    whole = predict(net, test.x[:30])
    assert np.array_equal(predict(net, test.x[:30], batch_size=7), whole)


def test_the_last_chunk_may_be_smaller():
    train, _ = mnist5k()
    net = NumpyCNN(digit_layers())
    (loss,) = fit(net, train.x[:50], train.y[:50], epochs=1, batch_size=32)
    assert 1.5 < loss < 3


# ------------------------------------------------------------ bad input

NET = NumpyCNN(digit_layers())
IMAGES = np.zeros((4, 1, 28, 28), np.float32)
LABELS = np.array([0, 1, 2, 3])


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (np.array([1, 2]), ValueError),
        (np.array([1]), ValueError),  # NumPy would repeat it
        (np.eye(10, dtype=int)[LABELS], ValueError),
        (np.array([0, 1, 2, -1]), ValueError),  # NumPy would count from the end
        (np.array([0, 1, 2, 10]), IndexError),
        (np.array([0.0, 1, 2, 3]), IndexError),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, error):
    with pytest.raises(error):
        softmax_cross_entropy(NET.forward(IMAGES), labels)
    with pytest.raises((ValueError, IndexError)):
        fit(NET, IMAGES, labels, epochs=1)


@pytest.mark.parametrize("labels", [LABELS[:, None], LABELS[:1], 3])
def test_accuracy_compares_image_by_image(labels):
    with pytest.raises(ValueError, match="4 images, but"):
        accuracy(NET, IMAGES, labels)


@pytest.mark.parametrize(
    "images", [IMAGES[:, 0], IMAGES[0], IMAGES[..., 1:], IMAGES.repeat(3, 1)]
)
def test_images_of_another_shape_are_refused(images):
    with pytest.raises(ValueError):
        NET.forward(images)


def test_pixels_of_whole_numbers_are_refused():
    """From 0 to 255 they would run through, to nonsense."""
    for use in NET.forward, lambda x: fit(NET, x, LABELS), lambda x: predict(NET, x):
        with pytest.raises(ValueError, match="x must be pixels / 255, got uint8"):
            use(IMAGES.astype(np.uint8))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: fit(NET, IMAGES, LABELS[:2]), ValueError, "4 images, but 2 labels"),
        (lambda: fit(NET, IMAGES[:2], LABELS), ValueError, "2 images, but 4 labels"),
        (lambda: fit(NET, IMAGES[:0], LABELS[:0]), ZeroDivisionError, "zero"),
        (
            lambda: fit(NET, IMAGES, LABELS, learning_rate=-1),
            ValueError,
            "learning_rate must be a finite number > 0, got -1",
        ),
        (lambda: NumpyCNN([ReLU()]).backward(LABELS), AttributeError, "x"),
        (lambda: NumpyCNN([Linear(2, 2)]).step(0.1), AttributeError, "grad_weight"),
    ],
)
def test_bad_arguments(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_too_large_a_learning_rate_is_said():
    train, _ = mnist5k()
    net = NumpyCNN(digit_layers())
    with pytest.raises(FloatingPointError, match="learning_rate is too large"):
        fit(net, train.x[:200], train.y[:200], learning_rate=1e30)


@pytest.mark.parametrize("size", [0, -5, 2.5])
def test_a_batch_holds_one_image_at_least(size):
    net, x = NumpyCNN(digit_layers()), np.zeros((10, 1, 28, 28))
    with pytest.raises(ValueError, match=f"batch_size must be .*, got {size}"):
        fit(net, x, np.zeros(10, int), batch_size=size)
