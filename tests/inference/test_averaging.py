"""Averaging of laws: the truth is preferred where there is evidence, the prior where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.inference.averaging import average

FITS = {"right": "a", "wide": "b", "biased": "c"}


def scores_of(bands: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Log scores of three predictive distributions of draws from a standard normal."""
    y = np.random.default_rng(seed).standard_normal(bands)
    return {"right": norm.logpdf(y), "wide": norm.logpdf(y, scale=4.0), "biased": norm.logpdf(y, loc=2.5)}


@given(st.integers(0, 6), st.floats(0.1, 20.0), st.integers(0, 100))
def test_weights_are_positive_and_sum_to_one(bands, strength, seed):
    mixture = average(FITS, scores_of(bands, seed=seed), prior_strength=strength)
    assert sum(mixture.weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert min(mixture.weights.values()) > 0


def test_the_truth_takes_nearly_all_weight_given_many_bands():
    assert average(FITS, scores_of(400)).weights["right"] > 0.9


def test_bands_that_say_nothing_prefer_nobody():
    # The negative control: scores without information about the law must not produce a preference.
    noise = np.random.default_rng(3).standard_normal((3, 400))
    weights = average(FITS, dict(zip(FITS, noise, strict=True))).weights
    assert max(weights.values()) < 0.5


def test_without_bands_the_weights_are_the_prior():
    empty = {name: np.zeros(0) for name in FITS}
    assert average(FITS, empty, prior={"right": 1, "wide": 2, "biased": 1}).weights == pytest.approx(
        {"right": 0.25, "wide": 0.5, "biased": 0.25}
    )


def test_few_bands_move_the_weights_less_than_many():
    few, many = average(FITS, scores_of(2)), average(FITS, scores_of(200))
    assert 1 / 3 < few.weights["right"] < many.weights["right"]


def test_the_mixture_scores_no_worse_than_its_best_law_on_the_bands_it_was_stacked_on():
    scores = scores_of(300)
    weights = average(FITS, scores, prior_strength=1e-6).weights
    together = np.logaddexp.reduce([np.log(weights[name]) + scores[name] for name in FITS], axis=0)
    assert together.mean() >= max(each.mean() for each in scores.values()) - 1e-6  # what the prior may cost


def test_a_law_that_failed_at_every_band_keeps_only_its_prior_share():
    scores = scores_of(50)
    scores["wide"] = np.full(50, -np.inf)
    assert average(FITS, scores).weights["wide"] == pytest.approx(1 / 53, rel=1e-6)  # 3 / 3 bands of 53


def test_draw_counts_sum_to_the_total_and_follow_the_weights():
    mixture = average(FITS, scores_of(40))
    counts = mixture.draw_counts(1000)
    assert sum(counts.values()) == 1000
    assert all(abs(counts[name] - 1000 * weight) < 1 for name, weight in mixture.weights.items())
    chosen = mixture.choose(1000, available=600, rng=np.random.default_rng(0))
    assert {name: len(kept) for name, kept in chosen.items()} == counts


def test_faulty_scores_are_named():
    with pytest.raises(InvalidInput, match="NaN") as caught:
        average(FITS, {"right": np.asarray([np.nan]), "wide": np.zeros(2)}, prior_strength=0.0)
    assert {violation.field for violation in caught.value.violations} == {"scores", "prior_strength"}
    assert len(caught.value.violations) == 4
    with pytest.raises(NotEnoughRuns):
        average({}, {})
