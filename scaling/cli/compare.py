"""`scaling compare`: which law forecasts the larger runs best from the smaller ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import (
    BytesPerToken,
    ColumnsText,
    Convention,
    FromCompute,
    Json,
    Unit,
    ValidationSet,
    read_counts,
)
from scaling.cli._output import keep_programs, note, progress_on_stderr, write_json, write_line, write_table
from scaling.errors import InvalidInput
from scaling.observations import LossObservations, noticed, parse_columns
from scaling.observations._tables import table_from_file, table_from_text
from scaling.observations.reading import Reading, losses_from_table
from scaling.units import format_count

if TYPE_CHECKING:
    from scaling.inference.comparison import LawComparison

app = typer.Typer()

_LEVELS = (0.05, 0.5, 0.95)
_LAWS = ("skaling", "chinchilla", "tied")

RunsFile = Annotated[str, typer.Argument(help="CSV, TSV, Parquet, JSON or JSON lines; - reads stdin.")]
Laws = Annotated[
    list[str] | None,
    typer.Option("--law", help=f"Law to compare; repeat it. Default: {', '.join(_LAWS)}.", show_default=False),
]
SizeText = Annotated[
    str | None, typer.Option("--size", help="Forecast by the mixture at these sizes: 7B,13B.", show_default=False)
]
TokensText = Annotated[str | None, typer.Option("--tokens", help="Tokens for --size: one, or one a size.")]


@app.command()
def compare(
    runs: RunsFile,
    *,
    laws: Laws = None,
    size: SizeText = None,
    tokens: TokensText = None,
    columns: ColumnsText = None,
    size_convention: Convention = None,
    loss_unit: Unit = None,
    bytes_per_token: BytesPerToken = None,
    tokens_from_compute: FromCompute = False,
    validation_set: ValidationSet = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Compare laws by their forecasts of held-out larger runs, and average them by these.

    Example: scaling compare runs.csv --law skaling --law chinchilla
    """
    reading = Reading(
        columns=parse_columns(columns) if columns else None,
        size_convention=size_convention,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        tokens_from_compute=tokens_from_compute,
        validation_set=validation_set,
    )
    if (size is None) != (tokens is None):
        raise InvalidInput("--size and --tokens belong together: give both for a forecast, or none.")
    table = table_from_text(sys.stdin.read(), name="standard input") if runs == "-" else table_from_file(runs)
    losses = losses_from_table(LossObservations, table, reading)
    for warning in noticed(losses):
        note(f"Warning: {warning}")
    from scaling.inference.comparison import compare_laws
    from scaling.inference.settings import FitSettings

    keep_programs()
    with progress_on_stderr() as progress:
        found = compare_laws(losses, laws or _LAWS, settings=FitSettings(seed=seed), progress=progress)
    forecast = [] if size is None or tokens is None else _forecast(found, size, tokens, seed=seed)
    if as_json:
        write_json(_document(found, forecast))
    else:
        _print(found, forecast)
    for name, reason in found.failed.items():
        note(f"Warning: {name!r} could not be fitted: {reason}")


def _forecast(found: LawComparison, size: str, tokens: str, *, seed: int) -> list[dict[str, Any]]:
    import numpy as np

    from scaling.predict.loss import require_counts, sorted_quantiles

    sizes, budgets = np.broadcast_arrays(read_counts(size, field="size"), read_counts(tokens, field="tokens"))
    require_counts(size=sizes, tokens=budgets)
    loss = found.predictive(sizes, budgets, rng=np.random.default_rng([seed, 6]))
    quantiles = sorted_quantiles(loss, _LEVELS).T
    return [
        {"size": float(n), "tokens": float(d), "loss_nats_per_token": [float(q) for q in each]}
        for n, d, each in zip(sizes, budgets, quantiles, strict=True)
    ]


def _document(found: LawComparison, forecast: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "laws": [
            {
                "law": law.name,
                "weight": found.mixture.weights[law.name],
                "scores": law.scores,
                "backtest": law.summary.model_dump(mode="json") if law.summary else None,
            }
            for law in found.laws
        ],
        "cuts_size_times_tokens": found.cuts,
        "failed": found.failed,
        "levels": list(_LEVELS),
        "forecast": forecast,
    }


def _print(found: LawComparison, forecast: list[dict[str, Any]]) -> None:
    rows = []
    for law in found.laws:
        test = law.summary
        scored = (
            ("-",) * 4
            if test is None
            else (
                f"{100 * test.mean_relative_error:.2f} %",
                f"{test.cover:.2f}",
                f"{100 * test.mean_width:.1f} %",
                f"{float(law.scores.mean()):.2f}",
            )
        )
        rows.append((law.name, *scored, f"{found.mixture.weights[law.name]:.2f}"))
    write_table(
        f"Larger runs forecast from smaller ones, {len(found.cuts)} cuts",
        ("law", "error", "cover of 90 %", "width", "mean log density", "weight"),
        rows,
    )
    if not len(found.cuts):
        write_line("Too few runs for a cut: the weights are equal, and nothing was compared.")
    for each in forecast:
        low, middle, high = each["loss_nats_per_token"]
        where = f"{format_count(each['size'])} on {format_count(each['tokens'])} tokens"
        write_line(f"{where}, laws averaged: {middle:.4f} [{low:.4f}, {high:.4f}] nats per token")
