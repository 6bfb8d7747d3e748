"""Convolution in one dimension: values as torch's, its identities, bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import convolution1d as c1
from utils.convolution1d import (
    convolution_matrix,
    convolve1d,
    cross_correlate1d,
    cross_correlate1d_backward,
    output_size,
)
from utils.gradients import numerical_gradient, relative_error

# The same examples in every run, so that a pass is a pass tomorrow.
property_test = settings(max_examples=100, derandomize=True, deadline=None)

PADDINGS = st.one_of(st.integers(0, 5), st.sampled_from(["narrow", "wide", "same"]))


@st.composite
def signals(draw):
    """x, w and settings under which w fits into the padded x."""
    m, n = draw(st.integers(1, 7)), draw(st.integers(1, 40))
    padding, dilation = draw(PADDINGS), draw(st.integers(1, 4))
    stride = draw(st.integers(1, 4))
    span = dilation * (m - 1) + 1
    zeros = sum(c1.padding_widths(m, padding, dilation))
    n = max(n, span - zeros)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, w = rng.normal(size=n), rng.normal(size=m)
    return x, w, {"stride": stride, "padding": padding, "dilation": dilation}


def by_torch(x, w, stride=1, padding=0, dilation=1):
    """What torch makes of it; its padding has no name for wide."""
    before, after = c1.padding_widths(len(w), padding, dilation)
    x = torch.nn.functional.pad(torch.as_tensor(x)[None, None], (before, after))
    w = torch.as_tensor(w)[None, None]
    return torch.nn.functional.conv1d(x, w, stride=stride, dilation=dilation)[0, 0]


@property_test
@given(signals())
def test_values_equal_torch(example):
    x, w, where = example
    ours, theirs = cross_correlate1d(x, w, **where), by_torch(x, w, **where).numpy()
    assert len(ours) == output_size(len(x), len(w), **where)
    assert ours.shape == theirs.shape
    assert relative_error(ours, theirs) < 1e-10


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@property_test
@given(data=st.data())
def test_same_pads_as_torch_does(data):
    x, w, where = data.draw(signals())
    theirs = torch.nn.functional.conv1d(
        torch.as_tensor(x)[None, None],
        torch.as_tensor(w)[None, None],
        padding="same",
        dilation=where["dilation"],
    )
    ours = cross_correlate1d(x, w, padding="same", dilation=where["dilation"])
    assert len(ours) == len(x)
    assert relative_error(ours, theirs[0, 0].numpy()) < 1e-10


@property_test
@given(signals())
def test_convolution_is_correlation_with_the_filter_turned_round(example):
    x, w, where = example
    turned = cross_correlate1d(x, w[::-1], **where)
    np.testing.assert_array_equal(convolve1d(x, w, **where), turned)


@property_test
@given(signals())
def test_wide_convolution_commutes_and_cross_correlation_does_not(example):
    x, w, _ = example
    full = np.convolve(x, w)
    assert relative_error(convolve1d(x, w, padding="wide"), full) < 1e-10
    assert relative_error(convolve1d(w, x, padding="wide"), full) < 1e-10
    # The two sides of a cross-correlation are each other turned round.
    there = cross_correlate1d(x, w, padding="wide")
    back = cross_correlate1d(w, x, padding="wide")
    assert relative_error(there, back[::-1]) < 1e-10
    if len(x) + len(w) > 2:
        assert relative_error(there, back) > 1e-6


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5])
def test_modes_have_the_sizes_of_their_names(m):
    x, w = np.arange(9.0), np.ones(m)
    assert len(convolve1d(x, w, padding="narrow")) == 9 - m + 1
    assert len(convolve1d(x, w, padding="wide")) == 9 + m - 1
    assert len(convolve1d(x, w, padding="same")) == 9
    assert len(convolve1d(w, x, padding="wide")) == 9 + m - 1
    same = np.convolve(x, w, mode="full")[m // 2 :][:9]
    np.testing.assert_allclose(convolve1d(x, w, padding="same"), same)


@property_test
@given(signals())
def test_matrix_gives_the_operation_and_its_transpose_the_gradient(example):
    x, w, where = example
    matrix = convolution_matrix(w, len(x), **where)
    y = cross_correlate1d(x, w, **where)
    assert relative_error(matrix @ x, y) < 1e-10
    g = np.random.default_rng(len(x)).normal(size=len(y))
    assert (matrix @ x) @ g == pytest.approx(x @ (matrix.T @ g), rel=1e-9, abs=1e-9)
    tx, tw = (torch.tensor(v, requires_grad=True) for v in (x, w))
    by_torch(tx, tw, **where).backward(torch.as_tensor(g))
    assert relative_error(matrix.T @ g, tx.grad.numpy()) < 1e-10


@property_test
@given(signals())
def test_gradients_are_sliding_sums_themselves(example):
    x, w, _ = example
    if len(w) > len(x):
        x, w = w, x
    g = np.random.default_rng(len(x)).normal(size=len(x) - len(w) + 1)
    grad_x, grad_w = cross_correlate1d_backward(g, x, w)
    found = numerical_gradient(lambda v: cross_correlate1d(x, v) @ g, w)
    assert relative_error(grad_w, found) < 1e-7
    assert relative_error(grad_x, convolution_matrix(w, len(x)).T @ g) < 1e-10


def test_worked_examples():
    signal = [1, 1, -1, 1, 1, 1, -1, 1, 1]
    third = cross_correlate1d(signal, [1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(third, np.array([1, 1, 1, 3, 1, 1, 1]) / 3)
    # A filter that reacts to change: 0 on what is flat, 2 on a slope of 1.
    np.testing.assert_array_equal(cross_correlate1d([5, 5, 5, 5], [-1, 0, 1]), [0, 0])
    np.testing.assert_array_equal(cross_correlate1d([0, 1, 2, 3], [-1, 0, 1]), [2, 2])
    # An impulse leaves the memory behind; a constant signal adds it up.
    memory = [1, 1 / 2, 1 / 4]
    np.testing.assert_array_equal(
        convolve1d([1, 0, 0, 0], memory, padding="wide"), [1, 1 / 2, 1 / 4, 0, 0, 0]
    )
    np.testing.assert_array_equal(convolve1d([1, 1, 1, 1], memory), [7 / 4, 7 / 4])
    # y_t = x_t + x_(t-1) / 2 + x_(t-2) / 4 at the last t.
    assert convolve1d([4, 2, 8], memory)[0] == 8 + 2 / 2 + 4 / 4


def test_matrix_of_the_textbook():
    np.testing.assert_array_equal(
        convolution_matrix([1, 2, 3], 5),
        [[1, 2, 3, 0, 0], [0, 1, 2, 3, 0], [0, 0, 1, 2, 3]],
    )
    np.testing.assert_array_equal(
        convolution_matrix([1, 2, 3], 3, padding="wide"),
        [[3, 0, 0], [2, 3, 0], [1, 2, 3], [0, 1, 2], [0, 0, 1]],
    )
    np.testing.assert_array_equal(
        convolution_matrix([1, 2], 5, stride=2, dilation=2),
        [[1, 0, 2, 0, 0], [0, 0, 1, 0, 2]],
    )


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ((7, 3), 5),
        ((7, 3, 2), 3),
        ((8, 3, 2), 3),  # the last value is not looked at
        ((7, 3, 1, "wide"), 9),
        ((7, 3, 1, "same"), 7),
        ((7, 4, 1, "same"), 7),
        ((32, 5), 28),
        ((32, 4, 1, (4 - 1) // 2), 31),  # floor((K - 1) / 2) keeps no even K's size
        ((32, 3, 1, (3 - 1) // 2), 32),
        ((224, 11, 4, 2), 55),
        ((7, 3, 1, 0, 2), 3),
        ((1, 1), 1),
    ],
)
def test_output_sizes(arguments, size):
    assert output_size(*arguments) == size


def test_what_comes_in_is_left_alone_and_may_have_any_strides():
    x, w = np.arange(12.0)[::-2], np.array([1.0, 2, 3])[::-1]
    kept_x, kept_w = x.copy(), w.copy()
    y = cross_correlate1d(x, w, padding=1)
    np.testing.assert_array_equal(y, cross_correlate1d(kept_x, kept_w, padding=1))
    np.testing.assert_array_equal(x, kept_x)
    np.testing.assert_array_equal(w, kept_w)
    assert not np.shares_memory(cross_correlate1d(x, [1.0]), x)


def test_whole_numbers_count_as_float64():
    photograph = np.array([200, 200], np.uint8)
    kernel = np.ones(2, np.uint8)
    for operation in cross_correlate1d, convolve1d:
        np.testing.assert_array_equal(operation(photograph, kernel), [400])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([1, 2, 3], [1] * 5), "kernel (5) is larger than the padded input (3)"),
        (([1, 2, 3], [1, 1, 1], 1, 0, 2), "kernel (5) is larger than the padded"),
        (([1, 2, 3], [1], 0), "must be >= 1, padding >= 0: 3, 1, 0, 1, 0"),
        (([1, 2, 3], [1], 1, -1), "padding >= 0: 3, 1, 1, 1, -1"),
        (([1, 2, 3], [1], 1, "full"), "['narrow', 'same', 'wide'], got 'full'"),
        (([1, 2], []), "n, kernel_size, stride, dilation must be >= 1"),
        (([[1, 2]], [1]), "x and w must have one axis, got (1, 2), (1,)"),
        ((["a", "b"], [1]), "could not convert string to float"),
        (([1, 2, 3], [1], 1.5), None),  # NumPy's own: a size is a whole number
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises((ValueError, TypeError)) as error:
        cross_correlate1d(*arguments)
    assert says is None or says in str(error.value)


def test_a_gradient_of_another_length_is_refused():
    with pytest.raises(ValueError, match="delta needs 3 values, one per output"):
        cross_correlate1d_backward(np.ones(4), np.ones(5), np.ones(3))
