"""Forecast of one learning curve beyond its last row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidInput
from scaling.inference.curve_average import CurveAverage, log_density
from scaling.posterior import CALIBRATED_E_FOLDS
from scaling.predict.loss import DEFAULT_LEVELS, require_counts, require_levels, sorted_quantiles

_DRAWS = 1000


@final
@dataclass(frozen=True)
class CurveForecast:
    """Quantiles of the loss of new rows of one curve.

    - `count` [point]: tokens or examples asked for; `levels` [level]: of the quantiles.
    - `quantiles` [level, point]: loss that one new row would show, in the unit of the rows seen.
    - `draws` [draw, point]: of that loss, for scores; `distance` [point]: e-folds beyond the last row.
    - `beyond_calibrated` [point]: further than any back-test has shown the intervals to hold.
    """

    count: Float[Array, "point"]
    levels: tuple[float, ...]
    quantiles: Float[Array, "level point"]
    draws: Float[Array, "draw point"]
    distance: Float[Array, "point"]
    beyond_calibrated: Bool[Array, "point"]


def forecast_curve(
    fitted: CurveAverage,
    count: Float[Array, "point"] | float,
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
) -> CurveForecast:
    """Loss that new rows at `count` would show, averaged over the laws.

    Raises `InvalidInput` for counts that lie before the last row, or are not finite and above zero.
    """
    places = np.atleast_1d(np.asarray(count, dtype=np.float64))
    require_counts(count=places)
    require_levels(levels)
    posteriors = fitted.draws(_DRAWS)
    rng = np.random.default_rng(4)  # the stream is fixed: the same question to the same fit has one answer
    last = posteriors[0].last_count
    if np.any(places < last):
        raise InvalidInput(
            f"{places.min():g} given, before the curve's last row at {last:g}: this forecasts what comes after it. "
            "Ask for later places, or fit fewer rows."
        )
    draws = np.exp(np.concatenate([posterior.new_rows(places, rng=rng) for posterior in posteriors]))
    distance = np.log(places / last)
    return CurveForecast(
        count=places,
        levels=tuple(levels),
        quantiles=sorted_quantiles(draws, levels),
        draws=draws,
        distance=distance,
        beyond_calibrated=distance > CALIBRATED_E_FOLDS,
    )


def curve_log_density(
    fitted: CurveAverage, count: Float[Array, "point"], loss: Float[Array, "point"]
) -> Float[Array, "point"]:
    """Log predictive density of each `loss`, on the scale of the loss itself: that of ln loss less ln loss."""
    on_log_loss = log_density(fitted.draws(_DRAWS), count, loss)
    density: Float[Array, "point"] = on_log_loss - np.log(loss)
    return density


def crps(forecast: CurveForecast, loss: Float[Array, "point"]) -> Float[Array, "point"]:
    r"""$E|X - y| - \frac{1}{2} E|X - X'|$ of ln loss, from the draws (fair form); smaller is better.

    Source: Gneiting and Raftery 2007, eq. 21.
    """
    draws = np.sort(np.log(forecast.draws), axis=0)
    size = len(draws)
    rank = 2.0 * np.arange(1, size + 1) - size - 1
    apart = 2.0 * np.tensordot(rank, draws, axes=(0, 0)) / (size * (size - 1))
    score: Float[Array, "point"] = np.mean(np.abs(draws - np.log(loss)), axis=0) - 0.5 * apart
    return score
