"""Convergence of a sample: R-hat, effective sample size, divergences, energy, and the gate made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

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
    # Imported here: it costs half a second that a query need not pay.
    from arviz_stats.base import array_stats

    def over_coordinates(statistic: Any, worst: Any) -> float:
        return float(worst([statistic(np.asarray(values)) for values in draws.values()]))

    deviations = np.diff(energy, axis=1)
    return SampleDiagnostics(
        max_r_hat=over_coordinates(lambda x: array_stats.rhat(x, chain_axis=0, draw_axis=1, method="rank"), max),
        min_bulk_ess=over_coordinates(lambda x: array_stats.ess(x, chain_axis=0, draw_axis=1, method="bulk"), min),
        min_tail_ess=over_coordinates(
            lambda x: array_stats.ess(x, chain_axis=0, draw_axis=1, method="tail", prob=(0.05, 0.95)), min
        ),
        divergences=int(np.sum(diverging)),
        min_energy=float(np.min(np.mean(deviations**2, axis=1) / np.var(energy, axis=1))),
    )
