"""LeNet-5, twice: as it was published in 1998, and as lectures draw it today.

`LeNet5Original` has the connection table of its third layer, subsampling with trained
weights, a scaled tanh, and ten distances to drawn digits in place of a softmax: 60,000
trainable parameters and 340,908 connections. `LeNet5` is the plain stack that took its
name, convolution, pooling, convolution, pooling, three full layers: 61,706 parameters.

Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied
to document recognition", Proceedings of the IEEE 86 (1998), section II.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from utils.checking import checked_choice, checked_images
from utils.counting import count_parameters, format_table
from utils.data import STATISTICS
from utils.training import evaluating

# Which maps of S2 (columns) each map of C3 (rows) sees: three neighbours, four
# neighbours, twice two neighbours, all. The maps stand in a ring.
CONNECTIONS = torch.zeros(16, 6, dtype=torch.bool)
for k in range(6):
    CONNECTIONS[k, [k, (k + 1) % 6, (k + 2) % 6]] = True
    CONNECTIONS[6 + k, [k, (k + 1) % 6, (k + 2) % 6, (k + 3) % 6]] = True
for k in range(3):
    CONNECTIONS[12 + k, [k, k + 1, (k + 3) % 6, (k + 4) % 6]] = True
CONNECTIONS[15] = True

# What the 84 neurons of F6 should say for each class: a drawn digit, 12 x 7 pixels.
DIGITS = """
.#####. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..##... ##...## ##...## ...###. #...... .##.... ......# ##...## ##...##
#.....# .###... #.....# ......# ..##.#. #...... ##..... .....## #.....# #.....#
#.....# ...#... ......# ......# .##..#. #...... #...... .....#. ##...## #.....#
#.....# ...#... .....## .....## ##...#. ######. #.####. ....##. .#####. #.....#
#.....# ...#... ....##. ..####. #....#. .....## ##...## ....#.. ##...## ##...##
#.....# ...#... ...##.. .....## ####### ......# #.....# ...##.. #.....# .####.#
#.....# ...#... ..##... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .##.... ......# .....#. ......# #.....# ..##... #.....# .....##
##...## ...#... ##..... ##...## .....#. ##...## ##...## ..#.... ##...## ....##.
.#####. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""


def digit_codes() -> torch.Tensor:
    """The ten drawn digits as codes for F6: (10, 84), +1 for ink, -1 for paper."""
    rows = [line.split() for line in DIGITS.split("\n")[1:-1]]  # (12, 10) of strings
    digits = ["".join(parts) for parts in zip(*rows, strict=True)]
    return torch.tensor([[1.0 if c == "#" else -1.0 for c in d] for d in digits])


def scaled_tanh(x: torch.Tensor) -> torch.Tensor:
    """1.7159 tanh(2x / 3): from -1 to 1 almost straight, and f(1) = 1, f(-1) = -1."""
    return 1.7159 * torch.tanh(2 / 3 * x)


def as_input(images: torch.Tensor, channels: int = 1) -> torch.Tensor:
    """Pixels as the nets want them: 32 x 32, background -0.1, ink 1.175.

    So scaled, the pixels of MNIST have a mean near 0. (Their variance is about 0.12,
    not near 1, as the paper has it.) Colour images are standardised instead, with the
    statistics of CIFAR-10.

    Args:
        images: floating, (N, 1, 28, 28) or (N, 1, 32, 32), from 0 (background) to 1
            (ink); or of three channels (N, 3, 32, 32).
        channels: 1 or 3.

    Returns:
        (N, channels, 32, 32).

    Raises:
        ValueError: images of another shape, or of whole numbers.
    """
    if channels == 3:
        checked_images(images, (3, 32, 32))
        mean, std = (images.new_tensor(v)[:, None, None] for v in STATISTICS[3])
        return (images - mean) / std
    checked_images(
        images,
        *((1, 28, 28), (1, 32, 32)),
        advice="resize them, or average their channels, first",
    )
    border = (32 - images.shape[-1]) // 2
    return F.pad(1.275 * images - 0.1, [border] * 4, value=-0.1)


class Subsampling(nn.Module):
    """Sums of 2 x 2 pixels, times one weight a map, plus one bias a map.

    (N, C, H, W) -> (N, C, H / 2, W / 2), with 2 * C parameters. With the weight 1/4
    and the bias 0 it is mean pooling.
    """

    def __init__(self, channels: int):
        super().__init__()
        bound = 2.4 / 4  # 2.4 over the number of inputs, as everywhere in this net
        self.weight = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        sums = 4 * F.avg_pool2d(x, 2)
        return sums * self.weight[:, None, None] + self.bias[:, None, None]


