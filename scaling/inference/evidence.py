"""What a fit rests on: rows that are outliers, runs that drive the answers, priors that do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.inference.answers import Answers
from scaling.inference.leverage import Sampled, leverage_findings, run_leverage
from scaling.inference.outliers import outlier_findings, outlier_probability
from scaling.inference.prior_sensitivity import prior_sensitivity, sensitivity_findings
from scaling.inference.progress import Progress, ProgressEvent, silent
from scaling.posterior import Finding, PriorShift, RunLeverage


@final
@dataclass(frozen=True)
class Evidence:
    """What single rows, single runs and the priors do to the answers.

    - `outlier_probability` [row]; `leverage`: of every run, the most influential first.
    - `prior_sensitivity`: each answer under wider priors. `findings`: what of all this a user must know.
    """

    outlier_probability: Float[Array, "row"]
    leverage: tuple[RunLeverage, ...]
    prior_sensitivity: tuple[PriorShift, ...]
    findings: tuple[Finding, ...]


def gather_evidence(
    sampled: Sampled,
    *,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Evidence:
    """The evidence for a fit."""
    progress(ProgressEvent("leverage", 0, 1))
    probability = outlier_probability(sampled.posterior, sampled.runs)
    answers = Answers.of_runs(sampled.runs, sampled.centre())
    leverage = run_leverage(sampled, answers)
    shifts = prior_sensitivity(sampled, answers, rng=rng)
    progress(ProgressEvent("leverage", 1, 1))
    findings = (
        *outlier_findings(sampled.posterior, sampled.runs, probability),
        *leverage_findings(leverage),
        *sensitivity_findings(shifts),
    )
    return Evidence(probability, leverage, shifts, findings)
