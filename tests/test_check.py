"""Answers at once: what `check` and `hint` tell a reader."""

import json
import linecache
import textwrap

import pytest

from book.grading import judge
from utils import exercises
from utils.exercises import Exercises, forbidden

TEST = """\
# forbidden: np.dot
assert unit(1.0) == 2, "unit(1) must be 2"
### BEGIN HIDDEN TESTS
assert unit(-1) != 2, "unit: the sign is lost"
### END HIDDEN TESTS"""
CELLS = {
    "imports": "import numpy as np",
    "ex1-text": "## 1 The unit (3 points)\n\nWrite `unit`.",
    "ex1-test-a": TEST,
    "ex1-test-b": "seen = rate\nassert rate > 0, 'rate must be positive'",
    "ex1-written": "Because.",
    "ex1-hint-1": "Think of a line.",
    "ex1-hint-2": "Twice.",
    "ex1-why": "It is so.\n\n**Next:** two units.",
    "ex2-text": "## 2 In words (1 point)\n\nWhy?",
    "ex2-written": "Because.",
}


@pytest.fixture
def master(tmp_path, monkeypatch):
    """A master with a task of two tests and words, and one of words only."""
    cells = []
    for name, source in CELLS.items():
        cell = {"id": name, "source": source.splitlines(True), "metadata": {}}
        code = "test" in name or name == "imports"
        cell["cell_type"] = "code" if code else "markdown"
        if "test" in name or "written" in name:
            cell["metadata"] = {"nbgrader": {"grade": True, "points": 1}}
        cells.append(cell)
    (tmp_path / "00-made-up.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.setattr(exercises, "MASTERS", tmp_path)


def answer(source: str, **given) -> dict:
    """The namespace of a notebook whose answer is `source`."""
    linecache.cache["<cell>"] = (len(source), None, source.splitlines(True), "<cell>")
    space = {"__name__": "__main__", "In": ["", source]} | given
    exec(compile(source, "<cell>", "exec"), space)
    return space


def checked(space: dict, name="1", **settings) -> dict:
    """`check(name)`, called in a cell of that notebook; the notebook."""
    space["tasks"] = Exercises("00-made-up", **settings)
    exec(f"tasks.check({name!r})", space)
    return space


def test_a_right_answer_is_told_what_comes_next(master, capsys):
    space = checked(answer("def unit(x):\n    return 2 * x", rate=1), name=1)
    assert capsys.readouterr().out.split("\n") == [
        "Task 1, The unit: right, 2 of 2 points.",
        "Your words (worth 1) need a reader: compare them with the model answer on "
        "the exercise page.",
        "Next: two units.",
        "1 ✓   2 of 2 points",
        "",
    ]
    assert "seen" not in space, "tests leave nothing behind"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def unit(x):\n    return 2", "1 of 2 points.\nunit: the sign is lost\n1 ✗"),
        ("def unit(x):\n    return 3 * x", "1 of 2 points.\nunit(1) must be 2"),
        ("def unit(x):\n    raise NotImplementedError()", "There is no answer yet."),
        (
            "def unit(x):\n    return x.shape",
            "`unit` raises AttributeError: 'float' object has no attribute 'shape', "
            "here: `return x.shape`",
        ),
        ("unit = 3", "The test cannot use your answer. TypeError: 'int' object"),
        (
            "x = 3",
            "`unit` is not there yet: write the answer, and run its cell to the end "
            "without an error.",
        ),
        ("def unit(x):\n    exit()", "`unit` raises"),
        ("def unit(x):\n    assert x is None, 'mine'", "mine"),
    ],
)
def test_a_wrong_answer_is_told_why(master, capsys, source, said):
    checked(answer(source, rate=1))
    out = capsys.readouterr().out
    assert said in out
    assert "Next" not in out


def test_only_what_can_be_seen(master, capsys):
    checked(answer("def unit(x):\n    return 2", rate=1), hidden=False)
    assert "passes what can be seen here, 2 of 2" in capsys.readouterr().out


def test_what_is_asked_of_the_wrong_task(master, capsys):
    checked({}, name="7")
    checked({}, name=2)
    out = capsys.readouterr().out
    assert "There is no task '7': the tasks are 1, 2." in out
    assert "Task 2, In words: words only; compare with the model answer." in out


