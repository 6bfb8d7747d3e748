"""The explorer of chapter 9 in a browser: its numbers are Python's."""

import re

import pytest
import traitlets
from test_explorers import state

from utils.explorers.inception import (
    FIVES,
    InceptionExplorer,
    budgets,
    module_budget,
    naive_budget,
    presets,
)

SLIDERS = {
    "channels in": 480,
    "1×1": 40,
    "3×3: reduce to": 16,
    "3×3: out": 200,
    "5×5: reduce to": 8,
    "5×5: out": 136,
    "after the pool": 72,
}


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(InceptionExplorer())


def check(page):
    """Both budgets are Python's, in the state, in the table and in the sentence."""
    now = state(page)
    read = now["from"], now["size"]
    three, five = now["three"], now["five"]
    budget = module_budget(*read, now["one"], three, five, now["pool"], now["kind"])
    naive = naive_budget(*read, now["one"], three[1], five[1])
    for name, costs in (("module", budget), ("naive", naive)):
        for branch, cost in costs.items():
            mine = now[name][branch]
            assert mine["channels"] == cost.channels
            assert mine["parameters"] == cost.parameters
            assert mine["macs"] == cost.macs
    for name, costs in (("naive", naive), ("module", budget)):
        shown = [number(page, branch, name) for branch in (*costs, "total")]
        wanted = [getattr(cost, now["show"]) for cost in costs.values()]
        wanted = [*wanted, sum(wanted)]
        near = 0.06e6 if now["show"] == "macs" else 0
        assert shown == pytest.approx(wanted, abs=near, rel=0)
    out = page.locator('[data-row="total"] .inc-out').inner_text()
    widths = [sum(c.channels for c in costs.values()) for costs in (naive, budget)]
    assert out == f"{widths[0]} → {widths[1]}"
    said = page.locator(".ex-text").inner_text()
    totals = [sum(c.parameters for c in costs.values()) for costs in (budget, naive)]
    assert f": {totals[0]:,} parameters" in said
    assert f"Naive: {totals[1]:,} parameters" in said
    assert f"{widths[1]} channels out. Naive" in said
    saved = 100 * (1 - totals[0] / totals[1])
    verb, share = re.search(r"(save|add) (\d+) % of the parameters", said).groups()
    assert verb == ("save" if saved >= 0 else "add")
    assert int(share) == pytest.approx(abs(saved), abs=0.51)
    return now


def number(page, branch, kind):
    """What the table shows of a branch; M stands for millions."""
    line = page.locator(f'[data-row="{branch}"] [data-kind="{kind}"] .inc-number')
    text = line.inner_text()
    value = float(text.removesuffix(" M").replace(",", ""))
    return value * 1e6 if text.endswith(" M") else value


def set_slider(page, name, value):
    page.get_by_role("slider", name=name, exact=True).fill(str(value))


def test_starts_with_the_first_module(page):
    now = check(page)
    assert now["preset"] == "3a"
    said = page.locator(".ex-text").inner_text()
    assert said.startswith("Module 3a of GoogLeNet: 163,696 parameters")
    assert "Naive: 387,296 parameters" in said
    assert page.locator('[data-row="total"] .inc-out').inner_text() == "416 → 256"


@pytest.mark.parametrize("show", ["parameters", "macs"])
def test_every_module_of_googlenet(page, show):
    page.get_by_label("show").select_option(show)
    for preset in presets():
        page.get_by_label("start from").select_option(preset["name"])
        now = check(page)
        assert now["preset"] == preset["name"]
        assert now["from"] == preset["in_channels"]
        for key in ("size", "one", "three", "five", "pool"):
            assert now[key] == preset[key]
        sliders = page.get_by_role("slider").all()
        shown = [int(s.input_value()) for s in sliders]
        assert shown == [
            preset["in_channels"],
            preset["one"],
            *preset["three"],
            *preset["five"],
            preset["pool"],
        ]


