"""The website as its readers meet it: whole, self-contained, readable by everyone.

It is built afresh, with warnings as errors, and opened in a browser: wide, in light and
in dark, on a phone, and without scripts. Every page is opened once for each; the tests
look at what was found.
"""

import copy
import gzip
import json
import os
import re
import zipfile
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag
from xml.etree import ElementTree

import nbformat
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup, NavigableString
from pypdf import PdfReader

from book.tools import exercises as masters
from book.tools import pack, pdf
from utils.explorers import SAVED

ROOT = Path(__file__).resolve().parents[1]
MOST_ELEMENTS = 6_000  # as a page comes; drawings are files, formulas are slim
MOST_KILOBYTES = 150  # gzipped, of a page without its own figures and explorers
WIDE = {"viewport": {"width": 1280, "height": 900}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}


def entries() -> list[str]:
    """The pages of the table of contents, in order; exercises follow their chapter.

    The first is the start page, whose source is elsewhere.
    """
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = ["index"]
    for part in toc["parts"]:
        for entry in part["chapters"]:
            if "glob" in entry:
                for path in ROOT.glob(f"{entry['glob']}.ipynb"):
                    found.append(path.relative_to(ROOT).with_suffix("").as_posix())
                found[1:] = sorted(found[1:], key=lambda name: name.split("/")[::-1])
            else:
                found.append(entry["file"])
    return found


HOME = ROOT / "book/intro.md"
PAGES = entries()
CHAPTERS = [name for name in PAGES if name.startswith("chapters/")]
EXERCISES = [name for name in PAGES if name.startswith("exercises/")]
every_page = pytest.mark.parametrize("name", PAGES)
every_chapter = pytest.mark.parametrize("name", CHAPTERS)
every_exercise = pytest.mark.parametrize("name", EXERCISES)
# Exercises are pages of one form: every second is seen wide, the others on a phone.
BY_DEVICE = {
    "wide": [name for name in PAGES if name not in EXERCISES[1::2]],
    "phone": [name for name in PAGES if name not in EXERCISES[::2]],
}
# On two chapters of four "On this page" is tried on a phone, on the others wide.
JUMPS = {
    "wide": [name for k, name in enumerate(CHAPTERS, start=1) if k % 4 in (3, 0)],
    "phone": [name for k, name in enumerate(CHAPTERS, start=1) if k % 4 in (1, 2)],
}
every_visit = pytest.mark.parametrize(
    ("device", "name"), [(d, name) for d, names in BY_DEVICE.items() for name in names]
)


@cache
def notebook(name):
    return nbformat.read(ROOT / f"{name}.ipynb", as_version=4)


def outputs(name):
    """The data of all rich outputs of a chapter."""
    for cell in notebook(name).cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                yield output.data


def letters(text: str) -> str:
    """Text without what typesetting changes: spaces, quotes, dashes."""
    return re.sub(r"[\W_]+", "", text)


# ------------------------------------------------------------ what was built


def text_of(node, names=(), classes=()):
    """The text of a node, without elements of these names or of these classes."""
    parts = []

    def walk(parent):
        for child in parent.children:
            if type(child) is NavigableString:
                parts.append(child)
            elif getattr(child, "children", None) is not None:
                own = child.get("class", ())
                if child.name not in names and not any(c in classes for c in own):
                    walk(child)

    walk(node)
    return "".join(parts)


@dataclass
class Built:
    """A page as it lies in the folder."""

    path: Path

    @cached_property
    def source(self):
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def html(self):
        return BeautifulSoup(self.source, "html.parser")

    @cached_property
    def ids(self):
        return {node["id"] for node in self.html.find_all(id=True)}

    @cached_property
    def parted(self):
        """The text of the article outside its folds, and inside."""
        without = {"svg", "img"}, {"headerlink", "katex"}
        folds = [
            fold
            for fold in self.html.article.find_all(class_="fold")
            if fold.find("summary") and not fold.find_parent(class_="fold")
        ]
        shown = text_of(self.html.article, without[0], without[1] | {"fold"})
        return shown, "\n".join(text_of(fold, *without) for fold in folds)


@pytest.fixture(scope="module")
def built(site):
    pages = {}

    def page(name):
        if name not in pages:
            pages[name] = Built(site / f"{name}.html")
        return pages[name]

    return page


@every_page
def test_page_is_there(built, name):
    page = built(name)
    assert page.path.stat().st_size > 3000
    assert page.html.html["lang"] == "en"
    assert len(page.html.find_all("h1")) == 1
    assert not page.html.select("summary[aria-label]"), "a fold must say what it hides"
    assert page.html.title.string.endswith("From the Perceptron to ResNet")
    description = page.html.find("meta", attrs={"name": "description"})
    assert description, "the first paragraph, shown by search engines, says too little"
    assert 40 <= len(description["content"]) <= 160
    assert page.html.find("link", rel="icon")
    navigation = page.html.find(id="book-nav")
    listed = len(PAGES) - len(EXERCISES) + (name in CHAPTERS + EXERCISES)
    assert len(navigation.find_all("a")) == listed
    assert navigation.find("a", class_="current"), "the list does not show the page"


def headings(name):
    """The headings of a source, without formulas."""
    source = ROOT / f"{name}.ipynb"
    if source.exists():
        cells = notebook(name).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    else:
        page = HOME if name == "index" else ROOT / f"{name}.md"
        text = page.read_text(encoding="utf-8")
    text = re.sub(r"^(```+).*?^\1", "", text, flags=re.M | re.S)
    found = re.findall(r"^#{1,6} +(.+?)\s*$", text, flags=re.M)
    return [letters(re.sub(r"\$.*?\$|[`*]", "", title)) for title in found]


@every_page
def test_page_has_all_headings(built, name):
    shown = []
    for node in built(name).html.article.find_all(re.compile("^h[1-6]$")):
        node = BeautifulSoup(str(node), "html.parser")
        for part in node.select(".katex, .headerlink"):
            part.decompose()
        shown.append(letters(node.get_text()))
    assert shown == headings(name)
    assert shown


@every_page
def test_nothing_is_left_raw(built, name):
    page = built(name)
    names = {"pre", "code", "script", "style", "svg"}
    text = text_of(page.html.article, names, {"katex"})
    for pattern in (r"\$[^$\n]+\$", r"\\[a-zA-Z]+\{", r"^:::", r"\{[a-z-]+\}`", "```"):
        assert not re.search(pattern, text, flags=re.M), pattern
    assert "katex-error" not in page.source
    assert not re.search(r'd="[^"]*\bnan\b', page.source)


