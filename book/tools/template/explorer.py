"""The explorer of chapter NUMBER."""

import traitlets

from utils import MODULE
from utils.explorers import Explorer
from utils.figures import MODULE as figures


class CLASSExplorer(Explorer):
    """A number and its double.

    Args:
        most: the largest number that the slider offers.
    """

    name = "MODULE"
    title = "Twice a number"
    description = "A slider sets x; the figure shows x and twice x."
    most = traitlets.Int(9, min=1).tag(sync=True)

    def still(self):
        """All that the slider can show, as a line."""
        xs = range(self.most + 1)
        return figures.line(xs, [MODULE.twice(x) for x in xs])
