"""Walk along the shapes of AlexNet: the explorer of chapter 8."""

import matplotlib.pyplot as plt
import traitlets

from utils import plotting
from utils.counting import ALEXNET, changed, walk
from utils.explorers import Explorer

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
        steps = walk()
        fig, axes = plt.subplots(
            3, 1, figsize=(6.4, 4.4), height_ratios=[1.5, 1, 1], sharex=True
        )
        places = range(len(steps))
        for k, step in enumerate(steps):
            side = 0.82 * max(step.size, 2) / 55
            face = plotting.COLORS["blue" if step.parameters else "grey"]
            corner = (k - side / 2, 0)
            axes[0].add_patch(plt.Rectangle(corner, side, side, fc=face))
            size = f"{step.size}²" if step.size > 1 else "1"
            axes[0].text(k, side + 0.05, size, ha="center", fontsize=8)
            axes[0].text(k, -0.2, f"×{step.channels}", ha="center", fontsize=8)
        axes[0].set(ylim=(-0.25, 1.1), aspect="equal", title="maps")
        axes[0].set_axis_off()
        for ax, what in zip(axes[1:], ("parameters", "macs"), strict=True):
            values = [getattr(step, what) / 1e6 for step in steps]
            ax.bar(places, values, color=plotting.COLORS["blue"])
            ax.set_title("million " + ("MACs" if what == "macs" else what))
        axes[2].set_xticks(places, [step.name for step in steps], fontsize=8)
        axes[2].set_xlim(-0.6, len(steps) - 0.4)
        return fig
