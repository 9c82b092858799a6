"""Adam whose learning rates transfer over widths, and an average of the weights that is good at every step."""

from typing import TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from scaling.pretrain.config import OptimizerConfig
from scaling.pretrain.network import LayerWeights, NetworkWeights

Tree = TypeVar("Tree")


def make_optimizer(config: OptimizerConfig, *, width: int, layer_count: int) -> optax.GradientTransformation:
    """Clip, Adam, a rate per matrix kind, then warm-up to a constant rate.

    Matrices inside the layers and the head learn at rate x reference_width / width, embedding and gains at the
    rate itself, so that one peak rate suits every width (Yang et al. 2022, table 8).
    """
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.scale_by_adam(b1=config.beta_1, b2=config.beta_2),
        _scaled_by(rate_multipliers(width / config.reference_width, layer_count=layer_count)),
        optax.scale_by_learning_rate(_learning_rate(config)),
    )


def rate_multipliers(relative_width: float, *, layer_count: int) -> NetworkWeights:
    """Factor on the learning rate of each weight array, at `relative_width` = width / reference width."""
    one, matrix = jnp.float32(1), jnp.float32(1 / relative_width)
    layer = LayerWeights(
        attention_gain=one, query_key_value=matrix, attention_out=matrix, mlp_gain=one, mlp_in=matrix, mlp_out=matrix
    )
    return NetworkWeights(embedding=one, layers=(layer,) * layer_count, final_gain=one, head=matrix)


def averaged(average: Tree, weights: Tree, *, step: Int[Array, ""], power: float) -> Tree:
    r"""Polynomial average after step t = 0, 1, ...: $e_t = e_{t-1} + \frac{g+1}{t+g+1} (w_t - e_{t-1})$.

    Weight i is held in proportion to about $i^g$, so the average forgets its start at every scale and stands in for
    a decay of the learning rate at any moment (Shamir & Zhang 2013, section 4).
    """
    share = jnp.float32(power + 1) / (step.astype(jnp.float32) + jnp.float32(power + 1))
    return jax.tree.map(lambda mean, new: mean + share * (new - mean), average, weights)


def _learning_rate(config: OptimizerConfig) -> optax.Schedule:
    def rate(count: Int[Array, ""]) -> Float[Array, ""]:
        warm = jnp.minimum(jnp.float32(1), (count + 1).astype(jnp.float32) / jnp.float32(max(config.warmup_steps, 1)))
        return jnp.float32(config.peak_learning_rate) * warm

    return rate


def _scaled_by(multipliers: NetworkWeights) -> optax.GradientTransformation:
    def update(
        updates: optax.Updates, state: optax.EmptyState, _: object = None
    ) -> tuple[optax.Updates, optax.OptState]:
        return jax.tree.map(lambda one, factor: one * factor, updates, multipliers), state

    return optax.GradientTransformation(lambda _: optax.EmptyState(), update)
