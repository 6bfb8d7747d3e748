"""What came of the plus sign: counts as published, units against a reading by hand."""

from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.counting import count_parameters
from utils.dissection import count_depth
from utils.plus_sign import (
    DenseNet,
    DenseUnit,
    HighwayUnit,
    ResNeXtUnit,
    SEUnit,
    SqueezeExcite,
)
from utils.resnet import Bottleneck, PlainUnit, ResNet

pytestmark = pytest.mark.usefixtures("seeded")


def test_counts_of_the_networks():
    """An SE unit's two fully connected layers count as layers; no numbers are drawn."""
    names = dict.fromkeys(["kaiming_normal_", "kaiming_uniform_"], lambda w, *a, **k: w)
    with torch.device("meta"), mock.patch.multiple(nn.init, **names):
        resnext = ResNet(ResNeXtUnit, 256, (3, 4, 6, 3))
        excited = ResNet(SEUnit, 256, (3, 4, 6, 3))
        dense = DenseNet()
    assert count_parameters(resnext) == 25_028_904  # 32x4d
    assert count_parameters(excited) == 28_088_024
    assert count_parameters(dense) == 7_978_856
    assert [count_depth(n) for n in (resnext, excited, dense)] == [50, 50 + 32, 121]
    assert dense.fc.in_features == 1024


@pytest.mark.parametrize("unit", [HighwayUnit, ResNeXtUnit, SEUnit])
@pytest.mark.parametrize(("inputs", "stride"), [(64, 1), (32, 2)])
def test_shapes_and_gradients(unit, inputs, stride):
    layer = unit(inputs, 64, stride)
    y = layer(torch.randn(2, inputs, 6, 6))
    assert tuple(y.shape) == (2, 64, 6 // stride, 6 // stride)
    y.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


def test_a_gate_chooses_between_x_and_what_the_plain_unit_makes():
    x, unit = torch.randn(3, 8, 5, 5), HighwayUnit(8, 8).eval()
    weight, bias = unit.gate.weight[:, :, 0, 0], unit.gate.bias
    assert bias.tolist() == [-2] * 8
    gate = 1 / (1 + (-(torch.einsum("oc,nchw->nohw", weight, x)) + 2).exp())
    made = PlainUnit.forward(unit, x)
    torch.testing.assert_close(unit(x), gate * made + (1 - gate) * x)


def test_groups_of_resnext_do_not_hear_each_other():
    unit = ResNeXtUnit(256, 256)
    x = torch.randn(1, 128, 3, 3, requires_grad=True)
    (heard,) = torch.autograd.grad(unit.conv2(x)[0, :4].sum(), x)
    assert (heard[0, :4] != 0).all()
    assert not heard[0, 4:].any()


def test_a_squeeze_gives_each_map_one_factor():
    squeeze, f = SqueezeExcite(32), torch.randn(2, 32, 4, 3)
    hidden = torch.clamp(f.mean((2, 3)) @ squeeze.fc1.weight.T + squeeze.fc1.bias, 0)
    factors = torch.sigmoid(hidden @ squeeze.fc2.weight.T + squeeze.fc2.bias)
    torch.testing.assert_close(squeeze(f), f * factors[:, :, None, None])

    unit, plain = SEUnit(64, 64).eval(), Bottleneck(64, 64).eval()
    with torch.no_grad():  # all factors 1: the bottleneck as it was
        unit.bn3[1].fc2.weight.zero_()
        unit.bn3[1].fc2.bias.fill_(100)
    state = {k.replace("bn3.0", "bn3"): v for k, v in unit.state_dict().items()}
    plain.load_state_dict({k: v for k, v in state.items() if "bn3.1" not in k})
    x = torch.randn(2, 64, 5, 5)
    torch.testing.assert_close(unit(x), plain(x))


def test_a_dense_unit_keeps_what_it_gets():
    unit, x = DenseUnit(48).eval(), torch.randn(2, 48, 5, 5)
    y = unit(x)
    assert tuple(y.shape) == (2, 80, 5, 5)
    assert torch.equal(y[:, :48], x)
    f = F.conv2d(F.relu(x / (1 + 1e-5) ** 0.5), unit.conv1.weight)
    f = F.conv2d(F.relu(f / (1 + 1e-5) ** 0.5), unit.conv2.weight, padding=1)
    torch.testing.assert_close(y[:, 48:], f)


def test_a_small_densenet_goes_forward_and_back():
    net = DenseNet((2, 2), num_classes=5, growth=8)
    assert net.fc.in_features == (16 + 2 * 8) // 2 + 2 * 8
    logits = net(torch.rand(2, 3, 32, 32))
    F.cross_entropy(logits, torch.tensor([0, 4])).backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_images_that_do_not_fit():
    with pytest.raises(RuntimeError):
        DenseNet((2,), growth=8)(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="32 elements not 48"):
        DenseUnit(48)(torch.rand(1, 32, 4, 4))
