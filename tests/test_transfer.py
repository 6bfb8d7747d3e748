"""What the module of chapter 12 does: draws, cuts, probes, frozen parts and rates."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from utils import data, transfer
from utils.counting import count_parameters
from utils.data import Images
from utils.dissection import trace
from utils.lenet import LeNet5
from utils.resnet import DigitResNet
from utils.small_googlenet import SmallGoogLeNet

property_test = settings(max_examples=60, derandomize=True, deadline=None)


def numbered(labels):
    """Images that are their own numbers."""
    labels = np.asarray(labels)
    return Images(np.arange(len(labels), dtype=np.float32)[:, None], labels)


def test_only_some_classes_are_numbered_in_the_order_given():
    with pytest.raises(ValueError, match=r"of classes \[7\]"):
        transfer.only(numbered([3, 5, 4, 5, 9]), (5, 7))
    some = transfer.only(numbered([3, 5, 4, 5, 9]), (5, 3))
    assert some.y.tolist() == [1, 0, 0]
    assert some.x[:, 0].tolist() == [0, 1, 3]


@property_test
@given(
    st.integers(2, 6),
    st.integers(3, 9),
    st.integers(0, 99),
    st.data(),
)
def test_draws_are_even_and_nested(classes, each, seed, more):
    images = numbered(np.random.default_rng(seed).permutation(classes * each) % classes)
    large = more.draw(st.integers(classes, classes * each))
    small = more.draw(st.integers(classes, large))
    some, others = (transfer.few(images, n, seed) for n in (small, large))
    assert len(some.y) == small
    counts = np.bincount(some.y, minlength=classes)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(others.x[:small], some.x)
    np.testing.assert_array_equal(images.y[some.x[:, 0].astype(int)], some.y)
    assert len(set(others.x[:, 0])) == large


@pytest.mark.parametrize("count", [0, 2, 7])
def test_fewer_labels_than_classes_or_more_than_there_are_are_refused(count):
    with pytest.raises(ValueError, match="count must be from 3 .* to 6"):
        transfer.few(numbered([0, 1, 2, 0, 1, 2]), count)


def test_another_head_leaves_the_network_as_it_was():
    lenet = LeNet5()
    new = transfer.with_head(lenet, nn.Linear(84, 5))
    assert lenet.output.out_features == 10
    assert count_parameters(new, True) == 61_706 - 5 * 85
    assert new.c1.weight is not lenet.c1.weight
    assert transfer.head(DigitResNet(8)) == "fc"
    assert transfer.head(SmallGoogLeNet()) == "output"  # and no auxiliary one
    images = torch.rand(2, 1, 28, 28)
    body = transfer.with_head(lenet, nn.Identity())
    torch.testing.assert_close(lenet.output(body(images)), lenet(images))
    with pytest.raises(ValueError, match="no fully connected layer"):
        transfer.head(nn.Conv2d(1, 1, 3))


def test_cut_networks_make_the_features_of_the_whole():
    lenet, images = LeNet5(), torch.rand(2, 1, 28, 28)
    sizes = [transfer.up_to(lenet, depth)(images).shape[1] for depth in range(5)]
    assert sizes == [1024, 1176, 400, 120, 84]
    features = transfer.up_to(lenet, 4)(images)
    torch.testing.assert_close(lenet.output(features), lenet(images))


def test_a_probe_is_the_minimum_of_its_loss():
    torch.manual_seed(0)
    x, y = 3 + 7 * torch.randn(60, 4), torch.arange(60) % 3
    layer = transfer.probe(x, y, 3, penalty=0.1)
    scale = x.std()

    def loss(weight, bias):
        size = (weight * scale).square().sum()
        return F.cross_entropy(x @ weight.T + bias, y) + 0.1 * size

    found = loss(layer.weight, layer.bias)
    slopes = torch.autograd.grad(found, list(layer.parameters()))
    assert all(slope.abs().max() < 0.05 for slope in slopes)
    assert found < loss(torch.zeros(3, 4), torch.zeros(3))
    with pytest.raises(IndexError):
        transfer.probe(x, y, 2)


def test_the_nearest_vote():
    points, labels = torch.tensor([[0.0], [1], [2], [9]]), torch.tensor([0, 1, 1, 2])
    queries = torch.tensor([[0.4], [8.0]])
    assert transfer.vote(points, labels, queries).tolist() == [0, 2]
    assert transfer.vote(points, labels, queries, k=3).tolist() == [1, 1]
    with pytest.raises(RuntimeError):
        transfer.vote(points, labels, queries, k=5)


def test_maps_of_classes_have_the_logits_as_means_and_are_grad_cam():
    torch.manual_seed(0)
    net, images = DigitResNet(8).eval(), torch.rand(3, 1, 28, 28)
    steps, logits = trace(net, images)
    last = steps[-1].output
    maps = transfer.class_maps(net.fc, last)
    assert maps.shape == (3, 10, 4, 4)
    torch.testing.assert_close(maps.mean((2, 3)), net(images))
    (gradient,) = torch.autograd.grad(logits[:, 7].sum(), last)
    weights = 16 * gradient.mean((2, 3), keepdim=True)  # Grad-CAM's, but for a factor
    by_gradient = (weights * last).sum(1) + net.fc.bias[7]
    torch.testing.assert_close(by_gradient, maps[:, 7])


def digits(count=20):
    train, _ = data.mnist5k()
    return Images(train.x[:count], train.y[:count])


def test_frozen_parts_keep_weights_and_statistics():
    net = transfer.freeze(DigitResNet(8), ["conv1", "bn1", "layer1"])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    transfer.tune(net, digits(), steps=3)
    after = net.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    frozen = {n for n in before if n.startswith(("conv1", "bn1", "layer1"))}
    assert same >= frozen
    assert not same & {n for n in before if n.startswith(("layer3", "fc"))}
    net.train()(torch.zeros(2, 1, 28, 28))
    assert net.layer2.training
    assert not net.layer1.training
    with pytest.raises(ValueError, match="no part 'layer9' among standardize, conv1"):
        transfer.freeze(net, ["layer9"])


def test_parts_that_are_never_called_freeze_too():
    """GoogLeNet's modules stand in a dictionary, and only what it holds is called."""
    net = transfer.freeze(SmallGoogLeNet(aux_classifiers=False), ["stem", "blocks"])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.train()(torch.rand(4, 3, 32, 32))
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], msg=name)


