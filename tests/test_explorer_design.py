"""The explorer of chapter 13 in a browser: its numbers are utils.design's."""

from test_explorers import state

from utils import design
from utils.explorers.design import DesignExplorer


def test_it_answers_to_the_keyboard(mount_explorer):
    page = mount_explorer(DesignExplorer())
    page.locator("input").press("ArrowRight")
    now = state(page)
    assert now["y"] == design.twice(now["x"]) == 4
