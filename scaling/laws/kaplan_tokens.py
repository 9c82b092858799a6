"""Kaplan's law in tokens."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._one_variable import AbstractInTokens
from scaling.laws._unsaturated import LEVEL_PRIOR, AbstractUnsaturatedPower, kaplan_2020, unsaturated_prior


@final
@pytree
class KaplanTokensLaw(AbstractInTokens, AbstractUnsaturatedPower):
    r"""Loss is a power of tokens, for networks large enough and no floor in sight.

    $L(D) = (D_c / D)^{\alpha}$

    - `d_c`: tokens at which the loss would be 1 nat; published 5.4e13.
    - `alpha`: exponent; published .095.

    Source: Kaplan et al. 2020, eq. 1.2. These two constants are not those of the joint law (`kaplan`).
    """

    name = "kaplan_tokens"
    formula = "L(D) = (D_c / D)^alpha"
    citation = kaplan_2020("eq. 1.2")
    scale_name = "d_c"
    coefficients = (
        CoefficientSpec("d_c", "tokens", "tokens at which the loss would be 1 nat"),
        CoefficientSpec("alpha", "1", "exponent of tokens"),
    )
    priors = {**LEVEL_PRIOR, "alpha": unsaturated_prior(0.095)}  # noqa: RUF012 - a ClassVar of the base

    d_c: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]


LAW = KaplanTokensLaw
