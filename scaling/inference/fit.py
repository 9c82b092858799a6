"""Fit everything: the law from the losses, a link per task from the scores, one document out of it."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from scaling import __version__
from scaling.errors import InvalidInput, NotFound, ScalingError, UnitMismatch, Violation
from scaling.inference.loss import fit_loss
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.inference.score import fit_score
from scaling.inference.settings import FitSettings
from scaling.laws import DEFAULT_LAW, AbstractLaw, Reference, law_class
from scaling.observations import LossObservations, ScoreObservations
from scaling.posterior import Finding, FindingCode, Fit, ScorePosterior


def fit(
    loss: LossObservations,
    scores: ScoreObservations | None = None,
    *,
    name: str = "unnamed",
    law: str = DEFAULT_LAW,
    tasks: Sequence[str] | None = None,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    warm_start: Fit | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit `law` to `loss` and, for every task of `scores` (or the `tasks` named), its link to loss.

    `warm_start` is an earlier fit under the same settings: its parts whose observations are the same are taken over,
    and its law's median is one of the starts. A task whose scores cannot be fitted becomes a finding; the others are
    fitted all the same.

    Raises `NotEnoughRuns`, `FitFailed` (see `fit_loss`), `UnitMismatch` where losses and scores do not state the same
    size convention and validation set, `NotFound` for an unknown law or task.
    """
    began = time.monotonic()
    chosen = law_class(law)
    if scores is not None:
        _require_same_axis(loss, scores)
    by_task = _scores_by_task(scores, tasks)
    score_digests = {task: observations.digest for task, observations in by_task.items()}
    digests = {"losses": loss.digest, "scores": score_digests}
    earlier = _usable(warm_start, law=law, settings=settings)
    law_part = _fit_law(loss, chosen, digest=loss.digest, settings=settings, earlier=earlier, progress=progress)
    posteriors, score_findings = _fit_scores(
        by_task, score_digests, seed=settings.seed, earlier=earlier, progress=progress
    )
    return replace(
        law_part,
        name=name,
        scores=posteriors,
        version=1 if warm_start is None else warm_start.version + 1,
        findings=(*law_part.findings, *score_findings),
        data_digest=hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest(),
        provenance={
            "settings": settings.model_dump(mode="json"),
            "observations": digests,
            "rows": len(loss),
            "runs": len(set(loss.run)),
            "seconds": round(time.monotonic() - began, 3),
            "versions": software_versions(),
        },
    )


def software_versions() -> dict[str, str]:
    """Versions of what a fit is made with."""
    return {
        "scaling-service": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in ("jax", "numpyro", "numpy", "scipy")},
    }


def _fit_law(
    loss: LossObservations,
    law: type[AbstractLaw],
    *,
    digest: str,
    settings: FitSettings,
    earlier: Fit | None,
    progress: Progress,
) -> Fit:
    """A fit with its law's part alone, taken over from `earlier` where that was made from the same rows."""
    if earlier is not None and earlier.provenance["observations"]["losses"] == digest:
        kept = tuple(each for each in earlier.findings if each.code is not FindingCode.SCORE_NOT_FITTED)
        return replace(earlier, scores={}, findings=kept)
    start = None if earlier is None else _median_coordinates(earlier, loss)
    fitted = fit_loss(loss, law, settings=settings, start=start, progress=progress)
    sample, backtest = fitted.sample, fitted.backtest
    return Fit(
        name="",
        loss=fitted.posterior,
        point=None
        if fitted.point is None
        else {key: float(value) for key, value in fitted.point.law.to_coefficients().items()},
        diagnostics=fitted.diagnostics,
        findings=fitted.findings,
        backtest=backtest.by_factor() if backtest is not None else (),
        leverage=fitted.evidence.leverage,
        prior_sensitivity=fitted.evidence.prior_sensitivity,
        sample_stats={
            "diverging": sample.diverging,
            "energy": sample.energy,
            "lp": -sample.potential,
            "n_steps": sample.steps,
            "acceptance_rate": sample.acceptance,
        },
        observed={
            "run": np.asarray(loss.run),
            "size": loss.size,
            "tokens": loss.tokens,
            "loss": loss.loss,
            "outlier_probability": fitted.evidence.outlier_probability,
            **loss.covariates,
        },
    )


def _fit_scores(
    by_task: Mapping[str, ScoreObservations],
    digests: Mapping[str, str],
    *,
    seed: int,
    earlier: Fit | None,
    progress: Progress,
) -> tuple[dict[str, ScorePosterior], list[Finding]]:
    known = {} if earlier is None else earlier.provenance["observations"]["scores"]
    posteriors: dict[str, ScorePosterior] = {}
    findings = []
    for index, (task, observations) in enumerate(by_task.items()):
        progress(ProgressEvent("scores", index, len(by_task)))
        if earlier is not None and task in earlier.scores and known.get(task) == digests[task]:
            posteriors[task] = earlier.scores[task]
            continue
        try:
            posteriors[task] = fit_score(observations, seed=seed)
        except ScalingError as error:
            findings.append(Finding(code=FindingCode.SCORE_NOT_FITTED, message=f"Task {task!r}: {error}"))
    if by_task:
        progress(ProgressEvent("scores", len(by_task), len(by_task)))
    return posteriors, findings


def _scores_by_task(scores: ScoreObservations | None, tasks: Sequence[str] | None) -> dict[str, ScoreObservations]:
    if scores is None:
        if tasks:
            raise NotFound(f"Tasks {', '.join(tasks)} asked for, but no scores were given.")
        return {}
    there = scores.tasks()
    unknown = [task for task in tasks or () if task not in there]
    if unknown:
        raise NotFound(f"No scores for {', '.join(unknown)}. Tasks with scores: {', '.join(there)}.")
    return {task: scores.for_task(task) for task in tasks or there}


def _usable(warm_start: Fit | None, *, law: str, settings: FitSettings) -> Fit | None:
    """`warm_start` where its parts can be taken over: not a published fit, and made under the same settings."""
    if warm_start is None or warm_start.is_published:
        return None
    if warm_start.loss.law.name != law:
        raise InvalidInput(f"A fit of {warm_start.loss.law.name!r} cannot start a fit of {law!r}.")
    return warm_start if warm_start.provenance["settings"] == settings.model_dump(mode="json") else None


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


def _median_coordinates(earlier: Fit, runs: LossObservations) -> dict[str, float]:
    """Reference coordinates of the earlier law's median, centred at the new data's medians, as the fit will be."""
    columns = {"n": runs.size, "d": runs.tokens, "loss": runs.loss, **runs.covariates}
    middles = {name: float(np.exp(np.median(np.log(values)))) for name, values in columns.items()}
    at = Reference(middles.pop("n"), middles.pop("d"), middles.pop("loss"), middles)
    return {name: float(np.median(value)) for name, value in earlier.loss.law.at_reference(at).items()}
