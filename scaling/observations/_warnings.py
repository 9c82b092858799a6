"""What was noticed about data that can be used all the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import final


class DataReason(StrEnum):
    """What can be noticed about rows that are used all the same."""

    DUPLICATE_ROWS = "DUPLICATE_ROWS"
    RESUMED_RUN = "RESUMED_RUN"
    NON_FINITE_LOSS = "NON_FINITE_LOSS"
    UNTRAINED_ROWS = "UNTRAINED_ROWS"
    TOKENS_PER_PARAMETER_UNUSUAL = "TOKENS_PER_PARAMETER_UNUSUAL"
    LOSS_IMPLAUSIBLE = "LOSS_IMPLAUSIBLE"
    LOSS_OUTLYING = "LOSS_OUTLYING"
    LOSS_LEVELS = "LOSS_LEVELS"
    COOLED_WITH_UNCOOLED = "COOLED_WITH_UNCOOLED"
    EARLY_TRAINING = "EARLY_TRAINING"
    COLLINEAR_DESIGN = "COLLINEAR_DESIGN"
    NARROW_RANGE = "NARROW_RANGE"
    SIZE_CONVENTIONS_MIXED = "SIZE_CONVENTIONS_MIXED"


@final
@dataclass(frozen=True)
class DataWarning:
    """One thing noticed, that the reader of an answer should know.

    - `reason`: stable name.
    - `message`: what was noticed and what was done about it.
    - `places`: lines (or rows) concerned.
    """

    reason: DataReason
    message: str
    places: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
