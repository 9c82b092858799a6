"""Rolling origins: fit the runs below a cut in compute, forecast those beyond, learn how wrong the form is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logsumexp
from scipy.stats import t as student_t

from scaling._pytree import Array
from scaling.inference._numerics import bucket_size, float64
from scaling.inference.form_error import LawDraws, growth_beyond, hold_to_residuals
from scaling.inference.loss_program import find_counted_mode, law_draws, loss_data, loss_potential, loss_starts
from scaling.inference.nuts import sample_whitened
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.proposals import FEWEST_EFFECTIVE, weighted_proposals
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM, Backtest, Hull, LossPosterior, crps_of_draws

CUTS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # quantiles of compute
_FEWEST_BEYOND = 2
_KEPT = 400
_MOST_EVIDENCE = 2.0  # independent errors that all cuts together count for: their rows are nested on both sides
_LOG_SCALE_SPREAD = 0.4  # prior of ln s: what real data sets of one kind differ by


@final
@dataclass(frozen=True)
class Origin:
    """One cut: the runs below it, what they say about the law, and the runs beyond.

    - `seen`, `beyond`: the rows on either side; `distance`: e-folds of compute (of the one variable, for
      a law in one) of the latter beyond the cut.
    - `draws`: of the law given the rows seen alone.
    - `error`, `error_scale`: the form's error per square root of an e-fold that the runs beyond show, by generalised
      least squares against the direction in which it grows, and its standard error (`inf` where none lie beyond on
      any axis of the law).
    """

    seen: LossObservations
    beyond: LossObservations
    distance: Float[Array, "row"]
    draws: LawDraws
    error: float
    error_scale: float


@final
class LearntScale(NamedTuple):
    """Posterior of the form's scale s on a grid: error on log loss per square root of an e-fold of compute."""

    scales: Float[Array, "scale"]
    probability: Float[Array, "scale"]

    def draw(self, count: int, *, rng: np.random.Generator) -> Float[Array, "draw"]:
        """Independent draws of s."""
        return rng.choice(self.scales, size=count, p=self.probability)


def rolling_origins(
    runs: LossObservations,
    law_class: type[AbstractLaw],
    *,
    settings: FitSettings,
    progress: Progress = silent,
) -> tuple[Origin, ...]:
    """The cuts at the .4 to .9 quantiles of compute that leave enough runs on both sides; none where there are few.

    A law in one variable is cut along that one.
    """
    log_compute = _log_scale(runs, law_class)
    rows = bucket_size(len(runs))
    origins = []
    cuts = np.unique(np.quantile(log_compute, CUTS, method="higher"))
    for index, cut in enumerate(cuts):
        progress(ProgressEvent("rolling origins", index, len(cuts)))
        below = log_compute <= cut + 1e-9
        if cut_is_fair(runs, below, law_class):
            origins.append(_origin(runs, below, float(cut), law_class, rows=rows, settings=settings))
    progress(ProgressEvent("rolling origins", len(cuts), len(cuts)))
    return tuple(origins)


def learnt_scale(origins: tuple[Origin, ...], *, settings: FitSettings) -> LearntScale:
    r"""$p(s) \propto \mathrm{LogNormal}(s; s_0, .4) \prod_c N(b_c; 0, s^2 + v_c)^{w}$, $s_0$ from the settings.

    $b_c \pm \sqrt{v_c}$ is the error that cut $c$ shows; $w = \min(1/2, 2 / \text{cuts})$, for the cuts share rows.
    """
    log_scale = np.linspace(-1.6, 1.6, 401) + np.log(settings.discrepancy_scale)
    log_density = -0.5 * ((log_scale - np.log(settings.discrepancy_scale)) / _LOG_SCALE_SPREAD) ** 2
    telling = [origin for origin in origins if np.isfinite(origin.error_scale)]
    power = min(0.5, _MOST_EVIDENCE / max(len(telling), 1))
    for origin in telling:
        variance = np.exp(2 * log_scale) + origin.error_scale**2
        log_density = log_density - 0.5 * power * (np.log(variance) + origin.error**2 / variance)
    return LearntScale(np.exp(log_scale), np.exp(log_density - logsumexp(log_density)))