def test_without_the_masters_nothing_is_told(capsys):
    space = {"tasks": Exercises("99-nothing")}
    exec("tasks.check(1)\nhint = tasks.hint(1)", space)
    assert capsys.readouterr().out.count("are not here") == 2
    assert space["hint"] is None


def test_hints_come_one_by_one(master):
    tasks = Exercises("00-made-up")
    assert tasks.hint(1).data == "**Hint 1.** Think of a line."
    second = tasks.hint("1").data
    assert "Think of a line." in second
    assert second.endswith("*That was the last hint; the solution is on the page.*")
    assert tasks.hint(1).data == second
    assert tasks.hint(2).data == "There is no hint to this task."


def test_what_is_forbidden_is_found_through_other_functions(master, capsys):
    source = "import numpy as np\ndef dot(x):\n    return np.dot(x, 2)\n"
    checked(answer(f"{source}def unit(x):\n    return dot(x)", rate=1))
    assert "this task is to be done without `np.dot`" in capsys.readouterr().out


def test_what_is_forbidden_is_found_through_an_import_elsewhere(master, capsys):
    cells = ["from numpy import dot as times", "def unit(x):\n    return times(x, 2)"]
    space = answer("\n".join(cells), rate=1, In=["", *cells])
    checked(space)
    assert "this task is to be done without `np.dot`" in capsys.readouterr().out


FORBIDDEN = (
    "assert f\n# forbidden: torch.conv2d, F.conv2d, np.convolve, drop, .backward"
)
GIVEN = ["import torch\nimport numpy as np\nimport torch.nn.functional as F"]


def used(*cells: str, test: str = FORBIDDEN) -> str:
    """What is forbidden of the last of these cells, which the test's `f` runs."""
    *cells, last = cells
    answer = "def f():\n    global d, g\n" + textwrap.indent(last, "    ")
    return forbidden(test, GIVEN, [*cells, answer])


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("F.conv2d(x, w)", "F.conv2d"),
        ("g = torch.conv2d", "torch.conv2d"),
        ("import numpy\nnumpy.convolve(a, b)", "np.convolve"),
        ("from numpy import convolve as c", "np.convolve"),
        ("import torch.nn.functional as H\nH.conv2d(x)", "F.conv2d"),
        ("getattr(F, 'conv2d')(x, w)", "F.conv2d"),
        ("%matplotlib inline\ndrop(net)", "drop"),
        ("loss.backward()", "backward"),
    ],
)
def test_forbidden_names_are_found(source, name):
    assert used(source) == f"this task is to be done without `{name}`"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (
            "from scipy.signal import correlate\ncorrelate(a, b)",
            "scipy.signal.correlate",
        ),
        ("import scipy.signal as s\ns.fftconvolve", "scipy.signal.fftconvolve"),
        ("import scipy\nscipy.signal.windows.hann", "scipy.signal.windows.hann"),
        ("torch.conv3d(x, w)", "torch.conv3d"),
        ("F.conv_transpose1d(x, w)", "torch.nn.functional.conv_transpose1d"),
        ("x.zero_()", "zero_"),
        ("from scipy import signal", ""),
        ("import scipy.signals\nscipy.signals.one(torch.cos)", ""),
        ("F.relu(x).zero", ""),
    ],
)
def test_a_star_forbids_all_that_begin_so(source, name):
    test = "assert f\n# forbidden: scipy.signal.*, torch.conv*, F.conv*, .zero_*"
    found = used(source, test=test)
    assert found == (f"this task is to be done without `{name}`" if name else "")


def test_what_is_not_forbidden():
    for source in (
        "conv2d(x)",
        "# F.conv2d\npass",
        "x.convolve",
        "'drop'",
        "def (",
        "dropped",
    ):
        assert used(source) == ""
    assert used("F.conv2d", test="assert f") == ""
    assert used("F.conv2d", "a = 1") == ""


