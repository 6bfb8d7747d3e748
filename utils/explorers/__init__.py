"""Explorers: figures that the reader can play with, with or without a kernel.

An explorer is one anywidget. Its picture and its arithmetic live in one ES module,
`NAME.js` beside this file, joined here with what it imports, which runs unchanged in
Jupyter, on Colab and, mounted by the website itself, on a static page. Where no script
runs (GitHub, print, a reader without JavaScript) a still picture and a sentence stand
in its place.
"""

import re
from pathlib import Path

import anywidget
from ipywidgets import DOMWidget

from utils import plotting

FOLDER = Path(__file__).parent
# What a notebook keeps of an explorer: which one, and in which state. Its code is not
# kept: the site takes that of the day when it is built.
SAVED = "application/vnd.book.explorer+json"


IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:function|const|class) (\w+))", re.MULTILINE)


def script(name: str) -> str:
    """An explorer's ES module as one text: all that it imports stands before it."""
    joined = {}

    def bound(text):
        for _, shared in IMPORT.findall(text):
            if shared not in joined:
                part = (FOLDER / f"{shared}.js").read_text(encoding="utf-8")
                names = ", ".join(EXPORT.findall(part))
                body = bound(EXPORT.sub("", part)) + f"return {{ {names} }};\n"
                joined[shared] = f"const from_{shared} = (() => {{\n{body}}})();\n"
        return IMPORT.sub(r"const {\1} = from_\2;\n", text)

    own = bound((FOLDER / f"{name}.js").read_text(encoding="utf-8"))
    return "\n".join([*joined.values(), own])


def style(name: str) -> str:
    """The shared style sheet and the explorer's own, if it has one."""
    files = [FOLDER / f"{part}.css" for part in ("common", name)]
    return "\n".join(f.read_text(encoding="utf-8") for f in files if f.exists())


class Explorer(anywidget.AnyWidget):
    """Base of all explorers.

    A subclass sets `name` (its files are `name.js` and, if it needs one, `name.css`),
    `title`, and `description`: one sentence that tells a reader who cannot run scripts
    what there is to see. Traits tagged `sync=True` are shared with the ES module.
    It implements `still`.
    """

    name = ""
    title = ""
    description = ""

    def __init_subclass__(cls, **kwargs):
        if not (cls.name and cls.title and cls.description):
            raise TypeError(f"{cls.__name__} must set name, title and description")
        if not (FOLDER / f"{cls.name}.js").exists():
            raise TypeError(f"{cls.__name__}: there is no {cls.name}.js in {FOLDER}")
        if "_esm" not in cls.__dict__:  # anywidget subclasses again, with traits
            cls._esm = script(cls.name)
            cls._css = style(cls.name)
        super().__init_subclass__(**kwargs)

    # ipywidgets 7, which Colab has, would show itself by this method and pass over the
    # bundle below, with its still picture.
    _ipython_display_ = None

    def still(self):
        """The Matplotlib figure that stands in where no script runs."""
        raise NotImplementedError

    def saved(self) -> dict:
        """What the site needs to show this explorer as it is, beside its code."""
        own = set(self.trait_names(sync=True)) - set(DOMWidget.class_trait_names())
        state = {name: getattr(self, name) for name in sorted(own)}
        state = {k: v for k, v in state.items() if not k.startswith("_")}
        kind = type(self)
        return {"explorer": f"{kind.__module__}.{kind.__qualname__}", "state": state}

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        end = "" if self.title.endswith("?") else "."
        text = f"{self.title}{end} {self.description}"
        with plotting.mpl.rc_context():
            plotting.use_style()
            figure = self.still()
            svg = plotting.to_svg(figure, text)
        plotting.plt.close(figure)
        data = {**data, SAVED: self.saved(), "image/svg+xml": svg, "text/plain": text}
        return data, {**metadata, "image/svg+xml": {"alt": text}}
