"""What crosses between a student's process and the judge, and what does not."""

import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from book.grading import border, judge, networks
from book.grading.border import Bad, Link, Remote, RemoteError
from book.tools import exercises
from utils.data import Images
from utils.lenet import LeNet5
from utils.mlp import MLP


class Both:
    """A student with these names, in a thread, and the judge's end of the border."""

    def __init__(self, **names):
        mine, theirs = socket.socketpair()
        self.names = names
        self.thread = threading.Thread(target=border.serve, args=(names, theirs))
        self.thread.start()
        self.link = Link(mine)
        self.sock = mine

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()

    def get(self, name):
        return self.link.ask("name", None, name)


def crossed(value):
    with Both(x=value) as both:
        return both.get("x")


class MyInt(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class MyList(list):
    def __len__(self):
        return 3


class MyArray(np.ndarray):
    def __array_function__(self, *args, **settings):
        return True


PLAIN = [
    None,
    True,
    3,
    -(10**300),
    0.1,
    float("inf"),
    2 + 3j,
    "text \ud800 \x00 é",
    b"\x00\xff",
    (1, [2, {"a": (3,)}], {4}, frozenset({5})),
    {("a", 1): [None], 2.5: "b"},
    slice(1, None, 2),
    range(3, 9, 2),
    Ellipsis,
    Fraction(1, 3),
    np.float32(1.5),
    np.int64(7),
    np.bool_(True),
    np.dtype("float32"),
    np.float32,
    torch.float64,
    torch.Size([2, 3]),
    torch.device("cpu"),
    nn.ReLU,
    F.relu,
    np.sin,
    LeNet5,
]


@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_plain_data_crosses_exactly(value):
    found = crossed(value)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3)[:, ::-1],
        np.array(3.0),
        np.zeros((0, 2), bool),
        np.array(["a", "bcd"]),
        np.array([1 + 2j], "complex64"),
        np.arange(3, dtype=">i4"),
        np.array([[1, "a"], [None, 2.5]], dtype=object),
    ],
    ids=str,
)
def test_arrays_cross_exactly(value):
    found = crossed(value)
    assert type(found) is np.ndarray
    assert found.dtype == value.dtype.newbyteorder("=")
    assert found.shape == value.shape
    assert np.array_equal(found, value)


def test_tensors_cross_exactly():
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    for value in (
        torch.arange(6).reshape(2, 3).T,
        torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
        torch.ones(2, dtype=torch.bfloat16),
        torch.zeros(0, 3),
        leaf,
        nn.Parameter(torch.ones(2)),
    ):
        found = crossed(value)
        assert type(found) is type(value)
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert found.stride() == value.stride(), "or sums round in another way"
        assert found.requires_grad == value.requires_grad
        assert torch.equal(found, value)
    assert crossed(torch.ones(2, 3, device="meta")).device.type == "meta"
    assert np.isnan(crossed(float("nan")))


def test_what_looks_like_plain_data_arrives_as_exactly_that():
    assert type(crossed(MyInt(4))) is int
    assert crossed(MyInt(4)) != 5
    assert crossed(MyList([1])) == [1]
    assert type(crossed(np.ones(2).view(MyArray))) is np.ndarray


def test_a_bool_is_true_or_false():
    for code in (["array", "|b1", [2], 0], ["tensor", "bool", [2], 0, ""]):
        found = replies(frame(code, [b"\x02\x00"])).ask("name", None, "x")
        assert bytes(np.asarray(found).tobytes()) == b"\x01\x00"


def test_objects_of_the_course_are_built_again():
    images = crossed(Images(np.zeros((2, 1, 2, 2)), np.arange(2)))
    assert type(images) is Images
    net = crossed(MLP([2, 3, 1], "relu", seed=0))
    assert type(net) is MLP
    assert np.array_equal(net.weights[0], MLP([2, 3, 1], "relu", seed=0).weights[0])


