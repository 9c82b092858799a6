r"""Simulation-based calibration: is the rank of a truth among its posterior's draws uniform?

Where a truth is drawn from the prior, data from the truth and draws from the posterior given the data, the rank of
$f(\theta^*, y)$ among $f(\theta_1, y), \dots, f(\theta_L, y)$ is uniform on 0 ... L for any f, data-dependent ones such
as the likelihood included. Selecting data sets by anything that is a function of the data (and of the sampler's seed),
such as a convergence gate, leaves that true.

Sources: Talts et al. 2018 (arXiv:1804.06788), theorem 1 and algorithm 2 (thinning); Modrak et al. 2023
(arXiv:2211.02383), data-dependent test quantities and ties; Saeilynoja, Buerkner and Vehtari 2022 (arXiv:2103.10522),
simultaneous bands of the ECDF, whose adjustment is computed exactly here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln
from scipy.stats import binom

from scaling._pytree import Array
from scaling.errors import InvalidInput

_BISECTIONS = 40


@final
@dataclass(frozen=True)
class RankUniformity:
    """How the ranks of truths compare with uniform ones.

    - `p_value`: probability that uniform ranks leave a simultaneous band as far as these; exact.
    - `rank_count`: L, the number of draws that each truth was ranked among; `set_count`: data sets.
    - `largest_gap`: largest distance between the ECDF of the ranks and the uniform one.
    - `mean_rank`: over L; .5 where uniform, lower where posteriors lie too high.
    - `spread`: standard deviation of the ranks over that of uniform ones; above 1 where posteriors are too narrow.
    - `cover_90`: share of truths inside the central 90 % interval of their draws (of L draws: Monte Carlo error and
      rounding to L + 1 included).
    """

    p_value: float
    set_count: int
    rank_count: int
    largest_gap: float
    mean_rank: float
    spread: float
    cover_90: float


@final
@dataclass(frozen=True)
class EcdfBand:
    """Where the ECDF of uniform ranks stays with probability `probability`, at all its points together.

    - `place` [point]: shares of the ranks' range; `lower`, `upper` [point]: bounds of the ECDF there.
    """

    place: Float[Array, "point"]
    lower: Float[Array, "point"]
    upper: Float[Array, "point"]
    probability: float


def ranks_of_truths(
    truth: Float[Array, "set"], draws: Float[Array, "set draw"], *, count: int, rng: np.random.Generator
) -> Int[Array, "set"]:
    """Rank of each truth, 0 to `count`, among `count` draws spread evenly over the draws given.

    Thinning removes autocorrelation where a posterior's effective sample size is `count` or more. A truth equal to some
    draws (a size without end, an onset never reached) gets one of the ranks it could have, at random. Raises
    `InvalidInput` for fewer draws than `count`, and for values that are no numbers.
    """
    truth, draws = np.asarray(truth), np.asarray(draws)
    if draws.shape[-1] < count:
        raise InvalidInput(f"{draws.shape[-1]} draws given, {count} ranks asked for: draw more, or rank among fewer.")
    if np.isnan(truth).any() or np.isnan(draws).any():
        raise InvalidInput("A truth or a draw is no number: leave out the posteriors that failed.")
    kept = draws[:, np.linspace(0, draws.shape[-1] - 1, count).round().astype(int)]
    below = np.sum(kept < truth[:, np.newaxis], axis=1)
    equal = np.sum(kept == truth[:, np.newaxis], axis=1)
    ranks: Int[Array, "set"] = below + rng.integers(0, equal + 1)
    return ranks


def rank_uniformity(ranks: Int[Array, "set"], *, rank_count: int) -> RankUniformity:
    r"""Test that `ranks`, each 0 to `rank_count`, are uniform.

    The statistic is $\min_i 2 \min(P(B_i \le R_i), P(B_i \ge R_i))$ over the points $z_i$ of the ECDF, where $R_i$ of
    the N ranks are below $z_i$ and $B_i$ is binomial with N and $z_i$ (Saeilynoja et al. 2022, section 2.2): how far
    the ECDF leaves its pointwise bands at worst. Its p-value comes from the exact joint distribution of the counts.
    """
    ranks = np.asarray(ranks)
    if not len(ranks) or ranks.min() < 0 or ranks.max() > rank_count:
        raise InvalidInput(f"{len(ranks)} ranks given; at least one is needed, all from 0 to {rank_count}.")
    count = len(ranks)
    place = _places(rank_count)
    below = np.cumsum(np.bincount(ranks, minlength=rank_count + 1))[:-1]
    tails = _tails(count, rank_count)[np.arange(rank_count), below]
    share = (ranks + 0.5) / (rank_count + 1)
    uniform_spread = math.sqrt((1.0 - 1.0 / (rank_count + 1) ** 2) / 12.0)
    return RankUniformity(
        p_value=_p_value(count, rank_count, float(tails.min())),
        set_count=count,
        rank_count=rank_count,
        largest_gap=float(np.abs(below / count - place).max()),
        mean_rank=float(share.mean()),
        spread=float(np.sqrt(np.mean((share - 0.5) ** 2)) / uniform_spread),
        cover_90=float(np.mean((share >= 0.05) & (share <= 0.95))),
    )


@cache
def uniform_band(set_count: int, rank_count: int, *, level: float = 0.05) -> EcdfBand:
    """The band that the ECDF of `set_count` uniform ranks, each 0 to `rank_count`, leaves with probability `level`.

    The largest pointwise level whose bands together are left with probability `level` or less; the counts are whole
    numbers, so that it is a little less.
    """
    low, high = 0.0, level
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _p_value(set_count, rank_count, middle) <= level else (low, middle)
    lower, upper = _inside(set_count, rank_count, low)
    return EcdfBand(
        _places(rank_count), lower / set_count, upper / set_count, 1.0 - _p_value(set_count, rank_count, low)
    )


def family_p_value(p_values: Any) -> float:
    """The smallest of several p-values times their number (Bonferroni), at most 1: whether any quantity fails."""
    values = list(p_values)
    return min(1.0, len(values) * min(values))


def narrowed(draws: Float[Array, "*batch draw"], *, to: float) -> Float[Array, "*batch draw"]:
    """Draws drawn together about their mean, to this share of their distances: a posterior too sure of itself."""
    middle = np.mean(draws, axis=-1, keepdims=True)
    closer: Float[Array, "*batch draw"] = middle + to * (draws - middle)
    return closer


def _places(rank_count: int) -> Float[Array, "point"]:
    """Between the ranks: (1 ... L) / (L + 1)."""
    return np.arange(1, rank_count + 1) / (rank_count + 1)


def _inside(set_count: int, rank_count: int, pointwise: float) -> tuple[Any, Any]:
    """Fewest and most ranks below each point whose two-sided pointwise level is above `pointwise`."""
    # A tail equal to the level is outside; rounding must not decide.
    kept = _tails(set_count, rank_count) > pointwise * (1.0 + 1e-9)
    return kept.argmax(axis=1), set_count - kept[:, ::-1].argmax(axis=1)


@cache
def _tails(set_count: int, rank_count: int) -> Float[Array, "point count"]:
    r"""$\min(1, 2 \min(P(B_i \le r), P(B_i \ge r)))$ of r ranks below each point."""
    counts = np.arange(set_count + 1)
    place = _places(rank_count)[:, np.newaxis]
    tails: Float[Array, "point count"] = np.minimum(
        1.0, 2.0 * np.minimum(binom.cdf(counts, set_count, place), binom.sf(counts - 1, set_count, place))
    )
    tails.setflags(write=False)  # one array for all callers
    return tails


def _p_value(set_count: int, rank_count: int, pointwise: float) -> float:
    r"""P(uniform ranks leave the pointwise bands of this level anywhere), by recursion over the points.

    The counts between points are multinomial: Poisson ones given their sum, so that every step of the recursion is one
    product with the same matrix, cut to the band.
    """
    if pointwise >= 1.0:
        return 1.0
    step = set_count / (rank_count + 1)
    counts = np.arange(set_count + 1)
    added = counts[np.newaxis, :] - counts[:, np.newaxis]
    log_step = added * math.log(step) - step - gammaln(np.maximum(added, 0) + 1.0)
    transition = np.where(added >= 0, np.exp(log_step), 0.0)
    reached = np.zeros(set_count + 1)
    reached[0] = 1.0
    lower, upper = _inside(set_count, rank_count, pointwise)
    for low, high in zip(lower, upper, strict=True):
        reached = reached @ transition
        reached[:low] = 0.0
        reached[high + 1 :] = 0.0
    whole = math.exp(set_count * math.log(set_count) - set_count - math.lgamma(set_count + 1.0))
    return float(np.clip(1.0 - (reached @ transition)[-1] / whole, 0.0, 1.0))
