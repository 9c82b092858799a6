"""Pages: opaque tokens that are sealed and bound to the arguments of the list they continue."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, final

from google.protobuf.message import Message

from scaling_server.errors import PageTokenMismatch
from scaling_server.limits import LIMITS

_SEAL_BYTES = 16


@final
@dataclass(frozen=True)
class Pager:
    """Seals and opens page tokens.

    - `secret`: kept in the store, so that tokens outlive the server.
    """

    secret: bytes

    def position(self, request: Message) -> Any:
        """Where the page asked for begins, as `token` got it; None for the first. Raises `PageTokenMismatch`."""
        if not request.page_token:  # type: ignore[attr-defined]
            return None
        try:
            raw = base64.urlsafe_b64decode(request.page_token)  # type: ignore[attr-defined]
        except (ValueError, binascii.Error) as error:
            raise PageTokenMismatch from error
        seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(request, body)):
            raise PageTokenMismatch
        return json.loads(body)

    def token(self, request: Message, position: Any) -> str:
        """The token of the page that begins after `position`, a JSON value."""
        body = json.dumps(position).encode()
        return base64.urlsafe_b64encode(self._seal(request, body) + body).decode()

    def _seal(self, request: Message, body: bytes) -> bytes:
        arguments = type(request)()
        arguments.CopyFrom(request)
        arguments.ClearField("page_token")
        arguments.ClearField("page_size")
        bound = f"{request.DESCRIPTOR.full_name}:".encode() + arguments.SerializeToString(deterministic=True)
        return hmac.new(self.secret, hashlib.sha256(bound).digest() + body, hashlib.sha256).digest()[:_SEAL_BYTES]


def page_size(request: Message) -> int:
    """How many entries the page may have: 50 where none is asked for, at most 1,000."""
    return min(request.page_size or LIMITS.default_page_size, LIMITS.max_page_size)  # type: ignore[attr-defined]
