"""Kaplan's law in compute."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._one_variable import AbstractInCompute
from scaling.laws._unsaturated import LEVEL_PRIOR, AbstractUnsaturatedPower, kaplan_2020, unsaturated_prior


@final
@pytree
class KaplanComputeLaw(AbstractInCompute, AbstractUnsaturatedPower):
    r"""Loss is a power of training compute, for runs split well between size and tokens and no floor in sight.

    $L(C) = (C_c / C)^{\alpha}$ with $C = 6 N D$

    - `c_c`: compute at which the loss would be 1 nat, FLOPs. Published in PF-days of 8.64e19 FLOPs: 1.6e7 for runs at
      one batch size, 3.1e8 for the least compute $C_{min}$, which runs far below the critical batch size would need.
    - `alpha`: exponent; published .057 and .050 for these two.

    Source: Kaplan et al. 2020, eq. 1.3 (C_min) and table 5.
    """

    name = "kaplan_compute"
    formula = "L(C) = (C_c / C)^alpha, C = 6 N D"
    citation = kaplan_2020("eq. 1.3")
    scale_name = "c_c"
    coefficients = (
        CoefficientSpec("c_c", "FLOPs", "compute at which the loss would be 1 nat"),
        CoefficientSpec("alpha", "1", "exponent of compute"),
    )
    priors = {**LEVEL_PRIOR, "alpha": unsaturated_prior(0.05)}  # noqa: RUF012 - a ClassVar of the base

    c_c: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]


LAW = KaplanComputeLaw
