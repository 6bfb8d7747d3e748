"""Where the numbers of chapter 10 come from."""

import functools

import numpy as np
import torch
from torch import nn

from book.facts import cited, computed
from utils import (
    counting,
    data,
    dissection,
    experiments,
    plus_sign,
    records,
    resnet,
    zoo,
)
from utils.experiments.runner import PROBED
from utils.training import seed_everything


@functools.cache
def network(name, **options):
    """Of the zoo, to be counted: each is built once."""
    return zoo.build(name, **options)


def way_back(seeds, change=lambda net: net):
    """The gradient's length at the units of untrained plain nets of 44 layers.

    Returns:
        (seeds, units), of as many nets, each changed first by `change`.
    """
    train, _ = data.mnist5k()
    digits, labels = torch.tensor(train.x[:100]), torch.tensor(train.y[:100])
    lengths = []
    for seed in range(seeds):
        seed_everything(seed)
        net = change(resnet.DigitResNet(44, False))
        found = dissection.gradients_by_depth(net, digits, labels)
        lengths.append(list(found.values()))
    return np.array(lengths)


@functools.cache
def growth_in_the_first_stage() -> float:
    """Of the gradient, for each layer: over six units, or twelve layers."""
    lengths = way_back(3)
    return np.mean(lengths[:, 0] / lengths[:, 6]) ** (1 / 12)


def without_norm_and_rim(net):
    """Normalisation taken out of the net, and its maps wrap round."""
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            net.set_submodule(name, nn.Identity())
        elif isinstance(module, nn.Conv2d):
            module.padding_mode = "circular"
    return net


def left_without_a_rim() -> float:
    """Of the last unit's gradient at the first one, without normalisation."""
    lengths = way_back(6, without_norm_and_rim)
    return np.exp(np.mean(np.log(lengths[:, 0] / lengths[:, -1])))


def setting(name, variant, key):
    return records.load_record(name)["variants"][variant][key]


def last_errors(experiment: str) -> list[float]:
    """ResNet-20's errors on the test photographs in percent, by seed."""
    right = records.curves(
        records.load_record(experiment), "ResNet-20", "test_accuracy"
    )
    return (100 * (1 - right[:, -1])).tolist()


def rate_of_muon() -> float:
    return setting("resnet-cifar10-best", "ResNet-20", "learning_rate")


def errors_of(variant, part="train"):
    """Of the recorded runs on CIFAR-10, in per cent, by epoch: their mean."""
    record = records.load_record("resnet-cifar10-quick")
    return 100 * (1 - records.curves(record, variant, f"{part}_accuracy").mean(0))


def digit_errors(depth) -> float:
    """Among the test digits, with shortcuts: the mean of the seeds."""
    record = records.load_record("resnet-digits")
    assert record["data"]["test"] == 1000
    return np.mean(records.finals(record, f"residual-{depth}"))


def longest_gradient() -> float:
    """Of plain-56 after the last epoch, in that of residual-56, over all units."""
    record = records.load_record("resnet-cifar10-quick")
    plain, residual = (
        np.array(
            [
                records.curves(record, kind, unit)[:, -1].mean()
                for unit in dissection.units_of(resnet.CifarResNet(56))
            ]
        )
        for kind in ("plain-56", "residual-56")
    )
    return (plain / residual).max()


