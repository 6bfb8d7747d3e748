"""The explorer of degradation in a browser: its numbers are those of the records."""

import copy
import re

import numpy as np
import pytest
from test_explorers import state

from utils import records
from utils.explorers import resnet as explorer
from utils.explorers.resnet import (
    ERRORS,
    KINDS,
    RECORDS,
    ResNetExplorer,
    degradation,
    degradation_figure,
)

DATA = {name: records.load_record(record) for name, record in RECORDS.items()}


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(ResNetExplorer())


def said(page):
    return page.locator(".ex-text").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def final(now, kind, depth):
    """Final errors in percent, one of each seed, straight from the record."""
    key = ERRORS[now["error"]]
    return 100 * (1 - records.curves(DATA[now["data"]], f"{kind}-{depth}", key)[:, -1])


def check(page):
    """State, sentence and picture are the record's."""
    now, words = state(page), said(page)
    depths = degradation(DATA[now["data"]])["depths"]
    assert words.startswith(f"{now['depth']} layers, {now['error']} error after")
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == (
        f"{now['depth']} layers"
    )
    for kind in KINDS:
        errors, first = final(now, kind, now["depth"]), final(now, kind, depths[0])
        shown = now[kind]
        numbers = [shown[k] for k in ("mean", "lowest", "highest", "shallowest")]
        wanted = [errors.mean(), errors.min(), errors.max(), first.mean()]
        assert numbers == pytest.approx(wanted, rel=1e-12)
        part = re.search(rf"{kind} ([^;]*?)(;|\. )", words + " ")[1]
        numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", part)]
        digit = [float(f"{value:.1f}") for value in wanted]  # as the chapter prints it
        assert numbers[0] == digit[0]
        if len(errors) > 1:
            assert numbers[1:3] == digit[1:3]
        if now["depth"] != depths[0]:
            times = float(re.search(r"([\d.]+) times the", part)[1])
            near = 0.06 if times < 10 else 0.6
            assert times == pytest.approx(errors.mean() / first.mean(), abs=near)
            base = re.search(rf"([\d.]+) % with {depths[0]} layers", part)[1]
            assert float(base) == digit[3]
    check_picture(page, now, depths)
    return now


def heights(page, panel, selector):
    """The places of an SVG's points from above, as the picture has them."""
    return page.locator(f".resnet-{panel} {selector}").get_attribute("points")


def check_picture(page, now, depths):
    """Points lie where the ticks of the axis say, to a pixel."""
    for panel in ("epoch", "depth"):
        ticks = {
            float(tick.get_attribute("data-tick")): float(
                tick.locator("line").get_attribute("y1")
            )
            for tick in page.locator(f".resnet-{panel} [data-tick]").all()
        }
        values = np.log(list(ticks))
        order = np.argsort(values)
        for kind in KINDS:
            if panel == "epoch":
                own = f'[data-kind="{kind}"][data-depth="{now["depth"]}"]'
                name, key = f"{kind}-{now['depth']}", ERRORS[now["error"]]
                curves = records.curves(DATA[now["data"]], name, key)
                errors = 100 * (1 - curves.mean(0))
            else:
                own = f'[data-kind="{kind}"]'
                errors = [final(now, kind, depth).mean() for depth in depths]
            points = heights(page, panel, own).split()
            drawn = [float(point.split(",")[1]) for point in points]
            y = np.interp(
                np.log(errors), values[order], np.array([*ticks.values()])[order]
            )
            np.testing.assert_allclose(drawn, y, atol=1)


def choose(page, label, option):
    page.get_by_role("combobox", name=label).select_option(option)


def test_it_begins_with_the_deepest_nets(page):
    now = check(page)
    assert (now["data"], now["error"]) == ("CIFAR-10", "training")
    assert now["depth"] == 56
    assert now["plain"]["mean"] > 2 * now["plain"]["shallowest"]
    assert now["residual"]["mean"] < now["residual"]["shallowest"]
    assert "this is not over-fitting" in said(page)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("data", RECORDS)
def test_every_depth_of_every_set(page, data, error):
    choose(page, "images", data)
    choose(page, "error", error)
    depths = degradation(DATA[data])["depths"]
    slider = page.get_by_role("slider")
    assert slider.get_attribute("max") == str(len(depths) - 1)
    for k, depth in enumerate(depths):
        slider.fill(str(k))
        now = check(page)
        assert (now["data"], now["error"], now["depth"]) == (data, error, depth)
        assert ("shallowest nets" in said(page)) == (k == 0)
        worse = final(now, "plain", depth).min() > final(now, "plain", depths[0]).max()
        verdict = {"training": "not over-fitting", "test": "Over-fitting?"}[error]
        assert (verdict in said(page)) == worse


