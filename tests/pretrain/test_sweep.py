"""A sweep runs what is missing, cheapest first, and writes tables that say all there is to say."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scaling.errors import AlreadyExists, InvalidInput, NotFound, RunFailed
from scaling.pretrain.config import LongRun, SweepConfig, parse_sweep, preset, read_sweep
from scaling.pretrain.records import Evaluation, Progress, Score, read_run_config, write_evaluations, write_progress
from scaling.pretrain.sweep import LocalProcesses, SweepFolder, resume_sweep, run_sweep
from scaling.pretrain.table import LOSS_COLUMNS, SCORE_COLUMNS
from scaling.pretrain.worker import EXIT_STOPPED
from tests.pretrain.conftest import TINY

SWEEP = SweepConfig(
    widths=(16, 8),
    seeds=(0, 1),
    step_count=40,
    first_evaluation_step=10,
    evaluation_count=3,
    steps_per_dispatch=10,
    long_runs=(LongRun(width=8, seed=2, step_count=80),),
    corpus=TINY,
)


class PretendedTraining:
    """An executor whose workers have measured something the moment they start; `failing` runs say why they did not."""

    workers = 2

    def __init__(self, failing: tuple[str, ...] = ()) -> None:
        self.started: list[str] = []
        self.failing = failing

    def start(self, folder: Path) -> "subprocess.Popen[bytes]":
        config = read_run_config(folder)
        self.started.append(config.name)
        if config.name in self.failing:
            write_progress(folder, Progress(state="failed", reason="loss is not finite"))
        else:
            score = Score("copy", "exact_match", 1 / 3, 3, 1e-12, 1)
            likelihood = Score("copy", "answer_log_likelihood", -0.1, 3, -27.7)
            losses = {"overall": 3 - 1 / 7, "language": 0.1 + 0.2}
            rows = [Evaluation(step, step * 2048, losses, (score, likelihood)) for step in config.evaluation_steps]
            write_evaluations(folder, config, rows)
            write_progress(folder, Progress(state="done", step=config.step_count, cpu_seconds=2.0))
        return subprocess.Popen([sys.executable, "-S", "-c", ""])


@pytest.fixture
def folder(tmp_path, tiny_corpus) -> Path:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "corpus").symlink_to(tiny_corpus)
    return tmp_path / "sweep"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_runs_start_cheapest_first_and_only_once(folder):
    executor = PretendedTraining()
    seen: list[int] = []
    run_sweep(
        SWEEP,
        folder,
        executor=executor,
        listen=lambda status: seen.append(sum(p.state == "done" for p in status.values())),
    )
    assert executor.started == ["d8-s0-40", "d8-s1-40", "d8-s2-80", "d16-s0-40", "d16-s1-40"]
    assert seen[-1] == 5
    again = PretendedTraining()
    resume_sweep(folder, executor=again)
    assert again.started == []


def test_tables_hold_every_evaluation_at_full_precision(folder):
    run_sweep(SWEEP, folder, executor=PretendedTraining())
    losses, scores = _rows(folder / "losses.csv"), _rows(folder / "scores.csv")
    assert tuple(losses[0]) == LOSS_COLUMNS
    assert tuple(scores[0]) == SCORE_COLUMNS
    evaluations = sum(len(run.evaluation_steps) for run in SWEEP.runs())
    assert len(losses) == len(scores) == 2 * evaluations
    assert {row["validation_set"] for row in losses} == {"overall", "language"}
    assert {float(row["loss_nats_per_token"]) for row in losses} == {3 - 1 / 7, 0.1 + 0.2}
    assert {float(row["loss_nats_per_token"]) for row in scores} == {0.1 + 0.2}
    assert {row["correct_count"] for row in scores if row["metric"] == "exact_match"} == {"1"}
    assert {row["correct_count"] for row in scores if row["metric"] == "answer_log_likelihood"} == {""}
    assert {row["schedule"] for row in losses} == {"constant_averaged"}


def test_provenance_says_what_is_known_and_what_it_cost(folder):
    run_sweep(SWEEP, folder, executor=PretendedTraining())
    record = json.loads((folder / "provenance.json").read_text())
    assert record["cpu_seconds"] == 10.0
    assert record["cpu_seconds_by_seed"] == {"0": 4.0, "1": 4.0}
    assert record["entropies_nats_per_token"]["order_3"] == pytest.approx(2.38116, abs=1e-5)
    assert record["known_thresholds_nats_per_token"]["ng2"] == record["entropies_nats_per_token"]["order_1"]
    assert SweepConfig.model_validate(record["sweep"]) == SWEEP


def test_a_failed_run_is_told_at_the_end_and_the_others_are_kept(folder):
    with pytest.raises(RunFailed, match=r"1 of 5 runs did not finish:\n  - d8-s1-40: loss is not finite"):
        run_sweep(SWEEP, folder, executor=PretendedTraining(failing=("d8-s1-40",)))
    assert len({row["run"] for row in _rows(folder / "losses.csv")}) == 4
    retried = PretendedTraining()
    resume_sweep(folder, executor=retried)
    assert retried.started == ["d8-s1-40"]


def test_a_sweep_may_grow_in_place_but_not_change(folder):
    run_sweep(SWEEP.model_copy(update={"seeds": (0,)}), folder, executor=PretendedTraining())
    grown = PretendedTraining()
    run_sweep(SWEEP, folder, executor=grown)
    assert grown.started == ["d8-s1-40", "d16-s1-40"]
    with pytest.raises(AlreadyExists, match=r"runs that this one has not: d8-s0-40"):
        run_sweep(SWEEP.model_copy(update={"step_count": 60}), folder, executor=PretendedTraining())


def test_a_sweep_told_to_stop_stops_its_workers(folder):
    class Endless(PretendedTraining):
        def start(self, folder: Path) -> "subprocess.Popen[bytes]":
            self.processes = [*getattr(self, "processes", []), subprocess.Popen(["sleep", "600"])]
            return self.processes[-1]

    executor = Endless()
    with pytest.raises(SystemExit) as raised:
        run_sweep(SWEEP, folder, executor=executor, listen=lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert raised.value.code == EXIT_STOPPED
    assert [process.poll() for process in executor.processes] == [-signal.SIGTERM] * 2
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_resuming_nothing_says_so(tmp_path):
    with pytest.raises(NotFound, match=r"holds no sweep\.json"):
        resume_sweep(tmp_path, executor=PretendedTraining())


def test_what_changes_the_bits_changes_the_folder():
    runs = {run.folder_name for run in SWEEP.runs()}
    for change in ({"steps_per_dispatch": 5}, {"corpus": TINY.model_copy(update={"seed": 1})}):
        assert not runs & {run.folder_name for run in SWEEP.model_copy(update=change).runs()}
    assert runs > {run.folder_name for run in SWEEP.model_copy(update={"seeds": (1,), "name": "other"}).runs()}


@pytest.mark.parametrize("name", ["cpu", "cpu-mini"])
def test_presets_evaluate_often_enough_and_evenly_in_the_log(name):
    sweep = preset(name)
    assert len(sweep.widths) >= 5
    for run in sweep.runs():
        assert len(run.evaluation_steps) >= 12
        assert run.evaluation_steps[-1] == run.step_count
        ratios = [b / a for a, b in zip(run.evaluation_steps[3:], run.evaluation_steps[4:], strict=False)]
        assert max(ratios) < 1.45


def test_every_fault_of_a_sweep_file_is_told_at_once(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text("widths = [15, 30]\nseeds = []\nstep_count = -1\nstep_cuont = 100\n")
    with pytest.raises(InvalidInput) as raised:
        read_sweep(path)
    text = str(raised.value)
    for fault in ("seeds", "step_count", "step_cuont"):
        assert f"- {fault}" in text
    with pytest.raises(InvalidInput, match="No sweep file"):
        read_sweep(tmp_path / "absent.toml")
    path.write_text("widths = [")
    with pytest.raises(InvalidInput, match="is not TOML"):
        read_sweep(path)


def test_a_width_no_head_fits_is_refused():
    with pytest.raises(InvalidInput, match="multiple"):
        parse_sweep({"widths": [80], "seeds": [0], "step_count": 40}, source="test")


@pytest.mark.slow
def test_a_real_sweep_is_the_same_whatever_the_number_of_workers(tmp_path):
    small = SWEEP.model_copy(update={"widths": (8,), "long_runs": ()})
    for workers in (1, 2):
        run_sweep(small, tmp_path / str(workers), executor=LocalProcesses(workers))
    for name in ("losses.csv", "scores.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert not list((tmp_path / "1").rglob("*.partial"))
    assert SweepFolder(tmp_path / "1").read_config() == small
