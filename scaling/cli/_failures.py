"""What a user reads when something cannot be done, and the exit code a program reads."""

from __future__ import annotations

import json
import sys

from scaling.errors import (
    CorruptStore,
    FitFailed,
    InvalidInput,
    ScalingError,
    StoreUnavailable,
)

BAD_INPUT, FIT_FAILED, STORE, SERVER = 2, 3, 4, 5
_SHOWN_VIOLATIONS = 20
_CODES: tuple[tuple[type[ScalingError], int], ...] = (
    (FitFailed, FIT_FAILED),
    (CorruptStore, STORE),
    (StoreUnavailable, STORE),
)


def exit_code_of(error: ScalingError) -> int:
    """Exit code of an error; an error may carry its own as `exit_code`."""
    own = getattr(error, "exit_code", None)
    if isinstance(own, int):
        return own
    return next((code for kind, code in _CODES if isinstance(error, kind)), BAD_INPUT)


def report(error: ScalingError, *, as_json: bool) -> None:
    """Say on stderr what went wrong: the first 20 faults for people, all of them as JSON."""
    violations = error.violations if isinstance(error, InvalidInput) else ()
    summary = error.summary if isinstance(error, InvalidInput) else str(error)
    if as_json:
        listed = [{"field": violation.field, "description": violation.description} for violation in violations]
        document = {"error": {"reason": error.reason, "message": summary, "violations": listed}}
        sys.stderr.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    lines = [f"Error: {summary}", *(f"  - {violation}" for violation in violations[:_SHOWN_VIOLATIONS])]
    if len(violations) > _SHOWN_VIOLATIONS:
        lines.append(f"  and {len(violations) - _SHOWN_VIOLATIONS} more (--json lists all).")
    sys.stderr.write("\n".join(lines) + "\n")
