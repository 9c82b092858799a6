"""Limits of the broken laws, and the worked example of their source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.special import expit, logit

from scaling.laws import Reference
from scaling.laws.broken_tokens import TokensBrokenLaw
from scaling.laws.broken_twice_tokens import TokensBrokenTwiceLaw
from scaling.laws.power_tokens import TokensPowerLaw

# Caballero et al. 2022, figure 4 (four-digit addition): coefficients that their released code simulates from.
ADDITION = TokensBrokenLaw(
    l_inf=0.41388453071629455,
    b=2.2772722897737556,
    c_0=0.055077348404973955,
    c_1=5.662903816010331,
    d_1=612.5836172918001,
    f_1=0.059193036393742314,
)


def as_printed(law, x):
    """Eq. 1 of the source as it stands, without logarithms."""
    return law.l_inf + law.b * x**-law.c_0 * (1 + (x / law.d_1) ** (1 / law.f_1)) ** (-law.c_1 * law.f_1)


def test_the_log_form_is_the_printed_one():
    x = np.asarray([10.0, 160.0, 448.0, 576.0, 612.58, 640.0, 928.0, 2000.0])
    assert ADDITION.loss(d=x) == pytest.approx(as_printed(ADDITION, x), rel=1e-12)


def test_the_printed_form_overflows_where_the_log_form_does_not():
    kink = TokensBrokenLaw(l_inf=0.4, b=2.0, c_0=0.05, c_1=0.3, d_1=1e3, f_1=0.005)
    with np.errstate(over="ignore"):
        assert as_printed(kink, np.asarray(1e9)) == pytest.approx(0.4)
    assert kink.loss(d=1e9) == pytest.approx(0.4 + 2.0 * 1e9**-0.05 * 1e6**-0.3, rel=1e-12)


@given(st.floats(0.1, 2.0), st.floats(0.05, 1.0), st.floats(1e2, 1e12))
def test_without_a_change_of_exponent_it_is_the_power_law(l_inf, exponent, d):
    power = TokensPowerLaw(l_inf=l_inf, d_0=1e4, alpha=exponent)
    once = TokensBrokenLaw(l_inf=l_inf, b=1e4**exponent, c_0=exponent, c_1=0.0, d_1=1e7, f_1=0.5)
    twice = TokensBrokenTwiceLaw(
        l_inf=l_inf, b=1e4**exponent, c_0=exponent, c_1=0.0, d_1=1e7, f_1=0.5, c_2=0.0, d_2=1e9, f_2=0.1
    )
    assert once.loss(d=d) == pytest.approx(power.loss(d=d), rel=1e-12)
    assert twice.loss(d=d) == pytest.approx(power.loss(d=d), rel=1e-12)


def test_each_segment_falls_with_the_sum_of_the_exponents_before_it():
    law = TokensBrokenTwiceLaw(l_inf=1e-9, b=10.0, c_0=0.1, c_1=0.4, d_1=1e5, f_1=0.2, c_2=-0.3, d_2=1e10, f_2=0.2)
    slopes = [np.diff(np.log(law.loss(d=np.asarray([d, 1.01 * d]))))[0] / np.log(1.01) for d in (1e2, 1e8, 1e13)]
    assert slopes == pytest.approx([-0.1, -0.5, -0.2], abs=1e-3)


def test_the_simulation_of_the_source_is_recovered_from_before_most_of_its_fall():
    # Figure 4, right: noiseless values at 1 ... 404 examples, all before the break at 613, extrapolated to 4,095.
    reference = Reference(n=1.0, d=100.0, loss=2.2)
    seen, beyond = np.arange(1.0, 405.0), np.arange(405.0, 4096.0)
    target = ADDITION.log_loss(d=seen)
    shares = ("floor_share", "width_share_1")
    start = {
        "level": 0.0,
        "floor_share": 0.3,
        "exponent_0": 0.1,
        "exponent_1": 3.0,
        "break_1": 1.5,
        "width_share_1": 0.3,
    }

    def law_at(position):
        raw = dict(zip(start, position, strict=True))
        for name in ("exponent_0", "exponent_1"):
            raw[name] = np.exp(raw[name])
        for name in shares:
            raw[name] = expit(raw[name])
        return TokensBrokenLaw.from_reference(raw, reference)

    def residuals(position):
        return 1e6 * (law_at(position).log_loss(d=seen) - target)

    first = [logit(v) if k in shares else np.log(v) if k.startswith("exponent") else v for k, v in start.items()]
    end = least_squares(
        residuals, first, method="lm", x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=20000
    )
    found = law_at(end.x)
    assert found.d_1 == pytest.approx(ADDITION.d_1, rel=0.02)
    assert found.log_loss(d=beyond) == pytest.approx(ADDITION.log_loss(d=beyond), abs=0.02)
