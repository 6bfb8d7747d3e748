"""Committed outputs are a function of the notebook: same code, same bytes."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.tools import outputs

EXPLORER = """\
from utils.explorers.perceptron import PerceptronExplorer
PerceptronExplorer()"""


def write(path, *sources, **metadata):
    cells = [new_markdown_cell("# 1 Title", id="title")]
    cells += [new_code_cell(s, id=f"cell-{k}") for k, s in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


@pytest.mark.slow
def test_twice_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(outputs.ROOT))
    path = write(tmp_path / "a.ipynb", "print(1 + 1)", EXPLORER, accelerator="GPU")
    assert outputs.main([str(path)]) == 0
    first = path.read_bytes()
    assert outputs.main([str(path)]) == 0
    assert path.read_bytes() == first
    assert first.endswith(b"}\n")

    notebook = nbformat.read(path, as_version=4)
    assert [c.get("execution_count") for c in notebook.cells] == [None, 1, 2]
    assert notebook.cells[1].outputs[0].text == "2\n"
    assert all(c.metadata == {} for c in notebook.cells)
    assert notebook.metadata.accelerator == "GPU"
    assert notebook.metadata.kernelspec == outputs.KERNELSPEC
    assert "version" not in notebook.metadata.language_info
    # What shows an explorer without a kernel, and nothing of this run's.
    data = notebook.cells[2].outputs[0].data
    assert set(data) == {outputs.SAVED, "image/svg+xml", "text/plain"}
    kind = "utils.explorers.perceptron.PerceptronExplorer"
    assert data[outputs.SAVED]["explorer"] == kind
    assert "widgets" not in notebook.metadata
    assert b"export default" not in first


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import sys\nprint('oops', file=sys.stderr)", "'cell-0' writes to stderr"),
        ("raise KeyError('gone')", "KeyError"),
        (
            "import ipywidgets\nipywidgets.FloatProgress()",
            "no explorer, such as a progress bar",
        ),
    ],
)
def test_a_faulty_notebook_is_reported_and_left_alone(tmp_path, source, message):
    path = write(tmp_path / "a.ipynb", source)
    before = path.read_bytes()
    told = outputs.rewrite(path)
    assert told.startswith("FAILED a.ipynb")
    assert message in told
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_times_stay_as_they_were(tmp_path):
    code = "import time\nprint(f'took {time.perf_counter_ns():14,} ns')"
    path = write(tmp_path / "a.ipynb", code)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].metadata["tags"] = [outputs.TIMES]
    nbformat.write(notebook, path)
    assert outputs.rewrite(path).endswith("outputs changed")
    before = path.read_bytes()
    assert outputs.rewrite(path).endswith("outputs as they were")
    assert path.read_bytes() == before
    # Other words than before are new output, whatever the tag.
    path.write_bytes(before.replace(b"f'took", b"f'in all"))
    assert outputs.rewrite(path).endswith("outputs changed")
    assert b'"in all ' in path.read_bytes()


def test_what_was_learnt_is_written_anew(tmp_path):
    """Else a figure would be of one run and the numbers above it of another."""
    path = write(tmp_path / "a.ipynb", "print('right: 96 %')")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].metadata["tags"] = [outputs.MAY_DIFFER]
    nbformat.write(notebook, path)
    outputs.rewrite(path)
    path.write_bytes(path.read_bytes().replace(b'"right: 96 %', b'"right: 95 %'))
    assert outputs.rewrite(path).endswith("outputs changed")
    assert b'"right: 96 %' in path.read_bytes()


def test_failure_is_the_exit_status(tmp_path, capsys):
    path = write(tmp_path / "a.ipynb", "1 / 0")
    assert outputs.main([str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_no_notebook(tmp_path, capsys):
    with pytest.raises(SystemExit):
        outputs.main([str(tmp_path / "b.ipynb")])
    assert "is no notebook" in capsys.readouterr().err
