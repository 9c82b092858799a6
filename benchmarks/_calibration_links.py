"""Simulation-based calibration of the score model: shapes and links from their priors, noise from the model's grid."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from benchmarks._calibration_laws import small
from benchmarks._report import ReportTable
from scaling.calibration import RankUniformity, family_p_value, narrowed, rank_uniformity, ranks_of_truths
from scaling.inference.score import ScoreSettings, fit_score, score_rows
from scaling.inference.score_noise import ScoreRows, TypicalCurve, scale_grid, whitening
from scaling.links import AbstractLink, LinkReference
from scaling.models.shapes import FLOOR_WEIGHTS, ONSET_POINTS, floor_scales, shapes_of
from scaling.observations import ScoreObservations
from scaling.posterior import ScorePosterior
from scaling.posterior._score import RISING_SHAPES

RANKS = 49
CHANCE, ITEMS = 0.25, 1000.0
RUNS, CHECKPOINTS = 4, 15
SETTINGS = ScoreSettings(draws=2000)  # to count shapes by
INDEPENDENT = ScoreSettings(draws=2000, correlated=False)
NARROWED_TO = 0.7
_FEWEST_DRAWS = 200  # of a shape, for ranks of its link's own coefficients
_FEWEST_RANKED = 20
_ON_A_GRID = ("shift between runs", "scatter of the logit")  # narrowed off it they would be rejected for that alone


@final
@dataclass(frozen=True)
class _Truth:
    shape: str
    link: AbstractLink
    onset: float
    shift: float
    logit: float
    observations: ScoreObservations


def _ladder() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run, size and loss of 4 runs of 15 checkpoints; loss falls as a power of size and of tokens to 1.8 nats."""
    run = np.repeat(np.arange(RUNS), CHECKPOINTS)
    size = 1e7 * 2.5**run
    tokens = 20 * size * np.tile(np.linspace(0.1, 1.0, CHECKPOINTS), RUNS)
    return run, size, 1.8 + (3e7 / size) ** 0.3 + (2e8 / tokens) ** 0.35


def _observations(score: np.ndarray) -> ScoreObservations:
    run, size, loss = _ladder()
    return ScoreObservations(
        run=tuple(f"run-{index}" for index in run),
        size=size,
        tokens=20 * size * np.tile(np.linspace(0.1, 1.0, CHECKPOINTS), RUNS),
        loss=loss,
        task=("simulated",) * len(run),
        metric=("accuracy",) * len(run),
        score=score,
        item_count=np.full(len(run), ITEMS),
        chance=np.full(len(run), CHANCE),
    )


def _simulated(count: int, *, seed: int) -> tuple[list[_Truth], int]:
    """Truths with scores between 0 and 1, and how many were drawn: what else is drawn is no score.

    That a data set is kept depends on its scores alone, so that ranks stay uniform.
    """
    rng = np.random.default_rng([seed, 7])
    rows = score_rows(_observations(np.full(RUNS * CHECKPOINTS, CHANCE)))
    kept: list[_Truth] = []
    drawn = 0
    while len(kept) < count:
        drawn += 1
        truth = _drawn(rows, rng)
        if truth is not None:
            kept.append(truth)
    return kept, drawn


def _drawn(rows: ScoreRows, rng: np.random.Generator) -> _Truth | None:
    shapes = shapes_of(CHANCE)
    shape = shapes[rng.choice(len(shapes), p=[each.probability for each in shapes])]
    component = rng.choice(len(FLOOR_WEIGHTS), p=FLOOR_WEIGHTS)
    coordinates = {
        **shape.coordinates(rng.standard_normal(len(shape.priors))),
        "floor_offset": floor_scales(CHANCE)[component] * rng.standard_normal(),
        "rise_at_lowest": rng.uniform(*shape.rise),
    }
    reference = LinkReference(chance=CHANCE, losses=tuple(np.sort(rows.loss)))
    with np.errstate(all="ignore"):
        link = shape.link.from_reference(coordinates, reference)
        mean = np.asarray(link.floor_score() + link.lift(rows.loss))
    if not np.isfinite(mean).all():
        return None
    scales = scale_grid(rows.loss_range)
    chosen = scales.take(np.array([rng.choice(len(scales.run), p=np.exp(scales.log_prior))]))
    axis = np.linspace(rows.loss.min() - 0.2 * rows.loss_range, rows.loss.max() + 0.2 * rows.loss_range, 300)
    noise = whitening(rows, chosen, TypicalCurve(axis, np.asarray(link.score(axis))))
    errors = [np.linalg.solve(factor[0], rng.standard_normal(factor.shape[1])) for factor in noise.factors]
    score = mean + np.concatenate(errors)
    if not np.all((score >= 0) & (score <= 1)):
        return None
    onset = -np.inf
    if shape.name in RISING_SHAPES:
        reached = float(link.loss_at_lift(np.asarray(ONSET_POINTS)))
        onset = reached if reached >= rows.loss.min() else -np.inf
    return _Truth(shape.name, link, onset, float(chosen.shift[0]), float(chosen.logit[0]), _observations(score))


@final
@dataclass(frozen=True)
class _Fitted:
    """Ranks by test quantity, and P(shape) with the shape that was true."""

    own: dict[str, RankUniformity]
    narrow: dict[str, RankUniformity]
    shape_p_value: float
    mean_probability: float
    unreliable: int


