"""Checkpoints of the training state, from which a run goes on to the same bits.

Orbax writes each to a folder of its own and renames it when it is complete, so a process killed at any moment leaves
the last complete one. What was evaluated is written before the checkpoint of the same step: no row can be missing.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import final

import jax
import numpy as np
import orbax.checkpoint as ocp

from scaling.errors import CorruptStore, StoreUnavailable
from scaling.pretrain.train import TrainState

KEPT = 2


@final
class Checkpoints:
    """The checkpoints of one run.

    - `interval_seconds`: a checkpoint is due when this much time has passed since the last one.
    """

    def __init__(self, folder: Path, *, interval_seconds: float) -> None:
        self._folder = folder
        self._interval = interval_seconds
        self._last_saved = time.monotonic()
        options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True, cleanup_tmp_directories=True)
        self._orbax = ocp.CheckpointManager(folder.absolute(), options=options)

    def restore(self, like: TrainState) -> TrainState | None:
        """The newest complete state, shaped `like`, or None. Raises `CorruptStore` where it cannot be read."""
        step = self._orbax.latest_step()
        if step is None:
            return None
        try:
            return self._orbax.restore(step, args=ocp.args.StandardRestore(like))
        except (ValueError, KeyError, FileNotFoundError) as error:
            raise CorruptStore(
                f"Checkpoint {step} in {self._folder} does not hold the state of this run ({error}). "
                "Delete the run's folder to train it afresh."
            ) from error

    def due(self) -> bool:
        """Whether it is time for another."""
        return time.monotonic() - self._last_saved >= self._interval

    def save(self, state: TrainState, *, step: int) -> None:
        """Write the state while training goes on. It is copied first: the next dispatch reuses its buffers.

        Raises `StoreUnavailable` where this one or the one before cannot be written.
        """
        with self._storage_errors():
            self._orbax.save(step, args=ocp.args.StandardSave(jax.tree.map(np.array, state)))
        self._last_saved = time.monotonic()

    def close(self) -> None:
        """Wait until all is on disk. Raises `StoreUnavailable` where it cannot be."""
        with self._storage_errors():
            self._orbax.wait_until_finished()
            self._orbax.close()

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(
                f"A checkpoint in {self._folder} cannot be written: {error}. Free or unlock the place and run again; "
                "the run goes on from the last complete one."
            ) from error


@contextlib.contextmanager
def open_checkpoints(folder: Path, *, interval_seconds: float) -> Iterator[Checkpoints]:
    """`Checkpoints` that are complete on leaving."""
    checkpoints = Checkpoints(folder, interval_seconds=interval_seconds)
    try:
        yield checkpoints
    finally:
        checkpoints.close()
