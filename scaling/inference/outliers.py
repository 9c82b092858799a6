r"""How probably a row is an outlier: that its own noise is far wider than that of the others.

A Student-t is a normal whose precision is drawn for each row: $e_i \mid \lambda_i \sim N(0, \sigma^2 / \lambda_i)$,
$\lambda_i \sim \Gamma(\nu/2, \nu/2)$. Given its residual,
$\lambda_i \sim \Gamma(\frac{\nu + 1}{2}, \frac{\nu + (e_i/\sigma)^2}{2})$, and the row is an outlier where its own
standard deviation $\sigma / \sqrt{\lambda_i}$ exceeds three times $\sigma$. Source of the latent precision as a
diagnostic: West 1984.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import gammainc

from scaling._pytree import Array
from scaling.observations import LossObservations
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM, Finding, FindingCode, LossPosterior

TIMES_AS_WIDE = 3.0  # before any residual is seen, one row in 47 is that wide
_CALLED = 0.9  # from 9 sigma: one row of Student-t noise in 1,200 is called an outlier
_MOST_CELLS = 200_000  # draws times rows
_FEWEST_DRAWS = 100
_NAMED = 10


def outlier_probability(posterior: LossPosterior, runs: LossObservations) -> Float[Array, "row"]:
    """Of each row, averaged over draws of the law, of the error of its form and of the effects of the runs seen."""
    count = min(posterior.draw_count, max(_FEWEST_DRAWS, _MOST_CELLS // len(runs)))
    kept = posterior.take(np.linspace(0, posterior.draw_count - 1, count).round().astype(int))
    error = np.log(runs.loss) - np.log(kept.trend(runs.size, runs.tokens, **runs.covariates))
    if kept.run_effect is not None:
        place = {label: index for index, label in enumerate(kept.run_labels)}
        error = error - kept.run_effect[:, [place[label] for label in runs.run]]
    nu = NOISE_DEGREES_OF_FREEDOM
    rate = 0.5 * (nu + (error / kept.noise_scale[:, np.newaxis]) ** 2)
    probability: Float[Array, "row"] = gammainc(0.5 * (nu + 1.0), rate / TIMES_AS_WIDE**2).mean(axis=0)
    return probability


def outlier_findings(
    posterior: LossPosterior, runs: LossObservations, probability: Float[Array, "row"]
) -> list[Finding]:
    """The rows that are outliers with a probability above .9, the surest first."""
    called = np.flatnonzero(probability > _CALLED)
    if not len(called):
        return []
    called = called[np.argsort(-probability[called], kind="stable")]
    named = []
    for row in called[:_NAMED]:
        covariates = {name: values[row] for name, values in runs.covariates.items()}
        law = float(np.exp(np.median(posterior.law.log_loss(runs.size[row], runs.tokens[row], **covariates))))
        named.append(
            f"row {row + 1} (run {runs.run[row]!r}, loss {runs.loss[row]:.4g}, law {law:.4g}, "
            f"probability {probability[row]:.2f})"
        )
    more = f"; and {len(called) - _NAMED} more" if len(called) > _NAMED else ""
    message = (
        f"{len(called)} of {len(runs)} rows scatter more than {TIMES_AS_WIDE:.0f} times as widely as the others and "
        f"hardly move the law: {'; '.join(named)}{more}. Check them."
    )
    return [Finding(code=FindingCode.OUTLIER_ROWS, message=message)]
