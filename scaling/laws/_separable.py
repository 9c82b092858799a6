"""Laws that are linear once their exponents are given: what variable projection needs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.laws._law import AbstractLaw, Reference
from scaling.prior_specs import LogitNormal, LogNormal, Normal


class AbstractSeparableLaw(AbstractLaw):
    r"""$L = \sum_k w_k\, \phi_k(N, D; \text{exponents})$, weights $w_k \ge 0$, every $\phi_k = 1$ at the reference.

    The exponents (and what else is not linear) are the `shape_coordinates`, reference coordinates all; the weights are
    the terms' losses at the reference point, floor first where there is one. Centring keeps the columns of one size:
    $N^{-\alpha}$ itself is 1e-3 to 1e-4.
    """

    shape_coordinates: ClassVar[tuple[str, ...]]

    @classmethod
    def shape_grid(cls, name: str, count: int) -> Float[Array, "point"]:
        """`count` values of the shape coordinate `name` to search from: the middle of its prior and both its sides.

        The exponents of size and tokens are searched from .05 to 1.5, published ones lying between .05 and .8.
        """
        if name in ("alpha", "beta"):
            return np.geomspace(0.05, 1.5, count)
        spec = cls.priors[name]
        assert isinstance(spec, Normal | LogNormal | LogitNormal)
        steps = spec.scale * np.linspace(-1.5, 1.5, count) if count > 1 else np.zeros(1)
        if isinstance(spec, LogNormal):
            return spec.median * np.exp(steps)
        return spec.loc + steps if isinstance(spec, Normal) else 1.0 / (1.0 + np.exp(-spec.loc - steps))

    @classmethod
    @abstractmethod
    def columns(
        cls,
        shape: Mapping[str, Any],
        n: Float[Array, "row"],
        d: Float[Array, "row"],
        reference: Reference,
        **covariates: Array,
    ) -> Float[Array, "row term"]:
        r"""$\phi_k$ at each row."""

    @classmethod
    @abstractmethod
    def coordinates_from_terms(
        cls, shape: Mapping[str, Any], terms: Float[Array, "term"], reference: Reference
    ) -> dict[str, Any]:
        """Reference coordinates of the law with these exponents and these terms at the reference point."""