@every_chapter
def test_chapter_has_all_outputs(built, name):
    article = built(name).html.article
    rich = list(outputs(name))
    pictures = [d for d in rich if {"image/svg+xml", "image/png"} & set(d)]
    explorers = [d for d in rich if SAVED in d]
    assert len(article.select(".cell_output .figure")) == len(pictures)
    assert len(article.select(".cell_output .explorer")) == len(explorers)
    assert pictures
    assert explorers, "a chapter has at least one figure to play with"
    shown = letters(" ".join(n.get_text() for n in article.select(".cell_output")))
    for cell in notebook(name).cells:
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            if not {"image/svg+xml", "image/png"} & set(output.get("data", {})):
                assert letters(text) in shown, f"an output of cell {cell.id} is missing"


@pytest.mark.parametrize("name", CHAPTERS + EXERCISES)
def test_notebook_can_be_taken_along(built, name):
    """Of the exercises, that is the student copy."""
    page = built(name)
    links = [a["href"] for a in page.html.select(".actions a")]
    colab, download, source = links
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    repository, branch = (config["repository"][key] for key in ("url", "branch"))
    place = f"{repository.removeprefix('https://github.com/')}/blob/{branch}"
    assert colab == (f"https://colab.research.google.com/github/{place}/{name}.ipynb")
    assert source == f"{repository}/blob/{branch}/{name}.ipynb"
    copy = (page.path.parent / download).resolve()
    assert copy.read_bytes() == (ROOT / f"{name}.ipynb").read_bytes()


@every_page
def test_figures_have_words(built, name):
    article = built(name).html.article
    for node in article.select("svg.plot, img"):
        words = node.get("aria-label") or node.get("alt") or ""
        assert len(words.split()) >= 3, f"a figure says only {words!r}"
        if node.name == "svg":
            assert node["role"] == "img"


@every_page
def test_figures_follow_the_page(built, name):
    """Inlined figures hold no colour of the sentinels, and no id twice."""
    article = built(name).html.article
    for node in article.select("svg.plot"):
        text = str(node).lower()
        for colour in ("#1f2328", "#ffffff", "#d0d7de", "#6e7781", "#000000"):
            assert f": {colour}" not in text
        assert "<style" not in text
    ids = [node["id"] for node in article.find_all(id=True)]
    assert len(ids) == len(set(ids)), "an id is used twice"


@every_page
def test_links_lead_somewhere(built, site, name):
    page = built(name)
    for node in page.html.find_all(["a", "link", "script", "img", "source", "form"]):
        link = node.get("href") or node.get("src") or node.get("action")
        if not link:
            continue
        if node.name == "link" and "canonical" in node["rel"]:
            continue  # its own address; a browser does not go there
        if re.match(r"[a-z]+:", link):
            assert node.name == "a", f"{link} would be fetched from elsewhere"
            assert link.startswith("https://"), link
            continue
        target, anchor = urldefrag(link)
        target = unquote(target.split("?")[0])
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.is_file(), f"{link} leads nowhere"
        if anchor:
            other = built(path.relative_to(site).with_suffix("").as_posix())
            assert anchor in other.ids, f"{link}: there is no such place"


@pytest.mark.parametrize(("name", "follower"), list(pairwise(PAGES)))
def test_pages_follow_each_other(built, name, follower):
    link = built(name).html.find("link", rel="next")["href"]
    assert (built(name).path.parent / link).resolve() == built(follower).path


@every_chapter
def test_exercises_are_reached_from_their_chapter(built, name):
    page, exercises = built(name), built(name.replace("chapters/", "exercises/"))
    assert exercises.path.is_file()
    for place in (
        page.html.find(id="book-nav"),
        page.html.article.find(id="exercises"),
    ):
        links = {
            (page.path.parent / a["href"]).resolve() for a in place("a", href=True)
        }
        assert exercises.path in links
    current = exercises.html.select("#book-nav .current > a")
    assert [a.get_text() for a in current][1:] == ["Exercises"]


def lines(text):
    return {line.strip() for line in text.split("\n") if len(line.strip()) > 20}


@every_exercise
def test_solutions_are_folded(built, name):
    """Each task has its solution, closed; tests are not on the page."""
    master = nbformat.read(
        ROOT / f"{name.replace('/', '/masters/')}.ipynb", as_version=4
    )
    tasks = masters.points(master)
    folds = built(name).html.article.select("section > section > details.solution")
    assert len(folds) == len(tasks)
    assert not built(name).html.select(".fold[open]")
    open_text, folded_text = map(lines, built(name).parted)
    given = lines("\n".join(map(masters.student_source, master.cells)))
    for cell in master.cells:
        if masters.kind(cell) == "solution" and cell.cell_type == "code":
            secret = lines(masters.cut(cell.source, masters.SOLUTION)[1])
            assert secret <= folded_text
            assert not (secret - given) & open_text
        if masters.kind(cell) == "test":
            asserts = {x for x in lines(cell.source) if x.startswith("assert ")}
            assert not asserts & (open_text | folded_text)


@pytest.fixture(scope="module")
def sections(site):
    """What the search knows: rows of page, anchor, page's title, title, text."""
    text = (site / "_static/search-data.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.SECTIONS = ").rstrip(";\n"))


def words(text):
    return {word for word in re.findall(r"[a-z]{4,}", text.lower())}


@every_page
def test_search_knows_every_section(built, sections, name):
    page = built(name)
    rows = [row for row in sections if row[0] == name]
    assert {row[1] for row in rows if row[1]} <= page.ids
    listed = [a["href"][1:] for a in page.html.select(".here a[href^='#']")][1:]
    assert [anchor for anchor in listed if anchor] == [r[1] for r in rows if r[1]]


@every_exercise
def test_search_knows_no_solution(built, sections, name):
    open_text, folded_text = built(name).parted
    formulas = " ".join(cell.source for cell in notebook(name).cells)
    shown, folded = words(open_text + formulas), words(folded_text)
    known = words(" ".join(" ".join(row[3:]) for row in sections if row[0] == name))
    assert len(folded - shown) > 20
    assert len(known & shown) > 50
    assert not (folded - shown) & known


@every_page
def test_mentions_are_links(built, name):
    """Of sections, chapters and equations; the links are tested with all others."""
    names = {"a", "svg", "pre", "code", "h1", "h2", "h3"}
    text = text_of(built(name).html.article, names, {"katex", "output", "facts"})
    left = re.findall(r"\b(?:section|chapter)s? \d[\d.]*(?: \w+){0,3}", text)
    others = re.compile(r" (of|in) (the )?(paper|book|first|second|[A-Z])")
    assert [mention for mention in left if not others.search(mention)] == []


