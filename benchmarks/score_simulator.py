"""Simulated ladders with a known onset: what the onset's intervals are tested against.

Shares no code with the score model and is older than it, so that neither can lean on the other. A ladder is 3-5
runs of 10-40 checkpoints. A run differs from the typical run by an intercept and an AR(1) walk of its logit, and
by a shift of the loss at which it does things; each checkpoint is scored on n items.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np

ONSET_POINTS = 0.03


class Truth(StrEnum):
    """How the score of the typical run depends on the loss."""

    SHARP = "sharp"  # a linear or concave hinge
    CONVEX = "convex"  # a hinge that starts slowly
    LOGISTIC = "logistic"
    CONSTANT = "constant"
    DIP = "dip"  # below the floor before it rises
    NOT_YET = "not_yet"  # a hinge whose threshold no run has reached


class NoiseFamily(StrEnum):
    """What the checkpoints of a run scatter by."""

    AUTOREGRESSIVE = "autoregressive"
    JUMPS = "jumps"  # rare large moves that stay, Student-t steps: a family that the model does not assume


@final
@dataclass(frozen=True)
class Ladder:
    """Simulated scores of one task, and the truth behind them; arrays have one entry a checkpoint."""

    run: np.ndarray
    size: np.ndarray
    tokens: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    item_count: np.ndarray
    chance: float
    floor: float
    onset: float  # loss at which the typical run exceeds its floor by 3 points; -inf where it never does
    threshold: float  # eta; nan for curves without one


def simulate_ladder(rng: np.random.Generator, truth: Truth, noise: NoiseFamily = NoiseFamily.AUTOREGRESSIVE) -> Ladder:
    """One ladder with nuisance settings drawn over the ranges of real ones."""
    run, size, tokens, loss = _losses(rng)
    low, high = loss.min(), loss.max()
    chance = float(rng.choice([0.2, 0.25, 0.5]))
    floor = chance + 0.01 * rng.standard_normal()
    curve, threshold = _curve(rng, truth, low, high, floor)
    shift = rng.uniform(0.01, 0.05) * (high - low) * rng.standard_normal(run.max() + 1)
    typical = curve(loss - shift[run])
    logit = np.log(typical / (1 - typical)) + _disturbance(rng, noise, run)
    item_count = np.full(len(loss), float(round(np.exp(rng.uniform(np.log(200), np.log(5000))))))
    hits = rng.binomial(item_count.astype(int), 1 / (1 + np.exp(-logit)))
    return Ladder(
        run=run,
        size=size,
        tokens=tokens,
        loss=loss,
        score=hits / item_count,
        item_count=item_count,
        chance=chance,
        floor=floor,
        onset=_true_onset(curve, truth, low, high, floor),
        threshold=threshold,
    )


def _losses(rng):
    """Runs of growing size: each falls as a power of its tokens towards a floor that its size sets."""
    run, size, tokens, loss = [], [], [], []
    for index in range(rng.integers(3, 6)):
        n = 1e7 * 2.5**index
        d = 20 * n * np.linspace(0.1, 1.0, rng.integers(10, 41))
        run += [index] * len(d)
        size += [n] * len(d)
        tokens += list(d)
        loss += list((1.8 + (3e7 / n) ** 0.3 + (2e8 / d) ** 0.35) * np.exp(0.002 * rng.standard_normal(len(d))))
    return np.array(run), np.array(size), np.array(tokens), np.array(loss)


def _curve(rng, truth, low, high, floor):
    rise = rng.uniform(0.05, min(0.5, 0.97 - floor))
    eta = rng.uniform(low + 0.2 * (high - low), low + 0.8 * (high - low))
    if truth is Truth.CONSTANT:
        return (lambda x: np.full_like(x, floor)), np.nan
    if truth is Truth.LOGISTIC:
        width = rng.uniform(0.05, 0.2) * (high - low)
        top = 1 / (1 + np.exp(-(eta - low) / width))
        return (lambda x: floor + rise / top / (1 + np.exp(-(eta - x) / width))), np.nan
    if truth is Truth.NOT_YET:
        eta = low - 0.1 * (high - low)
    power = rng.uniform(1.6, 2.5) if truth is Truth.CONVEX else rng.uniform(0.7, 1.1)
    reach = max(eta - low, 0.3 * (high - low))

    def hinge(x):
        return floor + np.minimum(rise * (np.maximum(eta - x, 0) / reach) ** power, 0.98 - floor)

    if truth is not Truth.DIP:
        return hinge, eta
    depth = rng.uniform(0.04, 0.6 * floor)
    spread = rng.uniform(0.08, 0.2) * (high - low)
    return (lambda x: np.maximum(hinge(x) - depth * np.exp(-0.5 * ((x - eta) / spread) ** 2), 0.01)), eta


def _true_onset(curve, truth, low, high, floor):
    if truth in (Truth.CONSTANT, Truth.NOT_YET):
        return -np.inf
    axis = np.linspace(high + (high - low), low, 200_001)
    above = curve(axis) > floor + ONSET_POINTS
    return float(axis[np.argmax(above)]) if above.any() else -np.inf


def _disturbance(rng, noise, run):
    """Intercept + AR(1) + white, on the logit; a run's rows stand together in the order of its tokens."""
    scales = rng.uniform(0.05, 0.3, size=3) / np.sqrt(3)
    correlation = rng.uniform(0.5, 0.95)
    out = np.empty(len(run))
    for index in range(run.max() + 1):
        rows = np.flatnonzero(run == index)
        if noise is NoiseFamily.JUMPS:
            steps = scales[1] * rng.standard_t(3, size=len(rows)) * (rng.uniform(size=len(rows)) < 0.15)
            walk = np.cumsum(steps) - steps.sum() / 2
        else:
            walk = np.empty(len(rows))
            walk[0] = rng.standard_normal()
            for i in range(1, len(rows)):
                walk[i] = correlation * walk[i - 1] + np.sqrt(1 - correlation**2) * rng.standard_normal()
            walk *= scales[1]
        heavy = noise is NoiseFamily.JUMPS
        white = rng.standard_t(3, size=len(rows)) / np.sqrt(3) if heavy else rng.standard_normal(len(rows))
        out[rows] = scales[0] * rng.standard_normal() + walk + scales[2] * white
    return out
