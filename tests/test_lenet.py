"""LeNet-5 in both forms: its parts as torch's, its counts as published, its claims."""

import copy
import math
from pathlib import Path

import nbformat
import pytest
import torch
from test_notebooks import definitions
from torch import nn
from torch.nn import functional as F

from utils.counting import count_macs, count_parameters, wiring_table
from utils.data import STATISTICS, mnist5k
from utils.dissection import feature_maps
from utils.experiments.lenet import EXPERIMENTS, Rearranged
from utils.lenet import (
    CONNECTIONS,
    EuclideanRBF,
    LeNet5,
    LeNet5Original,
    ScaledTanh,
    Subsampling,
    TableConv2d,
    as_input,
    digit_codes,
    map_loss,
)
from utils.pooling import receptive_field
from utils.training import seed_everything

pytestmark = pytest.mark.usefixtures("seeded")


NETS = [LeNet5Original, LeNet5]
both_nets = pytest.mark.parametrize("net", NETS)

# Table I of the paper: a row for each map of S2, a column for each map of C3.
PUBLISHED = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""

# name, output, neurons, parameters, connections
ORIGINAL = [
    ("c1", (6, 28, 28), 4_704, 156, 122_304),
    ("s2", (6, 14, 14), 1_176, 12, 5_880),
    ("c3", (16, 10, 10), 1_600, 1_516, 151_600),
    ("s4", (16, 5, 5), 400, 32, 2_000),
    ("c5", (120, 1, 1), 120, 48_120, 48_120),
    ("f6", (84,), 84, 10_164, 10_164),
    ("output", (10,), 10, 0, 840),
]
LECTURE = [
    ("c1", (6, 28, 28), 4_704, 156, 122_304),
    ("s2", (6, 14, 14), 1_176, 0, 4_704),
    ("c3", (16, 10, 10), 1_600, 2_416, 241_600),
    ("s4", (16, 5, 5), 400, 0, 1_600),
    ("c5", (120, 1, 1), 120, 48_120, 48_120),
    ("f6", (84,), 84, 10_164, 10_164),
    ("output", (10,), 10, 850, 850),
]


def wires(model):
    return wiring_table(model, (1, 28, 28))


def random_table(rows, columns):
    table = torch.rand(rows, columns) < 0.5
    table[:, 0] |= ~table.any(dim=1)
    return table


# ------------------------------------------------------------ the connection table


def test_the_table_is_the_published_one():
    rows = [line.split() for line in PUBLISHED.strip().split("\n")]
    published = torch.tensor([[mark == "X" for mark in row] for row in rows])
    assert torch.equal(CONNECTIONS, published.T)


def test_the_table_has_sixty_marks_fairly_shared():
    assert CONNECTIONS.shape == (16, 6)
    assert CONNECTIONS.sum() == 60
    assert CONNECTIONS.sum(dim=1).tolist() == [3] * 6 + [4] * 9 + [6]
    assert CONNECTIONS.sum(dim=0).tolist() == [10] * 6
    assert len({tuple(row) for row in CONNECTIONS.tolist()}) == 16


def test_neighbours_stand_in_a_ring():
    """Maps 0-5 and 6-11 are turns of one row; 12-14 take two pairs, with gaps."""
    for k in range(6):
        assert torch.equal(CONNECTIONS[k], CONNECTIONS[0].roll(k))
        assert torch.equal(CONNECTIONS[6 + k], CONNECTIONS[6].roll(k))
    for row in CONNECTIONS[12:15]:
        starts = row & ~row.roll(1)  # the first of each run of neighbours
        assert starts.sum() == 2


# ------------------------------------------------------------ layers against torch


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("shape", [(16, 6), (3, 5), (4, 1), (1, 4)])
def test_table_convolution_equals_a_dense_one_with_zeros(shape, kernel_size):
    table = random_table(*shape)
    layer = TableConv2d(table, kernel_size).double()
    nn.init.normal_(layer.bias)
    mask = table[:, :, None, None].double()
    dense = nn.Conv2d(shape[1], shape[0], kernel_size).double()
    with torch.no_grad():
        dense.weight.zero_()
        dense.weight[table] = layer.weight  # row after row, as nonzero() counts
        dense.bias.copy_(layer.bias)
    x = torch.randn(2, shape[1], 8, 7, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = layer(ours), dense(theirs)
    torch.testing.assert_close(y, expected)
    direction = torch.randn_like(y)
    y.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.bias.grad, dense.bias.grad)
    torch.testing.assert_close(layer.weight.grad, dense.weight.grad[table])
    assert (dense.weight.grad * (1 - mask)).any() or table.all()  # zeros are a choice
    assert count_parameters(layer) == table.sum() * kernel_size**2 + shape[0]


