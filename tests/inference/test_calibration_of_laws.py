"""Simulation-based calibration in its quick form: a few laws, fewer data sets than `make calibration`."""

from __future__ import annotations

import pytest

from benchmarks._calibration_laws import calibrate, design_of
from scaling.laws import law_classes

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
