"""`scaling import`: its table is what `scaling fit` reads; refusals ask for everything at once."""

from __future__ import annotations

import json

from scaling.importers import import_losses
from scaling.observations import read_loss_observations
from tests.importers.samples import LOSSES, SAMPLES


def test_the_table_written_reads_back_to_the_same_content(scaling, tmp_path):
    for name, sample in SAMPLES.items():
        paths = sample.write(tmp_path / name, LOSSES)
        request = sample.request
        words = [] if request.size is None else ["--size", "small=1M,large=4M"]
        words += [] if request.batch_size is None else ["--batch-size", "50", "--sequence-length", "1000"]
        words += [] if request.size_convention is None else ["--size-convention", "with_head"]
        outcome = scaling("import", name, *map(str, paths), *words, "-o", f"{name}.csv")
        assert outcome.code == 0, outcome.err
        assert f"2 runs on {import_losses(name, paths, request=request).validation_set!r}" in outcome.out
        expected = import_losses(name, paths, request=request)
        assert read_loss_observations(tmp_path / f"{name}.csv").digest == expected.digest


def test_stdout_holds_the_table_and_nothing_else(scaling, ladder):
    outcome = scaling("import", "wandb", "history.csv", "--size", "16M")
    assert outcome.out.splitlines()[0] == "run,size,tokens,loss_nats_per_token,size_convention,validation_set"
    assert len(outcome.out.splitlines()) == 11
    document = json.loads(scaling("import", "wandb", "history.csv", "--size", "16M", "--json").out)
    assert (len(document["rows"]), document["warnings"]) == (10, [])


def test_labels_with_equals_signs_can_be_sized(scaling, tmp_path):
    (tmp_path / "d=1024_l=24.csv").write_text("_step,eval/loss,tokens\n100,3.5,100000\n")
    outcome = scaling("import", "wandb", "d=1024_l=24.csv", "--size", "d=1024_l=24=360M")
    assert outcome.out.splitlines()[1].startswith("d=1024_l=24,360000000.0,100000.0,3.5")
    assert "Write 190M, or" in scaling("import", "wandb", "d=1024_l=24.csv", "--size", "large").err


def test_refusals(scaling, ladder):
    everything = scaling("import", "wandb", "history.csv", "--loss", "train/loss")
    assert everything.code == 2
    assert "loss: no 'train/loss' in" in everything.err
    assert "size: not in the log; give the parameters of 'history'" in everything.err
    taken = scaling("import", "wandb", "history.csv", "--size", "16M", "-o", "runs.csv")
    assert taken.code == 2
    assert "There is a file 'runs.csv' already" in taken.err
    assert "must end in .csv" in scaling("import", "wandb", "history.csv", "--size", "16M", "-o", "runs.xlsx").err
    assert "There are: dclm" in scaling("import", "tensorboard", "history.csv").err
