"""What every law of a whole loss curve offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import AbstractTree, Array, array_namespace, field_values
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.curves.nodes import CurveNodes
from scaling.errors import InvalidInput, Violation
from scaling.prior_specs import LogitNormal, LogNormal, Normal, PriorSpec


@final
@dataclass(frozen=True)
class CurveReference:
    """Where coordinates are centred: an area inside the data, the peak rate, a loss in nats per token."""

    area: float
    rate: float
    loss: float


# Reference coordinates that the laws share. Wide ones, none of them from the curves that score the forecasts:
# - the floor holds all that more steps cannot bring, the size's share too, so that most of the loss is floor;
# - a power of the steps near 1/2 is what stochastic descent on many scales gives (Luo et al. start there);
# - taking the rate from its peak to zero lowers the loss by some 2 to 8 % in published curves.
TREND_PRIORS: dict[str, PriorSpec] = {
    "level": Normal(loc=0.0, scale=0.3),
    "floor_share": LogitNormal(loc=1.5, scale=1.0),
    "alpha": LogNormal(median=0.5, scale=0.2),
    "response": LogNormal(median=0.04, scale=0.7),
}


class AbstractCurveLaw(AbstractTree, ABC):
    r"""Loss at every step of a run under any schedule: a power law of the area less the response to annealing.

    $L(t) = L_0 + A (S_1(t) + S_W)^{-\alpha} - R(t)$, $R(t) = \sum_k \Delta_k K_k(t)$ over the steps k at which the rate
    falls by $\Delta_k$. Under a constant rate $R = 0$. A field may carry a draw axis: `law[..., None].loss(nodes)` is
    draws by rows. Laws are sampled in *reference coordinates*, as those of size and tokens are.
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    citation: ClassVar[Citation]
    coefficients: ClassVar[tuple[CoefficientSpec, ...]]
    priors: ClassVar[Mapping[str, PriorSpec]]  # on the reference coordinates, in their order
    # Coordinates that only annealing tells apart, and what identifies them.
    annealing_coordinates: ClassVar[tuple[str, ...]]

    l_inf: Any
    a: Any
    alpha: Any

    @abstractmethod
    def response(self, nodes: CurveNodes) -> Float[Array, "*row"]:
        """R: by how much annealing has lowered the loss, nats per token; zero under a constant rate."""

    @classmethod
    @abstractmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: CurveReference) -> Self:
        """The law with these reference coordinates."""

    @abstractmethod
    def at_reference(self, reference: CurveReference) -> dict[str, Any]:
        """Reference coordinates of this law; inverse of `from_reference`."""

    @final
    def trend(self, nodes: CurveNodes) -> Float[Array, "*row"]:
        r"""$L_0 + A (S_1 + S_W)^{-\alpha}$: the loss had the rate never fallen on the way to this area."""
        xp = array_namespace(self.l_inf, nodes.area)
        return self.l_inf + xp.exp(xp.log(self.a) - self.alpha * xp.log(nodes.area))

    @final
    def loss(self, nodes: CurveNodes) -> Float[Array, "*row"]:
        """Loss in nats per token at the steps of `nodes`."""
        return self.trend(nodes) - self.response(nodes)

    @final
    @classmethod
    def _trend_coefficients(cls, coordinates: Mapping[str, Any], reference: CurveReference) -> dict[str, Any]:
        """`l_inf`, `a`, `alpha`, and the trend's loss at the reference under `loss`."""
        level, floor, alpha = coordinates["level"], coordinates["floor_share"], coordinates["alpha"]
        xp = array_namespace(level, floor, alpha)
        loss = reference.loss * xp.exp(level)
        log_a = xp.log((1.0 - floor) * loss) + alpha * xp.log(xp.asarray(reference.area))
        return {"l_inf": floor * loss, "a": xp.exp(log_a), "alpha": alpha, "loss": loss}

    @final
    def _trend_coordinates(self, reference: CurveReference) -> tuple[dict[str, Any], Any]:
        xp = array_namespace(self.l_inf)
        reducible = xp.exp(xp.log(self.a) - self.alpha * xp.log(xp.asarray(reference.area)))
        loss = self.l_inf + reducible
        level = xp.log(loss / reference.loss)
        return {"level": level, "floor_share": self.l_inf / loss, "alpha": self.alpha}, loss

    @final
    @classmethod
    def from_coefficients(cls, coefficients: Mapping[str, Any]) -> Self:
        """The law with these coefficients; raises `InvalidInput` listing every one missing, unknown or out of range."""
        known = {spec.name for spec in cls.coefficients}
        violations = [
            *(Violation(name, "missing") for name in sorted(known - set(coefficients))),
            *(Violation(name, f"no coefficient of {cls.name!r}") for name in sorted(set(coefficients) - known)),
        ]
        values = {name: np.asarray(coefficients[name], dtype=np.float64) for name in known & set(coefficients)}
        violations += [
            Violation(name, f"{value} given, a finite number above zero needed")
            for name, value in values.items()
            if not np.all(np.isfinite(value) & (value > 0))
        ]
        if violations:
            raise InvalidInput(f"These are no coefficients of the curve law {cls.name!r}.", violations)
        return cls(**values)

    @final
    def to_coefficients(self) -> dict[str, Any]:
        """The coefficients by name."""
        return field_values(self)
