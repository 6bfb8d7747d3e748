"""Take a network apart: works on any module in which it finds what it needs."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

# --- the pull at the stem


def stem_gradient(model, images, labels, loss=F.cross_entropy) -> dict[str, float]:
    """How strong the training loss pulls at the first convolution.

    The model is left as it was, and so is torch's random state.

    Args:
        model: any module with a convolution.
        images: (N, C, H, W), floating.
        labels: (N,), whole numbers from 0.
        loss: of what the model gives out in training, and the labels.

    Returns:
        {"stem_gradient": the root of the sum of squares of d loss / d weights}.
    """
    model = copy.deepcopy(model).train()  # with batch statistics of its own
    first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    device = first.weight.device
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(gpus), torch.enable_grad():
        error = loss(model(images.to(device)), labels.to(device))
        (gradient,) = torch.autograd.grad(error, first.weight)
    return {"stem_gradient": float(gradient.norm())}
