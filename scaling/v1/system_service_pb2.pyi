import datetime

from google.api import client_pb2 as _client_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ("version", "software_versions", "limits", "laws", "devices", "start_time")
    class SoftwareVersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    LAWS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    version: str
    software_versions: _containers.ScalarMap[str, str]
    limits: Limits
    laws: _containers.RepeatedCompositeFieldContainer[Law]
    devices: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[str] = ..., software_versions: _Optional[_Mapping[str, str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., laws: _Optional[_Iterable[_Union[Law, _Mapping]]] = ..., devices: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_request_bytes", "max_point_count", "max_quantile_count", "max_string_bytes", "max_append_row_count", "max_page_size", "max_queue_length", "max_stream_count", "operation_retention_days")
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_POINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_QUANTILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_STRING_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_APPEND_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_COUNT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    max_request_bytes: int
    max_point_count: int
    max_quantile_count: int
    max_string_bytes: int
    max_append_row_count: int
    max_page_size: int
    max_queue_length: int
    max_stream_count: int
    operation_retention_days: int
    def __init__(self, max_request_bytes: _Optional[int] = ..., max_point_count: _Optional[int] = ..., max_quantile_count: _Optional[int] = ..., max_string_bytes: _Optional[int] = ..., max_append_row_count: _Optional[int] = ..., max_page_size: _Optional[int] = ..., max_queue_length: _Optional[int] = ..., max_stream_count: _Optional[int] = ..., operation_retention_days: _Optional[int] = ...) -> None: ...

class Law(_message.Message):
    __slots__ = ("name", "formula", "coefficients")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    COEFFICIENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    formula: str
    coefficients: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., formula: _Optional[str] = ..., coefficients: _Optional[_Iterable[str]] = ...) -> None: ...
