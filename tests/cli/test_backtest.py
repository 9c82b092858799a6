"""`scaling backtest`: every held-out row is forecast, scored and drawn; a cut that leaves too little is refused."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
def test_a_ladder_is_forecast_beyond_the_cut(scaling, ladder):
    asked = ("backtest", "runs.csv", "--below", "1e16", "--law", "chinchilla")
    outcome = scaling(*asked, "--json", "--plot", "test.png")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    rows = [line.split(",") for line in (ladder / "runs.csv").read_text().split()[1:]]
    compute = [6.0 * float(size) * float(tokens) for _, size, tokens, _ in rows]
    beyond = [each for each in compute if each > 1e16]
    seen = max(each for each in compute if each <= 1e16)
    assert sorted(each["factor"] for each in document["forecasts"]) == pytest.approx(
        sorted(each / seen for each in beyond)
    )
    assert document["all"]["forecasts"] == len(beyond)
    assert sum(each["forecasts"] for each in document["by_factor"]) == len(beyond)
    assert document["all"]["mean_relative_error"] < 0.03
    assert (ladder / "test.png").stat().st_size > 10_000
    table = scaling(*asked).out
    assert "chinchilla fitted to compute of at most 1e16" in table
    assert f"All {len(beyond)} forecasts" in table


def test_what_cannot_be_cut_so_is_refused_with_what_is_left(scaling, ladder):
    outcome = scaling("backtest", "runs.csv", "--below", "1e14")
    assert outcome.code == 2
    assert "of 32 rows to fit" in outcome.err
    assert "Choose another cut" in outcome.err
    assert "compute, size, tokens" in scaling("backtest", "runs.csv", "--axis", "loss").err