class TableConv2d(nn.Module):
    """A convolution whose maps each see some of the input maps only.

    (N, D, H, W) -> (N, P, H - k + 1, W - k + 1). One kernel for each mark of the
    table: parameters exist for these alone.

    Args:
        table: (P, D), true where output map p sees input map d.
        kernel_size: k.

    Raises:
        ValueError: a table that is not two-dimensional, or has a row without a mark.
    """

    def __init__(self, table, kernel_size: int):
        super().__init__()
        table = torch.as_tensor(table)
        if table.ndim != 2 or table.numel() == 0:
            raise ValueError(
                "table must be (P, D), output maps by input maps, got shape "
                f"{tuple(table.shape)}"
            )
        if not ((table == 0) | (table == 1)).all():
            raise ValueError(f"table must hold true or false alone, got\n{table}")
        table = table.bool()
        if len(empty := (~table.any(dim=1)).nonzero().flatten().tolist()):
            raise ValueError(f"table: output map {empty[0]} sees no input map")
        self.register_buffer("table", table)
        self.kernel_size = kernel_size
        bound = 2.4 / (table.sum(1) * kernel_size**2)  # (P,)
        kernels = torch.empty(int(table.sum()), kernel_size, kernel_size)
        rows = table.nonzero()[:, 0]
        self.weight = nn.Parameter(kernels.uniform_(-1, 1) * bound[rows, None, None])
        self.bias = nn.Parameter(torch.zeros(len(table)))

    def dense_weight(self) -> torch.Tensor:
        """The kernels in their places, (P, D, k, k), zeros where there is none."""
        shape = (*self.table.shape, *self.weight.shape[1:])
        return self.weight.new_zeros(shape).index_put(
            tuple(self.table.nonzero().T), self.weight
        )

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != self.table.shape[1]:
            raise ValueError(
                f"x must be (N, {self.table.shape[1]}, H, W), one map for each column "
                f"of the table, got {tuple(x.shape)}"
            )
        return F.conv2d(x, self.dense_weight(), self.bias)


class EuclideanRBF(nn.Module):
    """Minus the squared distance to each code: (N, F) -> (N, classes).

    The codes, (classes, F), are fixed. Zero is a perfect match, and the largest
    number wins, as with logits.
    """

    def __init__(self, codes: torch.Tensor):
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x):
        return -(x[:, None, :] - self.codes).square().sum(dim=2)


def map_loss(logits: torch.Tensor, labels: torch.Tensor, j: float = 0.1):
    """The loss of 1998 (equation 9): distance to the right code, far from the others.

    It is cross-entropy with one more class, "none of these", whose logit is -j for
    every image. That class keeps the units from pushing wrong codes away for ever.

    Args:
        logits: (N, classes), minus squared distances.
        labels: (N,), whole numbers from 0.
        j: positive; the smaller, the less is won by pushing wrong codes away.

    Returns:
        the mean over the images, a tensor of one number.
    """
    rubbish = logits.new_full((len(logits), 1), -j)
    return F.cross_entropy(torch.cat([logits, rubbish], dim=1), labels)


class _LeNet(nn.Module):
    """Seven layers, which `layers` computes one after another."""

    def layers(self, images):
        """Yield (name, output) of each layer, C1 to the output, after its squashing."""
        raise NotImplementedError

    def forward(self, images):
        """Logits (N, 10) of grey images (N, 1, 28, 28) or (N, 1, 32, 32) in [0, 1]."""
        *_, (_, logits) = self.layers(images)
        return logits


class LeNet5Original(_LeNet):
    """The network of 1998: 60,000 trainable parameters, 340,908 connections.

    Train it with `map_loss`. Weights begin uniform between -2.4 / n and 2.4 / n, for
    n inputs to a neuron, as in the paper.

    Args:
        table: (16, 6), which maps of S2 each map of C3 sees.

    Raises:
        ValueError: a table of another shape, or one with a row without a mark.
    """

    def __init__(self, table=CONNECTIONS):
        super().__init__()
        if (shape := tuple(torch.as_tensor(table).shape)) != (16, 6):
            raise ValueError(f"table must be (16, 6), maps of C3 by S2, got {shape}")
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)
        self.s2 = Subsampling(6)
        self.c3 = TableConv2d(table, kernel_size=5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = EuclideanRBF(digit_codes())
        for layer in (self.c1, self.c5, self.f6):
            bound = 2.4 / layer.weight[0].numel()
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)

    def layers(self, images):
        x = as_input(images)  # (N, 1, 32, 32)
        yield "C1", (x := scaled_tanh(self.c1(x)))  # (N, 6, 28, 28)
        yield "S2", (x := scaled_tanh(self.s2(x)))  # (N, 6, 14, 14)
        yield "C3", (x := scaled_tanh(self.c3(x)))  # (N, 16, 10, 10)
        yield "S4", (x := scaled_tanh(self.s4(x)))  # (N, 16, 5, 5)
        yield "C5", (x := scaled_tanh(self.c5(x)))  # (N, 120, 1, 1)
        yield "F6", (x := scaled_tanh(self.f6(x.flatten(1))))  # (N, 84)
        yield "output", self.output(x)  # (N, 10)


