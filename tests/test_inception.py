"""Inception: its counts as published, its blocks as torch's, its heads, its claims."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.counting import count_macs, count_parameters, layer_table
from utils.generalization import gradient_norms
from utils.inception import (
    FIVES,
    MODULES,
    SMALL_MODULES,
    AuxiliaryHead,
    FactorizedInceptionBlock,
    GoogLeNet,
    GridReduction,
    InceptionBlock,
    InceptionResNetBlock,
    NaiveInceptionBlock,
    SmallGoogLeNet,
    auxiliary_loss,
    convolution,
    factorized,
    five_by_five,
    module_budget,
    naive_budget,
    stem_gradient,
)
from utils.pooling import receptive_field
from utils.training import evaluate, fit, seed_everything

pytestmark = pytest.mark.usefixtures("seeded")


WIDTHS = 5, (4, 6), (3, 7), 2  # of a module small enough for every test

# Table 1 of the paper: output channels and size of each stage, then parameters of the
# modules and MACs, recomputed.
STAGES = {
    "stem": (192, 28, 124_416, 477_675_520),
    "3a": (256, 28, 163_696, 128_049_152),
    "3b": (480, 28, 388_736, 304_267_264),
    "pool3": (480, 14, 0, 0),
    "4a": (512, 14, 376_176, 73_608_192),
    "4b": (512, 14, 449_160, 87_908_352),
    "4c": (512, 14, 510_104, 99_850_240),
    "4d": (528, 14, 605_376, 118_515_712),
    "4e": (832, 14, 868_352, 169_996_288),
    "pool4": (832, 7, 0, 0),
    "5a": (832, 7, 1_043_456, 51_079_168),
    "5b": (1024, 7, 1_444_080, 70_697_984),
}
SMALL = [
    {},
    {"aux_classifiers": False},
    {"five": "5×5"},
    {"batch_norm": False},
    {"in_channels": 1},
]
small_nets = pytest.mark.parametrize("settings", SMALL, ids=str)


def imagenet_net(**settings):
    """GoogLeNet without numbers: its shapes and counts are all there."""
    with torch.device("meta"):
        return GoogLeNet(**settings)


# ------------------------------------------------------------ GoogLeNet, as published


def test_googlenet_has_the_published_parameters():
    assert count_parameters(imagenet_net(aux_classifiers=False)) == 6_998_552
    assert count_parameters(imagenet_net()) == 13_378_280
    ten = imagenet_net(num_classes=10, aux_classifiers=False)
    assert count_parameters(ten) == 6_998_552 - 990 * 1025


def test_googlenet_multiplies_a_billion_and_a_half_times():
    assert count_macs(imagenet_net(), (3, 224, 224)) == 1_582_671_872


def test_every_stage_has_the_published_shape():
    net = imagenet_net()
    table = layer_table(net, (3, 224, 224), depth=2)
    rows = {row.name.removeprefix("blocks."): row for row in table}
    stem = [row for name, row in rows.items() if name.startswith("stem.")]
    shapes = [row.output for row in stem]
    assert shapes[:2] == [(64, 112, 112), (64, 56, 56)]
    assert shapes[4:] == [(192, 56, 56), (192, 56, 56), (192, 28, 28)]
    assert sum(row.parameters for row in stem) == STAGES["stem"][2]
    assert sum(row.macs for row in stem) == STAGES["stem"][3]
    images = torch.zeros(2, 3, 224, 224, device="meta")
    seen = {name: tuple(x.shape) for name, x in net.stages(images)}
    wanted = {name: (2, c, n, n) for name, (c, n, _, _) in STAGES.items()}
    assert seen == wanted
    for name in STAGES.keys() - {"stem"}:
        assert rows[name][-2:] == STAGES[name][2:]
    assert rows["output"].parameters == 1_025_000


def test_twenty_two_layers_with_weights_and_five_poolings():
    """1 + 2 in the stem, two deep in each of nine modules, 1 at the end."""
    net = imagenet_net(aux_classifiers=False)
    stem = [m for m in net.stem.modules() if isinstance(m, nn.Conv2d)]
    modules = [m for m in net.blocks.values() if isinstance(m, InceptionBlock)]
    for module in modules:
        ways = {
            "3×3": [module.pointwise, module.three],
            "5×5": [module.pointwise, module.five],
            "pool": [module.pool],
        }
        deep = {
            name: sum(isinstance(m, nn.Conv2d) for part in way for m in part.modules())
            for name, way in ways.items()
        }
        assert deep == {"3×3": 2, "5×5": 2, "pool": 1}
    assert (len(stem), len(modules)) == (3, 9)
    assert len(stem) + 2 * len(modules) + 1 == 22
    pools = [m for m in [*net.stem, *net.blocks.values()] if type(m) is nn.MaxPool2d]
    assert len(pools) + 1 == 5  # and the global one
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    assert all(m.bias is not None for m in net.modules() if isinstance(m, nn.Conv2d))


def test_the_heads_are_those_of_the_paper():
    net = imagenet_net()
    assert list(net.heads) == ["4a", "4d"]
    assert [count_parameters(h) for h in net.heads.values()] == [3_188_840, 3_190_888]
    head = net.heads["4a"]
    assert (head.pool.kernel_size, head.pool.stride) == (5, 3)
    assert head.pool(torch.zeros(1, 512, 14, 14)).shape == (1, 512, 4, 4)
    assert head.hidden.weight.shape == (1024, 128 * 4 * 4)
    assert (head.dropout.p, net.dropout.p) == (0.7, 0.4)


def test_googlenet_answers_with_a_tuple_in_training_alone():
    net = GoogLeNet(7)
    images = torch.rand(1, 3, 224, 224)
    outputs = net.train()(images)
    assert isinstance(outputs, tuple)
    assert [x.shape for x in outputs] == [(1, 7)] * 3
    with torch.no_grad():
        alone, *heads = net.eval().all_logits(images)
        torch.testing.assert_close(net(images), alone)
    assert len(heads) == 2
    plain = GoogLeNet(7, aux_classifiers=False).train()
    assert plain(images).shape == (1, 7)


def test_googlenet_begins_with_all_classes_alike(digits):
    """The loss is ln(classes); with its heads 1.6 times that."""
    images = F.interpolate(digits[0][:3].expand(-1, 3, -1, -1), 224)
    outputs = GoogLeNet(1000)(images)
    losses = [F.cross_entropy(x, digits[1][:3]).item() for x in outputs]
    assert losses == pytest.approx([math.log(1000)] * 3, abs=1.5)
    assert losses[0] == pytest.approx(math.log(1000), abs=0.6)


# ------------------------------------------------------------ the module and its budget


def branch_layers(block):
    """The layers of each branch by themselves, the joint 1 x 1 taken apart."""
    layer = block.pointwise[0]
    parts = []
    for weight, bias in zip(
        layer.weight.split(block.split), layer.bias.split(block.split), strict=True
    ):
        parts.append((weight, bias))
    return parts


@pytest.mark.parametrize("kind", FIVES)
def test_a_module_is_four_branches_side_by_side(kind):
    """Values and gradients against the four branches written out with torch."""
    block = InceptionBlock(8, *WIDTHS, kind).double()
    x = torch.randn(2, 8, 6, 5, dtype=torch.float64)
    one, three, five = branch_layers(block)

    def conv(x, layer, padding=0):
        weight, bias = (layer.weight, layer.bias) if hasattr(layer, "weight") else layer
        return F.relu(F.conv2d(x, weight, bias, padding=padding))

    if kind == "5×5":
        last = conv(conv(x, five), block.five[0], padding=2)
    else:
        last = conv(conv(x, five), block.five[0][0], padding=1)
        last = conv(last, block.five[1][0], padding=1)
    expected = torch.cat(
        [
            conv(x, one),
            conv(conv(x, three), block.three[0], padding=1),
            last,
            conv(F.max_pool2d(x, 3, stride=1, padding=1), block.pool[1][0]),
        ],
        dim=1,
    )
    assert expected.shape == (2, 5 + 6 + 7 + 2, 6, 5)
    y = block(x)
    torch.testing.assert_close(y, expected)
    parameters = list(block.parameters())
    direction = torch.randn_like(y)
    ours = torch.autograd.grad(y, parameters, direction)
    theirs = torch.autograd.grad(expected, parameters, direction)
    for mine, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, right)


@pytest.mark.parametrize("kind", FIVES)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_of_a_module_by_finite_differences(kind, batch_norm):
    block = InceptionBlock(3, 2, (2, 2), (2, 2), 2, kind, batch_norm).double()
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: block(x).sin(), (x,))


def test_branches_come_in_the_order_of_the_output():
    block = InceptionBlock(8, *WIDTHS)
    x = torch.randn(1, 8, 6, 6)
    parts = block.branches(x)
    assert list(parts) == ["1×1", "3×3", "5×5", "pool"]
    assert [p.shape[1] for p in parts.values()] == [5, 6, 7, 2]
    torch.testing.assert_close(torch.cat(list(parts.values()), 1), block(x))
    assert block.out_channels == 20


def test_a_naive_module_passes_the_pooled_maps_on():
    block = NaiveInceptionBlock(4, 5, 6, 7)
    x = torch.randn(1, 4, 6, 6)
    y = block(x)
    assert y.shape == (1, 5 + 6 + 7 + 4, 6, 6)
    assert block.out_channels == 22
    torch.testing.assert_close(y[:, -4:], F.max_pool2d(x, 3, stride=1, padding=1))
    for name, first, last in (("one", 0, 5), ("three", 5, 11), ("five", 11, 18)):
        layer = getattr(block, name)[0]
        size = layer.kernel_size[0]
        expected = F.conv2d(x, layer.weight, layer.bias, padding=size // 2).relu()
        torch.testing.assert_close(y[:, first:last], expected)


def test_the_first_module_naive_and_reduced():
    """The numbers of the chapter: 387,296 and 416 against 163,696 and 256."""
    naive = NaiveInceptionBlock(192, 64, 128, 32)
    assert (count_parameters(naive), naive.out_channels) == (387_296, 416)
    reduced = InceptionBlock(192, *MODULES["3a"])
    assert (count_parameters(reduced), reduced.out_channels) == (163_696, 256)


@pytest.mark.parametrize("kind", FIVES)
@pytest.mark.parametrize("name", MODULES)
def test_the_budget_is_that_of_the_module(name, kind):
    channels = [192, *(STAGES[k][0] for k in MODULES)]
    in_channels = channels[list(MODULES).index(name)]
    size = STAGES[name][1]
    costs = module_budget(in_channels, size, *MODULES[name], kind)
    with torch.device("meta"):
        block = InceptionBlock(in_channels, *MODULES[name], kind)
    assert sum(c.parameters for c in costs.values()) == count_parameters(block)
    macs = count_macs(block, (in_channels, size, size))
    assert sum(c.macs for c in costs.values()) == macs
    assert sum(c.channels for c in costs.values()) == block.out_channels
    x = torch.zeros(1, in_channels, size, size, device="meta")
    for branch, part in block.branches(x).items():
        assert costs[branch].channels == part.shape[1]
    if kind == "5×5":
        assert (count_parameters(block), macs) == STAGES[name][2:]


@pytest.mark.parametrize(("in_channels", "size"), [(192, 28), (5, 1), (1, 7)])
def test_the_naive_budget_is_that_of_the_naive_module(in_channels, size):
    costs = naive_budget(in_channels, size, 64, 128, 32)
    block = NaiveInceptionBlock(in_channels, 64, 128, 32)
    assert sum(c.parameters for c in costs.values()) == count_parameters(block)
    macs = count_macs(block, (in_channels, size, size))
    assert sum(c.macs for c in costs.values()) == macs
    assert sum(c.channels for c in costs.values()) == block.out_channels
    assert list(costs) == list(module_budget(in_channels, size, *WIDTHS))


def test_two_small_windows_do_not_always_cost_less():
    """18 against 25 for equal widths; in GoogLeNet's own proportions they cost more."""
    equal = [module_budget(64, 8, 8, (8, 8), (32, 32), 8, k)["5×5"] for k in FIVES]
    assert equal[0].macs - equal[1].macs == 8 * 8 * 32 * 32 * (25 - 18)
    five, two = (module_budget(192, 28, *MODULES["3a"], k)["5×5"] for k in FIVES)
    assert five.macs == 28**2 * (192 * 16 + 12_800)
    assert two.macs == 28**2 * (192 * 16 + 13_824)


