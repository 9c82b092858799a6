"""The multi-power law: loss curves under any schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

from jaxtyping import Float

from scaling._pytree import Array, array_namespace, pytree
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.curves._law import TREND_PRIORS, AbstractCurveLaw, CurveReference
from scaling.curves.nodes import CurveNodes
from scaling.prior_specs import LogNormal


@final
@pytree
class MultiPowerLaw(AbstractCurveLaw):
    r"""A fall of the rate lowers the loss by a power law in the area trained since.

    $L(t) = L_0 + A (S_1(t) + S_W)^{-\alpha} - B \sum_k \Delta_k G(\eta_k^{-\gamma} S_k(t))$,
    $G(x) = 1 - (1 + C x)^{-\beta}$

    - `l_inf`: $L_0$, nats per token; `a`, `alpha`: amplitude and exponent of the area (rate x steps).
    - `b`: nats per unit of learning rate, response of a fall once complete.
    - `c`, `beta`, `gamma`: rate, exponent, and dependence on the learning rate of the response.

    Source: Luo et al. 2025 (ICLR), eq. 1 to 3.
    """

    name = "multi_power"
    formula = "L(t) = L_0 + A (S_1 + S_W)^-alpha - B sum_k (lr_(k-1) - lr_k) [1 - (1 + C lr_k^-gamma S_k)^-beta]"
    citation = Citation(
        key="luo2025",
        text="Luo et al. (2025). A multi-power law for loss curve prediction across learning rate schedules. "
        "ICLR 2025, arXiv:2503.12811.",
        url="https://arxiv.org/abs/2503.12811",
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "loss of endless training at the peak rate L_0"),
        CoefficientSpec("a", "nats per token", "amplitude A of the area term, at area 1"),
        CoefficientSpec("alpha", "1", "exponent of the area"),
        CoefficientSpec("b", "nats per token per unit of learning rate", "complete response B to a fall"),
        CoefficientSpec("c", "learning rate^(gamma - 1)", "speed C of the response"),
        CoefficientSpec("beta", "1", "exponent of the response"),
        CoefficientSpec("gamma", "1", "dependence of the response's speed on the learning rate"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **TREND_PRIORS,
        # x = 1 after some 1 / speed steps at the peak rate: between 5 and 500 steps.
        "speed": LogNormal(median=0.03, scale=1.2),
        "beta": LogNormal(median=0.5, scale=0.2),
        "gamma": LogNormal(median=0.5, scale=0.2),
    }
    annealing_coordinates = ("response", "speed", "beta", "gamma")

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    b: Float[Array, "*draw"]
    c: Float[Array, "*draw"]
    beta: Float[Array, "*draw"]
    gamma: Float[Array, "*draw"]

    def response(self, nodes: CurveNodes) -> Float[Array, "*row"]:
        r"""$B \sum_k \Delta_k (1 - e^{-\beta \ln(1 + C \eta_k^{-\gamma} S_k)})$."""
        law = self[..., None]
        xp = array_namespace(self.l_inf, nodes.area)
        grown = xp.exp(xp.log(law.c) - law.gamma * nodes.log_rate) * nodes.since
        kernel = -xp.expm1(-law.beta * xp.log1p(grown))
        return self.b * xp.sum(nodes.drop * kernel, axis=-1)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: CurveReference) -> Self:
        """`response` = B eta / trend at the reference; `speed` = C eta^(1 - gamma), growth of x per step there."""
        trend = cls._trend_coefficients(coordinates, reference)
        loss = trend.pop("loss")
        gamma = coordinates["gamma"]
        xp = array_namespace(loss, gamma)
        return cls(
            **trend,
            b=coordinates["response"] * loss / reference.rate,
            c=coordinates["speed"] * xp.exp((gamma - 1.0) * xp.log(xp.asarray(reference.rate))),
            beta=coordinates["beta"],
            gamma=gamma,
        )

    def at_reference(self, reference: CurveReference) -> dict[str, Any]:
        """Inverse of `from_reference`."""
        coordinates, loss = self._trend_coordinates(reference)
        xp = array_namespace(self.l_inf)
        return {
            **coordinates,
            "response": self.b * reference.rate / loss,
            "speed": self.c * xp.exp((1.0 - self.gamma) * xp.log(xp.asarray(reference.rate))),
            "beta": self.beta,
            "gamma": self.gamma,
        }


CURVE_LAW = MultiPowerLaw
