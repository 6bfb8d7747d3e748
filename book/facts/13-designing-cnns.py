"""Where the numbers of chapter 13 come from."""

from pathlib import Path

import numpy as np

from book.facts import cited, computed
from utils import data, fast_cifar, records
from utils.alexnet import SmallAlexNet
from utils.counting import count_macs, count_parameters, layer_table
from utils.design import budget, parse, total, training_flops, widest
from utils.experiments.fast_cifar import FAST, NARROW
from utils.experiments.lenet import DEEPER, LONG, VIEWED
from utils.lenet import LeNet5
from utils.resnet import CifarResNet

CAPSTONE = "C16k5v-P-C32-C32-P-C48-C64v-G"
REARRANGED = "C16k5v-P-C32-P-C64-C64v-G"
LENET = "C6k5b-P-C16k5vb-P-F120-F84"


def size(text):
    return total(budget(text), "parameters")


def right(name, variant):
    """Mean accuracy of the runs, in per cent."""
    record = records.load_record(name)
    return 100 * np.mean(records.finals(record, variant, "test_accuracy"))


def epochs(name, variant):
    return records.load_record(name)["variants"][variant]["epochs"]


def held_out(variant):
    (errors,) = records.finals(records.load_record("lenet5-choice"), variant)
    return errors


def median(name, variant):
    return int(np.median(records.finals(records.load_record(name), variant)))


def first_and_last():
    return median("lenet5", "original"), median(*LAST)


def three_pools():
    """Weights of the last convolution that meet padding only, and all parameters."""
    design = widest("C8-P-C8-P-C16-P-C16-F32", 10_000, (1, 14, 14))
    costs = budget(design, (1, 14, 14))
    last = [cost for cost in costs if cost.name.startswith("C")][-1]
    assert last.size == 1
    return 8 * last.channels**2, total(costs, "parameters")


BEFORE = "lenet5-best-augmented", "distorted"
LONGER = "lenet5-best-augmented", "distorted, 60 epochs"
LAST = "lenet5-best-augmented", "distorted, 80 epochs, views"


def ends_of(numbers):
    numbers = list(numbers)
    return min(numbers), max(numbers)


def ends(name, variant):
    """The fewest and the most errors among the seeds."""
    return ends_of(records.finals(records.load_record(name), variant))


def smallest_maps():
    """More than two thirds of the small AlexNet's parameters see no larger maps."""
    late = {"conv3", "conv4", "conv5"}
    net = SmallAlexNet()
    rows = [row for row in layer_table(net, (3, 32, 32)) if row.name in late]
    (shape,) = {row.output[1:] for row in rows}
    share = sum(row.parameters for row in rows) / count_parameters(net)
    assert 2 / 3 < share < 0.7
    assert shape[0] * shape[1] == 16
    return shape


def one_look_against(*others):
    """Per cent right of the fast network in one look, then the epochs of `others`.

    Of each: a ResNet's depth and record, how many points it lies below the fast one,
    and its arithmetic as a share of the fast one's, as the text has them.
    """
    record = records.load_record("fast-cifar10")
    fast = 100 * np.mean(records.curves(record, "fast", "test_accuracy")[:, -1])
    work = petaflops(FAST.model(), FAST.epochs)
    lengths = []
    for depth, name, points, share in others:
        variant = f"ResNet-{depth}"
        assert abs(fast - right(name, variant) - points) < 0.5, (name, points)
        lengths.append(epochs(name, variant))
        ratio = petaflops(CifarResNet(depth), lengths[-1]) / work
        assert abs(ratio / share - 1) < 0.05, (name, ratio)
    return fast, *lengths


def further_layers():
    """Of ResNet-56 beyond ResNet-20: they and Muon are worth what the text says."""
    sgd = (
        right("networks-cifar10", "ResNet-20"),
        right("resnet-cifar10-quick", "residual-56"),
    )
    muon = (
        right("resnet-cifar10-best", "ResNet-20"),
        right("resnet56-cifar10-best", "ResNet-56"),
    )
    assert all(1.5 < b - a < 2.5 for a, b in zip(sgd, muon, strict=True))
    assert all(0.5 < deep - shallow < 2.5 for shallow, deep in (sgd, muon))
    return 56 - 20


def most_lines():
    """A limit above the length of the file, which a test holds."""
    source = Path(fast_cifar.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) < 150
    return 150


def fast_optimizer():
    return FAST.optimizer(FAST.model().parameters(), lr=FAST.learning_rate)


def haste_of_shifts():
    """The rate of batch normalisation's shifts, over that of the weights."""
    return fast_optimizer().param_groups[1]["lr"] / FAST.learning_rate


def worked_example():
    """C32 on 16 maps of 14 x 14, as section 13.2 counts it."""
    row = budget("C32", (16, 14, 14))[0]
    places = row.size**2
    weights = row.macs // places
    return (
        *(16, row.size, row.size, row.channels, 16, 16 * 9, weights),
        *(row.parameters, places, row.macs, row.channels, places, row.values),
    )


