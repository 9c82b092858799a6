"""Point estimates: the minimum of the summed Huber loss on log loss, from many starts at once, with its proof.

Fits under many weights of the rows, and the bootstrap, are in `scaling.inference.point_batch`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

from scaling._pytree import Array, field_values
from scaling.errors import FitFailed
from scaling.inference._coordinates import (
    constrained,
    coordinates_on_bounds,
    positions_inside,
    prior_centre,
    unconstrained,
)
from scaling.inference._descent import Effort, Ends, Residuals, descent_program
from scaling.inference._numerics import bucket_size, float64
from scaling.laws import AbstractLaw, AbstractSeparableLaw
from scaling.models.loss import LossData

HUBER_DELTA = 1e-3  # Hoffmann et al. 2022, section 3.3; with log residuals near .0075 this is nearly an L1 fit
WIDE_DELTA = 0.05  # of the approach: residuals of any sensible fit lie inside, so that it is least squares
APPROACH_STEPS = 200
_ROUNDS = 60
_GRID_POINTS = 144  # searched by projection: 12 by 12 for a law with two exponents
_LINE_POINTS = 12
_PROJECTED_STARTS = 6
_DRAWN_STARTS = 10
_THINNED_ROWS = 32  # on which more starts than these approach
_FEW_STARTS = 64
_MANY_FITS = 4096  # padding costs memory, not time: fits beyond the count are not made
_SAME_END = 1e-3  # distance in unconstrained coordinates below which two approaches have arrived at one point
AGREEING = 1e-6  # relative difference of objectives that are one minimum
MOST_REMAINING = 1e-6  # decrease, relative, that a Newton step may still promise
_FLAT = 1e-10  # least curvature over the largest, of the Hessian scaled to unit diagonal, that is not flat


@final
@dataclass(frozen=True)
class PointEstimate:
    """The minimum of the summed Huber loss and the evidence that it is one.

    - `objective`: $\\sum_i \\mathrm{Huber}_\\delta(\\ln L_i - \\ln L(N_i, D_i))$: the sum, not the mean.
    - `remaining`: decrease that a Newton step from there would still bring, relative to the objective.
    - `moved`: distance from the start that led there, in reference coordinates without bounds.
    - `starts`, `agreeing`: descents made, and those that ended within 1e-6 of the best; `basins`: distinct ends.
    - `ends`: the number of starts by what became of them: `optimum`, `other basin`, `on a bound: NAME`,
      `not converged`. They add up to `starts`.
    """

    law: AbstractLaw
    objective: float
    remaining: float
    moved: float
    starts: int
    agreeing: int
    basins: int
    ends: Mapping[str, int] = field(default_factory=dict)


def point_estimate(
    law_class: type[AbstractLaw],
    data: LossData,
    *,
    delta: float = HUBER_DELTA,
    starts: AbstractLaw | None = None,
) -> PointEstimate:
    """The law that minimises the summed Huber loss of log residuals.

    Starts are drawn about the priors' centre and, for a separable law, found by variable projection (a search over the
    exponents, the other coefficients by non-negative least squares); or they are the laws `starts` [start], such as a
    published grid, moved off their bounds. More than 64 approach on 32 rows spread over the losses; every distinct end
    is then polished on all rows.

    Raises `FitFailed` where the best end is on a bound (its coefficient is not identified by these rows), did not
    leave its start, lies on a flat line, or could still be lowered.
    """
    with float64():
        begin = _starts(law_class, data) if starts is None else positions_inside(starts, data.concrete_reference())
        weight = np.asarray(data.weight, dtype=np.float64)
        if len(begin) > _FEW_STARTS:
            near, which = _approached_on_few_rows(law_class, data, begin, weight=weight)
        else:
            near, which = begin, np.arange(len(begin))
        ends = descend(law_class, data, near, np.tile(weight, (len(near), 1)), delta=delta)
        return _checked_estimate(law_class, data, ends, begin, which, delta=delta)


@cache
def _residuals(law_class: type[AbstractLaw]) -> Residuals:
    def residuals(position: Any, data: LossData) -> Any:
        law: Any = law_class.from_reference(constrained(law_class, position), data.reference)
        return data.log_loss - law.log_loss(data.n, data.d, **data.covariates)

    return residuals


def descend(
    law_class: type[AbstractLaw],
    data: LossData,
    begin: Any,
    weights: Any,
    *,
    delta: float,
    approach: int = APPROACH_STEPS,
    rounds: int = _ROUNDS,
) -> Ends:
    """Descents from every row of `begin`: at most `approach` steps under a wide delta, then `rounds` of polish."""
    count = len(begin)
    missing = bucket_size(count, smallest=_FEW_STARTS if count <= _FEW_STARTS else _MANY_FITS) - count
    program = descent_program(_residuals(law_class), shared=True)
    ends = program(
        np.pad(begin, ((0, missing), (0, 0))),
        np.pad(weights, ((0, missing), (0, 0))),
        data,
        count,
        Effort(delta, WIDE_DELTA, approach, rounds),
    )
    return Ends(*(np.asarray(part)[:count] for part in ends))


def _approached_on_few_rows(
    law_class: type[AbstractLaw], data: LossData, begin: Any, *, weight: Any
) -> tuple[Any, Any]:
    """Distinct ends of the approach on rows spread evenly over the ranks of the losses, and which start led to which.

    Two starts that have arrived at one point would be polished to one point.
    """
    rows = np.flatnonzero(weight)
    ranked = rows[np.argsort(np.asarray(data.log_loss)[rows], kind="stable")]
    kept = ranked[np.unique(np.linspace(0, len(ranked) - 1, _THINNED_ROWS).astype(int))]
    kept = np.pad(kept, (0, _THINNED_ROWS - len(kept)), mode="edge")
    arrays = {name: getattr(data, name)[kept] for name in ("n", "d", "log_loss", "weight", "information")}
    thinned = data._replace(**arrays, covariates={name: values[kept] for name, values in data.covariates.items()})
    ends = descend(law_class, thinned, begin, np.ones((len(begin), _THINNED_ROWS)), delta=WIDE_DELTA, rounds=0)
    cells = np.round(ends.position / _SAME_END)
    _, first, which = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    return ends.position[first], which.ravel()


def remaining_decrease(ends: Ends) -> Float[Array, "fit"]:
    """Decrease of a Newton step relative to the objective; `inf` where that is no number or the curvature negative."""
    finite = np.isfinite(ends.objective) & np.isfinite(ends.hessian).all(axis=(1, 2))
    hessian = np.where(finite[:, np.newaxis, np.newaxis], ends.hessian, 0.0)
    scale = np.sqrt(np.maximum(np.abs(np.diagonal(hessian, axis1=1, axis2=2)), 1e-290))
    scaled = hessian / scale[:, :, np.newaxis] / scale[:, np.newaxis]
    curvature, axes = np.linalg.eigh(scaled)
    slope = np.einsum("fij,fi->fj", axes, np.where(finite[:, np.newaxis], ends.gradient / scale, 0.0))
    gain = 0.5 * np.sum(slope**2 / np.maximum(np.abs(curvature), _FLAT), axis=1)
    saddle = curvature[:, 0] < -np.sqrt(_FLAT)
    # 1e-9 of the objective of one row at delta: below, an objective is rounding.
    relative = gain / np.maximum(ends.objective, 1e-9)
    return np.where(finite & ~saddle, relative, np.inf)


def _checked_estimate(
    law_class: type[AbstractLaw], data: LossData, ends: Ends, begin: Any, which: Any, *, delta: float
) -> PointEstimate:
    values = np.where(np.isfinite(ends.objective), ends.objective, np.inf)
    remaining = remaining_decrease(ends)
    best = int(np.argmin(values))
    agreeing = values <= values[best] * (1 + AGREEING) + 1e-12
    on_bound = coordinates_on_bounds(law_class, ends.position)
    names = np.asarray(tuple(law_class.priors))

    def outcome(end: int) -> str:
        if agreeing[end]:
            return "optimum"
        if on_bound[end].any():
            return f"on a bound: {', '.join(names[on_bound[end]])}"
        return "other basin" if remaining[end] <= MOST_REMAINING else "not converged"

    outcomes = [outcome(end) for end in range(len(values))]
    first = int(np.flatnonzero(which == best)[0])
    estimate = PointEstimate(
        law=law_at(law_class, ends.position[best], data),
        objective=float(values[best] * delta),
        remaining=float(remaining[best]),
        moved=float(np.linalg.norm(ends.position[best] - begin[first])),
        starts=len(begin),
        agreeing=int(np.sum(agreeing[which])),
        basins=len({round(float(np.log(value + 1e-12)), 3) for value in values if np.isfinite(value)}),
        ends=dict(Counter(outcomes[end] for end in which)),
    )
    _refuse_bounds(law_class, ends.position[best], on_bound[best])
    _refuse_flat(law_class, ends.hessian[best])
    if not estimate.remaining <= MOST_REMAINING:
        raise FitFailed(
            f"The point estimate of {law_class.name!r} did not converge: a Newton step would still lower the objective "
            f"by {estimate.remaining:.1e} of itself. Check for rows that no law explains."
        )
    if estimate.moved == 0.0:
        raise FitFailed(f"The point estimate of {law_class.name!r} did not leave its start.")
    return estimate


def law_at(law_class: type[AbstractLaw], position: Float[Array, "... coordinate"], data: LossData) -> AbstractLaw:
    """The law at unconstrained coordinates, its coefficients as NumPy arrays."""
    coordinates = {name: np.asarray(value) for name, value in constrained(law_class, jnp.asarray(position)).items()}
    law = law_class.from_reference(coordinates, data.concrete_reference())
    return type(law)(**{name: np.asarray(value) for name, value in field_values(law).items()})


def _starts(law_class: type[AbstractLaw], data: LossData) -> Float[Array, "start coordinate"]:
    rng = np.random.default_rng(0)
    drawn = prior_centre(law_class) + rng.normal(scale=0.7, size=(_DRAWN_STARTS, len(law_class.priors)))
    return np.concatenate([drawn, *_projected_starts(law_class, data)])


def _projected_starts(law_class: type[AbstractLaw], data: LossData) -> list[Any]:
    if not issubclass(law_class, AbstractSeparableLaw):
        return []
    rows = np.asarray(data.weight)
    n, d, loss = np.asarray(data.n)[rows], np.asarray(data.d)[rows], np.exp(np.asarray(data.log_loss)[rows])
    covariates = {name: np.asarray(values)[rows] for name, values in data.covariates.items()}
    reference = data.concrete_reference()
    names = law_class.shape_coordinates
    found = []
    each = max(2, math.floor(_GRID_POINTS ** (1 / len(names))))
    grids = [law_class.shape_grid(name, each if len(names) > 1 else _LINE_POINTS) for name in names]
    for point in itertools.product(*grids):
        shape = dict(zip(names, point, strict=True))
        columns = law_class.columns(shape, n, d, reference, **covariates)
        if not np.isfinite(columns).all():
            continue  # the law has no loss for some row at this shape
        terms, residual = nnls(columns / loss[:, np.newaxis], np.ones_like(loss))  # relative residuals, near log ones
        found.append((residual, shape, terms))
    found.sort(key=lambda entry: entry[0])
    # The best few, and a spread of worse ones: neighbours on the grid all lead to one basin.
    chosen = [*found[:3], *found[3 :: max(1, len(found) // (_PROJECTED_STARTS - 3))]][:_PROJECTED_STARTS]
    starts = []
    for _, shape, terms in chosen:
        inside = np.maximum(terms, 1e-3 * terms.sum())  # off the bound, where a descent could not turn round
        starts.append(unconstrained(law_class, law_class.coordinates_from_terms(shape, inside, reference))[np.newaxis])
    return starts


def _refuse_bounds(law_class: type[AbstractLaw], position: Any, on_bound: Any) -> None:
    if not on_bound.any():
        return
    values = constrained(law_class, jnp.asarray(position))
    named = [f"{name} = {float(value):.3g}" for (name, value), bad in zip(values.items(), on_bound, strict=True) if bad]
    raise FitFailed(
        f"The point estimate of {law_class.name!r} lies on a bound ({', '.join(named)}): these runs do not "
        "identify it. Add runs at other sizes or token counts, or rely on the posterior, whose priors hold it."
    )


def _refuse_flat(law_class: type[AbstractLaw], hessian: Any) -> None:
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-290))
    curvature, axes = np.linalg.eigh(hessian / scale[:, np.newaxis] / scale)
    if np.isfinite(curvature).all() and abs(curvature[0]) < _FLAT:
        line = ", ".join(name for name, part in zip(law_class.priors, np.abs(axes[:, 0]), strict=True) if part > 0.1)
        raise FitFailed(
            f"The point estimate of {law_class.name!r} lies on a line along which nothing changes ({line}): these "
            "runs do not tell those coordinates apart. Add runs at other sizes or token counts, or fit a simpler law."
        )
