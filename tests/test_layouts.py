"""No network meets the corner in which oneDNN writes where it must not.

On processors with AVX2 and no AVX-512, the weight gradient of a strided 1 x 1
convolution of fewer than 8 channels, with channels last in memory, is wrong, or ends
the process (oneDNN's issue 6035; in torch 2.11 to 2.14). Every network of the book is
compared with itself in the plain layout, here and as if the processor had AVX2 only.
"""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from utils import zoo
from utils.alexnet import GAINS, AlexNet, SmallAlexNet, begin_scaled
from utils.experiments.alexnet import FourLayers
from utils.inception import GoogLeNet, five_by_five
from utils.inception_resnet import inception_resnet_v2
from utils.inception_v4 import inception_v4
from utils.lenet import LeNet5
from utils.resnet import (
    Bottleneck,
    CifarResNet,
    DigitResNet,
    PreactivationUnit,
    ResidualUnit,
    ResNet,
    stage,
)
from utils.small_googlenet import SmallGoogLeNet
from utils.vgg import nin

ROOT = Path(__file__).parents[1]


def preactivated(width):
    """A small net of pre-activation units, channels last in memory."""
    body = stage(PreactivationUnit, 2, 3, 2 * width + 1, 2)
    net = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return net.to(memory_format=torch.channels_last)


def resnets(unit, widths=(4, 8, 12, 16, 32), **options):
    """Small networks for large images, and the shape of one."""
    blocks = (1, 1, 1, 1)
    nets = [lambda w=w: ResNet(unit, w, blocks, 10, **options) for w in widths]
    return nets, (3, 40, 40)


def every_width(build):
    """Networks for small images of any width, and the shape of one."""
    return [lambda w=w: build(w) for w in range(1, 17)], (3, 28, 28)


def narrow_alexnet():
    """As narrow as can be; with weights of 0.01 the maxima would be ties."""
    net = AlexNet(num_classes=4, channels=(4, 4, 4, 4, 4))
    begin_scaled(net, GAINS[nn.ReLU])
    return net.to(memory_format=torch.channels_last)


def small_alexnet(in_channels):
    net = SmallAlexNet(in_channels=in_channels)
    return net.to(memory_format=torch.channels_last)


# Name -> networks to build and the shape of an image.
NETWORKS = {
    "plain": every_width(lambda width: CifarResNet(8, False, width=width)),
    "A": every_width(lambda width: CifarResNet(8, True, "A", width=width)),
    "B": every_width(lambda width: CifarResNet(8, True, "B", width=width)),
    "C": every_width(lambda width: CifarResNet(8, True, "C", width=width)),
    "pre-activation": every_width(preactivated),
    "ImageNet, A": resnets(ResidualUnit, (64, 66), shortcut="A"),
    "ImageNet, B": resnets(ResidualUnit),
    "ImageNet, C": resnets(ResidualUnit, shortcut="C"),
    "bottleneck, A": resnets(Bottleneck, (64, 72), shortcut="A"),
    "bottleneck, B": resnets(Bottleneck),
    "bottleneck, C": resnets(Bottleneck, shortcut="C"),
    "bottleneck, 3x3": resnets(Bottleneck, stride_at="3x3"),
    "DigitResNet": (
        [lambda: DigitResNet(8), lambda: DigitResNet(8, True, "B")],
        (1, 28, 28),
    ),
    "LeNet5": ([LeNet5], (1, 28, 28)),
    "AlexNet": ([narrow_alexnet], (3, 224, 224)),
    "SmallAlexNet": ([lambda: small_alexnet(3)], (3, 32, 32)),
    "SmallAlexNet, grey": ([lambda: small_alexnet(1)], (1, 28, 28)),
    "FourLayers": ([lambda: FourLayers(nn.Tanh)], (3, 32, 32)),
    "SmallGoogLeNet": (
        [
            lambda: SmallGoogLeNet(aux_classifiers=False),
            lambda: SmallGoogLeNet(aux_classifiers=False, batch_norm=False),
            lambda: SmallGoogLeNet(aux_classifiers=False, window=five_by_five),
        ],
        (3, 32, 32),
    ),
}
# Too large to run here: their layers are looked at.
LARGE = [
    *(lambda name=name: zoo.build(name) for name in zoo.ARCHITECTURES),
    lambda: zoo.build("resnet50", stride_at="3x3"),
    zoo.plain34,
    zoo.vgg19,
    AlexNet,
    GoogLeNet,
    inception_v4,
    inception_resnet_v2,
    nin,
]


def gradients(net, images):
    net(images).square().sum().backward()
    return {name: weight.grad for name, weight in net.named_parameters()}


def check(name):
    """The gradients of a network in both layouts, as good as equal."""
    builders, shape = NETWORKS[name]
    for build in builders:
        torch.manual_seed(0)
        net = build().eval()
        plain = copy.deepcopy(net).to(memory_format=torch.contiguous_format)
        images = torch.rand(2, *shape)
        ours, theirs = gradients(net, images), gradients(plain, images)
        for key, gradient in ours.items():
            far = (gradient - theirs[key]).norm()
            assert far <= 1e-3 * theirs[key].norm() + 1e-6, (name, key, float(far))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_the_plain_layout(name):
    check(name)


@pytest.mark.slow
def test_gradients_are_right_on_a_processor_with_avx2_only():
    """Most laptops. Elsewhere oneDNN does as if, when told to before it starts."""
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def strided_pointwise(net) -> list[str]:
    """Names of the 1 x 1 convolutions with a stride."""
    return [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d)
        and set(module.kernel_size) == {1}
        and set(module.stride) != {1}
    ]


def test_no_network_has_a_pointwise_convolution_with_a_stride():
    small = [build for builders, _ in NETWORKS.values() for build in builders]
    for build in (*small, *LARGE):
        with torch.device("meta"):
            net = build()
        assert any(isinstance(m, nn.Conv2d) for m in net.modules())
        assert not strided_pointwise(net), type(net).__name__


def test_such_a_convolution_is_found():
    convolutions = [nn.Conv2d(4, 8, 1, stride=s) for s in (1, 2, (1, 2))]
    assert strided_pointwise(nn.Sequential(*convolutions)) == ["1", "2"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for every in NETWORKS:
        check(every)
