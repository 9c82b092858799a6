"""The least compute for a target, against the closed form and against simulation of the decision."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.emergence import FixedRatio, FixedTokens
from scaling.errors import InvalidInput, NotFound, Unanswerable
from scaling.plan import plan_loss, plan_task


def test_a_sharp_posterior_gives_the_closed_form(make_fit):
    # L*(C) = E + K (C / 6)^-g inverted (Besiroglu's coefficients).
    fit = make_fit(spread=1e-9, discrepancy=0.0)
    exact = float(fit.loss.law.compute_at(2.1)[0])
    assert plan_loss(fit, 2.1).flops == pytest.approx([exact] * 3, rel=2e-3)  # the last refinement step


def test_more_probability_costs_more_and_the_run_keeps_it(known_fit):
    plans = [plan_loss(known_fit, 2.0, probability=wanted) for wanted in (0.5, 0.8, 0.95)]
    assert plans[0].run.flops < plans[1].run.flops < plans[2].run.flops
    for plan, wanted in zip(plans, (0.5, 0.8, 0.95), strict=True):
        trend = known_fit.loss.trend(np.array([plan.run.size]), np.array([plan.run.tokens]))
        # One draw of 400 is .0025; rounding the size to two digits moves fewer than a few draws across the target.
        assert np.mean(trend <= 2.0) == pytest.approx(wanted, abs=0.01)


def test_a_loss_below_the_floor_is_never_reached(known_fit):
    plan = plan_loss(known_fit, 1.5)
    assert plan.run is None
    assert plan.never_probability == 1.0
    assert np.isinf(plan.flops).all()
    assert "No budget up to" in plan.statement


def test_fixed_ratio_and_fixed_tokens_cost_more_than_the_optimum(known_fit):
    optimal = plan_loss(known_fit, 2.1).run
    ratio = plan_loss(known_fit, 2.1, path=FixedRatio(200.0)).run
    tokens = plan_loss(known_fit, 2.1, path=FixedTokens(1.4e12)).run
    assert optimal.flops < ratio.flops
    assert optimal.flops < tokens.flops
    assert ratio.tokens / ratio.size == pytest.approx(200, rel=0.1)  # the size is rounded
    assert tokens.tokens == 1.4e12
    assert ratio.flat_sizes is None


def test_a_published_point_has_no_probability(published_fit):
    with pytest.raises(Unanswerable, match=r"no posterior|point estimate"):
        plan_loss(published_fit, 2.1)


@pytest.mark.parametrize("probability", [0.0, 1.0, 80.0, float("nan")])
def test_a_probability_in_percent_is_refused(known_fit, probability):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        plan_loss(known_fit, 2.1, probability=probability)


def test_an_unknown_task_is_named(known_fit):
    with pytest.raises(NotFound, match="juggling"):
        plan_task(known_fit, "juggling")
