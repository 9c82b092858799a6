"""The posterior of a curve law: what it says about the loss of a run under any schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.curves import AbstractCurveLaw, CurveNodes
from scaling.curves.reach import AnnealingReach

SMALLEST_CURVE_NOISE = 2e-5  # of ln L: the fourth decimal of a loss near 3, to which logs are rounded
WARM_POWER = 3  # of warm-up steps over steps: how fast the error that the warm-up leaves dies away
# Of ln L per square root of an e-fold of steps beyond those fitted, on top of the processes: a rounded estimate of how
# far fits of the first third and half of Luo et al.'s constant-rate runs of 24,000 steps missed the rest.
REACH_ERROR = 0.0025
_NOISE_DEGREES_OF_FREEDOM = 4  # of single checkpoints: their spikes are heavier than a normal's tail
_JITTER = 1e-12  # of a variance, added where a covariance is factored


@final
@dataclass(frozen=True)
class KnownCurve:
    """Summaries of one run that was fitted, for forecasts that continue it.

    - `log_step`, `log_loss`, `noise_share`, `relative_rate` [row]; `nodes`: schedule at each.
    """

    log_step: Float[Array, "row"]
    log_loss: Float[Array, "row"]
    noise_share: Float[Array, "row"]
    relative_rate: Float[Array, "row"]
    nodes: CurveNodes


@final
@dataclass(frozen=True)
class AnnealingPosterior:
    r"""Draws of a curve law and of the scales of its error.

    - `law`: coefficients with a draw axis.
    - `error`: `trend_error` $\tau$, `response_error` $\delta$, `warm_error` $\kappa$, `run_scale`, `length` $\ell$
      (e-folds of steps), `noise_scale` $\sigma$ at the peak rate, `response_growth` s, each [draw].
    - `peak_rate`: learning rate that $\sigma$ refers to. `last_step`: of the runs fitted.
    - `reach`: how deep and how old the annealing of the runs fitted is. `runs`: those fitted, by name.

    Beyond `last_step` nothing has shown that the error returns to zero: there the Ornstein-Uhlenbeck processes go on as
    the Brownian motion that they are at short range, with $2 / \ell$ of variance an e-fold, and the law itself may
    err by `REACH_ERROR` per square root of an e-fold. Where annealing is deeper or older than `reach`, the response
    errs by a further walk: by the share s of itself per square root of an e-fold, in depth and in age.
    """

    law: AbstractCurveLaw
    error: Mapping[str, Float[Array, "draw"]]
    peak_rate: float
    last_step: int
    reach: AnnealingReach
    runs: Mapping[str, KnownCurve]

    def __len__(self) -> int:
        return len(self.error["length"])

    def every(self, step: int) -> AnnealingPosterior:
        """The posterior with one draw kept of `step`."""
        error = {name: values[::step] for name, values in self.error.items()}
        return replace(self, law=self.law[::step], error=error)

    def log_law(self, nodes: CurveNodes) -> Float[Array, "draw row"]:
        """ln of the law's loss."""
        return np.log(self.law[..., np.newaxis].loss(nodes))

    def log_loss(
        self, nodes: CurveNodes, log_step: Float[Array, "row"], *, rng: np.random.Generator
    ) -> Float[Array, "draw row"]:
        """Draws of ln loss of one new run, without checkpoint noise: law, seed and the error of the law's form."""
        mean, factor = self._new_run(nodes, log_step)
        return mean + np.einsum("dij,dj->di", factor, rng.standard_normal(mean.shape))

    def continued_log_loss(
        self, nodes: CurveNodes, log_step: Float[Array, "row"], *, run: str, rng: np.random.Generator
    ) -> Float[Array, "draw row"]:
        """The same for the fitted run `run` at other steps, given what it has shown."""
        known = self.runs[run]
        count = len(known.log_step)
        both = CurveNodes(
            **{
                name: _joined(getattr(known.nodes, name), getattr(nodes, name))
                for name in ("area", "drop", "log_rate", "warm")
            },
            since=_joined(known.nodes.since, nodes.since, fill=1.0),
            steps_since=_joined(known.nodes.steps_since, nodes.steps_since, fill=1.0),
        )
        steps = np.concatenate([known.log_step, log_step])
        mean, covariance = self.log_law(both), self.covariance(both, steps)
        noise = (self.error["noise_scale"][:, None] * known.relative_rate) ** 2 * known.noise_share
        seen = covariance[:, :count, :count] + _diagonal(noise + SMALLEST_CURVE_NOISE**2)
        gain = np.linalg.solve(seen, covariance[:, :count, count:]).transpose(0, 2, 1)
        middle = mean[:, count:] + np.einsum("dij,dj->di", gain, known.log_loss - mean[:, :count])
        left = covariance[:, count:, count:] - gain @ covariance[:, :count, count:]
        factor = _factor(left)
        return middle + np.einsum("dij,dj->di", factor, rng.standard_normal(middle.shape))

    def checkpoint_noise(self, rates: Float[Array, "row"], *, rng: np.random.Generator) -> Float[Array, "draw row"]:
        """Draws of the noise of single checkpoints on ln loss: Student-t, its scale in proportion to the rate."""
        scale = np.hypot(self.error["noise_scale"][:, None] * rates / self.peak_rate, SMALLEST_CURVE_NOISE)
        shape = (len(self), len(rates))
        unit = np.sqrt(1.0 - 2.0 / _NOISE_DEGREES_OF_FREEDOM)
        return scale * unit * rng.standard_t(_NOISE_DEGREES_OF_FREEDOM, size=shape)

    def _new_run(
        self, nodes: CurveNodes, log_step: Float[Array, "row"]
    ) -> tuple[Float[Array, "draw row"], Float[Array, "draw row row"]]:
        return self.log_law(nodes), _factor(self.covariance(nodes, log_step))

    def covariance(self, nodes: CurveNodes, log_step: Float[Array, "row"]) -> Float[Array, "draw row row"]:
        """Of ln loss along one new run given the law: seed and the error of the law's form, no checkpoint noise."""
        law = self.law[..., np.newaxis]
        trend, response = law.trend(nodes), law.response(nodes)
        loss = trend - response
        inside = np.minimum(log_step, np.log(self.last_step))
        beyond = log_step - inside
        length = self.error["length"][:, None, None]
        shape = np.exp(-np.abs(inside[:, None] - inside) / length) + 2.0 * np.minimum(beyond[:, None], beyond) / length
        amplitude = _outer((trend - law.l_inf) / loss * self.error["trend_error"][:, None])
        responded = response / loss
        amplitude = amplitude + _outer(responded * self.error["response_error"][:, None])
        warm = nodes.warm**WARM_POWER
        amplitude = amplitude + _outer(self.error["warm_error"][:, None] * warm)
        reach = REACH_ERROR**2 * np.minimum(beyond[:, None], beyond)
        further = self.reach.beyond(nodes)
        walk = np.minimum(further[:, :, None], further[:, None, :]).sum(axis=0)
        growth = _outer(responded * self.error["response_growth"][:, None]) * walk
        covariance: Any = self.error["run_scale"][:, None, None] ** 2 + amplitude * shape + reach + growth
        return covariance


def _outer(values: Float[Array, "draw row"]) -> Float[Array, "draw row row"]:
    return values[:, :, None] * values[:, None, :]


def _diagonal(values: Float[Array, "draw row"]) -> Float[Array, "draw row row"]:
    return values[:, :, None] * np.eye(values.shape[1])


def _factor(covariance: Float[Array, "draw row row"]) -> Float[Array, "draw row row"]:
    """Lower Cholesky factor; a jitter far below any noise keeps rows at one step apart."""
    return np.linalg.cholesky(covariance + _JITTER * np.eye(covariance.shape[-1]))


def _joined(first: Any, second: Any, *, fill: float = 0.0) -> Any:
    """Rows of both, padded to one width."""
    if first.ndim == 1:
        return np.concatenate([first, second])
    width = max(first.shape[1], second.shape[1])
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=fill) for part in (first, second)]
    )
