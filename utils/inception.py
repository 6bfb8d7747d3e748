"""Inception: convolutions of several sizes side by side, and 1x1 ones to pay for them.

`GoogLeNet` is the network of 2014 as published, 6,998,552 parameters and 13,378,280
with the two auxiliary classifiers that are there in training only. `SmallGoogLeNet` is
made of the same `InceptionBlock` for images of 32 x 32 or 28 x 28. The later papers'
blocks follow: factorised convolutions, a gentle change of grid, a residual link.

Sources: C. Szegedy and others, "Going deeper with convolutions" (v1, 2014),
arXiv:1409.4842; "Rethinking the Inception architecture" (v2 and v3, 2015),
arXiv:1512.00567; "Inception-v4, Inception-ResNet" (2016), arXiv:1602.07261. M. Lin and
others, "Network in network" (2013), arXiv:1312.4400.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from utils.checking import checked_images, checked_number, checked_whole
from utils.data import STATISTICS

FIVES = ("5×5", "two 3×3")  # how the branch with a 5 x 5 window may look


def convolution(in_channels, out_channels, kernel_size, stride=1, batch_norm=False):
    """Convolution and ReLU, batch normalisation between them if wanted.

    (N, C, H, W) -> (N, C', H / stride, W / stride): padded to keep the size, for odd
    kernels. With batch normalisation the convolution has no bias.

    Args:
        kernel_size: a number, or (height, width).

    Raises:
        ValueError: an argument that is not positive, or an even kernel.
    """
    in_channels = checked_whole("in_channels", in_channels, 1)
    out_channels = checked_whole("out_channels", out_channels, 1)
    kernel = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
    for size in kernel:
        if checked_whole("kernel_size", size, 1) % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
    layer = nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        checked_whole("stride", stride, 1),
        padding=tuple(size // 2 for size in kernel),
        bias=not batch_norm,
    )
    norm = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    return nn.Sequential(layer, *norm, nn.ReLU(inplace=True))


def checked_widths(name, pair) -> tuple[int, int]:
    """`pair` as two whole numbers >= 1, (reduced channels, output channels)."""
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise ValueError(
            f"{name} must be (reduced channels, output channels), got {pair!r}"
        )
    return checked_whole(f"{name}[0]", pair[0], 1), checked_whole(
        f"{name}[1]", pair[1], 1
    )


def checked_kind(kind) -> str:
    """`kind` if it is one of FIVES, or a ValueError."""
    if kind not in FIVES:
        raise ValueError(f"kind must be one of {', '.join(FIVES)}, got {kind!r}")
    return kind


def five_by_five(in_channels, out_channels, kind="5×5", batch_norm=False):
    """A window of 5 x 5, as one convolution or as two of 3 x 3 (v3, figure 1)."""
    if checked_kind(kind) == "5×5":
        return convolution(in_channels, out_channels, 5, batch_norm=batch_norm)
    return nn.Sequential(
        convolution(in_channels, out_channels, 3, batch_norm=batch_norm),
        convolution(out_channels, out_channels, 3, batch_norm=batch_norm),
    )


class NaiveInceptionBlock(nn.Module):
    """The idea without its price in mind: 1x1, 3x3, 5x5 and pooling side by side.

    (N, C, H, W) -> (N, one + three + five + C, H, W). Pooling passes all C maps on, so
    that every such block is deeper than what went in (v1, figure 2a).

    Args:
        in_channels: C.
        one, three, five: output channels of the three convolutions.
        batch_norm: in every convolution.

    Raises:
        ValueError: a number of channels that is not positive.
    """

    def __init__(self, in_channels, one, three, five, batch_norm=False):
        super().__init__()
        self.one = convolution(in_channels, one, 1, batch_norm=batch_norm)
        self.three = convolution(in_channels, three, 3, batch_norm=batch_norm)
        self.five = convolution(in_channels, five, 5, batch_norm=batch_norm)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.out_channels = one + three + five + in_channels

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class InceptionBlock(nn.Module):
    """The module of GoogLeNet: 1x1 convolutions reduce what the large ones see.

    (N, C, H, W) -> (N, one + three[1] + five[1] + pool, H, W), the four branches in
    this order (v1, figure 2b):

        1x1,   1x1 -> 3x3,   1x1 -> 5x5,   3x3 max pooling -> 1x1

    The three 1x1 convolutions that read the block's input are computed as one and then
    split: the same numbers, and the input is read once instead of three times.

    Args:
        in_channels: C.
        one: channels of the 1x1 branch.
        three, five: (reduced channels, output channels) of these branches.
        pool: channels behind the pooling.
        kind: "5×5" as in v1, or "two 3×3" as in v3.
        batch_norm: in every convolution.

    Raises:
        ValueError: a number of channels that is not positive, or an unknown `kind`.
    """

    def __init__(
        self, in_channels, one, three, five, pool, kind="5×5", batch_norm=False
    ):
        super().__init__()
        one = checked_whole("one", one, 1)
        three, five = checked_widths("three", three), checked_widths("five", five)
        pool = checked_whole("pool", pool, 1)
        self.split = [one, three[0], five[0]]
        self.pointwise = convolution(
            in_channels, sum(self.split), 1, batch_norm=batch_norm
        )
        self.three = convolution(*three, 3, batch_norm=batch_norm)
        self.five = five_by_five(*five, kind, batch_norm)
        self.pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            convolution(in_channels, pool, 1, batch_norm=batch_norm),
        )
        self.out_channels = one + three[1] + five[1] + pool

    def branches(self, x) -> dict[str, torch.Tensor]:
        """What each branch says, in the order in which the outputs are joined."""
        one, three, five = self.pointwise(x).split(self.split, dim=1)
        return {
            "1×1": one,
            "3×3": self.three(three),
            "5×5": self.five(five),
            "pool": self.pool(x),
        }

    def forward(self, x):
        return torch.cat(list(self.branches(x).values()), dim=1)


class Cost(NamedTuple):
    """Of one branch: output channels, parameters and MACs for one image."""

    channels: int
    parameters: int
    macs: int


def module_budget(
    in_channels, size, one, three, five, pool, kind="5×5"
) -> dict[str, Cost]:
    """What each branch of an `InceptionBlock` without batch normalisation costs.

    Args:
        in_channels, one, three, five, pool, kind: as for `InceptionBlock`.
        size: height and width of the maps.

    Returns:
        "1×1", "3×3", "5×5", "pool" -> `Cost`; `naive_budget` has the same keys.

    Raises:
        ValueError: a number that is not positive, or an unknown `kind`.
    """
    three, five = checked_widths("three", three), checked_widths("five", five)
    inner = [(*five, 5)]
    if checked_kind(kind) == "two 3×3":
        inner = [(*five, 3), (five[1], five[1], 3)]
    return _budget(
        size,
        {
            "1×1": [(in_channels, one, 1)],
            "3×3": [(in_channels, three[0], 1), (*three, 3)],
            "5×5": [(in_channels, five[0], 1), *inner],
            "pool": [(in_channels, pool, 1)],
        },
    )


def naive_budget(in_channels, size, one, three, five) -> dict[str, Cost]:
    """What each branch of a `NaiveInceptionBlock` costs, as `module_budget` says it.

    Raises:
        ValueError: a number that is not positive.
    """
    costs = _budget(
        size,
        {
            "1×1": [(in_channels, one, 1)],
            "3×3": [(in_channels, three, 3)],
            "5×5": [(in_channels, five, 5)],
        },
    )
    return costs | {"pool": Cost(in_channels, 0, 0)}


def _budget(size, branches) -> dict[str, Cost]:
    """`Cost` of chains of (in, out, kernel) on maps of `size` x `size`."""
    size = checked_whole("size", size, 1)
    costs = {}
    for name, chain in branches.items():
        for channels in chain:
            for count in channels:
                checked_whole(f"channels of branch {name}", count, 1)
        weights = sum(n_in * n_out * kernel**2 for n_in, n_out, kernel in chain)
        biases = sum(n_out for _, n_out, _ in chain)
        costs[name] = Cost(chain[-1][1], weights + biases, weights * size**2)
    return costs


# ------------------------------------------------------------ whole networks


class AuxiliaryHead(nn.Module):
    """A small classifier half way up: (N, C, size, size) -> logits (N, classes).

    5x5 average pooling with stride 3, a 1x1 convolution, two full layers (v1, section
    5). It is there to send a gradient into the layers below, in training only.

    Args:
        in_channels: C.
        size: height and width of the maps it reads, at least 5.
        num_classes: logits.
        channels: of the 1x1 convolution.
        hidden: units of the first full layer.
        dropout: before the second.
        batch_norm: in the convolution.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self,
        in_channels,
        size,
        num_classes,
        channels=128,
        hidden=1024,
        dropout=0.7,
        batch_norm=False,
    ):
        super().__init__()
        pooled = (checked_whole("size", size, 5) - 5) // 3 + 1
        self.pool = nn.AvgPool2d(5, stride=3)
        self.reduce = convolution(in_channels, channels, 1, batch_norm=batch_norm)
        self.hidden = nn.Linear(
            channels * pooled**2, checked_whole("hidden", hidden, 1)
        )
        self.dropout = nn.Dropout(checked_number("dropout", dropout, below=1))
        self.output = nn.Linear(hidden, checked_whole("num_classes", num_classes, 1))

    def forward(self, x):
        x = self.reduce(self.pool(x)).flatten(1)
        return self.output(self.dropout(F.relu(self.hidden(x))))


