"""Forecasts of one learning curve: a proper density, ordered quantiles, scores with known values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from scaling.errors import InvalidInput
from scaling.inference.curve_average import CurveAverage, fit_curve_laws
from scaling.laws.power_tokens import TokensPowerLaw
from scaling.predict.curve import CurveForecast, crps, curve_log_density, forecast_curve


@pytest.fixture(scope="module")
def fitted() -> CurveAverage:
    count = np.geomspace(1e7, 1e9, 24)
    noise = 0.005 * np.random.default_rng(1).standard_normal(24)
    loss = TokensPowerLaw(l_inf=0.3, d_0=2e6, alpha=0.4).loss(d=count) * np.exp(noise)
    return fit_curve_laws(count, loss, laws=("power_tokens", "m4_tokens"))


def test_the_density_is_one_of_the_loss_itself(fitted):
    loss = np.geomspace(0.05, 3.0, 4001)
    density = np.exp(curve_log_density(fitted, np.full(4001, 2e9), loss))
    assert np.trapezoid(density, loss) == pytest.approx(1.0, abs=2e-3)  # a Student-t's tails beyond the grid


def test_quantiles_hold_their_share_of_the_density(fitted):
    forecast = forecast_curve(fitted, 2e9)
    low, _, high = forecast.quantiles[:, 0]
    loss = np.linspace(low, high, 2001)
    inside = np.trapezoid(np.exp(curve_log_density(fitted, np.full(2001, 2e9), loss)), loss)
    assert inside == pytest.approx(0.9, abs=0.03)  # 1,000 draws: standard error .01


def test_intervals_widen_with_distance(fitted):
    forecast = forecast_curve(fitted, np.asarray([1.01e9, 2e9, 1e10, 1e11]))
    low, _, high = np.log(forecast.quantiles)
    assert np.all(np.diff(high - low) > 0)
    assert forecast.beyond_calibrated.tolist() == [False, False, False, True]


def test_what_is_wrong_with_the_curve_is_wrong_with_all_its_rows(fitted):
    draws = np.log(forecast_curve(fitted, np.asarray([1.9e10, 2e10, 1.01e9])).draws)
    centred = draws - np.median(draws, axis=0)
    far, near = (np.corrcoef(np.clip(centred[:, pair], -0.2, 0.2).T)[0, 1] for pair in ([0, 1], [0, 2]))
    assert far > 0.8  # two rows far out share their drift
    assert near < far  # noise is each row's own


def test_places_before_the_last_row_are_refused(fitted):
    with pytest.raises(InvalidInput, match="before the curve's last row"):
        forecast_curve(fitted, [5e8, 2e9])


def test_crps_is_that_of_a_normal():
    # Gneiting and Raftery 2007, eq. 21: for N(0, 1) at y = 1, z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi).
    draws = np.exp(np.random.default_rng(0).standard_normal((40_000, 1)))
    forecast = CurveForecast(np.ones(1), (0.5,), np.ones((1, 1)), draws, np.zeros(1), np.zeros(1, dtype=bool))
    expected = (2 * norm.cdf(1) - 1) + 2 * norm.pdf(1) - 1 / np.sqrt(np.pi)
    assert crps(forecast, np.exp([1.0])) == pytest.approx(expected, abs=0.01)  # Monte Carlo error .004
