"""AlexNet: counted as published, its parts as torch's, its two towers as one net."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.alexnet import (
    CHANNELS,
    GAINS,
    INPUTS,
    PUBLISHED,
    STAGES,
    AlexNet,
    InputLayer,
    LocalResponseNorm,
    PCAColour,
    SmallAlexNet,
    Tower,
    TwoTowers,
    Window,
    changed,
    epochs_to_reach,
    half_state_dict,
    walk,
    whole_state_dict,
)
from utils.counting import count_macs, count_parameters, layer_table
from utils.data import mnist5k
from utils.lenet import feature_maps
from utils.training import fit, seed_everything

pytestmark = pytest.mark.usefixtures("seeded")


SHAPES = {
    "conv1": (96, 55, 55),
    "norm1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "norm2": (256, 27, 27),
    "pool2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
SMALL_SHAPES = {
    "conv1": (32, 16, 16),
    "pool1": (32, 8, 8),
    "conv2": (96, 8, 8),
    "pool2": (96, 4, 4),
    "conv3": (128, 4, 4),
    "conv4": (128, 4, 4),
    "conv5": (96, 4, 4),
    "pool5": (96, 2, 2),
    "fc6": (128,),
    "fc7": (128,),
    "fc8": (10,),
}


def meta(**settings):
    with torch.device("meta"):
        return AlexNet(**settings)


def small(**settings):
    return SmallAlexNet(in_channels=1, **settings)


# ------------------------------------------------------------ counts


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, 60_965_224),
        ({"groups": 1}, 62_378_344),
        ({"padding": 0}, 60_965_224),
        ({"norm": None}, 60_965_224),
        ({"norm": "batch"}, 60_965_224 + 2 * (96 + 256)),
        ({"num_classes": 10}, 60_965_224 - 990 * 4097),
        (
            {"groups": 1, "norm": None, "channels": (64, 192, 384, 256, 256)},
            61_100_840,  # the one tower of the common zoos
        ),
    ],
)
def test_parameters(settings, parameters):
    assert count_parameters(meta(**settings)) == parameters


def test_the_published_net_by_layers():
    table = {row.name: row for row in layer_table(meta(), (3, 224, 224))}
    parameters = {
        "conv1": 96 * (3 * 11**2 + 1),
        "conv2": 256 * (48 * 5**2 + 1),
        "conv3": 384 * (256 * 3**2 + 1),
        "conv4": 384 * (192 * 3**2 + 1),
        "conv5": 256 * (192 * 3**2 + 1),
        "fc6": 4096 * (256 * 6**2 + 1),
        "fc7": 4096 * (4096 + 1),
        "fc8": 1000 * (4096 + 1),
    }
    assert {n: r.parameters for n, r in table.items() if r.parameters} == parameters
    full = sum(n for name, n in parameters.items() if name.startswith("fc"))
    assert round(full / sum(parameters.values()), 3) == 0.962


@pytest.mark.parametrize(("padding", "pixels"), [(2, 224), (0, 227)])
def test_macs_and_neurons(padding, pixels):
    model = meta(padding=padding)
    assert count_macs(model, (3, pixels, pixels)) == 724_406_816
    image = torch.zeros(1, 3, pixels, pixels, device="meta")
    outputs = feature_maps(model, image)
    neurons = [v.numel() for n, v in outputs.items() if n[:4] in ("conv", *FULL)]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    assert sum(neurons) == 659_272


FULL = ("fc6", "fc7", "fc8")


def test_shapes():
    outputs = feature_maps(meta(), torch.zeros(2, 3, 224, 224, device="meta"))
    assert {n: tuple(v.shape[1:]) for n, v in outputs.items()} == SHAPES
    outputs = feature_maps(SmallAlexNet(), torch.zeros(2, 3, 32, 32))
    shapes = {n: tuple(v.shape[1:]) for n, v in outputs.items() if n[:4] != "norm"}
    assert shapes == SMALL_SHAPES
    assert list(outputs) == list(SHAPES)


def test_the_small_net_is_small():
    assert count_parameters(SmallAlexNet()) == 347_978
    assert count_parameters(small()) == 347_978 - 2 * 25 * 32
    assert 6.9e6 < count_macs(SmallAlexNet(), (3, 32, 32)) < 7e6
    full = sum(count_parameters(getattr(SmallAlexNet(), name)) for name in FULL)
    assert full < 0.2 * 347_978


# ------------------------------------------------------------ local response


def published_formula(a, n, alpha, beta, k):
    """Section 3.3, loop by loop; i - n/2 and i + n/2 with n/2 rounded down."""
    b = np.empty_like(a)
    maps = a.shape[1]
    for i in range(maps):
        around = range(max(0, i - n // 2), min(maps - 1, i + n // 2) + 1)
        total = sum(a[:, j] ** 2 for j in around)
        b[:, i] = a[:, i] / (k + alpha * total) ** beta
    return b


@pytest.mark.parametrize("size", [1, 3, 5, 9, 19])
@pytest.mark.parametrize("maps", [1, 3, 8])
def test_local_response_is_the_formula_and_torchs(size, maps):
    """Forward and backward; torch divides alpha by the size."""
    constants = {"alpha": 0.3, "beta": 0.6, "k": 1.5}
    x = torch.randn(2, maps, 3, 4, dtype=torch.float64, requires_grad=True)
    mine = LocalResponseNorm(size, **constants)(x)
    expected = published_formula(x.detach().numpy(), size, *constants.values())
    np.testing.assert_allclose(mine.detach().numpy(), expected, rtol=1e-12)
    constants["alpha"] *= size
    theirs = F.local_response_norm(x, size, **constants)
    torch.testing.assert_close(mine, theirs)
    direction = torch.randn_like(x)
    (grad,) = torch.autograd.grad(mine, x, direction)
    (expected,) = torch.autograd.grad(theirs, x, direction)
    torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_gradient_of_local_response_by_finite_differences(groups):
    layer = LocalResponseNorm(alpha=0.5, groups=groups)
    x = torch.randn(1, 8, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)


def test_groups_do_not_see_each_other():
    x = torch.randn(2, 12, 3, 3)
    whole, parts = LocalResponseNorm(alpha=0.5, groups=3), LocalResponseNorm(alpha=0.5)
    expected = torch.cat([parts(part) for part in x.chunk(3, dim=1)], dim=1)
    torch.testing.assert_close(whole(x), expected)
    assert not torch.allclose(whole(x), parts(x))


def test_local_response_keeps_the_memory_format():
    x = torch.randn(2, 8, 5, 5)
    y = x.to(memory_format=torch.channels_last)
    layer = LocalResponseNorm(alpha=0.5, groups=2)
    assert layer(y).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(y), layer(x))


def test_constants_are_the_papers_and_the_small_nets_fit_its_pixels():
    big, little = meta().norm1, SmallAlexNet().norm1
    assert (big.size, big.alpha, big.beta, big.k) == (5, 1e-4, 0.75, 2)
    assert (little.size, little.beta, little.k) == (big.size, big.beta, big.k)
    x = torch.randn(2, 32, 4, 4)
    torch.testing.assert_close(big(64 * x) / 64, little(x))


# ------------------------------------------------------------ the nets


def test_initial_weights_are_the_papers():
    model = AlexNet(num_classes=10, channels=(8, 16, 16, 16, 8))
    for name, layer in model.named_children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            ones = name in ("conv2", "conv4", "conv5", "fc6", "fc7")
            assert (layer.bias == float(ones)).all(), name
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1), name


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_initial_weights_suit_the_activation(activation):
    model = SmallAlexNet(activation=activation)
    for layer in (model.conv2, model.conv4, model.fc6):
        std = GAINS[activation] / math.sqrt(layer.weight[0].numel())
        assert layer.weight.std().item() == pytest.approx(std, rel=0.05)
        assert not layer.bias.any()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_the_first_loss_is_that_of_guessing(channels, activation):
    model = SmallAlexNet(in_channels=channels, activation=activation).eval()
    labels = torch.arange(10).repeat(10)
    loss = F.cross_entropy(model(torch.rand(100, channels, 32, 32)), labels)
    assert loss.item() == pytest.approx(math.log(10), rel=0.1)


def test_the_net_written_out():
    """Forward and backward, by torch's functions alone."""
    model = SmallAlexNet(dropout=0).double()
    x, labels = torch.rand(4, 3, 32, 32).double(), torch.arange(4)
    p = {n: v.detach().clone().requires_grad_() for n, v in model.named_parameters()}

    def convolution(a, name, **settings):
        return F.conv2d(a, p[f"{name}.weight"], p[f"{name}.bias"], **settings).relu()

    def response(a):
        parts = [
            F.local_response_norm(part, 5, alpha=5e-4 * 64**2, beta=0.75, k=2.0)
            for part in a.chunk(2, dim=1)
        ]
        return F.max_pool2d(torch.cat(parts, dim=1), 3, stride=2, padding=1)

    mean, std = (torch.tensor(INPUTS[3][k]).double() for k in ("mean", "std"))
    a = (x - mean[:, None, None]) / std[:, None, None]
    a = response(convolution(a, "conv1", stride=2, padding=2))
    a = response(convolution(a, "conv2", padding=2, groups=2))
    a = convolution(a, "conv3", padding=1)
    a = convolution(a, "conv4", padding=1, groups=2)
    a = convolution(a, "conv5", padding=1, groups=2)
    a = F.max_pool2d(a, 3, stride=2, padding=1).flatten(1)
    for name in ("fc6", "fc7"):
        a = F.linear(a, p[f"{name}.weight"], p[f"{name}.bias"]).relu()
    expected = F.linear(a, p["fc8.weight"], p["fc8.bias"])
    torch.testing.assert_close(model(x), expected, rtol=1e-6, atol=1e-6)
    F.cross_entropy(model(x), labels).backward()
    F.cross_entropy(expected, labels).backward()
    for name, value in model.named_parameters():
        torch.testing.assert_close(value.grad, p[name].grad, rtol=1e-5, atol=1e-7)


