"""Transfer learning: what one task taught a network, used for another.

A network is a body, which makes features of images, and a last layer, which judges
them. The body can be kept as it is, trained further, or cut off earlier.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.data import Images
from utils.lenet import as_input
from utils.training import one_cycle, train_step


def only(images, classes):
    """The `Images` of some classes, numbered anew: 0, 1, … in the order given.

    Raises:
        ValueError: one of the classes does not occur, or is given twice.
    """
    kept = np.isin(images.y, classes)
    if missing := set(classes) - set(images.y.tolist()):
        raise ValueError(f"there are no images of classes {sorted(missing)}")
    new = {label: k for k, label in enumerate(classes)}
    if len(new) < len(classes):
        raise ValueError(f"classes must differ, got {classes}")
    labels = np.array([new[label] for label in images.y[kept]])
    return Images(images.x[kept], labels)


def few(images, count, seed=0):
    """So many `Images`, drawn by the seed, of each class equally many or one less.

    With the same seed a larger draw begins with the smaller one.

    Raises:
        ValueError: count is smaller than the number of classes, or larger than what
            there is of all of them.
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(images.y)
    piles = [rng.permutation(np.flatnonzero(images.y == k)) for k in classes]
    height = min(map(len, piles))
    if not len(piles) <= count <= len(piles) * height:
        wanted = f"{len(piles)} (one of each class) to {len(piles) * height}"
        raise ValueError(f"count must be from {wanted}, got {count}")
    rows = np.stack([pile[:height] for pile in piles], axis=1)
    rows = rows.ravel()[:count]  # one of each class in turn
    return Images(images.x[rows], images.y[rows])


# ------------------------------------------------------------ body and last layer


def head(model):
    """The name of a network's last fully connected layer, auxiliary heads aside.

    Raises:
        ValueError: it has none.
    """
    layers = model.named_modules()
    names = [name for name, m in layers if isinstance(m, nn.Linear)]
    names = [name for name in names if not name.startswith("heads.")]
    if not names:
        raise ValueError("the network has no fully connected layer")
    return names[-1]


def with_head(model, layer):
    """A copy of a network with another last layer; nn.Identity() lays bare its body."""
    model = copy.deepcopy(model)
    model.set_submodule(head(model), layer)
    return model


class Input(nn.Module):
    """LeNet-5's preparation of pixels, as a layer."""

    def forward(self, images):
        return as_input(images)


def up_to(lenet, depth):
    """A LeNet-5 up to S2, S4, C5 or F6 (depth 1 to 4): (N, 1, 28, 28) -> (N, F).

    F is 1,176, 400, 120 or 84; depth 0 gives the 1,024 prepared pixels. The layers are
    the network's own, not copies, and in evaluation from now on.
    """
    f = lenet.activation
    blocks = [
        nn.Sequential(lenet.c1, f, lenet.s2),  # (N, 6, 14, 14)
        nn.Sequential(lenet.c3, f, lenet.s4),  # (N, 16, 5, 5)
        nn.Sequential(lenet.c5, f),  # (N, 120, 1, 1)
        nn.Sequential(nn.Flatten(), lenet.f6, f),  # (N, 84)
    ]
    return nn.Sequential(Input(), *blocks[:depth], nn.Flatten()).eval()


# ------------------------------------------------------------ features that stay


def probe(features, labels, classes, penalty=1e-3):
    """Logistic regression on features (N, F): a fully connected layer to class logits.

    The features are centred and scaled for the fit, and the layer made to take them as
    they are.

    Args:
        features: (N, F), floating; the layer will be of their type, on their device.
        labels: whole numbers (N,), from 0 to classes - 1, on the same device.
        penalty: the loss gets it times the sum of all squared weights.

    Returns:
        nn.Linear from F to `classes`.
    """
    features = features.detach()
    mean, scale = features.mean(dim=0), features.std().clamp(min=1e-12)
    z = (features - mean) / scale
    layer = nn.Linear(features.shape[1], classes).to(features)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=30)

    def loss():
        optimizer.zero_grad()
        size = layer.weight.square().sum()
        error = F.cross_entropy(layer(z), labels) + penalty * size
        error.backward()
        return error

    optimizer.step(loss)
    with torch.no_grad():
        layer.weight /= scale
        layer.bias -= layer.weight @ mean
    return layer


