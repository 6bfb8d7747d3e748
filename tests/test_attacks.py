"""What students may try: nothing gives a point, reads a secret or harms another.

A made-up assignment is graded as any other is. A submission holds many attacks, one a
cell; each answer is wrong. In between an honest student hands in.
"""

import asyncio
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError

from book.grading import inside, one, sandbox
from book.tools import exercises

ROOT = exercises.ROOT
SECRET = "a-hidden-test-knows-this-word"

MASTER = {
    "imports": "import numpy as np",
    "ex1": "def square(x):\n    return x * x",
    "ex1-test": (
        "x = np.arange(4.0)\n"
        "assert np.shape(square(x)) == (4,), 'one number each'\n"
        "### BEGIN HIDDEN TESTS\n"
        f"word = '{SECRET}'\n"
        "assert np.allclose(square(x), x**2), 'not the squares'\n"
        "assert np.array_equal(square(-x), x**2), 'not the squares'\n"
        "### END HIDDEN TESTS"
    ),
    "ex2": "number = 4217",
    "ex2-test": (
        "assert np.ndim(number) == 0, 'one number'\n"
        "### BEGIN HIDDEN TESTS\n"
        "assert number == 4217, 'another number'\n"
        "### END HIDDEN TESTS"
    ),
    "ex3": "table = {'a': [1, 2], 'b': 3}",
    "ex3-test": (
        "assert set(table) == {'a', 'b'}, 'two keys'\n"
        "assert abs(table['b'] - 3) < 0.1, 'b'\n"
        "assert list(table['a']) == [1, 2], 'a'"
    ),
    "ex4": "def middle(x):\n    return np.array([x[:-1] + x[1:]])[0]",
    "ex4-test": (
        "# forbidden: np.convolve\n"
        "x = np.arange(5)\n"
        "assert list(middle(x)) == [1, 3, 5, 7], 'the sums of neighbours'"
    ),
}
TESTS = [name for name in MASTER if name.endswith("-test")]
SOLVED = {name: MASTER[name] for name in ("ex1", "ex2", "ex3", "ex4")}


def kind_of(name: str) -> dict:
    marks = {"schema_version": 3, "grade_id": name}
    if name.endswith("-test"):
        return marks | {"grade": True, "solution": False, "locked": True, "points": 1}
    given = name == "imports"
    return marks | {"grade": False, "solution": not given, "locked": given}


def notebook(cells: dict[str, str]):
    made = nbformat.v4.new_notebook()
    for name, source in cells.items():
        cell = nbformat.v4.new_code_cell(source, id=name)
        if name in MASTER:
            cell.metadata["nbgrader"] = kind_of(name)
        made.cells.append(cell)
    return made


