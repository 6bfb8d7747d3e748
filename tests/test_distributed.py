"""Processes that share a run come to what one does, and lose nothing if one dies."""

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
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from test_training import digits, noise, small_net
from torch import nn

from utils import data, distributed, records
from utils.checkpoints import load_checkpoint
from utils.experiments import EXPERIMENTS, Experiment, Recipe, runner
from utils.fast_cifar import Whitening
from utils.training import fit, predict, seed_everything
from utils.transfer import freeze

ROOT = Path(__file__).parents[1]
LIMIT = 300  # seconds, after which a process is taken to hang
CPU = torch.device("cpu")
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo"}

# Children are forked from a process that has read torch, with what an optimizer takes
# of it, but has no threads yet: they start in no time.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["pytest", "torch._dynamo", "utils.experiments"])


def in_processes(count, folder, work, *arguments, device=CPU):
    """What `work(*arguments)` returns in each of so many processes, one group."""
    with started(count, folder, grouped, device, folder, work, *arguments) as children:
        assert exit_codes(children) == count * [0], said(folder, "err")
    assert "Warning" not in said(folder, "err")
    return [torch.load(folder / f"{k}.pt") for k in range(count)]


def grouped(device, folder, work, *arguments):
    with distributed.process_group(device):
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
    # A shell that started the tests in the background may have had it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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


class TwoHeads(nn.Module):
    """What can be shared to the last digits; in float64, rounding hides no mistake."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.heads = nn.ModuleList([nn.Linear(64, 3), nn.Linear(64, 3)])
        self.double()

    def forward(self, x):
        x = self.conv(x).tanh().flatten(1)
        first, second = (head(x) for head in self.heads)
        return (first, second) if self.training else first


def sum_of_losses(output, labels):
    heads = output if isinstance(output, tuple) else (output,)
    return sum(F.cross_entropy(head, labels) for head in heads)


def mirror(images):
    return images.flip(3)


def train(build=TwoHeads, epochs=3, seed=0, augment=mirror, **settings):
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
        loss=sum_of_losses,
        augment=augment,
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
        "draw": torch.rand(1).item(),
    }


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_same_run(found, expected, tolerance=1e-7):
    for key in ("curves", "weights", "logits"):
        torch.testing.assert_close(
            found[key], expected[key], rtol=tolerance, atol=tolerance, msg=key
        )


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_any_number_of_processes_comes_to_the_same(count, tmp_path):
    """Parts differ in size, and of three processes one has none of the last batch."""
    runs = in_processes(count, tmp_path, train)
    assert_same_run(runs[0], train())
    for run in runs[1:]:
        assert_same_run(run, runs[0], tolerance=0)


@pytest.mark.slow
def test_a_run_goes_on_in_another_number_of_processes(tmp_path):
    """And all start as rank 0 did, whose checkpoint it is."""
    file = tmp_path / "run.pt"
    for count, epochs, seed in ((2, 1, 0), (1, 2, 7), (3, 3, 8)):
        work = functools.partial(train, epochs=epochs, checkpoint=file, seed=seed)
        in_processes(count, tmp_path, work)
        assert len(load_checkpoint(file)["history"]["loss"]) == epochs
    assert_same_run(train(epochs=4, checkpoint=file, seed=9), train(epochs=4))


@pytest.mark.slow
def test_draws_differ_and_yet_all_end_alike(tmp_path):
    """Dropout, distortions, batch normalisation in bfloat16: one net in the end."""
    settings = {"augment": noise, "autocast": torch.bfloat16}
    work = functools.partial(train, small_net, **settings)
    first, second = in_processes(2, tmp_path, work)
    assert_same_run(second, first, tolerance=0)
    assert first["draw"] != second["draw"]
    losses, alone = first["curves"]["loss"], work()["curves"]["loss"]
    assert losses[-1] < losses[0]
    assert losses != alone
    assert losses == pytest.approx(alone, rel=0.3)


def normed_net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 3)
    ).double()


def step_with_batch_norm():
    seed_everything(0)
    model = normed_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    fit(model, digits(7), epochs=1, batch_size=7, optimizer=optimizer, progress=False)
    return model.state_dict()


@pytest.mark.slow
def test_batch_norm_on_cpus_sees_its_part(tmp_path):
    """One step by hand: parts of 4 and 3 images, the statistics of rank 0."""
    x, y = map(torch.as_tensor, digits(7))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(0))
    seed_everything(0)
    model = normed_net()
    other = copy.deepcopy(model)
    for net, part in ((model, order[:4]), (other, order[4:])):
        (F.cross_entropy(net(x[part].double()), y[part]) * len(part) / 7).backward()
    with torch.no_grad():
        for weight, twin in zip(model.parameters(), other.parameters(), strict=True):
            weight -= 0.5 * (weight.grad + twin.grad)
    for found in in_processes(2, tmp_path, step_with_batch_norm):
        torch.testing.assert_close(found, model.state_dict(), rtol=1e-10, atol=1e-12)


def test_batch_norm_on_gpus_is_torchs_own():
    """What is trained holds the model's own tensors; the model keeps its layers."""
    model = small_net()
    copied = distributed._with_synchronized_batch_norm(model)
    assert type(copied[1]) is nn.SyncBatchNorm
    assert type(model[1]) is nn.BatchNorm2d
    theirs = model.state_dict(keep_vars=True)
    for name, tensor in copied.state_dict(keep_vars=True).items():
        assert tensor is theirs[name], name
    copied(torch.as_tensor(digits(4)[0]))
    assert model[1].num_batches_tracked == 1


