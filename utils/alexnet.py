"""AlexNet as it was published in 2012, and a small one of the same layers.

Both are stacks, run from top to bottom; a layer is reached, or replaced, by its name:
`net.conv1`, `net.norm1 = nn.BatchNorm2d(96)`.

Source: A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet classification with deep
convolutional neural networks", NIPS 2012.
"""

import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

# Of the five convolutions, both towers together.
CHANNELS = (96, 256, 384, 384, 256)


class LocalResponseNorm(nn.Module):
    """Each activity divided by those of its neighbours: nearby maps compete.

    b_i = a_i / (k + alpha * sum_j a_j^2)^beta, pixel by pixel, where j runs over the
    `size` maps around map i, an odd number, as far as they exist and are of its group
    (section 3.3 of the paper, from which the defaults are). Keeps the shape.
    torch.nn.LocalResponseNorm takes an alpha that is `size` times the paper's.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1):
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"size must be odd, got {size}")
        self.size, self.groups = size, groups
        self.alpha, self.beta, self.k = alpha, beta, k

    def forward(self, x):  # (N, C, H, W)
        squares = x.square().unflatten(1, (self.groups, -1))
        edge = self.size // 2  # maps of zeros at both ends
        squares = F.pad(squares, (0, 0, 0, 0, edge, edge))
        sums = squares.unfold(2, self.size, 1).sum(-1)  # of each map's neighbours
        sums = sums.flatten(1, 2)  # (N, C, H, W)
        return x / (self.k + self.alpha * sums) ** self.beta


class InputShape(nn.Module):
    """Images (N, *shape) pass; others do not, even where rounding fits."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, images):
        if images.shape[1:] != self.shape:
            wanted = ", ".join(map(str, self.shape))
            got = tuple(images.shape)
            raise ValueError(f"images must be (N, {wanted}), got {got}")
        return images


def classifier(inputs, hidden, num_classes, dropout, activation=nn.ReLU):
    """Layers 6 to 8, by name: maps of so many inputs -> (N, num_classes)."""
    return {
        "flatten": nn.Flatten(),  # (N, inputs)
        "fc6": nn.Linear(inputs, hidden),
        "act6": activation(),
        "dropout6": nn.Dropout(dropout),
        "fc7": nn.Linear(hidden, hidden),
        "act7": activation(),
        "dropout7": nn.Dropout(dropout),
        "fc8": nn.Linear(hidden, num_classes),
    }


def begin_as_published(net):
    """Normal weights of deviation 0.01, biases 1 in five layers, else 0."""
    for name, layer in net.named_children():
        if hasattr(layer, "weight"):
            nn.init.normal_(layer.weight, std=0.01)
            awake = name in ("conv2", "conv4", "conv5", "fc6", "fc7")
            nn.init.constant_(layer.bias, 1.0 if awake else 0.0)


class AlexNet(nn.Sequential):
    """The network of 2012: 60,965,224 parameters, 724 million MACs an image.

    (N, 3, 224, 224) -> logits (N, num_classes). From the images the mean of the
    training images has been taken off (the paper's pixels then run from about -128 to
    128). `groups` is 2 for the two towers of the paper, 1 for one net; `dropout` the
    share of the neurons of layers 6 and 7 left out in training.
    """

    def __init__(self, num_classes=1000, groups=2, dropout=0.5, channels=CHANNELS):
        c1, c2, c3, c4, c5 = channels
        layers = {
            "input": InputShape(3, 224, 224),
            "conv1": nn.Conv2d(3, c1, 11, stride=4, padding=2),
            "act1": nn.ReLU(),  # (N, 96, 55, 55)
            "norm1": LocalResponseNorm(groups=groups),
            "pool1": nn.MaxPool2d(3, stride=2),  # (N, 96, 27, 27)
            "conv2": nn.Conv2d(c1, c2, 5, padding=2, groups=groups),
            "act2": nn.ReLU(),
            "norm2": LocalResponseNorm(groups=groups),
            "pool2": nn.MaxPool2d(3, stride=2),  # (N, 256, 13, 13)
            "conv3": nn.Conv2d(c2, c3, 3, padding=1),  # (N, 384, 13, 13)
            "act3": nn.ReLU(),
            "conv4": nn.Conv2d(c3, c4, 3, padding=1, groups=groups),
            "act4": nn.ReLU(),
            "conv5": nn.Conv2d(c4, c5, 3, padding=1, groups=groups),
            "act5": nn.ReLU(),
            "pool5": nn.MaxPool2d(3, stride=2),  # (N, 256, 6, 6)
            **classifier(c5 * 6 * 6, 4096, num_classes, dropout),
        }
        super().__init__(OrderedDict(layers))
        begin_as_published(self)


# ------------------------------------------------------------ for small images


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


def prepared(in_channels):
    """What comes before layer 1: pixels from 0 to 1 -> (N, C, 32, 32)."""
    size, mean, std = IMAGES[in_channels]
    return {
        "input": InputShape(in_channels, size, size),
        "border": nn.ZeroPad2d((32 - size) // 2),  # (N, C, 32, 32)
        "standardize": Standardize(mean, std),
    }


# The standard deviation of a weight is gain / sqrt(inputs).
GAINS = {nn.ReLU: math.sqrt(2), nn.Tanh: 1.0}


def begin_scaled(net, gain):
    """Normal weights of the variance that suits the activation, biases 0."""
    for layer in net:
        if hasattr(layer, "weight"):
            inputs = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
            nn.init.zeros_(layer.bias)


class SmallAlexNet(nn.Sequential):
    """AlexNet for small images, the same layers.

    Colour images (N, 3, 32, 32), or grey ones (N, 1, 28, 28) if `in_channels` is 1,
    with pixels from 0 to 1 -> logits (N, num_classes). 347,978 parameters, 7.0 million
    MACs an image in colour. `activation` is the class nn.ReLU or nn.Tanh.

    The paper's pixels are 64 times larger than standardised ones, so that alpha of the
    local response normalisation, which multiplies squares, is here 64^2 times larger.
    """

    def __init__(self, num_classes=10, in_channels=3, activation=nn.ReLU, dropout=0.5):
        local = {"alpha": 1e-4 * 64**2, "groups": 2}
        layers = {
            **prepared(in_channels),  # (N, C, 32, 32)
            "conv1": nn.Conv2d(in_channels, 32, 5, stride=2, padding=2),
            "act1": activation(),
            "norm1": LocalResponseNorm(**local),
            "pool1": nn.MaxPool2d(3, stride=2, padding=1),  # (N, 32, 8, 8)
            "conv2": nn.Conv2d(32, 96, 5, padding=2, groups=2),
            "act2": activation(),
            "norm2": LocalResponseNorm(**local),
            "pool2": nn.MaxPool2d(3, stride=2, padding=1),  # (N, 96, 4, 4)
            "conv3": nn.Conv2d(96, 128, 3, padding=1),  # (N, 128, 4, 4)
            "act3": activation(),
            "conv4": nn.Conv2d(128, 128, 3, padding=1, groups=2),
            "act4": activation(),
            "conv5": nn.Conv2d(128, 96, 3, padding=1, groups=2),
            "act5": activation(),
            "pool5": nn.MaxPool2d(3, stride=2, padding=1),  # (N, 96, 2, 2)
            **classifier(96 * 2 * 2, 128, num_classes, dropout, activation),
        }
        super().__init__(OrderedDict(layers))
        begin_scaled(self, GAINS[activation])
