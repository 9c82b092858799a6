"""What a user must know about a fitted law before believing it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.inference.nuts import WhitenedSample
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations
from scaling.posterior import Finding, FindingCode, LossPosterior
from scaling.prior_specs import LogitNormal, LogNormal, Normal

_OUTLIER_SCALES = 8.0  # of the noise: Student-t with 4 degrees of freedom goes beyond once in 800 rows
_MOST_RELIANCE = 1.0  # spread from the data alone over the spread of the prior


def loss_findings(
    posterior: LossPosterior, sample: WhitenedSample, law_class: type[AbstractLaw], runs: LossObservations
) -> list[Finding]:
    """Rows that the law does not explain, and coordinates that rest on their prior."""
    found = []
    every = posterior.law[..., np.newaxis].log_loss(runs.size, runs.tokens, **runs.covariates)
    median: Float[Array, "row"] = np.median(every, axis=0)
    scale = np.median(np.hypot(posterior.noise_scale, posterior.run_scale))
    far = np.flatnonzero(np.abs(np.log(runs.loss) - median) > _OUTLIER_SCALES * scale)
    if len(far):
        rows = "; ".join(
            f"row {row + 1} (run {runs.run[row]!r}, loss {runs.loss[row]:.4g}, law {np.exp(median[row]):.4g})"
            for row in far[:10]
        )
        found.append(
            Finding(
                code=FindingCode.OUTLIER_ROWS,
                message=f"{len(far)} of {len(runs)} rows lie more than {_OUTLIER_SCALES:.0f} noise scales from the law "
                f"and hardly move it: {rows}. Check them.",
            )
        )
    reliance = _reliance_on_prior(sample, law_class).get("floor_share", 0.0)
    if reliance > _MOST_RELIANCE:
        found.append(
            Finding(
                code=FindingCode.FLOOR_NOT_IDENTIFIED,
                message="The irreducible loss is not identified by these runs: without its prior it would be "
                f"{'unbounded' if np.isinf(reliance) else f'{reliance:.1f} times as wide as the prior'}. Answers close "
                "to the floor rest on the prior; runs at larger scale would tell.",
            )
        )
    return found


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