def rounded_spread(errors):
    """One standard deviation of a binomial below and above, to the next five."""
    spread = np.sqrt(errors * (1 - errors / 1000))
    return tuple(int(5 * round((errors + sign * spread) / 5)) for sign in (-1, 1))


def petaflops(net, epochs):
    """Of a training on all of CIFAR-10."""
    macs = count_macs(net, (3, 32, 32))
    return training_flops(macs, images=50_000, epochs=epochs) / 1e15


def fast_runs():
    return records.runs(records.load_record("fast-cifar10"), "fast")


def one_look(name, variant):
    return records.one_look(records.load_record(name), variant)


def trick_images(part):
    return records.load_record("fast-tricks")["data"][part]


def errors_without(trick):
    """The mean of the seeds."""
    return np.mean(records.finals(records.load_record("fast-tricks"), trick))


def passed(goal=94):
    """The goal, which four seeds of five have reached."""
    reached = [run["final"]["test_accuracy"] > goal / 100 for run in fast_runs()]
    assert sorted(reached) == [False] + 4 * [True]
    return goal


def worth_of_views():
    """In points: six views against one look, in the mean."""
    errors = np.mean(one_look("fast-cifar10", "fast"))
    return right("fast-cifar10", "fast") - 100 * (1 - errors / 10_000)


