"""Recorded runs of chapter 8."""

import functools
from dataclasses import replace

from torch import nn

from utils.alexnet import SmallAlexNet
from utils.experiments.recipes import SGD, Experiment, Recipe, by_rate

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
}
