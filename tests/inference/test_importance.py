"""Importance sampling against integrals known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from scaling.inference.importance import ImportanceSettings, importance_sample


def peaks(centers, scale):
    """Log of a sum of normal likelihoods and its evidence under a standard normal prior."""

    def log_likelihood(z):
        return np.logaddexp.reduce([norm.logpdf(z, center, scale).sum(axis=1) for center in centers], axis=0)

    evidence = np.logaddexp.reduce([norm.logpdf(center, 0, np.hypot(1, scale)).sum() for center in centers])
    return log_likelihood, evidence


@pytest.mark.parametrize("dimensions", [2, 3, 5])
@pytest.mark.parametrize("scale", [0.05, 0.3, 2.0])
def test_evidence_of_two_modes(dimensions, scale):
    centers = [np.full(dimensions, -1.0), np.full(dimensions, 1.2)]
    log_likelihood, evidence = peaks(centers, scale)
    errors, sizes = [], []
    for seed in range(4):
        settings = ImportanceSettings(prior_points=1024, max_rounds=8)
        sample = importance_sample(log_likelihood, dimensions, rng=np.random.default_rng(seed), settings=settings)
        errors.append(sample.log_evidence - evidence)
        sizes.append(sample.effective_size)
    assert np.mean(sizes) > (300 if dimensions < 5 else 120)
    assert np.abs(errors).max() < 4 / np.sqrt(min(sizes))
    # Both modes keep their mass: the nearer one has more by the prior's ratio.
    if scale == 0.05:
        share = sample.weights[sample.points[:, 0] > 0].sum()
        one, two = (norm.logpdf(center, 0, np.hypot(1, scale)).sum() for center in centers)
        assert share == pytest.approx(
            1 / (1 + np.exp(one - two)), abs=2.0 / np.sqrt(sizes[-1])
        )  # 4 Monte Carlo errors of a share


def test_resampling_keeps_moments_and_a_seed_repeats():
    log_likelihood, _ = peaks([np.array([0.5, -0.5])], 0.5)
    one, two = (importance_sample(log_likelihood, 2, rng=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.points, two.points)
    drawn = one.points[one.resample(4000, rng=np.random.default_rng(0))]
    posterior = np.array([0.5, -0.5]) / (1 + 0.25)
    assert drawn.mean(axis=0) == pytest.approx(posterior, abs=4 * 0.45 / np.sqrt(one.effective_size))
    assert drawn.std(axis=0) == pytest.approx(np.full(2, 0.5 / np.sqrt(1.25)), rel=0.15)


def test_a_peak_too_narrow_for_the_effort_shows_in_the_effective_size():
    log_likelihood, _ = peaks([np.array([1.3, -0.7, 0.4, 1.1, -1.0])], 1e-4)
    few = ImportanceSettings(prior_points=64, round_points=32, max_rounds=2)
    sample = importance_sample(log_likelihood, 5, rng=np.random.default_rng(0), settings=few)
    assert sample.effective_size < 50
