"""Published values and limits of the law of repeated tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling.laws.repeated import RepeatedLaw

# Muennighoff et al. 2023, C4: logarithms of A, B, E as released with the code.
MUENNIGHOFF_2023 = RepeatedLaw(
    l_inf=math.exp(0.6254804),
    a=math.exp(6.255414),
    alpha=0.3526596,
    b=math.exp(7.3049974),
    beta=0.3526596,
    r_d=15.387756,
    r_n=5.309743,
)


@pytest.mark.parametrize(
    ("n", "d", "loss"),
    # The two examples in the documentation of the authors' code, 25e9 unique tokens.
    [(6.34e9, 242e9, 2.2256440889984477), (8.67e9, 178e9, 2.2269634075087867)],
)
def test_the_authors_two_examples(n, d, loss):
    assert MUENNIGHOFF_2023.loss(n, d, unique_tokens=25e9) == pytest.approx(loss, rel=1e-14)


def test_without_repetition_it_is_chinchillas_law():
    # At or below the compute-optimal size for its tokens no size is in excess.
    unrepeated = MUENNIGHOFF_2023.unrepeated()
    n, d = unrepeated.optimum(np.geomspace(1e18, 1e24, 5))
    assert MUENNIGHOFF_2023.loss(0.9 * n, d, unique_tokens=1.5 * d) == pytest.approx(unrepeated.loss(0.9 * n, d))
    assert MUENNIGHOFF_2023.loss(3 * n, d, unique_tokens=d).min() > unrepeated.loss(3 * n, d).min()


def test_the_deserved_size_is_a_twentieth_of_the_unique_tokens():
    # The source writes U_N = .051 U_D for these constants: beyond it, size is worth less.
    d = 25e9
    n, worth = 0.051 * d * np.asarray([0.98, 1.05]), []
    for each in n:
        worth.append(MUENNIGHOFF_2023.effective_counts(each, d, d)[0])
    assert worth[0] == pytest.approx(n[0], rel=1e-12)
    assert worth[1] < n[1]


def test_tokens_are_never_worth_more_than_the_decay_allows():
    u = 1e9
    _, worth = MUENNIGHOFF_2023.effective_counts(1e7, np.asarray([1.0, 4.0, 40.0, 1e4]) * u, u)
    assert worth[0] == pytest.approx(u, rel=1e-12)
    assert worth[1] == pytest.approx(4 * u, rel=0.08)  # four epochs are almost as good as fresh tokens
    assert worth[2] < 16.5 * u
    assert worth[3] == pytest.approx((1 + 15.387756) * u, rel=1e-9)


def test_a_target_below_what_the_unique_tokens_allow_is_never_reached():
    floor = MUENNIGHOFF_2023.limit(unique_tokens=1e9)
    assert floor > MUENNIGHOFF_2023.l_inf
    assert np.isinf(MUENNIGHOFF_2023.size_at(floor - 0.01, 1e12, unique_tokens=1e9))
    assert np.isinf(MUENNIGHOFF_2023.compute_at(floor - 0.01, unique_tokens=1e9))
    assert np.isfinite(MUENNIGHOFF_2023.compute_at(floor + 0.05, unique_tokens=1e9))


def test_the_closed_inverse_in_size_agrees_with_bisection():
    law = MUENNIGHOFF_2023
    for n in (1e8, 1e9, 3e9, 3e10):  # below and beyond the deserved size
        loss = law.loss(n, 60e9, unique_tokens=25e9)
        by_bisection = super(RepeatedLaw, law).size_at(loss, 60e9, unique_tokens=25e9)
        assert law.size_at(loss, 60e9, unique_tokens=25e9) == pytest.approx(n, rel=1e-9)
        assert by_bisection == pytest.approx(n, rel=1e-9)


def test_the_optimum_under_a_data_limit_matches_a_brute_grid():
    # The source grids too; few unique tokens call for epochs rather than size (section 5).
    c, u = 9.3e21, 25e9
    n, d = MUENNIGHOFF_2023.optimum(c, unique_tokens=u)
    tried = np.exp(np.linspace(np.log(1e8), np.log(1e12), 40001))
    losses = MUENNIGHOFF_2023.loss(tried, c / 6 / tried, unique_tokens=u)
    assert n == pytest.approx(tried[np.argmin(losses)], rel=1e-3)
    assert d / u > 4
    assert n < MUENNIGHOFF_2023.unrepeated().optimum(c)[0]
