"""A whole convolutional network with its backward pass, in NumPy.

Layers have `forward(x)`, which keeps what it needs, and `backward(grad_output)`, which
takes the gradient of a loss for the layer's output, its delta, and gives the one for
its input.
"""

from numbers import Real

import numpy as np

from utils.checking import checked_floats, checked_whole
from utils.convolution2d import Conv2d
from utils.mlp import cross_entropy, relu, relu_derivative, softmax
from utils.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)

# ------------------------------------------------------------ layers


class _Layer:
    """A layer without parameters; `x` is what the last forward pass was given."""

    x = weight = bias = grad_weight = grad_bias = None

    def _last_x(self):
        if self.x is None:
            raise RuntimeError("call forward(x) before backward(grad_output)")
        return self.x


class ReLU(_Layer):
    """max(0, x) at every place, any shape."""

    def forward(self, x):
        self.x = x
        return relu(x)

    def backward(self, grad_output):
        return grad_output * relu_derivative(self._last_x())


class MaxPool2d(_Layer):
    """`max_pool2d` as a layer; arguments as there."""

    pool, pool_backward = staticmethod(max_pool2d), staticmethod(max_pool2d_backward)

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def forward(self, x):
        self.x = x
        return self.pool(x, self.kernel_size, self.stride, self.padding)

    def backward(self, grad_output):
        return self.pool_backward(
            grad_output, self._last_x(), self.kernel_size, self.stride, self.padding
        )


class AvgPool2d(MaxPool2d):
    """`avg_pool2d` as a layer; arguments as there."""

    pool, pool_backward = staticmethod(avg_pool2d), staticmethod(avg_pool2d_backward)


class GlobalAvgPool2d(_Layer):
    """`global_avg_pool2d` as a layer."""

    def forward(self, x):
        self.x = x
        return global_avg_pool2d(x)

    def backward(self, grad_output):
        return global_avg_pool2d_backward(grad_output, self._last_x())


class Flatten(_Layer):
    """(N, C, H, W) -> (N, C * H * W)."""

    def forward(self, x):
        self.x = x
        return x.reshape(len(x), -1)

    def backward(self, grad_output):
        return grad_output.reshape(self._last_x().shape)


class Linear(_Layer):
    """A fully connected layer, x W.T + b: (N, in) -> (N, out).

    Weight (out, in) and bias (out,) are drawn uniformly between -r and r, with
    r = 1 / sqrt(in), as torch draws them.

    Args:
        in_features, out_features: numbers in and out, >= 1.
        seed: a whole number or a NumPy generator.
        dtype: np.float32 or np.float64.
    """

    def __init__(self, in_features, out_features, *, seed=0, dtype=np.float32):
        in_features = checked_whole("in_features", in_features, 1)
        out_features = checked_whole("out_features", out_features, 1)
        bound = 1 / np.sqrt(in_features)
        rng = np.random.default_rng(seed)
        shape = (out_features, in_features)
        self.weight = rng.uniform(-bound, bound, shape).astype(dtype)
        self.bias = rng.uniform(-bound, bound, out_features).astype(dtype)

    def forward(self, x):
        (x,) = checked_floats(x=x)
        if x.ndim != 2 or x.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"x must have shape (N, {self.weight.shape[1]}), got {x.shape}"
            )
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad_output):
        self.grad_weight = grad_output.T @ self._last_x()
        self.grad_bias = grad_output.sum(axis=0)
        return grad_output @ self.weight


# ------------------------------------------------------------ the network


def digit_layers(pool=MaxPool2d, *, seed=0, dtype=np.float32) -> list:
    """Layers for grey images of 28 x 28 in ten classes; 5,994 parameters.

    Args:
        pool: the class of the pooling layers, `MaxPool2d` or `AvgPool2d`.
        seed: of the weights, a whole number or a NumPy generator.
        dtype: np.float32 or np.float64.
    """
    drawn = {"seed": np.random.default_rng(seed), "dtype": dtype}
    return [
        Conv2d(1, 8, 5, **drawn),  # (N, 8, 24, 24)
        ReLU(),
        pool(2),  # (N, 8, 12, 12)
        Conv2d(8, 16, 5, **drawn),  # (N, 16, 8, 8)
        ReLU(),
        pool(2),  # (N, 16, 4, 4)
        Flatten(),
        Linear(16 * 4 * 4, 10, **drawn),
    ]


