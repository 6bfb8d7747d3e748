"""The first, naive form of an Inception module, to compare with.

Source: C. Szegedy and others, "Going deeper with convolutions" (v1, 2014).
"""

import torch
from torch import nn

from utils.inception import convolution


class NaiveInceptionBlock(nn.Module):
    """The idea without its price in mind: 1x1, 3x3, 5x5 and pooling side by side.

    (N, C, H, W) -> (N, one + three + five + C, H, W). Pooling passes all C maps on, so
    that every such block is deeper than what went in (v1, figure 2a).
    """

    def __init__(self, channels, one, three, five):
        super().__init__()
        self.one = convolution(channels, one, 1)
        self.three = convolution(channels, three, 3)
        self.five = convolution(channels, five, 5)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.out_channels = one + three + five + channels

    def forward(self, x):
        branches = self.one(x), self.three(x), self.five(x), self.pool(x)
        return torch.cat(branches, dim=1)
