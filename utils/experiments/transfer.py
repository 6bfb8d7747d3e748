"""Recorded runs of chapter 12: a task learnt first, and another one with few labels."""

import functools
from dataclasses import replace

from torch import nn

from utils.experiments.recipes import SGD, Experiment, Recipe
from utils.experiments.resnet import RESNET
from utils.lenet import LeNet5
from utils.records import load_weights
from utils.resnet import CifarResNet
from utils.transfer import freeze, head, with_head

LABELS = (10, 20, 50, 100, 500, 1000)
VEHICLES, ANIMALS = (0, 1, 8, 9), (2, 3, 4, 5, 6, 7)
resnet20 = functools.partial(CifarResNet, 20)


def network(net, classes, source=None, frozen=False):
    """A net for so many classes; if a record of a source is named, with its body.

    Frozen, it learns nothing but its new last layer.
    """
    model = net()
    if source is not None:
        model.load_state_dict(load_weights(source))
    last = head(model)
    new = nn.Linear(model.get_submodule(last).in_features, classes)
    model = with_head(model, new)
    if frozen:
        freeze(model, [name for name, _ in model.named_children() if name != last])
    return model


def three_ways(recipe, net, classes, source, rates, passes) -> dict[str, Recipe]:
    """From scratch, fine-tuned and with frozen features, from 10 to 1,000 labels.

    All see as many images, at least 1,000, and each image about `passes` times or more.
    """
    ways = {
        "scratch": functools.partial(network, net, classes),
        "fine-tuned": functools.partial(network, net, classes, source),
        "frozen": functools.partial(network, net, classes, source, frozen=True),
    }
    return {
        f"{way}, {labels}": replace(
            recipe,
            model=model,
            learning_rate=rate,
            labels=labels,
            images=max(1000, passes * labels),
        )
        for labels in LABELS
        for (way, model), rate in zip(ways.items(), rates, strict=True)
    }


DIGITS = Recipe(LeNet5, epochs=4, optimizer=SGD, learning_rate=0.05)
PHOTOS = replace(RESNET, model=resnet20, epochs=5, probe=None)
FEW_PHOTOS = replace(PHOTOS, epochs=1, batch_size=25)


def photos(source, target, classes):
    """What is learnt first of CIFAR-10, and what with few labels then."""
    return Experiment(
        f"ResNet-20 on few {target} of CIFAR-10: from scratch, and after {source}",
        data="cifar10",
        variants=three_ways(
            FEW_PHOTOS,
            resnet20,
            len(classes),
            f"transfer-{source}",
            rates=(0.05, 0.02, 0.05),
            passes=10,
        ),
        seeds=(0, 1, 2, 3, 4),
        classes=classes,
        test=2000,
        listed=False,
    )


def source_photos(source, classes):
    return Experiment(
        f"ResNet-20 on the {source} of CIFAR-10 alone, to be used for others",
        data="cifar10",
        variants={"ResNet-20": PHOTOS},
        seeds=(0,),
        keep=("ResNet-20", 0),
        classes=classes,
    )


EXPERIMENTS = {
    "transfer-fashion": Experiment(
        "LeNet-5 on Fashion-MNIST, to be used for digits",
        data="fashion_mnist",
        variants={"LeNet-5": DIGITS},
        seeds=(0,),
        keep=("LeNet-5", 0),
    ),
    "transfer-fashion-mnist": Experiment(
        "LeNet-5 on few digits of MNIST: from scratch, and after Fashion-MNIST",
        data="mnist",
        variants=three_ways(
            replace(DIGITS, epochs=1, batch_size=25),
            LeNet5,
            10,
            "transfer-fashion",
            rates=(0.05, 0.05, 0.05),
            passes=20,
        ),
        seeds=(0, 1, 2, 3, 4),
        test=2000,
        listed=False,
    ),
    "transfer-animals": source_photos("animals", ANIMALS),
    "transfer-animals-vehicles": photos("animals", "vehicles", VEHICLES),
    "transfer-vehicles": source_photos("vehicles", VEHICLES),
    "transfer-vehicles-animals": photos("vehicles", "animals", ANIMALS),
}
