"""Units of loss and the way people write counts.

Inside the product a loss is in nats per token and a count is a float. This module is the edge where other
units are converted.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

from scaling.errors import InvalidInput, UnitMismatch, Violation

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21}
_COUNT = re.compile(r"\s*([+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([kKmMbBgGtTpPEzZ]?)\s*")


class SizeConvention(StrEnum):
    """Which parameters a size counts (methods differ by a factor of 2 at 100 M; see Porian et al. 2024, section 3)."""

    NON_EMBEDDING = "non_embedding"
    WITH_HEAD = "with_head"
    TOTAL = "total"
    ACTIVE = "active"
    UNSPECIFIED = "unspecified"


class LossUnit(StrEnum):
    """Unit in which a source states its loss."""

    NATS_PER_TOKEN = "nats_per_token"
    BITS_PER_TOKEN = "bits_per_token"
    BITS_PER_BYTE = "bits_per_byte"


def parse_count(text: str | float) -> float:
    """Read `70B`, `1.4T`, `1e24`, `350_000_000` or a number as a count.

    Suffixes are powers of 1000: k, M, B (or G), T, P, E, Z; `1e24` is an exponent, `1E` is 10^18.

    Raises `InvalidInput` for anything else, NaN and infinity included.
    """
    if isinstance(text, str):
        matched = _COUNT.fullmatch(text)
        if matched is None:
            raise InvalidInput(f"{text!r} is no count. Write a number such as 70B, 1.4T, 350M or 1e24.")
        value = float(matched[1].replace("_", "").replace(",", "")) * _SUFFIXES[matched[2].lower()]
    else:
        value = float(text)
    if not math.isfinite(value):
        raise InvalidInput(f"{text!r} is no count: a finite number is needed.")
    return value


def format_count(value: float, *, digits: int = 3) -> str:
    """Write a count as people say it: 70B, 1.4T; beyond 10^15 in exponent form (1.2e+24)."""
    if not math.isfinite(value):
        return "∞" if value > 0 else str(value)
    if value and (abs(value) >= 1e15 or abs(value) < 1e-3):
        return f"{value:.{digits - 1}e}"
    for suffix, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= factor * (1 - 0.5 * 10.0**-digits):
            return f"{float(f'{value / factor:.{digits}g}'):g}{suffix}"  # twice: 260, not 2.6e+02
    return f"{value:.{digits}g}"


def format_flops(value: float, *, digits: int = 3) -> str:
    """Write FLOPs as people say them: 6.47e10, 1e24."""
    if not math.isfinite(value):
        return "∞" if value > 0 else str(value)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"


def nats_per_token(loss: float, *, unit: LossUnit, bytes_per_token: float | None = None) -> float:
    r"""Convert a loss to nats per token.

    $L_{nats} = L_{bits} \ln 2$ and $L_{nats} = \mathrm{BPB} \cdot \ln 2 \cdot (\text{bytes} / \text{token})$.

    Raises `UnitMismatch` when bits per byte come without `bytes_per_token`.
    """
    if unit is LossUnit.NATS_PER_TOKEN:
        return loss
    if unit is LossUnit.BITS_PER_TOKEN:
        return loss * math.log(2)
    if bytes_per_token is None:
        raise UnitMismatch(
            "The loss is in bits per byte and the tokenizer's bytes per token are unknown.",
            [Violation("bytes_per_token", "give validation bytes / validation tokens to convert to nats per token")],
        )
    return loss * math.log(2) * bytes_per_token