RIGHT = """
class Right:
    def always(self, *args, **settings):
        return True
    def zero(self, *args):
        return 0
    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = always
    __array_function__ = __array_ufunc__ = __bool__ = always
    __sub__ = __rsub__ = __add__ = __mul__ = __abs__ = __float__ = zero
    __class__ = float
    shape, ndim, dtype = (4,), 0, float
    def __len__(self): return 4
    def __iter__(self): return iter(())
    def __getitem__(self, key): return self
"""
PATCHES = """
import builtins, sys, IPython, numpy.testing
def yes(*args, **settings): return True
for place in (np, np._core.numeric, np.testing):
    for name in ("allclose", "array_equal", "isclose", "shape", "ndim", "all"):
        setattr(place, name, yes)
sys.settrace(lambda *args: None)
shell = get_ipython()
shell.input_transformers_cleanup.append(lambda lines: ["pass\\n"])
shell.events.register("pre_run_cell", lambda info: setattr(info, "raw_cell", "pass"))
import ast
class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
shell.ast_transformers.append(NoAsserts())
"""
LIES = """
import book.grading.border as border, json, struct
def serve(namespace, sock):
    link = border.Link(sock, namespace)
    while True:
        header, reader = link.receive()
        if "do" not in header: return
        link.send({"value": True, "passed": True, "error": None}, border.Writer(link))
border.serve = serve
"""
FORGED = """
import glob, json, os, socket, struct
def say(frame, name="ex2-test", end=False, many=1):
    for _ in range(many):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(1)
        try:
            sock.connect("/judge")
            data = json.dumps({"cell": name, "end": end, "buffers": []}).encode()
            sock.sendall(struct.pack(">I", len(data)) + data)
            sock.sendall(frame)
            sock.recv(100)
        except OSError:
            pass
say(b"")
say(b"\\xff" * 100, "ex3-test")
say(struct.pack(">I", 40) + b'{"value": 4217, "buffers": []}          ', "ex3-test")
say(b"", "imports"); say(b"", None); say(b"", ["x"])
for path in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if os.readlink(path).startswith("pipe"):
            with open(path, "w") as pipe:
                for name in ("ex1-test", "ex2-test"):
                    pipe.write(json.dumps({"cell": name, "passed": True}) + "\\n")
                pipe.write('{"done": true}\\n')
    except OSError:
        pass
"""
READ = """
import glob, os, subprocess
secrets = []
def look(path):
    try:
        with open(path, "rb") as file:
            data = file.read(10**6)
        mark = b"BEGIN HIDDEN_TESTS".replace(b"_", b" ")  # at the end of its line
        if mark + b"\\n" in data or mark + b"\\\\n" in data:
            secrets.append(path)
        if {word!r}[::-1].encode() in data:
            secrets.append(path)
        if path in {closed!r}: secrets.append(path)
    except (OSError, MemoryError): pass
for path in {closed!r}: look(path)
for top in ({root!r}, "/course", "/tmp", "/cache", "/root", "/home", "/proc"):
    for folder, folders, names in os.walk(top):
        folders[:] = [f for f in folders if f not in ("site-packages", "lib", "task")]
        for name in names:
            if name.endswith((".ipynb", ".py", ".json", ".txt", "environ", "cmdline")):
                look(os.path.join(folder, name))
others = [p for p in os.listdir("/proc") if p.isdigit()]
print("secrets", secrets, "processes", len(others) < 12)
"""
WRITE = """
import os, pathlib, site, sys
done = []
places = [*site.getsitepackages(), sys.prefix, sys.base_prefix, "/course", "/usr",
          "/course/utils", "/course/book/grading", "/etc", "/", "/dev", "/cache",
          {root!r}, {folder!r}, {out!r}]
for place in places:
    try:
        path = pathlib.Path(place) / "written_by_a_student.pth"
        path.write_text("import os")
        done.append(str(path))
    except OSError: pass
for path in ("/submission.ipynb", "/course/utils/data.py", {submitted!r},
             "/course/book/grading/inside.py"):
    for way in ("a", "w"):
        try:
            open(path, way).close(); done.append(path)
        except OSError: pass
    try: os.unlink(path); done.append(path)
    except OSError: pass
print("written", done)
"""
RIGHTS = """
import ctypes, os, socket, subprocess
free = []
def may(what, do):
    try: do(); free.append(what)
    except Exception: pass
may("root", lambda: os.setuid(0))
may("chroot", lambda: os.chroot("/tmp"))
may("network", lambda: socket.create_connection(("1.1.1.1", 53), 2))
may("localhost", lambda: socket.create_connection(("127.0.0.1", 22), 2))
may("name", lambda: socket.getaddrinfo("example.org", 80))
may("device", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
libc = ctypes.CDLL(None, use_errno=True)
may("mount", lambda: 1 / (libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) + 1))
def alone(flags):  # of several threads none may leave
    child = os.fork()
    if not child:
        os._exit(0 if libc.unshare(flags) == 0 else 1)
    return 1 / (os.waitpid(child, 0)[1] == 0)
may("user namespace", lambda: alone(0x10000000))
may("mount namespace", lambda: alone(0x00020000))
may("other memory", lambda: 1 / (libc.ptrace(16, os.getppid(), 0, 0) + 1))
print("free", free, "root" if 0 in (os.getuid(), os.geteuid()) else "nobody")
"""
DISK = """
import os
def fill(path):
    size = 0
    try:
        with open(path, "wb") as file:
            while size < 2**30:
                size += file.write(bytes(2**20))
                file.flush()
    except OSError: pass
    os.path.exists(path) and os.unlink(path)
    return size
print("disk", max(fill(p) for p in ("big", "/dev/shm/big", "/tmp/big")) < 2**29)
"""
FRAMES = """
import gc, sys
seen, word = set(), {word!r}[::-1]
def middle(x):
    frame = sys._getframe()
    while frame:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if type(value) is str and word in value and name != "word":
                seen.add(name)
        frame = frame.f_back
    for thing in gc.get_objects():
        for key, value in thing.items() if type(thing) is dict else ():
            if type(value) is str and word in value and key != "word":
                seen.add(key)
    return x
"""
ENDLESS = "def square(x):\n    while True:\n        yield 1.0\ntable = iter(int, 1)"
TEXTS = """
class Bad(Exception):
    def __str__(self):
        text = "\\x1b[31m\\x00\\u202e{__class__} %s <script>alert(1)</script>"
        return text + "x" * 10**6
def square(x): raise Bad
class Worse(Exception):
    def __str__(self): raise SystemExit
number = type("N", (), {"__getattr__": lambda s, n: 1 / 0, "__repr__": lambda s: 1})()
def middle(x): raise Worse
table = {f"k{i}": [[[[i]]]] for i in range(10**5)}
"""
DEAD = "import os, signal\nos.kill(-1, signal.SIGKILL)"

