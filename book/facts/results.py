"""Where the numbers of results.md come from."""

import re

import numpy as np

from book.facts import cited, computed
from utils import counting, design, dissection, experiments, records, resnet
from utils.experiments.fast_cifar import NARROW
from utils.fast_cifar import FastNet

# How a table writes a column; "errors" has a number for each seed.
FORMATS = {
    "depth": "{}",
    "parameters": "{:,}",
    "learning_rate": "{:g}",
    "epochs": "{}",
    "errors": "{:,}",
    "mean": "{:.0f}",
    "median": "{:.0f}",
    "learnt": "{:.1f}",
    "range": "{:.1f} to {:.1f}",
    "right": "{:.1f}",
    "percent": "{:.2f}",
    "seconds": "{:.0f}",
}
LONGEST = "lenet5-best-augmented", "distorted, 80 epochs, views"
REACHED = 50, 25  # training errors, in per cent; the second is AlexNet's
DIGITS, QUICK, FOUR = "resnet-digits", "resnet-cifar10-quick", "networks-cifar10"


def row(name, variant, columns):
    """Numbers of a variant: its settings, and what came out.

    "errors" are those of each seed, "mean" and "median" theirs; "learnt" and "range"
    the training errors' mean and ends, "right" and "percent" the mean of the right
    answers, in per cent; "seconds" those of the fastest epoch; "depth" is at the end of
    the variant's name.
    """
    record = records.load_record(name)
    errors = records.finals(record, variant)
    wrong = 100 * (1 - np.array(records.finals(record, variant, "train_accuracy")))
    right = 100 * np.mean(records.finals(record, variant, "test_accuracy"))
    found = {k: [v] for k, v in record["variants"][variant].items()} | {
        "depth": [variant.rpartition("-")[2]],
        "errors": errors,
        "mean": [np.mean(errors)],
        "median": [np.median(errors)],
        "learnt": [wrong.mean()],
        "range": ends(wrong),
        "right": [right],
        "percent": [right],
        "seconds": [records.fastest_epoch(record, variant)],
    }
    return tuple(number for column in columns for number in found[column])


def line(name, variant, cells):
    """A line of a table: where a column of `row` stands in braces, its numbers."""
    columns = re.findall(r"{(\w+)}", cells)
    count = len(records.runs(records.load_record(name), variant))
    for column in columns:
        field = ", ".join([FORMATS[column]] * (count if column == "errors" else 1))
        cells = cells.replace(f"{{{column}}}", field)
    return computed(f"| {cells} |", lambda: row(name, variant, columns))


def lines(name, cells):
    """Those of all variants: NAME is the variant's, KIND is that up to its rate."""
    for variant in records.load_record(name)["variants"]:
        kind = variant.rpartition(", ")[0]
        yield line(name, variant, cells.replace("NAME", variant).replace("KIND", kind))


def unnumbered(variant):
    """A variant's name with words for its epochs."""
    words = {", 60 epochs": ", long", ", 80 epochs": ", longest"}
    for numbered, word in words.items():
        variant = variant.replace(numbered, word)
    return variant


def setting(name, variant, key):
    return records.load_record(name)["variants"][variant][key]


def images(name, part):
    """How many there are to train on, or to test."""
    return records.load_record(name)["data"][part]


def ends(numbers):
    return min(numbers), max(numbers)


def minutes(name, variant=None):
    """Of the shortest and the longest run, of one variant or of all."""
    runs = records.load_record(name)["runs"]
    return ends([r["seconds"] / 60 for r in runs if variant in (None, r["variant"])])


def seeds(name):
    return sorted({run["seed"] for run in records.load_record(name)["runs"]})


def maps(net):
    stages = net.layer1, net.layer2, net.layer3
    return tuple(stage[0].conv1.out_channels for stage in stages)


def widths(net):
    return tuple(block[0].out_channels for block in net.blocks)


