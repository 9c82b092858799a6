"""Files of loss curves: `step, lr, loss` a row, one run a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.curves.runs import CurveRun
from scaling.curves.schedule import Schedule
from scaling.errors import InvalidObservations, Violation
from scaling.observations._checks import numbers
from scaling.observations._columns import Source
from scaling.observations._tables import RawTable, table_from_file

_NAMES = {
    "step": ("step", "steps", "iteration", "global_step", "_step"),
    "rate": ("lr", "learning_rate", "rate", "train/lr", "train/learning_rate"),
    "loss": ("loss", "val_loss", "eval_loss", "validation_loss", "loss_nats_per_token"),
}
_ADVICE = {
    "step": "Rename the column of optimiser steps.",
    "rate": "A curve law needs the learning rate of every row: log it, or write it from the schedule.",
    "loss": "Rename the column of validation losses.",
}
_JUMP = 0.2  # a change of the rate between two rows by more than a fifth is taken for a jump at the later one


def read_curve(path: Path | str, *, warmup: int | None = None, name: str | None = None) -> CurveRun:
    """A run from a file with the columns step, lr and loss.

    The rate between rows is a straight line, or a jump at the later row where it changes by more than a fifth. Before
    the first row it is that row's rate, after `warmup` steps of a linear ramp; rates that rise over the first rows are
    a warm-up left in, which `warmup` overrides.

    Raises `InvalidObservations` for a missing column, and listing every row that cannot be right.
    """
    table = table_from_file(path)
    step, rate, loss = _columns(table, ("step", "rate", "loss"))
    label = name or Path(path).stem
    return CurveRun(label, schedule_through(step, rate, warmup=warmup, name=label), step, loss)


def read_schedule(path: Path | str) -> Schedule:
    """A planned schedule from a file with the columns step and lr; between rows as `read_curve` has it.

    Raises `InvalidObservations` for a missing column, and listing every row that cannot be right.
    """
    step, rate = _columns(table_from_file(path), ("step", "rate"))
    return schedule_through(step, rate, name=Path(path).stem)


def schedule_through(
    step: Float[Array, "row"], rate: Float[Array, "row"], *, warmup: int | None = None, name: str = "schedule"
) -> Schedule:
    """The schedule that passes through logged rates; see `read_curve` for what lies between rows."""
    first = 0
    if warmup is None:
        rising = np.flatnonzero(np.diff(rate) <= 0)
        first = int(rising[0]) if len(rising) else 0
        ramp = bool(first and rate[first] > (1 + _JUMP) * rate[0])
        warmup = int(step[first]) if ramp else 0
    steps = np.arange(int(step[-1]) + 1)
    rates = np.interp(steps, step, rate)
    for row in np.flatnonzero(np.abs(np.diff(rate)) > _JUMP * np.maximum(rate[1:], rate[:-1])):
        if step[row + 1] > warmup:
            rates[int(step[row]) : int(step[row + 1])] = rate[row]
    if warmup:
        peak = rates[min(warmup, len(rates) - 1)]
        rates[:warmup] = np.linspace(0.0, peak, warmup)
    return Schedule(rates, warmup=warmup, name=name)


def _columns(table: RawTable, roles: Sequence[str]) -> list[Float[Array, "row"]]:
    folded = {header.lower(): header for header in table.headers}
    found = {role: next((folded[name] for name in _NAMES[role] if name in folded), "") for role in roles}
    missing = [
        Violation(f"column {_NAMES[role][0]!r}", f"missing; the table has {', '.join(table.headers)}. {_ADVICE[role]}")
        for role, header in found.items()
        if not header
    ]
    if missing:
        raise InvalidObservations(
            f"{table.name!r} is no curve: {', '.join(_NAMES[r][0] for r in roles)} needed.", missing
        )
    violations: list[Violation] = []
    columns = {role: numbers(table, Source(header), violations) for role, header in found.items()}
    step, rate = columns["step"], columns["rate"]
    violations += [
        Violation(table.where(int(row) + 1, found["step"]), f"{step[row + 1]:g} after {step[row]:g}; must increase")
        for row in np.flatnonzero(np.diff(step) <= 0)
    ]
    violations += [
        Violation(table.where(int(row), found["rate"]), f"{rate[row]:g} given, a rate not below zero needed")
        for row in np.flatnonzero(rate < 0)
    ]
    if not violations and not len(step):
        violations.append(Violation("rows", "none; at least one step is needed"))
    if violations:
        raise InvalidObservations(f"{table.name!r} has rows that no loss curve can have.", violations)
    return list(columns.values())
