"""Recorded runs of chapter 10, that of all the networks included."""

import functools
from dataclasses import replace

import torch

from utils.alexnet import SmallAlexNet
from utils.augmentation import RandomCropFlip
from utils.dissection import gradients_by_depth
from utils.experiments.recipes import SGD, Experiment, Recipe, by_depth, by_rate
from utils.lenet import LeNet5
from utils.optimizers import Muon
from utils.resnet import CifarResNet, DigitResNet
from utils.small_googlenet import SmallGoogLeNet


def two_drops(optimizer, steps):
    """A tenth of the rate after half the steps, a hundredth after three quarters."""
    drops = [steps // 2, 3 * steps // 4]
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)


# The same recipe for all nets: short, so that two cores do it in hours.
RESNET = Recipe(
    CifarResNet,
    epochs=20,
    batch_size=128,
    optimizer=SGD,
    learning_rate=0.1,
    augment=RandomCropFlip(padding=4),
    autocast=torch.bfloat16,
    probe=gradients_by_depth,
)
# The paper's recipe (section 4.2): 64,000 steps.
RESNET_PAPER = replace(
    RESNET,
    epochs=164,
    optimizer=functools.partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-4),
    schedule=two_drops,
    autocast=None,
)
# At the level of the paper, in 40 epochs.
RESNET_BEST = {
    f"ResNet-{depth}": replace(
        RESNET,
        model=functools.partial(CifarResNet, depth),
        epochs=40,
        optimizer=Muon,
        learning_rate=0.02,
        probe=None,
    )
    for depth in (20, 56)
}
# As long, by the optimizer of the other runs.
RESNET_SGD = replace(RESNET_BEST["ResNet-20"], optimizer=SGD, learning_rate=0.1)
# The networks of the book by the same recipe, but for the learning rate.
NETWORKS = {
    name: replace(RESNET, model=model, learning_rate=rate, probe=None)
    for name, model, rate in (
        ("LeNet-5", functools.partial(LeNet5, channels=3), 0.1),
        ("AlexNet", SmallAlexNet, 0.03),
        ("AlexNet, no dropout", functools.partial(SmallAlexNet, dropout=0), 0.03),
        ("GoogLeNet", functools.partial(SmallGoogLeNet, aux_classifiers=False), 0.1),
        ("ResNet-20", functools.partial(CifarResNet, 20), 0.1),
    )
}
RESNET_DIGITS = Recipe(DigitResNet, epochs=4, optimizer=SGD, learning_rate=0.1)

EXPERIMENTS = {
    "resnet-digits": Experiment(
        "Plain and residual nets of 8 to 56 layers on 4,000 small digits, in 4 epochs",
        data="mnist5k",
        variants=by_depth(RESNET_DIGITS, DigitResNet, (8, 14, 20, 32, 44, 56)),
        seeds=(0, 1, 2, 3, 4),
    ),
    "resnet-shortcuts": Experiment(
        "Options A, B and C for the shortcuts of a net of 20 layers, on 4,000 small "
        "digits",
        data="mnist5k",
        variants={
            option: replace(
                RESNET_DIGITS, model=functools.partial(DigitResNet, 20, shortcut=option)
            )
            for option in "ABC"
        },
        seeds=(0, 1, 2, 3, 4),
    ),
    "resnet-cifar10-quick": Experiment(
        "Plain and residual nets of 20 and 56 layers on CIFAR-10, in 20 epochs",
        data="cifar10",
        variants=by_depth(RESNET, CifarResNet, (20, 56)),
        keep=("residual-20", 0),
    ),
    "networks-choice": Experiment(
        "Which learning rate serves LeNet-5 and the small AlexNet on CIFAR-10 by the "
        "recipe of the residual nets, on 5,000 images held out from the training set",
        data="cifar10",
        variants=by_rate(
            {
                name: NETWORKS[name]
                for name in ("LeNet-5", "AlexNet", "AlexNet, no dropout")
            },
            (0.01, 0.03, 0.1, 0.3),
        ),
        seeds=(0,),
        validation=5_000,
    ),
    "networks-cifar10": Experiment(
        "The networks of the book on CIFAR-10 by one recipe, in 20 epochs",
        data="cifar10",
        variants=NETWORKS,
        seeds=(0, 1),
    ),
    "resnet-cifar10-choice": Experiment(
        "Which optimizer serves ResNet-20 on CIFAR-10, in 8 epochs, on 5,000 images "
        "held out from the training set",
        data="cifar10",
        variants=by_rate({"SGD": RESNET_SGD}, (0.1,), epochs=8)
        | by_rate({"Muon": RESNET_BEST["ResNet-20"]}, (0.01, 0.02, 0.05), epochs=8),
        seeds=(0,),
        validation=5_000,
    ),
    "resnet-cifar10-best": Experiment(
        "The residual net of 20 layers on CIFAR-10, in 40 epochs, by Muon",
        data="cifar10",
        variants={"ResNet-20": RESNET_BEST["ResNet-20"]},
    ),
    "resnet-cifar10-sgd": Experiment(
        "The residual net of 20 layers on CIFAR-10, in 40 epochs, by SGD",
        data="cifar10",
        variants={"ResNet-20": RESNET_SGD},
        seeds=(0,),
    ),
    "resnet56-cifar10-best": Experiment(
        "The residual net of 56 layers on CIFAR-10, in 40 epochs, by Muon",
        data="cifar10",
        variants={"ResNet-56": RESNET_BEST["ResNet-56"]},
        seeds=(0,),
    ),
    "resnet-cifar10": Experiment(
        "Plain and residual nets of 20 and 56 layers on CIFAR-10, by the recipe of the "
        "paper: 164 epochs, for a GPU",
        data="cifar10",
        variants=by_depth(RESNET_PAPER, CifarResNet, (20, 56)),
        seeds=(0,),
    ),
}
