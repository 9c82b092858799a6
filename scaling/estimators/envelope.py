"""Approach 1: which size has the lowest loss at each compute along training, and a power law through it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import tokens_from_flops
from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.estimators.bias import FrontierBias, frontier_bias
from scaling.estimators.budgets import TrainingCurve, training_curves
from scaling.estimators.frontier import BudgetMinimum, DroppedBudget, Estimator, FrontierEstimate
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations

ENVELOPE_POINTS = 1500  # Hoffmann et al. 2022, section 3.1
FEWEST_STEPS = 3  # sizes on the envelope besides the smallest and largest


@final
@dataclass(frozen=True)
class EnvelopeSettings:
    """How training curves become an envelope.

    - `points`: compute values, evenly spaced in logarithm, at which the lowest curve is sought.
    - `smoothing`: bandwidth of the local straight lines through a curve, e-folds of compute; checkpoints farther apart
      than that are left as they are.
    - `noise_nats`: standard deviation of a run's loss from seed to seed, nats per token, the same all along a run.
    - `draws`, `seed`: of the bootstrap over runs.

    Raises `InvalidInput` outside these ranges.
    """

    points: int = ENVELOPE_POINTS
    smoothing: float = 0.2
    noise_nats: float = 0.005
    draws: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        if self.points < 10 or self.draws < 100:
            raise InvalidInput(f"{self.points} points and {self.draws} draws were given: 10 and 100 are the least.")
        if not (self.smoothing >= 0 and self.noise_nats >= 0):
            raise InvalidInput("Smoothing and noise are 0 or more.")


def envelope_frontier(
    runs: LossObservations,
    *,
    settings: EnvelopeSettings = EnvelopeSettings(),
    surface: AbstractLaw | None = None,
) -> FrontierEstimate:
    r"""The training curves' lower envelope: at each C the size whose $\ln L$ is lowest, $\ln N^*$ against $\ln C$.

    Stretches where the smallest or the largest size wins are left out: nothing smaller (larger) was there to lose.
    Runs are drawn with replacement and shifted by their noise for the interval, which is widened by how far noise
    flattens the envelope. In simulations of Chinchilla's law with a noise of .005 nats from run to run, 90 % intervals
    of the exponent held the truth 100, 92, 83 and 78 % of the time with 12, 16, 24 and 32 sizes over a factor of 300,
    where no surface was there to compute the bias on: give one, or prefer IsoFLOP minima where sizes lie close.
    Checkpoints in the middle of a learning-rate schedule lie above finished runs of that length, so an envelope of
    such curves is not the frontier of finished runs (Hoffmann et al. 2022, appendix B).

    `minima` hold one entry a size: the middle of the stretch of compute on which that size wins.

    Raises `NotEnoughRuns` where fewer than 3 sizes besides the smallest and largest win anywhere.
    Source: Hoffmann et al. 2022, approach 1 (section 3.1).
    """
    curves = tuple(_smoothed(curve, settings.smoothing) for curve in training_curves(runs))
    log_c, log_loss, log_n = _on_grid(curves, settings.points)
    winners = _winners(log_loss, log_n)
    stretches = _stretches(log_c, log_loss, winners, log_n)
    if len(stretches) < FEWEST_STEPS:
        raise NotEnoughRuns(
            f"{len(stretches)} sizes besides the smallest and largest are lowest anywhere, {FEWEST_STEPS} are needed "
            f"({len(curves)} training curves given). Train more sizes, long enough that their curves cross."
        )
    reference = float(np.mean(log_c[np.isfinite(winners)]))
    intercept, slope = _line(log_c - reference, winners)
    drawn = _draws(log_c - reference, log_loss, log_n, settings, resample=True)
    shifted = np.median(_draws(log_c - reference, log_loss, log_n, settings, resample=False), axis=0)
    draws = _widened(drawn, np.array([intercept, slope]), shifted)
    return FrontierEstimate(
        estimator=Estimator.ENVELOPE,
        reference_compute=float(np.exp(reference)),
        size_at_reference=float(np.exp(intercept)),
        exponent=slope,
        size_at_reference_draws=np.exp(draws[:, 0]),
        exponent_draws=draws[:, 1],
        scatter=1.0,
        minima=tuple(stretches),
        dropped=_edges(log_c, log_loss, log_n),
        bias=None if surface is None else _bias(runs, settings, surface),
    )


def _bias(runs: LossObservations, settings: EnvelopeSettings, surface: AbstractLaw) -> FrontierBias | None:
    """Bias of the mean envelope of exact curves under the noise of the runs, which is part of it: see `_widened`."""
    exact = replace(runs, loss=surface.loss(runs.size, runs.tokens), warnings=())
    curves = tuple(_smoothed(curve, settings.smoothing) for curve in training_curves(exact))
    log_c, log_loss, log_n = _on_grid(curves, settings.points)

    def estimate() -> _MeanLine:
        lines = _draws(log_c, log_loss, log_n, replace(settings, draws=100), resample=False)
        intercept, slope = lines.mean(axis=0)
        return _MeanLine(float(slope), float(intercept))

    return frontier_bias(estimate, surface)


@final
@dataclass(frozen=True)
class _MeanLine:
    """ln N* = log_size + exponent ln C."""

    exponent: float
    log_size: float

    def size_at(self, compute: float) -> float:
        return math.exp(self.log_size + self.exponent * math.log(compute))

    def tokens_at(self, compute: float) -> float:
        return float(tokens_from_flops(compute, self.size_at(compute)))


def _on_grid(
    curves: tuple[TrainingCurve, ...], points: int
) -> tuple[Float[Array, " point"], Float[Array, "curve point"], Float[Array, " curve"]]:
    """ln C, evenly spaced from the first checkpoint to the last; each curve's ln L there, NaN where it is not; ln N."""
    low = min(curve.log_compute[0] for curve in curves)
    high = max(curve.log_compute[-1] for curve in curves)
    log_c = np.linspace(low, high, points)
    return log_c, np.stack([curve.log_loss_at(log_c) for curve in curves]), np.log([curve.size for curve in curves])


