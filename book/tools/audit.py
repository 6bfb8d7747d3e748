"""Lighthouse over every page, as a phone sees it: `make audit`.

    python book/tools/audit.py [PAGE ...]

Prints a table of pages and the four categories, and what cost points; an error if
performance is below 95 or another category below 100. Performance counts seconds of the
processor. What else the machine does only adds to them: the best of up to three tries
counts, and no test runs this.
"""

import functools
import gzip
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.tools import browser, pdf, vendor  # noqa: E402

VERSION, DAY = "13.5.0", "2026-11-28"  # with what it depends on, as of that day
TRIES = 3
LEAST = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}


def fetch() -> Path:
    """Lighthouse's command, installed once into `.cache/vendor`.

    Raises:
        vendor.VendorError: it cannot be fetched.
    """
    folder = vendor.CACHE / f"lighthouse-{VERSION}"
    command = folder / "node_modules" / "lighthouse" / "cli" / "index.js"
    if command.exists():
        return command
    vendor.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=vendor.CACHE, prefix="part-") as name:
        part = Path(name) / "made"
        part.mkdir()
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        options += [f"--before={DAY}", f"--prefix={part}"]
        done = vendor.npm("install", f"lighthouse@{VERSION}", *options, cwd=part)
        if done.returncode:
            raise vendor.VendorError(
                f"Cannot fetch lighthouse {VERSION} from the npm registry:\n"
                + (done.stderr or done.stdout).strip()
            )
        if not command.exists():
            os.rename(part, folder)
    return command


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves files as a host does: text is packed, and browsers may keep all."""

    TEXT = {".html", ".css", ".js", ".svg", ".json", ".txt", ".xml"}

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=31536000")
        if path.suffix in self.TEXT:
            data = gzip.compress(data, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def measure(command: Path, url: str, chromium: browser.Chromium) -> dict:
    """Lighthouse's report on a page.

    Raises:
        RuntimeError: there is none.
    """
    flags = " ".join(browser.ARGUMENTS)
    done = subprocess.run(
        [
            *(str(vendor.node()), str(command), url, "--output=json", "--quiet"),
            *(f"--chrome-flags={flags}", "--max-wait-for-load=120000"),
        ],
        env=os.environ | chromium.environment | {"CHROME_PATH": chromium.path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{url}: {done.stderr.strip()[-800:]}")
    return json.loads(done.stdout)


def scores(report: dict) -> dict[str, int]:
    """Category → points of a hundred."""
    found = report["categories"]
    return {name: round(100 * (found[name]["score"] or 0)) for name in LEAST}


def passes(points: dict[str, int]) -> bool:
    return all(points[name] >= least for name, least in LEAST.items())


def best(command: Path, url: str, chromium: browser.Chromium) -> dict:
    """The report of the first try that passes, or of the fastest of `TRIES`."""
    found = []
    while len(found) < TRIES and not (found and passes(scores(found[-1]))):
        found.append(measure(command, url, chromium))
    return max(found, key=lambda report: scores(report)["performance"])


def losses(report: dict) -> list[str]:
    """What cost points, with what Lighthouse shows of it."""
    lines = []
    for name in LEAST:
        for part in report["categories"][name]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                shown = audit.get("displayValue", "")
                lines.append(f"{name}: {audit['title']} {shown}".rstrip())
    return lines


def main() -> int:
    try:
        chromium, command = browser.find_chromium(), fetch()
    except (browser.BrowserError, vendor.VendorError) as error:
        print(error, file=sys.stderr)
        return 1
    names = sys.argv[1:] or pdf.reading_order(pdf.SITE)
    handler = functools.partial(Server, directory=str(pdf.SITE))
    failed = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{'page':32}" + "".join(f"{name:>16}" for name in LEAST))
        for name in names:
            url = f"http://127.0.0.1:{server.server_port}/{name}.html"
            report = best(command, url, chromium)
            points = scores(report)
            print(f"{name:32}" + "".join(f"{n:16}" for n in points.values()))
            if not passes(points):
                failed += 1
                print("".join(f"    {line}\n" for line in losses(report)), end="")
        server.shutdown()
    print(f"{len(names) - failed} of {len(names)} pages pass")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