def initialize(model: nn.Module) -> None:
    """He's initial weights, biases of 0, and nearly nothing in the output layers.

    So the signal keeps its size on the way up, and the first guess is "all classes
    alike". (The paper of 2014 does not say how its weights began; He's came in 2015.)
    """
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if name.rpartition(".")[2] == "output":
                nn.init.normal_(layer.weight, std=0.01)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class _InceptionNet(nn.Module):
    """A stem, blocks, global average pooling and a full layer, with heads between.

    Attributes:
        stem: layers before the first block.
        blocks: name -> `InceptionBlock` or pooling, in order.
        heads: name of a block -> the `AuxiliaryHead` that reads its output.
    """

    def as_input(self, images):
        """The images as the stem wants them; raises ValueError on those it cannot."""
        raise NotImplementedError

    def stages(self, images):
        """Yield (name, maps (N, C, H, W)) of the stem and of each block."""
        x = self.stem(self.as_input(images))
        yield "stem", x
        for name, block in self.blocks.items():
            x = block(x)
            yield name, x

    def classify(self, x):
        """Logits (N, classes) of the last maps (N, C, H, W)."""
        return self.output(self.dropout(x.mean(dim=(2, 3))))

    def all_logits(self, images) -> tuple[torch.Tensor, ...]:
        """Logits (N, classes) of the network, then of each head, lowest first.

        Raises:
            ValueError: the network has no heads, or the images are of another shape.
        """
        if not self.heads:
            raise ValueError(
                "this network was made with aux_classifiers=False: it has no heads"
            )
        heads = []
        for name, x in self.stages(images):
            if name in self.heads:
                heads.append(self.heads[name](x))
        return self.classify(x), *heads

    def forward(self, images):
        """Logits (N, classes); in training, with heads, a tuple as `all_logits`."""
        if self.training and self.heads:
            return self.all_logits(images)
        *_, (_, x) = self.stages(images)
        return self.classify(x)


