"""What came of the plus sign: relatives of the residual unit, and networks of them.

Needs torch and resnet.py: take both files. ResNet(unit, 256, (3, 4, 6, 3)) is with
ResNeXtUnit ResNeXt-50 32x4d (25,028,904 parameters), with SEUnit SE-ResNet-50
(28,088,024); DenseNet() is DenseNet-121 (7,978,856).
"""

import torch
import torch.nn.functional as F
from torch import nn

from utils.resnet import Bottleneck, PlainUnit, Shortcut, conv3x3, initialize


class HighwayUnit(PlainUnit):
    """T(x) H(x) + (1 - T(x)) x, T a gate: (N, in_channels, H, W) -> (N, channels, ...).

    R. Srivastava, K. Greff and J. Schmidhuber, "Highway networks", arXiv:1505.00387.
    """

    def __init__(self, in_channels, channels, stride=1):
        super().__init__(in_channels, channels, stride)
        self.stride = stride
        self.downsample = Shortcut("A", in_channels, channels, stride)
        self.gate = nn.Conv2d(in_channels, channels, 1)
        nn.init.constant_(self.gate.bias, -2)  # nearly closed at first

    def forward(self, x):
        t = self.gate(x[:, :, :: self.stride, :: self.stride]).sigmoid()
        return t * super().forward(x) + (1 - t) * self.downsample(x)


class ResNeXtUnit(Bottleneck):
    """A bottleneck twice as wide, whose 3x3 works in 32 groups.

    S. Xie and others, "Aggregated residual transformations", CVPR 2017.
    """

    def __init__(self, in_channels, channels, stride=1):
        super().__init__(in_channels, channels, stride)
        self.first, width = 1, channels // 2
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride, padding=1, groups=32, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)


class SqueezeExcite(nn.Module):
    """Each map times a factor from 0 to 1, computed from the means of all.

    J. Hu, L. Shen and G. Sun, "Squeeze-and-excitation networks", CVPR 2018.
    """

    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // 16)
        self.fc2 = nn.Linear(channels // 16, channels)

    def forward(self, f):
        means = f.mean(dim=(2, 3))  # (N, channels)
        factors = torch.sigmoid(self.fc2(F.relu(self.fc1(means))))
        return f * factors[:, :, None, None]


class SEUnit(Bottleneck):
    """A bottleneck whose F is squeezed and excited before it is added."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__(in_channels, channels, stride)
        self.bn3 = nn.Sequential(self.bn3, SqueezeExcite(channels))


class DenseUnit(nn.Module):
    """x, followed by 32 new maps: (N, C, H, W) -> (N, C + 32, H, W).

    G. Huang, Z. Liu, L. van der Maaten and K. Weinberger, "Densely connected
    convolutional networks", CVPR 2017.
    """

    def __init__(self, in_channels, growth=32):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = conv3x3(4 * growth, growth)

    def forward(self, x):
        f = self.conv1(F.relu(self.bn1(x)))
        f = self.conv2(F.relu(self.bn2(f)))
        return torch.cat([x, f], dim=1)


class DenseNet(nn.Module):
    """DenseNet-121: (N, 3, H, W) -> (N, num_classes)."""

    def __init__(self, blocks=(6, 12, 24, 16), num_classes=1000, growth=32):
        super().__init__()
        channels = 2 * growth
        self.conv1 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.blocks = nn.Sequential()
        for k, count in enumerate(blocks):
            if k > 0:  # half the maps, of half the size
                self.blocks.append(nn.BatchNorm2d(channels))
                self.blocks.append(nn.ReLU())
                self.blocks.append(nn.Conv2d(channels, channels // 2, 1, bias=False))
                self.blocks.append(nn.AvgPool2d(2))
                channels //= 2
            for _ in range(count):
                self.blocks.append(DenseUnit(channels, growth))
                channels += growth
        self.bn2 = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, num_classes)
        initialize(self)

    def forward(self, images):
        x = F.relu(self.bn1(self.conv1(images)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = F.relu(self.bn2(self.blocks(x)))  # (N, 1024, H / 32, W / 32)
        return self.fc(x.mean(dim=(2, 3)))
