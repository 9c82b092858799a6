"""Do the intervals hold on real runs, beyond the data? Seven splits of published runs, one method, one setting.

    python -m benchmarks.extrapolation             # our default forecast beside the classical fit
    python -m benchmarks.extrapolation --variants  # and beside the other choices we tried

The classical forecast is what today's tools give: the Huber fit of Chinchilla's law, percentiles of 400 bootstraps of
it, and nothing for what the law leaves out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import pandas as pd

from benchmarks._measured import chinchilla_runs, measured_folder
from benchmarks._report import ReportTable, print_tables
from scaling.backtest import score_forecast
from scaling.compute import training_flops
from scaling.errors import FitFailed
from scaling.inference.loss import fit_loss
from scaling.inference.loss_program import loss_data
from scaling.inference.point import point_estimate
from scaling.inference.point_batch import bootstrap_point
from scaling.inference.settings import FitSettings
from scaling.laws import law_class
from scaling.observations import LossObservations
from scaling.posterior import Backtest, LossPosterior, crps_of_draws

_BOOTSTRAPS = 400


@final
@dataclass(frozen=True)
class Split:
    """Runs to fit and larger ones to forecast, with what the forecast must reach.

    - `most_error` of the median: RMSE in nats where `error_is_rmse`, else mean relative error in percent.
    - `cover`: least and most, of the nominal 90 % interval; `most_width` of it, percent of the median.
    """

    name: str
    seen: LossObservations
    beyond: LossObservations
    most_error: float
    error_is_rmse: bool
    cover: tuple[float, float]
    most_width: float

    def error_of(self, test: Backtest) -> float:
        """The error of the median in the split's own terms."""
        if self.error_is_rmse:
            return float(np.sqrt(np.mean((test.median - test.observed) ** 2)))
        return 100 * test.mean_relative_error

    def verdict(self, test: Backtest) -> str:
        """What the forecast misses of what it must reach."""
        missed = [
            name
            for name, holds in (
                ("error", self.error_of(test) <= self.most_error),
                ("cover", self.cover[0] - 1e-9 <= test.cover <= self.cover[1] + 1e-9),
                ("width", 100 * test.mean_width <= self.most_width),
            )
            if not holds
        ]
        return "met" if not missed else "missed: " + ", ".join(missed)


def splits() -> Iterator[Split]:
    """The splits, from the published runs."""
    runs = chinchilla_runs()
    compute = training_flops(runs.size, runs.tokens)
    larger = runs.select(compute >= 1e21)
    for cut, error, width in ((3e19, 0.0538, 7.0), (1e20, 0.0405, 5.0), (3e20, 0.0374, 4.1), (9e20, 0.0300, 3.2)):
        seen = runs.select(compute < cut)
        yield Split(f"Chinchilla, C < {cut:.0e} -> C >= 1e21", seen, larger, error, True, (19 / 23, 1.0), width)
    columns = {"run": "run_name", "size": "params_active_precise", "loss": "final_loss"}
    folder = measured_folder() / "loss/gemstones"
    frames = {
        file: LossObservations.from_frame(pd.read_csv(folder / f"{file}.csv"), columns=columns)
        for file in ("hot", "hot_100bplus")
    }
    rows = frames["hot"]
    large = rows.size >= 9e8
    yield Split(
        "Gemstones hot, N < 9e8 -> larger", rows.select(~large), rows.select(large), 0.97, False, (0.85, 0.98), 5.5
    )
    rows = frames["hot_100bplus"]
    long = rows.tokens > 1.001e11
    yield Split(
        "Gemstones hot_100bplus, D <= 1e11 -> longer",
        rows.select(~long),
        rows.select(long),
        0.80,
        False,
        (0.85, 0.98),
        3.6,
    )
    yield _porian()


def _porian() -> Split:
    frame = pd.read_csv(measured_folder() / "loss/porian/isoflop_points.csv")
    chosen = {"dataset": "rw", "hparams": "tuned", "param_count": "standard", "val": "val"}
    frame = frame[np.logical_and.reduce([frame[name] == value for name, value in chosen.items()])]
    ratio = frame["t_tokens"] / frame["n_params"]
    frame = frame[(ratio >= 2) & (ratio <= 400) & (frame["flops_C"] <= 2.57e19)]
    rows = LossObservations.from_frame(
        frame[["n_params", "t_tokens", "loss"]], columns={"size": "n_params", "tokens": "t_tokens"}
    )
    large = frame["flops_C"].to_numpy() > 1.61e18
    return Split(
        "Porian tuned, C <= 1.6e18 -> 2.56e19", rows.select(~large), rows.select(large), 1.6, False, (0.80, 1.0), 4.8
    )


def without_run_labels(split: Split) -> Split:
    """Every row a run of its own: what a table without run labels says."""

    def unlabelled(rows: LossObservations, prefix: str) -> LossObservations:
        return replace(rows, run=tuple(f"{prefix}{index}" for index in range(len(rows))))

    return replace(split, seen=unlabelled(split.seen, "seen"), beyond=unlabelled(split.beyond, "beyond"))


