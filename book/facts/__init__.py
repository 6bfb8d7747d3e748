"""The facts ledger: every number that the text states, and where it comes from.

One module for each chapter, NN-slug.py, and for each page of book/. `make facts` prints
the entries with their values today, and the numbers that no entry covers yet;
tests/test_facts.py fails on a wrong number, a text that is gone, an uncovered number.

A computed number: the text as the chapter has it, with a field of Python's format
language for each number, and a function of no arguments. A tuple fills several fields
in order. Only the fields count as covered: a number typed beside them is not.

    computed("has {:,} parameters", lambda: mlp.count_parameters([784, 100, 10]))

A fact taken from the literature: the text itself, and the key of its source in
references.md. It covers the whole text.

    cited("In 1943", "mcculloch1943")

A measured number is computed from its record: `records.finals(...)`.

White space is folded; −, {,} and \\% count as -, "," and %. Literal braces in a text
with fields are doubled: "$10^{{{}}}$". Numbers of one digit, names (float32,
ResNet-20), indices, code, headings, references to chapters, sections, equations and
exercises, and the year in a link such as
[Werbos 1974](../book/references.md#werbos1974) need no entry.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """`says` stands in the text; its numbers come from `value`, or from `source`."""

    says: str
    value: Callable | None = None
    source: str | None = None

    def __str__(self):
        return repr(" ".join(self.says.split()))

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if self.value is None:
            return self.source
        return " ".join(inspect.getsource(self.value).split()).rstrip(",")


def computed(says: str, value: Callable, source: str | None = None) -> Fact:
    """A text with fields, and the function that gives their values."""
    if not callable(value):
        raise TypeError(f"the value of {says!r} must be a function, got {value!r}")
    return Fact(says, value, source)


def cited(says: str, source: str) -> Fact:
    """A text that stands so in a source, by its key in references.md."""
    return Fact(says, None, source)
