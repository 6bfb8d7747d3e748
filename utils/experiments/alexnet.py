"""Recorded runs of chapter 8."""

import functools
from dataclasses import replace

import torch
from torch import nn

from utils.alexnet import GAINS, SmallAlexNet, begin_scaled, prepared
from utils.augmentation import RandomCropFlip
from utils.experiments.recipes import SGD, Experiment, Recipe, by_rate


class FourLayers(nn.Sequential):
    """Three convolutions and a fully connected layer: the race of the paper's figure.

    It takes what `SmallAlexNet` takes. Its weights begin with the deviation `std`, or,
    if that is None, with the one that suits the activation. In a layout of memory that
    CPUs like.
    """

    def __init__(self, activation, std=None, in_channels=3):
        layers = [*prepared(in_channels).values()]  # (N, C, 32, 32)
        sizes = (in_channels, 16, 16, 32)
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            layers += [
                nn.Conv2d(inputs, outputs, 5, padding=2),
                activation(),
                nn.MaxPool2d(3, stride=2, padding=1),  # half the size
            ]
        super().__init__(*layers, nn.Flatten(), nn.Linear(32 * 4 * 4, 10))
        begin_scaled(self, GAINS[activation])
        for layer in self:
            if std is not None and hasattr(layer, "weight"):
                nn.init.normal_(layer.weight, std=std)
        self.to(memory_format=torch.channels_last)


def without(local=True, overlapping=True, dropout=True):
    """The small AlexNet with some of its ingredients left out."""
    net = SmallAlexNet(dropout=0.5 if dropout else 0.0)
    if not local:
        net.norm1, net.norm2 = nn.Identity(), nn.Identity()
    if not overlapping:  # the maps stay as large as they were
        net.pool1, net.pool2, net.pool5 = (nn.MaxPool2d(2) for _ in range(3))
    return net


def constant(optimizer, steps):
    """The same learning rate in all steps."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)


# As the paper compared them: nothing against over-fitting but a little weight decay.
RELU = Recipe(
    functools.partial(SmallAlexNet, dropout=0.0),
    epochs=10,
    batch_size=128,
    optimizer=SGD,
    learning_rate=0.08,
)
TANH = replace(
    RELU,
    model=functools.partial(SmallAlexNet, dropout=0.0, activation=nn.Tanh),
)

# As in the paper's figure: four layers, nothing against over-fitting at all.
RACE = Recipe(
    functools.partial(FourLayers, nn.ReLU),
    epochs=20,
    batch_size=32,
    optimizer=functools.partial(torch.optim.SGD, momentum=0.9),
    schedule=constant,
)
# Name -> activation, deviation of the first weights, rates tried, the fastest of them.
RUNNERS = {
    "ReLU": (nn.ReLU, None, (0.001, 0.003, 0.01), 0.003),
    "tanh": (nn.Tanh, None, (0.003, 0.01, 0.03), 0.01),
    "ReLU, σ 0.01": (nn.ReLU, 0.01, (0.003, 0.01, 0.03, 0.1), 0.01),
    "tanh, σ 0.01": (nn.Tanh, 0.01, (0.003, 0.01, 0.03, 0.1), 0.01),
}
RACERS = {
    name: replace(
        RACE,
        model=functools.partial(FourLayers, activation, std),
        learning_rate=fastest,
    )
    for name, (activation, std, _, fastest) in RUNNERS.items()
}

INGREDIENTS = Recipe(
    without,
    epochs=15,
    optimizer=functools.partial(torch.optim.SGD, momentum=0.9),
    learning_rate=0.02,
    augment=RandomCropFlip(),
)

EXPERIMENTS = {
    "alexnet-choice": Experiment(
        "Which learning rate serves the small AlexNet with ReLU and with tanh, on "
        "5,000 images held out from the training set",
        data="cifar10",
        variants=by_rate({"ReLU": RELU, "tanh": TANH}, (0.005, 0.02, 0.08)),
        seeds=(0,),
        validation=5_000,
    ),
    "alexnet-cifar10": Experiment(
        "ReLU against tanh in a small AlexNet on CIFAR-10, with nothing against "
        "over-fitting, each at the learning rate that suited it best",
        data="cifar10",
        variants={"ReLU": RELU, "tanh": TANH},
        seeds=(0,),
        keep=("ReLU", 0),
    ),
    "alexnet-race-choice": Experiment(
        "Which learning rate is the fastest for a net of four layers with ReLU and "
        "with tanh, from weights of two kinds, on 5,000 images",
        data="cifar10",
        variants={
            f"{name}, {rate:g}": replace(RACERS[name], epochs=4, learning_rate=rate)
            for name, (_, _, rates, _) in RUNNERS.items()
            for rate in rates
        },
        seeds=(0,),
        validation=1_000,
        first=5_000,
    ),
    "alexnet-race": Experiment(
        "ReLU against tanh in a net of four layers, as in the paper's figure, on "
        "5,000 images, each at the learning rate that was the fastest",
        data="cifar10",
        variants={name: RACERS[name] for name in ("ReLU", "tanh")},
        seeds=(0, 1, 2),
        validation=1_000,
        first=5_000,
    ),
    "alexnet-ingredients": Experiment(
        "The small AlexNet with and without each of its ingredients, on 4,000 images",
        data="cifar10",
        variants={
            "all": INGREDIENTS,
            "no local normalisation": replace(
                INGREDIENTS, model=functools.partial(without, local=False)
            ),
            "no overlap": replace(
                INGREDIENTS, model=functools.partial(without, overlapping=False)
            ),
            "no dropout": replace(
                INGREDIENTS, model=functools.partial(without, dropout=False)
            ),
            "no augmentation": replace(INGREDIENTS, augment=None),
            "none of them": replace(
                INGREDIENTS,
                model=functools.partial(
                    without, local=False, overlapping=False, dropout=False
                ),
                augment=None,
            ),
        },
        seeds=(0, 1, 2),
        validation=2_000,
        first=4_000,
    ),
}
