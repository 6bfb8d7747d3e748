"""Where the numbers of chapter 1 come from."""

import itertools
import math

import numpy as np

from book.facts import cited, computed
from utils import data, perceptron

SIX = perceptron.EXAMPLES["six points"]


def touching_three():
    """w with w.z = 1 at the examples 3, 5 and 6, which touch the margin."""
    Z = np.array([[-1, 0.5, -1], [-1, 2, 1], [1, -1, -1]])
    return np.linalg.solve(Z, np.ones(3)).round(12)


def orders_to_a_line_through_a_point():
    """In how many orders of the six points one lies on the learnt line; of how many."""
    X, y = SIX
    Z = np.column_stack([X, np.ones(6)]) * np.where(y == 1, 1, -1)[:, None]
    through, orders = 0, list(itertools.permutations(range(6)))
    for order in map(list, orders):
        *_, last = perceptron.steps(X[order], y[order])
        through += (Z @ np.append(last.weight, last.bias)).min() == 0
    return through, len(orders)


def after(mistakes):
    """w and b after the first so many mistakes."""
    seen = [step for step in perceptron.steps(*SIX) if step.error]
    return np.append(seen[mistakes - 1].weight, seen[mistakes - 1].bias)


def bias_of_and():
    """With the weights 1 and 1 the neuron is 1 for (1, 1) alone."""
    bias, corners = -1.5, itertools.product((0, 1), repeat=2)
    assert [a + b + bias > 0 for a, b in corners] == [False, False, False, True]
    return bias


