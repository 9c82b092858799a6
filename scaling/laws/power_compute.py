"""The power law in compute."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._one_variable import AbstractInCompute
from scaling.laws._saturating import FLOOR_PRIORS, HENIGHAN_2020, AbstractSaturatingPower, exponent_prior


@final
@pytree
class ComputePowerLaw(AbstractInCompute, AbstractSaturatingPower):
    r"""Loss falls as a power of training compute towards a floor.

    $L(C) = L_\infty + (C_0 / C)^{\alpha}$ with $C = 6 N D$, for runs split between size and tokens by one rule.

    - `l_inf`: irreducible loss, nats per token.
    - `c_0`: compute at which the reducible loss is 1 nat, FLOPs.
    - `alpha`: exponent, dimensionless, positive.

    Source: Henighan et al. 2020, eq. 1.1, in C.
    """

    name = "power_compute"
    formula = "L(C) = L_inf + (C_0 / C)^alpha, C = 6 N D"
    citation = HENIGHAN_2020
    scale_name = "c_0"
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss"),
        CoefficientSpec("c_0", "FLOPs", "compute at which the reducible loss is 1 nat"),
        CoefficientSpec("alpha", "1", "exponent of compute"),
    )
    priors = {**FLOOR_PRIORS, "alpha": exponent_prior(0.165)}  # noqa: RUF012 - a ClassVar of the base

    l_inf: Float[Array, "*draw"]
    c_0: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]


LAW = ComputePowerLaw