def test_where_the_table_has_no_mark_a_map_has_no_influence():
    layer = TableConv2d(CONNECTIONS, 5)
    assert (layer.dense_weight()[~CONNECTIONS] == 0).all()
    assert (layer.dense_weight()[CONNECTIONS].flatten(1).abs().sum(1) > 0).all()
    for p in range(16):
        x = torch.randn(1, 6, 14, 14, requires_grad=True)
        layer(x)[:, p].sum().backward()
        influence = x.grad.abs().sum(dim=(0, 2, 3)) > 0
        assert torch.equal(influence, CONNECTIONS[p])


def test_the_full_table_is_a_plain_convolution():
    layer = TableConv2d(torch.ones(16, 6), kernel_size=5)
    assert layer.weight.shape == (96, 5, 5)
    assert count_parameters(layer) == count_parameters(nn.Conv2d(6, 16, 5)) == 2_416
    x = torch.randn(2, 6, 14, 14)
    expected = F.conv2d(x, layer.weight.view(16, 6, 5, 5), layer.bias)
    torch.testing.assert_close(layer(x), expected)


def test_a_table_may_be_numbers_or_lists():
    table = [[1, 0, 1], [0, 1, 1]]
    assert TableConv2d(table, 3).table.dtype == torch.bool
    assert TableConv2d(table, 3).weight.shape == (4, 3, 3)
    own = torch.as_tensor(table).bool()
    kept = TableConv2d(own, 3).table
    assert kept.data_ptr() != own.data_ptr(), "a checkpoint would change it"
    codes = digit_codes()
    assert EuclideanRBF(codes).weight.data_ptr() != codes.data_ptr()


def test_the_table_travels_with_the_weights():
    assert "c3.table" in LeNet5Original().state_dict()
    assert "output.weight" in LeNet5Original().state_dict()


def test_subsampling_with_a_quarter_is_mean_pooling():
    layer = Subsampling(3).double()
    nn.init.constant_(layer.weight, 1 / 4)
    x = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(layer(x), F.avg_pool2d(x, 2))


