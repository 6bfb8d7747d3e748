"""Augmented images move as far as they should, each its own way, and no further."""

import itertools
import math

import pytest
import torch

from utils.augmentation import (
    MeanOfViews,
    PCAColour,
    RandomCropFlip,
    RandomDistortion,
)
from utils.training import seed_everything


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def blobs(count=3, height=12, width=12, dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, 2, height, width, generator=generator).to(dtype)


def ramps(count, height, width):
    """Images whose two channels say where a pixel is, from the middle: x, y."""
    y, x = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2,
        torch.arange(width) - (width - 1) / 2,
        indexing="ij",
    )
    return torch.stack([x, y]).double().expand(count, 2, height, width)


def affine_maps(distortion, count=200, height=60, width=40):
    """(N, 2, 3): output place (x, y, 1) -> place in the image, by least squares."""
    torch.manual_seed(0)
    where = ramps(count, height, width)
    came = distortion(where + 1000) - 1000  # outside is far away, at -1000
    rows, columns = slice(24, 36), slice(14, 26)  # the middle: never from outside
    x, y = where[0, :, rows, columns].reshape(2, -1)
    places = torch.stack([x, y, torch.ones_like(x)], dim=1)
    values = came[:, :, rows, columns].reshape(count, 2, -1).mT
    found = torch.linalg.lstsq(places.expand(count, -1, -1), values).solution
    close(places @ found, values, 1e-2)
    return found.mT


def test_no_distortion_is_the_identity():
    for dtype in (torch.float32, torch.float64):
        x = blobs(dtype=dtype)
        y = RandomDistortion()(x)
        assert y.dtype == dtype
        assert y.shape == x.shape
        close(y, x, 1e-5)


def test_shift_by_whole_pixels_is_exact(monkeypatch):
    x = blobs()
    # Two draws are 1 and so "shift" itself: it comes from the right and from below.
    monkeypatch.setattr(torch, "rand", lambda *shape, device: torch.ones(*shape))
    y = RandomDistortion(shift=3, fill=0.25)(x)
    close(y[:, :, :-3, :-3], x[:, :, 3:, 3:], 1e-5)
    close(y[:, :, -3:], torch.full_like(y[:, :, -3:], 0.25), 1e-5)
    close(y[:, :, :, -3:], torch.full_like(y[:, :, :, -3:], 0.25), 1e-5)


def test_shift_reaches_its_limit_in_pixels_on_both_axes():
    maps = affine_maps(RandomDistortion(shift=4))
    close(maps[:, :, :2], torch.eye(2).double().expand(200, 2, 2), 1e-3)
    for axis in (0, 1):
        moved = maps[:, axis, 2]
        assert moved.min() < -3.8
        assert moved.max() > 3.8
        assert moved.abs().max() < 4.001


def test_rotation_is_rigid_and_within_its_limit():
    """Also in an image that is not square."""
    turn = affine_maps(RandomDistortion(rotate=15))[:, :, :2]
    close(turn @ turn.mT, torch.eye(2).double().expand(200, 2, 2), 1e-3)
    close(torch.linalg.det(turn), torch.ones(200).double(), 1e-3)
    degrees = torch.rad2deg(torch.atan2(turn[:, 1, 0], turn[:, 0, 0]))
    assert degrees.min() < -14
    assert degrees.max() > 14
    assert degrees.abs().max() < 15.1


def test_scale_changes_width_and_height_apart():
    maps = affine_maps(RandomDistortion(scale=0.2))[:, :, :2]
    factors = 1 / torch.diagonal(maps, dim1=1, dim2=2)  # by which the picture grows
    assert maps[:, 0, 1].abs().max() < 1e-3
    assert maps[:, 1, 0].abs().max() < 1e-3
    for k in (0, 1):
        assert 0.799 < factors[:, k].min() < 0.82
        assert 1.18 < factors[:, k].max() < 1.201
    assert torch.corrcoef(factors.T)[0, 1].abs() < 0.3


def test_shear_moves_the_top_against_the_bottom():
    maps = affine_maps(RandomDistortion(shear=0.3))[:, :, :2]
    lean = maps[:, 0, 1]  # pixels sideways for each pixel down
    assert lean.min() < -0.28
    assert lean.max() > 0.28
    assert lean.abs().max() < 0.301
    maps[:, 0, 1] = 0
    close(maps, torch.eye(2).double().expand(200, 2, 2), 1e-3)


