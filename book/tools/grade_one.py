"""Grade one submission with nbgrader, in a process and a folder of its own.

`grade.py` calls `grade_one` in nbgrader's environment. The rules are nbgrader's: a test
cell gives all its points or, if it fails or prints on stderr, none. What is added is
that every notebook gets to its end: a cell that loops for ever or ends Python costs the
points that depend on it, not those of the rest.
"""

import asyncio
import json
import os
import resource
import signal
import time
import traceback
from pathlib import Path
from queue import Empty

import nbformat
from jupyter_core.utils import ensure_async, run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from traitlets import Integer, Unicode

from book.tools.exercises import MASTERS, kind, quiet_log, write

RESTARTS = 3  # of Python, for one submission
PATIENCE = 5  # seconds that an interrupted kernel gets to answer
STRETCH = 3  # times its limit that a cell gets while others keep the processor busy
TIMEOUT = "CellTimeoutError"
DIED = "PythonEnded"
LATE = "NotRun"


class TolerantExecute(Execute):
    """Run every cell that can be run.

    A cell that ends Python, or loops and cannot be interrupted, is given up: Python is
    started again and runs the notebook without that cell.
    """

    total = Integer(300, help="seconds for all cells together").tag(config=True)
    pid_file = Unicode(help="where the kernel's process id is noted").tag(config=True)
    characters = Integer(200_000, help="of output kept of a cell").tag(config=True)

    def preprocess(self, nb, resources, km=None):
        NotebookClient.__init__(self, nb, km)
        self._check_assign_resources(resources)
        self.shutdown_kernel = "immediate"
        self.cell_timeout = self.timeout
        self.deadline = time.monotonic() + self.total
        self.given_up = {}  # index of a cell: (name, text) of the error it is given
        while not self.run_through():
            pass
        return self.nb, self.resources

    def run_through(self) -> bool:
        """Run all cells in a fresh kernel; False if it must be done once more."""
        self.reset_execution_trackers()
        self.printed = {}
        with self.setup_kernel():
            process = self.km.provisioner.pid
            Path(self.pid_file).write_text(str(process))
            try:
                self.wait_for_reply(self.kc.kernel_info())
                for index, cell in enumerate(self.nb.cells):
                    if not self.run_one(cell, index):
                        return len(self.given_up) > RESTARTS
            finally:
                kill_group(process)  # with whatever the student has started
        return True

    def run_one(self, cell, index: int) -> bool:
        """Run one cell; False if the kernel was lost."""
        left = self.deadline - time.monotonic()
        if cell.cell_type != "code" or not cell.source.strip():
            return True
        if left <= 0:
            text = f"the notebook took more than {self.total} seconds"
            self.given_up.setdefault(index, (LATE, text))
        elif len(self.given_up) > RESTARTS:
            self.given_up.setdefault(index, (LATE, "too many cells ended Python"))
        if index in self.given_up:
            fail(cell, *self.given_up[index])
            return True
        ours = kind(cell) == "locked"  # set-up and imports may take their time
        self.timeout = max(1, round(left if ours else min(self.cell_timeout, left)))
        self.quits = False
        self.started = time.monotonic()
        self.used = processor_time(self.km.provisioner.pid)
        try:
            self.execute_cell(cell, index, store_history=True)
        except DeadKernelError:
            self.quits = True
        except CellTimeoutError:  # interrupted, but it does not come to an end
            self.give_up(cell, index, TIMEOUT)
            return False
        if self.quits:
            self.give_up(cell, index, DIED)
            return False
        if any(output.get("ename") == TIMEOUT for output in cell.outputs):
            self.give_up(cell, index, TIMEOUT)
            return self.answers()
        return True

    async def _async_handle_timeout(self, timeout, cell=None):
        """Interrupt a cell, unless a busy machine has kept it from running."""
        waited = time.monotonic() - self.started
        used = processor_time(self.km.provisioner.pid) - self.used
        if used < timeout and waited < STRETCH * timeout:
            await asyncio.sleep(0.5)
            return None
        return await super()._async_handle_timeout(timeout, cell)

    def on_cell_executed(self, **kwargs):
        """Note a call of `exit()`, which ends the kernel a moment later."""
        super().on_cell_executed(**kwargs)
        payload = kwargs["execute_reply"]["content"].get("payload", [])
        self.quits = any(item.get("source") == "ask_exit" for item in payload)

    def give_up(self, cell, index: int, name: str) -> None:
        """Have `cell` fail, now and whenever the notebook is run again."""
        text = {
            DIED: "the cell ended Python",
            TIMEOUT: f"the cell took more than {self.timeout} seconds",
        }[name]
        self.given_up[index] = (name, text)
        fail(cell, name, text)

    async def async_answers(self) -> bool:
        """Whether the kernel does anything after it was interrupted."""
        request = await ensure_async(self.kc.kernel_info())
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                reply = await ensure_async(self.kc.shell_channel.get_msg(timeout=1))
            except Empty:
                continue
            if reply["parent_header"].get("msg_id") == request:
                return True
        return False

    answers = run_sync(async_answers)

    def output(self, outs, msg, display_id, cell_index):
        """Keep an output, unless the cell has said enough; errors are always kept."""
        content = msg["content"]
        if msg["msg_type"] in ("stream", "display_data", "execute_result"):
            data = content.get("data", {}).values()
            size = len(content.get("text", "")) + sum(len(str(item)) for item in data)
            before = self.printed.get(cell_index, 0)
            self.printed[cell_index] = before + size
            if before > self.characters:
                return None
            if before + size > self.characters:
                cut = "\n… the rest of the output was cut\n"
                name = content.get("name", "stdout")
                room = self.characters - before
                text = content.get("text", "")[:room] + cut
                msg = msg | {"msg_type": "stream"}
                msg["header"] = msg["header"] | {"msg_type": "stream"}
                msg["content"] = {"name": name, "text": text}
                display_id = None
        return super().output(outs, msg, display_id, cell_index)


