"""The dip link: worse before it gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.links._link import AbstractLink, LinkReference
from scaling.links._weibull import loss_at_rise, weibull_rise
from scaling.links.threshold import THRESHOLD_PRIORS
from scaling.prior_specs import LogNormal, Uniform

_BISECTIONS = 50


@final
@pytree
class DipLink(AbstractLink):
    r"""The score falls below its floor around the threshold and rises through it afterwards (a U).

    $p(L) = \mathrm{clip}(b + r\,(1 - e^{-((\eta - L)_+ / w)^q}) - B e^{-(L - \eta)^2 / 2 s^2}, 0, 1)$

    - `floor`, `rise`, `eta`, `width`, `power`: as of the threshold link.
    - `depth`: B, how far the score falls below its floor, at the threshold.
    - `spread`: s, half-width of the dip, nats.

    Source: Wei et al. 2023 (U-shaped scaling; the form is ours).
    """

    name = "dip"
    formula = "p(L) = clip(b + r (1 - exp(-(max(eta - L, 0) / w)^q)) - B exp(-(L - eta)^2 / (2 s^2)), 0, 1)"
    citation = Citation(
        key="wei2023",
        text="Wei et al. (2023). Inverse scaling can become U-shaped. arXiv:2211.02011.",
        url="https://arxiv.org/abs/2211.02011",
    )
    coefficients = (
        CoefficientSpec("floor", "1", "score far above the threshold", positive=False),
        CoefficientSpec("rise", "1", "cap minus floor", positive=False),
        CoefficientSpec("eta", "nats per token", "loss threshold, where the dip is deepest"),
        CoefficientSpec("width", "nats", "loss below the threshold at which 63 % of the rise is reached"),
        CoefficientSpec("power", "1", "onset exponent"),
        CoefficientSpec("depth", "1", "depth of the dip"),
        CoefficientSpec("spread", "nats", "half-width of the dip"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **THRESHOLD_PRIORS,
        "depth_share": Uniform(low=0.08, high=1.0),  # of chance: a score cannot fall below zero
        "spread_share": LogNormal(median=0.12, scale=0.5),  # of the range of losses
    }

    floor: Float[Array, "*draw"]
    rise: Float[Array, "*draw"]
    eta: Float[Array, "*draw"]
    width: Float[Array, "*draw"]
    power: Float[Array, "*draw"]
    depth: Float[Array, "*draw"]
    spread: Float[Array, "*draw"]

    def lift(self, loss: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """The threshold link's lift minus the dip."""
        xp = array_namespace(loss, self.eta)
        rise = self.rise * weibull_rise(loss, eta=self.eta, width=self.width, power=self.power)
        return rise - self.depth * xp.exp(-0.5 * ((loss - self.eta) / self.spread) ** 2)

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
        """By bisection: below the threshold the rise grows and the dip recovers, so that there is one answer."""
        xp = array_namespace(lift, self.rise)
        reached = self.rise > lift
        rise = xp.where(reached, self.rise, 2.0 * lift)
        # Far enough that the rise passes the middle between `lift` and its end while the dip is under half the gap.
        past = self.eta - loss_at_rise(0.5 * (1.0 + lift / rise), eta=self.eta, width=self.width, power=self.power)
        tail = xp.log(xp.clip(4.0 * self.depth / (rise - lift), 1.0, None))
        high = xp.maximum(past, self.spread * xp.sqrt(2.0 * tail))
        low = xp.zeros_like(high)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            enough = self.lift(self.eta - middle) >= lift
            low, high = xp.where(enough, low, middle), xp.where(enough, middle, high)
        return xp.where(reached, self.eta - high, -xp.inf)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: LinkReference) -> Self:
        """As the threshold link; B as a share of chance; r so that dip and rise together give `rise_at_lowest`."""
        power, widths = coordinates["power"], coordinates["widths_below"]
        eta = reference.loss_at_rank(coordinates["threshold_rank"])
        xp = array_namespace(eta, power, widths)
        depth = coordinates["depth_share"] * reference.chance
        spread = coordinates["spread_share"] * reference.loss_range
        left = depth * xp.exp(-0.5 * ((eta - reference.lowest_loss) / spread) ** 2)
        return cls(
            floor=reference.chance + coordinates["floor_offset"],
            rise=(coordinates["rise_at_lowest"] + left) / -xp.expm1(-(widths**power)),
            eta=eta,
            width=(eta - reference.lowest_loss) / widths,
            power=power,
            depth=depth,
            spread=spread,
        )


LINK = DipLink
