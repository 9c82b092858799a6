"""Runs into IsoFLOP curves: losses of several sizes at one training compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import training_flops
from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.observations import LossObservations
from scaling.units import format_flops

BUDGET_TOLERANCE = 0.1  # Porian et al. 2024 take a run for a budget within 10 % of it
FEWEST_BUDGETS = 3
_SAME_SIZE = 0.03
_NEAR_MINIMUM = 1.2
_FEWEST_RESIDUALS = 6
FEWEST_SIZES = 4  # a parabola and Akima's end conditions both need more points than they have coefficients


@final
@dataclass(frozen=True)
class IsoflopCurve:
    """Losses of different sizes at one compute.

    - `compute`: FLOPs, the geometric mean of the rows'.
    - `size`: parameters, rising; sizes within 3 % are one. `loss`: nats per token, the mean over `runs` rows.
    - `spread`: largest over smallest compute of the rows, less 1.
    """

    compute: float
    size: Float[Array, " size"]
    loss: Float[Array, " size"]
    runs: Float[Array, " size"]
    spread: float

    def __len__(self) -> int:
        return len(self.size)


def group_budgets(runs: LossObservations, *, tolerance: float = BUDGET_TOLERANCE) -> tuple[IsoflopCurve, ...]:
    r"""Rows whose compute $C = 6 N D$ differs by less than `tolerance` from the next one's, by rising compute.

    Raises `InvalidInput` where a group is wider than that allows (compute runs on without gaps: checkpoints, or runs
    at a fixed D/N), `NotEnoughRuns` where fewer than 3 budgets have at least 4 sizes.
    """
    if not 0.0 < tolerance < 1.0:
        raise InvalidInput(f"{tolerance:g} is no tolerance of compute: a number between 0 and 1 is needed.")
    log_c = np.log(training_flops(runs.size, runs.tokens))
    order = np.argsort(log_c, kind="stable")
    starts = np.flatnonzero(np.diff(log_c[order]) > np.log1p(tolerance)) + 1
    curves = []
    for rows in np.split(order, starts):
        spread = float(np.expm1(np.ptp(log_c[rows])))
        if spread > 2.0 * tolerance:
            raise InvalidInput(
                f"{len(rows)} rows between {format_flops(np.exp(log_c[rows].min()))} and "
                f"{format_flops(np.exp(log_c[rows].max()))} FLOPs leave no gap of {tolerance:.0%}: they are no IsoFLOP "
                "budgets. Name the budgets they were trained for or whose training curves are to be read, use the "
                "envelope, or fit a law."
            )
        curves.append(_curve(float(np.exp(log_c[rows].mean())), runs.size[rows], runs.loss[rows], spread=spread))
    return _enough(curves)


def curves_at(
    runs: LossObservations, budgets: Sequence[float], *, tolerance: float = BUDGET_TOLERANCE
) -> tuple[IsoflopCurve, ...]:
    r"""Each run's loss at each of these budgets.

    A run with checkpoints speaks for a budget between its first and last one, $\ln L$ linear in $\ln C$ between
    neighbours; whether a checkpoint in the middle of a learning-rate schedule is comparable to a finished run is for
    the caller to know. A run of one row speaks for the nearest budget, if within `tolerance` of it, with its loss as
    it is: how far its compute is off shows as roughness.

    Raises `InvalidInput` for budgets not above zero, `NotEnoughRuns` as `group_budgets` does.
    """
    wanted = np.unique(np.asarray(budgets, dtype=np.float64))
    if not len(wanted) or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise InvalidInput(f"Budgets are finite FLOPs above zero; {list(budgets)} given.")
    log_c = np.log(training_flops(runs.size, runs.tokens))
    label, which, count = np.unique(np.asarray(runs.run), return_inverse=True, return_counts=True)
    alone = count[which] == 1
    nearest = np.argmin(np.abs(log_c[:, np.newaxis] - np.log(wanted)), axis=1)
    near = alone & (np.abs(log_c - np.log(wanted)[nearest]) <= np.log1p(tolerance))
    histories = training_curves(runs) if len(label) < len(runs) else ()
    curves = []
    for index, budget in enumerate(wanted):
        at = float(np.log(budget))
        reached = [each for each in histories if each.log_compute[0] <= at <= each.log_compute[-1]]
        rows = np.flatnonzero(near & (nearest == index))
        sizes = np.concatenate([[each.size for each in reached], runs.size[rows]])
        losses = np.concatenate([np.exp([each.log_loss_at(at) for each in reached]), runs.loss[rows]])
        if len(sizes):
            spread = float(np.expm1(np.ptp([at, *log_c[rows]])))
            curves.append(_curve(float(budget), sizes, losses, spread=spread))
    return _enough(curves)


def roughness(curves: Sequence[IsoflopCurve]) -> float:
    r"""Standard deviation of a loss about its neighbours, nats per token; 0 where fewer than 6 losses can tell.

    Each loss within a fifth of its budget's lowest is compared with the cubic in ln N through the two neighbours on
    either side; what is left, over $\sqrt{1 + \sum_j w_j^2}$ with the cubic's weights w, has the noise's spread where
    the curve is smooth. The median of its size over .6745: some misfit is no noise.
    """
    left = []
    for curve in curves:
        x = np.log(curve.size)
        near = np.flatnonzero(curve.loss < _NEAR_MINIMUM * curve.loss.min())
        for row in near[(near >= 2) & (near < len(x) - 2)]:
            around = row + np.array([-2, -1, 1, 2])
            weight = np.array(
                [
                    np.prod((x[row] - np.delete(x[around], j)) / (x[k] - np.delete(x[around], j)))
                    for j, k in enumerate(around)
                ]
            )
            off = curve.loss[row] - weight @ curve.loss[around]
            left.append(abs(off) / np.sqrt(1.0 / curve.runs[row] + np.sum(weight**2 / curve.runs[around])))
    return float(np.median(left)) / 0.6745 if len(left) >= _FEWEST_RESIDUALS else 0.0


@final
@dataclass(frozen=True)
class TrainingCurve:
    """One run's checkpoints by rising compute, as logarithms of FLOPs and of loss."""

    run: str
    size: float
    log_compute: Float[Array, " checkpoint"]
    log_loss: Float[Array, " checkpoint"]

    def log_loss_at(self, log_compute: Float[Array, "*point"]) -> Float[Array, "*point"]:
        """Linear between checkpoints; NaN before the first and after the last."""
        inside: Float[Array, "*point"] = np.interp(
            log_compute, self.log_compute, self.log_loss, left=np.nan, right=np.nan
        )
        return inside


