"""Rows about to be appended, held against those already there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self, TypeVar, final

from scaling.errors import InvalidObservations, Violation
from scaling.units import format_count


@final
class LossRow(NamedTuple):
    """A loss row; the fields are those of `LossObservations`. An empty run is a run of its own."""

    run: str
    size: float
    tokens: float
    loss: float

    def key(self) -> tuple[Any, ...]:
        """What tells this row from others: the checkpoint, or for a run of its own all of it."""
        return (self.run, self.size, self.tokens) if self.run else self

    def value(self) -> tuple[float, ...]:
        """What was measured."""
        return (self.loss,)


@final
class ScoreRow(NamedTuple):
    """A score row; the fields are those of `ScoreObservations`."""

    run: str
    size: float
    tokens: float
    loss: float
    task: str
    metric: str
    score: float
    item_count: float
    chance: float

    def key(self) -> tuple[Any, ...]:
        """The checkpoint, task and metric."""
        return (self.run, self.size, self.tokens, self.task, self.metric)

    def value(self) -> tuple[float, ...]:
        """What was measured, and how finely."""
        return (self.loss, self.score, self.item_count, self.chance)


@final
class Rows(NamedTuple):
    """Loss rows and score rows."""

    losses: list[LossRow]
    scores: list[ScoreRow]

    @classmethod
    def of(cls, losses: Iterable[Any], scores: Iterable[Any]) -> Self:
        """From records that have the rows' fields."""
        return cls(
            [LossRow(row.run, row.size, row.tokens, row.loss) for row in losses],
            [ScoreRow(*(getattr(row, name) for name in ScoreRow._fields)) for row in scores],
        )


R = TypeVar("R", LossRow, ScoreRow)


def checked(new: Rows, old: Rows) -> tuple[Rows, int]:
    """The rows of `new` that say something new, and how many repeat an earlier one.

    Raises `InvalidObservations` naming every row that contradicts an earlier one: the same checkpoint with another
    value, or a run at a second size.
    """
    violations: list[Violation] = []
    sizes = {row.run: row.size for row in old.losses if row.run} | {row.run: row.size for row in old.scores}
    losses = _new_rows(new.losses, old.losses, "loss_observations", lambda row: f"{row.loss:g}", violations)
    scores = _new_rows(new.scores, old.scores, "score_observations", lambda row: f"{row.score:g}", violations)
    _one_size_per_run(new.losses, "loss_observations", sizes, violations)
    _one_size_per_run(new.scores, "score_observations", sizes, violations)
    if violations:
        count = len(violations)
        raise InvalidObservations(f"{count} row{'s contradict' if count > 1 else ' contradicts'} others.", violations)
    duplicates = len(new.losses) + len(new.scores) - len(losses) - len(scores)
    return Rows(losses, scores), duplicates


def _new_rows(
    new: Sequence[R], old: Sequence[R], field: str, shown: Callable[[R], str], violations: list[Violation]
) -> list[R]:
    known = {row.key(): row for row in old}
    kept = []
    for index, row in enumerate(new):
        earlier = known.setdefault(row.key(), row)
        if earlier is row:
            kept.append(row)
        elif earlier.value() != row.value():
            description = (
                f"run {row.run!r} at {format_count(row.tokens)} tokens has {shown(earlier)} already, {shown(row)} "
                "given; rows never change: give the run another label"
            )
            violations.append(Violation(f"{field}[{index}]", description))
    return kept


def _one_size_per_run(rows: Sequence[R], field: str, sizes: dict[str, float], violations: list[Violation]) -> None:
    for index, row in enumerate(rows):
        if row.run and sizes.setdefault(row.run, row.size) != row.size:
            description = (
                f"run {row.run!r} has size {format_count(sizes[row.run])}, {format_count(row.size)} given; "
                "a run has one size: the run's label must tell runs apart"
            )
            violations.append(Violation(f"{field}[{index}].parameter_count", description))
