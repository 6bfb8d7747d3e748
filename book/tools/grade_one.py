"""Grade one submission with nbgrader, in a process and a folder of its own.

`grade.py` calls `grade_one` in nbgrader's environment. The rules are nbgrader's: a test
cell gives all its points or, if it fails or prints on stderr, none. What is added is
that every notebook gets to its end: a cell that loops for ever or ends Python costs the
points that depend on it, not those of the rest.
"""

import asyncio
import json
import os
import re
import resource
import signal
import time
import traceback
from pathlib import Path
from queue import Empty

import latex2mathml.converter
import nbconvert.exporters.html
import nbformat
from jupyter_core.utils import ensure_async, run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.filters.markdown_mistune import IPythonRenderer
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.preprocessors import (
    CheckCellMetadata,
    Execute,
    LimitOutput,
    SaveAutoGrades,
)
from traitlets import Integer, Unicode

from book.tools.exercises import convert, kind, quiet_log, write

STUDENT = "student"  # nbgrader's name for everyone: real names may hold any character
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


# --- feedback


class MathRenderer(IPythonRenderer):
    """Formulas as MathML, which browsers draw without any script."""

    def inline_math(self, body):
        return mathml(body, "inline")

    def block_math(self, body):
        return mathml(body, "block")

    def latex_environment(self, name, body):
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def mathml(formula: str, display: str) -> str:
    """TeX as MathML; as plain TeX where it cannot be translated."""
    # The translator knows align*, not its relatives for use inside a formula.
    formula = re.sub(r"(begin|end){(aligned|split|gathered)}", r"\1{align*}", formula)
    try:
        return latex2mathml.converter.convert(formula, display=display)
    except Exception:  # students' TeX breaks the translator in many ways
        text = formula.replace("&", "&amp;").replace("<", "&lt;")
        return f"<code>{text}</code>"


POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:\" />\n"
    '<meta name="viewport" content="width=device-width, initial-scale=1" />'
)
LINK = r'<a href="#\1">\1</a>'  # nbgrader calls every one of them "Test cell"


def self_contained(page: str) -> str:
    """nbgrader's page without scripts, which no browser lets load anything."""
    page = re.sub(r"<script\b.*?</script\s*>", "", page, flags=re.DOTALL | re.I)
    page = re.sub(r"@font-face\s*{[^}]*}", "", page)
    page = re.sub(r'<a href="#([\w-]+)">(Test cell|Written response)</a>', LINK, page)
    return page.replace("<html>\n<head>", f'<html lang="en">\n<head>\n{POLICY}', 1)


def feedback(folder: Path, slug: str, title: str, notes: list[str]) -> str:
    """The feedback page of a graded submission: its title, the notes, the notebook."""
    notebook = graded(folder, slug)
    head = "\n".join([f"**{title}**", "", *[f"- {note}" for note in notes]])
    if notebook.cells and notebook.cells[0].get("id") == "feedback":
        notebook.cells.pop(0)
    notebook.cells.insert(0, new_markdown_cell(head, id="feedback"))
    write(
        folder / "autograded" / STUDENT / slug / f"{slug}.ipynb",
        nbformat.writes(notebook),
    )
    nbconvert.exporters.html.IPythonRenderer = MathRenderer
    settings = {
        "GenerateFeedback": {"force": True},
        "HTMLExporter": {"exclude_anchor_links": True},
    }
    convert(GenerateFeedback, folder, slug, STUDENT, **settings)
    page = folder / "feedback" / STUDENT / slug / f"{slug}.html"
    return self_contained(page.read_text(encoding="utf-8"))


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


def grades(folder: Path, slug: str, marks: dict) -> dict:
    """Points by graded cell: {id: {"points", "max", "waiting"}}.

    `marks` are a person's: {id: {"points": float, "comment": str}}; they overrule the
    tests, and a written answer waits for one.
    """
    found = {}
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        notebook = book.find_submission_notebook(slug, slug, STUDENT)
        comments = {comment.name: comment for comment in notebook.comments}
        for grade in notebook.grades:
            mark = marks.get(grade.name, {})
            grade.manual_score = mark.get("points")
            grade.needs_manual_grade = not mark and grade.auto_score is None
            if grade.name in comments:
                comments[grade.name].manual_comment = mark.get("comment") or None
        book.db.commit()
        for grade in notebook.grades:
            found[grade.name] = {
                "points": grade.score or 0.0,
                "max": grade.max_score,
                "waiting": bool(grade.needs_manual_grade),
            }
    return found


def graded(folder: Path, slug: str):
    """The notebook as it was run and graded."""
    path = folder / "autograded" / STUDENT / slug / f"{slug}.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


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


def run(folder: Path, slug: str, settings: dict) -> dict:
    """Run and grade the submission in `folder`/submitted."""
    steps = [TolerantExecute, LimitOutput, SaveAutoGrades, CheckCellMetadata]
    execute = {
        "timeout": settings["timeout"],
        "total": settings["total"],
        "pid_file": str(folder / "kernel.pid"),
    }
    convert(
        Autograde,
        folder,
        slug,
        STUDENT,
        Autograde={"autograde_preprocessors": steps},
        TolerantExecute=execute,
    )
    notebook = graded(folder, slug)
    status, notes = incidents(notebook)
    answers = {c.id: c.source for c in notebook.cells if kind(c) == "written"}
    return {"status": status, "notes": notes, "answers": answers}


def grade_one(folder: Path, job: dict) -> None:
    """Grade the submission that `grade.py` has put into `folder`; runs in a process.

    Writes `result.json` and `feedback.html`. What was done before is not done again: a
    person's marks change the points and the page, not the run.
    """
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    slug, settings = job["slug"], job["settings"]
    done = folder / "run.json"
    with quiet_log() as lines:
        try:
            limit(2 * settings["total"] + 60, settings["memory"])
            isolate(folder, settings["path"])
            if not done.exists():
                result = run(folder, slug, settings)
                write(done, json.dumps(result, ensure_ascii=False))
            result = json.loads(done.read_text(encoding="utf-8"))
            result["grades"] = grades(folder, slug, job["marks"])
            notes = job["notes"] + result["notes"]
            for name, grade in result["grades"].items():
                if grade["waiting"]:
                    notes.append(f"Cell {name}: a person has yet to mark this answer.")
            for name, mark in job["marks"].items():
                if name not in result["answers"]:  # a test, overruled
                    notes.append(f"Cell {name}: marked by a person. {mark['comment']}")
            page = feedback(folder, slug, f"{job['student']} · {slug}", notes)
            write(folder / "feedback.html", page)
        except BaseException as error:  # a submission must never stop the others
            text = f"{type(error).__name__}: {error}".split("\n")[0][:300]
            result = {"status": "crashed", "notes": [text], "grades": {}}
            lines += traceback.format_exc().split("\n")
    os.write(1, "\n".join([*lines, ""]).encode("utf-8", "replace"))
    write(folder / "result.json", json.dumps(result | {"key": job["key"]}))
