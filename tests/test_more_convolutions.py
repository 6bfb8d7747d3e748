"""What the module of chapter 11 computes: torch's values and gradients, and counts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from utils import counting
from utils import more_convolutions as mc
from utils.convolution1d import convolution_matrix, convolve1d, output_size
from utils.convolution2d import conv2d
from utils.gradients import numerical_gradient, relative_error
from utils.lenet import LeNet5

property_test = settings(max_examples=80, derandomize=True, deadline=None)


# ------------------------------------------------------------ transposed


@st.composite
def rows(draw):
    """y, w, and a stride and padding that leave something."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p, m = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    stride = draw(st.integers(1, 4))
    padding = draw(st.integers(0, (stride * (p - 1) + m - 1) // 2))
    return rng.normal(size=p), rng.normal(size=m), stride, padding


@property_test
@given(rows())
def test_one_dimension_is_the_transposed_matrix_and_torchs(example):
    y, w, stride, padding = example
    x = mc.conv_transpose1d(y, w, stride, padding)
    size = stride * (len(y) - 1) + len(w) - 2 * padding
    assert len(x) == size == mc.transposed_size(len(y), len(w), stride, padding)
    C = convolution_matrix(w, size, stride, padding)
    np.testing.assert_allclose(x, C.T @ y, atol=1e-12)
    pair = torch.tensor(y)[None, None], torch.tensor(w)[None, None]
    by_torch = F.conv_transpose1d(*pair, stride=stride, padding=padding)
    np.testing.assert_allclose(x, by_torch[0, 0], atol=1e-12)
    spread = mc.insert_zeros(y, stride)
    assert len(spread) == stride * (len(y) - 1) + 1
    if not padding:
        wide = convolve1d(spread, w, padding="wide")
        np.testing.assert_allclose(x, wide, atol=1e-12)


def as_given(draw, values):
    pair = (draw(values), draw(values))
    return pair[0] if pair[0] == pair[1] and draw(st.booleans()) else pair


@st.composite
def layers(draw):
    """x, weight, bias and settings that leave at least one row and column."""
    groups = draw(st.integers(1, 3))
    I, O = groups * draw(st.integers(1, 2)), draw(st.integers(1, 3))
    size = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    where = {
        "stride": as_given(draw, st.integers(1, 3)),
        "dilation": as_given(draw, st.integers(1, 3)),
        "groups": groups,
    }
    strides, dilations = map(mc.pair, (where["stride"], where["dilation"]))
    extra, padding = [], []
    for n, m, s, d in zip(size, kernel, strides, dilations, strict=True):
        extra.append(draw(st.integers(0, s - 1)))
        full = s * (n - 1) + d * (m - 1) + 1 + extra[-1]
        padding.append(draw(st.integers(0, min(3, (full - 1) // 2))))
    where |= {"padding": tuple(padding)}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(draw(st.integers(1, 2)), I, *size))
    weight = rng.normal(size=(I, O, *kernel))
    bias = rng.normal(size=groups * O) if draw(st.booleans()) else None
    return x, weight, bias, where, tuple(extra)


@property_test
@given(layers())
def test_values_and_gradients_are_torchs(example):
    x, weight, bias, where, extra = example
    tx, tweight = (torch.tensor(v, requires_grad=True) for v in (x, weight))
    tbias = None if bias is None else torch.tensor(bias)
    expected = F.conv_transpose2d(tx, tweight, tbias, output_padding=extra, **where)
    y = mc.conv_transpose2d(x, weight, bias, output_padding=extra, **where)
    np.testing.assert_allclose(y, expected.detach(), atol=1e-10)
    g = np.random.default_rng(x.size).normal(size=y.shape)
    expected.backward(torch.tensor(g))
    grad_x, grad_weight, grad_bias = mc.conv_transpose2d_backward(g, x, weight, **where)
    np.testing.assert_allclose(grad_x, tx.grad, atol=1e-10)
    np.testing.assert_allclose(grad_weight, tweight.grad, atol=1e-10)
    np.testing.assert_allclose(grad_bias, g.sum((0, 2, 3)), atol=1e-10)
    # <C.T x, g> = <x, C g>
    plain = y if bias is None else y - bias[:, None, None]
    there = conv2d(g, weight, None, **where)
    assert np.sum(plain * g) == pytest.approx(np.sum(x * there), abs=1e-9)


def test_gradients_by_finite_differences():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 4, 3, 2)), rng.normal(size=(4, 1, 2, 3))
    bias = rng.normal(size=2)
    where = {"stride": (3, 2), "padding": (1, 0), "dilation": (2, 1), "groups": 2}
    y = mc.conv_transpose2d(x, weight, bias, output_padding=(2, 0), **where)
    g = rng.normal(size=y.shape)

    def loss(x, weight, bias):
        y = mc.conv_transpose2d(x, weight, bias, output_padding=(2, 0), **where)
        return np.sum(g * y)

    numeric = (
        numerical_gradient(lambda v: loss(v, weight, bias), x),
        numerical_gradient(lambda v: loss(x, v, bias), weight),
        numerical_gradient(lambda v: loss(x, weight, v), bias),
    )
    gradients = mc.conv_transpose2d_backward(g, x, weight, **where)
    for ours, theirs in zip(gradients, numeric, strict=True):
        assert relative_error(ours, theirs) < 1e-7


def test_sizes_come_back_by_output_padding():
    for n in range(5, 12):
        for stride in (1, 2, 3):
            small = output_size(n, 3, stride, 1)
            back = [mc.transposed_size(small, 3, stride, 1, k) for k in range(stride)]
            assert n in back
            assert all(output_size(size, 3, stride, 1) == small for size in back)


def test_it_is_no_inverse():
    C = convolution_matrix(np.array([1.0, 2, 3]), 9, stride=2)
    x = np.arange(9.0)
    assert not np.allclose(mc.conv_transpose1d(C @ x, np.array([1.0, 2, 3]), 2), x)


def test_pixels_may_be_uint8():
    x = np.full((1, 1, 2, 2), 200, np.uint8)
    y = mc.conv_transpose2d(x, np.full((1, 1, 2, 2), 2, np.uint8))
    assert y.dtype == np.float32
    assert y[0, 0, 1, 1] == 1600


X, W = np.ones((1, 4, 3, 3)), np.ones((4, 2, 3, 3))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"output_padding": 1}, "output_padding must be from 0 to 0, one less"),
        ({"stride": 2, "output_padding": 2}, "than the stride, got 2"),
        ({"stride": 2, "output_padding": -1}, "got -1"),
        ({"padding": 3}, "padding (3) leaves nothing"),
        ({"dilation": 0}, "dilation must be >= 1"),
        ({"stride": 0}, "output_padding must be from 0 to -1"),
        ({"weight": W[:3]}, "weight is for 3 maps, not 4"),
        ({"bias": np.ones(1)}, None),
        ({"bias": np.ones(3)}, None),
        ({"groups": 3}, None),
        ({"x": X[0]}, None),
    ],
)
def test_bad_input(options, says):
    with pytest.raises(ValueError) as error:
        mc.conv_transpose2d(**{"x": X, "weight": W} | options)
    assert says is None or says in str(error.value)


