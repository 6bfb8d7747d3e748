"""The explorer of chapter 12 in a browser: its neighbours are those of the module."""

import json

import numpy as np
import pytest
import torch
import traitlets
from test_explorers import state

from utils.explorers import transfer
from utils.explorers.transfer import COUNT, NEAR, SHOWN, TransferExplorer


@pytest.fixture
def page(mount_explorer):
    return mount_explorer(TransferExplorer())


@pytest.fixture(scope="module")
def known():
    return transfer.unpacked(TransferExplorer().known)


def check(page, known):
    """Rows, frames and the sentence are those of the file."""
    _, labels, near = known
    now = state(page)
    k = now["shown"]
    for space, found in near.items():
        assert now["near"][space] == found[k].tolist()
        row = page.get_by_role("group", name=space, exact=True)
        wrong = int((labels[found[k]] != labels[k]).sum())
        assert row.locator(".transfer-other").count() == wrong
        same = near[space][labels == labels[k]]
        share = f"{100 * (labels[same] != labels[k]).mean():.0f}"
        said = page.locator(".ex-text").inner_text()
        assert f"{space} {wrong} of {NEAR}, {share} %" in said
    return now


def test_the_file_holds_the_digits_and_their_neighbours(known):
    pixels, labels, near = known
    x, y = transfer.digits()
    np.testing.assert_array_equal(labels, y)
    assert np.abs(pixels - x[:, 0]).max() < 1 / 29
    distances = torch.cdist(*2 * [torch.tensor(x).flatten(1)]).fill_diagonal_(torch.inf)
    found = torch.tensor(near["pixels"]).long()
    nearest = distances.sort().values[:, :NEAR]
    torch.testing.assert_close(distances.gather(1, found), nearest)
    for rows in near.values():
        assert rows.shape == (COUNT, NEAR)
        assert not (rows == np.arange(COUNT)[:, None]).any()


def test_the_claims_of_the_chapter_about_it(known):
    """F6, made for 0 to 4, is best for these and worse than pixels for the others."""
    _, labels, near = known
    wrong = {s: labels[rows] != labels[:, None] for s, rows in near.items()}
    old = {s: w[labels < 5].mean() for s, w in wrong.items()}
    new = {s: w[labels >= 5].mean() for s, w in wrong.items()}
    assert min(new, key=new.get) == "LeNet-5, S4"
    assert new["LeNet-5, F6"] > 1.2 * new["pixels"]
    assert old["LeNet-5, F6"] < old["pixels"]


def test_starts_with_its_digit(page, known):
    assert check(page, known)["shown"] == SHOWN


def test_mouse_finger_and_menu_choose_a_digit(page, known):
    page.get_by_role("button", name="LeNet-5, F6, neighbour 2").click()
    first = check(page, known)
    assert first["shown"] == known[2]["LeNet-5, F6"][SHOWN][1]
    page.get_by_role("button", name="number 3 of 20").tap()
    assert check(page, known)["label"] == first["label"]
    page.locator("select").select_option("7")
    now = check(page, known)
    assert now["label"] == 7
    assert now["shown"] == 7


def test_keyboard_walks_along_the_shelf(page, known):
    page.locator("select").select_option("4")
    page.get_by_role("button", name="number 1 of 20").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert check(page, known)["shown"] == 24
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "digit 4, number 3 of 20"
    page.get_by_role("button", name="pixels, neighbour 1").focus()
    page.keyboard.press("Enter")
    assert check(page, known)["shown"] == known[2]["pixels"][24][0]


def test_it_is_light():
    assert len(json.dumps(TransferExplorer().known)) < 120_000


@pytest.mark.parametrize("shown", [-1, COUNT])
def test_there_is_no_such_digit(shown):
    with pytest.raises(traitlets.TraitError):
        TransferExplorer(shown=shown)


@pytest.mark.parametrize("width", [320, 390])
def test_fits_a_phone(mount_explorer, width):
    page = mount_explorer(TransferExplorer(), width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
