"""The posterior of a loss law: what it must recover, refuse and say."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from scaling.errors import FitFailed, NotEnoughRuns
from scaling.inference.diagnostics import gate_failures, require_convergence
from scaling.inference.loss import fit_loss
from scaling.inference.progress import ProgressEvent
from scaling.inference.settings import FitSettings
from scaling.laws import Reference
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.laws.power import PowerLaw
from scaling.posterior import FindingCode, SampleDiagnostics
from tests.inference.simulated import grid, law_from_its_prior, observations

TRUTH = ChinchillaLaw(l_inf=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)


def thirty_runs():
    return observations(TRUTH, *grid(), noise=0.003, rng=np.random.default_rng(7))


@pytest.fixture(scope="module")
def fitted():
    return fit_loss(thirty_runs(), ChinchillaLaw)


def test_the_posterior_covers_the_law_it_came_from(fitted):
    for name, value in TRUTH.to_coefficients().items():
        low, high = np.quantile(getattr(fitted.posterior.law, name), [0.005, 0.995])
        assert low < value < high
    low, high = np.quantile(fitted.posterior.noise_scale, [0.005, 0.995])
    assert low < 0.003 < high


def test_the_sample_passes_its_gate(fitted):
    assert fitted.diagnostics.max_r_hat <= 1.01
    assert fitted.diagnostics.min_bulk_ess >= 1000
    assert fitted.diagnostics.divergences == 0


def test_the_same_seed_gives_the_same_draws_and_another_seed_others(fitted):
    runs = thirty_runs()
    again = fit_loss(runs, ChinchillaLaw)
    other = fit_loss(runs, ChinchillaLaw, settings=FitSettings(seed=1))
    assert np.array_equal(again.posterior.law.alpha, fitted.posterior.law.alpha)
    assert not np.array_equal(other.posterior.law.alpha, fitted.posterior.law.alpha)
    # Monte Carlo error of a median from an effective 1,000 draws: 1.25 sd / sqrt(1000).
    spread = np.std(fitted.posterior.law.alpha)
    assert np.median(other.posterior.law.alpha) == pytest.approx(
        np.median(fitted.posterior.law.alpha), abs=4 * 1.25 * spread / np.sqrt(1000)
    )


def test_one_spoilt_row_is_named_and_hardly_moves_the_answer(fitted):
    runs = thirty_runs()
    spoilt = dataclasses.replace(runs, loss=np.where(np.arange(len(runs)) == 11, 3 * runs.loss, runs.loss))
    again = fit_loss(spoilt, ChinchillaLaw)
    finding = next(each for each in again.findings if each.code is FindingCode.OUTLIER_ROWS)
    assert "run-11" in finding.message
    before, after = (np.median(each.posterior.law.loss(1e10, 2e11)) for each in (fitted, again))
    assert after == pytest.approx(before, rel=0.01)


def test_checkpoints_of_few_runs_are_not_many_runs():
    # The same rows, once as 6 runs that each carry an error of their own, once (wrongly) as 60 independent ones.
    rng = np.random.default_rng(3)
    n = np.repeat(np.geomspace(1e7, 1e9, 6), 10)
    d = np.tile(np.geomspace(2e9, 2e11, 10), 6)
    run = tuple(f"run-{index // 10}" for index in range(60))
    clean = observations(TRUTH, n, d, noise=0.001, rng=rng, run=run)
    error = 0.01 * np.repeat(rng.standard_normal(6), 10)
    runs = dataclasses.replace(clean, loss=clean.loss * np.exp(error))
    honest = fit_loss(runs, ChinchillaLaw)
    naive = fit_loss(dataclasses.replace(runs, run=tuple(map(str, range(60)))), ChinchillaLaw)

    def width(fit):
        low, high = np.quantile(np.log(fit.posterior.law.loss(1e9, 2e11)), [0.05, 0.95])
        return high - low

    assert width(honest) > 1.5 * width(naive)
    assert np.median(honest.posterior.run_scale) > 3 * np.median(honest.posterior.noise_scale)


def test_a_floor_the_runs_do_not_identify_is_said():
    # One decade far above the floor, 8 rows, 2 % noise.
    n = np.geomspace(1e7, 1e8, 8)
    runs = observations(PowerLaw(l_inf=1.0, n_0=1e9, alpha=0.3), n, 20 * n, noise=0.02, rng=np.random.default_rng(0))
    codes = {finding.code for finding in fit_loss(runs, PowerLaw).findings}
    assert FindingCode.FLOOR_NOT_IDENTIFIED in codes


@pytest.mark.parametrize(("rows", "message"), [(slice(0, 3), "5 coefficients"), (slice(0, 6), "different token count")])
def test_too_little_is_refused_with_what_is_missing(rows, message):
    n, d = grid()
    with pytest.raises(NotEnoughRuns, match=message):
        fit_loss(observations(TRUTH, n[rows], d[rows]), ChinchillaLaw)


def test_progress_reports_phases_in_order():
    events: list[ProgressEvent] = []
    fit_loss(
        observations(TRUTH, *grid(), noise=0.003, rng=np.random.default_rng(7)), ChinchillaLaw, progress=events.append
    )
    phases = list(dict.fromkeys(event.phase for event in events))
    assert phases == ["point estimate", "warm-up", "draws", "diagnostics", "rolling origins", "leverage"]
    judged = next(event for event in events if event.phase == "diagnostics")
    assert judged.max_r_hat is not None


class Cancelled(Exception):
    pass


def test_an_exception_from_progress_stops_the_fit():
    def cancel(event: ProgressEvent) -> None:
        if event.phase == "draws":
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_loss(
            observations(TRUTH, *grid(), noise=0.003, rng=np.random.default_rng(7)), ChinchillaLaw, progress=cancel
        )


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({"max_r_hat": 1.2}, "R-hat"),
        ({"max_r_hat": float("nan")}, "R-hat"),
        ({"min_bulk_ess": 20.0}, "effective sample size"),
        ({"divergences": 3}, "3 divergences"),
        ({"min_energy": 0.05}, "BFMI"),
    ],
)
def test_the_gate_names_what_failed(spoiled, words):
    good = SampleDiagnostics(max_r_hat=1.001, min_bulk_ess=3000, min_tail_ess=2500, divergences=0, min_energy=0.9)
    assert gate_failures(good, FitSettings()) == []
    with pytest.raises(FitFailed, match=words):
        require_convergence(good.model_copy(update=spoiled), FitSettings())


@pytest.mark.slow
def test_intervals_cover_laws_drawn_from_the_prior_and_narrowed_ones_do_not():
    # 60 laws: 90 % intervals cover within 3 Monte Carlo errors (sd .039); half as wide they cover about 59 %.
    rng = np.random.default_rng(11)
    n = np.geomspace(1e7, 1e9, 12)
    inside = {"full": [], "narrowed": []}
    for _ in range(60):
        noise = 0.006 * np.exp(0.8 * rng.standard_normal())
        law = law_from_its_prior("power", rng, Reference(n=1e8, d=2e9, loss=3.0))
        runs = observations(law, n, 20 * n, noise=noise, rng=rng)
        draws = fit_loss(runs, PowerLaw).posterior.law.alpha
        for kind, share in (("full", 1.0), ("narrowed", 0.5)):
            low, high = np.quantile(np.median(draws) + share * (draws - np.median(draws)), [0.05, 0.95])
            inside[kind].append(low < law.alpha < high)
    assert abs(np.mean(inside["full"]) - 0.9) <= 3 * 0.039
    assert abs(np.mean(inside["narrowed"]) - 0.9) > 3 * 0.039


def test_a_sample_that_mixes_slowly_is_drawn_longer_and_thinned():
    # 4 x 400 draws have no effective size of 2,000; 4 x 1,600 have.
    eager = FitSettings(draws=400, min_ess=2000)
    patient = fit_loss(thirty_runs(), ChinchillaLaw, settings=eager)
    assert patient.diagnostics.min_tail_ess >= 2000
    assert patient.sample.draws.shape[:2] == (4, 400)
    assert patient.posterior.draw_count == 1600


@pytest.mark.slow
def test_a_second_fit_in_the_same_bucket_compiles_nothing():
    compiled: list[str] = []

    def listen(event: str, *_: object, **__: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    rng = np.random.default_rng(7)
    n, d = grid()
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        fit_loss(observations(TRUTH, *grid(7, 7), noise=0.003, rng=rng), ChinchillaLaw)
        compiled.clear()
        fit_loss(observations(TRUTH, n[:-3], d[:-3], noise=0.003, rng=rng), ChinchillaLaw)
        assert compiled == []
        # Negative control: 72 rows are another bucket.
        fit_loss(observations(TRUTH, *grid(9, 8), noise=0.003, rng=rng), ChinchillaLaw)
        assert compiled != []
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
