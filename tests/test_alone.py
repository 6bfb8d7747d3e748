"""Chapters run alone as on Colab: whatever goes wrong there fails, by the cell's id."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from colab import ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output

from book.tools import layout
from book.tools.outputs import VIEW

WIDGET = f"display({{{VIEW!r}: {{'model_id': '1'}}, 'text/plain': 'x'}}, raw=True)"
CELLS = {  # each after the set-up cell, with the tags and the printed output it has
    "good": ("print(1)", [], "1\n"),
    "differs": ("print(2)", [], "1\n"),
    "fails": ("1 / 0", [], ""),
    "warns": ("import sys; print(3, file=sys.stderr)", ["nbval-ignore-output"], ""),
    "figure": (
        "from IPython.display import SVG; SVG('<svg></svg>')",
        ["nbval-ignore-output"],
        "",
    ),
    "widget": (WIDGET, ["nbval-ignore-output"], ""),
    "pip": ("!pip install torch", [], ""),
}


@pytest.mark.slow
def test_what_goes_wrong_in_a_notebook_fails(tmp_path):
    cells = [new_code_cell(layout.setup_cell(), id="setup", execution_count=1)]
    cells[0].metadata["tags"] = ["nbval-ignore-output"]  # it says where it is
    for name, (source, tags, printed) in CELLS.items():
        cells.append(new_code_cell(source, id=name, execution_count=1))
        cells[-1].metadata["tags"] = tags
        if printed:
            cells[-1].outputs = [new_output("stream", text=printed)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "chapter.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "--nbval", "--alone"]
    done = subprocess.run(
        [*command, "-o", "addopts=-rf", "chapter.ipynb"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
    )
    failed = re.findall(r"^FAILED chapter.ipynb::(\S+)", done.stdout, re.M)
    wrong = ["differs", "fails", "warns", "widget", "afterwards"]
    assert failed == wrong, done.stdout + done.stderr
    for said in (
        "Cell outputs differ",
        "ZeroDivisionError",
        "writes to stderr",
        "asked pip",
    ):
        assert said in done.stdout
