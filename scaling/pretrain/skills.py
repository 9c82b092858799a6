"""The skills mixed into the stream, each an endless supply of short instances made of integers.

An instance is a fixed number of tokens. Training rows hold instances back to back after BOS; an item set holds one
instance a row, so that nothing before it can give the answer away. `chance` is what a guesser scores who knows the
form of the answer and nothing else: one over the number of possible answers.
"""

import abc
import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, final

import numpy as np
from jaxtyping import Int, UInt64

from scaling.pretrain.language import TOKEN_COUNT
from scaling.pretrain.random_words import below, distinct, weighted, words, zipf_weights

SYMBOL_COUNT = 32
FIRST_SYMBOL = TOKEN_COUNT
BOS, COPY, KV, FACT, PARITY, SORT, SEPARATOR, QUERY, BIT_0, BIT_1 = range(96, 106)
VOCABULARY_SIZE = 112
"""64 language tokens, 32 symbols, 16 controls of which 10 are used."""

Tokens = Int[np.ndarray, "item token"]


class AbstractSkill(abc.ABC):
    """A skill: how an instance is drawn, where its answer stands, and what a guess scores.

    - `name`: the task's name in the observations.
    - `instance_length`: tokens of an instance.
    - `word_count`: random words that an instance uses.
    - `answer`: places of the scored answer within an instance.
    - `possible_answers`: how many different answers the form allows.
    """

    name: ClassVar[str]
    instance_length: ClassVar[int]
    word_count: ClassVar[int]
    answer: ClassVar[slice]
    possible_answers: ClassVar[int]

    @abc.abstractmethod
    def draw(self, word: UInt64[np.ndarray, "item word"]) -> Tokens:
        """One instance a row of `word`."""

    def choices(self, instances: Tokens) -> Int[np.ndarray, "item choice"] | None:
        """Candidate answers of one token each, or None where the skill is not multiple choice."""
        del instances
        return None

    @property
    def answer_length(self) -> int:
        """Tokens of the scored answer."""
        return len(range(*self.answer.indices(self.instance_length)))


@final
@dataclass(frozen=True)
class Copy(AbstractSkill):
    """COPY s1 ... s8 SEPARATOR s1 ... s8, symbols drawn with replacement."""

    name = "copy"
    instance_length = 18
    word_count = 8
    answer = slice(10, 18)
    possible_answers = SYMBOL_COUNT**8

    def draw(self, word: UInt64[np.ndarray, "item word"]) -> Tokens:
        """Eight random symbols, twice."""
        symbols = FIRST_SYMBOL + below(word[:, :8], SYMBOL_COUNT)
        return _joined(COPY, symbols, SEPARATOR, symbols)


@final
@dataclass(frozen=True)
class KeyValue(AbstractSkill):
    """KV k1 v1 ... k4 v4, then QUERY k v for all four in random order; the first query is scored."""

    name = "kv"
    instance_length = 21
    word_count = 2 * SYMBOL_COUNT + 4
    answer = slice(11, 12)
    possible_answers = SYMBOL_COUNT

    def draw(self, word: UInt64[np.ndarray, "item word"]) -> Tokens:
        """Four pairs with different keys and different values."""
        keys = FIRST_SYMBOL + distinct(word[:, :SYMBOL_COUNT], 4)
        values = FIRST_SYMBOL + distinct(word[:, SYMBOL_COUNT : 2 * SYMBOL_COUNT], 4)
        order = distinct(word[:, 2 * SYMBOL_COUNT : self.word_count], 4)
        out = np.full((len(word), self.instance_length), QUERY, dtype=np.int64)
        out[:, 0] = KV
        out[:, 1:9:2], out[:, 2:9:2] = keys, values
        out[:, 10::3] = np.take_along_axis(keys, order, axis=1)
        out[:, 11::3] = np.take_along_axis(values, order, axis=1)
        return out

    def choices(self, instances: Tokens) -> Int[np.ndarray, "item choice"]:
        """The four values of the instance."""
        return instances[:, 2:9:2]


@final
@dataclass(frozen=True)
class FactRecall(AbstractSkill):
    """FACT e1 e2 v: which of 32 values belongs to each of 1,024 entities, entity r met in proportion to 1/r.

    Items are drawn as in training, so the score is the share of *mentions* answered rightly.

    - `seed`: which world the facts hold in.
    """

    seed: int

    name = "fact"
    instance_length = 4
    word_count = 1
    answer = slice(3, 4)
    possible_answers = SYMBOL_COUNT

    @cached_property
    def values(self) -> Int[np.ndarray, " entity"]:
        """The value of each entity, in [0, 32)."""
        return below(words(("facts", self.seed), SYMBOL_COUNT**2), SYMBOL_COUNT)

    @cached_property
    def _cumulative(self) -> Int[np.ndarray, " entity"]:
        return np.cumsum(zipf_weights(SYMBOL_COUNT**2, twice_exponent=2))

    def draw(self, word: UInt64[np.ndarray, "item word"]) -> Tokens:
        """One mention of a random entity, with its value."""
        entity = weighted(word[:, :1], self._cumulative)
        first, second = entity // SYMBOL_COUNT, entity % SYMBOL_COUNT
        return _joined(FACT, FIRST_SYMBOL + first, FIRST_SYMBOL + second, FIRST_SYMBOL + self.values[entity])


@final
@dataclass(frozen=True)
class Parity(AbstractSkill):
    """PARITY b1 ... b16 SEPARATOR p: whether the number of ones is odd. No network of this ladder learns it."""

    name = "parity"
    instance_length = 19
    word_count = 16
    answer = slice(18, 19)
    possible_answers = 2

    def draw(self, word: UInt64[np.ndarray, "item word"]) -> Tokens:
        """Sixteen random bits and their parity."""
        bits = below(word[:, :16], 2)
        odd = bits.sum(axis=1, keepdims=True) % 2
        return _joined(PARITY, BIT_0 + bits, SEPARATOR, BIT_0 + odd)

    def choices(self, instances: Tokens) -> Int[np.ndarray, "item choice"]:
        """Even or odd."""
        return np.broadcast_to(np.array([BIT_0, BIT_1]), (len(instances), 2))


@final
@dataclass(frozen=True)
class Sort(AbstractSkill):
    """SORT s1 ... s5 SEPARATOR, then the five different symbols in ascending order."""

    name = "sort"
    instance_length = 12
    word_count = SYMBOL_COUNT
    answer = slice(7, 12)
    possible_answers = math.comb(SYMBOL_COUNT, 5)

    def draw(self, word: UInt64[np.ndarray, "item word"]) -> Tokens:
        """Five different symbols, and sorted."""
        symbols = FIRST_SYMBOL + distinct(word[:, :SYMBOL_COUNT], 5)
        return _joined(SORT, symbols, SEPARATOR, np.sort(symbols, axis=1))


def all_skills(seed: int) -> dict[str, AbstractSkill]:
    """Every skill by name; `seed` fixes the facts."""
    skills: list[AbstractSkill] = [Copy(), KeyValue(), FactRecall(seed), Parity(), Sort()]
    return {skill.name: skill for skill in skills}


def _joined(*parts: int | Tokens) -> Tokens:
    """Columns side by side; a plain integer becomes a constant column."""
    count = next(len(part) for part in parts if not isinstance(part, int))
    columns = [np.full((count, 1), part, dtype=np.int64) if isinstance(part, int) else part for part in parts]
    return np.concatenate(columns, axis=1)
