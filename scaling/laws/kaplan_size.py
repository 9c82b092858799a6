"""Kaplan's law in size."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._one_variable import AbstractInSize
from scaling.laws._unsaturated import LEVEL_PRIOR, AbstractUnsaturatedPower, kaplan_2020, unsaturated_prior


@final
@pytree
class KaplanSizeLaw(AbstractInSize, AbstractUnsaturatedPower):
    r"""Loss is a power of size, for runs with enough tokens and no floor in sight.

    $L(N) = (N_c / N)^{\alpha}$

    - `n_c`: size at which the loss would be 1 nat, non-embedding parameters; published 8.8e13.
    - `alpha`: exponent; published .076.

    Source: Kaplan et al. 2020, eq. 1.1. These two constants are not those of the joint law (`kaplan`).
    """

    name = "kaplan_size"
    formula = "L(N) = (N_c / N)^alpha"
    citation = kaplan_2020("eq. 1.1")
    scale_name = "n_c"
    coefficients = (
        CoefficientSpec("n_c", "parameters", "size at which the loss would be 1 nat"),
        CoefficientSpec("alpha", "1", "exponent of size"),
    )
    priors = {**LEVEL_PRIOR, "alpha": unsaturated_prior(0.076)}  # noqa: RUF012 - a ClassVar of the base

    n_c: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]


LAW = KaplanSizeLaw
