"""Full-scale runs, recorded: each writes results/NAME.json, which the chapters draw.

    python -m utils.experiments                     lists the experiments
    python -m utils.experiments NAME                runs one, all variants and seeds
    python -m utils.experiments NAME --seeds 3 4 --only VARIANT --device cuda
    torchrun --standalone --nproc-per-node 2 -m utils.experiments NAME

The last shares every run out among two processes, each with a GPU of its own if there
are any: the same results, up to rounding. If a process dies, all end.

A run that was interrupted goes on where it stopped when the same command is given
again, and what is recorded already is not run again. Processes side by side may share
an experiment, if each has its own variants or seeds.
"""

import importlib
import pkgutil

from utils.experiments.recipes import Experiment, Recipe

__all__ = ["EXPERIMENTS", "Experiment", "Recipe"]

# Name -> experiment, of all modules in this folder: one a chapter, each with its own.
EXPERIMENTS: dict[str, Experiment] = {}
for _found in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    if _found not in ("__main__", "recipes", "runner"):
        EXPERIMENTS |= importlib.import_module(f"{__name__}.{_found}").EXPERIMENTS
