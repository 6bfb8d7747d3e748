"""Mentions become links: "section 4.3", "chapters 5 and 6", "figure 4.1", "(2.7)".

Notebooks say them in plain words, so that they read well in Jupyter, on GitHub and on
Colab; here each word is looked up, and one that leads nowhere stops the build.
"""

import re

from docutils import nodes
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
NUMBER = r"\d+(?:\.\d+)?"
# "chapters 5 (pooling) and 7"; words in brackets that mention a place are not skipped.
ASIDE = r" \((?![\d.]+[a-z]?\))(?:(?!section|chapter|figure)[^()])*\)"
NUMBERS = (
    rf"{NUMBER}(?:(?:{ASIDE})?(?:, | and |, and | or | to |–)"
    rf"{NUMBER}(?![\d.]*[\d%]))*"
)
# Not those of others: "section 4.2 of the paper", "section 5.1 of LeCun and others".
OTHERS = r"(?!\s*(?:of|in)\s+(?:the\s+)?(?:paper|book|first|second|[A-Z]))"
MENTION = re.compile(
    r"\b(?P<kind>[Ss]ections?|[Cc]hapters?|[Ff]igures?)[ \n]"
    rf"(?P<list>{NUMBERS}){OTHERS}"
)
EQUATION = re.compile(r"\((\d+\.\d+[a-z]?)\)")
TAG = re.compile(r"\\tag\{([^}]+)\}")
ONE_NUMBER = re.compile(rf"{ASIDE}|({NUMBER})")
QUIET = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.math)


def anchor(number: str) -> str:
    """The id of an equation."""
    return f"equation-{number.replace('.', '-')}"


def number_equations(app, doctree):
    """Give each formula with a number an id, and remember it, and the figures."""
    known = app.env.metadata[app.env.docname].setdefault("equations", [])
    app.env.metadata[app.env.docname]["figures"] = [
        f"{chapter}.{number}"
        for node in doctree.findall(nodes.raw)
        for chapter, number in re.findall(r'id="figure-(\d+)-(\d+)"', node.astext())
    ]
    for node in doctree.findall(nodes.math_block):
        for number in TAG.findall(node.astext()):
            if re.fullmatch(r"\d+\.\d+[a-z]?", number):
                node["ids"].append(anchor(number))
                known.append(number)


def places(env) -> dict[str, tuple[str, str]]:
    """(page, anchor) of each chapter, section, figure and equation: "section 4.3"."""
    found = {}
    for name in sorted(env.found_docs):
        if name.startswith("chapters/"):
            if number := re.match(r"\d+", env.titles[name].astext()):
                found[f"chapter {number[0]}"] = (name, "")
            for entry in env.tocs[name].findall(nodes.reference):
                if number := re.match(r"\d+\.\d+", entry.astext()):
                    found[f"section {number[0]}"] = (name, entry["anchorname"])
            for number in env.metadata[name].get("equations", []):
                found[f"equation {number}"] = (name, f"#{anchor(number)}")
            for number in env.metadata[name].get("figures", []):
                place = f"#figure-{number.replace('.', '-')}"
                found[f"figure {number}"] = (name, place)
    return found


def look_up(app, env):
    app.book_places = places(env)


def numbers(mention) -> list[re.Match]:
    """The numbers that a MENTION lists, without those in brackets behind them."""
    return [one for one in ONE_NUMBER.finditer(mention["list"]) if one[1]]


def link(app, docname: str, kind: str, number: str, words: str):
    """`words` as a link, or None if there is no such place."""
    place = app.book_places.get(f"{kind} {number}")
    if place is None:
        return None
    address = app.builder.get_relative_uri(docname, place[0])
    address = place[1] if place[0] == docname and place[1] else address + place[1]
    return nodes.reference(
        "",
        words,
        internal=True,
        refuri=address,
        classes=["mention"],
    )


def parts(app, docname: str, text: str, where):
    """The pieces of a text: strings, and links in the place of mentions."""
    end = 0
    for match in re.finditer(f"{MENTION.pattern}|{EQUATION.pattern}", text):
        if match["kind"] is None:
            made = link(app, docname, "equation", match[0][1:-1], match[0])
            if made is not None:
                yield from (text[end : match.start()], made)
                end = match.end()
            continue
        kind = match["kind"].lower().rstrip("s")
        for number in numbers(match):
            start, stop = (match.start("list") + k for k in number.span())
            if number.start() == 0:  # the first link begins with the word
                start = match.start()
            made = link(app, docname, kind, number[0], text[start:stop])
            if made is None and kind == "figure" and "." not in number[0]:
                continue  # "in figure 3" is a paper's
            if made is None:
                LOGGER.warning("there is no %s %s", kind, number[0], location=where)
                continue
            yield from (text[end:start], made)
            end = stop
    yield text[end:]


def link_mentions(app, doctree, docname):
    for text in list(doctree.findall(nodes.Text)):
        above = text.parent
        while above is not None and not isinstance(above, QUIET):
            above = above.parent
        if above is not None:
            continue
        pieces = [
            nodes.Text(piece) if isinstance(piece, str) else piece
            for piece in parts(app, docname, str(text), text.parent)
            if piece
        ]
        if len(pieces) > 1 or pieces and not isinstance(pieces[0], nodes.Text):
            text.parent.replace(text, pieces)


def setup(app):
    app.connect("doctree-read", number_equations)
    app.connect("env-check-consistency", look_up)
    app.connect("doctree-resolved", link_mentions)
