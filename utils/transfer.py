"""Transfer learning: what one task taught a network, used for another."""

import copy

import numpy as np
from torch import nn

from utils.data import Images


def only(images, classes):
    """The images of some classes, which are numbered anew: 0, 1, … in this order."""
    kept = np.isin(images.y, classes)
    new = {label: k for k, label in enumerate(classes)}
    labels = np.array([new[label] for label in images.y[kept]])
    return Images(images.x[kept], labels)


def few(images, count, seed=0):
    """So many of the images, drawn by the seed, of each class as many (or one less).

    With the same seed a larger draw contains the smaller one.

    Raises:
        ValueError: count is smaller than the number of classes, or larger than what
            there is of each.
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(images.y)
    piles = [rng.permutation(np.flatnonzero(images.y == k)) for k in classes]
    most = len(piles) * min(map(len, piles))
    if not len(piles) <= count <= most:
        wanted = f"{len(piles)} (one of each class) to {most}"
        raise ValueError(f"count must be from {wanted}, got {count}")
    piles = [pile[: most // len(piles)] for pile in piles]
    rows = np.stack(piles, axis=1).ravel()[:count]  # in turn: 0, 1, 2, …, 0, 1, …
    return Images(images.x[rows], images.y[rows])


def head(model):
    """The name of a network's last fully connected layer."""
    return [n for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]


def with_head(model, layer):
    """A copy of a network with another last layer."""
    model = copy.deepcopy(model)
    model.set_submodule(head(model), layer)
    return model


def freeze(model, parts):
    """From now on no weight of these parts changes, and no statistic."""
    for name in parts:
        if name not in dict(model.named_children()):
            known = ", ".join(dict(model.named_children()))
            raise ValueError(f"the network has no part {name!r}: {known}")
        part = model.get_submodule(name).requires_grad_(False).eval()
        part.train = lambda mode=True, part=part: part  # it stays as it is
    return model
