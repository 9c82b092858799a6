r"""The pooled model as a program in coordinates where its posterior is nearly a standard normal.

Non-centred coordinates $\eta = (u, z)$ suit families that the data say little of; where they say much, $r z$ is known
and neither factor is. Given r, though, a family's log likelihood is nearly quadratic about its own mode: $\eta$ given r
then is nearly normal with precision $M(r) = I + T' A T$, where $x = T(r) \eta$ are the families' coordinates and A what
each family's data say of them. $\eta = M^{-1} T' h + R^{-T} w$ with $R R' = M$ makes w nearly a standard normal
whatever r is, for families of few rows and of many. The map is exact: a poor quadratic costs draws, not correctness.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm
from jaxtyping import Float
from numpyro.infer.util import potential_energy
from scipy.special import ndtr as normal_probability

from scaling._pytree import Array
from scaling.inference._numerics import float64
from scaling.inference.nuts import Mode, Potential
from scaling.laws import AbstractLaw
from scaling.models.loss import LossData
from scaling.models.pooled import (
    SPREAD_SHARE,
    mean_share,
    normal_form,
    own_coordinates,
    pooled_coordinates,
    pooled_model,
)

_BELOW_ONE = float(2.0 * normal_probability(1.0 / SPREAD_SHARE) - 1.0)  # of a half-normal of that scale
_LEAST_INFORMATION = 1e-3  # of the quadratic alone: a family whose data say nothing of a coordinate


@final
class PooledData(NamedTuple):
    """Every family's data, and the quadratic about its own mode; leading axis [family] on every array.

    - `center` [pooled]: the mode's pooled coordinates in units of their prior's scale about its middle; `information`
      [pooled, pooled]: curvature of the log likelihood there, the other coordinates following.
    - `others` [own and noise]: the mode's other coordinates; `follow` [own and noise, pooled]: how they follow.
    """

    losses: LossData
    center: Float[Array, "family pooled"]
    information: Float[Array, "family pooled pooled"]
    others: Float[Array, "family other"]
    follow: Float[Array, "family other pooled"]


@final
class PooledDraws(NamedTuple):
    """What vectors mean.

    - `mean`, `spread`: $\\mu$ and $\\tau$ of the pooled coordinates, on the real line.
    - `positions`: each family's vector as `loss_potential` has it, coordinates in order, then noise.
    """

    mean: Float[Array, "draw pooled"]
    spread: Float[Array, "draw pooled"]
    positions: Float[Array, "draw family coordinate"]


def pooled_data(law_class: type[AbstractLaw], data: Sequence[LossData], modes: Sequence[Mode]) -> PooledData:
    """The families together; `data` are of one length, `modes` those of `loss_potential` for each alone."""
    pooled, others = _places(law_class)
    loc, scale = _prior_normals(law_class)
    center, information, following, follow = [], [], [], []
    for mode in modes:
        precision = np.linalg.inv(mode.scale @ mode.scale.T)
        shared = precision[np.ix_(pooled, pooled)] * np.outer(scale, scale)
        crossed = precision[np.ix_(others, pooled)] * scale
        rest = precision[np.ix_(others, others)]
        follow.append(-np.linalg.solve(rest, crossed))
        # Less the law's prior, which is not the family's own evidence.
        size, axes = np.linalg.eigh(shared + crossed.T @ follow[-1] - np.eye(len(pooled)))
        information.append((axes * np.maximum(size, _LEAST_INFORMATION)) @ axes.T)
        center.append((mode.position[pooled] - loc) / scale)
        following.append(mode.position[others])
    with float64():
        losses: LossData = jax.tree.map(lambda *leaves: jnp.stack(leaves), *data)
        arrays = (jnp.asarray(np.stack(part)) for part in (center, information, following, follow))
        return PooledData(losses, *arrays)


def pooled_starts(law_class: type[AbstractLaw], *, families: int) -> Float[Array, "start dim"]:
    """Starts with little, middling and much scatter between families, all else as each family's quadratic has it."""
    pooled, others = _places(law_class)
    rest = np.zeros(len(pooled) * (families + 1) + len(others) * families)
    return np.stack([np.append(np.full(len(pooled), start), rest) for start in (-1.0, 0.0, 1.0)])


@cache
def pooled_potential(law_class: type[AbstractLaw]) -> Potential:
    """Potential energy of one flat vector; one object a law, so that its programs are kept."""
    pooled, own = pooled_coordinates(law_class), own_coordinates(law_class)

    def potential(position: Any, data: PooledData) -> Any:
        shared, log_stretch = _untangled(law_class, position, data)
        named: dict[str, Any] = {}
        for index, name in enumerate(pooled):
            named[f"{name}_mean"] = shared.mean[index]
            named[f"{name}_spread"] = jnp.log(shared.spread[index]) - jnp.log1p(-shared.spread[index])
            named[f"{name}_offset"] = shared.offset[:, index]
        named |= {name: shared.others[:, index] for index, name in enumerate(own)}
        named["noise_scale"] = shared.others[:, len(own)]
        return potential_energy(pooled_model, (law_class, data.losses), {}, named) - log_stretch

    return potential


