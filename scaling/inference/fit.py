"""Fit everything: the law from the losses, a link per task from the scores, one document out of it."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from scaling import __version__
from scaling.errors import InvalidInput, NotFound, ScalingError, UnitMismatch, Violation
from scaling.inference.loss import fit_loss
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.score import fit_score
from scaling.inference.settings import FitSettings
from scaling.laws import law_class
from scaling.observations import LossObservations, ScoreObservations
from scaling.posterior import Finding, FindingCode, Fit, ScorePosterior


def fit(
    loss: LossObservations,
    scores: ScoreObservations | None = None,
    *,
    name: str = "unnamed",
    law: str = "chinchilla",
    tasks: Sequence[str] | None = None,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    warm_start: Fit | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit `law` to `loss` and, for every task of `scores` (or the `tasks` named), its link to loss.

    `warm_start` is an earlier fit of the same law, whose median is one of the starts. A task whose scores cannot be
    fitted becomes a finding; the others are fitted all the same.

    Raises `NotEnoughRuns`, `FitFailed` (see `fit_loss`), `UnitMismatch` where losses and scores do not state the same
    size convention and validation set, `NotFound` for an unknown law or task.
    """
    began = time.monotonic()
    chosen = law_class(law)
    if scores is not None:
        _require_same_axis(loss, scores)
    start = _median_coordinates(warm_start, law=law, runs=loss)
    fitted = fit_loss(loss, chosen, settings=settings, start=start, progress=progress)
    findings = list(fitted.findings)
    posteriors = _fit_scores(scores, tasks=tasks, settings=settings, progress=progress, findings=findings)
    return Fit(
        name=name,
        loss=fitted.posterior,
        scores=posteriors,
        version=1 if warm_start is None else warm_start.version + 1,
        point=None if fitted.point is None else _as_floats(fitted.point.law.to_coefficients()),
        diagnostics=fitted.diagnostics,
        findings=tuple(findings),
        sample_stats={
            "diverging": fitted.sample.diverging,
            "energy": fitted.sample.energy,
            "lp": -fitted.sample.potential,
            "n_steps": fitted.sample.steps,
            "acceptance_rate": fitted.sample.acceptance,
        },
        observed={"run": np.asarray(loss.run), "size": loss.size, "tokens": loss.tokens, "loss": loss.loss},
        data_digest=_joint_digest(loss, scores),
        provenance={
            "settings": settings.model_dump(mode="json"),
            "rows": len(loss),
            "runs": len(set(loss.run)),
            "seconds": round(time.monotonic() - began, 3),
            "versions": {
                "scaling-service": __version__,
                "python": platform.python_version(),
                **{package: version(package) for package in ("jax", "numpyro", "numpy", "scipy")},
            },
        },
    )


def _fit_scores(
    scores: ScoreObservations | None,
    *,
    tasks: Sequence[str] | None,
    settings: FitSettings,
    progress: Progress,
    findings: list[Finding],
) -> dict[str, ScorePosterior]:
    if scores is None:
        if tasks:
            raise NotFound(f"Tasks {', '.join(tasks)} asked for, but no scores were given.")
        return {}
    there = scores.tasks()
    unknown = [task for task in tasks or () if task not in there]
    if unknown:
        raise NotFound(f"No scores for {', '.join(unknown)}. Tasks with scores: {', '.join(there)}.")
    wanted = list(tasks or there)
    posteriors = {}
    for index, task in enumerate(wanted):
        progress(ProgressEvent("scores", index, len(wanted)))
        try:
            posteriors[task] = fit_score(scores.for_task(task), seed=settings.seed)
        except ScalingError as error:
            findings.append(Finding(code=FindingCode.SCORE_NOT_FITTED, message=f"Task {task!r}: {error}"))
    progress(ProgressEvent("scores", len(wanted), len(wanted)))
    return posteriors


def _require_same_axis(loss: LossObservations, scores: ScoreObservations) -> None:
    violations = [
        Violation(field, f"losses state {mine!s}, scores state {theirs!s}")
        for field, mine, theirs in (
            ("size_convention", loss.size_convention, scores.size_convention),
            ("validation_set", loss.validation_set, scores.validation_set),
        )
        if mine != theirs
    ]
    if violations:
        raise UnitMismatch(
            "Losses and scores are not on one axis: a score is read off against the loss of the same validation set.",
            violations,
        )


def _median_coordinates(warm_start: Fit | None, *, law: str, runs: LossObservations) -> Mapping[str, float] | None:
    if warm_start is None:
        return None
    if warm_start.loss.law.name != law:
        raise InvalidInput(f"A fit of {warm_start.loss.law.name!r} cannot start a fit of {law!r}.")
    # Centred at the new data's medians, as the fit will be.
    from scaling.laws import Reference

    at = Reference(*(float(np.exp(np.median(np.log(values)))) for values in (runs.size, runs.tokens, runs.loss)))
    return {name: float(np.median(value)) for name, value in warm_start.loss.law.at_reference(at).items()}


def _joint_digest(loss: LossObservations, scores: ScoreObservations | None) -> str:
    parts = [loss.digest, *([scores.digest] if scores is not None else [])]
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


def _as_floats(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
