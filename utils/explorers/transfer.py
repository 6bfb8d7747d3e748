"""Which digits are near to which, and where: the explorer of chapter 12.

    python -m utils.explorers.transfer

computes the neighbours anew, and writes them to transfer.json beside this file.
"""

import base64
import json

import numpy as np
import torch
import traitlets
from torch import nn

from utils import data, records, transfer
from utils.explorers import FOLDER, Explorer
from utils.figures import transfer as figures
from utils.lenet import LeNet5
from utils.resnet import CifarResNet
from utils.training import predict, seed_everything

FILE = FOLDER / "transfer.json"
COUNT = 200  # digits, the first of the test set: 20 of each class
NEAR = 6  # neighbours of each
SHOWN = 38  # the digit with which the explorer opens


def digits():
    """The digits of the explorer: `Images` of which no network here has seen any."""
    _, test = data.mnist5k()
    return data.Images(test.x[:COUNT], test.y[:COUNT])


def source_lenet():
    """The network of section 12.1: LeNet-5, trained on the digits 0 to 4."""
    train, _ = data.mnist5k()
    seed_everything(0)
    lenet = transfer.with_head(LeNet5(), nn.Linear(84, 5))
    return transfer.tune(lenet, transfer.only(train, range(5)), steps=300, size=32)


def spaces(x):
    """The features of the digits (N, 1, 28, 28) by the name of their space."""
    lenet, resnet = source_lenet(), CifarResNet(20)
    resnet.load_state_dict(records.load_weights("resnet-cifar10-quick"))
    colour = np.repeat(np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2))), 3, axis=1)
    return {
        "pixels": torch.tensor(x).flatten(1),
        "LeNet-5, S4": predict(transfer.up_to(lenet, 2), x),
        "LeNet-5, F6": predict(transfer.up_to(lenet, 4), x),
        "ResNet-20": predict(transfer.with_head(resnet, nn.Identity()).eval(), colour),
    }


def nearest(features):
    """The numbers of the nearest others, nearest first: (N, NEAR)."""
    distances = torch.cdist(features, features).fill_diagonal_(torch.inf)
    return distances.topk(NEAR, largest=False).indices


def packed():
    """What the page gets: pixels of 4 bits, labels, neighbours as bytes in base64."""
    x, y = digits()
    ink = np.rint(15 * x.reshape(-1, 2)).astype(np.uint8)
    near = {name: nearest(f).numpy() for name, f in spaces(x).items()}
    return {
        "pixels": _text(16 * ink[:, 0] + ink[:, 1]),
        "labels": "".join(map(str, y)),
        "near": {name: _text(rows.astype(np.uint8)) for name, rows in near.items()},
    }


def unpacked(known):
    """Pixels (N, 28, 28), labels (N,) and neighbours {space: (N, NEAR)}."""
    pairs = _bytes(known["pixels"])
    pixels = np.stack([pairs // 16, pairs % 16], axis=1).reshape(-1, 28, 28) / 15
    near = {k: _bytes(v).reshape(-1, NEAR) for k, v in known["near"].items()}
    return pixels, np.array([int(c) for c in known["labels"]]), near


def _text(values):
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _bytes(text):
    return np.frombuffer(base64.b64decode(text), np.uint8)


class TransferExplorer(Explorer):
    """A digit, and those nearest to it by pixels and by features of two networks.

    Args:
        shown: the number of the digit at first, 0 to 199.

    Raises:
        traitlets.TraitError: there is no such digit.
    """

    name = "transfer"
    title = "Nearest neighbours of a digit"
    description = (
        "A handwritten digit and the six nearest to it among 200: by their pixels, by "
        "the features of a LeNet-5 that has learnt 0 to 4 only, after S4 and after F6, "
        "and by those of a ResNet-20 that knows photographs only. Neighbours of "
        "another class are framed in red."
    )
    shown = traitlets.Int(SHOWN, min=0, max=COUNT - 1).tag(sync=True)
    known = traitlets.Dict().tag(sync=True)

    spaces = traitlets.List(read_only=True).tag(sync=True)

    @traitlets.default("known")
    def _known(self):
        return json.loads(FILE.read_text(encoding="utf-8"))

    @traitlets.default("spaces")
    def _spaces(self):
        return list(self.known["near"])

    def still(self):
        pixels, labels, near = unpacked(self.known)
        rows = {
            space: [self.shown, *found[self.shown]] for space, found in near.items()
        }
        return figures.neighbours(pixels, rows, labels)


if __name__ == "__main__":
    FILE.write_text(json.dumps(packed(), indent=1) + "\n", encoding="utf-8")
