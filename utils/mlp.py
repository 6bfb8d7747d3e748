"""The multilayer perceptron and backpropagation, in NumPy.

A layer computes a = W z + b and hands on h(a). Its W has shape (out, in): w_kj leads
from unit j to unit k. A batch has one example a row, so there A = Z W.T + b.

Backwards, with delta_k = dE/da_k, the same three formulas hold in every layer:

    dE/dw_kj = delta_k z_j      dE/db_k = delta_k      dE/dz_j = sum_k delta_k w_kj

(D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
back-propagating errors", Nature 323, 1986).
"""

from itertools import pairwise

import numpy as np

from utils.checking import (
    checked_positive,
    checked_rows,
    checked_same_shape,
    checked_targets,
    checked_whole,
)

# A 2-3-2 network, and an example to go through it once by hand.
EXAMPLE_WEIGHTS = [
    np.array([[0.5, 1.0], [-1.0, 1.0], [1.0, -0.5]]),  # (3, 2): to, from
    np.array([[0.5, 1.0, -1.0], [1.0, -0.5, 0.5]]),  # (2, 3)
]
EXAMPLE_BIASES = [np.array([0.0, 0.0, -0.5]), np.array([0.25, -0.25])]
EXAMPLE = np.array([[1.0, 0.5]]), np.array([[1.0, 0.0]])  # x and d

# ------------------------------------------------------------ forward


def softmax(a):
    """y_k = exp(a_k) / sum_r exp(a_r) over the last axis; no exp can overflow."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def forward(X, weights, biases, h, output):
    """The sums a and the values z of every layer, for a batch X (N, in).

    Args:
        weights, biases: of each layer, (out, in) and (out,).
        h, output: activation of the hidden layers, and of the last one.

    Returns:
        a, z: lists of arrays (N, units); z[0] is X, a[l] belongs to weights[l], and
        z[l + 1] = h(a[l]).
    """
    a, z = [], [X]
    for W, b in zip(weights, biases, strict=True):
        a.append(z[-1] @ W.T + b)  # (N, in) @ (in, out) -> (N, out)
        last = len(a) == len(weights)
        z.append(output(a[-1]) if last else h(a[-1]))
    return a, z


# ------------------------------------ activations, of an array `a` of any shape


def logistic(a):
    """h(a) = 1 / (1 + exp(-a)), written so that exp cannot overflow."""
    return np.exp(-np.logaddexp(0, -a))


def logistic_derivative(a):
    """h'(a) = h(a) (1 - h(a)), at most 1/4."""
    return logistic(a) * (1 - logistic(a))


def tanh_derivative(a):
    """h'(a) = 1 - h(a)^2."""
    return 1 - np.tanh(a) ** 2


def relu(a):
    """h(a) = max(0, a)."""
    return np.maximum(a, 0)


def relu_derivative(a):
    """h'(a) = 1 where a > 0, else 0: also at 0, where there is no derivative."""
    return (a > 0).astype(a.dtype)


def identity(a):
    """h(a) = a."""
    return a


def identity_derivative(a):
    """h'(a) = 1."""
    return np.ones_like(a)


def leaky_relu(a, slope=0.01):
    """h(a) = a where a > 0, else slope * a."""
    return np.where(a > 0, a, slope * a)


def leaky_relu_derivative(a, slope=0.01):
    """h'(a) = 1 where a > 0, else slope."""
    return np.where(a > 0, 1.0, slope)


def elu(a, alpha=1.0):
    """h(a) = a where a > 0, else alpha (exp(a) - 1)."""
    return np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0)))


def elu_derivative(a, alpha=1.0):
    """h'(a) = 1 where a > 0, else h(a) + alpha: no jump at 0 only if alpha is 1."""
    return np.where(a > 0, 1.0, elu(a, alpha) + alpha)


ACTIVATIONS = {  # name -> h and h'
    "logistic": (logistic, logistic_derivative),
    "tanh": (np.tanh, tanh_derivative),
    "relu": (relu, relu_derivative),
    "leaky_relu": (leaky_relu, leaky_relu_derivative),
    "elu": (elu, elu_derivative),
    "identity": (identity, identity_derivative),
}

