"""Forecasts beyond the annealing fitted: how wide they are there, and what they say of it."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.curves import nodes_at
from scaling.curves.multi_power import MultiPowerLaw
from scaling.curves.reach import AnnealingReach
from scaling.posterior import AnnealingPosterior
from scaling.predict.annealing import forecast_curve
from tests.curves.simulated import FITTED, PEAK, TRUTH, UNSEEN

DRAWS, GROWTH = 4000, 0.1


@pytest.fixture(scope="module")
def posterior() -> AnnealingPosterior:
    """The true law without any error but that of a response beyond the schedules fitted."""
    nothing = np.full(DRAWS, 1e-7)
    names = ("trend_error", "response_error", "warm_error", "run_scale", "noise_scale")
    return AnnealingPosterior(
        law=MultiPowerLaw(**{name: np.full(DRAWS, value) for name, value in TRUTH.to_coefficients().items()}),
        error={
            **dict.fromkeys(names, nothing),
            "length": np.full(DRAWS, 0.7),
            "response_growth": np.full(DRAWS, GROWTH),
        },
        peak_rate=PEAK,
        last_step=5999,
        reach=AnnealingReach.of([nodes_at(each, np.arange(300, 6000, 60)) for each in FITTED], peak_rate=PEAK),
        runs={},
    )


def test_the_response_errs_by_the_root_of_the_distance_beyond_and_not_inside(posterior):
    deep, rng = UNSEEN[1], np.random.default_rng(1)
    nodes = nodes_at(deep, [5900])
    share = (TRUTH.response(nodes) / TRUTH.loss(nodes))[0]
    drawn = posterior.log_loss(nodes, np.log([5900.0]), rng=rng)
    error = np.std(drawn) / share
    deeper, older = np.log(3.0), np.log((5900 - 2000 + 1) / (5940 - 3000 + 1))
    assert error == pytest.approx(GROWTH * np.sqrt(deeper + older), rel=4 / np.sqrt(2 * DRAWS))
    inside = posterior.log_loss(nodes_at(FITTED[2], [5900]), np.log([5900.0]), rng=rng)
    assert np.std(inside) < 1e-5


def test_a_forecast_says_in_what_it_goes_beyond(posterior):
    decay, deep, long = (forecast_curve(posterior, each, [len(each) - 1]) for each in UNSEEN)
    assert (decay.beyond, decay.beyond_calibrated) == ((), False)
    assert deep.beyond[0] == "its falls of the learning rate are 3 times as deep as any fitted"
    assert deep.beyond[1] == "it anneals 1.4 times as long as any fitted"
    assert long.beyond[0] == "2 times as long as the longest run fitted"
    assert "anneals" in long.beyond[1]
    assert long.beyond_calibrated


def test_steps_before_the_deep_fall_are_not_beyond(posterior):
    assert forecast_curve(posterior, UNSEEN[1], [1900]).beyond == ()
