"""Prepared data have mean 0 and variance 1, and batch normalisation is torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_generalization import close, normal
from torch import nn

from utils import normalization as ours

# The same examples in every run, so that a pass is a pass tomorrow.
property_test = settings(max_examples=50, derandomize=True, deadline=None)

# ------------------------------------------------------------ preparing data


@pytest.mark.parametrize("shape", [(50, 3, 4, 5), (50, 7)])
def test_standardizer_uses_the_training_set_alone(shape):
    train, test = 5 + 2 * normal(*shape), normal(*shape, seed=1)
    ready = ours.Standardizer().fit(train)
    axes = [a for a in range(len(shape)) if a != 1]
    x = ready(train)
    close(x.mean(axes), torch.zeros(shape[1]).double())
    close(x.var(axes, correction=0), torch.ones(shape[1]).double())
    mean = train.mean(axes, keepdim=True)
    std = train.var(axes, correction=0, keepdim=True).sqrt()
    close(ready(test), (test - mean) / std)


def test_standardizer_takes_arrays_and_constant_channels():
    images = np.random.default_rng(0).random((9, 2, 3, 3)).astype(np.float32)
    images[:, 1] = 0.5
    x = ours.Standardizer().fit(images)(images)
    assert x.dtype == torch.float32
    assert (x[:, 1] == 0).all()


def test_whitened_data_have_the_identity_as_covariance():
    x = normal(200, 6) @ normal(6, 6, seed=1) + 3
    white = ours.PCAWhitening(epsilon=0).fit(x)
    z = white(x)
    close(z.mean(0), torch.zeros(6).double(), 1e-9)
    close(torch.cov(z.T), torch.eye(6).double(), 1e-9)
    assert (white.variance.diff() <= 0).all()
    close(white.axes.T @ white.axes, torch.eye(6).double())


def test_epsilon_keeps_empty_axes_small():
    x = torch.cat([normal(50, 3), torch.zeros(50, 2).double()], dim=1)
    z = ours.PCAWhitening(epsilon=1e-3).fit(x)(x)
    assert z.isfinite().all()
    close(z[:, 3:], torch.zeros(50, 2).double(), 1e-9)
    variance = torch.linalg.eigvalsh(torch.cov(x.T)).flip(0)[:3]
    close(z[:, :3].var(0), variance / (variance + 1e-3), 1e-9)


@pytest.mark.parametrize("kind", [ours.Standardizer, ours.PCAWhitening])
def test_likely_mistakes_in_preparing_raise(kind):
    pixels = torch.randint(256, (9, 3), dtype=torch.uint8)
    with pytest.raises(ValueError, match="pixels / 255"):
        kind().fit(pixels)
    with pytest.raises(ValueError, match="pixels / 255"):
        kind().fit(pixels / 255)(pixels)  # or it would be standardised to nonsense
    with pytest.raises((ValueError, RuntimeError), match="4 channels|size"):
        kind().fit(normal(9, 3))(normal(9, 4))
    with pytest.raises((ValueError, RuntimeError), match="axes|dimensions"):
        kind().fit(normal(9, 28, 28))  # the axis of the channels is missing


def test_what_never_varies_is_only_shifted():
    """The mean of many tenths is not a tenth, to the last bit."""
    ready = ours.Standardizer().fit(torch.full((100, 1, 28, 28), 0.1))
    close(ready(torch.full((1, 1, 28, 28), 0.3)), torch.full((1, 1, 28, 28), 0.2), 1e-6)


def test_one_channel_does_not_standardise_three():
    ready = ours.Standardizer().fit(normal(9, 1, 4, 4))
    with pytest.raises(ValueError, match="3 channels, not 1"):
        ready(normal(9, 3, 4, 4))
    with pytest.raises(ValueError, match="2 axes, not 4"):
        ready(normal(9, 1))


# ------------------------------------------------------------ batch normalisation


def batch_norms(channels, **settings):
    mine, theirs = (
        kind(channels, **settings).double()
        for kind in (ours.BatchNorm2d, nn.BatchNorm2d)
    )
    with torch.no_grad():
        theirs.weight.copy_(1 + normal(channels, seed=4))
        theirs.bias.copy_(normal(channels, seed=5))
    mine.load_state_dict(theirs.state_dict())
    return mine, theirs


@property_test
@given(
    shape=st.tuples(st.integers(2, 5), *[st.integers(1, 4)] * 3),
    momentum=st.sampled_from([0.1, 0.5, 1.0]),
    eps=st.sampled_from([1e-5, 1e-2]),
)
def test_batch_norm_equals_torch(shape, momentum, eps):
    nets = batch_norms(shape[1], eps=eps, momentum=momentum)

    def compare(x, grad):
        """Outputs, and gradients of the input and of the parameters."""
        inputs = [x.clone().requires_grad_() for _ in nets]
        outputs = [net(i) for net, i in zip(nets, inputs, strict=True)]
        close(*outputs, 1e-10)
        for net, output in zip(nets, outputs, strict=True):
            net.zero_grad()
            output.backward(grad)
        close(*(i.grad for i in inputs), 1e-9)
        close(*(net.weight.grad for net in nets), 1e-9)
        close(*(net.bias.grad for net in nets), 1e-9)

    for step in range(3):
        x, grad = 2 + 3 * normal(*shape, seed=step), normal(*shape, seed=step + 9)
        compare(x, grad)
        mine, theirs = (net.state_dict() for net in nets)
        assert mine.keys() == theirs.keys()
        for key in mine:
            close(mine[key], theirs[key], 1e-10)
    before = {key: value.clone() for key, value in nets[0].state_dict().items()}
    for net in nets:
        net.eval()
    compare(x, grad)
    for key, value in nets[0].state_dict().items():
        assert (value == before[key]).all()


class ByFormula(torch.autograd.Function):
    """The way forward and the way back, as one step that autograd can take."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        y, cache = ours.batch_norm_forward(x, weight, bias)
        ctx.save_for_backward(*cache)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return ours.batch_norm_backward(grad, ctx.saved_tensors)


