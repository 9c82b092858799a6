"""Between the library's types and protos."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from scaling.errors import InvalidInput, UnitMismatch, Violation
from scaling.observations import LossObservations, ScoreObservations
from scaling.units import SizeConvention
from scaling.v1 import dataset_pb2, prediction_service_pb2

M = TypeVar("M", bound=Message)
T = TypeVar("T")
_CONVENTION_PREFIX = "SIZE_CONVENTION_"


def named(collection: str, name: str) -> str:
    """`collection/name`, where only the name was given."""
    return name if name.startswith(f"{collection}/") else f"{collection}/{name}"


def request_id() -> str:
    """A new id, so that a change sent twice happens once."""
    return str(uuid.uuid4())


def duration(seconds: float) -> Duration:
    """Seconds as a Duration."""
    proto = Duration()
    proto.FromNanoseconds(round(seconds * 1e9))
    return proto


def unpacked(packed: AnyMessage, kind: type[M]) -> M:
    """The message inside an Any."""
    message = kind()
    packed.Unpack(message)
    return message


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in order, `size` at a time."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


def convention_proto(convention: SizeConvention) -> str:
    """The proto's name of a size convention."""
    return _CONVENTION_PREFIX + convention.name


def convention_of(value: int) -> SizeConvention:
    """The library's size convention."""
    return SizeConvention[dataset_pb2.SizeConvention.Name(value).removeprefix(_CONVENTION_PREFIX)]  # type: ignore[arg-type]


def require_same_conventions(rows: LossObservations | ScoreObservations, dataset: dataset_pb2.Dataset) -> None:
    """Raise `UnitMismatch` where `rows` state another size convention or validation set than the dataset."""
    stated = {"size_convention": convention_of(dataset.size_convention), "validation_set": dataset.validation_set}
    violations = [
        Violation(field, f"the rows state {getattr(rows, field)!s}, {dataset.name} states {value!s}")
        for field, value in stated.items()
        if getattr(rows, field) != value
    ]
    if violations:
        raise UnitMismatch(f"The rows do not belong in {dataset.name}: convert them, or use another.", violations)


def loss_protos(rows: LossObservations | None) -> list[dataset_pb2.LossObservation]:
    """Loss rows as messages."""
    if rows is None:
        return []
    columns = zip(rows.run, rows.size.tolist(), rows.tokens.tolist(), rows.loss.tolist(), strict=True)
    return [
        dataset_pb2.LossObservation(run=run, parameter_count=size, token_count=tokens, loss_nats_per_token=loss)
        for run, size, tokens, loss in columns
    ]


def score_protos(rows: ScoreObservations | None) -> list[dataset_pb2.ScoreObservation]:
    """Score rows as messages."""
    if rows is None:
        return []
    numbers = (rows.size, rows.tokens, rows.loss, rows.score, rows.item_count, rows.chance)
    columns = zip(rows.run, rows.task, rows.metric, *(values.tolist() for values in numbers), strict=True)
    return [
        dataset_pb2.ScoreObservation(
            run=run,
            task=task,
            metric=metric,
            parameter_count=size,
            token_count=tokens,
            loss_nats_per_token=loss,
            score=score,
            item_count=items,
            chance=chance,
        )
        for run, task, metric, size, tokens, loss, score, items, chance in columns
    ]


def losses_of(rows: Sequence[dataset_pb2.LossObservation], dataset: dataset_pb2.Dataset) -> LossObservations:
    """Loss rows as the library takes them; a row without a run is one of its own."""
    return LossObservations(
        run=tuple(row.run or f"#{index}" for index, row in enumerate(rows)),
        **_checkpoint_columns(rows),
        size_convention=convention_of(dataset.size_convention),
        validation_set=dataset.validation_set,
    )


def scores_of(rows: Sequence[dataset_pb2.ScoreObservation], dataset: dataset_pb2.Dataset) -> ScoreObservations:
    """Score rows as the library takes them."""
    return ScoreObservations(
        run=tuple(row.run for row in rows),
        task=tuple(row.task for row in rows),
        metric=tuple(row.metric for row in rows),
        **_checkpoint_columns(rows),
        **{name: _column(rows, name) for name in ("score", "item_count", "chance")},
        size_convention=convention_of(dataset.size_convention),
        validation_set=dataset.validation_set,
    )


def points(given: Sequence[tuple[float, float]]) -> list[prediction_service_pb2.Point]:
    """Sizes and tokens as messages."""
    return [prediction_service_pb2.Point(parameter_count=size, token_count=tokens) for size, tokens in given]


def path(
    *, tokens_per_parameter: float | None, tokens: float | None, size: float | None = None
) -> prediction_service_pb2.TrainingPath:
    """How size and tokens grow together; raises `InvalidInput` where more than one way is given."""
    given: Mapping[str, float | None] = {
        "tokens_per_parameter": tokens_per_parameter,
        "token_count": tokens,
        "parameter_count": size,
    }
    held: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if len(held) > 1:
        raise InvalidInput("Hold one of tokens per parameter, tokens and size along a path.")
    return prediction_service_pb2.TrainingPath(**(held or {"compute_optimal": True}))


def _checkpoint_columns(rows: Sequence[Any]) -> dict[str, Any]:
    names = {"size": "parameter_count", "tokens": "token_count", "loss": "loss_nats_per_token"}
    return {own: _column(rows, name) for own, name in names.items()}


def _column(rows: Sequence[Any], name: str) -> Any:
    return np.array([getattr(row, name) for row in rows], dtype=np.float64)
