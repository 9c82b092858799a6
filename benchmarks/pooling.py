"""Do families of runs help each other? Few small runs of one, all runs of another, the first's larger runs held out.

    python -m benchmarks.pooling

The rules were set before any of it was run: the 12 or 16 runs of least compute are seen, every larger run within 3.5
e-folds of compute (as far as intervals are calibrated) is forecast, in both directions, with the default law and
settings. The lender's runs are all seen, its larger ones too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd

from benchmarks._measured import measured_folder
from benchmarks._report import ReportTable, print_tables
from scaling.backtest import score_forecast
from scaling.inference.loss import fit_loss
from scaling.inference.pooled import fit_pooled
from scaling.laws import DEFAULT_LAW, law_class
from scaling.observations import LossObservations
from scaling.posterior import CALIBRATED_E_FOLDS, Backtest
from scaling.units import SizeConvention

_SEEN = (12, 16)


@final
@dataclass(frozen=True)
class Pair:
    """A family whose least runs are seen, the one that lends, and the larger runs to forecast."""

    name: str
    seen: LossObservations
    lender: LossObservations
    beyond: LossObservations


def pairs() -> Iterator[Pair]:
    """Every pair of families, in both directions, with 12 and with 16 runs seen."""
    for source, families in (("open_lm", _open_lm()), ("Porian", _porian()), ("Gemstones", _gemstones())):
        for few, runs in families.items():
            for lender, others in families.items():
                if lender != few:
                    yield from _few_of(f"{source}: {few} with {lender}", runs, others)


def _few_of(name: str, runs: LossObservations, lender: LossObservations) -> Iterator[Pair]:
    labels = np.asarray(runs.run)
    largest = {label: float(np.max((runs.size * runs.tokens)[labels == label])) for label in runs.runs()}
    ordered = sorted(largest, key=lambda label: largest[label])
    for count in _SEEN:
        seen = np.isin(labels, ordered[:count])
        compute = np.log(runs.size * runs.tokens)
        near = compute <= compute[seen].max() + CALIBRATED_E_FOLDS
        yield Pair(f"{name}, {count} runs", runs.select(seen), lender, runs.select(~seen & near))


def _open_lm() -> dict[str, LossObservations]:
    """Gadre et al. 2024: models of C4 and of RefinedWeb by their loss on C4."""
    frame = pd.read_csv(measured_folder() / "evals/openlm/losses_tidy.csv")
    frame = frame[frame["val_set"].str.contains("c4_val")]
    columns = {"run": "name", "size": "params_no_embed", "tokens": "tokens", "loss": "loss"}
    return {
        corpus: LossObservations.from_frame(
            frame.loc[frame["dataset"] == f"{corpus}_original", list(columns.values())],
            columns=columns,
            size_convention=SizeConvention.NON_EMBEDDING,
            validation_set="C4",
        )
        for corpus in ("c4", "rw")
    }


def _porian() -> dict[str, LossObservations]:
    """Porian et al. 2024: the tuned set-up on two corpora, each by its own validation loss."""
    frame = pd.read_csv(measured_folder() / "loss/porian/isoflop_points.csv")
    chosen = {"hparams": "tuned", "param_count": "standard", "val": "val"}
    frame = frame[np.logical_and.reduce([frame[name] == value for name, value in chosen.items()])]
    ratio = frame["t_tokens"] / frame["n_params"]
    frame = frame[(ratio >= 2) & (ratio <= 400)]
    return {
        corpus: LossObservations.from_frame(
            frame.loc[frame["dataset"] == corpus, ["n_params", "t_tokens", "loss"]],
            columns={"size": "n_params", "tokens": "t_tokens"},
            size_convention=SizeConvention.WITH_HEAD,
            validation_set=corpus,
        )
        for corpus in sorted(frame["dataset"].unique())
    }


def _gemstones() -> dict[str, LossObservations]:
    """McLeish et al. 2025: the same models by two validation sets."""
    columns = {"run": "run_name", "size": "params_active_precise", "loss": "final_loss"}
    folder = measured_folder() / "loss/gemstones"
    return {
        name: LossObservations.from_frame(
            pd.read_csv(folder / f"fineweb_{name}_val_losses.csv"), columns=columns, validation_set=name
        )
        for name in ("dclm", "edu")
    }


def _row(test: Backtest) -> tuple[str, ...]:
    return (
        f"{100 * test.mean_relative_error:.2f} %",
        f"{test.cover:.2f}",
        f"{100 * test.mean_width:.1f}",
        f"{100 * test.interval_score:.1f}",
    )


def tables() -> list[ReportTable]:
    """Forecasts of the larger runs, pooled beside alone."""
    law = law_class(DEFAULT_LAW)
    rows: list[tuple[object, ...]] = []
    tests: dict[str, list[Backtest]] = {"alone": [], "pooled": []}
    for pair in pairs():
        few = fit_pooled({"few": pair.seen, "lender": pair.lender}, law).families["few"]
        found = {
            "alone": score_forecast(fit_loss(pair.seen, law).posterior, pair.beyond),
            "pooled": score_forecast(few.posterior, pair.beyond),
        }
        borrowed = " ".join(f"{share:.0%}" for share in few.borrowed.values())
        for label, test in found.items():
            tests[label].append(test)
            name = f"{pair.name} ({len(pair.seen)}/{len(pair.beyond)} rows)" if label == "alone" else ""
            rows.append((name, label, *_row(test), borrowed if label == "pooled" else ""))
    for label, each in tests.items():
        means = np.mean([(t.mean_relative_error, t.cover, t.mean_width, t.interval_score) for t in each], axis=0)
        figures = f"{100 * means[0]:.2f} %", f"{means[1]:.2f}", f"{100 * means[2]:.1f}", f"{100 * means[3]:.1f}"
        rows.append(("mean" if label == "alone" else "", label, *figures, ""))
    return [
        ReportTable(
            "Few runs of one family, forecast alone and with another family",
            (
                "family, lender, runs seen (rows seen/held out)",
                "fit",
                "error",
                "cover",
                "width %",
                "score x100",
                "borrowed",
            ),
            rows,
            notes=(
                "Nominal 90 % intervals of every larger run of the family; error: mean relative, of the median; score: "
                "interval score of ln L. Borrowed: share of what is known of each pooled exponent that comes from the "
                f"lender. One law (`{DEFAULT_LAW}`), one setting.",
            ),
        )
    ]


def main() -> None:
    print_tables(tables())


if __name__ == "__main__":
    main()
