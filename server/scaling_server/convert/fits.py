"""Fits, their versions and the operations that make them."""

from __future__ import annotations

from typing import Any

from google.longrunning import operations_pb2
from google.rpc.status_pb2 import Status
from sqlalchemy import Row

from scaling.errors import InvalidInput, Violation
from scaling.laws import DEFAULT_LAW, law_classes
from scaling.store import FitDocument
from scaling.v1 import fit_pb2, fit_service_pb2
from scaling_server.convert.datasets import size_convention_proto
from scaling_server.convert.times import timestamp
from scaling_server.datastore.fits import NewFit
from scaling_server.jobs.messages import Progressed
from scaling_server.names import DatasetName, FitName, dataset_name
from scaling_server.registry import Staleness

# Fields of the proto's settings and of the library's.
_SETTINGS = {
    "seed": "seed",
    "chain_count": "chains",
    "warmup_count": "warmup",
    "draw_count": "draws",
    "target_acceptance": "target_acceptance",
    "max_r_hat": "max_r_hat",
    "min_effective_sample_size": "min_ess",
    "max_divergence_count": "max_divergences",
    "discrepancy_scale": "discrepancy_scale",
}
_STATES = {
    "CREATING": fit_pb2.FIT_STATE_CREATING,
    "ACTIVE": fit_pb2.FIT_STATE_ACTIVE,
    "FAILED": fit_pb2.FIT_STATE_FAILED,
    "CANCELLED": fit_pb2.FIT_STATE_CANCELLED,
}


def new_fit(request: fit_service_pb2.CreateFitRequest) -> NewFit:
    """What was asked for; raises `InvalidInput` for an unknown law, a bad dataset name, or following one revision."""
    asked = request.fit
    name = dataset_name(asked.dataset, field="fit.dataset")
    law = asked.law or DEFAULT_LAW
    violations = []
    if law not in law_classes():
        violations.append(Violation("fit.law", f"no law is called {law!r}; there are {', '.join(law_classes())}"))
    if asked.follow_dataset and name.revision is not None:
        violations.append(Violation("fit.dataset", "a fit that follows its dataset cannot name one revision of it"))
    if violations:
        raise InvalidInput("The fit asked for cannot be.", violations)
    return NewFit(
        fit=request.fit_id,
        dataset=name.dataset,
        pinned_revision=name.revision,
        follow_dataset=asked.follow_dataset,
        law=law,
        tasks=list(dict.fromkeys(asked.tasks)),
        settings={
            own: getattr(asked.settings, field) for field, own in _SETTINGS.items() if asked.settings.HasField(field)
        },
    )


def fit_proto(
    fit: Row[Any], version: Row[Any], document: FitDocument | None, *, stale: Staleness, name: FitName
) -> fit_pb2.Fit:
    """A fit as it stands: what was asked for, and what its version says."""
    proto = fit_pb2.Fit(
        name=str(name),
        dataset=str(DatasetName(fit.dataset, fit.pinned_revision)),
        follow_dataset=fit.follow_dataset,
        law=fit.law,
        tasks=fit.tasks,
        settings=_settings_proto(fit.settings),
        state=_STATES[version.state],
        version=str(FitName(fit.id, version.version)),
        dataset_revision=str(DatasetName(fit.dataset, version.dataset_revision)),
        data_digest=version.data_digest,
        stale_reason=stale.reason,
        stale_message=stale.message,
        create_time=timestamp(version.create_time),
        end_time=timestamp(version.end_time),
    )
    if version.state == "CREATING":
        proto.operation = f"operations/{version.operation}"
    if version.error:
        proto.error.ParseFromString(version.error)
    if document is not None:
        _add_document(proto, document)
    return proto


def reference_fit_proto(document: FitDocument, *, name: FitName) -> fit_pb2.Fit:
    """A fit that comes with the server."""
    proto = fit_pb2.Fit(
        name=str(name),
        law=document.law,
        state=fit_pb2.FIT_STATE_ACTIVE,
        version=str(FitName(name.fit, 1)),
        data_digest=document.data_digest,
        reference=True,
    )
    _add_document(proto, document)
    return proto


def operation_proto(
    operation: Row[Any], progress: Progressed | None, response: fit_pb2.Fit | None
) -> operations_pb2.Operation:
    """An operation; `response` is the fit of one that succeeded."""
    metadata = fit_pb2.FitOperationMetadata(
        fit=str(FitName(operation.fit)),
        version=str(FitName(operation.fit, operation.version)),
        dataset_revision=str(DatasetName(operation.dataset, operation.dataset_revision)),
        state=f"STATE_{operation.state}",
        attempt=operation.attempt,
        warm_started=operation.warm_start is not None,
        create_time=timestamp(operation.create_time),
        start_time=timestamp(operation.start_time),
        end_time=timestamp(operation.end_time),
    )
    if progress is not None and operation.state == "RUNNING":
        metadata.phase, metadata.done_count, metadata.total_count = progress.phase, progress.done, progress.total
        metadata.divergence_count = progress.divergences
        if progress.max_r_hat is not None:
            metadata.max_r_hat = progress.max_r_hat
        if progress.min_ess is not None:
            metadata.min_effective_sample_size = progress.min_ess
    proto = operations_pb2.Operation(name=f"operations/{operation.id}")
    proto.metadata.Pack(metadata)
    if operation.error:
        proto.done = True
        proto.error.CopyFrom(Status.FromString(operation.error))
    elif operation.state == "SUCCEEDED":
        proto.done = True
        proto.response.Pack(response if response is not None else fit_pb2.Fit(name=metadata.version))
    return proto


def _add_document(proto: fit_pb2.Fit, document: FitDocument) -> None:
    proto.size_convention = size_convention_proto(document.size_convention)
    proto.validation_set = document.validation_set
    proto.formula = document.formula
    for name, summary in document.coefficients.items():
        proto.coefficients[name].CopyFrom(fit_pb2.Quantiles(low=summary.low, median=summary.median, high=summary.high))
    proto.point_coefficients.update(document.point or {})
    if document.diagnostics is not None:
        proto.diagnostics.CopyFrom(
            fit_pb2.SampleDiagnostics(
                max_r_hat=document.diagnostics.max_r_hat,
                min_bulk_effective_sample_size=document.diagnostics.min_bulk_ess,
                min_tail_effective_sample_size=document.diagnostics.min_tail_ess,
                divergence_count=document.diagnostics.divergences,
                min_energy_fraction=document.diagnostics.min_energy,
            )
        )
    for scored in document.backtest:
        proto.backtest.add(
            factor_above=scored.factor_above,
            factor_at_most=scored.factor_at_most,
            forecast_count=scored.forecasts,
            mean_relative_error=scored.mean_relative_error,
            relative_bias=scored.bias,
            cover=scored.cover,
            mean_relative_width=scored.mean_width,
            interval_score=scored.interval_score,
            crps_nats_per_token=scored.crps,
        )
    for finding in document.findings:
        proto.findings.add(code=finding.code.value, message=finding.message)
    proto.fitted_tasks.extend(sorted(document.scores))
    for artefact in (document.draws, *document.scores.values()):
        proto.artefact_digests[artefact.file] = artefact.sha256
    proto.software_versions.update(document.provenance.get("versions", {}))


def _settings_proto(settings: dict[str, Any]) -> fit_pb2.FitSettings:
    return fit_pb2.FitSettings(**{field: settings[own] for field, own in _SETTINGS.items() if own in settings})
