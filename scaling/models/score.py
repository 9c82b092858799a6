"""The model of a task's scores: any link, checkpoints of one run correlated, noise scales summed over a grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import logsumexp
from jaxtyping import Float

from scaling._pytree import Array
from scaling.links import LinkReference
from scaling.models.shapes import FLOOR_WEIGHTS, Shape, floor_scales
from scaling.priors import distribution


class ScoreData(NamedTuple):
    """Scores and the covariances they may have.

    - `loss`, `score` [row]: validation loss, nats per token, and score; `reference`: their scaling.
    - `factors` [scale, row, row]: inverse Cholesky factors of the covariances; `log_determinant`, `log_prior` [scale].
    """

    loss: Float[Array, "row"]
    score: Float[Array, "row"]
    reference: LinkReference
    factors: Float[Array, "scale row row"]
    log_determinant: Float[Array, "scale"]
    log_prior: Float[Array, "scale"]


def score_model(shape: Shape, data: ScoreData) -> None:
    r"""$y \sim \sum_k w_k N(p(L; \theta, f, \Delta), \Sigma_k)$.

    $\theta$ has the priors of the shape's link, $f = $ floor $-$ chance $\sim .7 N(0, .015^2) + .3 N(0, .08^2)$
    (scaled by chance), $\Delta$ = score at the lowest loss minus floor, uniform on the shape's range. NUTS samples it
    where it has one mode; `scaling.inference.score` integrates f and $\Delta$ out and cannot miss one.
    """
    coordinates: dict[str, Any] = {
        name: numpyro.sample(name, distribution(spec)) for name, spec in shape.priors.items()
    }
    scales = jnp.asarray(floor_scales(data.reference.chance))
    components = dist.Normal(jnp.zeros(2), scales)
    mixing = dist.Categorical(probs=jnp.asarray(FLOOR_WEIGHTS))
    coordinates["floor_offset"] = numpyro.sample("floor_offset", dist.MixtureSameFamily(mixing, components))
    coordinates["rise_at_lowest"] = numpyro.sample("rise_at_lowest", dist.Uniform(*shape.rise))
    link: Any = shape.link.from_reference(coordinates, data.reference)
    residual = data.score - link.floor_score() - link.lift(data.loss)
    white = data.factors @ residual
    by_scale = data.log_prior - 0.5 * data.log_determinant - 0.5 * jnp.sum(white**2, axis=1)
    constant = -0.5 * len(data.score) * jnp.log(2.0 * jnp.pi)
    numpyro.factor("log_likelihood", logsumexp(by_scale) + constant)