def test_networks_of_known_classes_are_built_again():
    torch.manual_seed(0)
    for net, shape in (
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten()),
            (2, 1, 5, 5),
        ),
        (LeNet5().eval(), (2, 1, 28, 28)),
    ):
        found = crossed(net)
        assert type(found) is type(net)
        x = torch.rand(shape)
        assert torch.equal(found(x), net(x))
        names = [name for name, _ in found.named_parameters()]
        assert names == [name for name, _ in net.named_parameters()]


class Own(nn.Module):
    """A student's class: what it does, it does at home."""

    def __init__(self, width=3):
        super().__init__()
        self.width = width
        self.line = nn.Linear(2, width)
        self.norm = nn.BatchNorm1d(width)
        self.none = None

    def forward(self, x, times=1):
        return times * self.norm(self.line(x)).square()

    def twice(self, x):
        return 2 * x


def test_a_network_of_a_students_class_learns_from_here():
    torch.manual_seed(0)
    twin = Own().double()
    with Both(Own=Own) as both:
        net = both.get("Own")().double()
        assert isinstance(net, nn.Module)
        assert (net.none, net.width, net.twice(3)) == (None, 3, 6)
        assert isinstance(net.norm, nn.BatchNorm1d)
        net.load_state_dict(twin.state_dict())
        x = torch.rand(5, 2, dtype=torch.float64)
        steps = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (net, twin)]
        for _ in range(3):
            losses = [m(x, times=2).sum() for m in (net, twin)]
            assert torch.allclose(*losses)
            for step, loss in zip(steps, losses, strict=True):
                step.zero_grad()
                loss.backward()
                step.step()
        for (name, mine), theirs in zip(
            net.state_dict().items(), twin.state_dict().values(), strict=True
        ):
            assert torch.allclose(mine, theirs), name
        net.eval()
        twin.eval()
        assert torch.allclose(net(x), twin(x))


