"""Networks taken apart: maps of all layers, by name, and the model left as it was."""

import copy

import pytest
import torch
from torch import nn

from utils.dissection import feature_maps
from utils.lenet import LeNet5, LeNet5Original

pytestmark = pytest.mark.usefixtures("seeded")

LENET = {
    "c1": (6, 28, 28),
    "s2": (6, 14, 14),
    "c3": (16, 10, 10),
    "s4": (16, 5, 5),
    "c5": (120, 1, 1),
    "f6": (84,),
    "output": (10,),
}


@pytest.mark.parametrize("net", [LeNet5Original, LeNet5])
def test_feature_maps_of_lenet(net, digits):
    model = net()
    model.train()
    model.s2.eval()  # a mixture of modes, to be kept
    before = copy.deepcopy(model.state_dict())
    maps = feature_maps(model, digits[0])
    assert {name: tuple(m.shape[1:]) for name, m in maps.items()} == LENET
    assert all(len(m) == 32 and not m.requires_grad for m in maps.values())
    assert torch.equal(maps["output"], model(digits[0]).detach())
    assert model.training
    assert model.c1.training
    assert not model.s2.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_an_activation_speaks_for_the_layer_before_it():
    shared = nn.Tanh()
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True)),
        nn.Flatten(),
        nn.Linear(8, 4),
        shared,
        nn.Linear(4, 3),
        shared,
    )
    x = torch.randn(5, 1, 4, 4)
    maps = feature_maps(model, x)
    assert list(maps) == ["0.0", "1", "2", "4"]
    assert torch.equal(maps["0.0"], model[0](x))
    assert torch.equal(maps["2"], model[:4](x))
    assert torch.equal(maps["4"], model(x))


def test_gradients_flow_if_asked_for():
    model = LeNet5()
    images = torch.rand(2, 1, 28, 28, requires_grad=True)
    maps = feature_maps(model, images, grad=True)
    (slope,) = torch.autograd.grad(maps["c3"].mean(), images)
    assert slope.abs().sum() > 0
    assert not feature_maps(model, images)["c3"].requires_grad


def test_hooks_go_even_if_the_images_do_not_fit():
    model = LeNet5()
    with pytest.raises(ValueError, match="images must be"):
        feature_maps(model, torch.rand(2, 1, 30, 30))
    assert not any(m._forward_hooks for m in model.modules())
