"""Where the numbers of check-your-sources.md come from."""

from book.facts import cited, computed
from utils import counting, inception, zoo

FACTS = [
    computed(
        "turns a {}×{} colour image into four maps of {}×{}",
        lambda: ((32, 32, 32 - 5 + 1, 32 - 5 + 1)),
    ),
    computed(
        "not one for each neuron: {} parameters",
        lambda: 4 * (5 * 5 * 3 + 1),
    ),
    computed(
        "has {:,} weights and {:,} biases",
        lambda: ((32 * 32 * 3 * 28 * 28 * 4, 28 * 28 * 4)),
    ),
    computed(
        "keeps {}: one on each side gives {}, two give {}",
        lambda: ((32, 32 - 4 + 2 * 1 + 1, 32 - 4 + 2 * 2 + 1)),
    ),
    computed(
        "has {} maps",
        lambda: 6 + 6 + 3 + 1,
    ),
    computed(
        "has {} instead of {}. Derive",
        lambda: ((6 * 3 + 6 * 4 + 3 * 4 + 6 - 1, 6 * 3 + 6 * 4 + 3 * 4 + 6)),
    ),
    cited(
        "The network of 1998",
        "lecun1998",
    ),
    computed(
        "has **{:,}** trainable",
        lambda: 6 * 26 + 6 * 2 + (60 * 25 + 16) + 16 * 2 + 120 * 401 + 84 * 121,
    ),
    computed(
        "softmax, has {:,}",
        lambda: 6 * 26 + 16 * (6 * 25 + 1) + 120 * 401 + 84 * 121 + 10 * 85,
    ),
    cited(
        "LeNet-5's 82 errors",
        "lecun1998",
    ),
    cited(
        "shows 82 wrong digits out of 10,000",
        "lecun1998",
    ),
    computed(
        "an error rate of {:.2f} %",
        lambda: 100 * 82 / 10_000,
    ),
    cited(
        "([LeCun and others 1998](references.md#lecun1998)) reports 0.95 %",
        "lecun1998",
    ),
    computed(
        '"{}×{}, kernel {}, stride 4, no padding, gives {}×{}"',
        lambda: ((224, 224, 11, 55, 55)),
    ),
    computed(
        "it gives {}. Pad by 2, or start from {}",
        lambda: (((224 - 11) // 4 + 1, 4 * (55 - 1) + 11)),
    ),
    computed(
        "on {}×{}, needs a padding of 2 to stay at {}; with 1 it would give {}",
        lambda: ((27, 27, 27 + 2 * 2 - 5 + 1, 27 + 2 * 1 - 5 + 1)),
    ),
    computed(
        "AlexNet has {:.0f} million parameters",
        lambda: (
            (
                (3 * 121 + 1) * 96
                + (48 * 25 + 1) * 256
                + (256 * 9 + 1) * 384
                + (192 * 9 + 1) * (384 + 256)
                + 9217 * 4096
                + 4097 * 4096
                + 4097 * 1000
            )
            / 1e6
        ),
    ),
    computed(
        "in some layers only, has {:,}",
        lambda: (
            (3 * 121 + 1) * 96
            + (48 * 25 + 1) * 256
            + (256 * 9 + 1) * 384
            + (192 * 9 + 1) * (384 + 256)
            + 9217 * 4096
            + 4097 * 4096
            + 4097 * 1000
        ),
    ),
    computed(
        "it would have {:,}",
        lambda: (
            (3 * 121 + 1) * 96
            + (96 * 25 + 1) * 256
            + (256 * 9 + 1) * 384
            + (384 * 9 + 1) * (384 + 256)
            + 9217 * 4096
            + 4097 * 4096
            + 4097 * 1000
        ),
    ),
    computed(
        "GoogLeNet has {:,}, and AlexNet's {:,} are {:.1f} times as many",
        lambda: (lambda g, a: (g, a, a / g))(
            counting.count_parameters(inception.GoogLeNet(aux_classifiers=False)),
            (3 * 121 + 1) * 96
            + (48 * 25 + 1) * 256
            + (256 * 9 + 1) * 384
            + (192 * 9 + 1) * (384 + 256)
            + 9217 * 4096
            + 4097 * 4096
            + 4097 * 1000,
        ),
    ),
    computed(
        "from 3 to {} maps has {:,} weights and does {:.0f} million",
        lambda: ((64, 7 * 7 * 3 * 64, 112 * 112 * 7 * 7 * 3 * 64 / 1e6)),
    ),
    cited(
        "the table prints 2.7K parameters and 34M operations",
        "szegedy2014",
    ),
    computed(
        "convolution from {} maps to {}.",
        lambda: ((3 * 8, 64)),
    ),
    computed(
        "does {:,} multiply-accumulates; that is {:,} floating-point",
        lambda: ((112 * 112 * 64 * 3 * 49, 2 * 112 * 112 * 64 * 3 * 49)),
    ),
    cited(
        r"local response normalisation has $\alpha = 10^{-4}$ and sums over "
        r"$n = 5$ maps",
        "krizhevsky2012",
    ),
    cited(
        "ResNet-50 does 3.8 billion MACs, or 4.1 The paper's table says 3.8 billion",
        "he2016",
    ),
    computed(
        "many libraries print {:.2f} billion",
        lambda: (
            counting.count_macs(zoo.build("resnet50", stride_at="3x3"), (3, 224, 224))
            / 1e9
        ),
    ),
    computed(
        "The parameters are the same, {:,}.",
        lambda: counting.count_parameters(zoo.build("resnet50")),
    ),
]
