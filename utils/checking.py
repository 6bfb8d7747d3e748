"""Bad input, refused: each function returns its value, or says what was expected."""

import math
from numbers import Integral, Real

import torch


def checked_number(name, value, low=0.0, below=math.inf) -> float:
    """`value` as a float from `low` to less than `below`, or a ValueError."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and low <= value < below and math.isfinite(value)):
        limit = "finite" if low == -math.inf else f"finite and >= {low:g}"
        if below != math.inf:
            limit = f"from {low:g} to less than {below:g}"
        raise ValueError(f"{name} must be a number, {limit}, got {value!r}")
    return float(value)


def checked_whole(name, value, least) -> int:
    """`value` as a whole number of at least `least`, or a ValueError."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(
            f"{name} must be a whole number, at least {least}, got {value!r}"
        )
    return int(value)


def checked_choice(name, value, choices):
    """`value` if it is one of `choices`, or a ValueError."""
    if value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} must be one of {known}, got {value!r}")
    return value


def checked_images(images, *shapes, advice="") -> torch.Tensor:
    """`images` if they are floating and (N, *shape) for a shape, or a ValueError.

    Args:
        images: a tensor.
        shapes: (C, H, W) each; H and W may be None, for any size.
        advice: what to do about a wrong shape.
    """
    got = tuple(images.shape)

    def fits(shape):
        sizes = zip(shape, got[1:], strict=True)
        return all(wanted in (None, size) for wanted, size in sizes)

    if len(got) != 4 or not any(map(fits, shapes)):
        wanted = " or ".join(
            f"(N, {c or 'C'}, {h or 'H'}, {w or 'W'})" for c, h, w in shapes
        )
        advice = f": {advice}" if advice else ""
        raise ValueError(f"images must be {wanted}, got {got}{advice}")
    if not images.is_floating_point():
        raise ValueError(
            f"images must be floating, such as pixels / 255, got {images.dtype}"
        )
    return images
