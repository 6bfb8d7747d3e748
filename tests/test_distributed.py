"""Processes that share a run come to what one comes to, and none waits for the dead."""

import copy
import functools
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from test_training import digits
from torch import nn

from utils import data, distributed, records
from utils.checkpoints import load_checkpoint
from utils.experiments import EXPERIMENTS, Experiment, Recipe, runner
from utils.training import fit, predict, seed_everything

ROOT = Path(__file__).parents[1]
LIMIT = 120  # seconds, after which a process is taken to hang
CPU = torch.device("cpu")
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo"}

# Children are forked from a process that has read torch, with what an optimizer takes
# of it, but has no threads yet: they start in no time.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["torch._dynamo", "utils.experiments"])


def in_processes(count, folder, work, *arguments):
    """What `work(*arguments)` returns in each of so many processes, one group."""
    with started(count, folder, grouped, folder, work, *arguments) as children:
        assert exit_codes(children) == count * [0], said(folder, "err")
    return [torch.load(folder / f"{k}.pt") for k in range(count)]


def grouped(folder, work, *arguments):
    with distributed.process_group(CPU, lambda: "Nothing is kept."):
        torch.save(work(*arguments), folder / f"{distributed.rank()}.pt")


@contextmanager
def started(count, folder, call, *arguments):
    """So many processes that run `call(*arguments)`, as torchrun would start them.

    What process k writes goes to the files k.out and k.err of the folder.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for k in range(count):
        environment = {
            "WORLD_SIZE": count,
            "LOCAL_WORLD_SIZE": count,
            "RANK": k,
            "LOCAL_RANK": k,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            **LOOPBACK,
        }
        work = (environment, folder / f"{k}", call, arguments)
        children.append(processes.Process(target=_child, args=work, daemon=True))
        children[-1].start()
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.join()


def _child(environment, file, call, arguments):
    os.environ.update({name: f"{value}" for name, value in environment.items()})
    torch.set_num_threads(1)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(
            os.open(f"{file}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream
        )
    sys.exit(call(*arguments))


def exit_codes(children):
    for child in children:
        child.join(LIMIT)
    return [child.exitcode for child in children]  # None: it hangs


def said(folder, stream):
    return "".join(file.read_text() for file in sorted(folder.glob(f"?.{stream}")))


# --- one process or more


def small_net(layout=torch.contiguous_format):
    """All that mixes or drops, in float64: rounding cannot hide a mistake."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout2d(0.1),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(64, 3),
    )
    return net.double().to(memory_format=layout)


def noise(images):
    return images + 0.1 * torch.randn_like(images)


def train(build=small_net, epochs=3, seed=0, **settings):
    """A run of all that a recorded run has; the last batch of an epoch has 2 images."""
    seed_everything(seed)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=5 * 4)
    history = fit(
        model,
        digits(50),
        digits(31, seed=1),
        epochs=epochs,
        batch_size=16,
        optimizer=optimizer,
        schedule=schedule,
        augment=noise,
        device="cpu",
        progress=False,
        **settings,
    )
    curves = history.state_dict()
    del curves["seconds"]
    return {
        "curves": curves,
        "weights": model.state_dict(),
        "logits": predict(model, digits(9, seed=2)[0]),
        "random": torch.get_rng_state(),
    }


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_same_run(found, expected, tolerance=1e-7):
    for key in ("curves", "weights", "logits", "random"):
        torch.testing.assert_close(
            found[key], expected[key], rtol=tolerance, atol=tolerance, msg=key
        )


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_processes_comes_to_the_same(count, layout, tmp_path):
    """Curves, weights, statistics, logits, and what the generator would draw next.

    Of three processes one has no part of an epoch's last batch.
    """
    build = functools.partial(small_net, layout)
    runs = in_processes(count, tmp_path, train, build)
    assert_same_run(runs[0], train(build))
    for run in runs[1:]:
        assert_same_run(run, runs[0], tolerance=0)


class TwoHeads(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8)
        self.heads = nn.ModuleList([nn.Linear(128, 3), nn.Linear(128, 3)])
        self.to(dtype)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().flatten(1)
        first, second = (head(x) for head in self.heads)
        return (first, second) if self.training else first


def sum_of_losses(output, y):
    heads = output if isinstance(output, tuple) else (output,)
    return sum(F.cross_entropy(head, y) for head in heads)


