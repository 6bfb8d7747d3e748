"""Count what a network costs: parameters, multiplications, shapes, layer by layer.

The first half counts a torch model. The second, `walk`, needs no model: it counts a
list of layers by the formulas alone, whatever a reader puts into it.

A MAC is one multiplication together with the addition of its product to a sum. Counted
are those of convolutions and matrix products, zeros of the padding included, as papers
count them; biases, activations, pooling and batch normalisation cost next to nothing
beside them and are left out. One MAC is two FLOPs, though many papers that write FLOPs
mean MACs.
"""

from math import prod
from numbers import Integral
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from utils.checking import checked_whole
from utils.training import trial_run

# Products with a vector, which torch's own counter leaves out: FLOPs by shapes.
VECTOR_PRODUCTS = {
    torch.ops.aten.mv: lambda a, b, **_: 2 * prod(a),
    torch.ops.aten.dot: lambda a, b, **_: 2 * prod(a),
}


def count_parameters(model: nn.Module, trainable_only: bool = False) -> int:
    """Numbers in the parameters of `model`, a shared one counted once.

    Args:
        model: any module, on any device.
        trainable_only: leave out the frozen ones (`requires_grad` False).
    """
    return sum(
        p.numel() for p in model.parameters() if p.requires_grad or not trainable_only
    )


def count_macs(model: nn.Module, input_shape) -> int:
    """MACs of one forward pass of one example.

    A model on the `meta` device has shapes but no numbers, so that the cost of a net
    of any size is found at once: `with torch.device("meta"): model = AlexNet()`. (Not
    of a net that looks at numbers as it is made, such as `LeNet5Original`.)

    Args:
        model: any module; left as it was.
        input_shape: of one example, such as (3, 224, 224), without the batch; for
            several inputs a list of such tuples.

    Raises:
        ValueError: `input_shape` is no shape, or the model cannot take it.
    """
    with _flop_counter() as counter:
        trial_run(model, *_example(model, input_shape))
    return counter.get_total_flops() // 2


class Layer(NamedTuple):
    """One call of one layer; shapes are those of one example."""

    name: str
    type: str
    output: tuple[int, ...] | None
    parameters: int
    macs: int


class LayerTable(list):
    """Rows of `Layer` that print as a table, with the totals `parameters`, `macs`."""

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self)

    def __repr__(self) -> str:
        rows = [
            (
                name,
                kind,
                "" if output is None else " × ".join(map(str, output)),
                f"{parameters:,}",
                f"{macs:,}",
            )
            for name, kind, output, parameters, macs in self
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.macs:,}")
        head = ("layer", "type", "output", "parameters", "MACs")
        return format_table(head, rows, total, words=3)


