"""The law M4 in size."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.laws._one_variable import AbstractInSize
from scaling.laws._plateau import ALABDULMOHSIN_2022, AbstractPlateauLaw, m4_coefficients, m4_priors


@final
@pytree
class SizeM4Law(AbstractInSize, AbstractPlateauLaw):
    r"""Loss falls from that of guessing to a floor as size grows: a learning curve with its early plateau.

    $\frac{L - L_\infty}{(L_0 - L)^{\alpha}} = \beta N^{c}$, $c < 0$.

    - `l_inf`: irreducible loss, nats per token.
    - `l_0`: loss of guessing, nats per token.
    - `alpha`: how far the loss of guessing holds the fall back, dimensionless; 0 is the power law with a floor (M2).
    - `beta`: amplitude.
    - `c`: exponent, dimensionless, negative.

    Source: Alabdulmohsin et al. 2022, section 3, M4 (M3 and M4 meet the plateau; M1 and M2 do not).
    """

    name = "m4"
    formula = "(L - L_inf) / (L_0 - L)^alpha = beta N^c, c < 0"
    citation = ALABDULMOHSIN_2022
    coefficients = m4_coefficients("parameters")
    priors = m4_priors(0.5)

    l_inf: Float[Array, "*draw"]
    l_0: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    c: Float[Array, "*draw"]


LAW = SizeM4Law
