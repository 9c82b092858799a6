"""The contract that every link passes, found and not listed."""

import subprocess
import sys

import numpy as np
import pytest

from scaling.errors import InvalidInput, NotFound
from scaling.links import AbstractLink, LinkReference, link_class, link_classes
from scaling.prior_specs import LogNormal, Uniform

REFERENCE = LinkReference(chance=0.25, losses=tuple(np.linspace(2.4, 4.1, 40) ** 1.2))
AXIS = np.linspace(REFERENCE.lowest_loss - 2.0, REFERENCE.losses[-1] + 3.0, 401)
EVERY_LINK = pytest.mark.parametrize("link_type", link_classes().values(), ids=link_classes())


def coordinates(link_type: type[AbstractLink], *, draws: int = 200, rise: float | None = None) -> dict[str, np.ndarray]:
    """Draws of the link's own priors."""
    rng = np.random.default_rng(7)
    found = {"floor_offset": 0.02 * rng.standard_normal(draws), "rise_at_lowest": rng.uniform(0.03, 0.7, draws)}
    if rise is not None:
        found["rise_at_lowest"] = np.full(draws, rise)
    for name, spec in link_type.priors.items():
        if isinstance(spec, LogNormal):
            found[name] = spec.median * np.exp(spec.scale * rng.standard_normal(draws))
        else:
            assert isinstance(spec, Uniform)
            found[name] = rng.uniform(spec.low, spec.high, draws)
    return found


def draws_of(link_type: type[AbstractLink], **settings: float) -> AbstractLink:
    return link_type.from_reference(coordinates(link_type, **settings), REFERENCE)


def test_the_links_of_the_spine_are_found():
    assert {"threshold", "logistic", "constant", "dip"} <= set(link_classes())
    with pytest.raises(NotFound, match="threshold"):
        link_class("treshold")


@EVERY_LINK
def test_a_score_lies_between_0_and_1_and_tends_to_floor_and_limit(link_type):
    link = draws_of(link_type)
    score = link[..., None].score(AXIS)
    assert score.shape == (200, len(AXIS))
    assert np.all((score >= 0) & (score <= 1))
    far = 1e7
    assert np.asarray(link.score(far)) == pytest.approx(np.clip(link.floor_score(), 0, 1), abs=1e-9)
    assert np.asarray(link.score(-far)) == pytest.approx(np.asarray(link.limit()), abs=1e-6)


@EVERY_LINK
def test_loss_at_inverts_score_and_is_the_highest_such_loss(link_type):
    link = draws_of(link_type)
    for points in (0.03, 0.2):
        at = link.loss_at_lift(np.full(200, points))
        found = np.isfinite(at)
        assert np.array_equal(found, np.asarray(link.limit_lift()) > points)
        assert link[found].lift(at[found]) == pytest.approx(np.full(found.sum(), points), abs=1e-7)
        above = at[found][:, None] + np.geomspace(1e-6, 5.0, 60)
        assert np.all(link[found][..., None].lift(above) < points)
        assert link.loss_at(link.floor_score() + points)[found] == pytest.approx(at[found])


@EVERY_LINK
def test_nothing_moves_above_the_threshold(link_type):
    link = draws_of(link_type)
    eta = np.asarray(link.threshold())
    if np.isnan(eta).all():
        return
    # The highest loss at which the score exceeds its floor is below eta, and tends to it with the points asked for.
    onset = link.loss_at_lift(np.full(200, 0.03))
    assert np.all(onset < eta)
    assert np.all(np.asarray(link[..., None].lift(eta[:, None] + np.linspace(0, 5, 50))) <= 0)


@EVERY_LINK
def test_the_score_is_affine_in_floor_and_rise(link_type):
    base = coordinates(link_type)

    def unclipped(**changed):
        link = link_type.from_reference({**base, **changed}, REFERENCE)[..., None]
        return link.floor_score() + link.lift(AXIS)

    zero, one, three = (unclipped(rise_at_lowest=np.full(200, rise)) for rise in (0.0, 1.0, 3.0))
    assert three == pytest.approx(zero + 3.0 * (one - zero), abs=1e-9, rel=1e-9)
    shifted = unclipped(rise_at_lowest=np.zeros(200), floor_offset=base["floor_offset"] + 0.1)
    assert shifted == pytest.approx(zero + 0.1, abs=1e-12)


@EVERY_LINK
def test_rise_at_lowest_is_the_lift_at_the_lowest_loss(link_type):
    if link_type.name == "constant":
        return
    for rise in (0.3, -0.2):
        assert draws_of(link_type, rise=rise).lift(REFERENCE.lowest_loss) == pytest.approx(np.full(200, rise), abs=1e-9)


@EVERY_LINK
def test_numpy_and_jax_agree_and_gradients_are_finite(link_type):
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        given = coordinates(link_type)
        plain = link_type.from_reference(given, REFERENCE)
        under_jax = {name: jnp.asarray(value) for name, value in given.items()}
        traced = jax.jit(lambda c: link_type.from_reference(c, REFERENCE))(under_jax)
        for name, value in plain.to_coefficients().items():
            assert np.asarray(traced.to_coefficients()[name]) == pytest.approx(value, rel=1e-12, abs=1e-12)
        score = jax.jit(lambda link, loss: link.score(loss))(plain[..., None], jnp.asarray(AXIS))
        assert np.asarray(score) == pytest.approx(plain[..., None].score(AXIS), abs=1e-12)

        def total(c):
            return jnp.sum(link_type.from_reference(c, REFERENCE)[..., None].lift(jnp.asarray(AXIS)))

        gradients = jax.grad(total)(under_jax)
        assert all(bool(jnp.all(jnp.isfinite(g))) for g in gradients.values())


@EVERY_LINK
def test_coefficients_round_trip_and_faults_are_all_listed(link_type):
    link = draws_of(link_type)
    again = link_type.from_coefficients(link.to_coefficients())
    assert again[..., None].score(AXIS) == pytest.approx(link[..., None].score(AXIS))
    assert [spec.name for spec in link_type.coefficients] == list(link.to_coefficients())
    with pytest.raises(InvalidInput, match="floor") as caught:
        link_type.from_coefficients({"floor": float("nan"), "wrong": 1.0})
    assert len(caught.value.violations) == len(link_type.coefficients) + 1
    assert link_type.citation.url.startswith("https://")
    assert link_type.formula.startswith("p(L) =")


def test_links_import_neither_jax_nor_pandas():
    code = (
        "import sys; from scaling.links import link_classes; link_classes();"
        "import scaling.emergence, scaling.metrics, scaling.posterior;"
        "found = {'jax', 'numpyro', 'pandas'} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
