"""Where the numbers of chapter 10 come from."""

import numpy as np

from book.facts import cited, computed
from utils import counting, dissection, experiments, records, resnet, zoo
from utils.experiments.runner import PROBED

FACTS = [
    cited(
        "In 2015 networks of up to 152 layers won the ImageNet contest",
        "he2016",
    ),
    computed(
        "how to count ResNet-50's {} layers and {:,} parameters",
        lambda: (
            lambda net: (dissection.count_depth(net), counting.count_parameters(net))
        )(zoo.build("resnet50")),
    ),
    computed(
        "plain convolutional networks of {} to {} layers",
        lambda: (lambda d: (min(d), max(d)))(
            [
                int(v.split("-")[1])
                for v in experiments.EXPERIMENTS["resnet-digits"].variants
            ]
        ),
    ),
    computed(
        "They learnt {:,} digits of {}×{} pixels",
        lambda: (
            (records.load_record("resnet-digits")["data"]["train"], 28 // 2, 28 // 2)
        ),
    ),
    computed(
        "two errors in a hundred; {} layers get most",
        lambda: max(
            int(v.split("-")[1])
            for v in experiments.EXPERIMENTS["resnet-digits"].variants
        ),
    ),
    computed(
        "and you have {} layers that make as few errors (we do it in section 10.7). "
        "Weights with which {} plain layers",
        lambda: ((dissection.count_depth(resnet.DigitResNet(44, False)), 44)),
    ),
    computed(
        "in a network of {} layers for ImageNet and in our small one of {}. "
        "The last columns are recorded runs on the digits, by the recipe of "
        "section 10.1 (`resnet-shortcuts`): test errors of {:,}",
        lambda: (
            (
                dissection.count_depth(zoo.build("resnet34")),
                dissection.count_depth(resnet.DigitResNet(20)),
                records.load_record("resnet-shortcuts")["data"]["test"],
            )
        ),
    ),
    cited(
        "with top-1 errors of 24.19, 24.52 and 25.03 %",
        "he2016",
    ),
    computed(
        "From {} to {} layers",
        lambda: (lambda d: (min(d), max(d)))(
            [int(name.removeprefix("resnet")) for name in zoo.ARCHITECTURES]
        ),
    ),
    computed(
        r"With {} maps the weights are $$\underbrace{{{}\cdot {}}}_{{1\times "
        r"1}} + \underbrace{{9\cdot {}\cdot {}}}_{{3\times 3}} + "
        r"\underbrace{{{}\cdot {}}}_{{1\times 1}} = {:,} \quad\text{{instead "
        r"of}}\quad 2\cdot 9\cdot {}\cdot {} = {:,}.",
        lambda: (
            (
                256,
                256,
                64,
                64,
                64,
                64,
                256,
                256 * 64 + 9 * 64 * 64 + 64 * 256,
                256,
                256,
                2 * 9 * 256 * 256,
            )
        ),
    ),
    computed(
        "less than two 3×3 convolutions of {} maps, {:,}, and",
        lambda: ((64, 2 * 9 * 64 * 64)),
    ),
    computed(
        "four stages follow, of {}, {}, {} and {} maps",
        lambda: tuple(
            stage[0].conv1.out_channels
            for stage in (lambda n: (n.layer1, n.layer2, n.layer3, n.layer4))(
                zoo.build("resnet18")
            )
        ),
    ),
    computed(
        "on {}×{}, {}×{}, {}×{} and 7×7 pixels",
        lambda: ((224 // 4, 224 // 4, 224 // 8, 224 // 8, 224 // 16, 224 // 16)),
    ),
    computed(
        r"So $1 + 3\,(3+4+6+3) + 1 = {}$",
        lambda: 1 + 3 * sum(zoo.ARCHITECTURES["resnet50"][2]) + 1,
    ),
    cited(
        'says 3.8 billion "FLOPs" for ResNet-50',
        "he2016",
    ),
    computed(
        "We count {:.3f}. Many programs print {:.2f} instead",
        lambda: tuple(
            counting.count_macs(zoo.build("resnet50", stride_at=s), (3, 224, 224)) / 1e9
            for s in ("1x1", "3x3")
        ),
    ),
    computed(
        "That costs {:.0f} % more work",
        lambda: (lambda a, b: 100 * (b / a - 1))(
            *[
                counting.count_macs(zoo.build("resnet50", stride_at=s), (3, 224, 224))
                for s in ("1x1", "3x3")
            ]
        ),
    ),
    computed(
        "does ResNet-50 really have {:,}?",
        lambda: counting.count_parameters(zoo.build("resnet50")),
    ),
    computed(
        "where shapes change (B) and {:,} classes",
        lambda: zoo.build("resnet18").fc.out_features,
    ),
    computed(
        "which alone hold {:.0f} million of its {:.0f} million.",
        lambda: (
            lambda net: (
                counting.count_parameters(net.classifier) / 1e6,
                counting.count_parameters(net) / 1e6,
            )
        )(zoo.vgg19()),
    ),
    computed(
        "fetches published ones, {:.0f} MB, and checks",
        lambda: 4 * counting.count_parameters(zoo.build("resnet50")) / 1e6,
    ),
    computed(
        "And here are the {} plain layers",
        lambda: dissection.count_depth(resnet.DigitResNet(44, False)),
    ),
    computed(
        "and the three projections, and has {:,} parameters, like ResNet-34 "
        "with option A",
        lambda: (lambda a, b: a if a == b else None)(
            counting.count_parameters(zoo.plain34()),
            counting.count_parameters(zoo.build("resnet34", shortcut="A")),
        ),
    ),
    computed(
        "we add a plain network of {} layers",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    computed(
        "The plain one of {} layers keeps about half",
        lambda: dissection.count_depth(resnet.DigitResNet(44)),
    ),
    computed(
        "The plain network of {} layers breaks its promise, too",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    computed(
        "8 plain layers take a learning rate of a tenth, {} a few "
        "thousandths, {} a few millionths",
        lambda: tuple(dissection.count_depth(resnet.DigitResNet(d)) for d in (20, 44)),
    ),
    computed(
        "We take the plain network of {} layers, since the one of {} has "
        "learnt too little to lose. One of nine units is more than one of "
        "{}; in the exercises both have {} layers",
        lambda: (
            lambda a, b: (
                dissection.count_depth(a),
                dissection.count_depth(b),
                len(dissection.units_of(b)),
                dissection.count_depth(a),
            )
        )(resnet.DigitResNet(20), resnet.DigitResNet(44)),
    ),
    cited(
        "along much shorter ones, of 10 to 34 layers in a network of 110",
        "veit2016",
    ),
    cited(
        "In the network of 2015 it is not so",
        "he2016",
    ),
    computed(
        "with $T={}$ everywhere, ${}^{{{}}}$, half a per cent",
        lambda: ((0.1, 1 - 0.1, 50)),
    ),
    computed(
        "networks of {} layers before training",
        lambda: dissection.count_depth(resnet.DigitResNet(44)),
    ),
    computed(
        "with {}, {} and {} maps instead of {}, {} and {}, on digits averaged to {}×{}",
        lambda: (
            (
                *[
                    s[0].conv1.out_channels
                    for n in (resnet.DigitResNet(8), resnet.CifarResNet(8))
                    for s in (n.layer1, n.layer2, n.layer3)
                ],
                28 // 2,
                28 // 2,
            )
        ),
    ),
    computed(
        r"should be near $\ln {}$",
        lambda: resnet.DigitResNet(8).fc.out_features,
    ),
    computed(
        "Then **train**: 8, {} and {} plain layers, and {} with",
        lambda: (
            (
                dissection.count_depth(resnet.DigitResNet(20)),
                dissection.count_depth(resnet.DigitResNet(44)),
                44,
            )
        ),
    ),
    cited(
        "with a network of 110 layers",
        "veit2016",
    ),
    computed(
        "Around the plain network of {} layers lies the same smooth valley "
        "as around the residual network of {}. (Yet shortcuts more than "
        "halve the training error at {} layers, too. The picture does not "
        "show it.) The plain network of {} layers",
        lambda: (
            lambda r: (
                20,
                44,
                next(
                    20
                    for p, q in [
                        [
                            np.mean(records.finals(r, k + "-20", "train_accuracy"))
                            for k in ("plain", "residual")
                        ]
                    ]
                    if 1 - q < (1 - p) / 2
                ),
                44,
            )
        )(records.load_record("resnet-digits")),
    ),
    cited(
        "plain networks of 56 and 110 layers; of 20 layers it, too",
        "li2018",
    ),
    computed(
        "own case, networks of {} and {} layers on CIFAR-10",
        lambda: tuple(dissection.count_depth(resnet.CifarResNet(d)) for d in (20, 56)),
    ),
    computed(
        "It takes {} epochs, the photographs",
        lambda: (
            experiments.EXPERIMENTS["resnet-cifar10-quick"].variants["plain-56"].epochs
        ),
    ),
    computed(
        "the paper's recipe of {} epochs",
        lambda: experiments.EXPERIMENTS["resnet-cifar10"].variants["plain-56"].epochs,
    ),
    cited(
        "test errors with it are 8.75 % for 20 layers with shortcuts and 6.97 % for 56",
        "he2016",
    ),
    computed(
        "on the same {} training images",
        lambda: PROBED,
    ),
    computed(
        "after the last, for {} layers",
        lambda: dissection.count_depth(resnet.CifarResNet(56)),
    ),
    computed(
        r"A bottleneck of 1×1, 3×3 and 1×1 has {:,} weights for {} maps, "
        r"where two 3×3 have {:,}. ResNet-50: $1 + 3\cdot {} + 1$ layers, "
        r"{:,} parameters, {:.2f} billion MACs",
        lambda: (
            (
                256 * 64 + 9 * 64 * 64 + 64 * 256,
                256,
                2 * 9 * 256 * 256,
                sum(zoo.ARCHITECTURES["resnet50"][2]),
                counting.count_parameters(zoo.build("resnet50")),
                counting.count_macs(zoo.build("resnet50"), (3, 224, 224)) / 1e9,
            )
        ),
    ),
    cited(
        "The [paper of 2015]",
        "he2016",
    ),
    computed(
        "The plain network of {} layers ends with {:.1f} % of its training "
        "photographs wrong, the one of {} layers with {:.1f} %: "
        "degradation. With shortcuts it is the other way round, {:.1f} % "
        "with {} layers and {:.1f} % with {}, and the deeper network was "
        "below {:.1f} % after {} epochs. On the test photographs {} layers "
        "make {:.1f} % errors without shortcuts and {:.1f} % with them.",
        lambda: (
            lambda e: (
                56,
                e["plain-56", "train"][-1],
                20,
                e["plain-20", "train"][-1],
                e["residual-56", "train"][-1],
                56,
                e["residual-20", "train"][-1],
                20,
                e["plain-56", "train"][-1],
                next(
                    k
                    for k, v in enumerate(e["residual-56", "train"], 1)
                    if v < e["plain-56", "train"][-1]
                ),
                56,
                e["plain-56", "test"][-1],
                e["residual-56", "test"][-1],
            )
        )(
            {
                (v, k): 100
                * (
                    1
                    - records.curves(
                        records.load_record("resnet-cifar10-quick"), v, k + "_accuracy"
                    )[0]
                )
                for v in ("plain-20", "plain-56", "residual-20", "residual-56")
                for k in ("train", "test")
            }
        ),
    ),
    computed(
        "was chosen, out of three, on {:,} photographs held out",
        lambda: experiments.EXPERIMENTS["networks-choice"].validation,
    ),
    computed(
        "the errors do not decide: {:,} and {:,} of {:,} for GoogLeNet, "
        "{:,} and {:,} for ResNet-20",
        lambda: (
            lambda r: (
                *records.finals(r, "GoogLeNet"),
                r["data"]["test"],
                *records.finals(r, "ResNet-20"),
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "when you add layers: {} make {:.1f} % errors",
        lambda: (
            (
                dissection.count_depth(resnet.CifarResNet(56)),
                100
                - 100
                * records.finals(
                    records.load_record("resnet-cifar10-quick"),
                    "residual-56",
                    "test_accuracy",
                )[0],
            )
        ),
    ),
    computed(
        "ResNet-20 make {:.0f}, {:.0f}, {:.0f} and {:.0f} % errors on CIFAR-10",
        lambda: (
            lambda r: tuple(
                100 - 100 * np.mean(records.finals(r, v, "test_accuracy"))
                for v in ("LeNet-5", "AlexNet", "GoogLeNet", "ResNet-20")
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "the difference is {} plus signs",
        lambda: len(dissection.units_of(resnet.CifarResNet(56))),
    ),
]
