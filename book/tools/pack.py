"""Pack the built site into one file that opens from a folder: `make zip`.

    python book/tools/pack.py [SITE [FILE]]

The same site gives the same file, byte for byte: names in order, one date for all.
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools.exercises import whole  # noqa: E402

SITE = ROOT / "_build" / "html"
NAME = "from-the-perceptron-to-resnet.zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that the format knows
# What only a server or a next build has a use for.
SERVED = {".buildinfo", ".nojekyll", "404.html", "objects.inv", "robots.txt"}
SERVED |= {"sitemap.xml"}
PACKED = {".png", ".woff2"}  # smaller they will not get


def pack(site: Path, path: Path) -> None:
    """Write `site` as a folder of that name into the zip `path`.

    Raises:
        FileNotFoundError: the site is not built.
    """
    if not (site / "index.html").is_file():
        raise FileNotFoundError(f"there is no site in {site}: run 'make book'")
    files = [file for file in site.rglob("*") if file.is_file()]
    files = {file.relative_to(site).as_posix(): file for file in files}
    # A zip that is cut short opens, too.
    with whole(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name in sorted(files.keys() - SERVED):
            entry = zipfile.ZipInfo(f"{path.stem}/{name}", date_time=EPOCH)
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = 0o644 << 16
            stored = files[name].suffix in PACKED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name].read_bytes())


def main() -> int:
    site = Path(sys.argv[1]) if sys.argv[1:] else SITE
    path = Path(sys.argv[2]) if sys.argv[2:] else site.parent / NAME
    try:
        pack(site, path)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
