"""The real worker: the library fits, over gRPC, what it fits in this process."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from scaling.v1 import fit_pb2
from tests.server.rows import ladder
from tests.server.running import running

pytestmark = pytest.mark.slow


def library_worker(folder):
    module = [sys.executable, "-m", "scaling_server.jobs.worker"]
    return [*module, "--cache", str(folder / "programs"), "--niceness", "0"]


def noisy_ladder():
    losses, scores = ladder(sizes=8, checkpoints=6)
    rng = np.random.default_rng(1)
    effect = np.repeat(rng.normal(0.0, 0.006, 8), 6)
    loss = losses.loss * np.exp(effect + rng.normal(0.0, 0.003, len(losses)))
    score = rng.binomial(400, np.clip(scores.score, 0.25, 1.0)) / 400
    return type(losses)(run=losses.run, size=losses.size, tokens=losses.tokens, loss=loss), type(scores)(
        **{name: getattr(scores, name) for name in ("run", "size", "tokens", "task", "metric", "item_count", "chance")},
        loss=loss,
        score=score,
    )


def test_a_fit_over_grpc_is_the_fit_of_the_library_and_a_repeat_gives_the_same_draws(tmp_path):
    from scaling.inference.fit import fit

    losses, scores = noisy_ladder()
    here = fit(losses, scores)
    with running(tmp_path, command=library_worker(tmp_path)) as server, server.client() as client:
        client.create_dataset("ladder")
        client.append("ladder", losses=losses, scores=scores)
        made = [
            client.wait_for_fit(client.create_fit(name, "ladder", follow_dataset=True), seconds=500)
            for name in ("one", "two")
        ]
        answer = client.predict_emergence("one", "sort", tokens_per_parameter=20)
        later = ladder(prefix="later", sizes=1)[1]
        for operation in client.append("ladder", scores=later).refit_operations:
            assert client.wait_for_fit(operation, seconds=500).state == fit_pb2.FIT_STATE_ACTIVE
        assert client.get_operation(operation).warm_started
        assert client.predict_loss("one", [(1e8, 2e9)]).fit_version.version == "fits/one/versions/2"

    assert made[0].data_digest == here.data_digest
    for name, values in here.loss.law.to_coefficients().items():
        assert made[0].coefficients[name].median == pytest.approx(float(np.median(values)), rel=1e-9)
    draws = [each.artefact_digests["score-000.nc"] for each in made]
    assert draws[0] == draws[1]
    assert answer.verdict == here.score("sort").verdict.value


def test_data_that_the_model_cannot_fit_ends_the_operation_with_its_reason(tmp_path):
    with running(tmp_path, command=library_worker(tmp_path)) as server, server.client() as client:
        client.create_dataset("one-size")
        client.append("one-size", losses=ladder(sizes=1, checkpoints=9)[0])
        operation = client.create_fit("fit", "one-size")
        with pytest.raises(ValueError, match="at least 3 different sizes"):
            client.wait_for_fit(operation, seconds=300)
        assert client.get_fit("fit").state == fit_pb2.FIT_STATE_FAILED
