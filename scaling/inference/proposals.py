"""Importance samples about a mode: multivariate-t proposals, weighted by the density."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from scaling._pytree import Array
from scaling.errors import FitFailed
from scaling.inference.nuts import Mode, Potential
from scaling.models.loss import LossData

PROPOSALS = 4000
FEWEST_EFFECTIVE = 200.0  # of the proposals: below, they say too little
_DEGREES_OF_FREEDOM = 6.0


@final
class Proposals(NamedTuple):
    """Positions and their weights, which sum to 1."""

    position: Float[Array, "draw dim"]
    weight: Float[Array, "draw"]

    @property
    def effective_size(self) -> float:
        """Kish's effective number of the proposals."""
        return float(1.0 / np.sum(self.weight**2))

    def resampled(self, count: int, *, rng: np.random.Generator) -> Float[Array, "kept dim"]:
        """`count` positions drawn with the weights."""
        return self.position[rng.choice(len(self.weight), size=count, p=self.weight)]


@cache
def _density_program(potential: Potential) -> Any:
    return jax.jit(jax.vmap(potential, in_axes=(0, None)))


def weighted_proposals(
    potential: Potential,
    data: LossData,
    about: Mode,
    *,
    rng: np.random.Generator,
    log_tilt: Callable[[Float[Array, "draw dim"]], Float[Array, "draw"]] | None = None,
) -> Proposals:
    """Proposals about a mode, weighted by the posterior's density times the exponential of `log_tilt`."""
    size = len(about.position)
    degrees = _DEGREES_OF_FREEDOM
    white = rng.standard_normal((PROPOSALS, size)) / np.sqrt(rng.chisquare(degrees, size=(PROPOSALS, 1)) / degrees)
    position = about.position + white @ about.scale.T
    log_proposal = -0.5 * (degrees + size) * np.log1p((white**2).sum(axis=1) / degrees)
    log_weight = -np.asarray(_density_program(potential)(jnp.asarray(position), data)) - log_proposal
    if log_tilt is not None:
        log_weight = log_weight + log_tilt(position)
    log_weight = np.where(np.isfinite(log_weight), log_weight, -np.inf)
    if not np.isfinite(log_weight).any():
        raise FitFailed("The posterior density is not finite around its mode. Check losses, sizes and tokens.")
    return Proposals(position, np.exp(log_weight - logsumexp(log_weight)))
