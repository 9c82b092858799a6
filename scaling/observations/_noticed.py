"""What the rows themselves say against a fit of them, before any law is chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import training_flops
from scaling.observations._surface import outlying_rows, surface_residuals
from scaling.observations._warnings import DataReason, DataWarning
from scaling.observations.losses import LossObservations
from scaling.observations.selection import after_early_training
from scaling.units import format_flops

EARLY_SHARE = 0.1  # of a run's training (Choshen et al. 2025, section 5)
_FEWEST_SIZES = 4  # three are fitted by a power of size with a floor, whatever the floor
_LEAST_COMPUTE_RANGE = 10.0
_NARROWEST_BAND = 0.15  # e-folds of scatter about one line of ln D against ln N: a factor 1.16
_SAME_SCALE = 0.01  # relative difference of sizes or tokens that are one
_LEVELS_APART = 0.03  # of ln L: seeds of one network differ by a tenth of that
_ENOUGH_FOR_LEVELS = 12
_ASHMAN = 4.0  # distance of two groups over their spread; 2 is where a mixture of two normals begins to show two humps
_SMALLER_GROUP = 0.2
_TOOTH = 0.008  # of ln L off the line between neighbours: noise of .003 does that to one row in thirty
_NAMED = 5


def noticed(runs: LossObservations) -> tuple[DataWarning, ...]:
    """All warnings about these rows: what their reader noticed, and what their layout and losses show."""
    checks: tuple[Callable[[LossObservations], DataWarning | None], ...] = (
        _copied_rows,
        _cooled_with_uncooled,
        _early_training,
        _collinear_design,
        _narrow_range,
        _outlying_losses,
        _levels_of_loss,
    )
    found = (check(runs) for check in checks)
    return (*runs.warnings, *(warning for warning in found if warning is not None))


def _copied_rows(runs: LossObservations) -> DataWarning | None:
    """Rows of different runs that say the same to the last digit: a run read twice counts twice."""
    rows: dict[tuple[float, float, float], list[int]] = {}
    for row, key in enumerate(zip(runs.size.tolist(), runs.tokens.tolist(), runs.loss.tolist(), strict=True)):
        rows.setdefault(key, []).append(row)
    copies = [row for group in rows.values() for row in group[1:]]
    if not copies:
        return None
    first = next(group for group in rows.values() if len(group) > 1)
    return DataWarning(
        DataReason.DUPLICATE_ROWS,
        f"{len(copies)} rows equal another run's in size, tokens and loss, such as {runs.run[first[1]]!r} and "
        f"{runs.run[first[0]]!r}; if a run was read twice, it counts twice: leave one out.",
        tuple(row + 1 for row in copies),
    )


def _cooled_with_uncooled(runs: LossObservations) -> DataWarning | None:
    if runs.cooled is None:
        return _sawtooth(runs)
    if runs.cooled.all() or not runs.cooled.any():
        return None
    cooled = int(np.sum(runs.cooled))
    return DataWarning(
        DataReason.COOLED_WITH_UNCOOLED,
        f"{cooled} rows were measured after the learning rate had been brought down and {len(runs) - cooled} before. "
        "That alone lowers the loss by some percent, which a law of size and tokens takes for scale. Fit one kind, or "
        "whole curves by a law of the schedule.",
        _rows(~runs.cooled),
    )


def _sawtooth(runs: LossObservations) -> DataWarning | None:
    """Runs whose loss goes down and up again from checkpoint to checkpoint, as where cooldowns branch off a trunk."""
    labels = np.asarray(runs.run)
    off = []
    for label in runs.runs():
        rows = np.flatnonzero(labels == label)
        if len(rows) < 3:
            continue
        rows = rows[np.argsort(runs.tokens[rows], kind="stable")]
        x, y = np.log(runs.tokens[rows]), np.log(runs.loss[rows])
        share = (x[1:-1] - x[:-2]) / np.maximum(x[2:] - x[:-2], 1e-12)
        off += (y[1:-1] - (1.0 - share) * y[:-2] - share * y[2:]).tolist()
    tooth = np.asarray(off)
    if len(tooth) < _ENOUGH_FOR_LEVELS or min(np.mean(tooth > _TOOTH), np.mean(tooth < -_TOOTH)) < _SMALLER_GROUP:
        return None
    return DataWarning(
        DataReason.COOLED_WITH_UNCOOLED,
        f"Along their runs the losses go down and up again, by {np.median(np.abs(tooth)):.1%} off the line between "
        "their neighbours: checkpoints after a cooldown seem to stand beside others before it. That difference is "
        "no effect of scale: fit one kind, or state which is which in a column 'cooled'.",
    )


def _early_training(runs: LossObservations) -> DataWarning | None:
    early = ~after_early_training(runs, share=EARLY_SHARE)
    if not early.any():
        return None
    return DataWarning(
        DataReason.EARLY_TRAINING,
        f"{int(early.sum())} of {len(runs)} rows stand in the first {EARLY_SHARE:.0%} of their run's training, where "
        "warm-up and the fast early fall follow no scaling law; `--drop-first 0.1` leaves them out.",
        _rows(early),
    )


def _collinear_design(runs: LossObservations) -> DataWarning | None:
    log_n, log_d = np.log(runs.size), np.log(runs.tokens)
    if len(runs) < 3 or np.ptp(log_n) < _SAME_SCALE or np.ptp(log_d) < _SAME_SCALE:
        return None  # one size or one token count is for the law to refuse
    slope, intercept = np.polyfit(log_n, log_d, 1)
    if np.max(np.abs(log_d - intercept - slope * log_n)) > _NARROWEST_BAND:
        return None
    ratio = np.median(runs.tokens / runs.size)
    where = f"D/N is {ratio:.3g} in all" if abs(slope - 1.0) < 0.1 else f"tokens grow as size^{slope:.2f} in all"
    return DataWarning(
        DataReason.COLLINEAR_DESIGN,
        f"Size and tokens grow together ({where} {len(runs)} rows), so that what size does and what tokens do cannot "
        "be told apart: exponents of their own, and how to split compute, rest on the priors. Add runs at other tokens "
        "per parameter, or fit 'power_compute'.",
    )


def _narrow_range(runs: LossObservations) -> DataWarning | None:
    sizes, compute = _distinct(runs.size), training_flops(runs.size, runs.tokens)
    span = float(compute.max() / compute.min()) if len(runs) else 1.0
    if sizes >= _FEWEST_SIZES and span >= _LEAST_COMPUTE_RANGE:
        return None
    few = f"{sizes} different sizes, fewer than {_FEWEST_SIZES}" if sizes < _FEWEST_SIZES else ""
    near = f"compute over {span:.3g} times, less than {_LEAST_COMPUTE_RANGE:g}" if span < _LEAST_COMPUTE_RANGE else ""
    return DataWarning(
        DataReason.NARROW_RANGE,
        f"These rows have {' and '.join(filter(None, (few, near)))} ({format_flops(compute.min())} to "
        f"{format_flops(compute.max())} FLOPs): that hardly shows how the loss bends. Add smaller or larger runs "
        "before trusting an extrapolation.",
    )


def _outlying_losses(runs: LossObservations) -> DataWarning | None:
    rows, expected = outlying_rows(np.log(runs.size), np.log(runs.tokens), np.log(runs.loss))
    if not len(rows):
        return None
    named = "; ".join(
        f"row {row + 1} (run {runs.run[row]!r}): {runs.loss[row]:.4g}, about {np.exp(at):.4g} by its neighbours"
        for row, at in zip(rows[:_NAMED], expected[:_NAMED], strict=True)
    )
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return DataWarning(
        DataReason.LOSS_OUTLYING,
        f"{len(rows)} of {len(runs)} losses lie far off the surface of the others: {named}{more}. Check them: a run "
        "that diverged, a perplexity, another validation set or a slip of the pen.",
        tuple(int(row) + 1 for row in rows),
    )


def _levels_of_loss(runs: LossObservations) -> DataWarning | None:
    """Several levels of loss at the same sizes and tokens, or two about one surface."""
    apart = _apart_at_equal_scale(runs)
    if apart is None:
        apart = _apart_about_surface(runs)
    if apart is None:
        return None
    gap, where = apart
    return DataWarning(
        DataReason.LOSS_LEVELS,
        f"Losses differ by {np.expm1(gap):.1%} {where}, far more than seeds do: two tokenizers, two validation sets, "
        "cooled runs beside uncooled ones, or other shapes and recipes. One law through all of them describes none: "
        "fit them apart, or say which is which (columns tokenizer, validation_set, cooled).",
    )


def _apart_at_equal_scale(runs: LossObservations) -> tuple[float, str] | None:
    groups: dict[tuple[int, int], list[int]] = {}
    for row, (n, d) in enumerate(zip(np.log(runs.size), np.log(runs.tokens), strict=True)):
        groups.setdefault((round(n / _SAME_SCALE), round(d / _SAME_SCALE)), []).append(row)
    gaps = []
    for rows in groups.values():
        if len({runs.run[row] for row in rows}) > 1:
            gaps.append(float(np.ptp(np.log(runs.loss[rows]))))
    if len(gaps) < 3 or np.median(gaps) < _LEVELS_APART:
        return None
    return float(np.median(gaps)), f"at equal size and tokens ({len(gaps)} such places)"


def _apart_about_surface(runs: LossObservations) -> tuple[float, str] | None:
    """Ashman's D of the best split of the residuals in two, each group whole runs."""
    if len(runs) < _ENOUGH_FOR_LEVELS:
        return None
    residual = surface_residuals(np.log(runs.size), np.log(runs.tokens), np.log(runs.loss), robust=False)
    if residual is None:
        return None
    order = np.sort(residual)
    least = max(3, int(np.ceil(_SMALLER_GROUP * len(order))))
    cuts = range(least, len(order) - least + 1)
    best = max(cuts, key=lambda cut: _ashman(order[:cut], order[cut:]), default=None)
    if best is None or _ashman(order[:best], order[best:]) < _ASHMAN:
        return None
    gap = float(np.mean(order[best:]) - np.mean(order[:best]))
    upper = residual >= order[best]
    split = {label for label, high in zip(runs.run, upper, strict=True) if high}
    mixed = split & {label for label, high in zip(runs.run, upper, strict=True) if not high}
    if gap < _LEVELS_APART or len(mixed) > 0.2 * len(set(runs.run)):
        return None
    return gap, f"between two groups about one smooth surface ({int(upper.sum())} rows and {int((~upper).sum())})"


def _ashman(low: Float[Array, " row"], high: Float[Array, " row"]) -> float:
    spread = np.sqrt((np.var(low) + np.var(high)) / 2.0)
    return float((np.mean(high) - np.mean(low)) / max(spread, 1e-12))


def _distinct(values: Float[Array, " row"]) -> int:
    """How many of the values differ by more than 5 % from the next smaller one."""
    return 1 + int(np.sum(np.diff(np.sort(np.log(values))) > 0.05)) if len(values) else 0


def _rows(mask: Array) -> tuple[int, ...]:
    return tuple(int(row) + 1 for row in np.flatnonzero(mask))
