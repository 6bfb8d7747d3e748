"""Every number that the text states is in the ledger, and every entry is true."""

import functools
import math

import numpy as np
import pytest

from book import facts as ledger
from book.facts import Fact, cited, computed
from book.tools import facts
from book.tools.facts import FactError

load = functools.cache(facts.load)
ENTRIES = [(name, fact) for name in facts.ledgers() for fact in load(name)]


@functools.cache
def checked(name: str, fact: Fact):
    """What `facts.check` gives, computed once for both tests."""
    return facts.check(fact, facts.text_of(name))


@pytest.mark.parametrize(
    ("name", "fact"), ENTRIES, ids=[f"{name}: {fact}" for name, fact in ENTRIES]
)
def test_entry_is_true_and_said(name, fact):
    checked(name, fact)


@pytest.mark.parametrize("name", facts.names())
def test_every_number_is_in_the_ledger(name):
    covered = [span for fact in load(name) for span in checked(name, fact)[1]]
    missing = facts.uncovered(facts.text_of(name), covered)
    assert not missing, f"book/facts/{name}.py lacks numbers of the text:\n" + (
        "\n".join(missing)
    )


def test_every_ledger_belongs_to_a_text():
    assert ENTRIES
    for name in facts.ledgers():
        assert facts.markdown_of(name), name


# ---------------------------------------------------- the checkers can fail

TEXT = """A network with **12,345** weights, 3 layers and 4.5 % error
sees $150{,}531{,}002$ things; \u22121.25 is less. In 1943 it began."""


def check(says, value):
    return facts.check(computed(says, value), facts.read_markdown([TEXT]))


def test_true_entries_pass():
    assert check("**{:,}** weights", lambda: 12000 + 345)[0] == "**12,345** weights"
    check("{:.1f} % error sees", lambda: np.float64(4.5))  # across a line break
    check("${:,}$ things", lambda: 150_531_002)
    check("{} layers and {:.1f} %", lambda: (3, 4.5))
    check("{:.2f} is less", lambda: math.sqrt(25) / -4)
    check("{}", lambda: "weights")


@pytest.mark.parametrize(
    ("says", "value", "message"),
    [
        ("**{:,}** weights", 12346, "does not say '\\*\\*12,346"),  # wrong number
        ("**{:,}** biases", 12345, "does not say"),  # text gone
        ("{:,} weights", 2345, "does not say"),  # half of the number
        ("${:,}", 150_531, "does not say"),  # the other half
        ("{:,}$ things", 531_002, "does not say"),
        ("{} and {}", 1, "more fields than values"),
        ("{} weights", (1, 2), "fewer fields than values"),
        ("{:.q}", 1, "as '.q'"),
        ("{name}", 1, "without a name"),
    ],
)
def test_wrong_entries_fail(says, value, message):
    with pytest.raises(FactError, match=message):
        check(says, lambda: value)


def test_what_cannot_be_computed_is_told_with_its_source():
    with pytest.raises(FactError, match="lambda: 1 / 0\\) raises ZeroDivisionError"):
        check("{} weights", lambda: 1 / 0)
    with pytest.raises(TypeError, match="must be a function, got 12"):
        computed("{} weights", 12)


def test_a_number_in_another_cell_does_not_count():
    text = facts.read_markdown(["It has", "12 weights"])
    with pytest.raises(FactError, match="does not say"):
        facts.check(computed("It has {} weights", lambda: 12), text)


def test_a_number_in_code_does_not_count_as_said():
    text = facts.read_markdown(["```\n12 weights\n```"])
    assert facts.uncovered(text, []) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("FACTS = [12]", "12 is neither computed nor cited"),
        ("facts = []", "no attribute 'FACTS'"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("FACTS = [", "SyntaxError"),
    ],
)
def test_malformed_ledger(source, message, tmp_path):
    (tmp_path / "book/facts").mkdir(parents=True)
    (tmp_path / "book/facts/x.py").write_text(source, encoding="utf-8")
    with pytest.raises(FactError, match=message):
        facts.load("x", tmp_path)