def test_batch_norm_backward_against_finite_differences():
    x, weight, bias = normal(4, 3, 2, 2), normal(3, seed=1), normal(3, seed=2)
    inputs = [v.requires_grad_() for v in (x, weight, bias)]
    assert torch.autograd.gradcheck(ByFormula.apply, inputs, atol=1e-6)


def test_gradient_has_no_part_that_shifts_or_stretches():
    x, grad = normal(8, 3, 2, 2), normal(8, 3, 2, 2, seed=1)
    y, cache = ours.batch_norm_forward(x, torch.ones(3), torch.zeros(3))
    grad_x, _, _ = ours.batch_norm_backward(grad, cache)
    close(grad_x.mean((0, 2, 3)), torch.zeros(3).double())
    close((grad_x * y).mean((0, 2, 3)), torch.zeros(3).double(), 1e-4)


def test_batch_norm_keeps_fine_statistics_under_autocast():
    x, layers = normal(8, 3, 5, 5).float(), []
    conv = torch.nn.Conv2d(3, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        for layer in (ours.BatchNorm2d(4), torch.nn.BatchNorm2d(4)):
            layer(conv(x))
            layers.append(layer)
    for name, value in layers[1].state_dict().items():
        torch.testing.assert_close(layers[0].state_dict()[name], value)


def test_likely_mistakes_in_batch_norm_raise():
    layer = ours.BatchNorm2d(2)
    for shape in ((4, 3, 5, 5), (2, 5, 5), (4, 2)):
        with pytest.raises(ValueError, match=r"is not \(N, 2, H, W\)"):
            layer(torch.zeros(shape))
    with pytest.raises(RuntimeError, match="floating"):
        layer(torch.zeros(4, 2, 5, 5, dtype=torch.uint8))
    with pytest.raises(ValueError, match="more than one number per channel"):
        layer(torch.zeros(1, 2, 1, 1))
    assert layer.eval()(torch.zeros(1, 2, 1, 1)).shape == (1, 2, 1, 1)
    with pytest.raises(RuntimeError, match="size"):
        ours.batch_norm_forward(normal(4, 3, 2, 2), torch.ones(2), torch.ones(2))


def test_layer_norm_is_torchs_and_knows_no_batch():
    x, shape = normal(4, 3, 5, 6), (3, 5, 6)
    weight, bias = normal(*shape, seed=1), normal(*shape, seed=2)
    y = ours.layer_norm(x, weight, bias)
    close(y, nn.functional.layer_norm(x, shape, weight, bias))
    close(ours.layer_norm(x[:1], weight, bias), y[:1])
