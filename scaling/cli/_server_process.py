"""A server of one's own for as long as a command runs: the real one, on a free loopback port."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from scaling.errors import StoreUnavailable

_START_SECONDS = 60.0
_STOP_SECONDS = 40.0


@contextlib.contextmanager
def running_server(data_dir: Path, *, log: Path) -> Iterator[str]:
    """Start `scaling serve` in a process, give its address, stop it at the end.

    Raises `StoreUnavailable` with the end of its log where it does not come up.
    """
    words = [sys.executable, "-m", "scaling_server", "--port", "0", "--data-dir", str(data_dir)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, env=os.environ.copy()) as process,
    ):
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the server prints once it answers."""
    assert process.stdout is not None
    line = _line(process.stdout, seconds=_START_SECONDS)
    if line:
        address: str = json.loads(line)["address"]
        return address
    process.kill()
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise StoreUnavailable(f"The server did not start within {_START_SECONDS:.0f} s. Its log ends: " + " | ".join(tail))


def _line(stream: IO[bytes], *, seconds: float) -> bytes:
    """One line, or nothing when the stream ends or the time is up."""
    end, line = time.monotonic() + seconds, b""
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            return b""
        read = os.read(stream.fileno(), 4096)
        if not read:
            return b""
        line += read
    return line
