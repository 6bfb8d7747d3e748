"""Where the numbers of chapter 7 come from."""

import numpy as np
import torch

from book.facts import computed
from utils import generalization


def smoothed():
    """What the right class and any other should get, of ten, at 0.1."""
    targets = generalization.smooth_labels(torch.tensor([0]), 10, 0.1)
    return targets[0, :2].tolist()


FACTS = [
    computed(
        r"with $\mu = {}$, the velocity is $1$, then $1 + {}$, then more, "
        r"and in the end $1/(1 - \mu) = {}$",
        lambda: ((0.9, 0.9, round(1 / (1 - 0.9)))),
    ),
    computed(
        r"With ten classes and $\alpha = 1/{}$ the right class should get "
        r"${:.2f}$ and every other ${:.2f}$",
        lambda: (10, *smoothed()),
    ),
    computed(
        r"the right one exceeds the others by $\ln {:.0f}$",
        lambda: np.divide(*smoothed()),
    ),
]