def test_what_was_frozen_stays_frozen_on_gpus():
    model = freeze(small_net(), ["1"])
    copied = distributed._with_synchronized_batch_norm(model).train()
    copied(torch.as_tensor(digits(4)[0]))
    assert type(copied[1]) is nn.SyncBatchNorm
    assert not copied[1].training
    assert torch.equal(copied[1].running_mean, torch.zeros_like(model[1].running_mean))


def first_layer():
    seed_everything(0)
    layer = Whitening()
    images = torch.rand(8, 3, 8, 8)
    net = distributed.data_parallel(layer)
    net(images[distributed.rank() :: 2])  # other images in each process
    return layer.state_dict()


def test_the_whitening_is_the_same_in_every_process(tmp_path):
    one, other = in_processes(2, tmp_path, first_layer)
    assert one["filters"].any()
    for name in one:
        assert torch.equal(one[name], other[name]), name


# --- the parts


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_parts_are_weighted_by_their_size(count, monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: count)
    for total in range(1, 9):
        rows, seen, mean = torch.rand(total, 2).double(), [], 0
        for rank in range(count):
            monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
            mine, weight = distributed.share(rows)
            mean += weight * mine.mean() / count
            seen += [mine] if weight else []
        assert torch.equal(torch.cat(seen), rows)
        torch.testing.assert_close(mean, rows.mean())


@pytest.mark.parametrize("size", [None, "1"])
def test_alone_there_is_nothing_to_do(size, monkeypatch):
    if size:  # torchrun --nproc-per-node 1
        monkeypatch.setenv("WORLD_SIZE", size)
    model, rows = small_net(), torch.ones(2, 3)
    with distributed.process_group(CPU) as device, distributed.rank_0_first():
        assert device is CPU
        assert (distributed.rank(), distributed.world_size()) == (0, 1)
        assert distributed.data_parallel(model) is model
        assert distributed.share(rows)[1] == 1
        assert distributed.from_rank_0(3) == 3
        assert distributed.mean(3, 0.1) == [3, 0.1]


# --- bad input


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
        with distributed.process_group(torch.device(device)):
            pass


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
    variants={
        "net": Recipe(TwoHeads, 4, 30, loss=sum_of_losses, augment=mirror, probe=pause)
    },
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


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(undisturbed, tmp_path):
    """torchrun ends the other, and the same command completes the run, in one process.

    Rank 1 halts after epoch 3, of which rank 0 has written the checkpoint.
    """
    with torchrun(tmp_path, pausing=1) as running:
        os.kill(wait_until_paused(tmp_path, kept=3), signal.SIGKILL)
        out, _ = running.communicate(timeout=LIMIT)
        assert running.returncode != 0
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)  # none of them is left
    assert out.startswith("demo, net, seed 0: ")
    assert out.count("\n") == 1
    (file,) = (tmp_path / "checkpoints/demo").glob("net-1-*.pt")
    assert len(load_checkpoint(file)["history"]["loss"]) == 3

    record = complete(tmp_path, undisturbed, processes=1)
    assert not file.exists()
    for run, launcher in zip(
        record["runs"],
        ("torchrun --standalone --nproc-per-node 2", "python"),
        strict=True,
    ):
        assert run["command"].startswith(f"{launcher} -m utils.experiments")
    assert [run["hardware"].get("processes") for run in record["runs"]] == [2, None]


@pytest.mark.slow
def test_ctrl_c_loses_nothing(undisturbed, tmp_path):
    """Of rank 0, which waits for the other, too; the run goes on in three processes."""
    with started(2, tmp_path, lab, tmp_path, 1) as children:
        wait_until_paused(tmp_path, kept=3)
        for child in children:
            os.kill(child.pid, signal.SIGINT)
        assert set(exit_codes(children)) <= {130, 1}
    complete(tmp_path, undisturbed, processes=3)


def complete(folder, undisturbed, processes):
    """The record, when the same command has been given again."""
    with started(processes, folder, lab, folder) as children:
        assert exit_codes(children) == processes * [0], said(folder, "err")
    first, second, rest = said(folder, "out").split("\n")
    assert first == "demo, net, seed 0: recorded already"
    assert second.startswith("demo, net, seed 1: ")
    assert rest == ""
    record = records.load_record("demo", folder / "results")
    assert_same_record(record, undisturbed)
    return record


def assert_same_record(found, expected):
    assert found["variants"] == expected["variants"]
    for a, b in zip(found["runs"], expected["runs"], strict=True):
        assert (a["variant"], a["seed"]) == (b["variant"], b["seed"])
        for key in ("curve", "final"):
            assert a[key] == {k: pytest.approx(v, rel=2e-4) for k, v in b[key].items()}
        assert [w["index"] for w in a["wrong"]] == [w["index"] for w in b["wrong"]]
