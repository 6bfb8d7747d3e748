"""Pool an image and send errors back: the explorer of chapter 5."""

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from utils import plotting
from utils.explorers import Explorer
from utils.pooling import avg_pool2d, max_pool2d, max_pool2d_backward

EXAMPLE = [
    [1, 3, 2, 4, 5, -1],
    [7, -6, -3, -2, -6, -3],
    [2, 0, 9, 3, 8, 6],
    [0, 1, 2, 4, -1, -3],
    [-2, 0, 1, 1, -4, -1],
    [-3, 4, 0, -1, -5, -2],
]


def draw_values(ax, values, title, marked=None, size=None):
    """Numbers in squares.

    Args:
        ax: Matplotlib axes.
        values: (H, W).
        title: a few words above.
        marked: (H, W), true where a square is shaded; None marks none.
        size: every block of size x size gets a thick frame; None draws no frame.
    """
    values = np.asarray(values, float)
    rows, columns = values.shape
    for (r, c), value in np.ndenumerate(values):
        face = plotting.PAPER if marked is None or not marked[r][c] else plotting.LINE
        ax.add_patch(plt.Rectangle((c, r), 1, 1, fc=face, ec=plotting.MUTED, lw=0.6))
        text = f"{round(value, 2):g}".replace("-", "−")
        small = 8 if len(text.strip("−")) > 2 else 10
        ax.text(c + 0.5, r + 0.52, text, ha="center", va="center", fontsize=small)
    step = size or max(rows, columns)
    for r in range(0, rows, step):
        for c in range(0, columns, step):
            width, height = min(step, columns - c), min(step, rows - r)
            frame = plt.Rectangle((c, r), width, height, fill=False, lw=1.8)
            frame.set_edgecolor(plotting.COLORS["green"])
            ax.add_patch(frame)
    ax.set(xlim=(-0.1, columns + 0.1), ylim=(rows + 0.1, -0.1))
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(title, loc="center")


def worked_example(image=EXAMPLE):
    """Figure: an image in blocks of 2 x 2 with the winners marked, its maxima, means.

    Args:
        image: (H, W) with even H and W.
    """
    x = np.asarray(image, float)[None, None]
    highest, mean = max_pool2d(x, 2), avg_pool2d(x, 2)
    winners = max_pool2d_backward(np.ones_like(highest), x, 2)
    fig, axes = plt.subplots(
        1, 3, figsize=(6.4, 2.7), gridspec_kw={"width_ratios": [6, 3.6, 3.6]}
    )
    draw_values(axes[0], x[0, 0], "image $X$", marked=winners[0, 0], size=2)
    draw_values(axes[1], highest[0, 0], "max", marked=np.ones_like(highest[0, 0]))
    draw_values(axes[2], mean[0, 0], "mean")
    return fig


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
        "An image of numbers, each window of it summed up by its largest number or its "
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
