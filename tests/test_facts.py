"""Every number that the text states is in the ledger, and every entry is true."""

import pytest

from book.tools import facts
from book.tools.facts import Fact, FactError

LEDGER = facts.load()


@pytest.mark.parametrize("fact", LEDGER, ids=str)
def test_entry_is_true_and_said(fact):
    facts.check(fact, facts.text_of(fact.chapter))


@pytest.mark.parametrize("name", facts.names())
def test_every_number_is_in_the_ledger(name):
    text = facts.text_of(name)
    covered = []
    for fact in LEDGER:
        if fact.chapter == name:
            covered += facts.check(fact, text)[1]
    missing = facts.uncovered(text, covered)
    assert not missing, f"{name} states numbers that book/facts.yml does not:\n" + (
        "\n".join(missing)
    )


def test_every_entry_belongs_to_a_text():
    for fact in LEDGER:
        assert facts.markdown_of(fact.chapter), fact


# ---------------------------------------------------- the checkers can fail

TEXT = """A network with **12,345** weights, 3 layers and 4.5 % error
sees $150{,}531{,}002$ things; \u22121.25 is less. In 1943 it began."""


def check(says, **origin):
    text = facts.read_markdown([TEXT])
    return facts.check(Fact(chapter="x", says=says, **origin), text)


def test_true_entries_pass():
    assert check("**{:,}** weights", value="12000 + 345")[0] == "**12,345** weights"
    check("{:.1f} % error sees", value="np.float64(4.5)")  # across a line break
    check("${:,}$ things", value="150_531_002")
    check("{} layers and {:.1f} %", value="(3, 4.5)")
    check("{:.2f} is less", value="math.sqrt(25) / -4")
    check("{}", value="'weights'")
    check("{} layers", value="sum(math.gcd(n, 3) // 3 for n in range(3, 12))")


@pytest.mark.parametrize(
    ("says", "value", "message"),
    [
        ("**{:,}** weights", "12346", "does not say '\\*\\*12,346"),  # wrong number
        ("**{:,}** biases", "12345", "does not say"),  # text gone
        ("{:,} weights", "2345", "does not say"),  # half of the number
        ("${:,}", "150_531", "does not say"),  # the other half
        ("{:,}$ things", "531_002", "does not say"),
        ("{} weights", "1 / 0", "ZeroDivisionError"),
        ("{} weights", "no_such_module.f(1)", "NameError"),
        ("{} weights", "1 +", "SyntaxError"),
        ("{} and {}", "1", "more fields than values"),
        ("{} weights", "(1, 2)", "fewer fields than values"),
        ("{:.q}", "1", "as '.q'"),
        ("{name}", "1", "without a name"),
    ],
)
def test_wrong_entries_fail(says, value, message):
    with pytest.raises(FactError, match=message):
        check(says, value=value)


def test_a_number_in_another_cell_does_not_count():
    text = facts.read_markdown(["It has", "12 weights"])
    with pytest.raises(FactError, match="does not say"):
        facts.check(Fact("x", "It has {} weights", value="12"), text)


def test_a_number_in_code_does_not_count_as_said():
    text = facts.read_markdown(["```\n12 weights\n```"])
    assert facts.uncovered(text, []) == []


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("- chapter: a\n  says: b", "needs a value, a source or a record"),
        ("- says: b\n  value: 1", "no text under 'chapter'"),
        ("- chapter: a\n  value: 1", "no text under 'says'"),
        ("- chapter: a\n  says: b\n  valeu: 1", "unknown keys: valeu"),
        ("- b", "not a mapping"),
    ],
)
def test_malformed_ledger(yaml, message):
    with pytest.raises(FactError, match=message):
        facts.parse(yaml)


def test_cited_facts_need_their_source(tmp_path):
    (tmp_path / "book").mkdir()
    page = tmp_path / "book/references.md"
    page.write_text('<a id="mcculloch1943"></a> McCulloch and Pitts', encoding="utf-8")
    text = facts.read_markdown([TEXT])
    right = Fact("x", "In 1943 it", source="mcculloch1943")
    assert facts.check(right, text, tmp_path)[0] == "In 1943 it"
    with pytest.raises(FactError, match="no entry 'pitts1947'"):
        facts.check(Fact("x", "In 1943", source="pitts1947"), text, tmp_path)
    with pytest.raises(FactError, match="does not say"):
        facts.check(Fact("x", "In 1944", source="mcculloch1943"), text, tmp_path)


def test_records(tmp_path):
    (tmp_path / "a.json").write_text('{"runs": [{"error": 0.045}]}', encoding="utf-8")
    text = facts.read_markdown([TEXT])
    record = "a.json#runs/0/error"
    right = Fact("x", "{:.1f} % error", record=record, value="100 * record")
    assert facts.check(right, text, tmp_path)[0] == "4.5 % error"
    for wrong in ("a.json#runs/1/error", "a.json#runs/0/loss", "b.json#runs"):
        with pytest.raises(FactError, match="record"):
            facts.check(Fact("x", "{} %", record=wrong), text, tmp_path)
    with pytest.raises(FactError, match="does not say"):
        facts.check(Fact("x", "{:.1f} % error", record=record), text, tmp_path)


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

    rows = Fact("x", "{} rows", value="28")
    columns = Fact("x", "{} columns", value="30")
    assert missing() == ["28", "30", "12 %"]
    assert missing(rows) == ["30", "12 %"]
    assert missing(rows, columns, Fact("x", "{} % zeros", value="12")) == []
    # A number typed into the template is not computed, so it is not covered.
    assert missing(Fact("x", "28 rows, {} columns", value="30")) == ["28", "12 %"]
