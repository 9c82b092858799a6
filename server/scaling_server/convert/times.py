"""Times as the tables keep them, as protos."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(time_us: int | None) -> Timestamp | None:
    """Microseconds since 1970 as a Timestamp."""
    if time_us is None:
        return None
    stamp = Timestamp()
    stamp.FromMicroseconds(time_us)
    return stamp
