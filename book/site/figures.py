"""Figures become part of the page: they follow its colours and keep their words.

`utils.plotting` draws with four sentinel colours for text, background, lines and
secondary text. Inlined into the page, they become CSS variables of the theme. A figure
too big for that is written to two files, one for light and one for dark mode.
"""

import hashlib
import html
import math
import re

from utils import plotting

# Figures of more elements are files of their own, loaded when they are near.
MOST_INLINE = 60
SMALLEST = 9  # CSS pixels of a label; a figure is shown no narrower than that asks for
SENTINELS = {
    plotting.INK: ("ink", "#1f2328", "#e6e9ee"),
    plotting.PAPER: ("paper", "#ffffff", "#14181e"),
    plotting.LINE: ("line", "#d0d7de", "#444d58"),
    plotting.MUTED: ("fig-muted", "#6e7781", "#98a2ae"),
    "#000000": ("ink", "#1f2328", "#e6e9ee"),
}
# Colours of words on a dark page: the explorers', light enough for small letters.
ON_DARK = {"blue": "#4aa8e8", "orange": "#f0953a", "green": "#35b88d"}
ON_DARK |= {"red": "#f07a89", "purple": "#c98ad4"}
ON_DARK = {plotting.COLORS[name]: lighter for name, lighter in ON_DARK.items()}
WORDS = re.compile(r'(?<=style="fill: )#\w{6}(?=" transform="translate)')
STYLE = re.compile(r'style="([^"]*)"')
NUMBER = re.compile(r"-?\d+\.\d{3,}")


def paint(svg: str, colour) -> str:
    """Replace the sentinels in all style attributes by `colour(name, light, dark)`."""

    def style(match):
        text = match[1]
        for sentinel, names in SENTINELS.items():
            text = re.sub(re.escape(sentinel) + r"\b", colour(*names), text, flags=re.I)
        return f'style="{text}"'

    return STYLE.sub(style, svg)


def rename_ids(svg: str, prefix: str) -> str:
    """Make the ids of a figure unique on its page."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r'((?:xlink:)?href)="#([^"]+)"', rf'\1="#{prefix}\2"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)


def slim(svg: str) -> str:
    """Drop what a page does not need: comments, metadata, digits beyond 1/100 point."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    # A rule for "*" would reach the whole page; its two properties are inherited.
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(
        r'\b(d|points)="([^"]*)"',
        lambda m: '{}="{}"'.format(
            m[1],
            NUMBER.sub(
                lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."),
                " ".join(m[2].split()),
            ),
        ),
        svg,
    )
    svg = svg.replace("xlink:href", "href")
    return re.sub(r">\s+<", ">\n<", svg).strip()


def head(svg: str) -> tuple[str, float, float]:
    """The viewBox of an SVG, and its size in CSS pixels."""
    tag = svg[: svg.index(">")]
    box = re.search(r'viewBox="([^"]+)"', tag)
    sizes = {}
    for side in ("width", "height"):
        match = re.search(rf'\b{side}="([\d.]+)(pt|px|)"', tag)
        if match:
            sizes[side] = float(match[1]) * (4 / 3 if match[2] == "pt" else 1)
    if box is None:
        box = f"0 0 {sizes['width']:g} {sizes['height']:g}"
    else:
        box = box[1]
    _, _, width, height = map(float, box.split())
    return box, sizes.get("width", width), sizes.get("height", height)


def words(svg: str, metadata: dict | None = None, plain: str = "") -> str:
    """The alternative text of a figure, wherever it was kept."""
    alt = ((metadata or {}).get("image/svg+xml") or {}).get("alt")
    title = re.search(r"<title>(.*?)</title>", svg, flags=re.S)
    text = alt or (html.unescape(title[1]) if title else plain)
    return " ".join(text.split())


def narrowest(svg: str, width: float) -> int:
    """The width in CSS pixels at which the smallest label is SMALLEST high.

    Matplotlib draws letters as outlines of 100 points, each line scaled to its size.
    """
    sizes = [100 * float(k) for k in re.findall(r"scale\((0?\.\d+) -0?\.\d+\)", svg)]
    sizes += map(float, re.findall(r"font-size: *([\d.]+)px", svg))
    return math.ceil(SMALLEST * width / min(sizes)) if sizes else 0


def two_files(svg, alt, files, to_files, kind="plot", shown="") -> str:
    """A slim SVG as two images, one for light and one for dark mode.

    Args:
        svg: the picture.
        alt: its alternative text, as HTML.
        files: receives name → text of the two files.
        to_files: the relative address of their folder.
        kind: the class of the images.
        shown: attributes of the images besides; their size, if nothing is given.
    """
    box, width, height = head(svg)
    size = f'width="{width:.0f}" height="{height:.0f}"'
    images = []
    for mode, pick in (("light", 1), ("dark", 2)):
        text = paint(svg, lambda *names, pick=pick: names[pick])
        if mode == "dark":
            text = WORDS.sub(lambda color: ON_DARK.get(color[0], color[0]), text)
        text = re.sub(
            r"^<svg[^>]*>",
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {size} '
            'stroke-linejoin="round">',
            text,
        )
        name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.svg"
        files[name] = text
        images.append(
            f'<img class="{kind} {mode}-only" loading="lazy" src="{to_files}/{name}" '
            f'alt="{alt}" {shown or size}>'
        )
    return "".join(images)


def framed(content: str, caption: tuple[str, str] | None) -> str:
    """A figure in a box to scroll in, with its number and caption, if it has them."""
    box = f'<div class="figure-box">{content}</div>'
    if caption is None:
        return f'<div class="figure">{box}</div>'
    number, text = caption
    return (
        f'<figure class="figure" id="figure-{number.replace(".", "-")}">{box}'
        f"<figcaption><b>Figure {number}</b> {html.escape(text)}</figcaption></figure>"
    )


def figure(
    svg: str, alt: str, prefix: str, files: dict[str, str], to_files, caption=None
) -> str:
    """The HTML of a figure.

    Args:
        svg: the picture.
        alt: its alternative text.
        prefix: for its ids, unique on the page.
        files: receives name → text of the files that a big figure needs.
        to_files: the relative address of the folder of those files.
        caption: number and text.
    """
    svg = svg[svg.index("<svg") :]
    box, width, height = head(svg)
    svg = slim(re.sub(r"<title>.*?</title>", "", svg, count=1, flags=re.S))
    alt = html.escape(alt)
    size = f'width="{width:.0f}" height="{height:.0f}"'
    least = narrowest(svg, float(box.split()[2]))
    shown = f'{size} style="--least:{least}px"' if least > 300 else size
    if svg.count("<") <= MOST_INLINE:
        svg = rename_ids(paint(svg, lambda name, *_: f"var(--{name})"), prefix)
        tag = (
            f'<svg class="plot" role="img" aria-label="{alt}" viewBox="{box}" {shown}>'
        )
        return framed(re.sub(r"^<svg[^>]*>", tag, svg), caption)
    return framed(two_files(svg, alt, files, to_files, shown=shown), caption)
