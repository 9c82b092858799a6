"""Forecasts from less data, scored: had you fitted the smaller runs, how wrong would you have been at the larger?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from scaling._pytree import Array
from scaling.errors import NotEnoughRuns
from scaling.inference.fit import fit
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.settings import FitSettings
from scaling.laws import DEFAULT_LAW
from scaling.observations import LossObservations
from scaling.posterior import Backtest, LossPosterior, crps_of_draws
from scaling.predict.loss import sorted_quantiles

_LEVELS = (0.05, 0.5, 0.95)
_FEWEST_SIZES = 3


def forecast_held_out(
    observations: LossObservations,
    held_out: Bool[Array, "row"],
    *,
    law: str = DEFAULT_LAW,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Backtest:
    """Fit the rows that are not held out and forecast those that are.

    A held-out row of a run with other rows among those fitted is forecast as that run continued.
    """
    made = fit(observations.select(~held_out), law=law, settings=settings, progress=progress)
    return score_forecast(made.for_queries().loss, observations.select(held_out), seed=settings.seed)


def score_forecast(posterior: LossPosterior, held_out: LossObservations, *, seed: int = 0) -> Backtest:
    """The forecast of `held_out` by a posterior that has not seen it, beside what was observed."""
    rng = np.random.default_rng([seed, 2])
    loss = posterior.predictive(
        held_out.size,
        held_out.tokens,
        rng=rng,
        runs=held_out.run,
        **posterior.law.needed_covariates(held_out.covariates),
    )
    low, median, high = sorted_quantiles(loss, _LEVELS)
    return Backtest(
        run=held_out.run,
        size=held_out.size,
        tokens=held_out.tokens,
        observed=held_out.loss,
        low=low,
        median=median,
        high=high,
        distance=posterior.hull.distance(held_out.size, held_out.tokens, **held_out.covariates),
        crps=crps_of_draws(loss, held_out.loss),
    )


def forecast_rungs(
    observations: LossObservations,
    *,
    law: str = DEFAULT_LAW,
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
