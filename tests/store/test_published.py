"""Every published fit that comes with the product answers as its source says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling.errors import InvalidInput
from scaling.predict.loss import forecast_loss
from scaling.store import reference_store

PUBLISHED = [name for name in reference_store().names() if reference_store().load(name).is_published]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_fit_answers_at_the_edge_of_its_runs_without_distance(name):
    fit = reference_store().load(name)
    hull = fit.loss.hull
    covariates = {spec.name: hull.covariates[spec.name][1] for spec in fit.loss.law.covariates}
    size, tokens = hull.largest_size, min(hull.most_tokens, hull.largest_product / hull.largest_size)
    forecast = forecast_loss(fit, size, tokens if np.isfinite(tokens) else 1e11, covariates=covariates)
    assert forecast.distance[0] == pytest.approx(0.0, abs=1e-6)
    assert 0.3 < forecast.trend_quantiles[1, 0] < 6.0
    assert np.ptp(forecast.run_quantiles) == 0.0
    beyond = forecast_loss(fit, math.e**2 * size, 1e11, covariates=covariates)
    assert beyond.distance[0] >= 2.0 - 1e-9


@pytest.mark.parametrize(
    ("name", "size", "tokens", "covariates", "loss"),
    [
        # The joint law by hand: ((6.4e13 / 1e9)^.737864 + 1.8e13 / 1e11)^.103.
        ("kaplan-2020", 1e9, 1e11, {}, ((6.4e4) ** (0.076 / 0.103) + 180.0) ** 0.103),
        # The authors' own example.
        ("muennighoff-2023-c4", 6.34e9, 242e9, {"unique_tokens": 25e9}, 2.2256440889984477),
        # Table 3 by hand: 512 experts have E^ = 1 / (1 / (511 + 1 / (1 / 1.847 - 1 / 314.478)) + 1 / 314.478).
        ("clark-2022-s-base", 1.3e9, 130e9, {"experts": 512.0}, None),
        ("krajewski-2024-moe", 1e9, 1e11, {"granularity": 1.0}, 0.47 + 20.2 / 1e9**0.115 + 30.8 / 1e11**0.147),
        ("krajewski-2024-dense", 1e9, 1e11, {}, 0.47 + 16.3 / 1e9**0.126 + 26.7 / 1e11**0.127),
        # L = E + a' N^-alpha + b' 6^(-alpha/2) D^-alpha.
        ("gadre-2024-c4", 1e9, 2e10, {}, 1.508 + 113.7 / 1e9**0.2425 + 189.5 * 6**-0.12125 / 2e10**0.2425),
    ],
)
def test_published_losses(name, size, tokens, covariates, loss):
    if loss is None:
        effective = math.log10(1 / (1 / (511 + 1 / (1 / 1.847 - 1 / 314.478)) + 1 / 314.478))
        loss = 10 ** (1.104 - 0.108 * effective + (0.009 * effective - 0.082) * math.log10(1.3e9))
    forecast = forecast_loss(reference_store().load(name), size, tokens, covariates=covariates)
    assert forecast.trend_quantiles[1, 0] == pytest.approx(loss, rel=1e-6)


def test_a_covariate_that_the_question_lacks_is_named():
    with pytest.raises(InvalidInput, match="unique_tokens: missing: unique training tokens U"):
        forecast_loss(reference_store().load("muennighoff-2023-c4"), 1e9, 1e11)
    with pytest.raises(InvalidInput, match=r"unique_tokens\[1\]: -1 given"):
        forecast_loss(
            reference_store().load("muennighoff-2023-c4"), 1e9, 1e11, covariates={"unique_tokens": [1e9, -1.0]}
        )


def test_covariates_and_sizes_broadcast_to_one_list_of_points():
    fit = reference_store().load("muennighoff-2023-c4")
    forecast = forecast_loss(fit, 1e9, 1e11, covariates={"unique_tokens": [5e9, 2e10, 1e11]})
    assert forecast.n.tolist() == [1e9] * 3
    assert (np.diff(forecast.trend_quantiles[1]) < 0).all()