def _compared(truths: Sequence[_Truth], posteriors: Sequence[ScorePosterior], *, seed: int) -> _Fitted:
    rng = np.random.default_rng([seed, 8])
    pairs: dict[str, list[tuple[float, np.ndarray]]] = {}
    reliable = [(truth, found) for truth, found in zip(truths, posteriors, strict=True) if found.is_reliable]
    for truth, found in reliable:
        for name, value, draws in _test_quantities(truth, found):
            # Resampled draws stand in the order of the points they came from.
            pairs.setdefault(name, []).append((value, rng.permutation(draws)[:RANKS]))
    own, narrow = {}, {}
    for name, found_pairs in pairs.items():
        if len(found_pairs) < _FEWEST_RANKED:
            continue
        values = np.asarray([value for value, _ in found_pairs])
        draws = np.stack([each for _, each in found_pairs])
        own[name] = rank_uniformity(ranks_of_truths(values, draws, count=RANKS, rng=rng), rank_count=RANKS)
        if np.isfinite(draws).all() and name not in _ON_A_GRID:
            closer = narrowed(draws, to=NARROWED_TO)
            narrow[name] = rank_uniformity(ranks_of_truths(values, closer, count=RANKS, rng=rng), rank_count=RANKS)
    probabilities = [(found.shape_probabilities, truth.shape) for truth, found in reliable]
    return _Fitted(
        own,
        narrow,
        _log_score_p_value(probabilities),
        float(np.mean([given[shape] for given, shape in probabilities])),
        len(truths) - len(reliable),
    )


def _test_quantities(truth: _Truth, found: ScorePosterior) -> list[tuple[str, float, np.ndarray]]:
    """Quantities of all shapes together, then the coefficients of the true shape's link given that shape."""
    losses = truth.observations.loss
    places = {"lowest": losses.min(), "median": np.median(losses), "highest": losses.max()}
    quantities = [("onset", truth.onset, found.onset)]
    for words, loss in places.items():
        at = np.asarray([loss])
        quantities.append((f"score at the {words} loss", float(truth.link.score(at)[0]), found.score_at(at)[:, 0]))
    quantities += [
        ("shift between runs", truth.shift, found.loss_shift_scale),
        ("scatter of the logit", truth.logit, found.logit_scale),
    ]
    for component in found.components:
        if component.shape == truth.shape and len(component.draws) >= _FEWEST_DRAWS:
            own = truth.link.to_coefficients()
            for name, draws in component.link.to_coefficients().items():
                flat = np.broadcast_to(np.asarray(draws, np.float64), component.draws.shape)
                if np.isfinite(flat).all():
                    quantities.append((f"{component.shape}: {name}", float(own[name]), flat))
    return quantities


def _log_score_p_value(probabilities: Sequence[tuple[Any, str]]) -> float:
    r"""Two-sided p of $\sum_i (-\ln p_i(s_i) - H_i)$ over its standard deviation: neither too sure nor too dull.

    H is the entropy of P(shape), the expectation of the score if the probabilities are right.
    """
    from scipy.special import ndtr

    total, variance = 0.0, 0.0
    for given, shape in probabilities:
        p = np.maximum(np.asarray(list(given.values())), 1e-300)
        surprise = -np.log(p)
        entropy = float(p @ surprise)
        total += -np.log(max(given[shape], 1e-300)) - entropy
        variance += float(p @ (surprise - entropy) ** 2)
    return float(2.0 * ndtr(-abs(total) / np.sqrt(max(variance, 1e-12))))


def link_tables(*, count: int, control_count: int, seed: int = 0) -> list[ReportTable]:
    """Ranks of the score model's truths, and whether P(shape) is calibrated."""
    began = time.process_time()
    truths, drawn = _simulated(count, seed=seed)
    right = [fit_score(truth.observations, seed=index, settings=SETTINGS) for index, truth in enumerate(truths)]
    wrong = [
        fit_score(truth.observations, seed=index, settings=INDEPENDENT)
        for index, truth in enumerate(truths[:control_count])
    ]
    own, spoilt = _compared(truths, right, seed=seed), _compared(truths[:control_count], wrong, seed=seed)
    rows = []
    for name, each in own.own.items():
        narrow, independent = own.narrow.get(name), spoilt.own.get(name)
        rows.append(
            (
                name,
                each.set_count,
                f"{each.p_value:.3f}",
                f"{each.cover_90:.2f}",
                f"{each.spread:.2f}",
                small(narrow.p_value) if narrow else "",
                small(independent.p_value) if independent else "",
            )
        )
    rows.append(
        ("P(shape)", count - own.unreliable, f"{own.shape_p_value:.3f}", "", "", "", small(spoilt.shape_p_value))
    )
    values = [[each.p_value for each in part.values()] for part in (own.own, own.narrow, spoilt.own)]
    values[0].append(own.shape_p_value)
    together = [small(family_p_value(part)) for part in values]
    rows.append(("**all together**", "", together[0], "", "", together[1], together[2]))
    return [
        ReportTable(
            "Links: ranks of the truths",
            ("quantity", "ranked", "p", "cover of 90 %", "spread", "narrowed to 70 %: p", "checkpoints independent: p"),
            rows,
            (
                f"{count} data sets of {RUNS} runs x {CHECKPOINTS} checkpoints at chance {CHANCE}, {ITEMS:.0f} items; "
                f"shape, link, floor, rise and noise scales from the model's priors ({drawn} drawn: scores outside 0 "
                f"to 1 are no data). {own.unreliable} posteriors with fewer than 50 effective draws are left out. "
                f"Control with independent checkpoints: {control_count} data sets.",
                "Coefficients of a link are ranked within the true shape, where it holds a tenth of the draws. "
                "P(shape): the log score of the true shape against the entropy of P(shape), two-sided; the mean "
                f"P of the true shape is {own.mean_probability:.2f} ({spoilt.mean_probability:.2f} in the "
                "control). "
                "The noise is the model's Gaussian one with the covariance of the true curve, where a fit has that of "
                f"a first fit. {time.process_time() - began:.0f} CPU-s.",
            ),
        )
    ]
