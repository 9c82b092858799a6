"""Point estimates in batches: under many weights of the rows, and the bootstrap.

A row of weights with a run's rows at 0 tells how far an answer moves without that run ("dropping this run moves N* by
1.4x"); counts of a draw with replacement make the bootstrap. All fits of a batch are one call of one compiled program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidInput
from scaling.inference._coordinates import coordinates_on_bounds, prior_centre, unconstrained
from scaling.inference._descent import Ends
from scaling.inference._numerics import float64
from scaling.inference.point import (
    AGREEING,
    HUBER_DELTA,
    MOST_REMAINING,
    PointEstimate,
    descend,
    law_at,
    point_estimate,
    remaining_decrease,
)
from scaling.laws import AbstractLaw
from scaling.models.loss import LossData


@final
@dataclass(frozen=True)
class PointEstimates:
    """Minima of the summed Huber loss, one a row of weights.

    - `law`: coefficients with an axis [fit]; `objective` [fit]: the weighted sum.
    - `remaining` [fit]: decrease, relative, that a Newton step would still bring; `inf` at no minimum.
    - `moved` [fit]: distance from the common start, in unconstrained reference coordinates.
    - `on_bound` [fit, coordinate]: which of the law's coordinates (`coordinates`) the rows do not determine.
    """

    law: AbstractLaw
    position: Float[Array, "fit coordinate"]
    objective: Float[Array, "fit"]
    remaining: Float[Array, "fit"]
    moved: Float[Array, "fit"]
    on_bound: Bool[Array, "fit coordinate"]
    coordinates: tuple[str, ...]

    @property
    def converged(self) -> Bool[Array, "fit"]:
        """Whether each end is a minimum, on a bound or not."""
        return self.remaining <= MOST_REMAINING

    @property
    def inside(self) -> Bool[Array, "fit"]:
        """Whether each end is a minimum off every bound."""
        return self.converged & ~self.on_bound.any(axis=1)

    @classmethod
    def _of(cls, law_class: type[AbstractLaw], data: LossData, ends: Ends, start: Any, *, delta: float) -> Self:
        return cls(
            law=law_at(law_class, ends.position, data),
            position=ends.position,
            objective=ends.objective * delta,
            remaining=remaining_decrease(ends),
            moved=np.linalg.norm(ends.position - start, axis=1),
            on_bound=coordinates_on_bounds(law_class, ends.position),
            coordinates=tuple(law_class.priors),
        )


@final
@dataclass(frozen=True)
class Bootstrap:
    """Point estimates of resampled rows.

    - `estimates`: one a resample; those that did not converge are in no summary, and counted.
    - `point`: the estimate of the rows as they are.
    - `compared`: resamples that were descended from a far start too; of these `agreeing` ended at the same minimum
      and `lower` at a lower one, which the resamples' common start had hidden.
    """

    estimates: PointEstimates
    point: PointEstimate
    compared: int
    agreeing: int
    lower: int

    @property
    def unresolved(self) -> int:
        """Resamples whose descent did not end at a minimum."""
        return int(np.sum(~self.estimates.converged))

    def draws(self) -> dict[str, Float[Array, "draw"]]:
        """The coefficients of every resample that converged, by name."""
        kept = self.estimates.converged
        return {name: np.asarray(values)[kept] for name, values in self.estimates.law.to_coefficients().items()}

    def standard_errors(self) -> dict[str, float]:
        """Standard deviation of each coefficient over the resamples."""
        return {name: float(np.std(values, ddof=1)) for name, values in self.draws().items()}


def point_estimates(
    law_class: type[AbstractLaw],
    data: LossData,
    weights: Float[Array, "fit row"],
    *,
    delta: float = HUBER_DELTA,
    start: PointEstimate | None = None,
) -> PointEstimates:
    """The minima under each row of `weights`, all from the same start: `start`, or the estimate of the rows as given.

    `weights` multiply the Huber losses of the rows: 0 leaves a row out, counts resample. They are as long as the rows
    (or the padded rows) of `data`.

    Nothing raises for a fit that fails: `converged` and `on_bound` say which. Raises `FitFailed` where the common start
    cannot be found, `InvalidInput` for weights of another shape, negative or not finite.
    """
    if start is None:
        start = point_estimate(law_class, data, delta=delta)
    padded = _padded_weights(data, weights)
    with float64():
        position = unconstrained(law_class, start.law.at_reference(data.concrete_reference()))
        ends = descend(law_class, data, np.tile(position, (len(padded), 1)), padded, delta=delta, approach=0)
        return PointEstimates._of(law_class, data, ends, position, delta=delta)


def bootstrap_point(
    law_class: type[AbstractLaw],
    data: LossData,
    *,
    count: int = 4000,
    seed: int = 0,
    delta: float = HUBER_DELTA,
    compared: int = 64,
) -> Bootstrap:
    """`count` point estimates, each of as many rows drawn with replacement.

    Each starts at the estimate of the rows as they are; `compared` of them are made from prior-drawn starts too, to
    show that this start hides no lower minimum. Rows are taken to be independent: checkpoints of one run are not.

    Source: Efron 1979; the resampling of Besiroglu et al. 2024, section 3.2, whose BFGS starts at Hoffmann's values.
    """
    point = point_estimate(law_class, data, delta=delta)
    rows = int(np.sum(np.asarray(data.weight)))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(rows, np.full(rows, 1.0 / rows), size=count).astype(np.float64)
    estimates = point_estimates(law_class, data, weights, delta=delta, start=point)
    checked = min(compared, count)
    with float64():
        far = prior_centre(law_class) + rng.normal(scale=0.7, size=(checked, len(law_class.priors)))
        again = descend(law_class, data, far, _padded_weights(data, weights[:checked]), delta=delta)
    ratio = again.objective * delta / estimates.objective[:checked]
    return Bootstrap(
        estimates,
        point,
        compared=checked,
        agreeing=int(np.sum(np.abs(ratio - 1.0) < AGREEING)),
        lower=int(np.sum(ratio < 1.0 - AGREEING)),
    )


def _padded_weights(data: LossData, weights: Any) -> Float[Array, "fit row"]:
    given = np.asarray(weights, dtype=np.float64)
    rows, padded = int(np.sum(np.asarray(data.weight))), len(data.weight)
    if given.ndim != 2 or given.shape[1] not in (rows, padded):
        raise InvalidInput(f"Weights of shape {given.shape} given; one row a fit and {rows} columns are needed.")
    if not np.all(np.isfinite(given)) or np.any(given < 0):
        raise InvalidInput("Weights must be finite and not negative.")
    if given.shape[1] == padded:
        return given * np.asarray(data.weight)
    return np.pad(given, ((0, 0), (0, padded - rows)))
