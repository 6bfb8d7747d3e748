"""Figures of chapter 10: data in, a Matplotlib figure out."""

import matplotlib.pyplot as plt
import numpy as np

from utils import plotting

LOOKS = {
    "plain": {"color": plotting.COLORS["orange"], "marker": "s"},
    "residual": {"color": plotting.COLORS["blue"], "marker": "o"},
    "highway": {"color": plotting.COLORS["green"], "marker": "^"},
    "no norm, He": {"color": plotting.COLORS["green"], "marker": "^"},
    "no norm, default": {"color": plotting.MUTED, "marker": "v"},
}


def errors_by_depth(errors: dict):
    """A dot for each seed and a line through the means.

    Args:
        errors: depth -> training errors in percent, one for each seed.
    """
    fig, ax = plt.subplots(figsize=(5, 2.8))
    for depth, values in errors.items():
        ax.plot([depth] * len(values), values, "o", ms=4, c=plotting.MUTED)
    means = [np.mean(values) for values in errors.values()]
    ax.plot(list(errors), means, c=plotting.COLORS["orange"])
    ax.set(xlabel="layers", ylabel="training error in %", ylim=(0, 100))
    ax.set_xticks(list(errors))
    return fig


def number_grids(grids: dict, size=(5.6, 1.9), widths=None):
    """Small maps side by side: title -> array (H, W) of whole numbers."""
    fig, axes = plt.subplots(1, len(grids), figsize=size, width_ratios=widths)
    for ax, (title, values) in zip(axes, grids.items(), strict=True):
        plotting.number_grid(ax, np.asarray(values).astype(int), title)
    return fig


def unit_diagrams(units: dict, height=3.0):
    """Units from top to bottom, side by side, a shortcut on the right of each.

    Args:
        units: title -> (labels of the layers, whether there is a shortcut).
        height: of the figure, in inches.
    """
    fig, axes = plt.subplots(1, len(units), figsize=(5, height))
    for ax, (title, (layers, residual)) in zip(axes, units.items(), strict=True):
        _draw_unit(ax, layers, residual)
        ax.set_title(title, loc="center")
    return fig


def _draw_unit(ax, layers, residual):
    boxes = [box for box in ("x", *layers, "+" if residual else "", "ReLU") if box]
    heights = -np.arange(len(boxes), dtype=float)
    wire = {"arrowstyle": "-|>", "color": plotting.MUTED, "lw": 1}
    for text, h in zip(boxes, heights, strict=True):
        _box(ax, 0, h, text, "×" in text, lw=1.4)
    for h in heights[1:]:
        ax.annotate("", (0, h + 0.28), (0, h + 0.72), arrowprops=wire)
    if residual:
        bend = {
            "connectionstyle": "arc,angleA=0,armA=52,angleB=0,armB=52,rad=12",
            "color": plotting.PALETTE[1],
            "lw": 1.6,
        }
        ax.annotate("", (0.12, heights[-2]), (0.12, 0), arrowprops=wire | bend)
    ax.set(xlim=(-1, 1.2), ylim=(heights[-1] - 0.5, 0.5))
    ax.set_axis_off()


def _box(ax, x, y, text, convolution, **frame):
    color = plotting.PALETTE[0] if convolution else plotting.LINE
    frame = {"boxstyle": "round,pad=0.25", "ec": color, "fc": plotting.PAPER, **frame}
    ax.text(x, y, text, bbox=frame, ha="center", va="center", fontsize=8)


