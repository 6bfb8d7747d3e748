"""A whole convolutional network with its backward pass, in NumPy.

Layers have `forward(x)`, which keeps what it needs, and `backward(grad_output)`, which
takes the gradient of a loss for the layer's output, its delta, keeps the gradients of
its own weight and bias as `grad_weight` and `grad_bias`, and gives the one for its
input. `Conv2d` is that of chapter 4.
"""

import numpy as np

from utils.checking import checked_positive, checked_whole
from utils.convolution2d import Conv2d
from utils.mlp import cross_entropy, relu, relu_derivative, softmax
from utils.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)

# ------------------------------------------------------------ layers


class ReLU:
    """max(0, x) at every place, any shape."""

    def forward(self, x):
        self.x = x
        return relu(x)

    def backward(self, grad_output):
        return grad_output * relu_derivative(self.x)


class MaxPool2d:
    """`max_pool2d` as a layer: (N, C, H, W) -> (N, C, h', w')."""

    def __init__(self, kernel_size, stride=None):
        self.window = kernel_size, stride

    def forward(self, x):
        self.x = x
        return max_pool2d(x, *self.window)

    def backward(self, grad_output):
        return max_pool2d_backward(grad_output, self.x, *self.window)


class AvgPool2d:
    """`avg_pool2d` as a layer: (N, C, H, W) -> (N, C, h', w')."""

    def __init__(self, kernel_size, stride=None):
        self.window = kernel_size, stride

    def forward(self, x):
        self.x = x
        return avg_pool2d(x, *self.window)

    def backward(self, grad_output):
        return avg_pool2d_backward(grad_output, self.x, *self.window)


class Flatten:
    """(N, C, H, W) -> (N, C * H * W)."""

    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, grad_output):
        return grad_output.reshape(self.shape)


class Linear:
    """A fully connected layer, x W.T + b: (N, in) -> (N, out).

    Weight (out, in) and bias (out,) are drawn uniformly between -r and r, with
    r = 1 / sqrt(in), as torch draws them; seed is a whole number or a NumPy generator.
    """

    def __init__(self, in_features, out_features, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        bound = 1 / np.sqrt(in_features)
        shape = out_features, in_features
        self.weight = rng.uniform(-bound, bound, shape).astype(dtype)
        self.bias = rng.uniform(-bound, bound, out_features).astype(dtype)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad_output):
        self.grad_weight = grad_output.T @ self.x
        self.grad_bias = grad_output.sum(axis=0)
        return grad_output @ self.weight


# ------------------------------------------------------------ the network


def digit_layers(seed=0, dtype=np.float32):
    """Layers for grey images of 28 x 28 in ten classes; 5,994 parameters."""
    rng = np.random.default_rng(seed)
    return [
        Conv2d(1, 8, 5, seed=rng, dtype=dtype),  # (N, 8, 24, 24)
        ReLU(),
        MaxPool2d(2),  # (N, 8, 12, 12)
        Conv2d(8, 16, 5, seed=rng, dtype=dtype),  # (N, 16, 8, 8)
        ReLU(),
        MaxPool2d(2),  # (N, 16, 4, 4)
        Flatten(),  # (N, 256)
        Linear(256, 10, seed=rng, dtype=dtype),  # (N, 10)
    ]


class NumpyCNN:
    """Layers in a row, from the images to one logit a class."""

    def __init__(self, layers):
        self.layers = layers
        self.velocity = [0.0] * len(self.parameters())

    def parameters(self):
        """(layer, "weight") and (layer, "bias") of all layers that learn."""
        layers = [l for l in self.layers if hasattr(l, "weight")]
        return [(l, name) for l in layers for name in ("weight", "bias")]

    def forward(self, x):
        """Logits (N, classes) of the images x (N, C, H, W).

        Raises:
            ValueError: the pixels are whole numbers, not parts of 1.
        """
        if x.dtype.kind != "f":
            raise ValueError(f"x must be pixels / 255, got {x.dtype}")
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, delta):
        """Gradients of all parameters, from that of the logits; returns the images'."""
        for layer in reversed(self.layers):
            delta = layer.backward(delta)
        return delta

    def step(self, learning_rate, momentum=0.9):
        """v <- momentum * v + gradient; parameter <- parameter - learning_rate * v."""
        for k, (layer, name) in enumerate(self.parameters()):
            gradient = getattr(layer, f"grad_{name}")
            self.velocity[k] = momentum * self.velocity[k] + gradient
            getattr(layer, name)[...] -= learning_rate * self.velocity[k]


def softmax_cross_entropy(logits, labels):
    """The loss, a mean over the images, and its gradient for the logits.

    Args:
        logits: (N, classes).
        labels: (N,), whole numbers from 0.

    Raises:
        ValueError: labels that do not fit the logits.
        IndexError: labels that are no whole numbers, or too large for a class.
    """
    if np.shape(labels) != logits.shape[:1] or np.min(labels) < 0:
        raise ValueError(f"labels must be {len(logits)} classes, got {labels}")
    targets = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    delta = (softmax(logits) - targets) / len(logits)
    return cross_entropy(logits, targets), delta


# ------------------------------------------------------------ training


def train_step(net, x, labels, learning_rate):
    """One step down the slope of the loss of a few images; returns that loss."""
    loss, delta = softmax_cross_entropy(net.forward(x), labels)
    net.backward(delta)
    net.step(learning_rate)
    return loss


def fit(net, x, labels, epochs=4, batch_size=50, learning_rate=0.05):
    """Go over the images `epochs` times, a step for each chunk of them.

    Args:
        net: a `NumpyCNN`.
        x: images (N, C, H, W), pixels from 0 to 1.
        labels: (N,), whole numbers from 0.
        epochs: passes over the images, each in a new order.
        batch_size: images to a step; the last chunk of a pass may be smaller.
        learning_rate: see `NumpyCNN.step`.

    Returns:
        the mean loss of each epoch, taken on the way.

    Raises:
        ValueError: the arguments do not fit.
        FloatingPointError: the loss is no longer finite; the learning rate is too
            large.
    """
    checked_positive("learning_rate", learning_rate)
    checked_whole("batch_size", batch_size, 1)
    if len(x) != len(labels):
        raise ValueError(f"{len(x)} images, but {len(labels)} labels")
    rng, losses = np.random.default_rng(0), []
    for _ in range(epochs):
        order, total = rng.permutation(len(x)), 0.0
        for start in range(0, len(x), batch_size):
            chunk = order[start : start + batch_size]
            loss = train_step(net, x[chunk], labels[chunk], learning_rate)
            total += loss * len(chunk)
        losses.append(total / len(x))
        if not np.isfinite(total):
            raise FloatingPointError(f"{losses}: learning_rate is too large")
    return losses


def predict(net, x, batch_size=500):
    """The class of the largest logit for each image of x: (N,)."""
    starts = range(0, len(x), batch_size)
    logits = [net.forward(x[start : start + batch_size]) for start in starts]
    return np.concatenate(logits).argmax(axis=1)


def accuracy(net, x, labels):
    """Share of the images x whose class is predicted as labelled, 0 to 1."""
    if np.shape(labels) != (len(x),):
        raise ValueError(f"{len(x)} images, but {np.shape(labels)} labels")
    return np.mean(predict(net, x) == labels)
