"""Designing a CNN: a design as one line of text, its costs, and the network itself.

A design is written in the rule's own letters, such as "(C16*2-P)*2-F64":

    C16   a convolution with 16 maps and 3 x 3 kernels that keeps the size, batch
          normalisation, ReLU. Settings behind it: k5 the kernel, s2 the stride, d2 the
          dilation, v no padding, b a bias in place of the normalisation, g each kernel
          reads one map (depthwise)
    P     max pooling of 2 x 2; P3s2 of 3 x 3 with stride 2
    G     the mean over each map
    F64   a fully connected layer of 64 neurons, ReLU
    -     one after the other;  *2 twice;  ( ) as one

The output layer, fully connected, is not written: every design ends in it.
"""

import bisect
import re
from typing import NamedTuple

from torch import nn

from utils import counting


class Layer(NamedTuple):
    """A layer of a design; `text` is how it is written, and begins at `at`."""

    text: str
    at: int
    kind: str
    width: int
    kernel_size: int = 1
    stride: int = 1
    dilation: int = 1
    flags: str = ""


def fail(design, at, why):
    """Raise ValueError, with the design and a mark below the place that is meant."""
    mark = f"{design}\n{' ' * at}^"
    raise ValueError(f"{why} (character {at + 1})\n{mark}")


TOKEN = re.compile(r"(?as)[A-Z]\d*([a-z]\d*)*|\*\d*|.")
PARTS = re.compile(r"(?as)(.)(\d*)(.*)")
SETTINGS = {"C": "ksdvbg", "P": "s", "G": "", "F": ""}


def layer(design, at, token):
    """The `Layer` of a token such as "C16k5v", which begins at `at`."""
    kind, width, settings = re.fullmatch(PARTS, token).groups()
    if kind not in SETTINGS:
        fail(design, at, f"no layer is called '{kind}': C, P, G or F")
    if kind != "P" and (kind == "G") == bool(width):
        what = "takes no number" if kind == "G" else "needs a number to follow"
        fail(design, at + 1, f"{kind} {what}")
    given = {}
    for letter, number in re.findall(r"([a-z])(\d*)", settings):
        if letter not in SETTINGS[kind] or letter in given:
            fail(design, at, f"{kind} takes no '{letter}', or one only")
        if (letter in "ksd") != bool(number):
            what = "needs a" if letter in "ksd" else "takes no"
            fail(design, at, f"'{letter}' {what} number after it")
        given[letter] = int(number or 1)
    width = int(width or 2)
    if not all(0 < number < 10_000 for number in (width, *given.values())):
        fail(design, at, "numbers go from 1 to 9999")
    window = width if kind == "P" else given.get("k", 3 if kind == "C" else 1)
    stride = given.get("s", window if kind == "P" else 1)
    flags = "".join(letter for letter in given if letter in "vbg")
    return Layer(token, at, kind, width, window, stride, given.get("d", 1), flags)


def parse(design):
    """The layers of a design, repeats written out.

    Returns:
        a list of `Layer`.

    Raises:
        ValueError: the text is no design; it marks the place.
    """
    outer, group, item = [], [], None  # item: what a "*" would repeat
    for found in TOKEN.finditer(design):
        token, at = found[0], found.start()
        if item is None and token[0] in "-)*":
            fail(design, at, "a layer or '(' must stand here")
        if item is not None and token[0] not in "-)*":
            fail(design, at, "'-' must stand between two layers")
        if token == "-":
            group, item = group + item, None
        elif token == "(":
            outer, group = [*outer, group], []
        elif token == ")" and outer:
            *outer, before = outer
            group, item = before, group + item
        elif token == ")":
            fail(design, at, "no '(' is open")
        elif token[0] == "*":
            times = int(token[1:] or 0)
            if not 0 < times * len(item) <= 500:
                fail(design, at, "'*' needs a number, for 500 layers at most")
            item = item * times
        else:
            item = [layer(design, at, token)]
    if item is None:
        fail(design, len(design), "a layer must stand here")
    if outer:
        fail(design, len(design), "a ')' is missing")
    return group + item


def output_layer(design, classes):
    """The full layer after every design, whose softmax is in the loss."""
    return Layer("output", len(design), "S", classes)


def rule(N, M, K, maps=16, neurons=64):
    """The rule ((CONV)*N-POOL)*M-(FC)*K as a design; each block doubles the maps.

    Args:
        N: convolutions a block.
        M: blocks, each with a pool behind it.
        K: fully connected layers before the output.
        maps: of the first block.
        neurons: of each full layer.
    """
    blocks = [f"C{maps * 2**m}*{N}-P" for m in range(M)]
    return "-".join(blocks + [f"F{neurons}"] * K)


class Cost(NamedTuple):
    """What a layer gives out for one image, and what it costs.

    `field` is how many pixels of the image, in each direction, one output depends on
    (those of the padding included), `step` how many pixels lie between neighbouring
    outputs, `values` how many numbers come out.
    """

    name: str
    channels: int
    size: int
    field: int
    step: int
    parameters: int
    macs: int
    values: int