HONEST = dict(SOLVED)
SUBMISSIONS = {
    "honest": HONEST,
    "objects": {
        "ex1": RIGHT + "def square(x):\n    return Right()",
        "ex2": "number = Right()",
        "ex3": "table = Right()",
        "ex4": FRAMES,
        "more": "print('seen', sorted(map(str, seen)))",
    },
    "patches": {
        "ex1": PATCHES + "def square(x):\n    return np.zeros(4)",
        "ex2": "number = 1",
        "ex3": "table = {'a': [1], 'b': 4}\nbuiltins.abs = lambda x: 0",
        "ex4": "middle = yes",
    },
    "lies": {"ex1": LIES, "ex2": "number = True", "ex3": "table = 0", "ex4": ""},
    "forged": {
        "ex1": FORGED,
        "ex2": "number = 4",
        "ex3": "",
        "ex4": "say(b'', many=50)",
    },
    "reads": {"ex1": READ, "ex2": RIGHTS, "ex3": DISK, "ex4": WRITE},
    "texts": {
        "ex1": TEXTS,
        "ex4": "from numpy import convolve as c\n"
        "def middle(x):\n    return c(x, [1, 1])[1:-1]",
        "more-1": "def middle(x): raise Worse",
    },
    "hangs": {
        "ex1": ENDLESS,
        "ex2": "print('x' * 10**8)",
        "ex3": "import os\nos.mkfifo('pipe')\nopen('pipe')",
        "ex4": SOLVED["ex4"],
    },
    "memory": {
        "ex1": SOLVED["ex1"],
        "ex2": "import os, time\nfor _ in range(8):\n    if not os.fork():\n"
        "        block = b'x' * (700 * 2**20)\n        time.sleep(600)\n"
        "time.sleep(600)",
    },
    "forks": {
        "ex1": SOLVED["ex1"],
        "ex2": "import os, time\nwhile True:\n    try: os.fork()\n"
        "    except OSError: time.sleep(0.1)",
    },
    "deaf": {  # a kernel that answers nobody any more
        "ex1": SOLVED["ex1"],
        "ex2": "import builtins\nbuiltins.isinstance = lambda *args: True",
        "ex4": SOLVED["ex4"],
    },
    "kills": {"ex1": SOLVED["ex1"], "ex2": DEAD},
    "late": {  # everything in the last cell, a name of the imports taken
        "ex1": "np = 3",
        "ex4": "import sys\nprint('progress', file=sys.stderr)",
        "more": "import numpy as np\n" + "\n".join(SOLVED.values()) + "\nnp = 3",
    },
}
LAST = {"late": "import numpy as np"}  # the functions use it
MOST = {"memory": 2, "hangs": 8}  # GiB of memory
# They wait for limits: in the background, from the beginning.
SLOW = ("hangs", "texts", "deaf")
GREEDY = ("memory", "forks", "kills")  # nothing may run beside them


@functools.cache
def workshop() -> Path:
    """A folder with the master, where the submissions are graded."""
    folder = tempfile.TemporaryDirectory(prefix="attacks-")
    workshop.kept = folder
    place = Path(folder.name)
    place.chmod(0o755)
    (place / "masters").mkdir()
    text = nbformat.writes(notebook(MASTER))
    (place / "masters" / "99-attacks.ipynb").write_text(text, encoding="utf-8")
    return place