@every_chapter
def test_figures_have_numbers_and_captions(built, name):
    number = int(name.removeprefix("chapters/")[:2])
    captions = [node.get_text() for node in built(name).html.select("figcaption")]
    for k, caption in enumerate(captions, start=1):
        assert caption.startswith(f"Figure {number}.{k} "), caption
        assert len(caption) < 160
    assert len(captions) == len(built(name).html.select("article figure"))


@every_page
def test_page_has_few_elements(built, name):
    """Each costs time on a phone: drawings are files, plain code is plain text."""
    assert len(built(name).html.find_all()) <= MOST_ELEMENTS


@every_exercise
def test_terms_are_links_in_each_task(built, name):
    """At their first mention; not in headings, in code and in what it prints."""
    article = built(name).html.article
    quiet = ["h1", "h2", "h3", "pre", "code", "a"]
    for link in article.select("a.term, a.cited"):
        assert not link.find_parent(quiet)
        assert not link.find_parent(class_="cell_output")
        assert link.find_parent("section").find_parent("section"), "the opening"
    counts = []
    for task in article.select("section > section"):
        terms = [link["href"] for link in task.select("a.term")]
        assert len(terms) == len(set(terms))
        counts.append(len(terms))
    assert sum(counts) >= 10
    if name == EXERCISES[0]:
        (cited,) = article.select("a.cited")
        assert cited.get_text() == "Gallant 1990"


def test_what_the_site_says_of_itself(built, site):
    """To search engines, to other programs, to those who are lost."""
    lines = (site / "sitemap.xml").read_text(encoding="utf-8").split("\n")
    found = [re.search(r"<loc>(\S+)</loc>", x)[1] for x in lines if "<loc>" in x]
    assert len(found) == len(PAGES)
    for address in found:
        name = address.split("/", 4)[4]
        page = built(name.removesuffix(".html")).html
        assert page.find("link", rel="canonical")["href"] == address
        card = page.find("meta", property="og:image")["content"].split("/", 4)[4]
        assert (site / card).is_file()
    assert "sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8")
    lost = BeautifulSoup((site / "404.html").read_text("utf-8"), "html.parser")
    assert lost.base["href"] == found[0].rsplit("/", 2)[0] + "/"


def test_front_door_shows_every_chapter(built, site):
    """With its picture in both modes, its time, and the chapters that it needs."""
    page = built("index")
    cards = page.html.select(".cards > li")
    assert [card.a["href"] for card in cards] == [f"{name}.html" for name in CHAPTERS]
    for number, card in enumerate(cards, start=1):
        assert re.search(r"\d\d min ", card.get_text())
        needed = [int(a.get_text()) for a in card.select(".about a")[:-1]]
        assert all(other < number for other in needed)
        assert needed or number == 1
        for image in card.select("img"):
            assert image["loading"] == "lazy"
            assert (site / image["src"]).stat().st_size < 40_000
    assert page.html.select_one(".living .explorer")
    old = (site / "book/intro.html").read_text(encoding="utf-8")
    assert "url=../index.html" in old, "the start page's old address is dead"


def test_changes_come_as_a_feed(built, site):
    """An entry a section, and each leads to it."""
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.parse(site / "feed.xml").getroot()
    sections = built("book/changes").html.select("article h2")
    entries = feed.findall(f"{atom}entry")
    assert len(entries) == len(sections) > 0
    for entry, heading in zip(entries, sections, strict=True):
        link, anchor = urldefrag(entry.find(f"{atom}link").get("href"))
        assert link.endswith("/book/changes.html")
        assert anchor in built("book/changes").ids
        assert entry.findtext(f"{atom}updated")[:10] in heading.get_text()


def test_site_holds_nothing_that_no_page_uses(site):
    """Of scripts, styles and fonts: what is published is used."""
    everything = "".join(
        f.read_text(encoding="utf-8")
        for f in site.rglob("*")
        if f.suffix in (".html", ".css")
    )
    for file in (site / "_static").rglob("*"):
        if file.is_file() and file.name != "LICENSE":
            assert file.name in everything, file


# ------------------------------------------------------------ in the browser


