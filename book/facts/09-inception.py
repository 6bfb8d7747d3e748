"""Where the numbers of chapter 9 come from."""

import math

from book.facts import cited, computed
from utils import counting, inception, records, small_googlenet
from utils.experiments import runner
from utils.inception_blocks import NaiveInceptionBlock

BLOCK = inception.InceptionBlock(192, *inception.MODULES["3a"])
NAIVE = NaiveInceptionBlock(192, 64, 128, 32)
THREES = small_googlenet.SmallGoogLeNet(aux_classifiers=False)
FIVES = small_googlenet.SmallGoogLeNet(
    aux_classifiers=False, window=inception.five_by_five
)


def macs(net):
    return counting.count_macs(net, (3, 32, 32))


FACTS = [
    cited(
        "In 2014 a network of 22 layers won the ImageNet contest",
        "szegedy2014",
    ),
    computed(
        "how to count GoogLeNet's {} layers, nine modules and {:,} parameters",
        lambda: (
            (
                1 + 2 + 2 * len(inception.MODULES) + 1,
                counting.count_parameters(inception.GoogLeNet(aux_classifiers=False)),
            )
        ),
    ),
    computed(
        "3+1+0+2+4+1+0+1+5={}$",
        lambda: 3 + 1 + 0 + 2 + 4 + 1 + 0 + 1 + 5,
    ),
    computed(
        "called 3a, reads {} maps of {}×{}. From a window of 1×1 it wants "
        "{} maps, from 3×3 it wants {}, from 5×5 another {}, and the "
        "pooling has {} maps to pass on",
        lambda: (
            (
                192,
                28,
                28,
                inception.MODULES["3a"][0],
                inception.MODULES["3a"][1][1],
                inception.MODULES["3a"][2][1],
                192,
            )
        ),
    ),
    computed(
        r"Each of its kernels spans all {} maps: $${}\,(5\cdot 5\cdot {} + "
        r"1) = {:,} \text{{ parameters, for {} of the {} maps.}}",
        lambda: (
            (
                192,
                32,
                192,
                counting.count_parameters(NAIVE.five),
                32,
                NAIVE.out_channels,
            )
        ),
    ),
    computed(
        "The whole module comes to {:,}.",
        lambda: counting.count_parameters(NAIVE),
    ),
    computed(
        "the module gives out {} where {} went in",
        lambda: (
            (
                NAIVE.out_channels,
                192,
            )
        ),
    ),
    computed(
        r"it can **mix** {} maps into {}. Put it in front of the large "
        r"window, and the window has {} maps to span instead of {}: "
        r"$$\underbrace{{{}\,({}+1)}}",
        lambda: ((192, inception.MODULES["3a"][2][0], 16, 192, 16, 192)),
    ),
    computed(
        r"\underbrace{{{}\,(5\cdot 5\cdot {}+1)}}_{{12,832}} = {:,}",
        lambda: (
            (
                32,
                16,
                counting.count_parameters(BLOCK.five),
            )
        ),
    ),
    computed(
        "The 3×3 branch is reduced to {} first",
        lambda: inception.MODULES["3a"][1][0],
    ),
    computed(
        "brings its {} maps down to {}, which stops",
        lambda: ((192, inception.MODULES["3a"][3])),
    ),
    computed(
        "the limit is {} maps; GoogLeNet takes {}.",
        lambda: (
            (math.floor(25 * 192 * 32 / (192 + 25 * 32)), inception.MODULES["3a"][2][0])
        ),
    ),
    computed(
        "Sixteen mixtures cannot say what {} independent maps could",
        lambda: 192,
    ),
    computed(
        "in 3a and keep its {} maps",
        lambda: BLOCK.out_channels,
    ),
    computed(
        r"$1+2+9\cdot 2+1={}$",
        lambda: 1 + 2 + 9 * 2 + 1,
    ),
    computed(
        "**Parameters**: {:,}, which is",
        lambda: counting.count_parameters(inception.GoogLeNet(aux_classifiers=False)),
    ),
    computed(
        "**Work**: {:.2f} billion MACs",
        lambda: (
            counting.count_macs(
                inception.GoogLeNet(aux_classifiers=False), (3, 224, 224)
            )
            / 1e9
        ),
    ),
    computed(
        r"mean of each of the {:,} last maps (chapter 5), and one fully connected "
        r"layer of {:,} parameters reads these means. A fully connected layer on the "
        r"maps themselves would have had $7\cdot 7\cdot {}\cdot {}$ weights",
        lambda: ((1024, 1025 * 1000, 1024, 1000)),
    ),
    cited(
        "In 2014, 22 layers were new ground.",
        "szegedy2014",
    ),
    cited(
        r"E_{\text{network}} + 0.3\,(",
        "szegedy2014",
    ),
    computed(
        "Four digits are enlarged to {}×{}",
        lambda: ((224, 224)),
    ),
    cited(
        r"small normal numbers with $\sigma = 0.01$: AlexNet's",
        "krizhevsky2012",
    ),
    computed(
        r"With $\sigma={}$ a step would vanish",
        lambda: 0.01,
    ),
    computed(
        "a 5×5 kernel has {} weights, two 3×3 kernels have {}: less",
        lambda: ((5 * 5, 2 * 3 * 3)),
    ),
    computed(
        "a v1 module reduces to {} maps and comes back with {}, and the "
        "second 3×3 pays for {} times {}.",
        lambda: ((*inception.MODULES["3a"][2], 32, 32)),
    ),
    computed(
        r"(rc + c^2) < {}\,rc \quad\Longleftrightarrow\quad c < "
        r"\tfrac{{{}}}{{9}}",
        lambda: ((25, 25 - 9)),
    ),
    computed(
        "which for $n=7$ is {:.1f} %",
        lambda: 100 * 2 / 7,
    ),
    cited(
        "on maps of 12 to 20 pixels",
        "szegedy2015",
    ),
    computed(
        "It sees {}×{} pixels in its deepest branch",
        lambda: ((7 + 6, 7 + 6)),
    ),
    cited(
        "In 2016 came v4",
        "szegedy2016",
    ),
    cited(
        "A factor $s$ of 0.1 to 0.3 kept",
        "szegedy2016",
    ),
    cited(
        "a million images of 224×224, and a week",
        "szegedy2014",
    ),
    computed(
        "for {}×{} in colour or {}×{} in grey",
        lambda: (
            (
                *[small_googlenet.IMAGES[3][0]] * 2,
                *[small_googlenet.IMAGES[1][0]] * 2,
            )
        ),
    ),
    computed(
        r"must be $\ln {}$, for the network",
        lambda: small_googlenet.SmallGoogLeNet().output.out_features,
    ),
    computed(
        "A reduction keeps {} to {} mixtures of {} to {} maps.",
        lambda: (
            (
                min(m[2][0] for m in list(small_googlenet.SMALL_MODULES.values())[1:4]),
                max(m[1][0] for m in list(small_googlenet.SMALL_MODULES.values())[1:4]),
                80,
                144,
            )
        ),
    ),
    computed(
        "on the same {} training images",
        lambda: runner.PROBED,
    ),
    computed(
        r"With heads the network makes {} errors, without them {}, and with "
        r"5×5 windows {:,}. A difference? Of a thousand errors, about "
        r"$\sqrt{{{}\cdot {}}}$, which is {:.0f}, more or fewer are luck, "
        r"and another seed would move them again. Three single runs, {} "
        r"errors apart at most, show none.",
        lambda: (lambda a: (*a, 1000, 0.9, math.sqrt(1000 * 0.9), max(a) - min(a)))(
            [
                records.finals(records.load_record("inception-cifar10"), v)[0]
                for v in ("heads", "no heads", "no heads, 5×5")
            ]
        ),
    ),
    computed(
        "windows of 5×5 cost {:.0f} % more parameters and as much more work",
        lambda: next(
            100 * a
            for a, b in [
                [f(FIVES) / f(THREES) - 1 for f in (counting.count_parameters, macs)]
            ]
            if round(100 * a) == round(100 * b)
        ),
    ),
    computed(
        "After the first epoch it is {:.2f} with heads and {:.2f} without; "
        "from then on all wander between {:.1f} and {:.1f}",
        lambda: (
            lambda a, b, c: (
                a[0],
                b[0],
                min(x[1:].min() for x in (a, b, c)),
                max(x[1:].max() for x in (a, b, c)),
            )
        )(
            *[
                records.curves(
                    records.load_record("inception-cifar10"), v, "stem_gradient"
                )[0]
                for v in ("heads", "no heads", "no heads, 5×5")
            ]
        ),
    ),
    computed(
        "(Ours has {} layers on its longest way, not {}.)",
        lambda: (
            1 + 3 * len(small_googlenet.SMALL_MODULES) + 1,
            1 + 2 + 2 * len(inception.MODULES) + 1,
        ),
    ),
    computed(
        "the network makes {} of its errors on the same photographs",
        lambda: len(
            set.intersection(
                *[
                    {
                        w["index"]
                        for w in records.runs(
                            records.load_record("inception-cifar10"), v
                        )[0]["wrong"]
                    }
                    for v in ("heads", "no heads")
                ]
            )
        ),
    ),
    computed(
        "Module 3a: {:,} parameters instead of {:,}, and {} maps instead of {}.",
        lambda: (
            counting.count_parameters(BLOCK),
            counting.count_parameters(NAIVE),
            BLOCK.out_channels,
            NAIVE.out_channels,
        ),
    ),
    computed(
        "GoogLeNet has {} layers with weights, nine modules, five poolings, "
        "{:,} parameters and {:.2f} billion MACs",
        lambda: (
            (
                1 + 2 + 2 * len(inception.MODULES) + 1,
                counting.count_parameters(inception.GoogLeNet(aux_classifiers=False)),
                counting.count_macs(
                    inception.GoogLeNet(aux_classifiers=False), (3, 224, 224)
                )
                / 1e9,
            )
        ),
    ),
    cited(
        "was built of such stacks in 2014",
        "simonyan2014",
    ),
    cited(
        "The paper does not pad there and comes from 35 to 17",
        "szegedy2015",
    ),
    computed(
        "ours pads, and comes to {}",
        lambda: (35 + 2 * 1 - 3) // 2 + 1,
    ),
    computed(
        "with {} weights a pair of maps instead of {}",
        lambda: ((2 * 3 * 3, 5 * 5)),
    ),
]
