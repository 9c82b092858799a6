"""Fit a task's score: which shape, where its onset, how sure; by integration and importance sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from scaling.errors import InvalidInput, NotEnoughRuns, Violation
from scaling.inference.importance import ImportanceSettings, WeightedSample, importance_sample
from scaling.inference.score_likelihood import ScoreLikelihood
from scaling.inference.score_noise import (
    NoiseScales,
    ScoreRows,
    Whitening,
    gathered,
    independent_scales,
    scale_grid,
    typical_scales,
    whitening,
)
from scaling.links import LinkReference
from scaling.models.shapes import ONSET_POINTS, Shape, shapes_of
from scaling.observations import ScoreObservations
from scaling.posterior import ScorePosterior, ShapeDraws
from scaling.posterior._score import MIN_EFFECTIVE_DRAWS, RISING_SHAPES

if TYPE_CHECKING:
    from scaling.models.score import ScoreData

FEWEST_ROWS = 5
FEWEST_LOSSES = 3
_FIRST_PASS = ImportanceSettings(prior_points=256, round_points=192, max_rounds=3, enough=60.0)
_FEWEST_ROWS_OF_A_RUN, _COST = 12, 10_000
_KEPT_MASS = 0.98  # of the noise grid's posterior, in every shape


@final
class ScoreSettings(BaseModel):
    """How a score's posterior is computed.

    - `onset_points`: rise above the floor that counts as the onset (never below .02: floors wander by as much).
    - `draws`: equal-weight draws kept.
    - `max_noise_scales`: points of the noise grid kept after a first pass.
    - `correlated`: whether checkpoints of one run are correlated; False makes intervals too narrow and is for
      checking that it does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    onset_points: float = Field(default=ONSET_POINTS, ge=0.02, le=0.2)
    draws: int = Field(default=1000, ge=100, le=20_000)
    max_noise_scales: int = Field(default=32, ge=4, le=1000)
    correlated: bool = True


def fit_score(
    observations: ScoreObservations,
    *,
    seed: int,
    settings: ScoreSettings = ScoreSettings(),  # noqa: B008 - frozen
) -> ScorePosterior:
    """Posterior of the link of one task's scores.

    Raises `InvalidInput` for rows of several tasks or chance levels, `NotEnoughRuns` for fewer than 5 checkpoints at 3
    different losses. Scores that say nothing (all equal, at chance) are an answer, not an error.
    """
    rows = score_rows(observations)
    rng = np.random.default_rng(seed)
    prepared = prepare(rows, settings=settings, rng=rng)
    samples = {shape.name: _sample(prepared.likelihood(shape), rng) for shape in prepared.shapes}
    return _posterior(observations, prepared, samples, settings=settings, rng=rng)


def score_rows(observations: ScoreObservations) -> ScoreRows:
    """The scores of one task as arrays, checked."""
    keys, chances = sorted(set(observations.keys())), np.unique(observations.chance)
    violations = []
    if len(keys) > 1:
        violations.append(Violation("task", f"{', '.join(keys)} given, one task needed: use for_task"))
    if len(keys) == 1 and len(chances) > 1:
        several = ", ".join(f"{value:g}" for value in chances)
        violations.append(Violation("chance", f"{several} given for {keys[0]!r}, one chance level needed"))
    if violations:
        raise InvalidInput("A score is fitted one task at a time.", violations)
    distinct = len(np.unique(observations.loss))
    if len(observations) < FEWEST_ROWS or distinct < FEWEST_LOSSES:
        raise NotEnoughRuns(
            f"{len(observations)} checkpoints at {distinct} different losses were given; a score needs at least "
            f"{FEWEST_ROWS} at {FEWEST_LOSSES}. Evaluate more checkpoints, or runs of other sizes."
        )
    label = np.asarray(observations.run)
    runs = []
    for name in observations.runs():
        rows = np.flatnonzero(label == name)
        rows = rows[np.argsort(observations.tokens[rows], kind="stable")]
        runs.append((observations.loss[rows], observations.score[rows], observations.item_count[rows]))
    # The cost of a likelihood grows with the number of runs and with the square of the rows of each.
    most = max(_FEWEST_ROWS_OF_A_RUN, int(np.sqrt(_COST / len(runs))))
    return gathered(runs, chance=float(chances[0]), most=most)


