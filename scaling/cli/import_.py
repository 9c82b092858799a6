"""`scaling import`: loss logs of other tools into a table that `scaling fit` reads."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import Convention, Json
from scaling.cli._output import note, write_json, write_line
from scaling.errors import AlreadyExists, InvalidInput, StoreUnavailable
from scaling.units import parse_count

if TYPE_CHECKING:
    from scaling.observations import LossObservations

app = typer.Typer()

_SUMMARY = "Turn loss logs of other tools into one table of runs; everything that is missing is asked for at once."

Source = Annotated[str, typer.Argument(help="Which tool wrote the files; see above.")]
Files = Annotated[list[Path], typer.Argument(help="Files of runs, or folders that hold them.", show_default=False)]
SizeText = Annotated[
    str | None,
    typer.Option("--size", help="Parameters: 190M for all runs, or run-a=190M,run-b=1B.", show_default=False),
]
LossName = Annotated[
    str | None,
    typer.Option(
        "--loss", help="Which logged loss, or validation set, to take; asked for if several.", show_default=False
    ),
]
TokensPerStep = Annotated[
    float | None, typer.Option("--tokens-per-step", help="Where the log counts steps only.", show_default=False)
]
BatchSize = Annotated[
    float | None,
    typer.Option("--batch-size", help="Sequences a step: all devices, accumulation included.", show_default=False),
]
SequenceLength = Annotated[
    float | None, typer.Option("--sequence-length", help="Tokens a sequence.", show_default=False)
]
RunLabel = Annotated[str | None, typer.Option("--run", help="Label of the run in a single file.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="CSV to write; stdout if none.", show_default=False)]


def _help() -> str:
    """What the command does, and what every importer there is reads."""
    from scaling.importers import importers

    sources = [f"{each.name}: {each.title}." for each in importers().values()]
    return "\n\n".join((_SUMMARY, *sources, "Example: scaling import wandb history.csv --size 16M -o imported.csv"))


@app.command(help=_help())
def import_(
    source: Source,
    files: Files,
    *,
    size: SizeText = None,
    size_convention: Convention = None,
    loss: LossName = None,
    tokens_per_step: TokensPerStep = None,
    batch_size: BatchSize = None,
    sequence_length: SequenceLength = None,
    run: RunLabel = None,
    out: Out = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Read the logs, say what was noticed, write the table."""
    from scaling.importers import ImportRequest, import_losses

    if out is not None and out.suffix.lower() != ".csv":
        raise InvalidInput(f"{str(out)!r} is no name of a table that is written here: it must end in .csv.")
    if out is not None and out.exists() and not replace:
        raise AlreadyExists(f"There is a file {str(out)!r} already. Choose another name, or give --replace.")
    request = ImportRequest(
        size=_sizes(size),
        size_convention=size_convention,
        loss=loss,
        tokens_per_step=tokens_per_step,
        batch_size=batch_size,
        sequence_length=sequence_length,
        run=run,
    )
    losses = import_losses(source, files, request=request)
    for warning in losses.warnings:
        note(f"Warning: {warning}")
    rows = _rows(losses)
    text = _csv(rows)
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreUnavailable(f"The table {out} cannot be written: {error.strerror or error}.") from error
    if as_json:
        warnings = [{"reason": each.reason.value, "message": each.message} for each in losses.warnings]
        write_json({"data_digest": losses.digest, "warnings": warnings, "rows": rows})
    elif out is None:
        typer.echo(text, nl=False)
    else:
        write_line(f"{len(losses)} rows of {len(losses.runs())} runs on {losses.validation_set!r} in {out}.")


def _sizes(text: str | None) -> float | dict[str, float] | None:
    """`190M`, or `run-a=190M,run-b=1B` by run; a label may hold equals signs, as open_lm's do."""
    if text is None:
        return None
    try:
        if "=" not in text:
            return parse_count(text)
        parts = [word.rpartition("=") for word in text.split(",")]
        return {label.strip(): parse_count(count) for label, _, count in parts}
    except InvalidInput as error:
        raise InvalidInput(f"--size cannot be read. {error.summary} Write 190M, or run-a=190M,run-b=1B.") from error


def _rows(losses: LossObservations) -> list[dict[str, Any]]:
    """One mapping a row, by the column names that state units."""
    columns: dict[str, Any] = {
        "run": losses.run,
        "size": losses.size.tolist(),
        "tokens": losses.tokens.tolist(),
        "loss_nats_per_token": losses.loss.tolist(),
        "size_convention": [losses.size_convention.value] * len(losses),
        "validation_set": [losses.validation_set] * len(losses),
    }
    if losses.cooled is not None:
        columns["cooled"] = ["yes" if each else "no" for each in losses.cooled]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _csv(rows: list[dict[str, Any]]) -> str:
    target = io.StringIO()
    writer = csv.DictWriter(target, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()
