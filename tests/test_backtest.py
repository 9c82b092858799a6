"""Back-tests: scores by hand, and held-out sizes of a known law inside their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.backtest import Backtest, CutAxis, fair_cuts, forecast_beyond, forecast_rungs
from scaling.errors import NotEnoughRuns
from scaling.inference.settings import FitSettings
from scaling.laws.chinchilla import ChinchillaLaw
from tests.inference.simulated import grid, observations

TRUTH = ChinchillaLaw(l_inf=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)


def by_hand() -> Backtest:
    values = np.asarray([2.0, 2.0])
    return Backtest(
        run=("a", "b"),
        size=values,
        tokens=values,
        observed=np.asarray([2.0, 2.2]),
        low=0.95 * values,
        median=values,
        high=1.05 * values,
        distance=np.zeros(2),
        crps=np.zeros(2),
    )


def test_scores_by_hand():
    test = by_hand()
    assert test.held.tolist() == [True, False]
    assert test.cover == 0.5
    assert test.mean_relative_error == pytest.approx(0.5 * 0.2 / 2.2)
    assert test.mean_width == pytest.approx(0.1)
    width, outside = np.log(1.05 / 0.95), np.log(2.2 / 2.1)
    assert test.interval_score == pytest.approx(width + 0.5 * 20 * outside)
    assert test.select(~test.held).run == ("b",)


def test_runs_beyond_each_cut_are_forecast_at_their_distance_along_the_axis():
    runs = observations(TRUTH, *grid(sizes=6, budgets=5), noise=0.003, rng=np.random.default_rng(2))
    cuts = np.unique(runs.size)[3:5]
    test = forecast_beyond(
        runs, cuts, axis=CutAxis.SIZE, law="chinchilla", settings=FitSettings(draws=400, min_ess=200)
    )
    assert len(test) == 5 * 2 + 5 * 1
    # Sizes lie a factor 10^.4 apart.
    assert np.unique(test.factor.round(6)) == pytest.approx([10**0.4, 10**0.8], rel=1e-5)
    assert test.mean_relative_error < 0.02


def test_default_cuts_leave_enough_on_both_sides():
    runs = observations(TRUTH, *grid(sizes=6, budgets=5))
    cuts = fair_cuts(runs, axis=CutAxis.TOKENS, law="chinchilla")
    for cut in cuts:
        assert len(np.unique(runs.tokens[runs.tokens <= cut])) >= 3
        assert np.sum(runs.tokens > cut) >= 2
    with pytest.raises(NotEnoughRuns, match="No cut of these 9 rows"):
        fair_cuts(observations(TRUTH, *grid(sizes=3, budgets=3)), law="chinchilla")
    with pytest.raises(NotEnoughRuns, match="leaves 5 of 30 rows to fit"):
        forecast_beyond(runs, [np.min(runs.size)], axis=CutAxis.SIZE, law="chinchilla")


def test_rungs_of_a_known_law_lie_inside_their_intervals():
    runs = observations(TRUTH, *grid(sizes=5, budgets=5), noise=0.003, rng=np.random.default_rng(2))
    test = forecast_rungs(runs, settings=FitSettings(draws=400, min_ess=200))
    assert sorted(set(test.size)) == sorted(set(runs.size))[3:]
    assert np.all(test.distance > 0)
    assert test.cover >= 0.8
    assert test.mean_relative_error < 0.01


def test_three_sizes_cannot_be_back_tested():
    with pytest.raises(NotEnoughRuns, match="at least 4 different sizes"):
        forecast_rungs(observations(TRUTH, *grid(sizes=3)))
