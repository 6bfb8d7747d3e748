"""The multilayer perceptron and backpropagation, in NumPy.

A layer computes a = W z + b and hands on h(a). Its W has shape (out, in): w_kj leads
from unit j to unit k. A batch has one example a row, so there A = Z W.T + b.

Backwards, with delta_k = dE/da_k, the same three formulas hold in every layer:

    dE/dw_kj = delta_k z_j      dE/db_k = delta_k      dE/dz_j = sum_k delta_k w_kj

(D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
back-propagating errors", Nature 323, 1986).
"""

from collections.abc import Callable
from numbers import Integral
from typing import NamedTuple

import numpy as np

from utils.checking import checked_finite, checked_positive, checked_same_shape

PIECES = 2  # affine pieces of a maxout unit

# ------------------------------------------------------------ activations
# Each takes a number or an array `a` of any shape, and so does its derivative.


def identity(a):
    """h(a) = a."""
    return np.asarray(a)


def identity_derivative(a):
    """h'(a) = 1."""
    return np.ones_like(a)


def logistic(a):
    """h(a) = 1 / (1 + exp(-a)), written so that exp cannot overflow."""
    return np.exp(-np.logaddexp(0, -np.asarray(a)))


def logistic_derivative(a):
    """h'(a) = h(a) (1 - h(a)), at most 1/4."""
    return logistic(a) * logistic(-np.asarray(a))


def tanh(a):
    """h(a) = (exp(a) - exp(-a)) / (exp(a) + exp(-a))."""
    return np.tanh(a)


def tanh_derivative(a):
    """h'(a) = 1 - h(a)^2."""
    return 1 - np.tanh(a) ** 2


def relu(a):
    """h(a) = max(0, a)."""
    return np.maximum(a, 0)


def relu_derivative(a):
    """h'(a) = 1 where a > 0, else 0: also at 0, where there is no derivative."""
    return np.where(np.asarray(a) > 0, np.ones_like(a), np.zeros_like(a))


def leaky_relu(a, slope=0.01):
    """h(a) = a where a > 0, else slope * a."""
    return np.where(np.asarray(a) > 0, a, slope * np.asarray(a))


def leaky_relu_derivative(a, slope=0.01):
    """h'(a) = 1 where a > 0, else slope."""
    return np.where(np.asarray(a) > 0, np.ones_like(a), slope * np.ones_like(a))


def elu(a, alpha=1.0):
    """h(a) = a where a > 0, else alpha (exp(a) - 1)."""
    return np.where(np.asarray(a) > 0, a, alpha * np.expm1(np.minimum(a, 0)))


def elu_derivative(a, alpha=1.0):
    """h'(a) = 1 where a > 0, else h(a) + alpha: no jump at 0 only if alpha is 1."""
    return np.where(np.asarray(a) > 0, np.ones_like(a), elu(a, alpha) + alpha)


def _pieces(a, pieces):
    """`a` (..., K * pieces) as (..., K, pieces): pieces of a unit are neighbours."""
    a = np.asarray(a)
    if a.ndim == 0 or a.shape[-1] % pieces:
        raise ValueError(
            f"the last axis of a must be a multiple of pieces ({pieces}), "
            f"got shape {a.shape}"
        )
    return a.reshape(*a.shape[:-1], -1, pieces)


def maxout(a, pieces=PIECES):
    """h(a)_k = the largest of the `pieces` numbers of unit k: (..., K * pieces) -> K.

    I. Goodfellow et al., "Maxout networks", ICML 2013.
    """
    return _pieces(a, pieces).max(axis=-1)


def maxout_derivative(a, pieces=PIECES):
    """1 for the largest piece of each unit (the first, if equal), else 0; as `a`."""
    a = np.asarray(a)
    largest = _pieces(a, pieces).argmax(axis=-1)[..., None]
    return (largest == np.arange(pieces)).astype(a.dtype).reshape(a.shape)


def softmax(a):
    """y_k = exp(a_k) / sum_r exp(a_r) over the last axis, the largest a_k taken off."""
    a = np.asarray(a)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_jacobian(a):
    """dy_k/da_r = y_k ([k = r] - y_r) for a (..., K): (..., K, K), k before r."""
    y = softmax(a)
    return y[..., :, None] * (np.eye(y.shape[-1]) - y[..., None, :])


