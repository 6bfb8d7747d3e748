"""What the site is made of: formulas, figures, explorers' states, fetched packages."""

import dataclasses
import hashlib
import io
import json
import math
import re
import subprocess
import tarfile
import types
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from docutils import nodes
from sphinx.application import Sphinx

from book.site import (
    changes,
    extension,
    figures,
    formulas,
    notebooks,
    notes,
    search,
    start,
)
from book.tools import browser, layout, vendor
from utils import explorers, plotting


@pytest.fixture
def drawing():
    with plt.rc_context():  # the style is gone when the next test begins
        plotting.use_style()
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, 1], [0, 1])
        ax.imshow([[0, 1], [1, 0]])
        svg = plotting.to_svg(fig, 'A line, "so" & <so>.')
    plt.close(fig)
    return svg


# ------------------------------------------------------------ formulas


def test_formula_has_picture_and_mathml():
    html = formulas.PAINTER.draw(r"\frac{1}{2} \tag{1.3}", display=True)
    assert "<math" in html
    assert "katex-html" in html
    assert "1.3" in html
    assert "<script" not in html


def test_formula_of_one_letter_is_one_letter():
    html = formulas.PAINTER.draw("x", display=False)
    assert html == '<span class="katex mathnormal">x</span>'
    assert "<math" in formulas.PAINTER.draw("x_1", display=False)


# Each has something that is drawn with fewer elements than KaTeX's own.
STACKED = [
    r"x_i^{(l+1)} = \sum_{j=1}^n w_{ij}\,x_j + b, \quad \frac{\partial E}{\partial w}",
    r"k \le \left(\frac{R}{\gamma}\right)^{\!2} . \tag{1.6}",
    r"\sqrt{\frac{1}{n_2}} \; \hat y^\top \begin{pmatrix} 1 & a_1 \\ 0 \end{pmatrix}",
    r"\text{rows} \times \mathbf{x} \to \,+\, e^{-x^2/2\sigma_k} \bmod 3",
    r"\max_k a_k = \begin{cases} 1 & \text{if } z > 0 \\ 0 \end{cases}",
]
# Where each sign of a formula stands: [sign, left, top], in CSS pixels.
SIGNS = """() => [...document.querySelectorAll("p")].map((box) => {
  const { left, top, height } = box.getBoundingClientRect(), found = [["", 0, height]];
  const walker = document.createTreeWalker(
    box.querySelector(".katex-html"), NodeFilter.SHOW_TEXT);
  const range = new Range();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (let k = 0; k < node.data.length; k += 1) {
      if (/[\\s\u200b]/.test(node.data[k])) continue;
      range.setStart(node, k);
      range.setEnd(node, k + 1);
      const place = range.getBoundingClientRect();
      found.push([node.data[k], place.left - left, place.top - top]);
    }
  }
  return found.sort();
})"""


@pytest.mark.slow
def test_every_sign_stands_where_katex_puts_it(browser, tmp_path):
    katex = vendor.fetch(vendor.KATEX) / "dist"
    css = Path(formulas.__file__).parent / "theme/static/book/site.css"
    script = (
        "const k = require(process.argv[1]); console.log(JSON.stringify(JSON.parse("
    )
    script += (
        "process.argv[2]).map((t) => k.renderToString(t, { displayMode: true }))))"
    )
    command = [vendor.node(), "-e", script, katex / "katex.min.js", json.dumps(STACKED)]
    theirs = json.loads(subprocess.check_output(list(map(str, command))))
    ours = [formulas.PAINTER.draw(tex, display=True) for tex in STACKED]
    context = browser.new_context(viewport={"width": 900, "height": 600})
    page = context.new_page()
    found = []
    for drawn in (theirs, ours):
        sheets = [
            f'<link rel="stylesheet" href="{file.as_uri()}">'
            for file in (katex / "katex.min.css", css)
        ]
        body = "<style>* { content-visibility: visible !important }</style>"
        body += "".join(f'<p class="math-box">{html}</p>' for html in drawn)
        file = tmp_path / "formulas.html"
        file.write_text("<!DOCTYPE html>" + "".join(sheets) + body, encoding="utf-8")
        page.goto(file.as_uri())
        page.evaluate(SIGNS)  # only what is laid out asks for its fonts
        page.evaluate("document.fonts.ready.then(() => true)")
        found.append(page.evaluate(SIGNS))
    context.close()
    for tex, one, two in zip(STACKED, *found, strict=True):
        assert [sign[0] for sign in one] == [sign[0] for sign in two], tex
        for here, there in zip(one, two, strict=True):
            assert here[1:] == pytest.approx(there[1:], abs=0.6), (tex, here)
    assert sum(html.count("<") for html in ours) < 0.6 * "".join(theirs).count("<")


