r"""Many descents of one summed Huber loss in one compiled call.

$$F(z) = \frac{1}{\delta} \sum_i w_i \, \mathrm{Huber}_\delta(y_i - f_i(z))$$

First the *approach*: reweighted least squares with Marquardt's damping under a wide $\delta$, which comes from
anywhere. Then the *polish*: $f$ is linearised and the convex Huber regression that remains is solved by Newton's
method, damped by its majoriser, until the linearisation has nothing left to gain. What is linear in the residuals
costs a fifth of the law's own evaluation, so the many small steps across the kinks of the loss are cheap.
Sources: Huber and Ronchetti 2009, section 7.8 (reweighting); Madsen and Nielsen 1993 (Newton on Huber's regression);
Anderson and Osborne 1977 (the linearised outer step).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from scaling._pytree import Array

# (position, data) -> residuals [row]. Must be the same object for the same law: programs are kept by it.
Residuals: TypeAlias = Callable[[Any, Any], Any]

CHUNK = 8  # fits that advance together: their rows stay in the processor's cache
_LONGEST_STEP = 2.0  # of an unconstrained coordinate in one step of the approach; half of it in the polish
_APPROACHED = 1e-6  # step below which the approach has arrived
_LINEAR_STEPS = 40
_LINEAR_TOLERANCE = 1e-13  # predicted decrease, relative, that ends the regression
_POLISH_TOLERANCE = 1e-11  # likewise of the linearisation
_NOTHING = 1e-18  # an objective this small is rounding: 1e-9 of delta for one row
_NO_STEP = 1e-10
_GIVE_UP_DAMPING = 1e8
_TINY = 1e-290


class Effort(NamedTuple):
    r"""How a descent is made: at most `approach` steps at $\delta$ = `wide` (none: the start is near), then at most
    `rounds` of polish at `delta`."""

    delta: float
    wide: float
    approach: int
    rounds: int


class Ends(NamedTuple):
    r"""Where the descents ended and what the objective is like there.

    - `position`: unconstrained coordinates; `objective`: $F$ there (a sum in units of $\delta$).
    - `gradient`, `hessian`: of $F$, exact.
    - `rounds`: linearisations made.
    """

    position: Float[Array, "fit coordinate"]
    objective: Float[Array, "fit"]
    gradient: Float[Array, "fit coordinate"]
    hessian: Float[Array, "fit coordinate coordinate"]
    rounds: Int[Array, "fit"]


@cache
def descent_program(residuals: Residuals, *, shared: bool) -> Any:
    """The compiled `(positions, weights, data, count, effort) -> Ends`.

    The first `count` fits are made, the rest are padding. `data` is one for all fits (`shared`), else has a leading
    axis [fit].
    """

    def one(position: Any, weight: Any, data: Any, effort: Effort) -> Ends:
        def model(z: Any) -> Any:
            return residuals(z, data)

        near = _approach(model, position, weight, effort)
        best, taken = _polish(model, near, weight, effort)

        def objective(z: Any) -> Any:
            return _huber(model(z), weight, effort.delta)

        (value, gradient), tangent = jax.linearize(jax.value_and_grad(objective), best)
        hessian = jax.vmap(lambda direction: tangent(direction)[1])(jnp.eye(len(position)))
        return Ends(best, value, gradient, hessian, taken)

    batch = jax.vmap(one, in_axes=(0, 0, None if shared else 0, None))

    @jax.jit
    def program(positions: Any, weights: Any, data: Any, count: Any, effort: Effort) -> Ends:
        def piece(tree: Any, index: Any) -> Any:
            return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, index * CHUNK, CHUNK), tree)

        def chunk(index: Any, ends: Ends) -> Ends:
            rows = data if shared else piece(data, index)
            found = batch(piece(positions, index), piece(weights, index), rows, effort)
            return jax.tree.map(
                lambda all_, part: jax.lax.dynamic_update_slice_in_dim(all_, part, index * CHUNK, 0), ends, found
            )

        fits, size = positions.shape
        empty = Ends(
            jnp.zeros((fits, size)),
            jnp.full(fits, jnp.inf),
            jnp.zeros((fits, size)),
            jnp.zeros((fits, size, size)),
            jnp.zeros(fits, dtype=int),
        )
        return jax.lax.fori_loop(0, (count + CHUNK - 1) // CHUNK, chunk, empty)

    return program


def _huber(residual: Any, weight: Any, delta: Any) -> Any:
    inside = jnp.clip(residual, -delta, delta)
    return jnp.sum(weight * inside * (residual - 0.5 * inside)) / delta


def _linearised(model: Any, position: Any) -> tuple[Any, Any]:
    """Residuals and their derivative [coordinate, row], from one evaluation of the law."""
    residual, tangent = jax.linearize(model, position)
    return residual, jax.vmap(tangent)(jnp.eye(len(position)))


def _newton_step(hessian: Any, gradient: Any, damping: Any = 0.0) -> Any:
    """$-(H + \\lambda\\,\\mathrm{diag} H)^{-1} g$, solved at unit diagonal; NaN where that is not positive definite."""
    scale = jnp.sqrt(jnp.maximum(jnp.diag(hessian), _TINY))
    scaled = hessian / scale[:, jnp.newaxis] / scale + damping * jnp.eye(len(scale))
    factor = jnp.linalg.cholesky(scaled)
    return -jax.scipy.linalg.cho_solve((factor, True), gradient / scale) / scale


class _Local(NamedTuple):
    position: Any
    objective: Any
    gradient: Any
    hessian: Any


class _Approach(NamedTuple):
    at: _Local
    damping: Any
    steps: Any
    arrived: Any


def _approach(model: Any, position: Any, weight: Any, effort: Effort) -> Any:
    def local(z: Any) -> _Local:
        residual, slope = _linearised(model, z)
        # Of the majoriser: never less curved than the loss.
        pull = weight / jnp.maximum(jnp.abs(residual), effort.wide)
        return _Local(z, _huber(residual, weight, effort.wide), slope @ (pull * residual), (slope * pull) @ slope.T)

    def step(state: _Approach) -> _Approach:
        move = _newton_step(state.at.hessian, state.at.gradient, state.damping)
        move = jnp.clip(move, -_LONGEST_STEP, _LONGEST_STEP)
        there = local(state.at.position + move)
        lower = there.objective < state.at.objective
        damping = jnp.where(lower, jnp.maximum(0.2 * state.damping, 1e-12), 5.0 * state.damping)
        arrived = lower & (jnp.max(jnp.abs(move)) < _APPROACHED) | (damping > _GIVE_UP_DAMPING)
        kept = jax.tree.map(lambda new, old: jnp.where(lower, new, old), there, state.at)
        return _Approach(kept, damping, state.steps + 1, arrived)

    def near(_: Any) -> Any:
        begin = _Approach(local(position), jnp.asarray(1e-3), jnp.asarray(0), jnp.asarray(False))
        end = jax.lax.while_loop(lambda state: ~state.arrived & (state.steps < effort.approach), step, begin)
        return end.at.position

    return jax.lax.cond(effort.approach > 0, near, lambda _: position, None)


class _Polish(NamedTuple):
    best: Any
    objective: Any
    trial: Any
    rounds: Any
    ended: Any


def _polish(model: Any, position: Any, weight: Any, effort: Effort) -> tuple[Any, Any]:
    def next_round(state: _Polish) -> _Polish:
        residual, slope = _linearised(model, state.trial)
        objective = _huber(residual, weight, effort.delta)
        lower = objective < state.objective
        move, gain = _linear_regression(residual, slope, weight, effort.delta)
        move = jnp.clip(move, -0.5 * _LONGEST_STEP, 0.5 * _LONGEST_STEP)
        back = 0.3 * (state.trial - state.best)
        nothing_left = gain <= _POLISH_TOLERANCE * objective + _NOTHING
        return _Polish(
            jnp.where(lower, state.trial, state.best),
            jnp.where(lower, objective, state.objective),
            jnp.where(lower, state.trial + move, state.best + back),
            state.rounds + 1,
            jnp.where(lower, nothing_left, ~(jnp.max(jnp.abs(back)) > _NO_STEP)),
        )

    begin = _Polish(position, jnp.asarray(jnp.inf), position, jnp.asarray(0), jnp.asarray(False))
    end = jax.lax.while_loop(lambda state: ~state.ended & (state.rounds < effort.rounds), next_round, begin)
    return end.best, end.rounds


class _Regression(NamedTuple):
    move: Any
    objective: Any
    damping: Any
    steps: Any
    ended: Any


def _linear_regression(residual: Any, slope: Any, weight: Any, delta: Any) -> tuple[Any, Any]:
    """The move that minimises the Huber loss of the linearised residuals, and the decrease that it promises.

    Newton's matrix counts the rows within $\\delta$; the majoriser's, added in proportion to the damping, makes a step
    that cannot fail where those are too few.
    """

    def step(state: _Regression) -> _Regression:
        left = residual + state.move @ slope
        pull = weight / jnp.maximum(jnp.abs(left), delta)
        curved = jnp.where(jnp.abs(left) < delta, weight / delta, 0.0) + state.damping * pull
        gradient = slope @ (pull * left)
        change = _newton_step((slope * curved) @ slope.T, gradient)
        there = state.move + change
        objective = _huber(residual + there @ slope, weight, delta)
        lower = objective < state.objective
        more, less = jnp.maximum(10.0 * state.damping, 1e-3), jnp.maximum(0.1 * state.damping, 1e-9)
        small = -0.5 * gradient @ change <= _LINEAR_TOLERANCE * state.objective + _NOTHING
        return _Regression(
            jnp.where(lower, there, state.move),
            jnp.where(lower, objective, state.objective),
            jnp.where(lower, less, more),
            state.steps + 1,
            small | (state.damping > _GIVE_UP_DAMPING),
        )

    before = _huber(residual, weight, delta)
    begin = _Regression(jnp.zeros(len(slope)), before, jnp.asarray(1e-2), jnp.asarray(0), jnp.asarray(False))
    end = jax.lax.while_loop(lambda state: ~state.ended & (state.steps < _LINEAR_STEPS), step, begin)
    return end.move, before - end.objective
