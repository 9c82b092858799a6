"""Do 90 % intervals cover where rows are checkpoints of a few runs? The likelihood for them is composite, not exact.

The truth is Chinchilla's law from its priors plus an effect of each run plus autocorrelated noise of its checkpoints:
nothing that the model draws from. The control takes every checkpoint for a run of its own.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import final

import jax
import numpy as np

from benchmarks._report import ReportTable
from scaling.inference._numerics import float64
from scaling.inference.loss_batch import BatchFit, fit_batch
from scaling.inference.settings import FitSettings
from scaling.laws import Reference
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations
from scaling.priors import distribution

REFERENCE = Reference(n=1e8, d=3e9, loss=3.0)
SETTINGS = FitSettings(draws=300, min_ess=200.0, max_r_hat=1.02)
RUN_EFFECTS = (0.003, 0.01)  # standard deviations on log loss
CORRELATION = 0.7  # of neighbouring checkpoints
BEYOND, RATIO = 0.97, 20.0
_MOST_ROWS = 128  # so that ladders fill two buckets of rows


@final
@dataclass(frozen=True)
class LadderCover:
    """Cover of the 90 % intervals of ln N* and of the loss at ten times the compute, and their median widths.

    - `kind`: how many runs; `ladders`: how many ladders passed the gate of `drawn`.
    """

    runs: str
    assumed: str
    drawn: int
    ladders: int
    cover_size: float
    cover_loss: float
    width_loss: float


@final
@dataclass(frozen=True)
class _Ladder:
    runs: LossObservations
    truth_loss: float
    truth_size: float
    eta: float
    beyond: tuple[float, float]


def ladder_cover(*, count: int, seed: int = 0) -> list[LadderCover]:
    """`count` ladders of 3 to 8 runs of 10 to 40 checkpoints, by number of runs and by what is assumed of the rows."""
    rng = np.random.default_rng([seed, 0])
    ladders = _ladders(count, rng, seed=seed)
    found = []
    for assumed, given in (
        ("checkpoints of runs", [ladder.runs for ladder in ladders]),
        ("independent rows", [_ungrouped(ladder.runs) for ladder in ladders]),
    ):
        fits = fit_batch(ChinchillaLaw, given, reference=REFERENCE, settings=SETTINGS, attempts=2)
        outcomes = np.asarray([_outcome(fits, index, ladder) for index, ladder in enumerate(ladders)])
        run_count = np.asarray([len(set(ladder.runs.run)) for ladder in ladders])
        for words, members in (("3 to 5", run_count <= 5), ("6 to 8", run_count > 5), ("all", run_count > 0)):
            kept = outcomes[members & fits.passed]
            found.append(
                LadderCover(
                    words,
                    assumed,
                    int(members.sum()),
                    len(kept),
                    *kept[:, :2].mean(axis=0),
                    float(np.median(kept[:, 2])),
                )
            )
    return found


def _ladders(count: int, rng: np.random.Generator, *, seed: int) -> list[_Ladder]:
    with float64():
        keys = jax.random.split(jax.random.key(seed), len(ChinchillaLaw.priors))
        drawn = {
            name: np.asarray(distribution(spec).sample(key, (count,)), np.float64)
            for (name, spec), key in zip(ChinchillaLaw.priors.items(), keys, strict=True)
        }
    return [_ladder({name: values[index] for name, values in drawn.items()}, rng) for index in range(count)]


def _ladder(coordinates: dict[str, np.ndarray], rng: np.random.Generator) -> _Ladder:
    """Sizes 1e7 up by factors of 2 to 3, each trained to 20 to 100 tokens a parameter; checkpoints from 10 %."""
    law = ChinchillaLaw.from_reference(coordinates, REFERENCE)
    run_count = int(rng.integers(3, 9))
    checkpoints = min(int(rng.integers(10, 41)), _MOST_ROWS // run_count)
    sizes = 1e7 * rng.uniform(2.0, 3.0) ** np.arange(run_count)
    size = np.repeat(sizes, checkpoints)
    last = np.repeat(sizes * np.exp(rng.uniform(np.log(20), np.log(100), run_count)), checkpoints)
    tokens = last * np.tile(np.linspace(0.1, 1.0, checkpoints), run_count)
    effect = np.exp(rng.uniform(*np.log(RUN_EFFECTS))) * rng.standard_normal(run_count)
    scatter = np.exp(rng.uniform(np.log(0.001), np.log(0.004)))
    noise = rng.standard_normal((run_count, checkpoints))
    for row in range(1, checkpoints):
        noise[:, row] = CORRELATION * noise[:, row - 1] + np.sqrt(1 - CORRELATION**2) * noise[:, row]
    error = np.repeat(effect, checkpoints) + scatter * noise.ravel()
    loss = np.asarray(law.loss(size, tokens)) * np.exp(error)
    runs = LossObservations(
        run=tuple(f"run-{index // checkpoints}" for index in range(len(size))),
        size=size,
        tokens=tokens,
        loss=loss,
        validation_set="simulated",
    )
    beyond = (np.sqrt(10.0) * size.max(), np.sqrt(10.0) * tokens.max())
    eta = BEYOND * float(loss.min())
    return _Ladder(runs, float(law.log_loss(*beyond)), _log(law.size_at_ratio(eta, RATIO)), eta, beyond)


def _log(size: np.ndarray) -> np.ndarray:
    """ln N, larger than any size where no size is enough: quantiles stay ordered."""
    with np.errstate(all="ignore"):
        return np.minimum(np.log(size), 1e3)


def _ungrouped(runs: LossObservations) -> LossObservations:
    return dataclasses.replace(runs, run=tuple(f"row-{index}" for index in range(len(runs))))


def _outcome(fits: BatchFit, index: int, ladder: _Ladder) -> tuple[float, float, float]:
    """Whether size and loss are covered, and the width of the loss's interval on log loss; NaN where no draws are."""
    law = jax.tree.map(lambda values: values[index], fits.law)
    loss = np.asarray(law.log_loss(*ladder.beyond))
    size = _log(np.asarray(law.size_at_ratio(ladder.eta, RATIO)))
    low, high = np.quantile(loss, (0.05, 0.95))
    least, most = np.quantile(size, (0.05, 0.95))
    return (
        float(least <= ladder.truth_size <= most),
        float(low <= ladder.truth_loss <= high),
        float(high - low),
    )