def order_diagrams(units: dict):
    """The order of things in units, each as a line of words with its shortcut above.

    Args:
        units: title -> (labels of F, labels of what follows the addition).
    """
    fig, axes = plt.subplots(len(units), 1, figsize=(6.4, 2.4))
    for ax, (title, (parts, after)) in zip(axes, units.items(), strict=True):
        for k, text in enumerate(["x", *parts, "+", *after]):
            _box(ax, k, 0, text, "3×3" in text)
        bend = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.25"}
        bend |= {"color": plotting.PALETTE[1], "lw": 1.6}
        ends = (0.1, 0.25), (len(parts) + 0.9, 0.25)
        ax.annotate("", ends[1], ends[0], arrowprops=bend)
        ax.set_title(title, loc="left")
        ax.set(xlim=(-0.5, 8.5), ylim=(-0.6, 1.9))
        ax.set_axis_off()
    return fig


def copy_errors(curves: dict):
    """How far stacks are from copying, by step.

    Args:
        curves: (kind, number of units) -> errors.
    """
    fig, ax = plt.subplots(figsize=(5, 2.8))
    for (kind, count), errors in curves.items():
        style, color = "-" if count == 1 else "--", LOOKS[kind]["color"]
        ax.plot(errors, style, color=color, label=f"{count} {kind}")
    ax.set(yscale="log", xlabel="step", ylabel="error of the copy")
    ax.legend(loc="lower left")
    return fig


def work_by_layer(work: dict, totals: dict):
    """Bars of MACs, layer by layer, one panel a net; arcs for the last one's shortcuts.

    Args:
        work: name -> MACs of each layer on the main path, in order.
        totals: name -> MACs of the net, projections included.
    """
    fig, axes = plt.subplots(len(work), 1, figsize=(6.4, 3.6), sharex=True, sharey=True)
    for ax, (name, macs) in zip(axes, work.items(), strict=True):
        macs = np.array(macs) / 1e9
        ax.bar(range(1, len(macs) + 1), macs)
        ax.set_ylabel("10⁹ MACs")
        ax.set_title(f"{name}: {totals[name] / 1e9:.2f} together")
    axes[-1].set_xlabel("layer")
    arc = {"arrowstyle": "-", "connectionstyle": "arc3,rad=-0.6"}
    for start in range(2, len(macs), 2):
        ends = (start + 1.5, 0.2), (start - 0.5, 0.2)
        axes[-1].annotate("", *ends, arrowprops=arc | {"ec": plotting.PALETTE[1]})
    return fig


def gradient_lengths(norms: dict):
    """The gradient's length by unit, on a logarithmic scale.

    Args:
        norms: (kind, seed) -> one length for each unit.
    """
    fig, ax = plt.subplots(figsize=(5.4, 3.2))
    for (kind, seed), line in norms.items():
        label = kind if seed == 0 else None
        ax.plot(range(1, len(line) + 1), line, ms=3, lw=1, label=label, **LOOKS[kind])
    ax.set(yscale="log", xlabel="unit, from the image to the answer")
    ax.set_ylabel("length of the gradient")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.72))
    return fig


def promises(promised, kept: dict):
    """The fall of the loss that came against the one that the gradient promised.

    Args:
        promised: falls that the gradient promises.
        kept: (kind, depth, seed) -> falls that came.
    """
    fig, ax = plt.subplots(figsize=(5, 2.9))
    ax.plot(promised, promised, color=plotting.MUTED, lw=1, label="promised")
    deepest = max(depth for _, depth, _ in kept)
    for (kind, depth, seed), line in kept.items():
        look = LOOKS[kind] | {"ms": 3, "lw": 1, "ls": "-" if depth == deepest else "--"}
        label = f"{kind}, {depth}" if seed == 0 else None
        ax.plot(promised, line, label=label, **look)
    ax.set(xlabel="fall of the loss that the gradient promises")
    ax.set_ylabel("fall that comes")
    ax.legend()
    return fig


def first_rates(rates: dict):
    """The learning rate of the first point by depth: (kind, depth, seed) -> rate."""
    fig, ax = plt.subplots(figsize=(4.4, 2.6))
    depths, seeds = (sorted({key[k] for key in rates}) for k in (1, 2))
    for kind in dict.fromkeys(key[0] for key in rates):
        line = np.array([[rates[kind, d, seed] for seed in seeds] for d in depths])
        for k, values in enumerate(line.T):
            label = None if k else kind
            ax.plot(depths, values, ms=4, lw=1, label=label, **LOOKS[kind])
    ax.set(yscale="log", xlabel="layers", xticks=depths)
    ax.set_ylabel("learning rate")
    ax.legend()
    return fig


