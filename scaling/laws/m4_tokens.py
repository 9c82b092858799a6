"""The law M4 in tokens."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.laws._one_variable import AbstractInTokens
from scaling.laws._plateau import ALABDULMOHSIN_2022, AbstractPlateauLaw, m4_coefficients, m4_priors


@final
@pytree
class TokensM4Law(AbstractInTokens, AbstractPlateauLaw):
    r"""Loss falls from that of guessing to a floor as tokens grows: a learning curve with its early plateau.

    $\frac{L - L_\infty}{(L_0 - L)^{\alpha}} = \beta D^{c}$, $c < 0$.

    - `l_inf`: irreducible loss, nats per token.
    - `l_0`: loss of guessing, nats per token.
    - `alpha`: how far the loss of guessing holds the fall back, dimensionless; 0 is the power law with a floor (M2).
    - `beta`: amplitude.
    - `c`: exponent, dimensionless, negative.

    Source: Alabdulmohsin et al. 2022, section 3, M4 (M3 and M4 meet the plateau; M1 and M2 do not).
    """

    name = "m4_tokens"
    formula = "(L - L_inf) / (L_0 - L)^alpha = beta D^c, c < 0"
    citation = ALABDULMOHSIN_2022
    coefficients = m4_coefficients("tokens")
    priors = m4_priors(0.5)

    l_inf: Float[Array, "*draw"]
    l_0: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    c: Float[Array, "*draw"]


LAW = TokensM4Law