def training_curves(runs: LossObservations) -> tuple[TrainingCurve, ...]:
    """The runs that have at least two checkpoints; raises `NotEnoughRuns` where none has."""
    labels = np.asarray(runs.run)
    log_c = np.log(training_flops(runs.size, runs.tokens))
    curves = []
    for label in runs.runs():
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(log_c[rows], kind="stable")]
        if len(rows) > 1:
            curves.append(TrainingCurve(label, float(runs.size[rows[0]]), log_c[rows], np.log(runs.loss[rows])))
    if not curves:
        raise NotEnoughRuns(
            f"None of the {len(runs.runs())} runs has two checkpoints, so there is no training curve to read. "
            "Label the checkpoints of one run alike in a run column, or give runs at equal compute to IsoFLOP."
        )
    return tuple(curves)


def _curve(compute: float, size: Float[Array, " row"], loss: Float[Array, " row"], *, spread: float) -> IsoflopCurve:
    """Rows of one size are seeds of one run: their mean, not their minimum, which falls with their number.

    Sizes a few percent apart are one: an interpolation between them would turn noise into a slope.
    """
    order = np.argsort(size, kind="stable")
    gaps = np.diff(np.log(size[order]))
    which = np.concatenate([[0], np.cumsum(gaps > np.log1p(_SAME_SIZE))]) if len(size) else np.zeros(0, dtype=int)
    count = np.bincount(which).astype(np.float64)
    mean = np.bincount(which, weights=loss[order]) / count
    middle = np.exp(np.bincount(which, weights=np.log(size[order])) / count)
    return IsoflopCurve(compute, middle, mean, count, spread)


def _enough(curves: Sequence[IsoflopCurve]) -> tuple[IsoflopCurve, ...]:
    """The curves as given; raises `NotEnoughRuns` where fewer than 3 have 4 sizes."""
    usable = [curve for curve in curves if len(curve) >= FEWEST_SIZES]
    if len(usable) < FEWEST_BUDGETS:
        found = ", ".join(f"{format_flops(curve.compute)} FLOPs ({len(curve)} sizes)" for curve in curves[:8])
        more = f" and {len(curves) - 8} more" if len(curves) > 8 else ""
        raise NotEnoughRuns(
            f"An IsoFLOP estimate needs {FEWEST_BUDGETS} budgets of at least {FEWEST_SIZES} sizes each; "
            f"{len(usable)} of {len(curves)} budgets have them: {found or 'none'}{more}. Train more sizes at equal "
            "compute, name budgets at which to read training curves, or fit a law, which needs none of them."
        )
    return tuple(curves)