# Table 1 of the paper: one, three, five, pool of each module.
MODULES = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}


class GoogLeNet(_InceptionNet):
    """GoogLeNet of 2014: colour images (N, 3, 224, 224) -> logits (N, num_classes).

    22 layers with weights on the way, nine modules, five poolings; no batch
    normalisation, a bias everywhere. In training mode with heads the output is a tuple
    (logits, logits of the head on 4a, of the head on 4d); in evaluation logits alone.

    Args:
        num_classes: logits.
        aux_classifiers: have the two heads.

    Raises:
        ValueError: `num_classes` is not positive, or, in the call, images of another
            shape or type.
    """

    def __init__(self, num_classes=1000, aux_classifiers=True):
        super().__init__()

        def halve():
            return nn.MaxPool2d(3, stride=2, ceil_mode=True)

        self.stem = nn.Sequential(
            convolution(3, 64, 7, stride=2),  # (N, 64, 112, 112)
            halve(),  # (N, 64, 56, 56)
            nn.LocalResponseNorm(5),  # the paper gives no numbers for it
            convolution(64, 64, 1),
            convolution(64, 192, 3),  # (N, 192, 56, 56)
            nn.LocalResponseNorm(5),
            halve(),  # (N, 192, 28, 28)
        )
        self.blocks, self.heads = nn.ModuleDict(), nn.ModuleDict()
        channels = 192
        for name, widths in MODULES.items():
            self.blocks[name] = block = InceptionBlock(channels, *widths)
            channels = block.out_channels
            if aux_classifiers and name in {"4a", "4d"}:
                self.heads[name] = AuxiliaryHead(channels, 14, num_classes)
            if name in {"3b", "4e"}:
                self.blocks[f"pool{name[0]}"] = halve()  # 28 -> 14 -> 7
        self.dropout = nn.Dropout(0.4)
        self.output = nn.Linear(channels, checked_whole("num_classes", num_classes, 1))
        initialize(self)

    def as_input(self, images):
        return checked_images(images, (3, 224, 224))


