"""The posterior of a curve law from logged runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from scaling.curves import AbstractCurveLaw
from scaling.curves.runs import CurveRun, without_shared_trunks, without_warmup
from scaling.errors import FitFailed, NotEnoughRuns
from scaling.inference._numerics import float64
from scaling.inference.annealing_data import curve_data, known_curve
from scaling.inference.annealing_findings import curve_findings
from scaling.inference.annealing_point import CurvePointEstimate, curve_point_estimate, prior_centre
from scaling.inference.annealing_program import curve_posterior, curve_potential
from scaling.inference.annealing_transfer import LearntGrowth, learnt_growth
from scaling.inference.diagnostics import diagnose, gate_failures, require_convergence
from scaling.inference.nuts import Mode, WhitenedSample, find_mode, sample_whitened
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.settings import FitSettings
from scaling.models.annealing import ERROR_PRIORS, CurveData
from scaling.posterior import AnnealingPosterior, Finding, FindingCode, SampleDiagnostics

# Curves: 80 gradients a draw at .95, 10 at .85, without divergences either way once whitened by a pilot.
CURVE_SETTINGS = FitSettings(draws=500, target_acceptance=0.85, max_divergences=5)
_PILOT = FitSettings(draws=200, warmup=200, target_acceptance=0.8)
_LONGER = 4
_FEWEST_ROWS = 12  # summaries: more than the coefficients of a law and its error


@final
@dataclass(frozen=True)
class CurveFit:
    """A curve law's posterior with the evidence for it.

    - `point`: absent where it failed (a finding says why). `growth`: what leaving schedules out taught.
    """

    law_class: type[AbstractCurveLaw]
    posterior: AnnealingPosterior
    sample: WhitenedSample
    diagnostics: SampleDiagnostics
    point: CurvePointEstimate | None
    growth: LearntGrowth
    findings: tuple[Finding, ...]


def fit_curves(
    runs: Sequence[CurveRun],
    law_class: type[AbstractCurveLaw],
    *,
    settings: FitSettings = CURVE_SETTINGS,
    progress: Progress = silent,
) -> CurveFit:
    """Sample the posterior of `law_class` given whole or unfinished `runs` of one recipe, gated on convergence.

    Rows of the warm-up and rows that two runs share are left out, and a finding says so. The sample is whitened twice:
    by the curvature at the mode, then by the covariance of a pilot of 200 draws a chain, because scales that the data
    hardly bound are far from normal at their mode. How far the response may err beyond the schedules fitted is learnt
    by leaving each of them out (`annealing_transfer`).

    Raises `NotEnoughRuns` for too few rows, `FitFailed` where a sample four times as long misses the gate too.
    """
    used, findings = _prepared(runs)
    peak = max(run.schedule.peak for run in used)
    curves = {run.name: known_curve(run, peak_rate=peak) for run in used}
    rows = sum(len(curve.log_loss) for curve in curves.values())
    if rows < _FEWEST_ROWS:
        raise NotEnoughRuns(
            f"{rows} summaries of {sum(map(len, used))} checkpoints were given; at least {_FEWEST_ROWS} needed for "
            f"{law_class.name!r}. Log the loss more often, or over more of the run."
        )
    data = curve_data(list(curves.values()), peak_rate=peak)
    progress(ProgressEvent("point estimate", 0, 1))
    try:
        point: CurvePointEstimate | None = curve_point_estimate(law_class, data)
    except FitFailed as failure:
        point = None
        findings.append(Finding(code=FindingCode.POINT_ESTIMATE_FAILED, message=str(failure)))
    progress(ProgressEvent("point estimate", 1, 1))
    with float64():
        sample, diagnostics = _sampled(law_class, data, settings=settings, progress=progress)
        flat = sample.draws.reshape(-1, sample.draws.shape[-1])
        growth = learnt_growth(
            law_class, data, curves, used, start=flat.mean(axis=0), seed=settings.seed, progress=progress
        )
        drawn = growth.draw(len(flat), rng=np.random.default_rng([settings.seed, 6]))
        last_step = max(int(run.step[-1]) for run in used)
        posterior = curve_posterior(law_class, flat, data, curves, last_step=last_step, response_growth=drawn)
    findings.extend(curve_findings(law_class, sample, used))
    return CurveFit(law_class, posterior, sample, diagnostics, point, growth, tuple(findings))


def _prepared(runs: Sequence[CurveRun]) -> tuple[list[CurveRun], list[Finding]]:
    if not runs:
        raise NotEnoughRuns("No run was given. Give the loss curve of at least one, better of several schedules.")
    findings = []
    trimmed = []
    for run in runs:
        kept, left_out = without_warmup(run)
        if left_out:
            message = f"Run {run.name!r}: {left_out} rows of its warm-up are left out; its area counts."
            findings.append(Finding(code=FindingCode.DATA_QUALITY, message=message))
        trimmed.append(kept)
    labels = [run.name for run in trimmed]
    named = [
        run if labels.count(run.name) == 1 else replace(run, name=f"{run.name} ({index + 1})")
        for index, run in enumerate(trimmed)
    ]
    used, repeated = without_shared_trunks(named)
    for name, count in repeated.items():
        message = f"Run {name!r}: {count} rows are an earlier run's to the last digit (one trunk) and count once."
        findings.append(Finding(code=FindingCode.DATA_QUALITY, message=message))
    return used, findings


def _sampled(
    law_class: type[AbstractCurveLaw], data: CurveData, *, settings: FitSettings, progress: Progress
) -> tuple[WhitenedSample, SampleDiagnostics]:
    potential = curve_potential(law_class)
    centre = prior_centre([*law_class.priors.values(), *ERROR_PRIORS.values()])
    rng = np.random.default_rng(0)
    starts = centre + 0.3 * np.vstack([0 * centre, rng.standard_normal((2, len(centre)))])
    mode = find_mode(potential, data, starts)
    pilot = sample_whitened(
        potential, data, mode, settings=_PILOT.model_copy(update={"seed": settings.seed}), progress=progress
    )
    flat = pilot.draws.reshape(-1, pilot.draws.shape[-1])
    whitening = Mode(flat.mean(axis=0), np.linalg.cholesky(np.cov(flat.T)))
    for attempt in (settings, settings.model_copy(update={"draws": _LONGER * settings.draws})):
        sample = sample_whitened(potential, data, whitening, settings=attempt, progress=progress)
        diagnostics = diagnose(
            {str(index): sample.draws[..., index] for index in range(len(centre))},
            diverging=sample.diverging,
            energy=sample.energy,
        )
        if not gate_failures(diagnostics, settings):
            break
    require_convergence(diagnostics, settings)
    return sample.every(attempt.draws // settings.draws), diagnostics