@dataclass
class Visit:
    """What happened while a page was open."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    explorers: int = 0
    live: int = 0
    violations: dict[str, list] = field(default_factory=dict)
    too_wide: list[str] = field(default_factory=list)
    clipped: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    plots: list[list] = field(default_factory=list)
    shifts: dict[str, float] = field(default_factory=dict)
    places: list[list] = field(default_factory=list)

    def follow(self, page):
        """Go to all places of the page that a reader may ask for."""
        found = page.evaluate(FOLLOW)
        self.missed, self.shifts = found["missed"], found["shifts"]


def watch(context, address, visit):
    """Record and block whatever goes to another host, and record errors."""

    def gate(route):
        if route.request.url.startswith(address):
            route.continue_()
        else:
            visit.foreign.append(route.request.url)
            route.abort()

    def note(response):
        visit.loaded.append(response.url.removeprefix(address).split("?")[0])
        if response.status >= 400:
            visit.errors.append(f"{response.status} {response.url}")

    context.route("**/*", gate)
    context.on("response", note)
    context.on(
        "console",
        lambda m: (
            visit.errors.append(m.text) if m.type in ("error", "warning") else None
        ),
    )
    context.on("weberror", lambda error: visit.errors.append(str(error.error)))


def open_page(context, url):
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.evaluate("document.fonts.ready")
    return page


# What waits until it is near is brought near.
BRING = """async () => {
  const instant = { block: "center", behavior: "instant" };
  const frame = () => new Promise(requestAnimationFrame);
  for (const place of document.querySelectorAll(".explorer")) {
    place.scrollIntoView(instant);
    for (let k = 0; k < 1000 && !place.dataset.state; k += 1) await frame();
  }
  for (const image of document.querySelectorAll("main img")) {
    if (image.complete || !image.getClientRects().length) continue;
    image.scrollIntoView(instant);
    for (let k = 0; k < 100 && !image.complete; k += 1) await frame();
  }
  scrollTo({ top: 0, behavior: "instant" });
}"""


def scroll_through(page, visit):
    page.evaluate(BRING)
    visit.explorers = page.locator(".explorer").count()
    visit.live = page.locator(".explorer[data-state=live]").count()
    visit.places = page.evaluate(PLACES)


PLAY = """async () => {
  const pause = () => new Promise((done) => setTimeout(done, 5));
  const press = (node, key) => {
    node.focus({ preventScroll: true });
    const event = { key, bubbles: true, cancelable: true };
    node.dispatchEvent(new KeyboardEvent("keydown", event));
    node.dispatchEvent(new KeyboardEvent("keyup", event));
  };
  for (const live of document.querySelectorAll(".explorer-live")) {
    for (const node of live.querySelectorAll("input, select")) {
      if (node.type === "checkbox") node.click();
      else if (node.tagName === "SELECT") node.selectedIndex = node.options.length - 1;
      else if (node.type === "range") node.value = node.max;
      node.dispatchEvent(new Event("input", { bubbles: true }));
      node.dispatchEvent(new Event("change", { bubbles: true }));
      await pause();
    }
    for (const node of live.querySelectorAll("[tabindex='0']")) {
      for (const key of ["ArrowRight", "ArrowUp", "Enter", " "]) press(node, key);
    }
    for (const node of live.querySelectorAll("button")) {
      if (node.isConnected) node.click();
      await pause();
    }
  }
}"""

# Thousands of nodes that say nothing new about accessibility and cost it seconds: what
# formulas and figures are drawn with, and all but two of the formulas, links and other
# words, paragraphs, items, rows, folds, figures and blocks of code that are made alike,
# on this page or on one before: of the same elements with the same classes and roles,
# with names where the others have them, and in the same places.
UNBURDEN = """async (seen) => {
  document.querySelectorAll(".katex-html, svg.plot > *").forEach((n) => n.remove());
  const said = /^(class|role|type|tabindex|lang|aria-hidden|hidden|open)$/;
  const form = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) return node.data?.trim() ? "text" : "";
    const own = [...node.attributes].map(({ name, value }) =>
      (said.test(name) || /color/.test(value) ? `${name}=${value}` : name + !value));
    const parts = node.matches(".katex") ? [] : [...node.childNodes].map(form);
    return `<${node.localName} ${own.sort()} ${[...new Set(parts)].sort()}>`;
  };
  const place = (node) =>
    (node ? `${place(node.parentElement)} ${node.localName}.${node.className}` : "");
  const often = (kind) => (seen[kind] = (seen[kind] ?? 0) + 1) > 2;
  const blocks = "p:not(summary p), li, tr, figure, details, div:has(> pre)";
  const alike = (node) => often(place(node.parentElement) + form(node));
  for (const word of document.querySelectorAll("pre span"))
    if (often(`word ${word.className}`)) word.replaceWith(word.textContent);
  for (const formula of document.querySelectorAll(".katex"))
    if (often(`formula ${formula.className}`)) formula.replaceChildren();
  for (const word of document.querySelectorAll("p :is(a, code, strong, em)"))
    if (word.isConnected && alike(word)) word.replaceWith(word.textContent);
  for (const node of document.querySelectorAll(blocks))
    if (node.isConnected && alike(node)) node.remove();
  // What comes near thereby is drawn, and measured by site.js, in the next frames.
  const late = (box) => box.scrollWidth > box.clientWidth + 1 && box.tabIndex < 0;
  const code = [...document.querySelectorAll("main pre")];
  for (let k = 0; k < 100 && code.some(late); k += 1)
    await new Promise(requestAnimationFrame);
  return seen;
}"""

# Whatever sticks out of the page at its right edge, unless it scrolls in its own box.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth, found = [];
  if (document.documentElement.scrollWidth > width) found.push("the page scrolls");
  const scrolls = (node) => {
    for (let n = node; n && n !== document.body; n = n.parentElement) {
      if (n.matches("svg svg, .katex-mathml, .unseen")) return true;
      if (getComputedStyle(n).overflowX !== "visible") return true;
    }
    return false;
  };
  for (const node of document.querySelectorAll("main *")) {
    const box = node.getBoundingClientRect();
    if (box.width && box.right > width + 1 && !scrolls(node))
      found.push(`${node.tagName}.${node.getAttribute("class")} ${node.id}`);
  }
  return found.slice(0, 5);
}"""

# Text that is cut off although its box does not scroll.
CLIPPED = """() => {
  const found = [];
  for (const node of document.querySelectorAll("main p, main li, main td, main th, " +
      "main button, main a, main label, header a, header button")) {
    if (!node.getClientRects().length || node.closest(".katex, .unseen, .ex-hidden"))
      continue;
    const style = getComputedStyle(node);
    const cut = style.overflowX === "hidden" && node.scrollWidth > node.clientWidth + 1;
    if (cut) found.push(node.textContent.slice(0, 60));
  }
  return found.slice(0, 5);
}"""


