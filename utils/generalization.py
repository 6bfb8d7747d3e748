"""Training that generalises: the cures for over-fitting, each written out.

Every piece is the plain formula first and is then held against torch: preparing data,
the update of SGD, penalties, dropout, augmentation, batch normalisation, label
smoothing, learning-rate schedules, a validation set. Images are NCHW, pixels from 0 to
1. What is random draws from torch's own generator, on the device of what it is given.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from utils.checking import checked_number, checked_whole
from utils.data import Images


def _floats(name, x, axes) -> torch.Tensor:
    """An array or tensor as a floating tensor, with as many axes as `axes` allows."""
    x = torch.as_tensor(x)
    if x.ndim not in axes or not x.is_floating_point() or x.numel() == 0:
        wanted = " or ".join("(N, D)" if n == 2 else "(N, C, H, W)" for n in axes)
        raise ValueError(
            f"{name} must be floating, of shape {wanted} and not empty, got {x.dtype} "
            f"of shape {tuple(x.shape)}"
        )
    return x


def _all_but_channels(x) -> list[int]:
    """The axes of (N, C) or (N, C, H, W) over which a channel is averaged."""
    return [axis for axis in range(x.ndim) if axis != 1]


def _per_channel(values, x):
    """Values (C,) in the shape in which they multiply (N, C) or (N, C, H, W)."""
    return values.view(1, -1, *[1] * (x.ndim - 2))


# ------------------------------------------------------------ preparing data


class Standardize:
    """Take off each channel's mean and divide by its standard deviation.

    `fit` learns both from the training set, and no other: the test set is transformed
    with the same numbers. A channel that never varies is only shifted.

    Attributes:
        mean_, std_: (C,), after `fit`.
    """

    def fit(self, x):
        """Learn from x, (N, C, H, W) or (N, D), an array or a tensor; returns self.

        Raises:
            ValueError: another shape, or no floating numbers.
        """
        x = _floats("x", x, (4, 2))
        axes = _all_but_channels(x)
        self.mean_ = x.mean(axes)
        std = x.var(axes, correction=0).sqrt()
        self.std_ = torch.where(std > 0, std, torch.ones_like(std))
        return self

    def __call__(self, x):
        """x standardised, of the same shape, a tensor.

        Raises:
            RuntimeError: `fit` was not called.
            ValueError: x has other channels than the training set had.
        """
        x = _fitted(self, "mean_", x, (4, 2))
        mean, std = (_per_channel(v.to(x), x) for v in (self.mean_, self.std_))
        return (x - mean) / std


class PCAWhitening:
    """Turn data to their principal axes and make every variance 1.

    z = U.T (x - mean) / sqrt(variance + epsilon), with the columns of U the
    eigenvectors of the training set's covariance, largest variance first.

    Args:
        components: keep so many axes; None keeps all.
        epsilon: added to the variances, that axes of hardly any do not blow up noise.

    Attributes:
        mean_: (D,), variance_: (K,), components_: (K, D), one axis a row, after `fit`.

    Raises:
        ValueError: `components` is no whole number >= 1, or `epsilon` is negative.
    """

    def __init__(self, components=None, epsilon=1e-5):
        if components is not None:
            checked_whole("components", components, 1)
        self.components = components
        self.epsilon = checked_number("epsilon", epsilon)

    def fit(self, x):
        """Learn from x (N, D), N > 1, an array or a tensor; returns self.

        Raises:
            ValueError: another shape, or fewer than `components` numbers an example.
        """
        x = _floats("x", x, (2,))
        if len(x) < 2 or (self.components or 1) > x.shape[1]:
            raise ValueError(
                "x must be (N, D) with N > 1 and D at least components "
                f"({self.components}), got {tuple(x.shape)}"
            )
        self.mean_ = x.mean(0)
        variance, axes = torch.linalg.eigh(torch.cov(x.T).reshape(x.shape[1], -1))
        order = variance.argsort(descending=True)[: self.components]
        self.variance_ = variance[order].clamp(min=0)  # rounding can go below
        self.components_ = axes[:, order].T
        return self

    def __call__(self, x):
        """z (N, K) of x (N, D), a tensor.

        Raises:
            RuntimeError: `fit` was not called.
            ValueError: x is not (N, D) with the D of the training set.
        """
        x = _fitted(self, "mean_", x, (2,))
        turned = (x - self.mean_.to(x)) @ self.components_.T.to(x)
        return turned / (self.variance_.to(x) + self.epsilon).sqrt()


def _fitted(transform, name, x, axes):
    if not hasattr(transform, name):
        raise RuntimeError(f"call {type(transform).__name__}().fit(x) first")
    x, size = _floats("x", x, axes), len(getattr(transform, name))
    if x.shape[1] != size:
        raise ValueError(
            f"x must have {size} channels or features, as in fit, "
            f"got shape {tuple(x.shape)}"
        )
    return x


# ------------------------------------------------------------ validation


def split_validation(data, count, seed=0) -> tuple[Images, Images]:
    """Set `count` examples, drawn at random, aside: (the rest, the validation set).

    Args:
        data: `Images`, or any pair of arrays of one length: images and labels.
        count: how many to set aside, from 1 to less than all.
        seed: of the draw. The rest keeps its order.

    Raises:
        ValueError: an argument is not as described.
    """
    x, y = data
    if len(x) != len(y):
        raise ValueError(
            f"data must hold as many labels as images, got {len(x)} and {len(y)}"
        )
    if checked_whole("count", count, 1) >= len(y):
        raise ValueError(f"count must be less than all {len(y)} images, got {count}")
    generator = torch.Generator().manual_seed(checked_whole("seed", seed, 0))
    order = torch.randperm(len(y), generator=generator)
    aside, rest = order[:count].sort().values, order[count:].sort().values
    if not isinstance(x, torch.Tensor):
        aside, rest = aside.numpy(), rest.numpy()
    return Images(x[rest], y[rest]), Images(x[aside], y[aside])


def early_stop(losses, patience=None) -> int:
    """After how many epochs to stop: when the validation loss was lowest.

    Args:
        losses: validation loss of each epoch, such as `History.test_loss`.
        patience: give up looking after so many epochs without a new lowest; None
            looks at all of them.

    Returns:
        a number of epochs, from 1.

    Raises:
        ValueError: no losses, or `patience` is no whole number >= 1.
    """
    losses = list(losses)
    if not losses:
        raise ValueError("losses must hold at least one epoch, got none")
    if patience is not None:
        patience = checked_whole("patience", patience, 1)
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif patience is not None and epoch - best >= patience:
            break
    return best + 1


# ------------------------------------------------------------ the update


def sgd_step(parameters, velocities, learning_rate, momentum=0.0, weight_decay=0.0):
    """One step of SGD with momentum and weight decay, as torch.optim.SGD takes it.

    g = gradient + weight_decay * parameter, v <- momentum * v + g, and
    parameter <- parameter - learning_rate * v.

    Args:
        parameters: tensors with their gradients in `.grad`; changed in place.
        velocities: as many tensors of the same shapes, zero before the first step;
            changed in place.
        learning_rate, weight_decay: >= 0.
        momentum: from 0 to below 1.

    Raises:
        ValueError: a number out of range, as many velocities as not parameters, or a
            parameter without a gradient.
    """
    learning_rate = checked_number("learning_rate", learning_rate)
    momentum = checked_number("momentum", momentum, below=1)
    weight_decay = checked_number("weight_decay", weight_decay)
    parameters, velocities = list(parameters), list(velocities)
    if len(parameters) != len(velocities):
        raise ValueError(
            f"velocities must be one for each of {len(parameters)} parameters, "
            f"got {len(velocities)}"
        )
    for k, parameter in enumerate(parameters):
        if parameter.grad is None:
            raise ValueError(f"parameters[{k}] has no gradient: call backward() first")
    with torch.no_grad():
        for parameter, velocity in zip(parameters, velocities, strict=True):
            gradient = parameter.grad + weight_decay * parameter
            velocity.mul_(momentum).add_(gradient)
            parameter.sub_(learning_rate * velocity)


# ------------------------------------------------------------ penalties


def weights(model: nn.Module) -> list[nn.Parameter]:
    """The trainable parameters with two axes or more: no bias, no batch-norm scale."""
    return [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]


def l1_penalty(model: nn.Module) -> torch.Tensor:
    """The sum of |w| over the weights; its gradient is sign(w)."""
    return sum(w.abs().sum() for w in weights(model))


def l2_penalty(model: nn.Module) -> torch.Tensor:
    """Half the sum of w^2 over the weights; its gradient is w.

    So adding s * l2_penalty(model) to the loss is, for SGD, weight decay of s.
    """
    return sum(w.square().sum() for w in weights(model)) / 2


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Parameter groups for torch.optim: the weights decay, biases and scales do not.

    Raises:
        ValueError: `weight_decay` is negative.
    """
    weight_decay = checked_number("weight_decay", weight_decay)
    decayed = {id(w) for w in weights(model)}
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in trained if id(p) in decayed],
            "weight_decay": weight_decay,
        },
        {
            "params": [p for p in trained if id(p) not in decayed],
            "weight_decay": 0.0,
        },
    ]