def test_gradients_flow_through_calls():
    def loss(x, labels):
        return F.cross_entropy(3 * x, labels)

    def optimizer(model):
        return {"optimizer": torch.optim.Adam(model.parameters(), lr=0.5)}

    def way(model, x):
        (found,) = torch.autograd.grad(model(x).sum(), model[0].weight)
        return found

    x, labels = torch.rand(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
    with Both(loss=loss, optimizer=optimizer, way=way) as both:
        both.get("loss")(x, labels).backward()
        (right,) = torch.autograd.grad(loss(x, labels), x)
        assert torch.allclose(x.grad, right)
        model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
        made = both.get("optimizer")(model)["optimizer"]
        assert type(made) is torch.optim.Adam
        assert made.param_groups[0]["lr"] == 0.5
        assert made.param_groups[0]["params"][0] is model[0].weight
        calls = []
        hook = model[0].register_forward_hook(lambda *_: calls.append(1))
        found = both.get("way")(model, x)
        hook.remove()
        assert torch.allclose(found, way(model, x.detach()))
        assert calls == [1]


def test_functions_cross_both_ways():
    def compose(f, g):
        return lambda x: f(g(x))

    def numbers():
        yield from range(3)

    def refuse(x):
        raise ValueError(f"no {x}")

    def loud(f):
        return f(1)

    names = {"compose": compose, "numbers": numbers, "refuse": refuse, "loud": loud}
    with Both(**names) as both:
        assert both.get("compose")(lambda x: x + 1, np.sin)(0.0) == 1
        assert list(both.get("numbers")()) == [0, 1, 2]
        with pytest.raises(ValueError, match="^your `refuse` raises ValueError: no 7$"):
            both.get("refuse")(7)
        with pytest.raises(NameError):
            both.get("nothing")
        with pytest.raises(RemoteError, match="not this"):
            both.get("loud")(
                lambda x: (_ for _ in ()).throw(AssertionError("not this"))
            )
        with pytest.raises(FloatingPointError), np.errstate(over="raise"):
            both.get("compose")(np.exp, np.exp)(np.float64(1e4))


def test_what_a_test_calls_its_functions_is_not_told():
    def the_right_one(x):
        return x

    def steps_of_the_right_one():
        yield 1

    with Both(show=lambda *things: [repr(thing) for thing in things]) as both:
        shown = both.get("show")(the_right_one, steps_of_the_right_one())
    assert shown == ["<`the test's function`>", "<`the test's iterator`>"]


def test_what_a_judges_function_alters_is_altered_there_and_not_here():
    def zero(x):
        x[:] = 0

    def use(f):
        x = np.ones(3)
        f(x)
        return x

    def spoil(x):
        x[:] = 0

    with Both(use=use, spoil=spoil) as both:
        assert not both.get("use")(zero).any()
        x = np.ones(3)
        both.get("spoil")(x)
        assert x.all()


def test_one_chance_on_both_sides():
    def draw():
        return torch.rand(()).item() + np.random.rand() + random.random()  # noqa: NPY002

    draws = []
    with Both(draw=draw) as both:
        for f in (draw, both.get("draw")):
            torch.manual_seed(3)
            np.random.seed(3)  # noqa: NPY002
            random.seed(3)
            draws.append([f(), torch.rand(2000).sum().item(), f()])
    assert draws[0] == draws[1]


ASK_AT_ONCE = """
import gc, sys, threading, torch
from book.grading import networks

def ask():
    for k in range(2000):
        class Circle:  # garbage that waits for the collector
            pass
        one = Circle()
        one.itself, one.tensor = one, torch.zeros(100_000)
        some = [[] for _ in range(k % 7)]  # to be met at another place each time
        networks.states()

gc.set_threshold(7)
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=ask) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_two_threads_that_ask_for_the_states_do_not_wait_for_each_other():
    command = [sys.executable, "-c", ASK_AT_ONCE]
    subprocess.run(command, cwd=exercises.ROOT, timeout=600, check=True)


def test_chance_can_be_drawn_but_not_chosen():
    torch.manual_seed(0)
    here = torch.get_rng_state().numpy().tobytes()
    for draws in (1, 623, 624, 5000, 10**6):
        torch.rand(draws)
        assert networks.ahead(here, torch.get_rng_state().numpy().tobytes(), 24, 8)
    torch.randn(3, dtype=torch.float64)
    there = torch.get_rng_state().numpy().tobytes()
    assert networks.ahead(here, there, 24, 8)
    assert not networks.ahead(there, here, 24, 8)
    zeros = there[:24] + bytes(624 * 8) + there[24 + 624 * 8 :]
    assert not networks.ahead(here, zeros, 24, 8)
    normal = 24 + 624 * 8
    for value in (1e9, float("nan")):
        forged = there[:normal] + struct.pack("<d", value) + there[normal + 8 :]
        assert not networks.ahead(here, forged, 24, 8)


def test_a_generator_draws_on_after_it_has_crossed():
    with Both(draw=lambda rng: rng.random(3)) as both:
        rng = np.random.default_rng(0)
        first, second = both.get("draw")(rng), both.get("draw")(rng)
    assert np.array_equal(first, np.random.default_rng(0).random(3))
    assert not np.array_equal(first, second)


class Right:
    """An answer that is right about everything."""

    def always(self, *args, **settings):
        return True

    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = always
    __array_function__ = __array_ufunc__ = __torch_function__ = always

    def zero(self, *args):
        return 0

    __sub__ = __rsub__ = __add__ = __mod__ = __abs__ = __matmul__ = __mul__ = zero
    __hash__ = None
    __class__ = float
    shape = (3,)

    def __len__(self):
        return 3


def test_an_object_is_never_asked_whether_it_is_right():
    with Both(x=Right()) as both:
        x = both.get("x")
        assert not x == 42
        assert x != 42
        for wrong in (
            lambda: x < 5,
            lambda: abs(x - 5) < 1,
            lambda: 5 - x,
            lambda: x % 2,
            lambda: x @ x,
            lambda: np.allclose(x, 5),
            lambda: np.isclose(np.asarray(x, float), 5),
            lambda: torch.allclose(x, torch.ones(3)),
            lambda: 5 in x,
        ):
            with pytest.raises((TypeError, ValueError, Bad, RemoteError)):
                wrong()


def replies(*frames):
    """The judge's end of a border whose other side says this, whatever is asked."""
    mine, theirs = socket.socketpair()

    def say():
        link = Link(theirs)
        for frame in frames:
            try:
                link.receive()
            except (border.Gone, Bad):
                break
            theirs.sendall(frame)
        theirs.close()

    threading.Thread(target=say).start()
    return Link(mine)


def frame(value=None, buffers=(), **header) -> bytes:
    if value is not None:
        header["value"] = value
    header["buffers"] = [len(b) for b in buffers]
    data = json.dumps(header).encode()
    return struct.pack(">I", len(data)) + data + b"".join(buffers)


DEEP = [0]
for _ in range(80):
    DEEP = ["list", [*DEEP]] if DEEP == [0] else ["list", [DEEP]]
MODULE = ["module", ["torch.nn.modules.linear", "Linear"], None, "x", True]
SEQUENTIAL = ["name", "torch.nn.modules.container", "Sequential"]
HOSTILE = {
    "no header": b"\xff\xff\xff\xff",
    "no JSON": struct.pack(">I", 4) + b"{{{{",
    "deep JSON": struct.pack(">I", 10**5) + b"[" * 10**5,
    "deep list": frame(DEEP),
    "huge number": frame(7).replace(b"7", b"9" * 20000),
    "huge buffers": frame(1, buffers=[]).replace(b"[]", b"[99999999999]"),
    "negative buffer": frame(1).replace(b"[]", b"[-1]"),
    "object dtype": frame(["array", "O", [1], 0], [bytes(8)]),
    "strange dtype": frame(["array", "V8", [1], 0], [bytes(8)]),
    "dtype of fields": frame(["array", "i4,O", [1], 0], [bytes(12)]),
    "shape too large": frame(["array", "<f8", [10**9], 0], [bytes(8)]),
    "negative shape": frame(["array", "<f8", [-1, -1], 0], [bytes(8)]),
    "tensor too large": frame(["tensor", "float32", [10**9], 0, ""], [bytes(4)]),
    "no buffer": frame(["array", "<f8", [1], 7]),
    "unknown tag": frame(["exec", "1"]),
    "a method": frame(["_link", "1"]),
    "a name of os": frame(["name", "os", "system"]),
    "a name of torch": frame(["name", "torch.serialization", "load"]),
    "a name of builtins": frame(["name", "builtins", "eval"]),
    "a private name": frame(["name", "utils.data", "_download"]),
    "a name behind a dot": frame(["name", "utils.data", "np.load"]),
    "a path": frame(["name", "utils.../os", "x"]),
    "a class of no course": frame(["course", ["os", "PathLike"], []]),
    "dunder field": frame(["course", ["utils.mlp", "MLP"], [["__class__", 1]]]),
    "method as field": frame(["course", ["utils.mlp", "MLP"], [["forward", 1]]]),
    "parameters hidden": frame([*MODULE, [["parameters", SEQUENTIAL]], [], [], [], []]),
    "no network": frame(["module", ["utils.mlp", "MLP"], *MODULE[2:], *[[]] * 5]),
    "hooks": frame([*MODULE, [["_forward_hooks", ["dict", []]]], [], [], [], []]),
    "not hashable": frame(["set", [["list", []]]]),
    "one of ours": frame(["home", 3]),
    "given": frame(["given", "f", [], []]),
    "error that is none": frame(error=3),
    "an end": frame(stop=True),
    "live": frame(1, live=[1, [["int64", [], 0]]], buffers=[bytes(8)]),
    "a random state": frame(1, random=["00", "00", "00"]),
    "a generator": frame(["generator", "0", "0", 0, 0]),
    "a question": frame(do="attribute", handle=1, values=["__globals__"]),
    "silence": b"",
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_reply_is_an_error_and_no_more(what):
    with pytest.raises((Bad, RemoteError, border.Gone, KeyError)):
        replies(HOSTILE[what]).ask("name", None, "x")


def test_the_judge_answers_calls_and_nothing_more():
    seen = []

    def ours():
        return 1

    for question in ("attribute", "item", "name", "array", "forward"):
        link = replies(frame(do=question, handle=1, values=["__globals__"]), b"")
        link.show(ours)
        send = link.send

        def note(header, writer, send=send):
            seen.append(header)
            send(header, writer)

        link.send = note
        with pytest.raises(border.Gone):
            link.ask("name", None, "x")
    refused = [header["error"]["type"] for header in seen if "error" in header]
    assert refused == 4 * ["PermissionError"] + ["Bad"]
    assert all("value" not in header for header in seen)


def test_an_iterator_without_end_ends(monkeypatch):
    monkeypatch.setattr(border, "STEPS", 50)

    def forever():
        while True:
            yield 1

    with Both(forever=forever) as both:
        with pytest.raises(RemoteError, match="does not end"):
            list(both.get("forever")())


def test_texts_are_made_fit_to_be_shown():
    def loud():
        raise KeyError("\x1b[31m\x00" + "x" * 10**5 + "\ud800")

    with Both(loud=loud) as both, pytest.raises(KeyError) as caught:
        both.get("loud")()
    text = str(caught.value)
    assert "\x1b" not in text
    assert len(text) < 3000


# --- the judge


def code(**cells):
    """Cells of a master: kinds by their names."""
    kinds = {"given": "locked", "numbers": "locked", "test": "test"}
    return [
        {
            "id": name.replace("_", "-"),
            "source": source,
            "kind": next((k for word, k in kinds.items() if word in name), "solution"),
        }
        for name, source in cells.items()
    ]


def judged(cells, test, numbers=None, **names) -> str:
    """What the judge says of a test, of a student with these names."""
    assignment = judge.Assignment(code(**cells))
    assignment.run_given()
    mine, theirs = socket.socketpair()
    thread = threading.Thread(target=border.serve, args=(names, theirs))
    thread.start()
    why = assignment.test(test, mine, numbers=numbers)
    mine.shutdown(socket.SHUT_RDWR)
    thread.join()
    mine.close()
    return why


CELLS = {
    "given": "import numpy as np\nscale = 2\ndef use(x):\n    return f(x) * scale",
    "ex1": "def f(x):\n    return x",
    "ex1_test": "assert use(3) == 6, 'not six'\nassert np.ndim(a) == 0, 'number'",
    "ex2": "scale = 5",
    "ex2_test": "assert scale == 7, 'not seven'",
}


ALTERS = {
    "given": "import copy, numpy as np, torch\nfrom torch import nn",
    "ex1": "",
    "ex1_test": """
x = np.arange(3.0)
assert np.array_equal(f(x), 2 * np.arange(3.0)), "twice"
assert np.array_equal(x, np.arange(3.0)), "x was changed"
""",
    "ex2": "",
    "ex2_test": """
parts = [{"w": torch.arange(3)}, {"w": torch.ones(2, requires_grad=True)}]
before = copy.deepcopy(parts)
g(parts)
for one, other in zip(parts, before):
    assert torch.equal(one["w"], other["w"]), "a tensor was changed"
""",
    "ex3": "",
    "ex3_test": """
net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
before = copy.deepcopy(net.state_dict())
h(net)
for name, value in net.state_dict().items():
    assert torch.equal(value, before[name]), "numbers were changed"
assert not any(m._forward_hooks for m in net.modules()), "a hook was left"
assert not net[0].training, "the mode was changed"
""",
    "ex4": "",
    "ex4_test": "x = np.zeros(3)\nassert np.array_equal(f(x), 2 * x), 'twice'",
}


def test_what_an_answer_alters_can_be_forbidden_and_makes_nothing_right():
    def doubled(x):
        x *= 2
        return x

    def zero(x):
        x[:] = 0
        return x

    assert judged(ALTERS, "ex1-test", f=lambda x: 2 * x) == ""
    assert judged(ALTERS, "ex1-test", f=doubled) == "x was changed"
    assert judged(ALTERS, "ex1-test", f=zero) == "twice", "compared with what was given"
    assert judged(ALTERS, "ex4-test", f=doubled) == "", "where that is not forbidden"

    def one_more(parts):
        with torch.no_grad():
            parts[1]["w"] += 1

    assert judged(ALTERS, "ex2-test", g=lambda parts: None) == ""
    assert judged(ALTERS, "ex2-test", g=one_more) == "a tensor was changed"

    def other_numbers(net):
        nn.init.zeros_(net[0].weight)

    cases = {
        "": lambda net: net(torch.rand(3, 2)).sum().item(),
        "numbers were changed": other_numbers,
        "a hook was left": lambda net: net[0].register_forward_hook(print) and None,
        "the mode was changed": lambda net: net.train() and None,
    }
    for why, answer in cases.items():
        assert judged(ALTERS, "ex3-test", h=answer) == why


def test_a_name_whose_cell_is_a_stub_is_not_written_yet():
    why = "`scale` is not there: its cell is missing, or stopped with an error"
    for source, said in (
        ("# YOUR CODE HERE\nraise NotImplementedError()", "`scale` is not written yet"),
        ("scale = 5 / 0", why),
    ):
        job = {"sources": [["ex1", "raise NotImplementedError()"], ["ex2", source]]}
        sitting = judge.Sitting(judge.Assignment(code(**CELLS)), job)
        assert sitting.explained(why) == said
    assert sitting.explained("not seven") == "not seven"


def test_a_test_sees_given_names_and_the_students():
    def f(x):
        return x

    assert judged(CELLS, "ex1-test", f=f, a=1) == ""
    assert judged(CELLS, "ex1-test", f=lambda x: x + 1, a=1) == "not six"
    assert judged(CELLS, "ex1-test", f=f, a=1, np=None, scale=9) == ""
    gone = "`a` is not there: its cell is missing, or stopped with an error before that"
    assert judged(CELLS, "ex1-test", f=f) == gone
    assert judged(CELLS, "ex2-test", scale=7) == "", "what an answer binds is theirs"
    assert judged(CELLS, "ex2-test", scale=2) == "not seven"


def test_a_master_that_is_broken_says_so():
    cells = {"given": "a = 1", "given_2": "1 / 0", "ex1": "b = 1", "ex1_test": "b"}
    assignment = judge.Assignment(code(**cells))
    assignment.run_given()
    assert assignment.broken == "cell given-2 of the master fails: division by zero"


def test_numbers_differ_from_student_to_student():
    cells = {
        "ex1_numbers": "height = 48  # or 40",
        "ex1_given": "area = height * height",
        "ex1": "answer = 1",
        "ex1_test": "assert answer == area, f'not {area}'",
    }
    other = {"ex1-numbers": "height = 40"}
    assert judged(cells, "ex1-test", answer=48 * 48) == ""
    assert judged(cells, "ex1-test", other, answer=48 * 48) == "not 1600"
    assert judged(cells, "ex1-test", other, answer=1600) == ""


def test_what_is_made_there_by_a_given_function():
    def steps(n):
        x = torch.ones(n, requires_grad=True)
        return x, (x * x).sum()

    def slope(x, loss):
        return torch.autograd.grad(loss, x)[0]

    with Both(steps=steps, slope=slope) as both:
        found = judge.together(both.get("slope"), steps, 3)
    assert torch.equal(found, torch.full((3,), 2.0))
    assert torch.equal(judge.together(slope, steps, 3), found)


def test_a_test_runs_for_so_long_and_no_longer():
    cells = {"ex1": "a = 1", "ex1_test": "while a:\n    pass"}
    assignment = judge.Assignment(code(**cells))
    assignment.run_given()
    mine, theirs = socket.socketpair()

    def student():
        mine.close()
        border.serve({"a": 1}, theirs)

    child = judge.fork(student)
    theirs.close()
    why = judge.run_test(assignment, "ex1-test", mine, 0.2)
    mine.close()
    os.waitpid(child, 0)
    assert why == "the test took more than 0.2 seconds"


def test_a_remote_says_what_it_is_and_no_more():
    with Both(f=len) as both:
        f = both.get("f")
        assert isinstance(f, Remote)
        assert repr(f) == "<`len`>"
        for name in ("__globals__", "__code__", "__dict__"):
            with pytest.raises(AttributeError):
                getattr(f, name)
