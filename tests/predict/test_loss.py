"""Loss forecasts: quantiles, domain, published fits."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.errors import InvalidInput
from scaling.posterior import Fit
from scaling.predict.loss import forecast_loss, sorted_quantiles
from tests.posterior.test_loss import posterior


def a_fit(**settings) -> Fit:
    return Fit(name="a-fit", loss=posterior(**settings))


def test_quantiles_agree_with_numpy_and_keep_infinity():
    draws = np.random.default_rng(0).normal(size=(101, 3))
    levels = (0.05, 0.333, 0.95)
    assert sorted_quantiles(draws, levels) == pytest.approx(np.quantile(draws, levels, axis=0))
    never = np.asarray([1.0, 2.0, np.inf, np.inf])
    assert sorted_quantiles(never, (0.0001, 0.9))[1] == np.inf
    assert sorted_quantiles(np.full(5, np.inf), (0.5,))[0] == np.inf


def test_the_trend_lies_inside_the_run_interval_and_both_widen_with_distance():
    forecast = forecast_loss(a_fit(noise=0.01), [1e9, 1e10, 1e11], 1e11)
    widths = forecast.run_quantiles[2] - forecast.run_quantiles[0]
    assert np.all(forecast.run_quantiles[0] < forecast.trend_quantiles[0])
    assert np.all(forecast.trend_quantiles[2] < forecast.run_quantiles[2])
    assert np.all(np.diff(widths) > 0)
    assert forecast.beyond_calibrated.tolist() == [False, True, True]


def test_the_same_question_has_the_same_answer():
    first, second = (forecast_loss(a_fit(noise=0.003), 1e10, 1e11) for _ in range(2))
    assert np.array_equal(first.run_quantiles, second.run_quantiles)


def test_every_bad_count_is_listed():
    with pytest.raises(InvalidInput) as caught:
        forecast_loss(a_fit(), [1e9, -1.0, np.nan], [1e10, 1e10, 0.0])
    assert [each.field for each in caught.value.violations] == ["size[1]", "size[2]", "tokens[2]"]


def test_levels_outside_the_unit_interval_are_refused():
    with pytest.raises(InvalidInput, match=r"levels\[1\]"):
        forecast_loss(a_fit(), 1e9, 1e10, levels=(0.5, 1.0))