def test_the_large_net_runs_forward_and_backward():
    """Half as wide and with few classes, but every layer of it."""
    model = AlexNet(num_classes=4, channels=(16, 32, 32, 32, 16))
    loss = F.cross_entropy(
        model(64 * torch.randn(2, 3, 224, 224)), torch.tensor([0, 3])
    )
    loss.backward()
    assert all(v.grad.isfinite().all() for v in model.parameters())
    assert all(v.grad.any() for v in model.parameters())


def test_224_pixels_and_padding_2_are_227_pixels():
    """Of 228 padded pixels the windows of conv1 meet the first 227."""
    settings = {"num_classes": 4, "channels": (8, 16, 16, 16, 8)}
    padded, larger = AlexNet(**settings).eval(), AlexNet(**settings, padding=0).eval()
    larger.load_state_dict(padded.state_dict())
    x = 64 * torch.randn(2, 3, 224, 224)
    torch.testing.assert_close(padded(x), larger(F.pad(x, [2, 1, 2, 1])))


def test_dropout_works_in_training_alone():
    model, x = SmallAlexNet(dropout=0.5), torch.rand(8, 3, 32, 32)
    outputs = dict(model.layers(x))
    for name in ("fc6", "fc7"):
        assert (outputs[name] == 0).float().mean() > 0.5  # ReLU's zeros and dropout's
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x), feature_maps(model, x)["fc8"])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": nn.Tanh},
        {"groups": 1},
        {"norm": "batch", "groups": 4},
        {"norm": None, "activation": nn.Tanh},
    ],
)
def test_it_learns_thirty_two_digits_by_heart(digits, settings):
    model = small(**settings, dropout=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = fit(
        model, digits, epochs=25, batch_size=16, optimizer=optimizer, progress=False
    )
    assert history.train_accuracy[-1] == 1


def test_it_learns_with_plain_sgd(digits):
    model = small(dropout=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    settings = {"batch_size": 8, "optimizer": optimizer, "progress": False}
    assert fit(model, digits, epochs=40, **settings).train_accuracy[-1] > 0.9


def test_grey_images_of_both_sizes_are_read_alike():
    model, x = small().eval(), torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(model(x), model(F.pad(x, [2] * 4)))


def test_mnists_pixels_are_standardised():
    x = torch.tensor(mnist5k()[0].x)
    assert (x.mean() - INPUTS[1]["mean"][0]).abs() < 0.003
    assert (x.std() - INPUTS[1]["std"][0]).abs() < 0.003
    y = InputLayer(1, **INPUTS[1])(x)
    assert y.shape[2:] == (32, 32)
    assert abs(y[..., 2:-2, 2:-2].mean()) < 0.01
    assert abs(y[..., 2:-2, 2:-2].std() - 1) < 0.01
    assert y[0, 0, 0, 0] == (0 - torch.tensor(0.1307)) / torch.tensor(0.3081)


def test_colours_are_standardised_channel_by_channel():
    mean, std = (torch.tensor(INPUTS[3][k]) for k in ("mean", "std"))
    noise = torch.randn(64, 3, 32, 32)
    x = mean[:, None, None] + std[:, None, None] * noise
    torch.testing.assert_close(InputLayer(3, **INPUTS[3])(x), noise, atol=1e-5, rtol=0)


def test_statistics_are_no_part_of_the_weights():
    assert not [name for name in SmallAlexNet().state_dict() if "input" in name]


# ------------------------------------------------------------ two towers


def test_a_grouped_convolution_is_two_convolutions():
    """Values and gradients: the first half of the kernels sees the first half."""
    whole = nn.Conv2d(6, 8, 3, padding=1, groups=2).double()
    x = torch.randn(2, 6, 5, 5).double()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    halves = [nn.Conv2d(3, 4, 3, padding=1).double() for _ in range(2)]
    for k, half in enumerate(halves):
        half.load_state_dict(half_state_dict(whole.state_dict(), k))
    y = whole(ours)
    parts = zip(halves, theirs.chunk(2, 1), strict=True)
    expected = torch.cat([half(part) for half, part in parts], 1)
    torch.testing.assert_close(y, expected)
    direction = torch.randn_like(y)
    y.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, theirs.grad)
    for name in ("weight", "bias"):
        grads = [getattr(half, name).grad for half in halves]
        torch.testing.assert_close(getattr(whole, name).grad, torch.cat(grads))


NETS = [
    lambda: SmallAlexNet(dropout=0),
    lambda: SmallAlexNet(dropout=0, norm="batch"),
    lambda: SmallAlexNet(dropout=0, norm=None, activation=nn.Tanh),
    lambda: SmallAlexNet(num_classes=6, in_channels=1, dropout=0),
    lambda: AlexNet(num_classes=4, dropout=0, channels=(8, 16, 16, 16, 8)),
]


@pytest.mark.parametrize("net", NETS)
def test_two_towers_compute_and_learn_the_same(net):
    """Logits, all gradients, and the weights after two steps of training."""
    model = net().double()
    towers = TwoTowers(model)
    channels, size = model.input.channels, model.input.sizes[-1]
    x = torch.rand(6, channels, size, size).double()
    labels = torch.arange(6) % model.fc8.out_features
    for _ in range(2):
        for one in (model, towers):
            optimizer = torch.optim.SGD(one.parameters(), lr=0.01)
            logits = one(x)
            optimizer.zero_grad()
            F.cross_entropy(logits, labels).backward()
            optimizer.step()
        grads = [{n: p.grad for n, p in t.named_parameters()} for t in towers.towers]
        joined = whole_state_dict(*grads)
        for name, p in model.named_parameters():
            torch.testing.assert_close(p.grad, joined[name], msg=name)
    torch.testing.assert_close(model.eval()(x), towers.eval()(x))
    whole = towers.whole_state_dict()
    assert whole.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, whole[name], msg=name)


