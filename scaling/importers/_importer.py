"""What an importer is, what it reads out of a file, and what it may have to be told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, final

from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.errors import InvalidInput, Violation
from scaling.units import SizeConvention


@final
@dataclass(frozen=True)
class LossSeries:
    """One loss as a run logged it, in the order of the log.

    - `training`: measured on the batches trained on, not on held-out text; None where the name does not tell.
    - `validation_set`: the text it was measured on, as the log calls it.
    - `row`: for each value the row of the log it stands in; `loss`: nats per token, NaN where the log says NaN.
    """

    training: bool | None
    validation_set: str
    row: Int[Array, " value"]
    loss: Float[Array, " value"]


@final
@dataclass(frozen=True)
class RunLog:
    """One run as its file tells it; what the file does not tell is None or absent.

    - `source`: the file, for messages; `run`: the run's label.
    - `series`: every loss by the name the file gives it.
    - `step`: optimiser steps; `tokens`: training tokens seen; both by row of the log, NaN where a row has none.
    - `tokens_per_step`: where steps are to be turned into tokens.
    - `learning_rate`: by row, NaN where a row has none; `peak_learning_rate`: its largest value in the whole schedule.
    - `size`: parameters by what they count.
    """

    source: str
    run: str
    series: Mapping[str, LossSeries]
    step: Float[Array, " row"] | None = None
    tokens: Float[Array, " row"] | None = None
    tokens_per_step: float | None = None
    learning_rate: Float[Array, " row"] | None = None
    peak_learning_rate: float | None = None
    size: Mapping[SizeConvention, float] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class ImportRequest:
    """What the user says about files that do not say it themselves.

    - `size`: parameters, for all runs or by run label; `size_convention`: what they count, or which of a file's counts
      to take.
    - `loss`: the loss to take, by the name in the file or by its validation set.
    - `tokens_per_step`, or `batch_size` (sequences over all devices, accumulation included) and `sequence_length`.
    - `run`: label for a single file; otherwise the file says it or its name does.

    Raises `InvalidInput` for numbers that are not above zero and for a batch without a length or the reverse.
    """

    size: float | Mapping[str, float] | None = None
    size_convention: SizeConvention | None = None
    loss: str | None = None
    tokens_per_step: float | None = None
    batch_size: float | None = None
    sequence_length: float | None = None
    run: str | None = None

    def __post_init__(self) -> None:
        sizes = self.size if isinstance(self.size, Mapping) else {"": self.size}
        numbers = {f"size {label}".strip(): value for label, value in sizes.items()}
        numbers |= {name: getattr(self, name) for name in ("tokens_per_step", "batch_size", "sequence_length")}
        violations = [
            Violation(name.replace("_", " "), f"{value:g} given, a number above zero needed")
            for name, value in numbers.items()
            if value is not None and not 0 < value < float("inf")
        ]
        if (self.batch_size is None) != (self.sequence_length is None):
            violations.append(Violation("batch size, sequence length", "one given without the other, both needed"))
        if self.batch_size is not None and self.tokens_per_step is not None:
            violations.append(Violation("tokens per step", "given beside a batch size: give one of the two"))
        if violations:
            raise InvalidInput("These facts about the runs cannot be right.", violations)

    @property
    def stated_tokens_per_step(self) -> float | None:
        """Tokens that one optimiser step trains on, as stated."""
        if self.batch_size is not None and self.sequence_length is not None:
            return self.batch_size * self.sequence_length
        return self.tokens_per_step


class AbstractImporter(ABC):
    """Reads the loss logs of one tool.

    - `name`: what `scaling import` calls it; `title`: what it reads, in a line.
    - `patterns`: which files of a folder are its own.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    patterns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def logs(self, paths: Sequence[Path]) -> list[RunLog]:
        """The runs in these files; raises `InvalidObservations` for a file that is truncated or of another tool."""
