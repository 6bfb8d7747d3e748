"""The perceptron: one neuron, its learning rule, and how often it can be wrong.

f(x) = 1 if w.x + b > 0, else 0. Shown an example (x, y), the perceptron moves by
w <- w + learning_rate * (y - f(x)) * x, and b likewise with 1 in place of x
(F. Rosenblatt, "The perceptron", Psychological Review 65, 1958). Shapes: X is (N, D),
one example a row; y is (N,).
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from utils.checking import checked_examples, checked_positive, checked_whole

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

# ------------------------------------------------------------ the learning rule


def decide(x, weight, bias):
    """f(x): 1 if w.x + b > 0, else 0, of one example x (D,)."""
    return int(np.dot(weight, x) + bias > 0)


def learn(x, y, weight, bias, learning_rate=1.0):
    """The learning rule, once: weight, bias and error after the example (x, y).

    The error y - f(x) is -1, 0 or 1; after a right answer nothing changes.
    """
    error = y - decide(x, weight, bias)
    weight = weight + learning_rate * error * x
    bias = bias + learning_rate * error
    return weight, bias, error


class Step(NamedTuple):
    """What happened when the perceptron was shown one example."""

    epoch: int  # the pass through the examples, counted from 1
    index: int  # row of X
    error: int  # y - f(x): there was an update unless it is 0
    weight: np.ndarray  # (D,), after the step
    bias: float


def steps(
    X, y, learning_rate=1.0, fit_intercept=True, max_epochs=100, random_state=None
):
    """Show the examples to a perceptron that starts at zero; yield a `Step` for each.

    Ends after the first pass without a mistake, or after `max_epochs` passes.

    Args:
        X: examples (N, D).
        y: their classes (N,), 0 or 1.
        learning_rate: above 0; it scales weight and bias, and changes no answer.
        fit_intercept: whether the bias learns; if not, it stays 0.
        max_epochs: most passes through the examples.
        random_state: None shows the examples in the order of X, pass after pass;
            a seed or a generator draws a new order for each pass.

    Raises:
        ValueError: at the first step, if an argument is not as told above.
    """
    X, y = checked_examples(X, y)  # (N, D) and (N,), y of 0 and 1
    checked_positive("learning_rate", learning_rate)
    checked_whole("max_epochs", max_epochs, least=1)
    weight, bias = np.zeros(X.shape[1]), 0.0
    order, random = np.arange(len(X)), check_random_state(random_state)
    for epoch in range(1, max_epochs + 1):
        if random_state is not None:
            random.shuffle(order)
        mistakes = 0
        for i in order:
            weight, bias, error = learn(X[i], y[i], weight, bias, learning_rate)
            bias = bias if fit_intercept else 0.0
            mistakes += abs(error)
            yield Step(epoch, i, error, weight, bias)
        if mistakes == 0:
            return


# ------------------------------------------------------------ the estimator


class TwoClasses(ClassifierMixin, BaseEstimator):
    """What scikit-learn asks of an estimator for two classes, besides learning."""

    def examples(self, X, y):
        """X (N, D) as floats and y (N,) as 0 and 1; keeps the two in `classes_`.

        Raises:
            ValueError: bad shapes, NaN, infinity, or not two classes.
        """
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            kind = "multiclass" if len(self.classes_) > 2 else "one class"
            raise ValueError(
                f"Only binary classification is supported. The type of the target is "
                f"{kind}: y must hold two classes, got {self.classes_}"
            )
        return X, labels

    def inputs(self, X):
        """X (N, D) as floats, as many columns as there were in `fit`."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=float, reset=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class Perceptron(TwoClasses):
    """Rosenblatt's perceptron for two classes, as a scikit-learn estimator.

    Args:
        learning_rate, fit_intercept, max_epochs, random_state: as for `steps`.

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
            ValueError: bad X or y (not two classes, NaN, other lengths), or what
                `steps` raises.
        """
        X, labels = self.examples(X, y)  # labels (N,) of 0 and 1
        mistakes = Counter()
        for step in steps(X, labels, **self.get_params()):
            mistakes[step.epoch] += abs(step.error)
        self.n_iter_ = step.epoch
        self.mistakes_ = np.array(list(mistakes.values()))
        self.coef_, self.intercept_ = step.weight[None], np.array([step.bias])
        return self

    def decision_function(self, X):
        """w.x + b of each row of X (N, D): (N,)."""
        return self.inputs(X) @ self.coef_[0] + self.intercept_[0]

    def predict(self, X):
        """The class of each row of X (N, D): (N,)."""
        answers = self.decision_function(X) > 0
        return self.classes_[answers.astype(int)]


# ------------------------------------------------------------ Novikoff's bound


def max_margin(X, y):
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
    X, y = checked_examples(X, y)
    Z = np.where(y == 1, 1, -1)[:, None] * X
    Z = Z[X.any(axis=1) | (y == 1)]  # x = 0 of class 0 is never a mistake
    if len(Z) == 0:
        raise ValueError("X must hold an example other than x = 0")
    scale = np.linalg.norm(Z, axis=1).max() or 1.0
    Z = Z / scale
    # Which examples touch the margin? Those with a positive multiplier.
    rows = np.vstack([Z.T, np.ones(len(Z))])
    multiplier, _ = nnls(rows, np.append(np.zeros(X.shape[1]), 1))
    touching = Z[multiplier > 0]
    weight = np.linalg.lstsq(touching, np.ones(len(touching)))[0]
    if not (Z @ weight).min() > 0.99:  # 1, but for rounding
        # No line exists if a mean of the z, so weighted, is 0.
        if np.linalg.norm(multiplier @ Z) > 1e-6:
            raise RuntimeError("scipy.optimize.nnls failed: SciPy 1.15 has a bug")
        raise ValueError(
            "no line through the origin separates X by y (for a bias, append ones to X)"
        )
    norm = np.linalg.norm(weight)
    return weight / norm, float(scale / norm)


def novikoff_bound(X, y):
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
    u, gamma = max_margin(X, y)
    R = np.linalg.norm(X, axis=1).max()
    return (R / gamma) ** 2


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
        ValueError: margin is out of range, or dimension less than 2.
    """
    checked_whole("dimension", dimension, least=2)
    if not 0 < margin < 1:
        raise ValueError(f"margin must be between 0 and 1, got {margin!r}")
    random = check_random_state(random_state)
    y = random.randint(0, 2, n)
    along = random.normal(size=(n, dimension - 1))  # in any direction ...
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    along *= random.uniform(size=(n, 1)) ** (1 / (dimension - 1))  # ... this far
    X = np.column_stack(
        [np.where(y == 1, margin, -margin), along * np.sqrt(1 - margin**2)]
    )
    return X, y