@final
@dataclass(frozen=True)
class Prepared:
    """What the sampling of every shape shares: rows, the noise grid kept, and its covariances."""

    rows: ScoreRows
    shapes: tuple[Shape, ...]
    reference: LinkReference
    scales: NoiseScales
    noise: Whitening

    def likelihood(self, shape: Shape) -> ScoreLikelihood:
        """The likelihood of one shape."""
        return ScoreLikelihood(self.rows, shape, self.reference, self.scales, self.noise)


def model_data(prepared: Prepared) -> ScoreData:
    """What `scaling.models.score.score_model` takes, for whoever samples it with NUTS: the same density."""
    from scaling.models.score import ScoreData

    rows = prepared.rows
    dense = np.zeros((len(prepared.scales.run), len(rows.loss), len(rows.loss)))
    for block, factor in zip(rows.blocks, prepared.noise.factors, strict=True):
        dense[:, block, block] = factor
    return ScoreData(
        loss=rows.loss,
        score=rows.score,
        reference=prepared.reference,
        factors=dense,
        log_determinant=prepared.noise.log_determinant,
        log_prior=prepared.scales.log_prior,
    )


def prepare(rows: ScoreRows, *, settings: ScoreSettings, rng: np.random.Generator) -> Prepared:
    """First pass: a typical curve and its slope for the covariance, then the noise scales that matter."""
    shapes = shapes_of(rows.chance, onset_points=settings.onset_points)
    reference = LinkReference(chance=rows.chance, losses=tuple(np.sort(rows.loss)))
    scales, (typical, slope) = typical_scales(rows.loss_range), _smoothed(rows)
    noise = whitening(rows, scales, typical=typical, slope=slope)
    prepared = Prepared(rows, shapes, reference, scales, noise)
    best = {}
    for shape in shapes:
        likelihood = prepared.likelihood(shape)
        sample = importance_sample(likelihood, len(shape.priors), rng=rng, settings=_FIRST_PASS)
        best[shape.name] = sample.points[sample.resample(40, rng=rng)]
    typical, slope = _typical_curve(prepared, best)
    scales = (scale_grid if settings.correlated else independent_scales)(rows.loss_range)
    noise = whitening(rows, scales, typical=typical, slope=slope)
    prepared = replace(prepared, scales=scales, noise=noise)
    kept = _scales_that_matter(prepared, best, settings.max_noise_scales)
    return replace(prepared, scales=scales.take(kept), noise=noise.take(kept))


def _smoothed(rows: ScoreRows) -> tuple[Any, Any]:
    """Scores averaged over a tenth of the range of losses, and no slope: what stands in before there is a fit."""
    width = 0.1 * rows.loss_range
    near = np.exp(-0.5 * ((rows.loss[:, np.newaxis] - rows.loss) / width) ** 2)
    return near @ rows.score / near.sum(axis=1), np.zeros(len(rows.loss))


def _typical_curve(prepared: Prepared, best: Mapping[str, Any]) -> tuple[Any, Any]:
    """Score and its slope in loss at every row, averaged over the shapes by their evidence so far."""
    rows, step = prepared.rows, 0.02 * prepared.rows.loss_range
    curves, log_weights = [], []
    for shape in prepared.shapes:
        likelihood, points = prepared.likelihood(shape), best[shape.name]
        floor, rise = likelihood.expected(points)
        level = rows.chance + floor[:, np.newaxis]
        at = []
        for loss in (rows.loss - step, rows.loss, rows.loss + step):
            offset, gain = likelihood.curves(points, loss)
            at.append((level + offset + rise[:, np.newaxis] * gain).mean(axis=0))
        curves.append((at[1], (at[0] - at[2]) / (2.0 * step)))
        log_weights.append(np.log(shape.probability) + np.mean(likelihood(points)))
    weights = np.exp(np.array(log_weights) - max(log_weights))
    weights /= weights.sum()
    typical, slope = (sum(w * curve[part] for w, curve in zip(weights, curves, strict=True)) for part in (0, 1))
    return np.clip(typical, 0.0, 1.0), slope


def _scales_that_matter(prepared: Prepared, best: Mapping[str, Any], most: int) -> Any:
    """Points of the noise grid that together hold nearly all the posterior mass under every shape."""
    needed: set[int] = set()
    ranks = np.zeros(len(prepared.scales.run))
    for shape in prepared.shapes:
        by_scale = prepared.likelihood(shape).by_scale(best[shape.name][:6])
        mass = np.exp(by_scale - by_scale.max(axis=0)).mean(axis=1)
        mass /= mass.sum()
        order = np.argsort(-mass)
        enough = int(np.searchsorted(np.cumsum(mass[order]), _KEPT_MASS)) + 1
        needed |= set(order[:enough].tolist())
        ranks = np.maximum(ranks, mass)
    kept = np.array(sorted(needed))
    return np.sort(kept[np.argsort(-ranks[kept])][:most])


