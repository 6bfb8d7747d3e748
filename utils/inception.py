"""Inception: convolutions of several sizes side by side, and 1x1 ones to pay for them.

`GoogLeNet` is the network of 2014 as published, 6,998,552 parameters and 13,378,280
with the two auxiliary classifiers that are there in training only. A small one is in
utils/small_googlenet.py, those of 2016 in inception_v4.py and inception_resnet.py.

Source: C. Szegedy and others, "Going deeper with convolutions" (v1, 2014),
arXiv:1409.4842.
"""

import torch
import torch.nn.functional as F
from torch import nn


def convolution(in_channels, out_channels, kernel_size, stride=1, batch_norm=False):
    """Convolution, batch normalisation if wanted, and ReLU, padded to keep the size.

    (N, C, H, W) -> (N, C', H / stride, W / stride), for odd kernels: k or (k_h, k_w).
    """
    if isinstance(kernel_size, int):
        kernel_size = (kernel_size, kernel_size)
    padding = [k // 2 for k in kernel_size]
    settings = {"stride": stride, "padding": padding, "bias": not batch_norm}
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, **settings)
    norm = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    return nn.Sequential(conv, *norm, nn.ReLU(inplace=True))


def five_by_five(in_channels, out_channels, batch_norm=False):
    """A window of 5 x 5 in one convolution, as in v1."""
    return convolution(in_channels, out_channels, 5, batch_norm=batch_norm)


def two_threes(in_channels, out_channels, batch_norm=False):
    """A window of 5 x 5 in two convolutions of 3 x 3, as in v3."""
    return nn.Sequential(
        convolution(in_channels, out_channels, 3, batch_norm=batch_norm),
        convolution(out_channels, out_channels, 3, batch_norm=batch_norm),
    )


class InceptionBlock(nn.Module):
    """The module of GoogLeNet: 1x1 convolutions reduce what the large ones see.

    (N, C, H, W) -> (N, one + three[1] + five[1] + pool, H, W): v1, figure 2b. `three`
    and `five` are (reduced channels, output channels) of these branches; `window`
    makes the last part of the 5x5 branch, `five_by_five` or `two_threes`.
    """

    def __init__(
        self, channels, one, three, five, pool, window=five_by_five, batch_norm=False
    ):
        super().__init__()
        norm = {"batch_norm": batch_norm}
        self.one = convolution(channels, one, 1, **norm)
        self.three = nn.Sequential(
            convolution(channels, three[0], 1, **norm),
            convolution(*three, 3, **norm),
        )
        self.five = nn.Sequential(
            convolution(channels, five[0], 1, **norm), window(*five, **norm)
        )
        self.pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            convolution(channels, pool, 1, **norm),
        )
        self.out_channels = one + three[1] + five[1] + pool

    def forward(self, x):
        branches = self.one(x), self.three(x), self.five(x), self.pool(x)
        return torch.cat(branches, dim=1)


class AuxiliaryClassifier(nn.Module):
    """A small classifier half way up: (N, C, size, size) -> logits (N, classes)."""

    def __init__(
        self,
        in_channels,
        size,
        num_classes,
        channels=128,
        hidden=1024,
        dropout=0.7,
        batch_norm=False,
    ):
        super().__init__()
        pooled = (size - 5) // 3 + 1
        self.pool = nn.AvgPool2d(5, stride=3)
        self.reduce = convolution(in_channels, channels, 1, batch_norm=batch_norm)
        self.hidden = nn.Linear(channels * pooled**2, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, num_classes)

    def forward(self, x):
        x = self.reduce(self.pool(x)).flatten(1)
        return self.output(self.dropout(F.relu(self.hidden(x))))


def auxiliary_loss(output, labels, weight=0.3):
    """Cross-entropy, and that of each auxiliary classifier times `weight`.

    `output` is logits (N, classes), or a tuple of them, the network's own first.
    """
    logits, *others = output if isinstance(output, tuple) else (output,)
    loss = F.cross_entropy(logits, labels)
    return loss + weight * sum(F.cross_entropy(z, labels) for z in others)


def initialize(model):
    """He's initial weights, biases of 0, and nearly nothing in the output layers."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if name.endswith("output"):
                nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def inception_blocks(channels, table, **settings):
    """A block for each row of a table of widths, each as wide as the one before."""
    blocks = nn.ModuleDict()
    for name, widths in table.items():
        blocks[name] = InceptionBlock(channels, *widths, **settings)
        channels = blocks[name].out_channels
    return blocks


# Table 1 of the paper, maps by branch:
# 1 x 1, 3 x 3 (reduced, out), 5 x 5 (reduced, out), pooling.
MODULES = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}


def googlenet_stem():
    """What comes before the blocks: (N, 3, 224, 224) -> (N, 192, 28, 28)."""
    return nn.Sequential(
        convolution(3, 64, 7, stride=2),  # (N, 64, 112, 112)
        nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 64, 56, 56)
        nn.LocalResponseNorm(5),  # the paper gives no numbers for it
        convolution(64, 64, 1),
        convolution(64, 192, 3),  # (N, 192, 56, 56)
        nn.LocalResponseNorm(5),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),  # (N, 192, 28, 28)
    )


class GoogLeNet(nn.Module):
    """GoogLeNet of 2014: colour images (N, 3, 224, 224) -> logits (N, num_classes).

    In training, with auxiliary classifiers, a tuple: its own logits, theirs on 4a, on
    4d. (In evaluation, and without them, it takes images of other sizes too, as it
    averages its last maps.)
    """

    def __init__(self, num_classes=1000, aux_classifiers=True):
        super().__init__()
        self.stem = googlenet_stem()
        self.blocks = inception_blocks(192, MODULES)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout = nn.Dropout(0.4)
        self.output = nn.Linear(1024, num_classes)
        self.heads = nn.ModuleDict()
        if aux_classifiers:
            self.heads["4a"] = AuxiliaryClassifier(512, 14, num_classes)
            self.heads["4d"] = AuxiliaryClassifier(528, 14, num_classes)
        initialize(self)

    def forward(self, images):
        block, x = self.blocks, self.stem(images)  # (N, 192, 28, 28)
        x = self.pool(block["3b"](block["3a"](x)))  # (N, 480, 14, 14)
        x = low = block["4a"](x)  # (N, 512, 14, 14)
        x = block["4c"](block["4b"](x))  # (N, 512, 14, 14)
        x = high = block["4d"](x)  # (N, 528, 14, 14)
        x = self.pool(block["4e"](x))  # (N, 832, 7, 7)
        x = block["5b"](block["5a"](x))  # (N, 1024, 7, 7)
        logits = self.output(self.dropout(x.mean(dim=(2, 3))))
        if not (self.training and self.heads):
            return logits
        return logits, self.heads["4a"](low), self.heads["4d"](high)
