"""The client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar, final

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.message import Message

from scaling.client import _convert as convert
from scaling.client._channel import Tls, open_channel
from scaling.client._errors import ServiceError, error_of, error_of_call
from scaling.errors import InvalidInput
from scaling.observations import LossObservations, ScoreObservations
from scaling.units import SizeConvention
from scaling.v1 import (
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    fit_pb2,
    fit_service_pb2,
    fit_service_pb2_grpc,
    plan_service_pb2,
    plan_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)

DEFAULT_TIMEOUT_SECONDS = 30.0
_ROWS_A_REQUEST = 1000
_WAIT_SLICE_SECONDS = 1.0
M = TypeVar("M", bound=Message)


@final
class Client:
    """One connection to a server. Use it as a context manager, or `close` it.

    - `address`: `host:port`.
    - `timeout`: deadline of each call, seconds.
    - `tls`: None is clear text, which servers offer on loopback only unless told otherwise.

    Methods raise the library's own errors (`NotFound`, `InvalidInput` with every violation, ...) and `ServiceError`.
    """

    def __init__(self, address: str, *, timeout: float = DEFAULT_TIMEOUT_SECONDS, tls: Tls | None = None) -> None:
        self._timeout = timeout
        self._channel = open_channel(address, tls)
        self._datasets = dataset_service_pb2_grpc.DatasetServiceStub(self._channel)
        self._fits = fit_service_pb2_grpc.FitServiceStub(self._channel)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._plans = plan_service_pb2_grpc.PlanServiceStub(self._channel)
        self._system = system_service_pb2_grpc.SystemServiceStub(self._channel)
        self._operations = operations_pb2_grpc.OperationsStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def server_info(self) -> system_service_pb2.ServerInfo:
        """Versions, limits, laws and devices of the server."""
        return self._call(self._system.GetServerInfo, system_service_pb2.GetServerInfoRequest())

    # Datasets

    def create_dataset(
        self,
        dataset: str,
        *,
        size_convention: SizeConvention = SizeConvention.UNSPECIFIED,
        validation_set: str = "unspecified",
        display_name: str = "",
    ) -> dataset_pb2.Dataset:
        """Create an empty dataset; its conventions hold for every row."""
        stated = dataset_pb2.Dataset(
            display_name=display_name,
            size_convention=convert.convention_proto(size_convention),
            validation_set=validation_set,
        )
        request = dataset_service_pb2.CreateDatasetRequest(
            dataset_id=dataset, dataset=stated, request_id=convert.request_id()
        )
        return self._call(self._datasets.CreateDataset, request)

    def get_dataset(self, dataset: str) -> dataset_pb2.Dataset:
        """A dataset with its newest revision."""
        request = dataset_service_pb2.GetDatasetRequest(name=convert.named("datasets", dataset))
        return self._call(self._datasets.GetDataset, request)

    def list_datasets(self) -> Iterator[dataset_pb2.Dataset]:
        """All datasets by name."""
        return self._pages(self._datasets.ListDatasets, dataset_service_pb2.ListDatasetsRequest(), "datasets")

    def delete_dataset(self, dataset: str) -> None:
        """Delete a dataset that no fit follows."""
        name = convert.named("datasets", dataset)
        request = dataset_service_pb2.DeleteDatasetRequest(name=name, request_id=convert.request_id())
        self._call(self._datasets.DeleteDataset, request)

    def append(
        self,
        dataset: str,
        *,
        losses: LossObservations | None = None,
        scores: ScoreObservations | None = None,
    ) -> dataset_service_pb2.AppendObservationsResponse:
        """Append rows; beyond 1,000 they go in several requests, each all or nothing.

        The answer holds the newest revision, the rows that repeated earlier ones and the refits queued. Raises
        `UnitMismatch` where the rows are not in the dataset's conventions.
        """
        name = convert.named("datasets", dataset)
        there = self.get_dataset(name)
        for rows in (losses, scores):
            if rows is not None:
                convert.require_same_conventions(rows, there)
        messages: list[tuple[str, Any]] = [("loss_observations", row) for row in convert.loss_protos(losses)]
        messages += [("score_observations", row) for row in convert.score_protos(scores)]
        answer = dataset_service_pb2.AppendObservationsResponse(revision=there.latest_revision)
        for chunk in convert.batches(messages, _ROWS_A_REQUEST):
            request = dataset_service_pb2.AppendObservationsRequest(dataset=name, request_id=convert.request_id())
            for field, row in chunk:
                getattr(request, field).append(row)
            part = self._call(self._datasets.AppendObservations, request)
            answer.revision.CopyFrom(part.revision)
            answer.duplicate_row_count += part.duplicate_row_count
            known = set(answer.refit_operations)
            answer.refit_operations.extend(each for each in part.refit_operations if each not in known)
        return answer

    def losses(self, dataset: str) -> LossObservations:
        """The loss rows of a dataset, or of one revision of it; `to_frame` makes a pandas frame of them."""
        name = convert.named("datasets", dataset)
        request = dataset_service_pb2.ListLossObservationsRequest(parent=name, page_size=_ROWS_A_REQUEST)
        rows = list(self._pages(self._datasets.ListLossObservations, request, "loss_observations"))
        return convert.losses_of(rows, self.get_dataset(name.partition("/revisions/")[0]))

    def scores(self, dataset: str) -> ScoreObservations:
        """The score rows of a dataset, or of one revision of it."""
        name = convert.named("datasets", dataset)
        request = dataset_service_pb2.ListScoreObservationsRequest(parent=name, page_size=_ROWS_A_REQUEST)
        rows = list(self._pages(self._datasets.ListScoreObservations, request, "score_observations"))
        return convert.scores_of(rows, self.get_dataset(name.partition("/revisions/")[0]))

    # Fits

    def create_fit(
        self,
        fit: str,
        dataset: str,
        *,
        law: str = "",
        tasks: Sequence[str] = (),
        follow_dataset: bool = False,
        settings: fit_pb2.FitSettings | None = None,
    ) -> operations_pb2.Operation:
        """Queue a fit; `wait_for_fit` waits for it. With `follow_dataset`, every append refits it."""
        asked = fit_pb2.Fit(
            dataset=convert.named("datasets", dataset),
            follow_dataset=follow_dataset,
            law=law,
            tasks=tasks,
            settings=settings,
        )
        request = fit_service_pb2.CreateFitRequest(fit_id=fit, fit=asked, request_id=convert.request_id())
        return self._call(self._fits.CreateFit, request)

    def wait_for_fit(
        self,
        operation: str | operations_pb2.Operation,
        *,
        seconds: float = 3600.0,
        progress: Callable[[fit_pb2.FitOperationMetadata], None] | None = None,
    ) -> fit_pb2.Fit:
        """The fit that an operation makes, once it is there; `progress` is told about once a second how far it is.

        Raises what the operation ended with, and `ServiceError` after `seconds`.
        """
        name = operation if isinstance(operation, str) else operation.name
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, min(_WAIT_SLICE_SECONDS, end - time.monotonic()))
            request = operations_pb2.WaitOperationRequest(
                name=convert.named("operations", name), timeout=convert.duration(left)
            )
            found = self._call(self._operations.WaitOperation, request)
            if found.HasField("error"):
                raise error_of(found.error)
            if found.done:
                return convert.unpacked(found.response, fit_pb2.Fit)
            if progress is not None:
                progress(convert.unpacked(found.metadata, fit_pb2.FitOperationMetadata))
            if time.monotonic() >= end:
                raise ServiceError(
                    f"{name} was not done after {seconds:g} s. It goes on: wait again, or cancel it.",
                    code=grpc.StatusCode.DEADLINE_EXCEEDED,
                    reason="WAIT_TIMEOUT",
                    metadata={"operation": name},
                )

    def get_operation(self, operation: str) -> fit_pb2.FitOperationMetadata:
        """How far an operation has come."""
        request = operations_pb2.GetOperationRequest(name=convert.named("operations", operation))
        found = self._call(self._operations.GetOperation, request)
        return convert.unpacked(found.metadata, fit_pb2.FitOperationMetadata)

    def cancel(self, operation: str) -> None:
        """Cancel an operation; nothing happens to one that has ended."""
        request = operations_pb2.CancelOperationRequest(name=convert.named("operations", operation))
        self._call(self._operations.CancelOperation, request)

    def get_fit(self, fit: str) -> fit_pb2.Fit:
        """A fit by its alias, or one version: `name` or `fits/name/versions/2`."""
        return self._call(self._fits.GetFit, fit_service_pb2.GetFitRequest(name=convert.named("fits", fit)))

    def list_fits(self) -> Iterator[fit_pb2.Fit]:
        """All fits by name, the reference fits among them."""
        return self._pages(self._fits.ListFits, fit_service_pb2.ListFitsRequest(), "fits")

    def list_fit_versions(self, fit: str) -> Iterator[fit_pb2.Fit]:
        """The versions of a fit, the newest first."""
        request = fit_service_pb2.ListFitVersionsRequest(parent=convert.named("fits", fit))
        return self._pages(self._fits.ListFitVersions, request, "fits")

    def delete_fit(self, fit: str) -> None:
        """Delete a fit with all its versions."""
        request = fit_service_pb2.DeleteFitRequest(name=convert.named("fits", fit), request_id=convert.request_id())
        self._call(self._fits.DeleteFit, request)

    # Questions

    def predict_loss(
        self, fit: str, points: Sequence[tuple[float, float]], *, levels: Sequence[float] = ()
    ) -> prediction_service_pb2.PredictLossResponse:
        """Loss at each (size, tokens)."""
        request = prediction_service_pb2.PredictLossRequest(
            fit=convert.named("fits", fit), points=convert.points(points), quantile_levels=levels
        )
        return self._call(self._predictions.PredictLoss, request)

    def predict_score(
        self, fit: str, task: str, points: Sequence[tuple[float, float]], *, levels: Sequence[float] = ()
    ) -> prediction_service_pb2.PredictScoreResponse:
        """Score of `task` at each (size, tokens), and whether it has emerged there."""
        request = prediction_service_pb2.PredictScoreRequest(
            fit=convert.named("fits", fit), task=task, points=convert.points(points), quantile_levels=levels
        )
        return self._call(self._predictions.PredictScore, request)

    def predict_emergence(
        self,
        fit: str,
        task: str,
        *,
        tokens_per_parameter: float | None = None,
        tokens: float | None = None,
        size: float | None = None,
        levels: Sequence[float] = (),
        max_size: float = 0.0,
    ) -> prediction_service_pb2.PredictEmergenceResponse:
        """Where `task` emerges at a fixed ratio, fixed tokens or a fixed size; compute-optimal where none is given."""
        request = prediction_service_pb2.PredictEmergenceRequest(
            fit=convert.named("fits", fit),
            task=task,
            training_path=convert.path(tokens_per_parameter=tokens_per_parameter, tokens=tokens, size=size),
            quantile_levels=levels,
            max_parameter_count=max_size,
        )
        return self._call(self._predictions.PredictEmergence, request)

    def plan_compute(
        self,
        fit: str,
        *,
        budget_flops: float | None = None,
        loss: float | None = None,
        task: str | None = None,
        probability: float = 0.0,
        tokens_per_parameter: float | None = None,
        tokens: float | None = None,
        hardware: plan_service_pb2.Hardware | None = None,
        levels: Sequence[float] = (),
    ) -> plan_service_pb2.PlanComputeResponse:
        """The best run for a budget, or the cheapest for a loss or a task; give one of the three."""
        request = plan_service_pb2.PlanComputeRequest(
            fit=convert.named("fits", fit),
            training_path=convert.path(tokens_per_parameter=tokens_per_parameter, tokens=tokens, size=None),
            hardware=hardware,
            quantile_levels=levels,
        )
        if sum(goal is not None for goal in (budget_flops, loss, task)) > 1:
            raise InvalidInput("Give one of a budget, a loss and a task.")
        if budget_flops is not None:
            request.budget_flops = budget_flops
        if loss is not None:
            request.loss_target.loss_nats_per_token, request.loss_target.probability = loss, probability
        if task is not None:
            request.task_target.task, request.task_target.probability = task, probability
        return self._call(self._plans.PlanCompute, request)

    def _call(self, method: Callable[..., M], request: Message) -> M:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise error_of_call(error) from error

    def _pages(self, method: Callable[..., Any], request: Any, field: str) -> Iterator[Any]:
        """The entries of every page."""
        while True:
            page = self._call(method, request)
            yield from getattr(page, field)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
