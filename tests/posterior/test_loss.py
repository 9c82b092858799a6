"""The discrepancy: nothing inside the data, growing with distance beyond, shared by the targets of one forecast."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.laws.chinchilla import ChinchillaLaw
from scaling.posterior import FormError, Hull, LossPosterior, form_axes
from scaling.units import SizeConvention

DRAWS = 4000
# The product of the two ranges' middles lies inside; its own range is narrower than the corners of theirs.
AXES = form_axes(ChinchillaLaw, np.asarray([1e7, 1e8, 1e9]), np.asarray([1e11, 1e9, 2e10]), {})
HULL = Hull(smallest_size=1e7, largest_size=1e9, fewest_tokens=1e9, most_tokens=1e11, largest_product=2e19)


def posterior(*, discrepancy_scale: float = 0.01, noise: float = 0.0) -> LossPosterior:
    ones = np.ones(DRAWS)
    return LossPosterior(
        law=ChinchillaLaw(l_inf=1.8 * ones, a=480 * ones, alpha=0.35 * ones, b=2000 * ones, beta=0.36 * ones),
        noise_scale=noise * ones,
        run_scale=noise * ones,
        form_error=FormError.beyond_only(AXES, discrepancy_scale * ones, rng=np.random.default_rng(0)),
        hull=HULL,
        size_convention=SizeConvention.NON_EMBEDDING,
        validation_set="simulated",
    )


@given(st.floats(1e7, 1e9), st.floats(1e9, 1e11))
def test_no_distance_inside_the_data(n, d):
    if n * d <= HULL.largest_product:
        assert HULL.distance(n, d) == 0.0


@pytest.mark.parametrize(
    ("n", "d", "e_folds"),
    [
        (1e9 * np.e, 1e9, 1.0),
        (1e7, 1e11 * np.e**2, 2.0),
        (1e7 / np.e, 1e10, 1.0),
        (1e9, 2e10 * np.e**1.5, 1.5),  # within both ranges, beyond the largest product
    ],
)
def test_distance_is_the_farthest_axis_in_e_folds(n, d, e_folds):
    assert HULL.distance(n, d) == pytest.approx(e_folds)


def test_spread_grows_as_the_square_root_of_the_distance():
    # Along size alone, at tokens inside the data; compute goes beyond its own range too from 2e19 / 1e9 on.
    n = 1e9 * np.exp([1.0, 4.0, 9.0])
    spread = np.std(np.log(posterior().trend(n, 1e9)), axis=0)
    product = np.maximum(np.log(n * 1e9 / 2e19), 0.0)
    # Monte Carlo error of a standard deviation from 4,000 draws: 1.1 %.
    assert spread == pytest.approx(0.01 * np.sqrt(np.asarray([1.0, 4.0, 9.0]) + product), rel=0.05)


def test_targets_of_one_forecast_err_together():
    trend = np.log(posterior().trend(np.asarray([3e9, 6e9]), 1e9))
    assert np.corrcoef(trend.T)[0, 1] == pytest.approx(1.0)


def test_without_discrepancy_the_interval_is_a_point_however_far():
    # The negative control: this is the overconfidence that the discrepancy is there to prevent.
    assert np.ptp(posterior(discrepancy_scale=0.0).trend(1e12, 1e12)) == 0.0


def test_a_new_run_scatters_more_than_the_trend():
    rng = np.random.default_rng(1)
    predictive = np.log(posterior(noise=0.004).predictive(np.asarray([1e8, 2e8]), 1e10, rng=rng))
    # Run effect .004 and Student-t(4) noise of variance 2 x .004^2.
    assert np.std(predictive, axis=0) == pytest.approx(0.004 * np.sqrt(3), rel=0.15)
    assert np.corrcoef(predictive.T)[0, 1] == pytest.approx(1 / 3, abs=0.1)  # one run effect a draw, noise a point


def test_a_covariate_beyond_its_range_counts_as_distance():
    hull = Hull.of(
        np.asarray([1e8, 1e9]),
        np.asarray([1e10, 1e10]),
        variables=("n", "d"),
        covariates={"unique_tokens": np.asarray([1e9, 4e9])},
    )
    inside = {"n": np.asarray([5e8]), "d": np.asarray([1e10])}
    assert hull.distance(**inside, unique_tokens=2e9) == 0.0
    assert hull.distance(**inside, unique_tokens=np.asarray([1e9 / np.e**2])) == pytest.approx(2.0)
    assert hull.distance(**inside, unique_tokens=np.asarray([4e9 * np.e])) == pytest.approx(1.0)