@pytest.mark.parametrize("tex", [r"\frac{1}{", r"\nosuchthing", r"a_b_c"])
def test_wrong_formula_is_an_error(tex):
    with pytest.raises(ValueError, match="KaTeX|LaTeX"):
        formulas.PAINTER.draw(tex, display=True)
    assert formulas.PAINTER.draw("a", display=False), "it goes on after an error"


@pytest.mark.parametrize(
    ("tex", "parts", "number"),
    [
        ("a = b, \\qquad\\qquad c = d. \\tag{2.3}", ["a = b,", "c = d."], "2.3"),
        (r"{a \qquad b} \left( c \qquad d \right)", [], ""),
        (r"\begin{pmatrix} a \qquad b \end{pmatrix} \tag{1}", [], "1"),
        (r"a \\ b \qquad \text{or} \qquad c", [r"a \\ b", r"\text{or}", "c"], ""),
    ],
)
def test_a_display_has_statements(tex, parts, number):
    found, tag = formulas.statements(tex)
    assert (found if parts else found[1:]) == parts
    assert tag == number


def test_what_stands_at_a_formula_stays_with_it():
    words = nodes.paragraph("", "", nodes.Text("a, b (("), nodes.math("", "x_1"))
    words += [
        nodes.Text("), 5"),
        nodes.math("", "x"),
        nodes.Text(", "),
        nodes.Text("."),
    ]
    document = nodes.document(None, None, "", words)
    formulas.keep_together(None, document, "")
    assert words.astext() == "a, b ((x_1), 5x, ."
    (whole,) = document.findall(nodes.inline)
    assert whole["classes"] == ["whole"]
    assert whole.astext() == "((x_1),"


def test_a_number_keeps_its_per_cent():
    code = nodes.literal("", "5 % 3")
    words = nodes.paragraph("", "", nodes.Text("of % 5 % and"), code)
    words += [nodes.math("", "7"), nodes.Text(" %")]
    extension.keep_per_cent(None, nodes.document(None, None, "", words), "")
    assert words.astext() == "of % 5\u00a0% and5 % 37\u00a0%"


# ------------------------------------------------------------ code


def test_an_option_in_code_is_one_word():
    code = '<code class="docutils literal notranslate">{}</code>'
    drawn = extension.plain_code(code.format("python -m a --no-b c-d"))
    assert drawn == code.format(
        'python <span class="whole">-m</span> a <span class="whole">--no-b</span> c-d'
    )


def test_lists_of_numbers_stay_on_one_line():
    entries = [
        nodes.entry("", nodes.paragraph("", x)) for x in ("2, 1,000", "2 a", "2")
    ]
    rows = nodes.tbody("", nodes.row("", *entries))
    table = nodes.table("", nodes.tgroup("", rows))
    extension.box_tables(None, nodes.document(None, None, "", table), "")
    assert [entry["classes"] for entry in entries] == [["numbers"], [], []]


def test_code_has_no_more_elements_than_colours():
    words = [("n", "a"), ("sa", "f"), ("s2", "&quot;x"), ("si", "{"), ("n", "b")]
    words += [("si", "}"), ("ow", " in")]
    code = "".join(f'<span class="{kind}">{text}</span>' for kind, text in words)
    box = '<div class="highlight-python notranslate"><div class="highlight"><pre>'
    assert extension.plain_code(f"{box}<span></span>{code}</pre></div>\n</div>") == (
        '<div class="highlight-python notranslate highlight"><pre style="--lines:1">'
        'a<span class="sa">f&quot;x{</span>b<span class="si">}</span>'
        '<span class="ow"> in</span></pre></div>'
    )


# ------------------------------------------------------------ figures


def test_small_figure_is_inlined(drawing, monkeypatch):
    monkeypatch.setattr(figures, "MOST_INLINE", 1000)
    files = {}
    html = figures.figure(drawing, 'A line, "so".', "f1-", files, "files")
    assert files == {}
    assert 'aria-label="A line, &quot;so&quot;."' in html
    assert "<title>" not in html
    assert "<style" not in html
    assert "var(--ink)" in html
    assert "var(--paper)" in html
    assert 'id="f1-' in html
    assert html.count('id="') == html.count('id="f1-')
    for reference in ("href", "url("):
        assert f"{reference}#" not in html.replace(f"{reference}#f1-", "")


