"""Every item set is fair: exact predictors of each order score on it what theory says."""

import dataclasses

import numpy as np
import pytest

from scaling.errors import CorruptStore, InvalidInput
from scaling.pretrain.config import CorpusConfig
from scaling.pretrain.data import Source
from scaling.pretrain.evaluate import choice_scores, language_scores, task_scores, validation_losses
from scaling.pretrain.items import ItemSets, language_contexts, make_item_sets, stored_corpus
from scaling.pretrain.language import ORDER
from scaling.pretrain.skills import VOCABULARY_SIZE
from tests.pretrain.conftest import TINY


def _oracle_log_probabilities(source: Source, items: ItemSets, *, order: int) -> np.ndarray:
    """What the best predictor of an order says at every place, in the form of a network's output."""
    rows, targets = items.validation.shape[0], items.validation.shape[1] - 1
    out = np.full((rows, targets, VOCABULARY_SIZE), np.log(1e-9), dtype=np.float32)
    text = items.validation[items.is_language == 1].astype(np.int64)
    contexts = language_contexts(text)
    predicted = source.language.predict(contexts.reshape(-1, ORDER), order=order)
    out[np.flatnonzero(items.is_language)[:, None], np.arange(ORDER, targets), :64] = np.log(
        predicted.reshape(*contexts.shape[:2], -1)
    )
    return out


def _accuracy(scores: list, task: str) -> float:
    return next(one.score for one in scores if one.task == task and one.metric == "multiple_choice_accuracy")


@pytest.mark.parametrize("k", [1, 2, 3])
def test_lower_orders_are_at_chance_and_order_k_is_always_right(k, source, items):
    for order in range(ORDER + 1):
        accuracy = _accuracy(language_scores(_oracle_log_probabilities(source, items, order=order), items), f"ng{k}")
        if order == k:
            assert accuracy == 1.0
        elif order < k:
            # By balance, not by luck: half of the items lean to the right answer under each lower order.
            assert accuracy == 0.5, (k, order)


def test_items_that_match_only_the_next_lower_order_are_caught(source, items):
    # Negative control: the flaw of a first version. Candidates matched at order 2 alone let order 1 beat chance.
    contexts = language_contexts(items.validation[items.is_language == 1].astype(np.int64)).reshape(-1, ORDER)
    first, second = np.triu_indices(64, k=1)
    logs = [np.log(source.language.predict(contexts, order=order)) for order in range(ORDER + 1)]
    ratios = [log[:, first] - log[:, second] for log in logs]
    eligible = (np.abs(ratios[3]) >= np.log(3)) & (np.abs(ratios[2]) <= np.log(1.25))
    agree = np.sign(ratios[1][eligible]) == np.sign(ratios[3][eligible])
    share, error = agree.mean(), 0.5 / np.sqrt(len(agree))
    assert abs(share - 0.5) > 5 * error


@pytest.mark.parametrize("order", range(ORDER + 1))
def test_oracle_losses_are_the_losses_a_network_of_that_order_would_have(order, source, items):
    loss = validation_losses(_oracle_log_probabilities(source, items, order=order), items)["language"]
    assert loss == pytest.approx(items.oracle_losses[order], abs=1e-6)  # float32 log-probabilities
    count = items.best.size
    # The sample differs from the exact entropy by its Monte Carlo error (deviation of -ln p is below 1.6 nats).
    assert items.oracle_losses[order] == pytest.approx(items.entropies[order], abs=4 * 1.6 / np.sqrt(count))


def test_the_source_agrees_with_itself(source, items):
    scores = language_scores(_oracle_log_probabilities(source, items, order=3), items)
    by_task = {one.task: one for one in scores}
    assert by_task["bayes_acc"].score == 1.0
    assert by_task["bayes_em8"].score == 1.0
    assert by_task["bayes_em8"].item_count == items.best.shape[0] * (items.best.shape[1] // 8)


def test_a_perfect_answer_scores_one_and_a_uniform_one_scores_chance(source, items):
    rows, places = items.tasks.shape
    targets = items.tasks[:, 1:].astype(np.int64)
    perfect = np.full((rows, places - 1, VOCABULARY_SIZE), -50.0, dtype=np.float32)
    np.put_along_axis(perfect, targets[..., None], 0.0, axis=-1)
    for one in task_scores(perfect, items, source.skills):
        best = 0.0 if one.metric.endswith("likelihood") or one.metric == "choice_brier" else 1.0
        assert one.score == pytest.approx(best, abs=1e-12), (one.task, one.metric)


def test_a_guesser_who_knows_the_form_scores_the_nominal_chance(source, items):
    rng = np.random.default_rng(0)
    noise = rng.gumbel(size=(*items.tasks[:, 1:].shape, VOCABULARY_SIZE)).astype(np.float32)
    symbols = np.zeros(VOCABULARY_SIZE, bool)
    symbols[64:96] = True
    for one in task_scores(np.where(symbols, noise, -50), items, source.skills):
        if one.task in ("kv", "fact") and one.correct_count is not None:
            error = np.sqrt(one.chance * (1 - one.chance) / one.item_count)
            assert abs(one.score - one.chance) < 4 * error, one


def test_ties_are_no_answer():
    [accuracy, likelihood, brier] = choice_scores("t", np.zeros((10, 4)), right=np.arange(10) % 4)
    assert accuracy.score == 0.0
    assert likelihood.score == pytest.approx(-np.log(4))
    assert brier.score == pytest.approx(0.75)


def test_too_few_validation_rows_say_what_to_change(source):
    small = dataclasses.replace(source, config=CorpusConfig(validation_batches=1, ngram_item_count=4096))
    with pytest.raises(InvalidInput, match=r"Lower ngram_item_count \(4096\) or raise validation_batches \(1\)"):
        make_item_sets(small)


def test_stored_items_are_the_items(source, tiny_corpus):
    made = make_item_sets(dataclasses.replace(source, config=TINY))
    again, stored = stored_corpus(TINY, tiny_corpus)
    assert stored.digest() == made.digest()
    assert np.array_equal(stored.oracle_losses, made.oracle_losses)
    assert np.array_equal(again.language.tokens, source.language.tokens)


def test_a_damaged_corpus_file_is_named(tmp_path, tiny_corpus):
    [path] = tiny_corpus.iterdir()
    (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CorruptStore, match="Delete it; it is built again"):
        stored_corpus(TINY, tmp_path)
