"""Forecasts of whole loss curves under planned schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.curves import CurveNodes, Schedule, nodes_at
from scaling.errors import InvalidInput, NotFound
from scaling.posterior import AnnealingPosterior
from scaling.predict.loss import DEFAULT_LEVELS, require_levels, sorted_quantiles

_DRAWS = 500  # kept of the posterior: quantiles at 5 % to within a tenth of the band
_MOST_ROWS = 250  # forecast jointly; more are asked for in parts
# Beyond the runs fitted, 90 % bands of a constant rate or a deeper second stage held .87 to 1 of the points of real
# runs, those of a cosine three times as long .28 to .48 (benchmarks/annealed_curves.py).
_SAME_REACH = 0.1  # e-folds of steps, depth or age that are no extrapolation


@final
@dataclass(frozen=True)
class ScheduleForecast:
    """Quantiles of the loss of a planned run, nats per token.

    - `step` [row]: optimiser steps. `levels` [level]: of the quantiles.
    - `run_quantiles` [level row]: loss of the run without checkpoint noise: law, seed, error of the law's form.
    - `checkpoint_quantiles` [level row]: loss that a single checkpoint would show.
    - `beyond`: in what the schedule goes beyond the runs fitted, empty where in nothing; bands are not calibrated
      there.
    """

    schedule: str
    step: Int[Array, "row"]
    levels: tuple[float, ...]
    run_quantiles: Float[Array, "level row"]
    checkpoint_quantiles: Float[Array, "level row"]
    beyond: tuple[str, ...]

    @property
    def beyond_calibrated(self) -> bool:
        """Whether the schedule goes beyond the runs fitted in anything."""
        return bool(self.beyond)


@final
@dataclass(frozen=True)
class ScheduleComparison:
    """Which of several schedules ends lowest.

    - `final_quantiles` [level]: of each schedule's loss at its end, without checkpoint noise.
    - `lowest_probability`: by schedule, that it ends lowest; they sum to 1.
    """

    levels: tuple[float, ...]
    final_quantiles: Mapping[str, Float[Array, "level"]]
    lowest_probability: Mapping[str, float]


def forecast_curve(
    posterior: AnnealingPosterior,
    schedule: Schedule,
    steps: Sequence[int] | Int[Array, "row"],
    *,
    continues: str | None = None,
    levels: Sequence[float] = DEFAULT_LEVELS,
    seed: int = 2,
) -> ScheduleForecast:
    """The loss at `steps` of a new run under `schedule`, or of the fitted run `continues` carried on under it.

    Raises `InvalidInput` for steps outside the schedule, `NotFound` for a run that was not fitted.
    """
    require_levels(levels)
    step = np.atleast_1d(np.asarray(steps))
    if len(step) > _MOST_ROWS or len(step) == 0:
        raise InvalidInput(f"{len(step)} steps asked for; between 1 and {_MOST_ROWS} can be forecast at once.")
    nodes, log_step = nodes_at(schedule, step), np.log(np.maximum(step, 1))
    if continues is not None and continues not in posterior.runs:
        raise NotFound(f"No run {continues!r} was fitted. Those fitted: {', '.join(posterior.runs)}.")
    thinned = _thinned(posterior)
    rng = np.random.default_rng(seed)
    if continues is None:
        run = thinned.log_loss(nodes, log_step, rng=rng)
    else:
        run = thinned.continued_log_loss(nodes, log_step, run=continues, rng=rng)
    checkpoint = run + thinned.checkpoint_noise(schedule.rates[step], rng=rng)
    return ScheduleForecast(
        schedule=schedule.name,
        step=step,
        levels=tuple(levels),
        run_quantiles=np.exp(sorted_quantiles(run, levels)),
        checkpoint_quantiles=np.exp(sorted_quantiles(checkpoint, levels)),
        beyond=_beyond(posterior, nodes, step),
    )


def _beyond(posterior: AnnealingPosterior, nodes: CurveNodes, step: Int[Array, "row"]) -> tuple[str, ...]:
    deeper, older = posterior.reach.beyond(nodes).max(axis=1)
    longer = np.log(step.max() / posterior.last_step)
    said = []
    if longer > _SAME_REACH:
        said.append(f"{np.exp(longer):.2g} times as long as the longest run fitted")
    if deeper > _SAME_REACH:
        said.append(f"its falls of the learning rate are {np.exp(deeper):.2g} times as deep as any fitted")
    if older > _SAME_REACH:
        said.append(f"it anneals {np.exp(older):.2g} times as long as any fitted")
    return tuple(said)


def compare_schedules(
    posterior: AnnealingPosterior,
    schedules: Sequence[Schedule],
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    seed: int = 2,
) -> ScheduleComparison:
    """Which schedule ends lowest, at its own last step: runs of other seeds, each with its own error of the form.

    The law is shared by the schedules, draw by draw; seeds and form errors are not, so that the probability is of the
    next run, not of the recipe. Raises `InvalidInput` for fewer than two schedules or names given twice.
    """
    names = [schedule.name for schedule in schedules]
    if len(names) < 2 or len(set(names)) < len(names):
        raise InvalidInput(f"Schedules {', '.join(names) or 'none'} given; at least two with different names needed.")
    require_levels(levels)
    thinned = _thinned(posterior)
    rng = np.random.default_rng(seed)
    ends = []
    for schedule in schedules:
        last = len(schedule) - 1
        ends.append(thinned.log_loss(nodes_at(schedule, [last]), np.log(np.asarray([last])), rng=rng)[:, 0])
    lowest = np.argmin(np.stack(ends), axis=0)
    return ScheduleComparison(
        levels=tuple(levels),
        final_quantiles={name: np.exp(sorted_quantiles(end, levels)) for name, end in zip(names, ends, strict=True)},
        lowest_probability={name: float(np.mean(lowest == index)) for index, name in enumerate(names)},
    )


def _thinned(posterior: AnnealingPosterior) -> AnnealingPosterior:
    return posterior.every(max(1, len(posterior) // _DRAWS))
