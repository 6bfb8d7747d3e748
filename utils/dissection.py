"""Taking networks apart: what passes through them, what becomes of them without a part.

Each function takes any module in which it finds what it needs, leaves it as it was, and
works beside it, on its device. A net of stages has them as children called layer1,
layer2, ..., sequences of units; the shortcut of a unit is its child `downsample`. For
`trace` and `drop` a unit adds its shortcut to F, and not in place.
"""

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from utils.training import evaluating, measuring

# Their output belongs to the layer before them.
ACTIVATIONS = nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU

# --- what each layer says


def feature_maps(model, images, grad=False) -> dict[str, torch.Tensor]:
    """What each layer says to the images: its name in the model -> its output.

    Layers are the modules without others inside, in the order of the computation. An
    activation that is a module speaks for the layer before it: what is kept of `conv`
    is the output of the ReLU behind it. Of a layer that is used twice the last output
    is kept.

    Args:
        model: any module; it answers as in evaluation, and is left as it was.
        images: what it takes, (N, C, H, W).
        grad: whether gradients can flow back through the maps.
    """
    names = {module: name for name, module in model.named_modules()}
    maps, layer = {}, None

    def listen(module, inputs, output):
        nonlocal layer
        if not (layer and isinstance(module, ACTIVATIONS)):
            layer = names[module]
        maps[layer] = output

    layers = [module for module in names if not any(module.children())]
    hooks = [layer.register_forward_hook(listen) for layer in layers]
    try:
        with evaluating(model), torch.set_grad_enabled(grad):
            device = next(model.parameters(), images).device
            model(images.to(device))
    finally:
        for hook in hooks:
            hook.remove()
    return maps


# --- what passes through the units


class Step(NamedTuple):
    """What passed one unit: its input x, F(x) and its output h(x)."""

    name: str  # such as "layer1.0"
    x: torch.Tensor
    f: torch.Tensor
    output: torch.Tensor


def units_of(model: nn.Module) -> dict[str, nn.Module]:
    """Name -> unit of a net of stages, such as "layer1.0", in order."""
    return {
        f"{stage}.{i}": unit
        for stage, sequence in model.named_children()
        if stage.startswith("layer")
        for i, unit in sequence.named_children()
    }


def layers_of_f(unit: nn.Module) -> dict[str, nn.Module]:
    """Name -> layer of what a unit adds to its shortcut, ReLUs left out."""
    return {
        name: layer
        for name, layer in unit.named_children()
        if name != "downsample" and not isinstance(layer, nn.ReLU)
    }


def trace(model: nn.Module, images) -> tuple[list[Step], torch.Tensor]:
    """A forward pass, laid open: a `Step` for each unit, and the logits.

    F(x) is what the last layer gives before the shortcut is added. Gradients flow
    through all that is returned. The net works as it is: in training, the running
    statistics of batch normalisation move.

    Args:
        images: (N, C, H, W), on the net's device.
    """
    steps, last, hooks = [], {}, []

    def after_layer(layer, inputs, output):
        last["f"] = output

    def after_unit(unit, inputs, output):
        steps.append(Step(names[unit], *inputs, last.pop("f", output), output))

    names = {unit: name for name, unit in units_of(model).items()}
    for unit in names:
        for layer in layers_of_f(unit).values():
            hooks.append(layer.register_forward_hook(after_layer))
        hooks.append(unit.register_forward_hook(after_unit))
    try:
        return steps, model(images)
    finally:
        for hook in hooks:
            hook.remove()


def count_depth(model: nn.Module) -> int:
    """Layers with weights on the main path; shortcuts stand beside it."""
    weighty = (nn.Conv2d, nn.Linear)
    layers = [name for name, m in model.named_modules() if isinstance(m, weighty)]
    return sum("downsample" not in name for name in layers)


# --- units deleted, units swapped


class Zero(nn.Module):
    """Nothing to add, whatever comes."""

    def forward(self, x):
        return x.new_zeros(())


