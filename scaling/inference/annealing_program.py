"""What every sample of a curve law is made with: its potential, and the posterior that draws stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.distributions import biject_to
from numpyro.infer.util import potential_energy

from scaling._pytree import Array, field_values
from scaling.curves import AbstractCurveLaw, CurveReference
from scaling.curves.reach import AnnealingReach
from scaling.inference.annealing_point import curve_coordinates
from scaling.models.annealing import ERROR_PRIORS, CurveData, curve_model
from scaling.posterior import AnnealingPosterior, KnownCurve
from scaling.priors import distribution


@cache
def curve_potential(law_class: type[AbstractCurveLaw]) -> Callable[[Any, Any], Any]:
    """-ln density over the unconstrained coordinates of the law, then those of its error."""
    names = [*law_class.priors, *ERROR_PRIORS]

    def potential(position: Any, data: CurveData) -> Any:
        sites = {name: position[index] for index, name in enumerate(names)}
        return potential_energy(curve_model, (law_class, data), {}, sites)

    return potential


def curve_posterior(
    law_class: type[AbstractCurveLaw],
    draws: Float[Array, "draw dim"],
    data: CurveData,
    curves: Mapping[str, KnownCurve],
    *,
    last_step: int,
    response_growth: Float[Array, "draw"] | float = 0.0,
) -> AnnealingPosterior:
    """The posterior of these draws, knowing `curves`; must run under `float64`."""
    flat = jnp.asarray(draws)
    after = len(law_class.priors)
    coordinates = {name: np.asarray(value) for name, value in curve_coordinates(law_class, flat).items()}
    reference = CurveReference(
        *(float(value) for value in (data.reference_area, data.reference_rate, data.reference_loss))
    )
    law = law_class.from_reference(coordinates, reference)
    error = {
        name: np.asarray(biject_to(distribution(spec).support)(flat[:, after + index]))
        for index, (name, spec) in enumerate(ERROR_PRIORS.items())
    }
    return AnnealingPosterior(
        law=type(law)(**{name: np.asarray(value) for name, value in field_values(law).items()}),
        error={**error, "response_growth": np.broadcast_to(np.asarray(response_growth), (len(draws),)).copy()},
        peak_rate=reference.rate,
        last_step=last_step,
        reach=AnnealingReach.of([curve.nodes for curve in curves.values()], peak_rate=reference.rate),
        runs=curves,
    )
