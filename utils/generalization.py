"""Training that generalises: the cures for over-fitting, each written out.

A validation set, the step of SGD and its schedules, dropout, label smoothing, and the
networks on which the chapter tries them. The penalties on weights are in
`utils.penalties`; preparing data and batch normalisation in `utils.normalization`.
"""

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

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


def early_stop(losses, patience):
    """After how many epochs the validation loss was lowest.

    Args:
        losses: of each epoch, such as `History.test_loss`.
        patience: give up looking after so many epochs without a new lowest.

    Returns:
        a number of epochs, from 1.
    """
    lowest, stop = losses[0], 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest:
            lowest, stop = loss, epoch
        elif epoch - stop >= patience:
            break
    return stop


# ------------------------------------------------------------ the step


@torch.no_grad()
def sgd_step(params, velocities, learning_rate, momentum=0, weight_decay=0):
    """One step of SGD with momentum and weight decay, as torch.optim.SGD takes it.

    Args:
        params: tensors with their gradients in `.grad`; changed in place.
        velocities: as many tensors of the same shapes, zero before the first step;
            changed in place.
        learning_rate, weight_decay: >= 0.
        momentum: from 0 to below 1.
    """
    for w, v in zip(params, velocities, strict=True):
        v.mul_(momentum).add_(w.grad + weight_decay * w)
        w.sub_(learning_rate * v)


def step_decay(step, every, factor=0.1):
    """The factor on the learning rate at a step, counted from 0.

    `factor` to the power of how often `every` steps have passed. For `fit`:
    LambdaLR(optimizer, lambda step: step_decay(step, every)).
    """
    return factor ** (step // every)


def cosine_decay(step, total):
    """From 1 to 0 along half a cosine, in `total` steps; then it stays there.

    Source: Loshchilov and Hutter (2016), arXiv:1608.03983, equation 5.
    """
    done = min(step / total, 1)
    return (1 + math.cos(math.pi * done)) / 2


def warmup_cosine(step, warmup, total):
    """In equal parts up to 1 during `warmup` steps, then down as `cosine_decay`.

    The first step has 1 / warmup, the step numbered `warmup` - 1 has 1, and `total`
    counts all steps.
    """
    if step < warmup:
        return (step + 1) / warmup
    return cosine_decay(step - warmup, total - warmup)


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


# ------------------------------------------------------------ label smoothing


def smooth_labels(labels, classes, smoothing=0.1):
    """Targets (N, classes): 1 - smoothing for the label, and smoothing shared by all.

    The label's class has its share too: 1 - smoothing + smoothing / classes.

    Args:
        labels: (N,), int64 from 0.
        classes: how many there are.
        smoothing: from 0 to less than 1.
    """
    right = F.one_hot(labels, classes).float()
    return (1 - smoothing) * right + smoothing / classes


def label_smoothing_cross_entropy(logits, labels, smoothing=0.1):
    """Cross-entropy against `smooth_labels`, the mean over the batch.

    Args:
        logits: (N, classes).
        labels: (N,), int64 from 0.
        smoothing: from 0 to less than 1; 0 is plain cross-entropy.

    Raises:
        ValueError: labels of another shape.

    Source: Szegedy and others (2015), arXiv:1512.00567, section 7.
    """
    targets = smooth_labels(labels, logits.shape[1], smoothing)
    if targets.shape != logits.shape:
        raise ValueError(f"labels {tuple(labels.shape)}, not ({len(logits)},)")
    return -(targets * logits.log_softmax(1)).sum(1).mean()


# ------------------------------------------------------------ networks to try it on


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


INITIAL = {
    "glorot": nn.init.xavier_normal_,  # variance 2 / (in + out)
    "he": nn.init.kaiming_normal_,  # variance 2 / in
}


def deep_mlp(activation, depth=20, width=100, initial="glorot"):
    """`depth` fully connected layers, `activation` between: (N, 1, 28, 28) -> (N, 10).

    Args:
        activation: a class such as `nn.Sigmoid`.
        depth: layers with weights, >= 1.
        width: units of each hidden layer.
        initial: "glorot" or "he", how weights are drawn; biases begin at 0.
    """
    sizes = [784, *[width] * (depth - 1), 10]
    layers = [nn.Flatten()]
    for n_in, n_out in itertools.pairwise(sizes):
        linear = nn.Linear(n_in, n_out)
        INITIAL[initial](linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def gradient_norms(model, loss):
    """Name of each weight -> the length of the loss's gradient for it.

    First layer first; the gradients in `.grad` stay as they are.
    """
    named = {n: p for n, p in model.named_parameters() if p.ndim >= 2}
    gradients = torch.autograd.grad(loss, list(named.values()))
    pairs = zip(named, gradients, strict=True)
    return {name: float(gradient.norm()) for name, gradient in pairs}