def test_a_probe_on_features_that_never_vary_is_finite():
    layer = transfer.probe(torch.ones(6, 3), torch.arange(6) % 2, 2)
    assert all(p.isfinite().all() for p in layer.parameters())


def test_a_class_twice_is_refused():
    images = Images(np.zeros((4, 1, 2, 2), np.float32), np.array([0, 1, 1, 2]))
    with pytest.raises(ValueError, match="classes must differ, got"):
        transfer.only(images, (1, 1))


def test_a_frozen_network_can_be_copied_and_stored(tmp_path):
    net = transfer.freeze(DigitResNet(8), ["bn1"])
    torch.save(net, tmp_path / "net.pt")
    stored = torch.load(tmp_path / "net.pt", weights_only=False)
    for other in (copy.deepcopy(net), stored):
        net.train()
        other.train()(torch.zeros(2, 1, 28, 28))
        assert not other.bn1.training
        assert net.bn1.training  # nobody has used it
        torch.testing.assert_close(other.bn1.running_mean, torch.zeros(8))


def test_weights_alone_frozen_let_statistics_move():
    net = DigitResNet(8)
    for name in ("conv1", "bn1"):
        net.get_submodule(name).requires_grad_(False)
    mean, weight = net.bn1.running_mean.clone(), net.conv1.weight.clone()
    transfer.tune(net, digits(), steps=3)
    torch.testing.assert_close(net.conv1.weight, weight)
    assert (net.bn1.running_mean - mean).abs().max() > 1e-3


def test_the_body_learns_at_its_share():
    net = nn.Sequential(transfer.up_to(LeNet5(), 2), nn.Linear(400, 10))
    body, last = transfer.rates(net, 0.1, 0.2)
    assert body["lr"] == pytest.approx(0.02)
    assert last["lr"] == 0.1
    assert [p.numel() for p in last["params"]] == [4000, 10]
    assert sum(p.numel() for p in body["params"]) == 156 + 2416
    start = net[0][1][0].weight.clone()
    transfer.tune(net, digits(), steps=2, share=0.0)
    torch.testing.assert_close(net[0][1][0].weight, start)


def test_tuning_repeats_and_takes_all_of_few_images():
    nets = [transfer.with_head(LeNet5(), nn.Linear(84, 10)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    seen = []
    for net in nets:
        net.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
        transfer.tune(net, digits(7), steps=3, seed=1)
        assert not net.training
    assert seen == 2 * [7, 7, 7]
    torch.testing.assert_close(nets[0].state_dict(), nets[1].state_dict())


def test_tiles_cover_each_field_once():
    photo = (np.arange(384 * 576 * 3) % 251).astype(np.uint8).reshape(384, 576, 3)
    parts = [transfer.tiles([photo, photo[::-1]], odd) for odd in (0, 1)]
    for part in parts:
        assert part.x.shape == (216, 3, 32, 32)
        assert part.x.dtype == np.float32
        assert np.bincount(part.y).tolist() == 12 * [18]
    np.testing.assert_array_equal(
        parts[0].x[0], photo[:32, :32].transpose(2, 0, 1) / np.float32(255)
    )
    total = sum(part.x[part.y < 6].sum() for part in parts)
    assert total == pytest.approx(photo.sum() / 255, rel=1e-4)


def test_experiments_may_use_some_classes_and_few_images():
    from utils.experiments import EXPERIMENTS

    experiment = EXPERIMENTS["transfer-animals-vehicles"]
    assert experiment.classes == (0, 1, 8, 9)
    recipe = experiment.variants["scratch, 10"]
    assert recipe.settings() | {"labels": 10, "images": 1000} == recipe.settings()
    names = set(EXPERIMENTS["transfer-fashion-mnist"].variants)
    assert {"frozen, 10", "fine-tuned, 1000"} < names
    assert len(names) == 18
