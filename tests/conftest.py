"""Fixtures that more than one file uses: a few digits, a browser, the website.

What is imported here is imported before there are workers: nothing large.
"""

import functools
import gc
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from book.tools import browser as browsers

ROOT = Path(__file__).resolve().parents[1]
# What takes longest begins first, so that no worker is left alone with it at the end.
LONG = (
    "test_site.py",
    "test_new_chapter.py",
    "test_exercises.py",
    "test_grading.py",
    "chapters",
)
SINGLE = ("test_exercises.py", "test_grading.py")  # their tests share nothing
SLOW = {"site", "address", "browser", "mount_explorer"}  # fixtures
PATIENCE = 600_000  # milliseconds


def unit(nodeid: str) -> str:
    """What goes to a worker at once: a file, whose tests share fixtures or a kernel."""
    file = nodeid.split("::")[0]
    return nodeid if Path(file).name in SINGLE else file


def rank(item) -> tuple[int, bool]:
    """The place of `item` in the order of tests."""
    names = (item.path.name, item.path.parent.name)
    long = min((LONG.index(name) for name in names if name in LONG), default=len(LONG))
    return long, item.get_closest_marker("slow") is None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return unit(nodeid)

    return Units(config, log)


def pytest_collection_modifyitems(items):
    """Explorers, and all that a browser draws, are slow; what is long begins first."""
    for item in items:
        drawn = SLOW & set(getattr(item, "fixturenames", ()))
        if drawn or item.path.name.startswith("test_explorer"):
            item.add_marker(pytest.mark.slow)
    items.sort(key=rank)


def pytest_collection_finish():
    """Thousands of items that stay: no collection of garbage need look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def seeded():
    """All generators begin at 0."""
    from utils.training import seed_everything

    seed_everything(0)


@pytest.fixture(scope="module")
def digits():
    """Thirty-two digits to learn by heart: images (32, 1, 28, 28) and labels (32,)."""
    import torch

    from utils.data import mnist5k

    train, _ = mnist5k()
    return torch.tensor(train.x[:32]), torch.tensor(train.y[:32])


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
        new_context = running.new_context
        running.new_context = lambda **settings: patient(new_context(**settings))
        yield running
        running.close()


def patient(context):
    """`context`, which waits as long as a busy machine needs."""
    context.set_default_timeout(PATIENCE)
    context.set_default_navigation_timeout(PATIENCE)
    return context


# A page with nothing but an explorer, and as much of a widget model as it asks for.
EXPLORER_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Explorer</title>
<meta name="viewport" content="width=device-width"><style>{css}</style></head>
<body><main id="place"></main><script type="module">
const values = {values};
const source = new Blob([{module}], {{ type: "text/javascript" }});
const {{ default: explorer }} = await import(URL.createObjectURL(source));
const model = {{ get: (key) => values[key], set() {{}}, on() {{}}, off() {{}},
  save_changes() {{}}, send() {{}} }};
Object.assign(window, {{ explorer, model }});
window.leave = await explorer.render({{ model, el: document.querySelector("#place") }});
</script></body></html>"""


@pytest.fixture
def mount_explorer(browser):
    """A function that shows an explorer in a page of its own, and returns the page.

    An error in the console fails the test. Nothing begins to move by itself, unless
    `motion` lets it. A clock that is `stopped` goes on by `page.clock.run_for` alone.
    """
    wrong, contexts = [], []

    def mount(explorer, width=760, motion="reduce", stopped=False):
        settings = {"viewport": {"width": width, "height": 900}, "has_touch": True}
        contexts.append(browser.new_context(**settings, reduced_motion=motion))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: wrong.append(said.text) if said.type == "error" else None,
        )
        if stopped:
            page.clock.install(time=0)
            page.clock.pause_at(1000)
        page.set_content(
            EXPLORER_PAGE.format(
                css=explorer._css,
                module=json.dumps(explorer._esm),
                # A notebook, and so the site, keeps names in their order.
                values=json.dumps(explorer.saved()["state"], sort_keys=True),
            )
        )
        page.wait_for_selector(".explorer-root")
        return page

    yield mount
    for context in contexts:
        context.close()
    assert not wrong


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