def vote(features, labels, queries, k=1):
    """What the k nearest features (N, F) say of each query (Q, F): labels (Q,).

    All of it tensors, on one device.
    """
    distances = torch.cdist(queries, features)  # (Q, N)
    nearest = distances.topk(k, largest=False).indices  # (Q, k)
    return labels[nearest].mode(dim=1).values


def class_maps(layer, maps):
    """What each place of the last maps says: (N, C, H, W) -> (N, classes, H, W).

    Of a network that ends, as a ResNet does, in the mean over the places and a linear
    layer, this one: the means over the places are its logits.

    Source: B. Zhou and others (2016), arXiv:1512.04150, equation 2.
    """
    places = torch.einsum("kc,nchw->nkhw", layer.weight, maps)
    return places + layer.bias[:, None, None]


# ------------------------------------------------------------ features that learn on


def stay(part, inputs):
    """A hook: back into evaluation before each use, whatever train() said."""
    part.eval()


def freeze(model, parts):
    """From now on no weight of these parts changes, and no statistic.

    Args:
        parts: names of the network's parts, as `model.named_children()` has them.

    Raises:
        ValueError: there is no such part.
    """
    known = dict(model.named_children())
    for name in parts:
        if name not in known:
            raise ValueError(f"no part {name!r} among {', '.join(known)}")
        for part in known[name].requires_grad_(False).modules():
            part.register_forward_pre_hook(stay)
    return model


def rates(model, rate, share=1.0):
    """The last layer learns at `rate`, all before it at a share: for an optimizer."""
    last = head(model) + "."
    groups = [
        {"params": [], "lr": share * rate},
        {"params": [], "lr": rate},
    ]
    for name, weights in model.named_parameters():
        groups[name.startswith(last)]["params"].append(weights)
    return groups


def tune(model, images, steps=50, rate=0.05, share=1.0, size=20, seed=0):
    """Train a network further, in place: so many steps, each with `size` of the images.

    Source of different rates: J. Howard and S. Ruder, arXiv:1801.06146.

    Args:
        images: `Images`, or arrays (N, ...) and whole numbers (N,).
        rate, share: as for `rates`.
        size: images a step; all of them, if there are fewer.
        seed: of their order.
    """
    device = next(model.parameters()).device
    x, y = (torch.as_tensor(part, device=device) for part in images)
    shuffle = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(rates(model, rate, share), momentum=0.9)
    schedule = one_cycle(optimizer, steps)
    size, order = min(size, len(y)), []
    model.train()
    for _ in range(steps):
        if len(order) < size:
            order = torch.randperm(len(y), generator=shuffle)
        rows, order = order[:size], order[size:]
        train_step(model, x[rows], y[rows], optimizer)
        schedule.step()
    return model.eval()


# ------------------------------------------------------------ photographs


def tiles(photos, odd):
    """Squares of 32 pixels from photographs, and the field that each is from.

    Each photograph is cut into two rows of three fields, and each field into 6 x 6
    tiles, as a chessboard: the black ones to learn from, the white ones to test.

    Args:
        photos: uint8 arrays (H, W, 3), H at least 384 and W 576.
        odd: 0 for the one half of the tiles, 1 for the other.

    Returns:
        `Images`: (N, 3, 32, 32) from 0 to 1, and the numbers of the fields; 18 each.
    """
    x, y = [], []
    rows = [row for photo in photos for row in np.array_split(photo, 2)]
    fields = [part for row in rows for part in np.array_split(row, 3, axis=1)]
    for label, field in enumerate(fields):
        for i, j in np.ndindex(6, 6):
            if (i + j) % 2 == odd:
                x.append(field[32 * i : 32 * i + 32, 32 * j : 32 * j + 32])
                y.append(label)
    pixels = np.stack(x).transpose(0, 3, 1, 2)  # (N, 3, 32, 32)
    return Images(pixels / np.float32(255), np.array(y))
