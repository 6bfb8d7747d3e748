"""Slide a kernel over an image: the explorer of chapter 4."""

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from utils import plotting
from utils.convolution2d import conv2d
from utils.explorers import Explorer


def _rows(shortest, longest, least, most):
    row = traitlets.List(traitlets.Int(min=least, max=most), minlen=1, maxlen=longest)
    return {"trait": row, "minlen": shortest, "maxlen": longest}


def worked_example(image, kernel, at=(0, 0)):
    """Figure of an image, a kernel and the output, one output and its window marked.

    Args:
        image: (H, W).
        kernel: (m, n), no larger than the image.
        at: row and column of the output that is marked.

    Raises:
        ValueError: the kernel does not fit, see `utils.convolution2d.conv2d`.
    """
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    output = conv2d(image[None, None], kernel[None, None])[0, 0]
    widths = [part.shape[1] for part in (image, kernel, output)]
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 2.4), gridspec_kw={"width_ratios": widths}
    )
    plotting.number_grid(axes[0], image, "image $X$", (*at, *kernel.shape))
    plotting.number_grid(axes[1], kernel, "kernel $W$")
    plotting.number_grid(axes[2], output, "output $Y$", (*at, 1, 1))
    return fig


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
        return worked_example(self.image, self.kernel)