# ------------------------------------------------------------ losses


def squared_error(y, d):
    """E = mean of (d - y)^2 over all outputs y and desired outputs d, of one shape."""
    y, d = checked_same_shape("y", y, "d", d)
    return float(np.mean((d - y) ** 2))


def cross_entropy(a, d):
    """E = -sum_k d_k ln y_k with y = softmax(a), the mean over the rows of a batch.

    It takes a, not y, since ln y_k = a_k - ln sum_r exp(a_r): no y_k that is rounded
    to 0 meets a logarithm.

    Args:
        a: sums before the softmax (K,) or (N, K).
        d: desired outputs, shaped like a; for a label, 1 at its place and 0 elsewhere.

    Raises:
        ValueError: a and d differ in shape.
    """
    a, d = checked_same_shape("a", a, "d", d)
    a = a - a.max(axis=-1, keepdims=True)
    log_y = a - np.log(np.exp(a).sum(axis=-1, keepdims=True))
    return float(-np.sum(d * log_y, axis=-1).mean())


def softmax_jacobian(a):
    """dy_k/da_r = y_k ([k = r] - y_r) for a (..., K): (..., K, K), k before r."""
    y = softmax(a)
    return y[..., :, None] * (np.eye(y.shape[-1]) - y[..., None, :])


# ------------------------------------------------------------ backward


def cross_entropy_delta(a, d):
    """dE/da (N, K) of the cross-entropy of softmax(a), the mean over the batch."""
    return (softmax(a) - d) / len(a)


def squared_error_delta(a, d):
    """dE/da (N, K) of the squared error of outputs y = a, the mean over all."""
    return 2 * (a - d) / a.size


LOSSES = {  # name -> activation of the outputs, E and dE/da of their sums a
    "cross_entropy": (softmax, cross_entropy, cross_entropy_delta),
    "squared_error": (identity, squared_error, squared_error_delta),
}


def backward(delta, weights, a, z, derivative):
    """Delta and the gradients of every layer, from the delta of the last.

    Args:
        delta: dE/da of the last layer (N, out).
        weights, a, z: as for `forward`.
        derivative: h' of the hidden layers.

    Returns:
        dE/da, dE/dW and dE/db: three lists with an array for each layer.
    """
    deltas, grad_weights, grad_biases = [], [], []
    for l in reversed(range(len(weights))):
        deltas.insert(0, delta)  # in front: we come from the end
        grad_weights.insert(0, delta.T @ z[l])  # (out, N) @ (N, in)
        grad_biases.insert(0, delta.sum(axis=0))  # (out,)
        if l > 0:
            grad_z = delta @ weights[l]  # (N, out) @ (out, in) -> (N, in)
            delta = derivative(a[l - 1]) * grad_z
    return deltas, grad_weights, grad_biases


def descend(parameters, gradients, learning_rate):
    """Move arrays in place against their gradients; learning_rate is above 0."""
    checked_positive("learning_rate", learning_rate)
    for p, gradient in zip(parameters, gradients, strict=True):
        p -= learning_rate * gradient


# ------------------------------------------------------------ the network


