"""Simulation-based calibration in its quick form: a few laws, fewer data sets than `make calibration`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._calibration_ladders import _ladder, _ungrouped
from benchmarks._calibration_laws import calibrate, design_of, simulate
from benchmarks._calibration_links import _log_score_p_value, _simulated
from scaling.laws import law_classes
from scaling.models.loss import NOISE_PRIOR

# One of each kind: in one variable without and with a floor, in two, with a covariate.
QUICK = ("kaplan_size", "power", "chinchilla", "moe_granularity")
LEVEL = 0.05 / len(QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_truths_rank_uniformly_and_not_among_the_draws_of_a_spoilt_posterior(name):
    found = calibrate(law_classes()[name], count=64)
    assert found.passed >= 60  # of 64: what the gate refuses is not tested
    assert found.own.p_value > LEVEL
    assert found.narrow.p_value < LEVEL
    assert found.wrong_noise.p_value < LEVEL


@pytest.mark.parametrize("name", sorted(law_classes()))
def test_every_law_has_a_ladder_with_more_runs_than_coefficients(name):
    law = law_classes()[name]
    design = design_of(law)
    assert len(design.size) > 2 * len(law.coefficients)
    checked = law.checked_covariates(design.covariates)
    assert all(len(values) == len(design.size) for values in checked.values())


def test_truths_and_noise_are_drawn_from_the_priors():
    law = law_classes()["chinchilla"]
    found = simulate(law, design_of(law), 1000, seed=3)
    assert found.refused == 0
    for name, spec in {**law.priors, "noise_scale": NOISE_PRIOR}.items():
        values = found.coordinates.get(name, found.noise)
        # 4 Monte Carlo errors of a share of one half.
        assert np.mean(values < spec.middle()) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1000))


def test_the_wrong_noise_is_as_wide_and_correlated():
    law = law_classes()["kaplan_size"]
    design = design_of(law)

    def errors(correlation):
        found = simulate(law, design, 1000, seed=4, correlation=correlation)
        truth = law.from_reference(
            {name: values[:, None] for name, values in found.coordinates.items()}, design.reference
        )
        residual = np.log([runs.loss for runs in found.runs]) - truth.log_loss(design.size)
        return np.clip(residual / found.noise[:, None], -5, 5)

    right, wrong = errors(0.0), errors(0.9)
    assert np.mean(right[:, 1:] * right[:, :-1]) / np.mean(right**2) == pytest.approx(0.0, abs=0.05)
    assert np.mean(wrong[:, 1:] * wrong[:, :-1]) / np.mean(wrong**2) == pytest.approx(0.9, abs=0.05)
    assert np.std(wrong) == pytest.approx(np.std(right), rel=0.15)


def test_ladders_have_checkpoints_of_runs_and_the_control_has_none():
    rng = np.random.default_rng(0)
    law = law_classes()["chinchilla"]
    ladder = _ladder({name: spec.middle() for name, spec in law.priors.items()}, rng)
    runs = len(set(ladder.runs.run))
    assert 3 <= runs <= 8
    assert 10 * runs <= len(ladder.runs) <= 40 * runs
    assert len(set(_ungrouped(ladder.runs).run)) == len(ladder.runs)


def test_simulated_scores_have_shapes_in_proportion_to_their_priors():
    truths, drawn = _simulated(200, seed=1)
    assert drawn < 400
    assert np.mean([truth.shape == "flat" for truth in truths]) > 0.2
    assert all(0 <= truth.observations.score.min() <= truth.observations.score.max() <= 1 for truth in truths)


def test_probabilities_of_shapes_are_accepted_if_right_and_rejected_if_too_sure():
    rng = np.random.default_rng(2)
    stated = rng.dirichlet(np.ones(4), size=300)
    true = [str(rng.choice(4, p=row)) for row in stated]

    def tested(rows):
        return _log_score_p_value(
            [(dict(zip("0123", row, strict=True)), each) for row, each in zip(rows, true, strict=True)]
        )

    sharper = stated**2 / np.sum(stated**2, axis=1, keepdims=True)
    duller = np.sqrt(stated) / np.sum(np.sqrt(stated), axis=1, keepdims=True)
    assert tested(stated) > 0.01
    assert tested(sharper) < 1e-3
    assert tested(duller) < 1e-3
