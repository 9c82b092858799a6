"""Closed forms of the over-training law."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.laws.tied import TiedLaw

# Gadre et al. 2024, C4: a' 113.7, b' 189.5 in L = E + a' N^-alpha + b' 6^(-alpha/2) (M N)^-alpha.
GADRE_C4 = TiedLaw(l_inf=1.508, a=113.7, b=189.5 * 6 ** (-0.2425 / 2), alpha=0.2425)


@given(st.floats(1e7, 1e11), st.floats(5.0, 640.0))
def test_the_form_in_compute_and_multiplier_is_the_same_law(n, multiplier):
    c = 6 * n * multiplier * n
    assert GADRE_C4.over_trained_loss(c, multiplier) == pytest.approx(GADRE_C4.loss(n, multiplier * n), rel=1e-12)
    # Equation 4 with a = 6^eta A and b = 6^eta B.
    eta = 0.2425 / 2
    a, b = 6**eta * 113.7, 189.5
    by_hand = 1.508 + (a * multiplier**eta + b * multiplier**-eta) * c**-eta
    assert GADRE_C4.over_trained_loss(c, multiplier) == pytest.approx(by_hand, rel=1e-12)


def test_over_training_shifts_the_line_in_parallel():
    c = np.geomspace(1e18, 1e24, 7)
    reducible = [np.log(GADRE_C4.over_trained_loss(c, m) - 1.508) for m in (20.0, 320.0)]
    assert np.ptp(reducible[1] - reducible[0]) == pytest.approx(0.0, abs=1e-9)
    assert (reducible[1] > reducible[0]).all()


def test_the_best_multiplier_is_the_same_at_every_budget():
    for c in (1e18, 1e21, 1e24):
        n, d = GADRE_C4.optimum(c)
        assert d / n == pytest.approx((GADRE_C4.b / GADRE_C4.a) ** (1 / 0.2425), rel=1e-10)


def test_size_at_a_ratio_in_closed_form():
    size = GADRE_C4.size_at_ratio(2.6, 160.0)
    assert GADRE_C4.loss(size, 160.0 * size) == pytest.approx(2.6, rel=1e-12)


def test_the_constants_meet_the_five_runs_they_were_fitted_to(measured_runs):
    rows = pd.read_csv(measured_runs / "evals/openlm/losses_tidy.csv")
    rows = rows[rows.val_set.str.contains("c4_val") & (rows.dataset == "c4_original")]
    small = rows[(rows.params < 5e8) & (rows.chinchilla_multiplier == 1)]
    over_trained = rows[(rows.params < 2e7) & (rows.chinchilla_multiplier == 16)]
    five = pd.concat([small, over_trained])
    assert len(five) == 5
    expected = GADRE_C4.loss(five.params.to_numpy(float), five.tokens.to_numpy(float))
    assert np.abs(np.log(five.loss / expected)).max() < 0.0045
