"""Change the repository's address everywhere.

    python book/tools/address.py https://github.com/OWNER/NAME

The address is set in `_config.yml`; set-up cells, README, citation and pages repeat it,
also in the forms that Colab and GitHub Pages derive from it. tests/test_house.py
checks that they all agree.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import layout  # noqa: E402

PLACES = (
    "_config.yml",
    "README.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE-text",
    "book/*.md",
    "book/tools/setup_cell.txt",
    "chapters/*.ipynb",
    "exercises/**/*.ipynb",
)
ADDRESS = re.compile(r"https://github\.com/([\w-]+)/([\w.-]+?)(?:\.git)?/?")


class AddressError(ValueError):
    """An address that is none of a repository on GitHub."""


def forms(address: str) -> tuple[str, str, str]:
    """`address`, that of its notebooks on Colab, and that of its site on GitHub Pages.

    Raises:
        AddressError: not of the form https://github.com/OWNER/NAME.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise AddressError(
            f"{address!r} is not of the form https://github.com/OWNER/NAME "
            "(Colab opens notebooks from GitHub only)"
        )
    owner, name = match[1], match[2]
    site = f"https://{owner.lower()}.github.io"
    if name.lower() != f"{owner.lower()}.github.io":
        site += f"/{name}"
    return (
        f"https://github.com/{owner}/{name}",
        f"https://colab.research.google.com/github/{owner}/{name}",
        site,
    )


def files(root: Path) -> list[Path]:
    """The files that may contain the address."""
    return sorted(path for place in PLACES for path in root.glob(place))


def pattern(form: str) -> re.Pattern:
    """Finds `form`, but no longer address that begins with it."""
    return re.compile(re.escape(form) + r"(?![\w-]|\.\w)")


def change(address: str, root: Path = ROOT) -> list[Path]:
    """Write `address` in the place of the present one; the files that changed.

    Raises:
        AddressError: `address` or the present one is no repository on GitHub.
    """
    new, old = forms(address), forms(layout.repository(root))
    changed = []
    last = root / "_config.yml"  # from which `old` is read: a second run may go on
    for path in sorted(files(root), key=lambda path: path == last):
        before = after = path.read_text(encoding="utf-8")
        for one, other in zip(old, new, strict=True):
            after = pattern(one).sub(lambda _, other=other: other, after)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    try:
        changed = change(parser.parse_args(arguments).address)
    except AddressError as error:
        parser.error(str(error))
    for path in changed:
        print(path.relative_to(ROOT))
    site = forms(layout.repository())[2]
    print(f"{len(changed)} files changed. The site is now {site}")
    print("Commit and push: until then, Colab and the site have the old address.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
