"""Runs in the sandbox: executes the student's cells, and lets the judge ask.

    python -m book.grading.inside SUBMISSION SOCKET < settings

Test cells and `check` cells are not executed: where a test stands, the kernel answers
the judge's questions on SOCKET until the judge has none left. Standard output tells how
each cell went, a line of JSON each. Nothing that is said here gives a point.
"""

import asyncio
import json
import os
import re
import resource
import signal
import socket
import struct
import sys
import time
import traceback
from pathlib import Path
from queue import Empty

RESTARTS = 3  # of Python, for one submission
PATIENCE = 5  # seconds that an interrupted kernel gets to answer
POLL = 1  # seconds between two looks at a cell that runs
# Limits are in processor time. By the clock a cell gets so many times as much, for
# others may keep the processor busy, a test twice as much, for the judge computes,
# too, and the notebook:
STRETCH, STRETCH_ALL = 3, 2
CHARACTERS = 200_000  # of output kept of a cell
ITEMS = 200  # outputs kept of a cell
TIMEOUT, DIED, LATE = "timeout", "died", "late"


# --- in the kernel


def ask_judge(namespace: dict, path: str, name: str, end: bool = False) -> None:
    """Answer the judge's questions for the test `name` on the socket at `path`."""
    from book.grading.border import serve

    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    torch = "torch" in sys.modules
    hello = {"cell": name, "end": end, "torch": torch, "buffers": []}
    data = json.dumps(hello).encode()
    sock.sendall(struct.pack(">I", len(data)) + data)
    serve(namespace, sock)


# --- around it


def limit(settings: dict) -> None:
    """Bound what this process and its children may use, then be nobody."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: 2 * settings["total"] + 60,
        resource.RLIMIT_FSIZE: settings["disk"] * 2**20,
        resource.RLIMIT_DATA: settings["memory"] * 2**30,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_NPROC: settings["processes"],
    }
    for what, value in wanted.items():
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)
        resource.setrlimit(what, (value, value))
    if settings.get("user") and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(*[settings["user"]] * 3)
        os.setresuid(*[settings["user"]] * 3)


def fonts() -> dict[str, bytes]:
    """Matplotlib's lists of fonts, which take seconds to make."""
    return {p.name: p.read_bytes() for p in Path(os.environ["FONTS"]).glob("*.json")}


def home(files: dict[str, bytes]) -> None:
    """A home that can be written to, with these files for Matplotlib."""
    place = Path(os.environ["HOME"]) / ".cache" / "matplotlib"
    place.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (place / name).write_bytes(data)
    os.environ["MPLCONFIGDIR"] = str(place)


