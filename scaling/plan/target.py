"""The least compute that reaches a target with a probability; here a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import training_flops
from scaling.emergence import AbstractPath, ComputeOptimal
from scaling.errors import InvalidInput, Violation
from scaling.plan._plan import ComputePlan, run_at, split
from scaling.posterior import Fit
from scaling.predict.loss import DEFAULT_LEVELS, require_counts, require_levels
from scaling.units import format_flops

DEFAULT_PROBABILITY = 0.8
FLOPS_LIMIT = 1e32  # a million times all training so far: beyond it "never" is the honest word
_COARSE_POINTS = 160
_FINE_POINTS = 32
_REFINEMENTS = 3
_REFINED_POINTS = 9  # eight parts of the interval a round: three rounds reach .1 % of compute
# A run of one parameter and one token costs 6 FLOPs; no data set starts that low.
_LEAST_FLOPS = 1e3

# Budgets [point] to the probability [point] that the run made for each reaches the target.
ProbabilityOf = Callable[[Float[Array, " point"]], Float[Array, " point"]]


def plan_loss(
    fit: Fit,
    loss: float,
    *,
    probability: float = DEFAULT_PROBABILITY,
    path: AbstractPath = ComputeOptimal(),  # noqa: B008 - frozen
    levels: Sequence[float] = DEFAULT_LEVELS,
) -> ComputePlan:
    """The least compute whose run along `path` is in trend at or below `loss` nats per token with `probability`.

    Raises `InvalidInput` for a loss, probability or level out of range, `Unanswerable` where the law has no optimum or
    the fit no posterior to take a probability from.
    """
    require_counts(loss=np.atleast_1d(np.asarray(loss, dtype=np.float64)))
    posterior = fit.for_queries().loss

    def reached(flops: Float[Array, " point"]) -> Float[Array, " point"]:
        return np.mean(posterior.trend(*split(posterior, flops, path)) <= loss, axis=0)

    goal = f"a loss of {loss:g} nats per token"
    return plan_target(fit, reached, goal=goal, probability=probability, path=path, levels=levels)


def plan_target(
    fit: Fit,
    reached: ProbabilityOf,
    *,
    goal: str,
    probability: float,
    path: AbstractPath,
    levels: Sequence[float],
) -> ComputePlan:
    """The least compute whose run along `path` reaches what `reached` tells the probability of.

    Raises `InvalidInput` for a probability or level out of range, `Unanswerable` for a fit without a posterior.
    """
    require_levels(levels)
    if not 0.0 < probability < 1.0:
        raise InvalidInput(
            "The probability is out of range.",
            [Violation("probability", f"{probability:g} given, a number between 0 and 1 needed")],
        )
    fit.require_intervals()
    budgets, chances = _curve(reached)
    needed = np.array([_least(reached, budgets, chances, level) for level in (*levels, probability)])
    size, tokens = np.full(len(levels), np.inf), np.full(len(levels), np.inf)
    finite = np.isfinite(needed[:-1])
    if finite.any():
        size[finite], tokens[finite] = split(fit.for_queries().loss, needed[:-1][finite], path)
    run = run_at(fit, float(needed[-1]), path, levels=levels) if np.isfinite(needed[-1]) else None
    most = float(chances.max())
    return ComputePlan(
        goal=goal,
        levels=tuple(levels),
        flops=needed[:-1],
        size=size,
        tokens=tokens,
        run=run,
        probability=None if run is None else float(reached(np.array([training_flops(run.size, run.tokens)]))[0]),
        never_probability=1.0 - most,
        flops_limit=FLOPS_LIMIT,
        statement=_statement(goal, needed, levels, run, probability=probability, most=most),
    )


def _curve(reached: ProbabilityOf) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """Budgets and the probability each reaches the target: coarse everywhere, fine where it rises."""
    coarse = np.geomspace(_LEAST_FLOPS, FLOPS_LIMIT, _COARSE_POINTS)
    chances = reached(coarse)
    rising = np.flatnonzero((chances > 0.001) & (chances < 0.999))
    first, last = (rising[0], rising[-1]) if rising.size else (int(np.argmax(chances > 0.0)),) * 2
    low, high = coarse[max(first - 1, 0)], coarse[min(last + 1, len(coarse) - 1)]
    fine = np.geomspace(low, high, _FINE_POINTS * (1 + last - first))
    budgets, order = np.unique(np.concatenate([coarse, fine]), return_index=True)
    return budgets, np.concatenate([chances, reached(fine)])[order]


def _least(
    reached: ProbabilityOf, budgets: Float[Array, " point"], chances: Float[Array, " point"], wanted: float
) -> float:
    """The least budget whose run reaches the target with probability `wanted`; `inf` where none does.

    The probability may fall again just beyond the data, where the form's error grows fastest: the first crossing
    counts.
    """
    for _ in range(_REFINEMENTS):
        enough = np.flatnonzero(chances >= wanted)
        if not enough.size:
            return np.inf
        after = int(enough[0])
        if after == 0:
            break
        budgets = np.geomspace(budgets[after - 1], budgets[after], _REFINED_POINTS)
        chances = np.concatenate([chances[[after - 1]], reached(budgets[1:-1]), chances[[after]]])
    return float(budgets[int(np.flatnonzero(chances >= wanted)[0])])


def _statement(
    goal: str,
    needed: Float[Array, " target"],
    levels: Sequence[float],
    run: object,
    *,
    probability: float,
    most: float,
) -> str:
    if run is None:
        return (
            f"No budget up to {format_flops(FLOPS_LIMIT)} FLOPs is enough for {goal} with probability {probability:g}: "
            f"the most is {most:.2f}."
        )
    ends = ", ".join(f"{format_flops(budget)} with {level:g}" for budget, level in zip(needed, levels, strict=False))
    return f"For {goal} with probability {probability:g}, {format_flops(needed[-1])} FLOPs are needed ({ends})."


__all__ = ["DEFAULT_PROBABILITY", "FLOPS_LIMIT", "ProbabilityOf", "plan_loss", "plan_target"]
