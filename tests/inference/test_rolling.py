"""Rolling origins: made from what lies below the cut, scored on what lies beyond, teaching the form's scale."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from scaling.inference.rolling import Origin, backtest_of, learnt_scale, rolling_origins
from scaling.inference.settings import FitSettings
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.laws.power import PowerLaw
from scaling.observations import LossObservations
from scaling.posterior import crps_of_draws

TRUTH = ChinchillaLaw(l_inf=1.8, a=480.0, alpha=0.35, b=2000.0, beta=0.36)
SETTINGS = FitSettings()


def runs(*, bend: float = 0.0, seed: int = 0) -> LossObservations:
    """64 runs of the truth, whose loss turns up by `bend` per e-fold of compute from the middle on."""
    rng = np.random.default_rng(seed)
    n, d = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 1e9, 8), np.geomspace(1e9, 1e11, 8)))
    beyond = np.maximum(np.log(n * d / 1e18), 0.0)
    loss = TRUTH.loss(n, d) * np.exp(bend * beyond + rng.normal(scale=0.002, size=64))
    return LossObservations(run=tuple(f"r{i}" for i in range(64)), size=n, tokens=d, loss=loss)


@pytest.fixture(scope="module")
def straight() -> tuple[Origin, ...]:
    return rolling_origins(runs(), ChinchillaLaw, settings=SETTINGS)


@pytest.fixture(scope="module")
def bent() -> tuple[Origin, ...]:
    return rolling_origins(runs(bend=0.015), ChinchillaLaw, settings=SETTINGS)


def test_no_origin_sees_what_lies_beyond_it(straight):
    assert len(straight) >= 4
    for origin in straight:
        seen = origin.seen.size * origin.seen.tokens
        assert seen.max() < (origin.beyond.size * origin.beyond.tokens).min()
        assert len(origin.seen) + len(origin.beyond) == 64
        assert np.all(origin.distance > 0)


def test_a_form_that_fails_beyond_the_data_teaches_a_larger_scale(straight, bent):
    scale = {name: learnt_scale(origins, settings=SETTINGS) for name, origins in (("ok", straight), ("bent", bent))}
    mean = {name: each.scales @ each.probability for name, each in scale.items()}
    assert mean["ok"] < 0.01 < mean["bent"]


def test_without_origins_the_prior_speaks():
    prior = learnt_scale((), settings=SETTINGS)
    draws = prior.draw(20_000, rng=np.random.default_rng(0))
    assert np.median(draws) == pytest.approx(0.01, rel=0.02)
    assert np.std(np.log(draws)) == pytest.approx(0.4, rel=0.03)


def test_back_test_of_a_right_law_holds_and_that_of_a_wrong_one_says_so(straight, bent):
    right, wrong = (backtest_of(origins, settings=SETTINGS) for origins in (straight, bent))
    assert right is not None
    assert wrong is not None
    assert right.cover >= 0.85
    assert wrong.mean_relative_error > 3 * right.mean_relative_error
    ranges = right.by_factor()
    assert sum(each.forecasts for each in ranges) == len(right)
    assert all(low.mean_width < high.mean_width for low, high in pairwise(ranges))


def test_too_few_runs_give_no_origin():
    few = runs().select(np.arange(64) < 9)
    assert rolling_origins(few, ChinchillaLaw, settings=SETTINGS) == ()
    assert backtest_of((), settings=SETTINGS) is None


def test_crps_of_draws_is_that_of_a_normal():
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((20_000, 2))
    # CRPS of N(0, 1) at z: z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi); .23370 at 0, .60244 at 1.
    assert crps_of_draws(draws, np.asarray([0.0, 1.0])) == pytest.approx([0.23370, 0.60244], abs=0.01)


def test_a_law_in_size_alone_is_cut_along_size():
    # Compute goes on growing with tokens where sizes do not.
    n = np.repeat(np.geomspace(1e7, 1e9, 6), 6)
    d = np.tile(np.geomspace(1e9, 1e11, 6), 6)
    law = PowerLaw(l_inf=1.7, n_0=2e7, alpha=0.3)
    rng = np.random.default_rng(0)
    rows = LossObservations(
        run=tuple(f"r{i}" for i in range(36)),
        size=n,
        tokens=d,
        loss=law.loss(n) * np.exp(rng.normal(scale=0.002, size=36)),
    )
    origins = rolling_origins(rows, PowerLaw, settings=SETTINGS)
    assert origins
    assert all(origin.seen.size.max() < origin.beyond.size.min() for origin in origins)
    assert np.isfinite(learnt_scale(origins, settings=SETTINGS).probability).all()
