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


@torch.no_grad()
def clip_gradients(params, longest):
    """Shorten all gradients together to the length `longest`, if they are longer.

    In place, as torch.nn.utils.clip_grad_norm_.

    Returns:
        their length before, a number.
    """
    gradients = [p.grad for p in params]
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
