"""The worker process: `python -m scaling_server.jobs.worker` reads jobs from stdin and writes events to stdout.

It lives as long as the server: at the end of stdin it leaves at once, so that no fit outlives a server that was killed.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol, final

from google.rpc.status_pb2 import Status
from pydantic import BaseModel

from scaling.errors import ScalingError
from scaling.observations import LossObservations, ScoreObservations
from scaling.posterior import Fit
from scaling.store import read_fit, write_fit
from scaling_server.datastore.database import open_for_reading
from scaling_server.datastore.datasets import read_observations
from scaling_server.errors import FitCancelled, OutOfMemory
from scaling_server.jobs.messages import Alive, Fitted, Job, NotFitted, Progressed, Ready
from scaling_server.status import status_of, status_of_bug
from scaling_server.telemetry import new_error_id

HEARTBEAT_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Engine(Protocol):
    """What a worker fits with: the library, or a stand-in of the tests."""

    def start(self, cache: Path) -> tuple[str, ...]:
        """Import what fits need; the devices there are."""
        ...

    def warmings(self) -> Iterator[Callable[[], object]]:
        """What to do before the first job, one after the other while none waits."""
        ...

    def fit(self, job: Job, loss: LossObservations, scores: ScoreObservations | None, **arguments: Any) -> Fit:
        """Fit what the job says."""
        ...


@final
class LibraryEngine:
    """Fits with `scaling.inference`."""

    def start(self, cache: Path) -> tuple[str, ...]:
        """Import JAX, with its compilation cache in `cache`, and the library."""
        import jax

        import scaling.inference.fit  # noqa: F401 - a library that cannot be imported is found out now
        from scaling.inference._numerics import keep_compiled_programs

        keep_compiled_programs(cache)
        return tuple(f"{device.platform}:{device.id}" for device in jax.devices())

    def warmings(self) -> Iterator[Callable[[], object]]:
        """Small fits that compile what most fits need."""
        from scaling_server.jobs.warming import warmings

        return warmings()

    def fit(self, job: Job, loss: LossObservations, scores: ScoreObservations | None, **arguments: Any) -> Fit:
        """Fit the law and the links; raises what the library raises."""
        from scaling.inference.fit import fit
        from scaling.inference.settings import FitSettings

        settings = FitSettings.model_validate(job.settings)
        return fit(loss, scores, name=job.fit, law=job.law, tasks=job.tasks or None, settings=settings, **arguments)


@final
class Inbox:
    """Messages from the server, read in their own thread: a cancellation or a dead server is seen at once."""

    def __init__(self, source: IO[str]) -> None:
        self.jobs: queue.Queue[Job] = queue.Queue()
        self._cancelled: set[str] = set()
        threading.Thread(target=self._read, args=(source,), daemon=True, name="inbox").start()

    def is_cancelled(self, operation: str) -> bool:
        """Whether the server wants no more of `operation`."""
        return operation in self._cancelled

    def _read(self, source: IO[str]) -> None:
        for line in source:
            message = json.loads(line)
            if message["kind"] == "cancel":
                self._cancelled.add(message["operation"])
            else:
                self.jobs.put(Job.model_validate(message))
        os._exit(0)  # the server is gone: nobody wants the result


@final
class Outbox:
    """Events to the server, one JSON line each; a heartbeat where there is nothing to say."""

    def __init__(self, target: IO[str]) -> None:
        self._target, self._lock = target, threading.Lock()
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()

    def send(self, event: BaseModel) -> None:
        """Write `event`."""
        with self._lock:
            self._target.write(event.model_dump_json() + "\n")
            self._target.flush()

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(HEARTBEAT_SECONDS):
            self.send(Alive())


def execute(
    job: Job, engine: Engine, *, is_cancelled: Callable[[str], bool], send: Callable[[BaseModel], None]
) -> None:
    """Make the fit of `job` and send how it ended."""

    def progress(event: Any) -> None:
        if is_cancelled(job.operation):
            raise FitCancelled("The operation was cancelled.")
        send(
            Progressed(
                operation=job.operation,
                phase=event.phase,
                done=event.done,
                total=event.total,
                divergences=event.divergences,
                max_r_hat=event.max_r_hat,
                min_ess=event.min_ess,
            )
        )

    try:
        reader = open_for_reading(Path(job.database))
        with reader.begin() as connection:
            loss, scores = read_observations(connection, job.dataset, job.dataset_revision)
        reader.dispose()
        warm_start = read_fit(Path(job.warm_start)) if job.warm_start else None
        fit = engine.fit(job, loss, scores, warm_start=warm_start, progress=progress)
        fit = replace(fit, name=job.fit, version=job.version)
        write_fit(fit, Path(job.output))
    except ScalingError as error:
        send(_not_fitted(job, status_of(error)))
    except MemoryError:
        send(_not_fitted(job, status_of(OutOfMemory("The fit needed more memory than there is. Fit fewer rows."))))
    except Exception:  # noqa: BLE001 - this process's RPC boundary: the operation must end, the worker stay warm
        error_id = new_error_id()
        _log.exception("a fit met an error of its own", extra={"error_id": error_id, "operation": job.operation})
        send(_not_fitted(job, status_of_bug(error_id)))
    else:
        send(
            Fitted(
                operation=job.operation,
                attempt=job.attempt,
                data_digest=fit.data_digest,
                tasks=tuple(sorted(fit.scores)),
                findings=tuple(finding.message for finding in fit.findings),
            )
        )


def run(engine: Engine, *, cache: Path, niceness: int) -> None:
    """Work until the server is gone."""
    os.nice(niceness)
    # Whatever prints to stdout must not end up among the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    inbox, outbox = Inbox(sys.stdin), Outbox(events)
    outbox.send(Ready(devices=engine.start(cache)))
    began = time.monotonic()
    for warm_up in engine.warmings():
        if inbox.jobs.empty():
            warm_up()
    _log.info("warm after %.1f s", time.monotonic() - began)
    while True:
        execute(inbox.jobs.get(), engine, is_cancelled=inbox.is_cancelled, send=outbox.send)


def main(engine: Engine | None = None) -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder of compiled programs")
    parser.add_argument("--niceness", type=int, default=10)
    arguments = parser.parse_args()
    logging.getLogger("jax").setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker %(levelname)s %(message)s")
    run(engine or LibraryEngine(), cache=arguments.cache, niceness=arguments.niceness)


def _not_fitted(job: Job, status: Status) -> NotFitted:
    return NotFitted(
        operation=job.operation,
        attempt=job.attempt,
        status=base64.b64encode(status.SerializeToString()).decode(),
    )


if __name__ == "__main__":
    main()
