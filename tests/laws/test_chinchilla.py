"""Published values and closed forms of Chinchilla's law."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling.laws.chinchilla import ChinchillaLaw

# Hoffmann et al. 2022, approach 3, unrounded: a, b, e, alpha and beta of the paper's source.
HOFFMANN_2022 = ChinchillaLaw(
    l_inf=math.exp(0.5267228), a=math.exp(6.0073404), alpha=0.33917084, b=math.exp(6.0179186), beta=0.2849083
)
BESIROGLU_2024 = ChinchillaLaw(l_inf=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)


def test_hoffmann_2022_fit_at_chinchilla_70b():
    # E + A/N^alpha + B/D^beta by hand from the unrounded coefficients of approach 3 (rounded ones give 1.93665).
    assert HOFFMANN_2022.loss(n=70e9, d=1.4e12) == pytest.approx(1.92085, abs=1e-5)


@pytest.mark.parametrize(
    ("law", "budget", "tokens_per_parameter"),
    [
        (HOFFMANN_2022, 1e22, 41.4),
        (HOFFMANN_2022, 5.76e23, 58.9),
        (BESIROGLU_2024, 1e18, 25.7),
        (BESIROGLU_2024, 5.76e23, 18.4),
        (BESIROGLU_2024, 1e26, 16.1),
    ],
)
def test_compute_optimal_ratio_of_published_fits(law, budget, tokens_per_parameter):
    n, d = law.optimum(budget)
    assert 6 * n * d == pytest.approx(budget, rel=1e-12)
    assert d / n == pytest.approx(tokens_per_parameter, rel=0.01)


def test_the_optimum_is_the_lowest_loss_of_its_budget():
    n, _ = BESIROGLU_2024.optimum(1e22)
    around = n * np.exp(np.linspace(-2, 2, 401))
    losses = BESIROGLU_2024.loss(around, 1e22 / (6 * around))
    assert around[np.argmin(losses)] == pytest.approx(n, rel=0.011)
    assert losses.min() >= BESIROGLU_2024.loss(*BESIROGLU_2024.optimum(1e22)) - 1e-12


def test_terms_balance_at_the_optimum():
    law = HOFFMANN_2022
    n, d = law.optimum(3e21)
    assert law.alpha * law.a * n**-law.alpha == pytest.approx(law.beta * law.b * d**-law.beta, rel=1e-10)


# Least compute to a target loss from the published coefficients, by the closed form of the compute-optimal frontier.
@pytest.mark.parametrize(("loss", "flops"), [(2.2, 3.92e21), (2.1, 2.14e22), (2.0, 2.47e23)])
def test_least_compute_for_a_target_loss(loss, flops):
    c = BESIROGLU_2024.compute_at(loss)
    assert c == pytest.approx(flops, rel=0.005)
    assert BESIROGLU_2024.loss(*BESIROGLU_2024.optimum(c)) == pytest.approx(loss, rel=1e-12)


def test_no_budget_reaches_the_floor():
    assert np.isinf(BESIROGLU_2024.compute_at(1.8172))


def test_size_needs_enough_tokens():
    # Below 1.8172 + B / D^beta no size helps: D = 1e9 leaves 2.88 nats.
    assert np.isinf(BESIROGLU_2024.size_at(2.5, d=1e9))
    assert np.isfinite(BESIROGLU_2024.size_at(3.0, d=1e9))
