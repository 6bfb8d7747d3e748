"""Counts against formulas by hand, published numbers, and models built to mislead."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils.counting import (
    ALEXNET,
    Layer,
    Window,
    changed,
    count_macs,
    count_parameters,
    layer_table,
    walk,
    wiring_table,
)


def on_meta(build):
    with torch.device("meta"):
        return build()


def lenet():
    """LeNet-5 as lectures draw it, for 28 x 28 images."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


def alexnet():
    """AlexNet of 2012: layers 2, 4 and 5 in two groups, for 224 x 224 images."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4, padding=2),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.Linear(4096, 4096),
        nn.Linear(4096, 1000),
    )


# --- known numbers: model, input, parameters, MACs

KNOWN = {
    "dense 150528-1000-2": (
        lambda: nn.Sequential(nn.Linear(150528, 1000), nn.Linear(1000, 2)),
        (150528,),
        150_531_002,
        150_530_000,
    ),
    "4 kernels 5x5 on 32x32x3": (
        lambda: nn.Conv2d(3, 4, 5),
        (3, 32, 32),
        304,
        28 * 28 * 4 * 3 * 25,
    ),
    "3x3 on 100x100x256": (
        lambda: nn.Conv2d(256, 256, 3, padding=1),
        (256, 100, 100),
        590_080,
        5_898_240_000,
    ),
    "through 64 channels first": (
        lambda: nn.Sequential(nn.Conv2d(256, 64, 1), nn.Conv2d(64, 256, 3, padding=1)),
        (256, 100, 100),
        164_160,
        1_638_400_000,
    ),
    "LeNet-5": (lenet, (1, 28, 28), 61_706, 416_520),
    "AlexNet": (alexnet, (3, 224, 224), 60_965_224, 724_406_816),
    "batch norm": (lambda: nn.BatchNorm2d(7), (7, 4, 4), 14, 0),
    "dilated, strided": (
        lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1, dilation=2, bias=False),
        (2, 9, 9),
        54,
        3 * 4 * 4 * 2 * 9,
    ),
    "transposed, grouped": (
        lambda: nn.ConvTranspose2d(4, 6, 3, groups=2),
        (4, 5, 5),
        4 * 3 * 9 + 6,
        4 * 5 * 5 * 3 * 9,
    ),
    "depthwise": (lambda: nn.Conv2d(8, 8, 3, groups=8), (8, 5, 5), 80, 8 * 9 * 9),
    "one dimension": (lambda: nn.Conv1d(4, 6, 3), (4, 5), 78, 6 * 4 * 3 * 3),
    "three dimensions": (lambda: nn.Conv3d(1, 2, 2), (1, 3, 3, 3), 18, 2 * 8 * 8),
    "linear on a sequence": (lambda: nn.Linear(5, 7), (3, 5), 42, 3 * 35),
}


@pytest.mark.parametrize(
    ("build", "shape", "parameters", "macs"), KNOWN.values(), ids=KNOWN
)
def test_known_numbers(build, shape, parameters, macs):
    model = on_meta(build)
    assert count_parameters(model) == parameters
    assert count_macs(model, shape) == macs
    table = layer_table(model, shape)
    assert (table.parameters, table.macs) == (parameters, macs)


def test_meta_and_cpu_agree():
    assert layer_table(lenet(), (1, 28, 28)) == layer_table(on_meta(lenet), (1, 28, 28))
    assert count_macs(lenet().double(), (1, 28, 28)) == 416_520


def test_a_mac_is_two_of_torchs_flops():
    with FlopCounterMode(display=False) as counter:
        nn.Linear(5, 7)(torch.zeros(1, 5))
    assert counter.get_total_flops() == 2 * count_macs(nn.Linear(5, 7), (5,)) == 70


def test_frozen_parameters():
    model = lenet()
    model[0].requires_grad_(False)
    assert count_parameters(model) == 61_706
    assert count_parameters(model, trainable_only=True) == 61_706 - 156


# --- the table


class Twisted(nn.Module):
    """Everything that misleads a counter at once."""

    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(2)  # called twice, at two sizes
        self.unused = nn.Linear(4, 2)  # never called
        self.idle = nn.ReLU()  # never called, and holds nothing
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.weight = nn.Parameter(torch.ones(3, 16))  # held by the model itself
        self.encode = nn.Linear(3, 5, bias=False)
        self.decode = nn.Linear(5, 3, bias=False)
        self.again = nn.Linear(3, 5, bias=False)
        self.again.weight = self.encode.weight  # shared

    def forward(self, x):
        x = self.pool(self.stem(x))  # (N, 4, 4, 4)
        x = self.pool(F.relu(self.grouped(x)))  # (N, 4, 2, 2)
        x = F.linear(x.flatten(1), self.weight)  # 48 MACs of the model itself
        return self.decode(self.encode(x)) @ torch.ones(3) + self.again(x).sum(1)


TWISTED = [
    Layer("stem.0", "Conv2d", (4, 8, 8), 40, 64 * 36),
    Layer("stem.1", "BatchNorm2d", (4, 8, 8), 8, 0),
    Layer("pool", "MaxPool2d", (4, 4, 4), 0, 0),
    Layer("grouped", "Conv2d", (4, 4, 4), 76, 16 * 4 * 18),
    Layer("pool", "MaxPool2d", (4, 2, 2), 0, 0),
    Layer("encode", "Linear", (5,), 15, 15),
    Layer("decode", "Linear", (3,), 15, 15),
    Layer("again", "Linear", (5,), 0, 15),
    Layer("", "Twisted", (), 48, 48 + 3),
    Layer("unused", "Linear", None, 10, 0),
]


def test_table_of_a_twisted_model():
    model = Twisted()
    table = layer_table(model, (1, 8, 8))
    assert table == TWISTED
    assert table.parameters == count_parameters(model) == 212
    assert table.macs == count_macs(model, (1, 8, 8)) == 3552


def test_depth_folds_what_is_below():
    model = nn.Sequential(Twisted(), nn.Flatten(0), nn.Identity())
    whole = layer_table(model, (1, 8, 8))
    for depth, rows in [(1, 3), (2, 11), (3, 12), (9, 12)]:
        table = layer_table(model, (1, 8, 8), depth=depth)
        assert len(table) == rows
        assert (table.parameters, table.macs) == (whole.parameters, whole.macs)
    assert layer_table(model, (1, 8, 8), 1)[0] == Layer("0", "Twisted", (), 212, 3552)
    assert layer_table(model, (1, 8, 8), 2)[0].name == "0.stem"
    assert layer_table(model, (1, 8, 8), 9) == whole


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.image, self.vector = nn.Conv2d(1, 2, 3), nn.Linear(5, 2)

        def forward(self, image, vector):
            return [self.image(image), self.vector(vector)], "note"

    rows = layer_table(Two(), [(1, 4, 4), (5,)])
    assert [r.output for r in rows] == [(2, 2, 2), (2,)]
    assert rows.macs == count_macs(Two(), [(1, 4, 4), [5]]) == 4 * 18 + 10


def test_a_layer_called_past_its_hooks_is_counted_all_the_same():
    class Direct(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return self.layer.forward(x)

    assert layer_table(Direct(), (4,)) == [
        Layer("", "Direct", (3,), 0, 12),
        Layer("layer", "Linear", None, 15, 0),
    ]


PRINTED = """\
layer  type       output       parameters     MACs
--------------------------------------------------
0      Conv2d     6 × 28 × 28         156  117,600
1      Tanh       6 × 28 × 28           0        0
2      MaxPool2d  6 × 14 × 14           0        0
--------------------------------------------------
total                                 156  117,600"""


def test_the_printed_table():
    assert repr(layer_table(lenet()[:3], (1, 28, 28))) == PRINTED
    lines = str(layer_table(Twisted(), (1, 8, 8))).splitlines()
    assert lines[-3].split() == ["unused", "Linear", "10", "0"]
    assert lines[-4].split() == ["Twisted", "48", "51"]


# --- wires


def test_connections_are_numbers_that_enter_neurons():
    """Of layers of every kind, by hand; the activation and the dropout have none."""
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2),  # 2 channels of 9 pixels and a bias
        nn.BatchNorm2d(8),  # a number and a bias
        nn.ReLU(),
        nn.AvgPool2d((2, 1)),  # 2 pixels
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(8 * 3 * 6, 5, bias=False),
    )
    model[6].weight.requires_grad_(False)
    table = wiring_table(model, (4, 8, 8))
    assert [tuple(row) for row in table] == [
        ("0", (8, 6, 6), 288, 8 * 19, 288 * 19),
        ("1", (8, 6, 6), 288, 16, 288 * 2),
        ("3", (8, 3, 6), 144, 0, 144 * 2),
        ("6", (5,), 5, 0, 5 * 144),
    ]
    assert table.parameters == 8 * 19 + 16
    assert table.connections == 288 * 21 + 144 * 2 + 720
    for pool in (nn.MaxPool1d(2), nn.AvgPool1d(2)):
        (row,) = wiring_table(pool, (3, 8))
        assert row.connections == 3 * 4 * 2


@pytest.mark.parametrize(
    ("model", "shapes"),
    [(nn.Linear(4, 2), [(4,), (4,)]), (nn.Flatten(2), (4,)), (nn.Linear(4, 2), (5,))],
)
def test_what_a_model_cannot_take_is_said(model, shapes):
    with pytest.raises(ValueError, match="model cannot take an input of shape"):
        count_macs(model, shapes)


# --- nothing stays behind


def hooks_of(model):
    return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]


@pytest.mark.parametrize("count", [count_macs, layer_table, wiring_table])
def test_the_model_is_left_as_it_was(count):
    model = nn.Sequential(Twisted(), nn.Dropout(0.5)).train()
    model[0].stem[1].eval()

    def draw(*_):
        F.dropout(torch.ones(9))

    model.register_forward_hook(draw)
    model(torch.rand(3, 1, 8, 8)).sum().backward()
    modes, hooks = [m.training for m in model.modules()], hooks_of(model)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    grads = {p: None if p.grad is None else p.grad.clone() for p in model.parameters()}
    drawn = torch.get_rng_state()

    count(model, (1, 8, 8))
    with pytest.raises(ValueError, match="cannot take an input of shape"):
        count(model, (2, 8, 8))

    assert torch.equal(torch.get_rng_state(), drawn)
    assert [m.training for m in model.modules()] == modes
    assert hooks_of(model) == hooks
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    for p, grad in grads.items():
        assert p.grad is grad is None or torch.equal(p.grad, grad)
    assert torch.is_grad_enabled()


# --- bad input


@pytest.mark.parametrize("shape", [784, "abc", (), (0, 3), (3.0,), [(3,), 5]], ids=repr)
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"input_shape must be .* \(3, 224, 224\).*got"
    ):
        layer_table(lenet(), shape)


@pytest.mark.parametrize("depth", [0, 1.5])
def test_depth_must_be_positive(depth):
    with pytest.raises(ValueError, match=f"depth must be None or .* got {depth!r}"):
        layer_table(lenet(), (1, 28, 28), depth)


def test_an_input_that_does_not_fit_names_its_shape():
    with pytest.raises(ValueError, match=r"of shape \(1, 1, 20, 20\): .*shape"):
        count_macs(lenet(), (1, 20, 20))


# --- by the formulas alone


@pytest.mark.parametrize(("padding", "pixels"), [(2, 224), (0, 227)])
def test_the_walk_agrees_with_the_net(padding, pixels):
    steps = walk(changed(conv1={"padding": padding}), pixels)
    with torch.device("meta"):
        net = alexnet()
    net[0].padding = (padding, padding)
    rows = [r for r in layer_table(net, (3, pixels, pixels)) if r.type != "Flatten"]
    for row, step in zip(rows, steps, strict=True):
        shape = (step.channels, step.size, step.size)[: len(row.output)]
        assert row.output == shape, step.name
        assert (row.parameters, row.macs) == step[-2:], step.name
    assert sum(s.parameters for s in steps) == 60_965_224


def test_wrong_paddings_are_not_noticed_and_cost_a_column():
    conv1 = walk(ALEXNET)[0]
    assert (conv1.quotient, conv1.size, conv1.lost) == (55.25, 55, 1)
    misprint = changed(conv1={"padding": 0})
    sizes = [s.size for s in walk(misprint)]
    assert sizes == [54, 26, 26, 12, 12, 12, 12, 5, 1, 1, 1]
    assert walk(misprint)[0].quotient == 54.25
    assert all(s.lost == 0 for s in walk(misprint, 227))
    thin = changed(conv2={"padding": 1})
    assert walk(thin)[2].size == 25
    assert walk(thin)[7].size == 5
    for layers in (misprint, thin):  # no error, but another net
        assert sum(s.parameters for s in walk(layers)) == 49_430_888


@pytest.mark.parametrize(
    ("layer", "size", "message"),
    [
        (Window("conv2", 8, 5), 3, r"conv2: kernel \(5\) is larger .* input \(3\)"),
        (Window("pool1", None, 3, stride=0), 8, "pool1: stride .* got 0"),
        (Window("conv1", 8, 0), 8, "conv1: kernel_size .* got 0"),
        (Window("conv1", 8, 3, padding=-1), 8, "conv1: padding .* got -1"),
        (
            Window("conv4", 8, 3, groups=2),
            8,
            r"conv4: groups \(2\) must divide .* \(3\)",
        ),
        (Window("conv4", 8, 3, groups=3), 8, r"conv4: groups .* go out \(8\)"),
        (Window("conv4", 0, 3), 8, "conv4: channels .* got 0"),
    ],
)
def test_the_walk_refuses_what_cannot_be(layer, size, message):
    with pytest.raises(ValueError, match=message):
        walk([layer], size)


def test_changed_refuses_what_there_is_not():
    assert changed() == ALEXNET
    with pytest.raises(ValueError, match="no layer 'conv6': conv1, pool1"):
        changed(conv6={"padding": 1})
    with pytest.raises((TypeError, ValueError), match="unexpected field names"):
        changed(conv1={"width": 1})
