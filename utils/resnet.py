"""ResNet: layers that learn what to add to their input, h(x) = x + F(x).

`resnet18` to `resnet152` are the nets for ImageNet, `CifarResNet` those for small
images, both with or without shortcuts, so that a plain net of the same layers stands
beside each. The names of the parameters are those of the common PyTorch zoo
(torchvision), so that its published checkpoints load: `resnet18(weights="imagenet")`.

Sources: K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image
recognition", CVPR 2016 (arXiv:1512.03385), and the same authors, "Identity mappings in
deep residual networks", ECCV 2016 (arXiv:1603.05027), for `preactivation`.
"""

import copy
import io
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from utils.checking import checked_choice, checked_images, checked_whole
from utils.data import STATISTICS, DataError, RemoteFile, published

# Name -> units of each of the four stages, and whether they are bottlenecks.
ARCHITECTURES = {
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}
# Name -> SHA-256 of the file of weights trained on ImageNet, whose name has its start.
_HASHES = dict(
    resnet18="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    resnet34="b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
    resnet50="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
    resnet101="63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
    resnet152="394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58",
)
WEIGHTS = {
    name: RemoteFile(
        f"weights/{name}-{sha256[:8]}.pth",
        sha256,
        (f"https://download.pytorch.org/models/{name}-{sha256[:8]}.pth",),
        {f"weights/{name}-{sha256[:8]}.pth": sha256},
        "Without weights='imagenet' the net is built untrained.",
    )
    for name, sha256 in _HASHES.items()
}


# --- the residual unit


def conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1):
    """A convolution that keeps H and W, but for its stride. Batch norm has the bias."""
    padding = kernel_size // 2
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding, bias=False
    )


def pad_shortcut(x: torch.Tensor, channels: int, stride: int = 1) -> torch.Tensor:
    """Option A: every `stride`-th pixel, and channels of zeros after those of x.

    (N, C, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)), no parameters.

    Raises:
        ValueError: fewer channels than x has.
    """
    if channels < x.shape[1]:
        raise ValueError(
            f"channels ({channels}) is smaller than the {x.shape[1]} channels of x: "
            "zeros can be added, nothing can be taken away"
        )
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, channels - x.shape[1]))


class ResidualUnit(nn.Module):
    """h(x) = ReLU(x + F(x)), the building block (equations 1 and 2 of the paper).

    F is two 3 x 3 convolutions, or three, 1 x 1, 3 x 3 and 1 x 1 ("bottleneck"), each
    with batch normalisation, and ReLU between them. With `preactivation` each
    convolution comes after its normalisation and ReLU, and none follows the addition:
    h(x) = x + F(x).

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride), rounded up;
    out_channels is `channels`, or four times as many in a bottleneck.

    Args:
        in_channels, channels, stride: as above.
        bottleneck: three convolutions in place of two.
        shortcut: what is added to F(x) where its shape is not that of x: "A", `x`
            thinned out and padded with zeros (`pad_shortcut`), or "B", a projection, a
            1 x 1 convolution. "C" projects in every unit.
        residual: False leaves the shortcut out: h(x) = ReLU(F(x)), a plain net's.
        preactivation: as above.
        stride_at: the convolution of a bottleneck that has the stride: "1x1", the
            first, as in the paper, or "3x3", as in the zoo.
    """

    def __init__(
        self,
        in_channels,
        channels,
        stride=1,
        *,
        bottleneck=False,
        shortcut="B",
        residual=True,
        preactivation=False,
        stride_at="1x1",
    ):
        super().__init__()
        checked_choice("shortcut", shortcut, ("A", "B", "C"))
        checked_choice("stride_at", stride_at, ("1x1", "3x3"))
        layers = [(channels, 3, stride), (channels, 3, 1)]
        if bottleneck:
            first, second = (stride, 1) if stride_at == "1x1" else (1, stride)
            layers = [(channels, 1, first), (channels, 3, second), (4 * channels, 1, 1)]
        self.layers = len(layers)
        self.stride = stride
        self.in_channels, self.out_channels = in_channels, layers[-1][0]
        self.residual, self.preactivation = residual, preactivation

        inputs = in_channels
        for k, (outputs, kernel_size, step) in enumerate(layers, start=1):
            normed = inputs if preactivation else outputs
            self.add_module(f"conv{k}", conv(inputs, outputs, kernel_size, step))
            self.add_module(f"bn{k}", nn.BatchNorm2d(normed))
            inputs = outputs

        self.downsample = None  # the zoo's name for the projection
        if residual and (shortcut == "C" or shortcut == "B" and not self.keeps_shape):
            self.downsample = nn.Sequential(conv(in_channels, inputs, 1, stride))
            if not preactivation:
                self.downsample.append(nn.BatchNorm2d(inputs))

    @property
    def keeps_shape(self) -> bool:
        """Whether h(x) has the shape of x."""
        return self.stride == 1 and self.in_channels == self.out_channels

    def function(self, x):
        """F(x), what the unit adds."""
        for k in range(1, self.layers + 1):
            convolution, norm = getattr(self, f"conv{k}"), getattr(self, f"bn{k}")
            if self.preactivation:
                x = convolution(F.relu(norm(x)))
            else:
                x = norm(convolution(x))
                x = F.relu(x) if k < self.layers else x
        return x

    def shortcut(self, x):
        """x itself where the shapes agree, else x padded or projected."""
        if self.downsample is not None:
            return self.downsample(x)
        if self.keeps_shape:
            return x
        return pad_shortcut(x, self.out_channels, self.stride)

    def join(self, x, f):
        """h(x) of x and F(x)."""
        total = self.shortcut(x) + f if self.residual else f
        return total if self.preactivation else F.relu(total)

    def forward(self, x):
        return self.join(x, self.function(x))


