"""Laws that are linear once their exponents are given: what variable projection needs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from jaxtyping import Float

from scaling._pytree import Array
from scaling.laws._law import AbstractLaw, Reference


class AbstractSeparableLaw(AbstractLaw):
    r"""$L = \sum_k w_k\, \phi_k(N, D; \text{exponents})$, weights $w_k \ge 0$, every $\phi_k = 1$ at the reference.

    The exponents are the `shape_coordinates`; the weights are the terms' losses at the reference point, floor
    first. Centring keeps the columns of one size: $N^{-\alpha}$ itself is 1e-3 to 1e-4.
    """

    shape_coordinates: ClassVar[tuple[str, ...]]

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