def test_two_towers_of_the_published_net():
    """They hold all its parameters between them, half of them each."""
    model = meta()
    towers = TwoTowers(model, ("meta", "meta"))
    assert count_parameters(towers) == 60_965_224
    assert [count_parameters(t) for t in towers.towers] == [60_965_224 // 2] * 2
    assert count_macs(towers, (3, 224, 224)) == 724_406_816
    names = ("conv1", "conv2", "conv3", "conv4", "conv5")
    halves = [getattr(towers.towers[0], n).out_channels for n in names]
    assert halves == [c // 2 for c in CHANNELS] == [48, 128, 192, 192, 128]
    inputs = [getattr(towers.towers[0], n).in_channels for n in names]
    assert inputs == [3, 48, 256, 192, 192]


def test_stages_are_all_that_a_tower_needs():
    """As two processes would do it: a tower each, and what they exchange."""
    model = SmallAlexNet(dropout=0).eval()
    towers = [Tower(model, k).eval() for k in (0, 1)]
    images = torch.rand(3, 3, 32, 32)
    x, shapes = towers[0].input(images), []
    for k in range(STAGES):
        halves = [tower.stage(k, x) for tower in towers]
        assert halves[0].shape == halves[1].shape
        x = torch.cat(halves, dim=1)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(96, 4, 4), (96, 2, 2), (128,), (128,), (10,)]
    torch.testing.assert_close(x, model(images))


def test_towers_are_copies():
    model = SmallAlexNet()
    before = copy.deepcopy(model.state_dict())
    towers = TwoTowers(model)
    with torch.no_grad():
        for p in towers.parameters():
            p.add_(1)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_layers_below_the_exchange_of_one_tower_ignore_the_other():
    towers = TwoTowers(SmallAlexNet(dropout=0))
    half = towers.towers[0].stage(0, torch.rand(2, 3, 32, 32))
    half.sum().backward()
    assert towers.towers[0].conv1.weight.grad is not None
    assert all(p.grad is None for p in towers.towers[1].parameters())


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="needs a GPU")
def test_towers_may_sit_on_two_devices():
    model = SmallAlexNet(dropout=0).eval()
    towers = TwoTowers(model, ("cpu", "cuda")).eval()
    x = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(towers(x), model(x), rtol=1e-3, atol=1e-3)