RIGHT = "def f(x):\n    return scale * helper(x)"


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (["print(f(x) == torch.conv2d(x))", RIGHT], ""),
        ([RIGHT, "want = torch.conv2d(x)\nassert want == f(x)"], ""),
        ([f"{RIGHT}\nx = torch.conv2d(y)\nprint(f(x))"], ""),
        (["from torch import conv2d, relu\nconv2d(x)", "f = relu"], ""),
        (["def helper(x):\n    return torch.conv2d(x)", RIGHT], "torch.conv2d"),
        ([RIGHT, "helper = lambda x: torch.conv2d(x)"], "torch.conv2d"),
        (["scale = float(torch.conv2d(x))", RIGHT], "torch.conv2d"),
        ([RIGHT, "if True:\n    helper = torch.conv2d"], "torch.conv2d"),
        ([RIGHT, "f.helper = torch.conv2d"], "torch.conv2d"),
        (["from torch import conv2d as f"], "torch.conv2d"),
        (["class Conv:\n    go = F.conv2d", "f = Conv()"], "F.conv2d"),
        (["f = torch.conv2d", RIGHT], ""),
        ([RIGHT, "class f(f):\n    pass", "helper = drop"], "drop"),
        (["from torch.nn.functional import *", "f = conv2d"], "F.conv2d"),
    ],
)
def test_what_is_not_forbidden_elsewhere(cells, name):
    found = forbidden(f"want = f(1)\nassert want\n{FORBIDDEN}", GIVEN, cells)
    assert found == (f"this task is to be done without `{name}`" if name else "")


def test_a_given_cell_with_a_line_more_is_still_given():
    given = "def helper(x):\n    return torch.conv2d(x)"
    test = "assert f\n# forbidden: torch.conv2d"
    cells = [f"import math\n{given}", "def f(x):\n    return helper(x)"]
    assert forbidden(test, [*GIVEN, given], cells) == ""
    assert forbidden(test, GIVEN, cells) != ""


def test_a_star_forbids_nothing_that_is_known_from_elsewhere():
    test = "assert f == F.relu\n# forbidden: torch.*"
    cells = ["from torch import *", "def g(x): return x", "def f(x): return len(g(np))"]
    assert forbidden(test, GIVEN, cells) == ""
    again = "from torch.nn import functional as F"  # the same as in the given cell
    assert forbidden(test, GIVEN, [*cells, again]) == ""
    assert forbidden(test, GIVEN, [*cells, "from torch.nn import grad as F"]) != ""


@pytest.mark.parametrize(
    "source",
    [
        "np.pad?\ndrop(net)",
        "files = !ls\ndrop(net)",
        "%time y = drop(net)",
        "%timeit -n 3 -r 1 drop(net)",
    ],
)
def test_magics_hide_nothing(source):
    assert used(source) == "this task is to be done without `drop`"
    cell = "%%time\ndef f(x):\n    return drop(x)"
    found = forbidden(FORBIDDEN, GIVEN, [cell])
    assert found == "this task is to be done without `drop`"


@pytest.mark.parametrize(
    "source",
    [
        "def f(names):\n    for name in g:\n        drop = name in h\n        h(drop)",
        "def f(drop):\n    return [drop for _ in g] + [np for drop in g if drop]",
        "def drop(x):\n    return drop(x - 1)\nf = drop",
        "drop = 0.5\nf = lambda x: drop * x",
    ],
)
def test_a_name_of_ones_own_is_not_forbidden(source):
    assert forbidden(FORBIDDEN, GIVEN, [source]) == ""


def test_a_name_of_ones_own_is_no_excuse_for_the_given_one():
    for source in (
        "def f(drop=drop):\n    return drop",
        "def f():\n    global drop\n    return drop",
        "def f(x):\n    return drop(x)\ndef g(drop):\n    return drop",
        "drop = staticmethod(drop)\nf = drop",
    ):
        assert used(source) or forbidden(FORBIDDEN, GIVEN, [source]), source


def test_check_and_the_judge_agree_on_what_is_forbidden(master, capsys):
    right = "def unit(x):\n    return 2 * x"
    compared = "import numpy as np\nprint(unit(3) == np.dot(3, 2))"
    checked(answer(f"{right}\n{compared}", rate=1, In=["", right, compared]))
    assert "right, 2 of 2 points" in capsys.readouterr().out
    given = CELLS["imports"]
    cells = [("given", "locked", given), ("ex1", "solution", right)]
    cells = [*cells, ("ex1-test-a", "test", TEST)]
    cells = [dict(zip(("id", "kind", "source"), c, strict=True)) for c in cells]
    sources = [["ex1", right], ["added-3", compared], ["ex1-test-a", TEST]]
    late = ["added-9", "def unit(x):\n    return np.dot(x, 2)"]
    job = {"sources": [*sources, late]}
    sitting = judge.Sitting(judge.Assignment(cells), job)
    assert sitting.refused("ex1-test-a", "place") == ""
    assert sitting.refused("ex1-test-a", "end").endswith("without `np.dot`")