# ------------------------------------------------------------ penalties, exactly
# A model that is linear in its weights, where the best weights can be computed.


def legendre_features(x, degree: int) -> torch.Tensor:
    """Legendre polynomials of degree 0 to `degree`: (N,) -> (N, degree + 1), float64.

    Scaled by sqrt(2 k + 1), which makes them orthonormal for x uniform in -1 to 1.
    They come from (k + 1) P_{k+1} = (2 k + 1) x P_k - k P_{k-1}.

    Raises:
        ValueError: x has not one axis, or `degree` is no whole number >= 0.
    """
    x, degree = (
        torch.as_tensor(x, dtype=torch.float64),
        checked_whole("degree", degree, 0),
    )
    if x.ndim != 1:
        raise ValueError(f"x must have shape (N,), got {tuple(x.shape)}")
    columns = [torch.ones_like(x), x]
    for k in range(1, degree):
        columns.append(((2 * k + 1) * x * columns[k] - k * columns[k - 1]) / (k + 1))
    scales = torch.arange(degree + 1, dtype=x.dtype).mul(2).add(1).sqrt()
    return torch.stack(columns[: degree + 1], dim=1) * scales


def ridge(features, targets, strength: float) -> torch.Tensor:
    """The weights with the least half mean squared error + strength * sum(w^2) / 2.

    They solve (G + strength * I) w = c, with G = features.T @ features / N and
    c = features.T @ targets / N. The first weight belongs to a constant feature: as a
    bias, it is not penalised.

    Args:
        features: (N, D), the first column constant.
        targets: (N,).
        strength: >= 0; above 0 there is one solution, however large D is.

    Returns:
        (D,), float64.

    Raises:
        ValueError: wrong shapes, a negative strength, or, at strength 0, more than one
            solution.
    """
    gram, c, strength = _normal_equations(features, targets, strength)
    diagonal = gram.new_full((len(c),), strength)
    diagonal[0] = 0
    factor, failed = torch.linalg.cholesky_ex(gram + diagonal.diag())
    if failed:
        raise ValueError(
            f"strength ({strength:g}) is too small for {len(c)} features and "
            f"{len(targets)} examples: many weights fit alike"
        )
    return torch.cholesky_solve(c[:, None], factor)[:, 0]