# ------------------------------------------------------------ the walk


@pytest.mark.parametrize(("padding", "pixels"), [(2, 224), (0, 227)])
def test_the_walk_agrees_with_the_net(padding, pixels):
    layers = changed(conv1={"padding": padding})
    steps = {s.name: s for s in walk(layers, pixels)}
    table = layer_table(meta(padding=padding), (3, pixels, pixels))
    rows = {row.name: row for row in table if row.name in steps}
    assert rows.keys() == steps.keys()
    for name, step in steps.items():
        shape = (step.channels, step.size, step.size)[: len(rows[name].output)]
        assert rows[name].output == shape
        assert (rows[name].parameters, rows[name].macs) == step[-2:]
    assert sum(s.parameters for s in steps.values()) == 60_965_224


def test_wrong_paddings_are_not_noticed_and_cost_a_column():
    conv1 = walk(PUBLISHED)[0]
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
    assert changed() == PUBLISHED
    with pytest.raises(ValueError, match="no layer 'conv6': conv1, pool1"):
        changed(conv6={"padding": 1})
    with pytest.raises((TypeError, ValueError), match="unexpected field names"):
        changed(conv1={"width": 1})


# ------------------------------------------------------------ colours, and a measure


def test_principal_colours():
    """Axes and spreads of a cloud of colours that was made with known ones."""
    axes = torch.linalg.qr(torch.randn(3, 3).double()).Q.T
    spread = torch.tensor([0.5, 0.2, 0.05]).double()
    colours = (torch.randn(40_000, 3).double() * spread) @ axes
    images = colours.T.reshape(3, 4, 100, 100).transpose(0, 1)
    colour = PCAColour(images)
    torch.testing.assert_close(colour.spread, spread, rtol=0.02, atol=0)
    cosines = (colour.axes * axes).sum(1).abs()
    torch.testing.assert_close(cosines, torch.ones(3).double(), rtol=0.01, atol=0)
    assert torch.allclose(colour.axes @ colour.axes.T, torch.eye(3).double())


