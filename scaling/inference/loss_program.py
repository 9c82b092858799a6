"""The model of losses as a program: padded data, its potential energy, where to start, what a draw means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpyro.distributions import biject_to
from numpyro.infer.util import potential_energy

from scaling._pytree import Array, field_values
from scaling.errors import NotEnoughRuns
from scaling.inference._coordinates import constrained, unconstrained
from scaling.inference._numerics import bucket_size, float64
from scaling.inference.form_error import LawDraws
from scaling.inference.modes import find_modes
from scaling.inference.nuts import Mode, Potential, find_mode
from scaling.inference.point import PointEstimate
from scaling.inference.run_correlation import RunCorrelation, run_correlation
from scaling.laws import AbstractLaw, Reference
from scaling.models.loss import NOISE_PRIOR, LossData, loss_model
from scaling.observations import LossObservations
from scaling.priors import distribution


def require_enough(runs: LossObservations, law_class: type[AbstractLaw]) -> None:
    """Raise `NotEnoughRuns` where `runs` are too few, or alike, to determine the law's coefficients."""
    coefficients = len(law_class.coefficients)
    if len(runs) <= coefficients:
        raise NotEnoughRuns(
            f"{law_class.name!r} has {coefficients} coefficients and a noise scale, but {len(runs)} rows were given. "
            "Add runs at other sizes or token counts."
        )
    for variable, values, what in (("n", runs.size, "size"), ("d", runs.tokens, "token count")):
        distinct = len(np.unique(values))
        if variable in law_class.variables and distinct < 3:
            simpler = "'power_tokens'" if variable == "n" else "'power'"
            raise NotEnoughRuns(
                f"{law_class.name!r} needs at least 3 different {what}s; {distinct} given "
                f"({', '.join(f'{value:.4g}' for value in np.unique(values))}). Add runs at other {what}s, "
                f"or fit a law that does not depend on {what}, such as {simpler}."
            )


def loss_data(runs: LossObservations, *, reference: Reference | None = None, rows: int = 0) -> LossData:
    """Observations as padded arrays, every row counting in full.

    They are centred at `reference`, by default at their medians. The priors are stated there: where data sets are
    simulated from those priors, all have one reference. `rows` asks for longer arrays than these rows need, so that
    parts of one data set share its programs.
    """
    at = _medians(runs) if reference is None else reference
    missing = max(rows, bucket_size(len(runs))) - len(runs)
    with float64():
        return LossData(
            n=jnp.asarray(np.pad(runs.size, (0, missing), constant_values=at.n)),
            d=jnp.asarray(np.pad(runs.tokens, (0, missing), constant_values=at.d)),
            log_loss=jnp.asarray(np.pad(np.log(runs.loss), (0, missing), constant_values=np.log(at.loss))),
            weight=jnp.asarray(np.arange(len(runs) + missing) < len(runs)),
            information=jnp.ones(len(runs) + missing),
            reference_n=jnp.asarray(at.n),
            reference_d=jnp.asarray(at.d),
            reference_loss=jnp.asarray(at.loss),
            covariates={
                name: jnp.asarray(np.pad(values, (0, missing), constant_values=at.covariates[name]))
                for name, values in runs.covariates.items()
            },
            reference_covariates={name: jnp.asarray(value) for name, value in at.covariates.items()},
        )


def _medians(runs: LossObservations) -> Reference:
    n, d, loss = (float(np.exp(np.median(np.log(values)))) for values in (runs.size, runs.tokens, runs.loss))
    covariates = {name: float(np.exp(np.median(np.log(values)))) for name, values in runs.covariates.items()}
    return Reference(n, d, loss, covariates)


@cache
def loss_potential(law_class: type[AbstractLaw]) -> Callable[[Any, Any], Any]:
    """Potential energy of one flat unconstrained vector; one object a law, so that its programs are kept."""
    names = [*law_class.priors, "noise_scale"]

    def potential(position: Any, data: LossData) -> Any:
        sites = {name: position[index] for index, name in enumerate(names)}
        return potential_energy(loss_model, (law_class, data), {}, sites)

    return potential


def loss_starts(
    law_class: type[AbstractLaw],
    data: LossData,
    *,
    point: PointEstimate | None = None,
    start: Mapping[str, float] | None = None,
) -> Any:
    """Unconstrained starts: the prior's centre, the point estimate, the given start; always three, one program."""
    centre = unconstrained(law_class, {name: spec.middle() for name, spec in law_class.priors.items()})
    coordinates = [centre]
    if point is not None:
        coordinates.append(unconstrained(law_class, point.law.at_reference(data.concrete_reference())))
    if start is not None:
        coordinates.append(unconstrained(law_class, dict(start)))
    coordinates += [centre] * (3 - len(coordinates))
    return np.stack([np.append(each, np.log(NOISE_PRIOR.middle())) for each in coordinates])


def law_draws(law_class: type[AbstractLaw], data: LossData, draws: Float[Array, "draw dim"]) -> LawDraws:
    """What unconstrained draws of `loss_potential` mean; all scatter is noise, no run has an effect yet."""
    with float64():
        flat = jnp.asarray(draws)
        coordinates = {name: np.asarray(value) for name, value in constrained(law_class, flat).items()}
        law = law_class.from_reference(coordinates, data.concrete_reference())
        positive = biject_to(distribution(NOISE_PRIOR).support)
        return LawDraws(
            law=type(law)(**{name: np.asarray(value) for name, value in field_values(law).items()}),
            noise_scale=np.asarray(positive(flat[:, len(law_class.priors)])),
            run_scale=np.zeros(len(flat)),
        )


@final
class CountedMode(NamedTuple):
    """The mode with every row counted for what it tells, the data so weighted, and the correlation within runs."""

    mode: Mode
    data: LossData
    correlation: RunCorrelation | None


def find_counted_mode(
    law_class: type[AbstractLaw], data: LossData, runs: LossObservations, starts: Any, *, rng: np.random.Generator
) -> CountedMode:
    """The mode with all rows as independent, the correlation of its residuals within runs, and the mode given that."""
    potential = loss_potential(law_class)
    mode = lowest_mode(potential, data, starts)
    correlation = correlation_at(law_class, data, runs, mode.position, rng=rng)
    if correlation is None:
        return CountedMode(mode, data, None)
    data = counted(data, correlation)
    return CountedMode(lowest_mode(potential, data, np.stack([mode.position, *starts[:2]])), data, correlation)


def correlation_at(
    law_class: type[AbstractLaw],
    data: LossData,
    runs: LossObservations,
    position: Float[Array, "dim"],
    *,
    rng: np.random.Generator,
) -> RunCorrelation | None:
    """The correlation within runs of the residuals at `position`; none where every row is its own run."""
    return run_correlation(runs, law_draws(law_class, data, position[np.newaxis]).law[0], rng=rng)


def counted(data: LossData, correlation: RunCorrelation) -> LossData:
    """The data with each row counted for what it tells beside the others of its run."""
    information = correlation.information
    missing = len(data.n) - len(information)
    with float64():
        return data._replace(information=jnp.asarray(np.pad(information, (0, missing))))


def lowest_mode(potential: Potential, data: Any, starts: Float[Array, "start dim"]) -> Mode:
    """The lowest mode by Newton's method, or by BFGS where that does not arrive."""
    found = find_modes(potential, jax.tree.map(lambda leaf: leaf[None], data), starts[np.newaxis])
    if found.converged[0]:
        return Mode(found.position[0], found.scale[0])
    return find_mode(potential, data, starts)
