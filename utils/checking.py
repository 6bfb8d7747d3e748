"""Bad input, refused: each function returns its value, or says what was expected.

They stand at the doors, not in inner functions:

    numbers of the caller           checked_whole, checked_number, checked_positive,
                                    checked_choice
    arrays of the NumPy chapters    checked_finite, checked_same_shape,
                                    checked_groups
    the perceptron and the MLP      checked_examples, checked_rows, checked_targets
    fit, evaluate, predict          checked_dataset, checked_inputs, checked_labels

NumPy and torch raise by themselves where shapes or types do not go together. What is
refused here is what would end in a wrong number, or in an error that names no cause.
"""

import math
import re
from numbers import Integral, Real

import numpy as np


def checked_number(name, value, low=0.0, below=math.inf) -> float:
    """`value` as a float from `low` to less than `below`, or a ValueError."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and low <= value < below and math.isfinite(value)):
        limit = "finite" if low == -math.inf else f"finite and >= {low:g}"
        if below != math.inf:
            limit = f"from {low:g} to less than {below:g}"
        raise ValueError(f"{name} must be a number, {limit}, got {value!r}")
    return float(value)


def checked_whole(name, value, least, most=math.inf) -> int:
    """`value` as a whole number from `least` to `most`, or a ValueError."""
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if not (whole and least <= value <= most):
        limit = f">= {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {limit}, got {value!r}")
    return int(value)


def checked_choice(name, value, choices):
    """`value` if it is one of `choices`, or a ValueError."""
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {known}, got {value!r}")
    return value


# ------------------------------------------------------------ examples to learn from


def checked_dataset(name, data):
    """`data` if it is a pair, of images and labels, or a ValueError."""
    if not (isinstance(data, tuple | list) and len(data) == 2):
        raise ValueError(
            f"{name} must be a pair of images and labels, got {type(data).__name__}"
        )
    return data


def checked_inputs(name, x):
    """A tensor x (N, ...), N > 0, if it is floating and finite, or a ValueError."""
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(
            f"{name}: images must be (N, ...), N > 0, got {tuple(x.shape)}"
        )
    if not x.is_floating_point():
        raise ValueError(
            f"{name}: images must be floating, such as pixels / 255, got {x.dtype}"
        )
    if not x.isfinite().all():
        raise ValueError(f"{name}: images must be finite, some are NaN or infinite")
    return x


def checked_labels(name, labels, count, classes):
    """An array or tensor of whole numbers from 0 to `classes` - 1, or a ValueError.

    Args:
        labels: to be of shape (count,).
        count: images.
        classes: of the model.
    """
    whole = re.fullmatch(r"(torch\.)?u?int\d+", f"{labels.dtype}")
    if not whole or tuple(labels.shape) != (count,):
        raise ValueError(
            f"{name} must be whole numbers, one for each of {count} images, got shape "
            f"{tuple(labels.shape)} of {labels.dtype}"
        )
    wide = labels.long() if hasattr(labels, "long") else labels  # uint16 has no min
    low, high = int(wide.min()), int(wide.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"{name} must lie in 0..{classes - 1}, as the model has {classes} outputs, "
            f"got {low}..{high}"
        )
    return labels


# ------------------------------------------------------------ NumPy arrays


def checked_finite(name, array):
    """An `array` without NaN and infinity, or a ValueError."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but it holds NaN or infinity")
    return array


def checked_same_shape(name_a, a, name_b, b):
    """Two arrays of one shape with something in them, or a ValueError."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.size == 0:
        raise ValueError(
            f"{name_a} and {name_b} must have the same shape and hold numbers, "
            f"got {a.shape} and {b.shape}"
        )
    return a, b


def checked_groups(groups, x, weight, bias=None) -> int:
    """`groups` if images, kernels and biases go together in so many, or a ValueError.

    Args:
        groups: parts that the channels are cut into.
        x, weight, bias: to be (N, C, H, W), (O, C / groups, kh, kw), and (O,) or None.
    """
    groups = checked_whole("groups", groups, 1)
    for name, array in (("x", x), ("weight", weight)):
        if np.ndim(array) != 4:
            raise ValueError(f"{name} must have 4 axes, got shape {np.shape(array)}")
    channels, (maps, depth) = x.shape[1], weight.shape[:2]
    if channels != groups * depth or maps % groups:
        raise ValueError(
            f"x has {channels} channels, weight {maps} kernels for {depth}: that does "
            f"not fit groups={groups}"
        )
    if bias is not None and np.shape(bias) != (maps,):
        raise ValueError(f"bias must have shape ({maps},), got {np.shape(bias)}")
    return groups


def checked_examples(X, y):
    """Examples X (N, D) as floats and their classes y (N,), 0 or 1, as whole numbers.

    Raises:
        ValueError: another shape, NaN or infinity in X, a class that is not 0 or 1.
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"X must have shape (N, D) and hold examples, got {X.shape}")
    if y.shape != (len(X),):
        raise ValueError(f"y must have shape ({len(X)},) to fit X, got {y.shape}")
    if not np.isin(y, [0, 1]).all():
        raise ValueError(f"y must hold only 0 and 1, got {np.unique(y)}")
    return checked_finite("X", X), y.astype(int)


def checked_rows(name, X, width) -> np.ndarray:
    """Examples X (N, width) as floats, one a row, or a ValueError."""
    X = np.asarray(X)
    if X.dtype == np.uint8:
        raise ValueError(f"{name} must be floating, such as pixels / 255, got uint8")
    X = X.astype(float)
    if X.ndim != 2 or X.shape[1] != width or len(X) == 0:
        raise ValueError(
            f"{name} must have shape (N, {width}), one example per row, got {X.shape}"
        )
    return checked_finite(name, X)


def checked_targets(targets, n, k, probabilities=False) -> np.ndarray:
    """Labels (n,) from 0 to k - 1, or desired outputs (n, k) as floats.

    Args:
        targets: either of them.
        n, k: how many examples and classes.
        probabilities: whether rows of desired outputs must be probabilities.

    Raises:
        ValueError: anything else.
    """
    targets = np.asarray(targets)
    if targets.shape == (n,) and targets.dtype.kind in "iu":
        if targets.min() < 0 or targets.max() >= k:
            raise ValueError(
                f"targets must be labels from 0 to {k - 1}, "
                f"got {targets.min()} to {targets.max()}"
            )
        return targets
    if targets.shape != (n, k):
        raise ValueError(
            f"targets must be whole-number labels of shape ({n},) or desired outputs "
            f"of shape ({n}, {k}), got {targets.dtype} {targets.shape}"
        )
    targets = checked_finite("targets", targets.astype(float))
    wrong = (targets < 0).any(axis=1) | (abs(targets.sum(axis=1) - 1) > 1e-5)
    if probabilities and wrong.any():
        raise ValueError(
            "targets must be probabilities, each row >= 0 with sum 1, "
            f"got a row {targets[wrong][0]}"
        )
    return targets


def checked_positive(name, value):
    """`value` if it is a finite number > 0, or a ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}")
    return value
