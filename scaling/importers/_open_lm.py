"""The model file that open_lm's and DCLM's trainings share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scaling.importers._files import number, positive
from scaling.importers._importer import LossSeries
from scaling.units import SizeConvention


def model_sizes(hyperparameters: Mapping[str, Any]) -> dict[SizeConvention, float]:
    """Parameters by what they count.

    `params_no_embed` leaves out the input embedding and keeps the output head: for d=1024, 24 layers and 50,432 words
    it is 359,973,888, of which the blocks are 308,281,344, the gains 50,176 and the head 51,642,368.
    """
    sizes = {
        SizeConvention.WITH_HEAD: positive(hyperparameters.get("params_no_embed")),
        SizeConvention.TOTAL: positive(hyperparameters.get("params")),
    }
    return {convention: value for convention, value in sizes.items() if value is not None}


def final_learning_rates(hyperparameters: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Where the cosine ends (`cd`), and its peak (`lr`)."""
    return number(hyperparameters.get("cd")), positive(hyperparameters.get("lr"))


def one_loss(name: str, loss: Any) -> LossSeries:
    """A loss of the finished run on a validation set; null where the evaluation failed."""
    value = number(loss)
    return LossSeries(
        training=False,
        validation_set=name,
        row=np.zeros(1, dtype=int),
        loss=np.array([np.nan if value is None else value], dtype=np.float64),
    )