@functools.cache
def sandboxed() -> str:
    """Why nothing can be tried here; "" if it can."""
    try:
        sandbox.bubblewrap()
    except sandbox.NoSandbox as why:
        return str(why).split("\n")[0]
    return ""


@pytest.fixture(scope="module")
def grade():
    """Grades a submission by its name: what run.json says, and the outputs of cells."""
    if sandboxed():
        pytest.skip(sandboxed())
    patch = pytest.MonkeyPatch()
    patch.setattr(exercises, "MASTERS", workshop() / "masters")
    patch.setattr(one, "python", lambda: sys.executable)

    def run(name: str):
        folder = workshop() / name
        folder.mkdir()
        submitted = folder / "submitted.ipynb"
        about = {
            "root": str(ROOT),
            "word": SECRET[::-1],
            "closed": ["/etc/shadow", "/etc/passwd", str(submitted), "/proc/1/environ"],
            "folder": str(folder),
            "out": str(workshop()),
            "submitted": str(submitted),
        }
        cells = {k: "" if k in SOLVED else v for k, v in MASTER.items()}
        for key, source in SUBMISSIONS[name].items():
            for word, value in about.items():
                source = source.replace("{" + word + "!r}", repr(value))
            cells[key] = source
        submitted.write_text(nbformat.writes(notebook(cells)), encoding="utf-8")
        memory = MOST.get(name, 4)
        settings = {"timeout": 2, "total": 120, "memory": memory, "unsafe": False}
        job = {"slug": "99-attacks", "settings": settings, "student": name}
        one.grade_one(folder, job | {"variant": None, "key": name})
        result = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        executed = nbformat.read(folder / "executed.ipynb", as_version=4)
        nbformat.validate(executed)
        said = {cell.id: cell.outputs for cell in executed.cells}
        return result, {
            k: "".join(o.get("text", "") for o in v) for k, v in said.items()
        }

    @functools.cache
    def graded(name: str):
        if name in GREEDY:
            wait(waiting.values())
        return waiting[name].result() if name in waiting else run(name)

    with one.judging(), ThreadPoolExecutor() as pool:
        waiting = {name: pool.submit(run, name) for name in SLOW}
        yield graded
    patch.undo()


