import numpy as np
import pytest
from scipy.stats import binom

from scaling.errors import InvalidInput
from scaling.metrics import (
    chance_accuracy,
    hits_above_chance,
    items_needed,
    majority_rate,
    smallest_detectable_score,
    uniform_brier,
)


def test_chance_levels():
    assert chance_accuracy([4, 4, 4, 4]) == 0.25
    assert chance_accuracy([2, 4]) == 0.375
    assert uniform_brier(4) == 0.75
    assert majority_rate([62, 38]) == 0.62
    for wrong in ([], [0, 4]):
        with pytest.raises(InvalidInput):
            chance_accuracy(wrong)


def test_one_hit_in_n_is_the_rule_of_schaeffer_2023():
    # n >= ln .05 / ln(1 - p): p = 1e-2 -> 299, 1e-3 -> 2995, 1e-4 -> 29956.
    for score, count in ((1e-2, 299), (1e-3, 2995), (1e-4, 29956)):
        assert items_needed(score, 0.0) == count
        assert smallest_detectable_score(0.0, count) == pytest.approx(score, rel=1.0 / count)  # items are whole


def test_resolution_has_the_level_and_power_it_states():
    for chance, count in ((0.25, 400), (0.5, 1267), (0.1, 50)):
        hits = hits_above_chance(chance, count)
        assert binom.sf(hits - 1, count, chance) <= 0.05 < binom.sf(hits - 2, count, chance)
        score = smallest_detectable_score(chance, count)
        assert binom.sf(hits - 1, count, score) == pytest.approx(0.95, abs=1e-9)
        assert score > chance


def test_more_items_resolve_more():
    scores = [smallest_detectable_score(0.25, count) for count in np.geomspace(50, 50_000, 8).round()]
    assert np.all(np.diff(scores) < 0)
    assert smallest_detectable_score(0.5, 2) == 1.0
    needed = items_needed(0.28, 0.25)
    assert smallest_detectable_score(0.25, needed) <= 0.28
    with pytest.raises(InvalidInput, match="above chance"):
        items_needed(0.2, 0.25)
