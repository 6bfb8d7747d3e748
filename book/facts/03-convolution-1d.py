"""Where the numbers of chapter 3 come from."""

from book.facts import cited, computed
from utils import convolution1d, counting

FACTS = [
    computed(
        r"$\delta = (1, -2, {}, 3)$ of the next cell, it gets $-1\cdot1 + 2\cdot(-2) "
        r"+ 1\cdot{} + 0\cdot3 = {}$",
        lambda: (lambda C, delta: (delta[2], delta[2], (C.T @ delta)[2]))(
            convolution1d.convolution_matrix([1, 2, -1], 6), [1, -2, 0.5, 3]
        ),
    ),
    computed(
        "$m = 4$ would need $P = {}$",
        lambda: (4 - 1) / 2,
    ),
    computed(
        "Not {} weights but {}, whatever the length",
        lambda: (convolution1d.output_size(24, 5) * 24, 5),
    ),
    computed(
        "from {} channel to {} and from {} to {}, then",
        lambda: (1, 16, 16, 16),
    ),
    computed(
        "turns the {} averages into three numbers",
        lambda: 16,
    ),
    computed(
        r"$$({}\cdot1\cdot9 + {}) + ({}\cdot{}\cdot9 + {}) + (3\cdot{} + 3)",
        lambda: (16,) * 6,
    ),
    computed(
        "= {} + {} + {} = {}.$$",
        lambda: (
            *(
                parts := [
                    counting.count_parameters(counting.nn.Conv1d(1, 16, 9)),
                    counting.count_parameters(counting.nn.Conv1d(16, 16, 9)),
                    counting.count_parameters(counting.nn.Linear(16, 3)),
                ]
            ),
            sum(parts),
        ),
    ),
    cited(
        "Waibel and others 1989",
        "waibel1989",
    ),
]
