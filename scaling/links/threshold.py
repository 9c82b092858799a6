"""The threshold link: nothing above a loss, then a rise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.links._link import AbstractLink, LinkReference
from scaling.links._weibull import loss_at_rise, weibull_rise
from scaling.prior_specs import LogNormal, PriorSpec, Uniform

DU_2024 = Citation(
    key="du2024",
    text="Du et al. (2024). Understanding emergent abilities of language models from the loss perspective. "
    "arXiv:2403.15796, section 4; the rise below the threshold is ours, they state none.",
    url="https://arxiv.org/abs/2403.15796",
)
THRESHOLD_PRIORS: dict[str, PriorSpec] = {
    "threshold_rank": Uniform(low=0.0, high=1.0),
    # Onsets from a corner (q = .5) to a slow start (q = 3).
    "power": LogNormal(median=1.4, scale=0.5),
    # Saturation within the data, in widths between threshold and lowest loss: from a straight hinge to a jump.
    "widths_below": LogNormal(median=2.0, scale=1.3),
}


@final
@pytree
class ThresholdLink(AbstractLink):
    r"""The score is at its floor until the loss falls below a threshold, then rises towards a cap.

    $p(L) = \min(1,\; b + r\,(1 - e^{-((\eta - L)_+ / w)^q}))$

    - `floor`: score above the threshold, b.
    - `rise`: cap minus floor, r; may exceed 1 - b where the data show the beginning of the rise only.
    - `eta`: threshold, nats per token.
    - `width`: loss below the threshold at which 63 % of the rise is reached, nats.
    - `power`: onset exponent q; 1 is a hinge, above 1 the rise starts slowly.

    Source: Du et al. 2024, section 4 (floor until a threshold); the Weibull rise is ours.
    """

    name = "threshold"
    formula = "p(L) = min(1, b + r (1 - exp(-(max(eta - L, 0) / w)^q)))"
    citation = DU_2024
    coefficients = (
        CoefficientSpec("floor", "1", "score above the threshold", positive=False),
        CoefficientSpec("rise", "1", "cap minus floor", positive=False),
        CoefficientSpec("eta", "nats per token", "loss threshold"),
        CoefficientSpec("width", "nats", "loss below the threshold at which 63 % of the rise is reached"),
        CoefficientSpec("power", "1", "onset exponent"),
    )
    priors = THRESHOLD_PRIORS

    floor: Float[Array, "*draw"]
    rise: Float[Array, "*draw"]
    eta: Float[Array, "*draw"]
    width: Float[Array, "*draw"]
    power: Float[Array, "*draw"]

    def lift(self, loss: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """$r\\,(1 - e^{-((\\eta - L)_+ / w)^q})$."""
        return self.rise * weibull_rise(loss, eta=self.eta, width=self.width, power=self.power)

    def floor_score(self) -> Float[Array, "*draw"]:
        """b."""
        return self.floor

    def limit_lift(self) -> Float[Array, "*draw"]:
        """r."""
        return self.rise

    def threshold(self) -> Float[Array, "*draw"]:
        r"""$\eta$."""
        return self.eta

    def loss_at_lift(self, lift: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        r"""$\eta - w (-\ln(1 - \text{lift} / r))^{1/q}$."""
        xp = array_namespace(lift, self.rise)
        rises = self.rise > 0
        share = xp.where(rises, lift / xp.where(rises, self.rise, 1.0), 1.0)
        return loss_at_rise(share, eta=self.eta, width=self.width, power=self.power)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: LinkReference) -> Self:
        r"""$\eta$ from `threshold_rank`, $w = (\eta - L_{min})$ / `widths_below`, r from `rise_at_lowest`."""
        power, widths = coordinates["power"], coordinates["widths_below"]
        eta = reference.loss_at_rank(coordinates["threshold_rank"])
        xp = array_namespace(eta, power, widths)
        return cls(
            floor=reference.chance + coordinates["floor_offset"],
            rise=coordinates["rise_at_lowest"] / -xp.expm1(-(widths**power)),
            eta=eta,
            width=(eta - reference.lowest_loss) / widths,
            power=power,
        )


LINK = ThresholdLink
