"""The step from gradients to new weights: SGD, Adam, schedules, clipping, averaging.

Each as torch takes it, on lists of tensors, in place.
"""

import math

import torch

# ------------------------------------------------------------ steps


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


@torch.no_grad()
def adam_step(params, means, squares, step, learning_rate, weight_decay=0):
    """One step of Adam, the weight decay apart from the gradient: torch.optim.AdamW.

    With torch's usual numbers: the averages keep 0.9 and 0.999 of what they were, and
    1e-8 is added to the root.

    Args:
        params: tensors with their gradients in `.grad`; changed in place.
        means, squares: as many tensors of the same shapes, zero before the first step:
            running averages of the gradients and of their squares; changed in place.
        step: counts from 1.
        learning_rate, weight_decay: >= 0.

    Source: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1; the decay: Loshchilov
    and Hutter (2017), arXiv:1711.05101, algorithm 2.
    """
    for w, m, v in zip(params, means, squares, strict=True):
        w.mul_(1 - learning_rate * weight_decay)
        m.mul_(0.9).add_(0.1 * w.grad)
        v.mul_(0.999).add_(0.001 * w.grad**2)
        mean, square = m / (1 - 0.9**step), v / (1 - 0.999**step)
        w.sub_(learning_rate * mean / (square.sqrt() + 1e-8))


def orthogonalize(matrix, steps=5):
    """Nearly U @ V.T of the SVD: the same singular vectors, all values about 1.

    By products alone. Each step makes a singular value s into 3.4445 s - 4.7750 s^3 +
    2.0315 s^5; after five, all that were from 0.002 to 1 are from 0.68 to 1.21, and
    nearer the two do not come: no more is needed.

    Args:
        matrix: (rows, columns), of any length; zeros stay zeros.

    Source: K. Jordan and others (2024), kellerjordan.github.io/posts/muon.
    """
    if len(matrix) > len(matrix.T):  # the products are then smaller
        return orthogonalize(matrix.T, steps).T
    x = matrix / (matrix.norm() + 1e-7)  # no singular value above 1
    for _ in range(steps):
        square = x @ x.T
        x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
    return x


@torch.no_grad()
def muon_step(params, velocities, learning_rate, momentum=0.95, weight_decay=0):
    """One step of Muon with Nesterov's momentum, as torch.optim.Muon takes it.

    Torch orthogonalises in bfloat16, this in the type of the parameters: both agree to
    a few hundredths of the step.

    Args:
        params: matrices, or kernels (out_channels, ...), taken as matrices with a row
            for each output channel; their gradients in `.grad`; changed in place.
        velocities: as many tensors of the same shapes, zero before the first step;
            changed in place.
        learning_rate, weight_decay: >= 0.
        momentum: from 0 to below 1.

    Source: K. Jordan and others (2024), kellerjordan.github.io/posts/muon.
    """
    for w, v in zip(params, velocities, strict=True):
        v.mul_(momentum).add_((1 - momentum) * w.grad)
        ahead = momentum * v + (1 - momentum) * w.grad
        turn = orthogonalize(ahead.flatten(1))  # (rows, columns)
        rows, columns = turn.shape
        w.mul_(1 - learning_rate * weight_decay)
        scale = max(1, rows / columns) ** 0.5
        w.sub_(learning_rate * scale * turn.view_as(w))


class Muon(torch.optim.Optimizer):
    """Muon for the kernels of convolutions, SGD for all other weights.

    Other than torch.optim.Muon, it takes all of a model's parameters, and no groups.
    Before each step a kernel is brought to the length sqrt(out_channels). Batch
    normalisation behind it makes up for that (do not use it without), and so the
    learning rate is about the angle, in radians, by which a step turns the kernel.

    Args:
        params: of a model; tensors of four dimensions are kernels.
        lr: the learning rate of the kernels, >= 0.
        other_lr: that of all others, >= 0.
        momentum: of both, from 0 to below 1.
        weight_decay: of the others.
    """

    def __init__(self, params, lr, other_lr=0.1, momentum=0.9, weight_decay=5e-4):
        params = list(params)
        kernels = [p for p in params if p.ndim == 4]
        others = [p for p in params if p.ndim != 4]
        groups = [
            {"params": kernels, "weight_decay": 0},
            {"params": others, "lr": other_lr},
        ]
        both = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(groups, both)

    @torch.no_grad()
    def step(self):
        """Change the parameters by their gradients, in place."""
        updates = muon_step, sgd_step
        for group, update in zip(self.param_groups, updates, strict=True):
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if "velocity" not in self.state[p]:
                    self.state[p]["velocity"] = torch.zeros_like(p)
                if p.ndim == 4:
                    p.mul_(len(p) ** 0.5 / p.norm().clamp(min=1e-12))
            velocities = [self.state[p]["velocity"] for p in params]
            settings = group["lr"], group["momentum"], group["weight_decay"]
            update(params, velocities, *settings)


@torch.no_grad()
def clip_gradients(params, longest):
    """Shorten all gradients together to the length `longest`, if they are longer.

    In place, as torch.nn.utils.clip_grad_norm_.

    Returns:
        their length before, a number.
    """
    gradients = [p.grad for p in params if p.grad is not None]
    length = float(sum(g.square().sum() for g in gradients)) ** 0.5
    for g in gradients:
        g.mul_(min(1, longest / (length + 1e-6)))
    return length


@torch.no_grad()
def average_step(averages, params, decay):
    """Move running averages of the parameters on: decay * average + (1 - decay) * w.

    Args:
        averages: as many tensors of the same shapes; changed in place.
        decay: 0 to 1; about the last 1 / (1 - decay) steps count.
    """
    for average, w in zip(averages, params, strict=True):
        average.mul_(decay).add_((1 - decay) * w)


# ------------------------------------------------------------ schedules


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
    done = min(step / total, 1) if total else 1
    return (1 + math.cos(math.pi * done)) / 2


def warmup_cosine(step, warmup, total):
    """In equal parts up to 1 during `warmup` steps, then down as `cosine_decay`.

    The first step has 1 / warmup, the step numbered `warmup` - 1 has 1, and `total`
    counts all steps.
    """
    if step < warmup:
        return (step + 1) / warmup
    return cosine_decay(step - warmup, total - warmup)
