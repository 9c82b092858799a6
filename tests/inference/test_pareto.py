"""Pareto-smoothed weights: as ArviZ has them, and honest about tails that cannot be averaged over."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from scaling.inference.pareto import smooth_weights


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.5])
def test_weights_and_shape_are_those_of_arviz(spread):
    log_weights = spread * np.random.default_rng(1).standard_normal((3, 2000)) ** 2 / 2
    ours = smooth_weights(log_weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own future releases
        from arviz.stats.stats import psislw
    theirs, shape = psislw(log_weights, reff=1.0)
    assert ours.shape == pytest.approx(shape, rel=1e-9)
    assert ours.weights == pytest.approx(np.exp(theirs), rel=1e-9)


def test_a_tail_without_a_variance_is_not_believed():
    uniform = np.random.default_rng(2).uniform(size=(1, 4000))
    assert smooth_weights(-0.3 * np.log(uniform)).reliable.all()  # Pareto with shape .3
    assert not smooth_weights(-1.1 * np.log(uniform)).reliable.any()


def test_equal_weights_stay_equal():
    smoothed = smooth_weights(np.zeros((1, 100)))
    assert smoothed.weights == pytest.approx(np.full((1, 100), 0.01))
    assert smoothed.reliable.all()
