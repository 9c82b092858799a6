"""The likelihood of a score's shape, with floor and rise integrated exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.inference.score_noise import NoiseScales, ScoreRows, Whitening
from scaling.links import LinkReference
from scaling.models.shapes import FLOOR_WEIGHTS, Shape, floor_scales

_LOG_TWO_PI = math.log(2.0 * math.pi)
_NOWHERE = 1e9  # a curve that cannot be evaluated: no score comes near it


class _Moments(NamedTuple):
    """Inner products under the inverse covariance [scale, draw] of z = score - chance - offset, 1 and G."""

    zz: Any
    z1: Any
    zg: Any
    gg: Any
    g1: Any
    ones: Any  # [scale, 1]


class _Terms(NamedTuple):
    """The integrals' pieces [floor component, scale, draw], and the rise's normal before its range cuts it."""

    log_density: Any
    rise_mean: Any
    rise_scale: Any


@final
@dataclass(frozen=True)
class ScoreLikelihood:
    r"""$\ln p(y \mid \theta)$ of shape coordinates $\theta$.

    $y = b + f + \Delta\, G_\theta(L) + O_\theta(L) + e$ with $e \sim \sum_k w_k N(0, \Sigma_k)$; integrated over
    $f \sim .7 N(0, .015^2) + .3 N(0, .08^2)$ (scaled by chance) and $\Delta$ uniform on the shape's range, both
    exactly: given k and the floor's component the score is normal and affine in both.
    """

    rows: ScoreRows
    shape: Shape
    reference: LinkReference
    scales: NoiseScales
    noise: Whitening

    def __call__(self, standard: Float[Array, "draw coordinate"]) -> Float[Array, "draw"]:
        """Log likelihood at shape coordinates given as standard normal ones."""
        log_density = self._terms(standard).log_density
        return _log_sum(log_density.reshape(-1, log_density.shape[-1]))

    def by_scale(self, standard: Float[Array, "draw coordinate"]) -> Float[Array, "scale draw"]:
        """The same before the sum over the grid of noise scales (their prior included)."""
        return _log_sum(self._terms(standard).log_density)

    def complete(
        self, standard: Float[Array, "draw coordinate"], *, rng: np.random.Generator
    ) -> tuple[Float[Array, "draw"], Float[Array, "draw"], Int[Array, "draw"]]:
        """Draws of floor offset, rise and noise scale's index given the shape coordinates."""
        moments = self._moments(standard)
        terms = self._terms(standard, moments)
        component, scale = self._pick(terms.log_density, rng)
        each = np.arange(len(standard))
        low, high = self.shape.rise
        mean, spread = terms.rise_mean[component, scale, each], terms.rise_scale[component, scale, each]
        rise = _truncated_normal(mean, spread, low=low, high=high, rng=rng)
        variance = np.asarray(floor_scales(self.rows.chance))[component] ** 2
        precision = 1.0 / variance + moments.ones[scale, 0]
        floor = (moments.z1[scale, each] - rise * moments.g1[scale, each]) / precision
        return floor + rng.standard_normal(len(each)) / np.sqrt(precision), rise, scale

    def expected(self, standard: Float[Array, "draw coordinate"]) -> tuple[Any, Any]:
        """Floor offset and rise [draw] that are most likely given the coordinates and the likeliest noise scale."""
        moments = self._moments(standard)
        terms = self._terms(standard, moments)
        each = np.arange(len(standard))
        flat = terms.log_density.reshape(-1, len(standard)).argmax(axis=0)
        component, scale = np.unravel_index(flat, terms.log_density.shape[:2])
        rise = np.clip(terms.rise_mean[component, scale, each], *self.shape.rise)
        precision = 1.0 / np.asarray(floor_scales(self.rows.chance))[component] ** 2 + moments.ones[scale, 0]
        return (moments.z1[scale, each] - rise * moments.g1[scale, each]) / precision, rise

    def curves(self, standard: Any, loss: Any) -> tuple[Any, Any]:
        """$O_\\theta$ and $G_\\theta$ [draw, point]: score minus chance at rise 0, and what a rise of 1 adds."""
        coordinates = {name: value[:, np.newaxis] for name, value in self.shape.coordinates(standard).items()}
        # A power of a width at the far ends of the priors may leave float64: such points get no likelihood.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            zero, one = (
                self.shape.link.from_reference(
                    {**coordinates, "floor_offset": 0.0, "rise_at_lowest": rise}, self.reference
                ).lift(loss)
                for rise in (0.0, 1.0)
            )
            gain = one - zero
        usable = np.isfinite(zero) & np.isfinite(gain) & (np.abs(gain) < _NOWHERE)
        return np.where(usable, zero, _NOWHERE), np.where(usable, gain, 0.0)

    def _times_precision(self, vector: Any) -> Any:
        """$\\Sigma_k^{-1} v$ [scale, row] of one vector [row]."""
        parts = []
        for block, factor in zip(self.rows.blocks, self.noise.factors, strict=True):
            white = factor @ vector[block]
            parts.append(np.einsum("kij,ki->kj", factor, white))
        return np.concatenate(parts, axis=1)

    def _moments(self, standard: Any) -> _Moments:
        offset, gain = self.curves(standard, self.rows.loss)
        bent = bool(np.any(offset))
        z = self.rows.score - self.rows.chance - (offset if bent else np.zeros((1, len(self.rows.loss))))
        forms = self.noise.forms
        sums = forms.sums
        zz, gg = forms(z), forms(gain)
        zg = 0.25 * (forms(gain + z) - forms(gain - z)) if bent else self._times_precision(z[0]) @ gain.T
        shape = gg.shape
        z1 = np.broadcast_to((z @ sums).T, shape)
        return _Moments(np.broadcast_to(zz, shape), z1, zg, gg, (gain @ sums).T, sums.sum(axis=0)[:, np.newaxis])

    def _terms(self, standard: Any, moments: _Moments | None = None) -> _Terms:
        m = self._moments(standard) if moments is None else moments
        low, high = self.shape.rise
        log_density, means, spreads = [], [], []
        for weight, floor_scale in zip(FLOOR_WEIGHTS, floor_scales(self.rows.chance), strict=True):
            absorbed = floor_scale**2 / (1.0 + floor_scale**2 * m.ones)
            curvature = np.maximum(m.gg - absorbed * m.g1**2, 1e-12)
            mean = (m.zg - absorbed * m.g1 * m.z1) / curvature
            spread = 1.0 / np.sqrt(curvature)
            left = m.zz - absorbed * m.z1**2 - mean**2 * curvature
            inside = _log_normal_mass((low - mean) / spread, (high - mean) / spread)
            log_density.append(
                math.log(weight)
                + (self.scales.log_prior - 0.5 * self.noise.log_determinant)[:, np.newaxis]
                - 0.5 * np.log1p(floor_scale**2 * m.ones)
                - 0.5 * left
                + 0.5 * _LOG_TWO_PI
                + np.log(spread)
                + inside
                - math.log(high - low)
                - 0.5 * len(self.rows.loss) * _LOG_TWO_PI
            )
            means.append(mean)
            spreads.append(spread)
        return _Terms(np.stack(log_density), np.stack(means), np.stack(spreads))

    @staticmethod
    def _pick(log_density: Any, rng: np.random.Generator) -> tuple[Any, Any]:
        """One floor component and noise scale for each draw, by their posterior mass."""
        components, scales, draws = log_density.shape
        flat = log_density.reshape(components * scales, draws)
        # The largest of log density plus Gumbel noise is a draw from the normalised density.
        picked = np.argmax(flat + rng.gumbel(size=flat.shape), axis=0)
        return picked // scales, picked % scales


def _log_sum(values: Any) -> Any:
    """Log of the sum of exponentials over the first axis."""
    top = values.max(axis=0)
    return top + np.log(np.exp(values - top).sum(axis=0))


def _log_normal_mass(low: Any, high: Any) -> Any:
    r"""$\ln(\Phi(high) - \Phi(low))$, exact in both tails."""
    from scipy.special import log_ndtr

    flip = low > 0
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    upper = log_ndtr(b)
    return upper + np.log(-np.expm1(np.minimum(log_ndtr(a) - upper, -1e-300)))


def _truncated_normal(mean: Any, spread: Any, *, low: float, high: float, rng: np.random.Generator) -> Any:
    """Draws of a normal kept between `low` and `high`, by its inverse on the log scale of the nearer tail."""
    from scipy.special import log_ndtr, ndtri_exp

    a, b = (low - mean) / spread, (high - mean) / spread
    flip = a > 0
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    share = rng.uniform(size=mean.shape)
    bottom, top = log_ndtr(a), log_ndtr(b)
    log_mass = np.logaddexp(np.log(share) + top, np.log1p(-share) + bottom)
    z = ndtri_exp(np.minimum(log_mass, 0.0))
    return np.clip(mean + spread * np.where(flip, -z, z), low, high)
