"""The contract that every curve law passes by being found, and the limits that its formula has."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling._pytree import field_values
from scaling.curves import CurveReference, curve_law_class, curve_law_classes, nodes_at
from scaling.curves.annealed import AnnealedLaw
from scaling.curves.multi_power import MultiPowerLaw
from scaling.curves.schedule import annealing_area, constant, cosine, drops, two_stage
from scaling.errors import InvalidInput, NotFound

REFERENCE = CurveReference(area=3.0, rate=3e-4, loss=3.2)
COSINE = cosine(6000, 3e-4, final=3e-5, warmup=500)
FALLING = nodes_at(COSINE, [1000, 3000, 5999])
FLAT = nodes_at(constant(6000, 3e-4, warmup=500), [1000, 3000, 5999])

names = st.sampled_from(sorted(curve_law_classes()))
normals = st.lists(st.floats(-1.5, 1.5), min_size=7, max_size=7)


def law_from_prior(name: str, levels: list[float]):
    """A law whose reference coordinates lie at these standard normal quantiles of their priors."""
    chosen, coordinates = curve_law_class(name), {}
    for (coordinate, spec), level in zip(chosen.priors.items(), levels, strict=False):
        if spec.kind == "normal":
            coordinates[coordinate] = spec.loc + spec.scale * level
        elif spec.kind == "log_normal":
            coordinates[coordinate] = spec.median * np.exp(spec.scale * level)
        else:
            coordinates[coordinate] = 1 / (1 + np.exp(-(spec.loc + spec.scale * level)))
    return chosen.from_reference(coordinates, REFERENCE)


@given(names, normals)
def test_a_constant_rate_is_the_power_law_of_the_area_alone(name, levels):
    law = law_from_prior(name, levels)
    assert np.all(law.response(FLAT) == 0.0)
    assert law.loss(FLAT) == pytest.approx(law.l_inf + law.a * FLAT.area**-law.alpha, rel=1e-12)


@given(names, normals)
def test_annealing_lowers_the_loss_at_equal_area_and_never_more_than_its_full_response(name, levels):
    law = law_from_prior(name, levels)
    response = law.response(FALLING)
    assert np.all(np.diff(response) > 0)
    assert np.all(response > 0)
    full = law.at_reference(REFERENCE)["response"] * law.trend(nodes_at(constant(10000, 3e-4), [9999]))[0]
    assert response[-1] < full * 2  # of the fall to a tenth; the trend differs little between the two places


@given(names, normals)
def test_reference_coordinates_come_back(name, levels):
    law = law_from_prior(name, levels)
    again = type(law).from_reference(law.at_reference(REFERENCE), REFERENCE)
    for field, value in field_values(law).items():
        assert getattr(again, field) == pytest.approx(value, rel=1e-9)


@settings(max_examples=20)
@given(names, normals)
def test_numpy_and_jax_agree_and_the_gradient_is_finite(name, levels):
    law = law_from_prior(name, levels)
    with jax.enable_x64(True):
        same = jax.tree.map(jnp.asarray, law)
        nodes = jax.tree.map(jnp.asarray, FALLING)
        assert np.asarray(same.loss(nodes)) == pytest.approx(law.loss(FALLING), rel=1e-12)
        slopes = jax.grad(lambda law: jnp.sum(law.loss(nodes)))(same)
        assert all(np.isfinite(value) for value in field_values(slopes).values())


@given(names, normals)
def test_a_draw_axis_is_a_posterior(name, levels):
    law = law_from_prior(name, levels)
    draws = type(law)(**{field: np.asarray([value, value]) for field, value in field_values(law).items()})
    assert draws[..., None].loss(FALLING) == pytest.approx(np.stack([law.loss(FALLING)] * 2), rel=1e-12)


def test_a_law_says_what_it_is_and_refuses_what_it_is_not():
    for law in curve_law_classes().values():
        assert law.citation.url.startswith("https://")
        assert {spec.name for spec in law.coefficients} == set(field_values(law_from_prior(law.name, [0.0] * 7)))
        assert set(law.annealing_coordinates) < set(law.priors)
    with pytest.raises(NotFound, match="annealed, multi_power"):
        curve_law_class("newton")
    with pytest.raises(InvalidInput, match="alpha"):
        AnnealedLaw.from_coefficients({"l_inf": 3.0, "a": 0.5, "alpha": -1.0, "c": 0.4, "memory": 999.0})
    with pytest.raises(InvalidInput, match="missing"):
        MultiPowerLaw.from_coefficients({"l_inf": 3.0})


def test_the_annealed_law_is_its_published_recursion():
    momentum = 0.999
    law = AnnealedLaw(l_inf=2.6, a=0.6, alpha=0.4, c=0.5, memory=momentum / (1 - momentum))
    steps = [1000, 3000, 5999]
    fallen = np.where(np.arange(6000) > 500, drops(COSINE.rates), 0.0)
    expected = 2.6 + 0.6 * COSINE.area()[steps] ** -0.4 - 0.5 * annealing_area(fallen, momentum)[steps]
    assert law.loss(FALLING) == pytest.approx(expected, abs=1e-8)


def test_a_fall_is_answered_in_full_after_long_enough():
    # G -> 1: the loss falls by B x drop, more slowly the smaller beta; after 1e6 steps (1 + Cx)^-beta is 1.4e-3.
    law = MultiPowerLaw(l_inf=3.0, a=0.5, alpha=0.5, b=360.0, c=2.0, beta=0.58, gamma=0.64)
    nodes = nodes_at(two_stage(1_000_000, 3e-4, second=1.5e-4, switch=1000), [999, 999_999])
    before, after = law.response(nodes)
    assert before == 0.0
    assert after == pytest.approx(360.0 * 1.5e-4, rel=2e-3)