def test_an_error_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="grad_output must be"):
        mc.conv_transpose2d_backward(np.ones((1, 2, 7, 7)), X, W)


@pytest.mark.parametrize("m", range(2, 7))
def test_every_output_sums_as_many_terms_if_the_stride_divides(m):
    for stride in (2, 3):
        counts = mc.conv_transpose1d(np.ones(9), np.ones(m), stride)
        inner = counts[m - 1 : 1 - m]
        assert (len(set(inner)) == 1) == (m % stride == 0)


def test_doubling_begins_as_bilinear_interpolation():
    x = torch.rand(2, 3, 5, 4)
    up = mc.doubling(3)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(up(x)[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1])
    assert counting.count_parameters(up) == 3 * 16


# ------------------------------------------------------------ separable, deformable


def test_separable_is_a_full_layer_of_low_rank():
    layer = mc.SeparableConv2d(4, 6, 3, stride=2).double()
    x = torch.rand(2, 4, 7, 6, dtype=torch.double)
    depthwise, pointwise = layer.depthwise.weight, layer.pointwise.weight
    full = pointwise * depthwise[:, 0]  # (O, C, 1, 1) by (C, m, m)
    expected = F.conv2d(x, full, stride=2, padding=1)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("C", "O", "m"), [(256, 256, 3), (8, 20, 5)])
