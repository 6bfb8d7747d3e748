"""The data: its form, its split, and every way in which files and downloads go wrong.

Small files of the published formats stand in for the published ones, on two servers on
this machine that misbehave on demand. No test connects to any other host. With the
full sets in the folder that COURSE_DATA names, they are checked too.
"""

import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pooch
import pytest

from utils import data

ROOT = Path(__file__).parents[1]
PATIENCE = 600  # seconds, for what another process does at once on an idle machine
COURSE_DATA = Path(os.environ.get("COURSE_DATA") or "not/set")
FOLDERS = {
    "mnist": "mnist",
    "fashion_mnist": "fashion-mnist",
    "cifar10": "cifar-10-batches-py",
}


# --- the form of the data


def assert_form(images, shape):
    """`images` keeps the promises of `Images`, and x has this `shape`."""
    x, y = images
    assert isinstance(images, data.Images)
    assert (x.shape, y.shape) == (shape, shape[:1])
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert x.flags.c_contiguous
    assert y.flags.c_contiguous
    assert x.flags.writeable
    assert y.flags.writeable
    assert x.min() >= 0
    assert x.max() <= 1


def test_mnist5k_is_4000_and_1000_digits_in_turn():
    train, test = data.mnist5k()
    assert_form(train, (4000, 1, 28, 28))
    assert_form(test, (1000, 1, 28, 28))
    for x, y in (train, test):
        np.testing.assert_array_equal(y, np.arange(len(y)) % 10)
        assert (x.min(), x.max()) == (0, 1)
        assert 0.13 < x.mean() < 0.14
    digits = {x.tobytes() for part in (train, test) for x in part.x}
    assert len(digits) == 5000  # none twice, so none in both parts


def test_mnist5k_is_the_same_split_for_ever():
    pixels = [np.rint(part.x * 255).astype(np.uint8) for part in data.mnist5k()]
    assert [hashlib.sha256(p).hexdigest()[:16] for p in pixels] == [
        "5e77c51b65c39a4c",
        "e496e676b11588f6",
    ]


def test_mnist5k_gives_each_caller_arrays_of_its_own():
    first, _ = data.mnist5k()
    first.x[:] = 7
    first.y[:] = 7
    again, _ = data.mnist5k()
    assert again.x.max() == 1
    assert set(again.y) == set(range(10))


def test_class_names_are_ten_for_every_loader():
    assert set(data.CLASS_NAMES) == {"mnist5k", *data.FILES}
    assert all(len(set(names)) == 10 for names in data.CLASS_NAMES.values())
    assert all(callable(getattr(data, name)) for name in data.CLASS_NAMES)


def test_importing_the_module_is_light():
    heavy = "{'torch', 'sklearn', 'mlxtend', 'pooch', 'requests', 'tqdm'}"
    check = f"import sys, utils.data; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)


# --- the published files themselves


def test_the_table_of_published_files_is_complete():
    assert [len(files) for files in data.FILES.values()] == [4, 4, 1]
    files = [file for files in data.FILES.values() for file in files]
    hashes = [h for file in files for h in (file.sha256, *file.contents.values())]
    assert len(set(hashes)) == len(hashes) == 9 + 8 + 6
    assert all(len(bytes.fromhex(h)) == 32 for h in hashes)
    assert all(url.endswith(Path(f.name).name) for f in files for url in f.urls)


@pytest.mark.parametrize(
    ("name", "sizes", "shape", "mean", "std"),
    [
        ("mnist", (60_000, 10_000), (1, 28, 28), [0.1307], [0.3081]),
        ("fashion_mnist", (60_000, 10_000), (1, 28, 28), [0.2860], [0.3530]),
        (
            "cifar10",
            (50_000, 10_000),
            (3, 32, 32),
            [0.4914, 0.4822, 0.4465],
            [0.2470, 0.2435, 0.2616],
        ),
    ],
)
def test_the_full_sets(name, sizes, shape, mean, std):
    if not (COURSE_DATA / FOLDERS[name]).is_dir():
        pytest.skip(f"COURSE_DATA names no folder with {FOLDERS[name]}")
    parts = getattr(data, name)()
    for part, n in zip(parts, sizes, strict=True):
        assert_form(part, (n, *shape))
        assert set(part.y) == set(range(10))
    x = parts[0].x
    np.testing.assert_allclose(x.mean((0, 2, 3), np.float64), mean, atol=1e-4)
    np.testing.assert_allclose(x[::5].std((0, 2, 3), np.float64), std, atol=2e-3)


