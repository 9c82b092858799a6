"""Runs drawn from a known law, for tests and benchmarks of the loss fit."""

from __future__ import annotations

import numpy as np

from scaling.laws import AbstractLaw, Reference, law_class
from scaling.observations import LossObservations
from scaling.units import SizeConvention


def observations(
    law: AbstractLaw,
    n: np.ndarray,
    d: np.ndarray,
    *,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
    run: tuple[str, ...] | None = None,
) -> LossObservations:
    """Losses of `law` at each (n, d) with Student-t noise of scale `noise` on log loss."""
    error = noise * rng.standard_t(4, size=len(n)) if rng is not None else 0.0
    return LossObservations(
        run=run or tuple(f"run-{index}" for index in range(len(n))),
        size=np.asarray(n, dtype=np.float64),
        tokens=np.asarray(d, dtype=np.float64),
        loss=law.loss(n, d) * np.exp(error),
        size_convention=SizeConvention.NON_EMBEDDING,
        validation_set="simulated",
    )


def grid(sizes: int = 6, budgets: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Sizes 1e7 to 1e9 by tokens 2e9 to 2e11, every combination."""
    n, d = np.meshgrid(np.geomspace(1e7, 1e9, sizes), np.geomspace(2e9, 2e11, budgets))
    return n.ravel(), d.ravel()


def law_from_its_prior(name: str, rng: np.random.Generator, reference: Reference) -> AbstractLaw:
    """A law whose reference coordinates are drawn from their priors, by NumPy alone."""
    draw = {
        "normal": lambda spec: spec.loc + spec.scale * rng.standard_normal(),
        "log_normal": lambda spec: spec.median * np.exp(spec.scale * rng.standard_normal()),
        "logit_normal": lambda spec: 1 / (1 + np.exp(-(spec.loc + spec.scale * rng.standard_normal()))),
    }
    chosen = law_class(name)
    return chosen.from_reference({key: draw[spec.kind](spec) for key, spec in chosen.priors.items()}, reference)
