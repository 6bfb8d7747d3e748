"""The perceptron: one neuron, its learning rule, and how often it can be wrong.

f(x) = 1 if w.x + b > 0, else 0. Shown an example (x, y), the perceptron moves by
w <- w + learning_rate * (y - f(x)) * x, and b likewise with 1 in place of x
(F. Rosenblatt, "The perceptron", Psychological Review 65, 1958). Shapes: X is (N, D),
one example a row; y is (N,).
"""

from collections import Counter
from collections.abc import Iterator
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from utils import plotting

# Small sets to learn, as (X, y). All coordinates are quarters, so that the sums of the
# learning rule are exact in floating point and a tie is a tie.
_CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
EXAMPLES = {
    "six points": (
        np.array([[2, 1], [1, 1.5], [1, -0.5], [-1, -1.5], [-1, 2], [-1, 1]]),
        np.array([1, 1, 0, 0, 1, 0]),
    ),
    "narrow margin": (
        np.array(
            [[-0.75, 0.75], [0.5, -0.75], [-1.5, 1.75], [0.75, -2], [-0.25, 2]]
            + [[-0.75, -1.75]]
        ),
        np.array([1, 1, 0, 0, 1, 0]),
    ),
    "AND": (_CORNERS, np.array([0, 0, 0, 1])),
    "OR": (_CORNERS, np.array([0, 1, 1, 1])),
    "XOR": (_CORNERS, np.array([0, 1, 1, 0])),
}


class Step(NamedTuple):
    """What happened when the perceptron was shown one example."""

    epoch: int  # the pass through the data, counted from 1
    index: int  # row of X
    output: int  # f(x) before the update: 0 or 1
    error: int  # y - f(x): -1, 0 or 1; there was an update unless it is 0
    weight: np.ndarray  # (D,) after the update
    bias: float  # after the update


