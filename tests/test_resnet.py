"""ResNet: its units against a reading by hand, its counts as published, its claims."""

import copy
import hashlib
import http.server
import io
import math
import threading
from dataclasses import replace

import numpy as np
import pooch
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import data, resnet
from utils.counting import count_macs, count_parameters
from utils.resnet import (
    Bypass,
    CifarResNet,
    DigitResNet,
    ResidualUnit,
    ResNet,
    drop,
    gradients_by_depth,
    loss_gradient,
    losses_along,
    pad_shortcut,
    plain34,
    random_direction,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    swap,
    vgg19,
)
from utils.training import fit, seed_everything

pytestmark = pytest.mark.usefixtures("seeded")

# net, units of each stage, convolutions in a unit, parameters, and MACs at 224 x 224
# with the stride in the first 1 x 1 and in the 3 x 3 of a bottleneck
ZOO = [
    (resnet18, (2, 2, 2, 2), 2, 11_689_512, 1_814_073_344, 1_814_073_344),
    (resnet34, (3, 4, 6, 3), 2, 21_797_672, 3_663_761_408, 3_663_761_408),
    (resnet50, (3, 4, 6, 3), 3, 25_557_032, 3_857_973_248, 4_089_184_256),
    (resnet101, (3, 4, 23, 3), 3, 44_549_160, 7_570_194_432, 7_801_405_440),
    (resnet152, (3, 8, 36, 3), 3, 60_192_808, 11_282_415_616, 11_513_626_624),
]
# depth, parameters with option A, MACs at 32 x 32
SMALL = [
    (20, 269_722, 40_551_040),
    (56, 853_018, 125_485_696),
    (110, 1_727_962, 252_887_680),
]
zoo = pytest.mark.parametrize("row", ZOO, ids=lambda row: row[0].__name__)
small = pytest.mark.parametrize("row", SMALL, ids=lambda row: f"{row[0]}")


def on_meta(build, *args, **kwargs):
    with torch.device("meta"):
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


# ---------------------------------------------------------------- the residual unit


