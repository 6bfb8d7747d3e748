"""Where the numbers of results.md come from."""

import numpy as np

from book.facts import cited, computed
from utils import counting, design, dissection, experiments, records, resnet
from utils.fast_cifar import FastNet


def raced(name):
    """Rate, epochs to 50 and 25 %, and last errors of a runner of chapter 8."""
    record = records.load_record("alexnet-race")
    curves = records.curves(record, name, "train_accuracy")
    return (
        record["variants"][name]["learning_rate"],
        *(
            records.epochs_to_reach(curve, share) or "none"
            for share in (0.5, 0.75)
            for curve in curves
        ),
        *(100 - 100 * curves[:, -1]),
    )


def tried(name):
    """A small start's deviation, if it is one, a rate, and its training error."""
    record = records.load_record("alexnet-race-choice")
    (share,) = records.finals(record, name, "train_accuracy")
    small = (0.01,) if "σ" in name else ()
    return *small, record["variants"][name]["learning_rate"], 100 - 100 * share


def left_out(name):
    """Mean training error in per cent, and the errors of each seed."""
    record = records.load_record("alexnet-ingredients")
    learnt = records.finals(record, name, "train_accuracy")
    return 100 - 100 * np.mean(learnt), *records.finals(record, name)


def transferred(name, labels):
    """Mean, lowest and highest share of right answers of each way, in %."""
    record, numbers = records.load_record(f"transfer-{name}"), []
    for way in ("frozen", "fine-tuned", "scratch"):
        right = records.finals(record, f"{way}, {labels}", "test_accuracy")
        percent = 100 * np.array(right)
        numbers += [percent.mean(), percent.min(), percent.max()]
    return numbers


def row(name, variant, columns):
    """Numbers of a variant's row: its settings, and what came out, seed by seed.

    "mean" and "median" are those of the errors, "learnt" the training errors and
    "right" the right answers of the first seed in per cent.
    """
    record = records.load_record(name)
    settings, errors = record["variants"][variant], records.finals(record, variant)
    accuracy = {
        part: 100 * records.finals(record, variant, f"{part}_accuracy")[0]
        for part in ("train", "test")
    }
    found = settings | {
        "mean": np.mean(errors),
        "median": np.median(errors),
        "learnt": 100 - accuracy["train"],
        "right": accuracy["test"],
    }
    numbers = []
    for column in columns.split():
        numbers += errors if column == "test_errors" else [found[column]]
    return tuple(numbers)


def source(name):
    """Errors of the net that learnt the source, and among how many."""
    record = records.load_record(f"transfer-{name}")
    return *records.finals(record, "ResNet-20"), record["data"]["test"]


def fast(looks):
    """Parameters, epochs, errors by seed, and right answers in per cent."""
    record = records.load_record("fast-cifar10")
    settings = record["variants"]["fast"]
    right = records.finals(record, "fast", "test_accuracy")
    if looks == 1:
        right = records.curves(record, "fast", "test_accuracy")[:, -1]
    errors = [round((1 - share) * record["data"]["test"]) for share in right]
    return settings["parameters"], settings["epochs"], *errors, 100 * np.mean(right)


def fast_petaflops():
    macs = counting.count_macs(FastNet(), (3, 32, 32))
    record = records.load_record("fast-cifar10")
    epochs = record["variants"]["fast"]["epochs"]
    return design.training_flops(macs, record["data"]["train"], epochs) / 1e15


LONGEST = "lenet5-best-augmented", "distorted, 60 epochs"

