"""The walk: known at its knots, linear between, growing beyond, the same however it is asked."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.laws import law_class
from scaling.posterior import KNOTS, Axis, FormError, form_axes, knot_weights, walk_steps

N, D = np.geomspace(1e7, 1e9, 12), np.geomspace(1e9, 1e11, 12)
AXES = form_axes(law_class("chinchilla"), N, D, {})


def walk(*, draws: int = 50, scale: float = 0.01) -> FormError:
    rng = np.random.default_rng(0)
    shape = (draws, len(AXES))
    return FormError(
        AXES, np.full(draws, scale), rng.standard_normal((*shape, KNOTS)), rng.standard_normal((*shape, 2))
    )


def test_axes_are_what_the_law_depends_on():
    assert [axis.name for axis in AXES] == ["n", "d", "nd"]
    assert [axis.name for axis in form_axes(law_class("power"), N, D, {})] == ["n"]
    assert [axis.name for axis in form_axes(law_class("power_compute"), N, D, {})] == ["nd"]
    # All runs on as many tokens: nothing is known or said about tokens as such.
    assert [axis.name for axis in form_axes(law_class("chinchilla"), N, np.full(12, 1e10), {})] == ["n", "nd"]


def test_points_and_draws_get_the_same_error():
    error = walk()
    n, d = np.geomspace(1e5, 1e12, 50), np.geomspace(1e13, 1e7, 50)
    assert np.diag(error.at(n, d)) == pytest.approx(error.of_draws(n, d), abs=1e-12)


def test_levels_are_reached_at_the_knots_and_weights_sum_to_one():
    axis = Axis("n", 0.0, 7.0)
    at_knots = np.linspace(0.0, 7.0, KNOTS)
    assert knot_weights(at_knots, axis) == pytest.approx(np.eye(KNOTS), abs=1e-12)
    places = np.asarray([-3.0, 0.4, 6.99, 12.0])
    assert knot_weights(places, axis).sum(axis=1) == pytest.approx(1.0)


def test_steps_make_a_walk_of_unit_variance_an_e_fold():
    axis = Axis("n", 0.0, 7.0)
    levels = walk_steps(axis) @ np.random.default_rng(1).standard_normal((KNOTS - 1, 20_000))
    # One e-fold between knots; Monte Carlo error of a standard deviation .5 %.
    assert np.std(np.diff(levels, axis=0), axis=1) == pytest.approx(1.0, rel=0.03)


def test_taking_draws_takes_every_part():
    kept = np.asarray([3, 7])
    assert walk().take(kept).at(N, D) == pytest.approx(walk().at(N, D)[kept])


def test_no_error_is_none_anywhere():
    none = FormError.none(4)
    assert np.all(none.at(N, D) == 0.0)
    assert np.all(none.of_draws(np.full(4, 1e14), np.full(4, 1e14)) == 0.0)