def test_big_figure_becomes_two_files(drawing, monkeypatch):
    monkeypatch.setattr(figures, "MOST_INLINE", 10)
    files = {}
    html = figures.figure(drawing, "A line.", "f1-", files, "../files")
    assert html.count("<img") == len(files) == 2
    light, dark = files.values()
    assert "#14181e" in dark
    assert "#14181e" not in light
    assert "var(" not in light + dark
    assert all(f'src="../files/{name}"' in html for name in files)


def test_coloured_words_are_lighter_on_a_dark_page(drawing, monkeypatch):
    """What they name keeps its colour."""
    blue, files = plotting.COLORS["blue"], {}
    word = f'<g style="fill: {blue}" transform="translate(1 2) scale(0.1 -0.1)"/>'
    monkeypatch.setattr(figures, "MOST_INLINE", 10)
    figures.figure(drawing.replace("<defs", f"{word}<defs", 1), "A", "f", files, "")
    light, dark = files.values()
    assert f'"fill: {blue}"' in light
    assert f'"fill: {blue}"' not in dark
    assert f"stroke: {blue}" in dark
    assert '"fill: #4aa8e8"' in dark


def test_a_figure_is_as_wide_as_its_labels_ask_for(drawing):
    label = '<g transform="scale(0.05 -0.05)">'  # 5 points high
    html = figures.figure(drawing.replace("<g", label + "</g><g", 1), "A", "f", {}, "")
    least = re.search(r"--least:(\d+)px", html)
    assert int(least[1]) == math.ceil(figures.SMALLEST * 216 / 5)
    plain = figures.figure(drawing, "A", "f", {}, "")
    assert "--least" not in plain
    assert '<div class="figure-box">' in plain, "it has no box to scroll in"


def test_a_caption_has_number_and_title():
    html = figures.framed("<img>", ("4.3", "A <b> & c"))
    assert 'id="figure-4-3"' in html
    assert "<b>Figure 4.3</b> A &lt;b&gt; &amp; c</figcaption>" in html


def test_words_of_a_figure(drawing):
    assert figures.words(drawing) == 'A line, "so" & <so>.'
    assert figures.words(drawing, {"image/svg+xml": {"alt": "Other."}}) == "Other."
    assert figures.words("<svg></svg>", None, "Plain.") == "Plain."


def test_coordinates_are_rounded_and_the_rest_is_not():
    path = '<path d="M 1.23456 -7.000001&#10;L 2 3" transform="scale(0.015625)"/>'
    svg = f"<svg>{path}</svg>"
    assert 'd="M 1.23 -7' in figures.slim(svg)
    assert "0.015625" in figures.slim(svg)


@pytest.mark.parametrize("changed", [True, False])
def test_only_a_build_that_wrote_pages_removes_files(tmp_path, changed):
    """A build with nothing new does not know what the start page drew for itself."""
    folder = tmp_path / extension.FIGURES
    folder.mkdir(parents=True)
    (folder / "card.svg").touch()
    app = types.SimpleNamespace(outdir=tmp_path, doctreedir=tmp_path, _warncount=0)
    app.builder = types.SimpleNamespace(format="html")
    app.env = types.SimpleNamespace(
        book_files={"a": {"new.svg": "<svg/>"}}, book_changed=changed
    )
    extension.write_files(app, None)
    left = {file.name for file in folder.iterdir()}
    assert left == ({"new.svg"} if changed else {"new.svg", "card.svg"})


# ------------------------------------------------------------ explorers


@pytest.fixture
def prepared(monkeypatch, tmp_path):
    """A function: the HTML of two outputs that show a made-up explorer's `state`."""
    monkeypatch.setattr(explorers, "FOLDER", tmp_path)
    monkeypatch.setattr(
        notebooks, "heights", lambda: {"made_up.MadeUp": [[300, 500], [400, 450]]}
    )

    def prepare(esm="export default {}", css=".a{}"):
        (tmp_path / "made_up.js").write_text(esm)
        (tmp_path / "made_up.css").write_text(css)
        bundle = {
            notebooks.SAVED: {"explorer": "made_up.MadeUp", "state": {"value": 3}},
            "image/svg+xml": '<svg viewBox="0 0 2 1"><title>Still.</title></svg>',
            "text/plain": "A sentence.",
        }
        cell = {"cell_type": "code", "source": "x", "metadata": {}}
        cells = [cell | {"outputs": [{"data": dict(bundle)}]} for _ in range(2)]
        text, _ = notebooks.prepare(json.dumps({"cells": cells}), "files")
        cells = json.loads(text)["cells"]
        return [cell["outputs"][0]["data"]["text/html"] for cell in cells]

    return prepare


