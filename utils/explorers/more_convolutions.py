"""Inputs and outputs of a convolution or its transpose: explorer of chapter 11."""

import traitlets

from utils.explorers import Explorer
from utils.figures.more_convolutions import connections

INPUT = (1, 2, 0, 3, 1, 2, 1, 0, 2)  # as in the .js


class MoreConvolutionsExplorer(Explorer):
    """A row of inputs, a row of outputs, and a line for each weight between them.

    Args:
        n: how many inputs there are at first, 1 to 9.
        kernel: 1 to 4 whole numbers from -9 to 9.
        stride: at first, 1 to 3.

    Raises:
        traitlets.TraitError: an argument is not as described.
    """

    name = "more_convolutions"
    title = "Inputs and outputs of a convolution"
    description = (
        "Inputs above, outputs below, and a line for each weight between them. Point "
        "at an output for its inputs, at an input for its outputs, of a convolution or "
        "of its transpose, with any stride, padding and dilation."
    )

    n = traitlets.Int(4, min=1, max=len(INPUT)).tag(sync=True)
    kernel = traitlets.List(
        traitlets.Int(min=-9, max=9), [1, 2, 3], minlen=1, maxlen=4
    ).tag(sync=True)
    stride = traitlets.Int(2, min=1, max=3).tag(sync=True)

    def still(self):
        return connections(INPUT[: self.n], self.kernel, self.stride, at=2)
