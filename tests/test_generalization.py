"""The cures for over-fitting: values and gradients as torch's, and their promises."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler

from utils import generalization as g
from utils.counting import count_parameters
from utils.data import Images
from utils.training import fit, seed_everything

# The same examples in every run, so that a pass is a pass tomorrow.
property_test = settings(max_examples=50, derandomize=True, deadline=None)


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------ preparing data


@pytest.mark.parametrize("shape", [(50, 3, 4, 5), (50, 7)])
def test_standardize_uses_the_training_set_alone(shape):
    train, test = 5 + 2 * normal(*shape), normal(*shape, seed=1)
    ready = g.Standardize().fit(train)
    axes = [a for a in range(len(shape)) if a != 1]
    x = ready(train)
    close(x.mean(axes), torch.zeros(shape[1]).double())
    close(x.var(axes, correction=0), torch.ones(shape[1]).double())
    places = (1, -1, 1, 1)[: len(shape)]
    mean, std = ready.mean_.view(places), ready.std_.view(places)
    close(ready(test), (test - mean) / std)


def test_standardize_takes_arrays_and_constant_channels():
    images = np.random.default_rng(0).random((9, 2, 3, 3)).astype(np.float32)
    images[:, 1] = 0.5
    x = g.Standardize().fit(images)(images)
    assert x.dtype == torch.float32
    assert (x[:, 1] == 0).all()


def test_whitened_data_have_the_identity_as_covariance():
    x = normal(200, 6) @ normal(6, 6, seed=1) + 3
    white = g.PCAWhitening(epsilon=0).fit(x)
    z = white(x)
    close(z.mean(0), torch.zeros(6).double(), 1e-9)
    close(torch.cov(z.T), torch.eye(6).double(), 1e-9)
    assert (white.variance_.diff() <= 0).all()
    close(white.components_ @ white.components_.T, torch.eye(6).double())
    few = g.PCAWhitening(2, epsilon=0).fit(x)
    close(few(x), z[:, :2])


def test_epsilon_keeps_empty_axes_small():
    x = torch.cat([normal(50, 3), torch.zeros(50, 2).double()], dim=1)
    z = g.PCAWhitening(epsilon=1e-3).fit(x)(x)
    assert z.isfinite().all()
    close(z[:, 3:], torch.zeros(50, 2).double(), 1e-9)
    variance = torch.linalg.eigvalsh(torch.cov(x.T)).flip(0)[:3]
    close(z[:, :3].var(0), variance / (variance + 1e-3), 1e-9)


@pytest.mark.parametrize("transform", [g.Standardize, g.PCAWhitening])
def test_preparation_refuses(transform):
    with pytest.raises(RuntimeError, match=r"fit\(x\) first"):
        transform()(normal(3, 2))
    with pytest.raises(ValueError, match="floating"):
        transform().fit(torch.ones(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="3 channels or features"):
        transform().fit(normal(9, 3))(normal(9, 4))


@pytest.mark.parametrize("components", [0, -1, 1.5, True])
def test_components_must_be_whole(components):
    with pytest.raises(ValueError, match="components"):
        g.PCAWhitening(components)


def test_too_little_to_whiten():
    with pytest.raises(ValueError, match="N > 1"):
        g.PCAWhitening().fit(normal(1, 3))
    with pytest.raises(ValueError, match="components"):
        g.PCAWhitening(4).fit(normal(9, 3))
    with pytest.raises(ValueError, match="epsilon"):
        g.PCAWhitening(epsilon=-1)


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


@pytest.mark.parametrize("count", [0, 20, 2.0])
def test_split_refuses(count):
    with pytest.raises(ValueError, match="count"):
        g.split_validation((np.zeros((20, 1)), np.zeros(20, int)), count)


def test_split_wants_as_many_labels_as_images():
    with pytest.raises(ValueError, match="20 and 19"):
        g.split_validation((np.zeros((20, 1)), np.zeros(19, int)), 3)


def test_early_stop():
    losses = [3, 2, 2.5, 2.4, 1, 4]
    assert g.early_stop(losses) == 5
    assert g.early_stop(losses, patience=2) == 2
    assert g.early_stop(losses, patience=3) == 5
    assert g.early_stop([1.0, 1.0]) == 1
    with pytest.raises(ValueError, match="losses"):
        g.early_stop([])
    with pytest.raises(ValueError, match="patience"):
        g.early_stop(losses, patience=0)


# ------------------------------------------------------------ the update


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


def test_sgd_step_refuses():
    p = nn.Parameter(torch.ones(2))
    with pytest.raises(ValueError, match=r"parameters\[0\] has no gradient"):
        g.sgd_step([p], [torch.zeros(2)], 0.1)
    p.grad = torch.ones(2)
    with pytest.raises(ValueError, match="velocities"):
        g.sgd_step([p], [], 0.1)
    for name, value in (("learning_rate", -1), ("momentum", 1), ("weight_decay", -1)):
        with pytest.raises(ValueError, match=name):
            g.sgd_step([p], [torch.zeros(2)], **{"learning_rate": 0.1, name: value})
    assert (p == 1).all()


# ------------------------------------------------------------ penalties


def test_penalties_and_their_gradients():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    weight = model[0].weight
    l1, l2 = g.l1_penalty(model), g.l2_penalty(model)
    close(l1, weight.abs().sum())
    close(l2, (weight**2).sum() / 2)
    close(torch.autograd.grad(l1, weight)[0], weight.sign())
    close(torch.autograd.grad(l2, weight)[0], weight)
    assert [w is weight for w in g.weights(model)] == [True]


def after_steps(optimizer, penalty, steps=5):
    """A weight after some steps on a fixed loss, with the penalty in the loss."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3, bias=False).double()
    optimizer = optimizer(model.parameters())
    x, target = normal(20, 4), normal(20, 3, seed=1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), target) + penalty * g.l2_penalty(model)
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
    model = g.digit_net(batch_norm=True)
    decayed, others = g.decay_groups(model, 0.1)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert all(p.ndim >= 2 for p in decayed["params"])
    assert all(p.ndim == 1 for p in others["params"])
    count = len(decayed["params"]) + len(others["params"])
    assert count == len(list(model.parameters()))
    with pytest.raises(ValueError, match="weight_decay"):
        g.decay_groups(model, -1)


