"""The split of a budget against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.compute import training_flops
from scaling.errors import InvalidInput, Unanswerable
from scaling.laws import law_class
from scaling.plan import plan_budget
from scaling.posterior import Fit, FormError, Hull, LossPosterior
from scaling.units import SizeConvention


def test_besiroglu_at_chinchillas_budget(published_fit):
    # Besiroglu et al. 2024: about 18 tokens per parameter at 5.76e23 FLOPs (closed form: 18.4).
    plan = plan_budget(published_fit, 5.76e23)
    assert plan.tokens / plan.size == pytest.approx([18.4] * 3, rel=0.01)
    assert plan.size[1] * plan.tokens[1] * 6 == pytest.approx(5.76e23, rel=1e-9)


def test_recommendation_spends_the_budget_and_is_as_good_as_brute_force(known_fit):
    run = plan_budget(known_fit, 1e22).run
    assert training_flops(run.size, run.tokens) == pytest.approx(1e22, rel=1e-12)
    sizes = np.geomspace(run.size / 30, run.size * 30, 2001)
    expected = np.log(known_fit.loss.trend(sizes, 1e22 / 6 / sizes)).mean(axis=0)
    ours = np.log(known_fit.loss.trend(run.size, run.tokens)).mean()
    assert ours - expected.min() < 1e-5  # two digits of size cost a millionth of the loss


def test_flat_range_is_wide_and_ends_where_half_a_percent_is_lost(published_fit):
    plan = plan_budget(published_fit, 1e22)
    low, high = plan.run.flat_sizes
    assert high / low > 3  # the optimum is flat: that is why it is shown
    law = published_fit.loss.law
    best = float(law.loss(*law.optimum(1e22))[0])
    grid_step = np.exp(8 / 200)
    for edge, beyond in ((low, low / grid_step), (high, high * grid_step)):
        assert float(law.loss(edge, 1e22 / 6 / edge)[0]) <= best * 1.00502
        assert float(law.loss(beyond, 1e22 / 6 / beyond)[0]) > best * 1.00498


def test_sizes_are_rounded_to_shapes_where_the_convention_allows(known_fit, make_fit):
    shaped = plan_budget(make_fit(convention=SizeConvention.NON_EMBEDDING), 1e22).run
    assert shaped.shape is not None
    assert shaped.size == shaped.shape.nonembedding_size
    plain = plan_budget(known_fit, 1e22).run
    assert plain.shape is None
    assert plain.size == float(f"{plain.size:.1e}")


def test_forecast_at_the_recommendation_says_how_far_it_reaches(known_fit):
    near, far = (plan_budget(known_fit, budget).run.forecast for budget in (1e21, 1e26))
    assert near.distance[0] == 0.0
    assert far.beyond_calibrated[0]
    assert far.trend_quantiles[0, 0] < far.trend_quantiles[1, 0] < far.trend_quantiles[2, 0]


def test_a_law_in_one_variable_has_no_optimum():
    one = np.ones(1)
    loss = LossPosterior(
        law=law_class("power")(l_inf=one, n_0=1e8 * one, alpha=0.3 * one),
        noise_scale=one,
        run_scale=0 * one,
        form_error=FormError.none(1),
        hull=Hull.of(np.array([1e8]), np.array([1e9]), variables=("n",)),
        size_convention=SizeConvention.TOTAL,
        validation_set="c4",
    )
    with pytest.raises(Unanswerable, match="no compute-optimal split"):
        plan_budget(Fit(name="power", loss=loss), 1e22)


@pytest.mark.parametrize("flops", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_budgets_are_refused(known_fit, flops):
    with pytest.raises(InvalidInput, match="flops"):
        plan_budget(known_fit, flops)
