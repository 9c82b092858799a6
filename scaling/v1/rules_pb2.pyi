from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
RULES_FIELD_NUMBER: _ClassVar[int]
rules: _descriptor.FieldDescriptor
ONE_NEEDED_FIELD_NUMBER: _ClassVar[int]
one_needed: _descriptor.FieldDescriptor

class FieldRules(_message.Message):
    __slots__ = ("greater_than", "at_least", "less_than", "at_most", "min_items", "max_items", "pattern")
    GREATER_THAN_FIELD_NUMBER: _ClassVar[int]
    AT_LEAST_FIELD_NUMBER: _ClassVar[int]
    LESS_THAN_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    MIN_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    greater_than: float
    at_least: float
    less_than: float
    at_most: float
    min_items: int
    max_items: int
    pattern: str
    def __init__(self, greater_than: _Optional[float] = ..., at_least: _Optional[float] = ..., less_than: _Optional[float] = ..., at_most: _Optional[float] = ..., min_items: _Optional[int] = ..., max_items: _Optional[int] = ..., pattern: _Optional[str] = ...) -> None: ...
