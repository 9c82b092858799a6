"""The connection: transport security, and what is retried."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import final

import grpc

# What may be repeated without harm: everything that only reads.
_IDEMPOTENT = {
    "scaling.v1.DatasetService": [
        *("GetDataset", "ListDatasets", "ListLossObservations", "ListScoreObservations"),
        *("GetDatasetRevision", "ListDatasetRevisions"),
    ],
    "scaling.v1.FitService": ["GetFit", "ListFits", "ListFitVersions"],
    "scaling.v1.PredictionService": ["PredictLoss", "PredictScore", "PredictEmergence"],
    "scaling.v1.PlanService": ["PlanCompute"],
    "scaling.v1.SystemService": ["GetServerInfo"],
    "google.longrunning.Operations": ["GetOperation", "ListOperations", "WaitOperation"],
}
SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": service, "method": method} for service, methods in _IDEMPOTENT.items() for method in methods
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


@final
@dataclass(frozen=True)
class Tls:
    """How the server is known and, under mutual TLS, how we are: PEM files. No `authority`: gRPC's own list."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def open_channel(address: str, tls: Tls | None) -> grpc.Channel:
    """A channel to `address`; clear text without `tls`."""
    options = [("grpc.service_config", json.dumps(SERVICE_CONFIG)), ("grpc.enable_retries", 1)]
    if tls is None:
        return grpc.insecure_channel(address, options)
    authority, key, certificate = (
        path.read_bytes() if path is not None else None for path in (tls.authority, tls.key, tls.certificate)
    )
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authority, key, certificate), options)
