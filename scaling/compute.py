"""FLOP conventions: what training a model of size N on D tokens costs.

$C = 6 N D$: 2 FLOPs forward and 4 backward per parameter and token (Kaplan et al. 2020, section 2.1).
"""

from __future__ import annotations

from jaxtyping import Float

from scaling._pytree import Array

FLOPS_PER_PARAMETER_TOKEN = 6.0


def training_flops(n: Float[Array, "*point"], d: Float[Array, "*point"]) -> Float[Array, "*point"]:
    """$C = 6 N D$ in FLOPs, for size `n` and `d` tokens seen."""
    return FLOPS_PER_PARAMETER_TOKEN * n * d


def tokens_from_flops(c: Float[Array, "*point"], n: Float[Array, "*point"]) -> Float[Array, "*point"]:
    """$D = C / (6 N)$, the tokens that `c` FLOPs pay for at size `n`."""
    return c / (FLOPS_PER_PARAMETER_TOKEN * n)
