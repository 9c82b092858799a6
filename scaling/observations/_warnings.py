"""What was noticed about data that can be used all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class DataWarning:
    """One thing noticed, that the reader of an answer should know.

    - `reason`: stable upper-case name, such as `DUPLICATE_ROWS`.
    - `message`: what was noticed and what was done about it.
    - `places`: lines (or rows) concerned.
    """

    reason: str
    message: str
    places: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
