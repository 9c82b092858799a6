"""Published constants of the law of precision."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling.laws.precision import PrecisionLaw

# Kumar et al. 2024, table 2; the post-training offset b = 1.1277 is part of the amplitude here.
KUMAR_2024 = PrecisionLaw(
    l_inf=2.7648,
    a=4.299e3,
    alpha=0.4965,
    b=1.806e4,
    beta=0.4965,
    gamma_w=2.6745,
    n_w=0.3037,
    gamma_a=2.2102,
    n_a=1.4072,
    gamma_kv=0.9578,
    n_kv=2.4185,
    c_t=0.0598 * math.exp(1.1277),
    gamma_d=0.5068,
    gamma_n=0.3439,
    gamma_post=0.5907,
)
FULL = {"weight_bits": 16.0, "activation_bits": 16.0, "kv_bits": 16.0, "post_training_bits": 16.0}


def test_sixteen_bits_are_chinchillas_law():
    expected = 2.7648 + 4.299e3 / 1e8**0.4965 + 1.806e4 / 1e10**0.4965
    assert KUMAR_2024.loss(1e8, 1e10, **FULL) == pytest.approx(expected, rel=1e-3)
    many = dict.fromkeys(FULL, 200.0)
    assert KUMAR_2024.loss(1e8, 1e10, **many) == pytest.approx(expected, rel=1e-12)


def best_bits(law: PrecisionLaw) -> float:
    """Bits P of all three parts that make the most of compute N D P: where ln(N_e / N) gains what ln P costs."""
    bits = np.linspace(3.3, 16.0, 12701)
    share = law.effective_share(weight_bits=bits, activation_bits=bits, kv_bits=bits, post_training_bits=16.0)
    return float(bits[np.argmin(bits / share)])


def test_the_offsets_reproduce_the_published_seven_to_eight_bits():
    assert best_bits(KUMAR_2024) == pytest.approx(7.0, abs=0.05)
    # Without them, as the formulas in the text read, the constants say something else.
    bare = {**KUMAR_2024.to_coefficients(), "n_w": 0.0, "n_a": 0.0, "n_kv": 0.0}
    assert best_bits(PrecisionLaw(**bare)) < 6.0


def test_nothing_is_learnt_below_the_onset():
    # Three bits of activations lie below n_a gamma_a = 3.11: the source saw such runs diverge. Weights still learn.
    assert np.isinf(KUMAR_2024.loss(1e8, 1e10, **{**FULL, "activation_bits": 3.0}))
    assert np.isfinite(KUMAR_2024.loss(1e8, 1e10, **{**FULL, "weight_bits": 3.0}))
    assert KUMAR_2024.effective_share(**{**FULL, "activation_bits": 3.0}) == 0.0


def test_beyond_some_tokens_more_of_them_hurt_a_network_quantised_afterwards():
    tokens = np.geomspace(1e9, 1e14, 200)
    losses = KUMAR_2024.loss(1e8, tokens, **{**FULL, "post_training_bits": 3.0})
    turn = tokens[np.argmin(losses)]
    assert 1e9 < turn < 1e14
    assert losses[-1] > losses.min() + 0.1
    reached = KUMAR_2024.tokens_at(losses.min() + 0.01, 1e8, **{**FULL, "post_training_bits": 3.0})
    assert reached < turn
    assert np.isinf(KUMAR_2024.tokens_at(losses.min() - 0.01, 1e8, **{**FULL, "post_training_bits": 3.0}))
    assert (np.diff(KUMAR_2024.loss(1e8, tokens, **{**FULL, "post_training_bits": 100.0})) < 0).all()


def test_the_post_training_loss_by_hand():
    # C_T D^.5068 N^-.3439 e^(-4 / .5907) at N = 1e8, D = 1e10.
    expected = 0.0598 * math.exp(1.1277) * 1e10**0.5068 * 1e8**-0.3439 * math.exp(-4 / 0.5907)
    assert KUMAR_2024.post_training_loss(1e8, 1e10, 4.0) == pytest.approx(expected, rel=1e-12)
