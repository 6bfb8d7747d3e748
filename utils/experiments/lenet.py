"""Recorded runs of chapter 6."""

import functools
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from utils.augmentation import MeanOfViews, RandomDistortion
from utils.experiments.recipes import Experiment, Recipe
from utils.lenet import LeNet5, LeNet5Original, as_input, map_loss


class Rearranged(nn.Module):
    """LeNet-5's budget of parameters, spent as one would today: 61,306 of them.

    Four convolutions with batch normalisation (Ioffe and Szegedy 2015) and ReLU, then
    global pooling (Lin and others 2013) in place of the full layers that hold most of
    LeNet-5's parameters. It does five times the work of LeNet-5.
    """

    def __init__(self):
        super().__init__()

        def convolution(inputs, outputs, kernel_size, padding):
            return [
                nn.Conv2d(inputs, outputs, kernel_size, padding=padding, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]

        self.features = nn.Sequential(
            *convolution(1, 16, 5, padding=0),  # (N, 16, 24, 24)
            nn.MaxPool2d(2),  # (N, 16, 12, 12)
            *convolution(16, 32, 3, padding=1),
            nn.MaxPool2d(2),  # (N, 32, 6, 6)
            *convolution(32, 64, 3, padding=1),
            *convolution(64, 64, 3, padding=0),  # (N, 64, 4, 4)
            nn.AdaptiveAvgPool2d(1),
        )
        self.output = nn.Linear(64, 10)

    def forward(self, images):
        x = as_input(images)[..., 2:-2, 2:-2]  # (N, 1, 28, 28)
        return self.output(self.features(x).flatten(1))


class Deeper(Rearranged):
    """Five convolutions in place of four, the last ones narrower: 56,730 parameters.

    In a layout of memory that CPUs like.
    """

    def __init__(self):
        super().__init__()

        def convolution(inputs, outputs, padding):
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=padding, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            )

        self.features = nn.Sequential(
            self.features[:7],  # (N, 32, 12, 12), as there
            convolution(32, 32, padding=1),
            nn.MaxPool2d(2),  # (N, 32, 6, 6)
            convolution(32, 48, padding=1),
            convolution(48, 64, padding=0),  # (N, 64, 4, 4)
            nn.AdaptiveAvgPool2d(1),
        )
        self.to(memory_format=torch.channels_last)


def dropped_lenet5(maps=0.25, neurons=0.5):
    """LeNet-5 with ReLU, and dropout before its three full layers, C5 among them.

    It has the 61,706 parameters of LeNet-5, in a layout of memory that CPUs like.
    """
    net = LeNet5(activation=nn.ReLU)
    net.c5 = nn.Sequential(nn.Dropout(maps), net.c5)
    net.f6 = nn.Sequential(nn.Dropout(neurons), net.f6)
    net.output = nn.Sequential(nn.Dropout(neurons), net.output)
    return net.to(memory_format=torch.channels_last)


DISTORTIONS = {
    "mild": RandomDistortion(shift=1.5, rotate=8, scale=0.08, shear=0.08, elastic=0.4),
    "medium": RandomDistortion(shift=2, rotate=12, scale=0.12, shear=0.15, elastic=0.7),
    "strong": RandomDistortion(shift=2, rotate=15, scale=0.2, shear=0.2, elastic=1.0),
    # Mild, but bent as much as in the paper of 2003.
    "bent": RandomDistortion(shift=1.5, rotate=8, scale=0.08, shear=0.08, elastic=1.2),
}
DECAYED = functools.partial(torch.optim.AdamW, weight_decay=0.05)
SMOOTHED = functools.partial(F.cross_entropy, label_smoothing=0.1)
MORE_DECAYED = functools.partial(torch.optim.AdamW, weight_decay=0.5)
TANH = Recipe(LeNet5, epochs=20, learning_rate=2e-3)
RELU = replace(TANH, model=functools.partial(LeNet5, activation=nn.ReLU))
SHORT = {"epochs": 12, "batch_size": 128, "learning_rate": 3e-3}
ORIGINAL = Recipe(LeNet5Original, epochs=15, learning_rate=5e-3, loss=map_loss)
LECTURE = replace(TANH, epochs=15, optimizer=DECAYED)
REARRANGED = Recipe(
    Rearranged,
    epochs=20,
    batch_size=128,
    optimizer=DECAYED,
    learning_rate=3e-3,
    augment=DISTORTIONS["medium"],
)
# At the level of the papers, from the same budget of parameters.
DROPPED = replace(LECTURE, model=dropped_lenet5, epochs=30)
DEEPER = replace(
    REARRANGED,
    model=Deeper,
    epochs=30,
    augment=DISTORTIONS["mild"],
    autocast=torch.bfloat16,
    average=0.999,
)
LONG = replace(DEEPER, epochs=60, average=None)
# Answers for six views of a digit, at the ends of what the mild distortions draw.
VIEWED = replace(
    LONG,
    epochs=80,
    views=functools.partial(MeanOfViews, rotate=8, scale=0.08, shear=0.08),
)

