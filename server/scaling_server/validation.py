"""Requests checked against the rules in their protos; every fault is found, each with its dotted path.

Rules come from the descriptors: `google.api.field_behavior` (REQUIRED; OUTPUT_ONLY and IDENTIFIER are not looked at),
`google.api.field_info` (UUID4), `scaling.v1.rules`, `scaling.v1.one_needed`. Beside them every number must be finite,
every text short and every enum value known.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, final

from google.api import field_behavior_pb2, field_info_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from scaling.errors import InvalidInput, Violation
from scaling.v1 import rules_pb2
from scaling_server.limits import LIMITS

_IGNORED = {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER}
_NUMBERS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
Check = Callable[[Any], str | None]


def validate(request: Message) -> None:
    """Raise `InvalidInput` with every fault of `request`."""
    violations = list(_faults(request, ""))
    if violations:
        count = len(violations)
        raise InvalidInput(f"The request has {count} fault{'s' if count > 1 else ''}.", violations)


@final
@dataclass(frozen=True)
class _Field:
    """One field with its rules compiled: `checks` of each value; presence and length are apart."""

    name: str
    required: bool
    repeated: bool
    has_presence: bool
    message: bool
    min_items: int
    max_items: int | None
    checks: tuple[Check, ...]


@final
@dataclass(frozen=True)
class _Rules:
    """Rules of one message type."""

    fields: tuple[_Field, ...]
    one_needed: tuple[tuple[str, tuple[str, ...]], ...]


def _faults(message: Message, prefix: str) -> Iterator[Violation]:
    rules = _rules(message.DESCRIPTOR)
    for oneof, members in rules.one_needed:
        if message.WhichOneof(oneof) is None:
            yield Violation(f"{prefix}{members[0]}", f"one of {', '.join(members)} is needed")
    for field in rules.fields:
        path = f"{prefix}{field.name}"
        value = getattr(message, field.name)
        if field.repeated:
            yield from _repeated_faults(field, value, path)
        elif field.has_presence and not message.HasField(field.name):
            if field.required:
                yield Violation(path, "missing")
        elif field.message:
            yield from _faults(value, f"{path}.")
        else:
            yield from _value_faults(field, value, path)


def _repeated_faults(field: _Field, values: Any, path: str) -> Iterator[Violation]:
    if len(values) < field.min_items:
        yield Violation(path, f"{len(values)} given, at least {field.min_items} needed")
    if field.max_items is not None and len(values) > field.max_items:
        yield Violation(path, f"{len(values)} given, at most {field.max_items} allowed")
        return
    for index, value in enumerate(values):
        if field.message:
            yield from _faults(value, f"{path}[{index}].")
        else:
            yield from _value_faults(field, value, f"{path}[{index}]")


def _value_faults(field: _Field, value: Any, path: str) -> Iterator[Violation]:
    if value == "":
        if field.required:
            yield Violation(path, "missing")
        elif field.repeated:
            yield Violation(path, "empty, a text needed")
        return
    for check in field.checks:
        fault = check(value)
        if fault is not None:
            yield Violation(path, fault)
            return


@cache
def _rules(descriptor: Descriptor) -> _Rules:
    fields = tuple(_compiled(field) for field in descriptor.fields if not _is_output(field) and not _is_map(field))
    needed = tuple(
        (oneof.name, tuple(member.name for member in oneof.fields)) for oneof in descriptor.oneofs if _is_needed(oneof)
    )
    return _Rules(fields, needed)


def _compiled(field: FieldDescriptor) -> _Field:
    options = field.GetOptions()
    behaviours = set(options.Extensions[field_behavior_pb2.field_behavior])
    rules = _field_rules(field)
    required = field_behavior_pb2.REQUIRED in behaviours
    return _Field(
        name=field.name,
        required=required,
        repeated=field.is_repeated,
        has_presence=field.has_presence,
        message=field.message_type is not None,
        min_items=max(rules.min_items, 1 if required and field.is_repeated else 0),
        max_items=rules.max_items if rules.HasField("max_items") else None,
        checks=tuple(_checks(field, rules)),
    )


def _checks(field: FieldDescriptor, rules: rules_pb2.FieldRules) -> Iterator[Check]:
    if field.cpp_type in _NUMBERS:
        yield lambda value: None if math.isfinite(value) else f"{value} given, a finite number needed"
    if field.cpp_type in _NUMBERS | _INTEGERS:
        needed = _range_in_words(rules)
        if needed:
            yield lambda value: None if _in_range(value, rules) else f"{value:g} given, a number {needed} needed"
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        enum: Any = field.enum_type
        known = {value.number for value in enum.values}
        yield lambda value: None if value in known else f"{value} is no value of {enum.name}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.type != FieldDescriptor.TYPE_BYTES:
        yield _is_short
        if rules.HasField("pattern"):
            pattern = re.compile(rules.pattern)
            yield lambda value: None if pattern.fullmatch(value) else f"{value[:80]!r} does not match {rules.pattern}"
        if field.GetOptions().Extensions[field_info_pb2.field_info].format == field_info_pb2.FieldInfo.UUID4:
            yield _is_uuid


def _field_rules(field: FieldDescriptor) -> rules_pb2.FieldRules:
    extensions: Any = field.GetOptions().Extensions
    rules: rules_pb2.FieldRules = extensions[rules_pb2.rules]
    return rules


def _range_in_words(rules: rules_pb2.FieldRules) -> str:
    words = {"greater_than": "above", "at_least": "of at least", "less_than": "below", "at_most": "of at most"}
    return " and ".join(f"{word} {getattr(rules, name):g}" for name, word in words.items() if rules.HasField(name))


def _in_range(value: float, rules: rules_pb2.FieldRules) -> bool:
    return (
        (not rules.HasField("greater_than") or value > rules.greater_than)
        and (not rules.HasField("at_least") or value >= rules.at_least)
        and (not rules.HasField("less_than") or value < rules.less_than)
        and (not rules.HasField("at_most") or value <= rules.at_most)
    )


def _is_short(value: str) -> str | None:
    size = len(value.encode())
    if size > LIMITS.max_string_bytes:
        return f"{size} bytes given, at most {LIMITS.max_string_bytes} allowed"
    return None


def _is_uuid(value: str) -> str | None:
    try:
        is_uuid = str(uuid.UUID(value)) == value.lower()
    except ValueError:
        is_uuid = False
    return None if is_uuid else f"{value[:40]!r} is no UUID such as 3f2b8c1e-9d4a-4c7b-8a6e-5d0f1e2a3b4c"


def _is_output(field: FieldDescriptor) -> bool:
    return bool(_IGNORED & set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior]))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _is_needed(oneof: OneofDescriptor) -> bool:
    extensions: Any = oneof.GetOptions().Extensions
    return bool(extensions[rules_pb2.one_needed])
