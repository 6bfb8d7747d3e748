"""Gradients checked by finite differences, in NumPy."""

import numpy as np

from utils.checking import checked_same_shape


def numerical_gradient(f, x, step=1e-5):
    """Gradient of f at x by central differences, (f(x + h) - f(x - h)) / 2h.

    Its error falls with h^2 until rounding, which grows with 1 / h, takes over.

    Args:
        f: function of an array shaped like x, with a single number as its value.
        x: where; any shape. It is left as it is.
        step: h > 0, in the unit of x.

    Returns:
        df/dx in float64, shaped like x.
    """
    x = np.array(x, dtype=float)
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (f(above) - f(below)) / (2 * step)
    return gradient


def relative_error(a, b):
    """Largest difference of a and b, as a part of the largest number in them.

    Gradients that mean the same differ by 1e-7 or less in float64; a wrong formula
    shows as 1e-2 or more. NaN in a or b makes it NaN, which is below no limit.

    Args:
        a, b: arrays of one shape.

    Raises:
        ValueError: different shapes, or no numbers.
    """
    a, b = (v.astype(float) for v in checked_same_shape("a", a, "b", b))
    largest = np.maximum(np.abs(a).max(), np.abs(b).max())  # max() loses a NaN
    return float(np.abs(a - b).max() / largest) if largest != 0 else 0.0
