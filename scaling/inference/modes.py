"""Modes of many posteriors at once, by damped Newton steps from several starts each."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.inference.nuts import Potential

_MOST_STEPS = 100
_LONGEST_STEP = 2.0
_ARRIVED = 1e-6  # decrease promised by a Newton step, nats
_DIFFERENCE_STEP = 1e-4  # central differences of the gradient: good to 1e-6, a quarter of the exact one to compile
_GIVE_UP_DAMPING = 1e10
_CURVATURE_FLOOR = 1e-2  # of the preconditioner only: a flat direction is stepped through, not divided by


class Modes(NamedTuple):
    """The lowest mode of each data set.

    - `position`; `scale` $S$ with $S S^T = H^{-1}$, curvatures below .01 raised to it.
    - `potential` there; `converged`: whether a Newton step promises less than 1e-6 nats and the curvature is positive.
    """

    position: Float[Array, "fit dim"]
    scale: Float[Array, "fit dim dim"]
    potential: Float[Array, "fit"]
    converged: Bool[Array, "fit"]


class _Local(NamedTuple):
    position: Any
    value: Any
    gradient: Any
    hessian: Any


class _State(NamedTuple):
    at: _Local
    trial: Any
    damping: Any
    steps: Any
    ended: Any


@cache
def _program(potential: Potential) -> Any:
    slopes = jax.vmap(jax.value_and_grad(potential), in_axes=(0, None))

    def local(position: Any, data: Any) -> _Local:
        steps = _DIFFERENCE_STEP * jnp.eye(len(position))
        around = jnp.concatenate([position[jnp.newaxis], position + steps, position - steps])
        values, gradients = slopes(around, data)
        above, below = jnp.split(gradients[1:], 2)
        hessian = (above - below) / (2.0 * _DIFFERENCE_STEP)
        return _Local(position, values[0], gradients[0], 0.5 * (hessian + hessian.T))

    def descend(start: Any, data: Any) -> _Local:
        def step(state: _State) -> _State:
            there = local(state.trial, data)
            lower = there.value < state.at.value
            at = jax.tree.map(lambda new, old: jnp.where(lower, new, old), there, state.at)
            damping = jnp.where(lower, jnp.maximum(0.1 * state.damping, 1e-12), jnp.maximum(10 * state.damping, 1e-2))
            move = _newton_step(at, damping)
            definite = jnp.isfinite(move).all()
            damping = jnp.where(definite, damping, jnp.maximum(10.0 * damping, 1e-2))
            arrived = definite & (damping < 1e-2) & (-0.5 * at.gradient @ move < _ARRIVED)
            move = jnp.where(definite, jnp.clip(move, -_LONGEST_STEP, _LONGEST_STEP), 0.0)
            ended = arrived | (damping > _GIVE_UP_DAMPING)
            return _State(at, at.position + move, damping, state.steps + 1, ended)

        size = len(start)
        nowhere = _Local(start, jnp.asarray(jnp.inf), jnp.zeros(size), jnp.eye(size))
        begin = _State(nowhere, start, jnp.asarray(1e-2), jnp.asarray(0), jnp.asarray(False))
        return jax.lax.while_loop(lambda state: ~state.ended & (state.steps < _MOST_STEPS), step, begin).at

    return jax.jit(jax.vmap(jax.vmap(descend, in_axes=(0, None))))


def _newton_step(at: _Local, damping: Any) -> Any:
    """Solved at unit diagonal; NaN where the damped Hessian is not positive definite."""
    scale = jnp.sqrt(jnp.maximum(jnp.abs(jnp.diag(at.hessian)), 1e-12))
    scaled = at.hessian / scale[:, jnp.newaxis] / scale + damping * jnp.eye(len(scale))
    return -jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(scaled), True), at.gradient / scale) / scale


def find_modes(potential: Potential, data: Any, starts: Float[Array, "fit start dim"]) -> Modes:
    """The lowest mode reached from each data set's starts; `data` has a leading axis [fit]."""
    ends = jax.device_get(_program(potential)(starts, data))
    values = np.where(np.isfinite(ends.value), ends.value, np.inf)
    best = np.argmin(values, axis=1)
    rows = np.arange(len(best))
    hessian, gradient = ends.hessian[rows, best], ends.gradient[rows, best]
    finite = np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(values[rows, best])
    curvature, axes = np.linalg.eigh(np.where(finite[:, np.newaxis, np.newaxis], hessian, np.eye(hessian.shape[-1])))
    slope = np.einsum("fij,fi->fj", axes, gradient)
    promised = 0.5 * np.sum(slope**2 / np.maximum(np.abs(curvature), 1e-12), axis=1)
    scale = axes / np.sqrt(np.maximum(np.abs(curvature), _CURVATURE_FLOOR))[:, np.newaxis]
    converged = finite & (promised < 1e3 * _ARRIVED) & (curvature[:, 0] > 0)
    return Modes(ends.position[rows, best], scale, values[rows, best], converged)
