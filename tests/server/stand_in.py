"""A worker that fits nothing: it hands out the fit in STAND_IN_FIT, and misbehaves where the seed says so."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scaling.errors import FitFailed
from scaling.posterior import Finding, FindingCode
from scaling.store import read_fit
from scaling_server.datastore.datasets import content_digest
from scaling_server.jobs.worker import main

STEPS = 100
SLOW, FAILS, DIES, DIES_ONCE, PRINTS, BUG, LONG_ONCE = 101, 102, 103, 104, 105, 106, 107
# Rows with this task cannot be fitted; rows with the other one make the whole fit fail.
LOST_TASK, POISON_TASK = "lost", "poison"


class StandIn:
    def start(self, cache: Path) -> tuple[str, ...]:
        del cache
        self.fitted = read_fit(Path(os.environ["STAND_IN_FIT"]))
        return ("stand-in:0",)

    def warmings(self) -> Iterator[Any]:
        return iter(())

    def fit(self, job: Any, loss: Any, scores: Any, *, warm_start: Any, progress: Any) -> Any:
        seed = int(job.settings.get("seed", 0))
        self.misbehave(seed, job, progress)
        tasks = job.tasks or (scores.tasks() if scores is not None else ())
        if POISON_TASK in tasks:
            raise FitFailed("The chains disagree: R-hat is 1.4.")
        posterior = self.fitted.scores["ng2"]
        lost = job.dataset_revision > 2 and LOST_TASK in tasks
        kept = [task for task in tasks if not (lost and task == LOST_TASK)]
        return replace(
            self.fitted,
            scores={task: replace(posterior, task=task) for task in kept},
            findings=(Finding(code=FindingCode.SCORE_NOT_FITTED, message="Task 'lost': no."),) if lost else (),
            data_digest=content_digest(loss, scores),
            provenance={"warm_start": None if warm_start is None else warm_start.version},
        )

    def misbehave(self, seed: int, job: Any, progress: Any) -> None:
        if seed == FAILS:
            raise FitFailed("The chains disagree: R-hat is 1.4.")
        if seed == BUG:
            raise ZeroDivisionError
        if seed == DIES or (seed == DIES_ONCE and job.attempt == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if seed == PRINTS:
            sys.stdout.write("a library that prints\n")
            sys.stdout.flush()
        steps = {SLOW: STEPS, LONG_ONCE: 3000 if job.attempt == 1 else 2}.get(seed, 2)
        for step in range(steps):
            sample = {"divergences": 0, "max_r_hat": 1.02, "min_ess": 350.0}
            progress(SimpleNamespace(phase="draws", done=step, total=steps, **sample))
            time.sleep(0.02)


if __name__ == "__main__":
    main(StandIn())
