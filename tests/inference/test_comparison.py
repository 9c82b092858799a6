"""Laws are ranked and weighted by what they forecast, not by what they interpolate."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.errors import InvalidInput
from scaling.inference.comparison import compare_laws
from scaling.laws.skaling import SkalingLaw
from scaling.observations import LossObservations

# Far from Chinchilla's form: a run short of both size and tokens is much better than the sum of both shortages.
TRUTH = SkalingLaw(l_inf=1.2, a=7.0e3, alpha=0.55, b=6.0e4, beta=0.6, k=0.35)


def runs() -> LossObservations:
    rng = np.random.default_rng(0)
    n, d = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 3e9, 8), np.geomspace(3e8, 1e11, 8)))
    loss = TRUTH.loss(n, d) * np.exp(rng.normal(scale=0.002, size=64))
    return LossObservations(run=tuple(f"r{i}" for i in range(64)), size=n, tokens=d, loss=loss)


@pytest.mark.slow
def test_the_law_that_forecasts_best_comes_first_and_weighs_most():
    found = compare_laws(runs(), ["chinchilla", "skaling"])
    best, other = found.laws
    assert (best.name, other.name) == ("skaling", "chinchilla")
    assert found.mixture.weights["skaling"] > 0.6
    assert best.summary is not None
    assert other.summary is not None
    assert best.summary.mean_relative_error < other.summary.mean_relative_error
    n, d = np.asarray([1e10]), np.asarray([1e12])
    draws = np.log(found.predictive(n, d, rng=np.random.default_rng(0)))
    low, high = np.quantile(draws, (0.05, 0.95))
    assert low < np.log(TRUTH.loss(1e10, 1e12)) < high


@pytest.mark.slow
def test_a_law_that_cannot_be_fitted_is_named_and_the_others_compared():
    found = compare_laws(runs(), ["chinchilla", "repeated"])
    assert [law.name for law in found.laws] == ["chinchilla"]
    assert "unique_tokens" in found.failed["repeated"]
    assert found.mixture.weights == {"chinchilla": 1.0}


def test_one_law_is_no_comparison():
    with pytest.raises(InvalidInput, match="at least two"):
        compare_laws(runs(), ["chinchilla", "chinchilla"])