# ------------------------------------------------------------ windows


def window_of(layer, channels, size=15):
    """Height and width of what one output number depends on, by its gradient."""
    x = torch.rand(1, channels, size, size, dtype=torch.float64, requires_grad=True)
    layer = copy.deepcopy(layer).double()
    for module in layer.modules():  # or a ReLU may hide what is there
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    layer(x)[0, 0, size // 2, size // 2].backward()
    seen = x.grad[0].abs().sum(0) > 0
    return int(seen.any(1).sum()), int(seen.any(0).sum())


@pytest.mark.parametrize("kind", FIVES)
def test_both_kinds_see_five_by_five(kind):
    assert window_of(five_by_five(3, 4, kind), 3) == (5, 5)
    assert receptive_field([(3, 1), (3, 1)]) == receptive_field([(5, 1)]) == 5


@pytest.mark.parametrize("n", [3, 5, 7])
def test_factorised_convolutions(n):
    layer = factorized(3, 4, n)
    x = torch.randn(2, 3, 9, 8)
    assert layer(x).shape == (2, 4, 9, 8)
    assert window_of(layer, 3) == (n, n)
    assert [m[0].kernel_size for m in layer] == [(n, 1), (1, n)]
    square, two = convolution(6, 6, n), factorized(6, 6, n)
    weights = [
        sum(p.numel() for p in m.parameters() if p.ndim > 1) for m in (square, two)
    ]
    assert weights[1] / weights[0] == pytest.approx(2 / n)


def test_convolutions_are_torchs():
    for batch_norm in (False, True):
        layer = convolution(3, 4, (3, 5), stride=2, batch_norm=batch_norm)
        x = torch.randn(2, 3, 8, 9)
        conv = layer[0]
        assert (conv.bias is None) == batch_norm
        y = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=(1, 2))
        if batch_norm:
            y = F.batch_norm(y, None, None, training=True)
        torch.testing.assert_close(layer(x), F.relu(y))


