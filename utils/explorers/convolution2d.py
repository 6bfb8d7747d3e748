"""Slide a kernel over an image: the explorer of chapter 4."""

import numpy as np
import traitlets

from utils.explorers import Explorer
from utils.figures.convolution2d import worked_example


def _rows(shortest, longest, least, most):
    row = traitlets.List(traitlets.Int(min=least, max=most), minlen=1, maxlen=longest)
    return {"trait": row, "minlen": shortest, "maxlen": longest}


class Convolution2dExplorer(Explorer):
    """An image to paint and a kernel to edit, with stride, padding and dilation.

    Args:
        image: rows of 0 and 1, 3 to 9 of them, all of one length.
        kernel: 1 to 5 rows of whole numbers from -9 to 9, all of one length.

    Raises:
        traitlets.TraitError: a list is too short or too long, or a number is off.
    """

    name = "convolution2d"
    title = "Slide a kernel over an image"
    description = (
        "Three grids of numbers: an image, a kernel, and the output, in which each "
        "number is the sum of products over the window of the image it belongs to."
    )

    image = traitlets.List(
        default_value=[
            [1, 1, 1, 0, 0],
            [0, 1, 1, 1, 0],
            [0, 0, 1, 1, 1],
            [0, 0, 1, 1, 0],
            [0, 1, 1, 0, 0],
        ],
        **_rows(3, 9, 0, 1),
    ).tag(sync=True)
    kernel = traitlets.List(
        default_value=[[1, 0, 1], [0, 1, 0], [1, 0, 1]], **_rows(1, 5, -9, 9)
    ).tag(sync=True)

    @traitlets.validate("image", "kernel")
    def _same_length(self, proposal):
        rows = proposal["value"]
        if len({len(row) for row in rows}) != 1:
            raise traitlets.TraitError(
                f"the rows of {proposal['trait'].name} must have one length, got {rows}"
            )
        return rows

    def still(self):
        sizes = zip(np.shape(self.kernel), np.shape(self.image), strict=True)
        missing = [max(0, k - n) for k, n in sizes]  # the live page says "no output"
        image = np.pad(self.image, [(0, more) for more in missing])
        return worked_example(image, self.kernel)
