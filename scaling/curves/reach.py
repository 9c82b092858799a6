r"""How far a schedule's annealing has gone: how deep its rate has fallen, and how long the loss has responded.

A response is known at the rates it was seen at and for as long as it was seen. The place of a row in annealing is the
mean over the falls that it has behind it, each weighted by its size $|\Delta_k|$,

$u(t) = \overline{\ln(\eta_{peak} / \eta_k)}, \quad v(t) = \overline{\ln(t - k + 1)}$,

depth and age in e-folds. Beyond the deepest and the oldest row fitted a response is extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.curves.nodes import CurveNodes

_LEAST_FALL = 0.1  # of the peak rate, up and down together: smaller ones teach next to nothing of the response


@final
@dataclass(frozen=True)
class AnnealingReach:
    """The deepest and the oldest annealing among the rows fitted, e-folds; zero where no rate has fallen.

    - `depth`: of the mean fall below `peak_rate`. `age`: of the steps since the mean fall.
    """

    depth: float
    age: float
    peak_rate: float

    @classmethod
    def of(cls, nodes: Sequence[CurveNodes], *, peak_rate: float) -> Self:
        """The reach of runs; rows that have hardly fallen from the peak do not count."""
        fallen = [np.sum(np.abs(each.drop), axis=1) >= _LEAST_FALL * peak_rate for each in nodes]
        places = [_places(each, peak_rate)[:, kept] for each, kept in zip(nodes, fallen, strict=True)]
        depth, age = np.concatenate(places, axis=1).max(axis=1, initial=0.0)
        return cls(float(depth), float(age), peak_rate)

    def beyond(self, nodes: CurveNodes) -> Float[Array, "axis row"]:
        """E-folds by which rows lie deeper (axis 0) and older (axis 1) than those fitted; zero inside."""
        limits = np.asarray([[self.depth], [self.age]])
        excess: Float[Array, "axis row"] = np.maximum(_places(nodes, self.peak_rate) - limits, 0.0)
        return excess


def _places(nodes: CurveNodes, peak_rate: float) -> Float[Array, "axis row"]:
    weight = np.abs(nodes.drop)
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    depth = np.maximum(np.log(peak_rate) - nodes.log_rate, 0.0)
    return np.stack([np.sum(share * depth, axis=1), np.sum(share * np.log(np.maximum(nodes.steps_since, 1.0)), axis=1)])
