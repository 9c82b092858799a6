"""Errors as `google.rpc.Status`: one canonical code, exactly one ErrorInfo, and what the case calls for beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from scaling import errors as library
from scaling.errors import InvalidInput, ScalingError, Violation
from scaling_server import errors as own

DOMAIN = "scaling-service"
RETRY_SECONDS = 1.0
# gRPC's core drops answers whose metadata pass 8 KiB; base64 and the message take their share of that.
_MOST_DETAIL_BYTES = 4096
_MOST_MESSAGE_CHARACTERS = 1000
_MOST_METADATA_CHARACTERS = 200

# Every error this product raises on purpose; a test walks the tree and misses none.
CODES: Mapping[type[ScalingError], Code.ValueType] = {
    ScalingError: Code.INTERNAL,
    library.InvalidInput: Code.INVALID_ARGUMENT,
    library.InvalidObservations: Code.INVALID_ARGUMENT,
    library.UnitMismatch: Code.INVALID_ARGUMENT,
    library.OutsideDomain: Code.INVALID_ARGUMENT,
    library.NotEnoughRuns: Code.FAILED_PRECONDITION,
    library.Unanswerable: Code.FAILED_PRECONDITION,
    library.FitFailed: Code.FAILED_PRECONDITION,
    library.RunFailed: Code.FAILED_PRECONDITION,
    library.NotFound: Code.NOT_FOUND,
    library.AlreadyExists: Code.ALREADY_EXISTS,
    library.CorruptStore: Code.DATA_LOSS,
    library.StoreUnavailable: Code.UNAVAILABLE,
    own.RequestRefused: Code.FAILED_PRECONDITION,
    own.ResourceNotFound: Code.NOT_FOUND,
    own.ResourceExists: Code.ALREADY_EXISTS,
    own.RequestIdReused: Code.ALREADY_EXISTS,
    own.FitNotActive: Code.FAILED_PRECONDITION,
    own.DatasetInUse: Code.FAILED_PRECONDITION,
    own.ReadOnly: Code.FAILED_PRECONDITION,
    own.OperationNotDone: Code.FAILED_PRECONDITION,
    own.QueueFull: Code.RESOURCE_EXHAUSTED,
    own.Draining: Code.UNAVAILABLE,
    own.WorkerLost: Code.UNAVAILABLE,
    own.FitTimeout: Code.DEADLINE_EXCEEDED,
    own.FitCancelled: Code.CANCELLED,
    own.TaskLost: Code.FAILED_PRECONDITION,
    own.OutOfMemory: Code.RESOURCE_EXHAUSTED,
    own.MethodUnknown: Code.UNIMPLEMENTED,
    own.PageTokenMismatch: Code.INVALID_ARGUMENT,
}


def status_of(error: ScalingError) -> Status:
    """The status that `error` travels as; an unlisted subclass has the code of its nearest listed parent."""
    code = next(CODES[parent] for parent in type(error).__mro__ if parent in CODES)
    metadata = dict(error.metadata) if isinstance(error, own.RequestRefused) else {}
    if isinstance(error, own.RequestRefused) and error.subject:
        metadata.setdefault("subject", error.subject)
    message = error.summary if isinstance(error, InvalidInput) else str(error)
    return _status(code, message, _error_info(error.reason, metadata), *_beside(error, code))


def status_of_bug(error_id: str) -> Status:
    """INTERNAL for an error nobody foresaw; the id finds its trace in the server's log."""
    message = f"The server met an error of its own. Report it with the id {error_id}, which stands in the server's log."
    return _status(Code.INTERNAL, message, _error_info("INTERNAL", {"error_id": error_id}))


def error_info(status: Status) -> error_details_pb2.ErrorInfo | None:
    """The ErrorInfo of `status`, if it has one."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return info
    return None


def _beside(error: ScalingError, code: Code.ValueType) -> Iterable[Message]:
    if isinstance(error, InvalidInput):
        yield _bad_request(error.violations or (Violation("", error.summary),))
    elif code in (Code.NOT_FOUND, Code.ALREADY_EXISTS):
        subject = error.subject if isinstance(error, own.RequestRefused) else ""
        yield error_details_pb2.ResourceInfo(
            resource_type=_resource_type(subject), resource_name=_cut(subject), description=_cut(str(error))
        )
    elif code == Code.FAILED_PRECONDITION:
        subject = error.subject if isinstance(error, own.RequestRefused) else ""
        violation = error_details_pb2.PreconditionFailure.Violation(
            type=error.reason, subject=_cut(subject), description=_cut(str(error))
        )
        yield error_details_pb2.PreconditionFailure(violations=[violation])
    elif code == Code.RESOURCE_EXHAUSTED:
        violation = error_details_pb2.QuotaFailure.Violation(subject="server", description=_cut(str(error)))
        yield error_details_pb2.QuotaFailure(violations=[violation])
    if code in (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED):
        delay = Duration()
        delay.FromNanoseconds(round(RETRY_SECONDS * 1e9))
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    """All violations, as many as gRPC's metadata can carry; the last entry counts those left out."""
    request, size = error_details_pb2.BadRequest(), 0
    for index, violation in enumerate(violations):
        entry = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(violation.field), description=_cut(violation.description)
        )
        size += entry.ByteSize() + 4
        if size > _MOST_DETAIL_BYTES:
            request.field_violations.add(
                field=_cut(violation.field),
                description=f"and {len(violations) - index - 1} more faults; correct these and send again",
            )
            break
        request.field_violations.append(entry)
    return request


def _resource_type(name: str) -> str:
    collection = name.split("/")[-2] if name.count("/") else ""
    kinds = {"datasets": "Dataset", "revisions": "DatasetRevision", "fits": "Fit", "versions": "Fit"}
    return f"{DOMAIN}/{kinds[collection]}" if collection in kinds else collection


def _error_info(reason: str, metadata: Mapping[str, str]) -> error_details_pb2.ErrorInfo:
    cut = {key: _cut(value) for key, value in metadata.items()}
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=cut)


def _status(code: Code.ValueType, message: str, *details: Message) -> Status:
    status = Status(code=code, message=message[:_MOST_MESSAGE_CHARACTERS])
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _cut(text: str) -> str:
    short = text if len(text) <= _MOST_METADATA_CHARACTERS else text[: _MOST_METADATA_CHARACTERS - 1] + "…"
    return short.encode("utf-8", "replace").decode("utf-8")
