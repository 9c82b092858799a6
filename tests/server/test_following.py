"""New evals while serving: a fit follows its dataset, the alias moves when the refit has passed, queries go on."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from scaling.observations import ScoreObservations
from scaling.v1 import fit_pb2
from tests.server import stand_in
from tests.server.rows import ladder
from tests.server.test_jobs import metadata_of, settings, until


def following(client, name, *, tasks=("sort",), seed=0):
    client.create_dataset(name)
    parts = [ladder(task=task) for task in tasks]
    client.append(name, losses=parts[0][0])
    merged = {
        field: sum((getattr(scores, field) for _, scores in parts), ())
        if isinstance(getattr(parts[0][1], field), tuple)
        else np.concatenate([getattr(scores, field) for _, scores in parts])
        for field in ("run", "task", "metric", "size", "tokens", "loss", "score", "item_count", "chance")
    }
    client.append(name, scores=ScoreObservations(**merged))
    client.wait_for_fit(client.create_fit(name, name, follow_dataset=True, settings=settings(seed)))


def test_an_append_refits_and_the_alias_moves(client, new_name):
    name = new_name()
    following(client, name)
    before = client.predict_emergence(name, "sort", tokens_per_parameter=20).fit_version
    assert (before.version, before.stale_reason) == (f"fits/{name}/versions/1", fit_pb2.STALE_REASON_UNSPECIFIED)

    answers, done = [], threading.Event()

    def keep_asking():
        while not done.is_set():
            answers.append(client.predict_emergence(name, "sort", tokens_per_parameter=20).fit_version)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    appended = client.append(name, scores=ladder(prefix="later")[1])
    [operation] = appended.refit_operations
    client.wait_for_fit(operation)
    after = client.predict_emergence(name, "sort", tokens_per_parameter=20).fit_version
    done.set()
    asking.join()

    assert after.version == f"fits/{name}/versions/2"
    assert after.data_digest == appended.revision.content_digest != before.data_digest
    assert after.stale_reason == fit_pb2.STALE_REASON_UNSPECIFIED
    assert metadata_of(client, operation).warm_started
    seen = {(answer.version, answer.stale_reason) for answer in answers}
    assert (before.version, fit_pb2.STALE_REASON_REFIT_PENDING) in seen
    assert seen <= {
        (before.version, fit_pb2.STALE_REASON_UNSPECIFIED),
        (before.version, fit_pb2.STALE_REASON_REFIT_PENDING),
        (after.version, fit_pb2.STALE_REASON_UNSPECIFIED),
    }
    # A version asked for by name stays what it was.
    assert client.predict_loss(before.version, [(1e7, 1e9)]).fit_version.data_digest == before.data_digest
    assert [fit.name for fit in client.list_fit_versions(name)] == [after.version, before.version]


def test_appends_in_quick_succession_make_one_refit(client, new_name):
    busy, name = new_name(), new_name()
    following(client, name)
    client.create_dataset(busy)
    client.append(busy, losses=ladder()[0])
    occupied = client.create_fit(busy, busy, settings=settings(stand_in.LONG_ONCE))
    until(lambda: metadata_of(client, occupied.name).done_count > 0)
    first = client.append(name, losses=ladder(prefix="a")[0]).refit_operations
    second = client.append(name, losses=ladder(prefix="b")[0]).refit_operations
    assert first == second
    client.cancel(occupied.name)
    fit = client.wait_for_fit(first[0])
    assert fit.dataset_revision == client.get_dataset(name).latest_revision.name
    assert fit.data_digest == client.get_dataset(name).latest_revision.content_digest


def test_a_refit_that_fails_leaves_the_old_version_answering_stale(client, new_name):
    name = new_name()
    following(client, name)
    poison = ladder(prefix="poison", task=stand_in.POISON_TASK)[1]
    [operation] = client.append(name, scores=poison).refit_operations
    with pytest.raises(Exception, match="R-hat"):
        client.wait_for_fit(operation)
    version = client.predict_emergence(name, "sort", tokens_per_parameter=20).fit_version
    assert (version.version, version.stale_reason) == (f"fits/{name}/versions/1", fit_pb2.STALE_REASON_REFIT_FAILED)
    assert "R-hat is 1.4" in version.stale_message
    assert client.get_fit(f"{name}/versions/2").state == fit_pb2.FIT_STATE_FAILED
    assert client.get_fit(name).state == fit_pb2.FIT_STATE_ACTIVE


def test_a_refit_that_loses_a_task_does_not_take_over(client, new_name):
    name = new_name()
    client.create_dataset(name)
    losses, scores = ladder(task=stand_in.LOST_TASK)
    client.append(name, losses=losses, scores=scores)
    client.wait_for_fit(client.create_fit(name, name, follow_dataset=True))
    [operation] = client.append(name, losses=ladder(prefix="later")[0]).refit_operations
    with pytest.raises(Exception, match="no link for lost") as refused:
        client.wait_for_fit(operation)
    assert refused.value.reason == "TASK_LOST"
    answer = client.predict_emergence(name, stand_in.LOST_TASK, tokens_per_parameter=20)
    assert answer.fit_version.stale_reason == fit_pb2.STALE_REASON_REFIT_FAILED


def test_a_fit_that_does_not_follow_stays_as_it_is(client, new_name):
    name = new_name()
    client.create_dataset(name)
    revision = client.append(name, losses=ladder()[0]).revision
    client.wait_for_fit(client.create_fit(name, revision.name))
    assert not client.append(name, losses=ladder(prefix="later")[0]).refit_operations
    fit = client.get_fit(name)
    assert (fit.dataset_revision, fit.stale_reason) == (revision.name, fit_pb2.STALE_REASON_UNSPECIFIED)
