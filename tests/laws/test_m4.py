"""Limits and inverse of the laws M4."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.laws.m4 import SizeM4Law
from scaling.laws.m4_compute import ComputeM4Law
from scaling.laws.m4_tokens import TokensM4Law
from scaling.laws.power_tokens import TokensPowerLaw

LAW = TokensM4Law(l_inf=0.2, l_0=0.99, alpha=0.6, beta=2e4, c=-0.6)


@given(st.floats(0.01, 20.0), st.floats(-1.5, -0.05), st.floats(0.05, 0.9), st.floats(1e3, 1e14))
def test_the_loss_solves_its_equation(alpha, c, l_inf, d):
    # Alabdulmohsin et al. 2022, M4, beta placed so that half of the way down is passed at 1e8 tokens.
    half = 0.5 * (1.0 - l_inf)
    law = TokensM4Law(l_inf=l_inf, l_0=1.0, alpha=alpha, beta=half ** (1 - alpha) * 1e8**-c, c=c)
    loss = law.loss(d=d)
    # The law works in p, the share of the fall that remains: 1 - p is not rounded where the loss is near its start.
    left, gained = np.log(loss - l_inf), np.log(1.0 - loss) if loss < 1.0 else -np.inf
    if left > -14 and gained > -14:  # elsewhere the difference of two losses has no digits left to compare
        assert left - alpha * gained == pytest.approx(np.log(law.beta) + c * np.log(d), abs=1e-7 * (1 + alpha))
    assert l_inf <= loss <= 1.0


@given(st.floats(0.1, 0.9), st.floats(0.1, 1.0), st.floats(1e6, 1e12))
def test_without_the_plateau_it_is_the_power_law_with_a_floor(l_inf, exponent, d):
    # alpha = 0 is M2; 1e-6 is as near as one law gets, where the loss has left its start by far.
    power = TokensPowerLaw(l_inf=l_inf, d_0=1e3, alpha=exponent)
    law = TokensM4Law(l_inf=l_inf, l_0=l_inf + 1.0, alpha=1e-6, beta=1e3**exponent, c=-exponent)
    assert law.loss(d=d) == pytest.approx(power.loss(d=d), rel=1e-5)


def test_the_curve_starts_at_the_loss_of_guessing_and_ends_at_its_floor():
    assert LAW.loss(d=1.0) == pytest.approx(0.99, abs=1e-6)
    assert LAW.loss(d=1e40) == pytest.approx(0.2, rel=1e-9)
    assert LAW.tokens_at(0.99) == 0.0
    assert np.isinf(LAW.tokens_at(0.2))


def test_alpha_one_is_logistic_in_log_tokens():
    law = TokensM4Law(l_inf=0.2, l_0=1.0, alpha=1.0, beta=1e4, c=-0.5)
    assert law.loss(d=1e8) == pytest.approx(0.6, rel=1e-12)  # beta d^c = 1: half of the way
    assert law.loss(d=1e10) == pytest.approx(0.2 + 0.8 * 0.1 / 1.1, rel=1e-12)


def test_the_three_variables_are_one_form():
    fields = {"l_inf": 0.2, "l_0": 0.99, "alpha": 0.6, "beta": 2e4, "c": -0.6}
    assert SizeM4Law(**fields).loss(1e8) == LAW.loss(d=1e8)
    assert ComputeM4Law(**fields).loss(1e3, 1e5 / 6) == pytest.approx(LAW.loss(d=1e8), rel=1e-12)
    assert ComputeM4Law(**fields).compute_at(0.5) == LAW.tokens_at(0.5)


def test_gradients_are_those_of_the_implicit_function():
    # dL/d ln x = c / (1 / (L - L_inf) + alpha / (L_0 - L)), from the equation itself.
    with jax.enable_x64(True):
        slope = jax.grad(
            lambda log_d: TokensM4Law(l_inf=0.2, l_0=0.99, alpha=0.6, beta=2e4, c=-0.6).loss(d=jnp.exp(log_d))
        )
        for log_d in (5.0, 15.0, 20.0, 30.0):
            loss = LAW.loss(d=np.exp(log_d))
            expected = -0.6 / (1 / (loss - 0.2) + 0.6 / (0.99 - loss))
            assert float(slope(log_d)) == pytest.approx(expected, rel=1e-7)
