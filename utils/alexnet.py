"""AlexNet as it was published in 2012, a small one of the same ideas, and two towers.

`AlexNet` is the network of the paper, 60,965,224 parameters: layers 2, 4 and 5 are
grouped, so that two devices can hold one half of every layer each. `SmallAlexNet`
reads images of 32 x 32 pixels. `TwoTowers` takes either apart into two `Tower`s, which
compute the same and exchange what they have in a few places only.

    torchrun --standalone --nproc-per-node 2 -m utils.alexnet

trains two towers, each in a process of its own, beside the whole net in one process.

Source: A. Krizhevsky, I. Sutskever and G. Hinton, "ImageNet classification with deep
convolutional neural networks", NIPS 2012.
"""

import copy
import math
import sys
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

from utils import data, distributed
from utils.checking import checked_images, checked_number, checked_whole
from utils.convolution1d import output_size
from utils.counting import count_parameters
from utils.training import pick_device, seed_everything

CHANNELS = (96, 256, 384, 384, 256)  # of the five convolutions, both towers together
# Initial weights of `SmallAlexNet` have the standard deviation gain / sqrt(inputs).
GAINS = {nn.ReLU: math.sqrt(2), nn.Tanh: 1.0}
# What `SmallAlexNet` does with grey and colour images.
INPUTS = {
    channels: {"sizes": sizes, "mean": mean, "std": std}
    for channels, sizes in ((1, (28, 32)), (3, (32,)))
    for mean, std in [data.STATISTICS[channels]]
}
NORMS = ("local", "batch", None)
STAGES = 5  # between them the towers exchange what they have


