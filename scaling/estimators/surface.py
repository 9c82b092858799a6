"""The parametric surface that an estimate's bias is computed on."""

from __future__ import annotations

from scaling.errors import FitFailed, NotEnoughRuns
from scaling.inference.loss_program import loss_data
from scaling.inference.point import point_estimate
from scaling.laws import AbstractLaw
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations


def fitted_surface(runs: LossObservations) -> AbstractLaw | None:
    """Chinchilla's law at its point estimate (summed Huber loss); None where these rows do not determine it."""
    if len(runs) <= len(ChinchillaLaw.coefficients):
        return None
    data = loss_data(runs)
    try:
        return point_estimate(ChinchillaLaw, data).law
    except (FitFailed, NotEnoughRuns):
        return None
