"""The contract that every importer passes by being found."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from scaling.errors import InvalidObservations, NotFound, ScalingError
from scaling.importers import ImportRequest, import_losses, importers
from scaling.observations import DataReason, LossObservations
from tests.importers.samples import LOSSES, SAMPLES, SIZES, TOKENS

NAMES = tuple(importers())


def imported(name, folder, losses=LOSSES, **changes):
    sample = SAMPLES[name]
    return import_losses(name, sample.write(folder, losses), request=changes.get("request", sample.request))


def finals(losses: LossObservations) -> dict[str, tuple[float, float, float]]:
    """Size, tokens and loss of each run's last row."""
    last = {
        run: max(np.flatnonzero(np.array(losses.run) == run), key=lambda row: losses.tokens[row])
        for run in losses.runs()
    }
    return {run: (losses.size[row], losses.tokens[row], losses.loss[row]) for run, row in last.items()}


def test_every_importer_has_a_sample():
    assert set(SAMPLES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_tokens_and_losses_are_those_of_the_runs(name, tmp_path):
    losses = imported(name, tmp_path)
    expected = {run: pytest.approx((SIZES[run], TOKENS, LOSSES[run])) for run in SIZES}
    assert finals(losses) == expected
    assert losses.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_run_is_known_to_be_cooled_and_earlier_rows_are_not(name, tmp_path):
    losses = imported(name, tmp_path)
    done = np.isclose(losses.tokens, TOKENS)
    assert losses.cooled[done].all()
    assert not losses.cooled[losses.tokens < 0.7 * TOKENS].any()


@pytest.mark.parametrize("name", NAMES)
def test_folders_and_the_order_of_files_say_the_same(name, tmp_path):
    sample = SAMPLES[name]
    paths = sample.write(tmp_path / "runs", LOSSES)
    there = import_losses(name, paths, request=sample.request)
    for given in (paths[::-1], [tmp_path / "runs"], [*paths, *paths]):
        assert import_losses(name, given, request=sample.request).digest == there.digest


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_missing_is_asked_for_in_one_error(name, tmp_path):
    with pytest.raises(InvalidObservations) as raised:
        imported(name, tmp_path, request=ImportRequest())
    assert {violation.field for violation in raised.value.violations} == set(SAMPLES[name].missing)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_loss_is_answered_with_those_there_are(name, tmp_path):
    with pytest.raises(InvalidObservations, match=r"no 'perplexity' in .*; there are "):
        imported(name, tmp_path, request=ImportRequest(loss="perplexity"))


@pytest.mark.parametrize("name", NAMES)
def test_nan_losses_are_left_out_by_name_and_never_alone(name, tmp_path):
    losses = imported(name, tmp_path / "one", losses={"small": math.nan, "large": 3.1})
    assert [warning.reason for warning in losses.warnings] == [DataReason.NON_FINITE_LOSS]
    assert "run 'small'" in losses.warnings[0].message
    assert losses.runs() == ("large",)
    with pytest.raises(InvalidObservations, match="NON_FINITE_LOSS"):
        imported(name, tmp_path / "all", losses=dict.fromkeys(SIZES, math.nan))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.0, 0.6], ids=["empty", "truncated"])
def test_broken_files_are_named(name, share, tmp_path):
    paths = SAMPLES[name].write(tmp_path, LOSSES)
    text = paths[0].read_text()
    paths[0].write_text(text[: int(share * len(text))])
    if paths[0].suffix == ".csv" and share:  # a cut line of a CSV has too few cells
        paths[0].write_text(text[: text.rindex(",") - 3])
    with pytest.raises(InvalidObservations, match=paths[0].name):
        import_losses(name, paths, request=SAMPLES[name].request)


@pytest.mark.parametrize(("name", "other"), list(itertools.permutations(NAMES, 2)))
def test_files_of_another_tool_are_refused(name, other, tmp_path):
    paths = SAMPLES[other].write(tmp_path, LOSSES)
    with pytest.raises(ScalingError) as raised:
        import_losses(name, paths[:1], request=SAMPLES[name].request)
    assert paths[0].name in str(raised.value) or str(paths[0]) in str(raised.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_importer_says_what_it_reads(name):
    found = importers()[name]
    assert found.title
    assert found.patterns
    assert found.__doc__


def test_unknown_sources_and_paths(tmp_path):
    with pytest.raises(NotFound, match="There are: dclm, hf_trainer, open_lm, wandb"):
        import_losses("tensorboard", [tmp_path])
    with pytest.raises(NotFound, match="holds no trainer_state"):
        import_losses("hf_trainer", [tmp_path])
    with pytest.raises(NotFound, match="no file or folder"):
        import_losses("wandb", [tmp_path / "absent.csv"])
