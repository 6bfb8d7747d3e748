"""ResNet: h(x) = x + F(x). Torch is all it needs: copy this file into your project.

K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", CVPR
2016, arXiv:1512.03385; "Identity mappings in deep residual networks", arXiv:1603.05027.
"""

import torch
import torch.nn.functional as F
from torch import nn

# Mean and standard deviation of the training pixels, from 0 to 1, in each channel.
MNIST = [0.1307], [0.3081]
CIFAR10 = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def conv3x3(in_channels, out_channels, stride=1):
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


class Shortcut(nn.Sequential):
    """Every stride-th pixel of x; A adds zeros, B (if need be) or C projects."""

    def __init__(self, option, in_channels, channels, stride):
        super().__init__()
        self.stride, self.zeros = stride, channels - in_channels
        if option == "C" or option == "B" and (stride > 1 or self.zeros != 0):
            self.append(nn.Conv2d(in_channels, channels, 1, bias=False))
            self.append(nn.BatchNorm2d(channels))
            self.zeros = 0
        elif option not in ("A", "B") or self.zeros < 0:
            raise ValueError(f"no shortcut {option!r}, {in_channels} to {channels}")

    def forward(self, x):
        # 1 x 1 with a stride is wrong on many CPUs: oneDNN's issue 6035
        x = super().forward(x[:, :, :: self.stride, :: self.stride])
        return F.pad(x, (0, 0, 0, 0, 0, self.zeros)) if self.zeros else x


class PlainUnit(nn.Module):
    """h(x) = ReLU(F(x)): (N, in_channels, H, W) -> (N, channels, H/s, W/s)."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        f = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(f)))


class ResidualUnit(PlainUnit):
    """h(x) = ReLU(x + F(x)), F the same: equations 1 and 2 of the paper."""

    def __init__(self, in_channels, channels, stride=1, shortcut="B"):
        super().__init__(in_channels, channels, stride)
        self.downsample = Shortcut(shortcut, in_channels, channels, stride)

    def forward(self, x):
        f = F.relu(self.bn1(self.conv1(x)))
        f = self.bn2(self.conv2(f))
        return F.relu(self.downsample(x) + f)


class Bottleneck(nn.Module):
    """h(x) = ReLU(x + F(x)), F narrow. In torchvision the stride is in the "3x3"."""

    def __init__(self, in_channels, channels, stride=1, shortcut="B", stride_at="1x1"):
        super().__init__()
        width = channels // 4
        strides = {"1x1": (stride, 1), "3x3": (1, stride)}
        self.first, second = strides[stride_at]
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, second)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = Shortcut(shortcut, in_channels, channels, stride)

    def forward(self, x):
        f = x[:, :, :: self.first, :: self.first]
        f = F.relu(self.bn1(self.conv1(f)))
        f = F.relu(self.bn2(self.conv2(f)))
        f = self.bn3(self.conv3(f))
        return F.relu(self.downsample(x) + f)


class PreactivationUnit(nn.Module):
    """h(x) = x + F(x): norm and ReLU before each convolution, nothing at the end."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.downsample = Shortcut("A", in_channels, channels, stride)

    def forward(self, x):
        f = self.conv1(F.relu(self.bn1(x)))
        f = self.conv2(F.relu(self.bn2(f)))
        return self.downsample(x) + f


def stage(unit, count, in_channels, channels, stride=1, **options):
    """`count` units in a row, of which the first changes the shape."""
    first = unit(in_channels, channels, stride, **options)
    others = [unit(channels, channels, **options) for _ in range(count - 1)]
    return nn.Sequential(first, *others)


def initialize(net):
    """He's initial weights (arXiv:1502.01852), and a layout that CPUs like."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    nn.init.zeros_(net.fc.bias)
    net.to(memory_format=torch.channels_last)


class ResNet(nn.Module):
    """ResNet-34: ResNet(ResidualUnit, 64, (3, 4, 6, 3)). (N, 3, H, W) -> (N, 1000)."""

    def __init__(self, unit, width, blocks, num_classes=1000, **options):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(unit, blocks[0], 64, width, **options)
        self.layer2 = stage(unit, blocks[1], width, 2 * width, 2, **options)
        self.layer3 = stage(unit, blocks[2], 2 * width, 4 * width, 2, **options)
        self.layer4 = stage(unit, blocks[3], 4 * width, 8 * width, 2, **options)
        self.fc = nn.Linear(8 * width, num_classes)
        initialize(self)

    def forward(self, images):
        x = F.relu(self.bn1(self.conv1(images)))  # (N, 64, H / 2, W / 2)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer1(x)  # (N, width, H / 4, W / 4)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)  # (N, 8 width, H / 32, W / 32)
        return self.fc(x.mean(dim=(2, 3)))


class Standardize(nn.Module):
    """Pixels from 0 to 1 -> mean 0 and standard deviation 1 in each channel."""

    def __init__(self, mean, std):
        super().__init__()
        shape = (1, len(mean), 1, 1)
        self.register_buffer("mean", torch.tensor(mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(shape), persistent=False)

    def forward(self, images):
        if not images.is_floating_point():
            raise ValueError(f"images must be pixels / 255, got {images.dtype}")
        return (images - self.mean) / self.std


class CifarResNet(nn.Module):
    """For small images: (N, channels, H, W) -> (N, 10), section 4.2 of the paper."""

    def __init__(self, depth, residual=True, shortcut="A", channels=3, width=16):
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6n + 2, such as 20, got {depth}")
        unit, n = ResidualUnit if residual else PlainUnit, depth // 6
        options = {"shortcut": shortcut} if residual else {}
        self.standardize = Standardize(*{1: MNIST, 3: CIFAR10}[channels])
        self.conv1 = conv3x3(channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = stage(unit, n, width, width, **options)
        self.layer2 = stage(unit, n, width, 2 * width, 2, **options)
        self.layer3 = stage(unit, n, 2 * width, 4 * width, 2, **options)
        self.fc = nn.Linear(4 * width, 10)
        initialize(self)

    def forward(self, images):
        if images.shape[1] != self.conv1.in_channels:
            raise ValueError(f"images {tuple(images.shape)}: other channels")
        x = self.standardize(images)
        x = F.relu(self.bn1(self.conv1(x)))  # (N, width, H, W)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)  # (N, 4 width, H / 4, W / 4)
        return self.fc(x.mean(dim=(2, 3)))


class DigitResNet(CifarResNet):
    """The same for digits at half their size, (N, 1, H, W): it trains in seconds."""

    def __init__(self, depth, residual=True, shortcut="A"):
        super().__init__(depth, residual, shortcut, channels=1, width=8)

    def forward(self, images):
        return super().forward(F.avg_pool2d(images, 2))
