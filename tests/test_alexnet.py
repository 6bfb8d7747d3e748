"""AlexNet: counted as published, its parts as torch's, and written out again."""

import math
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from test_notebooks import definitions
from torch import nn
from torch.nn import functional as F

from utils import data
from utils.alexnet import (
    GAINS,
    IMAGES,
    AlexNet,
    LocalResponseNorm,
    SmallAlexNet,
    prepared,
)
from utils.counting import count_macs, count_parameters, layer_table
from utils.experiments import alexnet as experiments
from utils.experiments.alexnet import FourLayers, without
from utils.training import fit

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


def with_norms(net, norm):
    """The net with other layers in the place of its two local normalisations."""
    net.norm1, net.norm2 = norm(net.conv1.out_channels), norm(net.conv2.out_channels)
    return net


def named_shapes(net, images):
    """Name -> shape of one example of the output, of the layers that do something."""
    shapes, x = {}, images
    for name, layer in net.named_children():
        x = layer(x)
        if not name.startswith(("input", "border", "standard", "act", "drop", "flat")):
            shapes[name] = tuple(x.shape[1:])
    return shapes


# ------------------------------------------------------------ counts


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, 60_965_224),
        ({"groups": 1}, 62_378_344),
        ({"num_classes": 10}, 60_965_224 - 990 * 4097),
        # the one tower of the common zoos
        ({"groups": 1, "channels": (64, 192, 384, 256, 256)}, 61_100_840),
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


def test_macs_and_neurons():
    assert count_macs(meta(), (3, 224, 224)) == 724_406_816
    neurons = [math.prod(s) for n, s in SHAPES.items() if n[:4] in ("conv", *FULL)]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    assert sum(neurons) == 659_272


FULL = ("fc6", "fc7", "fc8")


def test_shapes():
    images = torch.zeros(2, 3, 224, 224, device="meta")
    assert named_shapes(meta(), images) == SHAPES
    shapes = named_shapes(SmallAlexNet(), torch.zeros(2, 3, 32, 32))
    assert list(shapes) == list(SHAPES)
    assert {n: s for n, s in shapes.items() if n[:4] != "norm"} == SMALL_SHAPES


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


@pytest.mark.parametrize("channels", IMAGES)
@pytest.mark.parametrize("activation", GAINS)
def test_the_first_loss_is_that_of_guessing(channels, activation):
    model = SmallAlexNet(in_channels=channels, activation=activation).eval()
    images = torch.rand(100, channels, *2 * IMAGES[channels][:1])
    loss = F.cross_entropy(model(images), torch.arange(10).repeat(10))
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

    mean, std = (torch.tensor(values).double() for values in IMAGES[3][1:])
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
    net = AlexNet(num_classes=4, channels=(8, 16, 16, 16, 8)).eval()
    x = 64 * torch.randn(2, 3, 224, 224)
    padded = net(x)
    net.input.shape, net.conv1.padding = (3, 227, 227), (0, 0)
    torch.testing.assert_close(padded, net(F.pad(x, [2, 1, 2, 1])))


def test_dropout_works_in_training_alone():
    model, x = SmallAlexNet(dropout=0.5), torch.rand(8, 3, 32, 32)
    seen = {}
    for name in ("dropout6", "dropout7"):
        layer = getattr(model, name)
        layer.register_forward_hook(lambda m, a, y, name=name: seen.update({name: y}))
    assert not torch.equal(model(x), model(x))
    for output in seen.values():
        assert (output == 0).float().mean() > 0.6  # ReLU's half, and half of the rest
    model.eval()
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize(
    ("settings", "norm"),
    [
        ({}, None),
        ({"activation": nn.Tanh}, None),
        ({}, nn.BatchNorm2d),
    ],
)
def test_it_learns_thirty_two_digits_by_heart(digits, settings, norm):
    model = small(**settings, dropout=0)
    if norm:
        with_norms(model, norm)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = fit(
        model, digits, epochs=25, batch_size=16, optimizer=optimizer, progress=False
    )
    assert history.train_accuracy[-1] == 1


