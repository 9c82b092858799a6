"""PredictionService and PlanService: questions to a fit in memory, evaluated under NumPy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, final

from scaling.emergence import AbstractPath
from scaling.errors import InvalidInput, NotFound, OutsideDomain, Violation
from scaling.plan import DEFAULT_PROBABILITY, ComputePlan, cost_of, plan_budget, plan_loss, plan_task
from scaling.posterior import Fit
from scaling.predict.emergence import DEFAULT_SIZE_LIMIT, forecast_emergence
from scaling.predict.loss import forecast_loss
from scaling.predict.score import forecast_score
from scaling.v1 import plan_service_pb2
from scaling.v1 import prediction_service_pb2 as pb
from scaling_server.convert import predictions as convert
from scaling_server.errors import ResourceNotFound
from scaling_server.names import fit_name
from scaling_server.registry import FitRegistry, ServedFit

T = TypeVar("T")
# Below this an answer takes less time than a change of threads is worth.
_MOST_POINTS_ON_THE_LOOP = 32
# Fields of the library's errors, as the request calls them.
_RENAMED = (
    (re.compile(r"size\[(\d+)\]"), r"points[\1].parameter_count"),
    (re.compile(r"tokens\[(\d+)\]"), r"points[\1].token_count"),
    (re.compile(r"levels\[(\d+)\]"), r"quantile_levels[\1]"),
    (re.compile(r"size_limit\[0\]"), "max_parameter_count"),
    (re.compile(r"flops\[0\]"), "budget_flops"),
    (re.compile(r"loss\[0\]"), "loss_target.loss_nats_per_token"),
)


@final
class PredictionServicer:
    """Asks a fit about runs that nobody has made."""

    def __init__(self, registry: FitRegistry, executor: Executor) -> None:
        self._registry, self._executor = registry, executor

    async def predict_loss(self, request: pb.PredictLossRequest) -> pb.PredictLossResponse:
        """Loss at planned sizes and token counts."""
        served = await served_fit(self._registry, request.fit)
        size, tokens = convert.points_of(request.points)

        def answer() -> pb.PredictLossResponse:
            forecast = forecast_loss(served.fit, size, tokens, levels=convert.levels_of(request))
            return convert.loss_response(forecast, served.version)

        return await self._evaluate(answer, points=len(size))

    async def predict_score(self, request: pb.PredictScoreRequest) -> pb.PredictScoreResponse:
        """Score of a task at planned sizes and token counts."""
        served = await served_fit(self._registry, request.fit)
        require_task(served, request.task, field="task")
        size, tokens = convert.points_of(request.points)

        def answer() -> pb.PredictScoreResponse:
            levels = convert.levels_of(request)
            forecast = forecast_score(served.fit, request.task, size, tokens, levels=levels)
            return convert.score_response(forecast, served.version)

        return await self._evaluate(answer, points=len(size))

    async def predict_emergence(self, request: pb.PredictEmergenceRequest) -> pb.PredictEmergenceResponse:
        """Where a task emerges."""
        served = await served_fit(self._registry, request.fit)
        require_task(served, request.task, field="task")

        def answer() -> pb.PredictEmergenceResponse:
            forecast = forecast_emergence(
                served.fit,
                request.task,
                convert.path_of(request.training_path),
                levels=convert.levels_of(request),
                size_limit=request.max_parameter_count or DEFAULT_SIZE_LIMIT,
            )
            return convert.emergence_response(forecast, served.version)

        return await self._evaluate(answer, points=1)

    async def _evaluate(self, answer: Callable[[], T], *, points: int) -> T:
        if points <= _MOST_POINTS_ON_THE_LOOP:
            return renaming_fields(answer)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, renaming_fields, answer)


@final
class PlanServicer:
    """Plans what to train."""

    def __init__(self, registry: FitRegistry, executor: Executor) -> None:
        self._registry, self._executor = registry, executor

    async def plan_compute(self, request: plan_service_pb2.PlanComputeRequest) -> plan_service_pb2.PlanComputeResponse:
        """The best run for a budget, or the cheapest for a target, with its cost."""
        served = await served_fit(self._registry, request.fit)
        hardware = convert.hardware_of(request.hardware) if request.HasField("hardware") else None
        if request.HasField("task_target"):
            require_task(served, request.task_target.task, field="task_target.task")

        def answer() -> plan_service_pb2.PlanComputeResponse:
            levels = convert.levels_of(request)
            plan = _plan(served.fit, request, convert.path_of(request.training_path), levels)
            cost = None
            if hardware is not None and plan.run is not None:
                cost = cost_of(plan.run.flops, hardware, levels=levels)
            return convert.plan_response(plan, cost, served.version)

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, renaming_fields, answer)


async def served_fit(registry: FitRegistry, name: str) -> ServedFit:
    """The fit that answers to `name`."""
    return await registry.served(fit_name(name, field="fit"))


def require_task(served: ServedFit, task: str, *, field: str) -> None:
    """Raise `ResourceNotFound` where the fit has no such task."""
    try:
        served.fit.score(task)
    except NotFound as error:
        raise ResourceNotFound(str(error), subject=task, metadata={"field": field}) from error


def renaming_fields(answer: Callable[[], T]) -> T:
    """Run `answer`; faults that the library finds are named as the request names them."""
    try:
        return answer()
    except InvalidInput as error:
        violations = [Violation(_renamed(each.field), each.description) for each in error.violations]
        kind = OutsideDomain if isinstance(error, OutsideDomain) else InvalidInput
        raise kind(error.summary, violations) from error


def _plan(fit: Fit, request: Any, path: AbstractPath, levels: tuple[float, ...]) -> ComputePlan:
    match request.WhichOneof("goal"):
        case "budget_flops":
            return plan_budget(fit, request.budget_flops, path=path, levels=levels)
        case "loss_target":
            target = request.loss_target
            return plan_loss(
                fit,
                target.loss_nats_per_token,
                probability=target.probability or DEFAULT_PROBABILITY,
                path=path,
                levels=levels,
            )
        case _:
            wanted = request.task_target
            probability = wanted.probability or DEFAULT_PROBABILITY
            return plan_task(fit, wanted.task, probability=probability, path=path, levels=levels)


def _renamed(field: str) -> str:
    for pattern, name in _RENAMED:
        if pattern.fullmatch(field):
            return pattern.sub(name, field)
    return field
