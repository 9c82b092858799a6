"""Training: many optimiser steps in one compiled call, on buffers that are donated to it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, UInt8

from scaling.pretrain.config import NetworkConfig, RunConfig
from scaling.pretrain.network import NetworkWeights, initial_weights, logits
from scaling.pretrain.optimizer import averaged, make_optimizer

Batches = UInt8[Array, "step row place"]


class TrainState(NamedTuple):
    """All that a run needs to go on, beside its configuration: the data follow from the step.

    - `step`: optimiser steps taken.
    - `weights`: what the gradient is taken at; `average`: what is evaluated.
    """

    step: Int[Array, ""]
    weights: NetworkWeights
    average: NetworkWeights
    optimizer: optax.OptState


TrainSteps = Callable[[TrainState, UInt8[np.ndarray, "step row place"]], tuple[TrainState, Float[Array, " step"]]]


def initial_state(config: RunConfig) -> TrainState:
    """The state before the first step, from the run's seed."""
    weights = initial_weights(config.network, jax.random.key(config.seed))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        weights=weights,
        average=jax.tree.map(jnp.copy, weights),
        optimizer=_optimizer(config).init(weights),
    )


def mean_loss(weights: NetworkWeights, rows: UInt8[Array, "row place"], *, config: NetworkConfig) -> Float[Array, ""]:
    """Mean loss of all predicted tokens of the rows, nats per token."""
    tokens = rows.astype(jnp.int32)
    scores = logits(weights, tokens[:, :-1], config=config)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(scores, tokens[:, 1:]))


def make_train_steps(config: RunConfig) -> TrainSteps:
    """A compiled function that takes one step a batch and returns the new state and each step's loss.

    The state given to it is consumed. One scan over many steps saves the dispatch of each: 1.25x at width 128.
    """
    optimizer = _optimizer(config)

    def one_step(state: TrainState, rows: UInt8[Array, "row place"]) -> tuple[TrainState, Float[Array, ""]]:
        loss, gradient = jax.value_and_grad(mean_loss)(state.weights, rows, config=config.network)
        updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.weights)
        weights = optax.apply_updates(state.weights, updates)
        average = averaged(state.average, weights, step=state.step, power=config.optimizer.averaging_power)
        return TrainState(state.step + 1, weights, average, optimizer_state), loss

    def many_steps(state: TrainState, batches: Batches) -> tuple[TrainState, Float[Array, " step"]]:
        return jax.lax.scan(one_step, state, batches)

    return jax.jit(many_steps, donate_argnums=0)


def _optimizer(config: RunConfig) -> optax.GradientTransformation:
    network = config.network
    return make_optimizer(config.optimizer, width=network.width, layer_count=network.layer_count)