def test_explorer_brings_still_sentence_and_state(prepared):
    first, second = prepared()
    assert 'aria-label="Still."' in first
    assert '<p class="explorer-sentence">A sentence.<noscript> Playing' in first
    assert '"state":{"value":3}' in first
    assert 'style="--live:calc(500px + -0.5*clamp(0px,100cqw - 300px,100px))"' in first
    assert "export default" in first
    assert "export default" not in second, "the module is on the page once"


def test_code_cannot_end_its_own_element(prepared):
    first, _ = prepared("const a = '</script><b>'; export default {}")
    assert "</script><b>" not in first
    assert "\\u003c/script>" in first


# ------------------------------------------------------------ folded code


def test_a_fold_says_what_it_hides():
    source = "# @title Draw the loss\nfig = draw(x)"
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": ["hide-input"]}}
    notebooks.label_fold(cell)
    assert cell["source"] == "fig = draw(x)"
    said = cell["metadata"]["mystnb"]
    assert said["code_prompt_show"] == "Show the code: draw the loss"
    shown = {"cell_type": "code", "metadata": {}}
    shown["source"] = "notebook.source(\n    training.fit, predict,\n)"
    notebooks.label_fold(shown)
    said = shown["metadata"]["mystnb"]
    assert said["code_prompt_hide"] == "Hide the code of fit, predict"
    for source in ("x = 1", "# a @title"):
        plain = {"cell_type": "code", "source": source, "metadata": {}}
        notebooks.label_fold(plain)
        assert plain == {"cell_type": "code", "source": source, "metadata": {}}


# ------------------------------------------------------------ what stops a build


def notebook_of(*cells) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}})


TITLE = {"id": "title", "cell_type": "markdown", "metadata": {}, "source": "# 4 A"}
DRAWN = {"data": {"image/svg+xml": '<svg viewBox="0 0 2 1"></svg>', "text/plain": ""}}
CELL = {"id": "draw", "cell_type": "code", "source": "x"}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([TITLE, CELL | {"metadata": {"tags": ["hide"]}}], r"cell draw: .*\['hide'\]"),
        (
            [TITLE, CELL | {"metadata": {}, "outputs": [DRAWN]}],
            "cell draw: a figure without alternative text",
        ),
        ([TITLE | {"source": "# A"}], "figures have no number"),
    ],
)
def test_wrong_notebook_stops_the_build(cells, said):
    with pytest.raises(ValueError, match=said):
        notebooks.prepare(notebook_of(*cells), "files", numbered=True)


# Each line is wrong, and the words that the build must find for it.
FAULTS = {
    "[x](02-nowhere.ipynb)": "02-nowhere.ipynb",
    "[x](#nowhere)": "nowhere",
    "![x y z](gone.png)": "gone.png",
    "[x](../book/glossary.md#term-gone)": "term-gone",
    "As section 9.9 says.": "no section 9.9",
    "As figure 4.7 shows.": "no figure 4.7",
    'A <a href="x.html">link</a>.': "x.html is a link in HTML",
}
GLOSSARY = """# Glossary

## 4 A

| English | 中文 | Meaning |
| --- | --- | --- |
| bias | 偏置 | what is added |
"""