def format_table(head, rows, total, words: int) -> str:
    """A table in plain text, ruled above the first row and below the last.

    Args:
        head, total: the first and the last line, a string for each column.
        rows: the lines between.
        words: so many columns stand to the left; those after, numbers, to the right.
    """
    lines = [head, *rows, total]
    width = [max(map(len, column)) for column in zip(*lines, strict=True)]
    line = "  ".join(
        f"{{:{'<' if k < words else '>'}{w}}}" for k, w in enumerate(width)
    )
    lines = [line.format(*row).rstrip() for row in lines]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def layer_table(model: nn.Module, input_shape, depth: int | None = None) -> LayerTable:
    """What each layer gives out, holds and costs, in the order of the computation.

    A layer that is called twice has two rows, its parameters in the first. A module
    around other layers has a row only for what it holds or multiplies itself. Layers
    that hold parameters but are never called come last, without a shape.

    Args:
        model: any module; left as it was.
        input_shape: as for `count_macs`.
        depth: 1 gives one row to each child of the model with all that is in it, 2 to
            each child of the children; None opens everything.

    Raises:
        ValueError: an argument is not as described, or the model cannot take the input.
    """
    if depth is not None and not (isinstance(depth, Integral) and depth >= 1):
        raise ValueError(f"depth must be None or at least 1, got {depth!r}")
    levels = {m: name.count(".") + 1 for name, m in model.named_modules() if name}
    levels[model] = 0
    names = {
        module: name
        for name, module in model.named_modules()
        if depth is None or levels[module] <= depth
    }
    table, calls, counted = LayerTable(), [], set()

    def is_closed(module):  # one row for all that is in it
        return levels[module] == depth or not any(module.children())

    def new_parameters(module):
        found = {p: p.numel() for p in module.parameters(is_closed(module))}
        fresh = found.keys() - counted
        counted.update(fresh)
        return sum(found[p] for p in fresh)

    def enter(module, args):
        calls.append([counter.get_total_flops(), 0])  # FLOPs before, FLOPs of children

    def leave(module, args, output):
        before, of_children = calls.pop()
        spent = counter.get_total_flops() - before
        if calls:
            calls[-1][1] += spent
        parameters, macs = new_parameters(module), (spent - of_children) // 2
        if is_closed(module) or parameters or macs:
            row = names[module], type(module).__name__, _shape(output), parameters, macs
            table.append(Layer(*row))

    hooks = [m.register_forward_pre_hook(enter) for m in names]
    hooks += [m.register_forward_hook(leave) for m in names]
    try:
        with _flop_counter() as counter:
            trial_run(model, *_example(model, input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    for module, name in names.items():
        if parameters := new_parameters(module):
            table.append(Layer(name, type(module).__name__, None, parameters, 0))
    return table


class Wiring(NamedTuple):
    """One layer and what runs into its neurons; the output is that of one example."""

    name: str
    output: tuple[int, ...]
    neurons: int
    parameters: int
    connections: int


class WiringTable(list):
    """Rows of `Wiring` that print as a table, with `parameters` and `connections`."""

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self)

    @property
    def connections(self) -> int:
        return sum(row.connections for row in self)

    def __repr__(self) -> str:
        rows = [
            (name, " × ".join(map(str, output)), *(f"{n:,}" for n in numbers))
            for name, output, *numbers in self
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.connections:,}")
        head = ("layer", "output", "neurons", "parameters", "connections")
        return format_table(head, rows, total, words=2)


def wiring_table(model: nn.Module, input_shape) -> WiringTable:
    """Neurons, parameters and connections of each layer, as papers of 1998 gave them.

    A connection is one number that enters one neuron, a bias included. Each number in
    the `weight` and the `bias` of a layer counts once as a parameter, if it is trained,
    and once for each place in the output map as a connection. Layers of one weight a
    map, such as batch normalisation, have that many connections a neuron as their
    window has pixels (1 if there is none); so have those without weights, such as
    pooling. What has neither weight nor window, such as an activation, is left out.

    Args:
        model: any module; left as it was.
        input_shape: as for `count_macs`.
    """
    table, hooks = WiringTable(), []

    def listen(layer, args, output):
        shape = _shape(output)
        neurons, places = prod(shape), prod(shape[1:])
        weight = getattr(layer, "weight", None)
        window = getattr(layer, "kernel_size", 1)
        axes = len(shape) - 1
        window = window**axes if isinstance(window, Integral) else prod(window)
        biases = neurons if getattr(layer, "bias", None) is not None else 0
        if weight is None or weight.ndim == 1:
            connections = window * neurons + biases
        else:
            connections = weight.numel() * places + biases
        parameters = count_parameters(layer, trainable_only=True)
        table.append(Wiring(names[layer], shape, neurons, parameters, connections))

    names = {
        module: name
        for name, module in model.named_modules()
        if hasattr(module, "weight") or hasattr(module, "kernel_size")
    }
    try:
        hooks += [layer.register_forward_hook(listen) for layer in names]
        trial_run(model, *_example(model, input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    return table


def _flop_counter() -> FlopCounterMode:
    return FlopCounterMode(display=False, custom_mapping=VECTOR_PRODUCTS)


def _example(model, input_shape) -> list[torch.Tensor]:
    """A batch of one example of zeros for each input, beside the model's parameters."""
    several = isinstance(input_shape, tuple | list) and bool(input_shape)
    several = several and all(isinstance(s, tuple | list) for s in input_shape)
    shapes = input_shape if several else [input_shape]
    for shape in shapes:
        sizes = shape if isinstance(shape, tuple | list) and shape else [None]
        if not all(isinstance(n, Integral) and n > 0 for n in sizes):
            raise ValueError(
                "input_shape must be the shape of one example, such as (3, 224, 224), "
                f"or a list of such shapes, got {input_shape!r}"
            )
    like = next(model.parameters(), torch.empty(0))
    return [torch.zeros(1, *s, device=like.device, dtype=like.dtype) for s in shapes]


def _shape(output) -> tuple[int, ...] | None:
    """The shape of one example in a layer's output; of the first tensor if many."""
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else None


# ------------------------------------------------------------ by the formulas alone


class Window(NamedTuple):
    """A layer as `walk` takes it.

    `channels` is None for pooling, which has no parameters and keeps the channels;
    `kernel_size` None is as large as the maps: a fully connected layer.
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


ALEXNET = (
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


def changed(layers=ALEXNET, **changes):
    """The same layers with other settings: changed(conv1={"padding": 0}).

    Raises:
        ValueError: a layer that there is not (a setting: a TypeError from 3.13 on).
    """
    names = [window.name for window in layers]
    if unknown := changes.keys() - set(names):
        raise ValueError(f"no layer {sorted(unknown)[0]!r}: {', '.join(names)}")
    return tuple(w._replace(**changes.get(w.name, {})) for w in layers)


def walk(layers=ALEXNET, size=224, channels=3) -> list[Step]:
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
    for layer in layers:
        step = _step(layer, size, channels)
        steps.append(step)
        size, channels = step.size, step.channels
    return steps


def _step(layer, size, channels) -> Step:
    name, maps, kernel_size, stride, padding, groups = layer
    kernel = size if kernel_size is None else kernel_size
    checked_whole(f"{name}: kernel_size", kernel, 1)
    checked_whole(f"{name}: stride", stride, 1)
    checked_whole(f"{name}: padding", padding, 0)
    through = size + 2 * padding - kernel  # how far a window can move
    if through < 0:
        raise ValueError(
            f"{name}: kernel ({kernel}) is larger than the padded input "
            f"({size + 2 * padding})"
        )
    after = through // stride + 1
    quotient, lost = through / stride + 1, through % stride
    if maps is None:
        return Step(name, channels, after, quotient, lost, 0, 0)
    checked_whole(f"{name}: channels", maps, 1)
    checked_whole(f"{name}: groups", groups, 1)
    if channels % groups or maps % groups:
        raise ValueError(
            f"{name}: groups ({groups}) must divide the channels that come in "
            f"({channels}) and go out ({maps})"
        )
    weights = maps * (channels // groups) * kernel**2
    return Step(name, maps, after, quotient, lost, weights + maps, weights * after**2)
