"""A small GoogLeNet, of the same blocks, for images of 32 x 32 or 28 x 28."""

import torch
from torch import nn

from utils.inception import (
    AuxiliaryClassifier,
    convolution,
    inception_blocks,
    initialize,
    two_threes,
)


class Standardize(nn.Module):
    """(images - mean) / std for each channel: (N, C, H, W) -> the same shape."""

    def __init__(self, mean, std):
        super().__init__()
        shape = (1, len(mean), 1, 1)
        self.register_buffer("mean", torch.tensor(mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(shape), persistent=False)

    def forward(self, images):
        if not images.is_floating_point():
            raise ValueError(f"images must be pixels / 255, got {images.dtype}")
        return (images - self.mean) / self.std


# Side, mean and standard deviation of MNIST's and of CIFAR-10's images.
IMAGES = {
    1: (28, (0.1307,), (0.3081,)),
    3: (32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}
SMALL_MODULES = {
    "3a": (24, (24, 32), (16, 16), 8),
    "3b": (32, (32, 48), (16, 16), 16),
    "4a": (40, (40, 64), (24, 24), 16),
    "4b": (40, (40, 64), (24, 24), 16),
    "5a": (64, (64, 96), (32, 32), 32),
}


def little_classifiers(size, num_classes, batch_norm=True):
    """The auxiliary classifiers on 3b and 4a, by name, for images of this size."""
    little = {"channels": 16, "hidden": 64, "dropout": 0, "batch_norm": batch_norm}
    return {
        "3b": AuxiliaryClassifier(112, size // 2, num_classes, **little),
        "4a": AuxiliaryClassifier(144, size // 4, num_classes, **little),
    }


class SmallGoogLeNet(nn.Module):
    """GoogLeNet for small images: (N, 3, 32, 32) or (N, 1, 28, 28) -> (N, classes).

    Pixels from 0 to 1. In training, with auxiliary classifiers, a tuple: its own
    logits, theirs on 3b, on 4a. `in_channels` is 3 or 1.
    """

    def __init__(
        self,
        num_classes=10,
        in_channels=3,
        aux_classifiers=True,
        window=two_threes,
        batch_norm=True,
    ):
        super().__init__()
        size, mean, std = IMAGES[in_channels]
        norm = {"batch_norm": batch_norm}
        self.standardize = Standardize(mean, std)
        self.stem = nn.Sequential(
            convolution(in_channels, 32, 3, **norm),  # (N, 32, 32, 32)
            nn.MaxPool2d(2),
        )
        self.blocks = inception_blocks(32, SMALL_MODULES, window=window, **norm)
        self.pool = nn.MaxPool2d(2)
        self.output = nn.Linear(224, num_classes)
        heads = little_classifiers(size, num_classes, **norm)
        self.heads = nn.ModuleDict(heads if aux_classifiers else {})
        initialize(self)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def forward(self, images):
        if images.shape[1] != self.stem[0][0].in_channels:
            raise ValueError(f"images {tuple(images.shape)} have other channels")
        block, x = self.blocks, self.stem(self.standardize(images))
        x = low = block["3b"](block["3a"](x))  # (N, 112, 16, 16)
        x = high = block["4a"](self.pool(x))  # (N, 144, 8, 8)
        x = block["5a"](self.pool(block["4b"](x)))  # (N, 224, 4, 4)
        logits = self.output(x.mean(dim=(2, 3)))
        if not (self.training and self.heads):
            return logits
        return logits, self.heads["3b"](low), self.heads["4a"](high)
