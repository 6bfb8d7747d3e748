"""Penalties on weights: the best weights are best, and decay is L2 for SGD alone."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_generalization import close, normal
from torch import nn

from utils import penalties
from utils.generalization import digit_net
from utils.normalization import BatchNorm2d


def test_legendre_features_are_orthonormal():
    nodes, shares = np.polynomial.legendre.leggauss(20)
    features = penalties.legendre_features(nodes, 12)
    gram = features.T @ (features * torch.as_tensor(shares / 2)[:, None])
    close(gram, torch.eye(13).double(), 1e-10)
    assert penalties.legendre_features([0.5], 0).tolist() == [[1.0]]
    x = np.linspace(-1, 1, 7)
    columns = [np.ones(7), x, (3 * x**2 - 1) / 2, (5 * x**3 - 3 * x) / 2]
    expected = np.stack(columns, 1) * np.sqrt([1, 3, 5, 7])
    close(penalties.legendre_features(x, 3), torch.as_tensor(expected))


@pytest.mark.parametrize("strength", [1e-4, 0.01, 1.0])
@pytest.mark.parametrize("kind", ["ridge", "lasso"])
def test_penalised_fits_are_best(kind, strength):
    x = normal(12).tanh()
    features, targets = penalties.legendre_features(x, 9), normal(12, seed=1)
    w = getattr(penalties, kind)(features, targets, strength)
    gradient = features.T @ (features @ w - targets) / 12
    penalised = torch.arange(10) > 0
    if kind == "ridge":
        close(gradient, -strength * w * penalised, 1e-9)
        return
    zero = (w == 0) & penalised
    close(gradient[~zero], (-strength * w.sign() * penalised)[~zero], 1e-8)
    assert (gradient[zero].abs() <= strength + 1e-9).all()
    silent = torch.cat([features, torch.zeros(12, 1).double()], 1)
    close(penalties.lasso(silent, targets, strength), torch.cat([w, w.new_zeros(1)]))


def test_no_strength_is_least_squares_and_much_is_the_mean():
    features = penalties.legendre_features(normal(30).tanh(), 4)
    targets = normal(30, seed=1)
    least = torch.linalg.lstsq(features, targets[:, None]).solution[:, 0]
    close(penalties.ridge(features, targets, 0), least, 1e-8)
    close(penalties.lasso(features, targets, 0), least, 1e-8)
    w = penalties.lasso(features, targets, 100.0)
    close(w, targets.mean() * torch.eye(5).double()[0])


def test_impossible_fits_raise():
    features, targets = penalties.legendre_features(normal(5).tanh(), 9), normal(5)
    with pytest.raises(torch.linalg.LinAlgError, match="positive-definite"):
        penalties.ridge(features, targets, 0)  # ten weights, five points
    for fit in (penalties.ridge, penalties.lasso):
        with pytest.raises(RuntimeError, match="size|shape"):
            fit(features, targets[:4], 1)
    with pytest.raises(ValueError, match="dimension|negative"):
        penalties.legendre_features([0.0], -1)


def test_l1_penalty_and_its_gradient():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    weight = model[0].weight
    l1 = penalties.l1_penalty(model)
    close(l1, weight.abs().sum())
    close(torch.autograd.grad(l1, weight)[0], weight.sign())
    assert [w is weight for w in penalties.weights(model)] == [True]


def after_steps(optimizer, penalty, steps=5):
    """A weight after some steps on a fixed loss, with the penalty in the loss."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3, bias=False).double()
    optimizer = optimizer(model.parameters())
    x, target = normal(20, 4), normal(20, 3, seed=1)
    for _ in range(steps):
        optimizer.zero_grad()
        l2 = model.weight.square().sum() / 2
        loss = F.mse_loss(model(x), target) + penalty * l2
        loss.backward()
        optimizer.step()
    return model.weight


def test_l2_is_weight_decay_for_sgd():
    by_loss = after_steps(lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), 0.3)
    by_decay = after_steps(
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.3), 0
    )
    close(by_loss, by_decay)


def test_l2_is_not_decoupled_weight_decay_for_adam():
    by_loss = after_steps(lambda p: torch.optim.Adam(p, 0.1), 0.3)
    in_gradient = after_steps(lambda p: torch.optim.Adam(p, 0.1, weight_decay=0.3), 0)
    decoupled = after_steps(lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.3), 0)
    close(by_loss, in_gradient)
    assert (by_loss - decoupled).abs().max() > 0.01


def test_decay_groups_leave_biases_alone():
    model = digit_net(norm=BatchNorm2d)
    decayed, others = penalties.decay_groups(model, 0.1)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert all(p.ndim >= 2 for p in decayed["params"])
    assert all(p.ndim == 1 for p in others["params"])
    count = len(decayed["params"]) + len(others["params"])
    assert count == len(list(model.parameters()))
