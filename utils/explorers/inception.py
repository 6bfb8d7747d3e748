"""What a module of GoogLeNet costs, branch by branch: the explorer of chapter 9."""

import matplotlib.pyplot as plt
import traitlets

from utils import plotting
from utils.explorers import Explorer
from utils.inception import MODULES, module_budget, naive_budget

SIZES = {"3": 28, "4": 14, "5": 7}  # of the maps in each stage


def presets() -> list[dict]:
    """The nine modules of GoogLeNet, with what they read: channels and map size."""
    found, channels = [], 192
    for name, (one, three, five, pool) in MODULES.items():
        found.append(
            {
                "name": name,
                "in_channels": channels,
                "size": SIZES[name[0]],
                "one": one,
                "three": list(three),
                "five": list(five),
                "pool": pool,
            }
        )
        channels = one + three[1] + five[1] + pool
    return found


def budgets(preset) -> tuple[dict, dict]:
    """`module_budget` and `naive_budget` of one of the `presets`."""
    widths = [preset[key] for key in ("one", "three", "five", "pool")]
    read = preset["in_channels"], preset["size"]
    naive = naive_budget(*read, widths[0], widths[1][1], widths[2][1])
    return module_budget(*read, *widths), naive


def budget_bars(preset):
    """Figure: parameters of each branch, naive and reduced, one bar above the other.

    Args:
        preset: one of the `presets`.
    """
    mine, naive = budgets(preset)
    fig, ax = plt.subplots(figsize=(6.4, 2.6))
    names = list(mine)
    looks = (
        (naive, 0.2, {"fc": plotting.LINE, "ec": plotting.MUTED, "hatch": "////"}),
        (mine, -0.2, {"color": plotting.PALETTE[1]}),
    )
    for (costs, shift, look), label in zip(looks, ("naive", "reduced"), strict=True):
        values = [costs[name].parameters for name in names]
        places = [shift - k for k in range(len(names))]
        ax.barh(places, values, height=0.36, label=label, **look)
        for place, value in zip(places, values, strict=True):
            ax.text(value, place, f" {value:,}", va="center", fontsize=8)
    ax.set_yticks([-k for k in range(len(names))], names)
    most = max(c.parameters for c in [*naive.values(), *mine.values()])
    ax.set(xlabel="parameters", xlim=(0, 1.2 * most))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.legend(loc="lower right")
    return fig


class InceptionExplorer(Explorer):
    """The budget of an Inception module, to be spent by hand.

    Args:
        start: name of the module of GoogLeNet that is shown first, "3a" to "5b".

    Raises:
        traitlets.TraitError: another name.
    """

    name = "inception"
    title = "Spend a budget on an Inception module"
    description = (
        "The four branches of a module with their parameters and MACs, naive and with "
        "1×1 reductions, for the nine modules of GoogLeNet or for channels of your own."
    )

    start = traitlets.Enum(list(MODULES), default_value="3a").tag(sync=True)
    presets = traitlets.List(default_value=presets(), read_only=True).tag(sync=True)

    def still(self):
        (chosen,) = (p for p in self.presets if p["name"] == self.start)
        return budget_bars(chosen)