def raced(name):
    """Rate, epochs to 50 and 25 %, and last errors of a runner of chapter 8."""
    record = records.load_record("alexnet-race")
    curves = records.curves(record, name, "train_accuracy")
    return (
        record["variants"][name]["learning_rate"],
        *(
            records.epochs_to_reach(curve, share) or "none"
            for share in (1 - error / 100 for error in REACHED)
            for curve in curves
        ),
        *(100 - 100 * curves[:, -1]),
    )


def tried(name):
    """A small start's deviation, if it is one, a rate, and its training error."""
    small = (0.01,) if "σ" in name else ()
    return *small, *row("alexnet-race-choice", name, ["learning_rate", "learnt"])


def one_look(name, variant):
    """Where views were recorded, without: errors by seed, right answers in per cent."""
    errors = records.one_look(records.load_record(name), variant)
    return *errors, 100 * (1 - np.mean(errors) / images(name, "test"))


def fast_petaflops():
    macs = counting.count_macs(FastNet(), (3, 32, 32))
    epochs = setting("fast-cifar10", "fast", "epochs")
    return design.training_flops(macs, images("fast-cifar10", "train"), epochs) / 1e15


def transferred(name, labels):
    """Mean, lowest and highest share of right answers of each way, in %."""
    record, numbers = records.load_record(f"transfer-{name}"), []
    for way in ("frozen", "fine-tuned", "scratch"):
        right = records.finals(record, f"{way}, {labels}", "test_accuracy")
        percent = 100 * np.array(right)
        numbers += [percent.mean(), percent.min(), percent.max()]
    return numbers


def source(name, net="ResNet-20"):
    """Errors of the net that learnt the source, and among how many."""
    name = f"transfer-{name}"
    return *row(name, net, ["errors"]), images(name, "test")


def seen(name):
    """Images that a run sees at least, and how often each at least."""
    fewest = setting(f"transfer-{name}", "scratch, 10", "images")
    return fewest, setting(f"transfer-{name}", "scratch, 1000", "images") // 1000


# The first table: how a row begins -> its source, and the record beside it.
BESIDE = {
    "| LeNet-5 of 1998 | MNIST, as it is | [0.95 %](references.md#lecun1998), "
    "20 epochs |": ("lecun1998", "lenet5", "original"),
    "| LeNet-5 of 1998 | MNIST, distorted | [0.8 %](references.md#lecun1998) |": (
        *("lecun1998", "lenet5-augmented", "original"),
    ),
    "| ResNet-20 | CIFAR-10 | [8.75 %](references.md#he2016), 164 epochs |": (
        *("he2016", "resnet-cifar10-best", "ResNet-20"),
    ),
    "| ResNet-56 | CIFAR-10 | [6.97 %](references.md#he2016), 164 epochs |": (
        *("he2016", "resnet56-cifar10-best", "ResNet-56"),
    ),
    "| the fast one | CIFAR-10 | [5.99 %](references.md#jordan2024), 9.9 epochs |": (
        *("jordan2024", "fast-cifar10", "fast"),
    ),
}


def beside(row, name, variant):
    """Errors in per cent, seed by seed, and epochs, at the end of a row."""
    errors = records.finals(records.load_record(name), variant)
    fields = ", ".join(["{:.2f}"] * len(errors))
    return computed(
        f"{row} {fields} %, {{}} epochs |",
        lambda: (
            *(100 * wrong / images(name, "test") for wrong in errors),
            setting(name, variant, "epochs"),
        ),
    )