def fitted(design, layer, before):
    """How far a layer's window reaches, and the size of the maps it gives."""
    size = padded = before.size
    if layer.kind not in "FS" and before.name[0] == "F":
        fail(design, layer.at, "after a full layer only full layers can stand")
    if layer.kind in "GFS":  # a window as large as the maps
        return size, 1
    reach = layer.dilation * (layer.kernel_size - 1) + 1
    if layer.kind == "C" and "v" not in layer.flags:
        if reach % 2 == 0:
            fail(design, layer.at, "an even window cannot keep the size: add v")
        padded += reach - 1
    if reach > padded:
        why = f"a window of {reach} does not fit on maps of {size} × {size}"
        fail(design, layer.at, why)
    return reach, (padded - reach) // layer.stride + 1


def cost(design, layer, before):
    """The `Cost` of a layer after another, without building it."""
    reach, size = fitted(design, layer, before)
    maps, inputs, window = layer.width, before.channels, layer.kernel_size
    if "g" in layer.flags:
        if maps % inputs:
            why = f"g needs a multiple of the {inputs} maps that come in"
            fail(design, layer.at, why)
        inputs = 1
    if layer.kind in "FS":
        window = before.size
    weights = maps * inputs * window**2
    others = maps * (1 if layer.kind in "FS" or "b" in layer.flags else 2)
    if layer.kind in "PG":  # nothing is learnt
        maps, weights, others = inputs, 0, 0
    return Cost(
        name=layer.text,
        channels=maps,
        size=size,
        field=before.field + (reach - 1) * before.step,
        step=before.step * layer.stride,
        parameters=weights + others,
        macs=weights * size**2,
        values=maps * size**2,
    )


def budget(design, input_shape=(1, 28, 28), classes=10):
    """What each layer of a design costs, the output layer last.

    Args:
        design: the text.
        input_shape: of one image, (channels, n, n).
        classes: how many the output layer tells apart.

    Returns:
        a list of `Cost`.

    Raises:
        ValueError: the text is no design, or a layer does not fit on the maps before
            it; the place is marked. Or a size is below 1.
    """
    channels, n, width = input_shape
    if min(channels, n, classes) < 1:
        raise ValueError(f"no image, or no class: {input_shape}, {classes}")
    if n != width:
        raise ValueError(f"images must be square, got {n} × {width}")
    costs = [Cost("image", channels, n, 1, 1, 0, 0, channels * n * n)]
    for layer in [*parse(design), output_layer(design, classes)]:
        costs.append(cost(design, layer, costs[-1]))
    return costs[1:]


def total(costs, what):
    """The sum of a column of a budget: "parameters", "macs" or "values"."""
    return sum(getattr(cost, what) for cost in costs)


def budget_table(costs):
    """A budget as text, with its totals."""
    rows = [
        (c.name, f"{c.channels} × {c.size} × {c.size}", *(f"{v:,}" for v in c[3:]))
        for c in costs
    ]
    sums = (f"{total(costs, w):,}" for w in ("parameters", "macs", "values"))
    head = ("layer", "output", "field", "step", "parameters", "MACs", "activations")
    return counting.format_table(head, rows, ("total", "", "", "", *sums), words=2)


def module(layer, channels, size):
    """The torch module of one layer, for maps of that size."""
    width, window, flags = layer.width, layer.kernel_size, layer.flags
    if layer.kind == "P":
        return nn.MaxPool2d(window, layer.stride)
    if layer.kind == "G":
        return nn.AdaptiveAvgPool2d(1)
    if layer.kind in "FS":
        relu = [nn.ReLU()] if layer.kind == "F" else []
        linear = nn.Linear(channels * size**2, width)
        return nn.Sequential(nn.Flatten(), linear, *relu)
    conv = nn.Conv2d(
        channels,
        width,
        window,
        layer.stride,
        padding=0 if "v" in flags else layer.dilation * (window - 1) // 2,
        dilation=layer.dilation,
        groups=channels if "g" in flags else 1,
        bias="b" in flags,
    )
    norm = [] if "b" in flags else [nn.BatchNorm2d(width)]
    return nn.Sequential(conv, *norm, nn.ReLU())


def build(design, input_shape=(1, 28, 28), classes=10):
    """The network of a design: images (N, channels, n, n) -> logits (N, classes).

    One child a layer, the output layer last. Arguments and errors as for `budget`.
    """
    channels, size, _ = input_shape
    layers = [*parse(design), output_layer(design, classes)]
    net = nn.Sequential()
    costs = budget(design, input_shape, classes)
    for layer, cost in zip(layers, costs, strict=True):
        net.append(module(layer, channels, size))
        channels, size = cost.channels, cost.size
    return net


def widest(design, parameters, input_shape=(1, 28, 28)):
    """The design, all its widths multiplied so that it has at most so many parameters.

    The factors are hundredths; a layer keeps one map, or neuron, at least. Layers that
    a g joins need equal widths.

    Raises:
        ValueError: even the narrowest has more; or the text is no design.
    """

    def at(percent):
        def wider(found):
            return f"{found[1]}{max(1, int(found[2]) * percent // 100)}"

        return re.sub(r"([CF])(\d+)", wider, design)

    def count(percent):
        return total(budget(at(percent), input_shape), "parameters")

    if count(0) > parameters:
        raise ValueError(
            f"no net of the design {design} has at most {parameters:,} "
            f"parameters: {at(0)} has {count(0):,}"
        )
    most = max([1, *map(int, re.findall(r"[CF](\d+)", design))])
    percents = range(100 * 9999 // most + 1)  # numbers have four digits
    return at(bisect.bisect_right(percents, parameters, key=count) - 1)


def training_flops(macs, images, epochs):
    """FLOPs of a training: two a MAC, forward once and backward twice as much."""
    return 2 * 3 * macs * images * epochs
