"""FitService."""

from __future__ import annotations

from typing import Any, final

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from sqlalchemy import Connection, Row

from scaling.errors import InvalidInput, NotEnoughRuns, Violation
from scaling.laws import law_class
from scaling.v1 import fit_pb2
from scaling.v1 import fit_service_pb2 as pb
from scaling_server.changes import Changes
from scaling_server.convert.fits import fit_proto, new_fit, operation_proto, reference_fit_proto
from scaling_server.datastore import datasets, fits, operations
from scaling_server.datastore.database import Database
from scaling_server.errors import ReadOnly, ResourceExists, ResourceNotFound
from scaling_server.jobs.scheduler import Scheduler
from scaling_server.names import DatasetName, FitName, alias_only, fit_name
from scaling_server.paging import Pager, page_size
from scaling_server.registry import FitRegistry, Staleness, staleness


@final
class FitServicer:
    """Fits laws and links to datasets."""

    def __init__(
        self, database: Database, changes: Changes, pager: Pager, *, registry: FitRegistry, scheduler: Scheduler
    ) -> None:
        self._database, self._changes, self._pager = database, changes, pager
        self._registry, self._scheduler = registry, scheduler

    async def create_fit(self, request: pb.CreateFitRequest) -> operations_pb2.Operation:
        """Queue a fit."""
        new = new_fit(request)
        if new.fit in self._registry.reference_names:
            name = str(FitName(new.fit))
            raise ResourceExists(f"{name} is a reference fit of this server. Choose another name.", subject=name)

        def change(connection: Connection) -> operations_pb2.Operation:
            revision = datasets.get_revision(connection, new.dataset, new.pinned_revision)
            _require_enough(revision, new.law)
            _require_tasks(revision, new.tasks)
            operation = fits.create_fit(connection, new, revision=revision.revision)
            return operation_proto(operations.get(connection, operation), None, None)

        return await self._changes.apply(request, operations_pb2.Operation, change)

    async def get_fit(self, request: pb.GetFitRequest) -> fit_pb2.Fit:
        """A fit by its alias, or one version."""
        name = fit_name(request.name, field="name")
        if name.fit in self._registry.reference_names:
            return await self._database.read(lambda _: self._reference(name))
        return await self._database.read(lambda connection: self._fit(connection, name))

    async def list_fits(self, request: pb.ListFitsRequest) -> pb.ListFitsResponse:
        """A page of fits by name, reference fits among them."""
        after, size = self._pager.position(request) or "", page_size(request)

        def page(connection: Connection) -> pb.ListFitsResponse:
            rows = {row.id: row for row in fits.list_fits(connection, after=after, limit=size + 1)}
            reference = {name for name in self._registry.reference_names if name > after}
            names = sorted({*rows, *reference})[: size + 1]
            response = pb.ListFitsResponse(
                fits=[
                    self._reference(FitName(name)) if name in reference else self._fit(connection, FitName(name))
                    for name in names[:size]
                ]
            )
            if len(names) > size:
                response.next_page_token = self._pager.token(request, names[size - 1])
            return response

        return await self._database.read(page)

    async def list_fit_versions(self, request: pb.ListFitVersionsRequest) -> pb.ListFitVersionsResponse:
        """A page of versions, the newest first."""
        fit = alias_only(request.parent, field="parent")
        before, size = self._pager.position(request), page_size(request)

        def page(connection: Connection) -> pb.ListFitVersionsResponse:
            if fit in self._registry.reference_names:
                return pb.ListFitVersionsResponse(fits=[self._reference(FitName(fit, 1))])
            rows = fits.list_versions(connection, fit, before=before, limit=size + 1)
            response = pb.ListFitVersionsResponse(
                fits=[self._fit(connection, FitName(fit, row.version)) for row in rows[:size]]
            )
            if len(rows) > size:
                response.next_page_token = self._pager.token(request, rows[size - 1].version)
            return response

        return await self._database.read(page)

    async def delete_fit(self, request: pb.DeleteFitRequest) -> Empty:
        """Delete a fit and cancel what is fitting it."""
        fit = alias_only(request.name, field="name")
        if fit in self._registry.reference_names:
            raise ReadOnly(f"{request.name} is a reference fit and cannot be deleted.", subject=request.name)
        unfinished: list[str] = []

        def change(connection: Connection) -> Empty:
            unfinished.extend(fits.delete_fit(connection, fit))
            return Empty()

        answer = await self._changes.apply(request, Empty, change)
        if not request.validate_only:
            for operation in unfinished:
                await self._scheduler.cancel(operation)
        return answer

    def _fit(self, connection: Connection, name: FitName) -> fit_pb2.Fit:
        fit = fits.get_fit(connection, name.fit)
        number = name.version or fit.active_version or fit.latest_version
        stale = staleness(connection, fit) if name.version is None else Staleness()
        return versioned_fit(connection, self._registry, fit, number, stale=stale, name=name)

    def _reference(self, name: FitName) -> fit_pb2.Fit:
        if name.version not in (None, 1):
            raise ResourceNotFound(f"There is no {name}: a reference fit has one version.", subject=str(name))
        return reference_fit_proto(self._registry.reference.document(name.fit), name=name)


def versioned_fit(
    connection: Connection, registry: FitRegistry, fit: Row[Any], number: int, *, stale: Staleness, name: FitName
) -> fit_pb2.Fit:
    """One version of `fit` as a proto called `name`."""
    version = fits.get_version(connection, fit.id, number)
    document = registry.document(version.artefact) if version.artefact else None
    return fit_proto(fit, version, document, stale=stale, name=name)


def _require_enough(revision: Row[Any], law: str) -> None:
    """Refuse at once what cannot be fitted; the worker finds out the rest."""
    coefficients = len(law_class(law).coefficients)
    if revision.loss_row_count <= coefficients:
        name = DatasetName(revision.dataset, revision.revision)
        raise NotEnoughRuns(
            f"{law!r} has {coefficients} coefficients and a noise scale, but {name} has {revision.loss_row_count} loss "
            "rows. Append runs at other sizes or token counts."
        )


def _require_tasks(revision: Row[Any], tasks: Any) -> None:
    unknown = [task for task in tasks if task not in revision.tasks]
    if unknown:
        there = ", ".join(revision.tasks) or "none"
        raise InvalidInput(
            "A task has no scores.",
            [
                Violation(f"fit.tasks[{list(tasks).index(task)}]", f"no scores of {task!r}; there are: {there}")
                for task in unknown
            ],
        )
