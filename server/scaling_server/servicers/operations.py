"""`google.longrunning.Operations`."""

from __future__ import annotations

from typing import final

from google.longrunning import operations_pb2 as pb
from google.protobuf.empty_pb2 import Empty
from sqlalchemy import Connection

from scaling.errors import InvalidInput, Violation
from scaling_server.convert.fits import operation_proto
from scaling_server.datastore import fits, operations
from scaling_server.datastore.database import Database
from scaling_server.errors import ResourceNotFound
from scaling_server.jobs.scheduler import Scheduler
from scaling_server.names import FitName, operation_id
from scaling_server.paging import Pager, page_size
from scaling_server.registry import FitRegistry, Staleness
from scaling_server.servicers.fits import versioned_fit

LONGEST_WAIT_SECONDS = 300.0


@final
class OperationsServicer:
    """Gets, lists, cancels, deletes and waits for operations."""

    def __init__(self, database: Database, pager: Pager, *, registry: FitRegistry, scheduler: Scheduler) -> None:
        self._database, self._pager = database, pager
        self._registry, self._scheduler = registry, scheduler

    async def get_operation(self, request: pb.GetOperationRequest) -> pb.Operation:
        """An operation as it stands."""
        return await self._get(operation_id(request.name))

    async def list_operations(self, request: pb.ListOperationsRequest) -> pb.ListOperationsResponse:
        """A page of operations, the newest first."""
        violations = []
        if request.name not in ("", "operations"):
            violations.append(Violation("name", f"{request.name[:80]!r} given, 'operations' or nothing needed"))
        if request.filter:
            violations.append(Violation("filter", "filters are not supported"))
        if request.page_size < 0:
            violations.append(Violation("page_size", f"{request.page_size} given, a number of at least 0 needed"))
        if violations:
            raise InvalidInput("The operations asked for cannot be listed.", violations)
        position, size = self._pager.position(request), page_size(request)
        before = None if position is None else (int(position[0]), str(position[1]))

        def page(connection: Connection) -> pb.ListOperationsResponse:
            rows = operations.list_newest(connection, before=before, limit=size + 1)
            response = pb.ListOperationsResponse(operations=[self._proto(connection, row.id) for row in rows[:size]])
            if len(rows) > size:
                response.next_page_token = self._pager.token(request, [rows[size - 1].create_time, rows[size - 1].id])
            return response

        return await self._database.read(page)

    async def cancel_operation(self, request: pb.CancelOperationRequest) -> Empty:
        """Cancel an operation; nothing happens to one that has ended."""
        await self._scheduler.cancel(operation_id(request.name))
        return Empty()

    async def delete_operation(self, request: pb.DeleteOperationRequest) -> Empty:
        """Forget an operation that has ended; its fit stays."""
        operation = operation_id(request.name)
        await self._database.write(lambda connection: operations.remove(connection, operation))
        return Empty()

    async def wait_operation(self, request: pb.WaitOperationRequest) -> pb.Operation:
        """An operation once it has ended, or as it stands after the timeout, or when the server goes down."""
        operation = operation_id(request.name)
        asked = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else LONGEST_WAIT_SECONDS
        if asked < 0:
            raise InvalidInput("The timeout is below zero.", [Violation("timeout", f"{asked:g} s given")])
        await self._scheduler.wait_for(operation, seconds=min(asked, LONGEST_WAIT_SECONDS))
        return await self._get(operation)

    async def _get(self, operation: str) -> pb.Operation:
        return await self._database.read(lambda connection: self._proto(connection, operation))

    def _proto(self, connection: Connection, operation: str) -> pb.Operation:
        row = operations.get(connection, operation)
        response = None
        if row.state == "SUCCEEDED":
            try:
                fit = fits.get_fit(connection, row.fit)
                name = FitName(row.fit, row.version)
                response = versioned_fit(connection, self._registry, fit, row.version, stale=Staleness(), name=name)
            except ResourceNotFound:
                pass  # the fit has been deleted since; the operation still says that it succeeded
        return operation_proto(row, self._scheduler.progress.get(operation), response)