# Which links of "On this page" do not bring their heading to the top, while explorers
# come alive on the way, and by how much the page moves under its reader after each.
FOLLOW = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const found = { missed: [], shifts: {} };
  let shift = 0;
  const count = (entries) => { for (const entry of entries) shift += entry.value; };
  const shifts = new PerformanceObserver((list) => count(list.getEntries()));
  shifts.observe({ type: "layout-shift" });
  const explorers = [...document.querySelectorAll(".explorer")];
  const comes = (place) => {
    const { top, bottom } = place.getBoundingClientRect();
    return !place.dataset.state && top < innerHeight + 700 && bottom > -700;
  };
  document.querySelector(".sections").open = true;
  const lists = [...document.querySelectorAll(".here, .sections")];
  const list = lists.find((node) => node.getClientRects().length);
  await frame();
  await frame();
  for (const link of [...list.querySelectorAll("a[href^='#']")].slice(1)) {
    const place = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    count(shifts.takeRecords());
    shift = 0;
    link.click();
    let top, there = false;
    for (let k = 0; k < 100 && !there; k += 1) {
      await frame();
      await frame();
      top = place.getBoundingClientRect().top;
      const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
      there = top > 40 && (top < 110 || end) && !explorers.some(comes);
    }
    await frame(); // the last to come alive has its height
    if (!there) found.missed.push(`${link.hash} at ${Math.round(top)}`);
    count(shifts.takeRecords());
    found.shifts[link.hash] = shift;
  }
  return found;
}"""

# How high each explorer is, and how high a place was kept for it.
PLACES = """() => [...document.querySelectorAll(".explorer")].map((place) => {
  const [still, live] = place.children;
  const { state } = place.dataset;
  const height = live.offsetHeight;
  delete place.dataset.state;
  [still.hidden, live.hidden] = [false, true];
  const kept = place.offsetHeight;
  [still.hidden, live.hidden] = [true, false];
  place.dataset.state = state;
  return [height, kept];
})"""

# The drawings that are shown, and how wide.
PLOTS = """() => [...document.querySelectorAll("main img.plot[src$='.svg']")]
  .filter((image) => image.getClientRects().length)
  .map((image) => [image.src.split("/").pop(), image.getBoundingClientRect().width])"""


def serious(results):
    """Accessibility rules that are broken in a way that keeps readers out."""
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:160]} ({len(v['nodes'])} nodes)"
        for v in results.response["violations"]
        if v["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def visits(browser, address, site):
    """Opens a page once as a file, wide, light then dark, and once on a phone."""
    done, seen = {}, {}

    def wide(name):
        visit = Visit()
        context = browser.new_context(color_scheme="light", **WIDE)
        watch(context, "file://", visit)
        page = open_page(context, (site / f"{name}.html").as_uri())
        if name in JUMPS["wide"]:
            visit.follow(page)
        scroll_through(page, visit)
        visit.too_wide = page.evaluate(TOO_WIDE)
        seen.update(page.evaluate(UNBURDEN, seen))
        options = {"resultTypes": ["violations"], "preload": False}
        visit.violations["light"] = serious(Axe().run(page, options=options))
        page.wait_for_load_state("networkidle")
        page.locator("button.theme").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        options["runOnly"] = ["color-contrast"]  # what else could have changed?
        visit.violations["dark"] = serious(Axe().run(page, options=options))
        page.evaluate(PLAY)
        visit.too_wide += page.evaluate(TOO_WIDE)
        context.close()
        return visit

    def phone(name):
        visit = Visit()
        context = browser.new_context(color_scheme="dark", **PHONE)
        watch(context, address, visit)
        page = open_page(context, f"{address}{name}.html")
        if name in JUMPS["phone"]:
            visit.follow(page)
        scroll_through(page, visit)
        page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        visit.plots = page.evaluate(PLOTS)
        visit.too_wide = page.evaluate(TOO_WIDE)
        visit.clipped = page.evaluate(CLIPPED)
        page.wait_for_load_state("networkidle")
        page.evaluate(PLAY)
        visit.too_wide += page.evaluate(TOO_WIDE)
        context.close()
        return visit

    def visit(name, device):
        if (name, device) not in done:
            done[name, device] = {"wide": wide, "phone": phone}[device](name)
        return done[name, device]

    return visit


@pytest.mark.parametrize(
    ("device", "name"), [(d, name) for d, names in JUMPS.items() for name in names]
)
def test_places_that_are_asked_for_come_to_the_top(visits, name, device):
    """And nothing moves there when explorers come alive."""
    visit = visits(name, device)
    assert len(visit.shifts) > 5
    assert visit.missed == []
    assert {place: s for place, s in visit.shifts.items() if s >= 0.05} == {}


@pytest.mark.parametrize("name", ["index", *CHAPTERS])
@pytest.mark.parametrize("device", BY_DEVICE)
def test_explorers_keep_their_place(visits, name, device):
    for height, kept in visits(name, device).places:
        assert kept == pytest.approx(height, rel=0.04), (
            "an explorer is not as high as the place that is kept for it; "
            "python book/tools/heights.py measures anew (of the start page: site.css)"
        )


@pytest.mark.parametrize("name", BY_DEVICE["phone"])
def test_labels_can_be_read_on_a_phone(visits, built, site, name):
    """In CSS pixels, as the figure is shown there."""
    for file, width in visits(name, "phone").plots:
        svg = (site / "_static/figures" / file).read_text(encoding="utf-8")
        box = re.search(r'<svg\b[^>]*\bviewBox="([^"]+)"', svg)[1]
        per_unit = width / float(box.split()[2])
        scales = re.findall(r"scale\((0?\.\d+) -", svg)
        sizes = [100 * float(scale) * per_unit for scale in scales]
        assert scales or "DejaVu" not in svg, f"{file}: where are its labels?"
        assert min(sizes, default=9) > 8.9, file


@every_visit
def test_no_other_host_is_asked(visits, name, device):
    assert visits(name, device).foreign == []


@every_visit
def test_console_is_silent(visits, name, device):
    assert visits(name, device).errors == []


@every_visit
def test_explorers_come_alive(visits, name, device):
    visit = visits(name, device)
    assert visit.live == visit.explorers >= (name in CHAPTERS)


@pytest.mark.parametrize("name", BY_DEVICE["wide"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_read_it(visits, name, theme):
    assert visits(name, "wide").violations[theme] == []


@every_visit
def test_nothing_sticks_out(visits, name, device):
    visit = visits(name, device)
    assert visit.too_wide == []
    assert visit.clipped == []


@cache
def sent(path):
    """How many bytes a server sends of a file."""
    content = path.read_bytes()
    return len(content if path.suffix == ".woff2" else gzip.compress(content))


@pytest.mark.parametrize("name", BY_DEVICE["phone"])
def test_page_is_light(visits, built, site, name):
    """What is loaded, gzipped; without the page's own figures and explorers."""
    total = 0
    for file in set(visits(name, "phone").loaded):
        if file == f"{name}.html":
            article = copy.copy(built(name).html)
            for node in article.select("svg.plot, .explorer, .cell_output img"):
                node.decompose()
            total += len(gzip.compress(str(article).encode()))
        elif not file.startswith("_static/figures/"):
            total += sent(site / unquote(file))
    assert total / 1000 <= MOST_KILOBYTES, f"{total / 1000:.0f} kB"


@every_chapter
def test_without_scripts(browser, address, name):
    """Text, formulas, still pictures and their sentences need no JavaScript."""
    context = browser.new_context(java_script_enabled=False, **PHONE)
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    assert page.locator("article h1").is_visible()
    places = page.locator(".explorer").all()
    assert places
    for place in places:
        assert place.locator(".explorer-still .figure").is_visible()
        sentence = place.locator(".explorer-sentence")
        assert sentence.is_visible()
        assert len(sentence.inner_text().split()) >= 5
        assert not place.locator(".explorer-live").is_visible()
    assert not page.locator("button.theme").is_visible()
    page.locator("a.menu").click()
    assert page.locator("#book-nav a").first.is_visible()
    context.close()


def test_solutions_unfold_without_scripts(browser, address):
    """And paper shows what is unfolded, nothing else."""
    context = browser.new_context(java_script_enabled=False, **PHONE)
    page = context.new_page()
    page.goto(f"{address}{EXERCISES[0]}.html")
    folds = page.locator(".solution")
    assert not folds.first.locator("pre").first.is_visible()
    folds.first.locator("summary").first.click()
    assert folds.first.locator("pre").first.is_visible()
    page.emulate_media(media="print")
    assert folds.first.locator("pre").first.is_visible()
    assert not folds.nth(1).is_visible()
    context.close()


