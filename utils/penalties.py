"""Two penalties on weights: L2 shrinks them all, L1 leaves many at exactly zero.

First on a model that is linear in its weights, where the best weights can be computed;
then on any network, where the penalty joins the loss, or the step lets weights decay.
"""

import numpy as np
import torch

# ------------------------------------------------------------ the best weights


def legendre_features(x, degree):
    """Legendre polynomials of degree 0 to `degree`: (N,) -> (N, degree + 1), float64.

    Scaled by sqrt(2 k + 1), which makes them orthonormal for x uniform in -1 to 1.
    """
    scales = np.sqrt(2 * np.arange(degree + 1) + 1)
    polynomials = np.polynomial.legendre.legvander(x, degree)
    return torch.tensor(polynomials * scales)  # (N, degree + 1)


def normal_equations(features, targets):
    """G = features.T @ features / N and c = features.T @ targets / N.

    G w = c holds where half the mean squared error of features @ w is least.

    Args:
        features: (N, D).
        targets: (N,), an array or a tensor.
    """
    targets = torch.as_tensor(targets).to(features)
    count = len(targets)
    return features.T @ features / count, features.T @ targets / count


def ridge(features, targets, strength):
    """The weights with the least half mean squared error + strength * sum(w^2) / 2.

    They solve (G + strength * I) w = c. The first weight belongs to a constant feature:
    as a bias, it is not penalised.

    Args:
        features: (N, D), the first column constant.
        targets: (N,).
        strength: > 0 gives one solution, however large D is.

    Returns:
        (D,).

    Raises:
        torch.linalg.LinAlgError: at strength 0, more than one solution.
    """
    gram, c = normal_equations(features, targets)
    penalty = strength * torch.eye(len(c)).to(c)
    penalty[0, 0] = 0  # the first weight is a bias, and goes free
    factor = torch.linalg.cholesky(gram + penalty)
    return torch.cholesky_solve(c[:, None], factor)[:, 0]


def lasso(features, targets, strength):
    """The weights with the least half mean squared error + strength * sum(|w|).

    Coordinate descent: each weight in turn is put where it does best, which is 0 if
    the others leave it less than `strength` to explain.

    Args:
        features, targets, strength: as in `ridge`; any strength >= 0 will do.

    Returns:
        (D,); many are exactly 0.
    """
    gram, c = normal_equations(features, targets)
    w = torch.zeros_like(c)
    for _ in range(10_000):
        before = w.clone()
        for j in range(len(w)):
            left = c[j] - gram[j] @ w + gram[j, j] * w[j]
            size = left.abs() - (strength if j else 0)  # the bias goes free
            if gram[j, j] > 0:  # a feature that is always 0 gets no weight
                w[j] = left.sign() * size.clamp(min=0) / gram[j, j]
        if (w - before).abs().max() < 1e-12:
            break
    return w


# ------------------------------------------------------------ on a network


def weights(model):
    """The trainable parameters with two axes or more: no bias, no batch-norm scale."""
    return [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]


def l1_penalty(model):
    """The sum of |w| over the weights; its gradient is sign(w)."""
    return sum(w.abs().sum() for w in weights(model))


def decay_groups(model, weight_decay):
    """Parameter groups for torch.optim: the weights decay, biases and scales do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    others = [p for p in trained if p.ndim < 2]
    return [
        {"params": weights(model), "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
