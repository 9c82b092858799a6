"""A power law in size that breaks twice."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.laws._one_variable import AbstractInSize
from scaling.laws._segmented import CABALLERO_2022, AbstractSegmentedLaw, broken_coefficients, broken_priors


@final
@pytree
class SizeBrokenTwiceLaw(AbstractInSize, AbstractSegmentedLaw):
    r"""Loss falls as a power of size whose exponent changes twice, towards a floor (BNSL).

    $L(N) = L_\infty + b N^{-c_0} (1 + (N / d_1)^{1 / f_1})^{-c_1 f_1} (1 + (N / d_2)^{1 / f_2})^{-c_2 f_2}$.

    - `l_inf`: irreducible loss, nats per token (the source's a).
    - `b`, `c_0`: amplitude and exponent of the first segment.
    - `c_1`, `d_1`, `f_1`: change of the exponent, place (parameters) and width (e-folds) of break 1.
    - `c_2`, `d_2`, `f_2`: change of the exponent, place (parameters) and width (e-folds) of break 2.

    Source: Caballero et al. 2022, eq. 1, n = 2.
    """

    name = "broken_twice"
    formula = "L(N) = L_inf + b N^-c_0 prod_i (1 + (N / d_i)^(1 / f_i))^(-c_i f_i), i = 1, 2"
    citation = CABALLERO_2022
    coefficients = broken_coefficients("parameters", breaks=2)
    priors = broken_priors(0.33, breaks=2)
    breaks = 2

    l_inf: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    c_0: Float[Array, "*draw"]
    c_1: Float[Array, "*draw"]
    d_1: Float[Array, "*draw"]
    f_1: Float[Array, "*draw"]
    c_2: Float[Array, "*draw"]
    d_2: Float[Array, "*draw"]
    f_2: Float[Array, "*draw"]


LAW = SizeBrokenTwiceLaw
