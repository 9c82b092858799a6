"""Loss curves as the model takes them: robust summaries of neighbouring checkpoints, padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array
from scaling.curves import CurveNodes, nodes_at
from scaling.curves.runs import CurveRun
from scaling.inference._numerics import float64
from scaling.models.annealing import CurveData
from scaling.posterior import KnownCurve

_WIDTH = 0.05  # e-folds of steps in one summary: far below the length on which a law is wrong
_LEAST = 3  # checkpoints in a summary, so that one spike is outvoted
_JUMP = 0.2  # relative change of the rate between checkpoints after which the response is fast
_FAST = 3  # checkpoints after a jump that stand for themselves
_MEDIAN_VARIANCE = 1.57  # of a median over that of a mean, normal: pi / 2
_ROW_BUCKET, _NODE_BUCKET = 12, 16  # finer than a power of two: a gradient costs the cube of the rows


@final
@dataclass(frozen=True)
class Summaries:
    """Robust middles of neighbouring checkpoints of one run.

    - `row`: index of the checkpoint that the summary stands at. `log_loss`: there. `share`: its variance over that of
      one checkpoint.
    """

    row: Int[Array, "summary"]
    log_loss: Float[Array, "summary"]
    share: Float[Array, "summary"]


def summarise(run: CurveRun) -> Summaries:
    """Medians about the local slope of at least 3 checkpoints within .05 e-folds; single ones just after a jump.

    White noise of hundreds of checkpoints says nothing about a law that is wrong by more; their middles keep all that
    does, cost a tenth, and are not moved by a spike.
    """
    x, y, rate = np.log(np.maximum(run.step, 1)), np.log(run.loss), run.schedule.rates[run.step]
    jump = np.abs(np.diff(rate)) > _JUMP * np.maximum(rate[1:], rate[:-1])
    rows: list[int] = []
    middles: list[float] = []
    shares: list[float] = []
    start, single = 0, 0
    while start < len(x):
        stop = start + 1
        while (
            not single
            and stop < len(x)
            and not jump[stop - 1]
            and (stop - start < _LEAST or x[stop] - x[start] < _WIDTH)
        ):
            stop += 1
        for members in np.split(np.arange(start, stop), np.arange(1, stop - start) if stop - start < _LEAST else []):
            rows.append(int(members[len(members) // 2]))
            middles.append(_middle(x, y, members))
            shares.append(_MEDIAN_VARIANCE / len(members) if len(members) >= _LEAST else 1.0)
        single = max(single - 1, 0)
        if stop < len(x) and jump[stop - 1]:
            single = _FAST
        start = stop
    return Summaries(np.asarray(rows), np.asarray(middles), np.asarray(shares))


def _middle(x: Float[Array, "row"], y: Float[Array, "row"], members: Int[Array, "member"]) -> float:
    """Median of the members moved to the middle one along the local slope, Theil and Sen's over 7 rows or more."""
    at = members[len(members) // 2]
    if len(members) < _LEAST:
        return float(y[at])
    about = np.arange(max(members[0] - 2, 0), min(members[-1] + 3, len(x)))
    early, late = np.triu_indices(len(about), 1)
    slope = np.median((y[about][late] - y[about][early]) / (x[about][late] - x[about][early]))
    return float(np.median(y[members] - slope * (x[members] - x[at])))


def known_curve(run: CurveRun, *, peak_rate: float) -> KnownCurve:
    """The run's summaries with its schedule at them."""
    summaries = summarise(run)
    step = run.step[summaries.row]
    return KnownCurve(
        log_step=np.log(np.maximum(step, 1)),
        log_loss=summaries.log_loss,
        noise_share=summaries.share,
        relative_rate=run.schedule.rates[step] / peak_rate,
        nodes=nodes_at(run.schedule, step),
    )


def curve_data(curves: Sequence[KnownCurve], *, peak_rate: float) -> CurveData:
    """Runs stacked and padded to buckets of rows and nodes, so that fits of similar size share one compiled program."""
    rows = _rounded_up(max(len(curve.log_loss) for curve in curves), _ROW_BUCKET)
    width = _rounded_up(max(curve.nodes.drop.shape[1] for curve in curves), _NODE_BUCKET)
    area = np.concatenate([curve.nodes.area for curve in curves])
    middle_loss = float(np.median(np.concatenate([curve.log_loss for curve in curves])))
    middle_area = float(np.exp(np.median(np.log(area))))

    def stacked(values: Sequence[Float[Array, "..."]], fill: float) -> Float[Array, "..."]:
        target = (len(curves), rows, *((width,) if values[0].ndim == 2 else ()))
        out = np.full(target, fill)
        for index, each in enumerate(values):
            place: tuple[Any, ...] = (index, *(slice(0, size) for size in each.shape))
            out[place] = each
        return out

    with float64():
        data: CurveData = jax.tree.map(
            jnp.asarray,
            CurveData(
                log_loss=stacked([curve.log_loss for curve in curves], middle_loss),
                weight=stacked([np.ones(len(curve.log_loss)) for curve in curves], 0.0) > 0,
                log_step=stacked([curve.log_step for curve in curves], 0.0),
                relative_rate=stacked([curve.relative_rate for curve in curves], 1.0),
                share=stacked([curve.noise_share for curve in curves], 1.0),
                nodes=CurveNodes(
                    area=stacked([curve.nodes.area for curve in curves], middle_area),
                    drop=stacked([curve.nodes.drop for curve in curves], 0.0),
                    log_rate=stacked([curve.nodes.log_rate for curve in curves], 0.0),
                    since=stacked([curve.nodes.since for curve in curves], 1.0),
                    steps_since=stacked([curve.nodes.steps_since for curve in curves], 1.0),
                    warm=stacked([curve.nodes.warm for curve in curves], 0.0),
                ),
                reference_area=middle_area,
                reference_rate=peak_rate,
                reference_loss=float(np.exp(middle_loss)),
            ),
        )
    return data


def _rounded_up(count: int, bucket: int) -> int:
    return -(-count // bucket) * bucket