def _examples(X, y):
    """X as float64 (N, D) and y as int (N,) of 0 and 1, or an error that says why."""
    try:
        X, y = np.asarray(X, dtype=float), np.asarray(y)
    except (TypeError, ValueError) as error:
        raise ValueError(f"X must be an array of numbers (N, D): {error}") from None
    if X.ndim != 2 or X.size == 0:
        raise ValueError(f"X must have shape (N, D) and hold examples, got {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError("X must be finite, but it holds NaN or infinity")
    if y.shape != (len(X),):
        raise ValueError(f"y must have shape ({len(X)},) to fit X, got {y.shape}")
    if not np.isin(y, [0, 1]).all():
        raise ValueError(f"y must hold only 0 and 1, got {np.unique(y)}")
    return X, y.astype(int)


def steps(
    X,
    y,
    *,
    learning_rate=1.0,
    fit_intercept=True,
    max_epochs=100,
    random_state=None,
) -> Iterator[Step]:
    """Show the examples to a perceptron that starts at zero, one `Step` for each.

    Ends after the first pass without a mistake, or after `max_epochs` passes.

    Args:
        X: examples (N, D).
        y: their classes (N,), 0 or 1.
        learning_rate: above 0, at most 1.
        fit_intercept: whether the bias learns; if not, it stays 0.
        max_epochs: most passes through the data.
        random_state: None shows the examples in the order of X, pass after pass;
            a seed or a generator draws a new order for each pass.

    Raises:
        ValueError: wrong shapes, a value that is not finite, a class that is neither
            0 nor 1, a learning rate or a number of passes out of range.
    """
    X, y = _examples(X, y)
    if not isinstance(learning_rate, Real) or not 0 < learning_rate <= 1:
        raise ValueError(
            f"learning_rate must be above 0 and at most 1, got {learning_rate!r}"
        )
    if not isinstance(max_epochs, Integral) or max_epochs < 1:
        raise ValueError(f"max_epochs must be a whole number >= 1, got {max_epochs!r}")
    generator = None if random_state is None else check_random_state(random_state)
    return _steps(X, y, learning_rate, bool(fit_intercept), max_epochs, generator)


def _steps(X, y, learning_rate, fit_intercept, max_epochs, generator):
    weight, bias = np.zeros(X.shape[1]), 0.0
    order = np.arange(len(X))
    for epoch in range(1, max_epochs + 1):
        if generator is not None:
            generator.shuffle(order)
        mistakes = 0
        for i in order:
            output = int(weight @ X[i] + bias > 0)
            error = int(y[i]) - output
            if error:
                weight = weight + learning_rate * error * X[i]
                bias += learning_rate * error * fit_intercept
                mistakes += 1
            yield Step(epoch, int(i), output, error, weight, bias)
        if mistakes == 0:
            return


class Perceptron(ClassifierMixin, BaseEstimator):
    """Rosenblatt's perceptron for two classes, as a scikit-learn estimator.

    Args:
        learning_rate: above 0, at most 1.
        fit_intercept: whether to learn a bias; without it the bias is 0.
        max_epochs: most passes through the data.
        random_state: None shows the examples in the order given; a seed or a
            generator draws a new order for each pass.

    Attributes:
        classes_: the two classes, sorted; the second is the one that f(x) = 1 means.
        coef_: weight (1, D).
        intercept_: bias (1,).
        n_iter_: passes made.
        mistakes_: updates in each pass (n_iter_,). The last is 0 if and only if the
            perceptron has converged: it then classifies all it was shown correctly.
    """

    def __init__(
        self, learning_rate=1.0, fit_intercept=True, max_epochs=100, random_state=None
    ):
        self.learning_rate = learning_rate
        self.fit_intercept = fit_intercept
        self.max_epochs = max_epochs
        self.random_state = random_state

    def fit(self, X, y):
        """Learn from X (N, D) and y (N,), which holds two classes of any type.

        Raises:
            ValueError: what `steps` raises, or y has one class or more than two.
        """
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"multiclass: y holds {len(self.classes_)} classes, {self.classes_}"
            )
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold two classes, got one class: {self.classes_}")
        mistakes = Counter()
        for step in steps(X, labels, **self.get_params()):
            mistakes[step.epoch] += abs(step.error)
        self.mistakes_ = np.array(list(mistakes.values()))
        self.n_iter_ = step.epoch
        self.coef_, self.intercept_ = step.weight[None], np.array([step.bias])
        return self

    def decision_function(self, X):
        """w.x + b of each row of X (N, D): (N,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        return X @ self.coef_[0] + self.intercept_[0]

    def predict(self, X):
        """The class of each row of X (N, D): (N,)."""
        output = self.decision_function(X) > 0
        return self.classes_[output.astype(int)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def max_margin(X, y) -> tuple[np.ndarray, float]:
    """The line through the origin that stays as far from both classes as can be.

    Among all unit vectors u with u.x > 0 for class 1 and u.x < 0 for class 0, the one
    whose smallest distance |u.x| is largest; that distance is the margin. It is
    w / |w| for the shortest w with s w.x >= 1, s = +-1: a least-distance problem,
    solved exactly by non-negative least squares (C. L. Lawson and R. J. Hanson,
    "Solving Least Squares Problems", 1974, chapter 23).

    Args:
        X: examples (N, D); for a line with bias, append a column of ones.
        y: their classes (N,), 0 or 1.

    Returns:
        u (D,), and the margin, in the unit of X.

    Raises:
        ValueError: no line through the origin separates the classes, or bad input.
    """
    X, y = _examples(X, y)
    radius = np.linalg.norm(X, axis=1).max()
    if radius == 0:
        raise ValueError("X must hold an example other than x = 0")
    # f(0) = 0 whatever the weight is: x = 0 of class 0 is never a mistake.
    counts = X.any(axis=1) | (y == 1)
    signed = (np.where(y == 1, 1, -1)[:, None] * X / radius)[counts]
    # Which examples touch the margin: those with a positive multiplier.
    rows = np.vstack([signed.T, np.ones(len(signed))])
    multiplier, _ = nnls(rows, np.append(np.zeros(X.shape[1]), 1))
    touching = signed[multiplier > 0]
    weight = np.linalg.lstsq(touching, np.ones(len(touching)))[0]
    if not (signed @ weight).min() > 0.99:  # 1, but for rounding
        # No line exists if a mean of the signed examples, so weighted, is 0.
        if np.linalg.norm(multiplier @ signed) > 1e-6:
            raise RuntimeError("scipy.optimize.nnls failed: SciPy 1.15 has a bug")
        raise ValueError(
            "no line through the origin separates X by y (for a bias, append ones to X)"
        )
    norm = np.linalg.norm(weight)
    return weight / norm, float(radius / norm)


def novikoff_bound(X, y) -> float:
    """The most updates that a perceptron without bias can make on these examples.

    (R / gamma)^2 with R the length of the longest x and gamma the largest margin of a
    line through the origin (A. B. J. Novikoff, "On convergence proofs on perceptrons",
    1962). It holds for any order of the examples and any learning rate.

    Args:
        X: examples (N, D); for a perceptron with bias, append a column of ones.
        y: their classes (N,), 0 or 1.

    Raises:
        ValueError: no line through the origin separates the classes, or bad input.
    """
    _, margin = max_margin(X, y)
    radius = np.linalg.norm(np.asarray(X, dtype=float), axis=1).max()
    return float((radius / margin) ** 2)


def make_separable(margin, dimension, n=200, random_state=None):
    """Random examples that all lie at distance `margin` from the plane x_1 = 0.

    Class 1 lies on the one side, class 0 on the other; the other coordinates are
    uniform in the ball that keeps every example within length 1.

    Args:
        margin: above 0, below 1.
        dimension: inputs D, at least 2.
        n: how many examples.
        random_state: a seed or a generator, or None for new examples every time.

    Returns:
        X (n, D) and y (n,) of 0 and 1.

    Raises:
        ValueError: an argument out of range.
    """
    if not isinstance(margin, Real) or not 0 < margin < 1:
        raise ValueError(f"margin must be between 0 and 1, got {margin!r}")
    for name, value, least in (("dimension", dimension, 2), ("n", n, 1)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}")
    generator = check_random_state(random_state)
    y = generator.randint(0, 2, n)
    along = generator.normal(size=(n, dimension - 1))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    along *= generator.uniform(size=(n, 1)) ** (1 / (dimension - 1))
    X = np.column_stack(
        [np.where(y == 1, margin, -margin), along * np.sqrt(1 - margin**2)]
    )
    return X, y


def draw(ax, X, y, weight=None, bias=0.0, limit=2.5) -> None:
    """Draw examples in the plane and, if there is one, the line w.x + b = 0.

    Class 1 is drawn as circles, class 0 as squares; a hollow one is classified wrongly.
    Each side of the line has the colour of its class, and w stands on the line.

    Args:
        ax: Matplotlib axes.
        X: examples (N, 2).
        y: their classes (N,), 0 or 1.
        weight: w (2,), or None to draw only the examples.
        bias: b.
        limit: the picture goes from -limit to limit in both directions.

    Raises:
        ValueError: the examples do not lie in a plane, or bad input.
    """
    X, y = _examples(X, y)
    if X.shape[1] != 2:
        raise ValueError(f"X must have shape (N, 2) to be drawn, got {X.shape}")
    colors = [plotting.COLORS["orange"], plotting.COLORS["blue"]]
    right = np.ones(len(X), bool)
    if weight is not None:
        right = (X @ weight + bias > 0) == y
        across = np.array([-limit, limit])
        x1, x2 = np.meshgrid(across, across)
        corners = weight[0] * x1 + weight[1] * x2 + bias
        if np.any(weight):
            levels = [-np.inf, 0, np.inf]
            ax.contourf(x1, x2, corners, levels, colors=colors, alpha=0.13)
            ax.contour(x1, x2, corners, [0], colors=[plotting.INK], linewidths=1.5)
            foot = -bias * np.array(weight) / np.dot(weight, weight)
            tip = foot + np.array(weight) * min(1, 0.5 * limit / np.linalg.norm(weight))
            arrow = {"arrowstyle": "-|>", "color": plotting.INK, "shrinkA": 0}
            arrow |= {"shrinkB": 0, "clip_on": True}
            ax.annotate("", tip, foot, arrowprops=arrow, annotation_clip=False)
            ax.annotate("w", tip, (4, 2), textcoords="offset points", style="italic")
    for label, marker in ((1, "o"), (0, "s")):
        for chosen, face in ((right, colors[label]), (~right, plotting.PAPER)):
            points = X[(y == label) & chosen].T
            ax.plot(*points, marker, color=colors[label], markerfacecolor=face, ms=7)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="$x_1$", ylabel="$x_2$")
    ax.set_aspect("equal")
