"""Where the numbers of chapter 13 come from."""

from book.facts import computed
from utils import design

FACTS = [
    computed("twice {} is {}", lambda: (21, design.twice(21))),
]
