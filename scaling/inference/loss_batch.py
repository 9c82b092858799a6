"""The posterior of a loss law for many data sets at once: simulation studies, calibration, leave-one-run-out.

Data sets of one bucket of rows are one batch of one compiled program: Newton's method to every mode, then whitened
Hamiltonian Monte Carlo in lockstep. Each fit has its own gate; what fails it is drawn again with longer trajectories,
then by NUTS alone, as `fit_loss` would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array, field_values
from scaling.errors import FitFailed, InvalidInput
from scaling.inference._coordinates import constrained, prior_centre
from scaling.inference._numerics import bucket_size, float64
from scaling.inference.diagnostics import gate_failures
from scaling.inference.hmc import LONGEST_TRAJECTORY, Whitening, sample_hmc
from scaling.inference.loss_program import correlation_at, counted, law_draws, loss_data, loss_potential, require_enough
from scaling.inference.modes import Modes, find_modes
from scaling.inference.nuts import Mode, WhitenedSample
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.run_correlation import RunCorrelation
from scaling.inference.sampling import LONGER, diagnose_sample, sample_by_nuts
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw, Reference
from scaling.models.loss import NOISE_PRIOR, LossData
from scaling.observations import LossObservations
from scaling.posterior import SampleDiagnostics

_BATCH = 64  # data sets in lockstep
_SMALL_BATCH = 8
_STARTS = 4
_HMC_ATTEMPTS = (("hmc", LONGEST_TRAJECTORY), ("hmc, longer trajectories", LONGER * LONGEST_TRAJECTORY))
EVERY_ATTEMPT = len(_HMC_ATTEMPTS) + 1  # and NUTS


@final
@dataclass(frozen=True)
class BatchFit:
    """Posteriors of many data sets, in the order given.

    - `law`: coefficients [fit, draw]; `noise_scale`, `run_scale` [fit, draw] as in `LossPosterior`.
    - `coordinates`: the law's reference coordinates [fit, draw], each centred at its own data set's medians.
    - `diagnostics`: of each fit. `failures`: what the gate holds against it; empty where it passed. The draws of a fit
      with failures are NaN.
    - `sampler`: how each fit was drawn: `hmc`, `hmc, longer trajectories` or `nuts`.
    """

    law: AbstractLaw
    noise_scale: Float[Array, "fit draw"]
    run_scale: Float[Array, "fit draw"]
    coordinates: dict[str, Float[Array, "fit draw"]]
    diagnostics: tuple[SampleDiagnostics, ...]
    failures: tuple[tuple[str, ...], ...]
    sampler: tuple[str, ...]

    @property
    def passed(self) -> Bool[Array, "fit"]:
        """Whether each fit passed its gate."""
        return np.asarray([not each for each in self.failures])


@final
@dataclass(frozen=True)
class _Drawn:
    sample: WhitenedSample
    diagnostics: SampleDiagnostics
    failures: tuple[str, ...]
    sampler: str
    correlation: RunCorrelation | None


def fit_batch(
    law_class: type[AbstractLaw],
    runs: Sequence[LossObservations],
    *,
    reference: Reference | None = None,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    attempts: int = EVERY_ATTEMPT,
    progress: Progress = silent,
) -> BatchFit:
    """Sample the posterior of `law_class` given each of `runs`, each gated on convergence.

    Each data set is centred at its own medians, or all at `reference`: simulation-based calibration draws laws from the
    priors at one reference point and must fit with the priors at that same point. `attempts` limits how often a fit
    that misses its gate is drawn again: 2 leaves out NUTS, which takes seconds for each.

    Nothing raises for a data set whose posterior cannot be sampled: `failures` says why. Raises `NotEnoughRuns`,
    `InvalidInput` as `fit_loss` does where any data set cannot determine the law.
    """
    if not runs:
        raise InvalidInput("No data sets given; at least one is needed.")
    for each in runs:
        require_enough(each, law_class)
        law_class.checked_covariates(each.covariates)
    padded = [loss_data(each, reference=reference) for each in runs]
    drawn: dict[int, _Drawn] = {}
    with float64():
        for members in _alike(padded):
            for first in range(0, len(members), _BATCH):
                progress(ProgressEvent("batch", len(drawn), len(runs)))
                part = members[first : first + _BATCH]
                found = _sample_alike(
                    law_class,
                    [padded[index] for index in part],
                    [runs[index] for index in part],
                    settings=settings,
                    attempts=attempts,
                )
                drawn.update(zip(part, found, strict=True))
        progress(ProgressEvent("batch", len(runs), len(runs)))
        return _collected(law_class, padded, [drawn[index] for index in range(len(runs))])


def _alike(padded: Sequence[LossData]) -> list[list[int]]:
    """Data sets that share a program: the same padded rows and covariates."""
    groups: dict[Any, list[int]] = {}
    for index, data in enumerate(padded):
        groups.setdefault((len(data.n), tuple(data.covariates)), []).append(index)
    return list(groups.values())


def _sample_alike(
    law_class: type[AbstractLaw],
    data: list[LossData],
    runs: list[LossObservations],
    *,
    settings: FitSettings,
    attempts: int,
) -> list[_Drawn]:
    potential = loss_potential(law_class)
    every = range(len(data))
    data, modes, correlations = _counted_modes(law_class, data, runs, settings=settings)
    drawn: dict[int, _Drawn] = {}
    for sampler, longest in _HMC_ATTEMPTS[:attempts]:
        left = [index for index in every if index not in drawn or drawn[index].failures]
        if not left:
            break
        stacked, padding = _stacked(data, left)
        chosen = left + left[:1] * padding
        whitening = Whitening(modes.position[chosen], modes.scale[chosen])
        samples = sample_hmc(potential, stacked, whitening, settings=settings, progress=silent, longest=longest)[
            : len(left)
        ]
        for index, sample in zip(left, samples, strict=True):
            drawn[index] = _judged(sample, settings=settings, sampler=sampler, correlation=correlations[index])
    for index in every:
        if drawn[index].failures and attempts >= EVERY_ATTEMPT:
            mode = Mode(modes.position[index], modes.scale[index])
            drawn[index] = _by_nuts(potential, data[index], mode, settings=settings, before=drawn[index])
    return [drawn[index] for index in every]


def _counted_modes(
    law_class: type[AbstractLaw], data: list[LossData], runs: list[LossObservations], *, settings: FitSettings
) -> tuple[list[LossData], Modes, list[RunCorrelation | None]]:
    """As `find_counted_mode`, for all data sets at once."""
    potential = loss_potential(law_class)
    starts = _starts(law_class, seed=settings.seed)

    def modes_of(data: list[LossData]) -> Modes:
        stacked, padding = _stacked(data, range(len(data)))
        return find_modes(potential, stacked, np.stack([starts] * (len(data) + padding)))

    modes = modes_of(data)
    correlations = [
        correlation_at(law_class, each, rows, position, rng=np.random.default_rng([settings.seed, 1]))
        for each, rows, position in zip(data, runs, modes.position, strict=False)
    ]
    if all(each is None for each in correlations):
        return data, modes, correlations
    data = [each if own is None else counted(each, own) for each, own in zip(data, correlations, strict=True)]
    return data, modes_of(data), correlations


def _stacked(data: list[LossData], chosen: Sequence[int]) -> tuple[LossData, int]:
    """Data sets with a leading axis, the first repeated to fill the batch, and how many times it is."""
    size = _SMALL_BATCH if len(chosen) <= _SMALL_BATCH else bucket_size(len(chosen), smallest=_BATCH)
    padding = size - len(chosen)
    members = [data[index] for index in chosen] + [data[chosen[0]]] * padding
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members), padding


def _starts(law_class: type[AbstractLaw], *, seed: int) -> Float[Array, "start dim"]:
    """The prior's centre and points about it, at noise scales from the prior's median up."""
    rng = np.random.default_rng([seed, 4])
    centre = prior_centre(law_class)
    about = centre + 0.5 * rng.standard_normal((_STARTS, len(centre)))
    about[0] = centre
    noise = np.log(NOISE_PRIOR.middle()) + np.linspace(0.0, 2.0, _STARTS)
    return np.concatenate([about, noise[:, np.newaxis]], axis=1)


def _judged(
    sample: WhitenedSample, *, settings: FitSettings, sampler: str, correlation: RunCorrelation | None
) -> _Drawn:
    diagnostics = diagnose_sample(sample)
    return _Drawn(sample, diagnostics, tuple(gate_failures(diagnostics, settings)), sampler, correlation)


def _by_nuts(potential: Any, data: LossData, mode: Mode, *, settings: FitSettings, before: _Drawn) -> _Drawn:
    try:
        sample, diagnostics = sample_by_nuts(potential, data, mode, settings=settings, progress=silent)
    except FitFailed as failure:
        return replace(before, failures=(str(failure),), sampler="nuts")
    return _Drawn(sample, diagnostics, (), "nuts", before.correlation)


def _collected(law_class: type[AbstractLaw], data: list[LossData], drawn: list[_Drawn]) -> BatchFit:
    laws, noise, run, coordinates = [], [], [], []
    for each, rows in zip(drawn, data, strict=True):
        flat = each.sample.draws.reshape(-1, each.sample.draws.shape[-1])
        flat = np.full_like(flat, np.nan) if each.failures else flat
        values = {name: np.asarray(column) for name, column in constrained(law_class, jnp.asarray(flat)).items()}
        coordinates.append(values)
        draws = law_draws(law_class, rows, flat)
        if each.correlation is not None:
            draws = each.correlation.split(draws, rng=np.random.default_rng(0))
        laws.append(field_values(draws.law))
        noise.append(draws.noise_scale)
        run.append(draws.run_scale)
    return BatchFit(
        law=law_class(**{name: np.stack([np.asarray(law[name]) for law in laws]) for name in laws[0]}),
        noise_scale=np.stack(noise),
        run_scale=np.stack(run),
        coordinates={name: np.stack([values[name] for values in coordinates]) for name in coordinates[0]},
        diagnostics=tuple(each.diagnostics for each in drawn),
        failures=tuple(each.failures for each in drawn),
        sampler=tuple(each.sampler for each in drawn),
    )