def test_one_colour_is_added_to_all_pixels_of_an_image():
    images = torch.rand(2_000, 3, 4, 4)
    images[:, 0] *= 3
    colour = PCAColour(images, strength=0.2)
    added = colour(images) - images
    assert torch.allclose(added, added[:, :, :1, :1].expand_as(added), atol=1e-6)
    along = added[:, :, 0, 0] @ colour.axes.T
    torch.testing.assert_close(along.std(0), 0.2 * colour.spread, rtol=0.1, atol=0)
    torch.testing.assert_close(along.mean(0), torch.zeros(3), rtol=0, atol=0.02)
    seed_everything(3)
    one = colour(images)
    seed_everything(3)
    assert torch.equal(one, colour(images))
    assert torch.equal(PCAColour(images, strength=0)(images), images)


def test_epochs_to_reach():
    accuracy = [0.3, 0.6, 0.75, 0.7, 0.9]
    assert [epochs_to_reach(accuracy, a) for a in (0.2, 0.75, 0.8)] == [1, 3, 5]
    assert epochs_to_reach(accuracy, 0.95) is None
    assert epochs_to_reach([], 0.5) is None


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize("net", [SmallAlexNet, meta])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 5}, r"groups \(5\) must divide the channels"),
        ({"groups": 0}, "groups must be .* got 0"),
        ({"dropout": 1.0}, "dropout must be .* got 1.0"),
        ({"dropout": -0.1}, "dropout must be .* got -0.1"),
        ({"num_classes": 0}, "num_classes must be .* got 0"),
        ({"norm": "layer"}, "norm must be one of .* got 'layer'"),
    ],
)
def test_settings_that_cannot_be(net, settings, message):
    with pytest.raises(ValueError, match=message):
        net(**settings)