class LeNet5(_LeNet):
    """The lecture's LeNet-5: 61,706 parameters, logits for a softmax.

    Args:
        pool: the class of its pooling layers, `nn.MaxPool2d` or `nn.AvgPool2d`.
        activation: the class of its activations, `nn.Tanh` or `nn.ReLU`.
        channels: of the images, 1 or 3.
    """

    def __init__(self, pool=nn.MaxPool2d, activation=nn.Tanh, channels=1):
        super().__init__()
        self.channels = checked_choice("channels", channels, (1, 3))
        self.c1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.s2 = pool(2)
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)
        self.s4 = pool(2)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)
        self.activation = activation()

    def layers(self, images):
        x = as_input(images, self.channels)  # (N, channels, 32, 32)
        yield "C1", (x := self.activation(self.c1(x)))  # (N, 6, 28, 28)
        yield "S2", (x := self.s2(x))  # (N, 6, 14, 14)
        yield "C3", (x := self.activation(self.c3(x)))  # (N, 16, 10, 10)
        yield "S4", (x := self.s4(x))  # (N, 16, 5, 5)
        yield "C5", (x := self.activation(self.c5(x)))  # (N, 120, 1, 1)
        yield "F6", (x := self.activation(self.f6(x.flatten(1))))  # (N, 84)
        yield "output", self.output(x)  # (N, 10)


class Rearranged(nn.Module):
    """LeNet-5's budget of parameters, spent as one would today: 61,306 of them.

    Four convolutions with batch normalisation (Ioffe and Szegedy 2015) and ReLU, then
    global pooling (Lin and others 2013) in place of the full layers that hold most of
    LeNet-5's parameters. It does five times the work of LeNet-5.
    """

    def __init__(self):
        super().__init__()

        def convolution(inputs, outputs, kernel_size, padding):
            return [
                nn.Conv2d(inputs, outputs, kernel_size, padding=padding, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]

        self.features = nn.Sequential(
            *convolution(1, 16, 5, padding=0),  # (N, 16, 24, 24)
            nn.MaxPool2d(2),  # (N, 16, 12, 12)
            *convolution(16, 32, 3, padding=1),
            nn.MaxPool2d(2),  # (N, 32, 6, 6)
            *convolution(32, 64, 3, padding=1),
            *convolution(64, 64, 3, padding=0),  # (N, 64, 4, 4)
            nn.AdaptiveAvgPool2d(1),
        )
        self.output = nn.Linear(64, 10)
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU

    def forward(self, images):
        """Logits (N, 10) of grey images (N, 1, 28, 28) or (N, 1, 32, 32) in [0, 1]."""
        x = as_input(images)[..., 2:-2, 2:-2]  # (N, 1, 28, 28): no border is needed
        return self.output(self.features(x).flatten(1))


def feature_maps(model: _LeNet, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each layer says to the images: name -> (N, maps, H, W) or (N, neurons).

    The model is left as it was, and no gradients are kept.

    Raises:
        ValueError: images of the wrong shape.
    """
    device = next(model.parameters()).device
    with evaluating(model), torch.no_grad():
        return dict(model.layers(images.to(device)))


class Layer(NamedTuple):
    """One layer of a LeNet; `size` is the height and width of its maps."""

    name: str
    maps: int
    size: int
    neurons: int
    parameters: int
    connections: int


class LayerTable(list):
    """Rows of `Layer` that print as a table, with totals."""

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self)

    @property
    def connections(self) -> int:
        return sum(row.connections for row in self)

    def __repr__(self) -> str:
        head = ("layer", "maps", "neurons", "parameters", "connections")
        rows = [
            (
                row.name,
                f"{row.maps} × {row.size}×{row.size}",
                f"{row.neurons:,}",
                f"{row.parameters:,}",
                f"{row.connections:,}",
            )
            for row in self
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.connections:,}")
        return format_table(head, rows, total, words=2)


def layer_table(model: _LeNet) -> LayerTable:
    """Maps, neurons, trainable parameters and connections of each layer.

    A connection is one number that enters one neuron, a bias included: shared weights
    count once as parameters, and once for each neuron that uses them as connections.

    Args:
        model: `LeNet5` or `LeNet5Original`.
    """
    device = next(model.parameters()).device
    table = LayerTable()
    outputs = feature_maps(model, torch.zeros(1, 1, 32, 32, device=device))
    for name, output in outputs.items():
        layer = getattr(model, name.lower())
        maps, size = output.shape[1], output.shape[2] if output.ndim == 4 else 1
        parameters = count_parameters(layer, trainable_only=True)
        if isinstance(layer, Subsampling):
            connections = (2 * 2 + 1) * output.numel()
        elif isinstance(layer, EuclideanRBF):
            connections = layer.codes.numel()
        elif parameters:  # a convolution or a full layer uses all of them everywhere
            connections = parameters * size * size
        else:  # pooling
            connections = layer.kernel_size**2 * output.numel()
        row = Layer(name, maps, size, output.numel(), parameters, connections)
        table.append(row)
    return table
