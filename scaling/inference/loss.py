"""The posterior of a loss law from runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from scaling.errors import FitFailed
from scaling.inference._numerics import float64
from scaling.inference.evidence import Evidence, gather_evidence
from scaling.inference.findings import floor_findings
from scaling.inference.form_error import HeldError, LawDraws, hold_to_residuals
from scaling.inference.leverage import Sampled
from scaling.inference.loss_program import (
    find_counted_mode,
    law_draws,
    loss_data,
    loss_potential,
    loss_starts,
    require_enough,
)
from scaling.inference.nuts import WhitenedSample
from scaling.inference.point import PointEstimate, point_estimate
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.rolling import Origin, backtest_of, learnt_scale, rolling_origins
from scaling.inference.sampling import sample_until_converged
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations, noticed
from scaling.posterior import Backtest, Finding, FindingCode, FormError, Hull, LossPosterior, SampleDiagnostics


@final
@dataclass(frozen=True)
class LossFit:
    """A law's posterior with the evidence for it.

    - `posterior`: all kept draws, chain after chain; `sample`: the same in unconstrained coordinates, by chain.
    - `point`: the point estimate, absent where it failed (a finding says why).
    - `origins`: the cuts at which larger runs were forecast from smaller ones; none where there are too few.
    - `evidence`: which rows are outliers, and which runs and priors the answers rest on.
    """

    posterior: LossPosterior
    sample: WhitenedSample
    diagnostics: SampleDiagnostics
    point: PointEstimate | None
    findings: tuple[Finding, ...]
    origins: tuple[Origin, ...]
    settings: FitSettings
    evidence: Evidence

    @property
    def backtest(self) -> Backtest | None:
        """Forecasts of the larger runs from the smaller ones; absent where there are too few."""
        return backtest_of(self.origins, settings=self.settings)


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

    Raises `NotEnoughRuns` where the rows cannot determine the law's coefficients, `InvalidInput` where they lack a
    covariate of it, `FitFailed` where the last sample misses the gate.
    """
    require_enough(runs, law_class)
    law_class.checked_covariates(runs.covariates)
    data = loss_data(runs)
    findings = [Finding.of_warning(warning) for warning in noticed(runs)]
    progress(ProgressEvent("point estimate", 0, 1))
    try:
        point: PointEstimate | None = point_estimate(law_class, data)
    except FitFailed as failure:
        point = None
        findings.append(Finding(code=FindingCode.POINT_ESTIMATE_FAILED, message=str(failure)))
    progress(ProgressEvent("point estimate", 1, 1))
    # Streams of their own, so that they never repeat the sampler's numbers.
    rng = np.random.default_rng([settings.seed, 1])
    with float64():
        starts = loss_starts(law_class, data, point=point, start=start)
        mode, data, correlation = find_counted_mode(law_class, data, runs, starts, rng=rng)
        sample, diagnostics = sample_until_converged(
            loss_potential(law_class), data, mode, settings=settings, progress=progress
        )
    positions = sample.draws.reshape(-1, sample.draws.shape[-1])
    draws = law_draws(law_class, data, positions)
    if correlation is not None:
        draws = correlation.split(draws, rng=rng)
    origins: tuple[Origin, ...] = ()
    if settings.discrepancy_scale:
        origins = rolling_origins(runs, law_class, settings=settings, progress=progress)
    posterior = with_form_error(draws, runs, origins, settings=settings, rng=rng)
    evidence = gather_evidence(Sampled(law_class, runs, data, mode, positions, posterior), rng=rng, progress=progress)
    findings += [*evidence.findings, *floor_findings(sample, law_class, evidence.prior_sensitivity)]
    return LossFit(posterior, sample, diagnostics, point, tuple(findings), origins, settings, evidence)


def with_form_error(
    draws: LawDraws,
    runs: LossObservations,
    origins: tuple[Origin, ...],
    *,
    settings: FitSettings,
    rng: np.random.Generator,
) -> LossPosterior:
    """The posterior with the error of the form, its scale learnt from what the cuts `origins` show."""
    count = len(draws.noise_scale)
    law_class = type(draws.law)
    error = HeldError(FormError.none(count), (), np.zeros((count, 0)))
    if settings.discrepancy_scale:
        scale = learnt_scale(origins, settings=settings).draw(count, rng=rng)
        error = hold_to_residuals(draws, runs, scale=scale, rng=rng)
    return LossPosterior(
        law=draws.law,
        noise_scale=draws.noise_scale,
        run_scale=draws.run_scale,
        form_error=error.form_error,
        hull=Hull.of(
            runs.size,
            runs.tokens,
            variables=law_class.variables,
            covariates=law_class.needed_covariates(runs.covariates),
        ),
        size_convention=runs.size_convention,
        validation_set=runs.validation_set,
        run_labels=error.run_labels,
        run_effect=error.run_effect if error.run_labels else None,
    )
