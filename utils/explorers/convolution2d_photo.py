"""A photograph under the kernels of chapter 4: the reader's own, or the book's."""

import base64

import numpy as np
import traitlets
from sklearn.datasets import load_sample_images

from utils.convolution2d import KERNELS, conv2d
from utils.explorers import Explorer
from utils.figures import convolution2d as figures

SIDE = 142


def grey_bytes() -> np.ndarray:
    """The photograph of the chapter, grey: (142, 142), uint8."""
    china = load_sample_images().images[0]
    parts = china[: 3 * SIDE, 150 : 150 + 3 * SIDE].reshape(SIDE, 3, SIDE, 3, 3)
    return np.round(parts.mean(axis=(1, 3, 4))).astype(np.uint8)


class PhotoExplorer(Explorer):
    """A grey photograph, a kernel that can be edited, and the map that it gives.

    Args:
        kernel: the name of the first one, of `utils.convolution2d.KERNELS`.

    Raises:
        traitlets.TraitError: another name.
    """

    name = "convolution2d_photo"
    title = "Your own photograph under a kernel"
    description = (
        "A photograph, a kernel of nine weights, and the map that the kernel makes of "
        "it; on the page the photograph can be your own, and the kernel any you like."
    )

    kernel = traitlets.Enum(list(KERNELS), default_value="sobel x").tag(sync=True)
    photo = traitlets.Unicode(read_only=True).tag(sync=True)  # base64, row by row
    # [name, rows of weights, the value shown black, the value shown white]
    kernels = traitlets.List(
        [
            [name, w.tolist(), *figures.LIMITS.get(name, (0, 1))]
            for name, w in KERNELS.items()
        ],
        read_only=True,
    ).tag(sync=True)

    @traitlets.default("photo")
    def _photo(self):
        return base64.b64encode(grey_bytes().tobytes()).decode()

    def still(self):
        photo = grey_bytes() / 255
        answer = conv2d(photo[None, None], KERNELS[self.kernel][None, None])[0, 0]
        return figures.kernel_maps({"photograph": photo, self.kernel: answer}, (1, 2))
