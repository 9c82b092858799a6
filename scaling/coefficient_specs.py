"""What the file of a law or link states about itself: its source and its coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Citation:
    """Where a law or link comes from."""

    key: str
    text: str
    url: str


@final
@dataclass(frozen=True)
class CoefficientSpec:
    """One coefficient: its field's name, unit and meaning, and whether it must be above zero."""

    name: str
    unit: str
    meaning: str
    positive: bool = True
