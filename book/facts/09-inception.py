"""Where the numbers of chapter 9 come from."""

import itertools
import math

import numpy as np
import torch
from torch import nn

from book.facts import cited, computed
from utils import counting, inception, records, small_googlenet, vgg, zoo
from utils.alexnet import AlexNet
from utils.inception_blocks import NaiveInceptionBlock
from utils.inception_resnet import Residual, inception_resnet_v2
from utils.inception_v4 import Join, inception_v4

BLOCK = inception.InceptionBlock(192, *inception.MODULES["3a"])
NAIVE = NaiveInceptionBlock(192, 64, 128, 32)
THREES = small_googlenet.SmallGoogLeNet(aux_classifiers=False)
FIVES = small_googlenet.SmallGoogLeNet(
    aux_classifiers=False, window=inception.five_by_five
)


def depth(part) -> int:
    """Layers with weights on the longest way through convolutions that branch."""
    if isinstance(part, nn.Conv2d | nn.Linear):
        return 1
    lengths = [depth(child) for child in part.children()]
    if isinstance(part, Join):
        return max(depth(branch) for branch in part.branches)
    if isinstance(part, Residual):
        return depth(part.join) + 1
    return sum(lengths)


def size(build, side=224):
    """A large network's layers, million parameters and billion MACs."""
    with torch.device("meta"):
        net = build()
    work = counting.count_macs(net, (3, side, side)) / 1e9
    return depth(net), counting.count_parameters(net) / 1e6, work


def googlenet():
    return inception.GoogLeNet(aux_classifiers=False)


def mean_errors():
    """Of the three kinds; what the text says of their seeds holds."""
    record = records.load_record("inception-cifar10")
    names = "heads", "no heads", "no heads, 5×5"
    heads, none, fives = (records.finals(record, name) for name in names)
    apart = abs(np.mean(heads) - np.mean(none))
    assert apart < min(max(heads) - min(heads), max(none) - min(none))
    assert min(fives) > max(none)  # one of 20 orders; its reverse is as likely
    assert all(len(errors) == 3 for errors in (heads, none, fives))
    return [np.mean(errors) for errors in (heads, none, fives)]


def runs_with_and_without():
    """Of the recorded runs, those with heads and those without."""
    record = records.load_record("inception-cifar10")
    return [r for name in ("heads", "no heads") for r in records.runs(record, name)]


def shared_errors():
    """How many photographs any two of the six get wrong alike: least and most."""
    wrong = [{w["index"] for w in run["wrong"]} for run in runs_with_and_without()]
    shared = [len(a & b) for a, b in itertools.combinations(wrong, 2)]
    assert len(wrong) == 6
    assert all(abs(k - 600) < 40 for k in shared)
    return min(shared), max(shared)


def stem_gradients():
    """Of the recorded runs with heads and without, after each epoch."""
    return [np.array(r["curve"]["stem_gradient"]) for r in runs_with_and_without()]


def macs(net):
    return counting.count_macs(net, (3, 32, 32))


