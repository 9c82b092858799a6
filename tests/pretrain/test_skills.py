"""Each skill's instances have the answer their rule gives."""

import numpy as np
import pytest

from scaling.pretrain.random_words import words
from scaling.pretrain.skills import BIT_0, FIRST_SYMBOL, QUERY, VOCABULARY_SIZE, all_skills

SKILLS = all_skills(0)


def _instances(name: str, count: int = 500) -> np.ndarray:
    skill = SKILLS[name]
    return skill.draw(words(("test", name), count * skill.word_count).reshape(count, -1))


@pytest.mark.parametrize("name", SKILLS)
def test_instances_have_the_stated_form(name):
    skill, drawn = SKILLS[name], _instances(name)
    assert drawn.shape == (500, skill.instance_length)
    assert drawn.min() >= FIRST_SYMBOL
    assert drawn.max() < VOCABULARY_SIZE
    assert len(np.unique(drawn, axis=0)) > 100
    choices = skill.choices(drawn)
    if choices is not None:
        assert ((choices == drawn[:, skill.answer]).sum(axis=1) == 1).all()


def test_copy_repeats():
    drawn = _instances("copy")
    assert np.array_equal(drawn[:, 1:9], drawn[:, 10:18])


def test_every_query_is_answered_by_the_value_of_its_key():
    for row in _instances("kv").tolist():
        pairs = dict(zip(row[1:9:2], row[2:9:2], strict=True))
        assert len(pairs) == len(set(pairs.values())) == 4
        assert row[9::3] == [QUERY] * 4
        assert dict(zip(row[10::3], row[11::3], strict=True)) == pairs
    first = np.array([row[1:9:2].index(row[10]) for row in _instances("kv", 4000).tolist()])
    counts = np.bincount(first, minlength=4)  # which pair is asked for first gives nothing away
    assert ((counts - 1000) ** 2 / 1000).sum() < 16.3  # chi-squared, 3 degrees, p = .001


def test_a_fact_never_changes_and_worlds_differ():
    drawn = _instances("fact", 5000)
    known: dict[tuple[int, int], int] = {}
    for _, first, second, value in drawn.tolist():
        assert known.setdefault((first, second), value) == value
    assert (all_skills(1)["fact"].values != SKILLS["fact"].values).mean() > 0.9  # type: ignore[attr-defined]


def test_parity_is_the_parity_of_the_ones_and_balanced():
    drawn = _instances("parity", 4000)
    odd = drawn[:, 18] - BIT_0
    assert np.array_equal((drawn[:, 1:17] - BIT_0).sum(axis=1) % 2, odd)
    assert abs(odd.mean() - 0.5) < 4 * 0.5 / np.sqrt(4000)


def test_sort_sorts_different_symbols():
    drawn = _instances("sort")
    assert np.array_equal(np.sort(drawn[:, 1:6], axis=1), drawn[:, 7:12])
    assert (np.diff(drawn[:, 7:12], axis=1) > 0).all()
