"""The contract that every law passes by being found."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling._pytree import field_values
from scaling.errors import InvalidInput, NotFound, Unanswerable
from scaling.laws import AbstractLaw, AbstractSeparableLaw, Reference, law_class, law_classes

N, D, LOSS = 3e8, 6e9, 2.9
LAWS = tuple(law_classes().values())

names = st.sampled_from(sorted(law_classes()))
sizes = st.floats(1e6, 1e12)
tokens = st.floats(1e8, 1e14)
levels_of = st.floats(0.0, 1.0)
uniforms = st.lists(st.floats(0.02, 0.98), min_size=20, max_size=20)


def covariates_of(law, level: float) -> dict[str, float]:
    """Every covariate of a law at this share of its usual range, in logarithms."""
    return {
        spec.name: float(np.exp(np.log(spec.usual[0]) + level * np.log(spec.usual[1] / spec.usual[0])))
        for spec in law.covariates
    }


def reference_of(law) -> Reference:
    return Reference(n=N, d=D, loss=LOSS, covariates=covariates_of(law, 0.5))


def has_optimum(law) -> bool:
    return type(law).optimum is not AbstractLaw.optimum


def law_from_prior(name: str, levels: list[float]):
    """A law whose reference coordinates are these quantiles of their priors."""
    from scaling.priors import distribution

    chosen = law_class(name)
    coordinates = {}
    for (coordinate, spec), level in zip(chosen.priors.items(), levels, strict=False):
        base = distribution(spec)
        normal = np.asarray(jax.scipy.stats.norm.ppf(level))
        if spec.kind == "normal":
            coordinates[coordinate] = spec.loc + spec.scale * float(normal)
        elif spec.kind == "log_normal":
            coordinates[coordinate] = spec.median * float(np.exp(spec.scale * normal))
        else:
            coordinates[coordinate] = float(1 / (1 + np.exp(-(spec.loc + spec.scale * normal))))
        assert np.isfinite(float(base.log_prob(coordinates[coordinate])))
    return chosen.from_reference(coordinates, reference_of(chosen))


@given(names, uniforms, sizes, tokens, levels_of)
def test_loss_never_rises_with_size_or_tokens_and_stays_above_its_limit(name, levels, n, d, level):
    law = law_from_prior(name, levels)
    given = covariates_of(law, level)
    here = law.loss(n, d, **given)
    assert law.limit(**given) <= here
    if law.falls_throughout:
        assert law.loss(2 * n, d, **given) <= here * (1 + 1e-12)
        assert law.loss(n, 2 * d, **given) <= here * (1 + 1e-12)
        assert law.loss(1e300, 1e300, **given) == pytest.approx(law.limit(**given), rel=1e-6, abs=0.01)


@given(names, uniforms)
def test_loss_falls_with_the_variables_of_the_law_and_with_no_other(name, levels):
    law = law_from_prior(name, levels)
    # The most tokens, experts and bits: here no law has saturated.
    given = covariates_of(law, 1.0)
    n, d = 1e7, 6e9
    here = law.loss(n, d, **given)
    assert (law.loss(2 * n, d, **given) < here) == ("n" in law.variables)
    assert (law.loss(n, 2 * d, **given) < here) == ("d" in law.variables)


@given(names, uniforms, sizes, tokens, levels_of)
def test_size_at_and_tokens_at_invert_the_loss(name, levels, n, d, level):
    law = law_from_prior(name, levels)
    given = covariates_of(law, level)
    loss = law.loss(n, d, **given)
    if "n" in law.variables:
        size = law.size_at(loss, d, **given)
        assert law.loss(size, d, **given) == pytest.approx(loss, rel=1e-9) or size == 1.0
        assert law.loss(size, d, **given) <= loss * (1 + 1e-9)
        # Where the loss is flat to 1e-12 the smallest size is lost in rounding: `repeated` at few unique tokens.
        assert size <= n * (1 + 1e-6) or law.loss(size, d, **given) == pytest.approx(loss, rel=1e-12)
    if "d" in law.variables:
        fewest = law.tokens_at(loss, n, **given)
        assert law.loss(n, fewest, **given) == pytest.approx(loss, rel=1e-9)
        assert fewest <= d * (1 + 1e-6) or law.loss(n, fewest, **given) == pytest.approx(loss, rel=1e-12)
    ratio = d / n
    size = law.size_at_ratio(loss, ratio, **given)
    assert law.loss(size, ratio * size, **given) == pytest.approx(loss, rel=1e-9) or size == 1.0
    assert law.loss(size, ratio * size, **given) <= loss * (1 + 1e-9)


@given(names, uniforms, levels_of)
def test_nothing_reaches_a_loss_at_or_below_the_limit(name, levels, level):
    law = law_from_prior(name, levels)
    given = covariates_of(law, level)
    below = 0.9 * law.limit(**given)
    if "n" in law.variables:
        assert np.isinf(law.size_at(law.limit(**given) * (1 - 1e-12), 1e12, **given))
        assert np.isinf(law.size_at(below, 1e12, **given))
    if "d" in law.variables:
        assert np.isinf(law.tokens_at(below, 1e12, **given))
    assert np.isinf(law.size_at_ratio(below, 20.0, **given))


@given(names, uniforms, st.floats(1e18, 1e25), levels_of)
def test_the_optimum_is_the_lowest_loss_of_its_budget(name, levels, c, level):
    law = law_from_prior(name, levels)
    if not has_optimum(law):
        return
    given = covariates_of(law, level)
    n, d = law.optimum(c, **given)
    assert 6 * n * d == pytest.approx(c, rel=1e-9)
    sizes_tried = np.exp(np.linspace(0.0, np.log(c / 6), 4001))
    losses = law.log_loss(sizes_tried, c / (6 * sizes_tried), **given)
    if not law.falls_throughout:  # where it first turns up; beyond, the form may mean nothing
        rises = np.flatnonzero(np.diff(losses) > 0)
        losses = losses[: rises[0] + 1] if len(rises) else losses
    assert law.log_loss(n, d, **given) <= losses.min() + 1e-9


@given(names, uniforms, st.floats(1e19, 1e24), levels_of)
def test_least_compute_inverts_the_loss_at_the_optimum(name, levels, c, level):
    law = law_from_prior(name, levels)
    if not has_optimum(law):
        return
    given = covariates_of(law, level)
    loss = law.loss(*law.optimum(c, **given), **given)
    least = law.compute_at(loss, **given)
    assert law.loss(*law.optimum(least, **given), **given) == pytest.approx(loss, rel=1e-8)
    assert least <= c * (1 + 1e-3)


@given(names, uniforms)
def test_reference_coordinates_come_back(name, levels):
    law = law_from_prior(name, levels)
    again = type(law).from_reference(law.at_reference(reference_of(law)), reference_of(law))
    assert set(law.at_reference(reference_of(law))) == set(law.priors)
    for field, value in field_values(law).items():
        assert getattr(again, field) == pytest.approx(value, rel=1e-9, abs=1e-12)


@cache
def both_under_jax(law_type):
    """Loss and its logarithm, compiled once a law."""
    return jax.jit(lambda law, n, d, given: (law.loss(n, d, **given), law.log_loss(n, d, **given)))


@given(names, uniforms, sizes, tokens, levels_of)
def test_numpy_and_jax_agree(name, levels, n, d, level):
    law = law_from_prior(name, levels)
    given = covariates_of(law, level)
    with jax.enable_x64(True), jax.numpy_rank_promotion("raise"):
        same = type(law)(**{field: jnp.asarray(value) for field, value in field_values(law).items()})
        loss, log_loss = both_under_jax(type(law))(same, n, d, given)
    assert float(loss) == pytest.approx(float(law.loss(n, d, **given)), rel=1e-12)
    assert float(log_loss) == pytest.approx(float(law.log_loss(n, d, **given)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_the_gradient_in_reference_coordinates_is_finite_and_right(law_type):
    # Small and large, few and many tokens, at low and high covariates: on both sides of what laws switch at.
    n, d = np.asarray([1e7, 1e7, 1e11, 1e11, N]), np.asarray([1e9, 1e13, 1e9, 1e13, D])
    law = law_from_prior(law_type.name, [0.4] * 20)
    levels = [covariates_of(law, level) for level in (0.9, 0.1, 0.1, 0.9, 0.5)]
    given = {name: np.asarray([each[name] for each in levels]) for name in levels[0]}

    def log_loss(coordinates):
        return law_type.from_reference(coordinates, reference_of(law)).log_loss(n, d, **given)

    coordinates = {key: np.asarray(value) for key, value in law.at_reference(reference_of(law)).items()}
    with jax.enable_x64(True):
        # Backwards: a branch not taken puts NaN into a reverse gradient alone.
        gradients = jax.jit(jax.jacrev(log_loss))({key: jnp.asarray(value) for key, value in coordinates.items()})
    for key, value in coordinates.items():
        step = 1e-6 * max(abs(value), 1e-2)
        up, down = (log_loss({**coordinates, key: value + s}) for s in (step, -step))
        assert np.isfinite(np.asarray(gradients[key])).all(), key
        assert np.asarray(gradients[key]) == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-4), key


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_a_draw_axis_is_a_posterior(law_type):
    middle = law_from_prior(law_type.name, [0.5] * 20)
    given = {name: np.asarray([0.5, 1.0, 1.0]) * value for name, value in covariates_of(middle, 0.8).items()}
    draws = type(middle)(**{field: np.asarray([value, value]) for field, value in field_values(middle).items()})
    loss = draws[..., np.newaxis].loss(np.asarray([1e8, 1e9, 1e10]), np.asarray([1e10, 1e10, 1e10]), **given)
    assert loss.shape == (2, 3)
    with jax.enable_x64(True):
        under_jax = type(middle)(**{f: jnp.asarray(v) for f, v in field_values(draws).items()})
        mapped = jax.vmap(lambda law: law.loss(1e9, 1e10, **{name: value[1] for name, value in given.items()}))(
            under_jax
        )
    assert np.asarray(mapped) == pytest.approx(loss[:, 1], rel=1e-12)


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_a_law_says_what_it_is(law_type):
    assert law_type.citation.url.startswith("https://")
    assert law_type.__doc__
    assert [spec.name for spec in law_type.coefficients] == list(
        field_values(law_from_prior(law_type.name, [0.5] * 20))
    )
    assert set(law_type.variables) <= {"n", "d"}


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_separable_columns_rebuild_the_loss(law_type):
    if not issubclass(law_type, AbstractSeparableLaw):
        pytest.skip("not linear in any coefficient")
    law = law_from_prior(law_type.name, [0.3, 0.6, 0.4, 0.7, 0.55] + [0.5] * 15)
    coordinates = law.at_reference(reference_of(law))
    shape = {name: coordinates[name] for name in law_type.shape_coordinates}
    n, d = np.asarray([1e7, 2e8, 4e9, 5e9, 6e10, 1e8, 3e9]), np.asarray([1e9, 5e9, 2e10, 3e11, 9e11, 1e12, 2e9])
    levels = np.asarray([0.1, 0.3, 0.05, 0.9, 0.5, 0.2, 1.0])
    given = {name: np.asarray([covariates_of(law, level)[name] for level in levels]) for name in covariates_of(law, 0)}
    columns = law_type.columns(shape, n, d, reference_of(law), **given)
    expected = law.loss(n, d, **given)
    terms, *_ = np.linalg.lstsq(columns / expected[:, np.newaxis], np.ones_like(expected), rcond=None)
    assert columns @ terms == pytest.approx(expected, rel=1e-9)
    rebuilt = law_type.from_reference(
        law_type.coordinates_from_terms(shape, terms, reference_of(law)), reference_of(law)
    )
    assert rebuilt.loss(n, d, **given) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_the_search_for_shapes_starts_inside_the_priors(law_type):
    if not issubclass(law_type, AbstractSeparableLaw):
        pytest.skip("not linear in any coefficient")
    from scaling.priors import distribution

    for name in law_type.shape_coordinates:
        grid = law_type.shape_grid(name, 5)
        assert len(np.unique(grid)) == 5
        assert np.isfinite(np.asarray(distribution(law_type.priors[name]).log_prob(grid))).all()


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_a_missing_covariate_is_named(law_type):
    law = law_from_prior(law_type.name, [0.5] * 20)
    for spec in law.covariates:
        others = {name: value for name, value in covariates_of(law, 0.5).items() if name != spec.name}
        for ask in (lambda: law.loss(1e9, 1e10, **others), lambda: law.size_at_ratio(3.0, 20.0, **others)):  # noqa: B023
            with pytest.raises(InvalidInput, match=f"{spec.name}: missing"):
                ask()
        with pytest.raises(InvalidInput, match=spec.name):
            law_type.checked_covariates({**others, spec.name: -1.0})
        assert law_type.checked_covariates({**others, spec.name: spec.usual[0]})[spec.name] == spec.usual[0]
    assert law.loss(1e9, 1e10, **covariates_of(law, 0.5), colour=3.0) == law.loss(1e9, 1e10, **covariates_of(law, 0.5))


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_coefficients_in_and_out(law_type):
    law = law_from_prior(law_type.name, [0.4] * 20)
    coefficients = law.to_coefficients()
    again = law_type.from_coefficients(coefficients)
    assert field_values(again) == pytest.approx(field_values(law))
    first = law_type.coefficients[0].name
    with pytest.raises(InvalidInput, match=f"{first}: missing"):
        law_type.from_coefficients({name: value for name, value in coefficients.items() if name != first})
    for spec in law_type.coefficients:
        with pytest.raises(InvalidInput, match=f"{spec.name}: nan given"):
            law_type.from_coefficients({**coefficients, spec.name: np.nan})
        if spec.positive:
            with pytest.raises(InvalidInput, match=f"{spec.name}: 0.* given, a number above zero"):
                law_type.from_coefficients({**coefficients, spec.name: 0.0})


def test_an_unknown_law_is_answered_with_those_there_are():
    with pytest.raises(NotFound, match=r"There are: .*chinchilla, .*power, "):
        law_class("chincilla")


def test_every_faulty_coefficient_is_listed():
    with pytest.raises(InvalidInput) as caught:
        law_class("chinchilla").from_coefficients({"l_inf": 1.7, "a": -1.0, "alpha": np.nan, "betta": 0.3, "beta": 0.3})
    assert {violation.field for violation in caught.value.violations} == {"a", "alpha", "b", "betta"}


@pytest.mark.parametrize("name", ["power", "power_tokens", "power_compute"])
def test_a_law_without_an_optimum_says_so(name):
    with pytest.raises(Unanswerable, match="compute-optimal"):
        law_from_prior(name, [0.5] * 20).optimum(1e22)
