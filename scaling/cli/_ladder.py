"""The ladder that comes with the product, without its largest rung and with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from scaling.observations import (
    LossObservations,
    ScoreObservations,
    read_loss_observations,
    read_score_observations,
)
from scaling.observations.selection import after_early_training

LADDER = "ladder-cpu"


@final
@dataclass(frozen=True)
class HeldOutLadder:
    """What the fit sees, and the largest rung, which it does not see.

    - `losses`, `scores`: of all smaller rungs, early training left out of the losses.
    - `largest_losses`, `largest_scores`: of the largest rung at the end of its longest runs.
    """

    losses: LossObservations
    scores: ScoreObservations
    largest_losses: LossObservations
    largest_scores: ScoreObservations

    @property
    def size(self) -> float:
        """Size of the largest rung."""
        return float(self.largest_losses.size[0])

    @property
    def tokens(self) -> float:
        """Tokens at its end."""
        return float(self.largest_losses.tokens[0])


def ladder_without_its_largest_rung() -> HeldOutLadder:
    """Read the reference ladder's observations as its recipe says, and set its largest rung aside."""
    from scaling.store import reference_store
    from scaling.store.recipe import FitRecipe, read_recipe

    folder = reference_store().root / LADDER
    recipe = read_recipe(folder)
    assert isinstance(recipe, FitRecipe)
    assert recipe.scores is not None
    losses = read_loss_observations(folder / recipe.losses.file, **recipe.losses.reading())
    scores = read_score_observations(folder / recipe.scores.file, **recipe.scores.reading())
    largest = losses.size.max()
    end = losses.tokens[losses.size == largest].max()
    smaller = losses.select(losses.size < largest)
    return HeldOutLadder(
        losses=smaller.select(after_early_training(smaller, share=recipe.drop_first)),
        scores=scores.select(scores.size < largest),
        largest_losses=losses.select((losses.size == largest) & (losses.tokens == end)),
        largest_scores=scores.select((scores.size == largest) & (scores.tokens == end)),
    )
