"""What the server refused with, as the library's own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import grpc
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from scaling import errors
from scaling.errors import InvalidInput, ScalingError, Violation

_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_BY_REASON: Mapping[str, type[ScalingError]] = {
    kind.reason: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ScalingError) and kind is not ScalingError
}


@final
class ServiceError(ScalingError):
    """The server refused, failed or was not reached, in a way that the library has no error for.

    - `code`: gRPC's status; `reason`: of the ErrorInfo, or the status's name where there is none.
    - `metadata`: of the ErrorInfo.
    """

    exit_code = 5

    def __init__(self, message: str, *, code: grpc.StatusCode, reason: str, metadata: Mapping[str, str]) -> None:
        self.code, self.metadata = code, dict(metadata)
        self.reason = reason  # type: ignore[misc]
        super().__init__(message)


def error_of_call(error: grpc.RpcError) -> ScalingError:
    """What a failed call says, from its details where it has any."""
    call: Any = error
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return error_of(Status.FromString(value))
    code: grpc.StatusCode = call.code()
    advice = {
        grpc.StatusCode.UNAVAILABLE: "The server cannot be reached. Is it running at this address?",
        grpc.StatusCode.DEADLINE_EXCEEDED: "The server did not answer in time. Try again, or give it more.",
    }.get(code, "The call failed.")
    return ServiceError(f"{advice} ({call.details()})", code=code, reason=code.name, metadata={})


def error_of(status: Status) -> ScalingError:
    """The library's error of a status: of a call, or of an operation that ended with one."""
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if not detail.Unpack(info):
            detail.Unpack(bad_request)
    kind = _BY_REASON.get(info.reason)
    if kind is None and bad_request.field_violations:
        kind = InvalidInput
    if kind is not None and issubclass(kind, InvalidInput):
        violations = [Violation(each.field, each.description) for each in bad_request.field_violations]
        return kind(status.message, violations)
    if kind is not None:
        return kind(status.message)
    code = _CODES[status.code]
    return ServiceError(status.message, code=code, reason=info.reason or code.name, metadata=info.metadata)
