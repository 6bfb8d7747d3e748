"""Inception: its counts as published, its blocks as torch's, its heads, its claims."""

import copy
import functools
import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils import data
from utils.counting import count_macs, count_parameters, layer_table
from utils.dissection import stem_gradient
from utils.explorers.inception import FIVES, module_budget, naive_budget
from utils.inception import (
    MODULES,
    AuxiliaryClassifier,
    GoogLeNet,
    InceptionBlock,
    auxiliary_loss,
    convolution,
    five_by_five,
    two_threes,
)
from utils.inception_blocks import NaiveInceptionBlock
from utils.inception_resnet import Residual, inception_resnet_v2
from utils.inception_v4 import Join, branch, inception_v4, pooled, reduction_a
from utils.pooling import receptive_field
from utils.small_googlenet import IMAGES, SMALL_MODULES, SmallGoogLeNet
from utils.training import evaluate, fit, seed_everything
from utils.vgg import VGG16, VGG19, nin, nin_block, vgg

pytestmark = pytest.mark.usefixtures("seeded")


WIDTHS = 5, (4, 6), (3, 7), 2  # of a module small enough for every test
WINDOWS = dict(zip(FIVES, (five_by_five, two_threes), strict=True))

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
    {"window": five_by_five},
    {"batch_norm": False},
    {"in_channels": 1},
]


def words(settings):
    """A name for settings that is the same in every process."""
    return ", ".join(f"{k}={getattr(v, '__name__', v)}" for k, v in settings.items())


small_nets = pytest.mark.parametrize("settings", SMALL, ids=words)


def side(settings):
    """Height and width of the images that such a small network takes."""
    return IMAGES[settings.get("in_channels", 3)][0]


def shape(settings):
    return settings.get("in_channels", 3), side(settings), side(settings)


def outputs_of(model, images):
    """Name -> output of the stem, of each block and of each pooling, in order."""
    found = {}

    def listen(name):
        def hook(part, inputs, output):
            found[f"pool{len(found)}" if name == "pool" else name] = output

        return hook

    parts = {"stem": model.stem, **model.blocks}
    if hasattr(model, "pool"):
        parts["pool"] = model.pool
    hooks = [p.register_forward_hook(listen(name)) for name, p in parts.items()]
    model(images)
    for hook in hooks:
        hook.remove()
    return found


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
    seen = [tuple(x.shape) for x in outputs_of(net, images).values()]
    assert seen == [(2, c, n, n) for c, n, _, _ in STAGES.values()]
    for name in MODULES:
        assert rows[name][-2:] == STAGES[name][2:]
    assert rows["output"].parameters == 1_025_000


def test_twenty_two_layers_with_weights_and_five_poolings():
    """1 + 2 in the stem, two deep in each of nine modules, 1 at the end."""
    net = imagenet_net(aux_classifiers=False)
    stem = [m for m in net.stem.modules() if isinstance(m, nn.Conv2d)]
    for block in net.blocks.values():
        deep = [
            sum(isinstance(m, nn.Conv2d) for m in branch.modules())
            for branch in (block.one, block.three, block.five, block.pool)
        ]
        assert deep == [1, 2, 2, 1]
    assert len(stem) + 2 * len(net.blocks) + 1 == 22
    images = torch.zeros(1, 3, 224, 224, device="meta")
    between = [name for name in outputs_of(net, images) if name.startswith("pool")]
    in_stem = [m for m in net.stem if isinstance(m, nn.MaxPool2d)]
    assert len(in_stem) + len(between) + 1 == 5  # and the global one
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
        assert net.eval()(images).shape == (1, 7)
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


@pytest.mark.parametrize("window", WINDOWS.values())
def test_a_module_is_four_branches_side_by_side(window):
    """Values and gradients against the four branches written out with torch."""
    block = InceptionBlock(8, *WIDTHS, window).double()
    x = torch.randn(2, 8, 6, 5, dtype=torch.float64)

    def conv(x, layer, padding=0):
        return F.relu(F.conv2d(x, layer.weight, layer.bias, padding=padding))

    last = conv(x, block.five[0][0])
    if window is five_by_five:
        last = conv(last, block.five[1][0], padding=2)
    else:
        last = conv(last, block.five[1][0][0], padding=1)
        last = conv(last, block.five[1][1][0], padding=1)
    expected = torch.cat(
        [
            conv(x, block.one[0]),
            conv(conv(x, block.three[0][0]), block.three[1][0], padding=1),
            last,
            conv(F.max_pool2d(x, 3, stride=1, padding=1), block.pool[1][0]),
        ],
        dim=1,
    )
    assert expected.shape == (2, 5 + 6 + 7 + 2, 6, 5)
    assert block.out_channels == 20
    y = block(x)
    torch.testing.assert_close(y, expected)
    parameters = list(block.parameters())
    direction = torch.randn_like(y)
    ours = torch.autograd.grad(y, parameters, direction)
    theirs = torch.autograd.grad(expected, parameters, direction)
    for mine, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, right)


