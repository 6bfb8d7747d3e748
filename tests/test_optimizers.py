"""Steps and schedules are torch's: the same weights, step by step."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_generalization import close, normal
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from utils import optimizers
from utils.generalization import digit_net
from utils.training import fit

# ------------------------------------------------------------ steps


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
        optimizers.sgd_step(ours.parameters(), velocities, 0.1, momentum, weight_decay)
        optimizer.step()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            close(a, b)


def test_sgd_step_wants_gradients_and_velocities():
    p = nn.Parameter(torch.ones(2))
    with pytest.raises(TypeError, match="NoneType"):
        optimizers.sgd_step([p], [torch.zeros(2)], 0.1)  # backward() was not called
    p.grad = torch.ones(2)
    with pytest.raises(ValueError, match="shorter"):
        optimizers.sgd_step([p], [], 0.1)
    assert (p == 1).all()


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_adam_step_equals_torch_step_by_step(weight_decay):
    ours, theirs = (normal(4, 5).requires_grad_() for _ in range(2))
    optimizer = torch.optim.AdamW([theirs], lr=0.1, weight_decay=weight_decay)
    means, squares = [torch.zeros_like(ours)], [torch.zeros_like(ours)]
    for step in range(1, 11):
        gradient = normal(4, 5, seed=step) * 10.0 ** (step - 9)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizers.adam_step([ours], means, squares, step, 0.1, weight_decay)
        optimizer.step()
        close(ours, theirs)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (1, 3)])
def test_orthogonalize_levels_the_singular_values(shape):
    u, _, v = torch.linalg.svd(normal(*shape), full_matrices=False)
    values = torch.linspace(0.01, 1, min(shape)).double()
    turned = optimizers.orthogonalize(7 * u @ values.diag() @ v)
    level = (u.T @ turned @ v.T).diagonal()
    close(u @ level.diag() @ v, turned)  # the same singular vectors
    assert 0.68 < level.min() <= level.max() < 1.21
    assert (optimizers.orthogonalize(torch.zeros(shape)) == 0).all()


@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_muon_step_is_torchs_but_for_its_rounding(shape, weight_decay):
    """Torch orthogonalises in bfloat16, to a few hundredths."""
    ours, theirs = (normal(*shape).float().requires_grad_() for _ in range(2))
    optimizer = torch.optim.Muon([theirs], lr=0.1, weight_decay=weight_decay)
    velocities = [torch.zeros_like(ours)]
    for seed in range(10):
        ours.grad, theirs.grad = (normal(*shape, seed=seed).float() for _ in range(2))
        before = theirs.detach().clone()
        optimizers.muon_step([ours], velocities, 0.1, weight_decay=weight_decay)
        optimizer.step()
        length = (theirs - before).norm()
        assert (ours - theirs).norm() < 0.1 * length
        ours.data.copy_(theirs)


def test_muon_step_takes_a_kernel_as_a_matrix():
    kernel = normal(6, 2, 3, 3).requires_grad_()
    matrix = kernel.detach().flatten(1).requires_grad_()
    for w in (kernel, matrix):
        w.grad = normal(6, 2, 3, 3, seed=1).view_as(w)
        optimizers.muon_step([w], [torch.zeros_like(w)], 0.1)
    close(kernel.flatten(1), matrix)


def test_muon_turns_kernels_and_leaves_the_rest_to_sgd():
    torch.manual_seed(0)
    ours, theirs = (nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten()) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    (kernel, bias), other = ours.parameters(), theirs[0].bias
    optimizer = optimizers.Muon(ours.parameters(), lr=0.05, other_lr=0.3)
    sgd = torch.optim.SGD([other], lr=0.3, momentum=0.9, weight_decay=5e-4)
    for seed in range(4):
        kernel.grad = normal(6, 2, 3, 3, seed=seed).float()
        bias.grad, other.grad = (normal(6, seed=seed).float() for _ in range(2))
        before = kernel.detach().clone()
        optimizer.step()
        sgd.step()
        torch.testing.assert_close(bias, other)
        now = kernel.detach()
        turn = F.cosine_similarity(now.flatten(), before.flatten(), dim=0).acos()
        assert 0.03 < turn < 0.07
        assert now.norm() == pytest.approx(6**0.5, rel=0.01)


def test_muon_leaves_a_kernel_of_zeros_finite():
    conv = nn.Conv2d(2, 3, 3)
    nn.init.zeros_(conv.weight)
    optimizer = optimizers.Muon(conv.parameters(), lr=0.1)
    conv(torch.ones(1, 2, 4, 4)).sum().backward()
    optimizer.step()
    assert conv.weight.isfinite().all()


def test_muon_goes_on_from_its_state():
    """Stopped after two steps and taken up again, it makes the same third."""

    def three_steps(stop):
        kernel = normal(6, 2, 3, 3).requires_grad_()
        optimizer = optimizers.Muon([kernel], lr=0.05)
        for seed in range(3):
            if stop and seed == 2:
                state = optimizer.state_dict()
                optimizer = optimizers.Muon([kernel], lr=0.05)
                optimizer.load_state_dict(state)
            kernel.grad = normal(6, 2, 3, 3, seed=seed)
            optimizer.step()
        return kernel

    assert torch.equal(three_steps(stop=False), three_steps(stop=True))


@pytest.mark.parametrize("longest", [0.5, 3.0, 1e9])
def test_clip_gradients_is_torchs(longest):
    ours, theirs = ([normal(4, 5), normal(3)] for _ in range(2))
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = 2 * p, 2 * q
    before = optimizers.clip_gradients(ours, longest)
    expected = nn.utils.clip_grad_norm_(theirs, longest)
    assert before == pytest.approx(expected.item())
    for p, q in zip(ours, theirs, strict=True):
        close(p.grad, q.grad)


def test_clip_gradients_passes_over_what_has_none():
    frozen, free = normal(3), normal(4)
    free.grad = 2 * free
    optimizers.clip_gradients([frozen, free], 0.5)
    assert frozen.grad is None
    assert free.grad.norm() == pytest.approx(0.5, rel=1e-5)


def test_a_warmup_of_all_steps_ends_at_nothing():
    assert optimizers.warmup_cosine(4, 5, 5) == 1
    assert optimizers.warmup_cosine(5, 5, 5) == 0


def test_average_step_is_torchs():
    model = nn.Linear(3, 2).double()
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(model)
    ours = [p.detach().clone() for p in model.parameters()]
    for seed in range(5):
        with torch.no_grad():
            model.weight.copy_(normal(2, 3, seed=seed))
        theirs.update_parameters(model)
        optimizers.average_step(ours, model.parameters(), 0.9)
        for a, b in zip(ours, theirs.module.parameters(), strict=True):
            close(a, b)


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
    ours = by_ours(lambda step: optimizers.step_decay(step, 7, 0.3))
    np.testing.assert_allclose(ours, rates(lambda o: lr_scheduler.StepLR(o, 7, 0.3)))


def test_cosine_decay_is_torchs_and_then_stays():
    ours = by_ours(lambda step: optimizers.cosine_decay(step, 30))
    theirs = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 30))
    np.testing.assert_allclose(ours, theirs, atol=1e-15)
    assert optimizers.cosine_decay(0, 8) == 1
    assert optimizers.cosine_decay(4, 8) == pytest.approx(0.5)
    assert optimizers.cosine_decay(8, 8) == optimizers.cosine_decay(99, 8) == 0


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

    ours = by_ours(lambda step: optimizers.warmup_cosine(step, 5, 30))
    np.testing.assert_allclose(ours, rates(parts))
    assert ours[0] == pytest.approx(0.1)
    assert ours[4] == ours[5] == 0.5


def test_schedules_go_with_fit():
    x, y = normal(20, 1, 28, 28).float(), torch.arange(20) % 10
    model = digit_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = lr_scheduler.LambdaLR(
        optimizer, lambda step: optimizers.cosine_decay(step, 4)
    )
    fit(model, (x, y), epochs=2, batch_size=10, optimizer=optimizer, schedule=schedule)
    assert optimizer.param_groups[0]["lr"] == 0
