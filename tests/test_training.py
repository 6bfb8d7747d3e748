"""The loop is the bare loop, and a run that was killed ends as if it never had been."""

import os
import pickle
import random
import re
import signal
import subprocess
import sys
import warnings
from collections import defaultdict
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from utils import checkpoints, training
from utils.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from utils.distributed import DeviceError
from utils.training import (
    History,
    evaluate,
    evaluating,
    fit,
    one_cycle,
    pick_device,
    predict,
    seed_everything,
    train_step,
    trial_run,
)

ROOT = Path(__file__).parents[1]
CUDA = torch.cuda.is_available()
DEVICES = ["cpu", *(["cuda"] if CUDA else [])]
CLASSES = 3


def one_thread():
    torch.set_num_threads(1)  # the nets are tiny, and bits depend on the number


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    one_thread()
    yield
    torch.set_num_threads(threads)


def digits(count=100, seed=0):
    """Images (count, 1, 6, 6) of three classes: a bright row, 1, 3 or 5, in noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=count)
    x = rng.random((count, 1, 6, 6), dtype=np.float32)
    x[np.arange(count), 0, 2 * y + 1] += 0.5
    return x, y


def small_net(activation=nn.Tanh):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        activation(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


def linear_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(36, CLASSES))


def seeded(build, seed=0):
    seed_everything(seed)
    return build()


def quiet(*args, **kwargs):
    return fit(*args, device="cpu", progress=False, **kwargs)


def assert_same_weights(a, b):
    b = b.state_dict()
    for name, values in a.state_dict().items():
        assert torch.equal(values, b[name]), name


# --- the loop


def test_a_step_follows_the_gradient():
    """One layer, whose gradient everyone knows: (softmax - one-hot) times the input."""
    x, y = map(torch.from_numpy, digits(8))
    model = seeded(linear_net).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = x.double()
    before = model[1].weight.detach().clone()
    for _ in range(2):  # a second step forgets the gradient of the first
        with torch.no_grad():
            expected = model(x)
            slopes = expected.softmax(1) - F.one_hot(y, CLASSES)
            before -= 0.1 * slopes.T @ x.flatten(1) / len(y)
        logits, loss = train_step(model, x, y, optimizer)
        assert torch.equal(logits, expected)
        assert loss == F.cross_entropy(expected, y)
        assert not loss.requires_grad
        torch.testing.assert_close(model[1].weight.detach(), before)


def test_fit_is_the_bare_loop_bit_for_bit():
    x, y = digits(70)
    model = seeded(small_net)
    history = quiet(model, (x, y), epochs=3, batch_size=32, seed=5)

    hand = seeded(small_net)
    optimizer = torch.optim.SGD(hand.parameters(), lr=0.05, momentum=0.9)
    order = torch.Generator().manual_seed(5)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    for epoch in range(3):
        total = right = 0
        for batch in torch.randperm(70, generator=order).split(32):
            logits = hand(tx[batch])
            loss = F.cross_entropy(logits, ty[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
            right += (logits.argmax(1) == ty[batch]).sum().item()
        assert history.loss[epoch] == pytest.approx(total / 70, rel=1e-12)
        assert history.train_accuracy[epoch] == right / 70
    assert_same_weights(model, hand)


def test_a_schedule_steps_once_a_batch_and_augmentation_sees_each_batch():
    x, y = digits(70)
    model, seen = seeded(small_net), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

    def augment(images):
        seen.append(len(images))
        return images.flip(3) + torch.rand(())

    settings = {"batch_size": 32, "seed": 5, "optimizer": optimizer}
    quiet(model, (x, y), epochs=2, schedule=schedule, augment=augment, **settings)

    hand = seeded(small_net)
    order = torch.Generator().manual_seed(5)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    step = 0
    for _ in range(2):
        for batch in torch.randperm(70, generator=order).split(32):
            logits = hand(tx[batch].flip(3) + torch.rand(()))
            grads = torch.autograd.grad(
                F.cross_entropy(logits, ty[batch]), list(hand.parameters())
            )
            with torch.no_grad():
                for weight, grad in zip(hand.parameters(), grads, strict=True):
                    weight -= 0.05 * 0.5 ** (step // 2) * grad
            step += 1
    assert seen == 2 * [32, 32, 6]
    for a, b in zip(model.parameters(), hand.parameters(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("device", DEVICES)
def test_fit_learns(device):
    model = seeded(small_net)
    test = digits(100, seed=1)
    history = fit(
        model, digits(300), test, epochs=6, batch_size=16, device=device, progress=False
    )
    assert next(model.parameters()).device.type == device
    curves = [v for name, v in vars(history).items() if name != "probes"]
    assert [len(curve) for curve in curves] == [6] * 5
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.test_accuracy[-1] > 0.9
    score = evaluate(model, test)
    assert score.accuracy == history.test_accuracy[-1]
    assert score.loss == pytest.approx(history.test_loss[-1])


def test_means_are_over_examples_though_the_last_batch_is_smaller():
    data = digits(37)
    model = seeded(linear_net)
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    history = quiet(model, data, data, epochs=2, batch_size=16, optimizer=frozen)
    assert history.loss == pytest.approx(history.test_loss, rel=1e-6)
    assert history.train_accuracy == history.test_accuracy


def test_the_seed_orders_the_images_and_nothing_else_does():
    def train(seed, noise):
        model = seeded(linear_net)
        torch.rand(noise)  # the global generator is somewhere else
        quiet(model, digits(), epochs=2, seed=seed)
        return model

    assert_same_weights(train(0, 0), train(0, 9))
    assert not torch.equal(train(0, 0)[1].weight, train(1, 0)[1].weight)


def test_a_test_set_changes_nothing_in_training():
    data, test = digits(), digits(30, seed=1)
    alone, tested = seeded(small_net), None
    quiet(alone, data, epochs=2)
    tested = seeded(small_net)
    quiet(tested, data, test, epochs=2)
    assert_same_weights(alone, tested)


def test_arrays_and_tensors_of_many_kinds_train_alike_and_silently():
    x, y = digits()
    read_only = x.copy()
    read_only.flags.writeable = False
    flipped = np.ascontiguousarray(x[::-1])[::-1]  # negative stride
    reference = seeded(linear_net)
    quiet(reference, (x, y), epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in [
            (torch.from_numpy(x), torch.from_numpy(y)),
            [x.astype(np.float64), y.astype(np.uint8)],
            (x, y.astype(np.uint16)),
            (x.astype(">f4"), y.astype(">i4")),
            (read_only, y.astype(np.int32)),
            (flipped, list(map(int, y))),
            training.Score(x, y),  # any named pair, as utils.data.Images is one
        ]:
            model = seeded(linear_net)
            quiet(model, data, epochs=1)
            assert_same_weights(model, reference)


def test_float64_models_train_in_float64():
    model = seeded(linear_net).double()
    quiet(model, digits(), epochs=1)
    assert model[1].weight.dtype == torch.float64


def test_loss_and_optimizer_are_the_ones_given():
    model, data = seeded(linear_net), digits()
    asked = []

    def smooth(logits, labels):
        asked.append(len(labels))
        return F.cross_entropy(logits, labels, label_smoothing=0.3)

    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = quiet(model, data, data, epochs=1, optimizer=optimizer, loss=smooth)
    assert asked == [64, 36, 100]  # two batches, then the test set
    assert history.test_loss[0] == evaluate(model, data, loss=smooth).loss
    assert all(state["step"] == 2 for state in optimizer.state.values())


def test_fit_trains_in_training_mode_and_leaves_the_model_ready_for_use():
    fresh, used = seeded(small_net), seeded(small_net).eval()
    for model in (fresh, used):
        torch.manual_seed(1)
        quiet(model, digits(), epochs=1)
        assert not any(module.training for module in model.modules())
    assert_same_weights(fresh, used)


class Headed(nn.Module):
    """Two outputs in training, as a net with an auxiliary classifier; one in use."""

    def __init__(self):
        super().__init__()
        self.main, self.head = linear_net(), linear_net()

    def forward(self, x):
        return (self.main(x), self.head(x)) if self.training else self.main(x)


def test_several_outputs_in_training_go_to_the_loss_and_the_first_counts():
    given = []

    def both(output, labels):
        if not isinstance(output, tuple):
            return F.cross_entropy(output, labels)
        given.append(len(output))
        return sum(F.cross_entropy(part, labels) for part in output)

    train, model = digits(), seeded(Headed)
    history = quiet(model, train, train, epochs=2, loss=both)
    assert given == [2] * (2 * 2)
    # The parts share nothing, so that the first learns as if it were alone.
    alone = seeded(Headed).main
    expected = quiet(alone, train, train, epochs=2)
    assert_same_weights(model.main, alone)
    assert history.train_accuracy == expected.train_accuracy
    assert history.test_loss == expected.test_loss
    assert history.loss != expected.loss


def test_autocast_trains_in_bfloat16_and_evaluates_as_ever():
    seen = []

    class Watched(nn.Linear):
        def forward(self, x):
            output = super().forward(x)
            seen.append((self.training, output.dtype))
            return output

    def build():
        return nn.Sequential(nn.Flatten(), Watched(36, 3))

    train, model = digits(), seeded(build)
    history = quiet(model, train, train, epochs=3, autocast=torch.bfloat16)
    assert set(seen) == {(True, torch.bfloat16), (False, torch.float32)}
    assert all(p.dtype == torch.float32 for p in model.parameters())
    plain = quiet(seeded(build), train, train, epochs=3)
    assert history.loss != plain.loss
    np.testing.assert_allclose(history.loss, plain.loss, rtol=0.02)


def test_the_average_is_what_is_tested_probed_and_left_in_the_model():
    """By hand: of the weights after each step, the statistics of the norm included."""
    train, test, decay, seen, probed = digits(40), digits(20, seed=1), 0.4, [], []

    def watched(optimizer, *_):
        seen.append({k: v.clone() for k, v in model.state_dict().items()})

    model = seeded(small_net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_post_hook(watched)
    history = fit(
        *(model, train, test),
        epochs=2,
        batch_size=8,
        optimizer=optimizer,
        average=decay,
        probe=lambda net: probed.append(evaluate(net, test)) or {},
        progress=False,
    )
    assert len(seen) == 10
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            mean = seen[0][name]
            for n, state in enumerate(seen[1:], 1):
                now = min(decay, (1 + n) / (10 + n))
                mean = now * mean + (1 - now) * state[name]
            torch.testing.assert_close(value, mean)
    assert not torch.equal(model[0].weight, seen[-1]["0.weight"])
    assert history.test_loss[-1] == evaluate(model, test).loss == probed[-1].loss
    same = {
        "epochs": 2,
        "device": "cpu",
        "progress": False,
    }  # a GPU adds up as it likes
    none = fit(seeded(small_net), train, average=0.0, **same)
    assert none == fit(seeded(small_net), train, **same)


def test_a_probe_sees_the_model_after_every_epoch(tmp_path):
    def largest(model):
        return {"largest": model[1].weight.detach().abs().max(), "epochs": 1}

    train, file = digits(), tmp_path / "run.pt"
    history = quiet(seeded(linear_net), train, epochs=3, probe=largest)
    assert len(history.probes["largest"]) == 3
    assert history.probes["epochs"] == [1, 1, 1]
    plain = seeded(linear_net)
    assert quiet(plain, train, epochs=3).loss == history.loss
    assert history.probes["largest"][-1] == float(plain[1].weight.detach().abs().max())
    quiet(seeded(linear_net), train, epochs=1, probe=largest, checkpoint=file)
    again = quiet(seeded(linear_net), train, epochs=3, probe=largest, checkpoint=file)
    assert again.probes == history.probes


def test_history_prints_without_times():
    history = History([0.5, 0.25], [0.5, 0.75], [], [], [1.5, 1.5])
    assert repr(history) == "History(2 epochs, loss 0.250, train accuracy 0.750)"
    assert history == History([0.5, 0.25], [0.5, 0.75], [], [], [9.0, 9.0])
    assert repr(History()) == "History(0 epochs)"


# --- evaluation


def test_evaluate_by_hand_whatever_the_batch_size():
    x, y = digits(50)
    model = seeded(small_net).eval()
    with torch.no_grad():
        logits = model(torch.from_numpy(x))
    expected = F.cross_entropy(logits, torch.from_numpy(y)).item()
    right = (logits.argmax(1).numpy() == y).sum() / 50
    for size in (1, 7, 50, 500):
        score = evaluate(model, (x, y), batch_size=size)
        assert score.loss == pytest.approx(expected, rel=1e-5)
        assert score.accuracy == right
        found = predict(model, x, batch_size=size)
        torch.testing.assert_close(found, logits, rtol=1e-5, atol=1e-6)
        assert not found.requires_grad


def test_looking_at_a_model_leaves_no_trace():
    class Careless(nn.Module):  # draws numbers in evaluation mode too
        def forward(self, x):
            return F.dropout(x, training=True)

    class Full(nn.Module):
        def forward(self):
            raise torch.OutOfMemoryError("CUDA out of memory")

    model = nn.Sequential(small_net(), Careless()).train()
    model[0][1].eval()  # somebody froze the batch normalisation
    x, y = digits(20)
    F.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    modes = [m.training for m in model.modules()]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    grads = {p: p.grad.clone() for p in model.parameters()}
    drawn = torch.get_rng_state()

    trial_run(model, torch.from_numpy(x))
    assert torch.equal(torch.get_rng_state(), drawn)
    with pytest.raises(torch.OutOfMemoryError):  # no fault of the input's
        trial_run(Full())
    evaluate(model, (x, y))
    predict(model, x)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, grads[p]) for p in model.parameters())


def test_the_mode_comes_back_after_an_error():
    model = small_net().train()
    with pytest.raises(TypeError), evaluating(model):
        model(model.training)  # False is no image
    assert all(m.training for m in model.modules())


# --- device and seeds


def test_pick_device(monkeypatch):
    assert pick_device() == torch.device("cuda" if CUDA else "cpu")
    assert pick_device("cpu") == pick_device(torch.device("cpu")) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == torch.device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match=r"'cuda:2', but torch .* finds 2 of type"):
        pick_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert pick_device() == torch.device("cpu")
    with pytest.raises(DeviceError, match=r"finds 0 of type 'cuda' .* Colab"):
        fit(linear_net(), digits(), device="cuda")


@pytest.mark.parametrize("prefer", ["gpu", 1.5, "meta"])
def test_pick_device_refuses(prefer):
    with pytest.raises(ValueError, match="device must be .*, got "):
        pick_device(prefer)


def test_seed_everything_repeats_every_generator():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    seed_everything(3)
    first = draw()
    assert draw() != first
    seed_everything(np.int64(3))
    assert draw() == first
    for bad in (-1, 2**32, 1.0, True, "0", None):
        with pytest.raises(ValueError, match=f"seed must be a whole number .*{bad!r}"):
            seed_everything(bad)


# --- bad input


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = linear_net(), linear_net()

    def forward(self, x):
        return self.first(x), self.second(x)


def schedule_of_a_stranger():
    optimizer = torch.optim.SGD(linear_net().parameters(), lr=0.1)
    return torch.optim.lr_scheduler.StepLR(optimizer, 1)


X, Y = digits(10)
NAN = np.where(np.arange(10)[:, None, None, None] == 3, np.nan, X).astype(np.float32)
BAD_CALLS = {
    "epochs": ({"epochs": 0}, "epochs must be a whole number >= 1, got 0"),
    "batch": ({"batch_size": 4.0}, "batch_size must be a whole number >= 1, got 4.0"),
    "seed": ({"seed": "a"}, "seed must be .* got 'a'"),
    "optimizer": ({"optimizer": "sgd"}, "optimizer must be .* got 'sgd'"),
    "model": ({"model": len}, "model must be a torch.nn.Module, got <built-in"),
    "frozen": ({"model": linear_net().requires_grad_(False)}, "no parameters to train"),
    "images-only": ({"train": X}, "train must be a pair .* got ndarray"),
    "empty": (
        {"train": (X[:0], Y[:0])},
        r"train: images must be .* got \(0, 1, 6, 6\)",
    ),
    "flat": ({"train": (X[:, 0, 0, 0], Y)}, r"images must be \(N, ...\).* got \(10,\)"),
    "bytes": ({"train": (X.astype(np.uint8), Y)}, "images must be floating.*uint8"),
    "text": ({"train": (X, Y.astype(str))}, "train must hold numbers, got dtype <U"),
    "nan": ({"train": (NAN, Y)}, "train: images must be finite"),
    "lengths": ({"train": (X, Y[:9])}, r"one for each of 10 images, got shape \(9,\)"),
    "one-hot": ({"train": (X, np.eye(3)[Y])}, r"got shape \(10, 3\) of torch.float64"),
    "float-labels": ({"train": (X, Y / 1.0)}, "labels must be whole .* torch.float64"),
    "bool-labels": ({"train": (X, Y > 0)}, "labels must be whole .* torch.bool"),
    "label-range": ({"test": (X, Y - 1)}, r"test: labels must lie in 0..2, .*-1..1"),
    "size": (
        {"test": (X[..., 1:], Y)},
        r"cannot take an input of shape \(1, 1, 6, 5\)",
    ),
    "two-heads": ({"model": TwoHeads()}, "must return logits .*, got tuple"),
    "autocast": ({"autocast": "half"}, "autocast must be .* got 'half'"),
    "average": (
        {"average": 1},
        "average must be a number, from 0 to less than 1, got 1",
    ),
    "probe": ({"probe": 3}, "probe must be .* got 3"),
    "schedule": ({"schedule": schedule_of_a_stranger()}, "schedule must be made with"),
}


@pytest.mark.parametrize(("wrong", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_fit_says_what_is_wrong(wrong, message):
    call = {"model": linear_net(), "train": (X, Y), "test": (X, Y), **wrong}
    with pytest.raises(ValueError, match=message):
        fit(call.pop("model"), call.pop("train"), progress=False, **call)


def test_a_schedule_that_waits_for_a_measurement_is_refused():
    model = linear_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ValueError, match="step by itself, got a ReduceLROnPlateau"):
        quiet(model, (X, Y), epochs=1, optimizer=optimizer, schedule=schedule)


def test_large_images_are_finite():
    large = (1e38 * X / X.max()).astype(np.float32)
    assert predict(linear_net(), large).shape == (10, 3)


def test_evaluate_and_predict_say_what_is_wrong():
    model = linear_net()
    with pytest.raises(ValueError, match="data: labels must lie in 0..2"):
        evaluate(model, (X, Y + 5))
    with pytest.raises(ValueError, match="batch_size must be .* got 0"):
        evaluate(model, (X, Y), batch_size=0)
    with pytest.raises(ValueError, match="images: images must be finite"):
        predict(model, NAN)


def test_an_optimizer_of_another_model_is_refused():
    old, new = linear_net(), linear_net()
    optimizer = torch.optim.SGD(old.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="optimizer holds no parameter of this model"):
        quiet(new, (X, Y), optimizer=optimizer)
    optimizer.param_groups[0]["lr"] = np.nan
    with pytest.raises(ValueError, match="learning rate must be >= 0, got nan"):
        quiet(old, (X, Y), optimizer=optimizer)


def test_a_loss_that_explodes_stops_the_run(tmp_path):
    model = seeded(linear_net)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e38)
    file = tmp_path / "run.pt"
    with pytest.raises(
        FloatingPointError, match=r"became (nan|inf) in epoch 1: .* 1e\+38"
    ):
        quiet(model, digits(), epochs=9, optimizer=optimizer, checkpoint=file)
    saved = load_checkpoint(file)["model"]  # the last state that was still sound
    assert all(v.isfinite().all() for v in saved.values())


def test_the_rate_that_was_too_large_is_named_not_what_a_schedule_left_of_it():
    model = seeded(linear_net)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e38)
    schedule = one_cycle(optimizer, 6)
    settings = {"optimizer": optimizer, "schedule": schedule, "batch_size": 10}
    with pytest.raises(FloatingPointError, match=r"rate than 1e\+38"):
        quiet(model, digits(60), epochs=1, **settings)


# --- checkpoint and resume

OPTIMIZERS = {
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=0.01),
    "cycle": lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
}


def noise(images):
    return images + 0.1 * torch.randn_like(images)


def run(epochs, checkpoint=None, optimizer="adam", seed=0, device="cpu"):
    """One run with dropout, batch normalisation and an optimiser that remembers."""
    model = seeded(small_net, seed).to(device)
    chosen, extras = OPTIMIZERS[optimizer](model), {}
    if optimizer == "cycle":  # with all that a recorded run has
        cycle = torch.optim.lr_scheduler.OneCycleLR(chosen, 0.1, total_steps=5 * 5)
        extras = {"schedule": cycle, "augment": noise, "average": 0.9}
    history = fit(
        model,
        digits(40),
        digits(20, seed=1),
        epochs=epochs,
        batch_size=8,
        optimizer=chosen,
        device=device,
        checkpoint=checkpoint,
        progress=False,
        **extras,
    )
    draws = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    return model, history, draws


def assert_same_run(a, b):
    assert_same_weights(a[0], b[0])
    assert a[1:] == b[1:]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stopped_and_resumed_equals_never_stopped(tmp_path, optimizer, device):
    file = tmp_path / "new" / "folder" / "run.pt"
    run(2, file, optimizer, device=device)
    resumed = run(
        5, file, optimizer, seed=7, device=device
    )  # other weights, other draws
    never = run(5, None, optimizer, device=device)
    if device == "cpu":
        assert_same_run(resumed, never)
    assert len(resumed[1].loss) == len(resumed[1].seconds) == 5
    assert resumed[1].loss == pytest.approx(never[1].loss, rel=1e-3)
    assert_same_run(run(5, file, optimizer, seed=8, device=device), resumed)  # done


def die_after(steps):
    """Let this process kill itself, as kill -9 would, after so many training steps."""
    taken = count()

    def hook(*_):
        if next(taken) == steps - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_post_hook(hook)


@pytest.mark.slow
def test_killed_and_resumed_equals_never_killed(tmp_path):
    file, epochs = tmp_path / "run.pt", 6
    code = "import test_training as t; t.one_thread(); t.die_after(3 * 5 + 2); "
    child = subprocess.run(
        [sys.executable, "-c", code + f"t.run({epochs}, {str(file)!r})"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    assert len(load_checkpoint(file)["history"]["loss"]) == 3
    assert_same_run(run(epochs, file, seed=7), run(epochs))


def test_a_kill_while_writing_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    run(1, file)
    before = file.read_bytes()

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            run(2, file)
    assert file.read_bytes() == before
    (tmp_path / "run.pt.part").write_bytes(b"half a fi")
    assert_same_run(run(2, file), run(2))
    assert not (tmp_path / "run.pt.part").exists()


def test_a_place_that_cannot_be_written_fails_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    model = linear_net()
    weight = model[1].weight.clone()
    with pytest.raises(OSError, match="file"):
        quiet(model, (X, Y), checkpoint=tmp_path / "file" / "run.pt")
    assert torch.equal(model[1].weight, weight)


def test_damaged_files_are_refused(tmp_path):
    file = tmp_path / "run.pt"
    run(1, file)
    whole = file.read_bytes()
    sound = load_checkpoint(file)["model"]
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(
            CheckpointError, match=rf"{re.escape(str(file))} is damaged .* delete it"
        ):
            run(2, file)
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.integers(len(whole), size=60):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            model = load_checkpoint(file)["model"]
        except CheckpointError:
            refused += 1
        else:  # a flipped bit in what the format ignores
            assert all(torch.equal(model[k], v) for k, v in sound.items())
    assert refused > 20


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    for write in (torch.save, lambda x, f: Path(f).write_bytes(pickle.dumps(x))):
        write({"model": Attack()}, tmp_path / "run.pt")
        with pytest.raises(CheckpointError, match="no checkpoint"):
            load_checkpoint(tmp_path / "run.pt")
    assert not (tmp_path / "attacked").exists()


def test_a_file_that_may_be_whole_is_not_called_damaged(tmp_path, monkeypatch):
    run(1, tmp_path / "run.pt")
    for problem, kind in (
        (MemoryError(), MemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryError),
        (OSError(5, "Input/output error"), OSError),
    ):
        monkeypatch.setattr(torch, "load", mock.Mock(side_effect=problem))
        with pytest.raises(kind):
            load_checkpoint(tmp_path / "run.pt")


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="damaged or no checkpoint .IsADirectory"):
        run(1, tmp_path)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.pt")
    for other in (torch.zeros(3), {"model": {}}, [1]):
        save_checkpoint(tmp_path / "run.pt", other)
        with pytest.raises(CheckpointError, match="another kind of run"):
            run(1, tmp_path / "run.pt")


def test_another_run_is_refused_and_named(tmp_path):
    file = tmp_path / "run.pt"
    data = digits(40)

    def go(build=small_net, data=data, test=data, lr=0.1, epochs=2, **settings):
        model = build()
        settings["optimizer"] = torch.optim.SGD(model.parameters(), lr=lr)
        quiet(model, data, test, epochs=epochs, checkpoint=file, **settings)

    go()
    before = file.read_bytes()
    for other, message in [
        ({"build": linear_net}, "another model, another weights"),
        ({"build": lambda: small_net(nn.ReLU)}, "another model"),
        ({"build": lambda: small_net().double()}, "another weights"),
        ({"data": digits(40, seed=3)}, "another labels"),
        ({"data": (data[0] / 2, data[1])}, "another images"),
        ({"data": digits(39)}, r"train \(\[40, 1, 6, 6\], now \[39, 1, 6, 6\]\)"),
        ({"test": None}, r"another test \(\[40, 1, 6, 6\], now None\)"),
        ({"lr": 0.2}, "another optimizer"),
        ({"seed": 1}, r"another seed \(0, now 1\)"),
        ({"loss": nn.MultiMarginLoss()}, "another loss .* MultiMarginLoss"),
        ({"augment": noise}, r"another augment \(None, now <function noise>\)"),
        ({"average": 0.9}, "of another kind of run"),
        ({"batch_size": 32}, r"another batch_size \(64, now 32\)"),
        ({"epochs": 1}, "holds 2 epochs, but epochs is 1"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            go(**other)
    assert file.read_bytes() == before


def test_a_schedule_of_another_length_is_another_run(tmp_path):
    def go(epochs, steps, schedule=one_cycle):
        model = seeded(small_net)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        more = {"schedule": schedule(optimizer, steps), "batch_size": 64}
        more |= {"checkpoint": tmp_path / "a.pt"}
        quiet(model, digits(60), epochs=epochs, optimizer=optimizer, **more)

    go(3, 3)
    message = r"another schedule \(OneCycleLR 3, now OneCycleLR 9\)"
    with pytest.raises(CheckpointError, match=message):
        go(9, 9)
    with pytest.raises(
        CheckpointError, match="another schedule .* now CosineAnnealing"
    ):
        go(4, 4, torch.optim.lr_scheduler.CosineAnnealingLR)


def test_another_schedule_of_the_same_kind_is_another_run(tmp_path):
    def go(last):
        model = seeded(small_net)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, last)
        settings = {"optimizer": optimizer, "schedule": schedule}
        quiet(model, digits(40), epochs=2, checkpoint=tmp_path / "a.pt", **settings)

    go(4)
    go(4)
    with pytest.raises(CheckpointError, match="another schedule's numbers"):
        go(9)


@pytest.mark.parametrize(
    "plan",
    [
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6),
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 6),
    ],
)
def test_a_run_goes_on_with_the_optimizer_that_has_run(tmp_path, plan):
    """As after Ctrl+C in a notebook: by then the schedule has changed the rate."""

    def go(*epochs, file=None):
        model = seeded(small_net)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        schedule = plan(optimizer)
        settings = {"optimizer": optimizer, "schedule": schedule, "batch_size": 20}
        for last in epochs:
            quiet(model, digits(40), epochs=last, checkpoint=file, **settings)
        return model

    assert_same_weights(go(1, 3, file=tmp_path / "a.pt"), go(3))


def test_arrays_and_other_dictionaries_are_read_back(tmp_path):
    state = {"a": np.arange(3.0), "b": defaultdict(list, {1: [np.ones(2)]})}
    save_checkpoint(tmp_path / "a.pt", state)
    found = load_checkpoint(tmp_path / "a.pt")
    assert found["a"].tolist() == [0, 1, 2]
    assert found["b"][1][0].tolist() == [1, 1]


def test_numbers_of_numpy_are_read_back(tmp_path):
    model = seeded(small_net)
    optimizer = torch.optim.SGD(model.parameters(), lr=np.float64(0.1))
    settings = {"optimizer": optimizer, "checkpoint": tmp_path / "a.pt"}
    quiet(model, digits(40), epochs=1, **settings)
    assert load_checkpoint(tmp_path / "a.pt")["optimizer"]["param_groups"][0]["lr"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


# --- the bar


def test_the_bar_goes_to_stderr_and_can_be_hidden(capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    fit(linear_net(), (X, Y), epochs=2, device="cpu")
    out, err = capfd.readouterr()
    assert out == ""
    assert "/2 [" in err
    assert err.endswith("\r")  # the bar wiped itself off
    quiet(linear_net(), (X, Y), epochs=2)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    fit(linear_net(), (X, Y), epochs=2, device="cpu")
    assert capfd.readouterr() == ("", "")
