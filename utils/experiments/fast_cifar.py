"""Recorded runs of chapter 13."""

import functools
from dataclasses import replace

import torch
import torch.nn.functional as F

from utils.experiments.recipes import Experiment, Recipe
from utils.fast_cifar import (
    AlternatingFlip,
    FastNet,
    Lookahead,
    Views,
    fast_sgd,
    triangle,
)

FAST = Recipe(
    FastNet,
    epochs=10,
    batch_size=1024,
    optimizer=fast_sgd,
    learning_rate=1.5,
    schedule=triangle,
    loss=functools.partial(F.cross_entropy, label_smoothing=0.2),
    augment=AlternatingFlip(),
    autocast=torch.bfloat16,
    average=Lookahead,
    views=Views,
)

EXPERIMENTS = {
    "fast-cifar10-choice": Experiment(
        "The fast network at several learning rates, on 5,000 images held out from the "
        "training set",
        data="cifar10",
        variants={f"{rate:g}": replace(FAST, learning_rate=rate) for rate in (1.5, 1)},
        seeds=(0,),
        validation=5_000,
    ),
    "fast-cifar10": Experiment(
        "A network that is to reach 94 % on CIFAR-10 in ten epochs",
        data="cifar10",
        variants={"fast": FAST},
        seeds=(0, 1, 2, 3, 4),
    ),
}
