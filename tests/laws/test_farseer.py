"""Farseer's published surface."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.laws.farseer import FarseerLaw

# Li et al. 2025, as released: exponent (a_1, alpha, b_1), amplitude (a_2, beta, b_2), size term (a_3, gamma, b_3).
FARSEER_2025 = FarseerLaw(
    a_1=-1.6656308,
    alpha=0.0459,
    b_1=3.133347,
    a_2=230.734371,
    beta=-0.1729,
    b_2=-1.5442096,
    a_3=-0.062465473,
    gamma=0.13,
    b_3=0.128488,
)


def test_the_formula_by_hand():
    # N = 1e9: N^.13 = 14.7911, N^-.1729 = .0277971, N^.0459 = 2.58883, by logarithms.
    n, d = 1e9, 1e11
    size_term = np.exp(-0.062465473 * np.exp(0.13 * np.log(n)) + 0.128488)
    exponent = np.exp(-1.6656308 * np.exp(0.0459 * np.log(n)) + 3.133347)
    amplitude = np.exp(230.734371 * np.exp(-0.1729 * np.log(n)) - 1.5442096)
    assert FARSEER_2025.loss(n, d) == pytest.approx(size_term + amplitude * d**-exponent, rel=1e-12)
    # The public measurements on this surface lie between .44 and .71.
    assert 0.44 < FARSEER_2025.loss(n, d) < 0.71


def test_tokens_per_parameter_at_the_optimum_rise_with_compute():
    # The source's main finding, against a constant 20.
    budgets = np.geomspace(1e20, 1e24, 5)
    n, d = FARSEER_2025.optimum(budgets)
    assert (np.diff(d / n) > 0).all()


def test_size_and_tokens_do_not_separate():
    n = np.asarray([1e8, 1e10])
    gains = np.log(FARSEER_2025.loss(n, 1e10)) - np.log(FARSEER_2025.loss(n, 1e11))
    assert abs(gains[0] - gains[1]) > 0.01


def test_answers_are_taken_where_the_loss_still_falls():
    # Along a budget the surface has its minimum at sensible ratios, and falls again to e^b_2 at hardly any tokens.
    c = 1e21
    n, d = FARSEER_2025.optimum(c)
    assert 1 < d / n < 1000
    assert FARSEER_2025.loss(c / 6 / 10.0, 10.0) < FARSEER_2025.loss(n, d) < FARSEER_2025.loss(30 * n, d / 30)
    # With an amplitude that falls less, it turns up with size at fixed tokens, too.
    flatter = FarseerLaw(
        a_1=-1.0, alpha=0.05, b_1=1.36, a_2=11.8, beta=-0.17, b_2=5.0, a_3=-0.073, gamma=0.13, b_3=1.79
    )
    sizes = np.geomspace(1.0, 1e30, 4001)
    losses = flatter.loss(sizes, 1e8)
    turn = int(np.argmax(np.diff(losses) > 0))
    assert 1e6 < sizes[turn] < 1e9
    assert 1e5 < flatter.size_at(1.001 * losses[turn], 1e8) < sizes[turn]
    assert np.isinf(flatter.size_at(0.99 * losses[turn], 1e8))