def training_errors(histories: dict):
    """Errors by epoch, on the training digits and on new ones.

    Args:
        histories: "plain, 20" and so on -> a `History` of `fit`.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.3), sharey=True)
    deepest = max(int(name.split(", ")[1]) for name in histories)
    for name, history in histories.items():
        kind, depth = name.split(", ")
        look = LOOKS[kind] | {"ls": "-" if int(depth) == deepest else "--", "ms": 4}
        curves = history.train_accuracy, history.test_accuracy
        for ax, right in zip(axes, curves, strict=True):
            epochs = range(1, len(right) + 1)
            ax.plot(epochs, 100 * (1 - np.array(right)), label=name, **look)
            ax.set(xlabel="epoch", xticks=epochs, ylim=(0, 100))
    axes[0].set(ylabel="error in %", title="training digits")
    axes[1].set(title="new digits")
    names = axes[0].get_legend_handles_labels()
    fig.legend(*names, loc="outside upper left", ncols=3)
    return fig


def gates(values, start: float):
    """The mean of the gates of each unit, with the range that eight tenths are in.

    Args:
        values: one array a unit, of numbers from 0 to 1.
        start: where the gates began.
    """
    fig, ax = plt.subplots(figsize=(5, 2.6))
    units = np.arange(1, len(values) + 1)
    low, high = np.transpose([np.quantile(v, [0.1, 0.9]) for v in values])
    ax.vlines(units, low, high, color=LOOKS["highway"]["color"], lw=5, alpha=0.35)
    ax.plot(units, [v.mean() for v in values], ls="", **LOOKS["highway"])
    ax.axhline(start, color=plotting.INK, lw=1, ls=":")
    ax.set(xlabel="unit, from the image to the answer", ylabel="gate T")
    ax.set(ylim=(0, 1), xticks=units)
    return fig


def dropped_units(errors: dict, whole: dict):
    """Error of a net when one unit is missing, a bar for each.

    Args:
        errors: "plain, 20" and so on -> {name of the unit: error in percent}.
        whole: the same names -> error of the whole net.
    """
    widths = [len(bars) + 3 for bars in errors.values()]
    fig, axes = plt.subplots(
        1, len(errors), figsize=(6.8, 2.9), sharey=True, width_ratios=widths
    )
    for ax, (name, bars) in zip(axes, errors.items(), strict=True):
        color = LOOKS[name.split(", ")[0]]["color"]
        ax.bar(range(len(bars)), bars.values(), color=color)
        ax.axhline(whole[name], color=plotting.INK, lw=1, ls=":")
        names = [unit.removeprefix("layer") for unit in bars]
        ax.set_xticks(range(len(bars)), names, rotation=90, fontsize=7)
        ax.set(title=name, xlabel="dropped unit")
    axes[0].set(ylabel="error on new digits, %", ylim=(0, 100))
    return fig


def shares_and_drops(shares, many):
    """How much each unit adds, and the error when several are dropped.

    Args:
        shares: size of F(x) beside the shortcut, for each unit.
        many: errors in percent with 1, 2, ... units dropped, several choices each.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 2.7))
    axes[0].bar(range(1, len(shares) + 1), shares)
    axes[0].set(xlabel="unit", ylabel="size of F(x), beside the shortcut")
    counts = range(1, len(many) + 1)
    for count, errors in zip(counts, many, strict=True):
        axes[1].plot([count] * len(errors), errors, "o", ms=4, c=plotting.PALETTE[0])
    axes[1].plot(counts, np.mean(many, axis=1), c=plotting.PALETTE[0])
    axes[1].set(xlabel="units dropped", ylabel="error on new digits, %")
    axes[1].set(ylim=(0, 100), xticks=counts)
    return fig