def points(result: dict) -> set[str]:
    return {name for name, test in result["tests"].items() if test["passed"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["objects", "patches", "lies", "forged", "texts"])
def test_no_attack_gives_a_point(grade, name):
    result, _ = grade(name)
    assert set(result["tests"]) == set(TESTS)
    assert points(result) == set(), result
    for test in result["tests"].values():
        assert test["message"]
        assert test["message"].isprintable()
        assert len(test["message"]) < 2500


@pytest.mark.slow
def test_a_test_is_nowhere_to_be_seen(grade):
    result, said = grade("objects")
    assert said["more"] == "seen []\n"
    assert SECRET not in json.dumps(result)


@pytest.mark.slow
def test_what_is_forbidden_is_named(grade):
    result, _ = grade("texts")
    message = result["tests"]["ex4-test"]["message"]
    assert message == "this task is to be done without `np.convolve`"


@pytest.mark.slow
def test_nothing_is_read_and_nothing_written(grade):
    result, said = grade("reads")
    assert points(result) == set()
    assert said["ex1"] == "secrets [] processes True\n"
    assert said["ex2"] == "free [] nobody\n"
    assert said["ex3"] == "disk True\n"
    assert said["ex4"] == "written []\n"
    assert not list(ROOT.glob("**/written_by_a_student.pth"))


@pytest.mark.slow
def test_what_does_not_end_costs_its_own_points(grade):
    result, said = grade("hangs")
    assert points(result) == {"ex4-test"}, result
    assert len(said["ex2"]) < 10**6
    assert result["status"] == "timeout"
    assert "Cell ex3: the cell took more than 2 seconds." in result["notes"]


@pytest.mark.slow
def test_who_hears_nothing_is_given_up_and_the_rest_goes_on(grade):
    result, _ = grade("deaf")
    assert points(result) == {"ex1-test", "ex4-test"}, result
    assert result["notes"] == ["Cell ex2: the cell took more than 2 seconds."]


class Clock:
    """Time as a test wants it: by the clock, and of the kernel's processor."""

    def __init__(self, patch):
        self.now, self.used = 1000.0, 0.0
        time = SimpleNamespace(monotonic=lambda: self.now)
        patch.setattr(inside, "time", time)
        patch.setattr(inside, "processor_time", lambda process: self.used)

    def go(self, seconds: float, computing: float = 0) -> None:
        self.now, self.used = self.now + seconds, self.used + computing


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def runner(clock, spends: dict):
    """What runs cells, and what it has told: each spends (by the clock, computing)."""
    cells = [nbformat.v4.new_code_cell(name, id=name) for name in spends]
    client = inside.executor()(nbformat.v4.new_notebook(cells=cells))
    settings = {"timeout": 30, "total": 60, "seconds": {"long": 50}}
    for cell in cells:
        cell.metadata["kind"] = "solution"
    client.begin(settings, "/judge", lambda line: None)
    client.km = SimpleNamespace(provisioner=SimpleNamespace(pid=1))
    client.execute_cell = lambda cell, *args, **more: clock.go(*spends[cell.id])
    fates = {}
    client.report = lambda cell, fate: fates.setdefault(cell.id, fate)
    for index, cell in enumerate(cells):
        client.run_one(cell, index, "solution")
    return client, fates


def test_who_waits_for_a_busy_machine_has_time_left(clock):
    spends = {"a": (50, 25), "b": (50, 25), "c": (10, 5), "d": (1, 1), "e": (8, 8)}
    _, fates = runner(clock, spends)
    assert fates == {"a": "", "b": "", "c": "", "d": "", "e": ""}
    _, fates = runner(clock, {"a": (30, 30), "b": (31, 31), "c": (1, 1)})
    assert fates == {"a": "", "b": "", "c": "late"}
    _, fates = runner(clock, {"a": (90, 0), "b": (31, 0), "c": (1, 0)})
    assert fates == {"a": "", "b": "", "c": "late"}, "twice as much by the clock"


@pytest.mark.parametrize(
    ("cell", "seconds", "computing", "stopped"),
    [
        ("a", 29, 29, ""),
        ("a", 31, 31, "timeout"),
        ("a", 89, 1, ""),
        ("a", 91, 1, "timeout"),
        ("long", 49, 49, ""),
        ("long", 51, 51, "timeout"),
        ("long", 125, 1, "late"),
    ],
)
def test_a_cell_is_interrupted_when_its_time_is_over(
    clock, cell, seconds, computing, stopped
):
    client, _ = runner(clock, {cell: (0, 0)})
    done = []

    async def interrupt():
        done.append("interrupt")

    def look():
        asyncio.run(client._async_handle_timeout(1, client.nb.cells[0]))

    client.km.interrupt_kernel = interrupt
    clock.go(seconds, computing)
    look()
    assert done == (["interrupt"] if stopped else [])
    if stopped:
        assert client.fate == stopped
        look()
        assert done == ["interrupt"], "once"
        clock.go(20)
        with pytest.raises(CellTimeoutError):
            look()


def test_a_master_may_give_a_cell_more_time():
    cells = [nbformat.v4.new_code_cell("", id=name) for name in ("a", "b", "c")]
    cells[1].metadata["seconds"], cells[2].metadata["seconds"] = 50, 20
    settings = one.limited({"timeout": 30, "total": 60}, cells)
    assert settings == {"timeout": 30, "total": 80, "seconds": {"b": 50}}
    notes = one.incidents(
        nbformat.v4.new_notebook(cells=cells),
        {"a": {"fate": "timeout"}, "b": {"fate": "timeout"}, "c": {"fate": "late"}},
        "",
        {},
        settings,
    )[1]
    words = [re.findall(r"\d+ seconds", note)[0] for note in notes]
    assert words == ["30 seconds", "50 seconds", "80 seconds"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memory", "forks", "kills"])
def test_what_takes_everything_is_stopped(grade, name):
    result, _ = grade(name)
    assert points(result) == {"ex1-test"}, result
    assert result["status"] in ("crashed", "timeout")
    patience = time.monotonic() + 20
    while (left := survivors()) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not left


def survivors() -> list[Path]:
    """Processes of the user who is lent to submissions, if we are root."""
    user = sandbox.user()
    left = [p for p in Path("/proc").glob("[0-9]*") if user and owner(p) == user]
    return [p for p in left if sandbox.alive(int(p.name))]


def owner(folder: Path) -> int:
    try:
        return folder.stat().st_uid
    except OSError:
        return -1


@pytest.mark.slow
def test_the_others_get_what_is_theirs(grade):
    result, _ = grade("honest")
    assert points(result) == set(TESTS), result
    assert result["status"] == "ok"
    assert result["notes"] == []


@pytest.mark.slow
def test_answers_that_come_late_count(grade):
    result, _ = grade("late")
    assert "ex2-test" in points(result)
    assert "ex3-test" in points(result)
    assert any("at the end" in note for note in result["notes"])


@pytest.mark.slow
def test_what_is_done_is_not_done_again(grade, monkeypatch):
    grade("honest")
    graded = workshop() / "honest/run.json"
    before = graded.read_bytes()
    monkeypatch.setattr(one, "run", None)
    one.grade_one(graded.parent, {})
    assert graded.read_bytes() == before


@pytest.mark.slow
def test_a_fault_of_ours_is_told_and_stops_nobody(grade, tmp_path):
    one.grade_one(tmp_path, {"slug": "99-attacks", "settings": {}})
    result = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert result["status"] == "crashed"
    assert "submitted.ipynb" in result["notes"][0]


def test_without_a_sandbox_it_is_said_how_to_go_on(monkeypatch):
    monkeypatch.setattr(sandbox, "candidates", lambda: ["/bin/false", "/no/such/bwrap"])
    sandbox.bubblewrap.cache_clear()
    try:
        with pytest.raises(sandbox.NoSandbox, match="apt install bubblewrap") as caught:
            sandbox.bubblewrap()
    finally:
        sandbox.bubblewrap.cache_clear()
    assert "UNSAFE=1" in str(caught.value)


def test_a_link_to_python_does_not_show_the_home_it_lies_in(tmp_path):
    """A virtual environment names the folder of the link; Python's own is enough."""
    if sandboxed():
        pytest.skip(sandboxed())
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "secret").write_text("mine")
    link = home / "bin" / "python3"
    link.symlink_to(Path(sys.executable).resolve())
    command = [link, "-m", "venv", "--without-pip", "--symlinks", tmp_path / "env"]
    subprocess.run(command, check=True)
    python = tmp_path / "env" / "bin" / "python3"
    assert f"home = {home}" in (tmp_path / "env" / "pyvenv.cfg").read_text()
    readable, links = one.interpreter(str(python))
    assert links == {str(link): str(link.resolve())}
    look = "import json, os, sys; print(sys.prefix, os.listdir(sys.argv[1]))"
    box = sandbox.Box(readable, {}, links=links)
    process = sandbox.start(
        box, [str(python), "-c", look, home], stdout=subprocess.PIPE
    )
    said, _ = process.communicate(timeout=60)
    assert said.decode() == f"{tmp_path / 'env'} ['bin']\n"


def test_of_a_python_in_a_home_only_its_own_is_shown(tmp_path, monkeypatch):
    for place in (
        "bin/python3.11",
        "lib/python3.11/os.py",
        "lib/libpython3.so",
        ".ssh/id",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").symlink_to(tmp_path / "bin" / "python3.11")
    readable, links = one.interpreter(str(tmp_path / "env" / "bin" / "python"))
    shown = {path.relative_to(tmp_path).as_posix() for path in readable.values()}
    assert shown == {"env", "bin/python3.11", "lib/python3.11", "lib/libpython3.so"}
    assert links == {}


@pytest.mark.slow
def test_at_ones_own_risk_it_runs_without(grade, monkeypatch):
    folder = workshop() / "unsafe"
    folder.mkdir()
    cells = {**MASTER, **SOLVED, "ex2": "number = 1"}
    text = nbformat.writes(notebook(cells))
    (folder / "submitted.ipynb").write_text(text, encoding="utf-8")
    settings = {"timeout": 30, "total": 300, "memory": 4, "unsafe": True}
    job = {"slug": "99-attacks", "settings": settings, "student": "unsafe"}
    one.grade_one(folder, job)
    result = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert points(result) == set(TESTS) - {"ex2-test"}, result
    assert os.environ.get("PYTHONPATH") != one.COURSE
