"""A law's reference coordinates on the real line, and which values of them count as a bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from numpyro.distributions import biject_to

from scaling._pytree import Array
from scaling.laws import AbstractLaw, Reference
from scaling.prior_specs import LogitNormal, Normal, PriorSpec, Uniform
from scaling.priors import distribution

_SHARE_BOUND = math.log(1e6)  # logit of a share: closer than 1e-6 to 0 or 1 is a bound
_POSITIVE_BOUND = math.log(80.0)  # a positive coordinate (an exponent) this far from its prior's median, or 6 sds
_START_SHARE = 7.0  # logit: .1 %, from where a vanished term still has a slope to come back by
_START_POSITIVE = 3.0  # logarithm: a factor 20 about the prior's median
_SCALES = 6.0  # of a prior, likewise


def constrained(law_class: type[AbstractLaw], position: Float[Array, "... coordinate"]) -> dict[str, Any]:
    """Reference coordinates from the real line, each by the bijection of its prior's support."""
    return {
        name: biject_to(distribution(spec).support)(position[..., index])
        for index, (name, spec) in enumerate(law_class.priors.items())
    }


def unconstrained(law_class: type[AbstractLaw], coordinates: Mapping[str, Any]) -> Float[Array, "... coordinate"]:
    """Inverse of `constrained`."""
    columns = [
        biject_to(distribution(spec).support).inv(jnp.asarray(coordinates[name]))
        for name, spec in law_class.priors.items()
    ]
    return np.stack([np.asarray(column) for column in columns], axis=-1)


def prior_centre(law_class: type[AbstractLaw]) -> Float[Array, "coordinate"]:
    """The median of every coordinate's prior, on the real line."""
    return unconstrained(law_class, {name: spec.middle() for name, spec in law_class.priors.items()})


def positions_inside(law: AbstractLaw, reference: Reference) -> Float[Array, "start coordinate"]:
    """Starts on the real line from laws [start], moved off the bounds, where a descent could not turn round.

    Published grids of starts hold terms that are 1e-18 of the loss and exponents of 0: shares are moved to within .1 %
    of a bound, exponents to within a factor 20 of their prior's median; what cancels to 0/0 becomes the median.
    """
    law_class = type(law)
    with np.errstate(all="ignore"):
        coordinates = law.at_reference(reference)
        position = unconstrained(law_class, coordinates)
    centre = prior_centre(law_class)
    reach = np.asarray([_start_reach(spec) for spec in law_class.priors.values()])
    return np.where(np.isnan(position), centre, np.clip(position, centre - reach, centre + reach))


def coordinates_on_bounds(
    law_class: type[AbstractLaw], position: Float[Array, "fit coordinate"]
) -> Bool[Array, "fit coordinate"]:
    """Whether each coordinate lies on a bound: a share that vanished, an exponent that ran away.

    A coordinate on the whole real line has no bound.
    """
    reach = np.asarray([_bound_reach(spec) for spec in law_class.priors.values()])
    middle = np.where(
        [isinstance(spec, LogitNormal | Uniform) for spec in law_class.priors.values()], 0.0, prior_centre(law_class)
    )
    on_bound: Bool[Array, "fit coordinate"] = ~(np.abs(position - middle) < reach)
    return on_bound


def _start_reach(spec: PriorSpec) -> float:
    if isinstance(spec, Normal):
        return _SCALES * spec.scale
    if isinstance(spec, LogitNormal | Uniform):
        return _START_SHARE
    return max(_START_POSITIVE, _SCALES * getattr(spec, "scale", 0.0)) if spec.kind == "log_normal" else _START_POSITIVE


def _bound_reach(spec: PriorSpec) -> float:
    if isinstance(spec, Normal):
        return math.inf
    if isinstance(spec, LogitNormal | Uniform):
        return _SHARE_BOUND
    return max(_POSITIVE_BOUND, _SCALES * getattr(spec, "scale", 0.0)) if spec.kind == "log_normal" else _SHARE_BOUND