def backtest_of(origins: tuple[Origin, ...], *, settings: FitSettings) -> Backtest | None:
    """Every cut's forecast of every run beyond it, made as a fit of the rows seen would have made it.

    The form's scale of a cut is learnt from the cuts before it alone.
    """
    parts = []
    for index, origin in enumerate(origins):
        rng = np.random.default_rng([settings.seed, 3, index])
        scale = learnt_scale(origins[:index], settings=settings).draw(_KEPT, rng=rng)
        posterior = _posterior(origin.draws, origin.seen, scale, rng=rng)
        beyond = origin.beyond
        loss = posterior.predictive(beyond.size, beyond.tokens, rng=rng, runs=beyond.run, **beyond.covariates)
        low, median, high = np.quantile(loss, (0.05, 0.5, 0.95), axis=0)
        parts.append(
            Backtest(
                run=beyond.run,
                size=beyond.size,
                tokens=beyond.tokens,
                observed=beyond.loss,
                low=low,
                median=median,
                high=high,
                distance=origin.distance,
                crps=crps_of_draws(loss, beyond.loss),
            )
        )
    return Backtest.joined(parts) if parts else None


def origin_score(origin: Origin, earlier: tuple[Origin, ...], *, settings: FitSettings) -> float:
    r"""Mean log predictive density of ln loss over the runs beyond a cut, by a forecast made from the runs seen.

    The form's scale is learnt from the cuts `earlier`. Each draw is a Student-t about its own trend.
    """
    rng = np.random.default_rng([settings.seed, 5])
    scale = learnt_scale(earlier, settings=settings).draw(len(origin.draws.noise_scale), rng=rng)
    posterior = _posterior(origin.draws, origin.seen, scale, rng=rng)
    quiet = replace(posterior, noise_scale=np.zeros_like(posterior.noise_scale))  # trend and run effect alone
    beyond = origin.beyond
    expected = np.log(quiet.predictive(beyond.size, beyond.tokens, rng=rng, runs=beyond.run, **beyond.covariates))
    density = student_t.logpdf(
        np.log(beyond.loss), NOISE_DEGREES_OF_FREEDOM, loc=expected, scale=origin.draws.noise_scale[:, np.newaxis]
    )
    return float(np.mean(logsumexp(density, axis=0) - np.log(len(density))))


def _log_scale(runs: LossObservations, law_class: type[AbstractLaw]) -> Float[Array, "row"]:
    """What the runs are cut along: ln of size, tokens or, for a law in both, their product."""
    scale: Float[Array, "row"] = np.zeros(len(runs))
    for variable, values in (("n", runs.size), ("d", runs.tokens)):
        if variable in law_class.variables:
            scale = scale + np.log(values)
    return scale


def cut_is_fair(runs: LossObservations, below: Bool[Array, "row"], law_class: type[AbstractLaw]) -> bool:
    """Whether the rows below can determine the law, with enough beyond to forecast."""
    fewest = len(law_class.coefficients) + 2
    distinct = all(
        len(np.unique(values[below])) >= 3
        for variable, values in (("n", runs.size), ("d", runs.tokens))
        if variable in law_class.variables
    )
    return bool(below.sum() >= max(8, fewest) and (~below).sum() >= _FEWEST_BEYOND and distinct)


def _origin(
    runs: LossObservations,
    below: Bool[Array, "row"],
    cut: float,
    law_class: type[AbstractLaw],
    *,
    rows: int,
    settings: FitSettings,
) -> Origin:
    seen, beyond = runs.select(below), runs.select(~below)
    distance = _log_scale(beyond, law_class) - cut
    draws = _draws_below(seen, law_class, rows=rows, settings=settings)
    error, error_scale = _error_shown(draws, seen, beyond, settings=settings)
    return Origin(seen, beyond, distance, draws, error, error_scale)


