"""Floor and rise integrated exactly: the likelihood against NumPyro's density on a fine grid."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy.stats import norm

from scaling.inference.score import Prepared, ScoreSettings, model_data, prepare
from scaling.inference.score_noise import TypicalCurve, gathered, scale_grid, whitening
from scaling.models.score import score_model
from scaling.models.shapes import shapes_of


def prepared(*, rise: float = 0.2, chance: float = 0.25, seed: int = 3) -> Prepared:
    rng = np.random.default_rng(seed)
    runs = []
    for count in (7, 9):
        loss = np.sort(rng.uniform(2.5, 4.0, count))[::-1]
        typical = chance + rise * np.clip((3.2 - loss) / 0.7, 0, 1)
        runs.append((loss, typical + 0.015 * rng.standard_normal(count), np.full(count, 800.0)))
    rows = gathered(runs, chance=chance, most=40)
    return prepare(rows, settings=ScoreSettings(max_noise_scales=4), rng=rng)


@pytest.mark.parametrize("name", ["flat", "threshold", "smooth", "dip_then_rise", "fall"])
def test_the_integral_is_that_of_the_numpyro_model(name):
    given = prepared()
    shape = next(shape for shape in given.shapes if shape.name == name)
    points = 0.7 * np.random.default_rng(0).standard_normal((3, len(shape.priors)))
    coordinates = shape.coordinates(points)
    found = given.likelihood(shape)(points)
    data = model_data(given)
    floor = np.linspace(-0.4, 0.4, 401)
    nodes, weight = np.polynomial.legendre.leggauss(200)
    half = 0.5 * (shape.rise[1] - shape.rise[0])
    rise, cell = shape.rise[0] + half * (nodes + 1.0), half * (floor[1] - floor[0])
    with jax.enable_x64(True):

        def joint(f, r, at):
            values = {**at, "floor_offset": f, "rise_at_lowest": r}
            return log_density(score_model, (shape, data), {}, values)[0]

        for index in range(3):
            at = {key: jnp.asarray(value[index]) for key, value in coordinates.items()}
            over_rise = jax.vmap(joint, in_axes=(None, 0, None))
            grid = np.asarray(jax.jit(jax.vmap(over_rise, in_axes=(0, None, None)))(floor, rise, at))
            # What the density of the shape coordinates themselves adds: it does not depend on floor and rise.
            prior = sum(float(_log_prior(shape, key, value)) for key, value in at.items())
            top = grid.max()
            integral = top + np.log(np.sum(np.exp(grid - top) * weight) * cell)
            assert found[index] == pytest.approx(integral - prior, abs=1e-4)  # of the quadrature


def _log_prior(shape, name, value):
    from scaling.priors import distribution

    return distribution(shape.priors[name]).log_prob(value)


def test_completed_draws_have_the_moments_of_the_integrand():
    given = prepared()
    shape = next(shape for shape in given.shapes if shape.name == "threshold")
    likelihood = given.likelihood(shape)
    one = np.array([[0.1, -0.2, 0.3]])
    floor, rise, scale = likelihood.complete(np.repeat(one, 20_000, axis=0), rng=np.random.default_rng(0))
    weights = np.exp(likelihood.by_scale(one)[:, 0])
    shares = np.bincount(scale, minlength=len(weights)) / 20_000
    assert shares == pytest.approx(weights / weights.sum(), abs=0.015)  # 4 Monte Carlo errors
    assert np.all((rise >= shape.rise[0]) & (rise <= shape.rise[1]))
    # Given the rise the floor is what is left of the scores: their sum's spread is that of a mean of 16 scores.
    assert np.corrcoef(floor, rise)[0, 1] < -0.1
    assert floor.std() < 0.02


def test_the_likelihood_stays_finite_far_in_the_tails():
    given = prepared(rise=0.5)
    for shape in given.shapes:
        far = 6.0 * np.random.default_rng(1).standard_normal((200, len(shape.priors)))
        assert not np.isnan(given.likelihood(shape)(far)).any()


def test_averaging_neighbours_keeps_the_evidence_and_its_correlation():
    # 40 checkpoints of a straight line against their averages in 10: the same line is as likely up to the
    # constant that the averages' smaller number of residuals makes; so differences between lines must agree.
    rng = np.random.default_rng(0)
    loss = np.linspace(4.0, 2.5, 40)
    walk = np.zeros(40)
    for index in range(1, 40):
        walk[index] = 0.9 * walk[index - 1] + 0.02 * rng.standard_normal()
    run = (loss, 0.3 + 0.1 * (4.0 - loss) + walk, np.full(40, 1000.0))
    quadratic = []
    for most in (40, 10):
        rows = gathered([run], chance=0.25, most=most)
        assert len(rows.loss) == most
        scales = scale_grid(1.5).take(np.array([100]))
        noise = whitening(rows, scales, TypicalCurve(np.array([2.0, 5.0]), np.array([0.4, 0.4])))
        lines = 0.3 + np.array([[0.1], [0.15]]) * (4.0 - rows.loss)
        white = (rows.score - lines) @ noise.factors[0][0].T
        square = (white**2).sum(axis=1)
        quadratic.append(square[1] - square[0])
    assert quadratic[1] == pytest.approx(quadratic[0], rel=0.15)


def test_covariance_is_that_of_the_scatter_it_states():
    # Monte Carlo of the model itself: intercept + AR(1) + white on the logit, to first order, plus the shift.
    rows = gathered([(np.linspace(4, 3, 12), np.full(12, 0.5), np.full(12, 1e9))], chance=0.25, most=4)
    scales = scale_grid(1.0).take(np.array([150]))
    line = TypicalCurve(np.array([0.0, 8.0]), np.array([1.0, 0.0]))
    typical, slope = line.about(rows.loss, scales.shift[0])
    assert slope == pytest.approx(1.0 / 8.0)
    factor = whitening(rows, scales, line).factors[0][0]
    covariance = np.linalg.inv(factor.T @ factor)
    rng = np.random.default_rng(0)
    draws = 40_000
    logit = scales.run[0] * rng.standard_normal((draws, 1)) + scales.white[0] * rng.standard_normal((draws, 12))
    walk = np.empty((draws, 12))
    walk[:, 0] = rng.standard_normal(draws)
    rho = scales.correlation[0]
    for index in range(1, 12):
        walk[:, index] = rho * walk[:, index - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(draws)
    mean = np.equal.outer(np.arange(4), rows.checkpoints[0]) / np.bincount(rows.checkpoints[0])[:, None]
    to_score = typical * (1 - typical)
    score = to_score * ((logit + scales.walk[0] * walk) @ mean.T)
    simulated = score + scales.shift[0] * rng.standard_normal((draws, 1)) * slope
    assert np.cov(simulated.T) == pytest.approx(covariance, rel=0.05, abs=1e-6)


def test_truncated_mass_is_exact_in_both_tails():
    from scaling.inference.score_likelihood import _log_normal_mass

    low, high = np.array([-1.0, 5.0, -9.0, 30.0]), np.array([2.0, 6.0, -8.0, 31.0])
    exact = [np.log(norm.cdf(2) - norm.cdf(-1)), np.log(norm.sf(5) - norm.sf(6)), np.log(norm.cdf(-8) - norm.cdf(-9))]
    found = _log_normal_mass(low, high)
    assert found[:3] == pytest.approx(exact, rel=1e-9)
    assert found[3] == pytest.approx(norm.logsf(30), abs=1e-9)


def test_a_shape_without_room_is_left_out():
    assert {shape.name for shape in shapes_of(0.0)} == {"flat", "threshold", "smooth"}
    for chance in (0.0, 0.02, 0.25, 0.5):
        assert sum(shape.probability for shape in shapes_of(chance)) == pytest.approx(1.0)
