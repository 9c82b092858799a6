"""A run that is stopped or killed goes on to the same bits."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from scaling.errors import CorruptStore, RunFailed
from scaling.pretrain.config import NetworkConfig, OptimizerConfig, RunConfig
from scaling.pretrain.files import write_json
from scaling.pretrain.items import stored_corpus
from scaling.pretrain.records import read_evaluations, read_progress
from scaling.pretrain.run import train_run
from scaling.pretrain.train import initial_state
from scaling.pretrain.worker import EXIT_BUSY, EXIT_STOPPED
from tests.pretrain.conftest import TINY


def _config(step_count: int, **changes: object) -> RunConfig:
    settings = {
        "seed": 0,
        "step_count": step_count,
        "evaluation_steps": tuple(sorted({10, step_count // 2, step_count})),
        "steps_per_dispatch": 5,
        "network": NetworkConfig(width=8),
        "corpus": TINY,
    }
    return RunConfig.model_validate({**settings, **changes})


def _folder(root: Path, config: RunConfig) -> Path:
    folder = root / "runs" / config.folder_name
    write_json(folder / "config.json", config.model_dump(mode="json"))
    return folder


def _state_bytes(folder: Path, config: RunConfig) -> dict[str, bytes]:
    """Every array of the last checkpoint, by path."""
    with ocp.CheckpointManager((folder / "checkpoints").absolute()) as manager:
        assert manager.latest_step() == config.step_count
        state = manager.restore(config.step_count, args=ocp.args.StandardRestore(initial_state(config)))
    return {jax.tree_util.keystr(path): np.asarray(leaf).tobytes() for path, leaf in jax.tree.leaves_with_path(state)}


@pytest.fixture(scope="module")
def unbroken(tiny_corpus, tmp_path_factory) -> tuple[RunConfig, Path]:
    config = _config(40)
    folder = _folder(tmp_path_factory.mktemp("unbroken"), config)
    source, items = stored_corpus(TINY, tiny_corpus)
    assert train_run(folder, source, items, interval_seconds=60, stop=lambda: False).state == "done"
    return config, folder


def test_a_run_measures_every_evaluation_step(unbroken):
    config, folder = unbroken
    found = read_evaluations(folder)
    assert [one.step for one in found] == list(config.evaluation_steps)
    assert [one.token_count for one in found] == [step * 2048 for step in config.evaluation_steps]
    assert found[-1].losses["overall"] < found[0].losses["overall"] < np.log(112) + 0.5
    for score in found[-1].scores:
        assert np.isfinite(score.score)
        if score.correct_count is not None:
            assert score.score == score.correct_count / score.item_count


def test_a_run_stopped_and_started_again_ends_in_the_same_bits(unbroken, tiny_corpus, tmp_path):
    config, folder = unbroken
    source, items = stored_corpus(TINY, tiny_corpus)
    again = _folder(tmp_path, config)
    stops = iter([False, False, False, True])
    assert train_run(again, source, items, interval_seconds=0, stop=lambda: next(stops)).state == "stopped"
    assert read_progress(again).step == 15
    assert [one.step for one in read_evaluations(again)] == [10]
    # What a kill between an evaluation and its checkpoint leaves: rows without a state. They are measured again.
    (again / "evaluations.json").write_bytes((folder / "evaluations.json").read_bytes())
    assert train_run(again, source, items, interval_seconds=60, stop=lambda: False).state == "done"
    assert (again / "evaluations.json").read_bytes() == (folder / "evaluations.json").read_bytes()
    assert _state_bytes(again, config) == _state_bytes(folder, config)


def test_a_missing_row_is_noticed(unbroken, tiny_corpus, tmp_path):
    config, folder = unbroken
    source, items = stored_corpus(TINY, tiny_corpus)
    again = _folder(tmp_path, config)
    subprocess.run(["cp", "-r", str(folder / "checkpoints"), str(again)], check=True)
    with pytest.raises(CorruptStore, match="Delete the run's folder"):
        train_run(again, source, items, interval_seconds=60, stop=lambda: False)


def test_a_changed_configuration_is_refused(unbroken, tiny_corpus, tmp_path):
    config, _ = unbroken
    source, items = stored_corpus(TINY, tiny_corpus)
    folder = _folder(tmp_path, config)
    document = json.loads((folder / "config.json").read_text())
    document["optimizer"]["peak_learning_rate"] = 0.1
    write_json(folder / "config.json", document)
    with pytest.raises(CorruptStore, match=r"config\.json was changed"):
        train_run(folder, source, items, interval_seconds=60, stop=lambda: False)


def test_a_loss_that_is_no_number_stops_the_run(tiny_corpus, tmp_path):
    config = _config(10, optimizer=OptimizerConfig(peak_learning_rate=1e38, warmup_steps=0))
    source, items = stored_corpus(TINY, tiny_corpus)
    with pytest.raises(RunFailed, match=r"not finite at step \d+\. Lower peak_learning_rate"):
        train_run(_folder(tmp_path, config), source, items, interval_seconds=60, stop=lambda: False)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "scaling.pretrain.worker", str(folder), "--interval-seconds", "0"]
    return subprocess.Popen(command)


def _wait_for_step(folder: Path, process: subprocess.Popen[bytes], after: int) -> None:
    while process.poll() is None and read_progress(folder).step <= after:
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_at_random_moments_a_run_ends_in_the_same_bits(tmp_path):
    config = _config(700)
    whole = _folder(tmp_path / "whole", config)
    assert _start(whole).wait() == 0
    broken = _folder(tmp_path / "broken", config)
    chance, kills = random.Random(0), 0
    # A checkpoint after every dispatch: most moments are in the midst of writing one.
    while True:
        process = _start(broken)
        _wait_for_step(broken, process, after=read_progress(broken).step)
        time.sleep(chance.uniform(0, 1.0))
        if process.poll() is not None or kills == 6:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    assert process.wait() == 0
    assert kills >= 3, f"the run ended after {kills} kills: make it longer"
    assert (broken / "evaluations.json").read_bytes() == (whole / "evaluations.json").read_bytes()
    assert _state_bytes(broken, config) == _state_bytes(whole, config)


@pytest.mark.slow
def test_sigterm_leaves_a_checkpoint_and_a_second_worker_is_kept_out(tmp_path):
    config = _config(1500)
    folder = _folder(tmp_path, config)
    process = _start(folder)
    _wait_for_step(folder, process, after=0)
    assert _start(folder).wait() == EXIT_BUSY
    process.terminate()
    assert process.wait() == EXIT_STOPPED
    stopped = read_progress(folder)
    assert stopped.state == "stopped"
    assert 0 < stopped.step < config.step_count
    with ocp.CheckpointManager((folder / "checkpoints").absolute()) as manager:
        assert manager.latest_step() == stopped.step
