"""What a fit rests on: a planted run, a spoilt row and a far floor are named, and nothing is where nothing is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from scaling.inference.leverage import leverage_findings
from scaling.inference.loss import LossFit, fit_loss
from scaling.inference.outliers import TIMES_AS_WIDE
from scaling.inference.settings import FitSettings
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.laws.power import PowerLaw
from scaling.observations import LossObservations
from scaling.posterior import AnswerName, FindingCode, PriorShift, WidenedPrior
from tests.inference.simulated import grid, observations

TRUTH = ChinchillaLaw(l_inf=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)


def clean_runs() -> LossObservations:
    return observations(TRUTH, *grid(), noise=0.003, rng=np.random.default_rng(7))


def with_a_far_run(*, error: float) -> LossObservations:
    """The clean runs, and one run of ten times their largest size whose log loss is off by `error`."""
    clean = clean_runs()
    n, d = np.append(clean.size, 1e10), np.append(clean.tokens, 2e11)
    runs = observations(TRUTH, n, d)
    return dataclasses.replace(runs, loss=np.append(clean.loss, runs.loss[-1] * np.exp(error)))


def without_last(runs: LossObservations) -> LossObservations:
    return runs.select(np.arange(len(runs)) < len(runs) - 1)


@pytest.fixture(scope="module")
def planted() -> LossFit:
    return fit_loss(with_a_far_run(error=0.03), ChinchillaLaw)


@pytest.fixture(scope="module")
def clean() -> LossFit:
    return fit_loss(clean_runs(), ChinchillaLaw)


def codes(fitted: LossFit) -> set[FindingCode]:
    return {finding.code for finding in fitted.findings}


def test_the_run_that_drives_the_answer_is_named_with_the_factor_of_a_refit(planted):
    first = planted.evidence.leverage[0]
    assert first.run == "run-30"
    (finding,) = [each for each in planted.findings if each.code is FindingCode.INFLUENTIAL_RUN]
    assert "'run-30'" in finding.message
    again = fit_loss(without_last(with_a_far_run(error=0.03)), ChinchillaLaw)
    for shift in first.shifts:
        if shift.answer.name is AnswerName.OPTIMAL_SIZE:
            before, after = (
                np.median(each.posterior.law.optimum(shift.answer.compute_flops)[0]) for each in (planted, again)
            )
        elif shift.answer.name is AnswerName.FLOOR:
            before, after = (np.median(each.posterior.law.l_inf) for each in (planted, again))
        else:
            continue
        # A fifth of the move and a percent: modes move a little otherwise than medians.
        assert np.log(shift.factor) == pytest.approx(np.log(after / before), rel=0.2, abs=0.01)


@pytest.mark.slow
def test_every_run_moves_the_answer_as_a_refit_without_it_says(clean):
    largest = {each.run: each for each in clean.evidence.leverage}
    runs = clean_runs()
    for label in (clean.evidence.leverage[0].run, "run-14"):
        again = fit_loss(runs.select(np.asarray(runs.run) != label), ChinchillaLaw)
        shift = largest[label].shifts[0]
        before, after = (
            np.median(each.posterior.law.optimum(shift.answer.compute_flops)[0]) for each in (clean, again)
        )
        unit = np.log(shift.factor) / shift.deviations
        # A seventh of a posterior deviation: the Monte Carlo error of the two medians is .03 each.
        assert abs(np.log(shift.factor) - np.log(after / before)) < 0.15 * abs(unit)


@pytest.mark.slow
def test_the_loss_forecast_moves_as_a_refit_says_with_the_error_of_the_form(planted):
    shift = next(each for each in planted.evidence.leverage[0].shifts if each.answer.name is AnswerName.LOSS)
    again = fit_loss(without_last(with_a_far_run(error=0.03)), ChinchillaLaw)
    law = planted.posterior.law
    # The target is the optimal split at ten times the largest compute.
    size, tokens = (float(np.exp(np.mean(np.log(part)))) for part in law.optimum(shift.answer.compute_flops))
    before, after = (np.median(each.posterior.trend(np.array([size]), np.array([tokens]))) for each in (planted, again))
    assert np.log(shift.factor) == pytest.approx(np.log(after / before), abs=0.004)


def test_no_run_of_a_clean_design_is_called_influential(clean):
    assert FindingCode.INFLUENTIAL_RUN not in codes(clean)
    assert all(each.reliable for each in clean.evidence.leverage)
    assert max(abs(each.largest.deviations) for each in clean.evidence.leverage) < 1.0
    assert leverage_findings(()) == []


@pytest.mark.slow
def test_leverage_is_of_runs_where_rows_are_checkpoints():
    n = np.repeat(np.geomspace(1e7, 1e9, 8), 6)
    d = np.tile(np.geomspace(2e9, 2e11, 6), 8)
    run = tuple(f"run-{index // 6}" for index in range(48))
    rng = np.random.default_rng(5)
    runs = observations(TRUTH, n, d, noise=0.002, rng=rng, run=run)
    runs = dataclasses.replace(runs, loss=runs.loss * np.exp(np.where(np.asarray(run) == "run-7", 0.04, 0.0)))
    fitted = fit_loss(runs, ChinchillaLaw)
    assert {each.rows for each in fitted.evidence.leverage} == {6}
    assert fitted.evidence.leverage[0].run == "run-7"


def test_a_tripled_loss_is_an_outlier_and_the_others_are_not():
    runs = clean_runs()
    spoilt = dataclasses.replace(runs, loss=np.where(np.arange(len(runs)) == 11, 3 * runs.loss, runs.loss))
    fitted = fit_loss(spoilt, ChinchillaLaw)
    probability = fitted.evidence.outlier_probability
    assert probability[11] > 0.999
    others = np.delete(probability, 11)
    assert np.all((others >= 0.0) & (others < 0.5))
    assert np.median(others) < 0.05
    (finding,) = [each for each in fitted.findings if each.code is FindingCode.OUTLIER_ROWS]
    assert finding.reason == "outlier_rows"
    assert "row 12" in finding.message
    assert "probability 1.00" in finding.message


def test_no_outlier_is_called_among_clean_rows(clean):
    assert FindingCode.OUTLIER_ROWS not in codes(clean)


@pytest.mark.slow
def test_outlier_probability_is_calibrated_on_its_own_noise():
    # Rows of Student-t noise, drawn as the scale mixture: the mean probability is the share of rows that wide.
    rng = np.random.default_rng(12)
    n, d = grid(20, 20)
    precision = rng.gamma(2.0, 0.5, size=len(n))
    runs = observations(TRUTH, n, d)
    runs = dataclasses.replace(runs, loss=runs.loss * np.exp(0.003 * rng.standard_normal(len(n)) / np.sqrt(precision)))
    fitted = fit_loss(runs, ChinchillaLaw, settings=FitSettings(draws=400, min_ess=200))
    wide = precision < TIMES_AS_WIDE**-2
    probability = fitted.evidence.outlier_probability
    # Binomial error of the share in 400 rows: sqrt(.021 * .979 / 400) = .007.
    assert probability.mean() == pytest.approx(wide.mean(), abs=3 * 0.007)
    assert probability[wide].mean() > 4 * probability[~wide].mean()


def shifts_of(fitted: LossFit, prior: WidenedPrior) -> dict[AnswerName, PriorShift]:
    return {each.answer.name: each for each in fitted.evidence.prior_sensitivity if each.prior is prior}


def test_a_design_that_identifies_the_law_has_no_sensitivity_to_say():
    n, d = grid(8, 8)
    fitted = fit_loss(observations(TRUTH, n, 3 * d, noise=0.001, rng=np.random.default_rng(7)), ChinchillaLaw)
    assert not codes(fitted) & {FindingCode.PRIOR_SENSITIVE, FindingCode.FLOOR_NOT_IDENTIFIED}
    for each in fitted.evidence.prior_sensitivity:
        assert each.held > 0.85


def floor_poor() -> LossObservations:
    """One decade far above the floor, 8 rows, 2 % noise."""
    n = np.geomspace(1e7, 1e8, 8)
    return observations(PowerLaw(l_inf=1.0, n_0=1e9, alpha=0.3), n, 20 * n, noise=0.02, rng=np.random.default_rng(0))


def test_a_floor_that_rests_on_its_prior_is_said_with_what_moves():
    fitted = fit_loss(floor_poor(), PowerLaw)
    (finding,) = [each for each in fitted.findings if each.code is FindingCode.FLOOR_NOT_IDENTIFIED]
    assert "E is not identified" in finding.message
    assert "moves by" in finding.message
    assert FindingCode.PRIOR_SENSITIVE in codes(fitted)
    floor = shifts_of(fitted, WidenedPrior.FLOOR)[AnswerName.FLOOR]
    assert floor.held < 0.8
    assert floor.wider_high / floor.wider_low > floor.high / floor.low


@pytest.mark.slow
@pytest.mark.parametrize(
    ("coordinate", "prior"), [("floor_share", WidenedPrior.FLOOR), ("alpha", WidenedPrior.EXPONENTS)]
)
def test_widening_agrees_with_a_fit_under_the_wider_prior(monkeypatch, coordinate, prior):
    stated = shifts_of(fit_loss(floor_poor(), PowerLaw), prior)[AnswerName.FLOOR]

    class Wider(PowerLaw):
        priors = {  # noqa: RUF012 - a ClassVar of the base
            name: spec.model_copy(update={"scale": 2.0 * spec.scale}) if name == coordinate else spec
            for name, spec in PowerLaw.priors.items()
        }

    again = fit_loss(floor_poor(), Wider).posterior.law.l_inf
    low, median, high = np.quantile(again, (0.05, 0.5, 0.95))
    assert stated.wider_median == pytest.approx(median, rel=0.06)
    assert np.log(stated.wider_high / stated.wider_low) == pytest.approx(np.log(high / low), rel=0.2)
    assert stated.held == pytest.approx(np.mean((again >= stated.low) & (again <= stated.high)), abs=0.05)
