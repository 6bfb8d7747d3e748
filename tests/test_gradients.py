"""Finite differences against derivatives that are known, and the relative error."""

import numpy as np
import pytest

from utils import gradients


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_numerical_gradient_of_any_shape(shape):
    x = np.asarray(np.random.default_rng(0).normal(size=shape))
    kept = x.copy()
    gradient = gradients.numerical_gradient(lambda v: np.sum(v**3), x)
    assert gradient.shape == shape
    assert np.array_equal(x, kept)
    np.testing.assert_allclose(gradient, 3 * x**2, rtol=1e-8)


def test_numerical_gradient_of_integers_and_float32():
    for x in ([1, 2, 3], np.array([1, 2, 3], np.float32)):
        gradient = gradients.numerical_gradient(lambda v: (v**2).sum(), x)
        assert gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, [2, 4, 6])


def test_numerical_gradient_is_central():
    # Exact for a parabola, however long the step; a one-sided difference is not.
    assert gradients.numerical_gradient(lambda x: x**2, 3.0, step=0.5) == 6


def test_relative_error():
    assert gradients.relative_error([1.0, 2.0], [1.0, 2.0]) == 0
    assert gradients.relative_error([0.0, 0.0], [0.0, 0.0]) == 0
    assert gradients.relative_error([1.0, 0.0], [1.0, 0.1]) == pytest.approx(0.1)
    assert gradients.relative_error([[2.0]], [[-2.0]]) == pytest.approx(2)
    assert gradients.relative_error([1e-20], [2e-20]) == pytest.approx(0.5)


def test_what_is_wrong_is_no_small_error():
    with pytest.raises(ValueError, match=r"same shape .* got \(2,\) and \(2, 1\)"):
        gradients.relative_error([1.0, 2.0], [[1.0], [2.0]])
    nan = [0.0, np.nan], [0.0, 0.0]
    for a, b in [nan, nan[::-1], ([np.nan], [1.0]), ([np.inf], [np.inf])]:
        with np.errstate(invalid="ignore"):
            assert np.isnan(gradients.relative_error(a, b))
    with pytest.raises(ValueError, match="sequence"):
        gradients.numerical_gradient(np.tanh, [1.0, 2.0])  # not a single number
