"""The point estimate of a curve law: summed Huber loss of ln residuals, multi-start, with its proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import biject_to
from scipy.optimize import minimize

from scaling.curves import AbstractCurveLaw, CurveReference
from scaling.errors import FitFailed
from scaling.inference._numerics import float64
from scaling.inference.point import HUBER_DELTA
from scaling.models.annealing import CurveData
from scaling.priors import distribution

_STARTS = 8
_SPREAD = 0.7  # of the starts, in prior scales
_SCALE = 1.0 / HUBER_DELTA
_ENOUGH = 1e-6  # decrease still to be had, relative
_FURTHEST = 8.0  # prior scales from the prior's centre: an estimate out there ran away along a direction not identified


@final
@dataclass(frozen=True)
class CurvePointEstimate:
    r"""The minimum of $\sum_i \mathrm{Huber}_\delta(\ln L_i - \ln L(t_i))$ over all summaries, and its evidence.

    - `objective`: there. `remaining`: decrease that a Newton step would still bring, relative to it.
    - `moved`: distance from the best start. `starts`, `agreeing`: descents, and those within 1e-4 of the best.
    """

    law: AbstractCurveLaw
    objective: float
    remaining: float
    moved: float
    starts: int
    agreeing: int


def curve_coordinates(law_class: type[AbstractCurveLaw], position: Any) -> dict[str, Any]:
    """Reference coordinates from the real line, each by the bijection of its prior's support."""
    return {
        name: biject_to(distribution(spec).support)(position[..., index])
        for index, (name, spec) in enumerate(law_class.priors.items())
    }


def prior_centre(specs: Any) -> Any:
    """The priors' medians on the real line."""
    return np.asarray([float(biject_to(distribution(spec).support).inv(spec.middle())) for spec in specs])


@cache
def _program(law_class: type[AbstractCurveLaw]) -> Callable[[Any, CurveData], Any]:
    def objective(position: Any, data: CurveData) -> Any:
        law = law_class.from_reference(curve_coordinates(law_class, position), data.reference)
        loss = law.loss(data.nodes)
        ratio = jnp.where(data.weight & (loss > 0), loss, 1.0)
        residual = jnp.where(data.weight, jnp.abs(data.log_loss - jnp.log(ratio)), 0.0)
        huber = jnp.where(residual < HUBER_DELTA, 0.5 * residual**2, HUBER_DELTA * (residual - 0.5 * HUBER_DELTA))
        return _SCALE * jnp.sum(huber)

    program: Callable[[Any, CurveData], Any] = jax.jit(jax.value_and_grad(objective))
    return program


def curve_point_estimate(law_class: type[AbstractCurveLaw], data: CurveData) -> CurvePointEstimate:
    """The law that minimises the summed Huber loss, from 8 starts about the priors' centre.

    Raises `FitFailed` where the best descent could still go on, did not leave its start, or ran away along a direction
    that these runs do not identify.
    """
    with float64():
        program = _program(law_class)
        specs = list(law_class.priors.values())
        centre = prior_centre(specs)
        scales = np.asarray([getattr(spec, "scale", 1.0) for spec in specs])
        rng = np.random.default_rng(0)
        starts = centre + _SPREAD * scales * np.vstack([0 * centre, rng.standard_normal((_STARTS - 1, len(centre)))])

        def objective(position: Any) -> tuple[float, Any]:
            value, gradient = program(position, data)
            return (float(value), np.asarray(gradient)) if np.isfinite(value) else (1e12, np.zeros_like(position))

        ends = [minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-10}) for start in starts]
        best = min(range(_STARTS), key=lambda index: ends[index].fun)
        end = ends[best]
        law = law_class.from_reference(
            {name: np.asarray(value) for name, value in curve_coordinates(law_class, jnp.asarray(end.x)).items()},
            CurveReference(
                *(float(value) for value in (data.reference_area, data.reference_rate, data.reference_loss))
            ),
        )
    estimate = CurvePointEstimate(
        law=law,
        objective=float(end.fun) / _SCALE,
        remaining=float(0.5 * end.jac @ end.hess_inv @ end.jac) / max(float(end.fun), 1e-12),
        moved=float(np.linalg.norm(end.x - starts[best])),
        starts=_STARTS,
        agreeing=sum(each.fun <= end.fun * (1 + 1e-4) for each in ends),
    )
    away = np.abs(end.x - centre) / scales
    if away.max() > _FURTHEST:
        names = ", ".join(name for name, far in zip(law_class.priors, away, strict=True) if far > _FURTHEST)
        raise FitFailed(
            f"The point estimate of {law_class.name!r} ran away in {names}: these runs do not identify it. "
            "Add a run with another schedule, or use the posterior, whose priors keep it in bounds."
        )
    if not estimate.remaining <= _ENOUGH or estimate.moved == 0.0:
        raise FitFailed(
            f"The point estimate of {law_class.name!r} did not converge: a Newton step would still lower the objective "
            f"by {estimate.remaining:.1e} of itself (moved {estimate.moved:.1e} from its start)."
        )
    return estimate