def drop(model: nn.Module, *names: str) -> nn.Module:
    """A copy of the net without the F of some units: x takes the shortcut.

    What follows the addition stays. A unit without shortcut passes x on.

    Source: A. Veit, M. Wilber and S. Belongie, "Residual networks behave like ensembles
    of relatively shallow networks", NeurIPS 2016 (arXiv:1605.06431).

    Args:
        names: of units, such as "layer1.0".

    Raises:
        ValueError: a unit without shortcut that changes the shape.
    """
    model = copy.deepcopy(model)
    for name in names:
        unit = model.get_submodule(name)
        layers = list(layers_of_f(unit))
        if hasattr(unit, "downsample"):
            for layer in layers:
                setattr(unit, layer, nn.Identity())
            setattr(unit, layers[-1], Zero())
        elif unit.conv1.stride != (1, 1) or (
            unit.conv1.in_channels != unit.conv2.out_channels
        ):
            raise ValueError(f"{name} changes the shape, and has no shortcut")
        else:
            model.set_submodule(name, nn.Identity())
    return model


def swap(model: nn.Module, first: str, second: str) -> nn.Module:
    """A copy of the net in which two units have changed places.

    Args:
        first, second: names of units, such as "layer1.1" and "layer1.2".

    Raises:
        ValueError: units whose weights differ in shape.
    """
    model = copy.deepcopy(model)
    a, b = model.get_submodule(first), model.get_submodule(second)
    if [p.shape for p in a.parameters()] != [p.shape for p in b.parameters()]:
        raise ValueError(f"{first} and {second} cannot change places: shapes differ")
    model.set_submodule(first, b)
    model.set_submodule(second, a)
    return model


# --- gradients, and slices of the loss


def gradients_by_depth(model: nn.Module, images, labels) -> dict[str, float]:
    """How long the gradient of the loss is at the input of each unit.

    As in training: batch normalisation takes the statistics of these images. The loss
    is the mean over the images of the cross-entropy.

    Args:
        images, labels: (N, C, H, W) and (N,), on the net's device.

    Returns:
        name of the unit -> root of the sum of squares of dL/dx.
    """
    with measuring(model) as net:
        steps, logits = trace(net, images.detach().requires_grad_())
        loss = F.cross_entropy(logits, labels)
        gradients = torch.autograd.grad(loss, [step.x for step in steps])
    return {s.name: float(g.norm()) for s, g in zip(steps, gradients, strict=True)}


def loss_gradient(model: nn.Module, images, labels) -> dict[str, torch.Tensor]:
    """The gradient of the mean cross-entropy, as in training: name -> dL/dweight."""
    with measuring(model) as net:
        F.cross_entropy(net(images), labels).backward()
    return {name: weight.grad for name, weight in net.named_parameters()}


def losses_along(model: nn.Module, direction, steps, images, labels) -> list[float]:
    """The loss at weights + step * direction, a slice of its landscape.

    As in training: batch normalisation takes the statistics of these images. The
    running ones belong to the weights in the middle and to no others.

    Args:
        direction: name of a parameter -> what is added to it, of its shape.
        steps: numbers.
        images, labels: (N, C, H, W) and (N,).

    Returns:
        the mean cross-entropy for each step.
    """
    weights = {name: model.get_parameter(name).detach() for name in direction}
    losses = []
    with measuring(model) as net, torch.no_grad():
        for step in steps:
            moved = {name: weights[name] + step * direction[name] for name in weights}
            logits = torch.func.functional_call(net, moved, images)
            losses.append(F.cross_entropy(logits, labels).item())
    return losses


# --- the pull at the stem


def stem_gradient(model, images, labels, loss=F.cross_entropy) -> dict[str, float]:
    """How strongly the training loss pulls at the first convolution.

    The model is left as it was, and so is torch's random state.

    Args:
        model: any module with a convolution.
        images: (N, C, H, W), floating.
        labels: (N,), whole numbers from 0.
        loss: of what the model gives out in training, and the labels.

    Returns:
        {"stem_gradient": the root of the sum of squares of d loss / d weights}.
    """
    with measuring(model) as net:
        first = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
        device = first.weight.device
        error = loss(net(images.to(device)), labels.to(device))
        (gradient,) = torch.autograd.grad(error, first.weight)
    return {"stem_gradient": float(gradient.norm())}