def _sample(likelihood: ScoreLikelihood, rng: np.random.Generator) -> tuple[ScoreLikelihood, WeightedSample]:
    dimensions = len(likelihood.shape.priors)
    sample = importance_sample(likelihood, dimensions, rng=rng)
    if sample.effective_size < MIN_EFFECTIVE_DRAWS:
        harder = ImportanceSettings(prior_points=4096, round_points=1024, max_rounds=12, components=8)
        sample = importance_sample(likelihood, dimensions, rng=rng, settings=harder)
    return likelihood, sample


def _posterior(
    observations: ScoreObservations,
    prepared: Prepared,
    samples: Mapping[str, tuple[ScoreLikelihood, WeightedSample]],
    *,
    settings: ScoreSettings,
    rng: np.random.Generator,
) -> ScorePosterior:
    evidence = {name: sample.log_evidence for name, (_, sample) in samples.items()}
    log_mass = np.array([np.log(shape.probability) + evidence[shape.name] for shape in prepared.shapes])
    mass = np.exp(log_mass - log_mass.max())
    mass /= mass.sum()
    counts = _allocated(mass, settings.draws)
    order = rng.permutation(settings.draws)
    edges = np.concatenate([[0], np.cumsum(counts)])
    onset, eta = np.full(settings.draws, -np.inf), np.full(settings.draws, np.nan)
    shift, logit = np.zeros(settings.draws), np.zeros(settings.draws)
    components, claim = [], 0.0
    lowest, items = float(observations.loss.min()), float(np.median(observations.item_count))
    for index, shape in enumerate(prepared.shapes):
        if counts[index] == 0:
            continue
        likelihood, sample = samples[shape.name]
        points = sample.points[sample.resample(int(counts[index]), rng=rng)]
        floor, rise, scale = likelihood.complete(points, rng=rng)
        coordinates = {**shape.coordinates(points), "floor_offset": floor, "rise_at_lowest": rise}
        link = shape.link.from_reference(coordinates, prepared.reference)
        draws = np.sort(order[edges[index] : edges[index + 1]])
        shift[draws], logit[draws] = prepared.scales.shift[scale], prepared.scales.logit[scale]
        if shape.name in RISING_SHAPES:
            reached = link.loss_at_lift(np.full(len(draws), settings.onset_points))
            onset[draws] = np.where(reached >= lowest, reached, -np.inf)
            eta[draws] = link.threshold()
            level = prepared.rows.chance + settings.onset_points
            claim += mass[index] * float(np.mean(_p_above(link.score(lowest), level, items)))
        components.append(ShapeDraws(shape.name, link, draws))
    matter = [s.effective_size for m, (_, s) in zip(mass, samples.values(), strict=True) if m > 0.05]
    return ScorePosterior(
        task=observations.keys()[0],
        metric=observations.metric[0],
        chance=prepared.rows.chance,
        item_count=items,
        lowest_loss=lowest,
        highest_loss=float(observations.loss.max()),
        run_count=len(prepared.rows.blocks),
        components=tuple(components),
        onset=onset,
        eta=eta,
        loss_shift_scale=shift,
        logit_scale=logit,
        shape_probabilities={shape.name: float(m) for shape, m in zip(prepared.shapes, mass, strict=True)},
        p_emerged=claim,
        log_evidence=evidence,
        effective_sample_size=float(min(matter)),
        onset_points=settings.onset_points,
    )


def _p_above(score: Any, level: float, items: float) -> Any:
    """P(score > level) with the error that all checkpoints share because they answer the same items."""
    from scipy.special import ndtr

    kept = np.clip(score, 0.5 / (items + 1.0), 1.0 - 0.5 / (items + 1.0))
    return ndtr((score - level) / np.sqrt(kept * (1.0 - kept) / items))


def _allocated(mass: Any, draws: int) -> Any:
    """Whole numbers of draws in proportion to `mass` (largest remainders)."""
    exact = mass * draws
    counts = np.floor(exact).astype(int)
    short = draws - counts.sum()
    counts[np.argsort(counts - exact)[:short]] += 1
    return counts
