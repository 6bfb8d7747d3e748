"""The fast network of chapter 13: its counts, its first layer, its recipe."""

from pathlib import Path

import pytest
import torch

from utils import fast_cifar
from utils.counting import count_macs, count_parameters
from utils.fast_cifar import AlternatingFlip, FastNet, Lookahead, Views, Whitening
from utils.training import fit

pytestmark = pytest.mark.usefixtures("seeded")


def photographs(count=64):
    """Smooth, coloured and not centred, as photographs are."""
    coarse = torch.rand(count, 3, 8, 8)
    fine = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    return 0.2 + 0.6 * fine + 0.05 * torch.rand_like(fine)


def test_it_is_short_and_costs_what_the_chapter_says():
    source = Path(fast_cifar.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) < 150
    assert "from utils" not in source
    net = FastNet()
    # 24 biases; convolutions; shifts of two normalisations a block; the output
    inputs, widths = (24, 64, 256), (64, 256, 256)
    pairs = zip(inputs, widths, strict=True)
    kernels = sum(9 * (a * b + b * b) for a, b in pairs)
    assert count_parameters(net, trainable_only=True) == 24 + kernels + 2 * 576 + 2560
    assert 6 * count_macs(net, (3, 32, 32)) * 50_000 * 10 <= 0.36e15


def test_the_first_layer_whitens_and_is_kept():
    layer, images = Whitening(), photographs()
    assert not layer.eval()(images).any(), "not before it has learnt"
    outputs = layer.train()(images).detach()
    assert outputs.shape == (64, 24, 31, 31)
    flat = outputs.transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(flat[12:], -flat[:12], atol=1e-4, rtol=0)
    assert flat.mean(1).abs().max() < 1e-3
    spread = flat[:12].cov()
    assert (spread - spread.diag().diag()).abs().max() < 0.01
    assert 0.5 < spread.diag().min() < spread.diag().max() < 1.01
    learnt = layer.filters.clone()
    layer(photographs())
    assert torch.equal(layer.filters, learnt)
    assert not [name for name, _ in layer.named_parameters() if name != "bias"]


def test_a_convolution_begins_by_handing_on():
    conv, x = fast_cifar.conv3x3(4, 6), torch.rand(2, 4, 5, 5)
    torch.testing.assert_close(conv(x)[:, :4], x)


def test_two_epochs_show_both_sides():
    images, flip = photographs(32), AlternatingFlip(shift=0)
    first = flip(images)
    flip.set_epoch(1)
    second = flip(images)
    same = (first == images).flatten(1).all(1)
    assert 0 < same.sum() < 32, "not all at once"
    torch.testing.assert_close(
        second, images.where(~same.view(-1, 1, 1, 1), first.flip(3))
    )
    flip.set_epoch(2)
    assert torch.equal(flip(images), first)


def test_images_move_by_whole_pixels():
    images = torch.arange(1024.0).view(1, 1, 32, 32).expand(200, -1, -1, -1) / 1023
    moved = AlternatingFlip(shift=2)(images)
    assert moved.shape == images.shape
    places = (moved[:, 0, 16, 16] * 1023).round().int()
    assert set((places // 32).tolist()) == {14, 15, 16, 17, 18}  # rows
    assert set((places % 32).tolist()) == {14, 15, 16, 17, 18}  # columns


def test_views_are_averaged():
    def net(images):
        return images.mean((2, 3))  # knows no place, so that all views agree

    images = torch.ones(2, 3, 8, 8) * torch.tensor([0.2, 0.7])[:, None, None, None]
    torch.testing.assert_close(Views(net)(images), net(images))

    def corner(images):
        return images[:, :, 0, 0]

    image = torch.arange(9.0).view(1, 1, 3, 3)
    # as it is 0 and 2; up: the row of 1 mirrored, 4 and 4; down: 4 and 4
    assert Views(corner)(image).item() == 0.25 * (0 + 2) + 0.125 * (4 + 4 + 4 + 4)


def test_every_fifth_step_the_net_is_its_slow_copy():
    net = torch.nn.Linear(2, 1)
    mean = Lookahead(net, 10)
    for _ in range(5):
        with torch.no_grad():
            net.weight.add_(1)
        fast = net.weight.detach().clone()
        mean.update_parameters(net)
    assert torch.equal(net.weight, mean.module.weight)
    assert not torch.equal(net.weight, fast)


def test_a_net_goes_back_to_its_slow_copy():
    """As the source has it: every fifth step, buffers too, by 0.95^5 (t / T)^3."""
    net = torch.nn.BatchNorm1d(3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    expected, before = [], {}

    def by_hand(*_):
        expected.append({k: v.clone() for k, v in net.state_dict().items()})

    optimizer.register_step_post_hook(by_hand)
    images, labels = torch.randn(12, 3), torch.arange(12) % 3
    mean = Lookahead(net, 12)
    fit(
        *(net, (images, labels)),
        epochs=4,
        batch_size=4,
        optimizer=optimizer,
        average=mean,
        progress=False,
    )
    assert len(expected) == 12
    slow = torch.nn.BatchNorm1d(3).state_dict()
    for step, keep in ((5, 0.95**5 * (5 / 12) ** 3), (10, 0.95**5 * (10 / 12) ** 3)):
        for name, value in expected[step - 1].items():
            if value.is_floating_point():
                slow[name] = keep * slow[name] + (1 - keep) * value
        before[step] = {k: v.clone() for k, v in slow.items()}
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, before[10][name])
            assert not torch.equal(value, expected[-1][name])
    # the sixth step set out from the copy: its running mean shows it
    seen = expected[5]["running_mean"], before[5]["running_mean"]
    assert (seen[0] - seen[1]).abs().max() < (images.abs().max() + 1) * 0.1


def test_shifts_learn_faster_and_scales_stay():
    net = FastNet()
    optimizer = fast_cifar.fast_sgd(net.parameters(), lr=0.1)
    weights, shifts = optimizer.param_groups
    assert shifts["lr"] == pytest.approx(6.4)
    assert all(p.ndim == 1 for p in shifts["params"])
    assert all(p.ndim > 1 for p in weights["params"])
    count = sum(p.numel() for g in optimizer.param_groups for p in g["params"])
    assert count == count_parameters(net, trainable_only=True)
    schedule = fast_cifar.triangle(optimizer, 100)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == rates[23] == pytest.approx(0.1)
    assert rates[99] == pytest.approx(0.1 * (0.07 + 0.93 / 77))


def test_it_learns():
    net, images, labels = FastNet((16, 16, 16)), photographs(), torch.arange(64) % 4
    images[:, :, :4] += labels.view(-1, 1, 1, 1) / 4
    optimizer = fast_cifar.fast_sgd(net.parameters(), lr=0.1)
    losses = []
    for _ in range(24):
        loss = torch.nn.functional.cross_entropy(net(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]
