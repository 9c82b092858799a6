"""Logs as JSON lines, and counts of what was answered."""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, final

_STANDARD = frozenset(vars(logging.makeLogRecord({})))


@final
class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, message, what was passed as `extra`, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


@final
@dataclass
class Counts:
    """How often each RPC ended with each code, since the start."""

    rpcs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, method: str, code: str) -> None:
        """One more."""
        self.rpcs[method, code] += 1


def set_up_logging(level: str) -> None:
    """Log to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)


def new_error_id() -> str:
    """An id that leads from an answer to its log entry."""
    return uuid.uuid4().hex[:12]
