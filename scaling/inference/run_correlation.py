r"""How alike the checkpoints of one run are, and for how many observations they count.

The law is fitted to all rows as if they were independent, each row's log likelihood weighted down to what it tells
beside the others of its run (a composite likelihood with adjusted magnitude; Pauli, Racugno and Ventura 2011). Run
effects inside the likelihood are the sharper tool only where the law's form is right: where it is not, within-run
scatter of .1 % pays for any between-run error, and the size dependence goes into the effects (docs/forecasts.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import f as f_ratio

from scaling._pytree import Array
from scaling.inference.form_error import LawDraws
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM

_CLIPPED_AT = 5.0  # robust deviations: a spoilt row must not make its run look unlike itself
_DRAWS = 2000
_GRID = (np.arange(2000) + 0.5) / 2000
# Checkpoints of one run are alike until shown otherwise: Beta(3, 1), mean .75. Published ladders lie above .9.
_PRIOR_POWER = 2.0
# A Student-t's location has the information of a normal with (nu + 3) / (nu + 1) times its squared scale.
_NORMAL_VARIANCE = (NOISE_DEGREES_OF_FREEDOM + 3) / (NOISE_DEGREES_OF_FREEDOM + 1)


@final
@dataclass(frozen=True)
class RunCorrelation:
    r"""Correlation of two residuals of one run, $\rho = \tau^2 / (\tau^2 + \sigma^2)$, by analysis of variance.

    - `draws`: of $\rho$, given the ratio of mean squares between and within runs and a Beta(3, 1) prior.
    - `rows_of_run` [row]: how many rows the row's run has.
    """

    draws: Float[Array, "draw"]
    rows_of_run: Int[Array, "row"]

    @property
    def information(self) -> Float[Array, "row"]:
        r"""For how many independent observations each row counts: $1 / (1 + (n_j - 1) \rho)$ at the median of rho."""
        weight: Float[Array, "row"] = 1.0 / (1.0 + (self.rows_of_run - 1) * np.median(self.draws))
        return weight

    def split(self, draws: LawDraws, *, rng: np.random.Generator) -> LawDraws:
        """Draws whose noise is the scatter of all rows, with the runs' part of it taken out as their effects' scale."""
        share = rng.choice(self.draws, size=len(draws.noise_scale))
        return draws._replace(
            noise_scale=draws.noise_scale * np.sqrt(1.0 - share),
            run_scale=draws.noise_scale * np.sqrt(_NORMAL_VARIANCE * share),
        )


def run_correlation(runs: LossObservations, law: AbstractLaw, *, rng: np.random.Generator) -> RunCorrelation | None:
    """The correlation of residuals from `law`; none where every row is its own run.

    $\frac{MS_b}{MS_w} / (1 + n_0 \frac{\rho}{1 - \rho}) \\sim F(J - p, n - J)$ for J runs, n rows, p coefficients and
    $n_0$ rows a run. A law can follow p runs exactly: with no more of them the residuals say nothing about $\rho$, and
    the prior speaks.
    """
    labels, run, rows = np.unique(np.asarray(runs.run), return_inverse=True, return_counts=True)
    if len(labels) == len(runs):
        return None
    residual = np.log(runs.loss) - law.log_loss(runs.size, runs.tokens, **runs.covariates)
    residual = residual - np.median(residual)
    bound = _CLIPPED_AT * max(1.4826 * float(np.median(np.abs(residual))), 1e-9)
    residual = np.clip(residual, -bound, bound)
    means = np.bincount(run, residual) / rows
    between_freedom = len(labels) - len(law.coefficients)
    log_density = _PRIOR_POWER * np.log(_GRID)
    if between_freedom > 0:
        within_freedom = max(len(runs) - len(labels), 1)
        between = float(rows @ (means - residual.mean()) ** 2) / between_freedom
        within = max(float(np.sum((residual - means[run]) ** 2)) / within_freedom, 1e-16)
        typical_rows = (len(runs) - float(rows @ rows) / len(runs)) / (len(labels) - 1)
        inflated = 1.0 + typical_rows * _GRID / (1.0 - _GRID)
        log_density += f_ratio.logpdf(between / within / inflated, between_freedom, within_freedom) - np.log(inflated)
    density = np.exp(log_density - log_density.max())
    return RunCorrelation(rng.choice(_GRID, size=_DRAWS, p=density / density.sum()), rows[run])
