"""What every notebook does first: the same figures everywhere, and Colab made ready."""

import ast
import importlib.util
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

from utils import plotting

# Import name -> pip name. Only small packages without dependencies of their own that
# matter here; never torch, numpy, IPython or ipywidgets, which Colab ships and needs
# at exactly its own versions.
SMALL_PACKAGES = {
    "anywidget": "anywidget",
    "mlxtend": "mlxtend",
    "pooch": "pooch",
    "psygnal": "psygnal",
    "tqdm": "tqdm",
}


# Raised, here and in book/tools/setup_cell.txt, when a notebook begins to need what an
# older clone beside it would not have.
EDITION = 3


def on_colab() -> bool:
    """Whether this kernel runs on Google Colab."""
    return "google.colab" in sys.modules


def missing_packages() -> list[str]:
    """Pip names of the small packages that this kernel cannot import."""
    return [
        pip_name
        for name, pip_name in SMALL_PACKAGES.items()
        if importlib.util.find_spec(name) is None
    ]


def setup() -> None:
    """Prepare the kernel for a notebook of the book; quiet when all is well.

    Sets the figure style. Where the notebook lies outside the course whose code it
    uses, that is said. On Colab it also installs the small packages that are
    missing, without their dependencies, so that nothing that Colab ships is replaced.

    Raises:
        ModuleNotFoundError: a package is missing and cannot be installed.
    """
    plotting.use_style()
    course, here = Path(__file__).parents[1], Path.cwd()
    own = ("", "chapters", "exercises", "exercises/masters")
    if here not in [course / name for name in own]:
        print(f"This notebook uses the course in {course}")
    missing = missing_packages()
    if missing and on_colab():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, *missing], check=False)
        importlib.invalidate_caches()
        missing = missing_packages()
    if missing:
        raise ModuleNotFoundError(
            f"the notebook needs {', '.join(missing)}: run "
            f"'python -m pip install {' '.join(missing)}' and restart the kernel"
        )


class Source:
    """Code to look at, the last value of a cell; see `source`."""

    def __init__(self, pieces: list[str]):
        self.pieces = pieces

    def __repr__(self) -> str:
        return "\n\n\n".join(self.pieces)

    def _repr_markdown_(self) -> str:
        return "\n\n".join(f"```python\n{piece}\n```" for piece in self.pieces)


def source(*objects) -> Source:
    """The current code of functions and classes of `utils`, shown as an output.

    For what a reader wants to see and a chapter does not teach. Docstrings are left
    out; comments stay.
    """
    return Source([_code(thing) for thing in objects])


def _code(thing) -> str:
    """The source of a function or class, without its docstrings."""
    code = textwrap.dedent(inspect.getsource(thing)).rstrip()
    lines = code.split("\n")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and len(node.body) > 1:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                for k in range(first.lineno - 1, first.end_lineno):
                    lines[k] = None
                after = first.end_lineno  # the blank line that set the text apart
                if after < len(lines) and not lines[after].strip():
                    lines[after] = None
    return "\n".join(line for line in lines if line is not None)
