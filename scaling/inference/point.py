"""The point estimate: summed Huber loss on log loss, by variable projection and multi-start, with its proof."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.distributions import biject_to
from scipy.optimize import minimize, nnls

from scaling._pytree import Array
from scaling.errors import FitFailed
from scaling.inference._numerics import float64
from scaling.laws import AbstractLaw, AbstractSeparableLaw
from scaling.models.loss import LossData
from scaling.priors import distribution

HUBER_DELTA = 1e-3  # Hoffmann et al. 2022, section 3.3; with log residuals near .0075 this is nearly an L1 fit
_GRID = np.geomspace(0.02, 2.0, 32)  # exponents searched; published ones lie between .05 and .8
_STARTS = 9
_SMALLEST_SHARE = 1e-6  # a share of the reference loss below this, or an exponent beyond the grid's decade, is a bound
_EXPONENT_BOUNDS = (0.004, 10.0)
_SCALE = 1.0 / HUBER_DELTA  # brings the objective near 1, where the line search's tolerances are meant to work


@final
@dataclass(frozen=True)
class PointEstimate:
    """The minimum of the summed Huber loss and the evidence that it is one.

    - `objective`: $\\sum_i \\mathrm{Huber}_\\delta(\\ln L_i - \\ln L(N_i, D_i))$: the sum, not the mean.
    - `remaining`: decrease that a Newton step from there would still bring, relative to the objective.
    - `moved`: distance from the best start, in reference coordinates without bounds.
    - `starts`, `agreeing`: descents made, and those that ended within 1e-6 of the best; `basins`: distinct ends.
    """

    law: AbstractLaw
    objective: float
    remaining: float
    moved: float
    starts: int
    agreeing: int
    basins: int


@cache
def _objective_program(law_class: type[AbstractLaw], delta: float) -> Callable[[Any, LossData], Any]:
    def objective(position: Any, data: LossData) -> Any:
        law: Any = law_class.from_reference(constrained(law_class, position), data.reference)
        residual = jnp.abs(data.log_loss - law.log_loss(data.n, data.d, **data.covariates))
        huber = jnp.where(residual < delta, 0.5 * residual**2, delta * (residual - 0.5 * delta))
        return _SCALE * jnp.sum(jnp.where(data.weight, huber, 0.0))

    program: Callable[[Any, LossData], Any] = jax.jit(jax.value_and_grad(objective))
    return program


def constrained(law_class: type[AbstractLaw], position: Float[Array, "... coordinate"]) -> dict[str, Any]:
    """Reference coordinates from the real line, each by the bijection of its prior's support."""
    return {
        name: biject_to(distribution(spec).support)(position[..., index])
        for index, (name, spec) in enumerate(law_class.priors.items())
    }


def unconstrained(law_class: type[AbstractLaw], coordinates: dict[str, Any]) -> Float[Array, "coordinate"]:
    """Inverse of `constrained`."""
    return np.asarray(
        [
            biject_to(distribution(spec).support).inv(jnp.asarray(coordinates[name]))
            for name, spec in law_class.priors.items()
        ]
    )


def point_estimate(law_class: type[AbstractLaw], data: LossData, *, delta: float = HUBER_DELTA) -> PointEstimate:
    """The law that minimises the summed Huber loss of log residuals.

    Starts come from variable projection (a search over the exponents, the other coefficients by non-negative least
    squares); each start is polished by BFGS in reference coordinates.

    Raises `FitFailed` where the best end is on a bound (its coefficient is not identified by these rows), did not
    leave its start, or could still be lowered.
    """
    with float64():
        program = _objective_program(law_class, delta)

        def objective(position: Any) -> tuple[float, Any]:
            value, gradient = program(position, data)
            return float(value), np.asarray(gradient)

        starts = _starts(law_class, data)
        ends = [
            minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-12, "maxiter": 1000})
            for start in starts
        ]
        values = np.asarray([end.fun if np.isfinite(end.fun) else np.inf for end in ends])
        best = int(np.argmin(values))
        end = ends[best]
        _refuse_bounds(law_class, end.x)
        remaining = float(0.5 * end.jac @ end.hess_inv @ end.jac)
        estimate = PointEstimate(
            law=_law_at(law_class, end.x, data),
            objective=float(end.fun / _SCALE),
            remaining=remaining / float(max(end.fun, 1e-12)),
            moved=float(np.linalg.norm(end.x - starts[best])),
            starts=len(starts),
            agreeing=int(np.sum(values <= end.fun * (1 + 1e-6) + 1e-15)),
            basins=len({round(float(np.log(value + 1e-15)), 3) for value in values if np.isfinite(value)}),
        )
    if estimate.remaining > 1e-6:
        raise FitFailed(
            f"The point estimate of {law_class.name!r} did not converge: a Newton step would still lower the objective "
            f"by {estimate.remaining:.1e} of itself. Check for rows that no law explains."
        )
    if estimate.moved == 0.0:
        raise FitFailed(f"The point estimate of {law_class.name!r} did not leave its start.")
    return estimate


def _law_at(law_class: type[AbstractLaw], position: Any, data: LossData) -> AbstractLaw:
    reference = data.concrete_reference()
    coordinates = {name: np.asarray(value) for name, value in constrained(law_class, jnp.asarray(position)).items()}
    return law_class.from_reference(coordinates, reference)


def _starts(law_class: type[AbstractLaw], data: LossData) -> list[Any]:
    if not issubclass(law_class, AbstractSeparableLaw):
        rng = np.random.default_rng(0)
        return list(rng.normal(scale=0.7, size=(_STARTS, len(law_class.priors))))
    rows = np.asarray(data.weight)
    n, d, loss = np.asarray(data.n)[rows], np.asarray(data.d)[rows], np.exp(np.asarray(data.log_loss)[rows])
    covariates = {name: np.asarray(values)[rows] for name, values in data.covariates.items()}
    reference = data.concrete_reference()
    names = law_class.shape_coordinates
    found = []
    for exponents in itertools.product(_GRID, repeat=len(names)):
        shape = dict(zip(names, exponents, strict=True))
        columns = law_class.columns(shape, n, d, reference, **covariates)
        terms, residual = nnls(columns / loss[:, np.newaxis], np.ones_like(loss))  # relative residuals, near log ones
        found.append((residual, shape, terms))
    found.sort(key=lambda entry: entry[0])
    # The best few, and a spread of worse ones: neighbours on the grid all lead to one basin.
    chosen = [*found[:3], *found[3 :: max(1, len(found) // (_STARTS - 3))]][:_STARTS]
    starts = []
    for _, shape, terms in chosen:
        inside = np.maximum(terms, 1e-3 * terms.sum())  # off the bound, where a descent could not turn round
        starts.append(unconstrained(law_class, law_class.coordinates_from_terms(shape, inside, reference)))
    return starts


def _refuse_bounds(law_class: type[AbstractLaw], position: Any) -> None:
    on_bound = []
    for name, value in constrained(law_class, jnp.asarray(position)).items():
        share = name.endswith("_share") and not _SMALLEST_SHARE < value < 1 - _SMALLEST_SHARE
        exponent = name in ("alpha", "beta") and not _EXPONENT_BOUNDS[0] < value < _EXPONENT_BOUNDS[1]
        if share or exponent:
            on_bound.append(f"{name} = {float(value):.3g}")
    if on_bound:
        raise FitFailed(
            f"The point estimate of {law_class.name!r} lies on a bound ({', '.join(on_bound)}): these runs do not "
            "identify it. Add runs at other sizes or token counts, or rely on the posterior, whose priors hold it."
        )