class Bypass(nn.Module):
    """What is left of a unit without F: its shortcut, and the ReLU if it has one.

    Raises:
        ValueError: a unit without shortcut whose F changes the shape.
    """

    def __init__(self, unit: ResidualUnit):
        super().__init__()
        if not (unit.residual or unit.keeps_shape):
            raise ValueError(
                "a plain unit that changes the shape cannot be dropped: there is no "
                "shortcut past it"
            )
        self.unit = copy.deepcopy(unit)
        for k in range(1, unit.layers + 1):
            delattr(self.unit, f"conv{k}")
            delattr(self.unit, f"bn{k}")

    def forward(self, x):
        return self.unit.join(x, 0) if self.unit.residual else x


# --- the networks


class Step(NamedTuple):
    """What passed one residual unit: its input x, F(x) and its output h(x)."""

    name: str  # such as "layer1.0"
    x: torch.Tensor
    f: torch.Tensor
    output: torch.Tensor


class _ResNet(nn.Module):
    """A first convolution, stages of residual units, global pooling, one full layer.

    A subclass has `stem(images)`, all before the first unit.
    """

    def __init__(self, conv1, blocks, widths, num_classes, options):
        super().__init__()
        channels = conv1.out_channels
        self.preactivation = options["preactivation"]
        self.conv1 = conv1
        if not self.preactivation:
            self.bn1 = nn.BatchNorm2d(channels)
        self.stages = [f"layer{k}" for k in range(1, len(blocks) + 1)]
        for k, (stage, count) in enumerate(zip(self.stages, blocks, strict=True)):
            units = nn.Sequential()
            for i in range(checked_whole("blocks", count, 1)):
                stride = 2 if k > 0 and i == 0 else 1
                units.append(ResidualUnit(channels, widths[k], stride, **options))
                channels = units[-1].out_channels
            self.add_module(stage, units)
        if self.preactivation:  # the last unit ends without one
            self.norm = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, checked_whole("num_classes", num_classes, 1))
        for module in self.modules():  # He initialisation (arXiv:1502.01852)
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.zeros_(self.fc.bias)
        self.to(memory_format=torch.channels_last)  # faster on a CPU, in float32

    def units(self) -> dict[str, nn.Module]:
        """Name -> unit, such as "layer1.0", in the order of the computation."""
        return {
            f"{stage}.{i}": unit
            for stage in self.stages
            for i, unit in enumerate(getattr(self, stage))
        }

    @property
    def depth(self) -> int:
        """Layers with weights on the main path: 1 + those in each F + 1.

        Projections stand beside that path, and batch normalisations do not count.
        """
        units = self.units().values()
        return 1 + sum(u.layers for u in units if isinstance(u, ResidualUnit)) + 1

    def stem(self, images):
        raise NotImplementedError

    def head(self, x):
        """Logits (N, num_classes) of the last unit's output."""
        if self.preactivation:
            x = F.relu(self.norm(x))
        return self.fc(x.mean(dim=(2, 3)))

    def forward(self, images):
        x = self.stem(images)
        for unit in self.units().values():
            x = unit(x)
        return self.head(x)

    def trace(self, images) -> tuple[list[Step], torch.Tensor]:
        """A `Step` for each unit, and the logits: the forward pass, laid open.

        Within a stage of a residual net with `preactivation` and option A or B, each
        output is the stage's first output plus the F(x) of all units since. Gradients
        flow through all that is returned. A dropped unit has no step.
        """
        steps, x = [], self.stem(images)
        for name, unit in self.units().items():
            if isinstance(unit, ResidualUnit):
                f = unit.function(x)
                steps.append(Step(name, x, f, unit.join(x, f)))
                x = steps[-1].output
            else:
                x = unit(x)
        return steps, self.head(x)