SIZES = {1: 28, 3: 32}  # channels of small images -> their height and width
SMALL_MODULES = {
    "3a": (24, (24, 32), (16, 16), 8),
    "3b": (32, (32, 48), (16, 16), 16),
    "4a": (40, (40, 64), (24, 24), 16),
    "4b": (40, (40, 64), (24, 24), 16),
    "5a": (64, (64, 96), (32, 32), 32),
}


class SmallGoogLeNet(_InceptionNet):
    """GoogLeNet for small images: (N, 3, 32, 32) or (N, 1, 28, 28) -> (N, classes).

    Pixels from 0 to 1; the network standardises them itself. A 3x3 stem, modules 3a
    and 3b on maps of 16 x 16 (14 x 14 if grey), 4a and 4b on 8 x 8 (7 x 7), 5a on
    4 x 4 (3 x 3), heads on 3b and 4a. In training mode with heads the output is a tuple
    (logits, logits of the head on 3b, of the head on 4a); in evaluation logits alone.

    Args:
        num_classes: logits.
        in_channels: 3 for colour images of 32 x 32, 1 for grey ones of 28 x 28.
        aux_classifiers: have the heads.
        five: how the 5x5 branches look, "two 3×3" or "5×5".
        batch_norm: in every convolution.

    Raises:
        ValueError: an argument is not as described, or, in the call, images of another
            shape or type.
    """

    def __init__(
        self,
        num_classes=10,
        in_channels=3,
        aux_classifiers=True,
        five="two 3×3",
        batch_norm=True,
    ):
        super().__init__()
        if in_channels not in SIZES:
            raise ValueError(f"in_channels must be 1 or 3, got {in_channels!r}")
        if five not in FIVES:
            raise ValueError(f"five must be one of {', '.join(FIVES)}, got {five!r}")
        size, (mean, std) = SIZES[in_channels], STATISTICS[in_channels]
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.shape = (in_channels, size, size)
        self.stem = nn.Sequential(
            convolution(in_channels, 32, 3, batch_norm=batch_norm),  # (N, 32, 32, 32)
            nn.MaxPool2d(2),  # (N, 32, 16, 16)
        )
        self.blocks, self.heads = nn.ModuleDict(), nn.ModuleDict()
        channels, size = 32, size // 2
        for name, widths in SMALL_MODULES.items():
            self.blocks[name] = InceptionBlock(channels, *widths, five, batch_norm)
            channels = self.blocks[name].out_channels
            if aux_classifiers and name in {"3b", "4a"}:
                self.heads[name] = AuxiliaryHead(
                    *(channels, size, num_classes),
                    channels=16,
                    hidden=64,
                    dropout=0,
                    batch_norm=batch_norm,
                )
            if name in {"3b", "4b"}:
                self.blocks[f"pool{name[0]}"] = nn.MaxPool2d(2)  # 16 -> 8 -> 4
                size //= 2
        self.dropout = nn.Identity()
        self.output = nn.Linear(channels, checked_whole("num_classes", num_classes, 1))
        initialize(self)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def as_input(self, images):
        return (checked_images(images, self.shape) - self.mean) / self.std


