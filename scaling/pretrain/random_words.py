"""Random integers that are the same on every machine, for ever.

NumPy promises the stream of a bit generator's raw words, but not of `Generator` methods (NEP 19). So the corpus is
made of raw Philox words and of integer arithmetic alone: no float is ever compared or rounded on the way.
"""

import hashlib
import json
from decimal import Decimal, localcontext

import numpy as np
from jaxtyping import Int, UInt64

Label = tuple[str | int, ...]

UNIFORM_BITS = 24
"""A draw from integer weights uses this many bits of a word."""

GUMBEL_BITS = 12
"""A fixed-point Gumbel variate is one of 2^12 equally likely quantiles."""

FIXED_POINT = 1 << 12
"""One unit (a nat) of a fixed-point number."""


def words(label: Label, count: int) -> UInt64[np.ndarray, " count"]:
    """`count` raw Philox-4x64 words, keyed by the first 128 bits of the SHA-256 of `label`."""
    text = json.dumps(label, separators=(",", ":"), ensure_ascii=True)
    key = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Philox(key=key).random_raw(count)


def below(word: UInt64[np.ndarray, "*n"], bound: int) -> Int[np.ndarray, "*n"]:
    """Integers in [0, bound), `bound` up to 2^31, from the upper halves of words (bias below bound / 2^32)."""
    return (((word >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)).astype(np.int64)


def weighted(word: UInt64[np.ndarray, "*n"], cumulative: Int[np.ndarray, " k"]) -> Int[np.ndarray, "*n"]:
    """Index i with probability (cumulative[i] - cumulative[i-1]) / 2^24; the last entry must be 2^24."""
    draw = (word >> np.uint64(64 - UNIFORM_BITS)).astype(cumulative.dtype)
    return np.searchsorted(cumulative, draw, side="right")


def distinct(word: UInt64[np.ndarray, "*n candidates"], count: int) -> Int[np.ndarray, "*n count"]:
    """`count` different integers in [0, candidates) in random order: the places of the smallest words."""
    return np.argsort(word, axis=-1, kind="stable")[..., :count]


def zipf_weights(count: int, *, twice_exponent: int) -> Int[np.ndarray, " count"]:
    r"""Integer weights $w_r \propto r^{-e/2}$, r = 1 ... count, that sum to 2^24 exactly.

    `twice_exponent` is e: 3 gives $r^{-1.5}$. The rounding remainder goes to the first, largest weight.
    """
    with localcontext() as context:
        context.prec = 40
        shares = [1 / (Decimal(rank) ** twice_exponent).sqrt() for rank in range(1, count + 1)]
        scale = Decimal(1 << UNIFORM_BITS) / sum(shares)
        weights = [int((share * scale).to_integral_value()) for share in shares]
    weights[0] += (1 << UNIFORM_BITS) - sum(weights)
    return np.array(weights, dtype=np.int64)


def fixed_point_log(value: Decimal) -> int:
    """ln(value) in units of 2^-12. `Decimal.ln` is correctly rounded by its specification, so this is exact."""
    return int((value.ln() * FIXED_POINT).to_integral_value())


def gumbel_table() -> Int[np.ndarray, " 4096"]:
    r"""Quantiles $-\ln(-\ln u)$ of the Gumbel distribution at $u = (i + 1/2) / 2^{12}$, in units of 2^-12."""
    with localcontext() as context:
        context.prec = 24
        levels = (Decimal(2 * i + 1) / (2 << GUMBEL_BITS) for i in range(1 << GUMBEL_BITS))
        return np.array([-fixed_point_log(-level.ln()) for level in levels], dtype=np.int32)


def gumbels(label: Label, count: int) -> Int[np.ndarray, " count"]:
    """`count` fixed-point Gumbel variates; each word gives four, from its 16-bit quarters, low quarter first."""
    raw = words(label, -(-count // 4)).astype("<u8").view("<u2")[:count]
    return gumbel_table()[raw >> (16 - GUMBEL_BITS)]
