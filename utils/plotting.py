"""One look for every figure of the book.

Figures are published as SVG. The colours below hold at least 3:1 contrast on white
and on near-black and stay apart for colour-blind readers (a test simulates them). INK,
PAPER, LINE and MUTED are sentinels: the website replaces them by the page's own text,
background and line colours, so that a figure belongs to the page in light and dark.
"""

import hashlib
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

INK = "#1f2328"  # text, axes: the page's text colour
PAPER = "#ffffff"  # background: the page's background
LINE = "#d0d7de"  # grid lines: the page's border colour
MUTED = "#6e7781"  # secondary text, reference lines

COLORS = {
    "blue": "#0a7bc2",
    "orange": "#c96a00",
    "green": "#00875f",
    "red": "#cf2a45",
    "purple": "#985596",
    "grey": "#85868a",
}
PALETTE = list(COLORS.values())
SIGNED = LinearSegmentedColormap.from_list(  # below zero, zero, above zero
    "signed", (COLORS["orange"], PAPER, COLORS["blue"])
)
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
        }
    )


def to_svg(fig, alt: str) -> str:
    """The figure as SVG text, the same for the same figure, with `alt` as its title."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "perceptron-to-resnet"}):  # stable identifiers
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = _stable_clips(svg[svg.index("<svg") :])
    title = alt.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(
        r"^<svg ([^>]*)>",
        lambda head: f'<svg role="img" {head[1]}>\n <title>{title}</title>',
        svg,
        count=1,
    )


def _stable_clips(svg):
    """`svg` with each clip path named after what it prints.

    Matplotlib names them after all digits of their place, of which the solver of the
    layout leaves the last to chance.
    """
    clips = re.findall(r'<clipPath id="(\w+)">(.*?)</clipPath>', svg, flags=re.DOTALL)
    names = {
        name: "p" + hashlib.sha256(f"{i} {what}".encode()).hexdigest()[:10]
        for i, (name, what) in enumerate(clips)
    }
    return re.sub(
        r'(?<=<clipPath id=")\w+(?=">)|(?<=url\(#)\w+(?=\))',
        lambda name: names.get(name[0], name[0]),
        svg,
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


def image_grid(images, titles=None, columns=10, size=0.7, cmap="gray_r", limits=None):
    """A figure with `images` in rows of `columns`.

    Args:
        images: grey (N, H, W) or (N, 1, H, W), or colour (N, H, W, 3) or (N, 3, H, W)
            with values in 0..1 (or whole numbers in 0..255).
        titles: N short strings, or None.
        columns: images per row.
        size: inches per image.
        cmap: Matplotlib colour map of grey images.
        limits: (low, high), the values at the ends of `cmap` for all grey images; None
            stretches each image over its own range.

    Raises:
        ValueError: no image, another shape, or as many titles as not images.
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[1] in (1, 3):  # also where they are 3 wide
        images = np.moveaxis(images, 1, -1)  # (N, C, H, W) -> (N, H, W, C)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    colour = images.ndim == 4 and images.shape[-1] == 3
    if not (images.ndim == 3 or colour) or images.size == 0:
        raise ValueError(
            "images must have shape (N, H, W), (N, 1, H, W), (N, H, W, 3) or "
            f"(N, 3, H, W), got {images.shape}"
        )
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = size * (1.35 if titles is not None else 1.05)
    fig, axes = plt.subplots(
        rows, columns, figsize=(columns * size, rows * height), squeeze=False
    )
    low, high = (None, None) if limits is None else limits
    for ax in axes.flat:
        ax.set_axis_off()
    for k, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        # Few pixels go into the figure as they are, for the screen to magnify.
        keep = "none" if image.shape[0] <= 64 else None
        ax.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation=keep)
        if titles is not None:
            ax.set_title(titles[k], fontsize=8, loc="center", pad=2)
    return fig


def number_grid(ax, values, title="", window=None):
    """Draw numbers in squares, those that are not zero on grey.

    Args:
        ax: Matplotlib axes.
        values: whole numbers (H, W).
        title: above the grid.
        window: (row, column, rows, columns) of a part to frame, or None.

    Raises:
        ValueError: values does not have two axes.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"values must have shape (H, W), got {values.shape}")
    rows, columns = values.shape
    for (r, c), value in np.ndenumerate(values):
        face = LINE if value else PAPER
        ax.add_patch(plt.Rectangle((c, r), 1, 1, fc=face, ec=MUTED, lw=0.8))
        text = f"{value + 0.0:.0f}".replace("-", "\N{MINUS SIGN}")
        ax.text(c + 0.5, r + 0.55, text, ha="center", va="center")
    if window is not None:
        row, column, height, width = window
        frame = {"fill": False, "ec": COLORS["green"], "lw": 3}
        ax.add_patch(plt.Rectangle((column, row), width, height, **frame))
    ax.set(xlim=(-0.1, columns + 0.1), ylim=(rows + 0.1, -0.1))
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_title(title, loc="center")
