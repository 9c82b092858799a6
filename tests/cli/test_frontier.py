"""`scaling frontier`: what it prints, its JSON, its figure and its refusals."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import ladder_rows

EXPONENT = 0.37 / 0.72  # of the law behind isoflop.csv: 480 / N^.35 + 2100 / D^.37


def test_a_table_says_minima_exponents_and_bias(scaling, ladder):
    outcome = scaling("frontier", "isoflop.csv", "--compute", "1e20", "--plot", "frontier.png")
    assert outcome.code == 0, outcome.err
    assert "isoflop: the lowest loss at each budget" in outcome.out
    assert "Bias: Were the fitted 'chinchilla' the truth, these" in outcome.out
    assert "33.3 times the largest budget" in outcome.err
    assert (ladder / "frontier.png").stat().st_size > 1000


@pytest.mark.parametrize("estimator", ["isoflop", "parabola"])
def test_json_carries_the_draws_quantiles_and_the_bias(scaling, ladder, estimator):
    outcome = scaling("frontier", "isoflop.csv", "--estimator", estimator, "--compute", "1e18,1e20", "--json")
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    low, _, high = answer["size_exponent"]["quantiles"]
    assert low < EXPONENT < high
    assert answer["size_exponent"]["estimate"] + answer["token_exponent"]["estimate"] == pytest.approx(1.0)
    assert len(answer["minima"]) == 4
    first, second = answer["at"]
    assert first["size"]["estimate"] * first["token_count"]["estimate"] * 6 == pytest.approx(1e18)
    assert second["token_count"]["quantiles"] == sorted(second["token_count"]["quantiles"])
    assert abs(answer["bias"]["token_count_relative"]) < 0.1


def test_unequal_compute_within_a_budget_is_said(scaling, ladder):
    head, *rows = (ladder / "isoflop.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    shaken = [f"{n},{float(d) * (1.08 if index % 2 else 1.0):.0f},{loss}" for index, (n, d, loss) in enumerate(cells)]
    (ladder / "shaken.csv").write_text("\n".join([head, *shaken]))
    assert "Compute differs by up to 8%" in scaling("frontier", "shaken.csv", "--estimator", "parabola").err
    assert "Compute differs" not in scaling("frontier", "isoflop.csv", "--estimator", "parabola").err


def test_what_cannot_be_estimated_says_why(scaling, ladder):
    several = scaling("frontier", "runs.csv")
    assert several.code == 2
    assert "needs 3 budgets of at least 4 sizes" in several.err or "no IsoFLOP budgets" in several.err
    (ladder / "few.csv").write_text("\n".join(ladder_rows(sizes=(1e6, 4e6))[0]))
    envelope = scaling("frontier", "few.csv", "--estimator", "envelope")
    assert envelope.code == 2
    assert "besides the smallest and largest" in envelope.err
    both = scaling("frontier", "runs.csv", "--estimator", "envelope", "--budgets", "1e18")
    assert both.code == 2
    assert "leave --budgets out" in both.err
