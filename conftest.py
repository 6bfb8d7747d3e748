"""Notebooks as tests: `pytest --nbval chapters`, each code cell one test.

With --alone as `make test` runs them: in an empty folder, on a machine like Colab, with
the course that the set-up cell fetches.
"""

import os
import tempfile
from pathlib import Path
from unittest import mock

import colab
import pytest
from nbformat.v4 import new_code_cell
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from book.tools.outputs import SAVED, VIEW

# Nobody watches: a progress bar would only add an output that the notebook lacks.
os.environ["TQDM_DISABLE"] = "1"
PATIENCE = 600  # seconds, for what is instantaneous on an idle machine


def pytest_addoption(parser):
    parser.addoption(
        "--alone",
        action="store_true",
        help="run notebooks as on Colab, in an empty folder, with the course fetched",
    )


class Notebook(IPyNbFile):
    """A notebook whose cells are known by their ids."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Figures are pictures: nbval leaves PNG alone, and so must SVG and explorers
        # be. Their last digits differ from one processor to the next, as no printed
        # output may.
        self.skip_compare += ("image/svg+xml", SAVED)
        self.machine = None

    def collect(self):
        """The code cells, and what is asked when they have run alone."""
        for cell in super().collect():
            yield self.item(cell.cell.id, cell.cell_num, cell.cell, cell.options)
        if self.config.option.alone:
            last = new_code_cell(colab.AFTERWARDS)
            yield self.item("afterwards", cell.cell_num + 1, last, cell.options)

    def item(self, name, number, cell, options):
        made = IPyNbCell.from_parent(
            self, name=name, cell_num=number, cell=cell, options=options
        )
        made.output_timeout = PATIENCE
        return made

    def setup(self):
        """Start the kernel."""
        if not self.config.option.alone:
            return super().setup()
        self.machine = tempfile.TemporaryDirectory(prefix="colab-")
        folder = Path(self.machine.name)
        with mock.patch.dict(os.environ, colab.machine(folder)):
            self.kernel = RunningKernel(
                CURRENT_ENV_KERNEL_NAME, str(folder / "content"), PATIENCE
            )

    def teardown(self):
        super().teardown()
        if self.machine is not None:
            self.machine.cleanup()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    found = yield
    return [
        Notebook.from_parent(parent, path=file_path)
        if isinstance(collector, IPyNbFile)
        else collector
        for collector in found
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """After each cell, what nbval does not look at: stderr, and Colab's widgets."""
    yield
    if not isinstance(item, IPyNbCell):
        return
    for output in item.test_outputs or []:
        if output.get("name") == "stderr":
            item.raise_cell_error("Cell writes to stderr", output["text"])
        if item.config.option.alone and VIEW in output.get("data", {}):
            about = output["metadata"].get(VIEW, {}).get("colab", {})
            if "custom_widget_manager" not in about:
                item.raise_cell_error("Colab would not show the cell's explorer")
