"""Inception-ResNet-v2, whole: blocks that branch, join, and add to their input.

The layout is that of the published code, and of timm: 55,843,464 parameters. (It has
another stem than in the paper, twice as many blocks, and stages of 320, 1088 and 2080
maps where the paper has 384, 1154 and 2048.)

Who copies it takes inception_v4.py along.

Source: C. Szegedy and others, "Inception-v4, Inception-ResNet and the impact of
residual connections on learning" (2016), arXiv:1602.07261.
"""

import torch.nn.functional as F
from torch import nn

from utils.inception_v4 import Join, branch, head, pooled, reduction_a


class Residual(nn.Module):
    """What the branches find is added to the input: relu(x + scale * F(x)).

    A 1 x 1 convolution without ReLU brings the `joined` maps of all branches to the
    `channels` of the input. The last block of the network has no ReLU at all.
    """

    def __init__(self, scale, joined, channels, *branches, relu=True):
        super().__init__()
        self.scale, self.relu = scale, relu
        self.join, self.expand = Join(*branches), nn.Conv2d(joined, channels, 1)

    def forward(self, x):
        y = x + self.scale * self.expand(self.join(x))
        return F.relu(y) if self.relu else y


def stem_resnet():
    """(N, 3, 299, 299) -> (N, 320, 35, 35)."""
    return nn.Sequential(
        branch(3, (32, 3, 2), (32, 3, 1), (64, 3)),  # (N, 64, 147, 147)
        nn.MaxPool2d(3, stride=2),
        branch(64, (80, 1), (192, 3, 1)),  # (N, 192, 71, 71)
        nn.MaxPool2d(3, stride=2),  # (N, 192, 35, 35)
        Join(
            branch(192, (96, 1)),
            branch(192, (48, 1), (64, 5)),
            branch(192, (64, 1), (96, 3), (96, 3)),
            pooled(192, 64),
        ),
    )


def residual_a(scale=0.17):
    """(N, 320, 35, 35) -> the same shape, v4's figure 16."""
    one, three = branch(320, (32, 1)), branch(320, (32, 1), (32, 3))
    five = branch(320, (32, 1), (48, 3), (64, 3))
    return Residual(scale, 128, 320, one, three, five)


def residual_b(scale=0.1):
    """(N, 1088, 17, 17) -> the same shape, v4's figure 17."""
    seven = branch(1088, (128, 1), (160, (1, 7)), (192, (7, 1)))
    return Residual(scale, 384, 1088, branch(1088, (192, 1)), seven)


def reduction_resnet():
    """(N, 1088, 17, 17) -> (N, 2080, 8, 8), v4's figure 18."""
    return Join(
        branch(1088, (256, 1), (384, 3, 2)),
        branch(1088, (256, 1), (288, 3, 2)),
        branch(1088, (256, 1), (288, 3), (320, 3, 2)),
        nn.MaxPool2d(3, stride=2),
    )


def residual_c(scale=0.2, relu=True):
    """(N, 2080, 8, 8) -> the same shape, v4's figure 19."""
    three = branch(2080, (192, 1), (224, (1, 3)), (256, (3, 1)))
    return Residual(scale, 448, 2080, branch(2080, (192, 1)), three, relu=relu)


def inception_resnet_v2(num_classes=1000):
    """(N, 3, 299, 299) -> logits (N, num_classes); the paper's figure 15, and more."""
    return nn.Sequential(
        stem_resnet(),
        *(residual_a() for _ in range(10)),
        reduction_a(320, 256, 256, 384, 384),
        *(residual_b() for _ in range(20)),
        reduction_resnet(),
        *(residual_c() for _ in range(9)),
        residual_c(1.0, relu=False),
        branch(2080, (1536, 1)),
        head(1536, num_classes),
    )