@pytest.mark.parametrize("window", WINDOWS.values())
@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_of_a_module_by_finite_differences(window, batch_norm):
    block = InceptionBlock(3, 2, (2, 2), (2, 2), 2, window, batch_norm).double()
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: block(x).sin(), (x,))


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
        block = InceptionBlock(in_channels, *MODULES[name], WINDOWS[kind])
    assert sum(c.parameters for c in costs.values()) == count_parameters(block)
    macs = count_macs(block, (in_channels, size, size))
    assert sum(c.macs for c in costs.values()) == macs
    assert sum(c.channels for c in costs.values()) == block.out_channels
    branches = block.one, block.three, block.five, block.pool
    for cost, part in zip(costs.values(), branches, strict=True):
        assert cost.parameters == count_parameters(part)
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
    layer = copy.deepcopy(layer).double().eval()
    for module in layer.modules():  # or a ReLU may hide what is there
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    layer(x)[0, 0, size // 2, size // 2].backward()
    seen = x.grad[0].abs().sum(0) > 0
    return int(seen.any(1).sum()), int(seen.any(0).sum())


@pytest.mark.parametrize("window", WINDOWS.values())
def test_both_kinds_see_five_by_five(window):
    assert window_of(window(3, 4), 3) == (5, 5)
    assert receptive_field([(3, 1), (3, 1)]) == receptive_field([(5, 1)]) == 5


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


# ------------------------------------------------------------ the networks of 2016

# Shape behind the stem, the blocks and reductions, the head: (maps, side), how often.
WHOLE = {
    inception_v4: (
        42_679_816,
        12_253_974_624,
        [((384, 35), 5), ((1024, 17), 8), ((1536, 8), 4)],
    ),
    inception_resnet_v2: (
        55_843_464,
        13_155_794_016,
        [((320, 35), 11), ((1088, 17), 21), ((2080, 8), 11), ((1536, 8), 1)],
    ),
}


@pytest.mark.parametrize("build", WHOLE, ids=lambda build: build.__name__)
def test_the_networks_of_2016_have_the_counts_and_shapes_of_the_zoo(build):
    parameters, macs, stages = WHOLE[build]
    with torch.device("meta"):
        net, x = build(), torch.zeros(1, 3, 299, 299)
    assert count_parameters(net) == parameters
    assert count_macs(net, (3, 299, 299)) == macs
    shapes = []
    for part in net:
        x = part(x)
        shapes.append(tuple(x.shape[1:]))
    wanted = [(maps, n, n) for (maps, n), often in stages for _ in range(often)]
    assert shapes == [*wanted, (1000,)]


def test_a_branch_is_a_row_of_convolutions():
    """Padded without a stride, not padded with one; normalised, no bias."""
    row = branch(3, (4, (1, 7)), (5, (7, 1)), (6, 3, 2))
    x = torch.randn(2, 3, 9, 11)
    convolutions = [m for m in row if isinstance(m, nn.Conv2d)]
    assert [m.padding for m in convolutions] == [(0, 3), (3, 0), (0, 0)]
    y = x
    for m in convolutions:
        y = F.conv2d(y, m.weight, None, m.stride, m.padding)
        y = F.relu(F.batch_norm(y, None, None, training=True, eps=1e-3))
    assert y.shape == (2, 6, 4, 5)
    torch.testing.assert_close(row(x), y)
    assert window_of(branch(3, (4, (7, 1)), (4, (1, 7))), 3) == (7, 7)


def test_branches_are_joined_and_a_reduction_halves_the_grid():
    x = torch.randn(2, 4, 9, 9)
    both = Join(nn.Identity(), pooled(4, 3).eval())
    assert both(x).shape == (2, 7, 9, 9)
    torch.testing.assert_close(both(x)[:, :4], x)
    flat = pooled(4, 3).eval()[0](torch.ones(1, 4, 5, 5))
    torch.testing.assert_close(flat, torch.ones(1, 4, 5, 5))  # padding counts not
    y = reduction_a(4, 2, 3, 5, 6)(x)
    assert y.shape == (2, 6 + 5 + 4, 4, 4)
    torch.testing.assert_close(y[:, -4:], F.max_pool2d(x, 3, stride=2))


@pytest.mark.parametrize("relu", [True, False])
def test_a_residual_block_adds_to_its_input(relu):
    block = Residual(0.3, 5, 8, branch(8, (2, 1)), branch(8, (3, 3)), relu=relu).eval()
    x = torch.randn(2, 8, 5, 6)
    y = x + 0.3 * block.expand(block.join(x))
    assert (y < 0).any()
    torch.testing.assert_close(block(x), F.relu(y) if relu else y)


# ------------------------------------------------------------ VGG, Network in Network


@pytest.mark.parametrize(
    ("blocks", "parameters", "macs"),
    [(VGG16, 138_357_544, 15_470_264_320), (VGG19, 143_667_240, 19_632_062_464)],
)
def test_vgg_as_published(blocks, parameters, macs):
    with torch.device("meta"):
        net = vgg(blocks)
    assert count_parameters(net) == parameters
    assert count_macs(net, (3, 224, 224)) == macs
    names = {"features.0.weight", "classifier.0.weight", "classifier.6.bias"}
    assert names <= set(net.state_dict())  # as in the zoo


def test_network_in_network_is_full_layers_at_every_pixel():
    net = nin()
    assert count_parameters(net) == 966_986
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    block = nn.Sequential(*nin_block(3, (4, 5, 6), 3))
    x = torch.rand(1, 3, 6, 6)
    y = block[1](block[0](x)).movedim(1, -1)
    for one in (block[2], block[4]):
        y = F.linear(y, one.weight[:, :, 0, 0], one.bias).relu()
    torch.testing.assert_close(block(x), y.movedim(-1, 1))


# ------------------------------------------------------------ the small network


@small_nets
def test_shapes_counts_and_cost_of_the_small_network(settings):
    model = SmallGoogLeNet(**settings)
    assert count_parameters(model) <= 300_000
    assert count_macs(model, shape(settings)) <= 21_000_000
    images, half = torch.rand(2, *shape(settings)), side(settings) // 2
    maps = {n: tuple(x.shape[1:]) for n, x in outputs_of(model, images).items()}
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
    nets = [SmallGoogLeNet(window=window) for window in WINDOWS.values()]
    macs = [count_macs(net, (3, 32, 32)) for net in nets]
    assert macs == [20_523_200, 18_974_912]


def test_pixels_are_standardised_within():
    assert {k: values[1:] for k, values in IMAGES.items()} == data.STATISTICS
    mean, std = (torch.tensor(values) for values in IMAGES[3][1:])
    images, model = torch.rand(2, 3, 32, 32), SmallGoogLeNet()
    wanted = (images - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(model.standardize(images), wanted)
    grey = SmallGoogLeNet(in_channels=1)
    inked = grey.standardize(torch.ones(1, 1, 28, 28))
    assert inked.flatten().tolist() == pytest.approx([(1 - 0.1307) / 0.3081] * 784)
    assert not [name for name in model.state_dict() if "standardize" in name]


@small_nets
def test_the_loss_at_the_beginning_is_ln_10(settings, digits):
    for seed in range(3):
        seed_everything(seed)
        model = SmallGoogLeNet(**settings)
        images = digits[0].expand(-1, shape(settings)[0], -1, -1)
        images = F.interpolate(images, side(settings))
        output = model(images)
        output = output[0] if isinstance(output, tuple) else output
        loss = F.cross_entropy(output, digits[1]).item()
        near = 0.05 if settings.get("batch_norm", True) else 0.2
        assert loss == pytest.approx(math.log(10), abs=near)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradients_of_the_network_by_finite_differences(batch_norm, digits):
    """The training loss, heads included, and a number in every seventh parameter."""
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
    for name, parameter in list(model.named_parameters())[::7]:
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


def test_an_auxiliary_classifier_reads_its_block(digits):
    model = SmallGoogLeNet(in_channels=1)
    maps = outputs_of(model, digits[0])
    _, low, high = model(digits[0])
    torch.testing.assert_close(low, model.heads["3b"](maps["3b"]))
    torch.testing.assert_close(high, model.heads["4a"](maps["4a"]))


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
        auxiliary_loss(outputs[:2], labels, weight=2), main + 2 * heads[0]
    )


def test_the_probe_measures_the_first_convolution(digits):
    x, y = digits
    for settings in ({}, {"aux_classifiers": False}, {"batch_norm": False}):
        model = SmallGoogLeNet(in_channels=1, **settings)
        twin = copy.deepcopy(model).train()
        auxiliary_loss(twin(x), y).backward()
        expected = float(twin.stem[0][0].weight.grad.norm())
        found = stem_gradient(model.eval(), x, y, auxiliary_loss)
        assert found == {"stem_gradient": pytest.approx(expected)}
    plain = stem_gradient(model, x, y, lambda z, y: F.cross_entropy(z[0], y))
    plain = plain["stem_gradient"]
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
    stem_gradient(model, x, y, auxiliary_loss)
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert all((p.grad == 1).all() for p in model.parameters())


def test_the_probe_draws_the_same_dropout_each_time(digits):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.Dropout(), nn.Flatten(), nn.Linear(2304, 10)
    )
    first = stem_gradient(model, *digits)
    assert stem_gradient(model, *digits) == first