EXPERIMENTS = {
    "lenet5-choice": Experiment(
        "Which activation, which distortions and whether weight decay serve LeNet-5, "
        "on 10,000 images held out from the training set",
        data="mnist",
        variants={
            "tanh": TANH,
            "tanh, decay": replace(TANH, optimizer=DECAYED),
            "tanh, more decay": replace(TANH, optimizer=MORE_DECAYED),
            "tanh, smoothing": replace(TANH, loss=SMOOTHED),
            "tanh, decay, smoothing": replace(TANH, optimizer=DECAYED, loss=SMOOTHED),
            "tanh, mild": replace(TANH, **SHORT, augment=DISTORTIONS["mild"]),
            "tanh, medium": replace(TANH, **SHORT, augment=DISTORTIONS["medium"]),
            "ReLU, mild": replace(RELU, **SHORT, augment=DISTORTIONS["mild"]),
            "ReLU, medium": replace(RELU, **SHORT, augment=DISTORTIONS["medium"]),
            "ReLU, strong": replace(RELU, **SHORT, augment=DISTORTIONS["strong"]),
            "ReLU, mild, long": replace(
                RELU, **SHORT | {"epochs": 40}, augment=DISTORTIONS["mild"]
            ),
            "rearranged, mild": replace(REARRANGED, augment=DISTORTIONS["mild"]),
            "rearranged, medium": REARRANGED,
            "ReLU, dropout": replace(DROPPED, epochs=20),
            "deeper, mild": replace(DEEPER, epochs=20),
            "deeper, bent": replace(DEEPER, epochs=20, augment=DISTORTIONS["bent"]),
            "deeper, mild, 60 epochs": LONG,
            "deeper, mild, 80 epochs, views": VIEWED,
        },
        seeds=(0,),
        validation=10_000,
    ),
    "lenet5": Experiment(
        "LeNet-5 on MNIST as it is: the original of 1998 and the lecture's",
        data="mnist",
        variants={
            "original": ORIGINAL,
            "lecture": LECTURE,
            "lecture, smoothed": replace(LECTURE, epochs=20, loss=SMOOTHED),
        },
    ),
    "lenet5-augmented": Experiment(
        "LeNet-5 on MNIST, every digit distorted anew in every epoch",
        data="mnist",
        variants={
            "original": replace(ORIGINAL, augment=DISTORTIONS["mild"]),
            "lecture": replace(LECTURE, epochs=20, augment=DISTORTIONS["mild"]),
            "rearranged": replace(REARRANGED, epochs=30),
        },
        keep=("lecture", 0),
    ),
    "lenet5-best": Experiment(
        "LeNet-5 at its best on MNIST as it is: ReLU, dropout, and twice the epochs",
        data="mnist",
        variants={"plain": DROPPED},
        seeds=(0, 1, 2, 3, 4),
    ),
    "lenet5-best-augmented": Experiment(
        "LeNet-5's budget of parameters at its best on MNIST, every digit distorted "
        "anew in every epoch",
        data="mnist",
        variants={
            "distorted": DEEPER,
            "distorted, 60 epochs": LONG,
            "distorted, 80 epochs, views": VIEWED,
        },
        seeds=(0, 1, 2, 3, 4),
    ),
}
