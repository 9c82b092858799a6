"""What an estimate of the compute-optimal frontier says, whichever way it was made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import tokens_from_flops
from scaling.errors import NotEnoughRuns
from scaling.estimators.bias import FrontierBias
from scaling.estimators.budgets import FEWEST_BUDGETS, IsoflopCurve
from scaling.units import format_flops


class Estimator(StrEnum):
    """The ways to estimate N*(C) without a law of the loss."""

    ISOFLOP = "isoflop"
    PARABOLA = "parabola"
    ENVELOPE = "envelope"


@final
@dataclass(frozen=True)
class BudgetMinimum:
    """Where the loss is lowest at one compute.

    - `compute`: FLOPs; `size`: N*, parameters; `loss`: the loss there, nats per token.
    - `size_draws`: N* under the noise of the runs; NaN where a draw's minimum lay at the edge of the sizes.
    - `resolution`: a third of the mean distance of neighbouring sizes, in ln N: no interpolation tells more.
    """

    compute: float
    size: float
    loss: float
    size_draws: Float[Array, " draw"]
    resolution: float

    def size_quantiles(self, levels: tuple[float, ...]) -> Float[Array, " level"]:
        """Quantiles of N* over the draws whose minimum lay inside."""
        inside = self.size_draws[np.isfinite(self.size_draws)]
        quantiles: Float[Array, " level"] = np.quantile(inside, levels)
        return quantiles

    @property
    def log_size_scale(self) -> float:
        """Standard deviation of ln N*, at least the resolution, larger by the share of draws at the edge."""
        inside = np.isfinite(self.size_draws)
        return max(float(np.std(np.log(self.size_draws[inside]))), self.resolution) / float(np.mean(inside))


@final
@dataclass(frozen=True)
class DroppedBudget:
    """A budget left out of the power law, and why."""

    compute: float
    reason: str

    def __str__(self) -> str:
        return f"{format_flops(self.compute)} FLOPs: {self.reason}"


@final
@dataclass(frozen=True)
class FrontierEstimate:
    r"""$N^*(C) = N_0 (C / C_0)^a$ and $D^*(C) = C / (6 N^*)$, so that $b = 1 - a$.

    - `reference_compute`: $C_0$, FLOPs, the geometric mean of the budgets.
    - `size_at_reference`, `exponent`: the estimate of $N_0$ and a; `..._draws`: draws of both, jointly.
    - `scatter`: how much farther from the power law the minima lie than their own noise explains (1: not at all);
      the draws have been widened by it.
    - `minima`, `dropped`: the budgets used and those left out; `curves`: what they were read from (IsoFLOP only).
    - `bias`: how wrong this estimator is, on these very sizes and budgets, where a known law is the truth.
    """

    estimator: Estimator
    reference_compute: float
    size_at_reference: float
    exponent: float
    size_at_reference_draws: Float[Array, " draw"]
    exponent_draws: Float[Array, " draw"]
    scatter: float
    minima: tuple[BudgetMinimum, ...]
    dropped: tuple[DroppedBudget, ...]
    curves: tuple[IsoflopCurve, ...] = ()
    bias: FrontierBias | None = None

    def size_at(self, compute: float) -> float:
        """N*(C), parameters."""
        return float(self.size_at_reference * (compute / self.reference_compute) ** self.exponent)

    def tokens_at(self, compute: float) -> float:
        """D*(C), tokens."""
        return float(tokens_from_flops(compute, self.size_at(compute)))

    def size_quantiles(self, compute: float, levels: tuple[float, ...]) -> Float[Array, " level"]:
        """Quantiles of N*(C): the noise of the runs and, where a bias is known, its square on top of their variance."""
        steps = np.log(compute / self.reference_compute)
        draws = np.log(self.size_at_reference_draws) + steps * self.exponent_draws
        known = 0.0 if self.bias is None else float(np.log1p(self.bias.size))
        quantiles: Float[Array, " level"] = np.exp(np.quantile(_widened(draws, known), levels))
        return quantiles

    def tokens_quantiles(self, compute: float, levels: tuple[float, ...]) -> Float[Array, " level"]:
        """Quantiles of D*(C) over the draws, in the order of `levels`."""
        mirrored = tuple(1.0 - level for level in levels)
        return tokens_from_flops(compute, self.size_quantiles(compute, mirrored))

    def exponent_quantiles(self, levels: tuple[float, ...]) -> Float[Array, " level"]:
        """Quantiles of a, as those of N*."""
        known = 0.0 if self.bias is None else self.bias.exponent
        quantiles: Float[Array, " level"] = np.quantile(_widened(self.exponent_draws, known), levels)
        return quantiles


def _widened(draws: Float[Array, " draw"], bias: float) -> Float[Array, " draw"]:
    """Draws about their median whose variance holds the square of a bias too: it is shown, never subtracted."""
    middle, scale = float(np.median(draws)), float(np.std(draws))
    wider: Float[Array, " draw"] = middle + (draws - middle) * np.hypot(1.0, bias / max(scale, 1e-300))
    return wider


@final
@dataclass(frozen=True)
class FittedPower:
    """A straight line through ln N* against ln C, with its draws."""

    reference_compute: float
    size_at_reference: float
    exponent: float
    size_at_reference_draws: Float[Array, " draw"]
    exponent_draws: Float[Array, " draw"]
    scatter: float


def power_through(minima: tuple[BudgetMinimum, ...], *, weighted: bool) -> FittedPower:
    r"""Least squares of $\ln N^*$ on $\ln C$, weighted by $1 / \mathrm{sd}^2$ of each minimum or plain.

    Every draw of the minima gives a line. Where the minima scatter about the line by more than their noise explains
    (reduced $\chi^2 > 1$), the lines are spread out by its square root: what the noise model leaves out is then at
    least as large as what is seen. Raises `NotEnoughRuns` for fewer than 3 minima.
    """
    if len(minima) < FEWEST_BUDGETS:
        raise NotEnoughRuns(
            f"Only {len(minima)} budgets have a minimum inside their sizes; {FEWEST_BUDGETS} are needed. "
            "Train sizes beyond the best one at each budget."
        )
    log_c = np.log([each.compute for each in minima])
    log_n = np.log([each.size for each in minima])
    scale = np.array([each.log_size_scale for each in minima])
    weight = scale**-2 if weighted else np.ones_like(scale)
    reference = float(np.mean(log_c))
    intercept, slope = _lines(log_c - reference, log_n[np.newaxis], weight)
    residual = log_n - (intercept[0] + slope[0] * (log_c - reference))
    scatter = float(np.sqrt(max(1.0, np.sum((residual / scale) ** 2) / (len(minima) - 2))))
    draws = np.log(np.stack([each.size_draws for each in minima], axis=-1))
    draws = draws[np.isfinite(draws).sum(axis=-1) >= FEWEST_BUDGETS]
    intercepts, slopes = _lines(log_c - reference, draws, weight)
    spread_intercept = intercept[0] + scatter * (intercepts - np.median(intercepts))
    return FittedPower(
        reference_compute=float(np.exp(reference)),
        size_at_reference=float(np.exp(intercept[0])),
        exponent=float(slope[0]),
        size_at_reference_draws=np.exp(spread_intercept),
        exponent_draws=slope[0] + scatter * (slopes - np.median(slopes)),
        scatter=scatter,
    )


def _lines(
    x: Float[Array, " budget"], y: Float[Array, "draw budget"], weight: Float[Array, " budget"]
) -> tuple[Float[Array, " draw"], Float[Array, " draw"]]:
    """Intercepts at x = 0 and slopes; values that are NaN have no weight."""
    there = np.isfinite(y)
    w = np.where(there, weight, 0.0)
    y = np.where(there, y, 0.0)
    total = w.sum(axis=-1)
    mean_x, mean_y = (w * x).sum(axis=-1) / total, (w * y).sum(axis=-1) / total
    off = x - mean_x[:, np.newaxis]
    slope = (w * off * y).sum(axis=-1) / (w * off**2).sum(axis=-1)
    return mean_y - slope * mean_x, slope
