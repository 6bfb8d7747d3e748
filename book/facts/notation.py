"""Where the numbers of notation.md come from."""

from book.facts import cited

FACTS = [
    cited(
        'well-known "3.8 GFLOPs" are MACs',
        "he2016",
    ),
]
