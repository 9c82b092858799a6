"""Task scores of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidObservations, NotFound, Violation
from scaling.observations._digest import content_digest
from scaling.observations._warnings import DataWarning
from scaling.observations.losses import freeze_columns
from scaling.units import LossUnit, SizeConvention

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True, eq=False)
class ScoreObservations:
    """One row: the score of one checkpoint on one task under one metric.

    - `run`, `size`, `tokens`, `loss`: the checkpoint; `loss` is its validation loss in nats per token.
    - `task`, `metric`: what was scored and how; the task's *key* is its name, or `task/metric` where it has several.
    - `score`: between 0 and 1.
    - `item_count`: test items behind the score.
    - `chance`: nominal score of guessing, at least 0 and below 1.

    Raises `InvalidObservations` for columns of unequal length and values outside these ranges.
    """

    run: tuple[str, ...]
    size: Float[Array, " row"]
    tokens: Float[Array, " row"]
    loss: Float[Array, " row"]
    task: tuple[str, ...]
    metric: tuple[str, ...]
    score: Float[Array, " row"]
    item_count: Float[Array, " row"]
    chance: Float[Array, " row"]
    size_convention: SizeConvention = SizeConvention.UNSPECIFIED
    validation_set: str = "unspecified"
    warnings: tuple[DataWarning, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name in ("run", "task", "metric"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "size_convention", SizeConvention(self.size_convention))
        length = len(self.run)
        violations = [
            Violation(name, f"{len(getattr(self, name))} values given, {length} needed, one per run label")
            for name in ("task", "metric")
            if len(getattr(self, name)) != length
        ]
        numbers = ("size", "tokens", "loss", "score", "item_count", "chance")
        violations += freeze_columns(self, numbers, length=length, zero_is_fine=("score", "chance"))
        if not violations:
            violations = [
                *_beyond(self.score, self.score > 1, "score", "a score between 0 and 1"),
                *_beyond(self.item_count, self.item_count < 1, "item_count", "at least one item"),
                *_beyond(self.chance, self.chance >= 1, "chance", "a chance level below 1"),
            ]
        if violations:
            raise InvalidObservations("These scores cannot be observations.", violations)

    def __len__(self) -> int:
        return len(self.run)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: independent of row order and of the file it came from."""
        stated = {"size_convention": self.size_convention.value, "validation_set": self.validation_set}
        numbers = (self.size, self.tokens, self.loss, self.score, self.item_count, self.chance)
        texts = (self.task, self.metric)
        return content_digest("scores 1", stated, run=self.run, texts=texts, numbers=numbers)

    def runs(self) -> tuple[str, ...]:
        """The run labels, each once, in order of appearance."""
        return tuple(dict.fromkeys(self.run))

    def keys(self) -> tuple[str, ...]:
        """Task key of every row."""
        metrics: dict[str, set[str]] = {}
        for task, metric in zip(self.task, self.metric, strict=True):
            metrics.setdefault(task, set()).add(metric)
        return tuple(
            task if len(metrics[task]) == 1 else f"{task}/{metric}"
            for task, metric in zip(self.task, self.metric, strict=True)
        )

    def tasks(self) -> tuple[str, ...]:
        """The task keys, each once, in order of appearance."""
        return tuple(dict.fromkeys(self.keys()))

    def for_task(self, task: str, metric: str | None = None) -> Self:
        """The rows of one task, by its key, or by its name and metric; raises `NotFound` with the keys there are."""
        if metric is None:
            mask = np.array([key == task for key in self.keys()], dtype=bool)
            if not mask.any():  # `task/metric` is always understood, also where `task` is enough
                pairs = zip(self.task, self.metric, strict=True)
                mask = np.array([f"{name}/{how}" == task for name, how in pairs], dtype=bool)
        else:
            pairs = zip(self.task, self.metric, strict=True)
            mask = np.array([(name, how) == (task, metric) for name, how in pairs], dtype=bool)
        if not mask.any():
            wanted = task if metric is None else f"{task}/{metric}"
            raise NotFound(f"No scores of a task {wanted!r}. There are: {', '.join(self.tasks()) or 'none'}.")
        return self.select(mask)

    def select(self, mask: Bool[Array, " row"]) -> Self:
        """The rows where `mask` is true."""
        chosen = np.asarray(mask, dtype=bool)

        def kept(words: Sequence[str]) -> tuple[str, ...]:
            return tuple(word for word, keep in zip(words, chosen, strict=True) if keep)

        return type(self)(
            run=kept(self.run),
            size=self.size[chosen],
            tokens=self.tokens[chosen],
            loss=self.loss[chosen],
            task=kept(self.task),
            metric=kept(self.metric),
            score=self.score[chosen],
            item_count=self.item_count[chosen],
            chance=self.chance[chosen],
            size_convention=self.size_convention,
            validation_set=self.validation_set,
        )

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame that `from_frame` reads back to the same content."""
        import pandas as pd

        return pd.DataFrame(
            {
                "run": list(self.run),
                "size": self.size,
                "tokens": self.tokens,
                "loss_nats_per_token": self.loss,
                "task": list(self.task),
                "metric": list(self.metric),
                "score": self.score,
                "item_count": self.item_count,
                "chance": self.chance,
                "size_convention": self.size_convention.value,
                "validation_set": self.validation_set,
            }
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        columns: Mapping[str, str] | None = None,
        size_convention: SizeConvention | None = None,
        loss_unit: LossUnit | None = None,
        bytes_per_token: float | None = None,
        tokens_from_compute: bool = False,
        validation_set: str | None = None,
        item_count: float | Mapping[str, float] | None = None,
        chance: float | Mapping[str, float] | None = None,
        metrics: Sequence[str] | None = None,
    ) -> Self:
        """Read a pandas frame as `read_score_observations` reads a file; faults name the row, counted from 1."""
        from scaling.observations._tables import table_from_frame
        from scaling.observations.reading import Reading, scores_from_table

        reading = Reading(
            columns=columns,
            size_convention=size_convention,
            loss_unit=loss_unit,
            bytes_per_token=bytes_per_token,
            tokens_from_compute=tokens_from_compute,
            validation_set=validation_set,
            item_count=item_count,
            chance=chance,
            metrics=metrics,
        )
        return scores_from_table(cls, table_from_frame(frame), reading)


def _beyond(values: Float[Array, " row"], bad: Bool[Array, " row"], name: str, needed: str) -> list[Violation]:
    return [
        Violation(f"row {row + 1}, {name}", f"{values[row]:g} given, {needed} needed") for row in np.flatnonzero(bad)
    ]
