"""Where the numbers of chapter 7 come from."""

import math

import numpy as np
import torch

from book.facts import cited, computed
from utils import counting, generalization, normalization, optimizers


def smoothed():
    """What the right class and any other should get, of ten, at 0.1."""
    targets = generalization.smooth_labels(torch.tensor([0]), 10, 0.1)
    return targets[0, :2].tolist()


def hand_backward():
    """The parts of batch norm's gradient in the example of section 7.9, times 1."""
    normal = np.array([-3, -1, 1, 3]) / 5**0.5
    grad = np.array([1.0, 0, 0, 0])
    return grad.mean(), normal * (grad * normal).mean(), normal


def hand_gradient():
    """The example's gradients of x, times the root of 5, and of the weight."""
    x = torch.tensor([1.0, 3, 5, 7]).view(1, 1, 2, 2).double()
    one, none = torch.ones(1).double(), torch.zeros(1).double()
    _, cache = normalization.batch_norm_forward(x, one, none, eps=0)
    grad = torch.tensor([1.0, 0, 0, 0]).view(1, 1, 2, 2).double()
    grad_x, grad_weight, _ = normalization.batch_norm_backward(grad, cache)
    return (grad_x * 5**0.5).flatten().tolist(), grad_weight.item()


def slanted():
    """The gradient of section 7.5: 3 along (1, 1), 0.03 along (1, -1)."""
    along, across = np.array([[1, 1], [1, -1]]) / 2**0.5
    return (3 * np.outer(along, along) + 0.03 * np.outer(across, across)).round(9)


def levelled():
    """The least and the most that Muon makes of singular values from 0.002 to 1."""
    values = torch.logspace(math.log10(0.002), 0, 1000).double()
    made = [
        optimizers.orthogonalize(torch.tensor([s, (1 - s**2) ** 0.5]).diag())[0, 0]
        for s in values
    ]
    return min(made).item(), max(made).item()


def at_chance():
    """The loss that gives each of ten classes the same probability."""
    return math.log(10)


def softmax_twice():
    """The least loss of ten classes where a softmax stands before the loss's own."""
    best = torch.tensor([[1.0] + [0.0] * 9])
    return torch.nn.functional.cross_entropy(best, torch.tensor([0])).item()


def parameters(part=slice(None)):
    """Of the chapter's network, or of a part of it."""
    return counting.count_parameters(generalization.digit_net()[part])