def first_parameters(sizes, seed):
    """Random weights (out, in) of variance 1 / in, and biases 0, of each layer."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)
        for n_in, n_out in pairwise(sizes)
    ]
    return weights, [np.zeros(n_out) for n_out in sizes[1:]]


def desired_outputs(targets, shape, loss):
    """Labels (N,) as rows with a single 1, (N, K); rows (N, K) stay as they are.

    Args:
        targets: whole numbers from 0 to K - 1, or desired outputs (N, K), which for
            cross-entropy are probabilities.
        shape: (N, K), that of the outputs.
        loss: a name in `LOSSES`.

    Raises:
        ValueError: anything else.
    """
    targets = checked_targets(targets, *shape, loss == "cross_entropy")
    return np.eye(shape[1])[targets] if targets.ndim == 1 else targets


class MLP:
    """A network of fully connected layers, trained by gradient descent.

    Args:
        sizes: units of each layer, input first and output last.
        activation: of the hidden layers, a name in `ACTIVATIONS`.
        loss: a name in `LOSSES`; under "cross_entropy" the outputs are a softmax, under
            "squared_error" the sums of the last layer.
        seed: of the first weights, a whole number or a NumPy generator.

    Attributes:
        weights, biases: of each layer, (out, in) and (out,).
        a, z: of the last forward pass, as `forward` returns them.
        delta, grad_weights, grad_biases: of the last backward pass, as `backward` does.
    """

    def __init__(self, sizes, activation, loss="cross_entropy", seed=0):
        self.sizes, self.activation, self.loss = sizes, activation, loss
        self.h, self.derivative = ACTIVATIONS[activation]
        self.output, self.error_of, self.delta_of = LOSSES[loss]
        self.weights, self.biases = first_parameters(sizes, seed)

    def forward(self, X):
        """The outputs Y (N, K) for X (N, D); keeps a and z of every layer.

        Raises:
            ValueError: X has the wrong shape or holds NaN or infinity.
        """
        X = checked_rows("X", X, self.sizes[0])
        self.a, self.z = forward(X, self.weights, self.biases, self.h, self.output)
        return self.z[-1]

    def error(self, X, targets):
        """E of a forward pass; targets as for `desired_outputs`."""
        D = desired_outputs(targets, self.forward(X).shape, self.loss)
        return self.error_of(self.a[-1], D)

    def backward(self, targets):
        """Find delta and the gradients of every layer, after a forward pass."""
        D = desired_outputs(targets, self.z[-1].shape, self.loss)
        delta = self.delta_of(self.a[-1], D)
        self.delta, self.grad_weights, self.grad_biases = backward(
            delta, self.weights, self.a, self.z, self.derivative
        )

    def step(self, learning_rate):
        """Move all weights and biases against their gradients."""
        descend(self.weights, self.grad_weights, learning_rate)
        descend(self.biases, self.grad_biases, learning_rate)
        del self.z  # it belonged to the old weights


def predict(net, X):
    """The number of the largest output of `net` for each row of X (N, D): (N,)."""
    return net.forward(X).argmax(axis=1)


def fit(net, X, targets, epochs=10, batch_size=32, learning_rate=0.1, seed=0):
    """Go over the examples `epochs` times, with a step of `net` for each batch.

    Args:
        net, X: an `MLP`, and examples (N, D).
        targets: as for `desired_outputs`.
        epochs: passes over the examples.
        batch_size: examples to a step; the last batch of a pass may be smaller.
        learning_rate: above 0.
        seed: of the order of the examples, a new one in each pass.

    Returns:
        the mean E of each pass, taken on the way.

    Raises:
        ValueError: an argument that is not as told above.
        FloatingPointError: E is no longer finite; the learning rate is too large.
    """
    X = checked_rows("X", X, net.sizes[0])
    D = desired_outputs(targets, (len(X), net.sizes[-1]), net.loss)
    checked_whole("batch_size", batch_size, least=1)
    rng, errors = np.random.default_rng(seed), []
    for _ in range(epochs):
        order, total = rng.permutation(len(X)), 0.0
        for start in range(0, len(X), batch_size):
            batch = order[start : start + batch_size]
            error = net.error(X[batch], D[batch])
            if not np.isfinite(error):
                raise FloatingPointError(f"E is {error}: {learning_rate=} is too large")
            net.backward(D[batch])
            net.step(learning_rate)
            total += error * len(batch)
        errors.append(total / len(X))
    return errors


def worked_example():
    """The 2-3-2 network after one forward and backward pass, and its x and d."""
    net = MLP([2, 3, 2], "tanh")
    net.weights = [W.copy() for W in EXAMPLE_WEIGHTS]
    net.biases = [b.copy() for b in EXAMPLE_BIASES]
    x, d = EXAMPLE
    net.forward(x)
    net.backward(d)
    return net, x, d


def count_parameters(sizes):
    """Weights and biases of a network with layers of these sizes, input first."""
    return sum(n_in * n_out + n_out for n_in, n_out in pairwise(sizes))
