"""The RPC boundary: bytes in, bytes out, every error a status with details.

Requests are parsed inside the handler and unknown methods have a handler too, so that these errors carry details like
all others.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from scaling.errors import InvalidInput, ScalingError, Violation
from scaling_server.errors import Draining, MethodUnknown
from scaling_server.status import status_of, status_of_bug
from scaling_server.telemetry import Counts, new_error_id
from scaling_server.validation import validate

DETAILS_KEY = "grpc-status-details-bin"
Answer = Callable[[Any], Awaitable[Message]]
_log = logging.getLogger(__name__)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@final
@dataclass(frozen=True)
class Method:
    """One RPC: its request's class and what answers it."""

    request: type[Message]
    answer: Answer


def methods_of(service: ServiceDescriptor, servicer: object) -> dict[str, Method]:
    """The RPCs of `service` that `servicer` answers: `CreateFit` by its method `create_fit`."""
    found = {}
    for method in service.methods:
        answer = getattr(servicer, _snake_case(method.name), None)
        if answer is not None:
            found[f"/{service.full_name}/{method.name}"] = Method(GetMessageClass(method.input_type), answer)
    return found


@final
class Boundary(grpc.GenericRpcHandler):
    """Answers every RPC of ours, and every unknown one. It must be the last handler of the server."""

    def __init__(self, methods: Mapping[str, Method], counts: Counts) -> None:
        self._handlers = {path: self._handler(path, method) for path, method in methods.items()}
        self._counts = counts
        self.is_draining = False

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The handler of a call."""
        path = handler_call_details.method
        return self._handlers.get(path) or self._unknown(path)

    def _handler(self, path: str, method: Method) -> grpc.RpcMethodHandler:
        async def handle(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            try:
                encoded = await self._answered(method, request)
            except asyncio.CancelledError:
                self._counts.count(path, "CANCELLED")
                raise
            except ScalingError as error:
                status = status_of(error)
            except Exception:  # noqa: BLE001 - the one place that catches every error: nothing leaves as UNKNOWN
                error_id = new_error_id()
                _log.exception("an RPC met an error of the server's own", extra={"error_id": error_id, "method": path})
                status = status_of_bug(error_id)
            else:
                self._counts.count(path, "OK")
                return encoded
            self._counts.count(path, Code.Name(status.code))
            return await _abort(context, status)

        return grpc.unary_unary_rpc_method_handler(handle)

    async def _answered(self, method: Method, request: bytes) -> bytes:
        if self.is_draining:
            raise Draining("The server is going down. Try again at another, or in a while.")
        answer = await method.answer(_parsed(method.request, request))
        return answer.SerializeToString()

    def _unknown(self, path: str) -> grpc.RpcMethodHandler:
        async def refuse(_requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            self._counts.count("unknown", "UNIMPLEMENTED")
            message = f"There is no RPC {path[:200]}. Server reflection lists those there are."
            await _abort(context, status_of(MethodUnknown(message)))

        return grpc.stream_stream_rpc_method_handler(refuse)


def _parsed(request_class: type[Message], data: bytes) -> Message:
    try:
        request = request_class.FromString(data)
    except DecodeError as error:
        name = request_class.DESCRIPTOR.full_name
        raise InvalidInput(f"The request is no {name}.", [Violation("", f"not a {name} on the wire")]) from error
    validate(request)
    return request


async def _abort(context: grpc.aio.ServicerContext[Any, Any], status: Status) -> NoReturn:
    """End the call with `status`, its details in the trailing metadata."""
    metadata = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(_CODES[status.code], status.message, metadata)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