FACTS = [
    # Beside the sources
    *(cited(row, source) for row, (source, *_) in BESIDE.items()),
    *(beside(row, *record) for row, (_, *record) in BESIDE.items()),
    # LeNet-5 on MNIST
    line(
        *("lenet5", "original"),
        "the original of 1998 | {parameters} | as they are | {epochs} | {errors} | "
        "{mean}",
    ),
    line(
        *("lenet5", "lecture"),
        "the lecture's | {parameters} | as they are | {epochs} | {errors} | {mean}",
    ),
    line(
        *("lenet5", "lecture, smoothed"),
        "the lecture's, smoothed labels | {parameters} | as they are | {epochs} | "
        "{errors} | {mean}",
    ),
    line(
        *("lenet5-augmented", "original"),
        "the original of 1998 | {parameters} | distorted | {epochs} | {errors} | "
        "{mean}",
    ),
    line(
        *("lenet5-augmented", "lecture"),
        "the lecture's | {parameters} | distorted | {epochs} | {errors} | {mean}",
    ),
    line(
        *("lenet5-augmented", "rearranged"),
        "rearranged | {parameters} | distorted | {epochs} | {errors} | {mean}",
    ),
    cited("| the original of 1998 |", "lecun1998"),
    computed("among its {:,} test digits", lambda: images("lenet5", "test")),
    computed("tried on {:,} images held out", lambda: images("lenet5-choice", "test")),
    *(
        line("lenet5-choice", name, f"{unnumbered(name)} | {{epochs}} | {{errors}}")
        for name in records.load_record("lenet5-choice")["variants"]
    ),
    computed(
        "a run took {:.0f} to {:.0f} minutes, alongside other work.\n\n| Network |",
        lambda: minutes("lenet5-best"),
    ),
    line(
        *("lenet5-best", "plain"),
        "LeNet-5 with dropout | {parameters} | {epochs} | {errors} | {median}",
    ),
    *(
        line(
            *("lenet5-best-augmented", name),
            f"{unnumbered(name).replace('distorted', 'deeper, distorted')} | "
            "{parameters} | {epochs} | {errors} | {median}",
        )
        for name in records.load_record("lenet5-best-augmented")["variants"]
    ),
    computed(
        "With one look at each, that one makes {}, {}, {}, {}, {} errors. Its runs "
        "took {:.0f} to {:.0f} minutes,",
        lambda: (*one_look(*LONGEST)[:-1], *minutes(*LONGEST)),
    ),
    # AlexNet
    computed(
        "trained on CIFAR-10's {:,} photographs",
        lambda: images("alexnet-cifar10", "train"),
    ),
    computed(
        "errors among the {:,} test photographs",
        lambda: images("alexnet-cifar10", "test"),
    ),
    computed(
        "a run took {:.0f} to {:.0f} minutes, alongside other work.\n\n| Activation",
        lambda: minutes("alexnet-cifar10"),
    ),
    *lines(
        "alexnet-cifar10",
        "NAME | {parameters} | {learning_rate} | {epochs} | {learnt} % | {errors}",
    ),
    computed(
        "chosen on {:,} images held out from the training set, after {} epochs",
        lambda: (
            images("alexnet-choice", "test"),
            setting("alexnet-choice", "tanh, 0.08", "epochs"),
        ),
    ),
    *lines("alexnet-choice", "KIND, {learning_rate} | {errors}"),
    computed(
        "a net of four layers on {:,} of the photographs",
        lambda: images("alexnet-race", "train"),
    ),
    computed(
        "over-fitting; three seeds, {} epochs. The",
        lambda: setting("alexnet-race", "ReLU", "epochs"),
    ),
    computed(
        "the first epoch with a training error of {:.0f} % and of {:.0f} %, and",
        lambda: REACHED,
    ),
    computed("| Variant | Learning rate | {:.0f} % | {:.0f} % |", lambda: REACHED),
    *(
        computed(
            f"| {name} | {{:g}} | {{}}, {{}}, {{}} | {{}}, {{}}, {{}} | "
            "{:.1f}, {:.1f}, {:.1f} % |",
            lambda name=name: raced(name),
        )
        for name in records.load_record("alexnet-race")["variants"]
    ),
    computed("with one seed; *σ {:g}* begins", lambda: 0.01),
    *(
        computed(
            name.rpartition(",")[0]
            .join(["| ", ", {:g} | {:.1f} % |"])
            .replace("σ 0.01", "σ {:g}"),
            lambda name=name: tried(name),
        )
        for name in records.load_record("alexnet-race-choice")["variants"]
    ),
    computed(
        "The small AlexNet on {:,} of the photographs, with each ingredient left out; "
        "three seeds, {} epochs,",
        lambda: (
            images("alexnet-ingredients", "train"),
            setting("alexnet-ingredients", "all", "epochs"),
        ),
    ),
    computed(
        "counted among {:,} held-out training photographs, seed by seed",
        lambda: images("alexnet-ingredients", "test"),
    ),
    *lines("alexnet-ingredients", "NAME | {learnt} % | {errors}"),
    # GoogLeNet
    computed(
        "in bfloat16; a run took {:.0f} to {:.0f} minutes, alongside other work.\n\n"
        "| Variant | Parameters | Epochs | Training error, last epoch |",
        lambda: minutes("inception-cifar10"),
    ),
    *lines(
        "inception-cifar10",
        "NAME | {parameters} | {epochs} | {learnt} % | {errors} | {right} %",
    ),
    # Plain and residual networks
    computed(
        "convolutions with {}, {} and {} maps, on",
        lambda: maps(resnet.DigitResNet(8)),
    ),
    computed(
        "on {:,} digits averaged to {}×{} pixels, with shortcuts and "
        "without, {} epochs, seeds {} to {}.",
        lambda: (
            images(DIGITS, "train"),
            *(28 // 2, 28 // 2),
            setting(DIGITS, "plain-8", "epochs"),
            *ends(seeds(DIGITS)),
        ),
    ),
    computed(
        "the errors among {:,} test digits, by seed", lambda: images(DIGITS, "test")
    ),
    *(
        line(
            *(DIGITS, f"{kind}-{depth}"),
            f"{kind} | {{depth}} | {{parameters}} | {{learnt}} % | {{range}} % | "
            "{errors}",
        )
        for kind in ("plain", "residual")
        for depth in (8, 14, 20, 32, 44, 56)
    ),
    computed(
        "here in the network of {} layers, by the same",
        lambda: dissection.count_depth(resnet.DigitResNet(20)),
    ),
    *lines("resnet-shortcuts", "NAME | {parameters} | {errors}"),
    computed(
        "Networks of {} and {} layers with {}, {} and {} maps, trained",
        lambda: (
            *map(dissection.count_depth, map(resnet.CifarResNet, (20, 56))),
            *maps(resnet.CifarResNet(56)),
        ),
    ),
    computed(
        "the runs took {:.0f} to {:.0f} minutes side by side", lambda: minutes(QUICK)
    ),
    *(
        line(
            *(QUICK, name),
            f"{name.partition('-')[0]} | {{depth}} | {{parameters}} | {{epochs}} | "
            "{learnt} % | {errors} | {right} %",
        )
        for name in records.load_record(QUICK)["variants"]
    ),
    computed(
        "weights of the residual network of {} layers",
        lambda: dissection.count_depth(resnet.CifarResNet(20)),
    ),
    computed(
        "The paper's recipe of {} epochs",
        lambda: experiments.EXPERIMENTS["resnet-cifar10"].variants["plain-56"].epochs,
    ),
    computed(
        "ResNet-20 again, and ResNet-56, in {} epochs, their",
        lambda: setting("resnet-cifar10-best", "ResNet-20", "epochs"),
    ),
    computed(
        "a run of ResNet-20 took {:.0f} to {:.0f} minutes on one thread, that of "
        "ResNet-56 {:.0f} on two, alongside other work. The paper has",
        lambda: (
            minutes("resnet-cifar10-best")[0],
            minutes("resnet-cifar10-sgd")[1],
            minutes("resnet56-cifar10-best")[0],
        ),
    ),
    cited("The paper has 8.75 % and 6.97 % errors after its 164 epochs", "he2016"),
    *(
        fact
        for name in ("resnet-cifar10-best", "resnet56-cifar10-best")
        for fact in lines(
            name, "NAME | {parameters} | {epochs} | {learnt} % | {errors} | {percent} %"
        )
    ),
    *lines(
        "resnet-cifar10-sgd",
        "NAME, by SGD | {parameters} | {epochs} | {learnt} % | {errors} | {percent} %",
    ),
    computed(
        "turns a kernel, {} here, was held against others on {:,} images held out from "
        "the training set, after {} epochs; SGD",
        lambda: (
            setting("resnet-cifar10-best", "ResNet-20", "learning_rate"),
            images("resnet-cifar10-choice", "test"),
            setting("resnet-cifar10-choice", "SGD, 0.1", "epochs"),
        ),
    ),
    *lines("resnet-cifar10-choice", "KIND, {learning_rate} | {errors}"),
    # Four networks compared
    computed(
        "by the same recipe of {} epochs with seeds {} and {}",
        lambda: (setting(FOUR, "LeNet-5", "epochs"), *seeds(FOUR)),
    ),
    *lines(
        FOUR,
        "NAME | {parameters} | {learning_rate} | {learnt} % | {errors} | {right} % | "
        "{seconds}",
    ),
    computed(
        "best of four on {:,} images held out from the training set, after {} epochs",
        lambda: (
            images("networks-choice", "test"),
            setting("networks-choice", "AlexNet, 0.1", "epochs"),
        ),
    ),
    *lines("networks-choice", "KIND, {learning_rate} | {errors}"),
    # The fast one
    computed(
        "ten epochs of CIFAR-10 in batches of {:,}, products in bfloat16; errors among "
        "the {:,} test photographs, in one look",
        lambda: (
            setting("fast-cifar10", "fast", "batch_size"),
            images("fast-cifar10", "test"),
        ),
    ),
    computed("Training takes {:.3f} PFLOPs", fast_petaflops),
    computed(
        "no GPU; a run took {:.0f} to {:.0f} minutes, alongside other work.\n\n| Looks",
        lambda: minutes("fast-cifar10"),
    ),
    computed(
        "| one | {:,} | {} | {}, {}, {}, {}, {} | {:.2f} % |",
        lambda: (
            *row("fast-cifar10", "fast", ["parameters", "epochs"]),
            *one_look("fast-cifar10", "fast"),
        ),
    ),
    line(
        "fast-cifar10", "fast", "six | {parameters} | {epochs} | {errors} | {percent} %"
    ),
    computed(
        "a narrower network of {}, {} and {} maps learns from {:,} of the photographs",
        lambda: (*widths(NARROW.model()), images("fast-tricks", "train")),
    ),
    computed(
        "errors among {:,} held-out training photographs, from six views but for the "
        "last row. A run took {:.0f} to {:.0f} minutes,",
        lambda: (images("fast-tricks", "test"), *minutes("fast-tricks")),
    ),
    *lines("fast-tricks", "NAME | {parameters} | {errors} | {right} %"),
    computed(
        "| all, one look | {:,} | {:,}, {:,}, {:,} | {:.1f} % |",
        lambda: (
            setting("fast-tricks", "all", "parameters"),
            *one_look("fast-tricks", "all"),
        ),
    ),
    # Transfer
    computed(
        "learns Fashion-MNIST for {} epochs ({:,} errors among its {:,} test images)",
        lambda: (
            setting("transfer-fashion", "LeNet-5", "epochs"),
            *source("fashion", "LeNet-5"),
        ),
    ),
    computed(
        "Every run sees {:,} images or each image {} times, whichever is more, {} a "
        "step. Right answers among MNIST's first {:,} test digits",
        lambda: (
            *seen("fashion-mnist"),
            setting("transfer-fashion-mnist", "scratch, 10", "batch_size"),
            images("transfer-fashion-mnist", "test"),
        ),
    ),
    computed(
        "ResNet-20 learns the animals of CIFAR-10 for {} epochs ({:,} errors among "
        "{:,} test images), or the vehicles ({:,} among {:,})",
        lambda: (
            setting("transfer-animals", "ResNet-20", "epochs"),
            *source("animals"),
            *source("vehicles"),
        ),
    ),
    computed(
        "Every run sees {:,} images or each image {} times, whichever is more. Right "
        "answers among the first {:,} test images",
        lambda: (
            *seen("animals-vehicles"),
            images("transfer-animals-vehicles", "test"),
        ),
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
