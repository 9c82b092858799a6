"""Checkpoints of one run count for as many observations as they are alike."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.inference.form_error import LawDraws
from scaling.inference.run_correlation import run_correlation
from scaling.laws.power import PowerLaw
from scaling.observations import LossObservations

LAW = PowerLaw(l_inf=1.7, n_0=2e7, alpha=0.3)


def ladder(*, runs: int, rows: int, between: float, within: float, seed: int = 0) -> LossObservations:
    rng = np.random.default_rng(seed)
    n = np.repeat(np.geomspace(1e7, 1e10, runs), rows)
    effect = np.repeat(between * rng.standard_normal(runs), rows) + within * rng.standard_normal(runs * rows)
    return LossObservations(
        run=tuple(f"run-{index}" for index in np.repeat(np.arange(runs), rows)),
        size=n,
        tokens=np.tile(np.geomspace(1e9, 1e11, rows), runs),
        loss=LAW.loss(n) * np.exp(effect),
    )


def median(observations: LossObservations) -> float:
    found = run_correlation(observations, LAW, rng=np.random.default_rng(0))
    assert found is not None
    return float(np.median(found.draws))


def test_equal_parts_between_and_within_are_a_correlation_of_one_half():
    assert median(ladder(runs=200, rows=10, between=0.01, within=0.01)) == pytest.approx(0.5, abs=0.07)


def test_independent_checkpoints_count_in_full():
    # The negative control: nothing is taken from rows that are as good as runs of their own.
    observations = ladder(runs=200, rows=10, between=0.0, within=0.01)
    found = run_correlation(observations, LAW, rng=np.random.default_rng(0))
    assert found is not None
    assert found.information.min() > 0.75


def test_checkpoints_that_are_all_alike_count_as_one():
    found = run_correlation(ladder(runs=30, rows=20, between=0.01, within=1e-5), LAW, rng=np.random.default_rng(0))
    assert found is not None
    assert found.information == pytest.approx(1 / 20, rel=0.05)


def test_one_spoilt_row_does_not_make_its_run_unlike_itself():
    clean = ladder(runs=30, rows=10, between=0.01, within=0.002)
    loss = clean.loss.copy()
    loss[17] *= 3.0
    spoilt = LossObservations(run=clean.run, size=clean.size, tokens=clean.tokens, loss=loss)
    assert median(spoilt) == pytest.approx(median(clean), abs=0.1)


@pytest.mark.parametrize("runs", [1, 3])
def test_with_no_more_runs_than_coefficients_the_prior_speaks(runs):
    observations = ladder(runs=runs, rows=30, between=0.0, within=0.01)
    found = run_correlation(observations, LAW, rng=np.random.default_rng(0))
    assert found is not None
    # Quantiles of Beta(3, 1): the cube root of the level.
    assert np.quantile(found.draws, [0.05, 0.5, 0.95]) == pytest.approx(np.cbrt([0.05, 0.5, 0.95]), abs=0.03)


def test_rows_without_run_labels_have_none():
    observations = ladder(runs=30, rows=1, between=0.01, within=0.01)
    assert run_correlation(observations, LAW, rng=np.random.default_rng(0)) is None


def test_the_split_keeps_the_scatter_of_all_rows():
    found = run_correlation(ladder(runs=50, rows=10, between=0.01, within=0.01), LAW, rng=np.random.default_rng(0))
    assert found is not None
    ones = np.ones(1000)
    law = PowerLaw(l_inf=1.7 * ones, n_0=2e7 * ones, alpha=0.3 * ones)
    split = found.split(LawDraws(law, 0.01 * ones, 0.0 * ones), rng=np.random.default_rng(1))
    assert split.noise_scale**2 + split.run_scale**2 / 1.4 == pytest.approx(0.01**2)
