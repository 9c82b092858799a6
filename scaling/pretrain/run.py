"""One run: train, evaluate, checkpoint, in a folder that any later process can go on from (see `records`)."""

import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import jax
import numpy as np
from jaxtyping import Array, Float

from scaling.errors import CorruptStore, RunFailed
from scaling.pretrain.checkpoint import Checkpoints, open_checkpoints
from scaling.pretrain.config import RunConfig
from scaling.pretrain.data import Source
from scaling.pretrain.evaluate import make_evaluator
from scaling.pretrain.items import ItemSets
from scaling.pretrain.records import (
    Evaluation,
    Progress,
    RunState,
    read_evaluations,
    read_progress,
    read_run_config,
    write_evaluations,
    write_progress,
)
from scaling.pretrain.train import TrainState, initial_state, make_train_steps

PROGRESS_SECONDS = 0.5
"""Progress is written no more often than this."""


def train_run(
    folder: Path, source: Source, items: ItemSets, *, interval_seconds: float, stop: Callable[[], bool]
) -> Progress:
    """Train the run of `folder` from its newest checkpoint to its end, or until `stop()`; both leave a checkpoint.

    Raises `RunFailed` where the loss is no longer a number.
    """
    config = read_run_config(folder)
    clock = _Clock(read_progress(folder))
    with open_checkpoints(folder / "checkpoints", interval_seconds=interval_seconds) as checkpoints:
        start = initial_state(config)
        state = checkpoints.restore(start) or start
        trainer = _Trainer(folder, config, source, items, checkpoints, clock)
        step = trainer.train(state, stop=stop)
    # Reported only now: the last checkpoint is on disk.
    final = clock.progress("done" if step == config.step_count else "stopped", step)
    write_progress(folder, final)
    return final


@final
@dataclass
class _Clock:
    """Seconds that a run has cost, this process's added to those of the processes before."""

    before: Progress
    loss: float | None = None
    training_seconds: float = 0.0
    trained_steps: int = 0

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._written = -math.inf

    def progress(self, state: RunState, step: int) -> Progress:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return replace(
            self.before,
            state=state,
            step=step,
            loss=self.loss,
            cpu_seconds=self.before.cpu_seconds + usage.ru_utime + usage.ru_stime,
            wall_seconds=self.before.wall_seconds + time.monotonic() - self._started,
            training_seconds=self.before.training_seconds + self.training_seconds,
            trained_steps=self.before.trained_steps + self.trained_steps,
        )

    def report(self, folder: Path, step: int) -> None:
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            write_progress(folder, self.progress("running", step))
            self._written = time.monotonic()


@final
@dataclass(frozen=True)
class _Trainer:
    folder: Path
    config: RunConfig
    source: Source
    items: ItemSets
    checkpoints: Checkpoints
    clock: _Clock

    def train(self, state: TrainState, *, stop: Callable[[], bool]) -> int:
        """Dispatch after dispatch to the end; returns the last step, which has a checkpoint."""
        config, chunk = self.config, self.config.steps_per_dispatch
        step = saved = int(state.step)
        evaluations = self._evaluations_until(step)
        train_steps = make_train_steps(config)
        evaluate = make_evaluator(config, self.items, self.source.skills)
        first = True
        while step < config.step_count and not stop():
            batches = self.source.training_batches(config.seed, first_step=step, count=chunk)
            started = time.monotonic()
            state, losses = train_steps(state, batches)
            self._check(losses, step)
            if not first:
                self.clock.training_seconds += time.monotonic() - started
                self.clock.trained_steps += chunk
            first = False
            step += chunk
            measured = step in config.evaluation_steps
            if measured:
                evaluations.append(evaluate(state.average, step))
                write_evaluations(self.folder, self.config, evaluations)
            if measured or self.checkpoints.due():
                self.checkpoints.save(state, step=step)
                saved = step
            self.clock.report(self.folder, step)
        if saved != step:
            self.checkpoints.save(state, step=step)
        jax.block_until_ready(state)
        return step

    def _evaluations_until(self, step: int) -> list[Evaluation]:
        """Stored evaluations up to a checkpoint; later ones are measured again, to the same bits."""
        kept = [one for one in read_evaluations(self.folder) if one.step <= step]
        wanted = [one for one in self.config.evaluation_steps if one <= step]
        if [one.step for one in kept] != wanted:
            raise CorruptStore(
                f"{self.folder}/evaluations.json holds steps {[one.step for one in kept]} but the checkpoint at step "
                f"{step} needs {wanted}. Delete the run's folder to train it afresh."
            )
        return kept

    def _check(self, losses: Float[Array, " step"], step: int) -> None:
        self.clock.loss = float(losses[-1])
        bad = np.flatnonzero(~np.isfinite(np.asarray(losses)))
        if len(bad):
            raise RunFailed(
                f"Run {self.config.name}: the loss is not finite at step {step + bad[0] + 1}. "
                f"Lower peak_learning_rate ({self.config.optimizer.peak_learning_rate}) or lengthen the warm-up."
            )