def pooled_draws(law_class: type[AbstractLaw], data: PooledData, draws: Float[Array, "draw dim"]) -> PooledDraws:
    """What draws of `pooled_potential` mean."""
    with float64():
        shared = jax.device_get(_draws_program(law_class)(jnp.asarray(draws), data))
    loc, scale = _prior_normals(law_class)
    standard = (mean_share(shared.spread) * shared.mean)[:, np.newaxis] + shared.spread[:, np.newaxis] * shared.offset
    pooled, others = _places(law_class)
    positions = np.empty((*standard.shape[:2], len(pooled) + len(others)))
    positions[..., pooled] = loc + scale * standard
    positions[..., others] = shared.others
    return PooledDraws(loc + scale * mean_share(shared.spread) * shared.mean, scale * shared.spread, positions)


@cache
def _draws_program(law_class: type[AbstractLaw]) -> Any:
    return jax.jit(jax.vmap(lambda position, data: _untangled(law_class, position, data)[0], in_axes=(0, None)))


class _Untangled(NamedTuple):
    mean: Any
    spread: Any
    offset: Any
    others: Any


def _untangled(law_class: type[AbstractLaw], position: Any, data: PooledData) -> tuple[_Untangled, Any]:
    """The model's sites from a vector, and the logarithm of the map's Jacobian."""
    families, shared = data.center.shape
    ends = np.cumsum([shared, shared * (families + 1)])
    hidden, white, rest = position[: ends[0]], position[ends[0] : ends[1]], position[ends[1] :]
    # The quantile of a standard normal's probability: the prior of `hidden` is then a standard normal.
    spread = -SPREAD_SHARE * ndtri(0.5 * (1.0 - _BELOW_ONE * ndtr(hidden)))
    log_prior = norm.logpdf(spread, scale=SPREAD_SHARE) + np.log(2.0 / _BELOW_ONE)
    log_stretch = jnp.sum(norm.logpdf(hidden) - log_prior - jnp.log(spread) - jnp.log1p(-spread))
    eta, log_root = _conditional(spread, white, data)
    mean, offset = eta[:shared], eta[shared:].reshape(families, shared)
    away = mean_share(spread) * mean + spread * offset - data.center
    others = data.others + jnp.einsum("fop,fp->fo", data.follow, away) + rest.reshape(data.others.shape)
    return _Untangled(mean, spread, offset, others), log_stretch - log_root


def _conditional(spread: Any, white: Any, data: PooledData) -> tuple[Any, Any]:
    r"""$\eta = M^{-1} T' h + R^{-T} w$ and $\ln |R|$; $\eta$ is the mean, then each family's offsets."""
    families, shared = data.center.shape
    to_mean, to_offset = mean_share(spread), spread
    scaled = data.information * to_offset  # A_f r
    corner = to_mean[:, jnp.newaxis] * data.information.sum(axis=0) * to_mean
    beside = to_mean[:, jnp.newaxis] * jnp.concatenate(list(scaled), axis=1)
    blocks = jax.scipy.linalg.block_diag(*(to_offset[:, jnp.newaxis] * each for each in scaled))
    precision = jnp.block([[corner, beside], [beside.T, blocks]]) + jnp.eye(shared * (families + 1))
    pull = data.center + jnp.einsum("fpq,fq->fp", data.information, data.center)  # (A + I) of the posterior's centre
    right = jnp.concatenate([to_mean * pull.sum(axis=0), (to_offset * pull).ravel()])
    root = jnp.linalg.cholesky(precision)
    eta = cho_solve((root, True), right) + solve_triangular(root, white, trans=1, lower=True)
    return eta, jnp.sum(jnp.log(jnp.diag(root)))


def _prior_normals(law_class: type[AbstractLaw]) -> tuple[Float[Array, "pooled"], Float[Array, "pooled"]]:
    """Middle and scale of the pooled coordinates' priors, on the real line."""
    forms = [normal_form(law_class.priors[name]) for name in pooled_coordinates(law_class)]
    loc, scale = np.asarray([form for form in forms if form is not None]).reshape(-1, 2).T
    return loc, scale


@cache
def _places(law_class: type[AbstractLaw]) -> tuple[list[int], list[int]]:
    """Indices in a family's vector of what is pooled, and of the rest with the noise at its end."""
    names = list(law_class.priors)
    pooled = [names.index(name) for name in pooled_coordinates(law_class)]
    return pooled, [index for index in range(len(names) + 1) if index not in pooled]