def test_it_learns_with_plain_sgd(digits):
    model = small(dropout=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    settings = {"batch_size": 8, "optimizer": optimizer, "progress": False}
    # It goes up and down on its way, on each kind of processor at other times.
    assert fit(model, digits, epochs=40, **settings).train_accuracy[-1] > 0.9


def test_mnists_pixels_are_standardised():
    x = torch.tensor(data.mnist5k()[0].x)
    y = nn.Sequential(*prepared(1).values())(x)
    assert y.shape[2:] == (32, 32)
    assert abs(y[..., 2:-2, 2:-2].mean()) < 0.01
    assert abs(y[..., 2:-2, 2:-2].std() - 1) < 0.01
    assert y[0, 0, 0, 0] == (0 - torch.tensor(0.1307)) / torch.tensor(0.3081)


def test_colours_are_standardised_channel_by_channel():
    mean, std = (torch.tensor(values) for values in IMAGES[3][1:])
    noise = torch.randn(64, 3, 32, 32)
    x = mean[:, None, None] + std[:, None, None] * noise
    y = nn.Sequential(*prepared(3).values())(x)
    torch.testing.assert_close(y, noise, atol=1e-5, rtol=0)


def test_statistics_are_those_of_the_data_and_no_part_of_the_weights():
    assert {k: values[1:] for k, values in IMAGES.items()} == data.STATISTICS
    names = {name.split(".")[0][:2] for name in SmallAlexNet().state_dict()}
    assert names == {"co", "fc"}


# ------------------------------------------------------------ recorded runs


def test_the_four_layers_of_the_race():
    """Counted by hand, with weights of the deviation that is asked for."""
    net = FourLayers(nn.ReLU, in_channels=1)
    kernels = 16 * (25 + 1) + 16 * (16 * 25 + 1) + 32 * (16 * 25 + 1)
    assert count_parameters(net) == kernels + 10 * (32 * 4 * 4 + 1)
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    stds = {
        std: FourLayers(nn.Tanh, std)[-1].weight.std().item() for std in (None, 0.01)
    }
    assert stds == pytest.approx({None: 512**-0.5, 0.01: 0.01}, rel=0.05)


def test_the_page_shows_the_net_of_the_race():
    """It belongs to no module of the chapter, so the rule for twins passes it over."""
    recorded = Path(experiments.__file__).read_text(encoding="utf-8")
    path = Path(__file__).parents[1] / "chapters/08-alexnet.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (c for c in notebook.cells if c.id == "relu-net")
    shown = definitions(cell.source)["FourLayers"]
    assert shown == definitions(recorded)["FourLayers"]


def test_ingredients_are_left_out():
    """The maps keep their sizes, and the net its parameters."""
    bare = without(local=False, overlapping=False, dropout=False)
    assert named_shapes(bare, torch.zeros(2, 3, 32, 32)) == named_shapes(
        SmallAlexNet(), torch.zeros(2, 3, 32, 32)
    )
    assert count_parameters(bare) == count_parameters(SmallAlexNet())
    assert isinstance(bare.norm1, nn.Identity)
    assert bare.dropout6.p == 0
    whole, few = without(), torch.rand(2, 3, 32, 32)
    assert not torch.equal(whole.eval()(few), bare.eval()(few))


# ------------------------------------------------------------ bad input


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="must be divisible by groups"):
        meta(groups=5)


@pytest.mark.parametrize(
    "settings", [{"in_channels": 2}, {"activation": nn.Sigmoid}, {"activation": "relu"}]
)
def test_settings_that_the_small_net_does_not_know(settings):
    with pytest.raises((KeyError, TypeError)):
        SmallAlexNet(**settings)


@pytest.mark.parametrize(
    ("model", "wanted", "shape"),
    [
        (SmallAlexNet, r"\(N, 3, 32, 32\)", (2, 3, 28, 28)),
        (SmallAlexNet, r"\(N, 3, 32, 32\)", (3, 32, 32)),
        (small, r"\(N, 1, 28, 28\)", (2, 3, 32, 32)),
        (meta, r"\(N, 3, 224, 224\)", (2, 3, 227, 227)),
    ],
)
def test_images_of_other_shapes_are_refused(model, wanted, shape):
    with pytest.raises(ValueError, match=f"images must be {wanted}, got") as error:
        model()(torch.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_images_of_whole_numbers_are_refused(dtype):
    with pytest.raises(ValueError, match=r"images must be pixels / 255, got"):
        SmallAlexNet()(torch.zeros(1, 3, 32, 32, dtype=dtype))
    narrow = AlexNet(num_classes=4, channels=(4, 4, 4, 4, 4))
    with pytest.raises(RuntimeError, match="type"):
        narrow(torch.zeros(1, 3, 224, 224, dtype=dtype))


def test_local_response_needs_a_middle_and_equal_groups():
    with pytest.raises(ValueError, match="size must be odd, got 4"):
        LocalResponseNorm(size=4)
    with pytest.raises(RuntimeError, match="unflatten"):
        LocalResponseNorm(groups=2)(torch.zeros(2, 5, 3, 3))
