r"""What a law needs to know of a schedule at chosen steps, with the sum over all earlier steps made short.

Every law here is $L(t) = L_0 + A S_1^{-\alpha} - B \sum_k \Delta_k K(\cdot)$, where the kernel K depends on the rate
$\eta_k$, on the area $S_k(t)$ and on the number of steps since the change. Steps at which the rate does not change
vanish. The others are gathered in blocks that double in $S_k(t)$, and a block is replaced by the Gauss rule of its own
weights $\Delta_k$: the kernels are smooth in $\ln S_k$, so that four nodes a block leave an error of some 2e-5 of the
sum (a test holds it), at 50 nodes where a cosine of 72,000 steps has 72,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import AbstractTree, Array, pytree
from scaling.curves.schedule import Schedule
from scaling.errors import InvalidInput

_GAUSS_NODES = 4
_FIRST_BLOCK = 6.0  # in steps at the present rate: below it every change keeps its own node
_RATE_FLOOR = 1e-9  # of the peak: the logarithm of a rate that ends at zero


@final
@pytree
class CurveNodes(AbstractTree):
    r"""A schedule at some steps, for the laws of this package.

    - `area` [row]: $S_1(t) + S_W$, rate x steps.
    - `drop` [row node]: $\Delta_k$; zero where padded. `log_rate`: $\ln \eta_k$. `since`: $S_k(t)$.
    - `steps_since`: $t - k + 1$. `warm` [row]: steps of warm-up over t, 1 as it ends.
    """

    area: Float[Array, "row"]
    drop: Float[Array, "row node"]
    log_rate: Float[Array, "row node"]
    since: Float[Array, "row node"]
    steps_since: Float[Array, "row node"]
    warm: Float[Array, "row"]


@final
@dataclass(frozen=True)
class _Changes:
    """Every step at which the rate changes: index, size of the drop, rate after it, area before it."""

    step: Int[Array, "change"]
    drop: Float[Array, "change"]
    log_rate: Float[Array, "change"]
    before: Float[Array, "change"]


def exact_nodes(schedule: Schedule, steps: Sequence[int] | Int[Array, "row"]) -> CurveNodes:
    """One node a change: for short schedules, and to hold `nodes_at` against."""
    area, changes, at = _prepared(schedule, steps)
    return _padded(area[at], _warm(schedule, at), [_exact_row(changes, area, step) for step in at])


def nodes_at(schedule: Schedule, steps: Sequence[int] | Int[Array, "row"]) -> CurveNodes:
    """The schedule at `steps` with blocks of changes gathered; raises `InvalidInput` for a step outside it."""
    area, changes, at = _prepared(schedule, steps)
    return _padded(
        area[at], _warm(schedule, at), [_gathered(_exact_row(changes, area, step), schedule.rates[step]) for step in at]
    )


def _prepared(
    schedule: Schedule, steps: Sequence[int] | Int[Array, "row"]
) -> tuple[Float[Array, "step"], _Changes, Int[Array, "row"]]:
    at = np.atleast_1d(np.asarray(steps))
    outside = at[(at < 0) | (at >= len(schedule)) | (at != np.floor(at))]
    if len(outside):
        raise InvalidInput(
            f"Steps {', '.join(f'{step:g}' for step in outside[:5])} are not among the {len(schedule)} of "
            f"{schedule.name!r}. Give whole steps from 0 to {len(schedule) - 1}, or a longer schedule."
        )
    area, fallen = schedule.area(), schedule.drops()
    step = np.flatnonzero(fallen)
    floor = _RATE_FLOOR * schedule.peak
    changes = _Changes(step, fallen[step], np.log(np.maximum(schedule.rates[step], floor)), area[step - 1])
    return area, changes, at.astype(np.int64)


def _exact_row(changes: _Changes, area: Float[Array, "step"], step: int) -> Float[Array, "4 node"]:
    """Drop, ln rate, area since and steps since of every change up to `step`, oldest first."""
    count = np.searchsorted(changes.step, step, side="right")
    return np.stack(
        [
            changes.drop[:count],
            changes.log_rate[:count],
            area[step] - changes.before[:count],
            step - changes.step[:count] + 1.0,
        ]
    )


def _gathered(row: Float[Array, "4 node"], rate: float) -> Float[Array, "4 node"]:
    drop, log_rate, since, _ = row
    if row.shape[1] <= _GAUSS_NODES:
        return row
    first = _FIRST_BLOCK * max(rate, _RATE_FLOOR * float(np.exp(row[1].max())))
    block = np.maximum(np.floor(np.log2(np.maximum(since, first) / first)), -1.0)
    block[since <= first] = -1.0
    octave = np.floor(log_rate / np.log(4.0))
    # A block has changes of one sign, rates within a factor 4, and lies on one side of every kink.
    edges = np.flatnonzero((np.diff([block, octave, np.sign(drop)]) != 0).any(axis=0) | _is_kink(drop)) + 1
    parts = np.split(row, edges, axis=1)
    young = since[[0, *edges]] <= first
    return np.concatenate(
        [part if keep else _gauss_rule(part) for part, keep in zip(parts, young, strict=True)], axis=1
    )


def _is_kink(drop: Float[Array, "node"]) -> Float[Array, "gap"]:
    """Between which neighbours the size of the change jumps by more than a third: a schedule's corners."""
    size = np.abs(drop)
    return np.abs(size[1:] - size[:-1]) > 0.34 * np.maximum(size[1:], size[:-1])


def _gauss_rule(part: Float[Array, "4 node"]) -> Float[Array, "4 node"]:
    """Nodes and weights exact for polynomials in the area up to degree 7 under the block's own drops (Lanczos)."""
    drop, log_rate, since, steps = part
    if part.shape[1] <= _GAUSS_NODES:
        return part
    low, high = since[-1], since[0]
    middle, half = 0.5 * (high + low), 0.5 * (high - low)
    place, weight = (since - middle) / half, np.abs(drop)
    diagonal, beside = [], []
    vector, earlier, norm = np.sqrt(weight / weight.sum()), np.zeros_like(weight), 0.0
    for _ in range(_GAUSS_NODES):
        image = place * vector - norm * earlier
        diagonal.append(float(image @ vector))
        image = image - diagonal[-1] * vector
        norm = float(np.linalg.norm(image))
        beside.append(norm)
        vector, earlier = image / norm, vector
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
    at = middle + half * values
    rising = slice(None, None, -1)  # since falls from the oldest change to the youngest
    return np.stack(
        [
            np.sign(drop[0]) * weight.sum() * vectors[0] ** 2,
            np.interp(at, since[rising], log_rate[rising]),
            at,
            np.interp(at, since[rising], steps[rising]),
        ]
    )


def _warm(schedule: Schedule, at: Int[Array, "row"]) -> Float[Array, "row"]:
    return schedule.warmup / np.maximum(at, max(schedule.warmup, 1))


def _padded(area: Float[Array, "row"], warm: Float[Array, "row"], rows: Sequence[Float[Array, "4 node"]]) -> CurveNodes:
    width = max((row.shape[1] for row in rows), default=0)
    table = np.zeros((4, len(rows), width))
    table[2:] = 1.0
    for index, row in enumerate(rows):
        table[:, index, : row.shape[1]] = row
    drop, log_rate, since, steps_since = table
    return CurveNodes(area=area, drop=drop, log_rate=log_rate, since=since, steps_since=steps_since, warm=warm)
