"""What a design costs, layer by layer: the explorer of chapter 13."""

import re

import traitlets

from utils.design import budget
from utils.explorers import Explorer
from utils.figures.design import layers

PRESETS = {
    "the digit reader of section 13.6": "C16k5v-P-C32-C32-P-C48-C64v-G",
    "LeNet-5": "C6k5b-P-C16k5vb-P-F120-F84",
    "rule (13.1): 2, 2, 1": "C16*2-P-C32*2-P-F64",
    "a perceptron": "F128-F64",
    "all strides": "C16-C16s2-C32-C32s2-G",
    "depthwise separable": "C16-(C16g-C16k1)*2-P-(C16g-C32k1)-G",
    "doubling dilations": "C8-C8d2-C8d4-C8d8-G",
}


class DesignExplorer(Explorer):
    """A calculator: any design, its shapes, fields, parameters, MACs and activations.

    Args:
        design: with which it opens.
        image: (channels × n × n), as text.
    """

    name = "design"
    title = "What does a design cost?"
    description = (
        "Type a network as one line of text, and see for every layer its maps, "
        "receptive field, parameters, multiplications and activations."
    )

    design = traitlets.Unicode("(C16*2-P)*2-F64").tag(sync=True)
    image = traitlets.Unicode("1 × 28 × 28").tag(sync=True)
    presets = traitlets.List([list(item) for item in PRESETS.items()]).tag(sync=True)

    @traitlets.validate("image")
    def _three_sizes(self, proposal):
        if not re.fullmatch(r"\s*\d+\s*×\s*(\d+)\s*×\s*\1\s*", proposal["value"]):
            wanted = "channels × n × n, such as 1 × 28 × 28"
            raise traitlets.TraitError(
                f"image must be {wanted}, got {proposal['value']!r}"
            )
        return proposal["value"]

    def still(self):
        channels, size, _ = (int(n) for n in self.image.split("×"))
        return layers(budget(self.design, (channels, size, size)), size)
