"""Choosing rows before a fit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from scaling._pytree import Array
from scaling.errors import InvalidInput
from scaling.observations.losses import LossObservations
from scaling.observations.scores import ScoreObservations


def after_early_training(observations: LossObservations | ScoreObservations, *, share: float) -> Bool[Array, "row"]:
    """Rows at or beyond `share` of the tokens that their run has seen in all.

    The first tenth of training (warm-up and the fast early fall) follows no scaling law and spoils the fit
    (Choshen et al. 2025, section 5). Raises `InvalidInput` unless 0 <= share < 1.
    """
    if not 0.0 <= share < 1.0:
        raise InvalidInput(f"{share:g} is no share of training to leave out: a number from 0 to below 1 is needed.")
    labels = np.asarray(observations.run)
    longest = {label: float(observations.tokens[labels == label].max()) for label in dict.fromkeys(observations.run)}
    needed = np.asarray([longest[label] for label in observations.run])
    kept: Bool[Array, "row"] = observations.tokens >= share * needed
    return kept
