"""Inception-v4, whole: a chain of blocks that branch and join.

The layout is that of the published code, and of timm: 42,679,816 parameters. The same
with residual connections is utils/inception_resnet.py.

Source: C. Szegedy and others, "Inception-v4, Inception-ResNet and the impact of
residual connections on learning" (2016), arXiv:1602.07261.
"""

import torch
from torch import nn


def branch(channels, *layers):
    """Convolutions in a row, each with batch normalisation and ReLU.

    A layer is (maps, kernel), padded to keep the size; or (maps, kernel, stride), and
    then without padding ("V" in the figures). A kernel is k or (height, width).
    """
    row = nn.Sequential()
    for maps, kernel, *stride in layers:
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (0, 0) if stride else (height // 2, width // 2)
        settings = {"stride": stride[0] if stride else 1, "padding": padding}
        row.append(nn.Conv2d(channels, maps, (height, width), bias=False, **settings))
        row.append(nn.BatchNorm2d(maps, eps=1e-3))
        row.append(nn.ReLU(inplace=True))
        channels = maps
    return row


def pooled(channels, maps):
    """Mean pooling, and a 1 x 1 convolution behind it."""
    pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Sequential(pool, branch(channels, (maps, 1)))


class Join(nn.Module):
    """Branches side by side, their maps one after the other."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([b(x) for b in self.branches], dim=1)


def stem_v4():
    """(N, 3, 299, 299) -> (N, 384, 35, 35), v4's figure 3."""
    return nn.Sequential(
        branch(3, (32, 3, 2), (32, 3, 1), (64, 3)),  # (N, 64, 147, 147)
        Join(nn.MaxPool2d(3, stride=2), branch(64, (96, 3, 2))),  # (N, 160, 73, 73)
        Join(
            branch(160, (64, 1), (96, 3, 1)),
            branch(160, (64, 1), (64, (1, 7)), (64, (7, 1)), (96, 3, 1)),
        ),  # (N, 192, 71, 71)
        Join(branch(192, (192, 3, 2)), nn.MaxPool2d(3, stride=2)),
    )


def inception_a():
    """(N, 384, 35, 35) -> the same shape, v4's figure 4."""
    return Join(
        branch(384, (96, 1)),
        branch(384, (64, 1), (96, 3)),
        branch(384, (64, 1), (96, 3), (96, 3)),
        pooled(384, 96),
    )


def reduction_a(channels, k, l, m, n):
    """Half the grid and m + n more maps, without padding: 35 -> 17, v4's figure 7."""
    double = branch(channels, (k, 1), (l, 3), (m, 3, 2))
    return Join(branch(channels, (n, 3, 2)), double, nn.MaxPool2d(3, stride=2))


def inception_b():
    """(N, 1024, 17, 17) -> the same shape, v4's figure 5."""
    return Join(
        branch(1024, (384, 1)),
        branch(1024, (192, 1), (224, (1, 7)), (256, (7, 1))),
        nn.Sequential(
            branch(1024, (192, 1), (192, (7, 1)), (224, (1, 7))),
            branch(224, (224, (7, 1)), (256, (1, 7))),
        ),
        pooled(1024, 128),
    )


def reduction_b():
    """(N, 1024, 17, 17) -> (N, 1536, 8, 8), v4's figure 8."""
    return Join(
        branch(1024, (192, 1), (192, 3, 2)),
        branch(1024, (256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2)),
        nn.MaxPool2d(3, stride=2),
    )


def inception_c():
    """(N, 1536, 8, 8) -> the same shape; two branches fork once more, v4's figure 6."""
    long = branch(1536, (384, 1), (448, (3, 1)), (512, (1, 3)))
    forks = [
        Join(branch(channels, (256, (1, 3))), branch(channels, (256, (3, 1))))
        for channels in (384, 512)
    ]
    return Join(
        branch(1536, (256, 1)),
        nn.Sequential(branch(1536, (384, 1)), forks[0]),
        nn.Sequential(long, forks[1]),
        pooled(1536, 256),
    )


def head(channels, num_classes, dropout=0.2):
    """The mean of each map, dropout, one fully connected layer."""
    mean = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*mean, nn.Dropout(dropout), nn.Linear(channels, num_classes))


def inception_v4(num_classes=1000):
    """(N, 3, 299, 299) -> logits (N, num_classes), v4's figure 9."""
    return nn.Sequential(
        stem_v4(),
        *(inception_a() for _ in range(4)),
        reduction_a(384, 192, 224, 256, 384),
        *(inception_b() for _ in range(7)),
        reduction_b(),
        *(inception_c() for _ in range(3)),
        head(1536, num_classes),
    )
