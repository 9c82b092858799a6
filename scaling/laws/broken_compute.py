"""A power law in training compute that breaks once."""

from __future__ import annotations

from typing import final

from jaxtyping import Float

from scaling._pytree import Array, pytree
from scaling.laws._one_variable import AbstractInCompute
from scaling.laws._segmented import CABALLERO_2022, AbstractSegmentedLaw, broken_coefficients, broken_priors


@final
@pytree
class ComputeBrokenLaw(AbstractInCompute, AbstractSegmentedLaw):
    r"""Loss falls as a power of training compute whose exponent changes once, towards a floor (BNSL).

    $L(C) = L_\infty + b C^{-c_0} (1 + (C / d_1)^{1 / f_1})^{-c_1 f_1}$ with $C = 6 N D$.

    - `l_inf`: irreducible loss, nats per token (the source's a).
    - `b`, `c_0`: amplitude and exponent of the first segment.
    - `c_1`, `d_1`, `f_1`: change of the exponent, place (FLOPs) and width (e-folds) of break 1.

    Source: Caballero et al. 2022, eq. 1, n = 1.
    """

    name = "broken_compute"
    formula = "L(C) = L_inf + b C^-c_0 (1 + (C / d_1)^(1 / f_1))^(-c_1 f_1), C = 6 N D"
    citation = CABALLERO_2022
    coefficients = broken_coefficients("FLOPs", breaks=1)
    priors = broken_priors(0.165, breaks=1)
    breaks = 1

    l_inf: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    c_0: Float[Array, "*draw"]
    c_1: Float[Array, "*draw"]
    d_1: Float[Array, "*draw"]
    f_1: Float[Array, "*draw"]


LAW = ComputeBrokenLaw
