"""Pool an image and send errors back: the explorer of chapter 5."""

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from utils.explorers import Explorer
from utils.figures.pooling import EXAMPLE, draw_values
from utils.pooling import max_pool2d, max_pool2d_backward


class PoolingExplorer(Explorer):
    """Max and mean pooling of a small image, and where the gradient goes.

    Args:
        image: 4 to 6 rows of 4 to 6 whole numbers from -9 to 9, all of one length.

    Raises:
        traitlets.TraitError: a list is too short or too long, or a number is off.
    """

    name = "pooling"
    title = "Pool an image, and send the error back"
    description = (
        "An image of numbers, each window of it reduced to its largest number or its "
        "mean, and a third grid that shows which numbers the error goes back to."
    )

    image = traitlets.List(
        default_value=EXAMPLE,
        trait=traitlets.List(traitlets.Int(min=-9, max=9), minlen=4, maxlen=6),
        minlen=4,
        maxlen=6,
    ).tag(sync=True)

    @traitlets.validate("image")
    def _same_length(self, proposal):
        rows = proposal["value"]
        if len({len(row) for row in rows}) != 1:
            raise traitlets.TraitError(
                f"the rows of image must have one length, got {rows}"
            )
        return rows

    def still(self):
        x = np.array(self.image, float)[None, None]
        y, first = max_pool2d(x, 2), np.zeros(x.shape)
        first[..., :2, :2] = 1
        delta = np.zeros_like(y)
        delta[..., 0, 0] = 1
        back = max_pool2d_backward(delta, x, 2)
        fig, axes = plt.subplots(
            1, 3, figsize=(6.4, 2.5), gridspec_kw={"width_ratios": [6, 3.6, 6]}
        )
        draw_values(axes[0], x[0, 0], "image $X$", marked=first[0, 0])
        draw_values(axes[1], y[0, 0], "max $Y$", marked=delta[0, 0])
        draw_values(axes[2], back[0, 0], "error $δ$ of $X$", marked=back[0, 0])
        return fig
