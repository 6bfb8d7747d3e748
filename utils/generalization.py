"""Training that generalises: the cures for over-fitting, each written out.

A validation set, folds, early stopping, dropout, augmentation, label smoothing, and the
network on which the chapter tries them. The penalties on weights are in
`utils.penalties`; preparing data and normalisation inside a network in
`utils.normalization`; the steps that optimisers take in `utils.optimizers`.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.checking import checked_number, checked_whole
from utils.checkpoints import save_checkpoint
from utils.data import Images

# ------------------------------------------------------------ validation


def split_validation(data, count, seed=0):
    """Set `count` examples, drawn at random, aside: (the rest, the validation set).

    Args:
        data: `Images`, or any pair of arrays of one length: images and labels.
        count: how many to set aside, from 1 to less than all.
        seed: of the draw. Both parts keep their order.

    Raises:
        ValueError: another count, or not as many labels as images.
    """
    x, y = data
    if not 0 < count < len(x) == len(y):
        raise ValueError(f"{count} of {len(x)} images with {len(y)} labels")
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=generator).numpy()
    aside, rest = np.sort(order[:count]), np.sort(order[count:])
    return Images(x[rest], y[rest]), Images(x[aside], y[aside])


def k_folds(count, folds, seed=0):
    """Cut `count` examples into `folds` parts; each is for validation once.

    Args:
        count: how many examples there are.
        folds: from 2 to `count`.
        seed: of the order in which they are dealt out.

    Yields:
        row numbers to train on, and those to validate on, two tensors.

    Raises:
        ValueError: another number of folds, when the first pair is asked for.
    """
    checked_whole("folds", folds, 2, count)
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randperm(count, generator=generator).tensor_split(folds)
    for k in range(folds):
        rest = [part for j, part in enumerate(parts) if j != k]
        yield torch.cat(rest), parts[k]


class EarlyStopping:
    """Says when to stop, and keeps the weights of the best epoch in a file.

    Call it after every epoch with the model and its validation loss.

    Args:
        path: of the file, written at every new lowest loss; `torch.load` gives the
            state of the model then (with map_location="cpu" where its GPU is not).
        patience: stop after so many epochs without a new lowest loss.

    Attributes:
        lowest: the lowest loss so far.
        waited: epochs since then.
    """

    def __init__(self, path, patience):
        self.path, self.patience = path, patience
        self.lowest, self.waited = math.inf, 0

    def __call__(self, model, loss):
        """Whether to stop now."""
        self.waited += 1
        if loss < self.lowest:
            self.lowest, self.waited = loss, 0
            save_checkpoint(self.path, model.state_dict())
        return self.waited >= self.patience


# ------------------------------------------------------------ dropout


class Dropout(nn.Module):
    """Inverted dropout: in training, zero with probability p, else x / (1 - p).

    In evaluation it does nothing. Any shape; each number is dropped on its own.

    Args:
        p: from 0 to less than 1.

    Raises:
        ValueError: another p.

    Source: Hinton and others (2012), arXiv:1207.0580.
    """

    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be from 0 to less than 1, got {p}")
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)


class ClassicDropout(Dropout):
    """Dropout as published: in training, zero with probability p, else x as it is.

    To make up for it, everything is multiplied by 1 - p in evaluation.
    """

    def forward(self, x):
        if not self.training:
            return x * (1 - self.p)
        return x * (torch.rand_like(x) >= self.p)


# ------------------------------------------------------------ augmentation


def affine(images, angle, zoom, move, fill=0.0):
    """Each image moved, then turned and scaled about its middle.

    Args:
        images: (N, C, H, H), square.
        angle: (N,), in radians, anticlockwise.
        zoom: (N,), the factor by which the picture grows.
        move: (N, 2), pixels to the left and up.
        fill: the value of what comes from outside.
    """
    sin, cos = angle.sin() / zoom, angle.cos() / zoom
    x, y = (move / (images.shape[-1] / 2)).T  # the image goes from -1 to 1
    rows = torch.stack([cos, -sin, x, sin, cos, y], 1).view(-1, 2, 3)
    rows = rows.to(images.dtype)
    places = F.affine_grid(rows, images.shape, align_corners=False)
    read = F.grid_sample(images - fill, places, align_corners=False)
    return read + fill  # (N, C, H, H)


def random_affine(images, shift=0.0, turn=0.0, scale=0.0, fill=0.0):
    """Each image moved, turned and scaled by numbers of its own, drawn uniformly.

    Args:
        images: (N, C, H, H), square.
        shift: pixels, up to which it moves along each axis.
        turn: degrees, up to which it turns either way.
        scale: 0.1 lets it grow or shrink by up to a tenth.
        fill: as for `affine`.
    """
    numbers = torch.rand(len(images), 4, device=images.device)
    numbers = 2 * numbers - 1  # (N, 4), from -1 to 1
    angle = math.radians(turn) * numbers[:, 0]
    zoom = 1 + scale * numbers[:, 1]
    return affine(images, angle, zoom, shift * numbers[:, 2:], fill)


# ------------------------------------------------------------ label smoothing


def smooth_labels(labels, classes, smoothing=0.1):
    """Targets (N, classes): 1 - smoothing for the label, and smoothing shared by all.

    The label's class has its share too: 1 - smoothing + smoothing / classes.

    Args:
        labels: (N,), int64 from 0.
        classes: how many there are.
        smoothing: from 0 to less than 1.

    Raises:
        ValueError: smoothing is not.
    """
    checked_number("smoothing", smoothing, below=1)
    right = F.one_hot(labels, classes).float()
    return (1 - smoothing) * right + smoothing / classes


def label_smoothing_cross_entropy(logits, labels, smoothing=0.1):
    """Cross-entropy against `smooth_labels`, the mean over the batch.

    Args:
        logits: (N, classes).
        labels: (N,), int64 from 0.
        smoothing: from 0 to less than 1; 0 is plain cross-entropy.

    Raises:
        ValueError: labels of another shape, or such a smoothing.

    Source: Szegedy and others (2015), arXiv:1512.00567, section 7.
    """
    targets = smooth_labels(labels, logits.shape[1], smoothing)
    if targets.shape != logits.shape:
        raise ValueError(f"labels {tuple(labels.shape)}, not ({len(logits)},)")
    return -(targets * logits.log_softmax(1)).sum(1).mean()


# ------------------------------------------------------------ a network to try it on


def digit_net(norm=nn.Identity, drop=nn.Identity):
    """A small CNN that learns 500 digits by heart: (N, 1, 28, 28) -> (N, 10).

    It has 37,610 parameters. Seed torch before, and the convolutions and fully
    connected layers begin with the same weights whatever the arguments.

    Args:
        norm: makes what stands behind a convolution, from its number of channels, such
            as `BatchNorm2d`.
        drop: makes what stands in front of a fully connected layer, such as `Dropout`.
    """
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2),  # (N, 8, 12, 12)
        norm(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 5, stride=2),  # (N, 16, 4, 4)
        norm(16),
        nn.ReLU(),
        nn.Flatten(),  # (N, 256)
        drop(),
        nn.Linear(256, 128),
        nn.ReLU(),
        drop(),
        nn.Linear(128, 10),
    )


def update_ratios(model, step):
    """Name of each weight -> how far `step` moves it, as a share of its length.

    Args:
        step: called without arguments, changes the weights of the model.
    """
    named = {n: p for n, p in model.named_parameters() if p.ndim >= 2}
    before = {name: p.detach().clone() for name, p in named.items()}
    step()
    return {
        name: float((p.detach() - before[name]).norm() / before[name].norm())
        for name, p in named.items()
    }