FACTS = [
    computed(
        "meet nothing but padding, {:,} of the {:,} parameters",
        three_pools,
    ),
    computed("at most {:,} parameters was found", lambda: 60_000),
    computed("[chapters 8](08-alexnet.ipynb) to [{}](", lambda: 10),
    computed("convolution, {} maps, $3", lambda: parse("C16")[0].width),
    computed("fully connected, {} neurons, ReLU", lambda: parse("F64")[0].width),
    computed(
        r"Take `C32` on {} maps of ${}\times{}$. Each of its {} kernels has "
        r"${}\cdot3^2={}$ weights, {:,} in all, and batch normalisation adds 2 numbers "
        "a map: {:,} parameters. Each weight is used once at each of the {} places: "
        r"{:,} MACs. And ${}\cdot{}={}$ numbers",
        worked_example,
    ),
    computed(
        "We know its {:,} parameters from chapter 6 and its {:,} MACs from section 8.1",
        lambda: (count_parameters(LeNet5()), total(budget(LENET), "macs")),
    ),
    computed("a batch of {} digits, at 4 bytes", lambda: 100),
    computed(
        r"The setting: {:,} digits, averaged to ${}\times{}$", lambda: (1200, 14, 14)
    ),
    computed("three seeds, at most {:,} parameters", lambda: 10_000),
    computed(
        "errs on {} of a thousand test digits could as well err on {} or {} of "
        "another thousand, by",
        lambda: (45, *rounded_spread(45)),
    ),
    computed(
        r"one $5\times5$, with {} weights in place of {}",
        lambda: (2 * 3 * 3, 5 * 5),
    ),
    computed(
        "with at most {:,} parameters each, on {} to {:,}", lambda: (7000, 20, 2000)
    ),
    computed("(At {}° it recovers somewhat", lambda: 180),
    computed(
        "The plus sign is free, and worth {:.1f} points",
        lambda: (
            right("resnet-cifar10-quick", "residual-56")
            - right("resnet-cifar10-quick", "plain-56")
        ),
    ),
    computed(
        "And Muon with twice the epochs (section 10.10) is worth two points, to "
        "ResNet-20 as to ResNet-56; {} further layers are worth one or two.",
        further_layers,
    ),
    computed(
        "all that the networks of section 13.5 have, {:.1f} % are left: three points "
        "above ResNet-20 after {} epochs, which has two thirds of the arithmetic; one "
        "above ResNet-20 trained by Muon for {}, which has two fifths more; and as "
        "many as ResNet-56 by Muon for {}, which has four and a quarter times as much.",
        lambda: one_look_against(
            (20, "networks-cifar10", 3, 2 / 3),
            (20, "resnet-cifar10-best", 1, 7 / 5),
            (56, "resnet56-cifar10-best", 0, 17 / 4),
        ),
    ),
    computed("a PFLOP is ${}^{{{}}}$ of them", lambda: (10, 15)),
    computed("of MNIST with at most {:,} parameters.**", lambda: 60_000),
    cited(
        "LeNet-5 of 1998 had exactly that many, and its authors report an error of "
        "0.95 %",
        "lecun1998",
    ),
    computed(
        "That is done by {:,} digits held out",
        lambda: records.load_record("lenet5-choice")["data"]["test"],
    ),
    computed("the square root of {} is {:.0f}", lambda: (40, np.sqrt(40))),
    computed(
        "The rearranged network is {:,} parameters too large",
        lambda: size(REARRANGED) - 60_000,
    ),
    computed("C48-C64v-G`, {:,} parameters", lambda: size(CAPSTONE)),
    computed(
        "it makes {} errors, its weights averaged, where the other made {}, a",
        lambda: (held_out("deeper, mild"), held_out("rearranged, mild")),
    ),
    computed(
        "is the largest step (section 7.8), from {} errors to {}",
        lambda: (held_out("ReLU, dropout"), held_out("ReLU, mild, long")),
    ),
    computed(
        "More bending left {}, three times the epochs, without averaging, {}.",
        lambda: (held_out("deeper, bent"), held_out("deeper, mild, 60 epochs")),
    ),
    computed("new ones might be less kind than {}.", lambda: median(*LAST)),
    computed(
        "After {} epochs, one look at each held-out digit (as it is, no views) left {} "
        "errors, the six views {}.",
        lambda: (
            VIEWED.epochs,
            *one_look("lenet5-choice", "deeper, mild, 80 epochs, views"),
            held_out("deeper, mild, 80 epochs, views"),
        ),
    ),
    computed(
        "That makes three entries: {} epochs, with a running average of the weights "
        "(`average` of `fit`); {} without; and {} with six views.",
        lambda: (DEEPER.epochs, LONG.epochs, VIEWED.epochs),
    ),
    computed("From {} to {}, with about as many parameters", first_and_last),
    computed("a network of at most {:,} parameters, as a design", lambda: 60_000),
    computed(
        "on the {:,} digits that come with the book", lambda: len(data.mnist5k()[0].y)
    ),
    computed(
        "ResNet-20 reads {:.0f} % of CIFAR-10's test photographs after {} epochs, for "
        "{:.2f} PFLOPs",
        lambda: (
            right("networks-cifar10", "ResNet-20"),
            epochs("networks-cifar10", "ResNet-20"),
            petaflops(CifarResNet(20), epochs=20),
        ),
    ),
    cited("reached 94 % in seconds on one fast GPU", "jordan2024"),
    computed("* From {} to {} errors on MNIST", first_and_last),
    computed(
        "more than two thirds of its parameters sit in convolutions on maps of {}×{}, "
        "where each of them works sixteen times only.",
        smallest_maps,
    ),
    computed(
        "their seeds lie between {} and {} errors, those of the {} before between {} "
        "and {}.",
        lambda: (*ends(*LONGER), DEEPER.epochs, *ends(*BEFORE)),
    ),
    computed("The {} epochs are not the gain that they seem", lambda: LONG.epochs),
    computed(
        "seed 3 alone, with the {}, would have reported {}.",
        lambda: (
            DEEPER.epochs,
            records.finals(records.load_record(BEFORE[0]), BEFORE[1])[3],
        ),
    ),
    computed(
        "with one look the seeds lie between {} and {}, with six they all make {} or "
        "{}:",
        lambda: (*ends_of(one_look(*LAST)), *ends(*LAST)),
    ),
    computed("fewer than {} lines with its recipe", most_lines),
    computed(
        "batches of {:,}, SGD with momentum {:.2f} and a rate that rises to {:g}",
        lambda: (
            FAST.batch_size,
            fast_optimizer().defaults["momentum"],
            FAST.learning_rate,
        ),
    ),
    computed(
        "at {:.0f} times that rate, labels smoothed by {:g}.",
        lambda: (
            haste_of_shifts(),
            FAST.loss.keywords["label_smoothing"],
        ),
    ),
    cited("Does it reach 94 %?", "jordan2024"),
    computed(
        "each on one core of two, in {:.0f} to {:.0f} minutes alongside other work",
        lambda: ends_of(run["seconds"] / 60 for run in fast_runs()),
    ),
    computed("Four seeds of the five lie above {} %, one below", passed),
    computed("The views are worth {:.1f} points", worth_of_views),
    computed("learnt {:.0f} times too fast, because", haste_of_shifts),
    computed(
        "The training has {} steps in all",
        lambda: NARROW.epochs * -(-trick_images("train") // NARROW.batch_size),
    ),
    computed(
        "The views save {:.0f} errors, one in ten",
        lambda: np.mean(one_look("fast-tricks", "all")) - errors_without("all"),
    ),
    computed(
        "save {:.0f} to {:.0f} each, in all three seeds; that is about what chance "
        "moves (the square root of {:.0f} is {:.0f})",
        lambda: (
            *ends_of(
                errors_without(trick) - errors_without("all")
                for trick in ("no lookahead", "no smoothing", "one rate")
            ),
            errors_without("all"),
            np.sqrt(errors_without("all")),
        ),
    ),
    computed(
        "which should have helped, cost {:.0f}:",
        lambda: errors_without("all") - errors_without("flips by coins"),
    ),
    computed(
        "on a smaller scale: {}, {} and {} maps, {:,} photographs to learn from, {:,} "
        "others held out",
        lambda: (
            *(block[0].out_channels for block in NARROW.model().blocks),
            *map(trick_images, ("train", "test")),
        ),
    ),
    computed(
        "On CIFAR-10, {:.0f} % for {:.2f} PFLOPs",
        lambda: (right("fast-cifar10", "fast"), petaflops(FAST.model(), FAST.epochs)),
    ),
]
