"""LeNet-5, twice: as it was published in 1998, and as lectures draw it today.

`LeNet5Original` has 60,000 trainable parameters; `LeNet5`, which took its name, 61,706.

Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied
to document recognition", Proceedings of the IEEE 86 (1998), section II.
"""

import torch
import torch.nn.functional as F
from torch import nn

CIFAR10 = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # mean, std


def as_input(images):
    """Pixels from 0 to 1 as the nets want them: (N, 1, 32, 32) or (N, 3, 32, 32).

    Paper becomes -0.1 and ink 1.175: a mean near 0. Colour images are standardised.
    """
    if not images.is_floating_point():
        raise ValueError(f"images must be pixels / 255, got {images.dtype}")
    if images.shape[1:] == (3, 32, 32):
        mean, std = (images.new_tensor(v).view(3, 1, 1) for v in CIFAR10)
        return (images - mean) / std
    if images.shape[1:] not in ((1, 28, 28), (1, 32, 32)):
        wanted = "(N, 1, 28, 28) or (N, 1, 32, 32)"
        raise ValueError(f"images must be {wanted}, got {tuple(images.shape)}")
    border = (32 - images.shape[-1]) // 2
    return F.pad(1.275 * images - 0.1, [border] * 4, value=-0.1)


class LeNet5(nn.Module):
    """The lecture's LeNet-5: 61,706 parameters, logits (N, 10) for a softmax.

    `pool` and `activation` are classes; `channels` is 1 (digits) or 3 (CIFAR-10).
    """

    def __init__(self, pool=nn.MaxPool2d, activation=nn.Tanh, channels=1):
        super().__init__()
        self.c1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.s2 = pool(2)
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)
        self.s4 = pool(2)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)
        self.activation = activation()

    def forward(self, images):
        x = as_input(images)  # (N, channels, 32, 32)
        x = self.activation(self.c1(x))  # (N, 6, 28, 28)
        x = self.s2(x)  # (N, 6, 14, 14)
        x = self.activation(self.c3(x))  # (N, 16, 10, 10)
        x = self.s4(x)  # (N, 16, 5, 5)
        x = self.activation(self.c5(x))  # (N, 120, 1, 1)
        x = self.activation(self.f6(x.flatten(1)))  # (N, 84)
        return self.output(x)  # (N, 10)


# The maps of S2 that each map of C3 sees.
SEEN = """
012 123 234 345 450 501
0123 1234 2345 3450 4501 5012
0134 1245 0235
012345
"""
CONNECTIONS = torch.tensor([[str(k) in row for k in range(6)] for row in SEEN.split()])

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


class ScaledTanh(nn.Tanh):
    """1.7159 tanh(2x / 3): from -1 to 1 almost straight, and f(1) = 1, f(-1) = -1."""

    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """Sums of 2 x 2 pixels, times a weight and plus a bias for each of the C maps."""

    kernel_size = 2

    def __init__(self, channels):
        super().__init__()
        bound = 2.4 / 4  # 2.4 over the inputs of a neuron, as everywhere here
        weight = torch.empty(channels).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        sums = 4 * F.avg_pool2d(x, self.kernel_size)  # (N, C, H / 2, W / 2)
        return sums * self.weight[:, None, None] + self.bias[:, None, None]


class TableConv2d(nn.Module):
    """A convolution whose maps each see some of the input maps only.

    (N, C, H, W) -> (N, O, H - k + 1, W - k + 1), with a kernel for each mark of the
    table (O, C), which is true where output map o sees input map c.
    """

    def __init__(self, table, kernel_size):
        super().__init__()
        table = torch.as_tensor(table).bool().clone()  # its own: checkpoints load it
        if not table.any(dim=1).all():
            raise ValueError(f"an output map sees no input map:\n{table}")
        self.register_buffer("table", table)
        bound = 2.4 / (table.sum(dim=1) * kernel_size**2)  # (O,)
        rows, _ = table.nonzero(as_tuple=True)  # one for each kernel
        kernels = torch.empty(len(rows), kernel_size, kernel_size)
        kernels = kernels.uniform_(-1, 1) * bound[rows, None, None]
        self.weight = nn.Parameter(kernels)
        self.bias = nn.Parameter(torch.zeros(len(table)))

    def dense_weight(self):
        """The kernels in their places, (O, C, k, k), zeros where there is none."""
        shape = *self.table.shape, *self.weight.shape[1:]
        weight = self.weight.new_zeros(shape)
        weight[self.table] = self.weight
        return weight

    def forward(self, x):
        return F.conv2d(x, self.dense_weight(), self.bias)


def digit_codes():
    """The ten drawn digits as codes for F6: (10, 84), +1 for ink, -1 for paper."""
    rows = [line.split() for line in DIGITS.strip().split("\n")]  # (12, 10) strings
    digits = ["".join(parts) for parts in zip(*rows, strict=True)]
    return torch.tensor([[1.0 if c == "#" else -1.0 for c in d] for d in digits])


class EuclideanRBF(nn.Module):
    """Minus the squared distance to each code (classes, F): (N, F) -> (N, classes)."""

    def __init__(self, codes):
        super().__init__()
        self.register_buffer("weight", codes.clone())

    def forward(self, x):
        return -(x[:, None, :] - self.weight).square().sum(dim=2)


def map_loss(logits, labels, j=0.1):
    """The loss of 1998 (equation 9): distance to the right code, far from the others.

    It is cross-entropy with one more class, "none of these", of logit -j. That class
    keeps the units from pushing wrong codes away for ever.
    """
    rubbish = logits.new_full((len(logits), 1), -j)
    return F.cross_entropy(torch.cat([logits, rubbish], dim=1), labels)


class LeNet5Original(nn.Module):
    """The network of 1998: 60,000 trainable parameters; train it with `map_loss`.

    The table, (16, 6), says which maps of S2 each map of C3 sees.
    """

    def __init__(self, table=CONNECTIONS):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, kernel_size=5)
        self.s2 = Subsampling(6)
        self.c3 = TableConv2d(table, kernel_size=5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.f6 = nn.Linear(120, 84)
        self.output = EuclideanRBF(digit_codes())
        self.squash = ScaledTanh()
        for layer in (self.c1, self.c5, self.f6):
            bound = 2.4 / layer.weight[0].numel()  # as in the paper
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)

    def forward(self, images):
        x = as_input(images)  # (N, 1, 32, 32)
        x = self.squash(self.c1(x))  # (N, 6, 28, 28)
        x = self.squash(self.s2(x))  # (N, 6, 14, 14)
        x = self.squash(self.c3(x))  # (N, 16, 10, 10)
        x = self.squash(self.s4(x))  # (N, 16, 5, 5)
        x = self.squash(self.c5(x))  # (N, 120, 1, 1)
        x = self.squash(self.f6(x.flatten(1)))  # (N, 84)
        return self.output(x)  # (N, 10)
