"""The law with an outer exponent contains the laws it generalises."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.laws import Reference
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.laws.skaling import SkalingLaw

N, D = np.geomspace(1e7, 1e11, 5), np.geomspace(1e9, 1e13, 5)
REFERENCE = Reference(n=1e9, d=2e10, loss=3.0)


def test_outer_exponent_one_is_chinchilla() -> None:
    # Besiroglu et al. 2024, table 1.
    coefficients = {"l_inf": 1.8172, "a": 482.01, "alpha": 0.3478, "b": 2085.43, "beta": 0.3658}
    ours, theirs = SkalingLaw(**coefficients, k=1.0), ChinchillaLaw(**coefficients)
    assert ours.loss(N, D) == pytest.approx(theirs.loss(N, D), rel=1e-14)
    assert ours.compute_at(2.2) == pytest.approx(theirs.compute_at(2.2), rel=1e-12)


def test_without_floor_it_is_kaplans_joint_law() -> None:
    # Kaplan et al. 2020, eq. 1.5 and table 2: alpha_N .076, alpha_D .103, N_c 6.4e13, D_c 1.8e13.
    alpha_n, alpha_d, n_c, d_c = 0.076, 0.103, 6.4e13, 1.8e13
    ours = SkalingLaw(l_inf=1e-300, a=n_c ** (alpha_n / alpha_d), alpha=alpha_n / alpha_d, b=d_c, beta=1.0, k=alpha_d)
    assert ours.loss(N, D) == pytest.approx(((n_c / N) ** (alpha_n / alpha_d) + d_c / D) ** alpha_d, rel=1e-12)


def test_exponents_at_the_reference_are_the_effective_ones() -> None:
    law = SkalingLaw.from_reference(
        {"level": 0.0, "floor_share": 0.3, "size_share": 0.5, "exponent": 0.3, "exponent_ratio": 1.2, "k": 0.5},
        REFERENCE,
    )
    far = 1e30  # of the other variable: nothing is left but one term
    reducible = np.log(law.loss(np.asarray([1e9, 1e10]), far) - law.l_inf)
    assert (reducible[0] - reducible[1]) / np.log(10.0) == pytest.approx(0.3 / np.sqrt(1.2), rel=1e-6)
    assert law.beta / (law.alpha + law.beta) == pytest.approx(1.2 / 2.2)