class ResNet(_ResNet):
    """A net for images of 224 x 224: (N, 3, H, W) -> logits (N, num_classes).

    Any H and W will do. Images are standardised by the caller, as in the zoo: pixels
    in [0, 1], minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225). Table 1 of the
    paper has the layers.

    Args:
        blocks: units in each of four stages, whose widths are 64, 128, 256 and 512.
        bottleneck, shortcut, residual, preactivation, stride_at: of the units, as for
            `ResidualUnit`.
        num_classes: logits.

    Raises:
        ValueError: an argument is not as described.
    """

    def __init__(
        self,
        blocks,
        bottleneck=False,
        num_classes=1000,
        *,
        shortcut="B",
        residual=True,
        preactivation=False,
        stride_at="1x1",
    ):
        if len(blocks) != 4:
            raise ValueError(f"blocks must be four numbers of units, got {blocks!r}")
        options = dict(
            bottleneck=bottleneck,
            shortcut=shortcut,
            residual=residual,
            preactivation=preactivation,
            stride_at=stride_at,
        )
        widths = (64, 128, 256, 512)
        super().__init__(conv(3, 64, 7, stride=2), blocks, widths, num_classes, options)

    def stem(self, images):
        x = self.conv1(images)  # (N, 64, H / 2, W / 2)
        x = x if self.preactivation else F.relu(self.bn1(x))
        return F.max_pool2d(x, 3, stride=2, padding=1)  # (N, 64, H / 4, W / 4)


class CifarResNet(_ResNet):
    """A net for small images (section 4.2): (N, channels, H, W) -> (N, num_classes).

    Three stages of n = (depth - 2) / 6 units, of 16, 32 and 64 maps, at full, half and
    a quarter of the size. Pixels are in [0, 1]: the net standardises them itself, with
    the statistics of CIFAR-10, or of MNIST for grey images.

    Args:
        depth: 6n + 2: 8, 14, 20, 32, 44, 56, 110.
        residual, shortcut, preactivation: of the units, as for `ResidualUnit`.
        num_classes: logits.
        channels: of the images, 3 or 1.
        width: maps of the first stage; the others have twice and four times as many.

    Raises:
        ValueError: an argument is not as described, or images of another shape.
    """

    def __init__(
        self,
        depth,
        residual=True,
        shortcut="A",
        *,
        preactivation=False,
        num_classes=10,
        channels=3,
        width=16,
    ):
        if checked_whole("depth", depth, 8) % 6 != 2:
            raise ValueError(f"depth must be 6n + 2, such as 20 or 56, got {depth}")
        checked_choice("channels", channels, tuple(STATISTICS))
        checked_whole("width", width, 1)
        options = dict(
            residual=residual, shortcut=shortcut, preactivation=preactivation
        )
        blocks, widths = [(depth - 2) // 6] * 3, (width, 2 * width, 4 * width)
        conv1 = conv(channels, width, 3)
        super().__init__(conv1, blocks, widths, num_classes, options)
        for name, values in zip(("mean", "std"), STATISTICS[channels], strict=True):
            values = torch.tensor(values)[:, None, None]  # (channels, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def stem(self, images):
        checked_images(images, (len(self.mean), None, None))
        x = self.conv1((images - self.mean) / self.std)  # (N, width, H, W)
        return x if self.preactivation else F.relu(self.bn1(x))


class DigitResNet(CifarResNet):
    """A net that trains in seconds: (N, 1, H, W) -> (N, 10), averaged to half the size.

    Args:
        depth, residual, shortcut, preactivation: as for `CifarResNet`.

    Raises:
        ValueError: an argument is not as described, or images of another shape.
    """

    def __init__(self, depth, residual=True, shortcut="A", *, preactivation=False):
        options = dict(preactivation=preactivation, channels=1, width=8)
        super().__init__(depth, residual, shortcut, **options)

    def stem(self, images):
        checked_images(images, (1, None, None))
        return super().stem(F.avg_pool2d(images, 2))


def resnet18(num_classes=1000, weights=None, **options) -> ResNet:
    """ResNet-18: 11,689,512 parameters, 1.814 G MACs at 224 x 224.

    Args:
        num_classes: logits.
        weights: None, or "imagenet" for the zoo's, trained on ImageNet (45 to 230 MB,
            from COURSE_DATA, the cache or the network, verified). They need the
            `options` left alone, and in nets of bottlenecks imply stride_at="3x3", with
            which they were trained.
        options: shortcut, residual, preactivation and stride_at, as `ResNet` has them.

    Raises:
        ValueError: an argument is not as described, or does not fit the weights.
        utils.data.DataError: the weights cannot be had, or are not the published ones.
    """
    return _zoo_net("resnet18", num_classes, weights, options)


def resnet34(num_classes=1000, weights=None, **options) -> ResNet:
    """ResNet-34: 21,797,672 parameters, 3.664 G MACs. Arguments as for `resnet18`."""
    return _zoo_net("resnet34", num_classes, weights, options)


def resnet50(num_classes=1000, weights=None, **options) -> ResNet:
    """ResNet-50: 25,557,032 parameters, 3.858 G MACs. Arguments as for `resnet18`."""
    return _zoo_net("resnet50", num_classes, weights, options)


def resnet101(num_classes=1000, weights=None, **options) -> ResNet:
    """ResNet-101: 44,549,160 parameters, 7.570 G MACs. Arguments as for `resnet18`."""
    return _zoo_net("resnet101", num_classes, weights, options)


def resnet152(num_classes=1000, weights=None, **options) -> ResNet:
    """ResNet-152: 60,192,808 parameters, 11.282 G MACs. Arguments as for `resnet18`."""
    return _zoo_net("resnet152", num_classes, weights, options)


def plain34(num_classes=1000) -> ResNet:
    """ResNet-34 without its shortcuts: 34 layers, one after another."""
    return resnet34(num_classes, residual=False)


def vgg19(num_classes=1000) -> nn.Sequential:
    """VGG-19: (N, 3, 224, 224) -> (N, num_classes), 143,667,240 parameters.

    The deep net that ResNet's authors set out from, 16 convolutions and three full
    layers. Source: K. Simonyan and A. Zisserman, arXiv:1409.1556, configuration E.
    """
    features, inputs = nn.Sequential(), 3
    for channels, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(count):
            features.append(nn.Conv2d(inputs, channels, 3, padding=1))
            features.append(nn.ReLU())
            inputs = channels
        features.append(nn.MaxPool2d(2))  # 112, 56, 28, 14, 7
    classifier = nn.Sequential(
        *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()),
        nn.Linear(4096, checked_whole("num_classes", num_classes, 1)),
    )
    net = nn.Sequential()
    net.add_module("features", features)
    net.add_module("flatten", nn.Flatten())
    net.add_module("classifier", classifier)
    return net