def test_separable_costs_as_the_formula_says(C, O, m):
    full = nn.Conv2d(C, O, m, padding=m // 2, bias=False)
    cheap = mc.SeparableConv2d(C, O, m)
    share = 1 / O + 1 / m**2
    for count in counting.count_parameters, lambda n: counting.count_macs(n, (C, 9, 9)):
        assert count(cheap) / count(full) == pytest.approx(share)


def test_an_even_kernel_would_not_keep_the_size():
    with pytest.raises(ValueError, match="kernel_size must be odd, got 4"):
        mc.SeparableConv2d(2, 2, 4)


def test_between_pixels():
    x = torch.tensor([[[[0.0, 4], [8, 12]]]])
    rows = torch.tensor([[0.25, 0, 1, -0.5, 5]])
    columns = torch.tensor([[0.5, 1, 0, 0, 0]])
    assert mc.sample(x, rows, columns).tolist() == [[[4, 4, 8, 0, 0]]]


def test_samples_are_those_of_grid_sample():
    x = torch.rand(2, 3, 6, 5, dtype=torch.double)
    rows, columns = (8 * torch.rand(2, 2, 4, 7, dtype=torch.double) - 1).unbind(1)
    grid = torch.stack([2 * columns / 4 - 1, 2 * rows / 5 - 1], dim=-1)
    expected = F.grid_sample(x, grid, align_corners=True)
    torch.testing.assert_close(mc.sample(x, rows, columns), expected)


def deformable_example():
    x = torch.rand(2, 3, 5, 4, dtype=torch.double, requires_grad=True)
    offset = 2 * torch.rand(2, 2, 9, 5, 4, dtype=torch.double) - 1
    weight = torch.rand(2, 3, 3, 3, dtype=torch.double, requires_grad=True)
    bias = torch.rand(2, dtype=torch.double, requires_grad=True)
    return x, offset.requires_grad_(), weight, bias


def test_deformable_gradients_by_finite_differences(seeded):
    assert torch.autograd.gradcheck(mc.deform_conv2d, deformable_example())


def test_still_offsets_are_a_convolution_and_whole_ones_a_shift(seeded):
    x, offset, weight, bias = (v.detach() for v in deformable_example())
    plain = F.conv2d(x, weight, bias, padding=1)
    still = torch.zeros_like(offset)
    torch.testing.assert_close(mc.deform_conv2d(x, still, weight, bias), plain)
    moved = still.clone()
    moved[:, 0] = 1  # all look a row further down
    shifted = F.conv2d(F.pad(x, (1, 1, 0, 2)), weight, bias)
    torch.testing.assert_close(mc.deform_conv2d(x, moved, weight, bias), shifted)
    layer = mc.DeformConv2d(3, 2).double()
    expected = F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=1)
    torch.testing.assert_close(layer(x), expected)
    assert layer.offsets(x).shape == (2, 2, 9, 5, 4)


@pytest.mark.parametrize(
    ("offset", "m"), [((2, 18, 5, 4), 3), ((2, 2, 9, 4, 5), 3), ((2, 2, 4, 5, 4), 2)]
)
def test_offsets_of_another_shape_are_refused(offset, m):
    x, weight = torch.rand(2, 3, 5, 4), torch.rand(2, 3, m, m)
    with pytest.raises(ValueError, match="offset must be"):
        mc.deform_conv2d(x, torch.zeros(offset), weight)


# ------------------------------------------------------------ whole pages


def test_lenet_on_a_page_says_what_it_says_of_each_piece(seeded):
    lenet = LeNet5().eval()
    reader = mc.fully_convolutional(lenet)
    assert counting.count_parameters(reader) == counting.count_parameters(lenet)
    page = torch.rand(1, 1, 44, 52)
    with torch.no_grad():
        logits = reader(1.275 * page - 0.1)
        assert logits.shape == (1, 10, 4, 6)
        for r, c in ((0, 0), (3, 5), (1, 4)):
            piece = page[:, :, 4 * r : 4 * r + 32, 4 * c : 4 * c + 32]
            torch.testing.assert_close(logits[:, :, r, c], lenet(piece))
        with pytest.raises(RuntimeError):
            reader(torch.zeros(1, 1, 28, 28))


def test_a_scene():
    digits = np.array([[[1.0, 0.2], [0, 0.5]], [[0.4, 0.4], [0.4, 0.9]]])
    sheet, classes = mc.scene(digits, [7, 0], [(0, 0), (0, 1)], size=3)
    np.testing.assert_allclose(sheet, [[1, 0.4, 0.4], [0, 0.5, 0.9], [0, 0, 0]])
    assert classes.tolist() == [[8, 1, 1], [0, 8, 1], [0, 0, 0]]
    with pytest.raises(IndexError):
        mc.scene(digits, [7, 0], [(0, 0), (0, 2)], size=3)


@pytest.mark.parametrize(
    ("up", "parameters"),
    [("nearest", 34607), ("bilinear", 34607), ("transposed", 34959), ("skip", 35377)],
)
def test_segmenters(seeded, up, parameters):
    net = mc.Segmenter(up)
    assert counting.count_parameters(net) == parameters
    logits = net(torch.rand(2, 1, 32, 24))
    assert logits.shape == (2, 11, 32, 24)
    logits.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_places_are_whole_in_bfloat16_too():
    layer, x = mc.DeformConv2d(1, 2), torch.rand(1, 1, 28, 28)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    expected = F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=1)
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("padding", [-1, 2, 3])
def test_a_padding_that_leaves_nothing_is_refused(padding):
    with pytest.raises(ValueError, match=f"padding .{padding}. must leave some of 4"):
        mc.conv_transpose1d(np.ones(2), np.ones(3), padding=padding)


def test_a_way_up_that_there_is_not():
    with pytest.raises(ValueError, match="up must be one of 'nearest', .* got 'cubic'"):
        mc.Segmenter("cubic")


def test_intersection_over_union():
    truth = torch.tensor([[[0, 0, 1], [0, 2, 2]]])
    answer = torch.tensor([[[0, 1, 1], [0, 0, 2]]])
    found = mc.iou(answer, truth, 4)
    torch.testing.assert_close(found[:3], torch.tensor([2 / 4, 1 / 2, 1 / 2]))
    assert found[3].isnan()
    with pytest.raises(ValueError, match="predicted"):
        mc.iou(answer[:, None], truth, 3)
