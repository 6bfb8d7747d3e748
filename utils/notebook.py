"""What every notebook does first: the same figures everywhere, and Colab made ready."""

import importlib.util
import subprocess
import sys

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
    """Prepare the kernel for a notebook of the book; prints nothing when all is well.

    Sets the figure style. On Colab it also installs the small packages that are
    missing, without their dependencies, so that nothing that Colab ships is replaced.

    Raises:
        ModuleNotFoundError: a package is missing and cannot be installed.
    """
    plotting.use_style()
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
