"""Plain and residual nets of several depths, as recorded: an explorer of chapter 10."""

import traitlets
from matplotlib.ticker import LogLocator

from utils import plotting, records
from utils.explorers import Explorer

RECORDS = {"CIFAR-10": "resnet-cifar10-quick", "digits": "resnet-digits"}
KINDS = ("plain", "residual")
ERRORS = {"training": "train_accuracy", "test": "test_accuracy"}
LOOKS = {
    "plain": {"color": plotting.COLORS["orange"], "ls": "--", "marker": "s"},
    "residual": {"color": plotting.COLORS["blue"], "ls": "-", "marker": "o"},
}


def degradation(record: dict) -> dict:
    """Errors of plain and residual nets by epoch, in percent.

    A training error is counted over an epoch while the net learns, each batch before
    the step that learns from it. Nothing is rounded here: what is printed with one
    digit must be the same from here as from the record.

    Args:
        record: of `load_record`; its variants are named "plain-20", "residual-56", ...

    Returns:
        {"depths": layers, rising; "epochs": a number; "seeds": a number; "plain" and
        "residual": depth as a string -> {"training" and "test": {"mean", "lowest" and
        "highest" over the seeds: one number for each epoch}}}.

    Raises:
        RecordError: there is no plain or residual net, or one of a depth or a seed
            lacks its twin.
    """
    names = [name.split("-") for name in record["variants"]]
    depths = sorted({int(name[1]) for name in names if name[0] in KINDS})
    if not depths:
        raise records.RecordError(
            f"record {record['name']!r} has no variants such as 'plain-20' and "
            f"'residual-20': {', '.join(record['variants'])}"
        )
    found = {kind: {} for kind in KINDS}
    seeds = epochs = None
    for depth in depths:
        for kind in KINDS:
            variant = f"{kind}-{depth}"
            own = [run["seed"] for run in records.runs(record, variant)]
            seeds = seeds or own
            if own != seeds:
                raise records.RecordError(
                    f"record {record['name']!r} has variant {variant!r} with seeds "
                    f"{own}, others with {seeds}: it is not complete"
                )
            found[kind][str(depth)] = errors = {}
            for name, key in ERRORS.items():
                percent = 100 * (1 - records.curves(record, variant, key))
                errors[name] = {
                    "mean": percent.mean(0).tolist(),
                    "lowest": percent.min(0).tolist(),
                    "highest": percent.max(0).tolist(),
                }
            epochs = len(errors["test"]["mean"])
    return {"depths": depths, "epochs": epochs, "seeds": len(seeds), **found}


def degradation_figure(runs: dict, error: str = "training"):
    """Figure: error by epoch of the shallowest and deepest nets, and by depth at last.

    Args:
        runs: of `degradation`.
        error: "training" or "test".

    Raises:
        ValueError: another error.
    """
    if error not in ERRORS:
        known = ", ".join(map(repr, ERRORS))
        raise ValueError(f"error must be one of {known}, got {error!r}")
    fig, axes = plotting.plt.subplots(1, 2, figsize=(6.4, 3), sharey=True)
    epochs, depths = range(1, runs["epochs"] + 1), runs["depths"]
    for kind, look in LOOKS.items():
        nets = runs[kind]
        for depth in (depths[0], depths[-1]):
            deepest = (
                {"lw": 2.6, "ms": 5} if depth == depths[-1] else {"lw": 1, "ms": 3}
            )
            label = f"{kind}, {depth} layers"
            curve = nets[str(depth)][error]["mean"]
            axes[0].plot(epochs, curve, **look | deepest, label=label)
        last = {
            part: [nets[str(depth)][error][part][-1] for depth in depths]
            for part in ("mean", "lowest", "highest")
        }
        axes[1].plot(depths, last["mean"], **look, ms=4, label=kind)
        if runs["seeds"] > 1:
            band = {"color": look["color"], "alpha": 0.15, "lw": 0}
            axes[1].fill_between(depths, last["lowest"], last["highest"], **band)
    axes[0].set(xlabel="epoch", ylabel=f"{error} error (%)", yscale="log")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].minorticks_off()
    axes[1].set(xlabel="layers", xticks=depths, title=f"after {runs['epochs']} epochs")
    for ax in axes:
        ax.legend(fontsize=8)
    return fig


class ResNetExplorer(Explorer):
    """Plain against residual nets at every recorded depth.

    Raises:
        RecordError: a record is missing or damaged, or lacks a net.
    """

    name = "resnet"
    title = "Deeper and deeper, with and without shortcuts"
    description = (
        "Training and test errors of plain and residual nets by epoch, and the last by "
        "depth: with more layers the plain nets fit even the training set far worse, "
        "the residual nets do not."
    )

    # Data set -> what `degradation` makes of its record.
    runs = traitlets.Dict().tag(sync=True)

    def __init__(self, **kwargs):
        runs = {
            name: degradation(records.load_record(record))
            for name, record in RECORDS.items()
        }
        super().__init__(runs=runs, **kwargs)

    def still(self):
        return degradation_figure(self.runs["digits"])