# ------------------------------------------------------------ penalties, exactly


def test_legendre_features_are_orthonormal():
    nodes, shares = np.polynomial.legendre.leggauss(20)
    features = g.legendre_features(nodes, 12)
    gram = features.T @ (features * torch.as_tensor(shares / 2)[:, None])
    close(gram, torch.eye(13).double(), 1e-10)
    assert g.legendre_features([0.5], 0).tolist() == [[1.0]]
    expected = np.polynomial.legendre.legvander(np.linspace(-1, 1, 7), 5)
    close(
        g.legendre_features(np.linspace(-1, 1, 7), 5),
        torch.as_tensor(expected * np.sqrt(2 * np.arange(6) + 1)),
    )


@pytest.mark.parametrize("strength", [1e-4, 0.01, 1.0])
@pytest.mark.parametrize("kind", ["ridge", "lasso"])
def test_penalised_fits_are_best(kind, strength):
    x = normal(12).tanh()
    features, targets = g.legendre_features(x, 9), normal(12, seed=1)
    w = getattr(g, kind)(features, targets, strength)
    gradient = features.T @ (features @ w - targets) / 12
    penalised = torch.arange(10) > 0
    if kind == "ridge":
        close(gradient, -strength * w * penalised, 1e-9)
        return
    zero = (w == 0) & penalised
    close(gradient[~zero], (-strength * w.sign() * penalised)[~zero], 1e-8)
    assert (gradient[zero].abs() <= strength + 1e-9).all()


def test_no_strength_is_least_squares_and_much_is_the_mean():
    features, targets = g.legendre_features(normal(30).tanh(), 4), normal(30, seed=1)
    least = torch.linalg.lstsq(features, targets[:, None]).solution[:, 0]
    close(g.ridge(features, targets, 0), least, 1e-8)
    close(g.lasso(features, targets, 0), least, 1e-8)
    w = g.lasso(features, targets, 100.0)
    close(w, targets.mean() * torch.eye(5).double()[0])


def test_penalised_fits_refuse():
    features, targets = g.legendre_features(normal(5).tanh(), 9), normal(5)
    with pytest.raises(ValueError, match=r"strength \(0\) is too small"):
        g.ridge(features, targets, 0)
    with pytest.raises(ValueError, match="strength"):
        g.lasso(features, targets, -1)
    with pytest.raises(ValueError, match="targets"):
        g.ridge(features, targets[:4], 1)
    with pytest.raises(ValueError, match="degree"):
        g.legendre_features([0.0], -1)
    with pytest.raises(ValueError, match="x must"):
        g.legendre_features([[0.0]], 1)


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