def test_failing_explorer_leaves_its_still(browser, address):
    """One that cannot start does not take the others with it."""
    context = browser.new_context(**WIDE)
    page = context.new_page()

    def break_first(route):
        page = BeautifulSoup(route.fetch().text(), "html.parser")
        model = page.select_one(".explorer-model")
        saved = json.loads(model.string)
        code = page.find(id=saved["esm"])
        model.string = json.dumps(saved | {"esm": "broken"})
        new = page.new_tag("script", id="broken", type="application/json")
        new.string = json.dumps('export default { render() { throw new Error("x") } }')
        code.insert_before(new)
        route.fulfill(body=str(page), content_type="text/html")

    page.route(f"{address}{CHAPTERS[0]}.html", break_first)
    page.goto(f"{address}{CHAPTERS[0]}.html")
    first = page.locator(".explorer").first
    first.scroll_into_view_if_needed()
    page.wait_for_selector(".explorer[data-state=failed]")
    assert first.locator(".explorer-still .figure").is_visible()
    assert "could not start" in first.inner_text()
    kept = "(place) => place.offsetHeight - place.firstElementChild.offsetHeight"
    assert first.evaluate(kept) == 0
    context.close()


def test_theme_is_kept(browser, address):
    """The system's choice until the reader makes another, which stays."""
    context = browser.new_context(color_scheme="dark", **WIDE)
    page = context.new_page()
    theme = page.locator("html")
    page.goto(f"{address}{PAGES[0]}.html")
    assert theme.get_attribute("data-theme") == "dark"
    page.locator("button.theme").click()
    assert theme.get_attribute("data-theme") == "light"
    page.goto(f"{address}{PAGES[1]}.html")
    assert theme.get_attribute("data-theme") == "light"
    other = context.new_page()  # another tab, in which the choice is taken back
    other.goto(f"{address}{PAGES[0]}.html")
    other.locator("button.theme").click()
    page.wait_for_selector("html[data-theme=dark]")
    page.evaluate(
        """() => {
          localStorage.setItem("theme", "light");
          dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
        }"""
    )  # as after Back, to a page that the browser has kept
    assert theme.get_attribute("data-theme") == "light"
    context.close()


# By how much the page moved under its reader, as Lighthouse counts: part of the screen.
SHIFT = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) sum += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""


@pytest.mark.parametrize("name", [CHAPTERS[0], CHAPTERS[-1], EXERCISES[0]])
def test_nothing_jumps_while_a_page_loads(browser, site, name):
    context = browser.new_context(**WIDE)
    page = context.new_page()
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate(SHIFT) < 0.05
    context.close()


# Goes to the first explorer, which is not there yet; by how much what stands below it
# moves when it comes.
JUMP = """async () => {
  const explorer = document.querySelector(".explorer");
  const before = explorer.dataset.state;
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) sum += entry.value;
  }).observe({ type: "layout-shift" });
  explorer.scrollIntoView({ behavior: "instant" });
  for (let n = 0; n < 100 && !explorer.dataset.state; n += 1)
    await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done, 100));
  return [before, explorer.dataset.state, sum];
}"""


@pytest.mark.parametrize("name", [CHAPTERS[4], CHAPTERS[5]])
def test_nothing_jumps_after_a_jump_on_a_phone(browser, address, name):
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    before, after, shift = page.evaluate(JUMP)
    assert (before, after) == (None, "live")
    assert shift < 0.05
    context.close()


@pytest.mark.parametrize("name", [CHAPTERS[4], CHAPTERS[5]])
def test_a_fragment_is_at_the_top_when_a_phone_has_loaded(
    browser, address, built, name
):
    sections = built(name).html.select("article section > section[id]")
    anchor = sections[len(sections) // 2]["id"]
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}{name}.html#{anchor}")
    page.wait_for_timeout(200)
    place = "(id) => document.getElementById(id).getBoundingClientRect().top"
    assert 40 < page.evaluate(place, anchor) < 110
    context.close()


def test_figures_are_there_when_a_page_is_printed(browser, address):
    """Also those that are far below, and light ones on a dark page."""
    context = browser.new_context(color_scheme="dark", **WIDE)
    page = context.new_page()
    page.goto(f"{address}{CHAPTERS[0]}.html")
    page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    page.keyboard.press("Control+p")
    page.wait_for_function("window.printed")
    images = "[...document.querySelectorAll('img.light-only')]"
    assert page.evaluate(f"{images}.every((i) => i.complete && i.naturalWidth)")
    page.emulate_media(media="print")
    assert (
        not page.locator("img.dark-only, .explorer-live, summary")
        .filter(visible=True)
        .count()
    )
    assert page.locator("img.light-only").last.is_visible()
    context.close()


@pytest.mark.parametrize("width", [320, 360])
def test_front_door_is_as_wide_as_a_small_phone(browser, address, width):
    context = browser.new_context(
        **PHONE | {"viewport": {"width": width, "height": 640}}
    )
    page = context.new_page()
    page.goto(address)
    assert page.evaluate(TOO_WIDE) == []
    context.close()


# Formulas on whose last line what ends behind them does not stand.
STRANDED = """() => [...document.querySelectorAll("article .whole")].filter((whole) => {
  const base = [...whole.querySelectorAll(".katex-base")].pop();
  if (!base || whole.lastChild.nodeType !== Node.TEXT_NODE) return false;
  const range = new Range();
  range.selectNodeContents(whole.lastChild);
  return range.getBoundingClientRect().top > base.getBoundingClientRect().bottom;
}).map((whole) => whole.textContent)"""


@pytest.mark.parametrize("name", [CHAPTERS[1], CHAPTERS[8]])
def test_no_line_begins_with_a_comma(browser, address, name):
    """Not even behind a formula, where browsers would break it."""
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    assert page.locator("article .whole .katex-base").count() > 30
    assert page.evaluate(STRANDED) == []
    context.close()


# Words and short code in the cells of tables that are broken in two.
BROKEN = """() => {
  const found = [], range = new Range();
  for (const node of document.querySelectorAll("main :is(th, td), main td code")) {
    for (const text of node.childNodes) {
      if (text.nodeType !== Node.TEXT_NODE) continue;
      for (const { 0: word, index } of text.data.matchAll(/[A-Za-z0-9]{3,}/g)) {
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        if (range.getClientRects().length > 1) found.push(word);
      }
    }
  }
  return found;
}"""


@pytest.mark.parametrize("name", [CHAPTERS[8], CHAPTERS[12], "book/run", "book/teach"])
def test_words_in_tables_are_whole(browser, address, name):
    """On a phone, those of explorers too."""
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}{name}.html")
    page.evaluate(BRING)
    assert page.evaluate(BROKEN) == []
    context.close()


