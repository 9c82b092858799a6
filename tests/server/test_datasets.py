"""DatasetService through a client over loopback."""

from __future__ import annotations

import uuid

import grpc
import numpy as np
import pytest

from scaling.errors import AlreadyExists, InvalidInput, InvalidObservations, NotFound, UnitMismatch
from scaling.units import SizeConvention
from scaling.v1 import dataset_pb2, dataset_service_pb2, dataset_service_pb2_grpc
from scaling_server.datastore.datasets import content_digest
from tests.server.rows import ladder


def test_rows_come_back_as_they_went(client, new_name):
    name = new_name()
    client.create_dataset(name)
    losses, scores = ladder()
    answer = client.append(name, losses=losses, scores=scores)
    assert answer.revision.name == f"datasets/{name}/revisions/2"
    assert answer.revision.tasks == ["sort"]
    assert client.losses(name).digest == losses.digest
    assert client.scores(name).digest == scores.digest


def test_the_digest_is_of_the_content_not_of_its_order(client, new_name):
    losses, scores = ladder()
    mirrored = np.arange(len(losses))[::-1]
    one, other = new_name(), new_name()
    for name, order in ((one, np.arange(len(losses))), (other, mirrored)):
        client.create_dataset(name)
        for part in np.array_split(order, 2):
            mask = np.isin(np.arange(len(losses)), part)
            client.append(name, losses=losses.select(mask), scores=scores.select(mask))
    digests = {client.get_dataset(name).latest_revision.content_digest for name in (one, other)}
    assert digests == {content_digest(losses, scores)}


def test_a_revision_never_changes(client, new_name):
    name = new_name()
    client.create_dataset(name)
    losses, _ = ladder()
    first = client.append(name, losses=losses).revision
    client.append(name, losses=ladder(prefix="more")[0])
    assert client.losses(first.name).digest == losses.digest
    assert len(client.losses(name)) == 2 * len(losses)


def test_rows_seen_before_count_once_and_make_no_revision(client, new_name):
    name = new_name()
    client.create_dataset(name)
    losses, scores = ladder()
    first = client.append(name, losses=losses, scores=scores)
    again = client.append(name, losses=losses, scores=scores)
    assert again.duplicate_row_count == len(losses) + len(scores)
    assert again.revision == first.revision


def test_rows_that_contradict_others_are_refused_all_at_once(shared, client, new_name):
    name = new_name()
    client.create_dataset(name)
    losses, _ = ladder()
    client.append(name, losses=losses)
    with shared.channel() as channel:
        stub = dataset_service_pb2_grpc.DatasetServiceStub(channel)
        rows = [
            dataset_pb2.LossObservation(run="run 0", parameter_count=1e5, token_count=1e7, loss_nats_per_token=3.0),
            dataset_pb2.LossObservation(run="run 1", parameter_count=7e9, token_count=1e7, loss_nats_per_token=3.0),
            dataset_pb2.LossObservation(run="new", parameter_count=7e9, token_count=1e7, loss_nats_per_token=3.0),
        ]
        request = dataset_service_pb2.AppendObservationsRequest(dataset=f"datasets/{name}", loss_observations=rows)
        with pytest.raises(grpc.RpcError):
            stub.AppendObservations(request, timeout=10)
    with pytest.raises(InvalidObservations) as refused:
        client._call(client._datasets.AppendObservations, request)
    assert [each.field for each in refused.value.violations] == [
        "loss_observations[0]",
        "loss_observations[1].parameter_count",
    ]
    assert len(client.losses(name)) == len(losses)  # all or nothing


def test_rows_in_other_units_are_refused_by_the_client(client, new_name):
    name = new_name()
    client.create_dataset(name, size_convention=SizeConvention.TOTAL, validation_set="pile")
    with pytest.raises(UnitMismatch) as refused:
        client.append(name, losses=ladder()[0])
    assert [each.field for each in refused.value.violations] == ["size_convention", "validation_set"]


