"""Forecast of the loss of planned runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidInput, Violation
from scaling.posterior import CALIBRATED_E_FOLDS, Fit

DEFAULT_LEVELS = (0.05, 0.5, 0.95)


@final
@dataclass(frozen=True)
class LossForecast:
    """Quantiles of the loss at planned sizes and tokens, nats per token.

    - `n`, `d` [point]: size and tokens asked for.
    - `levels` [level]: of the quantiles.
    - `trend_quantiles` [level, point]: loss of a typical run: uncertainty of law and of its form.
    - `run_quantiles` [level, point]: loss that one new run would show: the same with run effect and noise.
    - `distance` [point]: e-folds beyond the data, 0 inside.
    - `beyond_calibrated` [point]: further than any back-test has shown the intervals to hold.
    """

    n: Float[Array, "point"]
    d: Float[Array, "point"]
    levels: tuple[float, ...]
    trend_quantiles: Float[Array, "level point"]
    run_quantiles: Float[Array, "level point"]
    distance: Float[Array, "point"]
    beyond_calibrated: Bool[Array, "point"]


def forecast_loss(
    fit: Fit,
    n: Float[Array, "point"] | float,
    d: Float[Array, "point"] | float,
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    covariates: Mapping[str, Float[Array, "point"] | float] | None = None,
    runs: Sequence[str] = (),
) -> LossForecast:
    """Loss at each size `n` trained on `d` tokens, at `covariates` (by name) where the law depends on any.

    `runs` labels each point: a run that the fit has seen is forecast as continued, with its own effect.

    A published point estimate gives every level the same value. Raises `InvalidInput` listing every size, token count,
    level or covariate out of range, and every covariate of the law that is missing.
    """
    sizes, tokens, others = planned_points(fit, n, d, covariates)
    require_levels(levels)
    posterior = fit.for_queries().loss
    # The stream is fixed: the same question to the same fit has one answer.
    rng = np.random.default_rng([fit.version, 2])
    distance = posterior.hull.distance(sizes, tokens, **posterior.at, **others)
    return LossForecast(
        n=sizes,
        d=tokens,
        levels=tuple(levels),
        trend_quantiles=sorted_quantiles(posterior.trend(sizes, tokens, **others), levels),
        run_quantiles=sorted_quantiles(posterior.predictive(sizes, tokens, rng=rng, runs=runs, **others), levels),
        distance=distance,
        beyond_calibrated=distance > CALIBRATED_E_FOLDS,
    )


def planned_points(
    fit: Fit,
    n: Float[Array, "point"] | float,
    d: Float[Array, "point"] | float,
    covariates: Mapping[str, Float[Array, "point"] | float] | None,
) -> tuple[Float[Array, "point"], Float[Array, "point"], dict[str, Float[Array, "point"]]]:
    """Sizes, tokens and the covariates that the fit's law needs, as arrays of one shape; raises `InvalidInput`."""
    checked = fit.loss.law.checked_covariates(covariates or {})
    given = [np.atleast_1d(np.asarray(each, dtype=np.float64)) for each in (n, d, *checked.values())]
    sizes, tokens, *others = np.broadcast_arrays(*given)
    require_counts(size=sizes, tokens=tokens)
    return sizes, tokens, dict(zip(checked, others, strict=True))


def sorted_quantiles(draws: Float[Array, "draw *point"], levels: Sequence[float]) -> Float[Array, "level *point"]:
    """Quantiles over the draws, linear between order statistics; infinite draws stay infinite.

    A sort costs a third of `np.quantile` here, and never makes `inf - inf` out of two draws that are never.
    """
    ordered = np.sort(np.asarray(draws), axis=0)
    place = np.asarray(levels, dtype=np.float64) * (len(ordered) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = (place - below).reshape(-1, *(1,) * (ordered.ndim - 1))
    low, high = ordered[below], ordered[above]
    with np.errstate(invalid="ignore"):
        between = low + share * (high - low)
    return np.where(low == high, low, np.where(share == 0.0, low, between))


def require_counts(**counts: Float[Array, "point"]) -> None:
    """Raise `InvalidInput` listing every count that is not finite and above zero."""
    violations = [
        Violation(f"{name}[{index}]", f"{values.flat[index]:g} given, a finite number above zero needed")
        for name, values in counts.items()
        for index in np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    ]
    if violations:
        raise InvalidInput("A size or token count is out of range.", violations)


def require_levels(levels: Sequence[float]) -> None:
    """Raise `InvalidInput` listing every quantile level outside (0, 1)."""
    violations = [
        Violation(f"levels[{index}]", f"{level:g} given, a number between 0 and 1 needed")
        for index, level in enumerate(levels)
        if not 0.0 < level < 1.0
    ]
    if violations or not levels:
        raise InvalidInput("Quantile levels are out of range.", violations)
