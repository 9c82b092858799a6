"""What the averaged weights score, as rows of numbers with their n and their chance level.

Only log-probabilities come from the device. All scoring is NumPy in float64 on the host: a float32 mean of equal
numbers was seen to be off by 6e-6. Exact match needs no decoding: greedy output equals the target exactly where every
teacher-forced argmax is right.
"""

import math
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Float64, UInt8

from scaling.pretrain.config import NetworkConfig, RunConfig
from scaling.pretrain.items import ItemSets
from scaling.pretrain.language import ORDER, TOKEN_COUNT
from scaling.pretrain.network import NetworkWeights, logits
from scaling.pretrain.records import Evaluation, Score
from scaling.pretrain.skills import AbstractSkill

WINDOW = 8
"""Consecutive right predictions that count as one exact match in bayes_em8."""

ROWS_PER_BLOCK = 64
"""Task rows that go through the network together."""

LogProbabilities = Float32[np.ndarray, "row target v"]


Evaluator = Callable[[NetworkWeights, int], Evaluation]


def make_evaluator(config: RunConfig, items: ItemSets, skills: Mapping[str, AbstractSkill]) -> Evaluator:
    """A function of (weights, step) that runs every item set through the network."""
    predict = make_predictor(config.network)
    batch_rows = config.corpus.composition.row_count

    def evaluate(weights: NetworkWeights, step: int) -> Evaluation:
        on_validation = predict(weights, items.validation, batch_rows)
        on_tasks = predict(weights, items.tasks, ROWS_PER_BLOCK)
        return Evaluation(
            step=step,
            token_count=step * config.corpus.tokens_per_batch,
            losses=validation_losses(on_validation, items),
            scores=(*language_scores(on_validation, items), *task_scores(on_tasks, items, skills)),
        )

    return evaluate


def make_predictor(
    config: NetworkConfig,
) -> Callable[[NetworkWeights, UInt8[np.ndarray, "row place"], int], LogProbabilities]:
    """A compiled function from rows to log-probabilities of each place after the first, block by block."""

    @jax.jit
    def block_by_block(
        weights: NetworkWeights, blocks: UInt8[Array, "block row place"]
    ) -> Float[Array, "block row target v"]:
        def one(rows: UInt8[Array, "row place"]) -> Float[Array, "row target v"]:
            return jax.nn.log_softmax(logits(weights, rows[:, :-1].astype(jnp.int32), config=config))

        return jax.lax.map(one, blocks)

    def predict(weights: NetworkWeights, rows: UInt8[np.ndarray, "row place"], rows_per_block: int) -> LogProbabilities:
        padding = -len(rows) % rows_per_block
        blocks = np.pad(rows, ((0, padding), (0, 0)), mode="edge").reshape(-1, rows_per_block, rows.shape[1])
        found = np.asarray(block_by_block(weights, blocks))
        return found.reshape(-1, *found.shape[2:])[: len(rows)]

    return predict


def validation_losses(predicted: LogProbabilities, items: ItemSets) -> dict[str, float]:
    """`overall`: all predicted tokens. `language`: tokens of the language with three tokens of context.

    So the best predictor of order k has language loss H_k, without a part that is due to the row's start.
    """
    targets = items.validation[:, 1:, None].astype(np.int64)
    losses = -np.take_along_axis(predicted, targets, axis=-1)[..., 0].astype(np.float64)
    return {"overall": float(losses.mean()), "language": float(losses[items.is_language == 1, ORDER:].mean())}


def language_scores(predicted: LogProbabilities, items: ItemSets) -> list[Score]:
    """ng1, ng2, ng3 and the agreement with the source's most likely token, one at a time and eight in a row."""
    scores = []
    for order, (row, place, right, wrong) in enumerate(np.moveaxis(items.ngram, -1, 1), start=1):
        here = predicted[row, place - 1]
        pair = np.stack([here[np.arange(len(row)), one] for one in (right, wrong)], axis=-1)
        scores += choice_scores(f"ng{order}", pair.astype(np.float64), right=np.zeros(len(row), np.int64))
    agrees = predicted[items.is_language == 1, ORDER:].argmax(axis=-1) == items.best
    windows = agrees.shape[1] // WINDOW
    in_a_row = agrees[:, : windows * WINDOW].reshape(-1, WINDOW).all(axis=1)
    return [
        *scores,
        _share("bayes_acc", "accuracy", agrees.reshape(-1), chance=1 / TOKEN_COUNT),
        _share("bayes_em8", "exact_match", in_a_row, chance=TOKEN_COUNT**-WINDOW),
    ]


def task_scores(predicted: LogProbabilities, items: ItemSets, skills: Mapping[str, AbstractSkill]) -> list[Score]:
    """Scores of every skill on its block of the task rows."""
    scores = []
    count = len(items.tasks) // len(skills)
    for index, skill in enumerate(skills.values()):
        rows = slice(index * count, (index + 1) * count)
        # Place p of an instance stands at 1 + p of the row (after BOS) and is predicted at target p.
        answer = predicted[rows, skill.answer]
        instances = items.tasks[rows, 1 : 1 + skill.instance_length].astype(np.int64)
        scores += answer_scores(skill, answer, instances)
    return scores


def answer_scores(
    skill: AbstractSkill, answer: Float32[np.ndarray, "item token v"], instances: np.ndarray
) -> list[Score]:
    """Exact match, accuracy by token, likelihood of the answer, and multiple choice where there are choices."""
    wanted = instances[:, skill.answer]
    right = answer.argmax(axis=-1) == wanted
    likelihood = np.take_along_axis(answer, wanted[..., None], axis=-1)[..., 0].astype(np.float64).sum(axis=1)
    count, chance = len(wanted), 1 / skill.possible_answers
    scores = [
        _share(skill.name, "exact_match", right.all(axis=1), chance=chance),
        Score(skill.name, "answer_log_likelihood", float(likelihood.mean()), count, math.log(chance)),
    ]
    if skill.answer_length > 1:
        by_token = chance ** (1 / skill.answer_length)
        scores.append(Score(skill.name, "token_accuracy", float(right.mean()), count, by_token))
    choices = skill.choices(instances)
    if choices is not None:
        offered = np.take_along_axis(answer[:, 0], choices, axis=-1).astype(np.float64)
        scores += choice_scores(skill.name, offered, right=(choices == wanted).argmax(axis=1))
    return scores


def choice_scores(task: str, offered: Float64[np.ndarray, "item choice"], *, right: np.ndarray) -> list[Score]:
    """Accuracy (a tie is wrong), log-likelihood and Brier score among the candidates, renormalised."""
    count, choices = offered.shape
    picked = np.arange(count), right
    share = np.exp(offered - np.logaddexp.reduce(offered, axis=1, keepdims=True))
    others = offered.copy()
    others[picked] = -np.inf
    truth = np.zeros_like(share)
    truth[picked] = 1
    likelihood = float((offered[picked] - np.logaddexp.reduce(offered, axis=1)).mean())
    brier = float(((share - truth) ** 2).sum(axis=1).mean())
    return [
        _share(task, "multiple_choice_accuracy", offered[picked] > others.max(axis=1), chance=1 / choices),
        Score(task, "choice_log_likelihood", likelihood, count, -math.log(choices)),
        Score(task, "choice_brier", brier, count, 1 - 1 / choices),
    ]


def _share(task: str, metric: str, right: Bool[np.ndarray, " item"], *, chance: float) -> Score:
    correct, count = int(right.sum()), len(right)
    return Score(task, metric, correct / count, count, chance, correct)