@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
def test_several_outputs_and_bfloat16_are_shared_too(autocast, tmp_path):
    build = functools.partial(TwoHeads, torch.float32 if autocast else torch.float64)
    work = functools.partial(train, build, loss=sum_of_losses, autocast=autocast)
    first, second = in_processes(2, tmp_path, work)
    assert_same_run(first, work(), tolerance=0.05 if autocast else 1e-7)
    assert_same_run(second, first, tolerance=0)


def test_a_run_goes_on_in_another_number_of_processes(tmp_path):
    """Only rank 0 reads the file: the others take over its state, draws included."""
    file = tmp_path / "run.pt"
    never = train(epochs=4)
    train(epochs=1, checkpoint=file)
    assert len(load_checkpoint(file)["history"]["loss"]) == 1
    for count, epochs in ((3, 2), (2, 3)):
        work = functools.partial(train, epochs=epochs, checkpoint=file, seed=7)
        in_processes(count, tmp_path, work)
        assert len(load_checkpoint(file)["history"]["loss"]) == epochs
    assert_same_run(train(epochs=4, checkpoint=file, seed=8), never)


def start_differently():
    return train(seed=distributed.rank(), epochs=1)


def test_all_start_as_rank_0_does(tmp_path):
    for run in in_processes(2, tmp_path, start_differently):
        assert_same_run(run, train(seed=0, epochs=1))


# --- the parts


class Holding(nn.Module):
    """A layer whose input has a gradient that can be averaged like any other."""

    def __init__(self, layer, x):
        super().__init__()
        self.layer, self.x = layer, nn.Parameter(x)

    def forward(self, rows):
        return self.layer(self.x[rows])


def compare_batch_norms():
    kinds = [
        (nn.BatchNorm1d, (7, 5)),
        (nn.BatchNorm1d, (2, 5, 4)),  # the first of three processes has no row
        (nn.BatchNorm2d, (7, 5, 3, 2)),
        (nn.BatchNorm3d, (4, 5, 1, 2, 3)),
    ]
    settings = [
        {},
        {"affine": False, "momentum": 0.0},
        {"momentum": None, "eps": 1e-2},
        {"track_running_stats": False},
    ]
    for (kind, shape), given in product(kinds, settings):
        compare(kind(5, **given).double(), torch.randn(shape).double(), 1e-10)
    far_from_zero = 100 + torch.randn(7, 5, 3, 2)
    compare(nn.BatchNorm2d(5), far_from_zero, 1e-3)
    try:
        distributed.data_parallel(nn.BatchNorm1d(3))(torch.ones(1, 3))
    except ValueError as error:
        return f"{error}"


def compare(layer, x, tolerance):
    """A layer with the whole batch x, and the same with parts of it."""
    whole = Holding(layer, x)
    parts, rows = copy.deepcopy(whole), torch.arange(len(x))
    shared = distributed.data_parallel(parts)

    def same(a, b):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)

    for _ in range(2):
        ours, theirs = shared(rows), whole(rows)
        same(ours, theirs)
    for y in (ours, theirs):
        (y * torch.arange(y.numel()).view(y.shape).sin()).square().sum().backward()
    distributed.average_gradients(parts)
    for a, b in zip(parts.parameters(), whole.parameters(), strict=True):
        same(a.grad, b.grad)
    same(parts.state_dict(), whole.state_dict())
    parts.eval()
    same(shared(rows), whole.eval()(rows))
    assert "forward" not in vars(layer)


def test_batch_norm_is_that_of_the_whole_batch(tmp_path):
    """Outputs, gradients and running statistics, with equal parts and without."""
    for count in (2, 3):
        said = in_processes(count, tmp_path, compare_batch_norms)
        assert all("more than one value a channel" in text for text in said)


