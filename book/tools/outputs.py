"""Execute notebooks and write their outputs back, the same bytes every time.

    python book/tools/outputs.py                                 all
    python book/tools/outputs.py chapters/02-mlp-backprop.ipynb  some

All are the chapters and the masters of the exercises.
Each notebook runs top to bottom in a fresh kernel, in its own folder, two at a time.
A notebook that raises, writes to stderr or shows a progress bar is reported and its
file is left as it was. What differs from run to run without meaning anything is
normalised: the kernel's versions, how text was cut into pieces.
Times that a cell with the tag `times` prints stay as they were; to take them anew,
clear the output of that cell first. What is made of the notebooks is written
too: the tables of chapters in README.md and book/intro.md, and the student copies.
"""

import argparse
import multiprocessing
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_notebook

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import contents, exercises  # noqa: E402
from utils.explorers import SAVED  # noqa: E402

VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
MAY_DIFFER = "nbval-ignore-output"  # on another processor, or from run to run
TIMES = "times"
SECONDS_PER_CELL = 300


class OutputError(Exception):
    """A notebook whose outputs must not be committed."""


def execute(path: Path) -> nbformat.NotebookNode:
    """Run the notebook at `path` in a fresh kernel, in its own folder.

    Raises:
        OutputError: a cell raised or ran longer than SECONDS_PER_CELL.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=SECONDS_PER_CELL,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise OutputError(str(error).strip()) from None
    return notebook


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Make the outputs of `notebook` depend on nothing but its code.

    Of an explorer stay its name and state, its still picture and its sentence: what
    shows it with a kernel is made when the cell runs.

    Raises:
        OutputError: something on stderr, or another widget, such as a progress bar.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                raise OutputError(f"cell '{cell.id}' writes to stderr:\n{output.text}")
            data = output.get("data", {})
            if data.pop(VIEW, None) is not None:
                if SAVED not in data:
                    raise OutputError(
                        f"cell '{cell.id}' shows a widget that is no explorer, such as "
                        "a progress bar: switch it off in the notebook"
                    )
                output.metadata.pop(VIEW, None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = KERNELSPEC
    notebook.metadata["language_info"] = LANGUAGE_INFO


def keep_times(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Put back the committed outputs that differ from the new ones in numbers only.

    That concerns the cells with the tag TIMES.
    """

    def shape(cell) -> str:
        return re.sub(r"[ \d.,]+", "#", nbformat.writes(new_notebook(cells=[cell])))

    before = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    for cell in notebook.cells:
        if TIMES in cell.metadata.get("tags", []):
            old = {**cell, "outputs": before[cell.id].outputs}
            old = nbformat.from_dict(old)
            if shape(old) == shape(cell):
                cell.outputs = old.outputs


def rewrite(path: Path) -> str:
    """Execute the notebook at `path` and replace its file; what to tell about it."""
    start = time.perf_counter()
    try:
        notebook = execute(path)
        normalise(notebook)
        keep_times(notebook, path)
    except OutputError as error:
        return f"FAILED {path.name}: {error}"
    text = nbformat.writes(notebook) + "\n"
    seconds = time.perf_counter() - start
    if text == path.read_text(encoding="utf-8"):
        return f"{path.name}: {seconds:.1f} s, outputs as they were"
    exercises.write(path, text)
    return f"{path.name}: {seconds:.1f} s, outputs changed"


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", nargs="*", type=Path, help="default: all")
    chosen = parser.parse_args(arguments).notebook
    both = (*ROOT.glob("chapters/*.ipynb"), *exercises.MASTERS.glob("*.ipynb"))
    chosen = chosen or sorted(both)
    for path in chosen:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(f"{path} is no notebook")
    # One thread a kernel, as in the tests: torch's last digits depend on their number.
    os.environ["OMP_NUM_THREADS"] = "1"
    # On the processor, even where there is a GPU, which rounds differently.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    # Nobody watches, and the times of a progress bar differ from run to run.
    os.environ["TQDM_DISABLE"] = "1"
    # The kernel of this environment, whatever else is installed for this user.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    spawn = multiprocessing.get_context("spawn")
    failed = False
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        for line in pool.map(rewrite, [path.resolve() for path in chosen]):
            print(line, flush=True)
            failed |= line.startswith("FAILED")
    contents.main()
    for path in exercises.write_student_copies():
        print(path.relative_to(ROOT))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
