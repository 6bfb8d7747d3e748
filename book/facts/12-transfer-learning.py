"""Where the numbers of chapter 12 come from."""

import numpy as np
import torch
from torch import nn

from book.facts import cited, computed
from utils import counting, records, transfer, zoo
from utils.lenet import LeNet5
from utils.resnet import CifarResNet


def features(depth):
    """Of LeNet-5, cut off so early."""
    return transfer.up_to(LeNet5(), depth)(torch.zeros(1, 1, 28, 28)).shape[1]


def tiles():
    """Of a photograph as large as those of section 12.8, and black."""
    return transfer.tiles([np.zeros((384, 576, 3), np.uint8)], 0)


LABELS = (10, 20, 50, 100, 500, 1000)


def worse(labels):
    """On how many draws fine-tuning from clothes was worse than from scratch."""
    record = records.load_record("transfer-fashion-mnist")
    errors = [
        records.finals(record, f"{w}, {labels}") for w in ("fine-tuned", "scratch")
    ]
    return sum(tuned > fresh for tuned, fresh in zip(*errors, strict=True))


def gains(task):
    """Least and largest lead of fine-tuning over a fresh start, in points."""
    leads = []
    for n in LABELS:
        _, tuned, fresh = right(task, n)
        leads.append(tuned - fresh)
    return min(leads), max(leads)


def right(task, labels):
    """Frozen, fine-tuned and from scratch: right answers, mean of the draws, in %."""
    record = records.load_record(f"transfer-{task}")
    return [
        100 * np.mean(records.finals(record, f"{way}, {labels}", "test_accuracy"))
        for way in ("frozen", "fine-tuned", "scratch")
    ]


FACTS = [
    *(
        computed(
            f"{says}): {{:.0f}}, {{:.0f}}, {{:.0f}}.",
            lambda task=task, labels=labels: (labels, *right(task, labels)),
        )
        for says, task, labels in (
            ("(vehicles after animals, {} labels", "animals-vehicles", 10),
            ("*akin, many* ({:,}", "animals-vehicles", 1000),
            ("(digits after clothes, {}", "fashion-mnist", 10),
            ("*alien, many* ({:,}", "fashion-mnist", 1000),
        )
    ),
    computed(
        "of a tile of {} pixels only one place would be left",
        lambda: tiles().x.shape[-1],
    ),
    computed(
        "in LeNet-5, F6 makes {} features and ten neurons judge them",
        lambda: features(4),
    ),
    computed(
        r"a head for 5 classes on {} features has ${}\cdot5+5={}$ parameters",
        lambda: (features(4), features(4), features(4) * 5 + 5),
    ),
    computed(
        "where LeNet-5 with five classes has {:,}",
        lambda: counting.count_parameters(
            transfer.with_head(LeNet5(), nn.Linear(84, 5)), True
        ),
    ),
    computed(
        r"the distances are $\sqrt{{2}}$ and $\sqrt{{{}}}$", lambda: 2**2 + 0.5**2
    ),
    computed(
        "lays them flat: {:,}, {} and {} numbers",
        lambda: tuple(features(depth) for depth in (1, 2, 3)),
    ),
    computed("a head on its {} features", lambda: features(2)),
    computed("random one; {} test digits)", lambda: 5 * 100),
    computed("three draws of {} labels", lambda: 500),
    computed(
        "With an internet connection (and {:.0f} MB to download)",
        lambda: 4 * counting.count_parameters(zoo.build("resnet18"), True) / 1e6,
    ),
    computed(
        "each field into tiles of {} pixels",
        lambda: tiles().x.shape[-1],
    ),
    computed(
        "with {} tiles per field to learn from",
        lambda: int((tiles().y == 0).sum()),
    ),
    computed(
        "the {:,} clothes of Fashion-MNIST",
        lambda: records.load_record("transfer-fashion")["data"]["train"],
    ),
    computed(
        "Five draws of labels, {:,} test digits",
        lambda: records.load_record("transfer-fashion-mnist")["data"]["test"],
    ),
    computed(
        "with {}, {}, {} and {} labels, each time in the mean and on four draws of "
        "five",
        lambda: tuple(n for n in LABELS if worse(n) == 4),
    ),
    computed(
        "The exception is {} labels",
        lambda: next(n for n in LABELS if not worse(n)),
    ),
    computed(
        "by {:.0f} to {:.0f} points for vehicles after animals, by {:.0f} to {:.0f} "
        "for animals after vehicles",
        lambda: gains("animals-vehicles") + gains("vehicles-animals"),
    ),
    computed(
        "the {:,} clothes hurt, and {:,} vehicles help",
        lambda: (
            records.load_record("transfer-fashion")["data"]["train"],
            records.load_record("transfer-vehicles")["data"]["train"],
        ),
    ),
    computed(
        "(fine-tuned at the rate {}, the others at {})",
        lambda: tuple(
            records.load_record("transfer-vehicles-animals")["variants"][f"{way}, 10"][
                "learning_rate"
            ]
            for way in ("fine-tuned", "scratch")
        ),
    ),
    cited("between two halves of ImageNet, with 500 classes each", "yosinski2014"),
    computed(
        "five draws of labels, {:,} test photographs",
        lambda: records.load_record("transfer-animals-vehicles")["data"]["test"],
    ),
    computed(
        "it judges the means of {} maps of {}×{}",
        lambda: tuple(CifarResNet(20).layer3(torch.zeros(1, 32, 16, 16)).shape[1:]),
    ),
    computed("A grey square of {}×{} pixels", lambda: (3 * 32 // 8, 3 * 32 // 8)),
    computed(
        "ten guesses of {} fall",
        lambda: len(
            records.wrong_images(
                records.kept_run(records.load_record("resnet-cifar10-quick"))
            )
        ),
    ),
    cited("ImageNet's 1.28 million photographs", "he2016"),
]
