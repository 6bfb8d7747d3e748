"""Taking networks apart: traces, deleted and swapped units, slices of the loss."""

import copy

import pytest
import torch
from test_resnet import disturb
from torch import nn
from torch.nn import functional as F

from utils.counting import count_parameters
from utils.dissection import (
    count_depth,
    drop,
    feature_maps,
    gradients_by_depth,
    loss_gradient,
    losses_along,
    swap,
    trace,
    units_of,
)
from utils.lenet import LeNet5, LeNet5Original
from utils.resnet import (
    Bottleneck,
    CifarResNet,
    PlainUnit,
    PreactivationUnit,
    ResidualUnit,
    ResNet,
    stage,
)

pytestmark = pytest.mark.usefixtures("seeded")


def trained_like(**options):
    """A net with random statistics; in evaluation mode each unit is one function."""
    return disturb(CifarResNet(20, **{"width": 4, **options})).eval()


def chain(unit, count=6):
    """Units that keep the shape, as the one stage of a net."""
    net = nn.Sequential()
    net.add_module("layer1", stage(unit, count, 8, 8))
    return disturb(net.double()).eval()


def maps():
    return torch.randn(2, 8, 9, 9, dtype=torch.float64)


# ----------------------------------------------------------------------- traces


def function(unit, x):
    """F(x), read off the unit's layers."""
    if isinstance(unit, PreactivationUnit):
        f = unit.conv1(F.relu(unit.bn1(x)))
        return unit.conv2(F.relu(unit.bn2(f)))
    f = F.relu(unit.bn1(unit.conv1(x)))
    f = unit.bn2(unit.conv2(f))
    return unit.bn3(unit.conv3(F.relu(f))) if isinstance(unit, Bottleneck) else f


@pytest.mark.parametrize(
    "build", [PlainUnit, ResidualUnit, Bottleneck, PreactivationUnit]
)
def test_trace_is_the_forward_pass(build):
    net, x = chain(build, 3), maps()
    steps, output = trace(net, x)
    assert torch.equal(output, net(x))
    assert [step.name for step in steps] == ["layer1.0", "layer1.1", "layer1.2"]
    assert steps[0].x is x
    for step, following in zip(steps, steps[1:], strict=False):
        assert step.output is following.x
    for step, unit in zip(steps, units_of(net).values(), strict=True):
        assert torch.equal(step.f, function(unit, step.x))
        assert torch.equal(step.output, unit(step.x))
    assert not any(m._forward_hooks for m in net.modules())


def test_a_trace_that_fails_leaves_no_hooks():
    net = trained_like()
    with pytest.raises(ValueError, match="other channels"):
        trace(net, torch.rand(2, 1, 16, 16))
    assert not any(m._forward_hooks for m in net.modules())


def test_shapes_on_the_way():
    with torch.device("meta"):
        net, small = ResNet(Bottleneck, 256, (3, 4, 6, 3)), CifarResNet(20)
    steps, logits = trace(net, torch.zeros(1, 3, 224, 224, device="meta"))
    assert tuple(steps[0].x.shape) == (1, 64, 56, 56)
    last = [
        [s for s in steps if s.name.startswith(f"layer{k}")][-1] for k in range(1, 5)
    ]
    assert [tuple(s.output.shape[1:]) for s in last] == [
        *((256, 56, 56), (512, 28, 28)),
        *((1024, 14, 14), (2048, 7, 7)),
    ]
    assert tuple(logits.shape) == (1, 1000)
    assert count_depth(net) == 50
    steps, _ = trace(small, torch.zeros(1, 3, 32, 32, device="meta"))
    assert [tuple(s.output.shape[1:]) for s in steps[2::3]] == [
        *((16, 32, 32), (32, 16, 16), (64, 8, 8)),
    ]


@pytest.mark.parametrize("build", [PlainUnit, ResidualUnit, PreactivationUnit])
def test_outputs_are_sums_with_preactivation_only(build):
    """How far x_L is from x_0 + the sum of F, over the size of x_L."""
    with torch.no_grad():
        steps, output = trace(chain(build), maps())
    gap = (steps[0].x + sum(s.f for s in steps) - output).norm() / output.norm()
    assert gap < 1e-14 if build is PreactivationUnit else gap > 0.05


