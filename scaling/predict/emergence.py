"""Forecast of where a task emerges: loss, size, tokens and compute, each answer with its probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.emergence import AbstractPath, EmergencePoint, where_trend_reaches
from scaling.posterior import Fit, OnsetPlace, ScorePosterior, Verdict
from scaling.predict._statement import statement_of
from scaling.predict.loss import DEFAULT_LEVELS, require_counts, require_levels, sorted_quantiles
from scaling.predict.score import paired_law

# Runs beyond which the scale of the difference between runs is learnt from the data and not from its prior.
_RUNS_THAT_IDENTIFY_THE_SHIFT = 3
DEFAULT_SIZE_LIMIT = 1e13  # parameters: an order of magnitude beyond the largest networks trained (a guess)


@final
@dataclass(frozen=True)
class Quantiles:
    """Quantiles at the forecast's levels; `inf` where that share of draws never gets there."""

    size: tuple[float, ...]
    tokens: tuple[float, ...]
    flops: tuple[float, ...]


@final
@dataclass(frozen=True)
class EmergenceForecast:
    """Where a task emerges along a path of size and tokens.

    - `verdict`, `shape_probabilities`, `onset_place`, `p_emerged`: what its scores show (see `ScorePosterior`).
    - `onset_quantiles`: loss where the score exceeds its floor by `onset_points`, nats per token: of the typical
      run; `new_run_onset_quantiles`: of one new run, whose scatter `new_run_is_prior_driven` with two runs or fewer.
      None without an onset to locate. They and the quantiles below are given that there is an onset.
    - `eta_quantiles`: threshold of the threshold's form; None where that form is not the likelier one.
    - `at_onset`: size, tokens and FLOPs at which the path gets there, on a log scale; `new_run`: for one new run.
    - `at_lowest_loss`: the same for the lowest loss seen, which bounds an onset not identified yet from below; None
      where there is an onset to locate.
    - `p_before_data`, `p_within_range`, `p_beyond_range`, `p_never`, `p_not_identified`: they sum to 1. Already above
      the floor at the highest loss seen; reached up to `size_limit`; beyond it; never along this path; no onset at
      any loss seen, so that nothing is known but the bound.
    - `not_identified_below`: loss below which an onset not identified yet would lie.
    - `statement`: the answer in one sentence.
    """

    task: str
    path: str
    levels: tuple[float, ...]
    verdict: Verdict
    p_emerged: float
    shape_probabilities: Mapping[str, float]
    onset_place: Mapping[OnsetPlace, float]
    onset_points: float
    onset_quantiles: tuple[float, ...] | None
    new_run_onset_quantiles: tuple[float, ...] | None
    new_run_is_prior_driven: bool
    eta_quantiles: tuple[float, ...] | None
    at_onset: Quantiles | None
    new_run: Quantiles | None
    at_lowest_loss: Quantiles | None
    size_limit: float
    p_before_data: float
    p_within_range: float
    p_beyond_range: float
    p_never: float
    p_not_identified: float
    not_identified_below: float | None
    is_reliable: bool
    statement: str


def forecast_emergence(
    fit: Fit,
    task: str,
    path: AbstractPath,
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    size_limit: float = DEFAULT_SIZE_LIMIT,
) -> EmergenceForecast:
    """Where `task` emerges along `path`: draws of the link and of the law together, with the law's discrepancy.

    Raises `NotFound` for a task without scores, `InvalidInput` for levels or a limit out of range, `Unanswerable`
    where the law does not depend on what the path moves.
    """
    require_levels(levels)
    require_counts(size_limit=np.atleast_1d(np.asarray(size_limit, dtype=np.float64)))
    score = fit.score(task)
    law = paired_law(fit, score)
    rng = np.random.default_rng([fit.version, 4])  # the same question to the same fit has one answer
    has_onset = np.isfinite(score.onset)
    claims = score.verdict in (Verdict.EMERGED, Verdict.ALREADY_RISING, Verdict.UNDECIDED)
    located = claims and bool(has_onset.any())  # a score above chance all along, falling at first, has none
    point = where_trend_reaches(law, score.onset, path)
    new_onset = score.new_run_onset(rng=rng)
    run_effect = np.exp(law.run_scale * rng.standard_normal(score.draw_count))
    onset = at_onset = new_run = bound = None
    if located:
        onset = _quantiles(score.onset[has_onset], levels)
        at_onset = _quantiles_of(point, has_onset, levels)
        new_run = _quantiles_of(where_trend_reaches(law, new_onset / run_effect, path), has_onset, levels)
    else:
        lowest = np.full(score.draw_count, score.lowest_loss)
        bound = _quantiles_of(where_trend_reaches(law, lowest, path), np.ones_like(has_onset), levels)
    forecast = EmergenceForecast(
        task=task,
        path=path.describe(),
        levels=tuple(levels),
        verdict=score.verdict,
        p_emerged=score.p_emerged,
        shape_probabilities=dict(score.shape_probabilities),
        onset_place=dict(score.onset_place),
        onset_points=score.onset_points,
        onset_quantiles=onset,
        new_run_onset_quantiles=_quantiles(new_onset[has_onset], levels) if located else None,
        new_run_is_prior_driven=score.run_count < _RUNS_THAT_IDENTIFY_THE_SHIFT,
        eta_quantiles=_eta_quantiles(score, levels) if located else None,
        at_onset=at_onset,
        new_run=new_run,
        at_lowest_loss=bound,
        size_limit=float(size_limit),
        **_where(score, point, size_limit),
        not_identified_below=score.not_identified_below,
        is_reliable=score.is_reliable,
        statement="",
    )
    return statement_of(forecast, score)


def _where(score: ScorePosterior, point: EmergencePoint, size_limit: float) -> dict[str, float]:
    has_onset = np.isfinite(score.onset)
    before = score.onset > score.highest_loss
    inside = has_onset & ~before
    never = inside & ~np.isfinite(point.size)
    beyond = inside & np.isfinite(point.size) & (point.size > size_limit)
    shares = {"p_before_data": before, "p_within_range": inside & ~never & ~beyond, "p_beyond_range": beyond}
    shares |= {"p_never": never, "p_not_identified": ~has_onset}
    return {name: float(np.mean(share)) for name, share in shares.items()}


def _quantiles(draws: Float[Array, "draw"], levels: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in sorted_quantiles(draws, levels))


def _eta_quantiles(score: ScorePosterior, levels: Sequence[float]) -> tuple[float, ...] | None:
    eta = score.eta[np.isfinite(score.eta)]
    return _quantiles(eta, levels) if 2 * len(eta) > np.isfinite(score.onset).sum() else None


def _quantiles_of(point: EmergencePoint, kept: Float[Array, "draw"], levels: Sequence[float]) -> Quantiles:
    return Quantiles(
        *(tuple(np.exp(_quantiles(np.log(values[kept]), levels)).tolist()) for values in point),
    )
