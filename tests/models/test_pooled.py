"""What families have in common, and what one family's prior is when it is fitted with others."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import Predictive
from scipy.stats import kstest

from scaling.inference._numerics import float64
from scaling.inference.loss_program import loss_data
from scaling.laws import Reference, law_class, law_classes
from scaling.laws.power import PowerLaw
from scaling.models.pooled import mean_share, own_coordinates, pooled_coordinates, pooled_model
from tests.inference.simulated import grid, observations


def test_exponents_are_pooled_and_levels_are_not():
    assert pooled_coordinates(law_class("skaling")) == ("exponent", "exponent_ratio", "k")
    assert own_coordinates(law_class("skaling")) == ("level", "floor_share", "size_share")
    assert pooled_coordinates(law_class("chinchilla")) == ("alpha", "beta")


@pytest.mark.parametrize("name", sorted(law_classes()))
def test_no_law_pools_what_depends_on_the_data_s_own_medians(name):
    chosen = law_class(name)
    pooled = pooled_coordinates(chosen)
    assert pooled
    assert not {"level", "floor_share", "size_share", "remaining_share", "break_1"} & set(pooled)
    assert sorted((*pooled, *own_coordinates(chosen))) == sorted(chosen.priors)


@pytest.mark.slow
def test_a_family_has_the_law_s_own_prior_whatever_the_scale_between_families():
    runs = observations(PowerLaw(l_inf=1.5, n_0=1e8, alpha=0.3), *grid(3, 3))
    with float64():
        data = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), loss_data(runs))
        nothing = data._replace(weight=jnp.zeros_like(data.weight))
        drawn = Predictive(pooled_model, num_samples=4000, parallel=True)(jax.random.key(0), PowerLaw, nothing)
    mean, spread, offset = (np.asarray(drawn[f"alpha_{part}"]) for part in ("mean", "spread", "offset"))
    family = mean_share(spread) * mean + spread * offset[:, 0]
    error = np.sqrt(1 / (2 * 4000))  # of the standard deviation of as many normal numbers
    assert kstest(family, "norm").pvalue > 0.01
    assert np.std(family) == pytest.approx(1.0, abs=3 * error)
    # The usual model, whose mean has all of the law's prior, leaves a family a wider one.
    assert np.std(mean + spread * offset[:, 0]) > 1.0 + 3 * error
    between = mean_share(spread) * mean + spread * offset[:, 1]
    assert 0.5 < np.corrcoef(family, between)[0, 1] < 0.95


def test_each_family_is_centred_at_its_own_reference():
    law = law_class("chinchilla")
    here, there = Reference(1e8, 2e9, 3.0), Reference(1e9, 1e11, 2.2)
    middle = {name: spec.middle() for name, spec in law.priors.items()}
    moved = law.from_reference(middle, here).at_reference(there)
    assert moved["alpha"] == pytest.approx(middle["alpha"], rel=1e-12)
    assert moved["size_share"] != pytest.approx(middle["size_share"], rel=1e-3)
