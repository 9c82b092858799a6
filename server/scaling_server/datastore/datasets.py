"""Datasets and their rows. Every function belongs to one transaction of the caller's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from scaling.observations import LossObservations, ScoreObservations
from scaling.units import SizeConvention
from scaling_server.datastore.rows import LossRow, Rows, ScoreRow, checked
from scaling_server.datastore.schema import dataset_revisions, datasets, loss_rows, now_us, score_rows
from scaling_server.errors import ResourceExists, ResourceNotFound
from scaling_server.names import DatasetName


@final
class Appended(NamedTuple):
    """What an append did: the newest revision, and how many rows repeated earlier ones."""

    revision: Row[Any]
    duplicate_row_count: int
    is_new: bool


def create_dataset(
    connection: Connection, dataset: str, *, display_name: str, size_convention: SizeConvention, validation_set: str
) -> None:
    """Create an empty dataset, revision 1; raises `ResourceExists`."""
    if connection.scalar(select(datasets.c.id).where(datasets.c.id == dataset)) is not None:
        name = DatasetName(dataset)
        raise ResourceExists(f"{name} exists. Append to it, or choose another name.", subject=str(name))
    connection.execute(
        insert(datasets).values(
            id=dataset,
            display_name=display_name,
            size_convention=size_convention.value,
            validation_set=validation_set or "unspecified",
            latest_revision=0,
            create_time=now_us(),
        )
    )
    _add_revision(connection, get_dataset(connection, dataset), Rows([], []))


def get_dataset(connection: Connection, dataset: str) -> Row[Any]:
    """The dataset; raises `ResourceNotFound`."""
    row = connection.execute(select(datasets).where(datasets.c.id == dataset)).one_or_none()
    if row is None:
        name = str(DatasetName(dataset))
        raise ResourceNotFound(f"There is no {name}.", subject=name)
    return row


def get_revision(connection: Connection, dataset: str, revision: int | None = None) -> Row[Any]:
    """One revision, the newest where none is named; raises `ResourceNotFound`."""
    number = revision or get_dataset(connection, dataset).latest_revision
    columns = dataset_revisions.c
    row = connection.execute(
        select(dataset_revisions).where(columns.dataset == dataset, columns.revision == number)
    ).one_or_none()
    if row is None:
        name = str(DatasetName(dataset, number))
        raise ResourceNotFound(f"There is no {name}.", subject=name)
    return row


def list_datasets(connection: Connection, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """Datasets by name, those after `after`."""
    return connection.execute(select(datasets).where(datasets.c.id > after).order_by(datasets.c.id).limit(limit)).all()


def list_revisions(connection: Connection, dataset: str, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Revisions, the newest first, those before `before`; raises `ResourceNotFound` for the dataset."""
    get_dataset(connection, dataset)
    columns = dataset_revisions.c
    query = select(dataset_revisions).where(columns.dataset == dataset)
    if before is not None:
        query = query.where(columns.revision < before)
    return connection.execute(query.order_by(columns.revision.desc()).limit(limit)).all()


def delete_dataset(connection: Connection, dataset: str) -> None:
    """Delete the dataset with all its rows; raises `ResourceNotFound`."""
    get_dataset(connection, dataset)
    connection.execute(delete(datasets).where(datasets.c.id == dataset))


def list_rows(connection: Connection, dataset: str, *, scores: bool, first: int, end: int) -> Sequence[Row[Any]]:
    """Loss rows, or score rows, numbered `first` to `end` - 1."""
    table = score_rows if scores else loss_rows
    return connection.execute(
        select(table).where(table.c.dataset == dataset, table.c.row >= first, table.c.row < end).order_by(table.c.row)
    ).all()


