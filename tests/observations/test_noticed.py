"""Each fault of a set of rows is noticed by its name, and sound rows are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scaling.errors import InvalidObservations
from scaling.observations import (
    DataReason,
    LossObservations,
    loss_observations_from_rows,
    noticed,
    read_loss_observations,
)

SIZES = np.geomspace(1e7, 1e9, 6)


def law(n, d):
    # Besiroglu et al. 2024, rounded.
    return 1.8172 + 482.0 / n**0.348 + 2085.0 / d**0.366


def sound(*, seed=0, noise=0.004, ratios=(5, 10, 20, 40, 80)) -> LossObservations:
    """Six sizes at five tokens per parameter, each a run of its own."""
    rng = np.random.default_rng(seed)
    n = np.repeat(SIZES, len(ratios))
    d = n * np.tile(ratios, len(SIZES))
    loss = law(n, d) * np.exp(noise * rng.standard_normal(len(n)))
    return LossObservations(run=tuple(f"r{row}" for row in range(len(n))), size=n, tokens=d, loss=loss)


def reasons(runs: LossObservations) -> list[DataReason]:
    return [warning.reason for warning in noticed(runs)]


@pytest.mark.parametrize("seed", range(20))
def test_sound_rows_are_left_alone(seed):
    assert reasons(sound(seed=seed)) == []
    assert reasons(sound(seed=seed, noise=0.015)) == []


@pytest.mark.parametrize("row", [0, 4, 13, 25, 29])
@pytest.mark.parametrize("factor", [3.0, 1 / 3, 1.6])
def test_one_loss_off_by_a_factor_is_named_wherever_it_stands(row, factor):
    runs = sound(seed=row)
    wrong = runs.loss.copy()
    wrong[row] *= factor
    (found,) = noticed(replace(runs, loss=wrong))
    assert (found.reason, found.places) == (DataReason.LOSS_OUTLYING, (row + 1,))
    about = float(found.message.split("about ")[1].split(" by")[0])
    assert about == pytest.approx(runs.loss[row], rel=0.12)


def test_a_factor_that_noise_could_make_is_not_called_outlying():
    runs = sound()
    wrong = runs.loss.copy()
    wrong[10] *= 1.1
    assert DataReason.LOSS_OUTLYING not in reasons(replace(runs, loss=wrong))


@pytest.mark.parametrize("ratio_noise", [0.0, 0.03])
def test_one_number_of_tokens_per_parameter_is_collinear(ratio_noise):
    runs = sound(ratios=(20,))
    shaken = runs.tokens * np.exp(ratio_noise * np.random.default_rng(1).standard_normal(len(runs)))
    (found,) = noticed(replace(runs, tokens=shaken))
    assert found.reason is DataReason.COLLINEAR_DESIGN
    assert "D/N is 20" in found.message or "D/N is 19" in found.message
    assert reasons(sound(ratios=(10, 40))) == []


def test_sizes_that_grow_as_another_power_of_tokens_are_collinear_too():
    tokens = 1e9 * (SIZES / 1e8) ** 0.5
    runs = LossObservations(run=tuple("abcdef"), size=SIZES, tokens=tokens, loss=law(SIZES, tokens))
    (found,) = noticed(runs)
    assert "tokens grow as size^0.50" in found.message


def test_few_sizes_or_little_compute_are_narrow():
    runs = sound()
    assert reasons(runs.select(runs.size < 1e8)) == [DataReason.NARROW_RANGE]
    near = LossObservations(
        run=tuple("abcdefgh"),
        size=np.tile(np.geomspace(1e8, 1.5e8, 4), 2),
        tokens=np.repeat([2e9, 4e9], 4),
        loss=law(np.tile(np.geomspace(1e8, 1.5e8, 4), 2), np.repeat([2e9, 4e9], 4)),
    )
    assert reasons(near) == [DataReason.NARROW_RANGE]


def curves(*, cooled=None, drop=0.03, seed=0) -> LossObservations:
    """Four runs of twelve checkpoints from 20 % of training on; every other lower by `drop`, as after a cooldown."""
    rng = np.random.default_rng(seed)
    n = np.repeat(np.geomspace(1e7, 1e9, 4), 12)
    d = n * np.tile(np.geomspace(8, 40, 12), 4)
    low = np.tile([False, True], 24)
    loss = law(n, d) * np.exp(0.002 * rng.standard_normal(48) - drop * low)
    run = tuple(f"r{row // 12}" for row in range(48))
    stated = {"every other": low, "all": np.ones(48, dtype=bool), None: None}[cooled]
    return LossObservations(run=run, size=n, tokens=d, loss=loss, cooled=stated)


def test_cooled_rows_beside_uncooled_ones_are_noticed_stated_or_not():
    (stated,) = noticed(curves(cooled="every other"))
    assert stated.reason is DataReason.COOLED_WITH_UNCOOLED
    assert "24 rows were measured after the learning rate had been brought down and 24 before" in stated.message
    (detected,) = noticed(curves())
    assert detected.reason is DataReason.COOLED_WITH_UNCOOLED
    assert "down and up again" in detected.message
    assert reasons(curves(drop=0.0)) == []
    assert reasons(curves(drop=0.0, cooled="all")) == []


def test_checkpoints_of_early_training_are_counted():
    runs = curves(drop=0.0)
    early = replace(runs, tokens=runs.tokens * np.tile([0.01, *[1.0] * 11], 4))
    found = [warning for warning in noticed(early) if warning.reason is DataReason.EARLY_TRAINING]
    assert found[0].places == (1, 13, 25, 37)


def two_levels(*, gap: float, seed=0, same_places: bool) -> LossObservations:
    rng = np.random.default_rng(seed)
    first, second = sound(seed=seed), sound(seed=seed + 100)
    shift = 1.0 if same_places else 1.37
    return LossObservations(
        run=(*first.run, *(f"{label}b" for label in second.run)),
        size=np.concatenate([first.size, second.size * shift]),
        tokens=np.concatenate([first.tokens, second.tokens * shift]),
        loss=np.concatenate([first.loss, law(second.size * shift, second.tokens * shift) * np.exp(gap)])
        * np.exp(0.004 * rng.standard_normal(60)),
    )


@pytest.mark.parametrize("same_places", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_rows_of_two_tokenizers_show_as_two_levels(same_places, seed):
    found = noticed(two_levels(gap=0.12, seed=seed, same_places=same_places))
    assert [warning.reason for warning in found] == [DataReason.LOSS_LEVELS]
    stated = float(found[0].message.split("differ by ")[1].split("%")[0])
    assert stated == pytest.approx(100 * np.expm1(0.12), rel=0.15)
    assert reasons(two_levels(gap=0.0, seed=seed, same_places=same_places)) == []


def test_a_run_given_twice_under_two_names_is_noticed():
    runs = sound()
    order = [*range(len(runs)), 3, 4]
    twice = LossObservations(
        run=(*runs.run, "r3-again", "r4-again"),
        size=runs.size[order],
        tokens=runs.tokens[order],
        loss=runs.loss[order],
    )
    (found,) = noticed(twice)
    assert (found.reason, found.places) == (DataReason.DUPLICATE_ROWS, (31, 32))
    assert "'r3-again' and 'r3'" in found.message


def test_what_the_reader_noticed_comes_first(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("size,tokens,loss\n1e8,2e9,3.0\n1e8,2e9,3.0\n2e8,4e9,2.8\n")
    assert reasons(read_loss_observations(path))[:1] == [DataReason.DUPLICATE_ROWS]


def rows_of(runs: LossObservations, **changes):
    columns = {"run": runs.run, "size": runs.size, "tokens": runs.tokens, "loss": runs.loss} | changes
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize(
    ("column", "unit", "factor"),
    [
        ("tokens", "billions", 1e-9),
        ("tokens", "millions", 1e-6),
        ("size", "millions", 1e-6),
        ("size", "billions", 1e-9),
    ],
)
def test_counts_in_other_units_are_refused_by_name(column, unit, factor):
    runs = sound(ratios=(10, 20, 40))
    with pytest.raises(InvalidObservations, match=f"(?i){column}.* look to be in {unit}"):
        loss_observations_from_rows(rows_of(runs, **{column: getattr(runs, column) * factor}))


def test_both_in_other_units_are_refused():
    runs = sound()
    with pytest.raises(InvalidObservations, match="sizes look to be in"):
        loss_observations_from_rows(rows_of(runs, size=runs.size * 1e-6, tokens=runs.tokens * 1e-9))


def test_single_rows_in_other_units_are_refused_by_line():
    runs = sound()
    tokens, size = runs.tokens.copy(), runs.size.copy()
    tokens[3] *= 1e-9
    size[7] *= 1e-6
    with pytest.raises(InvalidObservations) as raised:
        loss_observations_from_rows(rows_of(runs, tokens=tokens, size=size))
    assert [each.field for each in raised.value.violations] == ["row 4, column 'tokens'", "row 8, column 'size'"]
    assert all("millions or billions" in each.description for each in raised.value.violations)


def test_sizes_counted_in_two_ways_show_in_the_stated_compute():
    runs = sound()
    compute = 6 * runs.size * runs.tokens * (1 + 3e7 / runs.size) ** 0.3  # attention: smooth in size
    fine = loss_observations_from_rows(rows_of(runs, compute=compute))
    assert fine.warnings == ()
    size = np.where(np.arange(len(runs)) % 3 == 0, runs.size * 1.4, runs.size)  # the embedding counted in a third
    (found,) = loss_observations_from_rows(rows_of(runs, compute=compute, size=size)).warnings
    assert found.reason is DataReason.SIZE_CONVENTIONS_MIXED
    assert set(found.places) <= set(range(1, len(runs) + 1))


def test_published_sets_are_flagged_for_what_is_known_of_them(measured_runs):
    columns = {"size": "Model Size", "compute": "Training FLOP"}
    chinchilla = read_loss_observations(
        measured_runs / "loss/chinchilla/svg_extracted_data.csv", columns=columns, tokens_from_compute=True
    )
    # Besiroglu et al. 2024 drop the five highest losses; one of them lies far off.
    (outlier,) = noticed(chinchilla)
    assert outlier.reason is DataReason.LOSS_OUTLYING
    assert set(outlier.places) < {row + 1 for row in np.argsort(chinchilla.loss)[-5:].tolist()}
    kept = chinchilla.select(chinchilla.loss <= np.sort(chinchilla.loss)[-6])
    assert noticed(kept) == ()
    # McLeish et al. 2025: `cool_end` holds cooldowns that branch off the checkpoints in `hot`.
    gemstones = {"size": "params_active_precise", "loss": "final_loss", "run": "run_name"}
    hot, cool = (
        read_loss_observations(measured_runs / f"loss/gemstones/{name}.csv", columns=gemstones)
        for name in ("hot", "cool_end")
    )
    both = LossObservations(
        run=(*hot.run, *cool.run),
        size=np.concatenate([hot.size, cool.size]),
        tokens=np.concatenate([hot.tokens, cool.tokens]),
        loss=np.concatenate([hot.loss, cool.loss]),
    )
    assert DataReason.COOLED_WITH_UNCOOLED not in reasons(hot)
    assert DataReason.COOLED_WITH_UNCOOLED in reasons(both)
