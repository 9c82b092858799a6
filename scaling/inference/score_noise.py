"""How the checkpoints of a run scatter about a task's curve: correlated, by amounts on a small grid.

Per run: binomial error of the items; on the logit an intercept, an AR(1) walk over the checkpoints and white noise;
and a shift of the loss at which the run does things. Independent checkpoints make intervals a third too narrow.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float, Int

from scaling._pytree import Array
from scaling.errors import FitFailed

# Exp(mean .1) of the standard deviations on the logit, Exp(mean .02) of that of the shift in ranges of loss, and two
# AR(1) correlations, each as a few values with the prior mass between the edges about them. The last value of each is
# for tasks whose runs differ by all or nothing; it is computed only where the one before it is not enough.
_LOGIT_MEAN, _SHIFT_MEAN = 0.1, 0.02
_RUN_SCALES, _RUN_EDGES = (0.03, 0.1, 0.28, 1.0), (0.055, 0.17, 0.55)
_WALK_SCALES, _WALK_EDGES = (0.02, 0.07, 0.17, 0.4, 1.2), (0.04, 0.11, 0.27, 0.7)
_WHITE_SCALES, _WHITE_EDGES = (0.03, 0.1, 0.28, 0.9), (0.055, 0.17, 0.5)
_SHIFT_SHARES, _SHIFT_EDGES = (0.005, 0.02, 0.06, 0.15), (0.011, 0.035, 0.1)
_CORRELATIONS = (0.7, 0.93)
_PRODUCTS = 2**18  # of rows held at once, 2 MB: in the processor's cache a fit costs half
_SMALLEST_SHIFT = 0.002  # of the range of losses, over which a slope is taken


@final
@dataclass(frozen=True)
class ScoreRows:
    """One task's scores as arrays, runs one after the other and each in the order of its tokens.

    A row is a checkpoint, or the mean of neighbouring checkpoints of one run where it has many.

    - `loss`, `score`, `item_count` (of one checkpoint) [row]; `blocks`: slices, one a run.
    - `checkpoints`: per run the index of the row each of its checkpoints belongs to, counted within the run.
    """

    loss: Float[Array, "row"]
    score: Float[Array, "row"]
    item_count: Float[Array, "row"]
    blocks: tuple[slice, ...]
    checkpoints: tuple[Int[Array, "checkpoint"], ...]
    chance: float

    @property
    def loss_range(self) -> float:
        """Highest minus lowest loss, nats."""
        return float(np.ptp(self.loss))


@final
@dataclass(frozen=True)
class NoiseScales:
    """Points of the grid [scale].

    - `run`, `walk`, `white`: standard deviations on the logit; `correlation`: of the walk from one checkpoint to the
      next; `shift`: standard deviation of the loss axis between runs, nats; `log_prior`: of the point, sums to 1.
    """

    run: Float[Array, "scale"]
    walk: Float[Array, "scale"]
    white: Float[Array, "scale"]
    correlation: Float[Array, "scale"]
    shift: Float[Array, "scale"]
    log_prior: Float[Array, "scale"]

    def take(self, kept: Int[Array, "kept"]) -> NoiseScales:
        """These points, with the prior mass they have."""
        return NoiseScales(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    @property
    def logit(self) -> Float[Array, "scale"]:
        """Standard deviation of one checkpoint on the logit, all three together."""
        return np.sqrt(self.run**2 + self.walk**2 + self.white**2)


@final
@dataclass(frozen=True)
class TypicalCurve:
    """A first fit of the score: `score` [point] against ascending `loss` [point]."""

    loss: Float[Array, "point"]
    score: Float[Array, "point"]

    def about(self, loss: Float[Array, "row"], shift: float) -> tuple[Float[Array, "row"], Float[Array, "row"]]:
        """Mean score and slope in loss at `loss` shifted by a normal of standard deviation `shift`.

        Three points of equal weight with that variance: where the curve bends within a shift, as at a threshold, the
        slope at `loss` itself would say that runs cannot differ there.
        """
        step = math.sqrt(1.5) * shift
        below, at, above = (np.interp(loss + move, self.loss, self.score) for move in (-step, 0.0, step))
        return (below + at + above) / 3.0, (below - above) / (2.0 * step)


@final
@dataclass(frozen=True)
class QuadraticForms:
    """The inverse covariances, packed so that one matrix product gives a quadratic form for every scale.

    - `spans`: for each row the row itself and the end of its run; the products of the row with the rows from itself
      to that end are the pairs, one span after the other.
    - `packed` [scale, pair]: what each product adds to the form.
    - `sums` [row, scale]: row sums of the inverse covariances.
    """

    spans: tuple[tuple[int, int], ...]
    packed: Float[Array, "scale pair"]
    sums: Float[Array, "row scale"]

    def __call__(self, values: Float[Array, "draw row"]) -> Float[Array, "scale draw"]:
        r"""$v^\top \Sigma_k^{-1} v$."""
        parts, chunk = [], max(_PRODUCTS // self.packed.shape[1], 32)
        for start in range(0, len(values), chunk):
            by_row = np.ascontiguousarray(values[start : start + chunk].T)
            products, done = np.empty((self.packed.shape[1], by_row.shape[1])), 0
            for row, end in self.spans:
                np.multiply(by_row[row], by_row[row:end], out=products[done : done + end - row])
                done += end - row
            parts.append(self.packed @ products)
        return np.concatenate(parts, axis=1)


@final
@dataclass(frozen=True)
class Whitening:
    """Per run the inverse Cholesky factors [scale, row, row] of the covariance, and the log determinant [scale]."""

    factors: tuple[Float[Array, "scale row row"], ...]
    log_determinant: Float[Array, "scale"]

    def take(self, kept: Int[Array, "kept"]) -> Whitening:
        """Those of these points of the grid."""
        return Whitening(tuple(factor[kept] for factor in self.factors), self.log_determinant[kept])

    @cached_property
    def forms(self) -> QuadraticForms:
        """The inverse covariances as quadratic forms."""
        spans, packed, sums, start = [], [], [], 0
        for factor in self.factors:
            precision = np.swapaxes(factor, 1, 2) @ factor
            count = factor.shape[1]
            i, j = np.triu_indices(count)
            spans += [(start + row, start + count) for row in range(count)]
            packed.append(precision[:, i, j] * np.where(i == j, 1.0, 2.0))
            sums.append(precision.sum(axis=2).T)
            start += count
        return QuadraticForms(tuple(spans), np.concatenate(packed, axis=1), np.concatenate(sums))


def gathered(runs: Sequence[tuple[Any, Any, Any]], *, chance: float, most: int) -> ScoreRows:
    """Rows of runs (loss, score, item count; each in the order of its tokens), at most `most` of a run.

    Neighbouring checkpoints of a longer run are averaged, in steps that are even in checkpoints and in loss together;
    the covariance of the averages is exact, only the curve's bend within a step is neglected.
    """
    parts, checkpoints, blocks, start = [], [], [], 0
    for loss, score, item_count in runs:
        row = _steps(loss, most)
        count = np.bincount(row)
        parts.append([np.bincount(row, values) / count for values in (loss, score, item_count)])
        checkpoints.append(row)
        blocks.append(slice(start, start + len(count)))
        start += len(count)
    loss, score, item_count = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ScoreRows(loss, score, item_count, tuple(blocks), tuple(checkpoints), chance)


def _steps(loss: Any, most: int) -> Any:
    if len(loss) <= most:
        return np.arange(len(loss))
    moved = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(loss)))])
    progress = 0.5 * moved / max(moved[-1], 1e-300) + 0.5 * np.arange(len(loss)) / (len(loss) - 1)
    return np.unique(np.minimum(progress * most, most - 1).astype(int), return_inverse=True)[1]


def scale_grid(loss_range: float) -> NoiseScales:
    """Every combination of the scales, for losses over `loss_range` nats."""
    axes = [
        list(zip(values, _masses(edges, mean), strict=True))
        for values, edges, mean in (
            (_RUN_SCALES, _RUN_EDGES, _LOGIT_MEAN),
            (_WALK_SCALES, _WALK_EDGES, _LOGIT_MEAN),
            (_WHITE_SCALES, _WHITE_EDGES, _LOGIT_MEAN),
            (_SHIFT_SHARES, _SHIFT_EDGES, _SHIFT_MEAN),
        )
    ]
    correlation = [(value, 1.0 / len(_CORRELATIONS)) for value in _CORRELATIONS]
    points = list(itertools.product(*axes, correlation))
    values = np.array([[value for value, _ in point] for point in points]).T
    mass = np.array([math.prod(mass for _, mass in point) for point in points])
    run, walk, white, share, rho = values
    return NoiseScales(run, walk, white, rho, share * loss_range, np.log(mass))


def usual_scales(scales: NoiseScales) -> Bool[Array, "scale"]:
    """Points of `scale_grid` without a last value: what most tasks need."""
    return np.logical_and.reduce([values < values.max() for values in _scattered(scales)])


def at_their_limit(scales: NoiseScales) -> Bool[Array, "scale"]:
    """Points at which a scale has the largest value there is among `scales`."""
    return np.logical_or.reduce([values == values.max() for values in _scattered(scales)])


def _scattered(scales: NoiseScales) -> tuple[Any, ...]:
    return scales.run, scales.walk, scales.white, scales.shift


def typical_scales(loss_range: float) -> NoiseScales:
    """Three points that stand for the grid in a first pass: little, usual and much noise."""
    level = np.array([0.03, 0.1, 0.3])
    third = np.full(3, -math.log(3.0))
    return NoiseScales(level, level, level, np.full(3, 0.8), 0.2 * level * loss_range, third)


def independent_scales(loss_range: float) -> NoiseScales:
    """Overdispersed but independent checkpoints: what must not be assumed (a negative control)."""
    level = np.asarray(_WALK_SCALES)
    mass = np.log(_masses(_WALK_EDGES, _LOGIT_MEAN))
    none = np.zeros_like(level)
    return NoiseScales(none, none, level, none, none * loss_range, mass)


def whitening(rows: ScoreRows, scales: NoiseScales, curve: TypicalCurve) -> Whitening:
    r"""Factors of $\mathrm{diag}(v) + J R J + \tau^2 g g^\top$ per run.

    $v = p(1-p)/n$, $J = p(1-p)$ brings the logit's scatter $R = s_r^2 + s_a^2 \rho^{|i-j|} + s_w^2 1_{i=j}$ to the
    score, $g$ is the slope in loss. p and g are those of a first fit, over the shift $\tau$: that keeps the covariance
    free of the curve's coefficients, so that floor and rise integrate exactly.
    """
    least = _SMALLEST_SHIFT * rows.loss_range
    about = {shift: curve.about(rows.loss, max(shift, least)) for shift in np.unique(scales.shift)}
    typical, slope = (np.stack([about[shift][part] for shift in scales.shift]) for part in (0, 1))
    factors, log_determinant = [], np.zeros(len(scales.run))
    for block, row in zip(rows.blocks, rows.checkpoints, strict=True):
        covariance = _covariance(rows.item_count[block], row, scales, typical=typical[:, block], slope=slope[:, block])
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError as error:
            raise FitFailed("The covariance of a run's checkpoints is singular; are rows given twice?") from error
        log_determinant += 2.0 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        factors.append(np.linalg.inv(lower))
    return Whitening(tuple(factors), log_determinant)


def _covariance(item_count: Any, row: Any, scales: NoiseScales, *, typical: Any, slope: Any) -> Any:
    """Covariance [scale, row, row] of one run's rows, each the mean of the checkpoints that `row` gives it."""
    least = 0.5 / (item_count + 1)
    p = np.clip(typical, least, 1 - least)
    to_score = p * (1 - p)
    count = np.bincount(row)
    lag = np.abs(np.subtract.outer(np.arange(len(row)), np.arange(len(row))))
    mean = np.equal.outer(np.arange(len(count)), row) / count[:, np.newaxis]
    walks = {rho: mean @ np.power(rho, lag, dtype=np.float64) @ mean.T for rho in np.unique(scales.correlation)}
    walk = np.stack([walks[rho] for rho in scales.correlation])
    logit = _square(scales.run) + _square(scales.walk) * walk + _square(scales.white) * np.diag(1.0 / count)
    items = (to_score / item_count / count)[:, :, np.newaxis] * np.eye(len(count))
    return _outer(to_score) * logit + _square(scales.shift) * _outer(slope) + items


def _outer(vectors: Any) -> Any:
    return vectors[:, :, np.newaxis] * vectors[:, np.newaxis, :]


def _square(scale: Any) -> Any:
    return (scale**2)[:, np.newaxis, np.newaxis]


def _masses(edges: Sequence[float], mean: float) -> Float[Array, "value"]:
    cumulative = 1.0 - np.exp(-np.asarray(edges) / mean)
    return np.diff(np.concatenate([[0.0], cumulative, [1.0]]))
