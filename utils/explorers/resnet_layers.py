"""Every layer of ResNet-18 to ResNet-152: an explorer of chapter 10."""

import functools

import torch
import traitlets

from utils import plotting, zoo
from utils.counting import layer_table
from utils.explorers import Explorer
from utils.resnet import Bottleneck, ResNet

# Name -> units of each stage, and whether they are bottlenecks and have shortcuts.
NETS = {
    name: (blocks, unit is Bottleneck, True)
    for name, (unit, _, blocks) in zoo.ARCHITECTURES.items()
}
NETS["plain34"] = (NETS["resnet34"][0], False, False)
PARTS = ("stem", "layer1", "layer2", "layer3", "layer4", "fc")


def build(name: str, **options) -> ResNet:
    """A net of the explorer on torch's "meta" device: shapes without numbers.

    Args:
        name: "resnet18" to "resnet152", or "plain34".
        options: shortcut and stride_at, where the net's units have any choice.

    Raises:
        ValueError: another name.
    """
    if name not in NETS:
        raise ValueError(f"name must be one of {', '.join(NETS)}, got {name!r}")
    _, bottleneck, residual = NETS[name]
    if not bottleneck:
        options.pop("stride_at", None)
    with torch.device("meta"):
        return zoo.build(name, **options) if residual else zoo.plain34()


@functools.cache
def costs_by_part(name: str, size: int = 224, **options) -> dict[str, tuple[int, int]]:
    """Parameters and MACs of each part of a net: "stem", "layer1" to "layer4", "fc".

    Args:
        name, options: as for `build`.
        size: of the image.
    """
    found = {part: (0, 0) for part in PARTS}
    for row in layer_table(build(name, **options), (3, size, size)):
        part = row.name.split(".")[0]
        part = part if part in found else "stem"
        parameters, macs = found[part]
        found[part] = parameters + row.parameters, macs + row.macs
    return found


class ResNetLayersExplorer(Explorer):
    """A net as a column of its layers, with what each of them costs.

    Args:
        start: name of the net that is shown first, "resnet18" to "resnet152" or
            "plain34".

    Raises:
        traitlets.TraitError: another name.
    """

    name = "resnet_layers"
    title = "Every layer of ResNet-18 to ResNet-152"
    description = (
        "The layers of five residual nets and a plain one with the shapes of their "
        "maps, their parameters and MACs, for each kind of shortcut and any size of "
        "the image, and each unit as a diagram."
    )

    start = traitlets.Enum(list(NETS), default_value="resnet50").tag(sync=True)
    # Units of each stage, whether they are bottlenecks, whether they have shortcuts.
    nets = traitlets.Dict(
        {name: [list(net[0]), *net[1:]] for name, net in NETS.items()}, read_only=True
    ).tag(sync=True)

    def still(self):
        fig, axes = plotting.plt.subplots(1, 2, figsize=(6.4, 2.8), sharey=True)
        names = list(zoo.ARCHITECTURES)
        every = [costs_by_part(name) for name in names]
        for k, (ax, unit) in enumerate(zip(axes, (1e6, 1e9), strict=True)):
            left = [0.0] * len(names)
            for part, color in zip(PARTS, plotting.PALETTE[::-1], strict=True):
                widths = [cost[part][k] / unit for cost in every]
                edge = {"ec": plotting.PAPER, "lw": 0.6}
                ax.barh(names, widths, left=left, color=color, label=part, **edge)
                left = [a + b for a, b in zip(left, widths, strict=True)]
            for name, total in zip(names, left, strict=True):
                ax.text(total, name, f" {total:.1f}", va="center", fontsize=8)
            ax.set_xlim(0, 1.14 * max(left))
        axes[0].set_yticks(names, [name.replace("resnet", "ResNet-") for name in names])
        axes[0].invert_yaxis()
        axes[0].set_xlabel("parameters (million)")
        axes[1].set_xlabel("MACs at 224×224 (billion)")
        axes[1].legend(fontsize=8)
        return fig