@pytest.mark.parametrize("kind", FIVES)
def test_a_module_of_ones_own(page, kind):
    page.get_by_label("5×5 as").select_option(kind)
    page.get_by_label("maps of").select_option("14")
    for name, value in SLIDERS.items():
        set_slider(page, name, value)
        assert check(page)["preset"] == "own"
    now = check(page)
    assert (now["from"], now["size"], now["one"], now["pool"]) == (480, 14, 40, 72)
    assert (now["three"], now["five"], now["kind"]) == ([16, 200], [8, 136], kind)
    assert page.locator(".ex-text").inner_text().startswith("Your module")
    page.get_by_label("start from").select_option("4a")
    assert check(page)["kind"] == kind  # a preset is of channels and size
    assert ("and the two 3×3 " in page.locator(".ex-text").inner_text()) == (
        kind != "5×5"
    )
    own = kind != "5×5"  # GoogLeNet's modules have one 5×5
    assert page.locator(".ex-text").inner_text().startswith("Your module") == own


def test_reductions_may_cost_more_than_they_save(page):
    set_slider(page, "3×3: reduce to", 512)
    set_slider(page, "5×5: reduce to", 256)
    check(page)
    assert "The reductions add" in page.locator(".ex-text").inner_text()


def test_bars_are_as_long_as_their_numbers(page):
    wide = {
        kind: page.locator(
            f'[data-row="total"] [data-kind="{kind}"] .inc-bar'
        ).bounding_box()["width"]
        for kind in ("naive", "module")
    }
    assert wide["module"] / wide["naive"] == pytest.approx(163_696 / 387_296, abs=0.01)
    point = page.locator('[data-row="5×5"] [data-kind="module"] .inc-point')
    whole = page.locator('[data-row="5×5"] [data-kind="module"] .inc-bar')
    share = point.bounding_box()["width"] / whole.bounding_box()["width"]
    assert share == pytest.approx(192 / (192 + 25 * 32), abs=0.05)


def test_few_macs_are_not_rounded_to_nothing(page):
    page.get_by_label("show").select_option("macs")
    page.get_by_label("maps of").select_option("7")
    for name in SLIDERS:
        set_slider(page, name, 8)
    check(page)
    assert number(page, "1×1", "module") == 7 * 7 * 8 * 8
    assert "0.0 M" not in page.locator("table").inner_text()


def test_keys_alone_will_do(page):
    page.get_by_label("start from").focus()
    page.keyboard.press("ArrowDown")
    assert check(page)["preset"] == "3b"
    page.get_by_role("slider", name="1×1", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert check(page)["one"] == 136


def test_fits_a_narrow_phone(page):
    page.set_viewport_size({"width": 320, "height": 900})
    for show in ("macs", "parameters"):
        page.get_by_label("show").select_option(show)
        for name in ("3a", "5b"):
            page.get_by_label("start from").select_option(name)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            box = page.locator('[data-row="total"] td').first.bounding_box()
            for line in page.locator('[data-row="total"] .inc-number').all():
                text = line.bounding_box()
                assert text["x"] + text["width"] <= box["x"] + box["width"] + 1
    check(page)


def test_another_start(mount_explorer):
    assert check(mount_explorer(InceptionExplorer(start="4e")))["preset"] == "4e"
    assert InceptionExplorer(start="5b").still() is not None


@pytest.mark.parametrize("start", ["3c", "own", None, 3])
def test_unknown_modules_are_refused(start):
    with pytest.raises(traitlets.TraitError, match="start"):
        InceptionExplorer(start=start)


def test_presets_are_the_networks_modules():
    first, *_, last = presets()
    mine, naive = budgets(first)
    assert sum(c.parameters for c in mine.values()) == 163_696
    assert sum(c.parameters for c in naive.values()) == 387_296
    assert sum(c.channels for c in budgets(last)[0].values()) == 1024
    assert (last["in_channels"], last["size"]) == (832, 7)
