"""Approach 2: the best size at each of several budgets, and a power law through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Float
from scipy.interpolate import Akima1DInterpolator

from scaling._pytree import Array
from scaling.compute import tokens_from_flops
from scaling.errors import InvalidInput
from scaling.estimators.bias import FrontierBias, frontier_bias
from scaling.estimators.budgets import BUDGET_TOLERANCE, FEWEST_SIZES, IsoflopCurve, curves_at, group_budgets, roughness
from scaling.estimators.frontier import BudgetMinimum, DroppedBudget, Estimator, FrontierEstimate, power_through
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations

_GRID_PER_GAP = 25  # points between neighbouring sizes, as Porian et al. 2024 take
LEAST_NOISE_NATS = 0.005
_FEWEST_INSIDE = 0.5  # share of draws whose minimum must lie inside the sizes, as there


@final
@dataclass(frozen=True)
class IsoflopSettings:
    """How minima are found and how sure they are.

    - `tolerance`: how far the compute of rows of one budget may differ.
    - `noise_nats`: standard deviation of a run's loss from seed to seed, nats per token. By default the roughness of
      the curves about their minima, but not below the .005 that Porian et al. 2024 take; give your own where you have
      trained seeds.
    - `draws`, `seed`: of the noise bootstrap.

    Raises `InvalidInput` for a noise that is not above zero or fewer than 100 draws.
    """

    tolerance: float = BUDGET_TOLERANCE
    noise_nats: float | None = None
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.noise_nats is not None and not (np.isfinite(self.noise_nats) and self.noise_nats > 0):
            raise InvalidInput(f"A noise of {self.noise_nats:g} nats was given: a number above zero is needed.")
        if self.draws < 100:
            raise InvalidInput(f"{self.draws} draws were given: at least 100 are needed for an interval.")


def isoflop_frontier(
    runs: LossObservations,
    *,
    settings: IsoflopSettings = IsoflopSettings(),
    budgets: Sequence[float] | None = None,
    surface: AbstractLaw | None = None,
) -> FrontierEstimate:
    r"""Minima of $\ln L$ against $\ln N$, interpolated by Akima's splines, under the noise of the runs.

    At each budget, normal noise is added to the losses many times; each time the minimum of the
    interpolation is taken. N* is the median over the draws, its spread their standard deviation, not below a third of
    the distance of neighbouring sizes. Budgets where half of the minima lie at the smallest or largest size are
    dropped. $\ln N^*$ is regressed on $\ln C$ with weights $1/\mathrm{sd}^2$.

    `budgets` takes the runs near these FLOPs and reads training curves there; without, rows are grouped by compute.
    A `surface` (a law fitted to the same rows) makes the estimate carry its own bias.

    Source: Porian et al. 2024, arXiv:2406.19146, appendix on IsoFLOP fits; there the loss of the best seed is taken,
    here the mean.
    """
    curves = _curves(runs, settings, budgets)
    return _estimate(Estimator.ISOFLOP, curves, _akima_minimum, settings=settings, weighted=True, surface=surface)


def parabola_frontier(
    runs: LossObservations,
    *,
    settings: IsoflopSettings = IsoflopSettings(),
    budgets: Sequence[float] | None = None,
    surface: AbstractLaw | None = None,
) -> FrontierEstimate:
    r"""Vertices of parabolas $L = p (\ln N)^2 + q \ln N + r$, $N^* = e^{-q/2p}$, and a plain line through them.

    The noise is the larger of `noise_nats` and what is left about the parabola. A parabola is no IsoFLOP curve: on
    wide grids its vertex lies beside the minimum even without noise, by an amount that hardly depends on the budget
    and so moves the intercept, not the exponent. Budgets whose parabola opens downwards, or whose vertex lies outside
    the sizes, are dropped.

    Source: Hoffmann et al. 2022, approach 2. Arguments are those of `isoflop_frontier`.
    """
    curves = _curves(runs, settings, budgets)
    return _estimate(Estimator.PARABOLA, curves, _parabola_minimum, settings=settings, weighted=False, surface=surface)


def _curves(
    runs: LossObservations, settings: IsoflopSettings, budgets: Sequence[float] | None
) -> tuple[IsoflopCurve, ...]:
    if budgets is None:
        return group_budgets(runs, tolerance=settings.tolerance)
    return curves_at(runs, budgets, tolerance=settings.tolerance)


_Minimum = Callable[[IsoflopCurve, Float[Array, "draw size"], float], BudgetMinimum | DroppedBudget]


def _estimate(
    estimator: Estimator,
    curves: tuple[IsoflopCurve, ...],
    minimum: _Minimum,
    *,
    settings: IsoflopSettings,
    weighted: bool,
    surface: AbstractLaw | None,
) -> FrontierEstimate:
    rng = np.random.default_rng(settings.seed)
    noise_nats = max(LEAST_NOISE_NATS, roughness(curves)) if settings.noise_nats is None else settings.noise_nats
    found: list[BudgetMinimum | DroppedBudget] = []
    for curve in curves:
        noise = rng.standard_normal((settings.draws, len(curve))) / np.sqrt(curve.runs)
        if len(curve) < FEWEST_SIZES:
            found.append(DroppedBudget(curve.compute, f"{len(curve)} sizes, {FEWEST_SIZES} needed"))
        else:
            found.append(minimum(curve, noise, noise_nats))
    minima = tuple(each for each in found if isinstance(each, BudgetMinimum))
    line = power_through(minima, weighted=weighted)
    bias: FrontierBias | None = None
    if surface is not None:
        quiet = replace(settings, noise_nats=1e-9, draws=100)
        exact = tuple(
            replace(curve, loss=surface.loss(curve.size, tokens_from_flops(curve.compute, curve.size)))
            for curve in curves
            if any(curve.compute == used.compute for used in minima)
        )
        bias = frontier_bias(
            lambda: _estimate(estimator, exact, minimum, settings=quiet, weighted=weighted, surface=None), surface
        )
    return FrontierEstimate(
        estimator=estimator,
        **vars(line),
        minima=minima,
        dropped=tuple(each for each in found if isinstance(each, DroppedBudget)),
        curves=curves,
        bias=bias,
    )


def _akima_minimum(
    curve: IsoflopCurve, noise: Float[Array, "draw size"], noise_nats: float
) -> BudgetMinimum | DroppedBudget:
    log_n = np.log(curve.size)
    grid = np.linspace(log_n[0], log_n[-1], _GRID_PER_GAP * (len(log_n) - 1) + 1)
    noisy = curve.loss + noise_nats * noise
    if (noisy <= 0).any():
        return DroppedBudget(curve.compute, f"a noise of {noise_nats:g} nats reaches below a loss of zero")
    values = Akima1DInterpolator(log_n, np.log(noisy).T, axis=0)(grid)
    lowest = np.argmin(values, axis=0)
    inside = (lowest > 0) & (lowest < len(grid) - 1)
    if np.mean(inside) < _FEWEST_INSIDE:
        edge = "smallest" if np.mean(lowest == 0) > np.mean(lowest == len(grid) - 1) else "largest"
        return DroppedBudget(curve.compute, f"the loss is lowest at the {edge} size, so the minimum lies beyond it")
    draws = np.where(inside, np.exp(_vertex(grid, values, np.clip(lowest, 1, len(grid) - 2))), np.nan)
    size = float(np.nanmedian(draws))
    return BudgetMinimum(
        compute=curve.compute,
        size=size,
        loss=float(np.exp(Akima1DInterpolator(log_n, np.log(curve.loss))(np.log(size)))),
        size_draws=draws,
        resolution=float(np.mean(np.diff(log_n))) / 3.0,
    )


def _vertex(
    grid: Float[Array, " point"], values: Float[Array, "point draw"], lowest: Float[Array, " draw"]
) -> Float[Array, " draw"]:
    """The minimum between points of the grid: the vertex of the parabola through the lowest and its neighbours."""
    columns = np.arange(values.shape[1])
    left, middle, right = (values[lowest + offset, columns] for offset in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(bend > 0, 0.5 * (left - right) / bend, 0.0)
    vertex: Float[Array, " draw"] = grid[lowest] + np.clip(shift, -1.0, 1.0) * (grid[1] - grid[0])
    return vertex


def _parabola_minimum(
    curve: IsoflopCurve, noise: Float[Array, "draw size"], noise_nats: float
) -> BudgetMinimum | DroppedBudget:
    log_n = np.log(curve.size)
    middle = float(np.mean(log_n))
    basis = np.vander(log_n - middle, 3)
    solve = np.linalg.pinv(basis)
    p, q, r = solve @ curve.loss
    if p <= 0:
        return DroppedBudget(curve.compute, "the parabola through its losses opens downwards")
    vertex = -q / (2.0 * p)
    if not log_n[0] < vertex + middle < log_n[-1]:
        return DroppedBudget(curve.compute, "the vertex of its parabola lies outside the sizes trained")
    fitted = basis @ np.array([p, q, r])
    left = float(np.sqrt(np.sum((curve.loss - fitted) ** 2) / (len(curve) - 3)))
    coefficients = (fitted + max(noise_nats, left) * noise) @ solve.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertices = -coefficients[:, 1] / (2.0 * coefficients[:, 0]) + middle
    inside = (coefficients[:, 0] > 0) & (vertices > log_n[0]) & (vertices < log_n[-1])
    if np.mean(inside) < _FEWEST_INSIDE:
        return DroppedBudget(curve.compute, "noise moves the vertex of its parabola out of the sizes trained")
    return BudgetMinimum(
        compute=curve.compute,
        size=float(np.exp(vertex + middle)),
        loss=float(r - q**2 / (4.0 * p)),
        size_draws=np.where(inside, np.exp(np.where(inside, vertices, 0.0)), np.nan),
        resolution=0.0,  # a parabola is fitted through all sizes, not between two
    )
