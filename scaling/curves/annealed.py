"""The annealing law of Tissue et al.: loss curves under any schedule, with a momentum of annealing."""

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
class AnnealedLaw(AbstractCurveLaw):
    r"""The loss falls with the area under the rate, and with the area of its annealing.

    $L(t) = L_0 + A S_1(t)^{-\alpha} - C S_2(t)$, $S_2(t) = \sum_{i \le t} \sum_{k \le i} \lambda^{i-k} \Delta_k
    = \sum_k \Delta_k (1 - \lambda^{t-k+1}) / (1 - \lambda)$

    - `l_inf`: $L_0$, nats per token; `a`, `alpha`: amplitude and exponent of the area (rate x steps).
    - `c`: nats per unit of learning rate x step. `memory`: $\lambda / (1 - \lambda)$, steps: 999 at the published
      $\lambda = .999$.

    Source: Tissue et al. 2024, eq. 1 to 3.
    """

    name = "annealed"
    formula = "L(t) = L_0 + A S_1^-alpha - C S_2(lambda)"
    citation = Citation(
        key="tissue2024",
        text="Tissue et al. (2024). Scaling law with learning rate annealing. arXiv:2408.11029.",
        url="https://arxiv.org/abs/2408.11029",
    )
    coefficients = (
        CoefficientSpec("l_inf", "nats per token", "loss of endless training at the peak rate L_0"),
        CoefficientSpec("a", "nats per token", "amplitude A of the area term, at area 1"),
        CoefficientSpec("alpha", "1", "exponent of the area"),
        CoefficientSpec("c", "nats per token per unit of learning rate x step", "effect C of the annealing area"),
        CoefficientSpec("memory", "steps", "memory lambda / (1 - lambda) of annealing"),
    )
    priors = {  # noqa: RUF012 - a ClassVar of the base
        **TREND_PRIORS,
        "memory": LogNormal(median=500.0, scale=1.0),
    }
    annealing_coordinates = ("response", "memory")

    l_inf: Float[Array, "*draw"]
    a: Float[Array, "*draw"]
    alpha: Float[Array, "*draw"]
    c: Float[Array, "*draw"]
    memory: Float[Array, "*draw"]

    def response(self, nodes: CurveNodes) -> Float[Array, "*row"]:
        r"""$C (1 + m) \sum_k \Delta_k (1 - \lambda^{t-k+1})$ with $m = \lambda / (1 - \lambda)$."""
        law = self[..., None]
        xp = array_namespace(self.l_inf, nodes.area)
        kernel = -xp.expm1(-nodes.steps_since * xp.log1p(1.0 / law.memory))
        return self.c * (1.0 + self.memory) * xp.sum(nodes.drop * kernel, axis=-1)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: CurveReference) -> Self:
        """`response` = C (1 + m) eta / trend at the reference: that of a fall from eta to zero, complete; `memory`."""
        trend = cls._trend_coefficients(coordinates, reference)
        loss, memory = trend.pop("loss"), coordinates["memory"]
        return cls(**trend, c=coordinates["response"] * loss / (reference.rate * (1.0 + memory)), memory=memory)

    def at_reference(self, reference: CurveReference) -> dict[str, Any]:
        """Inverse of `from_reference`."""
        coordinates, loss = self._trend_coordinates(reference)
        return {**coordinates, "response": self.c * (1.0 + self.memory) * reference.rate / loss, "memory": self.memory}


CURVE_LAW = AnnealedLaw
