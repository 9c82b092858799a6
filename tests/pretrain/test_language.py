"""The corpus is the same bits everywhere, and its entropies are what the text says."""

import hashlib
import itertools
from decimal import Decimal

import numpy as np
import pytest

from scaling.pretrain import random_words
from scaling.pretrain.language import ORDER, Language, words_per_row
from scaling.pretrain.random_words import below, distinct, fixed_point_log, gumbel_table, weighted, words, zipf_weights
from scaling.pretrain.skills import BOS


def test_words_follow_from_the_label_alone():
    assert words(("train", 0, 1), 2).tolist() == words(("train", 0, 1), 5)[:2].tolist()
    assert words(("train", 0, 1), 4).tolist() != words(("train", 1, 0), 4).tolist()
    # Philox-4x64-10 keyed by the SHA-256 of the label's JSON: NumPy promises this stream for every version.
    key = hashlib.sha256(b'["train",0,1]').digest()[:16]
    expected = np.random.Philox(key=int.from_bytes(key, "little")).random_raw(3)
    assert words(("train", 0, 1), 3).tolist() == expected.tolist()


def test_the_bits_of_language_batches_and_items_are_pinned(source, items):
    def digest(array: np.ndarray) -> str:
        return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]

    found = [digest(source.language.tokens), digest(source.training_batches(0, first_step=0, count=8)), items.digest()]
    assert [*found[:2], found[2][:16]] == ["927c08435ac7a734", "f975d691a1c81d04", "f50f896e8a26b298"]


def test_fixed_point_logarithms_are_rounded_to_the_nearest():
    for value in range(2, 65):
        assert fixed_point_log(Decimal(value)) == round(np.log(value) * 4096)


def test_gumbel_quantiles_have_the_gumbel_mean_and_variance():
    table = gumbel_table() / random_words.FIXED_POINT
    assert table.mean() == pytest.approx(np.euler_gamma, abs=2e-3)  # the outermost quantiles stand for their tails
    assert table.var() == pytest.approx(np.pi**2 / 6, rel=5e-3)
    assert (np.diff(table) > 0).all()


@pytest.mark.parametrize(("count", "twice_exponent"), [(64, 3), (1024, 2)])
def test_zipf_weights_sum_to_a_power_of_two_and_follow_the_law(count, twice_exponent):
    weights = zipf_weights(count, twice_exponent=twice_exponent)
    share = np.arange(1, count + 1) ** (-twice_exponent / 2)
    assert weights.sum() == 1 << 24
    assert np.abs(weights[1:] - (1 << 24) * (share / share.sum())[1:]).max() <= 0.5 + 1e-6


def test_integer_draws_have_their_distribution():
    draws = words(("test", 1), 200_000)
    counts = np.bincount(below(draws, 10), minlength=10)
    assert ((counts - 20_000) ** 2 / 20_000).sum() < 27.9  # chi-squared, 9 degrees, p = .001
    cumulative = np.cumsum(zipf_weights(8, twice_exponent=3))
    expected = zipf_weights(8, twice_exponent=3) / (1 << 24) * 200_000
    counts = np.bincount(weighted(draws, cumulative), minlength=8)
    assert ((counts - expected) ** 2 / expected).sum() < 24.3  # 7 degrees
    assert ((counts - 25_000) ** 2 / 25_000).sum() > 24.3  # negative control: not uniform
    rows = distinct(draws[:64_000].reshape(-1, 32), 5)
    assert all(len(set(row)) == 5 for row in rows.tolist())


def test_entropy_rate_is_the_entropy_of_the_weights(source):
    share = source.language.weights / source.language.weights.sum()
    assert source.language.entropies[ORDER] == pytest.approx(-(share * np.log(share)).sum(), abs=1e-12)
    assert source.language.entropies[ORDER] == pytest.approx(2.38116, abs=1e-5)


def test_longer_contexts_are_worth_more(source):
    entropies = source.language.entropies
    assert all(longer < shorter - 0.1 for shorter, longer in itertools.pairwise(entropies))
    assert entropies == pytest.approx((4.01914, 3.28117, 2.61261, 2.38116), abs=1e-5)


def test_every_context_has_a_permutation(source):
    assert (np.sort(source.language.tokens, axis=-1) == np.arange(64, dtype=np.uint8)).all()


def test_the_stationary_distribution_is_stationary_and_the_samples_have_it(source):
    language: Language = source.language
    following = np.einsum("abc,abcn->nab", language.stationary, language.probabilities, optimize=True)
    assert following == pytest.approx(language.stationary, abs=1e-13)
    rows = 3000
    drawn = words(("test", "sample"), rows * words_per_row(30)).reshape(rows, -1)
    first = np.bincount(language.sample(drawn, length=30)[:, 0], minlength=64)
    expected = language.predictors[0] * rows
    common = expected > 5
    statistic = ((first - expected) ** 2 / expected)[common].sum()
    assert statistic < common.sum() + 4 * np.sqrt(2 * common.sum())
    flat = rows / 64
    assert ((first - flat) ** 2 / flat).sum() > 64 + 4 * np.sqrt(128)  # negative control: tokens are not equally common


def test_sampled_text_has_the_entropy_rate(source):
    rows, length = 4000, 64
    drawn = words(("test", "rate"), rows * words_per_row(length)).reshape(rows, -1)
    text = source.language.sample(drawn, length=length).astype(np.int64)
    latest, target = [text[:, 2 - back : length - 1 - back] for back in range(ORDER)], text[:, ORDER:]
    surprise = -np.log(source.language.probabilities[(*latest, target)])
    assert surprise.mean() == pytest.approx(2.38116, abs=4 * surprise.std() / np.sqrt(surprise.size))
    swapped = -np.log(source.language.probabilities[(latest[1], latest[0], latest[2], target)])
    assert swapped.mean() > 3  # negative control: the order of the context matters


def test_batches_are_a_function_of_seed_and_step(source):
    together = source.training_batches(3, first_step=10, count=4)
    alone = [source.training_batches(3, first_step=step, count=1)[0] for step in range(10, 14)]
    assert np.array_equal(together, np.stack(alone))
    assert not np.array_equal(together, source.training_batches(4, first_step=10, count=4))
    assert together.shape == (4, 32, 65)
    assert (together[:, :, 0] == BOS).all()


def test_validation_rows_are_not_trained_on(source, items):
    trained = source.training_batches(0, first_step=0, count=200).reshape(-1, 65)
    assert not {row.tobytes() for row in items.validation} & {row.tobytes() for row in trained}