def _posterior(
    draws: LawDraws, seen: LossObservations, scale: Float[Array, "draw"], *, rng: np.random.Generator
) -> LossPosterior:
    held = hold_to_residuals(draws, seen, scale=scale, rng=rng)
    return LossPosterior(
        law=draws.law,
        noise_scale=draws.noise_scale,
        run_scale=draws.run_scale,
        form_error=held.form_error,
        hull=Hull.of(seen.size, seen.tokens, variables=draws.law.variables),
        size_convention=seen.size_convention,
        validation_set=seen.validation_set,
        run_labels=held.run_labels,
        run_effect=held.run_effect,
    )


def _error_shown(
    draws: LawDraws, seen: LossObservations, beyond: LossObservations, *, settings: FitSettings
) -> tuple[float, float]:
    r"""$b = g' S^{-1} r / g' S^{-1} g$ and $(g' S^{-1} g)^{-1/2}$.

    r is observed less expected log loss, S its covariance without any growth beyond the data (law, walk inside the
    data, effects of unseen runs, noise), g the growth's standard deviation for s = 1.
    """
    rng = np.random.default_rng([settings.seed, 4])
    posterior = _posterior(draws, seen, np.full(len(draws.noise_scale), settings.discrepancy_scale), rng=rng)
    walk = posterior.form_error
    growth = growth_beyond(walk.axes, beyond)
    if not growth.any():
        return 0.0, np.inf
    inside = replace(posterior, form_error=replace(walk, beyond=np.zeros_like(walk.beyond)))
    log_loss = np.log(inside.trend(beyond.size, beyond.tokens, **beyond.covariates))
    known = {label: index for index, label in enumerate(posterior.run_labels)}
    own = np.asarray([known.get(label, -1) for label in beyond.run])
    if known and posterior.run_effect is not None:
        log_loss = log_loss + np.where(own >= 0, posterior.run_effect[:, own], 0.0)
    unseen = (np.asarray(beyond.run)[:, np.newaxis] == np.asarray(beyond.run)) & (own < 0)
    # Half again of the squared scale: between a normal's variance and a Student-t(4)'s, which is twice.
    covariance = (
        np.cov(log_loss.T).reshape(len(beyond), len(beyond))
        + 1.5 * np.mean(draws.noise_scale**2) * np.eye(len(beyond))
        + np.mean(draws.run_scale**2) * unseen
    )
    weighted = np.linalg.solve(covariance, growth)
    precision = float(growth @ weighted)
    return float(weighted @ (np.log(beyond.loss) - log_loss.mean(axis=0))) / precision, precision**-0.5


def _draws_below(seen: LossObservations, law_class: type[AbstractLaw], *, rows: int, settings: FitSettings) -> LawDraws:
    """Draws of the law given these rows: proposals about the mode, weighted; NUTS where too few of them count."""
    rng = np.random.default_rng([settings.seed, 2])
    with float64():
        potential = loss_potential(law_class)
        data = loss_data(seen, rows=rows)
        mode, data, correlation = find_counted_mode(law_class, data, seen, loss_starts(law_class, data), rng=rng)
        proposals = weighted_proposals(potential, data, mode, rng=rng)
        kept = proposals.resampled(_KEPT, rng=rng)
        if proposals.effective_size < FEWEST_EFFECTIVE:
            short = settings.model_copy(update={"draws": _KEPT // settings.chains})
            sample = sample_whitened(potential, data, mode, settings=short, progress=silent).draws
            kept = sample.reshape(-1, sample.shape[-1])
    draws = law_draws(law_class, data, kept)
    return draws if correlation is None else correlation.split(draws, rng=rng)