def _zoo_net(name, num_classes, weights, options) -> ResNet:
    blocks, bottleneck = ARCHITECTURES[name]
    if weights is None:
        return ResNet(blocks, bottleneck, num_classes, **options)
    checked_choice("weights", weights, (None, "imagenet"))
    fitting = dict(num_classes=1000, shortcut="B", residual=True, preactivation=False)
    if bottleneck:
        fitting["stride_at"] = "3x3"
    given = {"num_classes": num_classes, **options}
    if wrong := [k for k in fitting if given.get(k, fitting[k]) != fitting[k]]:
        raise ValueError(
            f"weights='imagenet' are for {wrong[0]}={fitting[wrong[0]]!r}, got "
            f"{given[wrong[0]]!r}: leave it out (for other classes, replace the net's "
            "`fc` after), or leave the weights out"
        )
    model = ResNet(blocks, bottleneck, **{**options, **fitting})
    content = published(file := WEIGHTS[name])
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except Exception as error:  # whatever it is, the file is of no use
        raise DataError(
            f"{file.name} holds no weights of {name} ({type(error).__name__}): compare "
            f"its entry in WEIGHTS with {file.urls[0]}. {file.instead}"
        ) from error
    return model


# --- what a net does


def drop(model: _ResNet, *names: str) -> _ResNet:
    """A copy of the net in which some units have lost their F: x takes the shortcut.

    Source: A. Veit, M. Wilber and S. Belongie, "Residual networks behave like ensembles
    of relatively shallow networks", NeurIPS 2016 (arXiv:1605.06431).

    Args:
        model: left as it was.
        names: of units, such as "layer1.0".

    Raises:
        ValueError: no such unit, or one of a plain net that changes the shape.
    """
    model = copy.deepcopy(model)
    for name in names:
        stage, i = _place(model, name)
        stage[i] = Bypass(stage[i])
    return model


