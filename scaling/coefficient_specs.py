"""What the file of a law or link states about itself: its source, its coefficients, its covariates."""

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


@final
@dataclass(frozen=True)
class CovariateSpec:
    """What a law's loss depends on beside size and tokens: its column's name, unit and meaning, and its least value.

    Values are finite (in observations) and above zero, and not below `at_least`. `usual` is the range that published
    runs cover.
    """

    name: str
    unit: str
    meaning: str
    usual: tuple[float, float]
    at_least: float = 0.0
