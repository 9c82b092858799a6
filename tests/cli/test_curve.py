"""`scaling curve`: curves in, the curve of another schedule out; what cannot be used is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scaling.curves import nodes_at
from scaling.curves.schedule import cosine
from tests.cli.test_documents import example_of
from tests.curves.simulated import FITTED, TRUTH, simulated_run


def written(folder, name: str, run, *, keep=slice(None)) -> str:
    rows = ["step,lr,loss"]
    rows += [
        f"{step},{rate:.9g},{loss:.5f}"
        for step, rate, loss in zip(run.step[keep], run.schedule.rates[run.step[keep]], run.loss[keep], strict=True)
    ]
    (folder / name).write_text("\n".join(rows) + "\n")
    return name


@pytest.fixture
def curves(tmp_path):
    """constant.csv and stages.csv in the folder where commands run."""
    rng = np.random.default_rng(5)
    written(tmp_path, "constant.csv", simulated_run(FITTED[1], rng))
    written(tmp_path, "stages.csv", simulated_run(FITTED[2], rng))
    return tmp_path


@pytest.mark.slow
def test_the_example_runs_and_its_bands_hold_the_truth(scaling, curves):
    example = example_of(scaling("curve", "--help").out)
    outcome = scaling(*example, "--warmup", "200", "--json", "--plot", "curve.png")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    (forecast,) = document["forecasts"]
    planned = cosine(6000, 1e-3, final=1e-4, warmup=200)
    truth = TRUTH.loss(nodes_at(planned, forecast["step"]))
    low, middle, high = np.asarray(forecast["run_loss_nats_per_token"]).T
    late = slice(2, None)
    assert np.all((low < truth) & (truth < high), where=np.arange(len(truth)) > 1)
    assert middle[late] == pytest.approx(truth[late], rel=0.01)
    assert document["diagnostics"]["max_r_hat"] <= 1.01
    assert (curves / "curve.png").stat().st_size > 10_000
    decayed, flat = "wsd:steps=6000,peak=1e-3,final=1e-4,decay_from=4500,warmup=200", "constant:steps=6000,peak=1e-3"
    shown = scaling("curve", *example[1:3], "--warmup", "200", "--schedule", decayed, "--schedule", flat)
    assert f"P(ends lowest) 1.00: {decayed}" in shown.out  # .09 nats below: some 3 %


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step,loss\n100,3.5\n200,3.4\n", "column 'lr': missing"),
        ("step,lr,loss\n100,1e-3,3.5\n100,1e-3,3.4\n", "must increase"),
        ("step,lr,loss\n100,1e-3,3.5\n200,1e-3,NaN\n", "NaN given"),
        ("step,lr,loss\n100,1e-3,3.5\n200,-1e-3,3.4\n", "a rate not below zero"),
        ("step,lr,loss\n100,1e-3,3.5\n200,1e-3,-3.4\n", "a finite number above zero"),
        ("step,lr,loss\n100,1e-3,3.5\n200,1e-3,3.4\n", "at least 12 needed"),
    ],
)
def test_what_is_no_curve_is_refused_by_name(scaling, tmp_path, text, said):
    (tmp_path / "bad.csv").write_text(text)
    outcome = scaling("curve", "bad.csv")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("cosine:steps=6000", "peak is missing"),
        ("wsd:steps=6000,peak=1e-3", "decay_from is missing"),
        ("sawtooth:steps=6000,peak=1e-3", "There are: constant, cosine"),
        ("cosine:steps=6000,peak=1e-3,speed=2", "no 'speed' here"),
        ("nowhere.csv", "no file"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_what_it_needs(scaling, curves, schedule, said):
    outcome = scaling("curve", "constant.csv", "--schedule", schedule)
    assert outcome.code == 2
    assert said in outcome.err
