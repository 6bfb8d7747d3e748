"""Where the numbers of chapter 11 come from."""

import torch

from book.facts import computed
from utils import augmentation, convolution1d
from utils.more_convolutions import sample


def small_net(maps, separable):
    """Weights and biases of the networks for digits of section 11.6."""
    total = 9 * maps + 2 * maps + 10 * (2 * maps + 1)  # first layer and last
    for i, o in ((maps, maps), (maps, 2 * maps), (2 * maps, 2 * maps)):
        total += (9 * i + i * o if separable else 9 * i * o) + 2 * o
    return total


def between(row, column):
    """Interpolated in the example of section 11.7."""
    square = torch.tensor([[[[0.0, 4], [8, 12]]]])
    place = torch.tensor([[float(row)]]), torch.tensor([[float(column)]])
    return sample(square, *place).item()


FACTS = [
    computed(
        "maps of {} *and* of {} values become 4",
        lambda: tuple(
            n for n in range(3, 99) if convolution1d.output_size(n, 3, 2) == 4
        ),
    ),
    computed(
        "of {} places in a row, dilations of {} and {} see {}",
        lambda: (
            lambda near, far: (
                1 + 2 * (near + far),
                near,
                far,
                len({i * near + j * far for i in (-1, 0, 1) for j in (-1, 0, 1)}),
            )
        )(2, 3),
    ),
    computed("All four stacks have {} weights", lambda: 4 * 3 * 3),
    computed(
        "a separable one with {}, which costs what the full one costs",
        lambda: max(m for m in range(99) if small_net(m, True) <= small_net(8, False)),
    ),
    computed("At row {} and column {} of", lambda: (0.25, 0.5)),
    computed(
        r"0 & 4\\ 8 & {} \end{{pmatrix}}$$ it is halfway from 0 to 4 above, {:.0f};",
        lambda: (12, between(0, 0.5)),
    ),
    computed(
        "halfway from 8 to {} below, {:.0f}; and a quarter of the way down from 2 to "
        "{:.0f}: {:.0f}.",
        lambda: (12, between(1, 0.5), between(1, 0.5), between(0.25, 0.5)),
    ),
    computed(
        "turned by up to {}° either way",
        lambda: augmentation.RandomDistortion(rotate=60).rotate,
    ),
    computed("LeNet-5 wants {} by {} pixels", lambda: (28 + 2 * 2, 28 + 2 * 2)),
]
