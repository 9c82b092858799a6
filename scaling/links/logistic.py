"""The logistic link: a smooth rise without a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.links._link import AbstractLink, LinkReference
from scaling.prior_specs import LogNormal, Uniform


@final
@pytree
class LogisticLink(AbstractLink):
    r"""The score rises smoothly from its floor to a cap; with a negative rise it falls.

    $p(L) = \mathrm{clip}(b + r / (1 + e^{(L - L_0) / w}), 0, 1)$

    - `floor`: score at a high loss, b.
    - `rise`: cap minus floor, r.
    - `center`: loss at half the rise, $L_0$, nats per token.
    - `width`: loss over which the rise happens, w, nats.

    Source: Bhagia et al. 2024, eq. 2, with k = -1 / w and a floor near chance.
    """

    name = "logistic"
    formula = "p(L) = clip(b + r / (1 + exp((L - L_0) / w)), 0, 1)"
    citation = Citation(
        key="bhagia2024",
        text="Bhagia et al. (2024). Establishing task scaling laws via compute-efficient model ladders. "
        "arXiv:2412.04403, section 3.2.",
        url="https://arxiv.org/abs/2412.04403",
    )
    coefficients = (
        CoefficientSpec("floor", "1", "score at a high loss", positive=False),
        CoefficientSpec("rise", "1", "cap minus floor", positive=False),
        CoefficientSpec("center", "nats per token", "loss at half the rise", positive=False),
        CoefficientSpec("width", "nats", "loss over which the rise happens"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        "center_share": Uniform(low=-0.5, high=1.25),  # of the range of losses, above the lowest
        "width_share": LogNormal(median=0.19, scale=0.65),  # of that range: from a step to the whole of it
    }

    floor: Float[Array, "*draw"]
    rise: Float[Array, "*draw"]
    center: Float[Array, "*draw"]
    width: Float[Array, "*draw"]

    def lift(self, loss: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """$r / (1 + e^{(L - L_0) / w})$."""
        return self.rise * _logistic((self.center - loss) / self.width)

    def floor_score(self) -> Float[Array, "*draw"]:
        """b."""
        return self.floor

    def limit_lift(self) -> Float[Array, "*draw"]:
        """r."""
        return self.rise

    def threshold(self) -> Float[Array, "*draw"]:
        """NaN: it has none."""
        return array_namespace(self.center).full_like(self.center, float("nan"))

    def loss_at_lift(self, lift: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        r"""$L_0 + w \ln(r / \text{lift} - 1)$."""
        xp = array_namespace(lift, self.rise)
        reached = self.rise > lift
        ratio = xp.where(reached, self.rise, 2.0 * lift) / lift - 1.0
        return xp.where(reached, self.center + self.width * xp.log(ratio), -xp.inf)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: LinkReference) -> Self:
        """$L_0$ and w as shares of the range of losses; r from `rise_at_lowest`."""
        center = reference.lowest_loss + coordinates["center_share"] * reference.loss_range
        width = coordinates["width_share"] * reference.loss_range
        return cls(
            floor=reference.chance + coordinates["floor_offset"],
            rise=coordinates["rise_at_lowest"] / _logistic((center - reference.lowest_loss) / width),
            center=center,
            width=width,
        )


def _logistic(x: Any) -> Any:
    """$1 / (1 + e^{-x})$ without overflow."""
    xp = array_namespace(x)
    return xp.exp(-xp.logaddexp(xp.zeros_like(x), -x))


LINK = LogisticLink