def lasso(features, targets, strength: float, sweeps=10_000, tolerance=1e-12):
    """The weights with the least half mean squared error + strength * sum(|w|).

    Coordinate descent: each weight in turn is put where it does best, which is 0 if
    the others leave it less than `strength` to explain. The first weight belongs to a
    constant feature and is not penalised.

    Args:
        features: (N, D), the first column constant.
        targets: (N,).
        strength: >= 0.
        sweeps: at most so many rounds.
        tolerance: stop when no weight moves by more in a round.

    Returns:
        (D,), float64; many are exactly 0.

    Raises:
        ValueError: as `ridge`, but any strength will do.
    """
    gram, c, strength = _normal_equations(features, targets, strength)
    w = torch.zeros_like(c)
    for _ in range(sweeps):
        before = w.clone()
        for j in range(len(w)):
            left = c[j] - gram[j] @ w + gram[j, j] * w[j]
            threshold = strength if j else 0.0
            w[j] = left.sign() * (left.abs() - threshold).clamp(min=0) / gram[j, j]
        if (w - before).abs().max() <= tolerance:
            break
    return w


def _normal_equations(features, targets, strength):
    strength = checked_number("strength", strength)
    features = torch.as_tensor(features, dtype=torch.float64)
    targets = torch.as_tensor(targets, dtype=torch.float64)
    if features.ndim != 2 or targets.shape != features.shape[:1] or not len(targets):
        raise ValueError(
            "features must be (N, D) and targets (N,), got "
            f"{tuple(features.shape)} and {tuple(targets.shape)}"
        )
    return (
        features.T @ features / len(targets),
        features.T @ targets / len(targets),
        strength,
    )


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

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = checked_number("p", p, below=1)

    def forward(self, x):
        if not self.training:
            return x
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)

    def extra_repr(self):
        return f"p={self.p:g}"


