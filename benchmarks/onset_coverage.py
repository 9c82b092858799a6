"""Do 90 % onset intervals hold? On simulated ladders, and on the same with the method spoilt on purpose.

    python benchmarks/onset_coverage.py --count 500                 # threshold data sets: cover 85-96 %
    python benchmarks/onset_coverage.py --count 500 --truth constant
    python benchmarks/onset_coverage.py --count 500 --spoilt        # both must fall below 85 %

An interval is shown, and scored, where emergence is not ruled out (P >= .5), as forecasts show it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
from score_simulator import Ladder, NoiseFamily, Truth, simulate_ladder

from scaling.inference.score import ScoreSettings, fit_score
from scaling.observations import ScoreObservations
from scaling.posterior import ScorePosterior, Verdict

THRESHOLD_TRUTHS = (Truth.SHARP, Truth.CONVEX)
LEVELS = (0.05, 0.95)


@final
@dataclass(frozen=True)
class Outcome:
    """What one fit said about one simulated ladder."""

    truth: Truth
    covered: bool
    covered_narrowed: bool  # by the interval shrunk to half its width about its middle
    shown: bool
    width: float  # in ranges of loss
    p_rise: float
    p_emerged: float
    likeliest: str
    effective_size: float
    seconds: float


def observations_of(ladder: Ladder) -> ScoreObservations:
    count = len(ladder.loss)
    return ScoreObservations(
        run=tuple(f"run-{index}" for index in ladder.run),
        size=ladder.size,
        tokens=ladder.tokens,
        loss=ladder.loss,
        task=("simulated",) * count,
        metric=("accuracy",) * count,
        score=ladder.score,
        item_count=ladder.item_count,
        chance=np.full(count, ladder.chance),
    )


def outcome_of(ladder: Ladder, truth: Truth, posterior: ScorePosterior, seconds: float) -> Outcome:
    onset = posterior.onset[np.isfinite(posterior.onset)]
    low, high = np.quantile(onset, LEVELS) if len(onset) else (np.inf, -np.inf)
    middle = np.median(onset) if len(onset) else 0.0
    narrow_low, narrow_high = middle + 0.5 * (low - middle), middle + 0.5 * (high - middle)
    shapes = posterior.shape_probabilities
    return Outcome(
        truth=truth,
        covered=bool(low <= ladder.onset <= high),
        covered_narrowed=bool(narrow_low <= ladder.onset <= narrow_high),
        shown=posterior.verdict in (Verdict.EMERGED, Verdict.ALREADY_RISING, Verdict.UNDECIDED),
        width=float((high - low) / np.ptp(ladder.loss)),
        p_rise=posterior.p_rise,
        p_emerged=posterior.p_emerged,
        likeliest=max(shapes, key=shapes.__getitem__),
        effective_size=posterior.effective_sample_size,
        seconds=seconds,
    )


def run(
    truths: Iterable[Truth],
    count: int,
    *,
    settings: ScoreSettings,
    noise: NoiseFamily = NoiseFamily.AUTOREGRESSIVE,
    seed: int = 0,
) -> list[Outcome]:
    """`count` ladders, the truths in turn."""
    kinds, outcomes = list(truths), []
    for index in range(count):
        truth = kinds[index % len(kinds)]
        ladder = simulate_ladder(np.random.default_rng([seed, index]), truth, noise)
        began = time.process_time()
        posterior = fit_score(observations_of(ladder), seed=index, settings=settings)
        outcomes.append(outcome_of(ladder, truth, posterior, time.process_time() - began))
    return outcomes


def summary(outcomes: list[Outcome]) -> dict[str, float | int | dict[str, float]]:
    """Cover with its Monte Carlo error, and what else the bars are about."""
    shown = [each for each in outcomes if each.shown]
    cover = float(np.mean([each.covered for each in shown])) if shown else float("nan")
    kinds = sorted({each.likeliest for each in outcomes})
    return {
        "data_sets": len(outcomes),
        "intervals_shown": len(shown),
        "onset_cover": cover,
        "monte_carlo_error": float(np.sqrt(cover * (1 - cover) / max(len(shown), 1))),
        "onset_cover_narrowed": float(np.mean([each.covered_narrowed for each in shown])) if shown else float("nan"),
        "mean_width_in_ranges": float(np.mean([each.width for each in shown])) if shown else float("nan"),
        "claimed": float(np.mean([each.p_emerged >= 0.95 for each in outcomes])),
        "p_rise_above_.9": float(np.mean([each.p_rise > 0.9 for each in outcomes])),
        "likeliest": {kind: float(np.mean([each.likeliest == kind for each in outcomes])) for kind in kinds},
        "effective_size_below_50": float(np.mean([each.effective_size < 50 for each in outcomes])),
        "median_cpu_seconds": float(np.median([each.seconds for each in outcomes])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--truth", choices=[truth.value for truth in Truth], action="append")
    parser.add_argument("--noise", choices=[noise.value for noise in NoiseFamily], default="autoregressive")
    parser.add_argument("--spoilt", action="store_true", help="assume independent checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    truths = [Truth(name) for name in given.truth] if given.truth else list(THRESHOLD_TRUTHS)
    settings = ScoreSettings(correlated=not given.spoilt)
    outcomes = run(truths, given.count, settings=settings, noise=NoiseFamily(given.noise), seed=given.seed)
    print(json.dumps(summary(outcomes), indent=2))


if __name__ == "__main__":
    main()
