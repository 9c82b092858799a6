"""How to split a compute budget between size and tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scaling.emergence import AbstractPath, ComputeOptimal
from scaling.plan._plan import FLATNESS, ComputePlan, PlannedRun, require_optimum, run_at, split
from scaling.plan._words import interval
from scaling.posterior import Fit
from scaling.predict.loss import DEFAULT_LEVELS, require_counts, require_levels, sorted_quantiles
from scaling.units import format_count, format_flops


def plan_budget(
    fit: Fit,
    flops: float,
    *,
    path: AbstractPath = ComputeOptimal(),  # noqa: B008 - frozen
    levels: Sequence[float] = DEFAULT_LEVELS,
) -> ComputePlan:
    """The best use of `flops` training FLOPs along `path`: $\\arg\\min_N E[\\ln L(N, C / 6N)]$ where the split is free.

    Raises `Unanswerable` for a law without an optimum, `InvalidInput` for a budget or level out of range.
    """
    require_counts(flops=np.atleast_1d(np.asarray(flops, dtype=np.float64)))
    require_levels(levels)
    posterior = fit.for_queries().loss
    budget = np.full(posterior.draw_count, float(flops))
    if isinstance(path, ComputeOptimal):
        require_optimum(posterior)
        size, tokens = (np.asarray(count) for count in posterior.law.optimum(budget))
    else:
        size, tokens = split(posterior, budget, path)
    run = run_at(fit, float(flops), path, levels=levels)
    return ComputePlan(
        goal=f"the best use of {format_flops(flops)} FLOPs",
        levels=tuple(levels),
        flops=np.full(len(levels), float(flops)),
        size=sorted_quantiles(size, levels),
        tokens=sorted_quantiles(tokens, levels),
        run=run,
        probability=None,
        never_probability=0.0,
        flops_limit=float(flops),
        statement=_statement(run, float(flops)),
    )


def _statement(run: PlannedRun, flops: float) -> str:
    said = (
        f"{format_flops(flops)} FLOPs train {format_count(run.size)} parameters on {format_count(run.tokens)} tokens "
        f"({run.tokens / run.size:.3g} per parameter) to a loss of {interval(run.forecast.run_quantiles[:, 0])} nats "
        "per token"
    )
    if run.flat_sizes is not None:
        low, high = (format_count(size, digits=2) for size in run.flat_sizes)
        said += f"; any size from {low} to {high} at this budget is within {100 * FLATNESS:g} % of that"
    if run.forecast.beyond_calibrated[0]:
        said += f"; it lies {run.forecast.distance[0]:.1f} e-folds beyond the data, further than back-tests reach"
    return said + "."
