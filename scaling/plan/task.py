"""The least compute that has a task emerge with a probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Float

from scaling._pytree import Array
from scaling.emergence import AbstractPath, ComputeOptimal
from scaling.plan._plan import ComputePlan, split
from scaling.plan.target import DEFAULT_PROBABILITY, plan_target
from scaling.posterior import Fit
from scaling.predict.loss import DEFAULT_LEVELS
from scaling.predict.score import forecast_score


def plan_task(
    fit: Fit,
    task: str,
    *,
    probability: float = DEFAULT_PROBABILITY,
    path: AbstractPath = ComputeOptimal(),  # noqa: B008 - frozen
    levels: Sequence[float] = DEFAULT_LEVELS,
) -> ComputePlan:
    """The least compute whose run along `path` has `task` emerged with `probability`.

    Raises as `plan_loss`, and `NotFound` for an unknown task.
    """
    below = fit.score(task).not_identified_below
    posterior = fit.for_queries().loss

    def reached(flops: Float[Array, " point"]) -> Float[Array, " point"]:
        emerged: Float[Array, " point"] = forecast_score(fit, task, *split(posterior, flops, path)).p_emerged
        return emerged

    goal = f"the task {task!r} to emerge"
    made = plan_target(fit, reached, goal=goal, probability=probability, path=path, levels=levels)
    if made.run is None and below is not None:
        unknown = f"The onset of {task!r} is not identified yet: it lies below {below:.2f} nats if there is one. "
        return replace(made, statement=unknown + made.statement)
    return made
