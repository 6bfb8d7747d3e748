"""Where the numbers of chapter 4 come from."""

from book.facts import cited, computed
from utils import convolution1d, counting

FACTS = [
    computed(
        "With $K = 4$ the map shrinks from {} to {}",
        lambda: (32, convolution1d.output_size(32, 4, padding=(4 - 1) // 2)),
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
        "Nearly ten million against {}",
        lambda: counting.count_parameters(counting.nn.Conv2d(3, 4, 5)),
    ),
    computed(
        r"maps of ${}\times{}$ with {} channels and a $3\times3$ layer back "
        r"to {} channels",
        lambda: (100, 100, 256, 256),
    ),
    computed(
        r"down to {} channels, then the $3\times3$ layer from {} to {}.",
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
        "{:.2f} M activations in place of {:.2f} M",
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
