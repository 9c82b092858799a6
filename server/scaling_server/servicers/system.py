"""SystemService."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import final

from scaling import __version__
from scaling.laws import law_classes
from scaling.v1 import system_service_pb2 as pb
from scaling_server.convert.times import timestamp
from scaling_server.datastore.schema import now_us
from scaling_server.jobs.scheduler import Scheduler
from scaling_server.limits import LIMITS

_PACKAGES = ("grpcio", "protobuf", "numpy", "jax", "numpyro", "sqlalchemy")


@final
class SystemServicer:
    """Tells what this server is."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._start_time = now_us()
        self._versions = {"python": platform.python_version(), **_installed(_PACKAGES)}

    async def get_server_info(self, _request: pb.GetServerInfoRequest) -> pb.ServerInfo:
        """Versions, limits, laws and devices."""
        return pb.ServerInfo(
            version=__version__,
            software_versions=self._versions,
            limits=pb.Limits(
                max_request_bytes=LIMITS.max_request_bytes,
                max_point_count=LIMITS.max_point_count,
                max_quantile_count=LIMITS.max_quantile_count,
                max_string_bytes=LIMITS.max_string_bytes,
                max_append_row_count=LIMITS.max_append_row_count,
                max_page_size=LIMITS.max_page_size,
                max_queue_length=LIMITS.max_queue_length,
                max_stream_count=LIMITS.max_stream_count,
                operation_retention_days=LIMITS.operation_retention_days,
            ),
            laws=[
                pb.Law(name=name, formula=law.formula, coefficients=[each.name for each in law.coefficients])
                for name, law in law_classes().items()
            ],
            devices=self._scheduler.devices,
            start_time=timestamp(self._start_time),
        )


def _installed(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
