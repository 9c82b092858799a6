"""Simulation-based calibration of one law: laws from its priors, ladders of runs, posteriors, ranks of the truths."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import numpy as np
from scipy.stats import t as student_t

from scaling.calibration import RankUniformity, family_p_value, narrowed, rank_uniformity, ranks_of_truths
from scaling.inference._coordinates import constrained, unconstrained
from scaling.inference._numerics import float64
from scaling.inference.loss_batch import BatchFit, fit_batch
from scaling.inference.settings import FitSettings
from scaling.laws import AbstractLaw, Reference
from scaling.models.loss import NOISE_PRIOR
from scaling.observations import LossObservations
from scaling.posterior import NOISE_DEGREES_OF_FREEDOM
from scaling.priors import distribution

RANKS = 99  # draws that each truth is ranked among; the gate asks for twice as many effective ones
SETTINGS = FitSettings(draws=300, min_ess=2.0 * RANKS, max_r_hat=1.02)
ATTEMPTS = 2  # short trajectories, then longer ones; NUTS would take most of the time
NARROWED_TO = 0.7
CORRELATION = 0.9  # of neighbouring rows under the wrong noise
BEYOND = 0.97  # threshold over the lowest loss seen: a function of the data, as a test quantity must be
LEVEL = 0.05
PILOT, FEWEST_RANKED = 64, 20

ONE_VARIABLE_ROWS, SIZES, RATIOS, PRECISION_ROWS = 24, 7, (5.0, 12.0, 30.0, 75.0, 180.0), 63


@final
@dataclass(frozen=True)
class Design:
    """The runs of a ladder without their losses, and where the priors are stated."""

    words: str
    size: np.ndarray
    tokens: np.ndarray
    covariates: Mapping[str, np.ndarray]

    @property
    def reference(self) -> Reference:
        middle = {name: float(np.exp(np.mean(np.log(values)))) for name, values in self.covariates.items()}
        n, d = (float(np.exp(np.mean(np.log(values)))) for values in (self.size, self.tokens))
        return Reference(n=n, d=d, loss=3.0, covariates=middle)


def small(p_value: float) -> str:
    """A p-value as a cell: the exact ones have 12 digits behind the point."""
    return f"{p_value:.0e}" if p_value >= 1e-12 else "< 1e-12"


def design_of(law_class: type[AbstractLaw]) -> Design:
    """The ladder that this law is tested on: one for laws of one variable, grids for those of more."""
    if len(law_class.axis_names()) == 1:
        size = np.geomspace(1e7, 1e10, ONE_VARIABLE_ROWS)
        return Design("24 runs, N 1e7 to 1e10, D = 20 N", size, 20 * size, {})
    repeats = PRECISION_ROWS // SIZES if len(law_class.covariates) > 1 else len(RATIOS)
    sizes = np.geomspace(1e7, 1e9, SIZES)
    size = np.repeat(sizes, repeats)
    ratio = np.tile(np.resize(RATIOS, repeats), SIZES)
    covariates = {
        spec.name: _levels(spec.name, len(size), place=index, tokens=ratio * size)
        for index, spec in enumerate(law_class.covariates)
    }
    words = f"{len(size)} runs: 7 sizes 1e7 to 1e9 by D/N 5 to 180"
    for name in covariates:
        words += f", {name}"
    return Design(words, size, ratio * size, covariates)


def _levels(name: str, rows: int, *, place: int, tokens: np.ndarray) -> np.ndarray:
    """Five values of a covariate, dealt to the rows so that no row of the grid always has the same one."""
    if name == "unique_tokens":
        return tokens / np.random.default_rng(0).permutation(np.resize((1.0, 2.0, 4.0, 10.0, 30.0), rows))
    values = {"experts": (1.0, 4.0, 16.0, 64.0, 256.0), "granularity": (1.0, 2.0, 4.0, 8.0, 16.0)}
    bits = (4.0, 5.0, 6.0, 8.0, 16.0)
    return np.random.default_rng(place).permutation(np.resize(values.get(name, bits), rows))


@final
@dataclass(frozen=True)
class Simulated:
    """Truths and data sets: `coordinates` and `noise` [set], `runs`; `refused`: draws whose losses are not finite."""

    coordinates: dict[str, np.ndarray]
    noise: np.ndarray
    runs: list[LossObservations]
    refused: int

    def part(self, first: int, last: int) -> Simulated:
        coordinates = {name: values[first:last] for name, values in self.coordinates.items()}
        return Simulated(coordinates, self.noise[first:last], self.runs[first:last], self.refused)


def simulate(
    law_class: type[AbstractLaw], design: Design, count: int, *, seed: int, correlation: float = 0.0
) -> Simulated:
    """`count` data sets from the priors; `correlation` of neighbouring rows is noise that the model does not have.

    Where a draw of the priors has no finite loss at some run it is drawn again: its likelihood is zero, and so is its
    posterior given any data.
    """
    own_seed = [seed, zlib.crc32(law_class.name.encode())]  # laws with the same noise would fail together
    rng = np.random.default_rng(own_seed)
    needed, refused, parts = count, 0, []
    key = jax.random.key(int(rng.integers(2**31)))
    while needed > 0:
        key, now = jax.random.split(key)
        drawn = _prior_draws(law_class, now, 2 * count)
        log_loss = _log_loss(law_class, drawn, design)
        usable = np.isfinite(log_loss).all(axis=-1) & (np.abs(log_loss) < 5.0).all(axis=-1)
        chosen = np.flatnonzero(usable)[:needed]
        refused += int(np.sum(~usable[: (chosen[-1] if len(chosen) else len(usable))]))
        parts.append({name: values[chosen] for name, values in drawn.items()} | {"log_loss": log_loss[chosen]})
        needed -= len(chosen)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    log_loss, noise = joined.pop("log_loss"), joined.pop("noise_scale")
    error = rng.standard_t(NOISE_DEGREES_OF_FREEDOM, size=log_loss.shape)
    for row in range(1, error.shape[1]):
        error[:, row] = correlation * error[:, row - 1] + np.sqrt(1 - correlation**2) * error[:, row]
    losses = np.exp(log_loss + noise[:, np.newaxis] * error)
    return Simulated(joined, noise, [_observations(design, loss) for loss in losses], refused)


def _prior_draws(law_class: type[AbstractLaw], key: Any, count: int) -> dict[str, np.ndarray]:
    specs = {**law_class.priors, "noise_scale": NOISE_PRIOR}
    with float64():
        keys = jax.random.split(key, len(specs))
        return {
            name: np.asarray(distribution(spec).sample(one, (count,)), np.float64)
            for (name, spec), one in zip(specs.items(), keys, strict=True)
        }


def _log_loss(law_class: type[AbstractLaw], coordinates: Mapping[str, np.ndarray], design: Design) -> np.ndarray:
    """ln L [..., row]."""
    with np.errstate(all="ignore"):
        law = law_class.from_reference(
            {name: coordinates[name][..., np.newaxis] for name in law_class.priors}, design.reference
        )
        return np.asarray(law.log_loss(design.size, design.tokens, **design.covariates))


def _observations(design: Design, loss: np.ndarray) -> LossObservations:
    return LossObservations(
        run=tuple(f"run-{index}" for index in range(len(loss))),
        size=design.size,
        tokens=design.tokens,
        loss=loss,
        covariates=dict(design.covariates),
        validation_set="simulated",
    )


@final
@dataclass(frozen=True)
class Ranked:
    """How the ranks of truths among their posteriors' draws lie, by test quantity."""

    quantities: dict[str, RankUniformity]

    @classmethod
    def of(cls, ranks: Mapping[str, np.ndarray]) -> Ranked | None:
        """None where too few truths were ranked to say anything."""
        if not ranks or len(next(iter(ranks.values()))) < FEWEST_RANKED:
            return None
        return cls({name: rank_uniformity(each, rank_count=RANKS) for name, each in ranks.items()})

    @property
    def p_value(self) -> float:
        return family_p_value(each.p_value for each in self.quantities.values())

    @property
    def worst(self) -> str:
        return min(self.quantities, key=lambda name: self.quantities[name].p_value)

    def rejected(self, level: float = LEVEL) -> int:
        """Quantities that fail by themselves, their number taken into account."""
        return sum(each.p_value * len(self.quantities) < level for each in self.quantities.values())