@pytest.mark.parametrize("p", [1, -0.1, math.nan, "half", None])
@pytest.mark.parametrize("kind", [g.Dropout, g.ClassicDropout])
def test_dropout_refuses(kind, p):
    with pytest.raises(ValueError, match="p must be a number, from 0 to less than 1"):
        kind(p)


@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_scaled_weights_are_the_geometric_mean_of_all_subnetworks(keep):
    n, classes = 8, 4
    x, weight, bias = normal(n), normal(classes, n, seed=1), normal(classes, seed=2)
    masks = g.all_masks(n)
    assert masks.shape == (2**n, n)
    assert len(masks.unique(dim=0)) == 2**n
    each = ((masks * x) @ weight.T + bias).softmax(1)
    kept = masks.sum(1)
    shares = keep**kept * (1 - keep) ** (n - kept)
    scaled = (weight @ (keep * x) + bias).softmax(0)
    close(g.geometric_mean(each, shares), scaled)
    if keep == 0.5:
        close(g.geometric_mean(each), scaled)
    arithmetic = (shares[:, None] * each).sum(0)
    assert (arithmetic - scaled).abs().max() > 1e-3  # the other mean is another


def test_geometric_mean_by_hand():
    p = torch.tensor([[0.5, 0.5], [0.8, 0.2]]).double()
    roots = torch.tensor([math.sqrt(0.4), math.sqrt(0.1)]).double()
    close(g.geometric_mean(p), roots / roots.sum())


def test_subnetworks_refuse():
    for units in (0, 21, 2.0):
        with pytest.raises(ValueError, match="units"):
            g.all_masks(units)
    with pytest.raises(ValueError, match="probabilities"):
        g.geometric_mean(torch.tensor([[0.0, 1.0]]))
    with pytest.raises(ValueError, match="shares"):
        g.geometric_mean(torch.ones(3, 2), shares=torch.ones(3))
    with pytest.raises(ValueError, match="shares"):
        g.geometric_mean(torch.ones(3, 2), shares=torch.ones(2) / 2)


# ------------------------------------------------------------ batch normalisation


def batch_norms(channels, **settings):
    ours, theirs = (
        kind(channels, **settings).double() for kind in (g.BatchNorm2d, nn.BatchNorm2d)
    )
    with torch.no_grad():
        theirs.weight.copy_(1 + normal(channels, seed=4))
        theirs.bias.copy_(normal(channels, seed=5))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@property_test
@given(
    shape=st.tuples(st.integers(2, 5), *[st.integers(1, 4)] * 3),
    momentum=st.sampled_from([0.1, 0.5, 1.0]),
    eps=st.sampled_from([1e-5, 1e-2]),
)
def test_batch_norm_equals_torch(shape, momentum, eps):
    ours, theirs = batch_norms(shape[1], eps=eps, momentum=momentum)
    for step in range(3):
        x = 2 + 3 * normal(*shape, seed=step)
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        grad = normal(*shape, seed=step + 9)
        outputs = [net(i) for net, i in zip((ours, theirs), inputs, strict=True)]
        close(*outputs, 1e-10)
        for output in outputs:
            output.backward(grad)
        close(inputs[0].grad, inputs[1].grad, 1e-9)
        close(ours.weight.grad, theirs.weight.grad, 1e-9)
        close(ours.bias.grad, theirs.bias.grad, 1e-9)
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        for a, b in zip(
            ours.state_dict().values(), theirs.state_dict().values(), strict=True
        ):
            close(a, b, 1e-10)
    ours.eval(), theirs.eval()
    before = {k: v.clone() for k, v in ours.state_dict().items()}
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [net(i) for net, i in zip((ours, theirs), inputs, strict=True)]
    close(*outputs, 1e-10)
    for output in outputs:
        output.backward(grad)
    close(inputs[0].grad, inputs[1].grad, 1e-9)
    close(ours.weight.grad, theirs.weight.grad, 1e-9)
    for key, value in ours.state_dict().items():
        assert (value == before[key]).all()


def test_batch_norm_backward_against_finite_differences():
    x, weight, bias = normal(4, 3, 2, 2), normal(3, seed=1), normal(3, seed=2)
    inputs = [v.requires_grad_() for v in (x, weight, bias)]
    assert torch.autograd.gradcheck(
        lambda *a: g._BatchNorm.apply(*a, 1e-5), inputs, atol=1e-6
    )


