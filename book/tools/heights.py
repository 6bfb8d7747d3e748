"""How high each explorer is, by the width of its place: `book/site/heights.json`.

    python book/tools/heights.py

An explorer comes alive when its reader comes near. Until then its place is kept, as
high as it will be, so that nothing below it moves. The file has, for each explorer of
the chapters, the corners (width, height) of a line that its height follows; they are
measured here, in a browser, with the site's style sheet and as the site mounts it.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book.site import notebooks  # noqa: E402
from book.tools import browser, layout  # noqa: E402
from utils.explorers import SAVED  # noqa: E402

THEME = ROOT / "book/site/theme/static/book"
MARGIN = 32  # of the window, left and right of the text
PHONE = range(286, 480 - MARGIN + 1, 8)  # widths of the place, in pixels
WIDE = range(456, 736 + 1, 8)
TOLERANCE = 0.02  # part of the height, by which the line may miss what was measured
PAGE = """<!DOCTYPE html><html lang="en" class="js" data-theme="light"><head>
<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>
<div class="frame"><main><article><section><div class="cell_output">
<div class="output text_html">{markup}</div></div></section></article></main></div>
<script>{script}</script></body></html>"""
HEIGHT = """() => {
  for (const box of document.querySelectorAll(".ex-scroll")) // as site.js does
    box.classList.toggle("scrolls", box.scrollWidth > box.clientWidth + 1);
  return document.querySelector(".explorer").offsetHeight;
}"""


def explorers() -> dict[str, dict]:
    """Name → the output of each explorer of the chapters."""
    found = {}
    for chapter in layout.chapters(ROOT):
        path = ROOT / f"chapters/{chapter.slug}.ipynb"
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if SAVED in output.get("data", {}):
                    name = output["data"][SAVED]["explorer"]
                    found[name] = {SAVED: output["data"][SAVED]}
    return found


def measure(chromium, markup: str) -> list[tuple[int, int]]:
    """(width, height) of an explorer in places of many widths."""
    page = PAGE.format(
        style=(THEME / "site.css").read_text(encoding="utf-8"),
        script=(THEME / "mount.js").read_text(encoding="utf-8"),
        markup=markup,
    )
    found = []
    for widths, touch in ((PHONE, True), (WIDE, False)):
        context = chromium.new_context(
            viewport={"width": widths[-1] + MARGIN, "height": 900},
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",
        )
        tab = context.new_page()
        tab.set_content(page)
        tab.wait_for_selector(".explorer[data-state=live]")
        for width in widths:
            tab.set_viewport_size({"width": width + MARGIN, "height": 900})
            tab.evaluate("() => new Promise(requestAnimationFrame)")
            found.append((width, tab.evaluate(HEIGHT)))
        context.close()
    return found


def corners(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The few of these points between which the others lie on lines, nearly."""
    (x, y), (u, v) = found[0], found[-1]
    miss = [abs(1 - (y + (v - y) * (w - x) / max(u - x, 1)) / h) for w, h in found]
    worst = miss.index(max(miss))
    if miss[worst] <= TOLERANCE:
        return [found[0], found[-1]]
    return [*corners(found[: worst + 1])[:-1], *corners(found[worst:])]


def main() -> int:
    from playwright.sync_api import sync_playwright

    heights = {}
    with sync_playwright() as playwright:
        chromium = browser.find_chromium().launch(playwright)
        for name, data in explorers().items():
            markup = notebooks.Page({"cells": []}, "").output(data, {})
            heights[name] = corners(measure(chromium, markup))
        chromium.close()
    lines = [f"  {json.dumps(n)}: {json.dumps(c)}" for n, c in heights.items()]
    notebooks.HEIGHTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
