"""Environments are made once, mended when broken, and errors say what to do."""

import os
import subprocess
from pathlib import Path

import pytest

from book.tools import layout

FAKE_PYTHON = """\
#!/bin/sh
echo "$0 $@" >> "{log}"
case "$*" in
    *version_info*) echo {version} ;;
    *ensurepip*) exit {no_venv} ;;
    "-m venv "*)
        mkdir -p "$3/bin"
        touch "$3/pyvenv.cfg"
        cp "$0" "$3/bin/python" ;;
    *"pip install"*) exit $(cat "{folder}/pip_fails") ;;
esac
"""


class Machine:
    """A folder with made-up Pythons, in which environment.sh is run."""

    def __init__(self, folder: Path):
        self.folder, self.log = folder, folder / "log"
        self.log.touch()
        (folder / "bin").mkdir()
        (folder / "requirements.txt").write_text("a==1\n")
        self.network(True)

    def network(self, there: bool):
        (self.folder / "pip_fails").write_text("0" if there else "1")

    def python(self, name: str, version: str, no_venv: int = 0):
        path = self.folder / "bin" / name
        path.write_text(
            FAKE_PYTHON.format(
                log=self.log, folder=self.folder, version=version, no_venv=no_venv
            )
        )
        path.chmod(0o755)

    def run(self, **environment):
        """(exit status, everything printed, what was asked of the Pythons)."""
        self.log.write_text("")
        path = f"{self.folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
        script = layout.ROOT / "book/tools/environment.sh"
        done = subprocess.run(
            ["sh", str(script), ".venv", "requirements.txt", "--no-deps"],
            cwd=self.folder,
            env={"PATH": path, **environment},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr, self.log.read_text()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_environment_is_made_once(machine):
    machine.python("python3", "3.12")
    status, _, asked = machine.run()
    assert status == 0
    assert "pip install --disable-pip-version-check --quiet --no-deps -r req" in asked
    status, printed, asked = machine.run()
    assert (status, printed) == (0, "")
    assert "install" not in asked
    assert "venv .venv" not in asked


def test_environment_follows_its_requirements(machine):
    machine.python("python3", "3.12")
    machine.run()
    (machine.folder / "requirements.txt").write_text("a==2\n")
    status, printed, asked = machine.run()
    assert status == 0
    assert "up to date" in printed
    assert "pip install" in asked
    assert "-m venv" not in asked


def test_an_interrupted_environment_is_made_anew(machine):
    machine.python("python3", "3.12")
    machine.network(False)
    status, printed, _ = machine.run()
    assert status == 1
    assert "Check the network" in printed
    machine.network(True)
    (machine.folder / ".venv/half").touch()
    status, _, asked = machine.run()
    assert status == 0
    assert "-m venv .venv" in asked
    assert not (machine.folder / ".venv/half").exists()
    assert machine.run()[1] == ""


def test_an_environment_that_was_moved_is_made_anew(machine, tmp_path_factory):
    machine.python("python3", "3.12")
    machine.run()
    stamp = machine.folder / ".venv/.complete"
    stamp.write_text("# /elsewhere\na==1\n")
    assert "-m venv .venv" in machine.run()[2]


def test_a_suitable_python_is_found(machine):
    machine.python("python3", "3.9")
    machine.python("python3.13", "3.13")
    status, printed, _ = machine.run()
    assert status == 0
    assert "with Python 3.13" in printed


def test_a_python_can_be_named(machine):
    machine.python("python3", "3.11")
    machine.python("mine", "3.12")
    assert machine.run()[0] == 0
    status, printed, _ = machine.run(PYTHON="mine")
    assert status == 0
    assert "with Python 3.12" in printed
    assert machine.run()[1] == ""  # and it stays


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_an_unsuitable_python_is_told(machine, version):
    machine.python("python3", version)
    for name in ("python3.13", "python3.12", "python3.11", "python"):
        machine.python(name, version)
    status, printed, _ = machine.run()
    assert status == 1
    assert "needs Python 3.11, 3.12 or 3.13" in printed
    assert f"python3 here is: {version}" in printed
    assert "make book PYTHON=" in printed
    assert not (machine.folder / ".venv").exists()


def test_a_python_without_venv_is_told(machine):
    machine.python("python3", "3.11", no_venv=1)
    status, printed, _ = machine.run()
    assert status == 1
    assert "python3.11-venv" in printed


def test_a_folder_that_is_no_environment_is_kept(machine):
    machine.python("python3", "3.11")
    (machine.folder / ".venv").mkdir()
    (machine.folder / ".venv/thesis.tex").touch()
    status, printed, _ = machine.run()
    assert status == 1
    assert "no virtual environment" in printed
    assert (machine.folder / ".venv/thesis.tex").exists()


def test_a_changed_environment_is_noticed(machine):
    """As after `pip install` in a notebook: a note, which says how to mend it."""
    machine.python("python3", "3.12")
    (machine.folder / "requirements.txt").write_text(
        "Jupyter-Book==1.0.4\ntorch==2.1\n"
    )
    machine.run()
    packages = machine.folder / ".venv/lib/python3.12/site-packages"
    for name in ("jupyter_book-1.0.4", "torch-2.1+cpu"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    assert machine.run()[1] == ""
    (packages / "torch-2.1+cpu.dist-info").rename(packages / "torch-2.0.dist-info")
    status, said, _ = machine.run()
    assert status == 0
    assert "not there: torch_2_1\n" in said
    assert "pip install --no-deps -r requirements.txt" in said


def test_a_clone_with_windows_line_ends_works(machine):
    """`core.autocrlf=true` once gave `set: Illegal option -`."""
    clone = machine.folder / "clone"
    git = ["git", "-c", "core.autocrlf=true", "clone", "--quiet", "--depth=1"]
    done = subprocess.run([*git, f"file://{layout.ROOT}", str(clone)])
    if done.returncode:
        pytest.skip("this folder is no git checkout")
    for name in ("book/tools/environment.sh", ".ci/run", "Makefile"):
        script = (clone / name).read_bytes()
        assert len(script.splitlines()) > 1
        assert b"\r" not in script
