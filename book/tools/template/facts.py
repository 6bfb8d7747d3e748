"""Where the numbers of chapter NUMBER come from."""

from book.facts import computed
from utils import MODULE

FACTS = [
    computed("twice {} is {}", lambda: (21, MODULE.twice(21))),
]
