"""ResNet: its units against a reading by hand, its counts as published, its claims."""

import copy
import math
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import data
from utils.counting import count_macs, count_parameters
from utils.dissection import count_depth
from utils.resnet import (
    Bottleneck,
    CifarResNet,
    DigitResNet,
    PlainUnit,
    PreactivationUnit,
    ResidualUnit,
    ResNet,
    Shortcut,
)
from utils.training import fit

pytestmark = pytest.mark.usefixtures("seeded")

# depth, parameters with option A, MACs at 32 x 32
SMALL = [
    (20, 269_722, 40_551_040),
    (56, 853_018, 125_485_696),
    (110, 1_727_962, None),
]
small = pytest.mark.parametrize("row", SMALL, ids=lambda row: f"{row[0]}")


def on_meta(build, *args, **kwargs):
    """Shapes without numbers; drawing none takes a tenth of the time."""
    names = dict.fromkeys(["kaiming_normal_", "kaiming_uniform_"], lambda w, *a, **k: w)
    with torch.device("meta"), mock.patch.multiple(nn.init, **names):
        return build(*args, **kwargs)


def disturb(model):
    """Give every normalisation weights, biases and statistics of its own."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


# ---------------------------------------------------------------- the units


def unit_by_hand(x, state, strides, *, training, shortcut, preactivation):
    """h(x) from the numbers in `state` alone, written out with torch's functions."""

    def norm(x, name):
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return x * weight[:, None, None] + bias[:, None, None]

    f = x
    for k, stride in enumerate(strides, start=1):
        weight = state[f"conv{k}.weight"]
        if preactivation:
            f = torch.clamp(norm(f, f"bn{k}"), min=0)
        f = F.conv2d(f, weight, None, stride, weight.shape[-1] // 2)
        if not preactivation:
            f = norm(f, f"bn{k}")
            f = torch.clamp(f, min=0) if k < len(strides) else f
    total, stride = f, math.prod(strides)
    if shortcut and "downsample.0.weight" in state:
        side = F.conv2d(x, state["downsample.0.weight"], None, stride)
        total = norm(side, "downsample.1") + f
    elif shortcut:
        side = torch.zeros_like(f)
        side[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
        total = side + f
    return total if preactivation else torch.clamp(total, min=0)


# unit, its options, channels in and out, stride, and the strides of its convolutions
UNITS = [
    (unit, options, channels, stride, strides(stride))
    for unit, options, strides in (
        (PlainUnit, {}, lambda s: [s, 1]),
        *((ResidualUnit, {"shortcut": k}, lambda s: [s, 1]) for k in "ABC"),
        *((Bottleneck, {"shortcut": k}, lambda s: [s, 1, 1]) for k in "ABC"),
        (Bottleneck, {"stride_at": "3x3"}, lambda s: [1, s, 1]),
        (PreactivationUnit, {}, lambda s: [s, 1]),
    )
    for channels, stride in (((8, 8), 1), ((5, 8), 1), ((5, 8), 2))
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("row", UNITS, ids=lambda r: f"{r[0].__name__}-{r[1:4]}")
def test_a_unit_equals_one_by_hand(row, training):
    build, options, (inputs, channels), stride, strides = row
    unit = disturb(build(inputs, channels, stride, **options).double().train(training))
    x = torch.randn(3, inputs, 7, 6, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    state = {k: v.clone() for k, v in unit.state_dict().items()}
    weights = {k: state[k].requires_grad_() for k, _ in unit.named_parameters()}
    expected = unit_by_hand(
        theirs,
        state,
        strides,
        training=training,
        shortcut=build is not PlainUnit,
        preactivation=build is PreactivationUnit,
    )
    y = unit(ours)
    torch.testing.assert_close(y, expected)
    direction = torch.randn_like(y)
    y.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, theirs.grad)
    for name, weight in unit.named_parameters():
        torch.testing.assert_close(weight.grad, weights[name].grad)


@pytest.mark.parametrize("build", [ResidualUnit, Bottleneck, PreactivationUnit])
def test_gradients_of_a_unit_are_those_of_finite_differences(build):
    unit = disturb(build(3, 4, 2).double())
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(unit, x)


def test_gradients_of_a_net_are_those_of_finite_differences():
    net = CifarResNet(8, width=2, channels=1).double()
    x = torch.rand(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net, x)


@pytest.mark.parametrize(("stride", "channels"), [(1, 3), (1, 7), (2, 3), (2, 8)])
def test_option_a_equals_numpy(stride, channels):
    x = torch.randn(2, 3, 7, 8)
    expected = np.zeros((2, channels, -(-7 // stride), -(-8 // stride)), np.float32)
    expected[:, :3] = x.numpy()[:, :, ::stride, ::stride]
    shortcut = Shortcut("A", 3, channels, stride)
    np.testing.assert_array_equal(shortcut(x), expected)
    assert not list(shortcut.parameters())


def test_which_units_project():
    """A: none; B: where the shape changes; C: all. The first stage of 34 changes none,
    that of 50 the channels."""

    def projections(*net, **options):
        names = on_meta(ResNet, *net, (3, 4, 6, 3), **options).state_dict()
        return [n[:8] for n in names if n.endswith("downsample.0.weight")]

    changes = ["layer2.0", "layer3.0", "layer4.0"]
    nets = {(ResidualUnit, 64): changes, (Bottleneck, 256): ["layer1.0", *changes]}
    for net, expected in nets.items():
        assert projections(*net) == expected
        assert projections(*net, shortcut="A") == []
        assert len(projections(*net, shortcut="C")) == 16
    # Only option C costs as many parameters as the paper says it does not pay for.
    a, b, c = (
        count_parameters(
            on_meta(ResNet, ResidualUnit, 64, (3, 4, 6, 3), shortcut=option)
        )
        for option in "ABC"
    )
    assert (b - a, c - b) == (
        64 * 128 + 128 * 256 + 256 * 512 + 2 * (128 + 256 + 512),
        sum(n * (w * w + 2 * w) for n, w in ((3, 64), (3, 128), (5, 256), (2, 512))),
    )


# ------------------------------------------------------------------- the small nets


@small
def test_counts_of_the_small_nets(row):
    depth, parameters, macs = row
    for residual in (True, False):
        net = on_meta(CifarResNet, depth, residual)
        assert count_parameters(net) == parameters
        assert count_depth(net) == depth
    if macs:
        assert count_macs(net, (3, 32, 32)) == macs


def test_a_plain_net_has_the_parameters_of_its_residual_twin():
    plain = on_meta(CifarResNet, 20, False).state_dict()
    residual = on_meta(CifarResNet, 20, shortcut="B").state_dict()
    kept = [name for name in residual if "downsample" not in name]
    assert list(plain) == kept
    assert all(plain[name].shape == residual[name].shape for name in kept)


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "kind", [(False,), *((True, k) for k in "ABC")], ids=lambda k: k[-1]
)
def test_every_small_net_goes_forward_and_back(kind, channels, width):
    net = CifarResNet(8, *kind, channels=channels, width=width)
    logits = net(torch.rand(2, channels, 28, 28))
    assert tuple(logits.shape) == (2, 10)
    F.cross_entropy(logits, torch.tensor([1, 2])).backward()
    for name, weight in net.named_parameters():
        assert weight.grad.isfinite().all(), name
        assert width == 1 or weight.grad.abs().max() > 0, name


def test_the_net_for_digits_is_a_small_net_on_averaged_images():
    digits = torch.rand(2, 1, 28, 28)
    net = DigitResNet(14, False).eval()
    inner = CifarResNet(14, False, channels=1, width=8).eval()
    inner.load_state_dict(net.state_dict())
    means = digits.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    assert tuple(means.shape) == (2, 1, 14, 14)
    assert torch.allclose(net(digits), inner(means), atol=1e-6)


def test_a_small_net_standardises_its_images():
    net = CifarResNet(8, width=4).eval()
    seen = []
    net.conv1.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    mean, std = torch.tensor([[0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]])
    images = mean[:, None, None] + torch.zeros(1, 3, 8, 8)
    net(images)
    net(images + 2 * std[:, None, None])
    torch.testing.assert_close(seen[0], torch.zeros(1, 3, 8, 8), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen[1], torch.full((1, 3, 8, 8), 2.0))
    assert not [name for name in net.state_dict() if "standardize" in name]
    net.double()(images.double())
    assert seen[2].dtype == torch.float64


def test_weights_begin_as_he_and_others_have_it():
    net = ResNet(ResidualUnit, 64, (2, 2, 2, 2), num_classes=10)
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            expected = math.sqrt(2 / fan_out)
            weight = module.weight.detach()
            assert float(weight.std()) == pytest.approx(expected, rel=0.05), name
            assert abs(float(weight.mean())) < 0.05 * expected
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()
    assert (net.fc.bias == 0).all()


def test_training_and_evaluation_differ_and_only_training_keeps_statistics():
    net = CifarResNet(8, width=4)
    images = torch.rand(8, 3, 8, 8)
    before = copy.deepcopy(net.state_dict())
    trained = net(images)
    changed = [k for k, v in net.state_dict().items() if not torch.equal(v, before[k])]
    running = [k for k in before if "running" in k or "tracked" in k]
    assert set(changed) == set(running)
    net.eval()
    before = copy.deepcopy(net.state_dict())
    evaluated = net(images)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not torch.allclose(trained, evaluated)
    torch.testing.assert_close(net(images[:2]), evaluated[:2])  # each by itself


def test_a_small_net_learns_a_few_images_by_heart():
    train, _ = data.mnist5k()
    train = train.x[:32, :, ::2, ::2], train.y[:32]
    net = CifarResNet(8, channels=1, width=8)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    history = fit(
        net, train, epochs=25, batch_size=32, optimizer=optimizer, progress=False
    )
    assert history.loss[0] < 2 * math.log(10)
    assert history.train_accuracy[-1] == 1


def test_mixed_precision_goes_forward_and_back():
    net = CifarResNet(8, width=4)
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(torch.rand(2, 3, 16, 16))
    assert logits.dtype == torch.bfloat16
    logits.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("depth", [2, 21, 20.0, "20"])
def test_depths_that_do_not_exist(depth):
    with pytest.raises((ValueError, TypeError)):
        CifarResNet(depth)


def test_shortcuts_that_do_not_exist():
    with pytest.raises(ValueError, match="no shortcut 'D', 16 to 16"):
        CifarResNet(8, shortcut="D")
    with pytest.raises(ValueError, match="no shortcut 'A', 8 to 4"):
        ResidualUnit(8, 4, shortcut="A")


@pytest.mark.parametrize(
    "images",
    [
        torch.rand(2, 1, 32, 32),  # grey, in a net for colour
        torch.rand(3, 32, 32),  # one image without a batch
        torch.rand(2, 4, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),  # pixels from 0 to 255
    ],
    ids=lambda x: f"{tuple(x.shape)}-{x.dtype}",
)
def test_images_that_do_not_fit(images):
    with pytest.raises(ValueError, match="images"):
        CifarResNet(8, width=4)(images)


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (28, 28)])
def test_digits_that_do_not_fit(shape):
    with pytest.raises((ValueError, RuntimeError, IndexError)):
        DigitResNet(8)(torch.rand(shape))
    with pytest.raises(RuntimeError):
        DigitResNet(8)(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
