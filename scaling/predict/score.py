"""Forecast of a task's score at planned sizes and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.posterior import Fit, LossPosterior, ScorePosterior
from scaling.predict.loss import DEFAULT_LEVELS, planned_points, require_levels, sorted_quantiles


@final
@dataclass(frozen=True)
class ScoreForecast:
    """Quantiles of a task's score at planned sizes and tokens.

    - `n`, `d` [point]: size and tokens asked for; `levels` [level]: of the quantiles.
    - `trend_quantiles` [level, point]: score of a typical run.
    - `run_quantiles` [level, point]: score that one new run would show on a test set of this task's item count.
    - `p_emerged` [point]: P(the typical score exceeds its floor by the onset's points).
    - `p_unknown` [point]: P(no onset at any loss seen, and the loss lies below them all): what the scores so far
      cannot tell. The score's quantiles take the task to stay flat there; with `p_emerged` it is at most 1.
    """

    task: str
    n: Float[Array, "point"]
    d: Float[Array, "point"]
    levels: tuple[float, ...]
    trend_quantiles: Float[Array, "level point"]
    run_quantiles: Float[Array, "level point"]
    p_emerged: Float[Array, "point"]
    p_unknown: Float[Array, "point"]


def forecast_score(
    fit: Fit,
    task: str,
    n: Float[Array, "point"] | float,
    d: Float[Array, "point"] | float,
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    covariates: Mapping[str, Float[Array, "point"] | float] | None = None,
) -> ScoreForecast:
    """Score on `task` at each size `n` trained on `d` tokens: draws of the law and of the link together.

    `covariates` are those of `forecast_loss`.

    Raises `NotFound` for a task without scores, `InvalidInput` listing every size, token count or level out of range.
    """
    sizes, tokens, others = planned_points(fit, n, d, covariates)
    require_levels(levels)
    score = fit.score(task)
    law = paired_law(fit, score)
    rng = np.random.default_rng([fit.version, 3])  # the same question to the same fit has one answer
    loss = law.trend(sizes, tokens, **others)
    typical = score.score_at(loss)
    new_run = score.new_run_score_at(law.predictive(sizes, tokens, rng=rng, **others), rng=rng)
    flat = np.asarray(np.isneginf(score.onset))[:, np.newaxis]
    emerged = (typical - score.floor_scores()[:, np.newaxis] > score.onset_points) & ~flat
    return ScoreForecast(
        task=task,
        n=sizes,
        d=tokens,
        levels=tuple(levels),
        trend_quantiles=sorted_quantiles(typical, levels),
        run_quantiles=sorted_quantiles(new_run, levels),
        p_emerged=np.mean(emerged, axis=0),
        p_unknown=np.mean(flat & (loss < score.lowest_loss), axis=0),
    )


def paired_law(fit: Fit, score: ScorePosterior) -> LossPosterior:
    """As many draws of the law as the link has, one beside the other; the two are independent and in random order."""
    posterior = fit.for_queries().loss
    if posterior.draw_count == score.draw_count:
        return posterior
    return posterior.take(np.arange(score.draw_count) % posterior.draw_count)