@pytest.mark.parametrize("activation", [nn.Sigmoid, "relu", nn.ReLU(), None])
def test_other_activations_are_refused(activation):
    with pytest.raises(ValueError, match=r"activation must be the class nn\.ReLU or"):
        SmallAlexNet(activation=activation)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"padding": 1}, "padding must be 2, for images of 224 pixels, .* got 1"),
        ({"channels": (96, 256, 384)}, "channels must be five numbers"),
        ({"channels": (96, 255, 384, 384, 256)}, r"groups \(2\) must divide"),
    ],
)
def test_settings_of_the_large_net(settings, message):
    with pytest.raises(ValueError, match=message):
        meta(**settings)


def test_other_numbers_of_channels_are_refused():
    with pytest.raises(ValueError, match="in_channels must be 1 or 3, got 2"):
        SmallAlexNet(in_channels=2)


@pytest.mark.parametrize(
    ("model", "wanted", "shape"),
    [
        (SmallAlexNet, r"\(N, 3, 32, 32\)", (2, 3, 28, 28)),
        (SmallAlexNet, r"\(N, 3, 32, 32\)", (2, 1, 32, 32)),
        (SmallAlexNet, r"\(N, 3, 32, 32\)", (3, 32, 32)),
        (small, r"\(N, 1, 28, 28\) or \(N, 1, 32, 32\)", (2, 3, 32, 32)),
        (meta, r"\(N, 3, 224, 224\)", (2, 3, 227, 227)),
        (lambda: meta(padding=0), r"\(N, 3, 227, 227\)", (2, 3, 224, 224)),
    ],
)
def test_images_of_other_shapes_are_refused(model, wanted, shape):
    with pytest.raises(ValueError, match=f"images must be {wanted}, got") as error:
        model()(torch.zeros(shape))
    assert str(shape) in str(error.value)


def test_images_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"such as pixels / 255, got torch\.uint8"):
        SmallAlexNet()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 4}, "size must be odd, to have a middle, got 4"),
        ({"size": 0}, "size must be .* got 0"),
        ({"alpha": -1.0}, "alpha must be .* got -1.0"),
        ({"beta": math.nan}, "beta must be .* got nan"),
        ({"k": 0}, "k must be positive"),
        ({"groups": 0}, "groups must be .* got 0"),
    ],
)
def test_constants_of_the_local_response(settings, message):
    with pytest.raises(ValueError, match=message):
        LocalResponseNorm(**settings)


@pytest.mark.parametrize("shape", [(2, 5, 3, 3), (4, 3, 3)])
def test_maps_that_the_local_response_cannot_divide(shape):
    with pytest.raises(ValueError, match=r"C a multiple of groups \(2\), got"):
        LocalResponseNorm(groups=2)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("model", "index", "message"),
    [
        (lambda: SmallAlexNet(groups=1), 0, "SmallAlexNet with groups=1"),
        (lambda: nn.Linear(2, 2), 0, "Linear with groups=None"),
        (lambda: SmallAlexNet(num_classes=5), 0, "even number of classes, .* got 5"),
        (SmallAlexNet, 2, "index must be 0 or 1, got 2"),
    ],
)
def test_what_cannot_be_two_towers(model, index, message):
    with pytest.raises(ValueError, match=message):
        Tower(model(), index)


@pytest.mark.parametrize("devices", ["cpu", ("cpu",), ("cpu", "cpu", "cpu")])
def test_two_towers_need_two_devices(devices):
    with pytest.raises(ValueError, match="devices must be two"):
        TwoTowers(SmallAlexNet(), devices)


@pytest.mark.parametrize("images", [torch.rand(2, 1, 4, 4), torch.rand(3, 4, 4)])
def test_colours_need_three_channels(images):
    with pytest.raises(ValueError, match=r"images must be floating, of shape \(N, 3"):
        PCAColour(images)
    with pytest.raises(ValueError, match=r"images must be floating, of shape \(N, 3"):
        PCAColour(torch.rand(2, 3, 4, 4))(images)
