"""The errors a user can meet, one small tree.

Each says what was given, what was needed and what to do next. `reason` is the stable, upper-case name under
which the error travels (JSON output, `google.rpc.ErrorInfo`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final


class ScalingError(Exception):
    """Base of every error that this product raises on purpose."""

    reason: ClassVar[str] = "SCALING_ERROR"


@final
@dataclass(frozen=True)
class Violation:
    """One fault in what was given.

    - `field`: where, as a dotted path or `line 7, column 'loss'`.
    - `description`: what was given, what was needed.
    """

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class InvalidInput(ScalingError, ValueError):
    """What was given cannot be right; `violations` lists every fault found, not the first."""

    reason = "FIELD_INVALID"

    def __init__(self, summary: str, violations: Sequence[Violation] = ()) -> None:
        self.summary = summary
        self.violations = tuple(violations)
        super().__init__("\n".join([summary, *(f"  - {violation}" for violation in self.violations)]))


class InvalidObservations(InvalidInput):
    """Rows of a file or table are wrong; each bad row is listed with its line and reason."""

    reason = "OBSERVATIONS_INVALID"


class UnitMismatch(InvalidInput):
    """Two units or conventions that must not be mixed; the message names the conversion needed."""

    reason = "UNIT_MISMATCH"


class OutsideDomain(InvalidInput):
    """A quantity for which the law or link has no value."""

    reason = "PREDICTION_DOMAIN"


class NotEnoughRuns(ScalingError, ValueError):
    """Fewer runs, sizes or token counts than the model has coefficients to determine."""

    reason = "DATA_INSUFFICIENT"


class Unanswerable(ScalingError, ValueError):
    """The law or fit at hand carries no answer to this question, whatever the numbers."""

    reason = "UNANSWERABLE"


class FitFailed(ScalingError, RuntimeError):
    """An optimiser or sampler did not reach what it must prove (gradient, R-hat, ESS, divergences)."""

    reason = "FIT_FAILED"


class RunFailed(ScalingError, RuntimeError):
    """A training run did not reach its end; the message says which, at what step, and what to change."""

    reason = "RUN_FAILED"


class NotFound(ScalingError, LookupError):
    """No law, link, fit, task or dataset of that name; the message lists those there are."""

    reason = "NOT_FOUND"


class AlreadyExists(ScalingError, ValueError):
    """The name is taken."""

    reason = "ALREADY_EXISTS"


class CorruptStore(ScalingError, RuntimeError):
    """A stored document or artefact does not match its digest or schema."""

    reason = "STORE_CORRUPT"


class StoreUnavailable(ScalingError, OSError):
    """The place documents are kept in cannot be read or written now (disk full, read-only, locked)."""

    reason = "STORE_UNAVAILABLE"