def test_batch_norm_of_features():
    x = normal(8, 3)
    y, cache = g.batch_norm_forward(x, torch.ones(3).double(), torch.zeros(3).double())
    close(y, F.batch_norm(x, None, None, training=True), 1e-10)
    grad_x, _, _ = g.batch_norm_backward(normal(8, 3, seed=1), cache)
    close(grad_x.mean(0), torch.zeros(3).double())
    close((grad_x * y).mean(0), torch.zeros(3).double(), 1e-4)


def test_batch_norm_refuses():
    layer = g.BatchNorm2d(2)
    with pytest.raises(ValueError, match=r"x must be \(N, 2, H, W\)"):
        layer(torch.zeros(4, 3, 5, 5))
    with pytest.raises(ValueError, match="more than one number a channel"):
        layer(torch.zeros(1, 2, 1, 1))
    assert layer.eval()(torch.zeros(1, 2, 1, 1)).shape == (1, 2, 1, 1)
    for settings_ in ({"channels": 0}, {"eps": 0}, {"momentum": 2}, {"eps": -1}):
        with pytest.raises(ValueError, match=next(iter(settings_))):
            g.BatchNorm2d(**{"channels": 2, **settings_})
    with pytest.raises(ValueError, match="weight and bias"):
        g.batch_norm_forward(normal(4, 3), torch.ones(2), torch.ones(2))
    _, cache = g.batch_norm_forward(normal(4, 3), torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match="grad_output"):
        g.batch_norm_backward(normal(4, 2), cache)


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


def test_label_smoothing_refuses():
    logits = torch.zeros(2, 3)
    for smoothing in (1, -0.1):
        with pytest.raises(ValueError, match="smoothing"):
            g.label_smoothing_cross_entropy(logits, torch.tensor([0, 1]), smoothing)
    with pytest.raises(ValueError, match=r"0\.\.2"):
        g.label_smoothing_cross_entropy(logits, torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="logits"):
        g.label_smoothing_cross_entropy(logits, torch.tensor([0]))
    with pytest.raises(ValueError, match="labels"):
        g.smooth_labels(torch.tensor([0.5]), 3)


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
    ours = by_ours(lambda step: g.cosine_decay(step, 30, 0.1))
    theirs = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 30, eta_min=0.05))
    np.testing.assert_allclose(ours, theirs)
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


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: g.step_decay(-1, 3), "step"),
        (lambda: g.step_decay(1, 0), "every"),
        (lambda: g.step_decay(1, 2, -1), "factor"),
        (lambda: g.cosine_decay(1, 0), "total"),
        (lambda: g.cosine_decay(1.5, 2), "step"),
        (lambda: g.cosine_decay(1, 2, -1), "final"),
        (lambda: g.warmup_cosine(1, -1, 4), "warmup"),
        (lambda: g.warmup_cosine(1, 4, 4), "total"),
    ],
)
def test_schedules_refuse(call, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        call()


# ------------------------------------------------------------ networks


def test_digit_net_counts_and_begins_alike():
    assert count_parameters(g.digit_net()) == 37_610
    assert count_parameters(g.digit_net(0.5, batch_norm=True)) == 37_610 + 48
    nets = []
    for settings_ in ({}, {"dropout": 0.5}, {"batch_norm": True}):
        seed_everything(3)
        nets.append(g.weights(g.digit_net(**settings_)))
    for layer in zip(*nets, strict=True):
        assert all((w == layer[0]).all() for w in layer)
    assert g.digit_net()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    with pytest.raises(ValueError, match="dropout"):
        g.digit_net(dropout=1)


def test_gradient_norms_are_those_of_autograd():
    torch.manual_seed(0)
    model = g.deep_mlp(nn.Tanh, depth=4, width=8, inputs=6, classes=3, initial="he")
    assert [w.shape for w in g.weights(model)] == [(8, 6), (8, 8), (8, 8), (3, 8)]
    loss = F.cross_entropy(model(torch.ones(5, 6)), torch.arange(5) % 3)
    norms = g.gradient_norms(model, loss)
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(ValueError, match="no gradient"):
        g.gradient_norms(model)
    loss = F.cross_entropy(model(torch.ones(5, 6)), torch.arange(5) % 3)
    loss.backward()
    assert g.gradient_norms(model) == norms
    expected = [w.grad.square().sum().sqrt().item() for w in g.weights(model)]
    assert list(norms.values()) == pytest.approx(expected)


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


@pytest.mark.parametrize(
    ("name", "value"), [("depth", 0), ("width", 0), ("inputs", 1.5), ("initial", "x")]
)
def test_deep_mlp_refuses(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        g.deep_mlp(nn.ReLU, **{name: value})
