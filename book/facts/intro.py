"""Where the numbers of intro.md come from."""

from book.facts import computed
from utils.counting import count_parameters
from utils.lenet import LeNet5Original

FACTS = [
    computed(
        "How do {:,} numbers read a digit",
        lambda: count_parameters(LeNet5Original()),
    ),
]
