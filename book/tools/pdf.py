"""Print the whole book as one PDF, by the Chromium that the tests use: `make pdf`.

    python book/tools/pdf.py [SITE [FILE]]

The articles of the built pages are joined to one document whose links lead within it.
It is printed twice: the first time says on which page everything stands, the second
time the contents know it. Explorers are their still pictures, folded code is left out,
and the hints and solutions of the exercises stand at the end of the book.
"""

import io
import logging
import re
import sys
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

from bs4 import BeautifulSoup
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Fit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import browser, vendor  # noqa: E402

# It wonders how Chromium counts objects, and reads them all the same.
logging.getLogger("pypdf").setLevel(logging.ERROR)
SITE = ROOT / "_build" / "html"
FIRST = "index"  # the name of the start page
NAME = "from-the-perceptron-to-resnet.pdf"
STYLE = Path(__file__).with_name("pdf.css")
PICTURE = ROOT / "book" / "picture.svg"
PICTURE_WORDS = (
    "A perceptron, a network, a convolution, a CNN and a ResNet, with their years"
)
SOLUTIONS = "Hints and solutions"
STYLES = "katex/katex", "book/site"
WIDTH = 627  # CSS pixels, of the text: 166 mm
# What a page has for screens, and what its folds hide.
SCREEN = (
    "script, noscript, template, button, .headerlink, .dark-only, .explorer-live, "
    "details.above-input, .screen-only"
)
# The same letters on every machine. A package holds each face for each alphabet.
SERIF = vendor.Package(
    "@fontsource/source-serif-4",
    "5.3.1",
    "sha512-cWcTCXjYYrgF9A67fThVir1VSc0lPEYmwQ6jA4pPt01s2MSCi/maINUcZoCzaqnU8fyUReDO"
    "97eGcBUkHgOeug==",
    keep=("LICENSE", "400", "700", "files/"),
)
MONO = vendor.Package(
    "@fontsource/source-code-pro",
    "5.3.1",
    "sha512-qsJEkwJWXYP/9clmtt3BsIlZ+Lr4cuRgNAgu0vyZdCgESMRMhRkAmEFFHHNM81VdeURqg5D5"
    "+Rr3bALDFav78A==",
    keep=("LICENSE", "400", "700", "files/"),
)
CHINESE = vendor.Package(
    "@fontsource/noto-sans-sc",
    "5.3.0",
    "sha512-HeqIlGm0+ohOKxZLuHj1qW6r6avHH0OWdKERAcSDI0RQ+MXrteuLKA+M+5eOA8rYy0MFvOR5"
    "AT0fQo2rUkye0Q==",
    keep=("LICENSE", "400.css", "files/"),
)
FACES = {
    SERIF: ("400.css", "400-italic.css", "700.css", "700-italic.css"),
    MONO: ("400.css", "700.css"),
    CHINESE: ("400.css",),
}


def finish(folder: Path) -> None:
    """Keep the faces that are used, in the form that browsers read today."""
    for file in (folder / "files").iterdir():
        if not re.search(r"-[47]00-(normal|italic)\.woff2$", file.name):
            file.unlink()


# ------------------------------------------------------------ a page, for paper


