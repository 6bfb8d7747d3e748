"""One look for every figure of the book.

Figures are published as SVG. The colours below hold at least 3:1 contrast on white
and on near-black and stay apart for colour-blind readers (after Okabe and Ito). Black,
white and the greys are sentinels: the website replaces them by the page's own text,
background and line colours, so that a figure belongs to the page in light and dark.
"""

import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

INK = "#1f2328"  # text, axes: the page's text colour
PAPER = "#ffffff"  # background: the page's background
LINE = "#d0d7de"  # grid lines: the page's border colour
MUTED = "#6e7781"  # secondary text, reference lines

COLORS = {
    "blue": "#0a7bc2",
    "orange": "#c96a00",
    "green": "#00875f",
    "red": "#d1495b",
    "purple": "#a463b0",
    "grey": "#76777b",
}
PALETTE = list(COLORS.values())
MARKERS = ["o", "s", "^", "D", "v", "P"]


def use_style() -> None:
    """Make Matplotlib draw in the book's style, and only when `show` is called."""
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 100,
            "figure.facecolor": PAPER,
            "figure.constrained_layout.use": True,
            "axes.facecolor": PAPER,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "grid.color": LINE,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "lines.linewidth": 1.8,
            "image.cmap": "gray_r",
            "image.interpolation": "nearest",
            "svg.fonttype": "path",
            "svg.hashsalt": "perceptron-to-resnet",
        }
    )


def to_svg(fig, alt: str) -> str:
    """The figure as SVG text, the same for the same figure, with `alt` as its title."""
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    title = alt.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(
        r"^<svg ([^>]*)>",
        lambda head: f'<svg role="img" {head[1]}>\n <title>{title}</title>',
        svg,
        count=1,
    )


def show(fig, alt: str) -> None:
    """Publish `fig` in the notebook, with `alt` for readers who cannot see it.

    The alternative text is stored in the output beside the picture: as the SVG's title,
    as the image's metadata, and as the plain-text form of the output.

    Raises:
        ValueError: `alt` is empty.
    """
    from IPython.display import display

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt must be a sentence that says what to see, got {alt!r}")
    alt = " ".join(alt.split())
    svg = to_svg(fig, alt)
    plt.close(fig)
    display(
        {"image/svg+xml": svg, "text/plain": alt},
        metadata={"image/svg+xml": {"alt": alt}},
        raw=True,
    )


def image_grid(images, titles=None, columns=10, size=0.7, cmap="gray_r"):
    """A figure with `images` (N, H, W) or (N, H, W, 3) in rows of `columns`.

    Args:
        images: array (N, H, W) or (N, H, W, 3).
        titles: N short strings, or None.
        columns: images per row.
        size: inches per image.

    Raises:
        ValueError: no image, or as many titles as not images.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or len(images) == 0:
        raise ValueError(
            f"images must have shape (N, H, W) or (N, H, W, 3), got {images.shape}"
        )
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = size * (1.35 if titles is not None else 1.05)
    fig, axes = plt.subplots(
        rows, columns, figsize=(columns * size, rows * height), squeeze=False
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for k, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(image, cmap=cmap)
        if titles is not None:
            ax.set_title(titles[k], fontsize=8, loc="center", pad=2)
    return fig
