"""`scaling datasets`: observations and fits kept by a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.cli._options import (
    BytesPerToken,
    ColumnsText,
    Convention,
    Json,
    TaskKeys,
    Unit,
    ValidationSet,
    read_by_task,
)
from scaling.cli._output import note, progress_on_stderr, write_json, write_line, write_table
from scaling.errors import InvalidInput
from scaling.laws import DEFAULT_LAW
from scaling.units import SizeConvention

if TYPE_CHECKING:
    from scaling.client import Client
    from scaling.v1 import dataset_pb2, fit_pb2

app = typer.Typer(no_args_is_help=True, help="Keep observations on a server, append new evals, fit what follows.")

Server = Annotated[
    str, typer.Option("--server", envvar="SCALING_SERVER", help="Address of a server, host:port.", show_default=True)
]
LOCAL = "127.0.0.1:50151"
Authority = Annotated[
    str | None, typer.Option("--tls-authority", help="PEM file that vouches for the server.", show_default=False)
]
DatasetName = Annotated[str, typer.Argument(help="Name of a dataset.", show_default=False)]


@app.command()
def create(
    name: DatasetName,
    *,
    size_convention: Convention = None,
    validation_set: ValidationSet = None,
    server: Server = LOCAL,
    tls_authority: Authority = None,
    as_json: Json = False,
) -> None:
    """Create an empty dataset; its conventions hold for every row.

    Example: scaling datasets create ladder --size-convention non_embedding
    """
    with _client(server, tls_authority) as client:
        made = client.create_dataset(
            name,
            size_convention=size_convention or SizeConvention.UNSPECIFIED,
            validation_set=validation_set or "unspecified",
        )
    _show(made, as_json=as_json)


@app.command("list")
def list_datasets(server: Server = LOCAL, tls_authority: Authority = None, as_json: Json = False) -> None:
    """List the datasets of a server.

    Example: scaling datasets list
    """
    with _client(server, tls_authority) as client:
        found = [_facts(each) for each in client.list_datasets()]
    if as_json:
        write_json({"datasets": found})
        return
    rows = [(each["name"], str(each["revision"]), str(each["losses"]), str(each["scores"])) for each in found]
    write_table(f"Datasets of {server}", ("name", "revision", "loss rows", "score rows"), rows)


@app.command()
def show(name: DatasetName, server: Server = LOCAL, tls_authority: Authority = None, as_json: Json = False) -> None:
    """Show a dataset: its conventions, newest revision, digest and tasks.

    Example: scaling datasets show ladder
    """
    with _client(server, tls_authority) as client:
        _show(client.get_dataset(name), as_json=as_json)


@app.command()
def append(
    name: DatasetName,
    *,
    losses: Annotated[str | None, typer.Option("--losses", help="File of losses.", show_default=False)] = None,
    scores: Annotated[str | None, typer.Option("--scores", help="File of task scores.", show_default=False)] = None,
    columns: ColumnsText = None,
    loss_unit: Unit = None,
    bytes_per_token: BytesPerToken = None,
    item_count: Annotated[str | None, typer.Option("--item-count", help="Test items: 256, or sort=100,kv=256.")] = None,
    chance: Annotated[str | None, typer.Option("--chance", help="Score of guessing: 0.25, or by task.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the fits that follow.")] = False,
    server: Server = LOCAL,
    tls_authority: Authority = None,
    as_json: Json = False,
) -> None:
    """Append rows as a new revision; fits that follow the dataset are made again.

    Example: scaling datasets append ladder --losses runs.csv
    """
    from scaling.observations import parse_columns, read_loss_observations, read_score_observations

    if losses is None and scores is None:
        raise InvalidInput("There is nothing to append. Give --losses, --scores or both.")
    with _client(server, tls_authority) as client:
        there = client.get_dataset(name)
        reading: dict[str, Any] = {
            "columns": parse_columns(columns) if columns else None,
            "size_convention": _convention_of(there),
            "loss_unit": loss_unit,
            "bytes_per_token": bytes_per_token,
            "validation_set": there.validation_set if there.validation_set != "unspecified" else None,
        }
        items, guess = read_by_task(item_count, field="item-count"), read_by_task(chance, field="chance")
        answer = client.append(
            name,
            losses=read_loss_observations(losses, **reading) if losses else None,
            scores=read_score_observations(scores, item_count=items, chance=guess, **reading) if scores else None,
        )
        if answer.duplicate_row_count:
            note(f"{answer.duplicate_row_count} rows repeat earlier ones and are counted once.")
        if wait:
            for operation in answer.refit_operations:
                _wait(client, operation)
        refits = list(answer.refit_operations)
        revision = answer.revision
    if as_json:
        write_json(
            {"revision": revision.name, "digest": revision.content_digest, "refits": refits}
            | {"duplicates": answer.duplicate_row_count}
        )
        return
    write_line(f"{revision.name}: {revision.loss_row_count} loss rows, {revision.score_row_count} score rows")
    for operation in refits:
        write_line(f"refit: {operation}")


@app.command()
def fit(
    name: DatasetName,
    *,
    fit_name: Annotated[str, typer.Option("--name", help="Name of the fit to make.")],
    law: Annotated[str, typer.Option("--law", help="Law of the loss.")] = DEFAULT_LAW,
    tasks: TaskKeys = None,
    follow: Annotated[bool, typer.Option("--follow", help="Fit again whenever rows are appended.")] = False,
    server: Server = LOCAL,
    tls_authority: Authority = None,
    as_json: Json = False,
) -> None:
    """Fit a dataset on the server, and wait until the fit answers.

    Example: scaling datasets fit ladder --name ladder-fit --follow
    """
    with _client(server, tls_authority) as client:
        operation = client.create_fit(fit_name, name, law=law, tasks=tasks or (), follow_dataset=follow)
        made = _wait(client, operation.name)
    facts = {"name": made.name, "law": made.law, "data_digest": made.data_digest, "tasks": list(made.fitted_tasks)}
    if as_json:
        write_json({"fit": facts, "findings": [finding.message for finding in made.findings]})
        return
    rows = [(key, f"{each.low:.6g}", f"{each.median:.6g}", f"{each.high:.6g}") for key, each in _sorted(made)]
    write_table(f"{made.name}: {made.formula}", ("coefficient", "5 %", "median", "95 %"), rows)
    for finding in made.findings:
        note(f"Finding: {finding.message}")


@app.command()
def delete(name: DatasetName, server: Server = LOCAL, tls_authority: Authority = None) -> None:
    """Delete a dataset that no fit follows, with all its revisions.

    Example: scaling datasets delete unused
    """
    with _client(server, tls_authority) as client:
        client.delete_dataset(name)


def _client(server: str, authority: str | None) -> Client:
    from pathlib import Path

    from scaling.client import Client, Tls

    return Client(server, tls=None if authority is None else Tls(authority=Path(authority)))


def _wait(client: Client, operation: str) -> fit_pb2.Fit:
    from scaling.inference.progress import ProgressEvent

    with progress_on_stderr() as report:

        def told(metadata: fit_pb2.FitOperationMetadata) -> None:
            report(
                ProgressEvent(
                    metadata.phase or "waiting for a worker",
                    metadata.done_count,
                    metadata.total_count or 1,
                    divergences=metadata.divergence_count,
                )
            )

        return client.wait_for_fit(operation, progress=told)


def _convention_of(dataset: dataset_pb2.Dataset) -> SizeConvention | None:
    from scaling.client import convention_of

    convention = convention_of(dataset.size_convention)
    return None if convention is SizeConvention.UNSPECIFIED else convention


def _facts(dataset: dataset_pb2.Dataset) -> dict[str, Any]:
    revision = dataset.latest_revision
    return {
        "name": dataset.name.removeprefix("datasets/"),
        "revision": int(revision.name.rpartition("/")[2]),
        "digest": revision.content_digest,
        "losses": revision.loss_row_count,
        "scores": revision.score_row_count,
        "tasks": list(revision.tasks),
        "validation_set": dataset.validation_set,
    }


def _show(dataset: dataset_pb2.Dataset, *, as_json: bool) -> None:
    from scaling.client import convention_of

    facts = _facts(dataset) | {"size_convention": str(convention_of(dataset.size_convention))}
    if as_json:
        write_json({"dataset": facts})
        return
    for key, value in facts.items():
        write_line(f"{key}: {', '.join(value) or 'none' if isinstance(value, list) else value}")


def _sorted(fit: fit_pb2.Fit) -> list[tuple[str, fit_pb2.Quantiles]]:
    return sorted(fit.coefficients.items())
