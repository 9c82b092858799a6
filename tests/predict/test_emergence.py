"""Emergence and score forecasts: answers sum to one, and nothing is located that is not there."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.emergence import ComputeOptimal, FixedRatio, FixedSize, FixedTokens, where_law_reaches, where_trend_reaches
from scaling.errors import InvalidInput, NotFound
from scaling.posterior import Fit, Verdict
from scaling.predict.emergence import EmergenceForecast, forecast_emergence
from scaling.predict.score import forecast_score
from tests.posterior.test_score import posterior as score_posterior
from tests.test_emergence import CHINCHILLA
from tests.test_emergence import posterior as loss_posterior

EMERGED = {"threshold": 999, "flat": 1, "p_emerged": 0.97, "eta": 2.3}
FLAT = {"threshold": 30, "flat": 970, "p_emerged": 0.02, "eta": 2.3}


def a_fit(**settings) -> Fit:
    return Fit(name="a-fit", loss=loss_posterior(), scores={"copy": score_posterior(**settings)})


def masses(forecast: EmergenceForecast) -> list[float]:
    names = ("p_before_data", "p_within_range", "p_beyond_range", "p_never", "p_not_identified")
    return [getattr(forecast, name) for name in names]


@pytest.mark.parametrize("path", [FixedRatio(20.0), FixedTokens(3e11), FixedSize(7e9), ComputeOptimal()])
def test_quantiles_are_those_of_the_draws(path):
    fit = a_fit(**EMERGED)
    forecast = forecast_emergence(fit, "copy", path)
    onset = fit.scores["copy"].onset
    point = where_trend_reaches(fit.loss, onset, path)
    there = np.isfinite(onset)
    assert forecast.at_onset is not None
    # Quantiles of a thousand draws: linear between neighbours on the log here, on the plain scale in NumPy.
    assert forecast.at_onset.flops == pytest.approx(np.quantile(point.flops[there], [0.05, 0.5, 0.95]), rel=0.01)
    assert sum(masses(forecast)) == pytest.approx(1.0)
    assert forecast.p_within_range > 0.9
    assert forecast.verdict is Verdict.EMERGED
    assert "onset at 2.2" in forecast.statement
    assert path.describe() in forecast.statement


def test_a_new_run_scatters_more_than_the_parameter():
    forecast = forecast_emergence(a_fit(**EMERGED), "copy", FixedRatio(20.0))
    for parameter, run, wider in (
        (forecast.onset_quantiles, forecast.new_run_onset_quantiles, 1.5),
        (forecast.at_onset.size, forecast.new_run.size, 1.05),  # here the law's own spread is the larger part
    ):
        assert run[2] - run[0] > wider * (parameter[2] - parameter[0])
    assert not forecast.new_run_is_prior_driven


def test_nothing_is_located_where_no_rise_is_seen():
    forecast = forecast_emergence(a_fit(**FLAT), "copy", FixedRatio(20.0))
    assert forecast.verdict is Verdict.NOT_IDENTIFIED
    for name in ("onset_quantiles", "new_run_onset_quantiles", "eta_quantiles", "at_onset", "new_run"):
        assert getattr(forecast, name) is None
    assert forecast.not_identified_below == 2.8
    assert forecast.p_not_identified == pytest.approx(0.97)
    assert forecast.statement.startswith("not identified yet")
    assert "below 2.80 nats" in forecast.statement
    assert "flat at 0.26 (chance 0.25)" in forecast.statement
    bound = where_law_reaches(CHINCHILLA, np.asarray(2.8), FixedRatio(20.0))
    assert forecast.at_lowest_loss.size[1] == pytest.approx(bound.size, rel=0.05)


def test_never_and_beyond_the_range_are_answers():
    below_floor = forecast_emergence(a_fit(**{**EMERGED, "eta": 1.6}), "copy", FixedRatio(20.0))
    assert below_floor.p_never > 0.9
    assert below_floor.at_onset.size[1] == np.inf
    assert "never with probability" in below_floor.statement
    capped = forecast_emergence(a_fit(**EMERGED), "copy", FixedRatio(20.0), size_limit=1e8)
    assert capped.p_beyond_range > 0.9
    assert sum(masses(capped)) == pytest.approx(1.0)


def test_before_the_data_is_an_answer():
    forecast = forecast_emergence(a_fit(**{**EMERGED, "eta": 4.5}), "copy", FixedRatio(20.0))
    assert forecast.verdict is Verdict.ALREADY_RISING
    assert forecast.p_before_data == pytest.approx(0.999)
    assert forecast.statement.startswith("already rising")


def test_the_score_rises_with_size_and_what_is_unknown_is_said():
    sizes = np.asarray([1e7, 1e9, 1e10, 1e12])
    emerged = forecast_score(a_fit(**EMERGED), "copy", sizes, 20 * sizes)
    assert np.all(np.diff(emerged.p_emerged) >= 0)
    assert emerged.p_emerged[0] < 0.01
    assert emerged.p_emerged[-1] > 0.95
    assert np.all(emerged.run_quantiles[2] - emerged.run_quantiles[0] > 0)
    width = emerged.trend_quantiles[2] - emerged.trend_quantiles[0]
    assert np.all(emerged.run_quantiles[2] - emerged.run_quantiles[0] > width - 1e-9)
    flat = forecast_score(a_fit(**FLAT), "copy", sizes, 20 * sizes)
    assert flat.p_unknown[0] == 0.0
    assert flat.p_unknown[-1] == pytest.approx(0.97)
    assert np.all(flat.p_unknown + flat.p_emerged <= 1.0 + 1e-12)


def test_wrong_questions_are_named():
    with pytest.raises(NotFound, match="copy"):
        forecast_emergence(a_fit(), "sort", FixedRatio(20.0))
    with pytest.raises(InvalidInput, match="size_limit"):
        forecast_emergence(a_fit(), "copy", FixedRatio(20.0), size_limit=-1.0)
    with pytest.raises(InvalidInput, match=r"levels\[0\]"):
        forecast_score(a_fit(), "copy", 1e9, 1e10, levels=(1.5,))


def test_a_score_above_chance_all_along_has_no_onset_to_locate():
    # As ng1 of the CPU ladder: it falls a little and rises again, above chance from the first checkpoint on.
    forecast = forecast_emergence(a_fit(threshold=0, flat=1000, p_emerged=1.0), "copy", FixedRatio(20.0))
    assert forecast.onset_quantiles is None
    assert forecast.at_onset is None
    assert "no onset to locate" in forecast.statement
    assert sum(masses(forecast)) == pytest.approx(1.0)
