import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from scaling.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SizeConvention(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIZE_CONVENTION_UNSPECIFIED: _ClassVar[SizeConvention]
    SIZE_CONVENTION_NON_EMBEDDING: _ClassVar[SizeConvention]
    SIZE_CONVENTION_WITH_HEAD: _ClassVar[SizeConvention]
    SIZE_CONVENTION_TOTAL: _ClassVar[SizeConvention]
    SIZE_CONVENTION_ACTIVE: _ClassVar[SizeConvention]
SIZE_CONVENTION_UNSPECIFIED: SizeConvention
SIZE_CONVENTION_NON_EMBEDDING: SizeConvention
SIZE_CONVENTION_WITH_HEAD: SizeConvention
SIZE_CONVENTION_TOTAL: SizeConvention
SIZE_CONVENTION_ACTIVE: SizeConvention

class Dataset(_message.Message):
    __slots__ = ("name", "display_name", "size_convention", "validation_set", "latest_revision", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_CONVENTION_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SET_FIELD_NUMBER: _ClassVar[int]
    LATEST_REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    size_convention: SizeConvention
    validation_set: str
    latest_revision: DatasetRevision
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., size_convention: _Optional[_Union[SizeConvention, str]] = ..., validation_set: _Optional[str] = ..., latest_revision: _Optional[_Union[DatasetRevision, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DatasetRevision(_message.Message):
    __slots__ = ("name", "content_digest", "loss_row_count", "score_row_count", "tasks", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LOSS_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORE_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    content_digest: str
    loss_row_count: int
    score_row_count: int
    tasks: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., content_digest: _Optional[str] = ..., loss_row_count: _Optional[int] = ..., score_row_count: _Optional[int] = ..., tasks: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LossObservation(_message.Message):
    __slots__ = ("run", "parameter_count", "token_count", "loss_nats_per_token")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run: str
    parameter_count: float
    token_count: float
    loss_nats_per_token: float
    def __init__(self, run: _Optional[str] = ..., parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ..., loss_nats_per_token: _Optional[float] = ...) -> None: ...

class ScoreObservation(_message.Message):
    __slots__ = ("run", "parameter_count", "token_count", "loss_nats_per_token", "task", "metric", "score", "item_count", "chance")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOSS_NATS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANCE_FIELD_NUMBER: _ClassVar[int]
    run: str
    parameter_count: float
    token_count: float
    loss_nats_per_token: float
    task: str
    metric: str
    score: float
    item_count: float
    chance: float
    def __init__(self, run: _Optional[str] = ..., parameter_count: _Optional[float] = ..., token_count: _Optional[float] = ..., loss_nats_per_token: _Optional[float] = ..., task: _Optional[str] = ..., metric: _Optional[str] = ..., score: _Optional[float] = ..., item_count: _Optional[float] = ..., chance: _Optional[float] = ...) -> None: ...
