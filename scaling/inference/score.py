"""Fit a task's score: which shape, where its onset, how sure; by integration and importance sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from scaling.errors import InvalidInput, NotEnoughRuns, Violation
from scaling.inference.importance import ImportanceSettings, WeightedSample, importance_sample
from scaling.inference.score_likelihood import ScoreLikelihood
from scaling.inference.score_noise import (
    NoiseScales,
    ScoreRows,
    TypicalCurve,
    Whitening,
    at_their_limit,
    gathered,
    independent_scales,
    scale_grid,
    typical_scales,
    usual_scales,
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
_FIRST_PASS = ImportanceSettings(prior_points=1024, round_points=192, max_rounds=3, enough=60.0)
_FEWEST_ROWS_OF_A_RUN, _COST = 12, 10_000
_MASS_AT_THE_LIMIT = 0.2  # of a shape's posterior, beyond which the noise grid is extended
_GRID_REVISIONS, _MISSED_MASS = 2, 0.05
_FAR_BEHIND = 15.0  # nats of log evidence: a shape that far behind has no share in any answer
_CURVE_POINTS = 300
_MOST_PRIOR_POINTS, _PRIOR_EFFORT = 4096, 24_000  # points; points times noise scales
_KEPT_MASS = 0.98  # of the noise grid's posterior, in every shape


_Sampled: TypeAlias = tuple[ScoreLikelihood, WeightedSample]


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
    samples = _samples(prepared, {}, rng)
    for _ in range(_GRID_REVISIONS):
        missing = _scales_missed(prepared, samples, settings, rng)
        if not len(missing):
            break
        prepared = replace(prepared, kept=np.union1d(prepared.kept, missing))
        samples = _samples(prepared, samples, rng)
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
    """What the sampling of every shape shares: rows, and the noise grid with the points `kept` of it."""

    rows: ScoreRows
    shapes: tuple[Shape, ...]
    reference: LinkReference
    scales: NoiseScales
    noise: Whitening
    kept: Any

    def likelihood(self, shape: Shape) -> ScoreLikelihood:
        """The likelihood of one shape, over the noise scales kept."""
        return ScoreLikelihood(self.rows, shape, self.reference, *self._kept)

    @cached_property
    def _kept(self) -> tuple[NoiseScales, Whitening]:
        return self.scales.take(self.kept), self.noise.take(self.kept)

    def likelihood_over_grid(self, shape: Shape) -> ScoreLikelihood:
        """The same over the whole grid: for a few points at a time."""
        return ScoreLikelihood(self.rows, shape, self.reference, self.scales, self.noise)


def model_data(prepared: Prepared) -> ScoreData:
    """What `scaling.models.score.score_model` takes, for whoever samples it with NUTS: the same density."""
    from scaling.models.score import ScoreData

    rows = prepared.rows
    dense = np.zeros((len(prepared.kept), len(rows.loss), len(rows.loss)))
    for block, factor in zip(rows.blocks, prepared.noise.factors, strict=True):
        dense[:, block, block] = factor[prepared.kept]
    return ScoreData(
        loss=rows.loss,
        score=rows.score,
        reference=prepared.reference,
        factors=dense,
        log_determinant=prepared.noise.log_determinant[prepared.kept],
        log_prior=prepared.scales.log_prior[prepared.kept],
    )


def prepare(rows: ScoreRows, *, settings: ScoreSettings, rng: np.random.Generator) -> Prepared:
    """First pass: a typical curve and its slope for the covariance, then the noise scales that matter."""
    shapes = shapes_of(rows.chance, onset_points=settings.onset_points)
    reference = LinkReference(chance=rows.chance, losses=tuple(np.sort(rows.loss)))
    scales = typical_scales(rows.loss_range)
    noise = whitening(rows, scales, _smoothed(rows))
    prepared = Prepared(rows, shapes, reference, scales, noise, np.arange(len(scales.run)))
    first = {
        shape.name: importance_sample(prepared.likelihood(shape), len(shape.priors), rng=rng, settings=_FIRST_PASS)
        for shape in shapes
    }
    curve = _typical_curve(prepared, first, rng)
    whole = (scale_grid if settings.correlated else independent_scales)(rows.loss_range)
    usual = whole.take(np.flatnonzero(usual_scales(whole))) if settings.correlated else whole
    for scales in (usual, whole):
        noise = whitening(rows, scales, curve)
        prepared = replace(prepared, scales=scales, noise=noise, kept=np.arange(len(scales.run)))
        mass = _scale_mass(prepared, first, rng)
        if mass[:, at_their_limit(scales)].sum(axis=1).max() < _MASS_AT_THE_LIMIT:
            break
    return replace(prepared, kept=_scales_that_matter(prepared, first, settings, rng))


def _smoothed(rows: ScoreRows) -> TypicalCurve:
    """Scores averaged over a tenth of the range of losses: what stands in before there is a fit."""
    loss = _curve_axis(rows)
    near = np.exp(-0.5 * ((loss[:, np.newaxis] - rows.loss) / (0.1 * rows.loss_range)) ** 2) + 1e-9
    return TypicalCurve(loss, near @ rows.score / near.sum(axis=1))


def _typical_curve(prepared: Prepared, first: Mapping[str, WeightedSample], rng: np.random.Generator) -> TypicalCurve:
    """Score against loss, averaged over the shapes by their evidence so far."""
    loss = _curve_axis(prepared.rows)
    curves, log_weights = [], []
    for shape in prepared.shapes:
        likelihood, points = prepared.likelihood(shape), _some(first[shape.name], 40, rng)
        floor, rise = likelihood.expected(points)
        offset, gain = likelihood.curves(points, loss)
        level = prepared.rows.chance + floor[:, np.newaxis]
        curves.append((level + offset + rise[:, np.newaxis] * gain).mean(axis=0))
        log_weights.append(np.log(shape.probability) + np.mean(likelihood(points)))
    weights = np.exp(np.array(log_weights) - max(log_weights))
    return TypicalCurve(loss, np.clip(weights @ np.array(curves) / weights.sum(), 0.0, 1.0))


def _curve_axis(rows: ScoreRows) -> Any:
    margin = 0.2 * rows.loss_range
    return np.linspace(rows.loss.min() - margin, rows.loss.max() + margin, _CURVE_POINTS)


def _some(sample: WeightedSample, count: int, rng: np.random.Generator) -> Any:
    return sample.points[sample.resample(count, rng=rng)]


def _scale_mass(prepared: Prepared, samples: Mapping[str, WeightedSample], rng: np.random.Generator) -> Any:
    """Posterior mass [shape, scale] of the noise grid under some curves of each shape."""
    masses = []
    for shape in prepared.shapes:
        by_scale = prepared.likelihood_over_grid(shape).by_scale(_some(samples[shape.name], 8, rng))
        mass = np.exp(by_scale - by_scale.max(axis=0))
        masses.append((mass / mass.sum(axis=0)).mean(axis=1))
    return np.array(masses)


def _scales_that_matter(
    prepared: Prepared, samples: Mapping[str, WeightedSample], settings: ScoreSettings, rng: np.random.Generator
) -> Any:
    """Points of the noise grid that together hold nearly all the posterior mass under every shape."""
    masses = _scale_mass(prepared, samples, rng)
    needed: set[int] = set()
    for mass in masses:
        order = np.argsort(-mass)
        needed |= set(order[: int(np.searchsorted(np.cumsum(mass[order]), _KEPT_MASS)) + 1].tolist())
    kept = np.array(sorted(needed))
    return np.sort(kept[np.argsort(-masses.max(axis=0)[kept])][: settings.max_noise_scales])


def _scales_missed(
    prepared: Prepared, samples: Mapping[str, _Sampled], settings: ScoreSettings, rng: np.random.Generator
) -> Any:
    """Points of the noise grid that were dropped and hold mass under the curves found since, of shapes that matter."""
    weighted = {name: sample for name, (_, sample) in samples.items()}
    best = max(sample.log_evidence for sample in weighted.values())
    matter = [shape for shape in prepared.shapes if weighted[shape.name].log_evidence > best - _FAR_BEHIND / 2]
    mass = _scale_mass(replace(prepared, shapes=tuple(matter)), weighted, rng)
    mass[:, prepared.kept] = 0.0
    if mass.sum(axis=1).max() < _MISSED_MASS:
        return np.array([], dtype=int)
    order = np.argsort(-mass.max(axis=0))[: settings.max_noise_scales]
    return order[mass.max(axis=0)[order] > 0.1 * _MISSED_MASS]


def _samples(prepared: Prepared, earlier: Mapping[str, _Sampled], rng: np.random.Generator) -> dict[str, _Sampled]:
    """A sample of every shape, the likeliest by `earlier` first; one far behind it is not worth exactness."""
    best, found = -np.inf, {}
    evidence = {name: sample.log_evidence for name, (_, sample) in earlier.items()}
    for shape in sorted(prepared.shapes, key=lambda shape: -evidence.get(shape.name, 0.0)):
        found[shape.name] = _sample(prepared.likelihood(shape), rng, irrelevant_below=best - _FAR_BEHIND)
        best = max(best, found[shape.name][1].log_evidence)
    return {shape.name: found[shape.name] for shape in prepared.shapes}


def _sample(likelihood: ScoreLikelihood, rng: np.random.Generator, *, irrelevant_below: float) -> _Sampled:
    """Much data leave few noise scales and narrow modes: what the scales save is spent on looking for modes."""
    dimensions, scales = len(likelihood.shape.priors), len(likelihood.scales.run)
    points = 512
    while points < _MOST_PRIOR_POINTS and 2 * points * scales <= _PRIOR_EFFORT:
        points *= 2
    usual = ImportanceSettings(prior_points=points)
    sample = importance_sample(likelihood, dimensions, rng=rng, settings=usual, irrelevant_below=irrelevant_below)
    if sample.effective_size < MIN_EFFECTIVE_DRAWS and sample.log_evidence > irrelevant_below:
        harder = ImportanceSettings(prior_points=_MOST_PRIOR_POINTS, round_points=1024, max_rounds=12, components=8)
        sample = importance_sample(likelihood, dimensions, rng=rng, settings=harder)
    return likelihood, sample


def _posterior(
    observations: ScoreObservations,
    prepared: Prepared,
    samples: Mapping[str, _Sampled],
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
        shift[draws], logit[draws] = likelihood.scales.shift[scale], likelihood.scales.logit[scale]
        if shape.name in RISING_SHAPES:
            reached = link.loss_at_lift(np.full(len(draws), settings.onset_points))
            onset[draws] = np.where(reached >= lowest, reached, -np.inf)
            eta[draws] = link.threshold()
            level = prepared.rows.chance + settings.onset_points
            above = np.where(np.isfinite(onset[draws]), _p_above(link.score(lowest), level, items), 0.0)
            claim += mass[index] * float(np.mean(above))
        components.append(ShapeDraws(shape.name, link, draws))
    matter = [s.effective_size for m, (_, s) in zip(mass, samples.values(), strict=True) if m > 0.05]
    posterior = ScorePosterior(
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
    beyond, silent = _witnesses(posterior, observations)
    return replace(posterior, runs_beyond=beyond, runs_silent=silent)


def _witnesses(posterior: ScorePosterior, observations: ScoreObservations) -> tuple[int, int]:
    """How many runs went well beyond the onset (half as far again), and how many of them are not at the onset yet.

    A link pooled over runs can put an onset where one run in ten leaves its floor; the other nine must be heard.
    """
    reached = posterior.onset[np.isfinite(posterior.onset)]
    if not len(reached):
        return 0, 0
    labels = np.asarray(observations.run)
    last = np.array([np.flatnonzero(labels == run)[np.argmin(observations.loss[labels == run])] for run in set(labels)])
    floor = float(np.median(posterior.floor_scores()))
    expected = np.median(posterior.score_at(observations.loss[last]), axis=0)
    beyond = (observations.loss[last] < np.quantile(reached, 0.05)) & (expected >= floor + 1.5 * posterior.onset_points)
    silent = beyond & (observations.score[last] < floor + posterior.onset_points)
    return int(beyond.sum()), int(silent.sum())


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