FACTS = [
    computed(
        "| the original of 1998 | {:,} | as they are | {} | {}, {}, {} | {:.0f} |",
        lambda: row("lenet5", "original", "parameters epochs test_errors mean"),
    ),
    computed(
        "| the lecture's | {:,} | as they are | {} | {}, {}, {} | {:.0f} |",
        lambda: row("lenet5", "lecture", "parameters epochs test_errors mean"),
    ),
    computed(
        "| the lecture's, smoothed labels | {:,} | as they are | {} | {}, "
        "{}, {} | {:.0f} |",
        lambda: row(
            "lenet5", "lecture, smoothed", "parameters epochs test_errors mean"
        ),
    ),
    computed(
        "| the original of 1998 | {:,} | distorted | {} | {}, {}, {} | {:.0f} |",
        lambda: row(
            "lenet5-augmented", "original", "parameters epochs test_errors mean"
        ),
    ),
    computed(
        "| the lecture's | {:,} | distorted | {} | {}, {}, {} | {:.0f} |",
        lambda: row(
            "lenet5-augmented", "lecture", "parameters epochs test_errors mean"
        ),
    ),
    computed(
        "| rearranged | {:,} | distorted | {} | {}, {}, {} | {:.0f} |",
        lambda: row(
            "lenet5-augmented", "rearranged", "parameters epochs test_errors mean"
        ),
    ),
    *(
        computed(
            f"| {name.replace('60 epochs', 'longest')} | {{}} | {{}} |",
            lambda name=name: row("lenet5-choice", name, "epochs test_errors"),
        )
        for name in records.load_record("lenet5-choice")["variants"]
    ),
    computed(
        "| LeNet-5 with dropout | {:,} | {} | {}, {}, {}, {}, {} | {:.0f} |",
        lambda: row("lenet5-best", "plain", "parameters epochs test_errors median"),
    ),
    computed(
        "| deeper, distorted | {:,} | {} | {}, {}, {}, {}, {} | {:.0f} |",
        lambda: row(
            "lenet5-best-augmented", "distorted", "parameters epochs test_errors median"
        ),
    ),
    computed(
        "| deeper, distorted, longest | {:,} | {} | {}, {}, {}, {}, {} | {:.0f} |",
        lambda: row(*LONGEST, "parameters epochs test_errors median"),
    ),
    computed(
        "a run took {:.0f} to {:.0f} minutes, beside other work.\n\n| Network |",
        lambda: (lambda spent: (min(spent), max(spent)))(
            [run["seconds"] / 60 for run in records.load_record("lenet5-best")["runs"]]
        ),
    ),
    computed(
        "among its {:,} test digits",
        lambda: records.load_record("lenet5")["data"]["test"],
    ),
    computed(
        "chosen on {:,} images held out",
        lambda: records.load_record("lenet5-choice")["data"]["test"],
    ),
    cited(
        "| the original of 1998 |",
        "lecun1998",
    ),
    computed(
        "trained on CIFAR-10's {:,} photographs",
        lambda: records.load_record("alexnet-cifar10")["data"]["train"],
    ),
    computed(
        "errors among the {:,} test photographs",
        lambda: records.load_record("alexnet-cifar10")["data"]["test"],
    ),
    computed(
        "| ReLU | {:,} | {:g} | {} | {:.1f} % | {:,} |",
        lambda: row(
            "alexnet-cifar10",
            "ReLU",
            "parameters learning_rate epochs learnt test_errors",
        ),
    ),
    computed(
        "| tanh | {:,} | {:g} | {} | {:.1f} % | {:,} |",
        lambda: row(
            "alexnet-cifar10",
            "tanh",
            "parameters learning_rate epochs learnt test_errors",
        ),
    ),
    computed(
        "| ReLU, {:g} | {:,} |",
        lambda: row("alexnet-choice", "ReLU, 0.005", "learning_rate test_errors"),
    ),
    computed(
        "| ReLU, {:g} | {:,} |",
        lambda: row("alexnet-choice", "ReLU, 0.02", "learning_rate test_errors"),
    ),
    computed(
        "| ReLU, {:g} | {:,} |",
        lambda: row("alexnet-choice", "ReLU, 0.08", "learning_rate test_errors"),
    ),
    computed(
        "| tanh, {:g} | {:,} |",
        lambda: row("alexnet-choice", "tanh, 0.005", "learning_rate test_errors"),
    ),
    computed(
        "| tanh, {:g} | {:,} |",
        lambda: row("alexnet-choice", "tanh, 0.02", "learning_rate test_errors"),
    ),
    computed(
        "| tanh, {:g} | {:,} |",
        lambda: row("alexnet-choice", "tanh, 0.08", "learning_rate test_errors"),
    ),
    computed(
        "| heads | {:,} | {} | {:.1f} % | {} | {:.1f} % |",
        lambda: row(
            "inception-cifar10", "heads", "parameters epochs learnt test_errors right"
        ),
    ),
    computed(
        "| no heads, 5×5 | {:,} | {} | {:.1f} % | {:,} | {:.1f} % |",
        lambda: row(
            "inception-cifar10",
            "no heads, 5×5",
            "parameters epochs learnt test_errors right",
        ),
    ),
    computed(
        "| no heads | {:,} | {} | {:.1f} % | {} | {:.1f} % |",
        lambda: row(
            "inception-cifar10",
            "no heads",
            "parameters epochs learnt test_errors right",
        ),
    ),
    computed(
        "the runs took {:.0f}, {:.0f} and {:.0f} minutes",
        lambda: tuple(
            records.runs(records.load_record("inception-cifar10"), v)[0]["seconds"] / 60
            for v in ("heads", "no heads", "no heads, 5×5")
        ),
    ),
    computed(
        "errors of {:,} between single runs",
        lambda: records.load_record("inception-cifar10")["data"]["test"],
    ),
    computed(
        "| plain | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    8,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "plain-8"),
    ),
    computed(
        "| plain | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    14,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "plain-14"),
    ),
    computed(
        "| plain | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    20,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "plain-20"),
    ),
    computed(
        "| plain | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    32,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "plain-32"),
    ),
    computed(
        "| plain | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    44,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "plain-44"),
    ),
    computed(
        "| plain | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    56,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "plain-56"),
    ),
    computed(
        "| residual | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    8,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "residual-8"),
    ),
    computed(
        "| residual | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    14,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "residual-14"),
    ),
    computed(
        "| residual | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    20,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "residual-20"),
    ),
    computed(
        "| residual | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    32,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "residual-32"),
    ),
    computed(
        "| residual | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    44,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "residual-44"),
    ),
    computed(
        "| residual | {} | {:,} | {:.1f} % | {:.1f} to {:.1f} % | {}, {}, {}, {}, {} |",
        lambda: (
            lambda r, v: (
                lambda t: (
                    56,
                    r["variants"][v]["parameters"],
                    t.mean(),
                    t.min(),
                    t.max(),
                    *records.finals(r, v),
                )
            )(100 * (1 - np.array(records.finals(r, v, "train_accuracy"))))
        )(records.load_record("resnet-digits"), "residual-56"),
    ),
    computed(
        "| A | {:,} | {}, {}, {}, {}, {} |",
        lambda: row("resnet-shortcuts", "A", "parameters test_errors"),
    ),
    computed(
        "| B | {:,} | {}, {}, {}, {}, {} |",
        lambda: row("resnet-shortcuts", "B", "parameters test_errors"),
    ),
    computed(
        "| C | {:,} | {}, {}, {}, {}, {} |",
        lambda: row("resnet-shortcuts", "C", "parameters test_errors"),
    ),
    computed(
        "on {:,} digits averaged to {}×{} pixels, with shortcuts and "
        "without, {} epochs, seeds {} to {}.",
        lambda: (
            lambda r: (
                r["data"]["train"],
                28 // 2,
                28 // 2,
                r["variants"]["plain-8"]["epochs"],
                0,
                max(x["seed"] for x in r["runs"]),
            )
        )(records.load_record("resnet-digits")),
    ),
    computed(
        "convolutions with {}, {} and {} maps, on",
        lambda: tuple(
            s[0].conv1.out_channels
            for s in (lambda n: (n.layer1, n.layer2, n.layer3))(resnet.DigitResNet(8))
        ),
    ),
    computed(
        "the errors among {:,} test digits, by seed",
        lambda: records.load_record("resnet-digits")["data"]["test"],
    ),
    computed(
        "here in the network of {} layers, by the same",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    computed(
        "The paper's recipe of {} epochs",
        lambda: experiments.EXPERIMENTS["resnet-cifar10"].variants["plain-56"].epochs,
    ),
    computed(
        "| plain | {} | {:,} | {} | {:.1f} % | {:,} | {:.1f} % |",
        lambda: (
            lambda r, f: (
                dissection.count_depth(resnet.CifarResNet(20)),
                r["variants"]["plain-20"]["parameters"],
                r["variants"]["plain-20"]["epochs"],
                100 * (1 - f["train_accuracy"]),
                f["test_errors"],
                100 * f["test_accuracy"],
            )
        )(
            *(lambda r: (r, records.runs(r, "plain-20")[0]["final"]))(
                records.load_record("resnet-cifar10-quick")
            )
        ),
    ),
    computed(
        "| plain | {} | {:,} | {} | {:.1f} % | {:,} | {:.1f} % |",
        lambda: (
            lambda r, f: (
                dissection.count_depth(resnet.CifarResNet(56)),
                r["variants"]["plain-56"]["parameters"],
                r["variants"]["plain-56"]["epochs"],
                100 * (1 - f["train_accuracy"]),
                f["test_errors"],
                100 * f["test_accuracy"],
            )
        )(
            *(lambda r: (r, records.runs(r, "plain-56")[0]["final"]))(
                records.load_record("resnet-cifar10-quick")
            )
        ),
    ),
    computed(
        "| residual | {} | {:,} | {} | {:.1f} % | {:,} | {:.1f} % |",
        lambda: (
            lambda r, f: (
                dissection.count_depth(resnet.CifarResNet(20)),
                r["variants"]["residual-20"]["parameters"],
                r["variants"]["residual-20"]["epochs"],
                100 * (1 - f["train_accuracy"]),
                f["test_errors"],
                100 * f["test_accuracy"],
            )
        )(
            *(lambda r: (r, records.runs(r, "residual-20")[0]["final"]))(
                records.load_record("resnet-cifar10-quick")
            )
        ),
    ),
    computed(
        "| residual | {} | {:,} | {} | {:.1f} % | {:,} | {:.1f} % |",
        lambda: (
            lambda r, f: (
                dissection.count_depth(resnet.CifarResNet(56)),
                r["variants"]["residual-56"]["parameters"],
                r["variants"]["residual-56"]["epochs"],
                100 * (1 - f["train_accuracy"]),
                f["test_errors"],
                100 * f["test_accuracy"],
            )
        )(
            *(lambda r: (r, records.runs(r, "residual-56")[0]["final"]))(
                records.load_record("resnet-cifar10-quick")
            )
        ),
    ),
    computed(
        "Networks of {} and {} layers with {}, {} and {} maps, trained",
        lambda: (
            (
                20,
                *(
                    lambda n: (
                        dissection.count_depth(n),
                        *(
                            s[0].conv1.out_channels
                            for s in (n.layer1, n.layer2, n.layer3)
                        ),
                    )
                )(resnet.CifarResNet(56)),
            )
        ),
    ),
    computed(
        "the runs took {:.0f} to {:.0f} minutes side by side",
        lambda: (lambda t: (min(t), max(t)))(
            [
                r["seconds"] / 60
                for r in records.load_record("resnet-cifar10-quick")["runs"]
            ]
        ),
    ),
    computed(
        "weights of the residual network of {} layers",
        lambda: dissection.count_depth(resnet.CifarResNet(20)),
    ),
    computed(
        "| LeNet-5 | {:,} | {:g} | {:.1f} % | {:,}, {:,} | {:.1f} % | {:.0f} |",
        lambda: (
            lambda r: (
                r["variants"]["LeNet-5"]["parameters"],
                r["variants"]["LeNet-5"]["learning_rate"],
                100 * (1 - np.mean(records.finals(r, "LeNet-5", "train_accuracy"))),
                *records.finals(r, "LeNet-5"),
                100 * np.mean(records.finals(r, "LeNet-5", "test_accuracy")),
                min(x["fastest_epoch"] for x in records.runs(r, "LeNet-5")),
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "| AlexNet | {:,} | {:g} | {:.1f} % | {:,}, {:,} | {:.1f} % | {:.0f} |",
        lambda: (
            lambda r: (
                r["variants"]["AlexNet"]["parameters"],
                r["variants"]["AlexNet"]["learning_rate"],
                100 * (1 - np.mean(records.finals(r, "AlexNet", "train_accuracy"))),
                *records.finals(r, "AlexNet"),
                100 * np.mean(records.finals(r, "AlexNet", "test_accuracy")),
                min(x["fastest_epoch"] for x in records.runs(r, "AlexNet")),
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "| GoogLeNet | {:,} | {:g} | {:.1f} % | {:,}, {:,} | {:.1f} % | {:.0f} |",
        lambda: (
            lambda r: (
                r["variants"]["GoogLeNet"]["parameters"],
                r["variants"]["GoogLeNet"]["learning_rate"],
                100 * (1 - np.mean(records.finals(r, "GoogLeNet", "train_accuracy"))),
                *records.finals(r, "GoogLeNet"),
                100 * np.mean(records.finals(r, "GoogLeNet", "test_accuracy")),
                min(x["fastest_epoch"] for x in records.runs(r, "GoogLeNet")),
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "| ResNet-20 | {:,} | {:g} | {:.1f} % | {:,}, {:,} | {:.1f} % | {:.0f} |",
        lambda: (
            lambda r: (
                r["variants"]["ResNet-20"]["parameters"],
                r["variants"]["ResNet-20"]["learning_rate"],
                100 * (1 - np.mean(records.finals(r, "ResNet-20", "train_accuracy"))),
                *records.finals(r, "ResNet-20"),
                100 * np.mean(records.finals(r, "ResNet-20", "test_accuracy")),
                min(x["fastest_epoch"] for x in records.runs(r, "ResNet-20")),
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "by the same recipe of {} epochs with seeds {} and {}",
        lambda: (
            lambda r: (
                r["variants"]["LeNet-5"]["epochs"],
                *(x["seed"] for x in records.runs(r, "LeNet-5")),
            )
        )(records.load_record("networks-cifar10")),
    ),
    computed(
        "| one | {:,} | {} | {}, {}, {}, {}, {} | {:.2f} % |",
        lambda: fast(looks=1),
    ),
    computed(
        "| six | {:,} | {} | {}, {}, {}, {}, {} | {:.2f} % |",
        lambda: fast(looks=6),
    ),
    computed(
        "ten epochs of CIFAR-10 in batches of {:,}, products in bfloat16; errors among "
        "the {:,} test photographs, in one look",
        lambda: (
            records.load_record("fast-cifar10")["variants"]["fast"]["batch_size"],
            records.load_record("fast-cifar10")["data"]["test"],
        ),
    ),
    computed("Training takes {:.3f} PFLOPs", fast_petaflops),
    computed(
        "no GPU; a run took {:.0f} to {:.0f} minutes, beside other work.\n\n| Looks",
        lambda: (lambda spent: (min(spent), max(spent)))(
            [run["seconds"] / 60 for run in records.load_record("fast-cifar10")["runs"]]
        ),
    ),
    computed(
        "| LeNet-5, {:g} | {:,} |",
        lambda: row("networks-choice", "LeNet-5, 0.01", "learning_rate test_errors"),
    ),
    computed(
        "| LeNet-5, {:g} | {:,} |",
        lambda: row("networks-choice", "LeNet-5, 0.03", "learning_rate test_errors"),
    ),
    computed(
        "| LeNet-5, {:g} | {:,} |",
        lambda: row("networks-choice", "LeNet-5, 0.1", "learning_rate test_errors"),
    ),
    computed(
        "| AlexNet, {:g} | {:,} |",
        lambda: row("networks-choice", "AlexNet, 0.01", "learning_rate test_errors"),
    ),
    computed(
        "| AlexNet, {:g} | {:,} |",
        lambda: row("networks-choice", "AlexNet, 0.03", "learning_rate test_errors"),
    ),
    computed(
        "| AlexNet, {:g} | {:,} |",
        lambda: row("networks-choice", "AlexNet, 0.1", "learning_rate test_errors"),
    ),
    computed(
        "chosen on {:,} images held out from the training set, after {} epochs",
        lambda: (
            lambda r: (r["data"]["test"], r["variants"]["AlexNet, 0.1"]["epochs"])
        )(records.load_record("networks-choice")),
    ),
    *(
        computed(
            f"| {name} | {{:g}} | {{}}, {{}}, {{}} | {{}}, {{}}, {{}} | "
            "{:.1f}, {:.1f}, {:.1f} % |",
            lambda name=name: raced(name),
        )
        for name in records.load_record("alexnet-race")["variants"]
    ),
    *(
        computed(
            name.rpartition(",")[0]
            .join(["| ", ", {:g} | {:.1f} % |"])
            .replace("σ 0.01", "σ {:g}"),
            lambda name=name: tried(name),
        )
        for name in records.load_record("alexnet-race-choice")["variants"]
    ),
    *(
        computed(
            f"| {name} | {{:.1f}} % | {{:,}}, {{:,}}, {{:,}} |",
            lambda name=name: left_out(name),
        )
        for name in records.load_record("alexnet-ingredients")["variants"]
    ),
    computed(
        "a net of four layers on {:,} of the photographs",
        lambda: records.load_record("alexnet-race")["data"]["train"],
    ),
    computed(
        "over-fitting; three seeds, {} epochs. The",
        lambda: records.load_record("alexnet-race")["variants"]["ReLU"]["epochs"],
    ),
    computed(
        "with one seed; *σ {:g}* begins",
        lambda: 0.01,
    ),
    cited(
        "the first epoch with a training error of 50 % and of 25 %, and",
        "krizhevsky2012",
    ),
    cited(
        "| Variant | Learning rate | 50 % | 25 % |",
        "krizhevsky2012",
    ),
    computed(
        "The small AlexNet on {:,} of the photographs, with each ingredient left out; "
        "three seeds, {} epochs,",
        lambda: (
            records.load_record("alexnet-ingredients")["data"]["train"],
            records.load_record("alexnet-ingredients")["variants"]["all"]["epochs"],
        ),
    ),
    computed(
        "counted among {:,} held-out training photographs, seed by seed",
        lambda: records.load_record("alexnet-ingredients")["data"]["test"],
    ),
    computed(
        "learns Fashion-MNIST for {} epochs ({:,} errors among its {:,} test images)",
        lambda: (
            lambda r: (
                r["variants"]["LeNet-5"]["epochs"],
                *records.finals(r, "LeNet-5"),
                r["data"]["test"],
            )
        )(records.load_record("transfer-fashion")),
    ),
    computed(
        "Every run sees {:,} images or each image {} times, whichever is more, {} a "
        "step. Right answers among MNIST's first {:,} test digits",
        lambda: (
            lambda v, test: (
                v["scratch, 10"]["images"],
                v["scratch, 1000"]["images"] // 1000,
                v["scratch, 10"]["batch_size"],
                test,
            )
        )(
            records.load_record("transfer-fashion-mnist")["variants"],
            records.load_record("transfer-fashion-mnist")["data"]["test"],
        ),
    ),
    computed(
        "ResNet-20 learns the animals of CIFAR-10 for {} epochs ({:,} errors among "
        "{:,} test images), or the vehicles ({:,} among {:,})",
        lambda: (
            records.load_record("transfer-animals")["variants"]["ResNet-20"]["epochs"],
            *source("animals"),
            *source("vehicles"),
        ),
    ),
    computed(
        "Every run sees {:,} images or each image {} times, whichever is more. Right "
        "answers among the first {:,} test images",
        lambda: (
            lambda r: (
                r["variants"]["scratch, 10"]["images"],
                r["variants"]["scratch, 1000"]["images"] // 1000,
                r["data"]["test"],
            )
        )(records.load_record("transfer-animals-vehicles")),
    ),
    *(
        computed(
            "| {:,} |" + 3 * " {:.1f} % ({:.1f} to {:.1f}) |",
            lambda name=name, labels=labels: (labels, *transferred(name, labels)),
        )
        for name in ("fashion-mnist", "animals-vehicles", "vehicles-animals")
        for labels in (10, 20, 50, 100, 500, 1000)
    ),
]
