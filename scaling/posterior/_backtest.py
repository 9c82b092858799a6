"""Forecasts of held-out runs, scored."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Self, final

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from scaling._pytree import Array

FACTOR_BOUNDS = (2.0, 5.0, 20.0)  # of compute beyond the runs seen; what lies between them is scored together


@final
@dataclass(frozen=True)
class Backtest:
    """Held-out runs beside their forecasts, 90 % intervals of one new run's loss in nats per token.

    All fields are arrays [row]: `size`, `tokens`, `observed`, the forecast's `low`, `median` and `high`, the
    `distance` beyond the data it was made from in e-folds, its `crps`, and the `run`.
    """

    run: tuple[str, ...]
    size: Float[Array, "row"]
    tokens: Float[Array, "row"]
    observed: Float[Array, "row"]
    low: Float[Array, "row"]
    median: Float[Array, "row"]
    high: Float[Array, "row"]
    distance: Float[Array, "row"]
    crps: Float[Array, "row"]

    def __len__(self) -> int:
        return len(self.run)

    @property
    def factor(self) -> Float[Array, "row"]:
        """How many times what was fitted the row's compute (or what the runs were cut along) is; 1 inside."""
        factor: Float[Array, "row"] = np.exp(self.distance)
        return factor

    @property
    def held(self) -> Bool[Array, "row"]:
        """Whether the interval holds the observed loss."""
        return (self.low <= self.observed) & (self.observed <= self.high)

    @property
    def cover(self) -> float:
        """Share of rows whose interval holds the observed loss; 0.9 is nominal."""
        return float(np.mean(self.held))

    @property
    def mean_relative_error(self) -> float:
        """Mean of |median - observed| / observed."""
        return float(np.mean(np.abs(self.median - self.observed) / self.observed))

    @property
    def mean_width(self) -> float:
        """Mean of (high - low) / median."""
        return float(np.mean((self.high - self.low) / self.median))

    @property
    def interval_score(self) -> float:
        r"""Mean interval score of $\ln L$ at level 0.1: width plus 20 times the distance outside (lower is better).

        Source: Gneiting and Raftery 2007, eq. 43.
        """
        low, high, observed = np.log(self.low), np.log(self.high), np.log(self.observed)
        outside = np.maximum(low - observed, 0.0) + np.maximum(observed - high, 0.0)
        return float(np.mean(high - low + 20.0 * outside))

    def select(self, mask: Bool[Array, "row"]) -> Self:
        """The rows where `mask` is true."""
        kept = np.flatnonzero(mask)
        arrays = {each.name: getattr(self, each.name)[kept] for each in fields(self) if each.name != "run"}
        return type(self)(run=tuple(self.run[row] for row in kept), **arrays)

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """The rows of all parts, in order."""
        arrays = {
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(cls)
            if each.name != "run"
        }
        return cls(run=tuple(label for part in parts for label in part.run), **arrays)

    def by_factor(self) -> tuple[BacktestSummary, ...]:
        """The scores by how many times the compute of the runs seen the held-out ones had; empty ranges left out."""
        bounds = (0.0, *FACTOR_BOUNDS, np.inf)
        factor = self.factor
        parts = []
        for low, high in pairwise(bounds):
            part = self.select((factor > low) & (factor <= high))
            if len(part):
                parts.append(part.summary(low=max(low, 1.0), high=high))
        return tuple(parts)

    def summary(self, *, low: float = 1.0, high: float = np.inf) -> BacktestSummary:
        """The scores of all rows, said to lie between `low` and `high` times the compute seen."""
        return BacktestSummary(
            factor_above=low,
            factor_at_most=high,
            forecasts=len(self),
            mean_relative_error=self.mean_relative_error,
            bias=float(np.mean(self.median / self.observed - 1.0)),
            cover=self.cover,
            mean_width=self.mean_width,
            interval_score=self.interval_score,
            crps=float(np.mean(self.crps)),
        )


@final
class BacktestSummary(BaseModel):
    """Scores of forecasts at one range of extrapolation.

    - `factor_above`, `factor_at_most`: compute of the held-out runs over the largest that was fitted.
    - `forecasts`: how many; one run is forecast from every cut below it.
    - `mean_relative_error`, `bias`: of the median, relative to the observed loss.
    - `cover`, `mean_width`: of the nominal 90 % interval, the width relative to the median.
    - `interval_score`: of ln loss at level .1; `crps`: continuous ranked probability score, nats per token.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    factor_above: float
    factor_at_most: float
    forecasts: int
    mean_relative_error: float
    bias: float
    cover: float
    mean_width: float
    interval_score: float
    crps: float


def crps_of_draws(draws: Float[Array, "draw point"], observed: Float[Array, "point"]) -> Float[Array, "point"]:
    r"""$E|X - y| - \frac12 E|X - X'|$ of each point, from draws (Gneiting and Raftery 2007, eq. 21)."""
    ordered = np.sort(draws, axis=0)
    count = len(ordered)
    # E|X - X'| from the order statistics: the k-th of m counts 2k - m - 1 times.
    weights = (2.0 * np.arange(1, count + 1) - count - 1.0) / count**2
    crps: Float[Array, "point"] = np.abs(ordered - observed).mean(axis=0) - weights @ ordered
    return crps
