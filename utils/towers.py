"""Two towers: a network with two groups, taken apart into two halves that meet.

Works on every stack of named layers, such as `AlexNet`, whose convolutions and
normalisations have two groups, or one group where the towers meet.
"""

import copy

import torch
from torch import nn

# The layers of AlexNet that see both towers.
MEETING = ("conv3", "fc6", "fc7", "fc8")


def tower(model, k):
    """Half the neurons of every layer, the first (k = 0) or the second.

    Every weight and bias has its outputs along the first axis. A grouped weight, of
    shape (O, I / 2, kh, kw), is right as it stands.
    """
    half = copy.deepcopy(model)
    for layer in half.children():
        for name, value in list(layer.named_parameters()):
            part = value.detach().chunk(2)[k].clone()
            setattr(layer, name, nn.Parameter(part))
        if hasattr(layer, "groups"):
            layer.groups = 1  # the other group is in the other tower
    return half


def run_towers(towers, images, meeting=MEETING):
    """Logits (N, classes) of the network whose two towers these are.

    In front of the layers named in `meeting`, and behind the last, the towers exchange
    what they have. Each may sit on a device of its own.
    """
    halves = [images.to(next(t.parameters()).device) for t in towers]
    for name in dict(towers[0].named_children()):
        if name in meeting:
            places = [x.device for x in halves]
            halves = [torch.cat([x.to(p) for x in halves], 1) for p in places]
        pairs = zip(towers, halves, strict=True)
        halves = [getattr(one, name)(x) for one, x in pairs]
    return torch.cat([half.to(images.device) for half in halves], dim=1)