def test_elastic_bends_every_image_its_own_way():
    torch.manual_seed(0)
    where = ramps(50, 40, 40)
    came = RandomDistortion(elastic=1.0, fill=0.0)(where + 1000) - 1000
    bend = (came - where)[:, :, 8:-8, 8:-8]
    assert 0.5 < bend.std() < 1.2  # pixels: 1 at the grid's points, less between
    assert (bend[0] - bend[1]).abs().max() > 0.3
    smooth = bend.diff(dim=3).abs().max()
    assert smooth < 1  # neighbours never change places


def test_distortion_draws_from_torch_and_differs_by_image():
    x = blobs(1).expand(4, -1, -1, -1)
    distortion = RandomDistortion(shift=2, rotate=10, scale=0.1, shear=0.1, elastic=1)
    torch.manual_seed(5)
    first = distortion(x)
    torch.manual_seed(5)
    assert (distortion(x) == first).all()
    assert not torch.allclose(distortion(x), first)
    for a, b in itertools.combinations(first, 2):
        assert not torch.allclose(a, b)


def test_fill_surrounds_the_image():
    x = torch.full((5, 1, 10, 10), -0.3)
    torch.manual_seed(0)
    y = RandomDistortion(shift=8, rotate=40, scale=0.3, elastic=2, fill=-0.3)(x)
    close(y, x, 1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((n, -1) for n in ("shift", "rotate", "scale", "shear", "elastic")),
        *((n, math.nan) for n in ("shift", "rotate", "scale", "shear", "elastic")),
        ("scale", 1),
        ("grid", 2),
        ("grid", 3.5),
        ("fill", math.inf),
        ("shift", "2"),
    ],
)
def test_distortion_refuses(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        RandomDistortion(**{name: value})


@pytest.mark.parametrize(
    "images", [torch.zeros(3, 28, 28), torch.zeros(3, 1, 28, 28, dtype=torch.uint8)]
)
def test_distortion_wants_floating_batches(images):
    with pytest.raises(ValueError, match="images must be floating"):
        RandomDistortion(shift=1)(images)


def test_distortion_says_what_it_is():
    assert "shift=2, " in repr(RandomDistortion(shift=2))


# ---------------------------------------------------------------- six views


def test_views_are_turned_scaled_and_sheared_either_way():
    def nth(k):
        def view(images):
            seen = []
            MeanOfViews(lambda x: seen.append(x) or x, 20, 0.2, 0.1)(images)
            assert len(seen) == 6
            return seen[k]

        return view

    maps = [affine_maps(nth(k), count=1)[0] for k in range(6)]
    cos, sin = math.cos(math.radians(20)), math.sin(math.radians(20))
    expected = [[[cos, -sign * sin], [sign * sin, cos]] for sign in (1, -1)]
    expected[1:1] = [[1 / 1.2, 0], [0, 1 / 1.2]], [[1, 0.1], [0, 1]]
    expected += [[1 / 0.8, 0], [0, 1 / 0.8]], [[1, -0.1], [0, 1]]
    for found, matrix in zip(maps, expected, strict=True):
        close(found[:, :2], torch.tensor(matrix).double(), 1e-3)
        close(found[:, 2], torch.zeros(2).double(), 1e-3)


def test_views_are_averaged_as_answers():
    x = blobs()
    close(MeanOfViews(torch.nn.Identity())(x), x, 1e-5)  # six times the image itself
    mean = MeanOfViews(lambda x: x.flatten(1).max(1).values, rotate=20)(x)
    single = MeanOfViews(torch.nn.Identity(), rotate=20)(x).flatten(1).max(1).values
    assert (mean > single).all()  # the mean of the maxima, not the maximum of the mean


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotate", -1), ("scale", 1), ("scale", math.nan), ("shear", math.inf)],
)
def test_views_refuse(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        MeanOfViews(torch.nn.Identity(), **{name: value})


# ------------------------------------------------------------ crops and mirrors


def test_crops_are_windows_of_the_bordered_image():
    x = blobs(200)
    torch.manual_seed(0)
    moved = RandomCropFlip(padding=2, fill=0.25)(x)
    assert moved.shape == x.shape
    assert moved.dtype == x.dtype
    bordered = torch.nn.functional.pad(x, [2] * 4, value=0.25)
    seen = set()
    for image, border in zip(moved, bordered, strict=True):
        found = [
            (top, left, flip)
            for top, left, flip in itertools.product(range(5), range(5), (False, True))
            if (image == (window := border[:, top : top + 12, left : left + 12])).all()
            and not flip
            or (image == window.flip(2)).all()
            and flip
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert {s[0] for s in seen} == {s[1] for s in seen} == set(range(5))
    assert len(seen) > 40, "of 50 kinds of move"


def test_the_border_mirrors_where_no_fill_is_given():
    x = blobs(100, dtype=torch.float64)
    for seed, settings in enumerate([{}, {"padding": 3}, {"padding": 11}]):
        torch.manual_seed(seed)
        moved = RandomCropFlip(**settings)(x)
        assert moved.dtype == torch.float64
        colours = {round(float(v), 9) for v in x[0].flatten()}
        assert {round(float(v), 9) for v in moved[0].flatten()} <= colours


def test_half_of_the_images_are_mirrored_and_without_padding_nothing_else():
    x = blobs(400)
    torch.manual_seed(0)
    moved = RandomCropFlip(padding=0)(x)
    same = (moved == x).flatten(1).all(1)
    mirrored = (moved == x.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_crops_draw_from_torch():
    x = blobs(50)
    torch.manual_seed(5)
    first = RandomCropFlip()(x)
    torch.manual_seed(5)
    assert (RandomCropFlip()(x) == first).all()
    assert not torch.equal(RandomCropFlip()(x), first)


def test_crops_of_images_that_are_not_square():
    x = torch.arange(2 * 3 * 9 * 6.0).reshape(2, 3, 9, 6)
    assert RandomCropFlip(padding=5)(x).shape == x.shape


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"padding": -1}, "padding"),
        ({"padding": 1.5}, "padding"),
        ({"padding": True}, "padding"),
        ({"fill": "black"}, "fill"),
        ({"fill": math.nan}, "fill"),
    ],
)
def test_crops_refuse(settings, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        RandomCropFlip(**settings)


@pytest.mark.parametrize("shape", [(3, 28, 28), (2, 1, 4, 9), (2, 1, 9, 4)])
def test_crops_want_batches_larger_than_their_border(shape):
    with pytest.raises(ValueError, match="images must be .* larger than padding"):
        RandomCropFlip(padding=4)(torch.zeros(shape))


def test_crops_say_what_they_are():
    assert repr(RandomCropFlip(3, 0.5)) == "RandomCropFlip(padding=3, fill=0.5)"


# --- colours


@pytest.mark.usefixtures("seeded")
def test_principal_colours():
    """Axes and spreads of a cloud of colours that was made with known ones."""
    axes = torch.linalg.qr(torch.randn(3, 3).double()).Q.T
    spread = torch.tensor([0.5, 0.2, 0.05]).double()
    colours = (torch.randn(40_000, 3).double() * spread) @ axes
    images = colours.T.reshape(3, 4, 100, 100).transpose(0, 1)
    colour = PCAColour(images)
    torch.testing.assert_close(colour.spread, spread, rtol=0.02, atol=0)
    cosines = (colour.axes * axes).sum(1).abs()
    torch.testing.assert_close(cosines, torch.ones(3).double(), rtol=0.01, atol=0)
    assert torch.allclose(colour.axes @ colour.axes.T, torch.eye(3).double())


@pytest.mark.usefixtures("seeded")
def test_one_colour_is_added_to_all_pixels_of_an_image():
    images = torch.rand(2_000, 3, 4, 4)
    images[:, 0] *= 3
    colour = PCAColour(images, strength=0.2)
    added = colour(images) - images
    assert torch.allclose(added, added[:, :, :1, :1].expand_as(added), atol=1e-6)
    along = added[:, :, 0, 0] @ colour.axes.T
    torch.testing.assert_close(along.std(0), 0.2 * colour.spread, rtol=0.1, atol=0)
    torch.testing.assert_close(along.mean(0), torch.zeros(3), rtol=0, atol=0.02)
    seed_everything(3)
    one = colour(images)
    seed_everything(3)
    assert torch.equal(one, colour(images))
    assert torch.equal(PCAColour(images, strength=0)(images), images)


@pytest.mark.parametrize("images", [torch.rand(2, 1, 4, 4), torch.rand(3, 4, 4)])
def test_colours_need_three_channels(images):
    with pytest.raises(ValueError, match=r"images must be floating, of shape \(N, 3"):
        PCAColour(images)
    with pytest.raises(ValueError, match=r"images must be floating, of shape \(N, 3"):
        PCAColour(torch.rand(2, 3, 4, 4))(images)
