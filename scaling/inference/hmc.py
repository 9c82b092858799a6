r"""Hamiltonian Monte Carlo with a fixed number of leapfrog steps, whitened, for many data sets and chains in lockstep.

$w$ with $\theta = m + S w$ is sampled, $S S^T$ the covariance by the Laplace approximation at the mode, then by the
draws of the first half of the warm-up. The posterior is then nearly a standard normal, where trajectories of about a
quarter turn are nearly independent draws: no tree is built, chains never wait for each other, and the program compiles
in a fraction of what NUTS takes. What the gate refuses goes on to NUTS (`scaling.inference.nuts`).

Source: Neal 2011, section 5.4 (jittered trajectories); Hoffman and Gelman 2014, section 3.2 (step size).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.inference.nuts import Potential, WhitenedSample
from scaling.inference.progress import Progress, ProgressEvent
from scaling.inference.settings import FitSettings

BLOCK = 100  # iterations of one compiled call, warm-up and draws alike
LONGEST_TRAJECTORY = 6  # leapfrog steps; with a step near .6 a third of a turn to more than half a turn
_FIRST_STEP = 0.4
_LONGEST_STEP = 0.9
_DIVERGED = 1000.0  # energy error at which a trajectory is called divergent, as Stan does
_SHRINKAGE = 5.0  # draws that the unit matrix counts for in the covariance
_DUAL_GAIN, _DUAL_DELAY, _DUAL_DECAY = 0.05, 10.0, 0.75  # Hoffman and Gelman 2014, section 3.2.1


class ChainState(NamedTuple):
    """Where the chains of one data set are: white positions, their energies, and the step size's adaptation."""

    white: Float[Array, "chain dim"]
    potential: Float[Array, "chain"]
    gradient: Float[Array, "chain dim"]
    log_step: Float[Array, ""]
    averaged_log_step: Float[Array, ""]
    error: Float[Array, ""]
    count: Float[Array, ""]


class Chance(NamedTuple):
    """The random numbers of a block, drawn outside: XLA's generators cost more to compile and run than the leaps.

    - `momentum`: standard normal; `acceptance`: uniform; `jitter`: of the step size, one for all chains.
    """

    momentum: Float[Array, "draw chain dim"]
    acceptance: Float[Array, "draw chain"]
    jitter: Float[Array, "draw"]


class Whitening(NamedTuple):
    """$\\theta$ = `center` + `scale` $w$."""

    center: Float[Array, "dim"]
    scale: Float[Array, "dim dim"]


class Block(NamedTuple):
    """What one call keeps: unconstrained draws and the record of each."""

    draws: Float[Array, "draw chain dim"]
    potential: Float[Array, "draw chain"]
    energy: Float[Array, "draw chain"]
    diverging: Float[Array, "draw chain"]
    acceptance: Float[Array, "draw chain"]


@cache
def hmc_program(potential: Potential) -> Any:
    """The compiled `(states, whitenings, data, chance, leaps, (adapting, target)) -> (states, Block)` over [fit]."""

    def white_potential(white: Any, whitening: Whitening, data: Any) -> Any:
        return potential(whitening.center + whitening.scale @ white, data)

    slopes = jax.vmap(jax.value_and_grad(white_potential), in_axes=(0, None, None))

    def iterate(state: ChainState, whitening: Whitening, data: Any, drawn: Any, control: Any) -> Any:
        (adapting, target), (chance, leaps) = control, drawn
        step = chance.jitter * jnp.exp(jnp.where(adapting, state.log_step, state.averaged_log_step))

        def leap(_: Any, at: Any) -> Any:
            white, momentum, _, gradient = at
            half = momentum - 0.5 * step * gradient
            white = white + step * half
            value, gradient = slopes(white, whitening, data)
            return white, half - 0.5 * step * gradient, value, gradient

        start = (state.white, chance.momentum, state.potential, state.gradient)
        white, last, value, gradient = jax.lax.fori_loop(0, leaps, leap, start)
        before = state.potential + 0.5 * jnp.sum(chance.momentum**2, axis=-1)
        rise = value + 0.5 * jnp.sum(last**2, axis=-1) - before
        rise = jnp.where(jnp.isfinite(value), rise, jnp.inf)
        acceptance = jnp.exp(-jnp.maximum(rise, 0.0))
        taken = chance.acceptance < acceptance
        row = taken[:, jnp.newaxis]
        moved = ChainState(
            jnp.where(row, white, state.white),
            jnp.where(taken, value, state.potential),
            jnp.where(row, gradient, state.gradient),
            *_dual_average(state, jnp.mean(acceptance), target, adapting),
        )
        draws = whitening.center + moved.white @ whitening.scale.T
        return moved, Block(draws, moved.potential, before, rise > _DIVERGED, acceptance)

    def advance(state: Any, whitening: Whitening, data: Any, chance: Chance, leaps: Any, control: Any) -> Any:  # noqa: PLR0917
        return jax.lax.scan(
            lambda state, drawn: iterate(state, whitening, data, drawn, control), state, (chance, leaps)
        )

    return jax.jit(jax.vmap(advance, in_axes=(0, 0, 0, 0, None, None)))


def _begun(white: Float[Array, "fit chain dim"]) -> ChainState:
    """Chains that have not evaluated anything: their first trajectory sets off without a slope and is always taken."""
    scalar = np.zeros(len(white))
    first = np.full(len(white), np.log(_FIRST_STEP))
    nowhere = np.full(white.shape[:2], np.inf)
    return ChainState(white, nowhere, np.zeros_like(white), first, first, scalar, scalar)


