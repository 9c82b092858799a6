"""Prior specifications as NumPyro distributions."""

from __future__ import annotations

import math
from typing import Any

import numpyro.distributions as dist

from scaling.prior_specs import Exponential, HalfNormal, LogitNormal, LogNormal, Normal, PriorSpec


def distribution(spec: PriorSpec) -> Any:
    """The NumPyro distribution that `spec` describes."""
    if isinstance(spec, Normal):
        return dist.Normal(spec.loc, spec.scale)
    if isinstance(spec, LogNormal):
        return dist.LogNormal(math.log(spec.median), spec.scale)
    if isinstance(spec, LogitNormal):
        return dist.TransformedDistribution(dist.Normal(spec.loc, spec.scale), dist.transforms.SigmoidTransform())
    if isinstance(spec, Exponential):
        return dist.Exponential(1.0 / spec.mean)
    if isinstance(spec, HalfNormal):
        return dist.HalfNormal(spec.scale)
    return dist.Uniform(spec.low, spec.high)
