"""Where the numbers of chapter 4 come from."""

from book.facts import cited, computed
from utils import convolution1d, counting

FACTS = [
    computed(
        r"the photograph of the next section, ${}\times{}$ pixels",
        lambda: (426 // 3, (576 - 150) // 3),
    ),
    computed(
        r"turn ${}\times{}$ pixels into ${}\times{}$",
        lambda: (240, 240, *2 * [240 - 10 * (240 - convolution1d.output_size(240, 5))]),
    ),
    computed(
        "With $K = 4$, {} becomes {}:",
        lambda: (32, convolution1d.output_size(32, 4, padding=(4 - 1) // 2)),
    ),
    computed(
        "the last column of the {} is in no window",
        lambda: 2 * (convolution1d.output_size(32, 3, stride=2) - 1) + 3 + 1,
    ),
    computed(
        r"a colour image of ${}\times{}$ and four kernels",
        lambda: (32, 32),
    ),
    computed(
        r"\cdot5 + 4 = {}$ parameters, and four maps of ${}\times{}$",
        lambda: (
            counting.count_parameters(counting.nn.Conv2d(3, 4, 5)),
            convolution1d.output_size(32, 5),
            convolution1d.output_size(32, 5),
        ),
    ),
    computed(
        "A fully connected layer needs {:,} weights and {:,} biases",
        lambda: (
            counting.nn.Linear(32 * 32 * 3, 28 * 28 * 4).weight.numel(),
            counting.nn.Linear(32 * 32 * 3, 28 * 28 * 4).bias.numel(),
        ),
    ),
    computed(
        "Nearly ten million against {}!",
        lambda: counting.count_parameters(counting.nn.Conv2d(3, 4, 5)),
    ),
    computed(
        r"maps of ${}\times{}$ with {} channels and a $3\times3$ layer back "
        r"to {} channels",
        lambda: (100, 100, 256, 256),
    ),
    computed(
        "down to {} channels, then, behind a ReLU, the "
        r"$3\times3$ layer from {} to {}.",
        lambda: (64, 64, 256),
    ),
    computed(
        "The squeeze cuts {:.3f} G MACs to {:.3f} G",
        lambda: (
            counting.count_macs(
                counting.nn.Conv2d(256, 256, 3, padding=1), (256, 100, 100)
            )
            / 1e9,
            counting.count_macs(
                counting.nn.Sequential(
                    counting.nn.Conv2d(256, 64, 1),
                    counting.nn.Conv2d(64, 256, 3, padding=1),
                ),
                (256, 100, 100),
            )
            / 1e9,
        ),
    ),
    computed(
        "and {:,} parameters to {:,}.",
        lambda: (
            counting.count_parameters(counting.nn.Conv2d(256, 256, 3)),
            counting.count_parameters(
                counting.nn.Sequential(
                    counting.nn.Conv2d(256, 64, 1), counting.nn.Conv2d(64, 256, 3)
                )
            ),
        ),
    ),
    computed(
        r"its ${}\times{}$ weights are a product through {} channels, a matrix of "
        "rank {} at most",
        lambda: (256, 256, 64, 64),
    ),
    computed(
        "here nearly {:.0f} times",
        lambda: 6 * 5 * 5 * 10 * 10 / (6 * 14 * 14),
    ),
    computed(
        "{:.2f} M activations (the numbers that layers give out, not the functions of "
        "section 2.7) in place of {:.2f} M",
        lambda: ((64 + 256) * 100**2 / 1e6, 256 * 100**2 / 1e6),
    ),
    cited(
        "Chellapilla and others 2006",
        "chellapilla2006",
    ),
    cited(
        "Dumoulin and Visin 2016",
        "dumoulin2016",
    ),
]
