"""IsoFLOP estimates: known bias, recovery, coverage, what is dropped and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.errors import InvalidInput, NotEnoughRuns
from scaling.estimators import IsoflopSettings, group_budgets, isoflop_frontier, parabola_frontier
from scaling.estimators.budgets import curves_at, roughness
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations
from tests.estimators.designs import BUDGETS, EXPONENT, LAW, LOPSIDED, isoflop_runs, training_runs

# Open Athena's article on approach 2: percent error of D*(1e24) without noise, 15 sizes at 1e17 ... 1e21 FLOPs;
# printed to two figures.
PUBLISHED_BIAS = [
    (LAW, 2, -0.33),
    (LAW, 4, -1.3),
    (LAW, 8, -2.9),
    (LAW, 16, -5.1),
    (LOPSIDED, 2, -1.7),
    (LOPSIDED, 4, -6.5),
    (LOPSIDED, 8, -13.9),
    (LOPSIDED, 16, -23.1),
]


@pytest.mark.parametrize(("law", "width", "percent"), PUBLISHED_BIAS)
def test_the_parabola_is_off_by_the_published_amount_and_its_slope_is_not(law, width, percent):
    bias = parabola_frontier(isoflop_runs(law, width=width), surface=law).bias
    assert 100 * bias.tokens == pytest.approx(percent, abs=0.05)
    assert bias.exponent == pytest.approx(0.0, abs=1e-7)
    assert (1 + bias.size) * (1 + bias.tokens) == pytest.approx(1.0, rel=1e-9)  # D* = C / (6 N*)


def test_equal_exponents_leave_no_bias():
    law = ChinchillaLaw(l_inf=1.7, a=400.0, alpha=0.31, b=900.0, beta=0.31)
    bias = parabola_frontier(isoflop_runs(law, width=16), surface=law).bias
    assert bias.tokens == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("width", [2, 4, 8, 16])
def test_akima_is_nearer_than_the_parabola(width):
    # 15 sizes: what is left is the spline's own error between them.
    runs = isoflop_runs(LOPSIDED, width=width)
    spline, parabola = (make(runs, surface=LOPSIDED).bias for make in (isoflop_frontier, parabola_frontier))
    assert abs(spline.tokens) < 0.1 * abs(parabola.tokens)


def test_the_bias_of_an_estimate_is_that_on_its_surface_not_of_its_data():
    noisy = isoflop_runs(width=8, noise=0.02)
    other = ChinchillaLaw(l_inf=1.69, a=406.4, alpha=0.34, b=180.0, beta=0.24)  # its best sizes lie near LAW's
    on_truth, elsewhere = (parabola_frontier(noisy, surface=law).bias for law in (LAW, other))
    assert 100 * on_truth.tokens == pytest.approx(-2.9, abs=0.05)
    assert elsewhere.exponent == pytest.approx(0.0, abs=0.02)
    assert abs(elsewhere.tokens - on_truth.tokens) > 0.01


def test_exact_losses_give_the_exponent_and_the_optimum_back():
    estimate = isoflop_frontier(isoflop_runs(), settings=IsoflopSettings(noise_nats=1e-9))
    assert estimate.exponent == pytest.approx(EXPONENT, abs=1e-4)
    assert estimate.size_at(1e20) == pytest.approx(float(LAW.optimum(1e20)[0]), rel=2e-3)
    assert estimate.tokens_at(1e20) * estimate.size_at(1e20) * 6 == pytest.approx(1e20, rel=1e-12)


def coverage(make, *, noise: float, settings: IsoflopSettings, repeats: int = 120) -> float:
    inside = []
    for seed in range(repeats):
        runs = isoflop_runs(width=4, sizes=7, budgets=np.geomspace(1e18, 1e21, 5), noise=noise, seed=seed)
        low, high = make(runs, settings=settings).exponent_quantiles((0.05, 0.95))
        inside.append(low <= EXPONENT <= high)
    return float(np.mean(inside))


@pytest.mark.parametrize("noise", [0.005, 0.02])
@pytest.mark.parametrize("make", [isoflop_frontier, parabola_frontier])
def test_ninety_percent_intervals_hold_whatever_the_noise(make, noise):
    # 120 data sets: the Monte Carlo error of a coverage of .9 is .027. Intervals may be wide, they must not be narrow.
    assert coverage(make, noise=noise, settings=IsoflopSettings(draws=200)) > 0.9 - 3 * 0.027


def test_a_known_bias_is_in_the_interval_beyond_the_data():
    best = float(LAW.optimum(1e24)[0])
    inside = {True: [], False: []}
    for seed in range(30):
        runs = isoflop_runs(width=16, sizes=7, noise=0.005, seed=seed)
        for told, held in inside.items():
            estimate = parabola_frontier(runs, settings=IsoflopSettings(draws=200), surface=LAW if told else None)
            low, high = estimate.size_quantiles(1e24, (0.05, 0.95))
            held.append(low <= best <= high)
    assert np.mean(inside[True]) > 0.75  # .9 less three Monte Carlo errors of 30 data sets
    assert np.mean(inside[False]) < 0.6  # without it the parabola is surely wrong


def test_a_noise_stated_too_small_fails_that_check():
    # Roughness is what sees it: with a quarter of the true noise stated, the intervals are too narrow.
    assert coverage(isoflop_frontier, noise=0.02, settings=IsoflopSettings(draws=200, noise_nats=0.005)) < 0.7


@pytest.mark.parametrize("noise", [0.003, 0.02])
def test_roughness_estimates_the_noise(noise):
    found = [roughness(group_budgets(isoflop_runs(sizes=9, width=4, noise=noise, seed=seed))) for seed in range(20)]
    assert np.median(found) == pytest.approx(noise, rel=0.25)


def test_budgets_whose_minimum_lies_at_an_edge_are_dropped_and_named():
    runs = isoflop_runs(width=4, sizes=9, noise=0.002)
    compute = 6 * runs.size * runs.tokens
    best = LAW.optimum(compute)[0]
    one_side = (compute < 5e20) | (runs.size > 1.3 * best)  # at the largest budget only sizes above the best
    for make in (isoflop_frontier, parabola_frontier):
        estimate = make(runs.select(one_side))
        assert len(estimate.minima) == 4
        (dropped,) = estimate.dropped
        assert dropped.compute == pytest.approx(1e21)
        assert "smallest size" in dropped.reason or "outside the sizes" in dropped.reason


def test_seeds_of_one_size_are_averaged_not_their_luckiest_taken():
    runs = isoflop_runs(sizes=5, width=4)
    twice = LossObservations(
        run=(*runs.run, *(f"{label}b" for label in runs.run)),
        size=np.tile(runs.size, 2),
        tokens=np.tile(runs.tokens, 2),
        loss=np.concatenate([runs.loss - 0.01, runs.loss + 0.01]),
    )
    for once, both in zip(group_budgets(runs), group_budgets(twice), strict=True):
        assert both.loss == pytest.approx(once.loss, rel=1e-12)
        assert (both.runs == 2).all()


def test_sizes_that_nearly_coincide_are_one_and_no_cliff():
    runs = isoflop_runs(sizes=9, noise=0.004)
    twins = LossObservations(
        run=(*runs.run, *(f"{label}b" for label in runs.run)),
        size=np.concatenate([runs.size, runs.size * 1.001]),
        tokens=np.concatenate([runs.tokens, runs.tokens / 1.001]),
        loss=np.concatenate([runs.loss, isoflop_runs(sizes=9, noise=0.004, seed=1).loss]),
    )
    estimate = isoflop_frontier(twins)
    assert [len(curve) for curve in estimate.curves] == [9] * 5
    for each in estimate.minima:
        assert each.loss == pytest.approx(LAW.loss(*LAW.optimum(each.compute)), rel=0.005)


def test_budgets_are_grouped_within_the_tolerance_and_no_further():
    runs = isoflop_runs(sizes=5)
    shaken = LossObservations(
        run=runs.run, size=runs.size, tokens=runs.tokens * np.linspace(0.97, 1.03, len(runs)), loss=runs.loss
    )
    assert [len(curve) for curve in group_budgets(shaken)] == [5] * 5
    with pytest.raises(NotEnoughRuns, match="3 budgets of at least 4 sizes"):
        group_budgets(shaken, tolerance=1e-4)
    continuous = training_runs(sizes=4, checkpoints=100)
    with pytest.raises(InvalidInput, match=r"leave no gap of 10%.*envelope"):
        group_budgets(continuous)


@pytest.mark.parametrize(("sizes", "budgets"), [(3, (1e17, 1e18, 1e19, 1e20)), (7, (1e17, 1e18))])
def test_too_few_sizes_or_budgets_are_refused_with_what_is_there(sizes, budgets):
    with pytest.raises(NotEnoughRuns, match=rf"needs 3 budgets of at least 4 sizes each.*\({sizes} sizes\)"):
        isoflop_frontier(isoflop_runs(sizes=sizes, budgets=budgets))


def test_training_curves_are_read_at_named_budgets():
    runs = training_runs(sizes=14, checkpoints=80)
    estimate = isoflop_frontier(runs, budgets=(1e18, 1e19, 1e20))
    assert estimate.exponent == pytest.approx(EXPONENT, abs=0.02)
    (curve, *_) = curves_at(runs, (1e18, 1e19, 1e20))
    # Linear between checkpoints 7 % apart on a smooth curve: the error of an interpolation, not of a model.
    assert curve.loss == pytest.approx(LAW.loss(curve.size, 1e18 / (6 * curve.size)), rel=2e-4)
    with pytest.raises(NotEnoughRuns, match="0 of 0 budgets"):
        isoflop_frontier(runs, budgets=(1e30,))


def test_single_runs_near_named_budgets_are_taken_for_them():
    runs = isoflop_runs(sizes=9)
    off = np.exp(np.random.default_rng(0).uniform(-0.15, 0.15, len(runs)))  # too far apart to be grouped by gaps
    moved = LossObservations(
        run=runs.run, size=runs.size, tokens=runs.tokens * off, loss=LAW.loss(runs.size, runs.tokens * off)
    )
    estimate = isoflop_frontier(moved, budgets=BUDGETS, settings=IsoflopSettings(tolerance=0.2))
    assert [len(curve) for curve in estimate.curves] == [9] * 5
    low, high = estimate.exponent_quantiles((0.05, 0.95))
    assert low < EXPONENT < high
    with pytest.raises(NotEnoughRuns):
        isoflop_frontier(moved, budgets=BUDGETS, settings=IsoflopSettings(tolerance=0.001))


@pytest.mark.parametrize("wrong", [{"noise_nats": 0.0}, {"noise_nats": np.nan}, {"draws": 5}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput):
        IsoflopSettings(**wrong)


def test_minima_that_scatter_beyond_their_noise_widen_the_interval():
    runs = isoflop_runs(sizes=9, width=8)
    shifted = np.where(np.isclose(6 * runs.size * runs.tokens, 1e19), 2.0, 1.0)  # one budget's sizes counted double
    bent = LossObservations(run=runs.run, size=runs.size * shifted, tokens=runs.tokens / shifted, loss=runs.loss)
    straight, off = (isoflop_frontier(each, settings=IsoflopSettings(noise_nats=0.002)) for each in (runs, bent))
    assert straight.scatter == pytest.approx(1.0, abs=0.05)
    assert off.scatter > 1.5
    assert np.ptp(off.exponent_quantiles((0.05, 0.95))) > 1.4 * np.ptp(straight.exponent_quantiles((0.05, 0.95)))