@final
@dataclass(frozen=True)
class LawCalibration:
    """What simulation says about one law's posterior, and about two spoilt ones.

    - `drawn`: data sets fitted; `refused`: draws of the priors without a finite loss at some run.
    - `passed`: data sets whose sample passed the gate, `longer` of them by longer trajectories; `failures`: how often
      the gate held what against the others.
    - `own`, `narrow`, `wrong_noise`: ranks among the posterior's draws, among draws narrowed about their mean, among
      draws of a model that takes correlated noise for independent.
    """

    law: str
    design: str
    drawn: int
    refused: int
    passed: int
    longer: int
    failures: Mapping[str, int]
    own: Ranked | None
    narrow: Ranked | None
    wrong_noise: Ranked | None
    seconds: float


def calibrate(
    law_class: type[AbstractLaw],
    *,
    count: int,
    control_count: int = PILOT,
    seed: int = 0,
    attempts: int = ATTEMPTS,
) -> LawCalibration:
    """Rank `count` truths, and `control_count` under noise that the model does not have.

    Where the gate passes fewer than half of the first 64 data sets, they are all that is fitted.
    """
    began = time.process_time()
    design = design_of(law_class)
    simulated = simulate(law_class, design, count, seed=seed)
    parts = [_Part.of(law_class, simulated.part(0, PILOT), design, attempts)]
    if 2 * parts[0].passed >= parts[0].fitted and count > PILOT:
        parts.append(_Part.of(law_class, simulated.part(PILOT, count), design, attempts))
    spoilt = simulate(law_class, design, control_count, seed=seed + 1, correlation=CORRELATION)
    return LawCalibration(
        law=law_class.name,
        design=design.words,
        drawn=sum(part.fitted for part in parts),
        refused=simulated.refused,
        passed=sum(part.passed for part in parts),
        longer=sum(part.longer for part in parts),
        failures=sum((part.failures for part in parts), Counter()),
        own=Ranked.of(_joined([part.own for part in parts])),
        narrow=Ranked.of(_joined([part.narrow for part in parts])),
        wrong_noise=Ranked.of(_Part.of(law_class, spoilt, design, 1).own),
        seconds=time.process_time() - began,
    )


