"""What the server refuses to exceed; `GetServerInfo` tells clients the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Limits:
    """Limits of one server.

    - `max_request_bytes`: of one message received.
    - `max_point_count`, `max_quantile_count`: of one prediction; the protos' own rules say the same.
    - `max_string_bytes`: of one text in a request.
    - `max_append_row_count`: of one append, both kinds of rows together.
    - `default_page_size`, `max_page_size`: of lists.
    - `max_queue_length`: fits waiting.
    - `max_stream_count`: streams of one connection.
    - `max_concurrent_rpcs`: in flight over all connections; more are refused by gRPC itself.
    - `operation_retention_days`: how long an ended operation and an answered request id are kept.
    """

    max_request_bytes: int = 4 * 1024 * 1024
    max_point_count: int = 4096
    max_quantile_count: int = 64
    max_string_bytes: int = 4096
    max_append_row_count: int = 1000
    default_page_size: int = 50
    max_page_size: int = 1000
    max_queue_length: int = 1000
    max_stream_count: int = 256
    max_concurrent_rpcs: int = 4096
    operation_retention_days: int = 30


LIMITS = Limits()
