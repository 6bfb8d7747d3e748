"""Recorded runs of chapter 9."""

import functools
from dataclasses import replace

import torch

from utils.augmentation import RandomCropFlip
from utils.dissection import stem_gradient
from utils.experiments.recipes import SGD, Experiment, Recipe
from utils.inception import auxiliary_loss, five_by_five
from utils.small_googlenet import SmallGoogLeNet

INCEPTION = Recipe(
    SmallGoogLeNet,
    epochs=20,
    batch_size=128,
    optimizer=SGD,
    learning_rate=0.1,
    loss=auxiliary_loss,
    augment=RandomCropFlip(padding=4),
    autocast=torch.bfloat16,
    probe=functools.partial(stem_gradient, loss=auxiliary_loss),
)
NO_HEADS = replace(
    INCEPTION, model=functools.partial(SmallGoogLeNet, aux_classifiers=False)
)

EXPERIMENTS = {
    "inception-cifar10": Experiment(
        "A small GoogLeNet on CIFAR-10, with and without auxiliary heads, and with "
        "5×5 convolutions in place of two 3×3",
        data="cifar10",
        variants={
            "heads": INCEPTION,
            "no heads": NO_HEADS,
            "no heads, 5×5": replace(
                NO_HEADS, model=functools.partial(NO_HEADS.model, window=five_by_five)
            ),
        },
    ),
}