FACTS = [
    computed("here there are {:.0f} for every digit", lambda: parameters() / 500),
    computed(
        "where the two of them hold {:,} of the {:,} parameters",
        lambda: (parameters(slice(7, None)), parameters()),
    ),
    computed("for {:.2f} of the noise", lambda: 1 / math.sqrt(5)),
    computed("more time than a few, often {} to {},", lambda: (32, 128)),
    computed("noise of standard deviation {}, and polynomials", lambda: 0.3),
    computed("the polynomial of degree {} would come out", lambda: 15),
    computed("Degree {} gets below the noise", lambda: 15),
    computed(
        r"with curvatures 1 and {}, $\eta$ must stay below ${}$, and so {} steps leave "
        r"${}^{{{}}} = {:.0f}\,\%$ of the way",
        lambda: (100, 2 / 100, 100, 1 - 2 / 100, 100, 100 * (1 - 2 / 100) ** 100),
    ),
    computed(r"Just above $2/\lambda = {}$ the error", lambda: 2 / 100),
    computed(
        r"with $\mu = {}$, the velocity is $1$, then $1 + {}$, then more, "
        r"and in the end $1/(1 - \mu) = {}$",
        lambda: ((0.9, 0.9, round(1 / (1 - 0.9)))),
    ),
    cited(
        r"$$m \leftarrow 0.9\,m + 0.1\,g, \qquad v \leftarrow 0.999\,v + 0.001\,g^2, "
        r"\qquad w \leftarrow w - \eta\,\frac{\hat m}{\sqrt{\hat v} + 10^{-8}}.",
        "kingma2015",
    ),
    cited(
        r"$\hat m = m/(1 - 0.9^t)$ and $\hat v = v/(1 - 0.999^t)$",
        "kingma2015",
    ),
    computed("whether its gradient is $3$ or ${}$", lambda: 0.003),
    computed(
        r"be $3$ along $(1, 1)$ and ${}$ along $(1, -1)$, $$G = \begin{{pmatrix}} "
        r"{} & {} \\ {} & {} \end{{pmatrix}}.$$",
        lambda: (0.03, *slanted().flatten()),
    ),
    cited(r"into $3.4445\,s - 4.7750\,s^3 + 2.0315\,s^5$", "jordan2024b"),
    computed(
        "after five rounds all those from {} to 1 have become about {:.1f} to {:.1f}.",
        lambda: (0.002, *levelled()),
    ),
    computed(
        r"$\hat x\,\overline{{g \hat x}} = ({:.0f}, {:.0f}, {:.0f}, {:.0f})/{}$",
        lambda: (*(20 * hand_backward()[1]), 20),
    ),
    computed(
        "the bracket is $(1, 0, 0, 0) - {:.2f} - ({:.2f}, {:.2f}, {:.2f}, {:.2f})$",
        lambda: (hand_backward()[0], *hand_backward()[1]),
    ),
    computed(
        "the first number keeps {:.1f}: the mean takes {:.2f}, the stretching {:.2f}",
        lambda: (hand_gradient()[0][0], hand_backward()[0], hand_backward()[1][0]),
    ),
    computed(
        r"the gradient $({:.1f}, {:.1f}, {:.1f}, {:.1f})/\sqrt5$",
        lambda: tuple(hand_gradient()[0]),
    ),
    computed(
        r"$(-3, -1, 1, 3)$ is ${:.1f} + {:.1f} - {:.1f} + {:.1f} = 0$",
        lambda: tuple(
            np.array(hand_gradient()[0]) * [-3, -1, 1, 3] * np.array([1, 1, -1, 1])
        ),
    ),
    computed(
        r"For $\gamma$ the gradient is $-3/\sqrt5 = {:.2f}$", lambda: hand_gradient()[1]
    ),
    computed(
        r"$r \leftarrow {:.1f}\,r + {}\,\mu$ (torch calls this {} `momentum`",
        lambda: (lambda m: (1 - m, m, m))(normalization.BatchNorm2d(1).momentum),
    ),
    computed(
        "one batch with mean 4, $r = {}$: the averages need some {:.0f} steps",
        lambda: (0.1 * 4, math.log(0.1) / math.log(0.9)),
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
    computed(r"here $\ln {} = {:.2f}$", lambda: (10, at_chance())),
    # Shown by the cell above the sentence.
    computed("Up to ${}$ nothing happens", lambda: 0.001),
    computed("is a good choice, ${}$ in this chapter", lambda: 0.04),
    computed(
        "about ${}^{{-3}}$ of their length. That is for long runs: ours has a hundred "
        "steps, and works where they move by ${}^{{-2}}$",
        lambda: (10, 10),
    ),
    computed(
        "so that ${}$ to ${}$ gets as many trials as ${}$ to ${}$",
        lambda: (0.001, 0.01, 0.01, 0.1),
    ),
    computed("pixels up to {}", lambda: 2**8 - 1),
    computed("loss stops above {:.2f}", softmax_twice),
    computed("(Why {:.2f}?", softmax_twice),
    computed(r"$\ln(1 + 9/e) = {:.2f}$", softmax_twice),
    computed("from {}, doubled or halved", lambda: 0.08),
    computed(
        r"at {} % right, the share has a standard error of $\sqrt{{{} \cdot "
        r"{:.2f}/{}}}$",
        lambda: (88, 0.88, 1 - 0.88, 1000),
    ),
]