def swap(model: _ResNet, first: str, second: str) -> _ResNet:
    """A copy of the net in which two units have changed places.

    Args:
        model: left as it was.
        first, second: names of units, such as "layer1.1" and "layer1.2".

    Raises:
        ValueError: no such units, or units whose inputs or outputs differ in shape.
    """
    model = copy.deepcopy(model)
    (a, i), (b, j) = _place(model, first), _place(model, second)
    shapes = [(u.in_channels, u.out_channels, u.stride) for u in (a[i], b[j])]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{first} and {second} cannot change places: channels in, channels out and "
            f"stride are {shapes[0]} and {shapes[1]}"
        )
    a[i], b[j] = b[j], a[i]
    return model


def gradients_by_depth(model: _ResNet, images, labels) -> dict[str, float]:
    """How long the gradient of the loss is at the input of each unit.

    As in training: batch normalisation takes the statistics of these images.

    Args:
        model: left as it was.
        images, labels: (N, C, H, W) and (N,), beside the model.

    Returns:
        name of the unit -> root of the sum of squares of dL/dx, L the mean over the
        images of the cross-entropy.
    """
    steps, logits = copy.deepcopy(model).train().trace(images)
    loss = F.cross_entropy(logits, labels)
    gradients = torch.autograd.grad(loss, [step.x for step in steps])
    return {
        step.name: float(gradient.norm())
        for step, gradient in zip(steps, gradients, strict=True)
    }


def loss_gradient(model: nn.Module, images, labels) -> dict[str, torch.Tensor]:
    """The gradient of the mean cross-entropy, as in training: name -> dL/dweight.

    Args:
        model: left as it was.
        images, labels: (N, C, H, W) and (N,), beside the model.
    """
    model = copy.deepcopy(model).train()
    loss = F.cross_entropy(model(images), labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    names = (name for name, _ in model.named_parameters())
    return dict(zip(names, gradients, strict=True))


def random_direction(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """A random step that is as long as the weights it moves: name -> change.

    Each filter of a convolution, and each row of a full layer, gets normal numbers,
    scaled to its own length; biases and batch normalisation stay where they are.
    Without the scaling, nets with larger weights would seem to lie in wider valleys.

    Source: H. Li and others, "Visualizing the loss landscape of neural nets", NeurIPS
    2018 (arXiv:1712.09913), section 4.

    Args:
        model: left as it was.
        seed: of the normal numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, weight in model.named_parameters():
        weight = weight.detach()
        change = torch.zeros_like(weight)
        if weight.ndim > 1:
            rest = tuple(range(1, weight.ndim))
            noise = torch.randn(weight.shape, generator=generator).to(weight)
            lengths = [
                v.square().sum(rest, keepdim=True).sqrt() for v in (weight, noise)
            ]
            change = noise * lengths[0] / lengths[1]
        direction[name] = change
    return direction


def losses_along(model: nn.Module, direction, steps, images, labels) -> list[float]:
    """The loss at weights + step * direction, a slice of its landscape.

    As in training: batch normalisation takes the statistics of these images. The
    running ones belong to the weights in the middle and to no others.

    Args:
        model: left as it was.
        direction: name of a parameter -> what is added to it, of its shape.
        steps: numbers.
        images, labels: (N, C, H, W) and (N,), beside the model.

    Returns:
        the mean cross-entropy for each step.

    Raises:
        ValueError: a direction that does not fit the model.
    """
    model = copy.deepcopy(model).train()
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    if wrong := set(direction) - set(weights):
        raise ValueError(f"direction: the model has no parameter {sorted(wrong)[0]!r}")
    start = {name: weights[name].clone() for name in direction}
    for name, change in direction.items():
        if change.shape != start[name].shape:
            raise ValueError(
                f"direction of {name!r} must be {tuple(start[name].shape)}, got "
                f"{tuple(change.shape)}"
            )
    losses = []
    with torch.no_grad():
        for step in steps:
            for name, change in direction.items():
                weights[name].copy_(start[name] + step * change)
            losses.append(float(F.cross_entropy(model(images), labels)))
    return losses


def _place(model, name) -> tuple[nn.Sequential, int]:
    """The stage of a unit, and the unit's number in it."""
    units = model.units()
    if not isinstance(units.get(name), ResidualUnit):
        known = [k for k, unit in units.items() if isinstance(unit, ResidualUnit)]
        raise ValueError(
            f"unit must be one of {known[0]!r} to {known[-1]!r}, not yet dropped, got "
            f"{name!r}"
        )
    stage, i = name.split(".")
    return getattr(model, stage), int(i)
