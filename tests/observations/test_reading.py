"""Files into observations: columns, units, and every bad input with the message its owner needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scaling.errors import InvalidInput, InvalidObservations, NotFound, ScalingError, UnitMismatch
from scaling.observations import (
    loss_observations_from_rows,
    parse_columns,
    read_loss_observations,
    read_score_observations,
    score_observations_from_rows,
)
from scaling.units import LossUnit, SizeConvention

GOOD = "run,size,tokens,loss\na,70M,1.4B,3.5\na,70M,2.8B,3.4\nb,1e9,20B,2.9\n"
SCORES = (
    "run,size,tokens,loss,task,metric,score,item_count,chance\n"
    "a,70M,1.4B,3.5,sort,exact_match,0.02,256,0\n"
    "a,70M,1.4B,3.5,kv,accuracy,0.24,256,0.25\n"
    "b,1e9,20B,2.9,sort,exact_match,0.5,256,0\n"
)


@pytest.fixture
def write(tmp_path):
    def to_file(text: str, name: str = "runs.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_counts_as_people_write_them_are_read(write):
    observations = read_loss_observations(write(GOOD))
    assert observations.size.tolist() == [70e6, 70e6, 1e9]
    assert observations.tokens.tolist() == [1.4e9, 2.8e9, 20e9]
    assert observations.runs() == ("a", "b")
    assert observations.size_convention is SizeConvention.UNSPECIFIED


def test_csv_tsv_parquet_json_and_json_lines_say_the_same(write, tmp_path):
    expected = read_loss_observations(write(GOOD))
    frame = expected.to_frame()
    frame.to_parquet(tmp_path / "runs.parquet")
    records = frame.to_dict("records")
    paths = [
        write(GOOD.replace(",", "\t"), "runs.tsv"),
        tmp_path / "runs.parquet",
        write(json.dumps(records), "runs.json"),
        write("\n".join(map(json.dumps, records)), "runs.jsonl"),
    ]
    assert {read_loss_observations(path).digest for path in paths} == {expected.digest}


def test_mapping_takes_headers_and_units(write):
    path = write("params (M),D [B],final\n70,1.4,3.5\n1000,20,2.9\n")
    columns = parse_columns("size=params (M)*1e6,tokens=D [B]*1e9, loss=final")
    observations = read_loss_observations(path, columns=columns)
    assert observations.size.tolist() == [70e6, 1000e6]
    assert observations.tokens.tolist() == [1.4e9, 20e9]
    assert len(observations.runs()) == 2  # without labels, every row is a run


def test_names_that_carry_units_are_taken_and_ambiguity_is_refused(write):
    path = write("nonembedding_size,total_size,token_count,loss_nats_per_token\n6000,13000,2e6,3.1\n")
    with pytest.raises(InvalidObservations, match="size=nonembedding_size or size=total_size"):
        read_loss_observations(path)
    taken = read_loss_observations(path, size_convention=SizeConvention.TOTAL)
    assert taken.size.tolist() == [13000]
    assert taken.size_convention is SizeConvention.TOTAL
    mapped = read_loss_observations(path, columns={"size": "nonembedding_size"})
    assert mapped.size_convention is SizeConvention.NON_EMBEDDING
    with pytest.raises(UnitMismatch, match="non_embedding, but total"):
        read_loss_observations(path, columns={"size": "nonembedding_size"}, size_convention=SizeConvention.TOTAL)


def test_tokens_come_from_compute_only_when_asked(write):
    path = write("size,compute,loss\n1e8,1.2e18,3.3\n")
    with pytest.raises(InvalidObservations, match="column 'tokens': missing"):
        read_loss_observations(path)
    observations = read_loss_observations(path, tokens_from_compute=True)
    assert observations.tokens[0] == pytest.approx(2e9, rel=1e-12)  # D = C / (6 N)


def test_bits_per_byte_need_bytes_per_token(write):
    path = write("size,tokens,loss_bits_per_byte\n1e8,2e9,1.0\n")
    with pytest.raises(UnitMismatch, match="bytes per token"):
        read_loss_observations(path)
    converted = read_loss_observations(path, bytes_per_token=4.0)
    assert converted.loss[0] == pytest.approx(4.0 * np.log(2), rel=1e-12)
    with pytest.raises(UnitMismatch, match="bits_per_byte, but nats_per_token"):
        read_loss_observations(path, bytes_per_token=4.0, loss_unit=LossUnit.NATS_PER_TOKEN)
    plain = write("size,tokens,loss\n1e8,2e9,5.0\n", "bits.csv")
    assert read_loss_observations(plain, loss_unit=LossUnit.BITS_PER_TOKEN).loss[0] == pytest.approx(5 * np.log(2))


def test_synonyms_are_offered_and_not_taken(write):
    with pytest.raises(InvalidObservations) as raised:
        read_loss_observations(write("n_params,D,loss\n1e8,2e9,3.0\n"))
    message = str(raised.value)
    assert "Did you mean size=n_params?" in message
    assert "Did you mean tokens=D?" in message
    assert "'loss'" not in message  # what is there is not complained about


def test_every_bad_row_is_listed_at_once_with_its_line(write):
    text = "run,size,tokens,loss\na,1e8,2e9,3.0\n,1e8,2e9,3.1\nb,big,2e9,nan\nc,1e8,-5,0\nd,1e8,,inf\ne,1e8,2e9,-1\n"
    with pytest.raises(InvalidObservations) as raised:
        read_loss_observations(write(text))
    found = {violation.field: violation.description for violation in raised.value.violations}
    assert set(found) == {
        "line 3, column 'run'",
        "line 4, column 'size'",
        "line 4, column 'loss'",
        "line 5, column 'tokens'",
        "line 5, column 'loss'",
        "line 6, column 'tokens'",
        "line 6, column 'loss'",
        "line 7, column 'loss'",
    }
    assert "'big' is no number" in found["line 4, column 'size'"]
    assert found["line 4, column 'loss'"].startswith("NaN")
    assert found["line 5, column 'loss'"].startswith("0 given")
    assert found["line 6, column 'loss'"].startswith("inf")
    assert found["line 7, column 'loss'"].startswith("-1 given")


@pytest.mark.parametrize(
    ("column", "unit", "text"),
    [
        ("tokens", "billions", "size,tokens,loss\n1e8,2,3.0\n4e8,8,2.8\n"),
        ("tokens", "trillions", "size,tokens,loss\n7e10,1.4,2.0\n"),
        ("size", "billions", "size,tokens,loss\n.4,8e9,3.0\n7,1.4e11,2.8\n"),
        ("size", "billions", "size,tokens,loss\n7,140,2.8\n"),
    ],
)
def test_counts_in_billions_are_recognised_by_name(write, column, unit, text):
    with pytest.raises(InvalidObservations, match=f"(?i){column}.* look to be in {unit}") as raised:
        read_loss_observations(write(text))
    assert f"{column}=HEADER*1e" in str(raised.value)


def test_a_short_run_of_a_novice_is_no_mistake_of_unit(write):
    # 10,000 tokens for 1e8 parameters: the loss is still that of guessing, so the tokens may well be right.
    observations = read_loss_observations(write("size,tokens,loss\n1e8,1e4,10.4\n1e8,2e4,10.2\n"))
    assert [warning.reason for warning in observations.warnings] == ["TOKENS_PER_PARAMETER_UNUSUAL"]


def test_a_perplexity_is_warned_about(write):
    observations = read_loss_observations(write("size,tokens,loss\n1e8,2e9,22.5\n"))
    assert observations.warnings[0].reason == "LOSS_IMPLAUSIBLE"
    assert observations.warnings[0].places == (2,)


def test_identical_rows_count_once_and_contradictions_are_refused(write):
    twice = read_loss_observations(write(GOOD + "b,1e9,20B,2.9\n"))
    assert twice.digest == read_loss_observations(write(GOOD, "once.csv")).digest
    assert [(warning.reason, warning.places) for warning in twice.warnings] == [("DUPLICATE_ROWS", (5,))]
    with pytest.raises(InvalidObservations, match=r"line 5: 2\.8 given, but line 4 says 2\.9"):
        read_loss_observations(write(GOOD + "b,1e9,20B,2.8\n"))
    unlabelled = write("size,tokens,loss\n1e8,2e9,3.0\n1e8,2e9,3.1\n", "seeds.csv")
    assert len(read_loss_observations(unlabelled)) == 2  # two seeds of one shape


def test_a_label_of_two_sizes_names_no_run(write):
    with pytest.raises(InvalidObservations, match="a run has one size"):
        read_loss_observations(write("run,size,tokens,loss\n0,1e8,2e9,3.0\n0,2e8,2e9,2.9\n"))


def test_validation_sets_are_not_mixed(write):
    path = write("size,tokens,loss,validation_set\n1e8,2e9,3.0,c4\n1e8,2e9,2.5,pile\n")
    with pytest.raises(UnitMismatch, match="name one of c4, pile"):
        read_loss_observations(path)
    chosen = read_loss_observations(path, validation_set="pile")
    assert (chosen.loss.tolist(), chosen.validation_set) == ([2.5], "pile")
    with pytest.raises(InvalidObservations, match="no losses on 'wiki'"):
        read_loss_observations(path, validation_set="wiki")


def test_size_conventions_are_not_mixed(write):
    path = write("size,tokens,loss,size_convention\n1e8,2e9,3.0,total\n1e8,3e9,2.5,non_embedding\n")
    with pytest.raises(UnitMismatch, match="non_embedding, total"):
        read_loss_observations(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("empty.json", "  \n", "is empty"),
        ("header.csv", "size,tokens,loss\n", "no rows"),
        ("ragged.csv", "size,tokens,loss\n1e8,2e9\n", "line 2: 2 cells, but the header has 3"),
        ("cut.csv", 'size,tokens,loss\n1e8,2e9,"3.0', "may be truncated"),
        ("cut.json", '[{"size": 1e8,', "may be truncated"),
        ("cut.jsonl", '{"size": 1e8, "tokens": 2e9, "loss": 3}\n{"size": 1', "line 2: no JSON object"),
        ("numbers.json", "[1, 2]", "no list of objects"),
        ("cut.parquet", "PAR1 cut", "truncated or no Parquet"),
        ("twice.csv", "size,size,tokens,loss\n1,2,3,4\n", "column 'size': 2 times"),
    ],
)
def test_broken_files_say_how_they_are_broken(write, name, text, message):
    with pytest.raises(InvalidObservations, match=message):
        read_loss_observations(write(text, name))


def test_a_parquet_file_cut_in_the_middle_is_refused(write, tmp_path):
    path = tmp_path / "runs.parquet"
    read_loss_observations(write(GOOD)).to_frame().to_parquet(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidObservations, match="truncated or no Parquet"):
        read_loss_observations(path)


def test_missing_and_unreadable_files(write, tmp_path):
    with pytest.raises(NotFound, match="no file"):
        read_loss_observations(tmp_path / "absent.csv")
    with pytest.raises(InvalidInput, match="is no table"):
        read_loss_observations(write(GOOD, "runs.xlsx"))
    latin = tmp_path / "latin.csv"
    latin.write_bytes("größe,tokens,loss\n".encode("latin-1"))
    with pytest.raises(InvalidObservations, match="no UTF-8 text"):
        read_loss_observations(latin)


def test_scores_are_read_with_their_task_keys(write):
    observations = read_score_observations(write(SCORES))
    assert observations.tasks() == ("sort", "kv")
    assert observations.for_task("sort").score.tolist() == [0.02, 0.5]
    assert len(observations.for_task("sort/exact_match")) == 2
    more = read_score_observations(write(SCORES + "b,1e9,20B,2.9,sort,accuracy,0.8,256,0.03\n"))
    assert set(more.tasks()) == {"sort/exact_match", "sort/accuracy", "kv"}
    with pytest.raises(NotFound, match="There are: sort/exact_match, kv, sort/accuracy"):
        more.for_task("sorting")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",0.02,", ",1.2,", "line 2, column 'score': 1.2 given, a score between 0 and 1"),
        (",0.02,", ",-0.1,", "line 2, column 'score': -0.1 given"),
        (",0.02,256", ",0.02,", "line 2, column 'item_count': empty"),
        (",0.02,256", ",0.02,0", "at least one item"),
        (",0.25\n", ",1\n", "a chance level from 0 to below 1"),
        (",chance\n", ",guess\n", r"column 'chance': missing \(score of guessing\)"),
        (",item_count,", ",n_examples,", "Did you mean item_count=n_examples"),
    ],
)
def test_bad_scores_are_named(write, old, new, message):
    with pytest.raises(InvalidObservations, match=message):
        read_score_observations(write(SCORES.replace(old, new, 1)))


def test_scores_in_percent_are_recognised(write):
    text = "size,tokens,loss,task,acc,item_count,chance\n1e8,2e9,3.0,t,25.1,100,.25\n1e9,2e10,2.5,t,60,100,.25\n"
    with pytest.raises(InvalidObservations, match=r"score=acc\*0.01"):
        read_score_observations(write(text), columns={"score": "acc"})
    assert read_score_observations(write(text), columns={"score": "acc*0.01"}).score[1] == pytest.approx(0.6)


def test_item_counts_and_chance_levels_may_be_stated_by_task():
    rows = [{"size": 1e8, "tokens": 2e9, "loss": 3.0, "task": task, "score": 0.5} for task in ("kv", "sort")]
    read = score_observations_from_rows(rows, item_count=256, chance={"kv": 0.25, "sort": 0.0})
    assert read.chance.tolist() == [0.25, 0.0]
    assert read.item_count.tolist() == [256.0, 256.0]
    with pytest.raises(InvalidObservations, match="chance, task 'sort': none given"):
        score_observations_from_rows(rows, item_count=256, chance={"kv": 0.25})


@pytest.mark.parametrize("text", ["size", "size=", "=D", "size=a,size=b", "width=w"])
def test_a_mapping_that_cannot_be_read_is_refused(text):
    with pytest.raises(InvalidInput, match=r"column mapping|no such role"):
        parse_columns(text)


def test_pandas_frames_go_in_and_out_unchanged(write):
    from scaling.observations import LossObservations, ScoreObservations

    losses = read_loss_observations(write(GOOD), size_convention=SizeConvention.TOTAL, validation_set="c4")
    again = LossObservations.from_frame(losses.to_frame())
    assert (again.digest, again.size_convention, again.validation_set) == (losses.digest, SizeConvention.TOTAL, "c4")
    scores = read_score_observations(write(SCORES))
    assert ScoreObservations.from_frame(scores.to_frame()).digest == scores.digest
    with pytest.raises(InvalidObservations, match="row 2, column 'loss'"):
        LossObservations.from_frame(pd.DataFrame({"size": [1e8, 1e8], "tokens": [2e9, 3e9], "loss": [3.0, np.nan]}))


def test_every_fault_is_an_error_of_ours():
    # Rows of arbitrary kinds of cells never leave as a TypeError or a ValueError of another library.
    for cell in (None, "", "x", True, [1], {"a": 1}, float("nan"), "1e999", object()):
        with pytest.raises(ScalingError):
            loss_observations_from_rows(
                [{"size": cell, "tokens": 2e9, "loss": 3.0}, {"size": 1, "tokens": 1, "loss": 1}]
            )


def test_only_the_metrics_wanted_are_read(write):
    path = write(SCORES + "b,1e9,20B,2.9,sort,log_likelihood,-12.2,256,-3\n")
    with pytest.raises(InvalidObservations, match=r"line 5, column 'score': -12\.2"):
        read_score_observations(path)
    taken = read_score_observations(path, metrics=["exact_match", "accuracy"])
    assert set(taken.metric) == {"exact_match", "accuracy"}
    with pytest.raises(InvalidObservations, match="there are accuracy, exact_match, log_likelihood"):
        read_score_observations(path, metrics=["f1"])


def test_conventions_may_be_given_as_text_and_must_exist(write):
    read = read_loss_observations(write(GOOD), size_convention="total", loss_unit="bits_per_token")
    assert read.size_convention is SizeConvention.TOTAL
    assert read.loss[0] == pytest.approx(3.5 * np.log(2))
    with pytest.raises(InvalidInput, match="one of non_embedding"):
        read_loss_observations(write(GOOD), size_convention="params")


def test_cooling_is_read_kept_and_part_of_the_content(write):
    from scaling.observations import LossObservations

    path = write("size,tokens,loss,cooled\n1e8,2e9,3.0,yes\n1e8,1e9,3.2,no\n")
    losses = read_loss_observations(path)
    assert losses.cooled.tolist() == [True, False]
    assert losses.select(np.array([False, True])).cooled.tolist() == [False]
    assert LossObservations.from_frame(losses.to_frame()).digest == losses.digest
    assert read_loss_observations(write("size,tokens,loss\n1e8,2e9,3.0\n1e8,1e9,3.2\n", "b.csv")).cooled is None
    turned = LossObservations(run=losses.run, size=losses.size, tokens=losses.tokens, loss=losses.loss, cooled=[0, 1])
    assert turned.digest != losses.digest
    with pytest.raises(InvalidObservations, match="line 2, column 'cooled': 'maybe' given, yes or no needed"):
        read_loss_observations(write("size,tokens,loss,cooled\n1e8,2e9,3.0,maybe\n", "c.csv"))
    with pytest.raises(InvalidObservations, match=r"cooled: shape \(1,\) given, 2 values needed"):
        LossObservations(run=losses.run, size=losses.size, tokens=losses.tokens, loss=losses.loss, cooled=[True])


def test_losses_of_two_tokenizers_are_refused(write):
    path = write("size,tokens,loss,tokenizer\n1e8,2e9,3.0,gpt2\n2e8,2e9,2.5,llama\n")
    with pytest.raises(UnitMismatch, match=r"2 tokenizers \(gpt2, llama\)[\s\S]*bits per byte"):
        read_loss_observations(path)
    assert len(read_loss_observations(write(path.read_text().replace("llama", "gpt2"), "one.csv"))) == 2
