"""The shapes that a score's dependence on loss may have, with their prior probabilities.

A shape is a link with a range for its rise at the lowest loss seen. What is stated here is what both the NumPyro
model and the default algorithm compute with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.errors import InvalidInput
from scaling.links import AbstractLink, link_class
from scaling.prior_specs import LogNormal, PriorSpec, Uniform

# The least rise worth calling emergence: 3 points (a score's floor wanders by about one).
ONSET_POINTS = 0.03
# Real floors differ from chance by 1.5 points, by 8 where a model answers one way whatever the question.
FLOOR_WEIGHTS = (0.7, 0.3)
_FLOOR_SCALES = (0.015, 0.08)


def floor_scales(chance: float) -> tuple[float, float]:
    """Standard deviations of floor minus chance: smaller where chance is near 0 and a floor cannot be far from it."""
    room = min(1.0, max(2.5 * np.sqrt(chance * (1.0 - chance)), 0.3))
    return _FLOOR_SCALES[0] * room, _FLOOR_SCALES[1] * room


@final
@dataclass(frozen=True)
class Shape:
    """One shape.

    - `name`: as in `ScorePosterior.shape_probabilities`; `link`: its link; `probability`: before the data.
    - `rise`: range of score minus floor at the lowest loss seen, uniform.
    - `priors`: of the link's shape coordinates, in their order.
    """

    name: str
    link: type[AbstractLink]
    probability: float
    rise: tuple[float, float]
    priors: Mapping[str, PriorSpec] = field(hash=False)

    def coordinates(self, standard: Float[Array, "draw coordinate"]) -> dict[str, Any]:
        """Shape coordinates whose prior is stated, from as many standard normal ones."""
        columns = np.moveaxis(standard, -1, 0)
        return {
            name: _from_standard_normal(spec, column)
            for (name, spec), column in zip(self.priors.items(), columns, strict=True)
        }


def shapes_of(chance: float, *, onset_points: float = ONSET_POINTS) -> tuple[Shape, ...]:
    """The shapes that a score with this chance level may have; their probabilities sum to 1.

    A score with a chance near 0 can neither fall nor dip. Raises `InvalidInput` where chance leaves no room for a rise.
    """
    room, points = 1.0 - chance, onset_points
    if room <= 2 * points:
        raise InvalidInput(f"Chance {chance:g} given: a score cannot rise above it by more than {room:.3g}.")
    threshold, logistic, dip = (link_class(name) for name in ("threshold", "logistic", "dip"))
    # Within the data, so that a drift of less than the onset's points does not grow to a rise beyond them.
    drift: dict[str, PriorSpec] = {**logistic.priors, "center_share": Uniform(low=0.0, high=1.0)}
    found = [
        Shape("flat", logistic, 0.30, (-points, points), drift),
        Shape("threshold", threshold, 0.30, (points, room), threshold.priors),
        Shape("smooth", logistic, 0.20, (points, room), logistic.priors),
    ]
    if chance > 2 * points:
        found += [
            # Its rise out of the dip may end where it began: a recovery is no emergence.
            Shape("dip_then_rise", dip, 0.10, (-points, room), dip.priors),
            Shape("fall", logistic, 0.10, (-chance, -points), logistic.priors),
        ]
    total = sum(shape.probability for shape in found)
    return tuple(Shape(shape.name, shape.link, shape.probability / total, shape.rise, shape.priors) for shape in found)


def _from_standard_normal(spec: PriorSpec, z: Any) -> Any:
    if isinstance(spec, Uniform):
        from scipy.special import ndtr

        return spec.low + (spec.high - spec.low) * ndtr(z)
    assert isinstance(spec, LogNormal), "the links state uniform and log-normal priors"
    return spec.median * np.exp(spec.scale * z)
