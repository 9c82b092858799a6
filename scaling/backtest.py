"""Forecasts from less data, scored: had you fitted the smaller runs, how wrong would you have been at the larger?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import NotEnoughRuns
from scaling.inference.fit import fit
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.settings import FitSettings
from scaling.observations import LossObservations
from scaling.predict.loss import forecast_loss

_LEVELS = (0.05, 0.5, 0.95)
_FEWEST_SIZES = 3


@final
@dataclass(frozen=True)
class Backtest:
    """Held-out runs beside their forecasts, 90 % intervals of one new run's loss in nats per token.

    All fields are arrays [row]: `size`, `tokens`, `observed`, the forecast's `low`, `median` and `high`, the
    `distance` beyond the data it was made from in e-folds, and the `run`.
    """

    run: tuple[str, ...]
    size: Float[Array, "row"]
    tokens: Float[Array, "row"]
    observed: Float[Array, "row"]
    low: Float[Array, "row"]
    median: Float[Array, "row"]
    high: Float[Array, "row"]
    distance: Float[Array, "row"]

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
        return type(self)(
            run=tuple(self.run[row] for row in kept),
            size=self.size[kept],
            tokens=self.tokens[kept],
            observed=self.observed[kept],
            low=self.low[kept],
            median=self.median[kept],
            high=self.high[kept],
            distance=self.distance[kept],
        )

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """The rows of all parts, in order."""
        return cls(
            run=tuple(label for part in parts for label in part.run),
            size=np.concatenate([part.size for part in parts]),
            tokens=np.concatenate([part.tokens for part in parts]),
            observed=np.concatenate([part.observed for part in parts]),
            low=np.concatenate([part.low for part in parts]),
            median=np.concatenate([part.median for part in parts]),
            high=np.concatenate([part.high for part in parts]),
            distance=np.concatenate([part.distance for part in parts]),
        )


def forecast_held_out(
    observations: LossObservations,
    held_out: Bool[Array, "row"],
    *,
    law: str = "chinchilla",
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Backtest:
    """Fit the rows that are not held out and forecast those that are."""
    made = fit(observations.select(~held_out), law=law, settings=settings, progress=progress)
    target = observations.select(held_out)
    forecast = forecast_loss(made, target.size, target.tokens, levels=_LEVELS, covariates=target.covariates)
    low, median, high = forecast.run_quantiles
    return Backtest(target.run, target.size, target.tokens, target.loss, low, median, high, forecast.distance)


def forecast_rungs(
    observations: LossObservations,
    *,
    law: str = "chinchilla",
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Backtest:
    """Every size from the fourth smallest up, each forecast from all smaller ones.

    Raises `NotEnoughRuns` with fewer than four sizes.
    """
    rungs = np.unique(observations.size)[_FEWEST_SIZES:]
    if not len(rungs):
        raise NotEnoughRuns(
            f"A back-test over sizes needs at least {_FEWEST_SIZES + 1} different sizes; "
            f"{len(np.unique(observations.size))} given. Add runs at other sizes."
        )

    def parts() -> Iterator[Backtest]:
        for index, rung in enumerate(rungs):
            progress(ProgressEvent("back-test", index, len(rungs)))
            seen = observations.select(observations.size <= rung)
            yield forecast_held_out(seen, seen.size == rung, law=law, settings=settings)

    return Backtest.joined(list(parts()))
