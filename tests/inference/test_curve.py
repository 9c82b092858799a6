"""Posterior of one learning curve: recovery, what the drift is for, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.inference.curve import CurveSettings, fit_curve
from scaling.inference.curve_average import fit_curve_laws, rolling_bands
from scaling.laws import law_class
from scaling.laws.m4_tokens import TokensM4Law
from scaling.laws.power_tokens import TokensPowerLaw

PLATEAU = TokensM4Law(l_inf=0.25, l_0=0.99, alpha=0.7, beta=2e5, c=-0.65)
POWER = TokensPowerLaw(l_inf=0.3, d_0=2e6, alpha=0.4)


def simulated(law, *, rows=50, first=8e6, noise=0.004, seed=0):
    count = np.geomspace(first, 1e9, rows)
    rng = np.random.default_rng(seed)
    return count, law.loss(d=count) * np.exp(noise * rng.standard_t(4, size=rows))


def interval(posterior, count):
    """90 % interval of the trend of ln L at `count`: drift included, noise of a new row not."""
    rng = np.random.default_rng(0)
    quiet = replace(posterior, noise=0 * posterior.noise)
    place = np.asarray([count])
    draws = quiet.location(place) + quiet.scale(place) * rng.standard_normal((posterior.draw_count, 1))
    return np.quantile(draws, [0.05, 0.95])


def test_a_curve_of_the_law_is_recovered():
    count, loss = simulated(PLATEAU)
    fitted = fit_curve(count, loss, law_class("m4_tokens"))
    assert fitted.effective_size >= 100
    assert np.median(fitted.posterior.noise) == pytest.approx(0.004, rel=0.5)
    low, high = interval(fitted.posterior, 2e9)
    assert low < PLATEAU.log_loss(d=2e9) < high
    assert high - low < 0.08


@pytest.mark.slow
def test_the_drift_holds_where_the_form_is_wrong_and_the_law_alone_does_not():
    # A power law has no plateau: what it misses early bends its tail, unless late rows may speak for themselves.
    count, loss = simulated(PLATEAU, first=2e7, noise=0.002)
    truth = PLATEAU.log_loss(d=2e9)
    low, high = interval(fit_curve(count, loss, law_class("power_tokens")).posterior, 2e9)
    assert low < truth < high
    plain = fit_curve(count, loss, law_class("power_tokens"), settings=CurveSettings(drifts=False)).posterior
    low, high = interval(plain, 2e9)
    assert not low < truth < high


def test_a_spoilt_row_hardly_moves_the_forecast():
    count, loss = simulated(POWER)
    spoilt = loss.copy()
    spoilt[-6] *= 1.3
    middle = [
        np.median(fit_curve(count, each, law_class("power_tokens")).posterior.location(np.asarray([2e9])))
        for each in (loss, spoilt)
    ]
    assert middle[1] == pytest.approx(middle[0], abs=0.01)


def test_the_same_seed_gives_the_same_draws():
    count, loss = simulated(POWER, rows=20)
    first, second = (fit_curve(count, loss, law_class("power_tokens")).posterior for _ in range(2))
    assert np.array_equal(first.level, second.level)


def test_rows_may_come_in_any_order():
    count, loss = simulated(POWER, rows=20)
    turned = fit_curve(count[::-1], loss[::-1], law_class("power_tokens")).posterior
    assert np.array_equal(turned.level, fit_curve(count, loss, law_class("power_tokens")).posterior.level)


def test_each_origin_is_scored_on_the_horizon_after_it():
    count = np.geomspace(1e6, 1e9, 60)
    bands = rolling_bands(count, horizon=0.7)
    assert len(bands) == 3
    for seen, held_out in bands:
        assert count[seen].max() < count[held_out].min()
        assert np.log(count[held_out].max() / count[seen].max()) < 0.7 + np.log(count[1] / count[0])
    assert rolling_bands(np.geomspace(1e6, 1e7, 6), horizon=0.7) == []


@pytest.mark.slow
def test_a_law_without_a_plateau_loses_weight_on_a_curve_with_one():
    count, loss = simulated(PLATEAU, rows=60, noise=0.002)
    assert fit_curve_laws(count, loss, laws=("power_tokens", "m4_tokens")).mixture.weights["m4_tokens"] > 0.55
    # The negative control: on a power law's own curve the richer form is not preferred.
    count, loss = simulated(POWER, rows=60, noise=0.002)
    assert fit_curve_laws(count, loss, laws=("power_tokens", "m4_tokens")).mixture.weights["m4_tokens"] < 0.55


def test_a_law_with_too_many_coefficients_is_left_out_and_said_so():
    count, loss = simulated(POWER, rows=5)
    fitted = fit_curve_laws(count, loss)
    assert set(fitted.mixture.weights) == {"power_tokens"}
    assert [finding.message.split(":")[0] for finding in fitted.findings] == ["m4_tokens", "broken_tokens"]
    with pytest.raises(NotEnoughRuns):
        fit_curve_laws(count[:3], loss[:3])


def test_faulty_rows_are_named():
    with pytest.raises(InvalidInput, match="finite") as caught:
        fit_curve(np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, np.nan, -1.0]), law_class("power_tokens"))
    assert [violation.field for violation in caught.value.violations] == ["row 2", "row 3"]
    with pytest.raises(InvalidInput, match="law in tokens"):
        fit_curve(np.asarray([1.0, 2.0]), np.asarray([1.0, 1.0]), law_class("chinchilla"))
