"""Posteriors in batches: the same as one by one, each with its own gate."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.inference._numerics import float64
from scaling.inference.hmc import Whitening, sample_hmc
from scaling.inference.loss import fit_loss
from scaling.inference.loss_batch import fit_batch
from scaling.inference.modes import find_modes
from scaling.inference.progress import silent
from scaling.inference.settings import FitSettings
from scaling.laws import Reference
from scaling.laws.power import PowerLaw
from tests.inference.simulated import law_from_its_prior, observations

REFERENCE = Reference(n=1e8, d=2e9, loss=3.0)
SIZES = np.geomspace(1e7, 1e9, 12)
SETTINGS = FitSettings(draws=500)


def simulated(count, *, seed=0):
    rng = np.random.default_rng(seed)
    laws = [law_from_its_prior("power", rng, REFERENCE) for _ in range(count)]
    noise = 0.006 * np.exp(0.8 * rng.standard_normal(count))
    runs = [observations(law, SIZES, 20 * SIZES, noise=scale, rng=rng) for law, scale in zip(laws, noise, strict=True)]
    return laws, runs


@pytest.fixture(scope="module")
def batch():
    laws, runs = simulated(64)
    return laws, runs, fit_batch(PowerLaw, runs, reference=REFERENCE, settings=SETTINGS)


def test_every_fit_passes_the_gate_of_a_single_fit(batch):
    found = batch[2]
    assert found.passed.all()
    assert max(each.max_r_hat for each in found.diagnostics) <= SETTINGS.max_r_hat
    assert min(min(each.min_bulk_ess, each.min_tail_ess) for each in found.diagnostics) >= SETTINGS.min_ess
    assert sum(each.divergences for each in found.diagnostics) == 0
    assert np.isfinite(found.law.alpha).all()


@pytest.mark.slow
def test_a_batch_agrees_with_nuts_on_each_data_set(batch):
    runs = batch[1]
    for index in (0, 7, 20):
        # The same priors: centred at the medians of these rows in both.
        alone = fit_loss(runs[index], PowerLaw)
        within = fit_batch(PowerLaw, [runs[index]], settings=SETTINGS)
        one, many = alone.posterior.law.alpha, within.law.alpha[0]
        error = np.std(one) / np.sqrt(SETTINGS.min_ess)
        # 4 Monte Carlo errors of a mean and of a standard deviation, both samples of at least 400 effective draws.
        assert np.mean(many) == pytest.approx(np.mean(one), abs=4 * np.sqrt(2) * error)
        assert np.std(many) == pytest.approx(np.std(one), abs=4 * error)


def test_ranks_of_truths_are_uniform_and_of_narrowed_posteriors_are_not(batch):
    laws, _, found = batch
    truth = np.asarray([float(law.alpha) for law in laws])[:, np.newaxis]
    middle = np.median(found.law.alpha, axis=1, keepdims=True)
    for share, uniform in ((1.0, True), (0.3, False)):
        rank = np.mean(middle + share * (found.law.alpha - middle) < truth, axis=1)
        distance = np.max(np.abs(np.sort(rank) - (np.arange(64) + 0.5) / 64))
        # Kolmogorov's .1 % point for 64 draws: 1.95 / 8.
        assert (distance < 1.95 / 8) == uniform


@pytest.mark.slow
def test_the_same_seed_gives_the_same_draws():
    _, runs = simulated(2, seed=5)
    one, two = (fit_batch(PowerLaw, runs, settings=SETTINGS) for _ in range(2))
    assert np.array_equal(one.law.alpha, two.law.alpha)


@pytest.mark.slow
def test_data_sets_of_different_length_and_with_run_effects_go_together():
    _, runs = simulated(2, seed=6)
    longer = dataclasses.replace(
        runs[0],
        **{
            name: np.repeat(getattr(runs[0], name), 2) * (1 + 1e-4 * np.arange(24) if name == "loss" else 1)
            for name in ("size", "tokens", "loss")
        },
        run=tuple(f"run-{index // 2}" for index in range(24)),
    )
    found = fit_batch(PowerLaw, [runs[0], longer, runs[1]], settings=SETTINGS)
    assert found.passed.all()
    assert np.all(found.run_scale[1] > 0)
    assert not found.run_scale[[0, 2]].any()


@pytest.mark.slow
def test_a_posterior_that_no_sampler_passes_is_nan_and_says_why():
    _, runs = simulated(1, seed=7)
    strict = FitSettings(draws=100, warmup=50, max_r_hat=1.0000001)
    found = fit_batch(PowerLaw, runs, settings=strict)
    assert not found.passed[0]
    assert "R-hat" in found.failures[0][0]
    assert np.isnan(found.law.alpha).all()
    assert found.sampler == ("nuts",)
    once = fit_batch(PowerLaw, runs, reference=REFERENCE, settings=strict, attempts=1)
    assert once.sampler == ("hmc",)
    assert not once.passed[0]


def test_no_data_and_too_little_data_are_refused():
    _, runs = simulated(1)
    with pytest.raises(InvalidInput):
        fit_batch(PowerLaw, [])
    with pytest.raises(NotEnoughRuns):
        fit_batch(PowerLaw, [runs[0].select(np.arange(12) < 2)])


def correlated_normal(position, data):
    """Minus log density of a normal whose precision is `data`."""
    return 0.5 * position @ data @ position


def test_moments_of_a_normal_known_in_closed_form():
    # Correlation .99, whitened by the identity only: the warm-up must find the covariance itself.
    covariance = np.asarray([[[1.0, 0.99], [0.99, 1.0]], [[4.0, -1.0], [-1.0, 0.5]]])
    with float64():
        precision = np.linalg.inv(covariance)
        modes = find_modes(correlated_normal, precision, np.full((2, 3, 2), 3.0))
        assert modes.converged.all()
        # A Newton step from there promises less than 1e-6 nats: .0014 of a standard deviation.
        assert modes.position == pytest.approx(np.zeros((2, 2)), abs=2e-3)
        assert modes.scale @ np.swapaxes(modes.scale, 1, 2) == pytest.approx(covariance, rel=1e-6)
        identity = Whitening(np.zeros((2, 2)), np.stack([np.eye(2)] * 2))
        samples = sample_hmc(
            correlated_normal, precision, identity, settings=FitSettings(draws=2000, warmup=400), progress=silent
        )
    for sample, truth in zip(samples, covariance, strict=True):
        draws = sample.draws.reshape(-1, 2)
        # 4 Monte Carlo errors at 2,000 effective draws of 8,000.
        assert np.cov(draws.T) / np.sqrt(np.outer(np.diag(truth), np.diag(truth))) == pytest.approx(
            truth / np.sqrt(np.outer(np.diag(truth), np.diag(truth))), abs=4 * np.sqrt(2 / 2000)
        )
