"""What every link offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import AbstractTree, Array, array_namespace, field_values
from scaling.coefficient_specs import Citation, CoefficientSpec
from scaling.errors import InvalidInput, Violation
from scaling.prior_specs import PriorSpec

# A threshold may lie above every loss seen, by up to this share of their range, with this probability: the task is
# then "already rising" where the data begin.
BEYOND_HIGHEST = 0.25
_PROBABILITY_BEYOND = 0.1


@final
@dataclass(frozen=True)
class LinkReference:
    """The data by which a link's coordinates are scaled.

    - `chance`: score of guessing.
    - `losses`: the checkpoints' losses, nats per token, ascending.
    """

    chance: float
    losses: tuple[float, ...]

    @property
    def lowest_loss(self) -> float:
        """The lowest loss seen, nats per token."""
        return self.losses[0]

    @property
    def loss_range(self) -> float:
        """Highest minus lowest loss seen, nats."""
        return self.losses[-1] - self.losses[0]

    def loss_at_rank(self, rank: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """Loss at a share in (0, 1) of the prior of a threshold: half uniform in loss, half in checkpoint rank.

        Uniform in loss alone puts most thresholds among the few early checkpoints, uniform in rank alone among the
        crowd of late ones. The last tenth lies above the highest loss seen.
        """
        xp = array_namespace(rank)
        losses = np.asarray(self.losses)
        in_loss = (losses - losses[0]) / self.loss_range
        in_rank = np.arange(len(losses)) / (len(losses) - 1)
        share = (1.0 - _PROBABILITY_BEYOND) * 0.5 * (in_loss + in_rank)
        knots = np.append(losses, losses[-1] + BEYOND_HIGHEST * self.loss_range)
        return xp.interp(rank, xp.asarray(np.append(share, 1.0)), xp.asarray(knots))


class AbstractLink(AbstractTree, ABC):
    """Score between 0 and 1 as a function of the loss in nats per token.

    A field may carry a draw axis; `link[..., None].score(loss)` is then draws by points. Every link has *reference
    coordinates*, in which its prior is stated and it is sampled: `floor_offset` (floor minus chance),
    `rise_at_lowest` (score minus floor at the lowest loss seen) and shapes scaled by the range of losses. In the
    first two the score before clipping is affine; cap, slope and amplitude, which form a ridge, are derived.
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    citation: ClassVar[Citation]
    coefficients: ClassVar[tuple[CoefficientSpec, ...]]
    priors: ClassVar[Mapping[str, PriorSpec]]  # on the shape coordinates, in their order

    @abstractmethod
    def lift(self, loss: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """Score minus floor at `loss`, before it is kept between 0 and 1."""

    @abstractmethod
    def floor_score(self) -> Float[Array, "*draw"]:
        """Score as the loss goes to infinity."""

    @abstractmethod
    def limit_lift(self) -> Float[Array, "*draw"]:
        """`lift` as the loss falls without end."""

    @abstractmethod
    def threshold(self) -> Float[Array, "*draw"]:
        r"""$\eta$, the loss above which the score does not move; NaN for a link that has none."""

    @abstractmethod
    def loss_at_lift(self, lift: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """Highest loss at which `lift` (above zero) is reached as the loss falls; `-inf` where it never is."""

    @classmethod
    @abstractmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: LinkReference) -> Self:
        """The link with these reference coordinates."""

    @final
    def score(self, loss: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """Score at `loss`, kept between 0 and 1: an amplitude that the data do not limit may not exceed them."""
        value = self.floor_score() + self.lift(loss)
        return array_namespace(value).clip(value, 0.0, 1.0)

    @final
    def limit(self) -> Float[Array, "*draw"]:
        """Score as the loss falls without end, kept between 0 and 1."""
        value = self.floor_score() + self.limit_lift()
        return array_namespace(value).clip(value, 0.0, 1.0)

    @final
    def loss_at(self, score: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """Highest loss at which `score` is reached; `-inf` where it never is, `inf` where the floor is as high."""
        xp = array_namespace(score, self.floor_score())
        lift = xp.asarray(score) - self.floor_score()
        return xp.where(lift > 0, self.loss_at_lift(xp.where(lift > 0, lift, 1.0)), xp.inf)

    @final
    @classmethod
    def from_coefficients(cls, coefficients: Mapping[str, Any]) -> Self:
        """The link with these coefficients; raises `InvalidInput` listing each missing, unknown or out of range."""
        known = {spec.name: spec for spec in cls.coefficients}
        violations = [
            *(Violation(name, f"missing: {spec.meaning}") for name, spec in known.items() if name not in coefficients),
            *(Violation(name, f"no coefficient of {cls.name!r}") for name in coefficients if name not in known),
        ]
        values = {name: np.asarray(coefficients[name], dtype=np.float64) for name in known if name in coefficients}
        for name, value in values.items():
            if not np.all(np.isfinite(value)):
                violations.append(Violation(name, f"{value} given, a finite number needed"))
            elif known[name].positive and np.any(value <= 0):
                violations.append(Violation(name, f"{value} given, a number above zero needed"))
        if violations:
            raise InvalidInput(f"These are no coefficients of the link {cls.name!r}.", violations)
        return cls(**values)

    @final
    def to_coefficients(self) -> dict[str, Any]:
        """The coefficients by name."""
        return field_values(self)
