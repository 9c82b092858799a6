"""Published values and traps of Kaplan's laws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling.errors import Unanswerable
from scaling.laws.kaplan import KaplanLaw
from scaling.laws.kaplan_compute import KaplanComputeLaw
from scaling.laws.kaplan_size import KaplanSizeLaw
from scaling.laws.kaplan_tokens import KaplanTokensLaw

PF_DAY = 1e15 * 86400  # FLOPs
# Kaplan et al. 2020, table 2 (joint) and equations 1.1 and 1.2.
JOINT = KaplanLaw(n_c=6.4e13, alpha_n=0.076, d_c=1.8e13, alpha_d=0.103)
SIZE = KaplanSizeLaw(n_c=8.8e13, alpha=0.076)
TOKENS = KaplanTokensLaw(d_c=5.4e13, alpha=0.095)


def test_each_law_is_one_nat_at_its_scale():
    assert SIZE.loss(8.8e13) == pytest.approx(1.0)
    assert TOKENS.loss(d=5.4e13) == pytest.approx(1.0)
    assert JOINT.loss(6.4e13, math.inf) == pytest.approx(1.0)
    assert JOINT.loss(math.inf, 1.8e13) == pytest.approx(1.0)


def test_the_laws_by_hand_at_the_largest_runs():
    # (8.8e13 / 1.5e9)^.076 = e^(.076 ln 58667) and (5.4e13 / 23e9)^.095 = e^(.095 ln 2347.8).
    assert SIZE.loss(1.5e9) == pytest.approx(math.exp(0.076 * math.log(58666.667)), rel=1e-6)
    assert TOKENS.loss(d=23e9) == pytest.approx(math.exp(0.095 * math.log(2347.826)), rel=1e-6)


@pytest.mark.parametrize("n", [1e7, 1e9, 1e11])
def test_tokens_that_keep_overfitting_below_two_percent(n):
    # Eq. 4.4: D >= 5e3 N^.74 keeps the excess over L(N, inf) near 2 %.
    excess = JOINT.loss(n, 5e3 * n**0.74) / JOINT.loss(n, math.inf) - 1.0
    assert excess == pytest.approx(0.02, abs=0.006)


def test_the_exponent_of_tokens_needed_is_that_of_the_joint_constants():
    needed = JOINT.tokens_at(1.02 * JOINT.loss(np.asarray([1e8, 1e10]), math.inf), np.asarray([1e8, 1e10]))
    assert np.log(needed[1] / needed[0]) / np.log(100) == pytest.approx(0.076 / 0.103, abs=1e-9)
    # The constants of L(N) and L(D) alone, put into the joint law, give .80: three sets must not be mixed.
    mixed = KaplanLaw(n_c=8.8e13, alpha_n=0.076, d_c=5.4e13, alpha_d=0.095)
    needed = mixed.tokens_at(1.02 * mixed.loss(np.asarray([1e8, 1e10]), math.inf), np.asarray([1e8, 1e10]))
    assert np.log(needed[1] / needed[0]) / np.log(100) == pytest.approx(0.80, abs=1e-9)


def test_the_optimum_grows_as_its_closed_form_says():
    (small, _), (large, _) = JOINT.optimum(1e20), JOINT.optimum(1e22)
    assert np.log(large / small) / np.log(100) == pytest.approx(1 / (1 + 0.076 / 0.103), rel=1e-12)


def test_compute_in_petaflop_days():
    # Eq. 1.3: L(C_min) = (3.1e8 PF-days / C_min)^.050, so that 1e-2 PF-days give e^(.050 ln 3.1e10) = 3.35 nats.
    law = KaplanComputeLaw(c_c=3.1e8 * PF_DAY, alpha=0.050)
    n = 1e8
    assert law.loss(n, 1e-2 * PF_DAY / (6 * n)) == pytest.approx(math.exp(0.050 * math.log(3.1e10)), rel=1e-9)
    assert law.compute_at(3.0) == pytest.approx(3.1e8 * PF_DAY * 3.0 ** (-1 / 0.050))
    with pytest.raises(Unanswerable, match="compute-optimal"):
        law.optimum(1e22)