def photograph_errors(errors: dict):
    """Errors by epoch on photographs, a panel for training and one for test.

    Args:
        errors: ("plain-20" and so on, "train" or "test") -> percent by epoch.
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharey=True)
    for (variant, part), line in errors.items():
        kind, depth = variant.split("-")
        style, color = {"20": "--", "56": "-"}[depth], LOOKS[kind]["color"]
        ax = axes[int(part == "test")]
        ax.plot(range(1, len(line) + 1), line, style, color=color, label=variant)
        ax.set(xlabel="epoch", ylim=(0, 90), xticks=[1, 5, 10, 15, 20])
    axes[0].set(ylabel="error in %", title="training photographs")
    axes[1].set(title="test photographs")
    axes[0].legend()
    return fig


def photograph_gradients(lines: dict):
    """The gradient's length by unit after some epochs of training.

    Args:
        lines: (kind, epoch) -> one length for each unit; the first epoch is dotted.
    """
    fig, ax = plt.subplots(figsize=(5.4, 2.8))
    for (kind, epoch), line in lines.items():
        style, color = ":" if epoch == 1 else "-", LOOKS[kind]["color"]
        units = range(1, len(line) + 1)
        ax.plot(units, line, style, color=color, label=f"{kind}, epoch {epoch}")
    ax.set(yscale="log", xlabel="unit", ylabel="length of the gradient")
    ax.set(ylim=(1e-3, None))
    ax.legend(loc="lower left", ncols=2)
    return fig


def recipes(errors: dict, paper: float):
    """Test errors by epoch, a thin line for each seed, and the paper's last.

    Args:
        errors: recipe -> percent, (seeds, epochs).
        paper: percent.
    """
    fig, ax = plt.subplots(figsize=(4.9, 3))
    for k, (recipe, lines) in enumerate(errors.items()):
        epochs = range(1, lines.shape[1] + 1)
        color = plotting.PALETTE[[1, 2, 0][k]]
        look = {"color": color, "ls": ["--", "-.", "-"][k]}
        ax.plot(epochs, lines[0], lw=1.2, label=recipe, **look)
        ax.plot(epochs, lines[1:].T, lw=1.2, **look)
    ax.axhline(paper, color=plotting.MUTED, lw=1, ls=":")
    ax.annotate(f"paper, {paper} %", (1, paper), (0, 3), textcoords="offset points")
    ax.set(xlabel="epoch", ylabel="error on test photographs, %", ylim=(0, 50))
    ax.set_xticks([1, 10, 20, 30, 40])
    ax.legend()
    return fig


def networks(work: dict, pace: dict, errors: dict):
    """Errors against the work for one image, and against the time of training.

    Args:
        work: name -> million MACs for one image.
        pace: name -> seconds of an epoch.
        errors: name -> test errors in percent, (seeds, epochs).
    """
    fig, axes = plt.subplots(1, 2, figsize=(6.4, 3), sharey=True)
    for k, (name, lines) in enumerate(errors.items()):
        look = {"color": plotting.PALETTE[k], "marker": plotting.MARKERS[k]}
        last = lines[:, -1]
        axes[0].plot([work[name]] * len(last), last, ls="", label=name, **look)
        minutes = pace[name] / 60 * np.arange(1, lines.shape[1] + 1)
        axes[1].plot(minutes, lines.mean(0), ms=3, lw=1.2, **look)
    axes[0].set(xscale="log", xlabel="million MACs an image", xlim=(0.3, 100))
    axes[0].set(ylabel="error on test photographs, %", ylim=(0, 70))
    axes[0].xaxis.set_major_formatter("{x:g}")
    axes[1].set(xlabel="minutes of training, one core")
    axes[0].legend(loc="upper right")
    return fig