def _neighbour_sums(values, size, groups):
    """Of each map and those around it, `size` in all, within its group."""
    sums = values.clone()
    parts = zip(sums.chunk(groups, dim=1), values.chunk(groups, dim=1), strict=True)
    for total, part in parts:
        for j in range(1, size // 2 + 1):
            total[:, j:] += part[:, :-j]
            total[:, :-j] += part[:, j:]
    return sums


class _LocalResponse(torch.autograd.Function):
    """b_i = a_i d_i^-beta with d_i = k + alpha * sum_j a_j^2, and the way back.

    With c_i = grad_i a_i / d_i^(beta + 1), the gradient for a_j is
    grad_j d_j^-beta - 2 alpha beta a_j * sum_i c_i: i is a neighbour of j where j is
    one of i, so that both sums run over the same maps.
    """

    @staticmethod
    def forward(ctx, a, size, alpha, beta, k, groups):
        d = _neighbour_sums(a * a, size, groups).mul_(alpha).add_(k)
        factor = d.pow(-beta)
        ctx.save_for_backward(a, d, factor)
        ctx.constants = size, alpha, beta, groups
        return a * factor

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        a, d, factor = ctx.saved_tensors
        size, alpha, beta, groups = ctx.constants
        direct = grad * factor
        sums = _neighbour_sums((direct * a).div_(d), size, groups)
        return direct - sums.mul_(a).mul_(2 * alpha * beta), *[None] * 5


class LocalResponseNorm(nn.Module):
    """Each activity divided by those of its neighbours: nearby maps compete.

    b_i = a_i / (k + alpha * sum_j a_j^2)^beta, pixel by pixel, where j runs over the
    `size` maps around map i, as far as they exist and are of its group (section 3.3 of
    the paper). No parameters; (N, C, H, W) -> (N, C, H, W).

    torch.nn.LocalResponseNorm divides alpha by the size: its alpha is `size` times the
    paper's, which this one takes.

    Args:
        size: how many maps take part, an odd number; n in the paper.
        alpha, beta, k: as in the formula; the defaults are the paper's.
        groups: so many equal parts of the maps, which do not see each other.

    Raises:
        ValueError: a size that is even, an argument out of range, or, in the call, maps
            that are not (N, C, H, W) or cannot be divided into the groups.
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1):
        super().__init__()
        self.size = checked_whole("size", size, 1)
        if size % 2 == 0:
            raise ValueError(f"size must be odd, to have a middle, got {size}")
        self.alpha = checked_number("alpha", alpha)
        self.beta = checked_number("beta", beta)
        self.k = checked_number("k", k)
        if self.k == 0:
            raise ValueError("k must be positive: maps that are all 0 divide by it")
        self.groups = checked_whole("groups", groups, 1)

    def extra_repr(self):
        names = "size", "alpha", "beta", "k", "groups"
        return ", ".join(f"{name}={getattr(self, name):g}" for name in names)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] % self.groups:
            raise ValueError(
                f"x must be (N, C, H, W) with C a multiple of groups ({self.groups}), "
                f"got {tuple(x.shape)}"
            )
        return _LocalResponse.apply(
            x, self.size, self.alpha, self.beta, self.k, self.groups
        )


class InputLayer(nn.Module):
    """Checks the images, pads them with zeros, and standardises each channel.

    (N, C, H, H) -> (N, C, size, size).

    Args:
        channels: C.
        sizes: heights and widths that are taken; smaller ones get a border, as wide on
            each side, up to the last.
        mean, std: (C,), or None to leave the pixels as they are.

    Raises:
        ValueError: in the call, images of another shape, or of whole numbers.
    """

    def __init__(self, channels, sizes, mean=None, std=None):
        super().__init__()
        self.channels, self.sizes = channels, tuple(sizes)
        self.standardises = mean is not None
        if self.standardises:
            for name, values in (("mean", mean), ("std", std)):
                values = torch.tensor(values)[:, None, None]
                self.register_buffer(name, values, persistent=False)

    def forward(self, images):
        checked_images(images, *((self.channels, n, n) for n in self.sizes))
        border = (self.sizes[-1] - images.shape[-1]) // 2
        x = F.pad(images, [border] * 4) if border else images
        return (x - self.mean) / self.std if self.standardises else x


class _Layers(nn.Module):
    """The layers of a whole net, or of one tower of it, in five stages.

    Each of `stages` is a method that yields (name, output) of its layers, one after the
    other, an activation included. Shapes in comments are those of `AlexNet`; a tower
    has half the maps, and half the neurons, in each.
    """

    @property
    def stages(self):
        return (
            self._layers_1_2,
            self._layers_3_5,
            self._layer_6,
            self._layer_7,
            self._layer_8,
        )

    def stage(self, k, x):
        """The output of stage k = 0..4, for the whole output of the one before."""
        *_, (_, x) = self.stages[k](x)
        return x

    def _layers_1_2(self, x):  # (N, 3, 224, 224)
        yield "conv1", (x := self.activation(self.conv1(x)))  # (N, 96, 55, 55)
        yield "norm1", (x := self.norm1(x))
        yield "pool1", (x := self.pool1(x))  # (N, 96, 27, 27)
        yield "conv2", (x := self.activation(self.conv2(x)))  # (N, 256, 27, 27)
        yield "norm2", (x := self.norm2(x))
        yield "pool2", (x := self.pool2(x))  # (N, 256, 13, 13)

    def _layers_3_5(self, x):
        yield "conv3", (x := self.activation(self.conv3(x)))  # (N, 384, 13, 13)
        yield "conv4", (x := self.activation(self.conv4(x)))  # (N, 384, 13, 13)
        yield "conv5", (x := self.activation(self.conv5(x)))  # (N, 256, 13, 13)
        yield "pool5", self.pool5(x)  # (N, 256, 6, 6)

    def _layer_6(self, x):
        yield "fc6", self.dropout(self.activation(self.fc6(x.flatten(1))))  # (N, 4096)

    def _layer_7(self, x):
        yield "fc7", self.dropout(self.activation(self.fc7(x)))  # (N, 4096)

    def _layer_8(self, x):
        yield "fc8", self.fc8(x)  # (N, 1000)


class _AlexNet(_Layers):
    """What the large and the small net have in common."""

    def layers(self, images):
        """Yield (name, output) of each layer, conv1 to fc8, after its activation."""
        x = self.input(images)
        for stage in self.stages:
            for name, output in stage(x):
                yield name, output
            x = output

    def forward(self, images):
        """Logits (N, classes) of images as the class describes them."""
        *_, (_, logits) = self.layers(images)
        return logits

    def _weighted(self):
        return [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def _check(num_classes, groups, dropout, channels, norm):
    checked_whole("num_classes", num_classes, 1)
    checked_whole("groups", groups, 1)
    checked_number("dropout", dropout, below=1)
    if len(channels) != 5:
        raise ValueError(f"channels must be five numbers, got {channels!r}")
    for channel in channels:
        if checked_whole("channels", channel, 1) % groups:
            raise ValueError(
                f"groups ({groups}) must divide the channels of every layer, "
                f"got {tuple(channels)}"
            )
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {NORMS}, got {norm!r}")


def _norm(kind, channels, groups, alpha):
    if kind == "local":
        return LocalResponseNorm(alpha=alpha, groups=groups)
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.Identity()


class AlexNet(_AlexNet):
    """The network of 2012: 60,965,224 parameters, 724 million MACs an image.

    It takes images (N, 3, 224, 224), or (N, 3, 227, 227) if `padding` is 0, from which
    the mean of the training images has been taken off (the paper's pixels then run from
    about -128 to 128). Weights begin as in the paper, normal with standard deviation
    0.01; biases of layers 2, 4, 5, 6 and 7 begin at 1, the others at 0.

    Args:
        num_classes: outputs of the last layer.
        groups: 2 for the two towers of the paper, 1 for one net (62,378,344
            parameters).
        dropout: the share of the neurons of layers 6 and 7 left out in training.
        channels: of the five convolutions.
        norm: "local" (of the paper), "batch" or None, after layers 1 and 2.
        padding: of layer 1. The paper tells 224 pixels and no padding, which do not
            fit: 2 or 0.

    Raises:
        ValueError: an argument out of range, groups that do not divide the channels,
            or, in the call, images of another shape or type.
    """

    def __init__(
        self,
        num_classes=1000,
        groups=2,
        dropout=0.5,
        channels=CHANNELS,
        norm="local",
        padding=2,
    ):
        super().__init__()
        _check(num_classes, groups, dropout, channels, norm)
        if padding not in (0, 2):
            raise ValueError(
                "padding must be 2, for images of 224 pixels, or 0, for 227, "
                f"got {padding!r}"
            )
        self.groups = groups
        c1, c2, c3, c4, c5 = channels
        self.input = InputLayer(3, [224 if padding else 227])
        self.conv1 = nn.Conv2d(3, c1, kernel_size=11, stride=4, padding=padding)
        self.norm1 = _norm(norm, c1, groups, alpha=1e-4)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv2 = nn.Conv2d(c1, c2, kernel_size=5, padding=2, groups=groups)
        self.norm2 = _norm(norm, c2, groups, alpha=1e-4)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv3 = nn.Conv2d(c2, c3, kernel_size=3, padding=1)  # sees both towers
        self.conv4 = nn.Conv2d(c3, c4, kernel_size=3, padding=1, groups=groups)
        self.conv5 = nn.Conv2d(c4, c5, kernel_size=3, padding=1, groups=groups)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.fc6 = nn.Linear(c5 * 6 * 6, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, num_classes)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)
        for layer in self._weighted():
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        for layer in (self.conv2, self.conv4, self.conv5, self.fc6, self.fc7):
            nn.init.ones_(layer.bias)


class SmallAlexNet(_AlexNet):
    """AlexNet for small images, the same thirteen layers.

    It takes colour images (N, 3, 32, 32), or grey ones (N, 1, 28, 28) or
    (N, 1, 32, 32), with pixels from 0 to 1, and standardises them itself: by the mean
    and standard deviation of CIFAR-10's training images for each of three channels, of
    MNIST's for one. 347,978 parameters, 7.0 million MACs an image in colour.

    The paper's pixels are 64 times larger than standardised ones, so that alpha of the
    local response normalisation, which multiplies squares, is here 64^2 times larger.
    Weights begin normal, with the variance that suits the activation, biases at 0.

    Args:
        num_classes: outputs of the last layer.
        in_channels: 3 for colour, 1 for grey.
        activation: the class of its activations, `nn.ReLU` or `nn.Tanh`.
        groups: 2 for two towers, 1 for one net.
        dropout: the share of the neurons of layers 6 and 7 left out in training.
        norm: "local" (of the paper), "batch" or None, after layers 1 and 2.

    Raises:
        ValueError: an argument out of range, or, in the call, images of another shape
            or type.
    """

    CHANNELS = (32, 96, 128, 128, 96)

    def __init__(
        self,
        num_classes=10,
        in_channels=3,
        activation=nn.ReLU,
        groups=2,
        dropout=0.5,
        norm="local",
    ):
        super().__init__()
        _check(num_classes, groups, dropout, self.CHANNELS, norm)
        if in_channels not in INPUTS:
            raise ValueError(f"in_channels must be 1 or 3, got {in_channels!r}")
        if activation not in GAINS:
            raise ValueError(
                f"activation must be the class nn.ReLU or nn.Tanh, got {activation!r}"
            )
        self.groups = groups
        c1, c2, c3, c4, c5 = self.CHANNELS
        alpha = 1e-4 * 64**2
        self.input = InputLayer(in_channels, **INPUTS[in_channels])
        self.conv1 = nn.Conv2d(in_channels, c1, kernel_size=5, stride=2, padding=2)
        self.norm1 = _norm(norm, c1, groups, alpha)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # 16 -> 8
        self.conv2 = nn.Conv2d(c1, c2, kernel_size=5, padding=2, groups=groups)
        self.norm2 = _norm(norm, c2, groups, alpha)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # 8 -> 4
        self.conv3 = nn.Conv2d(c2, c3, kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(c3, c4, kernel_size=3, padding=1, groups=groups)
        self.conv5 = nn.Conv2d(c4, c5, kernel_size=3, padding=1, groups=groups)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # 4 -> 2
        self.fc6 = nn.Linear(c5 * 2 * 2, 128)
        self.fc7 = nn.Linear(128, 128)
        self.fc8 = nn.Linear(128, num_classes)
        self.activation = activation()
        self.dropout = nn.Dropout(dropout)
        for layer in self._weighted():
            inputs = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=GAINS[activation] / math.sqrt(inputs))
            nn.init.zeros_(layer.bias)
        self.to(memory_format=torch.channels_last)  # a tenth faster on a CPU


# ------------------------------------------------------------ two towers


def half_state_dict(state: dict, index: int) -> dict:
    """Tower 0's or tower 1's half of the weights of a net with two groups.

    Every weight and bias has its outputs along the first axis: the first half of them
    is tower 0. A grouped weight, (O, I / 2, kh, kw), is right as it stands.
    """
    return {
        name: value.chunk(2)[index].clone() if value.ndim else value.clone()
        for name, value in state.items()
    }


def whole_state_dict(first: dict, second: dict) -> dict:
    """The weights of the net of which these are the towers' `state_dict`s."""
    return {
        name: torch.cat([value, second[name].to(value.device)]) if value.ndim else value
        for name, value in first.items()
    }


class Tower(_Layers):
    """Half the neurons of every layer of a net with two groups: one device's share.

    `tower.input` takes images, `tower.stage(k, x)` the whole output of the stage
    before, k = 0..4, and gives this tower's half of the next: (N, C / 2, H, W), or
    (N, neurons / 2). In front of stages 1 to 4, and behind the last, the towers have
    to exchange: the whole is torch.cat([half_0, half_1], dim=1).

    Args:
        model: an `AlexNet` or `SmallAlexNet` with groups=2; it is copied.
        index: 0 or 1, which half.

    Raises:
        ValueError: a model that is no such net, or with an odd number of classes.
    """

    def __init__(self, model, index):
        super().__init__()
        if getattr(model, "groups", None) != 2:
            raise ValueError(
                "model must be an AlexNet or SmallAlexNet with groups=2, got "
                f"{type(model).__name__} with groups={getattr(model, 'groups', None)}"
            )
        if model.fc8.out_features % 2:
            raise ValueError(
                "model must have an even number of classes, half for each tower, got "
                f"{model.fc8.out_features}"
            )
        if index not in (0, 1):
            raise ValueError(f"index must be 0 or 1, got {index!r}")
        for name, layer in model.named_children():
            setattr(self, name, _half(layer, index))
        if model.conv2.weight.is_contiguous(memory_format=torch.channels_last):
            self.to(memory_format=torch.channels_last)


def _half(layer, index):
    """A new layer with half the outputs of `layer`, and their weights."""
    if isinstance(layer, nn.Conv2d):
        half = nn.Conv2d(
            layer.in_channels // layer.groups,
            layer.out_channels // 2,
            layer.kernel_size,
            layer.stride,
            layer.padding,
        )
    elif isinstance(layer, nn.Linear):
        half = nn.Linear(layer.in_features, layer.out_features // 2)
    elif isinstance(layer, nn.BatchNorm2d):
        half = nn.BatchNorm2d(layer.num_features // 2)
    elif isinstance(layer, LocalResponseNorm):
        return LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
    else:
        return copy.deepcopy(layer)
    half.to(layer.weight)
    half.load_state_dict(half_state_dict(layer.state_dict(), index))
    return half


class TwoTowers(nn.Module):
    """A net with two groups as two towers that meet at a few places.

    It computes what the net computes (with dropout, which draws other neurons, only in
    evaluation mode). Each tower may sit on a device of its own; logits are on the
    first. `.to(device)` would bring both together again.

    Args:
        model: an `AlexNet` or `SmallAlexNet` with groups=2; it is copied.
        devices: of the two towers, such as ("cuda:0", "cuda:1").

    Raises:
        ValueError: a model as for `Tower`, or not two devices.
    """

    def __init__(self, model, devices=("cpu", "cpu")):
        super().__init__()
        if isinstance(devices, str) or len(devices) != 2:
            raise ValueError(
                f"devices must be two, such as ('cuda:0', 'cuda:1'), got {devices!r}"
            )
        towers = [Tower(model, k).to(device) for k, device in enumerate(devices)]
        self.towers = nn.ModuleList(towers)

    def exchange(self, halves):
        """To each tower, on its device, both halves as one."""
        devices = [tower.fc8.weight.device for tower in self.towers]
        return [torch.cat([h.to(d) for h in halves], dim=1) for d in devices]

    def forward(self, images):
        """Logits (N, classes) of images as the net takes them."""
        device = self.towers[1].fc8.weight.device
        x = [self.towers[0].input(images), self.towers[1].input(images.to(device))]
        for k in range(STAGES):
            x = self.exchange(
                [
                    tower.stage(k, whole)
                    for tower, whole in zip(self.towers, x, strict=True)
                ]
            )
        return x[0]

    def whole_state_dict(self) -> dict:
        """The weights as the net that was taken apart would hold them."""
        return whole_state_dict(*(tower.state_dict() for tower in self.towers))


# ------------------------------------------------------------ a process for each tower


def logits_of_both(tower, images):
    """Logits (N, classes) of the net whose other tower is in another process.

    Called in both processes of `utils.distributed`, with the same images; the one of
    rank 0 holds tower 0. Five times they exchange their halves, and backward, the
    gradients of what they exchanged.
    """
    x = tower.input(images)
    for k in range(STAGES):
        halves = distributed.exchange(tower.stage(k, x)[None])  # (2, N, C / 2, ...)
        x = torch.cat(halves.unbind(), dim=1)
    return x


def train_in_steps(model, logits, batches, share=1.0) -> list[float]:
    """The loss before each step of SGD, one a batch of images and labels.

    Args:
        model: whose parameters learn: a net, or a tower.
        logits: called with images.
        batches: of pairs of images and labels.
        share: of the loss that this process goes back from. Two that compute the same
            loss and add up their gradients go back from half of it each.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for images, labels in batches:
        error = F.cross_entropy(logits(images), labels)
        optimizer.zero_grad()
        (share * error).backward()
        optimizer.step()
        losses.append(error.item())
    return losses


def main() -> int:
    """Show that two processes, a tower in each, learn what one net learns."""
    try:
        with distributed.process_group(pick_device(), lambda: "") as device:
            _show_towers(device)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _show_towers(device):
    if distributed.world_size() != 2:
        raise ValueError(
            "two towers need two processes: start them by torchrun --standalone "
            "--nproc-per-node 2 -m utils.alexnet"
        )
    seed_everything(0)
    net = SmallAlexNet(in_channels=1, dropout=0.0).to(device)
    tower = Tower(net, distributed.rank())
    images, labels = (torch.as_tensor(part[:640]) for part in data.mnist5k()[0])
    batches = zip(images.to(device).split(64), labels.to(device).split(64), strict=True)
    batches = list(batches)
    alone = train_in_steps(net, net, batches)
    shared = train_in_steps(tower, partial(logits_of_both, tower), batches, share=1 / 2)
    if distributed.rank() == 0:
        held, total = count_parameters(tower), count_parameters(net)
        print(f"Each process holds {held:,} of {total:,} parameters. The losses:")
        print("step   one process   two processes")
        for step, losses in enumerate(zip(alone, shared, strict=True), 1):
            print("{:4}   {:11.4f}   {:13.4f}".format(step, *losses))


# ------------------------------------------------------------ a walk along the shapes


class Window(NamedTuple):
    """A layer as `walk` takes it.

    `channels` is None for pooling, which has no parameters and keeps the channels;
    `kernel_size` None is as large as the maps, which makes a full layer.
    """

    name: str
    channels: int | None
    kernel_size: int | None
    stride: int = 1
    padding: int = 0
    groups: int = 1


class Step(NamedTuple):
    """What a layer gives out, and what it costs.

    `quotient` is (n + 2 padding - kernel) / stride + 1 before it is rounded down to
    `size`; `lost` rows, and columns, of the padded input no window reaches.
    """

    name: str
    channels: int
    size: int
    quotient: float
    lost: int
    parameters: int
    macs: int


PUBLISHED = (
    Window("conv1", 96, 11, stride=4, padding=2),
    Window("pool1", None, 3, stride=2),
    Window("conv2", 256, 5, padding=2, groups=2),
    Window("pool2", None, 3, stride=2),
    Window("conv3", 384, 3, padding=1),
    Window("conv4", 384, 3, padding=1, groups=2),
    Window("conv5", 256, 3, padding=1, groups=2),
    Window("pool5", None, 3, stride=2),
    Window("fc6", 4096, None),
    Window("fc7", 4096, None),
    Window("fc8", 1000, None),
)


def changed(layers=PUBLISHED, **changes):
    """The same layers with other settings: changed(conv1={"padding": 0}).

    Raises:
        ValueError: a layer that there is not (a setting: a TypeError from 3.13 on).
    """
    names = [window.name for window in layers]
    if unknown := changes.keys() - set(names):
        raise ValueError(f"no layer {sorted(unknown)[0]!r}: {', '.join(names)}")
    return tuple(w._replace(**changes.get(w.name, {})) for w in layers)


def walk(layers=PUBLISHED, size=224, channels=3) -> list[Step]:
    """Sizes and costs of layers that follow each other, by the formulas alone.

    Args:
        layers: of `Window`.
        size: height and width of the image.
        channels: of the image.

    Returns:
        one `Step` a layer.

    Raises:
        ValueError: a kernel that is larger than its padded input, groups that do not
            divide the channels, or a setting out of range; it names the layer.
    """
    steps = []
    for name, maps, kernel_size, stride, padding, groups in layers:
        kernel = size if kernel_size is None else kernel_size
        try:
            new = output_size(size, kernel, stride, padding)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        through = size + 2 * padding - kernel
        if maps is None:
            maps, parameters, macs = channels, 0, 0
        else:
            checked_whole(f"{name}: channels", maps, 1)
            checked_whole(f"{name}: groups", groups, 1)
            if channels % groups or maps % groups:
                raise ValueError(
                    f"{name}: groups ({groups}) must divide the channels that come in "
                    f"({channels}) and go out ({maps})"
                )
            weights = maps * (channels // groups) * kernel**2
            parameters, macs = weights + maps, weights * new**2
        steps.append(
            Step(
                *(name, maps, new, through / stride + 1, through % stride),
                *(parameters, macs),
            )
        )
        size, channels = new, maps
    return steps


# ------------------------------------------------------------ colours, and a measure


class PCAColour:
    """Colour augmentation: every image a little lighter, warmer, or greener.

    To all pixels of an image one colour is added, sum_i a_i s_i p_i: p_i are the
    principal axes of the training pixels' colours, s_i their standard deviations along
    them, a_i drawn for each image from a normal distribution of mean 0 and standard
    deviation `strength` (section 4.1 of the paper, which writes the variances s_i^2 in
    their place; those have the unit of a squared colour).

    Args:
        images: (N, 3, H, W), of training, an array or a tensor.
        strength: the paper's is 0.1.

    Attributes:
        axes: (3, 3), one axis a row, the one of the largest spread first.
        spread: (3,), s_i.

    Raises:
        ValueError: a strength that is negative, or images, here or in the call, that
            are not floating of shape (N, 3, H, W).
    """

    def __init__(self, images, strength=0.1):
        self.strength = checked_number("strength", strength)
        pixels = self._checked(torch.as_tensor(images)).transpose(0, 1).flatten(1)
        variances, axes = torch.linalg.eigh(torch.cov(pixels))
        self.spread = variances.flip(0).clamp(min=0).sqrt()
        self.axes = axes.T.flip(0)

    def __repr__(self):
        return f"PCAColour(strength={self.strength:g})"

    def __call__(self, images):
        """As many images (N, 3, H, W), each of other colours."""
        self._checked(images)
        draw = torch.randn(len(images), 3, device=images.device, dtype=images.dtype)
        shift = self.strength * (draw * self.spread.to(images)) @ self.axes.to(images)
        return images + shift[:, :, None, None]

    @staticmethod
    def _checked(images):
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(
                "images must be floating, of shape (N, 3, H, W), got "
                f"{images.dtype} of shape {tuple(images.shape)}"
            )
        return images


def epochs_to_reach(accuracy, level):
    """The first epoch, counted from 1, whose accuracy is at least `level`, or None.

    Args:
        accuracy: of each epoch, such as `History.train_accuracy`.
        level: from 0 to 1.
    """
    return next((k for k, a in enumerate(accuracy, 1) if a >= level), None)


if __name__ == "__main__":
    sys.exit(main())
