"""Schedules: the paths users name, and the sums of their rates."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling.curves import Schedule, exact_nodes, nodes_at
from scaling.curves.multi_power import MultiPowerLaw
from scaling.curves.schedule import (
    annealing_area,
    area,
    area_since,
    constant,
    cosine,
    drops,
    linear,
    two_stage,
    warmup_stable_decay,
)
from scaling.errors import InvalidInput

PEAK, WARMUP = 3e-4, 2160
SCHEDULES = (
    cosine(24000, PEAK, final=3e-5, warmup=WARMUP),
    cosine(24000, PEAK, warmup=WARMUP, name="cosine to zero"),
    linear(24000, PEAK, warmup=WARMUP),
    warmup_stable_decay(24000, PEAK, decay_from=20000, final=3e-5, warmup=WARMUP),
    warmup_stable_decay(24000, PEAK, decay_from=20000, final=3e-5, exponential=True, warmup=WARMUP, name="wsd exp"),
    two_stage(16000, PEAK, second=9e-5, switch=8000, warmup=WARMUP),
    Schedule(cosine(24000, PEAK, final=3e-5, warmup=WARMUP).rates, name="ramp in the sum"),
    Schedule(
        np.concatenate([np.full(3000, PEAK), np.linspace(PEAK, 1e-5, 3000), np.full(3000, 2e-4)]), name="rewarmed"
    ),
)
LAW = MultiPowerLaw(l_inf=3.0, a=0.5, alpha=0.5, b=360.0, c=2.0, beta=0.58, gamma=0.64)


def test_the_area_of_a_constant_rate_is_rate_times_steps():
    assert constant(24000, PEAK).area()[-1] == pytest.approx(24000 * PEAK, rel=1e-12)  # 7.2: rate x steps, not steps
    # A linear ramp from 0 to the peak over W steps has the area peak x W / 2.
    assert constant(24000, PEAK, warmup=WARMUP).area()[WARMUP - 1] == pytest.approx(PEAK * WARMUP / 2, rel=1e-12)


def test_schedules_pass_through_the_points_that_define_them():
    half = cosine(24000, PEAK, final=3e-5, warmup=2000).rates
    assert half[2000] == PEAK
    assert half[13000] == pytest.approx((PEAK + 3e-5) / 2)
    decay = warmup_stable_decay(24000, PEAK, decay_from=20000, final=3e-5, exponential=True).rates
    assert decay[19999] == PEAK
    assert decay[22000] == pytest.approx(PEAK * 10**-0.5)
    stage = two_stage(16000, PEAK, second=9e-5, switch=8000).rates
    assert (stage[7999], stage[8000]) == (PEAK, 9e-5)
    assert linear(1000, PEAK).rates[500] == pytest.approx(PEAK / 2)


def test_the_rises_of_a_warm_up_are_no_annealing_and_its_area_counts():
    after = constant(5000, PEAK, warmup=1000)
    assert not np.any(after.drops())
    assert np.any(Schedule(after.rates).drops() < 0)
    assert after.area()[-1] < constant(5000, PEAK).area()[-1]


def test_annealing_area_is_the_published_recursion_under_numpy_and_jax():
    fallen = drops(cosine(700, PEAK, warmup=0).rates)
    momentum, kept, total, expected = 0.99, 0.0, 0.0, []
    for fall in fallen:
        kept = momentum * kept + fall
        total += kept
        expected.append(total)
    assert np.allclose(annealing_area(fallen, momentum), expected, rtol=1e-12)
    with jax.enable_x64(True):
        assert np.allclose(annealing_area(jnp.asarray(fallen), momentum), expected, rtol=1e-12)
        assert np.allclose(area(jnp.asarray(fallen)), np.cumsum(fallen), rtol=1e-12)


def test_the_exact_sum_is_the_double_loop():
    schedule = cosine(400, PEAK, final=3e-5, warmup=50)
    step, expected = 390, 0.0
    for k in range(51, step + 1):
        since = sum(schedule.rates[k : step + 1])
        kernel = 1 - (1 + LAW.c * schedule.rates[k] ** -LAW.gamma * since) ** -LAW.beta
        expected += LAW.b * (schedule.rates[k - 1] - schedule.rates[k]) * kernel
    assert LAW.response(exact_nodes(schedule, [step]))[0] == pytest.approx(expected, rel=1e-10)
    assert area_since(schedule.rates, step)[100] == pytest.approx(sum(schedule.rates[100 : step + 1]), rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_gathered_changes_leave_the_sum_as_it_was(schedule):
    steps = np.asarray([2500, 8001, 8040, 8900, len(schedule) - 1])
    full, short = exact_nodes(schedule, steps), nodes_at(schedule, steps)
    assert short.drop.shape[1] < 250
    for law in (LAW, MultiPowerLaw(l_inf=3.0, a=0.5, alpha=0.5, b=360.0, c=0.8, beta=0.2, gamma=0.9)):
        # Stated: 2e-6 nats of a response of up to .1; 2e-5 where rates span decades within the sum.
        stated = 2e-5 if schedule.name in ("ramp in the sum", "rewarmed") else 2e-6
        assert law.response(short) == pytest.approx(law.response(full), abs=stated)
    rough = two_stage(16000, PEAK, second=9e-5, switch=8000)
    assert LAW.response(nodes_at(rough, [9000]))[0] == LAW.response(exact_nodes(rough, [9000]))[0]


@pytest.mark.parametrize(
    ("rates", "warmup", "said"),
    [
        ([1e-3, float("nan"), 1e-3], 0, r"rates\[1\]"),
        ([1e-3, -1e-3], 0, r"rates\[1\]"),
        ([0.0, 0.0], 0, "all zero"),
        ([1e-3, 1e-3], 2, "at least one step"),
        ([], 0, "at least one step"),
    ],
)
def test_rates_that_are_no_schedule_are_refused(rates, warmup, said):
    with pytest.raises(InvalidInput, match=said):
        Schedule(np.asarray(rates), warmup=warmup)


def test_steps_outside_a_schedule_are_refused():
    with pytest.raises(InvalidInput, match="longer schedule"):
        nodes_at(constant(100, PEAK), [100])
    with pytest.raises(InvalidInput, match="must begin after the warm-up"):
        warmup_stable_decay(100, PEAK, decay_from=100)
