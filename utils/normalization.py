"""Numbers brought to mean 0 and variance 1: before the network, and within it.

What prepares data learns from the training set, and from no other: validation and test
images are transformed with the same numbers. Batch normalisation does the like inside a
network, with the mini-batch at hand. Images are (N, C, H, W), pixels from 0 to 1.
"""

import torch
from torch import nn

# ------------------------------------------------------------ preparing data


def as_floats(x):
    """An array or tensor as a tensor of floating numbers.

    Raises:
        ValueError: it holds others, such as pixels from 0 to 255.
    """
    x = torch.as_tensor(x)
    if not x.is_floating_point():
        raise ValueError(f"x must be floating: pixels / 255, not {x.dtype}")
    return x


class Standardizer:
    """Take off each channel's mean and divide by its standard deviation.

    `fit` learns both from the training set; a channel that never varies is only
    shifted. Then call it with images or features: it returns them standardised.

    Attributes:
        mean, std: (1, C, 1, 1) for images, (1, D) for features, after `fit`.
    """

    def fit(self, x):
        """Learn from x, (N, C, H, W) or (N, D), an array or a tensor; returns self.

        Raises:
            ValueError: another shape, or no floating numbers.
        """
        x = as_floats(x)  # (N, C, H, W) or (N, D)
        if x.ndim not in (2, 4):
            raise ValueError(f"x must have 2 or 4 axes, got {tuple(x.shape)}")
        axes = [0, *range(2, x.ndim)]  # all but the channels
        self.mean = x.mean(axes, keepdim=True)
        std = x.std(axes, correction=0, keepdim=True)
        varies = x.amax(axes, keepdim=True) > x.amin(axes, keepdim=True)
        self.std = torch.where(varies, std, 1)
        return self

    def __call__(self, x):
        """x standardised, a tensor of its shape.

        Raises:
            ValueError: other channels or axes than those of the training set.
        """
        x = as_floats(x)
        channels = self.mean.shape[1]
        if x.shape[1] != channels:
            raise ValueError(f"{x.shape[1]} channels, not {channels}")
        if x.ndim != self.mean.ndim:
            raise ValueError(f"{x.ndim} axes, not {self.mean.ndim}")
        return (x - self.mean) / self.std


class PCAWhitening:
    """Turn data to their principal axes and make every variance 1.

    z = (x - mean) U / sqrt(variance + epsilon), with the columns of U the eigenvectors
    of the training set's covariance, largest variance first.

    Args:
        epsilon: added to the variances, that axes of hardly any do not blow up noise.

    Attributes:
        mean, variance: (D,), axes: (D, D), an axis a column, after `fit`.
    """

    def __init__(self, epsilon=1e-5):
        self.epsilon = epsilon

    def fit(self, x):
        """Learn from x (N, D), N > 1, an array or a tensor; returns self.

        Raises:
            ValueError: no floating numbers.
        """
        x = as_floats(x)  # (N, D)
        self.mean = x.mean(0)
        variance, axes = torch.linalg.eigh(torch.cov(x.mT))
        self.variance = variance.flip(0).clamp(min=0)  # rounding can go below
        self.axes = axes.flip(1)  # (D, D), largest variance first
        return self

    def __call__(self, x):
        """z (N, D) of x (N, D), a tensor."""
        turned = (as_floats(x) - self.mean) @ self.axes
        return turned / (self.variance + self.epsilon).sqrt()


# ------------------------------------------------------------ batch normalisation


def batch_norm_forward(x, weight, bias, eps=1e-5):
    """Standardise every channel over the batch, then scale and shift it.

    The variance is divided by the count n = N * H * W of the mean, not by n - 1.

    Args:
        x: (N, C, H, W).
        weight, bias: (C,), gamma and beta of the paper.
        eps: keeps a channel that does not vary from division by 0.

    Returns:
        y (N, C, H, W), and what the way back needs: (normal, root, weight).

    Raises:
        ValueError: only one number a channel, which the mean takes away.
    """
    if x.numel() == x.shape[1]:
        raise ValueError("x must hold more than one number per channel")
    mean = x.mean((0, 2, 3), keepdim=True)  # (1, C, 1, 1)
    variance = (x - mean).square().mean((0, 2, 3), keepdim=True)
    root = (variance + eps).sqrt()
    normal = (x - mean) / root  # (N, C, H, W)
    y = weight.view(-1, 1, 1) * normal + bias.view(-1, 1, 1)
    return y, (normal, root, weight)


def batch_norm_backward(grad, cache):
    """The gradients of x, weight and bias of a loss, from its gradient for y.

    A number moves its channel's mean and variance, too, so that the gradient of x loses
    its mean, and its part along x itself.

    Args:
        grad: (N, C, H, W), the gradient for y.
        cache: from `batch_norm_forward`.
    """
    normal, root, weight = cache
    mean = grad.mean((0, 2, 3), keepdim=True)
    along = (grad * normal).mean((0, 2, 3), keepdim=True)
    scale = weight.view(-1, 1, 1) / root
    grad_x = scale * (grad - mean - normal * along)
    grad_weight = (grad * normal).sum((0, 2, 3))  # (C,)
    grad_bias = grad.sum((0, 2, 3))
    return grad_x, grad_weight, grad_bias


class BatchNorm2d(nn.Module):
    """Batch normalisation of (N, C, H, W), as nn.BatchNorm2d, names included.

    In training it uses the mean and variance of the batch and keeps running averages
    of them; in evaluation it uses those, and each image is treated alone.

    Args:
        channels: C.
        eps: added to the variance.
        momentum: how much the newest batch counts in the running averages, 0 to 1.

    Raises:
        ValueError: in the call, an x of another shape.

    Source: Ioffe and Szegedy (2015), arXiv:1502.03167.
    """

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        # Named as in nn.BatchNorm2d, so that its checkpoints load.
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        channels = len(self.weight)
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"{tuple(x.shape)} is not (N, {channels}, H, W)")
        if not self.training:
            scale = self.weight / (self.running_var + self.eps).sqrt()
            shift = self.bias - self.running_mean * scale
            return x * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)
        if x.dtype == torch.bfloat16:  # under autocast
            x = x.to(self.running_mean.dtype)
        y, _ = batch_norm_forward(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.running_mean.lerp_(x.mean((0, 2, 3)), self.momentum)
            self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)  # n - 1
            self.num_batches_tracked += 1
        return y


def layer_norm(x, weight, bias, eps=1e-5):
    """Standardise every image over its own channels and pixels, as F.layer_norm.

    No batch takes part, so training and evaluation are alike.

    Args:
        x: (N, C, H, W).
        weight, bias: (C, H, W).

    Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450.
    """
    mean = x.mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    variance = (x - mean).square().mean((1, 2, 3), keepdim=True)
    return weight * (x - mean) / (variance + eps).sqrt() + bias
