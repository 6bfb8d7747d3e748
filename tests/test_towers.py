"""Two towers compute and learn what the network does from which they were taken."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.alexnet import AlexNet, SmallAlexNet
from utils.counting import count_parameters
from utils.towers import run_towers, tower

pytestmark = pytest.mark.usefixtures("seeded")


def both(model):
    return [tower(model, k) for k in (0, 1)]


def without_norms():
    net = SmallAlexNet(dropout=0, activation=nn.Tanh)
    net.norm1, net.norm2 = nn.Identity(), nn.Identity()
    return net


NETS = {
    "colour": lambda: SmallAlexNet(dropout=0),
    "no normalisation": without_norms,
    "six classes, grey": lambda: SmallAlexNet(6, in_channels=1, dropout=0),
    "published, narrow": lambda: AlexNet(
        num_classes=4, dropout=0, channels=(8, 16, 16, 16, 8)
    ),
}


def test_a_grouped_convolution_is_two_convolutions():
    """Values and gradients: the first half of the kernels sees the first half."""
    whole = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1, groups=2)).double()
    x = torch.randn(2, 6, 5, 5).double()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    halves = both(whole)
    y = whole(ours)
    parts = zip(halves, theirs.chunk(2, 1), strict=True)
    expected = torch.cat([half(part) for half, part in parts], 1)
    torch.testing.assert_close(y, expected)
    direction = torch.randn_like(y)
    y.backward(direction)
    expected.backward(direction)
    torch.testing.assert_close(ours.grad, theirs.grad)
    for name in ("weight", "bias"):
        grads = [getattr(half[0], name).grad for half in halves]
        torch.testing.assert_close(getattr(whole[0], name).grad, torch.cat(grads))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_two_towers_compute_and_learn_the_same(name):
    """Logits, all gradients, and the weights after two steps of training."""
    model = NETS[name]().double()
    towers = both(model)
    x = torch.rand(6, *model.input.shape).double()
    labels = torch.arange(6) % model.fc8.out_features
    for _ in range(2):
        logits = []
        for net, run in (([model], model), (towers, lambda x: run_towers(towers, x))):
            parameters = [p for one in net for p in one.parameters()]
            optimizer = torch.optim.SGD(parameters, lr=0.01)
            logits.append(run(x))
            optimizer.zero_grad()
            F.cross_entropy(logits[-1], labels).backward()
            optimizer.step()
        torch.testing.assert_close(*logits)
        pairs = zip(*(t.named_parameters() for t in towers), strict=True)
        for (name, first), (_, second) in pairs:
            own = model.get_parameter(name)
            torch.testing.assert_close(own, torch.cat([first, second]), msg=name)
            grads = torch.cat([first.grad, second.grad])
            torch.testing.assert_close(own.grad, grads, msg=name)


def test_two_towers_of_the_published_net():
    """They hold all its parameters between them, half of them each."""
    with torch.device("meta"):
        towers = both(AlexNet())
    assert [count_parameters(t) for t in towers] == [60_965_224 // 2] * 2
    images = torch.zeros(2, 3, 224, 224, device="meta")
    assert run_towers(towers, images).shape == (2, 1000)
    names = ("conv1", "conv2", "conv3", "conv4", "conv5")
    shapes = [getattr(towers[0], name).weight.shape[:2] for name in names]
    assert shapes == [(48, 3), (128, 48), (192, 256), (192, 192), (128, 192)]


def test_towers_are_copies():
    model = SmallAlexNet()
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        for p in (p for t in both(model) for p in t.parameters()):
            p.add_(1)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert model.conv2.groups == 2


def test_they_meet_where_they_should():
    """A network of one group does not come apart: its layers want all maps."""
    towers = both(AlexNet(groups=1, channels=(4, 4, 4, 4, 4)))
    with pytest.raises(RuntimeError, match="channels"):
        run_towers(towers, torch.rand(1, 3, 224, 224))


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="needs a GPU")
def test_towers_may_sit_on_two_devices():
    model = SmallAlexNet(dropout=0).double().eval()  # no rounding to TF32
    towers = both(model)
    towers[1].cuda()
    x = torch.rand(4, 3, 32, 32).double()
    torch.testing.assert_close(run_towers(towers, x), model(x))
