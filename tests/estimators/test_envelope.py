"""The envelope of training curves."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.estimators import EnvelopeSettings, Estimator, envelope_frontier
from tests.estimators.designs import EXPONENT, LAW, isoflop_runs, training_runs

QUICK = EnvelopeSettings(draws=100)
COARSE = EnvelopeSettings(draws=100, points=150)


def test_many_curves_without_noise_give_the_exponent():
    settings = EnvelopeSettings(draws=100, noise_nats=0.0)
    estimate = envelope_frontier(training_runs(sizes=32), settings=settings, surface=LAW)
    # Sizes 1.2x apart: the envelope is a staircase, and its steps cost a few thousandths.
    assert estimate.exponent == pytest.approx(EXPONENT, abs=0.005)
    assert estimate.bias.exponent == pytest.approx(estimate.exponent - EXPONENT, abs=1e-9)
    assert estimate.estimator is Estimator.ENVELOPE


def test_few_curves_are_biased_and_the_estimate_says_so():
    exact = EnvelopeSettings(draws=100, noise_nats=0.0)
    few, many = (envelope_frontier(training_runs(sizes=count), settings=exact, surface=LAW).bias for count in (8, 32))
    assert abs(few.size) > 5 * abs(many.size) > 0


def test_noise_flattens_the_envelope_and_the_bias_says_by_how_much():
    settings = EnvelopeSettings(draws=100, points=150, noise_nats=0.01)
    told = envelope_frontier(training_runs(sizes=24, checkpoints=30), settings=settings, surface=LAW).bias.exponent
    seen = [
        envelope_frontier(
            training_runs(sizes=24, checkpoints=30, run_noise=0.01, seed=seed), settings=settings
        ).exponent
        - EXPONENT
        for seed in range(20)
    ]
    # The mean of 20 has a Monte Carlo error of about .003.
    assert told == pytest.approx(np.mean(seen), abs=0.009)
    assert told < -0.005


def test_stretches_won_by_the_smallest_and_largest_size_are_left_out():
    runs = training_runs(sizes=10)
    estimate = envelope_frontier(runs, settings=QUICK)
    sizes = [each.size for each in estimate.minima]
    assert min(sizes) > 1.1 * runs.size.min()
    assert max(sizes) < 0.9 * runs.size.max()
    assert [each.reason.split(" size")[0] for each in estimate.dropped] == ["the smallest", "the largest"]


def test_intervals_of_sizes_well_apart_hold():
    inside = []
    for seed in range(40):
        estimate = envelope_frontier(
            training_runs(sizes=12, run_noise=0.005, checkpoints=30, seed=seed), settings=COARSE
        )
        low, high = estimate.exponent_quantiles((0.05, 0.95))
        inside.append(low <= EXPONENT <= high)
    assert np.mean(inside) > 0.75  # .9 less three Monte Carlo errors of 40 data sets


def test_noise_that_is_kept_secret_is_not_covered():
    inside = []
    for seed in range(40):
        estimate = envelope_frontier(
            training_runs(sizes=16, run_noise=0.05, checkpoints=30, seed=seed), settings=COARSE
        )
        low, high = estimate.exponent_quantiles((0.05, 0.95))
        inside.append(low <= EXPONENT <= high)
    assert np.mean(inside) < 0.75


def test_smoothing_leaves_straight_lines_and_sparse_curves_alone():
    runs = training_runs(sizes=10, checkpoints=40)
    rough, smooth = (
        envelope_frontier(runs, settings=EnvelopeSettings(draws=100, smoothing=bandwidth)) for bandwidth in (0.0, 0.05)
    )
    assert smooth.exponent == pytest.approx(rough.exponent, abs=1e-12)


def test_runs_without_curves_are_refused():
    with pytest.raises(NotEnoughRuns, match="None of the 75 runs has two checkpoints"):
        envelope_frontier(isoflop_runs())
    with pytest.raises(NotEnoughRuns, match="besides the smallest and largest"):
        envelope_frontier(training_runs(sizes=3))
    with pytest.raises(InvalidInput):
        EnvelopeSettings(points=3)
