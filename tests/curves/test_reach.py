"""Depth and age of annealing: hand values, and which schedules go beyond which."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.curves import nodes_at
from scaling.curves.reach import AnnealingReach
from scaling.curves.schedule import constant, cosine, two_stage
from tests.curves.simulated import FITTED, PEAK, UNSEEN


def reach_of(*schedules) -> AnnealingReach:
    return AnnealingReach.of([nodes_at(each, np.arange(300, len(each), 60)) for each in schedules], peak_rate=PEAK)


def test_one_fall_is_as_deep_and_old_as_it_is():
    reach = reach_of(two_stage(6000, PEAK, second=PEAK / np.e, switch=1000, warmup=200))
    last = np.arange(300, 6000, 60)[-1]
    assert reach.depth == pytest.approx(1.0)
    assert reach.age == pytest.approx(np.log(last - 1000 + 1))


def test_a_decay_to_zero_is_one_e_fold_deep_on_average():
    # The mean of ln(peak / rate) over the rate is 1, whatever the path.
    assert reach_of(cosine(6000, PEAK, warmup=200)).depth == pytest.approx(1.0, abs=0.06)


def test_what_goes_beyond_is_what_decays_deeper_or_longer():
    reach = reach_of(*FITTED)
    decay, deep, long = (reach.beyond(nodes_at(each, [len(each) - 1]))[:, 0] for each in UNSEEN)
    assert decay == pytest.approx([0.0, 0.0])
    assert deep[0] == pytest.approx(np.log(3.0))  # 1e-4 against 3e-4
    assert long[0] == 0.0
    assert long[1] == pytest.approx(np.log(2.0), abs=0.15)


def test_a_constant_rate_reaches_nowhere_and_goes_beyond_nothing():
    flat = constant(6000, PEAK, warmup=200)
    assert (reach_of(flat).depth, reach_of(flat).age) == (0.0, 0.0)
    assert not reach_of(flat).beyond(nodes_at(flat, [300, 5999])).any()
    assert np.all(reach_of(flat).beyond(nodes_at(FITTED[2], [5999])) > 1.0)
