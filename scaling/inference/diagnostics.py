"""Convergence of a sample: R-hat, effective sample size, divergences, energy, and the gate made of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from scipy.special import ndtri

from scaling._pytree import Array
from scaling.errors import FitFailed
from scaling.inference.settings import FitSettings
from scaling.posterior import SampleDiagnostics


def gate_failures(diagnostics: SampleDiagnostics, settings: FitSettings) -> list[str]:
    """What the gate holds against a sample; empty where it passes."""
    failures = []
    if not diagnostics.max_r_hat <= settings.max_r_hat:
        failures.append(f"R-hat {diagnostics.max_r_hat:.3f} > {settings.max_r_hat}")
    smallest = min(diagnostics.min_bulk_ess, diagnostics.min_tail_ess)
    if not smallest >= settings.min_ess:
        failures.append(f"effective sample size {smallest:.0f} < {settings.min_ess:.0f}")
    if diagnostics.divergences > settings.max_divergences:
        failures.append(f"{diagnostics.divergences} divergences > {settings.max_divergences}")
    if not diagnostics.min_energy >= settings.min_energy:
        failures.append(f"energy (BFMI) {diagnostics.min_energy:.2f} < {settings.min_energy}")
    return failures


def require_convergence(diagnostics: SampleDiagnostics, settings: FitSettings) -> None:
    """Raise `FitFailed` naming every criterion of the gate that the sample missed."""
    failures = gate_failures(diagnostics, settings)
    if failures:
        raise FitFailed(
            f"The posterior did not converge: {'; '.join(failures)}. Nothing is served from it. "
            "Draw more (draws, warmup), raise target_acceptance, or check the data for rows that no law explains."
        )


def diagnose(
    draws: Mapping[str, Float[Array, "chain draw"]],
    *,
    diverging: Float[Array, "chain draw"],
    energy: Float[Array, "chain draw"],
) -> SampleDiagnostics:
    """Diagnostics of `draws`, one array a scalar coordinate."""
    samples = [np.asarray(values, dtype=np.float64) for values in draws.values()]
    deviations = np.diff(energy, axis=1)
    still = np.var(energy, axis=1) == 0.0
    return SampleDiagnostics(
        max_r_hat=max(rank_r_hat(sample) for sample in samples),
        min_bulk_ess=min(bulk_ess(sample) for sample in samples),
        min_tail_ess=min(tail_ess(sample) for sample in samples),
        divergences=int(np.sum(diverging)),
        min_energy=float(np.min(np.mean(deviations**2, axis=1) / np.where(still, np.inf, np.var(energy, axis=1)))),
    )


# ArviZ computes the same three (a test holds them together), but importing its statistics brings in pandas, xarray
# and matplotlib: 3.5 CPU-seconds of the 11 that a fit from the shell took.
def rank_r_hat(draws: Float[Array, "chain draw"]) -> float:
    """Rank-normalised split R-hat, the larger of location and scale (Vehtari et al. 2021, eq. 14 and section 3.2)."""
    folded = np.abs(draws - np.median(draws))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(max(split_gelman_rubin(_normal_scores(draws)), split_gelman_rubin(_normal_scores(folded))))
    return found if np.isfinite(found) else np.inf  # chains that do not move


def bulk_ess(draws: Float[Array, "chain draw"]) -> float:
    """Effective sample size of the normal scores of split chains (Vehtari et al. 2021, section 4.1)."""
    return _effective(_normal_scores(_split(draws)))


def tail_ess(draws: Float[Array, "chain draw"]) -> float:
    """Smaller effective sample size of the 5 % and 95 % quantiles (Vehtari et al. 2021, section 4.3)."""
    below = (_split(draws) <= quantile for quantile in np.quantile(draws, (0.05, 0.95)))
    return min(_effective(each.astype(np.float64)) for each in below)


def _effective(values: Float[Array, "chain draw"]) -> float:
    """NumPyro's effective sample size; 0 for chains that do not move, of which it makes 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(effective_sample_size(values))
    return found if np.isfinite(found) else 0.0


def _split(draws: Float[Array, "chain draw"]) -> Float[Array, "half_chain half_draw"]:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(draws: Float[Array, "chain draw"]) -> Float[Array, "chain draw"]:
    """Normal quantiles of the pooled ranks (Blom's offsets); ties share their mean rank."""
    _, place, count = np.unique(draws, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - 0.5 * (count - 1))[place].reshape(draws.shape)
    scores: Float[Array, "chain draw"] = ndtri((ranks - 0.375) / (draws.size + 0.25))
    return scores
