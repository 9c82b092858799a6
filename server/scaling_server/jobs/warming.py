"""What a worker compiles before its first job, so that the first fit of common size takes as long as the second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from scaling.inference.fit import fit
from scaling.observations import LossObservations, ScoreObservations

_CHANCE, _ITEMS = 0.25, 400.0
_SIZES = np.geomspace(1e5, 1e7, 5)
_TOKENS = np.geomspace(1e7, 1e9, 6)


def warmings() -> Iterator[Callable[[], object]]:
    """Fits of the kinds that users ask for first: a ladder with checkpoints and a task, then final losses alone."""
    ladder, scores = _invented_ladder()
    yield partial(fit, ladder, scores)
    labels = tuple(f"run {index}" for index in range(len(ladder)))
    yield partial(fit, LossObservations(run=labels, size=ladder.size, tokens=ladder.tokens, loss=ladder.loss))


def _invented_ladder() -> tuple[LossObservations, ScoreObservations]:
    """Thirty checkpoints: coefficients near those of Hoffmann 2022, a third of a percent of noise, one task rising."""
    rng = np.random.default_rng(0)
    size, tokens = (grid.ravel() for grid in np.meshgrid(_SIZES, _TOKENS, indexing="ij"))
    run = tuple(f"run {index // len(_TOKENS)}" for index in range(len(size)))
    loss = (1.8 + 480 / size**0.35 + 2100 / tokens**0.37) * np.exp(rng.normal(0.0, 0.003, len(size)))
    rise = np.clip((np.median(loss) - loss) / np.ptp(loss), 0.0, None)
    score = rng.binomial(int(_ITEMS), np.clip(_CHANCE + rise, 0.0, 0.95)) / _ITEMS
    scores = ScoreObservations(
        run=run,
        size=size,
        tokens=tokens,
        loss=loss,
        task=("task",) * len(size),
        metric=("exact_match",) * len(size),
        score=score,
        item_count=np.full(len(size), _ITEMS),
        chance=np.full(len(size), _CHANCE),
    )
    return LossObservations(run=run, size=size, tokens=tokens, loss=loss), scores
