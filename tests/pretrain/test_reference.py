"""The kept observations of the CPU ladder: whole, unaltered, and what theory and the prototype expect of them."""

import csv
import hashlib
import json
from collections import defaultdict
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from scaling.pretrain.config import SweepConfig, preset
from scaling.pretrain.records import read_evaluations
from scaling.pretrain.sweep import SweepFolder
from scaling.pretrain.table import LOSS_COLUMNS, SCORE_COLUMNS
from tests.pretrain.test_run import _start, _wait_for_step

FOLDER = Path(str(resources.files("scaling_fits"))) / "ladder-cpu" / "observations"


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def provenance() -> dict:
    return json.loads((FOLDER / "provenance.json").read_text())


@pytest.fixture(scope="module")
def losses() -> list[dict[str, str]]:
    return _rows("losses.csv")


@pytest.fixture(scope="module")
def scores() -> list[dict[str, str]]:
    return _rows("scores.csv")


def _curve(scores: list[dict[str, str]], task: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    found = [row for row in scores if (row["task"], row["metric"]) == (task, metric)]
    return np.array([float(row["loss_nats_per_token"]) for row in found]), np.array(
        [float(row["score"]) for row in found]
    )


def test_the_files_are_those_that_the_preset_made(provenance, losses, scores):
    for name, digest in provenance["file_digests"].items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert SweepConfig.model_validate(provenance["sweep"]) == preset("cpu")
    assert {run["digest"] for run in provenance["runs"]} == {run.digest() for run in preset("cpu").runs()}
    assert tuple(losses[0]) == LOSS_COLUMNS
    assert tuple(scores[0]) == SCORE_COLUMNS
    steps = {(row["run"], int(row["step"])) for row in losses}
    assert steps == {(run.name, step) for run in preset("cpu").runs() for step in run.evaluation_steps}
    assert {(row["run"], int(row["step"])) for row in scores} == steps


def test_a_seed_of_all_sizes_takes_less_than_ten_minutes(provenance):
    assert len(provenance["cpu_seconds_by_seed"]) >= 2
    assert max(provenance["cpu_seconds_by_seed"].values()) <= 600


def _power_law_misfit(sizes: np.ndarray, losses: np.ndarray) -> float:
    """Root mean square residual, in nats, of L + (N0 / N)^a with its three coefficients free."""

    def residual(given: np.ndarray) -> np.ndarray:
        floor, log_size, exponent = given
        return floor + np.exp(exponent * (log_size - np.log(sizes))) - losses

    fits = [least_squares(residual, [2.5, np.log(2e3), start]) for start in (0.2, 0.3, 0.4)]
    return float(np.sqrt(2 * min(fit.cost for fit in fits) / len(sizes)))


def test_the_final_language_loss_is_a_power_law_of_size(losses):
    by_seed = defaultdict(list)
    for row in losses:
        if row["validation_set"] == "language" and row["step"] == "1200" and row["run"].endswith("-1200"):
            by_seed[row["seed"]].append((float(row["nonembedding_size"]), float(row["loss_nats_per_token"])))
    assert len(by_seed) >= 2
    for points in by_seed.values():
        sizes, final = np.array(sorted(points)).T
        assert len(sizes) == 7
        assert (np.diff(final) < 0).all()
        assert (final > 2.38116).all()  # no network beats the entropy rate
        assert _power_law_misfit(sizes, final) < 0.01
        # Negative control: the same check refuses a ladder with one rung out of place by 0.1 nats.
        moved = final + 0.1 * (np.arange(7) == 3)
        assert _power_law_misfit(sizes, moved) > 0.02


def test_the_order_2_skill_leaves_chance_where_order_1_is_exhausted(provenance, scores):
    threshold = provenance["known_thresholds_nats_per_token"]["ng2"]
    loss, score = _curve(scores, "ng2", "multiple_choice_accuracy")
    above = score[loss > threshold + 0.1]
    assert len(above) > 50
    assert abs(above.mean() - 0.5) < 0.5 / np.sqrt(4096)  # the items' own sampling error: they are the same for all
    # Three points above chance are reached within 0.1 nats of the threshold.
    assert (
        score[np.abs(loss - (threshold + 0.1)) < 0.03].mean()
        < 0.53
        < score[np.abs(loss - (threshold - 0.1)) < 0.03].mean()
    )


def test_parity_is_never_learned(scores):
    _, score = _curve(scores, "parity", "multiple_choice_accuracy")
    assert (np.abs(score - 0.5) < 4.5 * 0.5 / np.sqrt(512)).all()  # 330 evaluations of one set of 512 items


def test_one_position_is_smooth_where_eight_in_a_row_look_sudden(scores):
    loss, single = _curve(scores, "bayes_acc", "accuracy")
    _, eight = _curve(scores, "bayes_em8", "exact_match")
    early = loss > 3.25
    assert eight[early].max() < 0.01
    assert np.ptp(single[early]) > 0.1


def test_counts_and_shares_agree(scores):
    for row in scores:
        if row["correct_count"]:
            assert float(row["score"]) == int(row["correct_count"]) / int(row["item_count"])


@pytest.mark.slow
def test_training_the_smallest_rung_again_gives_the_kept_rows(tmp_path, losses):
    sweep = preset("cpu").model_copy(update={"widths": (16,), "seeds": (0,), "long_runs": ()})
    folder = SweepFolder(tmp_path / "again")
    folder.prepare(sweep)
    [run] = sweep.runs()
    process = _start(folder.run_folder(run))
    _wait_for_step(folder.run_folder(run), process, after=100)
    process.terminate()
    process.wait()
    kept = {
        (int(row["step"]), row["validation_set"]): float(row["loss_nats_per_token"])
        for row in losses
        if row["run"] == run.name
    }
    again = read_evaluations(folder.run_folder(run))
    assert len(again) >= 3
    for evaluation in again:
        for validation_set, loss in evaluation.losses.items():
            # The same bits on the same machine and versions; elsewhere float32 rounding grows over a hundred steps.
            assert loss == pytest.approx(kept[evaluation.step, validation_set], abs=0.01)