def test_by_keyboard(browser, address):
    """The skip link comes first, and the menu of the phone opens and closes."""
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}{CHAPTERS[0]}.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main-content"
    page.locator("a.menu").focus()
    page.keyboard.press("Enter")
    assert page.locator("#book-nav a").first.is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#book-nav a").first.is_visible()
    context.close()


def test_what_is_cut_says_so(browser, address):
    """On a phone a wide table fades where it goes on, until its end is reached.

    So do formulas and tables of explorers, and where the browser can, without scripts.
    """
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}book/results.html")
    table = page.locator(".table-box.scrolls").first
    said = "(box) => getComputedStyle(box, '::before').content"
    assert "more to the right" in table.evaluate(said)
    faded = "(box) => getComputedStyle(box).getPropertyValue('--right')"
    assert "rgb" in table.evaluate(faded)
    table.evaluate("(box) => { box.scrollLeft = box.scrollWidth; }")
    page.wait_for_selector(".table-box.over.begun")
    assert "rgb" not in table.evaluate(faded)
    page.goto(f"{address}chapters/08-alexnet.html")
    formula = page.locator("#equation-8-3")
    formula.scroll_into_view_if_needed()
    page.wait_for_selector("#equation-8-3.scrolls")
    assert "more to the right" in formula.evaluate(said)
    page.goto(f"{address}chapters/13-designing-cnns.html")
    page.locator(".explorer").first.scroll_into_view_if_needed()
    page.wait_for_selector(".dn-costs.scrolls")
    root = page.locator(".explorer-root", has=page.locator(".dn-costs"))
    root.get_by_role("button", name="Reset").click()
    page.wait_for_selector(".dn-costs.scrolls")  # a new one
    assert "more to the right" in page.locator(".dn-costs").evaluate(said)
    context.close()
    context = browser.new_context(java_script_enabled=False, **PHONE)
    page = context.new_page()
    page.goto(f"{address}book/results.html")
    high = "(box) => getComputedStyle(box, '::before').fontSize"
    sizes = [float(box.evaluate(high)[:-2]) for box in page.locator(".table-box").all()]
    assert max(sizes) > 10
    assert min(sizes) == 0, "a narrow table has nothing to say"
    context.close()


def test_wide_code_stays_in_reach_of_the_keyboard_when_it_is_far(browser, address):
    """Far from the window it is not laid out: then it is as wide as its box."""
    context = browser.new_context(**WIDE)
    page = context.new_page()
    page.goto(f"{address}/chapters/13-designing-cnns.html")
    handle = page.locator("pre[style]").last.element_handle()
    handle.evaluate("box => box.append('x'.repeat(300))")
    handle.scroll_into_view_if_needed()
    page.wait_for_function("box => box.tabIndex === 0", arg=handle)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("box => box.scrollWidth === box.clientWidth", arg=handle)
    page.wait_for_timeout(200)
    assert handle.evaluate("box => box.tabIndex") == 0
    context.close()


def test_living_figure_plays_and_rests(browser, address):
    """It learns by itself until it is paused; with less motion it shows the end."""
    for motion in ("no-preference", "reduce"):
        context = browser.new_context(reduced_motion=motion, **WIDE)
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".living .ex-play")
        state = "document.querySelector('.living .explorer-root').explorer.state()"
        if motion == "reduce":
            assert page.evaluate(f"{state}.converged")
            assert page.locator(".living .ex-play").inner_text().endswith("Play")
        else:
            page.wait_for_function(f"{state}.updates > 0")
            page.get_by_role("button", name="Pause").click()
            before = page.evaluate(state)
            assert not before["playing"]
            page.wait_for_timeout(1200)
            assert page.evaluate(state) == before
        context.close()


def test_notes_open_where_the_reader_is(browser, address):
    """On terms and citations: by mouse, keyboard and finger; Escape closes."""
    context = browser.new_context(**WIDE)
    page = context.new_page()
    page.goto(f"{address}{CHAPTERS[0]}.html")
    term = page.locator("a.term").first
    note = page.locator("#note")
    term.hover()
    note.wait_for()
    assert "感知器" in note.inner_text()
    page.mouse.move(1, 1)
    note.wait_for(state="detached")
    cited = page.locator("article a[href*='references.html#']").first
    cited.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    note.wait_for()
    assert cited.get_attribute("aria-describedby") == "note"
    assert "McCulloch" in note.inner_text()
    found = Axe().run(page, context="#note", options={"resultTypes": ["violations"]})
    assert serious(found) == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#note') !== null")
    page.keyboard.press("Escape")
    assert note.count() == 0
    assert page.evaluate("document.activeElement.hash") == "#mcculloch1943"
    context.close()
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(f"{address}{CHAPTERS[0]}.html")
    page.locator("a.term[href$='#term-neuron']").tap()
    note = page.locator("#note")
    note.wait_for()
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["viewport"]["width"]
    page.goto(f"{address}{EXERCISES[0]}.html")
    page.locator("a.cited").tap()
    note.wait_for()
    assert "Stephen I. Gallant" in note.inner_text()
    page.locator("a.term[href$='#term-bias']").first.tap()
    note.filter(has_text="bias").wait_for()
    note.get_by_role("link", name="In the glossary").tap()
    page.wait_for_url("**/glossary.html#term-bias")
    page.route("**/notes-data*", lambda route: route.abort())  # a poor network
    page.goto(f"{address}{CHAPTERS[0]}.html")
    page.locator("a.term[href$='#term-neuron']").tap()
    page.wait_for_url("**/glossary.html#term-neuron")
    context.close()


# What readers typed, and the page or section that must come first.
QUERIES = {
    "convoluton": "chapters/.*",
    "1x1 convolution": "chapters/.*",
    "overfitting": "chapters/07.*",
    "over-fitting": "chapters/07.*",
    "relu": "chapters/.*",
    "softmax": "chapters/02.*#forward-with-numbers",
    "padding": "chapters/04.*#padding.*",
    "vanishing gradient": "chapters/10.*#the-gradient.*",
    "grading": "book/teach#grade.*",
    "instructor": "book/teach",
    "install": "book/run#on-your-own-machine",
    "batchnorm": "chapters/07.*#batch-norm.*",
    "skip connection": "chapters/10.*",
    "pretrained": "chapters/12.*",
    "receptive field": "chapters/05.*",
    "im2col": "chapters/04.*#make-it-fast",
    "dropout": "chapters/07.*#dropout.*",
    "backpropagation": "chapters/02.*",
    "batch normalization": "chapters/07.*#batch-norm.*",
    "残差": "chapters/10.*|book/glossary.*",
    "25,557,032": "chapters/10.*",
}


