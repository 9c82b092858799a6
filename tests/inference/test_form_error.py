"""Residuals hold the walk inside the data; run effects are told from it; a spoilt row does neither."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.inference.form_error import LawDraws, axis_scale, hold_to_residuals
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations
from scaling.posterior import FormError, form_axes

DRAWS = 400
TRUTH = ChinchillaLaw(l_inf=1.8, a=480.0, alpha=0.35, b=2000.0, beta=0.36)


def draws_of(noise: float, *, run_scale: float = 0.0) -> LawDraws:
    ones = np.ones(DRAWS)
    law = ChinchillaLaw(**{name: value * ones for name, value in TRUTH.to_coefficients().items()})
    return LawDraws(law, noise * ones, run_scale * ones)


def runs_with(error: np.ndarray, n: np.ndarray, d: np.ndarray, labels: list[str] | None = None) -> LossObservations:
    names = labels or [f"run-{index}" for index in range(len(n))]
    return LossObservations(run=tuple(names), size=n, tokens=d, loss=TRUTH.loss(n, d) * np.exp(error))


def grid(count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    n, d = np.meshgrid(np.geomspace(1e7, 1e9, count), np.geomspace(1e9, 1e11, count))
    return n.ravel(), d.ravel()


def held(runs: LossObservations, draws: LawDraws, *, scale: float = 0.01) -> FormError:
    rng = np.random.default_rng(0)
    return hold_to_residuals(draws, runs, scale=np.full(DRAWS, scale), rng=rng).form_error


def test_a_bend_that_the_law_lacks_is_found_inside_the_data():
    n, d = grid()
    bend = 0.01 * np.abs(np.log(n / 1e8))
    found = held(runs_with(bend, n, d), draws_of(0.002)).at(n, d).mean(axis=0)
    # The walk is anchored at its middle knots, so that a constant is the law's: compare after it.
    assert found - found.mean() == pytest.approx(bend - bend.mean(), abs=0.004)


def test_without_residuals_the_walk_stays_near_nothing_and_widens_beyond():
    n, d = grid()
    error = held(runs_with(np.zeros_like(n), n, d), draws_of(0.002))
    inside = error.at(n, d)
    assert np.abs(inside.mean(axis=0)).max() < 0.002
    farther = np.std(error.at(1e9 * np.exp([1.0, 4.0]), np.full(2, 1e10)), axis=0)
    assert farther[1] > farther[0] > np.std(inside, axis=0).mean()


def test_one_spoilt_row_hardly_moves_the_walk():
    n, d = grid()
    clean = np.random.default_rng(1).normal(scale=0.002, size=len(n))
    spoilt = clean.copy()
    spoilt[37] = np.log(3.0)
    difference = held(runs_with(clean, n, d), draws_of(0.002)).at(n, d) - held(
        runs_with(spoilt, n, d), draws_of(0.002)
    ).at(n, d)
    assert np.abs(difference.mean(axis=0)).max() < 0.002


def test_run_effects_are_told_from_the_form():
    # Six runs of one size each with twelve checkpoints; the effect of each is constant along its checkpoints.
    sizes, tokens = np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 12)
    n, d = np.repeat(sizes, 12), np.tile(tokens, 6)
    effect = np.asarray([0.01, -0.01, 0.012, -0.008, 0.01, -0.012])
    labels = [f"run-{index}" for index in np.repeat(np.arange(6), 12)]
    runs = runs_with(np.repeat(effect, 12), n, d, labels)
    rng = np.random.default_rng(0)
    found = hold_to_residuals(draws_of(0.002, run_scale=0.01), runs, scale=np.full(DRAWS, 0.003), rng=rng)
    assert found.run_effect.mean(axis=0) == pytest.approx(effect, abs=0.004)
    # The negative control: with no run effects allowed the walk along size has to take some of it.
    alone = held(runs, draws_of(0.002), scale=0.003).at(n, d).mean(axis=0)
    together = found.form_error.at(n, d).mean(axis=0)
    assert np.std(alone) > 1.5 * np.std(together)


def test_three_walks_together_have_the_scale_asked_for_along_the_diagonal():
    axes = form_axes(ChinchillaLaw, np.asarray([1e7, 1e9]), np.asarray([1e9, 1e11]), {})
    rng = np.random.default_rng(0)
    error = FormError.beyond_only(axes, axis_scale(np.full(20_000, 0.01), axes), rng=rng)
    beyond = np.std(error.at(1e9 * np.exp(2.0), 1e11 * np.exp(2.0)))
    assert beyond == pytest.approx(0.01 * np.sqrt(4.0), rel=0.03)  # four e-folds of compute


def test_single_rows_are_the_limit_of_runs_without_effects():
    # The same rows, once as runs of two with no effect of their own, once as runs of one.
    n, d = (np.repeat(each, 2) for each in grid(6))
    error = 0.01 * np.sin(np.log(n)) + np.random.default_rng(3).normal(scale=0.002, size=len(n))
    pairs = [f"run-{index}" for index in np.repeat(np.arange(36), 2)]
    single = held(runs_with(error, n, d), draws_of(0.002)).at(n, d)
    paired = held(runs_with(error, n, d, pairs), draws_of(0.002)).at(n, d)
    # Monte Carlo error of a mean of 400 draws of spread .002.
    assert single.mean(axis=0) == pytest.approx(paired.mean(axis=0), abs=5e-4)
    assert np.std(single, axis=0) == pytest.approx(np.std(paired, axis=0), rel=0.25)