class Activation(NamedTuple):
    """A function and its derivative; `pieces` numbers a make one number z."""

    function: Callable
    derivative: Callable
    pieces: int = 1


ACTIVATIONS = {
    "identity": Activation(identity, identity_derivative),
    "logistic": Activation(logistic, logistic_derivative),
    "tanh": Activation(tanh, tanh_derivative),
    "relu": Activation(relu, relu_derivative),
    "leaky_relu": Activation(leaky_relu, leaky_relu_derivative),
    "elu": Activation(elu, elu_derivative),
    "maxout": Activation(maxout, maxout_derivative, PIECES),
}

# ------------------------------------------------------------ losses


def squared_error(y, d) -> float:
    """E = sum (d - y)^2 / n of outputs y and desired outputs d, n terms in the sum.

    Raises:
        ValueError: y and d differ in shape, or are empty.
    """
    y, d = checked_same_shape("y", y, "d", d)
    return float(np.mean((d - y) ** 2))


def cross_entropy(a, d) -> float:
    """E = -sum_k d_k ln y_k with y = softmax(a), the mean over the rows of a batch.

    It takes a, not y, since ln y_k = a_k - ln sum_r exp(a_r): no y_k that is rounded
    to 0 meets a logarithm.

    Args:
        a: sums before the softmax (K,) or (N, K).
        d: desired outputs, shaped like a; for a label, 1 at its place and 0 elsewhere.

    Raises:
        ValueError: a and d differ in shape, or are empty.
    """
    a, d = checked_same_shape("a", a, "d", d)
    a = a - a.max(axis=-1, keepdims=True)
    log_y = a - np.log(np.exp(a).sum(axis=-1, keepdims=True))
    return float(-np.sum(d * log_y, axis=-1).mean())


LOSSES = ("cross_entropy", "squared_error")

# ------------------------------------------------------------ the network


def _choice(name, value, choices):
    if value not in list(choices):
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return value


def _sizes(sizes):
    """A list of at least two positive whole numbers, or an error that says why."""
    try:
        listed = list(sizes)
    except TypeError:
        listed = []
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in listed)
    if len(listed) < 2 or not whole or min(listed) < 1:
        raise ValueError(
            "sizes must list the units of each layer, input and output included, as "
            f"whole numbers >= 1, for example [784, 100, 10]; got {sizes!r}"
        )
    return [int(n) for n in listed]


