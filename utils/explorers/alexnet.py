"""Walk along the shapes of AlexNet: the explorer of chapter 8."""

import traitlets

from utils.counting import ALEXNET, changed, walk
from utils.explorers import Explorer
from utils.figures import alexnet as figures

ONE_TOWER = changed(**{f"conv{k}": {"groups": 1} for k in (2, 4, 5)})
ZOO = changed(
    ONE_TOWER,
    conv1={"channels": 64},
    conv2={"channels": 192},
    conv4={"channels": 256},
)
PRESETS = [
    ("224, padding 2", 224, ALEXNET),
    ("227, no padding", 227, changed(conv1={"padding": 0})),
    ("the misprint: 224, no padding", 224, changed(conv1={"padding": 0})),
    ("conv2 with padding 1", 224, changed(conv2={"padding": 1})),
    ("one tower", 224, ONE_TOWER),
    ("the one tower of the zoos", 224, ZOO),
]


class AlexNetExplorer(Explorer):
    """The layers of AlexNet with settings to change: shapes, parameters, MACs."""

    name = "alexnet"
    title = "Walk along the shapes of AlexNet"
    description = (
        "The eleven layers of AlexNet with the size of their maps, their parameters "
        "and their multiplications, for any kernel, stride and padding."
    )

    # [label, size of the image, layers as dictionaries] of each set of settings.
    presets = traitlets.List(
        [
            [label, size, [w._asdict() for w in layers]]
            for label, size, layers in PRESETS
        ]
    ).tag(sync=True)

    def still(self):
        return figures.layers(walk(), lambda n: 0.82 * max(n, 2) / 55, "million")
