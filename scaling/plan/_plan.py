"""What every plan answers, whatever was given: the run to make, how sure it is, and how little its split matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import Shape, realisable_shape, tokens_from_flops, training_flops
from scaling.emergence import AbstractPath, ComputeOptimal, FixedRatio, FixedSize, FixedTokens
from scaling.errors import Unanswerable
from scaling.posterior import Fit, LossPosterior
from scaling.predict.loss import LossForecast, forecast_loss
from scaling.units import SizeConvention

# Half a percent of loss: about the difference that another seed makes.
FLATNESS = 0.005
_GRID_E_FOLDS = 4.0
_GRID_POINTS = 201
_SMALLEST_SHAPE = 768.0


@final
@dataclass(frozen=True)
class PlannedRun:
    """One run that can be made.

    - `flops`, `size`, `tokens`: of the run; the size is rounded to a network that can be built (`shape`, where the fit
      counts non-embedding weights; else to two digits), the tokens are what the rest of the budget pays for.
    - `flat_sizes`: sizes at the same budget whose expected log loss is within half a percent of the least; None where
      the path leaves no choice.
    - `forecast`: its loss, at the plan's levels.
    """

    flops: float
    size: float
    tokens: float
    shape: Shape | None
    flat_sizes: tuple[float, float] | None
    forecast: LossForecast


@final
@dataclass(frozen=True)
class ComputePlan:
    """The answer to a budget, a target loss or a target task.

    - `goal`: what was asked, in words.
    - `levels`: of the quantiles `flops`, `size` and `tokens`, each [level]: for a budget the posterior of its
      compute-optimal split; for a target the least compute whose run reaches it with that probability, and its split.
      Infinite where no compute up to `flops_limit` does.
    - `run`: the run to make; None where the target is out of reach.
    - `probability`: with which `run` reaches the target; None for a budget.
    - `never_probability`: that no run up to `flops_limit` reaches the target; 0 for a budget.
    - `statement`: the answer in one sentence.
    """

    goal: str
    levels: tuple[float, ...]
    flops: Float[Array, " level"]
    size: Float[Array, " level"]
    tokens: Float[Array, " level"]
    run: PlannedRun | None
    probability: float | None
    never_probability: float
    flops_limit: float
    statement: str


def split(
    posterior: LossPosterior, flops: Float[Array, " point"], path: AbstractPath
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """Size and tokens of the run to make for each budget: compute-optimal in the median over the draws, or as fixed.

    Raises `Unanswerable` where the law has no optimum.
    """
    flops = np.asarray(flops, dtype=np.float64)
    match path:
        case FixedRatio(tokens_per_parameter=ratio):
            size = np.sqrt(tokens_from_flops(flops, ratio))
        case FixedTokens(tokens=tokens):
            size = tokens_from_flops(flops, np.full_like(flops, tokens))
        case FixedSize(size=fixed):
            size = np.full_like(flops, fixed)
        case ComputeOptimal():
            require_optimum(posterior)
            size = np.median(np.asarray(posterior.law[:, np.newaxis].optimum(flops)[0]), axis=0)
        case _:
            raise Unanswerable(f"A plan cannot follow the path {path!r}.")
    return size, tokens_from_flops(flops, size)


def require_optimum(posterior: LossPosterior) -> None:
    """Raise `Unanswerable` for a law in one variable."""
    if set(posterior.law.variables) != {"n", "d"}:
        raise Unanswerable(
            f"The law {posterior.law.name!r} ({posterior.law.formula}) has no compute-optimal split between size and "
            "tokens. Fit a law in both, such as 'chinchilla', or plan at a fixed number of tokens per parameter."
        )


def run_at(fit: Fit, flops: float, path: AbstractPath, *, levels: Sequence[float]) -> PlannedRun:
    """The run to make for `flops`: with the least expected log loss if the split is free, its size rounded."""
    posterior = fit.for_queries().loss
    size = float(split(posterior, np.array([flops]), path)[0][0])
    flat = None
    if isinstance(path, ComputeOptimal):
        size, flat = _least_expected_loss(posterior, flops, centre=size)
    size, shape = (size, None) if isinstance(path, FixedSize) else _round_size(size, posterior.size_convention)
    tokens = path.tokens if isinstance(path, FixedTokens) else float(tokens_from_flops(flops, size))
    return PlannedRun(
        flops=float(training_flops(size, tokens)),
        size=size,
        tokens=tokens,
        shape=shape,
        flat_sizes=flat,
        forecast=forecast_loss(fit, size, tokens, levels=levels),
    )


def _round_size(size: float, convention: SizeConvention) -> tuple[float, Shape | None]:
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