def test_keys_alone_will_do(page):
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert check(page)["depth"] == 20
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    now = check(page)
    depths = degradation(DATA["digits"])["depths"]
    nearest = min(depths, key=lambda depth: abs(depth - 20))
    assert (now["data"], now["depth"]) == ("digits", nearest)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert check(page)["error"] == "test"


def test_mouse_and_finger_choose_a_depth(page):
    choose(page, "images", "digits")
    chart = page.locator(".resnet-depth svg")
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.1 * box["width"], middle)
    page.mouse.down()
    assert check(page)["depth"] == 8
    page.mouse.move(box["x"] + 0.49 * box["width"], middle)
    assert check(page)["depth"] == 32
    page.mouse.up()
    page.mouse.move(box["x"], middle)
    assert state(page)["depth"] == 32  # nothing is held any more
    chart.tap(position={"x": 0.8 * box["width"], "y": box["height"] / 2})
    assert check(page)["depth"] == 56


def test_names_of_the_curves_do_not_overlap(page):
    choose(page, "images", "digits")
    for k in range(6):
        page.get_by_role("slider").fill(str(k))
        for panel in ("epoch", "depth"):
            ends = [
                page.locator(f".resnet-{panel} text", has_text=kind).bounding_box()
                for kind in KINDS
            ]
            assert abs(ends[0]["y"] - ends[1]["y"]) > 0.9 * ends[0]["height"] - 2


def test_fits_a_narrow_phone(page):
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for control in page.locator("select, input").all():
        assert control.bounding_box()["height"] >= 40
    check(page)


# ---------------------------------------------------------------- from the record


def record_of(**accuracies):
    """As much of a record as `degradation` reads: variant -> seed -> accuracies."""
    runs = [
        {
            "variant": name.replace("_", "-"),
            "seed": seed,
            "curve": {"train_accuracy": curve, "test_accuracy": curve[::-1]},
        }
        for name, seeds in accuracies.items()
        for seed, curve in seeds.items()
    ]
    variants = {run["variant"]: {} for run in runs}
    return {"name": "made-up", "variants": variants, "runs": runs}


TWINS = {
    "residual_20": {0: [0.5, 0.987656], 1: [0.7, 0.9]},
    "plain_20": {0: [0.5, 0.75], 1: [0.5, 0.85]},
    "plain_8": {0: [0.5, 0.75], 1: [0.5, 0.75]},
    "residual_8": {0: [0.5, 0.75], 1: [0.5, 0.75]},
}


def test_mean_lowest_and_highest_by_hand():
    found = degradation(record_of(**TWINS))
    assert (found["depths"], found["epochs"], found["seeds"]) == ([8, 20], 2, 2)
    training = found["plain"]["20"]["training"]
    assert training["mean"] == pytest.approx([50, 20])
    assert training["lowest"] == pytest.approx([50, 15])
    assert training["highest"] == pytest.approx([50, 25])
    assert found["residual"]["20"]["training"]["lowest"] == pytest.approx([30, 1.2344])
    assert found["residual"]["20"]["test"]["highest"] == pytest.approx([10, 50])


@pytest.mark.parametrize("missing", TWINS)
def test_a_missing_twin_is_named(missing):
    record = record_of(**{k: v for k, v in TWINS.items() if k != missing})
    with pytest.raises(records.RecordError, match=missing.replace("_", "-")):
        degradation(record)


def test_a_missing_run_is_named():
    record = record_of(**TWINS | {"plain_20": {0: [0.5, 0.75]}})
    with pytest.raises(records.RecordError, match=r"'plain-20' with seeds \[0\]"):
        degradation(record)


def test_a_record_of_other_nets_is_refused():
    with pytest.raises(records.RecordError, match="no variants such as 'plain-20'"):
        degradation(record_of(ReLU=TWINS["plain_8"]))


def test_the_explorer_refuses_an_incomplete_record(monkeypatch):
    damaged = copy.deepcopy(DATA[next(iter(RECORDS))])
    damaged["runs"] = [r for r in damaged["runs"] if r["variant"] != "residual-20"]
    monkeypatch.setattr(explorer.records, "load_record", lambda name: damaged)
    with pytest.raises(records.RecordError, match="residual-20"):
        ResNetExplorer()


@pytest.mark.parametrize("data", RECORDS)
@pytest.mark.parametrize("error", ERRORS)
def test_the_still_has_both_kinds(data, error):
    runs = degradation(DATA[data])
    by_epoch, by_depth = degradation_figure(runs, error).axes
    assert len(by_epoch.lines) == 4
    for kind, line in zip(KINDS, by_depth.lines, strict=True):
        final = [runs[kind][str(d)][error]["mean"][-1] for d in runs["depths"]]
        assert list(line.get_ydata()) == final
    assert by_epoch.get_ylabel() == f"{error} error (%)"


def test_another_error_is_refused():
    with pytest.raises(ValueError, match="error must be one of .*, got 'validation'"):
        degradation_figure(degradation(DATA["digits"]), "validation")
