"""The feedback page of a submission: one file that needs no network and runs nothing.

What a student wrote is rendered with nbconvert's parts and cleaned: no script, style,
form, frame or link of theirs survives, and no class or id, so that nothing in it can
look like the score. The score stands outside. nbconvert and bleach live in nbgrader's
environment: this module is imported there only.
"""

import base64
import html
import re

import bleach
import latex2mathml.converter
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from book.grading.marks import number
from book.tools.exercises import SOLUTION, cut, exercise_of, kind, titles

LONGEST = 20_000  # characters of a printed output
MOST = 30 * 2**20  # characters of a page
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'"
)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 52rem;
  padding: 1rem; color: #1b1b1b; background: #fff; }
table { border-collapse: collapse; } td, th { padding: .2rem .7rem; text-align: left; }
.score { border: 2px solid #1b1b1b; border-radius: .4rem; padding: .5rem 1rem; }
.score td:nth-child(n+2) { text-align: right; }
.own, pre, .code { overflow-x: auto; contain: content; }
.own { padding-left: 1rem; border-left: 3px solid #b9c4d0; }
.own h1, .own h2, .own h3 { font-size: 1.1em; }
.own table, .own td, .own th { border: 1px solid #bbb; }
.code { background: #f6f6f6; padding: .1rem .7rem; } .code pre { margin: .4rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
img { max-width: 100%; } .verdict { font-weight: 600; }
.yes { color: #14602b; } .no { color: #9d1c1c; } .wait { color: #6a4b00; }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #17191c; } .code { background: #f6f6f6;
  color: #1b1b1b; } .yes { color: #7fd89b; } .no { color: #ff9d9d; }
  .wait { color: #ffd27a; } .score { border-color: #e8e8e8; } img { background: #fff; }
}
"""
MATH = """math mrow mi mn mo ms mtext mspace msub msup msubsup mfrac msqrt mroot mover
munder munderover mtable mtr mtd mstyle mpadded mphantom menclose mmultiscripts
mprescripts none semantics""".split()
TAGS = (
    MATH
    + """a abbr b blockquote br caption code col colgroup dd del details div dl dt
em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q s samp small span strong sub summary
sup table tbody td tfoot th thead tr u ul var""".split()
)
MATH_ATTRIBUTES = """display stretchy fence form lspace rspace width height depth
mathvariant columnalign columnspacing rowspacing linethickness scriptlevel displaystyle
accent accentunder minsize maxsize separator symmetric notation""".split()
PICTURE = re.compile(
    r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s%]+\Z"
)


class MathRenderer(IPythonRenderer):
    """Formulas as MathML, which browsers draw without any script."""

    def inline_math(self, body):
        return mathml(body, "inline")

    def block_math(self, body):
        return mathml(body, "block")

    def latex_environment(self, name, body):
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def mathml(formula: str, display: str) -> str:
    """TeX as MathML; as plain TeX where it cannot be translated."""
    # The translator knows align*, not its relatives for use inside a formula.
    formula = re.sub(r"(begin|end){(aligned|split|gathered)}", r"\1{align*}", formula)
    try:
        return latex2mathml.converter.convert(formula, display=display)
    except Exception:  # students' TeX breaks the translator in many ways
        return f"<code>{html.escape(formula)}</code>"


def allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay in what a student wrote."""
    if tag in MATH:
        return name in MATH_ATTRIBUTES
    if tag == "a":
        return name == "href" and bool(re.match(r"(https?|mailto):", value))
    if tag == "img":
        good = name == "src" and PICTURE.match(value)
        return bool(good) or name in ("alt", "width", "height")
    return tag in ("td", "th") and name in ("colspan", "rowspan")


def cleaned(text: str) -> str:
    """HTML without anything that runs, loads, moves or dresses up."""
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1\s*>|\Z)", "", text)
    protocols = {"http", "https", "mailto", "data"}
    return bleach.clean(text, TAGS, allowed, protocols=protocols, strip=True)


def markdown(source: str, attachments: dict | None = None) -> str:
    """A student's Markdown as clean HTML; as plain text where it cannot be rendered."""
    pictures = attachments or {}
    # A picture that was not pasted along would be an error: its name is shown.
    source = re.sub(
        r"!\[([^\]]*)\]\(attachment:([^)]*)\)",
        lambda m: m[0] if m[2] in pictures else f"*(the picture {m[2]} is missing)*",
        source,
    )
    try:
        renderer = MathRenderer(
            escape=False, exclude_anchor_links=True, attachments=pictures
        )
        return cleaned(MarkdownWithMath(renderer=renderer).render(source))
    except Exception:
        return f"<pre>{html.escape(source)}</pre>"


def code(source: str) -> str:
    if len(source) > 100_000:
        return f"<pre>{html.escape(source[:100_000])}\n…</pre>"
    return highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=False))


def text(value) -> str:
    value = "".join(map(str, value)) if isinstance(value, list) else str(value)
    return value if len(value) <= LONGEST else value[:LONGEST] + "\n… (cut)"


def output(one) -> str:
    """One output of a cell as HTML."""
    if one.output_type == "stream":
        return f"<pre>{ansi2html(text(one.get('text', '')))}</pre>"
    if one.output_type == "error":
        trace = one.get("traceback") or [f"{one.get('ename')}: {one.get('evalue')}"]
        return f"<pre>{ansi2html(text(chr(10).join(map(str, trace))))}</pre>"
    data = one.get("data", {})
    for mime in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        found = re.sub(r"\s", "", "".join(data.get(mime, "")))
        if re.fullmatch(r"[A-Za-z0-9+/=]+", found):
            return f'<img alt="output" src="data:{mime};base64,{found}">'
    if data.get("image/svg+xml"):
        found = "".join(data["image/svg+xml"]).encode("utf-8", "replace")
        found = base64.b64encode(found).decode()
        return f'<img alt="output" src="data:image/svg+xml;base64,{found}">'
    if data.get("text/html"):
        return f'<div class="own">{cleaned("".join(data["text/html"])[:500_000])}</div>'
    if data.get("text/markdown"):
        return f'<div class="own">{markdown(text(data["text/markdown"]))}</div>'
    plain = data.get("text/plain", data.get("text/latex", ""))
    return f"<pre>{html.escape(text(plain))}</pre>" if plain else ""


def model_answer(cell) -> str:
    """The answer and the criteria that the master has for a written cell."""
    source = cell.source
    return cut(source, SOLUTION)[1] if SOLUTION[0] in source else source


def headline(grades: dict) -> str:
    got = sum(grade["points"] for grade in grades.values())
    most = sum(grade["max"] for grade in grades.values())
    open_ = sum(grade["max"] for grade in grades.values() if grade["waiting"])
    if not open_:
        return f"{number(got)} of {number(most)} points"
    return (
        f"{number(got)} of {number(most - open_)} points so far; answers worth "
        f"{number(open_)} are still to be marked"
    )


def score_table(grades: dict, master) -> str:
    """The points by task, with the tasks' names."""
    names, tasks = titles(master), {}
    for name, grade in grades.items():
        tasks.setdefault(exercise_of(name), []).append(grade)
    rows = []
    for task, found in tasks.items():
        got, most = sum(g["points"] for g in found), sum(g["max"] for g in found)
        wait = sum(g["max"] for g in found if g["waiting"])
        rest = f"{number(wait)} to be marked" if wait else ""
        title = html.escape(names.get(task, task))
        rows.append(
            f'<tr><td><a href="#{task}">{title}</a></td><td>{number(got)}</td>'
            f'<td>of {number(most)}</td><td class="wait">{rest}</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def verdict(name: str, grade: dict, message: str) -> str:
    """The line under a graded cell, outside of what the student wrote."""
    worth = f"{number(grade['points'])} of {number(grade['max'])}"
    if grade["waiting"]:
        kind_, said = "wait", f"Still to be marked: {number(grade['max'])}."
    elif grade["points"] >= grade["max"]:
        kind_, said = "yes", f"Right: {worth}."
    else:
        kind_, said = "no", f"{worth}."
    told = f"{said} {html.escape(message)} <code>{name}</code>"
    parts = [f'<p class="verdict {kind_}">{told}</p>']
    if grade.get("comment"):
        parts.append(f"<p>{html.escape(grade['comment'])}</p>")
    return "".join(parts)


def page(notebook, master, run: dict, job: dict) -> str:
    """The page of one submission.

    `notebook` is as it was run; `run` has the tests' results; `job` has the student,
    the title, notes, grades ({cell: points, max, waiting, comment, note}), answers and
    whether hidden tests are shown.
    """
    theirs = {cell.id: cell for cell in master.cells}
    grades, tests = job["grades"], run.get("tests", {})
    body, size, seen = [], 0, set()
    for cell in notebook.cells:
        name, original = cell.id, theirs.get(cell.id)
        what = kind(original) if original is not None else "text"
        task = exercise_of(name) if original is not None else ""
        parts = []
        if name in ("setup", "check"):
            continue
        if task and task not in seen:
            seen.add(task)
            parts.append(f'<div id="{task}"></div>')
        if what == "written":
            own = job["answers"].get(name, "")
            shown = markdown(own, cell.get("attachments"))
            shown = shown if own else "<p><em>not answered</em></p>"
            parts.append(f'<div class="own">{shown}</div>')
        elif cell.cell_type == "code":
            source = cell.source
            if what == "test" and job["hidden"]:
                source = original.source
            parts.append(f'<div class="code">{code(source)}</div>')
            if what != "test":
                parts += [output(one) for one in cell.get("outputs", [])]
        elif original is not None and kind(original) != "solution":
            parts.append(markdown(cell.source))
        elif cell.cell_type == "markdown":
            shown = markdown(cell.source, cell.get("attachments"))
            parts.append(f'<div class="own">{shown}</div>')
        else:
            parts.append(f"<pre>{html.escape(cell.source)}</pre>")
        if name in grades:
            message = tests.get(name, {}).get("message", "") or ""
            failed = grades[name]["points"] < grades[name]["max"]
            message = message if failed else ""
            message = grades[name].get("note", "") or message
            parts.append(verdict(name, grades[name], message))
        if what == "written":
            model = markdown(model_answer(original))
            parts.append(
                "<details><summary>A model answer, and what counts</summary>"
                f"{model}</details>"
            )
        part = "\n".join(parts)
        size += len(part)
        if size > MOST:
            body.append("<p>… The rest of this notebook is too large to be shown.</p>")
            break
        body.append(part)
    top = (
        f'<div class="score"><p><strong>{headline(grades)}</strong></p>'
        f"{score_table(grades, master)}{listed(job['notes'])}</div>"
    )
    whole = frame(job["title"], top + "\n".join(body))
    return whole.encode("utf-8", "replace").decode("utf-8")


def listed(notes: list[str]) -> str:
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def frame(title: str, body: str) -> str:
    title = html.escape(title)
    colours = HtmlFormatter().get_style_defs(".highlight")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title><style>{STYLE}{colours}</style></head>\n"
        f"<body><h1>{title}</h1>\n{body}</body></html>\n"
    )
