"""What long work reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final


@final
@dataclass(frozen=True)
class ProgressEvent:
    """One step of a fit.

    - `phase`: `point estimate`, `warm-up`, `draws`, `scores`, ...
    - `done` of `total` steps of the phase.
    - `divergences`: so far; `max_r_hat`, `min_ess`: once there are draws.
    """

    phase: str
    done: int
    total: int
    divergences: int = 0
    max_r_hat: float | None = None
    min_ess: float | None = None


# Called from the fitting thread; an exception it raises (a cancellation) stops the fit.
Progress: TypeAlias = Callable[[ProgressEvent], None]


def silent(event: ProgressEvent) -> None:
    """Report nothing."""
    del event