def _smoothed(curve: TrainingCurve, bandwidth: float) -> TrainingCurve:
    """Local straight lines with normal weights: exact where ln L is straight in ln C, at the ends too."""
    if bandwidth == 0:
        return curve
    x, y = curve.log_compute, curve.log_loss
    smooth = np.empty_like(y)
    for index, middle in enumerate(x):
        off = x - middle
        weight = np.exp(-0.5 * (off / bandwidth) ** 2)
        near = weight > 1e-3
        if near.sum() < 4:  # too few to be smoothed: two points make their own line
            smooth[index] = y[index]
            continue
        slope_weight = weight * off
        s0, s1, s2 = weight.sum(), slope_weight.sum(), (slope_weight * off).sum()
        smooth[index] = (s2 * (weight * y).sum() - s1 * (slope_weight * y).sum()) / (s0 * s2 - s1**2)
    return replace(curve, log_loss=smooth)


def _winners(log_loss: Float[Array, "curve point"], log_n: Float[Array, " curve"]) -> Float[Array, " point"]:
    """ln N of the lowest curve at each point; NaN where none or one reaches, or where a size at the edge wins."""
    filled = np.where(np.isfinite(log_loss), log_loss, np.inf)
    won = log_n[np.argmin(filled, axis=0)]
    inside = (won > log_n.min()) & (won < log_n.max()) & (np.isfinite(log_loss).sum(axis=0) > 1)
    winners: Float[Array, " point"] = np.where(inside, won, np.nan)
    return winners


def _line(x: Float[Array, " point"], y: Float[Array, " point"]) -> tuple[float, float]:
    there = np.isfinite(y)
    slope, intercept = np.polyfit(x[there], y[there], 1)
    return float(intercept), float(slope)


def _draws(
    x: Float[Array, " point"],
    log_loss: Float[Array, "curve point"],
    log_n: Float[Array, " curve"],
    settings: EnvelopeSettings,
    *,
    resample: bool,
) -> Float[Array, "draw 2"]:
    """Intercepts and slopes of envelopes of runs, each shifted by its noise; drawn with replacement, or all."""
    rng = np.random.default_rng(settings.seed)
    middle = np.exp(np.nanmean(log_loss, axis=1))
    lines = []
    for _ in range(10 * settings.draws):
        drawn = rng.integers(len(log_n), size=len(log_n)) if resample else np.arange(len(log_n))
        shift = rng.standard_normal(len(log_n)) * settings.noise_nats / middle[drawn]
        winners = _winners(log_loss[drawn] + shift[:, np.newaxis], log_n[drawn])
        if len(np.unique(winners[np.isfinite(winners)])) >= 2:
            lines.append(_line(x, winners))
        if len(lines) == settings.draws:
            return np.asarray(lines)
    raise NotEnoughRuns(
        "Resampled runs seldom leave two sizes inside the envelope: its exponent cannot be given an interval. "
        "Train more sizes, or fit a law."
    )


def _widened(
    drawn: Float[Array, "draw 2"], estimate: Float[Array, " 2"], shifted: Float[Array, " 2"]
) -> Float[Array, "draw 2"]:
    r"""Draws about the estimate, their variance enlarged by the square of what noise has moved it.

    The lowest of noisy curves belongs to the luckiest run: noise flattens the envelope, the more so the closer the
    sizes are, by an amount that grows as the noise's standard deviation. As much noise again takes that from 1 to
    $\sqrt 2$, so that the noise there already has moved the estimate by $1 / (\sqrt 2 - 1)$ times what is seen then.
    """
    moved = (shifted - estimate) / (math.sqrt(2.0) - 1.0)
    scale = np.maximum(np.std(drawn, axis=0), 1e-300)
    wider: Float[Array, "draw 2"] = estimate + (drawn - np.median(drawn, axis=0)) * np.hypot(1.0, moved / scale)
    return wider


def _stretches(
    log_c: Float[Array, " point"],
    log_loss: Float[Array, "curve point"],
    winners: Float[Array, " point"],
    log_n: Float[Array, " curve"],
) -> list[BudgetMinimum]:
    """For each size that wins, the middle of where it does; the ends are half-way to its neighbours by ln C."""
    found = []
    for value in np.unique(winners[np.isfinite(winners)]):
        where = np.flatnonzero(winners == value)
        at = where[len(where) // 2]
        found.append(
            BudgetMinimum(
                compute=float(np.exp(log_c[at])),
                size=float(np.exp(value)),
                loss=float(np.exp(np.nanmin(log_loss[:, at]))),
                size_draws=np.full(1, np.exp(value)),
                resolution=float(np.min(np.diff(np.unique(log_n)))) / 3.0,
            )
        )
    return found


def _edges(
    log_c: Float[Array, " point"], log_loss: Float[Array, "curve point"], log_n: Float[Array, " curve"]
) -> tuple[DroppedBudget, ...]:
    """The stretches of compute where the smallest or largest size wins."""
    filled = np.where(np.isfinite(log_loss), log_loss, np.inf)
    won = log_n[np.argmin(filled, axis=0)]
    edges = []
    for value, word in ((log_n.min(), "smallest"), (log_n.max(), "largest")):
        where = np.flatnonzero(won == value)
        if len(where):
            reason = f"the {word} size has the lowest loss there, and nothing {word[:-3]}er was trained"
            edges.append(DroppedBudget(float(np.exp(np.mean(log_c[where]))), reason))
    return tuple(edges)
