"""Draw a digit for LeNet-5: the explorer of chapter 6.

    python -m utils.explorers.lenet FILE.json

writes the trained weights of the recorded network to a file, as a web page gets them.
"""

import argparse
import base64
import copy
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from torch import nn

from utils import data, plotting, records
from utils.dissection import feature_maps
from utils.explorers import Explorer
from utils.lenet import LeNet5

RECORD = "lenet5-augmented"
# One of each class of the test digits of mnist5k, which run through the classes.
EXAMPLES = [40, 1, 12, 33, 34, 45, 16, 57, 48, 9]
LARGEST = 2**15 - 1  # of the whole numbers of 16 bits
ACTIVATIONS = {nn.Tanh: "tanh", nn.ReLU: "relu"}
SHOWN = 3  # the example with which the explorer opens


def recorded_model(name: str = RECORD) -> LeNet5:
    """The trained network of a record, ready for use.

    Raises:
        RecordError: record or weights are missing or damaged, or of another network.
    """
    record = records.load_record(name)
    settings = record["variants"][records.kept_run(record)["variant"]]
    relu = "ReLU" in settings["model"]
    model = LeNet5(activation=nn.ReLU if relu else nn.Tanh).eval()
    try:
        model.load_state_dict(records.load_weights(name))
    except RuntimeError as error:
        raise records.RecordError(
            f"the weights of {name!r} are not those of a LeNet5: {error}"
        ) from error
    return model


def export(model: LeNet5) -> dict:
    """The trained network as small as a web page wants it, for `json.dumps`.

    Each tensor becomes whole numbers of 16 bits and one scale for all of them. On a
    thousand digits the recorded network's logits are off by 0.0005 at most (with 12
    bits by 0.007; with 24 the explorer would be a third heavier).

    Returns:
        {"activation": "tanh" or "relu", "tensors": {name: {"shape": [...],
        "scale": the weight that 1 stands for, "data": the numbers in base64, two
        bytes each, the lower first}}}.

    Raises:
        ValueError: model is no LeNet5 with max pooling and tanh or ReLU, or a weight
            is not finite.
    """
    activation = type(getattr(model, "activation", None))
    pools = [getattr(model, name, None) for name in ("s2", "s4")]
    pooled = all(isinstance(pool, nn.MaxPool2d) for pool in pools)
    if activation not in ACTIVATIONS or not pooled:
        raise ValueError(
            "model must be a LeNet5 with max pooling and nn.Tanh or nn.ReLU, got "
            f"{model!r}"
        )
    tensors = {}
    for name, tensor in model.state_dict().items():
        values = tensor.detach().cpu().double().numpy()
        if not np.isfinite(values).all():
            raise ValueError(f"model must have finite weights; {name} has others")
        scale = float(np.abs(values).max()) / LARGEST or 1.0
        whole = np.rint(values / scale).astype("<i2")
        tensors[name] = {
            "shape": list(values.shape),
            "scale": scale,
            "data": base64.b64encode(whole.tobytes()).decode(),
        }
    return {"activation": ACTIVATIONS[activation], "tensors": tensors}


def example_digits() -> np.ndarray:
    """Ten handwritten digits, 0 to 9: (10, 28, 28), uint8."""
    _, test = data.mnist5k()
    return np.rint(255 * test.x[EXAMPLES, 0]).astype(np.uint8)


class LeNetExplorer(Explorer):
    """Draw a digit: a trained LeNet-5 reads it, and shows each number with its formula.

    Args:
        model: a trained `LeNet5` with max pooling and tanh or ReLU; None takes the
            recorded one.

    Raises:
        ValueError: model is another network.
        RecordError: the recorded network is missing or damaged.
    """

    name = "lenet"
    title = "Draw a digit"
    description = (
        "A handwritten digit, what the first layers of a trained LeNet-5 make of it, "
        "and the probabilities that the network gives to the ten digits."
    )

    network = traitlets.Dict().tag(sync=True)
    digits = traitlets.Unicode().tag(sync=True)

    def __init__(self, model: LeNet5 | None = None, **kwargs):
        model = recorded_model() if model is None else model
        digits = base64.b64encode(example_digits().tobytes()).decode()
        super().__init__(network=export(model), digits=digits, **kwargs)
        # In double precision the still comes out the same on every processor.
        self._model = copy.deepcopy(model).cpu().double()

    def still(self):
        digit = example_digits()[SHOWN] / 255
        maps = feature_maps(self._model, torch.from_numpy(digit)[None, None])
        shares = maps["output"][0].softmax(0).numpy()
        fig = plt.figure(figsize=(6.4, 3.6))
        left, right = fig.subfigures(1, 2, width_ratios=[1, 1.35])
        picture, bars = left.subplots(2, 1, height_ratios=[1, 1.15])
        picture.imshow(digit)
        picture.set_title("the picture", loc="center")
        _bare(picture)
        best = shares.argmax()
        colors = [plotting.COLORS["blue" if k == best else "grey"] for k in range(10)]
        bars.bar(range(10), shares, color=colors)
        bars.set(xticks=range(10), ylim=(0, 1), xlabel="digit", ylabel="probability")
        parts = right.subfigures(2, 1, height_ratios=[1.55, 1])
        for part, name in zip(parts, ("c1", "c3"), strict=True):
            values = maps[name][0].numpy()
            most = np.abs(values).max()
            axes = part.subplots(2, len(values) // 2)
            for ax, image in zip(axes.flat, values, strict=True):
                ax.imshow(image, cmap=plotting.SIGNED, vmin=-most, vmax=most)
                _bare(ax)
            part.suptitle(f"{name.upper()}: {len(values)} maps", fontsize=11)
        return fig


def _bare(ax):
    """A frame without ticks."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color=plotting.LINE)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m utils.explorers.lenet",
        description=f"Write the weights of the record {RECORD} for a web page.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.json", help="what to write")
    file = parser.parse_args(arguments).file
    try:
        text = json.dumps(export(recorded_model()), separators=(",", ":"))
        file.write_text(text + "\n", encoding="utf-8")
    except (records.RecordError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{file}: {len(text):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