def parse(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def place(name: str, anchor: str = "") -> str:
    """The id, in the document, of a page or of a place on it."""
    page = re.sub(r"[^\w-]+", "-", name)
    return f"{page}--{anchor}" if anchor else page


def inner(heading) -> str:
    """The words of a heading, as HTML without links."""
    copy = parse(heading.decode_contents())
    for node in copy.select(".points"):
        node.decompose()
    for node in copy.find_all("a"):
        node.unwrap()
    return str(copy).strip()


def plain(markup: str) -> str:
    """The words of a heading; formulas as they are read out."""
    copy = parse(markup)
    for node in copy.select(".katex-html"):
        node.decompose()
    return " ".join(copy.get_text().split())


def open_folds(article) -> None:
    """Turn each fold into a part of the text, with what its bar says as its title."""
    for fold in article.find_all("details"):
        fold.name = "div"
        fold["class"] = [*fold.get("class", []), "opened"]
        title = fold.find("summary", recursive=False)
        if shown := title.select_one(".collapsed"):
            words = shown.get_text().removeprefix("Show ").strip()
            title.string = f"{words[:1].upper()}{words[1:]}"
        title.name, title.attrs = "p", {"class": ["label"]}


def clean(article, address: str) -> None:
    """Leave out what paper cannot do.

    Args:
        article: what a page shows.
        address: where the page is published; explorers send their readers there.
    """
    for node in article.select(SCREEN):
        node.decompose()
    for node in article.select("details.above-input"):
        if "that is given" not in node.summary.get_text():  # to an exercise
            node.decompose()
    open_folds(article)
    for image in article.find_all("img"):
        del image["loading"]
    for sentence in article.select(".explorer-sentence"):
        figure = sentence.parent.find("figure")
        there = f"{address}#{figure['id']}" if figure else address
        sentence.clear()
        link = parse(f'<a href="{escape(there)}">Move it yourself, on the site.</a>')
        sentence.append(link)


def bind(article, name: str, names: list[str], site: Path) -> None:
    """Make the ids of a page unique in the document, and its links lead within it."""
    for node in article.find_all(True):
        for key, value in list(node.attrs.items()):
            if key == "id":
                node[key] = place(name, value)
            elif key in ("aria-labelledby", "aria-describedby"):
                node[key] = " ".join(place(name, one) for one in value.split())
            elif isinstance(value, str) and "url(#" in value:
                node[key] = re.sub(r"url\(#", f"url(#{place(name)}--", value)
        if node.name == "use":
            node["href"] = f"#{place(name, node['href'][1:])}"
        key = {"img": "src", "a": "href"}.get(node.name)
        link = node.get(key, "") if key else ""
        if not link or re.match(r"[a-z]+:", link):
            continue
        target, anchor = urldefrag(link)
        target = urljoin(f"{name}.html", unquote(target)) if target else f"{name}.html"
        page = target.removesuffix(".html")
        if key == "src":
            node[key] = (site / target).as_uri()
        elif page in names:
            node[key] = f"#{place(page, unquote(anchor))}"
        else:  # a file that the site has and the book has not
            del node[key]


def of_page(identity: str) -> str:
    """Where the page of a place will stand, once it is known."""
    return f'<span data-page-of="{escape(identity)}">000</span>'


def lower(article) -> None:
    """Put the headings of a page one level down: it belongs to another one."""
    for heading in article.find_all(re.compile("^h[1-5]$")):
        heading.name = f"h{int(heading.name[1]) + 1}"


def reading_order(site: Path) -> list[str]:
    """The names of all pages, each after the one whose "next" it is."""
    names, name = [], FIRST
    while name:
        names.append(name)
        head = (site / f"{name}.html").read_text(encoding="utf-8").split("</head>")[0]
        link = parse(head).find("link", rel="next")
        name = link and urljoin(f"{name}.html", unquote(link["href"]))
        name = name and name.removesuffix(".html")
    return names


# ------------------------------------------------------------ the pages, joined


@dataclass
class Entry:
    """A line of the contents: level 0 names a part, 1 is a page, 2 a section of it."""

    level: int
    words: str  # HTML
    id: str = ""


class Book:
    """The pages of a site, joined.

    Attributes:
        bodies: their HTML, in order.
        solutions: hints and solutions of their exercises, the same way.
        entries: the contents.
        heads: id of a page → what stands on top of each of its sheets.
    """

    def __init__(self, site: Path, names: list[str] | None = None):
        self.site = site
        self.start = self.read(FIRST)
        clean(self.start.article, "")
        self.title = plain(inner(self.start.article.h1))
        self.names = names or reading_order(site)
        self.bodies, self.solutions, self.entries, self.heads = [], [], [], {}
        parts = self.parts()
        for name in self.names:
            if name in parts:
                self.entries.append(Entry(0, escape(parts[name])))
            if name != FIRST:
                self.take(name)
        if self.solutions:
            self.entries.append(Entry(1, SOLUTIONS, "solutions"))
            for body in self.solutions:
                page = parse(body).div
                self.entries.append(Entry(2, inner(page.h2), page["id"]))

    def read(self, name: str) -> BeautifulSoup:
        return parse((self.site / f"{name}.html").read_text(encoding="utf-8"))

    def parts(self) -> dict[str, str]:
        """The first page of each part of the book, and how the part is called."""
        found = {}
        for caption in self.start.select("#book-nav .caption"):
            first = urljoin(f"{FIRST}.html", caption.find_next("a")["href"])
            found[first.removesuffix(".html")] = caption.get_text().strip()
        return found

    def take(self, name: str) -> None:
        """Add a page, and the solutions on it."""
        page = self.read(name)
        article = page.article
        clean(article, page.find("link", rel="canonical")["href"])
        bind(article, name, self.names, self.site)
        title = inner(article.h1)
        if name.startswith("exercises/"):
            self.entries.append(Entry(2, title, place(name)))
            self.move_solutions(article, name, title)
            lower(article)
        else:
            self.entries.append(Entry(1, title, place(name)))
            for section in article.select("section[id]:has(> h2)"):
                if re.match(r"\d+\.\d", section.h2.get_text()):
                    self.entries.append(Entry(2, inner(section.h2), section["id"]))
        self.bodies.append(self.sheet(article, name))

    def sheet(self, article, name: str) -> str:
        """An article on sheets of its own; each has the title on top."""
        self.heads[place(name)] = plain(inner(article.find(re.compile("^h[12]$"))))
        article.name = "div"
        article["id"], article["class"] = place(name), ["page"]
        article["style"] = f"page: {place(name)}"
        return str(article)

    def move_solutions(self, article, name: str, title: str) -> None:
        """Take hints and solutions off the tasks, and say on which page they stand."""
        for paragraph in article.find_all("p"):
            if "Open in Colab" in paragraph.get_text():
                paragraph.decompose()  # about the buttons of the page
        moved = parse(f"<article><h2>{title}</h2></article>").article
        for task in article.select("section > section"):
            folds = task.find_all("div", class_="fold", recursive=False)
            there = f"{task['id']}-solution"
            heading = inner(task.find(re.compile("^h[1-6]$")))
            back = f'<h3><a href="#{task["id"]}">{heading}</a></h3>'
            section = parse(f'<section id="{there}">{back}</section>').section
            for fold in folds:
                section.append(fold.extract())
            if folds:
                moved.append(section)
                words = f"Hints and solution: page {of_page(there)}"
                link = f'<p class="see"><a href="#{there}">{words}</a></p>'
                task.append(parse(link))
        self.solutions.append(self.sheet(moved, f"{name}-solutions"))

    def title_page(self) -> str:
        lead = self.start.article.find("p").get_text()
        foot = self.start.select(".bottom > p")[-1].get_text().strip()
        card = self.start.find("meta", property="og:image")["content"]
        site = card.removesuffix("_static/card.png")
        return f"""<div class="title-page" id="{place(FIRST)}">
<p class="title">{escape(self.title)}</p>
<p class="lead">{escape(lead)}</p>
<img class="plot" src="{PICTURE.as_uri()}" alt="{PICTURE_WORDS}">
<div class="imprint"><p>{escape(foot.split(". ")[0])}. The pages stand at
<a href="{site}">{escape(site)}</a>, with figures to play with.</p>
<p>Here an interactive figure is a still picture. Code that draws figures or sets up a
notebook is left out. Hints and solutions of the exercises stand at the end.</p></div>
</div>"""

    def contents(self) -> str:
        lines = []
        for entry in self.entries:
            if entry.level == 0:
                lines.append(f'<li class="part">{entry.words}</li>')
                continue
            lines.append(
                f'<li class="level-{entry.level}"><a href="#{entry.id}"><span>'
                f"{entry.words}</span><i></i>{of_page(entry.id)}</a></li>"
            )
        return (
            '<nav class="contents" id="contents" aria-label="Contents">'
            f"<h1>Contents</h1><ul>{''.join(lines)}</ul></nav>"
        )

    def html(self) -> str:
        """The document."""
        pages = "\n".join(
            f"@page {name} {{ @top-left {{ content: {quoted(head)} }} }}"
            for name, head in self.heads.items()
        )
        sheets = [(self.site / f"_static/{n}.css").as_uri() for n in STYLES]
        for package, names in FACES.items():
            folder = vendor.fetch(package, finish)
            sheets += [(folder / name).as_uri() for name in names]
        sheets.append(STYLE.as_uri())
        links = "".join(f'<link rel="stylesheet" href="{x}">' for x in sheets)
        last = "".join(self.solutions).replace(
            "<h2>", f'<h1 id="solutions">{SOLUTIONS}</h1><h2>', 1
        )
        body = "".join([self.title_page(), self.contents(), *self.bodies, last])
        known = set(re.findall(r'\bid="([^"]+)"', body))
        body = re.sub(  # what the book leaves out is a link to its page
            r'href="#([^"]+)"',
            lambda m: m[0] if m[1] in known else f'href="#{m[1].split("--")[0]}"',
            body,
        )
        return (
            '<!DOCTYPE html><html lang="en" data-theme="light"><head>'
            f'<meta charset="utf-8"><title>{escape(self.title)}</title>{links}'
            f"<style>{pages}</style></head><body><main>{body}</main></body></html>"
        )


def quoted(words: str) -> str:
    """A string of CSS."""
    return '"' + words.replace("\\", r"\\").replace('"', r"\"") + '"'


# ------------------------------------------------------------ on paper

# What is wider than the page becomes smaller.
FIT = """() => {
  for (const box of document.querySelectorAll(".math-box, .table-box, .katex")) {
    const inside = box.matches(".katex") ? box : box.firstElementChild;
    const room = box.parentElement.clientWidth;
    const wide = Math.max(box.scrollWidth, inside.getBoundingClientRect().width);
    if (!room || wide <= room + 1) continue;
    box.style.fontSize = `${Math.floor(96 * room / wide)}%`;
  }
}"""
FILL = """(pages) => {
  for (const node of document.querySelectorAll("[data-page-of]"))
    node.textContent = pages[node.dataset.pageOf] ?? "";
}"""


def numbers(pdf: bytes) -> dict[str, int]:
    """On which page each place stands that a link leads to."""
    reader = PdfReader(io.BytesIO(pdf))
    return {
        name.removeprefix("/"): reader.get_destination_page_number(there) + 1
        for name, there in reader.named_destinations.items()
    }


def finished(pdf: bytes, book: Book) -> bytes:
    """The PDF with the contents as its outline.

    Chromium makes one of all headings, and names those twice that begin a page.
    """
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    places = writer.named_destinations
    chapter = None
    for entry in book.entries:
        if entry.level == 0:
            continue
        there = places[f"/{entry.id}"]
        line = writer.add_outline_item(
            title=plain(entry.words),
            page_number=writer.get_destination_page_number(there),
            parent=chapter if entry.level == 2 else None,
            fit=Fit.xyz(left=0, top=there.top),
            is_open=False,
        )
        chapter = line if entry.level == 1 else chapter
    writer.metadata = {"/Title": book.title}
    writer.page_mode = "/UseOutlines"
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def write(book: Book, path: Path, running) -> None:
    """Print a book in a browser that is `running`."""
    options = {"prefer_css_page_size": True, "print_background": True}
    with tempfile.TemporaryDirectory(prefix="book-") as folder:
        file = Path(folder, "book.html")
        file.write_text(book.html(), encoding="utf-8")
        context = running.new_context(viewport={"width": WIDTH, "height": 1000})
        context.set_default_timeout(0)
        context.set_default_navigation_timeout(0)
        page = context.new_page()
        page.emulate_media(media="print", color_scheme="light")
        page.goto(file.as_uri(), wait_until="load")
        page.evaluate("document.fonts.ready.then(() => true)")
        page.evaluate(FIT)
        page.evaluate(FILL, numbers(page.pdf(**options)))
        pdf = page.pdf(tagged=True, **options)
        context.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(finished(pdf, book))


def main() -> int:
    from playwright.sync_api import sync_playwright

    site = Path(sys.argv[1]) if sys.argv[1:] else SITE
    path = Path(sys.argv[2]) if sys.argv[2:] else site.parent / NAME
    try:
        found = browser.find_chromium()
        book = Book(site.resolve())
    except (browser.BrowserError, vendor.VendorError) as error:
        print(error, file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        running = found.launch(playwright)
        write(book, path, running)
        running.close()
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
