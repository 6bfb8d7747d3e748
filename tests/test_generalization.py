"""The cures for over-fitting: values and gradients as torch's, and their promises."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import lr_scheduler

from utils import generalization as g
from utils.counting import count_parameters
from utils.data import Images
from utils.normalization import BatchNorm2d
from utils.penalties import weights
from utils.training import fit, seed_everything


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------ validation


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_split_keeps_every_example_once(kind):
    data = Images(kind(np.arange(20.0)[:, None]), kind(np.arange(20)))
    rest, validation = g.split_validation(data, 6, seed=1)
    assert len(rest.y) == 14
    assert len(validation.y) == 6
    assert sorted([*rest.y.tolist(), *validation.y.tolist()]) == list(range(20))
    for part in (rest, validation):
        assert (part.x[:, 0] == part.y).all()
        assert part.y.tolist() == sorted(part.y.tolist())
    again = g.split_validation(data, 6, seed=1)[1]
    other = g.split_validation(data, 6, seed=2)[1]
    assert again.y.tolist() == validation.y.tolist() != other.y.tolist()


@pytest.mark.parametrize("count", [0, 20, -1])
def test_split_leaves_something_on_both_sides(count):
    with pytest.raises(ValueError, match=f"{count} of 20 images"):
        g.split_validation((np.zeros((20, 1)), np.zeros(20, int)), count)


def test_split_wants_as_many_labels_as_images():
    with pytest.raises(ValueError, match="20 images with 19 labels"):
        g.split_validation((np.zeros((20, 1)), np.zeros(19, int)), 3)


def test_early_stop():
    losses = [3, 2, 2.5, 2.4, 1, 4]
    assert g.early_stop(losses, patience=6) == 5
    assert g.early_stop(losses, patience=2) == 2
    assert g.early_stop(losses, patience=3) == 5
    assert g.early_stop([1.0, 1.0], patience=1) == 1
    with pytest.raises(IndexError):
        g.early_stop([], patience=1)  # `fit` had no validation set


# ------------------------------------------------------------ the step


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_sgd_step_equals_torch_step_by_step(momentum, weight_decay):
    x, target = normal(20, 4), normal(20, 2, seed=1)
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    theirs = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    theirs.load_state_dict(ours.state_dict())
    optimizer = torch.optim.SGD(
        theirs.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay
    )
    velocities = [torch.zeros_like(p) for p in ours.parameters()]
    for _ in range(10):
        for model in (ours, theirs):
            model.zero_grad()
            F.mse_loss(model(x), target).backward()
        g.sgd_step(ours.parameters(), velocities, 0.1, momentum, weight_decay)
        optimizer.step()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            close(a, b)


def test_sgd_step_wants_gradients_and_velocities():
    p = nn.Parameter(torch.ones(2))
    with pytest.raises(TypeError, match="NoneType"):
        g.sgd_step([p], [torch.zeros(2)], 0.1)  # backward() was not called
    p.grad = torch.ones(2)
    with pytest.raises(ValueError, match="shorter"):
        g.sgd_step([p], [], 0.1)
    assert (p == 1).all()


# ------------------------------------------------------------ dropout


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 0.9])
def test_dropout_keeps_the_expectation(p):
    torch.manual_seed(0)
    x = torch.linspace(-2, 3, 20).expand(50_000, 20)
    inverted, classic = g.Dropout(p), g.ClassicDropout(p)
    spread = 3 * 4 / math.sqrt((1 - p) * 50_000)
    for layer in (inverted, classic):
        drawn = layer(x).mean(0)
        layer.eval()
        assert (drawn - layer(x)[0]).abs().max() < spread
    assert inverted(x) is x
    close(classic(x), x * (1 - p), 1e-6)


def test_dropout_drops_single_numbers_and_their_gradients():
    torch.manual_seed(0)
    x = torch.ones(400, 3, 5, requires_grad=True)
    y = g.Dropout(0.75)(x)
    assert set(y.unique().tolist()) == {0.0, 4.0}
    share = (y == 0).double().mean().item()
    assert abs(share - 0.75) < 0.03
    y.sum().backward()
    close(x.grad, y.detach())
    z = g.ClassicDropout(0.75)(x)
    assert set(z.unique().tolist()) == {0.0, 1.0}


def test_dropout_repeats_with_the_seed():
    x, layer = torch.ones(100), g.Dropout(0.5)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert (layer(x) == first).all()
    assert not (layer(x) == first).all()


@pytest.mark.parametrize("p", [1, 50, -0.1, math.nan])
def test_dropout_refuses(p):
    with pytest.raises(ValueError, match="p must be from 0 to less than 1"):
        g.ClassicDropout(p)


# ------------------------------------------------------------ label smoothing


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_equals_torch(smoothing):
    labels = torch.arange(12) % 5
    a, b = (normal(12, 5).requires_grad_() for _ in range(2))
    ours = g.label_smoothing_cross_entropy(a, labels, smoothing)
    theirs = F.cross_entropy(b, labels, label_smoothing=smoothing)
    close(ours, theirs, 1e-6)  # torch's smoothing is rounded to single precision
    ours.backward(), theirs.backward()
    close(a.grad, b.grad, 1e-6)


def test_smooth_labels_by_hand():
    targets = g.smooth_labels(torch.tensor([1]), 4, 0.2)
    close(targets, torch.tensor([[0.05, 0.85, 0.05, 0.05]]), 1e-6)


def test_likely_mistakes_in_labels_raise():
    logits = torch.zeros(2, 3)
    wrong = [
        torch.tensor([0, 3]),
        torch.tensor([0, -1]),
        torch.tensor([0.0, 1.0]),
        torch.tensor([0]),
        torch.tensor([[0], [1]]),
    ]
    for labels in wrong:
        with pytest.raises((RuntimeError, ValueError), match="Class|index|labels"):
            g.label_smoothing_cross_entropy(logits, labels)


# ------------------------------------------------------------ schedules


def rates(make, steps=30):
    """The learning rate of each step under a scheduler, which begins at 0.5."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.5)
    schedule, seen = make(optimizer), []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def by_ours(function):
    return rates(lambda optimizer: lr_scheduler.LambdaLR(optimizer, function))