def compare_gradients():
    seed_everything(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    ours, x, y = copy.deepcopy(model), *map(torch.as_tensor, digits(16))
    F.cross_entropy(distributed.data_parallel(ours)(x), y).backward()
    distributed.average_gradients(ours)
    theirs = nn.parallel.DistributedDataParallel(model)
    mine = slice(8 * distributed.rank(), 8 * distributed.rank() + 8)
    F.cross_entropy(theirs(x[mine]), y[mine]).backward()
    for a, b in zip(ours.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_gradients_are_those_of_torchs_own_data_parallel(tmp_path):
    in_processes(2, tmp_path, compare_gradients)


def exchange_rows():
    x = torch.full((2, 3), 1.0 + distributed.rank(), requires_grad=True)
    rows = distributed.exchange(x)
    (rows * (1 + distributed.rank()) * torch.arange(4)[:, None]).sum().backward()
    return rows.detach(), x.grad


def test_an_exchange_takes_gradients_back(tmp_path):
    """Each process uses all rows, with factor 1 or 2: the gradient adds both up."""
    first, second = in_processes(2, tmp_path, exchange_rows)
    rows = torch.tensor([1.0, 1.0, 2.0, 2.0])[:, None].expand(4, 3)
    grads = 3 * torch.arange(4.0)[:, None].expand(4, 3)
    for part, (found, grad) in enumerate((first, second)):
        assert torch.equal(found, rows)
        assert torch.equal(grad, grads[2 * part : 2 * part + 2])


@pytest.mark.parametrize("size", [None, "1"])
def test_alone_there_is_nothing_to_do(size, monkeypatch):
    if size:  # torchrun --nproc-per-node 1
        monkeypatch.setenv("WORLD_SIZE", size)
    model, x = small_net(), torch.ones(2, 3)
    with distributed.process_group(CPU, None) as device, distributed.rank_0_first():
        assert device is CPU
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        assert distributed.data_parallel(model) is model
        assert distributed.exchange(x) is x
        assert distributed.from_rank_0(3) == 3


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_networks_draw_random_numbers_in_dropout_only(name):
    """What a layer of another kind drew would differ from process to process."""
    shape = (3, 32, 32) if EXPERIMENTS[name].data == "cifar10" else (1, 28, 28)
    for model in {recipe.model for recipe in EXPERIMENTS[name].variants.values()}:
        net = model().train()
        for layer in net.modules():
            layer.training &= not isinstance(layer, distributed.DROPOUTS)
        before = torch.get_rng_state()
        net(torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(torch.get_rng_state(), before)


# --- bad input


def batches_of_one():
    try:
        fit(small_net(), digits(9), batch_size=1, device="cpu")
    except ValueError as error:
        return f"{error}"


def test_batches_too_small_are_refused(tmp_path):
    for said in in_processes(2, tmp_path, batches_of_one):
        assert said.startswith("batch_size (1) is smaller than the number of processes")


@pytest.mark.parametrize(
    ("device", "error", "message"),
    [
        ("cuda", RuntimeError, "4 processes need a GPU each, and torch finds 2 here"),
        ("cuda:1", ValueError, "device must be 'cpu' or 'cuda', .* got 'cuda:1'"),
        ("mps", ValueError, "each of the 4 processes .* got 'mps'"),
    ],
)
def test_devices_that_cannot_be_shared_out(device, error, message, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(error, match=message):
        with distributed.process_group(torch.device(device), None):
            pass


# --- the dead


def rank_0_waits(folder, then):
    """For rank 1, which fails, or goes on sleeping."""
    if distributed.rank() == 0:
        (folder / "waiting").touch()
        distributed.exchange(torch.ones(1))
    elif then == "fails":
        raise OSError("the disk is full")
    time.sleep(LIMIT)


@pytest.mark.parametrize("then", ["fails", "sleeps"])
def test_nobody_waits_for_ever(then, tmp_path):
    """A worker that sleeps keeps its partner inside gloo, deaf to Python's handlers."""
    work = (grouped, tmp_path, rank_0_waits, tmp_path, then)
    with started(2, tmp_path, *work) as (first, second):
        if then == "sleeps":
            wait_for(tmp_path / "waiting")
            os.kill(first.pid, signal.SIGTERM)  # as torchrun does
        assert exit_codes([first]) == [1]
    words = (tmp_path / "0.err").read_text()
    assert words.startswith("\nA process of this run died")
    assert "Nothing is kept." in words
    assert ("disk is full" in (tmp_path / "1.err").read_text()) == (then == "fails")


def wait_for(file, ready=Path.exists):
    deadline = time.monotonic() + LIMIT
    while not ready(file):
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- recorded runs


def tiny_data():
    return tuple(data.Images(*digits(count, seed=count)) for count in (200, 100))


def pause(model, images, labels):
    """A probe: the process that is to pause does so after epoch 3 of the second run."""
    pause.calls += 1
    if distributed.rank() == pause.rank and pause.calls == 4 + 3:
        pause.file.write_text(f"{os.getpid()}")
        time.sleep(LIMIT)
    return {}


DEMO = Experiment(
    "A small experiment for these tests",
    data="tiny",
    variants={"net": Recipe(small_net, 4, 30, augment=noise, probe=pause)},
    seeds=(0, 1),
)


def lab(folder, pausing=None):
    """python -m utils.experiments demo, with a folder for all that it writes."""
    pause.calls, pause.rank, pause.file = 0, pausing, folder / "paused"
    places = {"folder": folder / "results", "checkpoints": folder / "checkpoints"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXPERIMENTS, "demo", DEMO)
        patch.setattr(data, "tiny", tiny_data, raising=False)
        run_all = functools.partial(runner.run_all, **places)
        patch.setattr(runner, "run_all", run_all)
        return runner.main(["demo", "--device", "cpu"])


def wait_until_paused(folder, kept):
    """Until a rank pauses and the checkpoint is of epoch `kept`; returns its pid."""
    wait_for(folder / "paused")
    (file,) = (folder / "checkpoints/demo").glob("net-1-*.pt")
    wait_for(file, lambda file: len(load_checkpoint(file)["history"]["loss"]) == kept)
    return int((folder / "paused").read_text())


@contextmanager
def torchrun(folder, pausing):
    """torchrun itself, at work on the lab in two processes."""
    script = folder / "lab.py"
    script.write_text(
        "import pathlib, sys, torch, test_distributed\n"
        "torch.set_num_threads(1)\n"
        f"sys.exit(test_distributed.lab(pathlib.Path({str(folder)!r}), {pausing}))\n",
        encoding="utf-8",
    )
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    command = "-m torch.distributed.run --standalone --nproc-per-node 2".split()
    running = subprocess.Popen(
        [sys.executable, *command, str(script)],
        env={**os.environ, "PYTHONPATH": paths, **LOOPBACK},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The record of the demo, of one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert lab(folder) == 0
    return records.load_record("demo", folder / "results")


@pytest.mark.parametrize(("victim", "kept", "again"), [(0, 2, 1), (1, 3, 3)])
def test_a_killed_worker_ends_the_run_and_it_goes_on(
    victim, kept, again, undisturbed, tmp_path
):
    """At once, with a word; the same command completes it, in any number of processes.

    It dies in epoch 3: rank 0 has not written the checkpoint of that epoch.
    """
    with torchrun(tmp_path, pausing=victim) as running:
        os.kill(wait_until_paused(tmp_path, kept), signal.SIGKILL)
        out, err = running.communicate(timeout=LIMIT)
        assert running.returncode != 0
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)  # none of them is left
    assert out.startswith("demo, net, seed 0: ")
    assert out.count("\n") == 1
    assert "A process of this run died" in err
    assert f"Of demo, net, seed 1 the checkpoint of epoch {kept} is kept: the" in err

    with started(again, tmp_path, lab, tmp_path) as children:
        assert exit_codes(children) == again * [0], said(tmp_path, "err")
    first, second, end = said(tmp_path, "out").split("\n")
    assert first == "demo, net, seed 0: recorded already"
    assert second.startswith("demo, net, seed 1: ")
    assert end == ""
    assert not list((tmp_path / "checkpoints").rglob("*.pt"))
    record = records.load_record("demo", tmp_path / "results")
    assert_same_record(record, undisturbed)
    for run, count in zip(record["runs"], (2, again), strict=True):
        assert run["hardware"].get("processes", 1) == count
        launcher = f"torchrun --standalone --nproc-per-node {count}"
        launcher = launcher if count > 1 else "python"
        assert run["command"].startswith(f"{launcher} -m utils.experiments")


def test_ctrl_c_ends_all(tmp_path):
    with started(2, tmp_path, lab, tmp_path, 1) as children:
        wait_until_paused(tmp_path, kept=3)
        for child in children:
            os.kill(child.pid, signal.SIGINT)
        assert exit_codes(children) == [130, 130]
    words = said(tmp_path, "err")
    assert words.count("Stopped.") == 1
    assert "Of demo, net, seed 1 the checkpoint of epoch 3 is kept: the" in words


def assert_same_record(found, expected):
    assert found["variants"] == expected["variants"]
    for a, b in zip(found["runs"], expected["runs"], strict=True):
        assert (a["variant"], a["seed"]) == (b["variant"], b["seed"])
        for key in ("curve", "final"):
            assert a[key] == {k: pytest.approx(v, rel=2e-4) for k, v in b[key].items()}
        assert [w["index"] for w in a["wrong"]] == [w["index"] for w in b["wrong"]]