def _chance(rng: np.random.Generator, shape: tuple[int, ...]) -> Chance:
    fits, chains, size = shape
    return Chance(
        rng.standard_normal((fits, BLOCK, chains, size)),
        rng.random((fits, BLOCK, chains)),
        rng.uniform(0.8, 1.2, size=(fits, BLOCK)),
    )


def _dual_average(state: ChainState, acceptance: Any, target: Any, adapting: Any) -> tuple[Any, Any, Any, Any]:
    count = state.count + 1.0
    share = 1.0 / (count + _DUAL_DELAY)
    error = (1.0 - share) * state.error + share * (target - acceptance)
    log_step = jnp.log(2.0 * _FIRST_STEP) - error * jnp.sqrt(count) / _DUAL_GAIN
    log_step = jnp.minimum(log_step, jnp.log(_LONGEST_STEP))
    decay = count**-_DUAL_DECAY
    averaged = decay * log_step + (1.0 - decay) * state.averaged_log_step
    return (
        jnp.where(adapting, log_step, state.log_step),
        jnp.where(adapting, averaged, state.averaged_log_step),
        jnp.where(adapting, error, state.error),
        jnp.where(adapting, count, state.count),
    )


def sample_hmc(
    potential: Potential,
    data: Any,
    whitening: Whitening,
    *,
    settings: FitSettings,
    progress: Progress,
    longest: int = LONGEST_TRAJECTORY,
    target_acceptance: float = 0.9,
) -> list[WhitenedSample]:
    """`settings.chains` x `settings.draws` of each data set, after two halves of warm-up.

    `data` and `whitening` have a leading axis [fit]. Warm-up and draws are rounded up to a multiple of 100.
    """
    advance = hmc_program(potential)
    fits, size = whitening.center.shape
    shape = (fits, settings.chains, size)
    rng = np.random.default_rng([settings.seed, 3])
    white = 1.5 * rng.standard_normal(shape)  # wider than the posterior, for R-hat
    half = max(1, -(-settings.warmup // (2 * BLOCK)))

    def block(states: ChainState, *, adapting: bool) -> tuple[ChainState, Block]:
        control = (adapting, target_acceptance)
        moved = advance(states, whitening, data, _chance(rng, shape), leapfrog_counts(rng, longest), control)
        return jax.device_get(moved)  # type: ignore[no-any-return]

    for part in range(2):
        states = _begun(white)
        for call in range(half):
            progress(ProgressEvent("warm-up", (part * half + call) * BLOCK, 2 * half * BLOCK))
            states, warm = block(states, adapting=True)
        if part == 0:
            white, whitening = rewhitened(states, whitening, warm)
    kept: list[Block] = []
    divergences = 0
    for done in range(0, settings.draws, BLOCK):
        progress(ProgressEvent("draws", done, settings.draws, divergences))
        states, drawn = block(states, adapting=False)
        kept.append(drawn)
        divergences += int(drawn.diverging.sum())
    progress(ProgressEvent("draws", settings.draws, settings.draws, divergences))
    step = np.exp(np.asarray(states.averaged_log_step))
    joined = Block(*(np.concatenate(parts, axis=1)[:, : settings.draws] for parts in zip(*kept, strict=True)))
    return [_sample_of(joined, fit, step=float(step[fit]), longest=longest) for fit in range(fits)]


def _sample_of(block: Block, fit: int, *, step: float, longest: int) -> WhitenedSample:
    chains = block.potential.shape[2]
    return WhitenedSample(
        draws=np.moveaxis(block.draws[fit], 0, 1),
        potential=block.potential[fit].T,
        energy=block.energy[fit].T,
        diverging=block.diverging[fit].T,
        steps=np.full(block.potential[fit].T.shape, longest),
        acceptance=block.acceptance[fit].T,
        step_size=np.full(chains, step),
    )


def leapfrog_counts(rng: np.random.Generator, longest: int) -> Int[Array, "draw"]:
    """Steps of each trajectory of a block, between a third of `longest` and `longest`: no period can be resonant."""
    return rng.integers(max(1, longest // 3), longest + 1, size=BLOCK)


def rewhitened(
    states: ChainState, whitening: Whitening, block: Block
) -> tuple[Float[Array, "fit chain dim"], Whitening]:
    """White positions and the whitening by mean and covariance of a block's second half, the chains pooled.

    The covariance in the old white coordinates is drawn towards the unit matrix as if by five draws. A data set whose
    chains have not moved keeps its whitening.
    """
    draws = np.asarray(block.draws)[:, BLOCK // 2 :]
    fits, kept, chains, size = draws.shape
    centered = draws.reshape(fits, kept * chains, size) - np.asarray(whitening.center)[:, np.newaxis]
    white = np.linalg.solve(np.asarray(whitening.scale)[:, np.newaxis], centered[..., np.newaxis])[..., 0]
    mean = white.mean(axis=1, keepdims=True)
    count = white.shape[1]
    spread = np.einsum("fni,fnj->fij", white - mean, white - mean)
    covariance = (spread + _SHRINKAGE * np.eye(size)) / (count + _SHRINKAGE)
    usable = np.isfinite(covariance).all(axis=(1, 2), keepdims=True) & (
        np.diagonal(spread, axis1=1, axis2=2).min(axis=1)[:, np.newaxis, np.newaxis] > 0
    )
    factor = np.linalg.cholesky(np.where(usable, covariance, np.eye(size)))
    shift = np.where(usable[..., 0], mean[:, 0], 0.0)
    scale = np.asarray(whitening.scale) @ factor
    center = np.asarray(whitening.center) + np.einsum("fij,fj->fi", np.asarray(whitening.scale), shift)
    at = np.linalg.solve(factor[:, np.newaxis], (np.asarray(states.white) - shift[:, np.newaxis])[..., np.newaxis])
    return at[..., 0], Whitening(center, scale)
