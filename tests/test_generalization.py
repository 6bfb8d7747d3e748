"""The cures for over-fitting: values and gradients as torch's, and their promises."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from utils import generalization as g
from utils.counting import count_parameters
from utils.data import Images
from utils.normalization import BatchNorm2d
from utils.penalties import weights
from utils.training import seed_everything


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


@pytest.mark.parametrize("folds", [1, 12, 2.5])
def test_folds_of_nothing_are_refused(folds):
    with pytest.raises(ValueError, match=f"folds must be .* from 2 to 11, got {folds}"):
        list(g.k_folds(11, folds))


def test_folds_validate_on_every_example_once():
    pairs = list(g.k_folds(11, 3, seed=1))
    assert [len(v) for _, v in pairs] == [4, 4, 3]
    assert sorted(torch.cat([v for _, v in pairs]).tolist()) == list(range(11))
    for train, validation in pairs:
        assert sorted([*train.tolist(), *validation.tolist()]) == list(range(11))
    again = [v.tolist() for _, v in g.k_folds(11, 3, seed=1)]
    other = [v.tolist() for _, v in g.k_folds(11, 3, seed=2)]
    assert again == [v.tolist() for _, v in pairs] != other


@pytest.mark.parametrize(("patience", "epochs", "best"), [(2, 4, 1), (3, 6, 4)])
def test_early_stopping_keeps_the_best_weights(tmp_path, patience, epochs, best):
    losses = [3, 2, 2.5, 2.4, 1, 4, 1][:epochs]
    stop = g.EarlyStopping(tmp_path / "best.pt", patience)
    model = nn.Linear(1, 1)
    for epoch, loss in enumerate(losses):
        nn.init.constant_(model.weight, epoch)
        stopped = stop(model, loss)
        assert stopped == (patience == 2 and epoch == 3)
    assert stop.lowest == losses[best]
    assert torch.load(tmp_path / "best.pt")["weight"].item() == best


def test_a_loss_that_is_no_number_is_never_the_best(tmp_path):
    stop = g.EarlyStopping(tmp_path / "best.pt", patience=1)
    assert stop(nn.Linear(1, 1), math.nan)
    assert not (tmp_path / "best.pt").exists()


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


# ------------------------------------------------------------ augmentation


def test_affine_turns_zooms_and_moves():
    images = normal(3, 2, 9, 9)
    none, one, still = torch.zeros(3), torch.ones(3), torch.zeros(3, 2)
    none, one, still = none.double(), one.double(), still.double()
    close(g.affine(images, none, one, still), images)
    quarter = g.affine(images, one * math.pi / 2, one, still)
    close(quarter, images.rot90(1, (2, 3)), 1e-9)
    move = torch.tensor([[2.0, 1.0]] * 3).double()
    moved = g.affine(images, none, one, move, fill=0.5)
    close(moved[..., :-1, :-2], images[..., 1:, 2:])
    close(moved[..., -1, :], torch.full((3, 2, 9), 0.5).double())
    ramp = torch.arange(-4.0, 5).double().expand(1, 1, 9, 9)
    twice = g.affine(ramp, none[:1], 2 * one[:1], still[:1])
    close(twice[0, 0, 4], ramp[0, 0, 4] / 2)


def test_random_affine_draws_for_each_image_within_its_limits():
    torch.manual_seed(0)
    ramp = torch.arange(-14.0, 14).expand(400, 1, 28, 28) + 100
    moved = (ramp - g.random_affine(ramp, shift=3))[:, 0, 14, 10:18]
    close(moved, moved[:, :1].expand(400, 8), 1e-3)
    assert -3.001 < moved.min() < -2.8
    assert 2.8 < moved.max() < 3.001
    assert len(moved[:, 0].unique()) > 390
    zoomed = g.random_affine(ramp, scale=0.2)[:, 0, 14, 14:16].diff()
    assert 0.83 < zoomed.min() < 0.85
    assert 1.22 < zoomed.max() < 1.26
    close(g.random_affine(ramp), ramp, 1e-3)
    assert g.random_affine(ramp.double(), turn=5).dtype == torch.float64
    turned = g.random_affine(ramp, turn=30)[:, 0, 13:15, 14].diff(dim=1)
    assert turned.abs().max() < 0.5001  # the sine of 30 degrees
    assert turned.min() < -0.45 < 0.45 < turned.max()


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


@pytest.mark.parametrize("smoothing", [-0.1, 1, 1.5])
def test_a_smoothing_of_all_or_more_is_refused(smoothing):
    with pytest.raises(ValueError, match="smoothing must be a number, from 0 to less"):
        g.smooth_labels(torch.tensor([1]), 4, smoothing)


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


# ------------------------------------------------------------ a network


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


def test_update_ratios():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[3.0, 0], [0, 4]]))

    def step():
        with torch.no_grad():
            model[0].weight[0, 0] += 0.5
            model[0].bias += 7

    ratios = g.update_ratios(model, step)
    assert ratios == {"0.weight": pytest.approx(0.1), "1.weight": 0.0}