def test_step_decay_is_torchs():
    ours = by_ours(lambda step: g.step_decay(step, 7, 0.3))
    np.testing.assert_allclose(ours, rates(lambda o: lr_scheduler.StepLR(o, 7, 0.3)))


def test_cosine_decay_is_torchs_and_then_stays():
    ours = by_ours(lambda step: g.cosine_decay(step, 30))
    theirs = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 30))
    np.testing.assert_allclose(ours, theirs, atol=1e-15)
    assert g.cosine_decay(0, 8) == 1
    assert g.cosine_decay(4, 8) == pytest.approx(0.5)
    assert g.cosine_decay(8, 8) == g.cosine_decay(99, 8) == 0


def test_warmup_cosine_is_made_of_torchs_parts():
    def parts(optimizer):
        return lr_scheduler.SequentialLR(
            optimizer,
            [
                lr_scheduler.LinearLR(optimizer, 1 / 5, 1, total_iters=4),
                lr_scheduler.CosineAnnealingLR(optimizer, 25),
            ],
            milestones=[5],
        )

    ours = by_ours(lambda step: g.warmup_cosine(step, 5, 30))
    np.testing.assert_allclose(ours, rates(parts))
    assert ours[0] == pytest.approx(0.1)
    assert ours[4] == ours[5] == 0.5


def test_schedules_go_with_fit():
    x, y = normal(20, 1, 28, 28).float(), torch.arange(20) % 10
    model = g.digit_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = lr_scheduler.LambdaLR(optimizer, lambda step: g.cosine_decay(step, 4))
    fit(model, (x, y), epochs=2, batch_size=10, optimizer=optimizer, schedule=schedule)
    assert optimizer.param_groups[0]["lr"] == 0


# ------------------------------------------------------------ networks


def test_digit_net_counts_and_begins_alike():
    assert count_parameters(g.digit_net()) == 37_610
    assert count_parameters(g.digit_net(BatchNorm2d, g.Dropout)) == 37_610 + 48
    nets = []
    for settings_ in ({}, {"drop": g.Dropout}, {"norm": BatchNorm2d}):
        seed_everything(3)
        nets.append(weights(g.digit_net(**settings_)))
    for layer in zip(*nets, strict=True):
        assert all((w == layer[0]).all() for w in layer)
    assert g.digit_net()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_gradient_norms_are_those_of_autograd():
    torch.manual_seed(0)
    model = g.deep_mlp(nn.Tanh, depth=4, width=8, initial="he")
    assert [w.shape for w in weights(model)] == [(8, 784), (8, 8), (8, 8), (10, 8)]
    loss = F.cross_entropy(model(torch.ones(5, 784)), torch.arange(5) % 3)
    norms = g.gradient_norms(model, loss)
    assert all(p.grad is None for p in model.parameters())
    loss = F.cross_entropy(model(torch.ones(5, 784)), torch.arange(5) % 3)
    loss.backward()
    expected = [w.grad.square().sum().sqrt().item() for w in weights(model)]
    assert list(norms.values()) == pytest.approx(expected)
    assert list(norms) == [n for n, p in model.named_parameters() if p.ndim == 2]


@pytest.mark.parametrize(("initial", "n"), [("glorot", 2000), ("he", 1000)])
def test_initial_weights_have_the_variance_announced(initial, n):
    torch.manual_seed(0)
    weight = torch.empty(1000, 1000)
    g.INITIAL[initial](weight)
    assert weight.var().item() == pytest.approx(2 / n, rel=0.02)


def test_gradients_vanish_by_activation():
    """At the start: by far with the logistic function, hardly with ReLU and He."""
    ratio = {}
    x = torch.rand(50, 784, generator=torch.Generator().manual_seed(0))
    y = torch.arange(50) % 10
    for activation, initial in ((nn.Sigmoid, "glorot"), (nn.ReLU, "he")):
        torch.manual_seed(0)
        model = g.deep_mlp(activation, initial=initial)
        norms = g.gradient_norms(model, F.cross_entropy(model(x), y))
        first, *_, before_last, _ = norms.values()
        ratio[activation] = first / before_last
    assert ratio[nn.Sigmoid] < 1e-8
    assert ratio[nn.ReLU] > 0.1
