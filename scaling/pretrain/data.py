"""Batches as a pure function of (seed, step): nothing about the data needs to be in a checkpoint.

A row is BOS and `sequence_length` tokens. The network reads all but the last and predicts all but the first.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Int, UInt8, UInt64

from scaling.pretrain.config import CorpusConfig
from scaling.pretrain.language import Language, make_language, words_per_row
from scaling.pretrain.random_words import Label, words
from scaling.pretrain.skills import BOS, AbstractSkill, all_skills

Rows = UInt8[np.ndarray, "row place"]


@final
@dataclass(frozen=True)
class Source:
    """Everything that rows are drawn from.

    - `config`: the corpus; `language` and `skills` follow from its seed.
    """

    config: CorpusConfig
    language: Language
    skills: dict[str, AbstractSkill]

    def batches(self, labels: list[Label]) -> UInt8[np.ndarray, "batch row place"]:
        """One batch a label, language rows first, then each skill's; the same label gives the same batch."""
        word = np.stack([words(label, self._words_per_batch) for label in labels])
        parts, start = [], 0
        for name, rows, per_row in self._layout:
            block = word[:, start : start + rows * per_row].reshape(len(labels) * rows, per_row)
            start += rows * per_row
            drawn = self._language_rows(block) if name == "language" else self._skill_rows(name, block)
            parts.append(drawn.reshape(len(labels), rows, -1))
        return np.concatenate(parts, axis=1)

    def training_batches(self, seed: int, *, first_step: int, count: int) -> UInt8[np.ndarray, "batch row place"]:
        """The batches of steps `first_step` ... `first_step + count - 1` of the run with this seed."""
        steps = range(first_step, first_step + count)
        return self.batches([("train", self.config.seed, seed, step) for step in steps])

    def validation_batches(self) -> UInt8[np.ndarray, "batch row place"]:
        """The fixed batches on which every run is validated; no training label can meet theirs."""
        return self.batches([("validation", self.config.seed, k) for k in range(self.config.validation_batches)])

    def skill_items(self, name: str, count: int) -> Int[np.ndarray, "item token"]:
        """The fixed instances that skill `name` is scored on."""
        skill = self.skills[name]
        drawn = words(("items", self.config.seed, name), count * skill.word_count)
        return skill.draw(drawn.reshape(count, skill.word_count))

    @cached_property
    def _layout(self) -> list[tuple[str, int, int]]:
        """Kind, rows of it in a batch, and random words that each row uses."""
        length, composition = self.config.sequence_length, self.config.composition
        kinds = [("language", composition.language_rows, words_per_row(length))]
        for name, rows in composition.skill_rows.items():
            skill = self.skills[name]
            kinds.append((name, rows, -(-length // skill.instance_length) * skill.word_count))
        return [kind for kind in kinds if kind[1]]

    @cached_property
    def _words_per_batch(self) -> int:
        return sum(rows * per_row for _, rows, per_row in self._layout)

    def _language_rows(self, word: UInt64[np.ndarray, "row word"]) -> Rows:
        return with_bos(self.language.sample(word, length=self.config.sequence_length))

    def _skill_rows(self, name: str, word: UInt64[np.ndarray, "row word"]) -> Rows:
        """Instances back to back, the last one cut off by the row's end."""
        skill = self.skills[name]
        instances = skill.draw(word.reshape(-1, skill.word_count)).reshape(len(word), -1)
        return with_bos(instances[:, : self.config.sequence_length])


def with_bos(tokens: Int[np.ndarray, "row token"]) -> Rows:
    """The tokens after BOS, one byte each."""
    return np.pad(tokens.astype(np.uint8), ((0, 0), (1, 0)), constant_values=BOS)


def make_source(config: CorpusConfig) -> Source:
    """The source of a corpus; building the language takes about a second."""
    return Source(config=config, language=make_language(config.seed), skills=all_skills(config.seed))
