"""The constant link: the score does not depend on the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.links._link import AbstractLink, LinkReference


@final
@pytree
class ConstantLink(AbstractLink):
    r"""The score stays where it is, whatever the loss.

    $p(L) = b$

    - `floor`: the score b.

    Source: the null hypothesis of Du et al. 2024: performance at random guessing.
    """

    name = "constant"
    formula = "p(L) = b"
    citation = Citation(
        key="du2024",
        text="Du et al. (2024). Understanding emergent abilities of language models from the loss perspective. "
        "arXiv:2403.15796, section 2.",
        url="https://arxiv.org/abs/2403.15796",
    )
    coefficients = (CoefficientSpec("floor", "1", "score at any loss", positive=False),)
    priors = {}  # noqa: RUF012 - a ClassVar of the base

    floor: Float[Array, "*draw"]

    def lift(self, loss: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """0."""
        return 0.0 * (self.floor + array_namespace(loss, self.floor).asarray(loss))

    def floor_score(self) -> Float[Array, "*draw"]:
        """b."""
        return self.floor

    def limit_lift(self) -> Float[Array, "*draw"]:
        """0."""
        return 0.0 * self.floor

    def threshold(self) -> Float[Array, "*draw"]:
        """NaN: it has none."""
        return array_namespace(self.floor).full_like(self.floor, float("nan"))

    def loss_at_lift(self, lift: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """`-inf`: never."""
        return 0.0 * (lift + self.floor) - array_namespace(self.floor).inf

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: LinkReference) -> Self:
        """b from `floor_offset` alone: a constant has no rise."""
        return cls(floor=reference.chance + coordinates["floor_offset"])


LINK = ConstantLink
