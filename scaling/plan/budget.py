"""How to split a compute budget between size and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import Shape, realisable_shape, tokens_from_flops
from scaling.errors import Unanswerable
from scaling.posterior import Fit, LossPosterior
from scaling.predict.loss import (
    DEFAULT_LEVELS,
    LossForecast,
    forecast_loss,
    require_counts,
    require_levels,
    sorted_quantiles,
)
from scaling.units import SizeConvention

# Half a percent of loss: about the difference that another seed makes.
FLATNESS = 0.005
_GRID_E_FOLDS = 4.0
_GRID_POINTS = 201
_SMALLEST_SHAPE = 768.0


@final
@dataclass(frozen=True)
class BudgetPlan:
    """The compute-optimal split of a budget, and how little it matters.

    - `flops`: the budget C.
    - `levels`: of the quantiles below, each [level].
    - `optimal_size`, `optimal_tokens`, `optimal_tokens_per_parameter`: posterior of $N^*$, $D^*$, $D^*/N^*$.
    - `size`, `tokens`: the recommendation: the split with the least expected log loss, its size rounded to a network
      that can be built (`shape`, where the fit counts non-embedding weights; else two digits), its tokens what the
      rest of the budget pays for.
    - `flat_sizes`: sizes at the same budget whose expected log loss is within half a percent of the least.
    - `forecast`: loss at the recommendation.
    """

    flops: float
    levels: tuple[float, ...]
    optimal_size: Float[Array, " level"]
    optimal_tokens: Float[Array, " level"]
    optimal_tokens_per_parameter: Float[Array, " level"]
    size: float
    tokens: float
    shape: Shape | None
    flat_sizes: tuple[float, float]
    forecast: LossForecast


def plan_budget(fit: Fit, flops: float, *, levels: Sequence[float] = DEFAULT_LEVELS) -> BudgetPlan:
    """The best use of `flops` training FLOPs, $\\arg\\min_N E[\\ln L(N, C / 6N)]$.

    Raises `Unanswerable` for a law without an optimum, `InvalidInput` for a budget or level out of range.
    """
    require_counts(flops=np.atleast_1d(np.asarray(flops, dtype=np.float64)))
    require_levels(levels)
    posterior = fit.for_queries().loss
    size, tokens = optimum_draws(posterior, np.full(posterior.draw_count, float(flops)))
    best, flat = _least_expected_loss(posterior, flops, centre=float(np.median(size)))
    rounded, shape = round_size(best, posterior.size_convention)
    paid_tokens = float(tokens_from_flops(flops, rounded))
    return BudgetPlan(
        flops=float(flops),
        levels=tuple(levels),
        optimal_size=sorted_quantiles(size, levels),
        optimal_tokens=sorted_quantiles(tokens, levels),
        optimal_tokens_per_parameter=sorted_quantiles(tokens / size, levels),
        size=rounded,
        tokens=paid_tokens,
        shape=shape,
        flat_sizes=flat,
        forecast=forecast_loss(fit, rounded, paid_tokens, levels=levels),
    )


def optimum_draws(
    posterior: LossPosterior, flops: Float[Array, " draw"]
) -> tuple[Float[Array, " draw"], Float[Array, " draw"]]:
    """Each draw's compute-optimal size and tokens; raises `Unanswerable` for a law in one variable."""
    if set(posterior.law.variables) != {"n", "d"}:
        raise Unanswerable(
            f"The law {posterior.law.name!r} ({posterior.law.formula}) has no compute-optimal split between size and "
            "tokens. Fit a law in both, such as 'chinchilla'."
        )
    size, tokens = posterior.law.optimum(flops)
    return np.asarray(size), np.asarray(tokens)


def round_size(size: float, convention: SizeConvention) -> tuple[float, Shape | None]:
    """The nearest size that can be built; its shape where the convention determines one, else two digits."""
    if convention is SizeConvention.NON_EMBEDDING and size >= _SMALLEST_SHAPE:
        shape = realisable_shape(size)
        return shape.nonembedding_size, shape
    return float(f"{size:.1e}"), None


def _least_expected_loss(posterior: LossPosterior, flops: float, *, centre: float) -> tuple[float, tuple[float, float]]:
    """Size with the least expected log loss at this budget, and the range of sizes within `FLATNESS` of it."""
    sizes = centre * np.exp(np.linspace(-_GRID_E_FOLDS, _GRID_E_FOLDS, _GRID_POINTS))
    expected = np.log(posterior.trend(sizes, tokens_from_flops(flops, sizes))).mean(axis=0)
    least = int(np.argmin(expected))
    flat = np.flatnonzero(expected <= expected[least] + FLATNESS)
    return float(sizes[least]), (float(sizes[flat[0]]), float(sizes[flat[-1]]))
