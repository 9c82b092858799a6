"""One worker process as the server sees it: spawned in a group of its own, spoken to in JSON lines, killed by group.

`subprocess` starts it with `vfork`: the event loop's own way forks this process with all its hooks, and gRPC's threads
do not survive that (seen as a segmentation fault in the child).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import final

from pydantic import BaseModel, ValidationError

from scaling_server.jobs.messages import Alive, Event, Fitted, NotFitted, Progressed, Ready

# One fit, one core: queries keep the others, and BLAS threads that wait for a busy core cost more than they bring.
_ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

WorkerEvent = Ready | Alive | Progressed | Fitted | NotFitted


@final
class WorkerProcess:
    """A running worker. `start` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._process, self._loop = process, loop
        self._events: asyncio.Queue[WorkerEvent | None] = asyncio.Queue()
        self.ended = asyncio.Event()
        threading.Thread(target=self._read, daemon=True, name=f"worker-{process.pid}").start()

    @classmethod
    def start(cls, command: Sequence[str]) -> WorkerProcess:
        """Spawn `command`; raises `OSError` where it cannot be run."""
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | _ONE_CORE,
        )
        return cls(process, asyncio.get_running_loop())

    @property
    def pid(self) -> int:
        """Process id, which is its group's too."""
        return self._process.pid

    def send(self, message: BaseModel) -> None:
        """Write `message`, a few kilobytes at most; a worker that is gone is seen by its end of events."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(message.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()

    async def next_event(self, *, seconds: float) -> WorkerEvent | None:
        """The next event; None once the worker is gone. Raises `TimeoutError` after `seconds` of silence."""
        async with asyncio.timeout(seconds):  # wait_for swallows a cancellation that meets an event (before 3.12)
            return await self._events.get()

    async def kill(self) -> None:
        """Kill the worker and whatever it started, and wait until it is gone."""
        self._kill_group()
        await self.ended.wait()

    def exit_in_words(self) -> str:
        """How it ended."""
        code = self._process.returncode
        if code is None:
            return "is still running"
        return f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        """In a thread of its own: hand events to the loop until there are no more, then bury the process."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                try:
                    event = Event.model_validate_json(b'{"event":' + line + b"}").event
                except ValidationError:
                    break  # not our worker's words: it is given up
                self._tell(event)
        self._kill_group()  # what it started must not outlive it
        self._process.wait()
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._tell(None)

    def _tell(self, event: WorkerEvent | None) -> None:
        def tell() -> None:
            self._events.put_nowait(event)
            if event is None:
                self.ended.set()

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(tell)
