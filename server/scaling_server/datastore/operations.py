"""Operations, the queue among them. Every function belongs to one transaction of the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.rpc.status_pb2 import Status
from sqlalchemy import Connection, Row, delete, select, tuple_, update

from scaling_server.datastore import fits
from scaling_server.datastore.schema import fits as fits_table
from scaling_server.datastore.schema import now_us, operations
from scaling_server.errors import OperationNotDone, ResourceNotFound

DONE = ("SUCCEEDED", "FAILED", "CANCELLED")
_columns = operations.c


def get(connection: Connection, operation: str) -> Row[Any]:
    """The operation; raises `ResourceNotFound`."""
    row = connection.execute(select(operations).where(_columns.id == operation)).one_or_none()
    if row is None:
        name = f"operations/{operation}"
        raise ResourceNotFound(f"There is no {name}; ended ones are kept for a while only.", subject=name)
    return row


def list_newest(connection: Connection, *, before: tuple[int, str] | None, limit: int) -> Sequence[Row[Any]]:
    """Operations, the newest first, those before the given create time and id."""
    query = select(operations)
    if before is not None:
        query = query.where(tuple_(_columns.create_time, _columns.id) < tuple_(*before))
    return connection.execute(query.order_by(_columns.create_time.desc(), _columns.id.desc()).limit(limit)).all()


def claim_next(connection: Connection) -> Row[Any] | None:
    """Take the operation that waits longest: it is RUNNING now. None where none waits.

    The version it starts from is fixed at the first attempt, so that a second one gives the same draws.
    """
    row = connection.execute(
        select(operations).where(_columns.state == "QUEUED").order_by(_columns.create_time, _columns.id).limit(1)
    ).one_or_none()
    if row is None:
        return None
    warm_start = row.warm_start
    if row.attempt == 0:
        warm_start = connection.scalar(select(fits_table.c.active_version).where(fits_table.c.id == row.fit))
    connection.execute(
        update(operations)
        .where(_columns.id == row.id)
        .values(state="RUNNING", attempt=row.attempt + 1, start_time=now_us(), warm_start=warm_start)
    )
    return get(connection, row.id)


def requeue(connection: Connection, operation: str, *, lost_worker: bool) -> None:
    """Put a running operation back into the queue."""
    connection.execute(
        update(operations)
        .where(_columns.id == operation, _columns.state == "RUNNING")
        .values(state="QUEUED", lost_workers=_columns.lost_workers + (1 if lost_worker else 0))
    )


def requeue_all_running(connection: Connection) -> int:
    """Put back what a dead server left running; how many."""
    return connection.execute(update(operations).where(_columns.state == "RUNNING").values(state="QUEUED")).rowcount


def succeed(connection: Connection, operation: str, *, artefact: str, data_digest: str) -> bool:
    """End an operation with its version ACTIVE; False where it has ended otherwise meanwhile."""
    row = get(connection, operation)
    if row.state in DONE:
        return False
    fits.activate(connection, row.fit, row.version, artefact=artefact, data_digest=data_digest)
    _end(connection, operation, "SUCCEEDED", None)
    return True


def fail(connection: Connection, operation: str, *, error: Status, cancelled: bool = False) -> bool:
    """End an operation with `error`; False where it has ended already."""
    row = get(connection, operation)
    if row.state in DONE:
        return False
    state = "CANCELLED" if cancelled else "FAILED"
    fits.end_version(connection, row.fit, row.version, state=state, error=error)
    _end(connection, operation, state, error)
    return True


def remove(connection: Connection, operation: str) -> None:
    """Forget an ended operation; raises `ResourceNotFound`, `OperationNotDone`."""
    if get(connection, operation).state not in DONE:
        name = f"operations/{operation}"
        raise OperationNotDone(f"{name} has not ended. Cancel it or wait for it first.", subject=name)
    connection.execute(delete(operations).where(_columns.id == operation))


def forget_ended_before(connection: Connection, time_us: int) -> None:
    """Forget operations that ended before `time_us`."""
    connection.execute(delete(operations).where(_columns.state.in_(DONE), _columns.end_time < time_us))


def _end(connection: Connection, operation: str, state: str, error: Status | None) -> None:
    connection.execute(
        update(operations)
        .where(_columns.id == operation)
        .values(state=state, error=error.SerializeToString() if error else None, end_time=now_us())
    )
