"""Several laws fitted to one learning curve and averaged by how they forecast the curve's own later rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logsumexp
from scipy.stats import t as student_t

from scaling._pytree import Array
from scaling.errors import FitFailed, NotEnoughRuns
from scaling.inference.averaging import DEFAULT_PRIOR_STRENGTH, LawMixture, average
from scaling.inference.curve import CurveFit, CurveSettings, fit_curve
from scaling.laws import AbstractLaw, law_class
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM, CurvePosterior, Finding, FindingCode

DEFAULT_LAWS = ("power_tokens", "m4_tokens", "broken_tokens")
# Rows of rolling origins: cuts this many horizons before the end, each scored over the one horizon that follows.
_CUTS = (1.0, 1.5, 2.0)
_FEWEST_SEEN, _FEWEST_HELD_OUT = 8, 2


@final
@dataclass(frozen=True)
class CurveAverage:
    """One curve's forecast before it is asked anything.

    - `mixture`: the posterior of each law and its weight; `fits`: the evidence for each sample.
    - `scores` [law][band]: mean log predictive density of the rolling origins' held-out rows, on log loss.
    - `findings`: laws that could not be fitted, and why.
    """

    mixture: LawMixture[CurvePosterior]
    fits: dict[str, CurveFit]
    scores: dict[str, Float[Array, "band"]]
    findings: tuple[Finding, ...]

    def draws(self, total: int, *, seed: int = 0) -> tuple[CurvePosterior, ...]:
        """Posteriors whose draws together are `total` of equal weight."""
        rng = np.random.default_rng([seed, 3])
        posteriors = self.mixture.fits
        available = min(posterior.draw_count for posterior in posteriors.values())
        chosen = self.mixture.choose(total, available=available, rng=rng)
        return tuple(posteriors[name].take(kept) for name, kept in chosen.items() if len(kept))


def fit_curve_laws(
    count: Float[Array, "row"],
    loss: Float[Array, "row"],
    *,
    laws: Sequence[str] = DEFAULT_LAWS,
    horizon: float = math.log(2.0),
    prior_strength: float = DEFAULT_PRIOR_STRENGTH,
    settings: CurveSettings = CurveSettings(),  # noqa: B008 - frozen
) -> CurveAverage:
    """Fit each of `laws` to a curve and weight it by its forecasts from earlier origins.

    `horizon` is the distance in e-folds that forecasts are wanted over: the curve is cut 1, 1.5 and 2 horizons before
    its end, each cut fitted anew and scored on the rows of the horizon that follows. A curve too short for a cut has
    fewer bands or none, and the weights are nearer to equal.

    Raises `NotEnoughRuns` where no law has enough rows or none could be fitted.
    """
    fits, findings = {}, []
    for name in laws:
        try:
            fits[name] = fit_curve(count, loss, law_class(name), settings=settings)
        except (FitFailed, NotEnoughRuns) as failure:
            few = isinstance(failure, NotEnoughRuns)
            code = FindingCode.FEW_RUNS if few else FindingCode.POINT_ESTIMATE_FAILED
            findings.append(Finding(code=code, message=f"{name}: {failure}"))
    masks = rolling_bands(count, horizon=horizon)
    scores = {
        name: np.asarray([_band_score(count, loss, law_class(name), band, settings) for band in masks]) for name in fits
    }
    posteriors = {name: fitted.posterior for name, fitted in fits.items()}
    mixture = average(posteriors, scores, prior_strength=prior_strength)
    return CurveAverage(mixture, fits, scores, tuple(findings))


def rolling_bands(count: Float[Array, "row"], *, horizon: float) -> list[tuple[Bool[Array, "row"], Bool[Array, "row"]]]:
    """(rows seen, rows held out) of each origin that has enough of both."""
    place = np.log(np.asarray(count, dtype=np.float64))
    bands = []
    for cut in _CUTS:
        origin = place.max() - cut * horizon
        seen = place <= origin
        held_out = ~seen & (place <= origin + horizon)
        if seen.sum() >= _FEWEST_SEEN and held_out.sum() >= _FEWEST_HELD_OUT:
            bands.append((seen, held_out))
    return bands


def log_density(
    posteriors: Sequence[CurvePosterior], count: Float[Array, "point"], loss: Float[Array, "point"]
) -> Float[Array, "point"]:
    """Log predictive density of each ln `loss`, the posteriors' draws weighing the same."""
    each = [
        student_t.logpdf(np.log(loss), NOISE_DEGREES_OF_FREEDOM, posterior.location(count), posterior.scale(count))
        for posterior in posteriors
    ]
    together = np.concatenate(each, axis=0)
    density: Float[Array, "point"] = logsumexp(together, axis=0) - math.log(len(together))
    return density


def _band_score(count: Any, loss: Any, law: type[AbstractLaw], band: tuple[Any, Any], settings: CurveSettings) -> float:
    seen, held_out = band
    try:
        fitted = fit_curve(count[seen], loss[seen], law, settings=settings)
    except (FitFailed, NotEnoughRuns):
        return -math.inf
    return float(np.mean(log_density([fitted.posterior], count[held_out], loss[held_out])))
