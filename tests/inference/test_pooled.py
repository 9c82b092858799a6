"""Families fitted together: what they lend, what they keep, what is refused."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling.errors import InvalidInput, NotEnoughRuns, UnitMismatch
from scaling.inference._numerics import float64
from scaling.inference.fit import fit
from scaling.inference.loss import fit_loss
from scaling.inference.loss_program import find_counted_mode, loss_data, loss_potential, loss_starts
from scaling.inference.pooled import fit_pooled
from scaling.inference.pooled_fit import fit_families
from scaling.inference.pooled_program import pooled_data, pooled_draws, pooled_potential, pooled_starts
from scaling.inference.settings import FitSettings
from scaling.laws import Reference
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.laws.power import PowerLaw
from scaling.posterior import FindingCode
from scaling.store import FitStore
from scaling.units import SizeConvention
from tests.inference.simulated import grid, observations

LAW_ALONE = FitSettings(discrepancy_scale=0.0)
AT = Reference(1e8, 2e10, 3.0)
SIZES = np.geomspace(1e7, 1e9, 24)
FEW = SIZES[2:18:2]


def family(alpha, sizes, *, rng, level=0.0, noise=0.004):
    law = PowerLaw.from_reference({"level": level, "floor_share": 0.6, "alpha": alpha}, AT)
    return observations(law, sizes, 20 * sizes, noise=noise, rng=rng)


def families(few_alpha, *, rng, big_alpha=0.33):
    """Many runs of one corpus, eight of another whose losses lie a tenth higher."""
    return {"many": family(big_alpha, SIZES, rng=rng), "few": family(few_alpha, FEW, rng=rng, level=0.1)}


def spread_of(draws):
    low, high = np.quantile(draws, [0.05, 0.95])
    return high - low


@pytest.fixture(scope="module")
def alike():
    return families(0.33, rng=np.random.default_rng(2))


@pytest.fixture(scope="module")
def pooled(alike):
    return fit_pooled(alike, PowerLaw, settings=LAW_ALONE)


@pytest.fixture(scope="module")
def few_alone(alike):
    return fit_loss(alike["few"], PowerLaw, settings=LAW_ALONE)


@pytest.mark.slow
def test_a_family_of_few_runs_borrows_its_exponent(pooled, few_alone):
    few = pooled.families["few"]
    assert spread_of(few.posterior.law.alpha) < 0.85 * spread_of(few_alone.posterior.law.alpha)
    farther = [np.log(each.posterior.law.loss(1e11, 2e12)) for each in (few, few_alone)]
    assert spread_of(farther[0]) < 0.9 * spread_of(farther[1])
    assert few.borrowed["alpha"] > 0.2 > pooled.families["many"].borrowed["alpha"]


@pytest.mark.slow
def test_a_family_of_many_runs_is_what_it_is_alone(pooled, alike):
    alone = fit_loss(alike["many"], PowerLaw, settings=LAW_ALONE).posterior.law
    together = pooled.families["many"].posterior.law
    for name in ("l_inf", "alpha"):
        before, after = getattr(alone, name), getattr(together, name)
        # A Monte Carlo error of a median at an effective 400 draws is 6 % of the sd; the rest is what it borrows.
        assert np.median(after) == pytest.approx(np.median(before), abs=0.35 * np.std(before))
        assert np.std(after) == pytest.approx(np.std(before), rel=0.15)


@pytest.mark.slow
def test_the_finding_says_what_is_borrowed_and_from_whom(pooled):
    finding = next(each for each in pooled.families["few"].findings if each.code is FindingCode.POOLED)
    assert "'many'" in finding.message
    assert f"{pooled.families['few'].borrowed['alpha']:.0%} of what is known of its alpha" in finding.message


@pytest.mark.slow
def test_every_family_passes_its_gate(pooled):
    assert pooled.diagnostics.divergences == 0
    for each in pooled.families.values():
        assert each.diagnostics.max_r_hat <= 1.01
        assert each.diagnostics.min_bulk_ess >= 400


@pytest.mark.slow
def test_families_with_other_exponents_are_not_pulled_together(pooled):
    rng = np.random.default_rng(4)
    apart = {"many": family(0.22, SIZES, rng=rng, noise=0.0005), "few": family(0.5, FEW, rng=rng, noise=0.0005)}
    fit = fit_pooled(apart, PowerLaw, settings=LAW_ALONE)
    assert np.median(fit.between["alpha"]) > 2 * np.median(pooled.between["alpha"])
    alone = fit_loss(apart["few"], PowerLaw, settings=LAW_ALONE).posterior.law.alpha
    together = fit.families["few"].posterior.law.alpha
    assert np.median(together) == pytest.approx(np.median(alone), abs=0.5 * np.std(alone))
    assert fit.families["few"].borrowed["alpha"] < 0.25


@pytest.mark.slow
def test_borrowed_exponents_cover_and_one_exponent_for_all_does_not():
    # Families scatter about a common mean by half of the law's prior; 40 pairs.
    scale, share, count = 0.2, 0.5, 40
    rng = np.random.default_rng(11)
    inside, inside_alone, inside_one, widths = [], [], [], []
    for _ in range(count):
        mean = np.sqrt(1 - share**2) * rng.standard_normal()
        many, few = 0.33 * np.exp(scale * (mean + share * rng.standard_normal(2)))
        pair = families(few, rng=rng, big_alpha=many)
        fit = fit_pooled(pair, PowerLaw, settings=LAW_ALONE)
        alone = fit_loss(pair["few"], PowerLaw, settings=LAW_ALONE).posterior.law.alpha
        borrowed = fit.families["few"].posterior.law.alpha
        lent = fit.families["many"].posterior.law.alpha
        for kept, draws in ((inside, borrowed), (inside_alone, alone), (inside_one, lent)):
            low, high = np.quantile(draws, [0.05, 0.95])
            kept.append(low <= few <= high)
        widths.append(spread_of(np.log(borrowed)) / spread_of(np.log(alone)))
    error = np.sqrt(0.9 * 0.1 / count)
    assert np.mean(inside) >= 0.9 - 3 * error
    assert np.mean(inside_alone) >= 0.9 - 3 * error
    assert np.median(widths) < 0.97
    assert np.mean(inside_one) < 0.9 - 3 * error


@pytest.mark.slow
def test_the_sampler_s_coordinates_are_the_model_s_up_to_their_jacobian():
    rng = np.random.default_rng(0)
    both = list(families(0.33, rng=rng).values())
    with float64():
        found = [
            find_counted_mode(PowerLaw, data, runs, loss_starts(PowerLaw, data), rng=rng)
            for runs, data in ((runs, loss_data(runs)) for runs in both)
        ]
        data = pooled_data(PowerLaw, [each.data for each in found], [each.mode for each in found])
        start = pooled_starts(PowerLaw, families=2)[1]
        places = start + 0.1 * rng.standard_normal((5, len(start))) * np.where(np.arange(len(start)) < 4, 5, 0.1)

        alone = jax.jit(loss_potential(PowerLaw))

        def density_of_families(place):
            """Densities of each family alone at its own vector, which hold the law's prior of alpha twice."""
            drawn = pooled_draws(PowerLaw, data, place[np.newaxis])
            each = [alone(drawn.positions[0, f], found[f].data) for f in range(2)]
            standard = (drawn.positions[0, :, 2] - np.log(0.33)) / 0.2
            r, u = drawn.spread[0, 0] / 0.2, (drawn.mean[0, 0] - np.log(0.33)) / 0.2
            u = u / np.sqrt(1 - r**2)
            z = (standard - np.sqrt(1 - r**2) * u) / r
            # The law's prior of ln alpha goes, the pooled one comes: half-normal r, standard normal u and z. The unit
            # interval's r and the likelihood's own sites keep their Jacobians, as numpyro's potential has them.
            prior = -0.5 * (r / 0.5) ** 2 - 0.5 * (u**2 + z @ z) + np.log(r * (1 - r))
            return float(sum(each)) - 0.5 * standard @ standard - prior

        def sites(place):
            return jnp.concatenate(_sites(place, data))

        potential, slopes = jax.jit(pooled_potential(PowerLaw)), jax.jit(jax.jacfwd(sites))
        differences = []
        for place in places:
            expected = density_of_families(place)
            stretch = float(np.linalg.slogdet(np.asarray(slopes(place)))[1])
            differences.append(float(potential(place, data)) - (expected - stretch))
    # Equal up to normalisations, which are the same everywhere.
    assert np.ptp(differences) < 1e-8


