"""Recorded runs of chapter 13."""

import functools
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

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


class CoinFlip(AlternatingFlip):
    """Mirrors half of the images, by coins: whatever comes after them."""

    def __call__(self, images):
        heads = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        return super().__call__(torch.where(heads, images.flip(3), images))


def narrow(whitened=True, dirac=True):
    """A quarter of the fast network's work, without one or the other of its tricks."""
    net = FastNet((32, 128, 128))
    if not whitened:
        net.stem[0] = nn.Conv2d(3, 24, 2)
    for layer in net.blocks.modules() if not dirac else ():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    return net


NARROW = replace(FAST, model=narrow)

EXPERIMENTS = {
    "fast-cifar10": Experiment(
        "A network that is to reach 94 % on CIFAR-10 in ten epochs",
        data="cifar10",
        variants={"fast": FAST},
        seeds=(0, 1, 2, 3, 4),
    ),
    "fast-tricks": Experiment(
        "A narrower fast network on 20,000 images, without one of its tricks at a time",
        data="cifar10",
        variants={
            "all": NARROW,
            "no whitening": replace(
                NARROW, model=functools.partial(narrow, whitened=False)
            ),
            "no dirac": replace(NARROW, model=functools.partial(narrow, dirac=False)),
            "flips by coins": replace(NARROW, augment=CoinFlip()),
            "no smoothing": replace(NARROW, loss=F.cross_entropy),
            "no lookahead": replace(NARROW, average=None),
            "one rate": replace(
                NARROW, optimizer=functools.partial(fast_sgd, bias_scale=1)
            ),
        },
        first=20_000,
        validation=5_000,
    ),
}
