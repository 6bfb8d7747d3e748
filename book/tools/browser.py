"""Find a Chromium that can open the site's pages, or fetch one: `make test` needs it.

    python book/tools/browser.py

Taken is the first of

1. the one that the environment variable BOOK_CHROMIUM names;
2. Chromium or Chrome of this machine;
3. a browser that Playwright has installed;
4. on Linux (x86-64): a Chromium from npm, kept in `.cache/vendor`;
5. elsewhere: one that Playwright installs now.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import vendor  # noqa: E402

# As quiet as a browser can be: no sandbox (containers have none), no calls home.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
CHROMIUM = vendor.Package(
    "@sparticuz/chromium",
    "147.0.0",
    "sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4"
    "r+q5+EhaaOUHpQ==",
    keep=("LICENSE", "bin/"),
)
UNPACK = """
const fs = require("node:fs"), zlib = require("node:zlib");
const [from, to] = process.argv.slice(1);
fs.createReadStream(from).pipe(zlib.createBrotliDecompress())
  .pipe(fs.createWriteStream(to)).on("error", (error) => { throw error; });
"""
ADVICE = (
    "No browser to test the pages with. Install Chromium or Chrome (on Debian and "
    "Ubuntu: apt install chromium), or name one: BOOK_CHROMIUM=/path/to/chrome"
)


class BrowserError(RuntimeError):
    """There is no browser, and none can be had. The message says what to do."""


@dataclass(frozen=True)
class Chromium:
    """A browser, and what its environment needs beyond the usual."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)

    def version(self) -> str:
        """What it says about itself, or "" if it does not start."""
        try:
            done = subprocess.run(
                [self.path, "--version"],
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    def launch(self, playwright):
        """Start it; `playwright` is what `sync_playwright()` gives."""
        return playwright.chromium.launch(
            executable_path=self.path,
            args=ARGUMENTS,
            env=dict(os.environ) | self.environment,
        )


def of_playwright() -> list[str]:
    """Browsers that Playwright has installed, the newest first."""
    home = Path.home()
    folders = [home / ".cache" / "ms-playwright"]
    folders += [home / "Library" / "Caches" / "ms-playwright"]
    if os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "0") != "0":
        folders = [Path(os.environ["PLAYWRIGHT_BROWSERS_PATH"])]
    found = []
    for folder in folders:
        for name in ("headless_shell", "chrome-headless-shell", "chrome", "Chromium"):
            found += [f for f in folder.glob(f"chromium*/**/{name}") if f.is_file()]
    return [str(f) for f in sorted(found, reverse=True)]


def finish(folder: Path) -> None:
    """Unpack what the npm package holds packed."""
    packed = folder / "bin"
    for file in sorted(packed.glob("*.br")):
        plain = packed / file.stem
        subprocess.run(
            [str(vendor.node()), "-e", UNPACK, str(file), str(plain)], check=True
        )
        file.unlink()
        if plain.suffix == ".tar":
            vendor.unpack(plain, packed)
            plain.unlink()
    (packed / "chromium").chmod(0o755)


def of_npm() -> Chromium:
    """The Chromium of an npm package, fetched once.

    Raises:
        vendor.VendorError: it cannot be fetched.
    """
    home = vendor.fetch(CHROMIUM, finish) / "bin"
    libraries = f"{home / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    environment = {"LD_LIBRARY_PATH": libraries}
    if not Path("/etc/fonts/fonts.conf").exists():
        fonts = home / "fonts.conf"
        fonts.write_text(
            "<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'><fontconfig>"
            f"<dir>{home / 'fonts'}</dir>"
            f"<cachedir>{home / 'fonts-cache'}</cachedir></fontconfig>"
        )
        environment["FONTCONFIG_FILE"] = str(fonts)
    return Chromium(str(home / "chromium"), environment)


def installed() -> Chromium | None:
    """A browser that is on this machine already, or None.

    Raises:
        BrowserError: BOOK_CHROMIUM names one that does not start.
    """
    if named := os.environ.get("BOOK_CHROMIUM"):
        chosen = Chromium(shutil.which(named) or named)
        if not chosen.version():
            raise BrowserError(f"BOOK_CHROMIUM={named} is no browser that starts.")
        return chosen
    for path in [*filter(None, map(shutil.which, NAMES)), *of_playwright()]:
        if Chromium(path).version():
            return Chromium(path)
    return None


def find_chromium() -> Chromium:
    """A Chromium that starts, fetched if there is none.

    Raises:
        BrowserError: there is none, and none can be fetched.
    """
    if found := installed():
        return found
    reasons = []
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        try:
            chosen = of_npm()
            if chosen.version():
                return chosen
            reasons.append(f"{chosen.path} does not start on this machine.")
        except vendor.VendorError as error:
            reasons.append(str(error))
    done = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium", "--only-shell"],
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        if found := installed():
            return found
        reasons.append("The browser that Playwright installed does not start.")
    else:
        reasons.append((done.stderr or done.stdout).strip().split("\n")[0])
    raise BrowserError("\n".join([ADVICE, *reasons]))


def main() -> int:
    try:
        find_chromium()
    except (BrowserError, vendor.VendorError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
