"""Numbers as sentences say them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array


def interval(quantiles: Float[Array, " level"]) -> str:
    """`2.13 [2.10, 2.16]`: the middle quantile and the outer ones; one number where they agree."""
    middle = float(quantiles[len(quantiles) // 2])
    low, high = float(np.min(quantiles)), float(np.max(quantiles))
    return f"{middle:.3f}" if low == high else f"{middle:.3f} [{low:.3f}, {high:.3f}]"