def unit_by_hand(x, state, strides, *, training, options):
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
        if options["preactivation"]:
            f = torch.clamp(norm(f, f"bn{k}"), min=0)
        f = F.conv2d(f, weight, None, stride, weight.shape[-1] // 2)
        if not options["preactivation"]:
            f = norm(f, f"bn{k}")
            f = torch.clamp(f, min=0) if k < len(strides) else f
    total = f
    if options["residual"]:
        stride = math.prod(strides)
        if "downsample.0.weight" in state:
            side = F.conv2d(x, state["downsample.0.weight"], None, stride)
            if not options["preactivation"]:
                side = norm(side, "downsample.1")
        else:
            side = torch.zeros_like(f)
            side[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
        total = side + f
    return total if options["preactivation"] else torch.clamp(total, min=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("shortcut", ["A", "B", "C", None])
@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("stride_at", ["1x1", "3x3"])
def test_a_unit_equals_one_by_hand(
    stride_at, stride, bottleneck, shortcut, preactivation, training
):
    options = dict(residual=shortcut is not None, preactivation=preactivation)
    for inputs in (8, 5) if shortcut != "A" or stride == 1 else (5,):
        unit = ResidualUnit(
            inputs,
            2 if bottleneck else 8,
            stride,
            bottleneck=bottleneck,
            shortcut=shortcut or "B",
            stride_at=stride_at,
            **options,
        )
        disturb(unit.double().train(training))
        strides = [stride, 1]
        if bottleneck:
            strides = [stride, 1, 1] if stride_at == "1x1" else [1, stride, 1]
        x = torch.randn(3, inputs, 7, 6, dtype=torch.float64)
        ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        state = {k: v.clone() for k, v in unit.state_dict().items()}
        weights = {k: state[k].requires_grad_() for k, _ in unit.named_parameters()}
        expected = unit_by_hand(
            theirs, state, strides, training=training, options=options
        )
        y = unit(ours)
        torch.testing.assert_close(y, expected)
        direction = torch.randn_like(y)
        y.backward(direction)
        expected.backward(direction)
        torch.testing.assert_close(ours.grad, theirs.grad)
        for name, weight in unit.named_parameters():
            torch.testing.assert_close(weight.grad, weights[name].grad)


@pytest.mark.parametrize("options", [{}, {"preactivation": True}, {"bottleneck": True}])
def test_gradients_of_a_unit_are_those_of_finite_differences(options):
    unit = disturb(ResidualUnit(3, 2, 2, **options).double())
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
    np.testing.assert_array_equal(pad_shortcut(x, channels, stride), expected)


def test_option_a_takes_no_channel_away():
    with pytest.raises(ValueError, match=r"channels \(2\) is smaller than the 3"):
        pad_shortcut(torch.zeros(1, 3, 4, 4), 2)


def test_which_units_project():
    """A: none; B: where the shape changes; C: all. The first stage of 34 changes none,
    that of 50 the channels."""

    def projections(build, **options):
        units = on_meta(build, **options).units()
        return [name for name, unit in units.items() if unit.downsample is not None]

    changes = ["layer2.0", "layer3.0", "layer4.0"]
    assert projections(resnet34) == changes
    assert projections(resnet50) == ["layer1.0", *changes]
    for build in (resnet34, resnet50):
        assert projections(build, shortcut="A") == []
        assert len(projections(build, shortcut="C")) == 16
        assert projections(build, residual=False) == []
    # Only option C costs as many parameters as the paper says it does not pay for.
    a, b, c = (count_parameters(on_meta(resnet34, shortcut=k)) for k in "ABC")
    assert (b - a, c - b) == (
        64 * 128 + 128 * 256 + 256 * 512 + 2 * (128 + 256 + 512),
        sum(n * (w * w + 2 * w) for n, w in ((3, 64), (3, 128), (5, 256), (2, 512))),
    )


# ------------------------------------------------------------------- the whole table


def names_and_shapes(blocks, layers, num_classes=1000):
    """What the zoo's checkpoints hold, from the architecture."""
    found = {"conv1.weight": (64, 3, 7, 7)}

    def norm(name, channels):
        for key in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{key}"] = (channels,)
        found[f"{name}.num_batches_tracked"] = ()

    norm("bn1", 64)
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        outputs = width if layers == 2 else 4 * width
        sizes = [(inputs, width, 3), (width, width, 3)]
        if layers == 3:
            sizes = [(inputs, width, 1), (width, width, 3), (width, outputs, 1)]
        for i in range(count):
            name = f"layer{stage + 1}.{i}"
            for k, (c, d, n) in enumerate(sizes, start=1):
                c = outputs if i and k == 1 else c
                found[f"{name}.conv{k}.weight"] = (d, c, n, n)
                norm(f"{name}.bn{k}", d)
            if i == 0 and (stage > 0 or layers == 3):
                found[f"{name}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                norm(f"{name}.downsample.1", outputs)
        inputs = outputs
    return found | {"fc.weight": (num_classes, inputs), "fc.bias": (num_classes,)}


@zoo
def test_names_and_shapes_are_those_of_the_zoo(row):
    build, blocks, layers, *_ = row
    state = on_meta(build).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes == names_and_shapes(blocks, layers)
    assert list(shapes) == list(names_and_shapes(blocks, layers))


def test_some_names_of_the_zoo_as_it_writes_them():
    """Against a slip that the list above could share."""
    state = on_meta(resnet50).state_dict()
    assert len(state) == 320
    for name, shape in {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_var": (64,),
        "layer1.0.conv1.weight": (64, 64, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.downsample.1.bias": (256,),
        "layer3.5.conv2.weight": (256, 256, 3, 3),
        "layer4.0.conv1.weight": (512, 1024, 1, 1),
        "layer4.2.bn3.weight": (2048,),
        "fc.weight": (1000, 2048),
    }.items():
        assert tuple(state[name].shape) == shape, name


@zoo
def test_counts_are_the_published_ones(row):
    build, blocks, layers, parameters, macs, macs_3x3 = row
    net = on_meta(build)
    assert count_parameters(net) == parameters
    assert count_macs(net, (3, 224, 224)) == macs
    later = on_meta(build, stride_at="3x3")
    assert count_parameters(later) == parameters
    assert count_macs(later, (3, 224, 224)) == macs_3x3
    assert net.depth == 1 + layers * sum(blocks) + 1 == int(build.__name__[6:])


@small
def test_counts_of_the_small_nets(row):
    depth, parameters, macs = row
    for residual in (True, False):
        net = on_meta(CifarResNet, depth, residual)
        assert count_parameters(net) == parameters
        assert count_macs(net, (3, 32, 32)) == macs
        assert net.depth == depth
    later = on_meta(CifarResNet, depth, preactivation=True)
    assert count_parameters(later) == parameters
    assert later.depth == depth


def test_counts_of_the_nets_to_compare_with():
    plain, vgg = on_meta(plain34), on_meta(vgg19)
    padded = on_meta(resnet34, shortcut="A")
    assert plain.depth == 34
    assert count_parameters(plain) == count_parameters(padded) == 21_623_848
    assert count_macs(plain, (3, 224, 224)) == count_macs(padded, (3, 224, 224))
    assert count_parameters(vgg) == 143_667_240
    assert count_macs(vgg, (3, 224, 224)) == 19_632_062_464
    layers = [m for m in vgg.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 19
    assert tuple(vgg(torch.zeros(2, 3, 224, 224, device="meta")).shape) == (2, 1000)


def test_a_plain_net_has_the_parameters_of_its_residual_twin():
    for build in (resnet18, resnet50):
        plain = on_meta(build, residual=False).state_dict()
        residual = on_meta(build).state_dict()
        kept = [name for name in residual if "downsample" not in name]
        assert list(plain) == kept
        assert all(plain[name].shape == residual[name].shape for name in kept)


# -------------------------------------------------------------------------- the nets


@zoo
def test_every_net_goes_forward_and_back(row):
    """The small ones in numbers, the large ones in shapes alone."""
    build = row[0]
    device = "cpu" if build in (resnet18, resnet50) else "meta"
    with torch.device(device):
        net = build(num_classes=7)
        logits = net(torch.rand(2, 3, 64, 64))
        assert tuple(logits.shape) == (2, 7)
        logits.square().mean().backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.shape == weight.shape
        assert device == "meta" or weight.grad.abs().max() > 0, name


@pytest.mark.parametrize("shortcut", ["A", "B", "C"])
@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_small_net_goes_forward_and_back(
    channels, residual, preactivation, shortcut
):
    net = CifarResNet(
        8, residual, shortcut, preactivation=preactivation, channels=channels, width=4
    )
    logits = net(torch.rand(2, channels, 28, 28))
    assert tuple(logits.shape) == (2, 10)
    F.cross_entropy(logits, torch.tensor([1, 2])).backward()
    for name, weight in net.named_parameters():
        assert weight.grad.abs().max() > 0, name


def test_shapes_on_the_way():
    steps, logits = on_meta(resnet50).trace(torch.zeros(1, 3, 224, 224, device="meta"))
    assert tuple(steps[0].x.shape) == (1, 64, 56, 56)
    last = [
        [s for s in steps if s.name.startswith(f"layer{k}")][-1] for k in range(1, 5)
    ]
    assert [tuple(s.output.shape[1:]) for s in last] == [
        *((256, 56, 56), (512, 28, 28)),
        *((1024, 14, 14), (2048, 7, 7)),
    ]
    assert tuple(logits.shape) == (1, 1000)
    steps, _ = on_meta(CifarResNet, 20).trace(torch.zeros(1, 3, 32, 32, device="meta"))
    assert [tuple(s.output.shape[1:]) for s in steps[2::3]] == [
        *((16, 32, 32), (32, 16, 16), (64, 8, 8)),
    ]


def test_the_net_for_digits_is_a_small_net_on_averaged_images():
    digits = torch.rand(2, 1, 28, 28)
    net = DigitResNet(14, False).eval()
    inner = CifarResNet(14, False, channels=1, width=8).eval()
    inner.load_state_dict(net.state_dict())
    means = digits.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    assert tuple(means.shape) == (2, 1, 14, 14)
    assert torch.allclose(net(digits), inner(means), atol=1e-6)
    with pytest.raises(ValueError, match=r"images must be \(N, 1, H, W\)"):
        net(torch.rand(2, 3, 28, 28))


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
    assert not {"mean", "std"} & set(net.state_dict())
    net.double()(images.double())
    assert seen[2].dtype == torch.float64


def test_weights_begin_as_he_and_others_have_it():
    net = resnet18(num_classes=10)
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


@pytest.mark.parametrize("preactivation", [False, True])
def test_training_and_evaluation_differ_and_only_training_keeps_statistics(
    preactivation,
):
    net = CifarResNet(8, preactivation=preactivation, width=4)
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


# --------------------------------------------------- what passes through a trained net


def trained_like(**options):
    """A net with random statistics; in evaluation mode each unit is one function."""
    options = {"width": 4, **options}
    return disturb(CifarResNet(20, **options)).eval()


@pytest.mark.parametrize("preactivation", [False, True])
def test_trace_is_the_forward_pass(preactivation):
    net, images = trained_like(preactivation=preactivation), torch.rand(2, 3, 16, 16)
    steps, logits = net.trace(images)
    assert torch.equal(logits, net(images))
    assert [step.name for step in steps] == list(net.units())
    for step, following in zip(steps, steps[1:], strict=False):
        assert step.output is following.x
    for step, unit in zip(steps, net.units().values(), strict=True):
        assert torch.equal(step.f, unit.function(step.x))
        assert torch.equal(step.output, unit(step.x))


def gaps(net):
    """For each stage: how far x_L is from x_0 + the sum of F, over the size of x_L."""
    with torch.no_grad():
        steps, _ = net.trace(torch.rand(2, 3, 16, 16))
    found = []
    for stage in net.stages:
        first, *others = (s for s in steps if s.name.startswith(stage))
        total = first.output
        for step in others:
            total = total + step.f
        last = others[-1].output
        found.append(float((total - last).norm() / last.norm()))
    return found


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_outputs_are_sums_with_preactivation_only(shortcut):
    assert gaps(trained_like(preactivation=True, shortcut=shortcut)) == [0, 0, 0]
    assert min(gaps(trained_like(shortcut=shortcut))) > 0.05
    plain = trained_like(preactivation=True, residual=False)
    assert min(gaps(plain)) > 0.05


def test_the_gradient_has_a_term_of_its_own_for_the_shortcut():
    """dL/dx_0 = dL/dx_L (1 + d(sum of F)/dx_0) within a stage, with preactivation."""
    net = trained_like(preactivation=True).double()
    steps, logits = net.trace(torch.rand(2, 3, 16, 16, dtype=torch.float64))
    stage = [s for s in steps if s.name.startswith("layer2")][1:]
    start, end = stage[0].x, stage[-1].output
    loss = logits.square().sum()
    at_start, at_end = torch.autograd.grad(loss, [start, end], retain_graph=True)
    total = sum(s.f for s in stage)
    (through,) = torch.autograd.grad(total, start, at_end)
    torch.testing.assert_close(at_start, at_end + through)


def test_a_dropped_unit_leaves_its_shortcut():
    net, images = trained_like(shortcut="B"), torch.rand(2, 3, 16, 16)
    steps, _ = net.trace(images)
    before = net(images)
    less = drop(net, "layer1.1", "layer2.0")
    assert torch.equal(net(images), before)  # the net itself is as it was
    rest, logits = less.trace(images)
    assert [s.name for s in rest] == [
        s.name for s in steps if s.name not in ("layer1.1", "layer2.0")
    ]
    assert torch.equal(rest[1].x, rest[0].output)  # already not negative
    projected = net.layer2[0].downsample(rest[1].output)
    assert torch.equal(rest[2].x, F.relu(projected))
    assert torch.equal(logits, less(images))
    assert not torch.allclose(logits, before)
    assert less.depth == 20 - 2 * 2
    fewer = [net.layer1[1], net.layer2[0]]
    lost = sum(count_parameters(unit) for unit in fewer)
    lost -= count_parameters(net.layer2[0].downsample)
    assert count_parameters(less) == count_parameters(net) - lost


def test_a_dropped_unit_of_a_plain_net_leaves_nothing():
    net, images = trained_like(residual=False), torch.rand(2, 3, 16, 16)
    steps, _ = drop(net, "layer1.0").trace(images)
    assert torch.equal(steps[0].x, net.stem(images))
    with pytest.raises(ValueError, match="changes the shape cannot be dropped"):
        drop(net, "layer2.0")


def test_swapped_units_change_places():
    net, images = trained_like(), torch.rand(2, 3, 16, 16)
    other = swap(net, "layer1.0", "layer1.2")
    before, after = net.layer1, other.layer1
    for i, j in ((0, 2), (1, 1), (2, 0)):
        assert torch.equal(before[i].conv1.weight, after[j].conv1.weight)
    x = net.stem(images)
    assert torch.equal(after(x), before[0](before[1](before[2](x))))
    assert torch.equal(swap(other, "layer1.0", "layer1.2")(images), net(images))
    assert not torch.allclose(other(images), net(images))


def test_units_that_are_not_there():
    net = trained_like()
    with pytest.raises(ValueError, match="'layer1.0' to 'layer3.2'.*got 'layer4.0'"):
        drop(net, "layer4.0")
    less = drop(net, "layer1.0")
    assert isinstance(less.layer1[0], Bypass)
    with pytest.raises(ValueError, match="not yet dropped, got 'layer1.0'"):
        drop(less, "layer1.0")
    with pytest.raises(ValueError, match="not yet dropped, got 'layer1.0'"):
        swap(less, "layer1.1", "layer1.0")
    for second in ("layer2.0", "layer2.1"):
        with pytest.raises(ValueError, match=f"layer1.1 and {second} cannot change"):
            swap(net, "layer1.1", second)


@pytest.mark.parametrize("options", [{}, {"residual": False}, {"preactivation": True}])
def test_gradients_by_depth_are_those_of_the_loss(options):
    net = CifarResNet(14, width=4, **options).double().eval()
    images, labels = torch.rand(6, 3, 8, 8).double(), torch.arange(6)
    before = copy.deepcopy(net.state_dict())
    norms = gradients_by_depth(net, images, labels)
    assert list(norms) == list(net.units())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training
    assert all(p.grad is None for p in net.parameters())

    net.train()
    seen = {}
    for name, unit in net.units().items():
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


def test_a_random_direction_is_as_long_as_each_filter():
    net, *_ = a_net_and_images()
    direction, other = random_direction(net, 0), random_direction(net, 1)
    for name, weight in net.named_parameters():
        change = direction[name]
        assert change.shape == weight.shape
        if weight.ndim == 1:
            assert not change.any()
            continue
        assert torch.equal(change, random_direction(net, 0)[name])
        lengths = [v.detach().flatten(1).norm(dim=1) for v in (change, weight)]
        torch.testing.assert_close(*lengths)
        alike = F.cosine_similarity(change.flatten(), other[name].flatten(), dim=0)
        assert abs(alike) < 4 / math.sqrt(weight.numel())


def test_losses_along_a_direction():
    net, images, labels = a_net_and_images()
    before = copy.deepcopy(net.state_dict())
    direction = random_direction(net, 0)
    steps = [-0.5, 0, 1e-6, 0.5]
    losses = losses_along(net, direction, steps, images, labels)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not net.training

    for step, loss in zip(steps, losses, strict=True):
        moved = copy.deepcopy(net).train()
        with torch.no_grad():
            for name, weight in moved.named_parameters():
                weight += step * direction[name]
        expected = F.cross_entropy(moved(images), labels).item()
        assert loss == pytest.approx(expected, rel=1e-12)

    gradient = loss_gradient(net, images, labels)
    slope = sum(float((direction[k] * gradient[k]).sum()) for k in gradient)
    assert (losses[2] - losses[1]) / 1e-6 == pytest.approx(slope, rel=1e-3)


def test_directions_that_do_not_fit():
    net, images, labels = a_net_and_images()
    with pytest.raises(ValueError, match=r"no parameter 'conv9.weight'"):
        losses_along(net, {"conv9.weight": torch.zeros(1)}, [0], images, labels)
    with pytest.raises(ValueError, match=r"of 'fc.bias' must be \(10,\), got \(3,\)"):
        losses_along(net, {"fc.bias": torch.zeros(3)}, [0], images, labels)


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("depth", [2, 7, 21, 54, 0, -4, 20.0, "20", True])
def test_depths_that_do_not_exist(depth):
    with pytest.raises(ValueError, match="depth must be .*got"):
        CifarResNet(depth)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: resnet18(shortcut="D"), "shortcut must be one of 'A', 'B', 'C', got"),
        (lambda: resnet50(stride_at="2x2"), "stride_at must be one of '1x1', '3x3'"),
        (lambda: resnet18(num_classes=0), "num_classes must be a whole number >="),
        (lambda: resnet18(num_classes=2.5), "num_classes must be a whole number >="),
        (lambda: vgg19(num_classes=-1), "num_classes must be a whole number >="),
        (lambda: resnet18(weights="cifar"), "weights must be one of None, 'imagenet'"),
        (lambda: ResNet((2, 2, 2)), "blocks must be four numbers of units, got"),
        (lambda: ResNet((2, 2, 0, 2)), "blocks must be a whole number >= 1"),
        (lambda: CifarResNet(8, channels=2), "channels must be one of 1, 3, got 2"),
        (lambda: CifarResNet(8, width=0), "width must be a whole number >= 1"),
        (lambda: CifarResNet(8, shortcut=None), "shortcut must be one of"),
    ],
)
def test_arguments_that_do_not_fit(build, message):
    with pytest.raises(ValueError, match=message):
        on_meta(build)


def test_images_that_do_not_fit():
    net = CifarResNet(8, width=4)
    for shape in ((2, 1, 32, 32), (3, 32, 32), (2, 4, 8, 8)):
        with pytest.raises(ValueError, match=r"images must be \(N, 3, H, W\), got"):
            net(torch.rand(shape))
    with pytest.raises(ValueError, match="floating, such as pixels / 255, got"):
        net(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))


# --------------------------------------------- weights from a server on this machine


def saved(state) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def published_weights():
    """A checkpoint of ResNet-18 with weights of our own, as an old zoo has saved it."""
    seed_everything(7)
    state = disturb(resnet18()).state_dict()
    state = {k: v for k, v in state.items() if "num_batches_tracked" not in k}
    return state, saved(state)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server on this machine, and an empty cache; `serve` says what it answers.

    `serve(content)` publishes it as the weights of ResNet-18; `serve(content, answer)`
    publishes the hash of one and sends the other; None is a 404.
    """
    answers, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = answers["content"]
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
    cache = tmp_path / "cache"
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    monkeypatch.setattr(data, "_failed_hosts", set())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.delenv("COURSE_DATA", raising=False)

    def serve(content, *answer):
        sha256 = hashlib.sha256(content).hexdigest()
        file = resnet.WEIGHTS["resnet18"]
        file = replace(
            file,
            sha256=sha256,
            urls=(f"http://127.0.0.1:{running.server_port}/{file.name}",),
            contents={file.name: sha256},
        )
        monkeypatch.setitem(resnet.WEIGHTS, "resnet18", file)
        answers["content"] = answer[0] if answer else content
        return cache / file.name

    serve.asked = asked
    yield serve
    running.shutdown()
    running.server_close()


def assert_holds(net, state):
    for name, value in net.state_dict().items():
        if "num_batches_tracked" not in name:
            assert torch.equal(value, state[name]), name


def test_the_table_of_weights_is_the_zoo_s():
    starts = {
        "resnet18": "f37072fd",
        "resnet34": "b627a593",
        "resnet50": "0676ba61",
        "resnet101": "63fe2227",
        "resnet152": "394f9c45",
    }
    assert {row[0].__name__ for row in ZOO} == set(starts) == set(resnet.WEIGHTS)
    for name, start in starts.items():
        file = resnet.WEIGHTS[name]
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.sha256.startswith(start)
        assert file.contents == {file.name: file.sha256}
        assert file.urls == (f"https://download.pytorch.org/models/{name}-{start}.pth",)


def test_weights_are_downloaded_once_verified_and_loaded(server, published_weights):
    state, content = published_weights
    path = server(content)
    net = resnet18(weights="imagenet")
    assert_holds(net, state)
    assert len(server.asked) == 1
    assert path.read_bytes() == content
    assert_holds(resnet18(num_classes=1000, weights="imagenet", shortcut="B"), state)
    assert len(server.asked) == 1  # the second time from the cache
    path.write_bytes(content[:-1])  # damaged: fetched again
    assert_holds(resnet18(weights="imagenet"), state)
    assert len(server.asked) == 2


def test_weights_from_the_folder_of_the_course(
    server, published_weights, tmp_path, monkeypatch
):
    state, content = published_weights
    name = "weights/resnet18-f37072fd.pth"
    server(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(
        data.DataError, match="there is no .*resnet18-f37072fd.pth"
    ) as e:
        resnet18(weights="imagenet")
    assert f"Put {name} there as published" in str(e.value)
    assert "Without weights='imagenet' the net is built untrained" in str(e.value)
    assert "mnist5k" not in str(e.value)
    (tmp_path / "weights").mkdir()
    (tmp_path / name).write_bytes(content)
    assert_holds(resnet18(weights="imagenet"), state)
    (tmp_path / name).write_bytes(content + b"!")
    with pytest.raises(data.DataError, match="damaged, or not the published file"):
        resnet18(weights="imagenet")
    assert not server.asked


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "answered 404"),
        (b"<html>Please log in</html>", "sent something else than the published file"),
    ],
)
def test_weights_that_cannot_be_had(answer, message, server):
    path = server(b"the published file", answer)
    with pytest.raises(data.DataError, match=message) as caught:
        resnet18(weights="imagenet")
    assert "it cannot be downloaded" in str(caught.value)
    assert "COURSE_DATA name a folder with weights/resnet18" in str(caught.value)
    assert "Without weights='imagenet' the net is built untrained" in str(caught.value)
    assert not path.exists()


class Code:
    """Unpickled, it would call a function."""

    def __reduce__(self):
        return exec, ("raise SystemExit('code in a checkpoint was executed')",)


@pytest.mark.parametrize(
    "content",
    [b"no checkpoint", saved({"conv1.weight": torch.zeros(1)}), saved(Code())],
    ids=["no checkpoint", "of another net", "code"],
)
def test_files_that_are_no_weights_of_the_net(content, server):
    server(content)
    with pytest.raises(data.DataError, match="holds no weights of resnet18"):
        resnet18(weights="imagenet")


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (resnet18, {"num_classes": 10}, "num_classes=1000, got 10: .* replace the net"),
        (resnet18, {"shortcut": "A"}, "shortcut='B', got 'A'"),
        (resnet34, {"residual": False}, "residual=True, got False"),
        (resnet50, {"preactivation": True}, "preactivation=False, got True"),
        (resnet50, {"stride_at": "1x1"}, "stride_at='3x3', got '1x1'"),
    ],
)
def test_options_that_do_not_fit_the_weights(build, options, message, server):
    with pytest.raises(ValueError, match=message):
        build(weights="imagenet", **options)
    assert not server.asked


def test_weights_of_bottlenecks_imply_where_they_were_trained(monkeypatch):
    """The stride is in the 3 x 3, unless one builds the paper's net without weights."""
    with torch.device("meta"):
        content = saved({"conv1.weight": torch.zeros(1)})
        monkeypatch.setattr(resnet, "published", lambda file: content)
        monkeypatch.setattr(ResNet, "load_state_dict", lambda self, state: None)
        for options in ({}, {"stride_at": "3x3"}):
            net = resnet50(weights="imagenet", **options)
            strides = [net.layer2[0].conv1.stride, net.layer2[0].conv2.stride]
            assert strides == [(1, 1), (2, 2)]
        net = resnet50()
        strides = [net.layer2[0].conv1.stride, net.layer2[0].conv2.stride]
        assert strides == [(2, 2), (1, 1)]
