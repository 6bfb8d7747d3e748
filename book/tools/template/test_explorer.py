"""The explorer of chapter NUMBER in a browser: its numbers are those of `utils`."""

from test_explorers import state

from utils import MODULE
from utils.explorers.MODULE import CLASSExplorer


def test_it_answers_to_the_keyboard(mount_explorer):
    page = mount_explorer(CLASSExplorer())
    page.locator("input").press("ArrowRight")
    now = state(page)
    assert now["y"] == MODULE.twice(now["x"]) == 4
