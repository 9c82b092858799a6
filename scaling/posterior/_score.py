"""The posterior of a task's link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class ScorePosterior:
    """Draws of a task's link."""

    task: str
