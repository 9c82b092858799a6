"""Changes: one transaction each, answered once per request id, or rolled back where only a check was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final

from google.protobuf.message import Message
from sqlalchemy import Connection

from scaling_server.datastore.database import Database
from scaling_server.datastore.requests import earlier_answer, keep_answer

M = TypeVar("M", bound=Message)


@final
class _OnlyChecked(Exception):
    """Rolls a transaction back that was only to be checked."""


@final
class Changes:
    """Applies changes to the database."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        self._database, self._changed = database, changed

    async def apply(self, request: Any, response_class: type[M], change: Callable[[Connection], M]) -> M:
        """Run `change` for `request` and return its answer, which is on disk.

        A repeat of a `request_id` gets the answer that the first one got. With `validate_only` everything is checked,
        nothing is changed, and the answer is the one there would be. Raises `RequestIdReused` and what `change` raises.
        """

        def transaction(connection: Connection) -> M:
            if request.validate_only:
                checked.append(change(connection))
                raise _OnlyChecked
            earlier = earlier_answer(connection, request, response_class)
            if earlier is not None:
                return earlier
            answer = change(connection)
            keep_answer(connection, request, answer)
            return answer

        checked: list[M] = []
        try:
            answer = await self._database.write(transaction)
        except _OnlyChecked:
            return checked[0]
        self._changed()
        return answer