def test_subsampling_is_a_convolution_of_ones_for_each_map():
    """Values and gradients, with any weights and biases."""
    layer = Subsampling(3).double()
    nn.init.normal_(layer.bias)
    weight, bias = (p.detach().clone().requires_grad_() for p in layer.parameters())
    x = torch.randn(2, 3, 6, 8, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    kernels = weight[:, None, None, None].expand(3, 1, 2, 2)
    y = layer(ours)
    expected = F.conv2d(theirs, kernels, bias, stride=2, groups=3)
    torch.testing.assert_close(y, expected)
    direction = torch.randn_like(y)
    y.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(layer.weight.grad, weight.grad)
    torch.testing.assert_close(layer.bias.grad, bias.grad)
    assert count_parameters(layer) == 6


def test_rbf_is_minus_the_squared_distance():
    codes = torch.randn(10, 84, dtype=torch.float64)
    layer = EuclideanRBF(codes)
    x = torch.randn(5, 84, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = layer(ours), -torch.cdist(theirs, codes).square()
    torch.testing.assert_close(y, expected)
    direction = torch.randn_like(y)
    y.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch.equal(layer(codes).diagonal(), torch.zeros(10).double())
    assert torch.equal(layer(codes).argmax(1), torch.arange(10))
    assert count_parameters(layer) == 0  # the codes are fixed


def test_scaled_tanh():
    x = torch.linspace(-4, 4, 81, dtype=torch.float64, requires_grad=True)
    y = ScaledTanh()(x)
    torch.testing.assert_close(y, 1.7159 * torch.tanh(2 * x / 3))
    one = torch.ones(1, dtype=torch.float64)
    torch.testing.assert_close(ScaledTanh()(one), one, atol=1e-4, rtol=0)
    torch.testing.assert_close(ScaledTanh()(-one), -one, atol=1e-4, rtol=0)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope, 1.7159 * 2 / 3 * (1 - (y / 1.7159) ** 2))


def test_digit_codes_are_ten_different_drawings():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert codes.dtype == torch.float32
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    different = (codes[:, None] != codes).sum(dim=2)
    different.fill_diagonal_(84)
    assert different.min() >= 8  # pixels between the two most alike
    one = codes[1].view(12, 7)
    assert (one[:11, 3] == 1).all()  # its stem, and paper below the line
    assert (codes.view(10, 12, 7)[:, 11] == -1).all()
    assert torch.equal(codes[0].view(12, 7), codes[0].view(12, 7).flip(1))


# ------------------------------------------------------------ the loss of 1998


def test_map_loss_is_equation_nine():
    logits = -10 * torch.rand(6, 10, dtype=torch.float64)
    logits.requires_grad_()
    labels = torch.tensor([3, 0, 9, 9, 1, 4])
    for j in (0.1, 2.0):
        total = 0.0
        for row, label in zip(-logits.detach(), labels.tolist(), strict=True):
            far = math.exp(-j) + sum(math.exp(-y) for y in row.tolist())
            total += row[label].item() + math.log(far)
        loss = map_loss(logits, labels, j)
        assert loss.item() == pytest.approx(total / 6)
        (grad,) = torch.autograd.grad(loss, logits)
        share = logits.exp() / (math.exp(-j) + logits.exp().sum(1, keepdim=True))
        expected = (share - F.one_hot(labels, 10)) / 6
        torch.testing.assert_close(grad, expected.detach())
    assert map_loss(logits, labels) == map_loss(logits, labels, j=0.1)


def test_map_loss_has_cross_entropy_as_its_limit():
    logits, labels = -5 * torch.rand(8, 10).double(), torch.arange(8)
    plain = F.cross_entropy(logits, labels)
    torch.testing.assert_close(map_loss(logits, labels, j=60), plain)
    assert map_loss(logits, labels, j=0.1) > plain


def test_map_loss_leaves_far_codes_alone_and_pulls_the_right_one():
    """Where every distance grows, cross-entropy falls to nothing; this loss grows."""
    labels = torch.zeros(1, dtype=torch.long)
    far = torch.tensor([[-20.0] + [-60.0] * 9], requires_grad=True)
    assert F.cross_entropy(far, labels) < 1e-8
    loss = map_loss(far, labels)
    assert loss.item() == pytest.approx(20 - 0.1, abs=1e-4)
    (grad,) = torch.autograd.grad(loss, far)
    assert grad[0, 0].item() == pytest.approx(-1, abs=1e-4)
    assert grad[0, 1:].abs().max() < 1e-8


def test_the_larger_j_the_longer_wrong_codes_are_pushed_away():
    logits, labels = torch.full((1, 10), -4.0), torch.zeros(1, dtype=torch.long)
    logits[0, 0] = -1.0
    pushes = []
    for j in (0.1, 1.0, 5.0):
        asked = logits.clone().requires_grad_()
        map_loss(asked, labels, j).backward()
        pushes.append(asked.grad[0, 1].item())
    assert 0 < pushes[0] < pushes[1] < pushes[2]


# ------------------------------------------------------------ the nets


def test_colour_images_are_standardised():
    images = torch.rand(2, 3, 32, 32)
    x = as_input(images)
    for k, values in enumerate(zip(*STATISTICS[3], strict=True)):
        mean, std = values
        torch.testing.assert_close(x[:, k], (images[:, k] - mean) / std)
    model = LeNet5(channels=3)
    assert count_parameters(model) == 61_706 + 2 * 5 * 5 * 6
    assert model(images).shape == (2, 10)
    for net, wrong in (
        (model, torch.rand(2, 1, 32, 32)),
        (model, torch.rand(2, 3, 28, 28)),
        (LeNet5(), images),
        (LeNet5Original(), images),
    ):
        with pytest.raises((ValueError, RuntimeError)):
            net(wrong)


def test_input_is_padded_and_scaled():
    x = torch.rand(2, 1, 28, 28)
    out = as_input(x)
    assert out.shape == (2, 1, 32, 32)
    torch.testing.assert_close(out[:, :, 2:30, 2:30], 1.275 * x - 0.1)
    border = torch.ones(32, 32, dtype=torch.bool)
    border[2:30, 2:30] = False
    torch.testing.assert_close(out[..., border], torch.full((2, 1, 240), -0.1))
    large = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(as_input(large), 1.275 * large - 0.1)
    ends = as_input(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 28, 28))
    assert ends[0, 0, 9, 9].item() == pytest.approx(-0.1)
    assert ends[1, 0, 9, 9].item() == pytest.approx(1.175)


