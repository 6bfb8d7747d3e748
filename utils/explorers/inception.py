"""What a module of GoogLeNet costs, branch by branch: the explorer of chapter 9."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import traitlets

from utils import plotting
from utils.explorers import Explorer
from utils.inception import MODULES

SIZES = {"3": 28, "4": 14, "5": 7}  # of the maps in each stage
FIVES = ("5×5", "two 3×3")  # how the branch with a 5 x 5 window may look


class Cost(NamedTuple):
    """Of one branch: output channels, parameters and MACs for one image."""

    channels: int
    parameters: int
    macs: int


def module_budget(
    in_channels, size, one, three, five, pool, kind="5×5"
) -> dict[str, Cost]:
    """What each branch of an `InceptionBlock` without batch normalisation costs.

    Args:
        in_channels, one, three, five, pool: as for `InceptionBlock`.
        size: height and width of the maps.
        kind: one of FIVES.
    """
    window = [(*five, 5)]
    if kind == "two 3×3":
        window = [(*five, 3), (five[1], five[1], 3)]
    return _budget(
        size,
        {
            "1×1": [(in_channels, one, 1)],
            "3×3": [(in_channels, three[0], 1), (*three, 3)],
            "5×5": [(in_channels, five[0], 1), *window],
            "pool": [(in_channels, pool, 1)],
        },
    )


def naive_budget(in_channels, size, one, three, five) -> dict[str, Cost]:
    """What each branch of a `NaiveInceptionBlock` costs, by the same names."""
    costs = _budget(
        size,
        {
            "1×1": [(in_channels, one, 1)],
            "3×3": [(in_channels, three, 3)],
            "5×5": [(in_channels, five, 5)],
        },
    )
    return costs | {"pool": Cost(in_channels, 0, 0)}


def _budget(size, branches) -> dict[str, Cost]:
    """`Cost` of chains of (in, out, kernel) on maps of `size` x `size`."""
    costs = {}
    for name, chain in branches.items():
        weights = sum(n_in * n_out * kernel**2 for n_in, n_out, kernel in chain)
        biases = sum(n_out for _, n_out, _ in chain)
        costs[name] = Cost(chain[-1][1], weights + biases, weights * size**2)
    return costs


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
