"""What a published site has beside its pages: sitemap, robots, a page for lost readers,
the card and icon that other programs show."""

import html
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle

from book.tools import address

INK, LINK, ACCENT, PAPER = "#1f2328", "#0a66a8", "#c96a00", "#ffffff"
SIZES = {"card.png": (1200, 630), "touch-icon.png": (180, 180)}


def site_address(app) -> str:
    """Where the site is published: on GitHub Pages, https://OWNER.github.io/NAME/."""
    repository = app.config.html_theme_options.get("repository_url", "").rstrip("/")
    return address.forms(repository)[2].rstrip("/") + "/" if repository else ""


def draw_logo(ax, x, y, unit):
    """The book's sign: an axis, a neuron and the arc over it; 32 units wide."""
    line = {"solid_capstyle": "round", "color": LINK, "linewidth": 2.6 * unit * 0.72}
    ax.plot([x + 2.5 * unit, x + 29 * unit], [y, y], **line)
    ax.plot(
        [x + k * unit for k in (25, 29, 25)], [y + 4 * unit, y, y - 4 * unit], **line
    )
    ax.add_patch(
        Arc(
            (x + 15 * unit, y + 4 * unit),
            18 * unit,
            18 * unit,
            theta2=180,
            color=ACCENT,
            linewidth=line["linewidth"],
        )
    )
    ax.add_patch(Circle((x + 15 * unit, y), 5 * unit, color=LINK, zorder=3))


def draw(name: str, title: str, path: Path) -> None:
    """The picture that goes with a link to the book, or the icon on a screen."""
    width, height = SIZES[name]
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=PAPER)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    if name == "touch-icon.png":
        draw_logo(ax, 10, 75, 5)
    else:
        draw_logo(ax, 90, 370, 8)
        ax.text(90, 230, title, size=38, weight="bold", color=INK, va="center")
        words = "An open course book, in Python and PyTorch"
        ax.text(90, 140, words, size=23, color=INK, va="center")
    figure.savefig(path, facecolor=PAPER, metadata={"Software": None})


def lost(app):
    """The page for addresses that lead nowhere."""
    yield "404", {"title": "This page is not here"}, "404.html"


def write(app, error):
    if error is not None or app.builder.format != "html":
        return
    out, site = Path(app.outdir), site_address(app)
    uri = app.builder.get_target_uri
    pages = (html.escape(site + uri(name)) for name in sorted(app.env.titles))
    lines = [f"  <url><loc>{page}</loc></url>" for page in pages]
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(lines)
        + "\n</urlset>\n",
        encoding="utf-8",
    )
    rules = f"User-agent: *\nAllow: /\nSitemap: {site}sitemap.xml\n"
    (out / "robots.txt").write_text(rules, encoding="utf-8")
    for name in SIZES:
        draw(name, app.config.html_title or app.config.project, out / "_static" / name)


def setup(app):
    app.connect("html-collect-pages", lost)
    app.connect("build-finished", write, priority=600)  # after unused files are removed
