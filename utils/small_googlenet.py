"""A small GoogLeNet, of the same blocks, for images of 32 x 32 or 28 x 28.

Who copies it takes alexnet.py and inception.py along.
"""

import torch
import torch.nn.functional as F
from torch import nn

from utils.alexnet import IMAGES, Standardize
from utils.inception import (
    AuxiliaryClassifier,
    convolution,
    inception_blocks,
    initialize,
    two_threes,
)

SMALL_MODULES = {
    "3a": (24, (24, 32), (16, 16), 8),
    "3b": (32, (32, 48), (16, 16), 16),
    "4a": (40, (40, 64), (24, 24), 16),
    "4b": (40, (40, 64), (24, 24), 16),
    "5a": (64, (64, 96), (32, 32), 32),
}


def small_stem(in_channels, batch_norm):
    """(N, C, H, W) -> (N, 32, H / 2, W / 2)."""
    return nn.Sequential(
        convolution(in_channels, 32, 3, batch_norm=batch_norm), nn.MaxPool2d(2)
    )


def small_classifiers(in_channels, num_classes, batch_norm):
    """The auxiliary classifiers on 3b and 4a of the small network."""
    side = IMAGES[in_channels][0] // 2  # of the maps behind the stem
    little = {"channels": 16, "hidden": 64, "dropout": 0}
    little["batch_norm"] = batch_norm
    return nn.ModuleDict(
        {
            "3b": AuxiliaryClassifier(112, side, num_classes, **little),
            "4a": AuxiliaryClassifier(144, side // 2, num_classes, **little),
        }
    )


class SmallGoogLeNet(nn.Module):
    """GoogLeNet for small images: (N, 3, 32, 32) or (N, 1, 28, 28) -> (N, classes).

    Pixels from 0 to 1. In training, with auxiliary classifiers, a tuple: its own
    logits, theirs on 3b, on 4a. `in_channels` is 3 or 1. It lies in channels-last
    order, which is twice as fast on a CPU.
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
        kind = {"window": window, "batch_norm": batch_norm}
        self.standardize = Standardize(*IMAGES[in_channels][1:])
        self.stem = small_stem(in_channels, batch_norm)
        self.blocks = inception_blocks(32, SMALL_MODULES, **kind)
        self.output = nn.Linear(224, num_classes)
        heads = small_classifiers(in_channels, num_classes, batch_norm)
        self.heads = heads if aux_classifiers else nn.ModuleDict()
        initialize(self.to(memory_format=torch.channels_last))

    def forward(self, images):
        if images.shape[1] != self.stem[0][0].in_channels:
            raise ValueError(f"images {tuple(images.shape)}: other channels")
        block, x = self.blocks, self.stem(self.standardize(images))
        x = low = block["3b"](block["3a"](x))  # (N, 112, 16, 16)
        x = high = block["4a"](F.max_pool2d(x, 2))  # (N, 144, 8, 8)
        x = block["5a"](F.max_pool2d(block["4b"](x), 2))  # (N, 224, 4, 4)
        logits = self.output(x.mean(dim=(2, 3)))
        if not (self.training and self.heads):
            return logits
        return logits, self.heads["3b"](low), self.heads["4a"](high)