def test_faults_stop_the_build_and_are_named(tmp_path):
    """Links, pictures, terms, sections and figures that are not there."""
    sources = {
        "index.md": "# Book\n\n```{toctree}\n:glob:\n\nchapters/*\nbook/*\n```\n",
        "book/glossary.md": GLOSSARY,
        "chapters/04-a.md": "# 4 A\n\n## 4.1 B\n\nA bias, of section 4.1.\n\n"
        + "\n\n".join(FAULTS),
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = {
        "extensions": ["myst_nb", "book.site.extension"],
        "html_theme": "book",
        "myst_heading_anchors": 3,
    }
    warned = io.StringIO()
    places = [tmp_path, None, tmp_path / "out", tmp_path / "trees", "dummy"]
    app = Sphinx(
        *map(str, filter(None, places[:1])),
        None,
        *map(str, places[2:]),
        confoverrides=settings,
        status=None,
        warning=warned,
    )
    app.build()
    said = [x for x in warned.getvalue().splitlines() if "WARNING" in x]
    lines = sources["chapters/04-a.md"].splitlines()
    for fault, words in FAULTS.items():
        place = f"04-a.md:{lines.index(fault) + 1}"
        assert any(words in x and place in x for x in said), (fault, said)
    assert len(said) == len(FAULTS)


# ------------------------------------------------------------ search


def test_search_knows_terms_and_says_where_a_formula_was():
    body = [nodes.strong("", "a term"), nodes.Text(" is "), nodes.math("", r"\eta x")]
    body += [nodes.Text(", or "), nodes.math("", r"\frac{1}{2}"), nodes.Text(".")]
    page = nodes.section("", nodes.title("", "A"), nodes.paragraph("", "", *body))
    page["ids"] = ["a"]
    found = search.sections(nodes.document(None, None, "", page), "page", "Book")
    assert found == [["page", "", "Book", "A", "a term is η x, or ….", "a term"]]


# ------------------------------------------------------------ terms, cards, changes


def test_a_row_of_the_glossary_says_its_names():
    assert notes.forms("multilayer perceptron (MLP)") == (
        "multilayer perceptron",
        "MLP",
    )
    assert notes.forms("kernel, filter") == ("kernel", "filter")
    assert notes.forms("initialisation (Glorot, He)") == ("initialisation",)
    assert notes.forms("squeeze and excitation") == ("squeeze and excitation",)
    assert notes.forms("error term δ") == ("error term",)
    wide = notes.forms("narrow, wide and same convolution")
    assert wide == ("narrow convolution", "wide convolution", "same convolution")


def test_terms_are_found_and_other_words_are_not():
    names = [
        (1, "margin"),
        (3, "kernel, filter"),
        (3, "convolution"),
        (7, "over-fitting"),
    ]
    names += [(2, "rectified linear unit (ReLU)"), (4, "two-dimensional convolution")]
    names += [(4, "grouped convolution"), (8, "grouped convolution")]
    rows = [notes.Term(f"{n}-{name}", n, notes.forms(name)) for n, name in names]
    finder = notes.Finder(rows)

    def found(text, chapter, apart=False):
        mentions = finder.mentions(text, chapter, apart)
        return [(text[start:stop], term.chapter) for start, stop, term in mentions]

    assert found("Kernels, a ReLU; overfitting", 8) == [
        ("Kernels", 3),
        ("ReLU", 2),
        ("overfitting", 7),
    ]
    assert found("grouped\nconvolutions", 8) == [("grouped\nconvolutions", 8)]
    assert found("grouped convolutions", 9) == [("grouped convolutions", 4)]
    assert found("kernel methods, relu, deconvolution, kernel-wise", 1) == []
    assert found("in the margin", 1) == []
    assert found("margin", 1, apart=True) == [("margin", 1)]
    assert found("margin", 2, apart=True) == []


def test_words_with_other_meanings_are_in_the_glossary():
    text = (layout.ROOT / "book/glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([^|]+) \| [^|]*[\u4e00-\u9fff]", text)
    named = {notes.plain(name) for row in rows for name in notes.forms(row)}
    named |= {name.removesuffix("s") for name in named}
    assert notes.ORDINARY <= named


@pytest.mark.parametrize(
    ("text", "minutes", "needed"),
    [
        (
            "**You need** chapter 5, and chapters 2 and 3 (a). More in chapter 9.\n\n"
            "**Time** about 10 minutes.",
            10,
            [2, 3, 5],
        ),
        (
            "**You need** [chapter 6](06-a.ipynb)\n(A).\n\n**Time** half an hour.",
            30,
            [6],
        ),
        (
            "**You need** chapters 2 (a), 4 (1×1, b), 7 and 8 (c).\n\n"
            "**Time** 5 minutes.",
            5,
            [2, 4, 7, 8],
        ),
        ("**You need** Python.\n\n**Time** a good 25 minutes to read.", 25, []),
        ("**You need** a cat.\n\n**Time** a good half hour to read.", 30, []),
    ],
)
def test_a_card_says_time_and_needs(text, minutes, needed):
    assert start.minutes(text) == minutes
    assert start.needed(text) == needed


def test_a_card_without_time_is_an_error():
    with pytest.raises(ValueError, match=r"\*\*Time\*\*"):
        start.minutes("**Time** is short.")


def test_a_picture_for_a_card_has_no_words(drawing):
    small = start.without_small_print(drawing)
    assert "text_" in drawing
    assert "text_" not in small
    assert "xlink:href" in small
    assert small.count("<image") == drawing.count("<image") == 1
    cell = {"id": "a", "outputs": [{"data": {"image/svg+xml": drawing}}]}
    cells = [{"id": "b"}, cell]
    assert start.picture({"metadata": {}, "cells": cells}) == drawing
    with pytest.raises(ValueError, match="no figure for the card: b"):
        start.picture({"metadata": {"book": {"picture": "b"}}, "cells": cells})


def test_a_change_has_a_date():
    title = nodes.section("", nodes.title("", "Soon"), ids=["soon"])
    page = nodes.section("", nodes.title("", "Changes"), title)
    doctree = nodes.document(None, None)
    doctree.append(page)
    with pytest.raises(ValueError, match="got 'Soon'"):
        changes.entries(doctree)
    title[0] = nodes.title("", "2026-11-28: the b & c")
    assert changes.entries(doctree) == [("2026-11-28", "The b & c", "soon", [])]
    feed = changes.atom(
        "A", "B", "https://x/", [("2026-11-28", "b & c", "https://x/#a", "<p>")]
    )
    assert ElementTree.fromstring(feed.encode())[-1][0].text == "b & c"


# ------------------------------------------------------------ fetched packages


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(vendor, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def package_of(content: bytes, path="package/dist/a.js"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def registry(monkeypatch):
    """Stands in for npm: `registry(bytes)` is what the next download brings."""
    calls = []

    def serve(archive, code=0):
        def npm(*arguments, cwd):
            calls.append(arguments)
            if archive is not None:
                (cwd / "a.tgz").write_bytes(archive)
            return vendor.subprocess.CompletedProcess(arguments, code, "", "npm error")

        monkeypatch.setattr(vendor, "npm", npm)
        digest = vendor.base64.b64encode(hashlib.sha512(archive or b"").digest())
        return vendor.Package("a", "1.0", f"sha512-{digest.decode()}", ("dist/",))

    serve.calls = calls
    return serve


def test_package_is_fetched_once(cache, registry):
    package = registry(package_of(b"1"))
    assert (vendor.fetch(package) / "dist" / "a.js").read_bytes() == b"1"
    vendor.fetch(package)
    assert len(registry.calls) == 1


def test_other_file_is_refused(cache, registry):
    package = registry(package_of(b"1"))
    registry(package_of(b"2"))
    with pytest.raises(vendor.VendorError, match="not the file that was pinned"):
        vendor.fetch(package)
    assert list(cache.iterdir()) == []


def test_no_network_says_what_to_do(cache, registry):
    package = registry(None, code=1)
    with pytest.raises(vendor.VendorError, match="npm_config_registry") as error:
        vendor.fetch(package)
    assert "npm error" in str(error.value)
    assert list(cache.iterdir()) == []


def test_interrupted_download_leaves_nothing(cache, registry):
    package = registry(package_of(b"1"))

    def interrupt(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vendor.fetch(package, interrupt)
    assert list(cache.iterdir()) == []
    assert vendor.fetch(package).is_dir()


def test_path_out_of_the_folder_is_refused(cache, registry):
    package = registry(package_of(b"1", "package/dist/../../../x"))
    with pytest.raises(vendor.VendorError, match="unsafe path"):
        vendor.fetch(dataclasses.replace(package, keep=("",)))


# ------------------------------------------------------------ browsers


def test_named_browser_must_start(monkeypatch, tmp_path):
    monkeypatch.setenv("BOOK_CHROMIUM", str(tmp_path / "nothing"))
    with pytest.raises(browser.BrowserError, match="BOOK_CHROMIUM"):
        browser.find_chromium()


def test_no_browser_says_what_to_do(monkeypatch):
    def no_network():
        raise vendor.VendorError("no network")

    monkeypatch.delenv("BOOK_CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "NAMES", ())
    monkeypatch.setattr(browser, "of_playwright", list)
    monkeypatch.setattr(browser, "of_npm", no_network)
    monkeypatch.setattr(browser.sys, "executable", "false")
    with pytest.raises(browser.BrowserError, match="BOOK_CHROMIUM=") as error:
        browser.find_chromium()
    assert "apt install chromium" in str(error.value)
