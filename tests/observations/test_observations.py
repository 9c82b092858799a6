"""The observations themselves: what they refuse, their digest, and selections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.errors import InvalidObservations
from scaling.observations import LossObservations, ScoreObservations
from scaling.units import SizeConvention


def losses(order=slice(None), **changes):
    columns = {
        "run": tuple(np.array(["a", "a", "b"])[order]),
        "size": np.array([1e8, 1e8, 1e9])[order],
        "tokens": np.array([1e9, 2e9, 2e10])[order],
        "loss": np.array([3.5, 3.4, 2.9])[order],
    }
    return LossObservations(**{**columns, **changes})


@given(st.permutations(range(3)))
def test_digest_does_not_depend_on_row_order(order):
    assert losses(list(order)).digest == losses().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": np.array([3.5, 3.4, np.nextafter(2.9, 3)])},
        {"run": ("a", "b", "c")},
        {"size_convention": SizeConvention.TOTAL},
        {"validation_set": "c4"},
    ],
)
def test_digest_changes_with_content(changes):
    assert losses(**changes).digest != losses().digest


def test_digest_ignores_the_name_of_a_run_of_one_row():
    assert losses(run=("a", "a", "z")).digest == losses().digest


def test_selection_keeps_units_and_columns_are_read_only():
    chosen = losses(size_convention=SizeConvention.TOTAL, validation_set="c4").select(np.array([True, False, True]))
    assert chosen.run == ("a", "b")
    assert (chosen.size_convention, chosen.validation_set) == (SizeConvention.TOTAL, "c4")
    with pytest.raises(ValueError, match="read-only"):
        chosen.loss[0] = 1.0


def test_constructor_lists_every_fault():
    with pytest.raises(InvalidObservations) as raised:
        losses(size=[1e8, -1, np.nan], loss=[3.5, 3.4])
    assert [violation.field for violation in raised.value.violations] == ["row 2, size", "row 3, size", "loss"]


def test_scores_outside_their_range_are_refused():
    with pytest.raises(InvalidObservations, match=r"row 1, score: 1\.5 given"):
        ScoreObservations(
            run=("a",),
            size=[1e8],
            tokens=[1e9],
            loss=[3.0],
            task=("t",),
            metric=("m",),
            score=[1.5],
            item_count=[10],
            chance=[0.0],
        )