# ------------------------------------------------------------ training with heads


def auxiliary_loss(output, labels, weight=0.3) -> torch.Tensor:
    """Cross-entropy, and that of each auxiliary head times `weight` (v1, section 5).

    Args:
        output: logits (N, classes), or a tuple of them, the network's own first.
        labels: (N,), whole numbers from 0.
        weight: >= 0.

    Returns:
        the mean over the images, a tensor of one number.

    Raises:
        ValueError: a negative weight, or an output that is not as described.
    """
    weight = checked_number("weight", weight)
    parts = output if isinstance(output, tuple | list) else (output,)
    if not parts or not all(isinstance(logits, torch.Tensor) for logits in parts):
        raise ValueError(
            "output must be logits (N, classes) or a tuple of such, the network's own "
            f"first, got {output!r}"
        )
    for logits in parts:
        if logits.ndim != 2 or len(logits) != len(labels):
            raise ValueError(
                "output must have one row a label, got "
                f"{tuple(logits.shape)} and {len(labels)} labels"
            )
    main, *heads = (F.cross_entropy(logits, labels) for logits in parts)
    return main + weight * sum(heads)


def stem_gradient(model, images, labels, weight=0.3) -> dict[str, float]:
    """How strong the training loss pulls at the first convolution.

    The model is left as it was: its mode, gradients, batch statistics and torch's
    random state.

    Args:
        model: any module with a convolution, that gives out logits or a tuple of them
            as `auxiliary_loss` takes them.
        images: (N, C, H, W), floating.
        labels: (N,), whole numbers from 0.
        weight: of the heads in the loss.

    Returns:
        {"stem_gradient": the root of the sum of squares of d loss / d weights}.

    Raises:
        ValueError: a model without a convolution.
    """
    layers = (m for m in model.modules() if isinstance(m, nn.Conv2d))
    first = next(layers, None)
    if first is None:
        raise ValueError("model must have a convolution, it has none")
    device = first.weight.device
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    modes = {module: module.training for module in model.modules()}
    gpus = [device] if device.type == "cuda" else []
    model.train()
    try:
        with torch.random.fork_rng(gpus), torch.enable_grad():
            # Batch normalisation updates its averages in the copies, not in the model.
            output = torch.func.functional_call(model, buffers, images.to(device))
            loss = auxiliary_loss(output, labels.to(device), weight)
            (gradient,) = torch.autograd.grad(loss, first.weight)
    finally:
        for module, training in modes.items():
            module.training = training
    return {"stem_gradient": float(gradient.norm())}


# ------------------------------------------------------------ the later papers' blocks


def factorized(in_channels, out_channels, kernel_size, batch_norm=False):
    """A kernel of n x n as n x 1 and 1 x n, one after the other (v3, section 3.2).

    (N, C, H, W) -> (N, C', H, W), with 2 / n of the weights if C = C'.

    Raises:
        ValueError: channels that are not positive, or an even n.
    """
    return nn.Sequential(
        convolution(in_channels, out_channels, (kernel_size, 1), batch_norm=batch_norm),
        convolution(
            out_channels, out_channels, (1, kernel_size), batch_norm=batch_norm
        ),
    )


