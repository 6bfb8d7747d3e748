"""What the module of chapter 13 says of a design is what the built network does."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from utils import counting, design
from utils.experiments.lenet import Deeper, Rearranged
from utils.lenet import LeNet5

property_test = settings(max_examples=30, derandomize=True, deadline=None)


@st.composite
def layers(draw, kinds="CCCPGF"):
    """A design as text, of layers that may or may not fit."""
    parts = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=6)):
        if kind == "C":
            window = draw(st.sampled_from(["", "k1", "k5", "k4v", "v", "k7"]))
            others = ["", "s2", "d2", "s3", "b", "g", "d3b"]
            text = f"C{draw(st.integers(1, 6))}{window}{draw(st.sampled_from(others))}"
        elif kind == "P":
            text = draw(st.sampled_from(["P", "P3s2", "P3"]))
        else:
            text = {"G": "G", "F": f"F{draw(st.integers(1, 9))}"}[kind]
        repeats = draw(st.sampled_from(["", "", "", "*2"]))
        parts.append(text + repeats)
    return "-".join(parts)


def error(call, *args):
    with pytest.raises(ValueError) as caught:
        call(*args)
    return str(caught.value)


@property_test
@given(layers(), st.sampled_from([(1, 14, 14), (3, 21, 21)]))
def test_the_calculator_counts_what_hooks_count(text, shape):
    try:
        costs = design.budget(text, shape, classes=7)
    except ValueError:
        assert text in error(design.build, text, shape, 7)
        return
    net = design.build(text, shape, classes=7)
    rows = counting.layer_table(net, shape, depth=1)
    assert len(costs) == len(rows)
    for ours, row in zip(costs, rows, strict=True):
        assert row.output in [(ours.channels, ours.size, ours.size), (ours.channels,)]
        assert ours.values == np.prod(row.output)
        assert (ours.parameters, ours.macs) == (row.parameters, row.macs)
    total = [design.total(costs, what) for what in ("parameters", "macs")]
    assert total == [rows.parameters, rows.macs]


@property_test
@given(layers("CCP"))
def test_the_field_is_what_a_pixel_reaches(text):
    """One pixel of light after the other; positive weights let it through."""
    shape = (1, 49, 49)
    try:
        last = design.budget(text, shape)[-2]
        net = design.build(text, shape)[:-1]
    except ValueError:
        return
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.ones_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    middle = last.size // 2
    with torch.no_grad():
        pixels = torch.eye(49).view(49, 1, 1, 49).expand(49, 1, 49, 49)
        lit = net.eval()(pixels.contiguous())[:, 0, middle, middle] > 0
    places = lit.nonzero().flatten()
    seen = int(places[-1] - places[0]) + 1
    clear = last.size >= 5 and last.field <= 25  # of padding, in the middle
    assert seen == last.field if clear else seen <= last.field


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("C6k5b-P-C16k5vb-P-F120-F84", LeNet5),
        ("C16k5v-P-C32-P-C64-C64v-G", Rearranged),
        ("C16k5v-P-C32-C32-P-C48-C64v-G", Deeper),
    ],
)
def test_networks_of_chapter_6_as_designs(text, model):
    costs, net = design.budget(text), model()
    assert design.total(costs, "parameters") == counting.count_parameters(net)
    assert design.total(costs, "macs") == counting.count_macs(net, (1, 28, 28))


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("", 1, "a layer must stand here"),
        ("C16-Q8", 5, "no layer is called 'Q'"),
        ("c16", 1, "no layer is called 'c'"),
        ("C8-\n", 4, "no layer is called '\n'"),
        ("C\u0663", 2, "C needs a number"),
        ("C16--P", 5, "a layer or '(' must stand here"),
        ("*2-P", 1, "a layer or '(' must stand here"),
        ("(C16-P", 7, "a ')' is missing"),
        ("C16)", 4, "no '(' is open"),
        ("C16 P", 4, "'-' must stand between"),
        ("(C8)(C8)", 5, "'-' must stand between"),
        ("P-C", 4, "C needs a number"),
        ("G7", 2, "G takes no number"),
        ("C16x5", 1, "C takes no 'x'"),
        ("C16s2s2", 1, "or one only"),
        ("C16k", 1, "'k' needs a number"),
        ("C16v2", 1, "'v' takes no number"),
        ("C16-C0", 5, "numbers go from 1"),
        ("C99999", 1, "numbers go from 1"),
        ("C16*0", 4, "'*' needs a number"),
        ("C16*", 4, "'*' needs a number"),
        ("(C1*99)*99", 8, "500 layers at most"),
        ("C16-C16k4", 5, "an even window"),
        ("P*4-P", 5, "does not fit on maps of 1 × 1"),
        ("F8-C3", 4, "after a full layer"),
        ("F8-G", 4, "after a full layer"),
        ("C3-C4g", 4, "a multiple of the 3 maps"),
    ],
)
def test_what_is_no_design_is_marked(text, place, why):
    for call in (design.budget, design.build):
        message = error(call, text)
        assert why in message
        assert f"(character {place})\n{text}\n{' ' * (place - 1)}^" in message


def test_images_must_be_square():
    assert "square" in error(design.budget, "C8", (1, 28, 14))


def test_the_rule_and_its_layers():
    texts = [part.text for part in design.parse(design.rule(2, 3, 2))]
    block = ["C16", "C16", "P", "C32", "C32", "P", "C64", "C64", "P"]
    assert texts == [*block, "F64", "F64"]
    nested = [part.text for part in design.parse("((C1-P)*2-C2)*2")]
    assert nested == ["C1", "P", "C1", "P", "C2"] * 2
    shape = tuple(design.build(design.rule(1, 2, 0))(torch.zeros(2, 1, 28, 28)).shape)
    assert shape == (2, 10)


@pytest.mark.parametrize("parameters", [200, 5000, 60_000])
def test_the_widest_fits_and_the_next_does_not(parameters):
    def size(percent):
        widths = tuple(max(1, width * percent // 100) for width in (16, 16, 32, 32))
        texts.append("C{}-P-C{}g-C{}k1-P-F{}".format(*widths))
        return design.total(design.budget(texts[-1], (1, 14, 14)), "parameters")

    texts = []
    percent = next(k for k in range(10**6) if size(k + 1) > parameters)
    found = design.widest("C16-P-C16g-C32k1-P-F32", parameters, (1, 14, 14))
    assert size(percent) <= parameters
    assert found == texts[-1]


def test_the_widest_of_a_wide_design():
    """Numbers of a design have four digits: the search stays below."""
    for parameters, wide in ((50_000, False), (10**12, True)):
        text = design.widest("C16-P-F200", parameters)
        assert ("F9998" in text) == wide, text
        assert design.total(design.budget(text), "parameters") <= parameters


@pytest.mark.parametrize(
    ("shape", "classes"), [((0, 28, 28), 10), ((1, 0, 0), 10), ((1, 28, 28), 0)]
)
def test_no_image_and_no_class_are_refused(shape, classes):
    with pytest.raises(ValueError, match="no image, or no class"):
        design.budget("C16", shape, classes)


def test_a_width_of_nothing_is_one():
    assert design.widest("C0", 10_000) == "C1"


def test_a_budget_that_no_net_meets():
    message = error(design.widest, "C8-P-F32", 20)
    assert "no net of the design C8-P-F32 has at most 20 parameters" in message
    assert "C1-P-F1 has" in message


def test_training_compute():
    macs = counting.count_macs(nn.Linear(5, 3), (5,))
    assert design.training_flops(macs, images=10, epochs=2) == 6 * 15 * 20
