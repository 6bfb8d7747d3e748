"""Augmentation: changed copies of the training images, which teach what may vary.

Images are NCHW, on any device. What is random draws from torch's own generator, on the
device of what it is given.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from utils.checking import checked_number, checked_whole


class RandomDistortion:
    """Every image shifted, turned, scaled, sheared and bent a little, each its own way.

    Call it with images (N, C, H, W), on any device; it returns as many of the same
    shape. Each image draws its own numbers, uniformly, so that no two epochs see the
    same picture. Pixels in between are interpolated, and the border is `fill`.

    Elastic bending draws a displacement for each point of a coarse grid and makes it
    smooth in between, after Simard, Steinkraus and Platt (2003).

    Args:
        shift: pixels, up to which an image moves along each axis.
        rotate: degrees, up to which it turns either way.
        scale: 0.1 lets width and height each change by a factor of 0.9 to 1.1.
        shear: 0.1 lets the top move against the bottom by up to a tenth of the height.
        elastic: pixels, the standard deviation of the bending.
        grid: the bending has so many points along each axis, at least 3.
        fill: the value of pixels that come from outside the image.

    Raises:
        ValueError: an argument that is negative or not finite, a scale of 1 or more, a
            grid too coarse, or, in the call, images of another shape or type.
    """

    def __init__(
        self, shift=0.0, rotate=0.0, scale=0.0, shear=0.0, elastic=0.0, grid=6, fill=0.0
    ):
        ranges = dict(
            shift=shift, rotate=rotate, scale=scale, shear=shear, elastic=elastic
        )
        for name, value in ranges.items():
            checked_number(name, value, below=1 if name == "scale" else math.inf)
        checked_number("fill", fill, low=-math.inf)
        checked_whole("grid", grid, 3)
        vars(self).update(ranges, grid=grid, fill=fill)

    def __repr__(self):
        settings = ", ".join(f"{k}={v:g}" for k, v in vars(self).items())
        return f"RandomDistortion({settings})"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if images.ndim != 4 or not images.is_floating_point():
            raise ValueError(
                "images must be floating and (N, C, H, W), got "
                f"{images.dtype} of shape {tuple(images.shape)}"
            )
        count, _, height, width = images.shape

        def draw(limit, *shape):
            return limit * (2 * torch.rand(*shape, device=images.device) - 1)

        angle = draw(math.radians(self.rotate), count)
        scale = 1 + draw(self.scale, count, 2)
        shear = draw(self.shear, count)
        size = images.new_tensor([width, height])
        move = draw(2 * self.shift, count, 2) / size
        where = _where(images, angle, scale, shear, move)  # (N, H, W, 2)
        if self.elastic:
            points = (count, 2, self.grid, self.grid)
            bend = torch.randn(*points, device=images.device, dtype=images.dtype)
            bend = F.interpolate(
                bend, (height, width), mode="bicubic", align_corners=True
            )
            where = where + bend.permute(0, 2, 3, 1) * (2 * self.elastic / size)
        moved = F.grid_sample(
            images - self.fill, where, padding_mode="zeros", align_corners=False
        )
        return moved + self.fill


def _where(images, angle, scale, shear, move):
    """Where each output pixel comes from, (N, H, W, 2), as `F.grid_sample` takes it.

    Args:
        images: (N, C, H, W), for their shape, type and device.
        angle: (N,), radians.
        scale: (N, 2), of width and height.
        shear: (N,).
        move: (N, 2), in halves of width and height.
    """
    count, _, height, width = images.shape
    cos, sin = angle.cos(), angle.sin()
    size = images.new_tensor([width, height])
    # Rows: where, in pixels from the middle, the x and the y of an output pixel
    # come from; then the same with each axis from -1 to 1.
    turn = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2)
    lean = torch.eye(2, device=images.device).repeat(count, 1, 1)
    lean[:, 0, 1] = shear
    matrix = turn @ lean / scale[:, None, :]
    matrix = matrix * (size / size[:, None]).float()
    theta = torch.cat([matrix, move[:, :, None]], dim=2).to(images.dtype)
    return F.affine_grid(theta, images.shape, align_corners=False)


class MeanOfViews(nn.Module):
    """The mean answer of `net` to six views of each image, in place of one answer.

    They are the image turned, scaled and sheared, one of these at a time, either way.
    Images (N, C, H, W) whose border is 0 -> what `net` answers, averaged.

    Args:
        net: the network that answers.
        rotate: degrees.
        scale: 0.1 makes a view larger and one smaller by a tenth.
        shear: 0.1 moves the top against the bottom by a tenth of the height.

    Raises:
        ValueError: an argument that is negative or not finite, or a scale of 1 or more.
    """

    def __init__(self, net, rotate=0.0, scale=0.0, shear=0.0):
        super().__init__()
        checked_number("rotate", rotate)
        checked_number("scale", scale, below=1)
        checked_number("shear", shear)
        self.net = net
        self.ends = math.radians(rotate), scale, shear

    def forward(self, images):
        ends = torch.tensor(self.ends, device=images.device).diag()
        move = torch.zeros(len(images), 2, device=images.device)
        answers = []
        for angle, scale, shear in [*ends, *-ends]:
            angle, shear = angle.expand(len(images)), shear.expand(len(images))
            size = (1 + scale).expand_as(move)
            where = _where(images, angle, size, shear, move)
            view = F.grid_sample(images, where, align_corners=False)
            answers.append(self.net(view))
        return torch.stack(answers).mean(0)


class RandomCropFlip:
    """Every image moved by up to `padding` pixels each way, and every second mirrored.

    The usual augmentation for small photographs: a border is put around the image, a
    window of the old size cut out at a random place, and left and right exchanged with
    probability 1/2. Call it with images (N, C, H, W), on any device; it returns as many
    of the same shape.

    Args:
        padding: pixels of border on each side, less than height and width.
        fill: the value of the border; None mirrors the image there.

    Raises:
        ValueError: an argument that is not as described, or, in the call, images of
            another shape.
    """

    def __init__(self, padding: int = 4, fill: float | None = None):
        checked_whole("padding", padding, 0)
        if fill is not None:
            checked_number("fill", fill, low=-math.inf)
        self.padding, self.fill = padding, fill

    def __repr__(self):
        return f"RandomCropFlip(padding={self.padding}, fill={self.fill})"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if images.ndim != 4 or min(images.shape[2:]) <= self.padding:
            raise ValueError(
                f"images must be (N, C, H, W), larger than padding ({self.padding}), "
                f"got {tuple(images.shape)}"
            )
        count, channels, height, width = images.shape
        border, device = [self.padding] * 4, images.device
        if self.fill is None:
            padded = F.pad(images, border, mode="reflect")
        else:
            padded = F.pad(images, border, value=self.fill)
        corner = torch.randint(2 * self.padding + 1, (2, count, 1), device=device)
        flip = torch.rand(count, 1, device=device) < 0.5
        rows = corner[0] + torch.arange(height, device=device)  # (N, H)
        columns = torch.arange(width, device=device).expand(count, width)
        columns = corner[1] + torch.where(flip, columns.flip(1), columns)  # (N, W)
        return padded[
            torch.arange(count, device=device)[:, None, None, None],
            torch.arange(channels, device=device)[:, None, None],
            rows[:, None, :, None],
            columns[:, None, None, :],
        ]


class PCAColour:
    """Colour augmentation: every image a little lighter, warmer, or greener.

    To all pixels of an image one colour is added, sum_i a_i s_i p_i: p_i are the
    principal axes of the training pixels' colours, s_i their standard deviations along
    them, a_i drawn for each image from a normal distribution of mean 0 and standard
    deviation `strength`. After Krizhevsky, Sutskever and Hinton (2012), section 4.1,
    who write the variances s_i^2 in their place; those have the unit of a squared
    colour.

    Args:
        images: (N, 3, H, W), of training, an array or a tensor.
        strength: the paper's is 0.1.

    Attributes:
        axes: (3, 3), one axis a row, the one of the largest spread first.
        spread: (3,), s_i.

    Raises:
        ValueError: a strength that is negative, or images, here or in the call, that
            are not floating of shape (N, 3, H, W).
    """

    def __init__(self, images, strength=0.1):
        self.strength = checked_number("strength", strength)
        pixels = self._checked(torch.as_tensor(images)).transpose(0, 1).flatten(1)
        variances, axes = torch.linalg.eigh(torch.cov(pixels))
        self.spread = variances.flip(0).clamp(min=0).sqrt()
        self.axes = axes.T.flip(0)

    def __repr__(self):
        return f"PCAColour(strength={self.strength:g})"

    def __call__(self, images):
        """As many images (N, 3, H, W), each of other colours."""
        self._checked(images)
        draw = torch.randn(len(images), 3, device=images.device, dtype=images.dtype)
        shift = self.strength * (draw * self.spread.to(images)) @ self.axes.to(images)
        return images + shift[:, :, None, None]

    @staticmethod
    def _checked(images):
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(
                "images must be floating, of shape (N, 3, H, W), got "
                f"{images.dtype} of shape {tuple(images.shape)}"
            )
        return images
