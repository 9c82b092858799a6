"""What logs of real trainings do: restarts, repeats, warm-up, several losses, sparse columns, charts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from scaling.errors import InvalidInput, InvalidObservations
from scaling.importers import ImportRequest, import_losses
from scaling.observations import DataReason
from scaling.units import SizeConvention
from tests.importers.samples import LOSSES, SAMPLES, SIZES, trainer_entries, write_dclm, write_json

ONE = ImportRequest(size=1e6, tokens_per_step=1000.0)


def trainer(tmp_path, entries, **state):
    path = write_json(tmp_path / "my-run" / "trainer_state.json", {"log_history": entries, **state})
    return lambda request=ONE: import_losses("hf_trainer", [path], request=request)


def evaluations(*pairs):
    return [{"step": step, "eval_loss": loss} for step, loss in pairs]


def test_after_a_restart_the_later_rows_count(tmp_path):
    losses = trainer(tmp_path, evaluations((100, 4.0), (200, 3.6), (300, 3.5), (200, 3.7), (300, 3.4), (400, 3.2)))()
    assert losses.tokens.tolist() == [1e5, 2e5, 3e5, 4e5]
    assert losses.loss.tolist() == [4.0, 3.7, 3.4, 3.2]
    (warning,) = losses.warnings
    assert warning.reason is DataReason.RESUMED_RUN
    assert "steps go back from 300 to 200" in warning.message


def test_a_restart_that_was_not_logged_as_far_again_leaves_nothing_behind(tmp_path):
    # Training went back to step 150 and ended at 250: what stood at 300 is of a run that is no more.
    losses = trainer(tmp_path, evaluations((100, 4.0), (200, 3.6), (300, 3.5), (150, 3.8), (250, 3.55)))()
    assert losses.loss.tolist() == [4.0, 3.8, 3.55]


def test_repeats_count_once(tmp_path):
    losses = trainer(tmp_path, evaluations((100, 4.0), (200, 3.6), (200, 3.6)))()
    assert len(losses) == 2
    assert [warning.reason for warning in losses.warnings] == [DataReason.DUPLICATE_ROWS]


def test_checkpoints_of_one_run_are_one_run(tmp_path):
    for step in (200, 400):
        entries = [entry for entry in trainer_entries(3.0) if entry["step"] <= step]
        write_json(tmp_path / "my-run" / f"checkpoint-{step}" / "trainer_state.json", {"log_history": entries})
    losses = import_losses("hf_trainer", [tmp_path], request=ONE)
    assert losses.runs() == ("my-run",)
    assert losses.tokens.tolist() == [1e5, 2e5, 3e5, 4e5]


def test_a_training_loss_is_taken_only_when_named(tmp_path):
    only = trainer(tmp_path, [{"step": step, "loss": 4.0 - step / 1000} for step in (100, 200)])
    with pytest.raises(InvalidObservations, match="no loss on held-out text that is known as such; name one of 'loss'"):
        only()
    losses = only(replace(ONE, loss="loss"))
    assert losses.validation_set == "training batches"
    both = trainer(tmp_path, trainer_entries(3.0))
    assert both().validation_set == "eval"
    assert both(replace(ONE, loss="loss")).loss.min() == pytest.approx(3.2)


def test_the_batch_of_one_device_is_not_taken_for_the_batch(tmp_path):
    with pytest.raises(InvalidObservations, match="give the tokens per step, or the batch size over all devices"):
        trainer(tmp_path, trainer_entries(3.0), train_batch_size=8)(ImportRequest(size=1e6))
    counted = [{**entry, "num_input_tokens_seen": 500 * entry["step"]} for entry in trainer_entries(3.0)]
    assert trainer(tmp_path, counted)(ImportRequest(size=1e6)).tokens.max() == 200_000
    with pytest.raises(InvalidObservations, match=r"1000 given makes 4e\+05 tokens at step 400.*logs 2e\+05"):
        trainer(tmp_path, counted)()
    zeros = [{**entry, "num_input_tokens_seen": 0} for entry in trainer_entries(3.0)]  # not counted by that version
    assert trainer(tmp_path, zeros)().tokens.max() == 400_000


def test_warm_up_is_not_cooling(tmp_path):
    rates = {100: 1e-4, 200: 1e-3, 300: 1e-3, 400: 1e-4}
    entries = [{"step": step, "eval_loss": 4.0 - step / 1000, "learning_rate": rate} for step, rate in rates.items()]
    assert trainer(tmp_path, entries)().cooled.tolist() == [False, False, False, True]
    constant = [{**entry, "learning_rate": 1e-3} for entry in entries]
    assert not trainer(tmp_path, constant)().cooled.any()
    assert trainer(tmp_path, evaluations((100, 4.0)))().cooled is None


def test_rows_before_training_are_left_out(tmp_path):
    losses = trainer(tmp_path, evaluations((0, 10.8), (100, 4.0)))()
    assert losses.loss.tolist() == [4.0]
    assert [warning.reason for warning in losses.warnings] == [DataReason.UNTRAINED_ROWS]


def test_a_chart_of_several_runs_is_read_run_by_run(tmp_path):
    (tmp_path / "chart.csv").write_text(
        '"Step","small - eval/loss","small - eval/loss__MIN","small - eval/loss__MAX","large - eval/loss"\n'
        "100,4.0,3.9,4.1,3.8\n200,3.6,3.6,3.6,\n300,,,,3.0\n"
    )
    losses = import_losses("wandb", [tmp_path / "chart.csv"], request=replace(ONE, size=SIZES))
    assert list(zip(losses.run, losses.tokens, losses.loss, strict=True)) == [
        ("small", 1e5, 4.0),
        ("small", 2e5, 3.6),
        ("large", 1e5, 3.8),
        ("large", 3e5, 3.0),
    ]


def test_tokens_logged_beside_other_rows_are_read_between_them(tmp_path):
    rows = [{"_step": step, "tokens": 1000 * step, "train/loss": 5.0} for step in (100, 200, 300)]
    rows.append({"_step": 250, "val/loss": 3.3})
    rows.append({"_step": 900, "val/loss": 3.0})  # steps of one size: as many tokens as their number says
    (tmp_path / "run.jsonl").write_text("\n".join(map(json.dumps, rows)))
    losses = import_losses("wandb", [tmp_path / "run.jsonl"], request=ImportRequest(size=1e6))
    assert losses.tokens.tolist() == [250_000, 900_000]
    rows[1]["tokens"] = 150_000  # a batch that grew: known between rows, not beyond the last
    (tmp_path / "run.jsonl").write_text("\n".join(map(json.dumps, rows)))
    losses = import_losses("wandb", [tmp_path / "run.jsonl"], request=ImportRequest(size=1e6))
    assert losses.tokens.tolist() == [225_000]
    assert [warning.reason for warning in losses.warnings] == [DataReason.UNTRAINED_ROWS]


def test_a_copy_of_a_runs_file_is_no_second_run(tmp_path):
    paths = SAMPLES["wandb"].write(tmp_path, LOSSES)
    (tmp_path / "small-copy.csv").write_text(paths[0].read_text())
    sizes = {**SIZES, "small-copy": SIZES["small"]}
    losses = import_losses("wandb", [tmp_path], request=ImportRequest(size=sizes))
    assert len(losses.runs()) == 2
    (warning,) = losses.warnings
    assert warning.reason is DataReason.DUPLICATE_ROWS
    assert "the very losses of" in warning.message


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_for_nan_are_losses_that_are_none(tmp_path, word):
    rows = [{"_step": 100, "val/loss": 3.3}, {"_step": 200, "val/loss": word}]
    (tmp_path / "run.jsonl").write_text("\n".join(map(json.dumps, rows)))
    losses = import_losses("wandb", [tmp_path / "run.jsonl"], request=ONE)
    assert losses.loss.tolist() == [3.3]
    assert "the first at step 200" in losses.warnings[0].message


def test_auxiliary_losses_and_perplexities_are_no_loss(tmp_path):
    (tmp_path / "run.csv").write_text(
        "_step,val/loss,val/ppl,train/aux_loss,moe/z_loss,loss_scale\n100,3.3,27,.1,.2,8\n"
    )
    assert import_losses("wandb", [tmp_path / "run.csv"], request=ONE).loss.tolist() == [3.3]


def test_an_evaluation_without_its_model_needs_the_size_alone(tmp_path):
    evaluation, _ = write_dclm(tmp_path, {"small": 3.5})
    with pytest.raises(InvalidObservations) as raised:
        import_losses("dclm", [evaluation])
    assert [violation.field for violation in raised.value.violations] == ["size"]
    losses = import_losses("dclm", [evaluation], request=ImportRequest(size=1e6))
    assert (losses.tokens.tolist(), losses.cooled) == ([2e7], None)


def test_sizes_by_run_must_name_runs_and_agree(tmp_path):
    sample = SAMPLES["wandb"]
    paths = sample.write(tmp_path, LOSSES)
    with pytest.raises(InvalidObservations, match="no run is called 'tiny'; there are 'large', 'small'"):
        import_losses("wandb", paths, request=ImportRequest(size={**SIZES, "tiny": 1e5}))
    with pytest.raises(InvalidObservations, match="one label given for 2 files"):
        import_losses("wandb", paths, request=replace(sample.request, run="mine"))
    with pytest.raises(InvalidInput, match="one given without the other"):
        ImportRequest(batch_size=8)
    with pytest.raises(InvalidInput, match="size small: 0 given"):
        ImportRequest(size={"small": 0.0})


GPT2 = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "vocab_size": 50257, "n_positions": 1024}
PYTHIA = {
    "model_type": "gpt_neox",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "vocab_size": 50304,
    "tie_word_embeddings": False,
}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
LLAMA_3 = LLAMA | {"intermediate_size": 14336, "num_key_value_heads": 8, "vocab_size": 128256}


@pytest.mark.parametrize(
    ("config", "convention", "published"),
    [
        # Counts of the published weights: GPT-2 124M, Pythia 160M (its table of sizes), Llama 2 7B, Llama 3 8B.
        (GPT2, SizeConvention.TOTAL, 124_439_808),
        (PYTHIA, SizeConvention.TOTAL, 162_322_944),
        (PYTHIA, SizeConvention.NON_EMBEDDING, 85_056_000),
        (LLAMA, SizeConvention.TOTAL, 6_738_415_616),
        (LLAMA_3, SizeConvention.TOTAL, 8_030_261_248),
    ],
)
def test_sizes_are_counted_from_the_configuration_beside_the_state(tmp_path, config, convention, published):
    path = write_json(tmp_path / "run" / "trainer_state.json", {"log_history": trainer_entries(3.0)})
    write_json(path.parent / "config.json", config)
    request = ImportRequest(tokens_per_step=1000.0, size_convention=convention)
    losses = import_losses("hf_trainer", [path], request=request)
    assert set(losses.size) == {published}
    assert losses.size_convention is convention
    with pytest.raises(InvalidObservations, match="the files count non_embedding, total, with_head: name the one"):
        import_losses("hf_trainer", [path], request=ImportRequest(tokens_per_step=1000.0))


def test_an_architecture_that_is_not_known_is_not_guessed(tmp_path):
    path = write_json(tmp_path / "run" / "trainer_state.json", {"log_history": trainer_entries(3.0)})
    write_json(path.parent / "config.json", LLAMA | {"model_type": "mixtral"})
    with pytest.raises(InvalidObservations, match="give the parameters of 'run'"):
        import_losses("hf_trainer", [path], request=ImportRequest(tokens_per_step=1000.0))


def test_real_exports(measured_runs):
    formats = measured_runs / "formats"
    olmo = import_losses(
        "wandb",
        [formats / "wandb_api_history_olmo_190M-1xC-rerun.csv"],
        request=ImportRequest(size=190e6, loss="c4_en-validation"),
    )
    assert len(olmo) == 73
    assert olmo.tokens[-1] == 7272 * 524288  # steps times batch: the file states both
    assert olmo.cooled[-1]
    assert not olmo.cooled[:50].any()
    with pytest.raises(InvalidObservations) as raised:
        import_losses("hf_trainer", [formats / "hf_trainer_state.json"])
    assert [each.field for each in raised.value.violations] == ["loss", "size", "tokens per step"]
    model = [formats / "openlm_model_losses.json"]
    by_convention = {
        convention: import_losses("open_lm", model, request=ImportRequest(size_convention=convention, loss="c4_val"))
        for convention in (SizeConvention.TOTAL, SizeConvention.WITH_HEAD)
    }
    # 24 blocks of width 1024 with a gated MLP of 2816, their gains, and the output head of 50,432 words.
    head = 24 * (4 * 1024**2 + 3 * 1024 * 2816) + 49 * 1024 + 50432 * 1024
    assert by_convention[SizeConvention.WITH_HEAD].size.tolist() == [head]
    assert by_convention[SizeConvention.TOTAL].size.tolist() == [head + 50432 * 1024]
    assert by_convention[SizeConvention.TOTAL].loss == pytest.approx(3.5279, abs=1e-4)
    with pytest.raises(InvalidObservations, match="holds task scores and no loss"):
        import_losses("dclm", [formats / "dclm_evaluation.json"])


def test_observations_of_logs_keep_their_rows_read_only(tmp_path):
    losses = trainer(tmp_path, trainer_entries(3.0))()
    with pytest.raises(ValueError, match="read-only"):
        losses.cooled[0] = True
    assert np.issubdtype(losses.cooled.dtype, np.bool_)