def test_without_batch_norm_heads_strengthen_a_faint_gradient(digits):
    """The experiment of the chapter, at small initial weights: a mean of three."""
    x, y = digits
    found = {}
    for batch_norm, seed in itertools.product((False, True), range(3)):
        seed_everything(seed)
        model = SmallGoogLeNet(in_channels=1, batch_norm=batch_norm)
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()
        for weight in (0, 0.3):
            loss = functools.partial(auxiliary_loss, weight=weight)
            norm = stem_gradient(model, x, y, loss)["stem_gradient"]
            found.setdefault((batch_norm, weight), []).append(norm)
    means = {key: sum(norms) / 3 for key, norms in found.items()}
    assert means[False, 0.3] > 1.2 * means[False, 0]
    assert means[True, 0] > 100 * means[False, 0]


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize("wrong", [-1, 2.5, "8"])
@pytest.mark.parametrize("place", range(7))
def test_numbers_of_channels_must_be_positive(place, wrong):
    numbers = [8, 5, 4, 6, 3, 7, 2]
    numbers[place] = wrong
    channels, one, three0, three1, five0, five1, pool = numbers
    x = torch.rand(1, 8, 4, 4)
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        InceptionBlock(channels, one, (three0, three1), (five0, five1), pool)(x)


@pytest.mark.parametrize("pair", [4, (4,), (4, 6, 8), None])
def test_reductions_are_pairs(pair):
    for widths in ((5, pair, (3, 7), 2), (5, (4, 6), pair, 2)):
        with pytest.raises((TypeError, IndexError, RuntimeError)):
            InceptionBlock(8, *widths)(torch.rand(1, 8, 6, 6))