def test_an_entry_says_where_its_numbers_come_from():
    assert "lambda: 3 + 4" in computed("{}", lambda: 3 + 4).origin
    assert cited("In 1943", "mcculloch1943").origin == "mcculloch1943"
    assert ledger.computed("{}", len).value is len


def test_cited_facts_need_their_source(tmp_path):
    (tmp_path / "book").mkdir()
    page = tmp_path / "book/references.md"
    page.write_text('<a id="mcculloch1943"></a> McCulloch and Pitts', encoding="utf-8")
    text = facts.read_markdown([TEXT])
    right = cited("In 1943 it", "mcculloch1943")
    assert facts.check(right, text, tmp_path)[0] == "In 1943 it"
    with pytest.raises(FactError, match="no entry 'pitts1947'"):
        facts.check(cited("In 1943", "pitts1947"), text, tmp_path)
    with pytest.raises(FactError, match="does not say"):
        facts.check(cited("In 1944", "mcculloch1943"), text, tmp_path)


@pytest.mark.parametrize(
    "says",
    [
        "It has 12 weights.",
        "An error of 5 %.",
        "An error of 5%.",
        "About 0.3 of them.",
        "About .5 of them.",
        "It has 1,234 weights.",
        "In the 1980s.",
        "| 28 | a |",
        "| 12 | [twelve](../results/twelve.json) |",
        "$x = 28$",
        "$2\\times10^6$",
        "28×1 maps",
        "a 32-bit number",
        "> 12 things",
        "- 12 things",
        "![12 dots](a.png)",
        "<b>12</b>",
        "from $a<b$ to 12 if $b>a$",
        "chapter 3 has 12 cells",
        "[Rosenblatt 1957](references.md#rosenblatt1958)",
        "[In 1957](https://example.org/1957)",
        "by (2.7) it is",
    ],
)
def test_numbers_that_need_an_entry(says):
    assert facts.uncovered(facts.read_markdown([says]), [])


@pytest.mark.parametrize(
    "says",
    [
        "It has 3 weights.",
        "`x = 12`",
        "``a `12` b``",
        "```python\nx = 12\n```",
        "~~~\n12\n~~~",
        "## 2.3 Heading",
        "# 12 Heading",
        "12. item",
        "| 12 | [Title](../chapters/12-title.ipynb) | a |",
        "$$a = b \\tag{2.13}$$",
        "by (2.13) it is",
        "see section 2.3, chapters 10 and 11, and equations (5.14) to (5.18)",
        "Exercise 5-12 and exercises 2.3–2.5",
        "$w_{12} + w_13$",
        "[Rosenblatt 1958](../book/references.md#rosenblatt1958)",
        "([1998a](references.md#lecun1998a))",
        "float32, int64 and mnist5k",
        "ResNet-20, CIFAR-10, VGG-19",
        "[text](https://example.org/12)",
        "[text](a_(12).html)",
        "<https://example.org/12>",
        '<img src="a12.png" width="320">',
        "<!-- 12 -->",
        "**Time** about 45 minutes,\n12 of them running.",
    ],
)
def test_numbers_that_need_none(says):
    text = facts.read_markdown([says], frozenset({"2.13"}))
    assert facts.uncovered(text, []) == []


def test_coverage_goes_by_spans():
    text = facts.read_markdown(["It has 28 rows, 30 columns and 12 % zeros."])

    def missing(*entries):
        spans = [s for f in entries for s in facts.check(f, text)[1]]
        return [line.split("  ")[0] for line in facts.uncovered(text, spans)]

    rows = computed("{} rows", lambda: 28)
    columns = computed("{} columns", lambda: 30)
    assert missing() == ["28", "30", "12 %"]
    assert missing(rows) == ["30", "12 %"]
    assert missing(rows, columns, computed("{} % zeros", lambda: 12)) == []
    # A number typed into the template is not computed, so it is not covered.
    assert missing(computed("28 rows, {} columns", lambda: 30)) == ["28", "12 %"]