FACTS = [
    computed(
        r"$9\cdot{}^2\cdot{}^2 = 9\cdot{}^2\cdot{}^2 = {:.2f}$ billion MACs",
        lambda: (lambda a, b: (64, 224, 512, 28, a / 1e9) if a == b else None)(
            9 * 64**2 * 224**2, 9 * 512**2 * 28**2
        ),
    ),
    computed(
        "halve the side five times, from {} to {}, and the maps double from {} to {}",
        lambda: (224, 224 // 2**5, vgg.VGG19[0][0], vgg.VGG19[-1][0]),
    ),
    computed(
        "VGG-19 also had {:.0f} times AlexNet's work",
        lambda: size(zoo.vgg19)[2] / size(AlexNet)[2],
    ),
    computed(
        r"Let a 1×1 convolution mix {} maps into {}. Put it in front of the large "
        r"window, and the window has {} maps to span instead of {}: "
        r"$$\underbrace{{{}\,({}+1)}}",
        lambda: (192, inception.MODULES["3a"][2][0], 16, 192, 16, 192),
    ),
    computed(
        r"mean of each of the {:,} last maps, and one fully connected layer of {:,} "
        r"parameters reads these means. On the maps themselves it would have had "
        r"$7\cdot 7\cdot {}\cdot {}$ weights",
        lambda: (1024, 1025 * 1000, 1024, 1000),
    ),
    computed(
        r"the 1×1 leaves {} maps, and a fully connected layer to {:,} units reads all "
        r"$4\cdot 4\cdot {}$ numbers: two million weights there, and a million more to "
        r"{:,} classes",
        lambda: (
            lambda head: (
                head.reduce[0].out_channels,
                head.hidden.out_features,
                head.hidden.in_features // 16,
                head.output.out_features,
            )
        )(inception.AuxiliaryClassifier(512, 14, 1000)),
    ),
    cited("a factor $s$ of 0.1 to 0.3, without which", "szegedy2016"),
    cited(
        "one image of 224×224, from v3 on of 299×299, and for ResNet again of 224×224",
        "he2016",
    ),
    computed(
        "#krizhevsky2012) | {} | {:.1f} | {:.2f} |",
        lambda: size(AlexNet),
    ),
    cited("| 18.2 % | 15.3 %, of seven |", "krizhevsky2012"),
    computed("#simonyan2014) | {} | {:.1f} | {:.1f} |", lambda: size(zoo.vgg19)),
    cited("| 7.0 % | 7.3 %, of seven |", "simonyan2014"),
    cited("VGG's 7.0 % was reached after the contest", "simonyan2014"),
    cited(
        "2013 went to Clarifai, in the line of AlexNet, with 11.7 %; AlexNet "
        "without additional photographs had 16.4 %",
        "russakovsky2015",
    ),
    cited("and SENet made a quarter", "hu2018"),
    cited("except v3's 42, which is its paper's own count", "szegedy2015"),
    computed(
        "#szegedy2014) | {} | {:.1f} | {:.2f} |",
        lambda: (1 + 2 + 2 * len(inception.MODULES) + 1, *size(googlenet)[1:]),
    ),
    cited("| 7.9 % | 6.67 %, of seven |", "szegedy2014"),
    cited("| 42 | under 25 | 5 | 4.2 % | 3.58 %, of four |", "szegedy2015"),
    computed(
        "#he2016) | {} | {:.1f} | {:.1f} |",
        lambda: (152, *size(lambda: zoo.build("resnet152"))[1:]),
    ),
    cited("| 4.49 % | 3.57 %, of six |", "he2016"),
    computed(
        "[Inception-v4](../book/references.md#szegedy2016) | {} | {:.1f} | {:.1f} |",
        lambda: size(inception_v4, 299),
    ),
    cited("| 3.8 % | | | 2016 |", "szegedy2016"),
    computed(
        "[Inception-ResNet-v2](../book/references.md#szegedy2016) | {} | {:.1f} | "
        "{:.1f} |",
        lambda: size(inception_resnet_v2, 299),
    ),
    cited("| 3.7 % | 3.08 %, three and a v4 |", "szegedy2016"),
    cited("| | | | | 2.25 %, of several |", "hu2018"),
    *(
        cited(f"| {year} | [{name}]", key)
        for year, name, key in (
            (2012, "AlexNet", "krizhevsky2012"),
            (2014, "VGG-19", "simonyan2014"),
            (2014, "GoogLeNet", "szegedy2014"),
            (2015, "Inception-v3", "szegedy2015"),
            (2015, "ResNet-152", "he2016"),
            (2016, "Inception-v4", "szegedy2016"),
            (2016, "Inception-ResNet-v2", "szegedy2016"),
            (2017, "SENet", "hu2018"),
        )
    ),
    cited("up to 2016, VGG apart", "szegedy2016"),
    cited("what the contest's errors were until 2017", "hu2018"),
    cited("and the contest until 2017", "hu2018"),
    cited("in the contest of 2014 VGG came second", "simonyan2014"),
    cited("VGG was built of such stacks in 2014", "simonyan2014"),
    cited("15.3 % in 2012", "krizhevsky2012"),
    cited("6.67 % in 2014", "szegedy2014"),
    cited("3.57 % in 2015", "he2016"),
    cited("2.25 % in 2017", "hu2018"),
    computed(
        "the gradient at the stem wanders through much the same range, between {:.1f} "
        "and {:.1f}",
        lambda: (
            min(x.min() for x in stem_gradients()),
            max(x.max() for x in stem_gradients()),
        ),
    ),
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
        r"small normal numbers with $\sigma = 0.01$, as in AlexNet",
        "krizhevsky2012",
    ),
    computed(
        r"With $\sigma={}$ a step would vanish",
        lambda: 0.01,
    ),
    computed(
        "a 5×5 kernel has {} weights, two 3×3 kernels have {}: more than a quarter "
        "fewer",
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
        "In 3b, 4a and 4b a reduction keeps {} to {} mixtures of {} to {} maps.",
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
        r"In the mean of three seeds the network makes {:.0f} errors with heads, "
        r"{:.0f} without, and {:,.0f} with 5×5 windows. Differences? Of a thousand "
        r"errors, about $\sqrt{{{}\cdot {}}}$, which is {:.0f}, more or fewer are "
        r"luck, in each run. Heads make none that could be seen: each kind's seeds lie "
        r"further apart than the means. With 5×5 windows, every run makes more errors "
        r"than every run with two 3×3 and no heads.",
        lambda: (*mean_errors(), 1000, 0.9, math.sqrt(1000 * 0.9)),
    ),
    computed(
        "windows of 5×5 cost {:.0f} % more, in parameters and in work",
        lambda: next(
            100 * a
            for a, b in [
                [f(FIVES) / f(THREES) - 1 for f in (counting.count_parameters, macs)]
            ]
            if round(100 * a) == round(100 * b)
        ),
    ),
    computed(
        "(Ours has {} layers on its longest path, not {}.)",
        lambda: (
            1 + 3 * len(small_googlenet.SMALL_MODULES) + 1,
            1 + 2 + 2 * len(inception.MODULES) + 1,
        ),
    ),
    computed(
        "Any two of these six runs make about {} of their errors on the same "
        "photographs, from {} to {}",
        lambda: (600, *shared_errors()),
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
        "GoogLeNet has {} layers with weights, nine modules, five poolings outside "
        "them, {:,} parameters and {:.2f} billion MACs",
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
    computed(
        "with {} weights a pair of maps instead of {}",
        lambda: ((2 * 3 * 3, 5 * 5)),
    ),
]
