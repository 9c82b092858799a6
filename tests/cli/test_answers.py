"""Answers from the shell: published figures, tables and JSON that agree, pipes, figures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest


def test_hoffmann_at_chinchilla_70b(scaling):
    # E + A / N^alpha + B / D^beta by hand from the unrounded coefficients.
    outcome = scaling("predict", "hoffmann-2022-approach-3", "--size", "70B", "--tokens", "1.4T", "--json")
    answer = json.loads(outcome.out)["loss"][0]
    assert answer["trend_loss_nats_per_token"][1] == pytest.approx(1.92085, abs=1e-5)
    assert answer["size"] == 70e9


def test_tables_and_json_say_the_same(scaling):
    words = ("predict", "hoffmann-2022-approach-3", "--size", "70B", "--tokens", "1.4T")
    table, document = scaling(*words), scaling(*words, "--json")
    assert "1.921" in table.out
    assert "no posterior" in table.err  # an interval of one point estimate would be a lie
    assert json.loads(document.out)["fit"]["name"] == "hoffmann-2022-approach-3"


def test_points_come_by_pipe_and_answers_go_by_pipe(scaling, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO('[{"size": "70B", "tokens": 1.4e12}, {"size": 1e9, "tokens": "20B"}]'))
    outcome = scaling("predict", "hoffmann-2022-approach-3", "--points", "-", "--json")
    assert [row["size"] for row in json.loads(outcome.out)["loss"]] == [70e9, 1e9]


def test_besiroglu_plan_at_chinchillas_budget(scaling):
    # 18.4 tokens per parameter at 5.76e23 FLOPs (Besiroglu et al. 2024, section 4: about 20).
    outcome = scaling(
        "plan", "besiroglu-2024", "--budget", "5.76e23", "--accelerator", "h100", "--count", "512", "--json"
    )
    answer = json.loads(outcome.out)
    run = answer["plan"]["run"]
    assert run["token_count"] / run["size"] == pytest.approx(18.4, rel=0.03)  # the size is rounded to two digits
    cost = answer["cost"]
    assert cost["accelerator_hours"][1] == pytest.approx(5.76e23 / (989.4e12 * 0.4 * 3600), rel=0.02)
    assert cost["days"][1] == pytest.approx(cost["accelerator_hours"][1] / 512 / 24)
    assert cost["usd"][0] < cost["usd"][1] < cost["usd"][2]


def test_every_number_of_the_hardware_can_be_given(scaling):
    outcome = scaling(
        "plan", "besiroglu-2024", "--budget", "3.6e18", "--peak", "1e15", "--price", "2",
        "--utilisation", "0.5", "--utilisation-spread", "0", "--json",
    )  # fmt: skip
    cost = json.loads(outcome.out)["cost"]
    assert cost["accelerator_hours"] == pytest.approx([2.0] * 3)
    assert cost["usd"] == pytest.approx([4.0] * 3)


def test_an_accelerator_without_a_list_price_says_so(scaling):
    outcome = scaling("plan", "besiroglu-2024", "--budget", "1e22", "--accelerator", "tpu-v5p")
    assert outcome.code == 0
    assert "give --price for money" in outcome.err


def test_a_figure_is_drawn_on_request(scaling, tmp_path):
    words = ("predict", "hoffmann-2022-approach-3", "--size", "70B", "--tokens", "1.4T")
    assert scaling(*words, "--plot", "law.png").code == 0
    assert (tmp_path / "law.png").read_bytes().startswith(b"\x89PNG")
    refused = scaling(*words, "--plot", "law.txt")
    assert (refused.code, "must end in .png" in refused.err) == (2, True)


def test_citations_name_the_paper(scaling):
    assert "arXiv:2203.15556" in scaling("cite", "chinchilla").out
    assert scaling("cite", "nobody").code == 2


def test_version_is_the_distributions(scaling):
    from importlib.metadata import version

    assert scaling("--version").out.strip() == version("scaling-service")


def test_predict_takes_covariates_as_options_and_in_points(scaling, monkeypatch):
    words = ("predict", "muennighoff-2023-c4", "--size", "6.34B", "--tokens", "242B")
    outcome = scaling(*words, "--covariate", "unique_tokens=25B", "--json")
    answer = json.loads(outcome.out)["loss"]
    assert answer[0]["trend_loss_nats_per_token"][1] == pytest.approx(2.2256440889984477)
    points = '[{"size": "6.34B", "tokens": "242B", "unique_tokens": "25B"}]'
    monkeypatch.setattr("sys.stdin", io.StringIO(points))
    piped = scaling("predict", "muennighoff-2023-c4", "--points", "-", "--json")
    assert json.loads(piped.out)["loss"] == answer
    for refused, message in (
        (words, "unique_tokens: missing"),
        ((*words, "--covariate", "unique_tokens"), "write NAME=VALUE"),
        ((*words, "--covariate", "unique_tokens=1B,2B"), "2 values of unique_tokens for 1 points"),
    ):
        outcome = scaling(*refused)
        assert outcome.code != 0
        assert message in outcome.err


def test_a_fit_asks_for_the_columns_of_its_law(scaling):
    Path("runs.csv").write_text("size,tokens,loss,U\n1e8,1e10,3.0,1e9\n2e8,1e10,2.9,1e9\n4e8,1e10,2.8,1e9\n")
    outcome = scaling("fit", "runs.csv", "--name", "x", "--law", "repeated")
    assert outcome.code != 0
    assert "column 'unique_tokens': missing" in outcome.err
    # With its column the next fault is found: three rows do not determine seven coefficients.
    outcome = scaling("fit", "runs.csv", "--name", "x", "--law", "repeated", "--columns", "unique_tokens=U")
    assert "7 coefficients" in outcome.err


def test_plans_take_covariates_too(scaling, tmp_path):
    # Few unique tokens call for a smaller network, trained on more epochs, than fresh tokens do.
    words = ("plan", "muennighoff-2023-c4", "--budget", "9.3e21", "--json")
    few, many = (
        json.loads(scaling(*words, "--covariate", f"unique_tokens={unique}").out)["plan"]["run"]
        for unique in ("25B", "1T")
    )
    assert few["size"] < many["size"]
    assert few["token_count"] > many["token_count"]
    refused = scaling(*words[:-1])
    assert refused.code != 0
    assert "unique_tokens: missing" in refused.err
    drawn = scaling(
        *("predict", "muennighoff-2023-c4", "--size", "6B", "--tokens", "200B", "--covariate", "unique_tokens=25B"),
        *("--plot", "law.png"),
    )
    assert drawn.code == 0
    assert (tmp_path / "law.png").stat().st_size > 10_000


def test_the_law_alone_is_narrower_and_says_what_it_leaves_out(scaling):
    words = ("predict", "ladder-cpu", "--size", "10M", "--tokens", "200M", "--json")
    full, alone = scaling(*words), scaling(*words, "--law-alone")
    widths = []
    for outcome in (full, alone):
        assert outcome.code == 0, outcome.err
        low, _, high = json.loads(outcome.out)["loss"][0]["trend_loss_nats_per_token"]
        widths.append(high - low)
    assert widths[1] < widths[0]
    assert "take its form to be right" in alone.err
    assert "take its form" not in full.err


def test_a_run_that_was_seen_is_continued_and_another_is_refused(scaling):
    words = ("predict", "ladder-cpu", "--size", "393856", "--tokens", "10M", "--json", "--run")
    widths = {}
    for label in ("d128-s0-1200", None):
        outcome = scaling(*words, label) if label else scaling(*words[:-1])
        assert outcome.code == 0, outcome.err
        low, _, high = json.loads(outcome.out)["loss"][0]["run_loss_nats_per_token"]
        widths[label] = high - low
    assert widths["d128-s0-1200"] < widths[None]
    refused = scaling(*words, "mine")
    assert refused.code == 2
    assert "no run 'mine' to continue" in refused.err
