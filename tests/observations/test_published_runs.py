"""Real tables of four sources are read by mapping alone, at the sizes their papers state."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.observations import read_loss_observations, read_score_observations


def test_chinchilla_runs_from_size_and_compute(measured_runs):
    # Besiroglu et al. 2024: 245 points, tokens from C = 6 N D.
    observations = read_loss_observations(
        measured_runs / "loss/chinchilla/svg_extracted_data.csv",
        columns={"size": "Model Size", "compute": "Training FLOP"},
        tokens_from_compute=True,
    )
    assert len(observations) == 245
    assert np.median(observations.tokens / observations.size) == pytest.approx(20, rel=0.5)


def test_gemstones_have_22_models_and_their_checkpoints(measured_runs):
    # McLeish et al. 2025.
    observations = read_loss_observations(
        measured_runs / "loss/gemstones/hot.csv",
        columns={"size": "params_active_precise", "loss": "final_loss", "run": "run_name"},
    )
    assert len(observations.runs()) == 22


def test_openlm_scores_of_69_models(measured_runs):
    # Gadre et al. 2024: 69 models, 46 tasks.
    observations = read_score_observations(
        measured_runs / "evals/openlm/evals_tidy.csv",
        columns={
            "run": "name",
            "size": "params_no_embed",
            "loss": "loss_c4_val",
            "item_count": "n_examples",
        },
    )
    assert len(observations.runs()) == 69
    assert len(observations.tasks()) == 46


def test_olmo_ladder_scores_of_one_size(measured_runs):
    # Bhagia et al. 2024: six token budgets of the 370M model, 13 tasks.
    observations = read_score_observations(
        measured_runs / "evals/olmo_ladder/ladder_370M.csv",
        columns={"size": "params_nonemb", "loss": "loss_c4", "score": "rc_acc", "item_count": "n_examples"},
    )
    assert len(observations.runs()) == 6
    assert len(observations.tasks()) == 13
    assert set(observations.for_task("winogrande_val").chance) == {0.5}
