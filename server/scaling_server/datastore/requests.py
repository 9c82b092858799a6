"""Answers by request id: a repeat of a change gets the answer that the first one got."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection, delete, insert, select

from scaling_server.datastore.schema import now_us, requests
from scaling_server.errors import RequestIdReused

M = TypeVar("M", bound=Message)


def earlier_answer(connection: Connection, request: Message, response_class: type[M]) -> M | None:
    """What this request's id was answered with before, if it was; raises `RequestIdReused` for another request."""
    request_id: str = request.request_id.lower()  # type: ignore[attr-defined]
    if not request_id:
        return None
    row = connection.execute(select(requests).where(requests.c.request_id == request_id)).one_or_none()
    if row is None:
        return None
    if (row.method, row.request_digest) != (request.DESCRIPTOR.full_name, _digest(request)):
        raise RequestIdReused(
            f"The request id {request_id} answered another request. Use a new id for a new request.",
            subject=request_id,
        )
    return response_class.FromString(row.response)


def keep_answer(connection: Connection, request: Message, response: Message) -> None:
    """Remember what this request's id was answered with."""
    request_id: str = request.request_id.lower()  # type: ignore[attr-defined]
    if request_id:
        connection.execute(
            insert(requests).values(
                request_id=request_id,
                method=request.DESCRIPTOR.full_name,
                request_digest=_digest(request),
                response=response.SerializeToString(),
                create_time=now_us(),
            )
        )


def forget_answers_before(connection: Connection, time_us: int) -> None:
    """Forget answers given before `time_us`."""
    connection.execute(delete(requests).where(requests.c.create_time < time_us))


def _digest(request: Message) -> str:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()
