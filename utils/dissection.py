"""Take a network apart: what each layer says. For any module, by the names in it."""

import torch
from torch import nn

from utils.training import evaluating

# Their output belongs to the layer before them.
ACTIVATIONS = nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU


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