def test_the_gradient_has_a_term_of_its_own_for_the_shortcut():
    """dL/dx_0 = dL/dx_L (1 + d(sum of F)/dx_0) within a stage, with preactivation."""
    steps, output = trace(chain(PreactivationUnit), maps().requires_grad_())
    start, end = steps[0].x, steps[-1].output
    loss = output.square().sum()
    at_start, at_end = torch.autograd.grad(loss, [start, end], retain_graph=True)
    total = sum(s.f for s in steps)
    (through,) = torch.autograd.grad(total, start, at_end)
    torch.testing.assert_close(at_start, at_end + through)


# ------------------------------------------------------- units deleted and swapped


@pytest.mark.parametrize("build", [ResidualUnit, Bottleneck])
def test_a_dropped_unit_leaves_its_shortcut(build):
    net, x = chain(build, 3), maps()
    before = net(x)
    less = drop(net, "layer1.1")
    assert torch.equal(net(x), before)  # the net itself is as it was
    first, _, last = net.layer1
    assert torch.equal(less(x), last(first(x)))  # already not negative
    assert not torch.allclose(less(x), before)


class ModuleUnit(nn.Module):
    """A unit whose ReLU is a module, used twice, as torchvision's are."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.relu, self.downsample = nn.ReLU(), nn.Identity()
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        f = self.conv2(self.relu(self.bn1(self.conv1(x))))
        return self.relu(f + self.downsample(x))


def test_a_relu_after_the_addition_belongs_to_no_f():
    net = nn.Sequential()
    net.layer1 = nn.Sequential(ModuleUnit(), ModuleUnit()).double().eval()
    x = maps()
    for step in trace(net, x)[0]:
        torch.testing.assert_close(step.output, F.relu(step.x + step.f))
    assert torch.equal(drop(net, "layer1.0")(x), net.layer1[1](F.relu(x)))


def test_a_dropped_projection_stays():
    net, images = trained_like(shortcut="B"), torch.rand(2, 3, 16, 16)
    less = drop(net, "layer1.1", "layer2.0")
    steps, logits = trace(less, images)
    steps = {step.name: step for step in steps}
    assert torch.equal(steps["layer1.2"].x, steps["layer1.0"].output)
    projected = net.layer2[0].downsample(steps["layer1.2"].output)
    assert torch.equal(steps["layer2.1"].x, F.relu(projected))
    assert not steps["layer2.0"].f.any()
    assert torch.equal(logits, less(images))
    assert count_depth(less) == 20 - 2 * 2
    lost = count_parameters(net.layer1[1]) + count_parameters(net.layer2[0])
    lost -= count_parameters(net.layer2[0].downsample)
    assert count_parameters(less) == count_parameters(net) - lost


def test_a_dropped_unit_with_preactivation_passes_x_on():
    net, x = chain(PreactivationUnit, 3), maps()
    first, _, last = net.layer1
    assert torch.equal(drop(net, "layer1.1")(x), last(first(x)))


def test_a_dropped_unit_of_a_plain_net_leaves_nothing():
    net, images = trained_like(residual=False), torch.rand(2, 3, 16, 16)
    before, after = trace(net, images)[0], trace(drop(net, "layer1.0"), images)[0]
    assert torch.equal(after[1].x, before[0].x)
    with pytest.raises(ValueError, match="layer2.0 changes the shape"):
        drop(net, "layer2.0")
    wider = nn.Sequential(stage(PlainUnit, 1, 4, 8))
    with pytest.raises(ValueError, match="0.0 changes the shape"):
        drop(wider, "0.0")


def test_swapped_units_change_places():
    net, images = trained_like(), torch.rand(2, 3, 16, 16)
    other = swap(net, "layer1.0", "layer1.2")
    before, after = net.layer1, other.layer1
    for i, j in ((0, 2), (1, 1), (2, 0)):
        assert torch.equal(before[i].conv1.weight, after[j].conv1.weight)
    x = trace(net, images)[0][0].x
    assert torch.equal(after(x), before[0](before[1](before[2](x))))
    assert torch.equal(swap(other, "layer1.0", "layer1.2")(images), net(images))
    assert not torch.allclose(other(images), net(images))


def test_units_that_are_not_there():
    net = trained_like()
    for change in (lambda: drop(net, "layer4.0"), lambda: swap(net, "conv1", "layer9")):
        with pytest.raises(AttributeError, match="layer"):
            change()
    for second in ("layer2.0", "layer2.1"):
        with pytest.raises(ValueError, match=f"layer1.1 and {second} cannot change"):
            swap(net, "layer1.1", second)


# --------------------------------------------------- gradients and slices of the loss


@pytest.mark.parametrize("residual", [True, False])
def test_gradients_by_depth_are_those_of_the_loss(residual):
    net = CifarResNet(14, residual, width=4).double().eval()
    images, labels = torch.rand(6, 3, 8, 8).double(), torch.arange(6)
    before = copy.deepcopy(net.state_dict())
    norms = gradients_by_depth(net, images, labels)
    assert list(norms) == list(units_of(net))
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training
    assert all(p.grad is None for p in net.parameters())

    net.train()
    seen = {}
    for name, unit in units_of(net).items():
        unit.register_full_backward_hook(
            lambda _, grads, __, name=name: seen.update({name: float(grads[0].norm())})
        )
    F.cross_entropy(net(images), labels).backward()
    assert norms == pytest.approx(seen)


def a_net_and_images():
    net = CifarResNet(8, width=4).double().eval()
    return net, torch.rand(6, 3, 8, 8).double(), torch.arange(6)


def test_the_gradient_of_the_loss_is_training_s():
    net, images, labels = a_net_and_images()
    before = copy.deepcopy(net.state_dict())
    gradient = loss_gradient(net, images, labels)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training
    F.cross_entropy(net.train()(images), labels).backward()
    assert list(gradient) == [name for name, _ in net.named_parameters()]
    for name, weight in net.named_parameters():
        torch.testing.assert_close(gradient[name], weight.grad)


def test_measuring_draws_nothing_and_asks_for_no_stem():
    net = nn.Sequential()
    net.layer1 = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    images, labels = torch.rand(4, 3), torch.arange(4) % 3
    direction = {"layer1.0.weight": torch.ones(3, 3)}
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    assert list(gradients_by_depth(net, images, labels)) == ["layer1.0", "layer1.1"]
    loss_gradient(net, images, labels)
    losses_along(net, direction, [0, 1], images, labels)
    assert torch.equal(torch.rand(1), expected)
    assert not images.requires_grad


def test_losses_along_a_direction():
    net, images, labels = a_net_and_images()
    before = copy.deepcopy(net.state_dict())
    direction = {k: torch.randn_like(v) for k, v in net.named_parameters()}
    steps = [-0.5, 0, 1e-6, 0.5]
    losses = losses_along(net, direction, steps, images, labels)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training

    for step, loss in zip(steps, losses, strict=True):
        moved = copy.deepcopy(net).train()
        with torch.no_grad():
            for name, change in direction.items():
                moved.get_parameter(name).add_(step * change)
        expected = F.cross_entropy(moved(images), labels).item()
        assert loss == pytest.approx(expected, rel=1e-12)

    gradient = loss_gradient(net, images, labels)
    slope = sum(float((direction[k] * gradient[k]).sum()) for k in direction)
    assert (losses[2] - losses[1]) / 1e-6 == pytest.approx(slope, rel=1e-3)


def test_a_direction_of_another_net():
    net, images, labels = a_net_and_images()
    with pytest.raises(AttributeError, match="conv9"):
        losses_along(net, {"conv9.weight": torch.zeros(1)}, [0], images, labels)
    with pytest.raises(RuntimeError, match="size"):
        losses_along(net, {"fc.bias": torch.zeros(3)}, [0], images, labels)


# ------------------------------------------------------------ maps of all layers

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