class ClassicDropout(Dropout):
    """Dropout as published: in training, zero with probability p, else x as it is.

    To make up for it, everything is multiplied by 1 - p in evaluation. Arguments and
    errors as `Dropout`.
    """

    def forward(self, x):
        if not self.training:
            return x * (1 - self.p)
        return x * (torch.rand_like(x) >= self.p)


def all_masks(units: int) -> torch.Tensor:
    """Every way to keep (1) or drop (0) each of n units: (2^n, n), float64.

    Raises:
        ValueError: `units` is not a whole number from 1 to 20.
    """
    if checked_whole("units", units, 1) > 20:
        raise ValueError(f"units must be at most 20 (2^20 masks), got {units}")
    bits = torch.arange(2**units)[:, None] >> torch.arange(units)
    return (bits & 1).double()


def geometric_mean(probabilities, shares=None) -> torch.Tensor:
    """The normalised geometric mean of distributions: (M, ..., K) -> (..., K).

    Args:
        probabilities: M distributions over K classes, all above 0.
        shares: (M,), how much each counts, adding up to 1; None counts all alike.

    Raises:
        ValueError: a probability that is not above 0, or as many shares as not
            distributions.
    """
    probabilities = torch.as_tensor(probabilities)
    if probabilities.ndim < 2 or not (probabilities > 0).all():
        raise ValueError(
            "probabilities must be (M, ..., K) and above 0, got shape "
            f"{tuple(probabilities.shape)}, smallest {probabilities.min():g}"
        )
    count = len(probabilities)
    if shares is None:
        shares = probabilities.new_full((count,), 1 / count)
    shares = torch.as_tensor(shares).to(probabilities)
    if shares.shape != (count,) or abs(shares.sum() - 1) > 1e-5:
        raise ValueError(
            f"shares must be {count} numbers that add up to 1, got shape "
            f"{tuple(shares.shape)}, sum {shares.sum():g}"
        )
    return torch.tensordot(shares, probabilities.log(), dims=1).softmax(-1)


# ------------------------------------------------------------ batch normalisation


class BatchNormCache(NamedTuple):
    """What the way back needs from the way forward."""

    normal: torch.Tensor  # x with mean 0 and variance 1 in every channel
    inverse_std: torch.Tensor  # (C,)
    weight: torch.Tensor  # (C,)


def batch_norm_forward(x, weight, bias, eps=1e-5):
    """Normalise every channel over the batch, then scale and shift it.

    normal = (x - mean) / sqrt(variance + eps), y = weight * normal + bias. The mean
    and the variance (divided by n, not n - 1) are over all axes but the channels.

    Args:
        x: (N, C, H, W) or (N, C).
        weight, bias: (C,).
        eps: > 0, keeps a channel that does not vary from division by 0.

    Returns:
        y, shaped like x, and a `BatchNormCache`.

    Raises:
        ValueError: another shape, or only one number a channel.
    """
    x = _floats("x", x, (4, 2))
    if weight.shape != x.shape[1:2] or bias.shape != x.shape[1:2]:
        raise ValueError(
            f"weight and bias must have shape ({x.shape[1]},), one number a channel "
            f"of x, got {tuple(weight.shape)} and {tuple(bias.shape)}"
        )
    if x.numel() == x.shape[1]:
        raise ValueError(
            "x must hold more than one number a channel in training, got shape "
            f"{tuple(x.shape)}: with one, the result is always bias"
        )
    axes = _all_but_channels(x)
    centred = x - x.mean(axes, keepdim=True)
    inverse_std = (centred.square().mean(axes) + eps).rsqrt()
    normal = centred * _per_channel(inverse_std, x)
    y = normal * _per_channel(weight, x) + _per_channel(bias, x)
    return y, BatchNormCache(normal, inverse_std, weight)


def batch_norm_backward(grad_output, cache: BatchNormCache):
    """(grad_x, grad_weight, grad_bias) of a loss, from its gradient for y.

    A number moves its channel's mean and variance, too, so that each gradient loses
    its mean, and the part that only rescales:

    grad_x = weight * inverse_std * (g - mean(g) - normal * mean(g * normal)).

    Args:
        grad_output: g, shaped like y.
        cache: from `batch_norm_forward`.

    Raises:
        ValueError: grad_output has another shape than y.
    """
    normal, inverse_std, weight = cache
    if grad_output.shape != normal.shape:
        raise ValueError(
            f"grad_output must have the shape of y, {tuple(normal.shape)}, "
            f"got {tuple(grad_output.shape)}"
        )
    axes = _all_but_channels(normal)
    grad_bias = grad_output.sum(axes)
    grad_weight = (grad_output * normal).sum(axes)
    count = normal.numel() // normal.shape[1]
    grad_x = (
        grad_output
        - _per_channel(grad_bias / count, normal)
        - normal * _per_channel(grad_weight / count, normal)
    ) * _per_channel(weight * inverse_std, normal)
    return grad_x, grad_weight, grad_bias


