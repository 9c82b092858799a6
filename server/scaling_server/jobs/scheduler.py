"""The queue at work: claims operations, hands them to workers, and ends each exactly once."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final

from google.rpc.status_pb2 import Status
from sqlalchemy import Connection, Row

from scaling.errors import ScalingError, StoreUnavailable
from scaling_server.datastore import fits, operations
from scaling_server.datastore.artefacts import Artefacts
from scaling_server.datastore.database import Database
from scaling_server.errors import FitCancelled, FitTimeout, TaskLost, WorkerLost
from scaling_server.jobs.messages import Alive, Cancel, Fitted, Job, NotFitted, Progressed, Ready
from scaling_server.jobs.process import WorkerProcess
from scaling_server.status import status_of

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MOST_LOST_WORKERS = 2  # a fit that kills two workers is at fault itself
_MOST_FAILED_STARTS = 3
_RETRY_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


@final
@dataclass(frozen=True)
class SchedulerSettings:
    """How workers are run.

    - `command`: what a worker is.
    - `workers`: how many at a time.
    - `start_seconds`: until a worker must take jobs.
    - `silence_seconds`: without a sign of life after which a worker is given up.
    - `fit_seconds`: the longest a fit may take.
    - `cancel_seconds`: that a cancelled fit has to stop by itself before its worker is killed.
    """

    command: Sequence[str]
    workers: int = 1
    start_seconds: float = 120.0
    silence_seconds: float = 60.0
    fit_seconds: float = 3600.0
    cancel_seconds: float = 0.5


@final
@dataclass(frozen=True)
class _Lost:
    """An attempt whose worker is gone, and how it went."""

    how: str


@final
class Scheduler:
    """Runs queued operations until stopped.

    - `changed`: called after every change that readers of fits must see.
    - `preload`: loads the document of a digest, so that the first query after the alias has moved finds it in memory.
    """

    def __init__(
        self,
        database: Database,
        artefacts: Artefacts,
        settings: SchedulerSettings,
        *,
        changed: Callable[[], None],
        preload: Callable[[str], Awaitable[Any]],
    ) -> None:
        self.devices: tuple[str, ...] = ()
        self.progress: dict[str, Progressed] = {}
        self._database, self._artefacts, self._settings = database, artefacts, settings
        self._changed, self._preload = changed, preload
        self._wake = asyncio.Event()
        self._running: dict[str, WorkerProcess] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Queue again what a dead server left running, and start working."""
        again = await self._database.write(operations.requeue_all_running)
        if again:
            _log.info("queued again what a dead server left running", extra={"operations": again})
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]

    async def stop(self) -> None:
        """Stop working; what was running stays RUNNING in the database and is queued again at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release_waiting(self) -> None:
        """Let everybody who waits for an operation go: the server is going down."""
        for event in self._ended.values():
            event.set()

    def wake(self) -> None:
        """Tell the scheduler that there may be something to do."""
        self._wake.set()

    async def cancel(self, operation: str) -> None:
        """End an operation as CANCELLED; nothing happens where it has ended already. Raises `ResourceNotFound`."""
        error = status_of(FitCancelled("The operation was cancelled.", subject=f"operations/{operation}"))
        ended = await self._database.write(
            lambda connection: operations.fail(connection, operation, error=error, cancelled=True)
        )
        if ended:
            self._end(operation)
            await self.stop_working_at(operation)

    async def stop_working_at(self, operation: str) -> None:
        """Make the worker leave an operation whose end is in the database already."""
        worker = self._running.get(operation)
        if worker is None:
            return
        worker.send(Cancel(operation=operation))
        await asyncio.sleep(self._settings.cancel_seconds)
        if self._running.get(operation) is worker:
            await worker.kill()

    async def wait_for(self, operation: str, *, seconds: float) -> None:
        """Return when the operation ends, the server stops, or after `seconds`."""
        event = self._ended.setdefault(operation, asyncio.Event())
        row = await self._database.read(lambda connection: operations.get(connection, operation))
        if row.state in operations.DONE:
            self._ended.pop(operation, None)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    async def _work(self) -> None:
        """One worker's life: start, then one operation after the other; replaced when it dies."""
        worker: WorkerProcess | None = None
        failures = 0
        try:
            while True:
                try:
                    if worker is None or worker.ended.is_set():
                        worker = await self._new_worker()
                    self._wake.clear()
                    record = await self._database.write(operations.claim_next)
                    failures = 0
                    if record is None:
                        await _first_of(self._wake.wait(), worker.ended.wait())
                    else:
                        await self._run(worker, record)
                except (StoreUnavailable, WorkerLost) as error:
                    failures += 1
                    await self._pause(error, failures)
        finally:
            if worker is not None:
                await worker.kill()

    async def _pause(self, error: ScalingError, failures: int) -> None:
        """Wait before the next try. Where no worker can be started at all, operations end rather than wait for ever."""
        _log.warning("the queue pauses", extra={"reason": error.reason, "detail": str(error), "failures": failures})
        if isinstance(error, WorkerLost) and failures >= _MOST_FAILED_STARTS:
            record = await self._persist(operations.claim_next)
            if record is not None:
                await self._fail(record, status_of(error))
                return
        await asyncio.sleep(min(_RETRY_SECONDS * 2 ** (failures - 1), _LONGEST_PAUSE_SECONDS))

    async def _new_worker(self) -> WorkerProcess:
        began = time.monotonic()
        try:
            worker = WorkerProcess.start(self._settings.command)
        except OSError as error:
            raise WorkerLost(f"No worker can be started: {error}.") from error
        try:
            event = await worker.next_event(seconds=self._settings.start_seconds)
            while isinstance(event, Alive):
                left = began + self._settings.start_seconds - time.monotonic()
                event = await worker.next_event(seconds=left)
        except (TimeoutError, asyncio.CancelledError) as error:
            await worker.kill()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise WorkerLost(f"A worker took no jobs after {self._settings.start_seconds:g} s.") from error
        if not isinstance(event, Ready):
            await worker.kill()
            raise WorkerLost(f"A worker {worker.exit_in_words()} while it started; the server's log says why.")
        self.devices = event.devices
        seconds = round(time.monotonic() - began, 2)
        _log.info("a worker takes jobs", extra={"pid": worker.pid, "seconds": seconds, "devices": event.devices})
        return worker

    async def _run(self, worker: WorkerProcess, record: Row[Any]) -> None:
        """One attempt at an operation, and its end."""
        self._running[record.id] = worker
        self._changed()
        try:
            job = await self._database.read(lambda connection: self._job(connection, record))
            outcome = await self._attempt(worker, job)
        except ScalingError as error:
            outcome = status_of(error)
        finally:
            del self._running[record.id]
        if isinstance(outcome, _Lost):
            await self._after_loss(record, outcome)
        elif isinstance(outcome, Status):
            await self._fail(record, outcome)
        else:
            await self._succeed(record, outcome, Path(job.output))

    def _job(self, connection: Connection, record: Row[Any]) -> Job:
        fit = fits.get_fit(connection, record.fit)
        warm_start = None
        if record.warm_start is not None:
            artefact = fits.get_version(connection, record.fit, record.warm_start).artefact
            warm_start = str(self._artefacts.folder(artefact)) if artefact else None
        return Job(
            operation=record.id,
            attempt=record.attempt,
            database=str(self._database.file),
            dataset=record.dataset,
            dataset_revision=record.dataset_revision,
            fit=record.fit,
            version=record.version,
            law=fit.law,
            tasks=tuple(fit.tasks),
            settings=fit.settings,
            warm_start=warm_start,
            output=str(self._artefacts.staging / f"{record.id}-{record.attempt}"),
        )

    async def _attempt(self, worker: WorkerProcess, job: Job) -> Fitted | Status | _Lost:
        worker.send(job)
        deadline = time.monotonic() + self._settings.fit_seconds
        while True:
            left = deadline - time.monotonic()
            try:
                event = await worker.next_event(seconds=max(0.0, min(self._settings.silence_seconds, left)))
            except TimeoutError:
                await worker.kill()
                if time.monotonic() < deadline:
                    return _Lost(f"gave no sign of life for {self._settings.silence_seconds:g} s")
                return status_of(FitTimeout(f"The fit was not done after {self._settings.fit_seconds:g} s."))
            match event:
                case None:
                    return _Lost(worker.exit_in_words())
                case Progressed() if event.operation == job.operation:
                    self.progress[job.operation] = event
                case Fitted() | NotFitted() if (event.operation, event.attempt) == (job.operation, job.attempt):
                    return event if isinstance(event, Fitted) else Status.FromString(base64.b64decode(event.status))
                case _:
                    pass  # a sign of life

    async def _succeed(self, record: Row[Any], fitted: Fitted, folder: Path) -> None:
        try:
            await self._require_all_tasks(record, fitted)
            digest = await asyncio.to_thread(self._artefacts.adopt, folder)
            await self._preload(digest)
        except ScalingError as error:
            await self._fail(record, status_of(error))
            return
        await self._persist(
            lambda connection: operations.succeed(
                connection, record.id, artefact=digest, data_digest=fitted.data_digest
            )
        )
        self._end(record.id)

    async def _require_all_tasks(self, record: Row[Any], fitted: Fitted) -> None:
        """Raise `TaskLost` where the version that answers now has a task that this one has not."""
        if record.warm_start is None:
            return
        before = await self._database.read(
            lambda connection: fits.get_version(connection, record.fit, record.warm_start)
        )
        if before.artefact is None:
            return
        known = set((await asyncio.to_thread(self._artefacts.document, before.artefact)).scores)
        lost = sorted(known - set(fitted.tasks))
        if lost:
            raise TaskLost(
                f"The refit has no link for {', '.join(lost)}, which version {record.warm_start} answers for. "
                + " ".join(fitted.findings),
                subject=f"fits/{record.fit}/versions/{record.version}",
            )

    async def _after_loss(self, record: Row[Any], lost: _Lost) -> None:
        _log.warning("a worker was lost", extra={"operation": record.id, "attempt": record.attempt, "how": lost.how})
        if record.lost_workers + 1 >= _MOST_LOST_WORKERS:
            error = WorkerLost(
                f"The process that was fitting {lost.how}, and the one before it was lost too. "
                "Fit fewer rows or give the server more memory, then try again.",
                subject=f"operations/{record.id}",
            )
            await self._fail(record, status_of(error))
        else:
            await self._persist(lambda connection: operations.requeue(connection, record.id, lost_worker=True))
            self._changed()

    async def _fail(self, record: Row[Any], error: Status) -> None:
        await self._persist(lambda connection: operations.fail(connection, record.id, error=error))
        self._end(record.id)

    async def _persist(self, work: Callable[[Connection], T]) -> T:
        """Write, however long the store is away: what a worker has found out must not be lost."""
        while True:
            try:
                return await self._database.write(work)
            except StoreUnavailable as error:
                _log.warning("the store is away", extra={"detail": str(error)})
                await asyncio.sleep(_RETRY_SECONDS)

    def _end(self, operation: str) -> None:
        self.progress.pop(operation, None)
        self._changed()
        event = self._ended.pop(operation, None)
        if event is not None:
            event.set()


async def _first_of(*waits: Awaitable[Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
