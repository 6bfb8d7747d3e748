"""Where the numbers of chapter 3 come from."""

from book.facts import cited, computed
from utils import convolution1d

FACTS = [
    computed(
        "$m = 4$ would need $p = {}$",
        lambda: (4 - 1) / 2,
    ),
    computed(
        "The dense layer has {} weights, the convolution {}",
        lambda: (
            convolution1d.output_size(24, 5) * 24,
            len(convolution1d.moving_average(5)),
        ),
    ),
    cited(
        "Waibel and others 1989",
        "waibel1989",
    ),
]