def append(connection: Connection, dataset: str, new: Rows) -> Appended:
    """Append `new` as the next revision.

    A row that repeats an earlier one in everything is left out and counted; where nothing is left, there is no new
    revision. Raises `ResourceNotFound`, and `InvalidInput` with every row that contradicts an earlier one.
    """
    record = get_dataset(connection, dataset)
    newest = get_revision(connection, dataset)
    old = read_rows(connection, newest)
    kept, duplicates = checked(new, old)
    if not kept.losses and not kept.scores:
        return Appended(newest, duplicates, False)
    _insert(connection, loss_rows, kept.losses, dataset=dataset, first=newest.loss_row_count)
    _insert(connection, score_rows, kept.scores, dataset=dataset, first=newest.score_row_count)
    revision = _add_revision(connection, record, Rows([*old.losses, *kept.losses], [*old.scores, *kept.scores]))
    return Appended(revision, duplicates, True)


def read_rows(connection: Connection, revision: Row[Any]) -> Rows:
    """Every row of a revision."""
    found = {}
    for scores, count in ((False, revision.loss_row_count), (True, revision.score_row_count)):
        found[scores] = list_rows(connection, revision.dataset, scores=scores, first=0, end=count)
    return Rows.of(found[False], found[True])


def read_observations(
    connection: Connection, dataset: str, revision: int
) -> tuple[LossObservations, ScoreObservations | None]:
    """Losses and, where there are any, scores of a revision, as the library takes them."""
    record = get_dataset(connection, dataset)
    return _observations(record, read_rows(connection, get_revision(connection, dataset, revision)))


def content_digest(losses: LossObservations, scores: ScoreObservations | None) -> str:
    """SHA-256 of losses and scores by task, the digest that a fit of all tasks carries."""
    by_task = {} if scores is None else {task: scores.for_task(task).digest for task in scores.tasks()}
    return hashlib.sha256(json.dumps({"losses": losses.digest, "scores": by_task}, sort_keys=True).encode()).hexdigest()


def _insert(
    connection: Connection, table: Table, rows: Sequence[LossRow] | Sequence[ScoreRow], *, dataset: str, first: int
) -> None:
    if rows:
        names = rows[0]._fields
        values = [
            {"dataset": dataset, "row": first + index, **dict(zip(names, row, strict=True))}
            for index, row in enumerate(rows)
        ]
        connection.execute(insert(table), values)


def _add_revision(connection: Connection, dataset: Row[Any], rows: Rows) -> Row[Any]:
    losses, scores = _observations(dataset, rows)
    number = dataset.latest_revision + 1
    connection.execute(
        insert(dataset_revisions).values(
            dataset=dataset.id,
            revision=number,
            content_digest=content_digest(losses, scores),
            loss_row_count=len(rows.losses),
            score_row_count=len(rows.scores),
            tasks=list(scores.tasks()) if scores is not None else [],
            create_time=now_us(),
        )
    )
    connection.execute(update(datasets).where(datasets.c.id == dataset.id).values(latest_revision=number))
    return get_revision(connection, dataset.id, number)


def _observations(dataset: Row[Any], rows: Rows) -> tuple[LossObservations, ScoreObservations | None]:
    convention, validation_set = SizeConvention(dataset.size_convention), dataset.validation_set
    losses = LossObservations(
        # A row without a label is a run of its own.
        run=tuple(row.run or f"#{index}" for index, row in enumerate(rows.losses)),
        **_columns(rows.losses, ("size", "tokens", "loss")),
        size_convention=convention,
        validation_set=validation_set,
    )
    if not rows.scores:
        return losses, None
    scores = ScoreObservations(
        run=tuple(row.run for row in rows.scores),
        task=tuple(row.task for row in rows.scores),
        metric=tuple(row.metric for row in rows.scores),
        **_columns(rows.scores, ("size", "tokens", "loss", "score", "item_count", "chance")),
        size_convention=convention,
        validation_set=validation_set,
    )
    return losses, scores


def _columns(rows: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: np.array([getattr(row, name) for row in rows], dtype=np.float64) for name in names}