def test_even_windows_do_not_fit_beside_the_others():
    block = NaiveInceptionBlock(2, 1, 1, 1)
    block.five = convolution(2, 1, 4)
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        block(torch.rand(1, 2, 6, 6))


def test_the_small_network_takes_grey_or_colour():
    with pytest.raises(KeyError):
        SmallGoogLeNet(in_channels=2)


def test_an_auxiliary_classifier_needs_five_pixels():
    with pytest.raises(RuntimeError, match="too small"):
        AuxiliaryClassifier(8, 5, 10)(torch.rand(1, 8, 4, 4))


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 32, 32, 3), (3, 32, 32)])
def test_images_of_other_channels_are_refused(shape):
    model = SmallGoogLeNet()
    for mode in (True, False):
        with pytest.raises(ValueError, match="other channels"):
            model.train(mode)(torch.zeros(shape))
    with pytest.raises(ValueError, match="other channels"):
        SmallGoogLeNet(in_channels=1)(torch.zeros(2, 3, 32, 32))
    with pytest.raises(RuntimeError, match="channel"):
        imagenet_net()(torch.zeros(2, 1, 224, 224, device="meta"))


def test_images_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"pixels / 255, got torch\.uint8"):
        SmallGoogLeNet()(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_labels_must_fit_the_logits():
    with pytest.raises(ValueError, match="batch_size"):
        auxiliary_loss(torch.zeros(2, 10), torch.tensor([0, 1, 2]))
    with pytest.raises(RuntimeError, match="Long"):
        auxiliary_loss(torch.zeros(2, 10), torch.tensor([0.0, 1.0]))