def _sites(place, data):
    from scaling.inference.pooled_program import _untangled

    shared, _ = _untangled(PowerLaw, place, data)
    spread = jnp.log(shared.spread) - jnp.log1p(-shared.spread)
    return [spread, shared.mean, shared.offset.ravel(), shared.others.ravel()]


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_families_are_sent_to_the_ordinary_fit(count, alike):
    with pytest.raises(InvalidInput, match="fit_loss"):
        fit_pooled(dict(list(alike.items())[:count]), PowerLaw)


def test_families_that_count_sizes_differently_are_named(alike):
    mixed = {**alike, "few": dataclasses.replace(alike["few"], size_convention=SizeConvention.TOTAL)}
    with pytest.raises(UnitMismatch, match="few: sizes are 'total'"):
        fit_pooled(mixed, PowerLaw)


def test_a_family_that_cannot_place_its_own_level_and_floor_is_named(alike):
    rows = np.arange(len(FEW))
    with pytest.raises(NotEnoughRuns, match="'few' has 2 rows"):
        fit_pooled({**alike, "few": alike["few"].select(rows < 2)}, PowerLaw)
    one_size = dataclasses.replace(alike["few"], size=np.full(len(FEW), 1e8))
    with pytest.raises(NotEnoughRuns, match="'few' has one size"):
        fit_pooled({**alike, "few": one_size}, PowerLaw)


def test_families_of_which_none_determines_the_law_are_refused():
    law = ChinchillaLaw(l_inf=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)
    runs = observations(law, *grid(2, 2))
    with pytest.raises(NotEnoughRuns, match="none can lend"):
        fit_pooled({"one": runs, "other": runs}, ChinchillaLaw)


@pytest.mark.slow
def test_a_family_s_document_is_stored_and_read_as_any_other(alike, tmp_path):
    made = fit_families(alike, name="both", law="power", settings=LAW_ALONE)
    assert {family: each.name for family, each in made.items()} == {"many": "both-many", "few": "both-few"}
    assert made["many"].data_digest != made["few"].data_digest
    store = FitStore(tmp_path)
    store.save(made["few"])
    again = store.load("both-few")
    assert np.array_equal(again.loss.law.alpha, made["few"].loss.law.alpha)
    assert FindingCode.POOLED in {finding.code for finding in again.findings}
    # A later fit of this family alone is a fit of its own rows, not this one taken over.
    alone = fit(alike["few"], law="power", settings=LAW_ALONE, warm_start=again)
    assert spread_of(alone.loss.law.alpha) > 1.1 * spread_of(again.loss.law.alpha)
