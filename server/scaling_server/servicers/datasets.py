"""DatasetService."""

from __future__ import annotations

from typing import final

from google.protobuf.empty_pb2 import Empty
from sqlalchemy import Connection

from scaling.errors import InvalidInput, Violation
from scaling.v1 import dataset_pb2
from scaling.v1 import dataset_service_pb2 as pb
from scaling_server.changes import Changes
from scaling_server.convert.datasets import (
    dataset_proto,
    loss_proto,
    revision_proto,
    rows_of,
    score_proto,
    size_convention,
)
from scaling_server.datastore import datasets, fits
from scaling_server.datastore.database import Database
from scaling_server.errors import DatasetInUse
from scaling_server.limits import LIMITS
from scaling_server.names import DatasetName, dataset_name, dataset_only, revision_only
from scaling_server.paging import Pager, page_size


@final
class DatasetServicer:
    """Keeps observations."""

    def __init__(self, database: Database, changes: Changes, pager: Pager) -> None:
        self._database, self._changes, self._pager = database, changes, pager

    async def create_dataset(self, request: pb.CreateDatasetRequest) -> dataset_pb2.Dataset:
        """Create an empty dataset."""

        def change(connection: Connection) -> dataset_pb2.Dataset:
            datasets.create_dataset(
                connection,
                request.dataset_id,
                display_name=request.dataset.display_name,
                size_convention=size_convention(request.dataset.size_convention),
                validation_set=request.dataset.validation_set,
            )
            return _dataset(connection, request.dataset_id)

        return await self._changes.apply(request, dataset_pb2.Dataset, change)

    async def get_dataset(self, request: pb.GetDatasetRequest) -> dataset_pb2.Dataset:
        """A dataset with its newest revision."""
        dataset = dataset_only(request.name, field="name")
        return await self._database.read(lambda connection: _dataset(connection, dataset))

    async def list_datasets(self, request: pb.ListDatasetsRequest) -> pb.ListDatasetsResponse:
        """A page of datasets by name."""
        after, size = self._pager.position(request) or "", page_size(request)

        def page(connection: Connection) -> pb.ListDatasetsResponse:
            rows = datasets.list_datasets(connection, after=after, limit=size + 1)
            response = pb.ListDatasetsResponse(
                datasets=[dataset_proto(row, datasets.get_revision(connection, row.id)) for row in rows[:size]]
            )
            if len(rows) > size:
                response.next_page_token = self._pager.token(request, rows[size - 1].id)
            return response

        return await self._database.read(page)

    async def delete_dataset(self, request: pb.DeleteDatasetRequest) -> Empty:
        """Delete a dataset that no fit follows or is being made from."""
        dataset = dataset_only(request.name, field="name")

        def change(connection: Connection) -> Empty:
            users = fits.users_of_dataset(connection, dataset)
            if users:
                raise DatasetInUse(
                    f"{request.name} is used by {', '.join(users)}. Delete those fits, or wait for them, first.",
                    subject=request.name,
                )
            datasets.delete_dataset(connection, dataset)
            return Empty()

        return await self._changes.apply(request, Empty, change)

    async def append_observations(self, request: pb.AppendObservationsRequest) -> pb.AppendObservationsResponse:
        """Append rows as a new revision and queue what follows from it."""
        dataset = dataset_only(request.dataset, field="dataset")
        rows = rows_of(request)
        count = len(rows.losses) + len(rows.scores)
        if not 1 <= count <= LIMITS.max_append_row_count:
            needed = f"1 to {LIMITS.max_append_row_count} rows of both kinds together needed"
            raise InvalidInput(
                "The number of rows is out of range.", [Violation("loss_observations", f"{count} given, {needed}")]
            )

        def change(connection: Connection) -> pb.AppendObservationsResponse:
            appended = datasets.append(connection, dataset, rows)
            refits: list[str] = []
            if appended.is_new:
                refits = fits.queue_refits(connection, dataset, appended.revision.revision)
            return pb.AppendObservationsResponse(
                revision=revision_proto(appended.revision),
                duplicate_row_count=appended.duplicate_row_count,
                refit_operations=[f"operations/{operation}" for operation in refits],
            )

        return await self._changes.apply(request, pb.AppendObservationsResponse, change)

    async def list_loss_observations(self, request: pb.ListLossObservationsRequest) -> pb.ListLossObservationsResponse:
        """A page of loss rows of one revision."""
        name, first, size = self._rows_asked_for(request)

        def page(connection: Connection) -> pb.ListLossObservationsResponse:
            revision = datasets.get_revision(connection, name.dataset, name.revision)
            end = min(first + size, revision.loss_row_count)
            rows = datasets.list_rows(connection, name.dataset, scores=False, first=first, end=end)
            return pb.ListLossObservationsResponse(
                loss_observations=[loss_proto(row) for row in rows],
                next_page_token=self._next(request, revision.revision, end, revision.loss_row_count),
                revision=str(DatasetName(name.dataset, revision.revision)),
            )

        return await self._database.read(page)

    async def list_score_observations(
        self, request: pb.ListScoreObservationsRequest
    ) -> pb.ListScoreObservationsResponse:
        """A page of score rows of one revision."""
        name, first, size = self._rows_asked_for(request)

        def page(connection: Connection) -> pb.ListScoreObservationsResponse:
            revision = datasets.get_revision(connection, name.dataset, name.revision)
            end = min(first + size, revision.score_row_count)
            rows = datasets.list_rows(connection, name.dataset, scores=True, first=first, end=end)
            return pb.ListScoreObservationsResponse(
                score_observations=[score_proto(row) for row in rows],
                next_page_token=self._next(request, revision.revision, end, revision.score_row_count),
                revision=str(DatasetName(name.dataset, revision.revision)),
            )

        return await self._database.read(page)

    async def get_dataset_revision(self, request: pb.GetDatasetRevisionRequest) -> dataset_pb2.DatasetRevision:
        """One revision."""
        name = revision_only(request.name, field="name")
        return await self._database.read(
            lambda connection: revision_proto(datasets.get_revision(connection, name.dataset, name.revision))
        )

    async def list_dataset_revisions(self, request: pb.ListDatasetRevisionsRequest) -> pb.ListDatasetRevisionsResponse:
        """A page of revisions, the newest first."""
        dataset = dataset_only(request.parent, field="parent")
        before, size = self._pager.position(request), page_size(request)

        def page(connection: Connection) -> pb.ListDatasetRevisionsResponse:
            rows = datasets.list_revisions(connection, dataset, before=before, limit=size + 1)
            response = pb.ListDatasetRevisionsResponse(dataset_revisions=[revision_proto(row) for row in rows[:size]])
            if len(rows) > size:
                response.next_page_token = self._pager.token(request, rows[size - 1].revision)
            return response

        return await self._database.read(page)

    def _rows_asked_for(
        self, request: pb.ListLossObservationsRequest | pb.ListScoreObservationsRequest
    ) -> tuple[DatasetName, int, int]:
        """Dataset and revision, first row, and most rows: the token keeps a walk on the revision it began with."""
        name = dataset_name(request.parent, field="parent")
        revision, first = self._pager.position(request) or (name.revision, 0)
        return DatasetName(name.dataset, revision), first, page_size(request)

    def _next(
        self,
        request: pb.ListLossObservationsRequest | pb.ListScoreObservationsRequest,
        revision: int,
        end: int,
        count: int,
    ) -> str:
        return self._pager.token(request, [revision, end]) if end < count else ""


def _dataset(connection: Connection, dataset: str) -> dataset_pb2.Dataset:
    return dataset_proto(datasets.get_dataset(connection, dataset), datasets.get_revision(connection, dataset))
