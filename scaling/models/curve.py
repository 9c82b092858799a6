"""The model of one learning curve: a law in one variable plus a local level that drifts, with Student-t noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
from numpyro.distributions.transforms import SigmoidTransform

from scaling._pytree import Array
from scaling.laws import AbstractLaw, Reference
from scaling.models.loss import NOISE_PRIOR
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM
from scaling.prior_specs import LogitNormal, LogNormal, Normal, PriorSpec

# Error of a law's form on log loss per square root of an e-fold: what real extrapolations of the loss showed (1 %).
DRIFT_PRIOR = LogNormal(median=0.01, scale=0.6)
# A curve runs over many e-folds from its start, so that neither floor nor exponent is near those of final losses.
_POWER_PRIORS: Mapping[str, PriorSpec] = {
    "level": Normal(loc=0.0, scale=0.3),
    "floor_share": LogitNormal(loc=0.0, scale=1.2),
    "alpha": LogNormal(median=0.5, scale=0.6),
}
_logistic = SigmoidTransform()


class CurveData(NamedTuple):
    """Rows of one curve in the order of x, padded to a bucket.

    - `count`: x (tokens, examples); `log_loss`: ln of the loss; padded rows repeat the last.
    - `real`: True for a row, False for padding.
    """

    count: Float[Array, "row"]
    log_loss: Float[Array, "row"]
    real: Bool[Array, "row"]
    reference_count: Float[Array, ""]
    reference_loss: Float[Array, ""]


class CurveState(NamedTuple):
    """Where the drift stands after the last row, given coefficients and scales.

    - `noise`, `drift`: scales of one row's noise and of the drift per square root of an e-fold, on log loss.
    - `level`, `variance`: mean and variance of the drift after the last row.
    """

    noise: Float[Array, "*draw"]
    drift: Float[Array, "*draw"]
    level: Float[Array, "*draw"]
    variance: Float[Array, "*draw"]


def curve_priors(law_class: type[AbstractLaw]) -> Mapping[str, PriorSpec]:
    """Priors of a curve's reference coordinates: the law's own, wider ones where those are for final losses."""
    return _POWER_PRIORS if law_class.name.startswith("power") else law_class.priors


def coordinate_count(law_class: type[AbstractLaw], *, drifts: bool) -> int:
    """Number of standard normal coordinates: the law's, the noise scale's and, where it drifts, the drift scale's."""
    return len(law_class.priors) + (2 if drifts else 1)


def law_of(law_class: type[AbstractLaw], position: Float[Array, "... coordinate"], reference: Reference) -> Any:
    """The law at standard normal coordinates, each mapped to its prior."""
    coordinates = {
        name: _from_standard_normal(spec, position[..., index])
        for index, (name, spec) in enumerate(curve_priors(law_class).items())
    }
    return law_class.from_reference(coordinates, reference)


def curve_potential(law_class: type[AbstractLaw], *, drifts: bool) -> Callable[[Any, CurveData], Any]:
    r"""Minus the log posterior density in coordinates z whose prior is standard normal.

    $\ln L_i \mid \text{rows before} \sim \mathrm{StudentT}_4(\ln L(x_i) + m_i, \sqrt{P_i + \sigma^2})$ with the level
    of a random walk, $m_{i+1} = m_i + K_i w_i v_i$: $v_i$ is the surprise, $K_i$ Kalman's gain for a walk of variance
    $s^2$ per e-fold, $w_i = (\nu + 1) / (\nu + v_i^2 / (P_i + \sigma^2))$ what a spoilt row is trusted by.
    Without drift $s = 0$. The walk makes late rows speak for what comes next, whatever the law missed before them.

    Source: the filter of Harvey 2013 (Dynamic Models for Volatility and Heavy Tails, section 3), for a local level.
    """

    def potential(position: Any, data: CurveData) -> Any:
        log_density, _ = _filter(law_class, position, data, drifts=drifts)
        value = 0.5 * jnp.sum(position**2) - log_density
        return jnp.where(jnp.isfinite(value), value, 1e12)

    return potential


def curve_state(law_class: type[AbstractLaw], position: Any, data: CurveData, *, drifts: bool) -> CurveState:
    """The drift after the last row at standard normal coordinates."""
    return _filter(law_class, position, data, drifts=drifts)[1]


def _filter(law_class: type[AbstractLaw], position: Any, data: CurveData, *, drifts: bool) -> tuple[Any, CurveState]:
    law = law_of(law_class, position, Reference(1.0, data.reference_count, data.reference_loss))
    after = len(law_class.priors)
    noise = _from_standard_normal(NOISE_PRIOR, position[after])
    drift = _from_standard_normal(DRIFT_PRIOR, position[after + 1]) if drifts else jnp.asarray(0.0)
    log_count = jnp.log(data.count)
    step = jnp.diff(log_count, prepend=log_count[:1])
    nu = NOISE_DEGREES_OF_FREEDOM
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)

    def advance(carry: Any, row: Any) -> Any:
        level, variance, total = carry
        residual, distance, real = row
        variance = variance + drift**2 * distance
        scale = variance + noise**2
        surprise = residual - level
        square = surprise**2 / scale
        trust = (nu + 1) / (nu + square)
        gain = variance / scale
        density = constant - 0.5 * jnp.log(scale) - 0.5 * (nu + 1) * jnp.log1p(square / nu)
        moved = (level + gain * trust * surprise, variance * (1.0 - gain), total + density)
        return jax.tree.map(lambda new, old: jnp.where(real, new, old), moved, (level, variance, total)), None

    start = (jnp.asarray(0.0), jnp.asarray(0.0), jnp.asarray(0.0))
    rows = (data.log_loss - law.log_loss(d=data.count), step, data.real)
    (level, variance, total), _ = jax.lax.scan(advance, start, rows, unroll=4)
    return total, CurveState(noise, drift, level, variance)


def _from_standard_normal(spec: PriorSpec, z: Any) -> Any:
    if isinstance(spec, Normal):
        return spec.loc + spec.scale * z
    if isinstance(spec, LogitNormal):
        return _logistic(spec.loc + spec.scale * z)
    assert isinstance(spec, LogNormal), "laws of one variable state normal, log-normal and logit-normal priors"
    return spec.median * jnp.exp(spec.scale * z)
