"""`scaling compare`: its table, its JSON and its refusals."""

from __future__ import annotations

import json

import pytest


@pytest.mark.slow
def test_laws_are_scored_weighed_and_averaged(scaling, ladder):
    words = ("compare", "runs.csv", "--law", "chinchilla", "--law", "power", "--size", "1B", "--tokens", "20B")
    outcome = scaling(*words, "--json")
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    assert sum(each["weight"] for each in answer["laws"]) == pytest.approx(1.0)
    (forecast,) = answer["forecast"]
    assert forecast["loss_nats_per_token"] == sorted(forecast["loss_nats_per_token"])
    table = scaling(*words)
    assert "laws averaged" in table.out


def test_what_cannot_be_compared_is_said(scaling, ladder):
    assert "at least two different" in scaling("compare", "runs.csv", "--law", "power").err
    assert "belong together" in scaling("compare", "runs.csv", "--size", "1B").err
    assert "No law is called 'magic'" in scaling("compare", "runs.csv", "--law", "power", "--law", "magic").err
