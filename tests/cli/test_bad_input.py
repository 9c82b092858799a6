"""Each bad input: the message its owner needs, the exit code, no stack trace, nothing stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ladder_rows

GOOD = "\n".join(ladder_rows()[0])
GOOD_SCORES = "\n".join(ladder_rows()[1])


def changed(text: str, row: int, column: int, value: str) -> str:
    lines = [line.split(",") for line in text.splitlines()]
    lines[row][column] = value
    return "\n".join(",".join(line) for line in lines)


def in_billions(text: str) -> str:
    head, *rows = (line.split(",") for line in text.splitlines())
    return "\n".join([",".join(head), *(f"{r},{n},{float(d) / 1e9},{loss}" for r, n, d, loss in rows)])


BAD_RUNS = {
    "missing column": (GOOD.replace("tokens", "step"), "column 'tokens': missing (training tokens D)"),
    "renamed column": (GOOD.replace("size", "n_params"), "Did you mean size=n_params?"),
    "D in billions": (in_billions(GOOD), "The tokens look to be in billions"),
    "negative loss": (changed(GOOD, 3, 3, "-2.5"), "line 4, column 'loss': -2.5 given"),
    "zero loss": (changed(GOOD, 3, 3, "0"), "line 4, column 'loss': 0 given"),
    "NaN loss": (changed(GOOD, 3, 3, "nan"), "line 4, column 'loss': NaN given"),
    "infinite loss": (changed(GOOD, 3, 3, "inf"), "line 4, column 'loss': inf given"),
    "words for numbers": (changed(GOOD, 3, 1, "large"), "line 4, column 'size': 'large' is no number"),
    "one size": ("\n".join(GOOD.splitlines()[:9]), "size"),
    "three rows": ("\n".join(GOOD.splitlines()[:4]), "3 "),
    "contradicting duplicates": (GOOD + "\nr0,1000000,5000000,9.9", "for the same checkpoint"),
    "empty file": ("", "is empty"),
    "only a header": ("run,size,tokens,loss\n", "no rows"),
}
BAD_SCORES = {
    "score above 1": (changed(GOOD_SCORES, 3, 6, "1.5"), "line 4, column 'score': 1.5 given"),
    "score below 0": (changed(GOOD_SCORES, 3, 6, "-0.5"), "line 4, column 'score': -0.5 given"),
    "n missing": (GOOD_SCORES.replace("item_count", "seconds"), "column 'item_count': missing"),
    "n empty": (changed(GOOD_SCORES, 3, 7, ""), "line 4, column 'item_count': empty"),
    "chance unknown": (GOOD_SCORES.replace("chance", "note"), "column 'chance': missing (score of guessing)"),
}


def assert_refused(outcome, message: str, folder: Path, *, code: int = 2) -> None:
    assert outcome.code == code, outcome.err
    assert message in outcome.err.replace("\n", " ")
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert not (folder / "scaling-fits").exists()


@pytest.mark.parametrize("case", BAD_RUNS)
def test_bad_runs_are_refused(scaling, tmp_path, case):
    text, message = BAD_RUNS[case]
    (tmp_path / "runs.csv").write_text(text)
    assert_refused(scaling("fit", "runs.csv", "--name", "x"), message, tmp_path)


@pytest.mark.parametrize("case", BAD_SCORES)
def test_bad_scores_are_refused(scaling, ladder, case):
    text, message = BAD_SCORES[case]
    (ladder / "scores.csv").write_text(text)
    assert_refused(scaling("fit", "runs.csv", "--scores", "scores.csv", "--name", "x"), message, ladder)


def test_scores_in_percent_say_how_to_read_them(scaling, ladder):
    head, *rows = (line.split(",") for line in GOOD_SCORES.splitlines())
    percent = [",".join([*row[:6], str(100 * float(row[6])), *row[7:]]) for row in rows if row[4] == "parity"]
    (ladder / "scores.csv").write_text("\n".join([",".join(head), *percent]))
    outcome = scaling("fit", "runs.csv", "--scores", "scores.csv", "--name", "x")
    assert_refused(outcome, "map the column with its unit: score=score*0.01", ladder)


def test_missing_and_truncated_files(scaling, ladder):
    assert_refused(scaling("fit", "absent.csv", "--name", "x"), "There is no file 'absent.csv'", ladder)
    (ladder / "cut.parquet").write_bytes(b"PAR1" + b"\0" * 100)
    assert_refused(scaling("fit", "cut.parquet", "--name", "x"), "truncated or no Parquet file", ladder)


def test_unknown_laws_names_and_options(scaling, ladder):
    assert_refused(
        scaling("fit", "runs.csv", "--name", "x", "--law", "magic"), "No law is called 'magic'. There are:", ladder
    )
    assert_refused(scaling("fit", "runs.csv", "--name", "Not A Name"), "cannot name a fit", ladder)
    assert_refused(scaling("fit", "runs.csv", "--name", "x", "--columns", "size"), "write role=header", ladder)
    assert_refused(scaling("predict", "nope", "--size", "1B", "--tokens", "1B"), "No fit is called 'nope'", ladder)
    assert_refused(scaling("emerge", "besiroglu-2024"), "made without scores", ladder)
    assert_refused(scaling("nothing"), "No such command 'nothing'", ladder)


def test_a_name_that_is_taken_is_refused_before_the_work(scaling, ladder):
    folder = ladder / "mine" / "x"
    folder.mkdir(parents=True)
    (folder / "fit.json").write_text("{}")
    outcome = scaling("fit", "runs.csv", "--name", "x", "--store", "mine")
    assert_refused(outcome, "Choose another name, or give --replace", ladder)
    assert (folder / "fit.json").read_text() == "{}"


def test_a_store_that_cannot_be_written_is_its_own_exit_code(scaling, ladder):
    (ladder / "file").write_text("")
    outcome = scaling("fit", "runs.csv", "--name", "x", "--store", "file/fits")
    assert_refused(outcome, "Fits cannot be stored in file/fits", ladder, code=4)


def test_a_corrupt_fit_is_its_own_exit_code(scaling, tmp_path):
    folder = tmp_path / "scaling-fits" / "x"
    folder.mkdir(parents=True)
    (folder / "fit.json").write_text('{"name": "x"}')
    outcome = scaling("predict", "x", "--size", "1B", "--tokens", "1B")
    assert outcome.code == 4
    assert "does not match its schema" in outcome.err


def test_twenty_faults_are_shown_and_all_are_in_json(scaling, tmp_path):
    rows = [f"1e8,2e9,{-index}" for index in range(1, 38)]
    (tmp_path / "runs.csv").write_text("\n".join(["size,tokens,loss", *rows]))
    people = scaling("fit", "runs.csv", "--name", "x")
    assert people.err.count("column 'loss'") == 20
    assert "and 17 more" in people.err
    program = scaling("fit", "runs.csv", "--name", "x", "--json")
    error = json.loads(program.err)["error"]
    assert error["reason"] == "OBSERVATIONS_INVALID"
    assert len(error["violations"]) == 37
    assert error["violations"][0]["field"] == "line 2, column 'loss'"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "70X", "--tokens", "1T"), "'70X' is no count"),
        (("--size", "70B"), "give both --size and --tokens"),
        (("--size", "1B,2B", "--tokens", "1T,2T,3T"), "2 sizes and 3 token counts"),
        (("--size", "-1", "--tokens", "1T"), "a number above zero needed"),
        (("--size", "1B", "--tokens", "1T", "--levels", "5,50,95"), "a number between 0 and 1 needed"),
        (("--points", "absent.json"), "There is no file"),
        ((), "Give --size and --tokens, or --points"),
    ],
)
def test_questions_that_cannot_be_asked(scaling, tmp_path, words, message):
    assert_refused(scaling("predict", "hoffmann-2022-approach-3", *words), message, tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Give one of --budget, --target-loss and --task"),
        (("--budget", "1e24", "--target-loss", "2"), "Give one of --budget"),
        (("--budget", "0"), "a number above zero needed"),
        (("--target-loss", "2.1"), "published point estimate"),
        (("--budget", "1e24", "--accelerator", "abacus"), "No accelerator is called 'abacus'"),
        (("--budget", "1e24", "--accelerator", "h100", "--utilisation", "40"), "a share between 0 and 1"),
        (("--budget", "1e24", "--tokens", "1T", "--tokens-per-parameter", "20"), "Give one of --tokens-per-parameter"),
    ],
)
def test_plans_that_cannot_be_made(scaling, tmp_path, words, message):
    assert_refused(scaling("plan", "besiroglu-2024", *words), message, tmp_path)