class FactorizedInceptionBlock(nn.Module):
    """The module of v3's middle grid: windows of n x n without one kernel n x n.

    (N, C, H, W) -> (N, one + once[1] + twice[1] + pool, H, W) (v3, figure 6):

        1x1,   1x1 -> nxn,   1x1 -> nxn -> nxn,   3x3 mean pooling -> 1x1

    with each n x n a `factorized` one.

    Args:
        in_channels: C.
        one: channels of the 1x1 branch.
        once, twice: (reduced channels, output channels) of these branches.
        pool: channels behind the pooling.
        kernel_size: n, odd.
        batch_norm: in every convolution.

    Raises:
        ValueError: a number of channels that is not positive, or an even n.
    """

    def __init__(
        self, in_channels, one, once, twice, pool, kernel_size=7, batch_norm=True
    ):
        super().__init__()
        once, twice = checked_widths("once", once), checked_widths("twice", twice)
        norm = {"batch_norm": batch_norm}
        self.one = convolution(in_channels, one, 1, **norm)
        self.once = nn.Sequential(
            convolution(in_channels, once[0], 1, **norm),
            factorized(*once, kernel_size, **norm),
        )
        self.twice = nn.Sequential(
            convolution(in_channels, twice[0], 1, **norm),
            factorized(twice[0], twice[0], kernel_size, **norm),
            factorized(*twice, kernel_size, **norm),
        )
        self.pool = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1),
            convolution(in_channels, pool, 1, **norm),
        )
        self.out_channels = one + once[1] + twice[1] + pool

    def forward(self, x):
        parts = self.one(x), self.once(x), self.twice(x), self.pool(x)
        return torch.cat(parts, dim=1)


class GridReduction(nn.Module):
    """Half the grid and more maps, by convolution and pooling side by side.

    (N, C, H, W) -> (N, three[1] + five[1] + C, H / 2, W / 2), rounded up (v3, figure
    10): a 3x3 branch and a branch of two 3x3, each with stride 2 at its end, and 3x3
    max pooling with stride 2. Nothing is squeezed through few maps before it is pooled.

    Args:
        in_channels: C.
        three, five: (reduced channels, output channels) of the two branches.
        batch_norm: in every convolution.

    Raises:
        ValueError: a number of channels that is not positive.
    """

    def __init__(self, in_channels, three, five, batch_norm=True):
        super().__init__()
        three, five = checked_widths("three", three), checked_widths("five", five)
        norm = {"batch_norm": batch_norm}
        self.three = nn.Sequential(
            convolution(in_channels, three[0], 1, **norm),
            convolution(*three, 3, stride=2, **norm),
        )
        self.five = nn.Sequential(
            convolution(in_channels, five[0], 1, **norm),
            convolution(*five, 3, **norm),
            convolution(five[1], five[1], 3, stride=2, **norm),
        )
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.out_channels = three[1] + five[1] + in_channels

    def forward(self, x):
        return torch.cat([self.three(x), self.five(x), self.pool(x)], dim=1)


class InceptionResNetBlock(nn.Module):
    """An Inception module that adds to its input: relu(x + scale * F(x)).

    (N, C, H, W) -> the same shape. F has a 1x1 branch, a 3x3 branch and one of two
    3x3, joined and brought back to C maps by a 1x1 convolution without activation (v4,
    figures 10 and 16). A `scale` of 0.1 to 0.3 kept the paper's wide networks from
    dying early in training (section 3.3).

    Args:
        channels: C, in and out.
        one: channels of the 1x1 branch.
        three, five: (reduced channels, output channels) of the other branches.
        scale: from 0.
        batch_norm: in every convolution but the last.

    Raises:
        ValueError: a number of channels that is not positive, or a negative scale.
    """

    def __init__(self, channels, one, three, five, scale=0.2, batch_norm=True):
        super().__init__()
        three, five = checked_widths("three", three), checked_widths("five", five)
        self.scale = checked_number("scale", scale)
        norm = {"batch_norm": batch_norm}
        self.one = convolution(channels, one, 1, **norm)
        self.three = nn.Sequential(
            convolution(channels, three[0], 1, **norm), convolution(*three, 3, **norm)
        )
        self.five = nn.Sequential(
            convolution(channels, five[0], 1, **norm),
            five_by_five(*five, "two 3×3", **norm),
        )
        self.expand = nn.Conv2d(one + three[1] + five[1], channels, kernel_size=1)

    def forward(self, x):
        parts = torch.cat([self.one(x), self.three(x), self.five(x)], dim=1)
        return F.relu(x + self.scale * self.expand(parts))
