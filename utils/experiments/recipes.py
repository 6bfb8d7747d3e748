"""What a recorded run is made of: recipes, and the experiment that compares them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import nn

from utils import data
from utils.counting import count_parameters
from utils.transfer import only

SGD = functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True, weight_decay=5e-4)


@dataclass(frozen=True)
class Recipe:
    """How one variant is built and trained.

    The learning rate rises to `learning_rate` over the first tenth of the steps and
    falls to nearly nothing by the last, along a cosine, unless `schedule` makes another
    scheduler of the optimizer and the number of steps. After every epoch the probe
    measures the model on the first images of the training set; its numbers become
    curves of the record.
    """

    model: Callable[[], nn.Module]
    epochs: int
    batch_size: int = 64
    optimizer: Callable = torch.optim.Adam
    learning_rate: float = 1e-3
    schedule: Callable | None = None
    loss: Callable = F.cross_entropy
    augment: Callable | None = None
    autocast: torch.dtype | None = None
    average: float | Callable | None = None  # for `fit`, or (model, steps) -> that
    labels: int | None = None  # train on so few images, drawn by the run's seed
    images: int | None = None  # an epoch goes through the few until it saw so many
    probe: Callable | None = None  # (model, images, labels) -> numbers by name
    views: Callable | None = None  # model -> what answers for it in the end

    def settings(self) -> dict:
        """What a record says of it."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        named = {k: _describe(v) for k, v in named.items() if v is not None}
        return named | {"parameters": count_parameters(self.model(), True)}


@dataclass(frozen=True)
class Experiment:
    """Variants to compare, each run with the same data and the same seeds.

    Attributes:
        about: a sentence for the list and the record.
        data: the name of a function of `utils.data` that gives a training and a test
            set.
        variants: name -> recipe.
        seeds: those that are run unless others are asked for.
        validation: so many images from the end of the training set stand in for the
            test set, which is not touched; None uses the test set.
        first: train on so many images only, the first; None takes all.
        keep: (variant, seed) whose weights and wrong images are stored.
        classes: the only classes to use, numbered from 0 in this order; None takes all.
        test: use the first so many test images; None takes all.
        listed: whether a record lists the errors one by one, if they are not too many.
    """

    about: str
    data: str
    variants: dict[str, Recipe]
    seeds: tuple[int, ...] = (0, 1, 2)
    validation: int | None = None
    first: int | None = None
    keep: tuple[str, int] | None = None
    classes: tuple[int, ...] | None = None
    test: int | None = None
    listed: bool = True

    def load(self):
        """What to train on and what to judge by, two `Images`.

        Raises:
            DataError: the data are not here and cannot be fetched.
        """
        train, test = getattr(data, self.data)()
        if self.classes is not None:
            train, test = only(train, self.classes), only(test, self.classes)
        test = data.Images(test.x[: self.test], test.y[: self.test])
        if self.validation is not None:
            cut = len(train.y) - self.validation
            train, test = (
                data.Images(train.x[:cut], train.y[:cut]),
                data.Images(train.x[cut:], train.y[cut:]),
            )
        return data.Images(train.x[: self.first], train.y[: self.first]), test


def _describe(value):
    """A setting as a record says it: a number, or the name of a class or function."""
    if isinstance(value, functools.partial):
        given = [
            *value.args,
            *(f"{k}={_describe(v)}" for k, v in value.keywords.items()),
        ]
        return f"{_describe(value.func)}({', '.join(map(str, given))})"
    return getattr(
        value, "__name__", value if isinstance(value, int | float) else f"{value}"
    )


def by_rate(recipes, rates, epochs=3) -> dict[str, Recipe]:
    """A few epochs of each recipe at each learning rate, to choose among them."""
    return {
        f"{name}, {rate:g}": replace(recipe, epochs=epochs, learning_rate=rate)
        for name, recipe in recipes.items()
        for rate in rates
    }


def by_depth(recipe, net, depths) -> dict[str, Recipe]:
    """The recipe for a plain and a residual net of each depth."""
    return {
        f"{kind}-{depth}": replace(
            recipe, model=functools.partial(net, depth, kind == "residual")
        )
        for kind in ("plain", "residual")
        for depth in depths
    }