def forecast(split: Split, *, law: str = "skaling", settings: FitSettings | None = None) -> Backtest:
    """Our forecast of the larger runs."""
    return score_forecast(posterior(split, law=law, settings=settings), split.beyond)


def posterior(split: Split, *, law: str = "skaling", settings: FitSettings | None = None) -> LossPosterior:
    """Our posterior given the runs seen."""
    return fit_loss(split.seen, law_class(law), settings=settings or FitSettings()).posterior


def classical_forecast(split: Split) -> Backtest:
    """Median and 90 % percentiles of the bootstrapped Huber fit of Chinchilla's law, as today's tools state them."""
    chosen = law_class("chinchilla")
    data = loss_data(split.seen)
    beyond = split.beyond
    laws = bootstrap_point(chosen, data, count=_BOOTSTRAPS, seed=0).estimates.law
    loss = laws[..., np.newaxis].loss(beyond.size, beyond.tokens)
    try:
        median = point_estimate(chosen, data).law.loss(beyond.size, beyond.tokens)
    except FitFailed:
        median = np.median(loss, axis=0)
    low, high = np.quantile(loss, (0.05, 0.95), axis=0)
    distance = np.zeros(len(beyond))
    return Backtest(
        run=beyond.run,
        size=beyond.size,
        tokens=beyond.tokens,
        observed=beyond.loss,
        low=low,
        median=median,
        high=high,
        distance=distance,
        crps=crps_of_draws(loss, beyond.loss),
    )


def _row(split: Split, test: Backtest, *, judged: bool) -> tuple[object, ...]:
    return (
        f"{split.error_of(test):.4f} nats" if split.error_is_rmse else f"{split.error_of(test):.2f} %",
        f"{test.cover:.2f}",
        f"{100 * test.mean_width:.1f}",
        f"{1000 * np.mean(test.crps):.1f}",
        f"{100 * test.interval_score:.1f}",
        split.verdict(test) if judged else "",
    )


def _pooled(tests: Sequence[Backtest]) -> tuple[str, ...]:
    return (
        f"{100 * np.mean([test.mean_relative_error for test in tests]):.2f} %",
        f"{np.mean([test.cover for test in tests]):.3f} (worst {min(test.cover for test in tests):.2f})",
        f"{100 * np.mean([test.mean_width for test in tests]):.1f}",
        f"{1000 * np.mean([np.mean(test.crps) for test in tests]):.1f}",
        f"{100 * np.mean([test.interval_score for test in tests]):.2f}",
    )


_COLUMNS = ("split (train/test)", "forecast", "error", "cover", "width %", "CRPS, mnats", "interval score x100", "bars")


def tables() -> list[ReportTable]:
    """Our default forecast, the classical one and the law alone, by split and on average."""
    rows: list[tuple[object, ...]] = []
    by_forecast: dict[str, list[Backtest]] = {}
    for split in splits():
        fitted = posterior(split)
        tests = {
            "ours": score_forecast(fitted, split.beyond),
            "classical": classical_forecast(split),
            "ours, the law alone": score_forecast(fitted.law_alone(), split.beyond),
        }
        if split.name.startswith("Gemstones"):
            tests["ours, without run labels"] = forecast(without_run_labels(split))
        for label, test in tests.items():
            by_forecast.setdefault(label, []).append(test)
            name = f"{split.name} ({len(split.seen)}/{len(split.beyond)})" if label == "ours" else ""
            rows.append((name, label, *_row(split, test, judged=label == "ours")))
    for label in ("ours", "classical", "ours, the law alone"):
        rows.append(("mean over the splits" if label == "ours" else "", label, *_pooled(by_forecast[label]), ""))
    return [
        ReportTable(
            "Held-out larger runs, nominal 90 % intervals",
            _COLUMNS,
            rows,
            notes=(
                "Error: root mean square in nats for Chinchilla's points, else mean relative error of the median. Bars "
                "on the mean: error 1.15 %, cover .87-.96, worst .80, interval score 6.0. One law (`skaling`), one "
                "setting. Where runs have labels, a held-out checkpoint of a run that was seen is forecast as that run "
                "continued.",
            ),
        )
    ]


def variants() -> list[ReportTable]:
    """Other choices, on the same splits."""
    choices: dict[str, Callable[[Split], Backtest]] = {
        "default": forecast,
        "without run labels": lambda split: forecast(without_run_labels(split)),
        "Chinchilla's law": lambda split: forecast(split, law="chinchilla"),
        "one exponent (`tied`)": lambda split: forecast(split, law="tied"),
        "half the form's error": lambda split: forecast(split, settings=FitSettings(discrepancy_scale=0.005)),
        "twice the form's error": lambda split: forecast(split, settings=FitSettings(discrepancy_scale=0.02)),
    }
    rows = []
    for label, choice in choices.items():
        tests = [choice(split) for split in splits()]
        rows.append((label, *_pooled(tests), " ".join(f"{test.cover:.2f}" for test in tests)))
    columns = ("choice", "error", "cover", "width %", "CRPS, mnats", "interval score x100", "cover by split")
    return [ReportTable("Other choices, mean over the seven splits", columns, rows)]


def main() -> None:
    print_tables([*tables(), *(variants() if "--variants" in sys.argv else [])])


if __name__ == "__main__":
    main()
