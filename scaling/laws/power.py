"""The power law in size."""

from __future__ import annotations

import math
from typing import Any, final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.coefficient_specs import CoefficientSpec
from scaling.laws._saturating import FLOOR_PRIORS, HENIGHAN_2020, AbstractSaturatingPower, exponent_prior


@final
@pytree
class PowerLaw(AbstractSaturatingPower):
    r"""Loss falls as a power of size towards a floor.

    $L(N) = L_\infty + (N_0 / N)^{\alpha}$, for runs of one token budget or of budgets large enough not to matter.

    - `l_inf`: irreducible loss, nats per token.
    - `n_0`: size at which the reducible loss is 1 nat, parameters.
    - `alpha`: exponent, dimensionless, positive.

    Source: Henighan et al. 2020, eq. 1.1; Du et al. 2024, eq. 4, at fixed D.
    """

    name = "power"
    variables = ("n",)
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

    @staticmethod
    def variable_of(n: Any, d: Any) -> Any:
        """N."""
        del d
        return n

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        r"""$N = N_0 (L - L_\infty)^{-1/\alpha}$, whatever the tokens; `inf` where the floor is higher."""
        del d
        return self.variable_at(loss)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """The same as `size_at`: the law does not depend on tokens."""
        del tokens_per_parameter
        return self.variable_at(loss)


LAW = PowerLaw
