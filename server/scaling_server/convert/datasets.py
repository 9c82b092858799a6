"""Datasets and their rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from scaling.units import SizeConvention
from scaling.v1 import dataset_pb2, dataset_service_pb2
from scaling_server.convert.times import timestamp
from scaling_server.datastore.rows import LossRow, Rows, ScoreRow
from scaling_server.names import DatasetName

_CONVENTIONS = {
    SizeConvention.UNSPECIFIED: dataset_pb2.SIZE_CONVENTION_UNSPECIFIED,
    SizeConvention.NON_EMBEDDING: dataset_pb2.SIZE_CONVENTION_NON_EMBEDDING,
    SizeConvention.WITH_HEAD: dataset_pb2.SIZE_CONVENTION_WITH_HEAD,
    SizeConvention.TOTAL: dataset_pb2.SIZE_CONVENTION_TOTAL,
    SizeConvention.ACTIVE: dataset_pb2.SIZE_CONVENTION_ACTIVE,
}
_CONVENTIONS_BACK = {int(value): convention for convention, value in _CONVENTIONS.items()}


def size_convention_proto(convention: SizeConvention) -> dataset_pb2.SizeConvention:
    """The proto's enum value."""
    return _CONVENTIONS[convention]


def size_convention(value: int) -> SizeConvention:
    """The library's convention; the value has been validated."""
    return _CONVENTIONS_BACK[value]


def dataset_proto(dataset: Row[Any], revision: Row[Any]) -> dataset_pb2.Dataset:
    """A dataset with its newest revision."""
    return dataset_pb2.Dataset(
        name=str(DatasetName(dataset.id)),
        display_name=dataset.display_name,
        size_convention=size_convention_proto(SizeConvention(dataset.size_convention)),
        validation_set=dataset.validation_set,
        latest_revision=revision_proto(revision),
        create_time=timestamp(dataset.create_time),
    )


def revision_proto(revision: Row[Any]) -> dataset_pb2.DatasetRevision:
    """One revision."""
    return dataset_pb2.DatasetRevision(
        name=str(DatasetName(revision.dataset, revision.revision)),
        content_digest=revision.content_digest,
        loss_row_count=revision.loss_row_count,
        score_row_count=revision.score_row_count,
        tasks=revision.tasks,
        create_time=timestamp(revision.create_time),
    )


def rows_of(request: dataset_service_pb2.AppendObservationsRequest) -> Rows:
    """The rows to append."""
    losses = [
        LossRow(row.run, row.parameter_count, row.token_count, row.loss_nats_per_token)
        for row in request.loss_observations
    ]
    scores = [
        ScoreRow(
            run=row.run,
            size=row.parameter_count,
            tokens=row.token_count,
            loss=row.loss_nats_per_token,
            task=row.task,
            metric=row.metric,
            score=row.score,
            item_count=row.item_count,
            chance=row.chance,
        )
        for row in request.score_observations
    ]
    return Rows(losses, scores)


def loss_proto(row: Row[Any]) -> dataset_pb2.LossObservation:
    """One loss row."""
    return dataset_pb2.LossObservation(
        run=row.run, parameter_count=row.size, token_count=row.tokens, loss_nats_per_token=row.loss
    )


def score_proto(row: Row[Any]) -> dataset_pb2.ScoreObservation:
    """One score row."""
    return dataset_pb2.ScoreObservation(
        run=row.run,
        parameter_count=row.size,
        token_count=row.tokens,
        loss_nats_per_token=row.loss,
        task=row.task,
        metric=row.metric,
        score=row.score,
        item_count=row.item_count,
        chance=row.chance,
    )
