"""From a mode to a sample that passes its gate: Hamiltonian Monte Carlo first, NUTS for what it does not pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax

from scaling.inference.diagnostics import diagnose, gate_failures, require_convergence
from scaling.inference.hmc import LONGEST_TRAJECTORY, Whitening, sample_hmc
from scaling.inference.nuts import Mode, Potential, WhitenedSample, sample_whitened
from scaling.inference.progress import Progress, ProgressEvent
from scaling.inference.settings import FitSettings
from scaling.posterior import SampleDiagnostics

LONGER = 4  # times the draws, or the leapfrog steps, where those asked for mixed too slowly

# One more attempt at a sample: its draws per chain, and how to make it.
_Attempt: TypeAlias = tuple[int, Callable[[], WhitenedSample]]


def diagnose_sample(sample: WhitenedSample) -> SampleDiagnostics:
    """Diagnostics of every coordinate, the worst of each."""
    return diagnose(
        {str(index): sample.draws[..., index] for index in range(sample.draws.shape[-1])},
        diverging=sample.diverging,
        energy=sample.energy,
    )


def sample_until_converged(
    potential: Potential, data: Any, mode: Mode, *, settings: FitSettings, progress: Progress
) -> tuple[WhitenedSample, SampleDiagnostics]:
    """A sample about `mode` that passes the gate, thinned to `settings.draws` a chain.

    Trajectories of fixed length first, then four times as many draws of longer ones, then NUTS with as many draws, then
    NUTS with more warm-up and smaller steps. Raises `FitFailed` where the last misses the gate.
    """
    attempts = _attempts(potential, data, mode, settings=settings, progress=progress)
    return _first_to_pass(attempts, settings=settings, progress=progress)


def sample_by_nuts(
    potential: Potential, data: Any, mode: Mode, *, settings: FitSettings, progress: Progress
) -> tuple[WhitenedSample, SampleDiagnostics]:
    """The same by NUTS alone."""
    attempts = _nuts_attempts(potential, data, mode, settings=settings, progress=progress)
    return _first_to_pass(attempts, settings=settings, progress=progress)


def _first_to_pass(
    attempts: Iterator[_Attempt], *, settings: FitSettings, progress: Progress
) -> tuple[WhitenedSample, SampleDiagnostics]:
    for asked, attempt in attempts:
        sample, draws = attempt(), asked
        diagnostics = _reported(sample, progress=progress)
        if not gate_failures(diagnostics, settings):
            break
    require_convergence(diagnostics, settings)
    return sample.every(draws // settings.draws), diagnostics


def _attempts(
    potential: Potential, data: Any, mode: Mode, *, settings: FitSettings, progress: Progress
) -> Iterator[_Attempt]:
    one = jax.tree.map(lambda leaf: leaf[None], data)
    whitening = Whitening(mode.position[None], mode.scale[None])

    def hmc(attempt: FitSettings, longest: int) -> WhitenedSample:
        return sample_hmc(potential, one, whitening, settings=attempt, progress=progress, longest=longest)[0]

    longer = settings.model_copy(update={"draws": LONGER * settings.draws})
    yield settings.draws, lambda: hmc(settings, LONGEST_TRAJECTORY)
    yield longer.draws, lambda: hmc(longer, LONGER * LONGEST_TRAJECTORY)
    yield from _nuts_attempts(potential, data, mode, settings=settings, progress=progress)


def _nuts_attempts(
    potential: Potential, data: Any, mode: Mode, *, settings: FitSettings, progress: Progress
) -> Iterator[_Attempt]:
    longer = settings.model_copy(update={"draws": LONGER * settings.draws})
    careful = longer.model_copy(
        update={"warmup": 5 * settings.warmup, "target_acceptance": (1 + 2 * settings.target_acceptance) / 3}
    )
    yield longer.draws, lambda: sample_whitened(potential, data, mode, settings=longer, progress=progress)
    yield careful.draws, lambda: sample_whitened(potential, data, mode, settings=careful, progress=progress)


def _reported(sample: WhitenedSample, *, progress: Progress) -> SampleDiagnostics:
    diagnostics = diagnose_sample(sample)
    smallest = min(diagnostics.min_bulk_ess, diagnostics.min_tail_ess)
    progress(ProgressEvent("diagnostics", 1, 1, diagnostics.divergences, diagnostics.max_r_hat, smallest))
    return diagnostics