def test_the_mean_pixel_is_near_zero():
    train, _ = mnist5k()
    x = as_input(torch.tensor(train.x))
    assert abs(x.mean().item()) < 0.05
    assert x.var().item() == pytest.approx(0.12, abs=0.02)  # the paper says 1


@pytest.mark.parametrize(
    ("net", "rows"), [(LeNet5Original, ORIGINAL), (LeNet5, LECTURE)]
)
def test_every_row_of_the_table(net, rows):
    assert [tuple(row) for row in wires(net())] == rows


def test_totals():
    original, lecture = wires(LeNet5Original()), wires(LeNet5())
    assert original.parameters == count_parameters(LeNet5Original()) == 60_000
    assert original.connections == 340_908
    assert lecture.parameters == count_parameters(LeNet5()) == 61_706
    assert lecture.connections == sum(row[-1] for row in LECTURE)
    for text in ("60,000", "340,908", "16 × 10 × 10", "151,600"):
        assert text in repr(original)


def test_connections_are_counted_as_numbers_that_enter_a_neuron():
    """Of each kind of layer of the original, by hand: inputs of a neuron and a bias."""
    table = {row.name: row for row in wires(LeNet5Original())}
    assert table["c1"].connections == 28 * 28 * 6 * (5 * 5 + 1)
    assert table["s2"].connections == 14 * 14 * 6 * (2 * 2 + 1)
    seen = CONNECTIONS.sum(dim=1).tolist()
    assert table["c3"].connections == 10 * 10 * sum(25 * n + 1 for n in seen)
    assert table["c5"].connections == 120 * (16 * 25 + 1)
    assert table["output"].connections == 10 * 84


def test_ninety_six_kernels():
    table = {row.name: row for row in wires(LeNet5Original(torch.ones(16, 6)))}
    assert table["c3"].parameters == 2_416
    assert table["c3"].connections == 241_600
    assert sum(row.parameters for row in table.values()) == 60_900


@pytest.mark.parametrize("pool", [nn.MaxPool2d, nn.AvgPool2d])
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_the_lectures_net_takes_its_pooling_and_activation(pool, activation, digits):
    """It is this row of layers, whatever they are."""
    model = LeNet5(pool, activation)
    plain = nn.Sequential(
        *(model.c1, activation(), pool(2), model.c3, activation(), pool(2)),
        *(model.c5, activation(), nn.Flatten(), model.f6, activation(), model.output),
    )
    x = digits[0]
    torch.testing.assert_close(
        model(x), plain(F.pad(1.275 * x - 0.1, [2] * 4, value=-0.1))
    )
    assert count_parameters(model) == 61_706


def test_the_original_written_out(digits):
    """Forward and backward, against torch's functions alone."""
    model, x = LeNet5Original().double(), digits[0][:4].double()
    p = {k: v.detach().clone() for k, v in model.state_dict().items()}
    trained = [name for name, _ in model.named_parameters()]
    for name in trained:
        p[name].requires_grad_()
    weight = (
        torch.zeros(16, 6, 5, 5)
        .double()
        .masked_scatter(CONNECTIONS[:, :, None, None], p["c3.weight"])
    )

    def squash(a):
        return 1.7159 * torch.tanh(a * 2 / 3)

    def subsample(a, name):
        scale, bias = (p[f"{name}.{k}"].view(-1, 1, 1) for k in ("weight", "bias"))
        return squash(scale * 4 * F.avg_pool2d(a, 2) + bias)

    a = F.pad(1.275 * x - 0.1, [2] * 4, value=-0.1)
    a = subsample(squash(F.conv2d(a, p["c1.weight"], p["c1.bias"])), "s2")
    a = subsample(squash(F.conv2d(a, weight, p["c3.bias"])), "s4")
    a = squash(F.conv2d(a, p["c5.weight"], p["c5.bias"])).flatten(1)
    a = squash(F.linear(a, p["f6.weight"], p["f6.bias"]))
    expected = -torch.cdist(a, digit_codes().double()).square()
    torch.testing.assert_close(model(x), expected)
    map_loss(model(x), digits[1][:4]).backward()
    map_loss(expected, digits[1][:4]).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, p[name].grad, msg=name)


