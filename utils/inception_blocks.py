"""Other Inception blocks: the naive one, and those of the papers after GoogLeNet's.

Sources: C. Szegedy and others, "Rethinking the Inception architecture" (v2 and v3,
2015), arXiv:1512.00567; "Inception-v4, Inception-ResNet" (2016), arXiv:1602.07261.
"""

import torch
import torch.nn.functional as F
from torch import nn

from utils.inception import convolution, two_threes


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


def factorized(in_channels, out_channels, n):
    """A kernel of n x n as n x 1 and 1 x n, one after the other (v3, section 3.2).

    (N, C, H, W) -> (N, C', H, W), with 2 / n of the weights if C = C'.
    """
    return nn.Sequential(
        convolution(in_channels, out_channels, (n, 1), batch_norm=True),
        convolution(out_channels, out_channels, (1, n), batch_norm=True),
    )


class FactorizedInceptionBlock(nn.Module):
    """The module of v3's middle grid: windows of n x n without one kernel n x n.

    (N, C, H, W) -> (N, one + once[1] + twice[1] + pool, H, W) (v3, figure 6). `once`
    and `twice` are (reduced channels, output channels) of the branches with one window
    of n x n and with two.
    """

    def __init__(self, channels, one, once, twice, pool, n=7):
        super().__init__()
        self.one = convolution(channels, one, 1, batch_norm=True)
        self.once = nn.Sequential(
            convolution(channels, once[0], 1, batch_norm=True),
            factorized(*once, n),
        )
        self.twice = nn.Sequential(
            convolution(channels, twice[0], 1, batch_norm=True),
            factorized(twice[0], twice[0], n),
            factorized(*twice, n),
        )
        self.pool = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1),
            convolution(channels, pool, 1, batch_norm=True),
        )

    def forward(self, x):
        branches = self.one(x), self.once(x), self.twice(x), self.pool(x)
        return torch.cat(branches, dim=1)


class GridReduction(nn.Module):
    """Half the grid and more maps, by convolution and pooling side by side.

    (N, C, H, W) -> (N, three[1] + five[1] + C, H / 2, W / 2), rounded up (v3, figure
    10). Nothing is squeezed through few maps before it is pooled.
    """

    def __init__(self, channels, three, five):
        super().__init__()
        self.three = nn.Sequential(
            convolution(channels, three[0], 1, batch_norm=True),
            convolution(*three, 3, stride=2, batch_norm=True),
        )
        self.five = nn.Sequential(
            convolution(channels, five[0], 1, batch_norm=True),
            convolution(*five, 3, batch_norm=True),
            convolution(five[1], five[1], 3, stride=2, batch_norm=True),
        )
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x):
        return torch.cat([self.three(x), self.five(x), self.pool(x)], dim=1)


class InceptionResNetBlock(nn.Module):
    """An Inception module that adds to its input: relu(x + scale * F(x)).

    (N, C, H, W) -> the same shape (v4, figures 10 and 16). A `scale` of 0.1 to 0.3 kept
    the paper's wide networks from dying early in training (section 3.3).
    """

    def __init__(self, channels, one, three, five, scale=0.2):
        super().__init__()
        self.scale = scale
        self.one = convolution(channels, one, 1, batch_norm=True)
        self.three = nn.Sequential(
            convolution(channels, three[0], 1, batch_norm=True),
            convolution(*three, 3, batch_norm=True),
        )
        self.five = nn.Sequential(
            convolution(channels, five[0], 1, batch_norm=True),
            two_threes(*five, batch_norm=True),
        )
        self.expand = nn.Conv2d(one + three[1] + five[1], channels, 1)

    def forward(self, x):
        branches = self.one(x), self.three(x), self.five(x)
        f = self.expand(torch.cat(branches, dim=1))
        return F.relu(x + self.scale * f)
