"""What is known about measured ladders: the public OLMo ladder, and our own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scaling_fits
from scaling.inference.score import fit_score
from scaling.observations import ScoreObservations
from scaling.posterior import OnsetPlace, ScorePosterior, Verdict

ROOT = Path(__file__).parents[2]
OLMO = Path(os.environ.get("SCALING_DATA", ROOT.parent / "shared" / "data")) / "evals" / "olmo_ladder"
LADDER = Path(scaling_fits.__file__).parent / "ladder-cpu" / "observations" / "scores.csv"

needs_olmo = pytest.mark.skipif(not OLMO.exists(), reason=f"no measured scores at {OLMO} (set SCALING_DATA)")
needs_ladder = pytest.mark.skipif(not LADDER.exists(), reason="the reference ladder has not been trained")


def olmo(task: str, *sizes: str, highest_loss: float = np.inf) -> ScorePosterior:
    """Ranked-classification accuracy against C4 loss (Bhagia et al. 2024)."""
    rows = pd.concat([pd.read_csv(OLMO / f"ladder_{size}.csv") for size in sizes])
    rows = rows[(rows.task == task) & rows.rc_acc.notna() & (rows.loss_c4 < highest_loss)]
    frame = rows[["run", "tokens", "task", "chance"]].assign(
        size=rows.params_nonemb, loss=rows.loss_c4, score=rows.rc_acc, item_count=rows.n_examples, metric="rc_acc"
    )
    return fit_score(ScoreObservations.from_frame(frame), seed=0)


def ladder(task: str, metric: str) -> ScorePosterior:
    rows = pd.read_csv(LADDER)
    rows = rows[(rows.task == task) & (rows.metric == metric)]
    frame = rows[["run", "task", "metric", "score", "item_count", "chance"]].assign(
        size=rows.nonembedding_size, tokens=rows.token_count, loss=rows.loss_nats_per_token
    )
    return fit_score(ScoreObservations.from_frame(frame), seed=0)


def interval(posterior: ScorePosterior) -> tuple[float, float]:
    low, high = np.quantile(posterior.onset[np.isfinite(posterior.onset)], [0.05, 0.95])
    return float(low), float(high)


@needs_olmo
def test_winogrande_leaves_chance_near_3_15_nats_in_the_pooled_ladder():
    found = olmo("winogrande_val", "190M", "370M", "760M")
    assert found.verdict is Verdict.EMERGED
    low, high = interval(found)
    assert low > 3.05
    assert high < 3.22


@needs_olmo
def test_winogrande_is_not_identified_by_the_smallest_size_alone():
    found = olmo("winogrande_val", "190M")
    assert found.verdict is Verdict.NOT_IDENTIFIED
    assert found.not_identified_below == pytest.approx(3.34, abs=0.01)


@needs_olmo
@pytest.mark.parametrize("task", ["hellaswag_val", "piqa_val", "arc_easy_test"])
def test_tasks_that_rise_from_the_start_have_their_onset_before_the_data(task):
    # Within the losses at which tasks of this kind are compared; their own first checkpoints, at 4 to 8 nats, show
    # where they do leave chance.
    found = olmo(task, "190M", "370M", "760M", highest_loss=3.5)
    assert found.onset_place[OnsetPlace.BEFORE] >= 0.95
    assert found.verdict is Verdict.ALREADY_RISING


@needs_ladder
def test_order_2_items_leave_chance_where_order_1_is_exhausted():
    # An exact order-1 predictor sits at H1 = 3.2775 nats; networks leave chance a little above it.
    found = ladder("ng2", "multiple_choice_accuracy")
    assert found.verdict is Verdict.EMERGED
    low, high = interval(found)
    assert low > 3.15
    assert high < 3.40


@needs_ladder
def test_nothing_is_claimed_for_parity():
    for metric in ("multiple_choice_accuracy", "exact_match"):
        found = ladder("parity", metric)
        assert found.verdict is Verdict.NOT_IDENTIFIED
        assert found.p_emerged < 0.02
