"""Ranks, bands and p-values of simulation-based calibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from scaling.calibration import family_p_value, narrowed, rank_uniformity, ranks_of_truths, uniform_band
from scaling.errors import InvalidInput

SETS, RANKS = 200, 99


def ecdf(ranks):
    return np.cumsum(np.bincount(ranks, minlength=RANKS + 1))[:-1] / len(ranks)


@pytest.mark.parametrize("sets", [50, 200])
def test_uniform_ranks_leave_the_band_one_time_in_twenty(sets):
    rng = np.random.default_rng(1)
    band = uniform_band(sets, RANKS, level=0.05)
    assert 0.945 < band.probability < 0.975  # whole numbers: at least 95 %, and nearly that
    count = 4000
    left = 0
    for _ in range(count):
        curve = ecdf(rng.integers(0, RANKS + 1, size=sets))
        left += bool(np.any((curve < band.lower - 1e-12) | (curve > band.upper + 1e-12)))
    expected = 1.0 - band.probability
    assert left / count == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / count))


def test_p_values_of_uniform_ranks_are_uniform_or_larger():
    rng = np.random.default_rng(2)
    p_values = np.asarray(
        [rank_uniformity(rng.integers(0, RANKS + 1, size=60), rank_count=RANKS).p_value for _ in range(300)]
    )
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p_values <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 300))


def test_the_p_value_is_below_the_level_just_where_the_curve_leaves_the_band():
    rng = np.random.default_rng(3)
    band = uniform_band(SETS, RANKS)
    outcomes = []
    for _ in range(100):
        # A little too spread, so that both verdicts occur.
        ranks = np.minimum(beta.rvs(0.8, 0.8, size=SETS, random_state=rng) * (RANKS + 1), RANKS).astype(int)
        curve = ecdf(ranks)
        left = bool(np.any((curve < band.lower - 1e-12) | (curve > band.upper + 1e-12)))
        outcomes.append(left)
        assert left == (rank_uniformity(ranks, rank_count=RANKS).p_value <= 0.05)
    assert 10 < sum(outcomes) < 90


def test_one_set_and_two_ranks_by_hand():
    # Two ranks of 0 or 1: both equal with probability 1/2, which is the farthest that they can be from uniform.
    assert rank_uniformity(np.array([0, 0]), rank_count=1).p_value == pytest.approx(0.5)
    assert rank_uniformity(np.array([0, 1]), rank_count=1).p_value == pytest.approx(1.0)
    # Three ranks of 0, 1 or 2, all 0: 3^-3, and as far are all 2.
    assert rank_uniformity(np.array([0, 0, 0]), rank_count=2).p_value == pytest.approx(2 / 27)


def conjugate(rng, *, sets, wider=1.0, shift=0.0):
    """Truths and posterior draws of a normal mean: prior N(0, 1), one observation with N(0, 1) noise."""
    truth = rng.standard_normal(sets)
    seen = truth + rng.standard_normal(sets)
    middle = 0.5 * seen[:, np.newaxis] + shift
    return truth, middle + wider * np.sqrt(0.5) * rng.standard_normal((sets, 1000))


def test_an_exact_posterior_is_accepted_and_spoilt_ones_are_not():
    rng = np.random.default_rng(4)

    def tested(truth, draws):
        return rank_uniformity(ranks_of_truths(truth, draws, count=RANKS, rng=rng), rank_count=RANKS)

    exact = tested(*conjugate(rng, sets=SETS))
    assert exact.p_value > 0.01
    # 3 Monte Carlo errors of a share of 200, and of a standard deviation of uniform ranks.
    assert exact.cover_90 == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / SETS))
    assert exact.spread == pytest.approx(1.0, abs=3 * np.sqrt(0.2 / SETS))
    narrow = tested(*conjugate(rng, sets=SETS, wider=0.6))
    wide = tested(*conjugate(rng, sets=SETS, wider=1.8))
    shifted = tested(*conjugate(rng, sets=SETS, shift=0.3))
    assert max(narrow.p_value, wide.p_value, shifted.p_value) < 1e-3
    assert narrow.spread > 1.1
    assert wide.spread < 0.9
    assert shifted.mean_rank < 0.45


def test_narrowed_draws_keep_their_mean_and_lose_their_spread():
    rng = np.random.default_rng(5)
    truth, draws = conjugate(rng, sets=400)
    closer = narrowed(draws, to=0.7)
    assert closer.mean(axis=1) == pytest.approx(draws.mean(axis=1))
    assert closer.std(axis=1) == pytest.approx(0.7 * draws.std(axis=1))
    ranks = ranks_of_truths(truth, closer, count=RANKS, rng=rng)
    assert rank_uniformity(ranks, rank_count=RANKS).p_value < 1e-3


def test_equal_values_share_the_ranks_between_them():
    rng = np.random.default_rng(6)
    # Half of truths and draws are the same "never": ranks are uniform only if ties are broken at random.
    truth, draws = (
        np.where(rng.uniform(size=shape) < 0.5, np.inf, rng.uniform(size=shape)) for shape in ((500,), (500, RANKS))
    )
    ranks = ranks_of_truths(truth, draws, count=RANKS, rng=rng)
    assert rank_uniformity(ranks, rank_count=RANKS).p_value > 0.01
    unbroken = np.sum(draws < truth[:, np.newaxis], axis=1)
    assert rank_uniformity(unbroken, rank_count=RANKS).p_value < 1e-6


def test_thinning_removes_autocorrelation():
    rng = np.random.default_rng(7)
    sets, draws = 300, 99 * 30
    steps = rng.standard_normal((sets, draws)) * np.sqrt(1 - 0.9**2)
    chain = np.empty((sets, draws))
    chain[:, 0] = rng.standard_normal(sets)
    for index in range(1, draws):
        chain[:, index] = 0.9 * chain[:, index - 1] + steps[:, index]
    truth = rng.standard_normal(sets)
    thinned = ranks_of_truths(truth, chain, count=RANKS, rng=rng)
    consecutive = ranks_of_truths(truth, chain[:, :RANKS], count=RANKS, rng=rng)
    assert rank_uniformity(thinned, rank_count=RANKS).p_value > 0.01
    assert rank_uniformity(consecutive, rank_count=RANKS).p_value < 1e-3


def test_several_quantities_are_judged_together():
    assert family_p_value([0.02, 0.5, 0.9]) == pytest.approx(0.06)
    assert family_p_value([0.6, 0.9]) == 1.0


def test_what_cannot_be_ranked_is_refused():
    rng = np.random.default_rng(8)
    with pytest.raises(InvalidInput, match="99 ranks"):
        ranks_of_truths(np.zeros(2), np.zeros((2, 50)), count=99, rng=rng)
    with pytest.raises(InvalidInput, match="failed"):
        ranks_of_truths(np.array([np.nan]), np.zeros((1, 99)), count=99, rng=rng)
    with pytest.raises(InvalidInput, match="from 0 to 9"):
        rank_uniformity(np.array([10]), rank_count=9)
