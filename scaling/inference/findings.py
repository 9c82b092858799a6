"""What a user must know about a fitted law before believing it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scaling.inference.nuts import WhitenedSample
from scaling.inference.prior_sensitivity import describe_shift
from scaling.laws import AbstractLaw
from scaling.posterior import AnswerName, Finding, FindingCode, PriorShift, WidenedPrior
from scaling.prior_specs import LogitNormal, LogNormal, Normal

_MOST_RELIANCE = 1.0  # spread from the data alone over the spread of the prior


def floor_findings(sample: WhitenedSample, law_class: type[AbstractLaw], shifts: Sequence[PriorShift]) -> list[Finding]:
    """Whether the floor rests on its prior; `shifts` say what becomes of the answers when that prior is wider."""
    reliance = _reliance_on_prior(sample, law_class).get("floor_share", 0.0)
    if not reliance > _MOST_RELIANCE:
        return []
    alone = "unbounded" if np.isinf(reliance) else f"{reliance:.1f} times as wide as the prior"
    moved = [each for each in shifts if each.prior is WidenedPrior.FLOOR]
    floor = next((each for each in moved if each.answer.name is AnswerName.FLOOR), None)
    stated = "" if floor is None else f" (E = {floor.median:.3g}, 90 % interval {floor.low:.3g} to {floor.high:.3g})"
    wider = f" When that prior is made twice as wide, {'; '.join(map(describe_shift, moved))}." if moved else ""
    return [
        Finding(
            code=FindingCode.FLOOR_NOT_IDENTIFIED,
            message=f"The irreducible loss E is not identified by these runs{stated}: without its prior it would be "
            f"{alone}.{wider} Answers close to the floor rest on the prior; runs at larger scale would tell.",
        )
    ]


def _reliance_on_prior(sample: WhitenedSample, law_class: type[AbstractLaw]) -> dict[str, float]:
    """Per coordinate, the spread that the data alone would leave over the prior's spread; `inf` where unbounded.

    In the coordinates without bounds normal, log-normal and logit-normal priors are normal, so that the information of
    the data is the posterior's precision less the prior's. Empty for a law with other priors.
    """
    specs = [spec for spec in law_class.priors.values() if isinstance(spec, Normal | LogNormal | LogitNormal)]
    if len(specs) < len(law_class.priors):
        return {}
    names = list(law_class.priors)
    draws = sample.draws[..., : len(names)].reshape(-1, len(names))
    prior_scale = np.asarray([spec.scale for spec in specs])
    information = np.linalg.inv(np.cov(draws.T)) - np.diag(prior_scale**-2)
    if np.linalg.eigvalsh(information * np.outer(prior_scale, prior_scale)).min() <= 0:
        weakest = np.linalg.eigh(information * np.outer(prior_scale, prior_scale))[1][:, 0]
        return {name: np.inf for name, share in zip(names, np.abs(weakest), strict=True) if share > 0.3}
    alone = np.sqrt(np.diag(np.linalg.inv(information)))
    return dict(zip(names, alone / prior_scale, strict=True))
