"""The NumPyro score model: any link samples, and the shapes say what their priors are."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from numpyro.infer import Predictive

from scaling.links import LinkReference, link_class
from scaling.models.score import ScoreData, score_model
from scaling.models.shapes import Shape, floor_scales, shapes_of
from scaling.prior_specs import LogNormal, Uniform

LOSS = np.linspace(2.6, 4.0, 12)
REFERENCE = LinkReference(chance=0.25, losses=tuple(LOSS))


def data(score: float = 0.3) -> ScoreData:
    return ScoreData(
        loss=LOSS,
        score=np.full(12, score),
        reference=REFERENCE,
        factors=np.stack([np.eye(12) / 0.02, np.eye(12) / 0.05]),
        log_determinant=24 * np.log([0.02, 0.05]),
        log_prior=np.log([0.6, 0.4]),
    )


def prior_draws(shape: Shape, count: int) -> dict[str, np.ndarray]:
    with jax.enable_x64(True):
        draws = Predictive(score_model, num_samples=count)(jax.random.PRNGKey(0), shape, data())
    return {name: np.asarray(value) for name, value in draws.items()}


@pytest.mark.parametrize("shape", shapes_of(0.25), ids=lambda shape: shape.name)
def test_prior_draws_of_the_model_are_those_of_the_shape(shape):
    # The sampler maps standard normal points to coordinates itself: both must be one prior.
    draws = prior_draws(shape, 4000)
    ours = shape.coordinates(np.random.default_rng(0).standard_normal((4000, len(shape.priors))))
    for name, values in ours.items():
        levels = (0.1, 0.5, 0.9)
        spread = np.std(np.log(values)) if isinstance(shape.priors[name], LogNormal) else np.std(values)
        scale = np.log if isinstance(shape.priors[name], LogNormal) else np.asarray
        difference = np.quantile(scale(draws[name]), levels) - np.quantile(scale(values), levels)
        assert np.abs(difference).max() < 0.12 * spread  # 4 Monte Carlo errors of a quantile from 4,000 draws
    assert draws["rise_at_lowest"].min() >= shape.rise[0]
    assert draws["rise_at_lowest"].max() <= shape.rise[1]
    expected = np.sqrt(0.7 * floor_scales(0.25)[0] ** 2 + 0.3 * floor_scales(0.25)[1] ** 2)
    assert draws["floor_offset"].std() == pytest.approx(expected, rel=0.1)


def test_any_link_can_be_the_argument():
    constant = Shape("constant", link_class("constant"), 1.0, (0.0, 1.0), {})
    assert set(prior_draws(constant, 10)) >= {"floor_offset", "rise_at_lowest"}


def test_every_prior_of_a_shape_is_one_the_sampler_can_map():
    for shape in shapes_of(0.5):
        assert all(isinstance(spec, Uniform | LogNormal) for spec in shape.priors.values())


def test_the_flat_shape_cannot_grow_into_an_emergence_below_the_data():
    flat = shapes_of(0.25)[0]
    draws = prior_draws(flat, 2000)
    link = flat.link.from_reference({**draws}, REFERENCE)
    # Half of the drift's rise at least lies inside the data, so that the whole is less than twice the onset's points.
    assert np.abs(link.limit_lift()).max() <= 0.06 + 1e-12