def test_search_finds(browser, site):
    """From a folder, too. Words that are not there are met with words that are."""
    context = browser.new_context(**WIDE)
    visit = Visit()
    watch(context, "file://", visit)
    page = context.new_page()
    first = {}
    for query in QUERIES:
        page.goto(f"{(site / 'search.html').as_uri()}?q={quote(query)}")
        link = page.locator("#search-results a").first.get_attribute("href")
        first[query] = re.sub(r"\.html|\?words=[^#]*", "", link)
        assert not re.search(r"qw", page.locator("#search-results").inner_text())
    wrong = {q: p for q, p in first.items() if not re.fullmatch(QUERIES[q], p)}
    assert wrong == {}
    for query, said in (("convoluton", "near"), ("qwertzu", "Nothing"), ("", "Type")):
        page.goto(f"{(site / 'search.html').as_uri()}?q={quote(query)}")
        assert said in page.locator("#search-said").inner_text()
    page.goto((site / f"{PAGES[0]}.html").as_uri())
    page.locator(".find input").fill("padding")
    page.keyboard.press("Enter")
    page.locator("#search-results a").first.click()
    page.wait_for_url("**/chapters/**")
    assert page.evaluate("CSS.highlights.get('found').size") > 0
    assert visit.foreign == visit.errors == []
    context.close()


# ------------------------------------------------------------ on paper


@pytest.fixture(scope="module")
def printed(browser, site, tmp_path_factory):
    """A chapter and its exercises as a book: its source, the PDF, its text."""
    book = pdf.Book(site, [CHAPTERS[-2], EXERCISES[-2]])
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    pdf.write(book, path, browser)
    reader = PdfReader(path)
    texts = [page.extract_text().replace("\u02bc", "’") for page in reader.pages]
    return book, reader, texts


def outline(reader, lines):
    """(title, page number) of each line, from above to below."""
    for line in lines:
        if isinstance(line, list):
            yield from outline(reader, line)
        else:
            yield line.title, reader.get_destination_page_number(line) + 1


def test_book_is_printed(printed):
    _, reader, texts = printed
    assert 15 < len(reader.pages) < 45
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata.title == "From the Perceptron to ResNet"
    text = "\n".join(texts)
    for control in ("Show the", "Hide the", "Skip to", "Copied", "Press Open in"):
        assert control not in text
    for words in ("Hints and solution: page", "A hint", "Why", "Figure 12.1"):
        assert words in text


def test_contents_of_the_printed_book_are_right(printed):
    book, reader, pages = printed
    lines = list(outline(reader, reader.outline))
    assert [title for title, _ in lines] == [
        pdf.plain(entry.words) for entry in book.entries if entry.level
    ]
    for title, number in lines:
        assert letters(title) in letters(pages[number - 1])
    listed = [int(n) for n in re.findall(r"(\d+)$", pages[1], flags=re.M)]
    assert [number for number in listed if number > 2] == [n for _, n in lines]
    see = re.search(r"Hints and solution: page (\d+)", "".join(pages))
    assert "A hint" in pages[int(see[1]) - 1]


def test_links_of_the_printed_book_stay_in_it(printed):
    book, reader, _ = printed
    places = reader.named_destinations
    inside = 0
    for page in reader.pages:
        for note in page.get("/Annots", []):
            note = note.get_object()
            if action := note.get("/A"):
                assert action["/URI"].startswith("https://"), action["/URI"]
            else:
                assert note["/Dest"] in places
                inside += 1
    assert inside > len(book.entries)


def test_figures_of_the_printed_book_have_words(printed):
    book, reader, _ = printed
    images = BeautifulSoup("".join(book.bodies), "html.parser").select("img")
    words = {" ".join(image["alt"].split()) for image in images}
    kept = set()
    for number in reader.xref[0] if reader.xref else []:
        value = reader.get_object(number)
        if isinstance(value, dict) and "/Alt" in value:
            kept.add(" ".join(value["/Alt"].split()))
    assert len(words) > 3
    assert words <= kept


# ------------------------------------------------------------ in a folder


def test_a_zip_that_was_cut_short_is_no_zip(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    for name in ("a.html", "index.html"):
        (site / name).write_text(name)

    def stop(path):
        if path.name == "index.html":
            raise KeyboardInterrupt
        return path.read_text().encode()

    monkeypatch.setattr(Path, "read_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        pack.pack(site, tmp_path / "site.zip")
    assert not (tmp_path / "site.zip").exists()


def test_site_opens_from_a_zip(browser, site, tmp_path):
    """With the network off: formulas, explorers, and what the search finds."""
    files = [tmp_path / name for name in ("one.zip", "two.zip")]
    for file in files:
        pack.pack(site, file)
        os.utime(site / "index.html")
    inside = [zipfile.ZipFile(file).infolist() for file in files]
    assert [x.CRC for x in inside[0]] == [x.CRC for x in inside[1]]
    assert {x.date_time for x in inside[0] + inside[1]} == {pack.EPOCH}
    assert [x.filename for x in inside[0]] == sorted(x.filename for x in inside[0])
    with zipfile.ZipFile(files[0]) as archive:
        archive.extractall(tmp_path)
    context = browser.new_context(**WIDE)
    visit = Visit()
    watch(context, tmp_path.as_uri(), visit)
    context.set_offline(True)
    page = context.new_page()
    page.goto((tmp_path / "one/index.html").as_uri())
    page.locator(".find input").fill("padding")
    page.keyboard.press("Enter")
    page.locator("#search-results a[href*='/04']").first.click()
    page.wait_for_url("**/chapters/**")
    page.locator(".explorer").first.scroll_into_view_if_needed()
    page.locator(".explorer[data-state=live]").first.wait_for()
    assert page.evaluate("document.fonts.check('12px KaTeX_Main')")
    image = page.locator("main img.light-only:visible").last
    # What stands above it may still grow, and push it away before it is fetched.
    shown = "image.complete && image.naturalWidth > 0"
    page.wait_for_function(
        f"(image) => (image.scrollIntoView(), {shown})", arg=image.element_handle()
    )
    assert visit.foreign == visit.errors == []
    context.close()


# ------------------------------------------------------------ code on the pages


def code_blocks():
    """The Python code of the pages; what runs in a shell is not tried."""
    for name in PAGES:
        path = HOME if name == "index" else ROOT / f"{name}.md"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            for match in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
                line = text[: match.start()].count("\n") + 2
                yield pytest.param(match[1], id=f"{name}:{line}")


@pytest.mark.parametrize("code", list(code_blocks()))
def test_code_on_the_pages_runs(code, monkeypatch):
    monkeypatch.setenv("BOOK_REPOSITORY", "")  # put back what a block may set
    exec(compile(code, "page", "exec"), {})