class MLP:
    """A network of fully connected layers, trained by gradient descent.

    Args:
        sizes: units of each layer, input first and output last, at least two.
        activation: of the hidden layers, a name in `ACTIVATIONS`.
        loss: "cross_entropy" (the outputs are a softmax) or "squared_error".
        output: activation of the outputs under squared error, a name in `ACTIVATIONS`
            but not "maxout"; "identity" if not given.
        seed: of the first weights, a whole number or a NumPy generator. Weights are
            drawn from a normal distribution of variance 1 / in, biases start at 0.
        dtype: np.float64 or np.float32, of all arrays.

    Attributes:
        weights, biases: of each layer, (out, in) and (out,). A maxout layer has
            `PIECES` times as many rows.
        a, z: of the last forward pass; z[0] is the input, a[l] belongs to weights[l],
            z[l + 1] = h(a[l]). All have a row for each example.
        delta, grad_weights, grad_biases: dE/da, dE/dW and dE/db of each layer, of the
            last backward pass.

    Raises:
        ValueError: an argument that is not as told above.
    """

    def __init__(
        self,
        sizes,
        activation="tanh",
        loss="cross_entropy",
        *,
        output=None,
        seed=0,
        dtype=np.float64,
    ):
        self.sizes = _sizes(sizes)
        self.activation = _choice("activation", activation, ACTIVATIONS)
        self.loss = _choice("loss", loss, LOSSES)
        if loss == "cross_entropy":
            self.output = _choice("output", output or "softmax", ["softmax"])
        else:
            names = [name for name in ACTIVATIONS if name != "maxout"]
            self.output = _choice("output", output or "identity", names)
        if loss == "cross_entropy" and self.sizes[-1] < 2:
            raise ValueError(
                "sizes must end with at least 2 outputs for cross_entropy, "
                f"got {sizes!r}: a softmax of one output is always 1"
            )
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
        rng = np.random.default_rng(seed)
        self.weights, self.biases = [], []
        pieces = ACTIVATIONS[activation].pieces
        for l, (n_in, n_out) in enumerate(
            zip(self.sizes, self.sizes[1:], strict=False)
        ):
            rows = n_out if l == len(self.sizes) - 2 else n_out * pieces
            weight = rng.standard_normal((rows, n_in)) / np.sqrt(n_in)
            self.weights.append(weight.astype(self.dtype))
            self.biases.append(np.zeros(rows, self.dtype))
        self._forget()

    def _forget(self):
        """Drop what belonged to the weights as they were."""
        self.a, self.z = [], []
        self.delta, self.grad_weights, self.grad_biases = [], [], []

    def _inputs(self, X):
        X = np.asarray(X, self.dtype)
        if X.ndim != 2 or X.shape[1] != self.sizes[0] or len(X) == 0:
            raise ValueError(
                f"X must have shape (N, {self.sizes[0]}), an example a row, "
                f"got {X.shape}"
            )
        return checked_finite("X", X)

    def _targets(self, targets, n):
        """Desired outputs (N, K), made from labels (N,) if those are given."""
        targets, k = np.asarray(targets), self.sizes[-1]
        if targets.shape == (n,) and np.issubdtype(targets.dtype, np.integer):
            if targets.min() < 0 or targets.max() >= k:
                raise ValueError(
                    f"targets must be labels from 0 to {k - 1}, "
                    f"got {targets.min()} to {targets.max()}"
                )
            return np.eye(k, dtype=self.dtype)[targets]
        if targets.shape != (n, k):
            raise ValueError(
                f"targets must be whole-number labels of shape ({n},) or desired "
                f"outputs of shape ({n}, {k}), got {targets.dtype} {targets.shape}"
            )
        targets = checked_finite("targets", targets.astype(self.dtype))
        if self.loss == "cross_entropy":
            wrong = (targets < 0).any(axis=1) | (abs(targets.sum(axis=1) - 1) > 1e-5)
            if wrong.any():
                raise ValueError(
                    "targets must be probabilities for cross_entropy, each row >= 0 "
                    f"with sum 1, got a row {targets[wrong][0]}"
                )
        return targets

    def forward(self, X):
        """The outputs Y (N, K) for X (N, D); keeps a and z of every layer.

        Raises:
            ValueError: X has the wrong shape or holds NaN or infinity.
        """
        X = self._inputs(X)
        self._forget()
        self.z = [X]
        for l, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            a = self.z[l] @ W.T + b  # (N, out)
            last = l == len(self.weights) - 1
            name = self.output if last else self.activation
            h = softmax if name == "softmax" else ACTIVATIONS[name].function
            self.a.append(a)
            self.z.append(h(a))
        return self.z[-1]

    def error(self, X, targets) -> float:
        """E of a forward pass.

        Args:
            X: examples (N, D).
            targets: labels (N,), whole numbers from 0 to K - 1; or desired outputs
                d (N, K), which for cross-entropy are probabilities.

        Raises:
            ValueError: wrong shapes, labels out of range, NaN or infinity.
        """
        Y = self.forward(X)
        D = self._targets(targets, len(Y))
        if self.loss == "cross_entropy":
            return cross_entropy(self.a[-1], D)
        return squared_error(Y, D)

    def backward(self, targets):
        """Delta and the gradients of every layer, of the last forward pass.

        Args:
            targets: as for `error`.

        Returns:
            dE/dX (N, D): what the formulas would hand to a layer before the first.

        Raises:
            RuntimeError: there was no forward pass with the present weights.
            ValueError: wrong targets.
        """
        if not self.z:
            raise RuntimeError("call forward(X) before backward(targets)")
        Y = self.z[-1]
        D = self._targets(targets, len(Y))
        if self.loss == "cross_entropy":
            delta = (Y - D) / len(Y)  # softmax and cross-entropy in one
        else:
            grad_y = 2 * (Y - D) / Y.size
            delta = grad_y * ACTIVATIONS[self.output].derivative(self.a[-1])
        hidden = ACTIVATIONS[self.activation]
        self.delta, self.grad_weights, self.grad_biases = [], [], []
        for l in reversed(range(len(self.weights))):
            self.delta.insert(0, delta)  # (N, out)
            self.grad_weights.insert(0, delta.T @ self.z[l])  # (out, in)
            self.grad_biases.insert(0, delta.sum(axis=0))  # (out,)
            grad_z = delta @ self.weights[l]  # (N, in)
            if l > 0:
                grad_z = grad_z.repeat(hidden.pieces, axis=1)
                delta = grad_z * hidden.derivative(self.a[l - 1])
        return grad_z

    def step(self, learning_rate):
        """Move all weights and biases against their gradients; then forget these.

        Raises:
            RuntimeError: there was no backward pass since the last step.
            ValueError: learning_rate is not a finite number above 0.
        """
        checked_positive("learning_rate", learning_rate)
        if not self.grad_weights:
            raise RuntimeError("call backward(targets) before step(learning_rate)")
        for W, grad in zip(self.weights, self.grad_weights, strict=True):
            W -= learning_rate * grad
        for b, grad in zip(self.biases, self.grad_biases, strict=True):
            b -= learning_rate * grad
        self._forget()

    def predict(self, X):
        """The number of the largest output for each row of X (N, D): (N,)."""
        return self.forward(X).argmax(axis=1)

    def fit(
        self, X, targets, *, epochs=10, batch_size=32, learning_rate=0.1, seed=0
    ) -> list[float]:
        """Go over the examples `epochs` times, a step for each batch.

        Args:
            X: examples (N, D).
            targets: as for `error`.
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
        for name, value in [("epochs", epochs), ("batch_size", batch_size)]:
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number >= 1, got {value!r}")
        checked_positive("learning_rate", learning_rate)
        X = self._inputs(X)
        targets = self._targets(targets, len(X))
        rng = np.random.default_rng(seed)
        errors = []
        for _ in range(epochs):
            order, total = rng.permutation(len(X)), 0.0
            for start in range(0, len(X), batch_size):
                batch = order[start : start + batch_size]
                with np.errstate(over="ignore", invalid="ignore"):
                    error = self.error(X[batch], targets[batch])
                if not np.isfinite(error):
                    raise FloatingPointError(
                        f"E is {error} in pass {len(errors) + 1}: "
                        f"learning_rate ({learning_rate}) is too large"
                    )
                self.backward(targets[batch])
                with np.errstate(over="ignore", invalid="ignore"):
                    self.step(learning_rate)
                total += error * len(batch)
            errors.append(total / len(X))
        return errors


def worked_example():
    """The 2-3-2 network of chapter 2, gone through forwards and backwards once.

    Returns:
        net, and its example: the input x (1, 2) and the desired output d (1, 2).
    """
    net = MLP([2, 3, 2], activation="tanh", loss="cross_entropy")
    net.weights = [
        np.array([[0.5, 1.0], [-1.0, 1.0], [1.0, -0.5]]),
        np.array([[0.5, 1.0, -1.0], [1.0, -0.5, 0.5]]),
    ]
    net.biases = [np.array([0.0, 0.0, -0.5]), np.array([0.25, -0.25])]
    x, d = np.array([[1.0, 0.5]]), np.array([[1.0, 0.0]])
    net.forward(x)
    net.backward(d)
    return net, x, d


# ------------------------------------------------------------ checking gradients


def count_parameters(sizes) -> int:
    """Weights and biases of a fully connected network, in * out + out a layer.

    Args:
        sizes: units of each layer, input first and output last.

    Raises:
        ValueError: fewer than two layers, or a size that is no whole number >= 1.
    """
    sizes = _sizes(sizes)
    pairs = zip(sizes, sizes[1:], strict=False)
    return sum(n_in * n_out + n_out for n_in, n_out in pairs)
