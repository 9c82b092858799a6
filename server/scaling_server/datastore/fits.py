"""Fits, their versions and the alias. Every function belongs to one transaction of the caller's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from google.rpc.status_pb2 import Status
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from scaling_server.datastore.schema import dataset_revisions, fit_versions, fits, now_us, operations
from scaling_server.errors import QueueFull, ResourceExists, ResourceNotFound
from scaling_server.limits import LIMITS
from scaling_server.names import FitName


@final
@dataclass(frozen=True)
class NewFit:
    """What was asked for: see the proto `Fit`."""

    fit: str
    dataset: str
    pinned_revision: int | None
    follow_dataset: bool
    law: str
    tasks: Sequence[str]
    settings: Mapping[str, Any]


def create_fit(connection: Connection, new: NewFit, *, revision: int) -> str:
    """Create a fit and queue its first version; the operation's id. Raises `ResourceExists`, `QueueFull`."""
    if connection.scalar(select(fits.c.id).where(fits.c.id == new.fit)) is not None:
        name = str(FitName(new.fit))
        raise ResourceExists(f"{name} exists. Delete it, or choose another name.", subject=name)
    _require_room(connection)
    connection.execute(
        insert(fits).values(
            id=new.fit,
            dataset=new.dataset,
            pinned_revision=new.pinned_revision,
            follow_dataset=new.follow_dataset,
            law=new.law,
            tasks=list(new.tasks),
            settings=dict(new.settings),
            active_version=None,
            latest_version=0,
            create_time=now_us(),
        )
    )
    return _queue_version(connection, get_fit(connection, new.fit), revision)


def queue_refits(connection: Connection, dataset: str, revision: int) -> list[str]:
    """Queue a refit of every fit that follows `dataset`; the operations' ids.

    A refit that waits already takes the new revision instead: appends in quick succession make one refit.
    """
    followers = connection.execute(
        select(fits).where(fits.c.dataset == dataset, fits.c.follow_dataset).order_by(fits.c.id)
    ).all()
    return [_retarget(connection, fit, revision) or _queue_version(connection, fit, revision) for fit in followers]


def get_fit(connection: Connection, fit: str) -> Row[Any]:
    """The fit; raises `ResourceNotFound`."""
    row = connection.execute(select(fits).where(fits.c.id == fit)).one_or_none()
    if row is None:
        name = str(FitName(fit))
        raise ResourceNotFound(f"There is no {name}.", subject=name)
    return row


def get_version(connection: Connection, fit: str, version: int) -> Row[Any]:
    """One version; raises `ResourceNotFound`."""
    columns = fit_versions.c
    row = connection.execute(select(fit_versions).where(columns.fit == fit, columns.version == version)).one_or_none()
    if row is None:
        name = str(FitName(fit, version))
        raise ResourceNotFound(f"There is no {name}.", subject=name)
    return row


def list_fits(connection: Connection, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """Fits by name, those after `after`."""
    return connection.execute(select(fits).where(fits.c.id > after).order_by(fits.c.id).limit(limit)).all()


def list_versions(connection: Connection, fit: str, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Versions, the newest first, those before `before`; raises `ResourceNotFound` for the fit."""
    get_fit(connection, fit)
    columns = fit_versions.c
    query = select(fit_versions).where(columns.fit == fit)
    if before is not None:
        query = query.where(columns.version < before)
    return connection.execute(query.order_by(columns.version.desc()).limit(limit)).all()


def delete_fit(connection: Connection, fit: str) -> list[str]:
    """Delete the fit with its versions; the ids of operations that were at it and must be cancelled."""
    get_fit(connection, fit)
    columns = operations.c
    unfinished = connection.scalars(
        select(columns.id).where(columns.fit == fit, columns.state.in_(("QUEUED", "RUNNING")))
    ).all()
    connection.execute(delete(fits).where(fits.c.id == fit))
    return list(unfinished)


def users_of_dataset(connection: Connection, dataset: str) -> list[str]:
    """Names of the fits that follow `dataset` or are being made from it."""
    following = connection.scalars(select(fits.c.id).where(fits.c.dataset == dataset, fits.c.follow_dataset)).all()
    columns = operations.c
    making = connection.scalars(
        select(columns.fit).where(columns.dataset == dataset, columns.state.in_(("QUEUED", "RUNNING")))
    ).all()
    return sorted({str(FitName(fit)) for fit in (*following, *making)})


def activate(connection: Connection, fit: str, version: int, *, artefact: str, data_digest: str) -> None:
    """Make `version` ACTIVE and, unless a newer one answers already, move the alias to it."""
    columns = fit_versions.c
    connection.execute(
        update(fit_versions)
        .where(columns.fit == fit, columns.version == version)
        .values(state="ACTIVE", artefact=artefact, data_digest=data_digest, end_time=now_us())
    )
    connection.execute(
        update(fits)
        .where(fits.c.id == fit, func.coalesce(fits.c.active_version, 0) < version)
        .values(active_version=version)
    )


def end_version(connection: Connection, fit: str, version: int, *, state: str, error: Status) -> None:
    """Make `version` FAILED or CANCELLED; the alias stays."""
    columns = fit_versions.c
    connection.execute(
        update(fit_versions)
        .where(columns.fit == fit, columns.version == version, columns.state == "CREATING")
        .values(state=state, error=error.SerializeToString(), end_time=now_us())
    )


def artefacts_in_use(connection: Connection) -> set[str]:
    """Digests that some version names."""
    return set(connection.scalars(select(fit_versions.c.artefact).where(fit_versions.c.artefact.is_not(None))))


def _queue_version(connection: Connection, fit: Row[Any], revision: int) -> str:
    operation, version, now = uuid.uuid4().hex, fit.latest_version + 1, now_us()
    connection.execute(
        insert(fit_versions).values(
            fit=fit.id,
            version=version,
            state="CREATING",
            dataset_revision=revision,
            data_digest=_revision_digest(connection, fit.dataset, revision),
            operation=operation,
            create_time=now,
        )
    )
    connection.execute(update(fits).where(fits.c.id == fit.id).values(latest_version=version))
    connection.execute(
        insert(operations).values(
            id=operation,
            fit=fit.id,
            version=version,
            dataset=fit.dataset,
            dataset_revision=revision,
            state="QUEUED",
            attempt=0,
            lost_workers=0,
            create_time=now,
        )
    )
    return operation


def _retarget(connection: Connection, fit: Row[Any], revision: int) -> str | None:
    """Point a refit of `fit` that waits, and was never begun, at `revision`; its operation, if there is one."""
    columns = operations.c
    row = connection.execute(
        select(operations).where(columns.fit == fit.id, columns.state == "QUEUED", columns.attempt == 0)
    ).first()
    if row is None:
        return None
    connection.execute(update(operations).where(columns.id == row.id).values(dataset_revision=revision))
    digest = _revision_digest(connection, fit.dataset, revision)
    connection.execute(
        update(fit_versions)
        .where(fit_versions.c.fit == fit.id, fit_versions.c.version == row.version)
        .values(dataset_revision=revision, data_digest=digest)
    )
    return str(row.id)


def _revision_digest(connection: Connection, dataset: str, revision: int) -> str:
    columns = dataset_revisions.c
    query = select(columns.content_digest).where(columns.dataset == dataset, columns.revision == revision)
    return str(connection.scalar(query))


def _require_room(connection: Connection) -> None:
    waiting = connection.scalar(select(func.count()).where(operations.c.state == "QUEUED")) or 0
    if waiting >= LIMITS.max_queue_length:
        raise QueueFull(f"{waiting} fits are waiting, as many as this server takes. Try again later.")
