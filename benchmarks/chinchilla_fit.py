"""The Chinchilla points: minimum, posterior, convergence and cost.

Run: python -m benchmarks.chinchilla_fit
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks._measured import chinchilla_runs
from benchmarks._report import print_table
from scaling.inference.loss import fit_loss
from scaling.inference.settings import FitSettings
from scaling.laws.chinchilla import ChinchillaLaw

# Besiroglu et al. 2024, table 1: 95 % bootstrap intervals.
PUBLISHED = {
    "l_inf": (1.769, 1.871),
    "a": (285, 744),
    "b": (1042, 5810),
    "alpha": (0.317, 0.373),
    "beta": (0.331, 0.415),
}


def main() -> None:
    runs = chinchilla_runs()
    costs = []
    for seed in range(4):
        began = time.process_time()
        fitted = fit_loss(runs, ChinchillaLaw, settings=FitSettings(seed=seed))
        costs.append(time.process_time() - began)
    assert fitted.point is not None
    rows: list[tuple[object, ...]] = [
        ("sum of log-Huber losses (delta 1e-3)", f"{fitted.point.objective:.11f}", "<= 0.00101827410"),
        ("starts that agree", f"{fitted.point.agreeing} of {fitted.point.starts}", "all"),
    ]
    for name, (low, high) in PUBLISHED.items():
        ours = np.quantile(getattr(fitted.posterior.law, name), (0.025, 0.5, 0.975))
        overlap = "overlaps" if ours[0] <= high and ours[2] >= low else "MISSES"
        rows.append((f"{name}: median, 95 %", " ".join(f"{x:.4g}" for x in ours), f"{overlap} {low}-{high}"))
    size = np.quantile(fitted.posterior.law.optimum(1e24)[0], (0.025, 0.5, 0.975)) / 1e9
    rows.append(("N*(1e24 FLOP), billions: median, 95 %", " ".join(f"{x:.1f}" for x in size), "bootstrap 67.5-153"))
    checks = fitted.diagnostics
    rows += [
        ("R-hat", f"{checks.max_r_hat:.4f}", "<= 1.01"),
        ("smallest bulk ESS", f"{checks.min_bulk_ess:.0f}", ">= 1000"),
        ("divergences", checks.divergences, "0"),
        ("first fit, CPU-s (compiling)", f"{costs[0]:.2f}", ""),
        ("warm fit, CPU-s (median of 3)", f"{np.median(costs[1:]):.2f}", "<= 1.5"),
    ]
    print_table("Chinchilla's law on 240 points", ("figure", "measured", "bar or published"), rows)


if __name__ == "__main__":
    main()
