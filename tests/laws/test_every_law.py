"""The contract that every law passes by being found."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling._pytree import field_values
from scaling.errors import InvalidInput, NotFound, Unanswerable
from scaling.laws import AbstractSeparableLaw, Reference, law_class, law_classes

REFERENCE = Reference(n=3e8, d=6e9, loss=2.9)
LAWS = tuple(law_classes().values())

names = st.sampled_from(sorted(law_classes()))
sizes = st.floats(1e6, 1e12)
tokens = st.floats(1e8, 1e14)
uniforms = st.lists(st.floats(0.02, 0.98), min_size=12, max_size=12)


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
    return chosen.from_reference(coordinates, REFERENCE)


@given(names, uniforms, sizes, tokens)
def test_loss_falls_with_every_variable_and_stays_above_its_limit(name, levels, n, d):
    law = law_from_prior(name, levels)
    here = law.loss(n, d)
    if "n" in law.variables:
        assert law.loss(2 * n, d) < here
    if "d" in law.variables:
        assert law.loss(n, 2 * d) < here
    assert law.limit() < here
    assert law.loss(1e300, 1e300) == pytest.approx(law.limit(), rel=1e-6)


@given(names, uniforms, sizes, tokens)
def test_size_at_and_tokens_at_invert_the_loss(name, levels, n, d):
    law = law_from_prior(name, levels)
    loss = law.loss(n, d)
    if "n" in law.variables:
        assert law.loss(law.size_at(loss, d), d) == pytest.approx(loss, rel=1e-9)
    if "d" in law.variables:
        assert law.loss(n, law.tokens_at(loss, n)) == pytest.approx(loss, rel=1e-9)
    ratio = d / n
    assert law.loss(law.size_at_ratio(loss, ratio), ratio * law.size_at_ratio(loss, ratio)) == pytest.approx(
        loss, rel=1e-9
    )


@given(names, uniforms)
def test_nothing_reaches_a_loss_at_or_below_the_limit(name, levels):
    law = law_from_prior(name, levels)
    floor = law.limit()
    if "n" in law.variables:
        assert np.isinf(law.size_at(floor, 1e12))
        assert np.isinf(law.size_at(0.9 * floor, 1e12))
    if "d" in law.variables:
        assert np.isinf(law.tokens_at(0.9 * floor, 1e12))
    assert np.isinf(law.size_at_ratio(0.9 * floor, 20.0))


@given(names, uniforms)
def test_reference_coordinates_come_back(name, levels):
    law = law_from_prior(name, levels)
    again = type(law).from_reference(law.at_reference(REFERENCE), REFERENCE)
    for field, value in field_values(law).items():
        assert getattr(again, field) == pytest.approx(value, rel=1e-9)


@given(names, uniforms, sizes, tokens)
def test_numpy_and_jax_agree(name, levels, n, d):
    law = law_from_prior(name, levels)
    with jax.enable_x64(True), jax.numpy_rank_promotion("raise"):
        same = type(law)(**{field: jnp.asarray(value) for field, value in field_values(law).items()})
        for answer in ("loss", "log_loss"):
            under_jax = jax.jit(lambda law, n, d, answer=answer: getattr(law, answer)(n, d))(same, n, d)
            assert float(under_jax) == pytest.approx(float(getattr(law, answer)(n, d)), rel=1e-12)


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_a_draw_axis_is_a_posterior(law_type):
    middle = law_from_prior(law_type.name, [0.5] * 12)
    draws = type(middle)(**{field: np.asarray([value, value]) for field, value in field_values(middle).items()})
    loss = draws[..., np.newaxis].loss(np.asarray([1e8, 1e9, 1e10]), np.asarray([1e10, 1e10, 1e10]))
    assert loss.shape == (2, 3)
    with jax.enable_x64(True):
        under_jax = type(middle)(**{f: jnp.asarray(v) for f, v in field_values(draws).items()})
        mapped = jax.vmap(lambda law: law.loss(1e9, 1e10))(under_jax)
    assert np.asarray(mapped) == pytest.approx(loss[:, 1], rel=1e-12)


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_a_law_says_what_it_is(law_type):
    assert law_type.citation.url.startswith("https://")
    assert law_type.__doc__
    assert [spec.name for spec in law_type.coefficients] == list(
        field_values(law_from_prior(law_type.name, [0.5] * 12))
    )
    assert set(law_type.variables) <= {"n", "d"}


@pytest.mark.parametrize("law_type", LAWS, ids=lambda law: law.name)
def test_separable_columns_rebuild_the_loss(law_type):
    if not issubclass(law_type, AbstractSeparableLaw):
        pytest.skip("not linear in any coefficient")
    law = law_from_prior(law_type.name, [0.3, 0.6, 0.4, 0.7, 0.55] + [0.5] * 7)
    coordinates = law.at_reference(REFERENCE)
    shape = {name: coordinates[name] for name in law_type.shape_coordinates}
    n, d = np.asarray([1e7, 2e8, 4e9, 5e9, 6e10]), np.asarray([1e9, 5e9, 2e10, 3e11, 9e11])
    columns = law_type.columns(shape, n, d, REFERENCE)
    terms, *_ = np.linalg.lstsq(columns, law.loss(n, d), rcond=None)
    assert columns @ terms == pytest.approx(law.loss(n, d), rel=1e-9)
    rebuilt = law_type.from_reference(law_type.coordinates_from_terms(shape, terms, REFERENCE), REFERENCE)
    assert rebuilt.loss(n, d) == pytest.approx(law.loss(n, d), rel=1e-8)


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
        law_from_prior(name, [0.5] * 12).optimum(1e22)