class NumpyCNN:
    """A convolutional network: layers in a row, then softmax and cross-entropy.

    Args:
        layers: from the image to one logit a class; `digit_layers()` unless given.

    Attributes:
        layers: the list of them.
        logits: (N, classes) of the last forward pass.
    """

    def __init__(self, layers=None):
        self.layers = digit_layers() if layers is None else list(layers)
        self.logits = None
        self._velocity = {}

    def parameters(self) -> list[tuple[object, str]]:
        """(layer, "weight" or "bias") of each array of parameters, in order."""
        return [
            (layer, name)
            for layer in self.layers
            for name in ("weight", "bias")
            if getattr(layer, name, None) is not None
        ]

    def count_parameters(self) -> int:
        """Numbers in all weights and biases."""
        return sum(getattr(layer, name).size for layer, name in self.parameters())

    def forward(self, x):
        """Logits (N, classes) of the images x (N, C, H, W)."""
        for layer in self.layers:
            x = layer.forward(x)
        self.logits = x
        return x

    def _targets(self, labels):
        """1 at the place of each label (N,), 0 elsewhere: (N, classes)."""
        labels, shape = np.asarray(labels), self.logits.shape
        if labels.shape != shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"labels must be {shape[0]} whole numbers, one an image, got "
                f"{labels.dtype} {labels.shape}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < shape[1]:
            raise ValueError(
                f"labels must lie between 0 and {shape[1] - 1}, got {labels.min()} to "
                f"{labels.max()}"
            )
        return np.eye(shape[1], dtype=self.logits.dtype)[labels]

    def loss(self, x, labels) -> float:
        """Cross-entropy of a forward pass, the mean over the images.

        Args:
            x: images (N, C, H, W).
            labels: (N,), whole numbers from 0.

        Raises:
            ValueError: wrong shapes, or labels that are no class.
        """
        logits = self.forward(x)
        return cross_entropy(logits, self._targets(labels))

    def backward(self, labels):
        """Gradients of the loss of the last forward pass, for every layer.

        The logits' delta is what softmax gives less what it should; each layer hands
        it on to the one before.

        Returns:
            the gradient for the images (N, C, H, W).

        Raises:
            RuntimeError: there was no forward pass.
            ValueError: wrong labels.
        """
        if self.logits is None:
            raise RuntimeError("call forward(x) before backward(labels)")
        delta = (softmax(self.logits) - self._targets(labels)) / len(self.logits)
        for layer in reversed(self.layers):
            delta = layer.backward(delta)
        return delta

    def step(self, learning_rate, momentum=0.0):
        """v <- momentum * v + gradient and parameter <- parameter - learning_rate * v.

        Raises:
            RuntimeError: there was no backward pass.
            ValueError: learning_rate is not > 0, or momentum not from 0 to below 1.
        """
        if not isinstance(learning_rate, Real) or not 0 < learning_rate < np.inf:
            raise ValueError(
                f"learning_rate must be a finite number > 0, got {learning_rate!r}"
            )
        if not isinstance(momentum, Real) or not 0 <= momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1, got {momentum!r}")
        for layer, name in self.parameters():
            gradient = getattr(layer, f"grad_{name}")
            if gradient is None:
                raise RuntimeError("call backward(labels) before step(learning_rate)")
            key = id(layer), name
            velocity = momentum * self._velocity.get(key, 0) + gradient
            self._velocity[key] = velocity
            getattr(layer, name)[...] -= learning_rate * velocity

    def fit(
        self,
        x,
        labels,
        *,
        epochs=10,
        batch_size=50,
        learning_rate=0.02,
        momentum=0.9,
        seed=0,
    ) -> list[float]:
        """Go over the images `epochs` times, a step for each batch.

        Args:
            x: images (N, C, H, W).
            labels: (N,), whole numbers from 0.
            epochs: passes over the images, each in a new order.
            batch_size: images to a step; the last batch of a pass may be smaller.
            learning_rate, momentum: see `step`.
            seed: of the orders.

        Returns:
            the mean loss of each pass, taken on the way.

        Raises:
            ValueError: an argument that is not as told above.
            FloatingPointError: the loss is no longer finite; the learning rate is too
                large.
        """
        epochs = checked_whole("epochs", epochs, 1)
        batch_size = checked_whole("batch_size", batch_size, 1)
        labels = np.asarray(labels)
        if len(x) != len(labels) or len(x) == 0:
            raise ValueError(
                f"x and labels must have the same length and not be empty, got "
                f"{len(x)} and {len(labels)}"
            )
        rng = np.random.default_rng(seed)
        losses = []
        for _ in range(epochs):
            order, total = rng.permutation(len(x)), 0.0
            for start in range(0, len(x), batch_size):
                batch = order[start : start + batch_size]
                with np.errstate(over="ignore", invalid="ignore"):
                    loss = self.loss(x[batch], labels[batch])
                if not np.isfinite(loss):
                    raise FloatingPointError(
                        f"the loss is {loss} in pass {len(losses) + 1}: "
                        f"learning_rate ({learning_rate}) is too large"
                    )
                with np.errstate(over="ignore", invalid="ignore"):
                    self.backward(labels[batch])
                    self.step(learning_rate, momentum)
                total += loss * len(batch)
            losses.append(total / len(x))
        return losses

    def predict(self, x, batch_size=500):
        """The class of the largest logit for each image of x: (N,)."""
        parts = range(0, len(x), batch_size)
        answers = [self.forward(x[i : i + batch_size]).argmax(axis=1) for i in parts]
        return np.concatenate([np.empty(0, np.int64), *answers])

    def accuracy(self, x, labels) -> float:
        """Part of the images x whose class is predicted as labelled, 0 to 1."""
        return float(np.mean(self.predict(x) == np.asarray(labels)))
