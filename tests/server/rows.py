"""Rows to append: an invented ladder with one task."""

from __future__ import annotations

import numpy as np

from scaling.observations import LossObservations, ScoreObservations


def ladder(
    *, sizes: int = 4, checkpoints: int = 5, task: str = "sort", prefix: str = "run"
) -> tuple[LossObservations, ScoreObservations]:
    size, tokens = np.meshgrid(np.geomspace(1e5, 1e7, sizes), np.geomspace(1e7, 1e9, checkpoints), indexing="ij")
    size, tokens = size.ravel(), tokens.ravel()
    run = tuple(f"{prefix} {index // checkpoints}" for index in range(len(size)))
    loss = 1.8 + 480 / size**0.35 + 2100 / tokens**0.37
    losses = LossObservations(run=run, size=size, tokens=tokens, loss=loss)
    scores = ScoreObservations(
        run=run,
        size=size,
        tokens=tokens,
        loss=loss,
        task=(task,) * len(size),
        metric=("exact_match",) * len(size),
        score=np.clip((9 - loss) / 8, 0, 1),
        item_count=np.full(len(size), 400.0),
        chance=np.full(len(size), 0.25),
    )
    return losses, scores