def ladder_table(*, count: int) -> ReportTable:
    """The cover of both, by number of runs."""
    began = time.process_time()
    found = ladder_cover(count=count)
    rows = [
        (
            each.assumed,
            each.runs,
            f"{each.ladders} of {each.drawn}",
            f"{each.cover_size:.2f}",
            f"{each.cover_loss:.2f}",
            f"{100 * each.width_loss:.1f} %",
            f"{3 * (0.09 / max(each.ladders, 1)) ** 0.5:.2f}",
        )
        for each in found
    ]
    return ReportTable(
        "Checkpoints of runs: cover of 90 % intervals",
        ("rows taken as", "runs", "ladders passed", "ln N*", "loss at 10x", "median width", "3 Monte Carlo errors"),
        rows,
        (
            "Chinchilla's law from its priors; ladders of 3 to 8 runs of 10 to 40 checkpoints (at most 128 rows), run "
            "effects of standard deviation .3 to 1 % on log loss, checkpoints' noise of .1 to .4 % that correlates at "
            ".7 between neighbours. Intervals of the law alone, without the error of the form that a forecast adds. "
            "The truth is no draw of the model: its likelihood for checkpoints is composite, so that cover is measured "
            "rather than ranks tested. Taking rows as independent is the negative control. "
            f"{time.process_time() - began:.0f} CPU-s.",
        ),
    )
