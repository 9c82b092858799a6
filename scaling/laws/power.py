"""The power law in size."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._one_variable import AbstractInSize
from scaling.laws._saturating import FLOOR_PRIORS, HENIGHAN_2020, AbstractSaturatingPower, exponent_prior


@final
@pytree
class PowerLaw(AbstractInSize, AbstractSaturatingPower):
    r"""Loss falls as a power of size towards a floor.

    $L(N) = L_\infty + (N_0 / N)^{\alpha}$, for runs of one token budget or of budgets large enough not to matter.

    - `l_inf`: irreducible loss, nats per token.
    - `n_0`: size at which the reducible loss is 1 nat, parameters.
    - `alpha`: exponent, dimensionless, positive.

    Source: Henighan et al. 2020, eq. 1.1; Du et al. 2024, eq. 4, at fixed D.
    """

    name = "power"
    formula = "L(N) = L_inf + (N_0 / N)^alpha"
    citation = HENIGHAN_2020
    scale_name = "n_0"
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "irreducible loss"),
        CoefficientSpec("n_0", "parameters", "size at which the reducible loss is 1 nat"),
        CoefficientSpec("alpha", "1", "exponent of size"),
    )
    priors = {**FLOOR_PRIORS, "alpha": exponent_prior(0.33)}  # noqa: RUF012 - a ClassVar of the base

    l_inf: Float[Array, "*draw"]
    n_0: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]


LAW = PowerLaw
