"""A decoder-only transformer with its shapes in its annotations: d width, h heads, e head size, f = 4 d, v vocabulary.

Activations are kept flat, [batch x time, d]: on CPU the weight-gradient product of a flat [n, d] array ran a third
faster than that of a [b, t, d] one. Layers are unrolled for the same reason (a scan over layers cost 1.4x).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from scaling.pretrain.config import NetworkConfig

NORM_EPSILON = 1e-6

QUERY_KEY_SCALE = 0.3
"""Deviation of the first query and key weights, in units of 1/sqrt(fan in)."""


class LayerWeights(NamedTuple):
    """One layer: normalise, attend, add; normalise, squared-ReLU MLP, add."""

    attention_gain: Float[Array, " d"]
    query_key_value: Float[Array, "d 3*d"]
    attention_out: Float[Array, "d d"]
    mlp_gain: Float[Array, " d"]
    mlp_in: Float[Array, "d f"]
    mlp_out: Float[Array, "f d"]


class NetworkWeights(NamedTuple):
    """All weights of the network."""

    embedding: Float[Array, "v d"]
    layers: tuple[LayerWeights, ...]
    final_gain: Float[Array, " d"]
    head: Float[Array, "d v"]


def initial_weights(config: NetworkConfig, key: PRNGKeyArray) -> NetworkWeights:
    """Normal weights of deviation 1/sqrt(fan in), gains of one; what writes to the stream or the output is zero.

    So every layer starts as the identity and the first loss is ln v exactly, at every width. All embeddings share one
    random vector of the size of their own part: without biases it is what attention by position alone can hold on to.
    Queries and keys start small, so that attention
    starts broad: at full deviation copying came later, or not at all.
    """
    width, hidden = config.width, 4 * config.width
    own_key, shared_key, *layer_keys = jax.random.split(key, 2 + config.layer_count)

    narrow = jnp.repeat(jnp.array([QUERY_KEY_SCALE, QUERY_KEY_SCALE, 1.0], jnp.float32), width)

    def layer(key: PRNGKeyArray) -> LayerWeights:
        attention_key, mlp_key = jax.random.split(key)
        return LayerWeights(
            attention_gain=jnp.ones(width, jnp.float32),
            query_key_value=_normal(attention_key, width, 3 * width) * narrow,
            attention_out=jnp.zeros((width, width), jnp.float32),
            mlp_gain=jnp.ones(width, jnp.float32),
            mlp_in=_normal(mlp_key, width, hidden),
            mlp_out=jnp.zeros((hidden, width), jnp.float32),
        )

    own = jax.random.normal(own_key, (config.vocabulary_size, width), jnp.float32)
    return NetworkWeights(
        embedding=own + jax.random.normal(shared_key, (1, width), jnp.float32),
        layers=tuple(layer(key) for key in layer_keys),
        final_gain=jnp.ones(width, jnp.float32),
        head=jnp.zeros((width, config.vocabulary_size), jnp.float32),
    )


def _normal(key: PRNGKeyArray, rows: int, columns: int) -> Float[Array, "rows columns"]:
    return jax.random.normal(key, (rows, columns), jnp.float32) * jnp.float32(rows**-0.5)


def logits(
    weights: NetworkWeights, tokens: Int[Array, "batch time"], *, config: NetworkConfig
) -> Float[Array, "batch time v"]:
    """Unnormalised log-probabilities of the token after each place, in float32."""
    batch, time = tokens.shape
    turns = _rotations(time, head_size=config.head_size, base=config.rope_base)
    stream = weights.embedding[tokens.reshape(-1)]
    for layer in weights.layers:
        normed = _normalised(stream, layer.attention_gain)
        stream = stream + _attention(normed, layer, turns, shape=(batch, time, config.head_count, config.head_size))
        inner = jax.nn.relu(_normalised(stream, layer.mlp_gain) @ layer.mlp_in)
        stream = stream + (inner * inner) @ layer.mlp_out
    return (_normalised(stream, weights.final_gain) @ weights.head).reshape(batch, time, -1)


def _normalised(x: Float[Array, "n d"], gain: Float[Array, " d"]) -> Float[Array, "n d"]:
    """Root-mean-square normalisation (Zhang & Sennrich 2019)."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + jnp.float32(NORM_EPSILON)) * gain


def _attention(
    x: Float[Array, "n d"],
    layer: LayerWeights,
    turns: tuple[Float[Array, "time 1 half"], Float[Array, "time 1 half"]],
    *,
    shape: tuple[int, int, int, int],
) -> Float[Array, "n d"]:
    """Causal attention of every head, written out: the library call was slower on CPU."""
    batch, time, heads, size = shape
    query, key, value = jnp.moveaxis((x @ layer.query_key_value).reshape(batch, time, 3, heads, size), 2, 0)
    query, key = _rotated(query, turns), _rotated(key, turns)
    scores = jnp.einsum("bqhe,bkhe->bhqk", query, key) * jnp.float32(size**-0.5)
    causal = jnp.tril(jnp.ones((time, time), bool))
    attended = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf), axis=-1)
    return jnp.einsum("bhqk,bkhe->bqhe", attended, value).reshape(batch * time, -1) @ layer.attention_out


def _rotations(
    time: int, *, head_size: int, base: float
) -> tuple[Float[Array, "time 1 half"], Float[Array, "time 1 half"]]:
    r"""Cosines and sines of position times $base^{-2 i / e}$ (Su et al. 2021)."""
    half = head_size // 2
    frequencies = jnp.float32(base) ** (-jnp.arange(half, dtype=jnp.float32) / jnp.float32(half))
    angles = jnp.arange(time, dtype=jnp.float32)[:, None, None] * frequencies
    return jnp.cos(angles), jnp.sin(angles)


def _rotated(
    x: Float[Array, "batch time h e"], turns: tuple[Float[Array, "time 1 half"], Float[Array, "time 1 half"]]
) -> Float[Array, "batch time h e"]:
    """Rotary position embedding on the two halves of each head."""
    cosine, sine = turns
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cosine - right * sine, left * sine + right * cosine], axis=-1)
