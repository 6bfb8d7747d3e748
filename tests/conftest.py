"""Fixtures that more than one file uses: a browser, and the website."""

import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from book.tools import browser as browsers

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def chromium():
    return browsers.find_chromium()


@pytest.fixture(scope="module")
def browser():
    """A Chromium, driven by Playwright. Use a context of your own for each page.

    It lives as long as one file's tests: Playwright keeps an event loop running, in
    which notebooks could not be executed.
    """
    from playwright.sync_api import sync_playwright

    found = chromium()
    with sync_playwright() as playwright:
        running = found.launch(playwright)
        yield running
        running.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the website, built afresh with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "."]
    command += ["-n", "-W", "--keep-going", "--path-output", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-6000:] or done.stdout[-6000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="session")
def address(site):
    """Where the website is served: http://127.0.0.1:PORT/."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