def test_pages_hold_every_row_once_and_stay_on_their_revision(client, new_name):
    name = new_name()
    client.create_dataset(name)
    client.append(name, losses=ladder(sizes=5, checkpoints=5)[0])
    request = dataset_service_pb2.ListLossObservationsRequest(parent=f"datasets/{name}", page_size=7)
    seen, pages = [], 0
    while True:
        page = client._call(client._datasets.ListLossObservations, request)
        seen += [(row.run, row.token_count) for row in page.loss_observations]
        pages += 1
        assert page.revision == f"datasets/{name}/revisions/2"
        if not page.next_page_token:
            break
        if pages == 1:
            client.append(name, losses=ladder(prefix="later")[0])
        request.page_token = page.next_page_token
    assert pages == 4
    assert len(seen) == len(set(seen)) == 25


def test_walking_lists_while_names_come_and_go_misses_no_stable_one(client, new_name):
    stable = sorted(f"walk-{letter}" for letter in "bdfhj")
    for name in stable:
        client.create_dataset(name)
    request = dataset_service_pb2.ListDatasetsRequest(page_size=2)
    seen: list[str] = []
    for step in range(100):
        page = client._call(client._datasets.ListDatasets, request)
        seen += [each.name for each in page.datasets]
        client.create_dataset(f"walk-{'acegikmoqsu'[step % 11]}{step}")
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(seen) == len(set(seen))
    assert {f"datasets/{name}" for name in stable} <= set(seen)


@pytest.mark.parametrize("spoil", ["other arguments", "forged", "garbage"])
def test_a_page_token_is_bound_to_its_arguments(client, new_name, spoil):
    one, other = new_name(), new_name()
    for name in (one, other):
        client.create_dataset(name)
        client.append(name, losses=ladder()[0])
    request = dataset_service_pb2.ListLossObservationsRequest(parent=f"datasets/{one}", page_size=3)
    token = client._call(client._datasets.ListLossObservations, request).next_page_token
    request.page_token = {"other arguments": token, "forged": "A" * len(token), "garbage": "é?"}[spoil]
    if spoil == "other arguments":
        request.parent = f"datasets/{other}"
    with pytest.raises(InvalidInput) as refused:
        client._call(client._datasets.ListLossObservations, request)
    assert refused.value.violations[0].field == "page_token"


def test_a_page_may_change_its_size(client, new_name):
    name = new_name()
    client.create_dataset(name)
    client.append(name, losses=ladder()[0])
    request = dataset_service_pb2.ListLossObservationsRequest(parent=f"datasets/{name}", page_size=3)
    request.page_token = client._call(client._datasets.ListLossObservations, request).next_page_token
    request.page_size = 100
    assert len(client._call(client._datasets.ListLossObservations, request).loss_observations) == 17


def test_a_repeated_request_id_is_answered_once(client, new_name):
    name, request_id = new_name(), str(uuid.uuid4())
    client.create_dataset(name)
    row = dataset_pb2.LossObservation(parameter_count=1e5, token_count=1e7, loss_nats_per_token=3.0)
    request = dataset_service_pb2.AppendObservationsRequest(
        dataset=f"datasets/{name}", loss_observations=[row], request_id=request_id
    )
    first = client._call(client._datasets.AppendObservations, request)
    assert client._call(client._datasets.AppendObservations, request) == first
    assert client.get_dataset(name).latest_revision.loss_row_count == 1
    request.loss_observations[0].loss_nats_per_token = 2.0
    with pytest.raises(Exception, match="answered another request") as refused:
        client._call(client._datasets.AppendObservations, request)
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert refused.value.code is grpc.StatusCode.ALREADY_EXISTS


def test_validate_only_checks_and_changes_nothing(client, new_name):
    name = new_name()
    request = dataset_service_pb2.CreateDatasetRequest(dataset_id=name, validate_only=True)
    assert client._call(client._datasets.CreateDataset, request).name == f"datasets/{name}"
    with pytest.raises(NotFound):
        client.get_dataset(name)
    client.create_dataset(name)
    with pytest.raises(AlreadyExists):
        client._call(client._datasets.CreateDataset, request)


def test_a_deleted_dataset_is_gone(client, new_name):
    name = new_name()
    client.create_dataset(name)
    client.append(name, losses=ladder()[0])
    client.delete_dataset(name)
    with pytest.raises(NotFound):
        client.get_dataset(name)
    client.create_dataset(name)
    assert client.get_dataset(name).latest_revision.loss_row_count == 0