# ------------------------------------------------------------ the later blocks


def test_the_blocks_of_the_middle_grid():
    """v3's mixed 17 x 17 block: 768 channels in and out."""
    block = FactorizedInceptionBlock(768, 192, (128, 192), (128, 192), 192)
    assert block.out_channels == 768
    weights = (
        768 * (192 + 128 + 128 + 192)
        + 7 * (128 * 192 + 192 * 192)
        + 7 * (2 * 128 * 128 + 128 * 192 + 192 * 192)
    )
    norms = 2 * (192 + (128 + 192 + 192) + (128 + 128 + 128 + 192 + 192) + 192)
    assert count_parameters(block) == weights + norms
    small = FactorizedInceptionBlock(6, 2, (2, 3), (2, 4), 2, 3, batch_norm=False)
    assert small(torch.randn(2, 6, 5, 4)).shape == (2, 11, 5, 4)
    assert window_of(small.once, 6) == (3, 3)
    assert window_of(small.twice, 6) == (5, 5)


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_grid_reduction_halves_the_grid(size):
    block = GridReduction(6, (3, 4), (3, 5), batch_norm=False)
    x = torch.randn(2, 6, *size)
    y = block(x)
    half = tuple(-(-n // 2) for n in size)
    assert y.shape == (2, 4 + 5 + 6, *half)
    assert block.out_channels == 15
    torch.testing.assert_close(y[:, -6:], F.max_pool2d(x, 3, stride=2, padding=1))


def test_the_residual_block_adds_to_its_input():
    block = InceptionResNetBlock(8, 2, (2, 3), (2, 4), scale=0.3).eval()
    x = torch.randn(2, 8, 5, 6)
    parts = torch.cat([block.one(x), block.three(x), block.five(x)], dim=1)
    assert parts.shape[1] == 2 + 3 + 4
    torch.testing.assert_close(block(x), F.relu(x + 0.3 * block.expand(parts)))
    assert (block.expand(parts) < 0).any()  # no ReLU behind it
    still = InceptionResNetBlock(8, 2, (2, 3), (2, 4), scale=0)
    torch.testing.assert_close(still(x), F.relu(x))


def test_the_residual_block_of_the_paper():
    """Inception-ResNet-v1's block A: 256 channels, branches of 32, joined 96."""
    block = InceptionResNetBlock(256, 32, (32, 32), (32, 32), batch_norm=False)
    weights = 3 * 256 * 32 + 3 * 9 * 32 * 32 + 96 * 256
    assert count_parameters(block) == weights + 6 * 32 + 256


def test_gradients_of_the_later_blocks_by_finite_differences():
    blocks = [
        FactorizedInceptionBlock(2, 2, (2, 2), (2, 2), 2, 3, batch_norm=False),
        GridReduction(2, (2, 2), (2, 2), batch_norm=False),
        InceptionResNetBlock(2, 2, (2, 2), (2, 2), batch_norm=False),
    ]
    for block in blocks:
        x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
        block.double()
        assert torch.autograd.gradcheck(lambda x, f=block: f(x).sin(), (x,))


# ------------------------------------------------------------ the small network


@small_nets
def test_shapes_counts_and_cost_of_the_small_network(settings):
    model = SmallGoogLeNet(**settings)
    assert count_parameters(model) <= 300_000
    assert count_macs(model, model.shape) <= 21_000_000
    images = torch.rand(2, *model.shape)
    half = model.shape[1] // 2
    maps = {name: tuple(x.shape[1:]) for name, x in model.stages(images)}
    assert maps["3b"] == (112, half, half)
    assert maps["4b"] == (144, half // 2, half // 2)
    assert maps["5a"] == (224, half // 4, half // 4)
    outputs = model.train()(images)
    if settings.get("aux_classifiers", True):
        assert [x.shape for x in outputs] == [(2, 10)] * 3
    else:
        assert outputs.shape == (2, 10)
    assert model.eval()(images).shape == (2, 10)
    classes = SmallGoogLeNet(num_classes=3, **settings)
    assert classes.eval()(images).shape == (2, 3)


def test_counts_of_the_small_network():
    counts = [count_parameters(SmallGoogLeNet(**settings)) for settings in SMALL]
    assert counts == [270_350, 244_282, 288_942, 269_158, 266_702]
    inner = [five for _, _, five, _ in SMALL_MODULES.values()]
    assert all(reduced == out for reduced, out in inner)  # an equal contest
    # 25 weights against 18, and one batch normalisation less.
    assert counts[2] - counts[0] == sum(7 * c * c - 2 * c for _, c in inner)
    macs = [count_macs(SmallGoogLeNet(five=k), (3, 32, 32)) for k in FIVES]
    assert macs == [20_523_200, 18_974_912]


def test_pixels_are_standardised_within():
    mean, std = (
        torch.tensor([0.4914, 0.4822, 0.4465]),
        torch.tensor([0.247, 0.2435, 0.2616]),
    )
    images = torch.rand(2, 3, 32, 32)
    model = SmallGoogLeNet()
    wanted = (images - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(model.as_input(images), wanted)
    grey = SmallGoogLeNet(in_channels=1)
    inked = grey.as_input(torch.ones(1, 1, 28, 28))
    assert inked.flatten().tolist() == pytest.approx([(1 - 0.1307) / 0.3081] * 784)
    assert {"mean", "std"} <= dict(model.named_buffers()).keys()


@small_nets
def test_the_loss_at_the_beginning_is_ln_10(settings, digits):
    for seed in range(3):
        seed_everything(seed)
        model = SmallGoogLeNet(**settings)
        images = digits[0].expand(-1, 3, -1, -1) if model.shape[0] == 3 else digits[0]
        images = F.interpolate(images, model.shape[1:])
        output = model(images)
        output = output[0] if isinstance(output, tuple) else output
        loss = F.cross_entropy(output, digits[1]).item()
        near = 0.05 if settings.get("batch_norm", True) else 0.2
        assert loss == pytest.approx(math.log(10), abs=near)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_of_the_network_by_finite_differences(batch_norm, digits):
    """The training loss, heads included, and a number in every third parameter."""
    model = SmallGoogLeNet(in_channels=1, batch_norm=batch_norm).double()
    model.to(memory_format=torch.contiguous_format)  # so that view(-1) can change it
    x, y = digits[0][:4].double(), digits[1][:4]
    for module in model.modules():  # the output layers begin so flat
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.1)

    def loss():
        return auxiliary_loss(model(x), y)

    loss().backward()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in list(model.named_parameters())[::3]:
        flat = parameter.detach().view(-1)
        k = int(torch.randint(len(flat), (1,), generator=generator))
        value, sides = flat[k].item(), []
        for step in (1e-6, -1e-6):
            flat[k] = value + step
            sides.append(loss().item())
        flat[k] = value
        wanted = (sides[0] - sides[1]) / 2e-6
        slope = parameter.grad.view(-1)[k].item()
        assert slope == pytest.approx(wanted, rel=2e-3, abs=1e-6), name


def test_it_learns_32_images_by_heart(digits):
    x, y = digits
    model = SmallGoogLeNet(in_channels=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(20):
        loss = auxiliary_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logits, *heads = model(x)
    assert (logits.argmax(1) == y).all()
    assert F.cross_entropy(logits, y) < 0.2
    assert all(F.cross_entropy(h, y) < 0.8 * math.log(10) for h in heads)


def test_fit_trains_it_with_its_heads_and_without(digits):
    """`fit` takes the tuple in training, and logits in evaluation."""
    for settings in ({}, {"aux_classifiers": False}):
        model = SmallGoogLeNet(in_channels=1, **settings)
        history = fit(model, digits, digits, epochs=2, loss=auxiliary_loss)
        assert len(history.test_accuracy) == 2
        assert history.loss[0] == pytest.approx(
            (1.6 if not settings else 1) * math.log(10), abs=0.2
        )
        assert evaluate(model, digits).loss == pytest.approx(history.test_loss[-1])


def test_heads_are_dropped_at_inference(digits):
    """Other heads, the same answer; and they may be thrown away altogether."""
    model = SmallGoogLeNet(in_channels=1).eval()
    before = model(digits[0])
    for parameter in model.heads.parameters():
        nn.init.constant_(parameter, 7.0)
    torch.testing.assert_close(model(digits[0]), before)
    plain = SmallGoogLeNet(in_channels=1, aux_classifiers=False).eval()
    body = {k: v for k, v in model.state_dict().items() if not k.startswith("heads.")}
    plain.load_state_dict(body)
    torch.testing.assert_close(plain(digits[0]), before)


def test_a_head_reads_its_block(digits):
    model = SmallGoogLeNet(in_channels=1).eval()
    logits, low, high = model.all_logits(digits[0])
    maps = dict(model.stages(digits[0]))
    torch.testing.assert_close(low, model.heads["3b"](maps["3b"]))
    torch.testing.assert_close(high, model.heads["4a"](maps["4a"]))
    torch.testing.assert_close(logits, model(digits[0]))


# ------------------------------------------------------------ the loss and the probe


def test_the_loss_weighs_the_heads(digits):
    labels = digits[1]
    outputs = tuple(torch.randn(3, 32, 10))
    main, *heads = (F.cross_entropy(x, labels) for x in outputs)
    torch.testing.assert_close(auxiliary_loss(outputs[0], labels), main)
    torch.testing.assert_close(
        auxiliary_loss(outputs, labels), main + 0.3 * heads[0] + 0.3 * heads[1]
    )
    torch.testing.assert_close(auxiliary_loss(outputs, labels, weight=0), main)
    torch.testing.assert_close(
        auxiliary_loss(list(outputs[:2]), labels, weight=2), main + 2 * heads[0]
    )


def test_the_probe_measures_the_first_convolution(digits):
    x, y = digits
    for settings in ({}, {"aux_classifiers": False}, {"batch_norm": False}):
        model = SmallGoogLeNet(in_channels=1, **settings)
        twin = copy.deepcopy(model).train()
        expected = gradient_norms(twin, auxiliary_loss(twin(x), y))
        found = stem_gradient(model.eval(), x, y)
        assert found == {"stem_gradient": pytest.approx(expected["stem.0.0.weight"])}
    plain = stem_gradient(model, x, y, weight=0)["stem_gradient"]
    (slope,) = torch.autograd.grad(
        F.cross_entropy(twin(x)[0], y), next(twin.stem.parameters())
    )
    assert plain == pytest.approx(float(slope.norm()))
    assert plain != pytest.approx(found["stem_gradient"], rel=1e-2)


def test_the_probe_leaves_no_trace(digits):
    x, y = digits
    model = SmallGoogLeNet(in_channels=1).eval()
    model.stem.train()  # a mixture of modes, to be kept
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    modes = [m.training for m in model.modules()]
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    stem_gradient(model, x, y)
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert all((p.grad == 1).all() for p in model.parameters())
    with pytest.raises(ValueError, match="images must be"):
        stem_gradient(model, x[:, :, :20], y)
    assert [m.training for m in model.modules()] == modes  # after an error too


def test_the_probe_draws_the_same_dropout_each_time(digits):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.Dropout(), nn.Flatten(), nn.Linear(2304, 10)
    )
    first = stem_gradient(model, *digits)
    assert stem_gradient(model, *digits) == first


def test_without_batch_norm_heads_strengthen_a_faint_gradient(digits):
    """The experiment of the chapter, at small initial weights."""
    x, y = digits
    found = {}
    for batch_norm in (False, True):
        model = SmallGoogLeNet(in_channels=1, batch_norm=batch_norm)
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()
        for weight in (0, 0.3):
            norm = stem_gradient(model, x, y, weight)["stem_gradient"]
            found[batch_norm, weight] = norm
    assert found[False, 0.3] > 1.5 * found[False, 0]
    assert found[True, 0] > 100 * found[False, 0]


# ------------------------------------------------------------ bad input

WRONG_NUMBERS = [0, -1, 2.5, True, "8", None]


@pytest.mark.parametrize("wrong", WRONG_NUMBERS)
@pytest.mark.parametrize("place", range(7))
def test_numbers_of_channels_must_be_positive(place, wrong):
    numbers = [8, 5, 4, 6, 3, 7, 2]
    numbers[place] = wrong
    channels, one, three0, three1, five0, five1, pool = numbers
    widths = one, (three0, three1), (five0, five1), pool
    for make in (
        lambda: InceptionBlock(channels, *widths),
        lambda: module_budget(channels, 7, *widths),
        lambda: FactorizedInceptionBlock(channels, *widths),
    ):
        with pytest.raises(ValueError, match="must be a whole number >= 1") as e:
            make()
        assert repr(wrong) in str(e.value)


@pytest.mark.parametrize("wrong", WRONG_NUMBERS)
def test_other_numbers_must_be_positive_too(wrong):
    for make in (
        lambda: NaiveInceptionBlock(wrong, 1, 1, 1),
        lambda: NaiveInceptionBlock(1, 1, 1, wrong),
        lambda: naive_budget(1, wrong, 1, 1, 1),
        lambda: module_budget(1, wrong, *WIDTHS),
        lambda: GridReduction(wrong, (1, 1), (1, 1)),
        lambda: InceptionResNetBlock(wrong, 1, (1, 1), (1, 1)),
        lambda: InceptionResNetBlock(1, wrong, (1, 1), (1, 1)),
        lambda: GoogLeNet(num_classes=wrong),
        lambda: SmallGoogLeNet(num_classes=wrong),
        lambda: AuxiliaryHead(wrong, 14, 10),
        lambda: AuxiliaryHead(4, 14, wrong),
        lambda: convolution(1, 1, wrong),
        lambda: convolution(1, 1, 3, stride=wrong),
    ):
        with pytest.raises(ValueError, match=r"must be a whole number >= 1"):
            make()


@pytest.mark.parametrize("pair", [4, (4,), (4, 6, 8), None, "46"])
def test_reductions_are_pairs(pair):
    for name, widths in (
        ("three", (5, pair, (3, 7), 2)),
        ("five", (5, (4, 6), pair, 2)),
    ):
        for make in (InceptionBlock, module_budget):
            given = (8, *widths) if make is InceptionBlock else (8, 7, *widths)
            with pytest.raises(ValueError, match=rf"{name}.*must be") as error:
                make(*given)
            assert repr(pair) in str(error.value) or "whole number" in str(error.value)


def test_unknown_kinds_are_refused():
    message = r"must be one of 5×5, two 3×3, got '3×3'"
    for make in (
        lambda: InceptionBlock(8, *WIDTHS, "3×3"),
        lambda: module_budget(8, 7, *WIDTHS, "3×3"),
        lambda: SmallGoogLeNet(five="3×3"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize("wrong", [0, 2, 4, None, "3"])
def test_the_small_network_takes_grey_or_colour(wrong):
    with pytest.raises(ValueError, match="in_channels must be 1 or 3"):
        SmallGoogLeNet(in_channels=wrong)


@pytest.mark.parametrize("size", [2, 4, (3, 2), (4, 1)])
def test_even_kernels_are_refused(size):
    with pytest.raises(ValueError, match="kernel_size must be odd"):
        convolution(1, 1, size)


def test_a_head_needs_five_pixels():
    with pytest.raises(ValueError, match=r"size must be a whole number >= 5"):
        AuxiliaryHead(8, 4, 10)
    with pytest.raises(ValueError, match="dropout must be a number"):
        AuxiliaryHead(8, 14, 10, dropout=1)


@pytest.mark.parametrize("scale", [-0.1, math.nan, math.inf, "1"])
def test_the_scale_must_not_be_negative(scale):
    with pytest.raises(ValueError, match="scale must be a number"):
        InceptionResNetBlock(4, 1, (1, 1), (1, 1), scale=scale)


@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (2, 1, 32, 32), (2, 3, 28, 28), (2, 3, 32, 31), (2, 3072)]
)
def test_images_of_another_shape_are_refused(shape):
    model = SmallGoogLeNet()
    for mode in (True, False):
        with pytest.raises(ValueError, match=r"images must be \(N, 3, 32, 32\)") as e:
            model.train(mode)(torch.zeros(shape))
        assert str(shape) in str(e.value)
    with pytest.raises(ValueError, match=r"images must be \(N, 1, 28, 28\)"):
        SmallGoogLeNet(in_channels=1)(torch.zeros(2, 3, 32, 32))
    with pytest.raises(ValueError, match=r"images must be \(N, 3, 224, 224\)"):
        imagenet_net()(torch.zeros(shape, device="meta"))


def test_images_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"images must be floating.*torch\.uint8"):
        SmallGoogLeNet()(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_heads_that_are_not_there_cannot_be_asked():
    model = SmallGoogLeNet(aux_classifiers=False)
    with pytest.raises(ValueError, match="aux_classifiers=False: it has no heads"):
        model.all_logits(torch.zeros(2, 3, 32, 32))


@pytest.mark.parametrize("output", [None, (), "logits", 1.0, (None,), ("a", "b")])
def test_an_output_that_is_none_is_refused(output):
    with pytest.raises(ValueError, match="output must be logits"):
        auxiliary_loss(output, torch.tensor([0]))


@pytest.mark.parametrize("weight", [-0.3, math.nan, None, True])
def test_the_weight_of_the_heads_must_not_be_negative(weight):
    with pytest.raises(ValueError, match="weight must be a number"):
        auxiliary_loss(torch.zeros(1, 10), torch.tensor([0]), weight)


def test_labels_must_fit_the_logits():
    with pytest.raises(ValueError, match=r"one row a label.*\(2, 10\).*3"):
        auxiliary_loss(torch.zeros(2, 10), torch.tensor([0, 1, 2]))


def test_a_model_without_a_convolution_has_no_stem():
    with pytest.raises(ValueError, match="model must have a convolution"):
        stem_gradient(nn.Linear(2, 2), torch.zeros(1, 2), torch.tensor([0]))
