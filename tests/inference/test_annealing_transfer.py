"""How wrong a response is beyond the schedules fitted: its likelihood, and what schedules left out teach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scaling.curves import nodes_at
from scaling.curves.multi_power import MultiPowerLaw
from scaling.curves.runs import CurveRun
from scaling.inference._numerics import float64
from scaling.inference.annealing_data import curve_data, known_curve
from scaling.inference.annealing_findings import by_schedule
from scaling.inference.annealing_point import prior_centre
from scaling.inference.annealing_transfer import learnt_growth, log_likelihood_of_scale
from scaling.models.annealing import ERROR_PRIORS
from tests.curves.simulated import FITTED, PEAK, TRUTH, simulated_run


def test_the_likelihood_of_the_scale_is_the_gaussian_written_out():
    rng = np.random.default_rng(1)
    root, path = rng.standard_normal((9, 9)), np.sort(rng.uniform(0, 2, 9))
    covariance, grown = root @ root.T + np.eye(9), np.sqrt(path)
    residual, scales = rng.standard_normal(9), np.asarray([1e-6, 0.5, 2.0])

    def written(scale: float) -> float:
        whole = covariance + scale**2 * np.outer(grown, grown)
        return -0.5 * (np.linalg.slogdet(whole)[1] + residual @ np.linalg.solve(whole, residual))

    found = log_likelihood_of_scale(residual, covariance, grown, scales)
    assert found == pytest.approx([written(scale) - written(0.0) for scale in scales], abs=1e-9)


def test_runs_whose_rates_agree_are_of_one_schedule():
    rng = np.random.default_rng(2)
    runs = [simulated_run(schedule, rng) for schedule in FITTED]
    twin = replace(runs[0], name="twin")
    assert by_schedule([*runs, twin]) == [("cosine", "twin"), ("constant",), ("wsdcon",)]


def learnt_from(runs: list[CurveRun]):
    curves = {run.name: known_curve(run, peak_rate=PEAK) for run in runs}
    with float64():
        data = curve_data(list(curves.values()), peak_rate=PEAK)
        start = prior_centre([*MultiPowerLaw.priors.values(), *ERROR_PRIORS.values()])
        return learnt_growth(MultiPowerLaw, data, curves, runs, start=start, seed=0)


def test_without_a_schedule_beyond_the_rest_the_prior_is_left():
    learnt = learnt_from([simulated_run(FITTED[1], np.random.default_rng(3))])
    assert learnt.held_out == ()
    assert learnt.probability @ learnt.scales == pytest.approx(0.05 * np.exp(0.7**2 / 2), rel=0.03)


@pytest.mark.slow
def test_a_response_that_breaks_where_it_was_not_seen_teaches_a_larger_scale():
    """The two-stage run responds as the law says, or by 1.6 times as much: the law cannot know without it."""
    rng = np.random.default_rng(4)
    runs = [simulated_run(schedule, rng) for schedule in FITTED]
    stages = runs[2]
    responded = TRUTH.response(nodes_at(stages.schedule, stages.step))
    broken = replace(stages, loss=stages.loss - 0.6 * responded)
    right, wrong = learnt_from(runs), learnt_from([*runs[:2], broken])
    assert {names for each in right.held_out for names in each.names} >= {"wsdcon"}
    assert all(each.effective > 30 for each in (*right.held_out, *wrong.held_out))
    assert wrong.probability @ wrong.scales > 1.3 * (right.probability @ right.scales)
