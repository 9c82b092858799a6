"""Operations through kills, cancellations and restarts: each ends, once, with the truth."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from google.longrunning import operations_pb2

from scaling.client import Client, ServiceError
from scaling.errors import CorruptStore, FitFailed, NotEnoughRuns, NotFound
from scaling.v1 import fit_pb2
from tests.server import stand_in
from tests.server.rows import ladder
from tests.server.running import process, running


def filled(client: Client, name: str) -> str:
    client.create_dataset(name)
    losses, scores = ladder()
    client.append(name, losses=losses, scores=scores)
    return name


def settings(seed: int) -> fit_pb2.FitSettings:
    return fit_pb2.FitSettings(seed=seed)


def metadata_of(client: Client, operation: str) -> fit_pb2.FitOperationMetadata:
    found = client._call(client._operations.GetOperation, operations_pb2.GetOperationRequest(name=operation))
    metadata = fit_pb2.FitOperationMetadata()
    assert found.metadata.Unpack(metadata)
    return metadata


def until(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
    return found


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "stand_in.py" in " ".join(child.cmdline())]


def test_a_fit_reports_its_progress_and_becomes_active(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.SLOW))
    assert client.get_fit(name).state == fit_pb2.FIT_STATE_CREATING
    seen = until(lambda: (found := metadata_of(client, operation.name)).phase and found)
    assert (seen.phase, seen.total_count, seen.max_r_hat, seen.attempt) == ("draws", stand_in.STEPS, 1.02, 1)
    fit = client.wait_for_fit(operation)
    assert fit.name == f"fits/{name}/versions/1"
    assert client.get_fit(name).state == fit_pb2.FIT_STATE_ACTIVE
    assert fit.data_digest == client.get_dataset(name).latest_revision.content_digest
    assert set(fit.fitted_tasks) == {"sort"}


def test_what_a_library_prints_does_not_disturb_the_worker(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.PRINTS))
    assert client.wait_for_fit(operation).state == fit_pb2.FIT_STATE_ACTIVE


def test_a_fit_that_misses_its_gates_says_so_and_answers_nothing(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.FAILS))
    with pytest.raises(FitFailed, match=r"R-hat is 1\.4"):
        client.wait_for_fit(operation)
    fit = client.get_fit(name)
    assert (fit.state, fit.error.message) == (fit_pb2.FIT_STATE_FAILED, "The chains disagree: R-hat is 1.4.")
    with pytest.raises(ServiceError, match="has failed") as refused:
        client.predict_loss(name, [(1e9, 2e10)])
    assert refused.value.reason == "FIT_NOT_ACTIVE"


def test_a_bug_in_the_worker_ends_the_operation_and_not_the_worker(shared, client, new_name):
    name = new_name()
    pids = [worker.pid for worker in workers_of(os.getpid())]
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.BUG))
    with pytest.raises(ServiceError, match="Report it with the id") as refused:
        client.wait_for_fit(operation)
    assert refused.value.reason == "INTERNAL"
    assert [worker.pid for worker in workers_of(os.getpid())] == pids


def test_a_worker_that_dies_is_replaced_and_its_fit_tried_again(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.DIES_ONCE))
    assert client.wait_for_fit(operation).state == fit_pb2.FIT_STATE_ACTIVE
    assert metadata_of(client, operation.name).attempt == 2


def test_a_fit_that_kills_two_workers_ends_with_an_error_that_says_so(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.DIES))
    with pytest.raises(ServiceError, match="ended by signal SIGKILL") as refused:
        client.wait_for_fit(operation)
    assert refused.value.reason == "WORKER_LOST"
    assert client.get_fit(name).state == fit_pb2.FIT_STATE_FAILED


def test_kill_9_of_the_worker_in_the_middle_of_a_fit(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.LONG_ONCE))
    until(lambda: metadata_of(client, operation.name).done_count > 5)
    [worker] = workers_of(os.getpid())
    os.killpg(worker.pid, signal.SIGKILL)
    fit = client.wait_for_fit(operation)
    assert fit.state == fit_pb2.FIT_STATE_ACTIVE
    assert metadata_of(client, operation.name).attempt == 2


def test_a_cancelled_fit_stops_within_a_second(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.LONG_ONCE))
    until(lambda: metadata_of(client, operation.name).done_count > 2)
    began = time.monotonic()
    client.cancel(operation.name)
    with pytest.raises(ServiceError, match="cancelled"):
        client.wait_for_fit(operation)
    assert time.monotonic() - began < 1.0
    assert client.get_fit(name).state == fit_pb2.FIT_STATE_CANCELLED
    client.cancel(operation.name)  # once more changes nothing
    other = new_name()
    assert client.wait_for_fit(client.create_fit(other, filled(client, other))).state == fit_pb2.FIT_STATE_ACTIVE


def test_a_deleted_fit_takes_its_operation_with_it(client, new_name):
    name = new_name()
    operation = client.create_fit(name, filled(client, name), settings=settings(stand_in.LONG_ONCE))
    with pytest.raises(ServiceError, match="is used by"):
        client.delete_dataset(name)
    client.delete_fit(name)
    assert metadata_of(client, operation.name).state == fit_pb2.FitOperationMetadata.STATE_CANCELLED
    with pytest.raises(NotFound):
        client.get_fit(name)
    client.delete_dataset(name)


def test_too_few_rows_are_refused_at_once(client, new_name):
    name = new_name()
    client.create_dataset(name)
    client.append(name, losses=ladder(sizes=1, checkpoints=3)[0])
    with pytest.raises(NotEnoughRuns, match="3 loss rows"):
        client.create_fit(name, name)
    with pytest.raises(NotFound):
        client.get_fit(name)


def test_a_stopped_server_goes_on_with_its_fits_when_it_starts_again(tmp_path):
    with running(tmp_path) as first, first.client() as client:
        operation = client.create_fit("one", filled(client, "one"), settings=settings(stand_in.LONG_ONCE)).name
        until(lambda: metadata_of(client, operation).done_count > 2)
    with running(tmp_path) as second, second.client() as client:
        assert client.wait_for_fit(operation).name == "fits/one/versions/1"
        assert metadata_of(client, operation).attempt == 2
        assert client.predict_loss("one", [(1e7, 1e9)]).fit_version.version == "fits/one/versions/1"


def test_a_killed_server_leaves_no_worker_and_loses_no_operation(tmp_path):
    with process(tmp_path) as (server, address), Client(address) as client:
        operation = client.create_fit("one", filled(client, "one"), settings=settings(stand_in.LONG_ONCE)).name
        until(lambda: metadata_of(client, operation).done_count > 2)
        [worker] = workers_of(server.pid)
        server.send_signal(signal.SIGKILL)
        server.wait()
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, seconds=5)
    with process(tmp_path) as (server, address), Client(address) as client:
        assert client.wait_for_fit(operation).state == fit_pb2.FIT_STATE_ACTIVE
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_an_altered_document_is_data_loss_and_never_an_answer(tmp_path):
    with running(tmp_path) as server, server.client() as client:
        client.wait_for_fit(client.create_fit("one", filled(client, "one")))
    [folder] = (tmp_path / "artefacts").iterdir()
    spoil(folder / "draws.nc")
    with running(tmp_path) as server, server.client() as client:
        with pytest.raises(CorruptStore, match=r"draws\.nc"):
            client.predict_loss("one", [(1e7, 1e9)])
        assert client.predict_loss("ladder-cpu", [(1e5, 1e7)]).forecasts  # the others answer


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