FACTS = [
    computed("with maps that wrap round, {:.1f} is left", left_without_a_rim),
    cited(
        "In 2015 networks of up to 152 layers won the ImageNet contest",
        "he2016",
    ),
    computed(
        "how to count ResNet-50's {} layers and {:,} parameters",
        lambda: (
            lambda net: (dissection.count_depth(net), counting.count_parameters(net))
        )(network("resnet50")),
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
        r"\underbrace{{{}\cdot {}}}_{{1\times 1}} = {:,}, \tag{{10.2}}$$ instead "
        r"of $2\cdot 9\cdot {}\cdot {} = {:,}$.",
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
        "four stages follow, of {}, {}, {} and {} maps",
        lambda: tuple(
            stage[0].conv1.out_channels
            for stage in (lambda n: (n.layer1, n.layer2, n.layer3, n.layer4))(
                network("resnet18")
            )
        ),
    ),
    computed(
        "on {}×{}, {}×{}, {}×{} and 7×7 pixels",
        lambda: ((224 // 4, 224 // 4, 224 // 8, 224 // 8, 224 // 16, 224 // 16)),
    ),
    cited(
        'says 3.8 billion "FLOPs" for ResNet-50',
        "he2016",
    ),
    computed(
        "That costs {:.0f} % more work",
        lambda: (lambda a, b: 100 * (b / a - 1))(
            *[
                counting.count_macs(network("resnet50", stride_at=s), (3, 224, 224))
                for s in ("1x1", "3x3")
            ]
        ),
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
    cited(
        "The [paper of 2015]",
        "he2016",
    ),
    computed(
        "were the best of four on {:,} photographs held out",
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
                errors_of("residual-56", "test")[-1],
            )
        ),
    ),
    computed(
        "the difference is {} plus signs",
        lambda: len(dissection.units_of(resnet.CifarResNet(56))),
    ),
    computed(
        "the deeper network had fallen below {:.1f} % after {} epochs",
        lambda: (
            lambda plain, residual: (
                plain[-1],
                next(k for k, v in enumerate(residual, 1) if v < plain[-1]),
            )
        )(errors_of("plain-56"), errors_of("residual-56")),
    ),
    cited(
        "of the year before: 3.57 % top-5 errors with six networks together",
        "he2016",
    ),
    cited("(GoogLeNet: 6.67 % with seven)", "szegedy2014"),
    cited("4.49 % with one, on the validation images", "he2016"),
    computed(
        "two plain networks, of {} and of {} layers",
        lambda: tuple(dissection.count_depth(resnet.CifarResNet(d)) for d in (20, 56)),
    ),
    computed(
        "They learnt CIFAR-10 for {} epochs ({:,} steps",
        lambda: (lambda r: (r.epochs, r.epochs * -(-50_000 // r.batch_size)))(
            experiments.EXPERIMENTS["resnet-cifar10-quick"].variants["plain-56"]
        ),
    ),
    computed(
        "five seeds each: {:,} digits of {}×{} pixels, and a small budget, four epochs "
        "or {} steps",
        lambda: (
            lambda r, e: (
                r["data"]["train"],
                28 // 2,
                28 // 2,
                e.epochs * -(-r["data"]["train"] // e.batch_size),
            )
        )(
            records.load_record("resnet-digits"),
            experiments.EXPERIMENTS["resnet-digits"].variants["plain-56"],
        ),
    ),
    computed(
        "and you have {} layers that make as few errors",
        lambda: dissection.count_depth(resnet.DigitResNet(20 + 2 * 6, False)),
    ),
    computed(
        "(`resnet-shortcuts`): errors among {:,}",
        lambda: records.load_record("resnet-shortcuts")["data"]["test"],
    ),
    cited(
        "top-1 errors of 25.03 % with A, 24.52 with B and 24.19 with C, for 34 layers",
        "he2016",
    ),
    computed("what holds it back within {} steps", lambda: 4 * -(-4000 // 64)),
    computed(
        "two 3×3 convolutions of {} maps, {:,}.",
        lambda: (64, 2 * 9 * 64 * 64),
    ),
    computed(
        r"$1 + 3\,(3+4+6+3) + 1 = {}$",
        lambda: 1 + 3 * sum(zoo.ARCHITECTURES["resnet50"][2]) + 1,
    ),
    computed(
        "We count {:.3f}. Many programs print {:.2f}, and",
        lambda: tuple(
            counting.count_macs(network("resnet50", stride_at=s), (3, 224, 224)) / 1e9
            for s in ("1x1", "3x3")
        ),
    ),
    computed(
        "does ResNet-50 have {:,}?",
        lambda: counting.count_parameters(network("resnet50")),
    ),
    computed(
        "with option B, {:,} classes",
        lambda: network("resnet18").fc.out_features,
    ),
    computed(
        "Options A and C at {} layers",
        lambda: dissection.count_depth(network("resnet34")),
    ),
    computed(
        "VGG's fully connected layers hold {:.0f} million of its {:.0f} million.",
        lambda: (
            lambda net: (
                counting.count_parameters(net.classifier) / 1e6,
                counting.count_parameters(net) / 1e6,
            )
        )(zoo.vgg19()),
    ),
    computed(
        "without arcs and projections, has {:,} parameters, like ResNet-34 with "
        "option A",
        lambda: (lambda a, b: a if a == b else None)(
            counting.count_parameters(zoo.plain34()),
            counting.count_parameters(network("resnet34", shortcut="A")),
        ),
    ),
    computed(
        "its bias begins at −2, so that it starts nearly closed, at {:.2f}.",
        lambda: 1 / (1 + np.exp(2)),
    ),
    computed(
        "Untrained networks of {} layers",
        lambda: dissection.count_depth(resnet.DigitResNet(44)),
    ),
    computed(
        r"a mean of $1/\sqrt{{2\pi}}={:.2f}$",
        lambda: 1 / np.sqrt(2 * np.pi),
    ),
    computed(
        r"the root of ${} - {:.2f}^2 = {:.2f}$",
        lambda: (0.5, 1 / np.sqrt(2 * np.pi), 0.5 - 1 / (2 * np.pi)),
    ),
    computed(
        "normalisation divides it by {:.2f}: ${}/{:.2f} = {:.2f}$, in length "
        "{:.2f} for",
        lambda: (lambda v: (v, 0.5, v, 0.5 / v, np.sqrt(0.5 / v)))(
            0.5 - 1 / (2 * np.pi)
        ),
    ),
    computed("a mean square of ${}$", lambda: 0.5),
    computed("weights make it ${}/{}$", lambda: (0.5, 0.5)),
    computed("our first stage has {:.1f} as well", growth_in_the_first_stage),
    computed(
        "A plain network of {} layers, which learnt well in section 10.1",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    computed(
        "the one of {} layers included",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    computed("of the first point, a promised fall of {}", lambda: 0.025),
    computed(
        r"With $\|g\|=2$ and $\eta={}$ that is ${}\cdot 4={}$",
        lambda: (0.05, 0.05, 0.05 * 2**2),
    ),
    computed(
        "We train at rates of up to {}",
        lambda: (
            experiments.EXPERIMENTS["resnet-digits"].variants["plain-56"].learning_rate
        ),
    ),
    computed("grows by about {:.1f} a layer", growth_in_the_first_stage),
    computed(
        "The plain network of {} layers breaks its promise",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    computed(
        "{:,} digits, two epochs, {} steps. On such a budget, {} layers are deep",
        lambda: (3000, 2 * -(-3000 // 64), 32),
    ),
    computed(
        "In {} steps the means stay near {:.2f}",
        lambda: (2 * -(-3000 // 64), 1 / (1 + np.exp(2))),
    ),
    computed(
        "here are the {} plain layers that section 10.1 promised: those of the "
        "trained network of {}",
        lambda: (20 + 2 * 6, 20),
    ),
    computed(
        "the two networks of {} layers, with nine units each, and the residual one of "
        "{}",
        lambda: (lambda a, b: (20, 32) if (a, b) == (9, 15) else None)(
            *(len(dissection.units_of(resnet.DigitResNet(d))) for d in (20, 32))
        ),
    ),
    cited("did this with 110 layers, after", "veit2016"),
    cited("along short ones, of 10 to 34 layers in a network of 110", "veit2016"),
    cited("A 3×3 in 32 groups", "xie2017"),
    computed(
        r"$$\underbrace{{{}\cdot {}}}_{{1\times 1}} + \underbrace{{9\cdot {}\cdot "
        r"{}\,/\,{}}}_{{3\times 3,\ {}\ \text{{groups}}}} + "
        r"\underbrace{{{}\cdot {}}}_{{1\times 1}} = {:,}.",
        lambda: (
            *(256, 128, 128, 128, 32, 32, 128, 256),
            sum(
                p.numel()
                for p in plus_sign.ResNeXtUnit(256, 256).parameters()
                if p.ndim == 4
            ),
        ),
    ),
    cited("2.25 % top-5 errors in the last contest, 2017", "hu2018"),
    computed(
        r"contributes {} maps, so that six units turn {} maps into "
        r"${} + 6\cdot {} = {}$",
        lambda: (32, 64, 64, 32, 64 + 6 * 32),
    ),
    cited("where the unit of 2015 has its ReLU", "he2016"),
    computed(
        "Here are the networks of {} and {} layers of section 10.1",
        lambda: tuple(dissection.count_depth(resnet.CifarResNet(d)) for d in (20, 56)),
    ),
    computed(
        "three such stages of $n$ units, with {}, {} and {} maps",
        lambda: (
            lambda net: tuple(
                stage[-1].conv2.out_channels
                for stage in (net.layer1, net.layer2, net.layer3)
            )
        )(resnet.CifarResNet(20)),
    ),
    computed(
        "ResNet-50 would take {:.2f} with the stride there",
        lambda: (
            counting.count_macs(network("resnet50", stride_at="3x3"), (3, 224, 224))
            / 1e9
        ),
    ),
    computed(
        "--quick`, {} epochs by the recipe of section 10.7, in batches of {}",
        lambda: (lambda recipe: (recipe.epochs, recipe.batch_size))(
            experiments.EXPERIMENTS["resnet-cifar10-quick"].variants["plain-56"]
        ),
    ),
    computed(
        "The paper's recipe of {} epochs",
        lambda: experiments.EXPERIMENTS["resnet-cifar10"].variants["plain-56"].epochs,
    ),
    cited(
        "test errors of 8.75 % for 20 layers with shortcuts, 6.97 % for 56 and 6.43 % "
        "for 110",
        "he2016",
    ),
    computed(
        "on the same {} training photographs, for {} layers",
        lambda: (PROBED, dissection.count_depth(resnet.CifarResNet(56))),
    ),
    computed(
        "the plain network's are up to {:.1f} times as long",
        longest_gradient,
    ),
    cited("keeps the gradients of their plain networks healthy", "he2016"),
    cited("as the authors said themselves", "he2016"),
    cited("as the authors said: that it vanishes", "he2016"),
    cited("Three months later the same authors", "he2016identity"),
    cited("does one core come to the paper's 8.75 %", "he2016"),
    computed(
        "Twice the epochs, {}, are what patience",
        lambda: (lambda long, short: long if long == 2 * short else None)(
            setting("resnet-cifar10-best", "ResNet-20", "epochs"),
            setting("resnet-cifar10-quick", "residual-20", "epochs"),
        ),
    ),
    computed("Is {}, our first guess, a good angle?", rate_of_muon),
    computed(
        "on {:,} of the photographs, with one seed, and count the errors among the "
        "other {:,}",
        lambda: (lambda data: (data["train"], data["test"]))(
            records.load_record("resnet-cifar10-choice")["data"]
        ),
    ),
    computed(
        "{} and {} are alike, and ahead of {} and of SGD. So the guess",
        lambda: (rate_of_muon(), 0.05, 0.01),
    ),
    computed("And {} layers? By the same recipe", lambda: 56),
    cited("The paper has 6.97 % after 164 epochs", "he2016"),
    computed(
        "SGD, given {} of them with one seed and at one rate, comes from {:.0f} % to "
        "{:.2f}, and so by itself below the paper's error. Muon takes off another "
        "{:.1f} to {:.1f} points, with each",
        lambda: (
            setting("resnet-cifar10-sgd", "ResNet-20", "epochs"),
            sum(last_errors("networks-cifar10")) / 2,
            *last_errors("resnet-cifar10-sgd"),
            last_errors("resnet-cifar10-sgd")[0]
            - max(last_errors("resnet-cifar10-best")),
            last_errors("resnet-cifar10-sgd")[0]
            - min(last_errors("resnet-cifar10-best")),
        ),
    ),
    computed(
        "with {} layers it makes {:.0f} errors of {:,} on average, with {} it makes "
        "{:.0f}, though",
        lambda: (20, digit_errors(20), 1000, 56, digit_errors(56)),
    ),
    computed(
        "with shortcuts {} layers beat {}, on photographs",
        lambda: (
            (56, 20)
            if errors_of("residual-56")[-1] < errors_of("residual-20")[-1]
            else None
        ),
    ),
    computed(
        r"ResNet-50 is made of bottlenecks: $1 + 3\cdot {} + 1$ layers, {:,} "
        r"parameters, {:.2f} billion MACs",
        lambda: (
            sum(zoo.ARCHITECTURES["resnet50"][2]),
            counting.count_parameters(network("resnet50")),
            counting.count_macs(network("resnet50"), (3, 224, 224)) / 1e9,
        ),
    ),
]
