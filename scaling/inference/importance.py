"""Adaptive importance sampling of a few coordinates: Sobol points of the prior, then mixtures of t distributions.

It cannot miss a mode that the prior's points meet, where a chain of NUTS stays in the one it started in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array

_DEGREES_OF_FREEDOM = 5.0
_ROUNDS_BEFORE_GIVING_UP = 2
_FARTHEST = 8.0  # the prior holds 1e-15 beyond; exponentials of it under- and overflow there
_LOG_TWO_PI = math.log(2.0 * math.pi)


@final
@dataclass(frozen=True)
class ImportanceSettings:
    """Effort of one run.

    - `prior_points`: Sobol points of the prior (a power of two); `round_points`: points of each adapted mixture.
    - `max_rounds`: of adaptation; it stops when the effective sample size reaches `enough`.
    - `components`: of a mixture; `prior_share`: of its points that come from the prior, so that no mode is cut off.
    """

    prior_points: int = 512
    round_points: int = 384
    max_rounds: int = 4
    enough: float = 400.0
    components: int = 4
    prior_share: float = 0.15


@final
@dataclass(frozen=True)
class WeightedSample:
    """Weighted draws of standard normal coordinates.

    - `points` [draw, coordinate]; `log_weights` [draw]: target over proposal, not normalised.
    """

    points: Float[Array, "draw coordinate"]
    log_weights: Float[Array, "draw"]

    @property
    def log_evidence(self) -> float:
        """ln of the mean weight."""
        top = self.log_weights.max()
        return float(top + np.log(np.mean(np.exp(self.log_weights - top))))

    @property
    def weights(self) -> Float[Array, "draw"]:
        """Weights that sum to 1."""
        raw = np.exp(self.log_weights - self.log_weights.max())
        normalised: Float[Array, "draw"] = raw / raw.sum()
        return normalised

    @property
    def effective_size(self) -> float:
        r"""$1 / \sum w^2$."""
        return float(1.0 / np.sum(self.weights**2))

    def resample(self, count: int, *, rng: np.random.Generator) -> Int[Array, "count"]:
        """Indices of `count` equal-weight draws (systematic)."""
        places = (rng.uniform() + np.arange(count)) / count
        cumulative = np.cumsum(self.weights)
        return np.minimum(np.searchsorted(cumulative / cumulative[-1], places), len(cumulative) - 1)


class _Mixture(NamedTuple):
    """Mixture of multivariate t: weights [c], means [c, q], Cholesky factors [c, q, q]."""

    weights: Any
    means: Any
    factors: Any


def importance_sample(
    log_likelihood: Callable[[Float[Array, "draw coordinate"]], Float[Array, "draw"]],
    dimensions: int,
    *,
    rng: np.random.Generator,
    settings: ImportanceSettings = ImportanceSettings(),
    irrelevant_below: float = -math.inf,
) -> WeightedSample:
    r"""Sample $\pi(z) \propto N(z; 0, I)\, e^{\ell(z)}$.

    Every point is weighted by the mixture of all proposals so far (Cornuet et al. 2012): a point that an early
    proposal made rare and a later one common does not blow the weights up. Adaptation ends early where two rounds have
    left the log evidence under `irrelevant_below`.
    """

    def bounded(points: Any) -> Any:
        inside = (np.abs(points) < _FARTHEST).all(axis=1)
        values = log_likelihood(np.clip(points, -_FARTHEST, _FARTHEST))
        return np.where(inside & np.isfinite(values), values, -np.inf)

    points = _prior_points(dimensions, settings.prior_points, rng)
    values = bounded(points)
    proposals: list[tuple[int, _Mixture | None]] = [(settings.prior_points, None)]
    sample = _weighted(points, values, proposals, settings)
    for done in range(settings.max_rounds):
        lost = done >= _ROUNDS_BEFORE_GIVING_UP and sample.log_evidence < irrelevant_below
        if lost or sample.effective_size >= settings.enough:
            break
        mixture = _fitted_mixture(sample, settings, rng)
        fresh = _draw(mixture, settings, dimensions, rng)
        points, values = np.concatenate([points, fresh]), np.concatenate([values, bounded(fresh)])
        proposals.append((settings.round_points, mixture))
        sample = _weighted(points, values, proposals, settings)
    return sample


def _prior_points(dimensions: int, count: int, rng: np.random.Generator) -> Any:
    from scipy.special import ndtri
    from scipy.stats import qmc

    uniform = qmc.Sobol(dimensions, scramble=True, rng=rng).random(count)
    return ndtri(np.clip(uniform, 1e-9, 1.0 - 1e-9))


def _weighted(points: Any, values: Any, proposals: Any, settings: ImportanceSettings) -> WeightedSample:
    log_prior = _log_prior(points)
    total = len(points)
    shares = []
    for count, mixture in proposals:
        log_share = math.log(count / total)
        if mixture is None:
            shares.append(log_share + log_prior)
        else:
            near = math.log1p(-settings.prior_share) + _log_mixture(mixture, points)
            shares.append(log_share + np.logaddexp(near, math.log(settings.prior_share) + log_prior))
    return WeightedSample(points, log_prior + values - np.logaddexp.reduce(shares, axis=0))


def _log_prior(points: Any) -> Any:
    return -0.5 * (points**2).sum(axis=1) - 0.5 * points.shape[1] * _LOG_TWO_PI


def _log_mixture(mixture: _Mixture, points: Any) -> Any:
    q, nu = points.shape[1], _DEGREES_OF_FREEDOM
    inverse = np.linalg.inv(mixture.factors)
    white = np.einsum("cij,ncj->cni", inverse, points[:, np.newaxis] - mixture.means)
    square = (white**2).sum(axis=2)
    scale = np.log(np.diagonal(mixture.factors, axis1=1, axis2=2)).sum(axis=1)
    constant = math.lgamma((nu + q) / 2) - math.lgamma(nu / 2) - 0.5 * q * math.log(nu * math.pi)
    each = constant - scale[:, np.newaxis] - 0.5 * (nu + q) * np.log1p(square / nu)
    return np.logaddexp.reduce(np.log(mixture.weights)[:, np.newaxis] + each, axis=0)


def _draw(mixture: _Mixture, settings: ImportanceSettings, dimensions: int, rng: np.random.Generator) -> Any:
    count = settings.round_points
    which = rng.choice(len(mixture.weights), size=count, p=mixture.weights)
    normal = rng.standard_normal((count, dimensions))
    stretch = np.sqrt(_DEGREES_OF_FREEDOM / rng.chisquare(_DEGREES_OF_FREEDOM, count))[:, np.newaxis]
    heavy = mixture.means[which] + stretch * np.einsum("nij,nj->ni", mixture.factors[which], normal)
    return np.where((rng.uniform(size=count) < settings.prior_share)[:, np.newaxis], normal, heavy)


def _fitted_mixture(sample: WeightedSample, settings: ImportanceSettings, rng: np.random.Generator) -> _Mixture:
    """Components about the weighted points, their weights flattened until enough of them count."""
    dimensions = sample.points.shape[1]
    weights = _tempered(sample.weights, wanted=10.0 * dimensions)
    counts = weights > 1e-7 * weights.max()
    points, weights = sample.points[counts], weights[counts] / weights[counts].sum()
    centers = points[rng.choice(len(weights), size=settings.components, p=weights)]
    belongs = np.zeros(len(weights), dtype=int)
    for _ in range(8):  # weighted k-means: enough to tell modes apart
        distance = ((points[:, np.newaxis] - centers) ** 2).sum(axis=2)
        belongs = distance.argmin(axis=1)
        for index in range(settings.components):
            inside = belongs == index
            if weights[inside].sum() > 0:
                centers[index] = np.average(points[inside], axis=0, weights=weights[inside])
    overall = np.cov(points.T, aweights=weights).reshape(dimensions, dimensions)
    kept = []
    for index in range(settings.components):
        inside = belongs == index
        mass = weights[inside].sum()
        if mass > 1e-3:
            share = weights[inside] / mass
            spread = points[inside] - centers[index]
            own = (spread * share[:, np.newaxis]).T @ spread
            # Few points understate their spread: they are joined by the whole sample's, as if by two points more.
            trust = 1.0 / np.sum(share**2)
            covariance = (trust * own + 2.0 * overall / settings.components) / (trust + 2.0)
            kept.append((mass, centers[index], np.linalg.cholesky(covariance + 1e-6 * np.eye(dimensions))))
    mass, means, factors = (np.array(part) for part in zip(*kept, strict=True))
    return _Mixture(mass / mass.sum(), means, factors)


def _tempered(weights: Any, *, wanted: float) -> Any:
    """Weights to the highest power up to 1 that leaves an effective size of `wanted`."""
    log_weights = np.log(np.maximum(weights, 1e-300))
    power = 1.0
    for _ in range(30):
        flattened = np.exp(power * (log_weights - log_weights.max()))
        flattened /= flattened.sum()
        if 1.0 / np.sum(flattened**2) >= wanted:
            return flattened
        power *= 0.75
    return flattened
