"""Where the numbers of chapter 5 come from."""

from inspect import signature

import numpy as np

from book.facts import cited, computed
from utils import convolution1d, data, numpy_cnn, pooling

FACTS = [
    cited(
        "In 1959 David Hubel and Torsten Wiesel",
        "hubel1959",
    ),
    cited(
        "In 1962 they told two kinds apart",
        "hubel1962",
    ),
    cited(
        "In 1965 they added **hypercomplex** cells",
        "hubel1965",
    ),
    cited(
        "In 1980 Kunihiko Fukushima stacked such layers",
        "fukushima1980",
    ),
    cited(
        "in 1989, Yann LeCun and others trained a network",
        "lecun1989",
    ),
    computed(
        "{}×{}×{} numbers, pooled by 2×2, become {}×{}×{}: a quarter",
        lambda: (
            (
                32,
                32,
                64,
                *pooling.max_pool2d(np.zeros((1, 64, 32, 32)), 2).shape[:1:-1],
                64,
            )
        ),
    ),
    computed(
        "Ours reads digits of {}×{} pixels",
        lambda: data.mnist5k()[0].x.shape[2:],
    ),
    computed(
        "With {:,} digits in chunks of {} an epoch has {} steps",
        lambda: (
            len(data.mnist5k()[0].y),
            (batch := signature(numpy_cnn.fit).parameters["batch_size"].default),
            -(-len(data.mnist5k()[0].y) // batch),
        ),
    ),
    computed(
        r"pay $\ln {}$ for it",
        lambda: len(data.CLASS_NAMES["mnist5k"]),
    ),
    computed(
        r"$3\cdot9\,C^2 = {}\,C^2$ weights, the large one ${}\,C^2$",
        lambda: (3 * 3 * 3, 7 * 7),
    ),
    computed(
        "as often as you halve: {} can five times, {} twice",
        lambda: (2**5, 2 * 2 * 7),
    ),
    computed(
        "the last pooling the size {}, that of its map",
        lambda: convolution1d.output_size(28, 2, stride=2),
    ),
    computed(
        "C5 sees {} pixels, the whole",
        lambda: pooling.receptive_field([(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)]),
    ),
]
