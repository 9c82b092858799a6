"""`scaling fit`: runs in, a stored posterior out."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    fit_facts,
    read_by_task,
    store_root,
)
from scaling.cli._output import (
    keep_programs,
    note,
    number_interval,
    progress_on_stderr,
    write_json,
    write_line,
    write_table,
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
    from scaling.store import FitStore
    from scaling.store._folder import require_name

    needed = tuple(spec.name for spec in law_class(law).covariates)
    require_name(name)
    place = FitStore(store_root(store))
    if name in place.names() and not replace_existing:  # before the work, not after it
        raise AlreadyExists(f"There is a fit {name!r} in {place.root} already. Choose another name, or give --replace.")
    _require_writable(place.root)
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
    losses = losses_from_table(LossObservations, _table(runs), reading)
    if drop_first:
        losses = replace(losses.select(after_early_training(losses, share=drop_first)), warnings=losses.warnings)
    scored = None
    if scores is not None:
        score_reading = replace(reading, columns=parse_columns(score_columns) if score_columns else reading.columns)
        scored = scores_from_table(ScoreObservations, _table(scores), score_reading)
    for warning in (*noticed(losses), *(scored.warnings if scored else ())):
        note(f"Warning: {warning}")
    made = _fitted(losses, scored, name=name, law=law, tasks=tasks, seed=seed)
    place.save(made, replace=replace_existing)
    note(f"Stored as {place.root / name}.")
    if plot is not None:
        from scaling.figures import draw_loss_law

        draw_loss_law(made, plot)
    _report(made, as_json=as_json)


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
    from scaling.posterior import Finding, FindingCode

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
            *(Finding(code=FindingCode.DATA_QUALITY, message=str(warning)) for warning in of_scores),
        ),
    )


def _report(made: Fit, *, as_json: bool) -> None:
    import numpy as np

    from scaling.posterior import FindingCode

    coefficients = {
        name: np.quantile(values, (0.05, 0.5, 0.95)) for name, values in made.loss.law.to_coefficients().items()
    }
    diagnostics = made.diagnostics.model_dump() if made.diagnostics else None
    if as_json:
        document: dict[str, Any] = {
            "fit": fit_facts(made),
            "levels": [0.05, 0.5, 0.95],
            "coefficients": coefficients,
            "diagnostics": diagnostics,
            "tasks": {
                task: {"verdict": str(score.verdict), "emerged_probability": score.p_emerged}
                for task, score in made.scores.items()
            },
            "findings": [finding.model_dump(mode="json") for finding in made.findings],
        }
        write_json(document)
        return
    specs = {spec.name: spec for spec in made.loss.law.coefficients}
    rows = [
        (f"{name} ({specs[name].meaning})", specs[name].unit, _significant(values))
        for name, values in coefficients.items()
    ]
    write_table(f"{made.name}: {made.loss.law.formula}", ("coefficient", "unit", "median [90 % interval]"), rows)
    if diagnostics:
        write_line(
            f"R-hat {diagnostics['max_r_hat']:.4f}, bulk ESS {diagnostics['min_bulk_ess']:.0f}, "
            f"divergences {diagnostics['divergences']}."
        )
    if made.scores:
        rows = [
            (task, str(score.verdict).replace("_", " "), number_interval([score.p_emerged], digits=2))
            for task, score in made.scores.items()
        ]
        write_table("Tasks", ("task", "verdict", "P(emerged)"), rows)
    for finding in made.findings:
        if finding.code is not FindingCode.DATA_QUALITY:  # said before the fit
            note(f"Finding: {finding.message}")


def _significant(values: Any) -> str:
    low, middle, high = (f"{float(value):.5g}" for value in values)
    return f"{middle} [{low}, {high}]"
