"""Logged runs: losses at the steps of a known schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from scaling._pytree import Array
from scaling.curves.schedule import Schedule
from scaling.errors import InvalidObservations, Violation

_SHOWN = 20


@final
@dataclass(frozen=True, eq=False)
class CurveRun:
    """Validation losses of one run.

    - `name`: of the run. `schedule`: its learning rates, at least up to its last step.
    - `step` [row]: optimiser steps, strictly increasing, after the warm-up. `loss` [row]: nats per token.

    Raises `InvalidObservations` listing every row that cannot be right.
    """

    name: str
    schedule: Schedule
    step: Int[Array, "row"]
    loss: Float[Array, "row"]

    def __post_init__(self) -> None:
        step, loss = np.asarray(self.step), np.array(self.loss, dtype=np.float64)
        violations = []
        if step.shape != loss.shape or step.ndim != 1 or len(step) < 1:
            violations.append(Violation("loss", f"{loss.shape} losses for {step.shape} steps; one loss a step needed"))
        else:
            violations += [
                Violation(f"row {row + 1}, loss", f"{loss[row]:g} given, a finite number above zero needed")
                for row in np.flatnonzero(~(np.isfinite(loss) & (loss > 0)))[:_SHOWN]
            ]
            violations += [
                Violation(f"row {row + 2}, step", f"{step[row + 1]:g} after {step[row]:g}; steps must increase")
                for row in np.flatnonzero(~(np.diff(step) > 0))[:_SHOWN]
            ]
            violations += [
                Violation(f"row {row + 1}, step", f"{step[row]:g} given, a whole step of the schedule's needed")
                for row in np.flatnonzero(~((step >= 0) & (step < len(self.schedule)) & (step == np.floor(step))))
            ][:_SHOWN]
        if violations:
            raise InvalidObservations(f"The run {self.name!r} cannot be a loss curve.", violations)
        for values, field in ((step.astype(np.int64), "step"), (loss, "loss")):
            values.setflags(write=False)
            object.__setattr__(self, field, values)

    def __len__(self) -> int:
        return len(self.step)

    def select(self, mask: Bool[Array, "row"]) -> CurveRun:
        """The rows where `mask` is true."""
        return CurveRun(self.name, self.schedule, self.step[mask], self.loss[mask])

    def before(self, step: float) -> CurveRun:
        """The rows before `step`."""
        return self.select(self.step < step)


def without_warmup(run: CurveRun) -> tuple[CurveRun, int]:
    """The run after its warm-up, of which no law here speaks, and how many rows that leaves out."""
    during = run.step < run.schedule.warmup
    return (run.select(~during), int(during.sum())) if during.any() and not during.all() else (run, 0)


def without_shared_trunks(runs: Sequence[CurveRun]) -> tuple[list[CurveRun], dict[str, int]]:
    """The runs with every row once, and how many rows of which run an earlier run has too.

    Runs that branch off one trunk are often logged with the trunk's rows in each file; counted twice, they would be
    taken for a second seed that agrees to the last digit.
    """
    seen: set[tuple[int, float, float]] = set()
    kept, repeated = [], {}
    for run in runs:
        rows = list(zip(run.step.tolist(), run.schedule.rates[run.step].tolist(), run.loss.tolist(), strict=True))
        new = np.asarray([row not in seen for row in rows])
        seen.update(rows)
        if not new.all():
            repeated[run.name] = int((~new).sum())
        if new.any():
            kept.append(run.select(new))
    return kept, repeated
