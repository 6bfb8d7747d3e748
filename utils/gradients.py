"""Gradients checked by finite differences, in NumPy."""

import numpy as np

from utils.checking import checked_finite, checked_positive, checked_same_shape


def numerical_gradient(f, x, step=1e-5):
    """Gradient of f at x by central differences, (f(x + h) - f(x - h)) / 2h.

    Its error falls with h^2 until rounding, which grows with 1 / h, takes over.

    Args:
        f: function of an array shaped like x, with a single number as its value.
        x: where; any shape. It is left as it is.
        step: h > 0, in the unit of x.

    Returns:
        df/dx in float64, shaped like x.

    Raises:
        ValueError: x is not finite, f(x) is not a single number, or step is not > 0.
    """
    checked_positive("step", step)
    x = checked_finite("x", np.array(x, dtype=np.float64))
    value = f(x.copy())
    if np.size(value) != 1:
        raise ValueError(f"f(x) must be a single number, got shape {np.shape(value)}")
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        difference = np.asarray(f(above), np.float64) - np.asarray(f(below))
        gradient[index] = difference.item() / (above[index] - below[index])
    return gradient


def numerical_gradients(net, X, targets, step=1e-5):
    """What `net.backward` must find, by central differences: (weights, biases).

    Two forward passes for each parameter: for checks of small networks in float64.

    Args:
        net: an `MLP`; its weights are left as they are.
        X, targets: as for `MLP.error`.
        step: as for `numerical_gradient`.

    Returns:
        two lists of arrays, shaped like net.weights and net.biases.
    """

    def gradient(parameters, l):
        kept = parameters[l]

        def error(values):
            parameters[l] = values
            return net.error(X, targets)

        try:
            return numerical_gradient(error, kept, step)
        finally:
            parameters[l] = kept

    layers = range(len(net.weights))
    weights = [gradient(net.weights, l) for l in layers]
    biases = [gradient(net.biases, l) for l in layers]
    net._forget()
    return weights, biases


def relative_error(a, b) -> float:
    """Largest difference of a and b, as a part of the largest number in them.

    Gradients that mean the same differ by 1e-7 or less in float64; a wrong formula
    shows as 1e-2 or more.

    Args:
        a, b: arrays of one shape.

    Raises:
        ValueError: different shapes, no numbers, NaN or infinity.
    """
    a, b = checked_same_shape("a", a, "b", b)
    a, b = (
        checked_finite("a", a.astype(np.float64)),
        checked_finite("b", b.astype(np.float64)),
    )
    largest = max(np.abs(a).max(), np.abs(b).max())
    return float(np.abs(a - b).max() / largest) if largest > 0 else 0.0
