"""94 % on CIFAR-10 in ten epochs: a network and its recipe. Copy this file.

The network and the settings follow K. Jordan, "94 % on CIFAR-10 in 3.29 seconds on a
single GPU", arXiv:2404.00498 (2024); what it says of ten epochs holds for one fast GPU.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel


class Whitening(nn.Module):
    """2 x 2 filters from the first batch that it is trained with, then fixed.

    They are the principal axes of all its patches, each divided by its spread, and the
    same turned round, so that a rectifier loses nothing. (N, 3, H, W) -> (N, 24, ...).
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("filters", torch.zeros(24, 3, 2, 2))
        self.bias = nn.Parameter(torch.zeros(24, 1, 1))  # no shift to fast_sgd

    @torch.no_grad()
    def learn(self, images):
        patches = F.unfold(images, 2)  # (N, D, places)
        patches = patches.transpose(0, 1).flatten(1).cpu().double()  # (D, n)
        variances, axes = torch.linalg.eigh(patches.cov())  # an axis a column
        filters = (axes / (variances + 3e-5).sqrt()).T
        filters = torch.cat([filters, -filters])
        self.bias.copy_((-filters @ patches.mean(1)).view_as(self.bias))
        self.filters.copy_(filters.view_as(self.filters))

    def forward(self, images):
        if self.training and not self.filters.any():
            self.learn(images)
        return F.conv2d(images, self.filters, self.bias.flatten())


def conv3x3(in_channels, out_channels):
    """A convolution that at the start hands its inputs on, as its first outputs."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight[:in_channels])
    return conv


class Block(nn.Sequential):
    """(N, in_channels, H, W) -> (N, channels, H // 2, W // 2)."""

    def __init__(self, in_channels, channels):
        first, last = (nn.BatchNorm2d(channels, momentum=0.4) for _ in range(2))
        first.weight.requires_grad_(False)  # they only shift: their scale stays 1
        last.weight.requires_grad_(False)
        halving = conv3x3(in_channels, channels), nn.MaxPool2d(2), first, nn.GELU()
        super().__init__(*halving, conv3x3(channels, channels), last, nn.GELU())


class FastNet(nn.Module):
    """Images (N, 3, 32, 32), pixels from 0 to 1 -> logits (N, 10)."""

    def __init__(self, widths=(64, 256, 256), num_classes=10):
        super().__init__()
        self.stem = nn.Sequential(Whitening(), nn.GELU())  # (N, 24, 31, 31)
        self.blocks = nn.Sequential(*map(Block, (24, *widths), widths))
        self.pool = nn.MaxPool2d(3)
        self.output = nn.Linear(widths[-1], num_classes, bias=False)
        self.to(memory_format=torch.channels_last)

    def forward(self, images):
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        x = self.pool(self.blocks(x))  # (N, 256, 1, 1)
        return self.output(x.flatten(1)) / 9


class AlternatingFlip:
    """Every image mirrored in every second epoch, and moved by up to `shift` pixels.

    Which epochs those are depends on the image's own pixels: half of the images are
    mirrored in each epoch, and two epochs show each image from both sides.
    """

    def __init__(self, shift=2):
        self.shift, self.epoch = shift, 0

    def __repr__(self):
        return f"{type(self).__name__}(shift={self.shift})"

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __call__(self, images):  # (N, C, H, W)
        coin = (images[:, 0] * 255).round().long().sum((1, 2)) + self.epoch
        flip = (coin % 2 == 1).view(-1, 1, 1, 1)
        images = torch.where(flip, images.flip(3), images)
        (count, _, height, width), device = images.shape, images.device
        padded = F.pad(images, [self.shift] * 4, mode="reflect")
        places = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, y, x, H, W)
        y, x = torch.randint(2 * self.shift + 1, (2, count), device=device)
        return places[torch.arange(count, device=device), :, y, x]  # (N, C, H, W)


class Lookahead(AveragedModel):
    """A slow copy: each fifth step it moves towards the net, which goes back to it."""

    def __init__(self, net, steps):
        super().__init__(net, use_buffers=True)
        self.steps = steps

    def update_parameters(self, net):
        self.n_averaged += 1
        if self.n_averaged % 5 == 0:
            keep = 0.95**5 * (int(self.n_averaged) / self.steps) ** 3
            slow, fast = self.module.state_dict(), net.state_dict()
            for name, value in fast.items():
                if value.is_floating_point():
                    value.copy_(slow[name].lerp_(value, 1 - keep))


class Views(nn.Module):
    """The mean answer of `net` to six views: each image, moved by a pixel, mirrored."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        padded = F.pad(images, [1] * 4, mode="reflect")
        up, down = padded[:, :, :-2, :-2], padded[:, :, 2:, 2:]
        views = (0.25, images), (0.125, up), (0.125, down)
        return sum(w * (self.net(v) + self.net(v.flip(3))) for w, v in views)


def fast_sgd(parameters, lr, bias_scale=64, decay=0.0013):
    """SGD with Nesterov's momentum; shifts learn `bias_scale` times as fast."""
    learnt = [p for p in parameters if p.requires_grad]
    weights, shifts = ([p for p in learnt if (p.ndim > 1) == w] for w in (True, False))
    quick = {"lr": bias_scale * lr, "weight_decay": decay / bias_scale}
    groups = [{"params": weights}, {"params": shifts} | quick]
    return torch.optim.SGD(groups, lr, 0.85, weight_decay=decay, nesterov=True)


def triangle(optimizer, steps, start=0.2, peak=0.23, end=0.07):
    """The rate rises in a straight line up to `peak` of the steps, then falls."""
    corners = [0, peak * steps, steps], [start, 1, end]
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: float(np.interp(step, *corners))
    )
