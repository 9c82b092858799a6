from google.api import client_pb2 as _client_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from scaling.v1 import dataset_pb2 as _dataset_pb2
from scaling.v1 import rules_pb2 as _rules_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateDatasetRequest(_message.Message):
    __slots__ = ("dataset_id", "dataset", "request_id", "validate_only")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    dataset: _dataset_pb2.Dataset
    request_id: str
    validate_only: bool
    def __init__(self, dataset_id: _Optional[str] = ..., dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets", "next_page_token")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[_dataset_pb2.Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteDatasetRequest(_message.Message):
    __slots__ = ("name", "request_id", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class AppendObservationsRequest(_message.Message):
    __slots__ = ("dataset", "loss_observations", "score_observations", "request_id", "validate_only")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    LOSS_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    SCORE_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    loss_observations: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.LossObservation]
    score_observations: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.ScoreObservation]
    request_id: str
    validate_only: bool
    def __init__(self, dataset: _Optional[str] = ..., loss_observations: _Optional[_Iterable[_Union[_dataset_pb2.LossObservation, _Mapping]]] = ..., score_observations: _Optional[_Iterable[_Union[_dataset_pb2.ScoreObservation, _Mapping]]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class AppendObservationsResponse(_message.Message):
    __slots__ = ("revision", "duplicate_row_count", "refit_operations")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFIT_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    revision: _dataset_pb2.DatasetRevision
    duplicate_row_count: int
    refit_operations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, revision: _Optional[_Union[_dataset_pb2.DatasetRevision, _Mapping]] = ..., duplicate_row_count: _Optional[int] = ..., refit_operations: _Optional[_Iterable[str]] = ...) -> None: ...

class ListLossObservationsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLossObservationsResponse(_message.Message):
    __slots__ = ("loss_observations", "next_page_token", "revision")
    LOSS_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    loss_observations: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.LossObservation]
    next_page_token: str
    revision: str
    def __init__(self, loss_observations: _Optional[_Iterable[_Union[_dataset_pb2.LossObservation, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class ListScoreObservationsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListScoreObservationsResponse(_message.Message):
    __slots__ = ("score_observations", "next_page_token", "revision")
    SCORE_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    score_observations: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.ScoreObservation]
    next_page_token: str
    revision: str
    def __init__(self, score_observations: _Optional[_Iterable[_Union[_dataset_pb2.ScoreObservation, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class GetDatasetRevisionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDatasetRevisionsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetRevisionsResponse(_message.Message):
    __slots__ = ("dataset_revisions", "next_page_token")
    DATASET_REVISIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset_revisions: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.DatasetRevision]
    next_page_token: str
    def __init__(self, dataset_revisions: _Optional[_Iterable[_Union[_dataset_pb2.DatasetRevision, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
