"""`scaling backtest`: had you fitted the smaller runs, how wrong would you have been at the larger?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._backtest import backtest_facts, write_backtest
from scaling.cli._options import (
    BytesPerToken,
    ColumnsText,
    Convention,
    FromCompute,
    Json,
    Plot,
    Unit,
    ValidationSet,
    read_counts,
)
from scaling.cli._output import keep_programs, note, progress_on_stderr, write_json, write_line
from scaling.laws import DEFAULT_LAW
from scaling.observations import LossObservations, noticed, parse_columns
from scaling.observations._tables import table_from_file, table_from_text
from scaling.observations.reading import Reading, losses_from_table
from scaling.units import format_count, format_flops

if TYPE_CHECKING:
    from scaling.backtest import CutAxis
    from scaling.posterior import Backtest

app = typer.Typer()

RunsFile = Annotated[str, typer.Argument(help="CSV, TSV, Parquet, JSON or JSON lines; - reads stdin.")]
Below = Annotated[
    list[str] | None,
    typer.Option(
        "--below",
        help="Fit the runs up to this compute (or size, tokens) and forecast the others; repeat it. "
        "Default: the .4 to .9 quantiles, as every fit does.",
        show_default=False,
    ),
]
AxisName = Annotated[str, typer.Option("--axis", help="What the runs are cut along: compute, size or tokens.")]


@app.command()
def backtest(
    runs: RunsFile,
    *,
    below: Below = None,
    axis: AxisName = "compute",
    law: Annotated[str, typer.Option("--law", help="Law of the loss.")] = DEFAULT_LAW,
    columns: ColumnsText = None,
    size_convention: Convention = None,
    loss_unit: Unit = None,
    bytes_per_token: BytesPerToken = None,
    tokens_from_compute: FromCompute = False,
    validation_set: ValidationSet = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all draws.")] = 0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Fit the smaller runs, forecast the larger, and score the forecasts by how far beyond they lie.

    Example: scaling backtest runs.csv --below 1e16
    """
    from scaling.laws import law_class

    needed = tuple(spec.name for spec in law_class(law).covariates)
    reading = Reading(
        columns=parse_columns(columns, covariates=needed) if columns else None,
        size_convention=size_convention,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        tokens_from_compute=tokens_from_compute,
        validation_set=validation_set,
        covariates=needed,
    )
    chosen = _axis(axis)
    asked = [count for text in below or () for count in read_counts(text, field="below")]
    table = table_from_text(sys.stdin.read(), name="standard input") if runs == "-" else table_from_file(runs)
    losses = losses_from_table(LossObservations, table, reading)
    for warning in noticed(losses):
        note(f"Warning: {warning}")
    test, cuts = _tested(losses, asked, axis=chosen, law=law, seed=seed)
    if plot is not None:
        from scaling.figures import draw_backtest

        draw_backtest(test, plot, along=chosen.value)
    if as_json:
        write_json(_document(test, cuts, losses, axis=chosen, law=law))
    else:
        _print(test, cuts, axis=chosen, law=law)


def _axis(name: str) -> CutAxis:
    from scaling.backtest import CutAxis
    from scaling.errors import InvalidInput

    try:
        return CutAxis(name)
    except ValueError as error:
        raise InvalidInput(f"--axis {name!r} given; one of {', '.join(CutAxis)} is needed.") from error


def _tested(
    losses: LossObservations, asked: list[float], *, axis: CutAxis, law: str, seed: int
) -> tuple[Backtest, list[float]]:
    from scaling.backtest import fair_cuts, forecast_beyond
    from scaling.inference.settings import FitSettings

    cuts = sorted(asked) or list(fair_cuts(losses, axis=axis, law=law))
    keep_programs()
    with progress_on_stderr() as progress:
        return forecast_beyond(
            losses, cuts, axis=axis, law=law, settings=FitSettings(seed=seed), progress=progress
        ), cuts


def _document(
    test: Backtest, cuts: list[float], losses: LossObservations, *, axis: CutAxis, law: str
) -> dict[str, Any]:
    return {
        "law": law,
        "axis": axis.value,
        "below": cuts,
        "size_convention": losses.size_convention.value,
        "validation_set": losses.validation_set,
        "data_digest": losses.digest,
        "all": test.summary().model_dump(mode="json"),
        "by_factor": backtest_facts(test.by_factor()),
        "levels": [0.05, 0.5, 0.95],
        "forecasts": [
            {
                "run": test.run[row],
                "size": test.size[row],
                "token_count": test.tokens[row],
                "factor": factor,
                "observed_loss_nats_per_token": test.observed[row],
                "loss_nats_per_token": [test.low[row], test.median[row], test.high[row]],
                "crps_nats_per_token": test.crps[row],
            }
            for row, factor in enumerate(test.factor)
        ],
    }


def _print(test: Backtest, cuts: list[float], *, axis: CutAxis, law: str) -> None:
    in_words = format_flops if axis.value == "compute" else format_count
    title = f"{law} fitted to {axis.value} of at most {', '.join(in_words(cut) for cut in cuts)}"
    write_backtest(title, test.by_factor())
    every = test.summary()
    write_line(
        f"All {every.forecasts} forecasts: mean relative error {100 * every.mean_relative_error:.2f} %, "
        f"90 % intervals hold {100 * every.cover:.0f} %, mean width {100 * every.mean_width:.2f} %."
    )
    if len(cuts) > 1:
        write_line("A run beyond several cuts is forecast from each of them.")
