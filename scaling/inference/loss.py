"""The posterior of a loss law from runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from numpyro.distributions import biject_to
from numpyro.infer.util import potential_energy

from scaling._pytree import Array, field_values
from scaling.errors import FitFailed, NotEnoughRuns
from scaling.inference._numerics import bucket_size, float64
from scaling.inference.findings import loss_findings
from scaling.inference.modes import find_modes
from scaling.inference.nuts import Mode, Potential, WhitenedSample, find_mode
from scaling.inference.point import PointEstimate, constrained, point_estimate, unconstrained
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.sampling import sample_until_converged
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw, Reference
from scaling.models.loss import NOISE_PRIOR, RUN_PRIOR, LossData, loss_model
from scaling.observations import LossObservations, noticed
from scaling.posterior import Finding, FindingCode, Hull, LossPosterior, SampleDiagnostics
from scaling.priors import distribution

_SMALLEST_RUN_BUCKET = 8
_OUTLIER_SCALES = 6.0  # robust deviations beyond which a row does not speak for its run


@final
@dataclass(frozen=True)
class LossFit:
    """A law's posterior with the evidence for it.

    - `posterior`: all kept draws, chain after chain; `sample`: the same in unconstrained coordinates, by chain.
    - `point`: the point estimate, absent where it failed (a finding says why).
    """

    posterior: LossPosterior
    sample: WhitenedSample
    diagnostics: SampleDiagnostics
    point: PointEstimate | None
    findings: tuple[Finding, ...]


def fit_loss(
    runs: LossObservations,
    law_class: type[AbstractLaw],
    *,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    start: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> LossFit:
    """Sample the posterior of `law_class` given `runs`, gated on convergence.

    `start` gives reference coordinates near the mode (a warm start: an earlier fit's medians).

    A sample that misses its gate is drawn again, longer and then by NUTS (see `sample_until_converged`).

    Raises `NotEnoughRuns` where the rows cannot determine the law's
    coefficients, `InvalidInput` where they lack a covariate of it, `FitFailed` where the last sample misses the gate.
    """
    require_enough(runs, law_class)
    law_class.checked_covariates(runs.covariates)
    data, run_count = pad_runs(runs)
    findings = [Finding(code=FindingCode.DATA_QUALITY, message=str(warning)) for warning in noticed(runs)]
    progress(ProgressEvent("point estimate", 0, 1))
    try:
        point: PointEstimate | None = point_estimate(law_class, data)
    except FitFailed as failure:
        point = None
        findings.append(Finding(code=FindingCode.POINT_ESTIMATE_FAILED, message=str(failure)))
    progress(ProgressEvent("point estimate", 1, 1))
    if run_count and point is not None:
        data = data._replace(typical=_typical_rows(runs, point, rows=len(data.n)))
    with float64():
        potential = loss_potential(law_class, run_count)
        mode = _mode(potential, data, _starts(law_class, data, run_count=run_count, point=point, start=start))
        # Run effects are nuisance, and padded ones no coordinates at all: the gate looks at the scalars.
        scalars = len(law_class.priors) + (2 if run_count else 1)
        sample, diagnostics = sample_until_converged(
            potential, data, mode, scalars=scalars, settings=settings, progress=progress
        )
        posterior = _posterior(sample, law_class, data, runs, settings=settings)
    findings.extend(loss_findings(posterior, sample, law_class, runs))
    return LossFit(posterior, sample, diagnostics, point, tuple(findings))


def pad_runs(runs: LossObservations, *, reference: Reference | None = None) -> tuple[LossData, int]:
    """Observations as padded arrays, and the padded number of run effects (0: none needed).

    They are centred at `reference`, by default at their medians. The priors are stated there: where data sets are
    simulated from those priors, all have one reference.
    """
    labels, index = np.unique(np.asarray(runs.run), return_inverse=True)
    run_count = 0 if len(labels) == len(runs) else bucket_size(len(labels), smallest=_SMALLEST_RUN_BUCKET)
    at = _medians(runs) if reference is None else reference
    missing = bucket_size(len(runs)) - len(runs)
    with float64():
        data = LossData(
            n=jnp.asarray(np.pad(runs.size, (0, missing), constant_values=at.n)),
            d=jnp.asarray(np.pad(runs.tokens, (0, missing), constant_values=at.d)),
            log_loss=jnp.asarray(np.pad(np.log(runs.loss), (0, missing), constant_values=np.log(at.loss))),
            weight=jnp.asarray(np.arange(len(runs) + missing) < len(runs)),
            run=jnp.asarray(np.pad(index, (0, missing))),
            typical=jnp.ones(len(runs) + missing, dtype=bool),
            reference_n=jnp.asarray(at.n),
            reference_d=jnp.asarray(at.d),
            reference_loss=jnp.asarray(at.loss),
            covariates={
                name: jnp.asarray(np.pad(values, (0, missing), constant_values=at.covariates[name]))
                for name, values in runs.covariates.items()
            },
            reference_covariates={name: jnp.asarray(value) for name, value in at.covariates.items()},
        )
    return data, run_count


def _medians(runs: LossObservations) -> Reference:
    n, d, loss = (float(np.exp(np.median(np.log(values)))) for values in (runs.size, runs.tokens, runs.loss))
    covariates = {name: float(np.exp(np.median(np.log(values)))) for name, values in runs.covariates.items()}
    return Reference(n, d, loss, covariates)


def _typical_rows(runs: LossObservations, point: PointEstimate, *, rows: int) -> Bool[Array, "row"]:
    """Rows whose residual from the point estimate lies near the median of their run's."""
    residual = np.log(runs.loss) - point.law.log_loss(runs.size, runs.tokens, **runs.covariates)
    _, index = np.unique(np.asarray(runs.run), return_inverse=True)
    middle = np.asarray([np.median(residual[index == each]) for each in range(index.max() + 1)])
    apart = np.abs(residual - middle[index])
    scale = 1.4826 * np.median(apart)  # of a normal with this median absolute deviation
    typical = np.ones(rows, dtype=bool)
    typical[: len(runs)] = apart <= _OUTLIER_SCALES * max(scale, 1e-6)
    return jnp.asarray(typical)


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


@cache
def loss_potential(law_class: type[AbstractLaw], run_count: int) -> Callable[[Any, Any], Any]:
    """Potential energy of one flat unconstrained vector; one object a model, so that its programs are kept."""
    names = [*law_class.priors, "noise_scale", *(["run_scale"] if run_count else [])]

    def potential(position: Any, data: LossData) -> Any:
        sites = {name: position[index] for index, name in enumerate(names)}
        if run_count:
            sites["run_effect"] = position[len(names) :]
        return potential_energy(partial(loss_model, run_count=run_count), (law_class, data), {}, sites)

    return potential


def _starts(
    law_class: type[AbstractLaw],
    data: LossData,
    *,
    run_count: int,
    point: PointEstimate | None,
    start: Mapping[str, float] | None,
) -> Any:
    """Unconstrained starts: the prior's centre, the point estimate, the given start; always three, one program."""
    centre = unconstrained(law_class, {name: spec.middle() for name, spec in law_class.priors.items()})
    coordinates = [centre]
    if point is not None:
        coordinates.append(unconstrained(law_class, point.law.at_reference(data.concrete_reference())))
    if start is not None:
        coordinates.append(unconstrained(law_class, dict(start)))
    coordinates += [centre] * (3 - len(coordinates))
    scales = [np.log(NOISE_PRIOR.middle()), *([np.log(RUN_PRIOR.middle())] if run_count else [])]
    tail = np.concatenate([scales, np.zeros(run_count)])
    return np.stack([np.concatenate([each, tail]) for each in coordinates])


def _mode(potential: Potential, data: LossData, starts: Float[Array, "start dim"]) -> Mode:
    """The lowest mode by Newton's method, or by BFGS where that does not arrive."""
    found = find_modes(potential, jax.tree.map(lambda leaf: leaf[None], data), starts[np.newaxis])
    if found.converged[0]:
        return Mode(found.position[0], found.scale[0])
    return find_mode(potential, data, starts)


def _posterior(
    sample: WhitenedSample,
    law_class: type[AbstractLaw],
    data: LossData,
    runs: LossObservations,
    *,
    settings: FitSettings,
) -> LossPosterior:
    flat = jnp.asarray(sample.draws.reshape(-1, sample.draws.shape[-1]))
    coordinates = {name: np.asarray(value) for name, value in constrained(law_class, flat).items()}
    law = law_class.from_reference(coordinates, data.concrete_reference())
    after = len(law_class.priors)
    positive = biject_to(distribution(NOISE_PRIOR).support)
    grouped = flat.shape[-1] > after + 1
    # A stream of its own, so that zeta never repeats the sampler's numbers.
    rng = np.random.default_rng([settings.seed, 1])
    return LossPosterior(
        law=type(law)(**{name: np.asarray(value) for name, value in field_values(law).items()}),
        noise_scale=np.asarray(positive(flat[:, after])),
        run_scale=np.asarray(positive(flat[:, after + 1])) if grouped else np.zeros(len(flat)),
        discrepancy_scale=settings.discrepancy_scale,
        zeta=rng.standard_normal(len(flat)),
        hull=Hull.of(
            runs.size,
            runs.tokens,
            variables=law_class.variables,
            covariates=law_class.needed_covariates(runs.covariates),
        ),
        size_convention=runs.size_convention,
        validation_set=runs.validation_set,
    )