def executor():
    """The class that runs a notebook (nbclient is imported when nobody is root)."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import ensure_async, run_sync
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from nbformat.v4 import new_code_cell

    class TolerantExecute(NotebookClient):
        """Run every cell that can be run.

        A cell that ends Python, or loops and cannot be interrupted, is given up: Python
        is started again and runs the notebook without that cell.
        """

        def run(self, settings: dict, path: str, tell) -> None:
            self.begin(settings, path, tell)
            while not self.run_through():
                pass

        def begin(self, settings: dict, path: str, tell) -> None:
            self.tell, self.settings, self.path = tell, settings, path
            self.shutdown_kernel = "immediate"
            self.allow_errors = True
            self.on_cell_executed = self.note_exit
            self.deadline = time.monotonic() + STRETCH_ALL * settings["total"]
            self.spent = 0.0  # processor time of all cells so far
            self.given_up = {}

        def run_through(self) -> bool:
            """Run all cells in a fresh kernel; False if it must be done once more."""
            self.reset_execution_trackers()
            self.printed = {}
            self.timeout = None  # for the start
            self.km = self.kc = None  # of a kernel that died nothing is used again
            with self.setup_kernel():
                process = self.km.provisioner.pid
                try:
                    self.wait_for_reply(self.kc.kernel_info())
                    for index, cell in enumerate(self.nb.cells):
                        if cell.cell_type != "code" or not cell.source.strip():
                            continue
                        what = cell.metadata["kind"]
                        if what == "check":
                            continue
                        one = self.question(cell.id) if what == "test" else cell
                        if not self.run_one(one, index, what):
                            return len(self.given_up) > RESTARTS
                    for index, cell in enumerate(self.nb.cells):
                        if cell.metadata["kind"] == "test":
                            one = self.question(cell.id, end=True)
                            if not self.run_one(one, index, "end"):
                                return True
                finally:
                    kill_group(process)  # with whatever the student has started
            return True

        def create_kernel_manager(self):
            """A kernel with sockets of its own: no other user can connect to them."""
            self.starts = getattr(self, "starts", 0) + 1
            sockets = os.path.join(os.environ["JUPYTER_RUNTIME_DIR"], f"{self.starts}")
            return AsyncKernelManager(
                kernel_name="python3", transport="ipc", ip=sockets
            )

        def question(self, name: str, end: bool = False):
            """A cell in which the kernel answers the judge."""
            args = f"get_ipython().user_ns, {self.path!r}, {name!r}, {end}"
            source = "__import__('book.grading.inside').grading.inside.ask_judge"
            cell = new_code_cell(f"{source}({args})", id=name)
            cell.metadata["kind"] = "test"
            return cell

        def run_one(self, cell, index: int, what: str) -> bool:
            """Run one cell; False if the kernel was lost."""
            left = self.settings["total"] - self.spent
            key = index, what == "end"
            if left <= 0 or time.monotonic() > self.deadline:
                self.given_up.setdefault(key, LATE)
            elif len(self.given_up) > RESTARTS:
                self.given_up.setdefault(key, LATE)
            if key in self.given_up:
                self.report(cell, self.given_up[key])
                return True
            ours = what == "locked"  # set-up and imports may take their time
            most = self.settings["seconds"].get(cell.id, self.settings["timeout"])
            self.most = left if ours else min(most, left)
            stretch = STRETCH * (2 if what in ("test", "end") else 1)
            started = time.monotonic()
            self.until = min(started + stretch * self.most, self.deadline)
            self.quits, self.interrupted = False, None
            self.timeout = POLL  # nbclient then asks `_async_handle_timeout`
            self.process = self.km.provisioner.pid
            self.used = processor_time(self.process)
            try:
                history = what not in ("test", "end")
                self.execute_cell(cell, index, store_history=history)
            except DeadKernelError:
                self.quits = True
            except CellTimeoutError:  # interrupted, but it does not come to an end
                self.given_up[key] = self.fate
                self.report(cell, self.fate)
                return False
            finally:
                used = processor_time(self.process) - self.used
                self.spent += min(used, time.monotonic() - started)
            if self.quits:
                self.given_up[key] = DIED
                self.report(cell, DIED)
                return False
            if self.interrupted is not None:
                self.given_up[key] = self.fate
                self.report(cell, self.fate)
                return self.answers()
            self.report(cell, "")
            return True

        def report(self, cell, fate: str) -> None:
            line = {"cell": cell.id, "fate": fate}
            if cell.metadata["kind"] != "test":
                line["outputs"] = cell.outputs[:ITEMS]
                line["count"] = cell.execution_count
            self.tell(line)

        async def _async_handle_timeout(self, timeout, cell=None):
            """Interrupt a cell that has had its time; then give it up."""
            now = time.monotonic()
            used = processor_time(self.process) - self.used
            self.interrupt_on_timeout = self.interrupted is None
            if self.interrupted is None and (used > self.most or now > self.until):
                self.interrupted = now
                late = self.spent + used > self.settings["total"] or now > self.deadline
                self.fate = LATE if late else TIMEOUT
            elif self.interrupted is None or now - self.interrupted < 2 * PATIENCE:
                await asyncio.sleep(POLL / 2)
                return None
            return await super()._async_handle_timeout(timeout, cell)

        def note_exit(self, **kwargs):
            """Note a call of `exit()`, which ends the kernel a moment later."""
            payload = kwargs["execute_reply"]["content"].get("payload", [])
            self.quits = any(item.get("source") == "ask_exit" for item in payload)

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
            """Keep an output, unless the cell has said enough; errors are kept."""
            content = msg["content"]
            if msg["msg_type"] in ("stream", "display_data", "execute_result"):
                data = content.get("data", {}).values()
                size = len(content.get("text", "")) + sum(len(str(d)) for d in data)
                before = self.printed.get(cell_index, 0)
                self.printed[cell_index] = before + size
                most = CHARACTERS if msg["msg_type"] == "stream" else 20 * CHARACTERS
                if before > most:
                    return None
                if before + size > most:
                    cut = "\n… the rest of the output was cut\n"
                    text = content.get("text", "")[: max(0, most - before)] + cut
                    msg = msg | {"msg_type": "stream"}
                    msg["header"] = msg["header"] | {"msg_type": "stream"}
                    msg["content"] = {
                        "name": content.get("name", "stdout"),
                        "text": text,
                    }
                    display_id = None
            return super().output(outs, msg, display_id, cell_index)

    return TolerantExecute


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


def main(submission: str, path: str) -> None:
    settings = json.load(sys.stdin)
    files = fonts()
    limit(settings)
    home(files)
    import nbformat

    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.set_inheritable(out.fileno(), False)
    with open(os.devnull, "r+b") as nowhere:
        for stream in (0, 1, 2):  # what processes of the student print is not ours
            os.dup2(nowhere.fileno(), stream)

    def tell(line: dict) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    notebook = nbformat.read(submission, as_version=4)
    for cell in notebook.cells:
        what = settings["kinds"].get(cell.id, "added")
        check = re.fullmatch(r"ex\d+-check", cell.id)
        cell.metadata["kind"] = "check" if check else what
    sockets = Path(os.environ["TMPDIR"]) / "k"
    sockets.mkdir(mode=0o700, exist_ok=True)
    os.environ["JUPYTER_RUNTIME_DIR"] = str(sockets)
    client = executor()(notebook)
    try:
        client.run(settings, path, tell)
        tell({"done": True})
    except Exception:
        tell({"trouble": traceback.format_exc()})


if __name__ == "__main__":
    main(*sys.argv[1:])
