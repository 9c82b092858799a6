"""A sweep: all runs of a ladder in one folder, some at a time, each in a process of its own.

<sweep folder>/sweep.json                what was asked
               runs/<run folder>/...     one folder a run, named by the digest of its configuration
               corpus/, compiled/        shared by the runs; may be deleted
               losses.csv, scores.csv    the observations, written anew whenever a run has ended
               provenance.json           where they come from
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol, final

from scaling.errors import AlreadyExists, NotFound, RunFailed
from scaling.pretrain.config import RunConfig, SweepConfig, parse_sweep
from scaling.pretrain.files import read_json, write_json
from scaling.pretrain.records import Progress, read_progress
from scaling.pretrain.table import write_observations
from scaling.pretrain.worker import EXIT_STOPPED

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 30.0
"""A stopped worker has this long to write its checkpoint."""

ProgressListener = Callable[[dict[RunConfig, Progress]], None]


@final
@dataclass(frozen=True)
class SweepFolder:
    """The places within a sweep's folder."""

    path: Path

    def run_folder(self, run: RunConfig) -> Path:
        """Where a run lives."""
        return self.path / "runs" / run.folder_name

    def read_config(self) -> SweepConfig:
        """The sweep that the folder was made for. Raises `NotFound` where it is no sweep folder."""
        try:
            document = read_json(self.path / "sweep.json")
        except FileNotFoundError as error:
            raise NotFound(
                f"{self.path} holds no sweep.json. Give the folder of a sweep, or start one there."
            ) from error
        return parse_sweep(document, source=str(self.path / "sweep.json"))

    def prepare(self, sweep: SweepConfig) -> None:
        """Make the folder ready. Raises `AlreadyExists` where it holds runs that this sweep has not."""
        if (self.path / "sweep.json").exists():
            ours = {run.folder_name for run in sweep.runs()}
            lost = [run.name for run in self.read_config().runs() if run.folder_name not in ours]
            if lost:
                raise AlreadyExists(
                    f"{self.path} holds another sweep, with runs that this one has not: {', '.join(lost)}. "
                    "Choose another folder; a sweep may grow in place but not change."
                )
        for run in sweep.runs():
            folder = self.run_folder(run)
            if not (folder / "config.json").exists():
                write_json(folder / "config.json", run.model_dump(mode="json"))
        write_json(self.path / "sweep.json", sweep.model_dump(mode="json"))


class Executor(Protocol):
    """Something that starts the worker of a run folder: this machine, or a scheduler of many."""

    @property
    def workers(self) -> int:
        """Runs at a time."""

    def start(self, folder: Path) -> "subprocess.Popen[bytes]":
        """Start `python -m scaling.pretrain.worker folder`."""


@final
@dataclass(frozen=True)
class LocalProcesses:
    """Worker processes on this machine.

    - `workers`: runs at a time; one a core is best, since each uses one thread.
    - `interval_seconds`: between checkpoints.
    """

    workers: int
    interval_seconds: float = 60.0

    def start(self, folder: Path) -> "subprocess.Popen[bytes]":
        """Start the worker; what it prints goes to the run's worker.log."""
        command = [sys.executable, "-m", "scaling.pretrain.worker", str(folder)]
        with (folder / "worker.log").open("ab") as log:
            # A session of its own: an interrupt at the terminal reaches the sweep, which then asks its workers to stop.
            return subprocess.Popen(
                [*command, "--interval-seconds", str(self.interval_seconds)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_sweep(
    sweep: SweepConfig, path: Path, *, executor: Executor, listen: ProgressListener = lambda _: None
) -> dict[RunConfig, Progress]:
    """Run what is not done yet, cheapest first; returns where every run stands.

    Interrupted at any moment, it goes on when called again with the same folder. Raises `RunFailed` at the end where
    runs failed; what the others measured is written all the same.
    """
    folder = SweepFolder(path)
    folder.prepare(sweep)
    runs = sweep.runs()
    waiting = [run for run in runs if read_progress(folder.run_folder(run)).state != "done"]
    status = {run: read_progress(folder.run_folder(run)) for run in runs}
    with _stopping_all() as active:
        while waiting or active:
            while waiting and len(active) < executor.workers:
                run = waiting.pop(0)
                active[run] = executor.start(folder.run_folder(run))
            time.sleep(POLL_SECONDS)
            ended = [run for run, process in active.items() if process.poll() is not None]
            for run in (*active, *ended):
                status[run] = read_progress(folder.run_folder(run))
            for run in ended:
                del active[run]
            if ended:
                write_observations(path, sweep, folders=_folders(folder, runs))
            listen(status)
    write_observations(path, sweep, folders=_folders(folder, runs))
    _report_failures(folder, status)
    return status


def resume_sweep(
    path: Path, *, executor: Executor, listen: ProgressListener = lambda _: None
) -> dict[RunConfig, Progress]:
    """Go on with the sweep of a folder. Raises `NotFound` where there is none."""
    return run_sweep(SweepFolder(path).read_config(), path, executor=executor, listen=listen)


def _folders(folder: SweepFolder, runs: Sequence[RunConfig]) -> dict[RunConfig, Path]:
    return {run: folder.run_folder(run) for run in runs}


@contextmanager
def _stopping_all() -> Iterator["dict[RunConfig, subprocess.Popen[bytes]]"]:
    """Processes that are asked to stop, and waited for, however the sweep is left: end, error, Ctrl-C or SIGTERM."""
    active: dict[RunConfig, subprocess.Popen[bytes]] = {}
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _leave) if in_main else None
    try:
        yield active
    finally:
        for process in active.values():
            process.terminate()
        for process in active.values():
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _leave(signal_number: int, frame: FrameType | None) -> NoReturn:
    del signal_number, frame
    raise SystemExit(EXIT_STOPPED)


def _report_failures(folder: SweepFolder, status: dict[RunConfig, Progress]) -> None:
    failed = []
    for run, progress in status.items():
        if progress.state != "done":
            reason = progress.reason or f"ended as '{progress.state}', see {folder.run_folder(run) / 'worker.log'}"
            failed.append(f"  - {run.name}: {reason}")
    if failed:
        raise RunFailed("\n".join([f"{len(failed)} of {len(status)} runs did not finish:", *failed]))
