"""Closed forms of the power laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.laws.power import PowerLaw
from scaling.laws.power_compute import ComputePowerLaw
from scaling.laws.power_tokens import TokensPowerLaw


@given(st.floats(1.0, 3.0), st.floats(1e5, 1e9), st.floats(0.05, 0.9), st.floats(0.01, 2.0))
def test_size_at_emergence_in_closed_form(l_inf, n_0, alpha, above):
    # Du et al. 2024: N* = N_0 (eta - L_inf)^(-1/alpha).
    law = PowerLaw(l_inf=l_inf, n_0=n_0, alpha=alpha)
    assert law.size_at(l_inf + above) == pytest.approx(n_0 * (l_inf + above - l_inf) ** (-1 / alpha), rel=1e-9)


def test_reducible_loss_is_one_nat_at_the_scale():
    assert PowerLaw(l_inf=1.7, n_0=1e7, alpha=0.3).loss(1e7) == pytest.approx(2.7)
    assert TokensPowerLaw(l_inf=1.7, d_0=1e9, alpha=0.3).loss(d=1e9) == pytest.approx(2.7)
    assert ComputePowerLaw(l_inf=1.7, c_0=6e16, alpha=0.15).loss(1e7, 1e9) == pytest.approx(2.7)


def test_large_counts_do_not_overflow():
    assert PowerLaw(l_inf=1.7, n_0=1e12, alpha=0.9).loss(1e300) == pytest.approx(1.7)


def test_compute_law_trades_size_for_tokens():
    law = ComputePowerLaw(l_inf=1.7, c_0=6e16, alpha=0.15)
    assert law.loss(1e8, 1e10) == pytest.approx(law.loss(1e9, 1e9))
    assert law.size_at(2.2, d=1e10) == pytest.approx(law.compute_at(2.2) / 6e10)


def test_gradient_where_nothing_is_reached_is_finite():
    import jax

    gradient = jax.grad(
        lambda eta: jax.numpy.where(eta > 1.7, PowerLaw(l_inf=1.7, n_0=1e7, alpha=0.3).size_at(eta), 0.0)
    )
    assert np.isfinite(gradient(1.5))
