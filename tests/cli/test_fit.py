"""Fits from the shell: what goes in comes out again, spoilt rows are named and hardly matter."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from tests.cli.conftest import ladder_rows

pytestmark = pytest.mark.slow
TRUTH = 1.8 + 480 / 2.5e8**0.35 + 2100 / 5e9**0.37  # four times the largest size


def forecast(scaling, name: str) -> list[float]:
    outcome = scaling("predict", name, "--size", "250M", "--tokens", "5B", "--json")
    return json.loads(outcome.out)["loss"][0]["run_loss_nats_per_token"]


def test_a_fit_is_stored_once_and_forecasts_the_next_size(scaling, ladder):
    first = scaling("fit", "runs.csv", "--name", "mine", "--json")
    assert first.code == 0, first.err
    document = json.loads(first.out)
    assert document["diagnostics"]["max_r_hat"] <= 1.01
    assert document["backtest"][0]["forecasts"] > 0
    assert {each["run"] for each in document["leverage"]} == {"r0", "r1", "r2", "r3"}
    assert {each["prior"] for each in document["prior_sensitivity"]} == {"floor", "exponents"}
    assert len(document["outlier_probability"]) == 32
    shown = scaling("fits", "show", "mine")
    assert "Back-test: larger runs forecast" in shown.out
    stored = json.loads(scaling("fits", "show", "mine", "--json").out)
    assert all(stored[key] == document[key] for key in ("backtest", "leverage", "prior_sensitivity"))
    assert set(document["coefficients"]) == {"l_inf", "a", "alpha", "b", "beta", "k"}
    low, middle, high = forecast(scaling, "mine")
    assert low < TRUTH < high
    assert middle == pytest.approx(TRUTH, rel=0.02)
    again = scaling("fit", "runs.csv", "--name", "mine")
    assert (again.code, "give --replace" in again.err) == (2, True)
    assert scaling("fit", "runs.csv", "--name", "mine", "--replace").code == 0
    assert forecast(scaling, "mine") == [low, middle, high]  # the same data and seed: the same draws
    assert sorted(path.name for path in (ladder / "scaling-fits").iterdir()) == ["mine"]


@pytest.mark.parametrize(
    "labelled",
    [False, True],
)
def test_a_loss_tripled_in_one_row_is_flagged_and_hardly_moves_the_answer(scaling, ladder, labelled):
    rows = [line.split(",") for line in ladder_rows()[0]]
    for name in ("clean", "spoilt"):
        if name == "spoilt":
            rows[12][3] = str(3 * float(rows[12][3]))
        (ladder / "runs.csv").write_text("\n".join(",".join(row if labelled else row[1:]) for row in rows))
        outcome = scaling("fit", "runs.csv", "--name", name)
        assert outcome.code == 0, outcome.err
    assert "1 of 32 rows" in outcome.err
    assert "row 12" in outcome.err
    assert np.allclose(forecast(scaling, "clean"), forecast(scaling, "spoilt"), rtol=0.01)


def test_runs_come_by_pipe_and_duplicates_are_counted_once(scaling, ladder, monkeypatch):
    lines = ladder_rows()[0]
    assert scaling("fit", "runs.csv", "--name", "once").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join([*lines, lines[-1]])))
    outcome = scaling("fit", "-", "--name", "twice")
    assert outcome.code == 0
    assert "DUPLICATE_ROWS: 1 rows repeat an earlier row exactly" in outcome.err
    assert forecast(scaling, "once") == forecast(scaling, "twice")
    shown = json.loads(scaling("fits", "show", "twice", "--json").out)
    assert any(finding["code"] == "data_quality" for finding in shown["findings"])


def test_tasks_are_told_apart(scaling, ladder):
    outcome = scaling("fit", "runs.csv", "--scores", "scores.csv", "--name", "mine")
    assert outcome.code == 0, outcome.err
    answer = json.loads(scaling("emerge", "mine", "--tokens-per-parameter", "20", "--plot", "sort.png", "--json").out)
    by_task = {each["task"]: each for each in answer["forecasts"]}
    assert by_task["parity"]["verdict"] == "not_identified_yet"
    assert by_task["sort"]["verdict"] == "emerged"
    # `sort` rises by 3 points where .9 (1 - exp(-1.2 x)) = .03 below 3.4 nats: at 3.372.
    low, _, high = by_task["sort"]["onset_quantiles"]
    assert 3.2 < low < 3.40
    assert 3.33 < high < 3.5
    assert (ladder / "sort.png").stat().st_size > 10_000
    plan = json.loads(scaling("plan", "mine", "--task", "sort", "--probability", "0.8", "--json").out)["plan"]
    assert plan["run"] is not None
    assert plan["probability"] == pytest.approx(0.8, abs=0.1)  # sizes are rounded
    refused = scaling("plan", "mine", "--task", "juggling")
    assert (refused.code, "Its tasks: parity, sort" in refused.err) == (2, True)