def test_the_original_begins_within_the_bounds_of_the_paper():
    model = LeNet5Original()
    inputs = {"c1": 25, "c5": 400, "f6": 120}
    for name, n in inputs.items():
        layer = getattr(model, name)
        assert 0.9 * 2.4 / n < layer.weight.abs().max() <= 2.4 / n
        assert (layer.bias == 0).all()
    seen = 25 * CONNECTIONS.sum(dim=1)
    for kernel, p in zip(model.c3.weight, CONNECTIONS.nonzero()[:, 0], strict=True):
        assert 0.5 * 2.4 / seen[p] < kernel.abs().max() <= 2.4 / seen[p]
    assert model.s4.weight.abs().max() <= 2.4 / 4


# ------------------------------------------------------------ what the nets see


RECEPTIVE = {"c1": 5, "s2": 6, "c3": 14, "s4": 16, "c5": 32}


def test_receptive_fields_by_arithmetic():
    layers = [(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)]
    found = [receptive_field(layers[: k + 1]) for k in range(5)]
    assert found == list(RECEPTIVE.values()) == [5, 6, 14, 16, 32]


@pytest.mark.parametrize(
    "model", [LeNet5Original(), LeNet5(nn.AvgPool2d)], ids=["original", "lecture"]
)
@pytest.mark.parametrize("layer", RECEPTIVE)
def test_receptive_fields_by_gradient(model, layer):
    """The pixels that move one unit form a full square of the right size."""
    images = torch.rand(1, 1, 32, 32).double().requires_grad_()
    output = feature_maps(copy.deepcopy(model).double(), images, grad=True)[layer]
    middle = output.shape[-1] // 2
    output[0, -1, middle, middle].backward()
    moved = images.grad[0, 0] != 0
    rows, columns = moved.any(dim=1).nonzero(), moved.any(dim=0).nonzero()
    size = RECEPTIVE[layer]
    assert len(rows) == len(columns) == size
    assert rows.max() - rows.min() == columns.max() - columns.min() == size - 1
    assert moved.sum() == size**2


def assert_moved(after, before, rows, columns):
    """`after` is `before`, moved down and to the right, where both have values."""
    height, width = before.shape[2:]
    after = after[..., max(rows, 0) :, max(columns, 0) :]
    after = after[..., : height - abs(rows), : width - abs(columns)]
    before = before[..., max(-rows, 0) :, max(-columns, 0) :]
    before = before[..., : height - abs(rows), : width - abs(columns)]
    torch.testing.assert_close(after, before)


@both_nets
def test_shifts_of_the_image_shift_the_maps(net):
    """By any pixel in C1; by whole strides, 2 and then 4 pixels, in S2, C3 and S4."""
    model = net().double()
    x = torch.zeros(1, 1, 32, 32).double()
    x[:, :, 10:18, 12:20] = torch.rand(8, 8)
    still = feature_maps(model, x)
    odd = feature_maps(model, x.roll((1, -3), (2, 3)))
    assert_moved(odd["c1"], still["c1"], 1, -3)
    with pytest.raises(AssertionError):
        assert_moved(odd["s2"], still["s2"], 0, -1)
    even = feature_maps(model, x.roll((2, -4), (2, 3)))
    assert_moved(even["s2"], still["s2"], 1, -2)
    assert_moved(even["c3"], still["c3"], 1, -2)
    with pytest.raises(AssertionError):
        assert_moved(even["s4"], still["s4"], 0, -1)
    four = feature_maps(model, x.roll((4, -4), (2, 3)))
    assert_moved(four["s4"], still["s4"], 1, -1)
    assert not torch.allclose(four["c5"], still["c5"])  # from here on, place matters


# ------------------------------------------------------------ learning


def test_loss_at_the_beginning(digits):
    """Ten classes and no knowledge: ln 10."""
    for seed in range(3):
        seed_everything(seed)
        loss = F.cross_entropy(LeNet5()(digits[0]), digits[1])
        assert loss.item() == pytest.approx(math.log(10), abs=0.15)