class _BatchNorm(torch.autograd.Function):
    """The two functions above, as one step that autograd can take."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        y, cache = batch_norm_forward(x, weight, bias, eps)
        ctx.save_for_backward(*cache)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        cache = BatchNormCache(*ctx.saved_tensors)
        return *batch_norm_backward(grad_output, cache), None


class BatchNorm2d(nn.Module):
    """Batch normalisation of (N, C, H, W), as nn.BatchNorm2d, names included.

    In training it uses the mean and variance of the batch and keeps running averages
    of them; in evaluation it uses those, and each image is treated alone.

    Args:
        channels: C.
        eps: added to the variance, > 0.
        momentum: how much the newest batch counts in the running averages, 0 to 1.

    Raises:
        ValueError: an argument out of range, an x of another shape, or, in training,
            only one number a channel.

    Source: Ioffe and Szegedy (2015), arXiv:1502.03167.
    """

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.channels = checked_whole("channels", channels, 1)
        self.eps, self.momentum = (
            checked_number("eps", eps),
            checked_number("momentum", momentum),
        )
        if eps == 0 or momentum > 1:
            raise ValueError(
                f"eps must be > 0 and momentum <= 1, got {eps} and {momentum}"
            )
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(
                f"x must be (N, {self.channels}, H, W), got {tuple(x.shape)}"
            )
        if not self.training:
            scale = self.weight * (self.running_var + self.eps).rsqrt()
            shift = self.bias - self.running_mean * scale
            return x * _per_channel(scale, x) + _per_channel(shift, x)
        y = _BatchNorm.apply(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            axes = _all_but_channels(x)
            self.running_mean.lerp_(x.mean(axes), self.momentum)
            self.running_var.lerp_(x.var(axes), self.momentum)  # divided by n - 1
            self.num_batches_tracked += 1
        return y

    def extra_repr(self):
        return f"{self.channels}, eps={self.eps:g}, momentum={self.momentum:g}"


# ------------------------------------------------------------ label smoothing


def smooth_labels(labels, classes: int, smoothing: float = 0.1) -> torch.Tensor:
    """Targets (N, classes): 1 - smoothing for the label, and smoothing shared by all.

    The label's class has its share too: 1 - smoothing + smoothing / classes.

    Args:
        labels: (N,), whole numbers from 0.
        classes: how many there are.
        smoothing: from 0 to less than 1.

    Raises:
        ValueError: an argument is not as described.
    """
    classes = checked_whole("classes", classes, 1)
    smoothing = checked_number("smoothing", smoothing, below=1)
    labels = torch.as_tensor(labels)
    if labels.ndim != 1 or labels.is_floating_point() or len(labels) == 0:
        raise ValueError(
            f"labels must be whole numbers (N,), got {labels.dtype} of shape "
            f"{tuple(labels.shape)}"
        )
    if not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels must lie in 0..{classes - 1}, got {labels.min()}..{labels.max()}"
        )
    right = F.one_hot(labels.long(), classes).float()
    return (1 - smoothing) * right + smoothing / classes


def label_smoothing_cross_entropy(logits, labels, smoothing: float = 0.1):
    """Cross-entropy against `smooth_labels`, the mean over the batch.

    Args:
        logits: (N, classes).
        labels: (N,), whole numbers from 0.
        smoothing: from 0 to less than 1; 0 is plain cross-entropy.

    Raises:
        ValueError: an argument is not as described.

    Source: Szegedy and others (2015), arXiv:1512.00567, section 7.
    """
    if logits.ndim != 2 or len(logits) != len(labels):
        raise ValueError(
            f"logits must be (N, classes), one row a label, got {tuple(logits.shape)} "
            f"and {len(labels)} labels"
        )
    targets = smooth_labels(labels, logits.shape[1], smoothing).to(logits)
    return -(targets * logits.log_softmax(1)).sum(1).mean()


# ------------------------------------------------------------ schedules
# The factor on the learning rate at a step, counted from 0. For `fit`:
# LambdaLR(optimizer, lambda step: cosine_decay(step, total)).


def step_decay(step: int, every: int, factor: float = 0.1) -> float:
    """`factor` to the power of how often `every` steps have passed.

    Raises:
        ValueError: a number out of range.
    """
    factor = checked_number("factor", factor)
    return factor ** (
        checked_whole("step", step, 0) // checked_whole("every", every, 1)
    )


def cosine_decay(step: int, total: int, final: float = 0.0) -> float:
    """From 1 to `final` along half a cosine, in `total` steps; then it stays there.

    Raises:
        ValueError: a number out of range.

    Source: Loshchilov and Hutter (2016), arXiv:1608.03983, equation 5.
    """
    final = checked_number("final", final)
    done = min(checked_whole("step", step, 0) / checked_whole("total", total, 1), 1)
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2


def warmup_cosine(step: int, warmup: int, total: int, final: float = 0.0) -> float:
    """In equal parts up to 1 during `warmup` steps, then down as `cosine_decay`.

    The first step has 1 / warmup, the step numbered `warmup` - 1 has 1, and `total`
    counts all steps.

    Raises:
        ValueError: a number out of range, or `total` not above `warmup`.
    """
    step, warmup = checked_whole("step", step, 0), checked_whole("warmup", warmup, 0)
    if checked_whole("total", total, 1) <= warmup:
        raise ValueError(f"total must be more than warmup ({warmup}), got {total}")
    if step < warmup:
        return (step + 1) / warmup
    return cosine_decay(step - warmup, total - warmup, final)


# ------------------------------------------------------------ networks to try it on


def digit_net(dropout: float = 0.0, batch_norm: bool = False) -> nn.Sequential:
    """A small CNN that learns 500 digits by heart: (N, 1, 28, 28) -> (N, 10).

    It has 37,610 parameters. Seed torch before, and the convolutions and full layers
    begin with the same weights whatever the arguments.

    Args:
        dropout: in front of both full layers; 0 leaves it out.
        batch_norm: a `BatchNorm2d` behind each convolution, 48 more parameters.

    Raises:
        ValueError: `dropout` is not from 0 to less than 1.
    """
    checked_number("dropout", dropout, below=1)

    def norm(channels):
        return [BatchNorm2d(channels)] if batch_norm else []

    def drop():
        return [Dropout(dropout)] if dropout else []

    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2),  # (N, 8, 12, 12)
        *norm(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 5, stride=2),  # (N, 16, 4, 4)
        *norm(16),
        nn.ReLU(),
        nn.Flatten(),
        *drop(),
        nn.Linear(256, 128),
        nn.ReLU(),
        *drop(),
        nn.Linear(128, 10),
    )


INITIAL = {
    "glorot": nn.init.xavier_normal_,  # variance 2 / (in + out)
    "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),  # 2 / in
}


def deep_mlp(activation, depth=20, width=100, inputs=784, classes=10, initial="glorot"):
    """`depth` full layers, `activation` between them: (N, ...) -> (N, classes).

    Args:
        activation: a class such as `nn.Sigmoid`.
        depth: layers with weights, >= 1.
        width: units of each hidden layer.
        inputs: numbers in an input.
        classes: logits.
        initial: "glorot" or "he", how weights are drawn; biases begin at 0.

    Raises:
        ValueError: an argument out of range.
    """
    if initial not in INITIAL:
        raise ValueError(f"initial must be one of {list(INITIAL)}, got {initial!r}")
    sizes = [checked_whole("inputs", inputs, 1)]
    sizes += [checked_whole("width", width, 1)] * (checked_whole("depth", depth, 1) - 1)
    sizes += [checked_whole("classes", classes, 1)]
    layers = [nn.Flatten()]
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        linear = nn.Linear(n_in, n_out)
        INITIAL[initial](linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


def gradient_norms(model: nn.Module, loss=None) -> dict[str, float]:
    """The length of the gradient of each weight, first layer first.

    Args:
        model: any module.
        loss: a tensor to differentiate; None takes the gradients that are in `.grad`.
            The gradients in `.grad` stay as they are.

    Returns:
        name of the weight -> root of the sum of squares.

    Raises:
        ValueError: no loss given, and a weight has no gradient.
    """
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    named = {name: p for name, p in named.items() if p.ndim >= 2}
    if loss is not None:
        gradients = torch.autograd.grad(loss, list(named.values()))
    else:
        gradients = [p.grad for p in named.values()]
    for name, gradient in zip(named, gradients, strict=True):
        if gradient is None:
            raise ValueError(f"{name} has no gradient: give the loss, or call backward")
    return {
        name: float(gradient.norm())
        for name, gradient in zip(named, gradients, strict=True)
    }
