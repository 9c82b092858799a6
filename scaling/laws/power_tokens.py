"""The power law in tokens."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._one_variable import AbstractInTokens
from scaling.laws._saturating import FLOOR_PRIORS, HENIGHAN_2020, AbstractSaturatingPower, exponent_prior


@final
@pytree
class TokensPowerLaw(AbstractInTokens, AbstractSaturatingPower):
    r"""Loss falls as a power of tokens towards a floor.

    $L(D) = L_\infty + (D_0 / D)^{\alpha}$, for runs of one size or of sizes large enough not to matter.

    - `l_inf`: irreducible loss, nats per token.
    - `d_0`: tokens at which the reducible loss is 1 nat.
    - `alpha`: exponent, dimensionless, positive.

    Source: Henighan et al. 2020, eq. 1.1, in D; Kaplan et al. 2020, eq. 1.2, plus a floor.
    """

    name = "power_tokens"
    formula = "L(D) = L_inf + (D_0 / D)^alpha"
    citation = HENIGHAN_2020
    scale_name = "d_0"
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss"),
        CoefficientSpec("d_0", "tokens", "tokens at which the reducible loss is 1 nat"),
        CoefficientSpec("alpha", "1", "exponent of tokens"),
    )
    priors = {**FLOOR_PRIORS, "alpha": exponent_prior(0.33)}  # noqa: RUF012 - a ClassVar of the base

    l_inf: Float[Array, "*draw"]
    d_0: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]


LAW = TokensPowerLaw
