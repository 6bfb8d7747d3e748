"""Where the numbers of chapter 1 come from."""

import math

import numpy as np

from book.facts import cited, computed
from utils import data, perceptron

FACTS = [
    cited(
        "In 1943 Warren McCulloch and Walter Pitts",
        "mcculloch1943",
    ),
    cited(
        "In 1957 the psychologist Frank Rosenblatt proposed one",
        "rosenblatt1957",
    ),
    cited(
        "his paper of 1958",
        "rosenblatt1958",
    ),
    cited(
        "through 400 photocells, and electric motors",
        "hay1960",
    ),
    computed(
        "the sum is $2 + 2 - 2 = {:g}$",
        lambda: np.array([1, 2]) @ perceptron.EXAMPLES["six points"][0][0] - 2,
    ),
    computed(
        r"it lies $2 / \sqrt{{5}} \approx {:.2f}$ above the line",
        lambda: 2 / math.sqrt(5),
    ),
    computed(
        "| $({:g}, {:g})$ | 1 | ${:g} + {:g} + {:g} = {:g}$ | 1 |",
        lambda: (lambda x, s: (*x, *(s.weight * x), s.bias, s.weight @ x + s.bias))(
            perceptron.EXAMPLES["six points"][0][1],
            next(perceptron.steps(*perceptron.EXAMPLES["six points"])),
        ),
    ),
    computed(
        "| $({:g}, {:g})$ | 0 | ${:g} - {:g} + {:g} = {:g}$ | 1 | $-1$ |",
        lambda: (lambda x, s: (*x, *abs(s.weight * x), s.bias, s.weight @ x + s.bias))(
            perceptron.EXAMPLES["six points"][0][2],
            next(perceptron.steps(*perceptron.EXAMPLES["six points"])),
        ),
    ),
    computed(
        "$(2, 1) - ({:g}, {:g}) = ({:g}, {:g})$ | $0$ |",
        lambda: (
            (
                *perceptron.EXAMPLES["six points"][0][2],
                *list(perceptron.steps(*perceptron.EXAMPLES["six points"]))[2].weight,
            )
        ),
    ),
    computed(
        "$1 - {:g} + 0 = {:g}$",
        lambda: ((0.5 * 1.5, np.dot((1, 1.5), (1, -0.5)))),
    ),
    computed(
        "here from {:g} down to {:g}",
        lambda: ((np.dot((2, 1), (1, -0.5)) + 1, np.dot((1, 1.5), (1, -0.5)))),
    ),
    cited(
        "The proof is short, and from 1962",
        "novikoff1962",
    ),
    computed(
        "For our six points the two ends of (1.5) meet at {:.0f} mistakes",
        lambda: (
            lambda X, y: perceptron.novikoff_bound(np.column_stack([X, np.ones(6)]), y)
        )(*perceptron.EXAMPLES["six points"]),
    ),
    computed(
        "The bound allows {:.0f} mistakes",
        lambda: (
            lambda X, y: perceptron.novikoff_bound(np.column_stack([X, np.ones(6)]), y)
        )(*perceptron.EXAMPLES["six points"]),
    ),
    cited(
        "In 1969 Marvin Minsky and Seymour Papert gave the perceptron",
        "minsky1969",
    ),
    cited(
        "It became widely known in 1986",
        "rumelhart1986",
    ),
    computed(
        "{:,} handwritten digits of MNIST",
        lambda: sum(len(part.x) for part in data.mnist5k()),
    ),
    computed(
        "{:,} to learn from and {:,} to test on. Its images have {} × {} pixels",
        lambda: (
            (*(len(part.x) for part in data.mnist5k()), *data.mnist5k()[0].x.shape[2:])
        ),
    ),
    computed(
        "they are vectors of {} numbers",
        lambda: data.mnist5k()[0].x[0].size,
    ),
    cited(
        "Freund and Schapire 1999",
        "freund1999",
    ),
    cited(
        "Rosenblatt 1958",
        "rosenblatt1958",
    ),
    cited(
        "Minsky and Papert 1969",
        "minsky1969",
    ),
]
