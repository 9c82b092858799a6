"""How far a planned run lies beyond the runs a fit has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array


@final
@dataclass(frozen=True)
class Hull:
    r"""The range of sizes, tokens and compute that the data cover.

    Fields are counts; `covariates` holds the range of each by name. For a law in one variable the other's range is
    (0, inf), so that it never counts.
    """

    smallest_size: float
    largest_size: float
    fewest_tokens: float
    most_tokens: float
    largest_product: float  # of size and tokens of one run
    covariates: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        n: Float[Array, "row"],
        d: Float[Array, "row"],
        *,
        variables: tuple[str, ...],
        covariates: Mapping[str, Float[Array, "row"]] | None = None,
    ) -> Self:
        """The hull of runs of size `n` trained on `d` tokens, in the variables that a law depends on."""
        sizes = (float(np.min(n)), float(np.max(n))) if "n" in variables else (0.0, np.inf)
        tokens = (float(np.min(d)), float(np.max(d))) if "d" in variables else (0.0, np.inf)
        product = float(np.max(n * d)) if len(variables) == 2 else np.inf
        return cls(
            smallest_size=sizes[0],
            largest_size=sizes[1],
            fewest_tokens=tokens[0],
            most_tokens=tokens[1],
            largest_product=product,
            covariates={name: (float(np.min(at)), float(np.max(at))) for name, at in (covariates or {}).items()},
        )

    def distance(
        self, n: Float[Array, "*point"], d: Float[Array, "*point"], **covariates: Array
    ) -> Float[Array, "*point"]:
        r"""e-folds beyond the data, 0 inside.

        $h = \max(0, \ln\frac{ND}{(ND)_{max}}, \ln\frac{N}{N_{max}}, \ln\frac{D}{D_{max}}, \ln\frac{N_{min}}{N},
        \ln\frac{D_{min}}{D})$, and each covariate's distance beyond its own range likewise.
        """
        n, d = np.asarray(n, dtype=np.float64), np.asarray(d, dtype=np.float64)
        with np.errstate(divide="ignore"):
            beyond = [
                np.log(n / self.largest_size),
                np.log(d / self.most_tokens),
                np.log(self.smallest_size / n),
                np.log(self.fewest_tokens / d),
                np.log(n) + np.log(d) - np.log(self.largest_product),
            ]
            for name, (least, most) in self.covariates.items():
                value = np.asarray(covariates[name], dtype=np.float64)
                beyond += [np.log(value / most), np.log(least / value)]
        farthest = beyond[0]
        for each in beyond[1:]:
            farthest = np.maximum(farthest, each)
        return np.maximum(farthest, 0.0)
