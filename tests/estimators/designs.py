"""Runs whose frontier is known: exact or noisy losses of Chinchilla's law."""

from __future__ import annotations

import numpy as np

from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations

# Hoffmann et al. 2022 as printed: a = .28 / .62.
LAW = ChinchillaLaw(l_inf=1.69, a=406.4, alpha=0.34, b=410.7, beta=0.28)
EXPONENT = 0.28 / 0.62
# The same with alpha / beta = 3 and alpha + beta as before.
LOPSIDED = ChinchillaLaw(l_inf=1.69, a=406.4, alpha=0.465, b=410.7, beta=0.155)
BUDGETS = tuple(10.0 ** np.arange(17, 22))


def isoflop_runs(law=LAW, *, width=4.0, sizes=15, budgets=BUDGETS, noise=0.0, seed=0) -> LossObservations:
    """`sizes` sizes from N*/width to N* width at each budget; `noise` in nats."""
    rng = np.random.default_rng(seed)
    n = np.concatenate([float(law.optimum(c)[0]) * np.geomspace(1 / width, width, sizes) for c in budgets])
    d = np.repeat(budgets, sizes) / (6.0 * n)
    loss = law.loss(n, d) + noise * rng.standard_normal(len(n))
    return LossObservations(run=tuple(str(row) for row in range(len(n))), size=n, tokens=d, loss=loss)


def training_runs(law=LAW, *, sizes=16, checkpoints=60, run_noise=0.0, seed=0) -> LossObservations:
    """Curves from 2 to 400 tokens per parameter of sizes from 10M to 3B; `run_noise` shifts a whole curve, in nats."""
    rng = np.random.default_rng(seed)
    n = np.repeat(np.geomspace(1e7, 3e9, sizes), checkpoints)
    d = n * np.tile(np.geomspace(2, 400, checkpoints), sizes)
    shift = np.repeat(run_noise * rng.standard_normal(sizes), checkpoints)
    run = tuple(f"r{row // checkpoints}" for row in range(len(n)))
    return LossObservations(run=run, size=n, tokens=d, loss=law.loss(n, d) + shift)