@final
@dataclass(frozen=True)
class _Part:
    """Ranks [set] by test quantity of some data sets, and what became of their samples."""

    own: dict[str, np.ndarray]
    narrow: dict[str, np.ndarray]
    fitted: int
    passed: int
    longer: int
    failures: Counter[str]

    @classmethod
    def of(cls, law_class: type[AbstractLaw], simulated: Simulated, design: Design, attempts: int) -> _Part:
        fits = fit_batch(law_class, simulated.runs, reference=design.reference, settings=SETTINGS, attempts=attempts)
        own, narrow = (_ranks(law_class, simulated, fits, design, to=to) for to in (1.0, NARROWED_TO))
        return cls(
            own=own,
            narrow=narrow,
            fitted=len(fits.passed),
            passed=int(fits.passed.sum()),
            longer=int(np.sum(fits.passed & (np.asarray(fits.sampler) != "hmc"))),
            failures=Counter(_criterion(one) for each in fits.failures for one in each),
        )


def _criterion(failure: str) -> str:
    words = ("R-hat", "effective sample size", "divergences", "energy")
    return next((word for word in words if word in failure), "other")


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    parts = [part for part in parts if part]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _ranks(
    law_class: type[AbstractLaw], simulated: Simulated, fits: BatchFit, design: Design, *, to: float
) -> dict[str, np.ndarray]:
    """Ranks of the truths whose posteriors passed, among draws narrowed `to` a share; none where none passed."""
    passed = fits.passed
    if not passed.any():
        return {}
    thin = np.linspace(0, fits.noise_scale.shape[1] - 1, RANKS).round().astype(int)
    draws = {name: fits.coordinates[name][passed][:, thin] for name in law_class.priors}
    position = unconstrained(law_class, draws)
    with float64():
        draws = constrained(law_class, np.moveaxis(narrowed(np.moveaxis(position, -1, 0), to=to), 0, -1))
    noise = np.exp(narrowed(np.log(fits.noise_scale[passed][:, thin]), to=to))
    # The truth is the first of its set's draws, so that every quantity is computed alike for both.
    both = {
        name: np.concatenate([simulated.coordinates[name][passed][:, np.newaxis], np.asarray(draws[name])], axis=1)
        for name in law_class.priors
    }
    noise = np.concatenate([simulated.noise[passed][:, np.newaxis], noise], axis=1)
    loss = np.stack([runs.loss for runs, kept in zip(simulated.runs, passed, strict=True) if kept])
    rng = np.random.default_rng(99)
    return {
        name: ranks_of_truths(values[:, 0], values[:, 1:], count=RANKS, rng=rng)
        for name, values in _test_quantities(law_class, both, noise, loss, design).items()
    }


def _test_quantities(
    law_class: type[AbstractLaw],
    coordinates: Mapping[str, np.ndarray],
    noise: np.ndarray,
    loss: np.ndarray,
    design: Design,
) -> dict[str, np.ndarray]:
    """[set, draw] of every coordinate, and of what depends on the data or on all coordinates together."""
    log_loss = _log_loss(law_class, coordinates, design)
    scale = noise[..., np.newaxis]
    residual = (np.log(loss)[:, np.newaxis] - log_loss) / scale
    log_likelihood = np.sum(student_t.logpdf(residual, NOISE_DEGREES_OF_FREEDOM) - np.log(scale), axis=-1)
    with np.errstate(all="ignore"):
        law = law_class.from_reference(coordinates, design.reference)
        step = 10.0 if len(law_class.axis_names()) == 1 and law_class.axis_names() != ("nd",) else np.sqrt(10.0)
        n, d = step * design.size.max(), step * design.tokens.max()
        beyond = law.log_loss(n, d, **design.reference.covariates)
        needed = np.log(_needed(law, BEYOND * loss.min(axis=1, keepdims=True), design.reference.covariates))
    return {
        **coordinates,
        "noise scale": noise,
        "log likelihood": log_likelihood,
        "loss at 10x": np.asarray(beyond) + np.zeros_like(noise),
        "ln N*": needed,
    }


def _needed(law: AbstractLaw, eta: np.ndarray, given: Mapping[str, float]) -> np.ndarray:
    """Size (tokens, compute where the law speaks of these) that reaches the loss `eta`."""
    if law.axis_names() == ("nd",):
        return np.asarray(law.compute_at(eta))
    if law.variables == ("n",):
        return np.asarray(law.size_at(eta, **given))
    if law.variables == ("d",):
        return np.asarray(law.tokens_at(eta, **given))
    return np.asarray(law.size_at_ratio(eta, 20.0, **given))
