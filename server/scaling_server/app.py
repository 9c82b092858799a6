"""The server put together: store, registry, workers and RPCs, started in order and drained in the reverse."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import grpc
from google.longrunning import operations_proto_pb2
from grpc_health.v1 import health, health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from scaling.errors import StoreUnavailable
from scaling.store import reference_store
from scaling.v1 import (
    dataset_service_pb2,
    fit_service_pb2,
    plan_service_pb2,
    prediction_service_pb2,
    system_service_pb2,
)
from scaling_server.changes import Changes
from scaling_server.config import ServerConfig, require_safe
from scaling_server.datastore import fits, operations, requests
from scaling_server.datastore.artefacts import Artefacts
from scaling_server.datastore.database import Database
from scaling_server.datastore.schema import now_us
from scaling_server.jobs.scheduler import Scheduler, SchedulerSettings
from scaling_server.limits import LIMITS
from scaling_server.paging import Pager
from scaling_server.registry import FitRegistry
from scaling_server.rpc import Boundary, Method, methods_of
from scaling_server.servicers.datasets import DatasetServicer
from scaling_server.servicers.fits import FitServicer
from scaling_server.servicers.operations import OperationsServicer
from scaling_server.servicers.predictions import PlanServicer, PredictionServicer
from scaling_server.servicers.system import SystemServicer
from scaling_server.telemetry import Counts

_COMPUTE_THREADS = 2
_SECONDS_A_DAY = 86_400
_log = logging.getLogger(__name__)
SERVICES = (
    dataset_service_pb2.DESCRIPTOR.services_by_name["DatasetService"],
    fit_service_pb2.DESCRIPTOR.services_by_name["FitService"],
    prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"],
    plan_service_pb2.DESCRIPTOR.services_by_name["PlanService"],
    system_service_pb2.DESCRIPTOR.services_by_name["SystemService"],
    operations_proto_pb2.DESCRIPTOR.services_by_name["Operations"],
)


def worker_command(config: ServerConfig) -> list[str]:
    """What a worker is: this interpreter, at the library."""
    options = ["--cache", str(config.cache_dir), "--niceness", str(config.worker_niceness)]
    return [sys.executable, "-m", "scaling_server.jobs.worker", *options]


@final
class Server:
    """One server. `start`, then `stop`; both once."""

    def __init__(self, config: ServerConfig, *, command: Sequence[str] | None = None) -> None:
        """Open the store; raises `InvalidInput` for an unsafe configuration, `StoreUnavailable`."""
        require_safe(config)
        self.config = config
        self.counts = Counts()
        self.database = Database(config.data_dir / "scaling.db")
        self._artefacts = Artefacts(config.data_dir / "artefacts", config.data_dir / "staging")
        self._artefacts.prepare()
        self.registry = FitRegistry(self.database, self._artefacts, reference_store())
        self.scheduler = Scheduler(
            self.database,
            self._artefacts,
            SchedulerSettings(
                command=list(command or worker_command(config)),
                workers=config.workers,
                fit_seconds=config.fit_seconds,
            ),
            changed=self.registry.forget_names,
            preload=self.registry.load,
        )
        self._executor = ThreadPoolExecutor(_COMPUTE_THREADS, thread_name_prefix="compute")
        self._boundary = Boundary(self._methods(), self.counts)
        self._health = HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._loading: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Start workers and listen; the port. Raises `StoreUnavailable` where the address cannot be had."""
        await self.database.write(self._clean_up)
        await self.scheduler.start()
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", LIMITS.max_request_bytes),
                ("grpc.max_concurrent_streams", LIMITS.max_stream_count),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=LIMITS.max_concurrent_rpcs,
        )
        add_HealthServicer_to_server(self._health, self._server)
        names = [service.full_name for service in SERVICES]
        if self.config.reflection:
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self._server.add_generic_rpc_handlers((self._boundary,))  # last: it answers every unknown method
        port = self._listen(self._server)
        await self._server.start()
        self._loading = asyncio.create_task(self.registry.load_reference_fits())
        for name in (health.OVERALL_HEALTH, *names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop(self) -> None:
        """Drain: health says NOT_SERVING, RPCs in flight finish, workers stop, the store closes."""
        began = time.monotonic()
        await self._health.enter_graceful_shutdown()
        self._boundary.is_draining = True
        self.scheduler.release_waiting()
        if self._server is not None:
            await self._server.stop(self.config.drain_seconds)
        if self._loading is not None:
            self._loading.cancel()
        await self.scheduler.stop()
        self._executor.shutdown(wait=True)
        await asyncio.to_thread(self.database.close)
        _log.info("stopped", extra={"seconds": round(time.monotonic() - began, 2)})

    def _methods(self) -> dict[str, Method]:
        def changed() -> None:
            self.registry.forget_names()
            self.scheduler.wake()

        pager = Pager(self.database.secret("page_tokens"))
        changes = Changes(self.database, changed)
        shared: dict[str, Any] = {"registry": self.registry, "scheduler": self.scheduler}
        servicers: dict[str, object] = {
            "DatasetService": DatasetServicer(self.database, changes, pager),
            "FitService": FitServicer(self.database, changes, pager, **shared),
            "PredictionService": PredictionServicer(self.registry, self._executor),
            "PlanService": PlanServicer(self.registry, self._executor),
            "SystemService": SystemServicer(self.scheduler),
            "Operations": OperationsServicer(self.database, pager, **shared),
        }
        methods: dict[str, Method] = {}
        for service in SERVICES:
            methods |= methods_of(service, servicers[service.name])
        return methods

    def _listen(self, server: grpc.aio.Server) -> int:
        try:
            if not self.config.has_tls:
                return server.add_insecure_port(self.config.address)
            return server.add_secure_port(self.config.address, _credentials(self.config))
        except RuntimeError as error:
            raise StoreUnavailable(f"{self.config.address} cannot be listened at: {error}. Choose another.") from error

    def _clean_up(self, connection: Any) -> None:
        """Forget what is past its time, and documents that no version names."""
        before = now_us() - LIMITS.operation_retention_days * _SECONDS_A_DAY * 1_000_000
        operations.forget_ended_before(connection, before)
        requests.forget_answers_before(connection, before)
        removed = self._artefacts.keep_only(fits.artefacts_in_use(connection))
        if removed:
            _log.info("removed documents of fits that are no more", extra={"documents": removed})


async def serve(
    config: ServerConfig, *, listening: Callable[[str], None], command: Sequence[str] | None = None
) -> None:
    """Run a server until SIGTERM or SIGINT; `listening` is told its address once it answers."""
    server = Server(config, command=command)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    port = await server.start()
    host = f"[{config.host}]" if ":" in config.host else config.host
    _log.info("listening", extra={"address": f"{host}:{port}", "config": config.model_dump(mode="json")})
    listening(f"{host}:{port}")
    try:
        await stop.wait()
    finally:
        await server.stop()


def _credentials(config: ServerConfig) -> grpc.ServerCredentials:
    assert config.tls_certificate is not None
    assert config.tls_key is not None
    authority = config.tls_client_ca.read_bytes() if config.tls_client_ca else None
    return grpc.ssl_server_credentials(
        [(config.tls_key.read_bytes(), config.tls_certificate.read_bytes())],
        root_certificates=authority,
        require_client_auth=authority is not None,
    )
