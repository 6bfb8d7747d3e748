"""A machine like Google's Colab: an empty folder, with the course one clone away.

Colab is stood in for by a module google.colab that is there before the first cell, the
repository by one whose only commit is this working tree, and pip by a stub that writes
down what it was asked for.
"""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from book.tools import layout

ROOT = layout.ROOT
COURSE = "perceptron-to-resnet"  # the folder that the set-up cell makes

# Read by every Python that starts with the stand-in on its path: Colab's module, and a
# finder that hides packages until the stub of pip "installs" them.
SITECUSTOMIZE = """\
import os, sys, types
from importlib.machinery import PathFinder

def module(name, **contents):
    sys.modules[name] = made = types.ModuleType(name)
    made.__dict__.update(contents, __path__=[])
    return made

if os.environ["ON_COLAB"]:
    widgets = module("google.colab.output._widgets", _installed_url=None)
    output = module("google.colab.output", _widgets=widgets)
    output.enable_custom_widget_manager = lambda: setattr(
        widgets, "_installed_url", "https://example.org/manager.js"
    )
    module("google", colab=module("google.colab", output=output))

class Partial(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in os.environ["HIDDEN"].split():
            return None
        return super().find_spec(name, path, target)

    @classmethod
    def invalidate_caches(cls):
        if os.environ["PIP_WORKS"] and os.path.exists(os.environ["PIP_LOG"]):
            os.environ["HIDDEN"] = ""
        super().invalidate_caches()

sys.meta_path[sys.meta_path.index(PathFinder)] = Partial
"""
PIP = """\
import json, os, sys
with open(os.environ["PIP_LOG"], "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""

# What a notebook must leave behind, asked in its own kernel or process.
AFTERWARDS = f"""\
import os, sys
from pathlib import Path

home = Path.cwd() / "{COURSE}"
used = Path(sys.modules["utils"].__file__)
assert used == home / "utils/__init__.py", f"the notebook used {{used}}"
assert [path.name for path in Path.cwd().glob("*.part")] == []
log = Path(os.environ["PIP_LOG"])
assert not log.exists(), f"the notebook asked pip for {{log.read_text()}}"
"""


def git(folder, *words, **variables) -> str:
    """What a git command prints; no setting of the user's or of a hook's touches it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *who, "-c", "commit.gpgsign=false", *words],
        cwd=folder,
        env=clean | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def repository() -> str:
    """Address of a repository whose only commit is this working tree as it is now."""
    folder = tempfile.TemporaryDirectory(prefix="repository-")
    repository.kept = folder  # until the process ends
    place = Path(folder.name) / "course.git"
    for command in (
        ["init", "--quiet"],
        ["-c", "core.compression=0", "add", "--all"],
        ["commit", "--quiet", "--message=All"],
        # Many clone it: a pack is ready to be sent.
        ["-c", "pack.compression=0", "-c", "pack.window=0", "repack", "-adFq"],
    ):
        git(ROOT, *command, GIT_DIR=str(place), GIT_WORK_TREE=str(ROOT))
    return place.as_uri()


def machine(folder: Path) -> dict[str, str]:
    """Make Colab's stand-in in `folder`: the environment of a process on it.

    Its empty folder is `folder / "content"`.
    """
    stand_in = folder / "stand-in"
    (stand_in / "pip").mkdir(parents=True)
    (stand_in / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (stand_in / "pip/__main__.py").write_text(PIP)
    (stand_in / "pip/__init__.py").touch()
    script = folder / "bin/pip"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pip "$@"\n')
    script.chmod(0o755)
    (folder / "content").mkdir()
    return os.environ | {
        "PYTHONPATH": str(stand_in),
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_LOG": str(folder / "pip.log"),
        "PIP_WORKS": "yes",
        "HIDDEN": "",
        "ON_COLAB": "yes",
        "BOOK_REPOSITORY": repository(),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
