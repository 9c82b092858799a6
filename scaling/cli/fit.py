"""`scaling fit`: runs in, a stored posterior out."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaling.cli._fit_report import report_fit
from scaling.cli._options import (
    BytesPerToken,
    ColumnsText,
    Convention,
    FromCompute,
    Json,
    Plot,
    Store,
    TaskKeys,
    Unit,
    ValidationSet,
    read_by_task,
    store_root,
)
from scaling.cli._output import (
    keep_programs,
    note,
    progress_on_stderr,
)
from scaling.errors import AlreadyExists, StoreUnavailable
from scaling.laws import DEFAULT_LAW
from scaling.observations import LossObservations, ScoreObservations, noticed, parse_columns
from scaling.observations._tables import table_from_file, table_from_text
from scaling.observations.reading import Reading, losses_from_table, scores_from_table
from scaling.observations.selection import after_early_training

if TYPE_CHECKING:
    from scaling.observations._tables import RawTable
    from scaling.posterior import Fit
    from scaling.store import FitStore

app = typer.Typer()

RunsFile = Annotated[str, typer.Argument(help="CSV, TSV, Parquet, JSON or JSON lines; - reads stdin.")]
ScoresFile = Annotated[str | None, typer.Option("--scores", help="Task scores of checkpoints.", show_default=False)]
ScoreColumns = Annotated[
    str | None, typer.Option("--score-columns", help="As --columns, for the scores.", show_default=False)
]
ItemCount = Annotated[
    str | None, typer.Option("--item-count", help="Test items: 256, or by task kv=256,sort=100.", show_default=False)
]
Chance = Annotated[
    str | None, typer.Option("--chance", help="Score of guessing: 0.25, or by task kv=.25,sort=0.", show_default=False)
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", help="Metric to take; repeat it for several.", show_default=False)
]
DropFirst = Annotated[
    float, typer.Option("--drop-first", min=0.0, max=0.9, help="Share of each run to leave out of the law as early.")
]


@app.command()
def fit(
    runs: RunsFile,
    *,
    name: Annotated[str, typer.Option("--name", help="Name of the fit to store.")],
    scores: ScoresFile = None,
    law: Annotated[str, typer.Option("--law", help="Law of the loss.")] = DEFAULT_LAW,
    tasks: TaskKeys = None,
    columns: ColumnsText = None,
    score_columns: ScoreColumns = None,
    size_convention: Convention = None,
    loss_unit: Unit = None,
    bytes_per_token: BytesPerToken = None,
    tokens_from_compute: FromCompute = False,
    validation_set: ValidationSet = None,
    item_count: ItemCount = None,
    chance: Chance = None,
    metrics: Metrics = None,
    drop_first: DropFirst = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Seed; the same data and seed give the same draws.")] = 0,
    store: Store = None,
    replace_existing: Annotated[bool, typer.Option("--replace", help="Replace a fit of this name.")] = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Fit a law to runs, and to each task's scores where given; store it under a name.

    Example: scaling fit runs.csv --scores scores.csv --name my-fit
    """
    from scaling.laws import law_class

    needed = tuple(spec.name for spec in law_class(law).covariates)
    place = _place_for(name, store, replace_existing=replace_existing)
    reading = Reading(
        columns=parse_columns(columns, covariates=needed) if columns else None,
        size_convention=size_convention,
        loss_unit=loss_unit,
        bytes_per_token=bytes_per_token,
        tokens_from_compute=tokens_from_compute,
        validation_set=validation_set,
        item_count=read_by_task(item_count, field="item-count"),
        chance=read_by_task(chance, field="chance"),
        metrics=metrics,
        covariates=needed,
    )
    losses = _losses(runs, reading, drop_first=drop_first)
    scored = None if scores is None else _scores(scores, reading, columns=score_columns)
    for warning in (*noticed(losses), *(scored.warnings if scored else ())):
        note(f"Warning: {warning}")
    made = _fitted(losses, scored, name=name, law=law, tasks=tasks, seed=seed)
    place.save(made, replace=replace_existing)
    note(f"Stored as {place.root / name}.")
    if plot is not None:
        from scaling.figures import draw_loss_law

        draw_loss_law(made, plot)
    report_fit(made, as_json=as_json)


def _place_for(name: str, store: Path | None, *, replace_existing: bool) -> FitStore:
    """Where the fit will be stored; what would keep it from being stored is raised before the work, not after it."""
    from scaling.store import FitStore
    from scaling.store._folder import require_name

    require_name(name)
    place = FitStore(store_root(store))
    if name in place.names() and not replace_existing:
        raise AlreadyExists(f"There is a fit {name!r} in {place.root} already. Choose another name, or give --replace.")
    _require_writable(place.root)
    return place


def _losses(path: str, reading: Reading, *, drop_first: float) -> LossObservations:
    losses = losses_from_table(LossObservations, _table(path), reading)
    if not drop_first:
        return losses
    return replace(losses.select(after_early_training(losses, share=drop_first)), warnings=losses.warnings)


def _scores(path: str, reading: Reading, *, columns: str | None) -> ScoreObservations:
    own = replace(reading, columns=parse_columns(columns) if columns else reading.columns)
    return scores_from_table(ScoreObservations, _table(path), own)


def _require_writable(root: Path) -> None:
    """Raise `StoreUnavailable` where a fit could not be stored, before it is made."""
    there = next(parent for parent in (root.absolute(), *root.absolute().parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise StoreUnavailable(f"Fits cannot be stored in {root}: {there} is no folder that can be written.")


def _table(path: str) -> RawTable:
    return table_from_text(sys.stdin.read(), name="standard input") if path == "-" else table_from_file(path)


def _fitted(
    losses: LossObservations,
    scores: ScoreObservations | None,
    *,
    name: str,
    law: str,
    tasks: list[str] | None,
    seed: int,
) -> Fit:
    from scaling.inference.fit import fit as fit_observations
    from scaling.inference.settings import FitSettings
    from scaling.posterior import Finding

    keep_programs()
    with progress_on_stderr() as progress:
        made = fit_observations(
            losses, scores, name=name, law=law, tasks=tasks, settings=FitSettings(seed=seed), progress=progress
        )
    of_scores = scores.warnings if scores else ()  # those of the losses the fit has noticed itself
    return replace(
        made,
        findings=(
            *made.findings,
            *(Finding.of_warning(warning) for warning in of_scores),
        ),
    )
