"""Where the numbers of chapter 7 come from."""

import numpy as np

from book.facts import computed
from utils import generalization

FACTS = [
    computed(
        r"with $\mu = {}$, the velocity is $1$, then $1 + {}$, then more, "
        r"and in the end $1/(1 - \mu) = {}$",
        lambda: ((0.9, 0.9, round(1 / (1 - 0.9)))),
    ),
    computed(
        r"With ten classes and $\alpha = 1/{}$ the right class should get "
        r"${:.2f}$ and every other ${:.2f}$",
        lambda: ((10, *generalization.smooth_labels([0], 10, 0.1)[0, :2].tolist())),
    ),
    computed(
        r"the right one exceeds the others by $\ln {:.0f}$",
        lambda: np.divide(*generalization.smooth_labels([0], 10, 0.1)[0, :2].tolist()),
    ),
]