@both_nets
def test_gradients_by_finite_differences(net, digits):
    model, loss = net().double(), map_loss if net is LeNet5Original else F.cross_entropy
    x, y = digits[0][:3].double(), digits[1][:3]
    loss(model(x), y).backward()
    for parameter in model.parameters():
        flat, k = parameter.detach().view(-1), parameter.numel() // 2
        value, sides = flat[k].item(), []
        for step in (1e-5, -1e-5):
            flat[k] = value + step
            sides.append(loss(model(x), y).item())
        flat[k] = value
        slope = (sides[0] - sides[1]) / 2e-5
        assert parameter.grad.view(-1)[k].item() == pytest.approx(
            slope, rel=1e-4, abs=1e-7
        )


@pytest.mark.parametrize(
    ("net", "loss", "rate"),
    [(LeNet5Original, map_loss, 0.003), (LeNet5, F.cross_entropy, 0.05)],
)
def test_each_net_learns_32_images_by_heart(net, loss, rate, digits):
    x, y = digits
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    first = loss(model(x), y).item()
    for _ in range(100):
        error = loss(model(x), y)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert (model(x).argmax(1) == y).all()
    assert loss(model(x), y).item() < 0.1 * first


# ------------------------------------------------------------ bad input


@both_nets
@pytest.mark.parametrize(
    "shape", [(2, 1, 27, 28), (2, 1, 30, 30), (2, 3, 28, 28), (2, 28, 28), (2, 784)]
)
def test_images_of_another_shape_are_refused(net, shape):
    with pytest.raises(
        ValueError, match=r"images must be \(N, 1, 28, 28\) or"
    ) as error:
        net()(torch.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_whole_numbers_are_refused(channels):
    """Pixels from 0 to 255 would run through, to nonsense."""
    images = torch.zeros(2, channels, 32, 32, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"images must be pixels / 255.*uint8"):
        LeNet5(channels=channels)(images)


def test_a_map_that_sees_nothing_is_refused():
    table = CONNECTIONS.clone()
    table[11] = False
    with pytest.raises(ValueError, match="an output map sees no input map"):
        LeNet5Original(table)


@pytest.mark.parametrize("shape", [(6, 16), (16, 5), (15, 6), (16,), (16, 6, 1)])
def test_a_table_of_another_shape_is_noticed(shape):
    with pytest.raises((ValueError, IndexError, RuntimeError)):
        LeNet5Original(torch.ones(shape))(torch.zeros(1, 1, 28, 28))


# --- the same budget, rearranged


def test_the_best_recipes_keep_to_the_budget_of_lenet5():
    names = "lenet5-best", "lenet5-best-augmented"
    best = {k: v for name in names for k, v in EXPERIMENTS[name].variants.items()}
    counts = {name: count_parameters(v.model()) for name, v in best.items()}
    assert counts.pop("plain") == 61_706
    assert set(counts.values()) == {56_730}
    plain = best["plain"].model()
    assert (plain.c5[0].p, plain.f6[0].p) == (0.25, 0.5)
    shapes = [p.shape for p in plain.parameters()]
    assert shapes == [p.shape for p in LeNet5().parameters()]


def test_rearranged_stays_within_the_budget_of_the_lectures_net():
    assert count_parameters(Rearranged()) == 61_306 < 61_706
    times = count_macs(Rearranged(), (1, 28, 28)) / count_macs(LeNet5(), (1, 28, 28))
    assert 5 < times < 5.3


def test_rearranged_reads_both_sizes_alike():
    torch.manual_seed(0)
    model = Rearranged().eval()
    images = torch.rand(3, 1, 28, 28)
    with torch.no_grad():
        small, padded = model(images), model(F.pad(images, [2] * 4))
    assert small.shape == (3, 10)
    torch.testing.assert_close(small, padded)
    with pytest.raises(ValueError, match=r"images must be \(N, 1, 28, 28\) or"):
        model(torch.rand(3, 3, 28, 28))


def test_the_page_shows_the_rearranged_network():
    """It belongs to no module of the chapter, so the rule for twins passes it over."""
    root = Path(__file__).resolve().parents[1]
    recorded = (root / "utils/experiments/lenet.py").read_text(encoding="utf-8")
    notebook = nbformat.read(root / "chapters/06-lenet5.ipynb", as_version=4)
    (cell,) = (c for c in notebook.cells if c.id == "rearranged-network")
    shown = definitions(cell.source)["Rearranged"]
    assert shown == definitions(recorded)["Rearranged"]
