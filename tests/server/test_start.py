"""How a server starts and stops: what it imports, whom it lets in, and what it refuses."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from sqlalchemy import Column, Integer, create_engine

from scaling.client import Client, ServiceError, Tls
from scaling.errors import CorruptStore, InvalidInput, StoreUnavailable
from scaling_server.app import SERVICES
from scaling_server.config import ServerConfig, require_safe
from scaling_server.datastore.database import Database, migrate
from scaling_server.datastore.schema import datasets, metadata
from tests.server.running import process, running

ROOT = Path(__file__).parents[2]


def test_the_front_imports_neither_jax_nor_pandas():
    code = (
        "import sys, scaling_server.app, scaling.client;"
        "print(*(m for m in ('jax', 'jaxlib', 'numpyro', 'pandas', 'matplotlib') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.3.2.1"])
def test_loopback_may_be_clear_text(host):
    require_safe(ServerConfig(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_any_other_address_needs_tls_or_the_words(host):
    with pytest.raises(InvalidInput, match="clear_text_on_any_address"):
        require_safe(ServerConfig(host=host))
    require_safe(ServerConfig(host=host, clear_text_on_any_address=True))


def test_half_of_a_tls_configuration_is_refused(tmp_path):
    config = ServerConfig(tls_certificate=tmp_path / "absent.pem", tls_client_ca=tmp_path / "absent.pem")
    with pytest.raises(InvalidInput) as refused:
        require_safe(config)
    assert {each.field for each in refused.value.violations} == {"tls_key", "tls_certificate", "tls_client_ca"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    arguments = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([openssl, *arguments, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def test_tls_lets_in_who_knows_the_authority_and_mutual_tls_who_has_a_certificate(tmp_path, certificate):
    public, key = certificate
    tls = {"tls_certificate": public, "tls_key": key, "tls_client_ca": public}
    with running(tmp_path, **tls) as server:
        known = Tls(authority=public, certificate=public, key=key)
        with server.client(tls=known) as client:
            assert client.server_info().version
        for stranger in (Tls(authority=public), None):
            with server.client(tls=stranger, timeout=3) as client, pytest.raises(ServiceError):
                client.server_info()


def test_health_and_reflection_know_every_service(shared):
    with shared.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        names = [service.full_name for service in SERVICES]
        for name in ("", *names):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        [told] = list(stub.ServerReflectionInfo(iter([ask]), timeout=5))
        assert set(names) <= {service.name for service in told.list_services_response.service}


def test_server_info_tells_limits_laws_and_devices(client):
    info = client.server_info()
    assert info.limits.max_point_count == 4096
    assert "chinchilla" in {law.name for law in info.laws}


def test_two_servers_cannot_share_a_folder(tmp_path):
    first = Database(tmp_path / "scaling.db")
    with pytest.raises(StoreUnavailable, match="Another server"):
        Database(tmp_path / "scaling.db")
    first.close()
    Database(tmp_path / "scaling.db").close()


def test_migrations_make_the_schema_that_the_code_expects(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        datasets.append_column(extra := Column("extra", Integer))
        try:
            assert compare_metadata(context, metadata)
        finally:
            datasets._columns.remove(extra)
    engine.dispose()


def test_changes_are_synced_and_the_journal_is_a_wal(tmp_path):
    database = Database(tmp_path / "scaling.db")
    try:
        found = database._transact(
            lambda connection: [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
            ],
            True,
        )
    finally:
        database.close()
    assert found == ["wal", 2]


def test_a_damaged_database_is_named(tmp_path):
    (tmp_path / "scaling.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    with pytest.raises(CorruptStore, match="Restore it"):
        Database(tmp_path / "scaling.db")


def test_a_store_that_is_locked_is_unavailable_for_changes_only(tmp_path, monkeypatch):
    monkeypatch.setattr("scaling_server.datastore.database._BUSY_MILLISECONDS", 100)
    with running(tmp_path) as server, server.client() as client:
        other = sqlite3.connect(tmp_path / "scaling.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            client.create_dataset("one")
        assert client.predict_loss("ladder-cpu", [(1e6, 1e8)]).forecasts
        other.close()
        client.create_dataset("one")


def test_sigterm_finishes_what_is_in_flight_and_leaves_with_0(tmp_path):
    with process(tmp_path) as (server, address), Client(address) as client:
        client.predict_loss("ladder-cpu", [(1e6, 1e8)])
        refused: list[str] = []

        def ask() -> None:
            while not refused:
                try:
                    client.predict_loss("ladder-cpu", [(1e6, 1e8)])
                except ServiceError as error:
                    refused.append(error.code.name)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        asking.join(30)
        # gRPC's core cancels what reaches the socket while it closes; what was being answered was answered.
        assert refused[0] in (grpc.StatusCode.UNAVAILABLE.name, grpc.StatusCode.CANCELLED.name)


def test_a_taken_port_is_named(tmp_path, shared):
    with (
        pytest.raises(StoreUnavailable, match="Choose another"),
        running(tmp_path, port=int(shared.address.rpartition(":")[2])),
    ):
        pass
