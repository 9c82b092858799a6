"""Forecasts from less data, scored: had you fitted the smaller runs, how wrong would you have been at the larger?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.compute import training_flops
from scaling.errors import NotEnoughRuns
from scaling.inference.fit import fit
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.rolling import CUTS, cut_is_fair
from scaling.inference.settings import FitSettings
from scaling.laws import DEFAULT_LAW, law_class
from scaling.observations import LossObservations
from scaling.posterior import Backtest, LossPosterior, crps_of_draws
from scaling.predict.loss import sorted_quantiles

_LEVELS = (0.05, 0.5, 0.95)
_FEWEST_SIZES = 3


@final
class CutAxis(StrEnum):
    """What runs are cut along: those below are fitted, those beyond forecast."""

    COMPUTE = "compute"
    SIZE = "size"
    TOKENS = "tokens"

    def of(self, observations: LossObservations) -> Float[Array, "row"]:
        """Training FLOPs, sizes or tokens of the rows."""
        if self is CutAxis.COMPUTE:
            return np.asarray(training_flops(observations.size, observations.tokens))
        return observations.size if self is CutAxis.SIZE else observations.tokens


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


def fair_cuts(
    observations: LossObservations, *, axis: CutAxis = CutAxis.COMPUTE, law: str = DEFAULT_LAW
) -> tuple[float, ...]:
    """The .4 to .9 quantiles of `axis` that leave enough rows on both sides to fit and to score.

    Raises `NotEnoughRuns` where none does.
    """
    along = axis.of(observations)
    cuts = np.unique(np.quantile(along, CUTS, method="higher"))
    fair = tuple(float(cut) for cut in cuts if cut_is_fair(observations, _seen(along, cut), law_class(law)))
    if not fair:
        raise NotEnoughRuns(
            f"No cut of these {len(observations)} rows in {axis} leaves enough on both sides: at least 3 sizes and 3 "
            f"token counts that can determine {law!r} below, two rows beyond. Add runs."
        )
    return fair


def forecast_beyond(
    observations: LossObservations,
    cuts: Sequence[float],
    *,
    axis: CutAxis = CutAxis.COMPUTE,
    law: str = DEFAULT_LAW,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> Backtest:
    """At each cut, a fit of the rows up to it and the forecast of every row beyond it.

    `distance` is in e-folds of `axis` beyond the farthest row fitted. Raises `NotEnoughRuns` for a cut that leaves too
    few rows on either side.
    """
    along = axis.of(observations)
    for cut in cuts:
        _require_fair(observations, _seen(along, cut), cut, axis=axis, law=law)
    parts = []
    for index, cut in enumerate(cuts):
        progress(ProgressEvent("back-test", index, len(cuts)))
        seen = _seen(along, cut)
        part = forecast_held_out(observations, ~seen, law=law, settings=settings)
        parts.append(replace(part, distance=np.log(along[~seen] / along[seen].max())))
    progress(ProgressEvent("back-test", len(cuts), len(cuts)))
    return Backtest.joined(parts)


def _seen(along: Float[Array, "row"], cut: float) -> Bool[Array, "row"]:
    """Rows up to the cut, rounding aside."""
    seen: Bool[Array, "row"] = along <= cut * (1.0 + 1e-9)
    return seen


def _require_fair(
    observations: LossObservations, seen: Bool[Array, "row"], cut: float, *, axis: CutAxis, law: str
) -> None:
    if cut_is_fair(observations, seen, law_class(law)):
        return
    sizes, tokens = (len(np.unique(values[seen])) for values in (observations.size, observations.tokens))
    raise NotEnoughRuns(
        f"A {axis} of at most {cut:.4g} leaves {seen.sum()} of {len(seen)} rows to fit (at {sizes} sizes and {tokens} "
        f"token counts) and {(~seen).sum()} to forecast. {law!r} needs {max(8, len(law_class(law).coefficients) + 2)} "
        "rows at 3 sizes and 3 token counts below, and 2 beyond. Choose another cut, or add runs."
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
