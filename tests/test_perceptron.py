"""The perceptron: its rule by hand and against scikit-learn, and Novikoff's bound."""

import itertools

import numpy as np
import pytest
import sklearn.linear_model
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.estimator_checks import check_estimator

from utils import plotting
from utils.figures import perceptron as figures
from utils.perceptron import (
    EXAMPLES,
    Perceptron,
    decide,
    learn,
    make_separable,
    max_margin,
    novikoff_bound,
    steps,
)

SEPARABLE = ["six points", "narrow margin", "AND", "OR"]


def with_one(X):
    """X with a column of ones: a bias becomes a weight like the others."""
    return np.column_stack([X, np.ones(len(X))])


def separable(seed, n=30, d=3, margin=0.05):
    """Random examples that a plane through the origin separates by `margin`."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=d)
    normal /= np.linalg.norm(normal)
    X = rng.uniform(-1, 1, (n, d))
    y = rng.integers(0, 2, n)
    distance = np.where(y == 1, 1, -1) * rng.uniform(margin, 1, n)
    return X + np.outer(distance - X @ normal, normal), y


# ------------------------------------------------------------ the learning rule


def test_six_points_by_hand():
    X, y = EXAMPLES["six points"]
    updates = [
        (s.epoch, s.index, s.error, *s.weight, s.bias) for s in steps(X, y) if s.error
    ]
    assert updates == [
        (1, 0, 1, 2, 1, 1),
        (1, 2, -1, 1, 1.5, 0),
        (1, 5, -1, 2, 0.5, -1),
        (2, 2, -1, 1, 1, -2),
        (2, 4, 1, 0, 3, -1),
        (2, 5, -1, 1, 2, -2),
    ]
    model = Perceptron().fit(X, y)
    assert model.mistakes_.tolist() == [3, 3, 0]
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.coef_, [[1, 2]])
    np.testing.assert_array_equal(model.intercept_, [-2])
    np.testing.assert_array_equal(model.decision_function([[0, 0], [2, 1]]), [-2, 2])
    np.testing.assert_array_equal(model.predict(X), y)


def test_a_tie_is_class_zero():
    model = Perceptron(fit_intercept=False).fit([[1.0], [-1.0]], [1, 0])
    assert model.decision_function([[0.0]]) == 0
    assert model.predict([[0.0]]) == 0


@pytest.mark.parametrize("name", SEPARABLE)
@pytest.mark.parametrize("random_state", [None, 0, 1])
def test_converged_means_all_right(name, random_state):
    X, y = EXAMPLES[name]
    model = Perceptron(random_state=random_state).fit(X, y)
    assert model.mistakes_[-1] == 0
    assert (model.mistakes_[:-1] > 0).all()
    assert model.n_iter_ == len(model.mistakes_)
    assert model.score(X, y) == 1
    margin = np.where(y == 1, 1, -1) * model.decision_function(X)
    assert (margin[y == 1] > 0).all()
    assert (margin[y == 0] >= 0).all()


def test_steps_and_fit_are_the_same_thing():
    X, y = EXAMPLES["narrow margin"]
    shown = list(steps(X, y, random_state=3))
    model = Perceptron(random_state=3).fit(X, y)
    for epoch, mistakes in enumerate(model.mistakes_, start=1):
        own = [s for s in shown if s.epoch == epoch]
        assert sorted(s.index for s in own) == list(range(len(X)))
        assert sum(abs(s.error) for s in own) == mistakes
    np.testing.assert_array_equal(model.coef_[0], shown[-1].weight)
    assert model.intercept_[0] == shown[-1].bias


def test_each_step_keeps_its_own_weight():
    X, y = EXAMPLES["six points"]
    weight, bias = np.zeros(2), 0.0
    for s in list(steps(X, y)):
        assert s.error == y[s.index] - decide(X[s.index], weight, bias)
        weight, bias, error = learn(X[s.index], y[s.index], weight, bias)
        assert (s.error, s.bias) == (error, bias)
        np.testing.assert_array_equal(s.weight, weight)


def test_random_state_draws_a_new_order_for_each_pass():
    X, y = EXAMPLES["XOR"]
    shown = list(steps(X, y, max_epochs=30, random_state=0))
    orders = np.array([s.index for s in shown]).reshape(30, 4)
    assert len(np.unique(orders, axis=0)) > 10
    again = list(steps(X, y, max_epochs=30, random_state=0))
    assert [s.index for s in again] == [s.index for s in shown]
    in_order = [s.index for s in steps(X, y, max_epochs=2)]
    assert in_order == [0, 1, 2, 3, 0, 1, 2, 3]


@pytest.mark.parametrize("rate", [0.5, 0.25, 2**-10])
@pytest.mark.parametrize("name", [*SEPARABLE, "XOR"])
def test_learning_rate_only_scales_the_weights(name, rate):
    one = Perceptron().fit(*EXAMPLES[name])
    other = Perceptron(learning_rate=rate).fit(*EXAMPLES[name])
    np.testing.assert_array_equal(other.mistakes_, one.mistakes_)
    np.testing.assert_array_equal(other.coef_, rate * one.coef_)
    np.testing.assert_array_equal(other.intercept_, rate * one.intercept_)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("rate", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(10))
def test_against_scikit_learn(seed, rate, fit_intercept):
    # scikit-learn counts w.x + b = 0 as a mistake for both classes, we for class 1
    # only: the same rule once the first example, at w = 0, is of class 1.
    X, y = separable(seed)
    first = np.argmax(y)
    X[[0, first]], y[[0, first]] = X[[first, 0]], y[[first, 0]]
    ours = Perceptron(rate, fit_intercept, max_epochs=200).fit(X, y)
    theirs = sklearn.linear_model.Perceptron(
        eta0=rate, fit_intercept=fit_intercept, max_iter=200, tol=None, shuffle=False
    ).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-9)
    assert ours.mistakes_[-1] == 0


def test_bias_is_the_weight_of_a_constant_input():
    X, y = EXAMPLES["narrow margin"]
    biased = Perceptron().fit(X, y)
    extended = Perceptron(fit_intercept=False).fit(with_one(X), y)
    np.testing.assert_array_equal(extended.mistakes_, biased.mistakes_)
    np.testing.assert_array_equal(
        extended.coef_[0], [*biased.coef_[0], *biased.intercept_]
    )
    np.testing.assert_array_equal(extended.intercept_, [0])


def test_xor_goes_round_for_ever():
    X, y = EXAMPLES["XOR"]
    shown = list(steps(X, y, max_epochs=100))
    ends = [(*s.weight, s.bias) for s in shown[3::4]]  # after each pass
    assert ends == [(-1, 0, 0)] + 99 * [(-1, 0, 1)]
    assert all(s.error for s in shown[8:])  # not one example right, from pass 3 on


def test_and_needs_a_bias():
    X, y = EXAMPLES["AND"]
    assert Perceptron().fit(X, y).mistakes_[-1] == 0
    without = Perceptron(fit_intercept=False, max_epochs=1000).fit(X, y)
    assert without.mistakes_.min() > 0
    assert without.intercept_ == 0
    # (0,1) and (1,0) must not be above 0, but their sum (1,1) must be.
    for w in itertools.product(np.linspace(-2, 2, 9), repeat=2):
        assert not np.array_equal(X @ w > 0, y == 1)


def test_or_needs_none():
    X, y = EXAMPLES["OR"]
    assert Perceptron(fit_intercept=False).fit(X, y).score(X, y) == 1


# ------------------------------------------------- scikit-learn's conventions


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(
    "model",
    [Perceptron(), Perceptron(learning_rate=0.5, fit_intercept=False, random_state=1)],
    ids=["default", "without bias"],
)
def test_passes_the_checks_of_scikit_learn(model):
    check_estimator(model)


def test_labels_may_be_words():
    X, y = EXAMPLES["AND"]
    model = Perceptron().fit(X, np.where(y == 1, "yes", "no"))
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict(X).tolist() == ["no", "no", "no", "yes"]


def test_ten_classes_one_against_the_rest():
    rng = np.random.default_rng(0)
    corners = 10 * np.eye(10)
    y = np.repeat(np.arange(10), 20)
    X = corners[y] + rng.normal(size=(200, 10))
    model = OneVsRestClassifier(Perceptron(random_state=0)).fit(X, y)
    assert model.score(X, y) == 1


# ------------------------------------------------------------ Novikoff's bound


def test_margins_by_hand():
    direction, margin = max_margin([[3, 4]], [1])
    np.testing.assert_allclose(direction, [0.6, 0.8])
    assert margin == pytest.approx(5)
    # Two examples at the same angle to either side of the best direction.
    direction, margin = max_margin([[2, 1], [2, -1], [-3, 0]], [1, 1, 0])
    np.testing.assert_allclose(direction, [1, 0], atol=1e-12)
    assert margin == pytest.approx(2)
    assert novikoff_bound([[2, 1], [2, -1], [-3, 0]], [1, 1, 0]) == pytest.approx(9 / 4)


def test_bounds_of_the_examples():
    assert novikoff_bound(*EXAMPLES["OR"]) == pytest.approx(4)  # f(0) = 0 costs nothing
    X, y = EXAMPLES["AND"]
    assert novikoff_bound(with_one(X), y) == pytest.approx(51)  # 3 * 17
    X, y = EXAMPLES["six points"]
    assert novikoff_bound(with_one(X), y) == pytest.approx(51)


def margin_in_the_plane(X, y):
    """The margin in two dimensions: the hull of s x has its point next to 0 on an edge.

    Not for data that cannot be separated.
    """
    signed = np.where(y == 1, 1, -1)[:, None] * X
    shortest = np.inf
    for a, b in itertools.product(signed, repeat=2):
        edge = b - a
        t = np.clip(-(a @ edge) / (edge @ edge or 1), 0, 1)
        shortest = min(shortest, np.linalg.norm(a + t * edge))
    return shortest


@pytest.mark.parametrize("gap", [0.3, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("scale", [1e-3, 1, 255])
@pytest.mark.parametrize("seed", range(5))
def test_margin_is_exact_in_the_plane(seed, scale, gap):
    X, y = separable(seed, n=40, d=2, margin=gap)
    X *= scale
    direction, margin = max_margin(X, y)
    assert margin == pytest.approx(margin_in_the_plane(X, y), rel=1e-6)
    assert np.linalg.norm(direction) == pytest.approx(1)
    distances = np.where(y == 1, 1, -1) * (X @ direction)
    assert distances.min() == pytest.approx(margin, rel=1e-6)
    radius = np.linalg.norm(X, axis=1).max()
    assert novikoff_bound(X, y) == pytest.approx((radius / margin) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_margin_is_the_largest_in_many_dimensions(seed):
    X, y = separable(seed, n=60, d=20)
    direction, margin = max_margin(X, y)
    signed = np.where(y == 1, 1, -1)[:, None] * X
    assert (signed @ direction).min() == pytest.approx(margin)
    # No direction does better: `direction` is a mean of the examples that touch it,
    # with weights that are not negative.
    touching = signed[signed @ direction < margin * (1 + 1e-9)]
    weights, *_ = np.linalg.lstsq(touching.T, margin * direction)
    np.testing.assert_allclose(weights @ touching, margin * direction)
    assert weights.min() >= -1e-9
    assert weights.sum() == pytest.approx(1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 40),
    d=st.integers(1, 6),
    margin=st.sampled_from([0.3, 0.1, 0.03]),
    rate=st.sampled_from([1.0, 0.3]),
    random_state=st.sampled_from([None, 0]),
)
def test_bound_holds(seed, n, d, margin, rate, random_state):
    X, y = separable(seed, n, d, margin)
    bound = novikoff_bound(X, y)
    shown = steps(
        X,
        y,
        learning_rate=rate,
        fit_intercept=False,
        max_epochs=10**6,
        random_state=random_state,
    )
    updates = sum(abs(s.error) for s in shown)  # ends, since the bound is finite
    assert updates <= bound * (1 + 1e-9)


@pytest.mark.parametrize("d", [2, 5, 50])
def test_bound_is_reached(d):
    X = np.vstack([np.eye(d), np.zeros(d)])
    y = np.append(np.ones(d, int), 0)
    model = Perceptron(fit_intercept=False).fit(X, y)
    assert model.mistakes_.sum() == d
    assert novikoff_bound(X, y) == pytest.approx(d)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(X=arrays(float, (6, 2), elements=st.integers(-4, 4)), bits=st.integers(0, 63))
def test_margin_or_error_says_whether_it_is_separable(X, bits):
    y = np.array([bits >> k & 1 for k in range(6)])
    signed = np.where(y == 1, 1, -1)[:, None] * X
    signed = signed[X.any(axis=1) | (y == 1)]
    # A line that separates can be turned until it almost touches an example.
    turned = np.concatenate([signed, -signed]) @ np.array([[0.0, 1], [-1, 0]])
    tries = [t + 1e-3 * s for t in turned for s in signed] + list(signed)
    possible = bool(len(signed)) and any((signed @ w > 0).all() for w in tries)
    if possible:
        assert max_margin(X, y)[1] > 0
    else:
        with pytest.raises(ValueError, match="no line through|other than x = 0"):
            novikoff_bound(X, y)


@pytest.mark.parametrize("name", ["AND", "XOR"])
def test_bound_refuses_what_no_line_separates(name):
    with pytest.raises(ValueError, match="no line through the origin"):
        novikoff_bound(*EXAMPLES[name])
    X, y = EXAMPLES["XOR"]
    with pytest.raises(ValueError, match="no line through"):
        novikoff_bound(with_one(X), y)


# ------------------------------------------------------- examples and pictures


@pytest.mark.parametrize("d", [2, 3, 20])
@pytest.mark.parametrize("margin", [0.5, 0.01])
def test_made_examples_have_the_margin_that_was_asked_for(d, margin):
    X, y = make_separable(margin, d, n=500, random_state=0)
    assert X.shape == (500, d)
    np.testing.assert_allclose(X[:, 0], np.where(y == 1, margin, -margin))
    lengths = np.linalg.norm(X, axis=1)
    assert lengths.max() <= 1
    assert 0.9 < lengths.max()
    assert 0.999 * margin < max_margin(X, y)[1] < 1.2 * margin
    again = make_separable(margin, d, n=500, random_state=0)
    np.testing.assert_array_equal(again[0], X)
    assert not np.array_equal(make_separable(margin, d, 500, 1)[0], X)


@pytest.mark.parametrize(
    ("margin", "dimension", "message"),
    [
        (0, 2, "margin must be between 0 and 1, got 0"),
        (1.0, 2, "margin must be between 0 and 1, got 1.0"),
        (0.1, 1, "dimension must be a whole number >= 2, got 1"),
    ],
)
def test_make_separable_refuses(margin, dimension, message):
    with pytest.raises(ValueError, match=message):
        make_separable(margin, dimension)


def drawn(X, y, *line, **settings):
    """What `draw` puts on the axes: (marker, hollow, points) of each group."""
    fig, ax = plotting.plt.subplots()
    figures.draw(ax, X, y, *line, **settings)
    groups = {
        (line.get_marker(), line.get_markerfacecolor() == plotting.PAPER): len(
            line.get_xdata()
        )
        for line in ax.lines
    }
    plotting.to_svg(fig, "It can be drawn.")
    plotting.plt.close(fig)
    return {key: count for key, count in groups.items() if count}, ax


def test_drawing_shows_classes_and_mistakes():
    X, y = EXAMPLES["six points"]
    groups, ax = drawn(X, y)
    assert groups == {("o", False): 3, ("s", False): 3}
    assert not ax.texts
    groups, ax = drawn(X, y, [2, 1], 1)  # after the first update
    assert groups == {("o", False): 3, ("s", False): 2, ("s", True): 1}
    assert any(text.get_text() == "w" for text in ax.texts)
    groups, _ = drawn(X, y, np.zeros(2), 0.0)  # no line, all are 0
    assert groups == {("o", True): 3, ("s", False): 3}


def test_only_the_plane_can_be_drawn():
    with pytest.raises(ValueError, match=r"X must have shape \(N, 2\).*got \(6, 3\)"):
        drawn(with_one(EXAMPLES["six points"][0]), EXAMPLES["six points"][1])


@pytest.mark.parametrize("rows", [1, 2])
def test_a_panel_for_each_step(rows):
    X, y = EXAMPLES["six points"]
    updates = [s for s in steps(X, y) if s.error]
    titles = [f"update {k}" for k in range(6)]
    with plotting.plt.rc_context({"axes.titlelocation": "center"}):
        fig = figures.after_steps(X, y, updates, titles, rows=rows)
    assert [ax.get_title() for ax in fig.axes] == titles
    for ax, s in zip(fig.axes, updates, strict=True):
        ring = ax.lines[-1]
        assert (*ring.get_xdata(), *ring.get_ydata()) == tuple(X[s.index])
    plotting.plt.close(fig)


# ------------------------------------------------------------------- bad input

X2 = [[0.0, 1.0], [1.0, 0.0]]
BAD_EXAMPLES = [
    ([0.0, 1.0], [0, 1], r"X must have shape \(N, D\).*got \(2,\)"),
    (np.zeros((0, 2)), [], r"X must .* hold examples, got \(0, 2\)"),
    ([["a", "b"]], [0], "could not convert string"),
    ([[np.nan, 0], [1, 1]], [0, 1], "X must be finite"),
    (X2, [0, 1, 1], r"y must have shape \(2,\) to fit X, got \(3,\)"),
    (X2, [-1, 1], r"y must hold only 0 and 1, got \[-1  1\]"),
    (X2, [1, 10], r"y must hold only 0 and 1, got \[ 1 10\]"),
    (X2, ["no", "yes"], "y must hold only 0 and 1"),
]


@pytest.mark.parametrize(
    "function", [lambda X, y: next(steps(X, y)), max_margin, novikoff_bound]
)
@pytest.mark.parametrize(("X", "y", "message"), BAD_EXAMPLES)
def test_bad_examples(function, X, y, message):
    with pytest.raises(ValueError, match=message):
        function(X, y)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be a finite number > 0, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be .* got nan"),
        ({"max_epochs": 0}, "max_epochs must be a whole number >= 1, got 0"),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number >= 1, got 2.5"),
        ({"random_state": "dice"}, "dice"),
    ],
)
def test_bad_settings(setting, message):
    with pytest.raises(ValueError, match=message):
        Perceptron(**setting).fit(*EXAMPLES["AND"])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (X2, [1, 1], r"one class: y must hold two classes, got \[1\]"),
        ([*X2, [1, 1]], [1, 5, 10], r"Only binary.*two classes, got \[ 1  5 10\]"),
        (X2, [0.1, 0.7], "continuous"),
        (X2, [0, 1, 1], "inconsistent numbers of samples"),
        ([0.0, 1.0], [0, 1], "2D array"),
        ([[np.nan, 0], [1, 1]], [0, 1], "NaN"),
    ],
)
def test_fit_refuses(X, y, message):
    with pytest.raises(ValueError, match=message):
        Perceptron().fit(X, y)


def test_classes_may_be_minus_one_and_one():
    X, y = EXAMPLES["OR"]
    model = Perceptron().fit(X, 2 * y - 1)
    assert model.predict(X).tolist() == [-1, 1, 1, 1]
    np.testing.assert_array_equal(model.coef_, Perceptron().fit(X, y).coef_)


def test_predict_wants_the_same_inputs_as_fit():
    X, y = EXAMPLES["AND"]
    with pytest.raises(ValueError, match="not fitted"):
        Perceptron().predict(X)
    with pytest.raises(ValueError, match="expecting 2 features"):
        Perceptron().fit(X, y).predict(with_one(X))
    with pytest.raises(ValueError, match="NaN"):
        Perceptron().fit(X, y).predict([[np.nan, 0.0]])