FACTS = [
    computed("With the weights 1 and 1 and the bias {}, it is", bias_of_and),
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
    cited(
        "Novikoff 1962",
        "novikoff1962",
    ),
    computed(
        "| $({:g}, {:g})$ | 0 | ${:g} - {:g} + 0 = {:g}$ | 0 | $0$ | $({:g}, {:g})$ |",
        lambda: (
            lambda x, s: (
                *(*x, s.weight[0] * x[0], -s.weight[1] * x[1], s.weight @ x),
                *s.weight,
            )
        )(SIX[0][3], list(perceptron.steps(*SIX))[3]),
    ),
    computed(
        "| $(-1, 2)$ | 1 | $-1 + 3 + 0 = 2$ | 1 | $0$ | $({:g}, {:g})$ |",
        lambda: tuple(list(perceptron.steps(*SIX))[4].weight),
    ),
    computed(
        "| $({:g}, {:g})$ | 0 | ${:g} + {:g} + 0 = {:g}$ | 1 | $-1$ | $({:g}, {:g}) -",
        lambda: (lambda x, s: (*x, *(s.weight * x), s.weight @ x, *s.weight))(
            SIX[0][5], list(perceptron.steps(*SIX))[4]
        ),
    ),
    computed(
        "$(1, 1.5) - (-1, 1) = ({:g}, {:g})$",
        lambda: tuple(list(perceptron.steps(*SIX))[5].weight),
    ),
    computed(
        "| 4 | $({:g}, {:g})$ | 0 | $({:g}, {:g}, -1)$ |",
        lambda: (*SIX[0][3], *-SIX[0][3]),
    ),
    computed(
        "| 3 | $(1, {:g})$ | 0 | $(-1, {:g}, -1)$ |",
        lambda: (SIX[0][2, 1], -SIX[0][2, 1]),
    ),
    computed(
        "| 2 | $(1, {:g})$ | 1 | $(1, {:g}, 1)$ |",
        lambda: (SIX[0][1, 1], SIX[0][1, 1]),
    ),
    computed("$$ -w_1 + {:g}\\,w_2 - w_3 = 1", lambda: -SIX[0][2, 1]),
    computed(
        "$w = ({:g}, {:g}, {:g})$. Its length is $\\sqrt{{{:g}}} \\approx {:.2f}$",
        lambda: (lambda w: (*w, w @ w, np.linalg.norm(w)))(touching_three()),
    ),
    computed(
        "$w$ becomes $u \\approx ({:.2f}, {:.2f}, {:.2f})$",
        lambda: tuple(
            perceptron.max_margin(np.column_stack([SIX[0], np.ones(6)]), SIX[1])[0]
        ),
    ),
    computed(
        "$u^\\top z = 1 / {:.2f} \\approx {:.3f}$",
        lambda: (
            np.linalg.norm(touching_three()),
            perceptron.max_margin(np.column_stack([SIX[0], np.ones(6)]), SIX[1])[1],
        ),
    ),
    computed(
        "$(3 + 2 - {:g}) / {:.2f} = {:.1f}$",
        lambda: (lambda w: (-w[2], np.linalg.norm(w), w @ (2, 1, 1) / np.sqrt(w @ w)))(
            touching_three()
        ),
    ),
    computed(
        "$R^2 / \\gamma^2 = 6 \\cdot {:g} = {:.0f}$",
        lambda: (
            touching_three() @ touching_three(),
            perceptron.novikoff_bound(np.column_stack([SIX[0], np.ones(6)]), SIX[1]),
        ),
    ),
    computed(
        r"$w$ was $({:g}, {:g}, {:g})$: $u^\top w \approx {:.2f}$ is above "
        r"$2\gamma \approx {:.2f}$, and $\lVert w \rVert \approx {:.2f}$ below "
        r"$\sqrt2\,R \approx {:.2f}$",
        lambda: (
            *(w := after(2)),
            w @ touching_three() / np.linalg.norm(touching_three()),
            2 / np.linalg.norm(touching_three()),
            np.linalg.norm(w),
            math.sqrt(2 * 6),
        ),
    ),
    computed(
        "you will not find {:.3f}",
        lambda: perceptron.max_margin(np.column_stack([SIX[0], np.ones(6)]), SIX[1])[1],
    ),
    computed(
        "the line ${:g}\\,x_1 + 2\\,x_2 = {:g}$",
        lambda: (touching_three()[0], -touching_three()[2]),
    ),
    computed(
        "$1 / \\sqrt{{{:g}^2 + 2^2}} = {:.1f}$",
        lambda: (
            touching_three()[0],
            abs(touching_three() @ (-1, 2, 1)) / np.linalg.norm(touching_three()[:2]),
        ),
    ),
    computed(
        r"here by $1 + {:g} + 1 = {:g}$ from {:g} down to {:g}",
        lambda: (lambda z, w: (z[1] ** 2, z @ z, w @ z, (w - z) @ z))(
            np.append(SIX[0][2], 1), after(1)
        ),
    ),
    computed(
        "(examples 5 and 6), nearly {:.3f}, by luck",
        lambda: 1 / np.linalg.norm(touching_three()),
    ),
    computed(
        "in two thirds of the {} orders it",
        lambda: (lambda through, of: of if 3 * through == 2 * of else None)(
            *orders_to_a_line_through_a_point()
        ),
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
        "Such a way became widely known in 1986",
        "rumelhart1986",
    ),
    computed(
        "{:,} handwritten digits of MNIST",
        lambda: sum(len(part.x) for part in data.mnist5k()),
    ),
    computed(
        "{:,} to learn from and {:,} to test on. Each image has {} × {} pixels",
        lambda: (
            (*(len(part.x) for part in data.mnist5k()), *data.mnist5k()[0].x.shape[2:])
        ),
    ),
    computed(
        "they make a vector of {} numbers",
        lambda: data.mnist5k()[0].x[0].size,
    ),
    computed(
        "keep the last {} of the training digits back, learn from the other {:,}",
        lambda: (500, len(data.mnist5k()[0].x) - 500),
    ),
    computed("compare on the {} *held out*", lambda: 500),
    computed("with {} digits a point and a half may be chance", lambda: 500),
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
