"""What a user must know about a fitted curve law before believing it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scaling.curves import AbstractCurveLaw
from scaling.curves.runs import CurveRun
from scaling.inference.nuts import WhitenedSample
from scaling.posterior import Finding, FindingCode
from scaling.prior_specs import LogitNormal, LogNormal, Normal

_RESTS_ON_PRIOR = 0.8  # posterior spread over the prior's, in the coordinates where both are normal
_SAME_PATH = 1e-3  # relative difference of rates below which two schedules are one


def curve_findings(
    law_class: type[AbstractCurveLaw], sample: WhitenedSample, runs: Sequence[CurveRun]
) -> list[Finding]:
    """Coordinates of annealing that these runs leave at their prior, and why."""
    flat = sample.draws.reshape(-1, sample.draws.shape[-1])
    resting = [
        name
        for index, (name, spec) in enumerate(law_class.priors.items())
        if name in law_class.annealing_coordinates
        and isinstance(spec, Normal | LogNormal | LogitNormal)
        and np.std(flat[:, index]) > _RESTS_ON_PRIOR * spec.scale
    ]
    different = len(by_schedule(runs))
    annealed = sum(bool(np.any(run.schedule.drops()[: run.step[-1] + 1] > 0)) for run in runs)
    found = []
    if not annealed:
        found.append(
            Finding(
                code=FindingCode.ANNEALING_NOT_IDENTIFIED,
                message="No run's learning rate falls: the response to annealing is its prior alone. Forecasts under "
                "constant rates stand; add a run that decays, if only from a checkpoint.",
            )
        )
    elif different == 1:
        found.append(
            Finding(
                code=FindingCode.ANNEALING_NOT_IDENTIFIED,
                message="One schedule only: power law and response to annealing (lambda, or beta, gamma and C) are not "
                "identified apart from it. Forecasts under this schedule stand; others rest on the priors"
                f"{_listed(resting)}. Add a run under another schedule, such as a constant rate.",
            )
        )
    elif resting:
        found.append(
            Finding(
                code=FindingCode.ANNEALING_NOT_IDENTIFIED,
                message=f"Not identified by these {different} schedules{_listed(resting)}: as wide as the prior. "
                "Schedules that fall to other rates, or at another pace, would tell.",
            )
        )
    return found


def by_schedule(runs: Sequence[CurveRun]) -> list[tuple[str, ...]]:
    """Names of the runs of each schedule; runs whose rates agree as far as both go are of one."""
    paths: list[np.ndarray] = []
    names: list[tuple[str, ...]] = []
    for run in runs:
        path = run.schedule.rates[: run.step[-1] + 1]
        same = next((index for index, other in enumerate(paths) if _agree(path, other)), None)
        if same is None:
            paths.append(path)
            names.append((run.name,))
        else:
            names[same] = (*names[same], run.name)
    return names


def _agree(first: np.ndarray, second: np.ndarray) -> bool:
    length = min(len(first), len(second))
    return bool(np.max(np.abs(first[:length] - second[:length])) <= _SAME_PATH * first.max())


def _listed(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""