def test_every_digit_of_mnist5k_is_from_the_training_set_of_mnist():
    if not (COURSE_DATA / FOLDERS["mnist"]).is_dir():
        pytest.skip("COURSE_DATA names no folder with mnist")
    full = {x.tobytes() for x in data.mnist()[0].x}
    assert all(x.tobytes() in full for part in data.mnist5k() for x in part.x)


# --- small files of the same formats, and two servers to publish them


class Python2Pickler(pickle._Pickler):
    """Pickles bytes and texts as the strings of Python 2, as CIFAR-10's batches are."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, text):
        text = text.encode() if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack("<i", len(text)) + text)

    dispatch[str] = dispatch[bytes] = save_string


def cifar_batch(pixels, labels):
    file = io.BytesIO()
    batch = {"data": pixels.reshape(len(pixels), -1), "labels": labels.tolist()}
    Python2Pickler(file, protocol=2).dump(batch)
    return file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def idx(array):
    sizes = struct.pack(f">{array.ndim}i", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def tar_gz(parts):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in reversed(parts.items()):  # in no particular order
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def small_sets():
    """Loader -> (the arrays it should return, published name -> bytes, parts in each).

    The sets are random: 6 images to train on (10 for CIFAR-10) and 2 to test on.
    """
    rng = np.random.default_rng(0)
    sets = {}
    for name in ("mnist", "fashion_mnist"):
        arrays, published, parts = [], {}, {}
        for file in data.FILES[name]:
            n = 6 if "train" in file.name else 2
            shape = (n, 28, 28) if "images" in file.name else (n,)
            arrays.append(rng.integers(10, size=shape, dtype=np.uint8))
            (part,) = file.contents
            parts[file.name] = {part: idx(arrays[-1])}
            published[file.name] = gzip.compress(parts[file.name][part], mtime=1)
        sets[name] = arrays, published, parts
    (file,) = data.FILES["cifar10"]
    pixels = rng.integers(256, size=(12, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(10, size=12)
    parts = {
        part: cifar_batch(pixels[2 * i : 2 * i + 2], labels[2 * i : 2 * i + 2])
        for i, part in enumerate(file.contents)
    }
    arrays = pixels[:10], labels[:10], pixels[10:], labels[10:]
    sets["cifar10"] = arrays, {file.name: tar_gz(parts)}, {file.name: parts}
    return sets


SETS = small_sets()
PUBLISHED = {
    name: b for _, published, _ in SETS.values() for name, b in published.items()
}
PARTS = {name: parts for *_, part in SETS.values() for name, parts in part.items()}


class Mirror(http.server.ThreadingHTTPServer):
    """Serves the small files on 127.0.0.1, in the `mode` it is set to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = "good"
        self.requests = []
        self.half_sent = threading.Event()
        self.go_on = threading.Event()
        self.both = threading.Barrier(2)
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        mirror, content = self.server, PUBLISHED[self.path[1:]]
        mirror.requests.append(self.path[1:])
        half = content[: len(content) // 2]
        if mirror.mode == "missing":
            self.send_error(404)
        elif mirror.mode == "silent":
            mirror.go_on.wait()
        elif mirror.mode == "wrong":
            self.send(b"<html>Please log in</html>")
        elif mirror.mode == "truncated":
            self.send(half)
        elif mirror.mode == "drops":
            self.send(half, len(content))
        elif mirror.mode == "stalls":
            self.send(half, len(content))
            mirror.half_sent.set()
            mirror.go_on.wait()
        elif mirror.mode == "slow":
            step = len(content) // 8
            self.send(content[:step], len(content))
            for start in range(step, len(content), step):
                time.sleep(0.1)  # in all, longer than a bar waits before it shows
                self.wfile.write(content[start : start + step])
        else:
            if mirror.mode == "both at once":
                mirror.both.wait(timeout=PATIENCE)
            self.send(content)

    def send(self, content, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *args):
        pass


BAD_MODES = {  # mode of a mirror -> what the error says of it
    "dead": "no connection, or it broke off",
    "missing": "answered 404",
    "silent": "no connection, or it broke off",
    "wrong": "sent something else than the published file",
    "truncated": "sent something else than the published file",
    "drops": "no connection, or it broke off",
    "stalls": "no connection, or it broke off",
}


@pytest.fixture(autouse=True)
def this_machine_only(monkeypatch):
    real_connect = socket.socket.connect

    def connect(self, address):
        assert address[0] == "127.0.0.1", f"a test connects to {address}"
        return real_connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def mirrors():
    pair = Mirror(), Mirror()
    yield pair
    for mirror in pair:
        mirror.go_on.set()
        mirror.shutdown()
        mirror.server_close()


@pytest.fixture
def small(monkeypatch, mirrors, tmp_path):
    """The loaders know of the small files only, on two mirrors; returns the cache."""
    files = {
        name: tuple(
            data.RemoteFile(
                file.name,
                hashlib.sha256(PUBLISHED[file.name]).hexdigest(),
                tuple(mirror.url(file.name) for mirror in mirrors),
                {
                    part: hashlib.sha256(content).hexdigest()
                    for part, content in PARTS[file.name].items()
                },
            )
            for file in files
        )
        for name, files in data.FILES.items()
    }
    cache = tmp_path / "user" / "cache"
    monkeypatch.setattr(data, "FILES", files)
    monkeypatch.setattr(data, "_failed_hosts", set())
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return cache


def set_mode(mirror, mode):
    mirror.mode = mode
    if mode == "dead":
        mirror.shutdown()
        mirror.server_close()


def lay_out(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def files_below(folder):
    """Name -> bytes of every file below `folder`, stray ones included."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def assert_loads(name):
    """The loader `name` returns its small set, in the form of all sets."""
    arrays, *_ = SETS[name]
    for i, part in enumerate(getattr(data, name)()):
        pixels, labels = arrays[2 * i : 2 * i + 2]
        shape = (len(pixels), *((3, 32, 32) if name == "cifar10" else (1, 28, 28)))
        assert_form(part, shape)
        np.testing.assert_array_equal(part.y, labels)
        np.testing.assert_allclose(part.x * 255, pixels.reshape(shape), rtol=1e-6)


def error_of(name):
    with pytest.raises(data.DataError) as caught:
        getattr(data, name)()
    error = caught.value  # without the pages of traceback that led to it
    assert error.__suppress_context__ or error.__context__ is None
    return str(error)


# --- from the folder that COURSE_DATA names


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("layout", ["published", "compressed otherwise", "unpacked"])
def test_the_folder_is_read(name, layout, small, mirrors, tmp_path, monkeypatch):
    _, published, parts = SETS[name]
    if layout == "unpacked":
        published = {p: b for part in parts.values() for p, b in part.items()}
    elif layout == "compressed otherwise":
        again = [
            gzip.compress(gzip.decompress(b), 1, mtime=2) for b in published.values()
        ]
        assert again != list(published.values())
        published = dict(zip(published, again, strict=True))
    lay_out(tmp_path / "course", published)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "course"))
    assert_loads(name)
    assert not mirrors[0].requests
    assert not small.exists()


def test_a_home_directory_in_the_name_of_the_folder(small, tmp_path, monkeypatch):
    lay_out(tmp_path / "images", SETS["mnist"][1])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", "~/images")
    assert_loads("mnist")


def test_the_folder_is_not_one(small, mirrors, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    for name in ("file", "nowhere"):
        monkeypatch.setenv("COURSE_DATA", str(tmp_path / name))
        message = error_of("mnist")
        assert f"COURSE_DATA is {tmp_path / name}, but that is not a folder" in message
        assert "unset COURSE_DATA" in message
        assert "mnist5k()" in message
    assert not mirrors[0].requests


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE = {
    "missing": None,
    "empty": lambda content: b"",
    "truncated": cut,
    "a byte flipped": flip,
    "a page instead": lambda content: b"<html>Please log in</html>",
    "another file": lambda content: gzip.compress(b"not what it should be"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_file_in_the_folder_is_reported_and_kept(
    damage, name, packed, small, mirrors, tmp_path, monkeypatch
):
    _, files, parts = SETS[name]
    if not packed:
        files = {p: b for part in parts.values() for p, b in part.items()}
    files = dict(files)
    victim = list(files)[-1]
    files[victim] = DAMAGE[damage] and DAMAGE[damage](files[victim])
    files = {name: content for name, content in files.items() if content is not None}
    lay_out(tmp_path, files)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    message = error_of(name)
    if packed or name == "cifar10":
        assert str(tmp_path / victim) in message
    assert f"COURSE_DATA is {tmp_path}, but " in message
    assert data.FILES[name][-1].urls[0] in message
    assert "mnist5k()" in message
    if damage == "missing":
        assert "there is no " in message
    assert files_below(tmp_path) == files
    assert not mirrors[0].requests


def test_an_archive_that_lacks_a_batch(small, tmp_path, monkeypatch):
    parts = dict(SETS["cifar10"][2]["cifar-10-python.tar.gz"])
    parts.popitem()
    lay_out(tmp_path, {"cifar-10-python.tar.gz": tar_gz(parts)})
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert "is damaged, or not the published file" in error_of("cifar10")


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_no_damage_slips_through_or_crashes(name, small, tmp_path):
    """Cut anywhere, or with any byte changed: the right content or a DataError."""
    file = data.FILES[name][-1]
    published, parts = PUBLISHED[file.name], PARTS[file.name]
    path = tmp_path / file.name
    path.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    errors = 0
    for place in rng.integers(len(published), size=100):
        other = published[place] ^ rng.integers(1, 256)
        flipped = published[:place] + bytes([other]) + published[place + 1 :]
        for content in (published[:place], flipped):
            path.write_bytes(content)
            try:
                assert data._contents(tmp_path, file) == parts
            except data.DataError:
                errors += 1
    assert errors > 100


def test_a_batch_cannot_run_code():
    for what in (os.system, eval, np.load):
        with pytest.raises(pickle.UnpicklingError, match="a CIFAR-10 batch needs no"):
            data._cifar_batch(pickle.dumps({b"data": what}, protocol=2))


# --- from the network into the cache


@pytest.mark.parametrize("name", SETS)
def test_a_download_fills_the_cache(name, small, mirrors, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("tqdm.std.time", lambda: 0.0)  # all at once, by the bar's clock
    assert_loads(name)
    published = SETS[name][1]
    assert files_below(small) == published
    assert mirrors[0].requests == list(published)
    assert_loads(name)  # and the second time nothing is downloaded
    assert mirrors[0].requests == list(published)
    assert mirrors[1].requests == []
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == ""  # too fast for a progress bar


def test_a_slow_download_shows_its_progress(small, mirrors, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    mirrors[0].mode = "slow"
    assert_loads("cifar10")
    output = capsys.readouterr()
    assert output.out == ""
    assert "cifar-10-python.tar.gz: 100%" in output.err


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    asked = []
    monkeypatch.setattr(pooch, "os_cache", lambda name: asked.append(name) or tmp_path)
    monkeypatch.setattr(data, "_download", lambda *args: lay_out(tmp_path, {}))
    with pytest.raises(data.DataError):
        data.mnist()
    assert asked == ["perceptron-to-resnet"]


@pytest.mark.parametrize("mode", BAD_MODES)
def test_the_second_mirror_takes_over(mode, small, mirrors, monkeypatch):
    if mode in ("silent", "stalls"):
        monkeypatch.setattr(data, "TIMEOUT", (5, 2))
    set_mode(mirrors[0], mode)
    assert_loads("mnist")
    published = SETS["mnist"][1]
    assert files_below(small) == published
    assert mirrors[1].requests == list(published)
    first = list(published)[:1]  # one try, and the second mirror for all other files
    assert mirrors[0].requests == ([] if mode == "dead" else first)


@pytest.mark.parametrize("mode", BAD_MODES)
def test_no_mirror_works(mode, small, mirrors, monkeypatch):
    for mirror in mirrors:
        set_mode(mirror, mode)
    with monkeypatch.context() as impatient:
        if mode in ("silent", "stalls"):
            impatient.setattr(data, "TIMEOUT", (0.3, 0.3))
        message = error_of("mnist")
    file = data.FILES["mnist"][0]
    assert f"there is no {small / file.name}, and it cannot be downloaded" in message
    for url in file.urls:
        assert f"{url}: {BAD_MODES[mode]}" in message
    for advice in ("when there is a network", "COURSE_DATA", "mnist5k()"):
        assert advice in message
    assert files_below(small) == {}
    if mode != "dead":  # and when it works again, so does the loader
        for mirror in mirrors:
            mirror.mode = "good"
        assert_loads("mnist")


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("name", SETS)
def test_a_damaged_file_in_the_cache_is_replaced(damage, name, small, mirrors):
    published = SETS[name][1]
    victim = list(published)[-1]
    lay_out(small, {**published, victim: damage(published[victim])})
    assert_loads(name)
    assert mirrors[0].requests == [victim]
    assert files_below(small) == published


def test_a_damaged_file_in_the_cache_and_no_network(small, mirrors):
    files = {name: cut(content) for name, content in SETS["mnist"][1].items()}
    lay_out(small, files)
    for mirror in mirrors:
        set_mode(mirror, "dead")
    message = error_of("mnist")
    assert f"{small / list(files)[0]} cannot be read" in message
    assert "it cannot be downloaded" in message
    assert files_below(small) == files


@pytest.mark.parametrize("blocked", ["user", "user/cache", "user/cache/mnist"])
def test_a_file_where_a_folder_of_the_cache_should_be(blocked, small, tmp_path):
    """Stands for missing rights, which would not stop an administrator."""
    path = tmp_path / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    message = error_of("mnist")
    assert "a download cannot be written there" in message
    assert str(small / "mnist") in message
    assert "COURSE_DATA" in message
    assert "mnist5k()" in message
    assert path.read_text() == "in the way"


def test_a_folder_where_a_file_of_the_cache_should_be(small):
    (small / data.FILES["mnist"][0].name).mkdir(parents=True)
    assert "a download cannot be written there" in error_of("mnist")


def test_a_cache_without_the_right_to_write(small):
    small.mkdir(parents=True)
    small.chmod(0o500)
    if os.access(small, os.W_OK):
        pytest.skip("an administrator may write everywhere")
    assert "Permission denied" in error_of("mnist")
    small.chmod(0o700)


def test_a_full_disk(small):
    """A limit on the size of files stands for it: the write fails half-way."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = len(PUBLISHED["mnist/train-images-idx3-ubyte.gz"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
    try:
        message = error_of("mnist")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "a download cannot be written there" in message
    assert "Make room" in message
    assert files_below(small) == {}
    assert_loads("mnist")


# --- several processes, and the end of one


def other_process(cache):
    """A process of its own that loads mnist() with this process's table and cache."""
    table = json.dumps([asdict(file) for file in data.FILES["mnist"]])
    script = f"""if True:
        import json, pathlib, pooch, signal, sys
        from utils import data
        # A shell has commands that it starts in the background ignore SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        table = json.loads(sys.argv[1])
        data.FILES["mnist"] = tuple(data.RemoteFile(**file) for file in table)
        pooch.os_cache = lambda name: pathlib.Path({str(cache)!r})
        print(data.mnist()[0].y.tolist())
        """
    command = [sys.executable, "-c", script, table]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def test_two_processes_download_at_once(small, mirrors):
    mirrors[0].mode = "both at once"
    processes = [other_process(small), other_process(small)]
    labels = SETS["mnist"][0][1].tolist()
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE)
        assert out == f"{labels}\n", err
        assert "Downloading" not in err  # pooch's log would stay under a cell
    assert files_below(small) == SETS["mnist"][1]
    assert len(mirrors[0].requests) == 8  # each really downloaded every file


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_a_download_is_interrupted(end, small, mirrors, monkeypatch):
    mirrors[0].mode = "stalls"
    process = other_process(small)
    assert mirrors[0].half_sent.wait(timeout=PATIENCE)
    process.send_signal(getattr(signal, end))
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    if end == "SIGINT":
        assert "KeyboardInterrupt" in err
        assert files_below(small) == {}
    assert not (small / data.FILES["mnist"][0].name).exists()
    mirrors[0].mode = "good"
    assert_loads("mnist")


# --- going on without


def test_first_available_is_the_first_when_it_can(small, capsys):
    train, _ = data.first_available(data.mnist, data.mnist5k)
    assert len(train.y) == 6
    assert "instead" not in capsys.readouterr().out


def test_first_available_says_so_and_goes_on(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    train, test = data.first_available(data.cifar10, data.mnist, data.mnist5k)
    assert (len(train.y), len(test.y)) == (4000, 1000)
    assert capsys.readouterr().out.splitlines() == [
        "cifar10() is not available here: using mnist() instead.",
        "Run cifar10() by itself to see what is missing.",
        "mnist() is not available here: using mnist5k() instead.",
        "Run mnist() by itself to see what is missing.",
    ]


def test_first_available_raises_the_last_error(small, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(data.DataError, match="mnist/train-images"):
        data.first_available(data.cifar10, data.mnist)
