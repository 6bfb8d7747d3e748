"""Where the numbers of intro.md come from."""

from book.facts import computed
from utils import lenet

FACTS = [
    computed(
        "How do {:,} numbers read a digit",
        lambda: lenet.layer_table(lenet.LeNet5Original()).parameters,
    ),
]