def fail(cell, name: str, text: str) -> None:
    """Give a cell an error in place of what it may have printed."""
    trace = [f"{name}: {text}"]
    cell.outputs = [new_output("error", ename=name, evalue=text, traceback=trace)]


def processor_time(process: int) -> float:
    """Seconds of processor time that a process has used; the clock's where unknown."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # no Linux, or the process is gone
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill_group(process: int | None) -> None:
    """End a kernel and every process in its group."""
    if process:
        try:
            os.killpg(process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def kill_kernel(folder: Path) -> None:
    """End what a submission may have left running in `folder`."""
    note = folder / "kernel.pid"
    if note.exists():
        kill_group(int(note.read_text()))
        note.unlink()


# --- one submission


def limit(seconds: int, memory: int) -> None:
    """Bound what this process and its children may use (memory in GiB)."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 2**30,
        resource.RLIMIT_DATA: memory * 2**30,
    }
    for what, value in wanted.items():
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)
        resource.setrlimit(what, (value, most))


def isolate(folder: Path, kernel_path: str) -> None:
    """Only what a notebook needs in the environment; a home and a temporary folder."""
    keep = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "COURSE_DATA", "JUPYTER_PATH")
    kept = {name: os.environ[name] for name in keep if name in os.environ}
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    os.environ.clear()
    os.environ.update(
        kept,
        PATH=kernel_path,
        HOME=str(folder / "home"),
        TMPDIR=str(folder / "tmp"),
        XDG_CACHE_HOME=cache,  # data sets, and Matplotlib's list of fonts
        CUDA_VISIBLE_DEVICES="",  # many notebooks at once do not fit on one GPU
        OMP_NUM_THREADS="1",
        PYTHONWARNINGS="ignore",  # a warning is no reason to lose points
        PYTHONDONTWRITEBYTECODE="1",
    )


def grade_one(folder: Path, job: dict) -> None:
    """Run a submission without any sandbox: writes run.json and executed.ipynb."""
    slug, settings = job["slug"], job["settings"]
    master = nbformat.read(MASTERS / f"{slug}.ipynb", nbformat.NO_CONVERT)
    full = {c.id: c.source for c in master.cells if kind(c) == "test"}
    notebook = nbformat.read(folder / "submitted.ipynb", nbformat.NO_CONVERT)
    visible = {c.id: c.source for c in notebook.cells}
    for cell in notebook.cells:
        cell.source = full.get(cell.id, cell.source)
    with quiet_log() as lines:
        try:
            limit(2 * settings["total"] + 60, settings["memory"])
            isolate(folder, settings["path"])
            execute = TolerantExecute(
                timeout=settings["timeout"],
                total=settings["total"],
                pid_file=str(folder / "kernel.pid"),
                kernel_name="python3",
                allow_errors=True,
            )
            execute.preprocess(notebook, {"metadata": {"path": str(folder)}})
            status, notes = incidents(notebook)
        except BaseException as error:  # a submission must never stop the others
            text = f"{type(error).__name__}: {error}".split("\n")[0][:300]
            status, notes = "crashed", [text]
            lines += traceback.format_exc().split("\n")
    tests = {}
    for cell in notebook.cells:
        if cell.id in full:
            bad = [o for o in cell.outputs if o.output_type == "error"]
            tests[cell.id] = {
                "passed": not bad and cell.execution_count is not None,
                "message": bad[0].evalue if bad else "",
            }
        cell.source = visible[cell.id]
    write(folder / "executed.ipynb", nbformat.writes(notebook))
    write(
        folder / "run.json",
        json.dumps({"status": status, "notes": notes, "tests": tests}),
    )


def incidents(notebook) -> tuple[str, list[str]]:
    """How the run went, in a word, and what the student should know about it."""
    status, notes = "ok", []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("ename")
            if name in (DIED, LATE, TIMEOUT):
                notes.append(f"Cell {cell.id}: {output.evalue}.")
                status = "crashed" if "crashed" == status or name == DIED else "timeout"
    return status, notes
