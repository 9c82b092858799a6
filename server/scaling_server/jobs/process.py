"""One worker process as the server sees it: spawned in a group of its own, spoken to in JSON lines, killed by group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import final

from pydantic import BaseModel

from scaling_server.jobs.messages import Alive, Event, Fitted, NotFitted, Progressed, Ready

_LARGEST_LINE = 1 << 20
WorkerEvent = Ready | Alive | Progressed | Fitted | NotFitted


@final
class WorkerProcess:
    """A running worker. `start` makes one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._events: asyncio.Queue[WorkerEvent | None] = asyncio.Queue()
        self.ended = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: Sequence[str]) -> WorkerProcess:
        """Spawn `command`; raises `OSError` where it cannot be run."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LARGEST_LINE,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id, which is its group's too."""
        return self._process.pid

    async def send(self, message: BaseModel) -> None:
        """Write `message`; a worker that is gone is seen by its end of events."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(message.model_dump_json().encode() + b"\n")
            await self._process.stdin.drain()

    async def next_event(self, *, seconds: float) -> WorkerEvent | None:
        """The next event; None once the worker is gone. Raises `TimeoutError` after `seconds` of silence."""
        return await asyncio.wait_for(self._events.get(), seconds)

    async def kill(self) -> None:
        """Kill the worker and whatever it started, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reading

    def exit_in_words(self) -> str:
        """How it ended."""
        code = self._process.returncode
        if code is None:
            return "is still running"
        return f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._events.put_nowait(Event.model_validate_json(b'{"event":' + line + b"}").event)
        await self._process.wait()
        with contextlib.suppress(ProcessLookupError):  # what it started must not outlive it
            os.killpg(self.pid, signal.SIGKILL)
        self._events.put_nowait(None)
        self.ended.set()
