"""What runs on a GPU comes to what the CPU does: on the CPU itself if there is none."""

import functools

import pytest
import torch
from test_distributed import CPU, in_processes
from test_training import digits, small_net
from torch import nn

from utils import experiments, records
from utils.alexnet import SmallAlexNet
from utils.augmentation import PCAColour, RandomCropFlip, RandomDistortion
from utils.experiments import Experiment, Recipe, runner
from utils.lenet import LeNet5, LeNet5Original
from utils.resnet import CifarResNet
from utils.small_googlenet import SmallGoogLeNet
from utils.training import fit, seed_everything, train_step

GPUS = torch.cuda.device_count()
DEVICE = torch.device("cuda" if GPUS else "cpu")
NETS = {
    "lenet": (LeNet5, (1, 28, 28)),
    "original": (LeNet5Original, (1, 28, 28)),
    "alexnet": (functools.partial(SmallAlexNet, dropout=0.0), (3, 32, 32)),
    "googlenet": (
        functools.partial(SmallGoogLeNet, aux_classifiers=False),
        (3, 32, 32),
    ),
    "resnet": (functools.partial(CifarResNet, 8), (3, 32, 32)),
}


@pytest.mark.parametrize(("build", "shape"), NETS.values(), ids=NETS)
def test_every_network_takes_the_step_that_it_takes_on_a_cpu(build, shape):
    def step(device):
        seed_everything(0)
        model = build().double()  # in float32 a GPU may round to ten bits
        images, labels = torch.rand(6, *shape).double(), torch.arange(6)
        model.to(device).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        data = images.to(device), labels.to(device)
        _, loss = train_step(model, *data, optimizer)
        weights = {k: v.cpu() for k, v in model.state_dict().items()}
        return {"loss": loss.cpu(), **weights}

    torch.testing.assert_close(step(DEVICE), step(CPU), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "augment",
    [
        RandomDistortion(2, 10, 0.1, 0.1, 0.5),
        RandomCropFlip(2),
        PCAColour(torch.rand(9, 3, 8, 8)),
    ],
)
def test_images_are_changed_where_they_are(augment):
    images = torch.rand(5, 3, 8, 8, device=DEVICE)
    changed = augment(images)
    assert changed.device == images.device
    assert changed.shape == images.shape
    assert changed.isfinite().all()


def test_bfloat16_and_the_average_learn():
    seed_everything(0)
    train = digits(200)
    history = fit(
        *(small_net(nn.ReLU), train, train),
        epochs=8,
        batch_size=16,
        autocast=torch.bfloat16,
        average=0.9,
        device=DEVICE,
        progress=False,
    )
    assert history.test_accuracy[-1] > 0.8


def test_an_optimizer_that_has_stepped_elsewhere_moves_along():
    seed_everything(0)
    model, (x, y) = small_net(), digits(20)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    train_step(model, torch.from_numpy(x), torch.from_numpy(y), sgd)
    fit(model, (x, y), epochs=1, optimizer=sgd, device=DEVICE, progress=False)
    places = {s["momentum_buffer"].device.type for s in sgd.state.values()}
    assert places == {DEVICE.type}


def linear_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def test_a_record_names_the_device(tmp_path, monkeypatch):
    demo = Experiment(
        "A small experiment for these tests",
        data="mnist5k",
        variants={"linear": Recipe(linear_net, epochs=1)},
        seeds=(0,),
    )
    monkeypatch.setitem(experiments.EXPERIMENTS, "demo", demo)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    runner.run_all("demo", device=f"{DEVICE}", folder=tmp_path, checkpoints=tmp_path)
    (run,) = records.load_record("demo", tmp_path)["runs"]
    name = torch.cuda.get_device_name() if GPUS else "cpu"
    assert run["hardware"]["device"] == name


def together():
    seed_everything(0)
    model, train = small_net(), digits(40)
    history = fit(
        model, train, train, epochs=2, batch_size=8, average=0.9, progress=False
    )
    return history.loss, next(model.parameters()).device.type


@pytest.mark.slow
@pytest.mark.skipif(GPUS == 1, reason="one GPU: there is nothing to share out")
def test_as_many_processes_as_there_are_gpus_train_one_model(tmp_path):
    found = in_processes(max(GPUS, 2), tmp_path, together, device=DEVICE)
    for losses, where in found:
        assert losses == found[0][0]
        assert losses[1] < losses[0]
        assert where == DEVICE.type
