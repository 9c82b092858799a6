"""The least compute for a task to emerge: consistent with the forecast, and silent where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.emergence import ComputeOptimal, FixedRatio
from scaling.plan import plan_task
from scaling.posterior import Fit
from scaling.predict.score import forecast_score
from tests.posterior.test_score import posterior as score_posterior
from tests.test_emergence import posterior as loss_posterior


def a_fit(**settings) -> Fit:
    return Fit(name="a-fit", loss=loss_posterior(), scores={"copy": score_posterior(**settings)})


@pytest.mark.parametrize("path", [FixedRatio(20.0), ComputeOptimal()])
def test_the_run_has_the_probability_asked_for(path):
    fit = a_fit(threshold=999, flat=1, p_emerged=0.97, eta=2.3)
    plan = plan_task(fit, "copy", probability=0.8, path=path)
    there = forecast_score(fit, "copy", plan.run.size, plan.run.tokens)
    # A thousand draws; rounding the size to two digits moves a few of them across the onset.
    assert there.p_emerged[0] == pytest.approx(0.8, abs=0.05)
    assert plan.probability == pytest.approx(there.p_emerged[0], abs=0.01)
    assert plan.flops[0] < plan.flops[1] < plan.flops[2]


def test_no_budget_is_named_for_a_task_that_has_not_shown_its_onset():
    plan = plan_task(a_fit(threshold=30, flat=970, p_emerged=0.02, eta=2.3), "copy")
    assert plan.run is None
    assert np.isinf(plan.flops[1:]).all()
    assert plan.never_probability == pytest.approx(0.97, abs=0.005)
    assert "not identified yet" in plan.statement


def test_a_task_whose_onset_is_below_the_floor_never_emerges():
    plan = plan_task(a_fit(threshold=999, flat=1, p_emerged=0.97, eta=1.2), "copy")
    assert plan.run is None
    assert "No budget up to" in plan.statement
