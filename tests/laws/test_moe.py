"""Published values of the two laws for mixtures of experts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling.errors import Unanswerable
from scaling.laws.moe_experts import ExpertsLaw
from scaling.laws.moe_granularity import GranularityLaw

# Clark et al. 2022, table 3; decimal logarithms.
S_BASE = ExpertsLaw(a=-0.082, b=-0.108, c=0.009, d=1.104, e_start=1.847, e_max=314.478)
RL_R = ExpertsLaw(a=-0.083, b=-0.126, c=0.012, d=1.111, e_start=1.880, e_max=469.982)
HASH = ExpertsLaw(a=-0.087, b=-0.136, c=0.012, d=1.157, e_start=4.175, e_max=477.741)
# Krajewski et al. 2024, table 1.
KRAJEWSKI_2024 = GranularityLaw(l_inf=0.47, a=18.1, alpha=0.115, b=30.8, beta=0.147, g=2.1, gamma=0.58)


def test_logarithms_are_decimal():
    # At one effective expert: 10^(-.082 log10(1.3e9) + 1.104) = 2.27 nats; natural logarithms would give 0.55.
    n = 1.3e9
    dense = 10 ** (-0.082 * math.log10(n) + 1.104)
    assert dense == pytest.approx(2.27, abs=0.005)
    effective = np.log10(S_BASE.effective_experts(1.0))
    expected = dense * 10 ** (effective * (-0.108 + 0.009 * math.log10(n)))
    assert S_BASE.loss(n, experts=1.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("law", [S_BASE, RL_R, HASH])
def test_effective_experts_run_from_start_to_limit(law):
    assert law.effective_experts(1.0) == pytest.approx(law.e_start, rel=1e-12)
    assert law.effective_experts(1e12) == pytest.approx(law.e_max, rel=1e-6)


@pytest.mark.parametrize(("law", "cutoff"), [(S_BASE, 937e9), (RL_R, 85e9), (HASH, 83e9)])
def test_routing_stops_helping_near_the_published_size(law, cutoff):
    # N_cutoff = 10^(-b / c); three digits of c leave a factor of 3 (published from unrounded coefficients).
    n = 10 ** (-law.b / law.c)
    assert np.log(n / cutoff) == pytest.approx(0.0, abs=np.log(3.0))
    losses = law.loss(np.asarray([[0.1 * n], [10 * n]]), experts=np.asarray([1.0, 64.0]))
    assert losses[0, 1] < losses[0, 0]
    assert losses[1, 1] > losses[1, 0]


def test_five_million_parameters_with_128_experts_do_as_well_as_55_million_dense():
    # The source's example of an effective parameter count, S-BASE; rounded coefficients.
    dense = S_BASE.size_at(S_BASE.loss(5e6, experts=128.0), experts=1.0)
    assert dense == pytest.approx(55e6, rel=0.25)


def test_experts_have_no_compute_optimum():
    with pytest.raises(Unanswerable, match="compute-optimal"):
        S_BASE.optimum(1e22)


def test_granularity_by_hand():
    # N = 1e9, D = 1e11, G = 8: .47 + (2.1 / 8^.58 + 18.1) / 1e9^.115 + 30.8 / 1e11^.147.
    expected = 0.47 + (2.1 / 8**0.58 + 18.1) / 1e9**0.115 + 30.8 / 1e11**0.147
    assert KRAJEWSKI_2024.loss(1e9, 1e11, granularity=8.0) == pytest.approx(expected, rel=1e-12)


def test_more_granularity_calls_for_less_size():
    coarse, fine = (KRAJEWSKI_2024.optimum(1e20, granularity=g)[0] for g in (1.0, 16.0))
    assert fine < coarse
    assert KRAJEWSKI_2024.compute_at(2.9, granularity=16.0) < KRAJEWSKI_2024.compute_at(2.9, granularity=1.0)
